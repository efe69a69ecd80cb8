//! The memory backend: topics and partitions that keep what was acknowledged, within a bound.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::Notify;
use tokio::time::Instant;

use self::groups::Groups;
use super::backend::{
    ApiError, Entry, MAX_PLAIN_RECORD_BYTES, MAX_RECORD_BYTES, Record, topic_name_is_valid,
};
use super::partition::{Data, Partition, Stored};
use super::partitioner::{assign, group, serialized_bytes};
use super::topic_configs;
use crate::wire::code;

const LARGEST_SEGMENT: usize = 256 << 10;
/// Segments that are kept for the next ones when they are dropped: fresh memory costs a page fault for each of its pages.
const SPARE_SEGMENTS: usize = 8;

mod admin;
mod groups;
mod keep;

pub(crate) use groups::Member;

/// What the store was asked to hold; see [`super::Settings`] for the flags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemoryLimits {
    /// Create a missing topic on produce.
    pub auto_create: bool,
    /// Partitions of a topic made without a count.
    pub default_partitions: i32,
    /// Bytes of records held in all; the oldest go first.
    pub max_bytes: usize,
    /// How long a record waits for a missing topic or partition.
    pub max_block: Duration,
}

/// Records stored and dropped since the start, deleted topics included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    /// Records acknowledged.
    pub stored: u64,
    /// Of these, records no longer held because of the memory bound.
    pub dropped: u64,
}

#[derive(Debug)]
struct Topic {
    partitions: Vec<Arc<Partition>>,
    configs: BTreeMap<String, String>,
    /// Bytes of records without a key so far: decides their partition.
    keyless_bytes: AtomicU64,
}

/// Topics kept in memory.
#[derive(Debug)]
pub struct Memory {
    limits: MemoryLimits,
    segment_bytes: usize,
    topics: RwLock<BTreeMap<String, Arc<Topic>>>,
    topic_made: Notify,
    /// Counts what happens to the list of topics and their partitions.
    layout: AtomicU64,
    groups: Groups,
    /// One token a segment, in the order they were made: whose oldest segment goes next.
    order: Mutex<VecDeque<Arc<Partition>>>,
    held_bytes: AtomicUsize,
    /// Empty segments for the next ones, all of the usual size; room for them is kept within the bound.
    spare: Mutex<Vec<Vec<u8>>>,
    /// Counts of deleted topics.
    deleted: Mutex<Totals>,
}

impl Memory {
    /// An empty store.
    pub fn new(limits: MemoryLimits) -> Self {
        Self {
            limits,
            segment_bytes: (limits.max_bytes / 256).clamp(128, LARGEST_SEGMENT),
            topics: RwLock::default(),
            topic_made: Notify::new(),
            layout: AtomicU64::new(0),
            groups: Groups::default(),
            order: Mutex::default(),
            held_bytes: AtomicUsize::new(0),
            spare: Mutex::default(),
            deleted: Mutex::default(),
        }
    }

    /// Every record still held of a topic, by partition and offset; empty for a missing topic.
    pub fn records(&self, topic: &str) -> Vec<Stored> {
        let mut records = Vec::new();
        if let Some(topic) = self.find(topic) {
            for partition in &topic.partitions {
                partition.read(&mut records);
            }
        }
        records
    }

    /// Counts over all topics, deleted ones included.
    pub fn totals(&self) -> Totals {
        let mut totals = *lock(&self.deleted);
        for topic in read(&self.topics).values() {
            count(topic, &mut totals);
        }
        totals
    }

    /// Counts of one topic; zero if it is missing.
    pub fn topic_totals(&self, topic: &str) -> Totals {
        let mut totals = Totals::default();
        if let Some(topic) = self.find(topic) {
            count(&topic, &mut totals);
        }
        totals
    }

    /// Bytes allocated for records.
    pub fn held_bytes(&self) -> usize {
        self.held_bytes.load(Relaxed) + lock(&self.spare).len() * self.segment_bytes
    }

    /// Stores records and says where each went, in request order.
    ///
    /// # Errors
    /// 500 for a negative partition; the records before it are stored, as on the real server.
    pub async fn produce(
        &self,
        name: &str,
        records: Vec<Record<'_>>,
    ) -> Result<Vec<Entry>, ApiError> {
        if !topic_name_is_valid(name) {
            let failed = || Entry::Failed {
                code: code::KAFKA,
                message: name.to_owned(),
            };
            return Ok(records.iter().map(|_| failed()).collect());
        }
        if let Some(topic) = self.find_or_add(name)
            && records.iter().all(|record| topic.takes(record))
        {
            let mut entries = Vec::with_capacity(records.len());
            self.store(&topic, &records, &mut entries);
            return Ok(entries);
        }
        self.produce_one_by_one(name, &records).await
    }

