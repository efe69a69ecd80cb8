//! The produce path: records in order to librdkafka, waits as Kafka's Java client waits, entries in request order.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use rdkafka::error::RDKafkaErrorCode;
use rdkafka::producer::{BaseRecord, Producer};
use tokio::time::{Instant, sleep, sleep_until, timeout_at};

use super::batch::{Batch, Fate, Ticket};
use super::metadata::Topic;
use super::{Front, texts};
use crate::standin::backend::{ApiError, Entry, Record, topic_name_is_valid};

/// Pause between two looks at metadata that lacks the topic: `retry.backoff.ms`.
const METADATA_BACKOFF: Duration = Duration::from_millis(100);
/// Longest single metadata request, so that a dead broker does not hold up who waits for the next try.
const METADATA_ATTEMPT: Duration = Duration::from_secs(1);
/// Pause while the buffer is full. librdkafka frees room after the delivery callbacks and tells nobody.
const ROOM_BACKOFF: Duration = Duration::from_millis(1);

/// `error_code` and text of an entry.
type Refusal = (i64, String);

impl Front {
    /// Produces the records of one request and waits until the broker acknowledged or refused each of them.
    ///
    /// Records are handed over one after another, and a record for a missing topic or partition waits
    /// `max.block.ms` before the next one's turn comes, as in Kafka's Java client.
    ///
    /// # Errors
    /// Status 500 at a record with a negative partition: those before it are on their way, those behind are not sent.
    pub async fn produce(
        &self,
        topic: &str,
        records: Vec<Record<'_>>,
    ) -> Result<Vec<Entry>, ApiError> {
        let batch = Batch::new(records.len());
        let mut known = None;
        let started = Instant::now();
        for (index, record) in records.iter().enumerate() {
            if record.partition.is_some_and(|partition| partition < 0) {
                return Err(ApiError {
                    status: 500,
                    code: 500,
                    message: "Internal Server Error".to_owned(),
                });
            }
            if let Err((code, message)) = self.send(topic, record, &mut known, &batch, index).await
            {
                batch.settle(index, Fate::Refused { code, message });
            }
        }
        batch.wait().await;
        let entries = entries(topic, &batch, started.elapsed());
        if batch
            .fates()
            .any(|fate| matches!(fate, Fate::Lost { code, .. } if texts::is_of_the_topic(*code)))
        {
            self.forget(topic);
        }
        Ok(entries)
    }

    /// Hands one record to librdkafka; `known` is what the records before it found out about the topic.
    async fn send(
        &self,
        topic: &str,
        record: &Record<'_>,
        known: &mut Option<Arc<Topic>>,
        batch: &Arc<Batch>,
        index: usize,
    ) -> Result<(), Refusal> {
        let deadline = Instant::now() + self.settings.producer.max_block;
        let size = serialized_bytes(record);
        let mut ticket = Box::new(Ticket {
            batch: Arc::clone(batch),
            index: u32::try_from(index)
                .expect("a request body of 4 billion records does not fit in memory"),
        });
        loop {
            let target = match known {
                Some(topic) if record.partition.is_none_or(|p| p < topic.partitions) => topic,
                _ => known.insert(self.wait_for(topic, record.partition, deadline).await?),
            };
            if size > self.settings.producer.max_request_bytes {
                return Err(texts::too_large(
                    size,
                    self.settings.producer.max_request_bytes,
                ));
            }
            let mut message: BaseRecord<'_, [u8], [u8], Box<Ticket>> =
                BaseRecord::with_opaque_to(topic, ticket);
            message.payload = record.value.as_deref();
            message.key = record.key.as_deref();
            message.partition = match (record.partition, &record.key) {
                (None, None) => Some(target.stick(size, self.settings.producer.batch_bytes)),
                (partition, _) => partition,
            };
            let (error, message) = match self.producer.send(message) {
                Ok(()) => return Ok(()),
                Err(refused) => refused,
            };
            ticket = message.delivery_opaque;
            match error.rdkafka_error_code() {
                Some(RDKafkaErrorCode::QueueFull) => {
                    if Instant::now() >= deadline {
                        let producer = &self.settings.producer;
                        return Err(texts::no_room(
                            size,
                            producer.max_block,
                            producer.buffer_bytes,
                        ));
                    }
                    sleep(ROOM_BACKOFF).await;
                }
                Some(code) if texts::is_missing(code) => {
                    // librdkafka has seen newer metadata than this front, which lacks the partition.
                    self.forget(topic);
                    *known = None;
                    if Instant::now() >= deadline {
                        return Err(texts::not_in_metadata(
                            topic,
                            None,
                            self.settings.producer.max_block,
                        ));
                    }
                    sleep(METADATA_BACKOFF).await;
                }
                code => {
                    // librdkafka keeps an error of the topic until its next metadata request: have one made.
                    self.forget(topic);
                    return Err(texts::named(
                        topic,
                        code.unwrap_or(RDKafkaErrorCode::Unknown),
                    ));
                }
            }
        }
    }

