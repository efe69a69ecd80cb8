//! The last word on a run: outcome, exit code and the reasons for both.

use serde::{Deserialize, Serialize};

use super::{Check, Compared, Run, ThresholdResult, Validity};
use crate::audit::{self, Audited};
use crate::error::exit;
use crate::measure::{End, FailureKind};
use crate::plan::Metric;
use crate::units;

/// Acked over scheduled records of a run that passes without a threshold on success or on failed records.
const LEAST_SUCCESS: f64 = 0.99;
/// The threshold that every run has.
const NOTHING_ACKED: &str = "no record was acknowledged";

/// How the run is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Valid, and every threshold was met.
    Pass,
    /// A threshold was missed, or no record was acked.
    Threshold,
    /// Slower than the baseline.
    Regression,
    /// The comparison cannot tell.
    Inconclusive,
    /// The run proves nothing.
    Void,
    /// Records lost, duplicated, reordered or corrupted.
    Integrity,
    /// The target could not be reached, or was gone at the end.
    Target,
    /// Ctrl-C or SIGTERM.
    Interrupted,
}

impl Outcome {
    /// The program's exit code.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Pass => exit::PASS,
            Self::Threshold => exit::THRESHOLD,
            Self::Regression => exit::REGRESSION,
            Self::Inconclusive => exit::INCONCLUSIVE,
            Self::Void => exit::VOID,
            Self::Integrity => exit::INTEGRITY,
            Self::Target => exit::TARGET,
            Self::Interrupted => exit::INTERRUPTED,
        }
    }

    /// The name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Threshold => "threshold",
            Self::Regression => "regression",
            Self::Inconclusive => "inconclusive",
            Self::Void => "void",
            Self::Integrity => "integrity",
            Self::Target => "target",
            Self::Interrupted => "interrupted",
        }
    }

    /// The word that is printed.
    pub fn headline(self) -> &'static str {
        match self {
            Self::Pass => "PASS",
            Self::Threshold => "FAIL",
            Self::Regression => "REGRESSION",
            Self::Inconclusive => "INCONCLUSIVE",
            Self::Void => "VOID",
            Self::Integrity => "FAIL (data integrity)",
            Self::Target => "FAIL (target)",
            Self::Interrupted => "INTERRUPTED",
        }
    }
}

/// The last word on a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Verdict {
    /// How the run is judged.
    pub outcome: Outcome,
    /// The program's exit code.
    pub exit_code: u8,
    /// The word that is printed.
    pub headline: String,
    /// Why; empty for a plain pass.
    pub reasons: Vec<String>,
}

/// Judges a run: interrupted, then target, then void, then missed thresholds, then those that are not settled, then pass.
pub fn decide(run: &Run, validity: &Validity, thresholds: &[ThresholdResult]) -> Verdict {
    let acked = run.total.ledger.records.acked;
    let void = void_reasons(validity);
    let mut missed = missed_reasons(thresholds);
    if acked == 0 {
        missed.insert(0, NOTHING_ACKED.to_owned());
    } else {
        missed.extend(too_few_acked(run));
    }
    let (outcome, reasons) = if run.interrupted() {
        let reasons = if began(run) {
            [vec![interrupted_reason(run)], void, missed].concat()
        } else {
            // What is void or missed follows from it.
            vec!["interrupted before the measured part began".to_owned()]
        };
        (Outcome::Interrupted, reasons)
    } else if let Some(reason) = target_reason(run) {
        // What is void or missed follows from it, and would only bury the cause.
        (Outcome::Target, vec![reason])
    } else if validity.void {
        // Thresholds of a void run are not looked at: neither met nor missed would mean anything.
        (Outcome::Void, void)
    } else if !missed.is_empty() {
        (
            Outcome::Threshold,
            [missed, open_reasons(thresholds)].concat(),
        )
    } else if thresholds.iter().any(|threshold| threshold.inconclusive) {
        (Outcome::Inconclusive, open_reasons(thresholds))
    } else {
        let reasons: Vec<String> = unjudged_failures(run).into_iter().collect();
        return Verdict {
            outcome: Outcome::Pass,
            exit_code: exit::PASS,
            headline: if reasons.is_empty() {
                "PASS".to_owned()
            } else {
                "PASS (no threshold on success)".to_owned()
            },
            reasons,
        };
    };
    Verdict {
        outcome,
        exit_code: outcome.exit_code(),
        headline: outcome.headline().to_owned(),
        reasons,
    }
}

