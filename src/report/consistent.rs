//! Whether a report agrees with itself: what is said twice in it is the same both times. A file that was changed by hand, or that is
//! put together from two, would otherwise give percentiles and sums that no run had.

use std::fmt::Display;

use super::histograms::decode;
use super::{Distribution, Report};
use crate::units::grouped;

/// Rounding that a float may have gone through: decimals, and whole µs.
const ROUNDING: f64 = 1e-6;

/// Nothing, or the first two figures that do not agree, with their keys.
///
/// # Errors
/// A sentence without the file's name.
pub(super) fn check(report: &Report) -> Result<(), String> {
    times(report)?;
    ledger(report)?;
    timeline(report)?;
    targets(report)?;
    figures(report)?;
    histograms(report)?;
    arrivals(report)?;
    validity(report)
}

fn times(report: &Report) -> Result<(), String> {
    let (elapsed, window) = (report.elapsed_secs, report.summary.duration_secs);
    for (key, secs) in [("elapsed_secs", elapsed), ("summary.duration_secs", window)] {
        if !secs.is_finite() || secs < 0.0 {
            return Err(format!("{key} is {secs}, which is no length of time"));
        }
    }
    let acked = report.ledger.records.acked;
    if acked > 0 && elapsed <= 0.0 {
        return Err(format!(
            "elapsed_secs is {elapsed}, but ledger.records.acked is {}",
            grouped(acked)
        ));
    }
    // The window ends with an acknowledgement, which the clock of the whole may have missed by its own tick.
    if window > elapsed + 1.0 {
        return Err(format!(
            "summary.duration_secs is {window}, but elapsed_secs is {elapsed}"
        ));
    }
    Ok(())
}

fn ledger(report: &Report) -> Result<(), String> {
    let (q, r) = (&report.ledger.requests, &report.ledger.records);
    let sums: [(&str, u64, &str, &[u64]); 4] = [
        (
            "ledger.requests.scheduled",
            q.scheduled,
            "sent + unsent",
            &[q.sent, q.unsent],
        ),
        (
            "ledger.requests.sent",
            q.sent,
            "complete + partial + rejected + unknown",
            &[q.complete, q.partial, q.rejected, q.unknown],
        ),
        (
            "ledger.records.scheduled",
            r.scheduled,
            "sent + unsent",
            &[r.sent, r.unsent],
        ),
        (
            "ledger.records.sent",
            r.sent,
            "acked + rejected + unknown",
            &[r.acked, r.rejected, r.unknown],
        ),
    ];
    for (key, said, other, parts) in sums {
        equal((key, said), (other, sum(parts.iter().copied())))?;
    }
    Ok(())
}

/// A side of a duet has no seconds of its own.
fn timeline(report: &Report) -> Result<(), String> {
    let rows = &report.timeline;
    if rows.is_empty() && report.is_of_duet() {
        return Ok(());
    }
    let (q, r) = (&report.ledger.requests, &report.ledger.records);
    let of = |count: fn(&super::SecondRow) -> u64| sum(rows.iter().map(count));
    equal(
        ("ledger.records.acked", r.acked),
        (
            "the sum of timeline[].records_acked",
            of(|row| row.records_acked),
        ),
    )?;
    equal(
        ("ledger.records.sent", r.sent),
        (
            "the sum of timeline[].records_sent",
            of(|row| row.records_sent),
        ),
    )?;
    equal(
        ("ledger.requests.sent", q.sent),
        ("the sum of timeline[].requests", of(|row| row.requests)),
    )?;
    equal(
        ("ledger.requests.sent", q.sent),
        (
            "the sum of timeline[].requests_sent",
            of(|row| row.requests_sent),
        ),
    )
}

fn targets(report: &Report) -> Result<(), String> {
    let rows = &report.target.per_target;
    equal(
        ("ledger.records.acked", report.ledger.records.acked),
        (
            "the sum of target.per_target[].ledger.records.acked",
            sum(rows.iter().map(|row| row.ledger.records.acked)),
        ),
    )?;
    equal(
        ("ledger.requests.sent", report.ledger.requests.sent),
        (
            "the sum of target.per_target[].ledger.requests.sent",
            sum(rows.iter().map(|row| row.ledger.requests.sent)),
        ),
    )
}

