//! For tests: comparisons and bounds held against runs of a noise model, as often as it takes to say how often they are wrong.
//! The table of `docs/gate.md` is what comes out.

mod bounds;
mod failures;
pub(crate) mod noise;

use std::fmt::Write as _;
use std::sync::LazyLock;

use self::noise::{Load, loads};
use super::{
    BaselineRow, BlockFigures, Compared, How, Latencies, MetricVerdict, Outcome, Pair,
    compare_pairs, compare_runs, looks_at, narrow,
};
use crate::stats::{Random, normal_quantile};

/// Comparisons of a row.
const TIMES: usize = 1_000;
/// Comparisons of a row in the test that is always run: one in a hundred of them may be wrong by chance, hardly three.
const FEW: usize = 40;
/// The true change for the worse of the rows that have one.
const SLOWER: f64 = 0.05;
/// Standard deviation of the logarithms of the latencies in a block.
const SPREAD: f64 = 0.3;

/// How two sides are compared.
#[derive(Debug, Clone, Copy)]
enum Kind {
    /// So many runs of each side, each with so many blocks, all at times of their own.
    Runs(usize, usize),
    /// So many pairs of slices, in turn: old, new, new, old.
    Pairs(usize),
    /// Pairs until the intervals are narrow, at most so many.
    Auto(usize),
}

/// A row of the table.
struct Row {
    words: &'static str,
    kind: Kind,
    loads: &'static [&'static str],
    margin: f64,
}

const ALL: &[&str] = &["closed-a", "closed-b", "open", "waiting"];

const ROWS: [Row; 6] = [
    Row {
        words: "1 run a side of 16 blocks",
        kind: Kind::Runs(1, 16),
        loads: ALL,
        margin: 0.05,
    },
    Row {
        words: "5 runs a side of 8 blocks",
        kind: Kind::Runs(5, 8),
        loads: ALL,
        margin: 0.05,
    },
    Row {
        words: "duet, 40 pairs",
        kind: Kind::Pairs(40),
        loads: ALL,
        margin: 0.05,
    },
    Row {
        words: "duet, `--repeat auto`, at most 60 pairs",
        kind: Kind::Auto(60),
        loads: ALL,
        margin: 0.05,
    },
    Row {
        words: "12 runs a side of 8 blocks",
        kind: Kind::Runs(12, 8),
        loads: &["waiting"],
        margin: 0.02,
    },
    Row {
        words: "duet, 40 pairs",
        kind: Kind::Pairs(40),
        loads: &["waiting"],
        margin: 0.02,
    },
];

/// What came of the comparisons of a row.
#[derive(Debug, Default, Clone, Copy)]
struct Counts {
    /// Without a true change: regressions, and passes.
    alarms: usize,
    passes: usize,
    /// With one: regressions, and passes.
    found: usize,
    missed: usize,
    /// Of throughput alone, where the least detectable change is the true one or less: all, and those not called a regression.
    able: usize,
    overlooked: usize,
}

impl Counts {
    fn add(self, other: Self) -> Self {
        Self {
            alarms: self.alarms + other.alarms,
            passes: self.passes + other.passes,
            found: self.found + other.found,
            missed: self.missed + other.missed,
            able: self.able + other.able,
            overlooked: self.overlooked + other.overlooked,
        }
    }

    fn of(fair: &Compared, slower: &Compared) -> Self {
        let throughput = slower
            .metrics
            .iter()
            .find(|row| row.metric == "throughput")
            .unwrap();
        let able = throughput.minimum_detectable <= SLOWER;
        Self {
            alarms: usize::from(fair.outcome == Outcome::Regression),
            passes: usize::from(fair.outcome == Outcome::Pass),
            found: usize::from(slower.outcome == Outcome::Regression),
            missed: usize::from(slower.outcome == Outcome::Pass),
            able: usize::from(able),
            overlooked: usize::from(able && throughput.verdict != MetricVerdict::Regression),
        }
    }
}

/// Figures of blocks from logarithms of which more is worse; `slower` is the true change, of throughput down and of P95 up.
fn figures(throughput: &[f64], p95: &[f64], slower: f64) -> Vec<BlockFigures> {
    let figures = |(rate, latency): (&f64, &f64)| BlockFigures {
        records_per_sec: 50_000.0 * (1.0 - slower) * (-rate).exp(),
        p50_us: None,
        p95_us: Some(10_000.0 * (1.0 + slower) * latency.exp()),
        p99_us: None,
        requests: 100,
        failures: 0,
        lower_bound: false,
        p95_most_us: None,
        latencies: latencies(10_000.0 * (1.0 + slower) * latency.exp()),
        secs: 1.0,
    };
    throughput.iter().zip(p95).map(figures).collect()
}

