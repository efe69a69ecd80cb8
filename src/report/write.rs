//! Writes results to files: temp file and rename, so that nobody ever reads half a report.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::formats::Format;
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
    write_as(report, files, "")
}

/// The same, with `-WHAT` behind the scenario in the default name.
///
/// # Errors
/// As those of [`write()`].
pub fn write_named(report: &Report, files: &[PathBuf], what: &str) -> Result<Vec<PathBuf>> {
    write_as(report, files, &format!("-{what}"))
}

fn write_as(report: &Report, files: &[PathBuf], what: &str) -> Result<Vec<PathBuf>> {
    if files.is_empty() {
        return Ok(vec![write_default(report, Path::new(FOLDER), what)?]);
    }
    let mut failed = None;
    for path in files {
        let done = Format::of(path).and_then(|format| {
            replace(path, &format.text(&[report])).map_err(|source| output_error(path, source))
        });
        if let Err(error) = done {
            failed.get_or_insert(error);
        }
    }
    failed.map_or_else(|| Ok(files.to_vec()), Err)
}

/// Writes a text to a file in one piece: nobody ever reads half of it.
///
/// # Errors
/// Names the path.
pub fn write_text(text: &str, path: &Path) -> Result<()> {
    replace(path, text).map_err(|source| output_error(path, source))
}

/// Adds the report as Markdown to a file that collects those of several runs, a blank line between them.
///
/// # Errors
/// Names the path that could not be written.
pub fn append_markdown(report: &Report, path: &Path) -> Result<()> {
    let append = || {
        let mut file = fs::File::options().append(true).create(true).open(path)?;
        let between = if file.metadata()?.len() > 0 { "\n" } else { "" };
        // In one piece, so that runs side by side do not mix.
        file.write_all(format!("{between}{}", markdown(report)).as_bytes())
    };
    append().map_err(|source| output_error(path, source))
}

/// Finds out before the load starts whether [`write()`] will be able to.
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

/// `2026-11-21T10-15-02-extreme.json` in `folder`; a name that is taken gets a number.
fn write_default(report: &Report, folder: &Path, what: &str) -> Result<PathBuf> {
    fs::create_dir_all(folder).map_err(|source| output_error(folder, source))?;
    let stem = format!("{}{what}", stem(report));
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

#[cfg(test)]
mod tests {
    use super::super::{junit, samples};
    use super::*;

    fn report() -> Report {
        samples::report(&samples::good())
    }

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_second_run_in_the_same_second_gets_a_name_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let results = folder.path().join("results");
        let first = write_default(&report(), &results, "").unwrap();
        let text = fs::read_to_string(&first).unwrap();
        fs::write(&first, "the first run").unwrap();
        let second = write_default(&report(), &results, "").unwrap();
        assert_eq!(
            names(&results),
            [
                "2026-11-21T10-15-02-extreme-2.json",
                "2026-11-21T10-15-02-extreme.json"
            ]
        );
        assert_eq!(fs::read_to_string(&first).unwrap(), "the first run");
        assert_eq!(fs::read_to_string(&second).unwrap(), text);
        assert_eq!(serde_json::from_str::<Report>(&text).unwrap(), report());
    }

    #[test]
    fn a_scenario_name_cannot_leave_the_folder() {
        let mut report = report();
        report.plan.scenario = "../my run: a/b".to_owned();
        assert_eq!(stem(&report), "2026-11-21T10-15-02-..-my-run--a-b");
    }

    #[test]
    fn the_format_goes_by_the_ending_and_old_files_are_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let files = ["a.json", "b.MD", "c.xml"].map(|name| folder.path().join(name));
        fs::write(&files[0], "old").unwrap();
        check_outputs(&files).unwrap();
        assert_eq!(fs::read_to_string(&files[0]).unwrap(), "old");
        assert_eq!(write(&report(), &files).unwrap(), files);
        assert_eq!(fs::read_to_string(&files[0]).unwrap(), json(&report()));
        assert_eq!(fs::read_to_string(&files[1]).unwrap(), markdown(&report()));
        assert_eq!(fs::read_to_string(&files[2]).unwrap(), junit(&report()));
        assert_eq!(names(folder.path()), ["a.json", "b.MD", "c.xml"]);
    }

    #[test]
    fn reports_add_up_in_a_file_that_collects_them() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("summary.md");
        append_markdown(&report(), &path).unwrap();
        let one = markdown(&report());
        assert_eq!(fs::read_to_string(&path).unwrap(), one);
        append_markdown(&report(), &path).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), format!("{one}\n{one}"));
        let error = append_markdown(&report(), folder.path()).unwrap_err();
        let named = folder.path().display().to_string();
        assert!(error.to_string().contains(&named), "{error}");
    }

    #[test]
    fn errors_name_the_path_before_and_after_the_run() {
        let folder = tempfile::tempdir().unwrap();
        let shown = |error: Error| {
            let text = error
                .to_string()
                .replace(&folder.path().display().to_string(), "FOLDER");
            format!(
                "{} {text} [{}]",
                error.exit_code(),
                error.hint().unwrap_or("-")
            )
        };
        let bad = folder.path().join("run.xlsx");
        let missing = folder.path().join("none/run.json");
        let good = folder.path().join("good.json");
        fs::create_dir(folder.path().join("dir.json")).unwrap();
        let lines = [
            shown(check_outputs(std::slice::from_ref(&bad)).unwrap_err()),
            shown(check_outputs(std::slice::from_ref(&missing)).unwrap_err()),
            shown(check_outputs(&[folder.path().join("dir.json")]).unwrap_err()),
            shown(write(&report(), &[missing, good.clone()]).unwrap_err()),
        ];
        assert!(good.exists(), "the other files are written all the same");
        insta::assert_snapshot!(lines.join("\n"), @"
        2 --output: no format goes by the ending of `FOLDER/run.xlsx` [end the name in .json, .html, .md, .xml, .csv, .timeline.csv, .prom, .hgrm, .hlog, .bencher.json, .bigger.json or .smaller.json]
        2 cannot write FOLDER/none/run.json: No such file or directory (os error 2) [make the folder writable, or name another path with --output]
        2 cannot write FOLDER/dir.json: is a directory [make the folder writable, or name another path with --output]
        2 cannot write FOLDER/none/run.json: No such file or directory (os error 2) [make the folder writable, or name another path with --output]
        ");
        assert_eq!(names(folder.path()), ["dir.json", "good.json"]);
    }
}
