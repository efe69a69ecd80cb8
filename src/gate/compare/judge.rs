//! What the replicates of both sides say of one metric. All of it is in logarithms: a change is relative, and a fall of a rate and
//! a rise of a latency by the same factor weigh the same.

use super::figures::{BlockFigures, Sides};
use super::whole::Whole;
use super::{Bounded, FEWEST, MetricCompared, MetricVerdict, RunSpread};
use crate::stats::{
    Estimate, Random, hodges_lehmann, locate, mann_whitney, median, pseudo_median, replicates_for,
    signed_rank,
};

/// Confidence of the interval that a regression must keep clear of no change; two judged metrics share 1 % of false alarms.
pub(super) const SIGNIFICANT: f64 = 0.99;
/// One-sided confidence of equivalence.
pub(super) const EQUIVALENT: f64 = 0.95;
/// Degrees of freedom from which on the spread of a side's own runs is trusted alone.
const OWN_SPREAD_DF: f64 = 3.0;
/// Variance of a median of pairs over that of a mean, of normal samples: 3/π of its efficiency.
const PSEUDO_MEDIAN: f64 = std::f64::consts::PI / 3.0;
/// Largest share of replicates whose percentile may be only a lower bound: no more wild ones leave medians of pairs where they are.
const UNBOUNDED: f64 = 0.25;
/// What a replicate without an ack counts as, as a share of the median: a stall has no logarithm.
const STALLED: f64 = 0.01;

/// A figure of a replicate that is compared.
pub(super) struct Metric {
    pub(super) name: &'static str,
    pub(super) unit: &'static str,
    pub(super) higher_is_better: bool,
    pub(super) judged: bool,
    /// Its rise is no improvement, its fall is what counts.
    pub(super) only_fall: bool,
    pub(super) of: fn(&BlockFigures) -> Option<f64>,
    /// The same with requests without an answer as infinitely slow; `None`: it falls among them, or that is not known.
    pub(super) most: fn(&BlockFigures) -> Option<f64>,
    /// What the whole of both sides says of it, in which a replicate that is far off counts; by the margin, and whether they are pairs.
    pub(super) whole: fn(&Sides, f64, bool) -> Option<Whole>,
    /// Standard deviation of its logarithm from run to run, and the degrees of freedom of that.
    pub(super) run_noise: (f64, f64),
}

/// How far one side is from the other.
struct Shift {
    /// Of logarithms, from the baseline to the run.
    change: Estimate,
    p: f64,
    /// Replicates of each side, and runs they are from.
    replicates: (usize, usize),
    runs: Option<usize>,
    /// Part of the variance that more replicates of the same runs leave as it is.
    fixed: f64,
    /// Where what runs differ by comes from.
    spread: Option<RunSpread>,
    /// Logarithms of both sides' replicates.
    baseline: Vec<f64>,
    run: Vec<f64>,
}

/// Whose lower bounds count as what they may be at most: where that has no end as the largest latency seen, which is as bad as ranks
/// can tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Raised {
    Neither,
    Baseline,
    Run,
}

impl Metric {
    /// Compares the runs of both sides; `None`: a side has too few replicates with the figure.
    pub(super) fn of_runs(&self, sides: &Sides, margin: f64, seed: u64) -> Option<MetricCompared> {
        self.told(sides, margin, |largest| {
            let logs = |runs: &[Vec<BlockFigures>], largest| -> Option<Vec<Vec<f64>>> {
                let logs = runs.iter().map(|blocks| self.logs(blocks, largest));
                logs.map(|all| {
                    let known: Vec<f64> = all.into_iter().flatten().collect();
                    (!known.is_empty()).then_some(known)
                })
                .collect()
            };
            let (baseline, run) = (
                logs(sides.baseline, largest.0)?,
                logs(sides.run, largest.1)?,
            );
            Some(self.shift(&baseline, &run, &mut Random::new(seed)))
        })
    }

