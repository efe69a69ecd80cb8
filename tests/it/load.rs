//! Load runs end to end: the built program against a stand-in in this process, whose store is the truth to compare with.

use std::collections::HashSet;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use krush::standin::{Embedded, Settings, tls};
use krush::wire::Dialect;
use serde_json::Value;

/// A finished run: exit code, what was printed, and the report if one was written.
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) report: Option<Value>,
    /// That of the other side of a duet.
    pub(crate) baseline: Option<Value>,
}

impl Ran {
    pub(crate) fn report(&self) -> &Value {
        self.report
            .as_ref()
            .unwrap_or_else(|| panic!("no report: {}{}", self.stdout, self.stderr))
    }

    fn records(&self, place: &str) -> u64 {
        self.report()["ledger"]["records"][place].as_u64().unwrap()
    }

    fn requests(&self, place: &str) -> u64 {
        self.report()["ledger"]["requests"][place].as_u64().unwrap()
    }

    fn failures(&self) -> Vec<(String, u64)> {
        let rows = self.report()["failures"].as_array().unwrap();
        let row = |row: &Value| {
            (
                row["kind"].as_str().unwrap().to_owned(),
                row["records"].as_u64().unwrap(),
            )
        };
        rows.iter().map(row).collect()
    }

    fn warns_of(&self, words: &str) -> bool {
        let warnings = self.report()["warnings"].as_array().unwrap();
        warnings
            .iter()
            .any(|warning| warning.as_str().unwrap().contains(words))
    }

    /// Both equations, for requests and for records: nothing is counted twice or nowhere.
    #[track_caller]
    fn assert_balanced(&self) {
        let balance = |of: &dyn Fn(&str) -> u64, ends: &[&str]| {
            assert_eq!(of("scheduled"), of("sent") + of("unsent"));
            assert_eq!(of("sent"), ends.iter().map(|end| of(end)).sum::<u64>());
        };
        balance(
            &|place| self.records(place),
            &["acked", "rejected", "unknown"],
        );
        balance(
            &|place| self.requests(place),
            &["complete", "partial", "rejected", "unknown"],
        );
    }
}

/// krush in a folder of its own, writing its report there.
pub(crate) struct Krush {
    folder: tempfile::TempDir,
    command: Command,
}

pub(crate) fn krush(args: &[&str]) -> Krush {
    let folder = tempfile::tempdir().unwrap();
    let mut command = crate::krush();
    command
        .args(args)
        .args(["--output", "report.json"])
        .current_dir(folder.path())
        .stdin(Stdio::null());
    Krush { folder, command }
}

impl Krush {
    pub(crate) fn run(mut self) -> Ran {
        let output = self.command.output().unwrap();
        self.ran(&output)
    }

    pub(crate) fn start(&mut self) -> Child {
        self.command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }

    pub(crate) fn ran(&self, output: &Output) -> Ran {
        let read = |name: &str| {
            let path: PathBuf = self.folder.path().join(name);
            let text = std::fs::read_to_string(path).ok()?;
            Some(serde_json::from_str(&text).unwrap())
        };
        Ran {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
            report: read("report.json"),
            baseline: read("report-baseline.json"),
        }
    }
}

fn run(args: &[&str]) -> Ran {
    let ran = krush(args).run();
    if ran.report.is_some() {
        ran.assert_balanced();
    }
    ran
}

fn standin(faults: &[&str]) -> Embedded {
    standin_with(Settings {
        faults: faults.iter().map(|fault| fault.parse().unwrap()).collect(),
        ..Settings::default()
    })
}

pub(crate) fn standin_with(settings: Settings) -> Embedded {
    Embedded::start(Settings {
        threads: 1,
        ..settings
    })
    .unwrap()
}

fn stored(server: &Embedded) -> u64 {
    server.memory().totals().stored
}

/// Waits for something that another process brings about.
pub(crate) fn wait_until(what: &str, done: impl Fn() -> bool) {
    let began = Instant::now();
    while !done() {
        assert!(
            began.elapsed() < Duration::from_secs(20),
            "waited in vain for: {what}"
        );
        std::thread::yield_now();
    }
}

