//! The run from aside: when it ends, and what is shown of it meanwhile.

use std::time::Duration;

use super::super::crew::Crew;
use super::super::interrupt::Interrupts;
use super::super::progress::Line;
use super::wanted::Wanted;
use crate::measure::consume::InstanceTally;
use crate::report::consume::ConsumeEnd;
use crate::units::{grouped, rate_digits};

/// Time between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Span over which the rate shown is taken.
const RATE_OVER: Duration = Duration::from_secs(1);

/// Shows how far it is.
pub(super) struct Show {
    line: Line,
    /// Time and records at the last reading of the rate, and that rate.
    reading: (Duration, u64, f64),
    messages: Option<u64>,
    duration: Option<Duration>,
}

impl Show {
    pub(super) fn new(wanted: &Wanted) -> Self {
        Self {
            line: Line::new(wanted.quiet),
            reading: (Duration::ZERO, 0, 0.0),
            messages: wanted.messages,
            duration: wanted.duration,
        }
    }

    pub(super) fn end(&mut self) {
        self.line.end();
    }

    fn look(&mut self, crew: &Crew) {
        let elapsed = crew.origin.elapsed();
        let (records, backlog, failed, lost) = {
            let tally = crew.tally();
            let (fetched, again) = tally.records();
            let instances = tally.instances().iter();
            let lost: u64 = instances.clone().map(|one| one.lost).sum();
            let failed: u64 = instances.map(InstanceTally::failed_fetches).sum();
            (fetched - again, tally.backlog(), failed, lost)
        };
        let (at, before, mut rate) = self.reading;
        let span = elapsed.saturating_sub(at);
        if span >= RATE_OVER || at.is_zero() {
            rate = (records - before) as f64 / span.as_secs_f64().max(1e-3);
        }
        if span >= RATE_OVER {
            self.reading = (elapsed, records, rate);
        }
        let share = match (self.messages, self.duration) {
            (Some(all), _) => records as f64 / all as f64,
            (None, Some(all)) => elapsed.as_secs_f64() / all.as_secs_f64(),
            (None, None) => backlog.read as f64 / backlog.records.unwrap_or(0).max(1) as f64,
        };
        let mut text = String::new();
        if lost > 0 {
            text = format!("{} instances LOST  ", grouped(lost));
        }
        if failed > 0 {
            text = format!("{text}{} fetches FAILED  ", grouped(failed));
        }
        text = format!(
            "{text}{} records  {} rec/s",
            grouped(records),
            rate_digits(rate)
        );
        if records == 0 {
            text = format!("{text}  waiting for the first");
        } else if let Some(all) = backlog.records.filter(|all| backlog.read < *all) {
            text = format!(
                "{text}  {} of the backlog left",
                grouped(all - backlog.read)
            );
        }
        self.line.show(share.min(1.0), text);
    }
}

/// Ready when the run is over: its goal reached, its time up, nothing coming any more, or a signal.
pub(super) async fn until_ended(
    crew: &Crew,
    wanted: &Wanted,
    interrupts: &Interrupts,
    show: &mut Show,
) {
    let mut tick = tokio::time::interval(LOOK_EVERY);
    loop {
        tokio::select! {
            () = crew.until_ended() => return,
            () = interrupts.heard() => crew.end(ConsumeEnd::Interrupted),
            _ = tick.tick() => {}
        }
        if wanted
            .duration
            .is_some_and(|all| crew.origin.elapsed() >= all)
        {
            crew.end(ConsumeEnd::Duration);
        }
        let waits = wanted.drain || wanted.messages.is_some();
        if waits && crew.silent_for() >= wanted.idle {
            crew.end(ConsumeEnd::Idle);
        }
        show.look(crew);
    }
}
