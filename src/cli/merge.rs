//! What `krush merge` takes.

/// Arguments of `krush merge`.
#[derive(clap::Args)]
pub struct MergeArgs {}
