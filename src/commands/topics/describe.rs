//! `krush topics describe`: partitions, leaders, offsets, record counts, configuration.

use std::fmt::Write as _;

use serde::Serialize;

use super::super::control::{self, Connected};
use super::super::grid::{grid, row};
use super::{existing, missing};
use crate::error::{Error, Result};
use crate::rest::{Offsets, PartitionInfo, TopicConfig, TopicInfo, offsets_of};
use crate::units::{counted, grouped};
use crate::wire::Dialect;

/// What is said of a topic.
#[derive(Debug, Serialize)]
pub(super) struct Described {
    topic: String,
    url: String,
    replication: usize,
    records: u64,
    partitions: Vec<Partition>,
    configs: Vec<Setting>,
}

#[derive(Debug, Serialize)]
struct Partition {
    #[serde(rename = "partition")]
    number: u32,
    /// Nobody leads a partition whose brokers are down.
    leader: Option<i64>,
    replicas: Vec<i64>,
    in_sync: Vec<i64>,
    first_offset: i64,
    next_offset: i64,
    records: u64,
}

#[derive(Debug, Serialize)]
struct Setting {
    name: String,
    value: Option<String>,
    /// v2 does not tell.
    is_default: Option<bool>,
}

/// Looks at the topic and says what it is.
pub(super) async fn describe(to: &Connected, topic: &str, json: bool) -> Result<String> {
    let described = look(to, topic).await?;
    if json {
        control::json(&described)
    } else {
        Ok(text(&described))
    }
}

async fn look(to: &Connected, topic: &str) -> Result<Described> {
    let client = &to.client;
    let mut info = match client.topic(topic).await {
        Ok(info) => info,
        Err(error) if error.is_not_found() => return Err(not_described(to, topic)),
        Err(error) => return Err(error.into()),
    };
    info.partitions.sort_by_key(|partition| partition.partition);
    let numbers = info.partitions.iter();
    let numbers: Vec<(String, u32)> = numbers
        .map(|partition| (topic.to_owned(), partition.partition))
        .collect();
    let offsets = offsets_of(client, &numbers).await?;
    let configs = match &to.server.cluster_id {
        Some(cluster) => existing(client.topic_configs(cluster, topic).await)?,
        None => None,
    };
    let settings = configs.map_or_else(|| unmarked(&info), marked);
    let pairs = info.partitions.iter().zip(offsets);
    let partitions: Vec<Partition> = pairs.map(|(info, offsets)| of(info, offsets)).collect();
    Ok(Described {
        topic: info.name,
        url: client.base().to_owned(),
        replication: partitions
            .iter()
            .map(|p| p.replicas.len())
            .max()
            .unwrap_or(0),
        records: partitions.iter().map(|p| p.records).sum(),
        partitions,
        configs: settings,
    })
}

/// Redpanda lists topics but tells nothing of them.
fn not_described(to: &Connected, topic: &str) -> Error {
    let listed = to.server.topics.iter().any(|name| name == topic);
    if to.server.dialect == Dialect::Redpanda && listed {
        let message = format!(
            "topic {topic} exists at {}, but {} tells nothing of its topics",
            to.client.base(),
            to.server.name
        );
        return Error::target(message, format!("ask it: rpk topic describe {topic}"));
    }
    missing(to, topic)
}

fn of(info: &PartitionInfo, offsets: Offsets) -> Partition {
    let brokers = |only_in_sync: bool| {
        let kept = info.replicas.iter();
        kept.filter(|replica| replica.in_sync || !only_in_sync)
            .map(|replica| replica.broker)
            .collect()
    };
    Partition {
        number: info.partition,
        leader: (info.leader >= 0).then_some(info.leader),
        replicas: brokers(false),
        in_sync: brokers(true),
        first_offset: offsets.beginning_offset,
        next_offset: offsets.end_offset,
        records: offsets.records(),
    }
}

/// Those that somebody set come first.
fn marked(mut configs: Vec<TopicConfig>) -> Vec<Setting> {
    configs.sort_by(|a, b| (a.is_default, &a.name).cmp(&(b.is_default, &b.name)));
    let settings = configs.into_iter().map(|config| Setting {
        name: config.name,
        value: config.value,
        is_default: Some(config.is_default),
    });
    settings.collect()
}

fn unmarked(info: &TopicInfo) -> Vec<Setting> {
    let settings = info.configs.iter().map(|(name, value)| Setting {
        name: name.clone(),
        value: Some(value.clone()),
        is_default: None,
    });
    settings.collect()
}

fn text(described: &Described) -> String {
    let count = |number: usize, one, many| counted(number as u64, one, many);
    let mut text = format!(
        "topic {} at {}: {}, {}, {}\n\n",
        described.topic,
        described.url,
        count(described.partitions.len(), "partition", "partitions"),
        match described.replication {
            1 => "1 copy of each".to_owned(),
            copies => format!("{copies} copies of each"),
        },
        counted(described.records, "record", "records")
    );
    text.push_str(&partitions(described));
    for (is_default, heading) in [
        (Some(false), "set for this topic"),
        (Some(true), "defaults of the server"),
        (
            None,
            "configuration (this server does not say what is a default)",
        ),
    ] {
        let settings = described.configs.iter();
        let rows: Vec<Vec<String>> = settings
            .filter(|setting| setting.is_default == is_default)
            .map(|setting| {
                let value = setting.value.as_deref().unwrap_or("(hidden)");
                row([&format!("  {}", setting.name), value])
            })
            .collect();
        if !rows.is_empty() {
            // Writing to a String cannot fail.
            let _ = write!(text, "\n{heading}\n{}", grid(rows, &[0, 1]));
        }
    }
    text
}

fn partitions(described: &Described) -> String {
    let brokers = |ids: &[i64]| {
        let ids: Vec<String> = ids.iter().map(i64::to_string).collect();
        ids.join(",")
    };
    let offset = |offset: i64| grouped(u64::try_from(offset).unwrap_or(0));
    let mut rows = vec![row([
        "partition",
        "leader",
        "replicas",
        "in sync",
        "first",
        "next",
        "records",
    ])];
    rows.extend(described.partitions.iter().map(|partition| {
        row([
            &partition.number.to_string(),
            &partition
                .leader
                .map_or("none".to_owned(), |id| id.to_string()),
            &brokers(&partition.replicas),
            &brokers(&partition.in_sync),
            &offset(partition.first_offset),
            &offset(partition.next_offset),
            &grouped(partition.records),
        ])
    }));
    grid(rows, &[])
}
