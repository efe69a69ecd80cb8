//! Statistics of small samples: shifts and their intervals, tests of ranks, correlation from one sample to the next. Pure numbers.

mod estimate;
mod random;
mod ranks;
mod series;
mod shares;
mod shift;

pub use estimate::{Estimate, normal_quantile, replicates_for, t_quantile};
pub use random::Random;
pub use ranks::{fisher_more, mann_whitney, signed_rank};
pub use series::{correlated_variance, effective, lag_one};
pub use shares::{Dispersion, Share};
pub use shift::{hodges_lehmann, locate, median, pseudo_median};
