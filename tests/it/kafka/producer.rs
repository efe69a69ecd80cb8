//! Producer settings given to `krush serve --kafka`, seen where they act: in the broker's log, in latencies, in offsets.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use krush::standin::backend::{Entry, NewTopic, Record};
use krush::standin::kafka::{Front, FrontSettings};
use krush::standin::{Acks, ProducerSettings};
use serde_json::Value;

use super::processes::{Server, java, kafka_tool};
use super::{broker, topic_name, variable};

/// The report of a load run against the server, which must pass.
fn load(server: &Server, args: &[&str]) -> Value {
    let folder = tempfile::tempdir().unwrap();
    let output = crate::krush()
        .args(["basic", "--url", &server.url, "--output", "report.json"])
        .args(args)
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}{output:?}");
    let text = std::fs::read(folder.path().join("report.json")).unwrap();
    serde_json::from_slice(&text).unwrap()
}

/// The codec of every batch in the broker's log of the topic's only partition, as Kafka's DumpLogSegments reads it.
fn codecs(topic: &str) -> Vec<String> {
    let folder = Path::new(&variable("KRUSH_TEST_KAFKA_DATA")).join(format!("{topic}-0"));
    let file = folder.join("00000000000000000000.log");
    let dump = java(
        "org.apache.kafka.tools.DumpLogSegments",
        &["--files", file.to_str().unwrap()],
    );
    let codecs = dump.lines().filter_map(|line| {
        let (_, rest) = line.split_once("compresscodec: ")?;
        Some(rest.split_whitespace().next()?.to_lowercase())
    });
    codecs.collect()
}

#[test]
fn batches_lie_compressed_in_the_brokers_log() {
    for compression in ["none", "gzip", "snappy", "lz4", "zstd"] {
        let setting = format!("compression.type={compression}");
        let server = Server::start(&["--producer", &setting]);
        let topic = topic_name(compression);
        let report = load(&server, &["--topic", &topic, "--partitions", "1"]);
        assert_eq!(report["ledger"]["records"]["acked"], 1_000);
        let codecs = codecs(&topic);
        assert!(!codecs.is_empty(), "{compression}: no batch was found");
        assert!(
            codecs.iter().all(|codec| codec == compression),
            "{compression}: {codecs:?}"
        );
        let named = compression != "none";
        let server_name = report["target"]["server"].as_str().unwrap();
        for text in [&*server.said, server_name] {
            assert_eq!(text.contains(&setting), named, "{text}");
        }
        kafka_tool(
            "org.apache.kafka.tools.TopicCommand",
            &["--delete", "--topic", &topic],
        );
    }
}

#[test]
fn a_lone_request_waits_for_the_linger() {
    let topic = topic_name("linger");
    let fastest_us = |linger: &str| {
        let server = Server::start(&["--producer", linger]);
        let load = load(
            &server,
            &[
                "--topic",
                &topic,
                "--partitions",
                "1",
                "-c",
                "1",
                "--messages",
                "20",
                "--batch-size",
                "1",
            ],
        );
        load["summary"]["service_time_us"]["p50"].as_u64().unwrap()
    };
    let (none, long) = (fastest_us("linger.ms=0"), fastest_us("linger.ms=200"));
    assert!(long >= 200_000, "{long} µs with 200 ms of linger");
    assert!(none < 100_000, "{none} µs without linger");
}

#[tokio::test]
async fn without_acknowledgement_the_offset_is_minus_1_and_the_record_is_stored() {
    let front = |acks| {
        let producer = ProducerSettings {
            acks,
            ..ProducerSettings::default()
        };
        let settings = FrontSettings {
            producer,
            ..FrontSettings::default()
        };
        Front::connect(&broker(), settings).unwrap()
    };
    let silent = front(Acks::None);
    let topic = topic_name("acks");
    let new = NewTopic {
        name: topic.clone(),
        partitions: Some(1),
        replication_factor: Some(1),
        configs: std::collections::BTreeMap::new(),
        validate_only: false,
    };
    silent.create_topic(new).await.unwrap();
    let record = |length| Record {
        partition: None,
        key: None,
        value: Some(vec![b'x'; length].into()),
    };
    let entries = silent.produce(&topic, vec![record(5), record(5)]).await;
    let stored = |offset| Entry::Stored {
        partition: 0,
        offset,
    };
    assert_eq!(entries.unwrap(), [stored(-1), stored(-1)]);
    // The broker has them a moment later.
    let there = async {
        while silent.offsets(&topic, 0).await != Ok(Some((0, 2))) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let heard = tokio::time::timeout(Duration::from_secs(30), there).await;
    assert!(heard.is_ok(), "records sent without acks are not stored");
    // The front's own limit needs no answer of the broker.
    let entries = silent.produce(&topic, vec![record(1_100_002)]).await;
    assert!(
        matches!(&entries.unwrap()[..], [Entry::Failed { code: 50002, .. }]),
        "too large"
    );
    for acks in [Acks::Leader, Acks::All] {
        let entries = front(acks).produce(&topic, vec![record(5)]).await.unwrap();
        assert!(
            matches!(entries[..], [Entry::Stored { offset: 2.., .. }]),
            "{acks:?}: {entries:?}"
        );
    }
    assert_eq!(silent.delete_topic(&topic).await, Ok(true));
}

#[test]
fn sizes_are_those_that_were_set() {
    let server = Server::start(&[
        "--producer",
        "max.request.size=2000,batch.size=0",
        "--producer",
        "enable.idempotence=true",
    ]);
    assert!(
        server
            .said
            .contains("(batch.size=0, max.request.size=2000)"),
        "{}",
        server.said
    );
    let topic = topic_name("sizes");
    // As wide as a batch is without one: each record in a batch of its own.
    let common = ["--topic", &*topic, "--partitions", "1"];
    load(&server, &[&common[..], &["--messages", "50"]].concat());
    assert_eq!(codecs(&topic).len(), 50, "batches of one record");
    let folder = tempfile::tempdir().unwrap();
    let output = crate::krush()
        .args(["basic", "--url", &server.url, "--message-size", "2000B"])
        .args(common)
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(10));
    let said = String::from_utf8_lossy(&output.stdout);
    let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        said.contains("which is larger than 2000, which is the value of the max.request.size"),
        "{said}"
    );
}
