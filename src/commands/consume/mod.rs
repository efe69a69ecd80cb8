//! `krush consume`: instances read what is there or what comes, and what they saw is reported.

mod ready;
mod wanted;
mod watch;

use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use self::ready::Ready;
use self::wanted::Wanted;
pub(super) use self::wanted::base_uri;
use super::crew::{self, Begin, Crew, Orders};
use super::interrupt::Interrupts;
use super::load::{run_name, written};
use crate::cli::ConsumeArgs;
use crate::engine::Control;
use crate::error::{Error, Result, exit};
use crate::measure::consume::{SeenBy, Tally};
use crate::report::consume::{
    self as report, ConsumeEnd, ConsumeReport, Consumed, NotDeleted, table,
};
use crate::report::{Style, write_text};
use crate::rest::{ConsumerClient, Interest};
use crate::wire::Dialect;

/// How long the deletion of an instance may take.
const DELETED_WITHIN: Duration = Duration::from_secs(10);
/// How much longer than its own time a fetch is waited for at the end.
const GRACE: Duration = Duration::from_secs(5);

/// Reads, reports, and returns the exit code.
///
/// # Errors
/// What kept it from reading anything.
pub fn consume(args: &ConsumeArgs) -> Result<u8> {
    let wanted = Wanted::of(args)?;
    let interrupts = Interrupts::watch(Arc::new(Control::new()))?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Error::Internal(format!("cannot start a runtime: {error}")))?;
    runtime.block_on(async {
        let mut stderr = std::io::stderr();
        let found = ready::find(&wanted, &mut stderr);
        let Some(mut ready) = unless_heard(&interrupts, found).await else {
            return Ok(exit::INTERRUPTED);
        };
        let looked = match &mut ready {
            Ok(ready) => unless_heard(&interrupts, ready.look(&wanted)).await,
            Err(_) => Some(Ok(())),
        };
        let ready = ready?;
        let outcome = match looked {
            Some(Ok(())) => read(&wanted, &ready, &interrupts).await,
            Some(Err(error)) => Err(error),
            None => Ok(None),
        };
        let not_deleted = delete(&ready.clients, &interrupts).await;
        match outcome {
            Ok(Some(read)) => tell(&wanted, &ready, read, not_deleted),
            other => {
                for left in not_deleted {
                    // Nothing is left to do if standard error is closed.
                    let _ = writeln!(stderr, "warning: not deleted: {}: {}", left.path, left.why);
                }
                other.map(|_| exit::INTERRUPTED)
            }
        }
    })
}

/// The outcome of `work`, or `None` if a signal came first.
pub(super) async fn unless_heard<T>(
    interrupts: &Interrupts,
    work: impl Future<Output = T>,
) -> Option<T> {
    tokio::select! {
        outcome = work => Some(outcome),
        () = interrupts.heard() => None,
    }
}

/// What was read, before it is told.
struct Read {
    crew: Arc<Crew>,
    end: ConsumeEnd,
    gone: Option<String>,
    started_at: SystemTime,
    elapsed: Duration,
}

async fn read(wanted: &Wanted, ready: &Ready, interrupts: &Interrupts) -> Result<Option<Read>> {
    if !wanted.quiet && !wanted.json {
        let header = table::header(&wanted.plan(ready), &ready.target(wanted));
        written(super::say(&format!("{header}\n")))?;
    }
    let seen_by = match ready.dialect {
        Dialect::Confluent | Dialect::Karapace => SeenBy::Assignments,
        Dialect::Strimzi | Dialect::Redpanda => SeenBy::Records,
    };
    let backlog = ready.stretches.clone().unwrap_or_default();
    let tally = Tally::new(wanted.instances as usize, seen_by, backlog);
    let nothing = wanted.drain && tally.backlog().open_partitions == 0;
    let orders = Arc::new(orders(wanted));
    let (crew, started_at) = (Crew::new(tally), SystemTime::now());
    if nothing {
        crew.end(ConsumeEnd::Drained);
    }
    let sink: crew::Sink = Arc::new(|_: &_| ());
    let tasks = crew.start(&ready.clients, &orders, &sink);
    let mut show = watch::Show::new(wanted);
    watch::until_ended(&crew, wanted, interrupts, &mut show).await;
    let grace = wanted.fetch_timeout + wanted.process + GRACE;
    crew::join(tasks, grace, interrupts.heard()).await?;
    show.end();
    let elapsed = crew.origin.elapsed();
    let (end, error) = crew.ended().unwrap_or((ConsumeEnd::Duration, None));
    let fetched = crew.tally().fetches() > 0;
    let gone = match error {
        // It never came to a fetch: the error says it all.
        Some(error) if !fetched => return Err(error),
        error => error.map(|error| error.to_string()),
    };
    Ok(Some(Read {
        crew,
        end,
        gone,
        started_at,
        elapsed,
    }))
}

fn orders(wanted: &Wanted) -> Orders {
    Orders {
        group: wanted.group.clone(),
        name: run_name(),
        settings: wanted.settings,
        fetch: wanted.fetch,
        begin: Begin::Subscribe(match &wanted.pattern {
            Some(pattern) => Interest::Pattern(pattern.as_str().to_owned()),
            None => Interest::Topics(wanted.topics.clone()),
        }),
        commit: wanted.commit,
        process: wanted.process,
        patience: wanted.timeout * 4,
        messages: wanted.messages,
        drain: wanted.drain,
    }
}

/// Deletes all instances; a signal ends the wait for it.
pub(super) async fn delete(clients: &[ConsumerClient], interrupts: &Interrupts) -> Vec<NotDeleted> {
    let mut left = Vec::new();
    for client in clients {
        let paths = client.paths();
        let given_up = |path| NotDeleted {
            path,
            why: "a signal ended the wait for it".to_owned(),
        };
        match unless_heard(interrupts, client.close(DELETED_WITHIN)).await {
            None => left.extend(paths.into_iter().map(given_up)),
            Some(undeleted) => left.extend(undeleted.into_iter().map(|one| NotDeleted {
                path: one.path,
                why: one.error.to_string(),
            })),
        }
    }
    left
}

fn tell(wanted: &Wanted, ready: &Ready, read: Read, not_deleted: Vec<NotDeleted>) -> Result<u8> {
    let report: ConsumeReport = report::build(Consumed {
        plan: wanted.plan(ready),
        target: ready.target(wanted),
        tally: &read.crew.tally(),
        backlog_known: ready.stretches.is_some(),
        started_at: read.started_at,
        elapsed: read.elapsed,
        end: read.end,
        gone: read.gone,
        not_deleted,
        warnings: ready.warnings.clone(),
    });
    let json = report::json(&report);
    let file = wanted.output.as_deref().map(|path| write_text(&json, path));
    let files: Vec<PathBuf> = match &file {
        Some(Ok(())) => wanted.output.iter().cloned().collect(),
        _ => Vec::new(),
    };
    let style = Style::new(super::in_color(wanted.color));
    let text = match (wanted.json, wanted.quiet) {
        (true, _) => json,
        (false, true) => table::verdict_lines(&report, &files, style),
        (false, false) => table::body(&report, &files, style),
    };
    written(super::say(&text))?;
    // A result that cannot be kept is at least shown.
    file.transpose()?;
    Ok(report.verdict.exit_code)
}
