//! Latency by percentile, as plotters of HDR histograms draw it: the slowest requests get as much room as the fast ones.

use hdrhistogram::Histogram;
use maud::{Markup, html};

use super::chart::{Axis, Chart, Line, Slot};
use super::scale::{Scale, Tick, latency_words};
use super::table::{Column, folded, text_table};
use crate::measure::{Latency, Reading};
use crate::report::words::bounded;
use crate::report::{Report, histograms};
use crate::units::{self, counted, grouped};

/// Points in each tenth that is left of the requests.
const POINTS_A_DECADE: u32 = 20;
/// Tenths of tenths drawn: one in a million.
const MOST_DECADES: f64 = 6.0;
/// Percentiles of the table.
const LISTED: [f64; 9] = [50.0, 75.0, 90.0, 95.0, 99.0, 99.9, 99.99, 99.999, 99.9999];

/// One distribution.
pub(super) struct Curve {
    name: String,
    latency: Latency,
}

impl Curve {
    /// The latency of a run; `None` if its histogram is empty or unreadable.
    pub(super) fn of_latency(name: &str, report: &Report) -> Option<Self> {
        let latency = histograms::latency(&report.histograms)?;
        (latency.samples() > 0).then(|| Self {
            name: name.to_owned(),
            latency,
        })
    }

    /// What the consumers of a run saw; `None` if it had none.
    pub(super) fn of_arrivals(name: &str, report: &Report) -> Option<Self> {
        Self::of(name, &report.end_to_end.as_ref()?.histogram)
    }

    /// A distribution without lower bounds.
    fn of(name: &str, text: &str) -> Option<Self> {
        let all = histograms::decode(text)?;
        let none: Histogram<u64> = Histogram::new_from(&all);
        let latency = Latency::from_parts(all, &none)?;
        (latency.samples() > 0).then(|| Self {
            name: name.to_owned(),
            latency,
        })
    }

    fn decades(&self) -> f64 {
        (self.latency.samples() as f64)
            .log10()
            .clamp(1.0, MOST_DECADES)
    }

    /// Latency at what is left after so many tenths of tenths, in µs.
    fn at(&self, decades: f64) -> Option<(f64, bool)> {
        let percentile = 100.0 - 100.0 * 10f64.powf(-decades);
        let reading = self.latency.percentile(percentile)?;
        Some((reading.value.max(1.0), reading.lower_bound))
    }
}

