//! The pairs of a duet as they are in its report, so that what was found can be worked out again.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Two slices next to each other in time. The first pair was played baseline first, the second run first, and so on by turns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PairRow {
    /// The slice of the baseline.
    pub baseline: SliceRow,
    /// The slice of the run.
    pub run: SliceRow,
}

/// One slice, warm-up excluded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SliceRow {
    /// Records acked per second.
    pub records_per_sec: f64,
    /// Latency of its requests, from when they were due.
    pub latency_us: SliceLatency,
    /// Requests that were scheduled, sent or not.
    pub requests: u64,
    /// Of those, not complete.
    pub failures: u64,
    /// Records acked.
    pub records_acked: u64,
}

/// Latency of one slice in µs; `null`: no request was due.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SliceLatency {
    /// Median.
    pub p50: Option<u64>,
    /// 95th percentile.
    pub p95: Option<u64>,
    /// 99th percentile.
    pub p99: Option<u64>,
    /// So many requests have no answer that the 95th percentile is only a lower bound.
    pub lower_bound: bool,
}
