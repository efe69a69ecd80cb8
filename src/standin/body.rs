//! Reads a v2 produce body into slices; what is wrong with it is left to the dialect to judge.

use super::json::{Malformed, Raw, Scanner};
use super::records::{RawRecord, Records, Run};
use super::shape::Shape;

/// A produce body as far as it could be read.
#[derive(Debug, Default)]
pub(crate) struct Body<'a> {
    /// Absent if there is no `records` array.
    pub(crate) records: Option<Records<'a>>,
    /// There is no white space between the tokens of the records.
    pub(crate) compact: bool,
    /// A schema or schema id for values was given.
    pub(crate) value_schema: bool,
    /// First field that is none of `key`, `value`, `partition` and the schema fields.
    pub(crate) unknown: Option<String>,
    /// Of the unknown fields, the first that Strimzi does not know either.
    pub(crate) unknown_to_strimzi: Option<String>,
    /// Nothing but white space, or `null`.
    pub(crate) absent: bool,
    /// Why the reading ended, if it did before the end.
    pub(crate) malformed: Option<String>,
    /// JSON, but not of the right type somewhere; the text says what.
    pub(crate) mistyped: Option<String>,
}

impl Body<'_> {
    /// Whether there is no record in it.
    pub(crate) fn is_empty(&self) -> bool {
        self.records
            .as_ref()
            .is_none_or(|records| records.len() == 0)
    }
}

/// Reads a body of any dialect.
pub(crate) fn read(bytes: &[u8]) -> Body<'_> {
    let mut scanner = Scanner::new(bytes);
    let mut body = Body::default();
    if scanner.peek().is_none() {
        body.absent = true;
    } else if read_top(&mut scanner, &mut body).and_then(|()| scanner.end()) == Err(Malformed) {
        body.malformed = Some(scanner.why());
    }
    if scanner.is_utf8() {
        return body;
    }
    // Nothing of it was read then.
    let first = bytes.first().copied().unwrap_or_default();
    let malformed = match first {
        0..0x20 => format!(
            "Illegal character ((CTRL-CHAR, code {first})): only regular white space (\\r, \\n, \\t) is allowed between tokens"
        ),
        _ => "Invalid UTF-8 byte".to_owned(),
    };
    Body {
        malformed: Some(malformed),
        ..Body::default()
    }
}

/// How many records a body holds, as far as it could be read.
pub(crate) fn records(bytes: &[u8]) -> usize {
    read(bytes).records.map_or(0, |records| records.len())
}

fn read_top<'a>(scanner: &mut Scanner<'a>, body: &mut Body<'a>) -> Result<(), Malformed> {
    if scanner.peek() != Some(b'{') {
        let value = scanner.value()?;
        body.absent = value.is_null();
        if !body.absent {
            body.mistyped = Some(mistyped("ProduceRequest", value));
        }
        return Ok(());
    }
    scanner.object(|scanner, name| match name.text {
        b"\"records\"" if scanner.peek() == Some(b'[') => {
            let mut records = Records::of(scanner.bytes(), likely_runs(scanner.left()));
            let spaces = scanner.spaces();
            let mut shape = Shape::default();
            scanner.array(|scanner| {
                let run = if let Some(run) = shape.repeats(scanner) {
                    run
                } else {
                    let mut record = RawRecord::default();
                    let (start, spaces) = (scanner.start(), scanner.spaces());
                    read_record(scanner, &mut record, body)?;
                    shape.learn(scanner.since(start), &record, scanner.spaces() - spaces);
                    Run::of_one(record)
                };
                records.push(run);
                Ok(())
            })?;
            body.compact = scanner.spaces() == spaces;
            body.records = Some(records);
            Ok(())
        }
        b"\"records\"" => {
            let value = scanner.value()?;
            if !value.is_null() {
                note(&mut body.mistyped, || mistyped("ArrayList", value));
            }
            Ok(())
        }
        b"\"value_schema\"" | b"\"value_schema_id\"" => {
            body.value_schema |= !scanner.value()?.is_null();
            Ok(())
        }
        b"\"key_schema\"" | b"\"key_schema_id\"" => scanner.value().map(|_| ()),
        _ => unknown(scanner, body, name, false),
    })
}

/// Room for so many runs of records at first: more are made room for when they come.
fn likely_runs(bytes: usize) -> usize {
    const SMALL_RECORD: usize = 128;
    const MOST: usize = 16;
    (bytes / SMALL_RECORD).clamp(1, MOST)
}

fn read_record<'a>(
    scanner: &mut Scanner<'a>,
    record: &mut RawRecord<'a>,
    body: &mut Body<'a>,
) -> Result<(), Malformed> {
    if scanner.peek() != Some(b'{') {
        let value = scanner.value()?;
        note(&mut body.mistyped, || mistyped("ProduceRecord", value));
        return Ok(());
    }
    scanner.object(|scanner, name| {
        match name.text {
            b"\"value\"" => record.value = Some(scanner.value()?),
            b"\"key\"" => record.key = Some(scanner.value()?),
            b"\"partition\"" => record.partition = Some(scanner.value()?),
            b"\"headers\"" | b"\"timestamp\"" => unknown(scanner, body, name, true)?,
            _ => unknown(scanner, body, name, false)?,
        }
        Ok(())
    })
}

