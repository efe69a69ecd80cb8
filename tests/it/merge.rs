//! `krush merge` end to end: workers in processes of their own against one stand-in, whose store is the truth to compare with.

use std::path::Path;
use std::process::{Output, Stdio};

use krush::standin::{Embedded, Settings};
use serde_json::Value;

use crate::load::standin_with;

fn server() -> Embedded {
    standin_with(Settings::default())
}

/// Two workers at once, each with its own report in `folder`.
fn workers(folder: &Path, server: &Embedded, loads: [&[&str]; 2]) {
    let start = |(number, load): (usize, &[&str])| {
        crate::krush()
            .args([
                "basic",
                "--url",
                server.url(),
                "--quiet",
                "--history",
                "off",
                "--output",
            ])
            .arg(format!("w{number}.json"))
            .args(load)
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    };
    let children: Vec<_> = loads.into_iter().enumerate().map(start).collect();
    for child in children {
        let output = child.wait_with_output().unwrap();
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(matches!(output.status.code(), Some(0 | 13)), "{text}");
    }
}

fn merge(folder: &Path, words: &[&str]) -> Output {
    crate::krush()
        .arg("merge")
        .args(words)
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn json(folder: &Path, name: &str) -> Value {
    serde_json::from_str(&std::fs::read_to_string(folder.join(name)).unwrap()).unwrap()
}

/// Exit code and standard error.
fn said(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr);
    format!("{} {}", output.status.code().unwrap(), text.trim_end())
}

