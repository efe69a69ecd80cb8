//! `krush lag` against recorded answers of the real servers.

use super::super::recorded::{CLUSTER, said, server};
use super::{Instances, Source, of_topics, shown};
use crate::plan::Target;
use crate::plan::{Overrides, resolve_target};
use crate::rest::scripted::{Answer, Scripted, json, recorded};

const CONFLUENT: &str = "confluent-8.0.5";
const GROUP: &str = "wire-g1795257831";

fn target(server: &Scripted) -> Target {
    let overrides = Overrides {
        urls: Some(vec![server.url().to_string()]),
        ..Overrides::default()
    };
    resolve_target(overrides, Overrides::default()).expect("a target")
}

/// What is printed of `group` at that server.
fn lag(server: &Scripted, group: &str, topics: &[&str], as_json: bool) -> String {
    let topics: Vec<String> = topics.iter().map(|topic| (*topic).to_owned()).collect();
    said(server, async |to| {
        let instances = Instances::default();
        let source = Source::open(&to, &target(server), group, &topics, &instances).await?;
        let found = of_topics(source.look().await?, &topics);
        instances.close().await;
        shown(&found?, to.client.base(), as_json)
    })
}

fn group(calls: &[(&str, Answer)]) -> Scripted {
    let path = |below: &str| format!("GET {CLUSTER}/consumer-groups/{GROUP}{below}");
    let calls: Vec<(String, Answer)> = calls
        .iter()
        .map(|(below, answer)| (path(below), answer.clone()))
        .collect();
    let calls: Vec<(&str, Answer)> = calls
        .iter()
        .map(|(call, answer)| (call.as_str(), answer.clone()))
        .collect();
    server(CONFLUENT, &calls)
}

