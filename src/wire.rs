//! What client and stand-in both know of the REST Proxy protocol: media types, dialects, error codes.
//!
//! Facts come from the servers themselves: Confluent REST Proxy 8.0, Strimzi bridge 0.33, Karapace 6.2 and
//! Redpanda's pandaproxy; recorded exchanges lie in `tests/wire/`.

use serde::{Deserialize, Serialize};

/// Media type of every v2 answer, and what the client asks for in `Accept`.
pub const ACCEPT_V2: &str = "application/vnd.kafka.v2+json";

/// How record keys and values are embedded in a v2 produce request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Values are JSON, re-serialized by the proxy.
    Json,
    /// Values are padded standard base64 of the bytes to store.
    Binary,
}

impl Format {
    /// The request's `Content-Type`; servers match it case-sensitively and Strimzi refuses parameters.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/vnd.kafka.json.v2+json",
            Self::Binary => "application/vnd.kafka.binary.v2+json",
        }
    }

    /// The name used in scenarios, flags and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Binary => "binary",
        }
    }
}

/// Which server's manners are spoken: it decides what an entry's error code means and whether entries map to records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Dialect {
    /// Confluent REST Proxy: always chunked, entry codes 50002/50003.
    Confluent,
    /// Strimzi Kafka bridge: Content-Length, entry codes 404/500 and `message`.
    Strimzi,
    /// Karapace: Content-Length, entry codes 1/2, HTTP 422 when a record failed.
    Karapace,
    /// Redpanda pandaproxy: one entry per partition batch, Kafka protocol codes.
    Redpanda,
}

impl Dialect {
    /// The name used in flags and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Confluent => "confluent",
            Self::Strimzi => "strimzi",
            Self::Karapace => "karapace",
            Self::Redpanda => "redpanda",
        }
    }

    /// Every dialect.
    pub const ALL: [Self; 4] = [
        Self::Confluent,
        Self::Strimzi,
        Self::Karapace,
        Self::Redpanda,
    ];

    /// A stand-in's name with the manners it was told to have: Confluent's need no mention.
    pub fn with_manners(self, name: &str) -> String {
        match self {
            Self::Confluent => name.to_owned(),
            other => format!("{name} ({} manners)", other.name()),
        }
    }

    /// The manners that a stand-in's name tells of.
    pub fn of_manners(name: &str) -> Self {
        let told = |dialect: &&Self| name.ends_with(&format!("({} manners)", dialect.name()));
        Self::ALL
            .iter()
            .find(told)
            .copied()
            .unwrap_or(Self::Confluent)
    }
}

/// Error codes of the v2 API, as Confluent's proxy uses them.
pub mod code {
    /// Entry: not retriable, any other `KafkaException`; the record was refused.
    pub const KAFKA: i64 = 50002;
    /// Entry: Kafka `RetriableException`; stored or not depends on the text.
    pub const KAFKA_RETRIABLE: i64 = 50003;
    /// Entry and HTTP 401: Kafka authentication.
    pub const KAFKA_AUTHENTICATION: i64 = 40101;
    /// Entry and HTTP 403: Kafka authorization.
    pub const KAFKA_AUTHORIZATION: i64 = 40301;
    /// Topic not found (DELETE, Karapace).
    pub const TOPIC_NOT_FOUND: i64 = 40401;
    /// Partition not found.
    pub const PARTITION_NOT_FOUND: i64 = 40402;
    /// Unknown topic or partition, as GET answers it; also: consumer instance not found.
    pub const UNKNOWN_TOPIC_OR_PARTITION: i64 = 40403;
    /// The consumer is subscribed already, or assigned.
    pub const ILLEGAL_STATE: i64 = 40903;
    /// A consumer of that name is in the group already.
    pub const CONSUMER_EXISTS: i64 = 40902;
    /// A fetch asks for another format than the consumer was made with.
    pub const FORMAT_MISMATCH: i64 = 40601;
    /// A setting of a consumer that Kafka does not take.
    pub const CONSUMER_SETTING: i64 = 42204;
    /// Kafka refused the request: bad topic name, config, partitions, existing topic.
    pub const KAFKA_BAD_REQUEST: i64 = 40002;
}
