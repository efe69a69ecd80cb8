//! Duets end to end: two stand-ins in this process that take a fixed time for each request, loaded in turn by the built program.

use std::collections::BTreeMap;
use std::process::{Child, Stdio};
use std::sync::Mutex;

use krush::standin::backend::NewTopic;
use krush::standin::{Embedded, Settings};
use serde_json::Value;

use crate::load::{Ran, krush, standin_with, wait_until};

/// A stand-in that holds each request this long: how fast it is does not depend on the machine.
fn taking(delay: &str) -> Embedded {
    standin_with(Settings {
        faults: vec![format!("delay={delay}").parse().unwrap()]
            .into_iter()
            .collect(),
        ..Settings::default()
    })
}

const SHORT: [&str; 10] = [
    "--duration",
    "200ms",
    "--warmup",
    "20ms",
    "--concurrency",
    "8",
    "--batch-size",
    "10",
    "--threads",
    "1",
];

fn args<'a>(command: &[&'a str], old: &'a str, new: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let urls = ["--url", new, "--baseline-url", old];
    [command, &urls[..], &SHORT[..], more].concat()
}

/// The verdict of each of so many duets of the same two targets, a few at a time: they wait more than they work.
fn outcomes(old: &Embedded, new: &Embedded, pairs: &str, duets: usize) -> Vec<String> {
    let seen = Mutex::new(Vec::new());
    let left = Mutex::new(duets);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                loop {
                    {
                        let mut left = left.lock().unwrap();
                        if *left == 0 {
                            return;
                        }
                        *left -= 1;
                    }
                    let ran =
                        krush(&args(&["gate"], old.url(), new.url(), &["--repeat", pairs])).run();
                    let comparison = &ran.report()["comparison"];
                    assert_eq!(
                        comparison["method"], "pairs",
                        "{}{}",
                        ran.stdout, ran.stderr
                    );
                    let outcome = comparison["outcome"].as_str().unwrap();
                    seen.lock().unwrap().push(outcome.to_owned());
                }
            });
        }
    });
    seen.into_inner().unwrap()
}

#[test]
fn twenty_duets_of_equals_find_no_regression() {
    // As long as in the test of a slowed one: what other tests take of the cores weighs little beside it.
    let (old, new) = (taking("20ms"), taking("20ms"));
    let seen = outcomes(&old, &new, "12", 20);
    let count = |outcome: &str| seen.iter().filter(|seen| *seen == outcome).count();
    let words = format!(
        "{} pass, {} inconclusive, {} regression",
        count("pass"),
        count("inconclusive"),
        count("regression")
    );
    // Shown with --nocapture.
    std::io::Write::write_all(&mut std::io::stderr(), format!("{words}\n").as_bytes()).unwrap();
    assert_eq!(count("regression"), 0, "{words}");
    assert_eq!(count("pass") + count("inconclusive"), 20, "{seen:?}");
}

#[test]
fn a_target_slowed_by_a_tenth_is_found_and_every_record_is_in_a_ledger() {
    let (old, new) = (taking("20ms"), taking("22ms"));
    let ran = krush(&args(
        &["basic"],
        old.url(),
        new.url(),
        &["--repeat", "24", "--margin", "4%"],
    ))
    .run();
    assert_eq!(ran.code, Some(11), "{}{}", ran.stdout, ran.stderr);
    assert!(
        ran.stdout.contains("REGRESSION  (exit 11)"),
        "{}",
        ran.stdout
    );
    let comparison = &ran.report()["comparison"];
    assert_eq!(comparison["baseline"]["source"], old.url());
    let throughput = &comparison["metrics"][0];
    assert_eq!(throughput["metric"], "throughput");
    let change = throughput["change"].as_f64().unwrap();
    assert!((-0.13..-0.05).contains(&change), "{change}");
    // Whatever was stored is in the ledger of its side, warm-up of each slice included.
    let warmup = |report: &Value| report["warmup"]["records"]["acked"].as_u64().unwrap();
    let acked = |report: &Value| report["ledger"]["records"]["acked"].as_u64().unwrap();
    let stored = |server: &Embedded| server.memory().totals().stored;
    let report = ran.report();
    assert_eq!(acked(report) + warmup(report), stored(&new));
    let before = ran.baseline.clone().unwrap();
    assert_eq!(acked(&before) + warmup(&before), stored(&old));
    assert_eq!(before["target"]["urls"][0], old.url());
    assert_eq!(report["plan"]["load"]["duration_secs"], 4.8);
    let flat = ran.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(flat.contains("before all slices, 20ms each"), "{flat}");
    // What was found can be worked out again from the pairs.
    let pairs = comparison["pairs"].as_array().unwrap();
    assert_eq!(pairs.len(), 24);
    let of = |side: &str, key: &str| -> u64 {
        let rows = pairs.iter().map(|pair| pair[side][key].as_u64().unwrap());
        rows.sum()
    };
    assert_eq!(of("run", "records_acked"), acked(report));
    assert_eq!(of("baseline", "records_acked"), acked(&before));
    let scheduled = |report: &Value| report["ledger"]["requests"]["scheduled"].as_u64().unwrap();
    assert_eq!(of("run", "requests"), scheduled(report));
    let logs: Vec<f64> = pairs.iter().map(log_ratio).collect();
    let both = (0..24).flat_map(|one| (one..24).map(move |other| (one, other)));
    let mut means: Vec<f64> = both
        .map(|(one, other)| f64::midpoint(logs[one], logs[other]))
        .collect();
    means.sort_by(f64::total_cmp);
    let middle = f64::midpoint(means[means.len() / 2], means[(means.len() - 1) / 2]);
    assert!((middle.exp_m1() - change).abs() < 1e-9, "{middle} {change}");
    assert!(pairs[0]["run"]["latency_us"]["p95"].as_u64().unwrap() >= 22_000);
}

