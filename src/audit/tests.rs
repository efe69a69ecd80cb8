//! A run's records, rendered as they are sent, stored well or badly, and what the audit says of it.

use super::*;
use crate::measure::{Request, ThreadClaims};
use crate::payload::{Head, Stamp, Template};
use crate::plan::{Content, KeyMode, Payload};
use crate::units::ByteSize;
use crate::wire::Format;

const BATCH: u32 = 4;
const RUN: &str = "aB3dE";
const MADE_MS: u64 = 1_790_000_000_000;

fn payload(key: KeyMode) -> Payload {
    Payload {
        format: Format::Json,
        message_size: ByteSize(20),
        content: Content::Text,
        key,
        seed: 7,
    }
}

/// Key and value of a record, as they are stored.
type Pair = (Option<Vec<u8>>, Vec<u8>);

/// The records of one request of thread 0.
fn request(payload: &Payload, number: u64) -> Vec<Pair> {
    let head = Head {
        path: String::new(),
        host: String::new(),
        headers: Vec::new(),
    };
    let mut template = Template::new(payload, BATCH, BATCH, RUN, 0, &[head]);
    let stamp = Stamp {
        request: number,
        timestamp_ms: MADE_MS + number,
    };
    let bytes = template.bytes(0, stamp, 0);
    let body = bytes.windows(4).position(|end| end == b"\r\n\r\n").unwrap() + 4;
    let body: serde_json::Value = serde_json::from_slice(&bytes[body..]).unwrap();
    let records = body["records"].as_array().unwrap().iter();
    records
        .map(|record| {
            let key = record.get("key").map(|key| key.to_string().into_bytes());
            let text = record["value"].as_object().unwrap();
            let member = |name: &str| format!("\"{name}\":{}", text[name]);
            let all = ["id", "timestamp", "system", "payload"]
                .map(member)
                .join(",");
            (key, format!("{{{all}}}").into_bytes())
        })
        .collect()
}

/// One thread with two connections, five requests on each.
fn claims() -> Claims {
    let mut thread = ThreadClaims::new(2);
    for connection in [0, 1].repeat(5) {
        thread.next_request(connection);
    }
    Claims {
        run: RUN.to_owned(),
        batch_size: BATCH,
        threads: vec![thread],
        acked_by_partition: vec![20, 20],
    }
}

/// Two partitions: connection 0's records in the first, connection 1's in the second, in order.
fn stored(payload: &Payload) -> [Vec<Pair>; 2] {
    let of = |connection: u64| {
        (0..5)
            .flat_map(|turn| request(payload, 2 * turn + connection))
            .collect()
    };
    [of(0), of(1)]
}

fn audit_of(key: KeyMode, claims: Claims, partitions: &[Vec<Pair>]) -> Findings {
    let offsets: Vec<PartitionOffsets> = partitions
        .iter()
        .map(|records| PartitionOffsets {
            before: 100,
            oldest: 0,
            after: 100 + i64::try_from(records.len()).unwrap(),
        })
        .collect();
    let recogniser = Recogniser::new(payload(key), BATCH, RUN, MADE_MS..=MADE_MS + 100);
    let mut audit = Audit::new(claims, recogniser, &offsets);
    for (partition, records) in (0..).zip(partitions) {
        for (offset, (key, value)) in (100..).zip(records) {
            assert!(audit.record(&StoredRecord {
                partition,
                offset,
                key: key.as_deref(),
                value: Some(value),
            }));
        }
    }
    assert_eq!(audit.unread(), [0_u32; 0]);
    audit.conclude()
}

const HOT: KeyMode = KeyMode::Hot {
    keys: 3,
    hot_ratio: 0.5,
};

#[test]
fn a_good_run_is_intact_with_and_without_keys() {
    for key in [
        KeyMode::None,
        KeyMode::Sequence,
        HOT,
        KeyMode::Random { keys: 5 },
    ] {
        let findings = audit_of(key, claims(), &stored(&payload(key)));
        assert_eq!(findings.outcome(), Outcome::Intact, "{findings:?}");
        assert_eq!(
            (findings.found, findings.read, findings.claimed.acked),
            (40, 40, 40)
        );
        assert_eq!(findings.violations(), [""; 0]);
    }
}

/// What is done to what is stored.
type Harm<'a> = Box<dyn Fn(&mut [Vec<Pair>; 2]) + 'a>;

