//! What a search found: as a table with its Pareto front drawn, in words, and as JSON.

use std::fmt::{self, Write as _};
use std::path::PathBuf;

use serde::Serialize;

use super::next::Next;
use super::search::{FAR, Found, Limit, PAUSED, SUCCESS, Shape, TIE, Tried, front};
use crate::commands::grid::{noted, row};
use crate::commands::trials::{Look, Target, Verdict, paragraph, share};
use crate::gate::Outcome;
use crate::report::Tool;
use crate::units::{counted, grouped, latency, percent, rate_digits};
use crate::wire::Format;

/// Columns and lines of the drawing.
const WIDE: usize = 60;
const HIGH: usize = 12;

/// Of the ratio of requests in flight, that of P95 which is a queue's.
const QUEUED: f64 = 0.5;

/// The result, as it is written.
#[derive(Debug, Serialize)]
pub(super) struct Tuned {
    schema_version: u32,
    tool: Tool,
    target: Target,
    limit: Limit,
    shapes: Vec<Row>,
    /// Requests of all looks.
    requests: u64,
    /// Requests that the confirmation of every shape would have taken at the rates that were measured.
    full_grid_requests: u64,
    /// The best shape, as number in `shapes`.
    winner: Option<usize>,
    /// The best shape, where the search ended before one was confirmed.
    best_so_far: Option<usize>,
    flags: Option<String>,
    words: Vec<String>,
    pub(super) verdict: Verdict,
}

#[derive(Debug, Serialize)]
struct Row {
    #[serde(flatten)]
    tried: Tried,
    /// No other shape has more records per second at a lower P95.
    on_front: bool,
}

impl fmt::Display for Shape {
    /// `1,000 x 500`, with the format if that is not JSON.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (batch, connections) = (u64::from(self.batch_size), u64::from(self.connections));
        write!(f, "{} x {}", grouped(batch), grouped(connections))?;
        match self.format {
            Format::Json => Ok(()),
            Format::Binary => write!(f, " binary"),
        }
    }
}

impl Tuned {
    pub(super) fn new(found: Found, limit: Limit, target: Target, shown: Option<Shape>) -> Self {
        let on_front = front(&found.shapes);
        let words = words(&found, shown);
        let verdict = verdict(&found, limit);
        let flags = found.winner.map(|at| shape_flags(found.shapes[at].shape));
        let rows = found.shapes.into_iter().enumerate();
        Self {
            schema_version: 1,
            tool: Tool::here(),
            target,
            limit,
            shapes: rows
                .map(|(at, tried)| Row {
                    tried,
                    on_front: on_front.contains(&at),
                })
                .collect(),
            requests: found.requests,
            full_grid_requests: found.full_grid_requests,
            winner: found.winner,
            best_so_far: found.best_so_far,
            flags,
            words,
            verdict,
        }
    }

    pub(super) fn winner(&self) -> Option<Shape> {
        self.winner.map(|at| self.shapes[at].tried.shape)
    }

    pub(super) fn json(&self) -> String {
        let text = serde_json::to_string_pretty(self).expect("texts and numbers are JSON");
        format!("{text}\n")
    }

