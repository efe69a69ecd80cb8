//! `krush topics list`: names, partitions, and record counts if asked for.

use serde::Serialize;

use super::super::control::{self, Connected};
use super::super::grid::{grid, row};
use super::existing;
use crate::error::Result;
use crate::rest::{CallError, Client, TopicInfo, offsets_of, side_by_side};
use crate::units::grouped;
use crate::wire::Dialect;

/// A line of the list.
#[derive(Debug, Serialize)]
struct Listed {
    topic: String,
    /// Not every server tells them.
    partitions: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    records: Option<u64>,
}

/// All topics that the server lists, by name.
pub(super) async fn list(to: &Connected, records: bool, json: bool) -> Result<String> {
    let mut names = to.server.topics.clone();
    names.sort_unstable();
    let found = match to.server.dialect {
        // It has no such call.
        Dialect::Redpanda => names.iter().map(|name| unknown(name)).collect(),
        _ => look(&to.client, &names, records).await?,
    };
    if json {
        return control::json(&serde_json::json!({ "topics": found }));
    }
    Ok(table(&found, records, to.client.base()))
}

fn unknown(name: &str) -> Listed {
    Listed {
        topic: name.to_owned(),
        partitions: None,
        records: None,
    }
}

async fn look(client: &Client, names: &[String], records: bool) -> Result<Vec<Listed>, CallError> {
    let infos = side_by_side(names.iter().cloned().map(|name| {
        let client = client.clone();
        async move { existing(client.topic(&name).await) }
    }))
    .await?;
    let infos: Vec<TopicInfo> = infos.into_iter().flatten().collect();
    let counts = if records {
        Some(counts(client, &infos).await?)
    } else {
        None
    };
    let listed = infos.into_iter().enumerate().map(|(index, info)| Listed {
        topic: info.name,
        partitions: Some(info.partitions.len()),
        records: counts.as_ref().map(|counts| counts[index]),
    });
    Ok(listed.collect())
}

/// Records of each topic, over its partitions.
async fn counts(client: &Client, infos: &[TopicInfo]) -> Result<Vec<u64>, CallError> {
    let partitions: Vec<(String, u32)> = infos
        .iter()
        .flat_map(|info| {
            let numbers = info.partitions.iter();
            numbers.map(|partition| (info.name.clone(), partition.partition))
        })
        .collect();
    let mut offsets = offsets_of(client, &partitions).await?.into_iter();
    let of_topic = |info: &TopicInfo| {
        let its = offsets.by_ref().take(info.partitions.len());
        its.map(crate::rest::Offsets::records).sum()
    };
    Ok(infos.iter().map(of_topic).collect())
}

fn table(found: &[Listed], records: bool, url: &str) -> String {
    if found.is_empty() {
        return format!("no topics at {url}\n");
    }
    let number = |number: Option<u64>| number.map_or("-".to_owned(), grouped);
    let mut heading = row(["topic", "partitions"]);
    heading.extend(records.then(|| "records".to_owned()));
    let mut rows = vec![heading];
    rows.extend(found.iter().map(|listed| {
        let partitions = number(listed.partitions.map(|count| count as u64));
        let mut cells = vec![listed.topic.clone(), partitions];
        cells.extend(records.then(|| number(listed.records)));
        cells
    }));
    grid(rows, &[0])
}
