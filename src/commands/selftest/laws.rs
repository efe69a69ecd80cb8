//! What must hold between a report and the server's account whatever the server did.

use super::findings::Findings;
use super::trial::Trial;
use crate::report::Report;

/// Compares everything that can be compared without knowing the script.
pub(super) fn check(trial: &Trial, findings: &mut Findings) {
    server(trial, findings);
    ledger(trial, findings);
    records(trial, findings);
    requests(trial, findings);
    figures(trial, findings);
    verdict(trial, findings);
}

/// A server that cannot count proves nothing.
fn server(trial: &Trial, findings: &mut Findings) {
    let imbalance = trial.truth.counts.imbalance();
    findings.holds(imbalance.is_none(), || {
        format!(
            "the server's own account does not balance: {}",
            imbalance.unwrap_or_default()
        )
    });
}

fn ledger(trial: &Trial, findings: &mut Findings) {
    let ledger = &trial.report.ledger;
    let (q, r) = (&ledger.requests, &ledger.records);
    findings.equal(
        "requests scheduled = sent + unsent",
        q.scheduled,
        q.sent + q.unsent,
    );
    let ended = q.complete + q.partial + q.rejected + q.unknown;
    findings.equal(
        "requests sent = complete + partial + rejected + unknown",
        q.sent,
        ended,
    );
    findings.equal(
        "records scheduled = sent + unsent",
        r.scheduled,
        r.sent + r.unsent,
    );
    let ended = r.acked + r.rejected + r.unknown;
    findings.equal("records sent = acked + rejected + unknown", r.sent, ended);
}

fn records(trial: &Trial, findings: &mut Findings) {
    let said = &trial.report.ledger.records;
    let known = &trial.truth.counts;
    findings.at_most(
        "records acked, against those told stored",
        said.acked,
        known.told_stored,
    );
    // What was told and not believed, or told too late, may be in no other place than unknown.
    let unheard = known.told_stored.saturating_sub(said.acked);
    findings.at_least(
        "records unknown, against acks that krush did not take",
        said.unknown,
        unheard,
    );
    let batch = u64::from(trial.report.plan.load.batch_size);
    let refused = known.told_refused + known.told_failed.values().sum::<u64>();
    let early = known.produces_answered_early * batch;
    // A refusal cut short behind its status refuses all the same.
    let died = u64::from(trial.truth.died_at.is_some());
    let cut = trial.struck("cut") + trial.struck("reset");
    let cut = batch * (cut + died * u64::from(trial.report.plan.load.concurrency));
    findings.at_most(
        "records rejected, against those refused",
        said.rejected,
        refused + early + cut,
    );
    // An answer to another request says nothing of these records, and does not always show that it is one.
    let untold = batch * trial.struck("previous");
    let kept = known.records_stored + known.records_dropped;
    findings.at_most(
        "records acked, against those stored or silently lost",
        said.acked,
        kept + untold,
    );
    findings.at_least(
        "records acked or unknown, against those stored",
        said.acked + said.unknown + untold,
        kept,
    );
    findings.at_least(
        "records sent, against those received",
        said.sent,
        known.records_received,
    );
}

fn requests(trial: &Trial, findings: &mut Findings) {
    let said = &trial.report.ledger.requests;
    let known = &trial.truth.counts;
    findings.at_least(
        "requests sent, against those seen",
        said.sent,
        known.produces_seen,
    );
    let unseen = said.sent.saturating_sub(known.produces_seen);
    findings.at_least(
        "requests unknown, against those that never arrived",
        said.unknown,
        unseen,
    );
}

