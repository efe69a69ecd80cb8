//! A load run: dry run, or target prepared, load sent, numbers judged and reported.

use std::io::Write as _;

use crate::error::{Error, Result, exit};
use crate::plan::{Origins, Plan, describe};

/// A load command, resolved.
pub struct Invocation {
    /// What to do.
    pub plan: Plan,
    /// Where each setting comes from.
    pub origins: Origins,
    /// Print the plan and send nothing.
    pub dry_run: bool,
}

/// Runs it and returns the exit code.
///
/// # Errors
/// What kept the run from coming to a verdict.
pub fn run(invocation: Invocation) -> Result<u8> {
    if invocation.dry_run {
        return dry_run(&invocation);
    }
    Err(Error::Internal("the engine is not wired yet".to_owned()))
}

fn dry_run(invocation: &Invocation) -> Result<u8> {
    let text = describe(&invocation.plan, &invocation.origins);
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(Error::Output {
            path: "standard output".into(),
            source: error,
        }),
        _ => Ok(exit::PASS),
    }
}
