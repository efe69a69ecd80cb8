//! Which shape stores the most records under a latency limit: successive halving, with little spent on what cannot win. Pure:
//! who evaluates a shape is an argument.

use std::time::Duration;

use serde::Serialize;

use crate::cli::Budget;
use crate::commands::trials::Look;
use crate::error::{Error, Result};
use crate::units::{counted, latency};
use crate::wire::Format;

/// Shapes whose records per second are this near to each other are the same: fewer connections win.
pub(super) const TIE: f64 = 0.05;
/// Of P95 over the limit in a first look, what more looks may still bring down.
const SLACK: f64 = 1.5;
/// Of P95 over the limit, from which more connections are not tried.
pub(super) const HOPELESS: f64 = 2.0;
/// Of the best records per second, what a shape must have to go on after its first look.
const WORTH: f64 = 0.5;
/// Shapes that are left when halving ends.
const FINALISTS: usize = 2;
/// The confirmation, in first looks.
const CONFIRMATION: u64 = 32;
/// Shapes that get a confirmation, until one holds and none other's look was better.
const CONFIRMED: usize = 3;
/// Rounds of all connections that a look has at least: the first one fills the queue.
const ROUNDS: u64 = 2;
/// Longest that a look may take, from what is known of the shape.
pub(super) const LONGEST_SECS: f64 = 30.0;
/// Shortest first look, where requests are counted: what lasts less says more of the moment than of the shape. A confirmation lasts
/// ten times as long.
const SHORTEST_SECS: f64 = 0.1;
/// Looks that one may take until it lasts as long.
const AGAIN: u32 = 3;
/// Share of a look's time that a pause may take; a look with more is no look at the shape, and is made once more.
pub(super) const PAUSED: f64 = 0.2;
/// Of a shape's records per second before, those of its confirmation below which that is made once more.
pub(super) const FAR: f64 = 0.7;
/// Success below which a shape fails, as for any run.
pub(super) const SUCCESS: f64 = 0.99;

/// How records are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) struct Shape {
    /// How they are embedded.
    pub(super) format: Format,
    /// Records a request.
    pub(super) batch_size: u32,
    /// Connections.
    pub(super) connections: u32,
}

/// How much is sent in one look.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Amount {
    Requests(u64),
    Time(Duration),
}

/// What is asked of whoever evaluates.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ask {
    pub(super) shape: Shape,
    pub(super) amount: Amount,
    /// `first look`, `round 2`, `confirmation`.
    pub(super) stage: Stage,
    /// Number of this look in its stage, from 1, and how many there may be.
    pub(super) number: usize,
    pub(super) of: usize,
}

/// Where in the search a look was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Stage {
    First,
    Round(u32),
    Confirmation,
}

/// A shape and all that was seen of it.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Tried {
    #[serde(flatten)]
    pub(super) shape: Shape,
    /// Looks, the last one the longest.
    pub(super) looks: Vec<(Stage, Look)>,
    /// Why it went no further; `None`: it was confirmed.
    pub(super) dropped: Option<String>,
    /// The longest request of a look that was made once more because of a pause in it, in µs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) paused_us: Option<u64>,
    /// Records per second of its look before the confirmation, if it was confirmed twice and did not come near that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) before_records_per_sec: Option<f64>,
}

impl Tried {
    /// What is known of it: the last look, which is the longest. One that proves nothing does not undo what was seen before.
    pub(super) fn look(&self) -> Option<&Look> {
        let looks = || self.looks.iter().rev().map(|(_, look)| look);
        let sound = looks().find(|look| look.void.is_none());
        sound.or_else(|| looks().next())
    }

    /// Of the last two looks, if both are of this stage, the one with less of a pause is what is known of the shape.
    fn put_the_least_paused_last(&mut self, stage: Stage) {
        if let [.., (a, before), (b, last)] = self.looks.as_mut_slice()
            && (*a, *b) == (stage, stage)
            && last.void.is_none()
            && before.paused_ratio < last.paused_ratio
        {
            std::mem::swap(before, last);
        }
    }

