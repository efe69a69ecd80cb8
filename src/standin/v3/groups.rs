//! Confluent's v3 consumer groups: groups, their members, and how far behind they are.

use std::cmp::Reverse;

use serde_json::json;

use super::{Links, api, json as answer, known_cluster, list};
use crate::standin::answer::{Answer, JSON};
use crate::standin::members::{GroupInfo, Lag, MemberInfo};
use crate::standin::routes::GroupPart;
use crate::standin::serve::Call;

/// `GET …/consumer-groups`.
pub(crate) async fn groups(call: &Call<'_>, id: &str) -> Result<Answer, Answer> {
    let links = Links::of(call);
    known_cluster(&links, id)?;
    let names = call.shared.backend.groups().await;
    let mut bodies = Vec::new();
    let coordinator = coordinator(call).await?;
    for name in names.map_err(|error| api(&error))? {
        let found = call.shared.backend.group(&name).await;
        if let Some(info) = found.map_err(|error| api(&error))? {
            bodies.push(group_body(&links, &info, coordinator));
        }
    }
    let own = links.to(&["consumer-groups"]);
    Ok(list("KafkaConsumerGroupList", &own, &bodies))
}

/// Everything below `…/consumer-groups/{group}`.
pub(crate) async fn group(
    call: &Call<'_>,
    id: &str,
    name: &str,
    part: &GroupPart<'_>,
) -> Result<Answer, Answer> {
    let links = Links::of(call);
    known_cluster(&links, id)?;
    match part {
        GroupPart::Itself => {
            let info = find(call, name).await?;
            let coordinator = coordinator(call).await?;
            Ok(answer(200, group_body(&links, &info, coordinator)))
        }
        GroupPart::Consumers => {
            let info = find(call, name).await?;
            let body = |member| member_body(&links, name, member);
            let bodies: Vec<String> = info.members.iter().map(body).collect();
            let own = links.to(&["consumer-groups", name, "consumers"]);
            Ok(list("KafkaConsumerList", &own, &bodies))
        }
        GroupPart::Consumer(consumer) => {
            let member = member(call, name, consumer).await?;
            Ok(answer(200, member_body(&links, name, &member)))
        }
        GroupPart::Assignments(consumer) => {
            let member = member(call, name, consumer).await?;
            Ok(assignments(&links, name, &member))
        }
        GroupPart::LagSummary => Ok(lag_summary(&links, name, &lags(call, name).await?)),
        GroupPart::Lags => {
            let lags = lags(call, name).await?;
            let body = |lag| lag_body(&links, name, lag);
            let bodies: Vec<String> = lags.iter().map(body).collect();
            let own = links.to(&["consumer-groups", name, "lags"]);
            Ok(list("KafkaConsumerLagList", &own, &bodies))
        }
        GroupPart::Lag(topic, number) => {
            let lags = lags(call, name).await?;
            let is_it =
                |lag: &&Lag| lag.of.topic == *topic && lag.of.partition.to_string() == *number;
            let lag = lags.iter().find(is_it).ok_or_else(not_found)?;
            Ok(answer(200, lag_body(&links, name, lag)))
        }
    }
}

/// The first broker there is.
async fn coordinator(call: &Call<'_>) -> Result<i32, Answer> {
    let brokers = call.shared.backend.brokers().await;
    let brokers = brokers.map_err(|error| api(&error))?;
    Ok(brokers.first().copied().unwrap_or_default())
}

async fn find(call: &Call<'_>, name: &str) -> Result<GroupInfo, Answer> {
    let found = call.shared.backend.group(name).await;
    found.map_err(|error| api(&error))?.ok_or_else(not_found)
}

async fn member(call: &Call<'_>, group: &str, consumer: &str) -> Result<MemberInfo, Answer> {
    let info = find(call, group).await?;
    let mut members = info.members.into_iter();
    let member = members.find(|member| member.consumer == consumer);
    member.ok_or_else(not_found)
}

/// The furthest behind first.
async fn lags(call: &Call<'_>, name: &str) -> Result<Vec<Lag>, Answer> {
    let gone = |message: &str| Answer::error(404, 404, message).typed(Some(JSON));
    let found = call.shared.backend.lags(name).await;
    let mut lags = found
        .map_err(|error| api(&error))?
        .ok_or_else(|| gone(&format!("Consumer Group {name} could not be found.")))?;
    if lags.is_empty() {
        return Err(gone("Consumer group offsets could not be found."));
    }
    lags.sort_by_cached_key(|lag| (Reverse(lag.lag()), lag.of.clone()));
    Ok(lags)
}

fn not_found() -> Answer {
    Answer::plain(404).typed(Some(JSON))
}

fn group_body(links: &Links, info: &GroupInfo, coordinator: i32) -> String {
    let name = info.group.as_str();
    let id = &links.cluster_id;
    let below = |part| links.to(&["consumer-groups", name, part]);
    let head = links.head(
        "KafkaConsumerGroup",
        &["consumer-groups", name],
        &[("consumer-group", name)],
    );
    format!(
        "{{{head},\"cluster_id\":\"{id}\",\"consumer_group_id\":{},\"is_simple\":false,\"partition_assignor\":{},\"state\":{},\"type\":\"CLASSIC\",\"is_mixed_consumer_group\":false,\"coordinator\":{{\"related\":\"{}\"}},\"consumers\":{{\"related\":\"{}\"}},\"lag_summary\":{{\"related\":\"{}\"}}}}",
        json!(name),
        json!(info.assignor),
        json!(info.state),
        links.to(&["brokers", &coordinator.to_string()]),
        below("consumers"),
        below("lag-summary"),
    )
}

