//! Reads a report from disk, and says of anything else what it is.

use std::path::Path;

use serde_json::Value;

use super::consume::ConsumeReport;
use super::{Report, SCHEMA_VERSION, consistent};
use crate::error::{Error, Result};
use crate::history::Entry;

/// What helps whoever named the wrong file.
const HINT: &str = "give the JSON report of a load command (see --output)";

/// Reads the JSON report of a load command, and makes sure that it agrees with itself.
///
/// # Errors
/// Names the file, and what is wrong with it or what it is instead.
pub fn read(path: &Path) -> Result<Report> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| wrong(format!("cannot read report {}: {error}", path.display())))?;
    parse(&text, &path.display().to_string())
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
            return Err(wrong(format!(
                "{name} is no report of krush: JSON without a schema_version"
            )));
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
    let is_consume = serde_json::from_value::<ConsumeReport>(value.clone()).is_ok();
    let is_entry = serde_json::from_value::<Entry>(value.clone()).is_ok();
    let has = |key: &str| value.get(key).is_some();
    match (is_consume, is_entry) {
        _ if has("limit") && has("shapes") => {
            "a result of krush tune, not a report: it has no run to show".to_owned()
        }
        _ if has("slo") && has("steps") => {
            "a result of krush capacity, not a report: it has no run to show".to_owned()
        }
        (true, _) => "a report of krush consume, not of a load".to_owned(),
        (_, true) => "a line of a history, not a report: krush history reads it".to_owned(),
        _ => format!("no report of krush: {error}"),
    }
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
