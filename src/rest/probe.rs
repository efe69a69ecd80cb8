//! Before the clock starts: does the target answer promptly, and which server is it?

use std::io::Write;
use std::time::{Duration, Instant};

use url::Url;

use super::client::{Client, Root};
use super::failure::{CallError, Problem};
use crate::error::{Error, Result};
use crate::report::TargetKind;
use crate::units::duration;
use crate::wire::Dialect;

/// How long a slow target is waited for.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// An answer within this time is prompt.
    pub prompt: Duration,
    /// Without a prompt answer by then, the target is given up.
    pub give_up: Duration,
    /// Pause between two tries.
    pub pause: Duration,
}

impl Default for Patience {
    /// 2 s and 30 s: Confluent's proxy stays silent for 30 s after hundreds of connections were dropped.
    fn default() -> Self {
        Self {
            prompt: Duration::from_secs(2),
            give_up: Duration::from_secs(30),
            pause: Duration::from_millis(500),
        }
    }
}

/// What a server was recognised as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// What kind it is.
    pub kind: TargetKind,
    /// What it calls itself or was recognised as.
    pub name: String,
    /// How its replies are judged.
    pub dialect: Dialect,
    /// Cluster id of v3, if it has v3.
    pub cluster_id: Option<String>,
}

/// A server that answers, and what it was recognised as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// What kind it is.
    pub kind: TargetKind,
    /// What it calls itself or was recognised as.
    pub name: String,
    /// How its replies are judged.
    pub dialect: Dialect,
    /// Cluster id of v3, if it has v3.
    pub cluster_id: Option<String>,
    /// Its topics, internal ones perhaps missing.
    pub topics: Vec<String>,
}

/// Waits until the server answers promptly and finds out which one it is.
///
/// # Errors
/// [`Error::Target`]: not found, refused, TLS, no REST Proxy, no access, or not prompt in time.
pub async fn probe(
    client: &Client,
    url: &Url,
    patience: Patience,
    say: &mut impl Write,
) -> Result<Server> {
    look_up(client, url, patience.give_up).await?;
    let (root, topics) = prompt_answer(client, patience, say).await?;
    let Identity {
        kind,
        name,
        dialect,
        cluster_id,
    } = identify(client, &root).await?;
    Ok(Server {
        kind,
        name,
        dialect,
        cluster_id,
        topics,
    })
}

/// Which server it is.
///
/// # Errors
/// No answer from a server that answered before.
pub async fn identify(client: &Client, root: &Root) -> Result<Identity, CallError> {
    let cluster_id = optional(client.cluster_id().await)?;
    let (kind, name, dialect) = match recognise(root) {
        Some(known) => known,
        None if cluster_id.is_none() && client.has("/status/ready").await? => {
            let name = "Redpanda pandaproxy".to_owned();
            (TargetKind::RestProxy, name, Dialect::Redpanda)
        }
        // A REST Proxy says nothing of itself, and old ones have no v3 either.
        None => {
            let name = "REST Proxy".to_owned();
            (TargetKind::RestProxy, name, Dialect::Confluent)
        }
    };
    Ok(Identity {
        kind,
        name,
        dialect,
        cluster_id,
    })
}

/// A server may lack what it was asked for; only silence is an error.
fn optional<T>(answer: Result<T, CallError>) -> Result<Option<T>, CallError> {
    match answer {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.is_answer() => Ok(None),
        Err(error) => Err(error),
    }
}

/// Which server it is, if `GET /` says so. Redpanda and Confluent do not.
fn recognise(root: &Root) -> Option<(TargetKind, String, Dialect)> {
    let header = root.server.as_deref().unwrap_or_default();
    if header.starts_with("krush") {
        let kind = if header.contains("front on Apache Kafka") {
            TargetKind::StandInKafka
        } else {
            TargetKind::StandIn
        };
        return Some((kind, header.to_owned(), Dialect::of_manners(header)));
    }
    if header.starts_with("Karapace") {
        return Some((TargetKind::RestProxy, header.to_owned(), Dialect::Karapace));
    }
    let version = root.bridge_version.as_ref()?;
    let name = format!("Strimzi bridge {version}");
    Some((TargetKind::RestProxy, name, Dialect::Strimzi))
}

