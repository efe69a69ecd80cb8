//! What a run means: everything resolved, checked and typed before any load starts.
//!
//! A [`Plan`] is made by [`resolve()`] (defaults < scenario < environment < flags) and knows nothing of clap.

mod baseline;
mod describe;
mod layers;
mod pace;
mod resolve;
mod scenario;
mod settings;
mod size;
mod stage;
mod target;
mod threshold;
mod value;

pub use baseline::{MARGIN_HINT, RUN_NOISE_HINT, margin_of, run_noise_of};
pub use describe::{describe, described, is_secret_header, without_secrets};
pub use layers::{Layers, Origin, Origins};
pub use resolve::{Machine, TOPIC_NAME_HINT, is_topic_name, resolve, resolve_target};
pub use scenario::{PRESETS, Scenario, preset_words};
pub use settings::{EXCLUSIVE, Overrides, SAID_BY_STAGES, SETTINGS, Setting, setting};
pub use size::{
    ID_BASE, MAX_THREADS, MAX_VALUE_BYTES, VALUE_TEMPLATE, body_bytes, index_digits,
    request_body_bytes, value_bytes,
};
pub use stage::StageSetting;
pub use target::DEFAULT_URL;
pub use value::{FromSetting, Secret, Share, Unreadable};

use std::path::PathBuf;
use std::time::Duration;

use crate::fault::Faults;
use crate::model::Model;
use crate::units::{ByteSize, Rate};
use crate::wire::{Dialect, Format};

/// A resolved run.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Scenario name: the preset's, or the file's stem. Names the result file.
    pub scenario: String,
    /// Where the load goes.
    pub target: Target,
    /// The topic produced to.
    pub topic: Topic,
    /// How much, how fast, over how many connections.
    pub load: Load,
    /// What a record looks like.
    pub payload: Payload,
    /// What the run must reach; looked at only if the run is valid.
    pub thresholds: Vec<Threshold>,
    /// Figures to show beside the run.
    pub reference: Option<Reference>,
    /// What it is compared with.
    pub baseline: Option<Baseline>,
    /// Where results go.
    pub output: Output,
}

/// Where the load goes.
#[derive(Debug, Clone)]
pub struct Target {
    /// Base URLs, at least one unless `embedded`; connections are spread over them.
    pub urls: Vec<url::Url>,
    /// Whether a URL was given (flag, environment, scenario). If not, and nothing listens on the default, the stand-in is used.
    pub named: bool,
    /// The built-in stand-in was asked for outright, or by its faults or its model.
    pub embedded: bool,
    /// How that one misbehaves on purpose.
    pub faults: Faults,
    /// How much that one can do; `None`: as much as this machine can.
    pub model: Option<Model>,
    /// Judge replies as this server's; `None`: detect it.
    pub dialect: Option<Dialect>,
    /// Extra request headers, in order.
    pub headers: Vec<(String, String)>,
    /// `Authorization`, if any.
    pub auth: Option<Auth>,
    /// TLS for `https` targets.
    pub tls: Tls,
}

/// Credentials sent with every request.
#[derive(Clone)]
pub enum Auth {
    /// HTTP basic.
    Basic {
        /// User name.
        user: String,
        /// Password; never printed.
        password: String,
    },
    /// Bearer token; never printed.
    Bearer(String),
}

impl std::fmt::Debug for Auth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Basic { user, .. } => write!(f, "Basic({user}:***)"),
            Self::Bearer(_) => write!(f, "Bearer(***)"),
        }
    }
}

impl Auth {
    /// The value of the `Authorization` header.
    pub fn header_value(&self) -> String {
        use base64::Engine as _;
        match self {
            Self::Basic { user, password } => format!(
                "Basic {}",
                base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"))
            ),
            Self::Bearer(token) => format!("Bearer {token}"),
        }
    }
}

/// TLS settings of the client.
#[derive(Debug, Clone, Default)]
pub struct Tls {
    /// PEM file with CA certificates to trust instead of the built-in roots.
    pub ca: Option<PathBuf>,
    /// PEM file with the client certificate chain.
    pub cert: Option<PathBuf>,
    /// PEM file with the client's private key.
    pub key: Option<PathBuf>,
    /// Accept any server certificate. Never a default.
    pub insecure: bool,
}

/// The topic produced to.
#[derive(Debug, Clone)]
pub struct Topic {
    /// Kafka topic name.
    pub name: String,
    /// Partitions to create it with if it does not exist.
    pub partitions: u32,
    /// Replication factor to create it with; `None`: the server's default.
    pub replication_factor: Option<u16>,
    /// Create it if missing.
    pub create: bool,
}

/// When the load ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// After exactly this many records.
    Messages(u64),
    /// After this long, warm-up not counted.
    Duration(Duration),
}