    /// The topic, as soon as it has the partition asked for.
    async fn wait_for(
        &self,
        name: &str,
        partition: Option<i32>,
        deadline: Instant,
    ) -> Result<Arc<Topic>, Refusal> {
        if !topic_name_is_valid(name) {
            return Err(texts::named(name, RDKafkaErrorCode::InvalidTopic));
        }
        let enough = |topic: &Arc<Topic>| partition.is_none_or(|wanted| wanted < topic.partitions);
        let mut seen = self.known(name);
        loop {
            if let Some(topic) = seen.take_if(|topic| enough(topic)) {
                return Ok(topic);
            }
            if Instant::now() >= deadline {
                let count = partition.zip(seen.map(|topic| topic.partitions));
                return Err(texts::not_in_metadata(
                    name,
                    count,
                    self.settings.producer.max_block,
                ));
            }
            match timeout_at(deadline, self.refresh(name, partition)).await {
                Ok(Ok(found)) => seen = found,
                Ok(Err(refusal)) => return Err(refusal),
                Err(_) => continue,
            }
            if !seen.as_ref().is_some_and(enough) {
                sleep_until(deadline.min(Instant::now() + METADATA_BACKOFF)).await;
            }
        }
    }

    /// Asks the cluster for one topic. One question at a time: who waited may find that the one before has the answer.
    async fn refresh(
        &self,
        name: &str,
        partition: Option<i32>,
    ) -> Result<Option<Arc<Topic>>, Refusal> {
        let _one_at_a_time = self.refreshing.lock().await;
        if let Some(topic) = self.known(name)
            && partition.is_none_or(|wanted| wanted < topic.partitions)
        {
            return Ok(Some(topic));
        }
        let producer = self.producer.clone();
        let asked = name.to_owned();
        let answer = tokio::task::spawn_blocking(move || {
            let metadata = producer
                .client()
                .fetch_metadata(Some(&asked), METADATA_ATTEMPT)
                .ok()?;
            let topic = metadata.topics().first()?;
            Some((
                topic.partitions().len(),
                topic.error().map(RDKafkaErrorCode::from),
            ))
        });
        // A request that got no answer (or a panic in it) is a topic not seen.
        let Some((partitions, error)) = answer.await.ok().flatten() else {
            return Ok(None);
        };
        match error {
            None if partitions > 0 => {
                let count = i32::try_from(partitions).unwrap_or(i32::MAX);
                let topic = Arc::new(Topic::new(count));
                self.topics_mut()
                    .insert(name.to_owned(), Arc::clone(&topic));
                Ok(Some(topic))
            }
            Some(
                error @ (RDKafkaErrorCode::InvalidTopic
                | RDKafkaErrorCode::TopicAuthorizationFailed
                | RDKafkaErrorCode::ClusterAuthorizationFailed),
            ) => Err(texts::named(name, error)),
            // Missing, or just created and without a leader.
            _ => Ok(None),
        }
    }

    pub(super) fn known(&self, name: &str) -> Option<Arc<Topic>> {
        let context = self.producer.client().context();
        let topics = context
            .topics
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        topics.get(name).cloned()
    }

    fn topics_mut(&self) -> std::sync::RwLockWriteGuard<'_, HashMap<String, Arc<Topic>>> {
        let context = self.producer.client().context();
        context
            .topics
            .write()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Drops what is known of a topic, so that the next record looks again.
    pub(super) fn forget(&self, name: &str) {
        self.topics_mut().remove(name);
    }
}

