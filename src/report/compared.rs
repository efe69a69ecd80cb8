//! A comparison as text: what changed, by how much, how sure that is.

use std::path::PathBuf;

use super::Style;
use super::markdown::{safe, table as markdown_table};
use super::table::{labelled, lines_of_columns, warning_lines, whole_columns};
use super::text::{clean, wrap};
use crate::gate::{Compared, Method, MetricCompared, MetricVerdict, Outcome, Verdict};
use crate::units::{self, counted, percent_of_change, rate_digits};

/// Columns of the table of metrics.
const HEAD: [&str; 8] = [
    "against",
    "baseline",
    "run",
    "change",
    "99 % interval",
    "at most",
    "p",
    "",
];
/// What a terminal can do without where a line is too long, the first first: other formats have it all.
const SPARED: [&str; 2] = ["p", "99 % interval"];

/// The comparison for a terminal, without its verdict.
pub(super) fn lines(compared: &Compared, style: Style) -> Vec<String> {
    let mut lines = Vec::new();
    if !compared.metrics.is_empty() {
        lines.extend(table(compared));
        lines.extend(wrap("", 2, &note(compared)));
    }
    let source = clean(&baseline_words(compared));
    lines.extend(labelled("baseline", &source));
    let forced: Vec<String> = forced(compared);
    if !forced.is_empty() {
        lines.extend(warning_lines(&forced, style));
    }
    for note in notes(compared) {
        lines.extend(wrap("note: ", 2, &clean(&note)));
    }
    lines
}

