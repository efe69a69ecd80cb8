//! The report as one HTML file for people: on a screen, on a phone, on paper. No script, nothing from the network; every text
//! that is not krush's own is escaped by construction (maud).

mod cap;
mod chart;
mod columns;
mod compared;
mod facts;
mod figures;
mod flow;
mod history;
mod over_time;
mod page;
mod parts;
mod percentiles;
mod points;
mod run;
mod scale;
mod several;
mod table;
mod verdict;

pub use history::history_html;

pub(super) use facts::difference_lines;
pub(super) use several::{Figure, any_arrivals, arrivals_of, figures_of, names, ratio};

use super::Report;

/// Runs that fit side by side: there is a line style for each.
pub const MOST_RUNS: usize = 8;

/// One page about one run, or about up to [`MOST_RUNS`] side by side; more are left out.
pub fn html(reports: &[&Report]) -> String {
    html_of_files(reports, &[])
}

/// The same, each of several runs called by its file too.
pub fn html_of_files(reports: &[&Report], files: &[String]) -> String {
    match reports {
        [report] => run::run(report),
        reports => several::several(&reports[..reports.len().min(MOST_RUNS)], files),
    }
}

#[cfg(test)]
mod tests;
