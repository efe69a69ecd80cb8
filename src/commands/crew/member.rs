//! One consumer instance at work.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::trouble::Trouble;
use super::{Crew, Sink};
use crate::cli::CommitMode;
use crate::error::Error;
use crate::measure::consume::{FetchSeen, RecordSeen, SeenBy};
use crate::report::consume::ConsumeEnd;
use crate::rest::{
    Batch, CallError, ConsumerClient, ConsumerSettings, Fetch, FetchFailure, Instance, Interest,
    Partition, Position, Problem,
};
use crate::units::duration;

/// How often the server is asked what an instance is assigned.
const LOOK_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// What instances do.
#[derive(Debug)]
pub(in crate::commands) struct Orders {
    /// Their group.
    pub(in crate::commands) group: String,
    /// Names begin with this, so that runs in one group do not meet.
    pub(in crate::commands) name: String,
    /// What they are made with.
    pub(in crate::commands) settings: ConsumerSettings,
    /// How they fetch.
    pub(in crate::commands) fetch: Fetch,
    /// How they come to their partitions.
    pub(in crate::commands) begin: Begin,
    /// When they commit.
    pub(in crate::commands) commit: CommitMode,
    /// What they spend on each batch.
    pub(in crate::commands) process: Duration,
    /// How long a server may give no good answer.
    pub(in crate::commands) patience: Duration,
    /// The run ends with so many records.
    pub(in crate::commands) messages: Option<u64>,
    /// The run ends with the backlog.
    pub(in crate::commands) drain: bool,
}

/// How instances come to their partitions.
#[derive(Debug)]
pub(in crate::commands) enum Begin {
    /// The group shares them out.
    Subscribe(Interest),
    /// Each is told its own, and where to begin.
    Assign(Vec<Vec<Position>>),
}

/// One instance, under all the names that it gets.
pub(super) struct Member {
    index: usize,
    client: ConsumerClient,
    crew: Arc<Crew>,
    orders: Arc<Orders>,
    sink: Sink,
    names: u32,
    trouble: Trouble,
    /// When the server was found not to have it any more.
    lost: Option<Instant>,
    looked: Option<Instant>,
    /// Where reading goes on, of partitions that it is told to read.
    next: BTreeMap<Partition, i64>,
    fetched: bool,
}

impl Member {
    pub(super) fn new(
        index: usize,
        client: ConsumerClient,
        crew: &Arc<Crew>,
        orders: &Arc<Orders>,
        sink: &Sink,
    ) -> Self {
        let told = match &orders.begin {
            Begin::Subscribe(_) => &[],
            Begin::Assign(shares) => shares[index].as_slice(),
        };
        let next = told
            .iter()
            .map(|position| (position.of.clone(), position.next));
        Self {
            index,
            client,
            crew: Arc::clone(crew),
            orders: Arc::clone(orders),
            sink: Arc::clone(sink),
            names: 0,
            trouble: Trouble::default(),
            lost: None,
            looked: None,
            next: next.collect(),
            fetched: false,
        }
    }

