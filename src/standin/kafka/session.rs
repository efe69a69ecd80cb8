//! One librdkafka consumer and where it stands. Every call may block.
//!
//! Positions are kept here, since librdkafka's own begin with the first record read: Kafka's Java client knows them as soon as it has
//! its partitions, and commits them.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Message};
use rdkafka::metadata::MetadataTopic;
use regex_lite::Regex;

use super::admin::INTERNAL;
use super::rebalance::Group;
use super::{refusals, texts};
use crate::standin::backend::{ApiError, topic_name_is_valid};
use crate::standin::members::{Fetched, MemberSettings, Subscription, TopicPartition};

/// `auto.commit.interval.ms`.
const AUTO_COMMIT_INTERVAL: Duration = Duration::from_secs(5);
/// A topic that is made later is found within so long, if it matches a pattern; by Java's client within five minutes. As often is
/// looked for an offset to begin at.
const NEXT_LOOK: Duration = Duration::from_secs(3);
/// How long such a look may take.
const A_LOOK: Duration = Duration::from_secs(1);
/// How long unsubscribing waits until the partitions are given back.
const GIVING_BACK: Duration = Duration::from_secs(5);

/// Partitions of a member and the next offset to read of each, as far as it is known.
pub(super) type Partitions = BTreeMap<TopicPartition, Option<i64>>;

/// See the module.
pub(super) struct Session {
    pub(super) consumer: BaseConsumer<Group>,
    /// How long a call may take.
    pub(super) time: Duration,
    /// Held by whatever changes subscription, partitions or positions, which come one at a time.
    reading: Mutex<Reading>,
    wish: Mutex<Wish>,
}

/// What it shares with its group.
#[derive(Debug, Clone, Default)]
enum Wish {
    /// Nothing: what it reads, it is assigned by hand.
    #[default]
    Nothing,
    Topics(Vec<String>),
    /// And the topics that matched when it last looked.
    Pattern {
        whole: Regex,
        topics: Vec<String>,
    },
}

pub(super) struct Reading {
    /// Topic names that were met.
    names: HashMap<String, Arc<str>>,
    /// An error that was met behind records: the next poll's.
    held: Option<ApiError>,
    next_commit: Instant,
    /// For topics that match a pattern, and for an offset to begin at.
    pub(super) next_look: Instant,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session")
            .field("wish", &*lock(&self.wish))
            .field("partitions", &self.group().partitions())
            .finish_non_exhaustive()
    }
}

impl Session {
    pub(super) fn start(
        config: &ClientConfig,
        settings: &MemberSettings,
        time: Duration,
    ) -> Result<Self, ApiError> {
        let group = Group::new(settings.reset, settings.auto_commit);
        let consumer = BaseConsumer::from_config_and_context(config, group)
            .map_err(|_| refusals::internal())?;
        Ok(Self {
            consumer,
            time,
            reading: Mutex::new(Reading {
                names: HashMap::new(),
                held: None,
                next_commit: Instant::now() + AUTO_COMMIT_INTERVAL,
                next_look: Instant::now(),
            }),
            wish: Mutex::default(),
        })
    }

    pub(super) fn group(&self) -> &Group {
        self.consumer.context()
    }

