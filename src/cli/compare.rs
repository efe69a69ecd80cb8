//! What `krush compare` takes.

/// Arguments of `krush compare`.
#[derive(clap::Args)]
pub struct CompareArgs {}