/// By how much more the run did in a pair.
fn log_ratio(pair: &Value) -> f64 {
    let rate = |side: &str| pair[side]["records_per_sec"].as_f64().unwrap();
    (rate("run") / rate("baseline")).ln()
}

/// Two servers of one kind may still be two things to compare.
#[test]
fn targets_that_are_not_alike_are_refused_before_the_load() {
    let other = taking("1ms");
    let one = NewTopic {
        name: "performance-test".to_owned(),
        partitions: Some(1),
        replication_factor: None,
        configs: BTreeMap::new(),
        validate_only: false,
    };
    other.memory().create_topic(&one).unwrap();
    let plain = taking("1ms");
    let ran = |more: &[&str]| {
        let words = args(&["gate", "--repeat", "8"], plain.url(), other.url(), more);
        krush(&words).run()
    };
    let refused = ran(&[]);
    assert_eq!(
        refused.code,
        Some(2),
        "{}{}",
        refused.stdout,
        refused.stderr
    );
    assert!(
        refused
            .stderr
            .contains("partitions: 48 in the baseline, 1 here"),
        "{}",
        refused.stderr
    );
    assert_eq!(plain.memory().totals().stored, 0);
    let forced = ran(&["--force"]);
    assert!(
        [0, 11, 12].map(Some).contains(&forced.code),
        "{}",
        forced.stderr
    );
    let said = &forced.report()["comparison"]["forced"];
    assert_eq!(said[0], "partitions: 48 in the baseline, 1 here");
    // A stand-in inside krush shares its CPUs; one outside does not.
    let words = ["gate", "--embedded", "--baseline-url", plain.url()];
    let inside = self::refused(&words);
    assert!(inside.contains("stand-in inside krush here"), "{inside}");
}

#[test]
fn a_schedule_that_was_kept_is_neither_void_nor_slower_for_its_last_answers() {
    // 60 ms of waiting at the end of each slice of 200 ms are no part of its schedule.
    let (old, new) = (taking("20ms"), taking("60ms"));
    let more = ["--repeat", "8", "--rate", "500/s"];
    let ran = krush(&args(&["basic"], old.url(), new.url(), &more)).run();
    assert_eq!(ran.code, Some(11), "{}{}", ran.stdout, ran.stderr);
    let report = ran.report();
    let rows = report["comparison"]["metrics"].as_array().unwrap();
    let change = |metric: &str| {
        let row = rows.iter().find(|row| row["metric"] == metric).unwrap();
        row["change"].as_f64().unwrap()
    };
    assert!(change("throughput").abs() < 0.02, "{rows:?}");
    assert!(change("p95") > 1.0, "{rows:?}");
    let rate = &report["summary"]["records_per_sec"];
    assert!(rate.as_f64().unwrap() > 460.0, "{rate}");
}

#[test]
fn a_target_is_no_baseline_of_its_own() {
    for (new, old) in [
        ("http://Localhost:18999", "http://localhost:18999/"),
        ("http://127.0.0.1:18999/", "http://localhost:18999"),
        ("http://127.0.0.1:18999", "http://0.0.0.0:18999"),
        ("http://[::]:18999", "http://[::ffff:127.0.0.1]:18999"),
        (
            "https://proxy.example/rest",
            "https://PROXY.example:443/rest/",
        ),
    ] {
        let said = refused(&["gate", "--url", new, "--baseline-url", old]);
        assert!(
            said.starts_with("2 ")
                && said.contains("is the target itself")
                && said.contains("--aa"),
            "{said}"
        );
    }
    // Another path is another server.
    let said = refused(&[
        "gate",
        "--url",
        "http://127.0.0.1:1/new",
        "--baseline-url",
        "http://127.0.0.1:1/old",
    ]);
    assert!(said.starts_with("15 "), "{said}");
}

