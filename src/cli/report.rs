//! What `krush report` takes.

/// Arguments of `krush report`.
#[derive(clap::Args)]
pub struct ReportArgs {}