    /// As the real producer: each record that cannot go out holds up the ones behind it.
    async fn produce_one_by_one(
        &self,
        name: &str,
        records: &[Record<'_>],
    ) -> Result<Vec<Entry>, ApiError> {
        let mut entries = Vec::with_capacity(records.len());
        for record in records {
            if record.partition.is_some_and(|partition| partition < 0) {
                return Err(ApiError {
                    status: 500,
                    code: 500,
                    message: "Internal Server Error".to_owned(),
                });
            }
            let bytes = serialized_bytes(record);
            if bytes > MAX_RECORD_BYTES {
                entries.push(Entry::Failed {
                    code: code::KAFKA,
                    message: format!(
                        "The message is {bytes} bytes when serialized which is larger than {MAX_RECORD_BYTES}, which is the value of the max.request.size configuration."
                    ),
                });
                continue;
            }
            match self.wait_for(name, record.partition).await {
                Ok(topic) => self.store(&topic, std::slice::from_ref(record), &mut entries),
                Err(message) => entries.push(Entry::Failed {
                    code: code::KAFKA_RETRIABLE,
                    message,
                }),
            }
        }
        Ok(entries)
    }

    /// The topic once it has the partition; after `max_block` the text that says what is missing.
    async fn wait_for(&self, name: &str, partition: Option<i32>) -> Result<Arc<Topic>, String> {
        let deadline = Instant::now() + self.limits.max_block;
        loop {
            let made = self.topic_made.notified();
            let found = self.find(name);
            if let Some(topic) = &found
                && partition.is_none_or(|partition| partition < topic.count())
            {
                return Ok(Arc::clone(topic));
            }
            if tokio::time::timeout_at(deadline, made).await.is_err() {
                let waited = self.limits.max_block.as_millis();
                return Err(match (found, partition) {
                    (Some(topic), Some(partition)) => format!(
                        "Partition {partition} of topic {name} with partition count {} is not present in metadata after {waited} ms.",
                        topic.partitions.len()
                    ),
                    _ => format!("Topic {name} not present in metadata after {waited} ms."),
                });
            }
        }
    }

    /// Stores records that the topic takes, and adds an entry for each.
    fn store(&self, topic: &Topic, records: &[Record<'_>], entries: &mut Vec<Entry>) {
        let now_ms = now_ms();
        let count = topic.partitions.len();
        if let [partition] = topic.partitions.as_slice() {
            return self.append(partition, now_ms, records.iter(), |entry| {
                entries.push(entry);
            });
        }
        let targets = assign(records, count as u32, &topic.keyless_bytes);
        let first = entries.len();
        entries.resize(
            first + records.len(),
            Entry::Stored {
                partition: -1,
                offset: -1,
            },
        );
        for (partition, indices) in group(&targets, count) {
            let mut indices_again = indices.iter();
            let chosen = indices.iter().map(|index| &records[*index as usize]);
            self.append(&topic.partitions[partition], now_ms, chosen, |entry| {
                if let Some(index) = indices_again.next() {
                    entries[first + *index as usize] = entry;
                }
            });
        }
    }

    fn append<'r>(
        &self,
        partition: &Arc<Partition>,
        now_ms: i64,
        records: impl Iterator<Item = &'r Record<'r>>,
        placed: impl FnMut(Entry),
    ) {
        let grown = partition.append(now_ms, records, |needed| self.segment(needed), placed);
        if grown > 0 {
            self.admit(std::iter::repeat_n(partition, grown), drop);
        }
    }

    /// Room for records, counted in: a spare segment if it is large enough.
    fn segment(&self, needed: usize) -> Vec<u8> {
        let spare = (needed <= self.segment_bytes).then(|| lock(&self.spare).pop());
        let fresh = || Vec::with_capacity(needed.max(self.segment_bytes));
        let segment = spare.flatten().unwrap_or_else(fresh);
        self.held_bytes.fetch_add(segment.capacity(), Relaxed);
        segment
    }

    /// Takes note of new segments of these partitions and drops the oldest ones until the bound holds. One segment is always
    /// kept; the buffers of bodies that go are handed out.
    fn admit<'p>(
        &self,
        partitions: impl Iterator<Item = &'p Arc<Partition>>,
        mut buffers: impl FnMut(Vec<u8>),
    ) {
        let for_records =
            (self.limits.max_bytes).saturating_sub(SPARE_SEGMENTS * self.segment_bytes);
        let mut held = self.held_bytes.load(Relaxed);
        let mut order = lock(&self.order);
        order.extend(partitions.cloned());
        while held > for_records && order.len() > 1 {
            let Some(oldest) = order.pop_front() else {
                break;
            };
            let Some(dropped) = oldest.drop_oldest() else {
                continue;
            };
            let freed = self.release(dropped, &mut buffers);
            held = self.held_bytes.fetch_sub(freed, Relaxed) - freed;
        }
    }

