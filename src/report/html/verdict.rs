//! The last word on a run, with what has to be said before any figure.

use maud::{Markup, html};

use super::cap;
use super::table::unbroken;
use crate::gate::{Outcome, Verdict};
use crate::report::Report;
use crate::report::words::{
    capitalised, fault_words, load_words, server_words, stand_in_words, topic_words,
};
use crate::units::counted;

/// How an outcome is coloured, and a sign that needs no colour.
pub(super) fn manner(outcome: Outcome) -> (&'static str, &'static str) {
    match outcome {
        Outcome::Pass => ("good", "✓"),
        Outcome::Threshold | Outcome::Regression | Outcome::Integrity | Outcome::Target => {
            ("bad", "✗")
        }
        Outcome::Inconclusive | Outcome::Void | Outcome::Interrupted => ("warn", "?"),
    }
}

/// The head of the page of one run.
pub(super) fn head(report: &Report) -> Markup {
    html! {
        p.kicker { "krush · " (cap::brief(&report.plan.scenario)) " · " (started(report)) }
        (verdict(&report.verdict))
        @for words in notices(report) { p.notice { (words) } }
        p.soft { (cap::listed(&report.target.urls)) " (" (cap::brief(&server_words(&report.target))) "), " (cap::brief(&topic_words(&report.target))) }
        p.soft { (load_words(&report.plan).join(", ")) }
        @if let Some(words) = merged(report) { p.soft { (words) } }
        (warnings(&report.warnings, cap::rows(1)))
    }
}

fn verdict(verdict: &Verdict) -> Markup {
    let (class, sign) = manner(verdict.outcome);
    html! {
        div.verdict.(class) {
            h1 {
                span.word { span aria-hidden="true" { (sign) " " } (verdict.headline) }
                span.exit { "exit code " (verdict.exit_code) }
            }
            (reasons(verdict, cap::rows(1)))
        }
    }
}

/// That it is no run of its own.
pub(super) fn merged(report: &Report) -> Option<String> {
    let sources = &report.merged.as_ref()?.sources;
    let runs = counted(sources.len() as u64, "run", "runs");
    Some(format!(
        "Merged from {runs}: connections and threads are the sums of theirs, as records and requests are."
    ))
}

/// Why, of so many reasons.
pub(super) fn reasons(verdict: &Verdict, most: usize) -> Markup {
    html! {
        @if verdict.reasons.is_empty() {
            @if verdict.outcome == Outcome::Pass { p { "The run is valid, and nothing that was asked of it was missed." } }
        } @else {
            ul { @for reason in verdict.reasons.iter().take(most) { li { (unbroken(&cap::text(reason))) } } }
            (cap::more(verdict.reasons.len(), most))
        }
    }
}

/// What must be said of a target that is no REST Proxy, or misbehaves on purpose.
pub(super) fn notices(report: &Report) -> Vec<String> {
    let words = [stand_in_words(&report.target), fault_words(&report.target)];
    words
        .into_iter()
        .flatten()
        .map(|text| format!("{}.", capitalised(&cap::text(&text))))
        .collect()
}

pub(super) fn warnings(warnings: &[String], most: usize) -> Markup {
    html! {
        @if !warnings.is_empty() {
            ul.warnings { @for warning in warnings.iter().take(most) { li { b { "Warning: " } (unbroken(&cap::text(warning))) } } }
            (cap::more(warnings.len(), most))
        }
    }
}

/// `2026-11-21 10:15:02 UTC`
pub(super) fn started(report: &Report) -> String {
    time_words(&report.started_at)
}

/// The same of any time of RFC 3339 in UTC; another text as it is.
pub(super) fn time_words(text: &str) -> String {
    match (text.get(..10), text.get(10..11), text.get(11..19)) {
        (Some(date), Some("T"), Some(time)) if text.ends_with('Z') => format!("{date} {time} UTC"),
        _ => cap::name(text),
    }
}
