//! The exchange and the reply check on every recorded answer of the real servers, at the recorded read boundaries and
//! split at every byte; and against a complete JSON parser on random and hostile answers.

use base64::Engine as _;
use proptest::prelude::*;
use serde_json::Value;

use super::http::{KnownHead, ResponseReader};
use super::judge::Judge;
use super::verdict::Verdict;
use crate::measure::FailureKind;
use crate::wire::Dialect;

struct Exchange {
    label: String,
    json: Value,
    reads: Vec<Vec<u8>>,
    dialect: Dialect,
}

fn bytes(data: &Value) -> Vec<u8> {
    match data {
        Value::String(text) => text.clone().into_bytes(),
        other => base64::engine::general_purpose::STANDARD
            .decode(other["base64"].as_str().unwrap())
            .unwrap(),
    }
}

/// The request's body as it was sent.
fn request_body(body: &Value) -> Vec<u8> {
    let Some(repeat) = body.get("repeat") else {
        return if body.is_null() {
            Vec::new()
        } else {
            bytes(body)
        };
    };
    let part = |name: &str| {
        repeat
            .get(name)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let count = repeat["count"].as_u64().unwrap() as usize;
    let units = vec![part("unit"); count].join(&part("separator"));
    format!("{}{units}{}", part("prefix"), part("suffix")).into_bytes()
}

fn exchanges() -> Vec<Exchange> {
    let files = [
        ("confluent-8.0.5", Dialect::Confluent),
        ("confluent-8.0.0", Dialect::Confluent),
        ("strimzi-0.33.1", Dialect::Strimzi),
        ("karapace-6.2.0", Dialect::Karapace),
    ];
    let mut all = Vec::new();
    for (file, dialect) in files {
        let path = format!("{}/tests/wire/{file}.jsonl", env!("CARGO_MANIFEST_DIR"));
        for line in std::fs::read_to_string(path).unwrap().lines() {
            let json: Value = serde_json::from_str(line).unwrap();
            let reads = json["reads"]
                .as_array()
                .unwrap()
                .iter()
                .map(|read| bytes(&read["data"]))
                .collect();
            let label = format!(
                "{file} {} connection {} seq {}",
                json["case"], json["connection"], json["seq"]
            );
            all.push(Exchange {
                label,
                json,
                reads,
                dialect,
            });
        }
    }
    assert_eq!(all.len(), 196 + 278 + 149 + 121);
    all
}

/// What a client sees: status, whether the answer was complete, keep-alive, verdict if complete.
#[derive(Debug, PartialEq, Clone, Copy)]
struct Saw {
    status: Option<u16>,
    done: bool,
    keep_alive: bool,
    verdict: Option<Verdict>,
    left: usize,
}

/// What a client sees of an answer that it reads for the first time; one who knows its head already sees the same.
fn read<'a>(
    dialect: Dialect,
    reads: impl IntoIterator<Item = &'a [u8]>,
    closed: bool,
    expected: u32,
) -> Saw {
    let reads: Vec<&[u8]> = reads.into_iter().collect();
    let mut known = KnownHead::default();
    let [first, again] = [(); 2].map(|()| {
        let (mut reader, mut judge) = (ResponseReader::new(), Judge::new(dialect));
        reader.begin();
        judge.begin();
        let mut left = 0;
        for bytes in &reads {
            let taken = reader
                .read(bytes, &mut known, &mut judge)
                .expect("recorded answers are HTTP");
            left += bytes.len() - taken;
        }
        if closed {
            reader.closed();
        }
        let verdict = reader.done().then(|| judge.conclude(expected));
        Saw {
            status: reader.status(),
            done: reader.done(),
            keep_alive: reader.keep_alive(),
            verdict,
            left,
        }
    });
    assert_eq!(first, again);
    first
}

/// Records in a produce request; `None` if the request is none that krush could send or has no countable records.
fn records_sent(json: &Value) -> Option<u32> {
    // krush never asks for compressed answers: on Confluent they cost the producer's network thread.
    if json["case"].as_str().unwrap().ends_with("accept-gzip") {
        return None;
    }
    let request = &json["request"];
    let path = request["path"].as_str().unwrap();
    if request["method"] != "POST" || !path.starts_with("/topics/") {
        return None;
    }
    let body: Value = serde_json::from_slice(&request_body(&request["body"])).ok()?;
    let count = body["records"].as_array()?.len() as u32;
    (count > 0).then_some(count)
}

