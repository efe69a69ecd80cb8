//! What is said about a run of consumers. Keys are a promise: more may come, none is renamed without a new version.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::{Distribution, Machine, TargetKind, Tool, Verdict};
use crate::measure::consume::{FetchFailure, SeenBy};
use crate::wire::Dialect;

/// Version of the shape of [`ConsumeReport`].
pub const CONSUME_SCHEMA_VERSION: u32 = 1;

/// A finished run of consumers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ConsumeReport {
    /// Version of this shape.
    pub schema_version: u32,
    /// What measured.
    pub tool: Tool,
    /// Where it ran.
    pub machine: Machine,
    /// When the instances began to be made, RFC 3339.
    pub started_at: String,
    /// From then until the last instance was told to stop and its last fetch was over.
    pub elapsed_secs: f64,
    /// What ended it.
    pub end: ConsumeEnd,
    /// What was asked for.
    pub plan: ConsumePlan,
    /// Who was asked.
    pub target: ConsumeTarget,
    /// Figures of all instances together.
    pub summary: ConsumeSummary,
    /// Where every record, fetch, commit and instance ended.
    pub ledger: ConsumeLedger,
    /// What was there to be read at the start; `null`: the server does not tell offsets.
    pub backlog: Option<BacklogSection>,
    /// What the offsets tell.
    pub offsets: OffsetsSection,
    /// Partitions that changed hands within the group.
    pub rebalances: RebalanceSection,
    /// One row an instance.
    pub instances: Vec<InstanceRow>,
    /// Fetches that failed, by what that means for records.
    pub failures: Vec<FetchFailureRow>,
    /// Instances that the server still has, and why.
    pub not_deleted: Vec<NotDeleted>,
    /// Latency of fetches as HDR histograms.
    pub histograms: ConsumeHistograms,
    /// What weakens the run.
    pub warnings: Vec<String>,
    /// The last word.
    pub verdict: Verdict,
}

/// What ended a run of consumers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ConsumeEnd {
    /// Everything that was there at the start was read.
    Drained,
    /// As many records as asked for were read.
    Messages,
    /// Time was up.
    Duration,
    /// No record came for too long.
    Idle,
    /// Ctrl-C or SIGTERM.
    Interrupted,
    /// The target answered nothing good any more.
    TargetGone,
}

/// What was asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ConsumePlan {
    /// Topics read; those that matched, if a pattern was given and the server tells its topics.
    pub topics: Vec<String>,
    /// The pattern they had to match.
    pub pattern: Option<String>,
    /// The consumer group.
    pub group: String,
    /// Whether the group was made for this run.
    pub new_group: bool,
    /// Consumer instances.
    pub instances: u32,
    /// How records are embedded in answers.
    pub format: String,
    /// Where reading begins without a committed offset: `earliest` or `latest`.
    pub from: String,
    /// When offsets are committed: `auto`, `after`, `before` or `none`.
    pub commit: String,
    /// End after so many records.
    pub messages: Option<u64>,
    /// End after so long.
    pub duration_secs: Option<f64>,
    /// End when the backlog is read.
    pub drain: bool,
    /// End if no record comes for so long.
    pub idle_secs: f64,
    /// Longest wait of a fetch for records.
    pub fetch_timeout_secs: f64,
    /// Bytes that end a fetch; `null`: the server's default.
    pub fetch_min_bytes: Option<u64>,
    /// Most bytes of a fetch; `null`: the server's default.
    pub max_bytes: Option<u64>,
    /// Time spent on each batch.
    pub process_secs: f64,
    /// Limit for each call, beside what a fetch may wait.
    pub timeout_secs: f64,
    /// The least rate that passes.
    pub min_records_per_sec: Option<f64>,
}

/// Who was asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ConsumeTarget {
    /// What kind of server it is.
    pub kind: TargetKind,
    /// Base URLs without credentials.
    pub urls: Vec<String>,
    /// What the server was recognised as.
    pub server: String,
    /// Whose manners were spoken.
    pub dialect: Dialect,
    /// A `base_uri` that the server gave and that is not at the target; `null`: all were.
    pub base_uri_elsewhere: Option<String>,
    /// Where instances were called: `rewrite` or `as-given`.
    pub base_uri: String,
}

/// Figures of all instances together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ConsumeSummary {
    /// From when the first fetch that brought records was asked for until the last such answer was there; 0: nothing came.
    pub duration_secs: f64,
    /// Records, each once, over `duration_secs`.
    pub records_per_sec: f64,
    /// Bytes of keys and values over `duration_secs`, records that came again included; without encoding for transport.
    pub payload_bytes_per_sec: f64,
    /// Bytes of answers to fetches over `duration_secs`, without their heads.
    pub wire_bytes_per_sec: f64,
    /// From the start until the first record was there: creating, subscribing, joining the group.
    pub first_record_secs: Option<f64>,
    /// From the start until the last record was there.
    pub last_record_secs: Option<f64>,
    /// Fetches that brought records: asked for until the answer was there, waiting for records included.
    pub fetch_us: Distribution,
    /// Fetches that brought none. On most servers this is the wait that was asked for.
    pub empty_fetch_us: Distribution,
}

