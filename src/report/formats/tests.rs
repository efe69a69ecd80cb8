//! Every format read back by what reads it elsewhere, and its values held against those of the report.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;
use hdrhistogram::serialization::Deserializer;
use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};
use prometheus_parse::{Scrape, Value as Read};
use serde_json::Value;

use super::super::samples::{failing, gone, good, interrupted, report, several, void};
use super::{FORMATS, Format, histogram};
use crate::plan::OUTPUT_ENDINGS;
use crate::report::Report;

fn text(ending: &str, reports: &[&Report]) -> String {
    let file = format!("run{ending}");
    let format = Format::of(file.as_ref()).unwrap();
    assert_eq!(format.ending, ending);
    format.text(reports)
}

fn every_sample() -> Vec<Report> {
    [good(), failing(), void(), interrupted(), several(), gone()]
        .iter()
        .map(report)
        .collect()
}

#[test]
fn the_table_has_the_endings_that_a_plan_accepts_each_once() {
    let endings: Vec<&str> = FORMATS.iter().map(|format| format.ending).collect();
    assert_eq!(endings, OUTPUT_ENDINGS);
    for (index, format) in FORMATS.iter().enumerate() {
        let same = |other: &Format| other.name == format.name || other.ending == format.ending;
        assert!(!FORMATS[..index].iter().any(same), "{}", format.name);
    }
}

#[test]
fn the_longest_ending_wins_in_whatever_case() {
    let of = |name: &str| Format::of(name.as_ref()).map(|format| format.name).ok();
    for (name, wanted) in [
        ("a.csv", Some("csv")),
        ("a.timeline.csv", Some("timeline-csv")),
        ("a.TimeLine.CSV", Some("timeline-csv")),
        ("atimeline.csv", Some("csv")),
        ("a.bencher.json", Some("bencher")),
        ("a.b.json", Some("json")),
        ("x/.json", None),
        ("json", None),
        ("a.json/", Some("json")),
        ("a.jsonl", None),
    ] {
        assert_eq!(of(name), wanted, "{name}");
    }
}

#[test]
fn every_page_and_message_lists_every_ending() {
    let pages = [
        ("docs/formats.md", include_str!("../../../docs/formats.md")),
        (
            "docs/scenario.md",
            include_str!("../../../docs/scenario.md"),
        ),
    ];
    let error = Format::of("a.xlsx".as_ref()).unwrap_err();
    for format in FORMATS {
        let quoted = format!("`{}`", format.ending);
        for (name, page) in pages {
            assert!(page.contains(&quoted), "{name} lacks {quoted}");
        }
        assert!(error.hint().unwrap().contains(format.ending));
    }
}

fn rows(text: &str) -> Vec<BTreeMap<String, String>> {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    reader.deserialize().map(|row| row.unwrap()).collect()
}

#[test]
fn csv_has_a_row_a_run_that_reads_back() {
    let reports = every_sample();
    let all: Vec<&Report> = reports.iter().collect();
    let read = rows(&text(".csv", &all));
    assert_eq!(read.len(), reports.len());
    for (row, report) in read.iter().zip(&reports) {
        let float = |key: &str| row[key].parse::<f64>().unwrap();
        let whole = |key: &str| row[key].parse::<u64>().ok();
        assert_eq!(row["scenario"], report.plan.scenario);
        assert_eq!(row["outcome"], report.verdict.outcome.name());
        assert_eq!(row["void"], report.validity.void.to_string());
        assert_eq!(
            float("records_per_sec").to_bits(),
            report.summary.records_per_sec.to_bits()
        );
        assert_eq!(whole("records_acked"), Some(report.ledger.records.acked));
        assert_eq!(whole("latency_p95_us"), report.summary.latency_us.p95);
        assert_eq!(
            row["latency_lower_bounds"],
            report.summary.lower_bounds.join(" ")
        );
        assert_eq!(row["urls"], report.target.urls.join(" "));
    }
}

