//! Bencher Metric Format: benchmark → measure → value, with bounds where there are some.
//!
//! Source: the reference of the format on bencher.dev. The measures `latency` (ns) and `throughput` (operations/s) are built into
//! Bencher; the others are made by it under their names.

use std::collections::BTreeMap;

use serde::Serialize;

use super::super::Report;
use super::{benchmark_name, is_evidence};

/// One figure.
#[derive(Serialize)]
struct Metric {
    value: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    lower_value: Option<f64>,
}

/// One object for all reports. A run that proves nothing gives no benchmark.
pub(super) fn bencher(reports: &[&Report]) -> String {
    let evidence = reports.iter().filter(|report| is_evidence(report));
    let all: BTreeMap<String, BTreeMap<&str, Metric>> = evidence
        .map(|report| (benchmark_name(report), measures(report)))
        .collect();
    super::super::json::pretty(&all)
}

fn measures(report: &Report) -> BTreeMap<&'static str, Metric> {
    let summary = &report.summary;
    let latency = &summary.latency_us;
    let plain = |value| Metric {
        value,
        lower_value: None,
    };
    // The least it can be stands as its own lower limit, so that the plot shows where it comes from.
    let bounded = |key: &str, value: f64| Metric {
        value,
        lower_value: summary.is_lower_bound(key).then_some(value),
    };
    let mut measures = BTreeMap::from([
        ("throughput", plain(summary.records_per_sec)),
        ("success-percent", plain(summary.success_ratio * 100.0)),
    ]);
    measures.extend((latency.mean).map(|us| ("latency", bounded("mean", us * 1e3))));
    let percentiles = [
        ("p50-latency-ns", "p50", latency.p50),
        ("p95-latency-ns", "p95", latency.p95),
        ("p99-latency-ns", "p99", latency.p99),
    ];
    let ns = |us: u64| us as f64 * 1e3;
    measures.extend(
        (percentiles.into_iter()).filter_map(|(name, key, us)| Some((name, bounded(key, ns(us?))))),
    );
    if let Some(section) = &report.end_to_end {
        let latency = &section.latency_us;
        let percentiles = [
            ("p50-end-to-end-latency-ns", latency.p50),
            ("p95-end-to-end-latency-ns", latency.p95),
            ("p99-end-to-end-latency-ns", latency.p99),
        ];
        let percentiles = percentiles.into_iter();
        measures.extend(percentiles.filter_map(|(name, us)| Some((name, plain(ns(us?))))));
    }
    measures
}
