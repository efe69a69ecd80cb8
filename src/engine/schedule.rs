//! Which request is due when: one schedule for all threads, consulted by the one loop.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::cadence::{Cadence, Cursor};

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
///
/// Which requests were taken is one number that all threads share; when each of them is due follows from its number alone.
/// So a request that is late is taken late and stays due when it was, and nothing that happens to a thread or a connection
/// can make the schedule start over.
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
    /// When requests are due (open loop); `None`: when a connection is free (closed loop).
    cadence: Option<Cadence>,
    claimed: AtomicU64,
}

/// Requests and records that a schedule called for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Called {
    pub(crate) requests: u64,
    pub(crate) records: u64,
}

/// What came due so far, for one that looks at a schedule from time to time.
#[derive(Debug, Default)]
pub(crate) struct SoFar {
    pub(crate) requests: u64,
    cursor: Cursor,
}

/// Requests that were due and never taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Missed {
    /// When the last of them was due: the others wait longer.
    pub(crate) due_us: u64,
    pub(crate) requests: u64,
}

/// Missed requests that were due within this time, or within a thousandth of their wait, are told together: there may be
/// tens of millions of them.
const SLICE_US: u64 = 1_000;
const SLICE_OF_WAIT: u64 = 1_000;
/// Nor does a slice reach into the next of these: each second of the timeline knows what was due in it.
const SECOND_US: u64 = 1_000_000;

impl Schedule {
    /// A part that starts at `start` and lasts for `length` (time), `records` (count), or whichever ends it first.
    pub(crate) fn new(
        start: Duration,
        length: Option<Duration>,
        records: Option<u64>,
        batch_size: u32,
        cadence: Option<Cadence>,
    ) -> Self {
        let batch = u64::from(batch_size);
        let start_us = start.as_micros() as u64;
        Self {
            start_us,
            end_us: length.map(|length| start_us + length.as_micros() as u64),
            requests: records.map(|records| records.div_ceil(batch)),
            batch_size,
            last_records: records.map_or(batch_size, |records| ((records - 1) % batch) as u32 + 1),
            cadence,
            claimed: AtomicU64::new(0),
        }
    }