/// A record's size as Kafka's Java client estimates it before it compares with `max.request.size`:
/// batch header (61), upper bound of a record's own fields (21), then length-prefixed key and value, and no headers.
fn serialized_bytes(record: &Record<'_>) -> usize {
    let field = |field: &Option<Cow<'_, [u8]>>| match field {
        None => 1,
        Some(bytes) => varint_bytes(bytes.len()) + bytes.len(),
    };
    61 + 21 + field(&record.key) + field(&record.value) + 1
}

/// Bytes of a length as Kafka's zigzag varint.
fn varint_bytes(length: usize) -> usize {
    let zigzag = (length as u64) << 1;
    (64 - zigzag.leading_zeros() as usize).div_ceil(7).max(1)
}

/// Entries as Confluent's proxy writes them. Expired records are counted by partition, because Kafka names them so.
fn entries(topic: &str, batch: &Batch, age: Duration) -> Vec<Entry> {
    let mut expired: HashMap<i32, usize> = HashMap::new();
    for fate in batch.fates() {
        if let Fate::Lost { partition, code } = fate
            && texts::is_expiry(*code)
        {
            *expired.entry(*partition).or_default() += 1;
        }
    }
    batch
        .fates()
        .map(|fate| {
            let (code, message) = match fate {
                &Fate::Stored { partition, offset } => return Entry::Stored { partition, offset },
                Fate::Lost { partition, code } => match expired.get(partition) {
                    Some(&records) if texts::is_expiry(*code) => {
                        texts::expired(topic, *partition, records, age)
                    }
                    _ => texts::named(topic, *code),
                },
                Fate::Refused { code, message } => (*code, message.clone()),
            };
            Entry::Failed { code, message }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::code;

    #[test]
    fn size_is_what_javas_client_said() {
        let of = |key: Option<usize>, value: Option<usize>| {
            serialized_bytes(&Record {
                partition: None,
                key: key.map(|length| Cow::Owned(vec![b'x'; length])),
                value: value.map(|length| Cow::Owned(vec![b'x'; length])),
            })
        };
        // Recorded: a JSON string of 1,100,000 letters and its quotes; the same as a v3 STRING without quotes.
        assert_eq!(of(None, Some(1_100_002)), 1_100_090);
        assert_eq!(of(None, Some(1_100_000)), 1_100_088);
        assert_eq!(of(None, None), 61 + 21 + 1 + 1 + 1);
        assert_eq!(of(Some(63), Some(64)), 61 + 21 + 1 + 63 + 2 + 64 + 1);
    }

    #[test]
    fn entries_follow_the_request_and_count_expired_records_by_partition() {
        let batch = Batch::new(5);
        let lost = |partition, code| Fate::Lost { partition, code };
        batch.settle(4, lost(1, RDKafkaErrorCode::MessageTimedOut));
        batch.settle(3, lost(0, RDKafkaErrorCode::MessageTimedOut));
        batch.settle(2, lost(0, RDKafkaErrorCode::MessageTimedOut));
        batch.settle(1, lost(0, RDKafkaErrorCode::MessageSizeTooLarge));
        batch.settle(
            0,
            Fate::Stored {
                partition: 7,
                offset: 42,
            },
        );
        let failed = |code, message: &str| Entry::Failed {
            code,
            message: message.to_owned(),
        };
        let expired = "Expiring 2 record(s) for t-0:3001 ms has passed since batch creation";
        assert_eq!(
            entries("t", &batch, Duration::from_millis(3001)),
            [
                Entry::Stored {
                    partition: 7,
                    offset: 42
                },
                failed(
                    code::KAFKA,
                    "The request included a message larger than the max message size the server will accept."
                ),
                failed(code::KAFKA_RETRIABLE, expired),
                failed(code::KAFKA_RETRIABLE, expired),
                failed(
                    code::KAFKA_RETRIABLE,
                    "Expiring 1 record(s) for t-1:3001 ms has passed since batch creation"
                ),
            ]
        );
    }
}
