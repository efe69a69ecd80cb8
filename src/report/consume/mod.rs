//! What is said about a run of consumers: the [`ConsumeReport`], as JSON and as a table.

mod build;
mod judge;
mod model;
pub mod table;
#[cfg(test)]
mod tests;

pub use build::{Consumed, build};
pub use model::*;

/// Pretty-printed, with a newline at the end.
pub fn json(report: &ConsumeReport) -> String {
    super::json::pretty(report)
}
