//! A history as its lines say it, and as people read it.

use super::*;
use crate::gate::Outcome;
use crate::measure::TargetKind;
use crate::report::{PayloadSection, SpikeSection, StageSection, Style};

fn payload(format: &str, message_size_bytes: u64) -> PayloadSection {
    let value = serde_json::json!({
        "format": format, "message_size_bytes": message_size_bytes, "value_bytes": 200, "content": "text",
        "key": {"mode": "none", "keys": null, "hot_ratio": null}, "seed": 1,
    });
    serde_json::from_value(value).unwrap()
}

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
        payload: Some(payload("json", 100)),
        open_loop: false,
        rate_records_per_sec: None,
        stages: None,
        spike: None,
        arrivals: None,
        duration_secs: 2.0,
        records_per_sec,
        p50_us: Some(150_000),
        p95_us: Some(195_000),
        p99_us: None,
        lower_bounds: Vec::new(),
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
    extreme on rest-proxy http://localhost:8082, json of 100 B: 21 runs
    from linux x86_64, 8 CPUs, Some CPU
    date (UTC)       records/s to first to prev.    P95 conn×batch
    2026-01-01 09:15       432        -        - 195 ms       1×10
    2026-01-02 09:15    41,000   × 94.9   × 94.9 195 ms   500×1000
    2026-01-03 09:15    42,320     × 98   +3.2 % 195 ms   500×1000  record
    2026-01-04 09:15    42,050   × 97.3   -0.6 % 195 ms   500×1000
    2026-01-05 09:15    41,600   × 96.3   -1.1 % 195 ms   500×1000
    2026-01-06 09:15    42,320     × 98   +1.7 % 195 ms   500×1000
    2026-01-07 09:15    42,050   × 97.3   -0.6 % 195 ms   500×1000
    2026-01-08 09:15    41,600   × 96.3   -1.1 % 195 ms   500×1000
    2026-01-09 09:15    42,320     × 98   +1.7 % 195 ms   500×1000
    2026-01-10 09:15    42,050   × 97.3   -0.6 % 195 ms   500×1000
    2026-01-11 09:15    41,600   × 96.3   -1.1 % 195 ms   500×1000
    2026-01-12 09:15    42,320     × 98   +1.7 % 195 ms   500×1000
    2026-01-13 09:15    42,050   × 97.3   -0.6 % 195 ms   500×1000
    2026-01-14 09:15    41,600   × 96.3   -1.1 % 195 ms   500×1000
    2026-01-15 09:15    99,000        -        - 195 ms   500×1000  void
    2026-01-16 09:15    36,890   × 85.4    -11 % 195 ms   500×1000
    2026-01-17 09:15    36,600   × 84.7   -0.8 % 195 ms   500×1000
    2026-01-18 09:15    36,840   × 85.3   +0.7 % 195 ms   500×1000
    2026-01-19 09:15    36,890   × 85.4   +0.1 % 195 ms   500×1000
    2026-01-20 09:15        12        -        - 195 ms   500×1000  interrupted
    2026-01-21 09:15    36,700     × 85   -0.5 % 195 ms   500×1000  threshold

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
    extreme on stand-in, json of 100 B: 2 runs
    extreme on stand-in, capacity model small, json of 100 B: 1 run
    extreme on stand-in, misbehaving on purpose (10 % answers 500), json of 100 B: 1 run
    extreme on stand-in, capacity model small, json of 100 B, open loop: 1 run
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
        show::words(trend, change),
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
    insta::assert_snapshot!(lines::wrong_words(&lines.wrong).unwrap(), @"5 lines are left out: line 3 (half a line), line 4 (no run), line 5 (of version 2, and this krush reads 1) and 2 more");
    assert_eq!(lines::wrong_words(&[]), None);
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

