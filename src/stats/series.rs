//! Samples one after the other in time, of which each resembles the one before.

/// Correlation from one sample to the next that is held possible at most: beyond it a short series says nothing of itself.
const MOST_CORRELATION: f64 = 0.9;
/// Fewest samples that a series is held to be worth.
const FEWEST: f64 = 3.0;

/// Lag-1 autocorrelation as it is usually estimated, -1 to 1; 0 where nothing varies.
pub fn lag_one(series: &[f64]) -> f64 {
    let mean = mean(series);
    let square = |x: &f64| (x - mean).powi(2);
    let all: f64 = series.iter().map(square).sum();
    let pairs = series
        .windows(2)
        .map(|two| (two[0] - mean) * (two[1] - mean));
    // Values that are the same up to the last bits do not vary.
    if all <= f64::EPSILON * mean.powi(2) * series.len() as f64 {
        return 0.0;
    }
    pairs.sum::<f64>() / all
}

/// How many independent samples a series is worth. Its lag-1 correlation is freed of the bias that it has in short series,
/// -(1 + 3ρ)/n (Kendall 1954; Marriott & Pope 1954), held to be none if it is below zero, and to fall off by its powers.
pub fn effective(series: &[f64]) -> f64 {
    let n = series.len() as f64;
    if series.len() < 5 {
        return n;
    }
    let unbiased = (n * lag_one(series) + 1.0) / (n - 3.0);
    let rho = unbiased.clamp(0.0, MOST_CORRELATION);
    let lags = 1..series.len();
    let tail: f64 = lags
        .map(|lag| (1.0 - lag as f64 / n) * rho.powf(lag as f64))
        .sum();
    (n / (1.0 + 2.0 * tail)).clamp(FEWEST.min(n), n)
}

/// By what the variance of a location must be multiplied that was estimated as if samples were independent, with divisor n: the
/// samples are fewer than they seem, and so close to each other that their own variance is too small (Bayley & Hammersley 1946).
pub fn correlated_variance(count: usize, effective: f64) -> f64 {
    count as f64 / (effective - 1.0).max(1.0)
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::Random;

    #[test]
    fn correlation_is_what_other_tools_say() {
        // numpy 2, sum((x[1:]-m)*(x[:-1]-m))/sum((x-m)**2).
        let series = [1.0, 2.0, 3.0, 2.0, 1.0, 2.0, 4.0, 5.0, 6.0, 5.0];
        assert!((lag_one(&series) - 0.653_633_217_993_079_6).abs() < 1e-12);
        assert_eq!(lag_one(&[0.1; 9]).to_bits(), 0.0_f64.to_bits());
    }

    #[test]
    fn a_series_is_worth_what_its_mean_shows() {
        // Variance of the mean of n samples, over that of one, against 1 / effective; n = 20.
        for rho in [0.0, 0.3, 0.6] {
            let mut random = Random::new(7);
            let (mut means, mut claimed) = (Vec::new(), 0.0);
            for _ in 0..2_000 {
                let mut x = random.normal();
                let scale = f64::sqrt(1.0 - rho * rho);
                let series: Vec<f64> = (0..20)
                    .map(|_| {
                        x = rho * x + scale * random.normal();
                        x
                    })
                    .collect();
                let mean = mean(&series);
                means.push(mean);
                let square = series.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 20.0;
                claimed += square / 20.0 * correlated_variance(20, effective(&series)) / 2_000.0;
            }
            let truth = means.iter().map(|x| x * x).sum::<f64>() / 2_000.0;
            let ratio = claimed / truth;
            // Never much too small, and not twice too large.
            assert!((0.85..2.0).contains(&ratio), "{rho}: {ratio}");
        }
    }
}
