//! One worker's ledger and histograms for one target.

use std::fmt;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use super::Failures;

/// Smallest recorded value in µs.
pub(super) const LOWEST_US: u64 = 1;
/// Largest recorded value in µs: one hour. Values above are recorded here and counted as clamped.
pub(super) const HIGHEST_US: u64 = 3_600_000_000;
/// Significant decimal digits of every histogram.
pub(super) const DIGITS: u8 = 3;

/// What became of a request that was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Every record acked.
    Complete,
    /// Some records acked.
    Partial,
    /// Every record refused, none unknown.
    Rejected,
    /// Nothing acked, and at least one record may be stored.
    Unknown,
}

/// One finished exchange, as the engine saw it. Times in µs since the clock started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exchange {
    /// When it should have started.
    pub due_us: u64,
    /// First byte written.
    pub sent_us: u64,
    /// Answer fully read, or given up.
    pub done_us: u64,
    /// When its connection was free for it; `None` in a closed loop, where that is when it was due.
    pub free_us: Option<u64>,
    /// Records acked.
    pub acked: u64,
    /// Records refused.
    pub rejected: u64,
    /// Records of which nothing is known.
    pub unknown: u64,
    /// Whether the exchange ended without a believable answer: its times are lower bounds.
    pub lower_bound: bool,
}

impl Exchange {
    /// What became of the request as a whole.
    pub fn outcome(&self) -> Outcome {
        match (self.acked, self.rejected, self.unknown) {
            (_, 0, 0) => Outcome::Complete,
            (0, _, 0) => Outcome::Rejected,
            (0, _, _) => Outcome::Unknown,
            _ => Outcome::Partial,
        }
    }

    /// Records in the request.
    pub fn records(&self) -> u64 {
        self.acked + self.rejected + self.unknown
    }
}

/// Requests by outcome: `sent = complete + partial + rejected + unknown`.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema,
)]
pub struct RequestCounts {
    /// First byte written.
    pub sent: u64,
    /// Every record acked.
    pub complete: u64,
    /// Some records acked.
    pub partial: u64,
    /// Every record refused.
    pub rejected: u64,
    /// Nothing acked and not all refused.
    pub unknown: u64,
}

/// Records by outcome: `sent = acked + rejected + unknown`.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema,
)]
pub struct RecordCounts {
    /// In requests of which the first byte was written.
    pub sent: u64,
    /// Own entry with an offset and no error.
    pub acked: u64,
    /// Refused: not stored.
    pub rejected: u64,
    /// May or may not be stored.
    pub unknown: u64,
}

/// What was sent and what became of it. `sent` is counted when the first byte is written, the rest when the
/// exchange ends, so that the two sides can disagree: that is what makes checking the balance worth something.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema,
)]
pub struct Ledger {
    /// HTTP exchanges.
    pub requests: RequestCounts,
    /// Kafka records.
    pub records: RecordCounts,
}

impl Ledger {
    /// Counts a request whose first byte was just written.
    pub fn sent(&mut self, records: u64) {
        self.requests.sent += 1;
        self.records.sent += records;
    }

    /// Counts the end of an exchange.
    pub fn ended(&mut self, exchange: &Exchange) {
        match exchange.outcome() {
            Outcome::Complete => self.requests.complete += 1,
            Outcome::Partial => self.requests.partial += 1,
            Outcome::Rejected => self.requests.rejected += 1,
            Outcome::Unknown => self.requests.unknown += 1,
        }
        self.records.acked += exchange.acked;
        self.records.rejected += exchange.rejected;
        self.records.unknown += exchange.unknown;
    }

    /// Adds another ledger to this one.
    pub fn merge(&mut self, other: &Self) {
        let (a, b) = (&mut self.requests, &other.requests);
        a.sent += b.sent;
        a.complete += b.complete;
        a.partial += b.partial;
        a.rejected += b.rejected;
        a.unknown += b.unknown;
        let (a, b) = (&mut self.records, &other.records);
        a.sent += b.sent;
        a.acked += b.acked;
        a.rejected += b.rejected;
        a.unknown += b.unknown;
    }

    /// Whether every request and every record sent ended in exactly one place.
    pub fn balances(&self) -> bool {
        let q = &self.requests;
        let r = &self.records;
        q.sent == q.complete + q.partial + q.rejected + q.unknown
            && r.sent == r.acked + r.rejected + r.unknown
    }
}

/// One worker's figures for one target. All histograms are in µs, 1 µs to 1 h, 3 digits.
#[derive(Clone)]
pub struct Recorder {
    /// What was sent and what became of it.
    pub ledger: Ledger,
    /// Latency (done - due) of requests with an answer.
    pub latency: Histogram<u64>,
    /// Latency so far of unknown and unsent requests: each took at least this long.
    pub latency_bounds: Histogram<u64>,
    /// Done - sent, of requests with an answer.
    pub service_time: Histogram<u64>,
    /// Sent - due, of every request sent.
    pub send_delay: Histogram<u64>,
    /// The part of the send delay that is the generator's own: sent - the later of due and of its connection being free.
    /// Of every request sent in an open loop.
    pub own_lateness: Histogram<u64>,
    /// The other part of the send delay: what requests waited for a connection to be free or made.
    pub starvation: Starvation,
    /// What went wrong.
    pub failures: Failures,
    /// Key and value bytes of acked records, before any encoding for transport.
    pub payload_bytes_acked: u64,
    /// Acked records whose entry had offset -1: stored at an unknown offset (Karapace) or, with acks=0, only sent.
    pub acked_without_offset: u64,
    /// Believed answers that named the same partition and offset as the one before on their connection.
    pub repeated_answers: u64,
    /// Bytes of HTTP requests written, heads included, TLS not.
    pub wire_bytes_sent: u64,
    /// Bytes of HTTP replies read, heads included, TLS not.
    pub wire_bytes_received: u64,
    /// Values above one hour, recorded as one hour.
    pub clamped: u64,
    /// Sum of service times and lower bounds of sent requests in µs: one side of Little's law.
    pub in_flight_us: u64,
    /// Sum of what requests waited before they were sent, or never were, in µs: for the mean backlog.
    pub backlog_us: u64,
}

