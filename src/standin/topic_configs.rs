//! The topic configuration a single Apache Kafka 4 broker reports, for `GET /topics/{t}`.

use std::collections::BTreeMap;

/// Key, default value, and the broker's name for it (empty: none), as Confluent REST Proxy 8.0.5 answered them.
const DEFAULTS: [(&str, &str, &str); 33] = [
    ("cleanup.policy", "delete", "log.cleanup.policy"),
    ("compression.gzip.level", "-1", "compression.gzip.level"),
    ("compression.lz4.level", "9", "compression.lz4.level"),
    ("compression.type", "producer", "compression.type"),
    ("compression.zstd.level", "3", "compression.zstd.level"),
    (
        "delete.retention.ms",
        "86400000",
        "log.cleaner.delete.retention.ms",
    ),
    (
        "file.delete.delay.ms",
        "60000",
        "log.segment.delete.delay.ms",
    ),
    (
        "flush.messages",
        "9223372036854775807",
        "log.flush.interval.messages",
    ),
    ("flush.ms", "9223372036854775807", ""),
    ("follower.replication.throttled.replicas", "", ""),
    ("index.interval.bytes", "4096", "log.index.interval.bytes"),
    ("leader.replication.throttled.replicas", "", ""),
    ("local.retention.bytes", "-2", "log.local.retention.bytes"),
    ("local.retention.ms", "-2", "log.local.retention.ms"),
    (
        "max.compaction.lag.ms",
        "9223372036854775807",
        "log.cleaner.max.compaction.lag.ms",
    ),
    ("max.message.bytes", "1048588", "message.max.bytes"),
    (
        "message.timestamp.after.max.ms",
        "3600000",
        "log.message.timestamp.after.max.ms",
    ),
    (
        "message.timestamp.before.max.ms",
        "9223372036854775807",
        "log.message.timestamp.before.max.ms",
    ),
    (
        "message.timestamp.type",
        "CreateTime",
        "log.message.timestamp.type",
    ),
    (
        "min.cleanable.dirty.ratio",
        "0.5",
        "log.cleaner.min.cleanable.ratio",
    ),
    (
        "min.compaction.lag.ms",
        "0",
        "log.cleaner.min.compaction.lag.ms",
    ),
    ("min.insync.replicas", "1", "min.insync.replicas"),
    ("preallocate", "false", "log.preallocate"),
    ("remote.log.copy.disable", "false", ""),
    ("remote.log.delete.on.disable", "false", ""),
    ("remote.storage.enable", "false", ""),
    ("retention.bytes", "-1", "log.retention.bytes"),
    ("retention.ms", "604800000", ""),
    ("segment.bytes", "1073741824", "log.segment.bytes"),
    (
        "segment.index.bytes",
        "10485760",
        "log.index.size.max.bytes",
    ),
    ("segment.jitter.ms", "0", ""),
    ("segment.ms", "604800000", ""),
    (
        "unclean.leader.election.enable",
        "false",
        "unclean.leader.election.enable",
    ),
];

/// The configuration of a topic made without any.
pub(crate) fn defaults() -> BTreeMap<String, String> {
    DEFAULTS
        .iter()
        .map(|(key, value, _)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}

/// Whether Kafka has such a topic configuration key.
pub(crate) fn is_known(key: &str) -> bool {
    DEFAULTS.iter().any(|(known, ..)| *known == key)
}

/// Value of a key that nobody has set.
pub(crate) fn default_of(key: &str) -> Option<&'static str> {
    let found = DEFAULTS.iter().find(|(known, ..)| *known == key);
    found.map(|(_, value, _)| *value)
}

/// The broker's setting that a topic's follows.
pub(crate) fn synonym_of(key: &str) -> Option<&'static str> {
    let found = DEFAULTS.iter().find(|(known, ..)| *known == key);
    found
        .map(|(.., synonym)| *synonym)
        .filter(|synonym| !synonym.is_empty())
}
