//! Warnings from how a run changed over time: latency that grows, a proxy that still warms up.

use std::time::Duration;

use super::Run;
use crate::measure::{SecondStats, TargetKind};
use crate::units::{duration, latency, rate_digits};
use crate::wire::Dialect;

/// A JVM proxy was seen to be slow for this long.
const JVM_WARMUP: Duration = Duration::from_secs(10);
/// Measured for longer than this, a cold start is a small part of the run.
const JVM_MEASURED: Duration = Duration::from_secs(15);
/// Seconds of timeline from which thirds are compared.
const COMPARABLE_SECONDS: usize = 6;
/// Growth of the median that is none of noise.
const GREW: f64 = 1.5;

/// One third of the timeline.
struct Third {
    records_per_sec: f64,
    p50_us: Option<u64>,
    /// Medians of its seconds; `None`: nothing was due in one.
    seconds: Vec<Option<u64>>,
}

impl Third {
    /// Whether most of its seconds had a median above. One stall that is over is no trend.
    fn is_mostly_above(&self, us: f64) -> bool {
        let above = |second: &&Option<u64>| second.is_some_and(|p50| p50 as f64 >= us);
        self.seconds.iter().filter(above).count() * 2 > self.seconds.len()
    }
}

/// First and last third of a run whose load was meant to be the same in both.
fn comparable(run: &Run) -> Option<(Third, Third)> {
    let steady = run.plan.load.is_steady();
    steady.then(|| thirds(&run.measured.timeline)).flatten()
}

/// First and last third of the full seconds; `None` if there are too few to compare.
fn thirds(timeline: &[SecondStats]) -> Option<(Third, Third)> {
    // Up to the last second in which a request was due: what follows is the drain. That second itself is rarely full.
    let last = timeline.iter().rposition(|row| row.p50_us.is_some())?;
    let full = &timeline[..last];
    if full.len() < COMPARABLE_SECONDS {
        return None;
    }
    let third = |rows: &[SecondStats]| {
        let mut medians: Vec<u64> = rows.iter().filter_map(|row| row.p50_us).collect();
        medians.sort_unstable();
        let acked: u64 = rows.iter().map(|row| row.records_acked).sum();
        Third {
            records_per_sec: acked as f64 / rows.len() as f64,
            p50_us: medians.get(medians.len() / 2).copied(),
            seconds: rows.iter().map(|row| row.p50_us).collect(),
        }
    };
    let n = full.len() / 3;
    Some((third(&full[..n]), third(&full[full.len() - n..])))
}

pub(super) fn growing_latency(run: &Run) -> Option<String> {
    let (first, last) = comparable(run)?;
    let (from, to) = (first.p50_us?, last.p50_us?);
    let limit = GREW * from as f64;
    let grew = to as f64 >= limit && last.is_mostly_above(limit);
    let gained = last.records_per_sec > 1.1 * first.records_per_sec;
    let advice = if run.plan.load.is_open_loop() {
        "the target does not keep up with the rate: try a lower --rate"
    } else {
        "the target is slowing down: look at its disks, heap and garbage collection"
    };
    (grew && !gained).then(|| {
        format!(
            "latency grew over the run with no gain in throughput: P50 {} in the first third, {} in the last, at {} \
             and {} rec/s; {advice}.",
            latency(from),
            latency(to),
            rate_digits(first.records_per_sec),
            rate_digits(last.records_per_sec)
        )
    })
}

pub(super) fn cold_jvm(run: &Run) -> Option<String> {
    let jvm = matches!(run.facts.dialect, Dialect::Confluent | Dialect::Strimzi);
    if run.facts.kind != TargetKind::RestProxy || !jvm || run.total.ledger.records.acked == 0 {
        return None;
    }
    let (warmup, measured) = (run.plan.load.warmup, run.measured.elapsed);
    let advice = "a cold proxy was seen 3× slower in its first 10–15 s; try --warmup 15s";
    let speeds = comparable(run);
    if let Some((first, last)) = speeds
        && last.records_per_sec > 1.3 * first.records_per_sec
    {
        return Some(format!(
            "the proxy was still getting faster: {} rec/s in the first third, {} in the last; {advice}.",
            rate_digits(first.records_per_sec),
            rate_digits(last.records_per_sec)
        ));
    }
    (warmup < JVM_WARMUP && measured < JVM_MEASURED).then(|| {
        format!(
            "{} and {} of measuring say little about a JVM: {advice}.",
            if warmup.is_zero() {
                "no warm-up".to_owned()
            } else {
                format!("{} of warm-up", duration(warmup))
            },
            latency(measured.as_micros() as u64)
        )
    })
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{Fixture, seconds};
    use super::super::warnings::warnings;
    use super::*;
    use crate::plan::Spike;
    use crate::units::Rate;

    #[test]
    fn the_drain_is_no_part_of_the_trend() {
        let mut fixture = Fixture::quiet();
        fixture.measured.timeline = seconds(&[(50, 10); 9]);
        let steady = thirds(&fixture.measured.timeline).map(|(_, last)| last.records_per_sec);
        let idle = SecondStats {
            p50_us: None,
            records_acked: 0,
            ..fixture.measured.timeline[0].clone()
        };
        fixture.measured.timeline.extend(vec![idle; 60]);
        let drained = thirds(&fixture.measured.timeline).map(|(_, last)| last.records_per_sec);
        assert_eq!(drained, steady);
        assert_eq!(steady, Some(50.0));
        assert!(
            thirds(&seconds(&[(50, 10); 6])).is_none(),
            "too short to compare"
        );
    }

    #[test]
    fn one_stall_that_is_over_is_no_trend() {
        let mut fixture = Fixture::quiet();
        fixture.measured.timeline = seconds(&[(50, 10); 8]);
        fixture.measured.timeline[5].p50_us = None;
        fixture.measured.timeline[6].p50_us = Some(900_000);
        assert_eq!(growing_latency(&fixture.run()), None);
        fixture.measured.timeline[5].p50_us = Some(900_000);
        assert!(growing_latency(&fixture.run()).is_some());
    }

    #[test]
    fn a_load_that_was_meant_to_change_is_not_held_against_the_target() {
        let mut fixture = Fixture::quiet();
        fixture.open_loop(50.0);
        fixture.measured.timeline = seconds(&[
            (50, 10),
            (50, 10),
            (50, 10),
            (50, 90),
            (50, 90),
            (50, 90),
            (50, 90),
        ]);
        assert!(growing_latency(&fixture.run()).is_some());
        let pace = fixture.plan.load.pace.as_mut().expect("an open loop");
        pace.spike = Some(Spike {
            rate: Rate(90.0),
            at: Duration::from_secs(4),
            length: Duration::from_secs(3),
        });
        assert_eq!(growing_latency(&fixture.run()), None);
    }

    #[test]
    fn latency_may_grow_with_throughput() {
        let grown = |rate| {
            let mut fixture = Fixture::quiet();
            fixture.measured.timeline = seconds(&[
                (50, 10),
                (50, 10),
                (50, 12),
                (rate, 14),
                (rate, 16),
                (rate, 20),
                (1, 9),
            ]);
            growing_latency(&fixture.run()).is_some()
        };
        assert!(grown(54));
        assert!(!grown(60));
    }

    #[test]
    fn servers_without_a_jvm_need_no_warming() {
        let mut fixture = Fixture::quiet();
        fixture.plan.load.warmup = Duration::ZERO;
        fixture.facts.dialect = Dialect::Karapace;
        assert_eq!(warnings(&fixture.run()), Vec::<String>::new());
    }
}
