//! A chart of lines as inline SVG. Only the drawing is stretched to the page's width; labels are text beside it, so that they
//! keep their size on a phone and on paper.

use std::fmt::Write as _;

use maud::{Markup, html};

use super::scale::{Scale, Tick};

/// Size of the drawing in its own units; the page stretches it.
const WIDTH: f64 = 1000.0;
const HEIGHT: f64 = 400.0;
/// What a phone has for the labels below a drawing, what a letter of them takes and what is left between two, in pixels; where
/// they do not fit, every second one is left out there.
const PHONE: f64 = 260.0;
const LETTER: f64 = 6.5;
const GAP: f64 = 8.0;

/// A chart, its words, and what shows on hover.
pub(super) struct Chart {
    /// Unique in the page.
    pub(super) id: String,
    /// What is drawn, with its unit.
    pub(super) caption: String,
    /// What a point stands for.
    pub(super) note: Option<String>,
    /// What it shows, in sentences: its text alternative.
    pub(super) findings: Vec<String>,
    pub(super) x: Axis,
    pub(super) y: Axis,
    pub(super) lines: Vec<Line>,
    pub(super) marks: Vec<Mark>,
    /// Points with a shape of their own, over the lines.
    pub(super) dots: Vec<Dots>,
    /// Parts of the width with what to say of them on hover.
    pub(super) slots: Vec<Slot>,
    /// Its numbers.
    pub(super) numbers: Markup,
}

/// An axis with its labels.
pub(super) struct Axis {
    pub(super) scale: Scale,
    pub(super) ticks: Vec<Tick>,
    /// Name and unit.
    pub(super) title: String,
}

/// A line; its style goes by `style`, colour and dashes.
pub(super) struct Line {
    pub(super) name: String,
    pub(super) style: usize,
    /// In order of x; `None` interrupts it.
    pub(super) points: Vec<Option<(f64, f64)>>,
    /// Points that are only lower bounds.
    pub(super) bounds: Vec<(f64, f64)>,
    /// A part of the line that is only a lower bound.
    pub(super) pale: Vec<(f64, f64)>,
    /// Every point is marked.
    pub(super) dotted: bool,
}

impl Line {
    /// A line through points.
    pub(super) fn through(name: &str, style: usize, points: Vec<Option<(f64, f64)>>) -> Self {
        Self {
            name: name.to_owned(),
            style,
            points,
            bounds: Vec::new(),
            pale: Vec::new(),
            dotted: false,
        }
    }
}

/// Points that are told from others by their shape.
pub(super) struct Dots {
    pub(super) name: &'static str,
    pub(super) shape: Shape,
    pub(super) points: Vec<(f64, f64)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// A large round point.
    Disc,
    /// An empty square.
    Square,
}

impl Shape {
    fn class(self) -> &'static str {
        match self {
            Self::Disc => "disc",
            Self::Square => "square",
        }
    }

    /// Strokes of no length as this shape.
    fn markup(self, strokes: &str) -> Markup {
        html! {
            path.(self.class()) d=(strokes) {}
            @if self == Self::Square { path.hole.square d=(strokes) {} }
        }
    }
}

/// What is not a line.
pub(super) enum Mark {
    /// From and to of each part in which there was this trouble.
    Trouble(Trouble, Vec<(f64, f64)>),
    /// At a value of y, across: what it is.
    Level(f64, String),
    /// At a value of x, from top to bottom: what changed.
    Moment(f64, String),
}

/// What may be wrong in a part of a chart's width: each is marked in its own place, so that none needs its colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trouble {
    /// Requests failed: a mark that stands on the axis.
    Failed,
    /// Records were never sent: a mark that hangs from the top.
    Unsent,
    /// Nothing was acked: a bar along the axis.
    Idle,
}

impl Trouble {
    pub(super) const ALL: [Self; 3] = [Self::Failed, Self::Unsent, Self::Idle];

    fn class(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Unsent => "unsent",
            Self::Idle => "idle",
        }
    }

    fn legend(self) -> &'static str {
        match self {
            Self::Failed => "failed requests (mark below)",
            Self::Unsent => "records never sent (mark above)",
            Self::Idle => "nothing acked (bar below)",
        }
    }

    /// Its mark in a legend of 40 by 10.
    fn sample(self) -> &'static str {
        match self {
            Self::Failed => "M20 2V10",
            Self::Unsent => "M20 0V8",
            Self::Idle => "M6 8H34",
        }
    }

    /// Its mark between two edges of the drawing.
    fn mark(self, from: f64, to: f64) -> String {
        let middle = number(f64::midpoint(from, to));
        match self {
            Self::Failed => format!("M{middle} {HEIGHT}v-22"),
            Self::Unsent => format!("M{middle} 0v22"),
            Self::Idle => format!("M{} {HEIGHT}H{}", number(from), number(to)),
        }
    }
}

