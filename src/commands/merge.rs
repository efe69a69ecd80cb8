//! `krush merge`: the reports of several workers as one.

use std::io::Write as _;
use std::path::Path;

use super::load::written;
use super::same_file;
use crate::cli::MergeArgs;
use crate::error::{Error, Result};
use crate::report::{self, NotMergeable, Source, Style, table};

/// Runs it and returns the exit code of the merged verdict.
///
/// # Errors
/// A report that cannot be read or does not belong to the others, or a result that cannot be written.
pub fn merge(args: &MergeArgs) -> Result<u8> {
    if args.reports.len() < 2 {
        return Err(Error::Usage {
            message: format!(
                "one report is no set of workers: {}",
                args.reports[0].display()
            ),
            hint: Some("name the JSON reports of all workers".to_owned()),
        });
    }
    same_file::refuse(
        "--output",
        &args.output,
        &args.reports,
        "is a report that is merged",
    )?;
    same_file::refuse_twice(&args.output, "is named twice")?;
    report::check_outputs(&args.output)?;
    let sources: Vec<Source> = (args.reports.iter())
        .map(|path| source(path))
        .collect::<Result<_>>()?;
    let merged = report::merge(&sources).map_err(unfit)?;
    let files = report::write_named(&merged, &args.output, "merged");
    let style = Style::new(super::in_color(!args.no_color && !super::no_color_asked()));
    // A result that cannot be kept is at least shown.
    let shown = files.as_deref().unwrap_or_default();
    let text = if args.quiet {
        table::verdict_lines(&merged, shown, style)
    } else {
        table::render(&merged, shown, style)
    };
    written(std::io::stdout().lock().write_all(text.as_bytes()))?;
    files?;
    Ok(merged.verdict.exit_code)
}

fn source(path: &Path) -> Result<Source> {
    Ok(Source {
        name: path.display().to_string(),
        report: report::read(path)?,
    })
}

fn unfit(error: NotMergeable) -> Error {
    Error::Usage {
        message: error.to_string(),
        hint: Some(error.hint),
    }
}
