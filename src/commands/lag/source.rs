//! Where a group's lag is read: v3, or the offsets that a consumer instance of the group can see.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::Serialize;

use super::super::control::Connected;
use crate::error::{Error, Result};
use crate::plan::Target;
use crate::rest::{
    BaseUri, CallError, Client, ConsumerClient, ConsumerSettings, Instance, Partition,
    PartitionLag, RecordFormat, Reset, TopicInfo, offsets_of, segment, side_by_side,
};
use crate::wire::Dialect;

/// Limit for each call to an instance.
const CALL_TIMEOUT: Duration = Duration::from_secs(15);

/// What was found of a group.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(serde::Deserialize))]
pub(in crate::commands) struct GroupLag {
    pub(in crate::commands) group: String,
    /// As v3 calls it, such as `STABLE`.
    pub(in crate::commands) state: Option<String>,
    /// Records that are not read yet.
    pub(in crate::commands) lag: u64,
    pub(in crate::commands) max_lag: u64,
    /// Empty if the server told only sums.
    pub(in crate::commands) partitions: Vec<Behind>,
}

/// How far the group is behind in one partition.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(serde::Deserialize))]
pub(in crate::commands) struct Behind {
    pub(in crate::commands) topic: String,
    pub(in crate::commands) partition: u32,
    /// Offset that the group reads next, as committed.
    pub(in crate::commands) current_offset: Option<i64>,
    pub(in crate::commands) end_offset: i64,
    pub(in crate::commands) lag: u64,
    pub(in crate::commands) consumer_id: Option<String>,
    pub(in crate::commands) client_id: Option<String>,
}

/// What a look finds.
enum Found {
    Lag(GroupLag),
    /// The group is there; what a command that wants its lag ends with.
    NoCommits(Error),
}

/// Reads the lag of one group, as often as it is asked.
#[derive(Debug)]
pub(in crate::commands) struct Source {
    client: Client,
    group: String,
    how: How,
}

#[derive(Debug)]
enum How {
    V3 {
        cluster: String,
    },
    Offsets {
        instance: Instance,
        partitions: Vec<Partition>,
    },
}

/// The consumer instances that were made to look at offsets; to be closed at the end, whatever happens.
#[derive(Debug, Default)]
pub(in crate::commands) struct Instances {
    client: OnceLock<ConsumerClient>,
    /// Names that were given.
    named: AtomicU64,
}

impl Instances {
    /// Deletes what is left of them.
    pub(in crate::commands) async fn close(&self) {
        if let Some(consumers) = self.client.get() {
            // One that cannot be deleted is in no group, and the server forgets it by itself.
            consumers.close(Duration::from_secs(5)).await;
        }
    }

    fn client(&self, to: &Connected, target: &Target) -> Result<&ConsumerClient> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        let url = target
            .urls
            .first()
            .ok_or_else(|| Error::Internal("a target without a URL".to_owned()))?;
        let dialect = to.server.dialect;
        let made = ConsumerClient::new(target, url, CALL_TIMEOUT, dialect, BaseUri::Rewrite)?;
        Ok(self.client.get_or_init(|| made))
    }

    /// A name that no other one has: a server refuses one that it knows still.
    fn name(&self) -> String {
        let number = self.named.fetch_add(1, Ordering::Relaxed);
        format!("krush-lag-{}-{number}", std::process::id())
    }
}

impl Source {
    /// Finds the way to a group's offsets. Without v3, an instance is made in the group that subscribes to nothing and
    /// so does not join it; it looks at `topics`, or at all that there are.
    pub(in crate::commands) async fn open(
        to: &Connected,
        target: &Target,
        group: &str,
        topics: &[String],
        instances: &Instances,
    ) -> Result<Self> {
        let how = match (&to.server.cluster_id, to.server.dialect) {
            (Some(cluster), _) => How::V3 {
                cluster: cluster.clone(),
            },
            (None, Dialect::Strimzi | Dialect::Redpanda) => return Err(not_shown(to, group)),
            (None, Dialect::Confluent | Dialect::Karapace) => {
                let partitions = partitions_of(&to.client, &to.server.topics, topics).await?;
                let consumers = instances.client(to, target)?;
                let settings = ConsumerSettings {
                    format: RecordFormat::Binary,
                    reset: Reset::Latest,
                    auto_commit: false,
                    fetch_min_bytes: None,
                };
                let name = instances.name();
                let instance = consumers.create(&segment(group), &name, settings).await?;
                How::Offsets {
                    instance,
                    partitions,
                }
            }
        };
        Ok(Self {
            client: to.client.clone(),
            group: group.to_owned(),
            how,
        })
    }

    /// Deletes its instance, if it has one. One that cannot be deleted now is left for the end.
    pub(in crate::commands) async fn close(self, instances: &Instances) {
        let How::Offsets { instance, .. } = &self.how else {
            return;
        };
        if instance.delete().await.is_ok()
            && let Some(client) = instances.client.get()
        {
            client.forget(instance);
        }
    }

    /// Looks at the group once.
    pub(in crate::commands) async fn look(&self) -> Result<GroupLag> {
        match self.find().await? {
            Found::Lag(lag) => Ok(lag),
            Found::NoCommits(error) => Err(error),
        }
    }

    /// Looks at the group once; one that is there and has committed nothing has no lag yet.
    pub(in crate::commands) async fn committed(&self) -> Result<Option<GroupLag>> {
        match self.find().await? {
            Found::Lag(lag) => Ok(Some(lag)),
            Found::NoCommits(_) => Ok(None),
        }
    }

