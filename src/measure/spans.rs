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
#[derive(Debug, Clone, Copy, PartialEq)]
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

    /// The spans of a load of this length, and one of what ended behind it until `elapsed`.
    pub(super) fn finish(self, load: Duration, elapsed: Duration) -> Vec<Span> {
        let (load_secs, elapsed_secs) = (load.as_secs_f64(), elapsed.as_secs_f64());
        let kept_secs = LENGTHS[self.length];
        let of_load = |secs: u64| {
            let spans = load_secs / secs as f64;
            let sliver = spans.fract() < 1.0 / SLIVER;
            (if sliver { spans.floor() } else { spans.ceil() } as usize).max(1)
        };
        let factor = of_load(kept_secs).div_ceil(SHOWN);
        let secs = kept_secs * factor as u64;
        let all = joined(&self.kept, factor);
        let (of_load, behind) = all.split_at(of_load(secs).min(all.len()));
        let span = |index: usize, tally: &Tally| {
            let first = index as u64 * secs;
            let part = |end_secs: f64| (end_secs - first as f64).clamp(0.0, secs as f64);
            Span {
                load_secs: part(load_secs),
                secs: part(elapsed_secs),
                stats: tally.stats(first),
            }
        };
        let mut spans: Vec<Span> = of_load
            .iter()
            .enumerate()
            .map(|(index, tally)| span(index, tally))
            .collect();
        if !behind.is_empty() {
            let first = of_load.len() as u64 * secs;
            spans.extend(joined(behind, behind.len()).iter().map(|tally| Span {
                load_secs: 0.0,
                secs: (elapsed_secs - first as f64).max(0.0),
                stats: tally.stats(first),
            }));
        }
        spans
    }
}

/// Each `factor` neighbours as one.
fn joined(tallies: &[Tally], factor: usize) -> Vec<Tally> {
    let join = |parts: &[Tally]| {
        let mut whole = Tally::default();
        for part in parts {
            whole.merge(part);
        }
        whole
    };
    tallies.chunks(factor.max(1)).map(join).collect()
}
