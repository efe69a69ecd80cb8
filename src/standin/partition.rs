//! One partition of the memory backend: an append-only log in bounded segments, oldest dropped first.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::backend::{Entry, Record};
use super::whole::Whole;

mod reading;
mod times;

pub(crate) use reading::{Cursor, OutOfRange};
use times::Times;

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

#[derive(Debug)]
struct Segment {
    base_offset: i64,
    records: i64,
    data: Data,
    times: Times,
}

/// Where the records of a segment are.
#[derive(Debug)]
pub(crate) enum Data {
    /// Back to back: key length, value length (little endian, [`NULL`] for null), key, value.
    Copied(Vec<u8>),
    /// In the body they came in, from this one on.
    Kept(Arc<Whole>, u32),
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

    /// Appends records in order and tells where each one lies. `segment` makes room for at least as many bytes as it is asked for;
    /// how often it was asked comes back.
    pub(crate) fn append<'r>(
        &self,
        now_ms: i64,
        records: impl Iterator<Item = &'r Record<'r>>,
        segment: impl Fn(usize) -> Vec<u8>,
        mut placed: impl FnMut(Entry),
    ) -> usize {
        let mut grown = 0;
        let mut log = self.lock();
        let Log { end, segments, .. } = &mut *log;
        let mut open = segments.back_mut().is_some_and(|last| match &last.data {
            Data::Copied(data) => last.times.note(last.records, now_ms, data.capacity()),
            Data::Kept(..) => false,
        });
        for record in records {
            let needed = 8 + length(record.key.as_deref()) + length(record.value.as_deref());
            let last = match segments.back_mut() {
                Some(Segment {
                    data: Data::Copied(data),
                    records,
                    ..
                }) if open && data.len() + needed <= data.capacity() => {
                    *records += 1;
                    data
                }
                _ => {
                    let data = segment(needed);
                    grown += 1;
                    open = true;
                    let new = segments.push_back_mut(Segment {
                        base_offset: *end,
                        records: 1,
                        data: Data::Copied(data),
                        times: Times::new(now_ms),
                    });
                    let Data::Copied(data) = &mut new.data else {
                        unreachable!("it was just made so");
                    };
                    data
                }
            };
            put(last, record);
            placed(Entry::Stored {
                partition: self.number,
                offset: *end,
            });
            *end += 1;
        }
        grown
    }

    /// Appends these parts of a whole body, each as a segment of its own: the offset of the first record, and how many bytes
    /// it gave back for that.
    pub(crate) fn keep<'r>(
        &self,
        now_ms: i64,
        whole: &Arc<Whole>,
        parts: impl Iterator<Item = &'r Range<u32>>,
    ) -> (i64, usize) {
        let mut log = self.lock();
        let Log { end, segments, .. } = &mut *log;
        let mut spared = 0;
        if let Some(Segment {
            data: Data::Copied(data),
            ..
        }) = segments.back_mut()
        {
            // Nothing more will be put there.
            let before = data.capacity();
            if data.len() < before / 2 {
                data.shrink_to_fit();
                spared = before - data.capacity();
            }
        }
        let first = *end;
        for part in parts {
            let records = i64::from(part.end - part.start);
            segments.push_back(Segment {
                base_offset: *end,
                records,
                data: Data::Kept(Arc::clone(whole), part.start),
                times: Times::new(now_ms),
            });
            *end += records;
        }
        (first, spared)
    }

    /// Drops the oldest segment and hands out what it took up.
    pub(crate) fn drop_oldest(&self) -> Option<Data> {
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
        let mut cursor = Cursor::at(self.offsets().0);
        let copy = |bytes: Option<&[u8]>| bytes.map(<[u8]>::to_vec);
        let copied = self.read_on(&mut cursor, usize::MAX, |held| {
            into.push(Stored {
                partition: self.number,
                offset: held.offset,
                key: copy(held.key),
                value: copy(held.value),
            });
        });
        // Its oldest records may be dropped before they are copied: the same again from there on.
        if copied == Err(OutOfRange) {
            self.read(into);
        }
    }

    /// Where its segments lie in memory.
    #[cfg(test)]
    pub(crate) fn places(&self) -> Vec<usize> {
        let log = self.lock();
        let places = log.segments.iter().map(|segment| match &segment.data {
            Data::Copied(data) => data.as_ptr().addr(),
            Data::Kept(whole, _) => Arc::as_ptr(whole).addr(),
        });
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
