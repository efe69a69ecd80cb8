//! One partition of the memory backend: an append-only log in bounded segments, oldest dropped first.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::backend::{Entry, Record};

/// Length that stands for a Kafka null in a segment.
const NULL: u32 = u32::MAX;

/// A record as it is held, copied out for tests and reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Partition it lies in.
    pub partition: i32,
    /// Its offset there.
    pub offset: i64,
    /// Key bytes; `None`: Kafka null.
    pub key: Option<Vec<u8>>,
    /// Value bytes; `None`: Kafka null.
    pub value: Option<Vec<u8>>,
}

/// Records back to back: key length, value length (little endian, [`NULL`] for null), key, value.
#[derive(Debug)]
struct Segment {
    base_offset: i64,
    records: i64,
    data: Vec<u8>,
}

#[derive(Debug, Default)]
struct Log {
    begin: i64,
    end: i64,
    segments: VecDeque<Segment>,
}

/// A partition; its lock is the only one a produce request takes for writing.
#[derive(Debug)]
pub(crate) struct Partition {
    number: i32,
    log: Mutex<Log>,
}

/// What an append added: the capacities of new segments, to be admitted into the memory bound.
pub(crate) struct Grown {
    /// New segments.
    pub(crate) segments: usize,
    /// Bytes allocated for them.
    pub(crate) bytes: usize,
}

impl Partition {
    pub(crate) fn new(number: i32) -> Self {
        Self {
            number,
            log: Mutex::default(),
        }
    }

    pub(crate) fn number(&self) -> i32 {
        self.number
    }

    /// Appends `records[index]` for each index in order and writes the outcome to `entries[index]`.
    pub(crate) fn append(
        &self,
        records: &[Record<'_>],
        indices: &[u32],
        segment_bytes: usize,
        entries: &mut [Entry],
    ) -> Grown {
        let mut grown = Grown {
            segments: 0,
            bytes: 0,
        };
        let mut log = self.lock();
        for &index in indices {
            let record = &records[index as usize];
            let needed = 8 + length(record.key.as_deref()) + length(record.value.as_deref());
            let has_room = log
                .segments
                .back()
                .is_some_and(|segment| segment.data.len() + needed <= segment.data.capacity());
            if !has_room {
                let data = Vec::with_capacity(needed.max(segment_bytes));
                grown.segments += 1;
                grown.bytes += data.capacity();
                let base_offset = log.end;
                log.segments.push_back(Segment {
                    base_offset,
                    records: 0,
                    data,
                });
            }
            let offset = log.end;
            log.end += 1;
            if let Some(segment) = log.segments.back_mut() {
                segment.records += 1;
                put(&mut segment.data, record);
            }
            entries[index as usize] = Entry::Stored {
                partition: self.number,
                offset,
            };
        }
        grown
    }

    /// Drops the oldest segment and returns the bytes freed.
    pub(crate) fn drop_oldest(&self) -> usize {
        let mut log = self.lock();
        let Some(segment) = log.segments.pop_front() else {
            return 0;
        };
        log.begin = segment.base_offset + segment.records;
        segment.data.capacity()
    }

    /// First offset still held and next offset to be written.
    pub(crate) fn offsets(&self) -> (i64, i64) {
        let log = self.lock();
        (log.begin, log.end)
    }

    /// Copies out every record still held, in order.
    pub(crate) fn read(&self, into: &mut Vec<Stored>) {
        let log = self.lock();
        for segment in &log.segments {
            let mut rest = segment.data.as_slice();
            for offset in segment.base_offset..segment.base_offset + segment.records {
                let key_length = take_length(&mut rest);
                let value_length = take_length(&mut rest);
                let key = take(&mut rest, key_length);
                let value = take(&mut rest, value_length);
                into.push(Stored {
                    partition: self.number,
                    offset,
                    key,
                    value,
                });
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Log> {
        // A panic while holding it leaves whole records only; the log stays usable.
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn length(bytes: Option<&[u8]>) -> usize {
    bytes.map_or(0, <[u8]>::len)
}

fn put(data: &mut Vec<u8>, record: &Record<'_>) {
    for part in [&record.key, &record.value] {
        let length = part.as_ref().map_or(NULL, |bytes| bytes.len() as u32);
        data.extend_from_slice(&length.to_le_bytes());
    }
    for part in [&record.key, &record.value].into_iter().flatten() {
        data.extend_from_slice(part);
    }
}

fn take_length(rest: &mut &[u8]) -> u32 {
    let (head, tail) = rest
        .split_first_chunk::<4>()
        .expect("a segment holds two lengths before each record");
    *rest = tail;
    u32::from_le_bytes(*head)
}

fn take(rest: &mut &[u8], length: u32) -> Option<Vec<u8>> {
    if length == NULL {
        return None;
    }
    let (head, tail) = rest.split_at(length as usize);
    *rest = tail;
    Some(head.to_vec())
}
