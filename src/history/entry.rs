//! One run as a line of the history.

use serde::{Deserialize, Serialize};

use crate::gate::Outcome;
use crate::measure::TargetKind;
use crate::report::{PayloadSection, Report, SpikeSection, StageSection};

/// Version of the shape of a line.
pub(super) const SCHEMA_VERSION: u32 = 1;

/// One run as a line of JSON. Keys are a promise as those of the report are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Version of this shape.
    pub schema_version: u32,
    /// When the measured part began, RFC 3339, UTC.
    pub started_at: String,
    /// Preset or scenario file.
    pub scenario: String,
    /// What was tested.
    pub target_kind: TargetKind,
    /// What the server was recognised as.
    pub server: String,
    /// Capacity model of a stand-in whose figures these are; none in lines of earlier versions.
    #[serde(default)]
    pub model: Option<String>,
    /// How the target misbehaved on purpose; none in lines of earlier versions.
    #[serde(default)]
    pub faults: Vec<String>,
    /// Base URLs without credentials.
    pub urls: Vec<String>,
    /// Records in a request.
    pub batch_size: u32,
    /// Connections.
    pub concurrency: u32,
    /// What a record looked like; none in lines of earlier versions.
    #[serde(default)]
    pub payload: Option<PayloadSection>,
    /// Requests were due on a schedule of their own.
    pub open_loop: bool,
    /// Offered records per second of an open loop, if they were the same at all times; none in lines of earlier versions.
    #[serde(default)]
    pub rate_records_per_sec: Option<f64>,
    /// Parts of an open loop, one after the other.
    #[serde(default)]
    pub stages: Option<Vec<StageSection>>,
    /// A time in which another rate held.
    #[serde(default)]
    pub spike: Option<SpikeSection>,
    /// How the requests of an open loop were spread within their rate; none in a closed loop.
    #[serde(default)]
    pub arrivals: Option<String>,
    /// Load before the drain, start to end.
    pub duration_secs: f64,
    /// Acked records per second.
    pub records_per_sec: f64,
    /// Median latency in µs; `null`: no sample.
    pub p50_us: Option<u64>,
    /// P95 latency in µs; `null`: no sample.
    pub p95_us: Option<u64>,
    /// P99 latency in µs; `null`: no sample.
    pub p99_us: Option<u64>,
    /// Names of the percentiles above that are lower bounds, such as `p95`; none in lines of earlier versions, which did not say.
    #[serde(default)]
    pub lower_bounds: Vec<String>,
    /// Acked over scheduled records, 0 to 1.
    pub success_ratio: f64,
    /// How the run was judged.
    pub outcome: Outcome,
    /// Operating system, architecture and number of CPUs of the load generator.
    pub machine: String,
    /// CPU model of the load generator, where readable.
    pub cpu_model: Option<String>,
    /// krush's version.
    pub krush: String,
    /// Its report, if one was written as JSON.
    pub report: Option<String>,
}

impl Entry {
    /// The line of a finished run.
    pub fn of(report: &Report, file: Option<&std::path::Path>) -> Self {
        let latency = &report.summary.latency_us;
        let machine = &report.machine;
        Self {
            schema_version: SCHEMA_VERSION,
            started_at: report.started_at.clone(),
            scenario: report.plan.scenario.clone(),
            target_kind: report.target.kind,
            server: report.target.server.clone(),
            model: report.target.model.clone(),
            faults: report.target.faults.clone(),
            urls: report.target.urls.clone(),
            batch_size: report.plan.load.batch_size,
            concurrency: report.plan.load.concurrency,
            payload: Some(report.plan.payload.clone()),
            open_loop: report.plan.load.is_open_loop(),
            rate_records_per_sec: report.plan.load.rate_records_per_sec,
            stages: report.plan.load.stages.clone(),
            spike: report.plan.load.spike.clone(),
            arrivals: report.plan.load.arrivals.clone(),
            duration_secs: report.summary.duration_secs,
            records_per_sec: report.summary.records_per_sec,
            p50_us: latency.p50,
            p95_us: latency.p95,
            p99_us: latency.p99,
            lower_bounds: lower_bounds(&report.summary.lower_bounds),
            success_ratio: report.summary.success_ratio,
            outcome: report.verdict.outcome,
            machine: format!("{} {}, {} CPUs", machine.os, machine.arch, machine.cpus),
            cpu_model: machine.cpu_model.clone(),
            krush: report.tool.version.clone(),
            report: file.map(|file| file.display().to_string()),
        }
    }

    /// A percentile as people read it, `≥ 1.95 s` if it is a lower bound; `name` is that of `lower_bounds`.
    pub fn latency_words(&self, name: &str, us: Option<u64>) -> Option<String> {
        let bound = if self.lower_bounds.iter().any(|bound| bound == name) {
            "≥ "
        } else {
            ""
        };
        us.map(|us| format!("{bound}{}", crate::units::latency(us)))
    }

    /// What lines of one run have in common, even if one of them was added from its report.
    pub fn identity(&self) -> (String, String, Vec<String>, [u64; 3], &'static str) {
        let figures = [self.records_per_sec, self.duration_secs, self.success_ratio];
        (
            self.started_at.clone(),
            self.scenario.clone(),
            self.urls.clone(),
            figures.map(f64::to_bits),
            self.outcome.name(),
        )
    }

    /// Why the figures are none of a run; `None`: they may be.
    pub(super) fn nonsense(&self) -> Option<String> {
        let figures = [
            ("records_per_sec", self.records_per_sec, f64::MAX),
            ("duration_secs", self.duration_secs, f64::MAX),
            ("success_ratio", self.success_ratio, 1.0),
        ];
        figures
            .into_iter()
            .find(|(_, value, most)| !(0.0..=*most).contains(value))
            .map(|(key, value, _)| format!("{key} is {value}"))
    }
}

/// Those of the percentiles that a line has.
fn lower_bounds(all: &[String]) -> Vec<String> {
    let listed = |name: &&String| matches!(name.as_str(), "p50" | "p95" | "p99");
    all.iter().filter(listed).cloned().collect()
}