/// Curves of one run: latency, and what it is made of.
pub(super) fn of_run(report: &Report) -> Vec<Curve> {
    let h = &report.histograms;
    [
        Curve::of_latency("latency", report),
        Curve::of("service time", &h.service_time),
        Curve::of("send delay", &h.send_delay),
        Curve::of_arrivals("to the consumer", report),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The chart with its table, or why there is none.
pub(super) fn section(curves: &[Curve]) -> Markup {
    if curves.is_empty() {
        return html! { p { "There is no latency to show: no request was due, or the histogram in the report cannot be read." } };
    }
    chart(curves).markup()
}

/// The same of what consumers saw: another chart on the page.
pub(super) fn to_consumer(curves: &[Curve]) -> Markup {
    let chart = chart(curves);
    Chart {
        id: "percentiles-to-consumer".to_owned(),
        caption: "Latency to the consumer by percentile, both scales logarithmic".to_owned(),
        note: None,
        x: Axis {
            title: "percentile of the records".to_owned(),
            ..chart.x
        },
        ..chart
    }
    .markup()
}

fn chart(curves: &[Curve]) -> Chart {
    let decades = curves.iter().map(Curve::decades).fold(1.0, f64::max);
    let lines: Vec<Line> = curves
        .iter()
        .enumerate()
        .map(|(index, curve)| line(index, curve))
        .collect();
    let values: Vec<f64> = (lines.iter())
        .flat_map(|line| line.points.iter().flatten().chain(&line.pale))
        .map(|(_, us)| *us)
        .collect();
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    let most = values.iter().copied().fold(1.0, f64::max);
    let scale = Scale::decades(least, most);
    Chart {
        id: "percentiles".to_owned(),
        caption: "Latency by percentile, both scales logarithmic".to_owned(),
        note: Some(
            "To the right ever fewer, ever slower requests: each step is a tenth of what was left."
                .to_owned(),
        ),
        findings: curves.iter().map(finding).collect(),
        x: Axis {
            scale: Scale::straight(0.0, decades),
            ticks: ticks(decades),
            title: "percentile of the requests".to_owned(),
        },
        y: Axis {
            scale,
            ticks: scale.ticks(latency_words),
            title: "latency".to_owned(),
        },
        lines,
        marks: Vec::new(),
        dots: Vec::new(),
        slots: slots(curves, decades),
        numbers: numbers(curves),
    }
}

/// Solid as far as it is exact, dotted where it is a lower bound.
fn line(index: usize, curve: &Curve) -> Line {
    let steps = (curve.decades() * f64::from(POINTS_A_DECADE)).round() as u32;
    let mut line = Line::through(&curve.name, index, Vec::new());
    for step in 0..=steps {
        let x = f64::from(step) / f64::from(POINTS_A_DECADE);
        let Some((us, bound)) = curve.at(x) else {
            continue;
        };
        if !bound {
            line.points.push(Some((x, us)));
            continue;
        }
        if line.pale.is_empty() {
            line.pale.extend(line.points.last().copied().flatten());
        }
        line.pale.push((x, us));
    }
    line
}

fn ticks(decades: f64) -> Vec<Tick> {
    (0..=decades.floor() as u32)
        .map(|decade| {
            (
                f64::from(decade),
                percentile_words(100.0 - 100.0 * 10f64.powf(-f64::from(decade))),
            )
        })
        .collect()
}

fn percentile_words(percentile: f64) -> String {
    let text = format!("{percentile:.4}");
    format!("{} %", text.trim_end_matches('0').trim_end_matches('.'))
}

/// Something to hover over at every tenth of a decade and a half.
fn slots(curves: &[Curve], decades: f64) -> Vec<Slot> {
    let steps = (decades * 4.0).ceil() as u32;
    let slot = |step: u32| {
        let (from, to) = (f64::from(step) / 4.0, f64::from(step + 1) / 4.0);
        let middle = f64::midpoint(from, to);
        let percentile = 100.0 - 100.0 * 10f64.powf(-middle);
        let digits = (middle.floor() as usize).max(1);
        let mut lines = vec![format!("P{percentile:.digits$}")];
        for curve in curves {
            if middle <= curve.decades()
                && let Some((us, bound)) = curve.at(middle)
            {
                lines.push(format!(
                    "{}: {}",
                    curve.name,
                    bounded(units::latency(us as u64), bound)
                ));
            }
        }
        Slot {
            from,
            to,
            title: lines.join("\n"),
        }
    };
    (0..steps).map(slot).collect()
}

/// A percentile as text, `≥` before a lower bound.
fn reading_words(reading: Option<Reading>) -> String {
    reading.map_or_else(
        || "-".to_owned(),
        |reading| bounded(units::latency(reading.value as u64), reading.lower_bound),
    )
}

fn finding(curve: &Curve) -> String {
    let at = |percentile| reading_words(curve.latency.percentile(percentile));
    format!(
        "{}: P50 {}, P95 {}, P99 {}, largest {}, of {}.",
        curve.name,
        at(50.0),
        at(95.0),
        at(99.0),
        reading_words(curve.latency.max()),
        counted(curve.latency.samples(), "sample", "samples")
    )
}

fn numbers(curves: &[Curve]) -> Markup {
    let decades = curves.iter().map(Curve::decades).fold(1.0, f64::max);
    let mut head = vec![("percentile", Column::Text)];
    head.extend(
        curves
            .iter()
            .map(|curve| (curve.name.as_str(), Column::Number)),
    );
    let row = |name: String, cell: &dyn Fn(&Curve) -> String| {
        [vec![name], curves.iter().map(cell).collect()].concat()
    };
    let mut rows: Vec<Vec<String>> = LISTED
        .into_iter()
        .filter(|percentile| -(1.0 - percentile / 100.0).log10() <= decades + 1e-9)
        .map(|percentile| {
            let at = |curve: &Curve| reading_words(curve.latency.percentile(percentile));
            row(format!("P{percentile}"), &at)
        })
        .collect();
    rows.push(row("max".to_owned(), &|curve| {
        reading_words(curve.latency.max())
    }));
    rows.push(row("samples".to_owned(), &|curve| {
        grouped(curve.latency.samples())
    }));
    let name = "Numbers by percentile";
    folded(
        name,
        &html! { div.by-run { (text_table(name, &head, rows)) } },
    )
}
