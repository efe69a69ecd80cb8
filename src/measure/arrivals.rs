//! Records of a run as they arrive at its consumers: how long each took, and what arrived that should not have.

use std::time::Duration;

use hdrhistogram::Histogram;
use roaring::RoaringTreemap;

use super::recorder::{DIGITS, HIGHEST_US, LOWEST_US};
use super::{Claims, ThreadClaims};

/// One record that arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// Of this run.
    Ours {
        /// Engine thread of its request.
        thread: u32,
        /// Its number on that thread: request × batch size + index.
        number: u64,
        /// How long it took, or why that is not known.
        took: Took,
    },
    /// Of another run of krush.
    OtherRun,
    /// Without an id of krush's.
    Foreign,
}

/// From when a record's request was due until the answer that holds it was there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Took {
    /// So long.
    Time(Duration),
    /// Sent before the measured part.
    WarmUp,
    /// The answer was there before the request was due, by so much: clocks or bookkeeping are wrong.
    Negative(Duration),
    /// No such request was made.
    NeverDue,
    /// So many requests were made since that its due time is not held any more.
    Forgotten,
}

/// What arrived so far.
#[derive(Debug)]
pub struct Arrivals {
    latency_us: Histogram<u64>,
    /// Numbers that arrived, by engine thread.
    arrived: Vec<RoaringTreemap>,
    counts: ArrivalCounts,
}

/// How many arrived in which way.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Default,
    serde::Serialize,
    serde::Deserialize,
    schemars::JsonSchema,
)]
pub struct ArrivalCounts {
    /// Of this run, each once.
    pub received: u64,
    /// Of this run, not for the first time.
    pub again: u64,
    /// Of those received, sent as warm-up: not in the latency.
    pub warmup: u64,
    /// Of those received, there before their request was due: not in the latency.
    pub negative: u64,
    /// The most by which one was too early, in µs.
    pub most_negative_us: u64,
    /// Of this run by their id, which names a request that was never made.
    pub never_due: u64,
    /// Of those received, so late that the due time was not held any more: not in the latency.
    pub forgotten: u64,
    /// Of another run of krush.
    pub other_run: u64,
    /// Without an id of krush's.
    pub foreign: u64,
}

/// What arrived, held against what the run claims.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Default,
    serde::Serialize,
    serde::Deserialize,
    schemars::JsonSchema,
)]
pub struct Reconciled {
    /// Records acked, warm-up included.
    pub acked: u64,
    /// Of those, received.
    pub acked_received: u64,
    /// Of those, not received: `acked = acked_received + not_received`.
    pub not_received: u64,
    /// Received, though it is not known whether they were stored: they were.
    pub unknown_received: u64,
    /// Received, though the server had refused them.
    pub rejected_received: u64,
}

impl Default for Arrivals {
    fn default() -> Self {
        Self {
            latency_us: Histogram::new_with_bounds(LOWEST_US, HIGHEST_US, DIGITS)
                .expect("constant bounds are valid"),
            arrived: Vec::new(),
            counts: ArrivalCounts::default(),
        }
    }
}

impl Arrivals {
    /// Counts one record; only the first arrival of each has a latency.
    pub fn add(&mut self, arrival: Arrival) {
        let (thread, number, took) = match arrival {
            Arrival::OtherRun => return self.counts.other_run += 1,
            Arrival::Foreign => return self.counts.foreign += 1,
            Arrival::Ours {
                took: Took::NeverDue,
                ..
            } => return self.counts.never_due += 1,
            Arrival::Ours {
                thread,
                number,
                took,
            } => (thread as usize, number, took),
        };
        if self.arrived.len() <= thread {
            self.arrived.resize_with(thread + 1, RoaringTreemap::new);
        }
        if !self.arrived[thread].insert(number) {
            self.counts.again += 1;
            return;
        }
        self.counts.received += 1;
        match took {
            Took::Time(time) => {
                let micros = (time.as_micros() as u64).clamp(LOWEST_US, HIGHEST_US);
                self.latency_us.saturating_record(micros);
            }
            Took::Negative(by) => {
                self.counts.negative += 1;
                let by = by.as_micros() as u64;
                self.counts.most_negative_us = self.counts.most_negative_us.max(by);
            }
            Took::WarmUp => self.counts.warmup += 1,
            Took::Forgotten => self.counts.forgotten += 1,
            Took::NeverDue => {}
        }
    }

