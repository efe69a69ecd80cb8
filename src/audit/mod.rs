//! The audit: what a run claims of its records, held against what is stored. Pure: it is shown offsets and records, wherever they come
//! from.
//!
//! Memory is a bit a record at most ([`roaring`] bitmaps; runs of numbers cost nothing), and one place for each pair of a connection
//! and a partition: a hundred million records take some tens of megabytes, however they lie.

mod findings;
mod offsets;
mod order;

pub use findings::{Audited, ClaimCounts, Finding, Findings, Outcome, PartitionRow, SAMPLES};
pub use offsets::PartitionOffsets;

use roaring::RoaringTreemap;

use crate::measure::Claims;
use crate::payload::{Id, Recognised, Recogniser};
use order::Order;

/// A stored record, as it is read back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoredRecord<'a> {
    /// Partition it lies in.
    pub partition: u32,
    /// Its offset there.
    pub offset: i64,
    /// Key bytes; `None`: Kafka null.
    pub key: Option<&'a [u8]>,
    /// Value bytes; `None`: Kafka null.
    pub value: Option<&'a [u8]>,
}

/// An audit that goes on: shown every record stored since the run began, in the order of each partition.
#[derive(Debug)]
pub struct Audit {
    claims: Claims,
    recogniser: Recogniser,
    /// Records seen, by thread.
    seen: Vec<RoaringTreemap>,
    order: Order,
    partitions: Vec<PartitionRow>,
    findings: Findings,
}

impl Audit {
    /// An audit of a run that claims this, in partitions with these offsets.
    pub fn new(claims: Claims, recogniser: Recogniser, partitions: &[PartitionOffsets]) -> Self {
        let rows = partitions.iter().zip(0..).map(|(offsets, partition)| {
            let acked = (claims.acked_by_partition.get(partition as usize).copied())
                .or((!claims.acked_by_partition.is_empty()).then_some(0));
            PartitionRow::new(partition, *offsets, acked)
        });
        Self {
            seen: vec![RoaringTreemap::new(); claims.threads.len()],
            order: Order::default(),
            partitions: rows.collect(),
            findings: Findings::new(&claims, partitions),
            claims,
            recogniser,
        }
    }

    /// The topic has fewer partitions than it had.
    pub fn is_of_a_topic_made_anew(&mut self) {
        self.findings.remade = true;
    }

    /// The next offset to be shown of a partition, and where it ends; what is shown again is passed over.
    pub fn to_read(&self, partition: u32) -> Option<(i64, i64)> {
        let row = self.partitions.get(partition as usize)?;
        Some((row.next_offset, row.end_offset))
    }

    /// Partitions of which not all has been shown.
    pub fn unread(&self) -> Vec<u32> {
        let unread = self.partitions.iter().filter(|row| row.is_unread());
        unread.map(|row| row.partition).collect()
    }

    /// Offsets shown or passed over so far, and how many there are in all.
    pub fn progress(&self) -> (u64, u64) {
        let sum = |of: fn(&PartitionRow) -> i64| {
            self.partitions.iter().map(of).sum::<i64>().unsigned_abs()
        };
        (
            sum(|row| row.next_offset - row.first_held),
            sum(|row| row.end_offset - row.first_held),
        )
    }

    /// Takes a stored record; `false` if it is not one to be looked at: shown before, or stored later than the audit's end.
    pub fn record(&mut self, record: &StoredRecord<'_>) -> bool {
        let Some(row) = self.partitions.get_mut(record.partition as usize) else {
            return false;
        };
        if record.offset < row.next_offset || record.offset >= row.end_offset {
            return false;
        }
        row.gaps += (record.offset - row.next_offset).unsigned_abs();
        row.next_offset = record.offset + 1;
        row.read += 1;
        self.findings.read += 1;
        match self.recogniser.recognise(record.key, record.value) {
            Recognised::Ours { id, timestamp_ms } => self.ours(record, id, timestamp_ms),
            Recognised::Corrupted { id, what } => self.corrupted(record, id, &what),
            Recognised::OtherRun => self.findings.of_other_runs += 1,
            Recognised::Foreign => self.findings.foreign += 1,
        }
        true
    }

