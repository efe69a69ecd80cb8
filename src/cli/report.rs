//! What `krush report` takes.

use std::path::PathBuf;

use clap::builder::BoolishValueParser;
use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};

use crate::report::formats::FORMATS;

/// Arguments of `krush report`.
#[derive(Args)]
pub struct ReportArgs {
    /// Reports of load commands (JSON); several are laid side by side
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,
    /// Formats to make.
    #[command(flatten)]
    pub formats: FormatFlags,
    /// Write to this file, format by its ending; `-` with a format flag: to standard output
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// No colour; so does a variable NO_COLOR that is not empty
    #[arg(long, env = "KRUSH_NO_COLOR", hide_env_values = true)]
    #[arg(value_parser = BoolishValueParser::new(), action = ArgAction::SetTrue)]
    pub no_color: bool,
}

/// A flag for each format of results; those that were typed, by their endings.
#[derive(Debug, Clone, Default)]
pub struct FormatFlags(pub Vec<&'static str>);

impl FromArgMatches for FormatFlags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut flags = Self::default();
        flags.update_from_arg_matches(matches)?;
        Ok(flags)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        let typed = FORMATS
            .iter()
            .filter(|format| matches.get_flag(format.name));
        self.0 = typed.map(|format| format.ending).collect();
        Ok(())
    }
}

impl Args for FormatFlags {
    fn augment_args(command: Command) -> Command {
        FORMATS.iter().fold(command, |command, format| {
            let flag = Arg::new(format.name)
                .long(format.name)
                .action(ArgAction::SetTrue)
                .help(format!("Make {} ({})", format.ending, format.about));
            command.arg(flag)
        })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}
