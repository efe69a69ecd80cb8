//! A comparison with a baseline as samples, so that a dashboard shows by how much and how sure that is.

use super::super::exposition::{Exposition, Kind};
use super::{OUTCOMES, flag};
use crate::gate::{Compared, Method, MetricCompared};

/// What a metric may come to; see [`MetricCompared::decision`].
const DECISIONS: [&str; 5] = [
    "regression",
    "improvement",
    "no_regression",
    "inconclusive",
    "not_judged",
];

/// A family with a sample a metric: name, help, and its value, if the metric has one.
type Family = (
    &'static str,
    &'static str,
    fn(&MetricCompared) -> Option<f64>,
);

/// Shares of the baseline: 0.05 is 5 % more.
const RATIOS: [Family; 6] = [
    (
        "krush_comparison_change_ratio",
        "Relative change from the baseline; 0.05 is 5 % more.",
        |row| Some(row.change),
    ),
    (
        "krush_comparison_change_low_ratio",
        "Lower end of the interval of the change.",
        |row| Some(row.low),
    ),
    (
        "krush_comparison_change_high_ratio",
        "Upper end of the interval of the change.",
        |row| Some(row.high),
    ),
    (
        "krush_comparison_confidence_ratio",
        "Confidence of the interval of the change.",
        |row| Some(row.confidence),
    ),
    (
        "krush_comparison_worst_ratio",
        "Relative change for the worse that is not exceeded, with 95 % confidence; absent where a lower bound leaves it open.",
        MetricCompared::worst_bound,
    ),
    (
        "krush_comparison_minimum_detectable_ratio",
        "Relative change for the worse that would be called a regression with 95 % probability.",
        |row| Some(row.minimum_detectable),
    ),
];

/// What it came to, and each metric of both sides.
pub(super) fn comparison(out: &mut Exposition, compared: &Compared) {
    let name = "krush_comparison_info";
    out.family(name, Kind::Gauge, "What the replicates are; always 1.");
    let method = match compared.method {
        Method::Blocks => "blocks",
        Method::Pairs => "pairs",
    };
    out.sample(name, &[("method", method)], 1.0);
    let name = "krush_comparison_outcome";
    let help = "1 for what the comparison by itself came to, 0 for the others; absent if there is no baseline.";
    out.family(name, Kind::Gauge, help);
    for outcome in OUTCOMES {
        let value = flag(outcome == compared.outcome);
        out.sample(name, &[("outcome", outcome.name())], value);
    }
    let help = "Relative change for the worse that matters.";
    out.single(
        "krush_comparison_margin_ratio",
        Kind::Gauge,
        help,
        compared.margin,
    );
    let rows = &compared.metrics;
    if rows.is_empty() {
        return;
    }
    for (name, help, value) in RATIOS {
        let samples = rows.iter().filter_map(|row| Some((row, value(row)?)));
        let samples: Vec<(&MetricCompared, f64)> = samples.collect();
        if !samples.is_empty() {
            out.family(name, Kind::Gauge, help);
        }
        for (row, value) in samples {
            out.sample(name, &[("metric", &row.metric)], value);
        }
    }
    let name = "krush_comparison_decision";
    let help = "1 for what the comparison says of the metric, 0 for the others.";
    out.family(name, Kind::Gauge, help);
    for row in rows {
        for decision in DECISIONS {
            let value = flag(decision == row.decision());
            let labels = [("metric", &*row.metric), ("decision", decision)];
            out.sample(name, &labels, value);
        }
    }
    sides(out, rows);
}

/// Both sides of each metric in its base unit.
fn sides(out: &mut Exposition, rows: &[MetricCompared]) {
    let families = [
        (
            "records/s",
            "krush_comparison_throughput_records_per_second",
            1.0,
        ),
        ("us", "krush_comparison_latency_seconds", 1e6),
        ("ratio", "krush_comparison_success_ratio", 1.0),
    ];
    for (unit, name, divisor) in families {
        let of_unit = || rows.iter().filter(|row| row.unit == unit);
        if of_unit().next().is_none() {
            continue;
        }
        let help = "Median over the replicates of a side, baseline or run.";
        out.family(name, Kind::Gauge, help);
        for row in of_unit() {
            let quantile = quantile(&row.metric);
            for (side, value) in [("baseline", row.baseline), ("run", row.saw)] {
                let mut labels = vec![("side", side)];
                labels.extend(quantile.map(|quantile| ("quantile", quantile)));
                out.sample(name, &labels, value / divisor);
            }
        }
    }
}

/// The label of a percentile.
fn quantile(metric: &str) -> Option<&'static str> {
    match metric {
        "p50" => Some("0.5"),
        "p95" => Some("0.95"),
        "p99" => Some("0.99"),
        _ => None,
    }
}
