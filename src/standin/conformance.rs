//! Replays every recorded exchange against the stand-in and compares status, headers, framing, body shape, cuts and end.
//!
//! The connection runs over a stream that notes each write, so write boundaries are those of the writer, not of TCP.

use std::collections::BTreeSet;
use std::io::Read as _;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::Writes;
use super::backend::{Backend, NewTopic, Record};
use super::connection;
use super::consumers::Consumers;
use super::desk::Desk;
use super::falsify::falsified;
use super::faults::{Defect, Falsify, Plan, Script};
use super::framing::{LAST_CHUNK, Wire, frame};
use super::head::Head;
use super::json::{Malformed, Scanner};
use super::memory::{Memory, MemoryLimits};
use super::serve::{Call, Shared, answer, route};
use super::threads::Threads;
use super::truth::Truth;
use crate::wire::Dialect;

mod recorded;

use recorded::{Case, Recorder, cases};

const RECORDED_CLUSTER: &str = "MkU3OEVBNTcwNTJENDM2Qk";
const IDLE: Duration = Duration::from_millis(60);
const MAX_BLOCK: Duration = Duration::from_millis(20);

/// Cases that are not compared, by the start of their name, and why.
const NOT_COMPARED: &[(Dialect, &str, &str)] = &[
    (Dialect::Confluent, "v3-record", "no v3 produce"),
    (Dialect::Confluent, "v3-batch", "no v3 produce"),
    (
        Dialect::Confluent,
        "broker-",
        "memory is always there; the Kafka backend has brokers",
    ),
    (Dialect::Confluent, "acks0-", "memory always acknowledges"),
    (
        Dialect::Confluent,
        "rate-limit-",
        "a setting; the status fault gives its 429, see tests/it/standin.rs",
    ),
    (
        Dialect::Confluent,
        "dos-filter-",
        "a setting of the real server that is off by default",
    ),
    (Dialect::Strimzi, "broker-", "memory is always there"),
    (Dialect::Strimzi, "acks0-", "memory always acknowledges"),
    (
        Dialect::Strimzi,
        "openapi",
        "the bridge's own description is not ours to serve",
    ),
    (
        Dialect::Strimzi,
        "unanswered-after-missing-partition",
        "a race of the real server",
    ),
    (Dialect::Karapace, "broker-", "memory is always there"),
];

/// Cases whose message is a parser's own words, or worded differently by different versions of Kafka.
const OWN_WORDS: &[&str] = &[
    "produce-malformed-json",
    "v3-create-topic-malformed",
    "admin-create-topic-replication-3",
];

/// Numbers that depend on what was stored before.
const FREE_NUMBERS: &[&str] = &[
    "partition",
    "offset",
    "beginning_offset",
    "end_offset",
    "process_uptime_sec",
    "timestamp",
    "port",
];

/// What the recorded broker was set to by itself, and groups that it knew from before: `source` and `consumer_group_id`.
const OF_THE_RECORDED_BROKER: &[(&str, &str, &str)] = &[
    ("v3-topic-configs", "source", "\"STATIC_BROKER_CONFIG\""),
    ("v3-groups", "consumer_group_id", "\"ca1795254883\""),
    ("v3-groups", "consumer_group_id", "\"wire-g1795257721\""),
];

/// Writes and how it ended: `keep-alive`, `fin`, or `timeout` if no answer came.
async fn replay(
    shared: &Shared,
    chunks: &[Vec<u8>],
    wait_for_close: bool,
) -> (Vec<Vec<u8>>, &'static str) {
    let writes = Arc::new(Mutex::new(Vec::new()));
    let starved = Arc::new(Notify::new());
    let stream = Recorder {
        chunks: chunks.iter().cloned().collect(),
        writes: Arc::clone(&writes),
        starved: Arc::clone(&starved),
    };
    let desk = Desk::default();
    let answered = || {
        let all = writes.lock().unwrap().concat();
        let interim = all.starts_with(b"HTTP/1.1 100");
        !all.is_empty() && !interim
            || all
                .windows(12)
                .filter(|w| w.starts_with(b"HTTP/1.1 "))
                .count()
                > 1
    };
    let run = connection::run(stream, shared, &desk);
    let idle = async {
        starved.notified().await;
        if wait_for_close || !answered() {
            tokio::time::sleep(4 * IDLE).await;
        }
    };
    let end = tokio::select! {
        _ = run => "fin",
        () = idle => if answered() { "keep-alive" } else { "timeout" },
    };
    let writes = writes.lock().unwrap().clone();
    (writes, end)
}