    /// Latency of first arrivals, in µs.
    pub fn latency_us(&self) -> &Histogram<u64> {
        &self.latency_us
    }

    /// How many arrived in which way.
    pub fn counts(&self) -> ArrivalCounts {
        self.counts
    }

    /// Held against what the run claims.
    pub fn reconciled(&self, claims: &Claims) -> Reconciled {
        let nothing = RoaringTreemap::new();
        let mut sum = Reconciled::default();
        for (thread, claimed) in claims.threads.iter().enumerate() {
            let arrived = self.arrived.get(thread).unwrap_or(&nothing);
            let ThreadClaims {
                rejected, unknown, ..
            } = claimed;
            let acked = claimed.acked_numbers(claims.batch_size);
            let received = acked.intersection_len(arrived);
            sum.acked += acked.len();
            sum.acked_received += received;
            sum.not_received += acked.len() - received;
            sum.unknown_received += unknown.intersection_len(arrived);
            sum.rejected_received += rejected.intersection_len(arrived);
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ours(thread: u32, number: u64, took: Took) -> Arrival {
        Arrival::Ours {
            thread,
            number,
            took,
        }
    }

    #[test]
    fn every_arrival_is_counted_in_one_way() {
        let mut arrivals = Arrivals::default();
        let ms = |ms| Took::Time(Duration::from_millis(ms));
        for arrival in [
            ours(0, 0, ms(5)),
            ours(0, 0, ms(500)),
            ours(1, 0, ms(7)),
            ours(1, 1, Took::Negative(Duration::from_micros(30))),
            ours(1, 2, Took::Negative(Duration::from_micros(20))),
            ours(1, 9, Took::NeverDue),
            ours(0, 1, Took::Forgotten),
            ours(0, 2, Took::WarmUp),
            Arrival::OtherRun,
            Arrival::Foreign,
            Arrival::Foreign,
        ] {
            arrivals.add(arrival);
        }
        let wanted = ArrivalCounts {
            received: 6,
            again: 1,
            warmup: 1,
            negative: 2,
            most_negative_us: 30,
            never_due: 1,
            forgotten: 1,
            other_run: 1,
            foreign: 2,
        };
        assert_eq!(arrivals.counts(), wanted);
        assert_eq!(arrivals.latency_us().len(), 2, "the first time counts");
        assert!(arrivals.latency_us().max() < 8_000);
    }

    #[test]
    fn what_arrived_is_held_against_what_was_claimed() {
        let mut thread = ThreadClaims::new(1);
        for _ in 0..3 {
            thread.next_request(0);
        }
        // Records 0 to 9 acked, 10 to 19 unknown, 20 to 29 refused.
        thread.unknown.insert_range(10..20);
        thread.rejected.insert_range(20..30);
        let claims = Claims {
            run: "abcde".to_owned(),
            batch_size: 10,
            threads: vec![thread],
            acked_by_partition: Vec::new(),
        };
        let mut arrivals = Arrivals::default();
        for number in (0..8).chain(15..20).chain([21]) {
            arrivals.add(ours(0, number, Took::Time(Duration::from_millis(1))));
        }
        let wanted = Reconciled {
            acked: 10,
            acked_received: 8,
            not_received: 2,
            unknown_received: 5,
            rejected_received: 1,
        };
        assert_eq!(arrivals.reconciled(&claims), wanted);
        assert_eq!(Arrivals::default().reconciled(&claims).not_received, 10);
    }
}
