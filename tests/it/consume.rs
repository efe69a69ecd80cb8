//! Consumers end to end: the built program reads from a stand-in that the same program wrote to.

use krush::standin::backend::NewTopic;
use krush::standin::{Embedded, Settings};
use krush::units::ByteSize;
use krush::wire::Dialect;
use serde_json::Value;
use std::time::Duration;

#[cfg(unix)]
use super::load::interrupt;
use super::load::wait_until;
use super::load::{Ran, krush, standin_with};
use super::served::Served;

/// Room for all that these tests write.
const ROOM: ByteSize = ByteSize(256 << 20);

fn standin(settings: Settings) -> Embedded {
    standin_with(Settings {
        max_memory: ROOM,
        ..settings
    })
}

fn dialect(dialect: Dialect) -> Embedded {
    standin(Settings {
        dialect,
        ..Settings::default()
    })
}

/// Writes so many records to `topic` with 24 partitions.
fn write(url: &str, topic: &str, records: u64) {
    let records = records.to_string();
    let ran = krush(&[
        "basic",
        "--url",
        url,
        "--topic",
        topic,
        "--partitions",
        "24",
        "--key",
        "random",
        "--messages",
        &records,
        "--batch-size",
        "100",
        "--concurrency",
        "8",
        "--quiet",
    ])
    .run();
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
}

fn consume(url: &str, args: &[&str]) -> Ran {
    krush(&[&["consume", "--url", url], args].concat()).run()
}

/// The number at this place of a report, such as `ledger.records.counted`.
fn number(report: &Value, place: &str) -> u64 {
    let found = place.split('.').fold(report, |value, key| &value[key]);
    found
        .as_u64()
        .unwrap_or_else(|| panic!("{place} is {found}"))
}

/// What must be true of every report.
fn balanced(ran: &Ran) -> &Value {
    let report = ran.report();
    let records = |end: &str| number(report, &format!("ledger.records.{end}"));
    let fetches = |end: &str| number(report, &format!("ledger.fetches.{end}"));
    let all = records("fetched");
    assert_eq!(all, records("counted") + records("again"));
    let ends = ["with_records", "empty", "failed"].map(fetches);
    assert_eq!(fetches("asked"), ends.iter().sum::<u64>());
    let rows = report["instances"].as_array().unwrap();
    let through = rows.iter().map(|row| number(row, "fetched")).sum::<u64>();
    assert_eq!(through, all);
    assert_eq!(
        number(report, "verdict.exit_code"),
        u64::try_from(ran.code.unwrap()).unwrap()
    );
    report
}

#[test]
fn six_instances_read_a_backlog_of_24_partitions_once() {
    let server = standin(Settings::default());
    write(server.url(), "t", 100_000);
    let ran = consume(server.url(), &["--topic", "t", "--instances", "6"]);
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
    let report = balanced(&ran);
    assert_eq!(number(report, "ledger.records.counted"), 100_000);
    assert_eq!(number(report, "ledger.records.again"), 0);
    assert_eq!(number(report, "backlog.records"), 100_000);
    assert_eq!(number(report, "backlog.read"), 100_000);
    assert!(report["backlog"]["drained_secs"].as_f64().unwrap() > 0.0);
    assert_eq!(number(report, "offsets.partitions"), 24);
    assert_eq!(number(report, "offsets.missing"), 0);
    assert_eq!(report["not_deleted"], Value::Array(Vec::new()));
    assert!(
        ran.stdout.contains("for a backlog of 100,000"),
        "{}",
        ran.stdout
    );
    // The group is new for each run: the next one reads everything again.
    let again = consume(
        server.url(),
        &["--topic", "t", "--json", "--fetch-min-bytes", "100kB"],
    );
    let printed: Value = serde_json::from_str(&again.stdout).unwrap();
    assert_eq!(&printed, balanced(&again));
    assert_eq!(number(&printed, "ledger.records.counted"), 100_000);
    assert_ne!(printed["plan"]["group"], report["plan"]["group"]);
}

