//! The default model against what was measured: a closed loop in virtual time, held against each cell of the table.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::{Model, Queue, Work};

/// What a closed loop in virtual time came to.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) records_per_sec: f64,
    pub(crate) mean_ns: f64,
    pub(crate) p95_ns: u64,
}

/// `connections` that each send a batch as soon as they have their answer, until so many requests were sent after the first
/// two rounds.
pub(crate) fn closed_loop(model: Model, batch: u64, connections: u64, requests: u64) -> Seen {
    let mut queue = Queue::new(model);
    let mut due: BinaryHeap<Reverse<u64>> = (0..connections).map(|_| Reverse(0)).collect();
    let (first, mut latencies) = (2 * connections, Vec::new());
    for sent in 0..first + requests {
        let Some(Reverse(now)) = due.pop() else { break };
        let work = Work {
            records: batch,
            produce: true,
        };
        let answered = queue.admit(now, work).expect("a model without a limit");
        due.push(Reverse(answered));
        if sent >= first {
            latencies.push(answered - now);
        }
    }
    latencies.sort_unstable();
    let mean_ns = latencies.iter().sum::<u64>() as f64 / latencies.len() as f64;
    Seen {
        records_per_sec: (connections * batch) as f64 / (mean_ns / 1e9),
        mean_ns,
        p95_ns: latencies[latencies.len() * 95 / 100],
    }
}

/// How far off a cell may be: records per second either way, and P95, which is always too short: real servers do not
/// answer in the order in which they were asked.
const THROUGHPUT: f64 = 1.35;
const P95: f64 = 1.8;

/// The first table of `docs/tuning.md`: batch, connections, records per second, P95 in ms.
fn measured() -> Vec<(u64, u64, f64, f64)> {
    let page = include_str!("../../docs/tuning.md");
    let (_, table) = page
        .split_once("## The shape of the load")
        .expect("the section");
    let (table, _) = table.split_once("\n## ").expect("the next one");
    let number = |text: &str| {
        let text = text.trim().replace(',', "");
        let thousands = text.strip_suffix('k');
        let value: f64 = thousands.unwrap_or(&text).parse().expect("a number");
        value * if thousands.is_some() { 1e3 } else { 1.0 }
    };
    let mut cells = Vec::new();
    for row in table
        .lines()
        .filter(|line| line.starts_with("| ") && line.contains(';'))
    {
        let mut columns = row.trim_matches('|').split('|');
        let batch = number(columns.next().expect("a batch")) as u64;
        for (cell, connections) in columns.zip([1, 8, 50, 200, 500]) {
            if let Some((rate, p95)) = cell.split_once(';') {
                cells.push((batch, connections, number(rate), number(p95)));
            }
        }
    }
    cells
}

#[test]
fn the_default_model_is_near_every_cell_that_was_measured() {
    let cells = measured();
    assert_eq!(cells.len(), 23);
    let mut worst: [f64; 2] = [1.0; 2];
    for (batch, connections, rate, p95_ms) in cells {
        let seen = closed_loop(
            Model::default(),
            batch,
            connections,
            6 * connections.max(50),
        );
        let throughput = seen.records_per_sec / rate;
        let p95 = seen.p95_ns as f64 / 1e6 / p95_ms;
        let off = |ratio: f64| ratio.max(1.0 / ratio);
        worst = [worst[0].max(off(throughput)), worst[1].max(off(p95))];
        assert!(
            off(throughput) <= THROUGHPUT && off(p95) <= P95,
            "{batch} x {connections}: throughput {throughput:.2}, P95 {p95:.2} of what was measured"
        );
    }
    // The bounds say what the model can do: they are no looser than they need to be.
    assert!(
        worst[0] > THROUGHPUT - 0.1 && worst[1] > P95 - 0.15,
        "{worst:?}"
    );
}

#[test]
fn the_default_model_has_the_shape_that_was_measured() {
    let rate = |batch, connections| {
        closed_loop(Model::default(), batch, connections, 3_000).records_per_sec
    };
    assert!(
        rate(100, 8) > rate(1_000, 500),
        "fewer connections are more"
    );
    assert!(rate(1_000, 8) > 2.0 * rate(1_000, 500));
    assert!(
        rate(1, 500) < rate(1, 50) * 1.05,
        "past a few connections a closed loop only queues"
    );
}

#[test]
fn the_page_shows_the_model_beside_what_was_measured() {
    let page = include_str!("../../docs/serve.md");
    let mut rows: std::collections::BTreeMap<u64, Vec<String>> = std::collections::BTreeMap::new();
    for (batch, connections, rate, p95_ms) in measured() {
        let seen = closed_loop(
            Model::default(),
            batch,
            connections,
            6 * connections.max(50),
        );
        let cell = format!(
            "{}; {:.2}, {:.2}",
            crate::units::rate_digits(seen.records_per_sec),
            seen.records_per_sec / rate,
            seen.p95_ns as f64 / 1e6 / p95_ms
        );
        rows.entry(batch).or_default().push(cell);
    }
    for (batch, mut cells) in rows {
        cells.resize(5, "–".to_owned());
        let row = format!(
            "| {} | {} |",
            crate::units::grouped(batch),
            cells.join(" | ")
        );
        assert!(page.contains(&row), "docs/serve.md lacks {row}");
    }
}
