//! What `krush merge` takes.

use std::path::PathBuf;

use clap::ArgAction;
use clap::builder::BoolishValueParser;

/// Arguments of `krush merge`.
#[derive(clap::Args)]
pub struct MergeArgs {
    /// JSON reports of the workers, two or more
    #[arg(value_name = "REPORT", required = true, num_args = 1..)]
    pub reports: Vec<PathBuf>,
    /// Result file, formats as of load commands; repeatable [default: results/TIME-SCENARIO-merged.json]
    #[arg(
        long,
        short,
        env = "KRUSH_OUTPUT",
        hide_env_values = true,
        value_name = "FILE",
        value_delimiter = ','
    )]
    pub output: Vec<PathBuf>,
    /// Verdict lines and errors only
    #[arg(long, short, env = "KRUSH_QUIET", hide_env_values = true)]
    #[arg(value_parser = BoolishValueParser::new(), action = ArgAction::SetTrue)]
    pub quiet: bool,
    /// No colour; so does a variable NO_COLOR that is not empty
    #[arg(long, env = "KRUSH_NO_COLOR", hide_env_values = true)]
    #[arg(value_parser = BoolishValueParser::new(), action = ArgAction::SetTrue)]
    pub no_color: bool,
}
