//! The report for a terminal: 80 columns, readable without colour.

use std::path::PathBuf;

use tabled::builder::Builder;
use tabled::settings::object::Columns;
use tabled::settings::{Alignment, Padding, Style as Borders};

use super::latencies::{COLUMNS, latency_notes, latency_rows};
use super::over_time;
use super::text::{WIDTH, clean, fill, shorten, wrap};
use super::words::{
    MARGIN_NOTE, bounded, comparison, failures_by_weight, fault_words, generator_words,
    held_back_words, load_words, merged_words, records_ledger, requests_ledger, server_words,
    stand_in_words, threshold_cells, topic_words, volume_words, warmup_words,
};
use super::{PlanSection, Report, Style, Summary, TargetFacts, TargetSection};
use super::{audit, end_to_end};
use crate::audit::Audited;
use crate::gate::{Outcome, Verdict};
use crate::plan::Plan;
use crate::units::{self, grouped, rate_digits};

/// Failure rows shown; the report has them all.
const FAILURES_SHOWN: usize = 8;
/// Characters of a server's text shown.
const SAMPLE_SHOWN: usize = 150;
/// Column at which the values of labelled lines start.
const LABEL: usize = 18;

/// What is tested with what: the lines that are printed before load starts.
pub fn header(plan: &Plan, facts: &TargetFacts) -> String {
    header_lines(
        &PlanSection::of(plan),
        &TargetSection::of(plan, facts, Vec::new()),
    )
}

/// The whole result: [`header`], then [`body`].
pub fn render(report: &Report, files: &[PathBuf], style: Style) -> String {
    let header = header_lines(&report.plan, &report.target);
    format!("{header}\n{}", body(report, files, style))
}

/// The result without its header. Only the paths of `files` may be longer than 80 columns.
pub fn body(report: &Report, files: &[PathBuf], style: Style) -> String {
    let mut out = String::new();
    let mut add = |block: Vec<String>| {
        for line in block {
            out.push_str(&line);
            out.push('\n');
        }
    };
    add(against_reference(report));
    add(vec![String::new()]);
    add(latencies(report));
    add(vec![String::new()]);
    add(over_time(report));
    add(ledgers(report));
    add(report.audit.as_ref().map_or_else(Vec::new, audit_lines));
    add(targets(report));
    add(failures(report));
    add(thresholds(report));
    add(compared(report, style));
    add(warning_lines(&report.warnings, style));
    add(verdict_block(&report.verdict, files, style));
    out
}

/// The verdict alone, for `--quiet`; still says if the target is no REST Proxy, or misbehaves on purpose.
pub fn verdict_lines(report: &Report, files: &[PathBuf], style: Style) -> String {
    let mut lines = verdict_block(&report.verdict, files, style);
    for words in [stand_in_words(&report.target), fault_words(&report.target)] {
        lines.extend(words.map_or_else(Vec::new, |text| wrap("  ", 4, &text)));
    }
    lines.push(String::new());
    lines.join("\n")
}

fn header_lines(plan: &PlanSection, target: &TargetSection) -> String {
    let version = env!("CARGO_PKG_VERSION");
    let segments = [
        format!("krush {version}"),
        plan.scenario.clone(),
        format!("→ {}", target.urls.join(", ")),
        format!("({})", server_words(target)),
        topic_words(target),
    ];
    let mut lines = fill(&segments.map(|segment| clean(&segment)), "  ");
    lines.extend(fill(&load_words(plan), ", "));
    for text in [stand_in_words(target), fault_words(target)] {
        lines.extend(text.map_or_else(Vec::new, |text| wrap("", 2, &text)));
    }
    lines.push(String::new());
    lines.join("\n")
}

/// Aligned columns without borders: the first to the left, the others to the right if `numbers`. They move together where
/// that keeps a line whole.
pub(super) fn columns(rows: Vec<Vec<String>>, numbers: bool) -> Vec<String> {
    let lines = lines_of_columns(rows, numbers);
    lines.iter().flat_map(|line| fit(line)).collect()
}

/// The same with two spaces between, if each row fits a line as a row.
pub(super) fn whole_columns(rows: Vec<Vec<String>>, numbers: bool) -> Option<Vec<String>> {
    let lines = laid_out(rows, numbers, 2);
    lines.iter().all(|line| is_whole(line)).then_some(lines)
}

/// The same, each row on a line however long.
pub(super) fn lines_of_columns(rows: Vec<Vec<String>>, numbers: bool) -> Vec<String> {
    whole_columns(rows.clone(), numbers).unwrap_or_else(|| laid_out(rows, numbers, 1))
}

