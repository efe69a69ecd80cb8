//! `--max-lag`: a load that waits for the consumers of what it produces.

use std::path::Path;
use std::process::{Output, Stdio};

use krush::standin::{Embedded, Settings};
use serde_json::Value;

const GROUP: &str = "readers";

fn command(folder: &Path, url: &str, args: &[&str]) -> std::process::Command {
    let mut command = crate::krush();
    command
        .args(args)
        .args(["--url", url, "--topic", "t"])
        .current_dir(folder)
        .stdin(Stdio::null());
    command
}

fn run(folder: &Path, url: &str, args: &[&str]) -> Output {
    command(folder, url, args).output().unwrap()
}

/// A stand-in with a topic of which a group has read everything.
fn read_by_a_group(folder: &Path) -> Embedded {
    let server = Embedded::start(Settings {
        threads: 1,
        ..Settings::default()
    })
    .unwrap();
    let produced = run(
        folder,
        server.url(),
        &["basic", "--partitions", "4", "-o", "first.json"],
    );
    assert_eq!(produced.status.code(), Some(0), "{produced:?}");
    let read = [
        "consume",
        "--group",
        GROUP,
        "--drain",
        "--commit",
        "after",
        "--instances",
        "2",
    ];
    let read = run(folder, server.url(), &read);
    assert_eq!(read.status.code(), Some(0), "{read:?}");
    server
}

fn held_back(folder: &Path) -> Value {
    let text = std::fs::read_to_string(folder.join("r.json")).unwrap();
    serde_json::from_str::<Value>(&text).unwrap()["held_back"].clone()
}

const LOAD: [&str; 12] = [
    "basic",
    "--duration",
    "2s",
    "--concurrency",
    "1",
    "--max-lag",
    "1000",
    "--lag-group",
    GROUP,
    "--no-color",
    "-o",
    "r.json",
];

#[test]
fn a_load_waits_for_ever_for_a_group_that_nobody_reads_with() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let server = read_by_a_group(folder);
    let output = run(folder, server.url(), &LOAD);
    let stdout = String::from_utf8_lossy(&output.stdout);
    let held = held_back(folder);
    assert_eq!(
        (&held["group"], &held["times"]),
        (&GROUP.into(), &1.into()),
        "{stdout}"
    );
    assert!(held["held_secs"].as_f64().unwrap() > 1.0, "{held}");
    // Of batches of ten, one request is in flight.
    let behind = held["highest_lag"].as_u64().unwrap();
    assert!((990..=1_010).contains(&behind), "{held}");
    let lag = run(folder, server.url(), &["lag", "--group", GROUP, "--json"]);
    let lag: Value = serde_json::from_slice(&lag.stdout).unwrap();
    assert!(
        (990..=1_010).contains(&lag["lag"].as_u64().unwrap()),
        "{lag}"
    );
    assert!(
        stdout.contains("warning: the load was held back for"),
        "{stdout}"
    );
    assert_eq!(held["looks_failed"], 0);
    assert!(stdout.contains("held back "), "{stdout}");
    assert!(stdout.contains("of 1,000 allowed"), "{stdout}");
}

#[test]
fn a_load_goes_on_when_the_group_has_caught_up() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let server = read_by_a_group(folder);
    let read = [
        "consume",
        "--group",
        GROUP,
        "--commit",
        "after",
        "--duration",
        "5s",
        "--instances",
        "2",
    ];
    let mut reader = command(folder, server.url(), &read)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let output = run(folder, server.url(), &LOAD);
    reader.kill().unwrap();
    reader.wait().unwrap();
    let held = held_back(folder);
    let times = held["times"].as_u64().unwrap();
    assert!(
        times > 1,
        "{held} {}",
        String::from_utf8_lossy(&output.stdout)
    );
    assert!(held["held_secs"].as_f64().unwrap() < 2.0, "{held}");
}

#[test]
fn a_group_that_has_committed_nothing_yet_is_as_far_behind_as_there_are_records() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let server = Embedded::start(Settings {
        threads: 1,
        ..Settings::default()
    })
    .unwrap();
    let url = server.url();
    let created = crate::krush()
        .args(["topics", "create", "t", "--partitions", "4", "--url", url])
        .output()
        .unwrap();
    assert_eq!(created.status.code(), Some(0), "{created:?}");
    let read = [
        "consume",
        "--group",
        GROUP,
        "--commit",
        "after",
        "--duration",
        "60s",
    ];
    let mut reader = command(folder, url, &read)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let began = std::time::Instant::now();
    loop {
        let lag = run(folder, url, &["lag", "--group", GROUP]);
        if String::from_utf8_lossy(&lag.stderr).contains("has committed no offsets") {
            break;
        }
        assert!(began.elapsed().as_secs() < 30, "{lag:?}");
    }
    let output = run(folder, url, &LOAD);
    reader.kill().unwrap();
    reader.wait().unwrap();
    let held = held_back(folder);
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(
        held["group"],
        GROUP,
        "{said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(held["held_secs"].as_f64().unwrap() < 2.0, "{held} {said}");
}

#[test]
fn a_limit_that_cannot_be_kept_is_refused_before_the_load() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let server = read_by_a_group(folder);
    let stored = server.memory().totals().stored;
    let mut said = String::new();
    for (args, code) in [
        (&["basic", "--max-lag", "5"][..], 2),
        (&["basic", "--lag-group", "g"], 2),
        (&["basic", "--max-lag", "0", "--lag-group", "g"], 2),
        (&["basic", "--max-lag", "9", "--lag-group", "g"], 2),
        (
            &[
                "basic",
                "--max-lag",
                "5",
                "--lag-group",
                "g",
                "--rate",
                "1k/s",
            ],
            2,
        ),
        (&["basic", "--max-lag", "50", "--lag-group", "nobody"], 15),
    ] {
        let output = run(folder, server.url(), args);
        assert_eq!(output.status.code(), Some(code), "{args:?}");
        let text = String::from_utf8_lossy(&output.stderr);
        said.push_str(&text.replace(server.url(), "URL"));
    }
    insta::assert_snapshot!(said, @"
    error: --max-lag: the lag of which group?
    hint: name the consumer group with --lag-group
    error: --lag-group: has no effect without a limit
    hint: say how far it may be behind with --max-lag, or leave it out
    error: --max-lag: 0 is too small
    hint: a group that is read is always a little behind: at least 1
    error: --max-lag: 9 is less than a batch of 10
    hint: no request could ever be sent: raise it, or lower --batch-size
    error: --max-lag: an open loop sends at its rate, whatever happens
    hint: leave out the rate (or the stages), or the limit
    error: there is no consumer group nobody at URL
    hint: check its name; a group is there once a consumer has joined it or committed an offset
    ");
    assert_eq!(server.memory().totals().stored, stored);
}
