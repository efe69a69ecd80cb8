//! The highest rate that holds: doubled until it does not, halved in between, confirmed. Pure: who offers a rate is an argument.

use serde::Serialize;

use crate::commands::trials::Look;
use crate::error::{Error, Result};

/// Runs at the rate that was found, beside the one that found it.
const CONFIRMATIONS: u32 = 2;
/// Of a rate that was not confirmed, what is tried next.
const LOWER: f64 = 0.95;
/// Rates that may fail to be confirmed.
const LOWERED: u32 = 5;
/// Of the first rate, the lowest that is tried.
const LOWEST: f64 = 1.0 / 64.0;
/// Rates beyond this are a target that answers without doing anything.
const HIGHEST: f64 = 1e9;

/// What was seen at a rate.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "result", content = "why")]
pub(super) enum Held {
    /// What must hold held.
    Yes,
    /// It did not.
    No(String),
    /// The generator was the limit: the run says nothing of the target.
    Void(String),
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
    /// Even the lowest rate misses.
    Nothing,
    /// The generator was the limit, at this rate; the highest rate that held, if one did.
    Void {
        at: f64,
        why: String,
        held: Option<f64>,
    },
    /// The user stopped it; the highest rate that held so far.
    Interrupted(Option<f64>),
    /// The target was gone, or stayed slow; the highest rate that held so far.
    Lost { why: String, held: Option<f64> },
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
                _ if rate <= range.start * LOWEST => return Ok(Err(Ended::Nothing)),
                _ => rate /= 2.0,
            }
        }
    }

    /// Halves the gap, then confirms, and goes lower where that fails.
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
        Ok(Ended::Nothing)
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
        let missed = rates(|held| matches!(held, Held::No(_))).fold(f64::INFINITY, f64::min);
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
                }));
            }
            Err(error) => return Err(error),
        };
        let end = match &held {
            Held::Yes => Ok(true),
            Held::No(_) => Ok(false),
            Held::Void(why) => Err(Ended::Void {
                at: rate,
                why: why.clone(),
                held: so_far,
            }),
        };
        self.steps.push(Step {
            rate,
            purpose,
            look,
            held,
        });
        Ok(end)
    }
}
