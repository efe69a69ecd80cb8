//! A run of consumers for a terminal: 80 columns, readable without colour.

use super::super::Style;
use super::super::latencies::{COLUMNS, latency_cells};
use super::super::table::{columns, labelled, row_of, verdict_block, warning_lines};
use super::super::text::{clean, fill, shorten, wrap};
use super::super::words::kind_words;
use super::{ConsumeEnd, ConsumePlan, ConsumeReport, ConsumeTarget};
use crate::measure::consume::SeenBy;
use crate::model;
use crate::units::{bytes_per_sec, counted, duration_word, grouped, latency, rate_digits};
use std::path::PathBuf;
use std::time::Duration;

/// Instances shown; the report has them all.
const INSTANCES_SHOWN: usize = 12;
/// Characters of a server's text shown.
const SAMPLE_SHOWN: usize = 150;

/// Who reads what: the lines that are printed before it begins.
pub fn header(plan: &ConsumePlan, target: &ConsumeTarget) -> String {
    let what = match (&plan.pattern, plan.topics.as_slice()) {
        (Some(pattern), _) => format!("topics like {pattern}"),
        (None, [topic]) => format!("topic {topic}"),
        (None, topics) => format!("topics {}", topics.join(", ")),
    };
    let segments = [
        format!("krush {}", env!("CARGO_PKG_VERSION")),
        "consume".to_owned(),
        format!("← {}", target.urls.join(", ")),
        format!("({})", target.server),
        what,
    ];
    let mut lines = fill(&segments.map(|segment| clean(&segment)), "  ");
    lines.extend(fill(&plan_words(plan), ", "));
    lines.extend(kind_note(target).map_or_else(Vec::new, |text| wrap("", 2, &text)));
    lines.push(String::new());
    lines.join("\n")
}

/// What must be said of a target that is no REST Proxy.
fn kind_note(target: &ConsumeTarget) -> Option<String> {
    let words = kind_words(target.kind, false)?;
    Some(match model::of_server(&target.server) {
        None => words,
        Some(_) => words.replace("about this machine,", "those of its capacity model,"),
    })
}

fn plan_words(plan: &ConsumePlan) -> Vec<String> {
    let new = if plan.new_group { " (new)" } else { "" };
    let commit = match plan.commit.as_str() {
        "auto" => "committed by the server",
        "after" => "committed after each batch",
        "before" => "committed before each batch",
        _ => "not committed",
    };
    let mut words = vec![
        counted(u64::from(plan.instances), "instance", "instances"),
        format!("group {}{new}", plan.group),
        format!("from {}", plan.from),
        plan.format.clone(),
        commit.to_owned(),
    ];
    words.extend(
        plan.messages
            .map(|messages| counted(messages, "record", "records")),
    );
    words.extend(plan.duration_secs.map(|secs| time(secs, duration_word)));
    words.extend(plan.drain.then(|| "until the backlog is read".to_owned()));
    if plan.process_secs > 0.0 {
        words.push(format!(
            "{} a batch",
            time(plan.process_secs, duration_word)
        ));
    }
    words
}

fn time(secs: f64, word: impl Fn(Duration) -> String) -> String {
    word(Duration::from_secs_f64(secs))
}

/// `412 ms`, `2.05 s`.
fn span(secs: f64) -> String {
    latency((secs * 1e6) as u64)
}

/// The result without its header.
pub fn body(report: &ConsumeReport, files: &[PathBuf], style: Style) -> String {
    let blocks = [
        figures(report),
        latencies(report),
        ledger(report),
        instances(report),
        failures(report),
        warning_lines(&report.warnings, style),
        verdict_block(&report.verdict, files, style),
    ];
    let mut text = String::new();
    for line in blocks.concat() {
        text.push_str(&line);
        text.push('\n');
    }
    text
}

/// The verdict alone, for `--quiet`.
pub fn verdict_lines(report: &ConsumeReport, files: &[PathBuf], style: Style) -> String {
    let mut lines = verdict_block(&report.verdict, files, style);
    let kind = kind_note(&report.target);
    lines.extend(kind.map_or_else(Vec::new, |text| wrap("  ", 4, &text)));
    lines.push(String::new());
    lines.join("\n")
}

fn figures(report: &ConsumeReport) -> Vec<String> {
    let summary = &report.summary;
    let read = report.ledger.records.counted;
    let mut lines = labelled(
        "throughput",
        &format!("{} records/s", rate_digits(summary.records_per_sec)),
    );
    lines.extend(labelled(
        "volume",
        &format!(
            "{} of keys and values, {} of answers",
            bytes_per_sec(summary.payload_bytes_per_sec),
            bytes_per_sec(summary.wire_bytes_per_sec)
        ),
    ));
    if let (Some(first), Some(last)) = (summary.first_record_secs, summary.last_record_secs) {
        lines.extend(labelled(
            "times",
            &format!(
                "first record after {}, last after {}; {} records in {}",
                span(first),
                span(last),
                grouped(read),
                span(summary.duration_secs)
            ),
        ));
    }
    lines.extend(drain(report).map_or_else(Vec::new, |text| labelled("time to drain", &text)));
    lines.push(String::new());
    lines
}