    /// The confirmation, if it had one.
    pub(super) fn confirmation(&self) -> Option<&Look> {
        let (stage, look) = self.looks.last()?;
        (*stage == Stage::Confirmation).then_some(look)
    }
}

/// What was found.
#[derive(Debug, Clone)]
pub(super) struct Found {
    /// Every shape, as given.
    pub(super) shapes: Vec<Tried>,
    /// The best of those that hold the limit, if its confirmation held too.
    pub(super) winner: Option<usize>,
    /// The best of those that hold the limit, where the search ended before one was confirmed.
    pub(super) best_so_far: Option<usize>,
    /// Requests sent.
    pub(super) requests: u64,
    /// Requests that the confirmation of every shape would have taken at the rates that were measured.
    pub(super) full_grid_requests: u64,
    /// The user stopped it.
    pub(super) interrupted: bool,
    /// Why the target ended it: it was gone, or stayed slow.
    pub(super) lost: Option<String>,
    /// It stayed slow: it did answer.
    pub(super) slow: bool,
}

/// What a shape must hold.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Limit {
    /// P95 latency in µs.
    pub(super) p95_us: u64,
}

impl Limit {
    fn over(self, look: &Look) -> f64 {
        look.p95_us
            .map_or(f64::INFINITY, |us| us as f64 / self.p95_us.max(1) as f64)
    }

    /// Why a shape does not hold it.
    pub(super) fn missed(self, look: &Look) -> Option<String> {
        if let Some(why) = &look.void {
            return Some(format!("void: {why}"));
        }
        if look.success_ratio < SUCCESS {
            let share = crate::units::percent(look.success_ratio);
            return Some(format!("only {share} of the records were acked"));
        }
        (self.over(look) > 1.0).then(|| match look.p95_us {
            Some(us) => format!("P95 {} is over the limit", latency(us)),
            None => "no answer at all".to_owned(),
        })
    }
}

/// Evaluates a shape; `None`: the user stopped it.
pub(super) type Evaluate<'a> = dyn FnMut(&Ask, &[Tried]) -> Result<Option<Look>> + 'a;

/// Searches. `shown` is looked at whatever its neighbours say, because it will be talked about.
pub(super) fn search(
    shapes: &[Shape],
    budget: Budget,
    limit: Limit,
    shown: Option<Shape>,
    evaluate: &mut Evaluate<'_>,
) -> Result<Found> {
    let tried = |shape: &Shape| Tried {
        shape: *shape,
        looks: Vec::new(),
        dropped: None,
        paused_us: None,
        before_records_per_sec: None,
    };
    let mut search = Search {
        shapes: shapes.iter().map(tried).collect(),
        budget,
        limit,
        requests: 0,
        interrupted: false,
        lost: None,
        slow: false,
    };
    search.run(shown, evaluate)?;
    let winner = search.confirmed();
    let best_so_far = search.best_so_far().filter(|_| winner.is_none());
    if let Some(winner) = winner {
        search.drop_others(winner);
    }
    let full = (0..search.shapes.len()).map(|at| search.full_requests(at));
    Ok(Found {
        full_grid_requests: full.sum(),
        winner,
        best_so_far,
        requests: search.requests,
        interrupted: search.interrupted,
        lost: search.lost,
        slow: search.slow,
        shapes: search.shapes,
    })
}

struct Search {
    shapes: Vec<Tried>,
    budget: Budget,
    limit: Limit,
    requests: u64,
    /// The search ends here: the user stopped it, or the target was lost.
    interrupted: bool,
    lost: Option<String>,
    slow: bool,
}

