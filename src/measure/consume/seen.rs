//! Which offsets of a partition were seen, as ranges: exact about what came twice and what never came.

use std::collections::VecDeque;
use std::ops::Range;

/// Ranges kept for a partition. With more holes, the oldest are counted and forgotten: a record of such a hole that still comes
/// would be taken for one that came twice.
const MOST_RANGES: usize = 65_536;

/// What an offset was to its partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Novelty {
    /// Not seen before, and after all that was.
    Next,
    /// Not seen before, though later ones were.
    Late,
    /// Seen before.
    Again,
}

/// Offsets seen, as ranges in order that neither touch nor overlap.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    ranges: VecDeque<Range<i64>>,
    forgotten: Holes,
}

/// Offsets between those seen that were not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Holes {
    /// How many stretches.
    pub stretches: u64,
    /// How many offsets in all.
    pub offsets: u64,
}

impl Holes {
    fn between(before: &Range<i64>, after: &Range<i64>) -> Self {
        Self {
            stretches: 1,
            offsets: (after.start - before.end) as u64,
        }
    }

    /// Both together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            stretches: self.stretches + other.stretches,
            offsets: self.offsets + other.offsets,
        }
    }
}

impl Seen {
    /// Nothing seen; `start` is where reading begins, so that a first record after it leaves a hole. `None`: not known.
    pub fn from(start: Option<i64>) -> Self {
        Self {
            ranges: start.map(|start| start..start).into_iter().collect(),
            forgotten: Holes::default(),
        }
    }

    /// One past the last offset seen.
    pub fn next(&self) -> Option<i64> {
        self.ranges.back().map(|range| range.end)
    }

    /// Adds an offset.
    pub fn add(&mut self, offset: i64) -> Novelty {
        match self.ranges.back_mut() {
            Some(last) if offset == last.end => last.end += 1,
            Some(last) if offset < last.end => return self.add_earlier(offset),
            _ => {
                self.ranges.push_back(offset..offset + 1);
                if self.ranges.len() > MOST_RANGES {
                    self.forget_oldest();
                }
            }
        }
        Novelty::Next
    }

    fn add_earlier(&mut self, offset: i64) -> Novelty {
        let at = self.ranges.partition_point(|range| range.end < offset);
        let range = &mut self.ranges[at];
        if range.contains(&offset) {
            return Novelty::Again;
        }
        if offset == range.end {
            range.end += 1;
        } else if offset + 1 == range.start {
            range.start = offset;
        } else {
            self.ranges.insert(at, offset..offset + 1);
        }
        self.join(at);
        Novelty::Late
    }

    /// Makes one of the range at `at` and the next, if they touch.
    fn join(&mut self, at: usize) {
        let touch = |one: &Range<i64>, next: &Range<i64>| one.end == next.start;
        if let (Some(one), Some(next)) = (self.ranges.get(at), self.ranges.get(at + 1))
            && touch(one, next)
        {
            self.ranges[at].end = next.end;
            self.ranges.remove(at + 1);
        }
    }

    fn forget_oldest(&mut self) {
        if let (Some(oldest), Some(next)) = (self.ranges.pop_front(), self.ranges.front_mut()) {
            self.forgotten = self.forgotten.and(Holes::between(&oldest, next));
            next.start = oldest.start;
        }
    }

    /// Holes between the first and the last offset.
    pub fn holes(&self) -> Holes {
        let pairs = self.ranges.iter().zip(self.ranges.iter().skip(1));
        pairs.fold(self.forgotten, |holes, (before, after)| {
            holes.and(Holes::between(before, after))
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_comes_twice_late_or_never_is_told() {
        use Novelty::{Again, Late, Next};
        let mut seen = Seen::from(Some(0));
        let came = [2, 3, 2, 0, 3, 7, 1, 5, 7].map(|offset| seen.add(offset));
        assert_eq!(
            came,
            [Next, Next, Again, Late, Again, Next, Late, Late, Again]
        );
        assert_eq!(seen.next(), Some(8));
        let holes = Holes {
            stretches: 2,
            offsets: 2,
        };
        assert_eq!((seen.holes(), seen.ranges.len()), (holes, 3));
        let mut from_ten = Seen::from(Some(10));
        from_ten.add(13);
        assert_eq!(from_ten.holes().offsets, 3, "the first three never came");
        let mut unknown = Seen::from(None);
        unknown.add(13);
        assert_eq!(unknown.holes().offsets, 0);
    }

    #[test]
    fn many_holes_are_counted_and_forgotten() {
        let mut seen = Seen::from(None);
        let records = i64::try_from(MOST_RANGES).unwrap() + 100;
        for record in 0..records {
            seen.add(record * 2);
        }
        assert_eq!(seen.ranges.len(), MOST_RANGES);
        assert_eq!(seen.holes().offsets, records as u64 - 1);
        assert_eq!(seen.add(records * 2 - 2), Novelty::Again);
    }

    proptest! {
        #[test]
        fn ranges_know_what_a_set_knows(offsets in prop::collection::vec(0..40_i64, 1..80)) {
            let mut seen = Seen::from(None);
            let mut set = BTreeSet::new();
            for &offset in &offsets {
                let last = set.last().copied();
                let wanted = match last {
                    _ if set.contains(&offset) => Novelty::Again,
                    Some(last) if offset < last => Novelty::Late,
                    _ => Novelty::Next,
                };
                prop_assert_eq!(seen.add(offset), wanted);
                set.insert(offset);
            }
            let (first, last) = (set.first().unwrap(), set.last().unwrap());
            let missing = (last - first + 1) as usize - set.len();
            prop_assert_eq!(seen.holes().offsets, missing as u64);
            prop_assert_eq!(seen.next(), Some(last + 1));
        }
    }
}