    /// Compares pair by pair, each side being one run of slices; `None`: too few pairs have the figure on both sides.
    pub(super) fn of_pairs(&self, sides: &Sides, margin: f64, seed: u64) -> Option<MetricCompared> {
        self.told(sides, margin, |largest| {
            let logs = |runs: &[Vec<BlockFigures>], largest| self.logs(&runs.concat(), largest);
            let (before, after) = (logs(sides.baseline, largest.0), logs(sides.run, largest.1));
            let (baseline, run): (Vec<f64>, Vec<f64>) = (before.into_iter().zip(after))
                .filter_map(|(before, after)| before.zip(after))
                .unzip();
            let ratios: Vec<f64> = (run.iter().zip(&baseline))
                .map(|(run, before)| run - before)
                .collect();
            (!ratios.is_empty()).then(|| Shift {
                change: locate(&ratios, &mut Random::new(seed)),
                p: signed_rank(&ratios),
                replicates: (ratios.len(), ratios.len()),
                runs: None,
                fixed: 0.0,
                spread: None,
                baseline,
                run,
            })
        })
    }

    /// What the shift comes to. A latency that is only a lower bound may be larger: that a run is no worse must hold with its lower
    /// bounds as what they may be at most, and that it is worse with those of the baseline so. What may be anything counts as the
    /// largest latency of all, and there may be few of those.
    fn told(
        &self,
        sides: &Sides,
        margin: f64,
        shift: impl Fn((Option<f64>, Option<f64>)) -> Option<Shift>,
    ) -> Option<MetricCompared> {
        let bounds = self.lower_bounds(sides);
        let largest = Some(self.largest(sides)).filter(|largest| largest.is_finite());
        let row = |raised: Raised| {
            let shift = shift(match raised {
                Raised::Neither => (None, None),
                Raised::Baseline => (largest, None),
                Raised::Run => (None, largest),
            })?;
            let enough = shift.replicates.0.min(shift.replicates.1) >= FEWEST;
            enough.then(|| self.row(&shift, sides, margin))
        };
        let seen = row(Raised::Neither)?;
        if bounds == (0, 0) {
            return Some(seen);
        }
        let few = |bounds: usize, of: usize| bounds as f64 <= of as f64 * UNBOUNDED;
        let replicates = sides.replicates();
        let open = self.open_ended(sides);
        for (raised, few) in [
            (Raised::Run, few(open.1, replicates.1)),
            (Raised::Baseline, few(open.0, replicates.0)),
        ] {
            let row = if few { row(raised) } else { None };
            let holds = |verdict| match raised {
                Raised::Baseline => verdict == MetricVerdict::Regression,
                _ => matches!(
                    verdict,
                    MetricVerdict::NoRegression | MetricVerdict::Improvement
                ),
            };
            if let Some(row) = row.filter(|row| holds(row.verdict)) {
                return Some(row);
            }
        }
        Some(MetricCompared {
            verdict: MetricVerdict::Inconclusive,
            more_replicates: None,
            runs_needed: None,
            lower_bound: Some(match bounds {
                (_, 0) => Bounded::Baseline,
                (0, _) => Bounded::Run,
                _ => Bounded::Both,
            }),
            lower_bound_replicates: (bounds.0 + bounds.1) as u64,
            ..seen
        })
    }

    /// How many replicates of the baseline, and of the run, have only a lower bound of it.
    fn lower_bounds(&self, sides: &Sides) -> (usize, usize) {
        self.count(sides, |block| block.lower_bound)
    }

    /// How many of these may be anything above it.
    fn open_ended(&self, sides: &Sides) -> (usize, usize) {
        self.count(sides, |block| {
            block.lower_bound && (self.most)(block).is_none()
        })
    }

    fn count(&self, sides: &Sides, is: impl Fn(&BlockFigures) -> bool) -> (usize, usize) {
        let count =
            |runs: &[Vec<BlockFigures>]| runs.iter().flatten().filter(|block| is(block)).count();
        if self.higher_is_better {
            return (0, 0);
        }
        (count(sides.baseline), count(sides.run))
    }

    /// The logarithm of the largest figure of both sides.
    fn largest(&self, sides: &Sides) -> f64 {
        let all = (sides.baseline.iter().chain(sides.run)).flatten();
        let largest = all.filter_map(self.of).fold(0.0, f64::max);
        largest.ln()
    }

    /// Logarithms of the replicates; `None` for one without the figure, and for all if none has any. If `largest` is said, those that
    /// are only lower bounds count as what they may be at most, or as that.
    fn logs(&self, blocks: &[BlockFigures], largest: Option<f64>) -> Vec<Option<f64>> {
        let figures: Vec<Option<f64>> = blocks.iter().map(self.of).collect();
        let known = figures.iter().copied().flatten();
        let mut positive: Vec<f64> = known.filter(|&x| x > 0.0).collect();
        if positive.is_empty() {
            return vec![None; blocks.len()];
        }
        let floor = median(&mut positive) * STALLED;
        let log = |(figure, block): (&Option<f64>, &BlockFigures)| match largest {
            Some(largest) if block.lower_bound => {
                figure.map(|_| (self.most)(block).map_or(largest, f64::ln))
            }
            _ => figure.map(|x| x.max(floor).ln()),
        };
        figures.iter().zip(blocks).map(log).collect()
    }

