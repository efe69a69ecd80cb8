//! What is said about a run: the [`Report`], and table, JSON and Markdown as pure functions of it.

mod build;
mod json;
mod latencies;
mod machine;
mod markdown;
mod model;
mod over_time;
mod style;
pub mod table;
mod text;
mod words;
mod write;

pub use build::build;
pub use json::json;
pub use markdown::markdown;
pub use model::*;
pub use style::Style;
pub use write::{check_outputs, write};

pub use crate::measure::{Distribution, Summary, TargetFacts, TargetKind};

#[cfg(test)]
mod promises;
#[cfg(test)]
mod samples;
