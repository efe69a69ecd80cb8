//! Phrases shared by table and Markdown.

use std::fmt::Write as _;
use std::time::Duration;

use super::text::clean;
use super::{FailureRow, LoadSection, PlanSection, Report, TargetKind, TargetSection};
use crate::gate::ThresholdResult;
use crate::measure::End;
use crate::units::{self, ByteSize, counted, grouped, rate_digits};

/// A sentence's first letter.
pub(super) fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().into_iter().flat_map(char::to_uppercase);
    first.chain(chars).collect()
}

/// `≥` before what is only a lower bound.
pub(super) fn bounded(text: String, lower_bound: bool) -> String {
    if lower_bound {
        format!("≥ {text}")
    } else {
        text
    }
}

/// `100,000 records in 100 batches of 1,000, 500 connections, 200 B a record, closed loop`, in pieces.
pub(super) fn load_words(plan: &PlanSection) -> Vec<String> {
    let load = &plan.load;
    let batch = u64::from(load.batch_size);
    let amount = match (load.messages, load.duration_secs) {
        (Some(messages), _) => format!(
            "{} in {} of {}",
            counted(messages, "record", "records"),
            counted(messages.div_ceil(batch.max(1)), "batch", "batches"),
            grouped(batch)
        ),
        (None, _) if load.stages.is_some() => format!("batches of {}", grouped(batch)),
        (None, secs) => format!(
            "{} of batches of {}",
            secs_words(secs.unwrap_or(0.0)),
            grouped(batch)
        ),
    };
    let record = format!("{} a record", ByteSize(plan.payload.value_bytes));
    let key = match plan.payload.key.mode.as_str() {
        "none" => None,
        mode => Some(format!("{mode} keys")),
    };
    let connections = counted(u64::from(load.concurrency), "connection", "connections");
    let words = [Some(amount), Some(connections), Some(record), key];
    words
        .into_iter()
        .flatten()
        .chain(pace_words(load))
        .collect()
}

/// `open loop in 3 stages up to 50,000 rec/s over 3m`, `Poisson arrivals`, `spike of 200,000 rec/s from 30s for 5s`
fn pace_words(load: &LoadSection) -> Vec<String> {
    let rate = |records_per_sec| format!("{} rec/s", rate_digits(records_per_sec));
    let mut words = vec![match (load.rate_records_per_sec, &load.stages) {
        (Some(constant), _) => format!("open loop at {}", rate(constant)),
        (None, Some(stages)) => {
            let ends = stages
                .iter()
                .flat_map(|stage| [stage.from_records_per_sec, stage.to_records_per_sec]);
            format!(
                "open loop in {} up to {} over {}",
                counted(stages.len() as u64, "stage", "stages"),
                rate(ends.fold(0.0, f64::max)),
                secs_words(load.duration_secs.unwrap_or(0.0))
            )
        }
        (None, None) => "closed loop".to_owned(),
    }];
    if load.arrivals.as_deref() == Some("poisson") {
        words.push("Poisson arrivals".to_owned());
    }
    words.extend(load.spike.as_ref().map(|spike| {
        format!(
            "spike of {} from {} for {}",
            rate(spike.records_per_sec),
            secs_words(spike.at_secs),
            secs_words(spike.duration_secs)
        )
    }));
    words
}

/// Seconds as users write them.
pub(super) fn secs_words(secs: f64) -> String {
    units::duration(Duration::from_secs_f64(secs.clamp(0.0, 1e9)))
}

/// `REST Proxy, v2 + v3`
pub(super) fn server_words(target: &TargetSection) -> String {
    if target.apis.is_empty() {
        target.server.clone()
    } else {
        format!("{}, {}", target.server, target.apis.join(" + "))
    }
}

/// `topic performance-test, 48 partitions`
pub(super) fn topic_words(target: &TargetSection) -> String {
    let partitions = match target.partitions {
        None => "partitions unknown".to_owned(),
        Some(count) => counted(u64::from(count), "partition", "partitions"),
    };
    let created = if target.topic_created {
        ", created for this run"
    } else {
        ""
    };
    format!("topic {}, {partitions}{created}", target.topic)
}

/// What must be said of a target that is no REST Proxy.
pub(super) fn stand_in_words(target: &TargetSection) -> Option<String> {
    let words = kind_words(target.kind, target.embedded)?;
    Some(match &target.model {
        None => words,
        Some(_) => words.replace("about this machine,", "those of its capacity model,"),
    })
}

