//! Reads a report from disk, and says of anything else what it is.

use std::path::Path;

use serde_json::Value;

use super::consume::ConsumeReport;
use super::formats::Format;
use super::{Report, SCHEMA_VERSION, consistent};
use crate::error::{Error, Result};
use crate::history::Entry;

/// What helps whoever named the wrong file.
const HINT: &str = "give the JSON report of a load command (see --output)";

/// What a file holds that was named among reports.
#[derive(Debug)]
pub enum Found {
    /// A report of a load.
    Report(Box<Report>),
    /// Something else that krush writes, in words.
    Other(String),
}

/// Reads a file of a folder of results: a report, or something else that krush writes.
///
/// # Errors
/// As [`read`], of what is neither.
pub fn read_result(path: &Path) -> Result<Found> {
    let text = text(path)?;
    let format = Format::of(path).ok();
    if let Some(format) = format.filter(|format| format.ending != ".json") {
        return Ok(Found::Other(format!("in the format {}", format.name)));
    }
    let other = match serde_json::from_str(&text) {
        Ok(value) => other(&value).map(str::to_owned),
        // Several lines, each of them JSON.
        Err(_) if !crate::history::read(&text).entries.is_empty() => Some("a history".to_owned()),
        Err(_) => None,
    };
    match other {
        Some(what) => Ok(Found::Other(what)),
        None => Ok(Found::Report(Box::new(parse(
            &text,
            &path.display().to_string(),
        )?))),
    }
}

/// Reads the JSON report of a load command, and makes sure that it agrees with itself.
///
/// # Errors
/// Names the file, and what is wrong with it or what it is instead.
pub fn read(path: &Path) -> Result<Report> {
    parse(&text(path)?, &path.display().to_string())
}

fn text(path: &Path) -> Result<String> {
    std::fs::read_to_string(path)
        .map_err(|error| wrong(format!("cannot read report {}: {error}", path.display())))
}

/// The same from its text; `name` is what errors call it.
///
/// # Errors
/// As [`read`].
pub fn parse(text: &str, name: &str) -> Result<Report> {
    let value: Value = serde_json::from_str(text)
        .map_err(|error| wrong(format!("{name} is no report of krush: no JSON: {error}")))?;
    let version = value.get("schema_version").and_then(Value::as_u64);
    match version {
        None => {
            return Err(wrong(match other(&value) {
                Some(what) => format!("{name} is {what}, not a report"),
                None => format!("{name} is no report of krush: JSON without a schema_version"),
            }));
        }
        Some(version) if version > u64::from(SCHEMA_VERSION) => {
            return Err(Error::Usage {
                message: format!(
                    "{name} has schema_version {version}, this krush reads up to {SCHEMA_VERSION}"
                ),
                hint: Some("use the version of krush that wrote it, or a newer one".to_owned()),
            });
        }
        Some(_) => {}
    }
    // From the text, not from the value: the error then names line and column.
    let report: Report = serde_json::from_str(text)
        .map_err(|error| wrong(format!("{name} is {}", what_else(&value, &error))))?;
    consistent::check(&report).map_err(|why| Error::Usage {
        message: format!("{name} does not agree with itself: {why}"),
        hint: Some("the file was changed: give the report as krush wrote it".to_owned()),
    })?;
    Ok(report)
}

/// What it is if it is no report of a load.
fn what_else(value: &Value, error: &serde_json::Error) -> String {
    match other(value) {
        Some(what @ (TUNE | CAPACITY)) => format!("{what}, not a report: it has no run to show"),
        Some(what @ LINE) => format!("{what}, not a report: krush history reads it"),
        Some(what) => format!("{what}, not of a load"),
        None => format!("no report of krush: {error}"),
    }
}

const TUNE: &str = "a result of krush tune";
const CAPACITY: &str = "a result of krush capacity";
const LINE: &str = "a line of a history";

