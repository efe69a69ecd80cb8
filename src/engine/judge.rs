//! The reply check: reads a produce answer as its bytes come and judges it record by record.
//!
//! Exact, not approximate: what Confluent's and Strimzi's proxies write when all is well is [recognised](plain) as a
//! whole, byte for byte; anything else goes through the [`Lexer`], a complete JSON reader, from the first byte that differs.

use super::lexer::{Event, Lexer};
use super::plain::{self, Place, Shape};
use super::tally::Acks;
use super::verdict::{Entry, FailedEntry, Verdict, conclude};
use crate::measure::{FailureKind, SAMPLE_BYTES};
use crate::wire::Dialect;

/// What the value being read means to a produce answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meaning {
    None,
    Offsets,
    Partition,
    Offset,
    Code,
    Text,
    RootCode,
    RootText,
}

/// What was learned from the body, apart from single entries.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seen {
    /// Bytes of body.
    pub(crate) body_bytes: u64,
    /// Entries in `offsets`.
    pub(crate) entries: u32,
    /// Entries that acknowledge a record.
    pub(crate) acked: u32,
    /// Of those, with offset -1: stored at an unknown offset, or with acks=0 only sent.
    pub(crate) without_offset: u32,
    /// Failed entries by code and meaning, each with its first text.
    pub(crate) failed: Vec<FailedEntry>,
    /// Which entries failed, and whether each means not stored.
    pub(crate) failed_at: Vec<(u32, bool)>,
    /// `error_code` and `message` of an error body.
    pub(crate) error_code: Option<i64>,
    pub(crate) error_text: Option<String>,
    /// There was an `offsets` array.
    pub(crate) offsets: bool,
    /// The JSON ended and something else followed.
    pub(crate) rubbish: bool,
    /// First bytes of a body worth showing.
    pub(crate) sample: Vec<u8>,
}

impl Seen {
    /// The `error_code` that counts as a failure of `kind`: the answer's, or that of the entries that speak for all.
    pub(crate) fn code(&self, kind: FailureKind) -> Option<i64> {
        match kind {
            FailureKind::RecordRejected | FailureKind::RecordUnknown => self.failed.first()?.code,
            _ => self.error_code,
        }
    }

    /// What the answer said that counts as a failure of `kind`, for people: never empty.
    pub(crate) fn describe(&self, kind: FailureKind, expected: u32) -> String {
        let text = match kind {
            FailureKind::EmptyAnswer => "a good status and an empty body".to_owned(),
            FailureKind::RepeatedAnswer => {
                "names the partition and offset of the answer before it".to_owned()
            }
            FailureKind::WrongEntryCount => {
                format!("{} entries for {expected} records", self.entries)
            }
            FailureKind::RecordRejected | FailureKind::RecordUnknown => {
                let first = self.failed.first();
                first.map_or_else(String::new, FailedEntry::describe)
            }
            _ => match &self.error_text {
                Some(text) => text.clone(),
                None => String::from_utf8_lossy(&self.sample).into_owned(),
            },
        };
        match kind {
            _ if !text.trim().is_empty() => text,
            FailureKind::UnreadableAnswer if self.offsets => "the JSON ends too early".to_owned(),
            FailureKind::UnreadableAnswer => "JSON without offsets, or cut before them".to_owned(),
            _ => "the server gave no text".to_owned(),
        }
    }
}

/// Judges one answer after another.
#[derive(Debug)]
pub(crate) struct Judge {
    dialect: Dialect,
    status: u16,
    lexer: Lexer,
    meaning: Meaning,
    in_offsets: bool,
    entry: Entry,
    /// Of the last recognised entry.
    shape: Shape,
    seen: Seen,
    /// Where the first acked record of this answer is stored, and that of the last answer that named a place.
    first: Option<Place>,
    first_before: Option<Place>,
    /// Two answers in a row named different places: this server really assigns them.
    places_differ: bool,
    /// Acked entries by partition, if they are counted.
    acks: Option<Acks>,
}

impl Judge {
    pub(crate) fn new(dialect: Dialect) -> Self {
        Self {
            dialect,
            status: 0,
            lexer: Lexer::new(),
            meaning: Meaning::None,
            in_offsets: false,
            entry: Entry::default(),
            shape: Shape::default(),
            seen: Seen::default(),
            first: None,
            first_before: None,
            places_differ: false,
            acks: None,
        }
    }

