//! Whether the figures of a run are evidence: the one answer for comparisons, history, trackers of benchmarks and pages.

use super::Outcome;
use crate::measure::End;
use crate::report::Report;

/// Why the figures of a run prove nothing about how fast its target is, neither well nor badly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Worthless {
    /// The user ended it, or its audit.
    Interrupted,
    /// The target was gone, or could not be asked for the audit.
    Target,
    /// Records acked were lost, duplicated, reordered or corrupted: acks are no work done.
    Integrity,
    /// A check of validity failed.
    Void,
    /// No record was acked: there is nothing to hold against anything.
    NothingAcked,
}

impl Worthless {
    /// Of a run that came to this and acked so many records a second; `None`: its figures are evidence.
    pub fn of(outcome: Outcome, records_per_sec: f64) -> Option<Self> {
        match outcome {
            Outcome::Interrupted => Some(Self::Interrupted),
            Outcome::Target => Some(Self::Target),
            Outcome::Integrity => Some(Self::Integrity),
            Outcome::Void => Some(Self::Void),
            Outcome::Pass | Outcome::Threshold | Outcome::Regression | Outcome::Inconclusive => {
                (records_per_sec <= 0.0).then_some(Self::NothingAcked)
            }
        }
    }

    /// The same of a report, which also has what its outcome does not say: an outcome is the worst of several.
    pub fn of_report(report: &Report) -> Option<Self> {
        let ended = match report.end {
            End::Interrupted | End::Abandoned => Some(Self::Interrupted),
            End::TargetGone => Some(Self::Target),
            End::Finished => None,
        };
        let by_outcome = Self::of(report.verdict.outcome, report.summary.records_per_sec);
        let void = report.validity.void.then_some(Self::Void);
        match by_outcome {
            Some(Self::Integrity) => ended.or(by_outcome),
            _ => ended.or(void).or(by_outcome),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_outcome_is_evidence_or_not() {
        use Outcome::{
            Inconclusive, Integrity, Interrupted, Pass, Regression, Target, Threshold, Void,
        };
        for outcome in [Pass, Threshold, Regression, Inconclusive] {
            assert_eq!(Worthless::of(outcome, 1.0), None);
            let nothing = Worthless::of(outcome, 0.0);
            assert_eq!(nothing, Some(Worthless::NothingAcked));
        }
        for (outcome, wanted) in [
            (Void, Worthless::Void),
            (Integrity, Worthless::Integrity),
            (Target, Worthless::Target),
            (Interrupted, Worthless::Interrupted),
        ] {
            assert_eq!(Worthless::of(outcome, 1.0), Some(wanted));
        }
    }
}
