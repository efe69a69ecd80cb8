//! Every rendered request is valid JSON of the announced length, and every record in it is unique.

use std::collections::HashSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;

use super::*;
use crate::plan::Content;
use crate::units::ByteSize;
use crate::wire::Format;

const ALL_KEY_MODES: [KeyMode; 4] = [
    KeyMode::None,
    KeyMode::Sequence,
    KeyMode::Random { keys: 10 },
    KeyMode::Hot {
        keys: 10,
        hot_ratio: 0.5,
    },
];

fn payload(format: Format, size: u64, content: Content, key: KeyMode) -> Payload {
    Payload {
        format,
        message_size: ByteSize(size),
        content,
        key,
        seed: 7,
    }
}

fn heads() -> [Head; 2] {
    let head = |host: &str| Head {
        path: "/topics/t".into(),
        host: host.into(),
        headers: Vec::new(),
    };
    [head("a:1"), head("longer-name:8082")]
}

/// Splits a request into its records' values, keys as text, checking head and JSON on the way.
fn records(bytes: &[u8], format: Format) -> Vec<(Option<String>, serde_json::Value)> {
    let text = std::str::from_utf8(bytes).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    assert!(
        head.contains(&format!("Content-Length: {}", body.len())),
        "{head}"
    );
    let json: serde_json::Value = serde_json::from_str(body).unwrap();
    let decode = |v: &serde_json::Value| STANDARD.decode(v.as_str().unwrap()).unwrap();
    json["records"]
        .as_array()
        .unwrap()
        .iter()
        .map(|record| match format {
            Format::Json => (
                record["key"].as_str().map(ToOwned::to_owned),
                record["value"].clone(),
            ),
            Format::Binary => (
                record
                    .get("key")
                    .map(|key| String::from_utf8(decode(key)).unwrap()),
                serde_json::from_slice(&decode(&record["value"])).unwrap(),
            ),
        })
        .collect()
}

#[test]
fn every_format_key_mode_and_size_is_a_valid_request() {
    for format in [Format::Json, Format::Binary] {
        for key in ALL_KEY_MODES {
            for (size, content) in [
                (0, Content::Text),
                (1, Content::Base64),
                (107, Content::Text),
                (65_536, Content::Base64),
            ] {
                for batch in [1, 2, 10, 12] {
                    let payload = payload(format, size, content, key);
                    let mut template = Template::new(&payload, batch, batch, "run1x", 3, &heads());
                    let stamp = Stamp {
                        request: 42,
                        timestamp_ms: 1_790_000_000_123,
                    };
                    let bytes = template.bytes(1, stamp, 0).to_vec();
                    assert_eq!(bytes.len(), template.request_len(1));
                    let records = records(&bytes, format);
                    assert_eq!(records.len(), batch as usize);
                    for (index, (record_key, value)) in records.iter().enumerate() {
                        let id = if batch == 1 {
                            "run1x300000g".to_owned()
                        } else {
                            format!("run1x300000g{}", &"0123456789AB"[index..=index])
                        };
                        assert_eq!(value["id"], id);
                        assert_eq!(value["timestamp"], 1_790_000_000_123_u64);
                        assert_eq!(value["system"], "krush");
                        assert_eq!(record_key.is_some(), key != KeyMode::None);
                        let text = value["payload"].as_str().unwrap();
                        let expected = if content == Content::Base64 {
                            size.div_ceil(3) * 4
                        } else {
                            size
                        };
                        assert_eq!(text.len() as u64, expected);
                    }
                }
            }
        }
    }
}

#[test]
fn payload_text_differs_from_record_to_record() {
    let mut template = Template::new(
        &payload(Format::Json, 50, Content::Text, KeyMode::None),
        100,
        100,
        "r",
        0,
        &heads(),
    );
    let bytes = template
        .bytes(
            0,
            Stamp {
                request: 0,
                timestamp_ms: 1_790_000_000_000,
            },
            0,
        )
        .to_vec();
    let texts: HashSet<_> = records(&bytes, Format::Json)
        .into_iter()
        .map(|(_, v)| v["payload"].to_string())
        .collect();
    assert_eq!(texts.len(), 100);
}