/// From, to, and what to say.
pub(super) struct Slot {
    pub(super) from: f64,
    pub(super) to: f64,
    pub(super) title: String,
}

impl Chart {
    /// The figure, its numbers below.
    pub(super) fn markup(&self) -> Markup {
        let (title, text) = (format!("{}-t", self.id), format!("{}-d", self.id));
        let widest = self
            .y
            .ticks
            .iter()
            .map(|(_, label)| label.chars().count())
            .max();
        let margin = format!("--y:{:.1}rem", widest.unwrap_or(1) as f64 * 0.43 + 0.8);
        html! {
            figure style=(margin) {
                figcaption { (self.caption) @if let Some(note) = &self.note { small { (note) } } }
                (self.legend())
                div.plot {
                    svg role="img" aria-labelledby={ (title) " " (text) } viewBox={ "0 0 " (WIDTH) " " (HEIGHT) }
                        preserveAspectRatio="none" {
                        title id=(title) { (self.caption) }
                        desc id=(text) { (self.findings.join(" ")) }
                        (self.drawing())
                    }
                    div.ys aria-hidden="true" {
                        @for (value, label) in &self.y.ticks {
                            span style={ "bottom:" (percent(self.y.scale.at(*value))) } { (label) }
                        }
                    }
                    div.xs aria-hidden="true" {
                        @for (index, (value, label)) in self.x.ticks.iter().enumerate() {
                            span.(self.label_class(index, *value)) style={ "left:" (percent(self.x.scale.at(*value))) } { (label) }
                        }
                    }
                }
                p.axis aria-hidden="true" { (self.x.title) }
                ul.findings.note { @for finding in &self.findings { li { (finding) } } }
                (self.numbers)
            }
        }
    }

