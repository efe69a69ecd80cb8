//! A member's partitions, by its group or by hand, and where in each of them it stands.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::topic_partition_list::{Offset, TopicPartitionListElem};
use rdkafka::types::RDKafkaRespErr;
use rdkafka::{ClientContext, TopicPartitionList};

use super::session::Partitions;
use crate::standin::members::{Fetched, Reset, TopicPartition};

/// How long partitions may take to be given their first positions. After that librdkafka finds them by itself.
const FIRST_POSITIONS: Duration = Duration::from_secs(5);

/// What librdkafka calls back, while it is polled.
pub(super) struct Group {
    reset: Reset,
    auto_commit: bool,
    held: Mutex<Held>,
    rebalances: AtomicU64,
}

#[derive(Default)]
struct Held {
    partitions: Partitions,
    /// Topic, partition and offset of the last record that was handed out, if that is not in there yet: records come in runs.
    last: Option<(Arc<str>, i32, i64)>,
}

impl Held {
    fn note(&mut self) {
        let Some((topic, partition, offset)) = self.last.take() else {
            return;
        };
        let of = TopicPartition {
            topic: topic.to_string(),
            partition,
        };
        // What was taken away meanwhile is not its own any more.
        if let Some(place) = self.partitions.get_mut(&of) {
            *place = Some(offset + 1);
        }
    }
}

impl Group {
    pub(super) fn new(reset: Reset, auto_commit: bool) -> Self {
        Self {
            reset,
            auto_commit,
            held: Mutex::default(),
            rebalances: AtomicU64::new(0),
        }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.note();
        held
    }

    pub(super) fn partitions(&self) -> Partitions {
        self.held().partitions.clone()
    }

    pub(super) fn has_partitions(&self) -> bool {
        !self.held().partitions.is_empty()
    }

    /// How many there were.
    pub(super) fn rebalances(&self) -> u64 {
        self.rebalances.load(Ordering::Relaxed)
    }

    /// Partitions that have no committed offset, where nothing says where to begin.
    pub(super) fn undefined(&self) -> Vec<TopicPartition> {
        match self.reset {
            Reset::Earliest | Reset::Latest => Vec::new(),
            Reset::None => {
                let held = self.held();
                let unknown = held
                    .partitions
                    .iter()
                    .filter(|(_, offset)| offset.is_none());
                unknown.map(|(of, _)| of.clone()).collect()
            }
        }
    }

    /// Takes these partitions in place of those before; who keeps one keeps the place in it.
    pub(super) fn assign(
        &self,
        consumer: &BaseConsumer<Self>,
        wanted: Vec<TopicPartition>,
    ) -> KafkaResult<()> {
        self.auto_commit(consumer, CommitMode::Async);
        let before = std::mem::take(&mut self.held().partitions);
        let (kept, new): (Vec<_>, Vec<_>) = wanted
            .into_iter()
            .map(|of| (before.get(&of).copied().flatten(), of))
            .partition(|(offset, _)| offset.is_some());
        let mut partitions: Partitions = new.into_iter().map(|(_, of)| (of, None)).collect();
        // Without them librdkafka finds the places, and they are known with the first records.
        if let Ok(found) = self.first_positions(consumer, &partitions) {
            partitions.extend(found);
        }
        partitions.extend(kept.into_iter().map(|(offset, of)| (of, offset)));
        self.held().partitions = partitions;
        self.hand_over(consumer)
    }

    /// Tells librdkafka. Nothing is read as long as it is not known where to begin.
    fn hand_over(&self, consumer: &BaseConsumer<Self>) -> KafkaResult<()> {
        if self.undefined().is_empty() {
            let partitions = list(&self.partitions())?;
            consumer.assign(&partitions)
        } else {
            consumer.assign(&TopicPartitionList::new())
        }
    }

    /// Committed offsets, and where there are none, the ends that the reset policy names.
    fn first_positions(
        &self,
        consumer: &BaseConsumer<Self>,
        partitions: &Partitions,
    ) -> KafkaResult<Partitions> {
        if partitions.is_empty() {
            return Ok(Partitions::new());
        }
        let committed = consumer.committed_offsets(list(partitions)?, FIRST_POSITIONS)?;
        let mut found = Partitions::new();
        let mut without = Vec::new();
        for element in committed.elements() {
            element.error()?;
            match element.offset() {
                Offset::Offset(offset) => _ = found.insert(of(&element), Some(offset)),
                _ => without.push(of(&element)),
            }
        }
        let from = match self.reset {
            Reset::Earliest => Offset::Beginning,
            Reset::Latest => Offset::End,
            Reset::None => return Ok(found),
        };
        let without: Vec<_> = without.into_iter().map(|of| (of, from)).collect();
        found.extend(offsets_at(consumer, &without, FIRST_POSITIONS)?);
        Ok(found)
    }

