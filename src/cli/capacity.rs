//! What `krush capacity` takes.

/// Arguments of `krush capacity`.
#[derive(clap::Args)]
pub struct CapacityArgs {}
