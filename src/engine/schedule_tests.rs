//! The schedule by table and by property: what is due, who takes it, and what is left over.

use std::thread;

use proptest::prelude::*;

use super::*;
use crate::plan::{Arrivals, Pace, Rates, Spike, Stage};
use crate::units::Rate;

const SECOND: Duration = Duration::from_secs(1);

fn constant(rate: f64, batch_size: u32) -> Cadence {
    Cadence::measured(&Pace::constant(Rate(rate)), batch_size, 1)
}

fn called(requests: u64, records: u64) -> Called {
    Called { requests, records }
}

fn missed(schedule: &Schedule, until_us: u64, now_us: u64) -> Vec<(u64, u64)> {
    let mut all = Vec::new();
    schedule.missed(until_us, now_us, |missed| {
        all.push((missed.due_us, missed.requests));
    });
    all
}

/// Takes everything that is due by `now_us`.
fn take_all(schedule: &Schedule, now_us: u64) -> Vec<Due> {
    let mut cursor = Cursor::default();
    let mut taken = Vec::new();
    while let Next::Now(due) = schedule.next(now_us, &mut cursor) {
        taken.push(due);
    }
    taken
}

#[test]
fn a_count_that_is_no_multiple_of_the_batch_is_sent_exactly() {
    let schedule = Schedule::new(SECOND, None, Some(2_500), 1_000, None);
    let taken = take_all(&schedule, 1_500_000);
    assert!(taken.iter().all(|due| due.due_us == 1_500_000));
    let records: Vec<u32> = taken.iter().map(|due| due.records).collect();
    assert_eq!(records, [1_000, 1_000, 500]);
    assert_eq!(schedule.called(2_000_000, false), called(3, 2_500));
    assert_eq!(schedule.called(2_000_000, true), called(3, 2_500));
    assert!(schedule.exhausted(0));
}

#[test]
fn an_open_loop_is_due_on_its_cadence_whatever_was_late() {
    let schedule = Schedule::new(SECOND, Some(SECOND), None, 10, Some(constant(100.0, 10)));
    let mut cursor = Cursor::default();
    assert_eq!(schedule.next(0, &mut cursor), Next::At(1_000_000));
    let due = |due_us| {
        let records = 10;
        Next::Now(Due { due_us, records })
    };
    assert_eq!(schedule.next(1_000_000, &mut cursor), due(1_000_000));
    assert_eq!(schedule.next(1_050_000, &mut cursor), Next::At(1_100_000));
    for due_us in [1_100_000, 1_200_000, 1_300_000] {
        assert_eq!(schedule.next(1_350_000, &mut cursor), due(due_us));
    }
    assert_eq!(schedule.next(1_350_000, &mut cursor), Next::At(1_400_000));
    assert_eq!(schedule.next_due_us(&mut cursor), Some(1_400_000));
    // Late, but not too late while somebody asks.
    assert_eq!(schedule.next(2_000_000, &mut cursor), due(1_400_000));
    assert!(schedule.exhausted(2_000_000));
    let left: Vec<u64> = missed(&schedule, 5_000_000, 5_000_000)
        .into_iter()
        .map(|(due_us, requests)| {
            assert_eq!(requests, 1);
            due_us
        })
        .collect();
    assert_eq!(
        left,
        [1_500_000, 1_600_000, 1_700_000, 1_800_000, 1_900_000]
    );
    assert_eq!(schedule.called(5_000_000, false), called(10, 100));
    assert_eq!(schedule.nominal_end_us(), Some(2_000_000));
}

#[test]
fn an_interrupted_schedule_called_for_what_was_due() {
    let open = Schedule::new(
        Duration::ZERO,
        None,
        Some(1_000),
        10,
        Some(constant(100.0, 10)),
    );
    assert_eq!(open.called(250_000, true), called(3, 30));
    assert_eq!(open.called(250_000, false), called(100, 1_000));
    assert_eq!(open.nominal_end_us(), Some(10_000_000));
    let closed = Schedule::new(Duration::ZERO, None, Some(1_000), 10, None);
    closed.next_free(0);
    assert_eq!(closed.called(250_000, true), called(1, 10));
    assert_eq!(closed.called(250_000, false), called(100, 1_000));
    assert_eq!(closed.nominal_end_us(), None);
}

