//! `krush gate`: a duet as a command of its own, and what this machine's noise does to one.

mod aa;
mod words;

use super::{duet, invocation, load};
use crate::cli::GateArgs;
use crate::error::{Error, Result};
use crate::plan::{Against, DEFAULT_URL, Repeat, Scenario};

/// Rounds of `--aa`, if nothing else is said.
const ROUNDS: u32 = 20;
/// Pairs of a round of `--aa`, if nothing else is said.
const PAIRS: u32 = 8;

/// Runs it and returns the exit code.
///
/// # Errors
/// What kept it from coming to a verdict.
pub fn gate(args: GateArgs) -> Result<u8> {
    let GateArgs {
        aa,
        rounds,
        load: mut flags,
    } = args;
    if aa {
        let typed = &mut flags.typed;
        // Against itself: which URL that is, is known once it is ready.
        typed.environment.baseline = None;
        typed.environment.baseline_url = None;
        typed.flags.baseline_url = Some(DEFAULT_URL.to_owned());
        if typed.flags.repeat.is_none() && typed.environment.repeat.is_none() {
            typed.flags.repeat = Some(Repeat::Pairs(PAIRS));
        }
        return aa::run(
            invocation(Scenario::gate()?, flags, None)?,
            rounds.unwrap_or(ROUNDS),
        );
    }
    if rounds.is_some() {
        return Err(Error::Usage {
            message: "--rounds: only --aa has rounds".to_owned(),
            hint: Some("say how many pairs a duet has with --repeat, or add --aa".to_owned()),
        });
    }
    let invocation = invocation(Scenario::gate()?, flags, None)?;
    match invocation.plan.baseline.as_ref().map(|baseline| &baseline.against) {
        Some(Against::Target(_)) => duet::run(invocation, true),
        Some(Against::Report(_)) => Err(Error::Usage {
            message: "--baseline: krush gate loads two targets, and this is a report".to_owned(),
            hint: Some("name the old target with --baseline-url, or give --baseline to a load command".to_owned()),
        }),
        None => Err(Error::Usage {
            message: "krush gate needs two targets".to_owned(),
            hint: Some("name the old one with --baseline-url, and the new one with --url; or see what noise does here with --aa".to_owned()),
        }),
    }
}
