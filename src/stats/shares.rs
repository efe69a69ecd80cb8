//! Shares of counts: how sure one is, how far two lie apart, and how much more parts of a whole vary than chance makes them.

/// So many of so many; no whole numbers where several count as one.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Share {
    /// Those that count.
    pub count: f64,
    /// All.
    pub all: f64,
}

impl Share {
    /// The share, 0 to 1; 0 of nothing.
    pub fn ratio(self) -> f64 {
        if self.all > 0.0 {
            self.count / self.all
        } else {
            0.0
        }
    }

    /// Its interval by the score (Wilson, Probable inference, the law of succession, and statistical inference, 1927), `z` being the
    /// normal quantile. It has a width even where all or none count; of nothing it is everything.
    pub fn interval(self, z: f64) -> (f64, f64) {
        if self.all <= 0.0 {
            return (0.0, 1.0);
        }
        let (n, share, square) = (self.all, self.ratio(), z.powi(2));
        let middle = share + square / (2.0 * n);
        let reach = z * (share * (1.0 - share) / n + square / (4.0 * n.powi(2))).sqrt();
        let scale = 1.0 + square / n;
        (
            ((middle - reach) / scale).clamp(0.0, share),
            ((middle + reach) / scale).clamp(share, 1.0),
        )
    }

    /// The interval of how much more `self` is than `other`, put together from those of both (Newcombe, Interval estimation for the
    /// difference between independent proportions, Statistics in Medicine 17, 1998, method 10).
    pub fn more_than(self, other: Self, z: f64) -> (f64, f64) {
        let (one, two) = (self.ratio(), other.ratio());
        let ((low, high), (other_low, other_high)) = (self.interval(z), other.interval(z));
        (
            one - two - (one - low).hypot(other_high - two),
            one - two + (high - one).hypot(two - other_low),
        )
    }
}

/// How much parts of wholes vary: Pearson's chi-squared, and its degrees of freedom.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Dispersion {
    squares: f64,
    df: f64,
    /// Products of neighbours.
    products: f64,
}

impl Dispersion {
    /// With the parts of one more whole, one after the other in time. Where none counts or all do, they say nothing.
    #[must_use]
    pub fn with(self, parts: &[Share]) -> Self {
        let whole = parts.iter().fold(Share::default(), |sum, part| Share {
            count: sum.count + part.count,
            all: sum.all + part.all,
        });
        let share = whole.ratio();
        if share <= 0.0 || share >= 1.0 {
            return self;
        }
        let off: Vec<f64> = parts
            .iter()
            .filter(|part| part.all > 0.0)
            .map(|part| (part.count - part.all * share) / (part.all * share * (1.0 - share)).sqrt())
            .collect();
        Self {
            squares: self.squares + off.iter().map(|x| x.powi(2)).sum::<f64>(),
            df: self.df + off.len() as f64 - 1.0,
            products: self.products + off.windows(2).map(|two| two[0] * two[1]).sum::<f64>(),
        }
    }

    /// By how much the variance is that of chance, 1 or more (McCullagh & Nelder, Generalized linear models, 1989, 4.5); more where
    /// a part resembles the one before, as where a cluster lies in two of them (the variance of a moving average of two).
    pub fn factor(self) -> f64 {
        if self.df < 1.0 {
            return 1.0;
        }
        let alike = (self.products / self.squares.max(f64::MIN_POSITIVE)).clamp(0.0, 1.0);
        (self.squares / self.df * (1.0 + 2.0 * alike)).max(1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const Z: f64 = 1.959_963_984_540_054;

    fn share(count: f64, all: f64) -> Share {
        Share { count, all }
    }

    #[test]
    fn intervals_are_the_published_ones() {
        // Newcombe 1998, table II, method 10.
        for (one, two, low, high) in [
            (share(56.0, 70.0), share(48.0, 80.0), 0.0524, 0.3339),
            (share(9.0, 10.0), share(3.0, 10.0), 0.1705, 0.8090),
            (share(5.0, 56.0), share(0.0, 29.0), -0.0381, 0.1926),
            (share(10.0, 10.0), share(0.0, 20.0), 0.6791, 1.0),
        ] {
            let saw = one.more_than(two, Z);
            assert!(
                (saw.0 - low).abs() < 6e-5 && (saw.1 - high).abs() < 6e-5,
                "{saw:?}"
            );
        }
        // Of 24 of 24: z² / (n + z²) below all.
        let (low, high) = share(24.0, 24.0).interval(Z);
        assert!((low - 24.0 / (24.0 + Z * Z)).abs() < 1e-12 && (high - 1.0).abs() < 1e-12);
        assert_eq!(Share::default().interval(Z), (0.0, 1.0));
    }

    #[test]
    fn what_is_spread_evenly_is_chance_and_what_sits_in_one_part_is_not() {
        let parts = |counts: &[f64]| -> Vec<Share> {
            counts.iter().map(|&count| share(count, 500.0)).collect()
        };
        let of = |counts: &[f64]| Dispersion::default().with(&parts(counts)).factor();
        let even = [3.0, 1.0, 2.0, 4.0, 2.0, 3.0, 1.0, 2.0];
        let one = [0.0, 0.0, 0.0, 30.0, 0.0, 0.0, 0.0, 0.0];
        let two = [0.0, 0.0, 15.0, 15.0, 0.0, 0.0, 0.0, 0.0];
        assert!((of(&even) - 1.0).abs() < 1e-12);
        assert!((29.0..32.0).contains(&of(&one)), "{}", of(&one));
        assert!((18.0..26.0).contains(&of(&two)), "{}", of(&two));
        assert!((of(&[0.0; 8]) - 1.0).abs() < 1e-12);
        // A whole of which none counts says nothing of how clusters lie.
        let both = Dispersion::default()
            .with(&parts(&one))
            .with(&parts(&[0.0; 8]));
        assert!((both.factor() - of(&one)).abs() < 1e-12);
    }
}
