//! What was typed, checked and resolved.

use std::path::{Path, PathBuf};
use std::time::Duration;

use regex_lite::Regex;

use super::super::load::run_name;
use super::ready::Ready;
use crate::cli::{BaseUriChoice, CommitMode, ConsumeArgs, StartAt, StoredAs};
use crate::error::{Error, Result};
use crate::plan::{TOPIC_NAME_HINT, Target, is_topic_name, resolve_target};
use crate::report::check_outputs;
use crate::report::consume::ConsumePlan;
use crate::rest::{BaseUri, ConsumerSettings, Fetch, RecordFormat, Reset};

/// The topic that is read if none is named: the one that load commands write.
const DEFAULT_TOPIC: &str = "performance-test";

/// What is wanted.
#[expect(clippy::struct_excessive_bools, reason = "they are switches")]
pub(super) struct Wanted {
    pub(super) target: Target,
    pub(super) topics: Vec<String>,
    pub(super) pattern: Option<Regex>,
    pub(super) group: String,
    /// The group is made for this run.
    pub(super) new_group: bool,
    pub(super) instances: u32,
    pub(super) settings: ConsumerSettings,
    pub(super) fetch: Fetch,
    pub(super) fetch_timeout: Duration,
    pub(super) commit: CommitMode,
    pub(super) process: Duration,
    pub(super) messages: Option<u64>,
    pub(super) duration: Option<Duration>,
    pub(super) drain: bool,
    pub(super) idle: Duration,
    pub(super) timeout: Duration,
    pub(super) base_uri: BaseUri,
    pub(super) min_throughput: Option<f64>,
    pub(super) output: Option<PathBuf>,
    pub(super) json: bool,
    pub(super) quiet: bool,
    pub(super) color: bool,
}

impl Wanted {
    /// Checks what was typed.
    ///
    /// # Errors
    /// [`Error::Usage`] that names the flag, and [`Error::Output`] for a file that cannot be written.
    pub(super) fn of(args: &ConsumeArgs) -> Result<Self> {
        let typed = args.control.typed.clone();
        let target = resolve_target(typed.environment, typed.flags)?;
        let topics = topics(args)?;
        let pattern = args.pattern.as_deref().map(pattern).transpose()?;
        if let Some(group) = &args.group
            && !is_topic_name(group)
        {
            let message = format!("--group: `{}` cannot be a group here", group.escape_debug());
            return Err(hinted(message, TOPIC_NAME_HINT));
        }
        for (flag, time) in [
            ("--timeout", Some(args.timeout)),
            ("--idle", Some(args.idle)),
            ("--duration", args.duration),
        ] {
            if time.is_some_and(|time| time.is_zero()) {
                return Err(hinted(
                    format!("{flag}: 0s is too short"),
                    "a time such as 30s",
                ));
            }
        }
        if let Some(path) = &args.output {
            check_output(path)?;
        }
        let min_bytes = args.reading.fetch_min_bytes.0;
        let min_bytes = u32::try_from(min_bytes).map_err(|_| {
            let message = format!("--fetch-min-bytes: {min_bytes} is too large");
            hinted(message, "servers take at most 10,000,000")
        })?;
        Ok(Self {
            target,
            topics,
            pattern,
            group: args
                .group
                .clone()
                .unwrap_or_else(|| format!("krush-{}", run_name())),
            new_group: args.group.is_none(),
            instances: args.reading.instances,
            settings: ConsumerSettings {
                format: format(args.format),
                reset: match args.from {
                    StartAt::Earliest => Reset::Earliest,
                    StartAt::Latest => Reset::Latest,
                },
                auto_commit: args.commit == CommitMode::Auto,
                fetch_min_bytes: (min_bytes > 0).then_some(min_bytes),
            },
            fetch: Fetch {
                wait: Some(args.reading.fetch_timeout),
                max_bytes: args.reading.max_bytes.map(|size| size.0),
            },
            fetch_timeout: args.reading.fetch_timeout,
            commit: args.commit,
            process: args.process_time.unwrap_or_default(),
            messages: args.messages,
            duration: args.duration,
            drain: args.drain || (args.messages.is_none() && args.duration.is_none()),
            idle: args.idle,
            timeout: args.timeout,
            base_uri: base_uri(args.reading.base_uri),
            min_throughput: args.min_throughput.map(|rate| rate.0),
            output: args.output.clone(),
            json: args.json,
            quiet: args.quiet,
            color: !args.no_color && !super::super::no_color_asked(),
        })
    }