    /// Keeps what a segment took up for the next ones, or hands the buffer of a body out: how many bytes are held less.
    fn release(&self, dropped: Data, buffers: &mut impl FnMut(Vec<u8>)) -> usize {
        match dropped {
            Data::Copied(mut data) => {
                let freed = data.capacity();
                let mut spare = lock(&self.spare);
                if freed == self.segment_bytes && spare.len() < SPARE_SEGMENTS {
                    data.clear();
                    spare.push(data);
                }
                freed
            }
            Data::Kept(whole, _) => {
                let Some(whole) = Arc::into_inner(whole) else {
                    return 0;
                };
                let freed = whole.bytes();
                whole.into_buffer().into_iter().for_each(buffers);
                freed
            }
        }
    }

    fn find(&self, name: &str) -> Option<Arc<Topic>> {
        read(&self.topics).get(name).cloned()
    }

    /// The topic, made if it may be.
    fn find_or_add(&self, name: &str) -> Option<Arc<Topic>> {
        match self.find(name) {
            None if self.limits.auto_create => Some(self.add(name, None, BTreeMap::new())),
            known => known,
        }
    }

    fn add(
        &self,
        name: &str,
        partitions: Option<i32>,
        configs: BTreeMap<String, String>,
    ) -> Arc<Topic> {
        let mut topics = self.topics.write().unwrap_or_else(PoisonError::into_inner);
        let topic = topics.entry(name.to_owned()).or_insert_with(|| {
            let count = partitions
                .filter(|count| *count > 0)
                .unwrap_or(self.limits.default_partitions);
            let mut all = topic_configs::defaults();
            all.extend(configs);
            Arc::new(Topic {
                partitions: (0..count).map(|n| Arc::new(Partition::new(n))).collect(),
                configs: all,
                keyless_bytes: AtomicU64::new(0),
            })
        });
        self.layout.fetch_add(1, Relaxed);
        self.topic_made.notify_waiters();
        Arc::clone(topic)
    }
}

impl Topic {
    fn count(&self) -> i32 {
        self.partitions.last().map_or(0, |last| last.number() + 1)
    }

    /// Whether a record can be stored at once.
    fn takes(&self, record: &Record<'_>) -> bool {
        record
            .partition
            .is_none_or(|partition| (0..self.count()).contains(&partition))
            && fits(record)
    }
}

/// Whether a record is no larger than Kafka's producer takes.
fn fits(record: &Record<'_>) -> bool {
    let length = |bytes: Option<&[u8]>| bytes.map_or(0, <[u8]>::len);
    let payload = length(record.key.as_deref()) + length(record.value.as_deref());
    payload <= MAX_PLAIN_RECORD_BYTES || serialized_bytes(record) <= MAX_RECORD_BYTES
}

fn count(topic: &Topic, totals: &mut Totals) {
    for partition in &topic.partitions {
        let (begin, end) = partition.offsets();
        totals.stored += end as u64;
        totals.dropped += begin as u64;
    }
}

