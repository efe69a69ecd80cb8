//! The columns of a comparison with a baseline, for the CSV with a row a run: empty in a run without one.

use super::super::Report;
use super::super::text::clean;
use super::csv_summary::number;
use crate::gate::{Compared, Method, MetricCompared};

/// Metrics that comparisons have, and the unit of their figures in the columns' names.
const METRICS: [(&str, &str); 5] = [
    ("throughput", "records_per_sec"),
    ("p95", "us"),
    ("success", "ratio"),
    ("p50", "us"),
    ("p99", "us"),
];

/// A column, or the end of its name, and how it is filled.
type Column<T> = (&'static str, fn(&T) -> String);

/// What is said of the whole.
const WHOLE: [Column<Compared>; 4] = [
    ("comparison_outcome", |compared| {
        compared.outcome.name().to_owned()
    }),
    ("comparison_method", |compared| {
        match compared.method {
            Method::Blocks => "blocks",
            Method::Pairs => "pairs",
        }
        .to_owned()
    }),
    ("comparison_baseline", |compared| {
        clean(&compared.baseline.source)
    }),
    ("comparison_margin_ratio", |compared| {
        number(compared.margin)
    }),
];

/// What is said of a metric: the end of the column's name, `UNIT` for that of the metric.
const OF_METRIC: [Column<MetricCompared>; 9] = [
    ("baseline_UNIT", |row| number(row.baseline)),
    ("run_UNIT", |row| number(row.saw)),
    ("change_ratio", |row| number(row.change)),
    ("change_low_ratio", |row| number(row.low)),
    ("change_high_ratio", |row| number(row.high)),
    ("confidence_ratio", |row| number(row.confidence)),
    ("worst_ratio", |row| {
        row.worst_bound().map_or_else(String::new, number)
    }),
    ("minimum_detectable_ratio", |row| {
        number(row.minimum_detectable)
    }),
    ("decision", |row| row.decision().to_owned()),
];

/// The names of the columns.
pub(super) fn names() -> impl Iterator<Item = String> {
    let of_metrics = METRICS.iter().flat_map(|(metric, unit)| {
        let ends = OF_METRIC.iter();
        ends.map(move |(end, _)| format!("comparison_{metric}_{}", end.replace("UNIT", unit)))
    });
    WHOLE
        .iter()
        .map(|(name, _)| (*name).to_owned())
        .chain(of_metrics)
}

/// The cells of a run, one a column.
pub(super) fn cells(report: &Report) -> impl Iterator<Item = String> {
    let compared = report.comparison.as_ref();
    let whole = WHOLE
        .iter()
        .map(move |(_, cell)| compared.map_or_else(String::new, cell));
    let of_metrics = METRICS.iter().flat_map(move |(metric, _)| {
        let mut rows = compared.into_iter().flat_map(|compared| &compared.metrics);
        let row = rows.find(|row| row.metric == *metric);
        OF_METRIC
            .iter()
            .map(move |(_, cell)| row.map_or_else(String::new, cell))
    });
    whole.chain(of_metrics)
}
