//! What must be the same on both sides of a comparison, and what is not.

use super::super::Worthless;
use super::{Method, Named};
use crate::measure::{End, TargetKind};
use crate::report::{
    LoadSection, Machine, PayloadSection, PlanSection, Report, TargetSection, Tool,
};
use crate::units;

/// What a run was made with, as far as it decides whether another can be held against it.
#[derive(Debug, Clone, Copy)]
pub struct Setting<'a> {
    /// What was asked for.
    pub plan: &'a PlanSection,
    /// What was tested.
    pub target: &'a TargetSection,
    /// Where the load came from.
    pub machine: &'a Machine,
    /// What measured.
    pub tool: &'a Tool,
}

impl<'a> Setting<'a> {
    /// That of a finished run.
    pub fn of(report: &'a Report) -> Self {
        Self {
            plan: &report.plan,
            target: &report.target,
            machine: &report.machine,
            tool: &report.tool,
        }
    }
}

/// A run, by the name of its report, and what it was made with.
pub type Placed<'a> = (&'a str, Setting<'a>);

/// How the runs of two sides differ, a line each; none: they can be compared. Each is held against the first of its side, and that of
/// the run against that of the baseline. How long they last may differ, and so may credentials, topic names and versions of the
/// target: those are what comparisons are for.
pub fn differences(baseline: &[Placed], run: &[Placed]) -> Vec<String> {
    unlike(baseline, run, facts)
}

/// How they differ in what does not keep them from being compared, and may still be what is found.
pub(super) fn notes(baseline: &[Placed], run: &[Placed]) -> Vec<String> {
    unlike(baseline, run, version)
}

fn unlike(baseline: &[Placed], run: &[Placed], of: fn(&Setting) -> Vec<Fact>) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut look = |there: &Setting, here: &Setting, names: [&str; 2]| {
        for ((what, there), (_, here)) in of(there).into_iter().zip(of(here)) {
            let line = format!("{what}: {there} {}, {here} {}", names[0], names[1]);
            if there != here && !lines.contains(&line) {
                lines.push(line);
            }
        }
    };
    for side in [baseline, run] {
        if let Some(((first, there), others)) = side.split_first() {
            for (name, here) in others {
                let names = [first, name].map(|name| format!("in {name}"));
                look(there, here, [&names[0], &names[1]]);
            }
        }
    }
    if let (Some((_, there)), Some((name, here))) = (baseline.first(), run.first()) {
        let several = run.len() > 1;
        let named = format!("in {name}");
        let name = if several { &named } else { "here" };
        look(there, here, ["in the baseline", name]);
    }
    lines
}

/// Why a report can be no side of any comparison.
pub fn unfit(report: &Report) -> Option<String> {
    let failed = report.validity.checks.iter().find(|check| !check.passed);
    match Worthless::of_report(report)? {
        Worthless::Interrupted => Some("it was interrupted".to_owned()),
        Worthless::Target if report.end == End::TargetGone => {
            Some("its target was gone at the end".to_owned())
        }
        Worthless::Target => Some(match report.verdict.reasons.first() {
            None => "its target was gone".to_owned(),
            Some(reason) => format!("its target failed: {reason}"),
        }),
        Worthless::Integrity => {
            Some("its audit found records lost, duplicated, reordered or corrupted".to_owned())
        }
        Worthless::Void => Some(match failed {
            None => "it is void".to_owned(),
            Some(check) => format!(
                "it is void ({}? no: saw {}, wanted {})",
                check.name, check.saw, check.wanted
            ),
        }),
        // Said of its blocks, and another error.
        Worthless::NothingAcked => None,
    }
}

/// Which of these are reports of one run; `None`: each is of its own.
pub fn same_run(all: &[Named]) -> Option<String> {
    all.iter().enumerate().find_map(|(index, later)| {
        let earlier = all[..index].iter().find(|earlier| {
            let (a, b) = (earlier.report, later.report);
            match (&a.claims, &b.claims) {
                (Some(a), Some(b)) => a.run == b.run,
                (None, None) => a.started_at == b.started_at && a.ledger == b.ledger,
                _ => false,
            }
        })?;
        let (earlier, later) = (earlier.source, later.source);
        Some(if earlier == later {
            format!("{later} is named twice")
        } else {
            format!("{earlier} and {later} are of the same run")
        })
    })
}

