//! Consumer groups over HTTP, on a real Apache Kafka: what is read, what Kafka's own tools say of the group, and changes to topics.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufReader, Write};
use std::net::TcpStream;
use std::process::Stdio;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::processes::{Server, kafka_tool};
use super::topic_name;
use crate::standin::read_reply;

/// Long enough for a group to form on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// A connection to the front.
struct Client(BufReader<TcpStream>);

impl Client {
    fn new(server: &Server) -> Self {
        let address = server.url.strip_prefix("http://").unwrap();
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self(BufReader::new(stream))
    }

    /// Status and body; null if there is none.
    fn call(&mut self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let of_records = path.contains("/records") || path.starts_with("/topics/");
        let kind = match (path.starts_with("/v3"), of_records) {
            (true, _) => "application/json",
            (false, true) => "application/vnd.kafka.json.v2+json",
            (false, false) => "application/vnd.kafka.v2+json",
        };
        let accept = if method == "GET" { kind } else { "*/*" };
        let body = match body {
            Value::Null => String::new(),
            body => body.to_string(),
        };
        let typed = if body.is_empty() {
            String::new()
        } else {
            format!("Content-Type: {kind}\r\n")
        };
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: h\r\nAccept: {accept}\r\n{typed}Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        self.0.get_mut().write_all(request.as_bytes()).unwrap();
        let reply = read_reply(&mut self.0).expect("an answer");
        let body = match reply.body.as_str() {
            "" => Value::Null,
            body => serde_json::from_str(body).unwrap(),
        };
        (reply.status, body)
    }

    /// The body of an answer that must be a success.
    fn done(&mut self, method: &str, path: &str, body: &Value) -> Value {
        let (status, said) = self.call(method, path, body);
        assert!(
            (200..300).contains(&status),
            "{method} {path} {body}: {status} {said}"
        );
        said
    }

    fn cluster(&mut self) -> String {
        let clusters = self.done("GET", "/v3/clusters", &Value::Null);
        let id = clusters["data"][0]["cluster_id"].as_str().unwrap();
        format!("/v3/clusters/{id}")
    }

    fn create_topic(&mut self, name: &str, partitions: usize) {
        let path = self.cluster() + "/topics";
        let topic = json!({"topic_name": name, "partitions_count": partitions});
        self.done("POST", &path, &topic);
    }

    fn produce(&mut self, topic: &str, records: &[(i32, Value)]) {
        let records: Vec<_> = records
            .iter()
            .map(|(partition, value)| json!({"partition": partition, "value": value}))
            .collect();
        let path = format!("/topics/{topic}");
        let said = self.done("POST", &path, &json!({ "records": records }));
        let entries = said["offsets"].as_array().unwrap();
        let stored = |entry: &Value| entry["error_code"].is_null();
        assert!(entries.iter().all(stored), "{said}");
    }
}

/// A consumer instance of the front, on a connection of its own.
struct Instance {
    client: Client,
    path: String,
}

impl Instance {
    fn create(server: &Server, group: &str, name: &str, auto_commit: bool) -> Self {
        let mut client = Client::new(server);
        let settings = json!({
            "name": name,
            "format": "json",
            "auto.offset.reset": "earliest",
            "auto.commit.enable": auto_commit.to_string(),
            "fetch.min.bytes": 1,
        });
        client.done("POST", &format!("/consumers/{group}"), &settings);
        let path = format!("/consumers/{group}/instances/{name}");
        Self { client, path }
    }

    fn subscribed(
        server: &Server,
        group: &str,
        name: &str,
        auto_commit: bool,
        topic: &str,
    ) -> Self {
        let mut instance = Self::create(server, group, name, auto_commit);
        instance.done("POST", "/subscription", &json!({"topics": [topic]}));
        instance
    }

    fn done(&mut self, method: &str, part: &str, body: &Value) -> Value {
        self.client
            .done(method, &format!("{}{part}", self.path), body)
    }

    /// Topic, partition, offset and value of what is there.
    fn fetch(&mut self) -> Vec<(String, i64, i64, Value)> {
        let mut records = self.done("GET", "/records?timeout=200", &Value::Null);
        let record = |record: &mut Value| {
            (
                record["topic"].as_str().unwrap().to_owned(),
                record["partition"].as_i64().unwrap(),
                record["offset"].as_i64().unwrap(),
                record["value"].take(),
            )
        };
        records
            .as_array_mut()
            .unwrap()
            .iter_mut()
            .map(record)
            .collect()
    }

    fn fetch_until(&mut self, records: usize) -> Vec<(String, i64, i64, Value)> {
        let deadline = Instant::now() + PATIENCE;
        let mut fetched = Vec::new();
        while fetched.len() < records {
            assert!(Instant::now() < deadline, "only {fetched:?}");
            fetched.extend(self.fetch());
        }
        fetched
    }

