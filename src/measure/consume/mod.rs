//! What consumer instances saw, as numbers: records, offsets, fetches, commits, rebalances. No clock and no I/O: times are given,
//! since the run began.

mod failure;
mod rebalances;
mod seen;
#[cfg(test)]
mod tests;

pub use failure::FetchFailure;
pub use rebalances::{Place, Rebalances, SeenBy};
pub use seen::{Holes, Novelty, Seen};

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;

use super::recorder::{DIGITS, HIGHEST_US, LOWEST_US};

/// One record, as far as it is counted.
#[derive(Debug, Clone, Copy)]
pub struct RecordSeen<'a> {
    /// Its topic.
    pub topic: &'a str,
    /// Its partition.
    pub partition: u32,
    /// Its offset.
    pub offset: i64,
    /// Bytes of key and value, without any encoding for transport.
    pub payload_bytes: u64,
}

/// When a fetch was, and how long its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FetchSeen {
    /// Asked for.
    pub asked: Duration,
    /// The answer was there.
    pub received: Duration,
    /// Length of the answer's body.
    pub wire_bytes: u64,
}

/// Where reading of a partition begins, and where the backlog ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stretch {
    /// Offset of the first record to come; `None`: not known.
    pub start: Option<i64>,
    /// One past the last record of the backlog.
    pub end: i64,
}

impl Stretch {
    /// Whether there is nothing to read, as far as that is known.
    fn is_empty(&self) -> bool {
        self.start.is_some_and(|start| start >= self.end) || self.end == 0
    }
}

/// What one instance did, under all the names that it had.
#[derive(Debug, Clone, Default)]
pub struct InstanceTally {
    /// Records that came, those that came again included.
    pub fetched: u64,
    /// Of those, seen before in this run.
    pub again: u64,
    /// Bytes of keys and values of all that came.
    pub payload_bytes: u64,
    /// Fetches that brought records.
    pub with_records: u64,
    /// Fetches that brought none.
    pub empty: u64,
    /// Of those, before its first record: it was joining the group, or there was nothing.
    pub empty_at_first: u64,
    /// Fetches that failed.
    pub failed: BTreeMap<FetchFailure, u64>,
    /// When the first fetch that brought records was asked for.
    pub first_asked: Option<Duration>,
    /// When its answer was there.
    pub first_received: Option<Duration>,
    /// When the last answer with records was there.
    pub last_received: Option<Duration>,
    /// Commits that were answered well.
    pub commits: u64,
    /// Commits that were not.
    pub commits_failed: u64,
    /// How often the server did not have it any more.
    pub lost: u64,
    /// How often it was made anew.
    pub recovered: u64,
    /// Time from each loss until it was subscribed again, summed.
    pub recovering: Duration,
}

impl InstanceTally {
    /// Fetches that failed, of all kinds.
    pub fn failed_fetches(&self) -> u64 {
        self.failed.values().sum()
    }
}

/// What all instances of a run saw.
#[derive(Debug)]
pub struct Tally {
    instances: Vec<InstanceTally>,
    places: BTreeMap<Place, PlaceTally>,
    rebalances: Rebalances,
    seen_by: SeenBy,
    with_records_us: Histogram<u64>,
    empty_us: Histogram<u64>,
    wire_bytes: u64,
    late: u64,
    samples: BTreeMap<FetchFailure, String>,
    backlog: Backlog,
}

#[derive(Debug)]
struct PlaceTally {
    seen: Seen,
    any: bool,
    goal: Option<Goal>,
}

/// What is to be read of a partition, and whether it is.
#[derive(Debug)]
struct Goal {
    stretch: Stretch,
    reached: bool,
}

/// How far the backlog is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Backlog {
    /// Records in it; `None`: not known where reading began.
    pub records: Option<u64>,
    /// Records of it that came.
    pub read: u64,
    /// Partitions with some of it that is not read yet.
    pub open_partitions: u64,
    /// When the last of it came.
    pub drained: Option<Duration>,
}

impl Tally {
    /// Nothing seen yet by `instances` instances; `backlog` is what is to be read of each partition, if that is known.
    pub fn new(instances: usize, seen_by: SeenBy, backlog: BTreeMap<Place, Stretch>) -> Self {
        let histogram = || {
            Histogram::new_with_bounds(LOWEST_US, HIGHEST_US, DIGITS)
                .expect("constant bounds are valid")
        };
        let lengths = backlog
            .values()
            .map(|stretch| Some((stretch.end - stretch.start?).max(0) as u64));
        let summary = Backlog {
            records: lengths.sum(),
            open_partitions: backlog.values().filter(|one| !one.is_empty()).count() as u64,
            ..Backlog::default()
        };
        let place = |(place, stretch): (Place, Stretch)| {
            let goal = Goal {
                stretch,
                reached: stretch.is_empty(),
            };
            let tally = PlaceTally {
                seen: Seen::from(stretch.start),
                any: false,
                goal: Some(goal),
            };
            (place, tally)
        };
        Self {
            instances: vec![InstanceTally::default(); instances],
            places: backlog.into_iter().map(place).collect(),
            rebalances: Rebalances::default(),
            seen_by,
            with_records_us: histogram(),
            empty_us: histogram(),
            wire_bytes: 0,
            late: 0,
            samples: BTreeMap::new(),
            backlog: summary,
        }
    }

