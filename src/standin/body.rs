//! Reads a v2 produce body into slices; what is wrong with it is left to the dialect to judge.

use super::json::{Malformed, Raw, Scanner};

/// One record of the body.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct RawRecord<'a> {
    pub(crate) key: Option<Raw<'a>>,
    pub(crate) value: Option<Raw<'a>>,
    pub(crate) partition: Option<Raw<'a>>,
}

/// A produce body as far as it could be read.
#[derive(Debug, Default)]
pub(crate) struct Body<'a> {
    /// Absent if there is no `records` array.
    pub(crate) records: Option<Vec<RawRecord<'a>>>,
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

/// Reads a body of any dialect.
pub(crate) fn read(bytes: &[u8]) -> Body<'_> {
    let mut body = Body::default();
    if !bytes.is_ascii() && std::str::from_utf8(bytes).is_err() {
        let first = bytes.first().copied().unwrap_or_default();
        body.malformed = Some(match first {
            0..0x20 => format!(
                "Illegal character ((CTRL-CHAR, code {first})): only regular white space (\\r, \\n, \\t) is allowed between tokens"
            ),
            _ => "Invalid UTF-8 byte".to_owned(),
        });
        return body;
    }
    let mut scanner = Scanner::new(bytes);
    if scanner.peek().is_none() {
        body.absent = true;
        return body;
    }
    if read_top(&mut scanner, &mut body).and_then(|()| scanner.end()) == Err(Malformed) {
        body.malformed = Some(scanner.why());
    }
    body
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
            let mut records = Vec::with_capacity(likely_records(scanner.left()));
            let spaces = scanner.spaces();
            scanner.array(|scanner| {
                let record = records.push_mut(RawRecord::default());
                read_record(scanner, record, body)
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

/// Room for so many records at first: more are made room for when they come.
fn likely_records(bytes: usize) -> usize {
    const SMALL_RECORD: usize = 128;
    const MOST: usize = 2_048;
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
