//! Several runs for a terminal: what differs, and every figure beside the first run's.

use super::html::{difference_lines, figures_of, names, ratio};
use super::table::{columns, headline, warning_lines};
use super::text::{clean, shorten, wrap};
use super::words::{fault_words, stand_in_words};
use super::{Report, Style};

/// Characters of a run's name shown.
const NAME: usize = 24;

/// The runs as rows, their figures as columns; the first run is what the ratios are to.
pub fn side_by_side(reports: &[&Report], style: Style) -> String {
    let names: Vec<String> = names(reports)
        .iter()
        .map(|name| shorten(&clean(name), NAME))
        .collect();
    let mut lines = differences(reports);
    lines.push(String::new());
    lines.extend(columns(rows(&names, reports), true));
    lines.push(String::new());
    for (name, report) in names.iter().zip(reports) {
        lines.push(format!("{name}: {}", headline(&report.verdict, style)));
        for text in [stand_in_words(&report.target), fault_words(&report.target)] {
            lines.extend(text.map_or_else(Vec::new, |text| wrap("  ", 4, &text)));
        }
        for reason in &report.verdict.reasons {
            lines.extend(wrap("  ", 4, &clean(reason)));
        }
        let warnings = warning_lines(&report.warnings, style);
        lines.extend(warnings.into_iter().filter(|line| !line.is_empty()));
    }
    lines.push(String::new());
    lines.join("\n")
}

fn differences(reports: &[&Report]) -> Vec<String> {
    let differences = difference_lines(reports);
    if differences.is_empty() {
        return vec!["plan, target, machine and version are the same".to_owned()];
    }
    let mut lines = vec!["what differs".to_owned()];
    lines.extend(
        differences
            .iter()
            .flat_map(|line| wrap("  ", 4, &clean(line))),
    );
    lines
}

/// A row of figures a run, and below each but the first a row of ratios.
fn rows(names: &[String], reports: &[&Report]) -> Vec<Vec<String>> {
    let all: Vec<_> = reports.iter().map(|report| figures_of(report)).collect();
    let Some(first) = all.first() else {
        return Vec::new();
    };
    let head = first.iter().map(|figure| figure.name.to_owned());
    let mut rows = vec![
        std::iter::once("run".to_owned())
            .chain(head)
            .collect::<Vec<_>>(),
    ];
    for (index, (name, figures)) in names.iter().zip(&all).enumerate() {
        let texts = figures.iter().map(|figure| figure.text.clone());
        rows.push(std::iter::once(name.clone()).chain(texts).collect());
        if index > 0 {
            let ratios = figures
                .iter()
                .zip(first)
                .map(|(figure, first)| ratio(figure, first).unwrap_or_default());
            rows.push(
                std::iter::once("  to the first".to_owned())
                    .chain(ratios)
                    .collect(),
            );
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::*;

    #[test]
    fn runs_side_by_side_on_a_terminal() {
        let reports = [
            samples::report(&samples::good()),
            samples::report(&samples::failing()),
            samples::report(&samples::gone()),
        ];
        let reports: Vec<&Report> = reports.iter().collect();
        let text = side_by_side(&reports, Style::plain());
        assert!(
            text.lines().all(|line| line.chars().count() <= 80),
            "{text}"
        );
        insta::assert_snapshot!(text, @"");
    }
}
