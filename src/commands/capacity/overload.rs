//! What overload did: whether goodput collapsed, and when it was over, from the timeline of one run in three stages.

use serde::Serialize;

use crate::report::SecondRow;

/// Goodput under overload below this share of what was acked before it is a collapse. A target that only queues goes on at its
/// capacity, which is no less than the rate that held; losing a fifth of that is more than the 15 % by which equal runs
/// on a busy machine differ.
pub(super) const COLLAPSE: f64 = 0.8;
/// Of its rate, what a second must ack to be well: answers come a little later than they are due, and whole batches at once.
const WELL: f64 = 0.95;
/// Seconds at the edge of a stage that belong to neither.
const EDGE: u64 = 1;

/// The stages of the run, in whole seconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stages {
    /// Length of the first, at the rate that was found.
    pub(super) before: u64,
    /// Length of the overload.
    pub(super) over: u64,
    /// Length of the rest, at a lower rate.
    pub(super) after: u64,
    /// Records per second of the overload.
    pub(super) over_rate: f64,
    /// Records per second of the rest.
    pub(super) after_rate: f64,
}

/// What became of the overload.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum After {
    /// There was none.
    None,
    /// It was made.
    Seen(Overload),
    /// The user stopped it.
    Interrupted,
    /// The target was gone, or stayed slow.
    Lost(String),
}

/// What was seen.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Overload {
    /// Acked records per second before the overload.
    pub(super) before_records_per_sec: f64,
    /// Acked records per second during the overload.
    pub(super) goodput_records_per_sec: f64,
    /// The latter over the former.
    pub(super) goodput_ratio: f64,
    /// It is below 0.8.
    pub(super) collapsed: bool,
    /// From the end of the overload until everything held again, and went on to; `null`: not within the time that was looked at.
    pub(super) recovery_secs: Option<u64>,
    /// How long that was.
    pub(super) watched_secs: u64,
    /// How long a target takes that goes on as it did under overload, and only has what was left over to work off; `null`: it
    /// would never be done.
    pub(super) queue_secs: Option<f64>,
    /// Largest latency percentile of a second, in µs.
    pub(super) worst_p95_us: Option<u64>,
}

/// Reads the timeline. A second is well if its P95, which stands for every percentile below it, is within `p95_us` and it acked as
/// much as it should.
pub(super) fn read(rows: &[SecondRow], stages: Stages, p95_us: u64) -> Overload {
    let of = |second: u64| rows.iter().find(|row| row.second == second);
    let acked = |from: u64, to: u64| {
        let seconds = to.saturating_sub(from).max(1) as f64;
        let sum: u64 = (from..to).filter_map(of).map(|row| row.records_acked).sum();
        sum as f64 / seconds
    };
    let begins = stages.before;
    let ends = stages.before + stages.over;
    let before = acked(EDGE.min(begins.saturating_sub(1)), begins);
    // The first second still has answers to what came before.
    let goodput = acked(begins + EDGE.min(stages.over.saturating_sub(1)), ends);
    let well = |second: u64| {
        let Some(row) = of(second) else { return false };
        let in_time = row.latency_us.p95.is_some_and(|us| us <= p95_us);
        let known = !row.latency_us.lower_bounds.iter().any(|name| name == "p95");
        in_time && known && row.records_acked as f64 >= stages.after_rate * WELL
    };
    let last = ends + stages.after;
    let sick = (ends..last).rev().find(|second| !well(*second));
    let recovered = sick.map_or(ends, |second| second + 1);
    let ratio = goodput / before.max(1e-9);
    let left_over = (stages.over_rate - goodput).max(0.0) * stages.over as f64;
    let spare = goodput - stages.after_rate;
    Overload {
        before_records_per_sec: before,
        goodput_records_per_sec: goodput,
        goodput_ratio: ratio,
        collapsed: ratio < COLLAPSE,
        recovery_secs: (recovered < last).then(|| recovered - ends),
        watched_secs: stages.after,
        queue_secs: (spare > 0.0).then(|| left_over / spare),
        worst_p95_us: rows.iter().filter_map(|row| row.latency_us.p95).max(),
    }
}
