//! The search against the capacity model in virtual time: no server, no clock, every request counted.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use super::search::*;
use super::show::{Tuned, words};
use super::*;
use crate::cli::Budget;
use crate::commands::trials::{Target, paused};
use crate::engine::Backlog;
use crate::gate::Outcome;
use crate::measure::P95;
use crate::model::{Model, Queue, Work};

/// A closed loop from an idle server: so many requests, and all answers waited for.
fn run(model: Model, shape: Shape, requests: u64) -> Look {
    let mut queue = Queue::new(model);
    let mut due: BinaryHeap<Reverse<u64>> = (0..shape.connections).map(|_| Reverse(0)).collect();
    let (mut latencies, mut end) = (Vec::new(), 1);
    for _ in 0..requests {
        let Some(Reverse(now)) = due.pop() else { break };
        let work = Work {
            records: u64::from(shape.batch_size),
            produce: true,
        };
        let answered = queue.admit(now, work).expect("no limit");
        due.push(Reverse(answered));
        latencies.push((answered - now) / 1_000);
        end = end.max(answered);
    }
    latencies.sort_unstable();
    let secs = end as f64 / 1e9;
    let mean_us = latencies.iter().sum::<u64>() as f64 / requests as f64;
    let per_sec = requests as f64 / secs;
    Look {
        connections: u64::from(shape.connections),
        requests,
        elapsed_secs: secs,
        records_per_sec: per_sec * f64::from(shape.batch_size),
        requests_per_sec: per_sec,
        p95_us: latencies.get(latencies.len() * 95 / 100).copied(),
        mean_us,
        in_flight: per_sec * mean_us / 1e6,
        longest_us: latencies.last().copied().unwrap_or_default(),
        paused_ratio: paused(&counts(&latencies)),
        success_ratio: 1.0,
        void: None,
        judged_us: None,
        slow: None,
    }
}

fn counts(latencies: &[u64]) -> BTreeMap<u64, u64> {
    let mut counts = BTreeMap::new();
    for us in latencies {
        *counts.entry(*us).or_default() += 1;
    }
    counts
}

/// The same look, with a pause of the target in it that lasted so long: nothing is answered, and each connection has one request that
/// waits for its end.
fn with_pause(look: Look, secs: f64) -> Look {
    let elapsed_secs = look.elapsed_secs + secs;
    let slower = look.elapsed_secs / elapsed_secs;
    Look {
        elapsed_secs,
        records_per_sec: look.records_per_sec * slower,
        requests_per_sec: look.requests_per_sec * slower,
        mean_us: look.mean_us / slower,
        longest_us: (secs * 1e6) as u64,
        paused_ratio: secs / elapsed_secs,
        ..look
    }
}

fn shape(batch_size: u32, connections: u32) -> Shape {
    Shape {
        format: Format::Json,
        batch_size,
        connections,
    }
}

fn grid() -> Vec<Shape> {
    let batches = [1, 10, 100, 1_000, 5_000].into_iter();
    batches
        .flat_map(|batch| [1, 8, 50, 200, 500].map(|connections| shape(batch, connections)))
        .collect()
}

fn limit(p95_ms: u64) -> Limit {
    Limit {
        p95_us: p95_ms * 1_000,
    }
}

fn requests(ask: &Ask) -> u64 {
    match ask.amount {
        Amount::Requests(requests) => requests,
        Amount::Time(time) => panic!("{time:?} asked for"),
    }
}

fn searched(shapes: &[Shape], p95_ms: u64, evaluate: &mut Evaluate<'_>) -> Found {
    let budget = Budget::Requests(100);
    search(shapes, budget, limit(p95_ms), shown(shapes), evaluate).expect("no trial fails")
}

/// Up to `share` off either way, the same in every run.
fn noise(seed: &mut u64, share: f64) -> f64 {
    *seed = seed
        .wrapping_mul(6_364_136_223_846_793_005)
        .wrapping_add(1_442_695_040_888_963_407);
    let unit = (*seed >> 11) as f64 / (1_u64 << 53) as f64;
    1.0 + share * (2.0 * unit - 1.0)
}