/// What else of krush's it is, in words.
fn other(value: &Value) -> Option<&'static str> {
    let has = |key: &str| value.get(key).is_some();
    let is_figure = |row: &Value| {
        ["name", "unit", "value"]
            .iter()
            .all(|key| row.get(key).is_some())
    };
    let is_measured = |all: &Value| {
        all.pointer("/throughput/value")
            .is_some_and(Value::is_number)
    };
    let some_all = |mut rows: std::slice::Iter<Value>| rows.len() > 0 && rows.all(is_figure);
    if has("limit") && has("shapes") {
        return Some(TUNE);
    }
    if has("slo") && has("steps") {
        return Some(CAPACITY);
    }
    if value.as_array().is_some_and(|rows| some_all(rows.iter())) {
        return Some("a list of figures for github-action-benchmark");
    }
    if (value.as_object()).is_some_and(|all| !all.is_empty() && all.values().all(is_measured)) {
        return Some("in the Bencher Metric Format");
    }
    if serde_json::from_value::<ConsumeReport>(value.clone()).is_ok() {
        return Some("a report of krush consume");
    }
    serde_json::from_value::<Entry>(value.clone())
        .is_ok()
        .then_some(LINE)
}

fn wrong(message: String) -> Error {
    Error::Usage {
        message,
        hint: Some(HINT.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{json, samples};
    use super::*;

    fn error(text: &str) -> String {
        parse(text, "x.json").expect_err("no report").to_string()
    }

    #[test]
    fn a_report_is_read_as_it_was_written() {
        let report = samples::in_one_second(samples::report(&samples::failing()));
        let read = parse(&json(&report), "x.json").unwrap();
        let compared = |report: Report| (report.ledger, report.failures, report.histograms);
        assert_eq!(read.verdict, report.verdict);
        assert_eq!(compared(read), compared(report));
    }

    #[test]
    fn what_is_no_report_is_called_by_its_name() {
        let report = samples::report(&samples::good());
        let newer = json(&report).replacen("\"schema_version\": 1", "\"schema_version\": 7", 1);
        let lacking = json(&report).replacen("\"started_at\"", "\"began_at\"", 1);
        let entry = serde_json::to_string(&Entry::of(&report, None)).unwrap();
        let texts = [
            r#"[{"name": "a", "unit": "records/s", "value": 1}]"#,
            r#"{"a": {"throughput": {"value": 1.5}}}"#,
            "[]",
            "{}",
            "",
            "# krush\n",
            "{\"a\":\n 1,}",
            "[1]",
            &newer,
            &lacking,
            &entry,
            r#"{"schema_version": 1, "limit": {}, "shapes": []}"#,
            r#"{"schema_version": 1, "slo": {}, "steps": []}"#,
        ];
        let said: Vec<String> = texts.iter().map(|text| error(text)).collect();
        insta::assert_snapshot!(said.join("\n"), @"
        x.json is a list of figures for github-action-benchmark, not a report
        x.json is in the Bencher Metric Format, not a report
        x.json is no report of krush: JSON without a schema_version
        x.json is no report of krush: JSON without a schema_version
        x.json is no report of krush: no JSON: EOF while parsing a value at line 1 column 0
        x.json is no report of krush: no JSON: expected value at line 1 column 1
        x.json is no report of krush: no JSON: trailing comma at line 2 column 4
        x.json is no report of krush: JSON without a schema_version
        x.json has schema_version 7, this krush reads up to 1
        x.json is no report of krush: missing field `started_at` at line 498 column 1
        x.json is a line of a history, not a report: krush history reads it
        x.json is a result of krush tune, not a report: it has no run to show
        x.json is a result of krush capacity, not a report: it has no run to show
        ");
    }

    #[test]
    fn a_line_of_the_history_says_which_percentiles_are_lower_bounds() {
        let mut report = samples::report(&samples::good());
        assert_eq!(Entry::of(&report, None).lower_bounds, [""; 0]);
        report.summary.lower_bounds = ["p95", "p99", "p99_9", "max"].map(str::to_owned).to_vec();
        assert_eq!(Entry::of(&report, None).lower_bounds, ["p95", "p99"]);
    }

    #[test]
    fn a_missing_file_is_named() {
        let error = read(Path::new("no/such.json")).expect_err("no file");
        assert!(
            error
                .to_string()
                .starts_with("cannot read report no/such.json: "),
            "{error}"
        );
        assert_eq!(error.exit_code(), 2);
        assert_eq!(error.hint(), Some(HINT));
    }
}
