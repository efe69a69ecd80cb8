//! The client against recorded answers of the real servers.

use std::time::Duration;

use super::super::scripted::{Answer, Scripted, json, recorded};
use super::super::tests::{run, target};
use super::*;
use crate::wire::Dialect;

/// Server, its recorded case of a fetch with records, its topic, its manners.
const ALL: [(&str, Dialect); 3] = [
    ("confluent-8.0.5", Dialect::Confluent),
    ("strimzi-0.33.1", Dialect::Strimzi),
    ("karapace-6.2.0", Dialect::Karapace),
];

const SETTINGS: ConsumerSettings = ConsumerSettings {
    format: RecordFormat::Json,
    reset: Reset::Earliest,
    auto_commit: false,
    fetch_min_bytes: Some(1),
};

fn consumers(server: &Scripted, dialect: Dialect) -> ConsumerClient {
    ConsumerClient::new(
        &target(),
        &server.url(),
        Duration::from_secs(5),
        dialect,
        BaseUri::Rewrite,
    )
    .expect("a client")
}

/// A call on the instance `i` of group `g`, as the script of a server writes it.
fn on_instance(call: &str) -> String {
    let (method, below) = call.split_once(' ').expect("METHOD /path");
    format!("{method} /consumers/g/instances/i{below}")
}

/// A server that answers these calls on instance `i` of group `g` as recorded, and creates it.
fn server(name: &str, calls: &[(&str, Answer)]) -> Scripted {
    let created =
        r#"{"instance_id":"i","base_uri":"http://rest-proxy:8082/consumers/g/instances/i"}"#;
    let relative = r#"{"base_uri":"consumers/g/instances/i","instance_id":"i"}"#;
    let created = if name.starts_with("karapace") {
        relative
    } else {
        created
    };
    let calls: Vec<(String, Answer)> = calls
        .iter()
        .map(|(call, answer)| (on_instance(call), answer.clone()))
        .collect();
    let mut script = vec![("POST /consumers/g", json(200, created))];
    script.extend(
        calls
            .iter()
            .map(|(call, answer)| (call.as_str(), answer.clone())),
    );
    Scripted::start(&script)
}

