//! Topics, partitions, offsets, brokers, liveness: everything of v2 that only reads, and Strimzi's topic creation.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::answer::{Answer, JSON, JSON_V2, Voice};
use super::backend::{ApiError, NewTopic, PartitionInfo, TopicInfo};
use super::produce::{Embedded, embedded};
use super::serve::{Call, Shared};
use super::strimzi;
use crate::wire::{Dialect, code};

#[derive(Serialize)]
struct TopicBody<'a> {
    name: &'a str,
    configs: &'a BTreeMap<String, String>,
    partitions: Vec<PartitionBody>,
}

#[derive(Serialize)]
struct PartitionBody {
    partition: i32,
    leader: i32,
    replicas: Vec<ReplicaBody>,
}

#[derive(Serialize)]
struct ReplicaBody {
    broker: i32,
    leader: bool,
    in_sync: bool,
}

impl From<&PartitionInfo> for PartitionBody {
    fn from(info: &PartitionInfo) -> Self {
        let replica = |broker: &i32| ReplicaBody {
            broker: *broker,
            leader: *broker == info.leader,
            in_sync: info.in_sync.contains(broker),
        };
        Self {
            partition: info.partition,
            leader: info.leader,
            replicas: info.replicas.iter().map(replica).collect(),
        }
    }
}

#[derive(Serialize)]
struct OffsetsBody {
    beginning_offset: i64,
    end_offset: i64,
}

/// `GET /`: says what the server is, so that it never passes for a real one.
pub(crate) fn root(shared: &Shared) -> Answer {
    let answer = match shared.dialect {
        Dialect::Confluent => Answer::ok("{}"),
        Dialect::Strimzi => Answer::ok("{\"bridge_version\":\"0.33.1\"}").typed(Some(JSON)),
        Dialect::Karapace | Dialect::Redpanda => Answer::ok("{}").typed(Some(JSON)),
    };
    answer.with("Server", shared.dialect.with_manners(&shared.name))
}

/// Karapace's `/_health`.
pub(crate) fn health(shared: &Shared) -> Answer {
    let uptime = shared.started.elapsed().as_secs();
    let body = format!("{{\"process_uptime_sec\":{uptime},\"karapace_version\":\"6.2.0\"}}");
    let mut answer = Answer::ok(body).typed(Some(JSON));
    answer.voice = Voice::WebServer;
    answer
}

/// `GET /topics`.
pub(crate) async fn topics(shared: &Shared) -> Answer {
    match shared.backend.topics().await {
        Ok(names) => render(shared, &names),
        Err(error) => refused(shared, &error),
    }
}

/// `GET /brokers`.
pub(crate) async fn brokers(shared: &Shared) -> Answer {
    match shared.backend.brokers().await {
        Ok(brokers) => render(shared, &BTreeMap::from([("brokers", brokers)])),
        Err(error) => refused(shared, &error),
    }
}

/// `GET /topics/{t}`.
pub(crate) async fn topic(shared: &Shared, name: &str) -> Answer {
    with_topic(shared, name, |info| {
        let body = TopicBody {
            name: &info.name,
            configs: &info.configs,
            partitions: info.partitions.iter().map(PartitionBody::from).collect(),
        };
        render(shared, &body)
    })
    .await
}

/// `GET /topics/{t}/partitions`.
pub(crate) async fn partitions(shared: &Shared, name: &str) -> Answer {
    with_topic(shared, name, |info| {
        let all: Vec<_> = info.partitions.iter().map(PartitionBody::from).collect();
        render(shared, &all)
    })
    .await
}

/// `GET /topics/{t}/partitions/{p}`.
pub(crate) async fn partition(shared: &Shared, name: &str, number: &str) -> Answer {
    with_topic(shared, name, |info| {
        let wanted = number.parse().ok();
        let found = info
            .partitions
            .iter()
            .find(|known| Some(known.partition) == wanted);
        match found {
            Some(found) => render(shared, &PartitionBody::from(found)),
            None => missing_partition(shared, number, "Specified partition does not exist."),
        }
    })
    .await
}

