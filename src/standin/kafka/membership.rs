//! Tests of members, against librdkafka's own mock cluster: no Java, and the broker goes away on command. Its groups do not always become
//! stable, so what a group does is in `tests/it/kafka/consumers.rs`.

use std::time::{Duration, Instant};

use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;

use super::member::Member;
use super::{Front, FrontSettings};
use crate::standin::backend::{Entry, Record};
use crate::standin::members::{
    Fetched, MemberSettings, Position, Reset, Seek, Subscription, TopicPartition,
};

type Cluster = MockCluster<'static, DefaultProducerContext>;

fn cluster(partitions: i32) -> Cluster {
    let cluster = MockCluster::new(1).unwrap();
    cluster.create_topic("t", partitions, 1).unwrap();
    cluster
}

fn front(cluster: &Cluster) -> Front {
    let settings = FrontSettings {
        api_timeout: Duration::from_secs(10),
        ..FrontSettings::default()
    };
    Front::connect(&cluster.bootstrap_servers(), settings).unwrap()
}

/// Records `from..to` into one partition.
async fn produce(front: &Front, partition: i32, numbers: std::ops::Range<i64>) {
    let records = numbers.map(|number| Record {
        partition: Some(partition),
        key: None,
        value: Some(number.to_string().into_bytes().into()),
    });
    let entries = front.produce("t", records.collect()).await.unwrap();
    let stored = |entry: &Entry| matches!(entry, Entry::Stored { .. });
    assert!(entries.iter().all(stored), "{entries:?}");
}

async fn member(front: &Front, reset: Reset, auto_commit: bool) -> Member {
    let settings = MemberSettings {
        group: "g".to_owned(),
        instance: "i".to_owned(),
        reset,
        auto_commit,
    };
    front.join(settings).await.unwrap()
}

fn topic() -> Subscription {
    Subscription::Topics(vec!["t".to_owned()])
}

fn of(partition: i32) -> TopicPartition {
    TopicPartition {
        topic: "t".to_owned(),
        partition,
    }
}

fn position(partition: i32, offset: i64) -> Position {
    Position {
        of: of(partition),
        offset,
        metadata: String::new(),
    }
}

fn offsets(records: &[Fetched]) -> Vec<i64> {
    records.iter().map(|record| record.offset).collect()
}