    fn label_class(&self, index: usize, value: f64) -> &'static str {
        let at = self.x.scale.at(value);
        match index {
            _ if at < 0.03 => "first",
            _ if at > 0.97 => "last",
            index if index % 2 == 1 && self.is_crowded() => "minor",
            index if at + self.half_on_a_phone(index) > 1.0 => "edge",
            _ => "label",
        }
    }

    /// Half of a label, as a part of the axis on a phone.
    fn half_on_a_phone(&self, index: usize) -> f64 {
        self.x.ticks[index].1.chars().count() as f64 * LETTER / 2.0 / PHONE
    }

    fn is_crowded(&self) -> bool {
        let width = |(_, label): &Tick| label.chars().count() as f64 * LETTER + GAP;
        self.x.ticks.iter().map(width).sum::<f64>() > PHONE
    }

    fn drawing(&self) -> Markup {
        html! {
            path.grid d=(self.grid()) {}
            path.base d={ "M0 " (HEIGHT) "H" (WIDTH) } {}
            @for mark in &self.marks { (self.mark(mark)) }
            @for line in &self.lines { (self.line(line)) }
            @for dots in &self.dots { (dots.shape.markup(&self.dots(&dots.points))) }
            g.slots {
                @for slot in &self.slots {
                    @let (from, to) = (self.left(slot.from), self.left(slot.to));
                    rect x=(number(from)) width=(number((to - from).max(1.0))) { title { (slot.title) } }
                }
            }
        }
    }

    fn grid(&self) -> String {
        let lines = self
            .y
            .ticks
            .iter()
            .map(|(value, _)| format!("M0 {}H{WIDTH}", number(self.top(*value))));
        lines.collect()
    }

    fn mark(&self, mark: &Mark) -> Markup {
        html! {
            @match mark {
                Mark::Trouble(trouble, spans) => {
                    @let spans: Vec<_> = spans.iter().map(|(from, to)| (self.left(*from), self.left(*to))).collect();
                    path.shade.(trouble.class()) d=(joined(&spans).iter().map(shade).collect::<String>()) {}
                    path.tick.(trouble.class()) d=(spans.iter().map(|(from, to)| trouble.mark(*from, *to)).collect::<String>()) {}
                }
                Mark::Level(y, what) => {
                    path.rule d={ "M0 " (number(self.top(*y))) "H" (WIDTH) } { title { (what) } }
                }
                Mark::Moment(x, what) => {
                    path.rule d={ "M" (number(self.left(*x))) " 0V" (HEIGHT) } { title { (what) } }
                }
            }
        }
    }

    fn line(&self, line: &Line) -> Markup {
        let class = format!("s{}", line.style % 8);
        let alone = alone(&line.points);
        let all: Vec<(f64, f64)> = line.points.iter().flatten().copied().collect();
        let dots = if line.dotted { &all } else { &alone };
        html! {
            path.s.(class) d=(self.path(&line.points)) {}
            @if !line.pale.is_empty() {
                @let points: Vec<_> = line.pale.iter().copied().map(Some).collect();
                path.(class).bound d=(self.path(&points)) {}
            }
            @if !dots.is_empty() { path.(class).dots d=(self.dots(dots)) {} }
            @if !line.bounds.is_empty() {
                path.(class).dots d=(self.dots(&line.bounds)) {}
                path.hole d=(self.dots(&line.bounds)) {}
            }
        }
    }

    fn path(&self, points: &[Option<(f64, f64)>]) -> String {
        let mut out = String::new();
        let mut pen_up = true;
        for point in points {
            let Some((x, y)) = point else {
                pen_up = true;
                continue;
            };
            let step = if pen_up { 'M' } else { 'L' };
            // Writing to a String cannot fail.
            let _ = write!(
                out,
                "{step}{} {}",
                number(self.left(*x)),
                number(self.top(*y))
            );
            pen_up = false;
        }
        out
    }

    /// Strokes of no length: with round ends they stay round however the drawing is stretched.
    fn dots(&self, points: &[(f64, f64)]) -> String {
        let dot =
            |(x, y): &(f64, f64)| format!("M{} {}h0", number(self.left(*x)), number(self.top(*y)));
        points.iter().map(dot).collect()
    }

    fn legend(&self) -> Markup {
        let troubles: Vec<Trouble> = (self.marks.iter())
            .filter_map(|mark| match mark {
                Mark::Trouble(trouble, _) => Some(*trouble),
                _ => None,
            })
            .collect();
        let bounds = self.lines.iter().any(|line| !line.bounds.is_empty());
        let pale = self.lines.iter().any(|line| !line.pale.is_empty());
        let rules: Vec<&String> = (self.marks.iter())
            .filter_map(|mark| match mark {
                Mark::Level(_, what) => Some(what),
                _ => None,
            })
            .collect();
        let moments = self
            .marks
            .iter()
            .any(|mark| matches!(mark, Mark::Moment(..)));
        if self.lines.len() < 2
            && self.dots.is_empty()
            && !moments
            && troubles.is_empty()
            && !bounds
            && !pale
            && rules.is_empty()
        {
            return html! {};
        }
        html! {
            ul.legend {
                @for line in &self.lines { li { (sample(&format!("s s{}", line.style % 8), "M0 5H40")) (line.name) } }
                @for dots in &self.dots {
                    li { svg viewBox="0 0 40 10" aria-hidden="true" { (dots.shape.markup("M20 5h0")) } (dots.name) }
                }
                @if bounds { li { (ring()) "only a lower bound (≥)" } }
                @if pale { li { (sample("base bound", "M0 5H40")) "wide and pale: only a lower bound (≥)" } }
                @for trouble in troubles { li { (sample(&format!("tick {}", trouble.class()), trouble.sample())) (trouble.legend()) } }
                @if moments { li { (sample("rule", "M20 0V10")) "a change that lasted" } }
                @for what in rules { li { (sample("rule", "M0 5H40")) (what) } }
            }
        }
    }

    fn left(&self, x: f64) -> f64 {
        self.x.scale.at(x) * WIDTH
    }

    fn top(&self, y: f64) -> f64 {
        (1.0 - self.y.scale.at(y)) * HEIGHT
    }
}

/// Spans that touch as one.
fn joined(spans: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let mut joined: Vec<(f64, f64)> = Vec::new();
    for (from, to) in spans {
        match joined.last_mut() {
            Some(last) if (last.1 - from).abs() < 1e-6 => last.1 = *to,
            _ => joined.push((*from, *to)),
        }
    }
    joined
}

/// All of the height between two edges.
fn shade((from, to): &(f64, f64)) -> String {
    let width = number((to - from).max(1.0));
    format!("M{} 0h{width}v{HEIGHT}h-{width}z", number(*from))
}

/// Points without a neighbour: a line through one point would not be seen.
fn alone(points: &[Option<(f64, f64)>]) -> Vec<(f64, f64)> {
    let there = |index: Option<usize>| {
        index
            .and_then(|index| points.get(index))
            .is_some_and(Option::is_some)
    };
    let lonely = |index: usize| !there(index.checked_sub(1)) && !there(Some(index + 1));
    let points = points.iter().enumerate();
    points
        .filter(|(index, _)| lonely(*index))
        .filter_map(|(_, point)| *point)
        .collect()
}

fn sample(class: &str, path: &str) -> Markup {
    html! { svg viewBox="0 0 40 10" aria-hidden="true" { path class=(class) d=(path) {} } }
}

fn ring() -> Markup {
    html! {
        svg viewBox="0 0 40 10" aria-hidden="true" { path.base.dots d="M20 5h0" {} path.hole d="M20 5h0" {} }
    }
}

/// One decimal is a fraction of a pixel.
pub(super) fn number(value: f64) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0")
        .map_or_else(|| text.clone(), str::to_owned)
}

fn percent(share: f64) -> String {
    format!("{}%", number(share * 100.0))
}
