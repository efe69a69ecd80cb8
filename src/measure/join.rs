//! Several measured parts as one: workers that ran side by side, or slices of a load one after the other.

mod blocks;
mod seconds;

use std::time::{Duration, SystemTime};

use super::{Claims, Connections, Counts, End, Generator, Ledger, Measured, Recorder};

/// How the parts lie in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lie {
    /// Beside each other, by their wall clocks; the window is that of all of them, gaps included.
    SideBySide,
    /// One after the other, whatever was between them; the window is the sum of theirs. Of open loops it is that of one schedule
    /// made of all of theirs: the answers that each waits for at its end count once, and not once a part.
    InTurn,
}

/// All parts as one; `None` if there is none. Recorders are added target by target, so that the figures of the whole are those of
/// one recorder that saw everything. Claims are about single runs: the whole has none.
///
/// Side by side, each part's time starts at its own `started_at`, rounded to whole seconds in the timeline; the first byte of a part
/// counts as written when it started, since nothing else is known of it. In turn, there are no seconds of the whole: parts do not begin
/// and end with one, so that rows of a second would hold more or less of the load than that of a second.
pub fn join(parts: &[Measured], lie: Lie) -> Option<Measured> {
    let started_at = parts.iter().map(|part| part.started_at).min()?;
    let offsets = offsets(parts, lie, started_at);
    let placed = || parts.iter().zip(&offsets);
    let load = placed().map(|(part, offset)| *offset + load_length(part));
    let load = load.max().unwrap_or_default();
    let elapsed = placed()
        .map(|(part, offset)| *offset + part.elapsed)
        .max()?;
    let (timeline, spans) = match lie {
        Lie::SideBySide => seconds::joined(parts, &offsets, load, elapsed),
        Lie::InTurn => (Vec::new(), Vec::new()),
    };
    let counts = |of: fn(&Measured) -> Counts| {
        parts
            .iter()
            .map(of)
            .fold(Counts::default(), |sum, part| Counts {
                requests: sum.requests + part.requests,
                records: sum.records + part.records,
            })
    };
    Some(Measured {
        started_at,
        elapsed,
        window: window(parts, &offsets, lie),
        first_byte_after_due: None,
        planned: planned(parts, &offsets, lie),
        scheduled: counts(|part| part.scheduled),
        unsent: counts(|part| part.unsent),
        targets: targets(parts),
        warmup: parts.iter().fold(Ledger::default(), |mut sum, part| {
            sum.merge(&part.warmup);
            sum
        }),
        timeline,
        spans,
        blocks: match lie {
            Lie::SideBySide => blocks::side_by_side(parts, &offsets),
            Lie::InTurn => blocks::in_turn(parts),
        },
        connections: connections(parts, lie),
        generator: generator(parts, lie),
        end: parts
            .iter()
            .map(|part| part.end)
            .max_by_key(|end| weight(*end))?,
        gone: gone(parts),
        claims: Claims::default(),
    })
}

/// When each part starts, after the start of the whole.
fn offsets(parts: &[Measured], lie: Lie, started_at: SystemTime) -> Vec<Duration> {
    let mut before = Duration::ZERO;
    let offset = |part: &Measured| match lie {
        Lie::SideBySide => (part.started_at.duration_since(started_at)).unwrap_or_default(),
        Lie::InTurn => {
            let offset = before;
            before += part.elapsed;
            offset
        }
    };
    parts.iter().map(offset).collect()
}

/// How long the load of a part went on.
fn load_length(part: &Measured) -> Duration {
    let secs: f64 = part.spans.iter().map(|span| span.load_secs).sum();
    Duration::try_from_secs_f64(secs).unwrap_or_default()
}

fn window(parts: &[Measured], offsets: &[Duration], lie: Lie) -> Option<Duration> {
    let windows = parts.iter().zip(offsets);
    let windows = windows.filter_map(|(part, offset)| Some((*offset, part.window?)));
    match lie {
        Lie::SideBySide => {
            let (first, last) = windows.fold((None, None), |(first, last), (offset, window)| {
                let first: Option<Duration> = first;
                (
                    Some(first.map_or(offset, |first| first.min(offset))),
                    last.max(Some(offset + window)),
                )
            });
            Some(last?.saturating_sub(first?))
        }
        Lie::InTurn => {
            let sum = windows.map(|(_, window)| window).reduce(|a, b| a + b);
            sum.map(|sum| sum.saturating_sub(repeated_waits(parts)))
        }
    }
}