fn shared(dialect: Dialect, auto_create: bool) -> Shared {
    let memory = Arc::new(Memory::new(MemoryLimits {
        auto_create,
        default_partitions: 3,
        max_bytes: 16 << 20,
        max_block: MAX_BLOCK,
    }));
    let existing: &[&str] = match (dialect, auto_create) {
        (Dialect::Karapace, _) => &["kwire", "kwire-idle"],
        (_, true) => &[],
        (_, false) => &["wire"],
    };
    for name in existing {
        memory
            .create_topic(&NewTopic {
                name: (*name).to_owned(),
                partitions: Some(3),
                replication_factor: None,
                configs: std::collections::BTreeMap::default(),
                validate_only: false,
            })
            .unwrap();
    }
    let closes = matches!(dialect, Dialect::Confluent | Dialect::Karapace);
    let truth = Arc::new(Truth::new([]));
    Shared {
        name: "krush test stand-in".to_owned(),
        capacity: None,
        dialect,
        backend: Backend::Memory(memory),
        script: Script::new(&[], Arc::clone(&truth)),
        idle_timeout: closes.then_some(IDLE),
        writes: Writes::Recorded,
        max_block: MAX_BLOCK,
        threads: Threads::new(None),
        consumers: Consumers::new(dialect, None, None),
        tls: false,
        started: Instant::now(),
        truth,
        died: Notify::new(),
    }
}

/// Puts the records that a recorded fetch brought where they were: what else was sent there then is not recorded.
async fn store_what_was_fetched(case: &Case, backend: &Backend) {
    let (topic, records) = what_was_fetched(case);
    backend.delete_topic(&topic).await.unwrap();
    let new = NewTopic {
        name: topic.clone(),
        partitions: Some(3),
        replication_factor: None,
        configs: std::collections::BTreeMap::default(),
        validate_only: false,
    };
    backend.create_topic(new).await.unwrap();
    backend.produce(&topic, records).await.unwrap();
}

/// The topic and the records of a recorded fetch.
fn what_was_fetched(case: &Case) -> (String, Vec<Record<'static>>) {
    let recorded = parse(&case.reads.concat());
    let records: Vec<serde_json::Value> = serde_json::from_slice(&recorded.body).unwrap();
    let topic = records[0]["topic"].as_str().unwrap().to_owned();
    let bytes = |value: &serde_json::Value| {
        let text = (!value.is_null()).then(|| value.to_string().into_bytes());
        text.map(std::borrow::Cow::Owned)
    };
    let stored = records.iter().map(|record| Record {
        partition: record["partition"].as_i64().map(|number| number as i32),
        key: bytes(&record["key"]),
        value: bytes(&record["value"]),
    });
    (topic, stored.collect())
}

/// A reply taken apart.
#[derive(Debug)]
struct Reply {
    interim: bool,
    status_line: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    /// Named places in the bytes: ends of head, size lines, chunks.
    marks: Vec<(usize, String)>,
}

