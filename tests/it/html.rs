//! `krush report`, end to end, and the pages that tests/html/check.sh opens in a browser.

use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::OnceLock;

use krush::history::{Entry, trends};
use krush::report::{self, Report, SecondLatency, SecondRow};
use krush::standin::Settings;
use serde_json::Value;

use crate::krush;
use crate::load::standin_with;

/// What a page may weigh.
const MOST_BYTES: u64 = 300_000;
const HOSTILE: &str = "<script>alert(1)</script>\"'&<img src=x onerror=alert(2)>a-word-that-has-no-end-and-is-wider-than-any-phone-that-there-is";

fn in_folder(folder: &Path, line: &str) -> Output {
    let mut command = krush();
    command
        .args(line.split(' '))
        .current_dir(folder)
        .output()
        .unwrap()
}

/// Exit code and everything said.
fn said(folder: &Path, line: &str) -> String {
    let ran = in_folder(folder, line);
    let text = [&ran.stdout[..], &ran.stderr[..]].concat();
    format!(
        "{} {}",
        ran.status.code().unwrap(),
        String::from_utf8_lossy(&text)
    )
}

/// A folder with the reports of a good run, of one in which much went wrong, of a void one, of one whose audit found records lost, of an
/// end-to-end run and of a duet.
fn runs() -> &'static Path {
    static FOLDER: OnceLock<tempfile::TempDir> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("small.toml"), "").unwrap();
        let old = standin_with(Settings::default());
        let load = "run small.toml --embedded --message-size 100";
        let audited = "basic --embedded --verify --duration 1s --rate 2k/s";
        let duet = format!("gate --embedded --baseline-url {} --force --repeat 8", old.url());
        for (file, load, more, code) in [
            ("good.json", load, "--duration 2s --rate 20k/s --batch-size 50 -c 4", None),
            (
                "bad.json",
                load,
                "--duration 3s --rate 20k/s --batch-size 50 -c 8 --timeout 300ms --drain 300ms --fault hang@1.2s-1.5s --fault status=503@2s-2.1s --fail-on p95>200ms",
                None,
            ),
            ("void.json", load, "--messages 20 --batch-size 1 -c 1 --fail-on p99.9>10s", Some(13)),
            ("lost.json", audited, "--fault lose=1%", Some(14)),
            ("e2e.json", "e2e --embedded --duration 1s --rate 500/s", "", None),
            ("duet.json", &duet, "--duration 200ms --warmup 20ms -c 4", None),
        ] {
            let line = format!("{load} {more} --quiet --history off -o {file}");
            let ran = in_folder(folder.path(), &line.replace("  ", " "));
            let words = String::from_utf8_lossy(&ran.stderr).into_owned();
            assert!(code.is_none() || ran.status.code() == code, "{file}: {words}");
            assert!(folder.path().join(file).exists(), "{file}: {words}");
        }
        folder
    });
    folder.path()
}

fn copied(files: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for file in files {
        std::fs::copy(runs().join(file), folder.path().join(file)).unwrap();
    }
    folder
}

fn read(file: &str) -> Report {
    report::read(&runs().join(file)).unwrap()
}

/// A run of hours with ups and downs.
fn stretched(mut report: Report, seconds: u64) -> Report {
    report.elapsed_secs = seconds as f64;
    let row = |second: u64| {
        let wave = second * 7_919 % 1_013;
        let lost = second / 600 % 3 == 1;
        SecondRow {
            second,
            records_due: 20_000,
            records_sent: 20_000,
            records_acked: if lost { 12_000 + wave } else { 19_500 + wave },
            requests_due: 400,
            requests_sent: 400,
            requests: 400,
            failures: u64::from(lost) * (wave % 7),
            latency_us: SecondLatency {
                p50: Some(12_000 + wave * 10),
                p95: Some(60_000 + wave * 100 * (1 + u64::from(lost))),
                max: Some(300_000 + wave * 4_000),
                lower_bounds: if lost {
                    vec!["max".to_owned()]
                } else {
                    Vec::new()
                },
                buckets: String::new(),
                bound_buckets: String::new(),
            },
        }
    };
    report.timeline = (0..seconds).map(row).collect();
    report
}

fn hostile(mut report: Report) -> Report {
    HOSTILE.clone_into(&mut report.plan.scenario);
    HOSTILE.clone_into(&mut report.target.topic);
    HOSTILE.clone_into(&mut report.target.server);
    report.target.urls = vec![HOSTILE.to_owned()];
    report.warnings.push(HOSTILE.to_owned());
    report.verdict.reasons.push(HOSTILE.to_owned());
    for failure in &mut report.failures {
        HOSTILE.clone_into(&mut failure.sample);
    }
    report
}

