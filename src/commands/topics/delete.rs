//! `krush topics delete`: all of them, or none if one is missing.

use std::fmt::Write as _;

use super::super::control::Connected;
use super::missing;
use crate::error::{Error, Result};

/// Deletes topics and says which.
pub(super) async fn delete(to: &Connected, topics: &[String], if_exists: bool) -> Result<String> {
    let Some(cluster) = &to.server.cluster_id else {
        return Err(Error::target(
            format!(
                "{} at {} cannot delete topics: it has no v3 API",
                to.server.name,
                to.client.base()
            ),
            format!(
                "delete it: kafka-topics --bootstrap-server localhost:9092 --delete --topic {}",
                topics.join(",")
            ),
        ));
    };
    let mut text = String::new();
    let mut present = Vec::new();
    for topic in topics {
        match to.client.topic(topic).await {
            // Named twice is deleted once.
            Ok(_) if present.contains(&topic) => {}
            Ok(_) => present.push(topic),
            Err(error) if error.is_not_found() && if_exists => {
                // Writing to a String cannot fail.
                let _ = writeln!(text, "topic {topic} does not exist");
            }
            Err(error) if error.is_not_found() => return Err(not_deleted(to, topics, topic)),
            Err(error) => return Err(error.into()),
        }
    }
    for topic in present {
        match to.client.delete_topic_v3(cluster, topic).await {
            // Somebody else was quicker.
            Err(error) if error.is_not_found() && if_exists => {}
            answer => answer?,
        }
        let _ = writeln!(text, "deleted topic {topic}");
    }
    Ok(text)
}

fn not_deleted(to: &Connected, topics: &[String], topic: &str) -> Error {
    if topics.len() == 1 {
        let Error::Target { message, .. } = missing(to, topic) else {
            return missing(to, topic);
        };
        return Error::target(message, "with --if-exists that is no error");
    }
    Error::target(
        format!(
            "topic {topic} does not exist at {}, so that none was deleted",
            to.client.base()
        ),
        "with --if-exists a missing topic is no error",
    )
}
