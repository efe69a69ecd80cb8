//! What is said about a run: the [`Report`], and table, JSON, Markdown and JUnit XML as pure functions of it.

mod audit;
mod blocks;
mod build;
mod claims;
mod compared;
mod consistent;
pub mod consume;
mod end_to_end;
pub mod formats;
mod histograms;
mod html;
mod json;
mod junit;
mod latencies;
mod machine;
mod markdown;
mod merge;
mod model;
mod over_time;
mod read;
mod side_by_side;
mod style;
pub mod table;
mod text;
mod words;
mod write;

pub use blocks::{BlockRow, BlocksSection};
pub use build::{build, build_judged};
pub use claims::{ClaimsSection, ThreadClaimsSection};
pub use compared::{compared, compared_markdown};
pub use end_to_end::EndToEndSection;
pub use html::{MOST_RUNS, history_html, html, html_of_files};
pub use json::{json, json_of};
pub use junit::junit;
pub use markdown::markdown;
pub use merge::{MergedRow, MergedSection, NotMergeable, Source, merge, parts_validity};
pub use model::*;
pub use read::{Found, parse, read, read_result};
pub use side_by_side::side_by_side;
pub use style::Style;
pub(crate) use text::clean as clean_text;
pub(crate) use text::wrap;
pub use write::{append_markdown, check_outputs, write, write_named, write_text};

pub use crate::gate::Verdict;
pub use crate::measure::{Distribution, Summary, TargetFacts, TargetKind};

#[cfg(test)]
mod junit_tests;
#[cfg(test)]
mod parts_for_tests;
#[cfg(test)]
mod promises;
#[cfg(test)]
mod samples;
