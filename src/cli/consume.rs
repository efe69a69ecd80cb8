//! `krush consume`: what was typed.

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::BoolishValueParser;
use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{ArgAction, ArgMatches, Args, ValueEnum};

use super::layered::Layered;
use super::load::LoadArgs;
use super::target::ControlArgs;
use crate::units::{ByteSize, Rate, parse_duration};

/// Read records with consumer instances of the v2 API, and measure it.
#[derive(Args, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "they are switches")]
pub struct ConsumeArgs {
    /// Where they are, and how the server is spoken to.
    #[command(flatten)]
    pub control: ControlArgs,

    /// What is read, and by whom.
    #[command(flatten)]
    pub reading: ReadingArgs,

    /// Topic to read; repeatable [default: performance-test]
    #[arg(
        long,
        env = "KRUSH_TOPIC",
        hide_env_values = true,
        value_name = "NAME",
        value_delimiter = ','
    )]
    #[arg(help_heading = "Reading")]
    pub topic: Vec<String>,

    /// Read all topics whose whole name matches this regular expression, instead of --topic
    #[arg(long, value_name = "REGEX", help_heading = "Reading")]
    pub pattern: Option<String>,

    /// Consumer group [default: a new one, krush-XXXXX, which nothing else reads]
    #[arg(
        long,
        env = "KRUSH_GROUP",
        hide_env_values = true,
        value_name = "NAME",
        help_heading = "Reading"
    )]
    pub group: Option<String>,

    /// Where to begin in a partition of which the group has committed nothing: earliest or latest
    #[arg(
        long,
        value_name = "PLACE",
        default_value = "earliest",
        hide_possible_values = true,
        help_heading = "Reading"
    )]
    pub from: StartAt,

    /// When offsets are committed: auto (by the server, now and then), after each batch (at least once),
    /// before each batch is counted (at most once), or none
    #[arg(
        long,
        value_name = "WHEN",
        default_value = "auto",
        hide_possible_values = true,
        help_heading = "Reading"
    )]
    pub commit: CommitMode,

    /// How the records are stored: json, binary, or avro, jsonschema or protobuf with a Schema Registry
    /// behind the proxy
    #[arg(
        long,
        value_name = "FORMAT",
        default_value = "json",
        hide_possible_values = true,
        help_heading = "Reading"
    )]
    pub format: StoredAs,

    /// Time to spend on each batch, to play a slow consumer
    #[arg(long, value_name = "TIME", value_parser = parse_duration, help_heading = "Reading")]
    pub process_time: Option<Duration>,

    /// End once this many records were read
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..), help_heading = "End")]
    pub messages: Option<u64>,

    /// End after this time
    #[arg(long, value_name = "TIME", value_parser = parse_duration, help_heading = "End")]
    pub duration: Option<Duration>,

    /// End once everything that was there at the start is read, and say how long it took [default without
    /// --messages and --duration]
    #[arg(long, help_heading = "End")]
    pub drain: bool,

    /// With --drain or --messages: end if no record came for this long. The run is void then
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = parse_duration, help_heading = "End")]
    pub idle: Duration,

    /// Longest wait for an answer, beside what a fetch may wait for records. A target that does not answer
    /// for four times as long is given up
    #[arg(long, env = "KRUSH_TIMEOUT", hide_env_values = true, value_name = "TIME", default_value = "30s", value_parser = parse_duration)]
    #[arg(help_heading = "Fetches")]
    pub timeout: Duration,

    /// Fail if fewer records per second are read, such as 50k/s
    #[arg(long, value_name = "RATE", help_heading = "Thresholds")]
    pub min_throughput: Option<Rate>,

    /// Write the report to this file (.json)
    #[arg(long, short, value_name = "FILE", help_heading = "Output")]
    pub output: Option<PathBuf>,

    /// Print the report as JSON instead of the table
    #[arg(long, help_heading = "Output")]
    pub json: bool,

    /// Print the verdict only
    #[arg(
        long,
        short,
        env = "KRUSH_QUIET",
        hide_env_values = true,
        help_heading = "Output"
    )]
    #[arg(value_parser = BoolishValueParser::new(), action = ArgAction::SetTrue)]
    pub quiet: bool,

    /// No colour; so does a variable NO_COLOR that is not empty
    #[arg(
        long,
        env = "KRUSH_NO_COLOR",
        hide_env_values = true,
        help_heading = "Output"
    )]
    #[arg(value_parser = BoolishValueParser::new(), action = ArgAction::SetTrue)]
    pub no_color: bool,
}