/// The same by its kind.
pub(super) fn kind_words(kind: TargetKind, embedded: bool) -> Option<String> {
    let what = match (kind, embedded) {
        (TargetKind::RestProxy, _) => return None,
        (TargetKind::StandIn, true) => "stand-in inside this process",
        (TargetKind::StandIn, false) => "krush's built-in stand-in",
        (TargetKind::StandInKafka, _) => "krush's front on Apache Kafka",
    };
    Some(format!(
        "{what}: figures are about this machine, not a REST Proxy"
    ))
}

/// What must be said of a target that misbehaves on purpose.
pub(super) fn fault_words(target: &TargetSection) -> Option<String> {
    let faults = clean(&target.faults.join(", "));
    (!faults.is_empty()).then(|| format!("it misbehaves on purpose: {faults}"))
}

/// The identity of the ledger for records, one half a line.
pub(super) fn records_ledger(report: &Report) -> [String; 2] {
    let r = &report.ledger.records;
    [
        scheduled(r.scheduled, r.sent, r.unsent),
        format!(
            "sent = acked {} + rejected {} + unknown {}",
            grouped(r.acked),
            grouped(r.rejected),
            grouped(r.unknown)
        ),
    ]
}

/// The identity of the ledger for requests, one half a line.
pub(super) fn requests_ledger(report: &Report) -> [String; 2] {
    let q = &report.ledger.requests;
    [
        scheduled(q.scheduled, q.sent, q.unsent),
        format!(
            "sent = complete {} + partial {} + rejected {} + unknown {}",
            grouped(q.complete),
            grouped(q.partial),
            grouped(q.rejected),
            grouped(q.unknown)
        ),
    ]
}

/// The first half of a ledger's identity.
pub(super) fn scheduled(scheduled: u64, sent: u64, unsent: u64) -> String {
    format!(
        "scheduled {} = sent {} + unsent {}",
        grouped(scheduled),
        grouped(sent),
        grouped(unsent)
    )
}

/// `over 2.31 s: 8.66 MB/s payload, 10.1 MB/s wire, 43.3 answers/s`; of a window that begins noticeably later than what is due in it
/// `over 17.5 ms from the first byte, 10.8 ms after it was due: …`.
pub(super) fn volume_words(report: &Report) -> String {
    let summary = &report.summary;
    let window_us = summary.duration_secs * 1e6;
    let late_us = report.generator.first_byte_after_due_us;
    let noticeable = |us: &u64| window_us > 0.0 && *us as f64 > window_us * NOTICEABLY_LATE;
    let late_us = late_us.filter(noticeable);
    let begins = late_us.map_or_else(String::new, |us| {
        format!(
            " from the first byte, {} after it was due",
            units::latency(us)
        )
    });
    format!(
        "over {}{begins}: {} payload, {} wire, {} answers/s",
        units::latency(window_us as u64),
        units::bytes_per_sec(summary.payload_bytes_per_sec),
        units::bytes_per_sec(summary.wire_bytes_per_sec),
        rate_digits(summary.requests_per_sec)
    )
}

/// From this share of the window on it is said that the window leaves out time which the latency has.
const NOTICEABLY_LATE: f64 = 0.05;

/// What krush itself used and did to the figures: `0.59 of 2 threads busy, 3.9 µs CPU a request, 7.3 in flight`.
pub(super) fn generator_words(report: &Report) -> Vec<String> {
    let generator = &report.generator;
    let ratios = &generator.thread_busy_ratios;
    let busy = (!ratios.is_empty()).then(|| {
        let threads = counted(ratios.len() as u64, "thread", "threads");
        format!("{:.2} of {threads} busy", ratios.iter().sum::<f64>())
    });
    let cpu = generator.cpu_us_per_request.map(|us| match us {
        us if us < 99.95 => format!("{us:.1} µs CPU a request"),
        us => format!("{} CPU a request", units::latency(us as u64)),
    });
    let in_flight = format!("{} in flight", rate_digits(generator.mean_in_flight));
    let first = [busy, cpu, Some(in_flight)].into_iter().flatten();
    let mut lines = vec![first.collect::<Vec<_>>().join(", ")];
    let late = report.summary.own_lateness_us.and_then(|own| own.p99);
    if let (Some(late), Some(waits)) = (late, &generator.connection_waits) {
        lines.push(format!(
            "own lateness P99 {}, {} waited for a connection, backlog {}",
            units::latency(late),
            grouped(waits.requests),
            rate_digits(generator.mean_backlog.unwrap_or(0.0))
        ));
    }
    lines
}

