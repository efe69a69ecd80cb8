//! What stands behind the stand-in's HTTP front: memory, or a real Apache Kafka.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::members::{GroupInfo, Lag, Member, MemberSettings};
use super::memory::{self, Memory};
use super::whole::Whole;

/// One record of a produce request, decoded: the bytes to store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record<'a> {
    /// Partition asked for; `None`: the backend's partitioner decides.
    pub partition: Option<i32>,
    /// Key bytes; `None`: Kafka null.
    pub key: Option<Cow<'a, [u8]>>,
    /// Value bytes; `None`: Kafka null (a tombstone).
    pub value: Option<Cow<'a, [u8]>>,
}

/// Kafka's producer refuses a record larger than this (`max.request.size`).
pub(crate) const MAX_RECORD_BYTES: usize = 1 << 20;
/// A key and value of so many bytes are no larger than that, whatever is added to them.
pub(crate) const MAX_PLAIN_RECORD_BYTES: usize = MAX_RECORD_BYTES - 128;

/// Records of a request that were stored one behind the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Placed {
    pub(crate) partition: i32,
    /// Of the first.
    pub(crate) offset: i64,
    pub(crate) count: u32,
}

/// What became of one record, in request order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// Acknowledged.
    Stored {
        /// Partition it went to.
        partition: i32,
        /// Its offset there.
        offset: i64,
    },
    /// Failed: `error_code` and text as Confluent's proxy gives them ([`crate::wire::code`]).
    Failed {
        /// `error_code` of the entry.
        code: i64,
        /// `error` of the entry.
        message: String,
    },
}

/// A whole request refused: HTTP status, `error_code`, `message`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiError {
    /// HTTP status.
    pub status: u16,
    /// `error_code` in the body.
    pub code: i64,
    /// `message` in the body.
    pub message: String,
}

/// A partition as `GET /topics/{t}` describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionInfo {
    /// Partition number.
    pub partition: i32,
    /// Broker id of the leader.
    pub leader: i32,
    /// Broker ids of all replicas.
    pub replicas: Vec<i32>,
    /// Broker ids of the replicas in sync.
    pub in_sync: Vec<i32>,
}

/// A topic as `GET /topics/{t}` describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicInfo {
    /// Topic name.
    pub name: String,
    /// Topic configuration.
    pub configs: BTreeMap<String, String>,
    /// Its partitions in order.
    pub partitions: Vec<PartitionInfo>,
}

/// A topic to create.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTopic {
    /// Topic name.
    pub name: String,
    /// Partitions; `None`: the backend's default.
    pub partitions: Option<i32>,
    /// Replication factor; `None`: the backend's default.
    pub replication_factor: Option<i16>,
    /// Topic configuration.
    pub configs: BTreeMap<String, String>,
    /// Check only, create nothing.
    pub validate_only: bool,
}

/// Whether Kafka accepts a topic name: 1 to 249 of ASCII letters, digits, `.`, `_`, `-`, and not `.` or `..`.
pub fn topic_name_is_valid(name: &str) -> bool {
    let letter = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'_' | b'-');
    (1..=249).contains(&name.len()) && name.bytes().all(letter) && name != "." && name != ".."
}

/// Where records go. Both kinds answer the same calls, with the texts and codes of Confluent's proxy.
#[derive(Clone)]
pub enum Backend {
    /// Kept in this process.
    Memory(Arc<Memory>),
    /// Sent to a real Apache Kafka.
    #[cfg(feature = "kafka")]
    Kafka(Arc<super::kafka::Front>),
}

/// Calls the same method of whichever backend it is; the memory one answers without waiting. The first kind of call
/// cannot fail in memory.
macro_rules! either {
    ($backend:expr, Ok($name:ident($($argument:expr),*))) => {
        match $backend {
            Backend::Memory(memory) => Ok(memory.$name($($argument),*)),
            #[cfg(feature = "kafka")]
            Backend::Kafka(front) => front.$name($($argument),*).await,
        }
    };
    ($backend:expr, $name:ident($($argument:expr),*)) => {
        match $backend {
            Backend::Memory(memory) => memory.$name($($argument),*),
            #[cfg(feature = "kafka")]
            Backend::Kafka(front) => front.$name($($argument),*).await,
        }
    };
}

#[cfg_attr(
    not(feature = "kafka"),
    expect(clippy::unused_async, reason = "the Kafka backend waits")
)]
impl Backend {
    /// Stores records; one entry a record, in request order.
    ///
    /// # Errors
    /// When the whole request fails.
    pub async fn produce(
        &self,
        topic: &str,
        records: Vec<Record<'_>>,
    ) -> Result<Vec<Entry>, ApiError> {
        match self {
            Self::Memory(memory) => memory.produce(topic, records).await,
            #[cfg(feature = "kafka")]
            Self::Kafka(front) => front.produce(topic, records).await,
        }
    }

