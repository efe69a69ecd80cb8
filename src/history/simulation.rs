//! For tests: histories of a noise model, as often as it takes to say how often their changes are none, and how many changes are seen.
//! The tables of `docs/history.md` are what comes out.

use std::fmt::Write as _;

use super::change::{Shifts, shifts};
use crate::gate::simulation::noise::Model;
use crate::gate::simulation::on_a_page;
use crate::stats::Random;

/// Histories of a cell of the tables.
const TIMES: usize = 1_000;
/// Of a cell in the test that is always run.
const FEW: usize = 60;
/// How much a run resembles the one before it.
const ALIKE: [f64; 4] = [0.0, 0.3, 0.5, 0.7];
/// Noise of histories without a change.
const NOISE: f64 = 0.08;
/// Share of runs that are much slower, and by how much beyond four standard deviations on average.
const SPIKES: (f64, f64) = (0.05, 3.0 * NOISE);

/// Histories that differ only in their length and in how much neighbours resemble each other.
#[derive(Debug, Clone, Copy)]
enum Tail {
    Normal,
    /// One run in twenty is much slower.
    Spikes,
    /// What each run brings is spread as Student's t with three degrees of freedom: a run that is far off takes those after it along.
    Student,
}

impl Tail {
    fn words(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Spikes => "one run in 20 far slower",
            Self::Student => "heavy tails that last",
        }
    }
}

/// Logarithms of a history of so many runs.
fn history(tail: Tail, runs: usize, noise: f64, rho: f64, random: &mut Random) -> Vec<f64> {
    let model = Model {
        between: 0.0,
        drift: 0.0,
        within: noise,
        correlation: rho,
        spikes: match tail {
            Tail::Spikes => SPIKES,
            Tail::Normal | Tail::Student => (0.0, 0.0),
        },
    };
    match tail {
        Tail::Normal | Tail::Spikes => model.run(0.0, runs, random).iter().map(|x| -x).collect(),
        Tail::Student => student(runs, noise, rho, random),
    }
}

fn student(runs: usize, noise: f64, rho: f64, random: &mut Random) -> Vec<f64> {
    const BEFORE: usize = 30;
    let fresh = noise * (1.0 - rho * rho).sqrt();
    let mut state = 0.0;
    let mut next = || {
        let chi = (0..3).map(|_| random.normal().powi(2)).sum::<f64>();
        // Its variance is three.
        state = rho * state + fresh * random.normal() / chi.sqrt();
        state
    };
    (0..BEFORE + runs).map(|_| next()).skip(BEFORE).collect()
}

/// Around levels that are given as runs and share of the first.
fn judged(logs: &[f64], levels: &[(usize, f64)]) -> Shifts {
    let levels = levels
        .iter()
        .flat_map(|&(runs, level)| std::iter::repeat_n(level, runs));
    let values: Vec<f64> = logs
        .iter()
        .zip(levels)
        .map(|(log, level)| 40_000.0 * level * log.exp())
        .collect();
    shifts(&values, 1).unwrap()
}

/// How many of so many histories fulfil something.
fn count(times: usize, salt: u64, of: impl Fn(&mut Random) -> bool + Sync) -> usize {
    let part = |from: usize| {
        let all = (from..times).step_by(2);
        all.filter(|&time| of(&mut Random::new(salt * 1_000_003 + time as u64)))
            .count()
    };
    std::thread::scope(|scope| {
        let other = scope.spawn(|| part(1));
        part(0) + other.join().unwrap()
    })
}

/// Histories with a change that is none.
fn alarms(times: usize, tail: Tail, runs: usize, rho: f64) -> usize {
    let salt = runs as u64 * 10 + (rho * 10.0) as u64;
    count(times, salt, |random| {
        let logs = history(tail, runs, NOISE, rho, random);
        !judged(&logs, &[(runs, 1.0)]).all.is_empty()
    })
}

const TAILS: [Tail; 3] = [Tail::Normal, Tail::Spikes, Tail::Student];
const LENGTHS: [usize; 4] = [20, 60, 100, 200];

/// A true change: noise, runs before and after, and the level after.
type Step = (f64, usize, usize, f64);

