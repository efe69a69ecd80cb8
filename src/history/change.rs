//! Where the level of a series shifted: noise and single outliers are no shift, at least three runs after it are one, and runs that resemble
//! the one before them are no proof of each other.
//!
//! Candidates come from seeded intervals, the narrowest that exceeds the threshold first, so that a dip and its recovery are found as two shifts;
//! each is then confirmed by a permutation test between its neighbours. Both look at innovations (`super::noise`): what each run brings beyond
//! what the one before it foretold. Sources: S. Kovács, P. Bühlmann, H. Li, A. Munk, "Seeded binary segmentation", Biometrika 110 (2023), for
//! intervals of n log n total length; R. Baranowski, Y. Chen, P. Fryzlewicz, "Narrowest-over-threshold detection of multiple change points",
//! JRSS B 81 (2019), for the choice among them; P. Fryzlewicz, "Wild binary segmentation", Annals of Statistics 42 (2014), for the threshold
//! σ·c·√(2 ln n); M. Robbins, C. Gallagher, R. Lund, A. Aue, "Mean shift testing in correlated data", J. Time Series Analysis 32 (2011), for
//! tests of innovations, which keep their level where those of the values do not; J. Besag, P. Clifford, "Sequential Monte Carlo p-values",
//! Biometrika 78 (1991), for stopping a permutation test early. Values are compared by their logarithm.

use super::noise::{Noise, median};
use crate::stats::Random;

/// Fewest values on either side of a shift.
const LEAST: usize = 3;
/// Smallest shift that matters, as a share of the level before.
const EFFECT: f64 = 0.05;
/// Highest p-value of a shift.
pub(super) const ALPHA: f64 = 0.015;
/// What a split must exceed to be looked at, and what it must still exceed with the noise as it is then known, in units of σ·√(2 ln n).
const CANDIDATE: f64 = 1.1;
const SHIFT: f64 = 1.2;
/// From so many values on, a bound for normal noise may stand for the permutation test.
const MANY: usize = 200;
/// So may it where so many times the least is exceeded, which takes three values that are all far off, if there are enough of the others:
/// orders of a few values are too few to tell.
const FAR_BEYOND: f64 = 2.0;
const ENOUGH: usize = 10;
/// Runs after a change for which it is said how large it must be to be seen.
const AFTER: usize = 10;
/// Standard errors above the threshold at which a shift exceeds it as a rule, though neither its place nor the noise is known.
const SURE: f64 = 3.5;

/// A lasting change of level.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shift {
    /// Index of the first value after it.
    pub at: usize,
    /// Median from the shift before, or from the start, to this one.
    pub before: f64,
    /// Median from this one to the next, or to the end.
    pub after: f64,
    /// How likely chance alone would show such a shift.
    pub p_value: f64,
}

/// The shifts of a series, and what could have been seen in it.
#[derive(Debug, Clone, PartialEq)]
pub struct Shifts {
    /// In order.
    pub all: Vec<Shift>,
    /// How much a value resembles the one before it, between shifts: the correlation, 0 to 1.
    pub correlation: f64,
    /// Whether that correlation is more than chance shows in values that do not resemble each other.
    pub alike: bool,
    /// Smallest shift, as a share of the level before, that is found as a rule once ten values came after it, or half of all if those are fewer.
    pub least_ratio: f64,
}

/// The shifts of a series of positive values; `None`: too few for any. The same seed gives the same answer.
pub fn shifts(values: &[f64], seed: u64) -> Option<Shifts> {
    if values.len() < 2 * LEAST {
        return None;
    }
    let logs: Vec<f64> = values.iter().map(|value| value.max(1e-3).ln()).collect();
    let series = Series {
        values,
        logs: &logs,
    };
    let rough = Noise::from_differences(&logs);
    let mut found = narrowest_first(candidates(&logs, rough));
    loop {
        let noise = rough.between(&logs, &found);
        let mut splits = series.splits(&mut found, noise);
        // Cheap first: those that the noise explains need no permutation.
        let faint = faintest(&splits).or_else(|| {
            for split in &mut splits {
                split.shift.p_value = series.p_value(split, noise, seed);
            }
            weakest(&splits)
        });
        let Some(index) = faint else {
            return Some(Shifts {
                all: splits.into_iter().map(|split| split.shift).collect(),
                correlation: noise.correlation,
                alike: noise.is_alike(),
                least_ratio: least_ratio(logs.len(), noise),
            });
        };
        found.remove(index);
    }
}

/// From the shift before to the one after.
fn around(found: &[usize], index: usize, all: usize) -> (usize, usize) {
    let start = index.checked_sub(1).map_or(0, |before| found[before]);
    (start, found.get(index + 1).copied().unwrap_or(all))
}