/// A hundred requests with this P95, spread as logarithms of latencies are: the whole block is slow where its P95 is.
fn latencies(p95_us: f64) -> Latencies {
    static SHAPE: LazyLock<Vec<f64>> = LazyLock::new(|| {
        let quantile = |index: u32| normal_quantile((f64::from(index) + 0.5) / 20.0);
        let factor = |index| (SPREAD * (quantile(index) - quantile(18))).exp();
        (0..20).map(factor).collect()
    });
    let five = |factor: &f64| ((p95_us * factor) as u64, 5);
    Latencies::of_counts(SHAPE.iter().map(five).collect())
}

fn run(load: &Load, blocks: usize, slower: f64, random: &mut Random) -> Vec<BlockFigures> {
    let series = |model: &noise::Model, random: &mut Random| {
        let level = model.level(random);
        model.run(level, blocks, random)
    };
    let (throughput, p95) = (series(&load.throughput, random), series(&load.p95, random));
    figures(&throughput, &p95, slower)
}

fn baseline() -> BaselineRow {
    BaselineRow {
        source: String::new(),
        started_at: String::new(),
        scenario: String::new(),
    }
}

fn compared(
    kind: Kind,
    load: &Load,
    open_loop: bool,
    slower: f64,
    how: &How,
    random: &mut Random,
) -> Compared {
    match kind {
        Kind::Runs(runs, blocks) => {
            let before: Vec<_> = (0..runs).map(|_| run(load, blocks, 0.0, random)).collect();
            let after: Vec<_> = (0..runs)
                .map(|_| run(load, blocks, slower, random))
                .collect();
            compare_runs(&before, &after, baseline(), open_loop, how)
        }
        Kind::Pairs(pairs) => {
            let pairs = in_turn(load, pairs, slower, random);
            compare_pairs(&pairs, baseline(), open_loop, how)
        }
        Kind::Auto(most) => {
            let pairs = in_turn(load, most, slower, random);
            let compared =
                |count: usize| compare_pairs(&pairs[..count], baseline(), open_loop, how);
            let looks = (1..most).filter(|&count| looks_at(count as u32));
            let enough = looks.map(compared).find(narrow);
            enough.unwrap_or_else(|| compared(most))
        }
    }
}

/// Pairs of slices of one long load: what drifts is in both sides of a pair.
fn in_turn(load: &Load, pairs: usize, slower: f64, random: &mut Random) -> Vec<Pair> {
    let throughput = load.throughput.run(0.0, 2 * pairs, random);
    let p95 = load.p95.run(0.0, 2 * pairs, random);
    let (old, new) = (
        figures(&throughput, &p95, 0.0),
        figures(&throughput, &p95, slower),
    );
    let pair = |index: usize| {
        let (first, second) = (2 * index, 2 * index + 1);
        let (baseline, run) = if index.is_multiple_of(2) {
            (first, second)
        } else {
            (second, first)
        };
        Pair {
            baseline: old[baseline].clone(),
            run: new[run].clone(),
        }
    };
    (0..pairs).map(pair).collect()
}

fn simulated(row: &Row, times: usize) -> Counts {
    let all = loads();
    let how = How::margin(row.margin);
    let one = |time: usize| {
        let name = row.loads[time % row.loads.len()];
        let (load, open_loop) = (&all[name], name == "open");
        let mut random = Random::new(time as u64);
        let fair = compared(row.kind, load, open_loop, 0.0, &how, &mut random);
        let slower = compared(row.kind, load, open_loop, SLOWER, &how, &mut random);
        Counts::of(&fair, &slower)
    };
    let part = |from: usize| {
        (from..times)
            .step_by(2)
            .map(one)
            .fold(Counts::default(), Counts::add)
    };
    std::thread::scope(|scope| {
        let other = scope.spawn(|| part(1));
        part(0).add(other.join().unwrap())
    })
}

