//! Creating a topic where the server can, waiting until it is seen, and the command that creates it elsewhere.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use crate::error::{Error, Result};
use crate::rest::{CallError, Client, NewTopic, Problem, Server, TopicInfo};
use crate::wire::Dialect;

/// How long a created topic may take to be seen by GET.
const APPEARS_WITHIN: Duration = Duration::from_secs(10);
/// Pause between two looks.
const LOOK_AGAIN_AFTER: Duration = Duration::from_millis(100);

/// Creates a missing topic. The second value is false if somebody else was quicker.
///
/// # Errors
/// [`Error::Target`] with the command to create it, if the server cannot or will not; [`Error::Usage`] if it refuses what was `typed`.
pub(super) async fn create(
    client: &Client,
    server: &Server,
    topic: &NewTopic,
    typed: bool,
) -> Result<(TopicInfo, bool)> {
    let created = match (&server.cluster_id, server.dialect) {
        (Some(cluster), _) => client.create_topic_v3(cluster, topic).await,
        (None, Dialect::Strimzi) if topic.configs.is_empty() => {
            client.create_topic_strimzi(topic).await
        }
        (None, Dialect::Strimzi) => {
            let why = "and Strimzi's bridge takes no configuration when it creates one";
            return Err(missing(client, topic, why));
        }
        (None, _) => return Err(missing(client, topic, "and this server cannot create it")),
    };
    let deadline = Instant::now() + APPEARS_WITHIN;
    loop {
        match (client.topic(&topic.name).await, &created) {
            // If creating it failed, somebody else was quicker.
            (Ok(info), created) => return Ok((info, created.is_ok())),
            (Err(error), Ok(())) if error.is_not_found() && Instant::now() < deadline => {}
            (Err(error), _) if !error.is_not_found() => return Err(error.into()),
            (Err(_), Err(refusal)) => return Err(not_created(client, topic, typed, refusal)),
            (Err(_), Ok(())) => {
                let why = "though the server said that it created it";
                return Err(missing(client, topic, why));
            }
        }
        tokio::time::sleep(LOOK_AGAIN_AFTER).await;
    }
}

/// The topic is not there, with the command that creates it.
pub(super) fn missing(client: &Client, topic: &NewTopic, why: &str) -> Error {
    let message = format!(
        "topic {} does not exist at {}, {why}",
        topic.name,
        client.base()
    );
    Error::target(message, format!("create it: {}", command(topic)))
}

fn not_created(client: &Client, topic: &NewTopic, typed: bool, refusal: &CallError) -> Error {
    let message = format!(
        "topic {} does not exist and was not created: {refusal}",
        topic.name
    );
    // Any other way to create it as asked for would be refused too.
    if let Problem::Status {
        status: 400 | 422, ..
    } = refusal.problem
        && typed
    {
        return Error::Usage {
            message,
            hint: Some(
                "change what the refusal names: number of partitions, replication, or name and value of a setting".to_owned(),
            ),
        };
    }
    Error::target(
        message,
        format!(
            "create it: {} (at the Kafka behind {})",
            command(topic),
            client.base()
        ),
    )
}

fn command(topic: &NewTopic) -> String {
    let mut words = format!(
        "kafka-topics --bootstrap-server localhost:9092 --create --topic {}",
        topic.name
    );
    // Writing to a String cannot fail.
    if let Some(partitions) = topic.partitions {
        let _ = write!(words, " --partitions {partitions}");
    }
    if let Some(replicas) = topic.replication_factor {
        let _ = write!(words, " --replication-factor {replicas}");
    }
    for (name, value) in &topic.configs {
        let _ = write!(words, " --config {name}={value}");
    }
    words
}
