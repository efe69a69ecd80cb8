//! Reading records back: whose a stored record is, and whether it is what was sent, byte for byte as far as that is known.
//!
//! All of a record follows from the plan, the run's name and its own id, but for its timestamp: key, `system` and payload text are
//! rendered again (as a checksum for each place in a batch) and compared.

use std::borrow::Cow;
use std::hash::Hasher as _;
use std::ops::RangeInclusive;

use rand::SeedableRng as _;
use rand::rngs::StdRng;
use serde::Deserialize;

use super::render::payload_text;
use super::slots::{KEY_DIGITS, Key, REQUEST_DIGITS, Slot, digit_value, write_digits};
use super::{RUN_CHARS, has_key};
use crate::plan::{ID_BASE, MAX_THREADS, Payload, index_digits};

/// What the `system` field of every record says.
pub(super) const SYSTEM: &str = "krush";

/// Which record of a run a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Id {
    /// Engine thread.
    pub thread: u32,
    /// Number of the request on that thread.
    pub request: u64,
    /// Index in the batch.
    pub index: u32,
}

/// What a stored record is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recognised {
    /// Of this run, as it was sent.
    Ours {
        /// Which one.
        id: Id,
        /// When its request was made, in ms since 1970.
        timestamp_ms: u64,
    },
    /// Of this run, but not as it was sent.
    Corrupted {
        /// Which one, if its id can be read.
        id: Option<Id>,
        /// What differs.
        what: String,
    },
    /// Of another run of krush.
    OtherRun,
    /// Somebody else's.
    Foreign,
}

/// Knows the records of one run.
#[derive(Debug)]
pub struct Recogniser {
    payload: Payload,
    run: String,
    batch_size: u32,
    index_digits: usize,
    /// When its requests may have been made, in ms since 1970.
    made_ms: RangeInclusive<u64>,
    /// By thread: a checksum of the payload text at each place of a batch; empty until a record of that thread comes.
    texts: Vec<Vec<u64>>,
    /// What the value of every record of the run contains.
    marker: Vec<u8>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Value<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    timestamp: u64,
    #[serde(borrow)]
    system: Cow<'a, str>,
    #[serde(borrow)]
    payload: Cow<'a, str>,
}

impl Recogniser {
    /// Knows the records of run `run` in batches of `batch_size`, made within `made_ms`.
    pub fn new(payload: Payload, batch_size: u32, run: &str, made_ms: RangeInclusive<u64>) -> Self {
        Self {
            payload,
            run: run.to_owned(),
            batch_size,
            index_digits: index_digits(batch_size) as usize,
            made_ms,
            texts: vec![Vec::new(); MAX_THREADS as usize],
            marker: format!("\"id\":\"{run}").into_bytes(),
        }
    }

