//! What a member's calls fail with: the words of Kafka's Java consumer, as the REST Proxy passes them on.

use std::time::Duration;

use rdkafka::error::RDKafkaErrorCode as Code;

use super::texts::{api_error, is_missing, named};
use crate::standin::backend::ApiError;
use crate::standin::members::{Position, TopicPartition, illegal_state};
use crate::wire::code;

/// Nothing is said of what went wrong: an exception of Java's that the proxy does not map.
pub(super) fn internal() -> ApiError {
    ApiError {
        status: 500,
        code: 500,
        message: "Internal Server Error".to_owned(),
    }
}

/// A member that was closed while it was asked.
pub(super) fn closed() -> ApiError {
    ApiError {
        status: 404,
        code: 40403,
        message: "Consumer instance not found.".to_owned(),
    }
}

/// Topics, a pattern and partitions by hand do not go together: Java's `IllegalStateException`.
pub(super) fn exclusive() -> ApiError {
    illegal_state("Subscription to topics, partitions and pattern are mutually exclusive")
}

/// A place was asked for in a partition that the member does not have.
pub(super) fn not_assigned(of: &TopicPartition) -> ApiError {
    illegal_state(&format!(
        "No current assignment for partition {}",
        named_partition(of)
    ))
}

fn named_partition(of: &TopicPartition) -> String {
    format!("{}-{}", of.topic, of.partition)
}

/// A subscription to names that Kafka does not take.
pub(super) fn invalid_topics(names: &[&str]) -> ApiError {
    ApiError {
        message: format!("Invalid topics: [{}]", names.join(", ")),
        ..api_error("", "poll", Code::InvalidTopic)
    }
}

/// No offset is committed, and `auto.offset.reset` is `none`.
pub(super) fn undefined_offsets(of: &[TopicPartition]) -> ApiError {
    let partitions: Vec<_> = of.iter().map(named_partition).collect();
    failed(
        code::KAFKA,
        format!(
            "Undefined offset with no reset policy for partitions: [{}]",
            partitions.join(", ")
        ),
    )
}

fn failed(code: i64, message: String) -> ApiError {
    ApiError {
        status: 500,
        code,
        message,
    }
}

/// A member's question that was not answered in time.
pub(super) fn timed_out(waited: Duration) -> ApiError {
    let waited = waited.as_millis();
    failed(
        code::KAFKA_RETRIABLE,
        format!(
            "Timeout of {waited}ms expired before the last committed offset or position could be determined"
        ),
    )
}

/// Committed offsets that were not told in time.
pub(super) fn committed_timed_out(partitions: &[TopicPartition], waited: Duration) -> ApiError {
    let partitions: Vec<_> = partitions.iter().map(named_partition).collect();
    failed(
        code::KAFKA_RETRIABLE,
        format!(
            "Timeout of {}ms expired before the last committed offset for partitions [{}] could be determined. Try tuning default.api.timeout.ms larger to relax the threshold.",
            waited.as_millis(),
            partitions.join(", ")
        ),
    )
}

/// A commit that was not acknowledged in time.
pub(super) fn commit_timed_out(positions: &[Position], waited: Duration) -> ApiError {
    let offsets: Vec<_> = positions
        .iter()
        .map(|position| {
            format!(
                "{}=OffsetAndMetadata{{offset={}, leaderEpoch=null, metadata='{}'}}",
                named_partition(&position.of),
                position.offset,
                position.metadata
            )
        })
        .collect();
    failed(
        code::KAFKA_RETRIABLE,
        format!(
            "Timeout of {}ms expired before successfully committing offsets {{{}}}",
            waited.as_millis(),
            offsets.join(", ")
        ),
    )
}

/// A commit that the group's coordinator does not take.
pub(super) fn commit_refused(positions: &[Position], error: Code) -> ApiError {
    match (error, positions) {
        (
            Code::UnknownMemberId
            | Code::IllegalGeneration
            | Code::FencedInstanceId,
            _,
        ) => failed(
            code::KAFKA,
            "Offset commit cannot be completed since the consumer is not part of an active group for auto partition assignment; it is likely that the consumer was kicked out of the group.".to_owned(),
        ),
        (Code::RebalanceInProgress, _) => failed(
            code::KAFKA,
            "Offset commit cannot be completed since the consumer is undergoing a rebalance for auto partition assignment. You can try completing the rebalance by calling poll() and then retry the operation.".to_owned(),
        ),
        (error, [position]) if is_missing(error) => failed(
            code::KAFKA,
            format!("Topic or Partition {} does not exist", named_partition(&position.of)),
        ),
        (error, _) if is_missing(error) => failed(code::KAFKA, named("", error).1),
        (error, _) => api_error("", "commit", error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_commit_says_why() {
        let positions: Vec<_> = [("a", 0), ("b", 7)]
            .map(|(topic, partition)| Position {
                of: TopicPartition {
                    topic: topic.to_owned(),
                    partition,
                },
                offset: 9,
                metadata: "m".to_owned(),
            })
            .into();
        for (error, status, code, text) in [
            (
                Code::UnknownMemberId,
                500,
                code::KAFKA,
                "kicked out of the group",
            ),
            (
                Code::RebalanceInProgress,
                500,
                code::KAFKA,
                "undergoing a rebalance",
            ),
            (
                Code::UnknownTopicOrPartition,
                500,
                code::KAFKA,
                "does not host",
            ),
            (
                Code::GroupAuthorizationFailed,
                403,
                code::KAFKA_AUTHORIZATION,
                "roup",
            ),
        ] {
            let refused = commit_refused(&positions, error);
            assert_eq!((refused.status, refused.code), (status, code), "{error:?}");
            assert!(refused.message.contains(text), "{refused:?}");
        }
        assert_eq!(
            commit_refused(&positions[1..], Code::UnknownTopicOrPartition).message,
            "Topic or Partition b-7 does not exist"
        );
        assert_eq!(
            commit_timed_out(&positions, Duration::from_mins(1)).message,
            "Timeout of 60000ms expired before successfully committing offsets {a-0=OffsetAndMetadata{offset=9, leaderEpoch=null, metadata='m'}, b-7=OffsetAndMetadata{offset=9, leaderEpoch=null, metadata='m'}}"
        );
    }
}
