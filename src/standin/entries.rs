//! Renders what became of each record as each dialect's entries.

use std::collections::BTreeMap;

use super::answer::{Answer, JSON_V2, push_json_string, push_number};
use super::backend::{Entry, Placed};
use super::counts::Told;
use super::records::Records;
use crate::wire::{Dialect, code};

/// The answer to a produce request.
pub(crate) fn render(dialect: Dialect, entries: &[Entry]) -> Answer {
    let answer = match dialect {
        Dialect::Confluent => confluent(entries),
        Dialect::Strimzi => strimzi(entries),
        Dialect::Karapace => karapace(entries),
        Dialect::Redpanda => redpanda(entries),
    };
    match told(dialect, entries) {
        Some(told) => answer.telling(told),
        None => answer,
    }
}

/// What the entries say of each record; `None` if they cannot be given to records.
fn told(dialect: Dialect, entries: &[Entry]) -> Option<Told> {
    let mut told = Told::default();
    for entry in entries {
        match entry {
            Entry::Stored { .. } => told.stored += 1,
            Entry::Failed { code, message } => told.fail(spoken(dialect, *code, message)),
        }
    }
    if dialect == Dialect::Redpanda && !told.failed.is_empty() {
        // One failed entry stands for all failed batches, and says nothing of which records those were.
        let (first, _) = told.failed[0];
        told.failed = vec![(first, entries.len() as u64)];
        return (told.stored == 0).then_some(told);
    }
    Some(told)
}

/// The `error_code` that stands in an entry for this failure.
fn spoken(dialect: Dialect, failure: i64, message: &str) -> i64 {
    match (dialect, failure) {
        (Dialect::Strimzi, code::KAFKA_RETRIABLE)
            if message.contains("not present in metadata") =>
        {
            404
        }
        (Dialect::Strimzi, code::KAFKA_RETRIABLE | code::KAFKA) => 500,
        (Dialect::Karapace, code::KAFKA) => 1,
        (Dialect::Karapace, code::KAFKA_RETRIABLE) => 2,
        (Dialect::Redpanda, code::KAFKA) if message.contains("larger than") => 10,
        (Dialect::Redpanda, code::KAFKA) => 17,
        (Dialect::Redpanda, code::KAFKA_RETRIABLE) => 3,
        (_, code) => code,
    }
}

fn confluent(entries: &[Entry]) -> Answer {
    let mut out = offsets(entries.len());
    let mut stored: Option<Placed> = None;
    for entry in entries {
        match entry {
            Entry::Stored { partition, offset } => {
                let follows = stored.as_mut().filter(|run| {
                    run.partition == *partition
                        && run.offset.checked_add(i64::from(run.count)) == Some(*offset)
                });
                if let Some(run) = follows {
                    run.count += 1;
                } else {
                    let next = Placed {
                        partition: *partition,
                        offset: *offset,
                        count: 1,
                    };
                    push_run(&mut out, stored.replace(next));
                }
            }
            Entry::Failed { code, message } => {
                push_run(&mut out, stored.take());
                push(
                    &mut out,
                    "{\"partition\":null,\"offset\":null,\"error_code\":",
                    *code,
                );
                out.extend_from_slice(b",\"error\":");
                push_json_string(&mut out, message);
                out.extend_from_slice(b"},");
            }
        }
    }
    push_run(&mut out, stored);
    let mut answer = closed(out);
    answer.status = auth_status(entries);
    answer
}

/// What stands before Confluent's entries, and room for so many.
fn offsets(entries: usize) -> Vec<u8> {
    const USUAL_ENTRY: usize = 80;
    let mut out = Vec::with_capacity(USUAL_ENTRY * entries + 96);
    out.extend_from_slice(b"{\"offsets\":[");
    out
}

/// What stands behind them.
fn closed(mut out: Vec<u8>) -> Answer {
    if out.last() == Some(&b',') {
        out.pop();
    }
    out.extend_from_slice(b"],\"key_schema_id\":null,\"value_schema_id\":null}");
    Answer::ok(out)
}