fn figures(report: &Report) -> Result<(), String> {
    let (summary, r) = (&report.summary, &report.ledger.records);
    let acked = r.acked as f64;
    // An ack within the clock's resolution: a µs is the least that can be told.
    let rate = match r.acked {
        0 => 0.0,
        _ => acked / summary.duration_secs.max(1e-6),
    };
    near(
        ("summary.records_per_sec", summary.records_per_sec),
        ("ledger.records.acked / summary.duration_secs", rate),
    )?;
    let success = match r.scheduled {
        0 => 0.0,
        scheduled => acked / scheduled as f64,
    };
    near(
        ("summary.success_ratio", summary.success_ratio),
        ("ledger.records.acked / ledger.records.scheduled", success),
    )
}

fn histograms(report: &Report) -> Result<(), String> {
    let (summary, texts, q) = (&report.summary, &report.histograms, &report.ledger.requests);
    let (samples, bounds) = (summary.latency_samples, summary.latency_bound_samples);
    let answered = q.sent - q.unknown;
    equal(
        ("summary.latency_samples", samples),
        (
            "ledger.requests.sent - unknown + summary.latency_bound_samples",
            u128::from(answered) + u128::from(bounds),
        ),
    )?;
    // Of a run by count that was given up, what never came due has no latency.
    if bounds < q.unknown || bounds > q.unknown + q.unsent {
        return Err(format!(
            "summary.latency_bound_samples is {}, but ledger.requests has {} unknown and {} unsent",
            grouped(bounds),
            grouped(q.unknown),
            grouped(q.unsent)
        ));
    }
    let all = [
        (
            "latency",
            &texts.latency,
            ("summary.latency_samples", samples),
            Some(("summary.latency_us", &summary.latency_us)),
        ),
        (
            "latency_bounds",
            &texts.latency_bounds,
            ("summary.latency_bound_samples", bounds),
            None,
        ),
        (
            "service_time",
            &texts.service_time,
            ("summary.uncorrected_samples", summary.uncorrected_samples),
            Some(("summary.service_time_us", &summary.service_time_us)),
        ),
        (
            "send_delay",
            &texts.send_delay,
            ("ledger.requests.sent", q.sent),
            Some(("summary.send_delay_us", &summary.send_delay_us)),
        ),
    ];
    for (name, text, said, figures) in all {
        let name = format!("histograms.{name}");
        let read = decode(text).ok_or_else(|| format!("{name} cannot be read"))?;
        let count = format!("the count of {name}");
        equal(said, (&count, u128::from(read.len())))?;
        if let Some((key, said)) = figures {
            distribution(key, said, &name, &Distribution::of(&read))?;
        }
    }
    Ok(())
}

/// What consumers saw, of a run that had some.
fn arrivals(report: &Report) -> Result<(), String> {
    let Some(section) = &report.end_to_end else {
        return Ok(());
    };
    let name = "end_to_end.histogram";
    let read = decode(&section.histogram).ok_or_else(|| format!("{name} cannot be read"))?;
    equal(
        ("end_to_end.latency_samples", section.latency_samples),
        ("the count of end_to_end.histogram", u128::from(read.len())),
    )?;
    distribution(
        "end_to_end.latency_us",
        &section.latency_us,
        name,
        &Distribution::of(&read),
    )
}

/// A run that one check voids is void. One that is said to be void is taken at its word.
fn validity(report: &Report) -> Result<(), String> {
    let failed = report.validity.checks.iter().find(|check| !check.passed);
    match failed {
        Some(check) if !report.validity.void => Err(format!(
            "validity.void is false, but its check `{}` is not passed",
            check.name
        )),
        _ => Ok(()),
    }
}

fn distribution(
    key: &str,
    said: &Distribution,
    histogram: &str,
    read: &Distribution,
) -> Result<(), String> {
    let pairs = [
        ("p50", said.p50, read.p50),
        ("p90", said.p90, read.p90),
        ("p95", said.p95, read.p95),
        ("p99", said.p99, read.p99),
        ("p99_9", said.p99_9, read.p99_9),
        ("max", said.max, read.max),
    ];
    for (name, said, read) in pairs {
        if said != read {
            let shown = |us: Option<u64>| us.map_or_else(|| "null".to_owned(), grouped);
            return Err(disagree(
                &format!("{key}.{name}"),
                shown(said),
                &format!("that of {histogram}"),
                shown(read),
            ));
        }
    }
    Ok(())
}

