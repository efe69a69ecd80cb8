//! What `krush compare` takes.

use std::path::PathBuf;

use clap::builder::BoolishValueParser;
use clap::{ArgAction, Args};

use super::layered::value;
use crate::plan::Share;

/// Arguments of `krush compare`.
#[derive(Args)]
pub struct CompareArgs {
    /// Reports (JSON) of the baseline; several runs of it with commas between, A1.json,A2.json
    #[arg(value_name = "BASELINE")]
    pub baseline: PathBuf,
    /// Reports (JSON) of the run that is held against it; several with commas between
    #[arg(value_name = "RUN")]
    pub run: PathBuf,
    /// Change that matters [default: 5%]
    #[arg(long, env = "KRUSH_MARGIN", hide_env_values = true, value_name = "SHARE", value_parser = value::<Share>)]
    pub margin: Option<Share>,
    /// How much runs differ that only time separates (standard deviation), for every metric
    /// [default: that of shared machines, see docs/gate.md; with five runs or more: theirs]
    #[arg(long, env = "KRUSH_RUN_NOISE", hide_env_values = true, value_name = "SHARE", value_parser = value::<Share>)]
    pub run_noise: Option<Share>,
    /// Compare although plans, kinds of target or machines differ
    #[arg(long, env = "KRUSH_FORCE", hide_env_values = true)]
    #[arg(value_parser = BoolishValueParser::new(), action = ArgAction::SetTrue)]
    pub force: bool,
    /// Print the comparison as JSON
    #[arg(long, value_parser = BoolishValueParser::new(), action = ArgAction::SetTrue)]
    pub json: bool,
    /// Write the comparison to this file, the format by its ending: .md or .json; repeatable
    #[arg(long, short, value_name = "FILE", value_delimiter = ',')]
    pub output: Vec<PathBuf>,
    /// No colour; so does a variable NO_COLOR that is not empty
    #[arg(long, env = "KRUSH_NO_COLOR", hide_env_values = true)]
    #[arg(value_parser = BoolishValueParser::new(), action = ArgAction::SetTrue)]
    pub no_color: bool,
}