/// The answer to a produce request of which all records were stored.
pub(crate) fn placed(dialect: Dialect, runs: &[Placed]) -> Answer {
    if dialect != Dialect::Confluent {
        return render(dialect, &one_by_one(runs));
    }
    let records = runs.iter().map(|run| u64::from(run.count)).sum();
    let mut out = offsets(records as usize);
    for run in runs {
        push_run(&mut out, Some(*run));
    }
    closed(out).telling(Told {
        stored: records,
        failed: Vec::new(),
    })
}

fn one_by_one(runs: &[Placed]) -> Vec<Entry> {
    let entries = runs.iter().flat_map(|run| {
        (0..i64::from(run.count)).map(|index| Entry::Stored {
            partition: run.partition,
            offset: run.offset + index,
        })
    });
    entries.collect()
}

/// Appends the entries of records that were stored one behind the other, each with a comma behind it: one is written for
/// all that differ from it in the last digits only, which are put into copies of it.
fn push_run(out: &mut Vec<u8>, run: Option<Placed>) {
    const SAME: i64 = 1_000;
    let Some(Placed {
        partition,
        mut offset,
        count,
    }) = run
    else {
        return;
    };
    let mut left = i64::from(count);
    while left > 0 {
        let same = if offset < SAME {
            1
        } else {
            left.min(SAME - offset % SAME)
        };
        let start = out.len();
        push(out, "{\"partition\":", partition);
        push(out, ",\"offset\":", offset);
        let digits = out.len() - start;
        out.extend_from_slice(b",\"error_code\":null,\"error\":null},");
        let stride = out.len() - start;
        let end = start + stride * same as usize;
        while out.len() < end {
            let more = (out.len() - start).min(end - out.len());
            out.extend_from_within(start..start + more);
        }
        if same > 1 {
            let last = (offset % SAME) as usize..;
            for (entry, digits_of) in out[start..]
                .chunks_exact_mut(stride)
                .zip(&LAST_DIGITS[last])
            {
                entry[digits - 3..digits].copy_from_slice(digits_of);
            }
        }
        left -= same;
        // Behind the greatest there is no other.
        offset = offset.wrapping_add(same);
    }
}

/// 000 to 999.
static LAST_DIGITS: [[u8; 3]; 1_000] = {
    let mut all = [[0; 3]; 1_000];
    let mut number = 0;
    while number < all.len() {
        all[number] = [
            b'0' + (number / 100) as u8,
            b'0' + (number / 10 % 10) as u8,
            b'0' + (number % 10) as u8,
        ];
        number += 1;
    }
    all
};

/// 401 or 403 if a record failed for that reason, else 200.
fn auth_status(entries: &[Entry]) -> u16 {
    let codes = entries.iter().filter_map(|entry| match entry {
        Entry::Failed { code, .. } => Some(*code),
        Entry::Stored { .. } => None,
    });
    codes.fold(200, |status, code| match code {
        code::KAFKA_AUTHENTICATION => 401,
        code::KAFKA_AUTHORIZATION if status == 200 => 403,
        _ => status,
    })
}

fn strimzi(entries: &[Entry]) -> Answer {
    let mut out = Vec::with_capacity(48 * entries.len() + 16);
    list(
        &mut out,
        b"{\"offsets\":[",
        entries,
        |out, entry| match entry {
            Entry::Stored { partition, offset } => {
                push(out, "{\"partition\":", *partition);
                push(out, ",\"offset\":", *offset);
                out.push(b'}');
            }
            Entry::Failed { code, message } => {
                let code = spoken(Dialect::Strimzi, *code, message);
                push(out, "{\"error_code\":", code);
                out.extend_from_slice(b",\"message\":");
                push_json_string(out, message);
                out.push(b'}');
            }
        },
    );
    out.extend_from_slice(b"]}");
    Answer::ok(out)
}

