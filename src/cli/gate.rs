//! What `krush gate` takes.

use clap::builder::BoolishValueParser;
use clap::{Arg, ArgAction};

use super::load::LoadArgs;

/// Arguments of `krush gate`.
#[derive(clap::Args)]
pub struct GateArgs {
    /// Load the target against itself, round after round: how often does noise look like a regression
    /// on this machine?
    #[arg(long, conflicts_with_all = ["baseline_url", "baseline"], help_heading = "Comparison")]
    #[arg(value_parser = BoolishValueParser::new(), action = ArgAction::SetTrue)]
    pub aa: bool,

    /// Rounds of --aa, each a duet of its own [default: 20]
    #[arg(long, value_name = "N", help_heading = "Comparison")]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub rounds: Option<u32>,

    /// The shared flags; `--duration` and `--messages` are those of one slice.
    #[command(flatten)]
    pub load: LoadArgs,
}

/// Shared flags that `krush gate` refuses, whatever their value: its scenario has no reference figures, and slices of two targets are
/// neither shaped nor read back.
const NO_PLACE: [&str; 8] = [
    "gate",
    "stage",
    "spike",
    "verify",
    "max_lag",
    "lag_group",
    "baseline",
    "run_noise",
];

/// Help shows no flag that is refused.
pub(super) fn shown(flag: Arg) -> Arg {
    let refused = NO_PLACE.contains(&flag.get_id().as_str());
    if refused { flag.hide(true) } else { flag }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;
    use crate::cli::Cli;

    #[test]
    fn help_hides_what_is_refused() {
        let cli = Cli::command();
        let gate = cli.find_subcommand("gate").expect("gate");
        let flags = gate.get_arguments().filter(|flag| flag.is_hide_set());
        assert_eq!(flags.count(), NO_PLACE.len());
    }
}
