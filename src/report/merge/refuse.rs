//! Which reports do not belong together.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use super::read::started_at;
use super::{NotMergeable, Source};
use crate::report::{Report, SCHEMA_VERSION};
use crate::units::duration;

/// Longest time in which none of the runs went on.
const LONGEST_GAP: Duration = Duration::from_hours(1);

/// Refuses what is no set of workers of one load.
///
/// # Errors
/// Names the report and what is wrong with it.
pub(super) fn check(sources: &[Source]) -> Result<(), NotMergeable> {
    for source in sources {
        alone(source)?;
        same_load(&sources[0], source)?;
    }
    twice(sources)?;
    apart(sources)
}

fn refused(source: &Source, what: String, hint: &str) -> NotMergeable {
    NotMergeable {
        file: source.name.clone(),
        what,
        hint: hint.to_owned(),
    }
}

fn alone(source: &Source) -> Result<(), NotMergeable> {
    let report = &source.report;
    if report.schema_version != SCHEMA_VERSION {
        let what = format!(
            "its shape has version {}, and this krush reads {SCHEMA_VERSION}",
            report.schema_version
        );
        return Err(refused(source, what, "merge with the krush that made it"));
    }
    if report.end_to_end.is_some() {
        let what = "it is of krush e2e, whose consumers read the records of its own run only";
        let hint = "merge the reports of load commands";
        return Err(refused(source, what.to_owned(), hint));
    }
    if report.is_of_duet() {
        let what = "it is a side of a duet, whose slices have no seconds to lay beside those of another run";
        let hint = "merge the reports of load commands without --baseline-url";
        return Err(refused(source, what.to_owned(), hint));
    }
    if report.comparison.is_some() {
        let what = "it holds a comparison with a baseline, which is about its run alone";
        let hint = "run the workers without --baseline and --baseline-url, and compare what is merged with krush compare";
        return Err(refused(source, what.to_owned(), hint));
    }
    Ok(())
}

/// What must be the same in all, with the words for it.
fn shape(report: &Report) -> Vec<(&'static str, String)> {
    let (plan, load) = (&report.plan, &report.plan.load);
    let payload = &plan.payload;
    let key = &payload.key;
    let stages = load.stages.iter().flatten();
    let stages: Vec<String> = stages
        .map(|stage| format!("{} s", stage.duration_secs))
        .collect();
    let spike = load.spike.as_ref();
    vec![
        ("kind of target", report.target.kind.name().to_owned()),
        (
            "capacity model",
            (report.target.model.clone()).unwrap_or_else(|| "none".to_owned()),
        ),
        ("dialect", report.target.dialect.name().to_owned()),
        ("topic", report.target.topic.clone()),
        ("batch size", load.batch_size.to_string()),
        (
            "loop",
            if load.is_open_loop() {
                "open"
            } else {
                "closed"
            }
            .to_owned(),
        ),
        (
            "arrivals",
            load.arrivals.clone().unwrap_or_else(|| "none".to_owned()),
        ),
        (
            "stages",
            if stages.is_empty() {
                "none".to_owned()
            } else {
                stages.join(" + ")
            },
        ),
        (
            "spike",
            spike.map_or_else(
                || "none".to_owned(),
                |spike| format!("{} s at {} s", spike.duration_secs, spike.at_secs),
            ),
        ),
        ("format", payload.format.name().to_owned()),
        (
            "message size",
            format!("{} bytes", payload.message_size_bytes),
        ),
        ("content", payload.content.clone()),
        (
            "keys",
            match (key.keys, key.hot_ratio) {
                (Some(keys), Some(hot)) => format!("{} over {keys}, {hot} hot", key.mode),
                (Some(keys), None) => format!("{} over {keys}", key.mode),
                _ => key.mode.clone(),
            },
        ),
    ]
}

