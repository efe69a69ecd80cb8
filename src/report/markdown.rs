//! The report as Markdown, for pull requests and notes.

use super::Report;
use super::latencies::{COLUMNS, latency_cells, latency_notes, latency_rows};
use super::over_time;
use super::text::clean;
use super::words::{
    capitalised, comparison, failures_by_weight, fault_words, generator_words, held_back_words,
    load_words, merged_words, records_ledger, requests_ledger, server_words, stand_in_words,
    threshold_cells, topic_words, volume_words, warmup_words,
};
use super::{audit, end_to_end};
use crate::units::{self, grouped, rate_digits};

/// GitHub-flavoured Markdown with a newline at the end.
pub fn markdown(report: &Report) -> String {
    let mut out: Vec<String> = Vec::new();
    out.extend(head(report));
    out.extend(comparison_table(report));
    out.extend(latency_table(report));
    out.extend(over_time_table(report));
    out.extend(ledger_list(report));
    out.extend(audit_list(report));
    out.extend(target_table(report));
    out.extend(failure_table(report));
    out.extend(threshold_table(report));
    out.extend(
        report
            .comparison
            .as_ref()
            .map_or_else(Vec::new, super::compared::section),
    );
    out.extend(check_table(report));
    out.extend(foot(report));
    out.push(String::new());
    out.join("\n")
}

