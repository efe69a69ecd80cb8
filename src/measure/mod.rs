//! What the engine saw, as numbers: outcomes, recorders, the timeline. No formatting, no verdicts.
//!
//! Workers record into a [`Recorder`] of their own; recorders are merged once, at the end, into [`Measured`].

mod arrivals;
mod blocks;
mod claims;
mod coarse;
pub mod consume;
mod failure;
mod join;
mod recorder;
mod spans;
mod summary;
mod target;
mod timeline;

pub use arrivals::{Arrival, ArrivalCounts, Arrivals, Reconciled, Took};
pub use blocks::{BLOCKS, Block, Blocks, Slices};
pub use claims::{Claims, Request, ThreadClaims};
pub use failure::{Failure, FailureKind, Failures, SAMPLE_BYTES};
pub use join::{Lie, join};
pub use recorder::{Exchange, Ledger, Outcome, RecordCounts, Recorder, RequestCounts, Starvation};
pub use spans::Span;
pub use summary::{Distribution, Latency, PERCENTILES, Reading, Summary, percentile_of};
pub use target::{TargetFacts, TargetKind};
pub use timeline::{Bounds, Buckets, P95, SecondStats, Timeline, TimelineDelta};

use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

/// Everything a finished run measured.
#[derive(Debug)]
pub struct Measured {
    /// Wall-clock time at which the measured part began.
    pub started_at: SystemTime,
    /// Start of the measured part to its end, drain included.
    pub elapsed: Duration,
    /// What throughput is taken over: the first byte written to the last acknowledgement, or to the end of the load or
    /// the last answer if those came later, so that a target that stops acknowledging gets no credit for the time after.
    /// `None` if nothing was sent.
    pub window: Option<Duration>,
    /// How long the request of the first byte was due before that byte was written; `None`: nothing was sent, or several parts are one.
    pub first_byte_after_due: Option<Duration>,
    /// How long an open loop lasts by its own plan; `None`: closed loop, or ended by the user.
    pub planned: Option<Duration>,
    /// Requests and records that the schedule called for.
    pub scheduled: Counts,
    /// Of those, never written to a socket.
    pub unsent: Counts,
    /// One recorder a target, in the order of the plan's URLs.
    pub targets: Vec<Recorder>,
    /// What warm-up sent and what came of it; in no other figure.
    pub warmup: Ledger,
    /// Per-second figures.
    pub timeline: Vec<SecondStats>,
    /// The same in a few equal spans of whole seconds.
    pub spans: Vec<Span>,
    /// The load in a few blocks of equal time, the replicates of comparisons and bounds.
    pub blocks: Blocks,
    /// What the connections did.
    pub connections: Connections,
    /// What the load generator itself used.
    pub generator: Generator,
    /// How the load ended.
    pub end: End,
    /// Numbers of the targets that were gone when the load ended.
    pub gone: Vec<usize>,
    /// What is claimed of each record, warm-up included.
    pub claims: Claims,
}

/// A number of requests and of the records in them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// HTTP exchanges.
    pub requests: u64,
    /// Kafka records.
    pub records: u64,
}

/// What the connections did.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema,
)]
pub struct Connections {
    /// Asked for by the plan.
    pub planned: u64,
    /// Opened again after a loss or a close (in the measured part).
    pub reconnects: u64,
    /// Attempts to connect that failed (in the measured part).
    pub connect_failures: u64,
    /// Connections that sent no measured request.
    pub unused: u64,
    /// Connections that sent exactly one.
    pub used_once: u64,
}

/// What the load generator itself used.
#[derive(Debug, Clone, Default)]
pub struct Generator {
    /// CPU time over wall time for each engine thread in the measured part, 0 to 1; empty where the system cannot tell.
    pub thread_busy_ratios: Vec<f64>,
    /// Time ready to run but waiting for a CPU, over wall time, for each engine thread; empty where the system cannot tell.
    pub thread_wait_ratios: Vec<f64>,
    /// CPU time of all engine threads, from the start of the measured part to the end of the drain.
    pub cpu: Option<Duration>,
    /// Number of requests in flight, integrated over time as it changed, in µs; knows nothing of single requests' times.
    pub in_flight_us: u64,
    /// How far wall clock and monotonic clock drifted apart during the run; a jump means suspend or a clock change.
    pub clock_skew: Duration,
    /// Largest resident set of this process in bytes, where the system can tell.
    pub peak_rss_bytes: Option<u64>,
}

/// How the load ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// The schedule ran out or time was up.
    Finished,
    /// Ctrl-C or SIGTERM: stopped and drained.
    Interrupted,
    /// Ctrl-C or SIGTERM twice: the drain was abandoned.
    Abandoned,
    /// The target answered nothing any more when the load ended.
    TargetGone,
}

impl Measured {
    /// Mean number of requests in flight, from their number as it changed over time.
    pub fn mean_in_flight(&self) -> f64 {
        self.over_elapsed(self.generator.in_flight_us)
    }

    /// Time summed over requests, in µs, as a mean number of requests over the measured part.
    fn over_elapsed(&self, sum_us: u64) -> f64 {
        sum_us as f64 / (self.elapsed.as_micros() as f64).max(1.0)
    }

    /// The same by Little's law, from the single requests: those sent per second × the mean time from the first byte of one
    /// to its end, whatever that was.
    pub fn mean_in_flight_by_little(&self) -> f64 {
        let (mut sent, mut ended, mut in_flight_us) = (0, 0, 0);
        for recorder in &self.targets {
            let requests = &recorder.ledger.requests;
            sent += requests.sent;
            ended += requests.complete + requests.partial + requests.rejected + requests.unknown;
            in_flight_us += recorder.in_flight_us;
        }
        self.over_elapsed(in_flight_us) * sent as f64 / (ended as f64).max(1.0)
    }

    /// How long an open loop's schedule took: as long as it was planned to, or until its last request was written, if that was later.
    /// The last answers are no part of it: how long they take is latency. The last request was written no earlier than the window's
    /// end less the slowest answer: the estimate favours the run. `None`: no schedule, or nothing was sent.
    pub fn schedule_took(&self) -> Option<Duration> {
        let slowest_us = (self.targets.iter())
            .filter(|target| !target.service_time.is_empty())
            .map(|target| target.service_time.max())
            .max();
        let slowest = Duration::from_micros(slowest_us.unwrap_or(0));
        Some(self.planned?.max(self.window?.saturating_sub(slowest)))
    }

    /// Mean number of requests that were due and not sent yet, or never were.
    pub fn mean_backlog(&self) -> f64 {
        self.over_elapsed(
            self.targets
                .iter()
                .map(|recorder| recorder.backlog_us)
                .sum(),
        )
    }

    /// All targets as one.
    pub fn total(&self) -> Recorder {
        let mut total = Recorder::new();
        for recorder in &self.targets {
            total.merge(recorder);
        }
        total
    }
}
