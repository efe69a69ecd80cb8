//! The history in a terminal of 80 columns: a list, a line of bars, and the changes, for each trend.

use std::fmt::Write as _;

use super::trend::is_evidence;
use super::{Change, Entry, Trend};
use crate::gate::Outcome;
use crate::report::Style;
use crate::units::{counted, grouped, latency, rate_digits};

/// Columns that are used at most.
const WIDTH: usize = 80;
/// Bars of the trend at most; more runs share bars.
const BARS: usize = 64;
/// The bars, from the lowest to the highest.
const HEIGHTS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// From this ratio on, times are read better than per cent.
const TIMES_FROM: f64 = 10.0;

/// How much is shown.
#[derive(Debug, Clone, Copy)]
pub struct Shown {
    /// Latest runs of each trend that are listed; `None`: all.
    pub last: Option<usize>,
    /// Colours.
    pub style: Style,
}

/// All trends, one below the other.
pub fn show(trends: &[Trend], shown: Shown) -> String {
    let mut lines = Vec::new();
    for trend in trends {
        lines.extend(head(trend, shown.style));
        lines.extend(list(trend, shown));
        lines.push(String::new());
        lines.extend(summary(trend));
        lines.push(String::new());
    }
    if trends.len() > 1 {
        let words = "runs of another scenario, target, record, rate or machine are another trend: their figures are not compared";
        lines.push(format!("{} trends; {words}", grouped(trends.len() as u64)));
    }
    let mut text = lines
        .iter()
        .flat_map(|line| folded(line))
        .collect::<Vec<_>>()
        .join("\n");
    text = text.trim_end().to_owned();
    text.push('\n');
    text
}

/// A line without colours, broken at spaces.
fn folded(line: &str) -> Vec<String> {
    if line.contains('\u{1b}') || line.chars().count() <= WIDTH {
        return vec![line.to_owned()];
    }
    let text = line.trim_start();
    let indent = &line[..line.len() - text.len()];
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(last) if last.chars().count() + 1 + word.chars().count() <= WIDTH => {
                last.push(' ');
                last.push_str(word);
            }
            Some(_) => lines.push(format!("{indent}  {word}")),
            None => lines.push(format!("{indent}{word}")),
        }
    }
    lines
}

fn head(trend: &Trend, style: Style) -> Vec<String> {
    let mut lines: Vec<String> = folded(&title(trend))
        .iter()
        .map(|line| style.strong(line))
        .collect();
    lines.push(machine(trend));
    lines
}

/// `extreme on rest-proxy http://proxy:8082, json of 100 B, open loop at 1,000 rec/s: 12 runs`.
pub fn title(trend: &Trend) -> String {
    let urls = match &trend.urls[..] {
        [] => String::new(),
        urls => format!(" {}", crate::report::clean_text(&urls.join(", "))),
    };
    let scenario = crate::report::clean_text(&trend.scenario);
    let runs = counted(trend.runs.len() as u64, "run", "runs");
    let how = how(trend);
    format!(
        "{scenario} on {}{urls}{how}: {runs}",
        trend.target_kind.name()
    )
}

/// What sets the trend apart from that of the same scenario and target: `, capacity model small, json of 100 B, open loop at 1,000 rec/s`.
fn how(trend: &Trend) -> String {
    let model = trend.model.as_ref();
    let faults = trend.faults.join(", ");
    let parts = [
        model.map(|name| format!("capacity model {name}")),
        (!faults.is_empty()).then(|| format!("misbehaving on purpose ({faults})")),
        trend.record_kind.clone(),
        trend.pace.clone(),
    ];
    let text = parts
        .iter()
        .flatten()
        .fold(String::new(), |text, part| text + ", " + part);
    crate::report::clean_text(&text)
}

/// `from linux x86_64, 8 CPUs, Some CPU`.
pub fn machine(trend: &Trend) -> String {
    let cpu = trend.cpu_model.as_ref();
    let cpu = cpu.map_or_else(String::new, |model| format!(", {model}"));
    crate::report::clean_text(&format!("from {}{cpu}", trend.machine))
}