#[test]
fn intervals_that_are_no_whole_number_give_no_request_too_many() {
    for rate in [3.0, 7.0, 13.0, 999.0, 333_333.0, 1e6, 0.3] {
        for secs in [1, 7, 3_600] {
            let length = Duration::from_secs(secs);
            let schedule = Schedule::new(SECOND, Some(length), None, 1, Some(constant(rate, 1)));
            let wanted = (rate * secs as f64 - 1e-9).ceil() as u64;
            assert_eq!(schedule.called(u64::MAX, false).requests, wanted, "{rate}");
        }
    }
}

#[test]
fn a_backlog_of_a_hundred_million_is_told_in_few_slices_each_with_its_least_wait() {
    let schedule = Schedule::new(
        Duration::ZERO,
        Some(100 * SECOND),
        None,
        1,
        Some(constant(1e6, 1)),
    );
    let now_us = 130_000_000;
    let slices = missed(&schedule, now_us, now_us);
    let all: u64 = slices.iter().map(|(_, requests)| requests).sum();
    assert_eq!(all, 100_000_000);
    assert!(slices.len() < 5_000, "{}", slices.len());
    let mut first_us = 0;
    for (due_us, requests) in slices {
        // Its last is due `requests` µs after the one before: the first of it waits at most a thousandth longer.
        let wide_us = due_us - first_us;
        assert_eq!(requests, wide_us + 1);
        assert!(wide_us <= ((now_us - first_us) / 1_000).max(1_000));
        first_us = due_us + 1;
    }
}

#[test]
fn missed_requests_count_in_the_second_they_were_due_in() {
    // Waits of a minute and more: slices of 60 ms would reach over the ends of seconds, which begin at 250 ms.
    let start = Duration::from_millis(250);
    let schedule = Schedule::new(start, Some(3 * SECOND), None, 1, Some(constant(100.0, 1)));
    let mut due = [0; 3];
    for (due_us, requests) in missed(&schedule, 60_000_000, 70_000_000) {
        due[((due_us - 250_000) / 1_000_000) as usize] += requests;
    }
    assert_eq!(due, [100, 100, 100]);
}

#[test]
fn threads_share_one_schedule() {
    for arrivals in [Arrivals::Uniform, Arrivals::Poisson] {
        let pace = Pace {
            arrivals,
            ..Pace::constant(Rate(1e6))
        };
        let schedule = || {
            let cadence = Some(Cadence::measured(&pace, 1, 7));
            Schedule::new(Duration::ZERO, Some(SECOND), None, 1, cadence)
        };
        let alone: Vec<u64> = take_all(&schedule(), 400_000)
            .iter()
            .map(|due| due.due_us)
            .collect();
        let shared = schedule();
        let mut together: Vec<u64> = thread::scope(|scope| {
            let threads: Vec<_> = (0..4)
                .map(|_| scope.spawn(|| take_all(&shared, 400_000)))
                .collect();
            let taken = threads
                .into_iter()
                .flat_map(|thread| thread.join().unwrap());
            taken.map(|due| due.due_us).collect()
        });
        together.sort_unstable();
        assert_eq!(together.len() as u64, shared.claimed());
        assert!(
            alone == together,
            "each number once, each with its own due time"
        );
    }
}

fn rate() -> impl Strategy<Value = f64> {
    prop_oneof![1 => Just(0.0), 6 => 1.0..20_000.0_f64]
}

