//! The stand-in's consumers over HTTP, request by request: groups that share and rebalance, what each server's fetch and commit
//! do, instances that expire, and v3's view of it.

use std::collections::BTreeMap;
use std::io::{BufReader, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use krush::standin::{Embedded, Settings};
use krush::wire::Dialect;
use serde_json::{Value, json};

use crate::standin::{Reply, read_reply};

const V2: &str = "application/vnd.kafka.v2+json";
const V2_JSON: &str = "application/vnd.kafka.json.v2+json";

/// One connection, and what it is asked.
struct Client {
    stream: BufReader<TcpStream>,
}

impl Client {
    fn new(server: &Embedded) -> Self {
        let stream = crate::standin::connect(server);
        Self { stream }
    }

    fn send(&mut self, method: &str, path: &str, types: [&str; 2], body: &str) -> Reply {
        let [accept, content_type] = types;
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: there:8082\r\nAccept: {accept}\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        self.stream.get_mut().write_all(request.as_bytes()).unwrap();
        read_reply(&mut self.stream).unwrap()
    }

    /// Asks for v2 JSON; status and body.
    fn ask(&mut self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let body = match body {
            Value::Null => String::new(),
            body => body.to_string(),
        };
        let reply = self.send(method, path, [V2, V2], &body);
        (
            reply.status,
            serde_json::from_str(&reply.body).unwrap_or_default(),
        )
    }

    /// The same of v3, below the cluster.
    fn v3(&mut self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let json = "application/json";
        let clusters = self.send("GET", "/v3/clusters", [json, json], "");
        let clusters: Value = serde_json::from_str(&clusters.body).unwrap();
        let id = clusters["data"][0]["cluster_id"].as_str().unwrap();
        let path = format!("/v3/clusters/{id}{path}");
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        let reply = self.send(method, &path, [json, json], &body);
        (
            reply.status,
            serde_json::from_str(&reply.body).unwrap_or_default(),
        )
    }

    fn produce(&mut self, topic: &str, records: &Value) {
        let path = format!("/topics/{topic}");
        let body = json!({ "records": records }).to_string();
        let reply = self.send("POST", &path, [V2, V2_JSON], &body);
        assert_eq!(reply.status, 200, "{}", reply.body);
        assert!(!reply.body.contains("\"error\":\""), "{}", reply.body);
    }

    /// Makes an instance of group `g`; its path.
    fn create(&mut self, name: &str, more: &Value) -> String {
        let mut body = json!({"name": name, "format": "json", "auto.offset.reset": "earliest"});
        let fields = more.as_object().cloned().unwrap_or_default();
        body.as_object_mut().unwrap().extend(fields);
        let (status, made) = self.ask("POST", "/consumers/g", &body);
        assert_eq!(status, 200, "{made}");
        assert_eq!(made["instance_id"], name);
        format!("/consumers/g/instances/{name}")
    }

    fn subscribe(&mut self, instance: &str, topics: &[&str]) {
        let path = format!("{instance}/subscription");
        let (status, said) = self.ask("POST", &path, &json!({ "topics": topics }));
        assert_eq!(status, 204, "{said}");
    }

    fn fetch(&mut self, instance: &str, query: &str) -> Vec<Value> {
        let path = format!("{instance}/records{query}");
        let reply = self.send("GET", &path, [V2_JSON, V2], "");
        assert_eq!(reply.status, 200, "{}", reply.body);
        serde_json::from_str(&reply.body).unwrap()
    }

    fn assigned(&mut self, instance: &str) -> usize {
        let (status, said) = self.ask("GET", &format!("{instance}/assignments"), &Value::Null);
        assert_eq!(status, 200, "{said}");
        said["partitions"].as_array().unwrap().len()
    }

    fn commit(&mut self, instance: &str, offsets: &Value) -> u16 {
        let body = match offsets {
            Value::Null => Value::Null,
            offsets => json!({ "offsets": offsets }),
        };
        self.ask("POST", &format!("{instance}/offsets"), &body).0
    }
}

fn start(dialect: Dialect, settings: Settings) -> Embedded {
    Embedded::start(Settings {
        dialect,
        threads: 2,
        ..settings
    })
    .unwrap()
}

fn quick() -> Settings {
    Settings {
        consumer_request_timeout: Some(Duration::from_millis(60)),
        ..Settings::default()
    }
}

fn numbers(records: &[Value]) -> Vec<i64> {
    let number = |record: &Value| record["value"]["n"].as_i64().unwrap();
    records.iter().map(number).collect()
}

fn some_records(numbers: std::ops::Range<i64>, partition: i32) -> Value {
    let record = |n: i64| json!({"value": {"n": n}, "partition": partition});
    numbers.map(record).collect()
}

/// Does it again and again until it gives something.
fn until<T>(what: &str, mut done: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = done() {
            return found;
        }
        assert!(began.elapsed() < Duration::from_secs(20), "{what}");
    }
}

