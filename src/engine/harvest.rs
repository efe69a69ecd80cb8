//! What an engine thread brings home when its run is over.

use std::time::Duration;

use super::ending::Ending;
use super::tally::Tally;
use crate::measure::{Ledger, Recorder, Slices, ThreadClaims, TimelineDelta};

/// The first byte of a measured part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct FirstByte {
    /// When it was written, in µs since the engine's origin.
    pub(crate) sent_us: u64,
    /// When its request was due.
    pub(crate) due_us: u64,
}

/// What a thread brings home.
pub(crate) struct Harvest {
    /// Of its thread.
    pub(crate) number: u32,
    /// One a target.
    pub(crate) recorders: Vec<Recorder>,
    pub(crate) warmup: Ledger,
    /// Taken from the schedule and never written.
    pub(crate) unsent_requests: u64,
    pub(crate) unsent_records: u64,
    /// When this thread took nothing more from the schedule.
    pub(crate) load_over_us: Option<u64>,
    /// When its first measured byte was written, and when that request was due.
    pub(crate) first_sent: Option<FirstByte>,
    pub(crate) last_ack_us: Option<u64>,
    pub(crate) reconnects: u64,
    pub(crate) connect_failures: u64,
    pub(crate) unused: u64,
    pub(crate) used_once: u64,
    /// One a target.
    pub(crate) endings: Vec<Ending>,
    /// Seconds not handed over yet.
    pub(crate) timeline: TimelineDelta,
    /// The measured part in slices of equal time.
    pub(crate) slices: Slices,
    /// How busy the thread was from the start of the measured part to the end of the load.
    pub(crate) busy: Option<Busy>,
    /// CPU time from the start of the measured part to the end of the drain.
    pub(crate) cpu: Option<Duration>,
    /// Measured requests in flight, integrated over time, in µs.
    pub(crate) in_flight_us: u64,
    /// What is claimed of each record.
    pub(crate) claims: ThreadClaims,
    /// Records acked by partition, if they are counted.
    pub(crate) tally: Option<Tally>,
}

/// CPU accounting of one thread over a part of its life.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Busy {
    /// How long that part was, in µs.
    pub(crate) wall_us: u64,
    /// On a CPU.
    pub(crate) cpu: Duration,
    /// Ready to run, but waiting for a CPU; `None` where the kernel does not count it.
    pub(crate) waited: Option<Duration>,
}

/// Shortest time over which CPU accounting tells how busy a thread was while there was something to send, in µs.
pub(crate) const BUSY_WINDOW_US: u64 = 1_000_000;

impl Busy {
    /// Share of its time that the thread spent in `part`. A thread that was done within a few ms, because another took all
    /// there was to do, was busy for as long as it lived: its share is that of the run (`run_us`), or of a second of it.
    pub(crate) fn ratio(&self, part: Duration, run_us: u64) -> f64 {
        let wall_us = self.wall_us.max(run_us.min(BUSY_WINDOW_US)).max(1);
        part.as_micros() as f64 / wall_us as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_was_done_at_once_is_as_busy_as_the_run_is_long() {
        let cpu = Duration::from_micros(970);
        let busy = |wall_us| Busy {
            wall_us,
            cpu,
            waited: None,
        };
        // Run and own time in µs, share in millionths.
        for (wall_us, run_us, share) in [
            (1_000, 1_000, 970_000),
            (1_000, 10_000, 97_000),
            (1_000, 1_300_000, 970),
            (1_000, 60_000_000, 970),
            (2_000_000, 60_000_000, 485),
        ] {
            let ratio = busy(wall_us).ratio(cpu, run_us);
            assert_eq!((ratio * 1e6).round() as u64, share, "{wall_us} of {run_us}");
        }
    }
}
