//! One integration binary; a module a topic.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod cli;
#[cfg(feature = "kafka")]
mod kafka;
mod layers;
mod load;
mod selftest;
mod standin;