#[test]
fn each_preset_stores_exactly_what_it_reports_and_every_record_is_unique() {
    for (preset, records, batch, value_bytes) in [
        ("basic", 1_000, 10, 200),
        ("optimized", 50_000, 1_000, 200),
        ("extreme", 100_000, 1_000, 200),
        ("64kb", 1_000, 10, 87_462),
    ] {
        let server = standin_with(Settings {
            max_memory: "200MiB".parse().unwrap(),
            ..Settings::default()
        });
        let ran = run(&[preset, "--url", server.url()]);
        assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
        assert_eq!(
            (ran.records("acked"), ran.records("scheduled")),
            (records, records),
            "{preset}"
        );
        assert_eq!(ran.requests("complete"), records / batch, "{preset}");
        let kept = server.memory().records("performance-test");
        assert_eq!(
            (stored(&server), kept.len() as u64),
            (records, records),
            "{preset}"
        );
        let mut ids = HashSet::new();
        for record in &kept {
            let value = record.value.as_ref().unwrap();
            assert_eq!(value.len(), value_bytes, "{preset}");
            let value: Value = serde_json::from_slice(value).unwrap();
            assert_eq!(value["system"], "krush");
            assert!(value["timestamp"].as_u64().unwrap() > 1_700_000_000_000);
            assert!(
                ids.insert(value["id"].as_str().unwrap().to_owned()),
                "{preset}: {} twice",
                value["id"]
            );
        }
        let report = ran.report();
        assert_eq!(
            report["target"]["kind"], "stand-in",
            "a stand-in is never called a REST Proxy"
        );
        assert_eq!(report["summary"]["success_ratio"], 1.0);
        assert!(ran.stdout.contains("stand-in"), "{}", ran.stdout);
        let reference = report["plan"]["reference"]["records_per_sec"]
            .as_f64()
            .unwrap();
        assert!(
            ran.stdout.contains(&krush::units::rate_digits(reference)),
            "{}",
            ran.stdout
        );
    }
}

#[test]
fn a_count_that_is_no_multiple_of_the_batch_is_sent_exactly() {
    let server = standin(&[]);
    let ran = run(&[
        "basic",
        "--url",
        server.url(),
        "--messages",
        "1234",
        "--batch-size",
        "100",
        "-c",
        "3",
    ]);
    assert_eq!((ran.records("acked"), stored(&server)), (1_234, 1_234));
    assert_eq!(ran.requests("sent"), 13);
}

#[test]
fn every_key_mode_and_format_is_stored_as_meant() {
    for format in ["json", "binary"] {
        for (key, distinct) in [
            ("none", 1..=1),
            ("sequence", 500..=500),
            ("random", 40..=50),
            ("hot", 2..=50),
        ] {
            let server = standin(&[]);
            let flags = [
                "--messages",
                "500",
                "--batch-size",
                "50",
                "--format",
                format,
                "--key",
                key,
            ];
            let keys: &[&str] = match key {
                "random" | "hot" => &["--keys", "50"],
                _ => &[],
            };
            let ran = run(&[&["basic", "--url", server.url()], &flags[..], keys].concat());
            assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
            let kept = server.memory().records("performance-test");
            assert_eq!(kept.len(), 500);
            let keys: HashSet<_> = kept.iter().map(|record| record.key.clone()).collect();
            assert!(
                distinct.contains(&keys.len()),
                "{format} {key}: {} keys",
                keys.len()
            );
            let ids: HashSet<_> = kept
                .iter()
                .map(|record| {
                    serde_json::from_slice::<Value>(record.value.as_ref().unwrap()).unwrap()["id"]
                        .to_string()
                })
                .collect();
            assert_eq!(ids.len(), 500, "{format} {key}");
        }
    }
}

#[test]
fn a_200_with_failed_records_is_not_success() {
    let server = standin(&["fail=10%:50002"]);
    let ran = run(&[
        "basic",
        "--url",
        server.url(),
        "--fail-on",
        "success < 99.9%",
    ]);
    assert_eq!(ran.code, Some(10), "{}", ran.stdout);
    assert_eq!((ran.records("acked"), ran.records("rejected")), (900, 100));
    assert_eq!(stored(&server), 900);
    assert_eq!(ran.requests("complete") + ran.requests("partial"), 100);
    assert!(ran.stdout.contains("90 %"), "{}", ran.stdout);
    assert_eq!(ran.failures(), [("record_rejected".to_owned(), 100)]);
}

