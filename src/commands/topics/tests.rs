//! The topic commands against recorded answers of the real servers.

use super::super::recorded::{CLUSTER, said, server};
use super::{create, delete, describe, list};
use crate::rest::NewTopic;
use crate::rest::scripted::{Scripted, json, recorded};

fn topic(name: &str, partitions: u32, configs: &[(&str, &str)]) -> NewTopic {
    let configs = configs.iter();
    NewTopic {
        name: name.to_owned(),
        partitions: Some(partitions),
        replication_factor: None,
        configs: configs
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
    }
}

#[test]
fn a_topic_is_described_with_what_v3_says_of_its_configuration() {
    let name = "confluent-8.0.5";
    let offsets = |end: u32| {
        json(
            200,
            &format!("{{\"beginning_offset\":10,\"end_offset\":{end}}}"),
        )
    };
    let configs = format!("GET {CLUSTER}/topics/wire/configs");
    let server = server(
        name,
        &[
            ("GET /topics/wire", recorded(name, "get-topic")),
            (&configs, recorded(name, "v3-topic-configs")),
            (
                "GET /topics/wire/partitions/0/offsets",
                recorded(name, "get-partition-offsets"),
            ),
            ("GET /topics/wire/partitions/1/offsets", offsets(10)),
            ("GET /topics/wire/partitions/2/offsets", offsets(1_234_567)),
        ],
    );
    let text = said(&server, async |to| {
        describe::describe(&to, "wire", false).await
    });
    let shown: Vec<&str> = text.lines().take(17).collect();
    insta::assert_snapshot!(shown.join("\n"), @r"
    topic wire at URL: 3 partitions, 1 copy of each, 1,245,586 records

    partition  leader  replicas  in sync  first       next    records
            0       1         1        1      0     11,029     11,029
            1       1         1        1     10         10          0
            2       1         1        1     10  1,234,567  1,234,557

    set for this topic
      retention.bytes  1073741824
      segment.bytes    268435456

    defaults of the server
      cleanup.policy                           delete
      compression.gzip.level                   -1
      compression.lz4.level                    9
      compression.type                         producer
      compression.zstd.level                   3
    ");
    let parsed = said(&server, async |to| {
        describe::describe(&to, "wire", true).await
    });
    let parsed: serde_json::Value = serde_json::from_str(&parsed).expect("JSON");
    assert_eq!(parsed["records"], 11_029 + 1_234_557);
    assert_eq!(parsed["partitions"][2]["next_offset"], 1_234_567);
    assert_eq!(parsed["configs"][0]["is_default"], false);
}

#[test]
fn without_v3_nothing_is_called_a_default() {
    let name = "karapace-6.2.0";
    let offsets = recorded(name, "get-partition-offsets");
    let server = server(
        name,
        &[
            ("GET /topics/kwire", recorded(name, "get-topic")),
            ("GET /topics/kwire/partitions/0/offsets", offsets.clone()),
            ("GET /topics/kwire/partitions/1/offsets", offsets.clone()),
            ("GET /topics/kwire/partitions/2/offsets", offsets),
        ],
    );
    let text = said(&server, async |to| {
        describe::describe(&to, "kwire", false).await
    });
    let shown: Vec<&str> = text.lines().take(9).collect();
    insta::assert_snapshot!(shown.join("\n"), @r"
    topic kwire at URL: 3 partitions, 1 copy of each, 12,951 records

    partition  leader  replicas  in sync  first   next  records
            0       1         1        1      0  4,317    4,317
            1       1         1        1      0  4,317    4,317
            2       1         1        1      0  4,317    4,317

    configuration (this server does not say what is a default)
      cleanup.policy                           delete
    ");
}

#[test]
fn an_existing_topic_is_compared_and_left_alone() {
    let name = "confluent-8.0.5";
    let server = server(name, &[("GET /topics/wire", recorded(name, "get-topic"))]);
    let create = |wanted: NewTopic| {
        said(&server, async |to| {
            create::create(&to, &wanted, false).await
        })
    };
    insta::assert_snapshot!([
        create(topic("wire", 3, &[("retention.ms", "604800000")])),
        create(topic("wire", 48, &[("retention.ms", "1"), ("no.such", "")])),
        create(NewTopic { replication_factor: Some(3), partitions: None, ..topic("wire", 3, &[]) }),
    ].concat(), @r"
    topic wire exists already: 3 partitions, replication 1; nothing changed
    error 2: topic wire exists at URL with 3 partitions, not 48; retention.ms=604800000, not 1; no setting no.such
    hint: nothing was changed; ask for what it has, delete it first, or choose another name
    error 2: topic wire exists at URL with replication 1, not 3
    hint: nothing was changed; ask for what it has, delete it first, or choose another name
    ");
    let asked = server.asked();
    assert!(
        asked.iter().all(|call| call.starts_with("GET ")),
        "{asked:?}"
    );
}

#[test]
fn configuration_goes_with_a_new_topic_as_recorded() {
    let name = "confluent-8.0.5";
    let missing = recorded(name, "get-topic-missing");
    let post = format!("POST {CLUSTER}/topics");
    let server = server(
        name,
        &[
            ("GET /topics/wire-v3", missing),
            ("GET /topics/wire-v3", recorded(name, "get-topic")),
            (&post, recorded(name, "v3-create-topic-configs")),
        ],
    );
    let mut wanted = topic(
        "wire-v3",
        2,
        &[("retention.ms", "3600000"), ("compression.type", "lz4")],
    );
    wanted.replication_factor = Some(1);
    said(&server, async |to| {
        create::create(&to, &wanted, false).await
    });
    let asked = server.asked();
    let body = asked
        .iter()
        .find_map(|call| call.strip_prefix(&format!("{post} | application/json | ")));
    let body: serde_json::Value = serde_json::from_str(body.expect("a POST")).expect("JSON");
    let recorded = r#"{"topic_name":"wire-v3","partitions_count":2,"replication_factor":1,"configs":[{"name":"retention.ms","value":"3600000"},{"name":"compression.type","value":"lz4"}]}"#;
    let recorded: serde_json::Value = serde_json::from_str(recorded).expect("JSON");
    assert_eq!(body, recorded);
}

#[test]
fn a_topic_that_appears_late_is_waited_for() {
    let name = "strimzi-0.33.1";
    let missing = recorded(name, "get-topic-missing");
    let server = server(
        name,
        &[
            ("GET /topics/wire", missing.clone()),
            ("GET /topics/wire", missing),
            ("GET /topics/wire", recorded(name, "get-topic")),
            ("POST /admin/topics", recorded(name, "admin-create-topic")),
        ],
    );
    let text = said(&server, async |to| {
        create::create(&to, &topic("wire", 3, &[]), false).await
    });
    assert_eq!(text, "created topic wire: 3 partitions, replication 1\n");
}

#[test]
fn what_a_server_cannot_do_is_said_with_the_command_that_does_it() {
    let create = |name, wanted: NewTopic| {
        let server = server(
            name,
            &[("GET /topics/new", recorded(name, "get-topic-missing"))],
        );
        said(&server, async |to| {
            create::create(&to, &wanted, false).await
        })
    };
    let wanted = || topic("new", 6, &[("retention.ms", "60000")]);
    let name = "confluent-8.0.5";
    let post = format!("POST {CLUSTER}/topics");
    let refusing = server(
        name,
        &[
            ("GET /topics/new", recorded(name, "get-topic-missing")),
            (&post, recorded(name, "v3-create-topic-replication-2")),
        ],
    );
    let karapace = server("karapace-6.2.0", &[]);
    insta::assert_snapshot!([
        create("strimzi-0.33.1", wanted()),
        create("karapace-6.2.0", wanted()),
        said(&refusing, async |to| create::create(&to, &wanted(), false).await),
        said(&karapace, async |to| delete::delete(&to, &["a".to_owned(), "b".to_owned()], true).await),
    ].concat(), @"
    error 15: topic new does not exist at URL, and Strimzi's bridge takes no configuration when it creates one
    hint: create it: kafka-topics --bootstrap-server localhost:9092 --create --topic new --partitions 6 --config retention.ms=60000
    error 15: topic new does not exist at URL, and this server cannot create it
    hint: create it: kafka-topics --bootstrap-server localhost:9092 --create --topic new --partitions 6 --config retention.ms=60000
    error 2: topic new does not exist and was not created: URL answered POST /v3/clusters/MkU3OEVBNTcwNTJENDM2Qk/topics with HTTP 400, error_code 40002: Unable to replicate the partition 2 time(s): The target replication factor of 2 cannot be reached because only 1 broker(s) are registered.
    hint: change what the refusal names: number of partitions, replication, or name and value of a setting
    error 15: Karapace/6.2.0 at URL cannot delete topics: it has no v3 API
    hint: delete it: kafka-topics --bootstrap-server localhost:9092 --delete --topic a,b
    ");
}

#[test]
fn nothing_is_deleted_unless_everything_can_be() {
    let name = "confluent-8.0.5";
    let delete_wire = format!("DELETE {CLUSTER}/topics/wire");
    let server = server(
        name,
        &[
            ("GET /topics/wire", recorded(name, "get-topic")),
            ("GET /topics/nope", recorded(name, "get-topic-missing")),
            (&delete_wire, recorded(name, "v3-delete-topic")),
        ],
    );
    let topics = |words: &str| -> Vec<String> { words.split(' ').map(str::to_owned).collect() };
    let delete = |words: &str, if_exists| {
        let topics = topics(words);
        said(&server, async |to| {
            delete::delete(&to, &topics, if_exists).await
        })
    };
    let first = [delete("nope", false), delete("wire nope", false)].concat();
    let asked = server.asked();
    assert!(!asked.iter().any(|call| call.starts_with("DELETE")));
    let then = [delete("wire nope wire", true), delete("wire", false)].concat();
    insta::assert_snapshot!(first + &then, @r"
    error 15: topic nope does not exist at URL
    hint: with --if-exists that is no error
    error 15: topic nope does not exist at URL, so that none was deleted
    hint: with --if-exists a missing topic is no error
    topic nope does not exist
    deleted topic wire
    deleted topic wire
    ");
}

#[test]
fn the_list_shows_a_dash_where_the_server_says_nothing() {
    let redpanda = Scripted::start(&[
        ("GET /topics", json(200, r#"["b","a"]"#)),
        ("GET /status/ready", json(200, "{}")),
    ]);
    let text = said(&redpanda, async |to| list::list(&to, true, false).await);
    insta::assert_snapshot!(text, @r"
    topic  partitions  records
    a               -        -
    b               -        -
    ");
    let empty = Scripted::start(&[("GET /", json(200, "{}")), ("GET /topics", json(200, "[]"))]);
    let text = said(&empty, async |to| list::list(&to, false, false).await);
    assert_eq!(text, "no topics at URL\n");
}

#[test]
fn only_a_server_that_creates_topics_is_said_to() {
    let described = |name| {
        let missing = recorded(name, "get-topic-missing");
        let server = server(name, &[("GET /topics/nope", missing)]);
        said(&server, async |to| {
            describe::describe(&to, "nope", false).await
        })
    };
    insta::assert_snapshot!(described("karapace-6.2.0") + &described("confluent-8.0.5"), @"
    error 15: topic nope does not exist at URL
    hint: see `krush topics list`; this server creates none
    error 15: topic nope does not exist at URL
    hint: see `krush topics list`, or make it with `krush topics create nope`
    ");
}
