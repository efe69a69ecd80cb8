//! Requests that failed, on both sides. They are counted over everything; how they lie in the replicates says how many of them are one
//! failure only: an outage fails many requests at once.

use super::judge::{EQUIVALENT, SIGNIFICANT};
use super::{BlockFigures, MetricCompared, MetricVerdict};
use crate::stats::{Dispersion, Share, fisher_more, normal_quantile};

/// Drop of the share of complete requests that is no regression, however sure it is.
pub(super) const TOLERATED: f64 = 0.001 + 1e-9;
/// Mean number of failures that show as a regression in 95 of 100 runs, if the baseline has none and as many requests: 8 of them are
/// significant, and a Poisson number of this mean is 8 or more so often.
const FAILURES_SEEN: f64 = 13.15;

/// Requests of a side.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Requests {
    /// Those of each replicate, run by run.
    runs: Vec<Vec<Share>>,
}

impl Requests {
    /// Those of these replicates, run by run.
    pub(super) fn of(runs: &[Vec<BlockFigures>]) -> Self {
        let failed = |block: &BlockFigures| Share {
            count: block.failures.min(block.requests) as f64,
            all: block.requests as f64,
        };
        let runs = runs.iter();
        Self {
            runs: runs.map(|run| run.iter().map(failed).collect()).collect(),
        }
    }

    /// What a run counted beyond its replicates, which is what was never sent, as one more of them: it is one at its end.
    pub(super) fn complete(&mut self, run: usize, all: u64, bad: u64) {
        if let Some(run) = self.runs.get_mut(run) {
            let seen = sum(run);
            let rest = (all as f64 - seen.all).max(0.0);
            if rest > 0.0 {
                run.push(Share {
                    count: (bad as f64 - seen.count).clamp(0.0, rest),
                    all: rest,
                });
            }
        }
    }

    fn all(&self) -> Share {
        sum(&self.per_run())
    }

    fn per_run(&self) -> Vec<Share> {
        self.runs.iter().map(|run| sum(run)).collect()
    }
}

fn sum(parts: &[Share]) -> Share {
    parts.iter().fold(Share::default(), |sum, part| Share {
        count: sum.count + part.count,
        all: sum.all + part.all,
    })
}

/// How many failures come at once: how much more they vary from replicate to replicate, or from run to run, than chance makes them.
fn at_once(sides: [&Requests; 2]) -> f64 {
    let (mut replicates, mut runs) = (Dispersion::default(), Dispersion::default());
    for side in sides {
        // All runs of a side have one share: what they differ by is no chance either.
        replicates = replicates.with(&side.runs.concat());
        runs = runs.with(&side.per_run());
    }
    replicates.factor().max(runs.factor())
}

/// What both sides are worth if so many failures count as one.
struct Worth {
    /// Failures.
    before: Share,
    after: Share,
}

impl Worth {
    fn of(before: Share, after: Share, at_once: f64) -> Self {
        let worth = |share: Share| Share {
            count: share.count / at_once,
            all: share.all / at_once,
        };
        Self {
            before: worth(before),
            after: worth(after),
        }
    }

    /// One-sided p of Fisher's test for more failures after, and for more before. Parts of a failure count against a difference.
    fn chance(&self) -> (f64, f64) {
        let more = |few: Share, many: Share| {
            let all = |share: Share| share.all.round() as u64;
            let few_bad = (few.count.ceil() as u64).min(all(few));
            fisher_more(few_bad, all(few), many.count.floor() as u64, all(many))
        };
        (more(self.before, self.after), more(self.after, self.before))
    }

    /// The drop by which the share would fall in 95 of 100 comparisons so that it is significant, and above what is tolerated.
    fn detectable(&self) -> f64 {
        let fewest = self.before.all.min(self.after.all).max(1e-9);
        let variance = |share: Share| share.ratio() * (1.0 - share.ratio()) / share.all.max(1e-9);
        let error = (variance(self.before) + variance(self.after)).sqrt();
        let one_sided = normal_quantile(EQUIVALENT);
        let reach = normal_quantile(f64::midpoint(1.0, SIGNIFICANT)) + one_sided;
        // Failures of a share d vary by √(d/n): d less 1.64 times that is what is tolerated.
        let half = one_sided / fewest.sqrt() / 2.0;
        let tolerated = (half + (half.powi(2) + TOLERATED).sqrt()).powi(2);
        (reach * error)
            .max(FAILURES_SEEN / fewest)
            .max(tolerated)
            .min(1.0)
    }
}