fn laid_out(rows: Vec<Vec<String>>, numbers: bool, gap: usize) -> Vec<String> {
    let mut table = Builder::from_iter(rows).build();
    table
        .with(Borders::empty())
        .with(Padding::new(0, gap, 0, 0));
    if numbers {
        table.modify(Columns::new(1..), Alignment::right());
    }
    let text = table.to_string();
    text.lines()
        .map(|line| line.trim_end().to_owned())
        .collect()
}

fn is_whole(line: &str) -> bool {
    line.chars().count() <= WIDTH
}

/// A line as it is if it fits, else wrapped.
fn fit(line: &str) -> Vec<String> {
    if is_whole(line) {
        vec![line.to_owned()]
    } else {
        wrap("", 2, line)
    }
}

pub(super) fn labelled(label: &str, text: &str) -> Vec<String> {
    wrap(&format!("{label:<LABEL$}"), LABEL, text)
}

fn against_reference(report: &Report) -> Vec<String> {
    let mut head = ["", "this run", "", "", ""];
    if let Some(reference) = &report.plan.reference {
        head[2] = "reference";
        head[3] = "ratio";
        if reference.goal_records_per_sec.is_some() {
            head[4] = "goal";
        }
    }
    // A first cell as wide as a label keeps all blocks in line.
    let mut rows = vec![head.map(str::to_owned)];
    rows.extend(comparison(report));
    for row in &mut rows {
        row[0] = format!("{:<1$}", row[0], LABEL - 2);
    }
    let rows: Vec<Vec<String>> = rows.into_iter().map(Vec::from).collect();
    columns(rows, false)
}

/// A row whose first cell is as wide as a label.
pub(super) fn row_of(name: &str, cells: Vec<String>) -> Vec<String> {
    let mut row = vec![format!("{name:<0$}", LABEL - 2)];
    row.extend(cells);
    row
}

fn latencies(report: &Report) -> Vec<String> {
    let names = COLUMNS.map(|(name, _)| name.to_owned()).to_vec();
    let mut rows = vec![row_of("latency", names)];
    rows.extend(
        latency_rows(report)
            .into_iter()
            .map(|(name, cells)| row_of(name, cells)),
    );
    let mut lines = columns(rows, false);
    let notes = latency_notes(report);
    lines.extend(notes.iter().flat_map(|note| wrap("", 2, note)));
    lines
}

/// What happened when, if that is worth a look.
fn over_time(report: &Report) -> Vec<String> {
    let rows = over_time::rows(report);
    if rows.is_empty() {
        return Vec::new();
    }
    let head = [over_time::HEAD.map(str::to_owned)];
    let table = head.into_iter().chain(rows).map(Vec::from).collect();
    let mut lines = columns(table, true);
    lines.extend(wrap("", 2, over_time::NOTE));
    lines.push(String::new());
    lines
}

fn ledgers(report: &Report) -> Vec<String> {
    let [records, records_sent] = records_ledger(report);
    let [requests, requests_sent] = requests_ledger(report);
    let mut lines = labelled("records", &records);
    lines.extend(labelled("", &records_sent));
    lines.extend(labelled("requests", &requests));
    lines.extend(labelled("", &requests_sent));
    if let Some(section) = &report.end_to_end {
        for (index, words) in end_to_end::ledger_words(section).iter().enumerate() {
            lines.extend(labelled(if index == 0 { "arrivals" } else { "" }, words));
        }
    }
    lines.extend(labelled("volume", &volume_words(report)));
    for (index, words) in generator_words(report).iter().enumerate() {
        lines.extend(labelled(if index == 0 { "generator" } else { "" }, words));
    }
    if let Some(words) = merged_words(report) {
        lines.extend(labelled("merged", &clean(&words)));
    }
    if let Some(words) = held_back_words(report) {
        lines.extend(labelled("held back", &clean(&words)));
    }
    if let Some(warmup) = warmup_words(report) {
        lines.extend(labelled("warm-up", &warmup));
    }
    lines
}

/// The audit as labelled lines, for `krush verify` too.
pub fn audit_lines(audited: &Audited) -> Vec<String> {
    audit::lines(audited)
        .iter()
        .flat_map(|(label, text)| labelled(label, &clean(text)))
        .collect()
}