    /// Takes the next request if one is due at `now_us`. The cursor is the caller's own, for this schedule alone. What was due
    /// before the end can be taken after it: a thread that wakes up late has not missed it while a connection is free.
    pub(crate) fn next(&self, now_us: u64, cursor: &mut Cursor) -> Next {
        let Some(cadence) = &self.cadence else {
            return self.next_free(now_us);
        };
        let mut number = self.claimed.load(Ordering::Relaxed);
        loop {
            let due_us = self.due_us(cadence, cursor, number);
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

    /// Takes the next request of a closed loop, due now.
    pub(crate) fn next_free(&self, now_us: u64) -> Next {
        if self.end_us.is_some_and(|end| now_us >= end)
            || self
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

    fn due_us(&self, cadence: &Cadence, cursor: &mut Cursor, number: u64) -> u64 {
        self.start_us.saturating_add(cadence.due_us(cursor, number))
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
        self.cadence.is_none()
    }

    /// When this part ends, if it is limited by time.
    pub(crate) fn end_us(&self) -> Option<u64> {
        self.end_us
    }

    /// When this part ends by its own plan: after its time, or one gap behind the last request of an open loop.
    /// `None`: a closed loop limited by count ends when it is done.
    pub(crate) fn nominal_end_us(&self) -> Option<u64> {
        let by_count = || {
            let share = f64::from(self.last_records) / f64::from(self.batch_size);
            let length_us = self.cadence.as_ref()?.end_of_us(self.requests?, share);
            Some(self.start_us + length_us)
        };
        self.end_us.or_else(by_count)
    }

    /// Whether nothing more can be taken.
    pub(crate) fn exhausted(&self, now_us: u64) -> bool {
        match (self.end_us, self.requests) {
            (Some(end_us), _) => now_us >= end_us,
            (None, Some(requests)) => self.claimed.load(Ordering::Relaxed) >= requests,
            (None, None) => false,
        }
    }

    /// When the next request of an open loop is due, taken or not; `None` if there is none.
    pub(crate) fn next_due_us(&self, cursor: &mut Cursor) -> Option<u64> {
        let number = self.claimed.load(Ordering::Relaxed);
        let due_us = self.due_us(self.cadence.as_ref()?, cursor, number);
        (due_us < u64::MAX).then_some(due_us)
    }

    /// Requests taken by a connection.
    pub(crate) fn claimed(&self) -> u64 {
        let claimed = self.claimed.load(Ordering::Relaxed);
        self.requests
            .map_or(claimed, |requests| claimed.min(requests))
    }

    /// Counts what came due by `now_us`, from where the last look left off; of a closed loop what was taken.
    pub(crate) fn due_so_far(&self, now_us: u64, so_far: &mut SoFar) {
        so_far.requests = match &self.cadence {
            None => self.claimed(),
            Some(cadence) if cadence.is_even() => self.due_by(cadence, now_us),
            Some(cadence) => self.count_on(cadence, now_us, &mut so_far.cursor, so_far.requests),
        };
    }

    /// What was called for by `now_us`, for a run that ends then; `cut` if the user ended it and what was not due yet does
    /// not count. A closed loop limited by count calls for all of it, one limited by time for what was taken.
    pub(crate) fn called(&self, now_us: u64, cut: bool) -> Called {
        let requests = match (&self.cadence, self.requests) {
            (_, Some(requests)) if !cut => requests,
            (Some(cadence), _) => self.due_by(cadence, now_us),
            (None, _) => self.claimed(),
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

    /// An open loop's requests that were due by `until_us` and never taken, in order, for one that looks at them at
    /// `now_us`.
    pub(crate) fn missed(&self, until_us: u64, now_us: u64, mut tell: impl FnMut(Missed)) {
        let Some(cadence) = &self.cadence else { return };
        let mut cursor = Cursor::default();
        let mut number = self.claimed();
        if !cadence.is_even() {
            // Each due time follows from the one before: nothing is gained by telling several together.
            let until_us = self.last_us(until_us);
            while self.requests.is_none_or(|requests| number < requests) {
                let due_us = self.due_us(cadence, &mut cursor, number);
                if due_us > until_us {
                    return;
                }
                number += 1;
                tell(Missed {
                    due_us,
                    requests: 1,
                });
            }
            return;
        }
        let all = self.due_by(cadence, until_us);
        while number < all {
            let first_us = self.due_us(cadence, &mut cursor, number);
            let wide_us = SLICE_US.max(now_us.saturating_sub(first_us) / SLICE_OF_WAIT);
            let slice_end_us = first_us
                .saturating_add(wide_us)
                .min(self.second_end_us(first_us))
                .min(until_us);
            let next = self.due_by(cadence, slice_end_us).clamp(number + 1, all);
            tell(Missed {
                due_us: self.due_us(cadence, &mut cursor, next - 1),
                requests: next - number,
            });
            number = next;
        }
    }

    /// The last moment of the second, counted from the start, that `us` lies in: a timeline's seconds are exact.
    fn second_end_us(&self, us: u64) -> u64 {
        let begin_us = us - us.saturating_sub(self.start_us) % SECOND_US;
        begin_us.saturating_add(SECOND_US - 1)
    }

    /// The last moment up to `us` at which something can be due.
    fn last_us(&self, us: u64) -> u64 {
        self.end_us.map_or(us, |end| us.min(end - 1))
    }

    /// Requests due at `us` or before, where each due time follows from the one before: `number` are known to be.
    fn count_on(&self, cadence: &Cadence, us: u64, cursor: &mut Cursor, mut number: u64) -> u64 {
        let us = self.last_us(us);
        let most = self.requests.unwrap_or(u64::MAX);
        while number < most && self.due_us(cadence, cursor, number) <= us {
            number += 1;
        }
        number
    }

    /// Requests due at `us` or before.
    fn due_by(&self, cadence: &Cadence, us: u64) -> u64 {
        let us = self.last_us(us);
        let Some(passed_us) = us.checked_sub(self.start_us) else {
            return 0;
        };
        if !cadence.is_even() {
            return self.count_on(cadence, us, &mut Cursor::default(), 0);
        }
        let most = self.requests.unwrap_or(u64::MAX);
        let due = |number| cadence.due_us(&mut Cursor::default(), number) <= passed_us;
        // What rounding made of it, put right by the due times themselves.
        let mut number = cadence.expected_by(passed_us) as u64;
        while due(number) {
            number += 1;
        }
        while number > 0 && !due(number - 1) {
            number -= 1;
        }
        number.min(most)
    }
}

#[cfg(test)]
#[path = "schedule_tests.rs"]
mod tests;
