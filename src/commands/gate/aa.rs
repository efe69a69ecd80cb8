//! `krush gate --aa`: a target against itself. Whatever is found is noise.

use std::io::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::load::{Invocation, written};
use super::words::{Round, summary};
use crate::commands::duet::{Rules, Side, play, sliced};
use crate::commands::interrupt::Interrupts;
use crate::commands::limits::{self, Ends};
use crate::commands::load::print_plan;
use crate::commands::progress::Line;
use crate::engine::Control;
use crate::error::{Error, Result, exit};
use crate::gate::Outcome;
use crate::plan::{Origin, Origins, Plan, Repeat, Stop};
use crate::report::table;
use crate::units::{counted, duration};

/// Plays the rounds, says what they come to, and returns the exit code.
///
/// # Errors
/// The target cannot be used, or is gone.
pub(super) fn run(invocation: Invocation, rounds: u32) -> Result<u8> {
    let Invocation {
        plan,
        origins,
        dry_run,
        ..
    } = invocation;
    no_place(&plan, &origins)?;
    let plan = sliced(plan, &origins, true)?;
    if dry_run {
        return written(print_plan(&plan, &origins, &mut std::io::stdout().lock()));
    }
    let Some(baseline) = plan.baseline.clone() else {
        return Err(Error::Internal("a duet without a baseline".to_owned()));
    };
    limits::descriptors(plan.load.concurrency, Ends::Both)?;
    let control = Arc::new(Control::new());
    let interrupts = Interrupts::watch(Arc::clone(&control))?;
    let mut single = plan.clone();
    single.thresholds = Vec::new();
    let Some(mut new) = Side::prepare("the target", single, &interrupts)? else {
        return Ok(exit::INTERRUPTED);
    };
    let mut old = new.again("the target")?;
    let rules = Rules::of(&plan, &baseline);
    if !plan.output.quiet {
        let header = table::header(&new.plan, &new.prepared.facts);
        let pairs = match baseline.repeat {
            Repeat::Auto => format!("pairs for {} at most", duration(rules.max_time)),
            Repeat::Pairs(pairs) => counted(u64::from(pairs), "pair", "pairs"),
        };
        let rounds = counted(u64::from(rounds), "round", "rounds");
        let slice = match new.plan.load.stop {
            Stop::Duration(length) => duration(length),
            Stop::Messages(messages) => counted(messages, "record", "records"),
        };
        let header = header.trim_end();
        let line = format!("{header}\nagainst itself: {rounds} of {pairs}, slices of {slice}\n\n");
        written(std::io::stdout().lock().write_all(line.as_bytes()))?;
    }
    let mut line = Line::new(plan.output.quiet);
    let mut seen: Vec<Round> = Vec::new();
    let mut gone = None;
    for number in 1..=rounds {
        old.clear();
        new.clear();
        let began = Instant::now();
        let played = play(&mut old, &mut new, &rules, &control, &mut |look| {
            let share = f64::from(number - 1) / f64::from(rounds);
            let alarms = seen.iter().filter(|round| round.is_alarm()).count();
            line.show(
                share,
                format!(
                    "round {number} of {rounds}, pair {}  {} so far",
                    look.pairs + 1,
                    counted(alarms as u64, "false alarm", "false alarms")
                ),
            );
        });
        let played = played.inspect_err(|_| line.end())?;
        if control.interrupts() > 0 {
            break;
        }
        if played.gone.is_some() {
            gone = played.gone;
            break;
        }
        seen.push(Round::of(
            &played.compared(&old, &new, &rules),
            old.is_valid() && new.is_valid(),
            played.pairs.len() as u32,
            began.elapsed(),
        ));
    }
    line.end();
    new.end()?;
    let interrupted = control.interrupts() > 0;
    let text = summary(&seen, baseline.margin, interrupted);
    written(std::io::stdout().lock().write_all(text.as_bytes()))?;
    gone.map_or_else(|| Ok(code(&seen, interrupted)), Err)
}

/// Refuses flags that have no effect here. Variables have none: they may be set for all commands of a job.
fn no_place(plan: &Plan, origins: &Origins) -> Result<()> {
    const NO_RUN: &str = "--aa is about this machine, and leaves no report of a run";
    const NO_VERDICT: &str = "--aa is about this machine, and judges no target";
    let keep = "keep what it prints, such as with > aa.txt";
    let leave = "leave it out, or hold two targets against each other without --aa";
    let keys = [
        ("output", NO_RUN, keep),
        ("push_gateway", NO_RUN, leave),
        ("prometheus_port", NO_RUN, leave),
        ("thresholds.fail_on", NO_VERDICT, leave),
        ("thresholds.min_throughput", NO_VERDICT, leave),
        ("thresholds.max_p95", NO_VERDICT, leave),
    ];
    let history = plan
        .output
        .history
        .is_some()
        .then_some(("history", NO_RUN, leave));
    let mut keys = keys.into_iter().chain(history);
    match keys.find(|(key, ..)| matches!(origins.of(key), Origin::Flag(_))) {
        None => Ok(()),
        Some((key, what, hint)) => Err(origins.error(key, what, hint)),
    }
}

/// A false alarm is no regression: what is asked here is whether one could be believed.
fn code(rounds: &[Round], interrupted: bool) -> u8 {
    if interrupted {
        return exit::INTERRUPTED;
    }
    if rounds.iter().all(|round| !round.valid) {
        return exit::VOID;
    }
    if rounds.iter().any(Round::is_alarm) || !rounds.iter().any(Round::tells) {
        return exit::INCONCLUSIVE;
    }
    exit::PASS
}

impl Round {
    /// Noise was called a regression.
    pub(super) fn is_alarm(&self) -> bool {
        self.tells() && self.outcome == Outcome::Regression
    }
}

/// So that a length of time prints as it is typed.
pub(super) fn rounded(time: Duration) -> String {
    duration(Duration::from_secs(time.as_secs_f64().ceil() as u64))
}