#[test]
fn six_instances_over_24_partitions_read_100_000_records_once() {
    const INSTANCES: usize = 6;
    const RECORDS: usize = 100_000;
    let server = start(
        Dialect::Confluent,
        Settings {
            default_partitions: 24,
            ..quick()
        },
    );
    let mut producer = Client::new(&server);
    producer.produce("t", &json!([{"value": {"n": -1}}]));
    let ready = std::sync::Barrier::new(INSTANCES + 1);
    let read = std::sync::atomic::AtomicUsize::new(0);
    let all: Vec<Vec<Value>> = std::thread::scope(|scope| {
        let reader = |number: usize| {
            let (server, ready, read) = (&server, &ready, &read);
            move || {
                let mut client = Client::new(server);
                let settings = json!({"auto.offset.reset": "latest", "fetch.min.bytes": 20_000});
                let instance = client.create(&format!("c{number}"), &settings);
                client.subscribe(&instance, &["t"]);
                until("each has its share", || {
                    assert_eq!(client.fetch(&instance, ""), Vec::<Value>::new());
                    (client.assigned(&instance) == 24 / INSTANCES).then_some(())
                });
                ready.wait();
                let mut own = Vec::new();
                until("all are read", || {
                    let fetched = client.fetch(&instance, "");
                    read.fetch_add(fetched.len(), std::sync::atomic::Ordering::Relaxed);
                    own.extend(fetched);
                    let read = read.load(std::sync::atomic::Ordering::Relaxed);
                    (read >= RECORDS).then_some(())
                });
                assert_eq!(client.commit(&instance, &Value::Null), 200);
                assert_eq!(client.assigned(&instance), 24 / INSTANCES);
                own
            }
        };
        let readers: Vec<_> = (0..INSTANCES).map(|n| scope.spawn(reader(n))).collect();
        ready.wait();
        for first in (0..RECORDS as i64).step_by(1_000) {
            let record = |n: i64| json!({"value": {"n": n}});
            producer.produce("t", &(first..first + 1_000).map(record).collect());
        }
        readers
            .into_iter()
            .map(|reader| reader.join().unwrap())
            .collect()
    });
    assert!(all.iter().all(|own| !own.is_empty()), "each has read some");
    let mut offsets: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
    for record in all.iter().flatten() {
        let number = |field: &str| record[field].as_i64().unwrap();
        offsets
            .entry(number("partition"))
            .or_default()
            .push(number("offset"));
    }
    for (partition, offsets) in &offsets {
        assert!(offsets.is_sorted(), "partition {partition} in order");
    }
    let mut numbers: Vec<i64> = all.iter().flat_map(|own| numbers(own)).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..RECORDS as i64).collect::<Vec<_>>());
    let (_, lags) = producer.v3("GET", "/consumer-groups/g/lag-summary", &Value::Null);
    assert_eq!(lags["total_lag"], 0, "{lags}");
}

