//! The highest rate that holds: doubled until it does not, halved in between, confirmed. Pure: who offers a rate is an argument.

use serde::Serialize;

use crate::commands::trials::Look;
use crate::error::{Error, Result};
use crate::units::{percent, rate_digits};

/// Runs at the rate that was found, beside the one that found it.
const CONFIRMATIONS: u32 = 2;
/// Of a rate that was not confirmed, what is tried next.
const LOWER: f64 = 0.95;
/// Rates that may fail to be confirmed.
const LOWERED: u32 = 5;
/// Of the first rate, the lowest that is tried.
pub(super) const LOWEST: f64 = 1.0 / 64.0;
/// Rates beyond this are a target that answers without doing anything.
const HIGHEST: f64 = 1e9;
/// Rates, each half of the one before, at which about as many records must fail for the failures not to depend on the rate.
const ALIKE: usize = 3;
/// Of the share that failed at the first of them, what must fail at the others together, and at the last.
const ALIKE_TOGETHER: f64 = 0.8;
const ALIKE_LAST: f64 = 0.6;
/// Requests' worth of failures at the others together, below which their share is chance.
const ALIKE_LEAST: f64 = 5.0;

/// What was seen at a rate.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "result", content = "why")]
pub(super) enum Held {
    /// What must hold held.
    Yes,
    /// It did not.
    No(String),
    /// It did not, for this only: too few records were acked of those that came due, all of them answered in time.
    #[serde(rename = "no")]
    Failed(String),
    /// It did not, and at no rate it can: nothing waited, and even the quickest answer took too long; or as many failed at lower rates.
    Never(String),
    /// The generator was the limit: the run says nothing of the target.
    Void(String),
}

impl Held {
    /// Whether the target missed what must hold.
    pub(super) fn missed(&self) -> bool {
        self.why_missed().is_some()
    }

    /// Why the target missed it, if it did.
    pub(super) fn why_missed(&self) -> Option<&str> {
        match self {
            Self::No(why) | Self::Failed(why) | Self::Never(why) => Some(why),
            Self::Yes | Self::Void(_) => None,
        }
    }
}

/// Why a step was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Purpose {
    /// To find a rate that does not hold.
    Bracket,
    /// To come nearer.
    Bisect,
    /// To see it hold again.
    Confirm,
}

/// One rate, offered for a time.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Step {
    /// Records per second offered.
    pub(super) rate: f64,
    pub(super) purpose: Purpose,
    pub(super) look: Look,
    #[serde(flatten)]
    pub(super) held: Held,
}

/// Where the search begins and ends.
#[derive(Debug, Clone, Copy)]
pub(super) struct Range {
    /// Records per second of the first step.
    pub(super) start: f64,
    /// Highest that is tried.
    pub(super) most: f64,
    /// Lowest that is tried.
    pub(super) least: f64,
    /// Gap to the next rate that does not hold, as a share.
    pub(super) precision: f64,
}

/// How the search ended.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Ended {
    /// This rate holds, confirmed.
    Found(f64),
    /// This rate holds, confirmed, and is the highest that may be tried.
    AtMost(f64),
    /// Even the lowest rate misses, or no lower rate can hold.
    Nothing,
    /// Rates held, the highest of them this one, but none did so again when it was to be confirmed.
    Unconfirmed(f64),
    /// The generator was the limit, at this rate; the highest rate that held, if one did.
    Void {
        at: f64,
        why: String,
        held: Option<f64>,
    },
    /// The user stopped it; the highest rate that held so far.
    Interrupted(Option<f64>),
    /// The target was gone, or stayed slow after it had answered; the highest rate that held so far.
    Lost {
        why: String,
        held: Option<f64>,
        slow: bool,
    },
}

/// Halvings of the gap between a rate that holds and its double, until it is within the precision.
fn halvings(range: Range) -> u32 {
    let (mut gap, mut count) = (2.0_f64.ln(), 0);
    while gap > (1.0 + range.precision).ln() {
        gap /= 2.0;
        count += 1;
    }
    count
}

