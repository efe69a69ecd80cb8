//! The two custom formats of github-action-benchmark: a list of `{name, unit, value, extra}`, by which direction is better.
//!
//! Source: `BenchmarkResult` in src/extract.ts of benchmark-action/github-action-benchmark.

use serde::Serialize;

use super::super::Report;
use super::{benchmark_name, is_evidence};

/// One figure.
#[derive(Serialize)]
struct Entry {
    name: String,
    unit: &'static str,
    value: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    extra: Option<String>,
}

/// Figures of which more is better. A run that proves nothing gives none, and the action refuses an empty list in so many words.
pub(super) fn bigger(reports: &[&Report]) -> String {
    list(reports, |report| {
        vec![
            entry(
                report,
                "throughput",
                "records/s",
                report.summary.records_per_sec,
            ),
            entry(report, "success", "%", report.summary.success_ratio * 100.0),
        ]
    })
}

/// Figures of which less is better.
pub(super) fn smaller(reports: &[&Report]) -> String {
    list(reports, |report| {
        let latency = &report.summary.latency_us;
        let percentiles = [
            ("P50 latency", "p50", latency.p50),
            ("P95 latency", "p95", latency.p95),
            ("P99 latency", "p99", latency.p99),
        ];
        let mut entries: Vec<Entry> = percentiles
            .into_iter()
            .filter_map(|(name, key, us)| {
                let mut one = entry(report, name, "ms", us? as f64 / 1e3);
                if report.summary.is_lower_bound(key) {
                    one.extra = Some("at least: requests never got an answer".to_owned());
                }
                Some(one)
            })
            .collect();
        if let Some(section) = &report.end_to_end {
            let latency = &section.latency_us;
            let percentiles = [
                ("P50 end-to-end latency", latency.p50),
                ("P95 end-to-end latency", latency.p95),
                ("P99 end-to-end latency", latency.p99),
            ];
            entries.extend(
                (percentiles.into_iter())
                    .filter_map(|(name, us)| Some(entry(report, name, "ms", us? as f64 / 1e3))),
            );
        }
        let records = &report.ledger.records;
        let failed = records.rejected.saturating_add(records.unknown);
        entries.push(entry(report, "failed", "records", failed as f64));
        entries
    })
}

fn entry(report: &Report, figure: &str, unit: &'static str, value: f64) -> Entry {
    Entry {
        name: format!("{}: {figure}", benchmark_name(report)),
        unit,
        value,
        extra: None,
    }
}

fn list(reports: &[&Report], entries: fn(&Report) -> Vec<Entry>) -> String {
    let evidence = reports.iter().filter(|report| is_evidence(report));
    let all: Vec<Entry> = evidence.flat_map(|report| entries(report)).collect();
    super::super::json::pretty(&all)
}