#[test]
fn lag_over_v3_is_shown_partition_by_partition() {
    let server = group(&[
        ("/lags", recorded(CONFLUENT, "v3-group-lags")),
        ("", recorded(CONFLUENT, "v3-group")),
    ]);
    insta::assert_snapshot!(lag(&server, GROUP, &[], false), @r"
    group wire-g1795257831 at URL, STABLE: 2 records behind, good

    topic      partition  committed  end  lag  read by
    wire-idle          0          1    3    2  consumer-wire-g1795257831-2
    wire-idle          1          3    3    0  consumer-wire-g1795257831-2
    wire-idle          2          0    0    0  consumer-wire-g1795257831-2
    ");
    let parsed = lag(&server, GROUP, &["wire-idle"], true);
    let parsed: serde_json::Value = serde_json::from_str(&parsed).expect("JSON");
    assert_eq!(parsed["lag"], 2);
    assert_eq!(parsed["health"], "good");
    assert_eq!(parsed["partitions"][0]["current_offset"], 1);
    assert_eq!(parsed["partitions"][0]["end_offset"], 3);
    insta::assert_snapshot!(lag(&server, GROUP, &["other"], false), @r"
    error 15: --topic other: group wire-g1795257831 has committed no offsets of them
    hint: leave --topic out to see what the group reads
    ");
}

#[test]
fn a_group_without_lag_to_show_says_why() {
    let missing = recorded(CONFLUENT, "v3-group-lag-summary-missing");
    let uncommitted = group(&[("", recorded(CONFLUENT, "v3-group"))]);
    let only_sums = group(&[
        ("", recorded(CONFLUENT, "v3-group")),
        ("/lag-summary", recorded(CONFLUENT, "v3-group-lag-summary")),
    ]);
    let unknown = group(&[
        ("/lags", missing),
        ("", recorded(CONFLUENT, "v3-group-missing")),
    ]);
    let dead = group(&[("", json(200, r#"{"state":"DEAD"}"#))]);
    let strimzi = server("strimzi-0.33.1", &[]);
    insta::assert_snapshot!([
        lag(&uncommitted, GROUP, &[], false),
        lag(&only_sums, GROUP, &[], false),
        lag(&only_sums, GROUP, &["t"], false),
        lag(&unknown, GROUP, &[], false),
        lag(&dead, GROUP, &[], false),
        lag(&strimzi, "g", &[], false),
    ].concat(), @r"
    error 15: group wire-g1795257831 at URL is STABLE and has committed no offsets, so that it has no lag yet
    hint: look again once its consumers have committed
    group wire-g1795257831 at URL, STABLE: 2 records behind, good
    the server tells no single partitions
    error 15: --topic t: the server tells only the sum of all topics
    hint: leave --topic out to see what the group reads
    error 15: there is no consumer group wire-g1795257831 at URL
    hint: check its name; a group is there once a consumer has joined it or committed an offset
    error 15: there is no consumer group wire-g1795257831 at URL
    hint: check its name; a group is there once a consumer has joined it or committed an offset
    error 15: Strimzi bridge 0.33.1 at URL shows no offsets of a group: it has no v3 API, and no call that reads them
    hint: ask Kafka: kafka-consumer-groups --bootstrap-server localhost:9092 --describe --group g
    ");
}

#[test]
fn without_v3_an_instance_that_joins_nothing_looks_at_the_offsets() {
    let name = "karapace-6.2.0";
    let instance = "/consumers/g/instances/i";
    let karapace = |committed: &str| {
        server(
            name,
            &[
                ("GET /topics/kwire", recorded(name, "get-topic")),
                (
                    "POST /consumers/g",
                    json(
                        200,
                        r#"{"base_uri":"consumers/g/instances/i","instance_id":"i"}"#,
                    ),
                ),
                (&format!("GET {instance}/offsets"), json(200, committed)),
                (&format!("DELETE {instance}"), json(204, "")),
                (
                    "GET /topics/kwire/partitions/1/offsets",
                    recorded(name, "get-partition-offsets"),
                ),
            ],
        )
    };
    // -1001 is librdkafka's word for "none".
    let server = karapace(
        r#"{"offsets":[{"topic":"kwire","partition":0,"offset":-1001},{"topic":"kwire","partition":1,"offset":3000,"metadata":""}]}"#,
    );
    insta::assert_snapshot!(lag(&server, "g", &["kwire"], false), @r"
    group g at URL: 1,317 records behind, ALERT

    topic  partition  committed    end    lag  read by
    kwire          1      3,000  4,317  1,317  -
    ");
    let asked = server.asked();
    let deleted = format!("DELETE {instance}");
    assert!(
        asked.iter().any(|call| call.starts_with(&deleted)),
        "{asked:?}"
    );
    assert!(
        !asked.iter().any(|call| call.contains("subscription")),
        "{asked:?}"
    );
    let names: Vec<String> = asked_names(&server, 2);
    assert_ne!(names[0], names[1]);
    let nothing = karapace(r#"{"offsets":[]}"#);
    insta::assert_snapshot!(lag(&nothing, "g", &["kwire"], false), @r"
    error 15: group g has committed no offsets at URL of the topics asked about
    hint: check its name; this server does not list groups: kafka-consumer-groups --bootstrap-server localhost:9092 --list
    ");
}

/// Names of the instances that `opens` looks after each other make, each deleted before the next one.
fn asked_names(server: &Scripted, opens: usize) -> Vec<String> {
    let before = server.asked().len();
    let topics = ["kwire".to_owned()];
    said(server, async |to| {
        let instances = Instances::default();
        for _ in 0..opens {
            let source = Source::open(&to, &target(server), "g", &topics, &instances).await?;
            source.close(&instances).await;
        }
        Ok(String::new())
    });
    let asked = server.asked().split_off(before);
    let deleted = asked.iter().filter(|call| call.starts_with("DELETE"));
    assert_eq!(deleted.count(), opens, "{asked:?}");
    let made = asked.into_iter().filter(|call| call.starts_with("POST"));
    made.collect()
}