#[test]
fn every_recorded_answer_reads_the_same_however_it_is_cut() {
    for exchange in exchanges() {
        let Exchange {
            label,
            json,
            reads,
            dialect,
        } = exchange;
        // Answers to HEAD have no body whatever their head says; the client never sends one.
        if json["request"]["method"] == "HEAD" || json.get("truncated").is_some() {
            continue;
        }
        let closed = json["end"] == "fin" || json["end"] == "rst";
        let expected = records_sent(&json).unwrap_or(1);
        let whole: Vec<u8> = reads.concat();
        let recorded = read(dialect, reads.iter().map(Vec::as_slice), closed, expected);
        assert_eq!(
            recorded.status.filter(|_| recorded.done).map(u64::from),
            json["status"].as_u64(),
            "{label}"
        );
        assert_eq!(recorded.left, 0, "{label}: bytes behind the answer");
        if recorded.done && !closed {
            assert_eq!(recorded.keep_alive, json["end"] == "keep-alive", "{label}");
        }
        let byte_by_byte = read(dialect, whole.chunks(1), closed, expected);
        assert_eq!(byte_by_byte, recorded, "{label}");
        // Every split of long answers would be quadratic; their inner structure repeats.
        let stride = 1 + whole.len() / 3_000;
        for at in (0..whole.len()).step_by(stride) {
            let (a, b) = whole.split_at(at);
            assert_eq!(
                read(dialect, [a, b], closed, expected),
                recorded,
                "{label} split at {at}"
            );
        }
    }
}

#[test]
fn every_recorded_produce_is_judged_as_the_recorder_did() {
    let mut judged = 0;
    for exchange in exchanges() {
        let Exchange {
            label,
            json,
            reads,
            dialect,
        } = exchange;
        let Some(expected) = records_sent(&json) else {
            continue;
        };
        let closed = json["end"] == "fin" || json["end"] == "rst";
        let saw = read(dialect, reads.iter().map(Vec::as_slice), closed, expected);
        let ledger = saw
            .verdict
            .map_or((0, 0, expected), |v| (v.acked, v.rejected, v.unknown));
        let outcome = match ledger {
            (_, 0, 0) => "stored",
            (0, _, 0) => "refused",
            (_, _, 0) => "partly-stored",
            (0, 0, _) => "unknown",
            _ => "partly-unknown",
        };
        assert_eq!(ledger.0 + ledger.1 + ledger.2, expected, "{label}");
        assert_eq!(
            outcome,
            json["outcome"].as_str().unwrap(),
            "{label}: {:?}",
            saw.verdict
        );
        judged += 1;
    }
    assert!(judged > 300, "only {judged} produce exchanges were judged");
}

#[test]
fn the_keep_alive_defect_has_a_kind_for_each_form() {
    let mut seen = std::collections::BTreeMap::new();
    for exchange in exchanges() {
        let case = exchange.json["case"].as_str().unwrap().to_owned();
        if !case.starts_with("keep-alive-bug-") || case.contains("-before-") {
            continue;
        }
        let closed = exchange.json["end"] == "fin";
        let saw = read(
            exchange.dialect,
            exchange.reads.iter().map(Vec::as_slice),
            closed,
            1,
        );
        let kind = match saw {
            Saw {
                verdict: Some(verdict),
                ..
            } => {
                assert!(verdict.give_up, "{}", exchange.label);
                assert_eq!(verdict.unknown, 1, "{}", exchange.label);
                verdict.whole.unwrap().name()
            }
            Saw {
                status: Some(_), ..
            } => FailureKind::EofInAnswer.name(),
            Saw { .. } => FailureKind::EofBeforeAnswer.name(),
        };
        let form = [
            "eof-no-answer",
            "cut-in",
            "json-then-html",
            "200-html",
            "without-json",
            "500",
        ]
        .into_iter()
        .find(|form| case.contains(form))
        .unwrap();
        seen.entry(form)
            .or_insert_with(std::collections::BTreeSet::new)
            .insert(kind);
    }
    let seen: Vec<String> = seen
        .iter()
        .map(|(form, kinds)| {
            format!(
                "{form}: {}",
                kinds.iter().copied().collect::<Vec<_>>().join(", ")
            )
        })
        .collect();
    assert_eq!(
        seen,
        [
            "200-html: unreadable_answer",
            "500: server_error_no_json",
            "cut-in: eof_in_answer",
            "eof-no-answer: eof_before_answer",
            "json-then-html: rubbish_after_answer",
            "without-json: empty_answer, rubbish_after_answer",
        ]
    );
}

