//! Fetched records as JSON, written as they come.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::format::Format;
use crate::standin::answer::{Answer, push_json_string, push_number};
use crate::standin::json::Scanner;
use crate::standin::members::Fetched;
use crate::wire::Dialect;

/// The array that a fetch answers, so far.
#[derive(Debug)]
pub(super) struct Records {
    dialect: Dialect,
    format: Format,
    body: Vec<u8>,
    /// Of keys and values, as they are stored.
    payload_bytes: u64,
}

/// Bytes of key and value.
pub(super) fn payload_bytes(record: &Fetched) -> u64 {
    let length = |part: &Option<Vec<u8>>| part.as_ref().map_or(0, Vec::len) as u64;
    length(&record.key) + length(&record.value)
}

impl Records {
    /// None yet.
    pub(super) fn new(dialect: Dialect, format: Format) -> Self {
        Self {
            dialect,
            format,
            body: b"[".to_vec(),
            payload_bytes: 0,
        }
    }

    pub(super) fn payload_bytes(&self) -> u64 {
        self.payload_bytes
    }

    /// Writes a record. If it cannot be read in the format, nothing of it is written, and the error is what the server says.
    pub(super) fn push(&mut self, record: &Fetched) -> Result<(), Answer> {
        let before = self.body.len();
        self.payload_bytes += payload_bytes(record);
        if before > 1 {
            self.body.push(b',');
        }
        let written = match self.dialect {
            Dialect::Karapace => self.sorted(record),
            _ => self.declared(record),
        };
        if written.is_err() {
            self.body.truncate(before);
        }
        written
    }

    /// All of them.
    pub(super) fn finish(mut self) -> Vec<u8> {
        self.body.push(b']');
        self.body
    }

    /// Members in the order that Confluent and Strimzi declare them.
    fn declared(&mut self, record: &Fetched) -> Result<(), Answer> {
        self.text("{\"topic\":");
        push_json_string(&mut self.body, &record.topic);
        self.text(",\"key\":");
        self.part("key", record.key.as_deref())?;
        self.text(",\"value\":");
        self.part("value", record.value.as_deref())?;
        self.number(",\"partition\":", record.partition.into());
        self.number(",\"offset\":", record.offset);
        if self.dialect == Dialect::Strimzi {
            self.number(",\"timestamp\":", record.timestamp_ms);
        }
        self.text("}");
        Ok(())
    }

    /// Karapace's order; it takes what is empty for nothing.
    fn sorted(&mut self, record: &Fetched) -> Result<(), Answer> {
        let [key, value] = [&record.key, &record.value]
            .map(|part| part.as_deref().filter(|bytes| !bytes.is_empty()));
        self.text("{\"key\":");
        self.part("key", key)?;
        self.number(",\"offset\":", record.offset);
        self.number(",\"partition\":", record.partition.into());
        self.number(",\"timestamp\":", record.timestamp_ms);
        self.text(",\"topic\":");
        push_json_string(&mut self.body, &record.topic);
        self.text(",\"value\":");
        self.part("value", value)?;
        self.text("}");
        Ok(())
    }

    fn text(&mut self, text: &str) {
        self.body.extend_from_slice(text.as_bytes());
    }

    fn number(&mut self, name: &str, number: i64) {
        self.text(name);
        push_number(&mut self.body, number);
    }

    fn part(&mut self, name: &str, bytes: Option<&[u8]>) -> Result<(), Answer> {
        let Some(bytes) = bytes else {
            self.text("null");
            return Ok(());
        };
        match self.format {
            Format::Binary => {
                let start = self.body.len() + 1;
                let length = bytes.len().div_ceil(3) * 4;
                self.body.push(b'"');
                self.body.resize(start + length, 0);
                let written = STANDARD.encode_slice(bytes, &mut self.body[start..]);
                written.expect("there is room for four letters for each three bytes");
                self.body.push(b'"');
            }
            Format::Text => push_json_string(&mut self.body, &String::from_utf8_lossy(bytes)),
            Format::Json => match why_not_json(bytes) {
                None => self.body.extend_from_slice(bytes),
                Some(why) => return Err(self.unreadable(name, &why)),
            },
            Format::Avro | Format::JsonSchema | Format::Protobuf => {
                return Err(self.unreadable(name, "Unknown magic byte!"));
            }
        }
        Ok(())
    }

    /// What a server says of a record that it cannot read.
    fn unreadable(&self, name: &str, why: &str) -> Answer {
        match self.dialect {
            Dialect::Confluent | Dialect::Redpanda => {
                let class = if self.format.needs_schemas() {
                    "org.apache.kafka.common.errors.SerializationException"
                } else {
                    "com.fasterxml.jackson.core.JsonParseException"
                };
                Answer::error(408, 40801, &format!("{class}: {why}"))
            }
            Dialect::Strimzi => Answer::error(406, 406, &format!("Failed to decode: {why}")),
            Dialect::Karapace => {
                let format = self.format.name();
                let message = format!("{name} deserialization error for format {format}: {why}");
                Answer::error(422, 422, &message)
            }
        }
    }
}

/// What stored bytes are not JSON for, if they are not.
fn why_not_json(bytes: &[u8]) -> Option<String> {
    let mut scanner = Scanner::new(bytes);
    let read = scanner.value().and_then(|_| scanner.end());
    if read.is_err() {
        return Some(scanner.why());
    }
    (!scanner.is_utf8()).then(|| "Invalid UTF-8".to_owned())
}
