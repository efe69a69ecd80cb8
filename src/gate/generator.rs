//! Whether the load generator, not the target, set the figures: its CPU, its lateness, its connections.

use std::time::Duration;

use super::Run;
use super::validity::{Check, named};
use crate::measure::End;
use crate::units::{counted, grouped, latency, percent, rate_digits};

/// Share of the offered requests that must be sent in time in an open loop.
const OFFERED: f64 = 0.99;
/// Sending may end this much after the schedule's end: timers and the last batch.
const LATE_SLACK: Duration = Duration::from_millis(100);
/// An engine thread this busy has no headroom: what was measured is the generator.
const SATURATED: f64 = 0.95;
/// An engine thread this busy explains that requests were sent late.
const BUSY: f64 = 0.8;
/// An engine thread that waited for a CPU for this share of the time was kept from its work by others.
const CROWDED: f64 = 0.2;
/// Below this, CPU accounting is too coarse to tell how busy a thread was.
const TELLING: Duration = Duration::from_secs(1);
/// Own lateness that is always allowed at the median, and further up.
const LATE_P50_US: u64 = 1_000;
const LATE_TAIL_US: u64 = 5_000;
/// From so many requests on, 2 lie beyond the P95, and it is looked at.
const LATE_TAIL_REQUESTS: u64 = 40;
/// Median service time over the fastest from which the target is slower under load: more connections would queue.
const SLOWED: u64 = 3;
/// Differences below this are noise: the fastest answer counts as no faster.
const FAST_US: u64 = 200;
/// A target that takes less than this (at the median) and answers nothing for a second stands still.
const QUICK_US: u64 = 250_000;
/// Share of requests that may wait for a connection without a word.
const STARVED: f64 = 0.01;

fn largest(ratios: &[f64]) -> Option<f64> {
    ratios.iter().copied().reduce(f64::max)
}

fn busiest(run: &Run) -> Option<f64> {
    largest(&run.measured.generator.thread_busy_ratios)
}

fn most_crowded(run: &Run) -> Option<f64> {
    largest(&run.measured.generator.thread_wait_ratios)
}

/// `busiest engine thread 31 % of a CPU, waiting for one 2 % of the time`
fn cpu_words(run: &Run) -> String {
    let busy = busiest(run).map_or_else(
        || "CPU not told by this system".to_owned(),
        |busy| format!("busiest engine thread {:.0} % of a CPU", busy * 100.0),
    );
    let waiting = most_crowded(run)
        .map(|waiting| format!(", waiting for one {:.0} % of the time", waiting * 100.0));
    busy + &waiting.unwrap_or_default()
}

/// Who may have the CPU that krush waits for.
fn others(run: &Run) -> &'static str {
    if run.facts.embedded {
        "the stand-in in this process, or other programs, run"
    } else {
        "other programs, or the target itself, run"
    }
}

/// What to change if krush had too little CPU; `None`: that is not what kept it.
fn cpu_hint(run: &Run) -> Option<String> {
    if let Some(busy) = busiest(run).filter(|&busy| busy > BUSY) {
        return Some(format!(
            "krush itself was the limit, with a thread at {:.0} % of a CPU: raise --threads if cores are free, lower --rate, \
             or run krush on another machine",
            busy * 100.0
        ));
    }
    most_crowded(run).filter(|&waiting| waiting > CROWDED).map(|waiting| {
        format!(
            "krush's threads waited for a CPU for {:.0} % of the time: {} on the same cores; run krush on another machine, or \
             lower --threads or --rate",
            waiting * 100.0,
            others(run)
        )
    })
}

pub(super) fn headroom(run: &Run) -> Check {
    let (passed, saw) = match busiest(run) {
        None => (true, "this system does not tell".to_owned()),
        Some(_) if run.measured.elapsed < TELLING => (
            true,
            format!(
                "too short to tell: measured for {}",
                latency(run.measured.elapsed.as_micros() as u64)
            ),
        ),
        Some(busy) => (busy < SATURATED, cpu_words(run)),
    };
    named(
        "generator was not the bottleneck",
        passed,
        saw,
        "every engine thread below 95 % of a CPU",
        "raise --threads, use fewer connections, or run krush on another machine",
    )
}