#[test]
fn a_group_goes_on_where_each_way_to_commit_left_it() {
    let server = standin(Settings::default());
    write(server.url(), "t", 5_000);
    for (mode, left) in [
        ("after", true),
        ("before", true),
        ("auto", true),
        ("none", false),
    ] {
        let base = [
            "--topic",
            "t",
            "--group",
            mode,
            "--commit",
            mode,
            "--instances",
            "2",
        ];
        let first = consume(server.url(), &[&base[..], &["--messages", "1000"]].concat());
        assert_eq!(
            first.code,
            Some(0),
            "{mode}: {}{}",
            first.stdout,
            first.stderr
        );
        let first = balanced(&first);
        let read = number(first, "ledger.records.counted");
        assert!((1_000..5_000).contains(&read), "{mode}: {read}");
        assert_eq!(first["end"], "messages");
        let made = number(first, "ledger.commits.made");
        assert_eq!(
            made > 0,
            mode == "after" || mode == "before",
            "{mode}: {made}"
        );
        assert_eq!(number(first, "ledger.commits.failed"), 0, "{mode}");
        let rest = consume(server.url(), &base);
        assert_eq!(rest.code, Some(0), "{mode}: {}{}", rest.stdout, rest.stderr);
        let wanted = if left { 5_000 - read } else { 5_000 };
        let rest = balanced(&rest);
        assert_eq!(number(rest, "backlog.records"), wanted, "{mode}");
        assert_eq!(number(rest, "ledger.records.counted"), wanted, "{mode}");
    }
}

/// A stand-in whose instances expire while their batches are worked on.
fn impatient() -> Embedded {
    let server = standin(Settings {
        consumer_instance_timeout: Some(Duration::from_millis(200)),
        ..Settings::default()
    });
    write(server.url(), "t", 2_000);
    server
}

const SLOW: [&str; 11] = [
    "--topic",
    "t",
    "--instances",
    "2",
    "--process-time",
    "500ms",
    "--fetch-min-bytes",
    "100kB",
    "--max-bytes",
    "200kB",
    "--commit",
];

#[test]
fn instances_that_the_server_expires_are_made_anew_and_nothing_is_missed() {
    let server = impatient();
    let ran = consume(server.url(), &[&SLOW[..], &["auto"]].concat());
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
    let report = balanced(&ran);
    let lost = number(report, "ledger.instances.lost");
    assert!(lost >= 1, "{report:#}");
    assert!(number(report, "ledger.instances.recovered") >= 1);
    let took = report["ledger"]["instances"]["recovering_secs"].as_f64();
    assert!(took.unwrap() > 0.0);
    assert_eq!(number(report, "ledger.records.counted"), 2_000);
    assert_eq!(number(report, "offsets.missing"), 0);
    assert!(ran.stdout.contains(" lost, "), "{}", ran.stdout);
}

#[test]
fn a_group_that_can_never_commit_is_not_read_for_ever() {
    let server = impatient();
    let ran = consume(
        server.url(),
        &[&SLOW[..], &["after", "--idle", "3s"]].concat(),
    );
    assert_eq!(ran.code, Some(13), "{}{}", ran.stdout, ran.stderr);
    let report = balanced(&ran);
    assert_eq!(report["end"], "idle");
    assert!(number(report, "ledger.records.again") > 0, "{report:#}");
    assert!(number(report, "ledger.commits.failed") > 0, "{report:#}");
    assert_eq!(report["not_deleted"], Value::Array(Vec::new()));
}

#[test]
fn strimzi_and_karapace_are_read_in_their_own_manners() {
    for manners in [Dialect::Strimzi, Dialect::Karapace] {
        let name = manners.name();
        let server = dialect(manners);
        write_to_served(&server, manners);
        let args = [
            "--topic",
            "t",
            "--commit",
            "after",
            "--instances",
            "3",
            "--group",
            "g",
        ];
        let first = consume(server.url(), &[&args[..], &["--messages", "200"]].concat());
        assert_eq!(
            first.code,
            Some(0),
            "{name}: {}{}",
            first.stdout,
            first.stderr
        );
        let read = number(balanced(&first), "ledger.records.counted");
        assert_eq!(first.report()["target"]["dialect"], name);
        let rest = consume(server.url(), &[&args[..], &["--idle", "3s"]].concat());
        assert_eq!(rest.code, Some(0), "{name}: {}{}", rest.stdout, rest.stderr);
        let rest = balanced(&rest);
        assert_eq!(
            read + number(rest, "ledger.records.counted"),
            1_000,
            "{name}"
        );
        let known = manners == Dialect::Karapace;
        assert_eq!(rest["backlog"]["records"].is_u64(), known, "{name}");
        assert_eq!(
            rest["rebalances"]["seen_by"],
            if known { "assignments" } else { "records" }
        );
    }
}

