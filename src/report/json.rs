//! The report as JSON, the one shape on disk.

use super::Report;

/// Pretty-printed, with a newline at the end.
pub fn json(report: &Report) -> String {
    pretty(report)
}

/// Anything else that is kept beside reports, written the same way.
pub fn json_of(value: &impl serde::Serialize) -> String {
    pretty(value)
}

pub(super) fn pretty(report: &impl serde::Serialize) -> String {
    let mut text = serde_json::to_string_pretty(report)
        .expect("a report has string keys only, and JSON writes every f64 (NaN as null)");
    text.push('\n');
    text
}
