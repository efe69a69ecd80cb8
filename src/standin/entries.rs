//! Renders what became of each record as each dialect's entries.

use std::collections::BTreeMap;
use std::ops::Range;

use super::answer::{Answer, JSON_V2, push_json_string, push_number};
use super::backend::Entry;
use super::body::RawRecord;
use super::counts::Told;
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
    let mut out = Vec::with_capacity(96 * entries.len() + 64);
    let mut line = Line::default();
    list(
        &mut out,
        b"{\"offsets\":[",
        entries,
        |out, entry| match entry {
            Entry::Stored { partition, offset } => {
                out.extend_from_slice(line.of(*partition, *offset));
            }
            Entry::Failed { code, message } => {
                push(
                    out,
                    "{\"partition\":null,\"offset\":null,\"error_code\":",
                    *code,
                );
                out.extend_from_slice(b",\"error\":");
                push_json_string(out, message);
                out.push(b'}');
            }
        },
    );
    out.extend_from_slice(b"],\"key_schema_id\":null,\"value_schema_id\":null}");
    let mut answer = Answer::ok(out);
    answer.status = auth_status(entries);
    answer
}

/// The text of a stored record's entry. Most follow the one before it: then only digits change.
#[derive(Default)]
struct Line {
    text: Vec<u8>,
    place: Option<(i32, i64)>,
    digits: Range<usize>,
}

impl Line {
    fn of(&mut self, partition: i32, offset: i64) -> &[u8] {
        let follows = offset > 0 && self.place == Some((partition, offset - 1));
        if !(follows && self.count_up()) {
            self.text.clear();
            push(&mut self.text, "{\"partition\":", partition);
            self.text.extend_from_slice(b",\"offset\":");
            let start = self.text.len();
            push_number(&mut self.text, offset);
            self.digits = start..self.text.len();
            (self.text).extend_from_slice(b",\"error_code\":null,\"error\":null}");
        }
        self.place = Some((partition, offset));
        &self.text
    }

    /// Adds one to the digits, unless that takes one digit more.
    fn count_up(&mut self) -> bool {
        for digit in self.text[self.digits.clone()].iter_mut().rev() {
            if *digit < b'9' {
                *digit += 1;
                return true;
            }
            *digit = b'0';
        }
        false
    }
}

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
pub(crate) fn hide_falsy_offsets(records: &[RawRecord<'_>], entries: &mut [Entry]) {
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
        let upwards = (0..=112).map(|offset| (1, offset));
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
        let mut line = Line::default();
        for (partition, offset) in upwards.chain(jumps).chain(ends) {
            let wanted = format!(
                "{{\"partition\":{partition},\"offset\":{offset},\"error_code\":null,\"error\":null}}"
            );
            assert_eq!(
                str::from_utf8(line.of(partition, offset)),
                Ok(wanted.as_str())
            );
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
