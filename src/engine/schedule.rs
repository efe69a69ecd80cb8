//! Which request is due when: one schedule for all threads, consulted by the one loop.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A request that is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Due {
    /// When, in µs since the engine's origin.
    pub(crate) due_us: u64,
    /// Records in it.
    pub(crate) records: u32,
}

/// What the schedule says to a free connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// This one is yours.
    Now(Due),
    /// Nothing is due before then.
    At(u64),
    /// Nothing will be due any more.
    Never,
}

/// A part of the run with a schedule of its own: warm-up, or the measured part.
#[derive(Debug)]
pub(crate) struct Schedule {
    /// First moment of this part, µs since the engine's origin.
    start_us: u64,
    /// End of this part if it is limited by time.
    end_us: Option<u64>,
    /// Requests in it, if limited by count.
    requests: Option<u64>,
    batch_size: u32,
    /// Records of the last request if limited by count.
    last_records: u32,
    /// µs between two requests (open loop); `None`: due when a connection is free (closed loop).
    interval_us: Option<f64>,
    claimed: AtomicU64,
}

/// Requests and records that a schedule called for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Called {
    pub(crate) requests: u64,
    pub(crate) records: u64,
}

impl Schedule {
    /// A part that starts at `start` and lasts for `length` (time), `records` (count), or whichever ends it first.
    pub(crate) fn new(
        start: Duration,
        length: Option<Duration>,
        records: Option<u64>,
        batch_size: u32,
        records_per_sec: Option<f64>,
    ) -> Self {
        let batch = u64::from(batch_size);
        let start_us = start.as_micros() as u64;
        Self {
            start_us,
            end_us: length.map(|length| start_us + length.as_micros() as u64),
            requests: records.map(|records| records.div_ceil(batch)),
            batch_size,
            last_records: records.map_or(batch_size, |records| ((records - 1) % batch) as u32 + 1),
            interval_us: records_per_sec.map(|rate| batch as f64 / rate * 1e6),
            claimed: AtomicU64::new(0),
        }
    }

    /// Takes the next request if one is due at `now_us`.
    pub(crate) fn next(&self, now_us: u64) -> Next {
        if self.end_us.is_some_and(|end| now_us >= end) {
            return Next::Never;
        }
        let Some(interval_us) = self.interval_us else {
            return self.next_free(now_us);
        };
        let mut number = self.claimed.load(Ordering::Relaxed);
        loop {
            let due_us = self.due_us(number, interval_us);
            if self.over(number, due_us) {
                return Next::Never;
            }
            if due_us > now_us {
                return Next::At(due_us);
            }
            match self.claimed.compare_exchange_weak(
                number,
                number + 1,
                Ordering::Relaxed,
                Ordering::Relaxed,
            ) {
                Ok(_) => {
                    return Next::Now(Due {
                        due_us,
                        records: self.records_of(number),
                    });
                }
                Err(other) => number = other,
            }
        }
    }

    fn next_free(&self, now_us: u64) -> Next {
        if self
            .requests
            .is_some_and(|requests| self.claimed.load(Ordering::Relaxed) >= requests)
        {
            return Next::Never;
        }
        let number = self.claimed.fetch_add(1, Ordering::Relaxed);
        if self.requests.is_some_and(|requests| number >= requests) {
            return Next::Never;
        }
        Next::Now(Due {
            due_us: now_us,
            records: self.records_of(number),
        })
    }

    fn due_us(&self, number: u64, interval_us: f64) -> u64 {
        self.start_us + (number as f64 * interval_us) as u64
    }

    fn over(&self, number: u64, due_us: u64) -> bool {
        self.requests.is_some_and(|requests| number >= requests)
            || self.end_us.is_some_and(|end| due_us >= end)
    }

    fn records_of(&self, number: u64) -> u32 {
        if self.requests == Some(number + 1) {
            self.last_records
        } else {
            self.batch_size
        }
    }

    fn records_before(&self, requests: u64) -> u64 {
        let all = requests * u64::from(self.batch_size);
        let short = self.requests.is_some_and(|total| requests >= total);
        all - if short {
            u64::from(self.batch_size - self.last_records)
        } else {
            0
        }
    }

    /// Whether requests are due when a connection is free for them.
    pub(crate) fn is_closed_loop(&self) -> bool {
        self.interval_us.is_none()
    }

    /// When this part ends, if it is limited by time.
    pub(crate) fn end_us(&self) -> Option<u64> {
        self.end_us
    }

    /// When this part ends by its own plan: after its time, or one interval behind the last request of an open loop.
    /// `None`: a closed loop limited by count ends when it is done.
    pub(crate) fn nominal_end_us(&self) -> Option<u64> {
        let by_count = || {
            let records = self.records_before(self.requests?);
            let length_us = records as f64 / f64::from(self.batch_size) * self.interval_us?;
            Some(self.start_us + length_us as u64)
        };
        self.end_us.or_else(by_count)
    }

    /// Whether nothing more can be taken.
    pub(crate) fn exhausted(&self, now_us: u64) -> bool {
        match self.interval_us {
            _ if self.end_us.is_some() => self.end_us.is_some_and(|end| now_us >= end),
            Some(interval_us) => {
                let number = self.claimed.load(Ordering::Relaxed);
                self.over(number, self.due_us(number, interval_us))
            }
            None => self
                .requests
                .is_some_and(|requests| self.claimed.load(Ordering::Relaxed) >= requests),
        }
    }

