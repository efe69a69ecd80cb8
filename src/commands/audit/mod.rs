//! Audits over HTTP alone: offsets before and after a run, then every record stored between them.

mod read;

use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use url::Url;

use super::progress::Line;
use crate::audit::{Audit, Audited, PartitionOffsets};
use crate::error::{Error, Result};
use crate::measure::Claims;
use crate::payload::Recogniser;
use crate::plan::Target;
use crate::report::Report;
use crate::rest::{BaseUri, CallError, Client, ConsumerClient, Offsets, offsets_of};
use crate::wire::Dialect;

/// Limit for each call but fetches.
const CALL_TIMEOUT: Duration = Duration::from_secs(30);
/// How long acked records may take to be seen at the end of their partitions.
const SETTLES_WITHIN: Duration = Duration::from_secs(5);
/// How far a record's timestamp may lie outside of the run: the wall clock may have been set meanwhile.
const CLOCKS_APART: Duration = Duration::from_secs(5);
/// Pause between two looks.
const LOOK_AGAIN_AFTER: Duration = Duration::from_millis(200);

/// A topic at a target.
pub(super) struct Subject<'a> {
    /// The target.
    pub(super) target: &'a Target,
    /// The one of its URLs that is asked: one stands for the cluster.
    pub(super) url: &'a Url,
    /// Whose manners the server has.
    pub(super) dialect: Dialect,
    /// The topic.
    pub(super) topic: &'a str,
    /// The instances that read it back; to be closed at the end, whatever happens.
    pub(super) readers: Readers,
}

/// The consumer instances of an audit.
#[derive(Debug, Default)]
pub(super) struct Readers(OnceLock<ConsumerClient>);

impl Readers {
    fn client(&self, subject: &Subject<'_>) -> Result<ConsumerClient> {
        if let Some(client) = self.0.get() {
            return Ok(client.clone());
        }
        let Subject {
            target,
            url,
            dialect,
            ..
        } = subject;
        let made = ConsumerClient::new(target, url, CALL_TIMEOUT, *dialect, BaseUri::Rewrite)?;
        Ok(self.0.get_or_init(|| made).clone())
    }

    /// Deletes what is left of them.
    pub(super) async fn close(&self) {
        if let Some(consumers) = self.0.get() {
            // One that cannot be deleted expires: nothing was committed, and nobody shares its group.
            consumers.close(read::CLOSES_WITHIN).await;
        }
    }
}

impl Subject<'_> {
    fn client(&self) -> Result<Client> {
        Client::new(self.target, self.url, CALL_TIMEOUT)
    }

    /// First and next offset of each partition, in order.
    async fn offsets(&self, client: &Client) -> Result<Vec<Offsets>, CallError> {
        let count = client.topic(self.topic).await?.partitions.len();
        let partitions: Vec<(String, u32)> = (0..count as u32)
            .map(|partition| (self.topic.to_owned(), partition))
            .collect();
        offsets_of(client, &partitions).await
    }

    /// Next offset of each partition.
    pub(super) async fn ends(&self) -> Result<Vec<i64>> {
        let client = self.client()?;
        let offsets = match self.offsets(&client).await {
            Err(error) if error.is_not_found() && self.dialect == Dialect::Redpanda => {
                let message = format!(
                    "{} tells no offsets, so that nothing can be audited",
                    client.base()
                );
                return Err(Error::target(message, "leave out --verify"));
            }
            offsets => offsets?,
        };
        Ok(offsets.iter().map(|offsets| offsets.end_offset).collect())
    }

    /// Holds what a run claims against what is stored from `before` on; `None`: from the oldest record on.
    pub(super) async fn audit(
        &self,
        report: &Report,
        before: Option<&[i64]>,
        shown: &mut Line,
    ) -> Result<Audited> {
        let Some((claims, recogniser)) = claimed(report) else {
            let why = "the report does not say what it claims of each record, or not in words of this version";
            return Ok(Audited::not_done(why));
        };
        let client = self.client()?;
        let partitions = match self.settled(&client, &claims, before).await {
            Ok(partitions) => partitions,
            Err(error) => return Ok(Audited::not_done(format!("no offsets: {error}"))),
        };
        let fewer = before.is_some_and(|before| partitions.len() < before.len());
        let mut audit = Audit::new(claims, recogniser, &partitions);
        if fewer {
            audit.is_of_a_topic_made_anew();
        }
        let began = Instant::now();
        let why = read::all(self, &mut audit, shown).await?;
        let secs = began.elapsed().as_secs_f64();
        Ok(Audited::of(audit.conclude(), secs, why))
    }

    /// Offsets after the run, once all that was acked is behind them, or after a while.
    async fn settled(
        &self,
        client: &Client,
        claims: &Claims,
        before: Option<&[i64]>,
    ) -> Result<Vec<PartitionOffsets>, CallError> {
        let deadline = Instant::now() + SETTLES_WITHIN;
        let acked = claims.acked();
        let unknown = claims
            .threads
            .iter()
            .any(|thread| !thread.unknown.is_empty());
        let mut last = None;
        loop {
            let offsets = self.offsets(client).await?;
            let partitions: Vec<PartitionOffsets> = (0..)
                .zip(&offsets)
                .map(|(partition, offsets): (usize, _)| PartitionOffsets {
                    // A partition that was added since began at 0.
                    before: match before {
                        Some(before) => before.get(partition).copied().unwrap_or(0),
                        None => offsets.beginning_offset,
                    },
                    oldest: offsets.beginning_offset,
                    after: offsets.end_offset,
                })
                .collect();
            let appended: u64 = partitions
                .iter()
                .map(|partition| partition.appended())
                .sum();
            // What is of unknown outcome may still be on its way.
            let rests = !unknown || last.replace(appended) == Some(appended);
            if (appended >= acked && rests) || Instant::now() >= deadline {
                return Ok(partitions);
            }
            tokio::time::sleep(LOOK_AGAIN_AFTER).await;
        }
    }
}

/// What a run claims, and how its records are recognised.
fn claimed(report: &Report) -> Option<(Claims, Recogniser)> {
    let load = &report.plan.load;
    let claims = report.claims.as_ref()?.claims(load.batch_size)?;
    let started = humantime::parse_rfc3339(&report.started_at).ok()?;
    let secs = |secs: f64| Duration::try_from_secs_f64(secs).ok();
    let begin = started.checked_sub(secs(load.warmup_secs)? + CLOCKS_APART)?;
    let end = started.checked_add(secs(report.elapsed_secs)? + CLOCKS_APART)?;
    let ms = |time: SystemTime| {
        let since = time.duration_since(UNIX_EPOCH).ok()?;
        u64::try_from(since.as_millis()).ok()
    };
    let payload = report.plan.payload.payload()?;
    let made_ms = ms(begin)?..=ms(end)?;
    let recogniser = Recogniser::new(payload, load.batch_size, &claims.run, made_ms);
    Some((claims, recogniser))
}
