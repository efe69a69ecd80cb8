//! Per-second figures in memory that does not grow with the length of the run beyond one small row a second.
//!
//! Acks and failures are bucketed by the second in which the exchange ended, what was sent by that of its first byte, what
//! came due and its latency by the second in which it was due. A second's latency histogram is kept only until no
//! outstanding request can be due in it.

use std::collections::BTreeMap;
use std::time::Duration;

use super::coarse::Coarse;
use super::spans::{Span, Spans};
use super::{Counts, Exchange};

/// One row of the timeline.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SecondStats {
    /// Seconds since the measured part began.
    pub second: u64,
    /// Records that came due in this second, sent or not.
    pub records_due: u64,
    /// Requests that came due in this second, sent or not.
    pub requests_due: u64,
    /// Records in requests whose first byte was written in this second.
    pub records_sent: u64,
    /// Requests whose first byte was written in this second.
    pub requests_sent: u64,
    /// Records acked in this second.
    pub records_acked: u64,
    /// Exchanges that ended in this second.
    pub requests: u64,
    /// Of those, not complete.
    pub failures: u64,
    /// Median latency in µs of requests due in this second, those without an answer as lower bounds; `None`: none due.
    pub p50_us: Option<u64>,
    /// P95 latency in µs of requests due in this second.
    pub p95_us: Option<u64>,
    /// Largest latency in µs of requests due in this second.
    pub max_us: Option<u64>,
    /// Which of these are only lower bounds.
    pub bounds: Bounds,
    /// All of these latencies, so that rows of several workers can be put together; empty in a span of several seconds.
    pub buckets: Buckets,
}

/// Latencies in buckets of 6 %: upper edge in µs and requests, by edge.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Buckets {
    /// Every request due.
    pub all: Vec<(u64, u64)>,
    /// Of those, the ones without an answer, with the time they waited.
    pub bounds: Vec<(u64, u64)>,
}

/// Which figures of a row are only lower bounds, because they fall among requests without an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Bounds {
    /// The median.
    pub p50: bool,
    /// P95.
    pub p95: bool,
    /// The largest.
    pub max: bool,
}

/// Counts of a second, or of several, and the latencies of what was due in it.
#[derive(Debug, Clone, Default)]
pub(super) struct Tally {
    pub(super) counts: SecondStats,
    latency: Coarse,
    /// The part of `latency` that is lower bounds.
    latency_bounds: Coarse,
}

impl Tally {
    fn new(second: u64) -> Self {
        Self {
            counts: SecondStats {
                second,
                ..SecondStats::default()
            },
            ..Self::default()
        }
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.counts.add(&other.counts);
        self.latency.merge(&other.latency);
        self.latency_bounds.merge(&other.latency_bounds);
    }

    /// The row, with `second` as its first second.
    pub(super) fn stats(&self, second: u64) -> SecondStats {
        let bound = |quantile| self.latency.is_lower_bound(&self.latency_bounds, quantile);
        SecondStats {
            second,
            p50_us: self.latency.quantile(0.5),
            p95_us: self.latency.quantile(0.95),
            max_us: self.latency.quantile(1.0),
            bounds: Bounds {
                p50: bound(0.5),
                p95: bound(0.95),
                max: self.latency_bounds.total > 0,
            },
            buckets: Buckets::default(),
            ..self.counts.clone()
        }
    }

    /// The row of its own second, latencies included.
    pub(super) fn row(&self) -> SecondStats {
        SecondStats {
            buckets: Buckets {
                all: self.latency.buckets(),
                bounds: self.latency_bounds.buckets(),
            },
            ..self.stats(self.counts.second)
        }
    }

    /// The second that a row was made of; one without latencies has none.
    pub(super) fn of(row: &SecondStats) -> Self {
        let max_us = row.max_us.unwrap_or(0);
        let mut tally = Self::new(row.second);
        tally.counts.add(row);
        tally.latency = Coarse::of(&row.buckets.all, max_us);
        tally.latency_bounds = Coarse::of(&row.buckets.bounds, max_us);
        tally
    }

    fn done(&mut self, acked: u64, records: u64) {
        self.counts.records_acked += acked;
        self.counts.requests += 1;
        self.counts.failures += u64::from(acked < records);
    }

    fn sent(&mut self, records: u64) {
        self.counts.records_sent += records;
        self.counts.requests_sent += 1;
    }

    fn due(&mut self, due: Counts, latency_us: u64, lower_bound: bool) {
        self.counts.records_due += due.records;
        self.counts.requests_due += due.requests;
        self.latency.record(latency_us, due.requests);
        if lower_bound {
            self.latency_bounds.record(latency_us, due.requests);
        }
    }
}

impl SecondStats {
    /// A second in which nothing happened.
    fn empty(second: u64) -> Self {
        Self {
            second,
            ..Self::default()
        }
    }