    /// When the next request of an open loop is due, taken or not.
    pub(crate) fn next_due_us(&self) -> Option<u64> {
        Some(self.due_us(self.claimed.load(Ordering::Relaxed), self.interval_us?))
    }

    /// Requests taken by a connection.
    pub(crate) fn claimed(&self) -> u64 {
        let claimed = self.claimed.load(Ordering::Relaxed);
        self.requests
            .map_or(claimed, |requests| claimed.min(requests))
    }

    /// What was called for by `now_us`, for a run that ends then; `cut` if the user ended it and what was not due yet does
    /// not count. A closed loop limited by count calls for all of it, one limited by time for what was taken.
    pub(crate) fn called(&self, now_us: u64, cut: bool) -> Called {
        let requests = match (self.interval_us, self.requests) {
            (Some(interval_us), _) => self.due_by(now_us, interval_us),
            (None, Some(requests)) if !cut => requests,
            (None, _) => self.claimed(),
        };
        let requests = if cut || self.interval_us.is_none() {
            requests
        } else {
            self.requests.unwrap_or(requests)
        };
        Called {
            requests,
            records: self.records_before(requests),
        }
    }

    /// Requests and records taken by connections.
    pub(crate) fn taken(&self) -> Called {
        let requests = self.claimed();
        Called {
            requests,
            records: self.records_before(requests),
        }
    }

    /// Due times of an open loop's requests that were due by `now_us` and never taken.
    pub(crate) fn missed(&self, now_us: u64) -> impl Iterator<Item = u64> + '_ {
        let interval_us = self.interval_us.unwrap_or(f64::INFINITY);
        let due = if interval_us.is_finite() {
            self.due_by(now_us, interval_us)
        } else {
            0
        };
        (self.claimed()..due).map(move |number| self.due_us(number, interval_us))
    }

    fn due_by(&self, now_us: u64, interval_us: f64) -> u64 {
        let now_us = self.end_us.map_or(now_us, |end| now_us.min(end - 1));
        let Some(passed) = now_us.checked_sub(self.start_us) else {
            return 0;
        };
        let mut number = (passed as f64 / interval_us) as u64;
        while self.due_us(number, interval_us) <= now_us {
            number += 1;
        }
        while number > 0 && self.due_us(number - 1, interval_us) > now_us {
            number -= 1;
        }
        self.requests
            .map_or(number, |requests| number.min(requests))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_count_that_is_no_multiple_of_the_batch_is_sent_exactly() {
        let schedule = Schedule::new(SECOND, None, Some(2_500), 1_000, None);
        let mut records = Vec::new();
        while let Next::Now(due) = schedule.next(1_500_000) {
            assert_eq!(due.due_us, 1_500_000);
            records.push(due.records);
        }
        assert_eq!(records, [1_000, 1_000, 500]);
        assert_eq!(
            schedule.called(2_000_000, false),
            Called {
                requests: 3,
                records: 2_500
            }
        );
        assert_eq!(
            schedule.called(2_000_000, true),
            Called {
                requests: 3,
                records: 2_500
            }
        );
    }

    #[test]
    fn an_open_loop_is_due_on_its_cadence_whatever_was_late() {
        let schedule = Schedule::new(SECOND, Some(SECOND), None, 10, Some(100.0));
        assert_eq!(schedule.next(0), Next::At(1_000_000));
        assert_eq!(
            schedule.next(1_000_000),
            Next::Now(Due {
                due_us: 1_000_000,
                records: 10
            })
        );
        assert_eq!(schedule.next(1_050_000), Next::At(1_100_000));
        for due_us in [1_100_000, 1_200_000, 1_300_000] {
            assert_eq!(
                schedule.next(1_350_000),
                Next::Now(Due {
                    due_us,
                    records: 10
                })
            );
        }
        assert_eq!(schedule.next(1_350_000), Next::At(1_400_000));
        assert_eq!(schedule.next(2_000_000), Next::Never);
        assert_eq!(
            schedule.missed(5_000_000).collect::<Vec<_>>(),
            [
                1_400_000, 1_500_000, 1_600_000, 1_700_000, 1_800_000, 1_900_000
            ]
        );
        assert_eq!(
            schedule.called(5_000_000, false),
            Called {
                requests: 10,
                records: 100
            }
        );
    }

    #[test]
    fn an_interrupted_schedule_called_for_what_was_due() {
        let open = Schedule::new(Duration::ZERO, None, Some(1_000), 10, Some(100.0));
        assert_eq!(
            open.called(250_000, true),
            Called {
                requests: 3,
                records: 30
            }
        );
        assert_eq!(
            open.called(250_000, false),
            Called {
                requests: 100,
                records: 1_000
            }
        );
        let closed = Schedule::new(Duration::ZERO, None, Some(1_000), 10, None);
        closed.next(0);
        assert_eq!(
            closed.called(250_000, true),
            Called {
                requests: 1,
                records: 10
            }
        );
        assert_eq!(
            closed.called(250_000, false),
            Called {
                requests: 100,
                records: 1_000
            }
        );
    }
}