#[test]
fn pairs_go_on_until_the_interval_is_narrow_or_time_is_up() {
    let (old, new) = (taking("10ms"), taking("10ms"));
    let wide = krush(&args(
        &["basic"],
        old.url(),
        new.url(),
        &["--margin", "60%"],
    ))
    .run();
    assert_eq!(wide.code, Some(0), "{}{}", wide.stdout, wide.stderr);
    let flat = wide.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(flat.contains("; 8 pairs or more, 5m at most"), "{flat}");
    let pairs = |ran: &Ran| {
        let metrics = ran.report()["comparison"]["metrics"]
            .as_array()
            .unwrap()
            .clone();
        metrics[0]["replicates"].as_u64().unwrap()
    };
    assert!(
        pairs(&wide) >= 8 && pairs(&wide).is_multiple_of(4),
        "{}",
        pairs(&wide)
    );
    let short = ["--margin", "0.1%", "--max-time", "2s"];
    let short = krush(&args(&["basic"], old.url(), new.url(), &short)).run();
    assert_eq!(short.code, Some(12), "{}{}", short.stdout, short.stderr);
    assert!(
        short.stdout.contains("time was up after"),
        "{}",
        short.stdout
    );
}

#[test]
fn a_side_that_is_not_there_is_named() {
    let there = taking("1ms");
    let gone = taking("1ms").url().to_owned();
    let old = krush(&args(&["basic"], &gone, there.url(), &[])).run();
    assert_eq!(old.code, Some(15), "{}{}", old.stdout, old.stderr);
    assert!(old.stderr.contains(&gone), "{}", old.stderr);
    assert!(old.stderr.contains("--baseline-url"), "{}", old.stderr);
    let new = krush(&args(&["basic"], there.url(), &gone, &[])).run();
    assert_eq!(new.code, Some(15), "{}{}", new.stdout, new.stderr);
}

#[test]
fn a_side_that_dies_is_named() {
    let (old, new) = (taking("5ms"), taking("5ms"));
    let url = old.url().to_owned();
    let mut krush = krush(&args(&["basic"], &url, new.url(), &["--repeat", "500"]));
    let child = krush.start();
    wait_until("both are loaded", || {
        old.memory().totals().stored > 0 && new.memory().totals().stored > 0
    });
    drop(old);
    let ran = krush.ran(&child.wait_with_output().unwrap());
    assert_eq!(ran.code, Some(15), "{}{}", ran.stdout, ran.stderr);
    let flat = ran.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(flat.contains("FAIL (target) (exit 15)"), "{flat}");
    let why = flat.rsplit_once("report-baseline.json baseline: ");
    assert!(why.is_some_and(|(_, why)| why.contains(&url)), "{flat}");
    // What was measured until then is kept.
    let acked = |report: &Value| report["ledger"]["records"]["acked"].as_u64().unwrap();
    let warmup = |report: &Value| report["warmup"]["records"]["acked"].as_u64().unwrap();
    let report = ran.report();
    assert_eq!(report["verdict"]["outcome"], "target");
    assert_eq!(acked(report) + warmup(report), new.memory().totals().stored);
    let before = ran.baseline.clone().unwrap();
    assert_eq!(before["verdict"]["outcome"], "target");
    assert!(acked(&before) > 0);
}

#[cfg(unix)]
#[test]
fn an_interrupted_duet_keeps_what_it_has() {
    let (old, new) = (taking("5ms"), taking("5ms"));
    let mut krush = krush(&args(
        &["basic"],
        old.url(),
        new.url(),
        &["--repeat", "500"],
    ));
    let child: Child = krush.start();
    wait_until("both are loaded", || {
        old.memory().totals().stored > 0 && new.memory().totals().stored > 0
    });
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    let ran = krush.ran(&child.wait_with_output().unwrap());
    assert_eq!(ran.code, Some(130), "{}{}", ran.stdout, ran.stderr);
    assert_eq!(ran.report()["end"], "interrupted");
    let stored = new.memory().totals().stored;
    let report = ran.report();
    let acked = report["ledger"]["records"]["acked"].as_u64().unwrap();
    let warmup = report["warmup"]["records"]["acked"].as_u64().unwrap();
    assert_eq!(acked + warmup, stored);
}

