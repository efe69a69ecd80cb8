//! Before the clock starts: the target answers, is recognised, has the topic, and takes what the plan would send.

#[cfg(test)]
mod tests;
mod topic;

use std::io::{ErrorKind, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use url::Url;

use crate::error::{Error, Result};
use crate::model;
use crate::plan::{MAX_VALUE_BYTES, Plan, body_bytes, request_body_bytes, value_bytes};
use crate::report::TargetFacts;
use crate::rest::{Client, Patience, probe};
use crate::units::grouped;
use crate::wire::Dialect;

/// Largest body that Karapace takes (its own limit is about 1 MiB; 1,040,000 bytes were seen to pass).
const KARAPACE_BODY_BYTES: u64 = 1_040_000;
/// Limit for each call beside the first ones.
const CALL_TIMEOUT: Duration = Duration::from_secs(15);

/// A target that is ready for load.
#[derive(Debug)]
pub struct Prepared<S> {
    /// What was learned.
    pub facts: TargetFacts,
    /// What weakens the run but does not keep it from starting.
    pub warnings: Vec<String>,
    /// The stand-in, if one was started; it stops when this is dropped.
    pub standin: Option<S>,
}

/// Makes the target ready. `start` starts the built-in stand-in and gives its base URL; it is called if the plan asks for
/// it, or if the plan names no target and nothing listens on the default one. The plan's URLs then become its URL.
///
/// # Errors
/// [`Error::Target`] if the target cannot be used as it is, [`Error::Usage`] if the plan does not fit it.
pub async fn prepare<S>(
    plan: &mut Plan,
    patience: Patience,
    say: &mut impl Write,
    start: impl FnOnce() -> Result<(Url, S)>,
) -> Result<Prepared<S>> {
    let standin = if plan.target.embedded || (!plan.target.named && nothing_listens(plan).await) {
        let (url, standin) = start()?;
        plan.target.urls = vec![url];
        Some(standin)
    } else {
        None
    };
    let mut warnings = Vec::new();
    let mut seen: Option<TargetFacts> = None;
    for url in &plan.target.urls {
        let facts = one(plan, url, patience, say, standin.is_some()).await?;
        seen = Some(match seen {
            None => facts,
            Some(first) => joined(first, facts, plan.target.dialect.is_some())?,
        });
    }
    let mut facts = seen.ok_or_else(|| Error::Internal("a plan without a target".to_owned()))?;
    facts.dialect = plan.target.dialect.unwrap_or(facts.dialect);
    sizes(plan, &facts, &mut warnings)?;
    if let Some(partitions) = facts.partitions
        && partitions < plan.topic.partitions
    {
        warnings.push(format!(
            "topic {} has {}, the plan asks for {}: it existed already, and krush never alters a topic. Try another --topic.",
            plan.topic.name,
            counted(partitions, "partition"),
            plan.topic.partitions
        ));
    }
    Ok(Prepared {
        facts,
        warnings,
        standin,
    })
}

fn counted(number: u32, noun: &str) -> String {
    match number {
        1 => format!("1 {noun}"),
        n => format!("{} {noun}s", grouped(u64::from(n))),
    }
}

/// Whether connections to the default target are refused, over IPv6 and IPv4.
async fn nothing_listens(plan: &Plan) -> bool {
    let port = plan
        .target
        .urls
        .first()
        .and_then(Url::port_or_known_default);
    let Some(port) = port else { return false };
    for address in [
        SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
        SocketAddr::from((Ipv6Addr::LOCALHOST, port)),
    ] {
        let attempt = tokio::net::TcpStream::connect(address);
        match tokio::time::timeout(CALL_TIMEOUT, attempt).await {
            // A machine without IPv6 has nothing listening there either.
            Ok(Err(error))
                if matches!(
                    error.kind(),
                    ErrorKind::ConnectionRefused
                        | ErrorKind::AddrNotAvailable
                        | ErrorKind::Unsupported
                        | ErrorKind::NetworkUnreachable
                ) => {}
            _ => return false,
        }
    }
    true
}

/// Probes one target and makes sure that it has the topic.
async fn one(
    plan: &Plan,
    url: &Url,
    patience: Patience,
    say: &mut impl Write,
    embedded: bool,
) -> Result<TargetFacts> {
    let client = Client::new(&plan.target, url, CALL_TIMEOUT)?;
    let server = probe(&client, url, patience, say).await?;
    let (partitions, topic_created) = topic::ensure(&client, &server, &plan.topic).await?;
    let mut apis = vec!["v2".to_owned()];
    apis.extend(server.cluster_id.as_ref().map(|_| "v3".to_owned()));
    Ok(TargetFacts {
        kind: server.kind,
        embedded,
        urls: vec![client.base().to_owned()],
        server: server.name,
        apis,
        dialect: server.dialect,
        partitions,
        topic_created,
    })
}

/// Several targets must be judged alike; what differs otherwise is joined.
fn joined(first: TargetFacts, next: TargetFacts, dialect_given: bool) -> Result<TargetFacts> {
    let alike = first.kind == next.kind
        && (dialect_given || first.dialect == next.dialect)
        && model::of_server(&first.server) == model::of_server(&next.server);
    if !alike {
        return Err(Error::target(
            format!(
                "the targets are different servers: {} is {}, {} is {}",
                first.urls.join(", "),
                first.server,
                next.urls.join(", "),
                next.server
            ),
            "give URLs of one kind of server, or test them one after the other",
        ));
    }
    Ok(TargetFacts {
        urls: [first.urls, next.urls].concat(),
        apis: first
            .apis
            .into_iter()
            .filter(|api| next.apis.contains(api))
            .collect(),
        partitions: first
            .partitions
            .zip(next.partitions)
            .map(|(first, next)| first.min(next)),
        topic_created: first.topic_created || next.topic_created,
        ..first
    })
}

/// Refuses what the server is known to refuse, and warns of what its Kafka probably refuses.
fn sizes(plan: &Plan, facts: &TargetFacts, warnings: &mut Vec<String>) -> Result<()> {
    let body = body_bytes(plan);
    if facts.dialect == Dialect::Karapace && body > KARAPACE_BODY_BYTES {
        let batch = u64::from(plan.load.batch_size);
        let about = u32::try_from(KARAPACE_BODY_BYTES * batch / body).unwrap_or(u32::MAX);
        let fits = [about, about.saturating_sub(1)]
            .into_iter()
            .find(|batch| request_body_bytes(&plan.payload, *batch) <= KARAPACE_BODY_BYTES)
            .unwrap_or(0);
        return Err(Error::Usage {
            message: format!(
                "a request of {} is {} bytes, and Karapace refuses bodies over {}",
                counted(plan.load.batch_size, "record"),
                grouped(body),
                grouped(KARAPACE_BODY_BYTES)
            ),
            hint: Some(match fits {
                0 => "make --message-size smaller".to_owned(),
                fits => format!("use --batch-size {fits}, or make --message-size smaller"),
            }),
        });
    }
    let value = value_bytes(&plan.payload, plan.load.batch_size);
    if value > MAX_VALUE_BYTES {
        warnings.push(format!(
            "a record's value is {} bytes: Kafka takes {} by default (max.request.size, message.max.bytes) and will refuse each of them. Try a smaller --message-size.",
            grouped(value),
            grouped(MAX_VALUE_BYTES)
        ));
    }
    Ok(())
}
