//! The history as one HTML file: the trend of each kind of run, its record and its changes, and every run in a table.

use maud::{Markup, html};

use super::cap;
use super::chart::{Axis, Chart, Dots, Line, Mark, Shape, Slot};
use super::columns::{Column, columns, drawn_changes};
use super::page::{page, section};
use super::scale::{Scale, Tick, rate_words};
use super::table::{self, table};
use super::verdict::{manner, time_words};
use crate::gate::Outcome;
use crate::history::{self, Change, Entry, Trend, change_words, day, is_evidence};
use crate::units::{self, counted, grouped, rate_digits};

/// Points of all charts together; of more runs, several share one.
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
        @for note in notes.iter().take(cap::rows(1)) { p.soft { (cap::text(note)) } }
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
            @let content = one(index, trend, [DRAWN, LISTED].map(each), cap::rows(shown.len()));
            (section(&format!("trend-{}", index + 1), &cap::text(&history::title(trend)), &content))
        }
    };
    let foot = format!(
        "Made by krush {}. Everything shown is in this file.",
        env!("CARGO_PKG_VERSION")
    );
    page("krush: history", &head, &main, &foot)
}

fn one(index: usize, trend: &Trend, [drawn, listed]: [usize; 2], named: usize) -> Markup {
    let older = trend.changes.len().saturating_sub(named);
    html! {
        p.soft { (cap::text(&history::machine(trend))) }
        (chart(index, trend, drawn).markup())
        @if !trend.changes.is_empty() {
            h3 { "Changes that lasted" }
            ul { @for change in trend.changes.iter().rev().take(named) { li { (history::words(trend, change)) } } }
            @if older > 0 { p.note { "The newest " (named) " changes; " (counted(older as u64, "older one is", "older ones are")) " in krush history --json." } }
        }
        @if let Some(words) = history::resolution(trend) { p.soft { "Note: " (words) "." } }
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
    let columns = columns(trend, most);
    let at = |index: usize| index as f64 + 0.5;
    // What proves nothing is no part of the line, which goes on behind it.
    let shown = columns.iter().enumerate();
    let shown = shown.filter_map(|(index, column)| Some((at(index), column.shown?)));
    let shown: Vec<(f64, usize)> = shown.collect();
    let rate = |run: usize| trend.runs[run].records_per_sec;
    let points = shown.iter().map(|(x, run)| Some((*x, rate(*run))));
    let mut line = Line::through("records per second", 0, points.collect());
    line.dotted = columns.len() <= DOTTED;
    let highest = shown.iter().map(|(_, run)| rate(*run)).fold(0.0, f64::max);
    let scale = Scale::from_zero(highest);
    let moment = |change: &Change| {
        let column = columns
            .iter()
            .position(|column| column.from == change.run)?;
        Some(Mark::Moment(column as f64, history::words(trend, change)))
    };
    let (ticks, title) = dates(trend, &columns);
    Chart {
        id: format!("trend-chart-{}", index + 1),
        caption: "Throughput of each run, records per second".to_owned(),
        note: None,
        findings: [Some(finding(trend)), condensed(trend, &columns, most)]
            .into_iter()
            .flatten()
            .collect(),
        x: Axis {
            scale: Scale::straight(0.0, columns.len() as f64),
            ticks,
            title,
        },
        y: Axis {
            scale,
            ticks: scale.ticks(rate_words),
            title: "records per second".to_owned(),
        },
        lines: vec![line],
        marks: (drawn_changes(trend, most).iter())
            .filter_map(moment)
            .collect(),
        dots: dots(trend, &shown),
        slots: (columns.iter().enumerate())
            .map(|(index, column)| Slot {
                from: index as f64,
                to: index as f64 + 1.0,
                title: match column.runs(trend) {
                    [entry] => slot_words(entry),
                    runs => column_words(runs),
                },
            })
            .collect(),
        numbers: html! {},
    }
}

/// The record, and what is none however high it lies.
fn dots(trend: &Trend, shown: &[(f64, usize)]) -> Vec<Dots> {
    let those = |which: &dyn Fn(usize) -> bool| -> Vec<(f64, f64)> {
        let some = shown.iter().filter(|(_, run)| which(*run));
        some.map(|(x, run)| (*x, trend.runs[*run].records_per_sec))
            .collect()
    };
    let missed = those(&|run| trend.runs[run].outcome != Outcome::Pass);
    let record = those(&|run| trend.record == Some(run));
    let all = [
        ("did not pass, so no record", Shape::Square, missed),
        ("the record", Shape::Disc, record),
    ];
    all.into_iter()
        .filter(|(_, _, points)| !points.is_empty())
        .map(|(name, shape, points)| Dots {
            name,
            shape,
            points,
        })
        .collect()
}

/// What a point is where several runs share one.
fn condensed(trend: &Trend, columns: &[Column], most: usize) -> Option<String> {
    let largest = columns.iter().map(|column| column.to - column.from).max()?;
    let left_out = trend.changes.len() - drawn_changes(trend, most).len();
    let changes = match left_out {
        0 => "each change".to_owned(),
        some => format!("each change but the {} oldest", grouped(some as u64)),
    };
    (largest > 1).then(|| {
        format!(
            "All {} runs in {} points: a point is the middle one of up to {largest} runs that follow each other; the first, the record and {changes} are points of their own.",
            grouped(trend.runs.len() as u64),
            columns.len()
        )
    })
}

/// Labels that tell runs apart, by day or by time, and what they are.
fn dates(trend: &Trend, columns: &[Column]) -> (Vec<Tick>, String) {
    let started = |column: &Column| trend.runs[column.from].started_at.as_str();
    let step = columns.len().div_ceil(DATES).max(1);
    let labelled: Vec<(f64, &str)> = (columns.iter().enumerate().step_by(step))
        .map(|(index, column)| (index as f64 + 0.5, started(column)))
        .collect();
    let oldest = "runs, oldest first";
    let days: Vec<&str> = labelled.iter().map(|(_, time)| day(time)).collect();
    let first = days.first().copied().unwrap_or_default();
    let one_day = trend
        .runs
        .last()
        .is_some_and(|run| day(&run.started_at) == first);
    // Of `2026-11-20T09:15:02.123Z` the day, the time, or both without the year.
    let (part, title) = if one_day {
        (
            11..16,
            format!("runs of {}, oldest first (UTC)", cap::name(first)),
        )
    } else if days.windows(2).any(|pair| pair[0] == pair[1]) {
        (5..16, format!("{oldest} (UTC)"))
    } else {
        (0..10, oldest.to_owned())
    };
    let label = |(x, time): (f64, &str)| {
        let text = time.get(part.clone()).unwrap_or("?");
        (x, text.replace('T', " "))
    };
    (labelled.into_iter().map(label).collect(), title)
}

/// What runs that share a point have in common.
fn column_words(runs: &[Entry]) -> String {
    let evidence = runs.iter().filter(|run| is_evidence(run));
    let mut rates: Vec<f64> = evidence.map(|run| run.records_per_sec).collect();
    rates.sort_by(f64::total_cmp);
    let missed = runs
        .iter()
        .filter(|run| run.outcome != Outcome::Pass)
        .count();
    let time =
        |run: Option<&Entry>| run.map_or_else(String::new, |run| history::minute(&run.started_at));
    let rates = match (rates.first(), rates.last()) {
        (Some(low), Some(high)) => format!(
            "{} to {} rec/s, the middle {}",
            rate_digits(*low),
            rate_digits(*high),
            rate_digits(rates[rates.len() / 2])
        ),
        _ => "none says anything".to_owned(),
    };
    let missed = match missed {
        0 => String::new(),
        some => format!("\n{} did not pass", grouped(some as u64)),
    };
    format!(
        "{} to {}, {}\n{rates}{missed}",
        time(runs.first()),
        time(runs.last()),
        counted(runs.len() as u64, "run", "runs")
    )
}

fn slot_words(entry: &Entry) -> String {
    let p95 = entry.latency_words("p95", entry.p95_us);
    let p95 = p95.map_or_else(String::new, |words| format!(", P95 {words}"));
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
        ("date (UTC)", table::Column::Line),
        ("rec/s", table::Column::Number),
        ("to first", table::Column::Number),
        ("to previous", table::Column::Number),
        ("P50", table::Column::Number),
        ("P95", table::Column::Number),
        ("success", table::Column::Number),
        ("connections × batch", table::Column::Number),
        ("verdict", table::Column::Text),
        ("krush", table::Column::Text),
    ];
    let skipped = trend.runs.len().saturating_sub(most);
    let mut shown: Vec<usize> = (trend.first.into_iter().chain(trend.record))
        .filter(|index| *index < skipped)
        .collect();
    shown.sort_unstable();
    shown.dedup();
    let left_out = (skipped - shown.len()) as u64;
    shown.extend(skipped..trend.runs.len());
    let rows: Vec<Vec<Markup>> = (shown.iter().rev())
        .map(|index| row(trend, *index))
        .collect();
    html! {
        (table("Evolution, newest first", &head, &rows))
        @if left_out > 0 {
            p.note { "The newest " (most) " runs, the record and the first; " (counted(left_out, "other is", "others are")) " in the file." }
        }
    }
}