impl Verdict {
    /// Nothing was found against it.
    pub fn pass() -> Self {
        Self {
            outcome: Outcome::Pass,
            exit_code: exit::PASS,
            headline: Outcome::Pass.headline().to_owned(),
            reasons: Vec::new(),
        }
    }

    /// The verdict on a run of which a target was gone.
    pub fn gone(why: String) -> Self {
        let outcome = Outcome::Target;
        Self {
            outcome,
            exit_code: outcome.exit_code(),
            headline: outcome.headline().to_owned(),
            reasons: vec![why],
        }
    }

    /// The verdict on a run that one more check voids. One that was interrupted, or whose target is gone, stays what it is.
    #[must_use]
    pub fn voided(self, check: &Check) -> Self {
        let outcome = match self.outcome {
            Outcome::Pass | Outcome::Threshold | Outcome::Void | Outcome::Inconclusive => {
                Outcome::Void
            }
            worse => worse,
        };
        // What was missed of a void run means nothing.
        let mut reasons = match self.outcome {
            Outcome::Pass | Outcome::Threshold => Vec::new(),
            _ => self.reasons,
        };
        reasons.push(reason(check));
        Self {
            outcome,
            exit_code: outcome.exit_code(),
            headline: outcome.headline().to_owned(),
            reasons,
        }
    }

    /// The verdict on a run with more thresholds than those that it was judged by.
    #[must_use]
    pub fn with_thresholds(self, more: &[ThresholdResult]) -> Self {
        let (missed, open) = (missed_reasons(more), open_reasons(more));
        let outcome = match self.outcome {
            Outcome::Pass | Outcome::Inconclusive if !missed.is_empty() => Outcome::Threshold,
            Outcome::Pass if !open.is_empty() => Outcome::Inconclusive,
            own => own,
        };
        if missed.is_empty() && open.is_empty() || outcome == Outcome::Void {
            return self;
        }
        let own = if self.outcome == Outcome::Pass {
            Vec::new()
        } else {
            self.reasons
        };
        Self {
            outcome,
            exit_code: outcome.exit_code(),
            headline: outcome.headline().to_owned(),
            reasons: [missed, own, open].concat(),
        }
    }

    /// The verdict on a run that was held against a baseline. What was wrong with the run itself outranks it: interrupted, target,
    /// integrity, void and a missed threshold come first, then a regression, then what cannot be told.
    #[must_use]
    pub fn compared(self, compared: &Compared) -> Self {
        let outcome = match (self.outcome, compared.outcome) {
            (own @ (Outcome::Pass | Outcome::Inconclusive), Outcome::Pass) => own,
            (Outcome::Pass | Outcome::Inconclusive, compared) => compared,
            (own, _) => own,
        };
        if outcome == Outcome::Pass {
            return self;
        }
        let said = compared.reasons.iter();
        let said = said.map(|reason| format!("against the baseline: {reason}"));
        let mut reasons = self.reasons;
        if outcome == self.outcome {
            reasons.extend(said);
        } else {
            reasons = said.chain(reasons).collect();
        }
        Self {
            outcome,
            exit_code: outcome.exit_code(),
            headline: outcome.headline().to_owned(),
            reasons,
        }
    }

    /// The verdict on a run whose records were held against what is stored. What is lost is lost, whatever else is said of the run;
    /// an audit that is not whole vouches for nothing.
    #[must_use]
    pub fn audited(self, audited: &Audited) -> Self {
        let why = || audited.why.clone().unwrap_or_default();
        let (outcome, reason) = match audited.outcome {
            audit::Outcome::Intact => return self,
            audit::Outcome::Violated => {
                let findings = audited.findings.as_ref();
                let violations = findings.map_or_else(Vec::new, audit::Findings::violations);
                (
                    Outcome::Integrity,
                    format!("audit: {}", violations.join(", ")),
                )
            }
            audit::Outcome::Incomplete => (
                Outcome::Inconclusive,
                format!("the audit is not whole: {}", why()),
            ),
            audit::Outcome::NotDone => (Outcome::Target, format!("no audit: {}", why())),
            audit::Outcome::Interrupted => (Outcome::Interrupted, format!("no audit: {}", why())),
        };
        let mut reasons = vec![reason];
        reasons.extend(self.reasons);
        if outcome != Outcome::Integrity && self.outcome != Outcome::Pass {
            reasons.rotate_left(1);
            return Self { reasons, ..self };
        }
        Self {
            outcome,
            exit_code: outcome.exit_code(),
            headline: outcome.headline().to_owned(),
            reasons,
        }
    }
}