#[test]
fn an_instance_lives_and_is_deleted_at_all_three_servers() {
    for (name, dialect) in ALL {
        let server = server(
            name,
            &[
                ("POST /subscription", recorded(name, "consumer-subscribe")),
                ("POST /assignments", recorded(name, "consumer-subscribe")),
                (
                    "GET /records?timeout=500&max_bytes=1000000",
                    recorded(name, "consumer-fetch-records"),
                ),
                ("GET /records", recorded(name, "consumer-fetch-empty")),
                ("POST /offsets", recorded(name, "consumer-commit-explicit")),
                ("POST /positions", recorded(name, "consumer-positions")),
                (
                    "POST /positions/beginning",
                    recorded(name, "consumer-positions-beginning"),
                ),
                ("DELETE ", recorded(name, "consumer-delete")),
            ],
        );
        let consumers = consumers(&server, dialect);
        run(async {
            let instance = consumers.create("g", "i", SETTINGS).await.expect(name);
            let topics = Interest::Topics(vec!["wire-idle".to_owned()]);
            instance.subscribe(&topics).await.expect(name);
            let fetch = Fetch {
                wait: Some(Duration::from_millis(500)),
                max_bytes: Some(1_000_000),
            };
            let batch = instance.fetch(fetch).await.expect(name);
            assert!(batch.len() > 2 && batch.wire_bytes() > 200, "{name}");
            assert!(
                batch
                    .records()
                    .all(|record| record.topic.ends_with("wire-idle"))
            );
            assert!(
                instance
                    .fetch(Fetch::default())
                    .await
                    .expect(name)
                    .is_empty()
            );
            let of = Partition {
                topic: "wire-idle".to_owned(),
                partition: 0,
            };
            instance
                .seek_to_beginning(std::slice::from_ref(&of))
                .await
                .expect(name);
            let position = Position { of, next: 3 };
            instance
                .seek(std::slice::from_ref(&position))
                .await
                .expect(name);
            instance.commit(&[position]).await.expect(name);
            assert_eq!(consumers.close(Duration::from_secs(5)).await, []);
            assert_eq!(
                consumers.close(Duration::from_secs(5)).await,
                [],
                "deleted once"
            );
        });
        let asked = server.asked();
        let commit = asked
            .iter()
            .find(|call| call.contains("/offsets"))
            .expect("a commit");
        let stored = if dialect == Dialect::Strimzi { 3 } else { 2 };
        assert!(
            commit.contains(&format!(r#""offset":{stored}"#)),
            "{commit}"
        );
        assert_eq!(
            asked
                .iter()
                .filter(|call| call.starts_with("DELETE"))
                .count(),
            1
        );
    }
}

#[test]
fn what_the_server_knows_of_an_instance_is_read() {
    for name in ["confluent-8.0.5", "karapace-6.2.0"] {
        let server = server(
            name,
            &[
                ("GET /assignments", recorded(name, "consumer-assignments")),
                ("GET /offsets", recorded(name, "consumer-get-offsets")),
                ("DELETE ", recorded(name, "consumer-delete-again")),
            ],
        );
        let consumers = consumers(&server, Dialect::Confluent);
        run(async {
            let instance = consumers.create("g", "i", SETTINGS).await.expect(name);
            let mut assigned = instance.assigned().await.expect(name);
            assigned.sort();
            let partitions: Vec<u32> = assigned.iter().map(|one| one.partition).collect();
            assert_eq!(partitions, [0, 1, 2], "{name}");
            let committed = instance.committed(&assigned).await.expect(name);
            let [position] = committed.as_slice() else {
                panic!("{name}: {committed:?}");
            };
            assert!(position.of.partition == 0 && position.next > 0, "{name}");
            instance.delete().await.expect("gone is as good as deleted");
        });
    }
    let server = server(
        "strimzi-0.33.1",
        &[(
            "GET /assignments",
            recorded("strimzi-0.33.1", "consumer-assignments"),
        )],
    );
    let consumers = consumers(&server, Dialect::Strimzi);
    run(async {
        let instance = consumers.create("g", "i", SETTINGS).await.expect("created");
        let missing = instance
            .assigned()
            .await
            .expect_err("Strimzi lacks the call");
        assert!(missing.is_not_found() && !missing.is_gone(), "{missing}");
    });
}

#[test]
fn everything_fetched_is_committed_without_naming_it() {
    for (name, dialect, said) in [
        ("confluent-8.0.5", Dialect::Confluent, ""),
        ("strimzi-0.33.1", Dialect::Strimzi, ""),
        // Karapace wants a body.
        (
            "karapace-6.2.0",
            Dialect::Karapace,
            " | application/vnd.kafka.v2+json | {}",
        ),
    ] {
        let answer = match dialect {
            Dialect::Karapace => recorded(name, "consumer-commit-explicit"),
            _ => recorded(name, "consumer-commit-all"),
        };
        let server = server(name, &[("POST /offsets", answer)]);
        let consumers = consumers(&server, dialect);
        run(async {
            let instance = consumers.create("g", "i", SETTINGS).await.expect(name);
            instance.commit_fetched().await.expect(name);
        });
        let asked = server.asked();
        let commit = asked.last().expect("a commit");
        let headers = "POST /consumers/g/instances/i/offsets";
        let rest = commit.strip_prefix(headers).expect("the commit");
        let body = rest.replace(" | Bearer t0ken", "").replace(" | 7", "");
        assert_eq!(body, said, "{name}");
    }
}

#[test]
fn a_failed_fetch_is_told_by_what_it_means_for_the_records() {
    let confluent = |case| recorded("confluent-8.0.5", case);
    let strimzi = |case| recorded("strimzi-0.33.1", case);
    let karapace = |case| recorded("karapace-6.2.0", case);
    let unknown_topic =
        r#"{"error_code":40403,"message":"This server does not host this topic-partition."}"#;
    for (answer, wanted) in [
        (
            confluent("consumer-fetch-deleted"),
            FetchFailure::InstanceGone,
        ),
        (
            strimzi("consumer-fetch-deleted"),
            FetchFailure::InstanceGone,
        ),
        (
            karapace("consumer-fetch-deleted"),
            FetchFailure::InstanceGone,
        ),
        (json(404, unknown_topic), FetchFailure::Refused),
        (
            confluent("consumer-fetch-wrong-format"),
            FetchFailure::Refused,
        ),
        (
            strimzi("consumer-fetch-wrong-format"),
            FetchFailure::Refused,
        ),
        (
            karapace("consumer-fetch-wrong-format"),
            FetchFailure::Refused,
        ),
        (
            strimzi("consumer-fetch-max-bytes"),
            FetchFailure::PassedOver,
        ),
        (
            confluent("consumer-fetch-not-subscribed"),
            FetchFailure::ServerError,
        ),
        (json(200, ""), FetchFailure::AnswerLost),
        (json(200, "[]<html>"), FetchFailure::AnswerLost),
        (
            json(200, "[]").after(Duration::from_mins(1)),
            FetchFailure::AnswerLost,
        ),
    ] {
        let server = server("confluent", &[("GET /records?timeout=1", answer)]);
        let consumers = ConsumerClient::new(
            &target(),
            &server.url(),
            Duration::from_millis(400),
            Dialect::Confluent,
            BaseUri::Rewrite,
        );
        run(async {
            let instance = consumers
                .expect("a client")
                .create("g", "i", SETTINGS)
                .await;
            let fetch = Fetch {
                wait: Some(Duration::from_millis(1)),
                max_bytes: None,
            };
            let error = instance
                .expect("created")
                .fetch(fetch)
                .await
                .expect_err("no records");
            assert_eq!(FetchFailure::of(&error), wanted, "{error}");
        });
    }
}

#[test]
fn an_instance_that_may_exist_is_deleted_and_one_that_was_refused_is_not() {
    let silent = json(200, "{}").after(Duration::from_mins(1));
    for (answer, deletes) in [
        (silent, 1),
        (json(200, "what?"), 1),
        (recorded("confluent-8.0.5", "consumer-create-again"), 0),
        (recorded("confluent-8.0.5", "consumer-create-bad-format"), 0),
    ] {
        let delete = on_instance("DELETE ");
        let server = Scripted::start(&[
            ("POST /consumers/g", answer),
            (&delete, recorded("confluent-8.0.5", "consumer-delete")),
        ]);
        let consumers = ConsumerClient::new(
            &target(),
            &server.url(),
            Duration::from_millis(200),
            Dialect::Confluent,
            BaseUri::Rewrite,
        )
        .expect("a client");
        run(async {
            consumers
                .create("g", "i", SETTINGS)
                .await
                .expect_err("not created");
            assert_eq!(consumers.close(Duration::from_secs(5)).await, []);
        });
        let asked = server.asked();
        let deleted = asked.iter().filter(|call| call.starts_with("DELETE"));
        assert_eq!(deleted.count(), deletes, "{asked:?}");
    }
}

#[test]
fn instances_that_cannot_be_deleted_are_told() {
    let delete = on_instance("DELETE ");
    let server = server(
        "confluent",
        &[(
            "DELETE ",
            json(500, r#"{"error_code":50003,"message":"no broker"}"#),
        )],
    );
    let consumers = consumers(&server, Dialect::Confluent);
    run(async {
        consumers.create("g", "i", SETTINGS).await.expect("created");
        let elsewhere = consumers.elsewhere();
        assert_eq!(
            elsewhere.as_deref(),
            Some("http://rest-proxy:8082/consumers/g/instances/i")
        );
        let left = consumers.close(Duration::from_secs(5)).await;
        let [one] = left.as_slice() else {
            panic!("{left:?}")
        };
        assert_eq!(one.path, "/consumers/g/instances/i");
        assert!(one.error.to_string().contains("no broker"), "{}", one.error);
    });
    assert!(server.asked().iter().any(|call| call.starts_with(&delete)));
}
