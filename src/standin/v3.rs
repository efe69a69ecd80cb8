//! Confluent's v3 control plane: clusters, brokers, topics, partitions; creating, changing and deleting topics.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::answer::{Answer, JSON};
use super::backend::{NewTopic, PartitionInfo, TopicInfo, topic_name_is_valid};
use super::routes::encode;
use super::serve::Call;
use crate::wire::code;

pub(super) mod configs;
pub(super) mod groups;

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

    /// The resource with this path below the cluster.
    fn to(&self, path: &[&str]) -> String {
        let mut link = self.cluster();
        for segment in path {
            link.push('/');
            link += &encode(segment);
        }
        link
    }

    /// How every resource begins: what it is, where it is, and what Confluent calls it.
    fn head(&self, kind: &str, path: &[&str], names: &[(&str, &str)]) -> String {
        let mut name = format!("crn:///kafka={}", self.cluster_id);
        for (kind, value) in names {
            name.push('/');
            name += kind;
            if !value.is_empty() {
                name.push('=');
                name += &encode(value);
            }
        }
        let own = self.to(path);
        format!(
            "\"kind\":\"{kind}\",\"metadata\":{{\"self\":\"{own}\",\"resource_name\":\"{name}\"}}"
        )
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
    let body = |partition| format!("{{{}}}", partition_fields(&links, name, partition));
    let bodies: Vec<String> = info.partitions.iter().map(body).collect();
    let own = links.to(&["topics", name, "partitions"]);
    Ok(list("KafkaPartitionList", &own, &bodies))
}

fn partition_fields(links: &Links, name: &str, partition: &PartitionInfo) -> String {
    let number = partition.partition.to_string();
    let path = ["topics", name, "partitions", &number];
    let own = links.to(&path);
    let names = [("topic", name), ("partition", number.as_str())];
    format!(
        "{},\"cluster_id\":\"{}\",\"topic_name\":{},\"partition_id\":{number},{}",
        links.head("KafkaPartition", &path, &names),
        links.cluster_id,
        serde_json::json!(name),
        format_args!(
            "\"leader\":{{\"related\":\"{own}/replicas/{}\"}},\"replicas\":{{\"related\":\"{own}/replicas\"}},\"reassignment\":{{\"related\":\"{own}/reassignment\"}}",
            partition.leader
        )
    )
}

/// `GET /v3/clusters/{id}/topics/{t}/partitions/{p}`.
pub(crate) async fn partition(
    call: &Call<'_>,
    id: &str,
    name: &str,
    number: &str,
) -> Result<Answer, Answer> {
    let links = Links::of(call);
    let info = find(call, &links, id, name).await?;
    let partition = partition_of(&info, number)?;
    let fields = partition_fields(&links, name, partition);
    Ok(json(200, format!("{{{fields}}}")))
}

/// `GET /v3/clusters/{id}/topics/{t}/partitions/{p}/offset`.
pub(crate) async fn offset(
    call: &Call<'_>,
    id: &str,
    name: &str,
    number: &str,
) -> Result<Answer, Answer> {
    let links = Links::of(call);
    let info = find(call, &links, id, name).await?;
    let partition = partition_of(&info, number)?.partition;
    let query = call.head.query.unwrap_or_default();
    let mut kinds = query
        .split('&')
        .filter_map(|part| part.strip_prefix("offset_type="));
    if let Some(kind) = kinds.find(|kind| *kind != "earliest_and_latest") {
        let message =
            format!("Invalid offset type: {kind}. Only earliest_and_latest is supported.");
        return Err(Answer::error(400, 400, &message).typed(Some(JSON)));
    }
    let offsets = call.shared.backend.offsets(name, partition).await;
    let offsets = offsets.map_err(|error| api(&error))?;
    let (earliest, latest) = offsets.ok_or_else(missing)?;
    let path = ["topics", name, "partitions", number, "offset"];
    let names = [("topic", name), ("partition", number), ("offset", "")];
    let body = format!(
        "{{{},\"cluster_id\":\"{}\",\"topic_name\":{},\"partition_id\":{number},\"earliest_offset\":{earliest},\"latest_offset\":{latest}}}",
        links.head("KafkaPartitionWithOffsets", &path, &names),
        links.cluster_id,
        serde_json::json!(name),
    );
    Ok(json(200, body))
}

fn partition_of<'a>(info: &'a TopicInfo, number: &str) -> Result<&'a PartitionInfo, Answer> {
    let number = number.parse::<i32>().ok();
    let mut partitions = info.partitions.iter();
    let found = partitions.find(|partition| Some(partition.partition) == number);
    found.ok_or_else(|| Answer::plain(404).typed(Some(JSON)))
}

/// `GET /v3/clusters/{id}/brokers`. In memory the server is its own broker; of Kafka's no more than the number is known.
pub(crate) async fn brokers(call: &Call<'_>, id: &str) -> Result<Answer, Answer> {
    let links = Links::of(call);
    known_cluster(&links, id)?;
    let brokers = call.shared.backend.brokers().await;
    let own = call.origin();
    let (_, authority) = own.split_once("://").unwrap_or_default();
    let address = call.shared.backend.is_memory().then(|| {
        let (host, port) = authority.rsplit_once(':').unwrap_or((authority, "80"));
        (host.to_owned(), port.parse::<u16>().unwrap_or(80))
    });
    let (host, port) = address.unzip();
    let body = |broker: i32| {
        let number = broker.to_string();
        let link = links.to(&["brokers", &number]);
        format!(
            "{{{},\"cluster_id\":\"{}\",\"broker_id\":{broker},\"host\":{},\"port\":{},\"rack\":null,\"configs\":{{\"related\":\"{link}/configs\"}},\"partition_replicas\":{{\"related\":\"{link}/partition-replicas\"}}}}",
            links.head("KafkaBroker", &["brokers", &number], &[("broker", &number)]),
            links.cluster_id,
            serde_json::json!(host),
            serde_json::json!(port),
        )
    };
    let brokers = brokers.map_err(|error| api(&error))?;
    let bodies: Vec<String> = brokers.into_iter().map(body).collect();
    Ok(list("KafkaBrokerList", &links.to(&["brokers"]), &bodies))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UpdateTopic {
    partitions_count: i32,
}

/// `PATCH /v3/clusters/{id}/topics/{t}`: more partitions.
pub(crate) async fn update_topic(call: &Call<'_>, id: &str, name: &str) -> Result<Answer, Answer> {
    let links = Links::of(call);
    known_cluster(&links, id)?;
    let bad =
        |error: serde_json::Error| Answer::error(400, 400, &error.to_string()).typed(Some(JSON));
    let wanted: UpdateTopic = serde_json::from_slice(call.body).map_err(bad)?;
    let backend = &call.shared.backend;
    let added = backend.add_partitions(name, wanted.partitions_count).await;
    if !added.map_err(|error| api(&error))? {
        return Err(missing());
    }
    let info = find(call, &links, id, name).await?;
    Ok(json(200, topic_body(&links, &info)))
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
