//! A merge against one recorder that saw everything, and what is refused.

use std::time::Duration;

use proptest::prelude::*;

use super::{Source, merge};
use crate::gate::fixture::Fixture;
use crate::measure::{Counts, Exchange, FailureKind, Recorder, Slices, Timeline, TimelineDelta};
use crate::report::samples::report;
use crate::report::{BlocksSection, Report, json};

/// One request: when it was due, how long it waited, how long it took, whether it was answered.
type Sample = (u64, u64, u64, bool);

/// What one recorder, one timeline make of these requests.
fn measured(samples: &[Sample]) -> Fixture {
    let mut fixture = Fixture::new();
    fixture.open_loop(50_000.0);
    let (mut recorder, mut delta) = (Recorder::new(), TimelineDelta::default());
    let mut slices = Slices::new(Some(Duration::from_secs(10)));
    for &(due_us, waited_us, took_us, answered) in samples {
        let exchange = Exchange {
            due_us,
            sent_us: due_us + waited_us,
            done_us: due_us + waited_us + took_us,
            free_us: Some(due_us + waited_us / 2),
            acked: if answered { 10 } else { 0 },
            rejected: 0,
            unknown: if answered { 0 } else { 10 },
            lower_bound: !answered,
        };
        recorder.sent(10);
        recorder.ended(&exchange);
        recorder.payload_bytes_acked += exchange.acked * 271;
        recorder.wire_bytes_sent += 2_901;
        recorder.wire_bytes_received += 603;
        if !answered {
            recorder
                .failures
                .add(FailureKind::Timeout, None, None, 1, 10, || {
                    "late".to_owned()
                });
        }
        delta.ended(&exchange, 0);
        slices.ended(&exchange, 0);
    }
    let mut timeline = Timeline::default();
    timeline.take(&mut delta);
    let sent = recorder.ledger.requests.sent;
    let counts = Counts {
        requests: sent,
        records: sent * 10,
    };
    let elapsed = Duration::from_secs(20);
    let measured = &mut fixture.measured;
    (measured.timeline, measured.spans) = timeline.finish(Duration::from_secs(10), elapsed);
    (measured.scheduled, measured.unsent) = (counts, Counts::default());
    (measured.elapsed, measured.window) = (elapsed, Some(Duration::from_millis(12_345)));
    measured.generator.in_flight_us = recorder.in_flight_us;
    measured.blocks = slices.blocks(10_000_000);
    measured.targets = vec![recorder];
    fixture
}

/// Written and read again.
fn source(name: &str, report: &Report) -> Source {
    Source {
        name: name.to_owned(),
        report: serde_json::from_str(&json(report)).unwrap(),
    }
}

/// The report of a run whose name in its records is its own.
fn named(run: &str, fixture: &mut Fixture) -> Report {
    run.clone_into(&mut fixture.measured.claims.run);
    report(fixture)
}

fn samples() -> impl Strategy<Value = Vec<(Sample, usize)>> {
    let took = prop_oneof![
        1_u64..2_000,
        1_000_u64..3_000_000,
        // Above an hour: clamped.
        3_599_000_000_u64..4_000_000_000,
    ];
    let sample = (
        0_u64..9_999_999,
        0_u64..50_000,
        took,
        prop::bool::weighted(0.9),
    );
    prop::collection::vec((sample, 0_usize..4), 1..200)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(16) })]

    #[test]
    fn merged_workers_are_one_recorder_that_saw_everything(dealt in samples()) {
        let all: Vec<Sample> = dealt.iter().map(|(sample, _)| *sample).collect();
        let whole = measured(&all);
        let expected = report(&whole);
        let sources: Vec<Source> = (0..4).map(|worker| {
            let mine = dealt.iter().filter(|(_, of)| *of == worker);
            let mine: Vec<Sample> = mine.map(|(sample, _)| *sample).collect();
            source(&format!("w{worker}.json"), &named(&format!("run{worker}"), &mut measured(&mine)))
        }).collect();
        let merged = merge(&sources).unwrap();
        prop_assert_eq!(&merged.summary, &expected.summary);
        prop_assert_eq!(&merged.histograms, &expected.histograms);
        prop_assert_eq!(&merged.ledger, &expected.ledger);
        prop_assert_eq!(&merged.timeline, &expected.timeline);
        prop_assert_eq!(&merged.over_time, &expected.over_time);
        prop_assert_eq!(&merged.failures, &expected.failures);
        prop_assert_eq!(merged.generator.clamped, expected.generator.clamped);
        prop_assert_eq!(&merged.target.per_target, &expected.target.per_target);
        // A merge of merges is the same.
        let pairs = [merge(&sources[..2]).unwrap(), merge(&sources[2..]).unwrap()];
        let pairs = pairs.map(|report| source("pair.json", &report));
        let twice = merge(&pairs).unwrap();
        prop_assert_eq!(&twice.summary, &expected.summary);
        prop_assert_eq!(&twice.histograms, &expected.histograms);
        prop_assert_eq!(twice.merged, merged.merged);
    }
}

