//! One consumer instance, and the calls on it.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::super::client::{Client, Reply};
use super::super::failure::{CallError, Problem, sketch};
use super::batch::Batch;
use super::format::RecordFormat;
use super::settings::committed_as;
use crate::wire::{ACCEPT_V2, Dialect};

/// A consumer instance. Clones are the same instance.
#[derive(Debug, Clone)]
pub struct Instance {
    pub(super) client: Client,
    /// Below the client's base: `/consumers/{group}/instances/{name}`.
    pub(super) path: String,
    pub(super) format: RecordFormat,
    pub(super) dialect: Dialect,
}

/// What an instance shall read, with the others of its group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Interest {
    /// These topics.
    Topics(Vec<String>),
    /// Topics whose whole name matches this regular expression of Java, those made later included.
    Pattern(String),
}

/// A partition of a topic.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Partition {
    /// The topic's name.
    pub topic: String,
    /// Number of the partition.
    pub partition: u32,
}

/// A place in a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// The partition.
    pub of: Partition,
    /// Offset of the next record to read.
    pub next: i64,
}

/// How long and how much a fetch may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Fetch {
    /// Longest wait for records; Confluent's proxy makes it at most its own, 1 s by default. `None`: the server's default.
    pub wait: Option<Duration>,
    /// Longest answer; Confluent counts keys and values, Strimzi the JSON. `None`: the server's default.
    pub max_bytes: Option<u64>,
}

/// Karapace's default, the longest: a fetch without a wait of its own may take as long.
const LONGEST_DEFAULT_WAIT: Duration = Duration::from_secs(11);

impl Instance {
    /// Group and name, as in its path.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// How its records are embedded.
    pub fn format(&self) -> RecordFormat {
        self.format
    }

    /// The same instance with another limit for each call.
    #[must_use]
    pub fn bounded(&self, timeout: Duration) -> Self {
        Self {
            client: self.client.with_timeout(timeout),
            ..self.clone()
        }
    }

    /// Joins the group for these topics, in place of what it was subscribed to.
    ///
    /// # Errors
    /// No answer, or a refusal: 409 after [`assign`](Self::assign).
    pub async fn subscribe(&self, interest: &Interest) -> Result<(), CallError> {
        let body = match interest {
            Interest::Topics(names) => json!({ "topics": names }),
            Interest::Pattern(pattern) => json!({ "topic_pattern": pattern }),
        };
        self.post("/subscription", Some(body)).await
    }

    /// Reads these partitions, whatever the others of the group do.
    ///
    /// # Errors
    /// No answer, or a refusal: 409 after [`subscribe`](Self::subscribe).
    pub async fn assign(&self, partitions: &[Partition]) -> Result<(), CallError> {
        self.post("/assignments", Some(json!({ "partitions": partitions })))
            .await
    }

    /// The partitions that it reads now; empty until it has joined its group.
    ///
    /// # Errors
    /// No answer; Strimzi and Redpanda do not have the call ([`CallError::is_not_found`]).
    pub async fn assigned(&self) -> Result<Vec<Partition>, CallError> {
        #[derive(Deserialize)]
        struct Body {
            partitions: Vec<Partition>,
        }
        let body: Body = self.get("/assignments", None).await?;
        Ok(body.partitions)
    }

    /// Goes on reading at these places.
    ///
    /// # Errors
    /// No answer, or a refusal: the instance must read those partitions.
    pub async fn seek(&self, positions: &[Position]) -> Result<(), CallError> {
        let offsets: Vec<Value> = positions
            .iter()
            .map(|Position { of, next }| {
                json!({"topic": of.topic, "partition": of.partition, "offset": next})
            })
            .collect();
        self.post("/positions", Some(json!({ "offsets": offsets })))
            .await
    }

    /// Goes on reading at the oldest record of each of these partitions.
    ///
    /// # Errors
    /// As [`seek`](Self::seek).
    pub async fn seek_to_beginning(&self, partitions: &[Partition]) -> Result<(), CallError> {
        let body = json!({ "partitions": partitions });
        self.post("/positions/beginning", Some(body)).await
    }

    /// Goes on reading at the end of each of these partitions. Kafka's consumer looks the end up at its next fetch.
    ///
    /// # Errors
    /// As [`seek`](Self::seek).
    pub async fn seek_to_end(&self, partitions: &[Partition]) -> Result<(), CallError> {
        let body = json!({ "partitions": partitions });
        self.post("/positions/end", Some(body)).await
    }

