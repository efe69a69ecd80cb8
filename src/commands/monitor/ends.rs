//! When the records of one partition came, as far as its end offset was seen: in bounded memory.

use std::time::Duration;

use crate::health::Age;

/// Steps that are kept; beyond that every second one is forgotten, which makes ages less exact and not wrong.
const STEPS: usize = 512;

/// An end offset, and from when to when it was seen. Times are since the monitor began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Step {
    end: i64,
    first: Duration,
    last: Duration,
}

/// End offsets of one partition over time.
#[derive(Debug, Clone, Default)]
pub(super) struct Ends {
    steps: Vec<Step>,
}

impl Ends {
    /// At `at` the partition ended at `end`. An end that went back is that of another topic of the same name.
    pub(super) fn saw(&mut self, at: Duration, end: i64) {
        match self.steps.last_mut() {
            Some(step) if step.end == end => {
                step.last = at;
                return;
            }
            Some(step) if end < step.end => self.steps.clear(),
            _ => {}
        }
        if self.steps.len() == STEPS {
            self.thin();
        }
        self.steps.push(Step {
            end,
            first: at,
            last: at,
        });
    }

    /// Forgets every second step, but neither the first nor the last.
    fn thin(&mut self) {
        let last = self.steps.len() - 1;
        let mut index = 0;
        self.steps.retain(|_| {
            let kept = index % 2 == 0 || index == last;
            index += 1;
            kept
        });
    }

    /// How old the record at `offset` is at `now`; `None` if it was not seen to be there.
    pub(super) fn age_of(&self, offset: i64, now: Duration) -> Option<Age> {
        let after = self.steps.iter().position(|step| step.end > offset)?;
        let at_least = now.saturating_sub(self.steps[after].first);
        let before = after.checked_sub(1).map(|index| self.steps[index].last);
        Some(match before {
            None => Age::OlderThan(at_least),
            Some(before) => Age::Seen {
                at_least,
                at_most: now.saturating_sub(before),
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn secs(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    fn seen(at_least: u64, at_most: u64) -> Age {
        let (at_least, at_most) = (secs(at_least), secs(at_most));
        Age::Seen { at_least, at_most }
    }

    #[test]
    fn a_record_came_between_the_last_look_without_it_and_the_first_with_it() {
        let mut ends = Ends::default();
        assert_eq!(ends.age_of(0, secs(0)), None);
        for (at, end) in [(0, 10), (1, 10), (2, 10), (3, 15), (4, 20), (5, 20)] {
            ends.saw(secs(at), end);
        }
        for (offset, age) in [
            (0, Some(Age::OlderThan(secs(10)))),
            (9, Some(Age::OlderThan(secs(10)))),
            // At 10, not yet there at second 2, there at second 3.
            (10, Some(seen(7, 8))),
            (14, Some(seen(7, 8))),
            (15, Some(seen(6, 7))),
            (19, Some(seen(6, 7))),
            (20, None),
        ] {
            assert_eq!(ends.age_of(offset, secs(10)), age, "{offset}");
        }
    }

    #[test]
    fn a_topic_that_was_made_anew_has_no_past() {
        let mut ends = Ends::default();
        ends.saw(secs(0), 100);
        ends.saw(secs(5), 3);
        assert_eq!(ends.age_of(2, secs(6)), Some(Age::OlderThan(secs(1))));
    }

    #[test]
    fn memory_is_bounded_and_ages_stay_true() {
        let mut ends = Ends::default();
        for second in 0..100_000_u64 {
            ends.saw(secs(second), i64::try_from(second).expect("small") * 10);
        }
        assert!(ends.steps.len() <= STEPS, "{}", ends.steps.len());
        let now = secs(99_999);
        for written in [1_u64, 500, 70_123, 99_990] {
            // Came between `written - 1` and `written`.
            let offset = i64::try_from(written).expect("small") * 10 - 1;
            let Some(Age::Seen { at_least, at_most }) = ends.age_of(offset, now) else {
                panic!("second {written} was seen");
            };
            let truly = secs(99_999 - written);
            assert!(at_least <= truly + secs(1) && truly <= at_most, "{written}");
        }
    }
}
