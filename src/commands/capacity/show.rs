//! What a search for capacity found: as a table of steps, in words, and as JSON.

use std::fmt::Write as _;
use std::path::PathBuf;

use serde::Serialize;

use super::Slo;
use super::overload::{After, COLLAPSE, Overload};
use super::search::{Ended, Held, Purpose, Step};
use crate::commands::grid::{noted, row};
use crate::commands::trials::{Target, Verdict, paragraph, share};
use crate::gate::Outcome;
use crate::report::Tool;
use crate::units::{latency, percent, rate_digits};

/// The result, as it is written.
#[derive(Debug, Serialize)]
pub(super) struct Sized {
    schema_version: u32,
    tool: Tool,
    target: Target,
    slo: Slo,
    steps: Vec<Step>,
    /// The highest rate that holds; if the search did not end, the highest that held so far.
    capacity_records_per_sec: Option<f64>,
    overload: Option<Overload>,
    /// Why there was no overload, if there could have been one.
    #[serde(skip_serializing_if = "Option::is_none")]
    no_overload: Option<String>,
    pub(super) verdict: Verdict,
}

/// `P95 up to 500 ms, success at least 99.9 %`
pub(super) fn slo_words(slo: Slo) -> String {
    format!(
        "P{} up to {}, success at least {}",
        slo.percentile,
        latency(slo.limit_us),
        percent(slo.min_success)
    )
}

impl Sized {
    pub(super) fn new(
        steps: Vec<Step>,
        ended: &Ended,
        after: After,
        slo: Slo,
        target: Target,
    ) -> Self {
        let mut verdict = verdict(&steps, ended, slo);
        let mut no_overload = None;
        let overload = match after {
            After::Seen(overload) => {
                verdict.reasons.extend(harm(&overload));
                Some(overload)
            }
            After::None => None,
            After::NotAllowed => {
                let why = "No overload: --max-rate allows nothing above the rate that was found.";
                no_overload = Some(why.to_owned());
                None
            }
            After::Interrupted => {
                verdict = cut_short(Outcome::Interrupted, "interrupted", &verdict);
                None
            }
            After::Lost(why) => {
                verdict = cut_short(Outcome::Target, &why, &verdict);
                None
            }
        };
        let capacity = match ended {
            Ended::Found(rate) | Ended::AtMost(rate) => Some(*rate),
            Ended::Void { held, .. } | Ended::Interrupted(held) | Ended::Lost { held, .. } => *held,
            Ended::Nothing | Ended::Unconfirmed(_) => None,
        };
        Self {
            schema_version: 1,
            tool: Tool::here(),
            target,
            slo,
            steps,
            capacity_records_per_sec: capacity,
            overload,
            no_overload,
            verdict,
        }
    }

    pub(super) fn json(&self) -> String {
        let text = serde_json::to_string_pretty(self).expect("texts and numbers are JSON");
        format!("{text}\n")
    }

    /// Everything for a person.
    pub(super) fn text(&self, files: &[PathBuf]) -> String {
        let mut text = self.table();
        if let Some(words) = self.busy_words() {
            // Writing to a String cannot fail.
            let _ = write!(text, "\n{}", paragraph(&words));
        }
        let overload = self.overload.as_ref();
        let overload = overload.map(|overload| overload_words(overload, self.slo));
        if let Some(words) = overload.or_else(|| self.no_overload.clone()) {
            let _ = write!(text, "\n{}", paragraph(&words));
        }
        text.push('\n');
        for file in files {
            let _ = writeln!(text, "wrote  {}", file.display());
        }
        text.push_str(&self.verdict.text());
        text
    }

