//! `krush status`: what the target is, and whether it answers promptly.

use std::fmt::Write as _;
use std::io::Write as _;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::control::{self, refused};
use crate::cli::StatusArgs;
use crate::error::{Error, Result, exit};
use crate::plan::Target;
use crate::report::TargetKind;
use crate::rest::{CallError, Client, Identity, Problem, identify};
use crate::units::{self, grouped};
use crate::wire::Dialect;

/// An answer within this time is prompt; load commands wait for one before they start.
const PROMPT: Duration = Duration::from_secs(2);

/// What was found at one URL.
#[derive(Debug, Serialize)]
struct Status {
    url: String,
    ready: bool,
    /// Why it is not ready.
    why: Option<String>,
    kind: Option<TargetKind>,
    server: Option<String>,
    dialect: Option<Dialect>,
    apis: Vec<&'static str>,
    cluster_id: Option<String>,
    /// Not every server tells them.
    brokers: Option<Vec<i64>>,
    topics: Option<usize>,
    round_trips: Vec<RoundTrip>,
    notes: Vec<String>,
}

/// How long one call took, connecting included.
#[derive(Debug, Serialize)]
struct RoundTrip {
    call: &'static str,
    #[serde(rename = "time_us")]
    us: Option<u64>,
    /// What it said if that was no answer to the call.
    error: Option<String>,
}

/// Asks every URL and prints what it is; not ready is exit code 15.
///
/// # Errors
/// A URL at which nothing can be asked at all, if there is no other.
pub fn status(args: &StatusArgs) -> Result<u8> {
    let target = control::target(&args.control)?;
    let looks = async {
        let mut all = Vec::with_capacity(target.urls.len());
        for url in &target.urls {
            let client = Client::new(&target, url, args.timeout)?;
            all.push(look(&target, &client).await);
        }
        Ok(all)
    };
    let all = control::interruptible(looks, async {})?;
    let Some(all) = all else {
        return Ok(exit::INTERRUPTED);
    };
    let mut text = String::new();
    for status in &all {
        if args.json {
            text.push_str(&control::json(status)?);
        } else {
            let gap = if text.is_empty() { "" } else { "\n" };
            // Writing to a String cannot fail.
            let _ = write!(text, "{gap}{}", words(status));
        }
    }
    control::print(&text)?;
    match all.iter().find(|status| !status.ready) {
        None => Ok(exit::PASS),
        Some(_) if args.json => Ok(exit::TARGET),
        Some(_) if all.len() > 1 => {
            // Nothing is left to do if standard error is closed.
            let _ = std::io::stderr().lock().write_all(reasons(&all).as_bytes());
            Ok(exit::TARGET)
        }
        Some(status) => Err(Error::Target {
            message: status.why.clone().unwrap_or_default(),
            hint: status.notes.first().cloned(),
        }),
    }
}

/// Why those are not ready that are not, as an error is told.
fn reasons(all: &[Status]) -> String {
    let mut text = String::new();
    for status in all.iter().filter(|status| !status.ready) {
        let why = status.why.as_deref().unwrap_or_default();
        // Writing to a String cannot fail.
        let _ = writeln!(text, "error: {why}");
        if let Some(hint) = status.notes.first() {
            let _ = writeln!(text, "hint: {hint}");
        }
    }
    text
}

async fn timed<T>(
    call: &'static str,
    answer: impl Future<Output = Result<T, CallError>>,
) -> (RoundTrip, Result<T, CallError>) {
    let start = Instant::now();
    let answer = answer.await;
    let us = start.elapsed().as_micros() as u64;
    let trip = match &answer {
        Ok(_) => RoundTrip {
            call,
            us: Some(us),
            error: None,
        },
        Err(error) => RoundTrip {
            call,
            us: error.is_answer().then_some(us),
            error: Some(error.to_string()),
        },
    };
    (trip, answer)
}

