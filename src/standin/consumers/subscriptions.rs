//! What an instance reads: topics shared with its group, or partitions chosen by hand.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering::Relaxed;

use serde_json::json;

use super::requests::{Expected, required};
use super::{Instance, nothing, words};
use crate::standin::answer::Answer;
use crate::standin::members::{Subscription, TopicPartition};
use crate::standin::serve::Call;
use crate::wire::{Dialect, code};

const SUBSCRIBE: Expected = Expected {
    argument: "subscribe.subscription",
    fields: &["topics", "topic_pattern"],
};

const ASSIGN: Expected = Expected {
    argument: "assign.assignmentRequest",
    fields: &["partitions"],
};

/// `POST …/subscription`.
pub(super) async fn subscribe(call: &Call<'_>, instance: &Instance) -> Result<Answer, Answer> {
    let dialect = call.shared.dialect;
    let fields = required(call, &SUBSCRIBE)?;
    let topics = fields.has("topics").then(|| fields.strings("topics"));
    let topics = topics.transpose()?;
    let pattern = fields.string("topic_pattern")?;
    let wish = match (dialect, topics, pattern) {
        (Dialect::Strimzi, Some(_), Some(_)) => return Err(words::exclusive()),
        (Dialect::Strimzi, None, None) => {
            let message = "A list (of Topics type) or a topic_pattern must be specified.";
            return Err(Answer::error(422, 422, message));
        }
        (Dialect::Karapace, Some(topics), Some(_)) if !topics.is_empty() => {
            return Err(Answer::error(409, code::ILLEGAL_STATE, words::ONE_WAY));
        }
        (Dialect::Karapace, topics, None) if topics.as_ref().is_none_or(Vec::is_empty) => {
            let message = "Neither topic_pattern nor topics are present in request";
            return Err(Answer::error(409, code::ILLEGAL_STATE, message));
        }
        (Dialect::Karapace, _, Some(pattern)) | (_, None, Some(pattern)) => {
            Subscription::Pattern(pattern)
        }
        (_, Some(topics), _) => Subscription::Topics(topics),
        (_, None, None) => return Ok(nothing()),
    };
    let wants = !matches!(&wish, Subscription::Topics(topics) if topics.is_empty());
    let subscribed = instance.member.subscribe(wish).await;
    subscribed.map_err(|error| words::refused(call, &error))?;
    instance.wants.store(wants, Relaxed);
    Ok(nothing())
}

/// `DELETE …/subscription`.
pub(super) async fn unsubscribe(call: &Call<'_>, instance: &Instance) -> Result<Answer, Answer> {
    let left = instance.member.unsubscribe().await;
    left.map_err(|error| words::refused(call, &error))?;
    instance.wants.store(false, Relaxed);
    Ok(nothing())
}

/// `GET …/subscription`. Strimzi tells what is assigned.
pub(super) async fn subscription(call: &Call<'_>, instance: &Instance) -> Answer {
    if call.shared.dialect != Dialect::Strimzi {
        let topics = instance.member.subscription().await;
        return Answer::ok(json!({ "topics": topics }).to_string());
    }
    let mut topics: BTreeMap<String, Vec<i32>> = BTreeMap::new();
    for of in instance.member.assignment().await {
        topics.entry(of.topic).or_default().push(of.partition);
    }
    let partition = |(topic, mut partitions): (String, Vec<i32>)| {
        partitions.sort_unstable();
        json!({ topic: partitions })
    };
    let names: Vec<String> = topics.keys().cloned().collect();
    let partitions: Vec<_> = topics.into_iter().map(partition).collect();
    let (names, partitions) = (json!(names), json!(partitions));
    Answer::ok(format!(
        "{{\"topics\":{names},\"partitions\":{partitions}}}"
    ))
}

/// `POST …/assignments`.
pub(super) async fn assign(call: &Call<'_>, instance: &Instance) -> Result<Answer, Answer> {
    let fields = required(call, &ASSIGN)?;
    let items = fields.items("partitions")?.unwrap_or_default();
    let partitions: Vec<TopicPartition> = items.into_iter().map(|item| item.of).collect();
    let wants = !partitions.is_empty();
    let assigned = instance.member.assign(partitions).await;
    assigned.map_err(|error| words::refused(call, &error))?;
    instance.wants.store(wants, Relaxed);
    Ok(nothing())
}

/// `GET …/assignments`.
pub(super) async fn assignment(call: &Call<'_>, instance: &Instance) -> Answer {
    let mut partitions = instance.member.assignment().await;
    let karapace = call.shared.dialect == Dialect::Karapace;
    if karapace {
        partitions.sort();
    }
    let one = |of: &TopicPartition| {
        let (topic, partition) = (json!(of.topic), of.partition);
        if karapace {
            format!("{{\"partition\":{partition},\"topic\":{topic}}}")
        } else {
            format!("{{\"topic\":{topic},\"partition\":{partition}}}")
        }
    };
    let all: Vec<String> = partitions.iter().map(one).collect();
    Answer::ok(format!("{{\"partitions\":[{}]}}", all.join(",")))
}