/// The first line of the error and its hint.
fn refused(words: &[&str]) -> String {
    let output = crate::krush()
        .args(words)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    format!("{} {}", output.status.code().unwrap(), text.trim_end())
}

#[test]
fn what_makes_no_sense_in_slices_is_refused() {
    let url = ["--baseline-url", "http://127.0.0.1:1"];
    let lines = [
        refused(&[&["basic", "--verify"], &url[..]].concat()),
        refused(
            &[
                &["basic", "--max-lag", "10000", "--lag-group", "g"],
                &url[..],
            ]
            .concat(),
        ),
        refused(&[&["basic", "--stage", "hold:5k/s:1s"], &url[..]].concat()),
        refused(
            &[
                &[
                    "basic",
                    "--duration",
                    "10s",
                    "--rate",
                    "1k/s",
                    "--spike",
                    "5k/s@1s+1s",
                ],
                &url[..],
            ]
            .concat(),
        ),
        refused(&[&["basic", "--duration", "50ms"], &url[..]].concat()),
        refused(&[&["e2e"], &url[..]].concat()),
        refused(&["gate"]),
        refused(&["gate", "--baseline", "x.json"]),
        refused(&["gate", "--aa", "-o", "x.json"]),
        refused(&["gate", "--aa", "--min-throughput", "1/s"]),
        refused(&["gate", "--aa", "--history", "h.jsonl"]),
        refused(&[&["gate", "--fail-on", "e2e.p95 > 1us"], &url[..]].concat()),
        refused(&[&["gate", "-o", "a.json,./a-baseline.json"], &url[..]].concat()),
        refused(&[
            "gate",
            "--rounds",
            "3",
            "--baseline-url",
            "http://127.0.0.1:1",
        ]),
        refused(&["gate", "--aa", "--baseline-url", "http://127.0.0.1:1"]),
    ];
    insta::assert_snapshot!(lines.join("\n"), @"
    2 error: --verify: has no meaning with two targets
    hint: verify a run of its own; a duet is about speed
    2 error: --max-lag: a consumer group that holds one target back says nothing of the other
    hint: leave it out
    2 error: --stage: slices of a duet have one rate
    hint: give one --rate, or none: stages and spikes are compared run by run, with krush compare
    2 error: --spike: slices of a duet have one rate
    hint: give one --rate, or none: stages and spikes are compared run by run, with krush compare
    2 error: --duration: 50ms is too short for a slice
    hint: at least 200ms: it is the length of one slice of many
    2 error: --baseline-url: consumers cannot read slices of two targets in turn
    hint: use a load command, such as krush run
    2 error: krush gate needs two targets
    hint: name the old one with --baseline-url, and the new one with --url; or see what noise does here with --aa
    2 error: --baseline: krush gate loads two targets, and this is a report
    hint: name the old target with --baseline-url, or give --baseline to a load command
    2 error: --output: --aa is about this machine, and leaves no report of a run
    hint: keep what it prints, such as with > aa.txt
    2 error: --min-throughput: --aa is about this machine, and judges no target
    hint: leave it out, or hold two targets against each other without --aa
    2 error: --history: --aa is about this machine, and leaves no report of a run
    hint: leave it out, or hold two targets against each other without --aa
    2 error: `e2e.p95 > 1us` looks at what consumers receive, and this command reads nothing
    hint: krush e2e sends and reads; or look at p95, the latency of requests
    2 error: --output: `./a-baseline.json` is where the baseline's report goes
    hint: name another file: it would be overwritten
    2 error: --rounds: only --aa has rounds
    hint: say how many pairs a duet has with --repeat, or add --aa
    2 error: the argument '--aa' cannot be used with '--baseline-url <URL>'

    Usage: krush gate --aa --history <FILE>

    For more information, try '--help'.
    ");
}

#[test]
fn a_target_against_itself_says_what_noise_does() {
    let server = taking("5ms");
    let words = [
        "gate",
        "--aa",
        "--rounds",
        "2",
        "--url",
        server.url(),
        "--margin",
        "50%",
    ];
    let output = crate::krush()
        .args(words)
        .args(SHORT)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{text}");
    for wanted in [
        "against itself: 2 rounds of 8 pairs, slices of 200ms",
        "false alarms          0 of 2 rounds: a rate of at most 78 % (95 %)",
        "interval, throughput",
        "margin held",
    ] {
        assert!(text.contains(wanted), "{wanted}: {text}");
    }
}
