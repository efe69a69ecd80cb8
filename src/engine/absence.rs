//! The last time in which a thread should have sent and was not there to: what came due meanwhile waited for it.

/// A span of time, µs since the clock's origin; empty at first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Absence {
    from_us: u64,
    until_us: u64,
}

impl Absence {
    /// The thread was away from `from_us` to `until_us`, which is now: a request came due and a free connection was not used,
    /// or the loop did not turn.
    pub(crate) fn extend(&mut self, from_us: u64, until_us: u64) {
        if from_us > self.until_us {
            self.from_us = from_us;
        }
        self.until_us = until_us;
    }

    /// When a connection counts as free for a request due at `due_us` that got it at `free_us`. The wait for a connection is
    /// that much shorter as the thread was away in it: that part is the generator's own lateness, although all
    /// connections were taken when its turn came.
    pub(crate) fn excused(&self, due_us: u64, free_us: u64) -> u64 {
        let until_us = self.until_us.min(free_us);
        free_us - until_us.saturating_sub(self.from_us.max(due_us))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_due_while_the_thread_was_away_did_not_wait_for_a_connection() {
        let mut absence = Absence::default();
        assert_eq!(absence.excused(100, 250), 250, "never away");
        absence.extend(1_000, 2_000);
        for (due_us, free_us, counted_us, why) in [
            (500, 900, 900, "before it"),
            (
                1_200,
                2_300,
                1_500,
                "0.8 of the 1.1 were the absence, 0.3 the queue behind it",
            ),
            (500, 2_300, 1_300, "half a wait for a connection first"),
            (2_000, 2_300, 2_300, "behind it"),
            (1_200, 1_100, 1_100, "a connection was free all the time"),
        ] {
            assert_eq!(absence.excused(due_us, free_us), counted_us, "{why}");
        }
        absence.extend(1_900, 2_500);
        assert_eq!(
            absence,
            Absence {
                from_us: 1_000,
                until_us: 2_500
            }
        );
        absence.extend(9_000, 9_100);
        assert_eq!(
            absence,
            Absence {
                from_us: 9_000,
                until_us: 9_100
            }
        );
    }
}
