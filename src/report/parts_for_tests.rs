//! Parts that few reports have, for tests: an audit, a comparison, consumers.

use hdrhistogram::Histogram;

use super::samples::{good, report};
use super::{Distribution, EndToEndSection, Report};
use crate::audit::{Audited, ClaimCounts, Finding, Findings, PartitionRow};
use crate::gate::{BaselineRow, Compared, Method, MetricCompared, MetricVerdict, Outcome};
use crate::measure::{ArrivalCounts, Reconciled};

/// An audited run, so many of whose acked records were lost, and twice as many stored again.
pub(super) fn audited(lost: u64) -> Report {
    let finding = |records, what: &str| Finding {
        records,
        samples: if records > 0 {
            vec![what.to_owned()]
        } else {
            Vec::new()
        },
    };
    let mut run = report(&good());
    let acked = run.ledger.records.acked;
    let partition = PartitionRow {
        partition: 0,
        before_offset: 0,
        first_held: 0,
        end_offset: 100_000,
        appended: acked,
        acked: Some(acked),
        read: acked,
        found: acked - lost,
        duplicated: 2 * lost,
        reordered: 0,
        corrupted: 0,
        gaps: 0,
        next_offset: 100_000,
    };
    let findings = Findings {
        claimed: ClaimCounts {
            acked,
            rejected: 0,
            unknown: 0,
        },
        appended: acked,
        dropped: 0,
        read: acked,
        found: acked - lost,
        lost: finding(lost, "r1-0-7-0"),
        not_seen: 0,
        duplicated: finding(2 * lost, "partition 0 offset 9: r1-0-6-0 again"),
        reordered: Finding::default(),
        reordered_within_key: 0,
        corrupted: Finding::default(),
        rejected_but_stored: Finding::default(),
        duplicates_of_unacked: Finding::default(),
        unknown_but_stored: 0,
        unknown_and_missing: 0,
        of_other_runs: 0,
        remade: false,
        foreign: 0,
        order_places_full: false,
        partitions: vec![partition],
    };
    run.add_audit(Audited::of(findings, 0.1, None), None);
    run
}

/// A run that lost acked records.
pub(super) fn lost() -> Report {
    audited(3)
}

/// A comparison that found throughput lower.
pub(super) fn compared_with_baseline() -> Compared {
    let metric = |metric: &str, unit: &str, verdict| MetricCompared {
        metric: metric.to_owned(),
        unit: unit.to_owned(),
        higher_is_better: metric == "throughput",
        judged: metric != "p50",
        baseline: 40_000.0,
        saw: 36_000.0,
        baseline_replicates: 20,
        replicates: 20,
        change: -0.1,
        low: -0.13,
        high: -0.07,
        confidence: 0.95,
        p: 0.0004,
        verdict,
        worst: 0.13,
        minimum_detectable: 0.031,
        more_replicates: None,
        runs_needed: None,
        lower_bound: None,
        lower_bound_replicates: 0,
        run_spread: None,
        total_change: None,
        failures_at_once: None,
    };
    Compared {
        method: Method::Blocks,
        baseline: BaselineRow {
            source: "base.json".to_owned(),
            started_at: "2026-11-20T10:15:02.000Z".to_owned(),
            scenario: "extreme".to_owned(),
        },
        margin: 0.05,
        metrics: vec![
            metric("throughput", "records/s", MetricVerdict::Regression),
            metric("p95", "us", MetricVerdict::NoRegression),
            metric("p50", "us", MetricVerdict::Inconclusive),
        ],
        forced: vec!["machine".to_owned()],
        notes: Vec::new(),
        pairs: Vec::new(),
        outcome: Outcome::Regression,
        reasons: vec!["throughput is 10 % lower".to_owned()],
    }
}

/// A run of `krush e2e`, whose consumers saw other latencies than the load did.
pub(super) fn with_consumers() -> Report {
    let mut run = report(&good());
    let mut seen = Histogram::<u64>::new_with_bounds(1, 3_600_000_000, 3).unwrap();
    for us in 1..=1_000 {
        seen.record(us * 100).unwrap();
    }
    let nothing = Distribution::default();
    run.end_to_end = Some(EndToEndSection {
        latency_us: Distribution::of(&seen),
        latency_samples: seen.len(),
        arrivals: ArrivalCounts::default(),
        records: Reconciled::default(),
        instances: 2,
        fetches: 100,
        empty_fetches: 1,
        failed_fetches: 0,
        instances_lost: 0,
        not_deleted: Vec::new(),
        fetch_us: nothing,
        histogram: crate::report::build::encode(&seen),
    });
    run
}
