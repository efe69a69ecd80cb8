//! What overload did: whether goodput collapsed, and when it was over, from the timeline of one run in three stages.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Slo;
use crate::report::{SecondLatency, SecondRow};

/// Goodput under overload below this share of what was acked before it is a collapse. A target that only queues goes on at its
/// capacity, which is no less than the rate that held; losing a fifth of that is more than the 15 % by which equal runs
/// on a busy machine differ.
pub(super) const COLLAPSE: f64 = 0.8;
/// Of its rate, what must end in a second, acked or not, for it to be well: answers come a little later than they are due, and whole
/// batches at once. How many of them are acked is judged by itself.
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
    /// There was none: nothing above the rate that was found may be offered.
    NotAllowed,
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
    /// Records per second offered during the overload.
    pub(super) offered_records_per_sec: f64,
    /// Acked records per second before the overload.
    pub(super) before_records_per_sec: f64,
    /// Acked records per second during the overload.
    pub(super) goodput_records_per_sec: f64,
    /// The latter over the former.
    pub(super) goodput_ratio: f64,
    /// It is below 0.8.
    pub(super) collapsed: bool,
    /// Records per second offered afterwards.
    pub(super) after_records_per_sec: f64,
    /// From the end of the overload until everything held again, and went on to; `null`: not within the time that was looked at.
    pub(super) recovery_secs: Option<u64>,
    /// How long that was.
    pub(super) watched_secs: u64,
    /// How long a target takes that goes on as it did under overload, and only has what was left over to work off; `null`: it
    /// would never be done.
    pub(super) queue_secs: Option<f64>,
    /// Largest P95 of a second, in µs, whatever percentile the limit is on.
    pub(super) worst_p95_us: Option<u64>,
}

/// Latencies of some time, as counts by the upper edges of their buckets; of those in `bounds` only a lower bound is known.
#[derive(Debug, Default)]
struct Latencies {
    all: BTreeMap<u64, u64>,
    bounds: BTreeMap<u64, u64>,
}

impl Latencies {
    fn add(&mut self, latency: &SecondLatency) {
        // The rows are of this process: they can be read.
        let buckets = latency.read_buckets().unwrap_or_default();
        for (buckets, counts) in [
            (buckets.all, &mut self.all),
            (buckets.bounds, &mut self.bounds),
        ] {
            for (edge, count) in buckets {
                *counts.entry(edge).or_default() += count;
            }
        }
    }

    /// Whether this percentile, 0 to 100, is within the limit. Those that are only lower bounds are not; a bucket that the limit lies
    /// in is.
    fn hold(&self, percentile: f64, limit_us: u64) -> bool {
        let within = |counts: &BTreeMap<u64, u64>| -> u64 {
            let inside = counts
                .iter()
                .filter(|(edge, _)| lower_edge(**edge) <= limit_us);
            inside.map(|(_, count)| count).sum()
        };
        let total: u64 = self.all.values().sum();
        let needed = (total as f64 * percentile / 100.0 - 1e-9).ceil() as u64;
        total > 0 && within(&self.all).saturating_sub(within(&self.bounds)) >= needed
    }
}

/// Of a bucket of 6 %, by its upper edge, to a little below.
pub(super) fn lower_edge(edge_us: u64) -> u64 {
    edge_us - edge_us / 16
}

/// Reads the timeline of a run with so many records a request. After the overload, it is over at the first second from which on everything holds: in that second itself the
/// percentile, over it and all later ones together the percentile, the share that was acked and the rate.
pub(super) fn read(rows: &[SecondRow], batch: u64, stages: Stages, slo: Slo) -> Overload {
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
    let in_time = |from: u64, to: u64| {
        let mut latencies = Latencies::default();
        for row in (from..to).filter_map(of) {
            latencies.add(&row.latency_us);
        }
        latencies.hold(slo.percentile, slo.limit_us)
    };
    let last = ends + stages.after;
    let well = |second: u64| {
        in_time(second, second + 1)
            && in_time(second, last)
            && ended(rows, batch, second, second + 1) as f64 >= stages.after_rate * WELL
            && success(rows, batch, second, last) + 1e-9 >= slo.min_success
    };
    let recovered = (ends..last).find(|second| well(*second));
    let ratio = goodput / before.max(1e-9);
    // Records that fail before it as well wait in no queue.
    let worked_off = goodput / success(rows, batch, 0, begins).max(1e-9);
    let left_over = (stages.over_rate - worked_off).max(0.0) * stages.over as f64;
    let spare = worked_off - stages.after_rate;
    Overload {
        offered_records_per_sec: stages.over_rate,
        before_records_per_sec: before,
        goodput_records_per_sec: goodput,
        goodput_ratio: ratio,
        collapsed: ratio < COLLAPSE,
        after_records_per_sec: stages.after_rate,
        recovery_secs: recovered.map(|second| second - ends),
        watched_secs: stages.after,
        queue_secs: (spare > 0.0).then(|| left_over / spare),
        worst_p95_us: rows.iter().filter_map(|row| row.latency_us.p95).max(),
    }
}

/// Share of the records acked, of requests of so many records that ended from one second on until another.
fn success(rows: &[SecondRow], batch: u64, from: u64, to: u64) -> f64 {
    let within = rows.iter().filter(|row| (from..to).contains(&row.second));
    let acked: u64 = within.map(|row| row.records_acked).sum();
    let ended = ended(rows, batch, from, to);
    if ended > 0 {
        acked as f64 / ended as f64
    } else {
        0.0
    }
}

/// Records of requests that ended, acked or not, from one second on until another.
pub(super) fn ended(rows: &[SecondRow], batch: u64, from: u64, to: u64) -> u64 {
    let within = rows.iter().filter(|row| (from..to).contains(&row.second));
    batch * within.map(|row| row.requests).sum::<u64>()
}
