//! What a replicate says: the figures of a block of a run, or of a slice of a duet.

use hdrhistogram::Histogram;

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
#[derive(Debug, Clone, Copy, PartialEq)]
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
    /// So many requests have no answer that its percentiles are only lower bounds.
    pub lower_bound: bool,
}

/// The figures of two slices next to each other in time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pair {
    /// Of the baseline.
    pub baseline: BlockFigures,
    /// Of the run.
    pub run: BlockFigures,
}

impl BlockFigures {
    /// The figures of a block that took this long. A slice of a duet may be put together from blocks with [`Block::merge`].
    pub fn of(block: &Block, secs: f64) -> Self {
        Self {
            records_per_sec: block.records_acked as f64 / secs,
            secs,
            p50_us: percentile(&block.latency, 0.50),
            p95_us: percentile(&block.latency, 0.95),
            p99_us: percentile(&block.latency, 0.99),
            requests: block.requests,
            failures: block.failures,
            // One in twenty without an answer, and the 95th percentile may be anything.
            lower_bound: block.lower_bounds > 0 && block.lower_bounds * 20 >= block.latency.len(),
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
    /// Of the whole of a side's replicates: the relative change of records acked per second; `None`: the baseline acked nothing.
    pub(super) fn total_change(&self) -> Option<f64> {
        let rate = |runs: &[Vec<BlockFigures>]| {
            let all = || runs.iter().flatten();
            let records: f64 = all().map(|block| block.records_per_sec * block.secs).sum();
            records / all().map(|block| block.secs).sum::<f64>()
        };
        let change = rate(self.run) / rate(self.baseline) - 1.0;
        change.is_finite().then_some(change)
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
