//! The parts of a run's page that are tables: failures, checks, thresholds, targets, blocks, audit, arrivals.

use maud::{Markup, html};

use super::cap;
use super::chart::{Axis, Chart, Line, Mark, Slot};
use super::figures::latency_of;
use super::scale::{Scale, rate_words};
use super::table::{Column, folded, pairs, table, text_table, unbroken};
use crate::measure::Blocks;
use crate::report::text::clean;
use crate::report::words::{
    capitalised, failures_by_weight, generator_words, held_back_words, requests_ledger,
    threshold_cells, warmup_words,
};
use crate::report::{Report, audit, end_to_end};
use crate::units::{self, counted, grouped, rate_digits};

/// Targets that a page shows.
const TARGETS: usize = 32;

/// Everything that went wrong, what cost most first.
pub(super) fn failures(report: &Report, most: usize) -> Markup {
    if report.failures.is_empty() {
        let words = match report.ledger.records.unsent {
            0 => "Nothing failed.".to_owned(),
            unsent => format!(
                "Nothing that was sent failed; {} never sent.",
                counted(unsent, "record was", "records were")
            ),
        };
        return html! { p { (words) } };
    }
    let or_dash = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
    let rows: Vec<Vec<Markup>> = failures_by_weight(report)
        .into_iter()
        .take(most)
        .map(|row| {
            vec![
                html! { (row.kind.name()) },
                html! { (or_dash(row.http_status.map(|status| status.to_string()))) },
                html! { (or_dash(row.error_code.map(|code| code.to_string()))) },
                html! { (grouped(row.requests)) },
                html! { (grouped(row.records)) },
                html! { bdi { (cap::brief(&clean(&row.sample))) } },
            ]
        })
        .collect();
    let head = [
        ("kind", Column::Text),
        ("status", Column::Number),
        ("code", Column::Number),
        ("requests", Column::Number),
        ("records", Column::Number),
        ("text of the first", Column::Wide),
    ];
    html! { (table("Failures", &head, &rows)) (cap::more(report.failures.len(), most)) }
}

/// The ledger of requests, and what else belongs to the accounts.
pub(super) fn accounts(report: &Report) -> Markup {
    let mut rows = vec![("requests".to_owned(), requests_ledger(report).join("; "))];
    rows.push(("generator".to_owned(), generator_words(report).join("; ")));
    rows.extend(held_back_words(report).map(|text| ("held back".to_owned(), text)));
    rows.extend(warmup_words(report).map(|text| ("warm-up".to_owned(), text)));
    pairs("Accounts", rows)
}

/// A word with the colour of what it says, and a sign.
pub(super) fn tag(class: &str, sign: &str, word: &str) -> Markup {
    html! { span.tag.(class) { span aria-hidden="true" { (sign) " " } (word) } }
}

pub(super) fn thresholds(report: &Report, most: usize) -> Markup {
    if report.thresholds.is_empty() {
        return html! {};
    }
    let void = report.validity.void;
    let row = |threshold: &crate::gate::ThresholdResult| {
        let [saw, bound, margin, word] = threshold_cells(threshold, void);
        let (class, sign) = match (void, threshold.passed, threshold.inconclusive) {
            (true, ..) | (_, false, true) => ("warn", "?"),
            (_, true, _) => ("good", "✓"),
            (_, false, false) => ("bad", "✗"),
        };
        vec![
            html! { (cap::name(&threshold.expression)) },
            html! { (cap::name(&saw)) },
            html! { (cap::name(&bound)) },
            html! { (margin) },
            tag(class, sign, &word),
            html! { (cap::brief(threshold.reason.as_deref().unwrap_or_default())) },
        ]
    };
    let rows: Vec<Vec<Markup>> = report.thresholds.iter().take(most).map(row).collect();
    let head = [
        ("the run fails if", Column::Text),
        ("saw", Column::Number),
        ("95 % bound", Column::Number),
        ("margin (of the limit)", Column::Number),
        ("result", Column::Text),
        ("", Column::Wide),
    ];
    html! { (table("Thresholds", &head, &rows)) (cap::more(report.thresholds.len(), most)) }
}

pub(super) fn checks(report: &Report) -> Markup {
    let row = |check: &crate::gate::Check| {
        let word = if check.passed {
            tag("good", "✓", "held")
        } else {
            tag("bad", "✗", "failed")
        };
        let hint = if check.passed { "" } else { &check.hint };
        vec![
            html! { (check.name) },
            word,
            html! { (cap::brief(&check.saw)) },
            html! { (cap::brief(&check.wanted)) },
            html! { (unbroken(&cap::brief(hint))) },
        ]
    };
    let checks = &report.validity.checks;
    let most = cap::rows(1);
    let rows: Vec<Vec<Markup>> = checks.iter().take(most).map(row).collect();
    let mut head = vec![
        ("check", Column::Text),
        ("", Column::Text),
        ("saw", Column::Wide),
        ("wanted", Column::Wide),
    ];
    if report.validity.checks.iter().any(|check| !check.passed) {
        head.push(("try", Column::Wide));
    }
    html! {
        @if report.validity.void { p { "The run is void: it proves nothing, whatever its figures are." } }
        (table("Checks of validity", &head, &rows))
        (cap::more(checks.len(), most))
    }
}