/// Text of others, safe inside a table cell or a sentence.
pub(super) fn safe(text: &str) -> String {
    let mut out = String::new();
    for c in clean(text).chars() {
        if matches!(
            c,
            '|' | '`' | '*' | '_' | '<' | '>' | '[' | ']' | '\\' | '#'
        ) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

pub(super) fn table(head: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> Vec<String> {
    let mut lines = vec![
        format!("| {} |", head.join(" | ")),
        format!("|{}", " --- |".repeat(head.len())),
    ];
    lines.extend(
        rows.into_iter()
            .map(|row| format!("| {} |", row.join(" | "))),
    );
    lines.push(String::new());
    lines
}

fn head(report: &Report) -> Vec<String> {
    let verdict = &report.verdict;
    let mut lines = vec![
        format!(
            "# krush: {}: {}",
            safe(&report.plan.scenario),
            safe(&verdict.headline)
        ),
        String::new(),
    ];
    lines.extend(
        verdict
            .reasons
            .iter()
            .map(|reason| format!("- {}", safe(reason))),
    );
    if !verdict.reasons.is_empty() {
        lines.push(String::new());
    }
    let words = [stand_in_words(&report.target), fault_words(&report.target)];
    for text in words.into_iter().flatten() {
        lines.extend([format!("**Target: {}.**", safe(&text)), String::new()]);
    }
    let target = &report.target;
    let machine = &report.machine;
    let cpu = machine
        .cpu_model
        .as_deref()
        .map_or_else(String::new, |m| format!(", {m}"));
    lines.extend([
        format!(
            "- target: {} ({}), {}",
            safe(&target.urls.join(", ")),
            safe(&server_words(target)),
            safe(&topic_words(target))
        ),
        format!("- load: {}", load_words(&report.plan).join(", ")),
        format!(
            "- started: {}, krush {}, on {} {} with {} CPUs{}",
            report.started_at,
            clean(&report.tool.version),
            clean(&machine.os),
            clean(&machine.arch),
            machine.cpus,
            safe(&cpu)
        ),
        String::new(),
    ]);
    lines
}

fn comparison_table(report: &Report) -> Vec<String> {
    let rows = comparison(report).into_iter().map(Vec::from);
    let mut lines = table(&["", "this run", "reference", "ratio", "goal"], rows);
    if let Some(source) = report
        .plan
        .reference
        .as_ref()
        .and_then(|r| r.source.as_ref())
    {
        lines.extend([format!("Reference: {}", safe(source)), String::new()]);
    }
    lines
}

fn latency_table(report: &Report) -> Vec<String> {
    let mut head = vec!["latency"];
    head.extend(COLUMNS.map(|(name, _)| name));
    let rows = latency_rows(report)
        .into_iter()
        .map(|(name, cells)| [vec![name.to_owned()], cells].concat());
    let mut lines = table(&head, rows);
    let notes = latency_notes(report);
    let notes: Vec<String> = notes
        .iter()
        .map(|note| format!("{}.", capitalised(note)))
        .collect();
    lines.extend([notes.join(" "), String::new()]);
    lines
}

fn over_time_table(report: &Report) -> Vec<String> {
    let rows = over_time::rows(report);
    if rows.is_empty() {
        return Vec::new();
    }
    let mut lines = table(&over_time::HEAD, rows.into_iter().map(Vec::from));
    lines.extend([format!("{}.", capitalised(over_time::NOTE)), String::new()]);
    lines
}

fn ledger_list(report: &Report) -> Vec<String> {
    let mut lines = vec![
        format!("- records: {}", records_ledger(report).join("; ")),
        format!("- requests: {}", requests_ledger(report).join("; ")),
        format!("- volume: {}", volume_words(report)),
    ];
    lines.extend((report.end_to_end.as_ref()).map(|section| {
        format!(
            "- arrivals: {}",
            end_to_end::ledger_words(section).join("; ")
        )
    }));
    lines.push(format!(
        "- generator: {}",
        generator_words(report).join("; ")
    ));
    lines.extend(merged_words(report).map(|text| format!("- merged: {}", safe(&text))));
    lines.extend(held_back_words(report).map(|text| format!("- held back: {}", safe(&text))));
    lines.extend(warmup_words(report).map(|text| format!("- warm-up: {text}")));
    lines.push(String::new());
    lines
}

fn audit_list(report: &Report) -> Vec<String> {
    let Some(audited) = &report.audit else {
        return Vec::new();
    };
    let mut lines: Vec<String> = audit::lines(audited)
        .iter()
        .map(|(label, text)| match *label {
            "" => format!("  - {}", safe(text)),
            label => format!("- {label}: {}", safe(text)),
        })
        .collect();
    lines.push(String::new());
    lines
}

fn target_table(report: &Report) -> Vec<String> {
    if report.target.per_target.len() < 2 {
        return Vec::new();
    }
    let mut head = vec!["target", "acked", "rec/s", "success"];
    head.extend(COLUMNS.map(|(name, _)| name));
    let rows = report.target.per_target.iter().map(|row| {
        let mut cells = vec![
            safe(&row.url),
            grouped(row.ledger.records.acked),
            rate_digits(row.summary.records_per_sec),
            units::percent(row.summary.success_ratio),
        ];
        cells.extend(latency_cells(&row.summary.latency_us, Some(&row.summary)));
        cells
    });
    table(&head, rows)
}

fn failure_table(report: &Report) -> Vec<String> {
    if report.failures.is_empty() {
        return Vec::new();
    }
    let rows = failures_by_weight(report).into_iter().map(|row| {
        let number = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
        vec![
            row.kind.name().to_owned(),
            number(row.http_status.map(|status| status.to_string())),
            number(row.error_code.map(|code| code.to_string())),
            grouped(row.requests),
            grouped(row.records),
            safe(&row.sample),
        ]
    });
    table(
        &["failure", "status", "code", "requests", "records", "sample"],
        rows,
    )
}

fn threshold_table(report: &Report) -> Vec<String> {
    if report.thresholds.is_empty() {
        return Vec::new();
    }
    let void = report.validity.void;
    let rows = report.thresholds.iter().map(|threshold| {
        let [saw, bound, margin, word] = threshold_cells(threshold, void);
        vec![safe(&threshold.expression), saw, bound, margin, word]
    });
    table(
        &[
            "fails if",
            "saw",
            "95 % bound",
            "margin (of the limit)",
            "result",
        ],
        rows,
    )
}

/// Only the checks that failed: the others say nothing.
fn check_table(report: &Report) -> Vec<String> {
    if !report.validity.void {
        return Vec::new();
    }
    let failed = report.validity.checks.iter().filter(|check| !check.passed);
    let rows = failed.map(|check| {
        vec![
            check.name.clone(),
            safe(&check.saw),
            safe(&check.wanted),
            safe(&check.hint),
        ]
    });
    table(&["failed check", "saw", "wanted", "try"], rows)
}

fn foot(report: &Report) -> Vec<String> {
    let line = |warning: &String| format!("- **warning:** {}", safe(warning));
    report.warnings.iter().map(line).collect()
}
