//! One integration binary; a module a topic.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod ci;
mod cli;
mod completions;
mod consumers;
mod evolution;
mod faults;
mod instructions;
#[cfg(feature = "kafka")]
mod kafka;
mod layers;
mod load;
mod monitor;
mod pages;
mod selftest;
#[path = "../served.rs"]
mod served;
#[cfg(all(feature = "kafka", unix))]
mod stack;
mod standin;
mod topics;

use served::krush;
