//! One run held against another: what changed, by how much, and how sure that is.

mod figures;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use figures::{BlockFigures, How, Pair};

use super::Outcome;

/// What came of a comparison.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Compared {
    /// What the replicates are.
    pub method: Method,
    /// What it was compared with.
    pub baseline: BaselineRow,
    /// Relative change that matters, 0 to 1.
    pub margin: f64,
    /// One row a metric; those that are judged first.
    pub metrics: Vec<MetricCompared>,
    /// Differences between the runs that `--force` overruled.
    pub forced: Vec<String>,
    /// `pass`, `regression`, `inconclusive`, or `void`.
    pub outcome: Outcome,
    /// Why.
    pub reasons: Vec<String>,
}

/// What a replicate is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// A block of equal time of a run of its own.
    Blocks,
    /// A pair of slices, one of each target, next to each other in time.
    Pairs,
}

/// What a run was compared with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BaselineRow {
    /// File or URL.
    pub source: String,
    /// When its measured part began, RFC 3339.
    pub started_at: String,
    /// Its scenario.
    pub scenario: String,
}

/// One metric of both.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MetricCompared {
    /// `throughput`, `p95`, `success`, `p50`, `p99`.
    pub metric: String,
    /// `records/s`, `us` or `ratio`.
    pub unit: String,
    /// More of it is better.
    pub higher_is_better: bool,
    /// It has a say in the outcome.
    pub judged: bool,
    /// Median over the baseline's replicates.
    pub baseline: f64,
    /// Median over the run's replicates.
    pub saw: f64,
    /// Replicates of the baseline.
    pub baseline_replicates: u64,
    /// Replicates of the run.
    pub replicates: u64,
    /// Relative change from the baseline: Hodges-Lehmann, 0.05 is 5 % more.
    pub change: f64,
    /// Lower end of its interval.
    pub low: f64,
    /// Upper end of its interval.
    pub high: f64,
    /// Confidence of that interval, 0 to 1.
    pub confidence: f64,
    /// Mann-Whitney for blocks, Wilcoxon signed-rank for pairs; two-sided.
    pub p: f64,
    /// What it comes to.
    pub verdict: MetricVerdict,
    /// Relative change for the worse that is not exceeded, with 95 % confidence: a pass needs it below the margin.
    pub worst: f64,
    /// True relative change for the worse that would be called a regression with 95 % probability; more than the margin.
    pub minimum_detectable: f64,
    /// More replicates of each side until it could be told, if more of them can.
    pub more_replicates: Option<u64>,
    /// Runs of each side until it could be told, where only more runs can.
    pub runs_needed: Option<u64>,
}

/// What a comparison says of one metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MetricVerdict {
    /// Worse: significant, and at least the margin.
    Regression,
    /// Better: significant, and at least the margin.
    Improvement,
    /// Equivalent within the margin.
    NoRegression,
    /// Cannot be told.
    Inconclusive,
}

/// Compares pairs of slices, each two next to each other in time: what drifts is in both, and is gone from their ratio.
/// `open_loop`: throughput follows the schedule, so that only its fall says something. Fewer than eight pairs are inconclusive.
pub fn compare_pairs(
    pairs: &[Pair],
    baseline: BaselineRow,
    open_loop: bool,
    how: &How,
) -> Compared {
    let _ = (pairs, open_loop);
    Compared {
        method: Method::Pairs,
        baseline,
        margin: how.margin,
        metrics: Vec::new(),
        forced: Vec::new(),
        outcome: Outcome::Inconclusive,
        reasons: Vec::new(),
    }
}