/// 1,000 records into topic `t`, made through v2 where the server cannot create topics.
fn write_to_served(server: &Embedded, manners: Dialect) {
    if manners == Dialect::Karapace {
        let topic = NewTopic {
            name: "t".to_owned(),
            partitions: Some(24),
            replication_factor: None,
            configs: std::collections::BTreeMap::new(),
            validate_only: false,
        };
        assert!(server.memory().create_topic(&topic).is_ok());
    }
    write(server.url(), "t", 1_000);
}

#[test]
fn records_that_a_server_passes_over_are_told() {
    let server = dialect(Dialect::Strimzi);
    write(server.url(), "t", 1_000);
    let ran = consume(
        server.url(),
        &["--topic", "t", "--max-bytes", "3kB", "--idle", "2s"],
    );
    assert_eq!(ran.code, Some(13), "{}{}", ran.stdout, ran.stderr);
    let report = balanced(&ran);
    assert!(report["failures"][0]["kind"] == "passed_over", "{report:#}");
    assert!(
        ran.stdout.contains("the server passed records over"),
        "{}",
        ran.stdout
    );
}

#[test]
fn an_empty_topic_is_read_at_once_and_a_missing_one_is_named() {
    let server = standin(Settings::default());
    write(server.url(), "t", 100);
    let late = consume(server.url(), &["--topic", "t", "--from", "latest"]);
    assert_eq!(late.code, Some(0), "{}{}", late.stdout, late.stderr);
    assert!(
        late.stdout.contains("there was nothing to read"),
        "{}",
        late.stdout
    );
    assert_eq!(number(balanced(&late), "ledger.fetches.asked"), 0);
    let missing = consume(server.url(), &["--topic", "nowhere"]);
    assert_eq!(missing.code, Some(15));
    assert!(
        missing
            .stderr
            .contains("error: topic nowhere does not exist at http://127.0.0.1"),
        "{}",
        missing.stderr
    );
    let pattern = consume(server.url(), &["--pattern", "x.*"]);
    assert_eq!(pattern.code, Some(15));
    assert!(pattern.stderr.contains("x.*"), "{}", pattern.stderr);
}

#[test]
fn topics_can_be_told_by_a_pattern() {
    let server = standin(Settings::default());
    for topic in ["orders-a", "orders-b", "other"] {
        write(server.url(), topic, 300);
    }
    let ran = consume(server.url(), &["--pattern", "orders-.*"]);
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
    let report = balanced(&ran);
    assert_eq!(number(report, "ledger.records.counted"), 600);
    assert_eq!(number(report, "offsets.partitions"), 48);
    assert_eq!(
        report["plan"]["topics"],
        serde_json::json!(["orders-a", "orders-b"])
    );
}

#[test]
fn what_should_come_and_does_not_makes_the_run_void() {
    let server = standin(Settings::default());
    write(server.url(), "t", 100);
    let ran = consume(
        server.url(),
        &["--topic", "t", "--messages", "101", "--idle", "500ms"],
    );
    assert_eq!(ran.code, Some(13), "{}{}", ran.stdout, ran.stderr);
    assert!(
        ran.stdout
            .contains("100 of 101 records came, then none came"),
        "{}",
        ran.stdout
    );
    let slow = consume(
        server.url(),
        &["--topic", "t", "--min-throughput", "900M/s"],
    );
    assert_eq!(slow.code, Some(10), "{}{}", slow.stdout, slow.stderr);
}

