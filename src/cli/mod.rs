//! What was typed: commands, flags and variables as clap reads them. No I/O, no meaning.

mod capacity;
mod compare;
mod consume;
mod control;
mod gate;
mod history;
mod layered;
mod load;
mod merge;
mod monitor;
mod pages;
mod presets;
mod report;
mod search;
mod selftest;
mod serve;
mod target;
mod tune;
mod verify;

pub use capacity::CapacityArgs;
pub use compare::CompareArgs;
pub use consume::{
    BaseUriChoice, CommitMode, ConsumeArgs, E2eArgs, ReadingArgs, StartAt, StoredAs,
};
pub use control::{
    CreateArgs, DeleteArgs, DescribeArgs, LagArgs, ListArgs, SizeArgs, StatusArgs, TopicsArgs,
    TopicsVerb,
};
pub use gate::GateArgs;
pub use history::HistoryArgs;
pub use layered::Typed;
pub use load::LoadArgs;
pub use merge::MergeArgs;
pub use monitor::MonitorArgs;
pub use pages::{CompletionsArgs, ManArgs, ManPage, completions, man_pages};
pub use report::ReportArgs;
pub use search::{NO_PLACE_IN_SEARCH, NO_PLACE_IN_TUNE};
pub use selftest::SelftestArgs;
pub use serve::{ServeArgs, ServedTopic};
pub use target::{ControlArgs, TargetArgs};
pub use tune::{Budget, TuneArgs};
pub use verify::VerifyArgs;

use std::ffi::OsString;
use std::path::PathBuf;

use layered::Layered;

use clap::error::{ContextKind, ContextValue};
use clap::{ArgMatches, CommandFactory, FromArgMatches, Parser, Subcommand};

const AFTER_HELP: &str = "\
Start with `krush basic`: where nothing listens on localhost:8082 it tests a stand-in of its own. \
For a server: krush extreme --url http://HOST:8082 --concurrency 8 --duration 30s

Exit codes: 0 pass, 1 internal error, 2 usage or scenario, 10 threshold missed, 11 regression, \
12 inconclusive, 13 void run, 14 data integrity, 15 target unreachable, 130 interrupted.";

const LOAD_AFTER_HELP: &str = "\
Defaults are those of a scenario that says nothing. This command's scenario comes before them,
the environment before the scenario, flags before all; --dry-run shows what holds and why.";

const PRESET_AFTER_HELP: &str = "\
Defaults are those of this command's scenario. The environment comes before it, flags before all;
--dry-run shows what holds and why.";

const CONSUME_AFTER_HELP: &str = "\
Instances are always deleted at the end, also after Ctrl-C and after an error.
Exit codes: 0 pass, 2 usage, 10 --min-throughput missed, 13 void: what should come did not,
15 target unreachable or gone, 130 interrupted.";

const TUNE_AFTER_HELP: &str = "\
Needs --max-p95. Flags that say how much or how fast to send have no place here; see docs/tune.md.
Exit codes: 0 a shape was found, 2 usage, 10 no shape holds the limit, 13 every look was void,
15 target unreachable or gone, 130 interrupted (what was found so far is printed).";

const CAPACITY_AFTER_HELP: &str = "\
Needs --slo or --max-p95. 50 connections and batches of 100 unless said; see docs/tune.md.
Exit codes: 0 a rate was found, 2 usage, 10 even the lowest rate misses, 13 the generator was the
limit, 15 target unreachable or gone, 130 interrupted (what was found so far is printed).";

