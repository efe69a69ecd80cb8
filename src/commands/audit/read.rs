//! Reads back every record between two offsets of each partition, by consumer instances that are assigned partitions and commit
//! nothing. What a lost answer held is read again: an instance is made anew and told where to go on.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::Subject;
use crate::audit::{Audit, StoredRecord};
use crate::commands::progress::Line;
use crate::error::Result;
use crate::rest::{
    Batch, CallError, ConsumerClient, ConsumerSettings, Fetch, Instance, Partition, Position,
    RecordFormat, Reset,
};
use crate::units::grouped;
use crate::wire::Dialect;

/// Instances at once: each costs the server a thread and some 16 MB.
const INSTANCES: usize = 6;
/// A fetch ends with so many bytes; Confluent's proxy takes its whole time for fewer.
const ENOUGH_BYTES: u32 = 1_000_000;
/// Longest that a fetch waits for them.
const WAIT: Duration = Duration::from_secs(1);
/// Longest answer asked for. Strimzi throws away what does not fit.
const MAX_BYTES: u64 = 16 << 20;
const MAX_BYTES_STRIMZI: u64 = 64 << 20;
/// How long nothing may come before reading is given up.
const PATIENCE: Duration = Duration::from_mins(1);
/// Pause after a failure.
const TRY_AGAIN_AFTER: Duration = Duration::from_millis(500);
/// Answers waiting to be looked at.
const AHEAD: usize = 4;
/// How long instances may take to be deleted.
pub(super) const CLOSES_WITHIN: Duration = Duration::from_secs(5);

/// Shows the audit all that is stored; says why not, if that was not possible.
pub(super) async fn all(
    subject: &Subject<'_>,
    audit: &mut Audit,
    shown: &mut Line,
) -> Result<Option<String>> {
    let unread = audit.unread();
    if unread.is_empty() {
        return Ok(None);
    }
    let consumers = subject.readers.client(subject)?;
    let (sender, mut batches) = mpsc::channel(AHEAD);
    let mut reading = JoinSet::new();
    let count = unread.len().min(INSTANCES);
    for number in 0..count {
        let own = unread.iter().skip(number).step_by(count);
        let reader = Reader {
            consumers: consumers.clone(),
            number,
            topic: subject.topic.to_owned(),
            // By the process, so that no two audits at once are one group.
            group: format!("krush-audit-{}", std::process::id()),
            left: own
                .filter_map(|partition| Some((*partition, audit.to_read(*partition)?)))
                .collect(),
            sender: sender.clone(),
        };
        reading.spawn(reader.run());
    }
    drop(sender);
    while let Some(batch) = batches.recv().await {
        look(&batch, audit);
        let (done, of) = audit.progress();
        let text = format!("reading back: {} of {} offsets", grouped(done), grouped(of));
        shown.show(done as f64 / of.max(1) as f64, text);
    }
    let ended = reading.join_all().await;
    subject.readers.close().await;
    Ok(ended.into_iter().find_map(Result::err))
}

fn look(batch: &Batch, audit: &mut Audit) {
    for record in batch.records() {
        let bytes =
            |raw: Option<crate::rest::RawJson<'_>>| raw.and_then(crate::rest::RawJson::base64);
        let (key, value) = (bytes(record.key), bytes(record.value));
        audit.record(&StoredRecord {
            partition: record.partition,
            offset: record.offset,
            key: key.as_deref(),
            value: value.as_deref(),
        });
    }
}

/// One instance and the partitions it reads, each with the next offset and the end.
struct Reader {
    consumers: ConsumerClient,
    number: usize,
    topic: String,
    group: String,
    left: BTreeMap<u32, (i64, i64)>,
    sender: mpsc::Sender<Batch>,
}

