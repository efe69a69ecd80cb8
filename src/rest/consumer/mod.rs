//! Consumer instances of the v2 API: created, subscribed, fetched from, committed, and deleted whatever happens.
//!
//! An instance lives in one proxy process, which holds a Kafka consumer for it. It keeps memory and its place in the group until
//! it is deleted or, on Confluent's proxy, was left alone for 5 minutes.

mod batch;
mod failure;
mod format;
mod instance;
mod place;
mod settings;
#[cfg(test)]
mod tests;

pub use crate::measure::consume::FetchFailure;

pub use batch::{Batch, Record};
pub use format::{RawJson, RecordFormat};
pub use instance::{Fetch, Instance, Interest, Partition, Position};
pub use place::BaseUri;
pub use settings::{ConsumerSettings, Reset};

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use reqwest::Method;
use serde::Deserialize;
use tokio::task::JoinSet;
use url::Url;

use super::client::Client;
use super::failure::{CallError, Problem, sketch};
use crate::error::Result;
use crate::plan::Target;
use crate::wire::{ACCEPT_V2, Dialect};

/// Makes consumer instances at one target, and knows which of them are still to be deleted. Clones share them.
#[derive(Debug, Clone)]
pub struct ConsumerClient {
    client: Client,
    dialect: Dialect,
    base_uri: BaseUri,
    open: Arc<Mutex<Open>>,
}

#[derive(Debug, Default)]
struct Open {
    /// By path: those that exist, or may exist because no answer came.
    instances: BTreeMap<String, Instance>,
    /// A `base_uri` that names another place than the target.
    elsewhere: Option<String>,
}

/// An instance that could not be deleted: the server keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undeleted {
    /// Group and name, as in its path.
    pub path: String,
    /// Why not.
    pub error: CallError,
}

impl ConsumerClient {
    /// A client for one of the target's base URLs; `timeout` bounds each call beside what a fetch may wait for records.
    ///
    /// # Errors
    /// [`Error::Usage`](crate::error::Error::Usage) for unreadable TLS files and headers that HTTP does not allow.
    pub fn new(
        target: &Target,
        url: &Url,
        timeout: Duration,
        dialect: Dialect,
        base_uri: BaseUri,
    ) -> Result<Self> {
        Ok(Self {
            client: Client::keeping(target, url, timeout)?,
            dialect,
            base_uri,
            open: Arc::default(),
        })
    }

    /// Whose manners are spoken.
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// `POST /consumers/{group}`. The name must be new in the group. If no answer comes, or this is dropped, the instance may
    /// exist all the same: [`close`](Self::close) deletes that one too.
    ///
    /// # Errors
    /// No answer, or a refusal: 409 if the name is taken, 422 for a format that the server does not have.
    pub async fn create(
        &self,
        group: &str,
        name: &str,
        settings: ConsumerSettings,
    ) -> Result<Instance, CallError> {
        #[derive(Deserialize)]
        struct Body {
            base_uri: String,
        }
        let call = format!("/consumers/{group}");
        let assumed = Instance {
            client: self.client.clone(),
            path: format!("{call}/instances/{name}"),
            format: settings.format,
            dialect: self.dialect,
        };
        let key = assumed.path.clone();
        self.open().instances.insert(key.clone(), assumed.clone());
        let body = settings.body(name, self.dialect).to_string();
        let reply = self
            .client
            .exchange(Method::POST, &call, ACCEPT_V2, Some((ACCEPT_V2, body)))
            .await;
        let call = format!("POST {call}");
        let accepted = reply.and_then(|reply| self.client.accepted(&call, &reply).map(|()| reply));
        let reply = match accepted {
            Ok(reply) => reply,
            Err(error) => {
                if matches!(
                    error.problem,
                    Problem::Refused | Problem::Dns(_) | Problem::Tls(_)
                ) || matches!(error.problem, Problem::Status { status, .. } if status < 500)
                {
                    self.open().instances.remove(&key);
                }
                return Err(error);
            }
        };
        let Ok(Body { base_uri }) = serde_json::from_slice(&reply.body) else {
            return Err(self
                .client
                .fail(&call, Problem::NotJson(sketch(&reply.body))));
        };
        let place = place::of(&base_uri, self.client.base(), self.base_uri);
        let instance = Instance {
            client: self.client.at(place.base),
            path: place.path,
            ..assumed
        };
        let mut open = self.open();
        if place.elsewhere {
            open.elsewhere.get_or_insert(base_uri);
        }
        open.instances.insert(key, instance.clone());
        Ok(instance)
    }

    /// Forgets an instance that the server no longer has: there is nothing to delete.
    pub fn forget(&self, instance: &Instance) {
        self.open()
            .instances
            .retain(|_, known| known.path != instance.path);
    }

    /// A `base_uri` that some instance was given and that names another host or path than the target's, if there was one.
    pub fn elsewhere(&self) -> Option<String> {
        self.open().elsewhere.clone()
    }

    /// Paths of the instances that exist, or may exist.
    pub fn paths(&self) -> Vec<String> {
        self.open().instances.keys().cloned().collect()
    }

    /// Deletes all instances that are left, at once, within `limit` each; returns those that could not be deleted.
    pub async fn close(&self, limit: Duration) -> Vec<Undeleted> {
        let instances = std::mem::take(&mut self.open().instances);
        let mut deleting = JoinSet::new();
        for instance in instances.into_values() {
            deleting.spawn(async move {
                let error = instance.bounded(limit).delete().await.err()?;
                Some(Undeleted {
                    path: instance.path,
                    error,
                })
            });
        }
        let mut left: Vec<Undeleted> = deleting.join_all().await.into_iter().flatten().collect();
        left.sort_by(|one, other| one.path.cmp(&other.path));
        left
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        // A map of names is as good after a panic elsewhere as before it.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
