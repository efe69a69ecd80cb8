//! What a replicate says: the figures of a block of a run, or of a slice of a duet.

use hdrhistogram::Histogram;

use super::whole::{self, Latencies, Whole};
use crate::measure::Block;

/// How runs are compared.
#[derive(Debug, Clone, PartialEq)]
pub struct How {
    /// Relative change that matters, 0 to 1.
    pub margin: f64,
    /// Compare although plans, kinds of target or machines differ.
    pub force: bool,
    /// Standard deviation from run to run, 0 to 1, of every metric; `None`: what was seen on machines of continuous integration,
    /// or what several runs of a side show. Pairs have none.
    pub run_noise: Option<f64>,
}

impl How {
    /// With this margin, and nothing else said.
    pub fn margin(margin: f64) -> Self {
        Self {
            margin,
            force: false,
            run_noise: None,
        }
    }
}

/// The figures of one replicate.
#[derive(Debug, Clone, PartialEq)]
pub struct BlockFigures {
    /// Records acked per second.
    pub records_per_sec: f64,
    /// Seconds that this is over.
    pub secs: f64,
    /// Median latency in µs; `None`: no request was due.
    pub p50_us: Option<f64>,
    /// 95th percentile.
    pub p95_us: Option<f64>,
    /// 99th percentile.
    pub p99_us: Option<f64>,
    /// Exchanges that ended.
    pub requests: u64,
    /// Of those, not complete.
    pub failures: u64,
    /// Requests without an answer make the P95 only a lower bound: were they infinitely slow, it would be larger by more than 1 %.
    pub lower_bound: bool,
    /// The P95 with these as infinitely slow, in µs; `None`: it falls among them.
    pub p95_most_us: Option<f64>,
    /// All of its latencies, those without an answer with the time they waited.
    pub latencies: Latencies,
}

/// The figures of two slices next to each other in time.
#[derive(Debug, Clone, PartialEq)]
pub struct Pair {
    /// Of the baseline.
    pub baseline: BlockFigures,
    /// Of the run.
    pub run: BlockFigures,
}

impl BlockFigures {
    /// The figures of a block that took this long. A slice of a duet may be put together from blocks with [`Block::merge`].
    pub fn of(block: &Block, secs: f64) -> Self {
        let p95_us = percentile(&block.latency, 0.95);
        let p95_most_us = most(block, 0.95, p95_us);
        Self {
            records_per_sec: block.records_acked as f64 / secs,
            secs,
            p50_us: percentile(&block.latency, 0.50),
            p95_us,
            p99_us: percentile(&block.latency, 0.99),
            requests: block.requests,
            failures: block.failures,
            lower_bound: is_lower_bound(p95_us, p95_most_us),
            p95_most_us,
            latencies: Latencies::of(&block.latency),
        }
    }
}

/// The runs of both sides, each as its blocks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sides<'a> {
    pub(super) baseline: &'a [Vec<BlockFigures>],
    pub(super) run: &'a [Vec<BlockFigures>],
}

impl Sides<'_> {
    /// Records acked per second of the whole of both sides; `None`: the baseline acked nothing.
    pub(super) fn throughput(&self, margin: f64) -> Option<Whole> {
        let rate = |runs: &[Vec<BlockFigures>]| {
            let all = || runs.iter().flatten();
            let records: f64 = all().map(|block| block.records_per_sec * block.secs).sum();
            records / all().map(|block| block.secs).sum::<f64>()
        };
        let change = rate(self.run) / rate(self.baseline) - 1.0;
        change.is_finite().then_some(Whole {
            change,
            worse: change <= -margin,
        })
    }

    /// P95 of the whole of both sides; `None`: latencies are not known.
    pub(super) fn p95(&self, margin: f64, paired: bool) -> Option<Whole> {
        whole::compared(self.baseline, self.run, margin, paired)
    }

    /// Whether the baseline acked anything at all.
    pub(super) fn has_baseline(&self) -> bool {
        let mut blocks = self.baseline.iter().flatten();
        blocks.any(|block| block.records_per_sec > 0.0)
    }

    /// Replicates of the baseline, and of the run.
    pub(super) fn replicates(&self) -> (usize, usize) {
        let count = |runs: &[Vec<BlockFigures>]| runs.iter().map(Vec::len).sum();
        (count(self.baseline), count(self.run))
    }
}