#[test]
fn members_share_and_who_goes_leaves_its_partitions_to_the_others() {
    let server = start(
        Dialect::Confluent,
        Settings {
            default_partitions: 4,
            ..quick()
        },
    );
    let mut client = Client::new(&server);
    for partition in 0..4 {
        let first = i64::from(partition) * 10;
        client.produce("t", &some_records(first..first + 10, partition));
    }
    let first = client.create("a", &json!({"auto.commit.enable": "false"}));
    client.subscribe(&first, &["t"]);
    let all = until("the first reads all", || {
        Some(client.fetch(&first, "")).filter(|fetched| !fetched.is_empty())
    });
    assert_eq!(all.len(), 40);
    // Only these are committed: the rest is read again by whoever gets it.
    let offset = |partition: i32| json!({"topic": "t", "partition": partition, "offset": 5});
    let offsets: Value = (0..4).map(offset).collect();
    assert_eq!(client.commit(&first, &offsets), 200);
    let second = client.create("b", &json!({"auto.commit.enable": "false"}));
    client.subscribe(&second, &["t"]);
    let (_, group) = client.v3("GET", "/consumer-groups/g", &Value::Null);
    assert_eq!(group["state"], "STABLE", "it joins with its first fetch");
    let mut found = Vec::new();
    until("both have two", || {
        found.extend(client.fetch(&second, ""));
        let (_, group) = client.v3("GET", "/consumer-groups/g", &Value::Null);
        found.extend(client.fetch(&first, ""));
        let shares = [client.assigned(&first), client.assigned(&second)];
        assert_ne!(group["state"], "EMPTY");
        (shares == [2, 2] && found.len() == 16).then_some(())
    });
    let mut read = numbers(&found);
    read.sort_unstable();
    let wanted: Vec<i64> = (0..40).filter(|n| n % 10 > 5).collect();
    assert_eq!(read, wanted, "from the committed offsets on, by either");
    assert_eq!(client.ask("DELETE", &second, &Value::Null).0, 204);
    until("the first has all again", || {
        client.fetch(&first, "");
        (client.assigned(&first) == 4).then_some(())
    });
    for (path, wanted) in [
        (second.as_str(), 404),
        (first.as_str(), 204),
        (first.as_str(), 404),
    ] {
        let (status, said) = client.ask("DELETE", path, &Value::Null);
        assert_eq!(status, wanted);
        if status == 404 {
            assert_eq!(said["error_code"], 40403);
        }
    }
    let (_, group) = client.v3("GET", "/consumer-groups/g", &Value::Null);
    assert_eq!(group["state"], "EMPTY");
    let (_, lags) = client.v3("GET", "/consumer-groups/g/lags", &Value::Null);
    let lags = lags["data"].as_array().unwrap().iter();
    let lags: Vec<&Value> = lags.map(|lag| &lag["lag"]).collect();
    assert_eq!(lags, [4, 4, 4, 4], "offsets stay");
}

#[test]
fn an_instance_that_nobody_uses_goes_and_frees_its_partitions() {
    let server = start(
        Dialect::Confluent,
        Settings {
            default_partitions: 2,
            consumer_instance_timeout: Some(Duration::from_millis(400)),
            ..quick()
        },
    );
    let mut client = Client::new(&server);
    client.produce("t", &some_records(0..1, 0));
    let [idle, busy] = ["idle", "busy"].map(|name| {
        let instance = client.create(name, &json!({}));
        client.subscribe(&instance, &["t"]);
        instance
    });
    until("both have one", || {
        client.fetch(&idle, "");
        client.fetch(&busy, "");
        let shares = [client.assigned(&idle), client.assigned(&busy)];
        (shares == [1, 1]).then_some(())
    });
    let began = Instant::now();
    until("the other gets what it had", || {
        client.fetch(&busy, "");
        (client.assigned(&busy) == 2).then_some(())
    });
    assert!(began.elapsed() >= Duration::from_millis(300), "not at once");
    for path in [format!("{idle}/records"), format!("{idle}/assignments")] {
        assert_eq!(client.ask("GET", &path, &Value::Null).0, 404);
    }
    assert_eq!(client.ask("DELETE", &busy, &Value::Null).0, 204);
}