fn karapace(entries: &[Entry]) -> Answer {
    let mut out = Vec::with_capacity(48 * entries.len() + 64);
    let start = b"{\"key_schema_id\":null,\"offsets\":[";
    list(&mut out, start, entries, |out, entry| match entry {
        Entry::Stored { partition, offset } => {
            push(out, "{\"offset\":", *offset);
            push(out, ",\"partition\":", *partition);
            out.push(b'}');
        }
        Entry::Failed { code, message } => {
            out.extend_from_slice(b"{\"error\":");
            push_json_string(out, message);
            let code = spoken(Dialect::Karapace, *code, message);
            push(out, ",\"error_code\":", code);
            out.push(b'}');
        }
    });
    out.extend_from_slice(b"],\"value_schema_id\":null}");
    let failed = entries
        .iter()
        .any(|entry| matches!(entry, Entry::Failed { .. }));
    Answer::new(if failed { 422 } else { 200 }, Some(JSON_V2), out)
}

/// One entry a partition with its base offset; a failed one carries a Kafka protocol code.
fn redpanda(entries: &[Entry]) -> Answer {
    let mut bases: BTreeMap<i32, i64> = BTreeMap::new();
    let mut failed = None;
    for entry in entries {
        match entry {
            Entry::Stored { partition, offset } => {
                let base = bases.entry(*partition).or_insert(*offset);
                *base = (*base).min(*offset);
            }
            Entry::Failed { code, message } => {
                failed = failed.or(Some(spoken(Dialect::Redpanda, *code, message)));
            }
        }
    }
    let mut out = Vec::with_capacity(48 * bases.len() + 64);
    let batches: Vec<(i32, i64)> = bases.into_iter().collect();
    list(
        &mut out,
        b"{\"offsets\":[",
        &batches,
        |out, (partition, offset)| {
            push(out, "{\"partition\":", *partition);
            push(out, ",\"offset\":", *offset);
            out.push(b'}');
        },
    );
    if let Some(code) = failed {
        if !batches.is_empty() {
            out.push(b',');
        }
        push(&mut out, "{\"partition\":0,\"error_code\":", code);
        out.extend_from_slice(b",\"offset\":-1}");
    }
    out.extend_from_slice(b"]}");
    Answer::ok(out)
}

/// Karapace answers offset -1 for values Python takes for false, although it stores them.
pub(crate) fn hide_falsy_offsets(records: &Records<'_>, entries: &mut [Entry]) {
    for (record, entry) in records.iter().zip(entries) {
        let falsy = record.value.is_none_or(|value| {
            matches!(
                value.text,
                b"null" | b"0" | b"false" | b"\"\"" | b"{}" | b"[]"
            )
        });
        if let Entry::Stored { offset, .. } = entry
            && falsy
        {
            *offset = -1;
        }
    }
}

/// Appends copies of the last entry, or takes entries away.
pub(crate) fn add(entries: &mut Vec<Entry>, extra: i32) {
    if extra < 0 {
        let fewer = entries.len().saturating_sub(extra.unsigned_abs() as usize);
        entries.truncate(fewer);
    } else if let Some(last) = entries.last().cloned() {
        entries.extend(std::iter::repeat_n(last, extra as usize));
    }
}

fn list<T>(out: &mut Vec<u8>, start: &[u8], items: &[T], mut item: impl FnMut(&mut Vec<u8>, &T)) {
    out.extend_from_slice(start);
    for (index, one) in items.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        item(out, one);
    }
}