    /// A record whose id was never given out claims to be of this run: that is no id it was sent with.
    fn ours(&mut self, record: &StoredRecord<'_>, id: Id, timestamp_ms: u64) {
        let number = self.number(id);
        let Some(thread) = self.claims.threads.get(id.thread as usize) else {
            return self.corrupted(record, None, "its id names a thread that the run had not");
        };
        if !thread.knows(id.request) || thread.unsent.contains(number) {
            let what = format!("id {} was never sent", self.recogniser.text(id));
            return self.corrupted(record, None, &what);
        }
        let (rejected, unknown) = (
            thread.rejected.contains(number),
            thread.unknown.contains(number),
        );
        let (connection, turn) = thread.place(id.request);
        let row = &mut self.partitions[record.partition as usize];
        if !self.seen[id.thread as usize].insert(number) {
            let what = || self.recogniser.text(id);
            let finding = if rejected || unknown {
                &mut self.findings.duplicates_of_unacked
            } else {
                row.duplicated += 1;
                &mut self.findings.duplicated
            };
            return finding.add(|| at(record, &format!("{} again", what())));
        }
        row.found += 1;
        self.findings.found += 1;
        if rejected {
            let text = self.recogniser.text(id);
            return (self.findings.rejected_but_stored).add(|| at(record, &text));
        }
        if unknown {
            self.findings.unknown_but_stored += 1;
            return;
        }
        let batch = u64::from(self.claims.batch_size);
        let place = order::Place {
            partition: record.partition,
            thread: id.thread,
            connection: connection as u32,
        };
        let position = turn * batch + u64::from(id.index);
        match self.order.next(place, position, timestamp_ms) {
            order::Step::Onward => {}
            order::Step::EarlierStamp => {
                let what = "its timestamp is older than that of a record sent before it";
                self.corrupted(record, Some(id), what);
            }
            order::Step::Behind(furthest) => self.reordered(record, id, furthest),
        }
    }

    /// A record that was sent and acked before one that lies before it.
    fn reordered(&mut self, record: &StoredRecord<'_>, id: Id, furthest: u64) {
        let batch = u64::from(self.claims.batch_size);
        let thread = &self.claims.threads[id.thread as usize];
        let connections = thread.requests.len() as u64;
        let (connection, turn) = thread.place(id.request);
        let of = |position: u64| Id {
            request: position / batch * connections + connection as u64,
            index: (position % batch) as u32,
            ..id
        };
        let own = turn * batch + u64::from(id.index);
        // Records of one key are of one partition: whichever of them was sent later and seen already lies before this one.
        let key = self.recogniser.key(id);
        let seen = &self.seen[id.thread as usize];
        let within_key = key.is_some()
            && (own + 1..=furthest)
                .take(order::MOST_LOOKED_AT)
                .map(of)
                .any(|other| {
                    self.recogniser.key(other) == key
                        && seen.contains(other.request * batch + u64::from(other.index))
                });
        let (text, before) = (self.recogniser.text(id), self.recogniser.text(of(furthest)));
        self.partitions[record.partition as usize].reordered += 1;
        self.findings.reordered_within_key += u64::from(within_key);
        self.findings.reordered.add(|| {
            at(
                record,
                &format!("{text} lies behind {before}, which was sent later"),
            )
        });
    }

    fn corrupted(&mut self, record: &StoredRecord<'_>, id: Option<Id>, what: &str) {
        self.partitions[record.partition as usize].corrupted += 1;
        let text = id.map_or(String::new(), |id| {
            format!("{}: ", self.recogniser.text(id))
        });
        self.findings
            .corrupted
            .add(|| at(record, &format!("{text}{what}")));
        // A record that is there, though not as it was, is not lost as well.
        if let Some(id) = id
            && let Some(thread) = self.claims.threads.get(id.thread as usize)
            && thread.knows(id.request)
        {
            let number = self.number(id);
            if self.seen[id.thread as usize].insert(number) {
                self.partitions[record.partition as usize].found += 1;
                self.findings.found += 1;
            }
        }
    }

    fn number(&self, id: Id) -> u64 {
        id.request * u64::from(self.claims.batch_size) + u64::from(id.index)
    }

    /// What it comes to.
    pub fn conclude(mut self) -> Findings {
        let batch = self.claims.batch_size;
        let (mut missing, mut samples) = (0, Vec::new());
        for (number, thread) in (0..).zip(&self.claims.threads) {
            let seen = &self.seen[number as usize];
            let acked = thread.acked_numbers(batch);
            let lost = &acked - seen;
            self.findings.unknown_and_missing += (&thread.unknown - seen).len();
            missing += lost.len();
            let room = SAMPLES.saturating_sub(samples.len());
            for record in lost.iter().take(room) {
                let id = Id {
                    thread: number,
                    request: record / u64::from(batch),
                    index: (record % u64::from(batch)) as u32,
                };
                samples.push(self.recogniser.text(id));
            }
        }
        self.findings.order_places_full = self.order.is_full();
        self.findings.partitions = self.partitions;
        self.findings.missing(missing, samples);
        self.findings
    }
}

fn at(record: &StoredRecord<'_>, what: &str) -> String {
    format!(
        "partition {} offset {}: {what}",
        record.partition, record.offset
    )
}

#[cfg(test)]
mod tests;