#[test]
fn records_reported_as_expired_are_unknown() {
    let server = standin(&["fail=10%:50003"]);
    let ran = run(&["basic", "--url", server.url()]);
    assert_eq!(
        (
            ran.records("acked"),
            ran.records("rejected"),
            ran.records("unknown")
        ),
        (900, 0, 100)
    );
    assert!(ran.warns_of("may be stored"));
}

#[test]
fn whole_request_refusals_and_errors_have_their_places() {
    for (fault, place) in [
        ("status=429", "rejected"),
        ("status=503", "unknown"),
        ("status=500:stored", "unknown"),
    ] {
        let server = standin(&[&format!("{fault}@every4")]);
        let ran = run(&["basic", "--url", server.url()]);
        assert_eq!(
            (ran.requests("complete"), ran.requests(place)),
            (75, 25),
            "{fault}"
        );
        assert!(stored(&server) >= ran.records("acked"), "{fault}");
    }
}

#[test]
fn nothing_acknowledged_never_passes() {
    for (fault, code) in [("status=400", 10), ("empty", 10), ("close", 15)] {
        let server = standin(&[fault]);
        let ran = run(&["basic", "--url", server.url(), "--timeout", "1s"]);
        assert_eq!(
            ran.code,
            Some(code),
            "{fault}: {}{}",
            ran.stdout,
            ran.stderr
        );
        assert_eq!(ran.records("acked"), 0, "{fault}");
        assert!(!ran.stdout.contains("PASS"), "{fault}: {}", ran.stdout);
    }
}

#[test]
fn two_quick_failures_of_two_thousand_miss_no_limit_on_latency() {
    let server = standin(&["status=503@every1000"]);
    let limits = ["p50 > 100s", "p90 > 100s", "p95 > 100s", "success < 99%"];
    let mut args = vec!["basic", "--url", server.url(), "--messages", "20000"];
    args.extend(limits.iter().flat_map(|limit| ["--fail-on", limit]));
    let ran = run(&args);
    assert_eq!(ran.requests("unknown"), 2);
    for threshold in ran.report()["thresholds"].as_array().unwrap() {
        assert_eq!(threshold["passed"], true, "{threshold}");
    }
    // Nothing but a busy machine can be wrong with it.
    assert!(matches!(ran.code, Some(0 | 13)), "{}", ran.stdout);
}

#[test]
fn the_keep_alive_defect_is_unknown_and_named() {
    let server = standin(&["keepalive@5%"]);
    let ran = run(&[
        "basic",
        "--url",
        server.url(),
        "--messages",
        "20000",
        "-c",
        "4",
    ]);
    assert!(ran.records("unknown") > 0, "{}", ran.stdout);
    assert_eq!(ran.records("rejected"), 0);
    assert!(ran.records("acked") <= stored(&server));
    assert!(stored(&server) <= ran.records("acked") + ran.records("unknown"));
    assert!(ran.warns_of("8.0.3"), "{:?}", ran.report()["warnings"]);
    assert!(
        ran.failures()
            .iter()
            .any(|(kind, _)| kind == "empty_answer"),
        "{:?}",
        ran.failures()
    );
}

