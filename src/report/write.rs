//! Writes results to files: temp file and rename, so that nobody ever reads half a report.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::{Report, json, markdown};
use crate::error::{Error, Result};

/// Where results go if no file is named.
const FOLDER: &str = "results";

/// Writes the report to every file, the format by its extension, or to `results/TIME-SCENARIO.json` if there is none.
/// Returns what was written.
///
/// # Errors
/// Names the path that could not be written. All others are written all the same.
pub fn write(report: &Report, files: &[PathBuf]) -> Result<Vec<PathBuf>> {
    if files.is_empty() {
        return Ok(vec![write_default(report, Path::new(FOLDER))?]);
    }
    let mut failed = None;
    for path in files {
        let done = Format::of(path).and_then(|format| {
            replace(path, &format.text(report)).map_err(|source| output_error(path, source))
        });
        if let Err(error) = done {
            failed.get_or_insert(error);
        }
    }
    failed.map_or_else(|| Ok(files.to_vec()), Err)
}

/// Finds out before the load starts whether [`write`] will be able to.
///
/// # Errors
/// An extension without a format, or a folder that cannot be written to.
pub fn check_outputs(files: &[PathBuf]) -> Result<()> {
    if files.is_empty() {
        let folder = Path::new(FOLDER);
        fs::create_dir_all(folder).map_err(|source| output_error(folder, source))?;
        return try_folder(&folder.join("new")).map_err(|source| output_error(folder, source));
    }
    for path in files {
        Format::of(path)?;
        if path.is_dir() {
            return Err(output_error(path, io::ErrorKind::IsADirectory.into()));
        }
        try_folder(path).map_err(|source| output_error(path, source))?;
    }
    Ok(())
}

fn output_error(path: &Path, source: io::Error) -> Error {
    Error::Output {
        path: path.to_owned(),
        source,
    }
}

#[derive(Debug, Clone, Copy)]
enum Format {
    Json,
    Markdown,
}

impl Format {
    fn of(path: &Path) -> Result<Self> {
        let extension = path.extension().and_then(|extension| extension.to_str());
        match extension.map(str::to_ascii_lowercase).as_deref() {
            Some("json") => Ok(Self::Json),
            Some("md") => Ok(Self::Markdown),
            _ => Err(Error::Usage {
                message: format!(
                    "--output: no format goes by the ending of `{}`",
                    path.display()
                ),
                hint: Some("end the name in .json or .md".to_owned()),
            }),
        }
    }

    fn text(self, report: &Report) -> String {
        match self {
            Self::Json => json(report),
            Self::Markdown => markdown(report),
        }
    }
}

/// `2026-11-21T10-15-02-extreme.json` in `folder`; a name that is taken gets a number.
fn write_default(report: &Report, folder: &Path) -> Result<PathBuf> {
    fs::create_dir_all(folder).map_err(|source| output_error(folder, source))?;
    let stem = stem(report);
    let mut path = folder.join(format!("{stem}.json"));
    let mut number = 2;
    // Reserving the name first makes two runs in the same second get two files.
    while let Err(source) = fs::File::create_new(&path) {
        if source.kind() != io::ErrorKind::AlreadyExists {
            return Err(output_error(&path, source));
        }
        path = folder.join(format!("{stem}-{number}.json"));
        number += 1;
    }
    replace(&path, &json(report)).map_err(|source| {
        // The reservation is empty; leaving it would look like a result.
        let _ = fs::remove_file(&path);
        output_error(&path, source)
    })?;
    Ok(path)
}

fn stem(report: &Report) -> String {
    let seconds = report.started_at.get(..19).unwrap_or(&report.started_at);
    let name = format!("{seconds}-{}", report.plan.scenario);
    let portable = |c: char| match c {
        c if c.is_alphanumeric() || matches!(c, '-' | '_' | '.') => c,
        _ => '-',
    };
    name.chars().map(portable).collect()
}

/// The temp file beside `path`: a rename never crosses file systems.
fn temp_path(path: &Path) -> io::Result<PathBuf> {
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    let mut temp = std::ffi::OsString::from(".");
    temp.push(name);
    temp.push(format!(".{}.tmp", std::process::id()));
    Ok(path.with_file_name(temp))
}

fn replace(path: &Path, text: &str) -> io::Result<()> {
    let temp = temp_path(path)?;
    let written = fs::File::create(&temp).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.sync_all()
    });
    let renamed = written.and_then(|()| fs::rename(&temp, path));
    if renamed.is_err() {
        // The first error is the one to report.
        let _ = fs::remove_file(&temp);
    }
    renamed
}

fn try_folder(path: &Path) -> io::Result<()> {
    let temp = temp_path(path)?;
    fs::File::create(&temp)?;
    fs::remove_file(&temp)
}
