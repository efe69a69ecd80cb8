//! How figures of blocks vary on a shared machine: a model whose parameters are fitted to recorded runs (`tests/data/noise/`).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use krush::gate::{BlockFigures, Named, replicates};
use krush::report::Report;
use krush::stats::{Random, lag_one, median};
use serde::{Deserialize, Serialize};

/// Recorded runs of one load, in the order in which they were made.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Recorded {
    /// How krush was called.
    pub command: String,
    /// The runs.
    pub runs: Vec<Series>,
}

/// The blocks of one run.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Series {
    /// Records acked per second.
    pub records_per_sec: Vec<f64>,
    /// 95th percentile of latency in µs.
    pub p95_us: Vec<f64>,
    /// Median.
    pub p50_us: Vec<f64>,
    /// 99th percentile.
    pub p99_us: Vec<f64>,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/noise")
}

/// All recorded runs, by load.
pub fn recorded() -> BTreeMap<String, Recorded> {
    let text = std::fs::read_to_string(folder().join("blocks.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// Writes them anew from reports named `LOAD-NUMBER.json` in the folder `KRUSH_NOISE_FROM`.
#[test]
#[ignore = "writes tests/data/noise/blocks.json from reports in KRUSH_NOISE_FROM"]
fn noise_is_recorded() {
    let from = PathBuf::from(std::env::var_os("KRUSH_NOISE_FROM").unwrap());
    let mut all: BTreeMap<String, Recorded> = BTreeMap::new();
    for load in ["closed-a", "closed-b", "open", "waiting"] {
        for number in 1.. {
            let path = from.join(format!("{load}-{number}.json"));
            let Ok(text) = std::fs::read_to_string(&path) else {
                break;
            };
            let report: Report = serde_json::from_str(&text).unwrap();
            let named = Named {
                source: load,
                report: &report,
            };
            let blocks = replicates(&named).unwrap();
            let figure = |of: fn(&BlockFigures) -> Option<f64>| {
                let rounded = |block| (of(block).unwrap() * 10.0).round() / 10.0;
                blocks.iter().map(rounded).collect::<Vec<f64>>()
            };
            let recorded = all.entry(load.to_owned()).or_default();
            recorded.runs.push(Series {
                records_per_sec: figure(|block| Some(block.records_per_sec)),
                p95_us: figure(|block| block.p95_us),
                p50_us: figure(|block| block.p50_us),
                p99_us: figure(|block| block.p99_us),
            });
        }
    }
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
    ] {
        all.get_mut(load).unwrap().command = command.to_owned();
    }
    let text = serde_json::to_string(&all).unwrap();
    std::fs::write(
        folder().join("blocks.json"),
        text.replace("},{", "},\n{") + "\n",
    )
    .unwrap();
}
