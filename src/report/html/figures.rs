//! The key figures, and the run beside its reference and its goal.

use maud::{Markup, html};

use crate::report::formats::is_evidence;
use crate::report::latencies::{COLUMNS, latency_notes, latency_rows};
use crate::report::words::{bounded, capitalised, comparison, volume_words};
use crate::report::{Report, Summary};
use crate::units::{self, grouped, rate_digits};

use super::cap;
use super::chart::number;
use super::table::{Column, text_table};

/// A percentile as text, `≥` before a lower bound.
pub(super) fn latency_of(summary: &Summary, key: &str, us: Option<u64>) -> String {
    us.map_or_else(
        || "-".to_owned(),
        |us| bounded(units::latency(us), summary.is_lower_bound(key)),
    )
}

/// What everybody asks first.
pub(super) fn cards(report: &Report) -> Markup {
    let summary = &report.summary;
    let latency = &summary.latency_us;
    let records = &report.ledger.records;
    let mut cards = vec![
        (
            "throughput, rec/s",
            rate_digits(summary.records_per_sec),
            units::bytes_per_sec(summary.payload_bytes_per_sec) + " payload",
        ),
        (
            "P50 latency",
            latency_of(summary, "p50", latency.p50),
            String::new(),
        ),
        (
            "P95 latency",
            latency_of(summary, "p95", latency.p95),
            String::new(),
        ),
        (
            "P99 latency",
            latency_of(summary, "p99", latency.p99),
            String::new(),
        ),
    ];
    if let Some(section) = &report.end_to_end {
        let seen = &section.latency_us;
        let card = |name, us: Option<u64>| {
            let words = us.map_or_else(|| "-".to_owned(), units::latency);
            (name, words, String::new())
        };
        cards.extend([
            card("P50 to the consumer", seen.p50),
            card("P95 to the consumer", seen.p95),
            card("P99 to the consumer", seen.p99),
        ]);
    }
    cards.extend([
        (
            "success",
            units::percent(summary.success_ratio),
            "acked of scheduled".to_owned(),
        ),
        (
            "records acked",
            grouped(records.acked),
            format!("of {}", grouped(records.scheduled)),
        ),
    ]);
    html! {
        dl.cards {
            @for (name, value, more) in cards {
                div { dt { (name) } dd { (value) @if !more.is_empty() { small { (more) } } } }
            }
        }
        p.note { (capitalised(&volume_words(report))) "." }
    }
}

/// A bar of one figure.
struct Bar {
    name: &'static str,
    value: f64,
    words: String,
    beside: String,
}

/// This run, reference and goal as bars, then all figures as a table.
pub(super) fn reference(report: &Report) -> Markup {
    let Some(reference) = &report.plan.reference else {
        return html! {};
    };
    let rows = comparison(report);
    let ratio = |row: &[String; 5]| row[3].clone();
    let summary = &report.summary;
    let mut speed = vec![Bar {
        name: "this run",
        value: summary.records_per_sec,
        words: format!("{} rec/s", rate_digits(summary.records_per_sec)),
        beside: match ratio(&rows[0]) {
            text if text.is_empty() => text,
            text => format!("{text} the reference"),
        },
    }];
    let beside = |name, value: Option<f64>| {
        value.map(|value| Bar {
            name,
            value,
            words: format!("{} rec/s", rate_digits(value)),
            beside: String::new(),
        })
    };
    speed.extend(beside("reference", reference.records_per_sec));
    speed.extend(beside("goal", reference.goal_records_per_sec));
    if let Some(last) = speed.last_mut().filter(|bar| bar.name == "goal") {
        let share = (summary.records_per_sec / last.value.max(1e-9) * 100.0).floor();
        last.beside = format!("{share:.0} % of it reached");
    }
    let mut p95 = Vec::new();
    if let (Some(us), Some(wanted)) = (summary.latency_us.p95, reference.p95_us) {
        p95.push(Bar {
            name: "this run",
            value: us as f64,
            words: latency_of(summary, "p95", Some(us)),
            beside: format!("{} the reference", ratio(&rows[1])),
        });
        p95.push(Bar {
            name: "reference",
            value: wanted as f64,
            words: units::latency(wanted),
            beside: String::new(),
        });
    }
    html! {
        @if !is_evidence(report) {
            p.notice { (report.verdict.headline) ": this run proves nothing; its bars and ratios say nothing about the target." }
        }
        @if speed.len() > 1 { (bars("Throughput, more is better", &speed)) }
        (bars("P95 latency, less is better", &p95))
        (beside_reference(&rows))
        @if let Some(source) = &reference.source { p.note { "Reference: " (cap::brief(source)) } }
    }
}

/// All figures as a table; without a goal also without its column.
fn beside_reference(rows: &[[String; 5]]) -> Markup {
    let names = ["this run", "reference", "ratio", "goal"];
    let shown = if rows.iter().all(|row| row[4].is_empty()) {
        4
    } else {
        5
    };
    let mut head = vec![("", Column::Text)];
    head.extend(names.map(|name| (name, Column::Number)));
    head.truncate(shown);
    let rows = rows.iter().map(|row| row[..shown].to_vec());
    text_table("This run beside its reference", &head, rows)
}

fn bars(caption: &str, bars: &[Bar]) -> Markup {
    let most = bars
        .iter()
        .map(|bar| bar.value)
        .fold(f64::MIN_POSITIVE, f64::max);
    if bars.is_empty() {
        return html! {};
    }
    html! {
        table.bars {
            caption { (caption) }
            tbody {
                @for (index, bar) in bars.iter().enumerate() {
                    tr {
                        th scope="row" { (bar.name) }
                        td.in {
                            svg.bar.{ "b" (index) } role="img" aria-label={ (bar.name) ": " (bar.words) } viewBox="0 0 100 10" preserveAspectRatio="none" {
                                title { (bar.name) ": " (bar.words) }
                                rect width=(number((bar.value / most * 100.0).max(0.3))) height="10" {}
                            }
                        }
                        td.n { (bar.words) @if !bar.beside.is_empty() { br; span.soft { (bar.beside) } } }
                    }
                }
            }
        }
    }
}

/// The latency table of every format, with what its rows hold.
pub(super) fn latencies(report: &Report) -> Markup {
    let mut head = vec![("latency", Column::Text)];
    head.extend(COLUMNS.map(|(name, _)| (name, Column::Number)));
    let rows = latency_rows(report)
        .into_iter()
        .map(|(name, cells)| [vec![name.to_owned()], cells].concat());
    html! {
        (text_table("Latency", &head, rows))
        @for note in latency_notes(report) { p.note { (capitalised(&note)) "." } }
    }
}