fn pace() -> impl Strategy<Value = Pace> {
    let stage = (rate(), rate(), 1_000..2_000_000_u64).prop_map(|(from, to, us)| Stage {
        from: Rate(from),
        to: Rate(to),
        length: Duration::from_micros(us),
    });
    let rates = prop_oneof![
        (1.0..20_000.0_f64).prop_map(|rate| Rates::Constant(Rate(rate))),
        prop::collection::vec(stage, 1..6).prop_map(Rates::Stages),
    ];
    let spike = prop::option::of((0..3_000_000_u64, 1..1_000_000_u64, 1.0..50_000.0_f64));
    (rates, spike, any::<bool>()).prop_map(|(rates, spike, poisson)| {
        let length_us = match &rates {
            Rates::Constant(_) => 4_000_000,
            Rates::Stages(stages) => stages.iter().map(|s| s.length.as_micros() as u64).sum(),
        };
        Pace {
            rates,
            spike: spike
                .map(|(at, length, rate)| Spike {
                    rate: Rate(rate),
                    at: Duration::from_micros(at % length_us),
                    length: Duration::from_micros(length.min(length_us - at % length_us)),
                })
                .filter(|spike| !spike.length.is_zero()),
            arrivals: if poisson {
                Arrivals::Poisson
            } else {
                Arrivals::Uniform
            },
        }
    })
}

fn length_of(pace: &Pace) -> Duration {
    match &pace.rates {
        Rates::Constant(_) => 4 * SECOND,
        Rates::Stages(stages) => stages.iter().map(|stage| stage.length).sum(),
    }
}

