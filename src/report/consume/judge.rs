//! What weakens a run of consumers, and the last word on it.

use super::{ConsumeEnd, ConsumeReport};
use crate::gate::{Outcome, Verdict};
use crate::measure::consume::FetchFailure;
use crate::units::{counted, grouped, rate_digits};

/// Until it is decided.
pub(super) fn undecided() -> Verdict {
    verdict_of(Outcome::Inconclusive, Vec::new())
}

fn verdict_of(outcome: Outcome, reasons: Vec<String>) -> Verdict {
    Verdict {
        outcome,
        exit_code: outcome.exit_code(),
        headline: outcome.headline().to_owned(),
        reasons,
    }
}

/// Interrupted, then the target, then void, then the threshold, then pass.
pub(super) fn verdict(report: &ConsumeReport, gone: Option<&str>) -> Verdict {
    let read = report.ledger.records.counted;
    if report.end == ConsumeEnd::Interrupted {
        let reason = format!("stopped by a signal after {} records", grouped(read));
        return verdict_of(Outcome::Interrupted, vec![reason]);
    }
    if let Some(gone) = gone {
        return verdict_of(Outcome::Target, vec![gone.to_owned()]);
    }
    if let Some(reason) = void(report) {
        return verdict_of(Outcome::Void, vec![reason]);
    }
    let rate = report.summary.records_per_sec;
    if let Some(least) = report.plan.min_records_per_sec
        && rate < least
    {
        let reason = format!(
            "{} records per second, wanted {}",
            rate_digits(rate),
            rate_digits(least)
        );
        return verdict_of(Outcome::Threshold, vec![reason]);
    }
    verdict_of(Outcome::Pass, Vec::new())
}

/// Why the run proves nothing, if so: what should have come did not.
fn void(report: &ConsumeReport) -> Option<String> {
    let read = report.ledger.records.counted;
    let backlog = report.backlog.as_ref();
    let there = backlog.and_then(|backlog| backlog.records);
    let idle = format!("none came for {:.0} s", report.plan.idle_secs);
    // Only a group that somebody else may be in has partitions that others hold.
    let hint = if report.plan.new_group {
        ""
    } else {
        ". Instances that died hold their partitions until they are let go, after 45 s or 5 minutes: see `krush lag`, and try a longer --idle"
    };
    match report.end {
        ConsumeEnd::Idle => match (report.plan.messages, backlog) {
            (Some(wanted), _) => Some(format!(
                "{} of {} records came, then {idle}{hint}",
                grouped(read),
                grouped(wanted)
            )),
            (None, Some(backlog)) => {
                let there = there?;
                Some(format!(
                    "{} of {} records of the backlog came, then {idle}: {} not read to the end{hint}",
                    grouped(backlog.read),
                    grouped(there),
                    match backlog.open_partitions {
                        1 => "1 partition was".to_owned(),
                        many => format!("{} partitions were", grouped(many)),
                    }
                ))
            }
            (None, None) => None,
        },
        _ if read == 0 && there.is_some_and(|there| there > 0) => Some(format!(
            "no record came, and {} were there",
            grouped(there.unwrap_or_default())
        )),
        _ => None,
    }
}

/// The server says that its instances are somewhere else than the target.
fn elsewhere(report: &ConsumeReport) -> Option<String> {
    let target = &report.target;
    let named = target.base_uri_elsewhere.as_ref()?;
    Some(if target.base_uri == "rewrite" {
        format!(
            "the server says that an instance is at {named}; it was called at the target all the same. Behind a load balancer that may fail: try --base-uri as-given."
        )
    } else {
        format!(
            "the server says that an instance is at {named}, and it was called there, not at the target."
        )
    })
}

/// What was seen and what to try.
pub(super) fn warnings(report: &ConsumeReport) -> Vec<String> {
    let mut warnings = Vec::new();
    warnings.extend(elsewhere(report));
    let ledger = &report.ledger;
    let fetches = |kind| {
        let rows = report.failures.iter().filter(|row| row.kind == kind);
        rows.map(|row| row.fetches).sum::<u64>()
    };
    let lost = fetches(FetchFailure::AnswerLost);
    let whole = report.offsets.missing == 0
        && (report.backlog.as_ref()).is_some_and(|backlog| backlog.drained_secs.is_some());
    if lost > 0 {
        let what = if whole {
            "the records in them were read again: all of the backlog was seen"
        } else {
            "records in them were read by the instance and not seen here. Read the topic again with a new group to see them"
        };
        warnings.push(format!(
            "the answers of {} were lost: {what}.",
            counted(lost, "fetch", "fetches")
        ));
    }
    let over = fetches(FetchFailure::PassedOver);
    if over > 0 {
        warnings.push(format!(
            "the server passed records over in {}: it could not give them and went on. Try --format binary, and a larger --max-bytes.",
            counted(over, "fetch", "fetches")
        ));
    }
    if report.offsets.missing > 0 {
        warnings.push(format!(
            "{} before the last ones seen never came, in {}. That is normal where a topic is compacted or written in transactions; else records were missed.",
            counted(report.offsets.missing, "offset", "offsets"),
            counted(report.offsets.holes, "stretch", "stretches")
        ));
    }
    if ledger.instances.not_deleted > 0 {
        warnings.push(format!(
            "{} could not be deleted: Confluent's proxy drops them after 5 minutes without a call, Strimzi's bridge and Karapace keep them.",
            counted(ledger.instances.not_deleted, "instance", "instances")
        ));
    }
    let idle = report
        .instances
        .iter()
        .filter(|row| row.fetched == 0)
        .count() as u64;
    if idle > 0
        && ledger.records.fetched > 0
        && report.offsets.partitions < ledger.instances.planned
    {
        warnings.push(format!(
            "{} read nothing: records came from {}, and a partition is read by one instance. Try --instances {}.",
            counted(idle, "instance", "instances"),
            counted(report.offsets.partitions, "partition", "partitions"),
            report.offsets.partitions
        ));
    }
    if report.end == ConsumeEnd::Idle
        && report
            .backlog
            .is_some_and(|backlog| backlog.records.is_none())
    {
        warnings.push(
            "this server does not tell what the group has committed: that everything was read is concluded from silence"
                .to_owned(),
        );
    }
    if report
        .backlog
        .is_some_and(|backlog| backlog.records == Some(0))
        && report.plan.drain
    {
        warnings.push(
            "there was nothing to read. To read what comes, give --duration or --messages."
                .to_owned(),
        );
    }
    warnings
}
