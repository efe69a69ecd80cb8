//! A load run: dry run, or target prepared, load sent, numbers judged and reported.

use std::io::Write;

use url::Url;

use super::limits;
use super::prepare::prepare;
use crate::error::{Error, Result, exit};
use crate::plan::{Origins, Plan, describe};
use crate::rest::Patience;

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
    let Invocation {
        mut plan,
        origins,
        dry_run,
    } = invocation;
    if dry_run {
        return written(print_plan(&plan, &origins, &mut std::io::stdout().lock()));
    }
    limits::descriptors(plan.load.concurrency)?;
    limits::outputs(&plan)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Error::Internal(format!("control-plane runtime: {error}")))?;
    let mut stderr = std::io::stderr();
    let ready = prepare(&mut plan, Patience::default(), &mut stderr, start_standin);
    let prepared = runtime.block_on(ready)?;
    Err(Error::Internal(format!(
        "{} is ready, but no engine is wired",
        prepared.facts.server
    )))
}

/// Starts the built-in stand-in and gives its base URL.
fn start_standin() -> Result<(Url, ())> {
    Err(Error::Internal("no stand-in is wired".to_owned()))
}

/// A reader that left (`krush … | head`) has seen what it wanted: that is success.
fn written(result: std::io::Result<()>) -> Result<u8> {
    match result {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(Error::Output {
            path: "standard output".into(),
            source: error,
        }),
        _ => Ok(exit::PASS),
    }
}

fn print_plan(plan: &Plan, origins: &Origins, out: &mut impl Write) -> std::io::Result<()> {
    out.write_all(describe(plan, origins).as_bytes())?;
    out.flush()
}
