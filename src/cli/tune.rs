//! What `krush tune` takes.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::ArgAction;
use clap::builder::BoolishValueParser;

use super::layered::value;
use super::load::LoadArgs;
use crate::units::parse_duration;
use crate::wire::Format;

/// Arguments of `krush tune`.
#[derive(clap::Args)]
pub struct TuneArgs {
    /// Scenario that says where the load goes and what a record looks like (TOML)
    #[arg(value_name = "FILE")]
    pub file: Option<PathBuf>,

    /// Records in a request that are tried, separated by commas
    #[arg(
        long,
        env = "KRUSH_TUNE_BATCH_SIZES",
        hide_env_values = true,
        value_name = "LIST"
    )]
    #[arg(
        help_heading = "Search",
        value_delimiter = ',',
        default_value = "1,10,100,1000"
    )]
    #[arg(value_parser = clap::value_parser!(u32).range(1..))]
    pub batch_sizes: Vec<u32>,

    /// Connections that are tried, separated by commas
    #[arg(
        long,
        env = "KRUSH_TUNE_CONNECTIONS",
        hide_env_values = true,
        value_name = "LIST"
    )]
    #[arg(
        help_heading = "Search",
        value_delimiter = ',',
        default_value = "1,8,50,200,500"
    )]
    #[arg(value_parser = clap::value_parser!(u32).range(1..))]
    pub connections: Vec<u32>,

    /// Formats that are tried: json or binary, or both separated by a comma [default: as --format]
    #[arg(
        long,
        env = "KRUSH_TUNE_FORMATS",
        hide_env_values = true,
        value_name = "LIST"
    )]
    #[arg(help_heading = "Search", value_delimiter = ',', value_parser = value::<Format>)]
    pub formats: Vec<Format>,

    /// First look at each shape: so many requests (two for each connection at least), or a time such as 2s
    #[arg(
        long,
        env = "KRUSH_TUNE_BUDGET",
        hide_env_values = true,
        value_name = "N|TIME"
    )]
    #[arg(help_heading = "Search", default_value = "100")]
    pub budget: Budget,

    /// Print the result as JSON
    #[arg(
        long,
        env = "KRUSH_TUNE_JSON",
        hide_env_values = true,
        help_heading = "Output"
    )]
    #[arg(value_parser = BoolishValueParser::new(), action = ArgAction::SetTrue)]
    pub json: bool,

    /// The shared flags.
    #[command(flatten)]
    pub load: LoadArgs,
}

/// How long the first look at a shape is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Budget {
    /// Requests, or two for each connection if that is more.
    Requests(u32),
    /// Time.
    Time(Duration),
}

impl FromStr for Budget {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wanted = || {
            format!("`{text}` is not a budget: write requests such as 100, or a time such as 2s")
        };
        if let Ok(requests) = text.replace('_', "").parse::<u32>() {
            return (requests > 0)
                .then_some(Self::Requests(requests))
                .ok_or_else(wanted);
        }
        let time = parse_duration(text).map_err(|_| wanted())?;
        (time >= Duration::from_millis(10))
            .then_some(Self::Time(time))
            .ok_or_else(wanted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_is_requests_or_a_time() {
        assert_eq!("100".parse(), Ok(Budget::Requests(100)));
        assert_eq!("1_000".parse(), Ok(Budget::Requests(1_000)));
        assert_eq!("2s".parse(), Ok(Budget::Time(Duration::from_secs(2))));
        for text in ["", "0", "0s", "fast", "-1"] {
            let error = text.parse::<Budget>().expect_err(text);
            assert!(error.contains("such as 100"), "{error}");
        }
    }
}