    /// The same, that counts acked entries by partition if asked for.
    pub(crate) fn counting(mut self, counts: bool) -> Self {
        self.acks = counts.then(Acks::default);
        self
    }

    /// Prepares for the next answer.
    pub(crate) fn begin(&mut self) {
        if let Some(first) = self.first.take() {
            self.places_differ |= self.first_before.is_some_and(|before| before != first);
            self.first_before = Some(first);
        }
        self.status = 0;
        self.lexer.begin();
        self.meaning = Meaning::None;
        self.in_offsets = false;
        self.entry.clear();
        let seen = &mut self.seen;
        seen.body_bytes = 0;
        (seen.entries, seen.acked, seen.without_offset) = (0, 0, 0);
        seen.failed.clear();
        seen.failed_at.clear();
        if let Some(acks) = &mut self.acks {
            acks.clear();
        }
        (seen.error_code, seen.error_text) = (None, None);
        (seen.offsets, seen.rubbish) = (false, false);
        seen.sample.clear();
    }

    /// The answer's status, before its body.
    pub(crate) fn status(&mut self, status: u16) {
        self.status = status;
    }

    /// The next bytes of the body.
    pub(crate) fn body(&mut self, bytes: &[u8]) {
        self.seen.body_bytes += bytes.len() as u64;
        if self.status != 200 {
            self.keep_sample(bytes);
        }
        let mut at = self.plain_opening(bytes);
        while at < bytes.len() {
            if self.in_offsets && self.lexer.at_value(2) {
                at += self.plain_entries(&bytes[at..]);
                if at == bytes.len() {
                    return;
                }
            }
            if self.lexer.ended() {
                if bytes[at..].iter().any(|byte| !byte.is_ascii_whitespace()) {
                    self.seen.rubbish = true;
                    self.keep_odd_sample(&bytes[at..]);
                }
                return;
            }
            if self.lexer.broken() {
                return;
            }
            let (event, consumed) = self.lexer.step(bytes[at], &mut self.entry.scratch);
            if event != Event::None {
                self.on(event);
                if self.lexer.broken() {
                    self.keep_odd_sample(&bytes[at.saturating_sub(64)..]);
                }
            }
            at += usize::from(consumed);
        }
    }

    /// The body is complete, the records it answers are `expected`: what became of them.
    pub(crate) fn conclude(&self, expected: u32) -> Verdict {
        let verdict = conclude(
            self.dialect,
            self.status,
            expected,
            self.lexer.ended(),
            &self.seen,
        );
        let repeated = verdict.acked > 0 && self.first.is_some() && self.first == self.first_before;
        if repeated && self.places_differ {
            return Verdict::unknown(expected, FailureKind::RepeatedAnswer);
        }
        // A server that names one place for ever is a mock: its answers are counted as they are, and that is told.
        Verdict {
            repeated,
            ..verdict
        }
    }

    /// Acked entries by partition, if they are counted.
    pub(crate) fn acks(&self) -> Option<&Acks> {
        self.acks.as_ref()
    }

    /// What the body said, for the failure table.
    pub(crate) fn seen(&self) -> &Seen {
        &self.seen
    }

    /// Keeps what is odd in the body of a good status; the others are kept from their first byte.
    fn keep_odd_sample(&mut self, bytes: &[u8]) {
        if self.status == 200 {
            self.keep_sample(bytes);
        }
    }

    fn keep_sample(&mut self, bytes: &[u8]) {
        let room = SAMPLE_BYTES.saturating_sub(self.seen.sample.len());
        self.seen
            .sample
            .extend_from_slice(&bytes[..room.min(bytes.len())]);
    }

    /// Takes the opening of a good answer; returns its bytes.
    fn plain_opening(&mut self, bytes: &[u8]) -> usize {
        if !self.lexer.fresh() {
            return 0;
        }
        let Some(length) = plain::opening(bytes) else {
            return 0;
        };
        self.lexer.skip_into_array_of_object();
        self.in_offsets = true;
        self.seen.offsets = true;
        length
    }

