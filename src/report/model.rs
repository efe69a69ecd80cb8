//! The `Report`: the one shape on disk, from which every other format is made. Its keys are a promise to users' scripts.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{BlocksSection, ClaimsSection, EndToEndSection, MergedSection};
use crate::audit::Audited;
use crate::gate::{Compared, Method, ThresholdResult, Validity, Verdict};
use crate::measure::{self, Buckets, Connections, End, FailureKind, Summary, TargetKind};
use crate::wire::{Dialect, Format};

/// Version of the report's shape; raised when a key is renamed or removed.
pub const SCHEMA_VERSION: u32 = 1;

/// A finished run and what is said about it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(title = "krush report")]
pub struct Report {
    /// Version of this shape.
    pub schema_version: u32,
    /// What measured.
    pub tool: Tool,
    /// When the measured part began, RFC 3339, UTC.
    pub started_at: String,
    /// Start of the measured part to its end, drain included.
    pub elapsed_secs: f64,
    /// How the load ended.
    pub end: End,
    /// Where the load generator ran.
    pub machine: Machine,
    /// What was asked for, as resolved; no credentials.
    pub plan: PlanSection,
    /// What was tested.
    pub target: TargetSection,
    /// Where every request and record ended.
    pub ledger: LedgerSection,
    /// What warm-up sent; in no other figure.
    pub warmup: measure::Ledger,
    /// The figures.
    pub summary: Summary,
    /// The run second by second.
    pub timeline: Vec<SecondRow>,
    /// The run in at most ten equal spans of whole seconds, and one of what ended after the load.
    pub over_time: Vec<SpanRow>,
    /// The load in 8 to 20 blocks of equal time, the replicates of comparisons and bounds; `null` in reports of earlier versions.
    #[serde(default)]
    pub blocks: Option<BlocksSection>,
    /// What went wrong, by kind, HTTP status and error code.
    pub failures: Vec<FailureRow>,
    /// What the connections did.
    pub connections: Connections,
    /// What the load generator itself used.
    pub generator: GeneratorSection,
    /// Full distributions.
    pub histograms: Histograms,
    /// Whether the run proves anything.
    pub validity: Validity,
    /// How long a consumer group held the load back; `null`: no limit was set.
    #[serde(default)]
    pub held_back: Option<HeldBack>,
    /// The run's records held against what is stored; `null`: not asked for.
    #[serde(default)]
    pub audit: Option<Audited>,
    /// What the run claims of each of its records, for `krush verify`; `null` in reports of earlier versions.
    #[serde(default)]
    pub claims: Option<ClaimsSection>,
    /// What consumers of the topic received while the run went on; `null`: not asked for (`krush e2e`).
    #[serde(default)]
    pub end_to_end: Option<EndToEndSection>,
    /// How it compares with a baseline; `null`: none was named.
    #[serde(default)]
    pub comparison: Option<Compared>,
    /// The runs that this one was put together from; `null`: it is one run.
    #[serde(default)]
    pub merged: Option<MergedSection>,
    /// What weakens the run without voiding it, and what to try.
    pub warnings: Vec<String>,
    /// Every threshold and what became of it.
    pub thresholds: Vec<ThresholdResult>,
    /// The last word.
    pub verdict: Verdict,
}

impl Report {
    /// Whether it is of a side of a duet: that of the new target holds the comparison, that of the baseline has blocks and no claims,
    /// as no other report has that was not merged.
    pub fn is_of_duet(&self) -> bool {
        let pairs = |compared: &Compared| compared.method == Method::Pairs;
        let unclaimed = self.claims.is_none() && self.merged.is_none() && self.blocks.is_some();
        unclaimed || self.comparison.as_ref().is_some_and(pairs)
    }
}

/// What a limit on a consumer group's lag did to the load.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct HeldBack {
    /// The group.
    pub group: String,
    /// Records that it might be behind in the topic.
    pub max_lag: u64,
    /// Time in which nothing was sent because it was further behind; throughput includes it.
    pub held_secs: f64,
    /// How often the load was held back.
    pub times: u64,
    /// The most that it was seen to be behind.
    pub highest_lag: u64,
    /// Looks at the group.
    pub looks: u64,
    /// Of those, without an answer.
    pub looks_failed: u64,
    /// Time in which its lag was not known.
    pub blind_secs: f64,
}

