//! A comparison as text: what changed, by how much, how sure that is.

use std::path::PathBuf;

use super::Style;
use super::markdown::{safe, table as markdown_table};
use super::table::{columns, labelled, warning_lines};
use super::text::{clean, wrap};
use crate::gate::{Compared, Method, MetricCompared, MetricVerdict, Outcome, Verdict};
use crate::units::{self, counted, percent_of_change, rate_digits};

/// Columns of the table of metrics.
const HEAD: [&str; 7] = [
    "against",
    "baseline",
    "run",
    "change",
    "99 % interval",
    "p",
    "",
];

/// The comparison for a terminal, without its verdict.
pub(super) fn lines(compared: &Compared, style: Style) -> Vec<String> {
    let mut lines = Vec::new();
    if !compared.metrics.is_empty() {
        let mut rows = vec![HEAD.map(str::to_owned).to_vec()];
        rows.extend(compared.metrics.iter().map(|row| Vec::from(cells(row))));
        lines.extend(columns(rows, false));
        lines.extend(wrap("", 2, &note(compared)));
    }
    let source = clean(&baseline_words(compared));
    lines.extend(labelled("baseline", &source));
    let forced: Vec<String> = forced(compared);
    if !forced.is_empty() {
        lines.extend(warning_lines(&forced, style));
    }
    lines
}

/// All of `krush compare`'s output: what is compared, the table, the verdict.
pub fn compared(compared: &Compared, run: &str, files: &[PathBuf], style: Style) -> String {
    let mut all = lines(compared, style);
    all.extend(labelled("run", &clean(run)));
    all.push(String::new());
    all.extend(super::table::verdict_block(
        &verdict(compared),
        files,
        style,
    ));
    all.push(String::new());
    all.join("\n")
}

/// The comparison as Markdown, a document of its own.
pub fn compared_markdown(compared: &Compared, run: &str) -> String {
    let verdict = verdict(compared);
    let mut lines = vec![
        format!("# krush compare: {}", verdict.headline),
        String::new(),
    ];
    lines.extend(
        verdict
            .reasons
            .iter()
            .map(|reason| format!("- {}", safe(reason))),
    );
    if !verdict.reasons.is_empty() {
        lines.push(String::new());
    }
    lines.extend(section(compared));
    lines.extend([format!("Run: {}", safe(run)), String::new()]);
    lines.join("\n")
}

/// The comparison as a part of a report's Markdown.
pub(super) fn section(compared: &Compared) -> Vec<String> {
    let mut lines = Vec::new();
    if !compared.metrics.is_empty() {
        let head = [
            "against the baseline",
            "baseline",
            "run",
            "change",
            "99 % interval",
            "p",
            "worse by at most (95 %)",
            "would show",
            "result",
        ];
        let rows = compared.metrics.iter().map(|row| {
            let [name, baseline, run, change, interval, p, word] = cells(row);
            let (worst, least) = (share(row.worst), share(row.minimum_detectable));
            vec![name, baseline, run, change, interval, p, worst, least, word]
        });
        lines.extend(markdown_table(&head, rows));
        lines.push(format!("{}.", note(compared)));
    }
    lines.extend(
        forced(compared)
            .iter()
            .map(|text| format!("- **warning:** {}", safe(text))),
    );
    lines.extend([
        format!("Baseline: {}", safe(&baseline_words(compared))),
        String::new(),
    ]);
    lines
}

/// What a comparison by itself comes to.
pub(super) fn verdict(compared: &Compared) -> Verdict {
    Verdict {
        outcome: compared.outcome,
        exit_code: compared.outcome.exit_code(),
        headline: compared.outcome.headline().to_owned(),
        reasons: compared.reasons.clone(),
    }
}

fn forced(compared: &Compared) -> Vec<String> {
    let line = |difference: &String| {
        format!("compared all the same (--force), though they differ: {difference}")
    };
    compared.forced.iter().map(line).collect()
}

fn baseline_words(compared: &Compared) -> String {
    let row = &compared.baseline;
    format!("{} ({}, {})", row.source, row.scenario, row.started_at)
}

/// What stands behind the table, and what would have shown.
fn note(compared: &Compared) -> String {
    let what = match compared.method {
        Method::Blocks => ("block", "blocks"),
        Method::Pairs => ("pair", "pairs"),
    };
    let replicates = compared
        .metrics
        .first()
        .map_or((0, 0), |row| (row.baseline_replicates, row.replicates));
    let of = match compared.method {
        Method::Blocks => format!(
            "{} against {}",
            counted(replicates.0, what.0, what.1),
            replicates.1
        ),
        Method::Pairs => counted(replicates.1, what.0, what.1),
    };
    let shows: Vec<String> = (compared.metrics.iter())
        .filter(|row| row.judged)
        .map(|row| format!("{} {}", name(row), share(row.minimum_detectable)))
        .collect();
    let outcome = match compared.outcome {
        Outcome::Regression => "would have shown",
        _ => "would show",
    };
    format!(
        "{of}, margin {}; worse by this {outcome}: {}",
        share(compared.margin),
        shows.join(", ")
    )
}

fn name(row: &MetricCompared) -> String {
    if row.metric.starts_with('p') {
        row.metric.to_uppercase()
    } else {
        row.metric.clone()
    }
}

pub(super) fn share(share: f64) -> String {
    percent_of_change(share).trim_start_matches('+').to_owned()
}

fn cells(row: &MetricCompared) -> [String; 7] {
    let figure = |value: f64| match row.unit.as_str() {
        "us" => units::latency(value.round() as u64),
        "ratio" => units::percent(value),
        _ => rate_digits(value),
    };
    [
        name(row),
        figure(row.baseline),
        figure(row.saw),
        percent_of_change(row.change),
        format!(
            "{} to {}",
            percent_of_change(row.low),
            percent_of_change(row.high)
        ),
        if row.p < 0.001 {
            "<0.001".to_owned()
        } else {
            format!("{:.3}", row.p)
        },
        word(row).to_owned(),
    ]
}

fn word(row: &MetricCompared) -> &'static str {
    if !row.judged {
        return "not judged";
    }
    match row.verdict {
        MetricVerdict::Regression => "regression",
        MetricVerdict::Improvement => "better",
        MetricVerdict::NoRegression => "no regression",
        MetricVerdict::Inconclusive => "inconclusive",
    }
}