fn same_load(first: &Source, source: &Source) -> Result<(), NotMergeable> {
    let pairs = shape(&first.report).into_iter().zip(shape(&source.report));
    let different: Vec<String> = pairs
        .filter(|((_, one), (_, other))| one != other)
        .map(|((name, one), (_, other))| format!("{name} {other}, not {one}"))
        .collect();
    if different.is_empty() {
        return Ok(());
    }
    let what = format!(
        "it is another load than {}: {}",
        first.name,
        different.join("; ")
    );
    let hint = "workers of one load differ in connections, rate, duration and target only";
    Err(refused(source, what, hint))
}

/// Names of the runs in a report.
fn runs(report: &Report) -> Vec<String> {
    match &report.merged {
        Some(merged) => merged
            .sources
            .iter()
            .filter_map(|row| row.run.clone())
            .collect(),
        None => report
            .claims
            .iter()
            .map(|claims| claims.run.clone())
            .collect(),
    }
}

fn twice(sources: &[Source]) -> Result<(), NotMergeable> {
    let mut seen: BTreeMap<String, &str> = BTreeMap::new();
    for (index, source) in sources.iter().enumerate() {
        let hint = "name each report once";
        for run in runs(&source.report) {
            if let Some(before) = seen.get(&run) {
                let what = format!("run {run} is in {before} already");
                return Err(refused(source, what, hint));
            }
            seen.insert(run, &source.name);
        }
        let same = |other: &&Source| other.report == source.report;
        if let Some(before) = sources[..index].iter().find(same) {
            let what = format!("it is the same report as {}", before.name);
            return Err(refused(source, what, hint));
        }
    }
    Ok(())
}

/// From when to when a run went on.
type Span<'a> = (SystemTime, SystemTime, &'a Source);

/// All runs, by their start, as long as `secs` says.
fn spans(sources: &[Source], secs: impl Fn(&Report) -> f64) -> Vec<Span<'_>> {
    let span = |source: &'_ Source| {
        let start = started_at(&source.report)?;
        let length = Duration::try_from_secs_f64(secs(&source.report)).ok()?;
        Some((start, start.checked_add(length)?))
    };
    let all = sources.iter();
    let mut spans: Vec<_> = all
        .filter_map(|source| span(source).map(|(start, end)| (start, end, source)))
        .collect();
    spans.sort_by_key(|(start, ..)| *start);
    spans
}

/// Seconds of a run with its drain.
fn whole(report: &Report) -> f64 {
    report.elapsed_secs
}

/// Seconds of a run to its last acknowledgement, over which its throughput is.
fn window(report: &Report) -> f64 {
    report.summary.duration_secs
}

fn apart(sources: &[Source]) -> Result<(), NotMergeable> {
    let mut end: Option<SystemTime> = None;
    for (start, until, source) in spans(sources, whole) {
        let gap = end.and_then(|end| start.duration_since(end).ok());
        if let Some(gap) = gap.filter(|gap| *gap > LONGEST_GAP) {
            let minutes = Duration::from_secs(gap.as_secs() / 60 * 60);
            let what = format!("it began {} after all before had ended", duration(minutes));
            let hint = "workers of one load run at the same time; compare runs of different times with krush compare";
            return Err(refused(source, what, hint));
        }
        end = end.max(Some(until));
    }
    Ok(())
}

/// How long all runs went on at the same time, and how long it was from the first start to the last end: by the windows of their throughput.
pub(super) fn beside(sources: &[Source]) -> Option<(Duration, Duration)> {
    let spans = spans(sources, window);
    let starts = || spans.iter().map(|(start, ..)| *start);
    let ends = || spans.iter().map(|(_, end, _)| *end);
    let all_at_once = ends().min()?.duration_since(starts().max()?);
    let whole = ends().max()?.duration_since(starts().min()?);
    Some((all_at_once.unwrap_or_default(), whole.ok()?))
}

/// The runs that did not go on while all others did.
pub(super) fn not_beside(sources: &[Source]) -> Vec<&str> {
    let spans = spans(sources, whole);
    let beside = |a: &Span<'_>, b: &Span<'_>| a.0 < b.1 && b.0 < a.1;
    let alone = |span: &&Span<'_>| !spans.iter().all(|other| beside(span, other));
    let alone = spans.iter().filter(alone);
    alone.map(|(_, _, source)| source.name.as_str()).collect()
}
