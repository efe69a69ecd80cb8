//! What the commands that send no load have in common: target, probe, Ctrl-C, output.

use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use super::interrupt::Interrupts;
use super::load::written;
use crate::cli::ControlArgs;
use crate::engine;
use crate::error::{Error, Result, exit};
use crate::plan::{Target, resolve_target};
use crate::rest::{CallError, Client, Patience, Problem, Server, probe};

/// Limit for each call after the first ones.
const CALL_TIMEOUT: Duration = Duration::from_secs(15);

/// A server that answers, and a client for it.
pub(super) struct Connected {
    /// Calls it.
    pub(super) client: Client,
    /// What it was recognised as.
    pub(super) server: Server,
}

/// What flags and variables say of the target.
pub(super) fn target(args: &ControlArgs) -> Result<Target> {
    let typed = args.typed.clone();
    resolve_target(typed.environment, typed.flags)
}

/// Connects to the target, does the work, and prints what it gives; Ctrl-C ends it.
///
/// # Errors
/// A target that cannot be used, and whatever the work ends with.
pub(super) fn show(
    args: &ControlArgs,
    work: impl AsyncFnOnce(Connected) -> Result<String>,
) -> Result<u8> {
    let target = target(args)?;
    let work = async {
        let connected = connect(&target).await?;
        work(connected).await
    };
    let text = interruptible(work, async {})?;
    match text {
        Some(text) => print(&text),
        None => Ok(exit::INTERRUPTED),
    }
}

/// The outcome of `work`, or `None` if Ctrl-C came first; then `clean` is done, which another Ctrl-C ends.
pub(super) fn interruptible<T>(
    work: impl Future<Output = Result<T>>,
    clean: impl Future<Output = ()>,
) -> Result<Option<T>> {
    // Signals go to the control of an engine, which here has nothing to do.
    let interrupts = Interrupts::watch(Arc::new(engine::Control::new()))?;
    let outcome = interrupts.unless_interrupted(work);
    interrupts.unless_interrupted(clean);
    outcome.transpose()
}

/// Text to standard output.
pub(super) fn print(text: &str) -> Result<u8> {
    let mut out = std::io::stdout().lock();
    written(out.write_all(text.as_bytes()).and_then(|()| out.flush()))
}

/// The first of the target's URLs, once it answers.
pub(super) async fn connect(target: &Target) -> Result<Connected> {
    let mut stderr = std::io::stderr();
    let url = target
        .urls
        .first()
        .ok_or_else(|| Error::Internal("a target without a URL".to_owned()))?;
    let client = Client::new(target, url, CALL_TIMEOUT)?;
    if target.urls.len() > 1 {
        // Nothing is left to do if standard error is closed.
        let _ = writeln!(
            stderr,
            "asking {}, the first of {} URLs",
            client.base(),
            target.urls.len()
        );
    }
    if let Err(error) = client.with_timeout(CALL_TIMEOUT).root().await
        && error.problem == Problem::Refused
    {
        return Err(refused(&error));
    }
    let mut server = probe(&client, url, Patience::default(), &mut stderr).await?;
    server.dialect = target.dialect.unwrap_or(server.dialect);
    Ok(Connected { client, server })
}

/// Nothing listens there; these commands start no stand-in of their own.
pub(super) fn refused(error: &CallError) -> Error {
    Error::target(
        error.to_string(),
        "start a REST Proxy there, name another one with --url, or start the built-in stand-in: krush serve",
    )
}

/// A value as one line of JSON.
pub(super) fn json(value: &impl serde::Serialize) -> Result<String> {
    serde_json::to_string(value)
        .map(|text| text + "\n")
        .map_err(|error| Error::Internal(format!("JSON: {error}")))
}