/// Appends a label and a decimal number.
#[inline]
fn push(out: &mut Vec<u8>, label: &str, number: impl itoa::Integer) {
    out.extend_from_slice(label.as_bytes());
    push_number(out, number);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(dialect: Dialect, entries: &[Entry]) -> (u16, String) {
        let answer = render(dialect, entries);
        (answer.status, String::from_utf8(answer.body).unwrap())
    }

    #[test]
    fn each_dialect_has_its_entries() {
        let entries = [
            Entry::Stored {
                partition: 1,
                offset: i64::MAX,
            },
            Entry::Failed {
                code: code::KAFKA_RETRIABLE,
                message: "a \"b\"".to_owned(),
            },
            Entry::Stored {
                partition: 1,
                offset: 7,
            },
        ];
        for (dialect, status, body) in [
            (
                Dialect::Confluent,
                200,
                r#"{"offsets":[{"partition":1,"offset":9223372036854775807,"error_code":null,"error":null},{"partition":null,"offset":null,"error_code":50003,"error":"a \"b\""},{"partition":1,"offset":7,"error_code":null,"error":null}],"key_schema_id":null,"value_schema_id":null}"#,
            ),
            (
                Dialect::Strimzi,
                200,
                r#"{"offsets":[{"partition":1,"offset":9223372036854775807},{"error_code":500,"message":"a \"b\""},{"partition":1,"offset":7}]}"#,
            ),
            (
                Dialect::Karapace,
                422,
                r#"{"key_schema_id":null,"offsets":[{"offset":9223372036854775807,"partition":1},{"error":"a \"b\"","error_code":2},{"offset":7,"partition":1}],"value_schema_id":null}"#,
            ),
            (
                Dialect::Redpanda,
                200,
                r#"{"offsets":[{"partition":1,"offset":7},{"partition":0,"error_code":3,"offset":-1}]}"#,
            ),
        ] {
            assert_eq!(text(dialect, &entries), (status, body.to_owned()));
        }
    }

    #[test]
    fn an_entry_is_the_same_whatever_the_one_before_it() {
        let upwards = (0..=2_112).map(|offset| (1, offset));
        let jumps = [
            (1, 100),
            (2, 101),
            (2, 102),
            (2, 102),
            (2, 7),
            (2, 8),
            (1, 9),
            (1, -1),
            (1, 0),
        ];
        let ends = [
            (1, 1),
            (0, i64::MAX - 1),
            (0, i64::MAX),
            (0, i64::MAX),
            (-1, i64::MIN),
        ];
        let places: Vec<(i32, i64)> = upwards.chain(jumps).chain(ends).collect();
        let entries = places
            .iter()
            .map(|&(partition, offset)| Entry::Stored { partition, offset });
        let wanted = places.iter().map(|(partition, offset)| {
            format!("{{\"partition\":{partition},\"offset\":{offset},\"error_code\":null,\"error\":null}}")
        });
        let wanted: Vec<String> = wanted.collect();
        let (_, found) = text(Dialect::Confluent, &entries.collect::<Vec<_>>());
        let wanted = wanted.join(",");
        let wanted =
            format!("{{\"offsets\":[{wanted}],\"key_schema_id\":null,\"value_schema_id\":null}}");
        assert_eq!(found, wanted);
    }

    #[test]
    fn runs_are_answered_as_their_entries_are() {
        let run = |partition, offset, count| Placed {
            partition,
            offset,
            count,
        };
        let runs = [
            run(3, 990, 2_020),
            run(0, 0, 1),
            run(3, 3_010, 5),
            run(1, i64::MAX - 2, 2),
        ];
        for dialect in Dialect::ALL {
            let whole = placed(dialect, &runs);
            let single = render(dialect, &one_by_one(&runs));
            assert_eq!(whole.body, single.body, "{dialect:?}");
            assert_eq!(whole.told, single.told);
        }
    }

    #[test]
    fn authentication_and_authorization_set_the_status() {
        let failed = |code| Entry::Failed {
            code,
            message: String::new(),
        };
        let status = |codes: &[i64]| {
            let entries: Vec<Entry> = codes.iter().map(|code| failed(*code)).collect();
            text(Dialect::Confluent, &entries).0
        };
        assert_eq!(status(&[code::KAFKA]), 200);
        assert_eq!(status(&[code::KAFKA, code::KAFKA_AUTHORIZATION]), 403);
        assert_eq!(
            status(&[code::KAFKA_AUTHORIZATION, code::KAFKA_AUTHENTICATION]),
            401
        );
    }
}
