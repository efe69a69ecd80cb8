//! A verb, its plan, the library, an exit code. The only place where the parts of the program meet.

mod audit;
mod back_pressure;
mod baseline;
pub mod capacity;
pub mod compare;
pub mod consume;
mod control;
mod creation;
mod crew;
mod duet;
mod e2e;
mod exporter;
pub mod gate;
mod grid;
pub mod history;
mod interrupt;
mod keep;
pub mod lag;
mod limits;
pub mod load;
pub mod merge;
pub mod monitor;
pub mod pages;
pub mod prepare;
mod progress;
#[cfg(test)]
mod recorded;
pub mod report;
mod same_file;
pub mod selftest;
pub mod serve;
pub mod status;
pub mod topics;
mod trials;
pub mod tune;
pub mod verify;

use std::io::{IsTerminal, Write as _};
use std::path::{Path, PathBuf};

use crate::cli::{Cli, Command, LoadArgs, ReadingArgs};
use crate::error::{Error, Result};
use crate::plan::{Layers, Machine, PRESETS, Scenario, resolve};

/// Does what was typed and returns the exit code.
///
/// # Errors
/// Whatever keeps the command from coming to a verdict; [`Error::exit_code`] says how the process ends.
pub fn dispatch(cli: Cli) -> Result<u8> {
    match cli.command {
        Command::Basic(args) => load("basic", args),
        Command::Optimized(args) => load("optimized", args),
        Command::Extreme(args) => load("extreme", args),
        Command::SixtyFourKb(args) => load("64kb", args),
        Command::Run(args) => run(read_scenario(&args.file)?, args.load, None),
        Command::E2e(args) => run(Scenario::e2e()?, args.load, Some(args.reading)),
        Command::Verify(args) => verify::verify(&args),
        Command::Consume(args) => consume::consume(&args),
        Command::Compare(args) => compare::compare(&args),
        Command::Gate(args) => gate::gate(args),
        Command::History(args) => history::history(&args),
        Command::Report(args) => report::report(&args),
        Command::Merge(args) => merge::merge(&args),
        Command::Tune(args) => tune::tune(&args),
        Command::Capacity(args) => capacity::capacity(&args),
        Command::Serve(args) => serve::serve(&args),
        Command::Topics(args) => topics::topics(&args),
        Command::Status(args) => status::status(&args),
        Command::Lag(args) => lag::lag(&args),
        Command::Monitor(args) => monitor::monitor(&args),
        Command::Selftest(args) => selftest::selftest(&args),
        Command::Completions(args) => pages::completions(&args),
        Command::Man(args) => pages::man(&args),
    }
}

fn load(preset: &str, args: LoadArgs) -> Result<u8> {
    run(Scenario::preset(preset)?, args, None)
}

fn run(scenario: Scenario, args: LoadArgs, end_to_end: Option<ReadingArgs>) -> Result<u8> {
    load::run(invocation(scenario, args, end_to_end)?)
}

/// A load command, resolved.
fn invocation(
    scenario: Scenario,
    args: LoadArgs,
    end_to_end: Option<ReadingArgs>,
) -> Result<load::Invocation> {
    let mut environment = args.typed.environment;
    if no_color_asked() {
        environment.no_color.get_or_insert(true);
    }
    let layers = Layers {
        scenario,
        environment,
        flags: args.typed.flags,
    };
    let (plan, origins) = resolve(layers, machine())?;
    Ok(load::Invocation {
        plan,
        origins,
        dry_run: args.dry_run,
        end_to_end,
        github_summary: github_summary(),
    })
}

/// What this machine adds to a plan.
fn machine() -> Machine {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    Machine {
        parallelism: u32::try_from(cores).unwrap_or(u32::MAX),
    }
}

/// The convention of no-color.org: any value but the empty one counts.
fn no_color_asked() -> bool {
    std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
}

/// The file in which GitHub Actions collects what a step has to say, if krush runs in one.
fn github_summary() -> Option<PathBuf> {
    let path = std::env::var_os(load::GITHUB_STEP_SUMMARY)?;
    (!path.is_empty()).then(|| path.into())
}

/// Writes a text to standard output.
fn say(text: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// Whether what is printed may have colours: standard output is a terminal that takes them.
fn in_color(wanted: bool) -> bool {
    wanted && std::io::stdout().is_terminal() && takes_color()
}

/// A console of Windows prints escape sequences as they are until it is told to obey them.
#[cfg(windows)]
fn takes_color() -> bool {
    anstyle_query::windows::enable_ansi_colors() == Some(true)
}

#[cfg(not(windows))]
fn takes_color() -> bool {
    true
}

/// A scenario file, or a preset by its name where there is no such file.
fn read_scenario(path: &Path) -> Result<Scenario> {
    let preset = PRESETS.iter().find(|(name, _)| path == Path::new(name));
    if let Some((name, _)) = preset.filter(|_| !path.exists()) {
        return Scenario::preset(name);
    }
    let text = std::fs::read_to_string(path).map_err(|error| Error::Usage {
        message: format!("cannot read scenario {}: {error}", path.display()),
        hint: Some(
            "give the path of a TOML file, or use basic, optimized, extreme or 64kb".to_owned(),
        ),
    })?;
    Scenario::parse(path, &text)
}