fn parse(all: &[u8]) -> Reply {
    let interim = all.starts_with(b"HTTP/1.1 100");
    let start = if interim { 25 } else { 0 };
    let head_end = start + memchr::memmem::find(&all[start..], b"\r\n\r\n").expect("a head") + 4;
    let head = std::str::from_utf8(&all[start..head_end]).unwrap();
    let mut lines = head.trim_end().split("\r\n");
    let status_line = lines.next().unwrap().to_owned();
    let headers: Vec<(String, String)> = lines
        .map(|line| line.split_once(": ").unwrap())
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let mut marks = vec![(start, "interim".to_owned()), (head_end, "head".to_owned())];
    let mut body = all[head_end..].to_vec();
    if headers.iter().any(|(_, value)| value == "chunked") {
        body.clear();
        let mut at = head_end;
        for number in 0.. {
            let line = at + memchr::memmem::find(&all[at..], b"\r\n").unwrap();
            let size =
                usize::from_str_radix(std::str::from_utf8(&all[at..line]).unwrap(), 16).unwrap();
            if size == 0 {
                assert_eq!(&all[line..], b"\r\n\r\n");
                break;
            }
            marks.push((line + 2, format!("size {number}")));
            body.extend_from_slice(&all[line + 2..line + 2 + size]);
            at = line + 2 + size;
            marks.push((at, format!("chunk {number}")));
            at += 2;
        }
    }
    if headers.iter().any(|(name, _)| name == "Content-Encoding") {
        let mut plain = Vec::new();
        flate2::read::GzDecoder::new(body.as_slice())
            .read_to_end(&mut plain)
            .unwrap();
        body = plain;
    }
    marks.push((all.len(), "end".to_owned()));
    Reply {
        interim,
        status_line,
        headers,
        body,
        marks,
    }
}

/// Where the pieces end, by name; ends inside something else are left out.
fn cuts(reply: &Reply, pieces: &[Vec<u8>]) -> BTreeSet<String> {
    let ends = pieces.iter().scan(0, |at, piece| {
        *at += piece.len();
        Some(*at)
    });
    ends.filter_map(|end| reply.marks.iter().find(|(at, _)| *at == end))
        .map(|(_, name)| name.clone())
        .collect()
}

/// JSON with its members in order.
#[derive(Debug, Clone, PartialEq)]
enum Tree {
    Scalar(String),
    Array(Vec<Tree>),
    Object(Vec<(String, Tree)>),
}

fn tree(scanner: &mut Scanner<'_>) -> Result<Tree, Malformed> {
    match scanner.peek() {
        Some(b'{') => {
            let mut members = Vec::new();
            scanner.object(|scanner, name| {
                members.push((name.string().unwrap().into_owned(), tree(scanner)?));
                Ok(())
            })?;
            Ok(Tree::Object(members))
        }
        Some(b'[') => {
            let mut elements = Vec::new();
            scanner.array(|scanner| {
                elements.push(tree(scanner)?);
                Ok(())
            })?;
            Ok(Tree::Array(elements))
        }
        _ => Ok(Tree::Scalar(scanner.value()?.display().into_owned())),
    }
}

fn json(body: &[u8]) -> Option<Tree> {
    let mut scanner = Scanner::new(body);
    tree(&mut scanner).ok().filter(|_| scanner.end().is_ok())
}

/// What differs between the recorded value and ours.
fn differences(case: &str, at: &str, recorded: &Tree, ours: &Tree, found: &mut Vec<String>) {
    match (recorded, ours) {
        (Tree::Object(_), Tree::Object(_))
            if at.ends_with("configs") && !at.contains("related") =>
        {
            let keys = |tree: &Tree| match tree {
                Tree::Object(members) => members.iter().map(|(key, _)| key.clone()).collect(),
                _ => BTreeSet::new(),
            };
            if keys(recorded) != keys(ours) {
                found.push(format!("{at}: other configuration keys"));
            }
        }
        (Tree::Object(left), Tree::Object(right)) => {
            let keys = |members: &[(String, Tree)]| {
                members
                    .iter()
                    .map(|(key, _)| key.clone())
                    .collect::<Vec<_>>()
            };
            if keys(left) != keys(right) {
                found.push(format!("{at}: {:?} is now {:?}", keys(left), keys(right)));
                return;
            }
            for ((key, left), (_, right)) in left.iter().zip(right) {
                differences(case, &format!("{at}.{key}"), left, right, found);
            }
        }
        (Tree::Array(left), Tree::Array(right)) => {
            let (left, right) = comparable_elements(case, left, right);
            let topics = case.starts_with("get-topics")
                || case == "get-connection-close"
                || case == "get-http10";
            if left.len() != right.len() && !topics {
                found.push(format!(
                    "{at}: {} elements are now {}",
                    left.len(),
                    right.len()
                ));
            }
            for (left, right) in left.iter().zip(right) {
                if !topics {
                    differences(case, at, left, right, found);
                }
            }
        }
        (Tree::Scalar(left), Tree::Scalar(right)) => {
            let key = at.rsplit('.').next().unwrap_or_default();
            let kind = |text: &str| match text.as_bytes()[0] {
                b'"' => "string",
                b'-' => "negative",
                b'0'..=b'9' => "number",
                _ => "word",
            };
            let same = if kind(left) == "number" && FREE_NUMBERS.contains(&key) {
                kind(right) == "number"
            } else if key == "message" && OWN_WORDS.contains(&case) {
                kind(right) == "string"
            } else {
                without_ids(&left.replace("after 2000 ms", ""))
                    == without_ids(&right.replace("after 20 ms", ""))
            };
            if !same {
                found.push(format!("{at}: {left} is now {right}"));
            }
        }
        _ => found.push(format!("{at}: another type")),
    }
}

