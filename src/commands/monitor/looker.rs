//! Looks at a target: end offsets of topics, lag of groups. One look at a time, each with a limit.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::super::control::Connected;
use super::super::lag::{GroupLag, Instances, Source};
use crate::error::Error;
use crate::plan::Target;
use crate::rest::{CallError, Client, Offsets, TopicInfo, offsets_of, side_by_side};
use crate::units;
use crate::wire::Dialect;

/// Topics that are looked at if none is named: each costs the server two requests to Kafka a partition and look.
pub(super) const TOPICS_AT_MOST: usize = 8;
/// How often topics are listed and described anew.
const DESCRIBED_EVERY: Duration = Duration::from_secs(30);

/// What to look at.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    /// Named topics; none: all that are not internal, up to a number.
    pub(super) topics: Vec<String>,
    pub(super) groups: Vec<String>,
    /// Limit for a whole look.
    pub(super) timeout: Duration,
}

/// What one look saw.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub(super) topics: Vec<SeenTopic>,
    /// Topics that there are and of which the server tells nothing.
    pub(super) untold: Vec<String>,
    /// Topics that there are and that were not looked at.
    pub(super) not_shown: usize,
    /// A group's lag, or why there is none to see.
    pub(super) groups: Vec<(String, Result<GroupLag, String>)>,
    /// How long records are kept, by topic, as far as it was told.
    pub(super) retention: BTreeMap<String, Retention>,
}

/// Offsets of a topic.
#[derive(Debug, Clone)]
pub(super) struct SeenTopic {
    pub(super) name: String,
    /// Number and offsets of each partition.
    pub(super) partitions: Vec<(u32, Offsets)>,
}

/// How long a topic keeps its records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Retention {
    /// `None`: however old they are.
    pub(super) age: Option<Duration>,
    /// Whether records are dropped by size too, which is not to be seen over REST.
    pub(super) by_size: bool,
}

impl Retention {
    /// What the configuration of a topic says; `None` if it does not say.
    pub(super) fn of(configs: &BTreeMap<String, String>) -> Option<Self> {
        let deletes = configs
            .get("cleanup.policy")
            .is_none_or(|policy| policy.contains("delete"));
        let number = |key| configs.get(key).and_then(|value| value.parse::<i64>().ok());
        let ms = number("retention.ms")?;
        let age = u64::try_from(ms).ok().map(Duration::from_millis);
        Some(Self {
            age: age.filter(|_| deletes),
            by_size: deletes && number("retention.bytes").is_some_and(|bytes| bytes >= 0),
        })
    }
}

/// Looks, again and again.
pub(super) struct Looker {
    to: Connected,
    target: Target,
    wanted: Wanted,
    instances: std::sync::Arc<Instances>,
    sources: BTreeMap<String, Source>,
    described: Option<Described>,
}

struct Described {
    at: Instant,
    topics: Vec<TopicInfo>,
    untold: Vec<String>,
    not_shown: usize,
    /// Of every topic that was ever described, those of groups too.
    retention: BTreeMap<String, Retention>,
}

impl Looker {
    pub(super) fn new(
        to: Connected,
        target: Target,
        wanted: Wanted,
        instances: std::sync::Arc<Instances>,
    ) -> Self {
        Self {
            to,
            target,
            wanted,
            instances,
            sources: BTreeMap::new(),
            described: None,
        }
    }

    /// One look, or why there was none.
    pub(super) async fn look(&mut self) -> Result<Seen, String> {
        let limit = self.wanted.timeout;
        match tokio::time::timeout(limit, self.unlimited()).await {
            Ok(seen) => seen.map_err(|error| error.to_string()),
            Err(_) => Err(format!(
                "{} did not answer all that was asked within {}",
                self.to.client.base(),
                units::duration(limit)
            )),
        }
    }

    async fn unlimited(&mut self) -> Result<Seen, Error> {
        let fresh = |described: &Described| described.at.elapsed() < DESCRIBED_EVERY;
        let mut described = match self.described.take().filter(fresh) {
            Some(described) => described,
            None => self.describe().await?,
        };
        let topics = match ends(&self.to.client, &described.topics).await {
            // One was deleted, or made anew with fewer partitions.
            Err(error) if error.is_not_found() => {
                described = self.describe().await?;
                ends(&self.to.client, &described.topics).await
            }
            found => found,
        }?;
        let mut groups = Vec::with_capacity(self.wanted.groups.len());
        for group in self.wanted.groups.clone() {
            let found = self.group(&group).await;
            groups.push((group, found.map_err(|error| error.to_string())));
        }
        self.learn_retention(&mut described, &groups).await?;
        let seen = Seen {
            topics,
            untold: described.untold.clone(),
            not_shown: described.not_shown,
            groups,
            retention: described.retention.clone(),
        };
        self.described = Some(described);
        Ok(seen)
    }

