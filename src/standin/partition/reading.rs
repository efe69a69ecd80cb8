//! Reading a partition on from where a reader stood: the segment is found by its offset, and the place in it is remembered.

use super::{Data, NULL, Partition, Segment};
use crate::standin::whole::Place as Index;

/// Where a reader stands.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cursor {
    /// Of the next record.
    pub(crate) offset: i64,
    /// The segment it was last in, by its first offset, and where that record begins there.
    place: Option<(i64, Place)>,
    /// Records it went past without handing them out: what finding a place costs.
    pub(crate) passed: u64,
}

impl Cursor {
    pub(crate) fn at(offset: i64) -> Self {
        Self {
            offset,
            ..Self::default()
        }
    }
}

/// Where a record begins in a segment.
#[derive(Debug, Clone, Copy)]
enum Place {
    Byte(usize),
    Value(Index),
}

/// A record where it lies.
pub(crate) struct Held<'a> {
    pub(crate) offset: i64,
    /// In ms since 1970.
    pub(crate) timestamp_ms: i64,
    pub(crate) key: Option<&'a [u8]>,
    pub(crate) value: Option<&'a [u8]>,
}

/// There is no such offset here any more, or not yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OutOfRange;

impl Partition {
    /// Hands out the next records, this many at most, and moves the cursor behind them: how many there were.
    pub(crate) fn read_on(
        &self,
        cursor: &mut Cursor,
        most: usize,
        mut take: impl FnMut(Held<'_>),
    ) -> Result<usize, OutOfRange> {
        let log = self.lock();
        if !(log.begin..=log.end).contains(&cursor.offset) {
            return Err(OutOfRange);
        }
        let after = |segment: &Segment| segment.base_offset <= cursor.offset;
        let first = log.segments.partition_point(after).saturating_sub(1);
        let before = cursor.offset;
        let end = before.saturating_add(i64::try_from(most).unwrap_or(i64::MAX));
        for segment in log.segments.iter().skip(first) {
            if cursor.offset >= end {
                break;
            }
            segment.read_on(cursor, end, &mut take);
        }
        Ok((cursor.offset - before) as usize)
    }

    /// Offset of the first record that came at this time or later, the next one to be written if none did.
    pub(crate) fn since(&self, ms: i64) -> i64 {
        let log = self.lock();
        let found = log.segments.iter().find_map(|segment| {
            let index = segment.times.since(ms)?;
            Some(segment.base_offset + index)
        });
        found.unwrap_or(log.end)
    }
}

impl Segment {
    /// Hands out its records from the cursor on and up to this offset.
    fn read_on(&self, cursor: &mut Cursor, end: i64, take: &mut impl FnMut(Held<'_>)) {
        let end = end.min(self.base_offset + self.records);
        let known = cursor.place.filter(|(base, _)| *base == self.base_offset);
        let place = known.map_or_else(|| self.find(cursor), |(_, place)| place);
        let mut handed = |cursor: &mut Cursor, key, value| {
            take(Held {
                offset: cursor.offset,
                timestamp_ms: self.times.at(cursor.offset - self.base_offset),
                key,
                value,
            });
            cursor.offset += 1;
        };
        let place = match (&self.data, place) {
            (Data::Copied(data), Place::Byte(at)) => {
                let mut rest = &data[at..];
                while cursor.offset < end {
                    let (key, value) = next(&mut rest);
                    handed(cursor, key, value);
                }
                Place::Byte(data.len() - rest.len())
            }
            (Data::Kept(whole, _), Place::Value(mut at)) => {
                while cursor.offset < end {
                    handed(cursor, None, whole.next(&mut at));
                }
                Place::Value(at)
            }
            (_, place) => place,
        };
        cursor.place = Some((self.base_offset, place));
    }

    /// Where the cursor's record begins.
    fn find(&self, cursor: &mut Cursor) -> Place {
        let index = cursor.offset - self.base_offset;
        cursor.passed += index as u64;
        match &self.data {
            Data::Copied(data) => {
                let mut rest = data.as_slice();
                for _ in 0..index {
                    next(&mut rest);
                }
                Place::Byte(data.len() - rest.len())
            }
            Data::Kept(whole, first) => Place::Value(whole.place(*first + index as u32)),
        }
    }
}

/// Key and value of the record at the start, which is passed over.
fn next<'a>(rest: &mut &'a [u8]) -> (Option<&'a [u8]>, Option<&'a [u8]>) {
    let (key, value) = (take_length(rest), take_length(rest));
    (take(rest, key), take(rest, value))
}

fn take_length(rest: &mut &[u8]) -> u32 {
    let (head, tail) = rest
        .split_first_chunk::<4>()
        .expect("a segment holds two lengths before each record");
    *rest = tail;
    u32::from_le_bytes(*head)
}

fn take<'a>(rest: &mut &'a [u8], length: u32) -> Option<&'a [u8]> {
    if length == NULL {
        return None;
    }
    let (head, tail) = rest.split_at(length as usize);
    *rest = tail;
    Some(head)
}
