//! What stands behind the stand-in's HTTP front: memory, or a real Apache Kafka.

use std::borrow::Cow;
use std::collections::BTreeMap;

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
