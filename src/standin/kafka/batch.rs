//! What became of the records of one produce request, gathered from librdkafka's delivery reports.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, RwLock};

use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message;
use rdkafka::producer::{DeliveryResult, ProducerContext};
use tokio::sync::Notify;

use super::metadata::Topic;

/// The fate of one record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fate {
    /// The broker acknowledged it, or with `acks=0` it was sent: then the offset is -1.
    Stored { partition: i32, offset: i64 },
    /// librdkafka or the broker gave it up; the partition is -1 if none was chosen yet.
    Lost {
        partition: i32,
        code: RDKafkaErrorCode,
    },
    /// The front never handed it over: `error_code` and text of the entry.
    Refused { code: i64, message: String },
}

/// One produce request: a slot a record, filled from any thread, and a bell for the last one.
pub(super) struct Batch {
    fates: Box<[OnceLock<Fate>]>,
    /// Slots still empty.
    open: AtomicUsize,
    settled: Notify,
}

impl Batch {
    pub(super) fn new(records: usize) -> Arc<Self> {
        Arc::new(Self {
            fates: (0..records).map(|_| OnceLock::new()).collect(),
            open: AtomicUsize::new(records),
            settled: Notify::new(),
        })
    }

    /// Fills one slot; a slot is filled once.
    pub(super) fn settle(&self, index: usize, fate: Fate) {
        if self.fates[index].set(fate).is_ok() && self.open.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.settled.notify_one();
        }
    }

    /// Waits for the last slot. librdkafka reports every record within the delivery time-out, so this ends.
    pub(super) async fn wait(&self) {
        while self.open.load(Ordering::Acquire) > 0 {
            self.settled.notified().await;
        }
    }

    /// The fates in request order; call after [`Batch::wait`].
    pub(super) fn fates(&self) -> impl Iterator<Item = &Fate> {
        self.fates.iter().filter_map(OnceLock::get)
    }
}

/// Travels through librdkafka with a record and says which slot is its own.
pub(super) struct Ticket {
    pub(super) batch: Arc<Batch>,
    pub(super) index: u32,
}

/// The producer's callbacks, and what they have to know: the partition counts that an outage makes void.
#[derive(Default)]
pub(super) struct Deliveries {
    pub(super) topics: RwLock<HashMap<String, Arc<Topic>>>,
}

impl ClientContext for Deliveries {
    // What matters to a client is in its answer; librdkafka's chatter would drown the access log.
    fn log(&self, _: RDKafkaLogLevel, _: &str, _: &str) {}

    fn error(&self, error: KafkaError, _: &str) {
        if error.rdkafka_error_code() == Some(RDKafkaErrorCode::AllBrokersDown) {
            // Kafka's Java client forgets its metadata when it has to start over (rebootstrap), so that even a
            // known topic is "not present in metadata" while no broker is there.
            self.topics
                .write()
                .unwrap_or_else(std::sync::PoisonError::into_inner)
                .clear();
        }
    }
}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = Box<Ticket>;

    fn delivery(&self, result: &DeliveryResult<'_>, ticket: Box<Ticket>) {
        let fate = match result {
            Ok(message) => Fate::Stored {
                partition: message.partition(),
                // Without an acknowledgement librdkafka says -1001, and Kafka's Java client -1.
                offset: message.offset().max(-1),
            },
            Err((error, message)) => Fate::Lost {
                partition: message.partition(),
                code: error
                    .rdkafka_error_code()
                    .unwrap_or(RDKafkaErrorCode::Unknown),
            },
        };
        ticket.batch.settle(ticket.index as usize, fate);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn stored(offset: i64) -> Fate {
        Fate::Stored {
            partition: 0,
            offset,
        }
    }

    #[tokio::test]
    async fn the_last_slot_ends_the_wait_whatever_the_order() {
        let batch = Batch::new(3);
        let waiter = tokio::spawn({
            let batch = Arc::clone(&batch);
            async move { batch.wait().await }
        });
        batch.settle(2, stored(12));
        batch.settle(0, stored(10));
        // A second report for a slot must not count as another slot's.
        batch.settle(0, stored(99));
        tokio::task::yield_now().await;
        assert!(!waiter.is_finished());
        batch.settle(1, stored(11));
        tokio::time::timeout(Duration::from_secs(5), waiter)
            .await
            .expect("the last slot ends the wait")
            .unwrap();
        let offsets: Vec<_> = batch.fates().cloned().collect();
        assert_eq!(offsets, [stored(10), stored(11), stored(12)]);
    }

    #[tokio::test]
    async fn an_empty_request_does_not_wait() {
        Batch::new(0).wait().await;
    }

    #[test]
    fn an_outage_makes_known_topics_unknown() {
        let deliveries = Deliveries::default();
        let topic = Arc::new(Topic::new(3));
        deliveries
            .topics
            .write()
            .unwrap()
            .insert("t".to_owned(), topic);
        deliveries.error(
            KafkaError::Global(RDKafkaErrorCode::BrokerTransportFailure),
            "one of several",
        );
        assert_eq!(deliveries.topics.read().unwrap().len(), 1);
        deliveries.error(KafkaError::Global(RDKafkaErrorCode::AllBrokersDown), "all");
        assert!(deliveries.topics.read().unwrap().is_empty());
    }
}
