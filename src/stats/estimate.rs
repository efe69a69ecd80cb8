//! A value and how sure it is: intervals, and what it takes to tell.

use statrs::distribution::{ContinuousCDF, Normal, StudentsT};

/// Most replicates that are asked for; beyond it they are no answer.
const MOST: u64 = 100_000;

/// A value with the variance of its estimate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// The value.
    pub value: f64,
    /// Of the value, not of the samples.
    pub variance: f64,
    /// Degrees of freedom of the variance; infinite if it is known.
    pub df: f64,
}

impl Estimate {
    /// Standard error.
    pub fn error(&self) -> f64 {
        self.variance.sqrt()
    }

    /// By how much the value may be off with this one-sided confidence.
    pub fn reach(&self, confidence: f64) -> f64 {
        let error = self.error();
        // No spread is no doubt, whatever the degrees of freedom.
        if error > 0.0 {
            t_quantile(confidence, self.df) * error
        } else {
            0.0
        }
    }

    /// The two-sided interval of Student's t.
    pub fn interval(&self, confidence: f64) -> (f64, f64) {
        let reach = self.reach(f64::midpoint(1.0, confidence));
        (self.value - reach, self.value + reach)
    }

    /// Two-sided p of no value at all: how often chance alone would show as much, by Student's t.
    pub fn p(&self) -> f64 {
        let error = self.error();
        if error <= 0.0 {
            return if self.value == 0.0 { 1.0 } else { 0.0 };
        }
        let t = self.value.abs() / error;
        let tail = match StudentsT::new(0.0, 1.0, self.df.max(1.0)) {
            Ok(distribution) if self.df < 1e3 => distribution.sf(t),
            _ => Normal::standard().sf(t),
        };
        (2.0 * tail).min(1.0)
    }

    /// The same value with the variances of independent parts added, degrees of freedom by Welch and Satterthwaite.
    pub fn from_parts(value: f64, parts: &[Self]) -> Self {
        let variance: f64 = parts.iter().map(|part| part.variance).sum();
        let weights: f64 = parts
            .iter()
            .filter(|part| part.df.is_finite())
            .map(|part| part.variance.powi(2) / part.df)
            .sum();
        let df = if weights > 0.0 {
            variance.powi(2) / weights
        } else {
            f64::INFINITY
        };
        Self {
            value,
            variance,
            df,
        }
    }
}

/// Quantile of the normal distribution, for a probability between 0 and 1.
pub fn normal_quantile(probability: f64) -> f64 {
    Normal::standard().inverse_cdf(probability)
}

/// Quantile of Student's t; that of the normal distribution for 1,000 degrees of freedom or more.
pub fn t_quantile(probability: f64, df: f64) -> f64 {
    match StudentsT::new(0.0, 1.0, df.max(1.0)) {
        Ok(t) if df < 1e3 => t.inverse_cdf(probability),
        _ => normal_quantile(probability),
    }
}

/// How many replicates it takes until `reach` is at most `wanted`, if it is that of `count` replicates now and a part of its square,
/// `fixed` (0 to 1), does not shrink with their number. `None`: no number does.
pub fn replicates_for(wanted: f64, reach: f64, count: u64, fixed: f64) -> Option<u64> {
    let room = wanted.powi(2) - fixed * reach.powi(2);
    if wanted <= 0.0 || room <= 0.0 {
        return None;
    }
    let needed = (count as f64 * (1.0 - fixed) * reach.powi(2) / room).ceil() as u64;
    (needed <= MOST).then_some(needed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_what_scipy_says() {
        // scipy 1.17.1: stats.t.ppf(p, df), stats.norm.ppf(p).
        for (p, df, t) in [
            (0.95, 1.0, 6.313_751_514_675_037),
            (0.95, 7.0, 1.894_578_605_090_006_2),
            (0.995, 7.0, 3.499_483_297_350_492_4),
            (0.995, 2.5, 7.163_728_138_948_783),
            (0.975, 30.0, 2.042_272_456_301_237_8),
            (0.95, f64::INFINITY, 1.644_853_626_951_472_2),
        ] {
            assert!((t_quantile(p, df) - t).abs() < 1e-6, "{p} {df}");
        }
        for (p, z) in [
            (0.5, 0.0),
            (0.995, 2.575_829_303_548_900_4),
            (0.05, -1.644_853_626_951_472_9),
        ] {
            assert!((normal_quantile(p) - z).abs() < 1e-9, "{p}");
        }
    }

    #[test]
    fn p_is_that_of_the_interval() {
        for df in [2.5, 7.0, 500.0, f64::INFINITY] {
            let mut estimate = Estimate {
                value: 0.0,
                variance: 4.0,
                df,
            };
            assert!((estimate.p() - 1.0).abs() < 1e-12);
            estimate.value = -estimate.reach(0.995);
            assert!((estimate.p() - 0.01).abs() < 1e-6, "{df}");
        }
    }

    #[test]
    fn parts_add_up_and_known_ones_take_no_freedom() {
        let part = |variance, df| Estimate {
            value: 0.0,
            variance,
            df,
        };
        let both = Estimate::from_parts(1.0, &[part(2.0, 7.0), part(2.0, 7.0)]);
        assert!((both.variance - 4.0).abs() < 1e-12 && (both.df - 14.0).abs() < 1e-9);
        let known = Estimate::from_parts(1.0, &[part(0.0, 7.0), part(2.0, f64::INFINITY)]);
        assert!(known.df.is_infinite());
        let nothing = Estimate::from_parts(1.0, &[part(0.0, 7.0)]);
        assert!((nothing.interval(0.99).1 - 1.0).abs() < 1e-12);
    }

    #[test]
    fn four_times_the_replicates_halve_the_reach_but_not_what_is_fixed() {
        assert_eq!(replicates_for(0.05, 0.10, 10, 0.0), Some(40));
        assert_eq!(replicates_for(0.10, 0.10, 10, 0.0), Some(10));
        assert_eq!(replicates_for(0.05, 0.10, 10, 0.25), None);
        assert_eq!(replicates_for(0.06, 0.10, 10, 0.25), Some(69));
        assert_eq!(replicates_for(0.0, 0.10, 10, 0.0), None);
        assert_eq!(replicates_for(0.000_1, 0.10, 10, 0.0), None);
    }
}