/// How often a rate can be doubled, or halved, between these.
fn doublings(from: f64, to: f64) -> u32 {
    (to / from).log2().max(0.0).ceil() as u32
}

/// Least steps of a search that finds a rate: the second one misses, or all hold up to the highest that may be tried.
pub(super) fn fewest_steps(range: Range) -> u32 {
    let to_the_highest = 1 + doublings(range.start, range.most.min(HIGHEST));
    to_the_highest.min(2 + halvings(range)) + CONFIRMATIONS
}

/// Steps that no search exceeds: every rate of the bracket, the halvings, and all of them to be confirmed in vain.
pub(super) fn most_steps(range: Range) -> u32 {
    let up = doublings(range.start, range.most.min(HIGHEST));
    let bracket = 1 + up.max(doublings(range.least, range.start));
    let held = bracket + halvings(range);
    bracket + halvings(range) + CONFIRMATIONS * (LOWERED + 1 + held)
}

/// Offers a rate; `None`: the user stopped it.
pub(super) type Offer<'a> = dyn FnMut(f64, Purpose) -> Result<Option<(Look, Held)>> + 'a;

/// Searches; every step is added to `steps`.
pub(super) fn search(range: Range, steps: &mut Vec<Step>, offer: &mut Offer<'_>) -> Result<Ended> {
    let mut walk = Walk { steps, offer };
    match walk.bracket(range)? {
        Err(ended) => Ok(ended),
        Ok((low, high)) => walk.between(range, low, high),
    }
}

struct Walk<'a, 'b> {
    steps: &'a mut Vec<Step>,
    offer: &'a mut Offer<'b>,
}

impl Walk<'_, '_> {
    /// A rate that holds and, unless the highest does, one that does not.
    fn bracket(&mut self, range: Range) -> Result<Result<(f64, Option<f64>), Ended>> {
        let most = range.most.min(HIGHEST);
        let mut rate = range.start.min(most);
        let (mut low, mut high) = (None, None);
        loop {
            match self.step(rate, Purpose::Bracket)? {
                Err(ended) => return Ok(Err(ended)),
                Ok(true) if rate >= most => return Ok(Ok((rate, None))),
                Ok(true) => low = Some(rate),
                Ok(false) => high = Some(rate),
            }
            match (low, high) {
                (Some(low), Some(high)) => return Ok(Ok((low, Some(high)))),
                (Some(low), None) => rate = (low * 2.0).min(most),
                _ if rate <= range.least || self.none_can_hold() => {
                    return Ok(Err(Ended::Nothing));
                }
                _ => rate = (rate / 2.0).max(range.least),
            }
        }
    }

    /// Whether the last step says that no lower rate can hold, by itself or with those before it.
    fn none_can_hold(&mut self) -> bool {
        let alike = failures_alike(self.steps);
        let Some(last) = self.steps.last_mut() else {
            return false;
        };
        if let Some(why) = alike {
            last.held = Held::Never(why);
        }
        matches!(last.held, Held::Never(_))
    }

    /// Halves the gap, then confirms, and goes lower where that fails: a little at first, then to what held before.
    fn between(&mut self, range: Range, low: f64, high: Option<f64>) -> Result<Ended> {
        let mut low = low;
        if let Some(mut high) = high {
            while high / low > 1.0 + range.precision {
                let middle = (low * high).sqrt();
                match self.step(middle, Purpose::Bisect)? {
                    Err(ended) => return Ok(ended),
                    Ok(true) => low = middle,
                    Ok(false) => high = middle,
                }
            }
        }
        let mut rate = low;
        for _ in 0..=LOWERED {
            match self.confirm(rate)? {
                Err(ended) => return Ok(ended),
                Ok(true) if high.is_none() && rate >= low => return Ok(Ended::AtMost(rate)),
                Ok(true) => return Ok(Ended::Found(rate)),
                Ok(false) => rate *= LOWER,
            }
        }
        // Each that fails again is no rate that held any more.
        while let Some(held) = self.so_far() {
            match self.confirm(held)? {
                Err(ended) => return Ok(ended),
                Ok(true) => return Ok(Ended::Found(held)),
                Ok(false) => {}
            }
        }
        Ok(Ended::Unconfirmed(low))
    }