#[test]
fn csv_cells_hold_quotes_commas_and_lines() {
    let mut report = report(&good());
    report.plan.scenario = "a, \"b\"".to_owned();
    let read = rows(&text(".csv", &[&report]));
    assert_eq!(read[0]["scenario"], "a, \"b\"");
    assert_eq!(text(".csv", &[&report]).lines().count(), 2);
}

#[test]
fn the_timeline_has_a_row_a_second_of_each_run() {
    let (one, two) = (report(&good()), report(&failing()));
    let read = rows(&text(".timeline.csv", &[&one, &two]));
    let seconds: Vec<_> = one.timeline.iter().chain(&two.timeline).collect();
    assert_eq!(read.len(), seconds.len());
    assert!(!read.is_empty());
    for (row, second) in read.iter().zip(seconds) {
        let whole = |key: &str| row[key].parse::<u64>().ok();
        assert_eq!(whole("second"), Some(second.second));
        assert_eq!(whole("records_acked"), Some(second.records_acked));
        assert_eq!(whole("requests_failed"), Some(second.failures));
        assert_eq!(whole("latency_p95_us"), second.latency_us.p95);
    }
}

fn scrape(text: &str) -> Scrape {
    Scrape::parse(text.lines().map(|line| Ok(line.to_owned()))).unwrap()
}

/// The value of a sample with these labels among others.
fn value(scrape: &Scrape, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
    let mut found = scrape.samples.iter().filter(|sample| {
        let has = |(key, value): &(&str, &str)| sample.labels.get(key) == Some(*value);
        sample.metric == name && labels.iter().all(has)
    });
    let first = found.next()?;
    assert!(found.next().is_none(), "{name} {labels:?} is there twice");
    match first.value {
        Read::Counter(value) | Read::Gauge(value) | Read::Untyped(value) => Some(value),
        _ => panic!("{name} is no number"),
    }
}

fn quantiles(scrape: &Scrape, name: &str) -> Vec<f64> {
    let mut found = scrape.samples.iter().filter(|sample| sample.metric == name);
    match &found.next().unwrap().value {
        Read::Summary(quantiles) => quantiles.iter().map(|one| one.count).collect(),
        other => panic!("{name} is no summary: {other:?}"),
    }
}

#[test]
fn prometheus_reads_the_values_of_the_report() {
    for report in every_sample() {
        let read = scrape(&text(".prom", &[&report]));
        let get = |name: &str, labels: &[(&str, &str)]| value(&read, name, labels);
        let records = &report.ledger.records;
        for (fate, count) in [
            ("acked", records.acked),
            ("rejected", records.rejected),
            ("unknown", records.unknown),
            ("unsent", records.unsent),
        ] {
            let got = get("krush_records_total", &[("fate", fate)]);
            assert_eq!(got, Some(count as f64), "{fate}");
        }
        let outcome = report.verdict.outcome.name();
        assert_eq!(get("krush_verdict", &[("outcome", outcome)]), Some(1.0));
        let verdicts = read.samples.iter().filter(|s| s.metric == "krush_verdict");
        let of = |sample: &prometheus_parse::Sample| match sample.value {
            Read::Gauge(value) => value,
            _ => f64::NAN,
        };
        assert_eq!(verdicts.map(of).sum::<f64>(), 1.0);
        let throughput = get("krush_throughput_records_per_second", &[]);
        assert_eq!(throughput, Some(report.summary.records_per_sec));
        let count = get("krush_latency_seconds_count", &[]);
        assert_eq!(count, Some(report.summary.latency_samples as f64));
        for sample in &read.samples {
            assert_eq!(sample.labels.get("scenario"), Some(&*report.plan.scenario));
            assert_eq!(sample.labels.get("topic"), Some(&*report.target.topic));
        }
        let expected = report.summary.latency_us.p95;
        let read_p95 = quantiles(&read, "krush_latency_seconds")[2];
        match expected {
            None => assert!(read_p95.is_nan()),
            Some(us) if report.summary.is_lower_bound("p95") => {
                assert_eq!(read_p95, f64::INFINITY);
                let least = get("krush_latency_at_least_seconds", &[("quantile", "0.95")]);
                assert_eq!(least, Some(us as f64 / 1e6));
            }
            Some(us) => assert_eq!(read_p95, us as f64 / 1e6),
        }
    }
}

