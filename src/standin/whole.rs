//! Records that are held in the body they came in: nothing of it is copied, and it goes when the last of them goes.

use std::ops::Range;
use std::sync::Arc;

use super::backend::MAX_PLAIN_RECORD_BYTES;
use super::desk::KEPT_BYTES;
use super::records::{Records, place};

/// Smaller bodies are copied: many of them share a segment, and what comes with each of these is more than a copy costs.
const SMALLEST: usize = 16 << 10;

/// Values in a row at even distances: of the first, where it begins; `None` for Kafka nulls.
#[derive(Debug)]
struct Values {
    first: Option<Range<u32>>,
    stride: u32,
    count: u32,
}

/// Where a value is: in which run of them, and which one there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    run: u32,
    index: u32,
}

/// The records of one request, all without a key, where they lie.
#[derive(Debug)]
pub(crate) struct Whole {
    body: Arc<Vec<u8>>,
    values: Vec<Values>,
    records: u32,
}

impl Whole {
    /// Whether a body of this length may be worth it.
    pub(crate) fn may_hold(length: usize) -> bool {
        (SMALLEST..=KEPT_BYTES).contains(&length)
    }

    /// Holds these records of a body: compact JSON, to be stored as it stands. `None` if one has a key, a partition or more
    /// bytes than any backend surely takes, or if more than a quarter of the memory would hold nothing of them.
    pub(crate) fn of(body: &Arc<Vec<u8>>, records: &Records<'_>) -> Option<Self> {
        let number = |bytes: usize| u32::try_from(bytes).ok();
        let mut values = Vec::with_capacity(records.runs().len());
        let mut used = 0;
        for run in records.runs() {
            if run.first.key.is_some() || run.first.partition.is_some() {
                return None;
            }
            let first = match run.first.value.filter(|value| !value.is_null()) {
                Some(value) if value.text.len() > MAX_PLAIN_RECORD_BYTES => return None,
                Some(value) => {
                    used += value.text.len() * run.count;
                    let start = place(body, value.text);
                    Some(number(start)?..number(start + value.text.len())?)
                }
                None => None,
            };
            values.push(Values {
                first,
                stride: number(run.stride)?,
                count: number(run.count)?,
            });
        }
        let whole = Self {
            body: Arc::clone(body),
            values,
            records: number(records.len())?,
        };
        (used >= whole.bytes() / 4 * 3).then_some(whole)
    }

    /// How many there are.
    pub(crate) fn records(&self) -> u32 {
        self.records
    }

    /// Bytes allocated for it.
    pub(crate) fn bytes(&self) -> usize {
        size_of::<Self>() + self.body.capacity() + self.values.capacity() * size_of::<Values>()
    }

    /// Length of each value; 0 for a null.
    pub(crate) fn lengths(&self) -> impl Iterator<Item = usize> + Clone + '_ {
        self.values.iter().flat_map(|values| {
            let length = values.first.as_ref().map_or(0, Range::len);
            std::iter::repeat_n(length, values.count as usize)
        })
    }

    /// The place of this value.
    pub(crate) fn place(&self, index: u32) -> Place {
        let mut place = Place { run: 0, index };
        while let Some(values) = self.values.get(place.run as usize)
            && place.index >= values.count
        {
            place.index -= values.count;
            place.run += 1;
        }
        place
    }

    /// The value at this place, `None` for a Kafka null; the place becomes that of the next one.
    pub(crate) fn next(&self, place: &mut Place) -> Option<&[u8]> {
        let values = self.values.get(place.run as usize)?;
        let shift = place.index * values.stride;
        place.index += 1;
        if place.index == values.count {
            *place = Place {
                run: place.run + 1,
                index: 0,
            };
        }
        let Range { start, end } = values.first.clone()?;
        Some(&self.body[(start + shift) as usize..(end + shift) as usize])
    }

    /// The buffer of the body, unless another holds it too.
    pub(crate) fn into_buffer(self) -> Option<Vec<u8>> {
        Arc::into_inner(self.body)
    }
}