/// Requests the plan calls for by `until`, by a sum over thin slices of time instead of an integral.
fn expected(pace: &Pace, batch_size: u32, until: Duration) -> f64 {
    const SLICES: u32 = 40_000;
    let rate_at = |secs: f64| {
        if let Some(spike) = pace.spike
            && (spike.at.as_secs_f64()..(spike.at + spike.length).as_secs_f64()).contains(&secs)
        {
            return spike.rate.0;
        }
        match &pace.rates {
            Rates::Constant(rate) => rate.0,
            Rates::Stages(stages) => {
                let mut begin = 0.0;
                for stage in stages {
                    let length = stage.length.as_secs_f64();
                    if secs < begin + length {
                        let passed = (secs - begin) / length;
                        return stage.from.0 + passed * (stage.to.0 - stage.from.0);
                    }
                    begin += length;
                }
                0.0
            }
        }
    };
    let slice = until.as_secs_f64() / f64::from(SLICES);
    let middles = (0..SLICES).map(|number| (f64::from(number) + 0.5) * slice);
    middles.map(rate_at).sum::<f64>() * slice / f64::from(batch_size)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn as_many_are_due_as_the_plan_says(pace in pace(), batch_size in 1..20_u32, seed: u64) {
        let length = length_of(&pace);
        let cadence = Cadence::measured(&pace, batch_size, seed);
        let schedule = Schedule::new(SECOND, Some(length), None, batch_size, Some(cadence.clone()));
        let end_us = 1_000_000 + length.as_micros() as u64;
        let taken = take_all(&schedule, end_us - 1);
        prop_assert!(taken.is_sorted_by_key(|due| due.due_us));
        prop_assert!(taken.iter().all(|due| (1_000_000..end_us).contains(&due.due_us)));
        let by_integral = cadence.expected_by(length.as_micros() as u64);
        let by_sum = expected(&pace, batch_size, length);
        // A slice on the edge of a stage or spike is counted whole.
        let edges = 12.0 * 50_000.0 * length.as_secs_f64() / 40_000.0 / f64::from(batch_size);
        prop_assert!((by_integral - by_sum).abs() <= edges + 1e-6, "{by_integral} {by_sum}");
        let far = match pace.arrivals {
            Arrivals::Uniform => 1.0,
            // The tail of a Poisson law with a small mean is longer than a normal one's.
            Arrivals::Poisson => 5.0 * by_integral.sqrt() + 6.0,
        };
        let count = taken.len() as f64;
        prop_assert!((count - by_integral).abs() <= far, "{count} {by_integral}");
        prop_assert_eq!(schedule.called(u64::MAX, false).requests, taken.len() as u64);
    }

    #[test]
    fn in_whatever_order_two_threads_take_them_each_request_is_taken_once_when_it_is_due(
        pace in pace(),
        seed: u64,
        turns in prop::collection::vec(any::<bool>(), 1..64),
        steps in prop::collection::vec(0..200_000_u64, 1..64),
    ) {
        let length = length_of(&pace);
        let new = || {
            let cadence = Cadence::measured(&pace, 100, seed);
            Schedule::new(Duration::ZERO, Some(length), None, 100, Some(cadence))
        };
        let end_us = length.as_micros() as u64;
        let alone = take_all(&new(), end_us - 1);
        let shared = new();
        let mut cursors = [Cursor::default(), Cursor::default()];
        let mut together = Vec::new();
        let (mut now_us, mut step, mut turn) = (0, steps.iter().cycle(), turns.iter().cycle());
        loop {
            let cursor = &mut cursors[usize::from(*turn.next().unwrap())];
            match shared.next(now_us, cursor) {
                Next::Now(due) => {
                    prop_assert!(due.due_us <= now_us);
                    together.push(due);
                }
                Next::At(due_us) => {
                    prop_assert!(due_us > now_us && due_us < end_us);
                    now_us += 1 + step.next().unwrap();
                }
                Next::Never if now_us < end_us && together.len() < alone.len() => {
                    prop_assert!(false, "over before its end");
                }
                Next::Never => break,
            }
        }
        // What was due while nobody asked any more is missed.
        prop_assert_eq!(&together[..], &alone[..together.len()]);
        let left: u64 = missed(&shared, end_us, end_us).iter().map(|(_, requests)| requests).sum();
        prop_assert_eq!(together.len() as u64 + left, alone.len() as u64);
    }

    #[test]
    fn called_is_taken_and_missed_at_any_time(
        pace in pace(),
        seed: u64,
        batch_size in 1..20_u32,
        taken_at in 0.0..1.0_f64,
        until in 0.0..1.2_f64,
    ) {
        let length_us = length_of(&pace).as_micros() as f64;
        let cadence = Cadence::measured(&pace, batch_size, seed);
        let schedule = Schedule::new(SECOND, Some(length_of(&pace)), None, batch_size, Some(cadence));
        let at = |share: f64| 1_000_000 + (share * length_us) as u64;
        let until_us = at(until.max(taken_at));
        take_all(&schedule, at(taken_at));
        let left = missed(&schedule, until_us, until_us + 5_000_000);
        prop_assert!(left.is_sorted_by_key(|(due_us, _)| *due_us));
        prop_assert!(left.iter().all(|(due_us, _)| *due_us <= until_us));
        let left: u64 = left.iter().map(|(_, requests)| requests).sum();
        for cut in [false, true] {
            prop_assert_eq!(schedule.called(until_us, cut).requests, schedule.taken().requests + left);
        }
    }

    #[test]
    fn a_count_is_sent_exactly_however_it_arrives(
        records in 1..50_000_u64,
        batch_size in 1..50_u32,
        rate in 1.0..1e6_f64,
        poisson: bool,
        spike in prop::option::of(0.0..1.0_f64),
        seed: u64,
    ) {
        let mut pace = Pace::constant(Rate(rate));
        let length_secs = records as f64 / rate;
        pace.spike = spike.map(|share| Spike {
            rate: Rate(rate * 3.0),
            at: Duration::from_secs_f64(length_secs * share),
            length: Duration::from_secs_f64(length_secs / 4.0) + Duration::from_micros(1),
        });
        if poisson {
            pace.arrivals = Arrivals::Poisson;
        }
        let cadence = Some(Cadence::measured(&pace, batch_size, seed));
        let schedule = Schedule::new(SECOND, None, Some(records), batch_size, cadence);
        prop_assert_eq!(schedule.called(0, false).records, records);
        let taken = take_all(&schedule, u64::MAX - 1);
        prop_assert_eq!(taken.iter().map(|due| u64::from(due.records)).sum::<u64>(), records);
        prop_assert!(taken[..taken.len() - 1].iter().all(|due| due.records == batch_size));
        prop_assert!(taken.is_sorted_by_key(|due| due.due_us));
        prop_assert!(schedule.exhausted(0));
        prop_assert_eq!(schedule.called(u64::MAX - 1, true), schedule.taken());
        prop_assert!(missed(&schedule, u64::MAX - 1, u64::MAX - 1).is_empty());
        let last_us = taken.last().unwrap().due_us;
        prop_assert!(schedule.nominal_end_us().unwrap() >= last_us.saturating_sub(1));
    }
}
