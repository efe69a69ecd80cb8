//! A report read back into what was measured.

use std::time::{Duration, SystemTime};

use base64::Engine as _;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::Deserializer;

use super::{NotMergeable, Source};
use crate::measure::{
    Bounds, Claims, Counts, FailureKind, Failures, Generator, Ledger, Measured, RecordCounts,
    Recorder, RequestCounts, SecondStats, Span, Starvation,
};
use crate::report::{FailureRow, Report, SecondRow};

/// Longest run that is put together with others: a row of each of its seconds fits into memory.
const LONGEST: Duration = Duration::from_hours(24 * 366);

/// What a report is based on. Its window is taken to begin when it started, and all targets are one.
///
/// # Errors
/// Names the part that cannot be read.
pub(super) fn measured(source: &Source) -> Result<Measured, NotMergeable> {
    let report = &source.report;
    let unreadable = |what: &str| NotMergeable {
        file: source.name.clone(),
        what: format!("{what} cannot be read"),
        hint: "the file was changed or cut: give the report as krush wrote it".to_owned(),
    };
    let started_at = started_at(report).ok_or_else(|| unreadable("started_at"))?;
    let elapsed = seconds(report.elapsed_secs).filter(|elapsed| *elapsed <= LONGEST);
    let elapsed = elapsed.ok_or_else(|| unreadable("elapsed_secs"))?;
    // A second that is far from the others would ask for a row for each between.
    let rows = (0..).zip(&report.timeline);
    let rows = rows.map(|(number, row)| second(row).filter(|row| row.second == number));
    let rows = rows.collect::<Option<_>>();
    let blocks = match &report.blocks {
        None => Some(crate::measure::Blocks::default()),
        Some(section) => section.read(),
    };
    let load_secs: f64 = report.over_time.iter().map(|span| span.load_secs).sum();
    Ok(Measured {
        started_at,
        elapsed,
        window: match report.ledger.requests.sent {
            0 => None,
            _ => seconds(report.summary.duration_secs),
        },
        first_byte_after_due: None,
        // Whether it kept to its schedule was judged when it ran.
        planned: None,
        scheduled: Counts {
            requests: report.ledger.requests.scheduled,
            records: report.ledger.records.scheduled,
        },
        unsent: Counts {
            requests: report.ledger.requests.unsent,
            records: report.ledger.records.unsent,
        },
        targets: vec![recorder(report).ok_or_else(|| unreadable("histograms"))?],
        warmup: report.warmup,
        timeline: rows.ok_or_else(|| unreadable("timeline"))?,
        spans: vec![Span {
            load_secs,
            secs: report.elapsed_secs,
            stats: SecondStats::default(),
        }],
        blocks: blocks.ok_or_else(|| unreadable("blocks"))?,
        connections: report.connections,
        generator: generator(report),
        end: report.end,
        gone: Vec::new(),
        claims: Claims::default(),
    })
}

/// When a report's measured part began.
pub(super) fn started_at(report: &Report) -> Option<SystemTime> {
    humantime::parse_rfc3339(&report.started_at).ok()
}

fn seconds(secs: f64) -> Option<Duration> {
    // The clock counts whole µs; what is beyond them is the float's.
    Duration::try_from_secs_f64((secs * 1e6).round() / 1e6).ok()
}

fn whole(value: f64) -> u64 {
    value.round() as u64
}