    /// Fetches records; none may have come. Never sent twice: the server moves on with every answer, read or not.
    ///
    /// # Errors
    /// [`FetchFailure::of`](super::FetchFailure::of) says what each means for the records.
    pub async fn fetch(&self, fetch: Fetch) -> Result<Batch, CallError> {
        let wait = fetch
            .wait
            .map(|wait| format!("timeout={}", wait.as_millis()));
        let most = fetch.max_bytes.map(|bytes| format!("max_bytes={bytes}"));
        let mut path = format!("{}/records", self.path);
        for (parameter, before) in wait.into_iter().chain(most).zip(["?", "&"]) {
            path.push_str(before);
            path.push_str(&parameter);
        }
        let patience = self.client.timeout() + fetch.wait.unwrap_or(LONGEST_DEFAULT_WAIT);
        let client = self.client.with_timeout(patience);
        let call = format!("GET {}/records", self.path);
        let asked = Instant::now();
        let reply = client
            .exchange(Method::GET, &path, self.format.accept(), None)
            .await?;
        let received = Instant::now();
        client.accepted(&call, &reply)?;
        Batch::parse(reply.body, asked, received).map_err(|body| {
            let start = &body[..body.len().min(SKETCHED_BYTES)];
            client.fail(&call, Problem::NotJson(sketch(start)))
        })
    }

    /// Commits everything that it fetched. On Confluent's proxy the answer says nothing: it comes before the commit, and is
    /// good even if that fails.
    ///
    /// # Errors
    /// No answer, or a refusal.
    pub async fn commit_fetched(&self) -> Result<(), CallError> {
        // Karapace wants a body; an empty object means the same.
        let body = (self.dialect == Dialect::Karapace).then(|| json!({}));
        self.post("/offsets", body).await
    }

    /// Commits where reading goes on after a restart. The answer comes when Kafka has it.
    ///
    /// # Errors
    /// No answer, or a refusal: the group may have given the partition to another instance.
    pub async fn commit(&self, positions: &[Position]) -> Result<(), CallError> {
        let offsets: Vec<Value> = positions
            .iter()
            .filter_map(|Position { of, next }| {
                let offset = committed_as(*next, self.dialect)?;
                Some(json!({"topic": of.topic, "partition": of.partition, "offset": offset}))
            })
            .collect();
        if offsets.is_empty() {
            return Ok(());
        }
        self.post("/offsets", Some(json!({ "offsets": offsets })))
            .await
    }

    /// What the group has committed of these partitions; those without a commit are left out.
    ///
    /// # Errors
    /// No answer; Strimzi does not have the call ([`CallError::is_not_found`]).
    pub async fn committed(&self, partitions: &[Partition]) -> Result<Vec<Position>, CallError> {
        #[derive(Deserialize)]
        struct Committed {
            #[serde(flatten)]
            of: Partition,
            offset: i64,
        }
        #[derive(Deserialize)]
        struct Body {
            offsets: Vec<Committed>,
        }
        let body: Body = self
            .get("/offsets", Some(json!({ "partitions": partitions })))
            .await?;
        let known = body.offsets.into_iter().filter(|found| found.offset >= 0);
        Ok(known
            .map(|Committed { of, offset }| Position { of, next: offset })
            .collect())
    }

    /// Deletes it: it leaves its group, and the server gives its memory back. One that is gone already is fine.
    ///
    /// # Errors
    /// No answer, or a refusal.
    pub async fn delete(&self) -> Result<(), CallError> {
        let path = self.path.clone();
        let reply = self.again_if_broken(Method::DELETE, &path, None).await?;
        match self.client.accepted(&format!("DELETE {path}"), &reply) {
            Err(error) if error.is_gone() => Ok(()),
            other => other,
        }
    }

    async fn post(&self, below: &str, body: Option<Value>) -> Result<(), CallError> {
        let path = format!("{}{below}", self.path);
        let body = body.map(|body| (ACCEPT_V2, body.to_string()));
        let reply = self
            .client
            .exchange(Method::POST, &path, ACCEPT_V2, body)
            .await?;
        self.client.accepted(&format!("POST {path}"), &reply)
    }

    async fn get<T: serde::de::DeserializeOwned>(
        &self,
        below: &str,
        body: Option<Value>,
    ) -> Result<T, CallError> {
        let path = format!("{}{below}", self.path);
        let reply = self.again_if_broken(Method::GET, &path, body).await?;
        let call = format!("GET {path}");
        self.client.accepted(&call, &reply)?;
        serde_json::from_slice(&reply.body).map_err(|_| {
            self.client
                .fail(&call, Problem::NotJson(sketch(&reply.body)))
        })
    }

    /// A call that changes nothing more if it comes twice: once more if its connection broke, which a server that closes idle
    /// ones may do at any time.
    async fn again_if_broken(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Result<Reply, CallError> {
        let body = body.map(|body| (ACCEPT_V2, body.to_string()));
        let first = self
            .client
            .exchange(method.clone(), path, ACCEPT_V2, body.clone())
            .await;
        match first {
            Err(error) if matches!(error.problem, Problem::Broken(_)) => {
                self.client.exchange(method, path, ACCEPT_V2, body).await
            }
            other => other,
        }
    }
}

/// Bytes of an answer that is no list of records which are looked at to say what it is.
const SKETCHED_BYTES: usize = 4_096;