/// One row a target, if there are several.
fn targets(report: &Report) -> Vec<String> {
    let rows = &report.target.per_target;
    if rows.len() < 2 {
        return Vec::new();
    }
    let head = ["target", "acked", "rec/s", "P50", "P95", "success"];
    let mut table = vec![head.map(str::to_owned).to_vec()];
    for row in rows {
        let Summary { latency_us, .. } = &row.summary;
        let latency = |key: &str, value: Option<u64>| match value {
            None => "-".to_owned(),
            Some(us) => bounded(units::latency(us), row.summary.is_lower_bound(key)),
        };
        table.push(vec![
            shorten(&row.url, 30),
            grouped(row.ledger.records.acked),
            rate_digits(row.summary.records_per_sec),
            latency("p50", latency_us.p50),
            latency("p95", latency_us.p95),
            units::percent(row.summary.success_ratio),
        ]);
    }
    let mut lines = vec![String::new()];
    lines.extend(columns(table, true));
    lines
}

fn failures(report: &Report) -> Vec<String> {
    let rows = failures_by_weight(report);
    if rows.is_empty() {
        return Vec::new();
    }
    let or_dash = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
    let head = ["failures", "status", "code", "requests", "records"];
    let mut table = vec![head.map(str::to_owned).to_vec()];
    for row in rows.iter().take(FAILURES_SHOWN) {
        table.push(vec![
            row.kind.name().to_owned(),
            or_dash(row.http_status.map(|status| status.to_string())),
            or_dash(row.error_code.map(|code| code.to_string())),
            grouped(row.requests),
            grouped(row.records),
        ]);
    }
    let mut lines = vec![String::new()];
    lines.extend(columns(table, true));
    for row in rows.iter().take(FAILURES_SHOWN) {
        let sample = shorten(&clean(&row.sample), SAMPLE_SHOWN);
        if !sample.is_empty() {
            lines.extend(wrap(&format!("  {}: ", row.kind.name()), 4, &sample));
        }
    }
    if rows.len() > FAILURES_SHOWN {
        let more = rows.len() - FAILURES_SHOWN;
        lines.push(format!("  and {more} more rows in the report"));
    }
    lines
}

fn thresholds(report: &Report) -> Vec<String> {
    if report.thresholds.is_empty() {
        return Vec::new();
    }
    let not_judged = report.validity.void;
    let head = ["fails if", "saw", "95 % bound", "margin", ""];
    let mut table = vec![head.map(str::to_owned).to_vec()];
    table.extend(report.thresholds.iter().map(|threshold| {
        let [saw, bound, margin, word] = threshold_cells(threshold, not_judged);
        vec![clean(&threshold.expression), saw, bound, margin, word]
    }));
    let mut lines = vec![String::new()];
    lines.extend(columns(table, false));
    if report
        .thresholds
        .iter()
        .any(|threshold| threshold.margin.is_some())
    {
        lines.extend(wrap("", 2, MARGIN_NOTE));
    }
    lines
}

/// What it came to beside the baseline, after a blank line.
fn compared(report: &Report, style: Style) -> Vec<String> {
    let Some(comparison) = &report.comparison else {
        return Vec::new();
    };
    let mut lines = vec![String::new()];
    lines.extend(super::compared::lines(comparison, style));
    lines
}

pub(super) fn warning_lines(warnings: &[String], style: Style) -> Vec<String> {
    let mut lines = vec![String::new()];
    for warning in warnings {
        for (index, line) in wrap("warning: ", 2, &clean(warning)).iter().enumerate() {
            lines.push(match (index, line.strip_prefix("warning:")) {
                (0, Some(rest)) => format!("{}{rest}", style.warning("warning:")),
                _ => line.clone(),
            });
        }
    }
    lines
}

/// The verdict's word, and the exit code if it is not 0.
pub fn headline(verdict: &Verdict, style: Style) -> String {
    let words = clean(&verdict.headline);
    let word = match verdict.outcome {
        Outcome::Pass if verdict.reasons.is_empty() => style.good(&words),
        Outcome::Pass | Outcome::Interrupted | Outcome::Inconclusive => style.strong(&words),
        _ => style.bad(&words),
    };
    match verdict.exit_code {
        0 => word,
        code => format!("{word}  (exit {code})"),
    }
}

/// Why the verdict is what it is.
pub fn reason_lines(verdict: &Verdict) -> Vec<String> {
    let reasons = verdict.reasons.iter();
    reasons
        .flat_map(|reason| wrap("  ", 4, &clean(reason)))
        .collect()
}

pub(super) fn verdict_block(verdict: &Verdict, files: &[PathBuf], style: Style) -> Vec<String> {
    let word = headline(verdict, style);
    let mut paths = files.iter().map(|path| path.display().to_string());
    let mut lines = Vec::new();
    match paths.next() {
        Some(path) => lines.push(format!("{word}  {path}")),
        None => lines.push(word),
    }
    lines.extend(paths.map(|path| format!("  {path}")));
    lines.extend(reason_lines(verdict));
    lines
}