/// Requests of an open loop that were due before any connection was free for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Starvation {
    /// How many, of those sent.
    pub requests: u64,
    /// What they waited for a connection, summed, in µs.
    pub total_us: u64,
    /// The longest of these waits in µs.
    pub max_us: u64,
}

/// Ledger, number of samples and failures; whole histograms are megabytes of text.
impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorder")
            .field("ledger", &self.ledger)
            .field("latencies", &self.latency.len())
            .field("latency_bounds", &self.latency_bounds.len())
            .field("failures", &self.failures)
            .finish_non_exhaustive()
    }
}

impl Default for Recorder {
    fn default() -> Self {
        Self::new()
    }
}

impl Recorder {
    /// An empty recorder; allocates its histograms once, so that recording never allocates.
    pub fn new() -> Self {
        let histogram = || {
            Histogram::new_with_bounds(LOWEST_US, HIGHEST_US, DIGITS)
                .expect("the fixed bounds are valid for hdrhistogram")
        };
        Self {
            ledger: Ledger::default(),
            latency: histogram(),
            latency_bounds: histogram(),
            service_time: histogram(),
            send_delay: histogram(),
            own_lateness: histogram(),
            starvation: Starvation::default(),
            failures: Failures::default(),
            payload_bytes_acked: 0,
            acked_without_offset: 0,
            repeated_answers: 0,
            wire_bytes_sent: 0,
            wire_bytes_received: 0,
            clamped: 0,
            in_flight_us: 0,
            backlog_us: 0,
        }
    }

    /// Counts a request whose first byte was just written.
    pub fn sent(&mut self, records: u64) {
        self.ledger.sent(records);
    }

    /// Records the end of an exchange that was sent.
    pub fn ended(&mut self, exchange: &Exchange) {
        self.ledger.ended(exchange);
        let latency = exchange.done_us.saturating_sub(exchange.due_us);
        let service_time = exchange.done_us.saturating_sub(exchange.sent_us);
        self.in_flight_us += service_time;
        self.clamped += u64::from(latency > HIGHEST_US);
        if exchange.lower_bound {
            self.latency_bounds
                .saturating_record(latency.max(LOWEST_US));
        } else {
            self.latency.saturating_record(latency.max(LOWEST_US));
            self.service_time
                .saturating_record(service_time.max(LOWEST_US));
        }
        let send_delay = exchange.sent_us.saturating_sub(exchange.due_us);
        self.send_delay.saturating_record(send_delay.max(LOWEST_US));
        self.backlog_us += send_delay;
        if let Some(free_us) = exchange.free_us {
            let own = exchange
                .sent_us
                .saturating_sub(free_us.max(exchange.due_us));
            self.own_lateness.saturating_record(own.max(LOWEST_US));
            let starved_us = free_us.saturating_sub(exchange.due_us);
            self.starvation.requests += u64::from(starved_us > 0);
            self.starvation.total_us += starved_us;
            self.starvation.max_us = self.starvation.max_us.max(starved_us);
        }
    }

    /// Records requests that were due at `due_us` or before but never written: a lower bound only.
    pub fn never_sent(&mut self, due_us: u64, now_us: u64, requests: u64) {
        let waited = now_us.saturating_sub(due_us);
        self.backlog_us += waited * requests;
        self.clamped += if waited > HIGHEST_US { requests } else { 0 };
        self.latency_bounds
            .saturating_record_n(waited.max(LOWEST_US), requests);
    }

    /// Adds another recorder to this one.
    pub fn merge(&mut self, other: &Self) {
        self.ledger.merge(&other.ledger);
        for (a, b) in [
            (&mut self.latency, &other.latency),
            (&mut self.latency_bounds, &other.latency_bounds),
            (&mut self.service_time, &other.service_time),
            (&mut self.send_delay, &other.send_delay),
            (&mut self.own_lateness, &other.own_lateness),
        ] {
            a.add(b).expect("all recorders have the same bounds");
        }
        self.failures.merge(&other.failures);
        self.payload_bytes_acked += other.payload_bytes_acked;
        self.acked_without_offset += other.acked_without_offset;
        self.repeated_answers += other.repeated_answers;
        self.wire_bytes_sent += other.wire_bytes_sent;
        self.wire_bytes_received += other.wire_bytes_received;
        self.clamped += other.clamped;
        self.in_flight_us += other.in_flight_us;
        self.backlog_us += other.backlog_us;
        self.starvation.requests += other.starvation.requests;
        self.starvation.total_us += other.starvation.total_us;
        self.starvation.max_us = self.starvation.max_us.max(other.starvation.max_us);
    }
}
