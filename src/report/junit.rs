//! The report as JUnit XML, for CI servers: the verdict, every threshold and every check of validity is a test case.
//!
//! Nothing is green that krush does not vouch for: the case `verdict` fails whenever the exit code is not 0, and a threshold
//! that was not judged is skipped, never passed.

use std::time::Duration;

use quick_junit::{NonSuccessKind, Property, TestCase, TestCaseStatus, TestSuite};

use super::Report;
use super::audit::{flat_names as audit_names, flat_values as audit_values};
use super::text;
use super::words::{
    bounded, failures_by_weight, fault_words, load_words, margin_words, merged_words, not_judged,
    records_ledger, requests_ledger, server_words, stand_in_words, topic_words,
};
use crate::audit::{self, Audited};
use crate::gate::{Check, MetricCompared, MetricVerdict, Outcome, ThresholdResult};
use crate::units::{self, counted};

/// JUnit XML with a newline at the end; one suite, `krush.SCENARIO`.
pub fn junit(report: &Report) -> String {
    let time = Duration::from_secs_f64(report.elapsed_secs.clamp(0.0, 1e9));
    let name = format!("krush.{}", clean(&report.plan.scenario));
    let mut suite = TestSuite::new(&name);
    suite.add_properties(properties(report));
    let mut last_word = case("verdict", &name, verdict(report));
    // CI servers add up the times of the cases: the run is in one of them.
    last_word.set_time(time);
    if report.verdict.exit_code == 0 && !report.verdict.reasons.is_empty() {
        let mut said = vec![report.verdict.headline.clone()];
        said.extend(report.verdict.reasons.clone());
        last_word.set_system_out(lines(&said));
    }
    suite.add_test_case(last_word);
    if let Some(audited) = &report.audit {
        let mut case = case("audit", &name, audit_status(audited));
        if matches!(case.status, TestCaseStatus::Success { .. }) {
            case.set_system_out(lines(&audit_lines(audited)));
        }
        suite.add_test_case(case);
    }
    // An expression says when the run fails, and so does the group it is shown in.
    let group = format!("{name}.fails_if");
    suite.add_test_cases(report.thresholds.iter().map(|threshold| {
        let status = threshold_status(report, threshold);
        let mut case = case(&threshold.expression, &group, status);
        if matches!(case.status, TestCaseStatus::Success { .. }) {
            case.set_system_out(lines(&threshold_lines(threshold)));
        }
        case
    }));
    if let Some(compared) = &report.comparison {
        let group = format!("{name}.baseline");
        let judged = compared.metrics.iter().filter(|row| row.judged);
        suite.add_test_cases(judged.map(|row| {
            let name = format!("no regression of {}", row.name());
            let mut case = case(&name, &group, compared_status(report, row));
            if matches!(case.status, TestCaseStatus::Success { .. }) {
                let change = format!("change {}", change_words(row));
                case.set_system_out(lines(&[vec![change], compared_lines(row)].concat()));
            }
            case
        }));
    }
    let group = format!("{name}.validity");
    let checks = report.validity.checks.iter();
    suite.add_test_cases(checks.map(|check| case(&check.name, &group, check_status(check))));
    let remarks = remarks(report);
    if !remarks.is_empty() {
        suite.set_system_out(lines(&remarks));
    }
    suite.set_time(time);
    // A date that is none, in a report of somebody else's making, is left out.
    suite.timestamp = report.started_at.parse().ok();

    let mut document = quick_junit::Report::new("krush");
    document.set_time(time);
    document.timestamp = suite.timestamp;
    document.add_test_suite(suite);
    document
        .to_string()
        .expect("it is written to memory, and its texts hold nothing that XML cannot")
}

/// One line of characters that XML can hold: it has no control characters, and neither of these two.
fn clean(text: &str) -> String {
    text::clean(text).replace(['\u{fffe}', '\u{ffff}'], "\u{fffd}")
}

fn lines(all: &[String]) -> String {
    let lines: Vec<String> = all.iter().map(|line| clean(line)).collect();
    lines.join("\n")
}

fn case(name: &str, group: &str, status: TestCaseStatus) -> TestCase {
    let mut case = TestCase::new(clean(name), status);
    case.set_classname(group);
    case.set_time(Duration::ZERO);
    case
}