/// Send a load and read it at once: latency from due to a consumer.
#[derive(Args, Clone)]
pub struct E2eArgs {
    /// The load.
    #[command(flatten)]
    pub load: LoadArgs,
    /// Who reads it.
    #[command(flatten)]
    pub reading: ReadingArgs,
}

/// How instances read: shared by all commands that consume.
#[derive(Args, Clone)]
pub struct ReadingArgs {
    /// Consumer instances, in one group
    #[arg(long, env = "KRUSH_INSTANCES", hide_env_values = true, value_name = "N", default_value_t = 6, value_parser = clap::value_parser!(u32).range(1..=1000))]
    #[arg(help_heading = "Reading")]
    pub instances: u32,

    /// Longest wait of a fetch for records. Confluent's proxy waits 1 s at most, Karapace always the whole time
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = parse_duration, help_heading = "Fetches")]
    pub fetch_timeout: Duration,

    /// Bytes with which a fetch ends before its time is up; 0: the server's default. Confluent's proxy has
    /// none: without this each fetch takes its whole time, and the run measures that time
    #[arg(
        long,
        value_name = "SIZE",
        default_value = "1",
        help_heading = "Fetches"
    )]
    pub fetch_min_bytes: ByteSize,

    /// Most bytes of a fetch [default: the server's, 64 MiB at Confluent's proxy]
    #[arg(long, value_name = "SIZE", help_heading = "Fetches")]
    pub max_bytes: Option<ByteSize>,

    /// Where instances are called: at the target (rewrite), or where the server says (as-given). In Docker
    /// the name that a server gives often does not resolve; behind a load balancer only it will do
    #[arg(
        long,
        value_name = "HOW",
        default_value = "rewrite",
        hide_possible_values = true,
        help_heading = "Fetches"
    )]
    pub base_uri: BaseUriChoice,
}

/// `--from`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum StartAt {
    /// The oldest record.
    Earliest,
    /// Records that come later.
    Latest,
}

/// `--commit`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum CommitMode {
    /// By the server.
    Auto,
    /// After each batch.
    After,
    /// Before each batch is handed on.
    Before,
    /// Never.
    None,
}

/// `--format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum StoredAs {
    /// JSON.
    Json,
    /// Any bytes.
    Binary,
    /// Avro.
    Avro,
    /// JSON Schema.
    Jsonschema,
    /// Protobuf.
    Protobuf,
}

/// `--base-uri`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum BaseUriChoice {
    /// At the target.
    Rewrite,
    /// Where the server says.
    AsGiven,
}

impl ConsumeArgs {
    pub(super) fn layered(&mut self) -> &mut dyn Layered {
        &mut self.control
    }

    /// A pattern stands instead of topics: it wins over those of the variable, and contradicts typed ones.
    ///
    /// # Errors
    /// Both were typed.
    pub(super) fn choose(
        &mut self,
        command: &mut clap::Command,
        matches: &ArgMatches,
    ) -> Result<(), clap::Error> {
        if self.pattern.is_none() {
            return Ok(());
        }
        if matches.value_source("topic") == Some(ValueSource::CommandLine) {
            let message = "the argument '--pattern <REGEX>' cannot be used with '--topic <NAME>'";
            return Err(command.error(ErrorKind::ArgumentConflict, message));
        }
        self.topic.clear();
        Ok(())
    }
}