    /// What stands above a scenario of the result.
    pub(super) fn comment(&self) -> String {
        let mut text = format!(
            "# Found by krush tune. {}\n",
            self.verdict.reasons.join(" ")
        );
        if let Some(note) = self.target.note() {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "# {note}.");
        }
        text
    }

    pub(super) fn verdict_words(&self) -> String {
        self.verdict.text()
    }

    /// Everything for a person.
    pub(super) fn text(&self, next: &Next, files: &[PathBuf]) -> String {
        let mut text = self.table();
        text.push('\n');
        text.push_str(&self.drawing());
        for words in &self.words {
            let _ = write!(text, "\n{}", paragraph(words));
        }
        let part = self.requests as f64 / self.full_grid_requests.max(1) as f64;
        let search = format!(
            "search: {}, {} of the {} that a confirmation of every shape takes at its own rate",
            counted(self.requests, "request", "requests"),
            share(part),
            grouped(self.full_grid_requests)
        );
        let _ = write!(text, "\n{}", paragraph(&search));
        if let (Some(flags), Some(shape)) = (&self.flags, self.winner()) {
            let _ = writeln!(text, "use:    {flags}");
            text.push_str(&next.text(shape, &self.target.flags(), files));
        }
        for file in files {
            if self.winner.is_some() || file.extension().is_none_or(|ending| ending != "toml") {
                let _ = writeln!(text, "wrote   {}", file.display());
            }
        }
        text.push_str(&self.verdict.text());
        text
    }

    fn table(&self) -> String {
        let mut rows = vec![row([
            "",
            "shape",
            "records/s",
            "P95",
            "success",
            "requests",
            "",
        ])];
        for (at, Row { tried, on_front }) in self.shapes.iter().enumerate() {
            let mark = match (self.winner == Some(at), on_front) {
                (true, _) => "=>",
                (false, true) => "*",
                (false, false) => "",
            };
            let sent: u64 = tried.looks.iter().map(|(_, look)| look.requests).sum();
            let why = match &tried.dropped {
                // What the row shows is not said again.
                Some(why) if why.starts_with("P95 ") => "over the limit",
                Some(why) => why.as_str(),
                None if self.winner == Some(at) => "best",
                None if self.best_so_far == Some(at) => "best so far, not confirmed",
                None => "",
            };
            let again = tried.paused_us.map(|us| {
                let pause = latency(us);
                format!("looked at once more after a pause of {pause}")
            });
            let why = [Some(why).filter(|why| !why.is_empty()), again.as_deref()];
            let why: Vec<&str> = why.into_iter().flatten().collect();
            let figures = tried.look().map_or_else(
                || ["-".to_owned(), "-".to_owned(), "-".to_owned()],
                |look| {
                    [
                        rate_digits(look.records_per_sec),
                        look.p95_us.map_or_else(|| "-".to_owned(), latency),
                        percent(look.success_ratio),
                    ]
                },
            );
            let [rate, p95, success] = figures;
            rows.push(vec![
                mark.to_owned(),
                tried.shape.to_string(),
                rate,
                p95,
                success,
                grouped(sent),
                why.join("; "),
            ]);
        }
        let mut text = noted(rows, &[0, 1]);
        text.push_str("(shape: records a request x connections)\n");
        text
    }

    /// Records per second against P95; the front's points are `*`, the best `#`, the others `o`, the limit `|`.
    fn drawing(&self) -> String {
        let points: Vec<(usize, f64, f64)> = (self.shapes.iter().enumerate())
            .filter_map(|(at, row)| {
                let look = row.tried.look()?;
                Some((at, (look.p95_us?.max(1) as f64).ln(), look.records_per_sec))
            })
            .collect();
        let limit = (self.limit.p95_us.max(1) as f64).ln();
        let lowest = points.iter().map(|point| point.1).fold(limit, f64::min);
        let highest = points.iter().map(|point| point.1).fold(limit, f64::max);
        let most = points.iter().map(|point| point.2).fold(0.0, f64::max);
        if points.is_empty() || most <= 0.0 {
            return String::new();
        }
        let column = |ln: f64| {
            ((ln - lowest) / (highest - lowest).max(1e-9) * (WIDE - 1) as f64).round() as usize
        };
        let line = |rate: f64| HIGH - 1 - ((rate / most) * (HIGH - 1) as f64).round() as usize;
        let mut cells = vec![vec![' '; WIDE]; HIGH];
        for cell in &mut cells {
            cell[column(limit)] = '|';
        }
        // The more it matters the later it is drawn.
        let best = self.winner.or(self.best_so_far);
        let rank = |at: usize| (best == Some(at), self.shapes[at].on_front);
        let mut points = points;
        points.sort_by_key(|point| rank(point.0));
        for (at, ln, rate) in points {
            cells[line(rate)][column(ln)] = match rank(at) {
                (true, _) => '#',
                (false, true) => '*',
                (false, false) => 'o',
            };
        }
        let label = rate_digits(most);
        let mut text = String::new();
        for (number, cell) in cells.iter().enumerate() {
            let name = match number {
                0 => label.as_str(),
                last if last == HIGH - 1 => "0",
                _ => "",
            };
            let cells: String = cell.iter().collect();
            let line = format!("{name:>width$} |{cells}", width = label.len());
            let _ = writeln!(text, "{}", line.trim_end());
        }
        let (low, high) = (
            latency(lowest.exp().round() as u64),
            latency(highest.exp().round() as u64),
        );
        let gap = WIDE.saturating_sub(low.chars().count() + high.chars().count());
        let indent = " ".repeat(label.len() + 2);
        let _ = writeln!(text, "{indent}{low}{}{high}", " ".repeat(gap));
        let _ = writeln!(
            text,
            "records/s against P95 (log): # best, * nothing beats it in both, o others, | the limit of {}",
            latency(self.limit.p95_us)
        );
        text
    }
}