    fn table(&self) -> String {
        let percentile = format!("P{}", self.slo.percentile);
        let mut rows = vec![row([
            "step",
            "",
            "offered/s",
            "acked/s",
            &percentile,
            "success",
            "in flight",
            "",
        ])];
        for (number, step) in self.steps.iter().enumerate() {
            let purpose = match step.purpose {
                Purpose::Bracket => "bracket",
                Purpose::Bisect => "nearer",
                Purpose::Confirm => "confirm",
            };
            let held = match &step.held {
                Held::Yes => "holds".to_owned(),
                // What the row shows is not said again.
                Held::No(why) if *why == missed_by(&percentile, step) => "misses".to_owned(),
                Held::No(why) | Held::Failed(why) | Held::Never(why) => format!("misses: {why}"),
                Held::Void(why) => format!("void: {why}"),
            };
            let look = &step.look;
            rows.push(vec![
                (number + 1).to_string(),
                purpose.to_owned(),
                rate_digits(step.rate),
                rate_digits(look.records_per_sec),
                look.judged_us.map_or_else(|| "-".to_owned(), latency),
                percent(look.success_ratio),
                rate_digits(look.in_flight),
                held,
            ]);
        }
        noted(rows, &[1])
    }

    /// Whether the connections were the limit.
    fn busy_words(&self) -> Option<String> {
        let missed = self.steps.iter().filter(|step| step.held.missed());
        let lowest = missed.min_by(|a, b| a.rate.total_cmp(&b.rate))?;
        let look = &lowest.look;
        let busy = look.in_flight >= 0.9 * look.connections as f64;
        let quick = look.mean_us < self.slo.limit_us as f64 / 2.0;
        (busy && quick).then(|| {
            format!(
                "At {} rec/s all {} connections were busy, and a request took {} only: the connections were the limit. Try a \
                 higher --concurrency, or a larger --batch-size.",
                rate_digits(lowest.rate),
                look.connections,
                latency(look.mean_us as u64)
            )
        })
    }
}

fn missed_by(percentile: &str, step: &Step) -> String {
    let judged = step.look.judged_us;
    judged.map_or_else(String::new, |us| format!("{percentile} {}", latency(us)))
}

/// Whether goodput collapsed, and how long it took to be well again.
pub(super) fn overload_words(overload: &Overload, slo: Slo) -> String {
    let mut text = format!(
        "Overload: {} rec/s offered, {} acked, {} of the {} before it: ",
        rate_digits(overload.offered_records_per_sec),
        rate_digits(overload.goodput_records_per_sec),
        share(overload.goodput_ratio),
        rate_digits(overload.before_records_per_sec)
    );
    let least = percent(COLLAPSE);
    // Writing to a String cannot fail.
    let _ = if overload.collapsed {
        write!(
            text,
            "goodput COLLAPSED (below {least}: more than the noise of equal runs). Limit what comes in before the target does."
        )
    } else {
        write!(
            text,
            "goodput did not collapse (a collapse is less than {least})."
        )
    };
    let back = rate_digits(overload.after_records_per_sec);
    let held = slo_words(slo);
    let queue = overload.queue_secs.map_or_else(
        || "a queue alone would never empty at the pace of the overload".to_owned(),
        |secs| {
            format!(
                "a queue alone takes {} s to empty at the pace of the overload",
                rate_digits(secs)
            )
        },
    );
    let _ = match overload.recovery_secs {
        Some(0) => write!(
            text,
            " Back at {back} rec/s everything held at once ({held})."
        ),
        Some(secs) => write!(
            text,
            " Back at {back} rec/s everything held again ({held}) after {secs} s ({queue})."
        ),
        None => write!(
            text,
            " Back at {back} rec/s it did NOT recover ({held}) within {} s ({queue}).",
            overload.watched_secs
        ),
    };
    text
}

/// What must not be overlooked of an overload, in short.
fn harm(overload: &Overload) -> Option<String> {
    let offered = rate_digits(overload.offered_records_per_sec);
    let watched = overload.watched_secs;
    let collapsed = format!(
        "but goodput COLLAPSED to {} under {offered} records/s",
        share(overload.goodput_ratio)
    );
    match (overload.collapsed, overload.recovery_secs) {
        (true, Some(secs)) => Some(format!("{collapsed}, and recovered after {secs} s")),
        (true, None) => Some(format!(
            "{collapsed}, and did NOT recover within {watched} s"
        )),
        (false, None) => Some(format!(
            "but after {offered} records/s it did NOT recover within {watched} s"
        )),
        (false, Some(_)) => None,
    }
}