fn figures(trial: &Trial, findings: &mut Findings) {
    let report = &trial.report;
    let ledger = &report.ledger;
    let acked: u64 = report.timeline.iter().map(|row| row.records_acked).sum();
    findings.equal("records acked in the timeline", acked, ledger.records.acked);
    let ended: u64 = report.timeline.iter().map(|row| row.requests).sum();
    findings.equal("requests in the timeline", ended, ledger.requests.sent);
    let sent: u64 = report.timeline.iter().map(|row| row.requests_sent).sum();
    findings.equal("requests sent in the timeline", sent, ledger.requests.sent);
    // A run by count may be given up before all of it came due; one by time schedules only what does.
    let all_due = report.plan.load.messages.is_none();
    if all_due {
        let due: u64 = report.timeline.iter().map(|row| row.records_due).sum();
        let scheduled = ledger.records.scheduled;
        findings.equal("records due in the timeline", due, scheduled);
        due_by_second(report, findings);
    }
    let failed: u64 = report.failures.iter().map(|row| row.records).sum();
    findings.equal(
        "records in the table of failures",
        failed,
        ledger.records.rejected + ledger.records.unknown,
    );
    let summary = &report.summary;
    let (unanswered, unsent) = (ledger.requests.unknown, ledger.requests.unsent);
    let bounds = summary.latency_bound_samples;
    if all_due {
        findings.equal("lower bounds of latency", bounds, unanswered + unsent);
    } else {
        // A request that nobody asked for any more never came due.
        findings.between(
            "lower bounds of latency",
            bounds,
            unanswered,
            unanswered + unsent,
        );
    }
    findings.equal(
        "requests in the latency histogram",
        summary.latency_samples - bounds,
        ledger.requests.sent - unanswered,
    );
    let rate = summary.records_per_sec * summary.duration_secs;
    let off = (rate - ledger.records.acked as f64).abs();
    findings.at_most("records/s × seconds, off from records acked by", off, 1.0);
    let success = ledger.records.acked as f64 / (ledger.records.scheduled as f64).max(1.0);
    findings.at_most(
        "success, off by",
        (summary.success_ratio - success).abs(),
        1e-9,
    );
    let (service, answered) = (
        summary.service_time_us,
        summary.latency_samples - summary.latency_bound_samples,
    );
    let known = &trial.truth.counts.service_time_us;
    if ledger.requests.unknown == 0 && answered > 0 && known.len() == answered {
        // Histograms hold three digits.
        let mean = service.mean.unwrap_or(0.0) * 1.002 + 1.0;
        findings.at_least(
            "mean service time in µs, against the server's",
            mean,
            known.mean(),
        );
        for (name, said, percentile) in [
            ("P50", service.p50, 50.0),
            ("P95", service.p95, 95.0),
            ("P99", service.p99, 99.0),
        ] {
            let said = said.unwrap_or(0) as f64 * 1.002 + 1.0;
            let known = known.value_at_percentile(percentile) as f64 * 0.998;
            let what = format!("{name} of service time in µs, against the server's");
            findings.at_least(&what, said, known);
        }
    }
}

/// At a constant rate nothing that a server does may move a request to another second: lateness is never forgiven.
fn due_by_second(report: &Report, findings: &mut Findings) {
    let load = &report.plan.load;
    let (Some(rate), Some(secs)) = (load.rate_records_per_sec, load.duration_secs) else {
        return;
    };
    if load.spike.is_some() || load.arrivals.as_deref() != Some("uniform") {
        return;
    }
    let batch = f64::from(load.batch_size);
    let before = |end: f64| (end.min(secs) * rate / batch).ceil();
    for row in &report.timeline {
        let second = row.second as f64;
        let planned = before(second + 1.0) - before(second);
        let due = row.records_due as f64 / batch;
        let what = format!("requests due in second {}", row.second + 1);
        // Requests that were never taken are told a few at a time, by the last of them.
        let slack = 2.0 + planned / 100.0;
        findings.between(&what, due, planned - slack, planned + slack);
    }
}

fn verdict(trial: &Trial, findings: &mut Findings) {
    let report = &trial.report;
    let code = report.verdict.exit_code;
    let all = report.ledger.records.acked == report.ledger.records.scheduled;
    findings.holds(all || code != 0, || {
        "records are missing and the exit code is 0".to_owned()
    });
    for check in &report.validity.checks {
        let ours = check.name.starts_with("ledger") || check.name.starts_with("Little");
        findings.holds(check.passed || !ours, || {
            format!("{}: {}", check.name, check.saw)
        });
    }
    findings.equal(
        "void",
        report.validity.void,
        report.validity.checks.iter().any(|c| !c.passed),
    );
}
