//! What is counted of a run that somebody made up.

use super::*;

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

fn fetch(asked: u64, received: u64) -> FetchSeen {
    FetchSeen {
        asked: secs(asked),
        received: secs(received),
        wire_bytes: 100,
    }
}

fn records(list: &[(u32, i64)]) -> impl Iterator<Item = RecordSeen<'static>> {
    list.iter().map(|&(partition, offset)| RecordSeen {
        topic: "t",
        partition,
        offset,
        payload_bytes: 10,
    })
}

fn backlog(list: &[(u32, Option<i64>, i64)]) -> BTreeMap<Place, Stretch> {
    let stretch = |&(partition, start, end)| (("t".to_owned(), partition), Stretch { start, end });
    list.iter().map(stretch).collect()
}

#[test]
fn every_record_is_counted_once_and_the_backlog_ends_with_its_last() {
    let stretches = [
        (0, Some(0), 3),
        (1, Some(5), 7),
        (2, Some(4), 4),
        (3, Some(0), 0),
    ];
    let mut tally = Tally::new(2, SeenBy::Records, backlog(&stretches));
    let start = tally.backlog();
    assert_eq!((start.records, start.open_partitions), (Some(5), 2));
    tally.fetched(0, fetch(0, 1), records(&[]));
    tally.fetched(0, fetch(1, 2), records(&[(0, 0), (0, 1)]));
    // The last record of partition 1 is there, the one before it not yet: it is read to its end all the same.
    tally.fetched(1, fetch(1, 4), records(&[(1, 6), (0, 1), (0, 2)]));
    let done = tally.backlog();
    assert_eq!((done.read, done.open_partitions), (4, 0));
    assert_eq!(done.drained, Some(secs(4)));
    tally.fetched(1, fetch(4, 5), records(&[(1, 5), (1, 7), (0, 3)]));
    assert_eq!(tally.backlog().read, 5);
    assert_eq!(tally.backlog().drained, Some(secs(4)), "told once");
    tally.fetched(0, fetch(5, 9), records(&[]));
    assert_eq!(tally.records(), (8, 1));
    assert_eq!(
        (tally.late(), tally.holes().offsets, tally.partitions()),
        (1, 0, 2)
    );
    assert_eq!(tally.window(), Some((secs(1), secs(5))));
    let [one, two] = tally.instances() else {
        panic!("two instances");
    };
    assert_eq!(
        (one.fetched, one.with_records, one.empty, one.empty_at_first),
        (2, 1, 2, 1)
    );
    assert_eq!((two.fetched, two.again, two.payload_bytes), (6, 1, 60));
    assert_eq!(tally.with_records_us().len() + tally.empty_us().len(), 5);
    assert_eq!(tally.with_records_us().max() / 1_000_000, 3);
    assert_eq!(tally.empty_us().max() / 1_000_000, 4);
    assert_eq!(tally.wire_bytes(), 500);
}

#[test]
fn a_backlog_whose_start_is_not_known_has_an_end_all_the_same() {
    let mut tally = Tally::new(1, SeenBy::Records, backlog(&[(0, None, 9), (1, None, 0)]));
    assert_eq!(
        (tally.backlog().records, tally.backlog().open_partitions),
        (None, 1)
    );
    tally.fetched(0, fetch(0, 1), records(&[(0, 7), (0, 8)]));
    assert_eq!(
        (tally.backlog().read, tally.backlog().open_partitions),
        (2, 0)
    );
    assert_eq!(tally.holes().offsets, 0);
}

#[test]
fn failures_are_counted_by_what_they_mean() {
    let mut tally = Tally::new(1, SeenBy::Records, BTreeMap::new());
    assert_eq!((tally.window(), tally.backlog().records), (None, Some(0)));
    for failure in [
        FetchFailure::AnswerLost,
        FetchFailure::InstanceGone,
        FetchFailure::AnswerLost,
    ] {
        tally.failed(0, failure, "why");
    }
    let one = &tally.instances()[0];
    assert_eq!(
        (one.failed_fetches(), one.failed[&FetchFailure::AnswerLost]),
        (3, 2)
    );
}