#[test]
fn another_record_or_rate_is_another_trend_and_the_title_says_which() {
    let stage = |from: f64, to: f64| StageSection {
        from_records_per_sec: from,
        to_records_per_sec: to,
        duration_secs: 10.0,
    };
    let open = |day, rate| {
        with(run(day, 904.0), |run| {
            (run.open_loop, run.rate_records_per_sec) = (true, rate);
            run.arrivals = Some("uniform".to_owned());
        })
    };
    let hot = |run: &mut Entry| {
        let key = &mut run.payload.as_mut().unwrap().key;
        (key.mode, key.keys, key.hot_ratio) = ("hot".to_owned(), Some(1_000), Some(0.9));
    };
    let runs = vec![
        run(0, 900.0),
        with(run(1, 910.0), |run| {
            run.payload = Some(payload("json", 262_144));
        }),
        with(run(2, 920.0), |run| {
            run.payload = Some(payload("binary", 100));
        }),
        with(run(3, 930.0), hot),
        open(4, Some(1_000.0)),
        open(5, Some(200.0)),
        with(open(6, None), |run| {
            run.stages = Some(vec![stage(0.0, 500.0), stage(500.0, 500.0)]);
        }),
        with(open(7, Some(200.0)), |run| {
            run.arrivals = Some("poisson".to_owned());
            run.spike = Some(SpikeSection {
                records_per_sec: 5_000.0,
                at_secs: 3.0,
                duration_secs: 1.0,
            });
        }),
        // As earlier versions wrote it.
        with(run(8, 940.0), |run| run.payload = None),
        // Seeds, connections and batches tell no trend from another.
        with(run(9, 950.0), |run| {
            run.payload.as_mut().unwrap().seed = 2;
            (run.concurrency, run.batch_size) = (1, 1);
        }),
    ];
    let titles: Vec<String> = trends(runs).iter().map(title).collect();
    insta::assert_snapshot!(titles.join("\n"), @"
    extreme on rest-proxy http://localhost:8082, json of 256 KiB: 1 run
    extreme on rest-proxy http://localhost:8082, binary of 100 B: 1 run
    extreme on rest-proxy http://localhost:8082, json of 100 B, hot keys over 1,000, 0.9 of them one key: 1 run
    extreme on rest-proxy http://localhost:8082, json of 100 B, open loop at 1,000 rec/s: 1 run
    extreme on rest-proxy http://localhost:8082, json of 100 B, open loop at 200 rec/s: 1 run
    extreme on rest-proxy http://localhost:8082, json of 100 B, open loop of 0 to 500 rec/s for 10s, 500 rec/s for 10s: 1 run
    extreme on rest-proxy http://localhost:8082, json of 100 B, open loop at 200 rec/s, poisson arrivals, spike of 5,000 rec/s from 3s for 1s: 1 run
    extreme on rest-proxy http://localhost:8082: 1 run
    extreme on rest-proxy http://localhost:8082, json of 100 B: 2 runs
    ");
}

#[test]
fn lines_of_earlier_versions_stay_readable() {
    let mut value = serde_json::to_value(run(0, 100.0)).unwrap();
    let keys = [
        "model",
        "faults",
        "payload",
        "rate_records_per_sec",
        "stages",
        "spike",
        "arrivals",
        "lower_bounds",
    ];
    for key in keys {
        assert!(
            value.as_object_mut().unwrap().remove(key).is_some(),
            "{key}"
        );
    }
    let lines = read(&value.to_string());
    assert_eq!((lines.entries.len(), lines.wrong), (1, Vec::new()));
    assert_eq!(lines.entries[0].payload, None);
}

#[test]
fn a_run_that_two_lines_are_of_counts_once() {
    let line = |run: &Entry| serde_json::to_string(run).unwrap();
    let one = run(0, 100.0);
    let added = with(one.clone(), |run| run.report = Some("a.json".to_owned()));
    let elsewhere = with(one.clone(), |run| {
        run.urls = vec!["http://b:8082".to_owned()];
    });
    let text = [&one, &run(1, 100.0), &one, &added, &elsewhere]
        .map(line)
        .join("\n");
    let lines = read(&text);
    assert_eq!((lines.entries.len(), lines.doubled), (3, 2));
    insta::assert_snapshot!(notes(&lines).join("\n"), @"2 lines are of a run that another line is of: each run counts once");
}

#[test]
fn figures_of_no_run_are_no_line() {
    let changes: [fn(&mut Entry); 3] = [
        |run| run.records_per_sec = -5.0,
        |run| run.duration_secs = -1.0,
        |run| run.success_ratio = 1.5,
    ];
    let lines = changes.map(|change| serde_json::to_string(&with(run(0, 1.0), change)).unwrap());
    let read = read(&lines.join("\n"));
    assert_eq!(read.entries, Vec::new());
    insta::assert_snapshot!(notes(&read).join("\n"), @"3 lines are left out: line 1 (records_per_sec is -5), line 2 (duration_secs is -1), line 3 (success_ratio is 1.5)");
}

#[test]
fn runs_of_one_day_are_told_apart_by_their_time() {
    let at = |time: &str, records_per_sec| {
        with(run(0, records_per_sec), |run| {
            run.started_at = format!("2026-11-{time}Z");
        })
    };
    let told = |runs: Vec<Entry>| evolution(&trends(runs)[0]).unwrap();
    let lines = [
        told(vec![at("29T09:15:00.000", 1.0), at("30T09:15:00.000", 2.0)]),
        told(vec![at("29T09:15:00.000", 1.0), at("29T09:16:00.000", 2.0)]),
        told(vec![at("29T09:15:01.000", 1.0), at("29T09:15:02.000", 2.0)]),
        told(vec![at("29T09:15:01.100", 1.0), at("29T09:15:01.200", 2.0)]),
    ];
    insta::assert_snapshot!(lines.join("\n"), @"
    1 → 2 records/s, +100 %, from 2026-11-29 to 2026-11-30
    1 → 2 records/s, +100 %, from 2026-11-29 09:15 to 2026-11-29 09:16
    1 → 2 records/s, +100 %, from 2026-11-29 09:15:01 to 2026-11-29 09:15:02
    1 → 2 records/s, +100 %, from 2026-11-29 09:15:01.100 to 2026-11-29 09:15:01.200
    ");
}

#[test]
fn texts_of_others_do_not_steer_the_terminal() {
    let runs = vec![with(run(0, 1.0), |run| {
        run.cpu_model = Some("a\u{1b}[31mRED".to_owned());
        run.machine = "x\u{202e}y".to_owned();
        run.urls = vec!["http://\u{1b}[2J".to_owned()];
    })];
    let text = shown(runs, None);
    assert!(
        text.chars().all(|c| c == '\n' || !c.is_control()),
        "{text:?}"
    );
    assert!(!text.contains('\u{202e}'), "{text:?}");
}

#[test]
fn changes_stand_below_each_other_though_they_are_folded() {
    let level = |at: usize| [100.0, 900.0, 300.0][at / 10] + (at % 2) as f64;
    let runs = (0..30).map(|at| {
        with(run(0, level(at)), |run| {
            run.started_at = format!("2026-11-20T09:15:{at:02}.000Z");
            run.concurrency = level(at) as u32;
        })
    });
    let text = shown(runs.collect(), Some(1));
    let changes = text.find("changes").unwrap();
    insta::assert_snapshot!(&text[changes..], @"
    changes  2026-11-20 09:15:10: +796 % from 101 to 901 (connections or batch size
      changed too)
             2026-11-20 09:15:20: -67 % from 901 to 301 (connections or batch size
               changed too)
    ");
}

#[test]
fn lower_bounds_are_shown_as_such() {
    let bound = with(run(1, 110.0), |run| {
        run.lower_bounds = vec!["p95".to_owned()];
    });
    insta::assert_snapshot!(shown(vec![run(0, 100.0), bound.clone()], None), @"
    extreme on rest-proxy http://localhost:8082, json of 100 B: 2 runs
    from linux x86_64, 8 CPUs, Some CPU
    date (UTC)       records/s to first to prev.      P95 conn×batch   took
    2026-01-01 09:15       100        -        -   195 ms   500×1000 2.00 s
    2026-01-02 09:15       110    +10 %    +10 % ≥ 195 ms   500×1000 2.00 s  record

    trend    ██
             100 to 110 records/s, oldest run on the left
    record   100 → 110 records/s, +10 %, from 2026-01-01 to 2026-01-02
    ");
    assert_eq!(bound.latency_words("p50", bound.p50_us).unwrap(), "150 ms");
    assert_eq!(
        bound.latency_words("p95", bound.p95_us).unwrap(),
        "≥ 195 ms"
    );
    assert_eq!(bound.latency_words("p99", bound.p99_us), None);
}

#[test]
fn what_would_not_be_seen_among_runs_that_are_alike_is_said() {
    let (mut random, mut level) = (crate::stats::Random::new(3), 0.0);
    let runs: Vec<Entry> = (0..60)
        .map(|day| {
            level = 0.7 * level + 0.06 * random.normal();
            run(day, 40_000.0 * f64::exp(level))
        })
        .collect();
    let text = shown(runs, Some(1));
    let summary = text.find("trend ").unwrap();
    insta::assert_snapshot!(&text[summary..], @"
    trend    ▇█▇▇█▇▇▇█▇████████▇▇▇▇▇██▇▇▇▇▆▇▆▆▇▆▇▆▇▇▇▇▇█▇▇███▇▆▇▇▇▇▇▇▇▇▇▇
             34,309 to 48,311 records/s, oldest run on the left
    record   39,640 → 48,311 records/s, +22 %, from 2026-01-01 to 2026-02-18
    alike    neighbouring runs resemble each other (r 0.7): a lasting change below
      53 % may go unseen
    ");
}
