//! Throughput and latency over time, of one run or of several in the same frame.

use std::time::Duration;

use maud::{Markup, html};

use super::chart::{Axis, Chart, Line, Mark, Slot};
use super::scale::{Scale, latency_words, rate_words};
use super::table::{Column, folded, text_table};
use crate::report::words::{bounded, capitalised};
use crate::report::{Report, SecondLatency, SecondRow};
use crate::units::{self, counted, grouped, rate_digits};

/// Points of all runs of a chart together: what a page of 300 kB holds.
const POINTS: u64 = 300;
/// A point that stands for less of its seconds than this says more of the clock than of the server.
const LEAST_SHARE: f64 = 0.3;

/// Some seconds of a run.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Point {
    from: u64,
    /// Seconds of it that were measured.
    secs: f64,
    /// Of those that it stands for.
    share: f64,
    due: u64,
    acked: u64,
    requests: u64,
    failures: u64,
    p50: Option<Reading>,
    p95: Option<Reading>,
    max: Option<Reading>,
}

/// A latency in µs, and whether it is only a lower bound.
type Reading = (u64, bool);

/// A run in points, and what it is called.
pub(super) struct Run<'a> {
    /// In a legend.
    pub(super) name: String,
    pub(super) report: &'a Report,
    points: Vec<Point>,
}

/// Runs cut into points of the same length, and that length in seconds.
pub(super) fn runs(named: Vec<(String, &Report)>) -> (u64, Vec<Run<'_>>) {
    let longest = named
        .iter()
        .filter_map(|(_, report)| report.timeline.last())
        .map(|row| row.second + 1)
        .max();
    let each = (POINTS / named.len().max(1) as u64).max(1);
    let group = longest.unwrap_or(1).div_ceil(each).max(1);
    let runs = named.into_iter().map(|(name, report)| Run {
        name,
        report,
        points: points(report, group),
    });
    (group, runs.collect())
}

/// Rates are means over the group, latencies the largest in it.
fn points(report: &Report, group: u64) -> Vec<Point> {
    let mut points: Vec<Point> = Vec::new();
    for row in &report.timeline {
        let from = row.second / group * group;
        if points.last().is_none_or(|point| point.from != from) {
            let secs = (report.elapsed_secs - from as f64).clamp(0.0, group as f64);
            points.push(Point {
                from,
                secs,
                share: secs / group as f64,
                due: 0,
                acked: 0,
                requests: 0,
                failures: 0,
                p50: None,
                p95: None,
                max: None,
            });
        }
        if let Some(point) = points.last_mut() {
            point.add(row);
        }
    }
    points
}

impl Point {
    fn add(&mut self, row: &SecondRow) {
        let latency = &row.latency_us;
        self.due += row.records_due;
        self.acked += row.records_acked;
        self.requests += row.requests;
        self.failures += row.failures;
        self.p50 = self.p50.max(reading(latency, "p50", latency.p50));
        self.p95 = self.p95.max(reading(latency, "p95", latency.p95));
        self.max = self.max.max(reading(latency, "max", latency.max));
    }

    fn middle(&self) -> f64 {
        self.from as f64 + self.secs / 2.0
    }

    fn rate(&self, records: u64) -> f64 {
        records as f64 / self.secs.max(1e-6)
    }

    /// Long enough for its rate to mean something.
    fn counts(&self) -> bool {
        self.share >= LEAST_SHARE
    }

    fn span(&self, group: u64) -> String {
        if group == 1 {
            format!("second {}", self.from)
        } else {
            format!("{} to {} s", self.from, self.from + group)
        }
    }

    fn cells(&self, group: u64) -> Vec<String> {
        let from = if group == 1 {
            self.from.to_string()
        } else {
            format!("{} - {}", self.from, self.from + group)
        };
        vec![
            from,
            rate_digits(self.rate(self.due)),
            rate_digits(self.rate(self.acked)),
            grouped(self.requests),
            grouped(self.failures),
            reading_words(self.p50),
            reading_words(self.p95),
            reading_words(self.max),
        ]
    }
}

fn reading(latency: &SecondLatency, name: &str, us: Option<u64>) -> Option<Reading> {
    us.map(|us| (us, latency.lower_bounds.iter().any(|bound| bound == name)))
}

fn reading_words(reading: Option<Reading>) -> String {
    reading.map_or_else(
        || "-".to_owned(),
        |(us, bound)| bounded(units::latency(us), bound),
    )
}

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
    let head = [
        ("s", Column::Text),
        ("due rec/s", Column::Number),
        ("acked rec/s", Column::Number),
        ("answers", Column::Number),
        ("failed req.", Column::Number),
        ("P50", Column::Number),
        ("P95", Column::Number),
        ("max", Column::Number),
    ];
    let rows = run.points.iter().map(|point| point.cells(group));
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
        findings: sentences(runs, throughput_words),
        x: time_axis(runs),
        y: Axis {
            scale,
            ticks: scale.ticks(rate_words),
            title: "records per second".to_owned(),
        },
        lines,
        marks: failures(group, runs),
        slots: slots(group, runs, |point| {
            format!("{} rec/s acked", rate_digits(point.rate(point.acked)))
        }),
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
        marks: failures(group, runs),
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
fn failures(group: u64, runs: &[Run]) -> Vec<Mark> {
    let [run] = runs else { return Vec::new() };
    let failed = run.points.iter().filter(|point| point.failures > 0);
    failed
        .map(|point| Mark::Failed(point.from as f64, point.from as f64 + group as f64))
        .collect()
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
            let failed = match here.failures {
                0 => String::new(),
                some => format!(", {} failed", counted(some, "request", "requests")),
            };
            let name = if runs.len() > 1 {
                format!("{}: ", run.name)
            } else {
                String::new()
            };
            lines.push(format!("{name}{}{failed}", words(here)));
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
fn sentences(runs: &[Run], words: fn(&Run) -> String) -> Vec<String> {
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

fn throughput_words(run: &Run) -> String {
    let mut rates: Vec<(f64, u64)> = (run.points.iter())
        .filter(|point| point.counts())
        .map(|point| (point.rate(point.acked), point.from))
        .collect();
    rates.sort_by(|a, b| a.0.total_cmp(&b.0));
    let failures: u64 = run.points.iter().map(|point| point.failures).sum();
    let failed = match failures {
        0 => "no request failed".to_owned(),
        some => format!("{} failed", counted(some, "request", "requests")),
    };
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
