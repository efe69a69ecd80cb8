//! Every format from one run of the built program: each is there, and they agree with the report.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use crate::krush;
use crate::load::standin_with;

/// Runs `basic` with these outputs in a folder of its own.
fn run(folder: &Path, url: &str, files: &[&str], more: &[&str]) -> std::process::Output {
    let mut command = krush();
    command
        .args(["basic", "--url", url, "--messages", "5000", "--quiet"])
        .args(more)
        .current_dir(folder);
    for file in files {
        command.args(["-o", file]);
    }
    command.output().unwrap()
}

#[test]
fn one_run_in_every_format() {
    let server = standin_with(krush::standin::Settings::default());
    let folder = tempfile::tempdir().unwrap();
    let files: Vec<String> = krush::plan::OUTPUT_ENDINGS
        .iter()
        .map(|ending| format!("run{ending}"))
        .collect();
    let names: Vec<&str> = files.iter().map(String::as_str).collect();
    let ran = run(folder.path(), server.url(), &names, &[]);
    let code = ran.status.code();
    assert!(
        matches!(code, Some(0 | 13)),
        "{code:?}: {}",
        String::from_utf8_lossy(&ran.stderr)
    );
    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
    let report: Value = serde_json::from_str(&read("run.json")).unwrap();
    let acked = report["ledger"]["records"]["acked"].as_u64().unwrap();
    assert_eq!(acked, 5_000);

    let mut table = csv::Reader::from_path(folder.path().join("run.csv")).unwrap();
    let rows: Vec<BTreeMap<String, String>> = table.deserialize().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0]["records_acked"], "5000");
    let mut seconds = csv::Reader::from_path(folder.path().join("run.timeline.csv")).unwrap();
    let seconds: Vec<BTreeMap<String, String>> =
        seconds.deserialize().map(Result::unwrap).collect();
    let sum: u64 = seconds
        .iter()
        .map(|row| row["records_acked"].parse::<u64>().unwrap())
        .sum();
    assert_eq!(sum, acked);

    let text = read("run.prom");
    let scrape = prometheus_parse::Scrape::parse(text.lines().map(|line| Ok(line.to_owned())));
    let scrape = scrape.unwrap();
    let counted = scrape.samples.iter().any(|sample| {
        sample.metric == "krush_records_total"
            && sample.labels.get("fate") == Some("acked")
            && matches!(sample.value, prometheus_parse::Value::Counter(value) if value as u64 == acked)
    });
    assert!(counted, "{text}");
    assert!(!text.contains("http://"), "no URL is a label: {text}");

    let samples = report["summary"]["latency_samples"].as_u64().unwrap();
    let total = format!("Total count    = {samples:12}]");
    assert!(read("run.hgrm").contains(&total));
    let tags: Vec<String> = read("run.hlog")
        .lines()
        .filter_map(|line| {
            line.strip_prefix("Tag=")?
                .split(',')
                .next()
                .map(str::to_owned)
        })
        .collect();
    assert_eq!(tags[..3], ["latency", "service_time", "send_delay"]);
    assert!(tags.len() >= 3 + 8, "the blocks too: {tags:?}");
    for name in ["run.bencher.json", "run.bigger.json", "run.smaller.json"] {
        let read: Value = serde_json::from_str(&read(name)).unwrap();
        let entries = read
            .as_array()
            .map(Vec::len)
            .or_else(|| read.as_object().map(serde_json::Map::len));
        assert_eq!(entries == Some(0), code == Some(13), "{name}: {read}");
    }
}

#[test]
fn an_ending_without_a_format_is_an_error_that_lists_those_with_one() {
    let folder = tempfile::tempdir().unwrap();
    let ran = run(folder.path(), "http://127.0.0.1:1", &["run.txt"], &[]);
    assert_eq!(ran.status.code(), Some(2));
    insta::assert_snapshot!(String::from_utf8_lossy(&ran.stderr), @"
    error: --output: `run.txt` has no known ending
    hint: the format goes by the ending: .json, .html, .md, .xml, .csv, .timeline.csv, .prom, .hgrm, .hlog, .bencher.json, .bigger.json or .smaller.json
    ");
}
