//! Bodies that the memory backend takes over as they are, instead of copying their records.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use super::super::backend::{Placed, topic_name_is_valid};
use super::super::partitioner::spread;
use super::super::whole::Whole;
use super::{Data, Memory, Topic, now_ms};

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
        mut buffers: impl FnMut(Vec<u8>),
    ) -> Option<Vec<Placed>> {
        if !topic_name_is_valid(name) || whole.bytes() > self.limits.max_bytes / LARGEST_PART {
            return None;
        }
        let topic = self.find_or_add(name)?;
        let parts = parts(&topic, &whole, partition)?;
        self.held_bytes.fetch_add(whole.bytes(), Relaxed);
        let whole = Arc::new(whole);
        let now_ms = now_ms();
        let mut placed: Vec<Placed> = parts.iter().map(unplaced).collect();
        let mut chosen: Vec<usize> = (0..parts.len()).collect();
        // Each partition is asked once, so that what goes there lies together.
        chosen.sort_by_key(|part| parts[*part].0);
        for same in chosen.chunk_by(|one, other| parts[*one].0 == parts[*other].0) {
            let partition = &topic.partitions[parts[same[0]].0 as usize];
            let ranges = same.iter().map(|part| &parts[*part].1);
            let (mut offset, spared) = partition.keep(now_ms, &whole, ranges);
            self.held_bytes.fetch_sub(spared, Relaxed);
            for part in same {
                placed[*part].offset = offset;
                offset += i64::from(placed[*part].count);
            }
        }
        // From now on its segments alone hold it: if another thread has dropped them already, nobody does.
        let freed = self.release(Data::Kept(whole, 0), &mut buffers);
        self.held_bytes.fetch_sub(freed, Relaxed);
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use super::super::super::backend::{Entry, NewTopic, Record};
    use super::super::super::body;
    use super::super::super::json::Raw;
    use super::super::MemoryLimits;
    use super::*;

    fn memory(max_bytes: usize, partitions: i32) -> Memory {
        Memory::new(MemoryLimits {
            auto_create: true,
            default_partitions: partitions,
            max_bytes,
            max_block: Duration::from_millis(1),
        })
    }

    /// A body of so many records, longer ones among them, and every 50th a null.
    fn body(records: usize) -> Vec<u8> {
        let record = |n: usize| {
            if n % 50 == 49 {
                return "{\"value\":null}".to_owned();
            }
            let payload = "x".repeat(150 + n / 100);
            format!("{{\"value\":{{\"n\":{n},\"payload\":\"{payload}\"}}}}")
        };
        let all: Vec<String> = (0..records).map(record).collect();
        let mut body = format!("{{\"records\":[{}]}}", all.join(",")).into_bytes();
        body.shrink_to_fit();
        body
    }

    fn keep(
        memory: &Memory,
        body: Vec<u8>,
        partition: Option<i32>,
        buffers: &mut usize,
    ) -> Option<Vec<Placed>> {
        let body = Arc::new(body);
        let read = body::read(&body);
        let whole = Whole::of(&body, read.records.as_ref().unwrap())?;
        drop(read);
        drop(body);
        memory.keep("t", whole, partition, |_| *buffers += 1)
    }

    /// Stores the same records one by one: what became of each.
    fn copy(memory: &Memory, body: &[u8], partition: Option<i32>) -> Vec<Entry> {
        let value = |raw: Raw<'_>| (!raw.is_null()).then(|| raw.text.to_vec().into());
        let records = body::read(body).records.unwrap();
        let records = records.iter().map(|raw| Record {
            partition,
            key: None,
            value: raw.value.and_then(value),
        });
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let produced = memory.produce("t", records.collect());
        runtime.unwrap().block_on(produced).unwrap()
    }

    fn one_by_one(placed: &[Placed]) -> Vec<Entry> {
        let entries = placed.iter().flat_map(|run| {
            (0..i64::from(run.count)).map(|index| Entry::Stored {
                partition: run.partition,
                offset: run.offset + index,
            })
        });
        entries.collect()
    }

    #[test]
    fn what_is_kept_reads_as_what_is_copied() {
        for (partitions, partition) in [(1, None), (3, None), (3, Some(1)), (200, None)] {
            let (kept, copied) = (memory(64 << 20, partitions), memory(64 << 20, partitions));
            for records in [1_000, 120, 700, 7] {
                let sent = body(records);
                let wanted = copy(&copied, &sent, partition);
                let found = if records > 100 {
                    one_by_one(&keep(&kept, sent, partition, &mut 0).unwrap())
                } else {
                    copy(&kept, &sent, partition)
                };
                assert_eq!(found, wanted, "{records} on {partitions}");
            }
            assert_eq!(kept.records("t"), copied.records("t"));
            assert_eq!(kept.totals(), copied.totals());
            assert_eq!(kept.totals().stored, 1_827);
        }
    }

    #[test]
    fn a_body_is_kept_or_not_as_a_whole() {
        let memory = memory(16 << 20, 2);
        let refused = |body: Vec<u8>, partition| keep(&memory, body, partition, &mut 0).is_none();
        let with = |record: &str| {
            let mut body = body(300);
            body.truncate(body.len() - 2);
            body.extend_from_slice(format!(",{record}]}}").as_bytes());
            body.shrink_to_fit();
            body
        };
        assert!(refused(with("{\"key\":1,\"value\":1}"), None));
        assert!(refused(with("{\"partition\":0,\"value\":1}"), None));
        assert!(refused(body(300), Some(2)) && refused(body(300), Some(-1)));
        assert!(
            refused(body(6_000), None),
            "a sixteenth of the bound is the most for one"
        );
        let mut roomy = body(300);
        roomy.reserve_exact(roomy.len());
        assert!(refused(roomy, None), "half of it holds nothing");
        assert_eq!(memory.totals().stored, 0);
        assert!(!refused(with("{\"value\":1}"), None));
        assert_eq!(memory.totals().stored, 301);
    }

    #[test]
    fn the_bound_counts_whole_bodies_and_they_go_whole() {
        const BOUND: usize = 4 << 20;
        let memory = memory(BOUND, 3);
        let mut buffers = 0;
        for n in 0..200 {
            // Copies between them must not take up a segment each for nothing.
            let small = body(2);
            copy(&memory, &small, None);
            keep(&memory, body(1_000), None, &mut buffers).unwrap();
            assert!(memory.held_bytes() <= BOUND, "{}", memory.held_bytes());
            let held: usize = memory
                .records("t")
                .iter()
                .filter_map(|stored| Some(stored.value.as_ref()?.len()))
                .sum();
            assert!(held <= memory.held_bytes());
            assert!(n < 50 || held > BOUND / 2, "{held} bytes held after {n}");
        }
        assert!(buffers > 150, "{buffers} buffers came back");
        let totals = memory.totals();
        assert_eq!(totals.stored, 200 * 1_002);
        let held = memory.records("t").len() as u64;
        assert_eq!(totals.dropped, totals.stored - held);
        assert!(memory.delete_topic("t").unwrap());
        assert_eq!(memory.held_bytes(), 0);
        let again = NewTopic {
            name: "t".to_owned(),
            partitions: Some(1),
            replication_factor: None,
            configs: BTreeMap::new(),
            validate_only: false,
        };
        memory.create_topic(&again).unwrap();
        assert!(memory.records("t").is_empty());
    }
}
