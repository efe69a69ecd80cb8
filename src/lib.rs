//! krush load-tests Kafka over HTTP and reports numbers that can be believed.
//!
//! One direction, from what was typed to what is said about it:
//!
//! ```text
//!  cli ──► plan ──► payload ──► engine ──► measure ──► gate ──► report
//!   typed   meant    bytes       the load   numbers     verdict  text, JSON, Markdown, JUnit
//!                                   └──► audit ──┘
//!                                        held against what is stored
//!           commands wires it and alone talks to rest (control plane)
//!           standin is a proxy of our own; it shares only wire, fault and model with the client
//!           units and error are leaves; fault and model are what a stand-in is told
//! ```
//!
//! `tests/it/layers.rs` reads this tree and fails on an edge against that flow.

pub mod audit;
pub mod cli;
pub mod commands;
pub mod engine;
pub mod error;
pub mod fault;
pub mod gate;
pub mod health;
pub mod history;
pub mod measure;
pub mod model;
pub mod payload;
pub mod plan;
pub mod report;
pub mod rest;
pub mod standin;
pub mod stats;
pub mod units;
pub mod wire;
