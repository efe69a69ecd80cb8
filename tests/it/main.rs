//! One integration binary; a module a topic.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod back_pressure;
mod ci;
mod cli;
mod compare;
mod completions;
mod consume;
mod consumers;
mod e2e;
mod evolution;
mod faults;
#[cfg(feature = "kafka")]
mod forward;
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
mod verify;

use served::krush;
