//! Rebalances of a group, as its instances see them: partitions that change hands.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Changes closer together than this are one rebalance: its members learn of it one after the other.
const ONE_REBALANCE: Duration = Duration::from_secs(3);
/// Rebalances whose time is kept; more are only counted.
const MOST_TIMES: usize = 1_000;

/// How rebalances were seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SeenBy {
    /// The server was asked what each instance is assigned, once a second at most.
    Assignments,
    /// The server does not tell assignments: a partition whose records come through another instance than before has moved.
    Records,
}

/// A topic's partition.
pub type Place = (String, u32);

/// Who has which partition, and when that changed.
#[derive(Debug, Default)]
pub struct Rebalances {
    assigned: BTreeMap<usize, BTreeSet<Place>>,
    owner: BTreeMap<Place, usize>,
    /// Where the records of each instance came from, if assignments are asked for.
    came: BTreeMap<usize, BTreeSet<Place>>,
    /// When an instance first had a partition, as far as it is known.
    joined: BTreeMap<usize, Duration>,
    began: Vec<Duration>,
    last_change: Option<Duration>,
    more: u64,
    moved: u64,
}

impl Rebalances {
    /// What an instance says that it is assigned. The first time it has something is joining, and no rebalance of its own.
    pub fn assigned(&mut self, instance: usize, now: Duration, places: BTreeSet<Place>) {
        let before = self.assigned.entry(instance).or_default();
        if *before == places {
            return;
        }
        let first = before.is_empty() && !self.joined.contains_key(&instance);
        before.clone_from(&places);
        if !places.is_empty() {
            self.joined.entry(instance).or_insert(now);
        }
        for place in places {
            self.has(instance, place);
        }
        if !first {
            self.change(now);
        }
    }

    /// A record of `place` came through an instance that is asked for its assignments now and then.
    pub fn came(&mut self, instance: usize, place: &Place) {
        let places = self.came.entry(instance).or_default();
        if !places.contains(place) {
            places.insert(place.clone());
        }
    }

    /// The same where rebalances are seen by records.
    pub fn record(&mut self, instance: usize, now: Duration, place: &Place) {
        if self.owner.get(place) == Some(&instance) {
            return;
        }
        self.joined.entry(instance).or_insert(now);
        if self.has(instance, place.clone()) {
            self.change(now);
        }
    }

    /// Whether it had been another's.
    fn has(&mut self, instance: usize, place: Place) -> bool {
        let before = self.owner.insert(place, instance);
        let moved = before.is_some_and(|before| before != instance);
        self.moved += u64::from(moved);
        moved
    }

    fn change(&mut self, now: Duration) {
        let last = self.last_change.replace(now);
        if last.is_some_and(|last| now.saturating_sub(last) <= ONE_REBALANCE) {
            return;
        }
        if self.began.len() < MOST_TIMES {
            self.began.push(now);
        } else {
            self.more += 1;
        }
    }

    /// Those that began before every instance that ever had a partition had one: the group was still forming.
    pub fn while_joining(&self) -> u64 {
        let joined = self.joined.values().max().copied().unwrap_or_default();
        self.began.iter().filter(|began| **began <= joined).count() as u64
    }

    /// The others.
    pub fn later(&self) -> u64 {
        self.began.len() as u64 + self.more - self.while_joining()
    }

    /// How often a partition came to another instance.
    pub fn moved(&self) -> u64 {
        self.moved
    }

    /// Partitions that an instance has now; if it never had any when it was asked, or was not asked, those that its
    /// records came from.
    pub fn partitions_of(&self, instance: usize) -> usize {
        let assigned = self.assigned.get(&instance);
        match assigned.filter(|_| self.joined.contains_key(&instance)) {
            Some(places) => places.len(),
            None => self.came.get(&instance).map_or_else(
                || {
                    let owners = self.owner.values();
                    owners.filter(|owner| **owner == instance).count()
                },
                BTreeSet::len,
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(partitions: &[u32]) -> BTreeSet<Place> {
        let place = |partition: &u32| ("t".to_owned(), *partition);
        partitions.iter().map(place).collect()
    }

    fn at(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    #[test]
    fn assignments_that_change_together_are_one_rebalance() {
        let mut seen = Rebalances::default();
        seen.assigned(0, at(1), places(&[0, 1, 2, 3]));
        seen.assigned(1, at(1), places(&[]));
        // The second one joins: the first gives half away.
        seen.assigned(0, at(2), places(&[0, 1]));
        seen.assigned(1, at(3), places(&[2, 3]));
        seen.assigned(0, at(5), places(&[0, 1]));
        assert_eq!(
            (seen.while_joining(), seen.later(), seen.moved()),
            (1, 0, 2)
        );
        // The first one goes, long after.
        seen.assigned(1, at(60), places(&[0, 1, 2, 3]));
        seen.assigned(0, at(61), places(&[]));
        assert_eq!(
            (seen.while_joining(), seen.later(), seen.moved()),
            (1, 1, 4)
        );
        assert_eq!((seen.partitions_of(0), seen.partitions_of(1)), (0, 4));
    }

    #[test]
    fn a_partition_whose_records_come_elsewhere_has_moved() {
        let mut seen = Rebalances::default();
        let place = |partition| ("t".to_owned(), partition);
        for (instance, secs, partition) in [(0, 1, 0), (1, 1, 1), (0, 2, 0), (1, 20, 0), (1, 21, 1)]
        {
            seen.record(instance, at(secs), &place(partition));
        }
        assert_eq!(
            (seen.while_joining(), seen.later(), seen.moved()),
            (0, 1, 1)
        );
        assert_eq!((seen.partitions_of(0), seen.partitions_of(1)), (0, 2));
    }

    #[test]
    fn rebalances_without_end_do_not_take_memory_without_end() {
        let mut seen = Rebalances::default();
        for turn in 0..MOST_TIMES as u64 + 50 {
            seen.record((turn % 2) as usize, at(turn * 10), &("t".to_owned(), 0));
        }
        assert_eq!(seen.began.len(), MOST_TIMES);
        assert_eq!(seen.while_joining() + seen.later(), MOST_TIMES as u64 + 49);
    }

    #[test]
    fn without_assignments_partitions_are_those_that_records_came_from() {
        let mut seen = Rebalances::default();
        let place = |partition| ("t".to_owned(), partition);
        // Asked before it had joined.
        seen.assigned(0, Duration::ZERO, BTreeSet::new());
        for (instance, partition) in [(0, 0), (0, 1), (1, 2), (1, 2), (1, 0)] {
            seen.came(instance, &place(partition));
        }
        let counts = [0, 1, 2].map(|instance| seen.partitions_of(instance));
        assert_eq!(counts, [2, 2, 0]);
    }
}
