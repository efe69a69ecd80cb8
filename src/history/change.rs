//! Where the level of a series shifted: noise and single outliers are no shift, at least three runs after it are one.
//!
//! Candidates come from seeded intervals, the narrowest that exceeds the threshold first, so that a dip and its recovery are found as two shifts;
//! each is then confirmed by a permutation test between its neighbours. Sources: S. Kovács, P. Bühlmann, H. Li, A. Munk,
//! "Seeded binary segmentation", Biometrika 110 (2023), for intervals of n log n total length; R. Baranowski, Y. Chen, P. Fryzlewicz,
//! "Narrowest-over-threshold detection of multiple change points", JRSS B 81 (2019), for the choice among them; P. Fryzlewicz, "Wild binary
//! segmentation", Annals of Statistics 42 (2014), for the threshold σ·1.3·√(2 ln n); J. Besag, P. Clifford, "Sequential Monte Carlo p-values",
//! Biometrika 78 (1991), for stopping a permutation test early. Values are compared by their logarithm, and clipped around the median of
//! their interval, so that one run weighs at most like a moderate one.

use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;

/// Fewest values on either side of a shift.
const LEAST: usize = 3;
/// Smallest shift that matters, as a share of the level before.
const EFFECT: f64 = 0.05;
/// Highest p-value of a shift.
const ALPHA: f64 = 0.02;
/// Values further from the median than so many standard deviations count as being there.
const CLIP: f64 = 4.0;
/// Standard deviation from the median absolute deviation, of normal noise.
const MAD_TO_SIGMA: f64 = 1.4826;
/// Noise is at least this share of the level: runs that agree to the last digit are no proof.
const LEAST_NOISE: f64 = 0.002;
/// From so many values on, a bound for normal noise may stand for the permutation test.
const MANY: usize = 200;

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

/// The shifts of a series of positive values, in order. The same seed gives the same answer.
pub fn shifts(values: &[f64], seed: u64) -> Vec<Shift> {
    if values.len() < 2 * LEAST {
        return Vec::new();
    }
    let logs: Vec<f64> = values.iter().map(|value| value.max(1e-3).ln()).collect();
    let sigma = noise(&logs);
    let mut found = narrowest_first(candidates(&logs, sigma));
    let mut tests: Vec<Option<Shift>> = vec![None; found.len()];
    loop {
        for index in 0..found.len() {
            if tests[index].is_none() {
                let around = around(&found, index, logs.len());
                let (at, shift) = confirmed(values, &logs, around, sigma, seed);
                found[index] = at;
                tests[index] = Some(shift);
            }
        }
        let Some(weakest) = weakest(&tests) else {
            return tests.into_iter().flatten().collect();
        };
        found.remove(weakest);
        tests.remove(weakest);
        // What was told from it is now told from the next.
        for index in [weakest.checked_sub(1), Some(weakest)]
            .into_iter()
            .flatten()
        {
            if let Some(test) = tests.get_mut(index) {
                *test = None;
            }
        }
    }
}

/// From the shift before to the one after.
fn around(found: &[usize], index: usize, all: usize) -> (usize, usize) {
    let start = index.checked_sub(1).map_or(0, |before| found[before]);
    (start, found.get(index + 1).copied().unwrap_or(all))
}

/// The one to give up: the least significant, else the smallest that does not matter.
fn weakest(tests: &[Option<Shift>]) -> Option<usize> {
    let effect = |shift: &Shift| (shift.after / shift.before - 1.0).abs();
    let weak = tests.iter().enumerate().filter_map(|(index, test)| {
        let shift = test.as_ref()?;
        (shift.p_value > ALPHA || effect(shift) < EFFECT).then_some((index, shift))
    });
    let worst = weak.max_by(|(_, a), (_, b)| {
        a.p_value
            .total_cmp(&b.p_value)
            .then(effect(b).total_cmp(&effect(a)))
    });
    worst.map(|(index, _)| index)
}

/// Standard deviation of the noise from differences of neighbours, which a few shifts leave as it is.
fn noise(logs: &[f64]) -> f64 {
    let differences: Vec<f64> = logs
        .windows(2)
        .map(|pair| (pair[1] - pair[0]).abs())
        .collect();
    (median(&differences) * MAD_TO_SIGMA / std::f64::consts::SQRT_2).max(LEAST_NOISE)
}

