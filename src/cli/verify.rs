//! `krush verify`: what was typed.

use std::path::PathBuf;

use clap::builder::BoolishValueParser;
use clap::{ArgAction, Args};

use super::target::ControlArgs;

/// Arguments of `krush verify`.
#[derive(Clone, Args)]
pub struct VerifyArgs {
    /// Report of the run to audit (JSON)
    #[arg(value_name = "REPORT")]
    pub report: PathBuf,
    /// Target flags; without --url, the first one that the run had.
    #[command(flatten)]
    pub control: ControlArgs,
    /// Write the report again, with the audit in it, to this file
    #[arg(
        long,
        short,
        env = "KRUSH_OUTPUT",
        hide_env_values = true,
        value_name = "FILE",
        value_delimiter = ','
    )]
    pub output: Vec<PathBuf>,
    /// Print the audit as JSON
    #[arg(long, value_parser = BoolishValueParser::new(), action = ArgAction::SetTrue)]
    pub json: bool,
    /// No progress, and the first line of the result only
    #[arg(long, short, env = "KRUSH_QUIET", hide_env_values = true)]
    #[arg(value_parser = BoolishValueParser::new(), action = ArgAction::SetTrue)]
    pub quiet: bool,
    /// No colour; so does a variable NO_COLOR that is not empty
    #[arg(long, env = "KRUSH_NO_COLOR", hide_env_values = true)]
    #[arg(value_parser = BoolishValueParser::new(), action = ArgAction::SetTrue)]
    pub no_color: bool,
}