    /// Counts an answered fetch and its records.
    pub fn fetched<'a>(
        &mut self,
        instance: usize,
        fetch: FetchSeen,
        records: impl Iterator<Item = RecordSeen<'a>>,
    ) {
        let mut here = std::mem::take(&mut self.instances[instance]);
        let before = here.fetched;
        let mut records = records.peekable();
        while let Some(first) = records.next() {
            // Records come in stretches of one partition: it is looked up once for each.
            let place = (first.topic.to_owned(), first.partition);
            if self.seen_by == SeenBy::Records {
                self.rebalances.record(instance, fetch.received, &place);
            } else {
                self.rebalances.came(instance, &place);
            }
            let partition = self.places.entry(place).or_insert_with(|| PlaceTally {
                seen: Seen::from(None),
                any: false,
                goal: None,
            });
            partition.any = true;
            let mut next = Some(first);
            while let Some(record) = next {
                here.fetched += 1;
                here.payload_bytes += record.payload_bytes;
                match partition.seen.add(record.offset) {
                    Novelty::Again => here.again += 1,
                    novelty => {
                        self.late += u64::from(novelty == Novelty::Late);
                        if let Some(goal) = &mut partition.goal {
                            self.backlog.came(goal, record.offset, fetch.received);
                        }
                    }
                }
                let same = |next: &RecordSeen<'_>| {
                    next.partition == first.partition && next.topic == first.topic
                };
                next = records.next_if(same);
            }
        }
        let micros = (fetch.received.saturating_sub(fetch.asked)).as_micros() as u64;
        let micros = micros.clamp(LOWEST_US, HIGHEST_US);
        if here.fetched == before {
            here.empty += 1;
            here.empty_at_first += u64::from(before == 0);
            self.empty_us.saturating_record(micros);
        } else {
            here.with_records += 1;
            here.first_asked.get_or_insert(fetch.asked);
            here.first_received.get_or_insert(fetch.received);
            here.last_received = Some(fetch.received);
            self.with_records_us.saturating_record(micros);
        }
        self.wire_bytes += fetch.wire_bytes;
        self.instances[instance] = here;
    }

    /// What an instance is assigned, as the server tells.
    pub fn assigned(
        &mut self,
        instance: usize,
        now: Duration,
        places: impl Iterator<Item = Place>,
    ) {
        self.rebalances.assigned(instance, now, places.collect());
    }

    /// One instance, to count what needs no other knowledge.
    pub fn instance(&mut self, instance: usize) -> &mut InstanceTally {
        &mut self.instances[instance]
    }

    /// Counts a fetch that failed; `why` is kept of the first of its kind.
    pub fn failed(&mut self, instance: usize, failure: FetchFailure, why: &str) {
        *self.instances[instance].failed.entry(failure).or_default() += 1;
        let sample = self.samples.entry(failure);
        sample.or_insert_with(|| why.to_owned());
    }

    /// The text of the first failure of each kind.
    pub fn samples(&self) -> &BTreeMap<FetchFailure, String> {
        &self.samples
    }

    /// All instances, in their order.
    pub fn instances(&self) -> &[InstanceTally] {
        &self.instances
    }

    /// Partitions whose records came.
    pub fn partitions(&self) -> usize {
        self.places.values().filter(|place| place.any).count()
    }

    /// Offsets between those seen that never came. Normal where a topic is compacted or written in transactions.
    pub fn holes(&self) -> Holes {
        let holes = self.places.values().map(|place| place.seen.holes());
        holes.fold(Holes::default(), Holes::and)
    }

    /// Records that came first after later ones of their partition.
    pub fn late(&self) -> u64 {
        self.late
    }

    /// How far the backlog is read.
    pub fn backlog(&self) -> Backlog {
        self.backlog
    }

    /// Who has which partition.
    pub fn rebalances(&self) -> &Rebalances {
        &self.rebalances
    }

    /// How rebalances are seen.
    pub fn seen_by(&self) -> SeenBy {
        self.seen_by
    }

    /// Bytes of answers to fetches.
    pub fn wire_bytes(&self) -> u64 {
        self.wire_bytes
    }

    /// Latency of fetches that brought records, in µs.
    pub fn with_records_us(&self) -> &Histogram<u64> {
        &self.with_records_us
    }

    /// Latency of those that brought none, in µs.
    pub fn empty_us(&self) -> &Histogram<u64> {
        &self.empty_us
    }

    /// Records that came, and of those the ones that had come before.
    pub fn records(&self) -> (u64, u64) {
        let fetched = self.instances.iter().map(|one| one.fetched).sum();
        (fetched, self.instances.iter().map(|one| one.again).sum())
    }

    /// Fetches that ended, however.
    pub fn fetches(&self) -> u64 {
        let of = |one: &InstanceTally| one.with_records + one.empty + one.failed_fetches();
        self.instances.iter().map(of).sum()
    }

    /// Records that came, each once.
    pub fn counted(&self) -> u64 {
        let (fetched, again) = self.records();
        fetched - again
    }

    /// What rates are taken over: from when the first fetch that brought records was asked for until the last one's answer was
    /// there. `None`: nothing came.
    pub fn window(&self) -> Option<(Duration, Duration)> {
        let first = self
            .instances
            .iter()
            .filter_map(|one| one.first_asked)
            .min()?;
        let last = self
            .instances
            .iter()
            .filter_map(|one| one.last_received)
            .max()?;
        Some((first, last))
    }
}

impl Backlog {
    /// A record that was not seen before came.
    fn came(&mut self, goal: &mut Goal, offset: i64, now: Duration) {
        let Goal { stretch, reached } = goal;
        if offset < stretch.end && stretch.start.is_none_or(|start| offset >= start) {
            self.read += 1;
        }
        if offset + 1 >= stretch.end && !std::mem::replace(reached, true) {
            self.open_partitions -= 1;
            self.drained = (self.open_partitions == 0).then_some(now);
        }
    }
}