/// A failure or an error: one line for the overview, and what to read when it is opened.
fn bad(kind: NonSuccessKind, of: &str, message: &str, text: &[String]) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(kind);
    status.set_type(of).set_message(clean(message));
    status.set_description(lines(text));
    status
}

/// Whatever ends the program with a code other than 0 is not green: a failure was judged and found wanting, an error could
/// not be judged.
fn verdict(report: &Report) -> TestCaseStatus {
    let verdict = &report.verdict;
    if verdict.exit_code == 0 && verdict.outcome == Outcome::Pass {
        return TestCaseStatus::success();
    }
    let kind = match verdict.outcome {
        Outcome::Pass | Outcome::Threshold | Outcome::Regression | Outcome::Integrity => {
            NonSuccessKind::Failure
        }
        Outcome::Inconclusive | Outcome::Void | Outcome::Target | Outcome::Interrupted => {
            NonSuccessKind::Error
        }
    };
    let message = format!("{} (exit {})", verdict.headline, verdict.exit_code);
    bad(kind, verdict.outcome.name(), &message, &verdict.reasons)
}

fn threshold_status(report: &Report, threshold: &ThresholdResult) -> TestCaseStatus {
    let saw = &threshold.saw;
    if let Some(why) = not_judged(report) {
        let mut status = TestCaseStatus::skipped();
        status.set_message(clean(&format!("not judged: {why}; saw {saw}")));
        return status;
    }
    if threshold.passed {
        return TestCaseStatus::success();
    }
    let mut text = threshold_lines(threshold);
    text.extend(threshold.reason.clone());
    let (kind, of) = if threshold.inconclusive {
        (NonSuccessKind::Error, "inconclusive")
    } else {
        (NonSuccessKind::Failure, "threshold")
    };
    bad(kind, of, &format!("saw {saw}"), &text)
}

/// What was asked and seen, the bound of the figure, and how far within the limit that is.
fn threshold_lines(threshold: &ThresholdResult) -> Vec<String> {
    let ThresholdResult {
        expression, saw, ..
    } = threshold;
    let bound = threshold.bound.as_ref();
    let margin = threshold.margin.map(margin_words);
    let mut lines = vec![format!("the run fails if {expression}: saw {saw}")];
    lines.extend(bound.map(|bound| format!("95 % bound: {bound}")));
    lines.extend(margin.map(|margin| format!("margin: {margin} of the limit")));
    lines
}

/// Green only if it is no regression; what cannot be told is an error.
fn compared_status(report: &Report, row: &MetricCompared) -> TestCaseStatus {
    if let Some(why) = not_judged(report) {
        let mut status = TestCaseStatus::skipped();
        status.set_message(clean(&format!("not judged: {why}")));
        return status;
    }
    let kind = match row.verdict {
        MetricVerdict::NoRegression | MetricVerdict::Improvement => {
            return TestCaseStatus::success();
        }
        MetricVerdict::Regression => NonSuccessKind::Failure,
        MetricVerdict::Inconclusive => NonSuccessKind::Error,
    };
    bad(kind, "baseline", &change_words(row), &compared_lines(row))
}

/// `-12.0 % (-13.1 % to -10.8 %)`.
fn change_words(row: &MetricCompared) -> String {
    format!(
        "{} ({} to {})",
        units::percent_of_change(row.change),
        units::percent_of_change(row.low),
        units::percent_of_change(row.high)
    )
}

fn compared_lines(row: &MetricCompared) -> Vec<String> {
    vec![
        format!(
            "baseline {:.1} {}, run {:.1} {}, p {:.4}",
            row.baseline, row.unit, row.saw, row.unit, row.p
        ),
        format!(
            "worse by at most {} (95 %)",
            units::share_of_change(row.worst)
        ),
        format!(
            "what would show: {}",
            units::share_of_change(row.minimum_detectable)
        ),
    ]
}

/// Green only if every acked record was found as it was sent.
fn audit_status(audited: &Audited) -> TestCaseStatus {
    let kind = match audited.outcome {
        audit::Outcome::Intact => return TestCaseStatus::success(),
        audit::Outcome::Violated => NonSuccessKind::Failure,
        audit::Outcome::Incomplete | audit::Outcome::NotDone | audit::Outcome::Interrupted => {
            NonSuccessKind::Error
        }
    };
    let lines = audit_lines(audited);
    bad(kind, "audit", &lines[0], &lines)
}