fn sum(parts: impl Iterator<Item = u64>) -> u128 {
    parts.map(u128::from).sum()
}

fn equal((key, said): (&str, u64), (other, is): (&str, u128)) -> Result<(), String> {
    if u128::from(said) == is {
        return Ok(());
    }
    // Sums beyond the range of a count are wrong whatever they are.
    let shown = u64::try_from(is).map_or_else(|_| is.to_string(), grouped);
    Err(disagree(key, grouped(said), other, shown))
}

fn near((key, said): (&str, f64), (other, is): (&str, f64)) -> Result<(), String> {
    if (said - is).abs() <= is.abs().max(1.0) * ROUNDING {
        return Ok(());
    }
    Err(disagree(key, said, other, is))
}

fn disagree(key: &str, said: impl Display, other: &str, is: impl Display) -> String {
    format!("{key} is {said}, but {other} is {is}")
}

#[cfg(test)]
mod tests {
    use super::super::samples::{failing, good, in_one_second, interrupted, report, several, void};
    use super::*;

    #[test]
    fn reports_as_they_are_made_agree_with_themselves() {
        for fixture in [good(), failing(), void(), interrupted(), several()] {
            assert_eq!(check(&in_one_second(report(&fixture))), Ok(()));
        }
    }

    #[test]
    fn a_changed_figure_is_named_with_the_one_that_it_contradicts() {
        let changes: [fn(&mut Report); 16] = [
            |r| r.elapsed_secs = -1.0,
            |r| r.summary.duration_secs = -3.0,
            |r| r.summary.duration_secs = 1e6,
            |r| r.ledger.requests.unsent += 1,
            |r| r.ledger.requests.complete = u64::MAX,
            |r| r.ledger.records.acked += 1,
            |r| r.timeline[0].records_acked += 99,
            |r| r.timeline[0].requests += 1,
            |r| r.timeline.clear(),
            |r| r.target.per_target[0].ledger.records.acked += 1,
            |r| r.summary.records_per_sec = 9e9,
            |r| r.summary.success_ratio = 0.5,
            |r| r.histograms.latency = r.histograms.latency_bounds.clone(),
            |r| r.histograms.service_time = "cut".to_owned(),
            |r| r.summary.latency_us.p95 = Some(5),
            |r| r.validity.checks[0].passed = false,
        ];
        let said: Vec<String> = changes
            .iter()
            .map(|change| {
                let mut report = in_one_second(report(&failing()));
                assert_eq!(check(&report), Ok(()));
                change(&mut report);
                check(&report).expect_err("it was changed")
            })
            .collect();
        insta::assert_snapshot!(said.join("\n"), @"
        elapsed_secs is -1, which is no length of time
        summary.duration_secs is -3, which is no length of time
        summary.duration_secs is 1000000, but elapsed_secs is 2.05
        ledger.requests.scheduled is 100, but sent + unsent is 101
        ledger.requests.sent is 99, but complete + partial + rejected + unknown is 18446744073709551624
        ledger.records.sent is 99,000, but acked + rejected + unknown is 99,001
        ledger.records.acked is 91,940, but the sum of timeline[].records_acked is 92,039
        ledger.requests.sent is 99, but the sum of timeline[].requests is 100
        ledger.records.acked is 91,940, but the sum of timeline[].records_acked is 0
        ledger.records.acked is 91,940, but the sum of target.per_target[].ledger.records.acked is 91,941
        summary.records_per_sec is 9000000000, but ledger.records.acked / summary.duration_secs is 37072.58064516129
        summary.success_ratio is 0.5, but ledger.records.acked / ledger.records.scheduled is 0.9194
        summary.latency_samples is 100, but the count of histograms.latency is 8
        histograms.service_time cannot be read
        summary.latency_us.p95 is 5, but that of histograms.latency is 10,002,431
        validity.void is false, but its check `ledger balances` is not passed
        ");
    }
}
