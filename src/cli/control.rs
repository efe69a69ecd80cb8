//! `krush topics`, `krush status`: what was typed.

use std::time::Duration;

use clap::{Args, Subcommand};

use super::layered::Layered;
use super::target::ControlArgs;
use crate::standin::backend::topic_name_is_valid;
use crate::units::{ByteSize, Rate, parse_duration};

/// Arguments of `krush topics`.
#[derive(Args)]
#[command(subcommand_required = true, arg_required_else_help = true)]
pub struct TopicsArgs {
    /// What to do with them.
    #[command(subcommand)]
    pub verb: TopicsVerb,
}

/// The verbs of `krush topics`.
#[derive(Subcommand)]
pub enum TopicsVerb {
    /// Names and partitions of all topics
    List(ListArgs),
    /// Partitions, leaders, offsets, record counts and configuration of a topic
    Describe(DescribeArgs),
    /// Create a topic; one that is already as asked for is left alone
    Create(CreateArgs),
    /// Delete topics and all their records, without asking
    Delete(DeleteArgs),
    /// How many partitions a topic needs for a rate, from what one partition does
    Size(SizeArgs),
}

impl TopicsVerb {
    /// The arguments that say where the target is.
    pub(super) fn layered(&mut self) -> &mut dyn Layered {
        match self {
            Self::List(args) => &mut args.control,
            Self::Describe(args) => &mut args.control,
            Self::Create(args) => &mut args.control,
            Self::Delete(args) => &mut args.control,
            Self::Size(args) => &mut args.control,
        }
    }
}

/// Arguments of `krush topics list`.
#[derive(Args)]
pub struct ListArgs {
    /// Count the records too: two requests to Kafka for each partition
    #[arg(long)]
    pub records: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Where the target is.
    #[command(flatten)]
    pub control: ControlArgs,
}

/// Arguments of `krush topics describe`.
#[derive(Args)]
pub struct DescribeArgs {
    /// Topic to describe
    #[arg(value_name = "TOPIC", value_parser = topic_name)]
    pub topic: String,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Where the target is.
    #[command(flatten)]
    pub control: ControlArgs,
}

/// Arguments of `krush topics create`.
#[derive(Args)]
pub struct CreateArgs {
    /// Topic to create
    #[arg(value_name = "TOPIC", value_parser = topic_name)]
    pub topic: String,
    /// Partitions [default: the server's choice]
    #[arg(
        long,
        value_name = "N",
        env = "KRUSH_PARTITIONS",
        hide_env_values = true
    )]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub partitions: Option<u32>,
    /// Copies of each partition [default: the server's choice]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=32_767))]
    pub replication: Option<u16>,
    /// Setting of the topic by Kafka's name, such as retention.ms=3600000; repeatable
    #[arg(long = "config", value_name = "NAME=VALUE", value_parser = config)]
    pub configs: Vec<(String, String)>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Where the target is.
    #[command(flatten)]
    pub control: ControlArgs,
}

/// Arguments of `krush topics delete`.
#[derive(Args)]
pub struct DeleteArgs {
    /// Topics to delete
    #[arg(value_name = "TOPIC", required = true, value_parser = topic_name)]
    pub topics: Vec<String>,
    /// A topic that does not exist is no error
    #[arg(long)]
    pub if_exists: bool,
    /// Where the target is.
    #[command(flatten)]
    pub control: ControlArgs,
}

/// Arguments of `krush status`.
#[derive(Args)]
pub struct StatusArgs {
    /// How long each call may take
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = limit)]
    pub timeout: Duration,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Where the target is.
    #[command(flatten)]
    pub control: ControlArgs,
}

/// A name that Kafka takes for a topic.
pub(super) fn topic_name(text: &str) -> Result<String, String> {
    if topic_name_is_valid(text) {
        return Ok(text.to_owned());
    }
    let shown: String = text.chars().take(60).collect();
    let shown = shown.escape_debug();
    Err(format!(
        "`{shown}` is not a topic name: write 1 to 249 of a-z A-Z 0-9 . _ -, and not . or .."
    ))
}

/// A limit that something can be done in.
pub(super) fn limit(text: &str) -> Result<Duration, String> {
    match parse_duration(text)? {
        Duration::ZERO => Err(format!(
            "`{text}` is no time at all: write a duration such as 5s"
        )),
        limit => Ok(limit),
    }
}

fn config(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() => {
            Ok((name.trim().to_owned(), value.to_owned()))
        }
        _ => Err(format!(
            "`{text}` is not a setting: write NAME=VALUE, such as retention.ms=3600000"
        )),
    }
}

/// Arguments of `krush lag`.
#[derive(Args)]
pub struct LagArgs {
    /// Consumer group to look at
    #[arg(long, value_name = "NAME", env = "KRUSH_GROUP", hide_env_values = true)]
    #[arg(value_parser = group_name)]
    pub group: String,
    /// Only this topic; repeatable [default: all that the group has committed offsets of]
    #[arg(long = "topic", value_name = "NAME", value_delimiter = ',', value_parser = topic_name)]
    pub topics: Vec<String>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Where the target is.
    #[command(flatten)]
    pub control: ControlArgs,
}

/// A group's name may be anything but empty.
pub(super) fn group_name(text: &str) -> Result<String, String> {
    match text {
        "" => Err("an empty name is no group".to_owned()),
        name => Ok(name.to_owned()),
    }
}

/// Arguments of `krush topics size`.
#[derive(Args)]
pub struct SizeArgs {
    /// Records per second that the topic shall carry, such as 50k/s
    #[arg(long, value_name = "RATE")]
    pub target: Rate,
    /// What one partition takes, if it is known, such as 12k/s [default: measured]
    #[arg(long, value_name = "RATE")]
    pub produce_rate: Option<Rate>,
    /// What one consumer reads from one partition, if it is known, such as 20k/s [default: measured]
    #[arg(long, value_name = "RATE")]
    pub consume_rate: Option<Rate>,
    /// How long each is measured
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = limit)]
    pub duration: Duration,
    /// Records in a request
    #[arg(long, short, value_name = "N", default_value_t = 1_000)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub batch_size: u32,
    /// Connections that produce
    #[arg(long, short, value_name = "N", default_value_t = 8)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub concurrency: u32,
    /// Size of a record's payload text
    #[arg(long, value_name = "SIZE", default_value = "200B")]
    pub message_size: ByteSize,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Where the target is.
    #[command(flatten)]
    pub control: ControlArgs,
}