#[test]
fn each_thing_that_can_go_wrong_is_found_and_named() {
    let swap_requests = |partitions: &mut [Vec<Pair>; 2]| {
        for place in 0..4 {
            partitions[0].swap(place, place + 4);
        }
    };
    let change = |from: &'static str, to: &'static str| {
        move |partitions: &mut [Vec<Pair>; 2]| {
            let text = String::from_utf8(partitions[1][7].1.clone()).unwrap();
            assert!(text.contains(from), "{text}");
            partitions[1][7].1 = text.replace(from, to).into_bytes();
        }
    };
    let cases: Vec<(&str, Harm<'_>, &str)> = vec![
        (
            "lost",
            Box::new(|partitions| drop(partitions[0].remove(5))),
            "1 record acked and lost",
        ),
        (
            "duplicated at once",
            Box::new(|partitions| {
                let record = partitions[0][5].clone();
                partitions[0].insert(6, record);
            }),
            "1 record acked and stored again",
        ),
        (
            "duplicated in another partition",
            Box::new(|partitions| {
                let record = partitions[0][5].clone();
                partitions[1].push(record);
            }),
            "1 record acked and stored again",
        ),
        (
            "swapped within a request",
            Box::new(|partitions| partitions[1].swap(8, 9)),
            "1 record out of order",
        ),
        (
            "a request behind the next",
            Box::new(swap_requests),
            "4 records out of order",
        ),
        (
            "the payload changed",
            Box::new(|partitions: &mut [Vec<Pair>; 2]| {
                let value = &mut partitions[1][7].1;
                let place = value.len() - 5;
                value[place] = if value[place] == b'x' { b'y' } else { b'x' };
            }),
            "1 record corrupted",
        ),
        (
            "the system changed",
            Box::new(change("krush", "krash")),
            "1 record corrupted",
        ),
        (
            "a field more",
            Box::new(change("}", ",\"x\":1}")),
            "1 record corrupted",
        ),
        ("cut off", Box::new(change("}", "")), "1 record corrupted"),
        (
            "a timestamp before the run",
            Box::new(change("179000000000", "178000000000")),
            "1 record corrupted",
        ),
        (
            "an id that was never given out",
            Box::new(change("\"aB3dE0000", "\"aB3dE0009")),
            "1 record acked and lost, 1 record corrupted",
        ),
        (
            "an id that is none",
            Box::new(change("\"aB3dE0000", "\"aB3dE00-0")),
            "1 record acked and lost, 1 record corrupted",
        ),
    ];
    for (name, harm, says) in cases {
        let mut partitions = stored(&payload(KeyMode::None));
        harm(&mut partitions);
        let findings = audit_of(KeyMode::None, claims(), &partitions);
        assert_eq!(findings.outcome(), Outcome::Violated, "{name}");
        assert_eq!(findings.violations().join(", "), says, "{name}");
        assert_eq!(findings.found + findings.lost.records, 40, "{name}");
        assert_eq!(findings.unread(), 0, "{name}");
    }
}

#[test]
fn a_record_in_another_partition_than_its_entry_says_is_not_lost() {
    let mut partitions = stored(&payload(KeyMode::None));
    let record = partitions[0].remove(5);
    partitions[1].push(record);
    let findings = audit_of(KeyMode::None, claims(), &partitions);
    assert_eq!(findings.outcome(), Outcome::Intact, "{findings:?}");
    assert!(findings.partitions[0].is_short() && !findings.partitions[1].is_short());
}

#[test]
fn every_changed_byte_of_a_value_is_noticed() {
    let clean = stored(&payload(HOT));
    let timestamp = clean[1][7]
        .1
        .windows(11)
        .position(|at| at == b"\"timestamp\"");
    let digits = timestamp.unwrap() + 12..timestamp.unwrap() + 25;
    for place in 0..clean[1][7].1.len() {
        let mut partitions = clean.clone();
        let byte = &mut partitions[1][7].1[place];
        *byte = if *byte == b'4' { b'5' } else { b'4' };
        let outcome = audit_of(HOT, claims(), &partitions).outcome();
        // The last digits of a timestamp may be another moment of the run.
        let told =
            outcome == Outcome::Violated || place >= digits.end - 2 && digits.contains(&place);
        assert!(
            told,
            "byte {place} of {}",
            String::from_utf8_lossy(&clean[1][7].1)
        );
    }
    let mut partitions = clean;
    partitions[1][7].0.as_mut().unwrap()[3] = b'9';
    let findings = audit_of(HOT, claims(), &partitions);
    assert_eq!(findings.violations(), ["1 record corrupted"]);
    let sample = &findings.corrupted.samples[0];
    assert!(sample.ends_with("its key is not what was sent"), "{sample}");
}

