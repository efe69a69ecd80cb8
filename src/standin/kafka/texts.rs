//! Kafka's own words: what an error of librdkafka is called in a REST Proxy's answer.

use std::time::Duration;

use rdkafka::error::RDKafkaErrorCode as Code;

use crate::standin::backend::ApiError;
use crate::wire::code;

/// `error_code` and text of a record whose topic or partition did not turn up in time.
pub(super) fn not_in_metadata(
    topic: &str,
    partition: Option<(i32, i32)>,
    waited: Duration,
) -> (i64, String) {
    let waited = waited.as_millis();
    let message = match partition {
        None => format!("Topic {topic} not present in metadata after {waited} ms."),
        Some((partition, count)) => format!(
            "Partition {partition} of topic {topic} with partition count {count} is not present in metadata after {waited} ms."
        ),
    };
    (code::KAFKA_RETRIABLE, message)
}

/// `error_code` and text of a record above `max.request.size`.
pub(super) fn too_large(record_bytes: usize, limit: usize) -> (i64, String) {
    (
        code::KAFKA,
        format!(
            "The message is {record_bytes} bytes when serialized which is larger than {limit}, which is the value of the max.request.size configuration."
        ),
    )
}

/// `error_code` and text of a record that found no room in the producer in time.
pub(super) fn no_room(record_bytes: usize, waited: Duration, total: usize) -> (i64, String) {
    (
        code::KAFKA_RETRIABLE,
        format!(
            "Failed to allocate {record_bytes} bytes within the configured max blocking time {} ms. Total memory: {total} bytes.",
            waited.as_millis()
        ),
    )
}

/// `error_code` and text of `records` records of one partition that were not acknowledged in time.
pub(super) fn expired(topic: &str, partition: i32, records: usize, age: Duration) -> (i64, String) {
    (
        code::KAFKA_RETRIABLE,
        format!(
            "Expiring {records} record(s) for {topic}-{partition}:{} ms has passed since batch creation",
            age.as_millis()
        ),
    )
}

/// Whether the error says that time ran out with the record under way: it may be stored.
pub(super) fn is_expiry(error: Code) -> bool {
    matches!(
        error,
        Code::MessageTimedOut | Code::RequestTimedOut | Code::OperationTimedOut
    )
}

/// Whether the error says that the topic or partition is not (or no longer) there.
pub(super) fn is_missing(error: Code) -> bool {
    matches!(
        error,
        Code::UnknownTopic | Code::UnknownPartition | Code::UnknownTopicOrPartition
    )
}

/// Whether the error concerns the topic rather than the record: what is known of the topic is out of date.
pub(super) fn is_of_the_topic(error: Code) -> bool {
    is_missing(error) || error == Code::TopicAuthorizationFailed
}

/// Whether the error says that a partition has no leader, or none that is ready, yet.
pub(super) fn is_unsettled(error: Code) -> bool {
    matches!(
        error,
        Code::LeaderNotAvailable | Code::NotLeaderForPartition | Code::ReplicaNotAvailable
    ) || is_missing(error)
}

/// `error_code` and text of any other error of a record or call.
pub(super) fn named(topic: &str, error: Code) -> (i64, String) {
    let message = match error {
        Code::UnknownTopicOrPartition | Code::UnknownTopic | Code::UnknownPartition => {
            "This server does not host this topic-partition.".to_owned()
        }
        Code::InvalidTopic => topic.to_owned(),
        Code::TopicAuthorizationFailed => format!("Not authorized to access topics: [{topic}]"),
        Code::MessageSizeTooLarge | Code::MessageBatchTooLarge => {
            "The request included a message larger than the max message size the server will accept."
                .to_owned()
        }
        Code::NotEnoughReplicas => {
            "Messages are rejected since there are fewer in-sync replicas than required.".to_owned()
        }
        Code::NotEnoughReplicasAfterAppend => {
            "Messages are written to the log, but to fewer in-sync replicas than required."
                .to_owned()
        }
        other => description(other),
    };
    let code = match error {
        Code::TopicAuthorizationFailed
        | Code::GroupAuthorizationFailed
        | Code::ClusterAuthorizationFailed => code::KAFKA_AUTHORIZATION,
        Code::SaslAuthenticationFailed | Code::Authentication => code::KAFKA_AUTHENTICATION,
        error if is_retriable(error) => code::KAFKA_RETRIABLE,
        _ => code::KAFKA,
    };
    (code, message)
}

/// librdkafka's own words for a code, such as `Not coordinator for group`, without the name and origin in front of them.
fn description(error: Code) -> String {
    let said = error.to_string();
    let words = said
        .split_once(" (")
        .and_then(|(_, words)| words.strip_suffix(')'))
        .unwrap_or(&said);
    let words = words.strip_prefix("Broker: ").unwrap_or(words);
    words.strip_prefix("Local: ").unwrap_or(words).to_owned()
}

