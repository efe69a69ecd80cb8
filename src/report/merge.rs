//! Several reports as one: workers that loaded the same topic at the same time, each from a process or a machine of its own.
//!
//! Each report is read back into what was measured, that is put together as the recorders of one run are, and the whole is judged
//! and written down like any run. Histograms are added bucket by bucket, so that every percentile is that of one recorder that saw
//! everything.

mod judge;
mod plan;
mod read;
mod refuse;
mod targets;
#[cfg(test)]
mod tests;

use std::time::{Duration, SystemTime};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::build::judged;
use super::{HeldBack, Machine, Report, Tool};
use crate::gate::{self, Run};
use crate::measure::{self, Lie, Measured};
use crate::plan::Threshold;

pub use judge::parts_validity;

/// The report of one worker.
#[derive(Debug, Clone)]
pub struct Source {
    /// Its file, for messages.
    pub name: String,
    /// What is in it.
    pub report: Report,
}

/// Why reports cannot be put together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}: {what}")]
pub struct NotMergeable {
    /// The report that does not fit.
    pub file: String,
    /// What is wrong with it.
    pub what: String,
    /// What to do about it.
    pub hint: String,
}

/// What a merged report was put together from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MergedSection {
    /// One row a run.
    pub sources: Vec<MergedRow>,
}

/// One run of several.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MergedRow {
    /// The report's file.
    pub file: String,
    /// The run's name in its records' ids; `null`: its report did not say.
    pub run: Option<String>,
    /// When its measured part began, RFC 3339, UTC.
    pub started_at: String,
    /// The same after the beginning of the first one, by the wall clocks of the machines.
    pub offset_secs: f64,
    /// Start of its measured part to its end, drain included.
    pub elapsed_secs: f64,
    /// Connections that it had.
    pub concurrency: u32,
    /// Records acked.
    pub records_acked: u64,
    /// Acked records per second over its own window.
    pub records_per_sec: f64,
    /// Where it ran.
    pub machine: Machine,
    /// The version of krush that it was made with.
    pub version: String,
}

/// All reports as one. What is known of a single record is not: it has no claims.
///
/// # Errors
/// Names the report that does not belong to the others, or cannot be read.
pub fn merge(sources: &[Source]) -> Result<Report, NotMergeable> {
    let nothing = || NotMergeable {
        file: "no report".to_owned(),
        what: "there is nothing to merge".to_owned(),
        hint: "name the reports of all workers".to_owned(),
    };
    let first = sources.first().ok_or_else(nothing)?;
    refuse::check(sources)?;
    let parts: Vec<Measured> = sources
        .iter()
        .map(read::measured)
        .collect::<Result<_, _>>()?;
    let measured = measure::join(&parts, Lie::SideBySide).ok_or_else(nothing)?;
    let (thresholds, unlike) = thresholds(sources);
    let section = plan::section(sources);
    let plan = plan::plan(first, &section, thresholds)?;
    let facts = targets::facts(sources);
    let debug_build = sources.iter().any(|source| source.report.tool.debug_build);
    let run = Run::new(&plan, &facts, &measured, debug_build);
    let of_parts: Vec<_> = (sources.iter())
        .map(|source| (source.name.as_str(), &source.report.validity))
        .collect();
    let validity = parts_validity(&of_parts, &gate::check(&run), &["enough samples for"]);
    let mut report = judged(&run, machine(sources), |_| validity);
    report.tool = Tool {
        debug_build,
        ..Tool::here()
    };
    report.target = targets::section(sources, &run);
    report.plan = section;
    report.claims = None;
    report.held_back = held_back(sources);
    report.merged = Some(MergedSection {
        sources: rows(sources, &parts, measured.started_at),
    });
    report.warnings = judge::warnings(sources, &report, &measured);
    report.verdict = judge::named(report.verdict, sources, unlike);
    for source in sources {
        if let Some(audited) = &source.report.audit {
            report.verdict = judge::audited(report.verdict, source, audited);
        }
    }
    Ok(report)
}

/// The thresholds, if all runs had the same; and whether they had not.
fn thresholds(sources: &[Source]) -> (Vec<Threshold>, bool) {
    let of = |source: &Source| -> Vec<String> {
        // Those that nobody set are looked at anew, on the figures of the whole.
        let all = source.report.thresholds.iter();
        let all = all.filter(|threshold| !threshold.implied);
        all.map(|threshold| threshold.expression.clone()).collect()
    };
    let first = of(&sources[0]);
    if sources.iter().any(|source| of(source) != first) {
        return (Vec::new(), true);
    }
    let parsed: Option<Vec<Threshold>> = first.iter().map(|text| text.parse().ok()).collect();
    parsed.map_or((Vec::new(), true), |thresholds| (thresholds, false))
}

/// The machine of all, where it was one or several alike; what differs is said to.
fn machine(sources: &[Source]) -> Machine {
    let machines = || sources.iter().map(|source| &source.report.machine);
    let first = &sources[0].report.machine;
    let text = |of: fn(&Machine) -> Option<&String>| {
        let alike = machines().all(|machine| of(machine) == of(first));
        of(first).map(|text| {
            if alike {
                text.clone()
            } else {
                "several".to_owned()
            }
        })
    };
    let alike = machines().all(|machine| machine == first);
    Machine {
        os: text(|machine| Some(&machine.os)).unwrap_or_default(),
        arch: text(|machine| Some(&machine.arch)).unwrap_or_default(),
        cpus: if alike {
            first.cpus
        } else {
            machines().map(|machine| machine.cpus).sum()
        },
        kernel: text(|machine| machine.kernel.as_ref()),
        cpu_model: text(|machine| machine.cpu_model.as_ref()),
    }
}

/// How long the group held the workers back: the longest of them, and what was seen by all.
fn held_back(sources: &[Source]) -> Option<HeldBack> {
    let all = sources
        .iter()
        .filter_map(|source| source.report.held_back.clone());
    all.reduce(|a, b| HeldBack {
        group: a.group,
        max_lag: a.max_lag.max(b.max_lag),
        held_secs: a.held_secs.max(b.held_secs),
        times: a.times + b.times,
        highest_lag: a.highest_lag.max(b.highest_lag),
        looks: a.looks + b.looks,
        looks_failed: a.looks_failed + b.looks_failed,
        blind_secs: a.blind_secs.max(b.blind_secs),
    })
}

/// A row a run; those of a merged report are kept.
fn rows(sources: &[Source], parts: &[Measured], started_at: SystemTime) -> Vec<MergedRow> {
    let since = |time: SystemTime| time.duration_since(started_at).unwrap_or_default();
    let of = |(source, part): (&Source, &Measured)| {
        let (report, offset) = (&source.report, since(part.started_at));
        match &report.merged {
            Some(merged) => moved(merged, offset),
            None => vec![MergedRow {
                file: source.name.clone(),
                run: report.claims.as_ref().map(|claims| claims.run.clone()),
                started_at: report.started_at.clone(),
                offset_secs: offset.as_secs_f64(),
                elapsed_secs: report.elapsed_secs,
                concurrency: report.plan.load.concurrency,
                records_acked: report.ledger.records.acked,
                records_per_sec: report.summary.records_per_sec,
                machine: report.machine.clone(),
                version: report.tool.version.clone(),
            }],
        }
    };
    sources.iter().zip(parts).flat_map(of).collect()
}

fn moved(merged: &MergedSection, offset: Duration) -> Vec<MergedRow> {
    let mut rows = merged.sources.clone();
    for row in &mut rows {
        row.offset_secs += offset.as_secs_f64();
    }
    rows
}
