//! How a target was when the load ended: there, or gone. A request that hung is not the end of a server.

/// Silence that is no sign of anything.
const SHORT_SILENCE_US: u64 = 1_000_000;
/// So many requests or connections in a row do not fail by chance: one in a hundred that hangs, hangs three times in a row
/// once in a million runs.
const SEVERAL: usize = 3;

/// How one target was when the load ended, as one thread saw it. Times in µs since the clock's origin.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Ending {
    /// Connections to it.
    pub(crate) connections: usize,
    /// Connections that were open and idle when the load ended or at the very end, or were answered between the two.
    pub(crate) open: usize,
    /// Connections that could not be made when the load ended.
    pub(crate) unmade: usize,
    /// Connections that were lost after the load ended, with a request on them.
    pub(crate) lost: usize,
    /// When an answer was last complete.
    pub(crate) last_answer_us: u64,
    /// When an exchange or an attempt to connect last failed.
    pub(crate) last_failure_us: u64,
    /// When the latest of the requests were sent that never got an answer, the latest first.
    unanswered_sent_us: [u64; SEVERAL],
}

impl Ending {
    pub(crate) fn merge(&mut self, other: &Self) {
        self.connections += other.connections;
        self.open += other.open;
        self.unmade += other.unmade;
        self.lost += other.lost;
        self.last_answer_us = self.last_answer_us.max(other.last_answer_us);
        self.last_failure_us = self.last_failure_us.max(other.last_failure_us);
        for sent_us in other.unanswered_sent_us {
            self.unanswered(sent_us);
        }
    }

    /// A request that was sent at `sent_us` got no answer.
    pub(crate) fn unanswered(&mut self, mut sent_us: u64) {
        for kept_us in &mut self.unanswered_sent_us {
            if sent_us > *kept_us {
                std::mem::swap(kept_us, &mut sent_us);
            }
        }
    }