impl Search {
    fn run(&mut self, shown: Option<Shape>, evaluate: &mut Evaluate<'_>) -> Result<()> {
        self.first_looks(shown, evaluate)?;
        let mut alive = self.worth_more();
        let mut round = 1;
        while alive.len() > FINALISTS && !self.interrupted {
            round += 1;
            self.looks(&alive, Stage::Round(round), evaluate)?;
            alive = self.better_half(alive);
        }
        for _ in 0..CONFIRMED {
            let Some(next) = self.next_to_confirm(&alive).filter(|_| !self.interrupted) else {
                break;
            };
            self.confirm(next, evaluate)?;
            self.note_missed(next);
        }
        Ok(())
    }

    /// Confirms a shape, and once more where that is far from what was seen of it before.
    fn confirm(&mut self, at: usize, evaluate: &mut Evaluate<'_>) -> Result<()> {
        let rate = |tried: &Tried| tried.look().map(|look| look.records_per_sec);
        let before = rate(&self.shapes[at]).unwrap_or_default();
        self.looks(&[at], Stage::Confirmation, evaluate)?;
        for again in [true, false] {
            let tried = &mut self.shapes[at];
            let far = tried
                .confirmation()
                .is_some_and(|look| look.void.is_none() && look.records_per_sec < before * FAR);
            if !far || self.interrupted {
                break;
            }
            if again {
                self.looks(&[at], Stage::Confirmation, evaluate)?;
            } else {
                tried.before_records_per_sec = Some(before);
            }
        }
        Ok(())
    }

    /// Shapes for which this is so.
    fn those(&self, which: impl Fn(&Tried) -> bool) -> Vec<usize> {
        let all = 0..self.shapes.len();
        all.filter(|at| which(&self.shapes[*at])).collect()
    }

    /// Whether its confirmation held.
    fn is_confirmed(&self, tried: &Tried) -> bool {
        let look = tried.confirmation();
        look.is_some_and(|look| self.limit.missed(look).is_none())
    }

    /// The best of those whose confirmation held.
    fn confirmed(&self) -> Option<usize> {
        self.favourite(&self.those(|tried| self.is_confirmed(tried)))
    }

    /// The best of those whose confirmation did not miss.
    fn best_so_far(&self) -> Option<usize> {
        let unmissed = |tried: &Tried| tried.confirmation().is_none() || self.is_confirmed(tried);
        self.favourite(&self.those(unmissed))
    }

    /// The favourite, until one is confirmed; then whatever was better in its own look by more than a tie.
    fn next_to_confirm(&self, alive: &[usize]) -> Option<usize> {
        let open = self.those(|tried| tried.confirmation().is_none());
        let Some(best) = self.confirmed() else {
            let mut alive = alive.to_vec();
            alive.retain(|at| open.contains(at));
            return self.favourite(&alive).or_else(|| self.favourite(&open));
        };
        let rate = |at: usize| {
            let look = self.shapes[at].look();
            look.map_or(0.0, |look| look.records_per_sec)
        };
        let more = |at: &usize| rate(*at) > rate(best) * (1.0 + TIE);
        let better: Vec<usize> = open.into_iter().filter(more).collect();
        self.favourite(&better)
    }

    /// Looks at every shape once, few connections first, and leaves out what its neighbours prove hopeless.
    fn first_looks(&mut self, shown: Option<Shape>, evaluate: &mut Evaluate<'_>) -> Result<()> {
        let mut order: Vec<usize> = (0..self.shapes.len()).collect();
        order.sort_by_key(|at| self.shapes[*at].shape.connections);
        for (number, at) in order.iter().copied().enumerate() {
            let shape = self.shapes[at].shape;
            let hopeless = self.hopeless(shape).filter(|_| Some(shape) != shown);
            if hopeless.is_some() {
                self.shapes[at].dropped = hopeless;
                continue;
            }
            self.evaluate(at, Stage::First, (number + 1, order.len()), evaluate)?;
            if self.interrupted {
                break;
            }
        }
        Ok(())
    }

