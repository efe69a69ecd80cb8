//! The history, end to end: runs that add lines, and `krush history` that reads them.

use std::path::Path;
use std::process::{Command, Output};

use krush::standin::{Embedded, Settings};
use serde_json::Value;

use crate::krush;
use crate::load::standin_with;

fn standin() -> Embedded {
    standin_with(Settings::default())
}

/// krush in this folder, with the history where it is by default.
fn in_folder(folder: &Path, args: &[&str]) -> Command {
    let mut command = krush();
    command
        .args(args)
        .current_dir(folder)
        .env_remove("KRUSH_HISTORY");
    command
}

fn basic(folder: &Path, url: &str, more: &[&str]) -> Output {
    let mut command = in_folder(folder, &["basic", "--url", url, "--quiet"]);
    command.args(more).output().unwrap()
}

fn lines(folder: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(folder.join("results/history.jsonl")).unwrap_or_default();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn stderr(ran: &Output) -> String {
    String::from_utf8_lossy(&ran.stderr).into_owned()
}

#[test]
fn every_finished_run_adds_a_line_whatever_came_of_it() {
    let (server, folder) = (standin(), tempfile::tempdir().unwrap());
    let path = folder.path();
    let missed = basic(
        path,
        server.url(),
        &[
            "--messages",
            "3000",
            "--fail-on",
            "throughput < 1000000000/s",
        ],
    );
    let void = basic(
        path,
        server.url(),
        &[
            "--messages",
            "20",
            "--fail-on",
            "p99.9 > 10s",
            "-o",
            "x.md",
            "-o",
            "x.json",
        ],
    );
    assert_eq!(void.status.code(), Some(13), "{}", stderr(&void));
    basic(path, server.url(), &["--dry-run"]);
    basic(path, "http://127.0.0.1:1", &[]);
    basic(path, server.url(), &["--history", "off", "-o", "y.json"]);
    let outcomes: Vec<(String, i32)> = lines(path)
        .iter()
        .map(|line| line["outcome"].as_str().unwrap().to_owned())
        .zip([&missed, &void].map(|ran| ran.status.code().unwrap()))
        .collect();
    let first = if missed.status.code() == Some(10) {
        "threshold"
    } else {
        "void"
    };
    assert_eq!(outcomes[0].0, first);
    assert_eq!(outcomes[1].0, "void");
    assert_eq!(
        lines(path).len(),
        2,
        "no dry run, no unreachable target, not if it is off"
    );
    assert_eq!(lines(path)[1]["report"], "x.json");
    let default = lines(path)[0]["report"].as_str().unwrap().to_owned();
    assert!(path.join(default).exists());
}

#[test]
fn a_history_that_cannot_be_written_is_a_warning() {
    let (server, folder) = (standin(), tempfile::tempdir().unwrap());
    let ran = basic(
        folder.path(),
        server.url(),
        &["--messages", "3000", "--history", ".", "-o", "x.json"],
    );
    assert!(
        matches!(ran.status.code(), Some(0 | 13)),
        "{}",
        stderr(&ran)
    );
    assert!(folder.path().join("x.json").exists());
    assert!(
        stderr(&ran).contains("warning: the run is not in the history: cannot write .:"),
        "{}",
        stderr(&ran)
    );
}

#[test]
fn runs_side_by_side_do_not_mix_and_half_a_line_spoils_no_other() {
    let (server, folder) = (standin(), tempfile::tempdir().unwrap());
    let path = folder.path();
    std::fs::create_dir(path.join("results")).unwrap();
    std::fs::write(path.join("results/history.jsonl"), "{\"schema_version\":1,").unwrap();
    let start = |number: usize| {
        let name = format!("{number}.json");
        in_folder(
            path,
            &[
                "basic",
                "--url",
                server.url(),
                "--messages",
                "200",
                "--quiet",
                "-o",
                &name,
            ],
        )
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap()
    };
    for mut child in (0..6).map(start).collect::<Vec<_>>() {
        child.wait().unwrap();
    }
    let shown = in_folder(path, &["history", "--json"]).output().unwrap();
    assert_eq!(shown.status.code(), Some(0), "{}", stderr(&shown));
    assert_eq!(
        stderr(&shown),
        "warning: results/history.jsonl: 1 line is left out: line 1 (half a line)\n"
    );
    let read: Value = serde_json::from_slice(&shown.stdout).unwrap();
    let trends = read["trends"].as_array().unwrap();
    assert_eq!(trends.len(), 1);
    assert_eq!(trends[0]["runs"].as_array().unwrap().len(), 6);
}

#[test]
fn reports_are_added_once() {
    let (server, folder) = (standin(), tempfile::tempdir().unwrap());
    let path = folder.path();
    for name in ["a.json", "b.json"] {
        basic(
            path,
            server.url(),
            &["--messages", "3000", "--history", "off", "-o", name],
        );
    }
    let said = |args: &[&str]| {
        let ran = in_folder(path, &[&["history", "--file", "h.jsonl"], args].concat())
            .output()
            .unwrap();
        let text = [&ran.stdout[..], &ran.stderr[..]].concat();
        format!(
            "{:?} {}",
            ran.status.code().unwrap(),
            String::from_utf8_lossy(&text)
        )
    };
    std::fs::write(path.join("no.json"), "{}").unwrap();
    let all = [
        said(&[]),
        said(&["--add", "a.json"]),
        said(&["--add", "a.json", "b.json", "a.json"]),
        said(&["--add", "no.json", "b.json"]),
        said(&["--scenario", "none"]),
        said(&["--target", "rest-proxy"]),
        said(&["--last", "0"]),
        said(&["--html", "h.jsonl"]),
        said(&["--html", "./h.jsonl"]),
        said(&["--html", "no/x.html"]),
        said(&["--add", "a.json", "--html", "x.html"]),
        said(&["--add", "a.json", "-n", "3"]),
    ];
    insta::assert_snapshot!(all.join(""), @"
    2 error: cannot read the history h.jsonl: No such file or directory (os error 2)
    hint: every load run adds a line to results/history.jsonl; --file names another file, --add REPORT.json makes one of reports
    0 1 report added to h.jsonl
    0 1 report added to h.jsonl; listed already: 2
    2 error: no.json is no report of krush: JSON without a schema_version
    hint: give the JSON report of a load command (see --output)
    2 error: no run in h.jsonl fits
    hint: leave out --scenario, or name one of its scenarios: basic
    2 error: no run in h.jsonl fits
    hint: leave out --target, or name one of its targets: stand-in
    2 error: invalid value '0' for '--last <N>': 0 is not in 1..=4294967295

    For more information, try '--help'.
    2 error: --html: `h.jsonl` is the history
    hint: name another file: it would be overwritten
    2 error: --html: `./h.jsonl` is the history
    hint: name another file: it would be overwritten
    2 error: cannot write no/x.html: No such file or directory (os error 2)
    hint: make the folder writable, or name another file with --html
    2 error: the argument '--add <REPORT>...' cannot be used with '--html <FILE>'

    Usage: krush history --file <FILE> --add <REPORT>...

    For more information, try '--help'.
    2 error: the argument '--add <REPORT>...' cannot be used with '--last <N>'

    Usage: krush history --file <FILE> --add <REPORT>...

    For more information, try '--help'.
    ");
    let listed = std::fs::read_to_string(path.join("h.jsonl")).unwrap();
    assert_eq!(listed.lines().count(), 2);
    for target in ["stand-in", server.url(), &format!("{}/", server.url())] {
        assert!(
            said(&["--target", target, "--scenario", "basic"]).contains("basic on stand-in"),
            "{target}"
        );
    }
}

#[test]
fn a_folder_of_results_is_added_whatever_else_krush_wrote_there() {
    let (server, folder) = (standin(), tempfile::tempdir().unwrap());
    let path = folder.path();
    let files = ["a.json", "a.bencher.json", "a.bigger.json", "a.md"];
    let outputs: Vec<&str> = files.iter().flat_map(|file| ["-o", file]).collect();
    let more = ["--messages", "3000", "--history", "runs.jsonl"];
    basic(path, server.url(), &[&more[..], &outputs].concat());
    let bencher = std::fs::read_to_string(path.join("a.bencher.json")).unwrap();
    std::fs::write(path.join("renamed.json"), bencher).unwrap();
    let tune = r#"{"schema_version": 1, "limit": {}, "shapes": []}"#;
    std::fs::write(path.join("t.json"), tune).unwrap();
    let whole = std::fs::read_to_string(path.join("a.json")).unwrap();
    std::fs::write(path.join("half.json"), &whole[..40]).unwrap();
    let said = |add: &[&str]| {
        let ran = in_folder(
            path,
            &[&["history", "-f", "h.jsonl", "--add"], add].concat(),
        )
        .output()
        .unwrap();
        let stdout = String::from_utf8_lossy(&ran.stdout).into_owned();
        format!("{:?} {stdout}{}", ran.status.code().unwrap(), stderr(&ran))
    };
    let others = [
        "a.bencher.json",
        "a.bigger.json",
        "a.md",
        "renamed.json",
        "t.json",
        "runs.jsonl",
    ];
    let all = [
        said(&[&["half.json", "a.json"], &others[..]].concat()),
        said(&["t.json", "a.md"]),
        said(&["gone.bencher.json", "a.json"]),
        said(&[&["a.json"], &others[..]].concat()),
        said(&["a.json", "t.json"]),
    ];
    insta::assert_snapshot!(all.join(""), @"
    2 error: half.json is no report of krush: no JSON: EOF while parsing an object at line 4 column 3
    hint: give the JSON report of a load command (see --output)
    2 error: there is no report to add: t.json is a result of krush tune, not a report of a load; a.md is in the format markdown, not a report of a load
    hint: give JSON reports of load commands (see --output)
    2 error: cannot read report gone.bencher.json: No such file or directory (os error 2)
    hint: give the JSON report of a load command (see --output)
    0 1 report added to h.jsonl; skipped: 6
    skipped: a.bencher.json is in the format bencher, not a report of a load
    skipped: a.bigger.json is in the format bigger-is-better, not a report of a load
    skipped: a.md is in the format markdown, not a report of a load
    skipped: renamed.json is in the Bencher Metric Format, not a report of a load
    skipped: t.json is a result of krush tune, not a report of a load
    skipped: runs.jsonl is a line of a history, not a report of a load
    0 0 reports added to h.jsonl; listed already: 1; skipped: 1
    skipped: t.json is a result of krush tune, not a report of a load
    ");
    let added = std::fs::read_to_string(path.join("h.jsonl")).unwrap();
    assert_eq!(added.lines().count(), 1);
}

#[test]
fn off_is_no_name_of_a_file() {
    let folder = tempfile::tempdir().unwrap();
    for args in [&["history"][..], &["history", "--add", "r.json"]] {
        let ran = in_folder(folder.path(), args)
            .env("KRUSH_HISTORY", "off")
            .output()
            .unwrap();
        assert_eq!(ran.status.code(), Some(2));
        assert_eq!(
            stderr(&ran),
            "error: the history is off: --file (KRUSH_HISTORY) is `off`\nhint: name a file with --file, such as results/history.jsonl\n"
        );
    }
    assert!(!folder.path().join("off").exists());
}

#[test]
fn help_says_what_can_be_asked() {
    let folder = tempfile::tempdir().unwrap();
    let ran = in_folder(folder.path(), &["history", "--help"])
        .output()
        .unwrap();
    insta::assert_snapshot!(String::from_utf8_lossy(&ran.stdout), @"
    List the runs so far, and their trend

    Usage: krush history [OPTIONS]

    Options:
      -f, --file <FILE>        File of the history [env: KRUSH_HISTORY] [default: results/history.jsonl]
      -s, --scenario <NAME>    Only runs of this scenario
      -t, --target <KIND|URL>  Only runs against this kind of target (rest-proxy, stand-in,
                               stand-in-kafka) or this URL
      -n, --last <N>           List the latest runs of each trend [default: 20]
      -a, --all                List all runs
          --json               Print JSON: every trend with its runs, record and changes
          --html <FILE>        Write a page for people to this file: every trend with its chart, record,
                               changes and runs
          --add <REPORT>...    Add reports (JSON) that are not listed yet
          --no-color           No colour [env: KRUSH_NO_COLOR]
      -h, --help               Print help
    ");
}