/// Which of these are the two sides of one duet; `None`: none are.
pub(super) fn duet(baseline: &[Named], run: &[Named]) -> Option<String> {
    let pairs = baseline
        .iter()
        .flat_map(|a| run.iter().map(move |b| (a, b)));
    let is_baseline_of = |old: &Report, new: &Report| {
        new.comparison.as_ref().is_some_and(|compared| {
            compared.method == Method::Pairs
                && compared.baseline.started_at == old.started_at
                && compared.baseline.source == old.target.urls.join(", ")
        })
    };
    pairs.into_iter().find_map(|(a, b)| {
        let new = if is_baseline_of(a.report, b.report) {
            b
        } else if is_baseline_of(b.report, a.report) {
            a
        } else {
            return None;
        };
        Some(format!(
            "{} and {} are the two sides of a duet, whose comparison, pair by pair, is in {}",
            a.source, b.source, new.source
        ))
    })
}

type Fact = (&'static str, String);

fn facts(setting: &Setting) -> Vec<Fact> {
    let mut facts = load(&setting.plan.load);
    facts.extend(payload(&setting.plan.payload));
    facts.extend(target(setting));
    facts.extend(machine(setting));
    facts
}

fn or(value: Option<String>, none: &str) -> String {
    value.unwrap_or_else(|| none.to_owned())
}

fn load(load: &LoadSection) -> Vec<Fact> {
    let rate = |rate: f64| format!("{}/s", units::rate_digits(rate));
    let secs = |secs: f64| format!("{secs}s");
    let stages = load.stages.as_ref().map(|stages| {
        let stages: Vec<String> = stages
            .iter()
            .map(|stage| {
                let (from, to) = (
                    rate(stage.from_records_per_sec),
                    rate(stage.to_records_per_sec),
                );
                format!("{from} to {to} in {}", secs(stage.duration_secs))
            })
            .collect();
        stages.join(", ")
    });
    let spike = load.spike.as_ref().map(|spike| {
        let (at, length) = (secs(spike.at_secs), secs(spike.duration_secs));
        format!("{} at {at} for {length}", rate(spike.records_per_sec))
    });
    vec![
        ("concurrency", load.concurrency.to_string()),
        ("batch size", load.batch_size.to_string()),
        ("rate", or(load.rate_records_per_sec.map(rate), "none")),
        ("stages", or(stages, "none")),
        ("spike", or(spike, "none")),
        ("arrivals", or(load.arrivals.clone(), "closed loop")),
        ("warm-up", secs(load.warmup_secs)),
        ("threads", load.threads.to_string()),
    ]
}

fn payload(payload: &PayloadSection) -> Vec<Fact> {
    vec![
        ("format", payload.format.name().to_owned()),
        (
            "message size",
            format!("{} bytes", units::grouped(payload.message_size_bytes)),
        ),
        ("content", payload.content.clone()),
        ("keys", {
            let key = &payload.key;
            let of = key
                .keys
                .map_or_else(String::new, |keys| format!(" of {keys}"));
            let hot = key
                .hot_ratio
                .map_or_else(String::new, |hot| format!(", {} hot", units::percent(hot)));
            format!("{}{of}{hot}", key.mode)
        }),
    ]
}

fn target(setting: &Setting) -> Vec<Fact> {
    let target = setting.target;
    let kind = match (target.kind, target.embedded) {
        (TargetKind::StandIn, true) => "stand-in inside krush".to_owned(),
        (kind, _) => kind.name().to_owned(),
    };
    let faults = (!target.faults.is_empty()).then(|| target.faults.join(", "));
    let tls = target.urls.iter().any(|url| url.starts_with("https"));
    vec![
        ("kind of target", kind),
        ("faults of the stand-in", or(faults, "none")),
        ("capacity model", or(target.model.clone(), "none")),
        ("dialect", target.dialect.name().to_owned()),
        ("targets", target.urls.len().to_string()),
        ("TLS", if tls { "yes" } else { "no" }.to_owned()),
        (
            "partitions",
            or(target.partitions.map(|count| count.to_string()), "not told"),
        ),
    ]
}

fn machine(setting: &Setting) -> Vec<Fact> {
    let machine = setting.machine;
    vec![
        ("CPUs", machine.cpus.to_string()),
        ("CPU model", or(machine.cpu_model.clone(), "not told")),
        ("operating system", machine.os.clone()),
        ("architecture", machine.arch.clone()),
        (
            "build",
            if setting.tool.debug_build {
                "debug"
            } else {
                "release"
            }
            .to_owned(),
        ),
    ]
}

fn version(setting: &Setting) -> Vec<Fact> {
    let Tool {
        name,
        version,
        commit,
        ..
    } = setting.tool;
    let commit = (commit.as_ref()).map_or_else(String::new, |commit| format!(" ({commit})"));
    vec![("what measured", format!("{name} {version}{commit}"))]
}