/// Load-test Kafka over HTTP: batched produce through a REST Proxy, judged record by record.
#[derive(Parser)]
#[command(name = "krush", version, long_version = long_version(), max_term_width = 100, after_help = AFTER_HELP)]
#[command(subcommand_required = true, arg_required_else_help = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The verbs.
#[derive(Subcommand)]
pub enum Command {
    /// First look: 1,000 small records, 10 connections, 10 each
    #[command(after_help = PRESET_AFTER_HELP, mut_args = presets::defaults("basic"))]
    Basic(LoadArgs),
    /// Large batches: 50,000 small records, 500 connections, 1,000 each
    #[command(after_help = PRESET_AFTER_HELP, mut_args = presets::defaults("optimized"))]
    Optimized(LoadArgs),
    /// The most: 100,000 small records, 500 connections, 1,000 each
    #[command(after_help = PRESET_AFTER_HELP, mut_args = presets::defaults("extreme"))]
    Extreme(LoadArgs),
    /// Large records: 1,000 of 64 KiB as base64, 50 connections, 10 each
    #[command(name = "64kb", after_help = PRESET_AFTER_HELP, mut_args = presets::defaults("64kb"))]
    SixtyFourKb(LoadArgs),
    /// Run a scenario file
    #[command(after_help = LOAD_AFTER_HELP)]
    Run(RunArgs),
    /// List, describe, create and delete topics
    Topics(TopicsArgs),
    /// What the target is, and whether it is ready
    Status(StatusArgs),
    /// Read records back: rates, fetch latency, time to drain a backlog
    #[command(after_help = CONSUME_AFTER_HELP)]
    Consume(ConsumeArgs),
    /// Send at a rate and read at once: latency from due to a consumer
    #[command(after_help = LOAD_AFTER_HELP)]
    E2e(E2eArgs),
    /// Hold what a run acked against what is stored, from its report
    Verify(VerifyArgs),
    /// How far a consumer group is behind, partition by partition
    Lag(LagArgs),
    /// Watch a target live: throughput, canary latency, lag, health
    Monitor(MonitorArgs),
    /// Hold one run against another: slower, equal, or not to be told
    Compare(CompareArgs),
    /// Load two targets in turn and compare them pair by pair
    #[command(mut_args = gate::shown)]
    Gate(GateArgs),
    /// List the runs so far, and their trend
    History(HistoryArgs),
    /// Make HTML, Markdown, CSV, JUnit, Prometheus, HDR from reports
    Report(ReportArgs),
    /// Put the reports of several workers into one, losslessly
    Merge(MergeArgs),
    /// Find the batch size and the connections with the most records/s
    #[command(after_help = TUNE_AFTER_HELP, mut_args = search::tune_flags)]
    Tune(TuneArgs),
    /// Find the highest rate that holds a latency limit; overload it
    #[command(after_help = CAPACITY_AFTER_HELP, mut_args = search::capacity_flags)]
    Capacity(CapacityArgs),
    /// Serve the built-in stand-in proxy on a port of its own
    Serve(ServeArgs),
    /// Run krush against servers that lie, and see that it does not
    Selftest(SelftestArgs),
    /// Print the script that completes krush's command line in a shell
    Completions(CompletionsArgs),
    /// Print a manual page, or write all of them into a folder
    Man(ManArgs),
}

/// Arguments of `krush run`.
#[derive(clap::Args)]
pub struct RunArgs {
    /// Scenario to run (TOML), or the name of a preset
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// The shared flags.
    #[command(flatten)]
    pub load: LoadArgs,
}

/// What `--version` says more than `-V`: what is in this build. Scripts look for `kafka` in the line of features.
fn long_version() -> String {
    let version = env!("CARGO_PKG_VERSION");
    let features = if cfg!(feature = "kafka") {
        "kafka"
    } else {
        "none"
    };
    let mut text = format!("{version}\nfeatures: {features}");
    if let Some(commit) = option_env!("KRUSH_COMMIT").filter(|commit| !commit.is_empty()) {
        text.push_str("\ncommit: ");
        text.push_str(commit);
    }
    text
}

impl Command {
    /// The arguments that are settings of a plan, if it has such.
    fn layered(&mut self) -> Option<&mut dyn Layered> {
        match self {
            Self::Basic(args)
            | Self::Optimized(args)
            | Self::Extreme(args)
            | Self::SixtyFourKb(args) => Some(args),
            Self::Run(args) => Some(&mut args.load),
            Self::E2e(args) => Some(&mut args.load),
            Self::Gate(args) => Some(&mut args.load),
            Self::Verify(args) => Some(&mut args.control),
            Self::Topics(args) => Some(args.verb.layered()),
            Self::Status(args) => Some(&mut args.control),
            Self::Lag(args) => Some(&mut args.control),
            Self::Monitor(args) => Some(&mut args.control),
            Self::Consume(args) => Some(args.layered()),
            Self::Compare(_)
            | Self::History(_)
            | Self::Report(_)
            | Self::Merge(_)
            | Self::Serve(_)
            | Self::Selftest(_)
            | Self::Completions(_)
            | Self::Man(_) => None,
            Self::Tune(args) => Some(&mut args.load),
            Self::Capacity(args) => Some(&mut args.load),
        }
    }
}

