//! CSV with a row a second of the run.

use std::borrow::Cow;

use super::super::text::clean;
use super::super::{Report, SecondRow};
use super::csv_summary::{table, whole};

/// A column and how a second fills it.
type Column = (&'static str, fn(&SecondRow) -> String);

/// The columns after those that name the run.
const COLUMNS: &[Column] = &[
    ("second", |row| row.second.to_string()),
    ("records_due", |row| row.records_due.to_string()),
    ("records_sent", |row| row.records_sent.to_string()),
    ("records_acked", |row| row.records_acked.to_string()),
    ("requests_due", |row| row.requests_due.to_string()),
    ("requests_sent", |row| row.requests_sent.to_string()),
    ("requests_ended", |row| row.requests.to_string()),
    ("requests_failed", |row| row.failures.to_string()),
    ("latency_p50_us", |row| whole(row.latency_us.p50)),
    ("latency_p95_us", |row| whole(row.latency_us.p95)),
    ("latency_max_us", |row| whole(row.latency_us.max)),
    ("latency_lower_bounds", |row| {
        row.latency_us.lower_bounds.join(" ")
    }),
];

/// CSV (RFC 4180): one line of names, then a row a second of each report; the first two columns say of which run.
pub(super) fn csv_timeline(reports: &[&Report]) -> String {
    let names = COLUMNS.iter().map(|(name, _)| *name);
    let head = ["started_at", "scenario"].into_iter().chain(names);
    let rows = reports.iter().flat_map(|report| {
        let scenario = clean(&report.plan.scenario);
        report.timeline.iter().map(move |second| {
            let run = [report.started_at.clone(), scenario.clone()];
            let cells = COLUMNS.iter().map(|(_, cell)| cell(second));
            run.into_iter().chain(cells).map(Cow::Owned).collect()
        })
    });
    table(head.map(Cow::Borrowed).collect(), rows)
}
