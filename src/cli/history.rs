//! What `krush history` takes.

use std::path::PathBuf;

use crate::plan::DEFAULT_HISTORY;

/// Arguments of `krush history`.
#[derive(clap::Args)]
pub struct HistoryArgs {
    /// File of the history
    #[arg(long, short, env = "KRUSH_HISTORY", hide_env_values = true, value_name = "FILE", default_value = DEFAULT_HISTORY)]
    pub file: PathBuf,

    /// Only runs of this scenario
    #[arg(long, short, value_name = "NAME")]
    pub scenario: Option<String>,

    /// Only runs against this kind of target (rest-proxy, stand-in, stand-in-kafka) or this URL
    #[arg(long, short, value_name = "KIND|URL")]
    pub target: Option<String>,

    /// List the latest runs of each trend [default: 20]
    #[arg(long, short = 'n', value_name = "N", value_parser = clap::value_parser!(u32).range(1..), conflicts_with = "all")]
    pub last: Option<u32>,

    /// List all runs
    #[arg(long, short)]
    pub all: bool,

    /// Print JSON: every trend with its runs, record and changes
    #[arg(long)]
    pub json: bool,

    /// Write a page for people to this file: every trend with its chart, record, changes and runs
    #[arg(long, value_name = "FILE", conflicts_with = "json")]
    pub html: Option<PathBuf>,

    /// Add reports (JSON) that are not listed yet
    #[arg(long, value_name = "REPORT", num_args = 1.., conflicts_with_all = ["html", "json", "last", "all", "scenario", "target"])]
    pub add: Vec<PathBuf>,

    /// No colour
    #[arg(long, env = "KRUSH_NO_COLOR", hide_env_values = true)]
    pub no_color: bool,
}
