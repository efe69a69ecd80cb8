//! What `krush gate` takes.

use clap::ArgAction;
use clap::builder::BoolishValueParser;

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
