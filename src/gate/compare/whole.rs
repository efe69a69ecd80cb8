//! The P95 of each side's whole run. Medians of replicates leave out the few in which a target was slow; all requests together do
//! not.

use std::sync::Arc;

use hdrhistogram::{Counter, Histogram};

use super::figures::BlockFigures;
use crate::stats::Estimate;

/// One-sided confidence from which on a whole that is worse is more than noise. It is low: it decides what does not pass, not what
/// is a regression.
const MORE_THAN_NOISE: f64 = 0.9;
/// The share of requests that a P95 leaves above it.
const ABOVE: f64 = 0.05;

/// The latencies of one replicate: values in µs that were seen, ascending, and how many requests had each.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Latencies(Arc<[(u64, u64)]>);

impl Latencies {
    /// Those of a histogram.
    pub fn of<T: Counter>(histogram: &Histogram<T>) -> Self {
        let buckets = histogram.iter_recorded().map(|bucket| {
            let edge = histogram.highest_equivalent(bucket.value_iterated_to());
            (edge, bucket.count_at_value().as_u64())
        });
        Self(buckets.collect())
    }

    /// Of how many requests took how many µs, in ascending order.
    #[cfg(test)]
    pub(crate) fn of_counts(counts: Vec<(u64, u64)>) -> Self {
        Self(counts.into())
    }

    fn count(&self) -> u64 {
        self.0.iter().map(|(_, count)| count).sum()
    }

    /// How many are slower than this.
    fn beyond(&self, us: f64) -> u64 {
        let slow = self.0.iter().filter(|(value, _)| *value as f64 > us);
        slow.map(|(_, count)| count).sum()
    }
}

/// P95 in µs of all requests of these replicates, by nearest rank; `None`: there are none.
fn p95<'a>(replicates: impl Iterator<Item = &'a BlockFigures>) -> Option<f64> {
    let mut all: Vec<(u64, u64)> = replicates
        .flat_map(|block| block.latencies.0.iter().copied())
        .collect();
    all.sort_unstable();
    let count: u64 = all.iter().map(|(_, count)| count).sum();
    let rank = (count as f64 * (1.0 - ABOVE)).ceil() as u64;
    let mut seen = 0;
    let at = all.iter().find(|(_, count)| {
        seen += count;
        seen >= rank
    });
    at.map(|(us, _)| *us as f64)
}

/// What all requests of both sides say.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Whole {
    /// Relative change from the baseline's whole.
    pub(super) change: f64,
    /// It is worse by the margin or more, and noise does not explain it.
    pub(super) worse: bool,
}

/// P95 of the whole of both sides; `None`: latencies are not known. `paired`: the replicates lie beside each other in time, one by one.
pub(super) fn compared(
    baseline: &[Vec<BlockFigures>],
    run: &[Vec<BlockFigures>],
    margin: f64,
    paired: bool,
) -> Option<Whole> {
    let was = p95(baseline.iter().flatten()).filter(|&us| us > 0.0)?;
    let change = p95(run.iter().flatten())? / was - 1.0;
    let limit = was * (1.0 + margin);
    let worse = change >= margin && more_beyond(baseline, run, limit, paired);
    Some(Whole { change, worse })
}

/// Whether more of the run's requests are slower than the limit than of the baseline's, beyond what the replicates vary by: a P95
/// moves with the share of requests beyond it (Woodruff 1952), which has a variance where a quantile of few slow slices has none.
fn more_beyond(
    baseline: &[Vec<BlockFigures>],
    run: &[Vec<BlockFigures>],
    limit: f64,
    paired: bool,
) -> bool {
    let (was, before) = beyond(baseline, limit);
    let (is, after) = beyond(run, limit);
    let parts = if paired {
        let both = after.iter().zip(&before);
        vec![varying(&both.map(|(is, was)| is - was).collect::<Vec<_>>())]
    } else {
        vec![varying(&after), varying(&before)]
    };
    let more = Estimate::from_parts(is - was, &parts);
    more.value > more.reach(MORE_THAN_NOISE)
}

/// The share of requests beyond the limit, and what each replicate adds to its doubt: the residuals of a ratio (Cochran 1977).
fn beyond(runs: &[Vec<BlockFigures>], limit: f64) -> (f64, Vec<f64>) {
    let counts: Vec<(f64, f64)> = (runs.iter().flatten())
        .map(|block| {
            let latencies = &block.latencies;
            (latencies.beyond(limit) as f64, latencies.count() as f64)
        })
        .collect();
    let all = counts.iter().map(|(_, of)| of).sum::<f64>().max(1.0);
    let share = counts.iter().map(|(slow, _)| slow).sum::<f64>() / all;
    let residual = |(slow, of): &(f64, f64)| (slow - share * of) / all;
    (share, counts.iter().map(residual).collect())
}

/// The variance of a sum of residuals.
fn varying(residuals: &[f64]) -> Estimate {
    let count = residuals.len() as f64;
    let squares: f64 = residuals.iter().map(|residual| residual.powi(2)).sum();
    Estimate {
        value: 0.0,
        variance: squares * count / (count - 1.0).max(1.0),
        df: (count - 1.0).max(1.0),
    }
}