fn tuned(found: Found, p95_ms: u64) -> Tuned {
    let shown = shown(&grid());
    Tuned::new(found, limit(p95_ms), Target::example(), shown)
}

#[test]
fn a_shape_near_the_best_is_found_with_a_tenth_of_the_full_grid() {
    let truth = |shape: Shape| run(Model::default(), shape, 5_000);
    let known: Vec<Look> = grid().into_iter().map(truth).collect();
    for p95_ms in [10, 20, 50, 100, 300, 500, 2_000] {
        let holding = known
            .iter()
            .filter(|look| limit(p95_ms).missed(look).is_none());
        let best = holding.map(|look| look.records_per_sec).fold(0.0, f64::max);
        for seed in 0..10 {
            let mut state = seed;
            let mut sent = 0;
            let mut evaluate = |ask: &Ask, _: &[Tried]| {
                let mut look = run(Model::default(), ask.shape, requests(ask));
                sent += look.requests;
                look.records_per_sec *= noise(&mut state, 0.03);
                look.p95_us = look
                    .p95_us
                    .map(|us| (us as f64 * noise(&mut state, 0.03)) as u64);
                Ok(Some(look))
            };
            let found = searched(&grid(), p95_ms, &mut evaluate);
            let winner = found.shapes[found.winner.expect("a winner")].shape;
            let reached = truth(winner).records_per_sec;
            assert!(
                reached >= 0.9 * best,
                "{p95_ms} ms: {winner} reaches {reached}, the best is {best}"
            );
            assert_eq!(found.requests, sent);
            assert!(
                sent * 10 <= found.full_grid_requests,
                "{p95_ms} ms: {sent} of {}",
                found.full_grid_requests
            );
        }
    }
}