    async fn find(&self) -> Result<Found> {
        match &self.how {
            How::V3 { cluster } => self.over_v3(cluster).await,
            How::Offsets {
                instance,
                partitions,
            } => self.by_offsets(instance, partitions).await,
        }
    }

    async fn over_v3(&self, cluster: &str) -> Result<Found> {
        let (client, group) = (&self.client, &self.group);
        match client.group_lags(cluster, group).await {
            Ok(lags) => {
                let state = found(client.group_state(cluster, group).await)?;
                let behind = lags.into_iter().map(Behind::from).collect();
                Ok(Found::Lag(self.summed(state, behind)))
            }
            Err(error) if error.is_not_found() => {
                let state = found(client.group_state(cluster, group).await)?;
                let Some(state) = state.filter(|state| state != "DEAD") else {
                    return Err(unknown(&self.client, group));
                };
                match found(client.group_lag_summary(cluster, group).await)? {
                    Some(sums) => Ok(Found::Lag(GroupLag {
                        group: group.clone(),
                        state: Some(state),
                        lag: u64::try_from(sums.total_lag).unwrap_or(0),
                        max_lag: u64::try_from(sums.max_lag).unwrap_or(0),
                        partitions: Vec::new(),
                    })),
                    None => Ok(Found::NoCommits(no_commits(&self.client, group, &state))),
                }
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn by_offsets(&self, instance: &Instance, partitions: &[Partition]) -> Result<Found> {
        let committed = instance.committed(partitions).await?;
        if committed.is_empty() {
            return Ok(Found::NoCommits(Error::target(
                format!(
                    "group {} has committed no offsets at {} of the topics asked about",
                    self.group,
                    self.client.base()
                ),
                "check its name; this server does not list groups: kafka-consumer-groups --bootstrap-server localhost:9092 --list",
            )));
        }
        let places: Vec<(String, u32)> = committed
            .iter()
            .map(|position| (position.of.topic.clone(), position.of.partition))
            .collect();
        let ends = offsets_of(&self.client, &places).await?;
        let behind = committed
            .into_iter()
            .zip(ends)
            .map(|(position, ends)| Behind::new(position.of, Some(position.next), ends.end_offset));
        Ok(Found::Lag(self.summed(None, behind.collect())))
    }

    fn summed(&self, state: Option<String>, mut partitions: Vec<Behind>) -> GroupLag {
        partitions.sort_by(|a, b| (&a.topic, a.partition).cmp(&(&b.topic, b.partition)));
        GroupLag {
            group: self.group.clone(),
            state,
            lag: partitions.iter().map(|behind| behind.lag).sum(),
            max_lag: partitions
                .iter()
                .map(|behind| behind.lag)
                .max()
                .unwrap_or(0),
            partitions,
        }
    }
}

impl Behind {
    fn new(of: Partition, current: Option<i64>, end: i64) -> Self {
        let current = current.filter(|offset| *offset >= 0);
        Self {
            topic: of.topic,
            partition: of.partition,
            current_offset: current,
            end_offset: end,
            lag: u64::try_from(end - current.unwrap_or(0)).unwrap_or(0),
            consumer_id: None,
            client_id: None,
        }
    }
}

impl From<PartitionLag> for Behind {
    fn from(lag: PartitionLag) -> Self {
        let of = Partition {
            topic: lag.topic,
            partition: lag.partition,
        };
        let named = |name: Option<String>| name.filter(|name| !name.is_empty() && name != "-");
        Self {
            consumer_id: named(lag.consumer_id),
            client_id: named(lag.client_id),
            ..Self::new(of, lag.current_offset, lag.log_end_offset)
        }
    }
}

fn found<T>(answer: Result<T, CallError>) -> Result<Option<T>, CallError> {
    match answer {
        Err(error) if error.is_not_found() => Ok(None),
        answer => answer.map(Some),
    }
}

/// All partitions of `topics`, or of every topic that is listed and not internal.
async fn partitions_of(
    client: &Client,
    listed: &[String],
    topics: &[String],
) -> Result<Vec<Partition>, CallError> {
    let names: Vec<String> = match topics {
        [] => listed
            .iter()
            .filter(|name| !name.starts_with("__"))
            .cloned()
            .collect(),
        named => named.to_vec(),
    };
    let infos: Vec<TopicInfo> = side_by_side(names.into_iter().map(|name| {
        let client = client.clone();
        async move { client.topic(&name).await }
    }))
    .await?;
    let partitions = infos.into_iter().flat_map(|info| {
        let numbers = info.partitions.into_iter();
        numbers.map(move |partition| Partition {
            topic: info.name.clone(),
            partition: partition.partition,
        })
    });
    Ok(partitions.collect())
}

fn not_shown(to: &Connected, group: &str) -> Error {
    let command = match to.server.dialect {
        Dialect::Redpanda => format!("rpk group describe {group}"),
        _ => format!(
            "kafka-consumer-groups --bootstrap-server localhost:9092 --describe --group {group}"
        ),
    };
    Error::target(
        format!(
            "{} at {} shows no offsets of a group: it has no v3 API, and no call that reads them",
            to.server.name,
            to.client.base()
        ),
        format!("ask Kafka: {command}"),
    )
}

fn unknown(client: &Client, group: &str) -> Error {
    Error::target(
        format!("there is no consumer group {group} at {}", client.base()),
        "check its name; a group is there once a consumer has joined it or committed an offset",
    )
}

fn no_commits(client: &Client, group: &str, state: &str) -> Error {
    Error::target(
        format!(
            "group {group} at {} is {state} and has committed no offsets, so that it has no lag yet",
            client.base()
        ),
        "look again once its consumers have committed",
    )
}
