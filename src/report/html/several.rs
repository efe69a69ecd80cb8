//! Several runs side by side: what differs, every figure beside the first run's, and the charts in one frame.

use maud::{Markup, html};

use super::cap;
use super::figures::latency_of;
use super::page::{page, section};
use super::percentiles::{self, Curve};
use super::table::{Column, table, text_table, unbroken};
use super::{facts, over_time, parts, points, verdict};
use crate::report::Report;
use crate::report::formats::is_evidence;
use crate::report::text::clean;
use crate::report::words::{bounded, load_words, ratio_words, server_words};
use crate::units::{self, counted, grouped, rate_digits};

/// One document about several runs.
pub(super) fn several(reports: &[&Report], files: &[String]) -> String {
    let names = names(reports, files);
    let title = format!(
        "krush: {} side by side",
        counted(reports.len() as u64, "run", "runs")
    );
    let head = html! {
        p.kicker { "krush" }
        h1 { (counted(reports.len() as u64, "run", "runs")) " side by side" }
        (verdicts(&names, reports))
        @for (words, whose) in notices(&names, reports) { p.notice { (whose.join(", ")) ": " (words) } }
    };
    let foot = format!(
        "Made by krush {} from {} reports.",
        env!("CARGO_PKG_VERSION"),
        reports.len()
    );
    page(&title, &head, &content(&names, reports), &foot)
}

/// `A extreme (monday.json)`, `B optimized (tuesday.json)`; without files `A extreme`, `B optimized`.
pub(in crate::report) fn names(reports: &[&Report], files: &[String]) -> Vec<String> {
    let name = |(index, (letter, report)): (usize, (char, &&Report))| {
        let scenario = cap::name(&report.plan.scenario);
        match files.get(index) {
            Some(file) => format!("{letter} {scenario} ({})", cap::name(&clean(file))),
            None => format!("{letter} {scenario}"),
        }
    };
    ('A'..='Z').zip(reports).enumerate().map(name).collect()
}

/// Each notice once, with the runs that it is about.
fn notices<'a>(names: &'a [String], reports: &[&Report]) -> Vec<(String, Vec<&'a str>)> {
    let mut notices: Vec<(String, Vec<&str>)> = Vec::new();
    for (name, report) in names.iter().zip(reports) {
        for words in verdict::notices(report) {
            match notices.iter_mut().find(|(known, _)| *known == words) {
                Some((_, whose)) => whose.push(name),
                None => notices.push((words, vec![name])),
            }
        }
    }
    notices
}

fn content(names: &[String], reports: &[&Report]) -> Markup {
    let pairs = names.iter().cloned().zip(reports.iter().copied());
    let (group, runs) = points::runs(pairs.collect());
    let curves = names
        .iter()
        .zip(reports)
        .filter_map(|(name, report)| Curve::of_latency(name, report));
    let curves: Vec<Curve> = curves.collect();
    html! {
        (section("differs", "What differs", &facts::what_differs(names, reports)))
        (section("figures", "Figures", &figures(names, reports)))
        (section("to-consumer", "To the consumer", &to_consumer(names, reports)))
        (section("time", "Over time", &over_time::section(group, &runs)))
        (section("latency", "Latency", &percentiles::section(&curves)))
        (section("ledger", "Ledger of records", &ledgers(names, reports)))
        @for (index, (name, report)) in names.iter().zip(reports).enumerate() {
            (section(&format!("run-{}", index + 1), name, &one(report, cap::rows(reports.len()))))
        }
    }
}

fn verdicts(names: &[String], reports: &[&Report]) -> Markup {
    let row = |(name, report): (&String, &&Report)| {
        let (class, sign) = verdict::manner(report.verdict.outcome);
        vec![
            html! { (name) },
            html! { span.tag.(class) { span aria-hidden="true" { (sign) " " } (report.verdict.headline) } },
            html! { (report.verdict.exit_code) },
            html! { (verdict::started(report)) },
            html! { (cap::brief(&server_words(&report.target))) },
        ]
    };
    let rows: Vec<Vec<Markup>> = names.iter().zip(reports).map(row).collect();
    let head = [
        ("run", Column::Text),
        ("verdict", Column::Text),
        ("exit code", Column::Number),
        ("started", Column::Text),
        ("target", Column::Text),
    ];
    table("Verdicts", &head, &rows)
}

/// A figure of a run: its text, and its value to hold against the first run's.
pub(in crate::report) struct Figure {
    pub(in crate::report) name: &'static str,
    pub(in crate::report) text: String,
    /// `None` too where the run proves nothing: it is then held against none.
    value: Option<f64>,
    lower_bound: bool,
}

/// The figures of a run that are shown beside those of others.
pub(in crate::report) fn figures_of(report: &Report) -> Vec<Figure> {
    let summary = &report.summary;
    let latency = &summary.latency_us;
    let counts = is_evidence(report);
    let exact = |name, text, value: Option<f64>| Figure {
        name,
        text,
        value: value.filter(|_| counts),
        lower_bound: false,
    };
    let us = |name, key, us: Option<u64>| Figure {
        name,
        text: latency_of(summary, key, us),
        value: us.map(|us| us as f64).filter(|_| counts),
        lower_bound: summary.is_lower_bound(key),
    };
    let rate = summary.records_per_sec;
    vec![
        exact("rec/s", rate_digits(rate), Some(rate)),
        us("P50", "p50", latency.p50),
        us("P95", "p95", latency.p95),
        us("P99", "p99", latency.p99),
        us("max", "max", latency.max),
        exact("success", units::percent(summary.success_ratio), None),
        exact("acked", grouped(report.ledger.records.acked), None),
    ]
}

