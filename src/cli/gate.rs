//! What `krush gate` takes.

/// Arguments of `krush gate`.
#[derive(clap::Args)]
pub struct GateArgs {}
