//! The ledger of records as a flow: bands as wide as their share, and every number beside them.

use maud::{Markup, html};

use super::chart::number;
use crate::report::RecordLedger;
use crate::report::words::scheduled;
use crate::units::{counted, grouped, percent};

/// Room of all bands together, in pixels.
const BANDS: f64 = 190.0;
/// Least width of a band that is there.
const LEAST: f64 = 3.0;
/// Room that a number beside a band needs.
const LABEL: f64 = 56.0;
/// Left edges of the three columns, of 1,000, and their width.
const COLUMNS: [f64; 3] = [0.0, 480.0, 984.0];
const NODE: f64 = 16.0;

/// A band: where its records ended.
struct Band {
    name: &'static str,
    records: u64,
    width: f64,
    /// Upper edges at its beginning, where sent ends, and at its end.
    top: f64,
    end: f64,
}

fn bands(ledger: &RecordLedger) -> Vec<Band> {
    let ends = [
        ("acked", ledger.acked),
        ("rejected", ledger.rejected),
        ("unknown", ledger.unknown),
        ("unsent", ledger.unsent),
    ];
    let (mut top, mut end) = (0.0, 0.0);
    let there = ends.into_iter().filter(|(_, records)| *records > 0);
    there
        .map(|(name, records)| {
            let width = (records as f64 / ledger.scheduled.max(1) as f64 * BANDS).max(LEAST);
            let band = Band {
                name,
                records,
                width,
                top,
                end,
            };
            top += width;
            end += width.max(LABEL) + 6.0;
            band
        })
        .collect()
}

/// The drawing with its numbers.
pub(super) fn flow(ledger: &RecordLedger) -> Markup {
    let bands = bands(ledger);
    let height = bands
        .last()
        .map_or(1.0, |band| band.end + band.width.max(LABEL));
    let sent: f64 = bands
        .iter()
        .filter(|band| band.name != "unsent")
        .map(|band| band.width)
        .sum();
    let all: f64 = bands.iter().map(|band| band.width).sum();
    let [first, second, third] = COLUMNS;
    html! {
        figure {
            figcaption { "Where the records went" }
            @if bands.is_empty() {
                p { "No record was scheduled." }
            } @else {
                div.flow {
                    div.cols aria-hidden="true" {
                        span { "scheduled" b { (grouped(ledger.scheduled)) } }
                        span { "sent" b { (grouped(ledger.sent)) } }
                    }
                    svg role="img" aria-labelledby="flow-t flow-d" viewBox={ "0 0 1000 " (number(height)) } height=(number(height))
                        preserveAspectRatio="none" {
                        title id="flow-t" { "The ledger of records" }
                        desc id="flow-d" { (finding(ledger)) }
                        @for band in &bands {
                            path.{ "f-" (band.name) } d=(ribbon(band)) { title { (band.words(ledger)) } }
                        }
                        rect.f-scheduled x=(first) width=(NODE) height=(number(all)) {}
                        @if sent > 0.0 { rect.f-sent x=(second) width=(NODE) height=(number(sent)) {} }
                        @for band in &bands {
                            rect.{ "f-" (band.name) } x=(third) y=(number(band.end)) width=(NODE) height=(number(band.width)) {}
                        }
                    }
                    div.ends aria-hidden="true" {
                        @for band in &bands {
                            span style={ "top:" (number(band.end)) "px" } {
                                (band.name) b { (grouped(band.records)) } (percent(band.records as f64 / ledger.scheduled as f64))
                            }
                        }
                    }
                }
            }
            p.note { (finding(ledger)) }
        }
    }
}

impl Band {
    fn words(&self, ledger: &RecordLedger) -> String {
        let share = percent(self.records as f64 / ledger.scheduled.max(1) as f64);
        format!(
            "{} {}, {share} of those scheduled",
            counted(self.records, "record", "records"),
            self.name
        )
    }
}

/// From the first column to where it ended; what was sent passes the second, what was not goes below it.
fn ribbon(band: &Band) -> String {
    let [first, second, third] = COLUMNS;
    let (from, middle) = (first + NODE, second + NODE);
    if band.name == "unsent" {
        return curve(from, band.top, third, band.end, band.width);
    }
    let straight = curve(from, band.top, second, band.top, band.width);
    format!(
        "{straight}{}",
        curve(middle, band.top, third, band.end, band.width)
    )
}

fn curve(x0: f64, y0: f64, x1: f64, y1: f64, width: f64) -> String {
    let middle = f64::midpoint(x0, x1);
    let [x0, y0, x1, y1, middle, b0, b1] =
        [x0, y0, x1, y1, middle, y0 + width, y1 + width].map(number);
    format!(
        "M{x0} {y0}C{middle} {y0} {middle} {y1} {x1} {y1}V{b1}C{middle} {b1} {middle} {b0} {x0} {b0}Z"
    )
}

/// The identities of the ledger, zeros included.
fn finding(ledger: &RecordLedger) -> String {
    format!(
        "{}; sent = acked {} + rejected {} + unknown {}.",
        scheduled(ledger.scheduled, ledger.sent, ledger.unsent),
        grouped(ledger.acked),
        grouped(ledger.rejected),
        grouped(ledger.unknown)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEDGER: RecordLedger = RecordLedger {
        scheduled: 100_000,
        sent: 99_000,
        unsent: 1_000,
        acked: 98_990,
        rejected: 0,
        unknown: 10,
    };

    #[test]
    fn what_is_there_has_a_band_and_what_is_not_has_none() {
        let names: Vec<&str> = bands(&LEDGER).iter().map(|band| band.name).collect();
        assert_eq!(names, ["acked", "unknown", "unsent"]);
        let widths: Vec<f64> = bands(&LEDGER).iter().map(|band| band.width).collect();
        assert!(widths.iter().all(|width| *width >= LEAST), "{widths:?}");
    }

    #[test]
    fn numbers_beside_bands_do_not_overlap() {
        let bands = bands(&LEDGER);
        for pair in bands.windows(2) {
            assert!(pair[1].end - pair[0].end >= LABEL);
            assert!(pair[1].end >= pair[0].end + pair[0].width);
        }
    }

    #[test]
    fn an_empty_ledger_is_said_in_words() {
        let none = RecordLedger {
            scheduled: 0,
            sent: 0,
            unsent: 0,
            acked: 0,
            rejected: 0,
            unknown: 0,
        };
        let text = flow(&none).into_string();
        assert!(
            text.contains("No record was scheduled") && !text.contains("NaN"),
            "{text}"
        );
    }
}