#[test]
fn each_server_stores_what_it_stores_of_a_committed_offset() {
    for (dialect, commit_settings, status, next) in [
        (
            Dialect::Confluent,
            json!({"auto.commit.enable": "false"}),
            200,
            4,
        ),
        (
            Dialect::Strimzi,
            json!({"enable.auto.commit": false}),
            204,
            3,
        ),
        (
            Dialect::Karapace,
            json!({"auto.commit.enable": "false"}),
            204,
            4,
        ),
        (
            Dialect::Redpanda,
            json!({"auto.commit.enable": "false"}),
            204,
            3,
        ),
    ] {
        let server = start(dialect, quick());
        let mut client = Client::new(&server);
        // Karapace creates no topics.
        server.memory().create_topic(&new_topic("t", 1)).unwrap();
        client.produce("t", &some_records(0..10, 0));
        let first = client.create("a", &commit_settings);
        client.subscribe(&first, &["t"]);
        let read = until("it has joined", || {
            Some(client.fetch(&first, "")).filter(|fetched| !fetched.is_empty())
        });
        assert_eq!(read.len(), 10, "{dialect:?}");
        let three = json!([{"topic": "t", "partition": 0, "offset": 3}]);
        assert_eq!(client.commit(&first, &three), status, "{dialect:?}");
        assert_eq!(client.ask("DELETE", &first, &Value::Null).0, 204);
        let second = client.create("b", &commit_settings);
        client.subscribe(&second, &["t"]);
        let read = until("it has joined", || {
            Some(client.fetch(&second, "")).filter(|fetched| !fetched.is_empty())
        });
        assert_eq!(numbers(&read)[0], next, "{dialect:?}");
        // Without a body: everything read so far. Karapace wants one all the same.
        let all = if dialect == Dialect::Karapace {
            client
                .ask(
                    "POST",
                    &format!("{second}/offsets"),
                    &json!({"offsets": []}),
                )
                .0
        } else {
            client.commit(&second, &Value::Null)
        };
        assert_eq!(all, status, "{dialect:?}");
        assert_eq!(client.ask("DELETE", &second, &Value::Null).0, 204);
        client.produce("t", &some_records(10..11, 0));
        let third = client.create("c", &commit_settings);
        client.subscribe(&third, &["t"]);
        let read = until("it has joined", || {
            Some(client.fetch(&third, "")).filter(|fetched| !fetched.is_empty())
        });
        assert_eq!(numbers(&read), [10], "{dialect:?}");
    }
}

fn new_topic(name: &str, partitions: i32) -> krush::standin::backend::NewTopic {
    krush::standin::backend::NewTopic {
        name: name.to_owned(),
        partitions: Some(partitions),
        replication_factor: None,
        configs: BTreeMap::new(),
        validate_only: false,
    }
}

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