#[test]
fn runs_that_prove_nothing_say_so_in_every_format_or_give_no_figures() {
    for (fixture, void) in [
        (good(), false),
        (failing(), false),
        (super::super::samples::void(), true),
        (interrupted(), true),
        (gone(), true),
    ] {
        let report = report(&fixture);
        let read = scrape(&text(".prom", &[&report]));
        let flag = value(&read, "krush_run_void", &[]);
        assert_eq!(flag, Some(f64::from(u8::from(void))));
        for ending in [".hgrm", ".hlog"] {
            let says = text(ending, &[&report]).contains("VOID");
            assert_eq!(says, void, "{ending}");
        }
        for ending in [".bigger.json", ".smaller.json", ".bencher.json"] {
            let read: Value = serde_json::from_str(&text(ending, &[&report])).unwrap();
            let entries = read.as_array().map(Vec::len);
            let entries = entries.or_else(|| read.as_object().map(serde_json::Map::len));
            assert_eq!(entries == Some(0), void, "{ending}");
        }
    }
}

#[test]
fn the_percentile_distribution_counts_what_the_histogram_holds() {
    for report in every_sample() {
        let all = histogram(&report.histograms.latency);
        let text = text(".hgrm", &[&report]);
        let lines = text
            .lines()
            .filter(|line| !line.starts_with('#') && !line.is_empty());
        let mut lines = lines.skip(1).peekable();
        let mut last = 0;
        while let Some(line) = lines.next() {
            let cells: Vec<f64> = line
                .split_whitespace()
                .map(|c| c.parse().unwrap())
                .collect();
            let us = (cells[0] * 1e3).round() as u64;
            assert_eq!(all.count_between(0, us), cells[2] as u64, "{line}");
            assert_eq!(cells.len(), if lines.peek().is_some() { 4 } else { 3 });
            last = cells[2] as u64;
        }
        assert_eq!(last, all.len());
    }
}

/// Tag, start and length in ms, and histogram of each interval.
fn intervals(text: &str) -> Vec<(String, u128, u128, Histogram<u64>)> {
    let entries = IntervalLogIterator::new(text.as_bytes());
    let interval = |entry| match entry {
        LogEntry::Interval(log) => {
            use base64::Engine as _;
            let bytes = base64::engine::general_purpose::STANDARD
                .decode(log.encoded_histogram())
                .unwrap();
            let histogram = Deserializer::new().deserialize(&mut &bytes[..]).unwrap();
            let tag = log.tag().map(|tag| tag.as_str().to_owned()).unwrap();
            let ms = [log.start_timestamp(), log.duration()].map(|time| time.as_millis());
            Some((tag, ms[0], ms[1], histogram))
        }
        _ => None,
    };
    entries
        .filter_map(|entry| interval(entry.unwrap()))
        .collect()
}

#[test]
fn the_interval_log_holds_the_histograms_of_the_report() {
    for report in every_sample() {
        let read = intervals(&text(".hlog", &[&report]));
        let whole = [
            ("latency", &report.histograms.latency),
            ("service_time", &report.histograms.service_time),
            ("send_delay", &report.histograms.send_delay),
        ];
        for ((tag, start, length, found), (wanted, encoded)) in read.iter().zip(whole) {
            assert_eq!((&**tag, *start), (wanted, 0));
            assert_eq!(*length, (report.elapsed_secs * 1e3).round() as u128);
            assert_eq!(*found, histogram(encoded));
        }
        let blocks = report.blocks.as_ref().unwrap();
        assert_eq!(read.len(), 3 + blocks.rows.len());
        for ((tag, start, _, found), (index, row)) in
            read[3..].iter().zip(blocks.rows.iter().enumerate())
        {
            assert_eq!(tag, "latency_block");
            let wanted = blocks.block_secs * 1e3 * index as f64;
            assert!((*start as f64 - wanted).abs() <= 1.0);
            assert_eq!(*found, histogram(&row.latency));
        }
    }
}

