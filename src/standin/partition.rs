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

    /// Appends records in order and tells where each one lies. `segment` makes room for at least as many bytes as it is asked for.
    pub(crate) fn append<'r>(
        &self,
        records: impl Iterator<Item = &'r Record<'r>>,
        segment: impl Fn(usize) -> Vec<u8>,
        mut placed: impl FnMut(Entry),
    ) -> Grown {
        let mut grown = Grown {
            segments: 0,
            bytes: 0,
        };
        let mut log = self.lock();
        let Log { end, segments, .. } = &mut *log;
        for record in records {
            let needed = 8 + length(record.key.as_deref()) + length(record.value.as_deref());
            let last = match segments.back_mut() {
                Some(last) if last.data.len() + needed <= last.data.capacity() => last,
                _ => {
                    let data = segment(needed);
                    grown.segments += 1;
                    grown.bytes += data.capacity();
                    segments.push_back_mut(Segment {
                        base_offset: *end,
                        records: 0,
                        data,
                    })
                }
            };
            last.records += 1;
            put(&mut last.data, record);
            placed(Entry::Stored {
                partition: self.number,
                offset: *end,
            });
            *end += 1;
        }
        grown
    }

    /// Drops the oldest segment and hands out what it took up.
    pub(crate) fn drop_oldest(&self) -> Option<Vec<u8>> {
        let mut log = self.lock();
        let segment = log.segments.pop_front()?;
        log.begin = segment.base_offset + segment.records;
        Some(segment.data)
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

    /// Where its segments lie in memory.
    #[cfg(test)]
    pub(crate) fn places(&self) -> Vec<usize> {
        let log = self.lock();
        let places = log
            .segments
            .iter()
            .map(|segment| segment.data.as_ptr().addr());
        places.collect()
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
    let length = |part: &Option<_>| {
        part.as_deref()
            .map_or(NULL, |bytes: &[u8]| bytes.len() as u32)
    };
    let [key, value] = [length(&record.key), length(&record.value)].map(u64::from);
    data.extend_from_slice(&(key | value << 32).to_le_bytes());
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