/// Kafka's `RetriableException`s, and librdkafka's own errors that leave a record's fate open.
fn is_retriable(error: Code) -> bool {
    is_expiry(error)
        || is_unsettled(error)
        || matches!(
            error,
            Code::InvalidMessage
                | Code::BrokerNotAvailable
                | Code::NetworkException
                | Code::CoordinatorLoadInProgress
                | Code::CoordinatorNotAvailable
                | Code::NotCoordinator
                | Code::NotController
                | Code::NotEnoughReplicas
                | Code::NotEnoughReplicasAfterAppend
                | Code::KafkaStorageError
                | Code::BrokerTransportFailure
                | Code::AllBrokersDown
                | Code::BrokerDestroy
                | Code::DestroyBroker
                | Code::Resolve
                | Code::WaitingForCoordinator
                | Code::PurgeQueue
                | Code::PurgeInflight
        )
}

/// Whether asking again may help.
pub(super) fn may_pass(error: Code) -> bool {
    is_retriable(error) && !is_missing(error)
}

/// A whole call refused: HTTP status by the code. `call` is the admin client's name for what was asked.
pub(super) fn api_error(topic: &str, call: &str, error: Code) -> ApiError {
    let (status, code, message) = match error {
        error if is_missing(error) => {
            (404, code::UNKNOWN_TOPIC_OR_PARTITION, named(topic, error).1)
        }
        Code::BrokerTransportFailure | Code::OperationTimedOut | Code::AllBrokersDown => (
            500,
            code::KAFKA_RETRIABLE,
            format!("Timed out waiting for a node assignment. Call: {call}"),
        ),
        Code::TopicAlreadyExists => (
            400,
            code::KAFKA_BAD_REQUEST,
            format!("Topic '{topic}' already exists."),
        ),
        Code::InvalidTopic
        | Code::InvalidConfig
        | Code::InvalidPartitions
        | Code::InvalidReplicationFactor
        | Code::InvalidReplicaAssignment
        | Code::InvalidRequest
        | Code::InvalidArgument
        | Code::PolicyViolation
        | Code::Unknown => (400, code::KAFKA_BAD_REQUEST, named(topic, error).1),
        error => match named(topic, error) {
            (code::KAFKA_AUTHENTICATION, message) => (401, code::KAFKA_AUTHENTICATION, message),
            (code::KAFKA_AUTHORIZATION, message) => (403, code::KAFKA_AUTHORIZATION, message),
            (code, message) => (500, code, message),
        },
    };
    ApiError {
        status,
        code,
        message,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    /// Texts recorded from Confluent REST Proxy 8.0.5 (`tests/wire/confluent-8.0.5.jsonl`).
    #[test]
    fn texts_are_those_of_the_recorded_proxy() {
        let recorded = include_str!("../../../tests/wire/confluent-8.0.5.jsonl");
        let two_seconds = Duration::from_secs(2);
        for (code, text) in [
            not_in_metadata("missing-topic", None, two_seconds),
            not_in_metadata("wire", Some((77, 3)), two_seconds),
            too_large(1_100_090, 1_048_576),
            expired("wire", 0, 1, Duration::from_millis(3001)),
            named("a b", Code::InvalidTopic),
        ] {
            let entry = format!(r#"\"error_code\":{code},\"error\":\"{text}\""#);
            assert!(recorded.contains(&entry), "not recorded: {entry}");
        }
        for (call, error) in [
            ("listNodes", Code::BrokerTransportFailure),
            ("listNodes", Code::OperationTimedOut),
            ("describeTopics", Code::UnknownTopicOrPartition),
            ("createTopics", Code::TopicAlreadyExists),
        ] {
            let error = api_error("wire", call, error);
            let body = format!(
                r#"{{\"error_code\":{},\"message\":\"{}\"}}"#,
                error.code, error.message
            );
            assert!(recorded.contains(&body), "not recorded: {body}");
        }
    }

    #[test]
    fn other_errors_are_told_in_librdkafkas_words() {
        assert_eq!(named("t", Code::NotCoordinator).1, "Not coordinator");
        assert_eq!(
            named("t", Code::BrokerTransportFailure).1,
            "Broker transport failure"
        );
    }

    #[test]
    fn a_code_says_whether_the_record_may_be_sent_again() {
        for (error, code) in [
            (Code::MessageTimedOut, code::KAFKA_RETRIABLE),
            (Code::NotEnoughReplicas, code::KAFKA_RETRIABLE),
            (Code::NotLeaderForPartition, code::KAFKA_RETRIABLE),
            (Code::PurgeInflight, code::KAFKA_RETRIABLE),
            (Code::MessageSizeTooLarge, code::KAFKA),
            (Code::InvalidTopic, code::KAFKA),
            (Code::PolicyViolation, code::KAFKA),
            (Code::TopicAuthorizationFailed, code::KAFKA_AUTHORIZATION),
            (Code::SaslAuthenticationFailed, code::KAFKA_AUTHENTICATION),
        ] {
            assert_eq!(named("t", error).0, code, "{error:?}");
        }
    }
}