fn void_reasons(validity: &Validity) -> Vec<String> {
    let failed = validity.checks.iter().filter(|check| !check.passed);
    failed.map(reason).collect()
}

/// A check that failed, as a reason.
fn reason(check: &Check) -> String {
    format!(
        "{}? No: saw {}, wanted {}. {}",
        capitalised(&check.name),
        check.saw,
        check.wanted,
        capitalised(&check.hint)
    )
}

fn missed_reasons(thresholds: &[ThresholdResult]) -> Vec<String> {
    let missed = |threshold: &&ThresholdResult| !threshold.passed && !threshold.inconclusive;
    thresholds
        .iter()
        .filter(missed)
        .map(threshold_reason)
        .collect()
}

/// Those that are neither met nor missed.
fn open_reasons(thresholds: &[ThresholdResult]) -> Vec<String> {
    let open = thresholds.iter().filter(|threshold| threshold.inconclusive);
    open.map(threshold_reason).collect()
}

fn threshold_reason(threshold: &ThresholdResult) -> String {
    let ThresholdResult {
        expression, saw, ..
    } = threshold;
    match &threshold.reason {
        None => format!("{expression}: saw {saw}"),
        Some(reason) => format!("{expression}: saw {saw}; {reason}"),
    }
}

/// Whether the measured part tried to send anything.
fn began(run: &Run) -> bool {
    let tried = run.measured.connections.connect_failures > 0;
    run.total.ledger.requests.sent > 0 || tried || !run.total.failures.rows().is_empty()
}

fn interrupted_reason(run: &Run) -> String {
    let drained = match run.measured.end {
        End::Abandoned => "requests in flight were given up and count as unknown",
        _ => "requests in flight were waited for",
    };
    format!(
        "interrupted (Ctrl-C or SIGTERM) after {}; {drained}; the figures are those of the part that ran",
        units::latency(run.measured.elapsed.as_micros() as u64)
    )
}

fn target_reason(run: &Run) -> Option<String> {
    if run.measured.end == End::TargetGone {
        let all = run.facts.urls.len();
        let named: Vec<&str> = (run.measured.gone.iter())
            .filter_map(|&target| run.facts.urls.get(target).map(String::as_str))
            .collect();
        return Some(if all > 1 && !named.is_empty() {
            let (who, count) = (named.join(", "), named.len());
            format!(
                "{who} ({count} of {all} targets) answered nothing any more when the load ended"
            )
        } else {
            "the target answered nothing any more when the load ended".to_owned()
        });
    }
    let failures = run.total.failures.rows();
    let tried = run.measured.connections.connect_failures > 0 || !failures.is_empty();
    let answered = run.total.ledger.records.acked > 0
        || run.total.ledger.records.rejected > 0
        || failures.iter().any(|failure| is_answer(failure.kind));
    let first = failures.first().map(|failure| failure.sample.as_str());
    (tried && !answered).then(|| match first {
        Some(sample) if !sample.is_empty() => {
            format!("no request was ever answered: {sample}")
        }
        _ => "no request was ever answered".to_owned(),
    })
}

/// Whether this failure shows an HTTP server that answered.
fn is_answer(kind: FailureKind) -> bool {
    match kind {
        FailureKind::Connect
        | FailureKind::Timeout
        | FailureKind::Write
        | FailureKind::EofBeforeAnswer
        | FailureKind::Reset
        | FailureKind::BadHttp
        | FailureKind::Tls
        | FailureKind::InFlight => false,
        FailureKind::EofInAnswer
        | FailureKind::EmptyAnswer
        | FailureKind::UnreadableAnswer
        | FailureKind::RubbishAfterAnswer
        | FailureKind::WrongEntryCount
        | FailureKind::ServerError
        | FailureKind::ServerErrorNoJson
        | FailureKind::ClientError
        | FailureKind::UnexpectedStatus
        | FailureKind::RepeatedAnswer
        | FailureKind::RecordRejected
        | FailureKind::RecordUnknown => true,
    }
}

/// Whether the user said how many records may fail.
fn success_is_judged(run: &Run) -> bool {
    let judged = |metric| matches!(metric, Metric::Success | Metric::FailedRecords);
    run.plan.thresholds.iter().any(|t| judged(t.metric))
}

