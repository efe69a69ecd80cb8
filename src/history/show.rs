//! The history in a terminal of 80 columns: a list, a line of bars, and the changes, for each trend.

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
        let words = "runs of another scenario, target, kind of loop or machine are another trend: their figures are not compared";
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
    let mut lines = vec![String::new()];
    for word in line.split(' ') {
        let last = lines.last_mut().expect("it never gets empty");
        if !last.trim().is_empty() && last.chars().count() + 1 + word.chars().count() > WIDTH {
            lines.push(format!("  {word}"));
        } else {
            if !last.is_empty() {
                last.push(' ');
            }
            last.push_str(word);
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

/// `extreme on rest-proxy http://proxy:8082, open loop: 12 runs`.
pub fn title(trend: &Trend) -> String {
    let urls = match &trend.urls[..] {
        [] => String::new(),
        urls => format!(" {}", urls.join(", ")),
    };
    let scenario = crate::report::clean_text(&trend.scenario);
    let runs = counted(trend.runs.len() as u64, "run", "runs");
    let how = how(trend);
    format!(
        "{scenario} on {}{urls}{how}: {runs}",
        trend.target_kind.name()
    )
}

/// What sets the trend apart from that of the same scenario and target: `, capacity model small, open loop`.
fn how(trend: &Trend) -> String {
    let model = trend.model.as_ref();
    let faults = trend.faults.join(", ");
    let parts = [
        model.map(|name| format!("capacity model {name}")),
        (!faults.is_empty()).then(|| format!("misbehaving on purpose ({faults})")),
        trend.open_loop.then(|| "open loop".to_owned()),
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
    format!("from {}{cpu}", trend.machine)
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
    let head = [
        "date (UTC)",
        "records/s",
        "to first",
        "to prev.",
        "P95",
        "conn×batch",
        "",
    ];
    lines.push(row(head.map(str::to_owned)));
    lines.extend((from..trend.runs.len()).map(|index| run(trend, index, shown.style)));
    lines
}

fn run(trend: &Trend, index: usize, style: Style) -> String {
    let entry = &trend.runs[index];
    let against = |other: Option<usize>| match other {
        Some(other) if other != index && is_evidence(entry) => {
            change_words(trend.runs[other].records_per_sec, entry.records_per_sec)
        }
        _ => "-".to_owned(),
    };
    let is_record = trend.record == Some(index);
    let mark = match entry.outcome {
        Outcome::Pass if is_record => "record",
        Outcome::Pass => "",
        outcome => outcome.name(),
    };
    let line = row([
        minute(&entry.started_at),
        rate_digits(entry.records_per_sec),
        against(trend.first),
        against(trend.previous(index)),
        entry.p95_us.map_or_else(|| "-".to_owned(), latency),
        shape(entry),
        mark.to_owned(),
    ]);
    match () {
        () if is_record => style.good(&line),
        () if !is_evidence(entry) => style.dim(&line),
        () => line,
    }
}

/// The first cell to the left, figures to the right, the mark behind them.
fn row([date, rate, first, previous, p95, shape, mark]: [String; 7]) -> String {
    let line =
        format!("{date:<16} {rate:>10} {first:>8} {previous:>8} {p95:>8} {shape:>11}  {mark}");
    line.trim_end().to_owned()
}

/// `2026-11-20T09:15:02.123Z` as `2026-11-20 09:15`.
pub fn minute(started_at: &str) -> String {
    started_at.get(..16).unwrap_or(started_at).replace('T', " ")
}

/// The day of a time of RFC 3339.
pub fn day(started_at: &str) -> &str {
    started_at.get(..10).unwrap_or(started_at)
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
        format!("{label:<8} {}", words(change))
    }));
    lines
}

/// `432 → 42,284 records/s, × 98, from 2026-11-01 to the record of 2026-11-20`.
pub fn evolution(trend: &Trend) -> Option<String> {
    let (first, record) = (trend.first?, trend.record?);
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
            day(&first.started_at),
            day(&best.started_at)
        )
    })
}

/// `2026-11-20: -12 % from 41,900 to 36,800`.
pub fn words(change: &Change) -> String {
    let (before, after) = (change.before_records_per_sec, change.after_records_per_sec);
    let load = if change.load_changed {
        " (connections or batch size changed too)"
    } else {
        ""
    };
    format!(
        "{}: {} from {} to {}{load}",
        day(&change.started_at),
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
