//! How figures of blocks vary on a shared machine: a model whose parameters are fitted to recorded runs (`tests/data/noise/`).

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::gate::{BlockFigures, Named, replicates};
use crate::report::Report;
use crate::stats::{Random, lag_one, median};

/// Deviations of more than this many standard deviations are spikes.
const SPIKE: f64 = 4.0;
/// What a median absolute deviation must be multiplied by to be a standard deviation.
const MAD: f64 = 1.482_6;

/// Recorded runs of one load, in the order in which they were made.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Recorded {
    /// How krush was called.
    command: String,
    runs: Vec<Series>,
}

/// The blocks of one run.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Series {
    records_per_sec: Vec<f64>,
    p50_us: Vec<f64>,
    p95_us: Vec<f64>,
    p99_us: Vec<f64>,
}

/// How the logarithm of one figure varies.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Model {
    /// Standard deviation from run to run.
    pub(crate) between: f64,
    /// Standard deviation of the change from a run's beginning to its end.
    pub(crate) drift: f64,
    /// Standard deviation of a block, without spikes.
    pub(crate) within: f64,
    /// Correlation of a block with the one before.
    pub(crate) correlation: f64,
    /// Share of blocks with a spike, and its mean size beyond [`SPIKE`] standard deviations, for the worse.
    pub(crate) spikes: (f64, f64),
}

/// Models of the two figures that are judged.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Load {
    pub(super) throughput: Model,
    pub(super) p95: Model,
}

fn file() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/noise/blocks.json")
}

/// The loads that were recorded, by name.
pub(super) fn loads() -> BTreeMap<String, Load> {
    let text = std::fs::read_to_string(file()).unwrap();
    let recorded: BTreeMap<String, Recorded> = serde_json::from_str(&text).unwrap();
    let load = |recorded: &Recorded| {
        let model = |of: fn(&Series) -> &Vec<f64>, worse: f64| {
            let logs = |series: &Series| of(series).iter().map(|x| x.ln() * worse).collect();
            Model::fitted(&recorded.runs.iter().map(logs).collect::<Vec<_>>())
        };
        Load {
            throughput: model(|series| &series.records_per_sec, -1.0),
            p95: model(|series| &series.p95_us, 1.0),
        }
    };
    recorded
        .iter()
        .map(|(name, recorded)| (name.clone(), load(recorded)))
        .collect()
}

impl Model {
    /// Fits it to the runs of a load: logarithms of their blocks, more is worse.
    fn fitted(runs: &[Vec<f64>]) -> Self {
        let count = runs.len() as f64;
        let blocks = runs[0].len() as f64;
        let lines: Vec<(f64, f64)> = runs.iter().map(|run| line(run)).collect();
        let left = |(run, (level, slope)): (&Vec<f64>, &(f64, f64))| -> Vec<f64> {
            let at = |index: usize| level + slope * place(index, run.len());
            run.iter()
                .enumerate()
                .map(|(index, x)| x - at(index))
                .collect()
        };
        let left: Vec<Vec<f64>> = runs.iter().zip(&lines).map(left).collect();
        let mut sizes: Vec<f64> = left.concat().iter().map(|x| x.abs()).collect();
        let within = (median(&mut sizes) * MAD).max(1e-6);
        let spikes: Vec<f64> = (left.concat().iter())
            .filter(|&&x| x > SPIKE * within)
            .map(|x| x - SPIKE * within)
            .collect();
        let correlation = left.iter().map(|run| {
            let unbiased = (blocks * lag_one(run) + 1.0) / (blocks - 3.0);
            unbiased.clamp(0.0, 0.9)
        });
        let correlation = correlation.sum::<f64>() / count;
        let mut all: Vec<f64> = runs.iter().map(|run| median(&mut run.clone())).collect();
        let mean = all.iter().sum::<f64>() / count;
        let levels = all.iter().map(|level| (level - mean).powi(2)).sum::<f64>() / (count - 1.0);
        all.clear();
        // What the medians of runs vary by because their blocks do.
        let inherited = within.powi(2) * std::f64::consts::FRAC_PI_2 / blocks * (1.0 + correlation)
            / (1.0 - correlation);
        let slopes = lines.iter().map(|(_, slope)| slope.powi(2)).sum::<f64>() / count;
        let chance = 12.0 * within.powi(2) / blocks * (1.0 + correlation) / (1.0 - correlation);
        Self {
            between: (levels - inherited).max(0.0).sqrt(),
            drift: (slopes - chance).max(0.0).sqrt(),
            within,
            correlation,
            spikes: (
                spikes.len() as f64 / (count * blocks),
                spikes.iter().sum::<f64>() / (spikes.len() as f64).max(1.0),
            ),
        }
    }