#[test]
fn order_within_a_key_is_told_from_order_within_a_partition() {
    let one = KeyMode::Random { keys: 1 };
    for (key, within) in [(KeyMode::None, 0), (KeyMode::Sequence, 0), (one, 4)] {
        let mut partitions = stored(&payload(key));
        for place in 0..4 {
            partitions[0].swap(place, place + 4);
        }
        let findings = audit_of(key, claims(), &partitions);
        assert_eq!(findings.reordered.records, 4);
        assert_eq!(findings.reordered_within_key, within, "{key:?}");
        assert_eq!(
            findings.reordered.samples[0],
            "partition 0 offset 104: aB3dE00000000 lies behind aB3dE00000023, which was sent later"
        );
    }
}

#[test]
fn what_was_not_acked_may_be_stored_or_not_and_twice() {
    let mut claims = claims();
    let failed = |number, rejected, unknown| Request {
        number,
        records: BATCH,
        rejected,
        unknown,
    };
    claims.threads[0].failed(BATCH, &failed(0, 0, BATCH), &[]);
    claims.threads[0].failed(BATCH, &failed(2, 1, 1), &[(0, true), (3, false)]);
    claims.acked_by_partition = vec![14, 20];
    let mut partitions = stored(&payload(KeyMode::None));
    // The rejected one is not there, the first unknown one is there twice, behind the rest; the second is missing.
    partitions[0].remove(4);
    let unknown = partitions[0][0].clone();
    partitions[0].push(unknown);
    partitions[0].remove(1);
    let findings = audit_of(KeyMode::None, claims.clone(), &partitions);
    assert_eq!(
        findings.outcome(),
        Outcome::Intact,
        "{:?}",
        findings.violations()
    );
    assert_eq!(
        (findings.unknown_but_stored, findings.unknown_and_missing),
        (4, 1)
    );
    assert_eq!(findings.duplicates_of_unacked.records, 1);

    let findings = audit_of(KeyMode::None, claims, &stored(&payload(KeyMode::None)));
    assert_eq!(
        findings.violations(),
        ["1 record refused and stored all the same"]
    );
}

#[test]
fn strangers_are_counted_and_nothing_else() {
    let mut partitions = stored(&payload(KeyMode::None));
    let other = String::from_utf8(partitions[0][0].1.clone()).unwrap();
    partitions[0].push((None, other.replace(RUN, "other").into_bytes()));
    partitions[1].insert(3, (None, b"{\"hello\":1}".to_vec()));
    partitions[1].insert(9, (None, vec![0xff; 5]));
    let findings = audit_of(KeyMode::None, claims(), &partitions);
    assert_eq!(findings.outcome(), Outcome::Intact);
    assert_eq!(
        (findings.of_other_runs, findings.foreign, findings.read),
        (1, 2, 43)
    );
}

#[test]
fn what_cannot_be_seen_is_neither_lost_nor_intact() {
    let records = stored(&payload(KeyMode::None));
    let offsets = |oldest, after| PartitionOffsets {
        before: 100,
        oldest,
        after,
    };
    let read = |partitions: &[PartitionOffsets], skip: usize| {
        let recogniser = Recogniser::new(payload(KeyMode::None), BATCH, RUN, MADE_MS..=MADE_MS + 9);
        let mut audit = Audit::new(claims(), recogniser, partitions);
        for (partition, records) in (0..).zip(&records) {
            for (offset, (_, value)) in (100..).zip(records).skip(skip) {
                let record = StoredRecord {
                    partition,
                    offset,
                    key: None,
                    value: Some(value),
                };
                audit.record(&record);
                // Shown again, it is passed over.
                assert!(!audit.record(&record));
            }
        }
        audit.conclude()
    };
    // Three of each partition were dropped by retention.
    let findings = read(&[offsets(103, 120), offsets(103, 120)], 3);
    assert_eq!(findings.outcome(), Outcome::Incomplete);
    assert_eq!(
        (findings.dropped, findings.not_seen, findings.lost.records),
        (6, 6, 0)
    );
    // The partitions say that more is gone than that.
    let findings = read(&[offsets(103, 119), offsets(103, 120)], 3);
    assert_eq!(findings.violations(), ["1 record acked and lost"]);
    // Offsets without a record are gaps, and what they should have held is lost.
    let findings = read(&[offsets(0, 120), offsets(0, 120)], 3);
    assert_eq!(findings.partitions[0].gaps, 3);
    assert_eq!(findings.violations(), ["6 records acked and lost"]);
}

