//! One integration binary; a module a topic.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod back_pressure;
mod ci;
mod cli;
mod compare;
mod completions;
mod consume;
mod consumers;
mod duet;
mod e2e;
mod evolution;
mod faults;
mod formats;
#[cfg(feature = "kafka")]
mod forward;
mod history;
mod html;
mod instructions;
#[cfg(feature = "kafka")]
mod kafka;
mod layers;
mod load;
mod merge;
mod monitor;
mod pages;
mod prometheus;
mod selftest;
#[path = "../served.rs"]
mod served;
#[cfg(all(feature = "kafka", unix))]
mod stack;
mod standin;
mod topics;
mod tune;
mod verify;

use served::krush;