/// The same run some time later.
fn later(fixture: &mut Fixture, by: Duration, run: &str) -> Source {
    fixture.measured.started_at += by;
    source(&format!("{run}.json"), &named(run, fixture))
}

/// 100 requests in the first second of a run.
fn second() -> Fixture {
    let sample = |n: u64| (n * 9_000, 10, 1_000 + n * 10, true);
    let samples: Vec<Sample> = (0..100).map(sample).collect();
    measured(&samples)
}

fn pair(by: Duration) -> [Source; 2] {
    [
        later(&mut second(), Duration::ZERO, "a"),
        later(&mut second(), by, "b"),
    ]
}

#[test]
fn seconds_are_put_together_by_the_wall_clock() {
    let merged = merge(&pair(Duration::from_millis(2_400))).unwrap();
    let acked: Vec<u64> = merged
        .timeline
        .iter()
        .map(|row| row.records_acked)
        .collect();
    assert_eq!(acked[..3], [1_000, 0, 1_000]);
    assert!(acked[3..].iter().all(|acked| *acked == 0), "{acked:?}");
    // From the first start to the last end.
    assert!((merged.summary.duration_secs - 14.745).abs() < 1e-9);
    assert!((merged.summary.records_per_sec - 2_000.0 / 14.745).abs() < 1e-9);
    assert!((merged.elapsed_secs - 22.4).abs() < 1e-9);
    let rows = merged.merged.unwrap().sources;
    assert!((rows[1].offset_secs - 2.4).abs() < 1e-9);
    let apart = |warning: &&String| warning.contains("at the same time");
    assert_eq!(
        merged.warnings.iter().filter(apart).collect::<Vec<_>>(),
        [
            "all runs went on at the same time for 9.9 s of 14.7 s: throughput is over all of it, and less than they reached together. Start the workers together, with the same --duration."
        ]
    );
    let together = merge(&pair(Duration::from_millis(200))).unwrap();
    assert_eq!(together.warnings.iter().find(apart), None);
}

#[test]
fn blocks_of_one_length_are_added_side_by_side() {
    let sources = pair(Duration::from_millis(200));
    let merged = merge(&sources).unwrap().blocks.unwrap();
    let one = sources[0].report.blocks.clone().unwrap();
    assert!(one.rows.len() >= 8, "{}", one.rows.len());
    assert!((merged.block_secs - one.block_secs).abs() < 1e-9);
    let acked = |section: &BlocksSection| -> Vec<u64> {
        section.rows.iter().map(|row| row.records_acked).collect()
    };
    let twice: Vec<u64> = acked(&one).iter().map(|acked| acked * 2).collect();
    assert_eq!(acked(&merged), twice);
}

#[test]
fn runs_one_after_the_other_are_merged_with_a_warning_and_hours_apart_not_at_all() {
    let merged = merge(&pair(Duration::from_mins(1))).unwrap();
    let first = &merged.warnings[0];
    assert!(first.contains("(a.json, b.json)"), "{first}");
    assert_eq!(merged.blocks.unwrap().rows, []);
    let error = merge(&pair(Duration::from_secs(3_700))).unwrap_err();
    insta::assert_snapshot!(error, @"b.json: it began 1h 1m after all before had ended");
}