#[test]
fn key_modes_do_what_they_say() {
    let numbers = |mode| {
        let key = slots::Key {
            slot: slots::Slot::default(),
            mode,
            seed: 1,
            worker: 2,
            batch_size: 1,
        };
        (0..10_000).map(|n| key.number(n)).collect::<Vec<_>>()
    };
    assert_eq!(numbers(KeyMode::Sequence)[7], 20_000_000_000_007);
    let random = numbers(KeyMode::Random { keys: 16 });
    for key in 0..16 {
        let share = random.iter().filter(|&&k| k == key).count();
        assert!((400..850).contains(&share), "key {key}: {share} of 10,000");
    }
    let hot = numbers(KeyMode::Hot {
        keys: 16,
        hot_ratio: 0.8,
    });
    let share = hot.iter().filter(|&&k| k == 0).count();
    assert!((7_700..8_300).contains(&share), "{share}");
    assert!(hot.iter().all(|&k| k < 16));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// A request that stopped half-way and went on after others used the template has the same bytes as one written at once.
    #[test]
    fn a_request_resumed_anywhere_has_the_same_bytes(
        cuts in prop::collection::vec(0usize..2_000, 1..6), batch in 1u32..9, binary: bool, keyed: bool, size in 0u64..90,
    ) {
        let format = if binary { Format::Binary } else { Format::Json };
        let key = if keyed { KeyMode::Random { keys: 1_000 } } else { KeyMode::None };
        let payload = payload(format, size, Content::Text, key);
        let fresh = || Template::new(&payload, batch, batch, "run1x", 0, &heads());
        let stamp = Stamp { request: 99_999_999_999, timestamp_ms: 1_790_000_000_000 };
        let whole = fresh().bytes(1, stamp, 0).to_vec();
        let mut template = fresh();
        let mut at = 0;
        let mut resumed = Vec::new();
        for (n, cut) in (0u64..).zip(&cuts) {
            let rest = template.bytes(1, stamp, at);
            let take = (*cut).min(rest.len());
            resumed.extend_from_slice(&rest[..take]);
            at += take;
            // Others in between: one of another moment, and one of the same of which only the rest is wanted.
            let within = template.request_len(0).min(2_000 - cut);
            template.bytes(0, Stamp { request: n, timestamp_ms: 5 }, 0);
            template.bytes(0, Stamp { request: n, ..stamp }, within);
        }
        resumed.extend_from_slice(template.bytes(1, stamp, at));
        prop_assert_eq!(resumed, whole);
    }
}

#[test]
fn a_partial_batch_has_the_ids_of_a_full_one() {
    let payload = payload(Format::Json, 5, Content::Text, KeyMode::None);
    let mut template = Template::new(&payload, 3, 1_000, "run1x", 0, &heads());
    let bytes = template
        .bytes(
            0,
            Stamp {
                request: 0,
                timestamp_ms: 1_790_000_000_000,
            },
            0,
        )
        .to_vec();
    assert_eq!(records(&bytes, Format::Json)[2].1["id"], "run1x000000002");
}

#[test]
fn the_plan_knows_sizes_before_anything_is_rendered() {
    for format in [Format::Json, Format::Binary] {
        for key in ALL_KEY_MODES {
            for batch in [1, 10, 11, 1_000] {
                for content in [Content::Text, Content::Base64] {
                    let payload = payload(format, 301, content, key);
                    let template = Template::new(&payload, batch, batch, "run1x", 0, &heads());
                    let keys = if key == KeyMode::None { 0 } else { 15 };
                    let value = template.payload_bytes() / u64::from(batch) - keys;
                    let planned = crate::plan::value_bytes(&payload, batch);
                    let slack = if format == Format::Binary { 4 } else { 0 };
                    assert!(
                        (planned..=planned + slack).contains(&value),
                        "{value} {planned} {format:?}"
                    );
                    let body = (template.bytes.len() - template.body_start) as u64;
                    let bound = crate::plan::request_body_bytes(&payload, batch);
                    assert!(body <= bound, "{body} {bound}");
                }
            }
        }
    }
}

/// What a socket gets is the same whether fixed bytes come from the file or not, wherever the socket was full.
#[cfg(target_os = "linux")]
#[test]
fn pieces_are_the_request() {
    use std::io::{Read, Write};
    use std::os::unix::net::UnixStream;
    for (format, key) in [
        (Format::Json, KeyMode::None),
        (Format::Json, KeyMode::Sequence),
        (Format::Binary, KeyMode::Sequence),
    ] {
        for (size, taken_at_once) in [(65_536, 50_000), (65_536, 49), (100, 13)] {
            let payload = payload(format, size, Content::Text, key);
            let mut template = Template::new(&payload, 3, 3, "run1x", 3, &heads());
            template.keep_fixed_bytes();
            let stamp = Stamp {
                request: 42,
                timestamp_ms: 1_790_000_000_123,
            };
            let whole = template.bytes(1, stamp, 0).to_vec();
            let (mut socket, mut peer) = UnixStream::pair().unwrap();
            let (mut seen, mut from_file) = (Vec::new(), 0);
            while seen.len() < whole.len() {
                // Another connection's request in between takes the slots for itself.
                template.bytes(0, Stamp::default(), 0);
                let sent = match template.piece(1, stamp, seen.len()) {
                    Piece::Bytes { bytes, .. } => {
                        let some = bytes.len().min(taken_at_once);
                        socket.write(&bytes[..some]).unwrap()
                    }
                    Piece::Fixed {
                        file,
                        offset,
                        length,
                    } => {
                        let sent = file.send(&socket, offset, length.min(taken_at_once));
                        from_file += *sent.as_ref().unwrap();
                        sent.unwrap()
                    }
                };
                let at = seen.len();
                seen.resize(at + sent, 0);
                peer.read_exact(&mut seen[at..]).unwrap();
            }
            assert!(seen == whole, "{format:?} {key:?} {size}");
            assert_eq!(from_file > 190_000, size == 65_536, "{from_file}");
        }
    }
}
