//! `krush selftest`: the real engine against servers that misbehave on purpose, and every figure held against what they know.

mod case;
mod catalogue;
mod findings;
mod laws;
mod scripts;
mod show;
#[cfg(test)]
mod tests;
mod trial;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Instant;

use self::case::Outcome;
use self::catalogue::catalogue;
use self::scripts::Scripts;
use self::show::Lines;
use crate::cli::SelftestArgs;
use crate::error::{Error, Result, exit};

/// Runs the cases asked for and the random scripts; returns the exit code: 1 if any figure was wrong.
///
/// # Errors
/// [`Error::Usage`] for a case that does not exist, or if stdout cannot be written.
pub fn selftest(args: &SelftestArgs) -> Result<u8> {
    let began = Instant::now();
    let mut cases = catalogue();
    if args.list {
        return show::list(&cases).map(|()| exit::PASS);
    }
    if !args.cases.is_empty() {
        let known: Vec<&str> = cases.iter().map(|case| case.name).collect();
        let all = args.cases.iter().map(String::as_str);
        if let Some(wanted) = all
            .clone()
            .find(|wanted| !known.iter().any(|name| name.contains(wanted)))
        {
            return Err(Error::Usage {
                message: format!("no case of the self-test has `{wanted}` in its name"),
                hint: Some("krush selftest --list names them all".to_owned()),
            });
        }
        cases.retain(|case| all.clone().any(|wanted| case.name.contains(wanted)));
    }
    let scripts = if args.cases.is_empty() {
        args.scripts
    } else {
        0
    };
    let mut lines = Lines::new(&cases, args.no_color);
    lines.head(cases.len(), scripts)?;
    let mut wrong = 0;
    in_turn(
        cases.len(),
        jobs(),
        |index| cases[index].run(),
        |index, outcome: Outcome| {
            wrong += usize::from(!outcome.findings.wrong().is_empty());
            lines.case(&cases[index], &outcome)?;
            Ok(lines.read)
        },
    )?;
    if !lines.read {
        return Ok(code(wrong));
    }
    if scripts > 0 {
        let mut tally = Scripts::new(args.seed);
        let run = |index: usize| scripts::run(args.seed, index as u64);
        in_turn(scripts, jobs() * 4, run, |_, outcome| {
            tally.add(&outcome);
            lines.progress(tally.run, scripts);
            Ok(true)
        })?;
        wrong += usize::from(!tally.wrong().is_empty());
        lines.scripts(&tally)?;
    }
    lines.end(wrong, began.elapsed())?;
    Ok(code(wrong))
}

fn code(wrong: usize) -> u8 {
    if wrong == 0 {
        exit::PASS
    } else {
        exit::INTERNAL
    }
}

/// Cases run side by side: they wait more than they compute.
fn jobs() -> usize {
    thread::available_parallelism()
        .map_or(1, usize::from)
        .clamp(2, 8)
}

/// Does `work` for `0..count` on `jobs` threads and hands over what comes of it in order, until `done` says that it is enough.
fn in_turn<T: Send>(
    count: usize,
    jobs: usize,
    work: impl Fn(usize) -> T + Sync,
    mut done: impl FnMut(usize, T) -> Result<bool>,
) -> Result<()> {
    let next = AtomicUsize::new(0);
    let (sender, results) = channel();
    thread::scope(|scope| {
        for _ in 0..jobs.min(count) {
            let (sender, next, work) = (sender.clone(), &next, &work);
            scope.spawn(move || {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    if index >= count || sender.send((index, work(index))).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        let mut early = BTreeMap::new();
        let mut wanted = 0;
        for (index, result) in results {
            early.insert(index, result);
            while let Some(result) = early.remove(&wanted) {
                if !done(wanted, result)? {
                    return Ok(());
                }
                wanted += 1;
            }
        }
        Ok(())
    })
}

/// Whether anybody still reads stdout: a reader that left (`krush selftest | head`) has seen what it wanted.
fn written(result: std::io::Result<()>) -> Result<bool> {
    match result {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(Error::stdout(error)),
    }
}
