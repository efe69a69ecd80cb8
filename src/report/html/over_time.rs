//! Throughput and latency over time, of one run or of several in the same frame.

use std::time::Duration;

use maud::{Markup, html};

use super::chart::{Axis, Chart, Line, Mark, Slot, Trouble};
use super::points::{Point, Reading, Run, reading_words};
use super::scale::{Scale, latency_words, rate_words};
use super::table::{Column, folded, text_table};
use crate::report::words::capitalised;
use crate::units::{self, counted, rate_digits};

/// Spans of trouble that a sentence names.
const NAMED: usize = 3;

/// Both charts, or why there are none.
pub(super) fn section(group: u64, runs: &[Run]) -> Markup {
    let drawn = runs
        .iter()
        .any(|run| run.points.iter().filter(|point| point.counts()).count() >= 2);
    html! {
        @if drawn {
            (throughput(group, runs).markup())
            (latency(group, runs).markup())
            @for run in runs { (numbers(group, run, runs.len() > 1)) }
        } @else if runs.iter().all(|run| run.report.is_of_duet()) {
            p { "A side of a duet has no seconds: its slices do not begin and end with one." }
        } @else {
            p { "The run is too short for a line over time: it ended within two seconds." }
            @for run in runs { (numbers(group, run, runs.len() > 1)) }
        }
    }
}

fn numbers(group: u64, run: &Run, named: bool) -> Markup {
    let unsent = run.points.iter().any(|point| point.unsent > 0);
    let mut head = vec![("s", Column::Text)];
    let counts = ["due rec/s", "acked rec/s", "requests ended", "failed req."];
    head.extend(counts.map(|name| (name, Column::Number)));
    head.extend(unsent.then_some(("rec. never sent", Column::Number)));
    head.extend(["P50", "P95", "max"].map(|name| (name, Column::Number)));
    let rows = run.points.iter().map(|point| point.cells(group, unsent));
    let label = if named {
        format!("Numbers over time: {}", run.name)
    } else {
        "Numbers over time".to_owned()
    };
    folded(&label, &text_table(&label, &head, rows))
}

fn throughput(group: u64, runs: &[Run]) -> Chart {
    let rate = |count: fn(&Point) -> u64| {
        move |point: &Point| {
            point
                .counts()
                .then(|| (point.middle(), point.rate(count(point))))
        }
    };
    let mut lines: Vec<Line> = (runs.iter().enumerate())
        .map(|(index, run)| {
            let points = run.points.iter().map(rate(|point| point.acked)).collect();
            let name = if runs.len() == 1 { "acked" } else { &run.name };
            Line::through(name, index, points)
        })
        .collect();
    if let [run] = runs
        && run.report.plan.load.is_open_loop()
    {
        let last_due = run
            .points
            .iter()
            .rposition(|point| point.due > 0)
            .unwrap_or(0);
        let of_load = &run.points[..=last_due.min(run.points.len().saturating_sub(1))];
        let points = of_load.iter().map(rate(|point| point.due)).collect();
        lines.push(Line::through("due (offered)", 1, points));
    }
    let most = lines
        .iter()
        .flat_map(|line| line.points.iter().flatten())
        .map(|(_, rate)| *rate)
        .fold(0.0, f64::max);
    let scale = Scale::from_zero(most);
    Chart {
        id: "throughput".to_owned(),
        caption: "Throughput over time, records per second".to_owned(),
        note: grouping(group, "mean"),
        findings: sentences(runs, |run| throughput_words(group, run)),
        x: time_axis(runs),
        y: Axis {
            scale,
            ticks: scale.ticks(rate_words),
            title: "records per second".to_owned(),
        },
        lines,
        marks: troubles(group, runs),
        dots: Vec::new(),
        slots: slots(group, runs, Point::acked_words),
        numbers: html! {},
    }
}