    /// As it is reported.
    pub(super) fn plan(&self, ready: &Ready) -> ConsumePlan {
        ConsumePlan {
            topics: ready.topics.clone(),
            pattern: self.pattern.as_ref().map(|one| one.as_str().to_owned()),
            group: self.group.clone(),
            new_group: self.new_group,
            instances: self.instances,
            format: self.settings.format.name().to_owned(),
            from: self.settings.reset.name().to_owned(),
            commit: match self.commit {
                CommitMode::Auto => "auto",
                CommitMode::After => "after",
                CommitMode::Before => "before",
                CommitMode::None => "none",
            }
            .to_owned(),
            messages: self.messages,
            duration_secs: self.duration.map(|time| time.as_secs_f64()),
            drain: self.drain,
            idle_secs: self.idle.as_secs_f64(),
            fetch_timeout_secs: self.fetch_timeout.as_secs_f64(),
            fetch_min_bytes: self.settings.fetch_min_bytes.map(u64::from),
            max_bytes: self.fetch.max_bytes,
            process_secs: self.process.as_secs_f64(),
            timeout_secs: self.timeout.as_secs_f64(),
            min_records_per_sec: self.min_throughput,
        }
    }
}

fn hinted(message: String, hint: &str) -> Error {
    Error::Usage {
        message,
        hint: Some(hint.to_owned()),
    }
}

fn topics(args: &ConsumeArgs) -> Result<Vec<String>> {
    let mut topics = args.topic.clone();
    if topics.is_empty() && args.pattern.is_none() {
        topics.push(DEFAULT_TOPIC.to_owned());
    }
    topics.sort();
    topics.dedup();
    match topics.iter().find(|name| !is_topic_name(name)) {
        None => Ok(topics),
        Some(wrong) => {
            let shown: String = wrong.chars().take(60).collect();
            let message = format!("--topic: `{}` is not a topic name", shown.escape_debug());
            Err(hinted(message, TOPIC_NAME_HINT))
        }
    }
}

/// Servers match the whole name.
fn pattern(text: &str) -> Result<Regex> {
    Regex::new(text).map_err(|error| {
        let why = error.to_string();
        let why = why
            .lines()
            .last()
            .unwrap_or_default()
            .trim_start_matches("error: ");
        hinted(
            format!("--pattern: `{text}` is no regular expression: {why}"),
            "such as orders-.*",
        )
    })
}

fn check_output(path: &Path) -> Result<()> {
    let json = path
        .extension()
        .is_some_and(|extension| extension.eq_ignore_ascii_case("json"));
    if !json {
        let message = format!("--output: `{}` does not end in .json", path.display());
        return Err(hinted(
            message,
            "this command writes its report as JSON only",
        ));
    }
    check_outputs(std::slice::from_ref(&path.to_owned()))
}

fn format(format: StoredAs) -> RecordFormat {
    match format {
        StoredAs::Json => RecordFormat::Json,
        StoredAs::Binary => RecordFormat::Binary,
        StoredAs::Avro => RecordFormat::Avro,
        StoredAs::Jsonschema => RecordFormat::JsonSchema,
        StoredAs::Protobuf => RecordFormat::Protobuf,
    }
}

/// Where instances are called.
pub(in crate::commands) fn base_uri(choice: BaseUriChoice) -> BaseUri {
    match choice {
        BaseUriChoice::Rewrite => BaseUri::Rewrite,
        BaseUriChoice::AsGiven => BaseUri::AsGiven,
    }
}
