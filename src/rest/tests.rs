//! The client against recorded answers of the real servers, and against answers no real server should give.

use std::time::{Duration, Instant};

use super::scripted::{Answer, Scripted, json, recorded, with_head};
use super::{CallError, Client, NewTopic, Offsets, Patience, Problem, Server, probe};
use crate::error::Result;
use crate::plan::{Auth, Target, Tls};
use crate::report::TargetKind;
use crate::wire::Dialect;

pub(super) fn target() -> Target {
    Target {
        urls: Vec::new(),
        named: true,
        embedded: false,
        faults: Vec::new(),
        model: None,
        dialect: None,
        headers: vec![("X-Run".to_owned(), "7".to_owned())],
        auth: Some(Auth::Bearer("t0ken".to_owned())),
        tls: Tls::default(),
    }
}

fn client(server: &Scripted) -> Client {
    Client::new(&target(), &server.url(), Duration::from_secs(5)).expect("a client")
}

pub(super) fn run<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.expect("a runtime").block_on(future)
}

const ALL: [(&str, &str); 3] = [
    ("confluent-8.0.5", "wire"),
    ("strimzi-0.33.1", "wire"),
    ("karapace-6.2.0", "kwire"),
];

#[test]
fn metadata_of_all_three_servers_is_read() {
    for (name, topic) in ALL {
        let path = format!("GET /topics/{topic}");
        let offsets = format!("{path}/partitions/0/offsets");
        let server = Scripted::start(&[
            ("GET /topics", recorded(name, "get-topics")),
            (path.as_str(), recorded(name, "get-topic")),
            (
                "GET /topics/missing-topic",
                recorded(name, "get-topic-missing"),
            ),
            (offsets.as_str(), recorded(name, "get-partition-offsets")),
        ]);
        let client = client(&server);
        run(async {
            assert!(
                client
                    .topics()
                    .await
                    .expect(name)
                    .contains(&topic.to_owned())
            );
            let summary = client.topic(topic).await.expect(name);
            assert_eq!(
                (summary.name.as_str(), summary.partitions.len()),
                (topic, 3),
                "{name}"
            );
            let Offsets {
                beginning_offset,
                end_offset,
            } = client.offsets(topic, 0).await.expect(name);
            assert!(beginning_offset == 0 && end_offset > 1_000, "{name}");
            let missing = client.topic("missing-topic").await.expect_err(name);
            assert!(missing.is_not_found(), "{name}: {missing}");
        });
    }
}

#[test]
fn errors_quote_what_the_server_said() {
    let said = |name, case, call: &'static str| {
        let server = Scripted::start(&[(call, recorded(name, case))]);
        let client = client(&server);
        let error = run(async {
            match call {
                "GET /brokers" => client.brokers().await.expect_err(case),
                "GET /v3/clusters" => client.cluster_id().await.expect_err(case),
                _ => client.topic("missing-topic").await.expect_err(case),
            }
        });
        error.to_string().replace(client.base(), "URL")
    };
    let topic = "GET /topics/missing-topic";
    insta::assert_snapshot!([
        said("confluent-8.0.5", "get-topic-missing", topic),
        said("strimzi-0.33.1", "get-topic-missing", topic),
        said("karapace-6.2.0", "get-topic-missing", topic),
        said("strimzi-0.33.1", "get-brokers", "GET /brokers"),
        said("strimzi-0.33.1", "get-v3-clusters", "GET /v3/clusters"),
        said("karapace-6.2.0", "get-v3-clusters", "GET /v3/clusters"),
        said("confluent-8.0.5", "topic-name-backslash", topic),
        said("confluent-8.0.5", "get-topics", topic),
    ].join("\n"), @r#"
    URL answered GET /topics/missing-topic with HTTP 404, error_code 40403: This server does not host this topic-partition.
    URL answered GET /topics/missing-topic with HTTP 404, error_code 404: org.apache.kafka.common.errors.UnknownTopicOrPartitionException: This server does not host this topic-partition.
    URL answered GET /topics/missing-topic with HTTP 404, error_code 40403: Topic missing-topic not found
    URL answered GET /brokers with HTTP 404, error_code 404: Not Found
    URL answered GET /v3/clusters with HTTP 404, error_code 404: Not Found
    URL answered GET /v3/clusters with HTTP 404: `404: Not Found`
    URL answered GET /topics/missing-topic with HTTP 400: an HTML page, `Error 400 Suspicious Path Character`
    URL is no REST Proxy: its answer to GET /topics/missing-topic is `["wire-new","t4","wire","wire-idle","bench","t1"]`
    "#);
}

