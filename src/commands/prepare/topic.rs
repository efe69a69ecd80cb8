//! The topic exists before any load: found, or created where the server can, or the command that creates it.

use crate::commands::creation;
use crate::error::Result;
use crate::plan::Topic;
use crate::rest::{Client, NewTopic, Server, TopicInfo};

/// Partitions of the topic, if the server tells them, and whether it had to be created.
pub(super) async fn ensure(
    client: &Client,
    server: &Server,
    topic: &Topic,
) -> Result<(Option<u32>, bool)> {
    if let Some(partitions) = find(client, server, topic).await? {
        return Ok((partitions, false));
    }
    let new = NewTopic::from(topic);
    if !topic.create {
        let why = "and topic.create is false";
        return Err(creation::missing(client, &new, why));
    }
    let (info, created) = creation::create(client, server, &new, false).await?;
    Ok((Some(count(&info)), created))
}

/// The topic's partitions: `None` if it is missing, `Some(None)` if the server does not tell them.
async fn find(client: &Client, server: &Server, topic: &Topic) -> Result<Option<Option<u32>>> {
    match client.topic(&topic.name).await {
        Ok(info) => Ok(Some(Some(count(&info)))),
        // Redpanda has no such call, but it has the list.
        Err(error) if error.is_not_found() => {
            Ok(server.topics.contains(&topic.name).then_some(None))
        }
        Err(error) => Err(error.into()),
    }
}

fn count(info: &TopicInfo) -> u32 {
    u32::try_from(info.partitions.len()).unwrap_or(u32::MAX)
}
