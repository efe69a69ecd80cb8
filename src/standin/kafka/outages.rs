//! Tests of broker trouble, against librdkafka's own mock cluster: no Java, and the broker fails on command.

use std::borrow::Cow;
use std::time::{Duration, Instant};

use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};

use super::{Front, FrontSettings, ProducerSettings};
use crate::standin::backend::{Entry, Record};
use crate::wire::code;

type Cluster = MockCluster<'static, DefaultProducerContext>;

fn cluster() -> Cluster {
    let cluster = MockCluster::new(1).unwrap();
    cluster.create_topic("t", 3, 1).unwrap();
    cluster
}

fn front(cluster: &Cluster, max_block: Duration, delivery_timeout: Duration) -> Front {
    let settings = FrontSettings {
        producer: ProducerSettings {
            max_block,
            delivery_timeout,
            ..ProducerSettings::default()
        },
        api_timeout: Duration::from_secs(1),
        ..FrontSettings::default()
    };
    Front::connect(&cluster.bootstrap_servers(), settings).unwrap()
}

fn records(partitions: &[i32]) -> Vec<Record<'static>> {
    let record = |&partition| Record {
        partition: Some(partition),
        key: None,
        value: Some(Cow::Borrowed(b"value".as_slice())),
    };
    partitions.iter().map(record).collect()
}

fn failure(entry: &Entry) -> (i64, &str) {
    match entry {
        Entry::Failed { code, message } => (*code, message),
        Entry::Stored { .. } => panic!("stored: {entry:?}"),
    }
}

#[tokio::test]
async fn a_silent_broker_expires_the_records_and_never_refuses_them() {
    let cluster = cluster();
    let front = front(&cluster, Duration::from_secs(10), Duration::from_secs(1));
    let before = front.produce("t", records(&[0])).await.unwrap();
    assert!(matches!(before[0], Entry::Stored { partition: 0, .. }));
    cluster
        .broker_round_trip_time(1, Duration::from_secs(30))
        .unwrap();
    let entries = front.produce("t", records(&[0, 1, 0])).await.unwrap();
    for (entry, (records, partition)) in entries.iter().zip([(2, 0), (1, 1), (2, 0)]) {
        let (code, text) = failure(entry);
        assert_eq!(code, code::KAFKA_RETRIABLE);
        let start = format!("Expiring {records} record(s) for t-{partition}:");
        assert!(text.starts_with(&start), "{text}");
        assert!(text.ends_with(" ms has passed since batch creation"));
    }
}

#[tokio::test]
async fn a_dead_broker_makes_even_a_known_topic_unknown_until_it_is_back() {
    let cluster = cluster();
    let front = front(
        &cluster,
        Duration::from_millis(600),
        Duration::from_secs(20),
    );
    front.produce("t", records(&[0])).await.unwrap();
    cluster.broker_down(1).unwrap();
    // The outage is known once librdkafka has lost its connections.
    let deadline = Instant::now() + Duration::from_secs(10);
    while front.known("t").is_some() {
        assert!(Instant::now() < deadline, "the outage went unnoticed");
        tokio::task::yield_now().await;
    }
    let started = Instant::now();
    let entries = front.produce("t", records(&[0, 1])).await.unwrap();
    assert!(started.elapsed() >= Duration::from_millis(1200));
    for entry in &entries {
        assert_eq!(
            failure(entry),
            (
                code::KAFKA_RETRIABLE,
                "Topic t not present in metadata after 600 ms."
            )
        );
    }
    let error = front.topics().await.unwrap_err();
    assert_eq!((error.status, error.code), (500, code::KAFKA_RETRIABLE));
    assert!(
        error
            .message
            .starts_with("Timed out waiting for a node assignment.")
    );

    cluster.broker_up(1).unwrap();
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let entries = front.produce("t", records(&[0])).await.unwrap();
        if matches!(entries[0], Entry::Stored { .. }) {
            break;
        }
        assert!(Instant::now() < deadline, "still failing: {entries:?}");
    }
}

#[tokio::test]
async fn a_refusal_of_the_broker_has_kafkas_code_and_text() {
    let cluster = cluster();
    let front = front(&cluster, Duration::from_secs(10), Duration::from_secs(10));
    front.produce("t", records(&[0])).await.unwrap();
    for (refusal, code, text) in [
        (
            RDKafkaRespErr::RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE,
            code::KAFKA,
            "The request included a message larger than the max message size the server will accept.",
        ),
        (
            RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED,
            code::KAFKA_AUTHORIZATION,
            "Not authorized to access topics: [t]",
        ),
    ] {
        cluster.request_errors(RDKafkaApiKey::Produce, &[refusal]);
        let entries = front.produce("t", records(&[0])).await.unwrap();
        assert_eq!(failure(&entries[0]), (code, text));
    }
    // A passing trouble is retried by librdkafka, as by Java's client, and never seen.
    cluster.request_errors(
        RDKafkaApiKey::Produce,
        &[RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS],
    );
    let entries = front.produce("t", records(&[0])).await.unwrap();
    assert!(matches!(entries[0], Entry::Stored { .. }), "{entries:?}");
}

#[tokio::test]
async fn a_partition_above_the_count_waits_and_names_the_count() {
    let cluster = MockCluster::new(1).unwrap();
    cluster.create_topic("grows", 1, 1).unwrap();
    let front = front(
        &cluster,
        Duration::from_millis(500),
        Duration::from_secs(10),
    );
    let entries = front.produce("grows", records(&[1, 0])).await.unwrap();
    assert_eq!(
        failure(&entries[0]),
        (
            code::KAFKA_RETRIABLE,
            "Partition 1 of topic grows with partition count 1 is not present in metadata after 500 ms."
        )
    );
    assert!(matches!(entries[1], Entry::Stored { partition: 0, .. }));
}
