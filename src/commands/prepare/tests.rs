//! Targets as they may be found: with the topic, without it, too slow, too many, none at all.

use std::net::TcpListener;
use std::time::Duration;

use url::Url;

use super::{Prepared, prepare};
use crate::error::{Error, Result, exit};
use crate::plan::{Layers, Machine, Overrides, Plan, Scenario, resolve};
use crate::report::TargetKind;
use crate::rest::Patience;
use crate::rest::scripted::{Answer, Scripted, json, recorded, with_head};
use crate::wire::Dialect;

const PATIENCE: Patience = Patience {
    prompt: Duration::from_secs(2),
    give_up: Duration::from_secs(5),
    pause: Duration::from_millis(10),
};

/// The preset `basic` against these URLs, with more settings as scenario text.
fn plan(urls: &[Url], settings: &str) -> Plan {
    let urls: Vec<String> = urls.iter().map(|url| format!("\"{url}\"")).collect();
    let text = format!("target.url = [{}]\n{settings}", urls.join(","));
    let flags = Scenario::parse("flags.toml".as_ref(), &text)
        .expect(&text)
        .overrides;
    let layers = Layers {
        scenario: Scenario::preset("basic").expect("a preset"),
        environment: Overrides::default(),
        flags,
    };
    resolve(layers, Machine { parallelism: 1 }).expect(&text).0
}

fn ready(plan: &mut Plan) -> Result<Prepared<()>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let mut said = Vec::new();
    let none = || Err(Error::Internal("the stand-in was started".to_owned()));
    let result = runtime
        .expect("a runtime")
        .block_on(prepare(plan, PATIENCE, &mut said, none));
    assert_eq!(String::from_utf8_lossy(&said), "");
    result
}

/// The error as the user sees it, without the port.
fn shown(result: Result<Prepared<()>>) -> String {
    let error = result.expect_err("not ready");
    let text = format!(
        "code {}: {error}\nhint: {}",
        error.exit_code(),
        error.hint().unwrap_or("none")
    );
    let mut parts = text.split("127.0.0.1:");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| {
        text + "HOST:PORT" + part.trim_start_matches(|c: char| c.is_ascii_digit())
    })
}

const TOPIC: &str = "GET /topics/performance-test";
const CREATE: &str = "POST /v3/clusters/MkU3OEVBNTcwNTJENDM2Qk/topics";

