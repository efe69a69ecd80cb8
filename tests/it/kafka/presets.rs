//! All presets through `krush serve --kafka`, and what Kafka's own tools find in the topic afterwards.

use std::collections::BTreeSet;
use std::process::{Output, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Value;

use super::processes::{Server, kafka_tool};
use super::topic_name;

/// Sum of the end offsets of all partitions, as Kafka's GetOffsetShell prints them (`topic:partition:offset`).
fn end_offsets(topic: &str) -> (usize, u64) {
    let said = kafka_tool("org.apache.kafka.tools.GetOffsetShell", &["--topic", topic]);
    let offsets: Vec<u64> = said
        .lines()
        .map(|line| line.rsplit_once(':').unwrap().1.parse().unwrap())
        .collect();
    (offsets.len(), offsets.iter().sum())
}

/// Values of stored records, as Kafka's console consumer prints them.
fn stored_values(topic: &str, records: usize) -> Vec<String> {
    let said = kafka_tool(
        "org.apache.kafka.tools.consumer.ConsoleConsumer",
        &[
            "--topic",
            topic,
            "--from-beginning",
            "--max-messages",
            &records.to_string(),
            "--timeout-ms",
            "20000",
        ],
    );
    said.lines().map(str::to_owned).collect()
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    u64::try_from(since.as_millis()).unwrap()
}

fn count(report: &Value, pointer: &str) -> u64 {
    report
        .pointer(pointer)
        .and_then(Value::as_u64)
        .unwrap_or_else(|| panic!("no {pointer} in {report}"))
}

/// What the preset promises about a record's size, in bytes.
enum Size {
    /// The whole value.
    Value(usize),
    /// The payload text in it.
    Payload(usize),
}

struct Preset {
    name: &'static str,
    records: u64,
    size: Size,
    /// Records read back; for the small presets all of them.
    read_back: usize,
}

const PRESETS: [Preset; 4] = [
    Preset {
        name: "basic",
        records: 1_000,
        size: Size::Value(200),
        read_back: 1_000,
    },
    Preset {
        name: "optimized",
        records: 50_000,
        size: Size::Value(200),
        read_back: 5_000,
    },
    Preset {
        name: "extreme",
        records: 100_000,
        size: Size::Value(200),
        read_back: 5_000,
    },
    Preset {
        name: "64kb",
        records: 1_000,
        // 64 KiB as base64.
        size: Size::Payload(87_384),
        read_back: 100,
    },
];

#[test]
fn every_preset_stores_what_it_says_it_stored() {
    let server = Server::start(&[]);
    // One after another: the presets are the load, not each other's.
    for preset in &PRESETS {
        check(preset, &server);
    }
}

fn check(preset: &Preset, server: &Server) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("report.json");
    let topic = topic_name(preset.name);
    let began = now_ms();
    let output = crate::krush()
        .args([preset.name, "--url", &server.url, "--topic", &topic])
        .arg("--output")
        .arg(&file)
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let ended = now_ms();
    let name = preset.name;
    assert!(output.status.success(), "{name}: {}", text(&output));
    let report: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();

    assert_eq!(report["target"]["kind"], "stand-in-kafka", "{name}");
    let named = "krush front on Apache Kafka 4.3.1";
    assert_eq!(report["target"]["server"], named, "{name}");
    let shown = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(shown.contains(named), "{name}: {shown}");
    assert!(!shown.contains("REST Proxy,"), "{name}: {shown}");

    let records = |key: &str| count(&report, &format!("/ledger/records/{key}"));
    assert_eq!(records("scheduled"), preset.records, "{name}");
    assert_eq!(
        records("sent") + records("unsent"),
        preset.records,
        "{name}"
    );
    let ends = records("acked") + records("rejected") + records("unknown");
    assert_eq!(ends, records("sent"), "{name}");
    assert_eq!(
        records("acked"),
        preset.records,
        "{name}: {}",
        text(&output)
    );
    assert_eq!(end_offsets(&topic), (48, records("acked")), "{name}");

    let values = stored_values(&topic, preset.read_back);
    assert_eq!(values.len(), preset.read_back, "{name}");
    let mut ids = BTreeSet::new();
    let mut runs = BTreeSet::new();
    for value in &values {
        let record: Value = serde_json::from_str(value).unwrap();
        let payload = record["payload"].as_str().unwrap();
        match preset.size {
            Size::Value(bytes) => assert_eq!(value.len(), bytes, "{name}: {value}"),
            Size::Payload(bytes) => assert_eq!(payload.len(), bytes, "{name}"),
        }
        let keys: Vec<_> = record
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect();
        assert_eq!(
            BTreeSet::from_iter(keys),
            BTreeSet::from(["id", "payload", "system", "timestamp"]),
            "{name}"
        );
        assert_eq!(record["system"], "krush", "{name}");
        let id = record["id"].as_str().unwrap().to_owned();
        let sound =
            (13..=14).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
        assert!(sound, "{name}: run, thread, request and index, not {id}");
        let run = &id[..5];
        runs.insert(run.to_owned());
        assert!(ids.insert(id), "{name}: an id twice");
        let stamped = record["timestamp"].as_u64().unwrap();
        assert!((began..=ended).contains(&stamped), "{name}: {stamped}");
    }
    assert_eq!(runs.len(), 1, "{name}: one run, one name: {runs:?}");

    kafka_tool(
        "org.apache.kafka.tools.TopicCommand",
        &["--delete", "--topic", &topic],
    );
}

fn text(output: &Output) -> String {
    format!(
        "{}\n{}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

#[test]
fn no_broker_is_exit_15_with_the_address() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap().to_string();
    drop(free);
    let output = crate::krush()
        .args(["serve", "--port", "0", "--kafka", &address])
        .args(["--producer", "enable.idempotence=true"])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(15), "{}", text(&output));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains(&address), "{said}");
    let warning =
        "warning: --producer enable.idempotence=true is ignored, as by Confluent's REST Proxy";
    assert!(said.contains(warning), "{said}");
}
