//! The run in a few equal spans: what came due, what was acked, and the latency of what came due.

use super::words::bounded;
use super::{Report, SecondLatency, SpanRow};
use crate::units::{self, grouped, rate_digits};

/// A closed loop of at least this many seconds is shown over time.
const LONG_SECS: f64 = 10.0;

/// Names of the columns.
pub(super) const HEAD: [&str; 7] = [
    "over time, s",
    "due rec/s",
    "acked rec/s",
    "failed req.",
    "P50",
    "P95",
    "max",
];

/// What the columns hold.
pub(super) const NOTE: &str =
    "due and latency: by when a request was due, sent or not; acked and failed: by when it ended";

/// A row a span; none if there is nothing to compare.
pub(super) fn rows(report: &Report) -> Vec<[String; 7]> {
    let open_loop = report.generator.connection_waits.is_some();
    let spans = &report.over_time;
    let of_load = spans.iter().filter(|span| span.load_secs > 0.0).count();
    if of_load < 2 || !(open_loop || report.elapsed_secs >= LONG_SECS) {
        return Vec::new();
    }
    spans.iter().map(row).collect()
}

fn row(span: &SpanRow) -> [String; 7] {
    let per_sec = |count: u64, secs: f64| {
        if secs > 0.0 {
            rate_digits(count as f64 / secs)
        } else {
            "-".to_owned()
        }
    };
    let from = span.row.second;
    let [p50, p95, max] = latency_cells(&span.row.latency_us);
    [
        if span.load_secs > 0.0 {
            format!("{from} - {}", seconds(from as f64 + span.secs))
        } else {
            format!("after {from}")
        },
        per_sec(span.row.records_due, span.load_secs),
        per_sec(span.row.records_acked, span.secs),
        grouped(span.row.failures),
        p50,
        p95,
        max,
    ]
}

fn seconds(secs: f64) -> String {
    let tenths = (secs * 10.0).round() / 10.0;
    format!("{tenths}")
}

fn latency_cells(latency: &SecondLatency) -> [String; 3] {
    let cell = |name: &str, value: Option<u64>| {
        let bound = latency.lower_bounds.iter().any(|bound| bound == name);
        value.map_or_else(|| "-".to_owned(), |us| bounded(units::latency(us), bound))
    };
    [
        cell("p50", latency.p50),
        cell("p95", latency.p95),
        cell("max", latency.max),
    ]
}

#[cfg(test)]
mod tests {
    use super::super::samples::{failing, good, report};
    use super::*;

    #[test]
    fn open_loops_and_long_runs_are_shown_over_time() {
        let spans = report(&failing()).over_time;
        let shown = |fixture, spans: &[SpanRow], elapsed_secs| {
            let mut report = report(&fixture);
            report.over_time = spans.to_vec();
            report.elapsed_secs = elapsed_secs;
            rows(&report).len()
        };
        assert_eq!(shown(failing(), &spans, 2.05), 3);
        assert_eq!(shown(good(), &spans, 9.9), 0);
        assert_eq!(shown(good(), &spans, 10.0), 3);
        assert_eq!(shown(failing(), &spans[1..], 10.0), 0, "nothing to compare");
    }
}