    fn confirm(&mut self, rate: f64) -> Result<Result<bool, Ended>> {
        for _ in 0..CONFIRMATIONS {
            let held = self.step(rate, Purpose::Confirm)?;
            if held != Ok(true) {
                return Ok(held);
            }
        }
        Ok(Ok(true))
    }

    /// The highest rate that held so far, if neither it nor a lower one missed too.
    fn so_far(&self) -> Option<f64> {
        let rates = |which: fn(&Held) -> bool| {
            let steps = self.steps.iter().filter(move |step| which(&step.held));
            steps.map(|step| step.rate)
        };
        let missed = rates(Held::missed).fold(f64::INFINITY, f64::min);
        let held = rates(|held| *held == Held::Yes).filter(|rate| *rate < missed);
        held.reduce(f64::max)
    }

    /// Offers a rate.
    fn step(&mut self, rate: f64, purpose: Purpose) -> Result<Result<bool, Ended>> {
        let so_far = self.so_far();
        let (look, held) = match (self.offer)(rate, purpose) {
            Ok(Some(seen)) => seen,
            Ok(None) => return Ok(Err(Ended::Interrupted(so_far))),
            Err(error @ Error::Target { .. }) => {
                return Ok(Err(Ended::Lost {
                    why: error.to_string(),
                    held: so_far,
                    slow: false,
                }));
            }
            Err(error) => return Err(error),
        };
        let end = match &held {
            Held::Yes => Ok(true),
            Held::No(_) | Held::Failed(_) | Held::Never(_) => Ok(false),
            Held::Void(why) => Err(Ended::Void {
                at: rate,
                why: why.clone(),
                held: so_far,
            }),
        };
        let slow = look.slow.clone();
        self.steps.push(Step {
            rate,
            purpose,
            look,
            held,
        });
        // What the step said is kept; nothing can follow it.
        Ok(match (end, slow) {
            (Ok(_), Some(why)) => Err(Ended::Lost {
                why,
                held: self.so_far(),
                slow: true,
            }),
            (end, _) => end,
        })
    }
}

/// What says that failures do not depend on the rate: about the same share of the records failed at the last rates, each half of the
/// one before. A target that is full stores as much of half the rate, which is twice the share.
fn failures_alike(steps: &[Step]) -> Option<String> {
    let last = steps.last_chunk::<ALIKE>()?;
    if !last.iter().all(|step| matches!(step.held, Held::Failed(_))) {
        return None;
    }
    let [first, rest @ ..] = last;
    let failed = |step: &Step| 1.0 - step.look.success_ratio;
    let requests: f64 = rest.iter().map(|step| step.look.requests as f64).sum();
    let worth: f64 = (rest.iter())
        .map(|step| failed(step) * step.look.requests as f64)
        .sum();
    let lowest = rest.last()?;
    let alike = worth >= failed(first) * ALIKE_TOGETHER * requests
        && failed(lowest) >= failed(first) * ALIKE_LAST
        && lowest.look.success_ratio <= first.look.success_ratio / ALIKE_TOGETHER;
    // Of a target that acks nothing at all, two shares of nothing say nothing.
    let some = first.look.success_ratio > 0.0 && worth >= ALIKE_LEAST;
    let Held::Failed(why) = &lowest.held else {
        return None;
    };
    (alike && some).then(|| {
        format!(
            "{why}, and {} at {} rec/s: what fails does not depend on the rate",
            percent(first.look.success_ratio),
            rate_digits(first.rate)
        )
    })
}
