//! The whole run in at most ten equal spans of whole seconds, in memory that does not grow with the length of the run.

use std::time::Duration;

use super::SecondStats;
use super::timeline::Tally;

/// Spans shown of a load.
const SHOWN: usize = 10;
/// Spans kept while the run goes on.
const KEPT: usize = 60;
/// Seconds in a kept span; the next one is taken when the run outgrows [`KEPT`] of them. Each is a multiple of the one before.
const LENGTHS: [u64; 9] = [1, 5, 10, 30, 60, 300, 600, 3_600, 36_000];
/// A last span with less of the load in it than one part in this many is counted to what came behind the load.
const SLIVER: f64 = 20.0;

/// What happened in some whole seconds of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Span {
    /// Seconds of it in which the load went on; 0: requests of before were waited for.
    pub load_secs: f64,
    /// Seconds of it that were measured.
    pub secs: f64,
    /// What happened in it; `second` is its first.
    pub stats: SecondStats,
}

/// Spans of a run that goes on.
#[derive(Debug, Default)]
pub(super) struct Spans {
    /// Index into [`LENGTHS`].
    length: usize,
    kept: Vec<Tally>,
}

impl Spans {
    /// Adds what happened in a second.
    pub(super) fn add(&mut self, second: u64, tally: &Tally) {
        while second / LENGTHS[self.length] >= KEPT as u64 && self.length + 1 < LENGTHS.len() {
            let factor = LENGTHS[self.length + 1] / LENGTHS[self.length];
            self.length += 1;
            self.kept = joined(&self.kept, factor as usize);
        }
        let index = (second / LENGTHS[self.length]) as usize;
        if self.kept.len() <= index {
            self.kept.resize_with(index + 1, Tally::default);
        }
        self.kept[index].merge(tally);
    }

    /// The spans of a load of this length, and one of what ended behind it until `elapsed`. Seconds at the end of the load in
    /// which nothing happened are in them too, unless nothing ever did.
    pub(super) fn finish(mut self, load: Duration, elapsed: Duration) -> Vec<Span> {
        let (load_secs, elapsed_secs) = (load.as_secs_f64(), elapsed.as_secs_f64());
        let kept_secs = LENGTHS[self.length];
        let of_load = |secs: u64| {
            let spans = load_secs / secs as f64;
            let sliver = spans.fract() < 1.0 / SLIVER;
            (if sliver { spans.floor() } else { spans.ceil() } as usize).max(1)
        };
        if !self.kept.is_empty() {
            let silent = self.kept.len().max(of_load(kept_secs));
            self.kept.resize_with(silent, Tally::default);
        }
        let factor = of_load(kept_secs).div_ceil(SHOWN);
        let secs = kept_secs * factor as u64;
        let all = joined(&self.kept, factor);
        let of_load = of_load(secs).min(all.len());
        let span = |index: usize, tallies: &[Tally], end_secs: f64| {
            let first = index as u64 * secs;
            Span {
                load_secs: (load_secs - first as f64).clamp(0.0, secs as f64),
                secs: (elapsed_secs.min(end_secs) - first as f64).max(0.0),
                stats: whole(tallies).stats(first),
            }
        };
        let end_secs = |index: usize| (index as u64 * secs) as f64;
        // What ended a moment after the load belongs to its last span.
        let short = elapsed_secs - end_secs(of_load) < secs as f64 / SLIVER;
        let apart = if short {
            of_load.saturating_sub(1)
        } else {
            of_load
        };
        let mut spans: Vec<Span> = (0..apart)
            .map(|index| span(index, &all[index..=index], end_secs(index + 1)))
            .collect();
        if apart < all.len() {
            spans.push(span(apart, &all[apart..], f64::INFINITY));
        }
        spans
    }
}

fn whole(parts: &[Tally]) -> Tally {
    let mut whole = Tally::default();
    for part in parts {
        whole.merge(part);
    }
    whole
}

