//! From measured numbers to a verdict: is the run valid, did it reach what was asked, what weakens it.
//!
//! Pure: everything is judged from a [`Run`]. It does not format tables and knows nothing of the engine.

mod bound;
mod compare;
mod evidence;
mod generator;
mod threshold;
mod trend;
mod validity;
mod verdict;
mod warnings;

pub use compare::{
    BaselineRow, BlockFigures, Bounded, Compared, FEWEST, How, Latencies, Method, MetricCompared,
    MetricVerdict, Named, NotComparable, Pair, PairRow, Placed, Setting, SliceLatency, SliceRow,
    compare_pairs, compare_reports, compare_runs, differences, is_lower_bound, looks_at, narrow,
    replicates, same_run, uncompared, unfit,
};
pub use evidence::Worthless;
pub use threshold::{ThresholdResult, evaluate, evaluate_arrivals};
pub use validity::{Check, Validity, check};
pub use verdict::{Outcome, Verdict, decide, implied};
pub use warnings::warnings;

use crate::measure::{Latency, Measured, Recorder, Summary, TargetFacts};
use crate::plan::Plan;

/// A finished run with everything the gate looks at, derived once.
#[derive(Debug)]
pub struct Run<'a> {
    /// What was asked for.
    pub plan: &'a Plan,
    /// What was tested.
    pub facts: &'a TargetFacts,
    /// What was seen.
    pub measured: &'a Measured,
    /// All targets as one.
    pub total: Recorder,
    /// All latencies.
    pub latency: Latency,
    /// The figures that are reported.
    pub summary: Summary,
    /// krush was built without optimisation.
    pub debug_build: bool,
}

impl<'a> Run<'a> {
    /// Derives the figures of a finished run.
    pub fn new(
        plan: &'a Plan,
        facts: &'a TargetFacts,
        measured: &'a Measured,
        debug_build: bool,
    ) -> Self {
        let total = measured.total();
        Self {
            plan,
            facts,
            measured,
            latency: Latency::of(&total),
            summary: Summary::of(measured),
            total,
            debug_build,
        }
    }

    /// Records that were sent but not acked: rejected plus unknown.
    fn failed_records(&self) -> u64 {
        self.total.ledger.records.rejected + self.total.ledger.records.unknown
    }

    /// Ctrl-C or SIGTERM ended it.
    fn interrupted(&self) -> bool {
        use crate::measure::End;
        matches!(self.measured.end, End::Interrupted | End::Abandoned)
    }
}

#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
pub(crate) mod simulation;
#[cfg(test)]
mod unanswered;
