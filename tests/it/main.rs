//! One integration binary; a module a topic.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod cli;
mod faults;
#[cfg(feature = "kafka")]
mod kafka;
mod layers;
mod load;
mod pages;
mod selftest;
mod standin;