/// One row a target, if there are several.
pub(super) fn targets(report: &Report) -> Markup {
    let rows = &report.target.per_target;
    if rows.len() < 2 {
        return html! {};
    }
    let head = [
        ("target", Column::Text),
        ("acked", Column::Number),
        ("rec/s", Column::Number),
        ("P50", Column::Number),
        ("P95", Column::Number),
        ("P99", Column::Number),
        ("success", Column::Number),
    ];
    let row = |row: &crate::report::TargetRow| {
        let summary = &row.summary;
        let latency = &summary.latency_us;
        vec![
            cap::name(&row.url),
            grouped(row.ledger.records.acked),
            rate_digits(summary.records_per_sec),
            latency_of(summary, "p50", latency.p50),
            latency_of(summary, "p95", latency.p95),
            latency_of(summary, "p99", latency.p99),
            units::percent(summary.success_ratio),
        ]
    };
    html! { (text_table("Targets", &head, rows.iter().take(TARGETS).map(row))) (cap::more(rows.len(), TARGETS)) }
}

/// The rate of each block beside the middle of all.
pub(super) fn blocks(report: &Report) -> Markup {
    let Some(blocks) = report
        .blocks
        .as_ref()
        .and_then(super::super::BlocksSection::read)
    else {
        return html! {};
    };
    if blocks.blocks.is_empty() {
        return html! {};
    }
    block_chart(&blocks).markup()
}

fn block_chart(blocks: &Blocks) -> Chart {
    let secs = blocks.block_us as f64 / 1e6;
    let rates: Vec<f64> = blocks
        .blocks
        .iter()
        .map(|block| block.records_acked as f64 / secs.max(1e-6))
        .collect();
    let mut sorted = rates.clone();
    sorted.sort_by(f64::total_cmp);
    let middle = f64::midpoint(sorted[(sorted.len() - 1) / 2], sorted[sorted.len() / 2]);
    let scale = Scale::from_zero(sorted[sorted.len() - 1]);
    let at = |index: usize| index as f64 + 0.5;
    let mut line = Line::through(
        "records per second of a block",
        0,
        rates
            .iter()
            .enumerate()
            .map(|(index, rate)| Some((at(index), *rate)))
            .collect(),
    );
    line.dotted = true;
    let ticks = (0..rates.len())
        .step_by(rates.len().div_ceil(10).max(1))
        .map(|index| (at(index), (index + 1).to_string()));
    Chart {
        id: "blocks".to_owned(),
        caption: format!(
            "Records per second in each of {} of {}",
            counted(rates.len() as u64, "block", "blocks"),
            units::latency(blocks.block_us)
        ),
        note: None,
        findings: vec![format!(
            "Blocks of equal time, between {} and {} rec/s, the middle {}: the spread that comparisons have to reckon with.",
            rate_digits(sorted[0]),
            rate_digits(sorted[sorted.len() - 1]),
            rate_digits(middle)
        )],
        x: Axis {
            scale: Scale::straight(0.0, rates.len() as f64),
            ticks: ticks.collect(),
            title: "block".to_owned(),
        },
        y: Axis {
            scale,
            ticks: scale.ticks(rate_words),
            title: "records per second".to_owned(),
        },
        lines: vec![line],
        marks: vec![Mark::Level(
            middle,
            format!("the middle: {} rec/s", rate_digits(middle)),
        )],
        dots: Vec::new(),
        slots: (rates.iter().enumerate())
            .map(|(index, rate)| Slot {
                from: index as f64,
                to: index as f64 + 1.0,
                title: format!("block {}\n{} rec/s", index + 1, rate_digits(*rate)),
            })
            .collect(),
        numbers: block_numbers(blocks, &rates),
    }
}

fn block_numbers(blocks: &Blocks, rates: &[f64]) -> Markup {
    let head = [
        ("block", Column::Text),
        ("acked", Column::Number),
        ("rec/s", Column::Number),
        ("failed req.", Column::Number),
        ("P50", Column::Number),
        ("P95", Column::Number),
        ("lower bounds", Column::Number),
    ];
    let rows = blocks
        .blocks
        .iter()
        .zip(rates)
        .enumerate()
        .map(|(index, (block, rate))| {
            let at = |quantile| match block.latency.len() {
                0 => "-".to_owned(),
                _ => units::latency(block.latency.value_at_quantile(quantile)),
            };
            vec![
                (index + 1).to_string(),
                grouped(block.records_acked),
                rate_digits(*rate),
                grouped(block.failures),
                at(0.5),
                at(0.95),
                grouped(block.lower_bounds),
            ]
        });
    folded(
        "Numbers by block",
        &text_table("Numbers by block", &head, rows),
    )
}

/// Labelled lines of the audit.
pub(super) fn audited(report: &Report) -> Markup {
    let Some(audited) = &report.audit else {
        return html! {};
    };
    let lines = audit::lines(audited)
        .into_iter()
        .map(|(label, text)| (label.to_owned(), clean(&text)));
    pairs("Audit", lines)
}

/// What consumers received.
pub(super) fn arrivals(report: &Report) -> Markup {
    let Some(section) = &report.end_to_end else {
        return html! {};
    };
    let latency = &section.latency_us;
    let words = |us: Option<u64>| us.map_or_else(|| "-".to_owned(), units::latency);
    html! {
        p { "From when a record's request was due until a consumer had it: P50 " (words(latency.p50)) ", P95 " (words(latency.p95))
            ", P99 " (words(latency.p99)) ", largest " (words(latency.max)) ", of " (counted(section.latency_samples, "record", "records")) "." }
        ul { @for line in end_to_end::ledger_words(section) { li { (capitalised(&line)) } } }
    }
}