    /// What a stored record is.
    pub fn recognise(&mut self, key: Option<&[u8]>, value: Option<&[u8]>) -> Recognised {
        let Some(bytes) = value else {
            return Recognised::Foreign;
        };
        let Ok(value) = serde_json::from_slice::<Value<'_>>(bytes) else {
            return self.unreadable(bytes);
        };
        let Some(rest) = value.id.strip_prefix(&self.run) else {
            return if value.system == SYSTEM {
                Recognised::OtherRun
            } else {
                Recognised::Foreign
            };
        };
        let Some(id) = self.id(rest.as_bytes()) else {
            return Recognised::Corrupted {
                id: None,
                what: format!("`{}` is no id of a record that was sent", value.id),
            };
        };
        match self.difference(id, &value, key) {
            Some(what) => Recognised::Corrupted { id: Some(id), what },
            None => Recognised::Ours {
                id,
                timestamp_ms: value.timestamp,
            },
        }
    }

    fn unreadable(&self, bytes: &[u8]) -> Recognised {
        let Some(at) = memchr::memmem::find(bytes, &self.marker) else {
            return Recognised::Foreign;
        };
        let rest = &bytes[at + self.marker.len()..];
        let length = 1 + REQUEST_DIGITS + self.index_digits;
        Recognised::Corrupted {
            id: rest.get(..length).and_then(|rest| self.id(rest)),
            what: "its value is not the JSON that was sent".to_owned(),
        }
    }

    /// Reads an id behind the run's name.
    fn id(&self, rest: &[u8]) -> Option<Id> {
        let id = numbers(rest, self.index_digits)?;
        (id.index < self.batch_size).then_some(id)
    }

    /// The first thing in which a record differs from the one that was sent.
    fn difference(&mut self, id: Id, value: &Value<'_>, key: Option<&[u8]>) -> Option<String> {
        if value.system != SYSTEM {
            return Some(format!("its system is `{}`", value.system));
        }
        if !self.made_ms.contains(&value.timestamp) {
            let timestamp = value.timestamp;
            return Some(format!("its timestamp {timestamp} is not of this run"));
        }
        let texts = &mut self.texts[id.thread as usize];
        if texts.is_empty() {
            *texts = checksums(&self.payload, id.thread, self.batch_size);
        }
        if texts[id.index as usize] != checksum(value.payload.as_bytes()) {
            return Some("its payload is not what was sent".to_owned());
        }
        (!self.has_key(id, key)).then(|| "its key is not what was sent".to_owned())
    }

    /// Whether a record's key is the one it was sent with, as it is or as a JSON string.
    fn has_key(&self, id: Id, key: Option<&[u8]>) -> bool {
        let Some(number) = self.key(id) else {
            return key.is_none();
        };
        let mut digits = [0; KEY_DIGITS];
        write_digits::<10>(&mut digits, number);
        let quoted = |key: &[u8]| {
            key.strip_prefix(b"\"")?
                .strip_suffix(b"\"")
                .map(<[u8]>::to_vec)
        };
        key.is_some_and(|key| key == digits || quoted(key).as_deref() == Some(&digits[..]))
    }

    /// The number that a record's key is made of; `None`: it has none.
    pub fn key(&self, id: Id) -> Option<u64> {
        has_key(self.payload.key).then(|| {
            let key = Key::new(&self.payload, id.thread, self.batch_size, Slot::default());
            key.number(id.request * u64::from(self.batch_size) + u64::from(id.index))
        })
    }

    /// The id as it is written.
    pub fn text(&self, id: Id) -> String {
        let mut digits = vec![0; 1 + REQUEST_DIGITS + self.index_digits];
        let (thread, rest) = digits.split_at_mut(1);
        let (request, index) = rest.split_at_mut(REQUEST_DIGITS);
        write_digits::<{ ID_BASE as u64 }>(thread, u64::from(id.thread));
        write_digits::<{ ID_BASE as u64 }>(request, id.request);
        write_digits::<{ ID_BASE as u64 }>(index, u64::from(id.index));
        let digits: String = digits.into_iter().map(char::from).collect();
        format!("{}{digits}", self.run)
    }
}

/// The id that a record of any run carries, in batches of `batch_size`: its run's name, and which record of that run it is.
pub fn id_of(value: &[u8], batch_size: u32) -> Option<(String, Id)> {
    let value: Value<'_> = serde_json::from_slice(value).ok()?;
    let (run, rest) = value.id.split_at_checked(RUN_CHARS)?;
    let id = numbers(rest.as_bytes(), index_digits(batch_size) as usize)?;
    Some((run.to_owned(), id))
}

/// The numbers of an id, behind the run's name.
fn numbers(text: &[u8], index_digits: usize) -> Option<Id> {
    let number = |digits: &[u8]| {
        digits.iter().try_fold(0, |number: u64, digit| {
            Some(number * u64::from(ID_BASE) + digit_value(*digit)?)
        })
    };
    let (thread, rest) = text.split_at_checked(1)?;
    let (request, index) = rest.split_at_checked(REQUEST_DIGITS)?;
    if index.len() != index_digits {
        return None;
    }
    Some(Id {
        thread: number(thread)? as u32,
        request: number(request)?,
        index: u32::try_from(number(index)?).ok()?,
    })
}

fn checksums(payload: &Payload, thread: u32, batch_size: u32) -> Vec<u64> {
    let mut random = StdRng::seed_from_u64(payload.seed ^ (u64::from(thread) << 32));
    (0..batch_size)
        .map(|_| checksum(payload_text(payload, &mut random).as_bytes()))
        .collect()
}

fn checksum(bytes: &[u8]) -> u64 {
    // Of this process only: both sides are hashed here.
    let mut hasher = std::collections::hash_map::DefaultHasher::new();
    hasher.write(bytes);
    hasher.finish()
}
