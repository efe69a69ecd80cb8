//! Whether a whole of parts proves anything, and what weakens it.

use super::Source;
use super::refuse::{beside, not_beside};
use crate::audit::Audited;
use crate::gate::{Check, Outcome, Validity, Verdict};
use crate::measure::{End, Measured};
use crate::report::Report;

/// Parts named where they fail a check.
const NAMED: usize = 3;

/// What was seen of parts that differ; a part that is itself of several has it already.
const HELD: &str = "held in each, such as: ";

/// Share of the whole time in which not all runs went on, from which on throughput is noticeably less than what they reached together.
const APART: f64 = 0.05;

/// The checks of all parts, each failed if one part fails it, and named with what that part saw. Checks whose names begin with one
/// of `of_whole` are those of the whole, since parts may be too small for them.
pub fn parts_validity(
    parts: &[(&str, &Validity)],
    whole: &Validity,
    of_whole: &[&str],
) -> Validity {
    let mut names: Vec<&str> = Vec::new();
    for check in parts.iter().flat_map(|(_, validity)| &validity.checks) {
        if !names.contains(&check.name.as_str()) {
            names.push(&check.name);
        }
    }
    let judged_whole = |name: &str| of_whole.iter().any(|start| name.starts_with(start));
    let of = |name: &str| whole.checks.iter().find(|check| check.name == name);
    let mut checks: Vec<Check> = Vec::new();
    for name in names.iter().filter(|name| !judged_whole(name)) {
        checks.extend(of_parts(name, parts, of(name)));
    }
    checks.extend(
        (whole.checks.iter())
            .filter(|check| judged_whole(&check.name))
            .cloned(),
    );
    Validity {
        void: checks.iter().any(|check| !check.passed),
        checks,
    }
}

/// One check over all parts.
fn of_parts(name: &str, parts: &[(&str, &Validity)], whole: Option<&Check>) -> Option<Check> {
    let checks = parts.iter().filter_map(|(part, validity)| {
        let found = validity.checks.iter().find(|check| check.name == name);
        found.map(|check| (*part, check))
    });
    let checks: Vec<(&str, &Check)> = checks.collect();
    let failed: Vec<_> = checks.iter().filter(|(_, check)| !check.passed).collect();
    let Some((_, first)) = failed.first() else {
        let (_, first) = checks.first()?;
        let alike = checks.iter().all(|(_, check)| check.saw == first.saw);
        // What held in each part holds: the figure of the whole says it better, unless parts make it another thing.
        return Some(match whole.filter(|whole| whole.passed) {
            Some(whole) => whole.clone(),
            None if alike => (*first).clone(),
            None => Check {
                saw: format!("{HELD}{}", first.saw.trim_start_matches(HELD)),
                ..(*first).clone()
            },
        });
    };
    let named = failed.iter().take(NAMED);
    let mut saw: Vec<String> = named
        .map(|(part, check)| format!("{part}: {}", check.saw))
        .collect();
    if failed.len() > NAMED {
        saw.push(format!(
            "and {} more of {}",
            failed.len() - NAMED,
            checks.len()
        ));
    }
    Some(Check {
        saw: saw.join("; "),
        ..(*first).clone()
    })
}

/// What weakens the whole, then what the runs were warned of: once if all were, else with the run's file.
pub(super) fn warnings(sources: &[Source], report: &Report, measured: &Measured) -> Vec<String> {
    let mut all = Vec::new();
    let alone = not_beside(sources);
    if !alone.is_empty() {
        all.push(format!(
            "not all runs went on at the same time ({}): throughput is over the time from the first start to the last end, gaps included. Start the workers together.",
            alone.join(", ")
        ));
    }
    if let Some((all_at_once, whole)) = beside(sources).filter(|_| alone.is_empty()) {
        let (together, secs) = (all_at_once.as_secs_f64(), whole.as_secs_f64());
        if together < secs * (1.0 - APART) {
            all.push(format!(
                "all runs went on at the same time for {together:.1} s of {secs:.1} s: throughput is over all of it, and less than they reached together. Start the workers together, with the same --duration."
            ));
        }
    }
    if inexact(report) {
        all.push("some reports are of a version of krush that did not keep the latencies of each second: the merged P50 and P95 of seconds are missing. All other figures are exact.".to_owned());
    }
    if measured.blocks.blocks.is_empty() && alone.is_empty() {
        all.push("the blocks of the runs do not lie side by side: there are none to compare the merged run with another by. Give all workers the same --duration, and start them together.".to_owned());
    }
    let mut said: Vec<&String> = Vec::new();
    for source in sources {
        for warning in &source.report.warnings {
            let everywhere = |warning| {
                sources
                    .iter()
                    .all(|source| source.report.warnings.contains(warning))
            };
            if !everywhere(warning) {
                all.push(format!("{}: {warning}", source.name));
            } else if !said.contains(&warning) {
                said.push(warning);
                all.push(warning.clone());
            }
        }
    }
    all
}

/// Whether a second has requests but no median.
fn inexact(report: &Report) -> bool {
    let lacks =
        |row: &crate::report::SecondRow| row.requests_due > 0 && row.latency_us.p50.is_none();
    report.timeline.iter().any(lacks)
}

