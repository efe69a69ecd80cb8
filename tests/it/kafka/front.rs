//! The backend alone: what a produce or admin call does in a real cluster, and the words a client is given.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use krush::standin::ProducerSettings;
use krush::standin::backend::{ApiError, Entry, NewTopic, Record};
use krush::standin::kafka::{Front, FrontSettings};

use super::{broker, topic_name};

fn settings() -> FrontSettings {
    waiting(Duration::from_millis(1500))
}

/// The usual settings, but for how long a record waits for metadata or room.
fn waiting(max_block: Duration) -> FrontSettings {
    FrontSettings {
        producer: ProducerSettings {
            max_block,
            ..ProducerSettings::default()
        },
        ..FrontSettings::default()
    }
}

fn front(settings: FrontSettings) -> Front {
    Front::connect(&broker(), settings).unwrap()
}

fn new_topic(name: &str, partitions: i32) -> NewTopic {
    NewTopic {
        name: name.to_owned(),
        partitions: Some(partitions),
        replication_factor: Some(1),
        configs: BTreeMap::new(),
        validate_only: false,
    }
}

fn record(partition: Option<i32>, key: Option<&[u8]>, value: &[u8]) -> Record<'static> {
    Record {
        partition,
        key: key.map(|key| Cow::Owned(key.to_vec())),
        value: Some(Cow::Owned(value.to_vec())),
    }
}

fn stored(entry: &Entry) -> (i32, i64) {
    match entry {
        Entry::Stored { partition, offset } => (*partition, *offset),
        Entry::Failed { code, message } => panic!("not stored: {code} {message}"),
    }
}

fn failed(code: i64, message: impl Into<String>) -> Entry {
    Entry::Failed {
        code,
        message: message.into(),
    }
}

