//! The fixed-width places of a record that differ from request to request, and how they are written.

use base64::Engine as _;

use crate::plan::{ID_BASE, KeyMode, Payload};

/// Digits of the request number in an id, base 62: enough for two days at 280,000 requests/s on one thread. Short, because each
/// byte of a record costs as much as its payload does; a multiple of three, because what follows differs from record to record.
pub(super) const REQUEST_DIGITS: usize = 6;
/// Digits of a timestamp in ms, until the year 2286.
pub(super) const TIMESTAMP_DIGITS: usize = 13;
/// Digits of a key.
pub(super) const KEY_DIGITS: usize = 15;

/// What tells one request from the next: everything else in its bytes is fixed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stamp {
    /// Number of the request on its engine thread.
    pub request: u64,
    /// Wall-clock time at which it was made, in ms since 1970.
    pub timestamp_ms: u64,
}

/// A slot's text: fixed bytes around the digits, so that in base64 it starts and ends on a group of three.
#[derive(Debug, Clone, Default)]
pub(super) struct Slot {
    /// Position in the record.
    pub(super) offset: usize,
    /// Fixed text before the digits, inside the slot.
    pub(super) before: Vec<u8>,
    /// Fixed text behind the digits, inside the slot.
    pub(super) after: Vec<u8>,
}

/// Where the slots of a record are, counted from the record's first byte.
#[derive(Debug, Clone)]
pub(super) struct Slots {
    pub(super) request: Slot,
    pub(super) timestamp: Slot,
    pub(super) key: Option<Key>,
    /// Slots are base64 (binary format).
    pub(super) base64: bool,
}

/// How a record's key is made.
#[derive(Debug, Clone)]
pub(super) struct Key {
    pub(super) slot: Slot,
    pub(super) mode: KeyMode,
    pub(super) seed: u64,
    /// Sequence keys of different engine threads differ in their first two digits.
    pub(super) worker: u64,
    /// Records of a full batch: sequence keys count `request × batch_size + index`.
    pub(super) batch_size: u64,
}

/// Sequence keys of one thread end before the next one's begin.
const SEQUENCE_SPAN: u64 = 10_000_000_000_000;

const MAX_SLOT: usize = 48;

/// A slot's final bytes.
struct Text {
    bytes: [u8; MAX_SLOT],
    length: usize,
}

impl Slot {
    /// Where in the record the slot's text ends, for this many digits.
    #[cfg(unix)]
    fn end(&self, digits: usize, base64: bool) -> usize {
        let plain = self.before.len() + digits + self.after.len();
        self.offset + if base64 { plain / 3 * 4 } else { plain }
    }

    fn text<const DIGITS: usize, const BASE: u64>(&self, number: u64, base64: bool) -> Text {
        let mut plain = [0; MAX_SLOT];
        let digits_at = self.before.len();
        let end = digits_at + DIGITS;
        plain[..digits_at].copy_from_slice(&self.before);
        write_digits::<BASE>(&mut plain[digits_at..end], number);
        let length = end + self.after.len();
        plain[end..length].copy_from_slice(&self.after);
        if !base64 {
            return Text {
                bytes: plain,
                length,
            };
        }
        let mut bytes = [0; MAX_SLOT];
        let length = base64::engine::general_purpose::STANDARD
            .encode_slice(&plain[..length], &mut bytes)
            .expect("every slot is at most 36 plain bytes");
        Text { bytes, length }
    }
}

impl Slot {
    /// Writes the first `LENGTH` bytes of `text` into the slot of each of `count` records.
    fn put_in_all<const LENGTH: usize>(
        &self,
        text: &Text,
        bytes: &mut [u8],
        stride: usize,
        count: usize,
    ) {
        let text: [u8; LENGTH] = *text
            .bytes
            .first_chunk()
            .expect("a slot is not longer than the longest");
        for record in bytes.chunks_mut(stride).take(count) {
            record[self.offset..self.offset + LENGTH].copy_from_slice(&text);
        }
    }
}

const DIGITS: &[u8; ID_BASE as usize] =
    b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Writes `number` to a base of up to 62, right-aligned with leading zeros, its last digits if it is too long.
pub(super) fn write_digits<const BASE: u64>(out: &mut [u8], mut number: u64) {
    for digit in out.iter_mut().rev() {
        *digit = DIGITS[(number % BASE) as usize];
        number /= BASE;
    }
}

