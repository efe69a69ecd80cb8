//! Topics over v2 and v3: what they are, where their records are, creating and deleting them.

use std::collections::BTreeMap;

use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::client::Client;
use super::failure::CallError;
use crate::plan::Topic;
use crate::wire::{ACCEPT_V2, Format};

/// Content type of everything in v3.
const JSON: &str = "application/json";

/// What `GET /topics/{t}` tells.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct TopicInfo {
    /// Topic name.
    pub name: String,
    /// Its partitions.
    pub partitions: Vec<PartitionInfo>,
    /// Its configuration, defaults included.
    #[serde(default)]
    pub configs: BTreeMap<String, String>,
}

/// A partition, as v2 describes it. A load run needs but their count, so that what a server leaves out is no failure.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct PartitionInfo {
    /// Its number, from 0.
    pub partition: u32,
    /// Broker that leads it; negative if none does.
    pub leader: i64,
    /// Where it is kept.
    pub replicas: Vec<Replica>,
}

impl Default for PartitionInfo {
    fn default() -> Self {
        Self {
            partition: 0,
            leader: -1,
            replicas: Vec::new(),
        }
    }
}

/// A copy of a partition.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Replica {
    /// Broker that keeps it.
    pub broker: i64,
    /// Whether it has every acknowledged record.
    pub in_sync: bool,
}

/// First and next offset of a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct Offsets {
    /// Oldest record still there.
    pub beginning_offset: i64,
    /// Offset of the next record.
    pub end_offset: i64,
}

impl Offsets {
    /// Records between them: the count of a topic that is neither compacted nor written in transactions, else the most there can be.
    pub fn records(self) -> u64 {
        u64::try_from(self.end_offset - self.beginning_offset).unwrap_or(0)
    }
}

/// A setting of a topic, as v3 tells it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct TopicConfig {
    /// Kafka's name for it.
    pub name: String,
    /// Its value; v3 hides those that are sensitive.
    pub value: Option<String>,
    /// Nobody set it for this topic.
    pub is_default: bool,
}

/// A topic to create. What is left out is the server's choice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTopic {
    /// Its name.
    pub name: String,
    /// Partitions.
    pub partitions: Option<u32>,
    /// Copies of each partition.
    pub replication_factor: Option<u16>,
    /// Settings, by Kafka's names; Strimzi's bridge takes none.
    pub configs: Vec<(String, String)>,
}

impl From<&Topic> for NewTopic {
    fn from(topic: &Topic) -> Self {
        Self {
            name: topic.name.clone(),
            partitions: Some(topic.partitions),
            replication_factor: topic.replication_factor,
            configs: Vec::new(),
        }
    }
}

impl NewTopic {
    /// The body of both calls that create one.
    fn body(&self) -> Value {
        let mut body = json!({ "topic_name": self.name });
        if let Some(partitions) = self.partitions {
            body["partitions_count"] = json!(partitions);
        }
        if let Some(replicas) = self.replication_factor {
            body["replication_factor"] = json!(replicas);
        }
        if !self.configs.is_empty() {
            let configs = self.configs.iter();
            body["configs"] = configs
                .map(|(name, value)| json!({ "name": name, "value": value }))
                .collect();
        }
        body
    }
}

impl Client {
    /// `GET /topics/{name}`.
    ///
    /// # Errors
    /// No answer, 404 if there is no such topic, or an answer that does not describe one.
    pub async fn topic(&self, name: &str) -> Result<TopicInfo, CallError> {
        self.get(&format!("/topics/{name}"), ACCEPT_V2).await
    }

    /// `GET /topics/{name}/partitions/{partition}/offsets`; costs the server two requests to Kafka.
    ///
    /// # Errors
    /// No answer, 404 if there is no such partition, or an answer without offsets.
    pub async fn offsets(&self, name: &str, partition: u32) -> Result<Offsets, CallError> {
        let path = format!("/topics/{name}/partitions/{partition}/offsets");
        self.get(&path, ACCEPT_V2).await
    }

    /// The settings of a topic through v3, which knows what is a default.
    ///
    /// # Errors
    /// No answer, 404 if there is no such topic, or an answer that is not the list.
    pub async fn topic_configs(
        &self,
        cluster: &str,
        name: &str,
    ) -> Result<Vec<TopicConfig>, CallError> {
        let path = format!("/v3/clusters/{cluster}/topics/{name}/configs");
        self.get_list(&path).await
    }

    /// Creates a topic through v3.
    ///
    /// # Errors
    /// No answer, or a refusal; that the topic exists is one too.
    pub async fn create_topic_v3(&self, cluster: &str, topic: &NewTopic) -> Result<(), CallError> {
        let path = format!("/v3/clusters/{cluster}/topics");
        self.post(&path, JSON, JSON, &topic.body()).await
    }

    /// Creates a topic through Strimzi's admin call.
    ///
    /// # Errors
    /// No answer, or a refusal; that the topic exists is one too (HTTP 500).
    pub async fn create_topic_strimzi(&self, topic: &NewTopic) -> Result<(), CallError> {
        let content_type = Format::Json.content_type();
        self.post("/admin/topics", content_type, ACCEPT_V2, &topic.body())
            .await
    }

    /// Deletes a topic through v3.
    ///
    /// # Errors
    /// No answer, 404 if there is no such topic, or another refusal.
    pub async fn delete_topic_v3(&self, cluster: &str, name: &str) -> Result<(), CallError> {
        let path = format!("/v3/clusters/{cluster}/topics/{name}");
        let reply = self.exchange(Method::DELETE, &path, JSON, None).await?;
        self.accepted(&format!("DELETE {path}"), &reply)
    }

    /// The `data` of a v3 list.
    pub(super) async fn get_list<T: serde::de::DeserializeOwned>(
        &self,
        path: &str,
    ) -> Result<Vec<T>, CallError> {
        #[derive(Deserialize)]
        struct List<T> {
            data: Vec<T>,
        }
        let list: List<T> = self.get(path, JSON).await?;
        Ok(list.data)
    }

    async fn post(
        &self,
        path: &str,
        content_type: &'static str,
        accept: &'static str,
        body: &Value,
    ) -> Result<(), CallError> {
        let body = Some((content_type, body.to_string()));
        let reply = self.exchange(Method::POST, path, accept, body).await?;
        self.accepted(&format!("POST {path}"), &reply)
    }
}