#[test]
fn what_is_asked_wrongly_is_refused_in_each_servers_way() {
    let asked: &[(Dialect, &str, &str, Value, u16, i64)] = &[
        (
            Dialect::Confluent,
            "POST",
            "/consumers/g",
            json!({"nmae": "x"}),
            422,
            422,
        ),
        (
            Dialect::Confluent,
            "POST",
            "/consumers/g",
            json!({"format": "text"}),
            422,
            422,
        ),
        (
            Dialect::Confluent,
            "POST",
            "/consumers/g",
            json!({"auto.offset.reset": "x"}),
            422,
            42204,
        ),
        (
            Dialect::Confluent,
            "POST",
            "/consumers/g",
            json!({"fetch.min.bytes": 10_000_001}),
            422,
            40001,
        ),
        (
            Dialect::Confluent,
            "POST",
            "/consumers/g",
            json!({"fetch.min.bytes": "x"}),
            400,
            400,
        ),
        (
            Dialect::Confluent,
            "POST",
            "/consumers/g",
            json!([1]),
            400,
            400,
        ),
        (
            Dialect::Confluent,
            "POST",
            "I/subscription",
            Value::Null,
            422,
            422,
        ),
        (
            Dialect::Confluent,
            "POST",
            "I/subscription",
            json!({"topic_pattern": "("}),
            500,
            500,
        ),
        (
            Dialect::Confluent,
            "POST",
            "I/positions",
            json!({"offsets": [{"topic": "t", "partition": 0, "offset": 1}]}),
            409,
            40903,
        ),
        (
            Dialect::Confluent,
            "POST",
            "I/offsets",
            json!({"offsets": [{"topic": "t", "partition": -1, "offset": 1}]}),
            422,
            422,
        ),
        (
            Dialect::Confluent,
            "POST",
            "I/offsets",
            json!({"offsets": [{"topic": "no", "partition": 0, "offset": 1}]}),
            500,
            50002,
        ),
        (
            Dialect::Confluent,
            "GET",
            "I/records",
            Value::Null,
            406,
            40601,
        ),
        (
            Dialect::Confluent,
            "GET",
            "I/records?timeout=x",
            Value::Null,
            404,
            404,
        ),
        (
            Dialect::Confluent,
            "GET",
            "/consumers/g/instances/x/subscription",
            Value::Null,
            404,
            40403,
        ),
        (
            Dialect::Confluent,
            "PUT",
            "I/subscription",
            json!({}),
            405,
            405,
        ),
        (
            Dialect::Strimzi,
            "POST",
            "/consumers/g",
            json!({"fetch.min.bytes": "1"}),
            400,
            400,
        ),
        (
            Dialect::Strimzi,
            "POST",
            "/consumers/g",
            json!({"auto.offset.reset": "x"}),
            500,
            500,
        ),
        (
            Dialect::Strimzi,
            "POST",
            "/consumers/g",
            Value::Null,
            400,
            400,
        ),
        (
            Dialect::Strimzi,
            "POST",
            "I/subscription",
            json!({}),
            422,
            422,
        ),
        (
            Dialect::Strimzi,
            "POST",
            "I/subscription",
            json!({"topics": ["t"], "topic_pattern": "t"}),
            409,
            409,
        ),
        (
            Dialect::Strimzi,
            "POST",
            "I/subscription",
            json!({"topic": ["t"]}),
            400,
            400,
        ),
        (Dialect::Strimzi, "GET", "I/records", Value::Null, 406, 406),
        (
            Dialect::Karapace,
            "POST",
            "/consumers/g",
            json!({"auto.offset.reset": "none"}),
            422,
            42204,
        ),
        (
            Dialect::Karapace,
            "POST",
            "/consumers/g",
            json!({"fetch.min.bytes": -2}),
            422,
            42204,
        ),
        (
            Dialect::Karapace,
            "POST",
            "I/subscription",
            json!({}),
            409,
            40903,
        ),
        (
            Dialect::Karapace,
            "POST",
            "I/offsets",
            json!({"offsets": [{"topic": "no", "partition": 0, "offset": 1}]}),
            404,
            40401,
        ),
        (
            Dialect::Karapace,
            "POST",
            "I/offsets",
            json!({"offsets": [{"topic": "t", "partition": 9, "offset": 1}]}),
            404,
            40402,
        ),
        (
            Dialect::Karapace,
            "GET",
            "/consumers/g/instances/x/records",
            Value::Null,
            404,
            40403,
        ),
        (
            Dialect::Redpanda,
            "GET",
            "/consumers/g/instances/x/records",
            Value::Null,
            404,
            40403,
        ),
        (
            Dialect::Redpanda,
            "GET",
            "I/positions",
            Value::Null,
            404,
            404,
        ),
    ];
    for dialect in Dialect::ALL {
        let server = start(dialect, quick());
        server.memory().create_topic(&new_topic("t", 1)).unwrap();
        let mut client = Client::new(&server);
        let instance = client.create("a", &json!({}));
        for (_, method, path, body, status, code) in asked.iter().filter(|asked| asked.0 == dialect)
        {
            let path = path.replacen('I', &instance, 1);
            let (found, said) = client.ask(method, &path, body);
            let what = format!("{dialect:?} {method} {path} {body}: {said}");
            assert_eq!(
                (found, said["error_code"].as_i64()),
                (*status, Some(*code)),
                "{what}"
            );
            let message = said["message"].as_str().unwrap();
            assert!(!message.is_empty() && !message.contains('\n'), "{what}");
        }
    }
}

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