fn history(report: &Report, runs: usize) -> Vec<Entry> {
    let rate = |run: usize| match run {
        0 => 432.0,
        1 => 3_833.0,
        2..15 => 32_071.0 + (run * 37 % 11) as f64 * 90.0,
        _ => {
            42_000.0 + (run * 53 % 13) as f64 * 70.0 + f64::from(u8::from(run % 90 == 40)) * 3_000.0
        }
    };
    let entry = |run: usize| {
        let mut entry = Entry::of(report, None);
        let (day, minute) = (run / 20, run % 20 * 60);
        entry.started_at = format!(
            "2026-{:02}-{:02}T{:02}:{:02}:00.000Z",
            day / 28 + 1,
            day % 28 + 1,
            minute / 60,
            minute % 60
        );
        entry.records_per_sec = rate(run);
        entry.outcome = if run % 9 == 7 {
            krush::gate::Outcome::Void
        } else if run % 9 == 4 {
            krush::gate::Outcome::Threshold
        } else {
            krush::gate::Outcome::Pass
        };
        entry
    };
    (0..runs).map(entry).collect()
}

#[test]
fn pages_for_a_browser_are_written_and_small() {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("html");
    std::fs::create_dir_all(&folder).unwrap();
    let [good, bad, void] = ["good.json", "bad.json", "void.json"].map(read);
    let [lost, e2e, duet] = ["lost.json", "e2e.json", "duet.json"].map(read);
    let long = stretched(bad.clone(), 3_600);
    let day = stretched(bad.clone(), 36_000);
    let evil = hostile(bad.clone());
    // Bands so thin that only their labels need room.
    let mut ledger = bad.clone();
    let records = &mut ledger.ledger.records;
    records.acked = records.scheduled - 3_000;
    records.sent = records.scheduled - 1_000;
    (records.rejected, records.unknown, records.unsent) = (1_000, 1_000, 1_000);
    let short = trends(history(&good, 40));
    let long_road = trends(history(&good, 1_000));
    for trends in [&short, &long_road] {
        assert!(
            !trends[0].changes.is_empty(),
            "the page must have a change to show"
        );
    }
    let note = ["1 line could not be read: 7".to_owned()];
    let pages = [
        ("good", report::html(&[&good])),
        ("bad", report::html(&[&bad])),
        ("void", report::html(&[&void])),
        ("lost", report::html(&[&lost])),
        ("e2e", report::html(&[&e2e])),
        ("duet", report::html(&[&duet])),
        ("several", report::html(&[&good, &bad, &void, &day])),
        ("long", report::html(&[&long])),
        ("ledger", report::html(&[&ledger])),
        ("hostile", report::html(&[&evil])),
        ("history", report::history_html(&short, &note)),
        ("long-history", report::history_html(&long_road, &[])),
        ("four-long", report::html(&[&day, &long, &day, &long])),
    ];
    for (name, page) in pages {
        let path = folder.join(format!("{name}.html"));
        std::fs::write(&path, page).unwrap();
        let bytes = path.metadata().unwrap().len();
        assert!(bytes < MOST_BYTES, "{name}: {bytes} bytes");
    }
}

#[test]
fn a_page_is_written_beside_the_report_and_its_path_printed() {
    let folder = copied(&["good.json", "void.json"]);
    let path = folder.path();
    assert_eq!(said(path, "report good.json --html"), "0 good.html\n");
    let page = std::fs::read_to_string(path.join("good.html")).unwrap();
    assert!(
        page.starts_with("<!DOCTYPE html>") && page.contains("exit code"),
        "{page}"
    );
    let acked = read("good.json").ledger.records.acked;
    assert!(page.contains(&krush::units::grouped(acked)), "{acked}");
    assert_eq!(
        said(path, "report good.json void.json --html -o both.html"),
        "0 both.html\n"
    );
    let both = std::fs::read_to_string(path.join("both.html")).unwrap();
    assert!(both.contains("2 runs side by side") && both.contains("What differs"));
    assert_eq!(
        said(path, "report good.json void.json --markdown --csv"),
        "0 good.md\nvoid.md\ngood-void.csv\n"
    );
    assert_eq!(
        said(path, "report good.json void.json --html"),
        "0 good-void.html\n"
    );
    let alone = std::fs::read_to_string(path.join("good.html")).unwrap();
    assert_eq!(alone, page, "the page of one report stays");
    let both = std::fs::read_to_string(path.join("good-void.html")).unwrap();
    assert!(both.contains("(good.json)") && both.contains("(void.json)"));
    let out = in_folder(path, "report good.json --json -o -");
    let json: Value = serde_json::from_slice(&out.stdout).unwrap();
    assert_eq!(json["ledger"]["records"]["acked"], acked);
    assert_eq!(said(path, "report good.json -o x.xml"), "0 x.xml\n");
    assert!(
        std::fs::read_to_string(path.join("x.xml"))
            .unwrap()
            .contains("<testsuite")
    );
}

