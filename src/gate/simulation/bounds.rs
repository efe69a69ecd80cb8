//! How often the true figure lies beyond the bound of a threshold.

use super::super::bound::{Bound, Samples, Side, Spread};
use super::on_the_page;
use crate::measure::{Block, Blocks};
use crate::stats::Random;
use hdrhistogram::Histogram;
use std::fmt::Write as _;

const TIMES: usize = 400;
const BLOCKS: usize = 16;
/// Standard deviation of a request's latency within a block, of its logarithm.
const REQUEST: f64 = 0.4;

/// A load whose speed varies from block to block: standard deviation of its logarithm, and correlation.
struct Varying {
    words: &'static str,
    within: f64,
    correlation: f64,
    requests: u64,
}

const ROWS: [Varying; 4] = [
    Varying {
        words: "quiet",
        within: 0.02,
        correlation: 0.0,
        requests: 100,
    },
    Varying {
        words: "noisy",
        within: 0.2,
        correlation: 0.0,
        requests: 100,
    },
    Varying {
        words: "noisy, each block like the one before",
        within: 0.2,
        correlation: 0.5,
        requests: 100,
    },
    Varying {
        words: "few requests",
        within: 0.1,
        correlation: 0.3,
        requests: 10,
    },
];

struct Sample {
    blocks: Blocks,
    latency: Histogram<u64>,
    acked: f64,
}

impl Varying {
    fn sample(&self, blocks: usize, random: &mut Random) -> Sample {
        let fresh = (1.0 - self.correlation.powi(2)).sqrt();
        let mut state = random.normal();
        let mut sample = Sample {
            blocks: Blocks {
                block_us: 1_000_000,
                blocks: Vec::new(),
            },
            latency: Histogram::new_with_bounds(1, 3_600_000_000, 3).unwrap(),
            acked: 0.0,
        };
        for _ in 0..blocks {
            state = self.correlation * state + fresh * random.normal();
            let slow = self.within * state;
            let mut block = Block::default();
            let requests = (self.requests as f64 * (-slow).exp()).round().max(1.0) as u64;
            block.records_acked = requests;
            for _ in 0..requests {
                let us = (10_000.0 * (slow + REQUEST * random.normal()).exp()) as u64;
                block.latency.record(us).unwrap();
                sample.latency.record(us).unwrap();
            }
            sample.acked += requests as f64;
            sample.blocks.blocks.push(block);
        }
        sample
    }

    /// Share of runs whose bound of throughput, of P95 and of the mean holds the true figure.
    fn coverage(&self) -> [f64; 3] {
        let mut random = Random::new(11);
        let truth = self.sample(4_000, &mut random);
        let (rate, p95, mean) = (
            truth.acked / 4_000.0,
            truth.latency.value_at_quantile(0.95) as f64,
            truth.latency.mean(),
        );
        let mut held = [0.0; 3];
        for _ in 0..TIMES {
            let sample = self.sample(BLOCKS, &mut random);
            let spread = Spread::of(&sample.blocks).unwrap();
            let saw = sample.latency.value_at_quantile(0.95);
            let upper = p95_bound(&spread, &sample.latency, saw);
            let holds = [
                sample.acked / BLOCKS as f64 * spread.rate_factor(Side::Lower) <= rate,
                upper >= p95,
                sample.latency.mean() * spread.mean_factor(Side::Upper) >= mean,
            ];
            for (held, holds) in held.iter_mut().zip(holds) {
                *held += f64::from(u8::from(holds)) / TIMES as f64;
            }
        }
        held
    }
}

fn p95_bound(spread: &Spread, latency: &Histogram<u64>, us: u64) -> f64 {
    match spread.percentile(&Samples::of(latency), 0.95, us, Side::Upper) {
        Bound::At(us) => us,
        other => panic!("{other:?}"),
    }
}

#[test]
fn bounds_hold_the_truth_as_often_as_the_page_says() {
    let mut table = String::new();
    for row in &ROWS {
        let held = row.coverage();
        let [rate, p95, mean] = held.map(|share| format!("{:.1} %", share * 100.0));
        writeln!(
            table,
            "| {} | {} | {rate} | {p95} | {mean} |",
            row.words, row.requests
        )
        .unwrap();
        assert!(
            held.iter().all(|&share| share >= 0.92),
            "{}: {held:?}",
            row.words
        );
    }
    on_the_page("bounds", &table);
}

#[test]
fn a_burst_has_a_wide_bound() {
    // All requests are due in the first block, all answers come in the last two.
    let mut blocks = vec![Block::default(); 10];
    let mut latency = Histogram::new_with_bounds(1, 3_600_000_000, 3).unwrap();
    for index in 0..100 {
        blocks[0].latency.record(160_000 + 400 * index).unwrap();
        latency.record(160_000 + 400 * index).unwrap();
        blocks[8 + index as usize / 50].records_acked += 1_000;
    }
    let blocks = Blocks {
        block_us: 20_000,
        blocks,
    };
    let spread = Spread::of(&blocks).unwrap();
    let (least, most) = (
        spread.rate_factor(Side::Lower),
        spread.rate_factor(Side::Upper),
    );
    assert!(least > 0.0 && least < 0.5, "{least}");
    let p95 = latency.value_at_quantile(0.95);
    let bound = p95_bound(&spread, &latency, p95);
    assert!((bound - p95 as f64 * most).abs() < 1.0, "{bound}");
    let few = Blocks {
        block_us: 1,
        blocks: Vec::new(),
    };
    assert!(Spread::of(&few).is_none());
}