/// The elements of two arrays, without those that only the recorded broker has: what stands in their places here goes too,
/// if there is as much.
fn comparable_elements<'a>(
    case: &str,
    left: &'a [Tree],
    right: &'a [Tree],
) -> (Vec<&'a Tree>, Vec<&'a Tree>) {
    let is_own = |tree: &Tree| {
        let Tree::Object(members) = tree else {
            return true;
        };
        let says = |known: &str, value: &str| {
            let mut members = members.iter();
            members.any(|(key, tree)| key == known && *tree == Tree::Scalar(value.to_owned()))
        };
        let mut others = OF_THE_RECORDED_BROKER.iter();
        !others.any(|(known, key, value)| *known == case && says(key, value))
    };
    let kept: Vec<bool> = left.iter().map(is_own).collect();
    let as_many = left.len() == right.len();
    let right = right.iter().enumerate();
    (
        left.iter().filter(|tree| is_own(tree)).collect(),
        right
            .filter(|(index, _)| !as_many || kept[*index])
            .map(|(_, tree)| tree)
            .collect(),
    )
}

/// Numbers and random parts of a member's name made equal.
fn without_ids(text: &str) -> String {
    let id = regex_lite::Regex::new(
        "(consumer-wire-g[0-9]+)-[0-9]+(-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})?",
    );
    let id = id.unwrap();
    let named = |found: &regex_lite::Captures<'_>| {
        let random = if found.get(2).is_some() {
            "-random"
        } else {
            ""
        };
        format!("{}-n{random}", &found[1])
    };
    id.replace_all(text, named).into_owned()
}

/// Headers that must agree, values that vary made equal.
fn comparable(reply: &Reply, case: &Case) -> Vec<(String, String)> {
    let mut headers = reply.headers.clone();
    headers.retain(|(name, _)| !(case.target == "/" && name.eq_ignore_ascii_case("server")));
    for (name, value) in &mut headers {
        match name.to_ascii_lowercase().as_str() {
            "date" | "etag" => *value = value.len().to_string(),
            "content-length" if value != "0" => *value = "n".to_owned(),
            _ => {}
        }
    }
    headers
}

fn compare(case: &Case, writes: &[Vec<u8>], end: &str) -> Vec<String> {
    let mut found = Vec::new();
    if case.end != end {
        found.push(format!("ended by {} there, by {end} here", case.end));
    }
    let (recorded, ours) = (case.reads.concat(), writes.concat());
    if recorded.is_empty() || ours.is_empty() || end == "timeout" {
        if recorded != ours {
            found.push("an answer on one side only".to_owned());
        }
        return found;
    }
    let (recorded, ours) = (parse(&recorded), parse(&ours));
    if (recorded.interim, &recorded.status_line) != (ours.interim, &ours.status_line) {
        found.push(format!(
            "{} is now {}",
            recorded.status_line, ours.status_line
        ));
    }
    let (left, right) = (comparable(&recorded, case), comparable(&ours, case));
    if left != right {
        found.push(format!("headers {left:?} are now {right:?}"));
    }
    match (json(&recorded.body), json(&ours.body)) {
        (Some(left), Some(right)) => differences(&case.name, "", &left, &right, &mut found),
        _ if without_digits(&recorded.body) == without_digits(&ours.body) => {}
        _ if recorded.body.starts_with(b"Got more than")
            && ours.body.starts_with(b"Got more than") => {}
        _ => found.push(format!(
            "body {} is now {}",
            String::from_utf8_lossy(&recorded.body),
            String::from_utf8_lossy(&ours.body)
        )),
    }
    let (left, right) = (cuts(&recorded, &case.reads), cuts(&ours, writes));
    if !left.is_subset(&right) {
        found.push(format!("cut at {left:?} there, at {right:?} here"));
    }
    let chunks = ours
        .marks
        .iter()
        .filter(|(_, name)| name.starts_with("chunk"));
    let most = usize::from(ours.interim) + 1 + 2 * chunks.count().max(1);
    if writes.len() > most {
        found.push(format!("{} writes, not {most} at most", writes.len()));
    }
    found
}

