//! One integration binary; a module a topic.
#![expect(clippy::print_stderr, reason = "a test that cannot run here says so")]

mod cli;
#[cfg(feature = "kafka")]
mod kafka;
mod layers;
