//! Every format read back by what reads it elsewhere, and its values held against those of the report.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;
use hdrhistogram::serialization::Deserializer;
use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};
use prometheus_parse::{Scrape, Value as Read};
use serde_json::Value;

use super::super::parts_for_tests::{audited, compared_with_baseline, lost, with_consumers};
use super::super::samples::{failing, gone, good, interrupted, report, several, void};
use super::{FORMATS, Format, histogram};
use crate::gate::{MetricCompared, Outcome};
use crate::history;
use crate::plan::OUTPUT_ENDINGS;
use crate::report::{Distribution, MergedRow, MergedSection, Report};

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
        assert_eq!(verdicts.map(of).sum::<f64>() as u64, 1);
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
                let most = report.latency_at(95.0).unwrap().most;
                assert!(most.is_infinite() && read_p95.is_infinite());
                let least = get("krush_latency_at_least_seconds", &[("quantile", "0.95")]);
                assert_eq!(least, Some(us as f64 / 1e6));
            }
            Some(us) => assert_eq!((read_p95 * 1e6).round() as u64, us),
        }
    }
}

#[test]
fn runs_that_prove_nothing_say_so_in_every_format_or_give_no_figures() {
    let mut nothing_acked = report(&failing());
    nothing_acked.summary.records_per_sec = 0.0;
    let mut void_regression = report(&super::super::samples::void());
    void_regression.verdict.outcome = Outcome::Regression;
    for (report, void) in vec![
        (report(&good()), false),
        (report(&failing()), false),
        (report(&super::super::samples::void()), true),
        (report(&interrupted()), true),
        (report(&gone()), true),
        (audited(0), false),
        (audited(3), true),
        (nothing_acked, true),
        (void_regression, true),
    ] {
        // The line of the history has the outcome alone.
        if report.verdict.outcome != Outcome::Regression {
            let entry = history::Entry::of(&report, None);
            assert_eq!(history::is_evidence(&entry), !void);
        }
        let read = scrape(&text(".prom", &[&report]));
        let flag = value(&read, "krush_run_void", &[]);
        assert_eq!(flag, Some(f64::from(u8::from(void))));
        for ending in [".hgrm", ".hlog"] {
            let says = text(ending, &[&report]).contains("this run proves nothing");
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
    insta::assert_snapshot!(text(".bencher.json", &[&run]), @r#"
    {
      "krush/extreme on rest-proxy": {
        "latency": {
          "value": 854661440.0,
          "lower_value": 854661440.0
        },
        "p50-latency-ns": {
          "value": 150015000.0
        },
        "p95-latency-ns": {
          "value": 10002431000.0,
          "lower_value": 10002431000.0
        },
        "p99-latency-ns": {
          "value": 10002431000.0,
          "lower_value": 10002431000.0
        },
        "success-percent": {
          "value": 91.94
        },
        "throughput": {
          "value": 37072.58064516129
        }
      }
    }
    "#);
}

#[test]
fn a_good_run_as_prometheus_text() {
    let text = text(".prom", &[&report(&good())]);
    let labels = "scenario=\"extreme\",target_kind=\"stand-in\",topic=\"performance-test\"";
    let samples = text.lines().filter(|line| !line.starts_with('#'));
    let samples: Vec<String> = samples.map(|line| line.replace(labels, "…")).collect();
    insta::assert_snapshot!(samples.join("\n"), @r#"
    krush_run_info{…,version="0.1.0",server="krush 0.1.0 stand-in",merged_runs="1"} 1
    krush_run_void{…} 0
    krush_verdict{…,outcome="pass"} 1
    krush_verdict{…,outcome="threshold"} 0
    krush_verdict{…,outcome="regression"} 0
    krush_verdict{…,outcome="inconclusive"} 0
    krush_verdict{…,outcome="void"} 0
    krush_verdict{…,outcome="integrity"} 0
    krush_verdict{…,outcome="target"} 0
    krush_verdict{…,outcome="interrupted"} 0
    krush_exit_code{…} 0
    krush_run_started_timestamp_seconds{…} 1795256102
    krush_run_elapsed_seconds{…} 2.05
    krush_warnings{…} 3
    krush_records_total{…,fate="acked"} 100000
    krush_records_total{…,fate="rejected"} 0
    krush_records_total{…,fate="unknown"} 0
    krush_records_total{…,fate="unsent"} 0
    krush_requests_total{…,fate="complete"} 100
    krush_requests_total{…,fate="partial"} 0
    krush_requests_total{…,fate="rejected"} 0
    krush_requests_total{…,fate="unknown"} 0
    krush_requests_total{…,fate="unsent"} 0
    krush_throughput_records_per_second{…} 50000
    krush_throughput_requests_per_second{…} 50
    krush_throughput_payload_bytes_per_second{…} 13500000
    krush_throughput_wire_bytes_per_second{…} 14500000
    krush_success_ratio{…} 1
    krush_reference_records_per_second{…} 42284
    krush_goal_records_per_second{…} 50000
    krush_latency_seconds{…,quantile="0.5"} 0.150015
    krush_latency_seconds{…,quantile="0.9"} 0.190079
    krush_latency_seconds{…,quantile="0.95"} 0.195071
    krush_latency_seconds{…,quantile="0.99"} 0.199039
    krush_latency_seconds{…,quantile="0.999"} 0.200063
    krush_latency_seconds_sum{…} 15.0504
    krush_latency_seconds_count{…} 100
    krush_service_time_seconds{…,quantile="0.5"} 0.150015
    krush_service_time_seconds{…,quantile="0.9"} 0.189951
    krush_service_time_seconds{…,quantile="0.95"} 0.195071
    krush_service_time_seconds{…,quantile="0.99"} 0.199039
    krush_service_time_seconds{…,quantile="0.999"} 0.200063
    krush_service_time_seconds_sum{…} 15.044831999999998
    krush_service_time_seconds_count{…} 100
    krush_send_delay_seconds{…,quantile="0.5"} 0.00005
    krush_send_delay_seconds{…,quantile="0.9"} 0.00005
    krush_send_delay_seconds{…,quantile="0.95"} 0.00005
    krush_send_delay_seconds{…,quantile="0.99"} 0.00005
    krush_send_delay_seconds{…,quantile="0.999"} 0.00005
    krush_send_delay_seconds_sum{…} 0.005
    krush_send_delay_seconds_count{…} 100
    krush_validity_check_passed{…,check="ledger balances"} 1
    krush_validity_check_passed{…,check="Little's law holds"} 1
    krush_validity_check_passed{…,check="something was sent"} 1
    krush_validity_check_passed{…,check="generator was not the bottleneck"} 1
    krush_validity_check_passed{…,check="clock did not jump"} 1
    "#);
}

#[test]
fn a_good_run_as_hdr_text() {
    let run = report(&good());
    insta::assert_snapshot!(text(".hgrm", &[&run]), @"
    # krush 0.1.0: extreme on stand-in, 2026-11-21T10:15:02.000Z; outcome: pass
    # latency of requests in milliseconds: response fully read minus due
           Value     Percentile TotalCount 1/(1-Percentile)

         101.055 0.000000000000          1           1.00
         110.015 0.100000000000         10           1.11
         120.063 0.200000000000         20           1.25
         130.047 0.300000000000         30           1.43
         140.031 0.400000000000         40           1.67
         150.015 0.500000000000         50           2.00
         155.007 0.550000000000         55           2.22
         160.127 0.600000000000         60           2.50
         165.119 0.650000000000         65           2.86
         170.111 0.700000000000         70           3.33
         175.103 0.750000000000         75           4.00
         178.047 0.775000000000         78           4.44
         180.095 0.800000000000         80           5.00
         183.039 0.825000000000         83           5.71
         185.087 0.850000000000         85           6.67
         188.031 0.875000000000         88           8.00
         189.055 0.887500000000         89           8.89
         190.079 0.900000000000         90          10.00
         192.127 0.912500000000         92          11.43
         193.023 0.925000000000         93          13.33
         194.047 0.937500000000         94          16.00
         195.071 0.943750000000         95          17.78
         195.071 0.950000000000         95          20.00
         196.095 0.956250000000         96          22.86
         197.119 0.962500000000         97          26.67
         197.119 0.968750000000         97          32.00
         198.015 0.971875000000         98          35.56
         198.015 0.975000000000         98          40.00
         198.015 0.978125000000         98          45.71
         199.039 0.981250000000         99          53.33
         199.039 0.984375000000         99          64.00
         199.039 0.985937500000         99          71.11
         199.039 0.987500000000         99          80.00
         199.039 0.989062500000         99          91.43
         200.063 0.990625000000        100         106.67
         200.063 1.000000000000        100
    #[Mean    =      150.504, StdDeviation   =       28.866]
    #[Max     =      200.063, Total count    =          100]
    #[Buckets =           22, SubBuckets     =         2048]
    ");
}

#[test]
fn a_stand_in_with_a_capacity_model_is_a_kind_of_its_own() {
    let mut fixture = super::super::samples::good();
    fixture.facts.server = "krush 0.1.0 stand-in, capacity model workers=2".to_owned();
    let report = super::super::samples::report(&fixture);
    for ending in [
        ".prom",
        ".bencher.json",
        ".bigger.json",
        ".smaller.json",
        ".hgrm",
        ".hlog",
    ] {
        let format = super::Format::of(std::path::Path::new(&format!("x{ending}"))).unwrap();
        assert!(
            format.text(&[&report]).contains("stand-in-model"),
            "{ending}"
        );
    }
}

#[test]
fn what_consumers_saw_is_in_every_format_of_figures() {
    let run = with_consumers();
    let figures = run.end_to_end.as_ref().unwrap().latency_us;
    let p95 = figures.p95.unwrap();
    let row = &rows(&text(".csv", &[&run]))[0];
    assert_eq!(row["end_to_end_p95_us"], p95.to_string());
    assert_eq!(row["end_to_end_records"], "1000");
    let read = scrape(&text(".prom", &[&run]));
    let name = "krush_end_to_end_latency_seconds";
    assert!((quantiles(&read, name)[2] - p95 as f64 / 1e6).abs() < 1e-12);
    let log = intervals(&text(".hlog", &[&run]));
    let found = log.iter().find(|(tag, ..)| tag == "end_to_end").unwrap();
    assert_eq!(Distribution::of(&found.3), figures);
    let words = format!(
        "name=\"end_to_end_p95\" value=\"{}\"",
        crate::units::latency(p95)
    );
    assert!(text(".xml", &[&run]).contains(&words));
    let bencher: Value = serde_json::from_str(&text(".bencher.json", &[&run])).unwrap();
    let measures = &bencher["krush/extreme on stand-in"];
    assert_eq!(
        measures["p95-end-to-end-latency-ns"]["value"],
        p95 as f64 * 1e3
    );
    let smaller: Value = serde_json::from_str(&text(".smaller.json", &[&run])).unwrap();
    let mut entries = smaller.as_array().unwrap().iter();
    let name = "krush/extreme on stand-in: P95 end-to-end latency";
    let entry = entries.find(|entry| entry["name"] == name).unwrap();
    assert_eq!(entry["value"], p95 as f64 / 1e3);

    let plain = report(&good());
    assert_eq!(rows(&text(".csv", &[&plain]))[0]["end_to_end_p95_us"], "");
    for ending in [".prom", ".hlog", ".xml", ".bencher.json", ".smaller.json"] {
        let text = text(ending, &[&plain]);
        assert!(
            !text.contains("end_to_end") && !text.contains("end-to-end"),
            "{ending}"
        );
    }
}

#[test]
fn a_merged_run_says_of_how_many_it_was_made() {
    let plain = report(&good());
    let mut merged = plain.clone();
    let row = |file: &str| MergedRow {
        file: file.to_owned(),
        run: None,
        started_at: plain.started_at.clone(),
        offset_secs: 0.0,
        elapsed_secs: 2.0,
        concurrency: 250,
        records_acked: 50_000,
        records_per_sec: 25_000.0,
        machine: plain.machine.clone(),
        version: "0.1.0".to_owned(),
    };
    merged.merged = Some(MergedSection {
        sources: vec![row("w1.json"), row("w2.json")],
    });
    for (run, count) in [(&plain, "1"), (&merged, "2")] {
        assert_eq!(rows(&text(".csv", &[run]))[0]["merged_runs"], count);
        let label = format!("merged_runs=\"{count}\"");
        assert_eq!(text(".prom", &[run]).matches(&label).count(), 1);
    }
    let property =
        "name=\"merged\" value=\"from 2 runs: w1.json (25,000 rec/s), w2.json (25,000 rec/s)\"";
    assert!(
        text(".xml", &[&merged]).contains(property),
        "{}",
        text(".xml", &[&merged])
    );
    assert!(!text(".xml", &[&plain]).contains("name=\"merged\""));
}

#[test]
fn a_threshold_that_nobody_set_is_listed_where_it_decided() {
    let mut fixture = good();
    fixture.never_sent(5);
    let run = report(&fixture);
    assert_eq!(run.verdict.outcome, Outcome::Threshold);
    let name = "success < 99 % (implied)";
    assert_eq!(run.thresholds.len(), 1);
    assert!(run.thresholds[0].implied);
    assert_eq!(rows(&text(".csv", &[&run]))[0]["thresholds_missed"], name);
    let read = scrape(&text(".prom", &[&run]));
    assert_eq!(
        value(&read, "krush_threshold_met", &[("fails_if", name)]),
        Some(0.0)
    );
    assert!(text(".xml", &[&run]).contains("name=\"success &lt; 99 % (implied)\""));
    for ending in [".md", ".html"] {
        assert!(text(ending, &[&run]).contains("99 % (implied)"), "{ending}");
    }
    assert_eq!(report(&good()).thresholds, Vec::new());
}

#[test]
fn what_an_audit_found_is_in_every_format_of_figures_and_only_where_one_was_made() {
    for count in [0, 3] {
        let run = audited(count);
        let row = &rows(&text(".csv", &[&run]))[0];
        let read = scrape(&text(".prom", &[&run]));
        let xml = text(".xml", &[&run]);
        let outcome = if count == 0 { "intact" } else { "violated" };
        assert_eq!(row["audit_outcome"], outcome);
        let flag = value(&read, "krush_audit_outcome", &[("outcome", outcome)]);
        assert_eq!(flag, Some(1.0));
        for (finding, records) in [("lost", count), ("duplicated", 2 * count), ("not_seen", 0)] {
            assert_eq!(
                row[&format!("audit_{finding}_records")],
                records.to_string()
            );
            let sample = value(&read, "krush_audit_records_total", &[("finding", finding)]);
            assert_eq!(sample, Some(records as f64), "{finding}");
            let property = format!("name=\"audit_{finding}_records\" value=\"{records}\"");
            assert!(xml.contains(&property), "{property} in {xml}");
        }
        let unread = value(&read, "krush_audit_offsets_total", &[("state", "unread")]);
        assert_eq!(unread, Some(0.0));
        assert_eq!(row["audit_appended_offsets"], "100000");
        assert!(
            xml.contains("end offsets of 1 partition rose by 100,000"),
            "{xml}"
        );
        for ending in [".md", ".html"] {
            let said = text(ending, &[&run]).contains("acked and lost");
            assert_eq!(said, count > 0, "{ending}");
        }
    }
    let mut not_done = report(&good());
    not_done.audit = Some(crate::audit::Audited::not_done("the topic is gone"));
    let row = &rows(&text(".csv", &[&not_done]))[0];
    assert_eq!(
        (&*row["audit_outcome"], &*row["audit_lost_records"]),
        ("not_done", "")
    );
    let prom = text(".prom", &[&not_done]);
    assert!(prom.contains("krush_audit_outcome") && !prom.contains("krush_audit_records"));
    let plain = report(&good());
    assert_eq!(rows(&text(".csv", &[&plain]))[0]["audit_lost_records"], "");
    for ending in [".prom", ".xml"] {
        assert!(!text(ending, &[&plain]).contains("audit_"), "{ending}");
    }
}

#[test]
fn records_lost_are_no_point_of_a_trend_in_whatever_tracker() {
    let (first, lost) = (report(&good()), lost());
    for ending in [".bencher.json", ".bigger.json", ".smaller.json"] {
        let alone = text(ending, &[&first]);
        assert_eq!(text(ending, &[&first, &lost]), alone, "{ending}");
    }
}

/// The samples of one family, without the labels that all have.
fn family(prom: &str, begins: &str) -> String {
    let labels = "scenario=\"extreme\",target_kind=\"stand-in\",topic=\"performance-test\"";
    let lines = prom.lines().filter(|line| line.starts_with(begins));
    let lines: Vec<String> = lines.map(|line| line.replace(labels, "…")).collect();
    lines.join("\n")
}

/// A figure of a metric.
type Of = fn(&MetricCompared) -> f64;

#[test]
fn a_comparison_is_in_prometheus_and_csv_with_all_that_decided_it() {
    let mut run = report(&good());
    let mut compared = compared_with_baseline();
    compared.metrics[1].lower_bound = Some(crate::gate::Bounded::Run);
    run.comparison = Some(compared.clone());
    let prom = text(".prom", &[&run]);
    insta::assert_snapshot!(family(&prom, "krush_comparison_"), @r#"
    krush_comparison_info{…,method="blocks"} 1
    krush_comparison_outcome{…,outcome="pass"} 0
    krush_comparison_outcome{…,outcome="threshold"} 0
    krush_comparison_outcome{…,outcome="regression"} 1
    krush_comparison_outcome{…,outcome="inconclusive"} 0
    krush_comparison_outcome{…,outcome="void"} 0
    krush_comparison_outcome{…,outcome="integrity"} 0
    krush_comparison_outcome{…,outcome="target"} 0
    krush_comparison_outcome{…,outcome="interrupted"} 0
    krush_comparison_margin_ratio{…} 0.05
    krush_comparison_change_ratio{…,metric="throughput"} -0.1
    krush_comparison_change_ratio{…,metric="p95"} -0.1
    krush_comparison_change_ratio{…,metric="p50"} -0.1
    krush_comparison_change_low_ratio{…,metric="throughput"} -0.13
    krush_comparison_change_low_ratio{…,metric="p95"} -0.13
    krush_comparison_change_low_ratio{…,metric="p50"} -0.13
    krush_comparison_change_high_ratio{…,metric="throughput"} -0.07
    krush_comparison_change_high_ratio{…,metric="p95"} -0.07
    krush_comparison_change_high_ratio{…,metric="p50"} -0.07
    krush_comparison_confidence_ratio{…,metric="throughput"} 0.95
    krush_comparison_confidence_ratio{…,metric="p95"} 0.95
    krush_comparison_confidence_ratio{…,metric="p50"} 0.95
    krush_comparison_worst_ratio{…,metric="throughput"} 0.13
    krush_comparison_worst_ratio{…,metric="p50"} 0.13
    krush_comparison_minimum_detectable_ratio{…,metric="throughput"} 0.031
    krush_comparison_minimum_detectable_ratio{…,metric="p95"} 0.031
    krush_comparison_minimum_detectable_ratio{…,metric="p50"} 0.031
    krush_comparison_decision{…,metric="throughput",decision="regression"} 1
    krush_comparison_decision{…,metric="throughput",decision="improvement"} 0
    krush_comparison_decision{…,metric="throughput",decision="no_regression"} 0
    krush_comparison_decision{…,metric="throughput",decision="inconclusive"} 0
    krush_comparison_decision{…,metric="throughput",decision="not_judged"} 0
    krush_comparison_decision{…,metric="p95",decision="regression"} 0
    krush_comparison_decision{…,metric="p95",decision="improvement"} 0
    krush_comparison_decision{…,metric="p95",decision="no_regression"} 1
    krush_comparison_decision{…,metric="p95",decision="inconclusive"} 0
    krush_comparison_decision{…,metric="p95",decision="not_judged"} 0
    krush_comparison_decision{…,metric="p50",decision="regression"} 0
    krush_comparison_decision{…,metric="p50",decision="improvement"} 0
    krush_comparison_decision{…,metric="p50",decision="no_regression"} 0
    krush_comparison_decision{…,metric="p50",decision="inconclusive"} 0
    krush_comparison_decision{…,metric="p50",decision="not_judged"} 1
    krush_comparison_throughput_records_per_second{…,side="baseline"} 40000
    krush_comparison_throughput_records_per_second{…,side="run"} 36000
    krush_comparison_latency_seconds{…,side="baseline",quantile="0.95"} 0.04
    krush_comparison_latency_seconds{…,side="run",quantile="0.95"} 0.036
    krush_comparison_latency_seconds{…,side="baseline",quantile="0.5"} 0.04
    krush_comparison_latency_seconds{…,side="run",quantile="0.5"} 0.036
    "#);
    let read = scrape(&prom);
    let row = &rows(&text(".csv", &[&run]))[0];
    assert_eq!(row["comparison_outcome"], "regression");
    assert_eq!(row["comparison_baseline"], "base.json");
    assert_eq!(row["comparison_p95_worst_ratio"], "");
    assert_eq!(
        row["comparison_p99_change_ratio"], "",
        "it was not compared"
    );
    assert_eq!(row["comparison_p50_decision"], "not_judged");
    assert_eq!(
        row["comparison_throughput_baseline_records_per_sec"],
        "40000"
    );
    let figures: [(&str, Of); 5] = [
        ("change_ratio", |row| row.change),
        ("change_low_ratio", |row| row.low),
        ("change_high_ratio", |row| row.high),
        ("confidence_ratio", |row| row.confidence),
        ("minimum_detectable_ratio", |row| row.minimum_detectable),
    ];
    for metric in &compared.metrics {
        for (name, of) in figures {
            let cell = &row[&format!("comparison_{}_{name}", metric.metric)];
            assert_eq!(cell, &of(metric).to_string(), "{name}");
            let name = format!("krush_comparison_{name}");
            let sample = value(&read, &name, &[("metric", &metric.metric)]);
            assert_eq!(sample, Some(of(metric)), "{name}");
        }
    }
    let plain = report(&good());
    assert_eq!(rows(&text(".csv", &[&plain]))[0]["comparison_outcome"], "");
    assert!(!text(".prom", &[&plain]).contains("krush_comparison"));
}