    async fn group(&mut self, group: &str) -> Result<GroupLag, Error> {
        if !self.sources.contains_key(group) {
            let topics = &self.wanted.topics;
            let source =
                Source::open(&self.to, &self.target, group, topics, &self.instances).await?;
            self.sources.insert(group.to_owned(), source);
        }
        let found = self.sources[group].look().await;
        // Its instance may be gone with the server that had it.
        if found.is_err()
            && let Some(source) = self.sources.remove(group)
        {
            source.close(&self.instances).await;
        }
        found
    }

    async fn describe(&self) -> Result<Described, CallError> {
        let client = &self.to.client;
        let mut names = self.wanted.topics.clone();
        let mut not_shown = 0;
        if names.is_empty() {
            names = client.topics().await?;
            names.retain(|name| !name.starts_with('_'));
            names.sort_unstable();
            not_shown = names.len().saturating_sub(TOPICS_AT_MOST);
            names.truncate(TOPICS_AT_MOST);
        }
        let topics = infos(client, names.clone()).await?;
        let untold = self.untold(names).await?;
        let retention = topics.iter().filter_map(kept).collect();
        Ok(Described {
            at: Instant::now(),
            topics,
            untold,
            not_shown,
            retention,
        })
    }

    /// Those of `names` that Redpanda lists: it has no call that tells more.
    async fn untold(&self, mut names: Vec<String>) -> Result<Vec<String>, CallError> {
        if self.to.server.dialect != Dialect::Redpanda {
            return Ok(Vec::new());
        }
        let listed = self.to.client.topics().await?;
        names.retain(|name| listed.contains(name));
        Ok(names)
    }

    /// How long the topics are kept that a group reads and nobody asked about.
    async fn learn_retention(
        &self,
        described: &mut Described,
        groups: &[(String, Result<GroupLag, String>)],
    ) -> Result<(), CallError> {
        let found = groups.iter().filter_map(|(_, lag)| lag.as_ref().ok());
        let mut names: Vec<String> = found
            .flat_map(|lag| &lag.partitions)
            .map(|behind| behind.topic.clone())
            .filter(|topic| !described.retention.contains_key(topic))
            .collect();
        names.sort_unstable();
        names.dedup();
        let infos = infos(&self.to.client, names).await?;
        described.retention.extend(infos.iter().filter_map(kept));
        Ok(())
    }
}

fn kept(info: &TopicInfo) -> Option<(String, Retention)> {
    Retention::of(&info.configs).map(|retention| (info.name.clone(), retention))
}

/// What the topics are; those that do not exist are left out.
async fn infos(client: &Client, names: Vec<String>) -> Result<Vec<TopicInfo>, CallError> {
    let infos = side_by_side(names.into_iter().map(|name| {
        let client = client.clone();
        async move {
            match client.topic(&name).await {
                Err(error) if error.is_not_found() => Ok(None),
                answer => answer.map(Some),
            }
        }
    }))
    .await?;
    Ok(infos.into_iter().flatten().collect())
}

async fn ends(client: &Client, topics: &[TopicInfo]) -> Result<Vec<SeenTopic>, CallError> {
    let all: Vec<(String, u32)> = topics
        .iter()
        .flat_map(|info| {
            let numbers = info.partitions.iter();
            numbers.map(|partition| (info.name.clone(), partition.partition))
        })
        .collect();
    let mut offsets = offsets_of(client, &all).await?.into_iter();
    let seen = topics.iter().map(|info| SeenTopic {
        name: info.name.clone(),
        partitions: info
            .partitions
            .iter()
            .map(|partition| partition.partition)
            .zip(offsets.by_ref())
            .collect(),
    });
    Ok(seen.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retention_is_what_the_configuration_says() {
        let of = |pairs: &[(&str, &str)]| {
            let pairs = pairs.iter();
            let configs = pairs.map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
            Retention::of(&configs.collect())
        };
        let kept = |age, by_size| Some(Retention { age, by_size });
        let hour = Some(Duration::from_hours(1));
        for (configs, wanted) in [
            (&[][..], None),
            (&[("retention.ms", "3600000")], kept(hour, false)),
            (&[("retention.ms", "-1")], kept(None, false)),
            (
                &[("retention.ms", "3600000"), ("retention.bytes", "-1")],
                kept(hour, false),
            ),
            (
                &[("retention.ms", "-1"), ("retention.bytes", "1000")],
                kept(None, true),
            ),
            (
                &[
                    ("retention.ms", "3600000"),
                    ("cleanup.policy", "compact,delete"),
                ],
                kept(hour, false),
            ),
            (
                &[
                    ("retention.ms", "3600000"),
                    ("retention.bytes", "1000"),
                    ("cleanup.policy", "compact"),
                ],
                kept(None, false),
            ),
        ] {
            assert_eq!(of(configs), wanted, "{configs:?}");
        }
    }
}
