//! Topics, partitions, offsets and brokers, asked of the cluster for each call: nothing is cached here.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::admin::{AdminOptions, NewTopic as KafkaTopic, ResourceSpecifier, TopicReplication};
use rdkafka::client::Client;
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::metadata::{Metadata, MetadataBroker, MetadataTopic};
use tokio::time::{Instant, sleep};

use super::metadata::Quiet;
use super::{Front, texts};
use crate::standin::backend::{ApiError, NewTopic, PartitionInfo, TopicInfo, topic_name_is_valid};

/// Topics that Kafka keeps for itself; the proxy does not list them. The protocol marks them, librdkafka hides the mark.
pub(super) const INTERNAL: [&str; 3] = [
    "__consumer_offsets",
    "__transaction_state",
    "__share_group_state",
];
/// Pause between two looks at a topic that is not ready yet.
const UNSETTLED_BACKOFF: Duration = Duration::from_millis(20);

impl Front {
    /// Names of all topics but Kafka's internal ones.
    ///
    /// # Errors
    /// Status 500 with code 50003 if no broker answers in time.
    pub async fn topics(&self) -> Result<Vec<String>, ApiError> {
        self.metadata(None, "listTopics", |metadata| {
            let names = metadata
                .topics()
                .iter()
                .map(|topic| topic.name().to_owned());
            names
                .filter(|name| !INTERNAL.contains(&name.as_str()))
                .collect()
        })
        .await
    }

    /// A topic's partitions and configuration, `None` if it is missing.
    ///
    /// # Errors
    /// Status 500 with code 50003 if no broker answers in time.
    pub async fn topic(&self, name: &str) -> Result<Option<TopicInfo>, ApiError> {
        let Some(partitions) = self.partitions(name).await? else {
            return Ok(None);
        };
        let options = AdminOptions::new().request_timeout(Some(self.settings.api_timeout));
        let described = self
            .admin
            .describe_configs([&ResourceSpecifier::Topic(name)], &options)
            .await
            .map_err(|error| texts::api_error(name, "describeConfigs", error_code(&error)))?;
        let configs = described
            .into_iter()
            .flatten()
            .flat_map(|resource| resource.entries)
            .filter_map(|entry| Some((entry.name, entry.value?)))
            .collect::<BTreeMap<_, _>>();
        Ok(Some(TopicInfo {
            name: name.to_owned(),
            configs,
            partitions,
        }))
    }

    /// First offset and next offset of a partition, `None` if it or its topic is missing.
    ///
    /// # Errors
    /// Status 500 with code 50003 if no broker answers in time.
    pub async fn offsets(
        &self,
        name: &str,
        partition: i32,
    ) -> Result<Option<(i64, i64)>, ApiError> {
        let partitions = self.partitions(name).await?.unwrap_or_default();
        if !partitions.iter().any(|info| info.partition == partition) {
            return Ok(None);
        }
        let deadline = Instant::now() + self.settings.api_timeout;
        self.watermarks(name, partition, deadline).await.map(Some)
    }

    /// First and next offset, asked again while the partition's leader is not known or not ready, as Kafka's Java client does.
    async fn watermarks(
        &self,
        name: &str,
        partition: i32,
        deadline: Instant,
    ) -> Result<(i64, i64), ApiError> {
        let call = "listOffsets";
        loop {
            let topic = name.to_owned();
            let timeout = deadline - Instant::now();
            let asked =
                self.asked(move |client| client.fetch_watermarks(&topic, partition, timeout));
            match asked.await {
                Ok(offsets) => return Ok(offsets),
                Err(error) if texts::is_unsettled(error) && Instant::now() < deadline => {
                    sleep(UNSETTLED_BACKOFF).await;
                }
                Err(error) => return Err(texts::api_error(name, call, error)),
            }
        }
    }

    /// Creates a topic (or only checks that it could be) and waits until it can be used.
    ///
    /// # Errors
    /// Status 422 for a bad name; 400 with code 40002 if the topic exists or the broker refuses partitions, replication
    /// or configuration; 500 with code 50003 if no broker answers in time.
    pub async fn create_topic(&self, new: NewTopic) -> Result<(), ApiError> {
        if !topic_name_is_valid(&new.name) {
            return Err(ApiError {
                status: 422,
                code: 42206,
                message: "Payload error. Invalid topic name.".to_owned(),
            });
        }
        // -1 leaves the number to the broker.
        let partitions = new.partitions.unwrap_or(-1);
        let replication = i32::from(new.replication_factor.unwrap_or(-1));
        let mut topic =
            KafkaTopic::new(&new.name, partitions, TopicReplication::Fixed(replication));
        for (key, value) in &new.configs {
            topic = topic.set(key, value);
        }
        let options = AdminOptions::new()
            .request_timeout(Some(self.settings.api_timeout))
            .operation_timeout(Some(self.settings.api_timeout))
            .validate_only(new.validate_only);
        let results = self
            .admin
            .create_topics([&topic], &options)
            .await
            .map_err(|error| refused(&new, 0, error_code(&error)))?;
        if let Some((_, code)) = results.into_iter().find_map(Result::err) {
            let brokers = self.brokers().await.map_or(0, |brokers| brokers.len());
            return Err(refused(&new, brokers, code));
        }
        if new.validate_only {
            return Ok(());
        }
        self.forget(&new.name);
        self.usable(&new.name, 1).await
    }