/// What a merged report was put together from, and when each run began.
pub(super) fn merged_words(report: &Report) -> Option<String> {
    let sources = &report.merged.as_ref()?.sources;
    let one = |row: &super::MergedRow| {
        let rate = rate_digits(row.records_per_sec);
        let later = (row.offset_secs > 0.0).then(|| format!(", {:.2} s later", row.offset_secs));
        format!("{} ({rate} rec/s{})", row.file, later.unwrap_or_default())
    };
    let named: Vec<String> = sources.iter().map(one).collect();
    let runs = counted(sources.len() as u64, "run", "runs");
    Some(format!("from {runs}: {}", named.join(", ")))
}

/// What warm-up did, if there was one.
/// `2.4 s in 3 times: group g was up to 5,210 records behind, more than 1,000; throughput counts from the first record on, waiting included`
pub(super) fn held_back_words(report: &Report) -> Option<String> {
    let held = report.held_back.as_ref()?;
    let highest = counted(held.highest_lag, "record", "records");
    let mut text = if held.times == 0 {
        format!(
            "never: group {} was up to {highest} behind, of {} allowed",
            held.group,
            grouped(held.max_lag)
        )
    } else {
        format!(
            "{:.1} s, {}: group {} was up to {highest} behind, of {} allowed; throughput counts from the first record on, waiting included",
            held.held_secs,
            counted(held.times, "time", "times"),
            held.group,
            grouped(held.max_lag)
        )
    };
    if held.looks_failed > 0 {
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            "; its lag was not known for {:.1} s ({} of {} looks failed)",
            held.blind_secs,
            grouped(held.looks_failed),
            grouped(held.looks)
        );
    }
    Some(text)
}

pub(super) fn warmup_words(report: &Report) -> Option<String> {
    let records = &report.warmup.records;
    (records.sent > 0).then(|| {
        let of_duet = report.is_of_duet();
        format!(
            "{} acked, {} rejected, {} unknown {} {}{}; in no figure above",
            counted(records.acked, "record", "records"),
            grouped(records.rejected),
            grouped(records.unknown),
            if of_duet { "before all slices," } else { "in" },
            secs_words(report.plan.load.warmup_secs),
            if of_duet { " each" } else { "" }
        )
    })
}

/// Failures, those that cost most first.
pub(super) fn failures_by_weight(report: &Report) -> Vec<&FailureRow> {
    let mut rows: Vec<&FailureRow> = report.failures.iter().collect();
    rows.sort_by_key(|row| std::cmp::Reverse((row.records, row.requests)));
    rows
}

/// A ratio with two decimals, or with two digits that say something: never `0.00 ×`.
pub(super) fn ratio_words(ratio: f64) -> String {
    let decimals = match ratio {
        ratio if ratio >= 0.01 => 2,
        ratio if ratio > 0.0 => (1.0 - ratio.log10().floor()).min(9.0) as usize,
        _ => 0,
    };
    format!("{ratio:.decimals$} ×")
}

/// A run against its reference figures: name, this run, reference, ratio, goal.
pub(super) fn comparison(report: &Report) -> Vec<[String; 5]> {
    let summary = &report.summary;
    let reference = report.plan.reference.as_ref();
    let ratio = |this: f64, other: Option<f64>| match other {
        Some(other) if other > 0.0 => ratio_words(this / other),
        _ => String::new(),
    };
    let text = |value: Option<f64>, words: fn(f64) -> String| value.map_or_else(String::new, words);

    let speed = reference.and_then(|r| r.records_per_sec);
    let goal = reference.and_then(|r| r.goal_records_per_sec);
    let throughput = [
        "throughput".to_owned(),
        format!("{} rec/s", rate_digits(summary.records_per_sec)),
        text(speed, rate_digits),
        ratio(summary.records_per_sec, speed),
        goal.map_or_else(String::new, |goal| {
            // Rounded down: a goal just missed must not read as reached.
            let share = (summary.records_per_sec / goal * 100.0).floor();
            format!("{} ({share:.0} %)", rate_digits(goal))
        }),
    ];
    let wanted = reference.and_then(|r| r.p95_us).map(|us| us as f64);
    let p95 = summary.latency_us.p95;
    let bound = summary.is_lower_bound("p95");
    let latency = [
        "P95".to_owned(),
        p95.map_or_else(|| "-".to_owned(), |us| bounded(units::latency(us), bound)),
        text(wanted, |us| units::latency(us as u64)),
        match (p95, wanted) {
            (Some(us), Some(_)) => bounded(ratio(us as f64, wanted), bound),
            _ => String::new(),
        },
        String::new(),
    ];
    let to_consumer = report.end_to_end.as_ref().map(|section| {
        let p95 = section.latency_us.p95;
        let words = p95.map_or_else(|| "-".to_owned(), units::latency);
        let none = String::new;
        ["P95 to consumer".to_owned(), words, none(), none(), none()]
    });
    let success = [
        "success".to_owned(),
        units::percent(summary.success_ratio),
        text(reference.and_then(|r| r.success_ratio), units::percent),
        String::new(),
        String::new(),
    ];
    let mut rows = vec![throughput, latency];
    rows.extend(to_consumer);
    rows.push(success);
    rows
}