    fn partitions(&mut self) -> usize {
        let assigned = self.done("GET", "/assignments", &Value::Null);
        assigned["partitions"].as_array().unwrap().len()
    }

    /// Fetches, which serves rebalances, until it has so many partitions; nothing may come meanwhile.
    fn wait_for(&mut self, partitions: usize) {
        let deadline = Instant::now() + PATIENCE;
        while self.partitions() != partitions {
            assert!(
                Instant::now() < deadline,
                "{} partitions",
                self.partitions()
            );
            assert_eq!(self.fetch(), []);
        }
    }

    fn delete(mut self) {
        self.done("DELETE", "", &Value::Null);
    }
}

/// A line of what Kafka's own tool says of a group: one partition.
#[derive(Debug, PartialEq)]
struct Described {
    topic: String,
    partition: i64,
    /// `None`: nothing was committed.
    current: Option<i64>,
    end: i64,
    lag: Option<i64>,
    /// `None`: nobody reads it.
    consumer: Option<String>,
}

fn describe(group: &str) -> Vec<Described> {
    let said = kafka_tool(
        "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand",
        &["--describe", "--group", group],
    );
    let described = said.lines().filter_map(|line| {
        let mut fields = line.split_whitespace();
        if fields.next() != Some(group) {
            return None;
        }
        let topic = fields.next()?.to_owned();
        let mut number = || fields.next().unwrap().parse().ok();
        Some(Described {
            topic,
            partition: number()?,
            current: number(),
            end: number()?,
            lag: number(),
            consumer: fields.next().filter(|id| *id != "-").map(str::to_owned),
        })
    });
    described.collect()
}

/// Asks again until it holds; what was asked in vain is the failure.
fn eventually<T: std::fmt::Debug>(mut ask: impl FnMut() -> T, holds: impl Fn(&T) -> bool) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let said = ask();
        if holds(&said) {
            return said;
        }
        assert!(Instant::now() < deadline, "{said:?}");
    }
}

fn load(server: &Server, topic: &str, records: usize) {
    let folder = tempfile::tempdir().unwrap();
    let output = crate::krush()
        .args(["basic", "--url", &server.url, "--topic", topic])
        .args(["--messages", &records.to_string()])
        .args(["--batch-size", "500", "--concurrency", "8"])
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn six_instances_read_everything_once_and_kafkas_own_tool_says_so() {
    const RECORDS: usize = 100_000;
    const PARTITIONS: usize = 24;
    let server = Server::start(&[]);
    let mut client = Client::new(&server);
    let (topic, group) = (topic_name("six"), topic_name("six-group"));
    client.create_topic(&topic, PARTITIONS);
    let mut instances: Vec<_> = (0..6)
        .map(|n| Instance::subscribed(&server, &group, &format!("i{n}"), false, &topic))
        .collect();
    // With each of them settled before there is a record, nobody's records are anybody else's later.
    eventually(
        || {
            std::thread::scope(|scope| {
                for instance in &mut instances {
                    scope.spawn(|| assert_eq!(instance.fetch(), []));
                }
            });
            let counts = instances.iter_mut().map(Instance::partitions);
            counts.collect::<Vec<_>>()
        },
        |partitions| partitions.iter().all(|count| *count == PARTITIONS / 6),
    );
    let read = std::thread::scope(|scope| {
        let reading = scope.spawn(|| read_all(&mut instances, RECORDS));
        load(&server, &topic, RECORDS);
        reading.join().unwrap()
    });
    let places: BTreeSet<_> = read
        .iter()
        .map(|(_, partition, offset, _)| (partition, offset))
        .collect();
    let ids: BTreeSet<_> = read
        .iter()
        .map(|(.., value)| value["id"].as_str().unwrap())
        .collect();
    assert_eq!(
        (read.len(), places.len(), ids.len()),
        (RECORDS, RECORDS, RECORDS)
    );

    // A commit of everything is fire and forget, so it may still be on its way.
    let described = eventually(
        || describe(&group),
        |lines| lines.len() == PARTITIONS && lines.iter().all(|line| line.lag == Some(0)),
    );
    let stored: i64 = described.iter().map(|line| line.end).sum();
    assert_eq!(stored, 100_000);
    let members: BTreeSet<_> = described
        .iter()
        .map(|line| line.consumer.clone().unwrap())
        .collect();
    assert_eq!(members.len(), 6, "{members:?}");
    says_the_same(&mut client, &group, described);
    for instance in instances {
        instance.delete();
    }
    let empty = describe(&group);
    assert!(
        empty.iter().all(|line| line.consumer.is_none()),
        "{empty:?}"
    );
}

/// Reads until there are so many, or more, and commits them.
fn read_all(instances: &mut [Instance], records: usize) -> Vec<(String, i64, i64, Value)> {
    let deadline = Instant::now() + 2 * PATIENCE;
    let read = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for instance in instances {
            scope.spawn(|| {
                while read.lock().unwrap().len() < records && Instant::now() < deadline {
                    let fetched = instance.fetch();
                    read.lock().unwrap().extend(fetched);
                }
                // Whoever had more would have it by now.
                read.lock().unwrap().extend(instance.fetch());
                instance.done("POST", "/offsets", &Value::Null);
            });
        }
    });
    read.into_inner().unwrap()
}

