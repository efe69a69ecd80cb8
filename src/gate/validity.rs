//! Whether a run proves anything: the checks that come before every threshold.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Run;
use crate::measure::{Counts, End};
use crate::plan::Metric;
use crate::units;

/// Share of the offered requests that must be sent in time in an open loop.
const OFFERED: f64 = 0.99;
/// Sending may end this much after the schedule's end: timers and the last batch.
const LATE_SLACK: Duration = Duration::from_millis(100);
/// An engine thread this busy has no headroom: what was measured is the generator.
const SATURATED: f64 = 0.95;
/// An engine thread this busy explains a send delay.
const BUSY: f64 = 0.8;
/// Below this, CPU accounting is too coarse to tell how busy a thread was.
const TELLING: Duration = Duration::from_secs(1);
/// Samples that must lie beyond a percentile that is held against a threshold.
const BEYOND: f64 = 2.0;

/// Whether the run proves anything.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Validity {
    /// A check failed: the figures prove nothing, whatever they are.
    pub void: bool,
    /// Every check that was made.
    pub checks: Vec<Check>,
}

/// One check of validity.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Check {
    /// What was checked.
    pub name: String,
    /// It held.
    pub passed: bool,
    /// What was seen.
    pub saw: String,
    /// What should have been seen.
    pub wanted: String,
    /// What to change if it failed.
    pub hint: String,
}

/// Makes every check that applies to the run.
pub fn check(run: &Run) -> Validity {
    let mut checks = vec![ledger(run), something_sent(run)];
    checks.extend(offered_rate(run));
    checks.push(generator_headroom(run));
    checks.extend(generator_lateness(run));
    checks.extend(samples(run));
    checks.push(clock(run));
    Validity {
        void: checks.iter().any(|check| !check.passed),
        checks,
    }
}

fn named(name: &str, passed: bool, saw: String, wanted: &str, hint: &str) -> Check {
    Check {
        name: name.to_owned(),
        passed,
        saw,
        wanted: wanted.to_owned(),
        hint: hint.to_owned(),
    }
}

fn ledger(run: &Run) -> Check {
    let total = &run.total.ledger;
    let Counts { requests, records } = run.measured.scheduled;
    let unsent = run.measured.unsent;
    let (q, r) = (&total.requests, &total.records);
    let balanced = requests == q.sent + unsent.requests
        && records == r.sent + unsent.records
        && run
            .measured
            .targets
            .iter()
            .all(|target| target.ledger.balances());
    let saw = if balanced {
        "balanced".to_owned()
    } else {
        format!(
            "requests: scheduled {requests}, sent {}, unsent {}, complete {}, partial {}, rejected {}, unknown {}; \
             records: scheduled {records}, sent {}, unsent {}, acked {}, rejected {}, unknown {}",
            q.sent,
            unsent.requests,
            q.complete,
            q.partial,
            q.rejected,
            q.unknown,
            r.sent,
            unsent.records,
            r.acked,
            r.rejected,
            r.unknown
        )
    };
    named(
        "ledger balances",
        balanced,
        saw,
        "scheduled = sent + unsent, and every request and record sent ends in exactly one place",
        "this is a bug in krush: please report it with the JSON report",
    )
}

/// `hint`, unless the user ended the run: who does needs no advice on its length.
fn longer<'a>(run: &Run, hint: &'a str) -> &'a str {
    if run.interrupted() {
        "the run was interrupted: let it run to its end"
    } else {
        hint
    }
}

fn something_sent(run: &Run) -> Check {
    let sent = run.total.ledger.requests.sent;
    named(
        "something was sent",
        sent > 0,
        units::counted(sent, "request", "requests"),
        "at least 1 request",
        longer(
            run,
            "raise --duration, or check that the target takes connections",
        ),
    )
}