/// One call at a server, the answer ending with its connection.
fn call(url: &str, method: &str, path: &str) -> (u16, Value) {
    use std::io::{Read as _, Write as _};
    let address = url.trim_start_matches("http://");
    let Ok(mut stream) = std::net::TcpStream::connect(address) else {
        return (0, Value::Null);
    };
    let head = format!("{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    let body = answer.split_once("\r\n\r\n").unwrap().1;
    (status, serde_json::from_str(body).unwrap_or(Value::Null))
}

/// A way to a server on which paths of instances of group `g` are overheard.
#[cfg(unix)]
struct Listening {
    url: String,
    heard: std::sync::Arc<std::sync::Mutex<String>>,
}

#[cfg(unix)]
impl Listening {
    fn before(url: &str) -> Self {
        use std::io::{Read as _, Write as _};
        use std::net::{TcpListener, TcpStream};
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let to = url.trim_start_matches("http://").to_owned();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let heard = std::sync::Arc::<std::sync::Mutex<String>>::default();
        let ear = std::sync::Arc::clone(&heard);
        std::thread::spawn(move || {
            for mut near in listener.incoming().flatten() {
                let mut far = TcpStream::connect(&to).unwrap();
                let (mut back, mut home) = (far.try_clone().unwrap(), near.try_clone().unwrap());
                std::thread::spawn(move || std::io::copy(&mut back, &mut home));
                let ear = std::sync::Arc::clone(&ear);
                std::thread::spawn(move || {
                    let mut some = [0; 4096];
                    while let Ok(length @ 1..) = near.read(&mut some) {
                        let text = String::from_utf8_lossy(&some[..length]);
                        ear.lock().unwrap().push_str(&text);
                        far.write_all(&some[..length]).unwrap();
                    }
                });
            }
        });
        Self { url, heard }
    }

    /// Paths of the instances that subscribed.
    fn instances(&self) -> Vec<String> {
        let heard = self.heard.lock().unwrap();
        let calls = heard
            .split("POST ")
            .filter_map(|call| call.split(' ').next());
        let paths = calls.filter_map(|path| path.strip_suffix("/subscription"));
        paths.map(str::to_owned).collect()
    }
}

/// Client ids of the members of group `g`.
fn members(url: &str) -> Vec<String> {
    let (_, clusters) = call(url, "GET", "/v3/clusters");
    let Some(cluster) = clusters["data"][0]["cluster_id"].as_str() else {
        return Vec::new();
    };
    let path = format!("/v3/clusters/{cluster}/consumer-groups/g/consumers");
    let (_, consumers) = call(url, "GET", &path);
    let rows = consumers["data"].as_array().cloned().unwrap_or_default();
    let name = |row: &Value| row["client_id"].as_str().unwrap().to_owned();
    rows.iter().map(name).collect()
}

const GROUP: [&str; 8] = [
    "--topic",
    "t",
    "--group",
    "g",
    "--instances",
    "3",
    "--duration",
    "60s",
];

#[test]
#[cfg(unix)]
fn ctrl_c_deletes_the_instances_and_reports_what_they_read() {
    let server = standin(Settings::default());
    write(server.url(), "t", 1_000);
    let mut krush = krush(&[&["consume", "--url", server.url()], &GROUP[..]].concat());
    let child = krush.start();
    wait_until("three members", || members(server.url()).len() == 3);
    interrupt(&child);
    let ran = krush.ran(&child.wait_with_output().unwrap());
    assert_eq!(ran.code, Some(130), "{}{}", ran.stdout, ran.stderr);
    let report = balanced(&ran);
    assert_eq!(report["verdict"]["outcome"], "interrupted");
    assert_eq!(report["not_deleted"], Value::Array(Vec::new()));
    assert!(members(server.url()).is_empty());
}

#[test]
#[cfg(unix)]
fn an_instance_that_somebody_deletes_is_made_anew() {
    let server = standin(Settings::default());
    write(server.url(), "t", 1_000);
    let listener = Listening::before(server.url());
    let mut krush = krush(&[&["consume", "--url", &listener.url], &GROUP[..]].concat());
    let child = krush.start();
    wait_until("three members", || members(server.url()).len() == 3);
    let before = members(server.url());
    let path = listener.instances().remove(0);
    assert_eq!(call(server.url(), "DELETE", &path).0, 204);
    wait_until("three members again, one of them new", || {
        let now = members(server.url());
        now.len() == 3 && now.iter().any(|member| !before.contains(member))
    });
    interrupt(&child);
    let ran = krush.ran(&child.wait_with_output().unwrap());
    let report = balanced(&ran);
    assert_eq!(number(report, "ledger.instances.lost"), 1, "{report:#}");
    assert_eq!(number(report, "ledger.instances.recovered"), 1);
    assert_eq!(number(report, "ledger.records.counted"), 1_000);
    assert!(members(server.url()).is_empty());
}

#[test]
#[cfg(unix)]
fn a_proxy_that_is_started_anew_is_read_on() {
    let args = ["--partitions", "4"];
    let first = Served::start(&args);
    let url = first.url.clone();
    let port = url.rsplit(':').next().unwrap().to_owned();
    write(&url, "t", 1_000);
    let mut krush = krush(&[&["consume", "--url", &url], &GROUP[..]].concat());
    let child = krush.start();
    wait_until("three members", || members(&url).len() == 3);
    drop(first);
    let second = Served::start_on(&port, &args);
    wait_until("three members again", || members(&second.url).len() == 3);
    write(&url, "t", 2_000);
    interrupt(&child);
    let ran = krush.ran(&child.wait_with_output().unwrap());
    assert_eq!(ran.code, Some(130), "{}{}", ran.stdout, ran.stderr);
    let report = balanced(&ran);
    assert_eq!(number(report, "ledger.instances.lost"), 3, "{report:#}");
    assert_eq!(number(report, "ledger.instances.recovered"), 3);
    assert!(members(&url).is_empty());
}

#[test]
fn a_proxy_that_does_not_come_back_ends_the_run() {
    let server = Served::start(&["--partitions", "4"]);
    write(&server.url, "t", 1_000);
    let url = server.url.clone();
    let mut krush = krush(
        &[
            &["consume", "--url", &url, "--timeout", "300ms"],
            &GROUP[..],
        ]
        .concat(),
    );
    let child = krush.start();
    wait_until("three members", || members(&url).len() == 3);
    drop(server);
    let ran = krush.ran(&child.wait_with_output().unwrap());
    assert_eq!(ran.code, Some(15), "{}{}", ran.stdout, ran.stderr);
    let report = balanced(&ran);
    assert_eq!(report["end"], "target_gone");
    assert_eq!(report["not_deleted"].as_array().unwrap().len(), 3);
    assert!(
        ran.stdout.contains("no good answer for 1s 200ms"),
        "{}",
        ran.stdout
    );
}

#[test]
fn what_makes_no_sense_is_named() {
    let said: Vec<String> = [
        &["--group", "a b"][..],
        &["--topic", "a/b"],
        &["--pattern", "a("],
        &["--duration", "0s"],
        &["--output", "r.md"],
        &["--drain", "--instances", "0"],
        &["--format", "xml"],
        &["--topic", "a", "--pattern", "b"],
    ]
    .iter()
    .map(|args| {
        let output = crate::krush().arg("consume").args(*args).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        let lines = stderr.lines().take_while(|line| !line.is_empty());
        lines.collect::<Vec<_>>().join("\n")
    })
    .collect();
    insta::assert_snapshot!(said.join("\n"), @"
    error: --group: `a b` cannot be a group here
    hint: 1 to 249 of a-z A-Z 0-9 . _ -, and not . or ..
    error: --topic: `a/b` is not a topic name
    hint: 1 to 249 of a-z A-Z 0-9 . _ -, and not . or ..
    error: --pattern: `a(` is no regular expression: found open group without closing ')'
    hint: such as orders-.*
    error: --duration: 0s is too short
    hint: a time such as 30s
    error: --output: `r.md` does not end in .json
    hint: this command writes its report as JSON only
    error: invalid value '0' for '--instances <N>': 0 is not in 1..=1000
    error: invalid value 'xml' for '--format <FORMAT>'
      [possible values: json, binary, avro, jsonschema, protobuf]
    error: the argument '--pattern <REGEX>' cannot be used with '--topic <NAME>'
    ");
}

#[test]
fn a_server_that_does_not_have_the_format_says_so_before_anything_is_read() {
    let server = dialect(Dialect::Strimzi);
    write(server.url(), "t", 100);
    let ran = consume(server.url(), &["--topic", "t", "--format", "avro"]);
    assert_eq!(ran.code, Some(15), "{}{}", ran.stdout, ran.stderr);
    assert!(ran.stderr.contains("Invalid format type"), "{}", ran.stderr);
    assert!(
        ran.stderr
            .contains("hint: this server may not have that --format"),
        "{}",
        ran.stderr
    );
    assert!(ran.report.is_none());
}
