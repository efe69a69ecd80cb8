//! What several runs tested, and the row of each target.

use super::Source;
use crate::gate::Run;
use crate::measure::{Distribution, Summary, TargetFacts};
use crate::report::{TargetRow, TargetSection};

/// All targets, each once.
pub(super) fn facts(sources: &[Source]) -> TargetFacts {
    let first = &sources[0].report.target;
    let all = || sources.iter().map(|source| &source.report.target);
    TargetFacts {
        kind: first.kind,
        embedded: all().any(|target| target.embedded),
        urls: distinct(all().flat_map(|target| target.urls.clone())),
        server: distinct(all().map(|target| target.server.clone())).join(", "),
        apis: (first.apis.iter())
            .filter(|api| all().all(|target| target.apis.contains(api)))
            .cloned()
            .collect(),
        dialect: first.dialect,
        partitions: all().filter_map(|target| target.partitions).min(),
        topic_created: all().any(|target| target.topic_created),
    }
}

/// The same as it is reported, with a row a URL.
pub(super) fn section(sources: &[Source], run: &Run) -> TargetSection {
    let facts = run.facts;
    let all = || sources.iter().map(|source| &source.report.target);
    TargetSection {
        kind: facts.kind,
        urls: facts.urls.clone(),
        server: facts.server.clone(),
        embedded: facts.embedded,
        faults: distinct(all().flat_map(|target| target.faults.clone())),
        // Runs against different models are not merged.
        model: all().find_map(|target| target.model.clone()),
        dialect: facts.dialect,
        apis: facts.apis.clone(),
        topic: all()
            .next()
            .map_or_else(String::new, |target| target.topic.clone()),
        partitions: facts.partitions,
        topic_created: facts.topic_created,
        per_target: facts
            .urls
            .iter()
            .map(|url| row(url, sources, run))
            .collect(),
    }
}

fn distinct(texts: impl Iterator<Item = String>) -> Vec<String> {
    let mut kept: Vec<String> = Vec::new();
    for text in texts {
        if !kept.contains(&text) {
            kept.push(text);
        }
    }
    kept
}

/// A target's share. Reports have no histogram a target: where several runs loaded one of several targets, its distributions are
/// unknown.
fn row(url: &str, sources: &[Source], run: &Run) -> TargetRow {
    let window = run.measured.window;
    if run.facts.urls.len() == 1 {
        let total = &run.total;
        return TargetRow {
            url: url.to_owned(),
            ledger: total.ledger,
            summary: Summary::of_recorder(total, window, total.ledger.records.sent),
        };
    }
    let all = sources
        .iter()
        .flat_map(|source| &source.report.target.per_target);
    let rows: Vec<&TargetRow> = all.filter(|row| row.url == url).collect();
    let mut ledger = crate::measure::Ledger::default();
    for row in &rows {
        ledger.merge(&row.ledger);
    }
    let secs = window.map_or(0.0, |window| window.as_secs_f64());
    // What there was in each row's own window, over that of the whole.
    let per_sec = |of: fn(&Summary) -> f64| -> f64 {
        let total = rows
            .iter()
            .map(|row| of(&row.summary) * row.summary.duration_secs);
        total.sum::<f64>() / secs.max(1e-6)
    };
    let count = |of: fn(&Summary) -> u64| rows.iter().map(|row| of(&row.summary)).sum();
    let only = match rows.as_slice() {
        [only] => Some(&only.summary),
        _ => None,
    };
    let distribution = |of: fn(&Summary) -> Distribution| only.map(of).unwrap_or_default();
    let acked = ledger.records.acked as f64;
    TargetRow {
        url: url.to_owned(),
        ledger,
        summary: Summary {
            duration_secs: secs,
            records_per_sec: per_sec(|summary| summary.records_per_sec),
            requests_per_sec: per_sec(|summary| summary.requests_per_sec),
            payload_bytes_per_sec: per_sec(|summary| summary.payload_bytes_per_sec),
            wire_bytes_per_sec: per_sec(|summary| summary.wire_bytes_per_sec),
            wire_bytes_received_per_sec: per_sec(|summary| summary.wire_bytes_received_per_sec),
            success_ratio: acked / (ledger.records.sent as f64).max(1.0),
            latency_us: distribution(|summary| summary.latency_us),
            service_time_us: distribution(|summary| summary.service_time_us),
            uncorrected_samples: count(|summary| summary.uncorrected_samples),
            send_delay_us: distribution(|summary| summary.send_delay_us),
            own_lateness_us: only.and_then(|summary| summary.own_lateness_us),
            lower_bounds: only.map_or_else(Vec::new, |summary| summary.lower_bounds.clone()),
            latency_samples: count(|summary| summary.latency_samples),
            latency_bound_samples: count(|summary| summary.latency_bound_samples),
        },
    }
}