/// The metrics in as many columns as fit.
fn table(compared: &Compared) -> Vec<String> {
    let mut rows = vec![HEAD.map(str::to_owned).to_vec()];
    rows.extend((compared.metrics.iter()).map(|row| Vec::from(cells(row, compared.margin))));
    for spared in SPARED {
        if let Some(lines) = whole_columns(rows.clone(), false) {
            return lines;
        }
        let column = rows[0].iter().position(|name| name == spared);
        for row in &mut rows {
            column.map(|column| row.remove(column));
        }
    }
    lines_of_columns(rows, false)
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
            let [name, baseline, run, change, interval, worst, p, word] =
                cells(row, compared.margin);
            let least = share(row.minimum_detectable);
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
    lines.extend(
        notes(compared)
            .iter()
            .map(|text| format!("- **note:** {}", safe(text))),
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

/// Differences that kept nothing from being compared.
pub(super) fn notes(compared: &Compared) -> Vec<String> {
    let line = |difference: &String| format!("{difference}; what changed may be krush");
    compared.notes.iter().map(line).collect()
}

fn baseline_words(compared: &Compared) -> String {
    let row = &compared.baseline;
    format!("{} ({}, {})", row.source, row.scenario, row.started_at)
}

/// What stands behind the table, and what would have shown.
pub(super) fn note(compared: &Compared) -> String {
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
    let of = [vec![of], whole(compared)].concat().join("; ");
    let shows: Vec<String> = (compared.metrics.iter())
        .filter(|row| row.judged && row.lower_bound.is_none())
        .map(|row| format!("{} {}", row.name(), share(row.minimum_detectable)))
        .collect();
    let outcome = match compared.outcome {
        Outcome::Regression => "would have shown",
        _ => "would show",
    };
    format!(
        "{of}, margin {}; baseline and run are medians over the {}, the change is that between {}; at most: worse by no more than this, with 95 % confidence; worse by this {outcome}: {}",
        share(compared.margin),
        what.1,
        match compared.method {
            Method::Blocks => "blocks",
            Method::Pairs => "the slices of a pair",
        },
        shows.join(", ")
    )
}

/// What the whole came to, where it is not what the middle of the replicates says.
fn whole(compared: &Compared) -> Vec<String> {
    let of = |row: &MetricCompared| {
        let total = row.total_change?;
        let apart = (total - row.change).abs() > compared.margin;
        apart.then(|| format!("{} of the whole {}", row.name(), change(total)))
    };
    compared.metrics.iter().filter_map(of).collect()
}

pub(super) fn share(share: f64) -> String {
    units::share_of_change(share).replace("10,000 or more", "10,000+")
}

/// A change as it fits a column.
fn change(change: f64) -> String {
    percent_of_change(change).replace("10,000 or more", "10,000+")
}

fn interval(low: f64, high: f64) -> String {
    let (low, high) = (change(low), change(high));
    // The sign of percent once where both are.
    match low.strip_suffix(" %") {
        Some(low) if high.ends_with('%') => format!("{low} to {high}"),
        _ => format!("{low} to {high}"),
    }
}

/// A value of the metric, in its unit.
pub(super) fn figure(row: &MetricCompared, value: f64) -> String {
    match row.unit.as_str() {
        "us" => units::latency(value.round() as u64),
        "ratio" => units::percent(value),
        _ => rate_digits(value),
    }
}

/// By how much it is worse at most, with 95 % confidence.
pub(super) fn worst(row: &MetricCompared, margin: f64) -> String {
    match row.lower_bound {
        Some(_) => "-".to_owned(),
        None => units::share_beside(row.worst, margin).replace("10,000 or more", "10,000+"),
    }
}

fn cells(row: &MetricCompared, margin: f64) -> [String; 8] {
    [
        row.name(),
        figure(row, row.baseline),
        figure(row, row.saw),
        units::change_beside(row.change, margin).replace("10,000 or more", "10,000+"),
        interval(row.low, row.high),
        worst(row, margin),
        if row.p < 0.001 {
            "<0.001".to_owned()
        } else {
            format!("{:.3}", row.p)
        },
        word(row).to_owned(),
    ]
}

/// What it comes to.
pub(super) fn word(row: &MetricCompared) -> &'static str {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::BaselineRow;

    fn row(metric: &str, (baseline, saw): (f64, f64), (low, high): (f64, f64)) -> MetricCompared {
        MetricCompared {
            metric: metric.to_owned(),
            unit: if metric == "throughput" {
                "records/s"
            } else {
                "us"
            }
            .to_owned(),
            higher_is_better: metric == "throughput",
            judged: true,
            baseline,
            saw,
            baseline_replicates: 16,
            replicates: 16,
            change: saw / baseline - 1.0,
            low,
            high,
            confidence: 0.99,
            p: 0.123,
            verdict: MetricVerdict::NoRegression,
            worst: high.max(-low) / 2.0,
            minimum_detectable: 1e5,
            more_replicates: None,
            runs_needed: None,
            lower_bound: None,
            lower_bound_replicates: 0,
            run_spread: None,
            total_change: None,
            failures_at_once: None,
        }
    }

    fn shown(metrics: Vec<MetricCompared>) -> String {
        let compared = Compared {
            method: Method::Blocks,
            baseline: BaselineRow {
                source: "old.json".to_owned(),
                started_at: "2026-01-01T00:00:00Z".to_owned(),
                scenario: "basic".to_owned(),
            },
            margin: 0.05,
            metrics,
            forced: Vec::new(),
            notes: Vec::new(),
            pairs: Vec::new(),
            outcome: Outcome::Pass,
            reasons: Vec::new(),
        };
        lines(&compared, Style::new(false)).join("\n")
    }

    #[test]
    fn rows_keep_within_80_columns() {
        let usual = row("throughput", (40_000.0, 39_000.0), (-0.041, 0.01));
        let wild = row("p95", (1_234.0, 1_234_000.0), (-0.995, 1e5));
        let both = shown(vec![usual.clone(), wild]);
        let usual = shown(vec![usual, row("p95", (2e6, 2e6), (-0.1, 0.3))]);
        assert!(
            both.lines()
                .chain(usual.lines())
                .all(|line| line.chars().count() <= 80)
        );
        assert!(usual.contains("at most") && usual.contains("99 % interval"));
        assert!(both.contains("at most"));
        // Just too wide with two spaces between columns.
        let near = row("p95", (366.0, 500.0), (-0.371, 3.252));
        let near = shown(vec![MetricCompared {
            worst: 1.349,
            p: 0.008,
            verdict: MetricVerdict::Inconclusive,
            ..near
        }]);
        insta::assert_snapshot!(near, @"
        against  baseline  run     change   99 % interval      at most
        P95      366 µs    500 µs  +36.6 %  -37.1 to +325.2 %  134.9 %  inconclusive
        16 blocks against 16, margin 5.0 %; baseline and run are medians over the
          blocks, the change is that between blocks; at most: worse by no more than
          this, with 95 % confidence; worse by this would show: P95 × 10,000+
        baseline          old.json (basic, 2026-01-01T00:00:00Z)
        ");
    }

    #[test]
    fn the_whole_is_said_where_it_is_not_the_middle() {
        let with = |total: f64| {
            shown(vec![MetricCompared {
                total_change: Some(total),
                ..row("throughput", (40_000.0, 39_900.0), (-0.01, 0.01))
            }])
        };
        assert!(with(-0.2).contains("throughput of the whole -20.0 %"));
        assert!(!with(-0.03).contains("of the whole"));
    }
}
