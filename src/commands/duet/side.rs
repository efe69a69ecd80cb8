//! One target of a duet, and the slices that it had.

use std::time::Duration;

use super::super::interrupt::Interrupts;
use super::super::load::{failure, run_name, setup, start_standin};
use super::super::prepare::{Prepared, prepare};
use crate::engine::{self, Control, Setup};
use crate::error::{Error, Result};
use crate::gate::{
    self, BlockFigures, Latencies, Run, SliceLatency, SliceRow, Validity, is_lower_bound,
};
use crate::measure::{End, Latency, Lie, Measured, join};
use crate::plan::{Plan, Stop};
use crate::report::formats::kind_name;
use crate::report::{self, Report, TargetFacts};
use crate::rest::Patience;
use crate::standin::{Embedded, Settings};

/// Checks for which a slice is too short: they are made of all slices together.
const OF_WHOLE: [&str; 3] = [
    "enough samples for",
    "generator was not the bottleneck",
    "generator sent on time",
];

/// One target of a duet.
pub(in super::super) struct Side {
    /// What it is called in messages.
    role: &'static str,
    /// What a slice of it is.
    pub(in super::super) plan: Plan,
    /// What was learned of it.
    pub(in super::super) prepared: Prepared<Embedded>,
    setup: Setup,
    slices: Vec<Measured>,
    rows: Vec<SliceRow>,
    validities: Vec<Validity>,
}

impl Side {
    /// Makes the target ready; `None`: the user stopped it.
    ///
    /// # Errors
    /// The target cannot be used as it is.
    pub(in super::super) fn prepare(
        role: &'static str,
        mut plan: Plan,
        interrupts: &Interrupts,
    ) -> Result<Option<Self>> {
        let settings = Settings {
            faults: plan.target.faults.clone(),
            faults_wait: true,
            ..Settings::default()
        };
        let mut stderr = std::io::stderr();
        let start = || start_standin(settings);
        let ready = prepare(&mut plan, Patience::default(), &mut stderr, start);
        let Some(prepared) = interrupts.unless_interrupted(ready) else {
            return Ok(None);
        };
        Self::new(role, plan, prepared?).map(Some)
    }

    fn new(role: &'static str, plan: Plan, prepared: Prepared<Embedded>) -> Result<Self> {
        Ok(Self {
            role,
            setup: setup(&plan, &prepared)?,
            plan,
            prepared,
            slices: Vec::new(),
            rows: Vec::new(),
            validities: Vec::new(),
        })
    }

    /// The same target once more, as the other side.
    ///
    /// # Errors
    /// It takes no connection any more.
    pub(in super::super) fn again(&self, role: &'static str) -> Result<Self> {
        let facts = &self.prepared.facts;
        let prepared = Prepared {
            facts: TargetFacts {
                urls: facts.urls.clone(),
                server: facts.server.clone(),
                apis: facts.apis.clone(),
                ..*facts
            },
            warnings: Vec::new(),
            standin: None,
        };
        Self::new(role, self.plan.clone(), prepared)
    }

    /// Its URL.
    pub(in super::super) fn url(&self) -> String {
        self.prepared.facts.urls.join(", ")
    }

    /// When its first slice began, RFC 3339.
    pub(super) fn started_at(&self) -> String {
        let first = self.slices.first();
        first.map_or_else(String::new, |slice| {
            humantime::format_rfc3339_millis(slice.started_at).to_string()
        })
    }

    /// Forgets its slices.
    pub(in super::super) fn clear(&mut self) {
        self.slices.clear();
        self.rows.clear();
        self.validities.clear();
    }

