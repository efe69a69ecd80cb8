//! Delays drawn from a distribution, the same sequence in every run.

use std::f64::consts::TAU;
use std::time::Duration;

use crate::fault::Latency;

/// Longest delay that is drawn: the tail of a log-normal has no end.
const LONGEST: Duration = Duration::from_hours(1);

/// Delay number `n`.
pub(super) fn draw(latency: Latency, n: u64) -> Duration {
    match latency {
        Latency::Fixed(length) => length,
        Latency::LogNormal { median, sigma } => {
            let (one, other) = (uniform(2 * n), uniform(2 * n + 1));
            // Box and Muller; `1 - one` is never 0.
            let normal = (-2.0 * (1.0 - one).ln()).sqrt() * (TAU * other).cos();
            let seconds = median.as_secs_f64() * (sigma * normal).exp();
            Duration::from_secs_f64(seconds.min(LONGEST.as_secs_f64()))
        }
    }
}

/// Number `n` of a fixed sequence of numbers from 0 up to 1: splitmix64, whose every step is a hash of its number.
pub(super) fn uniform(n: u64) -> f64 {
    let mut x = n.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((x ^ (x >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_normal_has_its_median_and_its_spread() {
        let latency = Latency::LogNormal {
            median: Duration::from_millis(20),
            sigma: 0.8,
        };
        let mut drawn: Vec<f64> = (0..10_000)
            .map(|n| draw(latency, n).as_secs_f64())
            .collect();
        drawn.sort_by(f64::total_cmp);
        // Quantiles of 20 ms · exp(0.8 z), with z = -1.2816, 0, 1.2816 and 2.3263.
        for (rank, wanted) in [
            (1000, 0.00717),
            (5000, 0.02),
            (9000, 0.0558),
            (9900, 0.1286),
        ] {
            let off = drawn[rank] / wanted;
            assert!((0.93..1.07).contains(&off), "{} for {wanted}", drawn[rank]);
        }
        assert_eq!(draw(latency, 7), draw(latency, 7));
        assert_ne!(draw(latency, 7), draw(latency, 8));
    }
}
