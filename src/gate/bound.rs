//! How far off a figure of a run may be: one-sided bounds from its blocks of equal time.
//!
//! A figure is one number of one run; a run of the same load a moment later gives another. Blocks show by how much, in so far as the
//! cause lies within the run. What differs from run to run they cannot show: see `docs/gate.md`.

use hdrhistogram::Histogram;

use super::FEWEST;
use crate::measure::{Block, Blocks};
use crate::stats::{Estimate, correlated_variance, effective};

/// One-sided confidence of a bound.
const CONFIDENCE: f64 = 0.95;

/// On which side of the figure the bound lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// The figure is no less than this.
    Lower,
    /// The figure is no more than this.
    Upper,
}

impl Side {
    /// An offset towards this side.
    fn of(self, offset: f64) -> f64 {
        match self {
            Self::Lower => -offset,
            Self::Upper => offset,
        }
    }
}

/// What the blocks of a run show.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spread<'a> {
    blocks: &'a [Block],
}

impl<'a> Spread<'a> {
    /// That of a run; `None`: it was too short for blocks.
    pub(super) fn of(blocks: &'a Blocks) -> Option<Self> {
        (blocks.blocks.len() >= FEWEST).then_some(Self {
            blocks: &blocks.blocks,
        })
    }

    /// The factor by which a rate of acks over the whole run may be off: its blocks' relative standard error, on a logarithmic
    /// scale, so that no bound is below zero. In a burst, whose acks come in a few blocks, it is large.
    pub(super) fn rate_factor(&self, side: Side) -> f64 {
        let rates: Vec<f64> = self
            .blocks
            .iter()
            .map(|block| block.records_acked as f64)
            .collect();
        let all: f64 = rates.iter().sum();
        if all <= 0.0 {
            return side.of(f64::INFINITY).exp();
        }
        let each = vec![1.0; rates.len()];
        let relative = ratio(&rates, &each).map(|estimate| Estimate {
            variance: estimate.variance / estimate.value.powi(2),
            ..estimate
        });
        relative.map_or(f64::NAN, |relative| {
            side.of(relative.reach(CONFIDENCE)).exp()
        })
    }

    /// The bound of a percentile (0 to 1) of `histogram`, whose figure is `us`. The share of requests beyond the figure varies from
    /// block to block; by as much the percentile may be another one (Woodruff, Confidence intervals for medians and other position
    /// measures, 1952). Where that leads beyond the samples, or where requests came due in too few blocks, as in a burst, the
    /// figure is widened by the factor of the rate: in a burst latency is the time that the work took.
    pub(super) fn percentile(
        &self,
        histogram: &Histogram<u64>,
        share: f64,
        us: u64,
        side: Side,
        independent: u64,
    ) -> f64 {
        let wide = |us: f64| us * self.rate_factor(side);
        let Some(design) = self.design(share) else {
            return wide(us as f64);
        };
        let count = histogram.len().min(independent).max(1) as f64;
        let chance = Estimate {
            value: 0.0,
            variance: share * (1.0 - share) / count * design.value,
            df: design.df,
        };
        let at = share + side.of(chance.reach(CONFIDENCE));
        if at <= 1.0 / count {
            return wide(histogram.min() as f64);
        }
        if at > 1.0 - 1.0 / count {
            return wide(histogram.max() as f64);
        }
        histogram.value_at_quantile(at) as f64
    }

    /// The blocks in which requests came due; `None`: too few to tell how they vary.
    fn due(&self) -> Option<Vec<&Block>> {
        let blocks = self.blocks.iter();
        let due: Vec<&Block> = blocks.filter(|block| !block.latency.is_empty()).collect();
        (due.len() >= FEWEST).then_some(due)
    }

    /// By how much the share of requests beyond the percentile varies more than chance makes it, 1 or more, and the degrees of
    /// freedom of that; `None`: requests came due in too few blocks to tell.
    fn design(&self, share: f64) -> Option<Estimate> {
        let due = self.due()?;
        let mut all = due[0].latency.clone();
        for block in &due[1..] {
            all.add(&block.latency).ok()?;
        }
        let limit = all.value_at_quantile(share);
        let beyond = |block: &&Block| {
            let within = block.latency.count_between(0, limit);
            (block.latency.len() - within) as f64
        };
        let beyond: Vec<f64> = due.iter().map(beyond).collect();
        let counts: Vec<f64> = due.iter().map(|block| block.latency.len() as f64).collect();
        let seen = ratio(&beyond, &counts)?;
        let chance = share * (1.0 - share) / all.len() as f64;
        Some(Estimate {
            value: (seen.variance / chance).max(1.0),
            ..seen
        })
    }

    /// The factor by which the mean latency may be off.
    pub(super) fn mean_factor(&self, side: Side) -> f64 {
        let Some(due) = self.due() else {
            return self.rate_factor(side);
        };
        let counts: Vec<f64> = due.iter().map(|block| block.latency.len() as f64).collect();
        let sums: Vec<f64> = due
            .iter()
            .map(|block| block.latency.mean() * block.latency.len() as f64)
            .collect();
        ratio(&sums, &counts).map_or(f64::NAN, |estimate| {
            side.of(estimate.reach(CONFIDENCE) / estimate.value).exp()
        })
    }
}

/// The ratio of two sums over blocks, its variance from what the blocks leave of it (Cochran, Sampling Techniques, 1977, ch. 6), and
/// from how much each block resembles the one before.
fn ratio(of: &[f64], to: &[f64]) -> Option<Estimate> {
    let whole: f64 = to.iter().sum();
    if whole <= 0.0 {
        return None;
    }
    let value = of.iter().sum::<f64>() / whole;
    let left: Vec<f64> = of.iter().zip(to).map(|(of, to)| of - value * to).collect();
    let worth = effective(&left);
    let squares: f64 = left.iter().map(|left| left.powi(2)).sum();
    Some(Estimate {
        value,
        variance: squares / whole.powi(2) * correlated_variance(left.len(), worth),
        df: (worth - 1.0).max(1.0),
    })
}