/// By how much a percentile may be larger, with requests without an answer as infinitely slow, and count as exact all the same: the
/// resolution of a block's latencies.
const EXACT: f64 = 0.01;

/// Whether a percentile that may be as large as `most` is only a lower bound; slices and blocks by one rule.
pub fn is_lower_bound(us: Option<f64>, most: Option<f64>) -> bool {
    us.is_some_and(|us| most.is_none_or(|most| most > us * (1.0 + EXACT)))
}

/// The largest that a quantile, `us` by what was seen, may be: a block knows how many of its requests have no answer and how long
/// the shortest waited. Those that waited longer than the quantile leave it where it is; of others, as many may lie below it as
/// there are. `None`: it falls among them.
fn most(block: &Block, quantile: f64, us: Option<f64>) -> Option<f64> {
    let us = us?;
    if block.lower_bounds == 0 || block.least_bound_us.is_some_and(|least| least as f64 > us) {
        let all = block.latency.len() as f64;
        let answered = all - block.lower_bounds as f64;
        return ((quantile * all).ceil() <= answered).then_some(us);
    }
    let moved = quantile + block.lower_bounds as f64 / block.latency.len() as f64;
    if moved > 1.0 {
        return None;
    }
    percentile(&block.latency, moved)
}

/// The quantile, by straight lines within a bucket: buckets of two digits are up to 1 % wide, which is not little beside 5 %.
fn percentile(histogram: &Histogram<u32>, quantile: f64) -> Option<f64> {
    let count = histogram.len();
    if count == 0 {
        return None;
    }
    let rank = (quantile * count as f64).max(1.0);
    let value = histogram.value_at_quantile(quantile);
    let low = histogram.lowest_equivalent(value);
    let width = histogram.equivalent_range(value) as f64;
    let here = f64::from(histogram.count_at(value));
    let before = if low == 0 {
        0
    } else {
        histogram.count_between(0, low - 1)
    };
    let within = ((rank - before as f64) / here.max(1.0)).clamp(0.0, 1.0);
    Some(low as f64 + width * within)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::{Exchange, Slices};

    /// 1,000 requests that took 10 to 20 ms, the later the longer; so many more without an answer, after this long.
    fn figures(unanswered: u64, waited_us: u64) -> BlockFigures {
        let mut slices = Slices::default();
        for index in 0..1_000 + unanswered {
            let lower_bound = index >= 1_000;
            let exchange = Exchange {
                due_us: 0,
                sent_us: 0,
                done_us: if lower_bound {
                    waited_us
                } else {
                    10_000 + index * 10
                },
                free_us: None,
                acked: u64::from(!lower_bound),
                rejected: 0,
                unknown: u64::from(lower_bound),
                lower_bound,
            };
            slices.ended(&exchange, 0);
        }
        // A last one, so that all lies in the first block.
        let blocks = slices.blocks(1_000_000).blocks;
        BlockFigures::of(&blocks[0], 0.05)
    }

    #[test]
    fn a_percentile_is_a_lower_bound_if_what_has_no_answer_would_move_it_by_more_than_a_hundredth()
    {
        let of = |unanswered, waited_us| {
            let figures = figures(unanswered, waited_us);
            let ms = |us: Option<f64>| us.map(|us| (us / 1_000.0 * 10.0).round() / 10.0);
            (
                ms(figures.p95_us),
                ms(figures.p95_most_us),
                figures.lower_bound,
            )
        };
        assert_eq!(of(0, 0), (Some(19.5), Some(19.5), false));
        // Quick refusals make it smaller, and it may be larger: by next to nothing, by more, by anything.
        let few = of(5, 1_000);
        assert!(!few.2 && few.1.is_some(), "{few:?}");
        let more = of(45, 1_000);
        assert!(more.2 && more.1 == Some(19.9), "{more:?}");
        assert_eq!(of(60, 1_000).1, None);
        // Those that waited longer than it leave it where it is, until it falls among them.
        let late = of(40, 900_000);
        assert!(!late.2 && late.1 == late.0, "{late:?}");
        assert!(of(60, 900_000).2);
    }
}
