//! What `krush tune` takes.

/// Arguments of `krush tune`.
#[derive(clap::Args)]
pub struct TuneArgs {}