#[test]
fn memory_is_a_bit_a_record_whatever_the_order() {
    let batch = 1_000;
    let mut thread = ThreadClaims::new(8);
    for connection in (0..8).cycle().take(1_000) {
        thread.next_request(connection);
    }
    // A million records, each 24th of them by turns, as from 24 partitions read one after the other.
    let mut seen = RoaringTreemap::new();
    for partition in 0..24 {
        for number in (partition..1_000_000).step_by(24) {
            seen.insert(number);
        }
    }
    assert!(
        seen.serialized_size() < 140_000,
        "{}",
        seen.serialized_size()
    );
    let acked = thread.acked_numbers(batch);
    assert_eq!(acked.len(), 1_000_000);
    assert!((acked - seen).is_empty());
}

/// The size of this process's resident set in bytes.
#[cfg(target_os = "linux")]
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let kib = line.unwrap().split_whitespace().nth(1).unwrap();
    kib.parse::<u64>().unwrap() * 1024
}

/// Takes a minute in a release build: `cargo test --release --lib a_hundred_million -- --ignored --nocapture`.
#[cfg(target_os = "linux")]
#[test]
#[ignore = "minutes; run by hand when the audit's memory is touched"]
fn a_hundred_million_records_take_little_memory() {
    const BIG: u32 = 1_000;
    const REQUESTS: u64 = 100_000;
    let payload = payload(KeyMode::None);
    let mut thread = ThreadClaims::new(500);
    for connection in (0..500).cycle().take(REQUESTS as usize) {
        thread.next_request(connection);
    }
    let claims = Claims {
        run: RUN.to_owned(),
        batch_size: BIG,
        threads: vec![thread],
        acked_by_partition: Vec::new(),
    };
    // Records of a request are dealt to 24 partitions; those are read one after the other, as badly as can be for what is kept.
    let mut template = {
        let head = Head {
            path: String::new(),
            host: String::new(),
            headers: Vec::new(),
        };
        Template::new(&payload, BIG, BIG, RUN, 0, &[head])
    };
    let each = u64::from(BIG) * REQUESTS / 24 + u64::from(BIG);
    let offsets = [PartitionOffsets {
        before: 0,
        oldest: 0,
        after: i64::try_from(each * 2).unwrap(),
    }; 24];
    let before = resident();
    let recogniser = Recogniser::new(payload, BIG, RUN, MADE_MS..=MADE_MS + REQUESTS);
    let mut audit = Audit::new(claims, recogniser, &offsets);
    let mut next = [0_i64; 24];
    for partition in 0..24_u32 {
        for number in 0..REQUESTS {
            let stamp = Stamp {
                request: number,
                timestamp_ms: MADE_MS + number,
            };
            let bytes = template.bytes(0, stamp, 0);
            let values = memchr::memmem::find_iter(bytes, b"\"value\":").map(|at| at + 8);
            for (at, index) in values.zip(0..BIG) {
                if (index + number as u32) % 24 != partition {
                    continue;
                }
                let end = at + memchr::memchr(b'}', &bytes[at..]).unwrap() + 1;
                let offset = &mut next[partition as usize];
                audit.record(&StoredRecord {
                    partition,
                    offset: *offset,
                    key: None,
                    value: Some(&bytes[at..end]),
                });
                *offset += 1;
            }
        }
    }
    let grown = resident() - before;
    let findings = audit.conclude();
    let most = resident() - before;
    assert_eq!(findings.found, u64::from(BIG) * REQUESTS);
    assert_eq!(findings.violations(), [""; 0]);
    println!(
        "{} MB while reading, {} MB at the end",
        grown >> 20,
        most >> 20
    );
    assert!(grown < 64 << 20, "{grown}");
}
