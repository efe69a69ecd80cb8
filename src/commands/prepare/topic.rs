//! The topic exists before any load: found, or created where the server can, or the command that creates it.

use std::time::{Duration, Instant};

use crate::error::{Error, Result};
use crate::plan::Topic;
use crate::rest::{CallError, Client, Server};
use crate::wire::Dialect;

/// How long a created topic may take to be seen by GET.
const APPEARS_WITHIN: Duration = Duration::from_secs(10);
/// Pause between two looks.
const LOOK_AGAIN_AFTER: Duration = Duration::from_millis(100);

/// Partitions of the topic, if the server tells them, and whether it had to be created.
pub(super) async fn ensure(
    client: &Client,
    server: &Server,
    topic: &Topic,
) -> Result<(Option<u32>, bool)> {
    if let Some(partitions) = find(client, server, topic).await? {
        return Ok((partitions, false));
    }
    let created = match (&server.cluster_id, server.dialect) {
        _ if !topic.create => return Err(missing(client, topic, "and topic.create is false")),
        (Some(cluster), _) => client.create_topic_v3(cluster, topic).await,
        (None, Dialect::Strimzi) => client.create_topic_strimzi(topic).await,
        (None, _) => return Err(missing(client, topic, "and this server cannot create it")),
    };
    let deadline = Instant::now() + APPEARS_WITHIN;
    loop {
        match (client.topic(&topic.name).await, &created) {
            // If creating it failed, somebody else was quicker.
            (Ok(summary), created) => return Ok((Some(summary.partitions), created.is_ok())),
            (Err(error), Ok(())) if error.is_not_found() && Instant::now() < deadline => {}
            (Err(error), _) if !error.is_not_found() => return Err(error.into()),
            (Err(_), Err(refusal)) => return Err(not_created(client, topic, refusal)),
            (Err(_), Ok(())) => {
                let why = "though the server said that it created it";
                return Err(missing(client, topic, why));
            }
        }
        tokio::time::sleep(LOOK_AGAIN_AFTER).await;
    }
}

/// The topic's partitions: `None` if it is missing, `Some(None)` if the server does not tell them.
async fn find(client: &Client, server: &Server, topic: &Topic) -> Result<Option<Option<u32>>> {
    match client.topic(&topic.name).await {
        Ok(summary) => Ok(Some(Some(summary.partitions))),
        // Redpanda has no such call, but it has the list.
        Err(error) if error.is_not_found() => {
            Ok(server.topics.contains(&topic.name).then_some(None))
        }
        Err(error) => Err(error.into()),
    }
}

fn missing(client: &Client, topic: &Topic, why: &str) -> Error {
    let message = format!(
        "topic {} does not exist at {}, {why}",
        topic.name,
        client.base()
    );
    Error::target(message, format!("create it: {}", command(topic)))
}

fn not_created(client: &Client, topic: &Topic, refusal: &CallError) -> Error {
    Error::target(
        format!(
            "topic {} does not exist and was not created: {refusal}",
            topic.name
        ),
        format!(
            "create it: {} (at the Kafka behind {})",
            command(topic),
            client.base()
        ),
    )
}

fn command(topic: &Topic) -> String {
    let replicas = topic
        .replication_factor
        .map(|replicas| format!(" --replication-factor {replicas}"))
        .unwrap_or_default();
    format!(
        "kafka-topics --bootstrap-server localhost:9092 --create --topic {} --partitions {}{replicas}",
        topic.name, topic.partitions
    )
}