async fn look(target: &Target, client: &Client) -> Status {
    let mut status = Status {
        url: client.base().to_owned(),
        ready: false,
        why: None,
        kind: None,
        server: None,
        dialect: None,
        apis: Vec::new(),
        cluster_id: None,
        brokers: None,
        topics: None,
        round_trips: Vec::new(),
        notes: Vec::new(),
    };
    let (trip, root) = timed("GET /", client.root()).await;
    status.round_trips.push(trip);
    let root = match root {
        Ok(root) => root,
        Err(error) => {
            status.fail(&error);
            return status;
        }
    };
    let ((topics_trip, topics), (brokers_trip, brokers), identity) = tokio::join!(
        timed("GET /topics", client.topics()),
        timed("GET /brokers", client.brokers()),
        identify(client, &root)
    );
    status.round_trips.push(topics_trip);
    if brokers
        .as_ref()
        .err()
        .is_none_or(|error| !error.is_not_found())
    {
        status.round_trips.push(brokers_trip);
    }
    if let Ok(identity) = identity {
        status.identified(target, identity, topics.is_ok());
    }
    status.judge(topics, brokers);
    status
}

impl Status {
    fn identified(&mut self, target: &Target, identity: Identity, kafka_answers: bool) {
        self.kind = Some(identity.kind);
        self.server = Some(identity.name);
        let dialect = target.dialect.unwrap_or(identity.dialect);
        self.dialect = Some(dialect);
        // Without Kafka behind it, a server with v3 answers it with an error as well.
        if kafka_answers {
            self.apis.push("v2");
            self.apis.extend(identity.cluster_id.as_ref().map(|_| "v3"));
            if identity.cluster_id.is_none() {
                self.notes.push(without_v3(dialect).to_owned());
            }
        }
        self.cluster_id = identity.cluster_id;
    }

    fn judge(
        &mut self,
        topics: Result<Vec<String>, CallError>,
        brokers: Result<Vec<i64>, CallError>,
    ) {
        match topics {
            Ok(topics) => self.topics = Some(topics.len()),
            Err(error) => {
                self.fail(&error);
                if matches!(
                    error.problem,
                    Problem::Timeout(_) | Problem::Status { status: 500.., .. }
                ) {
                    let note = "GET / was answered, so the server lives: look at its log, and whether it can reach its Kafka brokers";
                    self.notes.insert(0, note.to_owned());
                }
                return;
            }
        }
        match brokers {
            Ok(brokers) if brokers.is_empty() => {
                self.why = Some("its Kafka has no broker".to_owned());
            }
            Ok(brokers) => self.brokers = Some(brokers),
            Err(error) if error.is_not_found() => {}
            Err(error) => {
                self.fail(&error);
                return;
            }
        }
        let slowest = self.round_trips.iter().max_by_key(|trip| trip.us);
        if let Some((call, us)) = slowest.and_then(|trip| Some((trip.call, trip.us?)))
            && us > PROMPT.as_micros() as u64
        {
            self.why = Some(format!(
                "{} answered {call} only after {}",
                self.url,
                units::latency(us)
            ));
            let note = "a load run waits for an answer within 2s: wait until it has recovered from earlier load";
            self.notes.insert(0, note.to_owned());
        }
        self.ready = self.why.is_none();
    }

    fn fail(&mut self, error: &CallError) {
        let shown = match error.problem {
            Problem::Refused => refused(error),
            _ => Error::from(error.clone()),
        };
        self.why = Some(shown.to_string());
        self.notes.extend(shown.hint().map(str::to_owned));
    }
}

/// What a server without v3 cannot do over HTTP.
fn without_v3(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Strimzi => "no v3: it creates topics, but deletes none and shows no group's lag",
        Dialect::Karapace => "no v3: it neither creates nor deletes topics",
        Dialect::Redpanda => {
            "no v3: it tells neither partitions nor offsets, and creates no topics"
        }
        Dialect::Confluent => {
            "no v3: it neither creates nor deletes topics, and shows no group's lag"
        }
    }
}

