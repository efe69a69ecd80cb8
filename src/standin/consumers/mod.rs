//! The v2 consumer API: instances that live in this server, each with a member of a group behind it.
//!
//! ```text
//!  answer ──► create                        what each server takes as settings, and where it says the instance is
//!         ──► subscriptions, offsets        requests, their validation, the backend's member
//!         ──► fetch ──► writing             when a fetch ends; records as JSON, without a tree in between
//!  Consumers: instances by group and name; one that nobody used for a while is removed
//! ```
//!
//! What differs between the servers is recorded in `tests/wire/` (`consumer-…`), or read in their sources.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use super::answer::{Answer, JSON, JSON_V2, Voice};
use super::head::Head;
use super::members::Member;
use super::routes::InstancePart;
use super::serve::Call;
use crate::wire::Dialect;

mod create;
mod fetch;
mod format;
mod offsets;
mod requests;
mod subscriptions;
mod types;
mod words;
mod writing;

use fetch::Reading;
use format::Format;
pub(crate) use types::check as check_types;

/// A consumer that a client made.
#[derive(Debug)]
pub(crate) struct Instance {
    member: Member,
    format: Format,
    /// Confluent: a fetch that has more bytes than this ends at once.
    min_bytes: Option<u64>,
    /// A fetch takes this long, if it does not say otherwise.
    request_timeout: Duration,
    /// It was told what to read.
    wants: AtomicBool,
    used_at: Mutex<Instant>,
    /// One fetch at a time.
    reading: tokio::sync::Mutex<Reading>,
}

impl Instance {
    /// Somebody uses it: it lives on.
    fn renew(&self) {
        *lock(&self.used_at) = Instant::now();
    }

    fn is_expired(&self, timeout: Duration) -> bool {
        lock(&self.used_at).elapsed() >= timeout
    }
}

/// Group and name.
type Name = (String, String);

/// All instances of a server.
#[derive(Debug)]
pub(crate) struct Consumers {
    /// `None`: it is being made, and its name is taken.
    instances: Mutex<BTreeMap<Name, Option<Arc<Instance>>>>,
    /// Instances made so far.
    made: AtomicU64,
    /// An instance that nobody used for so long is removed; `None`: never.
    instance_timeout: Option<Duration>,
    request_timeout: Duration,
}

impl Consumers {
    /// None yet. Times that are not given are those of the dialect's server.
    pub(crate) fn new(
        dialect: Dialect,
        instance_timeout: Option<Duration>,
        request_timeout: Option<Duration>,
    ) -> Self {
        let (instance, request) = match dialect {
            Dialect::Confluent => (Some(Duration::from_mins(5)), Duration::from_secs(1)),
            Dialect::Strimzi => (None, Duration::from_millis(100)),
            Dialect::Karapace => (None, Duration::from_secs(11)),
            Dialect::Redpanda => (Some(Duration::from_mins(5)), Duration::from_millis(100)),
        };
        Self {
            instances: Mutex::default(),
            made: AtomicU64::new(0),
            instance_timeout: instance_timeout.or(instance),
            request_timeout: request_timeout.unwrap_or(request),
        }
    }

    /// Looks for instances that nobody uses any more, for ever.
    pub(crate) async fn expire(&self) {
        let Some(timeout) = self.instance_timeout else {
            return std::future::pending().await;
        };
        // As the real proxy, once a second; more often where that would be late.
        let pause = (timeout / 4).clamp(Duration::from_millis(10), Duration::from_secs(1));
        loop {
            tokio::time::sleep(pause).await;
            self.remove_if(|instance| instance.is_expired(timeout))
                .await;
        }
    }

    /// Removes every instance: each leaves its group.
    pub(crate) async fn clear(&self) {
        self.remove_if(|_| true).await;
    }

    async fn remove_if(&self, goes: impl Fn(&Instance) -> bool) {
        let mut gone = Vec::new();
        lock(&self.instances).retain(|_, instance| {
            let going = instance.take_if(|instance| goes(instance));
            let stays = going.is_none();
            gone.extend(going);
            stays
        });
        // All at once: before a real Kafka each takes a while.
        let mut leaving: JoinSet<()> = gone
            .into_iter()
            .map(|instance| async move { instance.member.close().await })
            .collect();
        while leaving.join_next().await.is_some() {}
    }