    /// Whether records stay in this process.
    pub(crate) fn is_memory(&self) -> bool {
        matches!(self, Self::Memory(_))
    }

    /// Stores the records of a body as they are; see [`Memory::keep`]. Kafka wants them one by one.
    pub(crate) fn keep(
        &self,
        topic: &str,
        whole: Whole,
        partition: Option<i32>,
        buffers: impl FnMut(Vec<u8>),
    ) -> Option<Vec<Placed>> {
        match self {
            Self::Memory(memory) => memory.keep(topic, whole, partition, buffers),
            #[cfg(feature = "kafka")]
            Self::Kafka(_) => None,
        }
    }

    /// Names of all topics.
    ///
    /// # Errors
    /// When the cluster does not answer.
    pub async fn topics(&self) -> Result<Vec<String>, ApiError> {
        either!(self, topics())
    }

    /// One topic, `None` if it is missing.
    ///
    /// # Errors
    /// When the cluster does not answer.
    pub async fn topic(&self, name: &str) -> Result<Option<TopicInfo>, ApiError> {
        either!(self, topic(name))
    }

    /// First offset held and next offset of a partition, `None` if it is missing.
    ///
    /// # Errors
    /// When the cluster does not answer.
    pub async fn offsets(
        &self,
        topic: &str,
        partition: i32,
    ) -> Result<Option<(i64, i64)>, ApiError> {
        either!(self, offsets(topic, partition))
    }

    /// Creates a topic, or only checks that it could be.
    ///
    /// # Errors
    /// When Kafka refuses it.
    pub async fn create_topic(&self, new: NewTopic) -> Result<(), ApiError> {
        match self {
            Self::Memory(memory) => memory.create_topic(&new),
            #[cfg(feature = "kafka")]
            Self::Kafka(front) => front.create_topic(new).await,
        }
    }

    /// Deletes a topic; `false` if it is missing.
    ///
    /// # Errors
    /// When the cluster does not answer.
    pub async fn delete_topic(&self, name: &str) -> Result<bool, ApiError> {
        either!(self, delete_topic(name))
    }

    /// Sets configuration values of a topic, or resets those without a value; `false` if it is missing.
    ///
    /// # Errors
    /// When Kafka refuses one.
    pub(crate) async fn alter_configs(
        &self,
        topic: &str,
        configs: &[(String, Option<String>)],
    ) -> Result<bool, ApiError> {
        either!(self, alter_configs(topic, configs))
    }

    /// Gives a topic this many partitions in all; `false` if it is missing.
    ///
    /// # Errors
    /// When Kafka refuses it: there are as many already, or more.
    pub(crate) async fn add_partitions(&self, topic: &str, count: i32) -> Result<bool, ApiError> {
        either!(self, add_partitions(topic, count))
    }

    /// A consumer that reads nothing yet.
    ///
    /// # Errors
    /// When it cannot be made.
    pub(crate) async fn join(&self, settings: MemberSettings) -> Result<Member, ApiError> {
        match self {
            Self::Memory(memory) => {
                let member = memory::Member::new(Arc::clone(memory), settings);
                Ok(Member::Memory(Box::new(member)))
            }
            #[cfg(feature = "kafka")]
            Self::Kafka(front) => front.join(settings).await.map(Member::Kafka),
        }
    }

    /// Names of all consumer groups.
    ///
    /// # Errors
    /// When the cluster does not answer.
    pub(crate) async fn groups(&self) -> Result<Vec<String>, ApiError> {
        either!(self, Ok(groups()))
    }

    /// A consumer group, `None` if it is unknown.
    ///
    /// # Errors
    /// When the cluster does not answer.
    pub(crate) async fn group(&self, name: &str) -> Result<Option<GroupInfo>, ApiError> {
        either!(self, Ok(group(name)))
    }

    /// How far behind a group is in each partition of which it has committed an offset; `None` if it is unknown.
    ///
    /// # Errors
    /// When the cluster does not answer.
    pub(crate) async fn lags(&self, group: &str) -> Result<Option<Vec<Lag>>, ApiError> {
        either!(self, Ok(lags(group)))
    }

    /// Broker ids.
    ///
    /// # Errors
    /// When the cluster does not answer.
    pub async fn brokers(&self) -> Result<Vec<i32>, ApiError> {
        either!(self, brokers())
    }

    /// The cluster id in v3 paths.
    pub fn cluster_id(&self) -> String {
        match self {
            Self::Memory(memory) => memory.cluster_id(),
            #[cfg(feature = "kafka")]
            Self::Kafka(front) => front.cluster_id(),
        }
    }

    /// What the server says it is, in the `Server` header of `GET /`: never a REST Proxy.
    pub fn server_name(&self) -> String {
        match self {
            Self::Memory(_) => format!("krush {} stand-in", env!("CARGO_PKG_VERSION")),
            #[cfg(feature = "kafka")]
            Self::Kafka(front) => front.server_name(),
        }
    }
}
