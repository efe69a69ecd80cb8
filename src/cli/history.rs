//! What `krush history` takes.

/// Arguments of `krush history`.
#[derive(clap::Args)]
pub struct HistoryArgs {}
