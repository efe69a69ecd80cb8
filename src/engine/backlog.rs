//! What waits while a run goes on, looked at from aside: it costs the threads nothing beyond their hand-over.

use std::collections::VecDeque;
use std::time::Duration;

use super::cadence::Cursor;
use super::schedule::{Schedule, SoFar};

/// Requests that are due and have no answer yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Backlog {
    /// Requests that came due so far, sent or not.
    pub requests_due: u64,
    /// Requests that were sent and wait for the rest of their answer.
    pub in_flight: u64,
    /// How long the oldest request that is due or in flight has waited since it was due.
    pub oldest: Duration,
}

/// The requests of the measured part that are due and have no connection yet.
pub(super) struct Queue<'a> {
    schedule: &'a Schedule,
    so_far: SoFar,
    /// Place of the request that is to be taken next.
    next: Cursor,
    /// When it was looked and what was due by then, as far back as something of it waits.
    looks: VecDeque<(u64, u64)>,
}

impl<'a> Queue<'a> {
    pub(super) fn new(schedule: &'a Schedule) -> Self {
        Self {
            schedule,
            so_far: SoFar::default(),
            next: Cursor::default(),
            looks: VecDeque::new(),
        }
    }

    /// Looks at it; what comes due once the load is ended from outside (`ended`) was not called for.
    pub(super) fn look(&mut self, now_us: u64, ended: bool) {
        if !ended {
            self.schedule.due_so_far(now_us, &mut self.so_far);
        }
        let due = self.so_far.requests;
        if self.looks.back().is_none_or(|&(_, before)| due > before) {
            self.looks.push_back((now_us, due));
        }
        let taken = self.schedule.claimed();
        while self.looks.front().is_some_and(|&(_, due)| due <= taken) {
            self.looks.pop_front();
        }
    }

    /// Requests that came due, taken or not.
    pub(super) fn due(&self) -> u64 {
        self.so_far.requests
    }

    /// How long the oldest of them has waited at `now_us`, in µs; `None` if none does.
    pub(super) fn oldest_us(&mut self, now_us: u64) -> Option<u64> {
        self.looks.front()?;
        let due_us = self.schedule.next_due_us(&mut self.next)?;
        now_us.checked_sub(due_us)
    }

    /// Requests and how long they have waited at least, in µs: since the look at which they were first seen to be due.
    pub(super) fn waits(&self, now_us: u64) -> impl Iterator<Item = (u64, u64)> {
        let mut before = self.schedule.claimed();
        self.looks.iter().filter_map(move |&(at_us, due)| {
            let requests = due.saturating_sub(before);
            before = before.max(due);
            (requests > 0).then(|| (now_us.saturating_sub(at_us), requests))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::cadence::Cadence;
    use super::super::schedule::Next;
    use super::*;
    use crate::plan::{Arrivals, Pace, Rates};
    use crate::units::Rate;

    const MS: u64 = 1_000;

    fn schedule(arrivals: Option<Arrivals>) -> Schedule {
        let cadence = arrivals.map(|arrivals| {
            let pace = Pace {
                rates: Rates::Constant(Rate(100.0)),
                spike: None,
                arrivals,
            };
            Cadence::measured(&pace, 1, 7)
        });
        let start = Duration::from_millis(500);
        Schedule::new(start, Some(Duration::from_secs(2)), None, 1, cadence)
    }

    fn take(schedule: &Schedule, requests: u64, now_us: u64) {
        let mut cursor = Cursor::default();
        for _ in 0..requests {
            assert!(matches!(schedule.next(now_us, &mut cursor), Next::Now(_)));
        }
    }

    #[test]
    fn what_no_connection_takes_grows_older() {
        let schedule = schedule(Some(Arrivals::Uniform));
        let mut queue = Queue::new(&schedule);
        queue.look(600 * MS, false);
        // Due at 500, 510 … 600 ms.
        assert_eq!(
            (queue.due(), queue.oldest_us(600 * MS)),
            (11, Some(100 * MS))
        );
        take(&schedule, 11, 600 * MS);
        queue.look(605 * MS, false);
        assert_eq!(queue.oldest_us(605 * MS), None);
        assert_eq!(queue.waits(605 * MS).count(), 0);
        queue.look(705 * MS, false);
        queue.look(805 * MS, false);
        assert_eq!(
            (queue.due(), queue.oldest_us(805 * MS)),
            (31, Some(195 * MS))
        );
        let waits: Vec<_> = queue.waits(805 * MS).collect();
        assert_eq!(waits, [(100 * MS, 10), (0, 10)]);
        take(&schedule, 15, 805 * MS);
        let waits: Vec<_> = queue.waits(900 * MS).collect();
        assert_eq!(waits, [(95 * MS, 5)], "of the later look alone");
        // Stopped by the user: nothing more is called for, what waits goes on waiting.
        queue.look(1_805 * MS, true);
        assert_eq!(
            (queue.due(), queue.oldest_us(1_805 * MS)),
            (31, Some(1_045 * MS))
        );
    }

    #[test]
    fn a_closed_loop_has_no_queue_and_random_arrivals_are_counted_as_they_come() {
        let closed = schedule(None);
        take(&closed, 7, 600 * MS);
        let mut queue = Queue::new(&closed);
        queue.look(900 * MS, false);
        assert_eq!((queue.due(), queue.oldest_us(900 * MS)), (7, None));

        let random = schedule(Some(Arrivals::Poisson));
        let mut queue = Queue::new(&random);
        for ms in (500..3_000).step_by(100) {
            queue.look(ms * MS, false);
            assert_eq!(queue.due(), random.called(ms * MS, false).requests, "{ms}");
        }
        let all = queue.due();
        assert!((140..260).contains(&all), "{all}");
        let waiting: u64 = queue.waits(3_000 * MS).map(|(_, requests)| requests).sum();
        assert_eq!(waiting, all);
        assert!(queue.oldest_us(3_000 * MS) > Some(2_300 * MS));
    }
}