/// The value of a digit of an id.
pub(super) fn digit_value(digit: u8) -> Option<u64> {
    Some(match digit {
        b'0'..=b'9' => u64::from(digit - b'0'),
        b'A'..=b'Z' => u64::from(digit - b'A') + 10,
        b'a'..=b'z' => u64::from(digit - b'a') + 36,
        _ => return None,
    })
}

impl Slots {
    /// Behind this place in a record nothing differs from request to request.
    #[cfg(unix)]
    pub(super) fn end(&self) -> usize {
        let key = |key: &Key| key.slot.end(KEY_DIGITS, self.base64);
        self.request
            .end(REQUEST_DIGITS, self.base64)
            .max(self.timestamp.end(TIMESTAMP_DIGITS, self.base64))
            .max(self.key.as_ref().map_or(0, key))
    }

    /// Writes `stamp` into `count` records that lie `stride` apart from the start of `bytes`; `first` is the first one's index.
    /// `before` is the stamp that all of them have, if it is known.
    pub(super) fn stamp(
        &self,
        bytes: &mut [u8],
        stride: usize,
        stamp: Stamp,
        before: Option<Stamp>,
        first: u32,
        count: u32,
    ) {
        let request = self
            .request
            .text::<REQUEST_DIGITS, { ID_BASE as u64 }>(stamp.request, self.base64);
        let timestamp = self
            .timestamp
            .text::<TIMESTAMP_DIGITS, 10>(stamp.timestamp_ms, self.base64);
        let put = |record: &mut [u8], slot: &Slot, text: &Text| {
            record[slot.offset..slot.offset + text.length]
                .copy_from_slice(&text.bytes[..text.length]);
        };
        match &self.key {
            // The common case apart: a copy of constant length a record, as a rule, for many requests are made in a millisecond.
            None if !self.base64 => {
                let records = count as usize;
                self.request
                    .put_in_all::<REQUEST_DIGITS>(&request, bytes, stride, records);
                if before.is_none_or(|before| before.timestamp_ms != stamp.timestamp_ms) {
                    self.timestamp
                        .put_in_all::<TIMESTAMP_DIGITS>(&timestamp, bytes, stride, records);
                }
            }
            None => {
                for record in bytes.chunks_mut(stride).take(count as usize) {
                    put(record, &self.request, &request);
                    put(record, &self.timestamp, &timestamp);
                }
            }
            Some(key) => {
                for (record, index) in bytes
                    .chunks_mut(stride)
                    .take(count as usize)
                    .zip(u64::from(first)..)
                {
                    put(record, &self.request, &request);
                    put(record, &self.timestamp, &timestamp);
                    let number = key.number(stamp.request * key.batch_size + index);
                    put(
                        record,
                        &key.slot,
                        &key.slot.text::<KEY_DIGITS, 10>(number, self.base64),
                    );
                }
            }
        }
    }
}

impl Key {
    /// The keys of engine thread `worker`.
    pub(super) fn new(payload: &Payload, worker: u32, batch_size: u32, slot: Slot) -> Self {
        Self {
            slot,
            mode: payload.key,
            seed: payload.seed ^ (u64::from(worker) << 32),
            worker: u64::from(worker),
            batch_size: u64::from(batch_size),
        }
    }

    /// The key of the `sequence`-th record: a pure function, so that a request rendered twice has the same keys.
    pub(super) fn number(&self, sequence: u64) -> u64 {
        let random = splitmix(self.seed ^ sequence.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        match self.mode {
            KeyMode::None => 0,
            KeyMode::Sequence => self.worker * SEQUENCE_SPAN + sequence,
            KeyMode::Random { keys } => scale(random, keys),
            KeyMode::Hot { keys, hot_ratio } => {
                let hot = (splitmix(random) as f64) < hot_ratio * u64::MAX as f64;
                if hot || keys == 1 {
                    0
                } else {
                    1 + scale(random, keys - 1)
                }
            }
        }
    }
}

/// Maps 64 random bits to `0..range` by multiplication (Lemire 2019).
fn scale(random: u64, range: u32) -> u64 {
    ((u128::from(random) * u128::from(range)) >> 64) as u64
}

/// The SplitMix64 finalizer (Steele, Lea and Flood 2014).
fn splitmix(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}