#[test]
fn nothing_is_written_if_one_of_the_files_would_go_over_another() {
    let folder = copied(&["good.json"]);
    let path = folder.path();
    for name in ["good.md", "good.txt"] {
        std::fs::copy(path.join("good.json"), path.join(name)).unwrap();
    }
    assert_eq!(
        said(path, "report good.json ./good.md --html --markdown"),
        "2 error: --output: `good.md` is one of the reports\nhint: name another file: it would be overwritten\n"
    );
    assert_eq!(
        said(path, "report good.json ./good.txt --html --junit --hgrm"),
        "2 error: --output: `./good.xml` would be written for two reports\nhint: name another file: it would be overwritten\n"
    );
    assert_eq!(std::fs::read_dir(path).unwrap().count(), 3);
}

#[test]
fn a_load_command_writes_the_page_itself() {
    let folder = tempfile::tempdir().unwrap();
    let ran = in_folder(
        folder.path(),
        "basic --embedded --messages 200 --history off -q -o r.html",
    );
    let page = std::fs::read_to_string(folder.path().join("r.html")).unwrap();
    assert!(page.contains("Stand-in inside this process"), "{ran:?}");
}

#[test]
fn without_a_format_the_terminal_gets_the_table_of_one_run_or_the_runs_side_by_side() {
    let folder = copied(&["good.json", "void.json"]);
    let one = said(folder.path(), "report good.json");
    assert!(
        one.starts_with("0 krush ") && one.contains("records           scheduled"),
        "{one}"
    );
    let two = said(folder.path(), "report good.json void.json --no-color");
    assert!(
        two.starts_with("0 what differs\n")
            && two.contains("  VOID\n")
            && two.contains("(void.json): VOID"),
        "{two}"
    );
    assert!(two.lines().all(|line| line.chars().count() <= 80), "{two}");
    for (value, code) in [("", 0), ("1", 0), ("off", 0), ("perhaps", 2)] {
        let mut command = krush();
        command
            .env("KRUSH_NO_COLOR", value)
            .args(["report", "good.json"]);
        let ran = command.current_dir(folder.path()).output().unwrap();
        assert_eq!(ran.status.code(), Some(code), "{value}: {ran:?}");
    }
}

#[test]
fn what_cannot_be_done_is_said() {
    let folder = copied(&["good.json"]);
    let path = folder.path();
    std::fs::write(path.join("no.json"), "{\n").unwrap();
    let nine = ["good.json"; 9].join(" ");
    let all = [
        said(path, "report none.json"),
        said(path, "report no.json"),
        said(path, "report good.json --json"),
        said(path, "report good.json -o -"),
        said(path, "report good.json -o page.pdf"),
        said(path, "report good.json --html --csv -o x"),
        said(path, "report good.json good.json --markdown -o x.md"),
        said(path, &format!("report {nine} --html")),
        said(path, &format!("report {nine}")),
        said(path, "report good.json -o no/where.html"),
    ];
    insta::assert_snapshot!(all.join(""), @"
    2 error: cannot read report none.json: No such file or directory (os error 2)
    hint: give the JSON report of a load command (see --output)
    2 error: no.json is no report of krush: no JSON: EOF while parsing an object at line 2 column 0
    hint: give the JSON report of a load command (see --output)
    2 error: --output: `good.json` is one of the reports
    hint: name another file: it would be overwritten
    2 error: --output -: nothing says in which format
    hint: add a format, such as --markdown
    2 error: --output: no format goes by the ending of `page.pdf`
    hint: end the name in .json, .html, .md, .xml, .csv, .timeline.csv, .prom, .hgrm, .hlog, .bencher.json, .bigger.json or .smaller.json
    2 error: --output: one file for 2 formats
    hint: leave out --output to write each beside the report, or name one format
    2 error: .md holds at most 1 run, there are 2 reports
    hint: leave out --output to write one beside each report
    2 error: .html holds at most 8 runs, there are 9 reports
    hint: name fewer reports
    2 error: a table holds at most 8 runs, there are 9 reports
    hint: name fewer reports, or make --csv
    2 error: cannot write no/where.html: No such file or directory (os error 2)
    hint: make the folder writable, or name another path with --output
    ");
}