fn audit_lines(audited: &Audited) -> Vec<String> {
    let lines = super::audit::lines(audited).into_iter();
    lines
        .map(|(label, text)| [label, &text].join(" ").trim().to_owned())
        .collect()
}

fn check_status(check: &Check) -> TestCaseStatus {
    if check.passed {
        return TestCaseStatus::success();
    }
    let message = format!("saw {}, wanted {}", check.saw, check.wanted);
    let text = [
        format!("saw: {}", check.saw),
        format!("wanted: {}", check.wanted),
        format!("hint: {}", check.hint),
    ];
    bad(NonSuccessKind::Error, "void", &message, &text)
}

/// The main figures, and what they are figures of.
fn properties(report: &Report) -> Vec<Property> {
    let (summary, target) = (&report.summary, &report.target);
    let percentile = |key: &str, us: Option<u64>| match us {
        None => "-".to_owned(),
        Some(us) => bounded(units::latency(us), summary.is_lower_bound(key)),
    };
    let mut properties = vec![
        ("outcome", report.verdict.outcome.name().to_owned()),
        ("exit_code", report.verdict.exit_code.to_string()),
        ("target_kind", target.kind.name().to_owned()),
        ("target_server", server_words(target)),
        ("target_urls", target.urls.join(", ")),
    ];
    let notes = [stand_in_words(target), fault_words(target)];
    properties.extend(
        notes
            .into_iter()
            .flatten()
            .map(|note| ("target_note", note)),
    );
    properties.extend([
        ("topic", topic_words(target)),
        ("load", load_words(&report.plan).join(", ")),
        ("records_per_sec", format!("{:.1}", summary.records_per_sec)),
        ("p50", percentile("p50", summary.latency_us.p50)),
        ("p95", percentile("p95", summary.latency_us.p95)),
        ("p99", percentile("p99", summary.latency_us.p99)),
        ("success", units::percent(summary.success_ratio)),
    ]);
    if let Some(section) = &report.end_to_end {
        let latency = &section.latency_us;
        let words = |us: Option<u64>| us.map_or_else(|| "-".to_owned(), units::latency);
        properties.extend([
            ("end_to_end_p50", words(latency.p50)),
            ("end_to_end_p95", words(latency.p95)),
            ("end_to_end_p99", words(latency.p99)),
        ]);
    }
    let audit = audit_names().zip(audit_values(report.audit.as_ref()));
    let counted_by_audit = audit.filter_map(|(name, value)| Some(Property::new(name, value?)));
    properties.extend(merged_words(report).map(|words| ("merged", words)));
    properties.extend(reference(report));
    properties.extend([
        ("records", records_ledger(report).join("; ")),
        ("requests", requests_ledger(report).join("; ")),
        ("krush_version", report.tool.version.clone()),
    ]);
    properties
        .into_iter()
        .map(|(name, value)| Property::new(name, clean(&value)))
        .chain(counted_by_audit)
        .collect()
}

/// What the scenario compares with, where it does.
fn reference(report: &Report) -> Vec<(&'static str, String)> {
    let Some(reference) = &report.plan.reference else {
        return Vec::new();
    };
    let rate = |rate: f64| format!("{rate:.1}");
    [
        (
            "reference_records_per_sec",
            reference.records_per_sec.map(rate),
        ),
        ("reference_p95", reference.p95_us.map(units::latency)),
        (
            "reference_success",
            reference.success_ratio.map(units::percent),
        ),
        (
            "goal_records_per_sec",
            reference.goal_records_per_sec.map(rate),
        ),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name, value?)))
    .collect()
}

/// What a reader of the figures must know, a line each: no REST Proxy, warnings, failures.
fn remarks(report: &Report) -> Vec<String> {
    let notes = [stand_in_words(&report.target), fault_words(&report.target)];
    let notes = notes.into_iter().flatten();
    let warnings = report.warnings.iter();
    let failures = failures_by_weight(report).into_iter().map(|row| {
        let requests = counted(row.requests, "request", "requests");
        let records = counted(row.records, "record", "records");
        let line = format!("failure: {}: {requests}, {records}", row.kind.name());
        match &*row.sample {
            "" => line,
            sample => format!("{line}: {sample}"),
        }
    });
    notes
        .map(|note| format!("target: {note}"))
        .chain(warnings.map(|warning| format!("warning: {warning}")))
        .chain(failures)
        .collect()
}