/// The threshold that a run of this outcome missed although nobody set it.
pub fn implied(run: &Run, outcome: Outcome) -> Option<ThresholdResult> {
    let success = run.summary.success_ratio;
    let (limit, reason) = match outcome {
        Outcome::Threshold if run.total.ledger.records.acked == 0 => {
            (format!("success = {}", units::percent(0.0)), NOTHING_ACKED)
        }
        Outcome::Threshold if too_few_acked(run).is_some() => (
            format!("success < {}", units::percent(LEAST_SUCCESS)),
            "the least where no threshold on success is set",
        ),
        _ => return None,
    };
    Some(ThresholdResult {
        expression: format!("{limit} (implied)"),
        saw: units::percent(success),
        saw_value: Some(success),
        bound: None,
        bound_value: None,
        margin: None,
        passed: false,
        inconclusive: false,
        reason: Some(reason.to_owned()),
        implied: true,
    })
}

/// A run that lost a good part of its records is no pass because nobody thought of a threshold.
fn too_few_acked(run: &Run) -> Option<String> {
    let success = run.summary.success_ratio;
    let judged = run.interrupted() || success_is_judged(run);
    (success < LEAST_SUCCESS && !judged).then(|| {
        format!(
            "success < {}, which is the least where no threshold on success is set: saw {}",
            units::percent(LEAST_SUCCESS),
            units::percent(success)
        )
    })
}

/// Records that were not acked in a run that nobody asked to judge by it.
fn unjudged_failures(run: &Run) -> Option<String> {
    if success_is_judged(run) {
        return None;
    }
    let set = if run.plan.thresholds.is_empty() {
        "no threshold was set"
    } else {
        "no threshold on success was set"
    };
    let failed = run.failed_records();
    let unsent = run.measured.unsent.records;
    let what = match (failed, unsent) {
        (0, 0) => return None,
        (_, 0) => format!("{} failed", units::counted(failed, "record", "records")),
        (0, 1) => "1 record was never sent".to_owned(),
        (0, _) => format!("{} records were never sent", units::grouped(unsent)),
        _ => format!(
            "{} failed and {} never sent",
            units::counted(failed, "record", "records"),
            units::grouped(unsent)
        ),
    };
    Some(format!("{set}; {what}"))
}

fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(chars).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{Fixture, threshold};
    use super::super::{check, evaluate};
    use super::*;
    use crate::plan::{Comparison, Threshold};

    fn verdict(fixture: &Fixture) -> Verdict {
        let run = fixture.run();
        decide(&run, &check(&run), &evaluate(&run))
    }

    #[test]
    fn outcomes_in_their_order() {
        type Change = fn(&mut Fixture);
        let cases: [(&str, Change, Outcome, u8); 12] = [
            ("good", |_| {}, Outcome::Pass, 0),
            (
                "missed",
                |f| f.plan.thresholds = vec![threshold("p95 > 1ms", 95.0, 1e3)],
                Outcome::Threshold,
                10,
            ),
            (
                "void before threshold",
                |f| {
                    f.plan.thresholds = vec![threshold("p99 > 1ms", 99.0, 1e3)];
                },
                Outcome::Void,
                13,
            ),
            (
                "target before void",
                |f| {
                    f.plan.thresholds = vec![threshold("p99 > 1ms", 99.0, 1e3)];
                    f.measured.end = End::TargetGone;
                },
                Outcome::Target,
                15,
            ),
            (
                "interrupted before all",
                |f| {
                    f.plan.thresholds = vec![threshold("p99 > 1ms", 99.0, 1e3)];
                    f.refuse_all(FailureKind::Timeout, None);
                    f.measured.end = End::Interrupted;
                },
                Outcome::Interrupted,
                130,
            ),
            (
                "abandoned",
                |f| f.measured.end = End::Abandoned,
                Outcome::Interrupted,
                130,
            ),
            (
                "all timed out",
                |f| f.refuse_all(FailureKind::Timeout, None),
                Outcome::Target,
                15,
            ),
            (
                "no HTTP server",
                |f| f.refuse_all(FailureKind::BadHttp, None),
                Outcome::Target,
                15,
            ),
            (
                "answered, none acked",
                |f| f.refuse_all(FailureKind::ServerError, Some(500)),
                Outcome::Threshold,
                10,
            ),
            (
                "empty answers only",
                |f| f.refuse_all(FailureKind::EmptyAnswer, Some(200)),
                Outcome::Threshold,
                10,
            ),
            (
                "no connection",
                |f| {
                    f.nothing_sent();
                    f.measured.connections.connect_failures = 10;
                },
                Outcome::Target,
                15,
            ),
            ("nothing tried", Fixture::nothing_sent, Outcome::Void, 13),
        ];
        for (name, change, outcome, code) in cases {
            let mut fixture = Fixture::new();
            change(&mut fixture);
            let verdict = verdict(&fixture);
            assert_eq!(
                (verdict.outcome, verdict.exit_code),
                (outcome, code),
                "{name}"
            );
            assert_eq!(
                verdict.reasons.is_empty(),
                outcome == Outcome::Pass,
                "{name}"
            );
        }
    }

    #[test]
    fn a_run_interrupted_before_it_began_says_only_that() {
        let mut fixture = Fixture::new();
        fixture.plan.thresholds = vec![threshold("p99 > 1ms", 99.0, 1e3)];
        fixture.measured.end = End::Interrupted;
        let all = verdict(&fixture).reasons.join("\n");
        assert!(
            all.starts_with("interrupted (Ctrl-C or SIGTERM) after 2.05 s"),
            "{all}"
        );
        assert!(!all.contains("--duration"), "{all}");
        fixture.nothing_sent();
        assert_eq!(
            verdict(&fixture).reasons,
            ["interrupted before the measured part began"]
        );
        fixture.measured.connections.connect_failures = 1;
        assert_eq!(
            verdict(&fixture).reasons[0].find("interrupted (Ctrl-C"),
            Some(0)
        );
    }

    #[test]
    fn a_run_that_lost_over_a_hundredth_is_no_pass_though_nobody_set_a_threshold() {
        // Of 100 requests.
        let failing = |requests, thresholds: Vec<Threshold>| {
            let mut fixture = Fixture::new();
            fixture.never_sent(requests);
            fixture.plan.thresholds = thresholds;
            let verdict = verdict(&fixture);
            format!("{} {}", verdict.exit_code, verdict.reasons.join("; "))
        };
        let reason = "success < 99 %, which is the least where no threshold on success is set: saw";
        let slow = vec![Threshold::min_throughput(crate::units::Rate(1.0))];
        let own = vec![Threshold {
            expression: "success < 40%".to_owned(),
            metric: Metric::Success,
            fails_if: Comparison::Less,
            value: 0.4,
        }];
        assert!(failing(1, vec![]).starts_with("0 "));
        assert_eq!(failing(2, vec![]), format!("10 {reason} 98 %"));
        assert_eq!(failing(50, slow), format!("10 {reason} 50 %"));
        assert_eq!(failing(50, own), "0 ");
    }

    #[test]
    fn failures_nobody_asked_about_pass_with_their_own_word() {
        let mut fixture = Fixture::new();
        fixture.fail_records(30);
        let plain = verdict(&fixture);
        fixture.plan.thresholds = vec![threshold("p95 > 9s", 95.0, 9e6)];
        let other = verdict(&fixture);
        fixture.plan.thresholds = vec![Threshold {
            expression: "success < 99%".to_owned(),
            metric: Metric::Success,
            fails_if: Comparison::Less,
            value: 0.99,
        }];
        let judged = verdict(&fixture);
        let line = |v: Verdict| format!("{} {} {:?}\n", v.exit_code, v.headline, v.reasons);
        insta::assert_snapshot!([line(plain), line(other), line(judged)].concat(), @r#"
        0 PASS (no threshold on success) ["no threshold was set; 30 records failed"]
        0 PASS (no threshold on success) ["no threshold on success was set; 30 records failed"]
        0 PASS []
        "#);
    }

    #[test]
    fn reasons_say_what_was_seen_and_wanted() {
        let mut fixture = Fixture::new();
        fixture.plan.thresholds = vec![threshold("p99 > 1ms", 99.0, 1e3)];
        let void = verdict(&fixture).reasons;
        fixture.plan.thresholds = vec![threshold("p95 > 1ms", 95.0, 1e3)];
        fixture.refuse_all(FailureKind::ServerError, Some(500));
        let missed = verdict(&fixture).reasons;
        insta::assert_snapshot!([void, missed].concat().join("\n"), @r"
        Enough samples for P99? No: saw 100 requests, wanted at least 200 requests, so that 2 lie beyond it. Raise --messages or --duration, or lower --batch-size
        no record was acknowledged
        p95 > 1ms: saw ≥ 195 ms
        ");
    }
}