/// A shift between its neighbours, before it is tested.
#[derive(Debug, Clone)]
struct Split {
    shift: Shift,
    /// What the values between its neighbours bring.
    innovations: Vec<f64>,
    /// Standard errors by which they differ there.
    weight: f64,
    /// Share of what noise may show by chance in a series of this length.
    excess: f64,
}

/// The one that noise explains best, if it explains any.
fn faintest(splits: &[Split]) -> Option<usize> {
    let faint = splits.iter().enumerate();
    let faint = faint.filter(|(_, split)| split.excess <= 1.0);
    let faintest = faint.min_by(|(_, a), (_, b)| a.excess.total_cmp(&b.excess));
    faintest.map(|(index, _)| index)
}

/// The one to give up: the least significant, else the smallest that does not matter.
fn weakest(splits: &[Split]) -> Option<usize> {
    let effect = |shift: &Shift| (shift.after / shift.before - 1.0).abs();
    let all = splits.iter().map(|split| &split.shift).enumerate();
    let weak = all.filter(|(_, shift)| shift.p_value > ALPHA || effect(shift) < EFFECT);
    let worst = weak.max_by(|(_, a), (_, b)| {
        a.p_value
            .total_cmp(&b.p_value)
            .then(effect(b).total_cmp(&effect(a)))
    });
    worst.map(|(index, _)| index)
}

/// What noise hardly exceeds in a series of so many values, in standard errors.
fn threshold(all: usize) -> f64 {
    (2.0 * (all as f64).ln()).sqrt()
}

/// As a share of the level before.
fn least_ratio(all: usize, noise: Noise) -> f64 {
    let after = AFTER.min(all / 2);
    let design = Design::new(noise.rho, all);
    let errors = SHIFT * threshold(all) + SURE;
    (errors * noise.sigma / design.information(after).sqrt()).exp_m1()
}

/// A split of an interval that noise alone would hardly show.
#[derive(Debug, Clone, Copy)]
struct Candidate {
    start: usize,
    end: usize,
    at: usize,
    weight: f64,
}

fn candidates(logs: &[f64], noise: Noise) -> Vec<Candidate> {
    let least = CANDIDATE * threshold(logs.len());
    let candidate = |(start, end): (usize, usize)| {
        let (split, weight) = best_split(&noise.innovations(&logs[start..end]), noise);
        (weight > least).then_some(Candidate {
            start,
            end,
            at: start + split,
            weight,
        })
    };
    intervals(logs.len())
        .into_iter()
        .filter_map(candidate)
        .collect()
}

/// Intervals whose lengths fall by √2 from all to the shortest that can be split, each kind spread evenly and overlapping by half.
fn intervals(all: usize) -> Vec<(usize, usize)> {
    let mut intervals = Vec::new();
    let mut wanted = all as f64;
    loop {
        let length = (wanted.ceil() as usize).max(2 * LEAST);
        let steps = (2.0 * (all as f64 / wanted).ceil() - 1.0).max(1.0) as usize;
        for step in 0..steps {
            let room = (all - length) as f64;
            let start = if steps == 1 {
                0
            } else {
                (room * step as f64 / (steps - 1) as f64).round() as usize
            };
            intervals.push((start, start + length));
        }
        if length == 2 * LEAST {
            return intervals;
        }
        wanted /= std::f64::consts::SQRT_2;
    }
}

/// Shifts of the narrowest intervals; a wider one that holds one of them tells nothing new.
fn narrowest_first(mut candidates: Vec<Candidate>) -> Vec<usize> {
    candidates.sort_unstable_by(|a, b| {
        let length = |one: &Candidate| one.end - one.start;
        length(a)
            .cmp(&length(b))
            .then(b.weight.total_cmp(&a.weight))
            .then(a.at.cmp(&b.at))
    });
    let mut found = std::collections::BTreeSet::new();
    for candidate in candidates {
        if found
            .range(candidate.start + 1..candidate.end)
            .next()
            .is_none()
        {
            found.insert(candidate.at);
        }
    }
    found.into_iter().collect()
}

/// How a shift shows in innovations: in full where it is, and beyond it as far as a value is not foretold by the one before; of the level
/// the first value tells more than the others. Least squares of both are those of G. Prais, C. Winsten, "Trend estimators and serial
/// correlation", Cowles Commission 383 (1954).
struct Design {
    rest: f64,
    first: f64,
    level: f64,
}

impl Design {
    fn new(rho: f64, all: usize) -> Self {
        let (rest, first) = (1.0 - rho, (1.0 - rho * rho).sqrt());
        let level = first * first + rest * rest * (all as f64 - 1.0);
        Self { rest, first, level }
    }

    /// What these innovations say of the level, given their sum.
    fn of_level(&self, first: f64, total: f64) -> f64 {
        self.first * first + self.rest * (total - first)
    }

    /// Of a shift with so many values after it and the level together.
    fn shared(&self, after: usize) -> f64 {
        self.rest * (1.0 + self.rest * (after as f64 - 1.0))
    }

