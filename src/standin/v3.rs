//! Confluent's v3 control plane: clusters, topics, partitions; creating and deleting topics.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::answer::{Answer, JSON};
use super::backend::{NewTopic, TopicInfo, topic_name_is_valid};
use super::serve::Call;
use crate::wire::code;

/// Where a v3 answer's links start.
struct Links {
    cluster_id: String,
    /// `http://host:port/v3/clusters`
    clusters: String,
}

impl Links {
    fn of(call: &Call<'_>) -> Self {
        Self {
            cluster_id: call.shared.backend.cluster_id(),
            clusters: format!("{}/v3/clusters", call.origin()),
        }
    }

    fn cluster(&self) -> String {
        format!("{}/{}", self.clusters, self.cluster_id)
    }
}

/// `GET /v3/clusters`.
pub(crate) fn clusters(call: &Call<'_>) -> Answer {
    let links = Links::of(call);
    json(
        200,
        format!(
            "{{\"kind\":\"KafkaClusterList\",\"metadata\":{{\"self\":\"{}\",\"next\":null}},\"data\":[{}]}}",
            links.clusters,
            cluster_body(&links)
        ),
    )
}

/// `GET /v3/clusters/{id}`.
pub(crate) fn cluster(call: &Call<'_>, id: &str) -> Answer {
    let links = Links::of(call);
    match known_cluster(&links, id) {
        Ok(()) => json(200, cluster_body(&links)),
        Err(answer) => answer,
    }
}

fn known_cluster(links: &Links, id: &str) -> Result<(), Answer> {
    if id == links.cluster_id {
        return Ok(());
    }
    Err(Answer::plain(404).typed(Some(JSON)))
}

fn cluster_body(links: &Links) -> String {
    let id = &links.cluster_id;
    let own = links.cluster();
    format!(
        "{{\"kind\":\"KafkaCluster\",\"metadata\":{{\"self\":\"{own}\",\"resource_name\":\"crn:///kafka={id}\"}},\"cluster_id\":\"{id}\",\"controller\":{{\"related\":\"{own}/brokers/1\"}},\"acls\":{{\"related\":\"{own}/acls\"}},\"brokers\":{{\"related\":\"{own}/brokers\"}},\"broker_configs\":{{\"related\":\"{own}/broker-configs\"}},\"consumer_groups\":{{\"related\":\"{own}/consumer-groups\"}},\"topics\":{{\"related\":\"{own}/topics\"}},\"partition_reassignments\":{{\"related\":\"{own}/topics/-/partitions/-/reassignment\"}}}}"
    )
}

/// `GET /v3/clusters/{id}/topics`.
pub(crate) async fn topics(call: &Call<'_>, id: &str) -> Result<Answer, Answer> {
    let links = Links::of(call);
    known_cluster(&links, id)?;
    let backend = &call.shared.backend;
    let names = backend.topics().await.map_err(|error| api(&error))?;
    let mut bodies = Vec::with_capacity(names.len());
    for name in names {
        if let Some(info) = backend.topic(&name).await.map_err(|error| api(&error))? {
            bodies.push(topic_body(&links, &info));
        }
    }
    let own = format!("{}/topics", links.cluster());
    Ok(list("KafkaTopicList", &own, &bodies))
}

/// `GET /v3/clusters/{id}/topics/{t}`.
pub(crate) async fn topic(call: &Call<'_>, id: &str, name: &str) -> Result<Answer, Answer> {
    let links = Links::of(call);
    let info = find(call, &links, id, name).await?;
    Ok(json(200, topic_body(&links, &info)))
}

/// `GET /v3/clusters/{id}/topics/{t}/partitions`.
pub(crate) async fn partitions(call: &Call<'_>, id: &str, name: &str) -> Result<Answer, Answer> {
    let links = Links::of(call);
    let info = find(call, &links, id, name).await?;
    let own = format!("{}/topics/{name}/partitions", links.cluster());
    let id = &links.cluster_id;
    let bodies: Vec<String> = info
        .partitions
        .iter()
        .map(|partition| {
            let number = partition.partition;
            let leader = partition.leader;
            format!(
                "{{\"kind\":\"KafkaPartition\",\"metadata\":{{\"self\":\"{own}/{number}\",\"resource_name\":\"crn:///kafka={id}/topic={name}/partition={number}\"}},\"cluster_id\":\"{id}\",\"topic_name\":\"{name}\",\"partition_id\":{number},\"leader\":{{\"related\":\"{own}/{number}/replicas/{leader}\"}},\"replicas\":{{\"related\":\"{own}/{number}/replicas\"}},\"reassignment\":{{\"related\":\"{own}/{number}/reassignment\"}}}}"
            )
        })
        .collect();
    Ok(list("KafkaPartitionList", &own, &bodies))
}