/// As the page shows it.
fn line(row: &Row, counts: Counts, times: usize) -> String {
    let share = |count: usize, of: usize| match of {
        0 => "-".to_owned(),
        of => format!("{:.1} %", count as f64 * 100.0 / of as f64),
    };
    let loads = if row.loads.len() == 1 {
        row.loads[0]
    } else {
        "all four"
    };
    let margin = row.margin * 100.0;
    let able = match counts.able {
        0 => "-".to_owned(),
        able => format!("{} of {able}", share(counts.overlooked, able)),
    };
    format!(
        "| {} | {loads} | {margin} % | {} | {} | {} | {} | {able} |",
        row.words,
        share(counts.alarms, times),
        share(counts.passes, times),
        share(counts.found, times),
        share(counts.missed, times),
    )
}

/// The page with a part between two marks written anew.
fn written(page: &str, name: &str, part: &str) -> String {
    let (begin, end) = (
        format!("<!-- {name}: begin -->\n"),
        format!("<!-- {name}: end -->"),
    );
    let start = page.find(&begin).unwrap() + begin.len();
    let stop = page.find(&end).unwrap();
    format!("{}{part}{}", &page[..start], &page[stop..])
}

/// Holds a part of docs/gate.md against what came out, or writes it if `KRUSH_UPDATE_PAGES` is set.
fn on_the_page(name: &str, part: &str) {
    on_a_page("docs/gate.md", name, part);
}

/// The same of any page.
pub(crate) fn on_a_page(page: &str, name: &str, part: &str) {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(page);
    let text = std::fs::read_to_string(&path).unwrap();
    let wanted = written(&text, name, part);
    if std::env::var_os("KRUSH_UPDATE_PAGES").is_some() {
        std::fs::write(&path, &wanted).unwrap();
    }
    let shown = std::fs::read_to_string(&path).unwrap();
    assert_eq!(
        shown, wanted,
        "{page} shows other figures; KRUSH_UPDATE_PAGES=1 writes them anew"
    );
}

#[test]
fn comparisons_are_seldom_wrong() {
    for row in &ROWS {
        let counts = simulated(row, FEW);
        assert!(counts.alarms <= 2, "{}: {counts:?}", row.words);
        assert!(
            counts.missed <= 6 || row.margin < SLOWER,
            "{}: {counts:?}",
            row.words
        );
        assert!(counts.overlooked <= 6, "{}: {counts:?}", row.words);
    }
}

#[test]
#[ignore = "takes a minute and more; .ci/run does it"]
fn comparisons_are_wrong_as_seldom_as_the_page_says() {
    let mut table = String::new();
    for row in &ROWS {
        let counts = simulated(row, TIMES);
        writeln!(table, "{}", line(row, counts, TIMES)).unwrap();
        assert!(counts.alarms * 100 <= TIMES, "{}: {counts:?}", row.words);
        // At a margin of the true change a pass is a miss; below it, whatever could have been seen and was not.
        if row.margin >= SLOWER {
            assert!(counts.missed * 20 <= TIMES, "{}: {counts:?}", row.words);
        } else {
            assert!(counts.able >= TIMES / 2, "{}: {counts:?}", row.words);
            assert!(
                counts.overlooked * 20 <= counts.able,
                "{}: {counts:?}",
                row.words
            );
        }
    }
    on_the_page("simulated", &table);
}

#[test]
fn what_runs_usually_differ_by_is_what_the_recorded_ones_did() {
    let all = loads();
    let pooled = |names: &[&str], of: fn(&Load) -> f64| {
        let squares = names.iter().map(|name| of(&all[*name]).powi(2));
        (squares.sum::<f64>() / names.len() as f64).sqrt()
    };
    for (name, default, fitted) in [
        (
            "throughput",
            super::compare::usual(false).throughput,
            pooled(&["closed-a", "closed-b"], |load| load.throughput.between),
        ),
        (
            "P95",
            super::compare::usual(false).p95,
            pooled(&["closed-a", "closed-b"], |load| load.p95.between),
        ),
        (
            "throughput, open loop",
            super::compare::usual(true).throughput,
            all["open"].throughput.between,
        ),
        (
            "P95, open loop",
            super::compare::usual(true).p95,
            all["open"].p95.between,
        ),
    ] {
        assert!(
            default >= fitted * 0.95 && default <= fitted * 1.3 + 0.002,
            "{name}: {default} by default, {fitted} fitted"
        );
    }
}
