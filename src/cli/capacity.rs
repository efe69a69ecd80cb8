//! What `krush capacity` takes.

use super::load::LoadArgs;

/// Arguments of `krush capacity`.
#[derive(clap::Args)]
pub struct CapacityArgs {
    /// The shared flags.
    #[command(flatten)]
    pub load: LoadArgs,
}
