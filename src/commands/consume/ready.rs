//! Before the first fetch: the target answers, has the topics, and tells what is there to read.

use std::collections::BTreeMap;
use std::io::Write;

use regex_lite::Regex;

use super::wanted::Wanted;
use crate::error::{Error, Result};
use crate::measure::consume::{Place, Stretch};
use crate::report::TargetKind;
use crate::report::consume::ConsumeTarget;
use crate::rest::{
    BaseUri, CallError, Client, ConsumerClient, Offsets, Partition, Patience, Reset, Server,
    offsets_of, probe,
};
use crate::wire::Dialect;

/// A target that can be read from.
pub(super) struct Ready {
    pub(super) clients: Vec<ConsumerClient>,
    pub(super) dialect: Dialect,
    pub(super) topics: Vec<String>,
    /// What is there to read; `None`: the server does not tell offsets.
    pub(super) stretches: Option<BTreeMap<Place, Stretch>>,
    pub(super) warnings: Vec<String>,
    control: Client,
    partitions: Vec<Partition>,
    kind: TargetKind,
    server: String,
    urls: Vec<String>,
}

/// Finds the servers and the topics.
///
/// # Errors
/// [`Error::Target`]: not to be reached, not what it should be, or a topic that does not exist.
pub(super) async fn find(wanted: &Wanted, say: &mut impl Write) -> Result<Ready> {
    let mut found: Option<(Client, Server)> = None;
    let (mut clients, mut urls) = (Vec::new(), Vec::new());
    for url in &wanted.target.urls {
        let control = Client::new(&wanted.target, url, wanted.timeout)?;
        let server = probe(&control, url, Patience::default(), say).await?;
        let dialect = wanted.target.dialect.unwrap_or(server.dialect);
        urls.push(control.base().to_owned());
        clients.push(ConsumerClient::new(
            &wanted.target,
            url,
            wanted.timeout,
            dialect,
            wanted.base_uri,
        )?);
        found.get_or_insert((control, server));
    }
    let (control, server) =
        found.ok_or_else(|| Error::Internal("a command without a target".to_owned()))?;
    let topics = match &wanted.pattern {
        None => wanted.topics.clone(),
        Some(pattern) => matching(pattern, &server.topics, control.base())?,
    };
    let mut partitions = Some(Vec::new());
    for topic in &topics {
        let more = partitions_of(&control, &server, topic).await?;
        partitions = partitions.zip(more).map(|(all, more)| [all, more].concat());
    }
    Ok(Ready {
        clients,
        dialect: wanted.target.dialect.unwrap_or(server.dialect),
        topics,
        stretches: None,
        warnings: Vec::new(),
        control,
        partitions: partitions.unwrap_or_default(),
        kind: server.kind,
        server: server.name,
        urls,
    })
}

/// Topics whose whole name matches.
fn matching(pattern: &Regex, topics: &[String], base: &str) -> Result<Vec<String>> {
    let whole = |name: &&String| {
        let found = pattern.find(name);
        found.is_some_and(|found| found.start() == 0 && found.end() == name.len())
    };
    let found: Vec<String> = topics.iter().filter(whole).cloned().collect();
    if found.is_empty() {
        return Err(Error::target(
            format!("no topic at {base} has a name that {pattern} matches whole"),
            "see `krush topics list` for their names",
        ));
    }
    Ok(found)
}

/// A topic's partitions; `None`: the server does not tell.
async fn partitions_of(
    control: &Client,
    server: &Server,
    topic: &str,
) -> Result<Option<Vec<Partition>>> {
    let partition = |partition| Partition {
        topic: topic.to_owned(),
        partition,
    };
    match control.topic(topic).await {
        Ok(summary) => Ok(Some(
            summary
                .partitions
                .iter()
                .map(|info| partition(info.partition))
                .collect(),
        )),
        // Redpanda has no such call, but it has the list.
        Err(error) if error.is_not_found() && server.topics.iter().any(|name| name == topic) => {
            Ok(None)
        }
        Err(error) if error.is_not_found() => Err(Error::target(
            format!("topic {topic} does not exist at {}", control.base()),
            "name another one with --topic, or write to it first, for example with krush basic --topic",
        )),
        Err(error) => Err(error.into()),
    }
}

impl Ready {
    /// Finds out what is there to read.
    ///
    /// # Errors
    /// No answer; with `--drain` also if the server does not tell offsets.
    pub(super) async fn look(&mut self, wanted: &Wanted) -> Result<()> {
        let offsets = match self.offsets().await {
            Ok(offsets) if !self.partitions.is_empty() => offsets,
            Err(error) if !error.is_answer() => return Err(error.into()),
            _ if wanted.drain => return Err(no_offsets(self.control.base())),
            _ => return Ok(()),
        };
        let committed = if wanted.new_group {
            Some(BTreeMap::new())
        } else {
            self.committed(wanted).await?
        };
        let stretch = |(partition, offsets): (&Partition, &Offsets)| {
            let Offsets {
                beginning_offset: first,
                end_offset: end,
            } = *offsets;
            let start = committed.as_ref().map(|committed| {
                let known = committed.get(partition).copied();
                // A committed offset whose record is gone is none.
                match known.filter(|next| (first..=end).contains(next)) {
                    Some(next) => next,
                    None if wanted.settings.reset == Reset::Latest => end,
                    None => first,
                }
            });
            let place = (partition.topic.clone(), partition.partition);
            (place, Stretch { start, end })
        };
        self.stretches = Some(offsets.iter().map(stretch).collect());
        Ok(())
    }

    /// First and next offset of each partition.
    async fn offsets(&self) -> Result<BTreeMap<Partition, Offsets>, CallError> {
        let places: Vec<Place> = self
            .partitions
            .iter()
            .map(|one| (one.topic.clone(), one.partition))
            .collect();
        let offsets = offsets_of(&self.control, &places).await?;
        Ok(self.partitions.iter().cloned().zip(offsets).collect())
    }

    /// What the group has committed; `None`: the server does not tell. An instance is made to ask, which joins nothing.
    async fn committed(&self, wanted: &Wanted) -> Result<Option<BTreeMap<Partition, i64>>> {
        let Some(client) = self.clients.first() else {
            return Ok(None);
        };
        if matches!(self.dialect, Dialect::Strimzi | Dialect::Redpanda) {
            return Ok(None);
        }
        let name = format!("{}-look", super::run_name());
        let instance = client.create(&wanted.group, &name, wanted.settings).await?;
        let committed = instance.committed(&self.partitions).await;
        instance.delete().await?;
        client.forget(&instance);
        match committed {
            Ok(positions) => Ok(Some(
                positions
                    .into_iter()
                    .map(|position| (position.of, position.next))
                    .collect(),
            )),
            Err(error) if error.is_answer() => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// As it is reported.
    pub(super) fn target(&self, wanted: &Wanted) -> ConsumeTarget {
        ConsumeTarget {
            kind: self.kind,
            urls: self.urls.clone(),
            server: self.server.clone(),
            dialect: self.dialect,
            base_uri_elsewhere: self.clients.iter().find_map(ConsumerClient::elsewhere),
            base_uri: match wanted.base_uri {
                BaseUri::Rewrite => "rewrite",
                BaseUri::AsGiven => "as-given",
            }
            .to_owned(),
        }
    }
}

fn no_offsets(base: &str) -> Error {
    Error::Usage {
        message: format!("--drain: {base} does not tell the offsets of its partitions"),
        hint: Some("say when to end with --messages or --duration".to_owned()),
    }
}
