//! A latency histogram small enough for one a second: 6 % resolution, 4 KB.

/// Linear sub-buckets in each power of two: 1/16 = 6 % worst-case error in the timeline's percentiles.
const SUB_BITS: u32 = 4;
const SUB: usize = 1 << SUB_BITS;
/// Powers of two covered: up to 2^32 µs, more than the hour at which latencies are clamped.
const BUCKETS: usize = (33 - SUB_BITS as usize) * SUB;

/// A coarse latency histogram.
#[derive(Debug, Clone)]
pub(super) struct Coarse {
    counts: [u64; BUCKETS],
    pub(super) total: u64,
    pub(super) max_us: u64,
}

impl Coarse {
    pub(super) fn new() -> Self {
        Self {
            counts: [0; BUCKETS],
            total: 0,
            max_us: 0,
        }
    }

    pub(super) fn record(&mut self, us: u64, count: u64) {
        self.counts[bucket(us)] += count;
        self.total += count;
        self.max_us = self.max_us.max(us);
    }

    /// One read back from its buckets and its largest value.
    pub(super) fn of(buckets: &[(u64, u64)], max_us: u64) -> Self {
        let mut coarse = Self::new();
        for &(edge_us, count) in buckets {
            coarse.record(edge_us, count);
        }
        coarse.max_us = max_us;
        coarse
    }

    /// Its buckets that are not empty: upper edge in µs and samples.
    pub(super) fn buckets(&self) -> Vec<(u64, u64)> {
        let filled = (self.counts.iter().enumerate()).filter(|&(_, &count)| count > 0);
        filled
            .map(|(index, &count)| (upper_edge(index), count))
            .collect()
    }

    pub(super) fn merge(&mut self, other: &Self) {
        for (a, b) in self.counts.iter_mut().zip(&other.counts) {
            *a += b;
        }
        self.total += other.total;
        self.max_us = self.max_us.max(other.max_us);
    }

    /// Upper edge of the bucket that holds the `quantile`, never above the largest value seen; `None` without samples.
    pub(super) fn quantile(&self, quantile: f64) -> Option<u64> {
        let edge = upper_edge(self.bucket_at(self.rank(quantile))?);
        Some(edge.min(self.max_us))
    }

    /// Whether the `quantile` would be larger had the samples of `bounds`, which are among these, taken for ever.
    pub(super) fn is_lower_bound(&self, bounds: &Self, quantile: f64) -> bool {
        let rank = self.rank(quantile);
        let Some(bucket) = self.bucket_at(rank) else {
            return false;
        };
        let up_to = |histogram: &Self| -> u64 { histogram.counts[..=bucket].iter().sum() };
        up_to(self) - up_to(bounds) < rank
    }

    fn rank(&self, quantile: f64) -> u64 {
        ((self.total as f64 * quantile).ceil() as u64).max(1)
    }

    fn bucket_at(&self, rank: u64) -> Option<usize> {
        let mut seen = 0;
        self.counts.iter().position(|&count| {
            seen += count;
            seen >= rank
        })
    }
}

fn bucket(us: u64) -> usize {
    let us = us.min(u64::from(u32::MAX));
    if us < SUB as u64 {
        return us as usize;
    }
    let exponent = us.ilog2();
    let sub = (us >> (exponent - SUB_BITS)) as usize & (SUB - 1);
    (exponent - SUB_BITS + 1) as usize * SUB + sub
}

fn upper_edge(index: usize) -> u64 {
    if index < SUB {
        return index as u64;
    }
    let exponent = (index / SUB) as u32 + SUB_BITS - 1;
    let sub = (index % SUB) as u64;
    ((SUB as u64 + sub + 1) << (exponent - SUB_BITS)) - 1
}

impl Default for Coarse {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_cover_every_value_within_their_edges() {
        for us in (0..5_000).chain([65_535, 65_536, 1_000_000, 3_600_000_000, u64::MAX]) {
            let index = bucket(us);
            let clamped = us.min(u64::from(u32::MAX));
            assert!(index < BUCKETS, "{us}");
            assert!(clamped <= upper_edge(index), "{us}");
            assert!(index == 0 || clamped > upper_edge(index - 1), "{us}");
        }
    }

    #[test]
    fn buckets_read_back_are_the_same() {
        let mut coarse = Coarse::new();
        for (us, count) in [
            (0, 1),
            (7, 2),
            (1_000, 5),
            (3_600_000_000, 1),
            (u64::MAX, 3),
        ] {
            coarse.record(us, count);
        }
        let back = Coarse::of(&coarse.buckets(), coarse.max_us);
        assert_eq!((back.counts, back.total), (coarse.counts, coarse.total));
        for quantile in [0.1, 0.5, 0.95, 1.0] {
            assert_eq!(back.quantile(quantile), coarse.quantile(quantile));
        }
    }

    #[test]
    fn a_quantile_among_bounds_is_a_bound() {
        let (mut all, mut bounds) = (Coarse::new(), Coarse::new());
        for us in 1..=95 {
            all.record(us * 1_000, 1);
        }
        for us in [2_000_000; 5] {
            all.record(us, 1);
            bounds.record(us, 1);
        }
        let read = |quantile| {
            (
                all.quantile(quantile),
                all.is_lower_bound(&bounds, quantile),
            )
        };
        assert_eq!(read(0.96), (Some(2_000_000), true));
        assert!(
            !read(0.95).1 && read(0.95).0 < Some(102_000),
            "{:?}",
            read(0.95)
        );
        assert_eq!(Coarse::new().quantile(0.5), None);
        assert!(!Coarse::new().is_lower_bound(&Coarse::new(), 0.5));
    }

    #[test]
    fn more_samples_than_32_bits_count_are_counted() {
        let mut all = Coarse::new();
        for us in [1_000, 1_000, 9] {
            all.record(us, u64::from(u32::MAX));
        }
        assert_eq!(
            (all.quantile(0.3), all.quantile(0.5)),
            (Some(9), Some(1_000))
        );
        assert_eq!(all.quantile(1.0), Some(1_000));
    }

    #[test]
    fn a_bound_below_the_median_makes_the_median_a_bound() {
        let (mut all, mut bounds) = (Coarse::new(), Coarse::new());
        for us in [1_000, 1_000, 2_000, 3_000] {
            all.record(us, 1);
        }
        bounds.record(1_000, 1);
        bounds.record(1_000, 1);
        assert!(all.is_lower_bound(&bounds, 0.5));
    }
}