/// `DELETE /v3/clusters/{id}/topics/{t}`.
pub(crate) async fn delete_topic(call: &Call<'_>, id: &str, name: &str) -> Result<Answer, Answer> {
    known_cluster(&Links::of(call), id)?;
    let deleted = call.shared.backend.delete_topic(name).await;
    let existed = deleted.map_err(|error| api(&error))?;
    let gone = Answer::new(204, None, Vec::new());
    existed.then_some(gone).ok_or_else(missing)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CreateTopic {
    topic_name: String,
    partitions_count: Option<i32>,
    replication_factor: Option<i16>,
    #[serde(default)]
    configs: Vec<Config>,
    #[serde(default)]
    validate_only: bool,
}

#[derive(Deserialize)]
struct Config {
    name: String,
    value: Option<String>,
}

/// `POST /v3/clusters/{id}/topics`.
pub(crate) async fn create_topic(call: &Call<'_>, id: &str) -> Result<Answer, Answer> {
    let links = Links::of(call);
    known_cluster(&links, id)?;
    let bad =
        |error: serde_json::Error| Answer::error(400, 400, &error.to_string()).typed(Some(JSON));
    let wanted: CreateTopic = serde_json::from_slice(call.body).map_err(bad)?;
    if !topic_name_is_valid(&wanted.topic_name) {
        let message = "Payload error. Invalid topic name.";
        return Err(Answer::error(422, 42206, message).typed(Some(JSON)));
    }
    let configs = wanted.configs.into_iter();
    let new = NewTopic {
        name: wanted.topic_name,
        partitions: wanted.partitions_count,
        replication_factor: wanted.replication_factor,
        configs: configs
            .map(|config| (config.name, config.value.unwrap_or_default()))
            .collect::<BTreeMap<_, _>>(),
        validate_only: wanted.validate_only,
    };
    let backend = &call.shared.backend;
    let (name, partitions) = (new.name.clone(), new.partitions);
    backend
        .create_topic(new)
        .await
        .map_err(|error| api(&error))?;
    let (status, body) = if wanted.validate_only {
        (
            200,
            topic_body_of(&links, &name, partitions.unwrap_or(1) as usize, 1),
        )
    } else {
        let info = backend.topic(&name).await.map_err(|error| api(&error))?;
        let replicas = info.as_ref().map_or(1, replication);
        let count = info.map(|info| info.partitions.len());
        let count = count
            .or(partitions.map(|count| count as usize))
            .unwrap_or(1);
        (201, topic_body_of(&links, &name, count, replicas))
    };
    let location = format!("{}/topics/{name}", links.cluster());
    Ok(json(status, body).with("Location", location))
}

async fn find(call: &Call<'_>, links: &Links, id: &str, name: &str) -> Result<TopicInfo, Answer> {
    known_cluster(links, id)?;
    let found = call.shared.backend.topic(name).await;
    found.map_err(|error| api(&error))?.ok_or_else(missing)
}

fn missing() -> Answer {
    let message = "This server does not host this topic-partition.";
    Answer::error(404, code::UNKNOWN_TOPIC_OR_PARTITION, message).typed(Some(JSON))
}

fn replication(info: &TopicInfo) -> usize {
    info.partitions
        .first()
        .map_or(0, |partition| partition.replicas.len())
}

fn topic_body(links: &Links, info: &TopicInfo) -> String {
    topic_body_of(links, &info.name, info.partitions.len(), replication(info))
}

fn topic_body_of(links: &Links, name: &str, partitions: usize, replicas: usize) -> String {
    let id = &links.cluster_id;
    let own = format!("{}/topics/{name}", links.cluster());
    format!(
        "{{\"kind\":\"KafkaTopic\",\"metadata\":{{\"self\":\"{own}\",\"resource_name\":\"crn:///kafka={id}/topic={name}\"}},\"cluster_id\":\"{id}\",\"topic_name\":\"{name}\",\"is_internal\":false,\"replication_factor\":{replicas},\"partitions_count\":{partitions},\"partitions\":{{\"related\":\"{own}/partitions\"}},\"configs\":{{\"related\":\"{own}/configs\"}},\"partition_reassignments\":{{\"related\":\"{own}/partitions/-/reassignment\"}},\"authorized_operations\":[]}}"
    )
}

fn list(kind: &str, own: &str, bodies: &[String]) -> Answer {
    json(
        200,
        format!(
            "{{\"kind\":\"{kind}\",\"metadata\":{{\"self\":\"{own}\",\"next\":null}},\"data\":[{}]}}",
            bodies.join(",")
        ),
    )
}

fn json(status: u16, body: String) -> Answer {
    Answer::new(status, Some(JSON), body.into_bytes())
}

fn api(error: &super::backend::ApiError) -> Answer {
    Answer::api_error(error).typed(Some(JSON))
}
