//! What each server's fetch does, in which formats, and how positions are moved.

use std::time::{Duration, Instant};

use krush::standin::Settings;
use krush::wire::Dialect;
use serde_json::{Value, json};

use super::{Client, V2, V2_JSON, numbers, quick, some_records, start};

#[test]
fn a_fetch_takes_its_time_or_brings_enough() {
    let server = start(
        Dialect::Confluent,
        Settings {
            consumer_request_timeout: Some(Duration::from_millis(400)),
            ..Settings::default()
        },
    );
    let mut client = Client::new(&server);
    client.produce("t", &some_records(0..100, 0));
    let mut timed = |instance: &str, query: &str| {
        let began = Instant::now();
        let fetched = client.fetch(instance, query).len();
        (fetched, began.elapsed())
    };
    let whole = Duration::from_millis(400);
    let ready = {
        let mut client = Client::new(&server);
        move |name: &str, settings: &Value| {
            let instance = client.create(name, settings);
            // By hand: there is no group to join.
            let partitions = json!({"partitions": [{"topic": "t", "partition": 0}]});
            let path = format!("{instance}/assignments");
            assert_eq!(client.ask("POST", &path, &partitions).0, 204);
            instance
        }
    };
    let mut ready = ready;
    let plain = ready("plain", &json!({}));
    let (fetched, took) = timed(&plain, "");
    assert!(
        fetched == 100 && took >= whole,
        "{fetched} in {took:?}: data or not"
    );
    let (fetched, took) = timed(&plain, "?timeout=150");
    assert!(
        fetched == 0 && took >= Duration::from_millis(150) && took < whole,
        "{took:?}"
    );
    let (_, took) = timed(&plain, "?timeout=5000");
    assert!(took < 3 * whole, "{took:?}: it can only be made shorter");
    let least = ready("least", &json!({"fetch.min.bytes": 1}));
    let (fetched, took) = timed(&least, "");
    assert!(
        fetched == 30 && took < whole,
        "{fetched} in {took:?}: one poll"
    );
    let (fetched, took) = timed(&least, "?max_bytes=50");
    assert!(
        (1..30).contains(&fetched) && took < whole,
        "{fetched} in {took:?}"
    );
    let (fetched, _) = timed(&least, "");
    assert!(fetched > 0, "what was polled and not handed out comes next");
    let small = ready("small", &json!({}));
    for _ in 0..2 {
        let (fetched, took) = timed(&small, "?max_bytes=7");
        assert!(
            fetched == 0 && took < whole,
            "no record is smaller, and none comes ever"
        );
    }
}

#[test]
fn strimzi_comes_back_with_the_first_records_and_remembers_its_time() {
    let server = start(Dialect::Strimzi, Settings::default());
    let mut client = Client::new(&server);
    client.produce("t", &some_records(0..3, 0));
    let instance = client.create("a", &json!({}));
    client.subscribe(&instance, &["t"]);
    let (_, said) = client.ask("GET", &format!("{instance}/subscription"), &Value::Null);
    assert_eq!(said, json!({"topics": [], "partitions": []}));
    let began = Instant::now();
    let fetched = client.fetch(&instance, "?timeout=5000");
    assert_eq!(fetched.len(), 3);
    assert!(
        began.elapsed() < Duration::from_secs(4),
        "it does not wait for more"
    );
    assert!(fetched[0]["timestamp"].as_i64().unwrap() > 1_600_000_000_000);
    let (_, said) = client.ask("GET", &format!("{instance}/subscription"), &Value::Null);
    assert_eq!(said, json!({"topics": ["t"], "partitions": [{"t": [0]}]}));
    client.fetch(&instance, "?timeout=300");
    let began = Instant::now();
    client.fetch(&instance, "");
    let took = began.elapsed();
    assert!(
        took >= Duration::from_millis(300),
        "{took:?}: the time sticks"
    );
    client.produce("t", &some_records(3..4, 0));
    let path = format!("{instance}/records?max_bytes=10");
    let reply = client.send("GET", &path, [V2_JSON, V2], "");
    assert_eq!(reply.status, 422, "{}", reply.body);
    assert_eq!(
        client.fetch(&instance, "?timeout=10&max_bytes=1000"),
        Vec::<Value>::new()
    );
    let places = json!({"offsets": [{"topic": "t", "partition": 0, "offset": 3}]});
    assert_eq!(
        client
            .ask("POST", &format!("{instance}/positions"), &places)
            .0,
        204
    );
    assert_eq!(
        numbers(&client.fetch(&instance, "")),
        [3],
        "it was passed over"
    );
    let nowhere = json!({"partitions": [{"topic": "t", "partition": 7}]});
    let (status, said) = client.ask("POST", &format!("{instance}/positions/end"), &nowhere);
    assert_eq!(
        (status, &said["message"]),
        (404, &json!("No current assignment for partition t-7"))
    );
}

