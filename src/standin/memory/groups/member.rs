//! A member of a group in memory: what it reads, and where it stands in each of its partitions.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use regex_lite::Regex;

use super::range::sort_as_java;
use super::state::State;
use super::{Group, Memory, lock};
use crate::standin::backend::ApiError;
use crate::standin::members::{
    Fetched, MemberSettings, Position, Reset, Seek, Subscription, TopicPartition, illegal_state,
    kafka_error, uuid,
};
use crate::standin::partition::{Cursor, Partition};

/// How often a member commits by itself: `auto.commit.interval.ms`.
const AUTO_COMMIT_INTERVAL: Duration = Duration::from_secs(5);

/// A consumer in memory; nobody else has a place in its group for it.
#[derive(Debug)]
pub(crate) struct Member {
    memory: Arc<Memory>,
    group: Arc<Group>,
    settings: MemberSettings,
    /// Unique in the process.
    id: u64,
    /// As Kafka names it: client id and a random part.
    consumer: String,
    reads: Mutex<Reads>,
}

/// What it reads.
#[derive(Debug)]
struct Reads {
    wish: Wish,
    /// Topics it is subscribed to, as of this state of the list of topics.
    topics: Vec<String>,
    layout: Option<u64>,
    /// Of the group, when it got its share; `None`: it has none.
    generation: Option<u32>,
    assigned: Vec<Assigned>,
    /// Which of them is read next.
    turn: usize,
    committed_at: Instant,
    closed: bool,
}

#[derive(Debug)]
enum Wish {
    Nothing,
    Topics(Vec<String>),
    Pattern(Regex),
    /// Partitions chosen by hand: no place in the group is needed for that.
    Chosen,
}

/// A partition it reads.
#[derive(Debug)]
struct Assigned {
    of: TopicPartition,
    topic: Arc<str>,
    /// Where it stands, and in what; `None`: not looked for yet.
    cursor: Option<(Arc<Partition>, Cursor)>,
}

