//! From a request to its answer: what is refused before the body, who handles the rest, what a fault makes of it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::answer::{Answer, JSON};
use super::backend::Backend;
use super::capacity::Capacity;
use super::consumers::{self, Consumers};
use super::desk::Desk;
use super::faults::{Plan, Script};
use super::head::{Head, Length};
use super::produce::{self, embedded};
use super::routes::{Route, suspicion};
use super::threads::Threads;
use super::truth::{Account, Truth};
use super::{Writes, metadata, strimzi, v3};
use crate::wire::{ACCEPT_V2, Dialect};

/// What all connections share.
pub(crate) struct Shared {
    pub(crate) dialect: Dialect,
    pub(crate) backend: Backend,
    /// What it says it is, in the `Server` header of `GET /`.
    pub(crate) name: String,
    pub(crate) capacity: Option<Capacity>,
    pub(crate) script: Script,
    pub(crate) idle_timeout: Option<Duration>,
    pub(crate) writes: Writes,
    /// How long a record waits for a missing topic or partition.
    pub(crate) max_block: Duration,
    pub(crate) threads: Threads,
    pub(crate) consumers: Consumers,
    pub(crate) tls: bool,
    pub(crate) started: Instant,
    pub(crate) truth: Arc<Truth>,
    /// Told when a fault ends the server.
    pub(crate) died: tokio::sync::Notify,
}

/// One request, read.
pub(crate) struct Call<'a> {
    pub(crate) shared: &'a Shared,
    pub(crate) head: &'a Head<'a>,
    pub(crate) plan: &'a Plan,
    pub(crate) body: &'a [u8],
    /// The buffer that the body is the end of, if it may be kept.
    pub(crate) whole: Option<&'a Arc<Vec<u8>>>,
    pub(crate) desk: &'a Desk,
    /// Of a produce request.
    pub(crate) account: Option<&'a Account<'a>>,
}

impl Call<'_> {
    /// Scheme and authority by which the client knows the server, such as `http://host:8082`.
    pub(crate) fn origin(&self) -> String {
        let is_authority =
            |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | ':' | '-' | '_' | '[' | ']');
        let host = self.head.host.filter(|host| host.chars().all(is_authority));
        let scheme = if self.shared.tls { "https" } else { "http" };
        format!("{scheme}://{}", host.unwrap_or("localhost"))
    }
}

/// Finds the resource, or the answer that needs no body.
pub(crate) fn route<'a>(dialect: Dialect, head: &Head<'a>) -> Result<Route<'a>, Answer> {
    let path = head.path;
    if dialect == Dialect::Confluent {
        if head.minor == 1 && head.host.is_none() {
            return Err(Answer::page(400, "No Host", path));
        }
        if head.length == Length::Conflict {
            let message = "Transfer-Encoding and Content-Length";
            return Err(Answer::page(400, message, path));
        }
        if let Some(message) = suspicion(path) {
            return Err(Answer::page(400, message, "/badURI"));
        }
    }
    if dialect == Dialect::Strimzi {
        strimzi_path(path, head)?;
    }
    let Some(route) = Route::find(dialect, path) else {
        return Err(not_found(dialect));
    };
    let methods = route.methods(dialect);
    if dialect == Dialect::Confluent && head.method == "OPTIONS" {
        let answer = Answer::ok(Vec::new());
        return Err(answer.with("Allow", methods.join(",")));
    }
    if !methods.contains(&head.method) || head.method == "OPTIONS" {
        return Err(wrong_method(dialect, methods, head));
    }
    if dialect == Dialect::Confluent {
        confluent_types(&route, head)?;
    }
    Ok(route)
}

/// Vert.x resolves dots first, and cannot decode a quote in a parameter.
fn strimzi_path(path: &str, head: &Head<'_>) -> Result<(), Answer> {
    if head.minor == 1 && head.host.is_none() {
        return Err(Answer::error(400, 400, ""));
    }
    if path.to_ascii_lowercase().contains("%2e%2e") {
        return Err(wrong_method(Dialect::Strimzi, &["GET"], head));
    }
    if path.contains("%22") {
        return Err(strimzi::invalid(
            "The value of path parameter topicname can't be decoded.",
        ));
    }
    Ok(())
}

fn not_found(dialect: Dialect) -> Answer {
    match dialect {
        Dialect::Confluent => Answer::plain(404).typed(None),
        Dialect::Strimzi => Answer::error(404, 404, "Not Found"),
        Dialect::Karapace => Answer::text(404, "404: Not Found"),
        Dialect::Redpanda => Answer::error(404, 404, "Not found").typed(Some(JSON)),
    }
}

