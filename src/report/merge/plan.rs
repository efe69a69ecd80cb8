//! The plan of a merged report: connections, threads and rates add up.

use super::{NotMergeable, Source};
use crate::plan::{Arrivals, Load, Output, Pace, Plan, Rates, Stop, Target, Threshold, Tls, Topic};
use crate::report::{LoadSection, PlanSection};
use crate::units::Rate;

/// What all runs together were to do.
pub(super) fn section(sources: &[Source]) -> PlanSection {
    let mut whole = sources[0].report.plan.clone();
    for source in &sources[1..] {
        let plan = &source.report.plan;
        whole.target_named &= plan.target_named;
        if whole.reference != plan.reference {
            whole.reference = None;
        }
        if whole.scenario != plan.scenario {
            "several".clone_into(&mut whole.scenario);
        }
        add(&mut whole.load, &plan.load);
    }
    whole
}

fn add(whole: &mut LoadSection, load: &LoadSection) {
    let sum = |a: Option<f64>, b: Option<f64>| Some(a? + b?);
    whole.duration_secs = match (whole.duration_secs, load.duration_secs) {
        (Some(a), Some(b)) => Some(a.max(b)),
        (a, b) => a.or(b),
    };
    // By count only if all are: what a run by time will send is not known.
    whole.messages = whole.messages.zip(load.messages).map(|(a, b)| a + b);
    whole.concurrency += load.concurrency;
    whole.threads += load.threads;
    whole.rate_records_per_sec = sum(whole.rate_records_per_sec, load.rate_records_per_sec);
    if let (Some(stages), Some(more)) = (&mut whole.stages, &load.stages) {
        for (stage, more) in stages.iter_mut().zip(more) {
            stage.from_records_per_sec += more.from_records_per_sec;
            stage.to_records_per_sec += more.to_records_per_sec;
        }
    }
    if let (Some(spike), Some(more)) = (&mut whole.spike, &load.spike) {
        spike.records_per_sec += more.records_per_sec;
    }
    whole.warmup_secs = whole.warmup_secs.max(load.warmup_secs);
    whole.timeout_secs = whole.timeout_secs.max(load.timeout_secs);
    whole.drain_secs = whole.drain_secs.max(load.drain_secs);
}

/// The same as what a run is judged by.
///
/// # Errors
/// A length of time or a payload that cannot be read.
pub(super) fn plan(
    first: &Source,
    section: &PlanSection,
    thresholds: Vec<Threshold>,
) -> Result<Plan, NotMergeable> {
    let unreadable = |what: &str| NotMergeable {
        file: first.name.clone(),
        what: format!("plan.{what} cannot be read"),
        hint: "merge with the version of krush that made the report".to_owned(),
    };
    let load = load(&section.load).ok_or_else(|| unreadable("load"))?;
    let payload = section
        .payload
        .payload()
        .ok_or_else(|| unreadable("payload"))?;
    Ok(Plan {
        scenario: section.scenario.clone(),
        target: Target {
            urls: Vec::new(),
            named: section.target_named,
            embedded: first.report.target.embedded,
            faults: Vec::new(),
            model: None,
            dialect: Some(first.report.target.dialect),
            headers: Vec::new(),
            auth: None,
            tls: Tls::default(),
        },
        topic: Topic {
            name: section.topic.name.clone(),
            partitions: section.topic.partitions,
            replication_factor: section.topic.replication_factor,
            create: section.topic.create,
        },
        load,
        payload,
        thresholds,
        // Shown from the section; a plan's is not judged.
        reference: None,
        baseline: None,
        output: Output {
            files: Vec::new(),
            quiet: false,
            color: false,
            history: None,
            push_gateway: None,
            prometheus_port: None,
        },
    })
}

fn load(section: &LoadSection) -> Option<Load> {
    let seconds = |secs: f64| std::time::Duration::try_from_secs_f64(secs).ok();
    let arrivals = match section.arrivals.as_deref() {
        None => None,
        Some(name) => Some(
            [Arrivals::Uniform, Arrivals::Poisson]
                .into_iter()
                .find(|arrivals| arrivals.name() == name)?,
        ),
    };
    let mean = section.rate_records_per_sec.unwrap_or_else(|| {
        let stages = section.stages.iter().flatten();
        stages.fold(0.0, |peak, stage| stage.to_records_per_sec.max(peak))
    });
    Some(Load {
        stop: match (section.messages, section.duration_secs) {
            (Some(messages), _) => Stop::Messages(messages),
            (None, secs) => Stop::Duration(seconds(secs.unwrap_or(0.0))?),
        },
        concurrency: section.concurrency,
        batch_size: section.batch_size,
        pace: arrivals.map(|arrivals| Pace {
            rates: Rates::Constant(Rate(mean)),
            spike: None,
            arrivals,
        }),
        warmup: seconds(section.warmup_secs)?,
        timeout: seconds(section.timeout_secs)?,
        drain: seconds(section.drain_secs)?,
        threads: section.threads,
        verify: false,
        back_pressure: None,
    })
}
