//! What v3 shows of groups, and what it changes of topics.

use serde_json::{Value, json};

use super::{Client, quick, some_records, start, until};
use krush::wire::Dialect;

#[test]
fn v3_shows_and_changes_topics_and_shows_members() {
    let server = start(Dialect::Confluent, quick());
    let mut client = Client::new(&server);
    client.produce("t", &some_records(0..3, 0));
    let count = |topic: &Value| topic["partitions_count"].as_i64();
    let (status, topic) = client.v3("PATCH", "/topics/t", &json!({"partitions_count": 3}));
    assert_eq!((status, count(&topic)), (200, Some(3)), "{topic}");
    for (topic, partitions, wanted) in [("t", 3, 400), ("t", 2, 400), ("no", 9, 404)] {
        let change = json!({ "partitions_count": partitions });
        assert_eq!(
            client.v3("PATCH", &format!("/topics/{topic}"), &change).0,
            wanted
        );
    }
    client.produce("t", &some_records(3..4, 2));
    let (status, offset) = client.v3("GET", "/topics/t/partitions/0/offset", &Value::Null);
    let offsets = (&offset["earliest_offset"], &offset["latest_offset"]);
    assert_eq!((status, offsets), (200, (&json!(0), &json!(3))));
    assert_eq!(
        client.v3("GET", "/topics/t/partitions/3", &Value::Null).0,
        404
    );
    let change = json!({"data": [
        {"name": "retention.ms", "value": "1000"},
        {"name": "cleanup.policy", "value": "compact"},
    ]});
    assert_eq!(client.v3("POST", "/topics/t/configs:alter", &change).0, 204);
    let reset = json!({"data": [{"name": "cleanup.policy", "operation": "DELETE"}]});
    assert_eq!(client.v3("POST", "/topics/t/configs:alter", &reset).0, 204);
    for (key, value, source) in [
        ("retention.ms", "1000", "DYNAMIC_TOPIC_CONFIG"),
        ("cleanup.policy", "delete", "DEFAULT_CONFIG"),
    ] {
        let (_, config) = client.v3("GET", &format!("/topics/t/configs/{key}"), &Value::Null);
        assert_eq!(
            (&config["value"], &config["source"]),
            (&json!(value), &json!(source))
        );
    }
    let bad = json!({"data": [{"name": "retention", "value": "1"}]});
    assert_eq!(client.v3("POST", "/topics/t/configs:alter", &bad).0, 404);
    assert_eq!(
        client
            .v3("DELETE", "/topics/t/configs/retention.ms", &Value::Null)
            .0,
        204
    );

    let instance = client.create("a", &json!({}));
    client.subscribe(&instance, &["t"]);
    until("it has joined", || {
        (!client.fetch(&instance, "").is_empty()).then_some(())
    });
    assert_eq!(client.commit(&instance, &Value::Null), 200);
    client.produce("t", &some_records(4..6, 0));
    let (_, consumers) = client.v3("GET", "/consumer-groups/g/consumers", &Value::Null);
    let consumer = consumers["data"][0]["consumer_id"].as_str().unwrap();
    let path = format!("/consumer-groups/g/consumers/{consumer}/assignments");
    let (_, assigned) = client.v3("GET", &path, &Value::Null);
    assert_eq!(assigned["data"].as_array().unwrap().len(), 3);
    let (_, lag) = client.v3(
        "GET",
        "/consumer-groups/g/lags/t/partitions/0",
        &Value::Null,
    );
    assert_eq!(
        (&lag["lag"], &lag["consumer_id"]),
        (&json!(2), &json!(consumer))
    );
    let (status, said) = client.v3("GET", "/consumer-groups/no/lags", &Value::Null);
    assert_eq!(
        (status, said["message"].as_str()),
        (404, Some("Consumer Group no could not be found."))
    );
    let (_, groups) = client.v3("GET", "/consumer-groups", &Value::Null);
    assert_eq!(groups["data"][0]["state"], "STABLE");
}
