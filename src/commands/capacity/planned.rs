//! What a search for capacity would do, before it sends anything.

use std::time::Duration;

use serde::Serialize;

use super::search::{Range, fewest_steps, most_steps};
use super::show::slo_words;
use super::{OVER, Slo};
use crate::commands::trials::{Aim, paragraph};
use crate::report::Tool;
use crate::units::{counted, duration, grouped, percent, rate_digits};

/// What would be done.
#[derive(Debug, Serialize)]
pub(super) struct Planned {
    schema_version: u32,
    tool: Tool,
    target: Aim,
    batch_size: u32,
    connections: u32,
    slo: Slo,
    start_records_per_sec: f64,
    /// Lowest rate that is tried.
    least_records_per_sec: f64,
    /// Highest rate that is tried, in the overload too; `null`: none is.
    max_records_per_sec: Option<f64>,
    precision: f64,
    /// Length of the first step and of one at the lowest rate, with the load before their clocks start.
    first_step_secs: f64,
    longest_step_secs: f64,
    /// Of the overload, and of the time before it and after it.
    overload_secs: f64,
    fewest_steps: u32,
    most_steps: u32,
    /// Most time for all of it, without what a slow target takes to answer what is in flight, and without steps that are repeated.
    most_secs: f64,
}

/// What there is to say beside the range.
pub(super) struct Given {
    pub(super) target: Aim,
    pub(super) batch_size: u32,
    pub(super) connections: u32,
    pub(super) slo: Slo,
    /// Of the overload, with the time before it and after it; zero: there is none.
    pub(super) overload: Duration,
}

impl Planned {
    /// `length`: of a step at a rate, with the load before its clock starts.
    pub(super) fn new(given: Given, range: Range, length: &dyn Fn(f64) -> Duration) -> Self {
        let (first, longest) = (length(range.start), length(range.least));
        // No step takes longer than one at the lowest rate.
        let steps = most_steps(range);
        let all = longest.saturating_mul(steps) + given.overload;
        Self {
            schema_version: 1,
            tool: Tool::here(),
            target: given.target,
            batch_size: given.batch_size,
            connections: given.connections,
            slo: given.slo,
            start_records_per_sec: range.start,
            least_records_per_sec: range.least,
            max_records_per_sec: range.most.is_finite().then_some(range.most),
            precision: range.precision,
            first_step_secs: first.as_secs_f64(),
            longest_step_secs: longest.as_secs_f64(),
            overload_secs: given.overload.as_secs_f64(),
            fewest_steps: fewest_steps(range),
            most_steps: steps,
            most_secs: all.as_secs_f64(),
        }
    }

    pub(super) fn json(&self) -> String {
        let text = serde_json::to_string_pretty(self).expect("texts and numbers are JSON");
        format!("{text}\n")
    }

    pub(super) fn text(&self) -> String {
        let time = |secs: f64| duration(Duration::from_millis((secs * 1e3).round() as u64));
        let most = self.max_records_per_sec.map_or_else(String::new, |most| {
            format!(", {} rec/s at most", rate_digits(most))
        });
        let over = if self.overload_secs > 0.0 {
            format!(
                ", {} times the rate that is found{most}, and back: {}",
                rate_digits(OVER),
                time(self.overload_secs)
            )
        } else {
            String::new()
        };
        [
            format!(
                "from {} rec/s on, doubled until it misses{most} ({}); then to {} near, 2 confirmations{over} (nothing was sent)",
                rate_digits(self.start_records_per_sec),
                slo_words(self.slo),
                percent(self.precision)
            ),
            format!(
                "{}, in batches of {}",
                counted(u64::from(self.connections), "connection", "connections"),
                grouped(u64::from(self.batch_size)),
            ),
            format!(
                "the first step takes {}, one at the lowest rate ({} rec/s) {}; {} to {} steps, {} at most with the overload, \
                 beside what a slow target takes to answer what is in flight",
                time(self.first_step_secs),
                rate_digits(self.least_records_per_sec),
                time(self.longest_step_secs),
                self.fewest_steps,
                self.most_steps,
                time(self.most_secs.ceil()),
            ),
        ]
        .iter()
        .map(|text| paragraph(text))
        .collect::<String>()
            + &self.target.words()
    }
}
