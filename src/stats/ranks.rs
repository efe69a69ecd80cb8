//! Tests of ranks: how often chance alone would show as much. Exact for small samples without ties, else by the normal distribution
//! with corrections for ties and continuity, as R's `wilcox.test` does.

use statrs::distribution::{ContinuousCDF, DiscreteCDF, Hypergeometric, Normal};

/// Most samples of each side that are looked at exactly.
const EXACT_UP_TO: usize = 50;

/// Two-sided p of Mann & Whitney's U (1947): whether values of one sample tend to be larger than those of the other. 1 if one is empty.
pub fn mann_whitney(one: &[f64], other: &[f64]) -> f64 {
    let (n, m) = (one.len(), other.len());
    if n == 0 || m == 0 {
        return 1.0;
    }
    let all: Vec<f64> = one.iter().chain(other).copied().collect();
    let (ranks, ties) = ranks(&all);
    let u = ranks[..n].iter().sum::<f64>() - (n * (n + 1)) as f64 / 2.0;
    if ties.is_empty() && n <= EXACT_UP_TO && m <= EXACT_UP_TO {
        // Whole numbers without ties.
        return two_sided(&subset_sums(n, n + m), u as usize);
    }
    let total = (n + m) as f64;
    let equal: f64 = ties.iter().map(|t| t.powi(3) - t).sum();
    let variance = (n * m) as f64 / 12.0 * (total + 1.0 - equal / (total * (total - 1.0)).max(1.0));
    normal_p(u - (n * m) as f64 / 2.0, variance)
}

/// Two-sided p of Wilcoxon's signed ranks (1945): whether differences of pairs tend to one side. Pairs without one are left out;
/// 1 if none is left.
pub fn signed_rank(differences: &[f64]) -> f64 {
    let kept: Vec<f64> = differences.iter().copied().filter(|&d| d != 0.0).collect();
    let n = kept.len();
    if n == 0 {
        return 1.0;
    }
    let sizes: Vec<f64> = kept.iter().map(|d| d.abs()).collect();
    let (ranks, ties) = ranks(&sizes);
    let positive = kept.iter().zip(&ranks).filter(|(d, _)| **d > 0.0);
    let w: f64 = positive.map(|(_, rank)| rank).sum();
    let zeros = n < differences.len();
    if ties.is_empty() && !zeros && n <= EXACT_UP_TO {
        return two_sided(&signed_sums(n), w as usize);
    }
    let count = n as f64;
    let equal: f64 = ties.iter().map(|t| t.powi(3) - t).sum();
    let variance = count * (count + 1.0) * (2.0 * count + 1.0) / 24.0 - equal / 48.0;
    normal_p(w - count * (count + 1.0) / 4.0, variance)
}

/// One-sided p of Fisher's exact test (1935): that chance alone gives `bad` of `all` or more, if `bad_before` of `all_before` were bad.
pub fn fisher_more(bad_before: u64, all_before: u64, bad: u64, all: u64) -> f64 {
    if bad == 0 {
        return 1.0;
    }
    Hypergeometric::new(all_before + all, bad_before + bad, all)
        .map_or(1.0, |chance| chance.sf(bad - 1).clamp(0.0, 1.0))
}

/// Ranks from 1, equal values with the mean of theirs; and the sizes of groups of equal values.
fn ranks(values: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
    let (mut ranks, mut ties) = (vec![0.0; values.len()], Vec::new());
    let mut start = 0;
    for group in order.chunk_by(|&a, &b| values[a].total_cmp(&values[b]).is_eq()) {
        for &index in group {
            ranks[index] = start as f64 + f64::midpoint(1.0, group.len() as f64);
        }
        if group.len() > 1 {
            ties.push(group.len() as f64);
        }
        start += group.len();
    }
    (ranks, ties)
}

/// In how many ways `chosen` of `all` ranks give each value of U.
fn subset_sums(chosen: usize, all: usize) -> Vec<f64> {
    let others = all - chosen;
    // ways[k][u]: k ranks chosen of those looked at; each adds how many that were not chosen are below it.
    let mut ways = vec![vec![0.0; chosen * others + 1]; chosen + 1];
    ways[0][0] = 1.0;
    for rank in 0..all {
        for k in (1..=chosen.min(rank + 1)).rev() {
            let below = rank + 1 - k;
            if below > others {
                continue;
            }
            for u in (below..=chosen * others).rev() {
                let fewer = ways[k - 1][u - below];
                ways[k][u] += fewer;
            }
        }
    }
    ways.swap_remove(chosen)
}

