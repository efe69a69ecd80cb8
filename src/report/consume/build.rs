//! From what instances saw to the [`ConsumeReport`].

use std::time::{Duration, SystemTime};

use super::super::build::{encode, rfc3339};
use super::super::{Distribution, Machine, Tool};
use super::judge;
use super::{
    BacklogSection, CONSUME_SCHEMA_VERSION, Commits, ConsumeEnd, ConsumeHistograms, ConsumeLedger,
    ConsumePlan, ConsumeReport, ConsumeSummary, ConsumeTarget, FetchFailureRow, FetchedRecords,
    Fetches, InstanceRow, Instances, NotDeleted, OffsetsSection, RebalanceSection,
};
use crate::measure::consume::{InstanceTally, Tally};

/// A finished run of consumers, before anything is said about it.
#[derive(Debug)]
pub struct Consumed<'a> {
    /// What was asked for.
    pub plan: ConsumePlan,
    /// Who was asked.
    pub target: ConsumeTarget,
    /// What the instances saw.
    pub tally: &'a Tally,
    /// Whether the server told offsets at the start.
    pub backlog_known: bool,
    /// When the instances began to be made.
    pub started_at: SystemTime,
    /// From then to the end of the last fetch.
    pub elapsed: Duration,
    /// What ended it.
    pub end: ConsumeEnd,
    /// Why the target is gone, if it is.
    pub gone: Option<String>,
    /// Instances that the server still has.
    pub not_deleted: Vec<NotDeleted>,
    /// What was found before it began.
    pub warnings: Vec<String>,
}

/// Judges a run and says everything about it.
pub fn build(run: Consumed<'_>) -> ConsumeReport {
    let tally = run.tally;
    let (fetched, again) = tally.records();
    let sum = |of: fn(&InstanceTally) -> u64| tally.instances().iter().map(of).sum::<u64>();
    let [with_records, empty, failed] = [
        sum(|one| one.with_records),
        sum(|one| one.empty),
        sum(InstanceTally::failed_fetches),
    ];
    let recovering: Duration = tally.instances().iter().map(|one| one.recovering).sum();
    let backlog = tally.backlog();
    let holes = tally.holes();
    let rebalances = tally.rebalances();
    let mut report = ConsumeReport {
        schema_version: CONSUME_SCHEMA_VERSION,
        tool: Tool::here(),
        machine: Machine::here(),
        started_at: rfc3339(run.started_at),
        elapsed_secs: run.elapsed.as_secs_f64(),
        end: run.end,
        summary: summary(tally),
        ledger: ConsumeLedger {
            records: FetchedRecords {
                fetched,
                counted: fetched - again,
                again,
            },
            fetches: Fetches {
                asked: with_records + empty + failed,
                with_records,
                empty,
                empty_at_first: sum(|one| one.empty_at_first),
                failed,
            },
            commits: Commits {
                made: sum(|one| one.commits),
                failed: sum(|one| one.commits_failed),
            },
            instances: Instances {
                planned: tally.instances().len() as u64,
                lost: sum(|one| one.lost),
                recovered: sum(|one| one.recovered),
                recovering_secs: recovering.as_secs_f64(),
                not_deleted: run.not_deleted.len() as u64,
            },
        },
        backlog: run.backlog_known.then(|| BacklogSection {
            records: backlog.records,
            read: backlog.read,
            open_partitions: backlog.open_partitions,
            drained_secs: backlog.drained.map(|at| at.as_secs_f64()),
        }),
        offsets: OffsetsSection {
            partitions: tally.partitions() as u64,
            missing: holes.offsets,
            holes: holes.stretches,
            late: tally.late(),
        },
        rebalances: RebalanceSection {
            seen_by: tally.seen_by(),
            while_joining: rebalances.while_joining(),
            later: rebalances.later(),
            partitions_moved: rebalances.moved(),
        },
        instances: instances(tally),
        failures: failures(tally),
        not_deleted: run.not_deleted,
        histograms: ConsumeHistograms {
            fetch: encode(tally.with_records_us()),
            empty_fetch: encode(tally.empty_us()),
        },
        warnings: run.warnings,
        verdict: judge::undecided(),
        plan: run.plan,
        target: run.target,
    };
    report.warnings.extend(judge::warnings(&report));
    report.verdict = judge::verdict(&report, run.gone.as_deref());
    report
}

fn summary(tally: &Tally) -> ConsumeSummary {
    let (fetched, again) = tally.records();
    let window = tally.window();
    let secs = window.map_or(0.0, |(first, last)| {
        last.saturating_sub(first).as_secs_f64()
    });
    let payload: u64 = tally.instances().iter().map(|one| one.payload_bytes).sum();
    let instances = tally.instances().iter();
    let first = instances.filter_map(|one| one.first_received).min();
    ConsumeSummary {
        duration_secs: secs,
        records_per_sec: per_sec(fetched - again, secs),
        payload_bytes_per_sec: per_sec(payload, secs),
        wire_bytes_per_sec: per_sec(tally.wire_bytes(), secs),
        first_record_secs: first.map(|at| at.as_secs_f64()),
        last_record_secs: window.map(|(_, last)| last.as_secs_f64()),
        fetch_us: Distribution::of(tally.with_records_us()),
        empty_fetch_us: Distribution::of(tally.empty_us()),
    }
}

/// 0 if there was no time.
fn per_sec(count: u64, secs: f64) -> f64 {
    if secs > 0.0 { count as f64 / secs } else { 0.0 }
}

fn instances(tally: &Tally) -> Vec<InstanceRow> {
    let row = |(index, one): (usize, &InstanceTally)| {
        let window = one.first_asked.zip(one.last_received);
        let secs = window.map_or(0.0, |(first, last)| {
            last.saturating_sub(first).as_secs_f64()
        });
        InstanceRow {
            instance: index as u64 + 1,
            fetched: one.fetched,
            records_per_sec: per_sec(one.fetched, secs),
            payload_bytes_per_sec: per_sec(one.payload_bytes, secs),
            fetches: one.with_records,
            empty: one.empty,
            failed: one.failed.clone(),
            commits: one.commits,
            commits_failed: one.commits_failed,
            lost: one.lost,
            recovered: one.recovered,
            partitions: tally.rebalances().partitions_of(index) as u64,
            first_record_secs: one.first_received.map(|at| at.as_secs_f64()),
            last_record_secs: one.last_received.map(|at| at.as_secs_f64()),
        }
    };
    tally.instances().iter().enumerate().map(row).collect()
}

fn failures(tally: &Tally) -> Vec<FetchFailureRow> {
    let row = |(kind, sample): (&_, &String)| FetchFailureRow {
        kind: *kind,
        fetches: tally
            .instances()
            .iter()
            .filter_map(|one| one.failed.get(kind))
            .sum(),
        sample: sample.clone(),
    };
    tally.samples().iter().map(row).collect()
}
