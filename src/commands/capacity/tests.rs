//! The search against a simulated target, the reading of overload, and the words for both.

use super::overload::{Overload, read};
use super::search::*;
use super::show::{Sized, overload_words};
use super::*;
use crate::commands::trials::{Target, Verdict};
use crate::gate::Outcome;
use crate::gate::fixture::{Fixture, answered};
use crate::measure::Exchange;
use crate::report::{SecondLatency, SecondRow};

const SLO: Slo = Slo {
    percentile: 95.0,
    limit_us: 500_000,
    min_success: 0.999,
};

fn range() -> Range {
    Range {
        start: 1_000.0,
        most: f64::INFINITY,
        least: 1_000.0 * LOWEST,
        precision: 0.05,
    }
}

/// A run at a rate that the target holds, or not.
fn look(rate: f64, holds: bool) -> Look {
    let mean_us = if holds { 20_000.0 } else { 900_000.0 };
    Look {
        connections: 50,
        requests: 1_000,
        elapsed_secs: 5.0,
        records_per_sec: if holds { rate } else { rate * 0.8 },
        requests_per_sec: rate / 100.0,
        p95_us: Some(if holds { 40_000 } else { 1_200_000 }),
        mean_us,
        in_flight: if holds { 4.0 } else { 50.0 },
        longest_us: if holds { 50_000 } else { 1_400_000 },
        paused_ratio: 0.0,
        success_ratio: 1.0,
        void: None,
        judged_us: Some(if holds { 40_000 } else { 1_200_000 }),
        slow: None,
    }
}

/// Offers to a target that holds every rate up to `capacity`.
fn target(capacity: f64) -> impl FnMut(f64, Purpose) -> Result<Option<(Look, Held)>> {
    move |rate, _| {
        let holds = rate <= capacity;
        let held = if holds {
            Held::Yes
        } else {
            Held::No("P95 1.20 s".to_owned())
        };
        Ok(Some((look(rate, holds), held)))
    }
}

fn searched(range: Range, offer: &mut Offer<'_>) -> (Vec<Step>, Ended) {
    let mut steps = Vec::new();
    let ended = search(range, &mut steps, offer).expect("no step fails");
    (steps, ended)
}

fn sized((steps, ended): (Vec<Step>, Ended)) -> Sized {
    Sized::new(steps, &ended, After::None, SLO, Target::example())
}

#[test]
fn the_highest_rate_that_holds_is_found_within_the_precision() {
    for capacity in [
        70.0,
        999.0,
        1_000.0,
        1_500.0,
        12_345.0,
        218_000.0,
        3_000_000.0,
    ] {
        let (steps, ended) = searched(range(), &mut target(capacity));
        let Ended::Found(rate) = ended else {
            panic!("{capacity}: {ended:?}");
        };
        assert!(
            rate <= capacity && rate >= capacity / 1.06,
            "{capacity}: {rate}"
        );
        let confirmed = steps
            .iter()
            .rev()
            .take_while(|step| step.purpose == Purpose::Confirm);
        assert_eq!(confirmed.count(), 2);
        assert!(steps.len() <= 24, "{capacity}: {} steps", steps.len());
    }
}

#[test]
fn a_rate_that_holds_only_once_is_lowered() {
    let mut offered = 0;
    let (steps, ended) = searched(range(), &mut |rate, purpose| {
        offered += 1;
        let limit = if purpose == Purpose::Confirm {
            9_000.0
        } else {
            10_000.0
        };
        target(limit)(rate, purpose)
    });
    let Ended::Found(rate) = ended else {
        panic!("{ended:?}");
    };
    assert!((8_000.0..=9_000.0).contains(&rate), "{rate}");
    assert_eq!(steps.len(), offered);
}