    /// The logarithms of a run's blocks, more is worse, around this level.
    pub(crate) fn run(&self, level: f64, blocks: usize, random: &mut Random) -> Vec<f64> {
        let slope = self.drift * random.normal();
        let fresh = (1.0 - self.correlation.powi(2)).sqrt();
        let mut state = random.normal();
        (0..blocks)
            .map(|index| {
                state = self.correlation * state + fresh * random.normal();
                let (rate, size) = self.spikes;
                let spike = if random.unit() < rate {
                    SPIKE * self.within - size * (1.0 - random.unit()).ln()
                } else {
                    0.0
                };
                level + slope * place(index, blocks) + self.within * state + spike
            })
            .collect()
    }

    /// The level of a run at some other time.
    pub(super) fn level(&self, random: &mut Random) -> f64 {
        self.between * random.normal()
    }
}

/// Where in a run a block is: from -0.5 to 0.5.
fn place(index: usize, blocks: usize) -> f64 {
    (index as f64 + 0.5) / blocks as f64 - 0.5
}

/// The straight line through a run's blocks by least squares: its middle, and its change from beginning to end.
fn line(run: &[f64]) -> (f64, f64) {
    let places: Vec<f64> = (0..run.len())
        .map(|index| place(index, run.len()))
        .collect();
    let square: f64 = places.iter().map(|x| x * x).sum();
    let slope = run.iter().zip(&places).map(|(y, x)| x * y).sum::<f64>() / square;
    (median(&mut run.to_vec()), slope)
}

/// Writes the recorded runs anew from reports named `LOAD-NUMBER.json` in the folder `KRUSH_NOISE_FROM`.
#[test]
#[ignore = "writes tests/data/noise/blocks.json from reports in KRUSH_NOISE_FROM"]
fn noise_is_recorded() {
    let from = PathBuf::from(std::env::var_os("KRUSH_NOISE_FROM").unwrap());
    let mut all: BTreeMap<&str, Recorded> = BTreeMap::new();
    for (load, command) in [
        (
            "closed-a",
            "krush basic --embedded --duration 10s --warmup 1s -c 8 --batch-size 100",
        ),
        (
            "closed-b",
            "krush basic --embedded --duration 10s --warmup 1s -c 50 --batch-size 10",
        ),
        (
            "open",
            "krush basic --embedded --duration 10s --warmup 1s -c 50 --batch-size 10 --rate 5k/s",
        ),
        (
            "waiting",
            "krush basic --embedded --fault delay=10ms --duration 8s --warmup 1s -c 8 --batch-size 100",
        ),
    ] {
        let recorded = all.entry(load).or_default();
        command.clone_into(&mut recorded.command);
        for number in 1.. {
            let Ok(text) = std::fs::read_to_string(from.join(format!("{load}-{number}.json")))
            else {
                break;
            };
            let report: Report = serde_json::from_str(&text).unwrap();
            let blocks = replicates(&Named {
                source: load,
                report: &report,
            })
            .unwrap();
            let figure = |of: fn(&BlockFigures) -> Option<f64>| {
                let rounded = |block| (of(block).unwrap() * 10.0).round() / 10.0;
                blocks.iter().map(rounded).collect::<Vec<f64>>()
            };
            recorded.runs.push(Series {
                records_per_sec: figure(|block| Some(block.records_per_sec)),
                p50_us: figure(|block| block.p50_us),
                p95_us: figure(|block| block.p95_us),
                p99_us: figure(|block| block.p99_us),
            });
        }
    }
    let text = serde_json::to_string(&all).unwrap().replace("},{", "},\n{");
    std::fs::write(file(), text + "\n").unwrap();
}
