//! Whether a whole of parts proves anything, and what weakens it.

use super::Source;
use super::refuse::not_beside;
use crate::audit::Audited;
use crate::gate::{Check, Validity};
use crate::measure::Measured;
use crate::report::Report;

/// Parts named where they fail a check.
const NAMED: usize = 3;

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
        return Some(match whole {
            Some(whole) => whole.clone(),
            None if alike => (*first).clone(),
            None => Check {
                saw: format!("held in each of {}, such as: {}", checks.len(), first.saw),
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
pub(super) fn warnings(
    sources: &[Source],
    report: &Report,
    measured: &Measured,
    unlike: bool,
) -> Vec<String> {
    let mut all = Vec::new();
    let alone = not_beside(sources);
    if !alone.is_empty() {
        all.push(format!(
            "not all runs went on at the same time ({}): throughput is over the time from the first start to the last end, gaps included. Start the workers together.",
            alone.join(", ")
        ));
    }
    if unlike {
        all.push("the runs had different thresholds: none is judged on the merged figures. Give all workers the same ones.".to_owned());
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

/// An audit of one of several runs.
pub(super) fn of(source: &Source, audited: &Audited) -> Audited {
    let mut audited = audited.clone();
    audited.why = audited.why.map(|why| format!("{}: {why}", source.name));
    audited
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
        let many = ["a", "b", "c", "d", "e"].map(|name| (name, &bad));
        let judged = parts_validity(&many, &whole, &["samples"]);
        let saw = "a: 9 s; b: 9 s; c: 9 s; and 2 more of 5";
        assert_eq!(judged.checks[0].saw, saw);
    }
}
