//! The built-in proxy: speaks the REST Proxy's v2 produce, metadata and consumer API, and v3's topics and consumer groups.
//!
//! ```text
//!  server ──► connection ──► head, body ──► serve ──► produce, metadata, consumers, v3 ──► backend
//!  accepts     one at a time   read          routes    what each dialect does               memory | Kafka
//!                  ◄── answer: headers, framing, write boundaries ◄── falsify
//!  faults: a script says what each request meets      truth: what was done and said, for a client to be held against
//! ```
//!
//! It answers as Confluent REST Proxy 8.0.5 was recorded to (`tests/wire/`), or as another server ([`Dialect`]); it does
//! not do v3 records or schemas. `GET /` carries a `Server` header that says what it is.

use std::time::Duration;

pub use crate::fault::{Fault, Faults};
use crate::model::Model;
use crate::units::ByteSize;
use crate::wire::Dialect;

mod altered;
mod answer;
pub mod backend;
mod body;
mod capacity;
mod clock;
#[cfg(test)]
mod conformance;
mod connection;
mod consumers;
mod counts;
mod desk;
mod door;
mod embedded;
mod entries;
mod falsify;
mod faults;
mod framing;
mod head;
mod inbox;
mod json;
#[cfg(feature = "kafka")]
pub mod kafka;
mod members;
pub mod memory;
mod metadata;
mod partition;
mod partitioner;
mod produce;
mod producer;
mod records;
mod routes;
mod serve;
mod server;
mod shape;
mod store;
mod strimzi;
mod template;
mod threads;
pub mod tls;
mod topic_configs;
mod truth;
mod v3;
mod whole;

pub use backend::Backend;
pub use counts::Counts;
pub use door::listen;
pub use embedded::Embedded;
pub use memory::{Memory, MemoryLimits, Totals};
pub use partition::Stored;
pub use producer::{Acks, Compression, ProducerSetting, ProducerSettings};
pub(crate) use server::base_url;
pub use server::{Served, serve};
pub use truth::{Stall, Truth, TruthSnapshot};

/// How a stand-in behaves.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Whose manners it has.
    pub dialect: Dialect,
    /// Create a missing topic on produce, as Kafka does by default.
    pub auto_create: bool,
    /// Partitions of a topic made without a count.
    pub default_partitions: i32,
    /// Records held in all; the oldest go first.
    pub max_memory: ByteSize,
    /// How long a record waits for a missing topic or partition.
    pub max_block: Duration,
    /// Requests that may wait for a missing topic or partition before nobody is served any more. Confluent only.
    pub request_threads: usize,
    /// Silence after which a connection is closed; `None`: as the dialect's server does.
    pub idle_timeout: Option<Duration>,
    /// A consumer instance that nobody used for so long is removed; `None`: as the dialect's server does.
    pub consumer_instance_timeout: Option<Duration>,
    /// How long a fetch takes that does not say so itself; `None`: as the dialect's server does.
    pub consumer_request_timeout: Option<Duration>,
    /// HTTPS.
    pub tls: Option<tls::Server>,
    /// How much it can do; `None`: as much as this machine can.
    pub model: Option<Model>,
    /// Scripted misbehaviour.
    pub faults: Faults,
    /// The script begins with [`Embedded::begin`] instead of with the server: what happens before the load is not its business.
    pub faults_wait: bool,
    /// Worker threads.
    pub threads: usize,
    /// In how many TCP writes an answer leaves.
    pub writes: Writes,
}

/// In how many TCP writes an answer leaves. Faults of the sending have their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Writes {
    /// As recorded where a thread has one answer to send before it waits again; in one write where it has more.
    #[default]
    Auto,
    /// As the dialect's server was recorded to.
    Recorded,
    /// Each answer in one.
    One,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            dialect: Dialect::Confluent,
            auto_create: true,
            default_partitions: 1,
            max_memory: ByteSize(64 << 20),
            max_block: Duration::from_mins(1),
            request_threads: 200,
            idle_timeout: None,
            consumer_instance_timeout: None,
            consumer_request_timeout: None,
            tls: None,
            model: None,
            faults: Faults::new(),
            faults_wait: false,
            threads: std::thread::available_parallelism().map_or(1, usize::from),
            writes: Writes::default(),
        }
    }
}

impl Settings {
    /// An account for [`serve`] to fill.
    pub fn truth(&self) -> Truth {
        Truth::new(self.faults.iter().map(ToString::to_string))
    }

    /// What a server with these settings says it is.
    pub fn server_name(&self, backend: &Backend) -> String {
        let name = backend.server_name();
        match &self.model {
            Some(model) => model.named(&name),
            None => name,
        }
    }

    /// What the memory backend needs to know.
    pub fn memory_limits(&self) -> MemoryLimits {
        MemoryLimits {
            auto_create: self.auto_create,
            default_partitions: self.default_partitions,
            max_bytes: usize::try_from(self.max_memory.0).unwrap_or(usize::MAX),
            max_block: self.max_block,
        }
    }
}
