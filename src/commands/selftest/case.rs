//! A server that misbehaves, the load on it, and what must be true of what krush says.

use super::findings::Findings;
use super::laws;
use super::trial::{self, Setting, Trial};
use crate::units::{self, grouped};

/// What it means if every figure was right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Word {
    /// The server did nothing wrong, and krush says so.
    Honest,
    /// The server did something wrong, and krush's figures show it.
    Seen,
    /// The server's answers do not show what it did: krush repeats what it was told. An audit of the topic would show it.
    Unseeable,
}

impl Word {
    /// What is printed.
    pub(super) fn text(self) -> &'static str {
        match self {
            Self::Honest => "true",
            Self::Seen => "seen through",
            Self::Unseeable => "true to the answers",
        }
    }
}

/// One entry of the catalogue.
#[derive(Debug, Clone)]
pub(super) struct Case {
    pub(super) name: &'static str,
    /// What the server does.
    pub(super) happened: &'static str,
    pub(super) word: Word,
    pub(super) setting: Setting<'static>,
    /// What must be true beyond [`laws`].
    pub(super) expect: fn(&Trial, &mut Findings),
}

/// What came of a case.
#[derive(Debug)]
pub(super) struct Outcome {
    /// What krush said, in a line.
    pub(super) said: String,
    pub(super) findings: Findings,
}

impl Case {
    /// Runs it and compares.
    pub(super) fn run(&self) -> Outcome {
        let mut findings = Findings::default();
        let said = match trial::run(&self.setting) {
            Ok(trial) => {
                laws::check(&trial, &mut findings);
                (self.expect)(&trial, &mut findings);
                said(&trial)
            }
            Err(error) => {
                findings.holds(false, || format!("no report: {error}"));
                "nothing".to_owned()
            }
        };
        Outcome { said, findings }
    }
}

/// The report in a line: what is not nought.
fn said(trial: &Trial) -> String {
    let (r, summary) = (trial.records(), &trial.report.summary);
    let mut words = vec![format!(
        "{} of {} acked",
        grouped(r.acked),
        grouped(r.scheduled)
    )];
    for (count, name) in [
        (r.rejected, "rejected"),
        (r.unknown, "unknown"),
        (r.unsent, "unsent"),
    ] {
        if count > 0 {
            words.push(format!("{} {name}", grouped(count)));
        }
    }
    if let Some(p95) = summary.latency_us.p95 {
        let bound = if summary.is_lower_bound("p95") {
            "≥ "
        } else {
            ""
        };
        words.push(format!("P95 {bound}{}", units::latency(p95)));
    }
    words.push(format!("exit {}", trial.exit()));
    words.join(", ")
}