#[test]
fn two_workers_merged_are_what_the_server_stored() {
    let (folder, server) = (tempfile::tempdir().unwrap(), server());
    let load = ["--duration", "1s", "--concurrency", "2", "--threads", "1"];
    let slower = [
        "--duration",
        "1500ms",
        "--concurrency",
        "3",
        "--threads",
        "1",
    ];
    workers(folder.path(), &server, [&load, &slower]);
    let output = merge(
        folder.path(),
        &["w0.json", "w1.json", "-o", "all.json,all.md"],
    );
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{text}{}", said(&output));
    let (all, one, two) = (
        json(folder.path(), "all.json"),
        json(folder.path(), "w0.json"),
        json(folder.path(), "w1.json"),
    );
    let acked = |report: &Value| report["ledger"]["records"]["acked"].as_u64().unwrap();
    assert_eq!(acked(&all), server.memory().totals().stored);
    assert_eq!(acked(&all), acked(&one) + acked(&two));
    let samples = |report: &Value| report["summary"]["latency_samples"].as_u64().unwrap();
    assert_eq!(samples(&all), samples(&one) + samples(&two));
    let seconds = all["timeline"].as_array().unwrap().iter();
    let by_second: u64 = seconds
        .map(|row| row["records_acked"].as_u64().unwrap())
        .sum();
    assert_eq!(by_second, acked(&all));
    assert_eq!(all["plan"]["load"]["concurrency"], 5);
    assert_eq!(all["merged"]["sources"][1]["file"], "w1.json");
    assert_eq!(all["claims"], Value::Null);
    assert!(folder.path().join("all.md").exists());
    assert!(text.contains("merged"), "{text}");

    let verify = crate::krush()
        .args(["verify", "all.json", "--url", server.url()])
        .current_dir(folder.path())
        .output()
        .unwrap();
    insta::assert_snapshot!(said(&verify), @r#"
        2 error: all.json is merged from several runs, and says nothing of single records
        hint: verify the reports of the workers one by one
        "#);
    let compared = crate::krush()
        .args(["compare", "all.json", "all.json"])
        .current_dir(folder.path())
        .output()
        .unwrap();
    insta::assert_snapshot!(said(&compared), @"2 error: all.json: it is merged of runs whose blocks do not lie side by side: give all workers the same --duration, and start them together");
    let over = ["w0.json", "w1.json", "-o", "./w1.json"];
    insta::assert_snapshot!(said(&merge(folder.path(), &over)), @"
    2 error: --output: `./w1.json` is a report that is merged
    hint: name another file: it would be overwritten
    ");
    let twice = merge(folder.path(), &["w0.json", "w1.json", "w0.json"]);
    let run = one["claims"]["run"].as_str().unwrap();
    insta::assert_snapshot!(said(&twice).replace(run, "RUN"), @r#"
        2 error: w0.json: run RUN is in w0.json already
        hint: name each report once
        "#);
    let again = merge(folder.path(), &["all.json", "w1.json"]);
    let run = two["claims"]["run"].as_str().unwrap();
    insta::assert_snapshot!(said(&again).replace(run, "RUN"), @r#"
        2 error: w1.json: run RUN is in all.json already
        hint: name each report once
        "#);
}

#[test]
fn what_does_not_belong_together_is_refused_by_name() {
    let (folder, server) = (tempfile::tempdir().unwrap(), server());
    let few = ["--messages", "100", "--concurrency", "2"];
    let other = [
        "--messages",
        "100",
        "--concurrency",
        "2",
        "--batch-size",
        "20",
        "--format",
        "binary",
        "--rate",
        "1k/s",
    ];
    workers(folder.path(), &server, [&few, &other]);
    let text = std::fs::read_to_string(folder.path().join("w0.json")).unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("cut.json", &text[..text.len() / 2]);
    write(
        "v9.json",
        &text.replace("\"schema_version\": 1", "\"schema_version\": 9"),
    );
    let started = json(folder.path(), "w0.json")["started_at"]
        .as_str()
        .unwrap()
        .to_owned();
    let run = json(folder.path(), "w0.json")["claims"]["run"]
        .as_str()
        .unwrap()
        .to_owned();
    let old = text.replace(&started, "2026-01-02T03:04:05.678Z");
    write("old.json", &old.replace(&run, "other"));
    let changed = |name: &str, key: &str, value: Value| {
        let mut report = json(folder.path(), "w0.json");
        report["claims"]["run"] = Value::from(name);
        *report.pointer_mut(key).unwrap() = value;
        write(name, &report.to_string());
    };
    changed("broken.json", "/histograms/service_time", "AAAA".into());
    let latency = json(folder.path(), "w1.json")["histograms"]["latency"].take();
    changed("mixed.json", "/histograms/latency", latency);
    changed("fast.json", "/timeline/0/records_acked", 999.into());
    let lines: Vec<String> = [
        &["w0.json"][..],
        &["w0.json", "none.json"],
        &["w0.json", "cut.json"],
        &["w0.json", "v9.json"],
        &["w0.json", "w1.json"],
        &["w0.json", "old.json"],
        &["w0.json", "broken.json"],
        &["w0.json", "mixed.json"],
        &["w0.json", "fast.json"],
    ]
    .iter()
    .map(|words| said(&merge(folder.path(), words)))
    .collect();
    let text = lines.join("\n");
    let cut = text.find("cut.json is no report").unwrap();
    let place = text[cut..].lines().next().unwrap().to_owned();
    let text = text.replace(&place, "cut.json is no report of krush: …");
    let gap = text.find("it began ").unwrap();
    let gap = text[gap..].lines().next().unwrap().to_owned();
    let text = text.replace(&gap, "it began …");
    insta::assert_snapshot!(text, @"
    2 error: one report is no set of workers: w0.json
    hint: name the JSON reports of all workers
    2 error: cannot read report none.json: No such file or directory (os error 2)
    hint: give the JSON report of a load command (see --output)
    2 error: cut.json is no report of krush: …
    hint: give the JSON report of a load command (see --output)
    2 error: v9.json has schema_version 9, this krush reads up to 1
    hint: use the version of krush that wrote it, or a newer one
    2 error: w1.json: it is another load than w0.json: batch size 20, not 10; loop open, not closed; arrivals uniform, not none; format binary, not json
    hint: workers of one load differ in connections, rate, duration and target only
    2 error: w0.json: it began …
    hint: workers of one load run at the same time; compare runs of different times with krush compare
    2 error: broken.json does not agree with itself: histograms.service_time cannot be read
    hint: the file was changed: give the report as krush wrote it
    2 error: mixed.json does not agree with itself: summary.latency_samples is 10, but the count of histograms.latency is 5
    hint: the file was changed: give the report as krush wrote it
    2 error: fast.json does not agree with itself: ledger.records.acked is 100, but the sum of timeline[].records_acked is 999
    hint: the file was changed: give the report as krush wrote it
    ");
}