/// A Confluent proxy that answers `GET /topics/performance-test` as given, then anything else.
fn confluent(more: &[(&'static str, Answer)]) -> Scripted {
    let mut calls = vec![
        ("GET /", recorded("confluent-8.0.5", "get-root")),
        ("GET /topics", recorded("confluent-8.0.5", "get-topics")),
        (
            "GET /v3/clusters",
            recorded("confluent-8.0.5", "get-v3-clusters"),
        ),
    ];
    calls.extend_from_slice(more);
    Scripted::start(&calls)
}

fn missing() -> Answer {
    recorded("confluent-8.0.5", "get-topic-missing")
}

fn described(partitions: usize) -> Answer {
    let all = vec!["{}"; partitions].join(",");
    json(
        200,
        &format!(r#"{{"name":"performance-test","partitions":[{all}]}}"#),
    )
}

#[test]
fn a_topic_that_exists_is_left_alone() {
    let server = confluent(&[(TOPIC, described(48))]);
    let mut plan = plan(&[server.url()], "");
    let ready = ready(&mut plan).expect("ready");
    let facts = &ready.facts;
    assert_eq!(facts.kind, TargetKind::RestProxy);
    assert_eq!(
        (facts.server.as_str(), facts.dialect),
        ("REST Proxy", Dialect::Confluent)
    );
    assert_eq!(facts.apis, ["v2", "v3"]);
    assert_eq!((facts.partitions, facts.topic_created), (Some(48), false));
    assert_eq!(facts.urls, [server.url().as_str().trim_end_matches('/')]);
    assert!(!facts.embedded && ready.warnings.is_empty() && ready.standin.is_none());
    assert!(
        server.asked().iter().all(|call| call.starts_with("GET ")),
        "{:?}",
        server.asked()
    );
}

#[test]
fn a_missing_topic_is_created_and_waited_for() {
    let server = confluent(&[
        (TOPIC, missing()),
        (TOPIC, missing()),
        (TOPIC, described(48)),
        (CREATE, recorded("confluent-8.0.5", "v3-create-topic")),
    ]);
    let facts = ready(&mut plan(&[server.url()], "")).expect("ready").facts;
    assert_eq!((facts.partitions, facts.topic_created), (Some(48), true));
    let asked = server.asked();
    let created: Vec<_> = asked
        .iter()
        .filter(|call| call.starts_with("POST"))
        .collect();
    assert_eq!(created.len(), 1);
    assert!(
        created[0].ends_with(r#"{"partitions_count":48,"topic_name":"performance-test"}"#),
        "{created:?}"
    );
}

#[test]
fn a_topic_that_somebody_else_created_meanwhile_is_fine() {
    let server = confluent(&[
        (TOPIC, missing()),
        (TOPIC, described(48)),
        (
            CREATE,
            recorded("confluent-8.0.5", "v3-create-topic-exists"),
        ),
    ]);
    let facts = ready(&mut plan(&[server.url()], "")).expect("ready").facts;
    assert_eq!((facts.partitions, facts.topic_created), (Some(48), false));
}

#[test]
fn strimzi_creates_topics_its_own_way() {
    let server = Scripted::start(&[
        ("GET /", recorded("strimzi-0.33.1", "get-root")),
        ("GET /topics", recorded("strimzi-0.33.1", "get-topics")),
        (TOPIC, recorded("strimzi-0.33.1", "get-topic-missing")),
        (TOPIC, described(48)),
        (
            "POST /admin/topics",
            recorded("strimzi-0.33.1", "admin-create-topic"),
        ),
    ]);
    let facts = ready(&mut plan(&[server.url()], "")).expect("ready").facts;
    assert_eq!(
        (facts.server.as_str(), facts.dialect),
        ("Strimzi bridge 0.33.1", Dialect::Strimzi)
    );
    assert_eq!(
        (facts.apis, facts.topic_created),
        (vec!["v2".to_owned()], true)
    );
}

fn karapace(topic: Answer) -> Scripted {
    Scripted::start(&[
        ("GET /", recorded("karapace-6.2.0", "get-root")),
        ("GET /topics", recorded("karapace-6.2.0", "get-topics")),
        (
            "GET /v3/clusters",
            recorded("karapace-6.2.0", "get-v3-clusters"),
        ),
        (TOPIC, topic),
    ])
}

#[test]
fn a_topic_that_cannot_be_created_comes_with_the_command() {
    let absent = || recorded("karapace-6.2.0", "get-topic-missing");
    let server = karapace(absent());
    let settings = "topic.replication_factor = 3";
    insta::assert_snapshot!(shown(ready(&mut plan(&[server.url()], settings))), @r"
    code 15: topic performance-test does not exist at http://HOST:PORT, and this server cannot create it
    hint: create it: kafka-topics --bootstrap-server localhost:9092 --create --topic performance-test --partitions 48 --replication-factor 3
    ");
    let server = confluent(&[(TOPIC, missing())]);
    insta::assert_snapshot!(shown(ready(&mut plan(&[server.url()], "topic.create = false"))), @r"
    code 15: topic performance-test does not exist at http://HOST:PORT, and topic.create is false
    hint: create it: kafka-topics --bootstrap-server localhost:9092 --create --topic performance-test --partitions 48
    ");
    let refused = recorded("confluent-8.0.5", "v3-create-topic-replication-2");
    let server = confluent(&[(TOPIC, missing()), (CREATE, refused)]);
    insta::assert_snapshot!(shown(ready(&mut plan(&[server.url()], ""))), @r"
    code 15: topic performance-test does not exist and was not created: http://HOST:PORT answered POST /v3/clusters/MkU3OEVBNTcwNTJENDM2Qk/topics with HTTP 400, error_code 40002: Unable to replicate the partition 2 time(s): The target replication factor of 2 cannot be reached because only 1 broker(s) are registered.
    hint: create it: kafka-topics --bootstrap-server localhost:9092 --create --topic performance-test --partitions 48 (at the Kafka behind http://HOST:PORT)
    ");
}

#[test]
fn redpanda_does_not_describe_topics_but_lists_them() {
    let server = Scripted::start(&[
        ("GET /topics", json(200, r#"["performance-test"]"#)),
        ("GET /status/ready", json(200, "{}")),
    ]);
    let facts = ready(&mut plan(&[server.url()], "")).expect("ready").facts;
    assert_eq!((facts.dialect, facts.partitions), (Dialect::Redpanda, None));
}

#[test]
fn what_weakens_a_run_is_a_warning() {
    let server = confluent(&[(TOPIC, described(3))]);
    let settings = "payload.message_size = \"2MiB\"\nload.batch_size = 1";
    let ready = ready(&mut plan(&[server.url()], settings)).expect("ready");
    insta::assert_snapshot!(ready.warnings.join("\n"), @r"
    a record's value is 2,097,229 bytes: Kafka takes 1,048,480 by default (max.request.size, message.max.bytes) and will refuse each of them. Try a smaller --message-size.
    topic performance-test has 3 partitions, the plan asks for 48: it existed already, and krush never alters a topic. Try another --topic.
    ");
}

#[test]
fn karapace_refuses_large_bodies_and_so_does_krush() {
    let server = karapace(described(48));
    let with = |settings: &str| ready(&mut plan(&[server.url()], settings));
    let large = "load.batch_size = 1000\npayload.message_size = \"2kB\"";
    insta::assert_snapshot!(shown(with(large)), @r"
    code 2: a request of 1,000 records is 2,100,014 bytes, and Karapace refuses bodies over 1,040,000
    hint: use --batch-size 495, or make --message-size smaller
    ");
    let error = with(large).expect_err("too large");
    let hint = error.hint().and_then(|hint| hint.split([' ', ',']).nth(2));
    let small: u32 = hint.expect("a batch size").parse().expect("a number");
    let size = "payload.message_size = \"2kB\"";
    with(&format!("load.batch_size = {small}\n{size}")).expect("as small as the hint says");
    assert!(with(&format!("load.batch_size = {}\n{size}", small + 1)).is_err());
    insta::assert_snapshot!(shown(with("load.batch_size = 1\npayload.message_size = \"1MiB\"")), @r"
    code 2: a request of 1 record is 1,048,688 bytes, and Karapace refuses bodies over 1,040,000
    hint: make --message-size smaller
    ");
    // Judged as another server, nothing is known of its limits.
    let other = format!("{large}\ntarget.dialect = \"confluent\"");
    assert_eq!(
        with(&other).expect("ready").facts.dialect,
        Dialect::Confluent
    );
}

#[test]
fn several_targets_are_joined_if_they_are_alike() {
    let (one, two) = (
        confluent(&[(TOPIC, described(48))]),
        confluent(&[(TOPIC, described(64))]),
    );
    let facts = ready(&mut plan(&[one.url(), two.url()], ""))
        .expect("ready")
        .facts;
    assert_eq!((facts.urls.len(), facts.partitions), (2, Some(48)));
    let other = karapace(described(48));
    insta::assert_snapshot!(shown(ready(&mut plan(&[one.url(), other.url()], ""))), @r"
    code 15: the targets are different servers: http://HOST:PORT is REST Proxy, http://HOST:PORT is Karapace/6.2.0
    hint: give URLs of one kind of server, or test them one after the other
    ");
}

#[test]
fn a_model_among_other_targets_is_refused() {
    let standin = |model: &str| {
        let head = format!("Server: krush 0.1.0 stand-in{model}\r\n");
        Scripted::start(&[
            ("GET /", with_head(200, &head, "{}")),
            ("GET /topics", with_head(200, &head, "[]")),
            (TOPIC, described(48)),
        ])
    };
    let (plain, modelled) = (standin(""), standin(", capacity model workers=1"));
    let both = |urls: &[Url]| ready(&mut plan(urls, ""));
    let error = both(&[plain.url(), modelled.url()]).expect_err("not alike");
    let text = error.to_string();
    assert!(text.contains("capacity model workers=1"), "{text}");
    both(&[modelled.url(), modelled.url()]).expect("alike");
}

/// A port of loopback on which nothing listens.
fn closed() -> Url {
    let listener = TcpListener::bind("127.0.0.1:0").expect("port 0 is free");
    let port = listener.local_addr().expect("bound").port();
    Url::parse(&format!("http://localhost:{port}")).expect("a URL")
}

#[test]
fn the_stand_in_is_started_only_if_nothing_was_named_or_it_was_asked_for() {
    let standin = |plan: &mut Plan| {
        let head = "Server: krush 0.1.0 stand-in\r\n";
        let server = Scripted::start(&[
            ("GET /", with_head(200, head, "{}")),
            ("GET /topics", with_head(200, head, "[]")),
            (TOPIC, described(48)),
        ]);
        let url = server.url();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let start = || Ok((url.clone(), "guard"));
        let result =
            runtime
                .expect("a runtime")
                .block_on(prepare(plan, PATIENCE, &mut Vec::new(), start));
        result.map(|ready| (ready.facts, ready.standin, url))
    };

    let mut unnamed = plan(&[closed()], "");
    unnamed.target.named = false;
    let (facts, guard, url) = standin(&mut unnamed).expect("ready");
    assert!(facts.embedded && guard == Some("guard"));
    assert_eq!(
        (facts.kind, facts.server.as_str()),
        (TargetKind::StandIn, "krush 0.1.0 stand-in")
    );
    assert_eq!(unnamed.target.urls, [url]);

    let listening = confluent(&[(TOPIC, described(48))]);
    let mut found = plan(&[listening.url()], "");
    found.target.named = false;
    let (facts, guard, _) = standin(&mut found).expect("ready");
    assert_eq!(
        (facts.embedded, guard, facts.kind),
        (false, None, TargetKind::RestProxy)
    );

    let mut asked_for = plan(&[listening.url()], "");
    asked_for.target.embedded = true;
    let (facts, guard, _) = standin(&mut asked_for).expect("ready");
    assert!(facts.embedded && guard.is_some());

    let error = standin(&mut plan(&[closed()], "")).expect_err("a named target is never replaced");
    assert_eq!(error.exit_code(), exit::TARGET);
    assert!(error.to_string().contains("connection refused"), "{error}");
}