/// In how many ways signs of ranks 1 to `n` give each sum of the positive ones.
fn signed_sums(n: usize) -> Vec<f64> {
    let most = n * (n + 1) / 2;
    let mut ways = vec![0.0; most + 1];
    ways[0] = 1.0;
    for rank in 1..=n {
        for sum in (rank..=most).rev() {
            let fewer: f64 = ways[sum - rank];
            ways[sum] += fewer;
        }
    }
    ways
}

fn two_sided(ways: &[f64], saw: usize) -> f64 {
    let all: f64 = ways.iter().sum();
    let low: f64 = ways[..=saw].iter().sum();
    let high: f64 = ways[saw..].iter().sum();
    (2.0 * low.min(high) / all).min(1.0)
}

fn normal_p(off: f64, variance: f64) -> f64 {
    if variance <= 0.0 {
        return 1.0;
    }
    let z = (off.abs() - 0.5).max(0.0) / variance.sqrt();
    (2.0 * Normal::standard().sf(z)).min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values of scipy 1.17.1: `mannwhitneyu(a, b, method="exact" | "asymptotic", use_continuity=True)`.
    #[test]
    fn mann_whitney_is_what_scipy_says() {
        let a = [12.1, 14.3, 11.8, 15.2, 13.7, 12.9, 16.4, 13.1];
        let b = [15.6, 17.2, 14.9, 16.8, 18.1, 13.5, 17.7];
        let (few, many): (Vec<f64>, Vec<f64>) = (
            (1..13).map(f64::from).collect(),
            (1..21).map(|x| f64::from(x) + 0.5).collect(),
        );
        let tied = [1.0, 2.0, 2.0, 3.0, 4.0, 4.0, 5.0, 6.0];
        let more = [2.0, 4.0, 4.0, 5.0, 6.0, 7.0, 7.0, 8.0];
        for (a, b, p) in [
            (&a[..], &b[..], 0.013_986_013_986_013_986),
            (&b[..], &a[..], 0.013_986_013_986_013_986),
            (&few[..], &many[..], 0.035_882_156_404_959_52),
            (&tied[..], &more[..], 0.062_704_521_742_457_46),
            (&[1.0; 8][..], &[1.0; 8][..], 1.0),
            (&[][..], &[1.0][..], 1.0),
        ] {
            assert!((mann_whitney(a, b) - p).abs() < 1e-9, "{a:?} {b:?}");
        }
    }

    /// Values of scipy 1.17.1: `wilcoxon(d, method="exact")`, and for ties and zeros `wilcoxon(d, zero_method="wilcox",
    /// correction=True, method="asymptotic")`.
    #[test]
    fn signed_ranks_are_what_scipy_says() {
        let plain = [0.3, -0.1, 0.8, 0.5, 0.65, -0.2, 1.1, 0.45, 0.9];
        let tied = [0.5, -0.5, 1.0, 1.0, 0.5, 2.0, -1.0, 2.0, 0.0, 3.0];
        for (d, p) in [
            (&plain[..], 0.019_531_25),
            (&tied[..], 0.073_254_099_778_213_9),
            (&[0.0; 8][..], 1.0),
        ] {
            assert!((signed_rank(d) - p).abs() < 1e-9, "{d:?}");
        }
    }

    /// Values of scipy 1.17.1: `fisher_exact([[bad, all - bad], [before, all_before - before]], "greater")`.
    #[test]
    fn fishers_test_is_what_scipy_says() {
        for (before, all_before, bad, all, p) in [
            (0, 1_000, 5, 1_000, 0.031_093_789_258_174_4),
            (0, 1_000, 8, 1_000, 0.003_851_740_425_541_947_4),
            (3, 500, 4, 700, 0.677_732_438_581_311_5),
            (2, 100_000, 30, 90_000, 2.672_056_692_662_543_6e-8),
            (9, 10, 0, 10, 1.0),
        ] {
            let saw = fisher_more(before, all_before, bad, all);
            assert!((saw - p).abs() <= 1e-6 * p, "{bad} of {all}: {saw}");
        }
    }
}
