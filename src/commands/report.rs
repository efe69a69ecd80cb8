//! `krush report`: other formats from reports that are there.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use crate::cli::ReportArgs;
use crate::error::{Error, Result, exit};
use crate::report::formats::{FORMATS, Format};
use crate::report::{self, MOST_RUNS, Report, Style, table};

use super::load::written;
use super::same_file;

/// Characters of a name made of others that any file system takes, its ending not counted.
const LONGEST_NAME: usize = 120;

/// Stands for standard output.
const STDOUT: &str = "-";

/// Runs it and returns the exit code, which is that of the command, not of the runs.
///
/// # Errors
/// A file that is no report, a format that cannot hold what was asked for, or a file that cannot be written.
pub fn report(args: &ReportArgs) -> Result<u8> {
    let reports: Vec<Report> = args
        .files
        .iter()
        .map(|file| report::read(file))
        .collect::<Result<_>>()?;
    let reports: Vec<&Report> = reports.iter().collect();
    let flags: Vec<&Format> = FORMATS
        .iter()
        .filter(|format| args.formats.0.contains(&format.ending))
        .collect();
    match (&flags[..], &args.output) {
        ([], None) => print(&terminal(args, &reports)?),
        (flags, None) => beside(args, flags, &reports),
        (flags, Some(output)) => to(args, one_format(flags, output)?, output, &reports),
    }
}

/// The format of a named output: the flag's, or that of the file's ending.
fn one_format(flags: &[&'static Format], output: &Path) -> Result<&'static Format> {
    match flags {
        [format] => Ok(format),
        [] if output == Path::new(STDOUT) => Err(Error::Usage {
            message: "--output -: nothing says in which format".to_owned(),
            hint: Some("add a format, such as --markdown".to_owned()),
        }),
        [] => Format::of(output),
        several => Err(Error::Usage {
            message: format!("--output: one file for {} formats", several.len()),
            hint: Some(
                "leave out --output to write each beside the report, or name one format".to_owned(),
            ),
        }),
    }
}

fn to(args: &ReportArgs, format: &Format, output: &Path, reports: &[&Report]) -> Result<u8> {
    holds(format, reports)?;
    let text = format.text_of_files(reports, &labels(&args.files));
    if output == Path::new(STDOUT) {
        return print(&text);
    }
    not_over(&args.files, output)?;
    report::write_text(&text, output)?;
    print(&format!("{}\n", output.display()))
}

/// Each format in a file beside the first report, by the names of all, or beside each if it holds one run only.
fn beside(args: &ReportArgs, formats: &[&Format], reports: &[&Report]) -> Result<u8> {
    let mut files: Vec<(PathBuf, &Format, &[&Report])> = Vec::new();
    for format in formats {
        let path = |file: &Path| file.with_extension(format.ending.trim_start_matches('.'));
        if format.takes_several() {
            holds(format, reports)?;
            files.push((path(&together(&args.files)), format, reports));
        } else {
            let each = args.files.iter().zip(reports.chunks(1));
            files.extend(each.map(|(file, one)| (path(file), *format, one)));
        }
    }
    // All of them before the first is written.
    let paths: Vec<PathBuf> = files.iter().map(|(path, ..)| path.clone()).collect();
    for path in &paths {
        not_over(&args.files, path)?;
    }
    same_file::refuse_twice(&paths, "would be written for two reports")?;
    let mut lines = Vec::new();
    for (path, format, reports) in files {
        report::write_text(&format.text_of_files(reports, &labels(&args.files)), &path)?;
        lines.push(path.display().to_string());
    }
    lines.push(String::new());
    print(&lines.join("\n"))
}

/// Never over what is read: it would be lost.
fn not_over(reports: &[PathBuf], output: &Path) -> Result<()> {
    let output = [output.to_owned()];
    same_file::refuse("--output", &output, reports, "is one of the reports")
}

/// Where a file about all of these goes: beside the first, by the names of all (`a.json`, `b.json`: `a-b`).
fn together(files: &[PathBuf]) -> PathBuf {
    let stem = |file: &PathBuf| {
        file.file_stem()
            .map(|stem| stem.to_string_lossy().into_owned())
    };
    let stems: Vec<String> = files.iter().filter_map(stem).collect();
    let mut name = stems.join("-");
    if name.len() > LONGEST_NAME {
        name = format!("{}-and-{}-more", stems[0], stems.len() - 1);
    }
    // The ending is put in the place of this one, so that a dot in a name stays.
    files[0].with_file_name(name + ".json")
}

/// What the files are called where runs are told apart: by their names, or as typed if two have the same.
fn labels(files: &[PathBuf]) -> Vec<String> {
    let name = |file: &PathBuf| {
        file.file_name()
            .map(|name| name.to_string_lossy().into_owned())
    };
    let names: Vec<String> = files.iter().filter_map(name).collect();
    let distinct: BTreeSet<&String> = names.iter().collect();
    if distinct.len() == files.len() {
        return names;
    }
    files
        .iter()
        .map(|file| file.display().to_string())
        .collect()
}

/// A page has a line style for so many runs; other formats hold one run, or any number.
fn holds(format: &Format, reports: &[&Report]) -> Result<()> {
    let (most, hint) = match format.ending {
        ".html" => (MOST_RUNS, "name fewer reports"),
        _ if format.takes_several() => return Ok(()),
        _ => (1, "leave out --output to write one beside each report"),
    };
    few_enough(format.ending, reports, most, hint)
}

fn few_enough(what: &str, reports: &[&Report], most: usize, hint: &str) -> Result<()> {
    if reports.len() <= most {
        return Ok(());
    }
    let runs = crate::units::counted(most as u64, "run", "runs");
    Err(Error::Usage {
        message: format!(
            "{what} holds at most {runs}, there are {} reports",
            reports.len()
        ),
        hint: Some(hint.to_owned()),
    })
}

/// The table of one run, or several side by side.
fn terminal(args: &ReportArgs, reports: &[&Report]) -> Result<String> {
    let color = !args.no_color && !super::no_color_asked();
    let style = Style::new(super::in_color(color));
    if let [report] = reports {
        return Ok(table::render(report, &[], style));
    }
    few_enough(
        "a table",
        reports,
        MOST_RUNS,
        "name fewer reports, or make --csv",
    )?;
    Ok(report::side_by_side(reports, &labels(&args.files), style))
}

fn print(text: &str) -> Result<u8> {
    let mut out = std::io::stdout().lock();
    written(out.write_all(text.as_bytes()).and_then(|()| out.flush()))?;
    Ok(exit::PASS)
}