/// How long parts waited for answers after their schedules, but for the one that waited longest.
fn repeated_waits(parts: &[Measured]) -> Duration {
    let wait = |part: &Measured| Some(part.window?.saturating_sub(part.schedule_took()?));
    let waits = || parts.iter().filter_map(wait);
    let longest = waits().max().unwrap_or_default();
    waits().sum::<Duration>().saturating_sub(longest)
}

/// `None` unless every part was planned: a closed loop, or one that was interrupted, has no length of its own.
fn planned(parts: &[Measured], offsets: &[Duration], lie: Lie) -> Option<Duration> {
    let mut whole = Duration::ZERO;
    for (part, offset) in parts.iter().zip(offsets) {
        let planned = part.planned?;
        whole = match lie {
            Lie::SideBySide => whole.max(*offset + planned),
            Lie::InTurn => whole + planned,
        };
    }
    Some(whole)
}

fn targets(parts: &[Measured]) -> Vec<Recorder> {
    let most = parts.iter().map(|part| part.targets.len()).max();
    let mut targets = vec![Recorder::new(); most.unwrap_or(0)];
    for part in parts {
        for (into, from) in targets.iter_mut().zip(&part.targets) {
            into.merge(from);
        }
    }
    targets
}

/// Slices open their connections anew: those of one slice are as many as there ever were at a time.
fn connections(parts: &[Measured], lie: Lie) -> Connections {
    let sum = |a: u64, b: u64| a + b;
    let at_a_time = match lie {
        Lie::SideBySide => sum,
        Lie::InTurn => u64::max,
    };
    let of = |part: &Measured| part.connections;
    parts
        .iter()
        .map(of)
        .fold(Connections::default(), |a, b| Connections {
            planned: at_a_time(a.planned, b.planned),
            reconnects: a.reconnects + b.reconnects,
            connect_failures: a.connect_failures + b.connect_failures,
            unused: at_a_time(a.unused, b.unused),
            used_once: at_a_time(a.used_once, b.used_once),
        })
}

fn generator(parts: &[Measured], lie: Lie) -> Generator {
    let all = || parts.iter().map(|part| &part.generator);
    let ratios = |of: fn(&Generator) -> &[f64]| match lie {
        Lie::SideBySide => all().flat_map(of).copied().collect(),
        Lie::InTurn => mean_by_time(parts, of),
    };
    let rss = all().filter_map(|generator| generator.peak_rss_bytes);
    Generator {
        thread_busy_ratios: ratios(|generator| &generator.thread_busy_ratios),
        thread_wait_ratios: ratios(|generator| &generator.thread_wait_ratios),
        cpu: (all()
            .map(|generator| generator.cpu)
            .collect::<Option<Vec<_>>>())
        .map(|cpus| cpus.into_iter().sum()),
        in_flight_us: all().map(|generator| generator.in_flight_us).sum(),
        clock_skew: (all().map(|generator| generator.clock_skew).max()).unwrap_or_default(),
        peak_rss_bytes: match lie {
            Lie::SideBySide => rss.reduce(|a, b| a + b),
            Lie::InTurn => rss.max(),
        },
    }
}

/// The mean of each thread's ratio over the parts, by how long they were.
fn mean_by_time(parts: &[Measured], of: fn(&Generator) -> &[f64]) -> Vec<f64> {
    let threads = parts.iter().map(|part| of(&part.generator).len()).min();
    let all: f64 = parts.iter().map(|part| part.elapsed.as_secs_f64()).sum();
    let mean = |thread: usize| {
        let share = |part: &Measured| {
            of(&part.generator)[thread] * part.elapsed.as_secs_f64() / all.max(1e-9)
        };
        parts.iter().map(share).sum()
    };
    (0..threads.unwrap_or(0)).map(mean).collect()
}

/// How much an end says about the whole.
fn weight(end: End) -> u8 {
    match end {
        End::Finished => 0,
        End::TargetGone => 1,
        End::Interrupted => 2,
        End::Abandoned => 3,
    }
}

fn gone(parts: &[Measured]) -> Vec<usize> {
    let mut gone: Vec<usize> = parts.iter().flat_map(|part| part.gone.clone()).collect();
    gone.sort_unstable();
    gone.dedup();
    gone
}
