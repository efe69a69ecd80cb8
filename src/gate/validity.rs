//! Whether a run proves anything: the checks that come before every threshold.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Run, generator};
use crate::measure::Counts;
use crate::plan::Metric;
use crate::units;

/// How far the two sides of Little's law may be apart: a share of them, and requests.
const IN_FLIGHT_RATIO: f64 = 0.02;
const IN_FLIGHT_REQUESTS: f64 = 0.05;
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
    let mut checks = vec![ledger(run), littles_law(run), something_sent(run)];
    checks.extend(generator::offered_rate(run));
    checks.push(generator::headroom(run));
    checks.extend(generator::lateness(run));
    checks.extend(samples(run));
    checks.push(clock(run));
    Validity {
        void: checks.iter().any(|check| !check.passed),
        checks,
    }
}

pub(super) fn named(name: &str, passed: bool, saw: String, wanted: &str, hint: &str) -> Check {
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

/// Two counts of the same: one over time, one from each request's own times. They agree unless one of them is wrong.
fn littles_law(run: &Run) -> Check {
    let over_time = run.measured.mean_in_flight();
    let by_requests = run.measured.mean_in_flight_by_little();
    let apart = (over_time - by_requests).abs();
    named(
        "Little's law holds",
        apart <= over_time.max(by_requests) * IN_FLIGHT_RATIO + IN_FLIGHT_REQUESTS,
        format!(
            "{over_time:.2} requests in flight on average, {by_requests:.2} by requests per second × time in flight"
        ),
        "the same to 2 % and 0.05 requests",
        "this is a bug in krush: please report it with the JSON report",
    )
}

/// One check for each percentile that a threshold asks for.
fn samples(run: &Run) -> Vec<Check> {
    let seen = run.latency.samples();
    let mut asked: Vec<f64> = Vec::new();
    for threshold in &run.plan.thresholds {
        if let Metric::Latency(percentile)
        | Metric::ServiceTime(percentile)
        | Metric::SendDelay(percentile) = threshold.metric
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
        assert_eq!(validity.checks.len(), 8);
    }

    #[test]
    fn the_page_has_a_row_for_every_check() {
        let page = include_str!("../../docs/methodology.md");
        let table = page.split("| check | held if | why |").nth(1).unwrap();
        let rows = table.trim_start().lines().skip(1);
        let rows = rows.map_while(|row| row.strip_prefix("| ")?.split(" |").next());
        let mut said: Vec<&str> = rows
            .map(|name| name.trim_end_matches(" (open loop)"))
            .collect();
        let mut fixture = Fixture::new();
        fixture.open_loop(50_000.0);
        fixture.plan.thresholds = vec![threshold("p95 > 2s", 95.0, 2e6)];
        let checks = check(&fixture.run()).checks;
        let mut made: Vec<&str> = checks
            .iter()
            .map(|check| check.name.trim_end_matches(" for P95"))
            .collect();
        said.sort_unstable();
        made.sort_unstable();
        assert_eq!(said, made);
    }

    #[test]
    fn each_fault_fails_its_own_check() {
        type Change = fn(&mut Fixture);
        let cases: [(&str, Change); 9] = [
            ("ledger balances", |f| {
                f.measured.targets[0].ledger.records.acked -= 1;
            }),
            ("ledger balances", |f| {
                f.measured.targets[0].ledger.requests.complete -= 1;
            }),
            ("ledger balances", |f| f.measured.unsent.records += 1),
            ("ledger balances", |f| f.measured.scheduled.requests += 1),
            ("clock did not jump", |f| {
                f.measured.generator.clock_skew = Duration::from_millis(501);
            }),
            ("enough samples for P99", |f| {
                f.plan.thresholds = vec![threshold("p99 > 2s", 99.0, 2e6)];
            }),
            ("Little's law holds", |f| {
                f.measured.generator.in_flight_us = f.measured.generator.in_flight_us * 96 / 100;
            }),
            ("Little's law holds", |f| {
                f.measured.targets[0].in_flight_us = f.measured.targets[0].in_flight_us * 104 / 100;
            }),
            ("something was sent", |f| f.nothing_sent()),
        ];
        for (name, change) in cases {
            let mut fixture = Fixture::new();
            change(&mut fixture);
            assert_eq!(failed(&fixture), [name]);
        }
    }

    #[test]
    fn the_two_sides_of_littles_law_may_be_two_percent_and_a_little_apart() {
        let holds = |over_time_us: u64| {
            let mut fixture = Fixture::new();
            // By its requests: 15.045 s in flight in 2.05 s, 7.339 on average.
            assert_eq!(fixture.measured.targets[0].in_flight_us, 15_045_000);
            fixture.measured.generator.in_flight_us = over_time_us;
            failed(&fixture).is_empty()
        };
        assert!(holds(15_045_000));
        // 0.02 * 15.045 s + 0.05 * 2.05 s below, or 0.02 of the larger above.
        assert!(holds(14_641_700) && !holds(14_641_500));
        assert!(holds(15_456_500) && !holds(15_456_700));
    }

    #[test]
    fn requests_that_are_counted_but_never_end_break_littles_law() {
        let mut fixture = Fixture::new();
        fixture.measured.targets[0].ledger.requests.complete -= 10;
        assert_eq!(failed(&fixture), ["ledger balances", "Little's law holds"]);
    }

    #[test]
    fn limits_are_where_they_are_said_to_be() {
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
}