/// The name is looked up apart from the first call, so that "no such host" is not mistaken for another failure.
async fn look_up(client: &Client, url: &Url, limit: Duration) -> Result<()> {
    let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else {
        return Ok(());
    };
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let problem = match tokio::time::timeout(limit, tokio::net::lookup_host((bare, port))).await {
        Ok(Ok(mut addresses)) => match addresses.next() {
            Some(_) => return Ok(()),
            None => Problem::Dns("it has no address".to_owned()),
        },
        Ok(Err(error)) => Problem::Dns(error.to_string()),
        Err(_) => Problem::Dns(format!("no answer from DNS within {}", duration(limit))),
    };
    Err(Error::from(CallError {
        call: "GET /".to_owned(),
        url: client.base().to_owned(),
        problem,
    }))
}

/// Asks `GET /` and `GET /topics` until both are answered promptly. Only slowness is waited for; any error ends it.
async fn prompt_answer(
    client: &Client,
    patience: Patience,
    say: &mut impl Write,
) -> Result<(Root, Vec<String>)> {
    let start = Instant::now();
    let mut told = false;
    loop {
        let left = patience.give_up.saturating_sub(start.elapsed());
        if left.is_zero() {
            return Err(not_prompt(client, patience));
        }
        let bounded = client.with_timeout(left);
        let asked = Instant::now();
        let both = async {
            let root = bounded.root().await?;
            let topics = bounded.topics().await?;
            Ok::<_, CallError>((root, topics))
        };
        tokio::pin!(both);
        let in_time = tokio::time::timeout(patience.prompt, &mut both).await;
        let answer = if let Ok(answer) = in_time {
            answer
        } else {
            if !std::mem::replace(&mut told, true) {
                // Nothing is left to do if standard error is closed.
                let _ = writeln!(say, "{}", waiting(client, patience));
            }
            both.await
        };
        match answer {
            Ok(answer) if asked.elapsed() <= patience.prompt => return Ok(answer),
            Ok(_) => tokio::time::sleep(patience.pause).await,
            Err(CallError {
                problem: Problem::Timeout(_),
                ..
            }) => return Err(not_prompt(client, patience)),
            Err(error) => return Err(error.into()),
        }
    }
}

fn waiting(client: &Client, patience: Patience) -> String {
    format!(
        "waiting for {}: no answer within {} (giving up after {})",
        client.base(),
        duration(patience.prompt),
        duration(patience.give_up)
    )
}

fn not_prompt(client: &Client, patience: Patience) -> Error {
    Error::target(
        format!(
            "{} gave no answer within {} for {}",
            client.base(),
            duration(patience.prompt),
            duration(patience.give_up),
        ),
        "a run would measure that; wait until it has recovered from earlier load, and check that it can reach its brokers",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_recognised_by_what_they_say_of_themselves() {
        use Dialect::{Confluent, Karapace, Strimzi};
        use TargetKind::{RestProxy, StandIn, StandInKafka};
        let front = "krush front on Apache Kafka 4.3.1";
        for (server, bridge, known) in [
            (None, None, None),
            (Some("Seastar httpd"), None, None),
            (
                Some("nginx"),
                Some("0.33.1"),
                Some((RestProxy, "Strimzi bridge 0.33.1", Strimzi)),
            ),
            (
                Some("Karapace/6.2.0"),
                None,
                Some((RestProxy, "Karapace/6.2.0", Karapace)),
            ),
            (
                Some("krush 0.1.0 stand-in"),
                None,
                Some((StandIn, "krush 0.1.0 stand-in", Confluent)),
            ),
            (Some(front), None, Some((StandInKafka, front, Confluent))),
            (
                Some("krush 0.1.0 stand-in (strimzi manners)"),
                Some("0.33.1"),
                Some((StandIn, "krush 0.1.0 stand-in (strimzi manners)", Strimzi)),
            ),
        ] {
            let root = Root {
                server: server.map(str::to_owned),
                bridge_version: bridge.map(str::to_owned),
            };
            let known = known.map(|(kind, name, dialect)| (kind, name.to_owned(), dialect));
            assert_eq!(recognise(&root), known, "{root:?}");
        }
    }
}