    /// Why more connections than were looked at cannot win.
    fn hopeless(&self, shape: Shape) -> Option<String> {
        let mut fewer: Vec<(u32, &Look)> = (self.shapes.iter())
            .filter(|tried| {
                tried.shape.format == shape.format && tried.shape.batch_size == shape.batch_size
            })
            .filter(|tried| tried.shape.connections < shape.connections)
            .filter_map(|tried| Some((tried.shape.connections, tried.look()?)))
            .filter(|(_, look)| look.void.is_none())
            .collect();
        fewer.sort_by_key(|(connections, _)| *connections);
        let (connections, last) = *fewer.last()?;
        let words = counted(u64::from(connections), "connection", "connections");
        if self.limit.over(last) > HOPELESS {
            let p95 = latency(last.p95_us?);
            return Some(format!("not tried: P95 was {p95} with {words} already"));
        }
        let (_, before) = fewer.iter().rev().nth(1)?;
        let queues = last.records_per_sec < before.records_per_sec * (1.0 + TIE)
            && last.p95_us? > before.p95_us? * 2;
        queues.then(|| format!("not tried: {words} only queued already"))
    }

    /// Shapes that may still win.
    fn worth_more(&mut self) -> Vec<usize> {
        let all: Vec<usize> = (0..self.shapes.len()).collect();
        let best = self.best_rate_of(&all);
        let mut alive = Vec::new();
        for at in 0..self.shapes.len() {
            let Some(look) = self.shapes[at].look() else {
                continue;
            };
            let missed = self.limit.missed(look);
            let failing = look.void.is_some()
                || look.success_ratio < SUCCESS
                || self.limit.over(look) > SLACK;
            let dropped = match missed {
                Some(why) if failing => Some(why),
                _ if look.records_per_sec < best * WORTH => {
                    Some("under half of the best".to_owned())
                }
                _ => None,
            };
            if dropped.is_none() {
                alive.push(at);
            }
            self.shapes[at].dropped = dropped;
        }
        alive
    }

    /// The most records per second that hold the limit.
    fn best_rate_of(&self, shapes: &[usize]) -> f64 {
        let looks = shapes.iter().filter_map(|at| self.shapes[*at].look());
        let holding = looks.filter(|look| self.limit.missed(look).is_none());
        holding.map(|look| look.records_per_sec).fold(0.0, f64::max)
    }

    fn looks(&mut self, alive: &[usize], stage: Stage, evaluate: &mut Evaluate<'_>) -> Result<()> {
        for (number, at) in alive.iter().copied().enumerate() {
            self.evaluate(at, stage, (number + 1, alive.len()), evaluate)?;
            if self.interrupted {
                break;
            }
        }
        Ok(())
    }

    fn evaluate_once(
        &mut self,
        at: usize,
        stage: Stage,
        (number, of): (usize, usize),
        evaluate: &mut Evaluate<'_>,
    ) -> Result<()> {
        let ask = Ask {
            shape: self.shapes[at].shape,
            amount: self.amount(at, stage),
            stage,
            number,
            of,
        };
        match evaluate(&ask, &self.shapes) {
            Ok(None) => self.interrupted = true,
            Err(error @ Error::Target { .. }) => {
                self.interrupted = true;
                self.lost = Some(error.to_string());
            }
            Err(error) => return Err(error),
            Ok(Some(look)) => {
                self.requests += look.requests;
                if let Some(why) = &look.slow {
                    (self.interrupted, self.slow) = (true, true);
                    self.lost = Some(why.clone());
                }
                self.shapes[at].looks.push((stage, look));
            }
        }
        Ok(())
    }

