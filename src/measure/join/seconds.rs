//! The seconds of several parts as those of one run.

use std::collections::BTreeMap;
use std::time::Duration;

use super::super::spans::Spans;
use super::super::timeline::{Tally, gapless};
use super::super::{Measured, SecondStats, Span};

/// What the parts saw in one second of the whole.
struct Second {
    tally: Tally,
    /// The row of the only part that had requests due in it.
    only: Option<SecondStats>,
    /// Parts with requests due in it.
    parts: u32,
    max_us: Option<u64>,
}

/// Rows and spans of the whole; each part's seconds are shifted by its offset, rounded to whole seconds.
///
/// Rows that tell no latencies one by one, as those of earlier versions, cannot be put together: where several parts have requests
/// due in a second, its median and P95 are unknown, and so are those of all spans.
pub(super) fn joined(
    parts: &[Measured],
    offsets: &[Duration],
    load: Duration,
    elapsed: Duration,
) -> (Vec<SecondStats>, Vec<Span>) {
    let mut seconds: BTreeMap<u64, Second> = BTreeMap::new();
    let mut spans = Spans::default();
    let mut all_told = true;
    for (part, offset) in parts.iter().zip(offsets) {
        let shift = offset.as_secs_f64().round() as u64;
        for row in &part.timeline {
            all_told &= told(row);
            let mut row = row.clone();
            row.second += shift;
            let tally = Tally::of(&row);
            spans.add(row.second, &tally);
            add(&mut seconds, row, &tally);
        }
    }
    let rows = gapless(seconds.into_values().map(Second::row));
    let mut spans = spans.finish(load, elapsed);
    if !all_told {
        for span in &mut spans {
            unknown(&mut span.stats);
        }
    }
    (rows, spans)
}

/// Whether a row has all latencies of the requests due in it.
fn told(row: &SecondStats) -> bool {
    let samples: u64 = row.buckets.all.iter().map(|(_, count)| count).sum();
    samples == row.requests_due
}

fn unknown(row: &mut SecondStats) {
    (row.p50_us, row.p95_us) = (None, None);
    (row.bounds.p50, row.bounds.p95) = (false, false);
}

fn add(seconds: &mut BTreeMap<u64, Second>, row: SecondStats, tally: &Tally) {
    let second = seconds.entry(row.second).or_insert_with(|| Second {
        tally: Tally::of(&SecondStats {
            second: row.second,
            ..SecondStats::default()
        }),
        only: None,
        parts: 0,
        max_us: None,
    });
    second.tally.merge(tally);
    second.max_us = second.max_us.max(row.max_us);
    if row.requests_due > 0 {
        second.parts += 1;
        second.only = (second.parts == 1).then_some(row);
    }
}

impl Second {
    fn row(self) -> SecondStats {
        let mut row = self.tally.row();
        if told(&row) {
            return row;
        }
        row.max_us = self.max_us;
        match self.only {
            Some(only) => {
                (row.p50_us, row.p95_us, row.bounds) = (only.p50_us, only.p95_us, only.bounds);
            }
            None => unknown(&mut row),
        }
        row
    }
}
