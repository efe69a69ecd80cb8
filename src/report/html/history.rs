//! The history as one HTML file: the trend of each kind of run, its record and its changes, and every run in a table.

use maud::{Markup, html};

use super::chart::{Axis, Chart, Line, Mark, Slot};
use super::page::{page, section};
use super::scale::{Scale, rate_words};
use super::table::{Column, table};
use super::verdict::{manner, time_words};
use crate::history::{self, Entry, Trend, change_words, day, is_evidence};
use crate::units::{self, counted, grouped, rate_digits};

/// Runs drawn as points; of more, the last ones.
const DRAWN: usize = 300;
/// Runs of all tables together; the others are in the file.
const LISTED: usize = 400;
/// Trends of one page; of more, those with the latest runs.
const TRENDS: usize = 12;
/// Labels below the chart.
const DATES: usize = 5;
/// Runs that each get a dot.
const DOTTED: usize = 60;

/// One page about the latest trends, the latest first; `notes` say what else the reader should know, such as lines that could
/// not be read.
pub fn history_html(trends: &[Trend], notes: &[String]) -> String {
    let runs: usize = trends.iter().map(|trend| trend.runs.len()).sum();
    let shown = &trends[trends.len().saturating_sub(TRENDS)..];
    // What one page may weigh is shared by its trends.
    let each = |most: usize| most / shown.len().max(1);
    let head = html! {
        p.kicker { "krush" }
        h1 { "History of " (counted(runs as u64, "run", "runs")) }
        @for note in notes { p.soft { (note) } }
        @if trends.is_empty() { p { "There is no run yet." } }
        @if trends.len() > 1 {
            p.soft {
                "Runs of another scenario, target, record, rate or machine are another trend: their figures are not compared."
                @if trends.len() > TRENDS { " Of " (trends.len()) " trends, these are the " (TRENDS) " with the latest runs." }
            }
        }
    };
    let main = html! {
        @for (index, trend) in shown.iter().rev().enumerate() {
            @let content = one(index, trend, each(DRAWN), each(LISTED));
            (section(&format!("trend-{}", index + 1), &history::title(trend), &content))
        }
    };
    let foot = format!(
        "Made by krush {}. Everything shown is in this file.",
        env!("CARGO_PKG_VERSION")
    );
    page("krush: history", &head, &main, &foot)
}

fn one(index: usize, trend: &Trend, drawn: usize, listed: usize) -> Markup {
    html! {
        p.soft { (history::machine(trend)) }
        (chart(index, trend, drawn).markup())
        @if !trend.changes.is_empty() {
            h3 { "Changes that lasted" }
            ul { @for change in trend.changes.iter().rev() { li { (history::words(trend, change)) } } }
        }
        (evolution(trend, listed))
    }
}

/// `From the first run to the record: 432 → 42,284 records/s, × 98, …`
fn finding(trend: &Trend) -> String {
    match history::evolution(trend) {
        Some(words) => format!("From the first run to the record: {words}."),
        None => "No run was valid and passed: there is no record.".to_owned(),
    }
}

fn chart(index: usize, trend: &Trend, most: usize) -> Chart {
    let skipped = trend.runs.len().saturating_sub(most);
    let drawn = &trend.runs[skipped..];
    let at = |index: usize| index as f64 + 0.5;
    // What proves nothing is no part of the line, which goes on behind it.
    let evidence = drawn
        .iter()
        .enumerate()
        .filter(|(_, entry)| is_evidence(entry));
    let points: Vec<Option<(f64, f64)>> = evidence
        .map(|(index, entry)| Some((at(index), entry.records_per_sec)))
        .collect();
    let highest = points
        .iter()
        .flatten()
        .map(|(_, rate)| *rate)
        .fold(0.0, f64::max);
    let mut line = Line::through("records per second", 0, points);
    line.dotted = drawn.len() <= DOTTED;
    let mut lines = vec![line];
    let record = trend.record.and_then(|index| index.checked_sub(skipped));
    lines.extend(record.map(|index| Line {
        dotted: true,
        ..Line::through(
            "the record",
            1,
            vec![Some((at(index), drawn[index].records_per_sec))],
        )
    }));
    let changes = trend.changes.iter().filter(|change| change.run >= skipped);
    let scale = Scale::from_zero(highest);
    let step = drawn.len().div_ceil(DATES).max(1);
    let dates = drawn.iter().enumerate().step_by(step);
    Chart {
        id: format!("trend-chart-{}", index + 1),
        caption: "Throughput of each run, records per second".to_owned(),
        note: (skipped > 0).then(|| {
            format!(
                "The last {} of {} runs.",
                grouped(most as u64),
                grouped(trend.runs.len() as u64)
            )
        }),
        findings: vec![finding(trend)],
        x: Axis {
            scale: Scale::straight(0.0, drawn.len() as f64),
            ticks: dates
                .map(|(index, entry)| (at(index), day(&entry.started_at).to_owned()))
                .collect(),
            title: "runs, oldest first".to_owned(),
        },
        y: Axis {
            scale,
            ticks: scale.ticks(rate_words),
            title: "records per second".to_owned(),
        },
        lines,
        marks: changes
            .map(|change| {
                Mark::Moment((change.run - skipped) as f64, history::words(trend, change))
            })
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
        "{}\n{} rec/s{p95}\n{}, {} connections, batches of {}",
        time_words(&entry.started_at),
        rate_digits(entry.records_per_sec),
        entry.outcome.headline(),
        grouped(u64::from(entry.concurrency)),
        grouped(u64::from(entry.batch_size))
    )
}

/// Every run beside the first one and the one before it.
fn evolution(trend: &Trend, most: usize) -> Markup {
    let head = [
        ("date (UTC)", Column::Line),
        ("rec/s", Column::Number),
        ("to first", Column::Number),
        ("to previous", Column::Number),
        ("P50", Column::Number),
        ("P95", Column::Number),
        ("success", Column::Number),
        ("connections × batch", Column::Number),
        ("verdict", Column::Text),
        ("krush", Column::Text),
    ];
    let skipped = trend.runs.len().saturating_sub(most);
    let rows: Vec<Vec<Markup>> = (skipped..trend.runs.len())
        .rev()
        .map(|index| row(trend, index))
        .collect();
    html! {
        (table("Evolution, newest first", &head, &rows))
        @if skipped > 0 {
            p.note { "The newest " (most) " runs; " (counted(skipped as u64, "older one is", "older ones are")) " in the file." }
        }
    }
}

fn row(trend: &Trend, index: usize) -> Vec<Markup> {
    let entry = &trend.runs[index];
    let (class, sign) = manner(entry.outcome);
    let us = |us: Option<u64>| us.map_or_else(|| "-".to_owned(), units::latency);
    let beside = |other: Option<usize>| match other {
        Some(other) if other != index && is_evidence(entry) => {
            change_words(trend.runs[other].records_per_sec, entry.records_per_sec)
        }
        _ => "-".to_owned(),
    };
    let record = trend.record == Some(index);
    vec![
        html! { (history::minute(&entry.started_at)) },
        html! { (rate_digits(entry.records_per_sec)) },
        html! { (beside(trend.first)) },
        html! { (beside(trend.previous(index))) },
        html! { (us(entry.p50_us)) },
        html! { (us(entry.p95_us)) },
        html! { (units::percent(entry.success_ratio)) },
        html! { (grouped(u64::from(entry.concurrency))) " × " (grouped(u64::from(entry.batch_size))) },
        html! { span.tag.(class) { span aria-hidden="true" { (sign) " " } (entry.outcome.headline()) @if record { ", the record" } } },
        html! { (entry.krush) },
    ]
}