fn member_body(links: &Links, group: &str, member: &MemberInfo) -> String {
    let consumer = member.consumer.as_str();
    let path = ["consumer-groups", group, "consumers", consumer];
    let head = links.head(
        "KafkaConsumer",
        &path,
        &[("consumer-group", group), ("consumer", consumer)],
    );
    format!(
        "{{{head},\"cluster_id\":\"{}\",\"consumer_group_id\":{},\"consumer_id\":{},\"instance_id\":{},\"client_id\":{},\"assignments\":{{\"related\":\"{}/assignments\"}}}}",
        links.cluster_id,
        json!(group),
        json!(consumer),
        json!(member.instance),
        json!(member.client),
        links.to(&path),
    )
}

fn assignments(links: &Links, group: &str, member: &MemberInfo) -> Answer {
    let consumer = member.consumer.as_str();
    let mut assigned = member.assignment.clone();
    assigned.sort();
    let path = [
        "consumer-groups",
        group,
        "consumers",
        consumer,
        "assignments",
    ];
    let body = |of: &crate::standin::members::TopicPartition| {
        let (topic, number) = (of.topic.as_str(), of.partition.to_string());
        let mut own = path.to_vec();
        own.extend([topic, "partitions", &number]);
        let head = links.head(
            "KafkaConsumerAssignment",
            &own,
            &[
                ("consumer-group", group),
                ("consumer", consumer),
                ("assignment", topic),
                ("partition", &number),
            ],
        );
        format!(
            "{{{head},\"cluster_id\":\"{}\",\"consumer_group_id\":{},\"consumer_id\":{},\"topic_name\":{},\"partition_id\":{number},\"partition\":{{\"related\":\"{}\"}},\"lag\":{{\"related\":\"{}\"}}}}",
            links.cluster_id,
            json!(group),
            json!(consumer),
            json!(topic),
            links.to(&["topics", topic, "partitions", &number]),
            links.to(&[
                "consumer-groups",
                group,
                "lags",
                topic,
                "partitions",
                &number
            ]),
        )
    };
    let bodies: Vec<String> = assigned.iter().map(body).collect();
    list("KafkaConsumerAssignmentList", &links.to(&path), &bodies)
}

fn lag_summary(links: &Links, group: &str, lags: &[Lag]) -> Answer {
    // The furthest behind is the first.
    let most = &lags[0];
    let total: i64 = lags.iter().map(Lag::lag).sum();
    let (topic, number) = (most.of.topic.as_str(), most.of.partition.to_string());
    let (consumer, instance, client) = reader(most);
    let head = links.head(
        "KafkaConsumerGroupLagSummary",
        &["consumer-groups", group, "lag-summary"],
        &[("consumer-group", group), ("lag-summary", "")],
    );
    answer(
        200,
        format!(
            "{{{head},\"cluster_id\":\"{}\",\"consumer_group_id\":{},\"max_lag\":{},\"total_lag\":{total},\"max_lag_consumer_id\":{},\"max_lag_consumer\":{{\"related\":\"{}\"}},\"max_lag_client_id\":{},\"max_lag_instance_id\":{},\"max_lag_topic_name\":{},\"max_lag_partition_id\":{number},\"max_lag_partition\":{{\"related\":\"{}\"}}}}",
            links.cluster_id,
            json!(group),
            most.lag(),
            json!(consumer),
            links.to(&["consumer-groups", group, "consumers", consumer]),
            json!(client),
            json!(instance),
            json!(topic),
            links.to(&["topics", topic, "partitions", &number]),
        ),
    )
}

/// Who reads the partition: names of consumer, instance and client; empty if nobody does.
fn reader(lag: &Lag) -> (&str, Option<&str>, &str) {
    lag.member.as_ref().map_or(("", None, ""), |member| {
        let instance = member.instance.as_deref();
        (&member.consumer, instance, &member.client)
    })
}

fn lag_body(links: &Links, group: &str, lag: &Lag) -> String {
    let (topic, number) = (lag.of.topic.as_str(), lag.of.partition.to_string());
    let (consumer, instance, client) = reader(lag);
    let head = links.head(
        "KafkaConsumerLag",
        &[
            "consumer-groups",
            group,
            "lags",
            topic,
            "partitions",
            &number,
        ],
        &[
            ("consumer-group", group),
            ("lag", topic),
            ("partition", &number),
        ],
    );
    format!(
        "{{{head},\"cluster_id\":\"{}\",\"consumer_group_id\":{},\"topic_name\":{},\"partition_id\":{number},\"consumer_id\":{},\"instance_id\":{},\"client_id\":{},\"current_offset\":{},\"log_end_offset\":{},\"lag\":{}}}",
        links.cluster_id,
        json!(group),
        json!(topic),
        json!(consumer),
        json!(instance),
        json!(client),
        lag.current_offset,
        lag.log_end_offset,
        lag.lag(),
    )
}
