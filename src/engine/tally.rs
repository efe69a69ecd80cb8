//! Acked records by partition, counted only for a run that is audited: entries are looked at once more for it.

use super::plain;

/// Partitions above this are not counted: a server that names one made it up.
const MAX_PARTITION: i64 = 200_000;

/// Records by partition.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tally {
    pub(crate) records: Vec<u64>,
}

impl Tally {
    /// Adds what one answer acked.
    pub(crate) fn add(&mut self, acks: &Acks) {
        for (partition, records) in &acks.runs {
            let Some(place) = usize::try_from(*partition)
                .ok()
                .filter(|_| *partition <= MAX_PARTITION)
            else {
                continue;
            };
            if self.records.len() <= place {
                self.records.resize(place + 1, 0);
            }
            self.records[place] += records;
        }
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        let length = self.records.len().max(other.records.len());
        self.records.resize(length, 0);
        for (into, from) in self.records.iter_mut().zip(&other.records) {
            *into += from;
        }
    }
}

/// The partitions that one answer's acked entries name, in runs of the same.
#[derive(Debug, Clone, Default)]
pub(crate) struct Acks {
    runs: Vec<(i64, u64)>,
}

impl Acks {
    pub(crate) fn clear(&mut self) {
        self.runs.clear();
    }

    pub(crate) fn one(&mut self, partition: i64) {
        match self.runs.last_mut() {
            Some((last, records)) if *last == partition => *records += 1,
            _ => self.runs.push((partition, 1)),
        }
    }

    /// Counts plain entries, which are known to be right, one behind the other.
    pub(crate) fn plain(&mut self, bytes: &[u8]) {
        for partition in plain::partitions(bytes) {
            self.one(partition);
        }
    }
}