fn list(trend: &Trend, shown: Shown) -> Vec<String> {
    let from = shown
        .last
        .map_or(0, |last| trend.runs.len().saturating_sub(last));
    let mut lines = Vec::new();
    if from > 0 {
        let earlier = counted(from as u64, "earlier run", "earlier runs");
        lines.push(format!("({earlier} not listed; --all lists them)"));
    }
    let rows: Vec<Row> = (from..trend.runs.len())
        .map(|index| row(trend, index))
        .collect();
    // How long the runs took is shown where there is room for it.
    let wide = table(&rows, true);
    let fits = wide.iter().all(|line| line.chars().count() <= WIDTH);
    let mut table = if fits { wide } else { table(&rows, false) }.into_iter();
    lines.extend(table.next());
    let manner = |(index, line): (usize, String)| match () {
        () if trend.record == Some(index) => shown.style.good(&line),
        () if !is_evidence(&trend.runs[index]) => shown.style.dim(&line),
        () => line,
    };
    lines.extend((from..).zip(table).map(manner));
    lines
}

/// The cells of a run, those of [`HEAD`].
type Row = [String; 8];

const HEAD: [&str; 8] = [
    "date (UTC)",
    "records/s",
    "to first",
    "to prev.",
    "P95",
    "conn×batch",
    "took",
    "",
];
/// Index of the column that is left out where it does not fit.
const TOOK: usize = 6;

fn row(trend: &Trend, index: usize) -> Row {
    let entry = &trend.runs[index];
    let against = |other: Option<usize>| match other {
        Some(other) if other != index && is_evidence(entry) => {
            change_words(trend.runs[other].records_per_sec, entry.records_per_sec)
        }
        _ => "-".to_owned(),
    };
    let mark = match entry.outcome {
        Outcome::Pass if trend.record == Some(index) => "record",
        Outcome::Pass => "",
        outcome => outcome.name(),
    };
    [
        minute(&entry.started_at),
        rate_digits(entry.records_per_sec),
        against(trend.first),
        against(trend.previous(index)),
        entry
            .latency_words("p95", entry.p95_us)
            .unwrap_or_else(|| "-".to_owned()),
        shape(entry),
        latency((entry.duration_secs * 1e6) as u64),
        mark.to_owned(),
    ]
}

/// The head and a line a run: the first cell to the left, figures to the right, the mark behind them.
fn table(rows: &[Row], took: bool) -> Vec<String> {
    let head = HEAD.map(str::to_owned);
    let all: Vec<&Row> = std::iter::once(&head).chain(rows).collect();
    let width = |column: usize| {
        let widths = all.iter().map(|row| row[column].chars().count());
        widths.max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..HEAD.len()).map(width).collect();
    let line = |row: &&Row| {
        let [date, figures @ .., mark] = *row;
        let mut line = format!("{date:<0$}", widths[0]);
        for (at, figure) in (1..).zip(figures) {
            if took || at != TOOK {
                let _ = write!(line, " {figure:>0$}", widths[at]);
            }
        }
        format!("{line}  {mark}").trim_end().to_owned()
    };
    all.iter().map(line).collect()
}

/// `2026-11-20T09:15:02.123Z` as `2026-11-20 09:15`.
pub fn minute(started_at: &str) -> String {
    started_at.get(..16).unwrap_or(started_at).replace('T', " ")
}

/// The day of a time of RFC 3339.
pub fn day(started_at: &str) -> &str {
    started_at.get(..10).unwrap_or(started_at)
}

/// How many characters of a run's start tell it from all others of the trend: those of its day, minute, second or more.
fn exact(trend: &Trend, index: usize) -> usize {
    let start = trend.runs[index].started_at.as_str();
    let alone = |length: &usize| {
        let of = |run: &Entry| run.started_at.get(..*length) == start.get(..*length);
        trend.runs.iter().filter(|run| of(run)).count() == 1
    };
    let lengths = ["2026-11-20", "2026-11-20T09:15", "2026-11-20T09:15:02"].map(str::len);
    lengths.into_iter().find(alone).unwrap_or(start.len())
}

/// When a run began, in so many characters of it.
fn moment(started_at: &str, length: usize) -> String {
    let text = started_at.get(..length).unwrap_or(started_at);
    text.trim_end_matches('Z').replace('T', " ")
}

fn shape(entry: &Entry) -> String {
    format!("{}×{}", entry.concurrency, entry.batch_size)
}