/// Sent in time over scheduled. In a run by count everything is sent in the end, so the end of sending counts too.
fn offered_rate(run: &Run) -> Option<Check> {
    let planned = run.measured.planned?;
    let scheduled = run.measured.scheduled;
    if run.interrupted() || scheduled.requests == 0 {
        return None;
    }
    let sent = run.total.ledger.requests.sent as f64 / scheduled.requests as f64;
    let planned_secs = planned.as_secs_f64();
    let late_secs = run.measured.window.map_or(0.0, |window| {
        // The last request was written no earlier than this; the estimate favours the run.
        let slowest = run.summary.service_time_us.max.unwrap_or(0);
        let sending = window.saturating_sub(Duration::from_micros(slowest) + LATE_SLACK);
        (sending.as_secs_f64() - planned_secs).max(0.0)
    });
    let in_time = sent.min(planned_secs / (planned_secs + late_secs));
    Some(named(
        "offered rate reached",
        in_time >= OFFERED,
        format!(
            "{} of {} sent in time",
            units::percent(in_time),
            units::counted(scheduled.records, "record", "records")
        ),
        "at least 99 %",
        if run.measured.end == End::TargetGone {
            "the target was gone before the load ended: look at its log"
        } else {
            "the connections were all waiting for answers: lower --rate or raise --concurrency"
        },
    ))
}

fn busiest(run: &Run) -> Option<f64> {
    let ratios = &run.measured.generator.thread_busy_ratios;
    ratios.iter().copied().reduce(f64::max)
}

fn generator_headroom(run: &Run) -> Check {
    let (passed, saw) = match busiest(run) {
        None => (true, "this system does not tell".to_owned()),
        Some(_) if run.measured.elapsed < TELLING => (
            true,
            format!(
                "too short to tell: measured for {}",
                units::latency(run.measured.elapsed.as_micros() as u64)
            ),
        ),
        Some(busy) => (
            busy < SATURATED,
            format!("busiest engine thread {:.0} % of a CPU", busy * 100.0),
        ),
    };
    named(
        "generator was not the bottleneck",
        passed,
        saw,
        "every engine thread below 95 % of a CPU",
        "raise --threads, use fewer connections, or run krush on another machine",
    )
}

fn generator_lateness(run: &Run) -> Option<Check> {
    run.measured.planned?;
    let delay = run.summary.send_delay_us.p50?;
    let service = run.summary.service_time_us.p50.unwrap_or(0);
    let busy = busiest(run).unwrap_or(0.0);
    let limit = (service / 10).max(1_000);
    Some(named(
        "generator sent on time",
        delay <= limit || busy <= BUSY,
        format!(
            "P50 send delay {}, busiest engine thread {:.0} % of a CPU",
            units::latency(delay),
            busy * 100.0
        ),
        &format!(
            "P50 send delay of at most {} if a thread is busier than 80 %",
            units::latency(limit)
        ),
        "raise --threads, lower --rate, or run krush on another machine",
    ))
}

/// One check for each percentile that a threshold asks for.
fn samples(run: &Run) -> Vec<Check> {
    let seen = run.latency.samples();
    let mut asked: Vec<f64> = Vec::new();
    for threshold in &run.plan.thresholds {
        if let Metric::Latency(percentile) = threshold.metric
            && !asked.contains(&percentile)
        {
            asked.push(percentile);
        }
    }
    let one = |percentile: f64| {
        // The margin keeps 2 / 5 % at 40 in floating point.
        let needed = (BEYOND * 100.0 / (100.0 - percentile) - 1e-6).ceil() as u64;
        named(
            &format!("enough samples for P{percentile}"),
            seen >= needed,
            units::counted(seen, "request", "requests"),
            &format!(
                "at least {} requests, so that 2 lie beyond it",
                units::grouped(needed)
            ),
            longer(run, "raise --messages or --duration, or lower --batch-size"),
        )
    };
    asked.into_iter().map(one).collect()
}