    /// Adds the counts, not the latencies.
    fn add(&mut self, other: &Self) {
        self.records_due += other.records_due;
        self.requests_due += other.requests_due;
        self.records_sent += other.records_sent;
        self.requests_sent += other.requests_sent;
        self.records_acked += other.records_acked;
        self.requests += other.requests;
        self.failures += other.failures;
    }
}

/// What one worker saw since it was last asked: the seconds it touched. Reused between hand-overs.
#[derive(Debug, Default)]
pub struct TimelineDelta {
    seconds: Vec<Tally>,
    used: usize,
}

impl TimelineDelta {
    fn second(&mut self, us: u64) -> &mut Tally {
        let second = us / 1_000_000;
        let mut used = self.seconds[..self.used].iter();
        let index = match used.rposition(|open| open.counts.second == second) {
            Some(index) => index,
            None => self.add(second),
        };
        &mut self.seconds[index]
    }

    fn add(&mut self, second: u64) -> usize {
        let index = self.used;
        self.used += 1;
        match self.seconds.get_mut(index) {
            Some(reused) => *reused = Tally::new(second),
            None => self.seconds.push(Tally::new(second)),
        }
        index
    }

    /// Records an exchange that ended, in a part that started at `start_us`.
    pub fn ended(&mut self, exchange: &Exchange, start_us: u64) {
        let since_start = |us: u64| us.saturating_sub(start_us);
        let (due_us, sent_us) = (since_start(exchange.due_us), since_start(exchange.sent_us));
        let done_us = since_start(exchange.done_us);
        let latency_us = exchange.done_us.saturating_sub(exchange.due_us);
        let one = Counts {
            requests: 1,
            records: exchange.records(),
        };
        let mut tally = self.second(done_us);
        tally.done(exchange.acked, one.records);
        // Mostly it is one second for all three: it is looked for once.
        if sent_us / 1_000_000 != tally.counts.second {
            tally = self.second(sent_us);
        }
        tally.sent(one.records);
        if due_us / 1_000_000 != tally.counts.second {
            tally = self.second(due_us);
        }
        tally.due(one, latency_us, exchange.lower_bound);
    }

    /// Records requests that were due and never sent by `now_us`; both since the start of the part.
    pub fn never_sent(&mut self, due_us: u64, now_us: u64, unsent: Counts) {
        let waited_us = now_us.saturating_sub(due_us);
        self.second(due_us).due(unsent, waited_us, true);
    }

    /// Whether nothing was recorded since the last hand-over.
    pub fn is_empty(&self) -> bool {
        self.used == 0
    }
}

/// All workers' seconds, merged.
#[derive(Debug, Default)]
pub struct Timeline {
    open: BTreeMap<u64, Tally>,
    /// By second.
    closed: Vec<SecondStats>,
    spans: Spans,
    so_far: Coarse,
    /// The part of `so_far` that is lower bounds.
    so_far_bounds: Coarse,
}

/// P95 latency of everything that was due so far, to 6 %. What still waits counts with the time it has waited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct P95 {
    /// In µs.
    pub us: u64,
    /// It would be larger if what never got an answer, or waits for one for longer than 95 % of the others did, had taken for ever.
    pub at_least: bool,
    /// It falls among requests that ended without an answer.
    pub unanswered: bool,
}

impl Timeline {
    /// Takes what a worker saw and empties `delta` for reuse.
    pub fn take(&mut self, delta: &mut TimelineDelta) {
        for from in &delta.seconds[..delta.used] {
            let second = from.counts.second;
            let into = self
                .open
                .entry(second)
                .or_insert_with(|| Tally::new(second));
            into.merge(from);
            self.spans.add(second, from);
            self.so_far.merge(&from.latency);
            self.so_far_bounds.merge(&from.latency_bounds);
        }
        delta.used = 0;
    }

    /// P95 latency of everything taken so far and of what still waits: for so many µs, so many requests.
    pub fn p95_so_far(&self, waits: impl Iterator<Item = (u64, u64)>) -> Option<P95> {
        let (mut all, mut bounds) = (self.so_far.clone(), self.so_far_bounds.clone());
        let usual_us = self.so_far.quantile(0.95).unwrap_or(0);
        for (waited_us, requests) in waits {
            all.record(waited_us, requests);
            // There are always some in flight: those that wait no longer than others did say nothing.
            if waited_us > usual_us {
                bounds.record(waited_us, requests);
            }
        }
        Some(P95 {
            us: all.quantile(0.95)?,
            at_least: all.is_lower_bound(&bounds, 0.95),
            unanswered: all.is_lower_bound(&self.so_far_bounds, 0.95),
        })
    }