    /// What innovations of variance 1 tell of the size of such a shift, as a reciprocal variance.
    fn information(&self, after: usize) -> f64 {
        let alone = 1.0 + self.rest * self.rest * (after as f64 - 1.0);
        alone - self.shared(after).powi(2) / self.level
    }
}

/// Where the levels before and after differ most, and by how many standard errors.
fn best_split(innovations: &[f64], noise: Noise) -> (usize, f64) {
    let all = innovations.len();
    let design = Design::new(noise.rho, all);
    let total: f64 = innovations.iter().sum();
    let level = design.of_level(innovations[0], total) / design.level;
    let mut later = total - innovations[..LEAST].iter().sum::<f64>();
    let mut best = (LEAST, 0.0);
    for at in LEAST..=all - LEAST {
        let jump = innovations[at];
        later -= jump;
        let after = all - at;
        let size = jump + design.rest * later - design.shared(after) * level;
        let weight = size * size / design.information(after);
        if weight > best.1 {
            best = (at, weight);
        }
    }
    (best.0, best.1.sqrt() / noise.sigma)
}

/// The values, and their logarithms.
#[derive(Debug, Clone, Copy)]
struct Series<'a> {
    values: &'a [f64],
    logs: &'a [f64],
}

impl Series<'_> {
    /// Each of the shifts between its neighbours, at its best place, where it is from then on.
    fn splits(self, found: &mut [usize], noise: Noise) -> Vec<Split> {
        let mut splits = Vec::with_capacity(found.len());
        for index in 0..found.len() {
            let split = self.split(around(found, index, self.logs.len()), found[index], noise);
            found[index] = split.shift.at;
            splits.push(split);
        }
        splits
    }

    fn split(self, (start, end): (usize, usize), was: usize, noise: Noise) -> Split {
        let logs = &self.logs[start..end];
        let innovations = noise.innovations(logs);
        let (split, weight) = if logs.len() < 2 * LEAST {
            (was - start, 0.0)
        } else {
            best_split(&innovations, noise)
        };
        let exact = boundary(logs, split);
        let enough = exact >= LEAST && exact + LEAST <= logs.len();
        let at = start + if enough { exact } else { split };
        let bar = SHIFT * threshold(self.logs.len());
        Split {
            shift: Shift {
                at,
                before: median(&self.values[start..at]),
                after: median(&self.values[at..end]),
                p_value: 1.0,
            },
            innovations,
            weight,
            excess: if enough { weight / bar } else { 0.0 },
        }
    }

    /// How often chance alone has a split as good between these neighbours or any that lie as close.
    fn p_value(self, split: &Split, noise: Noise, seed: u64) -> f64 {
        let (all, part) = (self.logs.len() as f64, split.innovations.len());
        let normal_bound = all * (-split.weight * split.weight / 2.0).exp();
        let is_clear = normal_bound < ALPHA / 10.0;
        let is_far = split.excess >= FAR_BEYOND && part >= ENOUGH;
        if is_far || (is_clear && part > MANY) {
            return normal_bound;
        }
        let (p_value, as_good) = permuted(split, noise, seed);
        // A part was chosen for its look from many of its length, which a permutation within it does not know.
        let chosen_from = if is_clear && as_good == 0 {
            1.0
        } else {
            all / part as f64
        };
        (p_value * chosen_from).min(1.0)
    }
}

/// Where each value is on the side of the level that it is closer to, in sum, from a split that is about right. It may leave fewer values
/// on a side than a shift takes.
fn boundary(logs: &[f64], split: usize) -> usize {
    let (before, after) = (median(&logs[..split]), median(&logs[split..]));
    let (mut sum, mut best) = (0.0, (split, f64::INFINITY));
    for (index, log) in logs.iter().enumerate() {
        sum += (log - before).abs() - (log - after).abs();
        if sum < best.1 {
            best = (index + 1, sum);
        }
    }
    best.0
}

/// How often the innovations in another order have a split as good, as a p-value and a count. Stops once that is too often.
fn permuted(split: &Split, noise: Noise, seed: u64) -> (f64, u32) {
    let mut innovations = split.innovations.clone();
    let orders = (MANY * 1_000 / innovations.len()).clamp(199, 999);
    let mut random = Random::new(seed);
    let (mut done, mut as_good) = (0, 0);
    while done < orders && f64::from(as_good + 1) <= ALPHA * (orders + 1) as f64 {
        for last in (1..innovations.len()).rev() {
            innovations.swap(last, random.below(last + 1));
        }
        done += 1;
        as_good += u32::from(best_split(&innovations, noise).1 >= split.weight - 1e-9);
    }
    (f64::from(as_good + 1) / (done + 1) as f64, as_good)
}

#[cfg(test)]
mod tests;