/// What measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Tool {
    /// `krush`.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The commit it was built from, if the build knew.
    pub commit: Option<String>,
    /// Built with debug assertions: not the build to measure with.
    pub debug_build: bool,
}

/// Where the load generator ran. Holds nothing that names the machine or its owner.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Machine {
    /// Operating system.
    pub os: String,
    /// Processor architecture.
    pub arch: String,
    /// CPUs this process may use.
    pub cpus: u64,
    /// Kernel version, where readable.
    pub kernel: Option<String>,
    /// CPU model, where readable.
    pub cpu_model: Option<String>,
}

/// What was asked for, as resolved.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PlanSection {
    /// Preset or scenario file.
    pub scenario: String,
    /// A target was named: there was no fallback to the stand-in.
    pub target_named: bool,
    /// Extra request headers; values of those that may hold a secret are `***`.
    pub headers: BTreeMap<String, String>,
    /// `basic` or `bearer`, if credentials were sent.
    pub auth: Option<String>,
    /// A CA of the user's own was trusted, a client certificate shown, or verification turned off.
    pub tls: TlsSection,
    /// The topic, as asked for.
    pub topic: TopicSection,
    /// How much, how fast.
    pub load: LoadSection,
    /// What a record looks like.
    pub payload: PayloadSection,
    /// Figures to compare with.
    pub reference: Option<ReferenceSection>,
}

/// TLS settings, without paths or keys.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TlsSection {
    /// A CA file was trusted instead of the built-in roots.
    pub custom_ca: bool,
    /// A client certificate was offered.
    pub client_certificate: bool,
    /// Any server certificate was accepted.
    pub insecure: bool,
}

/// The topic, as asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TopicSection {
    /// Kafka topic name.
    pub name: String,
    /// Partitions to create it with.
    pub partitions: u32,
    /// Replication factor to create it with; `null`: the server's default.
    pub replication_factor: Option<u16>,
    /// Create it if missing.
    pub create: bool,
}

/// How much, how fast, over how many connections.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LoadSection {
    /// Records to send; `null` in a run by time.
    pub messages: Option<u64>,
    /// Seconds to send for; `null` in a run by count.
    pub duration_secs: Option<f64>,
    /// Connections, each with at most one request in flight.
    pub concurrency: u32,
    /// Records in a request.
    pub batch_size: u32,
    /// Offered records per second, if they are the same at all times; `null`: closed loop, or stages.
    pub rate_records_per_sec: Option<f64>,
    /// Parts of an open loop, one after the other; `null`: closed loop, or one rate.
    pub stages: Option<Vec<StageSection>>,
    /// A time in which another rate held.
    pub spike: Option<SpikeSection>,
    /// How the requests of an open loop were spread within their rate: `uniform` or `poisson`; `null`: closed loop.
    pub arrivals: Option<String>,
    /// Load before the clock started; in a duet, before that of each slice.
    pub warmup_secs: f64,
    /// Limit for one exchange.
    pub timeout_secs: f64,
    /// Limit for requests in flight at the end.
    pub drain_secs: f64,
    /// Engine threads.
    pub threads: u32,
}

impl LoadSection {
    /// Whether requests were due on a schedule of their own instead of when a connection was free.
    pub fn is_open_loop(&self) -> bool {
        self.arrivals.is_some()
    }
}

/// A part of an open loop: the rate goes from one to the other in a straight line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StageSection {
    /// Offered records per second at its beginning.
    pub from_records_per_sec: f64,
    /// Offered records per second at its end.
    pub to_records_per_sec: f64,
    /// How long it lasts.
    pub duration_secs: f64,
}

/// A time in which another rate took the place of the planned one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SpikeSection {
    /// Offered records per second in it.
    pub records_per_sec: f64,
    /// When it began, after the start of the measured part.
    pub at_secs: f64,
    /// How long it lasted.
    pub duration_secs: f64,
}

/// What a record looks like.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PayloadSection {
    /// How it is embedded in the request.
    pub format: Format,
    /// Size of the payload text; with `base64` before encoding.
    pub message_size_bytes: u64,
    /// Bytes of one record's value as the server stores it; binary format adds up to four.
    pub value_bytes: u64,
    /// `text` or `base64`.
    pub content: String,
    /// Record keys.
    pub key: KeySection,
    /// Seed of payload text and random keys.
    pub seed: u64,
}