#[test]
fn a_refusal_whose_entries_cannot_be_read_is_unknown() {
    for (body, ledger) in [
        (
            r#"{"offsets":[{"partition":0,"offset":7},{"partition":0,"offs"#,
            (0, 0, 2),
        ),
        (
            r#"{"offsets":[{"partition":0,"offset":7},{"error":"x","error_code":1}]}"#,
            (1, 1, 0),
        ),
        (r#"{"error_code":422,"message":"no"}"#, (0, 2, 0)),
        ("<html>no</html>", (0, 2, 0)),
    ] {
        let mut judge = Judge::new(Dialect::Karapace);
        judge.begin();
        judge.status(422);
        judge.body(body.as_bytes());
        let verdict = judge.conclude(2);
        assert_eq!(
            (verdict.acked, verdict.rejected, verdict.unknown),
            ledger,
            "{body}"
        );
        let sample = String::from_utf8_lossy(&judge.seen().sample).into_owned();
        assert_eq!(sample, body, "kept once");
    }
}

#[test]
fn a_partition_batch_that_redpanda_refuses_keeps_its_code() {
    let mut judge = Judge::new(Dialect::Redpanda);
    judge.begin();
    judge.status(200);
    judge.body(br#"{"offsets":[{"partition":0,"error_code":17,"offset":-1}]}"#);
    let verdict = judge.conclude(10);
    assert_eq!(
        (verdict.acked, verdict.rejected, verdict.unknown),
        (0, 10, 0)
    );
    let kind = verdict.whole.unwrap();
    assert_eq!(
        (kind, judge.seen().code(kind)),
        (FailureKind::RecordRejected, Some(17))
    );
    assert!(!judge.seen().describe(kind, 10).is_empty());
}

/// An integer as a server writes it. `-0` is one (RFC 8259 §6), which serde reads as a floating-point number.
fn integer(value: &Value) -> Option<i64> {
    let minus_zero = || {
        value
            .as_f64()
            .filter(|number| *number == 0.0 && number.is_sign_negative())
            .map(|_| 0)
    };
    value.as_i64().or_else(minus_zero)
}

/// The same judgement by a complete parser, for answers of status 200. Bytes that are no UTF-8 are taken for replacement
/// characters: inside a text they are no reason to disbelieve the entries, outside they are no JSON either way.
fn model(body: &[u8], expected: u32) -> (u32, u32, u32) {
    let unknown = (0, 0, expected);
    let Ok(Value::Object(root)) = serde_json::from_str::<Value>(&String::from_utf8_lossy(body))
    else {
        return unknown;
    };
    let Some(Value::Array(entries)) = root.get("offsets") else {
        return unknown;
    };
    if entries.len() != expected as usize {
        return unknown;
    }
    let (mut acked, mut rejected) = (0, 0);
    for entry in entries {
        let absent = |name: &str| entry.get(name).is_none_or(Value::is_null);
        let integer_or_absent = |name: &str| absent(name) || integer(&entry[name]).is_some();
        let text_or_absent = |name: &str| absent(name) || entry[name].is_string();
        let sound = entry.is_object()
            && ["offset", "error_code"]
                .iter()
                .all(|name| integer_or_absent(name))
            && ["error", "message"].iter().all(|name| text_or_absent(name));
        if !sound {
            continue;
        }
        let good = ["error_code", "error", "message"]
            .iter()
            .all(|name| absent(name));
        if good {
            acked += u32::from(integer(&entry["offset"]).is_some_and(|offset| offset >= -1));
        } else {
            let text = entry["error"]
                .as_str()
                .or(entry["message"].as_str())
                .unwrap_or_default();
            let code = integer(&entry["error_code"]);
            let never_sent = text.contains("not present in metadata");
            let told = never_sent || matches!(code, Some(1 | 404 | 50002 | 40101 | 40301));
            let stored = integer(&entry["offset"]).is_some_and(|offset| offset >= 0);
            rejected += u32::from(told && !stored);
        }
    }
    (acked, rejected, expected - acked - rejected)
}

fn entry() -> impl Strategy<Value = String> {
    let offset = prop_oneof![
        8 => (0i64..5_000_000).prop_map(|n| n.to_string()),
        1 => Just("null".to_owned()),
        1 => prop::sample::select(vec!["-1", "-2", "-0", "1.5", "1e3", "99999999999999999999", "true", "[]", "{\"offset\":1}", "\"7\"", "007"]).prop_map(ToOwned::to_owned),
    ];
    let code = prop_oneof![
        8 => Just("null".to_owned()),
        2 => prop::sample::select(vec!["50002", "50003", "1", "2", "404", "500", "0", "40301", "\"1\"", "{}"]).prop_map(ToOwned::to_owned),
    ];
    let text = prop_oneof![
        8 => Just("null".to_owned()),
        2 => prop::sample::select(vec![
            r#""Topic t not present in metadata after 60000 ms.""#,
            r#""Expiring 1 record(s) for t-0""#,
            r#""a \"error_code\":null,\"error\":null} in a text""#,
            r#""{\"partition\":0,\"offset\":1,\"error_code\":null,\"error\":null}""#,
            r#""\u0041\n\\ é ✓""#, r#""""#, "7", r#"["x"]"#,
        ]).prop_map(ToOwned::to_owned),
    ];
    (offset, code, text, 0u8..7, any::<bool>()).prop_map(|(offset, code, text, shape, strimzi)| match shape {
        0..=2 => format!(r#"{{"partition":0,"offset":{offset},"error_code":{code},"error":{text}}}"#),
        3 if strimzi => format!(r#"{{"partition":3,"offset":{offset}}}"#),
        3 => format!(r#"{{"offset":{offset},"partition":3}}"#),
        4 => format!(r#"{{ "message" : {text} , "error_code":{code}, "nested":{{"offset":[1,{{"error":1}}]}} }}"#),
        5 => format!(r#"{{"\u006fffset":{offset},"error_code":{code}}}"#),
        _ => offset,
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_check_agrees_with_a_complete_parser(
        entries in prop::collection::vec(entry(), 0..6), tail in 0u8..9, surplus in 0u32..8,
        mutation in prop::option::weighted(0.3, (any::<prop::sample::Index>(), prop::sample::select(b"{}[]\",:0a\\ \x01".to_vec()))),
        cut in any::<prop::sample::Index>(), three in any::<prop::sample::Index>(),
    ) {
        let list = entries.join(if tail == 5 { " ,\n" } else { "," });
        let mut body = match tail {
            0 => format!(r#"{{"offsets":[{list}]}}"#),
            1 => format!(r#"{{"key_schema_id":null,"offsets":[{list}],"value_schema_id":null}} "#),
            2 => format!(r#"{{"other":[{list}],"offsets":[{list}]}}"#),
            3 => format!(r#"{{"offsets":[{list}]}}<html>"#),
            4 => format!(r#"{{"x":{{"offsets":[]}},"offsets":[{list}],"value_schema_id":null}}"#),
            6 => format!(r#"{{"offsets":[{list}],"key_schema_id":null,"value_schema_id":null}}"#),
            7 => format!(r#"{{"x":{{"offsets":[{list}],"key_schema_id":null,"value_schema_id":null}}}}"#),
            8 => format!(r#" {{"offsets":[{list}],"key_schema_id":null,"value_schema_id":null}}]"#),
            _ => format!("{{ \"offsets\" :\t[ {list} ]}}"),
        }.into_bytes();
        if let Some((at, byte)) = mutation {
            let at = at.index(body.len());
            body[at] = byte;
        }
        // A mutated name can make a member appear twice; a complete parser keeps the last, the check refuses both.
        let expected = if surplus == 7 { 1 + entries.len() as u32 } else { (entries.len() as u32).max(1) };
        let wanted = model(&body, expected);
        let (a, b) = body.split_at(cut.index(body.len()));
        let (b, c) = b.split_at(three.index(b.len() + 1).min(b.len()));
        let mut judge = Judge::new(Dialect::Confluent);
        judge.begin();
        judge.status(200);
        for part in [a, b, c] {
            judge.body(part);
        }
        let verdict = judge.conclude(expected);
        prop_assert_eq!((verdict.acked, verdict.rejected, verdict.unknown), wanted, "{}", String::from_utf8_lossy(&body));
    }
}

#[test]
fn an_answer_given_twice_is_not_believed_if_the_server_is_known_to_move_on() {
    let mut judge = Judge::new(Dialect::Confluent);
    let mut said = |body: &str| {
        judge.begin();
        judge.status(200);
        judge.body(body.as_bytes());
        let verdict = judge.conclude(1);
        (
            verdict.acked,
            verdict.unknown,
            verdict.repeated,
            verdict.whole,
        )
    };
    let plain = |offset: u32| {
        format!(
            r#"{{"offsets":[{{"partition":3,"offset":{offset},"error_code":null,"error":null}}]}}"#
        )
    };
    let spaced =
        |offset: u32| format!(r#"{{"offsets": [ {{"offset": {offset}, "partition": 3}} ]}}"#);
    let failed = r#"{"offsets":[{"partition":null,"offset":null,"error_code":50002,"error":"x"}]}"#;
    let stale = (0, 1, false, Some(FailureKind::RepeatedAnswer));
    assert_eq!(said(&plain(7)), (1, 0, false, None));
    assert_eq!(said(&plain(7)), (1, 0, true, None), "perhaps a mock");
    assert_eq!(said(&plain(8)), (1, 0, false, None));
    assert_eq!(said(&spaced(8)), stale);
    assert_eq!(said(failed), (0, 0, false, None));
    assert_eq!(said(&plain(8)), stale, "the failed one named no place");
    assert_eq!(said(&spaced(9)), (1, 0, false, None));
    for _ in 0..2 {
        let unknown = r#"{"offsets":[{"partition":3,"offset":-1}]}"#;
        assert_eq!(said(unknown), (1, 0, false, None), "acks=0 names no place");
    }
}
