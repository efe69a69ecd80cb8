//! A finished run as Prometheus text: base units, few labels, nothing that names a URL.

mod audit;
mod comparison;

use std::collections::BTreeMap;

use super::super::histograms::latency;
use super::super::text::clean;
use super::super::words::not_judged;
use super::super::{Distribution, Report};
use super::exposition::{Exposition, Kind};
use super::{histogram, is_evidence, kind};
use crate::gate::Outcome;
use crate::measure::PERCENTILES;

/// Every outcome there is: the one of the run is 1, the others are 0.
const OUTCOMES: [Outcome; 8] = [
    Outcome::Pass,
    Outcome::Threshold,
    Outcome::Regression,
    Outcome::Inconclusive,
    Outcome::Void,
    Outcome::Integrity,
    Outcome::Target,
    Outcome::Interrupted,
];

/// The labels that every sample of a run has; no URL, which may name hosts and change from run to run.
pub fn run_labels(scenario: &str, target_kind: &str, topic: &str) -> Vec<(&'static str, String)> {
    vec![
        ("scenario", clean(scenario)),
        ("target_kind", target_kind.to_owned()),
        ("topic", clean(topic)),
    ]
}

/// Prometheus text, version 0.0.4.
pub fn prometheus(report: &Report) -> String {
    let target = &report.target;
    let common = run_labels(&report.plan.scenario, kind(report), &target.topic);
    let mut out = Exposition::new(common);
    verdict(&mut out, report);
    ledger(&mut out, report);
    rates(&mut out, report);
    latencies(&mut out, report);
    judged(&mut out, report);
    if let Some(audited) = &report.audit {
        audit::audit(&mut out, audited);
    }
    if let Some(compared) = &report.comparison {
        comparison::comparison(&mut out, compared);
    }
    out.finish()
}

fn verdict(out: &mut Exposition, report: &Report) {
    let name = "krush_run_info";
    out.family(name, Kind::Gauge, "What measured what; always 1.");
    let version = [
        ("version", &*report.tool.version),
        ("server", &clean(&report.target.server)),
        ("merged_runs", &super::merged_runs(report).to_string()),
    ];
    out.sample(name, &version, 1.0);
    let help = "1 if the run proves nothing (void, interrupted, target gone, records lost, none acked): its rates and latencies say nothing about the target.";
    out.single(
        "krush_run_void",
        Kind::Gauge,
        help,
        flag(!is_evidence(report)),
    );
    let name = "krush_verdict";
    out.family(
        name,
        Kind::Gauge,
        "1 for the outcome of the run, 0 for the others.",
    );
    for outcome in OUTCOMES {
        let value = flag(outcome == report.verdict.outcome);
        out.sample(name, &[("outcome", outcome.name())], value);
    }
    let code = f64::from(report.verdict.exit_code);
    out.single(
        "krush_exit_code",
        Kind::Gauge,
        "Exit code of the run; 0 is a pass.",
        code,
    );
    if let Ok(started) = humantime::parse_rfc3339(&report.started_at)
        && let Ok(since) = started.duration_since(std::time::UNIX_EPOCH)
    {
        let name = "krush_run_started_timestamp_seconds";
        let help = "When the measured part began, seconds since 1970.";
        out.single(name, Kind::Gauge, help, since.as_secs_f64());
    }
    let help = "Start of the measured part to its end, drain included.";
    out.single(
        "krush_run_elapsed_seconds",
        Kind::Gauge,
        help,
        report.elapsed_secs,
    );
    let help = "Warnings: what weakens the run without voiding it.";
    out.single(
        "krush_warnings",
        Kind::Gauge,
        help,
        report.warnings.len() as f64,
    );
}

fn ledger(out: &mut Exposition, report: &Report) {
    let records = &report.ledger.records;
    let requests = &report.ledger.requests;
    counters(
        out,
        "krush_records_total",
        "Records by where they ended; their sum is what was scheduled.",
        "fate",
        &[
            ("acked", records.acked),
            ("rejected", records.rejected),
            ("unknown", records.unknown),
            ("unsent", records.unsent),
        ],
    );
    counters(
        out,
        "krush_requests_total",
        "Requests by where they ended; their sum is what was scheduled.",
        "fate",
        &[
            ("complete", requests.complete),
            ("partial", requests.partial),
            ("rejected", requests.rejected),
            ("unknown", requests.unknown),
            ("unsent", requests.unsent),
        ],
    );
    let mut failures: BTreeMap<&str, u64> = BTreeMap::new();
    for row in &report.failures {
        let sum = failures.entry(row.kind.name()).or_default();
        *sum = sum.saturating_add(row.requests);
    }
    let failures: Vec<(&str, u64)> = failures.into_iter().collect();
    let help = "Requests that ended not complete, by kind.";
    counters(out, "krush_failed_requests_total", help, "kind", &failures);
}

fn counters(out: &mut Exposition, name: &str, help: &str, label: &str, values: &[(&str, u64)]) {
    if values.is_empty() {
        return;
    }
    out.family(name, Kind::Counter, help);
    for (value, count) in values {
        out.sample(name, &[(label, value)], *count as f64);
    }
}