/// Offsets inside a body that is no JSON.
fn without_digits(body: &[u8]) -> Vec<u8> {
    let digits = body.iter().filter(|byte| !byte.is_ascii_digit());
    digits.copied().collect()
}

/// The keep-alive defect's answers, each form beside its recording.
async fn defects_conform() {
    let forms = [
        ("200-without-json-produce", Defect::EmptyOk),
        ("no-accept-200-without-json-produce", Defect::EmptyOk),
        ("200-without-json-get", Defect::EmptyOk),
        ("500-produce", Defect::ServerError),
        ("no-accept-500-produce", Defect::ServerError),
        ("accept-any-500-produce", Defect::ServerError),
        ("500-get", Defect::ServerError),
        ("accept-any-500-get", Defect::ServerError),
        ("no-accept-200-json-then-html-produce", Defect::HtmlBehind),
        ("accept-any-200-json-then-html-produce", Defect::HtmlBehind),
        ("accept-any-200-json-then-html-get", Defect::HtmlBehind),
        ("accept-any-200-html-get", Defect::HtmlAlone),
        ("reused-accept-any-200-html-get", Defect::TwoTypes),
        ("reused-200-without-json-produce", Defect::Twice),
        ("reused-no-accept-200-without-json-get", Defect::Twice),
        ("accept-any-cut-in-chunked-body-get", Defect::CutInBody),
    ];
    let shared = shared(Dialect::Confluent, true);
    let recorded = cases("confluent-8.0.0.jsonl", "");
    for (name, form) in forms {
        let name = format!("keep-alive-bug-{name}");
        let case = recorded.iter().find(|case| case.name == name).unwrap();
        let sent = case.chunks.concat();
        let end = memchr::memmem::find(&sent, b"\r\n\r\n").unwrap() + 4;
        let head = Head::parse(&sent[..end]).unwrap();
        let plan = Plan::default();
        let desk = Desk::default();
        let call = Call {
            shared: &shared,
            head: &head,
            plan: &plan,
            body: &sent[end..],
            whole: None,
            desk: &desk,
            account: None,
        };
        let found = route(Dialect::Confluent, &head).unwrap();
        let mut wire = Wire::default();
        let date = desk.clock.date();
        let own = answer(&call, &found).await;
        let last = own.clone();
        let falsify = Falsify::Defect(form);
        let shown = falsified(Dialect::Confluent, &head, falsify, own, Some(&last));
        assert_eq!(shown.told, None, "{name}: nothing of it can be believed");
        let ends = frame(Dialect::Confluent, &shown, Some(&head), &date, &mut wire);
        let mut case = case.clone();
        if form == Defect::CutInBody {
            // Ours is cut where the recorded one was; the rest of the framing makes both readable here.
            assert!(case.reads.concat().ends_with(b"]}") && wire.before(LAST_CHUNK).is_some());
            case.reads.push(LAST_CHUNK.to_vec());
            "keep-alive".clone_into(&mut case.end);
        }
        let writes: Vec<Vec<u8>> = wire.writes().map(<[u8]>::to_vec).collect();
        let found = compare(&case, &writes, if ends { "fin" } else { "keep-alive" });
        assert!(found.is_empty(), "{name}: {found:?}");
    }
}