fn wrong_method(dialect: Dialect, methods: &[&str], head: &Head<'_>) -> Answer {
    let allow = methods.join(",");
    match dialect {
        Dialect::Confluent => Answer::plain(405).typed(None),
        Dialect::Strimzi => Answer::bare(405).with("Allow", allow),
        Dialect::Karapace if head.method == "OPTIONS" => {
            Answer::text(400, "OPTIONS missing Origin")
        }
        Dialect::Karapace => Answer::text(405, "405: Method Not Allowed").with("Allow", allow),
        Dialect::Redpanda => Answer::error(404, 404, "Not found").typed(Some(JSON)),
    }
}

/// Jersey: the request's type first, then whether the answer's would be taken.
fn confluent_types(route: &Route<'_>, head: &Head<'_>) -> Result<(), Answer> {
    match route {
        Route::Consumers(_) => return consumers::check_types(head, None),
        Route::Instance(_, _, part) => return consumers::check_types(head, Some(*part)),
        _ => {}
    }
    let v3 = route.is_v3();
    if matches!(head.method, "POST" | "PUT" | "PATCH") {
        if v3 {
            let given = head.content_type.unwrap_or(JSON);
            if !given.starts_with(JSON) {
                return Err(Answer::plain(415).typed(Some(JSON)));
            }
        } else {
            embedded(Dialect::Confluent, head)?;
        }
    }
    if !head.accepts(if v3 { JSON } else { ACCEPT_V2 }) {
        return Err(Answer::plain(406).typed(None));
    }
    match route {
        Route::Partition(_, number) | Route::Offsets(_, number)
            if number.parse::<i32>().is_err() =>
        {
            Err(Answer::plain(404))
        }
        _ => Ok(()),
    }
}

/// Whether a head asks for records to be stored: faults count these.
pub(crate) fn is_produce(head: &Head<'_>) -> bool {
    head.method == "POST" && head.path.starts_with("/topics/")
}

/// The answer to a request that was read whole.
pub(crate) async fn answer(call: &Call<'_>, route: &Route<'_>) -> Answer {
    let shared = call.shared;
    let posts = call.head.method == "POST";
    let outcome = match route {
        Route::Topic(name) if posts => Ok(produce::produce(call, name, None).await),
        Route::Partition(name, number) if posts => {
            Ok(produce::produce(call, name, Some(number)).await)
        }
        Route::Root => Ok(metadata::root(shared)),
        Route::Topics => Ok(metadata::topics(shared).await),
        Route::Topic(name) => Ok(metadata::topic(shared, name).await),
        Route::Partitions(name) => Ok(metadata::partitions(shared, name).await),
        Route::Partition(name, number) => Ok(metadata::partition(shared, name, number).await),
        Route::Offsets(name, number) => Ok(metadata::offsets(shared, name, number).await),
        Route::Brokers => Ok(metadata::brokers(shared).await),
        Route::AdminTopics => Ok(metadata::create_topic(call).await),
        Route::Healthy => Ok(Answer::new(204, None, Vec::new())),
        Route::Metrics => Ok(Answer::bare(404)),
        Route::Health => Ok(metadata::health(shared)),
        Route::StatusReady => Ok(Answer::new(200, None, Vec::new())),
        Route::Clusters => Ok(v3::clusters(call)),
        Route::Cluster(id) => Ok(v3::cluster(call, id)),
        Route::ClusterTopics(id) if posts => v3::create_topic(call, id).await,
        Route::ClusterTopics(id) => v3::topics(call, id).await,
        Route::ClusterTopic(id, name) if call.head.method == "DELETE" => {
            v3::delete_topic(call, id, name).await
        }
        Route::ClusterTopic(id, name) if call.head.method == "PATCH" => {
            v3::update_topic(call, id, name).await
        }
        Route::ClusterTopic(id, name) => v3::topic(call, id, name).await,
        Route::ClusterPartitions(id, name) => v3::partitions(call, id, name).await,
        Route::ClusterPartition(id, name, number) => v3::partition(call, id, name, number).await,
        Route::ClusterOffset(id, name, number) => v3::offset(call, id, name, number).await,
        Route::ClusterBrokers(id) => v3::brokers(call, id).await,
        Route::TopicConfigs(id, name) => v3::configs::configs(call, id, name).await,
        Route::TopicConfig(id, name, key) => v3::configs::config(call, id, name, key).await,
        Route::AlterConfigs(id, name) => v3::configs::alter(call, id, name).await,
        Route::Groups(id) => v3::groups::groups(call, id).await,
        Route::Group(id, name, part) => v3::groups::group(call, id, name, part).await,
        Route::Consumers(group) => Ok(consumers::create(call, group).await),
        Route::Instance(group, name, part) => Ok(consumers::answer(call, group, name, *part).await),
    };
    match outcome {
        Ok(answer) | Err(answer) => answer,
    }
}