/// Where everything ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ConsumeLedger {
    /// Records: `fetched = counted + again`.
    pub records: FetchedRecords,
    /// Fetches: `asked = with_records + empty + failed`.
    pub fetches: Fetches,
    /// Commits that krush sent; those of the server's own (`auto`) are not seen.
    pub commits: Commits,
    /// Instances.
    pub instances: Instances,
}

/// `fetched = counted + again`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FetchedRecords {
    /// In answers.
    pub fetched: u64,
    /// Of those, not seen before in this run.
    pub counted: u64,
    /// Of those, seen before in this run: read again after an instance was lost or the group rebalanced.
    pub again: u64,
}

/// `asked = with_records + empty + failed`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Fetches {
    /// Fetches that ended; one that was given up because of Ctrl-C is in none of these.
    pub asked: u64,
    /// Brought records.
    pub with_records: u64,
    /// Brought none.
    pub empty: u64,
    /// Of those, before the first record of their instance.
    pub empty_at_first: u64,
    /// Brought nothing that can be read.
    pub failed: u64,
}

/// Commits that krush sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Commits {
    /// Answered well.
    pub made: u64,
    /// Not.
    pub failed: u64,
}

/// Instances.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Instances {
    /// Asked for.
    pub planned: u64,
    /// The server did not have them any more.
    pub lost: u64,
    /// Made anew.
    pub recovered: u64,
    /// From each loss until the new one was subscribed, summed.
    pub recovering_secs: f64,
    /// Could not be deleted at the end.
    pub not_deleted: u64,
}

/// What was there to be read at the start.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BacklogSection {
    /// Offsets between where reading begins and the end, over all partitions; `null`: the server does not tell what the group
    /// has committed.
    pub records: Option<u64>,
    /// Of those, read.
    pub read: u64,
    /// Partitions that were not read to the end they had at the start.
    pub open_partitions: u64,
    /// From the start until the last of it was there; `null`: it was not.
    pub drained_secs: Option<f64>,
}

/// What the offsets tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OffsetsSection {
    /// Partitions that records came from.
    pub partitions: u64,
    /// Offsets before the last one seen of their partition that never came. Normal where a topic is compacted or written in
    /// transactions.
    pub missing: u64,
    /// In how many stretches.
    pub holes: u64,
    /// Records that came for the first time after later ones of their partition.
    pub late: u64,
}

/// Partitions that changed hands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RebalanceSection {
    /// How they were seen.
    pub seen_by: SeenBy,
    /// Before every instance that ever had a partition had one.
    pub while_joining: u64,
    /// After that.
    pub later: u64,
    /// How often a partition came to another instance.
    pub partitions_moved: u64,
}

/// One instance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct InstanceRow {
    /// Number, from 1.
    pub instance: u64,
    /// Records that came through it.
    pub fetched: u64,
    /// Over the time from its first fetch with records to the last.
    pub records_per_sec: f64,
    /// Bytes of keys and values over that time.
    pub payload_bytes_per_sec: f64,
    /// Fetches that brought records.
    pub fetches: u64,
    /// Fetches that brought none.
    pub empty: u64,
    /// Fetches that failed, by what that means for records.
    pub failed: BTreeMap<FetchFailure, u64>,
    /// Commits answered well.
    pub commits: u64,
    /// Commits not answered well.
    pub commits_failed: u64,
    /// How often the server did not have it any more.
    pub lost: u64,
    /// How often it was made anew.
    pub recovered: u64,
    /// Partitions that it had last, as far as it was seen.
    pub partitions: u64,
    /// From the start until its first record was there.
    pub first_record_secs: Option<f64>,
    /// From the start until its last record was there.
    pub last_record_secs: Option<f64>,
}

/// One kind of failure of fetches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FetchFailureRow {
    /// What it means for records.
    pub kind: FetchFailure,
    /// Fetches.
    pub fetches: u64,
    /// The text of the first one.
    pub sample: String,
}

/// An instance that the server still has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NotDeleted {
    /// Its path.
    pub path: String,
    /// Why it could not be deleted.
    pub why: String,
}

/// HDR histograms in µs, V2 compressed, base64; 1 µs to 1 h, 3 digits, so that merging is exact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ConsumeHistograms {
    /// Fetches that brought records.
    pub fetch: String,
    /// Fetches that brought none.
    pub empty_fetch: String,
}
