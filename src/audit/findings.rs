//! What an audit comes to, as numbers with a few samples each.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::PartitionOffsets;
use crate::measure::Claims;

/// Records named of each finding.
pub const SAMPLES: usize = 10;

/// Records with one thing in common, the first of them by name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// How many.
    pub records: u64,
    /// The first ten.
    pub samples: Vec<String>,
}

impl Finding {
    pub(super) fn add(&mut self, sample: impl FnOnce() -> String) {
        self.records += 1;
        if self.samples.len() < SAMPLES {
            self.samples.push(sample());
        }
    }
}

/// What the run says of its records, warm-up included.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ClaimCounts {
    /// Acknowledged one by one.
    pub acked: u64,
    /// Refused.
    pub rejected: u64,
    /// May or may not be stored.
    pub unknown: u64,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Findings {
    /// What the run says of its records, warm-up included.
    pub claimed: ClaimCounts,
    /// Records stored since the run began, by end offsets alone.
    pub appended: u64,
    /// Of those, offsets no longer held when they were to be read: retention dropped them.
    pub dropped: u64,
    /// Records read back.
    pub read: u64,
    /// Different records of the run among them.
    pub found: u64,
    /// Acked and not stored, for sure.
    pub lost: Finding,
    /// Acked and not seen, but what lay where they may lie is no longer held or was not read: nothing is said of them.
    #[serde(default)]
    pub not_seen: u64,
    /// Copies of acked records beyond the first.
    pub duplicated: Finding,
    /// Acked, and behind a record of the same connection and partition that was sent later.
    pub reordered: Finding,
    /// Of those, behind one of the same key.
    pub reordered_within_key: u64,
    /// Of the run, and not as they were sent.
    pub corrupted: Finding,
    /// Refused, and stored all the same.
    pub rejected_but_stored: Finding,
    /// Copies of records that were not acked: a time-out and what came of it.
    pub duplicates_of_unacked: Finding,
    /// Of unknown outcome, and stored.
    pub unknown_but_stored: u64,
    /// Of unknown outcome, and not stored.
    pub unknown_and_missing: u64,
    /// Of other runs of krush.
    pub of_other_runs: u64,
    /// Partitions end before they did when the run began, or are gone: the topic was deleted and made anew.
    #[serde(default)]
    pub remade: bool,
    /// Nobody's that krush knows.
    pub foreign: u64,
    /// More pairs of connection and partition than the order is followed of.
    pub order_places_full: bool,
    /// Row by row.
    pub partitions: Vec<PartitionRow>,
}

/// One partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PartitionRow {
    /// Its number.
    pub partition: u32,
    /// Next offset before the run.
    pub before_offset: i64,
    /// First offset of the run that is still held.
    pub first_held: i64,
    /// Next offset after the run.
    pub end_offset: i64,
    /// Records stored since the run began, by offsets alone.
    pub appended: u64,
    /// Acked in it, as the entries say; `null`: not counted.
    pub acked: Option<u64>,
    /// Read back.
    pub read: u64,
    /// Different records of the run among them.
    pub found: u64,
    /// Copies of acked records.
    pub duplicated: u64,
    /// Acked records out of order.
    pub reordered: u64,
    /// Records of the run that are not as they were sent.
    pub corrupted: u64,
    /// Offsets without a record: compaction, or markers of transactions.
    pub gaps: u64,
    /// How far it was read.
    pub next_offset: i64,
}

impl PartitionRow {
    pub(super) fn new(partition: u32, offsets: PartitionOffsets, acked: Option<u64>) -> Self {
        let first_held = offsets.before.max(offsets.oldest).min(offsets.after);
        Self {
            partition,
            before_offset: offsets.before,
            first_held,
            end_offset: offsets.after,
            appended: offsets.appended(),
            acked,
            read: 0,
            found: 0,
            duplicated: 0,
            reordered: 0,
            corrupted: 0,
            gaps: 0,
            next_offset: first_held,
        }
    }

    /// Whether not all of it was shown.
    pub fn is_unread(&self) -> bool {
        self.next_offset < self.end_offset
    }

    /// Whether the entries say that more was stored in it than its offsets do.
    pub fn is_short(&self) -> bool {
        self.acked.is_some_and(|acked| acked > self.appended)
    }
}

/// What an audit comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Every acked record is stored once, in order, as it was sent.
    Intact,
    /// Records were lost, duplicated, reordered or corrupted.
    Violated,
    /// Not all could be read: what was read is in order, and nothing is said of the rest.
    Incomplete,
    /// Nothing could be read.
    NotDone,
    /// Ended by the user.
    Interrupted,
}

impl Outcome {
    /// All there are.
    pub const ALL: [Self; 5] = [
        Self::Intact,
        Self::Violated,
        Self::Incomplete,
        Self::NotDone,
        Self::Interrupted,
    ];

    /// The name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Intact => "intact",
            Self::Violated => "violated",
            Self::Incomplete => "incomplete",
            Self::NotDone => "not_done",
            Self::Interrupted => "interrupted",
        }
    }
}

