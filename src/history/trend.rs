//! Runs that may be compared, in order: the first, the record, and where the level shifted.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Entry, change, load};
use crate::gate::{Outcome, Worthless};
use crate::measure::TargetKind;

/// Seed of the permutation tests: the same file gives the same answer.
const SEED: u64 = 1;

/// Runs of one scenario against one target from one kind of machine, of one kind of record, all in a closed loop or all at one rate.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Trend {
    /// Preset or scenario file.
    pub scenario: String,
    /// What was tested.
    pub target_kind: TargetKind,
    /// Base URLs; none for a stand-in, whose port is another each time.
    pub urls: Vec<String>,
    /// Capacity model of the stand-in, if its figures are those of one.
    pub model: Option<String>,
    /// How the target misbehaved on purpose.
    pub faults: Vec<String>,
    /// What a record is, in words; none if the runs are of an earlier version, which did not say.
    pub record_kind: Option<String>,
    /// Requests were due on a schedule of their own.
    pub open_loop: bool,
    /// How load arrives, in words; none in a closed loop.
    pub pace: Option<String>,
    /// The load generator.
    pub machine: String,
    /// Its CPU model, where readable.
    pub cpu_model: Option<String>,
    /// All of its runs, oldest first.
    pub runs: Vec<Entry>,
    /// Index of the first run whose figures say something.
    pub first: Option<usize>,
    /// Index of the valid passing run with the most records per second.
    pub record: Option<usize>,
    /// Lasting changes of records per second, oldest first.
    pub changes: Vec<Change>,
    /// What changes could have been seen; none if the runs are too few for any.
    pub resolution: Option<Resolution>,
}

/// How well changes can be told from noise.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Resolution {
    /// How much a run resembles the one before it, between changes: the correlation of their logarithms, 0 to 1.
    pub neighbour_correlation: f64,
    /// Whether that is more than chance.
    pub neighbours_alike: bool,
    /// Smallest lasting change that is found as a rule, as a share of the level before: after ten runs, or half of all if those are fewer.
    pub least_change_ratio: f64,
}

/// A lasting change of level.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Change {
    /// Index of the first run after it.
    pub run: usize,
    /// When that run began.
    pub started_at: String,
    /// Median records per second before it, from the change before.
    pub before_records_per_sec: f64,
    /// Median records per second from it to the next.
    pub after_records_per_sec: f64,
    /// How likely chance alone would show it.
    pub p_value: f64,
    /// Connections or batch size were others from then on: what the command line changed is no change of the target.
    pub load_changed: bool,
}

/// What must be the same in all runs of a trend.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    scenario: String,
    target_kind: &'static str,
    urls: Vec<String>,
    model: Option<String>,
    faults: Vec<String>,
    record_kind: Option<String>,
    open_loop: bool,
    pace: Option<String>,
    machine: String,
    cpu_model: Option<String>,
}

fn key(entry: &Entry) -> Key {
    Key {
        scenario: entry.scenario.clone(),
        target_kind: entry.target_kind.name(),
        urls: urls(entry),
        model: entry.model.clone(),
        faults: entry.faults.clone(),
        record_kind: load::record_words(entry),
        open_loop: entry.open_loop,
        pace: load::pace_words(entry),
        machine: entry.machine.clone(),
        cpu_model: entry.cpu_model.clone(),
    }
}

fn urls(entry: &Entry) -> Vec<String> {
    match entry.target_kind {
        TargetKind::StandIn => Vec::new(),
        TargetKind::RestProxy | TargetKind::StandInKafka => entry.urls.clone(),
    }
}

/// The trends of runs that are in order, the one with the latest run last.
pub fn trends(entries: Vec<Entry>) -> Vec<Trend> {
    let mut groups: BTreeMap<Key, Vec<Entry>> = BTreeMap::new();
    for entry in entries {
        groups.entry(key(&entry)).or_default().push(entry);
    }
    let alike = groups.into_iter();
    let mut trends: Vec<Trend> = alike.filter_map(|(key, runs)| trend(key, runs)).collect();
    let last = |trend: &Trend| trend.runs.last().map(|run| run.started_at.clone());
    trends.sort_by_cached_key(last);
    trends
}

fn trend(key: Key, runs: Vec<Entry>) -> Option<Trend> {
    let target_kind = runs.first()?.target_kind;
    let evidence: Vec<usize> = (0..runs.len())
        .filter(|&at| is_evidence(&runs[at]))
        .collect();
    let (changes, resolution) = changes(&runs, &evidence);
    Some(Trend {
        scenario: key.scenario,
        target_kind,
        urls: key.urls,
        model: key.model,
        faults: key.faults,
        record_kind: key.record_kind,
        open_loop: key.open_loop,
        pace: key.pace,
        machine: key.machine,
        cpu_model: key.cpu_model,
        first: evidence.first().copied(),
        record: record(&runs),
        changes,
        resolution,
        runs,
    })
}

/// Whether the figures of a run say something about the target, well or badly.
pub fn is_evidence(entry: &Entry) -> bool {
    Worthless::of(entry.outcome, entry.records_per_sec).is_none()
}

fn record(runs: &[Entry]) -> Option<usize> {
    let passing = runs.iter().enumerate();
    let passing = passing.filter(|(_, run)| run.outcome == Outcome::Pass && is_evidence(run));
    // The earlier of two that are equal: the later one broke nothing.
    passing
        .rev()
        .max_by(|(_, a), (_, b)| a.records_per_sec.total_cmp(&b.records_per_sec))
        .map(|(index, _)| index)
}

fn changes(runs: &[Entry], evidence: &[usize]) -> (Vec<Change>, Option<Resolution>) {
    let values: Vec<f64> = evidence
        .iter()
        .map(|&at| runs[at].records_per_sec)
        .collect();
    let shape = |at: usize| (runs[at].concurrency, runs[at].batch_size);
    let Some(shifts) = change::shifts(&values, SEED) else {
        return (Vec::new(), None);
    };
    let resolution = Resolution {
        neighbour_correlation: shifts.correlation,
        neighbours_alike: shifts.alike,
        least_change_ratio: shifts.least_ratio,
    };
    let changes = (shifts.all.into_iter())
        .map(|shift| {
            let run = evidence[shift.at];
            Change {
                run,
                started_at: runs[run].started_at.clone(),
                before_records_per_sec: shift.before,
                after_records_per_sec: shift.after,
                p_value: shift.p_value,
                load_changed: shift.at > 0 && shape(run) != shape(evidence[shift.at - 1]),
            }
        })
        .collect();
    (changes, Some(resolution))
}

impl Trend {
    /// Index of the run of evidence before this one.
    pub fn previous(&self, index: usize) -> Option<usize> {
        (0..index).rev().find(|&at| is_evidence(&self.runs[at]))
    }
}