#[test]
fn a_second_of_standstill_in_ten_shows_in_p99() {
    let server = standin(&["stall=1s@4s"]);
    let ran = run(&[
        "basic",
        "--url",
        server.url(),
        "--rate",
        "100/s",
        "--batch-size",
        "1",
        "--duration",
        "10s",
        "-c",
        "8",
    ]);
    let report = ran.report();
    let latency = &report["summary"]["latency_us"];
    let service = &report["summary"]["service_time_us"];
    assert_eq!(ran.records("acked"), 1_000, "{}", ran.stdout);
    // 100 requests were due while the server stood still; one in a hundred of all waited for 900 ms or more.
    assert!(latency["p99"].as_u64().unwrap() >= 850_000, "{latency}");
    assert!(latency["p50"].as_u64().unwrap() < 100_000, "{latency}");
    // Counted from the first byte written only the eight requests in flight saw it: this is the lie of other tools.
    assert!(service["p99"].as_u64().unwrap() < 500_000, "{service}");
    for told in [
        "corrected ",
        "uncorrected ",
        "the corrected P99 is ",
        "over time, s ",
    ] {
        let line = ran.stdout.lines().find(|line| line.starts_with(told));
        assert!(line.is_some(), "{told}: {}", ran.stdout);
    }
    // Second by second: what came due went on, and its latency shows where the server stood still.
    let rows = report["timeline"].as_array().unwrap();
    let sum = |key: &str| -> u64 { rows.iter().map(|row| row[key].as_u64().unwrap()).sum() };
    for second in &rows[..10] {
        assert_eq!(second["records_due"].as_u64().unwrap(), 100, "{rows:?}");
    }
    assert_eq!((sum("records_sent"), sum("records_acked")), (1_000, 1_000));
    let p95 = |row: &serde_json::Value| row["latency_us"]["p95"].as_u64();
    let slowest = rows.iter().filter_map(p95).max();
    assert!(slowest >= Some(850_000), "{rows:?}");
    // They waited for a connection, not for krush, but for what it says it lost to a pause of the machine meanwhile.
    let own = &report["summary"]["own_lateness_us"]["max"];
    let paused_us = own.as_u64().unwrap();
    assert!(paused_us < 850_000 / 2, "{own}");
    let waits = &report["generator"]["connection_waits"];
    assert!(waits["requests"].as_u64().unwrap() >= 80, "{waits}");
    assert!(
        waits["max_us"].as_u64().unwrap() + paused_us >= 850_000,
        "{waits}, own {paused_us}"
    );
}

#[test]
fn a_request_that_hangs_is_not_the_end_of_its_target() {
    // The last of 100 requests, one before it, or one over each of two connections in turn: unknown, and no more than that.
    for (fault, connections, hung) in [
        ("hang@every100", "10", 1),
        ("hang@every99", "10", 1),
        ("hang@every50", "2", 2),
        ("close@every100", "1", 1),
    ] {
        let flags = "basic --embedded --rate 1k/s --duration 1s --timeout 1100ms --fail-on success<50% --fault";
        let mut args: Vec<&str> = flags.split(' ').collect();
        args.extend([fault, "-c", connections]);
        let ran = run(&args);
        // On a busy machine it may be void.
        let passed = matches!(ran.code, Some(0 | 13));
        assert!(passed, "{fault}: {}{}", ran.stdout, ran.stderr);
        assert_eq!(ran.report()["end"], "finished", "{fault}");
        assert_eq!(
            ran.report()["ledger"]["requests"]["unknown"],
            hung,
            "{fault}"
        );
    }
}

#[test]
fn a_target_that_answers_nothing_for_long_is_gone_though_it_keeps_its_connections() {
    // Open loop, closed loop, and one connection: all that is sent from then on hangs.
    for flags in [
        "--rate 1k/s -c 10 --fault hang@1s-9s",
        "--rate 200/s -c 100 --fault hang@1s-9s",
        "--fault delay=5ms --fault hang@1500ms-9s -c 10",
        "--fault delay=5ms --fault hang@300ms-9s -c 1",
        "--rate 1k/s -c 4 --fault die@1500ms",
        "--rate 1k/s -c 1 --fault die@1500ms",
    ] {
        let args = format!("basic --embedded --duration 2s --timeout 1500ms {flags}");
        let ran = run(&args.split(' ').collect::<Vec<_>>());
        assert_eq!(ran.code, Some(15), "{flags}: {}{}", ran.stdout, ran.stderr);
        assert_eq!(ran.report()["end"], "target_gone", "{flags}");
    }
}

#[test]
fn a_target_that_dies_is_never_a_success() {
    for flags in [&["--messages", "400000"][..], &["--duration", "3s"][..]] {
        let server = standin(&["die@50req"]);
        let ran = run(&[
            &[
                "basic",
                "--url",
                server.url(),
                "-c",
                "4",
                "--timeout",
                "500ms",
            ],
            flags,
        ]
        .concat());
        assert_eq!(ran.code, Some(15), "{}{}", ran.stdout, ran.stderr);
        assert_eq!(ran.report()["verdict"]["outcome"], "target");
        assert!(ran.report()["summary"]["success_ratio"].as_f64().unwrap() < 1.0);
        assert!(
            !ran.stdout
                .lines()
                .any(|line| line.starts_with("success        100 %")),
            "{}",
            ran.stdout
        );
        assert!(stored(&server) >= ran.records("acked"));
    }
}

