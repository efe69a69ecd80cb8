//! The history as one HTML file: the trend of each kind of run, its record and its changes, and every run in a table.

use maud::{Markup, html};

use super::chart::{Axis, Chart, Line, Mark, Slot};
use super::page::{page, section};
use super::parts::change_words;
use super::scale::{Scale, rate_words};
use super::table::{Column, table};
use super::verdict::{manner, time_words};
use crate::gate::Outcome;
use crate::history::Entry;
use crate::units::{self, counted, grouped, rate_digits};

/// Runs drawn as points; of more, the last ones.
const DRAWN: usize = 300;
/// Runs in the table; the others are in the file.
const LISTED: usize = 500;
/// Labels below the chart.
const DATES: usize = 5;

/// Runs that can be held against each other, oldest first, and what was found among them.
#[derive(Debug, Clone)]
pub struct Trend<'a> {
    /// What they have in common: scenario, target, machine.
    pub name: String,
    /// The runs.
    pub entries: Vec<&'a Entry>,
    /// Index of the one that holds the record.
    pub record: Option<usize>,
    /// Where the level changed.
    pub changes: Vec<LevelChange>,
}

/// A change of the level that lasted.
#[derive(Debug, Clone)]
pub struct LevelChange {
    /// Index of the first run after it.
    pub index: usize,
    /// What changed, with its date: `2026-11-20: -12 % from 41,900 to 36,800`.
    pub words: String,
}

/// One page about all trends; `notes` say what else the reader should know, such as lines that could not be read.
pub fn history_html(trends: &[Trend], notes: &[String]) -> String {
    let runs: usize = trends.iter().map(|trend| trend.entries.len()).sum();
    let head = html! {
        p.kicker { "krush" }
        h1 { "History of " (counted(runs as u64, "run", "runs")) }
        @for note in notes { p.soft { (note) } }
        @if trends.is_empty() { p { "There is no run yet." } }
    };
    let main = html! {
        @for (index, trend) in trends.iter().enumerate() {
            (section(&format!("trend-{}", index + 1), &trend.name, &one(index, trend)))
        }
    };
    let foot = format!(
        "Made by krush {}. Everything shown is in this file.",
        env!("CARGO_PKG_VERSION")
    );
    page("krush: history", &head, &main, &foot)
}

fn one(index: usize, trend: &Trend) -> Markup {
    if trend.entries.is_empty() {
        return html! { p { "There is no run yet." } };
    }
    html! {
        (chart(index, trend).markup())
        @if !trend.changes.is_empty() {
            h3 { "Changes that lasted" }
            ul { @for change in &trend.changes { li { (change.words) } } }
        }
        (evolution(trend))
    }
}

/// `432 → 42,284`
fn evolution_words(trend: &Trend) -> String {
    let first = trend.entries[0].records_per_sec;
    let to = |end: f64| format!("{} → {}", rate_digits(first), rate_digits(end));
    let record = trend.record.and_then(|index| trend.entries.get(index));
    match record {
        Some(record) if first > 0.0 => format!(
            "From the first run to the record: {} rec/s, {:.1} times as much, on {}.",
            to(record.records_per_sec),
            record.records_per_sec / first,
            date(record)
        ),
        Some(record) => format!(
            "From the first run to the record: {} rec/s, on {}.",
            to(record.records_per_sec),
            date(record)
        ),
        None => "No run was valid and passed: there is no record.".to_owned(),
    }
}

fn date(entry: &Entry) -> &str {
    entry.started_at.get(..10).unwrap_or(&entry.started_at)
}

/// Void and broken off runs prove nothing: they are no part of the line.
fn is_evidence(entry: &Entry) -> bool {
    !matches!(
        entry.outcome,
        Outcome::Void | Outcome::Interrupted | Outcome::Target
    )
}