    /// To be held while positions are changed.
    pub(super) fn reading(&self) -> MutexGuard<'_, Reading> {
        lock(&self.reading)
    }

    pub(super) fn partitions(&self) -> Partitions {
        self.group().partitions()
    }

    pub(super) fn subscription(&self) -> Vec<String> {
        match &*lock(&self.wish) {
            Wish::Nothing => Vec::new(),
            Wish::Topics(topics) | Wish::Pattern { topics, .. } => topics.clone(),
        }
    }

    /// Whether it reads what it was assigned by hand.
    pub(super) fn is_by_hand(&self) -> bool {
        matches!(*lock(&self.wish), Wish::Nothing)
    }

    pub(super) fn subscribe(&self, wanted: Subscription) -> Result<(), ApiError> {
        let _reading = lock(&self.reading);
        let before = lock(&self.wish).clone();
        let by_hand = matches!(before, Wish::Nothing) && self.group().has_partitions();
        let wish = match (wanted, before) {
            (Subscription::Topics(topics), _) if topics.is_empty() => {
                self.give_back();
                return Ok(());
            }
            (Subscription::Topics(mut topics), Wish::Nothing | Wish::Topics(_)) if !by_hand => {
                topics.sort();
                topics.dedup();
                if invalid(&topics).is_empty() {
                    self.tell(&topics)?;
                }
                Wish::Topics(topics)
            }
            (Subscription::Pattern(pattern), Wish::Nothing | Wish::Pattern { .. }) if !by_hand => {
                let whole = Regex::new(&format!("^(?:{pattern})$"));
                Wish::Pattern {
                    whole: whole.map_err(|_| refusals::internal())?,
                    topics: Vec::new(),
                }
            }
            _ => return Err(refusals::exclusive()),
        };
        *lock(&self.wish) = wish;
        self.match_topics()
    }

    fn tell(&self, topics: &[String]) -> Result<(), ApiError> {
        let topics: Vec<_> = topics.iter().map(String::as_str).collect();
        let told = self.consumer.subscribe(&topics);
        told.map_err(|_| refusals::internal())
    }

    /// Looks which topics match the pattern by now.
    fn match_topics(&self) -> Result<(), ApiError> {
        let (whole, topics) = match &*lock(&self.wish) {
            Wish::Pattern { whole, topics } => (whole.clone(), topics.clone()),
            Wish::Nothing | Wish::Topics(_) => return Ok(()),
        };
        // Without an answer, those of before stay.
        let Ok(metadata) = self.consumer.fetch_metadata(None, A_LOOK) else {
            return Ok(());
        };
        let names = metadata.topics().iter().map(MetadataTopic::name);
        let mut found: Vec<_> = names
            .filter(|name| whole.is_match(name) && !INTERNAL.contains(name))
            .map(str::to_owned)
            .collect();
        found.sort();
        if found == topics {
            return Ok(());
        }
        if found.is_empty() {
            self.consumer.unsubscribe();
        } else {
            self.tell(&found)?;
        }
        *lock(&self.wish) = Wish::Pattern {
            whole,
            topics: found,
        };
        Ok(())
    }

    pub(super) fn unsubscribe(&self) {
        let _reading = lock(&self.reading);
        self.give_back();
    }

    fn give_back(&self) {
        let wish = std::mem::take(&mut *lock(&self.wish));
        if matches!(wish, Wish::Nothing) {
            self.group().revoke(&self.consumer);
            return;
        }
        self.consumer.unsubscribe();
        let deadline = Instant::now() + GIVING_BACK;
        while self.group().has_partitions() && Instant::now() < deadline {
            // Records that were fetched ahead are not handed out any more.
            let _ = self.consumer.poll(Duration::from_millis(10));
        }
    }

    pub(super) fn assign(&self, wanted: Vec<TopicPartition>) -> Result<(), ApiError> {
        let _reading = lock(&self.reading);
        if !matches!(*lock(&self.wish), Wish::Nothing) {
            return Err(refusals::exclusive());
        }
        if wanted.is_empty() {
            self.give_back();
            return Ok(());
        }
        self.group()
            .assign(&self.consumer, wanted)
            .map_err(|_| refusals::internal())
    }

    pub(super) fn poll(&self, max_records: usize) -> Result<Vec<Fetched>, ApiError> {
        let mut reading = lock(&self.reading);
        if let Wish::Topics(topics) = &*lock(&self.wish)
            && let invalid = invalid(topics)
            && !invalid.is_empty()
        {
            return Err(refusals::invalid_topics(&invalid));
        }
        if Instant::now() >= reading.next_look {
            reading.next_look = Instant::now() + NEXT_LOOK;
            self.match_topics()?;
            self.group().look_again(&self.consumer);
        }
        if Instant::now() >= reading.next_commit {
            self.group().auto_commit(&self.consumer, CommitMode::Async);
            reading.next_commit = Instant::now() + AUTO_COMMIT_INTERVAL;
        }
        if let Some(error) = reading.held.take() {
            return Err(error);
        }
        let mut records = Vec::new();
        while records.len() < max_records {
            let rebalances = self.group().rebalances();
            match self.consumer.poll(Duration::ZERO) {
                Some(Ok(message)) => {
                    let record = reading.fetched(&message);
                    self.group().advance(&record);
                    records.push(record);
                }
                Some(Err(error)) => {
                    if let Some(error) = surfaces(&error) {
                        reading.held = Some(error);
                        break;
                    }
                }
                // Behind a rebalance there may be more.
                None if self.group().rebalances() == rebalances => break,
                None => {}
            }
        }
        let undefined = self.group().undefined();
        if !undefined.is_empty() {
            return Err(refusals::undefined_offsets(&undefined));
        }
        match reading.held.take() {
            Some(error) if records.is_empty() => Err(error),
            held => {
                reading.held = held;
                Ok(records)
            }
        }
    }

    /// Commits what is due and gives everything back. The consumer leaves its group when it is dropped.
    pub(super) fn leave(&self) {
        let _reading = lock(&self.reading);
        self.group().auto_commit(&self.consumer, CommitMode::Sync);
        self.group().clear();
    }
}

impl Reading {
    fn fetched(&mut self, message: &BorrowedMessage<'_>) -> Fetched {
        Fetched {
            topic: self.name(message.topic()),
            partition: message.partition(),
            offset: message.offset(),
            timestamp_ms: message.timestamp().to_millis().unwrap_or(-1),
            key: message.key().map(<[u8]>::to_vec),
            value: message.payload().map(<[u8]>::to_vec),
        }
    }

    fn name(&mut self, topic: &str) -> Arc<str> {
        if let Some(known) = self.names.get(topic) {
            return Arc::clone(known);
        }
        let name: Arc<str> = topic.into();
        self.names.insert(topic.to_owned(), Arc::clone(&name));
        name
    }
}

/// Names that Kafka does not take. Its Java client subscribes to them, and then every poll fails.
fn invalid(topics: &[String]) -> Vec<&str> {
    let names = topics.iter().map(String::as_str);
    names.filter(|name| !topic_name_is_valid(name)).collect()
}

/// What a poll fails with. Troubles that may pass are no error: a broker that is away, a topic that is not there yet.
fn surfaces(error: &KafkaError) -> Option<ApiError> {
    let code = error.rdkafka_error_code()?;
    let fatal = matches!(error, KafkaError::MessageConsumptionFatal(_));
    let lasts = matches!(
        code,
        RDKafkaErrorCode::TopicAuthorizationFailed
            | RDKafkaErrorCode::GroupAuthorizationFailed
            | RDKafkaErrorCode::ClusterAuthorizationFailed
            | RDKafkaErrorCode::SaslAuthenticationFailed
            | RDKafkaErrorCode::Authentication
            | RDKafkaErrorCode::AutoOffsetReset
    );
    (fatal || lasts).then(|| texts::api_error("", "poll", code))
}
