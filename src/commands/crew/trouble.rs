//! A time without a good answer: pauses that grow, and an end to patience.

use std::time::{Duration, Instant};

/// The first pause.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// The longest.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// When it began, and how often it was tried since.
#[derive(Debug, Default)]
pub(super) struct Trouble(Option<(Instant, u32)>);

impl Trouble {
    /// One more failure: how long to wait before the next try; `None`: it has lasted for `patience`.
    pub(super) fn again(&mut self, now: Instant, patience: Duration) -> Option<Duration> {
        let (since, tries) = self.0.get_or_insert((now, 0));
        if now.duration_since(*since) >= patience {
            return None;
        }
        let pause = FIRST_PAUSE * 2_u32.pow((*tries).min(8));
        *tries += 1;
        Some(pause.min(LONGEST_PAUSE))
    }

    /// Whether there is any.
    pub(super) fn is_some(&self) -> bool {
        self.0.is_some()
    }

    /// A good answer came.
    pub(super) fn over(&mut self) {
        self.0 = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_patience_ends() {
        let start = Instant::now();
        let patience = Duration::from_mins(1);
        let mut trouble = Trouble::default();
        let mut at = start;
        let mut pauses = Vec::new();
        while let Some(pause) = trouble.again(at, patience) {
            pauses.push(pause.as_millis());
            at += pause;
        }
        assert_eq!(pauses[..7], [50, 100, 200, 400, 800, 1_600, 2_000]);
        assert!(at.duration_since(start) >= patience && pauses.len() < 40);
        trouble.over();
        assert!(
            trouble
                .again(at, patience)
                .is_some_and(|pause| pause == FIRST_PAUSE)
        );
    }
}