/// Record keys.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct KeySection {
    /// `none`, `sequence`, `random` or `hot`.
    pub mode: String,
    /// Distinct keys of `random` and `hot`.
    pub keys: Option<u32>,
    /// Share of the hot key, 0 to 1.
    pub hot_ratio: Option<f64>,
}

/// Figures to compare with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ReferenceSection {
    /// Acked records per second.
    pub records_per_sec: Option<f64>,
    /// P95 latency in µs.
    pub p95_us: Option<u64>,
    /// Success, 0 to 1.
    pub success_ratio: Option<f64>,
    /// Throughput aimed at.
    pub goal_records_per_sec: Option<f64>,
    /// Where the figures come from.
    pub source: Option<String>,
}

/// What was tested.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TargetSection {
    /// What kind of server it is.
    pub kind: TargetKind,
    /// Base URLs without credentials.
    pub urls: Vec<String>,
    /// What the server was recognised as.
    pub server: String,
    /// It ran inside this process.
    pub embedded: bool,
    /// How it misbehaved on purpose, a fault of the script each; see `docs/serve.md`.
    #[serde(default)]
    pub faults: Vec<String>,
    /// Its figures are those of this capacity model of a stand-in, see `docs/serve.md`.
    #[serde(default)]
    pub model: Option<String>,
    /// How replies were judged.
    pub dialect: Dialect,
    /// APIs that answered.
    pub apis: Vec<String>,
    /// The topic produced to.
    pub topic: String,
    /// Its partitions; `null`: the server does not tell.
    pub partitions: Option<u32>,
    /// It was created for this run.
    pub topic_created: bool,
    /// One row a URL.
    pub per_target: Vec<TargetRow>,
}

/// One target's share of the run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TargetRow {
    /// Base URL without credentials.
    pub url: String,
    /// What was sent there and what became of it.
    pub ledger: measure::Ledger,
    /// Its figures over the window of the whole run.
    pub summary: Summary,
}

/// Where every request and record ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LedgerSection {
    /// HTTP exchanges.
    pub requests: RequestLedger,
    /// Kafka records.
    pub records: RecordLedger,
}

/// `scheduled = sent + unsent` and `sent = complete + partial + rejected + unknown`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RequestLedger {
    /// Called for by the schedule.
    pub scheduled: u64,
    /// First byte written.
    pub sent: u64,
    /// Never written.
    pub unsent: u64,
    /// Every record acked.
    pub complete: u64,
    /// Some records acked.
    pub partial: u64,
    /// Every record refused.
    pub rejected: u64,
    /// Nothing acked and not all refused.
    pub unknown: u64,
}

/// `scheduled = sent + unsent` and `sent = acked + rejected + unknown`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RecordLedger {
    /// Called for by the schedule.
    pub scheduled: u64,
    /// In requests of which the first byte was written.
    pub sent: u64,
    /// Never written.
    pub unsent: u64,
    /// Own entry with an offset and no error.
    pub acked: u64,
    /// Refused: not stored.
    pub rejected: u64,
    /// May or may not be stored.
    pub unknown: u64,
}

/// One second of the run. Acks and failures belong to the second in which the answer came, what was sent to that of its first
/// byte, what came due and its latency to the one in which the request was due.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SecondRow {
    /// Seconds since the measured part began.
    pub second: u64,
    /// Records that came due, sent or not.
    pub records_due: u64,
    /// Records in requests whose first byte was written.
    pub records_sent: u64,
    /// Records acked.
    pub records_acked: u64,
    /// Requests that came due, sent or not.
    pub requests_due: u64,
    /// Requests whose first byte was written.
    pub requests_sent: u64,
    /// Exchanges that ended.
    pub requests: u64,
    /// Latency of requests due in this second, 6 % resolution; those without an answer count with the time they waited.
    pub latency_us: SecondLatency,
    /// Exchanges that ended not complete.
    pub failures: u64,
}