/// Own lateness that a run may have at a percentile, where the target took `us`.
fn allowed(always_us: u64, us: Option<u64>, one_in: u64) -> u64 {
    always_us.max(us.unwrap_or(0) / one_in)
}

/// Open loop only: there is no own lateness in a closed one.
pub(super) fn lateness(run: &Run) -> Option<Check> {
    let own = run.summary.own_lateness_us?;
    let (p50, p95) = (own.p50?, own.p95?);
    // Of fewer, the P95 is the largest or second largest: one late request would void a run of 1 request/s.
    let telling = run.measured.scheduled.requests >= LATE_TAIL_REQUESTS;
    let p50_limit = allowed(LATE_P50_US, run.summary.service_time_us.p50, 10);
    let p95_limit = allowed(LATE_TAIL_US, run.summary.latency_us.p95, 4);
    let hint = cpu_hint(run).unwrap_or_else(|| {
        "krush was late without using up a CPU: the machine is too slow, or paused, for such a --rate: lower it, or run \
         krush on another machine"
            .to_owned()
    });
    Some(named(
        "generator sent on time",
        p50 <= p50_limit && (p95 <= p95_limit || !telling),
        format!(
            "own lateness P50 {}, P95 {}; {}",
            latency(p50),
            latency(p95),
            cpu_words(run)
        ),
        &format!(
            "own lateness of at most {} at P50 and {} at P95",
            latency(p50_limit),
            latency(p95_limit)
        ),
        &hint,
    ))
}

/// Sent in time over scheduled. In a run by count everything is sent in the end, so the end of sending counts too.
pub(super) fn offered_rate(run: &Run) -> Option<Check> {
    let planned = run.measured.planned?;
    let scheduled = run.measured.scheduled;
    if run.interrupted() || scheduled.requests == 0 {
        return None;
    }
    let sent = run.total.ledger.requests.sent as f64 / scheduled.requests as f64;
    let planned_secs = planned.as_secs_f64();
    let late = run.measured.schedule_took().map_or(Duration::ZERO, |took| {
        took.saturating_sub(planned + LATE_SLACK)
    });
    let late_secs = late.as_secs_f64();
    let in_time = sent.min(planned_secs / (planned_secs + late_secs));
    Some(named(
        "offered rate reached",
        in_time >= OFFERED,
        format!(
            "{} of {} sent in time",
            percent(in_time),
            counted(scheduled.records, "record", "records")
        ),
        "at least 99 %",
        &rate_hint(run, in_time),
    ))
}

/// What kept the rate from being reached, of which `in_time` was (0 to 1), and what to change.
fn rate_hint(run: &Run, in_time: f64) -> String {
    if run.measured.end == End::TargetGone {
        return "the target was gone before the load ended: look at its log".to_owned();
    }
    let late = lateness(run).filter(|check| !check.passed);
    // A machine that paused looks like a target that stood still, but krush was late then.
    let silence = if late.is_none() {
        silence_hint(run, in_time)
    } else {
        None
    };
    silence
        .or_else(|| cpu_hint(run))
        .or_else(|| late.map(|check| check.hint))
        .unwrap_or_else(|| starvation_hint(run))
}

/// A target that answers quickly and had whole seconds without any answer, in which at least half of what was missed came due.
fn silence_hint(run: &Run, in_time: f64) -> Option<String> {
    let planned = run.measured.planned?.as_secs();
    let quick = run.summary.service_time_us.p50? < QUICK_US;
    let load = run
        .measured
        .timeline
        .iter()
        .filter(|row| row.second < planned);
    let silent = load.filter(|row| row.requests == 0 && row.requests_due > 0);
    let (seconds, due) = silent.fold((0, 0), |(seconds, due), row| {
        (seconds + 1, due + row.requests_due)
    });
    let missed = run.measured.scheduled.requests as f64 * (1.0 - in_time);
    (quick && seconds > 0 && due as f64 >= missed / 2.0).then(|| {
        format!(
            "the target stood still: in {} of the {planned} s of load it answered nothing, and half of the others took {} at \
             most; look at its log",
            counted(seconds, "second", "seconds"),
            latency(run.summary.service_time_us.p50.unwrap_or(0))
        )
    })
}