fn row(trend: &Trend, index: usize) -> Vec<Markup> {
    let entry = &trend.runs[index];
    let (class, sign) = manner(entry.outcome);
    let us = |name: &str, us: Option<u64>| {
        let words = entry.latency_words(name, us);
        words.unwrap_or_else(|| "-".to_owned())
    };
    let beside = |other: Option<usize>| match other {
        Some(other) if other != index && is_evidence(entry) => {
            change_words(trend.runs[other].records_per_sec, entry.records_per_sec)
        }
        _ => "-".to_owned(),
    };
    let record = trend.record == Some(index);
    vec![
        html! { (cap::name(&history::minute(&entry.started_at))) },
        html! { (rate_digits(entry.records_per_sec)) },
        html! { (beside(trend.first)) },
        html! { (beside(trend.previous(index))) },
        html! { (us("p50", entry.p50_us)) },
        html! { (us("p95", entry.p95_us)) },
        html! { (units::percent(entry.success_ratio)) },
        html! { (grouped(u64::from(entry.concurrency))) " × " (grouped(u64::from(entry.batch_size))) },
        html! { span.tag.(class) { span aria-hidden="true" { (sign) " " } (entry.outcome.headline()) @if record { ", the record" } } },
        html! { (cap::name(&entry.krush)) },
    ]
}
