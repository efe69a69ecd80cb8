//! CSV with a row a run: the figures that people put into a spreadsheet, each with its unit in the column's name.

use std::borrow::Cow;

use super::super::text::clean;
use super::super::words::not_judged;
use super::super::{Distribution, Report};
use super::csv_comparison;
use crate::report::audit::{flat_names, flat_values};

/// A column and how a report fills it.
type Column = (&'static str, fn(&Report) -> String);

/// The columns, left to right.
const COLUMNS: &[Column] = &[
    ("started_at", |r| r.started_at.clone()),
    ("scenario", |r| clean(&r.plan.scenario)),
    ("target_kind", |r| r.target.kind.name().to_owned()),
    ("server", |r| clean(&r.target.server)),
    ("urls", |r| clean(&r.target.urls.join(" "))),
    ("topic", |r| clean(&r.target.topic)),
    ("outcome", |r| r.verdict.outcome.name().to_owned()),
    ("exit_code", |r| r.verdict.exit_code.to_string()),
    ("void", |r| r.validity.void.to_string()),
    ("concurrency", |r| r.plan.load.concurrency.to_string()),
    ("batch_size_records", |r| r.plan.load.batch_size.to_string()),
    ("message_size_bytes", |r| {
        r.plan.payload.message_size_bytes.to_string()
    }),
    ("open_loop", |r| r.plan.load.is_open_loop().to_string()),
    ("offered_records_per_sec", |r| {
        r.plan
            .load
            .rate_records_per_sec
            .map_or_else(String::new, number)
    }),
    ("duration_secs", |r| number(r.summary.duration_secs)),
    ("records_per_sec", |r| number(r.summary.records_per_sec)),
    ("reference_records_per_sec", |r| {
        reference(r, |reference| reference.records_per_sec)
    }),
    ("goal_records_per_sec", |r| {
        reference(r, |reference| reference.goal_records_per_sec)
    }),
    ("requests_per_sec", |r| number(r.summary.requests_per_sec)),
    ("payload_bytes_per_sec", |r| {
        number(r.summary.payload_bytes_per_sec)
    }),
    ("wire_bytes_per_sec", |r| {
        number(r.summary.wire_bytes_per_sec)
    }),
    ("success_ratio", |r| number(r.summary.success_ratio)),
    ("records_scheduled", |r| {
        r.ledger.records.scheduled.to_string()
    }),
    ("records_sent", |r| r.ledger.records.sent.to_string()),
    ("records_acked", |r| r.ledger.records.acked.to_string()),
    ("records_rejected", |r| {
        r.ledger.records.rejected.to_string()
    }),
    ("records_unknown", |r| r.ledger.records.unknown.to_string()),
    ("records_unsent", |r| r.ledger.records.unsent.to_string()),
    ("requests_sent", |r| r.ledger.requests.sent.to_string()),
    ("requests_complete", |r| {
        r.ledger.requests.complete.to_string()
    }),
    ("requests_partial", |r| {
        r.ledger.requests.partial.to_string()
    }),
    ("requests_rejected", |r| {
        r.ledger.requests.rejected.to_string()
    }),
    ("requests_unknown", |r| {
        r.ledger.requests.unknown.to_string()
    }),
    ("latency_p50_us", |r| whole(r.summary.latency_us.p50)),
    ("latency_p90_us", |r| whole(r.summary.latency_us.p90)),
    ("latency_p95_us", |r| whole(r.summary.latency_us.p95)),
    ("latency_p99_us", |r| whole(r.summary.latency_us.p99)),
    ("latency_p99_9_us", |r| whole(r.summary.latency_us.p99_9)),
    ("latency_max_us", |r| whole(r.summary.latency_us.max)),
    ("latency_mean_us", |r| mean(&r.summary.latency_us)),
    ("latency_lower_bounds", |r| r.summary.lower_bounds.join(" ")),
    ("service_time_p50_us", |r| {
        whole(r.summary.service_time_us.p50)
    }),
    ("service_time_p95_us", |r| {
        whole(r.summary.service_time_us.p95)
    }),
    ("service_time_p99_us", |r| {
        whole(r.summary.service_time_us.p99)
    }),
    ("send_delay_p50_us", |r| whole(r.summary.send_delay_us.p50)),
    ("send_delay_p95_us", |r| whole(r.summary.send_delay_us.p95)),
    ("send_delay_p99_us", |r| whole(r.summary.send_delay_us.p99)),
    ("end_to_end_records", |r| {
        whole(r.end_to_end.as_ref().map(|section| section.latency_samples))
    }),
    ("end_to_end_p50_us", |r| whole(end_to_end(r).p50)),
    ("end_to_end_p90_us", |r| whole(end_to_end(r).p90)),
    ("end_to_end_p95_us", |r| whole(end_to_end(r).p95)),
    ("end_to_end_p99_us", |r| whole(end_to_end(r).p99)),
    ("end_to_end_p99_9_us", |r| whole(end_to_end(r).p99_9)),
    ("end_to_end_max_us", |r| whole(end_to_end(r).max)),
    ("end_to_end_mean_us", |r| mean(&end_to_end(r))),
    ("warnings", |r| r.warnings.len().to_string()),
    ("thresholds_missed", thresholds_missed),
    ("os", |r| clean(&r.machine.os)),
    ("arch", |r| clean(&r.machine.arch)),
    ("cpus", |r| r.machine.cpus.to_string()),
    ("cpu_model", |r| {
        clean(r.machine.cpu_model.as_deref().unwrap_or_default())
    }),
    ("merged_runs", |r| super::merged_runs(r).to_string()),
    ("krush_version", |r| clean(&r.tool.version)),
];

/// CSV (RFC 4180): one line of names, then a row a report. A cell is empty where there is no such figure.
pub(super) fn csv_summary(reports: &[&Report]) -> String {
    let head = COLUMNS.iter().map(|(name, _)| Cow::Borrowed(*name));
    let more = flat_names().chain(csv_comparison::names());
    let head = head.chain(more.map(Cow::Owned));
    let rows = reports.iter().map(|report| {
        let cells = COLUMNS.iter().map(|(_, cell)| cell(report));
        let audit = flat_values(report.audit.as_ref()).map(Option::unwrap_or_default);
        let cells = cells.chain(audit).chain(csv_comparison::cells(report));
        cells.map(Cow::Owned).collect()
    });
    table(head.collect(), rows)
}

/// CSV of a head and rows as long as it.
pub(super) fn table<'a>(
    head: Vec<Cow<'a, str>>,
    rows: impl IntoIterator<Item = Vec<Cow<'a, str>>>,
) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in std::iter::once(head).chain(rows) {
        writer
            .write_record(row.iter().map(|cell| cell.as_bytes()))
            .expect("writing to memory cannot fail, and every row has the columns of the head");
    }
    let bytes = writer.into_inner().expect("writing to memory cannot fail");
    String::from_utf8(bytes).expect("it is made of strings")
}

/// A whole number, empty if there is none.
pub(super) fn whole(value: Option<u64>) -> String {
    value.map_or_else(String::new, |value| value.to_string())
}

/// As many digits as are needed to read the same number back.
pub(super) fn number(value: f64) -> String {
    if value.is_finite() {
        value.to_string()
    } else {
        String::new()
    }
}

fn mean(distribution: &Distribution) -> String {
    distribution.mean.map_or_else(String::new, number)
}

/// What consumers saw; of a command that has none, nothing.
fn end_to_end(report: &Report) -> Distribution {
    let section = report.end_to_end.as_ref();
    section
        .map(|section| section.latency_us)
        .unwrap_or_default()
}

fn reference(
    report: &Report,
    figure: fn(&super::super::ReferenceSection) -> Option<f64>,
) -> String {
    let reference = report.plan.reference.as_ref();
    reference.and_then(figure).map_or_else(String::new, number)
}

/// Expressions, separated by `; `; empty too if none was judged.
fn thresholds_missed(report: &Report) -> String {
    if not_judged(report).is_some() {
        return String::new();
    }
    let missed = report.thresholds.iter().filter(|result| !result.passed);
    let missed: Vec<String> = missed.map(|result| clean(&result.expression)).collect();
    missed.join("; ")
}
