//! One run of the real engine against one server that misbehaves, and what both sides say of it.

use std::path::Path;

use crate::audit::Findings as AuditFindings;
use crate::commands::load;
use crate::commands::prepare::{Prepared, prepare};
use crate::commands::progress::Line;
use crate::engine::Control;
use crate::error::{Error, Result};
use crate::measure::FailureKind;
use crate::plan::{Layers, Machine, Overrides, Plan, Scenario, resolve};
use crate::report::{RecordLedger, Report, RequestLedger};
use crate::rest::Patience;
use crate::standin::{Embedded, Fault, Settings, TruthSnapshot};

/// A run and the account of the server it ran against.
#[derive(Debug, Clone)]
pub(super) struct Trial {
    /// What krush says.
    pub(super) report: Report,
    /// What the server knows.
    pub(super) truth: TruthSnapshot,
}

/// A server and the load on it.
#[derive(Debug, Clone)]
pub(super) struct Setting<'a> {
    /// The server's script, see `docs/serve.md`.
    pub(super) faults: &'a [&'a str],
    /// What else differs from a usual stand-in.
    pub(super) server: fn(&mut Settings),
    /// Scenario text.
    pub(super) load: &'a str,
}

/// Runs it.
///
/// # Errors
/// What kept the run from coming to a report.
pub(super) fn run(setting: &Setting<'_>) -> Result<Trial> {
    let mut plan = plan(setting.load)?;
    let mut settings = Settings {
        faults: faults(setting.faults)?,
        faults_wait: true,
        threads: 1,
        ..Settings::default()
    };
    (setting.server)(&mut settings);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Error::Internal(format!("a runtime for the self-test: {error}")))?;
    let start = || load::start_standin(settings);
    let mut quiet = std::io::sink();
    let prepared = runtime.block_on(prepare(&mut plan, Patience::default(), &mut quiet, start))?;
    let before = if plan.load.verify {
        Some(runtime.block_on(load::subject(&plan, &prepared).ends())?)
    } else {
        None
    };
    measured(&plan, prepared, |prepared, report| {
        let Some(before) = before else { return Ok(()) };
        let mut quiet = Line::new(true);
        let subject = load::subject(&plan, prepared);
        let audited = runtime.block_on(subject.audit(report, Some(&before), &mut quiet))?;
        report.add_audit(audited, Some(before));
        Ok(())
    })
}

/// Sends the load to a target that is ready, does what is to be done `after` it, and ends the server before its account is read.
///
/// # Errors
/// What kept the run from coming to a report.
pub(super) fn measured(
    plan: &Plan,
    mut prepared: Prepared<Embedded>,
    after: impl FnOnce(&Prepared<Embedded>, &mut Report) -> Result<()>,
) -> Result<Trial> {
    let mut report = load::applied(plan, &prepared, &Control::new(), &mut |_| {});
    if let Ok(Some(report)) = &mut report {
        after(&prepared, report)?;
    }
    let standin = prepared.standin.take();
    let mut standin =
        standin.ok_or_else(|| Error::Internal("the self-test has no server".to_owned()))?;
    // First: a server that failed is no target that refused.
    standin.stop()?;
    let report =
        report?.ok_or_else(|| Error::Internal("the self-test was interrupted".to_owned()))?;
    Ok(Trial {
        report,
        truth: standin.truth(),
    })
}

/// The script as the server takes it.
pub(super) fn faults(texts: &[&str]) -> Result<Vec<Fault>> {
    let read = |text: &&str| text.parse::<Fault>().map_err(Error::Internal);
    texts.iter().map(read).collect()
}

/// The plan of a scenario that runs against the stand-in in this process.
pub(super) fn plan(load: &str) -> Result<Plan> {
    let layers = Layers {
        scenario: Scenario::parse(Path::new("selftest.toml"), load)?,
        environment: Overrides::default(),
        flags: Overrides::default(),
    };
    let (mut plan, _) = resolve(layers, Machine { parallelism: 1 })?;
    plan.target.embedded = true;
    Ok(plan)
}

impl Trial {
    /// Where krush says its records ended.
    pub(super) fn records(&self) -> &RecordLedger {
        &self.report.ledger.records
    }

    /// Where krush says its requests ended.
    pub(super) fn requests(&self) -> &RequestLedger {
        &self.report.ledger.requests
    }

    /// Requests and records of the failure table under one kind.
    pub(super) fn failures(&self, kind: FailureKind) -> (u64, u64) {
        let rows = self.report.failures.iter().filter(|row| row.kind == kind);
        rows.fold((0, 0), |(requests, records), row| {
            (requests + row.requests, records + row.records)
        })
    }

    /// How often fault number `index` of the script struck.
    pub(super) fn hits(&self, index: usize) -> u64 {
        self.truth.faults.get(index).map_or(0, |(_, hits)| *hits)
    }

    /// How often faults of this kind struck.
    pub(super) fn struck(&self, kind: &str) -> u64 {
        let of_kind = |text: &str| text.split(['=', '@']).next() == Some(kind);
        let faults = self.truth.faults.iter().filter(|(text, _)| of_kind(text));
        faults.map(|(_, hits)| hits).sum()
    }

    /// What the audit found; nothing if there was none.
    pub(super) fn audit(&self) -> Option<&AuditFindings> {
        self.report.audit.as_ref()?.findings.as_ref()
    }

    /// Exit code of the run.
    pub(super) fn exit(&self) -> u8 {
        self.report.verdict.exit_code
    }
}
