//! When a duet whose number of pairs is not given has enough of them.
//!
//! Looking again and again, and stopping when the verdict pleases, would call noise a regression far more often than the confidence
//! of one look says. So it is stopped by how wide the intervals are, at numbers of pairs that are fixed beforehand, and never by
//! where they lie.

use super::{Compared, FEWEST};

/// From the fewest pairs on, looks are this many pairs apart; a multiple of two, so that each order was as often.
const STEP: u32 = 4;

/// Whether so many pairs are looked at, to see if they are enough.
pub fn looks_at(pairs: u32) -> bool {
    pairs >= FEWEST as u32 && pairs.is_multiple_of(STEP)
}

/// Whether every interval that is judged is no wider than the margin. Where they lie is not looked at.
pub fn narrow(compared: &Compared) -> bool {
    let mut judged = compared.metrics.iter().filter(|row| row.judged).peekable();
    judged.peek().is_some() && judged.all(|row| row.high - row.low <= compared.margin)
}