/// Whether the target answers slower under load, so that more connections would only queue.
fn slowed(run: &Run) -> Option<String> {
    let (p50, fastest) = (
        run.summary.service_time_us.p50?,
        run.total.service_time.min(),
    );
    (p50 > SLOWED * fastest.max(FAST_US)).then(|| {
        format!(
            "it answers slower under load (half of the requests took {} or more, the fastest {})",
            latency(p50),
            latency(fastest)
        )
    })
}

/// Connections that are in use at once by Little's law while answers take `service_us`, in the busiest second.
fn connections_for(run: &Run, service_us: f64) -> u64 {
    let planned_secs = run
        .measured
        .planned
        .map_or(f64::INFINITY, |planned| planned.as_secs_f64());
    let mean = run.measured.scheduled.requests as f64 / planned_secs;
    let seconds = run.measured.timeline.iter();
    let most = seconds.map(|row| row.requests_due).max().unwrap_or(0);
    (mean.max(most as f64) * service_us / 1e6).ceil() as u64
}

/// `1,234 of 2,000 requests waited for a free connection (2 in all), up to 1.20 s`
fn starved_words(run: &Run) -> String {
    let starvation = run.total.starvation;
    format!(
        "{} of {} waited for a free connection ({} in all), up to {}",
        grouped(starvation.requests),
        counted(run.total.ledger.requests.sent, "request", "requests"),
        grouped(u64::from(run.plan.load.concurrency)),
        latency(starvation.max_us)
    )
}

fn starvation_hint(run: &Run) -> String {
    let unsent = match run.measured.unsent.requests {
        0 => String::new(),
        unsent => format!(", and {} more were never sent", grouped(unsent)),
    };
    let words = starved_words(run) + &unsent;
    if run.total.service_time.is_empty() {
        return format!("{words}: no answer came to free one; look at the target's log");
    }
    let mean_us = run.total.service_time.mean();
    let needed = connections_for(run, mean_us);
    let few = needed > u64::from(run.plan.load.concurrency);
    let reached = rate_digits(run.summary.requests_per_sec);
    match slowed(run) {
        None if few => format!(
            "{words}: by Little's law it takes at least {} if answers go on taking {} on average; raise --concurrency \
             above that, or lower --rate",
            counted(needed, "connection", "connections"),
            latency(mean_us as u64)
        ),
        Some(slower) => format!(
            "{words}: the target reached only {reached} requests/s and {slower}: more connections would only queue; lower --rate"
        ),
        None => format!(
            "{words}: the connections would do at the mean service time of {}, so the target stood still for a while; look at \
             its log, or lower --rate",
            latency(mean_us as u64)
        ),
    }
}

/// The rate was reached, but not all of it in time.
pub(super) fn waited_for_connections(run: &Run) -> Option<String> {
    let starved = run.total.starvation.requests;
    let rate_reached = offered_rate(run).is_none_or(|check| check.passed);
    if !rate_reached || starved as f64 <= STARVED * run.total.ledger.requests.sent as f64 {
        return None;
    }
    let needed = connections_for(run, run.summary.service_time_us.p99? as f64);
    let few = needed > u64::from(run.plan.load.concurrency);
    let advice = match slowed(run) {
        Some(slower) => format!("The target did not keep up at all times: {slower}."),
        None if few => {
            format!("By Little's law --concurrency {needed} would have one free for 99 of 100.")
        }
        None => {
            "The connections would do for 99 of 100: for a while answers came late, or connections were lost.".to_owned()
        }
    };
    Some(format!(
        "{}: the latency includes it. {advice}",
        starved_words(run)
    ))
}