#[test]
fn reports_without_latencies_of_each_second_leave_only_those_unknown() {
    let mut sources = pair(Duration::ZERO);
    for source in &mut sources {
        for row in &mut source.report.timeline {
            row.latency_us.buckets.clear();
        }
    }
    let merged = merge(&sources).unwrap();
    let row = &merged.timeline[0];
    assert_eq!(row.records_acked, 2_000);
    assert_eq!((row.latency_us.p50, row.latency_us.p95), (None, None));
    let max = sources[0].report.timeline[0].latency_us.max;
    assert_eq!(row.latency_us.max, max);
    let said = |warning: &String| warning.contains("each second");
    assert!(merged.warnings.iter().any(said));
    assert!(merged.summary.latency_us.p95.is_some());
}

#[test]
fn thresholds_are_judged_on_the_whole_if_all_had_the_same() {
    let with = |run: &str, expression: &str| {
        let mut fixture = second();
        fixture.plan.thresholds = vec![expression.parse().unwrap()];
        later(&mut fixture, Duration::ZERO, run)
    };
    let merged = merge(&[with("a", "failed > 0"), with("b", "failed > 0")]).unwrap();
    assert_eq!(merged.thresholds.len(), 1);
    assert!(merged.thresholds[0].passed);
}

/// The same with every check of validity held.
fn valid(mut source: Source) -> Source {
    let validity = &mut source.report.validity;
    validity.void = false;
    for check in &mut validity.checks {
        check.passed = true;
    }
    source
}

#[test]
fn a_threshold_that_a_worker_missed_alone_leaves_the_whole_open() {
    let with = |run: &str, expression: &str| {
        let mut fixture = second();
        fixture.plan.thresholds = vec![expression.parse().unwrap()];
        valid(later(&mut fixture, Duration::ZERO, run))
    };
    let merged = merge(&[with("a", "failed > 0"), with("b", "p95 > 1us")]).unwrap();
    assert!(merged.thresholds.is_empty());
    let verdict = &merged.verdict;
    assert_eq!(verdict.exit_code, 12, "{:?}", verdict.reasons);
    assert!(verdict.reasons[0].starts_with("the runs had different thresholds"));
    let missed = &verdict.reasons[1];
    assert!(
        missed.starts_with("b.json missed `p95 > 1us`: saw "),
        "{missed}"
    );
    // So does the merge of such a merge.
    let merged = merge(&[source("all.json", &merged), with("c", "failed > 0")]).unwrap();
    assert_eq!(merged.verdict.exit_code, 12);
    let said = merged.verdict.reasons.join("; ");
    assert!(
        said.contains("all.json: b.json missed `p95 > 1us`"),
        "{said}"
    );
}

#[test]
fn what_a_worker_lost_and_who_was_interrupted_is_named() {
    use crate::audit::Audited;
    use crate::measure::End;
    let mut sources = pair(Duration::ZERO).map(valid);
    sources[1].report.audit = Some(Audited::not_done("no answer".to_owned()));
    let merged = merge(&sources).unwrap().verdict;
    assert_eq!(merged.reasons, ["b.json: no audit: no answer"]);
    sources[1].report.audit = None;
    sources[0].report.end = End::Interrupted;
    let merged = merge(&sources).unwrap().verdict;
    assert_eq!(merged.exit_code, 130);
    assert_eq!(merged.reasons[0], "interrupted: a.json");
}

#[test]
fn sides_of_a_duet_and_seconds_after_the_end_are_refused() {
    let refused = |change: fn(&mut Report)| {
        let mut sources = pair(Duration::ZERO);
        change(&mut sources[1].report);
        let error = merge(&sources).unwrap_err();
        error.to_string()
    };
    let lines = [
        refused(|report| report.claims = None),
        refused(|report| report.timeline[0].second = 1 << 63),
        refused(|report| report.timeline[0].second = 21),
        refused(|report| report.elapsed_secs = 1e15),
    ];
    assert_eq!(
        lines,
        [
            "b.json: it is a side of a duet, whose slices have no seconds to lay beside those of another run",
            "b.json: timeline cannot be read",
            "b.json: timeline cannot be read",
            "b.json: elapsed_secs cannot be read",
        ]
    );
}