/// What consumers saw, as figures to show beside those of others: of a run without consumers none is known.
pub(in crate::report) fn arrivals_of(report: &Report) -> Vec<Figure> {
    let section = report.end_to_end.as_ref();
    let counts = is_evidence(report);
    let figure = |name, text, value: Option<f64>| Figure {
        name,
        text,
        value: value.filter(|_| counts),
        lower_bound: false,
    };
    let seen = section.map(|section| section.latency_us);
    let seen = seen.unwrap_or_default();
    let us = |name, us: Option<u64>| {
        let text = us.map_or_else(|| "-".to_owned(), units::latency);
        figure(name, text, us.map(|us| us as f64))
    };
    let received = section.map(|section| grouped(section.latency_samples));
    vec![
        us("P50", seen.p50),
        us("P95", seen.p95),
        us("P99", seen.p99),
        us("max", seen.max),
        figure("records", received.unwrap_or_else(|| "-".to_owned()), None),
    ]
}

/// Whether a run among them had consumers.
pub(in crate::report) fn any_arrivals(reports: &[&Report]) -> bool {
    reports.iter().any(|report| report.end_to_end.is_some())
}

/// `1.32 ×`, `≥ 1.32 ×`, `≤ 1.32 ×`; nothing if there is nothing to hold it against, or nothing to say of two lower bounds.
pub(in crate::report) fn ratio(figure: &Figure, first: &Figure) -> Option<String> {
    let (this, other) = (figure.value?, first.value.filter(|value| *value > 0.0)?);
    let words = ratio_words(this / other);
    match (figure.lower_bound, first.lower_bound) {
        (true, true) => None,
        (false, true) => Some(format!("≤ {words}")),
        (bound, false) => Some(bounded(words, bound)),
    }
}

fn figures(names: &[String], reports: &[&Report]) -> Markup {
    html! {
        (figures_table("Figures", names, reports, figures_of))
        p.note { "Ratios are to the first run. Whether a difference is more than noise says krush compare." }
        @if !reports.iter().all(|report| is_evidence(report)) {
            p.note { "A run that is void, was interrupted, lost its target or acked records, or acked none, proves nothing and has no ratio." }
        }
    }
}

/// From a record's request being due to a consumer having it, where runs had consumers.
fn to_consumer(names: &[String], reports: &[&Report]) -> Markup {
    if !any_arrivals(reports) {
        return html! {};
    }
    let runs = names.iter().zip(reports);
    let curves = runs.filter_map(|(name, report)| Curve::of_arrivals(name, report));
    let curves: Vec<Curve> = curves.collect();
    html! {
        p { "End-to-end latency: from when a record's request was due until a consumer had it. A run without consumers has none." }
        (figures_table("To the consumer", names, reports, arrivals_of))
        @if !curves.is_empty() { (percentiles::to_consumer(&curves)) }
    }
}

/// A row a run, each figure with its ratio to that of the first.
fn figures_table(
    label: &str,
    names: &[String],
    reports: &[&Report],
    of: fn(&Report) -> Vec<Figure>,
) -> Markup {
    let all: Vec<Vec<Figure>> = reports.iter().map(|report| of(report)).collect();
    let Some(first) = all.first() else {
        return html! {};
    };
    let mut head = vec![("run", Column::Text)];
    head.extend(first.iter().map(|figure| (figure.name, Column::Number)));
    let row = |(index, (name, figures)): (usize, (&String, &Vec<Figure>))| {
        let report = reports[index];
        let (class, sign) = verdict::manner(report.verdict.outcome);
        let mut cells = vec![html! {
            (name)
            @if !is_evidence(report) { br; span.tag.(class) { span aria-hidden="true" { (sign) " " } (report.verdict.headline) } }
        }];
        cells.extend(figures.iter().zip(first).map(|(figure, first)| {
            let beside = if index == 0 {
                None
            } else {
                ratio(figure, first)
            };
            html! { (figure.text) @if let Some(ratio) = beside { br; span.soft { (ratio) } } }
        }));
        cells
    };
    let rows: Vec<Vec<Markup>> = names.iter().zip(&all).enumerate().map(row).collect();
    table(label, &head, &rows)
}

fn ledgers(names: &[String], reports: &[&Report]) -> Markup {
    let head = [
        ("run", Column::Text),
        ("scheduled", Column::Number),
        ("sent", Column::Number),
        ("unsent", Column::Number),
        ("acked", Column::Number),
        ("rejected", Column::Number),
        ("unknown", Column::Number),
    ];
    let rows = names.iter().zip(reports).map(|(name, report)| {
        let r = &report.ledger.records;
        let counts = [
            r.scheduled,
            r.sent,
            r.unsent,
            r.acked,
            r.rejected,
            r.unknown,
        ]
        .map(grouped);
        [vec![name.clone()], counts.to_vec()].concat()
    });
    text_table("Ledger of records", &head, rows)
}

/// What is said of each run alone.
fn one(report: &Report, most: usize) -> Markup {
    let failed = report.validity.checks.iter().filter(|check| !check.passed);
    html! {
        p.soft { (cap::listed(&report.target.urls)) "; " (load_words(&report.plan).join(", ")) }
        @if let Some(words) = verdict::merged(report) { p.soft { (words) } }
        (verdict::reasons(&report.verdict, most))
        (verdict::warnings(&report.warnings, most))
        @for check in failed { p { "Check failed: " (check.name) ": saw " (cap::brief(&check.saw)) ", wanted " (cap::brief(&check.wanted)) ". " (unbroken(&check.hint)) } }
        (parts::thresholds(report, most))
        @if !report.failures.is_empty() { h3 { "Failures" } (parts::failures(report, most)) }
    }
}