impl Reader {
    /// Reads until the ends.
    ///
    /// # Errors
    /// Why nothing came any more.
    async fn run(mut self) -> Result<(), String> {
        let mut progressed = Instant::now();
        for attempt in 0.. {
            let error = match self.attempt(attempt, &mut progressed).await {
                Ok(()) => return Ok(()),
                Err(error) => error,
            };
            let refused = error.as_ref().is_some_and(CallError::is_not_found) && attempt > 3;
            if progressed.elapsed() >= PATIENCE || refused {
                let offsets: i64 = self.left.values().map(|(next, end)| end - next).sum();
                let partitions: Vec<String> = self.left.keys().map(u32::to_string).collect();
                let silence = format!("nothing came for {} s", PATIENCE.as_secs());
                let why = error.map_or(silence, |error| error.to_string());
                return Err(format!(
                    "{offsets} offsets of partition {} were not read: {why}",
                    partitions.join(", ")
                ));
            }
            tokio::time::sleep(TRY_AGAIN_AFTER).await;
        }
        Ok(())
    }

    /// Reads with one instance until the ends; `None`: nothing came.
    async fn attempt(
        &mut self,
        attempt: u32,
        progressed: &mut Instant,
    ) -> Result<(), Option<CallError>> {
        let name = format!("reader-{}-{attempt}", self.number);
        let settings = ConsumerSettings {
            // As they are stored, to the byte: a record that is no JSON would fail the others of its fetch.
            format: RecordFormat::Binary,
            reset: Reset::Earliest,
            auto_commit: false,
            fetch_min_bytes: Some(ENOUGH_BYTES),
        };
        let instance = self.consumers.create(&self.group, &name, settings).await?;
        let outcome = self.read(&instance, progressed).await;
        if instance.bounded(CLOSES_WITHIN).delete().await.is_ok() {
            self.consumers.forget(&instance);
        }
        outcome
    }

    async fn read(
        &mut self,
        instance: &Instance,
        progressed: &mut Instant,
    ) -> Result<(), Option<CallError>> {
        self.place(instance).await?;
        let strimzi = self.consumers.dialect() == Dialect::Strimzi;
        let fetch = Fetch {
            wait: Some(WAIT),
            max_bytes: Some(if strimzi {
                MAX_BYTES_STRIMZI
            } else {
                MAX_BYTES
            }),
        };
        while !self.left.is_empty() {
            let batch = instance.fetch(fetch).await?;
            let (moved, beyond) = self.advance(&batch);
            if moved {
                *progressed = Instant::now();
                if self.sender.send(batch).await.is_err() {
                    return Ok(());
                }
            } else if progressed.elapsed() >= PATIENCE {
                return Err(None);
            }
            if beyond && !self.left.is_empty() {
                // Others go on writing behind the end: partitions that are done would only keep the rest waiting.
                self.place(instance).await?;
            }
        }
        Ok(())
    }

    /// Assigns what is left, and goes to where it goes on.
    async fn place(&self, instance: &Instance) -> Result<(), CallError> {
        let of = |partition: &u32| Partition {
            topic: self.topic.clone(),
            partition: *partition,
        };
        let partitions: Vec<Partition> = self.left.keys().map(of).collect();
        instance.assign(&partitions).await?;
        let positions: Vec<Position> = self
            .left
            .iter()
            .map(|(partition, (next, _))| Position {
                of: of(partition),
                next: *next,
            })
            .collect();
        instance.seek(&positions).await
    }

    /// Moves on behind the records of an answer: whether any was looked for, and whether any lies behind an end.
    fn advance(&mut self, batch: &Batch) -> (bool, bool) {
        let (mut moved, mut beyond) = (false, false);
        for record in batch.records() {
            let Some((next, end)) = self.left.get_mut(&record.partition) else {
                beyond = true;
                continue;
            };
            if record.offset < *next {
                continue;
            }
            moved = true;
            *next = record.offset + 1;
            if *next >= *end {
                self.left.remove(&record.partition);
            }
        }
        (moved, beyond)
    }
}
