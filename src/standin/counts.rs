//! What a server counts by request, and whether it adds up.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;

/// Longest service time told apart: an hour, in microseconds.
pub(super) const LONGEST_US: u64 = 3_600_000_000;

/// Requests and records, as the server saw them.
#[derive(Debug, Clone)]
pub struct Counts {
    /// Heads read, of whatever request.
    pub requests: u64,
    /// Heads of produce requests read.
    pub produces_seen: u64,
    /// Produce requests whose body was read whole, and that ended.
    pub produces_read: u64,
    /// Of these, those whose whole answer was handed to the kernel.
    pub produces_answered: u64,
    /// The others: no answer or a part of one, by a fault or because the peer left.
    pub produces_unanswered: u64,
    /// Produce requests answered before their body was read whole; in none of the three above.
    pub produces_answered_early: u64,
    /// Records in bodies that were read whole and parsed. The `told_` figures add up to it.
    pub records_received: u64,
    /// Records handed to the backend and stored, each once.
    pub records_stored: u64,
    /// Records stored a second time by a fault.
    pub records_duplicated: u64,
    /// Records stored behind one that followed them in their partition, by a fault.
    pub records_reordered: u64,
    /// Records stored with a byte changed, by a fault.
    pub records_corrupted: u64,
    /// Records answered as if they were stored, by a fault.
    pub records_dropped: u64,
    /// Records whose own entry, in a readable whole answer, has an offset.
    pub told_stored: u64,
    /// Records whose own entry has an `error_code`, by that code.
    pub told_failed: BTreeMap<i64, u64>,
    /// Records of requests answered with a status from 400 to 499 and no entries.
    pub told_refused: u64,
    /// Records of which nothing can be believed: 5xx, empty or broken JSON, a wrong number of entries, something behind the
    /// JSON, no whole answer.
    pub told_unclear: u64,
    /// Answers to produce requests by status, early ones included, when handed over whole.
    pub statuses: BTreeMap<u16, u64>,
    /// From the end of the body to the last write of the answer, in microseconds; produce requests answered after their
    /// body was read. No client can see a shorter one.
    pub service_time_us: Histogram<u64>,
}

impl Default for Counts {
    fn default() -> Self {
        Self {
            requests: 0,
            produces_seen: 0,
            produces_read: 0,
            produces_answered: 0,
            produces_unanswered: 0,
            produces_answered_early: 0,
            records_received: 0,
            records_stored: 0,
            records_duplicated: 0,
            records_reordered: 0,
            records_corrupted: 0,
            records_dropped: 0,
            told_stored: 0,
            told_failed: BTreeMap::new(),
            told_refused: 0,
            told_unclear: 0,
            statuses: BTreeMap::new(),
            service_time_us: Histogram::new_with_bounds(1, LONGEST_US, 3)
                .expect("1 µs to 1 h at 3 digits are bounds a histogram can have"),
        }
    }
}

impl Counts {
    pub(super) fn add(&mut self, other: &Self) {
        self.requests += other.requests;
        self.produces_seen += other.produces_seen;
        self.produces_read += other.produces_read;
        self.produces_answered += other.produces_answered;
        self.produces_unanswered += other.produces_unanswered;
        self.produces_answered_early += other.produces_answered_early;
        self.records_received += other.records_received;
        self.records_stored += other.records_stored;
        self.records_duplicated += other.records_duplicated;
        self.records_reordered += other.records_reordered;
        self.records_corrupted += other.records_corrupted;
        self.records_dropped += other.records_dropped;
        self.told_stored += other.told_stored;
        for (code, records) in &other.told_failed {
            *self.told_failed.entry(*code).or_default() += records;
        }
        self.told_refused += other.told_refused;
        self.told_unclear += other.told_unclear;
        for (status, answers) in &other.statuses {
            *self.statuses.entry(*status).or_default() += answers;
        }
        self.service_time_us
            .add(&other.service_time_us)
            .expect("both have the same bounds");
    }

    /// What does not add up, `None` if all does: a server that cannot count proves nothing.
    pub fn imbalance(&self) -> Option<String> {
        let told = self.told_stored
            + self.told_failed.values().sum::<u64>()
            + self.told_refused
            + self.told_unclear;
        if told != self.records_received {
            let received = self.records_received;
            return Some(format!("{received} records received, {told} accounted for"));
        }
        let ended = self.produces_answered + self.produces_unanswered;
        if ended != self.produces_read {
            let read = self.produces_read;
            return Some(format!("{read} requests read, {ended} accounted for"));
        }
        if self.produces_read + self.produces_answered_early > self.produces_seen {
            return Some("more requests ended than were seen".to_owned());
        }
        let answers = self.produces_answered + self.produces_answered_early;
        let by_status = self.statuses.values().sum::<u64>();
        (answers != by_status).then(|| format!("{answers} answers, {by_status} with a status"))
    }

    /// Says what an answer told of `received` records.
    pub(super) fn tell(&mut self, received: u64, status: u16, told: Option<&Told>) {
        match told.filter(|told| told.records() == received) {
            Some(told) => {
                self.told_stored += told.stored;
                for (code, records) in &told.failed {
                    *self.told_failed.entry(*code).or_default() += records;
                }
            }
            None if told.is_none() && (400..500).contains(&status) => self.told_refused += received,
            None => self.told_unclear += received,
        }
    }
}

/// What the entries of an answer say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) stored: u64,
    /// `error_code` as it stands in the entry, and records.
    pub(crate) failed: Vec<(i64, u64)>,
}

impl Told {
    pub(crate) fn fail(&mut self, code: i64) {
        match self.failed.iter_mut().find(|(known, _)| *known == code) {
            Some((_, records)) => *records += 1,
            None => self.failed.push((code, 1)),
        }
    }

    fn records(&self) -> u64 {
        self.stored + self.failed.iter().map(|(_, records)| records).sum::<u64>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_add_up_is_named() {
        let mut counts = Counts {
            records_received: 2,
            ..Counts::default()
        };
        let wanted = "2 records received, 0 accounted for";
        assert_eq!(counts.imbalance().as_deref(), Some(wanted));
        counts.told_unclear = 2;
        assert_eq!(counts.imbalance(), None);
        counts.produces_read = 1;
        let wanted = "1 requests read, 0 accounted for";
        assert_eq!(counts.imbalance().as_deref(), Some(wanted));
    }
}