fn median(values: &[f64]) -> f64 {
    let mut some = values.to_vec();
    if some.is_empty() {
        return f64::NAN;
    }
    let middle = some.len() / 2;
    let even = some.len().is_multiple_of(2);
    let (lower, &mut upper, _) = some.select_nth_unstable_by(middle, f64::total_cmp);
    if !even {
        return upper;
    }
    let below = lower.iter().copied().max_by(f64::total_cmp);
    below.map_or(upper, |below| f64::midpoint(below, upper))
}

/// A split of an interval that noise alone would hardly show.
#[derive(Debug, Clone, Copy)]
struct Candidate {
    start: usize,
    end: usize,
    at: usize,
    weight: f64,
}

fn candidates(logs: &[f64], sigma: f64) -> Vec<Candidate> {
    let threshold = 1.3 * (2.0 * (logs.len() as f64).ln()).sqrt();
    let candidate = |(start, end): (usize, usize)| {
        let (split, weight) = best_split(&clipped(&logs[start..end], sigma), sigma);
        (weight > threshold).then_some(Candidate {
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

/// The values around their median, those further away than [`CLIP`] standard deviations at that distance.
fn clipped(logs: &[f64], sigma: f64) -> Vec<f64> {
    let (middle, most) = (median(logs), CLIP * sigma);
    logs.iter()
        .map(|log| (log - middle).clamp(-most, most))
        .collect()
}

/// Where the means before and after differ most, and by how many standard errors.
fn best_split(values: &[f64], sigma: f64) -> (usize, f64) {
    let all = values.len();
    let total: f64 = values.iter().sum();
    let (mut sum, mut best) = (0.0, (LEAST, 0.0));
    for (index, value) in values.iter().enumerate() {
        let left = index + 1;
        sum += value;
        if left < LEAST || left + LEAST > all {
            continue;
        }
        let right = (all - left) as f64;
        let difference = (sum / left as f64 - (total - sum) / right).abs();
        let weight = difference * (left as f64 * right / all as f64).sqrt() / sigma;
        if weight > best.1 {
            best = (left, weight);
        }
    }
    best
}

/// The shift between two neighbours, at its best place, with what chance would do there.
fn confirmed(
    values: &[f64],
    logs: &[f64],
    (start, end): (usize, usize),
    sigma: f64,
    seed: u64,
) -> (usize, Shift) {
    let all = clipped(&logs[start..end], sigma);
    let (split, weight) = if all.len() < 2 * LEAST {
        (all.len() / 2, 0.0)
    } else {
        best_split(&all, sigma)
    };
    let exact = boundary(&logs[start..end], split);
    let enough = exact >= LEAST && exact + LEAST <= all.len();
    let at = start + if enough { exact } else { split };
    let shift = Shift {
        at,
        before: median(&values[start..at]),
        after: median(&values[at..end]),
        p_value: p_value(all, sigma, if enough { weight } else { 0.0 }, seed),
    };
    (at, shift)
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

/// How often the values in another order have a split as good. Stops once that is too often.
fn p_value(mut values: Vec<f64>, sigma: f64, weight: f64, seed: u64) -> f64 {
    if weight <= 0.0 {
        return 1.0;
    }
    let normal_bound = values.len() as f64 * (-weight * weight / 2.0).exp();
    if values.len() > MANY && normal_bound < ALPHA / 10.0 {
        return normal_bound;
    }
    let orders = (MANY * 1_000 / values.len()).clamp(199, 999);
    let mut random = StdRng::seed_from_u64(seed);
    let (mut done, mut as_good) = (0, 0);
    while done < orders && f64::from(as_good + 1) <= ALPHA * (orders + 1) as f64 {
        values.shuffle(&mut random);
        done += 1;
        as_good += u32::from(best_split(&values, sigma).1 >= weight - 1e-9);
    }
    f64::from(as_good + 1) / (done + 1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::RngExt;

    /// Normal noise around levels: `(runs, level)`; `noise` as a share.
    fn series(levels: &[(usize, f64)], noise: f64, seed: u64) -> Vec<f64> {
        let mut random = StdRng::seed_from_u64(seed);
        let mut normal = move || (0..12).map(|_| random.random::<f64>()).sum::<f64>() - 6.0;
        let level = |&(runs, level): &(usize, f64)| std::iter::repeat_n(level, runs);
        let levels = levels.iter().flat_map(level);
        levels
            .map(|level| level * (noise * normal()).exp())
            .collect()
    }

    fn places(values: &[f64]) -> Vec<usize> {
        shifts(values, 1).iter().map(|shift| shift.at).collect()
    }

    #[test]
    fn a_lasting_change_is_found_where_it_is() {
        for (levels, wanted) in [
            (&[(20, 41_900.0), (10, 36_800.0)][..], &[20][..]),
            (&[(20, 41_900.0), (3, 36_800.0)], &[20]),
            (&[(12, 100.0), (3, 120.0)], &[12]),
            (&[(5, 100.0), (5, 1_000.0)], &[5]),
            (&[(15, 100.0), (10, 80.0), (15, 100.0)], &[15, 25]),
            (&[(300, 100.0), (3, 80.0)], &[300]),
            (&[(20, 100.0), (20, 200.0), (20, 400.0)], &[20, 40]),
        ] {
            for seed in 0..10 {
                assert_eq!(
                    places(&series(levels, 0.02, seed)),
                    wanted,
                    "{levels:?}, seed {seed}"
                );
            }
        }
    }

    #[test]
    fn levels_and_chance_are_told() {
        let values = series(&[(20, 41_900.0), (10, 36_800.0)], 0.01, 3);
        let [shift] = shifts(&values, 1)[..] else {
            panic!("one shift")
        };
        assert!((shift.before / 41_900.0 - 1.0).abs() < 0.01, "{shift:?}");
        assert!((shift.after / 36_800.0 - 1.0).abs() < 0.01, "{shift:?}");
        assert!(shift.p_value <= ALPHA);
        assert_eq!(
            shifts(&values, 1),
            [shift],
            "the same seed, the same answer"
        );
    }

    #[test]
    fn too_little_is_no_change() {
        for (what, values) in [
            ("nothing", vec![]),
            ("five runs", vec![1.0, 1.0, 1.0, 9.0, 9.0]),
            ("equal runs", vec![5.0; 40]),
            ("two runs after", series(&[(30, 100.0), (2, 50.0)], 0.02, 5)),
            ("three and three", series(&[(3, 100.0), (3, 50.0)], 0.02, 5)),
            ("two per cent", series(&[(50, 100.0), (50, 98.0)], 0.001, 5)),
            ("runs without a record", vec![0.0; 12]),
        ] {
            assert_eq!(places(&values), [0_usize; 0], "{what}");
        }
    }

    #[test]
    fn single_outliers_are_no_change() {
        for seed in 0..50 {
            let mut values = series(&[(30, 100.0)], 0.03, seed);
            values[10] *= 0.3;
            values[20] *= 4.0;
            values[29] *= 0.5;
            assert_eq!(places(&values), [0_usize; 0], "seed {seed}");
        }
    }

    #[test]
    fn noise_alone_hardly_ever_looks_like_a_change() {
        let mut alarms = 0;
        for seed in 0..1_000 {
            let runs = 6 + (seed as usize % 60);
            alarms += usize::from(!places(&series(&[(runs, 100.0)], 0.08, seed)).is_empty());
        }
        assert!(alarms <= 25, "{alarms} of 1,000 histories without a change");
    }

    #[test]
    fn the_work_grows_as_n_log_n() {
        for all in [6, 7, 100, 1_000, 10_000, 100_000_usize] {
            let intervals = intervals(all);
            let length: usize = intervals.iter().map(|(start, end)| end - start).sum();
            let bound = 6.0 * all as f64 * (all as f64).log2();
            assert!((length as f64) < bound, "{length} for {all}");
            assert!(intervals.iter().all(|(_, end)| *end <= all));
            assert_eq!(intervals[0], (0, all));
        }
    }
}