fn api_error(status: u16, code: i64, message: impl Into<String>) -> ApiError {
    ApiError {
        status,
        code,
        message: message.into(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_records_come_back_in_order_and_are_all_in_the_topic() {
    let front = front(settings());
    let topic = topic_name("thousand");
    front.create_topic(new_topic(&topic, 3)).await.unwrap();
    let info = front.topic(&topic).await.unwrap().unwrap();
    assert_eq!(info.partitions.len(), 3);
    for (number, partition) in (0..).zip(&info.partitions) {
        assert_eq!(partition.partition, number);
        assert_eq!(partition.replicas, [partition.leader]);
    }
    assert_eq!(
        info.configs.get("cleanup.policy").map(String::as_str),
        Some("delete")
    );

    // A third each: partition given, key given, neither.
    let records: Vec<_> = (0..1000)
        .map(|index: i32| {
            let value = format!(r#"{{"n":{index}}}"#);
            match index % 3 {
                0 => record(Some(index % 9 / 3), None, value.as_bytes()),
                1 => record(None, Some(b"one key"), value.as_bytes()),
                _ => record(None, None, value.as_bytes()),
            }
        })
        .collect();
    let wanted: Vec<_> = records.iter().map(|record| record.partition).collect();
    let entries = front.produce(&topic, records).await.unwrap();
    assert_eq!(entries.len(), 1000);
    let mut seen = BTreeSet::new();
    for (entry, wanted) in entries.iter().zip(wanted) {
        let (partition, offset) = stored(entry);
        assert!(wanted.is_none_or(|wanted| wanted == partition));
        assert!(seen.insert((partition, offset)), "an offset given twice");
    }
    let keyed: BTreeSet<_> = entries
        .iter()
        .skip(1)
        .step_by(3)
        .map(|e| stored(e).0)
        .collect();
    assert_eq!(keyed.len(), 1, "one key, one partition: {keyed:?}");
    // Given partitions keep the order of the request.
    let mut last = [-1; 3];
    for entry in entries.iter().step_by(3) {
        let (partition, offset) = stored(entry);
        let last = &mut last[usize::try_from(partition).unwrap()];
        assert!(offset > *last);
        *last = offset;
    }
    let mut end_offsets = 0;
    for partition in 0..3 {
        let (first, end) = front.offsets(&topic, partition).await.unwrap().unwrap();
        assert_eq!(first, 0);
        end_offsets += end;
        assert!((0..end).all(|offset| seen.contains(&(partition, offset))));
    }
    assert_eq!(end_offsets, 1000);
    assert_eq!(front.delete_topic(&topic).await, Ok(true));
}

#[tokio::test]
async fn bad_records_fail_alone_with_confluents_codes_and_texts() {
    let front = front(settings());
    let topic = topic_name("bad");
    front.create_topic(new_topic(&topic, 3)).await.unwrap();
    let started = Instant::now();
    let records = vec![
        record(Some(0), None, b"first"),
        record(Some(77), None, b"nowhere"),
        record(Some(0), None, &vec![b'x'; 1_100_002]),
        record(Some(0), None, b"last"),
    ];
    let entries = front.produce(&topic, records).await.unwrap();
    assert!(started.elapsed() >= Duration::from_millis(1500));
    assert_eq!(stored(&entries[0]), (0, 0));
    assert_eq!(
        entries[1],
        failed(
            50003,
            format!(
                "Partition 77 of topic {topic} with partition count 3 is not present in metadata after 1500 ms."
            )
        )
    );
    assert_eq!(
        entries[2],
        failed(
            50002,
            "The message is 1100090 bytes when serialized which is larger than 1048576, which is the value of the max.request.size configuration."
        )
    );
    assert_eq!(stored(&entries[3]), (0, 1));
    assert_eq!(front.offsets(&topic, 0).await, Ok(Some((0, 2))));

    // The largest record that passes is stored: 1 MiB less Kafka's overhead.
    let largest = vec![b'x'; 1_048_576 - 61 - 21 - 1 - 3 - 1];
    let entries = front
        .produce(&topic, vec![record(Some(1), None, &largest)])
        .await;
    assert_eq!(stored(&entries.unwrap()[0]), (1, 0));

    let negative = vec![
        record(Some(0), None, b"sent"),
        record(Some(-1), None, b"not"),
    ];
    assert_eq!(
        front.produce(&topic, negative).await,
        Err(api_error(500, 500, "Internal Server Error"))
    );
    let entries = front.produce("a b", vec![record(None, None, b"x")]).await;
    assert_eq!(entries.unwrap(), [failed(50002, "a b")]);
    assert_eq!(front.delete_topic(&topic).await, Ok(true));
}

#[tokio::test]
async fn a_missing_topic_costs_the_wait_for_each_record_unless_it_may_be_created() {
    let topic = topic_name("missing");
    let strict = front(FrontSettings {
        auto_create: false,
        ..waiting(Duration::from_millis(700))
    });
    let started = Instant::now();
    let two = || vec![record(None, None, b"1"), record(None, None, b"2")];
    let entries = strict.produce(&topic, two()).await.unwrap();
    let text = format!("Topic {topic} not present in metadata after 700 ms.");
    assert_eq!(entries, [failed(50003, &text), failed(50003, &text)]);
    assert!(started.elapsed() >= Duration::from_millis(1400));
    assert!(!strict.topics().await.unwrap().contains(&topic));
    assert_eq!(strict.topic(&topic).await, Ok(None));

    let generous = front(waiting(Duration::from_secs(20)));
    let entries = generous.produce(&topic, two()).await.unwrap();
    assert!(entries.iter().map(stored).count() == 2);
    assert!(generous.topics().await.unwrap().contains(&topic));
    // The strict front finds it too: it is there now.
    stored(&strict.produce(&topic, two()).await.unwrap()[1]);
    assert_eq!(generous.delete_topic(&topic).await, Ok(true));
}

#[tokio::test]
async fn topics_are_created_described_and_deleted_with_kafkas_words() {
    let front = front(settings());
    let name = topic_name("admin");
    let mut new = new_topic(&name, 2);
    new.configs = BTreeMap::from([("retention.ms".to_owned(), "3600000".to_owned())]);
    let check = NewTopic {
        validate_only: true,
        ..new.clone()
    };
    assert_eq!(front.create_topic(check.clone()).await, Ok(()));
    assert!(!front.topics().await.unwrap().contains(&name));
    assert_eq!(front.create_topic(new.clone()).await, Ok(()));
    let created = front.topic(&name).await.unwrap().unwrap();
    assert_eq!(created.configs["retention.ms"], "3600000");
    assert_eq!(created.partitions.len(), 2);
    let exists = api_error(400, 40002, format!("Topic '{name}' already exists."));
    assert_eq!(front.create_topic(new).await, Err(exists.clone()));
    assert_eq!(front.create_topic(check).await, Err(exists));
    let two_replicas = NewTopic {
        replication_factor: Some(2),
        ..new_topic(&topic_name("replicas"), 1)
    };
    assert_eq!(
        front.create_topic(two_replicas).await,
        Err(api_error(
            400,
            40002,
            "Unable to replicate the partition 2 time(s): The target replication factor of 2 cannot be reached because only 1 broker(s) are registered."
        ))
    );
    let none = front.create_topic(new_topic(&topic_name("none"), 0)).await;
    assert_eq!(none.unwrap_err().status, 400);
    let bad_config = NewTopic {
        configs: BTreeMap::from([("retention.ms".to_owned(), "soon".to_owned())]),
        ..new_topic(&topic_name("config"), 1)
    };
    let refused = front.create_topic(bad_config).await.unwrap_err();
    assert_eq!((refused.status, refused.code), (400, 40002));
    assert_eq!(
        front.create_topic(new_topic("bad name", 1)).await,
        Err(api_error(422, 42206, "Payload error. Invalid topic name."))
    );
    assert_eq!(front.offsets(&name, 9).await, Ok(None));
    assert_eq!(front.offsets(&name, 1).await, Ok(Some((0, 0))));
    assert_eq!(front.delete_topic(&name).await, Ok(true));
    assert_eq!(front.delete_topic(&name).await, Ok(false));
    // The controller has deleted it; the broker hears of it a moment later.
    let gone = async {
        while front.offsets(&name, 0).await != Ok(None) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let heard = tokio::time::timeout(Duration::from_secs(30), gone).await;
    assert!(heard.is_ok(), "the deleted topic still has offsets");
    assert_eq!(front.brokers().await.unwrap().len(), 1);
}

#[tokio::test]
async fn default_partitions_are_the_brokers_own() {
    let front = front(settings());
    let name = topic_name("default");
    let bare = NewTopic {
        partitions: None,
        replication_factor: None,
        ..new_topic(&name, 0)
    };
    assert_eq!(front.create_topic(bare).await, Ok(()));
    let topic = front.topic(&name).await.unwrap().unwrap();
    assert_eq!(topic.partitions.len(), 6);
    assert_eq!(front.delete_topic(&name).await, Ok(true));
}

#[tokio::test]
async fn says_which_kafka_it_saw_and_which_it_was_told() {
    let front = |told: Option<&str>| {
        front(FrontSettings {
            kafka_version: told.map(str::to_owned),
            ..FrontSettings::default()
        })
    };
    let seen = front(None);
    assert_eq!(seen.server_name(), "krush front on Apache Kafka 4.3");
    assert_eq!(seen.cluster_id().len(), 22);
    assert_eq!(
        front(Some("4.3.1")).server_name(),
        "krush front on Apache Kafka 4.3.1"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_buffer_holds_the_request_back_and_loses_nothing() {
    let small = |producer: ProducerSettings| FrontSettings {
        producer: ProducerSettings {
            buffer_bytes: 64 * 1024,
            ..producer
        },
        ..settings()
    };
    let front = front(small(ProducerSettings {
        max_block: Duration::from_secs(30),
        ..ProducerSettings::default()
    }));
    let topic = topic_name("full");
    front.create_topic(new_topic(&topic, 2)).await.unwrap();
    let value = vec![b'x'; 10_000];
    let records = (0..200).map(|_| record(None, None, &value)).collect();
    let entries = front.produce(&topic, records).await.unwrap();
    assert_eq!(
        entries.iter().map(stored).collect::<BTreeSet<_>>().len(),
        200
    );

    // The same with no time to wait: what finds no room says so, what found room is stored.
    let hasty = Front::connect(
        &broker(),
        small(ProducerSettings {
            max_block: Duration::from_millis(500),
            linger: Duration::from_secs(2),
            batch_bytes: 1_000_000,
            ..ProducerSettings::default()
        }),
    )
    .unwrap();
    let records = (0..8).map(|_| record(Some(0), None, &value)).collect();
    let entries = hasty.produce(&topic, records).await.unwrap();
    let (kept, refused): (Vec<_>, Vec<_>) = entries
        .iter()
        .partition(|entry| matches!(entry, Entry::Stored { .. }));
    assert_eq!((kept.len(), refused.len()), (6, 2), "{entries:?}");
    assert_eq!(
        refused[0],
        &failed(
            50003,
            "Failed to allocate 10087 bytes within the configured max blocking time 500 ms. Total memory: 65536 bytes."
        )
    );
    assert_eq!(front.delete_topic(&topic).await, Ok(true));
}