/// Polls until there are so many records, or more.
async fn read(member: &Member, records: usize) -> Vec<Fetched> {
    let deadline = Instant::now() + Duration::from_secs(30);
    let mut read = Vec::new();
    while read.len() < records {
        assert!(Instant::now() < deadline, "only {read:?}: {member:?}");
        read.extend(member.poll(100).await.unwrap());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    read
}

#[tokio::test]
async fn the_next_one_goes_on_where_the_last_one_committed() {
    let cluster = cluster(2);
    let front = front(&cluster);
    produce(&front, 0, 0..10).await;
    let first = member(&front, Reset::Earliest, false).await;
    assert_eq!(first.poll(10).await, Ok(Vec::new()));
    first.assign(vec![of(0), of(1)]).await.unwrap();
    let records = read(&first, 10).await;
    assert_eq!(offsets(&records), (0..10).collect::<Vec<_>>());
    assert_eq!(records[3].value.as_deref(), Some(&b"3"[..]));
    assert_eq!((&*records[3].topic, records[3].partition), ("t", 0));
    assert!(records[3].timestamp_ms > 1_600_000_000_000);
    assert_eq!(first.assignment().await, [of(0), of(1)]);
    // Of the other one nothing was read, and its place is known all the same.
    assert_eq!(first.positions().await, [(of(0), 10), (of(1), 0)]);
    assert_eq!(first.committed(&[of(0)]).await, Ok(Vec::new()));
    let mut wanted = position(0, 7);
    wanted.metadata = "half way".to_owned();
    first.commit(std::slice::from_ref(&wanted)).await.unwrap();
    assert_eq!(first.committed(&[of(0), of(1)]).await, Ok(vec![wanted]));
    first.close().await;
    assert_eq!(first.poll(1).await.unwrap_err().code, 40403);
    assert_eq!(first.assignment().await, []);

    let second = member(&front, Reset::Latest, false).await;
    second.assign(vec![of(0)]).await.unwrap();
    assert_eq!(offsets(&read(&second, 3).await), [7, 8, 9]);
    second.close().await;
}

#[tokio::test]
async fn only_what_was_handed_out_is_committed_by_itself() {
    let cluster = cluster(1);
    let front = front(&cluster);
    produce(&front, 0, 0..10).await;
    for automatic in [true, false] {
        let first = member(&front, Reset::Earliest, automatic).await;
        first.assign(vec![of(0)]).await.unwrap();
        let mut read = Vec::new();
        while read.len() < 4 {
            let left = 4 - read.len();
            read.extend(first.poll(left).await.unwrap());
        }
        let from = if automatic { 0 } else { 4 };
        assert_eq!(offsets(&read), (from..from + 4).collect::<Vec<_>>());
        first.close().await;
    }
    let last = member(&front, Reset::Earliest, false).await;
    assert_eq!(last.committed(&[of(0)]).await, Ok(vec![position(0, 4)]));
}

#[tokio::test]
async fn places_are_found_by_end_offset_and_time() {
    let cluster = cluster(2);
    let front = front(&cluster);
    produce(&front, 0, 0..10).await;
    let member = member(&front, Reset::Latest, false).await;
    member.assign(vec![of(0), of(1)]).await.unwrap();
    assert_eq!(member.positions().await, [(of(0), 10), (of(1), 0)]);
    let all = [
        (of(0), Seek::Beginning),
        (of(1), Seek::Timestamp(i64::from(u32::MAX) * 1000)),
    ];
    member.seek(&all).await.unwrap();
    assert_eq!(member.positions().await, [(of(0), 0), (of(1), 0)]);
    assert_eq!(read(&member, 10).await.len(), 10);
    member.seek(&[(of(0), Seek::Offset(8))]).await.unwrap();
    assert_eq!(offsets(&read(&member, 2).await), [8, 9]);
    member.seek(&[(of(0), Seek::Offset(5))]).await.unwrap();
    member.seek(&[(of(0), Seek::End)]).await.unwrap();
    assert_eq!(member.positions().await[0], (of(0), 10));
    // By hand in place of by hand: who is kept keeps the place.
    member.seek(&[(of(0), Seek::Offset(9))]).await.unwrap();
    member.assign(vec![of(0)]).await.unwrap();
    assert_eq!(offsets(&read(&member, 1).await), [9]);
    let other = member.seek(&[(of(1), Seek::Beginning)]).await.unwrap_err();
    assert_eq!((other.status, other.code), (409, 40903));
    assert_eq!(
        other.message,
        "Illegal state: No current assignment for partition t-1"
    );
    let mixed = member.subscribe(topic()).await.unwrap_err();
    assert_eq!((mixed.status, mixed.code), (409, 40903));
    member.assign(Vec::new()).await.unwrap();
    let pattern = Subscription::Pattern("t|u".to_owned());
    member.subscribe(pattern).await.unwrap();
    assert_eq!(member.subscribe(topic()).await, Err(mixed.clone()));
    assert_eq!(member.assign(vec![of(0)]).await, Err(mixed));
}

#[tokio::test]
async fn without_a_place_to_begin_a_fetch_fails_until_there_is_one() {
    let cluster = cluster(2);
    let front = front(&cluster);
    produce(&front, 0, 0..3).await;
    produce(&front, 1, 0..3).await;
    let member = member(&front, Reset::None, false).await;
    member.assign(vec![of(0), of(1)]).await.unwrap();
    for _ in 0..2 {
        let error = member.poll(10).await.unwrap_err();
        assert_eq!((error.status, error.code), (500, 50002));
        assert_eq!(
            error.message,
            "Undefined offset with no reset policy for partitions: [t-0, t-1]"
        );
    }
    member.seek(&[(of(0), Seek::Offset(1))]).await.unwrap();
    let error = member.poll(10).await.unwrap_err();
    assert!(error.message.ends_with("[t-1]"), "{error:?}");
    member.commit(&[position(1, 2)]).await.unwrap();
    let mut records = read(&member, 3).await;
    records.sort_by_key(|record| record.partition);
    assert_eq!(offsets(&records), [1, 2, 2]);
}

#[tokio::test]
async fn bad_names_and_missing_topics_are_told_apart() {
    let cluster = cluster(1);
    let front = front(&cluster);
    let first = member(&front, Reset::Earliest, false).await;
    let topics =
        |names: &[&str]| Subscription::Topics(names.iter().map(|&name| name.to_owned()).collect());
    first.subscribe(topics(&["a b", "t", "."])).await.unwrap();
    let error = first.poll(1).await.unwrap_err();
    assert_eq!((error.status, error.code), (400, 40002));
    assert_eq!(error.message, "Invalid topics: [., a b]");
    first
        .subscribe(topics(&["t", "not-yet", "t"]))
        .await
        .unwrap();
    assert_eq!(first.subscription().await, ["not-yet", "t"]);
    assert_eq!(first.poll(1).await, Ok(Vec::new()));
    let refused = first.subscribe(Subscription::Pattern("(".to_owned()));
    assert_eq!(refused.await.unwrap_err().code, 40903);
    let second = member(&front, Reset::Earliest, false).await;
    let refused = second.subscribe(Subscription::Pattern("(".to_owned()));
    assert_eq!(refused.await.unwrap_err().status, 500);
}

#[tokio::test]
async fn with_the_broker_away_a_fetch_is_empty_and_a_commit_fails_in_time() {
    let cluster = cluster(1);
    let settings = FrontSettings {
        api_timeout: Duration::from_secs(2),
        ..FrontSettings::default()
    };
    let front = Front::connect(&cluster.bootstrap_servers(), settings).unwrap();
    produce(&front, 0, 0..1).await;
    let member = member(&front, Reset::Earliest, true).await;
    member.assign(vec![of(0)]).await.unwrap();
    read(&member, 1).await;
    cluster.broker_down(1).unwrap();
    let started = Instant::now();
    for _ in 0..20 {
        assert_eq!(member.poll(10).await, Ok(Vec::new()));
    }
    assert!(started.elapsed() < Duration::from_secs(1));
    let started = Instant::now();
    let error = member.commit(&[position(0, 1)]).await.unwrap_err();
    assert!(started.elapsed() < Duration::from_secs(4));
    assert_eq!((error.status, error.code), (500, 50003));
    assert_eq!(
        error.message,
        "Timeout of 2000ms expired before successfully committing offsets {t-0=OffsetAndMetadata{offset=1, leaderEpoch=null, metadata=''}}"
    );
    let error = member.committed(&[of(0)]).await.unwrap_err();
    assert_eq!((error.status, error.code), (500, 50003));
    let started = Instant::now();
    member.close().await;
    assert!(started.elapsed() < Duration::from_secs(4));
    let error = front.groups().await.unwrap_err();
    assert_eq!((error.status, error.code), (500, 50003));
    cluster.broker_up(1).unwrap();
}