    /// Closes every second before `second`: no outstanding request is due in them.
    pub fn close_before(&mut self, second: u64) {
        while let Some(entry) = self.open.first_entry() {
            if *entry.key() >= second {
                return;
            }
            let open = entry.remove();
            self.close(&open);
        }
    }

    fn close(&mut self, open: &Tally) {
        let second = open.counts.second;
        match self.closed.binary_search_by_key(&second, |row| row.second) {
            // A straggler of a second that was closed already.
            Ok(index) => {
                let mut whole = Tally::of(&self.closed[index]);
                whole.merge(open);
                self.closed[index] = whole.row();
            }
            Err(index) => self.closed.insert(index, open.row()),
        }
    }

    /// The finished rows, seconds without any event included, those behind the last event too, and the same in a few spans: of the load, which lasted for
    /// `load`, and one of what ended behind it until `elapsed`.
    pub fn finish(mut self, load: Duration, elapsed: Duration) -> (Vec<SecondStats>, Vec<Span>) {
        self.close_before(u64::MAX);
        let mut rows = gapless(self.closed);
        let whole = load.min(elapsed).as_micros().div_ceil(1_000_000) as u64;
        let next = rows.last().map_or(0, |last| last.second + 1);
        rows.extend((next..whole).map(SecondStats::empty));
        (rows, self.spans.finish(load, elapsed))
    }
}

