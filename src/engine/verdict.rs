//! From what an answer said to what became of its records: acked, rejected or unknown, never a guess.

use super::judge::Seen;
use crate::measure::FailureKind;
use crate::wire::{Dialect, code};

/// One entry of `offsets` while it is read.
#[derive(Debug, Default)]
pub(crate) struct Entry {
    pub(crate) scratch: Vec<u8>,
    pub(crate) partition: Option<i64>,
    offset: Option<i64>,
    code: Option<i64>,
    text: Option<String>,
    odd: bool,
}

/// Failed entries with one code and one meaning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FailedEntry {
    pub(crate) code: Option<i64>,
    /// Not stored, for sure.
    pub(crate) rejected: bool,
    pub(crate) records: u32,
    /// Text of the first one.
    pub(crate) text: String,
}

impl FailedEntry {
    /// What the server said of it, for people: never empty.
    pub(crate) fn describe(&self) -> String {
        if self.text.trim().is_empty() {
            "the server gave no text".to_owned()
        } else {
            self.text.clone()
        }
    }
}

impl Entry {
    pub(crate) fn clear(&mut self) {
        (self.offset, self.code, self.text, self.odd) = (None, None, None, false);
        self.partition = None;
    }

    pub(crate) fn set_offset(&mut self, offset: i64) {
        self.odd |= self.offset.replace(offset).is_some();
    }

    pub(crate) fn set_code(&mut self, code: i64) {
        self.odd |= self.code.replace(code).is_some();
    }

    pub(crate) fn take_text(&mut self) {
        let text = String::from_utf8_lossy(&self.scratch).into_owned();
        self.text.get_or_insert(text);
    }

    /// Not an object, a member of the wrong type, or one given twice.
    pub(crate) fn set_odd(&mut self) {
        self.odd = true;
    }

    /// The offset if this entry acknowledges its record: an offset of -1 or more and no code or text.
    pub(crate) fn judge(&mut self, dialect: Dialect) -> Result<i64, FailedEntry> {
        match (self.offset, self.code, &self.text) {
            (Some(offset), None, None) if offset >= -1 && !self.odd => Ok(offset),
            (_, None, None) => Err(FailedEntry {
                code: None,
                rejected: false,
                records: 1,
                text: "entry with neither an offset nor an error".to_owned(),
            }),
            (_, code, _) => {
                let text = self.text.take().unwrap_or_default();
                // An entry with an offset and an error contradicts itself; Redpanda fills in both.
                let stored = dialect != Dialect::Redpanda && self.offset.is_some_and(|o| o >= 0);
                let rejected = !(self.odd || stored) && is_rejection(dialect, code, &text);
                Err(FailedEntry {
                    code,
                    rejected,
                    records: 1,
                    text,
                })
            }
        }
    }
}

/// Texts of Kafka's client that mean the record never left the proxy, whatever the code beside them.
const NEVER_SENT: [&str; 4] = [
    "not present in metadata",
    "is larger than",
    "Invalid topic",
    "topic or partition that does not exist",
];

/// Whether a failed entry means that the record is not stored. Everything that does not say so is unknown: records
/// reported as expired were found in the topic afterwards, on Confluent's proxy and on Strimzi's.
fn is_rejection(dialect: Dialect, error_code: Option<i64>, text: &str) -> bool {
    if NEVER_SENT.iter().any(|known| text.contains(known)) {
        return true;
    }
    match (dialect, error_code) {
        // Kafka protocol codes: corrupt message, unknown topic or partition, message too large, invalid topic,
        // record list too large, topic, group and cluster authorization failed, invalid record.
        (Dialect::Redpanda, Some(code)) => matches!(code, 2 | 3 | 10 | 17 | 18 | 29 | 30 | 31 | 87),
        (
            _,
            Some(1 | 404 | code::KAFKA | code::KAFKA_AUTHENTICATION | code::KAFKA_AUTHORIZATION),
        ) => true,
        _ => false,
    }
}

/// What became of a request's records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) acked: u32,
    pub(crate) rejected: u32,
    pub(crate) unknown: u32,
    /// Acked with offset -1.
    pub(crate) without_offset: u32,
    /// It names the same place as the answer before it on its connection.
    pub(crate) repeated: bool,
    /// What went wrong with the answer as a whole; `None`: entries speak for themselves.
    pub(crate) whole: Option<FailureKind>,
    /// The connection cannot be trusted with another request.
    pub(crate) give_up: bool,
}

impl Verdict {
    /// Nothing is known of any record.
    pub(crate) fn unknown(expected: u32, kind: FailureKind) -> Self {
        Self {
            acked: 0,
            rejected: 0,
            unknown: expected,
            without_offset: 0,
            repeated: false,
            whole: Some(kind),
            give_up: true,
        }
    }
}

/// Judges a complete answer: `ended` tells whether its body was one JSON value.
pub(crate) fn conclude(
    dialect: Dialect,
    status: u16,
    expected: u32,
    ended: bool,
    seen: &Seen,
) -> Verdict {
    use FailureKind as Kind;
    let unknown = |kind| Verdict::unknown(expected, kind);
    let readable = ended && !seen.rubbish;
    match status {
        204 => Verdict {
            give_up: false,
            ..unknown(Kind::UnexpectedStatus)
        },
        200..300 if seen.body_bytes == 0 => unknown(Kind::EmptyAnswer),
        200..300 if seen.rubbish => unknown(Kind::RubbishAfterAnswer),
        200..300 if !readable || !seen.offsets => unknown(Kind::UnreadableAnswer),
        200..300 => by_entry(dialect, expected, seen),
        // Some servers say 401, 403 or 422 and list every record all the same: parts of it may be stored.
        400..500 if readable && seen.offsets => by_entry(dialect, expected, seen),
        400..500 if seen.offsets => unknown(Kind::UnreadableAnswer),
        400..500 => Verdict {
            rejected: expected,
            unknown: 0,
            give_up: false,
            ..unknown(Kind::ClientError)
        },
        500..600 if readable && seen.error_code.is_some() => Verdict {
            give_up: false,
            ..unknown(Kind::ServerError)
        },
        500..600 => unknown(Kind::ServerErrorNoJson),
        _ => unknown(Kind::UnexpectedStatus),
    }
}

fn by_entry(dialect: Dialect, expected: u32, seen: &Seen) -> Verdict {
    let rejected = seen
        .failed
        .iter()
        .filter(|row| row.rejected)
        .map(|row| row.records)
        .sum();
    let verdict = Verdict {
        acked: seen.acked,
        rejected,
        unknown: seen.entries - seen.acked - rejected,
        without_offset: seen.without_offset,
        repeated: false,
        whole: None,
        give_up: false,
    };
    if seen.entries == expected {
        return verdict;
    }
    // Redpanda answers one entry a partition batch: only unanimous answers can be given to records.
    let per_batch = dialect == Dialect::Redpanda && (1..expected).contains(&seen.entries);
    match verdict {
        Verdict {
            rejected: 0,
            unknown: 0,
            ..
        } if per_batch => Verdict {
            acked: expected,
            ..verdict
        },
        Verdict {
            acked: 0,
            unknown: 0,
            ..
        } if per_batch => Verdict {
            rejected: expected,
            whole: Some(FailureKind::RecordRejected),
            ..verdict
        },
        _ if per_batch => Verdict {
            give_up: false,
            ..Verdict::unknown(expected, FailureKind::RecordUnknown)
        },
        _ => Verdict::unknown(expected, FailureKind::WrongEntryCount),
    }
}
