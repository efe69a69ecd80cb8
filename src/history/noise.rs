//! How values vary around their level: each resembles the one before it, and some are outliers.
//!
//! The model is x_t = ρ·x_{t-1} + ε_t around the level; ε is the innovation. Sources: S. Chakar, E. Lebarbier, C. Lévy-Leduc, S. Robin, "A robust
//! approach for estimating change-points in the mean of an AR(1) process", Bernoulli 23 (2017), for ρ from the differences of neighbours
//! and of those two apart, which a few shifts leave as it is; M. Kendall, "Note on bias in the estimation of autocorrelation", Biometrika 41
//! (1954), for what the correlation of a short series lacks.

/// Innovations further away than so many standard deviations count as being there.
const CLIP: f64 = 4.5;
/// Standard deviation from the median absolute deviation, of normal noise.
const MAD_TO_SIGMA: f64 = 1.4826;
/// Noise is at least this share of the level: runs that agree to the last digit are no proof.
const LEAST_NOISE: f64 = 0.002;
/// Differences further away than so many standard deviations count as being there, when ρ is looked for.
const FAR: f64 = 2.5;
/// Values further from their level than so many standard deviations say nothing of ρ.
const OUTLIER: f64 = 3.5;
/// Highest ρ: above it nothing would be a shift. It is lower by this much a value for short series, whose ρ is not known well.
const MOST_ALIKE: f64 = 0.95;
const SHORT: f64 = 3.0;
/// Standard errors by which ρ may be higher than it looks, and by which the first guess, of which candidates come, is lower.
const MAY_BE_HIGHER: f64 = 1.0;
const GUESS_IS_LOWER: f64 = 1.5;
/// Standard errors from which on a correlation is not chance.
const NOT_CHANCE: f64 = 2.0;

/// How logarithms vary.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Noise {
    /// Standard deviation of an innovation.
    pub(super) sigma: f64,
    /// Correlation with the one before, as high as it may well be.
    pub(super) rho: f64,
    /// The same as it looks.
    pub(super) correlation: f64,
    /// Standard deviation of the difference of neighbours over √2.
    short: f64,
    /// Values that tell of it beyond those that the levels took.
    freedom: f64,
}

impl Noise {
    fn new(short: f64, rho: f64, correlation: f64, freedom: f64) -> Self {
        Self {
            sigma: (short * (1.0 + rho).sqrt()).max(LEAST_NOISE),
            rho,
            correlation,
            short,
            freedom,
        }
    }

    /// A rough guess whatever shifts there are.
    pub(super) fn from_differences(logs: &[f64]) -> Self {
        let apart = |by: usize| -> Vec<f64> {
            let pairs = logs.iter().zip(&logs[by..]);
            pairs.map(|(one, other)| (other - one).abs()).collect()
        };
        let (one, two) = (apart(1), apart(2));
        let squares = |differences: &[f64]| {
            let most = median(differences).max(f64::MIN_POSITIVE) * MAD_TO_SIGMA * FAR;
            let squares = differences.iter().map(|x| x.min(most).powi(2));
            squares.sum::<f64>() / differences.len() as f64
        };
        let low = GUESS_IS_LOWER / (logs.len() as f64).sqrt();
        let rho = squares(&two) / squares(&one).max(f64::MIN_POSITIVE) - 1.0 - low;
        let rho = rho.clamp(0.0, MOST_ALIKE);
        let short = median(&one) * MAD_TO_SIGMA / std::f64::consts::SQRT_2;
        Self::new(short, rho, rho, logs.len() as f64)
    }

    /// The same from what is left when the level between each two shifts is taken out.
    pub(super) fn between(self, logs: &[f64], shifts: &[usize]) -> Self {
        let starts = std::iter::once(0).chain(shifts.iter().copied());
        let ends = shifts.iter().copied().chain([logs.len()]);
        let left: Vec<Vec<f64>> = starts
            .zip(ends)
            .map(|(start, end)| around_level(&logs[start..end]))
            .collect();
        let (count, levels) = (logs.len() as f64, left.len() as f64);
        // Each level that was taken out took some of the likeness with it.
        let freedom = count - 3.0 * levels;
        let looks = if freedom > 1.0 {
            (count * lag_one(&left) + levels) / freedom
        } else {
            1.0
        };
        let correlation = looks.clamp(0.0, MOST_ALIKE) * count / (count + 1.0);
        let error = ((1.0 - correlation * correlation) / count).sqrt();
        let highest = MOST_ALIKE - SHORT / count;
        let rho = (correlation + MAY_BE_HIGHER * error).min(highest);
        Self::new(self.short, rho, correlation, freedom)
    }

    /// Whether neighbours resemble each other more than by chance.
    pub(super) fn is_alike(self) -> bool {
        self.correlation * self.freedom.max(0.0).sqrt() > NOT_CHANCE
    }

    /// What each value brings beyond what the one before it foretells, around their median; outliers at a distance at which they prove little.
    pub(super) fn innovations(self, logs: &[f64]) -> Vec<f64> {
        let (level, most) = (median(logs), CLIP * self.sigma);
        let first = (logs[0] - level) * (1.0 - self.rho * self.rho).sqrt();
        let others = logs.windows(2);
        let others = others.map(|pair| pair[1] - level - self.rho * (pair[0] - level));
        std::iter::once(first)
            .chain(others)
            .map(|innovation| innovation.clamp(-most, most))
            .collect()
    }
}

/// The values less their mean, to which outliers add little.
fn around_level(logs: &[f64]) -> Vec<f64> {
    let middle = median(logs);
    let sizes: Vec<f64> = logs.iter().map(|log| (log - middle).abs()).collect();
    let most = (median(&sizes) * MAD_TO_SIGMA * 3.0).max(LEAST_NOISE);
    let near = logs.iter().map(|log| (log - middle).clamp(-most, most));
    let mean = middle + near.sum::<f64>() / logs.len() as f64;
    logs.iter().map(|log| log - mean).collect()
}

/// Correlation of neighbours that are no outliers.
fn lag_one(parts: &[Vec<f64>]) -> f64 {
    let sizes: Vec<f64> = parts.iter().flatten().map(|x| x.abs()).collect();
    let most = (median(&sizes) * MAD_TO_SIGMA).max(LEAST_NOISE) * OUTLIER;
    let pairs = parts.iter().flat_map(|part| part.windows(2));
    let pairs = pairs.filter(|pair| pair.iter().all(|x| x.abs() <= most));
    let (product, square) = pairs.fold((0.0, 0.0), |(product, square), pair| {
        let own = pair[0] * pair[0] + pair[1] * pair[1];
        (product + pair[0] * pair[1], square + own / 2.0)
    });
    if square > 0.0 { product / square } else { 0.0 }
}

/// The middle one; NaN of none.
pub(super) fn median(values: &[f64]) -> f64 {
    crate::stats::median(&mut values.to_vec())
}