/// Reads a command line, program name first; flags and environment variables are told apart.
///
/// # Errors
/// clap's own error, which also stands for `--help` and `--version`.
pub fn parse_from(words: impl IntoIterator<Item = OsString>) -> Result<Cli, clap::Error> {
    let words = negative_values(words);
    let matches = command()
        .try_get_matches_from(&words)
        .map_err(|error| name_variable(error, &words))?;
    let mut cli = Cli::from_arg_matches(&matches)?;
    if let Command::Consume(args) = &mut cli.command {
        args.choose(&mut command(), innermost(&matches))?;
    }
    if let Some(args) = cli.command.layered() {
        args.fill(innermost(&matches));
    }
    Ok(cli)
}

/// The words, with `--max-p95 -5ms` as `--max-p95=-5ms`: what begins with a digit after the dash is no flag. clap takes only whole
/// numbers for such values.
fn negative_values(words: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut read: Vec<OsString> = Vec::new();
    let mut flags_end = false;
    for word in words {
        flags_end |= word == "--";
        let flag = read.last_mut().filter(|last| {
            let last = last.to_string_lossy();
            last.len() > 2 && last.starts_with("--") && !last.contains('=')
        });
        let text = word.to_string_lossy();
        let digit = text.strip_prefix('-').and_then(|rest| rest.chars().next());
        match flag.filter(|_| !flags_end && digit.is_some_and(|digit| digit.is_ascii_digit())) {
            Some(flag) => {
                flag.push("=");
                flag.push(&word);
            }
            None => read.push(word),
        }
    }
    read
}

/// The command line; `--messages -1` is a wrong value of that flag, not an unknown flag `-1`.
fn command() -> clap::Command {
    Cli::command().mut_subcommands(with_negative_numbers)
}

fn with_negative_numbers(verb: clap::Command) -> clap::Command {
    let verb = verb.mut_args(|argument| {
        if argument.get_id() == "no_color" {
            return argument.value_parser(no_color);
        }
        let takes_number = argument.get_long().is_some() && argument.get_action().takes_values();
        if takes_number {
            argument.allow_negative_numbers(true)
        } else {
            argument
        }
    });
    verb.mut_subcommands(with_negative_numbers)
}

/// What `KRUSH_NO_COLOR` says; an empty variable says nothing, as an empty `NO_COLOR` does.
fn no_color(text: &str) -> Result<bool, String> {
    match text.trim().to_lowercase().as_str() {
        "" | "0" | "f" | "false" | "n" | "no" | "off" => Ok(false),
        "1" | "t" | "true" | "y" | "yes" | "on" => Ok(true),
        _ => Err("expected true or false".to_owned()),
    }
}

/// clap blames the flag even if the value came from its variable; this adds the variable's name.
fn name_variable(mut error: clap::Error, words: &[OsString]) -> clap::Error {
    let flag = match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(argument)) => {
            argument.split([' ', '=']).next().map(str::to_owned)
        }
        _ => None,
    };
    let setting = crate::plan::SETTINGS
        .iter()
        .find(|setting| setting.flag.is_some() && setting.flag == flag.as_deref());
    let Some((flag, variable)) =
        setting.and_then(|setting| Some((setting.flag?, setting.variable()?)))
    else {
        return error;
    };
    if !typed(words, flag) && std::env::var_os(&variable).is_some() {
        let argument = format!("{flag} (from {variable})");
        error.insert(ContextKind::InvalidArg, ContextValue::String(argument));
    }
    error
}

/// Whether `flag` or its short form is among the words.
fn typed(words: &[OsString], flag: &str) -> bool {
    let cli = Cli::command();
    let short = cli
        .get_subcommands()
        .flat_map(clap::Command::get_arguments)
        .find(|argument| argument.get_long() == flag.strip_prefix("--"))
        .and_then(clap::Arg::get_short);
    words.iter().map(|word| word.to_string_lossy()).any(|word| {
        let in_short = |letter: char| {
            let bundle = word.strip_prefix('-').filter(|rest| !rest.starts_with('-'));
            bundle.is_some_and(|bundle| bundle.contains(letter))
        };
        word.split('=').next() == Some(flag) || short.is_some_and(in_short)
    })
}

