//! The parts of a run's page that are tables: failures, checks, thresholds, targets, blocks, comparison, audit, arrivals.

use maud::{Markup, html};

use super::chart::{Axis, Chart, Line, Mark, Slot, number};
use super::figures::latency_of;
use super::scale::{Scale, rate_words};
use super::table::{Column, folded, pairs, table, text_table, unbroken};
use super::verdict::{manner, time_words};
use crate::gate::{Compared, MetricCompared, MetricVerdict};
use crate::measure::Blocks;
use crate::report::compared::{self, share};
use crate::report::text::clean;
use crate::report::words::{
    capitalised, failures_by_weight, generator_words, held_back_words, requests_ledger,
    threshold_cells, warmup_words,
};
use crate::report::{Report, audit, end_to_end};
use crate::units::{self, change_beside, counted, grouped, percent_of_change, rate_digits};

/// Everything that went wrong, what cost most first.
pub(super) fn failures(report: &Report) -> Markup {
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
        .map(|row| {
            vec![
                html! { (row.kind.name()) },
                html! { (or_dash(row.http_status.map(|status| status.to_string()))) },
                html! { (or_dash(row.error_code.map(|code| code.to_string()))) },
                html! { (grouped(row.requests)) },
                html! { (grouped(row.records)) },
                html! { bdi { (clean(&row.sample)) } },
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
    table("Failures", &head, &rows)
}

/// The ledger of requests, and what else belongs to the accounts.
pub(super) fn accounts(report: &Report) -> Markup {
    let mut rows = vec![("requests".to_owned(), requests_ledger(report).join("; "))];
    rows.extend(
        generator_words(report)
            .into_iter()
            .map(|text| ("generator".to_owned(), text)),
    );
    rows.extend(held_back_words(report).map(|text| ("held back".to_owned(), text)));
    rows.extend(warmup_words(report).map(|text| ("warm-up".to_owned(), text)));
    pairs("Accounts", rows)
}

/// A word with the colour of what it says, and a sign.
fn tag(class: &str, sign: &str, word: &str) -> Markup {
    html! { span.tag.(class) { span aria-hidden="true" { (sign) " " } (word) } }
}

pub(super) fn thresholds(report: &Report) -> Markup {
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
            html! { (threshold.expression) },
            html! { (saw) },
            html! { (bound) },
            html! { (margin) },
            tag(class, sign, &word),
            html! { (threshold.reason.as_deref().unwrap_or_default()) },
        ]
    };
    let rows: Vec<Vec<Markup>> = report.thresholds.iter().map(row).collect();
    let head = [
        ("the run fails if", Column::Text),
        ("saw", Column::Number),
        ("95 % bound", Column::Number),
        ("margin (of the limit)", Column::Number),
        ("result", Column::Text),
        ("", Column::Wide),
    ];
    table("Thresholds", &head, &rows)
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
            html! { (check.saw) },
            html! { (check.wanted) },
            html! { (unbroken(hint)) },
        ]
    };
    let rows: Vec<Vec<Markup>> = report.validity.checks.iter().map(row).collect();
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
            row.url.clone(),
            grouped(row.ledger.records.acked),
            rate_digits(summary.records_per_sec),
            latency_of(summary, "p50", latency.p50),
            latency_of(summary, "p95", latency.p95),
            latency_of(summary, "p99", latency.p99),
            units::percent(summary.success_ratio),
        ]
    };
    text_table("Targets", &head, rows.iter().map(row))
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

/// The run held against its baseline.
pub(super) fn comparison(compared: &Compared) -> Markup {
    let (class, sign) = manner(compared.outcome);
    let baseline = &compared.baseline;
    // What is not judged may vary so much that nothing else could be seen.
    let judged = compared.metrics.iter().filter(|metric| metric.judged);
    let reach = judged
        .flat_map(|metric| [metric.low.abs(), metric.high.abs()])
        .fold(compared.margin * 1.5, f64::max);
    let rows: Vec<Vec<Markup>> = compared
        .metrics
        .iter()
        .map(|metric| metric_row(metric, compared.margin, reach))
        .collect();
    let head = [
        ("metric", Column::Text),
        ("baseline", Column::Number),
        ("this run", Column::Number),
        ("change", Column::Number),
        ("interval, band: the margin", Column::Text),
        ("p", Column::Number),
        ("verdict", Column::Text),
        ("least change that would show", Column::Number),
    ];
    html! {
        p { (tag(class, sign, compared.outcome.headline())) ", margin " (share(compared.margin)) ", against "
            (baseline.source) " (" (baseline.scenario) ", " (time_words(&baseline.started_at)) ")" }
        @if !compared.reasons.is_empty() { ul { @for reason in &compared.reasons { li { (unbroken(reason)) } } } }
        @if !rows.is_empty() { (table("Comparison", &head, &rows)) }
        @if let Some(whole) = compared::whole(compared) { p.note { (whole) } }
        @for forced in &compared.forced { p.note { "Compared all the same (--force): " (forced) } }
        @for note in compared::notes(compared) { p.note { (note) } }
    }
}

fn metric_row(metric: &MetricCompared, margin: f64, reach: f64) -> Vec<Markup> {
    let (class, sign, word) = match metric.verdict {
        MetricVerdict::Regression => ("bad", "✗", "regression"),
        MetricVerdict::Improvement => ("good", "✓", "improvement"),
        MetricVerdict::NoRegression => ("good", "✓", "no regression"),
        MetricVerdict::Inconclusive => ("warn", "?", "inconclusive"),
    };
    let interval = format!(
        "{} to {}",
        percent_of_change(metric.low),
        percent_of_change(metric.high)
    );
    let judged = if metric.judged { "" } else { " (not judged)" };
    vec![
        html! { (compared::name(metric)) (judged) },
        html! { (compared::figure(metric, metric.baseline)) },
        html! { (compared::figure(metric, metric.saw)) },
        html! { (change_beside(metric.change, margin)) },
        html! { (forest(metric, margin, reach)) span.soft { (interval) } },
        html! { (probability(metric.p)) },
        tag(class, sign, word),
        html! { (share(metric.minimum_detectable)) },
    ]
}

/// The interval over the band of the margin.
fn forest(metric: &MetricCompared, margin: f64, reach: f64) -> Markup {
    let at = |change: f64| number(((change / reach).clamp(-1.0, 1.0) + 1.0) * 100.0);
    let words = format!(
        "{}: {}, between {} and {}",
        compared::name(metric),
        percent_of_change(metric.change),
        percent_of_change(metric.low),
        percent_of_change(metric.high)
    );
    html! {
        svg.forest role="img" aria-label=(words) viewBox="0 0 200 20" preserveAspectRatio="none" {
            title { (words) }
            rect.margin x=(at(-margin)) width=(number(margin / reach * 200.0)) height="20" {}
            path.zero d="M100 0V20" {}
            path.span d={ "M" (at(metric.low)) " 10H" (at(metric.high)) } {}
            path.at d={ "M" (at(metric.change)) " 10h0" } {}
        }
    }
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

/// Three digits; less than that is no zero.
fn probability(p: f64) -> String {
    if p < 0.001 {
        "< 0.001".to_owned()
    } else {
        format!("{p:.3}")
    }
}