fn latency(group: u64, runs: &[Run]) -> Chart {
    let lines: Vec<Line> = match runs {
        [run] => vec![
            latency_line("P50", 0, run, |point| point.p50),
            latency_line("P95", 1, run, |point| point.p95),
            latency_line("max", 2, run, |point| point.max),
        ],
        runs => (runs.iter().enumerate())
            .map(|(index, run)| latency_line(&run.name, index, run, |point| point.p95))
            .collect(),
    };
    let values: Vec<f64> = lines
        .iter()
        .flat_map(|line| line.points.iter().flatten())
        .map(|(_, us)| *us)
        .collect();
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    let most = values.iter().copied().fold(0.0, f64::max);
    let scale = Scale::decades(if least.is_finite() { least } else { 1e3 }, most.max(1.0));
    let what = if runs.len() == 1 {
        "Latency over time"
    } else {
        "P95 latency over time"
    };
    Chart {
        id: "latency-over-time".to_owned(),
        caption: format!("{what}, by when a request was due, log scale"),
        note: grouping(group, "largest"),
        findings: sentences(runs, latency_finding),
        x: time_axis(runs),
        y: Axis {
            scale,
            ticks: scale.ticks(latency_words),
            title: "latency".to_owned(),
        },
        lines,
        marks: troubles(group, runs),
        dots: Vec::new(),
        slots: slots(group, runs, |point| {
            let [p50, p95, max] = [point.p50, point.p95, point.max].map(reading_words);
            format!("P50 {p50}, P95 {p95}, max {max}")
        }),
        numbers: html! {},
    }
}

fn latency_line(name: &str, style: usize, run: &Run, of: fn(&Point) -> Option<Reading>) -> Line {
    let at = |point: &Point| of(point).map(|(us, _)| (point.middle(), us as f64));
    let bounds = run
        .points
        .iter()
        .filter(|point| of(point).is_some_and(|(_, bound)| bound));
    Line {
        bounds: bounds.filter_map(at).collect(),
        ..Line::through(name, style, run.points.iter().map(at).collect())
    }
}

/// What a point stands for, if it is more than a second.
fn grouping(group: u64, how: &str) -> Option<String> {
    (group > 1).then(|| format!("A point is {group} seconds: the {how} of them."))
}

fn time_axis(runs: &[Run]) -> Axis {
    let end = runs
        .iter()
        .filter_map(|run| run.points.last())
        .map(|point| point.from as f64 + point.secs)
        .fold(1.0, f64::max);
    let scale = Scale::straight(0.0, end);
    Axis {
        scale,
        ticks: scale.time_ticks(),
        title: "since the measured part began".to_owned(),
    }
}

/// Only of a run alone: of several it would not be clear whose they are.
fn troubles(group: u64, runs: &[Run]) -> Vec<Mark> {
    let [run] = runs else { return Vec::new() };
    let marks = Trouble::ALL.into_iter().filter_map(|trouble| {
        let spans = spans(group, run, trouble);
        let spans = spans.iter().map(|(from, to)| (*from as f64, *to as f64));
        let spans: Vec<(f64, f64)> = spans.collect();
        (!spans.is_empty()).then_some(Mark::Trouble(trouble, spans))
    });
    marks.collect()
}

/// From and to of the points with this trouble, in seconds.
fn spans(group: u64, run: &Run, trouble: Trouble) -> Vec<(u64, u64)> {
    let has = |point: &&Point| match trouble {
        Trouble::Failed => point.failures > 0,
        Trouble::Unsent => point.unsent > 0,
        Trouble::Idle => point.idle,
    };
    let there = run.points.iter().filter(has);
    there
        .map(|point| (point.from, point.from + group))
        .collect()
}

/// `from 3s to 8s and from 42s to 43s`: points that follow each other are one span.
fn spans_words(spans: &[(u64, u64)]) -> String {
    let mut joined: Vec<(u64, u64)> = Vec::new();
    for (from, to) in spans {
        match joined.last_mut() {
            Some(last) if last.1 == *from => last.1 = *to,
            _ => joined.push((*from, *to)),
        }
    }
    let named = joined.iter().take(NAMED);
    let mut words: Vec<String> = named
        .map(|(from, to)| format!("from {} to {}", at_words(*from), at_words(*to)))
        .collect();
    let more = joined.len().saturating_sub(NAMED) as u64;
    words.extend((more > 0).then(|| format!("in {}", counted(more, "other span", "other spans"))));
    words.join(", ")
}