/// What was matched for the last verb: `list` of `topics list`.
fn innermost(mut matches: &ArgMatches) -> &ArgMatches {
    while let Some((_, inner)) = matches.subcommand() {
        matches = inner;
    }
    matches
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{PRESETS, SETTINGS, Scenario};

    #[test]
    fn a_negative_value_with_a_unit_is_the_flags_own_error() {
        for (line, said) in [
            (
                "tune --max-p95 -5ms",
                "invalid value '-5ms' for '--max-p95 <TIME>'",
            ),
            (
                "capacity --start -1k/s",
                "invalid value '-1k/s' for '--start <RATE>'",
            ),
            (
                "basic --message-size -5kB",
                "invalid value '-5kB' for '--message-size <SIZE>'",
            ),
            (
                "basic --messages -1",
                "invalid value '-1' for '--messages <N>'",
            ),
            ("basic -5ms", "unexpected argument '-5'"),
            ("basic -- --url -5ms", "unexpected argument '--url'"),
        ] {
            let words = format!("krush {line}");
            let error = parse_from(words.split(' ').map(OsString::from));
            let error = error.err().expect(line).to_string();
            assert!(error.contains(said), "{line}: {error}");
        }
    }

    #[test]
    fn every_setting_with_a_flag_has_that_flag_and_its_variable_on_every_load_command() {
        let cli = Cli::command();
        for name in ["basic", "optimized", "extreme", "64kb", "run"] {
            let command = cli.find_subcommand(name).expect(name);
            for setting in SETTINGS {
                let Some(flag) = setting.flag else { continue };
                let argument = command
                    .get_arguments()
                    .find(|argument| argument.get_long() == flag.strip_prefix("--"))
                    .unwrap_or_else(|| panic!("{name} lacks {flag}"));
                let variable = argument
                    .get_env()
                    .map(|name| name.to_string_lossy().into_owned());
                assert_eq!(variable, setting.variable(), "{flag}");
                assert!(
                    argument.is_hide_env_values_set(),
                    "{flag} shows values in --help"
                );
                let id = flag.trim_start_matches('-').replace('-', "_");
                assert_eq!(
                    argument.get_id().as_str(),
                    id,
                    "layers find arguments by this name"
                );
            }
        }
    }

    #[test]
    fn a_negative_number_is_a_wrong_value_of_its_flag() {
        let words = ["krush", "basic", "--messages", "-1"].map(OsString::from);
        let error = parse_from(words).err().expect("-1 messages").to_string();
        assert!(error.contains("'-1' for '--messages <N>'"), "{error}");
        let words = ["krush", "basic", "--rate", "-c", "3"].map(OsString::from);
        assert!(parse_from(words).is_err(), "a flag is no value");
    }

    #[test]
    fn result_files_are_split_at_commas() {
        let words = ["krush", "basic", "-o", "a.json,b.md"].map(OsString::from);
        let Ok(Cli {
            command: Command::Basic(args),
        }) = parse_from(words)
        else {
            panic!("no command line of basic");
        };
        assert_eq!(args.output, ["a.json", "b.md"].map(PathBuf::from));
    }

    #[test]
    fn typed_topics_contradict_a_pattern() {
        let parsed = |line: &str| parse_from(line.split(' ').map(OsString::from));
        let both = parsed("krush consume --pattern o.* --topic t").err();
        let both = both.expect("both were typed");
        assert_eq!(both.exit_code(), 2);
        assert!(both.to_string().contains("'--topic <NAME>'"), "{both}");
        assert!(parsed("krush consume --pattern o.*").is_ok());
    }

    #[test]
    fn a_typed_flag_is_told_from_its_variable() {
        for (line, found) in [
            ("krush basic", false),
            ("krush basic --concurrency x", true),
            ("krush basic --concurrency=x", true),
            ("krush basic -c x", true),
            ("krush basic -qcx", true),
            ("krush basic --rate x", false),
        ] {
            let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
            assert_eq!(typed(&words, "--concurrency"), found, "{line}");
        }
    }

    fn figures(text: &str) -> Vec<&str> {
        let words = text.split(|c: char| !c.is_ascii_digit() && c != ',');
        let figures = words.map(|word| word.trim_matches(','));
        figures.filter(|word| !word.is_empty()).collect()
    }

    #[test]
    fn help_of_a_preset_says_what_its_scenario_says() {
        let cli = Cli::command();
        for (name, _) in PRESETS {
            let about = cli.find_subcommand(name).and_then(clap::Command::get_about);
            let about = about.expect(name).to_string();
            let said = Scenario::preset(name).expect(name).overrides.description;
            let said = said.expect("a description");
            // In fewer words, so that the list of commands fits: the figures are the same.
            assert_eq!(figures(&about), figures(&said), "{about}");
        }
    }
}
