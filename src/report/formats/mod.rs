//! The table of formats: which ending of a file's name stands for which pure function of the report.

mod bencher;
mod benchmark_action;
mod csv_comparison;
mod csv_summary;
mod csv_timeline;
mod exposition;
mod hdr_log;
mod hdr_percentiles;
mod prometheus;
#[cfg(test)]
mod tests;

use std::path::Path;

use hdrhistogram::Histogram;
use hdrhistogram::serialization::Deserializer;

pub use exposition::{Exposition, Kind};
pub use prometheus::{prometheus, run_labels};

use super::{Report, html_of_files, json, junit, markdown};
use crate::error::{Error, Result};
use crate::gate::Worthless;
use crate::measure::TargetKind;
use crate::model;
use crate::plan::{output_ending, output_endings_words};

/// One format of results.
#[derive(Debug, Clone, Copy)]
pub struct Format {
    /// How a file's name ends; one of [`crate::plan::OUTPUT_ENDINGS`].
    pub ending: &'static str,
    /// What it is called, as a flag without its dashes.
    pub name: &'static str,
    /// What it is for, in a few words.
    pub about: &'static str,
    render: Render,
}

/// How many reports a text can hold.
#[derive(Debug, Clone, Copy)]
enum Render {
    /// One.
    One(fn(&Report) -> String),
    /// Any number.
    Several(fn(&[&Report]) -> String),
    /// Any number, each called by the name of its file too.
    Named(fn(&[&Report], &[String]) -> String),
}

/// Every format, in the order of [`crate::plan::OUTPUT_ENDINGS`].
pub const FORMATS: &[Format] = &[
    one(".json", "json", "everything", json),
    Format {
        ending: ".html",
        name: "html",
        about: "one page for people",
        render: Render::Named(html_of_files),
    },
    one(".md", "markdown", "Markdown", markdown),
    one(".xml", "junit", "JUnit, for CI servers", junit),
    several(".csv", "csv", "a row a run", csv_summary::csv_summary),
    several(
        ".timeline.csv",
        "timeline-csv",
        "a row a second",
        csv_timeline::csv_timeline,
    ),
    one(".prom", "prometheus", "Prometheus text", prometheus),
    one(
        ".hgrm",
        "hgrm",
        "HDR percentile distribution",
        hdr_percentiles::hdr_percentiles,
    ),
    one(".hlog", "hlog", "HDR interval log", hdr_log::hdr_log),
    several(
        ".bencher.json",
        "bencher",
        "Bencher Metric Format",
        bencher::bencher,
    ),
    several(
        ".bigger.json",
        "bigger-is-better",
        "github-action-benchmark, customBiggerIsBetter",
        benchmark_action::bigger,
    ),
    several(
        ".smaller.json",
        "smaller-is-better",
        "github-action-benchmark, customSmallerIsBetter",
        benchmark_action::smaller,
    ),
];

const fn one(
    ending: &'static str,
    name: &'static str,
    about: &'static str,
    render: fn(&Report) -> String,
) -> Format {
    Format {
        ending,
        name,
        about,
        render: Render::One(render),
    }
}

const fn several(
    ending: &'static str,
    name: &'static str,
    about: &'static str,
    render: fn(&[&Report]) -> String,
) -> Format {
    Format {
        ending,
        name,
        about,
        render: Render::Several(render),
    }
}

impl Format {
    /// The format of a file, by the longest ending that fits.
    ///
    /// # Errors
    /// Lists the endings that there are.
    pub fn of(path: &Path) -> Result<&'static Self> {
        let ending = output_ending(path);
        FORMATS
            .iter()
            .find(|format| Some(format.ending) == ending)
            .ok_or_else(|| Error::Usage {
                message: format!(
                    "--output: no format goes by the ending of `{}`",
                    path.display()
                ),
                hint: Some(format!("end the name in {}", output_endings_words())),
            })
    }

    /// Whether one text of it holds several reports.
    pub fn takes_several(&self) -> bool {
        matches!(self.render, Render::Several(_) | Render::Named(_))
    }

    /// The reports in this format; where a text holds only one, the texts one after the other.
    pub fn text(&self, reports: &[&Report]) -> String {
        self.text_of_files(reports, &[])
    }

    /// The same, with what the files are called that the reports are from, for formats that name them.
    pub fn text_of_files(&self, reports: &[&Report], files: &[String]) -> String {
        match self.render {
            Render::Named(render) => render(reports, files),
            Render::One(render) => reports.iter().map(|report| render(report)).collect(),
            Render::Several(render) => render(reports),
        }
    }
}

/// Whether the figures say something about the target, well or badly. Tools that only keep numbers must not take others for good ones.
pub(super) fn is_evidence(report: &Report) -> bool {
    Worthless::of_report(report).is_none()
}

/// Runs that the report was put together from; 1: it is that of a single run.
fn merged_runs(report: &Report) -> usize {
    let merged = report.merged.as_ref();
    merged.map_or(1, |merged| merged.sources.len())
}

/// The name of a run where one string must do: `krush/SCENARIO on KIND`.
fn benchmark_name(report: &Report) -> String {
    let scenario = super::text::clean(&report.plan.scenario);
    format!("krush/{scenario} on {}", kind(report))
}

/// What was measured, where one word must do.
fn kind(report: &Report) -> &'static str {
    kind_name(report.target.kind, &report.target.server)
}

/// The name of a kind of target that calls itself `server`. A stand-in with a capacity model has one of its own: its figures are those of the model.
pub fn kind_name(kind: TargetKind, server: &str) -> &'static str {
    if model::of_server(server).is_some() {
        "stand-in-model"
    } else {
        kind.name()
    }
}

/// One of the report's histograms, in µs; empty if it is unreadable.
fn histogram(text: &str) -> Histogram<u64> {
    use base64::Engine as _;
    let bytes = base64::engine::general_purpose::STANDARD
        .decode(text)
        .unwrap_or_default();
    Deserializer::new()
        .deserialize(&mut bytes.as_slice())
        .unwrap_or_else(|_| Histogram::new(3).expect("3 digits are allowed"))
}
