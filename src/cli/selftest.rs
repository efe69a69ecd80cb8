//! `krush selftest`: what was typed.

use clap::Args;
use clap::builder::BoolishValueParser;

/// Run krush against servers that misbehave on purpose, and compare its figures with what they know.
#[derive(Debug, Clone, Args)]
pub struct SelftestArgs {
    /// Only the cases with this in their name (and no random scripts)
    #[arg(value_name = "CASE")]
    pub cases: Vec<String>,
    /// Print the cases and their fault scripts, and run nothing
    #[arg(long)]
    pub list: bool,
    /// Random fault scripts to run after the cases
    #[arg(
        long,
        value_name = "N",
        default_value_t = 1_000,
        env = "KRUSH_SELFTEST_SCRIPTS"
    )]
    pub scripts: usize,
    /// Seed of the random scripts; a script that failed fails again with its seed
    #[arg(
        long,
        value_name = "N",
        default_value_t = 1,
        env = "KRUSH_SELFTEST_SEED"
    )]
    pub seed: u64,
    /// No colour
    #[arg(long, env = "KRUSH_NO_COLOR", value_parser = BoolishValueParser::new(), action = clap::ArgAction::SetTrue)]
    pub no_color: bool,
}