    /// What kind of server it is.
    pub(super) fn kind(&self) -> &'static str {
        let facts = &self.prepared.facts;
        kind_name(facts.kind, &facts.server)
    }

    /// Whether neither a slice so far is void, nor all of them together.
    pub(in super::super) fn is_valid(&self) -> bool {
        let judged = join(&self.slices, Lie::InTurn).and_then(|measured| {
            let plan = self.whole_plan();
            self.validity(&Run::new(&plan, &self.prepared.facts, &measured, false))
        });
        judged.is_none_or(|validity| !validity.void)
    }

    /// Whether anything was measured of it.
    pub(super) fn has_slices(&self) -> bool {
        !self.slices.is_empty()
    }

    /// Its slices as they are reported, in the order in which they were played.
    pub(super) fn rows(&self) -> &[SliceRow] {
        &self.rows
    }

    /// Loads it for one slice; `None`: the user stopped it before the slice began. The figures are those of a whole slice only if
    /// `control` was not interrupted.
    ///
    /// # Errors
    /// The target is gone, or no connection to it can be opened; named by its side. What was measured until then is kept.
    pub(super) fn slice(
        &mut self,
        control: &Control,
        observe: &mut dyn FnMut(engine::Progress),
    ) -> Result<Option<BlockFigures>> {
        if control.interrupts() > 0 {
            return Ok(None);
        }
        self.setup.run = run_name();
        // Of its own: what gives one slice up must not end the others.
        let own = Control::new();
        let first = self.slices.is_empty();
        let mut observe = |progress| {
            for _ in own.interrupts()..control.interrupts() {
                own.interrupt();
            }
            if let (true, engine::Progress::Starting, Some(standin)) =
                (first, progress, &self.prepared.standin)
            {
                standin.begin();
            }
            observe(progress);
        };
        let measured = match engine::run(&self.setup, &own, &mut observe) {
            Ok(measured) => measured,
            Err(engine::Failed::Interrupted) => return Ok(None),
            Err(failed) => return Err(named(self.role, failure(&self.plan, failed))),
        };
        let run = Run::new(&self.plan, &self.prepared.facts, &measured, false);
        self.validities.push(gate::check(&run));
        let figures = figures(&run);
        self.rows.push(row(&run, &figures));
        let gone = measured.end == End::TargetGone;
        self.slices.push(measured);
        if gone {
            return Err(Error::target(
                format!(
                    "{}: {} answered nothing any more in slice {} of it",
                    self.role,
                    self.url(),
                    self.slices.len()
                ),
                "see what became of the server, and start the duet anew",
            ));
        }
        Ok(Some(figures))
    }

    /// The checks of all slices, which are put together in `run`; `None`: there is none.
    fn validity(&self, run: &Run) -> Option<Validity> {
        let names: Vec<String> = (1..=self.validities.len())
            .map(|n| format!("slice {n}"))
            .collect();
        let parts = names.iter().map(String::as_str).zip(&self.validities);
        let parts: Vec<(&str, &Validity)> = parts.collect();
        (!parts.is_empty()).then(|| report::parts_validity(&parts, &gate::check(run), &OF_WHOLE))
    }

    /// The plan of all slices as one run.
    fn whole_plan(&self) -> Plan {
        let mut plan = self.plan.clone();
        let slices = self.slices.len() as u32;
        plan.load.stop = match plan.load.stop {
            Stop::Duration(length) => Stop::Duration(length * slices),
            Stop::Messages(messages) => Stop::Messages(messages * u64::from(slices)),
        };
        plan
    }

    /// All slices as one run; `None`: there was none.
    pub(super) fn report(&self, interrupted: bool) -> Option<Report> {
        let mut measured = join(&self.slices, Lie::InTurn)?;
        if interrupted && measured.end == End::Finished {
            measured.end = End::Interrupted;
        }
        let (plan, facts) = (self.whole_plan(), &self.prepared.facts);
        let mut report = report::build_judged(&plan, facts, &measured, |run| {
            self.validity(run).unwrap_or_else(|| gate::check(run))
        });
        report
            .warnings
            .extend(self.prepared.warnings.iter().cloned());
        report.claims = None;
        Some(report)
    }

    /// Ends the stand-in, if there is one.
    ///
    /// # Errors
    /// It had failed before.
    pub(in super::super) fn end(&mut self) -> Result<()> {
        (self.prepared.standin.as_mut()).map_or(Ok(()), Embedded::stop)
    }
}

/// What the side that is compared with is called in messages.
pub(super) const BASELINE: &str = "baseline";
/// The other one.
pub(super) const NEW: &str = "new target";

/// An error about a target, with the side that it is, and the flag that names it.
pub(super) fn named(role: &str, error: Error) -> Error {
    match error {
        Error::Target { message, hint } => Error::Target {
            message: format!("{role}: {message}"),
            hint: hint.map(|hint| match role {
                BASELINE => hint.replace("--url", "--baseline-url"),
                _ => hint,
            }),
        },
        other => other,
    }
}

/// The clock's resolution.
const LEAST: Duration = Duration::from_micros(1);

/// A slice as a replicate, from its full histograms.
fn figures(run: &Run) -> BlockFigures {
    let latency: &Latency = &run.latency;
    let at = |percentile| latency.percentile(percentile).map(|reading| reading.value);
    // What was never sent failed as well.
    let scheduled = run.measured.scheduled.requests;
    let complete = run.total.ledger.requests.complete;
    // A schedule is over when it is over: that the last answers take longer is latency, not throughput.
    let took = run.measured.schedule_took().or(run.measured.window);
    // A slice without an ack has no window; it took its time all the same.
    let took = took.unwrap_or(run.measured.elapsed).max(LEAST);
    let acked = run.total.ledger.records.acked;
    let p95 = latency.percentile(95.0);
    let p95_most_us = p95.map(|reading| reading.most).filter(|us| us.is_finite());
    BlockFigures {
        records_per_sec: acked as f64 / took.as_secs_f64(),
        secs: took.as_secs_f64(),
        p50_us: at(50.0),
        p95_us: at(95.0),
        p99_us: at(99.0),
        requests: scheduled,
        failures: scheduled.saturating_sub(complete),
        lower_bound: is_lower_bound(p95.map(|reading| reading.value), p95_most_us),
        p95_most_us,
        latencies: Latencies::of(latency.all()),
    }
}

/// A slice as it is reported.
fn row(run: &Run, figures: &BlockFigures) -> SliceRow {
    let us = |value: Option<f64>| value.map(|us| us.round() as u64);
    SliceRow {
        records_per_sec: figures.records_per_sec,
        latency_us: SliceLatency {
            p50: us(figures.p50_us),
            p95: us(figures.p95_us),
            p99: us(figures.p99_us),
            lower_bound: figures.lower_bound,
        },
        requests: figures.requests,
        failures: figures.failures,
        records_acked: run.total.ledger.records.acked,
    }
}

/// How long a slice of this plan takes with everything around it, if its target keeps up; `None`: that is not known before.
pub(super) fn expected(plan: &Plan) -> Option<Duration> {
    match plan.load.stop {
        Stop::Duration(length) => Some(length + plan.load.warmup),
        Stop::Messages(_) => None,
    }
}