/// Each `factor` neighbours as one.
fn joined(tallies: &[Tally], factor: usize) -> Vec<Tally> {
    tallies.chunks(factor.max(1)).map(whole).collect()
}

#[cfg(test)]
mod tests {
    use super::super::Exchange;
    use super::super::Timeline;
    use super::super::timeline::TimelineDelta;
    use super::*;

    /// One request of 10 records due in the middle of each second of the load, answered after 100 ms but the last, after
    /// `last_us`.
    fn spans(seconds: u64, load_secs: f64, last_us: u64) -> Vec<Span> {
        let mut timeline = Timeline::default();
        let mut elapsed_us = (load_secs * 1e6) as u64;
        for second in 0..seconds {
            let due_us = second * 1_000_000 + 500_000;
            let took_us = if second + 1 == seconds {
                last_us
            } else {
                100_000
            };
            elapsed_us = elapsed_us.max(due_us + took_us);
            let mut delta = TimelineDelta::default();
            let exchange = Exchange {
                due_us,
                sent_us: due_us,
                done_us: due_us + took_us,
                free_us: None,
                acked: 10,
                rejected: 0,
                unknown: 0,
                lower_bound: false,
            };
            delta.ended(&exchange, 0);
            timeline.take(&mut delta);
        }
        let load = Duration::from_secs_f64(load_secs);
        timeline.finish(load, Duration::from_micros(elapsed_us)).1
    }

    fn shape(spans: &[Span]) -> Vec<(u64, f64, f64, u64, u64)> {
        let row = |span: &Span| {
            let stats = &span.stats;
            (
                stats.second,
                span.load_secs,
                span.secs,
                stats.requests_due,
                stats.requests,
            )
        };
        spans.iter().map(row).collect()
    }

    #[test]
    fn seconds_at_the_end_in_which_nothing_happened_are_of_the_load() {
        let load: f64 = spans(3, 30.0, 100_000)
            .iter()
            .map(|span| span.load_secs)
            .sum();
        assert!((load - 30.0).abs() < 1e-9, "{load}");
        assert_eq!(spans(0, 30.0, 0), []);
    }

    #[test]
    fn a_load_is_cut_into_at_most_ten_equal_spans_of_whole_seconds() {
        for (seconds, length, count) in [
            (1, 1, 1),
            (9, 1, 9),
            (10, 1, 10),
            (11, 2, 6),
            (30, 3, 10),
            (60, 6, 10),
            (61, 10, 7),
            (300, 30, 10),
            (600, 60, 10),
            (1_800, 180, 10),
            (3_600, 360, 10),
            (20_000, 2_400, 9),
        ] {
            let spans = spans(seconds, seconds as f64, 100_000);
            assert_eq!(spans.len(), count, "{seconds} s");
            for (index, span) in spans.iter().enumerate() {
                assert_eq!(span.stats.second, index as u64 * length, "{seconds} s");
            }
            let due: u64 = spans.iter().map(|span| span.stats.requests_due).sum();
            let ended: u64 = spans.iter().map(|span| span.stats.requests).sum();
            assert_eq!((due, ended), (seconds, seconds));
        }
    }

    #[test]
    fn what_ended_behind_the_load_is_a_span_of_its_own_unless_it_was_short() {
        assert_eq!(
            shape(&spans(3, 3.0, 2_700_000)),
            [
                (0, 1.0, 1.0, 1, 1),
                (1, 1.0, 1.0, 1, 1),
                (2, 1.0, 1.0, 1, 0),
                (3, 0.0, 2.2, 0, 1)
            ]
        );
        assert_eq!(
            shape(&spans(2, 2.0, 520_000)),
            [(0, 1.0, 1.0, 1, 1), (1, 1.0, 1.02, 1, 1)]
        );
        assert_eq!(
            shape(&spans(3, 2.75, 100_000)),
            [
                (0, 1.0, 1.0, 1, 1),
                (1, 1.0, 1.0, 1, 1),
                (2, 0.75, 0.75, 1, 1)
            ]
        );
        assert_eq!(spans(0, 0.0, 0), []);
    }
}