#[test]
fn formats_are_embedded_and_what_cannot_be_read_is_said() {
    let server = start(Dialect::Confluent, quick());
    let mut client = Client::new(&server);
    let binary = "application/vnd.kafka.binary.v2+json";
    let body = json!({"records": [{"key": "a2V5", "value": "AAECAw=="}]}).to_string();
    assert_eq!(
        client.send("POST", "/topics/b", [V2, binary], &body).status,
        200
    );
    let instance = client.create("bin", &json!({"format": "binary"}));
    let partitions = json!({"partitions": [{"topic": "b", "partition": 0}]});
    client.ask("POST", &format!("{instance}/assignments"), &partitions);
    let path = format!("{instance}/records");
    let reply = client.send("GET", &path, [binary, V2], "");
    let wanted = r#"[{"topic":"b","key":"a2V5","value":"AAECAw==","partition":0,"offset":0}]"#;
    assert_eq!((reply.status, reply.body.as_str()), (200, wanted));
    assert!(reply.head.contains(binary));
    let wrong = client.send("GET", &path, [V2_JSON, V2], "");
    assert!(
        wrong.status == 406 && wrong.body.contains("40601"),
        "{}",
        wrong.body
    );
    let none = client.send("GET", &path, ["text/html", V2], "");
    assert_eq!(none.status, 406);
    for format in ["json", "avro"] {
        let instance = client.create(format, &json!({"format": format}));
        client.ask("POST", &format!("{instance}/assignments"), &partitions);
        let accept = format!("application/vnd.kafka.{format}.v2+json");
        for _ in 0..2 {
            let reply = client.send("GET", &format!("{instance}/records"), [&accept, V2], "");
            assert_eq!(reply.status, 408, "{}: it stays where it is", reply.body);
            assert!(reply.body.contains("40801"), "{}", reply.body);
        }
    }
    let strimzi = start(Dialect::Strimzi, quick());
    let mut client = Client::new(&strimzi);
    let text = "application/vnd.kafka.text.v2+json";
    let body = json!({"records": [{"value": "no JSON"}, {"value": "\"a\""}]}).to_string();
    assert_eq!(
        client.send("POST", "/topics/t", [V2, text], &body).status,
        200
    );
    let [json_reader, text_reader] = ["json", "text"].map(|format| {
        let instance = client.create(format, &json!({"format": format}));
        let partitions = json!({"partitions": [{"topic": "t", "partition": 0}]});
        assert_eq!(
            client
                .ask("POST", &format!("{instance}/assignments"), &partitions)
                .0,
            204
        );
        format!("{instance}/records")
    });
    let reply = client.send("GET", &json_reader, [V2_JSON, V2], "");
    assert_eq!(reply.status, 406, "{}", reply.body);
    let reply = client.send("GET", &json_reader, [V2_JSON, V2], "");
    assert_eq!(
        (reply.status, reply.body.as_str()),
        (200, "[]"),
        "passed over"
    );
    let reply = client.send("GET", &text_reader, [text, V2], "");
    let found: Value = serde_json::from_str(&reply.body).unwrap();
    assert_eq!(
        (&found[0]["value"], &found[1]["value"]),
        (&json!("no JSON"), &json!("\"a\""))
    );
}

#[test]
fn positions_are_moved_by_offset_end_and_time() {
    let server = start(Dialect::Confluent, quick());
    let mut client = Client::new(&server);
    client.produce("t", &some_records(0..5, 0));
    let instance = client.create("a", &json!({"auto.commit.enable": "false"}));
    let here = json!({"topic": "t", "partition": 0});
    let partitions = json!({ "partitions": [here] });
    assert_eq!(
        client
            .ask("POST", &format!("{instance}/assignments"), &partitions)
            .0,
        204
    );
    assert_eq!(client.fetch(&instance, "").len(), 5);
    let positions = format!("{instance}/positions");
    let at = |field: &str, value: Value| {
        let list = if field == "timestamp" {
            "timestamps"
        } else {
            "offsets"
        };
        json!({list: [{"topic": "t", "partition": 0, field: value}]})
    };
    for (path, body, left) in [
        (positions.clone(), at("offset", json!(3)), 2),
        (format!("{positions}/beginning"), partitions.clone(), 5),
        (format!("{positions}/end"), partitions.clone(), 0),
        (
            positions.clone(),
            at("timestamp", json!("2020-01-01T00:00:00Z")),
            5,
        ),
        (
            positions.clone(),
            at("timestamp", json!("2199-01-01T00:00:00Z")),
            0,
        ),
        (positions.clone(), at("offset", json!(99)), 5),
    ] {
        let (status, said) = client.ask("POST", &path, &body);
        assert_eq!(status, 204, "{said}");
        assert_eq!(client.fetch(&instance, "").len(), left, "{path} {body}");
    }
    let (status, said) = client.ask("POST", &positions, &at("timestamp", json!("noon")));
    assert_eq!(status, 400, "{said}");
    let (status, said) = client.ask("GET", &format!("{instance}/offsets"), &partitions);
    assert_eq!((status, said), (200, json!({"offsets": []})));
    let committed = json!([{"topic": "t", "partition": 0, "offset": 2, "metadata": "m"}]);
    assert_eq!(client.commit(&instance, &committed), 200);
    let (_, said) = client.ask("GET", &format!("{instance}/offsets"), &partitions);
    assert_eq!(
        said["offsets"][0],
        json!({"topic": "t", "partition": 0, "offset": 3, "metadata": "m"})
    );
    assert_eq!(
        client
            .ask("GET", &format!("{instance}/offsets"), &Value::Null)
            .0,
        404
    );
}