const STEPS: [Step; 6] = [
    (0.02, 20, 3, 0.80),
    (0.05, 20, 3, 1.30),
    (0.05, 57, 3, 0.70),
    (0.03, 10, 10, 1.15),
    (0.08, 30, 30, 0.70),
    (0.08, 100, 100, 0.85),
];

/// Histories in which it is found where it is, give or take a run.
fn found(times: usize, tail: Tail, rho: f64, (noise, before, after, level): Step) -> usize {
    count(times, before as u64, |random| {
        let logs = history(tail, before + after, noise, rho, random);
        let judged = judged(&logs, &[(before, 1.0), (after, level)]);
        judged
            .all
            .iter()
            .any(|shift| shift.at.abs_diff(before) <= 1)
    })
}

fn share(of: usize, times: usize) -> String {
    format!("{:.1} %", of as f64 * 100.0 / times as f64)
}

#[test]
fn changes_that_are_none_are_rare_and_large_ones_are_found() {
    for tail in TAILS {
        for rho in ALIKE {
            let some = LENGTHS.map(|runs| alarms(FEW, tail, runs, rho));
            let all = FEW * LENGTHS.len();
            assert!(
                some.iter().sum::<usize>() * 100 <= 7 * all,
                "{tail:?}, rho {rho}: {some:?}"
            );
        }
    }
    for step in STEPS {
        let some = found(FEW, Tail::Normal, 0.0, step);
        assert!(some * 10 >= 7 * FEW, "{step:?}: {some} of {FEW}");
    }
}

#[test]
#[ignore = "takes a minute and more; .ci/run does it"]
fn changes_are_wrong_as_seldom_as_the_page_says() {
    let mut none = String::new();
    for tail in TAILS {
        for runs in LENGTHS {
            let rates = ALIKE.map(|rho| alarms(TIMES, tail, runs, rho));
            let cells = rates.map(|alarms| share(alarms, TIMES)).join(" | ");
            writeln!(none, "| {} | {runs} | {cells} |", tail.words()).unwrap();
            // One in twenty, and three standard errors of a thousand.
            let worst = rates.iter().max().unwrap();
            assert!(worst * 1_000 <= 71 * TIMES, "{tail:?}, {runs}: {rates:?}");
        }
    }
    on_a_page("docs/history.md", "no change", &none);
    let mut seen = String::new();
    for step in STEPS {
        let (noise, before, after, level) = step;
        let columns = [
            (Tail::Normal, 0.0),
            (Tail::Spikes, 0.0),
            (Tail::Normal, 0.3),
            (Tail::Normal, 0.6),
        ];
        let rates = columns.map(|(tail, rho)| found(TIMES, tail, rho, step));
        let cells = rates.map(|found| share(found, TIMES)).join(" | ");
        writeln!(
            seen,
            "| {:+.0} % | {:.0} % | {before} | {after} | {cells} |",
            (level - 1.0) * 100.0,
            noise * 100.0
        )
        .unwrap();
    }
    on_a_page("docs/history.md", "changes seen", &seen);
}

#[test]
fn what_is_said_to_be_seen_is_seen() {
    for rho in [0.0, 0.3, 0.6] {
        for runs in [40, 100] {
            let mut random = Random::new(7);
            let mut least: Vec<f64> = (0..FEW)
                .map(|_| {
                    let logs = history(Tail::Normal, runs, NOISE, rho, &mut random);
                    judged(&logs, &[(runs, 1.0)]).least_ratio
                })
                .collect();
            let ratio = crate::stats::median(&mut least);
            let some = found(FEW, Tail::Normal, rho, (NOISE, runs - 10, 10, 1.0 + ratio));
            assert!(
                some * 10 >= 7 * FEW,
                "rho {rho}, {runs} runs, {ratio}: {some} of {FEW}"
            );
            let some = found(
                FEW,
                Tail::Normal,
                rho,
                (NOISE, runs - 10, 10, 1.0 + ratio / 2.0),
            );
            assert!(
                some * 10 <= 7 * FEW,
                "half of it: rho {rho}, {runs} runs, {ratio}: {some} of {FEW}"
            );
        }
    }
}
