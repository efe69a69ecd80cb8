//! The control plane: typed calls to a REST Proxy outside the load, with errors that say what the server said.
//!
//! Never in the hot path; the engine shares only [`client_config`] with it.

mod canary;
mod client;
mod consumer;
mod failure;
mod groups;
mod probe;
mod push;
#[cfg(test)]
pub(crate) mod scripted;
mod side_by_side;
#[cfg(test)]
mod tests;
mod tls;
#[cfg(test)]
mod tls_tests;
mod topics;

pub use canary::Canary;
pub use client::{Client, Reply, Root};
pub use consumer::{
    BaseUri, Batch, ConsumerClient, ConsumerSettings, Fetch, FetchFailure, Instance, Interest,
    Partition, Position, RawJson, Record, RecordFormat, Reset, Undeleted,
};
pub use failure::{CallError, Problem};
pub use groups::{LagSummary, PartitionLag, segment};
pub use probe::{Identity, Patience, Server, identify, probe};
pub use push::{PROMETHEUS_TEXT, push};
pub use side_by_side::{offsets_of, side_by_side};
pub use tls::client_config;
pub use topics::{NewTopic, Offsets, PartitionInfo, Replica, TopicConfig, TopicInfo};