    /// Looks at a shape, and once more where that was over before it could say much, or where a pause took much of it.
    fn evaluate(
        &mut self,
        at: usize,
        stage: Stage,
        number: (usize, usize),
        evaluate: &mut Evaluate<'_>,
    ) -> Result<()> {
        let (mut shorts, mut once_more) = (0, false);
        loop {
            self.evaluate_once(at, stage, number, evaluate)?;
            let tried = &mut self.shapes[at];
            let last = tried.looks.last().filter(|(of, _)| *of == stage);
            let Some((_, look)) = last.filter(|(_, look)| look.void.is_none()) else {
                break;
            };
            let counted = matches!(self.budget, Budget::Requests(_));
            let short = counted && look.elapsed_secs < shortest_secs(stage) / 2.0;
            let paused = !once_more && look.paused_ratio >= PAUSED;
            shorts += u32::from(short);
            if self.interrupted || !(paused || short && shorts < AGAIN) {
                break;
            }
            if paused {
                once_more = true;
                tried.paused_us = tried.paused_us.max(Some(look.longest_us));
            }
        }
        if once_more {
            self.shapes[at].put_the_least_paused_last(stage);
        }
        Ok(())
    }

    /// How much is sent in a look: what the budget says, and as much as lasts a moment.
    fn amount(&self, at: usize, stage: Stage) -> Amount {
        match self.budgeted(at, stage) {
            Amount::Requests(requests) => {
                let rate = self.rate_like(self.shapes[at].shape).unwrap_or_default();
                Amount::Requests(requests.max((rate * shortest_secs(stage)) as u64))
            }
            time @ Amount::Time(_) => time,
        }
    }

    fn budgeted(&self, at: usize, stage: Stage) -> Amount {
        let times = match stage {
            Stage::First => 1,
            Stage::Round(round) => (1 << (round - 1)).min(CONFIRMATION),
            Stage::Confirmation => CONFIRMATION,
        };
        match self.budget {
            Budget::Time(time) => Amount::Time((time * times as u32).min(Duration::from_secs_f64(
                LONGEST_SECS.max(time.as_secs_f64()),
            ))),
            Budget::Requests(requests) => {
                let shape = self.shapes[at].shape;
                let least = least_requests(shape, requests);
                let most = self
                    .rate_like(shape)
                    .map_or(u64::MAX, |rate| (rate * LONGEST_SECS) as u64);
                let rounds = u64::from(shape.connections) * ROUNDS;
                Amount::Requests((least * times).min(most).max(rounds))
            }
        }
    }

    /// Requests per second of a shape but for its pauses, or of the one most like it: the same batch with the next fewer connections.
    fn rate_like(&self, shape: Shape) -> Option<f64> {
        let alike = self.shapes.iter().filter(|tried| {
            let other = tried.shape;
            other.format == shape.format
                && other.batch_size == shape.batch_size
                && other.connections <= shape.connections
                && tried.look().is_some()
        });
        let nearest = alike.max_by_key(|tried| tried.shape.connections)?;
        let look = nearest.look()?;
        Some(look.requests_per_sec / (1.0 - look.paused_ratio).max(0.01))
    }

    /// Requests that a confirmation of this shape takes, by what is known of its rate.
    fn full_requests(&self, at: usize) -> u64 {
        match self.amount(at, Stage::Confirmation) {
            Amount::Requests(requests) => requests,
            Amount::Time(time) => {
                let rate = self.rate_like(self.shapes[at].shape);
                (rate.unwrap_or_default() * time.as_secs_f64()) as u64
            }
        }
    }

    /// Those that hold the limit come first, by records per second, of equals those with fewer connections; then those
    /// nearest to it.
    fn better_half(&mut self, mut alive: Vec<usize>) -> Vec<usize> {
        let best = self.best_rate_of(&alive);
        let rank = |at: usize| {
            let Some(look) = self.shapes[at].look() else {
                return (3, 0.0);
            };
            let rate = look.records_per_sec;
            match self.limit.missed(look) {
                None if rate >= best * (1.0 - TIE) => {
                    (0, f64::from(self.shapes[at].shape.connections))
                }
                None => (1, -rate),
                Some(_) => (2, self.limit.over(look)),
            }
        };
        alive.sort_by(|a, b| {
            let ((a_class, a), (b_class, b)) = (rank(*a), rank(*b));
            a_class.cmp(&b_class).then(a.total_cmp(&b))
        });
        let keep = alive.len().div_ceil(2).max(FINALISTS);
        let rest = alive.split_off(keep.min(alive.len()));
        for at in rest {
            let look = self.shapes[at].look();
            let why = look.and_then(|look| self.limit.missed(look));
            self.shapes[at].dropped = why.or_else(|| Some("others stored more".to_owned()));
        }
        alive
    }