/// What is said of the margins of thresholds.
pub(super) const MARGIN_NOTE: &str = "margin: what is left to the limit, as a share of the limit";

/// Why no threshold of the run was judged; `None`: they were.
pub(super) fn not_judged(report: &Report) -> Option<&'static str> {
    // Not by the outcome: what an audit finds is the last word on a void run too.
    match report.end {
        End::Interrupted | End::Abandoned => Some("the run was interrupted"),
        End::TargetGone => Some("the target was gone"),
        End::Finished if report.validity.void => Some("the run is void"),
        End::Finished => None,
    }
}

/// The margin of a threshold as a share of its limit.
pub(super) fn margin_words(margin: f64) -> String {
    match margin {
        margin if margin >= 100.0 => "+10,000 % or more".to_owned(),
        margin if margin >= 10.0 => format!("+{} %", grouped((margin * 100.0).round() as u64)),
        margin => units::percent_of_change(margin),
    }
}

/// What a threshold saw, its bound, how far that is within the limit, and what it comes to.
pub(super) fn threshold_cells(threshold: &ThresholdResult, not_judged: bool) -> [String; 4] {
    let word = match (not_judged, threshold.passed, threshold.inconclusive) {
        (true, ..) => "not judged",
        (false, true, _) => "met",
        (false, false, true) => "inconclusive",
        (false, false, false) => "missed",
    };
    let margin = threshold.margin.map(margin_words);
    [
        threshold.saw.clone(),
        threshold.bound.clone().unwrap_or_else(|| "-".to_owned()),
        margin.unwrap_or_else(|| "-".to_owned()),
        word.to_owned(),
    ]
}

#[cfg(test)]
mod tests {
    use super::super::{SpikeSection, StageSection, samples};
    use super::*;

    #[test]
    fn a_schedule_is_said_in_words() {
        let closed = LoadSection {
            messages: None,
            duration_secs: Some(180.0),
            concurrency: 1,
            batch_size: 1,
            rate_records_per_sec: None,
            stages: None,
            spike: None,
            arrivals: None,
            warmup_secs: 0.0,
            timeout_secs: 1.0,
            drain_secs: 1.0,
            threads: 1,
        };
        let constant = LoadSection {
            rate_records_per_sec: Some(2.5),
            arrivals: Some("poisson".to_owned()),
            ..closed.clone()
        };
        let stage = |from_records_per_sec, to_records_per_sec| StageSection {
            from_records_per_sec,
            to_records_per_sec,
            duration_secs: 60.0,
        };
        let staged = LoadSection {
            stages: Some(vec![stage(0.0, 5e4), stage(5e4, 5e4), stage(6e4, 0.0)]),
            arrivals: Some("uniform".to_owned()),
            spike: Some(SpikeSection {
                records_per_sec: 2e5,
                at_secs: 90.0,
                duration_secs: 0.5,
            }),
            ..closed.clone()
        };
        let words = [closed, constant, staged].map(|load| pace_words(&load).join(", "));
        insta::assert_snapshot!(words.join("\n"), @"
        closed loop
        open loop at 2.5 rec/s, Poisson arrivals
        open loop in 3 stages up to 60,000 rec/s over 3m, spike of 200,000 rec/s from 1m 30s for 500ms
        ");
    }

    #[test]
    fn a_window_that_begins_late_says_from_when_latency_counts() {
        let words = |late: Option<u64>| {
            let mut report = samples::report(&samples::good());
            report.generator.first_byte_after_due_us = late;
            let words = volume_words(&report);
            words.split(": ").next().unwrap_or_default().to_owned()
        };
        let late = "over 2.00 s from the first byte, 100 ms after it was due";
        assert_eq!(words(Some(100_001)), late);
        assert_eq!(words(Some(100_000)), "over 2.00 s", "5 % is not noticeable");
        assert_eq!(words(None), "over 2.00 s", "an earlier version's report");
    }
}