fn rates(out: &mut Exposition, report: &Report) {
    let summary = &report.summary;
    let gauges = [
        (
            "krush_throughput_records_per_second",
            "Acked records over the time from the first byte to the last acknowledgement.",
            summary.records_per_sec,
        ),
        (
            "krush_throughput_requests_per_second",
            "Requests with an answer over the same time.",
            summary.requests_per_sec,
        ),
        (
            "krush_throughput_payload_bytes_per_second",
            "Key and value bytes of acked records over the same time.",
            summary.payload_bytes_per_sec,
        ),
        (
            "krush_throughput_wire_bytes_per_second",
            "Bytes of HTTP requests written over the same time.",
            summary.wire_bytes_per_sec,
        ),
        (
            "krush_success_ratio",
            "Acked over scheduled records, 0 to 1.",
            summary.success_ratio,
        ),
    ];
    for (name, help, value) in gauges {
        out.single(name, Kind::Gauge, help, value);
    }
    let reference = report.plan.reference.as_ref();
    let wanted = [
        (
            "krush_reference_records_per_second",
            "Throughput that the scenario compares with.",
            reference.and_then(|reference| reference.records_per_sec),
        ),
        (
            "krush_goal_records_per_second",
            "Throughput that the scenario aims at.",
            reference.and_then(|reference| reference.goal_records_per_sec),
        ),
    ];
    for (name, help, value) in wanted {
        if let Some(value) = value {
            out.single(name, Kind::Gauge, help, value);
        }
    }
}

/// A quantile, its key in `lower_bounds`, and its value.
type Quantile = (&'static str, &'static str, Option<u64>);

fn quantiles(distribution: &Distribution) -> [Quantile; 5] {
    let d = distribution;
    [
        ("0.5", "p50", d.p50),
        ("0.9", "p90", d.p90),
        ("0.95", "p95", d.p95),
        ("0.99", "p99", d.p99),
        ("0.999", "p99_9", d.p99_9),
    ]
}

fn latencies(out: &mut Exposition, report: &Report) {
    let (summary, histograms) = (&report.summary, &report.histograms);
    distribution(
        out,
        "krush_latency_seconds",
        "Response fully read minus due, of every request; those that never got an answer count as infinitely slow: +Inf, if the \
         quantile falls among them. See krush_latency_at_least_seconds.",
        (&summary.latency_us, &histograms.latency),
        latency_values(report),
    );
    distribution(
        out,
        "krush_service_time_seconds",
        "Response fully read minus first byte written, of requests with an answer.",
        (&summary.service_time_us, &histograms.service_time),
        values(&summary.service_time_us),
    );
    distribution(
        out,
        "krush_send_delay_seconds",
        "First byte written minus due, of every request sent.",
        (&summary.send_delay_us, &histograms.send_delay),
        values(&summary.send_delay_us),
    );
    if let Some(section) = &report.end_to_end {
        distribution(
            out,
            "krush_end_to_end_latency_seconds",
            "Record in a consumer's hands minus its request being due, of every record that arrived.",
            (&section.latency_us, &section.histogram),
            values(&section.latency_us),
        );
    }
    let bounds = quantiles(&summary.latency_us);
    let is_bound = |(_, key, _): &&Quantile| summary.is_lower_bound(key);
    let bounds: Vec<_> = bounds.iter().filter(is_bound).collect();
    if bounds.is_empty() {
        return;
    }
    let name = "krush_latency_at_least_seconds";
    let help = "Lower bounds of the quantiles of krush_latency_seconds that depend on requests without an answer: these count with \
                the time they waited.";
    out.family(name, Kind::Gauge, help);
    for (quantile, _, us) in bounds {
        out.sample(name, &[("quantile", quantile)], seconds(*us));
    }
}

/// The quantiles in seconds.
fn values(of: &Distribution) -> [f64; 5] {
    quantiles(of).map(|(_, _, us)| seconds(us))
}

/// Those of the latency, requests without an answer being infinitely slow.
fn latency_values(report: &Report) -> [f64; 5] {
    let mut values = values(&report.summary.latency_us);
    if let Some(latency) = latency(&report.histograms) {
        for (value, (_, percentile)) in values.iter_mut().zip(PERCENTILES) {
            let reading = latency.percentile(percentile);
            *value = reading.map_or(*value, |reading| reading.most / 1e6);
        }
    }
    values
}

fn distribution(
    out: &mut Exposition,
    name: &str,
    help: &str,
    (of, encoded): (&Distribution, &str),
    values: [f64; 5],
) {
    out.family(name, Kind::Summary, help);
    for ((quantile, ..), value) in quantiles(of).into_iter().zip(values) {
        out.sample(name, &[("quantile", quantile)], value);
    }
    let count = histogram(encoded).len() as f64;
    let sum = of.mean.unwrap_or(0.0) * count / 1e6;
    out.sample(&format!("{name}_sum"), &[], sum);
    out.sample(&format!("{name}_count"), &[], count);
}

/// `NaN` stands for a quantile of nothing, as in Prometheus' own libraries.
fn seconds(us: Option<u64>) -> f64 {
    us.map_or(f64::NAN, |us| us as f64 / 1e6)
}

fn judged(out: &mut Exposition, report: &Report) {
    let name = "krush_validity_check_passed";
    out.family(
        name,
        Kind::Gauge,
        "1 for a check of validity that passed, 0 for one that voids the run.",
    );
    for check in &report.validity.checks {
        let check_name = clean(&check.name);
        out.sample(name, &[("check", &check_name)], flag(check.passed));
    }
    if report.thresholds.is_empty() || not_judged(report).is_some() {
        return;
    }
    let name = "krush_threshold_met";
    out.family(
        name,
        Kind::Gauge,
        "1 for a threshold that the run met, 0 for one it missed; absent if none was judged.",
    );
    for threshold in &report.thresholds {
        let fails_if = clean(&threshold.expression);
        out.sample(name, &[("fails_if", &fails_if)], flag(threshold.passed));
    }
}

fn flag(on: bool) -> f64 {
    f64::from(u8::from(on))
}