/// The verdict on the whole after the audit of one of its runs, which is named.
pub(super) fn audited(verdict: Verdict, source: &Source, audited: &Audited) -> Verdict {
    let before = verdict.reasons.clone();
    let mut verdict = verdict.audited(audited);
    for reason in &mut verdict.reasons {
        if !before.contains(reason) {
            *reason = format!("{}: {reason}", source.name);
        }
    }
    verdict
}

/// The verdict on the whole with the runs that it is about: those that were interrupted, those that missed a threshold that is not
/// judged on the whole since the runs had different ones (`unlike`), and what merges of merges cannot find out anew.
pub(super) fn named(mut verdict: Verdict, sources: &[Source], unlike: bool) -> Verdict {
    if verdict.outcome == Outcome::Interrupted {
        let ended =
            |source: &&Source| matches!(source.report.end, End::Interrupted | End::Abandoned);
        let names = sources.iter().filter(ended).map(|source| &*source.name);
        let names: Vec<&str> = names.collect();
        verdict
            .reasons
            .insert(0, format!("interrupted: {}", names.join(", ")));
    }
    if unlike {
        verdict = raised(verdict, Outcome::Inconclusive, missed(sources));
    }
    for source in sources
        .iter()
        .filter(|source| source.report.merged.is_some())
    {
        let own = &source.report.verdict;
        if matches!(own.outcome, Outcome::Inconclusive | Outcome::Integrity) {
            let reasons = own.reasons.iter();
            let reasons = reasons.map(|reason| format!("{}: {reason}", source.name));
            verdict = raised(verdict, own.outcome, reasons.collect());
        }
    }
    verdict
}

/// Why thresholds of single runs leave the whole open.
fn missed(sources: &[Source]) -> Vec<String> {
    let mut reasons = vec![
        "the runs had different thresholds, so that none is judged on the merged figures: give all workers the same ones"
            .to_owned(),
    ];
    for source in sources {
        let thresholds = source.report.thresholds.iter();
        let missed = thresholds.filter(|threshold| !threshold.passed && !threshold.inconclusive);
        reasons.extend(missed.map(|threshold| {
            let (expression, saw) = (&threshold.expression, &threshold.saw);
            format!("{} missed `{expression}`: saw {saw}", source.name)
        }));
    }
    reasons
}

/// The verdict with more against it. What is lost is lost, whatever else is said; the rest is no pass.
fn raised(verdict: Verdict, outcome: Outcome, more: Vec<String>) -> Verdict {
    let plain = verdict.outcome == Outcome::Pass;
    let outcome = match verdict.outcome {
        Outcome::Pass => outcome,
        _ if outcome == Outcome::Integrity => outcome,
        own => own,
    };
    Verdict {
        outcome,
        exit_code: outcome.exit_code(),
        headline: outcome.headline().to_owned(),
        reasons: if plain {
            [more, verdict.reasons].concat()
        } else {
            [verdict.reasons, more].concat()
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn validity(checks: &[(&str, bool, &str)]) -> Validity {
        let check = |&(name, passed, saw): &(&str, bool, &str)| Check {
            name: name.to_owned(),
            passed,
            saw: saw.to_owned(),
            wanted: "more".to_owned(),
            hint: "try".to_owned(),
        };
        Validity {
            void: checks.iter().any(|(_, passed, _)| !passed),
            checks: checks.iter().map(check).collect(),
        }
    }

    #[test]
    fn one_part_that_proves_nothing_voids_the_whole_and_is_named() {
        let good = validity(&[("clock", true, "1 ms"), ("samples", false, "10")]);
        let bad = validity(&[("clock", false, "9 s"), ("samples", true, "900")]);
        let whole = validity(&[("clock", true, "0 ms"), ("samples", true, "910")]);
        let judged = parts_validity(&[("w1", &good), ("w2", &bad)], &whole, &["samples"]);
        assert!(judged.void);
        let rows = judged.checks.iter();
        let rows: Vec<_> = rows
            .map(|check| (check.name.as_str(), check.passed, check.saw.as_str()))
            .collect();
        let wanted = [("clock", false, "w2: 9 s"), ("samples", true, "910")];
        assert_eq!(rows, wanted);
        let judged = parts_validity(&[("w1", &good), ("w3", &good)], &whole, &["samples"]);
        assert!(!judged.void, "the whole has enough samples");
        let judged = parts_validity(&[("w1", &good), ("w3", &good)], &bad, &["samples"]);
        let (clock, void) = (&judged.checks[0], judged.void);
        assert_eq!((clock.passed, &*clock.saw, void), (true, "1 ms", false));
        let many = ["a", "b", "c", "d", "e"].map(|name| (name, &bad));
        let judged = parts_validity(&many, &whole, &["samples"]);
        let saw = "a: 9 s; b: 9 s; c: 9 s; and 2 more of 5";
        assert_eq!(judged.checks[0].saw, saw);
    }

    #[test]
    fn what_merged_parts_saw_is_said_once() {
        let (one, other) = (
            validity(&[("rate", true, "100 % of 12")]),
            validity(&[("rate", true, "99 % of 12")]),
        );
        let none = validity(&[]);
        let said = parts_validity(&[("w1", &one), ("w2", &other)], &none, &[]);
        assert_eq!(said.checks[0].saw, "held in each, such as: 100 % of 12");
        let twice = parts_validity(&[("m", &said), ("w3", &other)], &none, &[]);
        assert_eq!(twice.checks[0].saw, said.checks[0].saw);
    }
}