/// The share of complete requests on both sides.
pub(super) fn compared(
    before: &Requests,
    after: &Requests,
    replicates: (u64, u64),
    margin: f64,
) -> MetricCompared {
    let at_once = at_once([before, after]);
    let (failed_before, failed_after) = (before.all(), after.all());
    let (was, is) = (1.0 - failed_before.ratio(), 1.0 - failed_after.ratio());
    let worth = Worth::of(failed_before, failed_after, at_once);
    let (worse, better) = worth.chance();
    let relative = |drop: f64| if was > 0.0 { drop / was } else { drop };
    let z = |confidence: f64| normal_quantile(confidence);
    let (low, high) = worth
        .after
        .more_than(worth.before, z(f64::midpoint(1.0, SIGNIFICANT)));
    let at_most = worth.after.more_than(worth.before, z(EQUIVALENT)).1;
    let at_most = relative(at_most).max(0.0);
    let significant = (1.0 - SIGNIFICANT) / 2.0;
    let verdict = if was - is > TOLERATED && worse < significant {
        MetricVerdict::Regression
    } else if is - was > TOLERATED && better < significant {
        MetricVerdict::Improvement
    } else if was - is <= TOLERATED && at_most < margin {
        MetricVerdict::NoRegression
    } else {
        MetricVerdict::Inconclusive
    };
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
        low: relative(-high),
        high: relative(-low),
        confidence: SIGNIFICANT,
        p: (2.0 * worse.min(better)).min(1.0),
        verdict,
        worst: at_most,
        minimum_detectable: relative(worth.detectable()).min(1.0),
        more_replicates: None,
        runs_needed: None,
        lower_bound: None,
        lower_bound_replicates: 0,
        run_spread: None,
        total_change: None,
        failures_at_once: Some(at_once),
    }
}

/// For tests: what becomes of success alone.
#[cfg(test)]
pub(crate) fn of_slices(
    before: &[BlockFigures],
    after: &[BlockFigures],
    margin: f64,
) -> MetricVerdict {
    let side = |slices: &[BlockFigures]| Requests::of(&[slices.to_vec()]);
    let counts = (before.len() as u64, after.len() as u64);
    compared(&side(before), &side(after), counts, margin).verdict
}

#[cfg(test)]
mod tests {
    use super::super::Latencies;
    use super::*;

    fn block(requests: u64, failures: u64) -> BlockFigures {
        BlockFigures {
            latencies: Latencies::default(),
            records_per_sec: 1.0,
            secs: 1.0,
            p50_us: None,
            p95_us: None,
            p99_us: None,
            requests,
            failures,
            lower_bound: false,
            p95_most_us: None,
        }
    }

    /// Failures of each of 10 blocks of so many requests.
    fn side(requests: u64, failures: [u64; 10]) -> Requests {
        let blocks = failures.map(|failures| block(requests / 10, failures));
        Requests::of(&[blocks.to_vec()])
    }

    /// Failures as evenly as they can be.
    fn even(requests: u64, failures: u64) -> Requests {
        side(
            requests,
            std::array::from_fn(|index| failures / 10 + u64::from((index as u64) < failures % 10)),
        )
    }

    #[test]
    fn failures_beyond_chance_and_tolerance_are_a_regression() {
        use MetricVerdict::{Improvement, Inconclusive, NoRegression, Regression};
        for (before, after, verdict) in [
            ((1_000, 0), (1_000, 0), NoRegression),
            ((1_000, 0), (1_000, 1), NoRegression),
            ((1_000, 0), (1_000, 4), Inconclusive),
            ((1_000, 0), (1_000, 8), Regression),
            // Sure, but too few to matter.
            ((1_000_000, 0), (1_000_000, 80), NoRegression),
            ((1_000_000, 0), (1_000_000, 2_000), Regression),
            ((1_000, 10), (1_000, 0), Improvement),
            ((10_000, 5_000), (10_000, 5_000), NoRegression),
            // As often, but so few that it may be worse by more than the margin.
            ((1_000, 500), (1_000, 500), Inconclusive),
            ((40, 0), (40, 0), Inconclusive),
            ((60, 0), (60, 0), NoRegression),
            ((1_000, 0), (1_000, 1_000), Regression),
            ((0, 0), (0, 0), Inconclusive),
        ] {
            let row = compared(
                &even(before.0, before.1),
                &even(after.0, after.1),
                (10, 10),
                0.05,
            );
            assert_eq!(row.verdict, verdict, "{before:?} {after:?}: {row:?}");
            assert!(
                [row.low, row.high, row.worst, row.p, row.minimum_detectable]
                    .iter()
                    .all(|x| x.is_finite())
            );
            assert!(row.low <= row.change && row.change <= row.high, "{row:?}");
            assert!(verdict != NoRegression || row.worst < 0.05);
        }
    }

    #[test]
    fn what_fails_at_once_is_one_failure() {
        let none = even(6_400, 0);
        let verdict = |after: &Requests| compared(&none, after, (10, 10), 0.05).verdict;
        let burst = side(6_400, [0, 0, 30, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(verdict(&burst), MetricVerdict::Inconclusive);
        assert_eq!(verdict(&even(6_400, 30)), MetricVerdict::Regression);
        // So are those of one run of several, however evenly they lie in it.
        let runs = |failures: [u64; 4]| {
            Requests::of(&failures.map(|failures| vec![block(100, failures); 8]))
        };
        let (three, one) = (runs([0; 4]), runs([0, 0, 5, 0]));
        let said = compared(&three, &one, (32, 32), 0.05);
        assert_eq!(said.verdict, MetricVerdict::Inconclusive, "{said:?}");
    }

    #[test]
    fn what_was_never_sent_is_counted_too() {
        let mut run = even(1_000, 0);
        run.complete(0, 1_200, 200);
        let all = run.all();
        assert!((all.count - 200.0).abs() < 1e-9 && (all.all - 1_200.0).abs() < 1e-9);
    }
}
