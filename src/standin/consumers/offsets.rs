//! Commits, committed offsets and positions.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::json;
use tokio::time::timeout;

use super::requests::{Expected, Item, optional, required};
use super::{Instance, nothing, words};
use crate::standin::answer::Answer;
use crate::standin::backend::ApiError;
use crate::standin::members::{Position, Seek, TopicPartition};
use crate::standin::routes::InstancePart;
use crate::standin::serve::Call;
use crate::wire::{Dialect, code};

/// Confluent: a commit of everything read so far was recorded to take so long, broker or no broker.
const CONFLUENT_COMMIT: Duration = Duration::from_millis(5);

const COMMIT: Expected = Expected {
    argument: "commitOffsets.offsetCommitRequest",
    fields: &["offsets"],
};

const COMMITTED: Expected = Expected {
    argument: "committedOffsets.request",
    fields: &["partitions"],
};

const SEEK: Expected = Expected {
    argument: "seekToOffset.seekToOffsetRequest",
    fields: &["offsets", "timestamps"],
};

const SEEK_TO: Expected = Expected {
    argument: "seekToBeginning.seekToRequest",
    fields: &["partitions"],
};

/// `POST …/offsets`: of these, or of everything read so far.
pub(super) async fn commit(call: &Call<'_>, instance: &Arc<Instance>) -> Result<Answer, Answer> {
    let dialect = call.shared.dialect;
    let fields = match dialect {
        Dialect::Karapace => Some(required(call, &COMMIT)?),
        _ => optional(call, &COMMIT)?,
    };
    let items = fields.map(|fields| fields.items("offsets")).transpose()?;
    let explicit = match (dialect, items.flatten()) {
        // An empty list says as much as none.
        (Dialect::Karapace, Some(items)) if items.is_empty() => None,
        (_, items) => items,
    };
    if let Some(items) = explicit {
        if dialect == Dialect::Karapace {
            exist(call, &items).await?;
        }
        let positions = items.into_iter().map(|item| stored(dialect, item));
        let positions: Vec<Position> = positions.collect();
        let committed = instance.member.commit(&positions).await;
        committed.map_err(|error| words::refused(call, &error))?;
    } else {
        let instance = Arc::clone(instance);
        if dialect == Dialect::Confluent {
            // It never says what became of it, and does not wait for that either.
            let commit = tokio::spawn(async move { commit_positions(&instance).await });
            let _ = timeout(CONFLUENT_COMMIT, commit).await;
        } else {
            let outcome = commit_positions(&instance).await;
            outcome.map_err(|error| words::refused(call, &error))?;
        }
    }
    Ok(match dialect {
        Dialect::Confluent => Answer::ok("[]"),
        _ => nothing(),
    })
}

async fn commit_positions(instance: &Instance) -> Result<(), ApiError> {
    let positions = instance.member.positions().await;
    let positions: Vec<Position> = positions
        .into_iter()
        .map(|(of, offset)| Position {
            of,
            offset,
            metadata: String::new(),
        })
        .collect();
    if positions.is_empty() {
        return Ok(());
    }
    instance.member.commit(&positions).await
}

/// What a server stores of an offset that it is told: where to go on, or what was read last.
fn stored(dialect: Dialect, item: Item) -> Position {
    let offset = item.offset.unwrap_or(0);
    Position {
        of: item.of,
        offset: match dialect {
            Dialect::Confluent | Dialect::Karapace => offset.saturating_add(1),
            Dialect::Strimzi | Dialect::Redpanda => offset,
        },
        metadata: item.metadata.unwrap_or_default(),
    }
}