/// `+3.1 %`, `-12 %`, `× 98`.
pub fn change_words(from: f64, to: f64) -> String {
    let ratio = to / from;
    if ratio >= TIMES_FROM {
        return format!("× {}", rate_digits(ratio));
    }
    let percent = (ratio - 1.0) * 100.0;
    let digits = usize::from(percent.abs() < 9.95);
    let number = format!("{:.digits$}", percent.abs());
    let zero = number.chars().all(|c| matches!(c, '0' | '.'));
    let sign = match (zero, percent < 0.0) {
        (true, _) => "±",
        (false, true) => "-",
        (false, false) => "+",
    };
    format!("{sign}{number} %")
}

fn summary(trend: &Trend) -> Vec<String> {
    let evidence: Vec<&Entry> = trend.runs.iter().filter(|run| is_evidence(run)).collect();
    let mut lines = Vec::new();
    let left_out = trend.runs.len() - evidence.len();
    if !evidence.is_empty() {
        let values: Vec<f64> = evidence.iter().map(|run| run.records_per_sec).collect();
        lines.push(format!("trend    {}", bars(&values)));
        let (lowest, highest) = bounds(&values);
        let span = format!(
            "{} to {} records/s",
            rate_digits(lowest),
            rate_digits(highest)
        );
        lines.push(format!("         {span}, oldest run on the left"));
    }
    lines.extend(evolution(trend).map(|words| format!("record   {words}")));
    if left_out > 0 {
        let runs = counted(left_out as u64, "run that proves", "runs that prove");
        lines.push(format!(
            "left out {runs} nothing (void, interrupted, target gone, records lost)"
        ));
    }
    lines.extend(trend.changes.iter().enumerate().map(|(index, change)| {
        let label = if index == 0 { "changes" } else { "" };
        format!("{label:<8} {}", words(trend, change))
    }));
    lines.extend(resolution(trend).map(|words| format!("alike    {words}")));
    lines
}

/// `neighbouring runs resemble each other (r 0.6): …`; none if they do not.
pub fn resolution(trend: &Trend) -> Option<String> {
    let resolution = trend.resolution.filter(|known| known.neighbours_alike)?;
    Some(format!(
        "neighbouring runs resemble each other (r {:.1}): a lasting change below {} % may go unseen",
        resolution.neighbour_correlation,
        grouped((resolution.least_change_ratio * 100.0).ceil() as u64)
    ))
}

/// `432 → 42,284 records/s, × 98, from 2026-11-01 to the record of 2026-11-20`.
pub fn evolution(trend: &Trend) -> Option<String> {
    let (first, record) = (trend.first?, trend.record?);
    let length = exact(trend, first).max(exact(trend, record));
    let (first, best) = (&trend.runs[first], &trend.runs[record]);
    Some(if std::ptr::eq(first, best) {
        format!(
            "{} records/s, the first run",
            rate_digits(best.records_per_sec)
        )
    } else {
        format!(
            "{} → {} records/s, {}, from {} to {}",
            rate_digits(first.records_per_sec),
            rate_digits(best.records_per_sec),
            change_words(first.records_per_sec, best.records_per_sec),
            moment(&first.started_at, length),
            moment(&best.started_at, length)
        )
    })
}

/// `2026-11-20: -12 % from 41,900 to 36,800`.
pub fn words(trend: &Trend, change: &Change) -> String {
    let (before, after) = (change.before_records_per_sec, change.after_records_per_sec);
    let load = if change.load_changed {
        " (connections or batch size changed too)"
    } else {
        ""
    };
    format!(
        "{}: {} from {} to {}{load}",
        moment(&change.started_at, exact(trend, change.run)),
        change_words(before, after),
        rate_digits(before),
        rate_digits(after)
    )
}

fn bounds(values: &[f64]) -> (f64, f64) {
    values
        .iter()
        .fold((f64::INFINITY, 0.0), |(low, high), &value| {
            (value.min(low), value.max(high))
        })
}

/// A bar a run, from 0 to the highest; of runs that share one, the one in the middle.
fn bars(values: &[f64]) -> String {
    let (_, highest) = bounds(values);
    let count = values.len().min(BARS);
    let bar = |index: usize| {
        let (start, end) = (
            index * values.len() / count,
            (index + 1) * values.len() / count,
        );
        let mut some = values[start..end].to_vec();
        some.sort_unstable_by(f64::total_cmp);
        let share = some[some.len() / 2] / highest;
        let step = (share * HEIGHTS.len() as f64).ceil() as usize;
        HEIGHTS[step.clamp(1, HEIGHTS.len()) - 1]
    };
    (0..count).map(bar).collect()
}