/// Latency of one second in µs; `null`: no request was due.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SecondLatency {
    /// Median.
    pub p50: Option<u64>,
    /// 95th percentile.
    pub p95: Option<u64>,
    /// Largest.
    pub max: Option<u64>,
    /// Which of these are only lower bounds: `p50`, `p95`, `max`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lower_bounds: Vec<String>,
    /// All of these latencies, so that reports can be merged: for each bucket of 6 % its upper edge in µs and the requests in it,
    /// with a space between all numbers. Not in `over_time`, nor in reports of earlier versions.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub buckets: String,
    /// The part of `buckets` that is lower bounds.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub bound_buckets: String,
}

impl SecondLatency {
    /// All of these latencies; none of a report without them. `None`: they are unreadable.
    pub fn read_buckets(&self) -> Option<Buckets> {
        let pairs = |text: &str| -> Option<Vec<(u64, u64)>> {
            let numbers = text.split_whitespace().map(|word| word.parse().ok());
            let numbers: Vec<u64> = numbers.collect::<Option<_>>()?;
            let pairs = numbers.chunks(2);
            pairs
                .map(|pair| Some((*pair.first()?, *pair.get(1)?)))
                .collect()
        };
        Some(Buckets {
            all: pairs(&self.buckets)?,
            bounds: pairs(&self.bound_buckets)?,
        })
    }
}

/// Some whole seconds of the run as one row; `second` is the first of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SpanRow {
    /// Seconds of it in which the load went on; 0: what was in flight at the end was waited for.
    pub load_secs: f64,
    /// Seconds of it that were measured.
    pub secs: f64,
    /// What happened in it.
    #[serde(flatten)]
    pub row: SecondRow,
}

/// One kind of failure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FailureRow {
    /// What went wrong.
    pub kind: FailureKind,
    /// HTTP status of the answer, if there was one.
    pub http_status: Option<u16>,
    /// `error_code` of the entry or of the error body.
    pub error_code: Option<i64>,
    /// Requests with this failure.
    pub requests: u64,
    /// Records that failed this way.
    pub records: u64,
    /// The text of the first one.
    pub sample: String,
}

/// What the load generator itself used.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GeneratorSection {
    /// CPU time over wall time of each engine thread, 0 to 1; empty where the system cannot tell.
    pub thread_busy_ratios: Vec<f64>,
    /// Time ready to run but waiting for a CPU over wall time of each engine thread; empty where the system cannot tell.
    pub thread_wait_ratios: Vec<f64>,
    /// First byte written minus due, of the request whose byte it was, in µs: latency counts that time, the window of throughput begins
    /// after it. `null` where several runs or slices are one, and in reports of earlier versions.
    #[serde(default)]
    pub first_byte_after_due_us: Option<u64>,
    /// CPU time of all engine threads in the measured part over requests sent, in µs; `null` where the system cannot tell.
    pub cpu_us_per_request: Option<f64>,
    /// Mean number of requests in flight, from their number as it changed over time.
    pub mean_in_flight: f64,
    /// The same by Little's law: requests sent per second × mean time from first byte to the end of the exchange.
    pub mean_in_flight_by_little: f64,
    /// Mean number of requests due and not sent yet, or never; `null` in a closed loop.
    pub mean_backlog: Option<f64>,
    /// Requests that waited for a connection; `null` in a closed loop.
    pub connection_waits: Option<ConnectionWaits>,
    /// How far wall clock and monotonic clock drifted apart.
    pub clock_skew_secs: f64,
    /// Largest resident set of the process in bytes.
    pub peak_rss_bytes: Option<u64>,
    /// Latencies above one hour, recorded as one hour.
    pub clamped: u64,
}

/// Requests that were due before a connection was free for them, or made again: that part of the send delay is not the
/// generator's own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ConnectionWaits {
    /// How many, of those sent.
    pub requests: u64,
    /// What they waited, summed, in seconds.
    pub total_secs: f64,
    /// The longest of these waits in µs.
    pub max_us: u64,
}

/// HDR histograms in µs, V2 compressed, base64; 1 µs to 1 h, 3 digits, so that merging is exact.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Histograms {
    /// Every request: answered ones, and the waiting time of those without an answer.
    pub latency: String,
    /// The part of `latency` that is lower bounds.
    pub latency_bounds: String,
    /// Answered requests.
    pub service_time: String,
    /// Requests sent.
    pub send_delay: String,
    /// Requests sent in an open loop: the part of their send delay that is the generator's own.
    pub own_lateness: Option<String>,
}