    /// Deletes a topic; `false` if it is missing.
    ///
    /// # Errors
    /// Status 500 with code 50003 if no broker answers in time.
    pub async fn delete_topic(&self, name: &str) -> Result<bool, ApiError> {
        let options = AdminOptions::new()
            .request_timeout(Some(self.settings.api_timeout))
            .operation_timeout(Some(self.settings.api_timeout));
        let results = self
            .admin
            .delete_topics(&[name], &options)
            .await
            .map_err(|error| texts::api_error(name, "deleteTopics", error_code(&error)))?;
        self.forget(name);
        match results.into_iter().find_map(Result::err) {
            None => Ok(true),
            Some((_, code)) if texts::is_missing(code) => Ok(false),
            Some((_, code)) => Err(texts::api_error(name, "deleteTopics", code)),
        }
    }

    /// Ids of the brokers.
    ///
    /// # Errors
    /// Status 500 with code 50003 if no broker answers in time.
    pub async fn brokers(&self) -> Result<Vec<i32>, ApiError> {
        self.metadata(None, "listNodes", |metadata| {
            let mut ids: Vec<_> = metadata.brokers().iter().map(MetadataBroker::id).collect();
            ids.sort_unstable();
            ids
        })
        .await
    }

    async fn partitions(&self, name: &str) -> Result<Option<Vec<PartitionInfo>>, ApiError> {
        let call = "describeTopics";
        if !topic_name_is_valid(name) {
            return Err(texts::api_error(name, call, RDKafkaErrorCode::InvalidTopic));
        }
        let found = self
            .metadata(Some(name), call, |metadata| {
                metadata.topics().first().map(described)
            })
            .await?;
        match found {
            None => Ok(None),
            Some(Ok(partitions)) => Ok(Some(partitions)),
            Some(Err(error)) if texts::is_missing(error) => Ok(None),
            Some(Err(error)) => Err(texts::api_error(name, call, error)),
        }
    }

    /// Waits until a topic that was just created, or given so many partitions, can be used. Metadata shows it some milliseconds late, and some more before
    /// its leaders have opened their logs; records sent in between are refused and wait for seconds in retries.
    pub(super) async fn usable(&self, name: &str, count: usize) -> Result<(), ApiError> {
        let deadline = Instant::now() + self.settings.api_timeout;
        let partitions = loop {
            match self.partitions(name).await? {
                Some(partitions) if partitions.len() >= count => break partitions,
                _ if Instant::now() >= deadline => return Ok(()),
                _ => sleep(UNSETTLED_BACKOFF).await,
            }
        };
        for info in partitions {
            self.watermarks(name, info.partition, deadline).await?;
        }
        Ok(())
    }

    async fn metadata<T: Send + 'static>(
        &self,
        topic: Option<&str>,
        call: &'static str,
        read: impl FnOnce(&Metadata) -> T + Send + 'static,
    ) -> Result<T, ApiError> {
        let asked = topic.map(str::to_owned);
        let timeout = self.settings.api_timeout;
        self.asked(move |client| {
            let metadata = client.fetch_metadata(asked.as_deref(), timeout)?;
            Ok(read(&metadata))
        })
        .await
        .map_err(|error| texts::api_error(topic.unwrap_or_default(), call, error))
    }

    /// Runs one of librdkafka's blocking calls off the async threads.
    async fn asked<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Client<Quiet>) -> KafkaResult<T> + Send + 'static,
    ) -> Result<T, RDKafkaErrorCode> {
        let admin = Arc::clone(&self.admin);
        tokio::task::spawn_blocking(move || question(admin.inner()))
            .await
            .unwrap_or(Err(KafkaError::Canceled))
            .map_err(|error| error_code(&error))
    }
}

fn described(topic: &MetadataTopic) -> Result<Vec<PartitionInfo>, RDKafkaErrorCode> {
    if let Some(error) = topic.error() {
        return Err(RDKafkaErrorCode::from(error));
    }
    let mut partitions: Vec<_> = topic
        .partitions()
        .iter()
        .map(|partition| PartitionInfo {
            partition: partition.id(),
            leader: partition.leader(),
            replicas: partition.replicas().to_vec(),
            in_sync: partition.isr().to_vec(),
        })
        .collect();
    partitions.sort_unstable_by_key(|info| info.partition);
    Ok(partitions)
}

/// The code inside an error; librdkafka's wrapper hides that of admin calls.
fn error_code(error: &KafkaError) -> RDKafkaErrorCode {
    match error {
        KafkaError::AdminOp(code) => *code,
        other => other.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Fail),
    }
}

/// Why a topic was not created. The broker's own text is behind librdkafka; where it is known it is put together again.
fn refused(new: &NewTopic, brokers: usize, error: RDKafkaErrorCode) -> ApiError {
    let factor = new.replication_factor.unwrap_or(-1);
    let text = match error {
        RDKafkaErrorCode::InvalidReplicationFactor if factor > 0 => Some(format!(
            "Unable to replicate the partition {factor} time(s): The target replication factor of {factor} cannot be reached because only {brokers} broker(s) are registered."
        )),
        RDKafkaErrorCode::InvalidReplicationFactor => Some(
            "Replication factor must be larger than 0, or -1 to use the default value.".to_owned(),
        ),
        RDKafkaErrorCode::InvalidPartitions => {
            Some("Number of partitions was set to an invalid non-positive value.".to_owned())
        }
        _ => None,
    };
    let refusal = texts::api_error(&new.name, "createTopics", error);
    ApiError {
        message: text.unwrap_or(refusal.message),
        ..refusal
    }
}