pub(super) fn sometimes_late(run: &Run) -> Option<String> {
    let own = run.summary.own_lateness_us?.p99?;
    let limit = allowed(LATE_TAIL_US, run.summary.latency_us.p99, 4);
    (own > limit).then(|| {
        let requests = run.total.ledger.requests.sent;
        let which = match requests {
            0..100 => format!("1 of {requests} requests was sent {} late", latency(own)),
            _ => format!("1 of 100 requests was sent {} late or more", latency(own)),
        };
        format!(
            "{which} by krush itself, which its latency includes: {}.",
            cpu_hint(run).unwrap_or_else(|| {
                "a shared or paused machine does that; try another one".to_owned()
            })
        )
    })
}

pub(super) fn crowded(run: &Run) -> Option<String> {
    let waiting = most_crowded(run)?;
    (waiting > CROWDED && run.measured.elapsed >= TELLING).then(|| {
        format!(
            "an engine thread was ready to run but waited for a CPU for {:.0} % of the time: {} on the same cores, and the \
             latency includes it. Try another machine, or fewer --threads.",
            waiting * 100.0,
            others(run)
        )
    })
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{Fixture, answered, seconds};
    use super::super::{check, warnings};
    use super::*;
    use crate::measure::{Exchange, Lie, join};

    /// Names of the checks that failed.
    fn failed(fixture: &Fixture) -> Vec<String> {
        let failed = check(&fixture.run()).checks.into_iter();
        failed
            .filter(|check| !check.passed)
            .map(|check| check.name)
            .collect()
    }

    fn open_loop(change: impl FnOnce(&mut Fixture)) -> Fixture {
        let mut fixture = Fixture::new();
        fixture.open_loop(50_000.0);
        change(&mut fixture);
        fixture
    }

    fn hint(fixture: &Fixture, name: &str) -> String {
        let checks = check(&fixture.run()).checks.into_iter();
        let found = checks.filter(|check| check.name == name && !check.passed);
        found.map(|check| check.hint).collect()
    }

    #[test]
    fn each_fault_fails_its_own_check() {
        type Change = fn(&mut Fixture);
        let cases: [(&str, Change); 5] = [
            ("generator was not the bottleneck", |f| {
                f.measured.generator.thread_busy_ratios = vec![0.2, 0.95];
            }),
            ("generator sent on time", |f| f.send_late(51, 900_000)),
            ("generator sent on time", |f| f.send_late(6, 900_000)),
            ("offered rate reached", |f| f.never_sent(2)),
            ("offered rate reached", |f| {
                // All sent, but at half the pace.
                f.measured.window = Some(Duration::from_secs(4));
            }),
        ];
        for (name, change) in cases {
            assert_eq!(failed(&open_loop(change)), [name]);
        }
        assert_eq!(failed(&open_loop(|_| {})), Vec::<String>::new());
        let one_of_100 = open_loop(|f| f.never_sent(1));
        assert_eq!(failed(&one_of_100), Vec::<String>::new(), "99 % is enough");
    }

    #[test]
    fn slices_that_each_wait_for_their_last_answers_are_in_time_together() {
        let slice = |late_ms: u64| {
            let fixture = open_loop(|f| {
                // The schedule takes 2 s, the slowest answer 200 ms.
                f.measured.window = Some(Duration::from_millis(2_199 + late_ms));
            });
            fixture.measured
        };
        let whole = |late_ms: u64| {
            let slices: Vec<_> = (0..16).map(|_| slice(late_ms)).collect();
            let mut fixture = open_loop(|_| ());
            fixture.measured = join(&slices, Lie::InTurn).unwrap();
            fixture
        };
        let in_time = whole(0);
        assert_eq!(
            in_time.measured.window,
            Some(Duration::from_millis(16 * 2_000 + 199))
        );
        assert_eq!(failed(&in_time), Vec::<String>::new());
        // Each a tenth late: so is the whole.
        assert_eq!(failed(&whole(200)), ["offered rate reached"]);
    }

    #[test]
    fn a_thread_is_saturated_at_95_percent_of_a_second_or_more() {
        let busy = |ratio, elapsed_ms| {
            let mut fixture = Fixture::new();
            fixture.measured.generator.thread_busy_ratios = vec![ratio];
            fixture.measured.elapsed = Duration::from_millis(elapsed_ms);
            failed(&fixture).is_empty()
        };
        assert!(busy(0.949, 1_000));
        assert!(!busy(0.95, 1_000));
        assert!(busy(1.0, 999), "too short to tell");
    }

    #[test]
    fn lateness_has_a_limit_at_the_median_and_one_further_up() {
        let passes = |service_us: u64, requests, late_us| {
            let fixture = open_loop(|f| {
                let quick = |index| Exchange {
                    done_us: 50 + service_us,
                    ..answered(index)
                };
                f.record((0..100).map(quick));
                f.send_late(requests, late_us);
            });
            failed(&fixture).is_empty()
        };
        // A tenth of the service time, but 1 ms is always allowed.
        assert!(passes(20_000, 50, 2_500), "the median is 1 µs");
        assert!(passes(20_000, 51, 2_000) && !passes(20_000, 51, 2_050));
        assert!(passes(100, 51, 1_000) && !passes(100, 51, 1_001));
        // A quarter of the P95 latency, but 5 ms are always allowed.
        assert!(passes(100_000, 5, 900_000), "P95 is 1 µs");
        assert!(passes(100_000, 6, 25_000) && !passes(100_000, 6, 25_200));
        assert!(passes(100, 6, 4_990) && !passes(100, 6, 5_010));
    }

    #[test]
    fn a_closed_loop_has_no_lateness() {
        let mut fixture = Fixture::new();
        assert!(lateness(&fixture.run()).is_none());
        fixture.open_loop(50_000.0);
        assert!(lateness(&fixture.run()).is_some());
    }

    #[test]
    fn lateness_names_its_cause() {
        let cause = |busy, waiting| {
            let fixture = open_loop(|f| {
                f.send_late(51, 900_000);
                f.measured.generator.thread_busy_ratios = vec![0.1, busy];
                f.measured.generator.thread_wait_ratios = vec![waiting, 0.1];
            });
            hint(&fixture, "generator sent on time")
        };
        assert!(cause(0.81, 0.5).contains("krush itself was the limit, with a thread at 81 %"));
        assert!(cause(0.8, 0.21).contains("waited for a CPU for 21 %"));
        assert!(cause(0.8, 0.2).contains("paused"));
    }

    /// Half of 100 requests unsent, the others answered after these µs; by 4 connections.
    fn starved(service_us: fn(u64) -> u64) -> Fixture {
        open_loop(|f| {
            f.plan.load.concurrency = 4;
            let answer = |index| Exchange {
                done_us: 50 + service_us(index),
                ..answered(index)
            };
            f.record((0..50).map(answer));
            f.starve(49, 1_200_000);
        })
    }

    #[test]
    fn a_rate_that_was_not_reached_says_what_limited_it() {
        type Service = fn(u64) -> u64;
        type Change = fn(&mut Fixture);
        let cases: [(&str, Service, Change); 8] = [
            ("connections", |_| 150_000, |_| {}),
            (
                "peak",
                |_| 150_000,
                |f| f.measured.timeline = seconds(&[(80_000, 10), (20_000, 10)]),
            ),
            ("slower", |i| if i == 0 { 10_000 } else { 150_000 }, |_| {}),
            ("stall", |_| 50_000, |_| {}),
            (
                "no answer",
                |_| 1,
                |f| f.measured.targets[0].service_time.clear(),
            ),
            (
                "busy",
                |_| 150_000,
                |f| f.measured.generator.thread_busy_ratios = vec![0.9],
            ),
            (
                "crowded",
                |_| 150_000,
                |f| f.measured.generator.thread_wait_ratios = vec![0.3],
            ),
            ("gone", |_| 150_000, |f| f.measured.end = End::TargetGone),
        ];
        let given = |(name, service_us, change): (&str, Service, Change)| {
            let mut fixture = starved(service_us);
            change(&mut fixture);
            format!("{name}: {}", hint(&fixture, "offered rate reached"))
        };
        insta::assert_snapshot!(cases.map(given).join("\n"), @r"
        connections: 49 of 50 requests waited for a free connection (4 in all), up to 1.20 s, and 50 more were never sent: by Little's law it takes at least 8 connections if answers go on taking 150 ms on average; raise --concurrency above that, or lower --rate
        peak: 49 of 50 requests waited for a free connection (4 in all), up to 1.20 s, and 50 more were never sent: by Little's law it takes at least 12 connections if answers go on taking 150 ms on average; raise --concurrency above that, or lower --rate
        slower: 49 of 50 requests waited for a free connection (4 in all), up to 1.20 s, and 50 more were never sent: the target reached only 25 requests/s and it answers slower under load (half of the requests took 150 ms or more, the fastest 10.0 ms): more connections would only queue; lower --rate
        stall: 49 of 50 requests waited for a free connection (4 in all), up to 1.20 s, and 50 more were never sent: the connections would do at the mean service time of 50.0 ms, so the target stood still for a while; look at its log, or lower --rate
        no answer: 49 of 50 requests waited for a free connection (4 in all), up to 1.20 s, and 50 more were never sent: no answer came to free one; look at the target's log
        busy: krush itself was the limit, with a thread at 90 % of a CPU: raise --threads if cores are free, lower --rate, or run krush on another machine
        crowded: krush's threads waited for a CPU for 30 % of the time: other programs, or the target itself, run on the same cores; run krush on another machine, or lower --threads or --rate
        gone: the target was gone before the load ended: look at its log
        ");
    }

    #[test]
    fn a_target_that_stood_still_is_named_before_cpu_and_connections() {
        // 50,000 rec/s for 2 s: half of it in a second without an answer, answered in the drain.
        let standing = |service_us: u64, silent_due: u64| {
            let mut fixture = starved(|_| 1);
            fixture.record((0..50).map(|index| Exchange {
                done_us: 50 + service_us,
                ..answered(index)
            }));
            fixture.measured.timeline = seconds(&[(100_000 - silent_due, 10), (silent_due, 10)]);
            fixture.measured.timeline[1].requests = 0;
            fixture.measured.generator.thread_wait_ratios = vec![0.3];
            hint(&fixture, "offered rate reached")
        };
        assert_eq!(
            standing(20_000, 50_000),
            "the target stood still: in 1 second of the 2 s of load it answered nothing, and half of the others took 20.0 ms at \
             most; look at its log"
        );
        assert!(
            standing(20_000, 25_000).contains("stood still"),
            "half of what was missed"
        );
        assert!(
            standing(20_000, 24_000).contains("for a CPU"),
            "less than half of it"
        );
        assert!(
            standing(300_000, 50_000).contains("for a CPU"),
            "a slow target"
        );
    }

    #[test]
    fn one_late_request_of_few_does_not_void_a_run() {
        let passes = |scheduled| {
            let fixture = open_loop(|f| {
                f.send_late(6, 900_000);
                f.measured.scheduled.requests = scheduled;
            });
            lateness(&fixture.run()).is_some_and(|check| check.passed)
        };
        assert!(passes(39) && !passes(40));
    }

    #[test]
    fn a_target_is_slower_under_load_from_three_times_its_fastest_answer() {
        let slower = |fastest_us: u64, median_us: u64| {
            let fixture = open_loop(|f| {
                let answer = |index| Exchange {
                    done_us: 50 + if index == 0 { fastest_us } else { median_us },
                    ..answered(index)
                };
                f.record((0..100).map(answer));
            });
            slowed(&fixture.run()).is_some()
        };
        assert!(!slower(1_000, 2_998) && slower(1_000, 3_010));
        assert!(!slower(37, 600) && slower(37, 601), "of 200 µs");
    }

    #[test]
    fn lateness_is_named_before_connections() {
        let mut fixture = starved(|_| 1_000);
        fixture.send_late(51, 900_000);
        assert!(hint(&fixture, "offered rate reached").contains("krush was late"));
    }

    #[test]
    fn an_interrupted_run_is_not_blamed_for_the_rate_it_could_not_reach() {
        let mut fixture = open_loop(|f| f.never_sent(50));
        assert_eq!(failed(&fixture), ["offered rate reached"]);
        fixture.measured.end = End::Interrupted;
        assert_eq!(failed(&fixture), Vec::<String>::new());
    }

    #[test]
    fn what_weakens_an_open_loop_is_told() {
        type Change = fn(&mut Fixture);
        let cases: [(&str, Change); 6] = [
            ("few connections", |f| {
                f.plan.load.concurrency = 4;
                f.starve(20, 3_000);
            }),
            ("stall", |f| f.starve(20, 3_000)),
            ("slower", |f| {
                let slow = |i| Exchange {
                    done_us: if i == 0 { 10_000 } else { 180_000 },
                    ..answered(i)
                };
                f.record((0..100).map(slow));
                f.starve(20, 3_000);
            }),
            ("late", |f| f.send_late(2, 900_000)),
            ("late and busy", |f| {
                f.send_late(2, 900_000);
                f.measured.generator.thread_busy_ratios = vec![0.9];
            }),
            ("crowded", |f| {
                f.measured.generator.thread_wait_ratios = vec![0.21];
            }),
        ];
        let given = |(name, change): (&str, Change)| {
            let fixture = open_loop(change);
            let run = fixture.run();
            let lines = [waited_for_connections, sometimes_late, crowded].map(|of| of(&run));
            let lines: Vec<String> = lines.into_iter().flatten().collect();
            assert!(lines.iter().all(|line| warnings(&run).contains(line)));
            format!("{name}: {}", lines.join(" | "))
        };
        insta::assert_snapshot!(cases.map(given).join("\n"), @r"
        few connections: 20 of 100 requests waited for a free connection (4 in all), up to 3.00 ms: the latency includes it. By Little's law --concurrency 10 would have one free for 99 of 100.
        stall: 20 of 100 requests waited for a free connection (500 in all), up to 3.00 ms: the latency includes it. The connections would do for 99 of 100: for a while answers came late, or connections were lost.
        slower: 20 of 100 requests waited for a free connection (500 in all), up to 3.00 ms: the latency includes it. The target did not keep up at all times: it answers slower under load (half of the requests took 180 ms or more, the fastest 9.94 ms).
        late: 1 of 100 requests was sent 900 ms late or more by krush itself, which its latency includes: a shared or paused machine does that; try another one.
        late and busy: 1 of 100 requests was sent 900 ms late or more by krush itself, which its latency includes: krush itself was the limit, with a thread at 90 % of a CPU: raise --threads if cores are free, lower --rate, or run krush on another machine.
        crowded: an engine thread was ready to run but waited for a CPU for 21 % of the time: other programs, or the target itself, run on the same cores, and the latency includes it. Try another machine, or fewer --threads.
        ");
    }

    #[test]
    fn warnings_begin_where_they_are_said_to() {
        let starved = |requests| {
            let fixture = open_loop(|f| f.starve(requests, 3_000));
            waited_for_connections(&fixture.run()).is_some()
        };
        // Of 100.
        assert!(!starved(1) && starved(2));
        let waiting = |ratio, elapsed_ms| {
            let mut fixture = Fixture::new();
            fixture.measured.generator.thread_wait_ratios = vec![ratio];
            fixture.measured.elapsed = Duration::from_millis(elapsed_ms);
            crowded(&fixture.run()).is_some()
        };
        assert!(!waiting(0.2, 1_000) && waiting(0.21, 1_000) && !waiting(0.21, 999));
        let late = |late_us| {
            let fixture = open_loop(|f| f.send_late(2, late_us));
            sometimes_late(&fixture.run()).is_some()
        };
        // A quarter of the P99 latency, 199.039 ms.
        assert!(!late(49_700) && late(49_850));
        let mut lost = open_loop(|f| f.never_sent(50));
        lost.starve(20, 3_000);
        assert_eq!(
            waited_for_connections(&lost.run()),
            None,
            "the check says it"
        );
    }
}