fn topic(name: &str) -> NewTopic {
    NewTopic {
        name: name.to_owned(),
        partitions: Some(3),
        replication_factor: Some(1),
        configs: Vec::new(),
    }
}

#[test]
fn topics_are_created_as_the_recorded_requests_do_it() {
    let confluent = Scripted::start(&[
        (
            "GET /v3/clusters",
            recorded("confluent-8.0.5", "get-v3-clusters"),
        ),
        (
            "POST /v3/clusters/MkU3OEVBNTcwNTJENDM2Qk/topics",
            recorded("confluent-8.0.5", "v3-create-topic"),
        ),
        (
            "POST /v3/clusters/MkU3OEVBNTcwNTJENDM2Qk/topics",
            recorded("confluent-8.0.5", "v3-create-topic-exists"),
        ),
    ]);
    let strimzi = Scripted::start(&[
        (
            "POST /admin/topics",
            recorded("strimzi-0.33.1", "admin-create-topic"),
        ),
        (
            "POST /admin/topics",
            recorded("strimzi-0.33.1", "admin-create-topic-exists"),
        ),
    ]);
    let again = run(async {
        let (v3, admin) = (client(&confluent), client(&strimzi));
        let cluster = v3.cluster_id().await.expect("a cluster");
        v3.create_topic_v3(&cluster, &topic("wire"))
            .await
            .expect("created");
        admin
            .create_topic_strimzi(&topic("wire"))
            .await
            .expect("created");
        [
            v3.create_topic_v3(&cluster, &topic("wire"))
                .await
                .expect_err("exists"),
            admin
                .create_topic_strimzi(&topic("wire"))
                .await
                .expect_err("exists"),
        ]
    });
    let problems = again.map(|error: CallError| error.problem);
    insta::assert_snapshot!(format!("{problems:#?}"), @r#"
    [
        Status {
            status: 400,
            code: Some(
                40002,
            ),
            text: "Topic 'wire' already exists.",
        },
        Status {
            status: 500,
            code: Some(
                500,
            ),
            text: "Topic 'wire' already exists.",
        },
    ]
    "#);
    insta::assert_snapshot!([confluent.asked(), strimzi.asked()].concat().join("\n"), @r#"
    GET /v3/clusters | 7 | Bearer t0ken
    POST /v3/clusters/MkU3OEVBNTcwNTJENDM2Qk/topics | application/json | 7 | Bearer t0ken | {"partitions_count":3,"replication_factor":1,"topic_name":"wire"}
    POST /v3/clusters/MkU3OEVBNTcwNTJENDM2Qk/topics | application/json | 7 | Bearer t0ken | {"partitions_count":3,"replication_factor":1,"topic_name":"wire"}
    POST /admin/topics | application/vnd.kafka.json.v2+json | 7 | Bearer t0ken | {"partitions_count":3,"replication_factor":1,"topic_name":"wire"}
    POST /admin/topics | application/vnd.kafka.json.v2+json | 7 | Bearer t0ken | {"partitions_count":3,"replication_factor":1,"topic_name":"wire"}
    "#);
}

/// Impatient, so that tests take no time.
const QUICK: Patience = Patience {
    prompt: Duration::from_millis(200),
    give_up: Duration::from_secs(2),
    pause: Duration::from_millis(10),
};

fn probed(server: &Scripted) -> (Result<Server>, String) {
    let mut said = Vec::new();
    let client = client(server);
    let found = run(probe(&client, &server.url(), QUICK, &mut said));
    (
        found,
        String::from_utf8_lossy(&said).replace(client.base(), "URL"),
    )
}

#[test]
fn real_servers_are_recognised() {
    for (name, kind, shown, dialect, v3) in [
        (
            "confluent-8.0.5",
            TargetKind::RestProxy,
            "REST Proxy",
            Dialect::Confluent,
            true,
        ),
        (
            "strimzi-0.33.1",
            TargetKind::RestProxy,
            "Strimzi bridge 0.33.1",
            Dialect::Strimzi,
            false,
        ),
        (
            "karapace-6.2.0",
            TargetKind::RestProxy,
            "Karapace/6.2.0",
            Dialect::Karapace,
            false,
        ),
    ] {
        let server = Scripted::start(&[
            ("GET /", recorded(name, "get-root")),
            ("GET /topics", recorded(name, "get-topics")),
            ("GET /v3/clusters", recorded(name, "get-v3-clusters")),
        ]);
        let (found, said) = probed(&server);
        let found = found.expect(name);
        assert_eq!(
            (found.kind, found.name.as_str(), found.dialect),
            (kind, shown, dialect)
        );
        assert_eq!(found.cluster_id.is_some(), v3, "{name}");
        assert_eq!(said, "", "{name}");
    }
}

#[test]
fn redpanda_is_recognised_by_its_health_check() {
    let server = Scripted::start(&[
        ("GET /", with_head(404, "Server: Seastar httpd\r\n", "{}")),
        ("GET /topics", json(200, r#"["a"]"#)),
        ("GET /status/ready", json(200, r#"{"status":"ready"}"#)),
    ]);
    let found = probed(&server).0.expect("a server");
    assert_eq!(
        (found.dialect, found.topics),
        (Dialect::Redpanda, vec!["a".to_owned()])
    );
}

#[test]
fn a_slow_server_is_waited_for_until_it_is_prompt() {
    let slow = |delay| json(200, "[]").after(Duration::from_millis(delay));
    let server = Scripted::start(&[
        ("GET /", json(200, "{}")),
        ("GET /topics", slow(400)),
        ("GET /topics", slow(300)),
        ("GET /topics", slow(0)),
    ]);
    let (found, said) = probed(&server);
    assert_eq!(found.expect("a server").dialect, Dialect::Confluent);
    insta::assert_snapshot!(said, @"waiting for URL: no answer within 200ms (giving up after 2s)");
    let topics = server
        .asked()
        .iter()
        .filter(|call| call.starts_with("GET /topics"))
        .count();
    assert!(topics >= 3, "two slow answers are not enough: {topics}");
}

#[test]
fn a_server_that_stays_slow_is_given_up() {
    let slow = |text| json(200, text).after(Duration::from_millis(250));
    for (answer, what) in [
        (slow("[]"), "slow"),
        (json(200, "[]").after(Duration::from_mins(1)), "silent"),
    ] {
        let server = Scripted::start(&[("GET /", json(200, "{}")), ("GET /topics", answer)]);
        let start = Instant::now();
        let (found, _) = probed(&server);
        let error = found.expect_err(what);
        let took = start.elapsed();
        assert!(
            took >= QUICK.give_up && took < QUICK.give_up * 3,
            "{what}: {took:?}"
        );
        assert_eq!(error.exit_code(), crate::error::exit::TARGET);
        let said = error.to_string();
        assert!(
            said.ends_with("gave no answer within 200ms for 2s"),
            "{said}"
        );
    }
}

#[test]
fn what_is_no_rest_proxy_is_named() {
    let problem = |root: Answer, topics: Answer| {
        let server = Scripted::start(&[("GET /", root), ("GET /topics", topics)]);
        let error = run(async {
            let client = client(&server);
            match client.root().await {
                Ok(_) => client.topics().await.map(|_| ()),
                Err(error) => Err(error),
            }
        });
        error.expect_err("no REST Proxy").problem
    };
    let (root, page) = (
        json(200, "{}"),
        "<!DOCTYPE html><html><head><title>Grafana</title>",
    );
    for (found, wanted) in [
        (
            problem(root.clone(), with_head(200, "", page)),
            Problem::NotJson("an HTML page, `Grafana`".to_owned()),
        ),
        (
            problem(root.clone(), json(200, r#"{"cluster":"es"}"#)),
            Problem::NotJson(r#"`{"cluster":"es"}`"#.to_owned()),
        ),
        (
            problem(root.clone(), json(200, "")),
            Problem::NotJson("empty".to_owned()),
        ),
        (
            problem(with_head(302, "Location: /login\r\n", ""), root.clone()),
            Problem::Redirect {
                status: 302,
                location: "/login".to_owned(),
            },
        ),
        (
            problem(json(403, r#"{"error":"no"}"#), root.clone()),
            Problem::Status {
                status: 403,
                code: None,
                text: "no".to_owned(),
            },
        ),
    ] {
        assert_eq!(found, wanted);
    }
}

#[test]
fn credentials_and_headers_go_with_every_call() {
    let server = Scripted::start(&[("GET /topics", json(200, "[]"))]);
    run(client(&server).topics()).expect("topics");
    let mut words: Vec<_> = server.asked()[0].split(" | ").map(str::to_owned).collect();
    words.sort();
    assert_eq!(words, ["7", "Bearer t0ken", "GET /topics"]);
}
