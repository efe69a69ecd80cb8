//! What the memory backend says about its topics, and how they are made and deleted.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, PoisonError};

use super::super::backend::{ApiError, NewTopic, PartitionInfo, TopicInfo, topic_name_is_valid};
use super::super::members::TopicPartition;
use super::super::partition::Partition;
use super::super::topic_configs;
use super::{Memory, Topic, count, lock, read};
use crate::wire::code;

/// The only broker there is.
const BROKER: i32 = 1;
const CLUSTER_ID: &str = "a3J1c2gtc3RhbmQtaW4tMQ";

/// What Kafka does not do.
fn bad_request(message: String) -> ApiError {
    ApiError {
        status: 400,
        code: code::KAFKA_BAD_REQUEST,
        message,
    }
}

impl Memory {
    /// Names of all topics, sorted.
    ///
    /// # Errors
    /// Never; the signature is shared with the Kafka backend.
    pub fn topics(&self) -> Result<Vec<String>, ApiError> {
        Ok(read(&self.topics).keys().cloned().collect())
    }

    /// A topic's partitions and configuration, `None` if it is missing.
    ///
    /// # Errors
    /// Never; the signature is shared with the Kafka backend.
    pub fn topic(&self, name: &str) -> Result<Option<TopicInfo>, ApiError> {
        Ok(self.find(name).map(|topic| TopicInfo {
            name: name.to_owned(),
            configs: topic.configs.clone(),
            partitions: (0..topic.count())
                .map(|partition| PartitionInfo {
                    partition,
                    leader: BROKER,
                    replicas: vec![BROKER],
                    in_sync: vec![BROKER],
                })
                .collect(),
        }))
    }

    /// First offset held and next offset of a partition, `None` if it is missing.
    ///
    /// # Errors
    /// Never; the signature is shared with the Kafka backend.
    pub fn offsets(&self, topic: &str, partition: i32) -> Result<Option<(i64, i64)>, ApiError> {
        Ok(self.find(topic).and_then(|topic| {
            let partition = topic.partitions.get(usize::try_from(partition).ok()?)?;
            Some(partition.offsets())
        }))
    }

    /// Creates a topic, or only checks that it could be.
    ///
    /// # Errors
    /// What Kafka says of an existing topic, a bad name, count, replication factor or configuration key.
    pub fn create_topic(&self, new: &NewTopic) -> Result<(), ApiError> {
        let refused = |message: String| Err(bad_request(message));
        if !topic_name_is_valid(&new.name) {
            return refused(format!(
                "Topic name is invalid: '{}' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'",
                new.name
            ));
        }
        if self.find(&new.name).is_some() {
            return refused(format!("Topic '{}' already exists.", new.name));
        }
        if new.partitions.is_some_and(|count| count < 1) {
            return refused(
                "Number of partitions was set to an invalid non-positive value.".into(),
            );
        }
        if let Some(factor) = new
            .replication_factor
            .filter(|factor| !matches!(*factor, -1 | 1))
        {
            return refused(format!(
                "Unable to replicate the partition {factor} time(s): The target replication factor of {factor} cannot be reached because only 1 broker(s) are registered."
            ));
        }
        if let Some(key) = new.configs.keys().find(|key| !topic_configs::is_known(key)) {
            return refused(format!("Unknown topic config name: {key}"));
        }
        if !new.validate_only {
            self.add(&new.name, new.partitions, new.configs.clone());
        }
        Ok(())
    }

    /// Deletes a topic; `false` if it is missing.
    ///
    /// # Errors
    /// Never; the signature is shared with the Kafka backend.
    pub fn delete_topic(&self, name: &str) -> Result<bool, ApiError> {
        let removed = self
            .topics
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(name);
        let Some(topic) = removed else {
            return Ok(false);
        };
        self.layout.fetch_add(1, Relaxed);
        self.groups.forget(name);
        count(&topic, &mut lock(&self.deleted));
        for partition in &topic.partitions {
            while let Some(dropped) = partition.drop_oldest() {
                let freed = self.release(dropped, &mut drop);
                self.held_bytes.fetch_sub(freed, Relaxed);
            }
        }
        lock(&self.spare).clear();
        Ok(true)
    }

    /// Sets configuration values of a topic, or resets those without a value; `false` if it is missing.
    ///
    /// # Errors
    /// What Kafka says of an unknown key; nothing is changed then.
    pub(crate) fn alter_configs(
        &self,
        name: &str,
        configs: &[(String, Option<String>)],
    ) -> Result<bool, ApiError> {
        if let Some((key, _)) = configs
            .iter()
            .find(|(key, _)| !topic_configs::is_known(key))
        {
            return Err(bad_request(format!("Unknown topic config name: {key}")));
        }
        Ok(self.replace(name, |topic| {
            let mut defaults = topic_configs::defaults();
            for (key, value) in configs {
                let value = value.clone().or_else(|| defaults.remove(key));
                topic.configs.insert(key.clone(), value.unwrap_or_default());
            }
        }))
    }

    /// Gives a topic this many partitions in all; `false` if it is missing.
    ///
    /// # Errors
    /// What Kafka says of as many as there are, or fewer.
    pub(crate) fn add_partitions(&self, name: &str, count: i32) -> Result<bool, ApiError> {
        let Some(before) = self.find(name).map(|topic| topic.count()) else {
            return Ok(false);
        };
        if count <= before {
            return Err(bad_request(if count == before {
                format!("Topic already has {before} partition(s).")
            } else {
                format!(
                    "The topic {name} currently has {before} partition(s); {count} would not be an increase."
                )
            }));
        }
        Ok(self.replace(name, |topic| {
            let more = (topic.count()..count).map(|n| Arc::new(Partition::new(n)));
            topic.partitions.extend(more);
        }))
    }

    /// Puts a changed topic in the place of one, with the partitions and records it has; `false` if it is missing.
    fn replace(&self, name: &str, change: impl FnOnce(&mut Topic)) -> bool {
        let mut topics = self.topics.write().unwrap_or_else(PoisonError::into_inner);
        let Some(topic) = topics.get_mut(name) else {
            return false;
        };
        let mut changed = Topic {
            partitions: topic.partitions.clone(),
            configs: topic.configs.clone(),
            keyless_bytes: AtomicU64::new(topic.keyless_bytes.load(Relaxed)),
        };
        change(&mut changed);
        *topic = Arc::new(changed);
        self.layout.fetch_add(1, Relaxed);
        self.topic_made.notify_waiters();
        true
    }

    /// A partition, if there is such a one.
    pub(super) fn partition(&self, of: &TopicPartition) -> Option<Arc<Partition>> {
        let topic = self.find(&of.topic)?;
        let partition = topic.partitions.get(usize::try_from(of.partition).ok()?);
        partition.cloned()
    }

    /// Broker ids.
    ///
    /// # Errors
    /// Never; the signature is shared with the Kafka backend.
    pub fn brokers(&self) -> Result<Vec<i32>, ApiError> {
        Ok(vec![BROKER])
    }

    /// The cluster id in v3 paths.
    pub fn cluster_id(&self) -> String {
        CLUSTER_ID.to_owned()
    }
}
