//! In which order a connection's acked records lie in a partition.
//!
//! A connection writes a request only when the answer to the one before is read, so an acked record of an earlier request was stored
//! before one of a later request was sent, and within a request the records of one partition are stored in its order. Between
//! connections there is no order.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

/// Pairs of a connection and a partition whose order is followed; a hundred megabytes of them.
const MOST_PLACES: usize = 2_000_000;
/// Records that are looked at for one of the same key, at each one that is out of order.
pub(super) const MOST_LOOKED_AT: usize = 20_000;

/// A connection's records in a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Place {
    pub(super) partition: u32,
    pub(super) thread: u32,
    pub(super) connection: u32,
}

/// How a record lies to those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Behind those sent before it.
    Onward,
    /// The same, but made earlier, as its timestamp has it.
    EarlierStamp,
    /// Behind one that was sent later: the position of the furthest.
    Behind(u64),
}

/// The furthest record of each place so far.
#[derive(Debug, Default)]
pub(super) struct Order {
    furthest: HashMap<Place, (u64, u64)>,
    full: bool,
}

impl Order {
    /// Takes the next acked record of a place: its position among its connection's records, and its timestamp.
    pub(super) fn next(&mut self, place: Place, position: u64, timestamp_ms: u64) -> Step {
        let places = self.furthest.len();
        match self.furthest.entry(place) {
            Entry::Vacant(_) if places >= MOST_PLACES => {
                self.full = true;
                Step::Onward
            }
            Entry::Vacant(vacant) => {
                vacant.insert((position, timestamp_ms));
                Step::Onward
            }
            Entry::Occupied(mut last) => {
                let (furthest, stamp) = *last.get();
                if position < furthest {
                    return Step::Behind(furthest);
                }
                last.insert((position, stamp.max(timestamp_ms)));
                if timestamp_ms < stamp {
                    Step::EarlierStamp
                } else {
                    Step::Onward
                }
            }
        }
    }

    /// Whether there were more places than are followed: of those left out the order is not known.
    pub(super) fn is_full(&self) -> bool {
        self.full
    }
}
