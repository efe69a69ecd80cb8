//! Audits end to end: what was acked is held against what the stand-in really stored, and each lie is named.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Output;

use krush::standin::backend::NewTopic;
use krush::standin::{Embedded, Settings};
use krush::wire::Dialect;
use serde_json::Value;

fn standin(settings: Settings) -> Embedded {
    Embedded::start(Settings {
        threads: 1,
        ..settings
    })
    .unwrap()
}

/// The topic `t`, for servers that create none when they are asked to.
fn topic_of(partitions: i32) -> NewTopic {
    NewTopic {
        name: "t".to_owned(),
        partitions: Some(partitions),
        replication_factor: None,
        configs: BTreeMap::new(),
        validate_only: false,
    }
}

/// A finished command in a folder: exit code and what it printed.
struct Ran {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Ran {
    fn of(output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self {
            code: output.status.code(),
            stdout: text(&output.stdout),
            stderr: text(&output.stderr),
        }
    }

    #[track_caller]
    fn ends_with(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{}{}", self.stdout, self.stderr);
        self
    }

    /// What is printed of the audit, seconds left out.
    fn audit(&self) -> String {
        let mut lines = self.stdout.lines();
        let first = lines.find(|line| line.starts_with("audit "));
        let rest = lines.take_while(|line| !line.is_empty());
        let text: Vec<&str> = first.into_iter().chain(rest).collect();
        let secs = text.join("\n");
        let Some((before, after)) = secs.split_once("read back in ") else {
            return secs;
        };
        let after = after.split_once(" s").unwrap().1;
        format!("{before}read back in [TIME]{after}")
    }
}

fn krush(folder: &Path, args: &[&str]) -> Ran {
    let output = crate::krush()
        .args(args)
        .current_dir(folder)
        .output()
        .unwrap();
    Ran::of(&output)
}

fn report(folder: &Path, name: &str) -> Value {
    serde_json::from_str(&std::fs::read_to_string(folder.join(name)).unwrap()).unwrap()
}

/// A run that is audited, on a stand-in of its own inside krush.
fn audited(args: &[&str]) -> (Ran, Value) {
    let folder = tempfile::tempdir().unwrap();
    let common = ["basic", "--verify", "-o", "r.json", "--partitions", "24"];
    let ran = krush(folder.path(), &[&common, args].concat());
    let report = report(folder.path(), "r.json");
    (ran, report)
}

#[test]
fn a_hundred_thousand_records_are_all_there_once_and_in_order() {
    let load = [
        "--embedded",
        "--messages",
        "100000",
        "--batch-size",
        "500",
        "--concurrency",
        "16",
    ];
    let (ran, report) = audited(&load);
    let ran = ran.ends_with(0);
    insta::assert_snapshot!(ran.audit(), @r"
    audit             every acked record is stored once, in order, as it was sent
                      100,000 acked; end offsets of 24 partitions rose by 100,000
                      100,000 read back in [TIME]: 100,000 different ones of this run
    ");
    let partitions = report["audit"]["findings"]["partitions"]
        .as_array()
        .unwrap();
    assert_eq!(partitions.len(), 24);
    for row in partitions {
        assert_eq!(row["acked"], row["appended"], "{row}");
        assert_eq!(row["found"], row["appended"], "{row}");
    }
}

#[test]
fn whatever_records_look_like_they_are_recognised() {
    for shape in [
        &["--format", "binary"][..],
        &["--key", "sequence"],
        &["--key", "random", "--keys", "7", "--format", "binary"],
        &["--key", "hot"],
        &["--batch-size", "1", "--messages", "300"],
        &["--messages", "1003", "--warmup", "100ms", "--threads", "2"],
        &["--rate", "20k/s", "--duration", "300ms"],
    ] {
        let mut args = vec!["--embedded"];
        if !shape.contains(&"--messages") && !shape.contains(&"--duration") {
            args.extend(["--messages", "2000"]);
        }
        args.extend(shape);
        let (ran, report) = audited(&args);
        let outcome = &report["audit"]["outcome"];
        assert_eq!(outcome, "intact", "{shape:?}: {}{}", ran.stdout, ran.stderr);
    }
}

#[test]
fn each_lie_of_a_server_is_found_and_named() {
    for (fault, says) in [
        ("lose@every20", "100 records acked and lost"),
        ("duplicate@every20", "100 records acked and stored again"),
        ("reorder@every20", "out of order"),
        ("corrupt@every20", "corrupted"),
    ] {
        let load = ["--fault", fault, "--messages", "2000", "--batch-size", "10"];
        let (ran, report) = audited(&[&load[..], &["--key", "hot"]].concat());
        let ran = ran.ends_with(14);
        assert_eq!(report["verdict"]["outcome"], "integrity", "{fault}");
        let reasons = report["verdict"]["reasons"].to_string();
        assert!(reasons.contains(says), "{fault}: {reasons}");
        assert!(ran.audit().contains(says), "{fault}: {}", ran.audit());
        // Nothing else is claimed to be wrong.
        let reason = report["verdict"]["reasons"][0].as_str().unwrap();
        assert!(!reason.contains(", "), "{fault}: {reason}");
    }
}

#[test]
fn an_audit_goes_on_where_it_was_when_its_instances_are_gone() {
    // The clock of the script starts with the load, which takes a fraction of this.
    let faults = [
        "--fault",
        "expire-consumers@1s",
        "--fault",
        "expire-consumers@2s",
    ];
    let load = [
        "--messages",
        "200000",
        "--batch-size",
        "500",
        "--concurrency",
        "4",
    ];
    let (ran, report) = audited(&[&faults[..], &load].concat());
    let ran = ran.ends_with(0);
    assert_eq!(
        report["audit"]["findings"]["found"],
        200_000,
        "{}",
        ran.audit()
    );
}

#[test]
fn what_is_only_unknown_is_not_called_lost_nor_doubled() {
    for fault in [
        "mute@every20",
        "hang@every20",
        "status=500:stored@every20",
        "expired=5%",
    ] {
        let load = ["--fault", fault, "--messages", "2000", "--batch-size", "10"];
        let (ran, report) = audited(&[&load[..], &["--timeout", "300ms"]].concat());
        let findings = &report["audit"]["findings"];
        assert_eq!(
            report["audit"]["outcome"],
            "intact",
            "{fault}: {}",
            ran.audit()
        );
        let count = |name: &str| findings[name].as_u64().unwrap();
        let unknown = findings["claimed"]["unknown"].as_u64().unwrap();
        assert!(unknown > 0, "{fault}");
        let (there, missing) = (count("unknown_but_stored"), count("unknown_and_missing"));
        assert_eq!(there + missing, unknown, "{fault}");
        assert_eq!(
            missing > 0,
            fault.starts_with("mute"),
            "{fault}: {there} {missing}"
        );
    }
}

#[test]
fn what_is_no_longer_held_is_neither_lost_nor_vouched_for() {
    let server = standin(Settings {
        max_memory: "200kB".parse().unwrap(),
        ..Settings::default()
    });
    let folder = tempfile::tempdir().unwrap();
    let load = [
        "basic",
        "--verify",
        "--messages",
        "5000",
        "-o",
        "r.json",
        "--url",
    ];
    let ran = krush(folder.path(), &[&load[..], &[server.url()]].concat()).ends_with(12);
    assert!(
        ran.audit().contains("are no longer held"),
        "{}",
        ran.audit()
    );
}

#[test]
fn a_server_without_consumers_leaves_the_audit_undone() {
    let server = standin(Settings {
        dialect: Dialect::Redpanda,
        ..Settings::default()
    });
    let folder = tempfile::tempdir().unwrap();
    let load = [
        "basic",
        "--verify",
        "--topic",
        "t",
        "--dialect",
        "redpanda",
        "--url",
    ];
    server.memory().create_topic(&topic_of(3)).unwrap();
    let ran = krush(folder.path(), &[&load[..], &[server.url()]].concat());
    assert_eq!(ran.code, Some(15), "{}{}", ran.stdout, ran.stderr);
}

#[test]
fn the_manners_of_each_server_are_no_obstacle() {
    for dialect in [Dialect::Strimzi, Dialect::Karapace] {
        let server = standin(Settings {
            dialect,
            default_partitions: 4,
            ..Settings::default()
        });
        let topic = topic_of(4);
        server.memory().create_topic(&topic).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let load = ["basic", "--verify", "--topic", "t", "-o", "r.json", "--url"];
        let ran = krush(folder.path(), &[&load[..], &[server.url()]].concat()).ends_with(0);
        assert!(
            ran.audit().contains("1,000 different ones"),
            "{}",
            ran.audit()
        );
    }
}

#[test]
fn a_run_that_is_over_is_audited_from_its_report() {
    let server = standin(Settings::default());
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    // Two runs into one topic: each is a stranger to the other.
    for (name, more) in [
        ("a.json", &["--key", "sequence"][..]),
        ("b.json", &["--format", "binary"]),
    ] {
        let load = [
            "basic",
            "--topic",
            "t",
            "--partitions",
            "6",
            "-o",
            name,
            "--url",
        ];
        krush(folder, &[&load[..], &[server.url()], more].concat()).ends_with(0);
        assert_eq!(report(folder, name)["audit"], Value::Null);
    }
    for name in ["a.json", "b.json"] {
        let ran = krush(folder, &["verify", name]).ends_with(0);
        insta::allow_duplicates! {
            insta::assert_snapshot!(ran.audit(), @r"
            audit             every acked record is stored once, in order, as it was sent
                              1,000 acked; end offsets of 6 partitions rose by 2,000
                              2,000 read back in [TIME]: 1,000 different ones of this run
            also there        1,000 of other runs
            ");
        }
        let last = ran.stdout.lines().last().unwrap();
        assert_eq!(last, "PASS");
    }
    let json = krush(folder, &["verify", "a.json", "--json", "--quiet"]).ends_with(0);
    let json: Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(json["findings"]["found"], 1_000);

    // The records are gone; the topic has others.
    server.memory().delete_topic("t").unwrap();
    let load = [
        "basic",
        "--topic",
        "t",
        "--partitions",
        "6",
        "-o",
        "c.json",
        "--url",
    ];
    krush(folder, &[&load[..], &[server.url()]].concat()).ends_with(0);
    let ran = krush(
        folder,
        &["verify", "a.json", "-o", "audited.json,a.md,a.xml"],
    )
    .ends_with(14);
    assert!(
        ran.audit().contains("1,000 records acked and lost"),
        "{}",
        ran.audit()
    );
    assert_eq!(
        ran.stdout.lines().last(),
        Some("FAIL (data integrity)  (exit 14)")
    );
    assert_eq!(report(folder, "audited.json")["verdict"]["exit_code"], 14);
    let text = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    assert!(text("a.md").contains("- audit: 1,000 records acked and lost"));
    assert!(
        text("a.xml").contains("type=\"audit\""),
        "{}",
        text("a.xml")
    );
}

#[test]
fn what_cannot_be_audited_is_refused_with_a_reason() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    krush(folder, &["basic", "--embedded", "-o", "inside.json"]).ends_with(0);
    let text = std::fs::read_to_string(folder.join("inside.json")).unwrap();
    let mut old: Value = serde_json::from_str(&text).unwrap();
    old["claims"] = Value::Null;
    old["blocks"] = Value::Null;
    std::fs::write(folder.join("old.json"), old.to_string()).unwrap();
    std::fs::write(folder.join("no.json"), "{\"a\":1}").unwrap();
    let mut said = Vec::new();
    for args in [
        &["verify", "missing.json"][..],
        &["verify", "no.json"],
        &["verify", "old.json"],
        &["verify", "inside.json"],
        &["verify", "inside.json", "-o", "x.pdf"],
    ] {
        let ran = krush(folder, args).ends_with(2);
        assert_eq!(ran.stdout, "");
        said.push(ran.stderr);
    }
    insta::assert_snapshot!(said.join(""), @"
    error: cannot read report missing.json: No such file or directory (os error 2)
    hint: give the JSON report of a load command (see --output)
    error: no.json is no report of krush: JSON without a schema_version
    hint: give the JSON report of a load command (see --output)
    error: old.json is of a version of krush that did not say what it claims of each record
    hint: give the JSON report of a load command (see --output)
    error: the run of inside.json was against the stand-in inside krush, which is gone with its records
    hint: audit such a run while it lasts, with --verify, or name a target with --url
    error: --output: no format goes by the ending of `x.pdf`
    hint: end the name in .json, .html, .md, .xml, .csv, .timeline.csv, .prom, .hgrm, .hlog, .bencher.json, .bigger.json or .smaller.json
    ");
}