    fn shift(&self, baseline: &[Vec<f64>], run: &[Vec<f64>], random: &mut Random) -> Shift {
        let (few, many) = (baseline.len() as f64, run.len() as f64);
        let mut parts = Vec::new();
        let mut within = 0.0;
        for (side, count) in [(baseline, few), (run, many)] {
            for series in side {
                let located = locate(series, random);
                within += located.variance / (few + many);
                let variance = located.variance / count.powi(2);
                parts.push(Estimate {
                    variance,
                    ..located
                });
            }
        }
        let (all_before, all_after) = (baseline.concat(), run.concat());
        let own = Levels::of(baseline, run);
        let each_side = 1.0 / few + 1.0 / many;
        let (change, within) = if self.spread(&own) == RunSpread::Shown {
            // The run is the replicate: what its blocks vary by is in its level.
            let variance = own.variance.max(within) * each_side * PSEUDO_MEDIAN;
            let change = Estimate {
                value: own.shift(),
                variance,
                df: own.df,
            };
            (change, within * each_side)
        } else {
            let blocks: f64 = parts.iter().map(|part| part.variance).sum();
            parts.push(self.usual(&own, within, each_side));
            let value = hodges_lehmann(&all_before, &all_after);
            (Estimate::from_parts(value, &parts), blocks)
        };
        let fixed = if change.variance > 0.0 {
            (1.0 - within / change.variance).max(0.0)
        } else {
            0.0
        };
        Shift {
            // Blocks know nothing of what runs differ by, and the shift nothing of outliers.
            p: mann_whitney(&all_before, &all_after).max(change.p()),
            replicates: (all_before.len(), all_after.len()),
            runs: Some(baseline.len().min(run.len())),
            fixed,
            change,
            spread: Some(self.spread(&own)),
            baseline: all_before,
            run: all_after,
        }
    }

    /// Whether there are runs enough to say how far they lie apart, or somebody has said it already.
    fn spread(&self, own: &Levels) -> RunSpread {
        if self.run_noise.1.is_infinite() {
            RunSpread::Given
        } else if own.df >= OWN_SPREAD_DF {
            RunSpread::Shown
        } else {
            RunSpread::Assumed
        }
    }

    /// What two sides differ by from run to run: what machines usually have, or what these runs show if that is more.
    fn usual(&self, own: &Levels, within: f64, each_side: f64) -> Estimate {
        let (noise, df) = self.run_noise;
        let beyond_blocks = own.variance - within;
        let told = df.is_infinite() || own.df < 1.0 || beyond_blocks <= noise.powi(2);
        let (variance, df) = if told {
            (noise.powi(2), df)
        } else {
            (beyond_blocks, own.df)
        };
        Estimate {
            value: 0.0,
            variance: variance * each_side,
            df,
        }
    }

    fn row(&self, shift: &Shift, sides: &Sides, margin: f64) -> MetricCompared {
        let harm = Harm::of(shift, self, margin);
        let (low, high) = shift.change.interval(SIGNIFICANT);
        let said = harm.verdict(shift.p, self.only_fall);
        // Medians of replicates leave out the few that stood still: the whole does not.
        let whole = (self.whole)(sides, margin, shift.runs.is_none());
        let verdict = match said {
            MetricVerdict::NoRegression | MetricVerdict::Improvement
                if whole.is_some_and(|whole| whole.worse) =>
            {
                MetricVerdict::Inconclusive
            }
            said => said,
        };
        let level = |logs: &[f64]| median(&mut logs.to_vec()).exp();
        let (more_replicates, runs_needed) = match said {
            MetricVerdict::Inconclusive => harm.needs(shift),
            _ => (None, None),
        };
        MetricCompared {
            metric: self.name.to_owned(),
            unit: self.unit.to_owned(),
            higher_is_better: self.higher_is_better,
            judged: self.judged,
            baseline: level(&shift.baseline),
            saw: level(&shift.run),
            baseline_replicates: shift.replicates.0 as u64,
            replicates: shift.replicates.1 as u64,
            change: shift.change.value.exp_m1(),
            low: low.exp_m1(),
            high: high.exp_m1(),
            confidence: SIGNIFICANT,
            p: shift.p,
            verdict,
            worst: harm
                .share(harm.estimate.value + harm.estimate.reach(EQUIVALENT))
                .max(0.0),
            minimum_detectable: harm.share(harm.detectable()),
            more_replicates,
            runs_needed,
            lower_bound: None,
            lower_bound_replicates: 0,
            run_spread: shift.spread,
            total_change: whole.map(|whole| whole.change),
            failures_at_once: None,
        }
    }
}

