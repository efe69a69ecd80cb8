//! The latency block of every format: corrected beside uncorrected in an open loop, and which requests each row holds.

use super::words::bounded;
use super::{Distribution, Report, Summary};
use crate::units::{self, counted, grouped};

/// Corrected P99 over uncorrected P99 from which the difference gets a line.
const APART: f64 = 2.0;

/// Percentiles in the order in which they are shown, with their key in the report.
pub(super) const COLUMNS: [(&str, &str); 6] = [
    ("P50", "p50"),
    ("P90", "p90"),
    ("P95", "p95"),
    ("P99", "p99"),
    ("P99.9", "p99_9"),
    ("max", "max"),
];

/// The members of a distribution in the order of [`COLUMNS`]; absent ones as `-`.
pub(super) fn latency_cells(distribution: &Distribution, bounds: Option<&Summary>) -> Vec<String> {
    let d = distribution;
    let values = [d.p50, d.p90, d.p95, d.p99, d.p99_9, d.max];
    let cell = |((_, key), value): (&(&str, &str), Option<u64>)| match value {
        None => "-".to_owned(),
        Some(us) => bounded(
            units::latency(us),
            bounds.is_some_and(|summary| summary.is_lower_bound(key)),
        ),
    };
    COLUMNS.iter().zip(values).map(cell).collect()
}

/// Name and cells of each row.
pub(super) fn latency_rows(report: &Report) -> Vec<(&'static str, Vec<String>)> {
    let summary = &report.summary;
    let [all, answered] = if is_open_loop(report) {
        ["corrected", "uncorrected"]
    } else {
        ["batch", "of it service"]
    };
    let mut rows = vec![
        (all, latency_cells(&summary.latency_us, Some(summary))),
        (answered, latency_cells(&summary.service_time_us, None)),
        (
            "of it send delay",
            latency_cells(&summary.send_delay_us, None),
        ),
    ];
    rows.extend((report.end_to_end.as_ref()).map(|section| {
        let cells = latency_cells(&section.latency_us, None);
        ("to the consumer", cells)
    }));
    rows
}

fn is_open_loop(report: &Report) -> bool {
    report.generator.connection_waits.is_some()
}

/// What the rows hold, and what follows from the difference between them.
pub(super) fn latency_notes(report: &Report) -> Vec<String> {
    let summary = &report.summary;
    let all = counted(summary.latency_samples, "request", "requests");
    let answered = grouped(summary.uncorrected_samples);
    let answered_only = match summary.latency_bound_samples {
        0 => String::new(),
        _ => format!("; service time is that of the {answered} answered"),
    };
    let mut notes = vec![if is_open_loop(report) {
        format!(
            "open loop: corrected latency counts from when the request was due, for all of {all}; uncorrected from its \
             first byte sent, only for the {answered} answered"
        )
    } else {
        format!("closed loop: latency counts from when the connection was free{answered_only}")
    }];
    notes.extend(report.end_to_end.as_ref().map(|section| {
        format!(
            "to the consumer: from when its request was due until the answer to the fetch with it was there, for {}",
            counted(section.latency_samples, "record", "records")
        )
    }));
    notes.extend(apart_words(report));
    notes.extend(bounds_words(summary));
    notes
}

/// How far corrected and uncorrected latency are apart, and why.
fn apart_words(report: &Report) -> Option<String> {
    let summary = &report.summary;
    let (corrected, uncorrected) = (summary.latency_us.p99?, summary.service_time_us.p99?);
    let ratio = corrected as f64 / uncorrected.max(1) as f64;
    if !is_open_loop(report) || ratio <= APART {
        return None;
    }
    let waited = summary.send_delay_us.p99.unwrap_or(0) * 2 > corrected;
    let why = if waited {
        ": requests waited before they could be sent"
    } else {
        ", which leaves out those never sent or not answered"
    };
    let times = format!("{} times", units::rate_digits(ratio));
    Some(format!(
        "the corrected P99 is {} the uncorrected one{why}",
        bounded(times, summary.is_lower_bound("p99"))
    ))
}

/// How many latencies are only lower bounds, if any are.
pub(super) fn bounds_words(summary: &Summary) -> Option<String> {
    (summary.latency_bound_samples > 0).then(|| {
        format!(
            "≥: {} of {} were never sent or not answered; they count with the time they waited",
            grouped(summary.latency_bound_samples),
            counted(summary.latency_samples, "request", "requests")
        )
    })
}

#[cfg(test)]
mod tests {
    use super::super::samples::{failing, good, report};
    use super::*;

    /// The line on how far apart the two P99 are, for these µs.
    fn apart(corrected: u64, uncorrected: u64, send_delay: u64, bounds: &[&str]) -> String {
        let mut report = report(&failing());
        report.summary.latency_us.p99 = Some(corrected);
        report.summary.service_time_us.p99 = Some(uncorrected);
        report.summary.send_delay_us.p99 = Some(send_delay);
        report.summary.lower_bounds = bounds.iter().map(|&name| name.to_owned()).collect();
        apart_words(&report).unwrap_or_default()
    }

    #[test]
    fn more_than_a_factor_of_two_is_told_with_its_cause() {
        assert_eq!(apart(2_000, 1_000, 900, &[]), "");
        let lines = [
            apart(2_001, 1_000, 1_001, &[]),
            apart(57_000, 1_000, 56_000, &["p95"]),
            apart(57_000, 1_000, 56_000, &["p99"]),
            apart(57_000, 1_000, 100, &["p99"]),
        ];
        insta::assert_snapshot!(lines.join("\n"), @r"
        the corrected P99 is 2 times the uncorrected one: requests waited before they could be sent
        the corrected P99 is 57 times the uncorrected one: requests waited before they could be sent
        the corrected P99 is ≥ 57 times the uncorrected one: requests waited before they could be sent
        the corrected P99 is ≥ 57 times the uncorrected one, which leaves out those never sent or not answered
        ");
        let mut closed = report(&good());
        closed.summary.service_time_us.p99 = Some(1);
        assert_eq!(apart_words(&closed), None, "a closed loop corrects nothing");
    }

    #[test]
    fn a_row_of_answered_requests_says_so() {
        let mut fixture = good();
        assert!(!latency_notes(&report(&fixture))[0].contains("answered"));
        fixture.never_sent(10);
        assert!(latency_notes(&report(&fixture))[0].contains("that of the 90 answered"));
        let open = latency_notes(&report(&failing()))[0].clone();
        assert!(open.contains("all of 100 requests") && open.contains("only for the 92 answered"));
    }
}
