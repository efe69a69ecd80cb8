//! One integration binary; a module a topic.

mod cli;
#[cfg(feature = "kafka")]
mod kafka;
mod layers;