/// The front's own account of the group, beside that of Kafka's tool.
fn says_the_same(client: &mut Client, group: &str, described: Vec<Described>) {
    let groups = client.cluster() + "/consumer-groups";
    let mut get = |path: &str| client.done("GET", &format!("{groups}{path}"), &Value::Null);
    let lags = get(&format!("/{group}/lags"));
    let lags = lags["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|lag| Described {
            topic: lag["topic_name"].as_str().unwrap().to_owned(),
            partition: lag["partition_id"].as_i64().unwrap(),
            current: lag["current_offset"].as_i64(),
            end: lag["log_end_offset"].as_i64().unwrap(),
            lag: lag["lag"].as_i64(),
            consumer: lag["consumer_id"].as_str().map(str::to_owned),
        });
    let by_partition = |lines: Vec<Described>| -> BTreeMap<i64, Described> {
        lines
            .into_iter()
            .map(|line| (line.partition, line))
            .collect()
    };
    assert_eq!(by_partition(lags.collect()), by_partition(described));
    assert_eq!(get(&format!("/{group}/lag-summary"))["total_lag"], 0);
    let said = get(&format!("/{group}"));
    assert_eq!(
        (&said["state"], &said["partition_assignor"]),
        (&json!("STABLE"), &json!("range"))
    );
    let members = get(&format!("/{group}/consumers"));
    assert_eq!(members["data"].as_array().unwrap().len(), 6);
    let listed = get("");
    let mut names = listed["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["consumer_group_id"]);
    assert!(names.any(|name| name == group), "{listed}");
    let (status, _) = client.call("GET", &format!("{groups}/no-such-group/lags"), &Value::Null);
    assert_eq!(status, 404);
}

#[test]
fn a_commit_of_n_stores_n_plus_one_and_the_next_instance_begins_there() {
    let server = Server::start(&[]);
    let mut client = Client::new(&server);
    let (topic, group) = (topic_name("commit"), topic_name("commit-group"));
    client.create_topic(&topic, 1);
    let records: Vec<_> = (0..10).map(|n| (0, json!({ "n": n }))).collect();
    client.produce(&topic, &records);
    let mut first = Instance::create(&server, &group, "one", false);
    // One that is not there yet does no harm.
    let missing = topic_name("missing");
    first.done(
        "POST",
        "/subscription",
        &json!({"topics": [missing, topic]}),
    );
    assert_eq!(first.fetch_until(10).len(), 10);
    let offsets = json!({"offsets": [{"topic": topic, "partition": 0, "offset": 4}]});
    first.done("POST", "/offsets", &offsets);
    let line = &describe(&group)[0];
    assert_eq!((line.current, line.end, line.lag), (Some(5), 10, Some(5)));
    first.delete();

    let mut second = Instance::subscribed(&server, &group, "one", true, &topic);
    let offsets: Vec<_> = second
        .fetch_until(5)
        .iter()
        .map(|record| record.2)
        .collect();
    assert_eq!(offsets, [5, 6, 7, 8, 9]);
    // This one commits by itself, at the latest when it leaves.
    second.delete();
    let line = &describe(&group)[0];
    assert_eq!((line.current, line.lag), (Some(10), Some(0)));
    assert_eq!(line.consumer, None);

    // And back, by hand.
    let mut third = Instance::create(&server, &group, "three", false);
    let partition = json!({"partitions": [{"topic": topic, "partition": 0}]});
    third.done("POST", "/assignments", &partition);
    third.done("POST", "/positions/beginning", &partition);
    assert_eq!(third.fetch_until(10)[0].2, 0);
    let seek = json!({"offsets": [{"topic": topic, "partition": 0, "offset": 8}]});
    third.done("POST", "/positions", &seek);
    assert_eq!(third.fetch_until(2)[0].2, 8);
    third.delete();
}