    /// Whether the target was gone at `end_us`, after a load that was over at `load_end_us`: the last thing seen was a
    /// failure, and what failed was more than a few requests on a healthy server. An idle connection says nothing for
    /// the target: the kernel of a frozen server keeps it open.
    pub(crate) fn is_gone(&self, load_end_us: u64, end_us: u64, slowest_answer_us: u64) -> bool {
        if self.last_failure_us < self.last_answer_us {
            return false;
        }
        let long_us = SHORT_SILENCE_US.max(slowest_answer_us.saturating_mul(2));
        let silent = end_us.saturating_sub(self.last_answer_us) >= long_us;
        let after: Vec<u64> = (self.unanswered_sent_us.into_iter())
            .filter(|&sent_us| sent_us > 0 && sent_us >= self.last_answer_us)
            .collect();
        let asked_several_times = after.len() == SEVERAL && silent;
        // One or two connections cannot show more than that they waited for long while there was load.
        let waited_in_load =
            (after.last()).is_some_and(|&sent_us| load_end_us.saturating_sub(sent_us) >= long_us);
        let all_silent = silent && (self.connections >= SEVERAL || waited_in_load);
        let none_left = self.open == 0 && (self.unmade > 0 || self.lost >= SEVERAL || all_silent);
        asked_several_times || none_left
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000;
    /// The load is over after 10 s, the drain 1.5 s later.
    const LOAD_END_US: u64 = 10_000 * MS;
    const END_US: u64 = 11_500 * MS;

    /// Ten connections; the last answer came when the load was over, and nothing failed.
    fn healthy() -> Ending {
        Ending {
            connections: 10,
            open: 10,
            last_answer_us: 9_991 * MS,
            ..Ending::default()
        }
    }

    /// So many connections, all held by requests that were sent at these times and given up at the end.
    fn held(connections: usize, last_answer_ms: u64, sent_ms: &[u64]) -> Ending {
        let mut ending = Ending {
            connections,
            last_answer_us: last_answer_ms * MS,
            last_failure_us: END_US,
            ..Ending::default()
        };
        for sent_ms in sent_ms {
            ending.unanswered(sent_ms * MS);
        }
        ending
    }

    #[test]
    fn a_few_requests_that_fail_at_the_end_are_not_the_end_of_a_server() {
        let idle = |open: usize, ending: Ending| Ending { open, ..ending };
        let failed = |change: fn(&mut Ending)| {
            let mut ending = held(10, 9_991, &[]);
            change(&mut ending);
            ending
        };
        for (gone, what, ending) in [
            (false, "nothing failed", healthy()),
            (
                false,
                "the last request hung",
                idle(9, held(10, 9_991, &[9_995])),
            ),
            (
                false,
                "the last two did",
                idle(8, held(10, 9_991, &[9_995, 9_996])),
            ),
            (
                true,
                "the last three",
                idle(7, held(10, 9_991, &[9_995, 9_996, 9_997])),
            ),
            (
                false,
                "three hung, and were followed by answers",
                idle(7, held(10, 9_991, &[9_100, 9_200, 9_300])),
            ),
            (
                true,
                "frozen, in an open loop: idle connections seem open",
                idle(90, held(100, 8_000, &[8_010, 8_020, 8_030, 8_040])),
            ),
            (
                true,
                "frozen in the last second of a closed loop: one was sent after the last answer, all wait",
                held(10, 9_500, &[9_501, 9_499, 9_498]),
            ),
            (
                true,
                "frozen, two connections of a closed loop",
                held(2, 8_500, &[8_501, 8_490]),
            ),
            (
                true,
                "the only connection hangs for long",
                held(1, 8_900, &[8_901]),
            ),
            (
                false,
                "the only connection hangs at the end",
                held(1, 9_990, &[9_991]),
            ),
            (
                false,
                "the only connection had long been idle before",
                held(1, 2_000, &[9_991]),
            ),
            (
                true,
                "one connection, asked three times",
                held(1, 9_600, &[9_601, 9_701, 9_801]),
            ),
            (
                true,
                "died: no connection could be made",
                failed(|ending| ending.unmade = 1),
            ),
            (
                false,
                "one connection was being made, the others answer",
                failed(|ending| (ending.unmade, ending.open) = (1, 9)),
            ),
            (
                true,
                "died in the last exchanges",
                failed(|ending| (ending.lost, ending.last_failure_us) = (10, 10_001 * MS)),
            ),
            (
                false,
                "the only connection dropped the last request",
                Ending {
                    lost: 1,
                    last_failure_us: 9_997 * MS,
                    ..held(1, 9_991, &[9_995])
                },
            ),
            (
                false,
                "was gone and answered again",
                Ending {
                    last_answer_us: 11_000 * MS,
                    last_failure_us: 10_500 * MS,
                    ..failed(|ending| ending.unmade = 10)
                },
            ),
        ] {
            // In a run that ends with its last failure, silence is as long as that.
            let end_us = ending.last_failure_us.max(LOAD_END_US);
            assert_eq!(ending.is_gone(LOAD_END_US, end_us, 30 * MS), gone, "{what}");
        }
    }

    #[test]
    fn silence_is_long_if_it_is_twice_the_slowest_answer_and_a_second() {
        let ending = held(10, 9_500, &[9_501, 9_502, 9_503]);
        for (end_ms, slowest_ms, gone) in [
            (10_499, 30, false),
            (10_500, 30, true),
            (10_500, 500, true),
            (10_500, 501, false),
            (11_500, 1_000, true),
            (11_500, 1_001, false),
        ] {
            let gone_then = ending.is_gone(LOAD_END_US, end_ms * MS, slowest_ms * MS);
            assert_eq!(gone_then, gone, "{end_ms} {slowest_ms}");
        }
    }

    #[test]
    fn threads_put_together_know_the_latest_requests_of_all() {
        let mut one = held(4, 9_000, &[9_100, 9_400]);
        one.merge(&held(3, 9_200, &[9_300, 9_050]));
        assert_eq!(one.unanswered_sent_us, [9_400 * MS, 9_300 * MS, 9_100 * MS]);
        assert_eq!((one.connections, one.last_answer_us), (7, 9_200 * MS));
    }
}
