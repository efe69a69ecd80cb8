//! A history as its lines say it, and as people read it.

use super::*;
use crate::gate::Outcome;
use crate::measure::TargetKind;
use crate::report::Style;

/// A run of `extreme` on day `day` of November.
fn run(day: usize, records_per_sec: f64) -> Entry {
    Entry {
        schema_version: 1,
        started_at: format!("2026-{:02}-{:02}T09:15:00.000Z", 1 + day / 28, 1 + day % 28),
        scenario: "extreme".to_owned(),
        target_kind: TargetKind::RestProxy,
        server: "REST Proxy".to_owned(),
        model: None,
        faults: Vec::new(),
        urls: vec!["http://localhost:8082".to_owned()],
        batch_size: 1_000,
        concurrency: 500,
        open_loop: false,
        duration_secs: 2.0,
        records_per_sec,
        p50_us: Some(150_000),
        p95_us: Some(195_000),
        p99_us: None,
        success_ratio: 1.0,
        outcome: Outcome::Pass,
        machine: "linux x86_64, 8 CPUs".to_owned(),
        cpu_model: Some("Some CPU".to_owned()),
        krush: "0.1.0".to_owned(),
        report: None,
    }
}

fn with(mut entry: Entry, change: impl FnOnce(&mut Entry)) -> Entry {
    change(&mut entry);
    entry
}

fn shown(entries: Vec<Entry>, last: Option<usize>) -> String {
    let style = Style::plain();
    show(&trends(entries), Shown { last, style })
}

/// 12 runs around 41,900 and 4 around 36,800, with a void one that would be a record and one interrupted.
fn dropping() -> Vec<Entry> {
    let mut runs = vec![
        with(run(0, 432.0), |run| {
            (run.concurrency, run.batch_size) = (1, 10);
        }),
        run(1, 41_000.0),
    ];
    runs.extend((2..14).map(|day| run(day, 41_900.0 + [150.0, -300.0, 420.0][day % 3])));
    runs.push(with(run(14, 99_000.0), |run| run.outcome = Outcome::Void));
    runs.extend((15..19).map(|day| run(day, 36_800.0 + [90.0, -200.0, 40.0][day % 3])));
    runs.push(with(run(19, 12.0), |run| {
        run.outcome = Outcome::Interrupted;
    }));
    runs.push(with(run(20, 36_700.0), |run| {
        run.outcome = Outcome::Threshold;
    }));
    runs
}

