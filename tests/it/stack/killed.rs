//! `kill -9` of either process in the middle of a run: a truthful report, no exit 0, and a stack that starts again.

use serde_json::Value;

use super::{Stack, balances, count, path_without};

const TOPIC: &str = "performance-test";

/// A load in whose middle the service is killed; its report and its exit code.
fn killed_in_mid_run(stack: &Stack, service: &str) -> (Value, i32) {
    let before = stack.records(TOPIC);
    let load = stack.begin("test-basic --rate 2k/s --duration 8s --timeout 2s --drain 3s");
    stack.await_more_records(TOPIC, before);
    stack.kill(service);
    let said = load.end();
    let report = stack.reports().pop().unwrap();
    assert_eq!(report["verdict"]["exit_code"], said.code, "{said}");
    assert!(!said.out.contains("PASS"), "{said}");
    balances(&report);
    let status = stack.run("status").ended(15);
    let row = status
        .out
        .lines()
        .find(|line| line.starts_with(service))
        .unwrap();
    assert!(row.contains("died"), "{status}");
    (report, said.code)
}

#[test]
fn the_broker() {
    let stack = Stack::new();
    stack.run("start --local").ended(0);
    let (report, code) = killed_in_mid_run(&stack, "broker");
    // The front is there and answers nothing: gone at the end, or below the 99 % that must succeed.
    assert!([10, 15].contains(&code), "{code}: {report}");
    let acked = count(&report, "/ledger/records/acked");
    let sent = count(&report, "/ledger/records/sent");
    assert!(acked > 0 && acked < sent, "{report}");
    assert!(count(&report, "/ledger/records/unknown") > 0, "{report}");

    let again = stack.run("start").ended(0);
    assert!(again.err.contains("broker: ready after"), "{again}");
    let (_, stored) = stack.end_offsets(TOPIC);
    assert!(
        stored >= acked,
        "{stored} stored, {acked} acknowledged: an acknowledged record is lost"
    );
    stack.run("test-basic").ended(0);
}

#[test]
fn the_front() {
    let mut stack = Stack::new();
    // Without Docker it needs no --local, and says what it does.
    let path = path_without(&stack, &["docker"]);
    stack.variables.push(("PATH".into(), path));
    let first = stack.run("start").ended(0);
    let words = "no Docker engine answers: starting the stack without Docker";
    assert!(first.err.contains(words), "{first}");
    let broker = stack.pid("broker");
    let (report, code) = killed_in_mid_run(&stack, "front");
    assert_eq!(code, 15, "{report}");
    let acked = count(&report, "/ledger/records/acked");
    assert!(
        acked > 0 && acked < count(&report, "/ledger/records/scheduled"),
        "{report}"
    );
    let (_, stored) = stack.end_offsets(TOPIC);
    assert!(stored >= acked, "{stored} stored, {acked} acknowledged");

    let again = stack.run("start").ended(0);
    assert!(again.err.contains("broker: running already"), "{again}");
    assert_eq!(stack.pid("broker"), broker, "only what died was started");
    stack.run("test-basic").ended(0);
}
