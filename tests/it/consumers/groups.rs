//! Groups that share and rebalance, instances that expire, and what is stored of a commit.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use krush::standin::Settings;
use krush::wire::Dialect;
use serde_json::{Value, json};

use super::{Client, new_topic, numbers, quick, some_records, start, until};

#[test]
fn six_instances_over_24_partitions_read_100_000_records_once() {
    const INSTANCES: usize = 6;
    const RECORDS: i64 = 100_000;
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
                    (read >= RECORDS as usize).then_some(())
                });
                assert_eq!(client.commit(&instance, &Value::Null), 200);
                assert_eq!(client.assigned(&instance), 24 / INSTANCES);
                own
            }
        };
        let readers: Vec<_> = (0..INSTANCES).map(|n| scope.spawn(reader(n))).collect();
        ready.wait();
        for first in (0..RECORDS).step_by(1_000) {
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
    assert_eq!(numbers, (0..RECORDS).collect::<Vec<_>>());
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