/// How much, how fast, over how many connections.
#[derive(Debug, Clone)]
pub struct Load {
    /// When the load ends.
    pub stop: Stop,
    /// Connections, each with at most one request in flight.
    pub concurrency: u32,
    /// Records in a request.
    pub batch_size: u32,
    /// Open loop: requests are due on this schedule, however the server is doing; `None`: closed loop.
    pub pace: Option<Pace>,
    /// Load before the clock starts, not measured.
    pub warmup: Duration,
    /// Limit for one exchange, first byte written to last byte read; also for connecting.
    pub timeout: Duration,
    /// How long requests in flight may take to finish after the load ended.
    pub drain: Duration,
    /// Engine threads.
    pub threads: u32,
    /// Hold what was acked against what is stored, after the load.
    pub verify: bool,
    /// Send nothing while a consumer group is too far behind.
    pub back_pressure: Option<BackPressure>,
}

/// A consumer group that holds the load back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackPressure {
    /// The group.
    pub group: String,
    /// Records that it may be behind in the topic, over all partitions.
    pub max_lag: u64,
}

impl Load {
    /// Whether requests are due on a schedule of their own instead of when a connection is free.
    pub fn is_open_loop(&self) -> bool {
        self.pace.is_some()
    }

    /// Whether the plan itself asks for the same load from start to end.
    pub fn is_steady(&self) -> bool {
        self.pace
            .as_ref()
            .is_none_or(|pace| matches!(pace.rates, Rates::Constant(_)) && pace.spike.is_none())
    }
}

/// The schedule of an open loop.
#[derive(Debug, Clone, PartialEq)]
pub struct Pace {
    /// Records per second over time.
    pub rates: Rates,
    /// A time in which another rate holds.
    pub spike: Option<Spike>,
    /// How requests are spread within their rate.
    pub arrivals: Arrivals,
}

impl Pace {
    /// The same rate at all times, evenly spread.
    pub fn constant(rate: Rate) -> Self {
        Self {
            rates: Rates::Constant(rate),
            spike: None,
            arrivals: Arrivals::Uniform,
        }
    }
}

impl Pace {
    /// The highest rate that it comes to.
    pub fn peak(&self) -> Rate {
        let planned = match &self.rates {
            Rates::Constant(rate) => rate.0,
            Rates::Stages(stages) => stages
                .iter()
                .fold(0.0, |peak, stage| stage.from.0.max(stage.to.0).max(peak)),
        };
        Rate(
            self.spike
                .map_or(planned, |spike| spike.rate.0.max(planned)),
        )
    }
}

/// Records per second over time.
#[derive(Debug, Clone, PartialEq)]
pub enum Rates {
    /// The same at all times; the load's [`Stop`] ends it.
    Constant(Rate),
    /// One after the other; the run lasts as long as all of them together.
    Stages(Vec<Stage>),
}

/// A part of an open loop: the rate goes from `from` to `to` in a straight line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stage {
    /// Records per second at its beginning.
    pub from: Rate,
    /// Records per second at its end; equal to `from` if it holds.
    pub to: Rate,
    /// How long it lasts.
    pub length: Duration,
}

impl Stage {
    /// The rate over all of it.
    pub fn mean(&self) -> Rate {
        Rate(f64::midpoint(self.from.0, self.to.0))
    }
}

/// A time in which another rate takes the place of the planned one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spike {
    /// Records per second in it.
    pub rate: Rate,
    /// When it begins, after the start of the measured part.
    pub at: Duration,
    /// How long it lasts.
    pub length: Duration,
}

/// How requests are spread within their rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrivals {
    /// Evenly.
    Uniform,
    /// At random and independent of each other, as requests of many users are: gaps are exponentially distributed.
    Poisson,
}

impl Arrivals {
    /// The name used in scenarios, flags and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Uniform => "uniform",
            Self::Poisson => "poisson",
        }
    }
}

/// What a record looks like.
#[derive(Debug, Clone)]
pub struct Payload {
    /// How it is embedded in the request.
    pub format: Format,
    /// Size of the record's `payload` text: characters, or with [`Content::Base64`] bytes before encoding.
    pub message_size: ByteSize,
    /// What the payload text is made of.
    pub content: Content,
    /// Record keys.
    pub key: KeyMode,
    /// Seed of payload text, random keys and Poisson arrivals.
    pub seed: u64,
}

/// What the payload text is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// Random letters and digits, `message_size` characters.
    Text,
    /// Base64 of `message_size` random bytes.
    Base64,
}

impl Content {
    /// The name used in scenarios.
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Base64 => "base64",
        }
    }
}

/// Whose manners replies are judged by, as it is written: `auto`, or a dialect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DialectChoice(pub Option<Dialect>);

/// Record keys, as the mode is written; [`KeyMode`] adds the figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyKind {
    /// No key.
    None,
    /// A new key for each record.
    Sequence,
    /// Uniform over a number of keys.
    Random,
    /// One key gets most of the records.
    Hot,
}

impl KeyKind {
    /// The name used in scenarios and flags.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Sequence => "sequence",
            Self::Random => "random",
            Self::Hot => "hot",
        }
    }
}

/// Record keys.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum KeyMode {
    /// No key: the server's sticky partitioner decides.
    None,
    /// A new key for each record, counting up.
    Sequence,
    /// Uniform over `keys` distinct keys.
    Random {
        /// Number of distinct keys.
        keys: u32,
    },
    /// One key gets `hot_ratio` of the records, the rest is uniform over `keys`.
    Hot {
        /// Number of distinct keys.
        keys: u32,
        /// Share of the hot key, 0 to 1.
        hot_ratio: f64,
    },
}

