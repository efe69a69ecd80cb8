//! Requests that failed, on both sides. A failure is no noise: it is counted, not averaged over blocks.

use super::judge::SIGNIFICANT;
use super::{MetricCompared, MetricVerdict};
use crate::stats::{fisher_more, normal_quantile};

/// Drop of the share of complete requests that passes although it cannot be told from chance.
const TOLERATED: f64 = 0.001 + 1e-9;
/// Mean number of failures that show as a regression in 95 of 100 runs, if the baseline has none and as many requests: 8 of them are
/// significant, and a Poisson number of this mean is 8 or more so often.
const FAILURES_SEEN: f64 = 13.15;

/// Requests of a side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Requests {
    pub(super) all: u64,
    /// Not complete: refused in part or whole, unknown, or never sent.
    pub(super) bad: u64,
}

impl Requests {
    fn ratio(self) -> f64 {
        (self.all - self.bad.min(self.all)) as f64 / self.all.max(1) as f64
    }

    fn variance(self) -> f64 {
        self.ratio() * (1.0 - self.ratio()) / self.all.max(1) as f64
    }

    pub(super) fn add(self, all: u64, bad: u64) -> Self {
        Self {
            all: self.all + all,
            bad: self.bad + bad,
        }
    }
}

/// The share of complete requests on both sides; a drop beyond chance is a regression, however small.
pub(super) fn compared(
    before: Requests,
    after: Requests,
    replicates: (u64, u64),
) -> MetricCompared {
    let (was, is) = (before.ratio(), after.ratio());
    let significant = (1.0 - SIGNIFICANT) / 2.0;
    let worse = fisher_more(before.bad, before.all, after.bad, after.all);
    let better = fisher_more(after.bad, after.all, before.bad, before.all);
    let error = (before.variance() + after.variance()).sqrt();
    let reach = normal_quantile(f64::midpoint(1.0, SIGNIFICANT)) * error;
    let one_sided = normal_quantile(0.95) * error;
    let relative = |drop: f64| if was > 0.0 { drop / was } else { 0.0 };
    let verdict = if is < was && worse < significant {
        MetricVerdict::Regression
    } else if is > was && better < significant {
        MetricVerdict::Improvement
    } else if was - is <= TOLERATED {
        MetricVerdict::NoRegression
    } else {
        MetricVerdict::Inconclusive
    };
    let fewest = before.all.min(after.all).max(1) as f64;
    MetricCompared {
        metric: "success".to_owned(),
        unit: "ratio".to_owned(),
        higher_is_better: true,
        judged: true,
        baseline: was,
        saw: is,
        baseline_replicates: replicates.0,
        replicates: replicates.1,
        change: relative(is - was),
        low: relative(is - was - reach),
        high: relative(is - was + reach),
        confidence: SIGNIFICANT,
        p: (2.0 * worse.min(better)).min(1.0),
        verdict,
        worst: relative(was - is + one_sided).max(0.0),
        minimum_detectable: relative(reach + one_sided)
            .max(FAILURES_SEEN / fewest)
            .min(1.0),
        more_replicates: None,
        runs_needed: None,
        lower_bound: None,
        run_spread: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_beyond_chance_are_a_regression_however_few() {
        use MetricVerdict::{Improvement, Inconclusive, NoRegression, Regression};
        for (before, after, verdict) in [
            ((1_000, 0), (1_000, 0), NoRegression),
            ((1_000, 0), (1_000, 1), NoRegression),
            ((1_000, 0), (1_000, 4), Inconclusive),
            ((1_000, 0), (1_000, 8), Regression),
            ((1_000_000, 0), (1_000_000, 8), Regression),
            ((1_000, 8), (1_000, 0), Improvement),
            ((1_000, 500), (1_000, 500), NoRegression),
            ((1_000, 0), (1_000, 1_000), Regression),
            ((0, 0), (0, 0), NoRegression),
        ] {
            let side = |(all, bad)| Requests { all, bad };
            let row = compared(side(before), side(after), (8, 8));
            assert_eq!(row.verdict, verdict, "{before:?} {after:?}");
            assert!(
                [row.low, row.high, row.worst, row.p]
                    .iter()
                    .all(|x| x.is_finite())
            );
        }
    }
}