    /// Takes acknowledging entries, and the end of the answer behind them; returns their bytes. The lexer stands before an
    /// entry.
    fn plain_entries(&mut self, bytes: &[u8]) -> usize {
        let found = plain::entries(bytes, &mut self.shape);
        if found.count == 0 {
            return 0;
        }
        self.first = self.first.or(found.first);
        if let Some(acks) = &mut self.acks {
            acks.plain(&bytes[..found.length]);
        }
        self.seen.entries += found.count;
        self.seen.acked += found.count;
        self.lexer.skip_values(found.behind_comma);
        if found.behind_comma {
            return found.length;
        }
        let Some(end) = plain::closing(&bytes[found.length..]) else {
            return found.length;
        };
        self.in_offsets = false;
        self.lexer.skip_to_end();
        found.length + end
    }

    fn on(&mut self, event: Event) {
        let depth = self.lexer.depth();
        let in_entry = self.in_offsets && depth == 3;
        match event {
            Event::Key => self.meaning = meaning(depth, in_entry, self.lexer.key()),
            Event::Open { array } => {
                match (array, depth, self.meaning) {
                    (true, 2, Meaning::Offsets) if !self.seen.offsets => {
                        self.in_offsets = true;
                        self.seen.offsets = true;
                    }
                    (_, 2, Meaning::Offsets) => self.lexer.give_up(),
                    (false, 3, _) if self.in_offsets => self.entry.clear(),
                    (true, 3, _) if self.in_offsets => self.entry.set_odd(),
                    (_, 4, Meaning::Offset | Meaning::Code | Meaning::Text) if self.in_offsets => {
                        self.entry.set_odd();
                    }
                    _ => {}
                }
                self.meaning = Meaning::None;
            }
            Event::Close { array } => {
                if array && depth == 1 {
                    self.in_offsets = false;
                } else if self.in_offsets && depth == 2 {
                    self.end_entry();
                }
                self.meaning = Meaning::None;
            }
            Event::Null | Event::Other | Event::Integer(_) | Event::Text => {
                if self.in_offsets && depth == 2 {
                    self.entry.set_odd();
                    self.end_entry();
                } else {
                    self.scalar(event);
                }
                self.meaning = Meaning::None;
            }
            Event::None | Event::Broken => {}
        }
    }

    fn scalar(&mut self, event: Event) {
        let entry = &mut self.entry;
        match (self.meaning, event) {
            (meaning, Event::Null) if meaning != Meaning::Offsets => {}
            (Meaning::Offset, Event::Integer(offset)) => entry.set_offset(offset),
            (Meaning::Partition, Event::Integer(partition)) => entry.partition = Some(partition),
            (Meaning::Code, Event::Integer(code)) => entry.set_code(code),
            (Meaning::Text, Event::Text) => entry.take_text(),
            (Meaning::Offset | Meaning::Code | Meaning::Text, _) => entry.set_odd(),
            (Meaning::RootCode, Event::Integer(code)) => self.seen.error_code = Some(code),
            (Meaning::RootText, Event::Text) => {
                self.seen.error_text = Some(String::from_utf8_lossy(&entry.scratch).into_owned());
            }
            (Meaning::Offsets, _) => self.lexer.give_up(),
            _ => {}
        }
    }

    fn end_entry(&mut self) {
        let seen = &mut self.seen;
        seen.entries += 1;
        let partition = self.entry.partition;
        match self.entry.judge(self.dialect) {
            Ok(offset) => {
                if self.first.is_none() && offset >= 0 {
                    self.first = partition.map(|partition| (partition, offset));
                }
                seen.acked += 1;
                seen.without_offset += u32::from(offset == -1);
                if let (Some(acks), Some(partition)) = (&mut self.acks, partition) {
                    acks.one(partition);
                }
            }
            Err(failed) => {
                seen.failed_at.push((seen.entries - 1, failed.rejected));
                let same = |row: &&mut FailedEntry| {
                    row.code == failed.code && row.rejected == failed.rejected
                };
                match seen.failed.iter_mut().find(same) {
                    Some(row) => row.records += 1,
                    None => seen.failed.push(failed),
                }
            }
        }
        self.entry.clear();
    }
}

fn meaning(depth: u8, in_entry: bool, key: &[u8]) -> Meaning {
    match key {
        b"offset" if in_entry => Meaning::Offset,
        b"partition" if in_entry => Meaning::Partition,
        b"error_code" if in_entry => Meaning::Code,
        b"error" | b"message" if in_entry => Meaning::Text,
        b"offsets" if depth == 1 => Meaning::Offsets,
        b"error_code" if depth == 1 => Meaning::RootCode,
        b"message" if depth == 1 => Meaning::RootText,
        _ => Meaning::None,
    }
}