#[test]
fn every_end_has_its_exit_code_and_its_words() {
    let capped = Range {
        most: 3_000.0,
        ..range()
    };
    let generator = |rate: f64, purpose| {
        if rate > 3_000.0 {
            let why = "generator was not the bottleneck: 1.9 of 2 threads busy".to_owned();
            return Ok(Some((look(rate, true), Held::Void(why))));
        }
        target(1e9)(rate, purpose)
    };
    let mut offered = 0;
    let stopped = |rate, purpose| {
        offered += 1;
        if offered > 2 {
            Ok(None)
        } else {
            target(1e9)(rate, purpose)
        }
    };
    let ends = [
        searched(range(), &mut target(12_345.0)),
        searched(capped, &mut target(1e9)),
        searched(range(), &mut target(1.0)),
        searched(range(), &mut { generator }),
        searched(range(), &mut { stopped }),
    ];
    let verdicts = ends.map(|ended| sized(ended).verdict);
    let outcomes = verdicts.each_ref().map(|verdict| verdict.outcome);
    assert_eq!(
        outcomes,
        [
            Outcome::Pass,
            Outcome::Pass,
            Outcome::Threshold,
            Outcome::Void,
            Outcome::Interrupted
        ]
    );
    let text: String = verdicts.iter().map(Verdict::text).collect();
    insta::assert_snapshot!(text, @"
    PASS  capacity 12,338 records/s (P95 up to 500 ms, success at least 99.9 %),
      confirmed twice; 12,884 records/s missed
    PASS  3,000 records/s hold (P95 up to 500 ms, success at least 99.9 %),
      confirmed twice, and are the most that may be tried: capacity is at least that
    FAIL  even the lowest rate missed (P95 up to 500 ms, success at least 99.9 %):
      15.6 records/s had P95 1.20 s
    VOID  the generator, not the target, is the limit at 4,000 records/s (generator
      was not the bottleneck: 1.9 of 2 threads busy); 2,000 records/s held
    INTERRUPTED  interrupted; 2,000 records/s held, not confirmed
    ");
}

#[test]
fn steps_are_a_table_and_busy_connections_are_named() {
    insta::assert_snapshot!(sized(searched(range(), &mut target(3_000.0))).text(&[]), @"
    step           offered/s  acked/s      P95  success  in flight
       1  bracket      1,000    1,000  40.0 ms    100 %          4  holds
       2  bracket      2,000    2,000  40.0 ms    100 %          4  holds
       3  bracket      4,000    3,200   1.20 s    100 %         50  misses
       4  nearer       2,828    2,828  40.0 ms    100 %          4  holds
       5  nearer       3,364    2,691   1.20 s    100 %         50  misses
       6  nearer       3,084    2,468   1.20 s    100 %         50  misses
       7  nearer       2,954    2,954  40.0 ms    100 %          4  holds
       8  confirm      2,954    2,954  40.0 ms    100 %          4  holds
       9  confirm      2,954    2,954  40.0 ms    100 %          4  holds

    PASS  capacity 2,954 records/s (P95 up to 500 ms, success at least 99.9 %),
      confirmed twice; 3,084 records/s missed
    ");
    let (mut steps, ended) = searched(range(), &mut target(3_000.0));
    for step in &mut steps {
        step.look.mean_us = 20_000.0;
    }
    let text = sized((steps, ended)).text(&[]);
    assert!(text.contains("the connections were the limit"), "{text}");
}

fn row(second: u64, acked: u64, p95_ms: u64) -> SecondRow {
    SecondRow {
        second,
        records_due: acked,
        records_sent: acked,
        records_acked: acked,
        requests_due: acked,
        requests_sent: acked,
        requests: acked,
        latency_us: SecondLatency {
            p50: Some(1),
            p95: Some(p95_ms * 1_000),
            max: Some(p95_ms * 1_000),
            lower_bounds: Vec::new(),
            buckets: format!("{} 10", p95_ms * 1_000),
            bound_buckets: String::new(),
        },
        failures: 0,
    }
}

/// Three seconds at 1,000, four at 2,000 of which `goodput` is acked, eight at 500 of which the first `sick` are late.
fn overload(goodput: u64, sick: u64) -> Overload {
    let before = (0..3).map(|second| row(second, 1_000, 20));
    let over = (3..7).map(|second| row(second, goodput, 2_000));
    let after = (7..15).map(|second| {
        let late = second < 7 + sick;
        row(
            second,
            if late { goodput } else { 499 },
            if late { 3_000 } else { 20 },
        )
    });
    let rows: Vec<SecondRow> = before.chain(over).chain(after).collect();
    let stages = Stages {
        before: 3,
        over: 4,
        after: 8,
        over_rate: 2_000.0,
        after_rate: 500.0,
    };
    read(&rows, 1, stages, SLO)
}

#[test]
fn collapse_and_recovery_are_read_from_the_timeline() {
    for (goodput, sick, collapsed, recovery) in [
        (1_000, 0, false, Some(0)),
        (1_000, 5, false, Some(5)),
        (810, 7, false, Some(7)),
        (790, 2, true, Some(2)),
        (100, 8, true, None),
    ] {
        let seen = overload(goodput, sick);
        assert_eq!(
            (seen.collapsed, seen.recovery_secs),
            (collapsed, recovery),
            "{goodput}, {sick}"
        );
    }
    let said = [(1_000, 5), (100, 8), (2_000, 0)];
    let said = said.map(|(goodput, sick)| overload_words(&overload(goodput, sick), SLO));
    insta::assert_snapshot!(said.join("\n"), @"
    Overload: 2,000 rec/s offered, 1,000 acked, 100 % of the 1,000 before it: goodput did not collapse (a collapse is less than 80 %). Back at 500 rec/s everything held again (P95 up to 500 ms, success at least 99.9 %) after 5 s (a queue alone takes 8 s to empty at the pace of the overload).
    Overload: 2,000 rec/s offered, 100 acked, 10 % of the 1,000 before it: goodput COLLAPSED (below 80 %: more than the noise of equal runs). Limit what comes in before the target does. Back at 500 rec/s it did NOT recover (P95 up to 500 ms, success at least 99.9 %) within 8 s (a queue alone would never empty at the pace of the overload).
    Overload: 2,000 rec/s offered, 2,000 acked, 200 % of the 1,000 before it: goodput did not collapse (a collapse is less than 80 %). Back at 500 rec/s everything held at once (P95 up to 500 ms, success at least 99.9 %).
    ");
}

#[test]
fn a_queue_that_grows_is_seen_after_the_first_second() {
    // Of requests of 10 records so many of each second are answered, and so many records acked.
    let grows = |due: u64, answered: u64, acked: u64, secs: u64| {
        let rows: Vec<SecondRow> = (0..secs + 2)
            .map(|second| SecondRow {
                records_due: due,
                requests: if second == 0 { 0 } else { answered },
                ..row(second, if second == 0 { 0 } else { acked }, 20)
            })
            .collect();
        queue_grows(&rows, secs, 10)
    };
    assert_eq!(grows(1_000, 100, 1_000, 5), None);
    assert_eq!(grows(1_000, 98, 980, 5), None);
    let why = grows(2_709, 197, 1_969, 5).expect("it grows");
    assert_eq!(why, "the queue grows, 1,970 of 2,709 rec/s answered");
    // What is refused waits nowhere.
    assert_eq!(grows(1_000, 100, 200, 5), None);
    assert!(grows(1_000, 90, 200, 5).is_some());
    // A step of a second has nothing after it.
    assert_eq!(grows(1_000, 0, 0, 1), None);
}

#[test]
fn records_that_fail_at_any_rate_are_no_overload() {
    // 8 % of all records are refused, before the overload, under it and after it; it answers 1,000 a second at most.
    let of = |second: u64, due: u64, p95_ms: u64| {
        let answered = due.min(1_000);
        let mut row = row(second, answered, p95_ms);
        row.records_acked = answered * 92 / 100;
        row.records_due = due;
        row
    };
    let rows: Vec<SecondRow> = (0..3)
        .map(|second| of(second, 1_000, 20))
        .chain((3..7).map(|second| of(second, 2_000, 2_000)))
        .chain((7..23).map(|second| of(second, 500, 20)))
        .collect();
    let stages = Stages {
        before: 3,
        over: 4,
        after: 16,
        over_rate: 2_000.0,
        after_rate: 500.0,
    };
    let slo = Slo {
        min_success: 0.9,
        ..SLO
    };
    let seen = read(&rows, 1, stages, slo);
    assert!(!seen.collapsed);
    assert_eq!(seen.recovery_secs, Some(0));
    let queue = seen.queue_secs.expect("it empties");
    assert!((queue - 8.0).abs() < 0.1, "{queue}");
}

#[test]
fn what_was_found_survives_an_end_before_the_end() {
    let ended_at = |at: usize, lost: bool| {
        let mut offered = 0;
        let ended = searched(range(), &mut |rate, purpose| {
            offered += 1;
            match (offered == at, lost) {
                (true, true) => Err(Error::target("http://x is gone", "start it")),
                (true, false) => Ok(None),
                (false, _) => target(3_000.0)(rate, purpose),
            }
        });
        sized(ended).verdict
    };
    // The first two hold, the third does not, the eighth is a confirmation.
    for (at, words) in [
        (1, "no rate held before"),
        (3, "2,000 records/s held, not confirmed"),
        (8, "2,954 records/s held, not confirmed"),
        (9, "2,954 records/s held, not confirmed"),
    ] {
        let verdict = ended_at(at, false);
        assert_eq!(verdict.exit_code, 130, "{at}");
        assert_eq!(verdict.reasons, [format!("interrupted; {words}")]);
        let verdict = ended_at(at, true);
        assert_eq!(verdict.exit_code, 15, "{at}");
        assert_eq!(verdict.reasons, [format!("http://x is gone; {words}")]);
    }
    let (steps, ended) = searched(range(), &mut target(3_000.0));
    let over = |after| Sized::new(steps.clone(), &ended, after, SLO, Target::example()).verdict;
    let verdict = over(After::Interrupted);
    assert_eq!(verdict.exit_code, 130);
    let wanted = "interrupted during the overload; capacity 2,954 records/s ";
    assert!(verdict.text().contains(wanted), "{}", verdict.text());
    assert_eq!(over(After::Lost("gone".to_owned())).exit_code, 15);
}

#[test]
fn what_must_hold_is_read_as_that() {
    let read = |text: &str| {
        let threshold: Threshold = text.parse().expect("an expression");
        latency_limit(&threshold).map_err(|error| error.to_string())
    };
    assert_eq!(read("p95 < 500ms"), Ok((95.0, 500_000)));
    assert_eq!(read("p99.9 <= 1s"), Ok((99.9, 1_000_000)));
    for (text, why) in [
        ("p95 > 500ms", "says what must not hold"),
        ("success < 99%", "is no latency percentile"),
        ("p97 < 1s", "is none of p50"),
    ] {
        let error = read(text).expect_err(text);
        assert!(error.contains(why), "{error}");
    }
}

#[test]
fn recovery_is_judged_by_what_must_hold() {
    // Half of the requests are late for three seconds: the median never is, P95 is.
    let seconds = |late: u64, acked: u64| {
        (0..6).map(move |second| {
            let mut row = row(second, 1_000, 20);
            if (2..5).contains(&second) {
                row.latency_us.buckets = format!("20000 {} 3000000 {late}", 10 - late);
                row.records_acked = acked;
            }
            row
        })
    };
    let stages = Stages {
        before: 1,
        over: 1,
        after: 4,
        over_rate: 2_000.0,
        after_rate: 500.0,
    };
    let recovery = |percentile: f64, late: u64, acked: u64| {
        let rows: Vec<SecondRow> = seconds(late, acked).collect();
        let slo = Slo { percentile, ..SLO };
        read(&rows, 1, stages, slo).recovery_secs
    };
    assert_eq!(recovery(50.0, 4, 1_000), Some(0));
    assert_eq!(recovery(95.0, 4, 1_000), Some(3));
    assert_eq!(recovery(95.0, 0, 1_000), Some(0));
    // 98 % acked is more than the rate asks for, and less than the SLO does.
    assert_eq!(recovery(95.0, 0, 980), Some(3));
}

#[test]
fn lower_bounds_are_no_latencies_that_hold() {
    let mut late = row(0, 1_000, 20);
    late.latency_us.bound_buckets = "20000 1".to_owned();
    let stages = Stages {
        before: 0,
        over: 0,
        after: 1,
        over_rate: 2_000.0,
        after_rate: 500.0,
    };
    assert_eq!(read(&[late], 1, stages, SLO).recovery_secs, None);
    assert_eq!(
        read(&[row(0, 1_000, 20)], 1, stages, SLO).recovery_secs,
        Some(0)
    );
}

/// What comes of a run of 1,000 requests, every so manieth of which fails at once, at P95 up to 500 ms.
fn held_with_failures(every: u64, limit_us: u64) -> Held {
    let mut fixture = Fixture::quiet();
    let exchange = |index: u64| {
        let exchange = answered(index % 100);
        if !index.is_multiple_of(every) {
            return exchange;
        }
        Exchange {
            done_us: 1_000,
            acked: 0,
            unknown: 1_000,
            lower_bound: true,
            ..exchange
        }
    };
    fixture.record((0..1_000).map(exchange));
    let report = report::build(&fixture.plan, &fixture.facts, &fixture.measured);
    let slo = Slo {
        min_success: 0.9,
        limit_us,
        ..SLO
    };
    held(&report, slo)
}

#[test]
fn failures_at_once_count_as_infinitely_slow_and_no_more() {
    let holds = |held: &Held| matches!(held, Held::Yes);
    // P95 is that of the answered: 195 ms without failures, 197 ms with 1 %.
    assert!(holds(&held_with_failures(100, 500_000)));
    assert!(holds(&held_with_failures(100, 197_000)));
    let moved = held_with_failures(100, 195_500);
    assert!(
        matches!(&moved, Held::No(why) if why == "P95 196 ms"),
        "{moved:?}"
    );
    let among = held_with_failures(12, 500_000);
    assert!(
        matches!(&among, Held::No(why) if why == "P95 at least 195 ms, with 91.6 % acked"),
        "{among:?}"
    );
}

#[test]
fn what_held_before_is_confirmed_where_nothing_near_is() {
    let confirmed_up_to = |most: f64| {
        searched(range(), &mut move |rate, purpose| {
            let limit = if purpose == Purpose::Confirm {
                most
            } else {
                10_000.0
            };
            target(limit)(rate, purpose)
        })
    };
    let (_, ended) = confirmed_up_to(5_000.0);
    assert_eq!(ended, Ended::Found(4_000.0));
    let (steps, ended) = confirmed_up_to(0.0);
    assert!(matches!(ended, Ended::Unconfirmed(_)), "{ended:?}");
    assert!(steps.len() <= most_steps(range()) as usize);
    let verdict = sized((steps, ended)).verdict;
    assert_eq!(verdict.exit_code, 10);
    assert!(
        verdict.reasons[0].starts_with("no rate was confirmed ("),
        "{:?}",
        verdict.reasons
    );
}

#[test]
fn a_target_that_is_slow_without_a_queue_ends_the_search() {
    let (steps, ended) = searched(range(), &mut |rate, _| {
        Ok(Some((
            look(rate, false),
            Held::Never("P95 2.00 s".to_owned()),
        )))
    });
    assert_eq!((steps.len(), &ended), (1, &Ended::Nothing));
    let reasons = sized((steps, ended)).verdict.reasons;
    assert!(reasons[0].starts_with("no rate can hold ("), "{reasons:?}");
}

#[test]
fn failures_that_do_not_depend_on_the_rate_end_the_search() {
    // What share is acked at a rate, and after how many steps the search ends, and how.
    let ended = |success: &dyn Fn(f64) -> f64| {
        let (steps, ended) = searched(
            Range {
                start: 20_000.0,
                least: 300.0,
                ..range()
            },
            &mut |rate, _| {
                let success_ratio = success(rate);
                let look = Look {
                    success_ratio,
                    requests: rate as u64,
                    ..look(rate, true)
                };
                let held = if success_ratio < SLO.min_success {
                    Held::Failed(format!("success {}", percent(success_ratio)))
                } else {
                    Held::Yes
                };
                Ok(Some((look, held)))
            },
        );
        (steps.len(), sized((steps, ended)).verdict)
    };
    let (steps, verdict) = ended(&|_| 0.99);
    assert_eq!((steps, verdict.exit_code), (3, 10));
    insta::assert_snapshot!(verdict.text(), @"
    FAIL  no rate can hold (P95 up to 500 ms, success at least 99.9 %): 5,000
      records/s had success 99 %, and 99 % at 20,000 rec/s: what fails does not
      depend on the rate
    ");
    let (steps, _) = ended(&|_| 0.2);
    assert_eq!(steps, 3);
    // What is full acks as many of half as many; what fails more often under load fails less often with less; and of nothing
    // acked there is nothing to say.
    let full = |rate: f64| (1_000.0 / rate).min(1.0);
    assert_eq!(ended(&full).1.outcome, Outcome::Pass);
    let loaded = |rate: f64| 1.0 - rate / 20_000.0 * 0.01;
    assert_eq!(ended(&loaded).1.outcome, Outcome::Pass);
    assert_eq!(ended(&|_| 0.0).0, 8);
}

#[test]
fn a_collapse_is_a_reason() {
    let verdict = |goodput, sick| {
        let (steps, ended) = searched(range(), &mut target(3_000.0));
        let after = After::Seen(overload(goodput, sick));
        Sized::new(steps, &ended, after, SLO, Target::example()).verdict
    };
    assert_eq!(verdict(1_000, 5).reasons.len(), 1);
    let told = [(790, 2), (100, 8), (900, 8)].map(|(goodput, sick)| verdict(goodput, sick));
    assert!(told.iter().all(|verdict| verdict.exit_code == 0));
    let told: String = told.iter().map(Verdict::text).collect();
    insta::assert_snapshot!(told, @"
    PASS  capacity 2,954 records/s (P95 up to 500 ms, success at least 99.9 %),
      confirmed twice; 3,084 records/s missed; but goodput COLLAPSED to 79 % under
      2,000 records/s, and recovered after 2 s
    PASS  capacity 2,954 records/s (P95 up to 500 ms, success at least 99.9 %),
      confirmed twice; 3,084 records/s missed; but goodput COLLAPSED to 10 % under
      2,000 records/s, and did NOT recover within 8 s
    PASS  capacity 2,954 records/s (P95 up to 500 ms, success at least 99.9 %),
      confirmed twice; 3,084 records/s missed; but after 2,000 records/s it did NOT
      recover within 8 s
    ");
}

#[test]
fn a_step_after_which_the_target_stays_slow_is_kept() {
    for (holds, code) in [(false, 10), (true, 15)] {
        let (steps, ended) = searched(range(), &mut |rate, _| {
            let slow = Some("http://x did not become ready again".to_owned());
            let held = if holds {
                Held::Yes
            } else {
                Held::No("P95 1.20 s".to_owned())
            };
            let look = Look {
                slow,
                ..look(rate, holds)
            };
            Ok(Some((look, held)))
        });
        assert_eq!(steps.len(), 1);
        let verdict = sized((steps, ended)).verdict;
        assert_eq!(verdict.exit_code, code, "{:?}", verdict.reasons);
    }
}

#[test]
fn no_search_is_longer_than_it_says() {
    for precision in [0.5, 0.05, 0.001] {
        for most in [1_000.0, 1_500.0, 8_000.0, f64::INFINITY] {
            let range = Range {
                most,
                precision,
                ..range()
            };
            for capacity in [1.0, 20.0, 900.0, 3_000.0, 1e12] {
                let (steps, _) = searched(range, &mut target(capacity));
                let count = steps.len() as u32;
                let bounds = fewest_steps(range)..=most_steps(range);
                // A search that finds nothing is over without a confirmation.
                assert!(
                    bounds.contains(&count) || capacity < 20.0,
                    "{count} {bounds:?}"
                );
                assert!(count <= *bounds.end());
                assert!(steps.iter().all(|step| step.rate <= most));
            }
        }
    }
}
