//! Flags and environment variables as two layers of settings, told apart after parsing.

use clap::ArgMatches;
use clap::parser::ValueSource;

use crate::plan::{FromSetting, Overrides};

/// What the flags and the environment variables say, kept apart.
#[derive(Clone, Default)]
pub struct Typed {
    /// From the command line.
    pub flags: Overrides,
    /// From `KRUSH_…` variables.
    pub environment: Overrides,
}

/// Arguments that are settings of a plan.
pub(super) trait Layered {
    /// All values, wherever they come from.
    fn overrides(&self) -> Overrides;

    /// Where they are kept by where they come from.
    fn typed(&mut self) -> &mut Typed;

    /// Tells them apart.
    fn fill(&mut self, matches: &ArgMatches) {
        let from = |wanted| {
            self.overrides().only(|setting| {
                let id = setting.flag.unwrap_or_default().trim_start_matches('-');
                source(matches, &id.replace('-', "_")) == Some(wanted)
            })
        };
        *self.typed() = Typed {
            flags: from(ValueSource::CommandLine),
            environment: from(ValueSource::EnvVariable),
        };
    }
}

/// Whether clap took a value from the command line or the environment.
fn source(matches: &ArgMatches, id: &str) -> Option<ValueSource> {
    matches
        .try_contains_id(id)
        .is_ok_and(|present| present)
        .then(|| matches.value_source(id))
        .flatten()
}

/// Parses a value as a scenario would.
pub(super) fn value<T: FromSetting>(text: &str) -> Result<T, String> {
    T::from_text(text)
}