impl Member {
    /// A consumer that reads nothing yet.
    pub(crate) fn new(memory: Arc<Memory>, settings: MemberSettings) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let group = memory.groups.of(&settings.group);
        Self {
            group,
            id: NEXT.fetch_add(1, Relaxed),
            consumer: format!("{}-{}", settings.instance, uuid()),
            settings,
            reads: Mutex::new(Reads {
                wish: Wish::Nothing,
                topics: Vec::new(),
                layout: None,
                generation: None,
                assigned: Vec::new(),
                turn: 0,
                committed_at: Instant::now(),
                closed: false,
            }),
            memory,
        }
    }

    /// Wants these topics from the next poll on.
    pub(crate) fn subscribe(&self, subscription: Subscription) -> Result<(), ApiError> {
        let mut reads = lock(&self.reads);
        let exclusive = || {
            illegal_state("Subscription to topics, partitions and pattern are mutually exclusive")
        };
        let wish = match (subscription, &reads.wish) {
            (Subscription::Topics(topics), _) if topics.is_empty() => {
                self.forsake(&mut reads);
                return Ok(());
            }
            (Subscription::Topics(mut topics), Wish::Nothing | Wish::Topics(_)) => {
                topics.sort();
                topics.dedup();
                Wish::Topics(topics)
            }
            (Subscription::Pattern(pattern), Wish::Nothing | Wish::Pattern(_)) => {
                let whole = Regex::new(&format!("^(?:{pattern})$"));
                Wish::Pattern(whole.map_err(|_| internal())?)
            }
            _ => return Err(exclusive()),
        };
        reads.wish = wish;
        reads.layout = None;
        self.resolve(&mut reads);
        Ok(())
    }

    /// Wants nothing any more, and leaves its place in the group.
    pub(crate) fn unsubscribe(&self) {
        self.forsake(&mut lock(&self.reads));
    }

    fn forsake(&self, reads: &mut Reads) {
        let now = Instant::now();
        self.state().leave(self.id, now);
        reads.wish = Wish::Nothing;
        reads.topics.clear();
        reads.assigned.clear();
        reads.generation = None;
    }

    /// Topics it is subscribed to.
    pub(crate) fn subscription(&self) -> Vec<String> {
        let mut reads = lock(&self.reads);
        self.resolve(&mut reads);
        reads.topics.clone()
    }

    /// Reads these partitions, whoever else reads them.
    pub(crate) fn assign(&self, partitions: Vec<TopicPartition>) -> Result<(), ApiError> {
        let mut reads = lock(&self.reads);
        if matches!(reads.wish, Wish::Topics(_) | Wish::Pattern(_)) {
            let message = "Subscription to topics, partitions and pattern are mutually exclusive";
            return Err(illegal_state(message));
        }
        if self.settings.auto_commit {
            self.commit_positions(&reads, &mut self.state());
        }
        reads.wish = if partitions.is_empty() {
            Wish::Nothing
        } else {
            Wish::Chosen
        };
        reads.take(partitions);
        Ok(())
    }

    /// Partitions it reads.
    pub(crate) fn assignment(&self) -> Vec<TopicPartition> {
        let reads = lock(&self.reads);
        reads.assigned.iter().map(|one| one.of.clone()).collect()
    }

    /// What is there now, this many records at most; takes part in the group's life first.
    pub(crate) fn poll(&self, most: usize) -> Result<Vec<Fetched>, ApiError> {
        let mut reads = lock(&self.reads);
        let reads = &mut *reads;
        let mut fetched = Vec::new();
        if reads.closed || !self.keep_place(reads) {
            return Ok(fetched);
        }
        for index in 0..reads.assigned.len() {
            self.place(&mut reads.assigned[index])?;
        }
        let count = reads.assigned.len();
        for step in 0..count {
            let index = (reads.turn + step) % count;
            let one = &mut reads.assigned[index];
            if self.read_on(one, most - fetched.len(), &mut fetched)? > 0 {
                reads.turn = index;
            }
            if fetched.len() == most {
                break;
            }
        }
        // The next poll begins with another partition, so that none of them waits for the end of one.
        reads.turn = (reads.turn + 1) % count.max(1);
        if self.settings.auto_commit && reads.committed_at.elapsed() >= AUTO_COMMIT_INTERVAL {
            self.commit_positions(reads, &mut self.state());
            reads.committed_at = Instant::now();
        }
        Ok(fetched)
    }

    /// Goes on reading elsewhere.
    pub(crate) fn seek(&self, places: &[(TopicPartition, Seek)]) -> Result<(), ApiError> {
        let mut reads = lock(&self.reads);
        for (of, to) in places {
            let found = reads.assigned.iter_mut().find(|one| one.of == *of);
            let Some(one) = found else {
                let (topic, partition) = (&of.topic, of.partition);
                return Err(illegal_state(&format!(
                    "No current assignment for partition {topic}-{partition}"
                )));
            };
            let Some(partition) = self.memory.partition(of) else {
                continue;
            };
            let (begin, end) = partition.offsets();
            let offset = match *to {
                Seek::Beginning => begin,
                Seek::End => end,
                Seek::Offset(offset) if offset < 0 => return Err(internal()),
                Seek::Offset(offset) => offset,
                Seek::Timestamp(ms) => partition.since(ms),
            };
            one.cursor = Some((partition, Cursor::at(offset)));
        }
        Ok(())
    }

    /// Next offset to read of each partition that was read or sought.
    pub(crate) fn positions(&self) -> Vec<(TopicPartition, i64)> {
        lock(&self.reads).positions().collect()
    }

    /// Stores offsets for the group.
    pub(crate) fn commit(&self, positions: &[Position]) -> Result<(), ApiError> {
        let reads = lock(&self.reads);
        for position in positions {
            let TopicPartition { topic, partition } = &position.of;
            if position.offset < 0 {
                return Err(internal());
            }
            if self.memory.partition(&position.of).is_none() {
                let message = format!("Topic or Partition {topic}-{partition} does not exist");
                return Err(kafka_error(&message));
            }
        }
        let mut state = self.state();
        if matches!(reads.wish, Wish::Topics(_) | Wish::Pattern(_)) {
            self.may_commit(&reads, &state)?;
        }
        for position in positions {
            state.commit(position);
        }
        Ok(())
    }

    /// Whether its group takes offsets from it, which has been so since it got its share and is so until it gives it up.
    fn may_commit(&self, reads: &Reads, state: &State) -> Result<(), ApiError> {
        if !state.has(self.id) {
            return Err(kafka_error(
                "Offset commit cannot be completed since the consumer is not part of an active group for auto partition assignment; it is likely that the consumer was kicked out of the group.",
            ));
        }
        if reads.generation != Some(state.generation()) {
            return Err(kafka_error(
                "Offset commit cannot be completed since the consumer is undergoing a rebalance for auto partition assignment. You can try completing the rebalance by calling poll() and then retry the operation.",
            ));
        }
        Ok(())
    }

    /// What its group has committed of these; nothing of the others.
    pub(crate) fn committed(&self, partitions: &[TopicPartition]) -> Vec<Position> {
        let state = self.state();
        let committed = partitions.iter().filter_map(|of| state.committed(of));
        committed.collect()
    }

    /// Leaves the group for good.
    pub(crate) fn close(&self) {
        let mut reads = lock(&self.reads);
        if reads.closed {
            return;
        }
        reads.closed = true;
        if self.settings.auto_commit {
            self.commit_positions(&reads, &mut self.state());
        }
        self.forsake(&mut reads);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.group.state)
    }

    /// Sees which topics it wants by now. Whether they were looked up anew.
    fn resolve(&self, reads: &mut Reads) -> bool {
        let layout = self.memory.layout.load(Relaxed);
        if reads.layout == Some(layout) {
            return false;
        }
        reads.layout = Some(layout);
        reads.topics = match &reads.wish {
            Wish::Nothing | Wish::Chosen => Vec::new(),
            Wish::Topics(topics) => topics.clone(),
            Wish::Pattern(pattern) => {
                let mut names = self.memory.topics().unwrap_or_default();
                names.retain(|name| pattern.is_match(name));
                names
            }
        };
        true
    }

    /// Keeps its place in the group, or takes one: whether it has a share to read.
    fn keep_place(&self, reads: &mut Reads) -> bool {
        if matches!(reads.wish, Wish::Nothing | Wish::Chosen) {
            return true;
        }
        let changed = self.resolve(reads);
        let count = |topic: &str| self.memory.find(topic).map_or(0, |topic| topic.count());
        let now = Instant::now();
        let mut state = self.state();
        let mut joins = false;
        if !state.has(self.id) {
            reads.lose();
            let (consumer, client) = (&self.consumer, &self.settings.instance);
            state.join(self.id, consumer, client, &reads.topics, now);
            joins = true;
        } else if changed {
            state.wants(self.id, &reads.topics, count, now);
        }
        if state.must_give_up(self.id) {
            if self.settings.auto_commit {
                self.commit_positions(reads, &mut state);
            }
            reads.lose();
            state.gives_up(self.id);
            joins = true;
        }
        state.settle(count, now);
        // The answer to a request to join comes later.
        if joins || state.is_rebalancing() {
            return false;
        }
        if reads.generation != Some(state.generation()) {
            reads.take(state.share(self.id).to_vec());
            reads.generation = Some(state.generation());
        }
        true
    }

    /// Finds out where to read a partition, if that is not known.
    fn place(&self, one: &mut Assigned) -> Result<(), ApiError> {
        let Some(partition) = self.memory.partition(&one.of) else {
            one.cursor = None;
            return Ok(());
        };
        match &one.cursor {
            Some((known, _)) if Arc::ptr_eq(known, &partition) => return Ok(()),
            _ => {}
        }
        let committed = self.state().committed(&one.of);
        let offset = match committed {
            Some(committed) => committed.offset,
            None => self.reset(&partition, || {
                let TopicPartition { topic, partition } = &one.of;
                format!(
                    "Undefined offset with no reset policy for partitions: [{topic}-{partition}]"
                )
            })?,
        };
        one.cursor = Some((partition, Cursor::at(offset)));
        Ok(())
    }

    /// Where `auto.offset.reset` begins.
    fn reset(&self, partition: &Partition, why: impl Fn() -> String) -> Result<i64, ApiError> {
        let (begin, end) = partition.offsets();
        match self.settings.reset {
            Reset::Earliest => Ok(begin),
            Reset::Latest => Ok(end),
            Reset::None => Err(kafka_error(&why())),
        }
    }

    fn read_on(
        &self,
        one: &mut Assigned,
        most: usize,
        fetched: &mut Vec<Fetched>,
    ) -> Result<usize, ApiError> {
        let Some((partition, cursor)) = &mut one.cursor else {
            return Ok(0);
        };
        let mut read = |cursor: &mut Cursor| {
            partition.read_on(cursor, most, |held| {
                fetched.push(Fetched {
                    topic: Arc::clone(&one.topic),
                    partition: one.of.partition,
                    offset: held.offset,
                    timestamp_ms: held.timestamp_ms,
                    key: held.key.map(<[u8]>::to_vec),
                    value: held.value.map(<[u8]>::to_vec),
                });
            })
        };
        if let Ok(count) = read(cursor) {
            return Ok(count);
        }
        // Dropped meanwhile, or sought where nothing is.
        let position = cursor.offset;
        *cursor = Cursor::at(self.reset(partition, || {
            let TopicPartition { topic, partition } = &one.of;
            format!("Fetch position {position} is out of range for partition {topic}-{partition}")
        })?);
        Ok(read(cursor).unwrap_or(0))
    }

    /// Records that it went past to find its places.
    #[cfg(test)]
    pub(super) fn passed(&self) -> u64 {
        let reads = lock(&self.reads);
        let cursors = reads.assigned.iter().filter_map(|one| one.cursor.as_ref());
        cursors.map(|(_, cursor)| cursor.passed).sum()
    }

    fn commit_positions(&self, reads: &Reads, state: &mut State) {
        let by_group = matches!(reads.wish, Wish::Topics(_) | Wish::Pattern(_));
        if by_group && self.may_commit(reads, state).is_err() {
            return;
        }
        for (of, offset) in reads.positions() {
            state.commit(&Position {
                of,
                offset,
                metadata: String::new(),
            });
        }
    }
}

impl Reads {
    /// Reads these from now on; where it stands in those it has already is kept.
    fn take(&mut self, mut partitions: Vec<TopicPartition>) {
        sort_as_java(&mut partitions);
        let mut before = std::mem::take(&mut self.assigned);
        let kept = |of: TopicPartition| {
            let known = before.iter().position(|one| one.of == of);
            known.map_or_else(
                || Assigned {
                    topic: of.topic.as_str().into(),
                    of,
                    cursor: None,
                },
                |index| before.swap_remove(index),
            )
        };
        self.assigned = partitions.into_iter().map(kept).collect();
        self.turn = 0;
    }

    /// Reads nothing until it gets a share.
    fn lose(&mut self) {
        self.assigned.clear();
        self.generation = None;
    }

    fn positions(&self) -> impl Iterator<Item = (TopicPartition, i64)> {
        let position = |one: &Assigned| {
            let (_, cursor) = one.cursor.as_ref()?;
            Some((one.of.clone(), cursor.offset))
        };
        self.assigned.iter().filter_map(position)
    }
}

/// What Java's consumer says of an argument that is none: the proxy has no words for it.
fn internal() -> ApiError {
    ApiError {
        status: 500,
        code: 500,
        message: "Internal Server Error".to_owned(),
    }
}
