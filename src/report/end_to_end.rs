//! From a request's due time to its records' arrival at a consumer, as a part of a load's report.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::build::encode;
use super::{Distribution, Report};
use crate::gate::Check;
use crate::measure::consume::{InstanceTally, Tally};
use crate::measure::{ArrivalCounts, Arrivals, Claims, Reconciled};
use crate::units::{counted, grouped, latency, percent};

/// Share of the acked records that must arrive for the latencies to speak for the run.
const RECEIVED_AT_LEAST: f64 = 0.999;

/// What consumers of the run's topic received while it went on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EndToEndSection {
    /// From when a record's request was due until the answer to the fetch that holds it was there to the last byte, on one clock;
    /// of every record of the measured part that arrived, each once.
    pub latency_us: Distribution,
    /// Records in `latency_us`.
    pub latency_samples: u64,
    /// What arrived.
    pub arrivals: ArrivalCounts,
    /// The same held against what was acked.
    pub records: Reconciled,
    /// Consumer instances, each with partitions of its own (assigned, not subscribed: no rebalance).
    pub instances: u64,
    /// Fetches that brought records.
    pub fetches: u64,
    /// Fetches that brought none.
    pub empty_fetches: u64,
    /// Fetches that failed.
    pub failed_fetches: u64,
    /// Instances that the server did not have any more.
    pub instances_lost: u64,
    /// Instances that could not be deleted at the end, and why.
    pub not_deleted: Vec<String>,
    /// Latency of fetches that brought records, waiting for them included.
    pub fetch_us: Distribution,
    /// `latency_us` as HDR V2 compressed, base64; 1 µs to 1 h, 3 digits.
    pub histogram: String,
}

impl EndToEndSection {
    /// What was received, held against what the run claims.
    pub fn of(
        arrivals: &Arrivals,
        tally: &Tally,
        claims: Option<&Claims>,
        not_deleted: Vec<String>,
    ) -> Self {
        let instances = tally.instances();
        Self {
            latency_us: Distribution::of(arrivals.latency_us()),
            latency_samples: arrivals.latency_us().len(),
            arrivals: arrivals.counts(),
            records: claims.map_or_else(Reconciled::default, |claims| arrivals.reconciled(claims)),
            instances: instances.len() as u64,
            fetches: instances.iter().map(|one| one.with_records).sum(),
            empty_fetches: instances.iter().map(|one| one.empty).sum(),
            failed_fetches: instances.iter().map(InstanceTally::failed_fetches).sum(),
            instances_lost: instances.iter().map(|one| one.lost).sum(),
            not_deleted,
            fetch_us: Distribution::of(tally.with_records_us()),
            histogram: encode(arrivals.latency_us()),
        }
    }

    /// Whether enough arrived for the latencies to speak for the run.
    fn check(&self) -> Check {
        let Reconciled {
            acked,
            acked_received,
            ..
        } = self.records;
        let ratio = acked_received as f64 / (acked as f64).max(1.0);
        Check {
            name: "acked records arrived".to_owned(),
            passed: acked > 0 && ratio >= RECEIVED_AT_LEAST,
            saw: format!("{} of {}", grouped(acked_received), grouped(acked)),
            wanted: format!("{} of them", percent(RECEIVED_AT_LEAST)),
            hint: "wait longer with --drain, use more --instances, or see with --verify whether they are stored"
                .to_owned(),
        }
    }

    /// What weakens it.
    fn warnings(&self) -> Vec<String> {
        let ArrivalCounts {
            again,
            negative,
            most_negative_us,
            never_due,
            forgotten,
            ..
        } = self.arrivals;
        let one = |count: u64| counted(count, "record", "records");
        let mut warnings = Vec::new();
        if negative > 0 {
            warnings.push(format!(
                "{} arrived before the request was due, by up to {}: not in the latency, and not possible. Please report it.",
                one(negative),
                latency(most_negative_us)
            ));
        }
        if never_due > 0 {
            warnings.push(format!(
                "{} of this run name a request that was never made: somebody changes what is stored.",
                one(never_due)
            ));
        }
        if forgotten > 0 {
            warnings.push(format!(
                "{} arrived so late that the due time was not held any more: they are missing from the latency, which is too good.",
                one(forgotten)
            ));
        }
        if again > 0 {
            warnings.push(format!(
                "{} arrived more than once: the first time counts.",
                one(again)
            ));
        }
        if self.failed_fetches > 0 || self.instances_lost > 0 {
            warnings.push(format!(
                "{} failed and {} lost: records may have waited for that.",
                counted(self.failed_fetches, "fetch", "fetches"),
                counted(self.instances_lost, "instance was", "instances were")
            ));
        }
        if !self.not_deleted.is_empty() {
            warnings.push(format!(
                "{} could not be deleted: {}",
                counted(self.not_deleted.len() as u64, "instance", "instances"),
                self.not_deleted[0]
            ));
        }
        warnings
    }
}

impl Report {
    /// Adds what consumers received; if that is too little, the run is void. A run that was interrupted is not judged by it.
    pub fn add_end_to_end(&mut self, section: EndToEndSection, interrupted: bool) {
        self.warnings.extend(section.warnings());
        if !interrupted {
            let check = section.check();
            if !check.passed {
                self.validity.void = true;
                self.verdict = self.verdict.clone().voided(&check);
            }
            self.validity.checks.push(check);
        }
        self.end_to_end = Some(section);
    }
}

/// The ledger of arrivals, one half a line.
pub(super) fn ledger_words(section: &EndToEndSection) -> Vec<String> {
    let (records, arrivals) = (&section.records, &section.arrivals);
    let mut lines = vec![format!(
        "acked {} = received {} + not received {}",
        grouped(records.acked),
        grouped(records.acked_received),
        grouped(records.not_received)
    )];
    let odd = [
        (records.unknown_received, "unknown, but came"),
        (records.rejected_received, "refused, but came"),
        (arrivals.again, "came again"),
        (arrivals.negative, "before they were due"),
        (arrivals.never_due, "of requests never made"),
        (arrivals.forgotten, "too late to tell"),
        (arrivals.warmup, "of warm-up"),
        (arrivals.other_run, "of other runs"),
        (arrivals.foreign, "of others"),
    ];
    let odd: Vec<String> = odd
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{} {what}", grouped(*count)))
        .collect();
    lines.push(if odd.is_empty() {
        "nothing else came".to_owned()
    } else {
        format!("also {}", odd.join(", "))
    });
    lines.push(format!(
        "by {}, {} with records + {} empty + {} failed",
        counted(section.instances, "instance", "instances"),
        counted(section.fetches, "fetch", "fetches"),
        grouped(section.empty_fetches),
        grouped(section.failed_fetches)
    ));
    lines
}