    /// Of the shapes with the most records per second the one with the fewest connections.
    fn favourite(&self, alive: &[usize]) -> Option<usize> {
        let best = self.best_rate_of(alive);
        let holding = alive.iter().copied().filter_map(|at| {
            let look = self.shapes[at].look()?;
            let holds = self.limit.missed(look).is_none();
            holds.then_some((at, look.records_per_sec))
        });
        let tied = holding.filter(|(_, rate)| *rate >= best * (1.0 - TIE));
        let first = |a: &(usize, f64), b: &(usize, f64)| {
            let connections = |at: usize| self.shapes[at].shape.connections;
            connections(a.0)
                .cmp(&connections(b.0))
                .then(b.1.total_cmp(&a.1))
        };
        tied.min_by(first).map(|(at, _)| at)
    }

    fn note_missed(&mut self, at: usize) {
        let look = self.shapes[at].confirmation();
        if let Some(why) = look.and_then(|look| self.limit.missed(look)) {
            self.shapes[at].dropped = Some(format!("not confirmed: {why}"));
        }
    }

    /// Says of every shape that holds the limit how it stands to the best, by the figures that are shown.
    fn drop_others(&mut self, winner: usize) {
        let best = self.shapes[winner].shape;
        let most = self.shapes[winner]
            .look()
            .map_or(0.0, |look| look.records_per_sec);
        for at in 0..self.shapes.len() {
            let tried = &self.shapes[at];
            let Some(look) = tried.look().filter(|_| at != winner) else {
                continue;
            };
            let failed = tried.confirmation().is_some() && !self.is_confirmed(tried);
            if failed || self.limit.missed(look).is_some() {
                continue;
            }
            let part = look.records_per_sec / most.max(1e-9);
            let why = if part < WORTH {
                "under half of the best".to_owned()
            } else if part < 1.0 - TIE {
                "others stored more".to_owned()
            } else if part > 1.0 + TIE && tried.confirmation().is_none() {
                let requests = counted(look.requests, "request", "requests");
                format!("more than {best}, but over {requests} only")
            } else if best.connections < tried.shape.connections {
                format!("about as much as {best}, which has fewer connections")
            } else {
                format!("about as much as {best}")
            };
            self.shapes[at].dropped = Some(why);
        }
        self.shapes[winner].dropped = None;
    }
}

/// Least length of a look where requests are counted.
fn shortest_secs(stage: Stage) -> f64 {
    match stage {
        Stage::First | Stage::Round(_) => SHORTEST_SECS,
        Stage::Confirmation => SHORTEST_SECS * 10.0,
    }
}

/// Requests of a first look, where that is not too short.
pub(super) fn least_requests(shape: Shape, requests: u32) -> u64 {
    u64::from(requests).max(u64::from(shape.connections) * ROUNDS)
}

/// Shapes that none other beats in both: as many records per second at a lower P95, or more at the same.
pub(super) fn front(shapes: &[Tried]) -> Vec<usize> {
    let figures = |tried: &Tried| {
        let look = tried
            .look()
            .filter(|look| look.void.is_none() && look.success_ratio >= SUCCESS)?;
        Some((look.records_per_sec, look.p95_us?))
    };
    let beaten = |(rate, p95): (f64, u64)| {
        shapes.iter().filter_map(figures).any(|(other, other_p95)| {
            other >= rate && other_p95 <= p95 && (other > rate || other_p95 < p95)
        })
    };
    (0..shapes.len())
        .filter(|at| figures(&shapes[*at]).is_some_and(|own| !beaten(own)))
        .collect()
}
