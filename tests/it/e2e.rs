//! A load and its own consumers, end to end against a stand-in.

use krush::standin::backend::NewTopic;
use krush::standin::{Embedded, Settings};
use krush::wire::Dialect;
use serde_json::Value;

use super::load::{Ran, krush, standin_with, wait_until};

fn e2e(server: &Embedded, args: &[&str]) -> Ran {
    let base = [
        "e2e",
        "--url",
        server.url(),
        "--rate",
        "500/s",
        "--duration",
        "2s",
    ];
    krush(&[&base[..], args].concat()).run()
}

/// The number at this place of what arrived.
fn number(ran: &Ran, place: &str) -> u64 {
    let section = &ran.report()["end_to_end"];
    let found = place.split('.').fold(section, |value, key| &value[key]);
    let text = || format!("{place} is {found}: {}{}", ran.stdout, ran.stderr);
    found.as_u64().unwrap_or_else(|| panic!("{}", text()))
}

/// What must hold of every run: each acked record arrived or not, each first arrival has a latency or a reason why not.
fn assert_balanced(ran: &Ran) {
    let records = |place: &str| number(ran, &format!("records.{place}"));
    assert_eq!(
        records("acked"),
        records("acked_received") + records("not_received")
    );
    let arrivals = |place: &str| number(ran, &format!("arrivals.{place}"));
    let without = ["warmup", "negative", "forgotten"].map(arrivals);
    assert_eq!(
        arrivals("received"),
        number(ran, "latency_samples") + without.iter().sum::<u64>()
    );
    assert_eq!(arrivals("negative") + arrivals("never_due"), 0);
}

/// What must hold if nothing is lost. A busy machine may void the run for another reason: krush itself was late.
fn assert_arrived(ran: &Ran) {
    assert_balanced(ran);
    let checks = ran.report()["validity"]["checks"].as_array().unwrap();
    let failed: Vec<&str> = checks
        .iter()
        .filter(|check| check["passed"] == false)
        .map(|check| check["name"].as_str().unwrap())
        .collect();
    let late = ["generator sent on time", "offered rate reached"];
    assert!(
        failed.iter().all(|name| late.contains(name)),
        "{}{}",
        ran.stdout,
        ran.stderr
    );
    let code = if failed.is_empty() { 0 } else { 13 };
    assert_eq!(ran.code, Some(code), "{}{}", ran.stdout, ran.stderr);
    assert_eq!(number(ran, "records.not_received"), 0);
}

fn quiet() -> Embedded {
    standin_with(Settings::default())
}

#[test]
fn every_acked_record_arrives_and_has_a_latency() {
    let server = quiet();
    let ran = e2e(&server, &["--warmup", "500ms", "--instances", "3"]);
    assert_arrived(&ran);
    assert_eq!(number(&ran, "records.not_received"), 0);
    assert_eq!(
        number(&ran, "arrivals.received"),
        server.memory().totals().stored
    );
    assert!(number(&ran, "arrivals.warmup") > 0);
    assert_eq!(number(&ran, "latency_samples"), 1_000);
    assert_eq!(number(&ran, "instances"), 3);
    assert_eq!(
        ran.report()["end_to_end"]["not_deleted"],
        Value::Array(Vec::new())
    );
    // It ends after the answer to the producer, for nearly all: the fastest is no faster than the fastest answer.
    let produced = ran.report()["summary"]["latency_us"]["p50"]
        .as_u64()
        .unwrap();
    assert!(number(&ran, "latency_us.p99") > produced / 2);
    assert!(ran.stdout.contains("to the consumer"), "{}", ran.stdout);
    assert!(ran.stdout.contains("not received 0"), "{}", ran.stdout);
}

#[test]
fn latency_counts_the_time_that_a_record_waits_to_be_stored() {
    let server = standin_with(Settings {
        faults: vec!["delay=200ms".parse().unwrap()].into_iter().collect(),
        ..Settings::default()
    });
    let ran = e2e(&server, &["--concurrency", "50"]);
    assert_arrived(&ran);
    assert!(
        ran.report()["summary"]["latency_us"]["p50"]
            .as_u64()
            .unwrap()
            >= 200_000
    );
}

#[test]
fn binary_values_and_other_servers_are_received_too() {
    let binary = e2e(&quiet(), &["--format", "binary"]);
    assert_arrived(&binary);
    assert_eq!(number(&binary, "records.acked_received"), 1_000);
    for dialect in [Dialect::Strimzi, Dialect::Karapace] {
        let server = standin_with(Settings {
            dialect,
            ..Settings::default()
        });
        let topic = NewTopic {
            name: "performance-test".to_owned(),
            partitions: Some(24),
            replication_factor: None,
            configs: std::collections::BTreeMap::new(),
            validate_only: false,
        };
        assert!(server.memory().create_topic(&topic).is_ok());
        let ran = e2e(&server, &["--fetch-timeout", "200ms"]);
        assert_arrived(&ran);
        assert_eq!(number(&ran, "records.acked_received"), 1_000);
    }
    let redpanda = standin_with(Settings {
        dialect: Dialect::Redpanda,
        ..Settings::default()
    });
    let ran = e2e(&redpanda, &[]);
    assert_ne!(ran.code, Some(0));
}

#[test]
fn acked_records_that_never_arrive_void_the_run() {
    let server = standin_with(Settings {
        faults: vec!["lose=5%".parse().unwrap()].into_iter().collect(),
        ..Settings::default()
    });
    let ran = e2e(&server, &["--drain", "1s"]);
    assert_eq!(ran.code, Some(13), "{}{}", ran.stdout, ran.stderr);
    assert_balanced(&ran);
    assert!(number(&ran, "records.not_received") > 0);
    assert!(
        ran.stdout.contains("Acked records arrived? No: saw "),
        "{}",
        ran.stdout
    );
}

#[test]
fn records_of_others_are_told_apart() {
    let server = quiet();
    let mut krush = krush(&[
        "e2e",
        "--url",
        server.url(),
        "--rate",
        "200/s",
        "--duration",
        "4s",
    ]);
    let child = krush.start();
    wait_until("a few records", || server.memory().totals().stored > 50);
    let other = super::load::krush(&["basic", "--url", server.url(), "--messages", "500"]).run();
    assert_eq!(other.code, Some(0), "{}{}", other.stdout, other.stderr);
    let ran = krush.ran(&child.wait_with_output().unwrap());
    assert_arrived(&ran);
    assert_eq!(number(&ran, "arrivals.other_run"), 500);
    assert_eq!(number(&ran, "records.not_received"), 0);
}

#[test]
#[cfg(unix)]
fn ctrl_c_ends_both_and_reports_both() {
    let server = quiet();
    let mut krush = krush(&["e2e", "--url", server.url(), "--duration", "60s"]);
    let child = krush.start();
    wait_until("a few records", || server.memory().totals().stored > 200);
    super::load::interrupt(&child);
    let ran = krush.ran(&child.wait_with_output().unwrap());
    assert_eq!(ran.code, Some(130), "{}{}", ran.stdout, ran.stderr);
    assert_balanced(&ran);
    assert!(number(&ran, "latency_samples") > 0);
    assert_eq!(
        ran.report()["end_to_end"]["not_deleted"],
        Value::Array(Vec::new())
    );
}
