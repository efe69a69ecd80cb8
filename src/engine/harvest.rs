//! What an engine thread brings home when its run is over.

use crate::measure::{Ledger, Recorder, TimelineDelta};

/// What a thread brings home.
pub(crate) struct Harvest {
    /// One a target.
    pub(crate) recorders: Vec<Recorder>,
    pub(crate) warmup: Ledger,
    /// Taken from the schedule and never written.
    pub(crate) unsent_requests: u64,
    pub(crate) unsent_records: u64,
    pub(crate) first_sent_us: Option<u64>,
    pub(crate) last_ack_us: Option<u64>,
    pub(crate) reconnects: u64,
    pub(crate) connect_failures: u64,
    pub(crate) unused: u64,
    pub(crate) used_once: u64,
    /// One a target.
    pub(crate) endings: Vec<Ending>,
    /// Seconds not handed over yet.
    pub(crate) timeline: TimelineDelta,
    /// CPU time over wall time between the start of the measured part and the end of the load.
    pub(crate) busy_ratio: Option<f64>,
}

/// How one target was when the load ended, as one thread saw it.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Ending {
    /// Open connections without a request, or being made for the first time.
    pub(crate) healthy: u64,
    /// Connections whose last attempt to connect failed.
    pub(crate) failing: u64,
    /// Requests in flight.
    pub(crate) outstanding: u64,
    /// Of those, answered before the drain ended.
    pub(crate) answered: u64,
}

impl Ending {
    pub(crate) fn merge(&mut self, other: &Self) {
        self.healthy += other.healthy;
        self.failing += other.failing;
        self.outstanding += other.outstanding;
        self.answered += other.answered;
    }

    /// Nothing answered any more and nothing spoke for it: the target was gone when the load ended.
    pub(crate) fn is_gone(&self) -> bool {
        self.healthy == 0 && self.answered == 0 && self.failing + self.outstanding > 0
    }
}