#[test]
fn connections_closed_while_idle_lose_nothing() {
    // Closed half a second after its last request, opened anew and idle for a quarter when the next is due: the two are
    // never close enough to meet, which no client could help.
    let server = standin_with(Settings {
        idle_timeout: Some(Duration::from_millis(500)),
        ..Settings::default()
    });
    let ran = run(&[
        "basic",
        "--url",
        server.url(),
        "--rate",
        "20/s",
        "--batch-size",
        "15",
        "--messages",
        "75",
        "-c",
        "1",
    ]);
    assert_eq!(
        (ran.records("acked"), ran.records("unknown")),
        (75, 0),
        "{}",
        ran.stdout
    );
    let reconnects = &ran.report()["connections"]["reconnects"];
    assert!(reconnects.as_u64().unwrap() >= 4, "{}", ran.stdout);
}

#[test]
fn a_run_in_stages_with_a_spike_offers_what_it_says() {
    // 0.3 s × 500/s + 0.9 s × 1,000/s, of which 0.3 s are at 4,000/s: 150 + 600 + 1,200 records.
    let ran = run(&[
        "basic",
        "--embedded",
        "--batch-size",
        "10",
        "--stage",
        "ramp:1k/s:300ms,hold:1k/s:900ms",
        "--spike",
        "4k/s@600ms+300ms",
        "--warmup",
        "100ms",
    ]);
    assert_eq!(ran.requests("scheduled"), 195);
    assert_eq!(ran.records("acked") + ran.records("unsent"), 1_950);
    // A machine with other things to do makes any open loop late, and then the run is void and says so.
    let checks = ran.report()["validity"]["checks"].as_array().unwrap();
    let failed = checks.iter().filter(|check| check["passed"] == false);
    let failed: Vec<&str> = failed
        .map(|check| check["name"].as_str().unwrap())
        .collect();
    let busy = ["generator sent on time", "offered rate reached"];
    assert!(failed.iter().all(|name| busy.contains(name)), "{failed:?}");
    let wanted = if failed.is_empty() { 0 } else { 13 };
    assert_eq!(ran.code, Some(wanted), "{}{}", ran.stdout, ran.stderr);
    let load = &ran.report()["plan"]["load"];
    assert_eq!(
        load["stages"],
        serde_json::json!([
            {"from_records_per_sec": 0.0, "to_records_per_sec": 1000.0, "duration_secs": 0.3},
            {"from_records_per_sec": 1000.0, "to_records_per_sec": 1000.0, "duration_secs": 0.9},
        ])
    );
    assert_eq!(
        load["spike"],
        serde_json::json!({"records_per_sec": 4000.0, "at_secs": 0.6, "duration_secs": 0.3})
    );
    assert_eq!(load["arrivals"], "uniform");
    assert_eq!(load["rate_records_per_sec"], Value::Null);
    assert_eq!(load["duration_secs"], 1.2);
    let words = ran.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    for said in [
        "open loop in 2 stages up to 1,000 rec/s over 1s 200ms",
        "spike of 4,000 rec/s from 600ms for 300ms",
        "latency counts from when the request was due",
    ] {
        assert!(words.contains(said), "{said}: {}", ran.stdout);
    }
}

#[test]
fn the_same_seed_gives_the_same_poisson_arrivals_and_another_seed_others() {
    let scheduled = |seed: &str| {
        let ran = run(&[
            "basic",
            "--embedded",
            "--batch-size",
            "1",
            "--rate",
            "2000/s",
            "--duration",
            "500ms",
            "--arrivals",
            "poisson",
            "--seed",
            seed,
        ]);
        assert_eq!(ran.report()["plan"]["load"]["arrivals"], "poisson");
        ran.requests("scheduled")
    };
    let counts = ["1", "1", "2", "3"].map(scheduled);
    // Five times the root of 1,000.
    assert!(
        counts.iter().all(|count| count.abs_diff(1_000) < 160),
        "{counts:?}"
    );
    assert_eq!(counts[0], counts[1]);
    assert!(
        counts[2] != counts[0] || counts[3] != counts[0],
        "{counts:?}"
    );
}

