//! Members that read what was stored: all of it once, from where the group stands, at a cost that does not grow with the backlog.

use std::collections::BTreeMap;
use std::time::Duration;

use super::super::MemoryLimits;
use super::*;
use crate::standin::backend::{Entry, NewTopic, Record};
use crate::standin::body;
use crate::standin::members::{Fetched, MemberSettings, Position, Reset, Seek, Subscription};
use crate::standin::whole::Whole;

fn memory(max_bytes: usize) -> Arc<Memory> {
    Arc::new(Memory::new(MemoryLimits {
        auto_create: true,
        default_partitions: 3,
        max_bytes,
        max_block: Duration::from_millis(1),
    }))
}

fn make(memory: &Memory, name: &str, partitions: i32) {
    let new = NewTopic {
        name: name.to_owned(),
        partitions: Some(partitions),
        replication_factor: None,
        configs: BTreeMap::new(),
        validate_only: false,
    };
    memory.create_topic(&new).unwrap();
}

fn produce(memory: &Memory, topic: &str, partition: i32, values: &[String]) -> Vec<Entry> {
    let record = |value: &String| Record {
        partition: Some(partition),
        key: None,
        value: Some(value.clone().into_bytes().into()),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let produced = memory.produce(topic, values.iter().map(record).collect());
    runtime.block_on(produced).unwrap()
}

/// So many records in one body, which is kept as it is.
fn produce_whole(memory: &Memory, topic: &str, partition: i32, first: usize, records: usize) {
    let payload = "x".repeat(180);
    let record = |n: usize| format!("{{\"value\":{{\"n\":{n},\"p\":\"{payload}\"}}}}");
    let all: Vec<String> = (first..first + records).map(record).collect();
    let mut body = format!("{{\"records\":[{}]}}", all.join(",")).into_bytes();
    body.shrink_to_fit();
    let body = Arc::new(body);
    let whole = Whole::of(&body, &body::read(&body).records.unwrap()).unwrap();
    assert!(memory.keep(topic, whole, Some(partition), drop).is_some());
}

fn member(memory: &Arc<Memory>, reset: Reset, auto_commit: bool) -> Member {
    let settings = MemberSettings {
        group: "g".to_owned(),
        instance: "c".to_owned(),
        reset,
        auto_commit,
    };
    Member::new(Arc::clone(memory), settings)
}

fn subscribed(memory: &Arc<Memory>, topics: &[&str]) -> Member {
    let member = member(memory, Reset::Earliest, false);
    let topics = topics.iter().map(|topic| (*topic).to_owned()).collect();
    member.subscribe(Subscription::Topics(topics)).unwrap();
    member
}

fn values(fetched: &[Fetched]) -> Vec<String> {
    let text = |record: &Fetched| String::from_utf8(record.value.clone().unwrap()).unwrap();
    fetched.iter().map(text).collect()
}

/// Polls until a poll brings nothing.
fn drain(member: &Member, most: usize) -> Vec<Fetched> {
    let mut all = Vec::new();
    loop {
        let polled = member.poll(most).unwrap();
        if polled.is_empty() {
            return all;
        }
        assert!(polled.len() <= most);
        all.extend(polled);
    }
}

fn of(topic: &str, partition: i32) -> TopicPartition {
    TopicPartition {
        topic: topic.to_owned(),
        partition,
    }
}

#[test]
fn a_backlog_is_read_without_going_past_a_record_twice() {
    const RECORDS: usize = 60_000;
    let memory = memory(64 << 20);
    make(&memory, "t", 2);
    // Copied segments on one partition, kept bodies on the other.
    let texts: Vec<String> = (0..RECORDS).map(|n| format!("{{\"n\":{n}}}")).collect();
    for batch in texts.chunks(1_000) {
        produce(&memory, "t", 0, batch);
    }
    for first in (0..RECORDS).step_by(1_000) {
        produce_whole(&memory, "t", 1, first, 1_000);
    }
    let reader = subscribed(&memory, &["t"]);
    assert_eq!(reader.poll(30).unwrap(), [], "it joins first");
    let all = drain(&reader, 30);
    assert_eq!(all.len(), 2 * RECORDS);
    for partition in [0, 1] {
        let own: Vec<&Fetched> = all.iter().filter(|r| r.partition == partition).collect();
        for (offset, record) in own.iter().enumerate() {
            assert_eq!(record.offset, offset as i64);
            let text = String::from_utf8_lossy(record.value.as_ref().unwrap()).into_owned();
            let n = text[5..].split([',', '}']).next();
            assert_eq!(n, Some(offset.to_string().as_str()));
        }
    }
    assert_eq!(
        reader.passed(),
        0,
        "each poll goes on where the last one ended"
    );
    let half = (RECORDS / 2) as i64;
    let places = [0, 1].map(|partition| (of("t", partition), Seek::Offset(half)));
    reader.seek(&places).unwrap();
    assert_eq!(drain(&reader, 500).len(), RECORDS);
    let passed = reader.passed();
    assert!(
        passed < 20_000,
        "{passed}: a part of one segment each, to find the place"
    );
}

#[test]
fn a_member_that_comes_later_goes_on_where_the_group_stands() {
    let memory = memory(1 << 20);
    make(&memory, "t", 1);
    let texts: Vec<String> = (0..10).map(|n| n.to_string()).collect();
    produce(&memory, "t", 0, &texts);
    let first = subscribed(&memory, &["t"]);
    first.poll(4).unwrap();
    assert_eq!(values(&first.poll(4).unwrap()), texts[..4]);
    let position = Position {
        of: of("t", 0),
        offset: 3,
        metadata: "mine".to_owned(),
    };
    first.commit(std::slice::from_ref(&position)).unwrap();
    assert_eq!(first.committed(&[of("t", 0), of("t", 1)]), [position]);
    first.close();
    assert_eq!(first.poll(4).unwrap(), []);
    let lags = memory.lags("g").unwrap();
    assert_eq!((lags[0].lag(), lags[0].member.clone()), (7, None));
    let second = subscribed(&memory, &["t"]);
    second.poll(100).unwrap();
    assert_eq!(values(&drain(&second, 100)), texts[3..]);
    assert_eq!(second.positions(), [(of("t", 0), 10)]);
}

#[test]
fn who_commits_by_itself_does_so_when_it_gives_up_and_when_it_leaves() {
    let memory = memory(1 << 20);
    make(&memory, "t", 2);
    for partition in [0, 1] {
        produce(&memory, "t", partition, &["1".to_owned(), "2".to_owned()]);
    }
    let wish = || Subscription::Topics(vec!["t".to_owned()]);
    let first = member(&memory, Reset::Earliest, true);
    first.subscribe(wish()).unwrap();
    first.poll(1).unwrap();
    assert_eq!(drain(&first, 10).len(), 4);
    let second = member(&memory, Reset::Earliest, true);
    second.subscribe(wish()).unwrap();
    second.poll(10).unwrap();
    assert_eq!(second.assignment(), [], "it waits until the first gave up");
    assert_eq!(drain(&first, 10).len() + drain(&first, 10).len(), 0);
    assert_eq!(drain(&second, 10).len(), 0, "what was read is committed");
    assert_eq!(
        (first.assignment().len(), second.assignment().len()),
        (1, 1)
    );
    produce(&memory, "t", 0, &["3".to_owned()]);
    produce(&memory, "t", 1, &["3".to_owned()]);
    assert_eq!((drain(&first, 9).len(), drain(&second, 9).len()), (1, 1));
    first.close();
    second.close();
    let lags = memory.lags("g").unwrap();
    assert_eq!(lags.iter().map(Lag::lag).collect::<Vec<_>>(), [0, 0]);
    assert_eq!(memory.group("g").unwrap().state, "EMPTY");
}

#[test]
fn offsets_that_are_gone_are_begun_anew_by_the_setting() {
    let memory = memory(16 << 10);
    make(&memory, "t", 1);
    let texts: Vec<String> = (0..2_000).map(|n| format!("{n:0100}")).collect();
    produce(&memory, "t", 0, &texts[..1]);
    let reader = subscribed(&memory, &["t"]);
    reader.poll(1).unwrap();
    assert_eq!(reader.poll(1).unwrap().len(), 1);
    produce(&memory, "t", 0, &texts);
    let (begin, end) = memory.offsets("t", 0).unwrap().unwrap();
    assert!(begin > 1, "the store has dropped the oldest");
    let rest = drain(&reader, 7);
    assert_eq!((rest[0].offset, rest.len() as i64), (begin, end - begin));
    let none = member(&memory, Reset::None, false);
    none.assign(vec![of("t", 0)]).unwrap();
    let refused = none.poll(1).unwrap_err();
    let wanted = "Undefined offset with no reset policy for partitions: [t-0]";
    assert_eq!(
        (refused.status, refused.code, refused.message.as_str()),
        (500, 50002, wanted)
    );
    let latest = member(&memory, Reset::Latest, false);
    latest.assign(vec![of("t", 0)]).unwrap();
    assert_eq!(latest.poll(1).unwrap(), []);
    produce(&memory, "t", 0, &texts[..1]);
    assert_eq!(latest.poll(9).unwrap().len(), 1);
}

#[test]
fn a_pattern_takes_topics_that_are_made_later_and_new_partitions_are_read() {
    let memory = memory(1 << 20);
    make(&memory, "app.a", 1);
    let reader = member(&memory, Reset::Earliest, false);
    let pattern = |text: &str| Subscription::Pattern(text.to_owned());
    assert_eq!(reader.subscribe(pattern("(")).unwrap_err().status, 500);
    reader.subscribe(pattern("app\\..")).unwrap();
    assert_eq!(reader.subscription(), ["app.a"]);
    drain(&reader, 9);
    for topic in ["app.b", "app.cc", "other"] {
        make(&memory, topic, 2);
        produce(&memory, topic, 1, &["1".to_owned()]);
    }
    drain(&reader, 9);
    let found = drain(&reader, 9);
    assert_eq!(found.len(), 1);
    assert_eq!(&*found[0].topic, "app.b");
    assert_eq!(reader.subscription(), ["app.a", "app.b"]);
    assert!(memory.add_partitions("app.a", 3).unwrap());
    produce(&memory, "app.a", 2, &["1".to_owned()]);
    drain(&reader, 9);
    assert_eq!(
        values(&drain(&reader, 9)),
        ["1", "1"],
        "uncommitted, it is read again"
    );
    assert!(memory.delete_topic("app.b").unwrap());
    drain(&reader, 9);
    drain(&reader, 9);
    assert_eq!(reader.assignment().len(), 3);
}

#[test]
fn a_topic_made_anew_is_read_from_its_beginning() {
    let memory = memory(1 << 20);
    make(&memory, "t", 1);
    produce(&memory, "t", 0, &["old".to_owned(), "older".to_owned()]);
    let reader = member(&memory, Reset::Earliest, true);
    reader.assign(vec![of("t", 0)]).unwrap();
    assert_eq!(drain(&reader, 9).len(), 2);
    memory.delete_topic("t").unwrap();
    assert_eq!(reader.poll(9).unwrap(), []);
    make(&memory, "t", 1);
    produce(&memory, "t", 0, &["new".to_owned()]);
    assert_eq!(values(&drain(&reader, 9)), ["new"]);
}

#[test]
fn what_does_not_suit_is_refused_in_kafkas_words() {
    let memory = memory(1 << 20);
    make(&memory, "t", 1);
    let reader = subscribed(&memory, &["t"]);
    let at = |partition, offset| Position {
        of: of("t", partition),
        offset,
        metadata: String::new(),
    };
    let refused = reader.commit(&[at(0, 1)]).unwrap_err();
    assert!(refused.message.contains("not part of an active group"));
    reader.poll(1).unwrap();
    let refused = reader.commit(&[at(0, 1)]).unwrap_err();
    assert!(refused.message.contains("undergoing a rebalance"));
    reader.poll(1).unwrap();
    reader.commit(&[at(0, 1)]).unwrap();
    let refused = reader.commit(&[at(7, 1)]).unwrap_err();
    assert_eq!(refused.message, "Topic or Partition t-7 does not exist");
    let exclusive =
        "Illegal state: Subscription to topics, partitions and pattern are mutually exclusive";
    let pattern = Subscription::Pattern("t".to_owned());
    for refused in [reader.subscribe(pattern), reader.assign(vec![of("t", 0)])] {
        let refused = refused.unwrap_err();
        assert_eq!(
            (refused.status, refused.code, refused.message.as_str()),
            (409, 40903, exclusive)
        );
    }
    let refused = reader.seek(&[(of("t", 9), Seek::Beginning)]).unwrap_err();
    assert_eq!(
        refused.message,
        "Illegal state: No current assignment for partition t-9"
    );
}

#[test]
fn records_are_found_by_the_time_they_came() {
    let memory = memory(1 << 20);
    make(&memory, "t", 1);
    produce(&memory, "t", 0, &["1".to_owned()]);
    let reader = member(&memory, Reset::Earliest, false);
    reader.assign(vec![of("t", 0)]).unwrap();
    let first = reader.poll(1).unwrap()[0].timestamp_ms;
    while super::super::now_ms() == first {
        std::hint::spin_loop();
    }
    produce(&memory, "t", 0, &["2".to_owned(), "3".to_owned()]);
    for (ms, wanted) in [(first, 3), (first + 1, 2), (i64::MAX, 0)] {
        reader.seek(&[(of("t", 0), Seek::Timestamp(ms))]).unwrap();
        assert_eq!(drain(&reader, 9).len(), wanted, "{ms}");
    }
    reader.seek(&[(of("t", 0), Seek::Offset(2))]).unwrap();
    let last = reader.poll(9).unwrap()[0].timestamp_ms;
    assert!((first + 1..=super::super::now_ms()).contains(&last));
}