fn chart(index: usize, trend: &Trend) -> Chart {
    let skipped = trend.entries.len().saturating_sub(DRAWN);
    let drawn = &trend.entries[skipped..];
    let at = |index: usize| index as f64 + 0.5;
    let rate = |(index, entry): (usize, &&Entry)| {
        is_evidence(entry).then(|| (at(index), entry.records_per_sec))
    };
    let points: Vec<Option<(f64, f64)>> = drawn.iter().enumerate().map(rate).collect();
    let most = points
        .iter()
        .flatten()
        .map(|(_, rate)| *rate)
        .fold(0.0, f64::max);
    let mut line = Line::through("records per second", 0, points);
    line.dotted = drawn.len() <= 60;
    let mut lines = vec![line];
    let record = trend
        .record
        .and_then(|index| index.checked_sub(skipped))
        .filter(|index| *index < drawn.len());
    lines.extend(record.map(|index| Line {
        dotted: true,
        ..Line::through(
            "the record",
            1,
            vec![Some((at(index), drawn[index].records_per_sec))],
        )
    }));
    let changes = trend
        .changes
        .iter()
        .filter(|change| change.index >= skipped);
    let scale = Scale::from_zero(most);
    let step = drawn.len().div_ceil(DATES).max(1);
    let dates = drawn
        .iter()
        .enumerate()
        .step_by(step)
        .map(|(index, entry)| (at(index), date(entry).to_owned()));
    Chart {
        id: format!("trend-chart-{}", index + 1),
        caption: "Throughput of each run, records per second".to_owned(),
        note: (skipped > 0).then(|| {
            format!(
                "The last {DRAWN} of {} runs.",
                grouped(trend.entries.len() as u64)
            )
        }),
        findings: vec![evolution_words(trend)],
        x: Axis {
            scale: Scale::straight(0.0, drawn.len() as f64),
            ticks: dates.collect(),
            title: "runs, oldest first".to_owned(),
        },
        y: Axis {
            scale,
            ticks: scale.ticks(rate_words),
            title: "records per second".to_owned(),
        },
        lines,
        marks: changes
            .map(|change| Mark::Moment((change.index - skipped) as f64, change.words.clone()))
            .collect(),
        slots: (drawn.iter().enumerate())
            .map(|(index, entry)| Slot {
                from: index as f64,
                to: index as f64 + 1.0,
                title: slot_words(entry),
            })
            .collect(),
        numbers: html! {},
    }
}

fn slot_words(entry: &Entry) -> String {
    let p95 = entry
        .p95_us
        .map_or_else(String::new, |us| format!(", P95 {}", units::latency(us)));
    format!(
        "{}\n{} rec/s{p95}\n{}, batches of {}, {} connections",
        time_words(&entry.started_at),
        rate_digits(entry.records_per_sec),
        entry.outcome.headline(),
        grouped(u64::from(entry.batch_size)),
        entry.concurrency
    )
}

/// Every run beside the first one and the one before it.
fn evolution(trend: &Trend) -> Markup {
    let head = [
        ("started", Column::Text),
        ("rec/s", Column::Number),
        ("to the first", Column::Number),
        ("to the one before", Column::Number),
        ("P50", Column::Number),
        ("P95", Column::Number),
        ("success", Column::Number),
        ("batch × connections", Column::Number),
        ("verdict", Column::Text),
        ("krush", Column::Text),
    ];
    let first = trend.entries[0].records_per_sec;
    let skipped = trend.entries.len().saturating_sub(LISTED);
    let mut before = None;
    let mut rows: Vec<Vec<Markup>> = Vec::new();
    for (index, entry) in trend.entries.iter().enumerate() {
        if index >= skipped {
            let beside = [Some(first).filter(|_| index > 0), before];
            rows.push(row(entry, beside, trend.record == Some(index)));
        }
        if is_evidence(entry) {
            before = Some(entry.records_per_sec);
        }
    }
    rows.reverse();
    html! {
        (table("Evolution, newest first", &head, &rows))
        @if skipped > 0 { p.note { "The newest " (LISTED) " runs; " (counted(skipped as u64, "older one is", "older ones are")) " in the file." } }
    }
}

fn row(entry: &Entry, beside: [Option<f64>; 2], record: bool) -> Vec<Markup> {
    let (class, sign) = manner(entry.outcome);
    let us = |us: Option<u64>| us.map_or_else(|| "-".to_owned(), units::latency);
    let change = |other: Option<f64>| match other {
        Some(other) if other > 0.0 && is_evidence(entry) => {
            change_words(entry.records_per_sec / other - 1.0)
        }
        _ => "-".to_owned(),
    };
    vec![
        html! { (time_words(&entry.started_at)) },
        html! { (rate_digits(entry.records_per_sec)) @if record { " " span.tag.good { "record" } } },
        html! { (change(beside[0])) },
        html! { (change(beside[1])) },
        html! { (us(entry.p50_us)) },
        html! { (us(entry.p95_us)) },
        html! { (units::percent(entry.success_ratio)) },
        html! { (grouped(u64::from(entry.batch_size))) " × " (entry.concurrency) },
        html! { span.tag.(class) { span aria-hidden="true" { (sign) " " } (entry.outcome.headline()) } },
        html! { (entry.krush) },
    ]
}
