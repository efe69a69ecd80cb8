//! The last word on a run, with what has to be said before any figure.

use maud::{Markup, html};

use super::table::unbroken;
use crate::gate::{Outcome, Verdict};
use crate::report::Report;
use crate::report::words::{
    capitalised, fault_words, load_words, server_words, stand_in_words, topic_words,
};

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
        p.kicker { "krush · " (report.plan.scenario) " · " (started(report)) }
        (verdict(&report.verdict))
        @for words in notices(report) { p.notice { (words) } }
        p.soft { (report.target.urls.join(", ")) " (" (server_words(&report.target)) "), " (topic_words(&report.target)) }
        p.soft { (load_words(&report.plan).join(", ")) }
        (warnings(&report.warnings))
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
            (reasons(verdict))
        }
    }
}

/// Why.
pub(super) fn reasons(verdict: &Verdict) -> Markup {
    html! {
        @if verdict.reasons.is_empty() {
            @if verdict.outcome == Outcome::Pass { p { "The run is valid, and nothing that was asked of it was missed." } }
        } @else {
            ul { @for reason in &verdict.reasons { li { (unbroken(reason)) } } }
        }
    }
}

/// What must be said of a target that is no REST Proxy, or misbehaves on purpose.
pub(super) fn notices(report: &Report) -> Vec<String> {
    let words = [stand_in_words(&report.target), fault_words(&report.target)];
    words
        .into_iter()
        .flatten()
        .map(|text| format!("{}.", capitalised(&text)))
        .collect()
}

pub(super) fn warnings(warnings: &[String]) -> Markup {
    html! {
        @if !warnings.is_empty() {
            ul.warnings { @for warning in warnings { li { b { "Warning: " } (unbroken(warning)) } } }
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
        _ => text.to_owned(),
    }
}
