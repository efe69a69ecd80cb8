//! `krush monitor`: what was typed.

use std::time::Duration;

use clap::builder::BoolishValueParser;
use clap::{ArgAction, Args};

use super::control::{group_name, limit, topic_name};
use super::target::ControlArgs;

/// Arguments of `krush monitor`.
#[derive(Args)]
#[expect(clippy::struct_excessive_bools, reason = "they are switches")]
pub struct MonitorArgs {
    /// Topic to watch; repeatable [default: those that are not internal, up to 8]
    #[arg(
        long = "topic",
        value_name = "NAME",
        env = "KRUSH_TOPIC",
        hide_env_values = true
    )]
    #[arg(value_delimiter = ',', value_parser = topic_name)]
    pub topics: Vec<String>,
    /// Consumer group whose lag is watched; repeatable
    #[arg(
        long = "group",
        value_name = "NAME",
        env = "KRUSH_GROUP",
        hide_env_values = true
    )]
    #[arg(value_parser = group_name)]
    pub groups: Vec<String>,
    /// Produce one small record to this topic every interval, and show how long that takes
    #[arg(long, value_name = "TOPIC", value_parser = topic_name)]
    pub canary: Option<String>,
    /// Time between two looks
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = interval)]
    pub interval: Duration,
    /// Limit for a look, and for a record of the canary
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = limit)]
    pub timeout: Duration,
    /// Producers are silent if no record came for this long
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = limit)]
    pub silent_after: Duration,
    /// Look twice, one interval apart, and print what was seen
    #[arg(long, conflicts_with = "samples")]
    pub once: bool,
    /// End after so many lines of each topic
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub samples: Option<u64>,
    /// End after this time
    #[arg(long, value_name = "TIME", value_parser = limit)]
    pub duration: Option<Duration>,
    /// Print JSON, one object a line for each look
    #[arg(long)]
    pub json: bool,
    /// No block characters, for terminals that do not show them [default: if the locale is not UTF-8]
    #[arg(long)]
    pub ascii: bool,
    /// No colour
    #[arg(long, env = "KRUSH_NO_COLOR", value_parser = BoolishValueParser::new(), action = ArgAction::SetTrue)]
    pub no_color: bool,
    /// Where the target is.
    #[command(flatten)]
    pub control: ControlArgs,
}

/// An interval that a server can stand.
fn interval(text: &str) -> Result<Duration, String> {
    const SHORTEST: Duration = Duration::from_millis(100);
    match limit(text)? {
        interval if interval < SHORTEST => {
            Err(format!("`{text}` is too short an interval: at least 100ms"))
        }
        interval => Ok(interval),
    }
}