fn recorder(report: &Report) -> Option<Recorder> {
    let texts = &report.histograms;
    let mut recorder = Recorder::new();
    recorder.latency.add(&decode(&texts.latency)?).ok()?;
    recorder
        .latency_bounds
        .add(&decode(&texts.latency_bounds)?)
        .ok()?;
    // In the report, `latency` has both.
    let bounds = recorder.latency_bounds.clone();
    recorder.latency.subtract(&bounds).ok()?;
    recorder
        .service_time
        .add(&decode(&texts.service_time)?)
        .ok()?;
    recorder.send_delay.add(&decode(&texts.send_delay)?).ok()?;
    if let Some(text) = &texts.own_lateness {
        recorder.own_lateness.add(&decode(text)?).ok()?;
    }
    recorder.ledger = ledger(report);
    recorder.failures = failures(report);
    let secs = report.summary.duration_secs.max(1e-6);
    let sum = |per_sec: f64| whole(per_sec * secs);
    recorder.payload_bytes_acked = sum(report.summary.payload_bytes_per_sec);
    recorder.wire_bytes_sent = sum(report.summary.wire_bytes_per_sec);
    recorder.wire_bytes_received = sum(report.summary.wire_bytes_received_per_sec);
    recorder.clamped = report.generator.clamped;
    let elapsed_us = report.elapsed_secs * 1e6;
    let requests = &recorder.ledger.requests;
    let ended = requests.complete + requests.partial + requests.rejected + requests.unknown;
    let per_sent = ended as f64 / (requests.sent as f64).max(1.0);
    recorder.in_flight_us =
        whole(report.generator.mean_in_flight_by_little * elapsed_us * per_sent);
    recorder.backlog_us = whole(report.generator.mean_backlog.unwrap_or(0.0) * elapsed_us);
    if let Some(waits) = &report.generator.connection_waits {
        recorder.starvation = Starvation {
            requests: waits.requests,
            total_us: whole(waits.total_secs * 1e6),
            max_us: waits.max_us,
        };
    }
    Some(recorder)
}

fn decode(text: &str) -> Option<Histogram<u64>> {
    let bytes = base64::engine::general_purpose::STANDARD
        .decode(text)
        .ok()?;
    Deserializer::new().deserialize(&mut bytes.as_slice()).ok()
}

fn ledger(report: &Report) -> Ledger {
    let (q, r) = (&report.ledger.requests, &report.ledger.records);
    Ledger {
        requests: RequestCounts {
            sent: q.sent,
            complete: q.complete,
            partial: q.partial,
            rejected: q.rejected,
            unknown: q.unknown,
        },
        records: RecordCounts {
            sent: r.sent,
            acked: r.acked,
            rejected: r.rejected,
            unknown: r.unknown,
        },
    }
}

fn failures(report: &Report) -> Failures {
    let mut failures = Failures::default();
    for row in &report.failures {
        let sample = || sample(row).to_owned();
        failures.add(
            row.kind,
            row.http_status,
            row.error_code,
            row.requests,
            row.records,
            sample,
        );
    }
    failures
}

/// The text of a failure without the number of attempts that the report adds to that of connections.
fn sample(row: &FailureRow) -> &str {
    let counted = row.kind == FailureKind::Connect
        && ["attempt)", "attempts)"]
            .iter()
            .any(|end| row.sample.ends_with(end));
    match row.sample.rfind('(') {
        Some(at) if counted => row.sample[..at].trim_end(),
        _ => &row.sample,
    }
}

fn generator(report: &Report) -> Generator {
    let section = &report.generator;
    let sent = report.ledger.requests.sent as f64;
    let micros = |us: f64| Duration::from_micros(whole(us));
    Generator {
        thread_busy_ratios: section.thread_busy_ratios.clone(),
        thread_wait_ratios: section.thread_wait_ratios.clone(),
        cpu: section.cpu_us_per_request.map(|us| micros(us * sent)),
        in_flight_us: whole(section.mean_in_flight * report.elapsed_secs * 1e6),
        clock_skew: micros(section.clock_skew_secs * 1e6),
        peak_rss_bytes: section.peak_rss_bytes,
    }
}

fn second(row: &SecondRow) -> Option<SecondStats> {
    let latency = &row.latency_us;
    let bound = |name: &str| latency.lower_bounds.iter().any(|bound| bound == name);
    Some(SecondStats {
        second: row.second,
        records_due: row.records_due,
        requests_due: row.requests_due,
        records_sent: row.records_sent,
        requests_sent: row.requests_sent,
        records_acked: row.records_acked,
        requests: row.requests,
        failures: row.failures,
        p50_us: latency.p50,
        p95_us: latency.p95,
        max_us: latency.max,
        bounds: Bounds {
            p50: bound("p50"),
            p95: bound("p95"),
            max: bound("max"),
        },
        buckets: latency.read_buckets()?,
    })
}
