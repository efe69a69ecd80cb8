//! The run held against its baseline: every metric with its interval over the band of the margin.

use maud::{Markup, html};

use super::cap;
use super::chart::number;
use super::parts::tag;
use super::table::{Column, table, unbroken};
use super::verdict::{manner, time_words};
use crate::gate::{Compared, MetricCompared, MetricVerdict};
use crate::report::compared::{self, share};
use crate::report::words::capitalised;
use crate::units::{self, percent_of_change};

/// The part of the page.
pub(super) fn section(compared: &Compared) -> Markup {
    let (class, sign) = manner(compared.outcome);
    let baseline = &compared.baseline;
    // What is not judged may vary so much that nothing else could be seen.
    let judged = compared.metrics.iter().filter(|metric| metric.judged);
    let reach = judged
        .flat_map(|metric| [metric.low.abs(), metric.high.abs()])
        .fold(compared.margin * 1.5, f64::max);
    let most = cap::rows(1);
    let metrics = compared.metrics.iter().take(most);
    let rows: Vec<Vec<Markup>> = metrics
        .map(|metric| row(metric, compared.margin, reach))
        .collect();
    html! {
        p { (tag(class, sign, compared.outcome.headline())) ", margin " (share(compared.margin)) ", against "
            (cap::brief(&baseline.source)) " (" (cap::name(&baseline.scenario)) ", " (time_words(&baseline.started_at)) ")" }
        @if !compared.reasons.is_empty() { ul { @for reason in compared.reasons.iter().take(most) { li { (unbroken(&cap::brief(reason))) } } } }
        @if !rows.is_empty() {
            (table("Comparison", &head(compared), &rows))
            p.note { (capitalised(&compared::note(compared))) ". The figures of the whole run above are no medians, so they differ from these." }
        }
        @for note in compared::notes(compared).iter().take(most) { p.note { (cap::brief(note)) } }
        @for forced in compared.forced.iter().take(most) { p.note { "Compared all the same (--force): " (cap::brief(forced)) } }
        (cap::more(compared.reasons.len().max(compared.forced.len()).max(compared.metrics.len()), most))
    }
}

fn head(compared: &Compared) -> [(&'static str, Column); 9] {
    // One word for all rows: they are made alike.
    let interval = match compared.metrics.first() {
        Some(metric) if (metric.confidence - 0.95).abs() < 1e-6 => {
            "95 % interval, band: the margin"
        }
        _ => "99 % interval, band: the margin",
    };
    [
        ("metric", Column::Line),
        ("baseline", Column::Number),
        ("this run", Column::Number),
        ("change", Column::Number),
        (interval, Column::Text),
        ("at most worse by (95 %)", Column::Number),
        ("p", Column::Number),
        ("least change that would show", Column::Number),
        ("verdict", Column::Line),
    ]
}

fn row(metric: &MetricCompared, margin: f64, reach: f64) -> Vec<Markup> {
    let interval = format!(
        "{} to {}",
        percent_of_change(metric.low),
        percent_of_change(metric.high)
    );
    let unit = if metric.unit == "records/s" {
        " rec/s"
    } else {
        ""
    };
    vec![
        html! { (metric.name()) },
        html! { (compared::figure(metric, metric.baseline)) (unit) },
        html! { (compared::figure(metric, metric.saw)) (unit) },
        html! { (units::change_beside(metric.change, margin)) },
        html! { (forest(metric, margin, reach)) span.soft { (interval) } },
        html! { (compared::worst(metric, margin)) },
        html! { (probability(metric.p)) },
        html! { (share(metric.minimum_detectable)) },
        verdict(metric),
    ]
}

/// Coloured only where it was judged.
fn verdict(metric: &MetricCompared) -> Markup {
    let word = compared::word(metric);
    if !metric.judged {
        return html! { span.soft { (word) } };
    }
    let (class, sign) = match metric.verdict {
        MetricVerdict::Regression => ("bad", "✗"),
        MetricVerdict::Improvement | MetricVerdict::NoRegression => ("good", "✓"),
        MetricVerdict::Inconclusive => ("warn", "?"),
    };
    tag(class, sign, word)
}

/// The interval over the band of the margin.
fn forest(metric: &MetricCompared, margin: f64, reach: f64) -> Markup {
    let at = |change: f64| number(((change / reach).clamp(-1.0, 1.0) + 1.0) * 100.0);
    let words = format!(
        "{}: {}, between {} and {}",
        metric.name(),
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

/// Three digits; less than that is no zero.
fn probability(p: f64) -> String {
    if p < 0.001 {
        "< 0.001".to_owned()
    } else {
        format!("{p:.3}")
    }
}
