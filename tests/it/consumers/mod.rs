//! The stand-in's consumers over HTTP, request by request.

mod groups;
mod manners;
mod refused;
mod v3;

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

fn new_topic(name: &str, partitions: i32) -> krush::standin::backend::NewTopic {
    krush::standin::backend::NewTopic {
        name: name.to_owned(),
        partitions: Some(partitions),
        replication_factor: None,
        configs: BTreeMap::new(),
        validate_only: false,
    }
}
