//! Both ends of the pipe on a real Apache Kafka: produced, audited, consumed by a group, and what Kafka's own tools say of it.

use std::path::Path;
use std::process::{Output, Stdio};

use serde_json::Value;

use super::processes::{Server, kafka_tool};
use super::topic_name;
use crate::forward::Forward;

fn krush(folder: &Path, args: &[&str]) -> Output {
    crate::krush()
        .args(args)
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

#[track_caller]
fn ended(output: &Output, code: i32) -> String {
    let (out, err) = (&output.stdout, &output.stderr);
    let said = format!(
        "{}{}",
        String::from_utf8_lossy(out),
        String::from_utf8_lossy(err)
    );
    assert_eq!(output.status.code(), Some(code), "{said}");
    said
}

fn report(folder: &Path, name: &str) -> Value {
    serde_json::from_str(&std::fs::read_to_string(folder.join(name)).unwrap()).unwrap()
}

/// A hundred thousand records in a topic of 24 partitions, audited while the run lasts.
fn produced(folder: &Path, url: &str, topic: &str, more: &[&str]) -> Value {
    let load = [
        "optimized",
        "--messages",
        "100000",
        "--concurrency",
        "16",
        "--partitions",
        "24",
    ];
    let to = [
        "--url",
        url,
        "--topic",
        topic,
        "--verify",
        "-o",
        "load.json",
    ];
    ended(&krush(folder, &[&load[..], &to, more].concat()), 0);
    report(folder, "load.json")
}

#[test]
fn a_hundred_thousand_records_go_in_come_out_and_are_all_accounted_for() {
    let server = Server::start(&[]);
    let topic = topic_name("pipeline");
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    for key in ["none", "random"] {
        let topic = format!("{topic}-{key}");
        let audit = &produced(folder, &server.url, &topic, &["--key", key])["audit"];
        assert_eq!(audit["outcome"], "intact", "{audit}");
        let findings = &audit["findings"];
        for count in ["appended", "read", "found"] {
            assert_eq!(findings[count], 100_000, "{key} {count}");
        }
        let partitions = findings["partitions"].as_array().unwrap();
        assert_eq!(partitions.len(), 24);
        assert!(
            partitions.iter().all(|row| row["acked"] == row["appended"]),
            "{findings}"
        );
    }

    let topic = format!("{topic}-random");
    let group = format!("{topic}-readers");
    let read = [
        "consume",
        "--url",
        &server.url,
        "--topic",
        &topic,
        "--group",
        &group,
    ];
    let how = [
        "--instances",
        "6",
        "--drain",
        "--commit",
        "after",
        "--output",
        "read.json",
    ];
    ended(&krush(folder, &[&read[..], &how].concat()), 0);
    let read = report(folder, "read.json");
    let text = read.to_string();
    assert!(text.contains("100000"), "{text}");

    // What Kafka itself says of the group.
    let said = kafka_tool(
        "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand",
        &["--describe", "--group", &group],
    );
    let rows: Vec<Vec<&str>> = said
        .lines()
        .map(|line| line.split_whitespace().collect())
        .filter(|cells: &Vec<&str>| cells.get(1) == Some(&topic.as_str()))
        .collect();
    assert_eq!(rows.len(), 24, "{said}");
    let committed: u64 = rows.iter().map(|row| row[3].parse::<u64>().unwrap()).sum();
    assert_eq!(committed, 100_000, "{said}");
    assert!(rows.iter().all(|row| row[5] == "0"), "no lag: {said}");

    // And krush, of the same.
    let lag = ["lag", "--url", &server.url, "--group", &group, "--json"];
    let lag: Value = serde_json::from_slice(&krush(folder, &lag).stdout).unwrap();
    assert_eq!(
        (&lag["lag"], lag["partitions"].as_array().map(Vec::len)),
        (&0.into(), Some(24))
    );
}

#[test]
fn an_audit_outlives_a_restart_of_the_front() {
    let server = Server::start(&[]);
    let topic = topic_name("restart");
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    produced(folder, &server.url, &topic, &[]);
    let way = Forward::to(&server.url);
    let audit = crate::krush()
        .args(["verify", "load.json", "--json", "--url", &way.url])
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A tenth of what there is to read.
    way.wait_for_answers(2_500_000);
    drop(server);
    let again = Server::start(&[]);
    way.turn_to(&again.url);
    let output = audit.wait_with_output().unwrap();
    ended(&output, 0);
    let audit: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(audit["findings"]["found"], 100_000);
    assert_eq!(audit["outcome"], "intact");
}

#[test]
fn records_that_retention_took_are_not_called_lost() {
    let server = Server::start(&[]);
    let topic = topic_name("retention");
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    produced(folder, &server.url, &topic, &[]);
    let wanted = format!(
        "{{\"partitions\":[{{\"topic\":\"{topic}\",\"partition\":3,\"offset\":10}}],\"version\":1}}"
    );
    let file = folder.join("delete.json");
    std::fs::write(&file, wanted).unwrap();
    kafka_tool(
        "org.apache.kafka.tools.DeleteRecordsCommand",
        &["--offset-json-file", file.to_str().unwrap()],
    );
    let said = ended(&krush(folder, &["verify", "load.json"]), 12);
    assert!(
        said.contains("10 offsets of the run are no longer held"),
        "{said}"
    );
}
