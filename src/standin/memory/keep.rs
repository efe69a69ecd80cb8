//! Bodies that the memory backend takes over as they are, instead of copying their records.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use super::super::backend::{Placed, topic_name_is_valid};
use super::super::partitioner::spread;
use super::super::whole::Whole;
use super::{Memory, Topic};

/// One body takes up no more than this part of the bound.
const LARGEST_PART: usize = 16;

impl Memory {
    /// Stores the records of a body, all on this partition or else as Kafka's producer spreads them: where each went, in
    /// order. `None`, and nothing is stored, if that cannot be said at once. Buffers that are free for that are handed out.
    pub(crate) fn keep(
        &self,
        name: &str,
        whole: Whole,
        partition: Option<i32>,
        buffers: impl FnMut(Vec<u8>),
    ) -> Option<Vec<Placed>> {
        if !topic_name_is_valid(name) || whole.bytes() > self.limits.max_bytes / LARGEST_PART {
            return None;
        }
        let topic = self.find_or_add(name)?;
        let parts = parts(&topic, &whole, partition)?;
        self.held_bytes.fetch_add(whole.bytes(), Relaxed);
        let whole = Arc::new(whole);
        let mut placed: Vec<Placed> = parts.iter().map(unplaced).collect();
        let mut chosen: Vec<usize> = (0..parts.len()).collect();
        // Each partition is asked once, so that what goes there lies together.
        chosen.sort_by_key(|part| parts[*part].0);
        for same in chosen.chunk_by(|one, other| parts[*one].0 == parts[*other].0) {
            let partition = &topic.partitions[parts[same[0]].0 as usize];
            let ranges = same.iter().map(|part| &parts[*part].1);
            let (mut offset, spared) = partition.keep(&whole, ranges);
            self.held_bytes.fetch_sub(spared, Relaxed);
            for part in same {
                placed[*part].offset = offset;
                offset += i64::from(placed[*part].count);
            }
        }
        // From now on it is held for its segments only.
        drop(whole);
        let partitions = chosen
            .iter()
            .map(|part| &topic.partitions[parts[*part].0 as usize]);
        self.admit(partitions, buffers);
        Some(placed)
    }
}

/// A part of a body, of which the offset is not yet known.
fn unplaced((partition, records): &(u32, Range<u32>)) -> Placed {
    Placed {
        partition: partition.cast_signed(),
        offset: 0,
        count: records.end - records.start,
    }
}

/// Which records go to which partition; `None` if there is no such partition.
fn parts(topic: &Topic, whole: &Whole, partition: Option<i32>) -> Option<Vec<(u32, Range<u32>)>> {
    let count = topic.partitions.len() as u32;
    let asked = partition.map(|asked| u32::try_from(asked).ok().filter(|asked| *asked < count));
    match asked {
        Some(asked) => Some(vec![(asked?, 0..whole.records())]),
        None if count == 1 => Some(vec![(0, 0..whole.records())]),
        None => Some(spread(whole.lengths(), count, &topic.keyless_bytes)),
    }
}