#[test]
fn trackers_of_benchmarks_get_numbers_with_names() {
    let run = report(&failing());
    let bigger: Value = serde_json::from_str(&text(".bigger.json", &[&run])).unwrap();
    let smaller: Value = serde_json::from_str(&text(".smaller.json", &[&run])).unwrap();
    let bencher: Value = serde_json::from_str(&text(".bencher.json", &[&run])).unwrap();
    assert_eq!(
        bigger[0]["value"].as_f64(),
        Some(run.summary.records_per_sec)
    );
    let measures = bencher.as_object().unwrap().values().next().unwrap();
    assert_eq!(measures["throughput"]["value"], bigger[0]["value"]);
    let p95 = run.summary.latency_us.p95.unwrap() as f64;
    assert_eq!(
        measures["p95-latency-ns"]["value"].as_f64(),
        Some(p95 * 1e3)
    );
    assert_eq!(smaller[1]["value"].as_f64(), Some(p95 / 1e3));
    insta::assert_snapshot!(text(".smaller.json", &[&run]), @r#"
    [
      {
        "name": "krush/extreme on rest-proxy: P50 latency",
        "unit": "ms",
        "value": 150.015
      },
      {
        "name": "krush/extreme on rest-proxy: P95 latency",
        "unit": "ms",
        "value": 10002.431,
        "extra": "at least: requests never got an answer"
      },
      {
        "name": "krush/extreme on rest-proxy: P99 latency",
        "unit": "ms",
        "value": 10002.431,
        "extra": "at least: requests never got an answer"
      },
      {
        "name": "krush/extreme on rest-proxy: failed",
        "unit": "records",
        "value": 7060.0
      }
    ]
    "#);
    insta::assert_snapshot!(text(".bencher.json", &[&run]), @"");
}

#[test]
fn a_good_run_as_prometheus_and_as_hdr_text() {
    let run = report(&good());
    insta::assert_snapshot!(text(".prom", &[&run]), @r#"
    # HELP krush_run_info What measured what; always 1.
    # TYPE krush_run_info gauge
    krush_run_info{scenario="extreme",target_kind="stand-in",topic="performance-test",version="0.1.0",server="krush 0.1.0 stand-in"} 1
    # HELP krush_run_void 1 if the run proves nothing: none of its figures says anything about the target.
    # TYPE krush_run_void gauge
    krush_run_void{scenario="extreme",target_kind="stand-in",topic="performance-test"} 0
    # HELP krush_verdict 1 for the outcome of the run, 0 for the others.
    # TYPE krush_verdict gauge
    krush_verdict{scenario="extreme",target_kind="stand-in",topic="performance-test",outcome="pass"} 1
    krush_verdict{scenario="extreme",target_kind="stand-in",topic="performance-test",outcome="threshold"} 0
    krush_verdict{scenario="extreme",target_kind="stand-in",topic="performance-test",outcome="regression"} 0
    krush_verdict{scenario="extreme",target_kind="stand-in",topic="performance-test",outcome="inconclusive"} 0
    krush_verdict{scenario="extreme",target_kind="stand-in",topic="performance-test",outcome="void"} 0
    krush_verdict{scenario="extreme",target_kind="stand-in",topic="performance-test",outcome="integrity"} 0
    krush_verdict{scenario="extreme",target_kind="stand-in",topic="performance-test",outcome="target"} 0
    krush_verdict{scenario="extreme",target_kind="stand-in",topic="performance-test",outcome="interrupted"} 0
    # HELP krush_exit_code Exit code of the run; 0 is a pass.
    # TYPE krush_exit_code gauge
    krush_exit_code{scenario="extreme",target_kind="stand-in",topic="performance-test"} 0
    # HELP krush_run_started_timestamp_seconds When the measured part began, seconds since 1970.
    # TYPE krush_run_started_timestamp_seconds gauge
    krush_run_started_timestamp_seconds{scenario="extreme",target_kind="stand-in",topic="performance-test"} 1795256102
    # HELP krush_run_elapsed_seconds Start of the measured part to its end, drain included.
    # TYPE krush_run_elapsed_seconds gauge
    krush_run_elapsed_seconds{scenario="extreme",target_kind="stand-in",topic="performance-test"} 2.05
    # HELP krush_warnings Warnings: what weakens the run without voiding it.
    # TYPE krush_warnings gauge
    krush_warnings{scenario="extreme",target_kind="stand-in",topic="performance-test"} 3
    # HELP krush_records_total Records by where they ended; their sum is what was scheduled.
    # TYPE krush_records_total counter
    krush_records_total{scenario="extreme",target_kind="stand-in",topic="performance-test",fate="acked"} 100000
    krush_records_total{scenario="extreme",target_kind="stand-in",topic="performance-test",fate="rejected"} 0
    krush_records_total{scenario="extreme",target_kind="stand-in",topic="performance-test",fate="unknown"} 0
    krush_records_total{scenario="extreme",target_kind="stand-in",topic="performance-test",fate="unsent"} 0
    # HELP krush_requests_total Requests by where they ended; their sum is what was scheduled.
    # TYPE krush_requests_total counter
    krush_requests_total{scenario="extreme",target_kind="stand-in",topic="performance-test",fate="complete"} 100
    krush_requests_total{scenario="extreme",target_kind="stand-in",topic="performance-test",fate="partial"} 0
    krush_requests_total{scenario="extreme",target_kind="stand-in",topic="performance-test",fate="rejected"} 0
    krush_requests_total{scenario="extreme",target_kind="stand-in",topic="performance-test",fate="unknown"} 0
    krush_requests_total{scenario="extreme",target_kind="stand-in",topic="performance-test",fate="unsent"} 0
    # HELP krush_throughput_records_per_second Acked records over the time from the first byte to the last acknowledgement.
    # TYPE krush_throughput_records_per_second gauge
    krush_throughput_records_per_second{scenario="extreme",target_kind="stand-in",topic="performance-test"} 50000
    # HELP krush_throughput_requests_per_second Requests with an answer over the same time.
    # TYPE krush_throughput_requests_per_second gauge
    krush_throughput_requests_per_second{scenario="extreme",target_kind="stand-in",topic="performance-test"} 50
    # HELP krush_throughput_payload_bytes_per_second Key and value bytes of acked records over the same time.
    # TYPE krush_throughput_payload_bytes_per_second gauge
    krush_throughput_payload_bytes_per_second{scenario="extreme",target_kind="stand-in",topic="performance-test"} 13500000
    # HELP krush_throughput_wire_bytes_per_second Bytes of HTTP requests written over the same time.
    # TYPE krush_throughput_wire_bytes_per_second gauge
    krush_throughput_wire_bytes_per_second{scenario="extreme",target_kind="stand-in",topic="performance-test"} 14500000
    # HELP krush_success_ratio Acked over scheduled records, 0 to 1.
    # TYPE krush_success_ratio gauge
    krush_success_ratio{scenario="extreme",target_kind="stand-in",topic="performance-test"} 1
    # HELP krush_reference_records_per_second Throughput that the scenario compares with.
    # TYPE krush_reference_records_per_second gauge
    krush_reference_records_per_second{scenario="extreme",target_kind="stand-in",topic="performance-test"} 42284
    # HELP krush_goal_records_per_second Throughput that the scenario aims at.
    # TYPE krush_goal_records_per_second gauge
    krush_goal_records_per_second{scenario="extreme",target_kind="stand-in",topic="performance-test"} 50000
    # HELP krush_latency_seconds Response fully read minus due, of every request; +Inf: the quantile falls among requests that never got an answer, see krush_latency_at_least_seconds.
    # TYPE krush_latency_seconds summary
    krush_latency_seconds{scenario="extreme",target_kind="stand-in",topic="performance-test",quantile="0.5"} 0.150015
    krush_latency_seconds{scenario="extreme",target_kind="stand-in",topic="performance-test",quantile="0.9"} 0.190079
    krush_latency_seconds{scenario="extreme",target_kind="stand-in",topic="performance-test",quantile="0.95"} 0.195071
    krush_latency_seconds{scenario="extreme",target_kind="stand-in",topic="performance-test",quantile="0.99"} 0.199039
    krush_latency_seconds{scenario="extreme",target_kind="stand-in",topic="performance-test",quantile="0.999"} 0.200063
    krush_latency_seconds_sum{scenario="extreme",target_kind="stand-in",topic="performance-test"} 15.0504
    krush_latency_seconds_count{scenario="extreme",target_kind="stand-in",topic="performance-test"} 100
    # HELP krush_service_time_seconds Response fully read minus first byte written, of requests with an answer.
    # TYPE krush_service_time_seconds summary
    krush_service_time_seconds{scenario="extreme",target_kind="stand-in",topic="performance-test",quantile="0.5"} 0.150015
    krush_service_time_seconds{scenario="extreme",target_kind="stand-in",topic="performance-test",quantile="0.9"} 0.189951
    krush_service_time_seconds{scenario="extreme",target_kind="stand-in",topic="performance-test",quantile="0.95"} 0.195071
    krush_service_time_seconds{scenario="extreme",target_kind="stand-in",topic="performance-test",quantile="0.99"} 0.199039
    krush_service_time_seconds{scenario="extreme",target_kind="stand-in",topic="performance-test",quantile="0.999"} 0.200063
    krush_service_time_seconds_sum{scenario="extreme",target_kind="stand-in",topic="performance-test"} 15.044831999999998
    krush_service_time_seconds_count{scenario="extreme",target_kind="stand-in",topic="performance-test"} 100
    # HELP krush_send_delay_seconds First byte written minus due, of every request sent.
    # TYPE krush_send_delay_seconds summary
    krush_send_delay_seconds{scenario="extreme",target_kind="stand-in",topic="performance-test",quantile="0.5"} 0.00005
    krush_send_delay_seconds{scenario="extreme",target_kind="stand-in",topic="performance-test",quantile="0.9"} 0.00005
    krush_send_delay_seconds{scenario="extreme",target_kind="stand-in",topic="performance-test",quantile="0.95"} 0.00005
    krush_send_delay_seconds{scenario="extreme",target_kind="stand-in",topic="performance-test",quantile="0.99"} 0.00005
    krush_send_delay_seconds{scenario="extreme",target_kind="stand-in",topic="performance-test",quantile="0.999"} 0.00005
    krush_send_delay_seconds_sum{scenario="extreme",target_kind="stand-in",topic="performance-test"} 0.005
    krush_send_delay_seconds_count{scenario="extreme",target_kind="stand-in",topic="performance-test"} 100
    # HELP krush_validity_check_passed 1 for a check of validity that passed, 0 for one that voids the run.
    # TYPE krush_validity_check_passed gauge
    krush_validity_check_passed{scenario="extreme",target_kind="stand-in",topic="performance-test",check="ledger balances"} 1
    krush_validity_check_passed{scenario="extreme",target_kind="stand-in",topic="performance-test",check="Little's law holds"} 1
    krush_validity_check_passed{scenario="extreme",target_kind="stand-in",topic="performance-test",check="something was sent"} 1
    krush_validity_check_passed{scenario="extreme",target_kind="stand-in",topic="performance-test",check="generator was not the bottleneck"} 1
    krush_validity_check_passed{scenario="extreme",target_kind="stand-in",topic="performance-test",check="clock did not jump"} 1
    "#);
    insta::assert_snapshot!(text(".hgrm", &[&run]), @"");
}