#[test]
fn what_is_wrong_with_the_presets_shape_is_said() {
    let mut evaluate =
        |ask: &Ask, _: &[Tried]| Ok(Some(run(Model::default(), ask.shape, requests(ask))));
    let found = searched(&grid(), 100, &mut evaluate);
    insta::assert_snapshot!(words(&found, Some(shape(1_000, 500))).join("\n"), @"
    1,000 x 500 reached 104,730 records/s at P95 5.30 s: 48.3 % fewer than 1,000 x 8, at 134 times its P95.
    Its requests in flight, 361 on average, are 105 answers/s x 3.45 s each (Little's law). 1,000 x 8 reached 202,467 records/s at P95 39.5 ms with 7.99 in flight: past a few connections a closed loop adds only queueing, and each more makes all wait longer.
    ");
    // What the page on tuning shows is what is printed.
    let page = include_str!("../../../docs/tune.md");
    let text = tuned(found, 100).text(&Next::default(), &[]);
    assert!(
        page.contains(text.trim_end()),
        "docs/tune.md does not show:\n{text}"
    );
}

#[test]
fn void_and_failing_shapes_never_win() {
    let mut evaluate = |ask: &Ask, _: &[Tried]| {
        let mut look = run(Model::default(), ask.shape, requests(ask));
        match (ask.shape.batch_size, ask.shape.connections) {
            (1_000, _) => look.void = Some("generator: busy".to_owned()),
            (100, _) => look.success_ratio = 0.98,
            _ => {}
        }
        Ok(Some(look))
    };
    let found = searched(&grid(), 500, &mut evaluate);
    let winner = found.shapes[found.winner.expect("a winner")].shape;
    assert!(![100, 1_000].contains(&winner.batch_size), "{winner}");
}

#[test]
fn of_equals_the_one_with_fewer_connections_wins() {
    let mut evaluate = |ask: &Ask, _: &[Tried]| {
        let mut look = run(Model::default(), ask.shape, requests(ask));
        look.p95_us = Some(1_000);
        look.records_per_sec = 1_000.0 + f64::from(ask.shape.connections) / 20.0;
        Ok(Some(look))
    };
    let shapes = [500, 200, 50, 8].map(|connections| shape(100, connections));
    let found = searched(&shapes, 500, &mut evaluate);
    let winner = found.shapes[found.winner.expect("a winner")].shape;
    assert_eq!(winner.connections, 8);
}

#[test]
fn a_shape_whose_confirmation_misses_gives_way_to_the_next() {
    let mut evaluate = |ask: &Ask, _: &[Tried]| {
        let mut look = run(Model::default(), ask.shape, requests(ask));
        if ask.stage == Stage::Confirmation && ask.shape == shape(1_000, 8) {
            look.p95_us = Some(10_000_000);
        }
        Ok(Some(look))
    };
    let found = searched(&grid(), 100, &mut evaluate);
    let winner = found.shapes[found.winner.expect("a winner")].shape;
    assert_ne!(winner, shape(1_000, 8));
    let first = found
        .shapes
        .iter()
        .find(|tried| tried.shape == shape(1_000, 8));
    let why = first
        .and_then(|tried| tried.dropped.clone())
        .expect("a reason");
    assert_eq!(why, "not confirmed: P95 10.0 s is over the limit");
}

#[test]
fn without_a_shape_that_holds_the_nearest_is_named() {
    let mut evaluate =
        |ask: &Ask, _: &[Tried]| Ok(Some(run(Model::default(), ask.shape, requests(ask))));
    let found = searched(&grid(), 2, &mut evaluate);
    assert_eq!(found.winner, None);
    let verdict = tuned(found, 2).verdict;
    assert_eq!(
        (verdict.outcome, verdict.exit_code),
        (Outcome::Threshold, 10)
    );
    insta::assert_snapshot!(verdict.text(), @"
    FAIL  no shape held the limit (P95 up to 2.00 ms): the lowest P95 was that of 1
      x 1, 191 records/s at P95 5.24 ms
    ");

    let mut void = |ask: &Ask, _: &[Tried]| {
        let look = run(Model::default(), ask.shape, requests(ask));
        Ok(Some(Look {
            void: Some("generator: busy".to_owned()),
            ..look
        }))
    };
    let verdict = tuned(searched(&grid(), 100, &mut void), 100).verdict;
    assert_eq!(verdict.exit_code, 13);
}

#[test]
fn what_was_found_before_an_interrupt_is_told() {
    let mut looks = 0;
    let mut evaluate = |ask: &Ask, _: &[Tried]| {
        looks += 1;
        Ok((looks < 12).then(|| run(Model::default(), ask.shape, requests(ask))))
    };
    let found = searched(&grid(), 100, &mut evaluate);
    assert!(found.interrupted);
    let verdict = tuned(found, 100).verdict;
    assert_eq!(verdict.exit_code, 130);
    insta::assert_snapshot!(verdict.text(), @"
    INTERRUPTED  interrupted: best so far 1,000 x 8, 201,096 records/s at P95 39.5
      ms, not confirmed
    ");
}

#[test]
fn the_best_shape_survives_an_end_in_the_confirmation() {
    for (lost, code) in [(false, 130), (true, 15)] {
        let mut evaluate = |ask: &Ask, _: &[Tried]| match (ask.stage, lost) {
            (Stage::Confirmation, true) => Err(Error::target("http://x is gone", "start it")),
            (Stage::Confirmation, false) => Ok(None),
            _ => Ok(Some(run(Model::default(), ask.shape, requests(ask)))),
        };
        let verdict = tuned(searched(&grid(), 100, &mut evaluate), 100).verdict;
        assert_eq!(verdict.exit_code, code);
        let wanted = ": best so far 1,000 x 8, ";
        assert!(verdict.text().contains(wanted), "{}", verdict.text());
    }
}

#[test]
fn shapes_that_fail_for_another_reason_than_latency_say_so() {
    let mut evaluate = |ask: &Ask, _: &[Tried]| {
        let look = run(Model::default(), ask.shape, requests(ask));
        Ok(Some(Look {
            success_ratio: 0.5,
            ..look
        }))
    };
    let text = tuned(searched(&grid(), 100, &mut evaluate), 100)
        .verdict
        .text();
    let wanted = ", but only 50 % of the records were acked";
    assert!(text.contains(wanted), "{text}");
}

#[test]
fn the_front_is_what_nothing_beats() {
    let tried = |records_per_sec, p95_us, void: Option<&str>| Tried {
        shape: shape(1, 1),
        looks: vec![(
            Stage::First,
            Look {
                records_per_sec,
                p95_us: Some(p95_us),
                void: void.map(str::to_owned),
                ..run(Model::default(), shape(1, 1), 10)
            },
        )],
        dropped: None,
        paused_us: None,
        before_records_per_sec: None,
    };
    let shapes = [
        tried(100.0, 10, None),
        tried(200.0, 20, None),
        tried(150.0, 30, None),
        tried(300.0, 20, None),
        tried(900.0, 5, Some("void")),
    ];
    assert_eq!(front(&shapes), [0, 3]);
}

#[test]
fn a_void_look_does_not_undo_what_was_seen_before() {
    let mut evaluate = |ask: &Ask, _: &[Tried]| {
        let look = run(Model::default(), ask.shape, requests(ask));
        let void = ask.stage != Stage::First && ask.shape == shape(1_000, 8);
        Ok(Some(Look {
            void: void.then(|| "generator: busy".to_owned()),
            ..look
        }))
    };
    let found = searched(&grid(), 100, &mut evaluate);
    let tried = |wanted: Shape| {
        let mut shapes = found.shapes.iter();
        shapes.find(|tried| tried.shape == wanted).expect("a shape")
    };
    let busy = tried(shape(1_000, 8));
    assert!(busy.look().is_some_and(|look| look.void.is_none()));
    assert_eq!(
        busy.dropped.as_deref(),
        Some("not confirmed: void: generator: busy")
    );
    let winner = found.winner.expect("another one");
    assert_ne!(found.shapes[winner].shape, busy.shape);
}

#[test]
fn what_was_better_than_the_confirmed_shape_is_confirmed_too() {
    // The favourite of the short looks is half as good in a long one.
    let mut evaluate = |ask: &Ask, _: &[Tried]| {
        let mut look = run(Model::default(), ask.shape, requests(ask));
        if ask.stage == Stage::Confirmation && ask.shape == shape(1_000, 8) {
            look.records_per_sec /= 2.0;
        }
        Ok(Some(look))
    };
    let found = searched(&grid(), 100, &mut evaluate);
    let winner = &found.shapes[found.winner.expect("a winner")];
    assert!(winner.confirmation().is_some());
    let most = winner.look().expect("a look").records_per_sec;
    for tried in &found.shapes {
        let Some(look) = tried
            .look()
            .filter(|look| limit(100).missed(look).is_none())
        else {
            continue;
        };
        assert!(
            look.records_per_sec <= most * (1.0 + TIE),
            "{}",
            tried.shape
        );
        let why = tried.dropped.clone().unwrap_or_default();
        let claims_less = why == "others stored more" || why.starts_with("under half");
        assert!(
            !claims_less || look.records_per_sec < most,
            "{}: {why}",
            tried.shape
        );
    }
}

#[test]
fn a_look_at_a_fast_target_lasts_a_moment() {
    let model: Model = "workers=2,request=20us,record=0us,latency=0s,slow=none"
        .parse()
        .expect("a model");
    let mut evaluate = |ask: &Ask, _: &[Tried]| Ok(Some(run(model, ask.shape, requests(ask))));
    let found = searched(&grid(), 100, &mut evaluate);
    for tried in found.shapes.iter().filter(|tried| !tried.looks.is_empty()) {
        let look = tried.look().expect("a look");
        assert!(look.elapsed_secs >= 0.05, "{}: {look:?}", tried.shape);
    }
    let winner = &found.shapes[found.winner.expect("a winner")];
    let secs = winner.confirmation().map(|look| look.elapsed_secs);
    assert!(secs >= Some(0.5), "{secs:?}");
}

#[test]
fn a_target_that_answers_and_stays_slow_misses_the_limit() {
    for (p95_ms, code) in [(2, 10), (100, 15)] {
        let mut evaluate = |ask: &Ask, _: &[Tried]| {
            let look = run(Model::default(), ask.shape, requests(ask));
            Ok(Some(Look {
                slow: Some("http://x did not become ready again".to_owned()),
                ..look
            }))
        };
        let found = searched(&grid(), p95_ms, &mut evaluate);
        assert_eq!(found.shapes[0].looks.len(), 1, "the look is kept");
        let tuned = tuned(found, p95_ms);
        assert_eq!(tuned.verdict.exit_code, code);
        let text = tuned.text(&Next::default(), &[]);
        assert!(text.contains("http://x did not become"), "{text}");
        assert!(!text.contains("=>") && !text.contains("use:"), "{text}");
    }
}

#[test]
fn a_look_ends_when_nothing_is_left_to_learn() {
    let at = |secs: u64, p95_us: Option<u64>| Progress::Running {
        elapsed: Duration::from_secs(secs),
        records_sent: 1,
        records_acked: 1,
        records_failed: 0,
        requests_sent: 1,
        p95: p95_us.map(|us| P95 {
            us,
            at_least: false,
            unanswered: false,
        }),
        backlog: Backlog::default(),
        open: 1,
    };
    for (secs, p95_us, may_be_cut, ends) in [
        (4, None, true, false),
        (5, None, true, true),
        (5, None, false, false),
        (5, Some(150_000), true, false),
        (5, Some(250_000), true, true),
        (29, Some(150_000), true, false),
        (30, Some(150_000), true, true),
        (30, None, false, true),
    ] {
        let seen = at(secs, p95_us);
        assert_eq!(is_enough(&seen, limit(100), may_be_cut), ends, "{seen:?}");
    }
}

#[test]
fn records_that_were_refused_are_told_in_the_verdict() {
    let mut evaluate = |ask: &Ask, _: &[Tried]| {
        let look = run(Model::default(), ask.shape, requests(ask));
        Ok(Some(Look {
            success_ratio: 0.995,
            ..look
        }))
    };
    let text = tuned(searched(&grid(), 100, &mut evaluate), 100)
        .verdict
        .text();
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        text.ends_with("; 99.5 % of its records were acked"),
        "{text}"
    );
}

#[test]
fn a_pause_is_told_from_a_queue() {
    let share = |latencies: &[u64]| paused(&counts(latencies));
    let quick = [100; 1_000];
    assert!(share(&quick) < 1e-9);
    // Eight connections that wait for two seconds are most of the time.
    let stalled = share(&[&quick[..], &[2_000_000; 8]].concat());
    assert!(stalled > 0.99, "{stalled}");
    // Three times as slow for a moment is none, nor is a queue that fills up, nor are rare slow requests in much that is quick.
    assert!(share(&[&quick[..], &[300; 100]].concat()) < 1e-9);
    let fills: Vec<u64> = (0..500).map(|n| 1_000 + n * 10_000).collect();
    assert!(share(&[&fills[..], &[5_000_000; 500]].concat()) < 1e-9);
    let rare = share(&[&quick[..], &[2_000; 5]].concat());
    assert!(rare < PAUSED, "{rare}");
    assert!(share(&[]) < 1e-9);
}

#[test]
fn one_pause_in_one_look_changes_no_shape() {
    let best = shape(1_000, 8);
    for paused in [Stage::First, Stage::Round(2), Stage::Confirmation] {
        let mut pauses = 0;
        let mut evaluate = |ask: &Ask, _: &[Tried]| {
            let look = run(Model::default(), ask.shape, requests(ask));
            if ask.shape != best || ask.stage != paused || pauses > 0 {
                return Ok(Some(look));
            }
            pauses += 1;
            // As large a part of a long look as of a short one.
            let secs = 20.0 * look.elapsed_secs;
            Ok(Some(with_pause(look, secs)))
        };
        let found = searched(&grid(), 100, &mut evaluate);
        let winner = &found.shapes[found.winner.expect("a winner")];
        assert_eq!((pauses, winner.shape), (1, best), "{paused:?}");
        let rate = winner.look().expect("a look").records_per_sec;
        assert!(rate > 200_000.0, "{paused:?}: {rate}");
        assert!(found.requests * 10 <= found.full_grid_requests);
        let tuned = tuned(found, 100);
        assert_eq!(tuned.verdict.reasons.len(), 1, "{:?}", tuned.verdict);
        let text = tuned.text(&Next::default(), &[]);
        let wanted = "best; looked at once more after a pause of ";
        assert!(text.contains(wanted), "{paused:?}: {text}");
    }
}

#[test]
fn figures_that_disagree_are_said_to() {
    // Every confirmation reaches less than half of what the looks before it did, of all shapes.
    let mut confirmations = 0;
    let mut evaluate = |ask: &Ask, _: &[Tried]| {
        let mut look = run(Model::default(), ask.shape, requests(ask));
        if ask.stage == Stage::Confirmation {
            confirmations += 1;
            look.records_per_sec *= 0.4;
        }
        Ok(Some(look))
    };
    let found = searched(&grid(), 100, &mut evaluate);
    assert_eq!(confirmations, 6, "three shapes, each of them twice");
    let verdict = tuned(found, 100).verdict;
    assert_eq!(verdict.exit_code, 0);
    insta::assert_snapshot!(verdict.text(), @"
    PASS  best: 1,000 x 8, 80,987 records/s at P95 39.5 ms (P95 up to 100 ms),
      confirmed over 3,200 requests; but its figures disagree: 201,801 records/s in
      a shorter look before, and less than 70 % of that in both confirmations
    ");
}

#[test]
fn only_a_queue_is_said_to_queue() {
    let shapes = [shape(100, 1), shape(100, 8)];
    let said = |slow: &dyn Fn(Look) -> Look| {
        let mut evaluate = |ask: &Ask, _: &[Tried]| {
            let one = run(Model::default(), shapes[0], requests(ask));
            Ok(Some(if ask.shape == shapes[1] {
                slow(one)
            } else {
                one
            }))
        };
        let found = searched(&shapes, 100, &mut evaluate);
        words(&found, Some(shapes[1])).pop().expect("words")
    };
    // Eight connections reach what one does: each request waits for seven others, or one pause holds all of them up, always.
    let queue = said(&|one| Look {
        in_flight: 8.0,
        mean_us: one.mean_us * 8.0,
        p95_us: one.p95_us.map(|us| us * 8),
        ..one
    });
    let pause = said(&|one| Look {
        in_flight: 8.0,
        ..with_pause(one, 2.0)
    });
    let unknown = said(&|one| Look {
        in_flight: 8.0,
        mean_us: one.mean_us * 8.0,
        ..one
    });
    insta::assert_snapshot!([queue, pause, unknown].join("\n"), @"
    Its requests in flight, 8 on average, are 165 answers/s x 48.4 ms each (Little's law). 100 x 1 reached 16,521 records/s at P95 6.05 ms with 1 in flight: past a few connections a closed loop adds only queueing, and each more makes all wait longer.
    Its requests in flight, 8 on average, are 38.4 answers/s x 26.1 ms each (Little's law). 76.8 % of that time went to a pause of 2.00 s: how it does without one was not seen.
    Its requests in flight, 8 on average, are 165 answers/s x 48.4 ms each (Little's law). 100 x 1 reached 16,521 records/s at P95 6.05 ms with 1 in flight.
    ");
}