    /// Commits what is due and has no partitions any more.
    pub(super) fn revoke(&self, consumer: &BaseConsumer<Self>) {
        // What was lost to others is theirs to commit.
        if !consumer.assignment_lost() {
            self.auto_commit(consumer, CommitMode::Async);
        }
        self.clear();
        // It only fails while the client is being torn down.
        let _ = consumer.unassign();
    }

    pub(super) fn clear(&self) {
        self.held().partitions.clear();
    }

    /// Commits all positions, if that is to happen by itself.
    pub(super) fn auto_commit(&self, consumer: &BaseConsumer<Self>, mode: CommitMode) {
        if !self.auto_commit {
            return;
        }
        let mut known = self.partitions();
        known.retain(|_, offset| offset.is_some());
        if let Ok(offsets) = list(&known)
            && offsets.count() > 0
        {
            // As in Kafka's Java client, the next one makes up for one that fails.
            let _ = consumer.commit(&offsets, mode);
        }
    }

    /// This one is handed out. At once, since the next poll may give its partition away, and commit before it does.
    pub(super) fn advance(&self, record: &Fetched) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut held.last {
            Some((topic, partition, offset))
                if *partition == record.partition && Arc::ptr_eq(topic, &record.topic) =>
            {
                *offset = record.offset;
            }
            _ => {
                held.note();
                held.last = Some((Arc::clone(&record.topic), record.partition, record.offset));
            }
        }
    }

    /// New positions of partitions it has.
    pub(super) fn set(&self, positions: &Partitions) {
        let mut held = self.held();
        for (of, offset) in positions {
            if let Some(place) = held.partitions.get_mut(of) {
                *place = *offset;
            }
        }
    }

    /// Looks whether somebody has committed an offset where there was none to begin at.
    pub(super) fn look_again(&self, consumer: &BaseConsumer<Self>) {
        let undefined = self.undefined().into_iter().map(|of| (of, None));
        if let Ok(found) = self.first_positions(consumer, &undefined.collect())
            && !found.is_empty()
        {
            self.place(consumer, &found);
        }
    }

    /// Takes its partitions anew, to begin there; `false` if librdkafka did not.
    pub(super) fn begin_at(&self, consumer: &BaseConsumer<Self>, positions: &Partitions) -> bool {
        self.set(positions);
        self.hand_over(consumer).is_ok()
    }

    /// Where there was no offset to begin at, there is one now. `false` if none was missing, and nothing was done.
    pub(super) fn place(&self, consumer: &BaseConsumer<Self>, positions: &Partitions) -> bool {
        if self.undefined().is_empty() {
            return false;
        }
        self.begin_at(consumer, positions)
    }
}

impl ClientContext for Group {
    fn log(&self, _: RDKafkaLogLevel, _: &str, _: &str) {}
    fn error(&self, _: KafkaError, _: &str) {}
}

impl ConsumerContext for Group {
    fn rebalance(
        &self,
        consumer: &BaseConsumer<Self>,
        event: RDKafkaRespErr,
        partitions: &mut TopicPartitionList,
    ) {
        if event == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS {
            self.clear();
            let wanted = partitions.elements().iter().map(of).collect();
            // It only fails while the client is being torn down.
            let _ = self.assign(consumer, wanted);
        } else {
            self.revoke(consumer);
        }
        self.rebalances.fetch_add(1, Ordering::Relaxed);
    }
}

fn of(element: &TopicPartitionListElem<'_>) -> TopicPartition {
    TopicPartition {
        topic: element.topic().to_owned(),
        partition: element.partition(),
    }
}

/// For librdkafka; where there is no offset, the committed one.
pub(super) fn list(partitions: &Partitions) -> KafkaResult<TopicPartitionList> {
    let mut list = TopicPartitionList::with_capacity(partitions.len());
    for (of, offset) in partitions {
        let offset = offset.map_or(Offset::Invalid, Offset::Offset);
        list.add_partition_offset(&of.topic, of.partition, offset)?;
    }
    Ok(list)
}

/// Offsets at these times: in ms since 1970, or one of the ends. A time behind all records is the end.
pub(super) fn offsets_at(
    consumer: &BaseConsumer<Group>,
    times: &[(TopicPartition, Offset)],
    timeout: Duration,
) -> KafkaResult<Partitions> {
    let mut offsets = Partitions::new();
    let mut asked = times.to_vec();
    while !asked.is_empty() {
        let mut list = TopicPartitionList::with_capacity(asked.len());
        for (of, time) in &asked {
            list.add_partition_offset(&of.topic, of.partition, *time)?;
        }
        let ends_only = asked.iter().all(|(_, time)| *time == Offset::End);
        asked.clear();
        for element in consumer.offsets_for_times(list, timeout)?.elements() {
            element.error()?;
            match element.offset() {
                Offset::Offset(offset) => _ = offsets.insert(of(&element), Some(offset)),
                _ if ends_only => _ = offsets.insert(of(&element), None),
                _ => asked.push((of(&element), Offset::End)),
            }
        }
    }
    Ok(offsets)
}
