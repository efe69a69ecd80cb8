//! Where a partition was when the run began, and where it is now.

use serde::{Deserialize, Serialize};

/// Offsets of one partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct PartitionOffsets {
    /// Next offset before the run's first request: what is stored from there on is looked at.
    pub before: i64,
    /// Oldest offset still held after the run.
    pub oldest: i64,
    /// Next offset after the run.
    pub after: i64,
}

impl PartitionOffsets {
    /// Records stored since the run began, by offsets alone.
    pub fn appended(self) -> u64 {
        (self.after - self.before).max(0).unsigned_abs()
    }

    /// Of those, offsets that are no longer held: retention dropped them.
    pub fn dropped(self) -> u64 {
        (self.oldest.min(self.after) - self.before)
            .max(0)
            .unsigned_abs()
    }
}
