//! `krush compare`: runs that are over, held against each other.

use std::path::{Path, PathBuf};

use super::baseline::{Side, compared};
use super::load::written;
use super::same_file;
use crate::cli::CompareArgs;
use crate::error::{Error, Result};
use crate::gate::{Compared, How};
use crate::plan::{MARGIN_HINT, RUN_NOISE_HINT, margin_of, run_noise_of};
use crate::report::{self, Style};

/// Compares the reports and returns the exit code.
///
/// # Errors
/// A report that cannot be read, or runs that cannot be compared.
pub fn compare(args: &CompareArgs) -> Result<u8> {
    for path in &args.output {
        Ending::of(path)?;
    }
    let refused = |flag: &str, message: String, hint: &str| Error::Usage {
        message: format!("{flag}: {message}"),
        hint: Some(hint.to_owned()),
    };
    let how = How {
        margin: margin_of(args.margin)
            .map_err(|message| refused("--margin", message, MARGIN_HINT))?,
        force: args.force,
        run_noise: run_noise_of(args.run_noise)
            .map_err(|message| refused("--run-noise", message, RUN_NOISE_HINT))?,
    };
    let (baseline, run) = (
        Side::read(&args.baseline, "BASELINE")?,
        Side::read(&args.run, "RUN")?,
    );
    let inputs: Vec<PathBuf> = [&baseline, &run]
        .into_iter()
        .flat_map(Side::paths)
        .collect();
    let what = "is one of the reports that are compared";
    same_file::refuse("--output", &args.output, &inputs, what)?;
    same_file::refuse_twice(&args.output, "is named twice")?;
    let compared = compared(&baseline, &run, &how)?;
    let source = run.sources();
    let mut kept = Vec::new();
    let mut wrote = Ok(());
    for path in &args.output {
        match report::write_text(&Ending::of(path)?.text(&compared, &source), path) {
            Ok(()) => kept.push(path.clone()),
            Err(error) => wrote = wrote.and(Err(error)),
        }
    }
    let text = if args.json {
        report::json_of(&compared)
    } else {
        let style = Style::new(super::in_color(!args.no_color && !super::no_color_asked()));
        report::compared(&compared, &source, &kept, style)
    };
    // A result that cannot be kept is at least shown.
    written(super::say(&text))?;
    wrote?;
    Ok(compared.outcome.exit_code())
}

enum Ending {
    Json,
    Markdown,
}

impl Ending {
    fn of(path: &Path) -> Result<Self> {
        let ending = path.extension().and_then(|ending| ending.to_str());
        match ending.map(str::to_ascii_lowercase).as_deref() {
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

    fn text(&self, compared: &Compared, run: &str) -> String {
        match self {
            Self::Json => report::json_of(compared),
            Self::Markdown => report::compared_markdown(compared, run),
        }
    }
}
