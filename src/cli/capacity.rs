//! What `krush capacity` takes.

use std::path::PathBuf;
use std::time::Duration;

use clap::ArgAction;
use clap::builder::BoolishValueParser;

use super::layered::value;
use super::load::LoadArgs;
use crate::plan::{Share, Threshold};
use crate::units::Rate;

/// Reads what must hold: unlike a threshold, which says when a run fails.
fn slo(text: &str) -> Result<Threshold, String> {
    text.parse().map_err(|_| {
        format!("`{text}` is no limit of latency: write what must hold, such as `p95 < 500ms`")
    })
}

/// Arguments of `krush capacity`.
#[derive(clap::Args)]
pub struct CapacityArgs {
    /// Scenario that says where the load goes, what a record looks like and over how many connections (TOML)
    #[arg(value_name = "FILE")]
    pub file: Option<PathBuf>,

    /// What must hold, such as `p95 < 500ms` or `p99 < 1s`; --max-p95 says the same for P95
    #[arg(
        long,
        env = "KRUSH_CAPACITY_SLO",
        hide_env_values = true,
        value_name = "EXPR"
    )]
    #[arg(help_heading = "Search", value_parser = slo)]
    pub slo: Option<Threshold>,

    /// Least share of the records that must be acked
    #[arg(
        long,
        env = "KRUSH_CAPACITY_MIN_SUCCESS",
        hide_env_values = true,
        value_name = "SHARE"
    )]
    #[arg(help_heading = "Search", default_value = "99.9%", value_parser = value::<Share>)]
    pub min_success: Share,

    /// Rate of the first step, such as 1k/s
    #[arg(
        long,
        env = "KRUSH_CAPACITY_START",
        hide_env_values = true,
        value_name = "RATE"
    )]
    #[arg(help_heading = "Search", default_value = "1000/s", value_parser = value::<Rate>)]
    pub start: Rate,

    /// Highest rate that is tried, in the overload too
    #[arg(
        long,
        env = "KRUSH_CAPACITY_MAX_RATE",
        hide_env_values = true,
        value_name = "RATE"
    )]
    #[arg(help_heading = "Search", value_parser = value::<Rate>)]
    pub max_rate: Option<Rate>,

    /// How near the rate that is found is to the next one that misses
    #[arg(
        long,
        env = "KRUSH_CAPACITY_PRECISION",
        hide_env_values = true,
        value_name = "SHARE"
    )]
    #[arg(help_heading = "Search", default_value = "5%", value_parser = value::<Share>)]
    pub precision: Share,

    /// How long a step lasts at least; longer where its percentile needs it
    #[arg(
        long,
        env = "KRUSH_CAPACITY_STEP",
        hide_env_values = true,
        value_name = "TIME"
    )]
    #[arg(help_heading = "Search", default_value = "5s", value_parser = value::<Duration>)]
    pub step: Duration,

    /// How long twice the rate that is found is offered; 0s: not at all
    #[arg(
        long,
        env = "KRUSH_CAPACITY_OVERLOAD",
        hide_env_values = true,
        value_name = "TIME"
    )]
    #[arg(help_heading = "Search", default_value = "10s", value_parser = value::<Duration>)]
    pub overload: Duration,

    /// Print the result as JSON
    #[arg(
        long,
        env = "KRUSH_CAPACITY_JSON",
        hide_env_values = true,
        help_heading = "Output"
    )]
    #[arg(value_parser = BoolishValueParser::new(), action = ArgAction::SetTrue)]
    pub json: bool,

    /// The shared flags.
    #[command(flatten)]
    pub load: LoadArgs,
}