#[test]
fn a_history_reads_from_the_first_run_to_the_record_and_the_change() {
    insta::assert_snapshot!(shown(dropping(), None), @"
    extreme on rest-proxy http://localhost:8082: 21 runs
    from linux x86_64, 8 CPUs, Some CPU
    date (UTC)        records/s to first to prev.      P95  conn×batch
    2026-01-01 09:15        432        -        -   195 ms        1×10
    2026-01-02 09:15     41,000   × 94.9   × 94.9   195 ms    500×1000
    2026-01-03 09:15     42,320     × 98   +3.2 %   195 ms    500×1000  record
    2026-01-04 09:15     42,050   × 97.3   -0.6 %   195 ms    500×1000
    2026-01-05 09:15     41,600   × 96.3   -1.1 %   195 ms    500×1000
    2026-01-06 09:15     42,320     × 98   +1.7 %   195 ms    500×1000
    2026-01-07 09:15     42,050   × 97.3   -0.6 %   195 ms    500×1000
    2026-01-08 09:15     41,600   × 96.3   -1.1 %   195 ms    500×1000
    2026-01-09 09:15     42,320     × 98   +1.7 %   195 ms    500×1000
    2026-01-10 09:15     42,050   × 97.3   -0.6 %   195 ms    500×1000
    2026-01-11 09:15     41,600   × 96.3   -1.1 %   195 ms    500×1000
    2026-01-12 09:15     42,320     × 98   +1.7 %   195 ms    500×1000
    2026-01-13 09:15     42,050   × 97.3   -0.6 %   195 ms    500×1000
    2026-01-14 09:15     41,600   × 96.3   -1.1 %   195 ms    500×1000
    2026-01-15 09:15     99,000        -        -   195 ms    500×1000  void
    2026-01-16 09:15     36,890   × 85.4    -11 %   195 ms    500×1000
    2026-01-17 09:15     36,600   × 84.7   -0.8 %   195 ms    500×1000
    2026-01-18 09:15     36,840   × 85.3   +0.7 %   195 ms    500×1000
    2026-01-19 09:15     36,890   × 85.4   +0.1 %   195 ms    500×1000
    2026-01-20 09:15         12        -        -   195 ms    500×1000  interrupted
    2026-01-21 09:15     36,700     × 85   -0.5 %   195 ms    500×1000  threshold

    trend    ▁█████████████▇▇▇▇▇
             432 to 42,320 records/s, oldest run on the left
    record   432 → 42,320 records/s, × 98, from 2026-01-01 to 2026-01-03
    left out 2 runs that prove nothing (void, interrupted, target gone, records
      lost)
    changes  2026-01-16: -12 % from 42,050 to 36,840
    ");
}

#[test]
fn runs_that_are_not_alike_are_trends_of_their_own() {
    let mut runs = vec![run(0, 100.0), run(1, 110.0)];
    runs.push(with(run(2, 900.0), |run| run.scenario = "basic".to_owned()));
    runs.push(with(run(3, 901.0), |run| {
        run.machine = "linux aarch64, 2 CPUs".to_owned();
    }));
    runs.push(with(run(4, 902.0), |run| run.cpu_model = None));
    runs.push(with(run(5, 903.0), |run| {
        run.urls = vec!["http://other:8082".to_owned()];
    }));
    // A stand-in has another port each time.
    for (day, port) in [(6, 1), (7, 2)] {
        runs.push(with(run(day, 904.0), |run| {
            run.target_kind = TargetKind::StandIn;
            run.urls = vec![format!("http://127.0.0.1:{port}")];
        }));
    }
    let alike = |day, change: fn(&mut Entry)| {
        with(run(day, 905.0), |run| {
            run.target_kind = TargetKind::StandIn;
            change(run);
        })
    };
    runs.push(alike(8, |run| run.model = Some("small".to_owned())));
    runs.push(alike(9, |run| {
        run.faults = vec!["10 % answers 500".to_owned()];
    }));
    runs.push(alike(10, |run| {
        (run.open_loop, run.model) = (true, Some("small".to_owned()));
    }));
    let trends = trends(runs);
    let sizes: Vec<usize> = trends.iter().map(|trend| trend.runs.len()).collect();
    assert_eq!(sizes, [2, 1, 1, 1, 1, 2, 1, 1, 1]);
    let titles: Vec<String> = trends[5..].iter().map(title).collect();
    insta::assert_snapshot!(titles.join("\n"), @"
    extreme on stand-in: 2 runs
    extreme on stand-in, capacity model small: 1 run
    extreme on stand-in, misbehaving on purpose (10 % answers 500): 1 run
    extreme on stand-in, capacity model small, open loop: 1 run
    ");
    let text = show(
        &trends,
        Shown {
            last: Some(1),
            style: Style::plain(),
        },
    );
    assert!(
        text.contains("9 trends; runs of another scenario"),
        "{text}"
    );
    assert!(
        text.contains("(1 earlier run not listed; --all lists them)"),
        "{text}"
    );
}

#[test]
fn only_valid_passing_runs_hold_the_record() {
    use Outcome::{
        Inconclusive, Integrity, Interrupted, Pass, Regression, Target, Threshold, Void,
    };
    for outcome in [
        Threshold,
        Regression,
        Inconclusive,
        Void,
        Integrity,
        Target,
        Interrupted,
    ] {
        let better = with(run(1, 200.0), |run| run.outcome = outcome);
        let [trend] = &trends(vec![run(0, 100.0), better.clone()])[..] else {
            panic!("one trend")
        };
        assert_eq!(trend.record, Some(0), "{outcome:?}");
        let [alone] = &trends(vec![better])[..] else {
            panic!("one trend")
        };
        assert_eq!(alone.record, None, "{outcome:?}");
    }
    let [equal] = &trends(vec![run(0, 9.0), run(1, 9.0)])[..] else {
        panic!("one trend")
    };
    assert_eq!((equal.record, equal.runs[0].outcome), (Some(0), Pass));
}

#[test]
fn percentages_skip_runs_that_prove_nothing() {
    let void = with(run(1, 500.0), |run| run.outcome = Outcome::Void);
    let [trend] = &trends(vec![void.clone(), run(2, 100.0), void, run(3, 110.0)])[..] else {
        panic!("one trend")
    };
    // Sorted by the reader, not here: as they came.
    assert_eq!((trend.first, trend.previous(3)), (Some(1), Some(1)));
}

#[test]
fn a_changed_load_is_no_change_of_the_target() {
    let mut runs: Vec<Entry> = (0..10)
        .map(|day| run(day, 100.0 + (day % 2) as f64))
        .collect();
    runs.extend((10..20).map(|day| {
        with(run(day, 200.0 + (day % 2) as f64), |run| {
            run.concurrency = 8;
        })
    }));
    let [trend] = &trends(runs)[..] else {
        panic!("one trend")
    };
    let [change] = &trend.changes[..] else {
        panic!("{:?}", trend.changes)
    };
    assert!(change.load_changed);
    assert_eq!(
        show::words(change),
        "2026-01-11: +100 % from 101 to 201 (connections or batch size changed too)"
    );
}

#[test]
fn wrong_lines_are_told_by_number_and_the_others_count() {
    let good = |day| serde_json::to_string(&run(day, 100.0)).unwrap();
    let version = good(3).replace("\"schema_version\":1", "\"schema_version\":2");
    let time = good(4).replace("2026-", "at ");
    let text = [
        &good(2),
        "",
        &good(5)[..80],
        "[1, 2]",
        &version,
        "{\"schema_version\":7}",
        &time,
        &good(1),
    ]
    .join("\n");
    let lines = read(&text);
    let days: Vec<&str> = lines
        .entries
        .iter()
        .map(|run| &run.started_at[..10])
        .collect();
    assert_eq!(days, ["2026-01-02", "2026-01-03"]);
    let all: Vec<String> = lines
        .wrong
        .iter()
        .map(|(at, why)| format!("{at}: {why}"))
        .collect();
    insta::assert_snapshot!(all.join("\n"), @"
    3: half a line
    4: no run
    5: of version 2, and this krush reads 1
    6: of version 7, and this krush reads 1
    7: started_at is no time
    ");
    insta::assert_snapshot!(wrong_words(&lines.wrong).unwrap(), @"5 lines are left out: line 3 (half a line), line 4 (no run), line 5 (of version 2, and this krush reads 1) and 2 more");
    assert_eq!(wrong_words(&[]), None);
    let marked = format!("\u{feff}{}\n\u{feff}{}\n", good(1), good(2));
    let read_all = read(&marked);
    assert_eq!((read_all.entries.len(), read_all.wrong), (2, Vec::new()));
    assert_eq!(read(""), Lines::default());
}

#[test]
fn no_line_is_longer_than_80_columns() {
    let wide = |day| {
        with(run(day, 1e9), |run| {
            run.scenario = "a-rather-long-name-of-a-scenario-file".to_owned();
            run.urls = vec!["http://a-long-name-of-a-host.example.com:8082".to_owned(); 3];
            run.batch_size = 100_000;
            run.concurrency = 10_000;
            run.cpu_model =
                Some("Intel(R) Xeon(R) Platinum 8375C CPU @ 2.90GHz, and more".to_owned());
            run.p95_us = Some(3_600_000_000);
            run.outcome = Outcome::Inconclusive;
        })
    };
    let mut runs = dropping();
    runs.extend((0..300).map(wide));
    let text = shown(runs, None);
    for line in text.lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
}

#[test]
fn ten_thousand_runs_are_read_and_judged() {
    let lines: Vec<String> = (0..10_000)
        .map(|at| {
            let level = if at < 6_000 { 40_000.0 } else { 36_000.0 };
            let entry = with(run(0, level + f64::from(at * 7_919 % 1_009)), |run| {
                run.started_at = format!(
                    "20{:02}-01-01T{:02}:{:02}:00.000Z",
                    at / 1_440,
                    at / 60 % 24,
                    at % 60
                );
            });
            serde_json::to_string(&entry).unwrap()
        })
        .collect();
    let read = read(&lines.join("\n"));
    assert_eq!((read.entries.len(), read.wrong.len()), (10_000, 0));
    let [trend] = &trends(read.entries)[..] else {
        panic!("one trend")
    };
    let changes: Vec<usize> = trend.changes.iter().map(|change| change.run).collect();
    assert_eq!(changes, [6_000]);
}