impl KeyMode {
    /// The mode without its figures.
    pub fn kind(self) -> KeyKind {
        match self {
            Self::None => KeyKind::None,
            Self::Sequence => KeyKind::Sequence,
            Self::Random { .. } => KeyKind::Random,
            Self::Hot { .. } => KeyKind::Hot,
        }
    }
}

/// A condition on the finished run, such as `p99 > 2s`: if it holds, the run fails.
#[derive(Debug, Clone, PartialEq)]
pub struct Threshold {
    /// As the user wrote it (or as derived from `--min-throughput`, `--max-p95`, `--gate`).
    pub expression: String,
    /// What is looked at.
    pub metric: Metric,
    /// The run fails if `metric <op> value`.
    pub fails_if: Comparison,
    /// In the metric's unit: µs for latencies, a ratio 0 to 1 for success, per second for throughput.
    pub value: f64,
}

/// What a threshold looks at.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Metric {
    /// Latency percentile (0 to 100) in µs.
    Latency(f64),
    /// Largest latency in µs.
    LatencyMax,
    /// Mean latency in µs.
    LatencyMean,
    /// Service time percentile (0 to 100) in µs.
    ServiceTime(f64),
    /// Send delay percentile (0 to 100) in µs.
    SendDelay(f64),
    /// Percentile (0 to 100) of the time from due to a consumer in µs; only where the run reads its own records.
    EndToEnd(f64),
    /// Acked records over scheduled records, 0 to 1.
    Success,
    /// Acked records per second.
    Throughput,
    /// Records rejected plus unknown.
    FailedRecords,
}

/// How a threshold compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}

/// Figures to show beside the run, and with `--gate` to enforce.
#[derive(Debug, Clone)]
pub struct Reference {
    /// Acked records per second.
    pub records_per_sec: Option<f64>,
    /// P95 latency.
    pub p95: Option<Duration>,
    /// Success ratio, 0 to 1.
    pub success_ratio: Option<f64>,
    /// Throughput aimed at, records per second.
    pub goal_records_per_sec: Option<f64>,
    /// Where the figures come from.
    pub source: Option<String>,
}

/// What a run is compared with, and how.
#[derive(Debug, Clone)]
pub struct Baseline {
    /// What it is.
    pub against: Against,
    /// Relative change of a metric that matters, 0 to 1.
    pub margin: f64,
    /// Standard deviation from run to run, 0 to 1; `None`: what machines usually have.
    pub run_noise: Option<f64>,
    /// Compare although plans, kinds of target or machines differ.
    pub force: bool,
    /// Pairs of slices of a duet.
    pub repeat: Repeat,
    /// Most time for them, or for all of a duet's pairs.
    pub max_time: Duration,
}

/// What a run is compared with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Against {
    /// The report of an earlier run.
    Report(PathBuf),
    /// Another target, loaded in turn with the plan's own: a duet.
    Target(url::Url),
}

/// How many pairs of slices a duet has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeat {
    /// Until the interval is narrower than the margin.
    Auto,
    /// This many.
    Pairs(u32),
}

/// Endings of result files, each a format; what they hold is in the table of `report::FORMATS`.
pub const OUTPUT_ENDINGS: [&str; 12] = [
    ".json",
    ".html",
    ".md",
    ".xml",
    ".csv",
    ".timeline.csv",
    ".prom",
    ".hgrm",
    ".hlog",
    ".bencher.json",
    ".bigger.json",
    ".smaller.json",
];

/// The ending that a file's format goes by: the longest of [`OUTPUT_ENDINGS`] that its name ends in, in whatever case.
pub fn output_ending(file: &std::path::Path) -> Option<&'static str> {
    let name = file.file_name()?.to_str()?.to_ascii_lowercase();
    OUTPUT_ENDINGS
        .into_iter()
        .filter(|ending| name.len() > ending.len() && name.ends_with(ending))
        .max_by_key(|ending| ending.len())
}

/// The endings as an error message lists them: `.json, .md or .xml`.
pub fn output_endings_words() -> String {
    let (last, others) = OUTPUT_ENDINGS.split_last().expect("the list is not empty");
    format!("{} or {last}", others.join(", "))
}

/// Where finished runs are listed, if nothing else is said; relative to the working directory.
pub const DEFAULT_HISTORY: &str = "results/history.jsonl";

/// Where results go.
#[derive(Debug, Clone)]
pub struct Output {
    /// Files to write, format by extension (`.json`, `.md`, `.xml`). Empty: `results/TIME-SCENARIO.json`.
    pub files: Vec<PathBuf>,
    /// No progress, no table; verdict line and errors only.
    pub quiet: bool,
    /// Colour allowed.
    pub color: bool,
    /// Where the finished run is listed, a line a run; `None`: nowhere (`--history off`).
    pub history: Option<PathBuf>,
    /// Prometheus Pushgateway that is told the result.
    pub push_gateway: Option<url::Url>,
    /// Port where Prometheus reads figures during the run.
    pub prometheus_port: Option<u16>,
}