    /// Fetches until the run ends.
    pub(super) async fn work(mut self) {
        let mut instance = None;
        while !self.crew.has_ended() {
            let done = match &instance {
                None => self.begin().await.map(|begun| instance = Some(begun)),
                Some(instance) => self.turn(instance).await,
            };
            match done {
                Ok(()) => self.is_well(),
                Err(error) if instance.is_some() && error.is_gone() => {
                    self.crew.tally().instance(self.index).lost += 1;
                    self.lost.get_or_insert_with(Instant::now);
                    if let Some(gone) = instance.take() {
                        self.client.forget(&gone);
                    }
                }
                Err(error) => self.failed(error).await,
            }
        }
        if self.trouble.is_some() {
            self.crew.troubled.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Makes the instance, and joins or takes its partitions.
    async fn begin(&mut self) -> Result<Instance, CallError> {
        let number = self.index + 1;
        self.names += 1;
        let name = match self.names {
            1 => format!("{}-{number}", self.orders.name),
            again => format!("{}-{number}.{again}", self.orders.name),
        };
        let instance = self
            .client
            .create(&self.orders.group, &name, self.orders.settings)
            .await?;
        let begun = match &self.orders.begin {
            Begin::Subscribe(interest) => instance.subscribe(interest).await,
            Begin::Assign(_) => self.take(&instance).await,
        };
        if let Err(error) = begun {
            // Another one is made at the next try; what cannot be deleted now is tried again at the end.
            if instance.delete().await.is_ok() {
                self.client.forget(&instance);
            }
            return Err(error);
        }
        if let Some(lost) = self.lost.take() {
            let mut tally = self.crew.tally();
            let seen = tally.instance(self.index);
            seen.recovered += 1;
            seen.recovering += lost.elapsed();
        }
        Ok(instance)
    }

    async fn take(&self, instance: &Instance) -> Result<(), CallError> {
        if self.next.is_empty() {
            return Ok(());
        }
        let partitions: Vec<Partition> = self.next.keys().cloned().collect();
        instance.assign(&partitions).await?;
        let places: Vec<Position> = self
            .next
            .iter()
            .map(|(of, &next)| Position {
                of: of.clone(),
                next,
            })
            .collect();
        instance.seek(&places).await
    }

    /// One fetch and what follows from it.
    async fn turn(&mut self, instance: &Instance) -> Result<(), CallError> {
        self.look(instance).await?;
        let batch = match instance.fetch(self.orders.fetch).await {
            Ok(batch) => batch,
            Err(error) => {
                let failure = FetchFailure::of(&error);
                let why = error.to_string();
                self.crew.tally().failed(self.index, failure, &why);
                return match failure {
                    FetchFailure::PassedOver => Ok(()),
                    _ => Err(error),
                };
            }
        };
        if !std::mem::replace(&mut self.fetched, true) {
            self.crew.fetching.fetch_add(1, Ordering::Relaxed);
        }
        match self.orders.commit {
            CommitMode::Auto | CommitMode::None => self.handle(&batch).await,
            CommitMode::Before => {
                let committed = self.commit(instance, &batch).await;
                self.handle(&batch).await;
                committed?;
            }
            CommitMode::After => {
                self.handle(&batch).await;
                self.commit(instance, &batch).await?;
            }
        }
        Ok(())
    }

    /// Asks now and then what the instance is assigned, where the server tells.
    async fn look(&mut self, instance: &Instance) -> Result<(), CallError> {
        let asks = self.crew.tally().seen_by() == SeenBy::Assignments;
        let due = self
            .looked
            .is_none_or(|at| at.elapsed() >= LOOK_AGAIN_AFTER);
        if !asks || !due || !self.fetched {
            return Ok(());
        }
        self.looked = Some(Instant::now());
        let assigned = instance.assigned().await?;
        let places = assigned.into_iter().map(|one| (one.topic, one.partition));
        let now = self.crew.now();
        self.crew.tally().assigned(self.index, now, places);
        Ok(())
    }

    /// Counts a batch, hands it on and spends time on it; ends the run if that was the goal.
    async fn handle(&mut self, batch: &Batch) {
        self.count(batch);
        (self.sink)(batch);
        if !batch.is_empty() && !self.orders.process.is_zero() {
            tokio::time::sleep(self.orders.process).await;
        }
    }

    fn count(&mut self, batch: &Batch) {
        let format = self.orders.settings.format;
        let since = |at: Instant| at.saturating_duration_since(self.crew.origin);
        let fetch = FetchSeen {
            asked: since(batch.asked()),
            received: since(batch.received()),
            wire_bytes: batch.wire_bytes() as u64,
        };
        let records = batch.records().map(|record| {
            let parts = [record.key, record.value].into_iter().flatten();
            RecordSeen {
                topic: record.topic,
                partition: record.partition,
                offset: record.offset,
                payload_bytes: parts.map(|part| part.payload_bytes(format)).sum(),
            }
        });
        let (before, counted, backlog) = {
            let mut tally = self.crew.tally();
            let before = tally.counted();
            tally.fetched(self.index, fetch, records);
            (before, tally.counted(), tally.backlog())
        };
        // Records that come again are no progress: a group whose commits fail could read them for ever.
        if counted > before {
            self.crew.heard(fetch.received);
        }
        if matches!(self.orders.begin, Begin::Assign(_)) {
            for position in ends(batch) {
                self.next.insert(position.of, position.next);
            }
        }
        if self.orders.drain && backlog.open_partitions == 0 {
            self.crew.end(ConsumeEnd::Drained);
        }
        if self.orders.messages.is_some_and(|wanted| counted >= wanted) {
            self.crew.end(ConsumeEnd::Messages);
        }
    }

    async fn commit(&self, instance: &Instance, batch: &Batch) -> Result<(), CallError> {
        if batch.is_empty() {
            return Ok(());
        }
        let committed = instance.commit(&ends(batch)).await;
        let mut tally = self.crew.tally();
        let seen = tally.instance(self.index);
        match committed {
            Ok(()) => seen.commits += 1,
            Err(ref error) => {
                seen.commits_failed += 1;
                // The group may have given the partition away meanwhile; what it says next decides.
                if !error.is_gone() {
                    return Ok(());
                }
            }
        }
        committed
    }

    fn is_well(&mut self) {
        if self.trouble.is_some() {
            self.trouble.over();
            self.crew.troubled.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Waits before the next try, or ends the run: at once if the server will never agree, else when patience is over.
    async fn failed(&mut self, error: CallError) {
        if let Some(hint) = never(&error) {
            self.crew.give_up(Error::target(error.to_string(), hint));
            return;
        }
        if !self.trouble.is_some() {
            self.crew.troubled.fetch_add(1, Ordering::Relaxed);
        }
        let Some(pause) = self.trouble.again(Instant::now(), self.orders.patience) else {
            let message = format!(
                "no good answer for {}: {error}",
                duration(self.orders.patience)
            );
            self.crew
                .give_up(Error::target(message, "look at the server and its log"));
            return;
        };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = self.crew.until_ended() => {}
        }
    }
}

/// Where reading goes on behind a batch.
fn ends(batch: &Batch) -> Vec<Position> {
    let mut ends: Vec<Position> = Vec::new();
    for record in batch.records() {
        let next = record.offset + 1;
        let same = |end: &&mut Position| {
            end.of.partition == record.partition && end.of.topic == record.topic
        };
        match ends.iter_mut().rev().find(same) {
            Some(end) => end.next = end.next.max(next),
            None => ends.push(Position {
                of: Partition {
                    topic: record.topic.to_owned(),
                    partition: record.partition,
                },
                next,
            }),
        }
    }
    ends
}

/// What to do about a refusal that waiting will not change.
fn never(error: &CallError) -> Option<&'static str> {
    let Problem::Status { status, .. } = &error.problem else {
        return matches!(error.problem, Problem::Redirect { .. } | Problem::Tls(_))
            .then_some("name the final address in --url");
    };
    match status {
        401 | 403 => Some("give --user USER:PASSWORD or --bearer TOKEN, or check what it may do"),
        400 | 406 | 415 | 422 => {
            Some("this server may not have that --format, --from or --pattern; see its log")
        }
        // The instance is somewhere else, or another name is needed: trying again makes a new one.
        _ => None,
    }
}