/// The time now, in ms since 1970.
fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_millis() as i64)
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn read<T>(lock: &RwLock<T>) -> std::sync::RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::super::backend::NewTopic;
    use super::*;

    fn memory(max_bytes: usize, auto_create: bool) -> Memory {
        Memory::new(MemoryLimits {
            auto_create,
            default_partitions: 2,
            max_bytes,
            max_block: Duration::from_millis(20),
        })
    }

    fn record(partition: Option<i32>, value: &[u8]) -> Record<'_> {
        Record {
            partition,
            key: None,
            value: Some(value.into()),
        }
    }

    fn block_on<T>(future: impl Future<Output = T>) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        runtime.unwrap().block_on(future)
    }

    #[test]
    fn what_is_acknowledged_is_held_in_order() {
        let memory = memory(1 << 20, true);
        let values: Vec<Vec<u8>> = (0..100)
            .map(|n| format!("value {n}").into_bytes())
            .collect();
        let places: Vec<(i32, i64)> = (0..50)
            .flat_map(|offset| [(0, offset), (1, offset)])
            .collect();
        let records = values.iter().zip(&places);
        let records = records
            .map(|(value, (p, _))| record(Some(*p), value))
            .collect();
        let entries = block_on(memory.produce("t", records)).unwrap();
        for (entry, (partition, offset)) in entries.iter().zip(places) {
            assert_eq!(*entry, Entry::Stored { partition, offset });
        }
        let held = memory.records("t");
        assert_eq!(held.len(), 100);
        for stored in held {
            let n = stored.offset as usize * 2 + stored.partition as usize;
            assert_eq!(stored.value.as_deref(), Some(values[n].as_slice()));
            assert_eq!(stored.key, None);
        }
        assert_eq!(memory.offsets("t", 1), Ok(Some((0, 50))));
        assert_eq!(memory.offsets("t", 2), Ok(None));
        assert_eq!(
            memory.totals(),
            Totals {
                stored: 100,
                dropped: 0
            }
        );
    }

    #[test]
    fn nulls_are_kept_apart_from_empty_bytes() {
        let memory = memory(1 << 20, true);
        let both = |key: Option<&'static [u8]>, value: Option<&'static [u8]>| Record {
            partition: Some(0),
            key: key.map(Into::into),
            value: value.map(Into::into),
        };
        let records = vec![
            both(None, None),
            both(Some(b""), Some(b"")),
            both(Some(b"k"), None),
        ];
        block_on(memory.produce("t", records)).unwrap();
        let held = memory.records("t").into_iter();
        let held: Vec<_> = held.map(|stored| (stored.key, stored.value)).collect();
        assert_eq!(
            held,
            [
                (None, None),
                (Some(vec![]), Some(vec![])),
                (Some(b"k".to_vec()), None)
            ]
        );
    }

    #[test]
    fn the_oldest_go_when_memory_is_full_and_offsets_go_on() {
        let memory = memory(8 << 10, true);
        for n in 0..1000_u32 {
            let value = format!("{n:0100}").into_bytes();
            block_on(memory.produce("t", vec![record(None, &value)])).unwrap();
            assert!(
                memory.held_bytes() <= (8 << 10) + 128,
                "{} bytes held",
                memory.held_bytes()
            );
        }
        let totals = memory.totals();
        let held = memory.records("t");
        assert_eq!(totals.stored, 1000);
        assert_eq!(totals.dropped, 1000 - held.len() as u64);
        assert!(held.len() > 40, "{} held", held.len());
        let ends: i64 = (0..2)
            .map(|p| memory.offsets("t", p).unwrap().unwrap().1)
            .sum();
        assert_eq!(ends, 1000);
        let (begin, _) = memory.offsets("t", 0).unwrap().unwrap();
        assert_eq!(
            held.iter()
                .find(|stored| stored.partition == 0)
                .unwrap()
                .offset,
            begin
        );
        assert!(memory.delete_topic("t").unwrap());
        assert_eq!(memory.held_bytes(), 0);
        assert_eq!(memory.totals(), totals, "a deleted topic still counts");
    }

    #[test]
    fn dropped_segments_are_used_again() {
        let memory = memory(64 << 10, true);
        let value = [b'x'; 100];
        let store = || block_on(memory.produce("t", vec![record(Some(0), &value)])).unwrap();
        let has_dropped = |memory: &Memory| memory.totals().dropped > 0;
        while !has_dropped(&memory) {
            store();
        }
        let places = |memory: &Memory| {
            let partition = Arc::clone(&memory.find("t").unwrap().partitions[0]);
            let mut places = partition.places();
            places.extend(
                lock(&memory.spare)
                    .iter()
                    .map(|spare| spare.as_ptr().addr()),
            );
            places.sort_unstable();
            places
        };
        let before = places(&memory);
        for _ in 0..2_000 {
            store();
            assert!(memory.held_bytes() <= 64 << 10, "{}", memory.held_bytes());
        }
        assert_eq!(places(&memory), before, "no memory was asked for again");
    }

    #[test]
    fn a_record_waits_for_its_topic_until_it_is_made() {
        let memory = memory(1 << 20, false);
        let new = NewTopic {
            name: "t".to_owned(),
            partitions: Some(1),
            replication_factor: None,
            configs: BTreeMap::new(),
            validate_only: false,
        };
        let (entries, ()) = block_on(async {
            tokio::join!(memory.produce("t", vec![record(None, b"1")]), async {
                memory.create_topic(&new).unwrap();
            })
        });
        assert_eq!(
            entries,
            Ok(vec![Entry::Stored {
                partition: 0,
                offset: 0
            }])
        );
        let entries = block_on(memory.produce("u", vec![record(None, b"1")])).unwrap();
        let message = "Topic u not present in metadata after 20 ms.".to_owned();
        assert_eq!(
            entries,
            [Entry::Failed {
                code: code::KAFKA_RETRIABLE,
                message
            }]
        );
    }

    #[test]
    fn records_before_a_negative_partition_are_stored() {
        let memory = memory(1 << 20, true);
        let records = vec![
            record(Some(0), b"1"),
            record(Some(-1), b"2"),
            record(Some(0), b"3"),
        ];
        let refused = block_on(memory.produce("t", records)).unwrap_err();
        assert_eq!((refused.status, refused.code), (500, 500));
        assert_eq!(memory.totals().stored, 1);
    }
}