fn clock(run: &Run) -> Check {
    let skew = run.measured.generator.clock_skew;
    let limit = Duration::from_millis(500).max(run.measured.elapsed / 100);
    let text = |duration: Duration| units::latency(duration.as_micros() as u64);
    named(
        "clock did not jump",
        skew <= limit,
        format!("wall clock and monotonic clock {} apart", text(skew)),
        &format!("at most {}", text(limit)),
        "the machine slept or its clock was set during the run: repeat it",
    )
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{Fixture, threshold};
    use super::*;

    /// Names of the checks that failed.
    fn failed(fixture: &Fixture) -> Vec<String> {
        let validity = check(&fixture.run());
        let failed: Vec<String> = validity
            .checks
            .into_iter()
            .filter(|check| !check.passed)
            .map(|check| check.name)
            .collect();
        assert_eq!(validity.void, !failed.is_empty());
        failed
    }

    #[test]
    fn a_good_run_passes_every_check() {
        let mut fixture = Fixture::new();
        fixture.open_loop(50_000.0);
        fixture.plan.thresholds = vec![threshold("p95 > 2s", 95.0, 2e6)];
        let validity = check(&fixture.run());
        assert_eq!(failed(&fixture), Vec::<String>::new());
        assert_eq!(validity.checks.len(), 7);
    }

    #[test]
    fn each_fault_fails_its_own_check() {
        type Change = fn(&mut Fixture);
        let open_loop: Change = |f| f.open_loop(50_000.0);
        let cases: [(&str, Change); 11] = [
            ("ledger balances", |f| {
                f.measured.targets[0].ledger.records.acked -= 1;
            }),
            ("ledger balances", |f| {
                f.measured.targets[0].ledger.requests.complete -= 1;
            }),
            ("ledger balances", |f| f.measured.unsent.records += 1),
            ("ledger balances", |f| f.measured.scheduled.requests += 1),
            ("generator was not the bottleneck", |f| {
                f.measured.generator.thread_busy_ratios = vec![0.2, 0.95];
            }),
            ("clock did not jump", |f| {
                f.measured.generator.clock_skew = Duration::from_millis(501);
            }),
            ("enough samples for P99", |f| {
                f.plan.thresholds = vec![threshold("p99 > 2s", 99.0, 2e6)];
            }),
            ("offered rate reached", |f| {
                f.open_loop(50_000.0);
                f.never_sent(2);
            }),
            ("offered rate reached", |f| {
                // All sent, but at half the pace.
                f.open_loop(50_000.0);
                f.measured.window = Some(Duration::from_secs(4));
            }),
            ("generator sent on time", |f| {
                f.open_loop(50_000.0);
                f.measured.generator.thread_busy_ratios = vec![0.9];
                f.delay_sending(900_000);
            }),
            ("something was sent", |f| f.nothing_sent()),
        ];
        for (name, change) in cases {
            let mut fixture = Fixture::new();
            change(&mut fixture);
            assert_eq!(failed(&fixture), [name]);
        }
        let mut fixture = Fixture::new();
        open_loop(&mut fixture);
        assert_eq!(failed(&fixture), Vec::<String>::new());
    }

    #[test]
    fn limits_are_where_they_are_said_to_be() {
        let busy = |ratio, elapsed_ms| {
            let mut fixture = Fixture::new();
            fixture.measured.generator.thread_busy_ratios = vec![ratio];
            fixture.measured.elapsed = Duration::from_millis(elapsed_ms);
            failed(&fixture).is_empty()
        };
        assert!(busy(0.949, 1_000));
        assert!(!busy(0.95, 1_000));
        assert!(busy(1.0, 999), "too short to tell");
        let percentile = |percentile| {
            let mut fixture = Fixture::new();
            fixture.plan.thresholds = vec![threshold("p > 1s", percentile, 1e6)];
            let validity = check(&fixture.run());
            let check = validity
                .checks
                .into_iter()
                .find(|c| c.name.contains("samples"));
            check.map(|c| (c.passed, c.wanted)).unwrap()
        };
        let wanted = |n: &str| format!("at least {n} requests, so that 2 lie beyond it");
        // The fixture has 100 requests.
        assert_eq!(percentile(95.0), (true, wanted("40")));
        assert_eq!(percentile(98.0), (true, wanted("100")));
        assert_eq!(percentile(99.0), (false, wanted("200")));
        assert_eq!(percentile(99.9), (false, wanted("2,000")));
    }

    #[test]
    fn a_target_that_is_gone_is_not_met_with_advice_on_the_rate() {
        let mut fixture = Fixture::new();
        fixture.open_loop(50_000.0);
        fixture.never_sent(50);
        let hint = |fixture: &Fixture| {
            let checks = check(&fixture.run()).checks;
            let offered = checks
                .into_iter()
                .find(|check| check.name.starts_with("offered"));
            offered.expect("an open loop").hint
        };
        assert!(hint(&fixture).contains("lower --rate"));
        fixture.measured.end = End::TargetGone;
        assert!(!hint(&fixture).contains("--"));
    }

    #[test]
    fn an_interrupted_run_is_not_blamed_for_the_rate_it_could_not_reach() {
        let mut fixture = Fixture::new();
        fixture.open_loop(50_000.0);
        fixture.never_sent(50);
        assert_eq!(failed(&fixture), ["offered rate reached"]);
        fixture.measured.end = End::Interrupted;
        assert_eq!(failed(&fixture), Vec::<String>::new());
    }
}