/// The flags of a load command that say this shape.
pub(super) fn shape_flags(shape: Shape) -> String {
    let mut text = format!(
        "--batch-size {} --concurrency {}",
        shape.batch_size, shape.connections
    );
    if shape.format == Format::Binary {
        text.push_str(" --format binary");
    }
    text
}

fn figures(look: &Look) -> String {
    let p95 = look
        .p95_us
        .map_or_else(|| "no P95".to_owned(), |us| format!("P95 {}", latency(us)));
    format!("{} records/s at {p95}", rate_digits(look.records_per_sec))
}

fn verdict(found: &Found, limit: Limit) -> Verdict {
    let wanted = format!("P95 up to {}", latency(limit.p95_us));
    let of = |at: usize| Some((found.shapes[at].shape, found.shapes[at].look()?));
    let best = found.winner.and_then(of);
    let so_far = found.best_so_far.and_then(of);
    // A target that was slow and held no limit has missed it; one that is gone has not.
    let missed = found.slow && best.or(so_far).is_none();
    if found.interrupted && !missed {
        let (outcome, why) = match &found.lost {
            Some(why) => (Outcome::Target, why.as_str()),
            None => (Outcome::Interrupted, "interrupted"),
        };
        let said = |(shape, look): (Shape, &Look), how: &str| {
            format!("{why}: best so far {shape}, {}, {how}", figures(look))
        };
        let reason = match (best, so_far) {
            (Some(best), _) => said(best, "confirmed"),
            (None, Some(so_far)) => said(so_far, "not confirmed"),
            (None, None) => format!("{why} before any shape held the limit"),
        };
        return Verdict::new(outcome, reason);
    }
    if let Some((shape, look)) = best {
        let over = counted(look.requests, "request", "requests");
        let acked = match look.success_ratio {
            all if all >= 1.0 => String::new(),
            ratio => format!("; {} of its records were acked", percent(ratio)),
        };
        let reason = format!(
            "best: {shape}, {} ({wanted}), confirmed over {over}{acked}",
            figures(look)
        );
        let mut verdict = Verdict::new(Outcome::Pass, reason);
        verdict.reasons.extend(disagreement(found, look));
        return verdict;
    }
    let mut verdict = none_held(found, limit, &wanted);
    verdict.reasons.extend(found.lost.clone());
    verdict
}

/// What must be said of a best shape whose confirmations are far from what was seen of it before.
fn disagreement(found: &Found, look: &Look) -> Option<String> {
    let before = found.shapes[found.winner?].before_records_per_sec?;
    let mut text = format!(
        "but its figures disagree: {} records/s in a shorter look before, and less than {} of that in both confirmations",
        rate_digits(before),
        percent(FAR)
    );
    if look.paused_ratio >= PAUSED {
        // Writing to a String cannot fail.
        let _ = write!(text, ", with a pause of {}", latency(look.longest_us));
    }
    Some(text)
}

/// Why there is no best shape.
fn none_held(found: &Found, limit: Limit, wanted: &str) -> Verdict {
    let unconfirmed = (found.shapes.iter()).find_map(|tried| {
        let missed = limit.missed(tried.confirmation()?)?;
        Some((tried, missed))
    });
    if let Some((tried, missed)) = unconfirmed {
        let before = tried.looks.iter().rev().nth(1).map(|(_, look)| look);
        let had = before.map_or_else(String::new, |look| format!(" had {},", figures(look)));
        let shape = tried.shape;
        let reason = format!(
            "no shape held the limit ({wanted}) when it was looked at for long: {shape}{had} but then: {missed}"
        );
        let void = tried.confirmation().is_some_and(|look| look.void.is_some());
        let outcome = if void {
            Outcome::Void
        } else {
            Outcome::Threshold
        };
        return Verdict::new(outcome, reason);
    }
    let looks: Vec<(Shape, &Look)> = (found.shapes.iter())
        .filter_map(|tried| Some((tried.shape, tried.look()?)))
        .collect();
    if let Some(why) = looks.iter().find_map(|(_, look)| look.void.as_ref())
        && looks.iter().all(|(_, look)| look.void.is_some())
    {
        return Verdict::new(Outcome::Void, format!("every look was void: {why}"));
    }
    let sound = looks
        .iter()
        .filter(|(_, look)| look.void.is_none() && look.p95_us.is_some());
    let unsound = |look: &Look| look.success_ratio < SUCCESS;
    let nearest = sound.min_by_key(|(_, look)| (unsound(look), look.p95_us));
    let reason = nearest.map_or_else(
        || format!("no shape held the limit ({wanted}): nothing was acknowledged"),
        |(shape, look)| {
            let had = figures(look);
            match limit.missed(look) {
                Some(why) if unsound(look) => {
                    format!("no shape held the limit ({wanted}): {shape} had {had}, but {why}")
                }
                _ => format!(
                    "no shape held the limit ({wanted}): the lowest P95 was that of {shape}, {had}"
                ),
            }
        },
    );
    Verdict::new(Outcome::Threshold, reason)
}