fn drain(report: &ConsumeReport) -> Option<String> {
    let backlog = report.backlog.as_ref()?;
    let there = match backlog.records {
        Some(0) => return None,
        Some(records) => format!("a backlog of {}", grouped(records)),
        None => format!(
            "what was there, {}",
            counted(backlog.read, "record", "records")
        ),
    };
    Some(match backlog.drained_secs {
        Some(secs) => format!("{} for {there}", span(secs)),
        None if backlog.records.is_none()
            && backlog.read == 0
            && report.end == ConsumeEnd::Idle =>
        {
            "nothing came: the group had read everything, as far as is known (this server does not tell what a group has committed)".to_owned()
        }
        None if backlog.records.is_none() => format!(
            "not known: {} of what was there came, and this server does not tell where the group began",
            counted(backlog.read, "record", "records")
        ),
        None => format!("not drained: {} of {there} read", grouped(backlog.read)),
    })
}

fn latencies(report: &ConsumeReport) -> Vec<String> {
    let summary = &report.summary;
    let names = COLUMNS.map(|(name, _)| name.to_owned()).to_vec();
    let rows = vec![
        row_of("fetch latency", names),
        row_of("with records", latency_cells(&summary.fetch_us, None)),
        row_of("empty", latency_cells(&summary.empty_fetch_us, None)),
    ];
    let mut lines = columns(rows, false);
    lines.extend(wrap(
        "",
        2,
        "from when the fetch was sent until its answer was there, waiting for records included",
    ));
    lines.push(String::new());
    lines
}

fn ledger(report: &ConsumeReport) -> Vec<String> {
    let ledger = &report.ledger;
    let (records, fetches) = (&ledger.records, &ledger.fetches);
    let mut lines = labelled(
        "records",
        &format!(
            "fetched {} = counted {} + seen before {}",
            grouped(records.fetched),
            grouped(records.counted),
            grouped(records.again)
        ),
    );
    let offsets = &report.offsets;
    lines.extend(labelled(
        "offsets",
        &format!(
            "of {}: {} missing, {} late",
            counted(offsets.partitions, "partition", "partitions"),
            grouped(offsets.missing),
            grouped(offsets.late)
        ),
    ));
    lines.extend(labelled(
        "fetches",
        &format!(
            "{} = with records {} + empty {} + failed {}; {} empty before the first record",
            grouped(fetches.asked),
            grouped(fetches.with_records),
            grouped(fetches.empty),
            grouped(fetches.failed),
            grouped(fetches.empty_at_first)
        ),
    ));
    let commits = &ledger.commits;
    lines.extend(labelled(
        "commits",
        &match report.plan.commit.as_str() {
            "auto" => "by the server, not seen".to_owned(),
            "none" => "none".to_owned(),
            _ => format!(
                "{} made, {} failed",
                grouped(commits.made),
                grouped(commits.failed)
            ),
        },
    ));
    let rebalances = &report.rebalances;
    let seen = match rebalances.seen_by {
        SeenBy::Assignments => "as the server tells assignments",
        SeenBy::Records => "as records moved from one instance to another",
    };
    lines.extend(labelled(
        "rebalances",
        &format!(
            "{} while joining, {} later, {} moved; {seen}",
            grouped(rebalances.while_joining),
            grouped(rebalances.later),
            counted(rebalances.partitions_moved, "partition", "partitions")
        ),
    ));
    let made = &ledger.instances;
    if made.lost > 0 {
        lines.extend(labelled(
            "instances",
            &format!(
                "{} lost, {} made anew in {} together",
                grouped(made.lost),
                grouped(made.recovered),
                span(made.recovering_secs)
            ),
        ));
    }
    lines.push(String::new());
    lines
}

fn instances(report: &ConsumeReport) -> Vec<String> {
    let head = [
        "instance",
        "records",
        "rec/s",
        "volume",
        "fetches",
        "empty",
        "failed",
        "partitions",
    ];
    let mut table = vec![head.map(str::to_owned).to_vec()];
    for row in report.instances.iter().take(INSTANCES_SHOWN) {
        table.push(vec![
            row.instance.to_string(),
            grouped(row.fetched),
            rate_digits(row.records_per_sec),
            bytes_per_sec(row.payload_bytes_per_sec),
            grouped(row.fetches),
            grouped(row.empty),
            grouped(row.failed.values().sum()),
            grouped(row.partitions),
        ]);
    }
    let mut lines = columns(table, true);
    if report.instances.len() > INSTANCES_SHOWN {
        let more = report.instances.len() - INSTANCES_SHOWN;
        lines.push(format!("  and {more} more instances in the report"));
    }
    lines
}

fn failures(report: &ConsumeReport) -> Vec<String> {
    let mut lines = Vec::new();
    if !report.failures.is_empty() {
        lines.push(String::new());
    }
    for row in &report.failures {
        let sample = shorten(&clean(&row.sample), SAMPLE_SHOWN);
        let fetches = counted(row.fetches, "fetch", "fetches");
        lines.extend(wrap(
            "",
            2,
            &format!("{fetches} failed, {}: {sample}", row.kind.name()),
        ));
    }
    for left in &report.not_deleted {
        let why = shorten(&clean(&left.why), SAMPLE_SHOWN);
        lines.extend(wrap("", 2, &format!("not deleted: {}: {why}", left.path)));
    }
    lines
}