fn words(status: &Status) -> String {
    let mut text = format!("{}\n", status.url);
    let mut line = |label: &str, value: &str| {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  {label:<9} {value}");
    };
    if let Some(server) = &status.server {
        line("server", server);
    }
    match status.kind {
        Some(TargetKind::RestProxy) | None => {}
        Some(TargetKind::StandIn) => line("kind", "krush's built-in stand-in, not a REST Proxy"),
        Some(TargetKind::StandInKafka) => line("kind", "krush's front on a real Apache Kafka"),
    }
    if let Some(dialect) = status.dialect {
        line("dialect", dialect.name());
    }
    if !status.apis.is_empty() {
        line("APIs", &status.apis.join(", "));
    }
    if let Some(cluster) = &status.cluster_id {
        line("cluster", cluster);
    }
    match &status.brokers {
        Some(brokers) => {
            let ids: Vec<String> = brokers.iter().map(i64::to_string).collect();
            let ids = ids.join(", ");
            line("brokers", &format!("{} (id {ids})", brokers.len()));
        }
        None if status.topics.is_some() => line("brokers", "not told by this server"),
        None => {}
    }
    if let Some(topics) = status.topics {
        line("topics", &grouped(topics as u64));
    }
    for trip in &status.round_trips {
        let took = match (trip.us, &trip.error) {
            (Some(us), None) => units::latency(us),
            (Some(us), Some(_)) => format!("an error after {}", units::latency(us)),
            (None, _) => "no answer".to_owned(),
        };
        line("answers", &format!("{} {took}", trip.call));
    }
    let ready = if status.ready { "yes" } else { "NO" };
    line("ready", ready);
    if status.ready {
        for note in &status.notes {
            line("note", note);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Overrides, resolve_target};
    use crate::rest::scripted::{Answer, Scripted, json, recorded};

    /// What is said of a server with this answer to `GET /topics`, and its `GET /brokers`.
    fn said(topics: Answer) -> Status {
        let name = "confluent-8.0.5";
        let server = Scripted::start(&[
            ("GET /", recorded(name, "get-root")),
            ("GET /topics", topics),
            ("GET /brokers", recorded(name, "get-brokers")),
            ("GET /v3/clusters", recorded(name, "get-v3-clusters")),
        ]);
        let target = resolve_target(Overrides::default(), Overrides::default()).expect("a target");
        let limit = Duration::from_millis(400);
        let client = Client::new(&target, &server.url(), limit).expect("a client");
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let mut status = runtime.expect("a runtime").block_on(look(&target, &client));
        let url = std::mem::take(&mut status.url);
        status.why = status.why.map(|why| why.replace(&url, "URL"));
        status
    }

    #[test]
    fn a_server_without_kafka_lives_but_is_not_ready() {
        let name = "confluent-8.0.5";
        let silent = said(recorded(name, "get-topics").after(Duration::from_secs(3)));
        assert!(!silent.ready);
        assert!(silent.notes[0].starts_with("GET / was answered, so the server lives"));
        let failing = said(json(500, r#"{"error_code":50003,"message":"Timed out"}"#));
        assert!(!failing.ready);
        assert_eq!(failing.apis, Vec::<&str>::new());
        insta::assert_snapshot!(
            [silent.why, failing.why].map(Option::unwrap_or_default).join("\n"),
            @r"
        URL did not answer GET /topics within 400ms
        URL answered GET /topics with HTTP 500, error_code 50003: Timed out
        "
        );
        let fine = said(recorded(name, "get-topics"));
        let mut other = said(json(200, "[]"));
        other.ready = true;
        let mut dead = said(json(200, "[]"));
        (dead.ready, dead.why) = (false, Some("nothing listens at URL".to_owned()));
        dead.notes = vec!["start a REST Proxy there".to_owned()];
        insta::assert_snapshot!(reasons(&[other, dead]), @"
        error: nothing listens at URL
        hint: start a REST Proxy there
        ");
        assert!(fine.ready && fine.topics == Some(6) && fine.brokers == Some(vec![1]));
    }

    #[test]
    fn an_answer_that_is_not_prompt_is_not_ready() {
        for (us, ready) in [(2_000_000, true), (2_000_001, false)] {
            let mut status = said(json(200, "[]"));
            status.round_trips[1].us = Some(us);
            status.judge(Ok(Vec::new()), Ok(vec![1]));
            assert_eq!(status.ready, ready, "{us}: {:?}", status.why);
        }
    }
}