/// What is wrong with the shape that is talked about, from what was measured.
pub(super) fn words(found: &Found, shown: Option<Shape>) -> Vec<String> {
    let of = |shape: Shape| {
        found
            .shapes
            .iter()
            .find(|tried| tried.shape == shape)
            .and_then(Tried::look)
    };
    let Some((shown, look)) = shown.and_then(|shape| Some((shape, of(shape)?))) else {
        return Vec::new();
    };
    let best = found.winner.map(|at| &found.shapes[at]);
    let Some((best, best_look)) = best.and_then(|best| Some((best.shape, best.look()?))) else {
        return Vec::new();
    };
    if best == shown {
        return vec![format!(
            "{shown} is the best of these: no fewer connections reached as much."
        )];
    }
    let mut text = format!("{shown} reached {}: ", figures(look));
    let ratio = best_look.records_per_sec / look.records_per_sec.max(1e-9);
    let _ = if ratio > 1.0 + TIE {
        write!(text, "{} fewer than {best}", percent(1.0 - 1.0 / ratio))
    } else if ratio < 0.5 {
        let times = rate_digits(1.0 / ratio);
        write!(text, "{times} times as many as {best}")
    } else if ratio < 1.0 - TIE {
        write!(text, "{} more than {best}", percent(1.0 / ratio - 1.0))
    } else {
        write!(text, "as many as {best}")
    };
    if let (Some(p95), Some(best_p95)) = (look.p95_us, best_look.p95_us) {
        let _ = write!(
            text,
            ", at {} times its P95",
            rate_digits(p95 as f64 / best_p95.max(1) as f64)
        );
    }
    text.push('.');
    vec![text, little(found, shown, look)]
}

/// Where the time goes, by Little's law, and how few connections were enough.
fn little(found: &Found, shown: Shape, look: &Look) -> String {
    let mut text = format!(
        "Its requests in flight, {} on average, are {} answers/s x {} each (Little's law).",
        rate_digits(look.in_flight),
        rate_digits(look.requests_per_sec),
        latency(look.mean_us as u64)
    );
    if look.paused_ratio >= PAUSED {
        let _ = write!(
            text,
            " {} of that time went to a pause of {}: how it does without one was not seen.",
            percent(look.paused_ratio),
            latency(look.longest_us)
        );
        return text;
    }
    let same: Vec<(u32, &Look)> = (found.shapes.iter())
        .filter(|tried| {
            tried.shape.format == shown.format && tried.shape.batch_size == shown.batch_size
        })
        .filter(|tried| tried.shape.connections < shown.connections)
        .filter_map(|tried| Some((tried.shape.connections, tried.look()?)))
        .filter(|(_, other)| other.records_per_sec >= look.records_per_sec * (1.0 - TIE))
        .collect();
    if let Some((connections, other)) = same.iter().min_by_key(|(connections, _)| *connections) {
        let shape = Shape {
            connections: *connections,
            ..shown
        };
        let _ = write!(
            text,
            " {shape} reached {} with {} in flight",
            figures(other),
            rate_digits(other.in_flight)
        );
        text.push_str(if queued(look, other) {
            ": past a few connections a closed loop adds only queueing, and each more makes all wait longer."
        } else {
            "."
        });
    }
    text
}

/// Whether more in flight made requests slower as a queue does: P95 too, and by as much, half of it at least. A pause makes the mean
/// longer, and P95 not.
fn queued(look: &Look, other: &Look) -> bool {
    let (Some(p95), Some(other_p95)) = (look.p95_us, other.p95_us) else {
        return false;
    };
    let in_flight = look.in_flight / other.in_flight.max(1e-9);
    let slower = p95 as f64 / other_p95.max(1) as f64;
    slower >= (in_flight * QUEUED).max(1.0)
}
