//! What a search would try, before it sends anything.

use std::fmt::Write as _;

use serde::Serialize;

use super::search::{LONGEST_SECS, Limit, Shape, least_requests};
use crate::cli::Budget;
use crate::commands::trials::Aim;
use crate::report::Tool;
use crate::units::{counted, duration, grouped, latency};

/// What would be tried.
#[derive(Debug, Serialize)]
pub(super) struct Planned {
    schema_version: u32,
    tool: Tool,
    target: Aim,
    limit: Limit,
    shapes: Vec<Shape>,
    /// Requests of all first looks, if none is left out and each lasts long enough; `null`: the budget is a time.
    first_looks_requests: Option<u64>,
    /// Most time of all first looks, in seconds, without what is in flight at their ends.
    first_looks_secs: f64,
    #[serde(skip)]
    budget: Budget,
}

impl Planned {
    pub(super) fn new(target: Aim, shapes: &[Shape], budget: Budget, limit: Limit) -> Self {
        let count = shapes.len() as f64;
        let (first_looks_requests, each_secs) = match budget {
            Budget::Requests(requests) => {
                let least = shapes.iter().map(|shape| least_requests(*shape, requests));
                (Some(least.sum()), LONGEST_SECS)
            }
            Budget::Time(time) => (None, time.as_secs_f64()),
        };
        Self {
            schema_version: 1,
            tool: Tool::here(),
            target,
            limit,
            shapes: shapes.to_vec(),
            first_looks_requests,
            first_looks_secs: each_secs * count,
            budget,
        }
    }

    pub(super) fn json(&self) -> String {
        let text = serde_json::to_string_pretty(self).expect("texts and numbers are JSON");
        format!("{text}\n")
    }

    pub(super) fn text(&self) -> String {
        let mut text = format!(
            "{} (records a request x connections), P95 up to {} (nothing was sent)\n{}",
            counted(self.shapes.len() as u64, "shape", "shapes"),
            latency(self.limit.p95_us),
            self.target.words()
        );
        // Writing to a String cannot fail.
        let _ = match (self.budget, self.first_looks_requests) {
            (Budget::Requests(requests), Some(all)) => writeln!(
                text,
                "first look at each: {} requests, two for each connection at least: {} in all,\n  more where they \
                 take less than 0.1 s, fewer where they take more than {LONGEST_SECS} s",
                grouped(u64::from(requests)),
                grouped(all)
            ),
            (Budget::Time(time), _) => writeln!(
                text,
                "first look at each: {}, {} s in all",
                duration(time),
                grouped(self.first_looks_secs.ceil() as u64)
            ),
            (Budget::Requests(_), None) => Ok(()),
        };
        text.push_str(
            "then rounds with twice as much for the better half, and a confirmation of the best\n",
        );
        for shape in &self.shapes {
            let _ = writeln!(text, "{shape}");
        }
        text
    }
}
