//! How often failures that come about by chance are called a regression, and a true loss of requests none.

use super::super::compare::success_of_slices;
use super::super::{BlockFigures, Latencies, MetricVerdict};
use super::{TIMES, on_the_page};
use crate::stats::Random;
use std::fmt::Write as _;

/// Slices of a side, and requests in each.
const SLICES: usize = 12;
const REQUESTS: u64 = 533;
/// Failures of a burst: the requests of some connections that are dropped at once.
const BURST: u64 = 30;
/// The true loss of the rows that have one, as a share of requests.
const LOST: f64 = 0.01;

/// Failures that both sides have.
struct Failing {
    words: &'static str,
    /// Share of requests, spread evenly.
    even: f64,
    /// Mean number of bursts a side.
    bursts: f64,
    /// Each burst lies in two neighbouring slices.
    across: bool,
}

const ROWS: [Failing; 5] = [
    Failing {
        words: "none",
        even: 0.0,
        bursts: 0.0,
        across: false,
    },
    Failing {
        words: "0.5 % of requests, spread evenly",
        even: 0.005,
        bursts: 0.0,
        across: false,
    },
    Failing {
        words: "bursts of 30, one a side on average",
        even: 0.0,
        bursts: 1.0,
        across: false,
    },
    Failing {
        words: "bursts of 30, each in two slices",
        even: 0.0,
        bursts: 1.0,
        across: true,
    },
    Failing {
        words: "bursts of 30, four a side on average, and 0.1 % of requests",
        even: 0.001,
        bursts: 4.0,
        across: false,
    },
];

/// A Poisson number of this mean, by the waiting times between its events.
fn poisson(mean: f64, random: &mut Random) -> u64 {
    let (mut count, mut waited) = (0, 0.0);
    loop {
        waited -= (1.0 - random.unit()).ln();
        if waited > mean {
            return count;
        }
        count += 1;
    }
}

impl Failing {
    /// Failures of each slice of a side.
    fn side(&self, lost: f64, random: &mut Random) -> [u64; SLICES] {
        let mean = REQUESTS as f64 * (self.even + lost);
        let mut failures = std::array::from_fn(|_| poisson(mean, random));
        for _ in 0..poisson(self.bursts, random) {
            let at = random.below(SLICES);
            if self.across {
                failures[at] += BURST / 2;
                failures[(at + 1) % SLICES] += BURST - BURST / 2;
            } else {
                failures[at] += BURST;
            }
        }
        failures
    }

    fn compared(&self, lost: f64, random: &mut Random) -> MetricVerdict {
        let slice = |failures: u64| BlockFigures {
            latencies: Latencies::default(),
            records_per_sec: 50_000.0,
            secs: 1.0,
            p50_us: None,
            p95_us: None,
            p99_us: None,
            requests: REQUESTS,
            failures: failures.min(REQUESTS),
            lower_bound: false,
            p95_most_us: None,
        };
        let (before, after) = (self.side(0.0, random), self.side(lost, random));
        let side = |failures: [u64; SLICES]| failures.map(slice);
        success_of_slices(&side(before), &side(after), 0.05)
    }

    /// Regressions and passes without a true loss, and with one.
    fn counts(&self) -> [usize; 4] {
        let mut random = Random::new(5);
        let mut counts = [0; 4];
        for _ in 0..TIMES {
            for (index, lost) in [0.0, LOST].into_iter().enumerate() {
                match self.compared(lost, &mut random) {
                    MetricVerdict::Regression => counts[2 * index] += 1,
                    MetricVerdict::NoRegression | MetricVerdict::Improvement => {
                        counts[2 * index + 1] += 1;
                    }
                    MetricVerdict::Inconclusive => {}
                }
            }
        }
        counts
    }
}

#[test]
fn failures_are_called_a_regression_as_seldom_as_the_page_says() {
    let mut table = String::new();
    for row in &ROWS {
        let counts = row.counts();
        let shares = counts.map(|count| format!("{:.1} %", count as f64 * 100.0 / TIMES as f64));
        writeln!(table, "| {} | {} |", row.words, shares.join(" | ")).unwrap();
        let [alarms, _, found, missed] = counts;
        assert!(alarms * 100 <= TIMES, "{}: {counts:?}", row.words);
        // Bursts may hide a loss that is smaller than they are, but then it is within the margin.
        assert!(
            row.bursts > 0.0 || (found * 20 >= TIMES * 19 && missed * 100 <= TIMES),
            "{}: {counts:?}",
            row.words
        );
    }
    on_the_page("failures", &table);
}