fn unknown<'a>(
    scanner: &mut Scanner<'a>,
    body: &mut Body<'a>,
    name: Raw<'a>,
    known_to_strimzi: bool,
) -> Result<(), Malformed> {
    let text = || name.string().unwrap_or_default().into_owned();
    note(&mut body.unknown, text);
    if !known_to_strimzi {
        note(&mut body.unknown_to_strimzi, text);
    }
    scanner.value().map(|_| ())
}

/// Keeps the first finding.
fn note(slot: &mut Option<String>, text: impl FnOnce() -> String) {
    if slot.is_none() {
        *slot = Some(text());
    }
}

fn mistyped(wanted: &str, value: Raw<'_>) -> String {
    let found = match value.text.first() {
        Some(b'"') => format!("String {}", value.display()),
        Some(b'[') => "Array value (token `JsonToken.START_ARRAY`)".to_owned(),
        Some(b'{') => "Object value (token `JsonToken.START_OBJECT`)".to_owned(),
        Some(b't' | b'f') => "Boolean value".to_owned(),
        _ => "Number value".to_owned(),
    };
    format!("Cannot deserialize value of type `{wanted}` from {found}")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Key, value and partition.
    type Fields = [Option<String>; 3];

    /// Records, or why they cannot be read; and whether they are compact.
    fn read_texts(texts: &[String]) -> (Result<Vec<Fields>, String>, bool) {
        let all = format!("{{\"records\":[{}]}}", texts.join(","));
        let body = read(all.as_bytes());
        let text = |raw: Option<Raw<'_>>| raw.map(|raw| raw.display().into_owned());
        let records = body.records.unwrap_or_default();
        let records = records
            .iter()
            .map(|record| [record.key, record.value, record.partition].map(text));
        let read = match (body.malformed, body.unknown.or(body.mistyped)) {
            (None, None) => Ok(records.collect()),
            (Some(why), _) | (None, Some(why)) => Err(why),
        };
        (read, body.compact)
    }

    fn scalar() -> impl Strategy<Value = &'static str> {
        let all = [
            "1",
            "-2.5e3",
            "true",
            "null",
            "\"\"",
            "\"a b\"",
            "\"}\"",
            "\"\\\"\"",
            "\"a\":1",
            "01",
            "tru",
            "{}",
            " 7",
            "\"x\"}",
            "[\"\\u00e9\"]",
            "nul l",
        ];
        prop::sample::select(all.to_vec())
    }

    fn record() -> impl Strategy<Value = String> {
        let shapes = [
            r#"{"value":{"id":@,"b":[@,{"c":@}]}}"#,
            r#"{"value":@}"#,
            r#"{"key":@,"value":{"":@},"partition":0}"#,
            r#" { "value" : @ , "partition" : @ }"#,
            r#"{"value":@,"value":@}"#,
            r#"{"value":{}}"#,
            "@",
        ];
        let shape = prop::sample::select(shapes.to_vec());
        (shape, prop::collection::vec(scalar(), 3)).prop_map(|(shape, scalars)| {
            scalars.iter().fold(shape.to_owned(), |text, scalar| {
                text.replacen('@', scalar, 1)
            })
        })
    }

    proptest! {
        #[test]
        fn a_record_is_read_the_same_whatever_came_before_it(
            texts in prop::collection::vec(record(), 1..4),
            repeated in 1..4_usize,
        ) {
            let texts: Vec<String> = texts.into_iter().flat_map(|text| vec![text; repeated]).collect();
            let alone: Vec<_> = texts.iter().map(|text| read_texts(std::slice::from_ref(text))).collect();
            let wanted: Result<Vec<_>, _> = alone.iter().map(|(read, _)| read.clone()).collect();
            let (found, compact) = read_texts(&texts);
            if let (Ok(found), Ok(wanted)) = (&found, &wanted) {
                prop_assert_eq!(found, &wanted.concat());
                prop_assert_eq!(compact, alone.iter().all(|(_, compact)| *compact));
            }
            prop_assert_eq!(found.is_ok(), wanted.is_ok(), "{:?}", texts);
        }

        #[test]
        fn of_records_of_one_shape_each_is_read_as_the_first_is(
            scalars in prop::collection::vec((scalar(), scalar()), 1..12),
            spaced: bool,
        ) {
            let space = if spaced { " " } else { "" };
            let text = |(one, other): &(&str, &str)| format!("{{\"value\":{space}{{\"a\":{one},\"b\":{other}}}}}");
            let texts: Vec<String> = scalars.iter().map(text).collect();
            let alone: Result<Vec<_>, _> = texts.iter().map(|text| read_texts(std::slice::from_ref(text)).0).collect();
            prop_assert_eq!(read_texts(&texts).0, alone.map(|alone| alone.concat()));
        }
    }
}