    /// The instance, which lives on; `None`: there is no such one.
    fn find(&self, name: &Name) -> Option<Arc<Instance>> {
        let instance = lock(&self.instances).get(name).cloned().flatten()?;
        instance.renew();
        Some(instance)
    }

    fn remove(&self, name: &Name) -> Option<Arc<Instance>> {
        let mut instances = lock(&self.instances);
        let instance = instances.get(name).cloned().flatten()?;
        instances.remove(name);
        Some(instance)
    }

    /// Takes a name for an instance that is to be made; `false`: it is taken.
    fn reserve(&self, name: &Name) -> bool {
        let mut instances = lock(&self.instances);
        let free = !instances.contains_key(name);
        if free {
            instances.insert(name.clone(), None);
        }
        free
    }

    /// Puts the instance in its place, or gives the name back.
    fn settle(&self, name: Name, instance: Option<Instance>) {
        let mut instances = lock(&self.instances);
        match instance {
            Some(instance) => instances.insert(name, Some(Arc::new(instance))),
            None => instances.remove(&name),
        };
    }

    /// Counts an instance that is made.
    fn count(&self) -> u64 {
        self.made.fetch_add(1, Relaxed) + 1
    }

    fn names(&self) -> Vec<Name> {
        lock(&self.instances).keys().cloned().collect()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// `POST /consumers/{group}`.
pub(crate) async fn create(call: &Call<'_>, group: &str) -> Answer {
    let outcome = create::create(call, group).await;
    finish(call, outcome)
}

/// Everything below `/consumers/{group}/instances/{instance}`.
pub(crate) async fn answer(call: &Call<'_>, group: &str, name: &str, part: InstancePart) -> Answer {
    let name = (group.to_owned(), name.to_owned());
    let outcome = of_instance(call, &name, part).await;
    finish(call, outcome)
}

async fn of_instance(call: &Call<'_>, name: &Name, part: InstancePart) -> Result<Answer, Answer> {
    let consumers = &call.shared.consumers;
    let posts = call.head.method == "POST";
    let deletes = call.head.method == "DELETE";
    if part == InstancePart::Itself {
        let gone = consumers.remove(name);
        let gone = gone.ok_or_else(|| words::no_instance(call, name))?;
        gone.member.close().await;
        return Ok(nothing());
    }
    let found = consumers.find(name);
    let instance = found.ok_or_else(|| words::no_instance(call, name))?;
    match part {
        InstancePart::Itself => Ok(nothing()),
        InstancePart::Subscription if posts => subscriptions::subscribe(call, &instance).await,
        InstancePart::Subscription if deletes => subscriptions::unsubscribe(call, &instance).await,
        InstancePart::Subscription => Ok(subscriptions::subscription(call, &instance).await),
        InstancePart::Assignments if posts => subscriptions::assign(call, &instance).await,
        InstancePart::Assignments => Ok(subscriptions::assignment(call, &instance).await),
        InstancePart::Records => fetch::fetch(call, &instance).await,
        InstancePart::Offsets if posts => offsets::commit(call, &instance).await,
        InstancePart::Offsets => offsets::committed(call, &instance).await,
        InstancePart::Positions => offsets::seek(call, &instance).await,
        InstancePart::Beginning | InstancePart::End => {
            offsets::seek_to(call, &instance, part).await
        }
    }
}

/// 204.
fn nothing() -> Answer {
    Answer::new(204, None, Vec::new())
}

/// The answer with the type that the dialect's server gives it.
fn finish(call: &Call<'_>, outcome: Result<Answer, Answer>) -> Answer {
    let (Ok(answer) | Err(answer)) = outcome;
    let head: &Head<'_> = call.head;
    match call.shared.dialect {
        Dialect::Confluent if answer.status != 204 => answer.typed(types::produced(head)),
        Dialect::Karapace if answer.voice == Voice::Application => {
            let bare = answer.status == 204;
            answer.typed(Some(if bare { JSON } else { JSON_V2 }))
        }
        _ => answer,
    }
}
