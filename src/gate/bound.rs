//! How far off a figure of a run may be: one-sided bounds from its blocks of equal time.
//!
//! A figure is one number of one run; a run of the same load a moment later gives another. Blocks show by how much, in so far as the
//! cause lies within the run. What differs from run to run they cannot show: see `docs/gate.md`.

use hdrhistogram::Histogram;

use super::FEWEST;
use crate::measure::{Block, Blocks, Latency};
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

/// The bound of a figure.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Bound {
    /// In the unit of the figure.
    At(f64),
    /// The figure may as well fall among requests without an answer.
    Unanswered,
    /// There is too little to tell.
    Unknown,
}

impl Bound {
    /// One that may be infinite or no number, where there is too little to tell.
    pub(super) fn of(value: f64) -> Self {
        if value.is_finite() {
            Self::At(value)
        } else {
            Self::Unknown
        }
    }
}

/// What a percentile is of.
#[derive(Debug, Clone, Copy)]
pub(super) struct Samples<'a> {
    /// Those that have a value.
    histogram: &'a Histogram<u64>,
    /// Requests without an answer: slower than all of those.
    unanswered: u64,
    /// Share of the unanswered, 0 to 1, that blocks hold with a time within the percentile.
    waited_less: f64,
    /// How many say something of their own at most.
    independent: u64,
}

impl<'a> Samples<'a> {
    /// Those of a histogram, each of its own.
    pub(super) fn of(histogram: &'a Histogram<u64>) -> Self {
        Self {
            histogram,
            unanswered: 0,
            waited_less: 0.0,
            independent: u64::MAX,
        }
    }

    /// No more than so many of them say something of their own.
    pub(super) fn of_these(self, independent: u64) -> Self {
        Self {
            independent,
            ..self
        }
    }

    /// Latencies whose percentile is `us`, as far as they bound it on one side: from above, requests without an answer are infinitely
    /// slow; from below, they took the time they waited.
    pub(super) fn of_latency(latency: &'a Latency, us: u64, side: Side) -> Self {
        match side {
            Side::Lower => Self::of(latency.all()),
            Side::Upper => Self {
                unanswered: latency.bounds(),
                waited_less: latency.bounds_within(us),
                ..Self::of(latency.answered())
            },
        }
    }

    fn count(&self) -> f64 {
        let all = self.histogram.len() + self.unanswered;
        all.min(self.independent).max(1) as f64
    }

    /// Share of the samples that have a value.
    fn answered(&self) -> f64 {
        let known = self.histogram.len() as f64;
        known / (known + self.unanswered as f64)
    }

    /// The value up to which this share of the samples lies, of those that have one.
    fn at(&self, share: f64) -> f64 {
        self.histogram.value_at_quantile(share / self.answered()) as f64
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

    /// The bound of a percentile (0 to 1) whose figure is `us`. The share of requests beyond the figure varies from
    /// block to block; by as much the percentile may be another one (Woodruff, Confidence intervals for medians and other position
    /// measures, 1952). Where that leads beyond the samples, or where requests came due in too few blocks, as in a burst, the
    /// figure is widened by the factor of the rate: in a burst latency is the time that the work took. Whether it may fall among
    /// requests without an answer is told by how the share of these varies: slow blocks make no more of them.
    pub(super) fn percentile(
        &self,
        samples: &Samples<'_>,
        share: f64,
        us: u64,
        side: Side,
    ) -> Bound {
        let (count, histogram) = (samples.count(), samples.histogram);
        let wide = |us: u64| Bound::of(us as f64 * self.rate_factor(side));
        let reach = |design: Estimate| {
            let chance = Estimate {
                value: 0.0,
                variance: share * (1.0 - share) / count * design.value,
                df: design.df,
            };
            chance.reach(CONFIDENCE)
        };
        let answered = samples.answered();
        if samples.unanswered > 0 && share + reach(self.unanswered()) > answered {
            return Bound::Unanswered;
        }
        let Some(design) = self.design(share, samples.waited_less) else {
            return wide(us);
        };
        let at = share + side.of(reach(design));
        if at <= 1.0 / count {
            wide(histogram.min())
        } else if at > answered - 1.0 / count {
            wide(histogram.max())
        } else {
            Bound::At(samples.at(at))
        }
    }

    /// The blocks in which requests came due; `None`: too few to tell how they vary.
    fn due(&self) -> Option<Vec<&Block>> {
        let blocks = self.blocks.iter();
        let due: Vec<&Block> = blocks.filter(|block| !block.latency.is_empty()).collect();
        (due.len() >= FEWEST).then_some(due)
    }

    /// By how much the share of requests beyond the percentile varies more than chance makes it, 1 or more, and the degrees of
    /// freedom of that; `None`: requests came due in too few blocks to tell. This share of the requests without an answer counts as
    /// beyond although the time they waited lies within.
    fn design(&self, share: f64, waited_less: f64) -> Option<Estimate> {
        let due = self.due()?;
        let mut all = due[0].latency.clone();
        for block in &due[1..] {
            all.add(&block.latency).ok()?;
        }
        let moved = |block: &Block| block.lower_bounds as f64 * waited_less;
        let moved_share = due.iter().map(|block| moved(block)).sum::<f64>() / all.len() as f64;
        let limit = all.value_at_quantile((share + moved_share).min(1.0));
        let beyond = |block: &&Block| {
            let within = block.latency.count_between(0, limit);
            (block.latency.len() - within) as f64 + moved(block)
        };
        let beyond: Vec<f64> = due.iter().map(beyond).collect();
        beyond_chance(&beyond, &due, share)
    }

    /// The same of the share of requests without an answer; chance alone where there is too little to tell.
    fn unanswered(&self) -> Estimate {
        let design = self.due().and_then(|due| {
            let bounds: Vec<f64> = due.iter().map(|block| block.lower_bounds as f64).collect();
            let requests: u64 = due.iter().map(|block| block.latency.len()).sum();
            let share = bounds.iter().sum::<f64>() / requests as f64;
            (share > 0.0 && share < 1.0).then(|| beyond_chance(&bounds, &due, share))?
        });
        design.unwrap_or(Estimate {
            value: 1.0,
            variance: 0.0,
            df: f64::INFINITY,
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

/// By how much a share of the requests varies more than chance makes it, from how many of each block are of it: 1 or more.
fn beyond_chance(of: &[f64], blocks: &[&Block], share: f64) -> Option<Estimate> {
    let requests = blocks.iter().map(|block| block.latency.len() as f64);
    let requests: Vec<f64> = requests.collect();
    let seen = ratio(of, &requests)?;
    let chance = share * (1.0 - share) / requests.iter().sum::<f64>();
    Some(Estimate {
        value: (seen.variance / chance).max(1.0),
        ..seen
    })
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