fn slots(group: u64, runs: &[Run], words: fn(&Point) -> String) -> Vec<Slot> {
    let longest = runs
        .iter()
        .max_by_key(|run| run.points.last().map(|point| point.from));
    let Some(longest) = longest else {
        return Vec::new();
    };
    let slot = |point: &Point| {
        let mut lines = vec![point.span(group)];
        for run in runs {
            let Ok(index) = run
                .points
                .binary_search_by_key(&point.from, |point| point.from)
            else {
                continue;
            };
            let here = &run.points[index];
            let name = if runs.len() > 1 {
                // Its letter: the legend has the whole name, which every slot of each run would repeat.
                let letter = run.name.split(' ').next().unwrap_or_default();
                format!("{letter}: ")
            } else {
                String::new()
            };
            lines.push(format!("{name}{}{}", words(here), here.troubles()));
        }
        Slot {
            from: point.from as f64,
            to: point.from as f64 + group as f64,
            title: lines.join("\n"),
        }
    };
    longest.points.iter().map(slot).collect()
}

/// What the runs show, a sentence each.
fn sentences(runs: &[Run], words: impl Fn(&Run) -> String) -> Vec<String> {
    let sentence = |run: &Run| match runs.len() {
        1 => capitalised(&words(run)),
        _ => format!("{}: {}", run.name, words(run)),
    };
    runs.iter().map(sentence).collect()
}

/// `42m 48s`
fn at_words(second: u64) -> String {
    units::seconds_word(Duration::from_secs(second))
}

fn throughput_words(group: u64, run: &Run) -> String {
    let mut rates: Vec<(f64, u64)> = (run.points.iter())
        .filter(|point| point.counts())
        .map(|point| (point.rate(point.acked), point.from))
        .collect();
    rates.sort_by(|a, b| a.0.total_cmp(&b.0));
    let failed = failed_words(group, run);
    match (rates.first(), rates.last()) {
        (Some((low, low_at)), Some((high, high_at))) if rates.len() > 1 => format!(
            "between {} rec/s at {} and {} rec/s at {}, the middle {}; {failed}.",
            rate_digits(*low),
            at_words(*low_at),
            rate_digits(*high),
            at_words(*high_at),
            rate_digits(f64::midpoint(
                rates[(rates.len() - 1) / 2].0,
                rates[rates.len() / 2].0
            ))
        ),
        _ => format!("too short for a line; {failed}."),
    }
}

/// How much failed, was never sent, and when nothing was acked.
fn failed_words(group: u64, run: &Run) -> String {
    let sum = |of: fn(&Point) -> u64| run.points.iter().map(of).sum::<u64>();
    let failed = match sum(|point| point.failures) {
        0 => "no request failed".to_owned(),
        some => format!("{} failed", counted(some, "request", "requests")),
    };
    let unsent = match sum(|point| point.unsent) {
        0 => String::new(),
        some => format!(
            "; {} never sent, due {}",
            counted(some, "record was", "records were"),
            spans_words(&spans(group, run, Trouble::Unsent))
        ),
    };
    let idle = match &spans(group, run, Trouble::Idle)[..] {
        [] => String::new(),
        spans => format!("; nothing was acked {}", spans_words(spans)),
    };
    format!("{failed}{unsent}{idle}")
}

fn latency_finding(run: &Run) -> String {
    let p95 = |point: &&Point| point.p95.map(|(us, _)| us);
    let points = || run.points.iter().filter(|point| point.p95.is_some());
    let (low, high) = (points().min_by_key(p95), points().max_by_key(p95));
    match (low, high) {
        (Some(low), Some(high)) if low.from == high.from => {
            format!("P95 {}.", reading_words(high.p95))
        }
        (Some(low), Some(high)) => format!(
            "P95 between {} at {} and {} at {}.",
            reading_words(low.p95),
            at_words(low.from),
            reading_words(high.p95),
            at_words(high.from)
        ),
        _ => "no request was due.".to_owned(),
    }
}