/// An audit that was made, or why it was not.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Audited {
    /// What it comes to.
    pub outcome: Outcome,
    /// Why it is not whole.
    pub why: Option<String>,
    /// Reading back took so long.
    pub read_secs: f64,
    /// What was found; `null`: not even offsets were.
    pub findings: Option<Findings>,
}

impl Audited {
    /// An audit that could not be made.
    pub fn not_done(why: impl Into<String>) -> Self {
        Self {
            outcome: Outcome::NotDone,
            why: Some(why.into()),
            read_secs: 0.0,
            findings: None,
        }
    }

    /// An audit that the user ended.
    pub fn interrupted() -> Self {
        Self {
            outcome: Outcome::Interrupted,
            ..Self::not_done("interrupted while reading back")
        }
    }

    /// One that was made; `why`: what kept it from reading everything.
    pub fn of(findings: Findings, read_secs: f64, why: Option<String>) -> Self {
        let outcome = findings.outcome();
        let retention = (outcome == Outcome::Incomplete && findings.dropped > 0).then(|| {
            let dropped = crate::units::counted(findings.dropped, "offset", "offsets");
            format!("{dropped} of the run are no longer held: retention, or a bound of memory, dropped what lay there")
        });
        let order = findings.order_places_full.then(|| {
            "there are too many pairs of connection and partition to follow the order of all"
                .to_owned()
        });
        Self {
            outcome,
            why: why.or(retention).or(order),
            read_secs,
            findings: Some(findings),
        }
    }
}

impl Findings {
    pub(super) fn new(claims: &Claims, partitions: &[PartitionOffsets]) -> Self {
        let sum =
            |of: fn(PartitionOffsets) -> u64| partitions.iter().map(|offsets| of(*offsets)).sum();
        Self {
            claimed: ClaimCounts {
                acked: claims.acked(),
                rejected: claims
                    .threads
                    .iter()
                    .map(|thread| thread.rejected.len())
                    .sum(),
                unknown: claims
                    .threads
                    .iter()
                    .map(|thread| thread.unknown.len())
                    .sum(),
            },
            appended: sum(PartitionOffsets::appended),
            dropped: sum(PartitionOffsets::dropped),
            read: 0,
            found: 0,
            lost: Finding::default(),
            not_seen: 0,
            duplicated: Finding::default(),
            reordered: Finding::default(),
            reordered_within_key: 0,
            corrupted: Finding::default(),
            rejected_but_stored: Finding::default(),
            duplicates_of_unacked: Finding::default(),
            unknown_but_stored: 0,
            unknown_and_missing: 0,
            of_other_runs: 0,
            remade: partitions
                .iter()
                .any(|offsets| offsets.after < offsets.before),
            foreign: 0,
            order_places_full: false,
            partitions: Vec::new(),
        }
    }

    /// Offsets that are held and were not read.
    pub fn unread(&self) -> u64 {
        let left = |row: &PartitionRow| (row.end_offset - row.next_offset).max(0).unsigned_abs();
        self.partitions.iter().map(left).sum()
    }

    /// Records of which nothing can be said: their offsets are gone, or were not read.
    pub fn out_of_sight(&self) -> u64 {
        self.dropped + self.unread()
    }

    /// Takes the acked records that were not among those read, the first of them by name. They are lost as far as they are more than
    /// those out of sight can be, or than a partition's offsets leave room for.
    pub(super) fn missing(&mut self, records: u64, samples: Vec<String>) {
        let by_reading = records.saturating_sub(self.out_of_sight());
        let short = |row: &PartitionRow| Some(row.acked?.saturating_sub(row.appended));
        let by_offsets: u64 = self.partitions.iter().filter_map(short).sum();
        let lost = by_reading.max(by_offsets.min(records));
        self.not_seen = records - lost;
        self.lost = Finding {
            records: lost,
            // Which ones they are is only known if all are.
            samples: if self.not_seen == 0 {
                samples
            } else {
                Vec::new()
            },
        };
    }

    /// What it comes to.
    pub fn outcome(&self) -> Outcome {
        let violated = self.lost.records > 0
            || self.duplicated.records > 0
            || self.reordered.records > 0
            || self.corrupted.records > 0
            || self.rejected_but_stored.records > 0;
        if violated {
            Outcome::Violated
        } else if self.out_of_sight() > 0 || self.order_places_full {
            Outcome::Incomplete
        } else {
            Outcome::Intact
        }
    }

    /// Every finding against the run, in words.
    pub fn violations(&self) -> Vec<String> {
        use crate::units::counted;
        let mut all = Vec::new();
        let mut add = |records: u64, what: &str| {
            if records > 0 {
                all.push(format!("{} {what}", counted(records, "record", "records")));
            }
        };
        add(self.lost.records, "acked and lost");
        add(self.duplicated.records, "acked and stored again");
        add(self.reordered.records, "out of order");
        add(self.corrupted.records, "corrupted");
        add(
            self.rejected_but_stored.records,
            "refused and stored all the same",
        );
        all
    }
}