/// The verdict of a search that came to its end, and an overload that did not.
fn cut_short(outcome: Outcome, why: &str, found: &Verdict) -> Verdict {
    let found = found.reasons.join("; ");
    Verdict::new(outcome, format!("{why} during the overload; {found}"))
}

/// The last rate that missed, and why.
fn last_missed(steps: &[Step]) -> Option<(f64, &str)> {
    let mut missed = steps.iter().rev();
    missed.find_map(|step| Some((step.rate, step.held.why_missed()?)))
}

fn verdict(steps: &[Step], ended: &Ended, slo: Slo) -> Verdict {
    let wanted = slo_words(slo);
    let rate = |rate: f64| format!("{} records/s", rate_digits(rate));
    let so_far = |held: &Option<f64>| {
        held.map_or_else(
            || "no rate held before".to_owned(),
            |held| format!("{} held", rate(held)),
        )
    };
    let unconfirmed = |held: &Option<f64>| {
        let confirmed = if held.is_some() {
            ", not confirmed"
        } else {
            ""
        };
        format!("{}{confirmed}", so_far(held))
    };
    match ended {
        Ended::Found(found) => {
            let missed = steps
                .iter()
                .filter(|step| step.rate > *found && step.held.missed());
            let next = missed.min_by(|a, b| a.rate.total_cmp(&b.rate));
            let next =
                next.map_or_else(String::new, |step| format!("; {} missed", rate(step.rate)));
            Verdict::new(
                Outcome::Pass,
                format!(
                    "capacity {} ({wanted}), confirmed twice{next}",
                    rate(*found)
                ),
            )
        }
        Ended::AtMost(found) => Verdict::new(
            Outcome::Pass,
            format!(
                "{} hold ({wanted}), confirmed twice, and are the most that may be tried: capacity is at least that",
                rate(*found)
            ),
        ),
        Ended::Nothing => {
            let lowest = steps.iter().min_by(|a, b| a.rate.total_cmp(&b.rate));
            let reason = lowest.map_or_else(
                || format!("no rate held ({wanted})"),
                |step| {
                    let what = match step.held {
                        Held::Never(_) => "no rate can hold",
                        _ => "even the lowest rate missed",
                    };
                    let why = step.held.why_missed().unwrap_or_default();
                    format!("{what} ({wanted}): {} had {why}", rate(step.rate))
                },
            );
            Verdict::new(Outcome::Threshold, reason)
        }
        Ended::Unconfirmed(held) => {
            let last = last_missed(steps);
            let why = last.map_or_else(String::new, |(at, why)| {
                format!("; the last, {}, had {why}", rate(at))
            });
            Verdict::new(
                Outcome::Threshold,
                format!(
                    "no rate was confirmed ({wanted}): {} held once, and neither it nor a lower one did so when it was offered again{why}",
                    rate(*held)
                ),
            )
        }
        Ended::Void { at, why, held } => Verdict::new(
            Outcome::Void,
            format!(
                "the generator, not the target, is the limit at {} ({why}); {}",
                rate(*at),
                so_far(held)
            ),
        ),
        Ended::Interrupted(held) => Verdict::new(
            Outcome::Interrupted,
            format!("interrupted; {}", unconfirmed(held)),
        ),
        Ended::Lost { why, held, slow } => {
            match last_missed(steps).filter(|_| *slow && held.is_none()) {
                // It answered, and too late: that is what was asked.
                Some((at, missed)) => Verdict::new(
                    Outcome::Threshold,
                    format!("{} missed ({wanted}): it had {missed}; {why}", rate(at)),
                ),
                None => Verdict::new(Outcome::Target, format!("{why}; {}", unconfirmed(held))),
            }
        }
    }
}