/// Karapace looks first whether there are such partitions.
async fn exist(call: &Call<'_>, items: &[Item]) -> Result<(), Answer> {
    for TopicPartition { topic, partition } in items.iter().map(|item| &item.of) {
        let found = call.shared.backend.topic(topic).await;
        let found = found.map_err(|error| words::refused(call, &error))?;
        let Some(info) = found else {
            let message = format!("Topic {topic} not found");
            return Err(Answer::error(404, code::TOPIC_NOT_FOUND, &message));
        };
        if info
            .partitions
            .iter()
            .all(|known| known.partition != *partition)
        {
            let message = format!("Partition {partition} not found for topic {topic}");
            return Err(Answer::error(404, code::PARTITION_NOT_FOUND, &message));
        }
    }
    Ok(())
}

/// `GET …/offsets`, with a body.
pub(super) async fn committed(call: &Call<'_>, instance: &Instance) -> Result<Answer, Answer> {
    let dialect = call.shared.dialect;
    let fields = match dialect {
        Dialect::Confluent => optional(call, &COMMITTED)?
            .ok_or_else(|| Answer::error(404, code::PARTITION_NOT_FOUND, "Partition not found."))?,
        _ => required(call, &COMMITTED)?,
    };
    let items = fields.items("partitions")?.unwrap_or_default();
    let partitions: Vec<TopicPartition> = items.into_iter().map(|item| item.of).collect();
    let positions = instance.member.committed(&partitions).await;
    let positions = positions.map_err(|error| words::refused(call, &error))?;
    let one = |position: &Position| {
        let Position {
            of,
            offset,
            metadata,
        } = position;
        let (topic, metadata, partition) = (json!(of.topic), json!(metadata), of.partition);
        match dialect {
            Dialect::Karapace => format!(
                "{{\"metadata\":{metadata},\"offset\":{offset},\"partition\":{partition},\"topic\":{topic}}}"
            ),
            _ => format!(
                "{{\"topic\":{topic},\"partition\":{partition},\"offset\":{offset},\"metadata\":{metadata}}}"
            ),
        }
    };
    let all: Vec<String> = positions.iter().map(one).collect();
    Ok(Answer::ok(format!("{{\"offsets\":[{}]}}", all.join(","))))
}

/// `POST …/positions`.
pub(super) async fn seek(call: &Call<'_>, instance: &Instance) -> Result<Answer, Answer> {
    let fields = required(call, &SEEK)?;
    let mut places = Vec::new();
    for item in fields.items("offsets")?.unwrap_or_default() {
        places.push((item.of, Seek::Offset(item.offset.unwrap_or(0))));
    }
    for item in fields.items("timestamps")?.unwrap_or_default() {
        let text = item.timestamp.unwrap_or_default();
        let time = time_ms(&text).ok_or_else(|| {
            words::mistyped(
                call.shared.dialect,
                "timestamp",
                "java.time.Instant",
                "string",
            )
        })?;
        places.push((item.of, Seek::Timestamp(time)));
    }
    go(call, instance, places).await
}

/// `POST …/positions/beginning` and `…/end`.
pub(super) async fn seek_to(
    call: &Call<'_>,
    instance: &Instance,
    part: InstancePart,
) -> Result<Answer, Answer> {
    let to = match part {
        InstancePart::End => Seek::End,
        _ => Seek::Beginning,
    };
    let fields = required(call, &SEEK_TO)?;
    let items = fields.items("partitions")?.unwrap_or_default();
    let places = items.into_iter().map(|item| (item.of, to)).collect();
    go(call, instance, places).await
}

async fn go(
    call: &Call<'_>,
    instance: &Instance,
    places: Vec<(TopicPartition, Seek)>,
) -> Result<Answer, Answer> {
    let sought = instance.member.seek(&places).await;
    sought
        .map(|()| nothing())
        .map_err(|error| words::refused(call, &error))
}

/// ISO 8601 as ms since 1970.
fn time_ms(text: &str) -> Option<i64> {
    let time: SystemTime = humantime::parse_rfc3339_weak(text).ok()?;
    let since = time.duration_since(UNIX_EPOCH).ok()?;
    i64::try_from(since.as_millis()).ok()
}