async fn conforms(dialect: Dialect, file: &str) {
    let usual = shared(dialect, true);
    let changed = shared(dialect, false);
    let cluster = usual.backend.cluster_id();
    let mut unused: Vec<_> = NOT_COMPARED
        .iter()
        .filter(|(known, ..)| *known == dialect)
        .collect();
    let mut failures = Vec::new();
    let mut compared = 0;
    let all = cases(file, &cluster);
    let fetched = all
        .iter()
        .find(|case| case.name == "consumer-fetch-records");
    for case in &all {
        match case.name.as_str() {
            "consumer-create" => store_what_was_fetched(fetched.unwrap(), &usual.backend).await,
            "consumer-fetch-max-bytes" => {
                // All had been read by then.
                let (topic, records) = what_was_fetched(fetched.unwrap());
                usual.backend.produce(&topic, records).await.unwrap();
            }
            _ => {}
        }
        let listed = NOT_COMPARED
            .iter()
            .find(|(known, start, _)| *known == dialect && case.name.starts_with(start));
        if let Some((_, start, _)) = listed {
            unused.retain(|(_, other, _)| other != start);
            continue;
        }
        compared += 1;
        if case.name == "reuse-after-idle" && case.seq == 2 && case.reads.is_empty() {
            // Nothing answers a request on a connection that the server closed; `idle-after-produce` shows the closing.
            continue;
        }
        let shared = if case.settings_changed {
            &changed
        } else {
            &usual
        };
        let (mut writes, end) =
            replay(shared, &case.chunks, case.name == "idle-after-produce").await;
        for write in &mut writes {
            let text = String::from_utf8_lossy(write);
            if text.contains(&cluster) {
                *write = text.replace(&cluster, RECORDED_CLUSTER).into_bytes();
            }
        }
        for difference in compare(case, &writes, end) {
            failures.push(format!(
                "{} ({} {}): {difference}",
                case.name, case.method, case.target
            ));
        }
    }
    assert!(
        failures.is_empty(),
        "{} differences:\n{}",
        failures.len(),
        failures.join("\n")
    );
    assert!(unused.is_empty(), "listed but not recorded: {unused:?}");
    assert!(compared > 60, "only {compared} cases compared");
}

fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(test);
}

#[test]
fn an_answer_leaves_in_one_write_where_its_thread_has_more_than_one_to_send() {
    let request = request_of("{\"records\":[{\"value\":1}]}");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    // Requests that are there at once, and the writes of their answers.
    for (writes, requests, wanted) in [
        (Writes::Recorded, 2, 6),
        (Writes::One, 2, 2),
        (Writes::Auto, 1, 3),
        (Writes::Auto, 2, 4),
    ] {
        let mut shared = shared(Dialect::Confluent, true);
        shared.writes = writes;
        let chunks = [request.repeat(requests).into_bytes()];
        let (found, _) = runtime.block_on(replay(&shared, &chunks, false));
        let count = (
            found.len(),
            found
                .concat()
                .windows(15)
                .filter(|at| at == b"HTTP/1.1 200 OK")
                .count(),
        );
        assert_eq!(count, (wanted, requests), "{writes:?}");
    }
}

fn request_of(body: &str) -> String {
    let length = body.len();
    format!(
        "POST /topics/t HTTP/1.1\r\nHost: h\r\nContent-Type: application/vnd.kafka.json.v2+json\r\nContent-Length: {length}\r\n\r\n{body}"
    )
}

#[test]
fn confluent_is_answered_as_recorded() {
    run(conforms(Dialect::Confluent, "confluent-8.0.5.jsonl"));
}

#[test]
fn strimzi_is_answered_as_recorded() {
    run(conforms(Dialect::Strimzi, "strimzi-0.33.1.jsonl"));
}

#[test]
fn karapace_is_answered_as_recorded() {
    run(conforms(Dialect::Karapace, "karapace-6.2.0.jsonl"));
}

#[test]
fn the_keep_alive_defect_looks_as_recorded() {
    run(defects_conform());
}