/// The rows with one for each second in which nothing happened.
pub(super) fn gapless(some: impl IntoIterator<Item = SecondStats>) -> Vec<SecondStats> {
    let mut rows: Vec<SecondStats> = Vec::new();
    for row in some {
        let next = rows.last().map_or(0, |last| last.second + 1);
        rows.extend((next..row.second).map(SecondStats::empty));
        rows.push(row);
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exchange(due_us: u64, sent_us: u64, done_us: u64, acked: u64, unknown: u64) -> Exchange {
        Exchange {
            due_us,
            sent_us,
            done_us,
            free_us: None,
            acked,
            rejected: 0,
            unknown,
            lower_bound: unknown > 0,
        }
    }

    #[test]
    fn what_waits_and_what_got_no_answer_is_in_the_p95_so_far() {
        // Requests of 1 ms, those of 2 ms without an answer, those that wait now for 1 s.
        for (answered, unknown, waiting, us, at_least, unanswered) in [
            (100, 0, 0, 1_000, false, false),
            (100, 10, 0, 2_000, true, true),
            (100, 5, 0, 1_000, false, false),
            (100, 0, 5, 1_000, false, false),
            (100, 0, 6, 1_000_000, true, false),
            (100, 3, 3, 2_000, true, true),
            (0, 0, 2, 1_000_000, true, false),
        ] {
            let mut delta = TimelineDelta::default();
            for _ in 0..answered {
                delta.ended(&exchange(0, 0, 1_000, 10, 0), 0);
            }
            for _ in 0..unknown {
                delta.ended(&exchange(0, 0, 2_000, 0, 10), 0);
            }
            let mut timeline = Timeline::default();
            timeline.take(&mut delta);
            let waits = [(1_000_000, waiting)].into_iter().filter(|_| waiting > 0);
            let p95 = timeline.p95_so_far(waits).unwrap();
            assert!(p95.us.abs_diff(us) * 16 <= us, "{p95:?} {us}");
            assert_eq!(
                (p95.at_least, p95.unanswered),
                (at_least, unanswered),
                "{us}"
            );
        }
        assert_eq!(Timeline::default().p95_so_far([].into_iter()), None);
        // As many as ever are in flight on a healthy target.
        let mut delta = TimelineDelta::default();
        for us in 1..=100 {
            delta.ended(&exchange(0, 0, us * 1_000, 10, 0), 0);
        }
        let mut timeline = Timeline::default();
        timeline.take(&mut delta);
        for (waited_us, at_least) in [(40_000, false), (99_000, true)] {
            let p95 = timeline.p95_so_far([(waited_us, 20)].into_iter()).unwrap();
            assert_eq!(p95.at_least, at_least, "{waited_us} {p95:?}");
        }
    }

    #[test]
    fn due_sent_and_acked_each_go_to_their_own_second() {
        let mut delta = TimelineDelta::default();
        let start_us = 5_000_000;
        let shifted = |due, sent, done| (due + start_us, sent + start_us, done + start_us);
        let (due, sent, done) = shifted(900_000, 1_100_000, 2_100_000);
        delta.ended(&exchange(due, sent, done, 10, 0), start_us);
        let (due, sent, done) = shifted(2_000_000, 2_000_000, 2_500_000);
        delta.ended(&exchange(due, sent, done, 0, 10), start_us);
        let unsent = Counts {
            requests: 1,
            records: 10,
        };
        delta.never_sent(900_000, 3_900_000, unsent);
        let mut timeline = Timeline::default();
        timeline.take(&mut delta);
        assert!(delta.is_empty());
        let (rows, _) = timeline.finish(Duration::from_secs(3), Duration::from_secs(4));
        let counts: Vec<_> = rows
            .iter()
            .map(|r| {
                (
                    [r.records_due, r.records_sent, r.records_acked],
                    [r.requests_due, r.requests_sent, r.requests, r.failures],
                )
            })
            .collect();
        assert_eq!(
            counts,
            [
                ([20, 0, 0], [2, 0, 0, 0]),
                ([0, 10, 0], [0, 1, 0, 0]),
                ([10, 10, 10], [1, 1, 2, 1])
            ]
        );
        let latency: Vec<_> = rows
            .iter()
            .map(|r| (r.p50_us.is_some(), r.max_us, r.bounds.p50, r.bounds.max))
            .collect();
        assert_eq!(
            latency,
            [
                (true, Some(3_000_000), false, true),
                (false, None, false, false),
                (true, Some(500_000), true, true)
            ]
        );
    }

    #[test]
    fn a_straggler_adds_to_a_closed_second() {
        let mut timeline = Timeline::default();
        let mut delta = TimelineDelta::default();
        delta.ended(&exchange(0, 0, 100, 1, 0), 0);
        timeline.take(&mut delta);
        timeline.close_before(5);
        let unsent = Counts {
            requests: 1,
            records: 7,
        };
        delta.never_sent(10, 2_000_010, unsent);
        timeline.take(&mut delta);
        let (rows, _) = timeline.finish(Duration::from_secs(1), Duration::from_secs(1));
        assert_eq!(rows.len(), 1);
        assert_eq!((rows[0].records_due, rows[0].requests_due), (8, 2));
        assert_eq!(
            (rows[0].p50_us, rows[0].max_us),
            (Some(103), Some(2_000_000))
        );
        assert!(rows[0].bounds.max && !rows[0].bounds.p50);
    }

    #[test]
    fn rows_closed_out_of_order_come_out_in_order_each_once() {
        let mut timeline = Timeline::default();
        let mut delta = TimelineDelta::default();
        for (number, second) in [7, 2, 5, 2, 7, 0].into_iter().enumerate() {
            let us = second * 1_000_000;
            delta.ended(&exchange(us, us, us + 100, 1, 0), 0);
            timeline.take(&mut delta);
            timeline.close_before(if number < 4 { second + 1 } else { u64::MAX });
        }
        let (rows, _) = timeline.finish(Duration::from_secs(8), Duration::from_secs(8));
        let requests: Vec<_> = rows.iter().map(|r| (r.second, r.requests)).collect();
        let wanted = [1, 0, 2, 0, 0, 1, 0, 2].into_iter().enumerate();
        let wanted: Vec<_> = wanted.map(|(second, n)| (second as u64, n)).collect();
        assert_eq!(requests, wanted);
    }

    #[test]
    fn seconds_of_the_load_behind_the_last_event_are_rows_too() {
        for (load_ms, elapsed_ms, wanted) in [
            (8_000, 8_000, 8),
            (7_500, 9_000, 8),
            (8_000, 2_100, 3),
            (1, 1, 2),
        ] {
            let mut delta = TimelineDelta::default();
            delta.ended(&exchange(1_000_000, 1_000_000, 1_100_000, 1, 0), 0);
            let mut timeline = Timeline::default();
            timeline.take(&mut delta);
            let (rows, _) = timeline.finish(
                Duration::from_millis(load_ms),
                Duration::from_millis(elapsed_ms),
            );
            let seconds: Vec<u64> = rows.iter().map(|row| row.second).collect();
            assert_eq!(seconds, (0..wanted).collect::<Vec<_>>());
        }
    }

    #[test]
    fn each_time_of_an_exchange_finds_its_second_whichever_of_them_are_the_same() {
        for (due, sent, done) in [(1, 1, 1), (0, 1, 1), (0, 0, 1), (0, 1, 2)] {
            let mut delta = TimelineDelta::default();
            let us = |second: u64| second * 1_000_000 + 999_999;
            delta.ended(&exchange(us(due), us(sent), us(done), 3, 0), 0);
            let mut timeline = Timeline::default();
            timeline.take(&mut delta);
            let (rows, _) = timeline.finish(Duration::from_secs(3), Duration::from_secs(3));
            let at = |of: fn(&SecondStats) -> u64| rows.iter().position(|row| of(row) == 1);
            let found = [
                at(|row| row.requests_due),
                at(|row| row.requests_sent),
                at(|row| row.requests),
            ];
            let wanted = [due, sent, done].map(|second| Some(second as usize));
            assert_eq!(found, wanted);
        }
    }
}