/// Where the runs of both sides lie.
struct Levels {
    baseline: Vec<f64>,
    run: Vec<f64>,
    /// Of the runs of a side, pooled; with these degrees of freedom.
    variance: f64,
    df: f64,
}

impl Levels {
    fn of(baseline: &[Vec<f64>], run: &[Vec<f64>]) -> Self {
        let levels = |side: &[Vec<f64>]| -> Vec<f64> {
            side.iter().map(|series| pseudo_median(series)).collect()
        };
        let (baseline, run) = (levels(baseline), levels(run));
        let squares = |levels: &[f64]| {
            let mean = levels.iter().sum::<f64>() / levels.len() as f64;
            let squares = levels.iter().map(|level| (level - mean).powi(2));
            squares.sum::<f64>()
        };
        let df = (baseline.len() + run.len()) as f64 - 2.0;
        Self {
            variance: (squares(&baseline) + squares(&run)) / df.max(1.0),
            df,
            baseline,
            run,
        }
    }

    fn shift(&self) -> f64 {
        hodges_lehmann(&self.baseline, &self.run)
    }
}

/// The change with its sign turned so that more is worse.
struct Harm {
    estimate: Estimate,
    /// Logarithm of the change that matters.
    margin: f64,
    worse_is_less: bool,
}

impl Harm {
    fn of(shift: &Shift, metric: &Metric, margin: f64) -> Self {
        let (sign, margin) = if metric.higher_is_better {
            (-1.0, -(-margin).ln_1p())
        } else {
            (1.0, margin.ln_1p())
        };
        Self {
            estimate: Estimate {
                value: sign * shift.change.value,
                ..shift.change
            },
            margin,
            worse_is_less: metric.higher_is_better,
        }
    }

    /// A harm as a relative change for the worse: 5 % less of a rate, 5 % more of a latency.
    fn share(&self, log: f64) -> f64 {
        if self.worse_is_less {
            -(-log).exp_m1()
        } else {
            log.exp_m1()
        }
    }

    fn significant_reach(&self) -> f64 {
        self.estimate.reach(f64::midpoint(1.0, SIGNIFICANT))
    }

    fn verdict(&self, p: f64, only_fall: bool) -> MetricVerdict {
        let value = self.estimate.value;
        let significant = value.abs() > self.significant_reach() && p < 1.0 - SIGNIFICANT;
        if significant && value >= self.margin {
            MetricVerdict::Regression
        } else if significant && value <= -self.margin && !only_fall {
            MetricVerdict::Improvement
        } else if value + self.estimate.reach(EQUIVALENT) < self.margin {
            MetricVerdict::NoRegression
        } else {
            MetricVerdict::Inconclusive
        }
    }

    /// The true harm whose estimate lies above both margin and significance in 95 of 100 comparisons.
    fn detectable(&self) -> f64 {
        self.margin.max(self.significant_reach()) + self.estimate.reach(EQUIVALENT)
    }

    /// How many more replicates of each side would tell, if the estimate stays what it is; or how many runs of each side.
    fn needs(&self, shift: &Shift) -> (Option<u64>, Option<u64>) {
        let value = self.estimate.value;
        let (room, reach) = if value < self.margin {
            (
                self.margin - value.max(0.0),
                self.estimate.reach(EQUIVALENT),
            )
        } else {
            (value, self.significant_reach())
        };
        let each = shift.replicates.0.min(shift.replicates.1) as u64;
        let more = replicates_for(room, reach, each, shift.fixed);
        let more = more.map(|all| all.saturating_sub(each).max(1));
        match (more, shift.runs) {
            // What is assumed of shared machines shrinks with no number of runs: from five on, their own spread takes its place.
            (None, Some(_)) if shift.spread == Some(RunSpread::Assumed) => (None, None),
            (None, Some(runs)) => (None, replicates_for(room, reach, runs as u64, 0.0)),
            _ => (more, None),
        }
    }
}