#[cfg(unix)]
pub(crate) fn interrupt(child: &Child) {
    let pid = rustix::process::Pid::from_child(child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
}

#[test]
#[cfg(unix)]
fn ctrl_c_drains_and_reports_what_was_measured() {
    let server = standin(&["delay=20ms"]);
    let mut krush = krush(&["basic", "--url", server.url(), "--duration", "60s"]);
    let child = krush.start();
    wait_until("a few records stored", || stored(&server) > 500);
    interrupt(&child);
    let ran = krush.ran(&child.wait_with_output().unwrap());
    ran.assert_balanced();
    assert_eq!(ran.code, Some(130), "{}", ran.stdout);
    assert_eq!(ran.report()["verdict"]["outcome"], "interrupted");
    assert_eq!(ran.records("unknown"), 0, "what was in flight was drained");
    assert_eq!(ran.records("acked"), stored(&server));
}

#[test]
#[cfg(unix)]
fn ctrl_c_twice_abandons_the_drain_and_still_reports() {
    let server = standin(&["stall=60s@700ms"]);
    let mut krush = krush(&[
        "basic",
        "--url",
        server.url(),
        "--duration",
        "60s",
        "--rate",
        "1000/s",
    ]);
    let mut child = krush.start();
    wait_until("a record stored", || stored(&server) > 0);
    let began = Instant::now();
    // The first one stops the load, each later one abandons the drain; repeated until it is heard.
    while child.try_wait().unwrap().is_none() {
        assert!(
            began.elapsed() < Duration::from_secs(20),
            "two interrupts did not end the run"
        );
        interrupt(&child);
        std::thread::park_timeout(Duration::from_millis(100));
    }
    let ran = krush.ran(&child.wait_with_output().unwrap());
    ran.assert_balanced();
    assert_eq!(ran.code, Some(130), "{}{}", ran.stdout, ran.stderr);
}

#[test]
fn several_targets_share_the_load_and_are_reported_apart() {
    let servers = [standin(&[]), standin(&[])];
    let ran = run(&[
        "basic",
        "--url",
        servers[0].url(),
        "--url",
        servers[1].url(),
        "--messages",
        "20000",
    ]);
    let rows = ran.report()["target"]["per_target"].as_array().unwrap();
    assert_eq!(rows.len(), 2);
    for (row, server) in rows.iter().zip(&servers) {
        assert_eq!(
            row["ledger"]["records"]["acked"].as_u64().unwrap(),
            stored(server),
            "{row}"
        );
        assert!(stored(server) > 1_000);
    }
    assert_eq!(stored(&servers[0]) + stored(&servers[1]), 20_000);
    assert!(ran.stdout.contains(servers[1].url()), "{}", ran.stdout);
}

#[test]
fn thresholds_and_validity_decide_the_exit_code() {
    let server = standin(&[]);
    for (flags, code, outcome) in [
        (
            &["--min-throughput", "1/s", "--max-p95", "30s"][..],
            0,
            "pass",
        ),
        (&["--min-throughput", "900M/s"][..], 10, "threshold"),
        (&["--max-p95", "1us"][..], 10, "threshold"),
        (&["--gate"][..], 0, "pass"),
        (&["--fail-on", "p99.9 > 1h"][..], 13, "void"),
    ] {
        let ran = run(&[&["basic", "--url", server.url()], flags].concat());
        assert_eq!(
            ran.code,
            Some(code),
            "{flags:?}: {}{}",
            ran.stdout,
            ran.stderr
        );
        assert_eq!(ran.report()["verdict"]["outcome"], outcome, "{flags:?}");
    }
}

#[test]
fn an_open_loop_that_the_server_cannot_follow_is_void() {
    let server = standin(&["delay=100ms"]);
    let ran = run(&[
        "basic",
        "--url",
        server.url(),
        "--rate",
        "1000/s",
        "--batch-size",
        "1",
        "--duration",
        "2s",
        "-c",
        "2",
    ]);
    assert_eq!(ran.code, Some(13), "{}", ran.stdout);
    assert!(ran.records("unsent") > 1_000);
    assert!(ran.stdout.contains('≥'), "{}", ran.stdout);
    let flat = ran.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    // 1,000 requests/s of 100 ms each; a krush that was itself stopped for a while says that first.
    let p50 = |name: &str| ran.report()["summary"][name]["p50"].as_u64().unwrap();
    let cause: &[&str] = if flat.contains("Generator sent on time? No") {
        // By far the most of their delay was the wait for a connection.
        assert!(p50("own_lateness_us") < p50("send_delay_us") / 2, "{flat}");
        &["the machine is too slow, or paused, for such a --rate"]
    } else {
        &[
            "by Little's law it takes at least 1",
            "raise --concurrency above that",
        ]
    };
    for said in cause {
        assert!(flat.contains(said), "{said}: {flat}");
    }
}

#[test]
fn https_with_a_ca_of_ones_own_and_a_client_certificate() {
    let certificates = Certificates::new();
    let path = |name: &str| certificates.folder.path().join(name);
    let tls = tls::Server::from_files(
        &path("server.pem"),
        &path("server.key"),
        Some(&path("ca.pem")),
    )
    .unwrap();
    let server = standin_with(Settings {
        tls: Some(tls),
        ..Settings::default()
    });
    let url = server
        .url()
        .replace("http://", "https://")
        .replace("127.0.0.1", "localhost");
    let text = |name: &str| path(name).to_string_lossy().into_owned();
    let (ca, cert, key) = (text("ca.pem"), text("client.pem"), text("client.key"));
    let trusted = [
        "--ca-cert",
        &ca,
        "--client-cert",
        &cert,
        "--client-key",
        &key,
    ];
    let ran = run(&[
        &[
            "basic",
            "--url",
            &url,
            "--messages",
            "5000",
            "--batch-size",
            "500",
        ],
        &trusted[..],
    ]
    .concat());
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
    assert_eq!((ran.records("acked"), stored(&server)), (5_000, 5_000));
    for refused in [&[][..], &["--ca-cert", &ca]] {
        let ran = run(&[&["basic", "--url", &url], refused].concat());
        assert_eq!(
            ran.code,
            Some(15),
            "{refused:?}: {}{}",
            ran.stdout,
            ran.stderr
        );
        assert_eq!(
            ran.stderr
                .lines()
                .filter(|line| line.starts_with("error: "))
                .count(),
            1,
            "{}",
            ran.stderr
        );
        assert!(!ran.stderr.contains("panicked"));
    }
}

/// A CA, a server certificate for localhost and a client certificate, as PEM files.
struct Certificates {
    folder: tempfile::TempDir,
}

impl Certificates {
    fn new() -> Self {
        use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
        let folder = tempfile::tempdir().unwrap();
        let write =
            |name: &str, text: String| std::fs::write(folder.path().join(name), text).unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca_key = KeyPair::generate().unwrap();
        write("ca.pem", params.self_signed(&ca_key).unwrap().pem());
        let issuer = Issuer::new(params, ca_key);
        for name in ["server", "client"] {
            let key = KeyPair::generate().unwrap();
            let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
            write(
                &format!("{name}.pem"),
                params.signed_by(&key, &issuer).unwrap().pem(),
            );
            write(&format!("{name}.key"), key.serialize_pem());
        }
        Self { folder }
    }
}

#[test]
fn the_other_dialects_are_recognised_and_judged() {
    for (dialect, name) in [
        (Dialect::Strimzi, "strimzi"),
        (Dialect::Karapace, "karapace"),
        (Dialect::Redpanda, "redpanda"),
    ] {
        let server = standin_with(Settings {
            dialect,
            ..Settings::default()
        });
        let new = krush::standin::backend::NewTopic {
            name: "performance-test".to_owned(),
            partitions: Some(6),
            replication_factor: Some(1),
            configs: std::collections::BTreeMap::new(),
            validate_only: false,
        };
        server.memory().create_topic(&new).unwrap();
        let ran = run(&["basic", "--url", server.url()]);
        assert_eq!(ran.code, Some(0), "{name}: {}{}", ran.stdout, ran.stderr);
        assert_eq!(ran.report()["target"]["dialect"], name);
        assert_eq!(
            (ran.records("acked"), stored(&server)),
            (1_000, 1_000),
            "{name}"
        );
    }
}

#[test]
fn without_a_target_the_stand_in_is_started_and_every_output_says_so() {
    let mut krush = krush(&["basic", "--embedded", "--output", "report.md"]);
    let output = krush.command.output().unwrap();
    let ran = krush.ran(&output);
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
    assert_eq!(ran.report()["target"]["kind"], "stand-in");
    assert!(
        ran.stdout.contains("not about a REST Proxy"),
        "{}",
        ran.stdout
    );
    let markdown = std::fs::read_to_string(krush.folder.path().join("report.md")).unwrap();
    assert!(markdown.contains("not about a REST Proxy"), "{markdown}");
}

#[test]
fn memory_does_not_grow_with_the_run() {
    let server = standin(&[]);
    let peak = |duration| {
        let ran = run(&["extreme", "--url", server.url(), "--duration", duration]);
        ran.report()["generator"]["peak_rss_bytes"]
            .as_u64()
            .unwrap()
    };
    let (short, long) = (peak("1s"), peak("5s"));
    assert!(short < 64 << 20, "{short} bytes with 500 connections");
    assert!(
        long < short + (2 << 20),
        "{short} bytes after 1 s, {long} after 5 s"
    );
}

#[test]
fn settings_come_from_environment_and_scenario_as_from_flags() {
    let server = standin(&[]);
    let mut by_variable = krush(&["basic"]);
    by_variable
        .command
        .env("KRUSH_URL", server.url())
        .env("KRUSH_MESSAGES", "120");
    let ran = by_variable.run();
    assert_eq!(ran.records("acked"), 120, "{}{}", ran.stdout, ran.stderr);
    let by_file = krush(&["run", "mine.toml"]);
    let text = format!(
        "[target]\nurl = \"{}\"\n[load]\nmessages = 130\nconcurrency = 2\nbatch_size = 10\n",
        server.url()
    );
    std::fs::write(by_file.folder.path().join("mine.toml"), text).unwrap();
    assert_eq!(by_file.run().records("acked"), 130);
}

#[cfg(unix)]
#[test]
fn a_served_topic_makes_a_proxy_that_creates_none_usable() {
    use std::io::BufRead as _;
    let mut server = crate::krush()
        .args(["serve", "--port", "0", "--dialect", "karapace"])
        .args(["--topic", "performance-test:7,other"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut out = std::io::BufReader::new(server.stdout.take().unwrap());
    let mut first = String::new();
    out.read_line(&mut first).unwrap();
    let url = first.split("  ").next().unwrap();
    let ran = run(&["basic", "--url", url]);
    let missing = run(&["basic", "--url", url, "--topic", "third"]);
    rustix::process::kill_process(
        rustix::process::Pid::from_child(&server),
        rustix::process::Signal::TERM,
    )
    .unwrap();
    assert_eq!(server.wait().unwrap().code(), Some(0));
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
    assert_eq!(ran.records("acked"), 1_000);
    assert_eq!(ran.report()["target"]["partitions"], 7);
    assert_eq!(missing.code, Some(15), "{}", missing.stderr);
}

#[test]
fn a_result_that_cannot_be_written_is_shown_all_the_same() {
    let server = standin(&["delay=300ms"]);
    let mut krush = krush(&["basic", "--url", server.url()]);
    krush.command.args(["-o", "gone/report.md"]);
    let folder = krush.folder.path().join("gone");
    std::fs::create_dir(&folder).unwrap();
    let child = krush.start();
    wait_until("records stored", || stored(&server) > 0);
    std::fs::remove_dir_all(&folder).unwrap();
    let ran = krush.ran(&child.wait_with_output().unwrap());
    assert_eq!(ran.code, Some(2), "{}{}", ran.stdout, ran.stderr);
    assert!(ran.stdout.contains("PASS"), "{}", ran.stdout);
    assert!(
        ran.stderr.contains("cannot write gone/report.md"),
        "{}",
        ran.stderr
    );
    assert_eq!(ran.records("acked"), 1_000, "the other file is written");
}
