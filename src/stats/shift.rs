//! Where a sample lies and how far it is from another, by medians of pairs (Hodges & Lehmann, Estimates of location based on rank
//! tests, Annals of Mathematical Statistics 34, 1963): one wild sample in four does not move them.

use super::series::{correlated_variance, effective};
use super::{Estimate, Random};

/// Resamples of a bootstrap: its standard error is then known to 5 %.
const RESAMPLES: usize = 200;

/// Longest series that is drawn anew.
const BOOTSTRAP_UP_TO: usize = 20;

/// The median; NaN of nothing. Sorts its values in part.
pub fn median(values: &mut [f64]) -> f64 {
    let count = values.len();
    if count == 0 {
        return f64::NAN;
    }
    let (below, &mut upper, _) = values.select_nth_unstable_by(count / 2, f64::total_cmp);
    if count % 2 == 1 {
        return upper;
    }
    let lower = below.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    f64::midpoint(lower, upper)
}

/// The shift from `a` to `b`: the median of all differences of one of each.
pub fn hodges_lehmann(a: &[f64], b: &[f64]) -> f64 {
    let mut differences: Vec<f64> = b
        .iter()
        .flat_map(|&b| a.iter().map(move |&a| b - a))
        .collect();
    median(&mut differences)
}

/// Where a sample lies: the median of the means of all its pairs, each with itself too.
pub fn pseudo_median(values: &[f64]) -> f64 {
    walsh(values, &mut Vec::new())
}

fn walsh(values: &[f64], averages: &mut Vec<f64>) -> f64 {
    averages.clear();
    for (index, &one) in values.iter().enumerate() {
        averages.extend(values[index..].iter().map(|&other| 0.5 * one + 0.5 * other));
    }
    median(averages)
}

/// The pseudo-median of a series, its variance by the bootstrap (Efron & Tibshirani, An Introduction to the Bootstrap, 1993) and by
/// what the series' own correlation adds.
pub fn locate(series: &[f64], random: &mut Random) -> Estimate {
    let worth = effective(series);
    let mut averages = Vec::new();
    let value = walsh(series, &mut averages);
    let variance = if series.len() > BOOTSTRAP_UP_TO {
        variance_by_ranks(&mut averages, series.len())
    } else {
        bootstrap(series, &mut averages, random)
    };
    Estimate {
        value,
        variance: variance * correlated_variance(series.len(), worth),
        df: (worth - 1.0).max(1.0),
    }
}

/// Variance of the pseudo-median over samples drawn anew from the series.
fn bootstrap(series: &[f64], averages: &mut Vec<f64>, random: &mut Random) -> f64 {
    let mut sample = vec![0.0; series.len()];
    let located: Vec<f64> = (0..RESAMPLES)
        .map(|_| {
            sample.fill_with(|| series[random.below(series.len())]);
            walsh(&sample, averages)
        })
        .collect();
    let mean = located.iter().sum::<f64>() / RESAMPLES as f64;
    located.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (RESAMPLES - 1) as f64
}

/// The same from the interval that the means of pairs give by their ranks (Lehmann, Nonparametrics, 1975), with divisor n: for long
/// series, where the bootstrap takes long and says no more.
fn variance_by_ranks(averages: &mut [f64], count: usize) -> f64 {
    let n = count as f64;
    let reach = 1.96 * (n * (n + 1.0) * (2.0 * n + 1.0) / 24.0).sqrt();
    let low = (n * (n + 1.0) / 4.0 - reach).round().max(0.0) as usize;
    let high = averages.len() - 1 - low;
    let (_, &mut lower, _) = averages.select_nth_unstable_by(low, f64::total_cmp);
    let (_, &mut upper, _) = averages.select_nth_unstable_by(high, f64::total_cmp);
    ((upper - lower) / (2.0 * 1.96)).powi(2) * (n - 1.0) / n
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: [f64; 8] = [12.1, 14.3, 11.8, 15.2, 13.7, 12.9, 16.4, 13.1];
    const B: [f64; 7] = [15.6, 17.2, 14.9, 16.8, 18.1, 13.5, 17.7];

    #[test]
    fn shifts_are_what_other_tools_say() {
        // numpy 2: median(subtract.outer(b, a)), and median of (d[i] + d[j]) / 2 over triu_indices.
        assert!((hodges_lehmann(&A, &B) - 2.75).abs() < 1e-12);
        let pairs = [0.3, -0.1, 0.8, 0.5, 0.65, -0.2, 1.1, 0.45, 0.9];
        assert!((pseudo_median(&pairs) - 0.5).abs() < 1e-12);
        assert!((median(&mut [3.0, 1.0, 2.0, 10.0]) - 2.5).abs() < 1e-12);
        assert!(median(&mut []).is_nan());
    }

    #[test]
    fn one_wild_sample_moves_them_little() {
        let mut wild = B;
        wild[3] = 1e9;
        assert!((hodges_lehmann(&A, &wild) - 2.75).abs() < 0.6);
    }

    #[test]
    fn the_interval_of_a_location_holds_the_truth_as_often_as_it_says() {
        let mut random = Random::new(3);
        for count in [8, 16, 25, 60] {
            let inside = (0..400)
                .filter(|_| {
                    let series: Vec<f64> = (0..count).map(|_| random.normal()).collect();
                    let located = locate(&series, &mut random);
                    let (low, high) = located.interval(0.95);
                    low <= 0.0 && 0.0 <= high
                })
                .count();
            assert!(inside >= 372, "{count}: {inside} of 400");
        }
    }
}