#[test]
fn a_pattern_finds_a_topic_that_is_made_later() {
    let server = Server::start(&[]);
    let mut client = Client::new(&server);
    let (first, group) = (topic_name("pattern-a"), topic_name("pattern-group"));
    client.create_topic(&first, 2);
    let mut instance = Instance::create(&server, &group, "one", false);
    let pattern = json!({"topic_pattern": format!("it-pattern-.*-{}-.*", std::process::id())});
    instance.done("POST", "/subscription", &pattern);
    instance.wait_for(2);
    let second = topic_name("pattern-b");
    // Matched in its middle only.
    let other = format!("not-{second}");
    client.create_topic(&other, 1);
    client.create_topic(&second, 1);
    client.produce(&second, &[(0, json!("late"))]);
    client.produce(&other, &[(0, json!("never"))]);
    let fetched = instance.fetch_until(1);
    assert_eq!(fetched, [(second, 0, 0, json!("late"))]);
    assert_eq!(instance.partitions(), 3);
    instance.delete();
}

#[test]
fn partitions_of_one_that_leaves_or_expires_go_to_the_others() {
    let server = Server::start(&["--consumer-instance-timeout", "4s"]);
    let mut client = Client::new(&server);
    let (topic, group) = (topic_name("leave"), topic_name("leave-group"));
    client.create_topic(&topic, 6);
    let mut stays = Instance::subscribed(&server, &group, "stays", true, &topic);
    let mut leaves = Instance::subscribed(&server, &group, "leaves", true, &topic);
    let mut expires = Instance::subscribed(&server, &group, "expires", true, &topic);
    eventually(
        || {
            let mut all = [&mut stays, &mut leaves, &mut expires];
            for instance in &mut all {
                assert_eq!(instance.fetch(), []);
            }
            all.map(Instance::partitions)
        },
        |partitions| partitions == &[2, 2, 2],
    );
    leaves.delete();
    eventually(
        || {
            assert_eq!((stays.fetch(), expires.fetch()), (Vec::new(), Vec::new()));
            (stays.partitions(), expires.partitions())
        },
        |partitions| partitions == &(3, 3),
    );
    // Nobody uses it from here on.
    stays.wait_for(6);
    let (status, _) = expires.client.call(
        "GET",
        &format!("{}/assignments", expires.path),
        &Value::Null,
    );
    assert_eq!(status, 404);
    let records: Vec<_> = (0..6)
        .map(|partition| (partition, json!(partition)))
        .collect();
    client.produce(&topic, &records);
    assert_eq!(stays.fetch_until(6).len(), 6);
    stays.delete();
}

#[test]
fn changes_to_a_topic_are_seen_by_kafkas_own_tools() {
    let server = Server::start(&[]);
    let mut client = Client::new(&server);
    let topic = topic_name("change");
    client.create_topic(&topic, 2);
    let path = format!("{}/topics/{topic}", client.cluster());
    let alter = |data: Value| json!({ "data": data });
    let configs = format!("{path}/configs:alter");
    let two = json!([{"name": "retention.ms", "value": "7200000"}, {"name": "segment.bytes", "value": "2000000"}]);
    client.done("POST", &configs, &alter(two));
    // The other one is left alone.
    let reset = json!([{"name": "retention.ms", "operation": "DELETE"}, {"name": "max.message.bytes", "value": "2000"}]);
    client.done("POST", &configs, &alter(reset));
    client.done("PATCH", &path, &json!({"partitions_count": 5}));
    let described = kafka_tool(
        "org.apache.kafka.tools.TopicCommand",
        &["--describe", "--topic", &topic],
    );
    let first = described
        .lines()
        .find(|line| line.contains("PartitionCount"))
        .unwrap();
    assert!(first.contains("PartitionCount: 5"), "{first}");
    let configs_of = first.split("Configs: ").nth(1).unwrap();
    let set: BTreeSet<_> = configs_of.trim().split(',').collect();
    let wanted = BTreeSet::from(["max.message.bytes=2000", "segment.bytes=2000000"]);
    assert!(set.is_superset(&wanted), "{set:?}");
    assert!(!configs_of.contains("retention.ms"), "{set:?}");

    let (status, said) = client.call(
        "POST",
        &configs,
        &alter(json!([{"name": "retention.ms", "value": "soon"}])),
    );
    assert_eq!((status, &said["error_code"]), (400, &json!(40002)));
    assert_eq!(
        said["message"],
        "Invalid value soon for configuration retention.ms: Not a number of type LONG"
    );
    let (status, said) = client.call("PATCH", &path, &json!({"partitions_count": 4}));
    assert_eq!((status, &said["error_code"]), (400, &json!(40002)));
    assert_eq!(
        said["message"],
        format!("The topic {topic} currently has 5 partition(s); 4 would not be an increase.")
    );
    // A record goes to a new partition at once.
    client.produce(&topic, &[(4, json!(1))]);
}