/// `GET /topics/{t}/partitions/{p}/offsets`.
pub(crate) async fn offsets(shared: &Shared, name: &str, number: &str) -> Answer {
    let found = match number.parse() {
        Ok(number) => shared.backend.offsets(name, number).await,
        Err(_) => Ok(None),
    };
    match found {
        Ok(Some((beginning_offset, end_offset))) => {
            let body = OffsetsBody {
                beginning_offset,
                end_offset,
            };
            render(shared, &body)
        }
        Ok(None) => {
            let strimzi = format!("Topic '{name}' does not have partition with id {number}");
            with_topic(shared, name, |_| {
                let karapace = ": [Error 3] UnknownTopicOrPartitionError";
                let number = match shared.dialect {
                    Dialect::Karapace => format!("{number} not found{karapace}"),
                    _ => number.to_owned(),
                };
                missing_partition(shared, &number, &strimzi)
            })
            .await
        }
        Err(error) => refused(shared, &error),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AdminTopic {
    topic_name: String,
    partitions_count: Option<i32>,
    replication_factor: Option<i16>,
}

/// Strimzi's `POST /admin/topics`.
pub(crate) async fn create_topic(call: &Call<'_>) -> Answer {
    match embedded(Dialect::Strimzi, call.head) {
        Ok(Embedded::Json) => {}
        Ok(_) => return strimzi::invalid("The format of the request body is not supported"),
        Err(answer) => return answer,
    }
    let value: serde_json::Value = match serde_json::from_slice(call.body) {
        Ok(value) => value,
        Err(_) => return strimzi::invalid("The request body can't be decoded"),
    };
    let known = ["topic_name", "partitions_count", "replication_factor"];
    let unknown = value
        .as_object()
        .and_then(|object| object.keys().find(|key| !known.contains(&key.as_str())));
    if let Some(unknown) = unknown {
        return strimzi::schema_error(&[strimzi::no_additional(unknown)]);
    }
    let topic: AdminTopic = match serde_json::from_value(value) {
        Ok(topic) => topic,
        Err(error) => return strimzi::schema_error(&[error.to_string()]),
    };
    let new = NewTopic {
        name: topic.topic_name,
        partitions: topic.partitions_count,
        replication_factor: topic.replication_factor,
        configs: BTreeMap::new(),
        validate_only: false,
    };
    match call.shared.backend.create_topic(new).await {
        Ok(()) => {
            let mut answer = Answer::ok("{}");
            answer.status = 201;
            answer
        }
        Err(error) => Answer::error(500, 500, &error.message),
    }
}

async fn with_topic(
    shared: &Shared,
    name: &str,
    found: impl FnOnce(&TopicInfo) -> Answer,
) -> Answer {
    match shared.backend.topic(name).await {
        Ok(Some(info)) => found(&info),
        Ok(None) => missing_topic(shared, name),
        Err(error) => refused(shared, &error),
    }
}

fn missing_topic(shared: &Shared, name: &str) -> Answer {
    let hosted = "This server does not host this topic-partition.";
    match shared.dialect {
        Dialect::Confluent | Dialect::Redpanda => {
            Answer::error(404, code::UNKNOWN_TOPIC_OR_PARTITION, hosted)
        }
        Dialect::Strimzi => {
            let class = "org.apache.kafka.common.errors.UnknownTopicOrPartitionException";
            Answer::error(404, 404, &format!("{class}: {hosted}"))
        }
        Dialect::Karapace => {
            let message = format!("Topic {name} not found");
            Answer::error(404, code::UNKNOWN_TOPIC_OR_PARTITION, &message).typed(Some(JSON_V2))
        }
    }
}

fn missing_partition(shared: &Shared, number: &str, strimzi: &str) -> Answer {
    match shared.dialect {
        Dialect::Strimzi => Answer::error(404, 404, strimzi),
        Dialect::Karapace => {
            let ending = if number.contains("not found") {
                ""
            } else {
                " not found"
            };
            let message = format!("Partition {number}{ending}");
            Answer::error(404, code::PARTITION_NOT_FOUND, &message).typed(Some(JSON_V2))
        }
        Dialect::Confluent | Dialect::Redpanda => {
            Answer::error(404, code::PARTITION_NOT_FOUND, "Partition not found.")
        }
    }
}

fn refused(shared: &Shared, error: &ApiError) -> Answer {
    match shared.dialect {
        Dialect::Strimzi => Answer::error(error.status, i64::from(error.status), &error.message),
        Dialect::Karapace => Answer::api_error(error).typed(Some(JSON_V2)),
        Dialect::Confluent | Dialect::Redpanda => Answer::api_error(error),
    }
}

/// JSON in the declared order of fields; Karapace sorts them.
fn render(shared: &Shared, body: &impl Serialize) -> Answer {
    const REASON: &str = "numbers, strings and lists always serialize";
    if shared.dialect == Dialect::Karapace {
        let sorted = serde_json::to_value(body).expect(REASON);
        return Answer::ok(sorted.to_string()).typed(Some(JSON_V2));
    }
    Answer::ok(serde_json::to_vec(body).expect(REASON))
}
