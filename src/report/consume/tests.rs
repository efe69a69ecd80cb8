//! What is said about runs that somebody made up.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use super::*;
use crate::measure::consume::{FetchFailure, FetchSeen, RecordSeen, SeenBy, Stretch, Tally};
use crate::report::{Style, TargetKind};
use crate::wire::Dialect;

fn plan() -> ConsumePlan {
    ConsumePlan {
        topics: vec!["performance-test".to_owned()],
        pattern: None,
        group: "krush-x4Tz9".to_owned(),
        new_group: true,
        instances: 3,
        format: "json".to_owned(),
        from: "earliest".to_owned(),
        commit: "after".to_owned(),
        messages: None,
        duration_secs: None,
        drain: true,
        idle_secs: 30.0,
        fetch_timeout_secs: 1.0,
        fetch_min_bytes: Some(1),
        max_bytes: None,
        process_secs: 0.0,
        timeout_secs: 30.0,
        min_records_per_sec: None,
    }
}

fn target(kind: TargetKind) -> ConsumeTarget {
    ConsumeTarget {
        kind,
        urls: vec!["http://localhost:8082".to_owned()],
        server: "REST Proxy".to_owned(),
        dialect: Dialect::Confluent,
        base_uri_elsewhere: Some("http://rest-proxy:8082/consumers/g/instances/i".to_owned()),
        base_uri: "rewrite".to_owned(),
    }
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// Two partitions with 1,000 records each, three instances.
fn tally() -> Tally {
    let stretch = |partition| {
        let stretch = Stretch {
            start: Some(0),
            end: 1_000,
        };
        (("performance-test".to_owned(), partition), stretch)
    };
    Tally::new(3, SeenBy::Assignments, BTreeMap::from([0, 1].map(stretch)))
}

fn fetched(
    tally: &mut Tally,
    instance: usize,
    at_ms: [u64; 2],
    partition: u32,
    offsets: std::ops::Range<i64>,
) {
    let fetch = FetchSeen {
        asked: ms(at_ms[0]),
        received: ms(at_ms[1]),
        wire_bytes: 90 * offsets.clone().count() as u64 + 2,
    };
    let records = offsets.map(|offset| RecordSeen {
        topic: "performance-test",
        partition,
        offset,
        payload_bytes: 40,
    });
    tally.fetched(instance, fetch, records);
}

fn run(tally: &Tally, plan: ConsumePlan, end: ConsumeEnd) -> ConsumeReport {
    build(Consumed {
        plan,
        target: target(TargetKind::RestProxy),
        tally,
        backlog_known: true,
        started_at: SystemTime::UNIX_EPOCH,
        elapsed: ms(2_100),
        end,
        gone: None,
        not_deleted: Vec::new(),
        warnings: Vec::new(),
    })
}

fn good() -> ConsumeReport {
    let mut tally = tally();
    for instance in 0..3 {
        fetched(&mut tally, instance, [5, 400], 0, 0..0);
        let place = ("performance-test".to_owned(), instance as u32);
        tally.assigned(
            instance,
            ms(420),
            Some(place)
                .filter(|(_, partition)| *partition < 2)
                .into_iter(),
        );
    }
    fetched(&mut tally, 0, [400, 600], 0, 0..1_000);
    fetched(&mut tally, 1, [400, 650], 1, 0..600);
    fetched(&mut tally, 1, [650, 1_400], 1, 600..1_000);
    for _ in 0..3 {
        tally.instance(1).commits += 1;
    }
    run(&tally, plan(), ConsumeEnd::Drained)
}

/// Everything that can go wrong, and does.
fn bad() -> ConsumeReport {
    let mut tally = tally();
    fetched(&mut tally, 0, [5, 20], 0, 0..500);
    tally.failed(0, FetchFailure::AnswerLost, "http://localhost:8082 gave no HTTP answer to GET /consumers/g/instances/i/records: connection closed");
    tally.failed(1, FetchFailure::InstanceGone, "http://localhost:8082 answered GET /consumers/g/instances/j/records with HTTP 404, error_code 40403: Consumer instance not found.");
    tally.instance(1).lost += 1;
    tally.instance(1).recovered += 1;
    tally.instance(1).recovering = ms(1_234);
    tally.instance(0).commits_failed += 1;
    fetched(&mut tally, 1, [40, 90], 0, 490..510);
    fetched(&mut tally, 1, [90, 120], 0, 700..720);
    fetched(&mut tally, 2, [0, 1_000], 0, 0..0);
    let mut wanted = plan();
    wanted.idle_secs = 5.0;
    let mut report = Consumed {
        plan: wanted,
        target: target(TargetKind::StandIn),
        tally: &tally,
        backlog_known: true,
        started_at: SystemTime::UNIX_EPOCH,
        elapsed: ms(6_000),
        end: ConsumeEnd::Idle,
        gone: None,
        not_deleted: Vec::new(),
        warnings: Vec::new(),
    };
    report.not_deleted.push(NotDeleted {
        path: "/consumers/g/instances/j".to_owned(),
        why: "nothing listens at http://localhost:8082: connection refused".to_owned(),
    });
    build(report)
}

fn shown(report: &ConsumeReport) -> String {
    let header = table::header(&report.plan, &report.target);
    let text = format!("{header}\n{}", table::body(report, &[], Style::plain()));
    for line in text.lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
    text.replace(env!("CARGO_PKG_VERSION"), "VERSION")
}

#[test]
fn a_backlog_that_was_drained() {
    let report = good();
    insta::assert_snapshot!(shown(&report), @r"
    krush VERSION  consume  ← http://localhost:8082  (REST Proxy)
      topic performance-test
    3 instances, group krush-x4Tz9 (new), from earliest, json,
      committed after each batch, until the backlog is read

    throughput        2,000 records/s
    volume            80 kB/s of keys and values, 0.18 MB/s of answers
    times             first record after 600 ms, last after 1.40 s; 2,000 records in
                      1.00 s
    time to drain     1.40 s for a backlog of 2,000

    fetch latency     P50     P90     P95     P99     P99.9   max
    with records      250 ms  750 ms  750 ms  750 ms  750 ms  750 ms
    empty             395 ms  395 ms  395 ms  395 ms  395 ms  395 ms
    from when the fetch was sent until its answer was there, waiting for records
      included

    records           fetched 2,000 = counted 2,000 + seen before 0
    offsets           of 2 partitions: 0 missing, 0 late
    fetches           6 = with records 3 + empty 3 + failed 0; 3 empty before the
                      first record
    commits           3 made, 0 failed
    rebalances        0 while joining, 0 later, 0 partitions moved; as the server
                      tells assignments

    instance  records  rec/s    volume  fetches  empty  failed  partitions
    1           1,000  5,000  0.2 MB/s        1      1       0           1
    2           1,000  1,000   40 kB/s        2      1       0           1
    3               0      0     0 B/s        0      1       0           0

    warning: the server says that an instance is at
      http://rest-proxy:8082/consumers/g/instances/i; it was called at the target
      all the same. Behind a load balancer that may fail: try --base-uri as-given.
    warning: 1 instance read nothing: records came from 2 partitions, and a
      partition is read by one instance. Try --instances 2.
    PASS
    ");
    let (r, f) = (&report.ledger.records, &report.ledger.fetches);
    assert_eq!(r.fetched, r.counted + r.again);
    assert_eq!(f.asked, f.with_records + f.empty + f.failed);
}

#[test]
fn a_run_in_which_much_went_wrong() {
    let report = bad();
    insta::assert_snapshot!(shown(&report), @"
    krush VERSION  consume  ← http://localhost:8082  (REST Proxy)
      topic performance-test
    3 instances, group krush-x4Tz9 (new), from earliest, json,
      committed after each batch, until the backlog is read
    krush's built-in stand-in: figures are about this machine, not a REST Proxy

    throughput        4,609 records/s
    volume            0.19 MB/s of keys and values, 0.42 MB/s of answers
    times             first record after 20.0 ms, last after 120 ms; 530 records in
                      115 ms
    time to drain     not drained: 530 of a backlog of 2,000 read

    fetch latency     P50      P90      P95      P99      P99.9    max
    with records      30.0 ms  50.0 ms  50.0 ms  50.0 ms  50.0 ms  50.0 ms
    empty             1.00 s   1.00 s   1.00 s   1.00 s   1.00 s   1.00 s
    from when the fetch was sent until its answer was there, waiting for records
      included

    records           fetched 540 = counted 530 + seen before 10
    offsets           of 1 partition: 190 missing, 0 late
    fetches           6 = with records 3 + empty 1 + failed 2; 1 empty before the
                      first record
    commits           0 made, 1 failed
    rebalances        0 while joining, 0 later, 0 partitions moved; as the server
                      tells assignments
    instances         1 lost, 1 made anew in 1.23 s together

    instance  records   rec/s     volume  fetches  empty  failed  partitions
    1             500  33,333  1.33 MB/s        1      0       1           1
    2              40     500    20 kB/s        2      0       1           1
    3               0       0      0 B/s        0      1       0           0

    1 fetch failed, answer lost: http://localhost:8082 gave no HTTP answer to GET
      /consumers/g/instances/i/records: connection closed
    1 fetch failed, instance gone: http://localhost:8082 answered GET
      /consumers/g/instances/j/records with HTTP 404, error_code 40403: Consumer
      instance not found.
    not deleted: /consumers/g/instances/j: nothing listens at http://localhost:8082:
      connection refused

    warning: the server says that an instance is at
      http://rest-proxy:8082/consumers/g/instances/i; it was called at the target
      all the same. Behind a load balancer that may fail: try --base-uri as-given.
    warning: the answers of 1 fetch were lost: records in them were read by the
      instance and not seen here. Read the topic again with a new group to see them.
    warning: 190 offsets before the last ones seen never came, in 1 stretch. That is
      normal where a topic is compacted or written in transactions; else records
      were missed.
    warning: 1 instance could not be deleted: Confluent's proxy drops them after 5
      minutes without a call, Strimzi's bridge and Karapace keep them.
    warning: 1 instance read nothing: records came from 1 partition, and a partition
      is read by one instance. Try --instances 1.
    VOID  (exit 13)
      530 of 2,000 records of the backlog came, then none came for 5 s: 2 partitions
        were not read to the end
    ");
    assert_eq!(report.verdict.exit_code, 13);
    let quiet = table::verdict_lines(&report, &[], Style::plain());
    insta::assert_snapshot!(quiet, @r"
    VOID  (exit 13)
      530 of 2,000 records of the backlog came, then none came for 5 s: 2 partitions
        were not read to the end
      krush's built-in stand-in: figures are about this machine, not a REST Proxy
    ");
}

#[test]
fn the_last_word() {
    let full = || {
        let mut tally = tally();
        fetched(&mut tally, 0, [0, 1_000], 0, 0..1_000);
        fetched(&mut tally, 1, [0, 1_000], 1, 0..1_000);
        tally
    };
    let judged = |tally: &Tally, wanted: ConsumePlan, end, gone: Option<&str>| {
        let report = build(Consumed {
            plan: wanted,
            target: target(TargetKind::RestProxy),
            tally,
            backlog_known: true,
            started_at: SystemTime::UNIX_EPOCH,
            elapsed: ms(1_000),
            end,
            gone: gone.map(str::to_owned),
            not_deleted: Vec::new(),
            warnings: Vec::new(),
        });
        let verdict = report.verdict;
        format!(
            "{} {} {:?}",
            verdict.exit_code, verdict.headline, verdict.reasons
        )
    };
    let slow = ConsumePlan {
        min_records_per_sec: Some(2_001.0),
        ..plan()
    };
    let fast = ConsumePlan {
        min_records_per_sec: Some(2_000.0),
        ..plan()
    };
    let many = ConsumePlan {
        messages: Some(5_000),
        drain: false,
        ..plan()
    };
    let timed = ConsumePlan {
        duration_secs: Some(1.0),
        drain: false,
        ..plan()
    };
    let gone = Some("no good answer for 2m: nothing listens at http://localhost:8082");
    let nothing = Tally::new(3, SeenBy::Records, BTreeMap::new());
    let lines = [
        judged(&full(), plan(), ConsumeEnd::Drained, None),
        judged(&full(), fast, ConsumeEnd::Drained, None),
        judged(&full(), slow.clone(), ConsumeEnd::Drained, None),
        judged(&full(), slow, ConsumeEnd::Interrupted, None),
        judged(&full(), plan(), ConsumeEnd::TargetGone, gone),
        judged(&full(), many.clone(), ConsumeEnd::Idle, None),
        judged(&full(), many, ConsumeEnd::Messages, None),
        judged(&tally(), plan(), ConsumeEnd::Idle, None),
        judged(&tally(), timed.clone(), ConsumeEnd::Duration, None),
        judged(&nothing, timed, ConsumeEnd::Duration, None),
        judged(&nothing, plan(), ConsumeEnd::Drained, None),
    ];
    insta::assert_snapshot!(lines.join("\n"), @r#"
    0 PASS []
    0 PASS []
    10 FAIL ["2,000 records per second, wanted 2,001"]
    130 INTERRUPTED ["stopped by a signal after 2,000 records"]
    15 FAIL (target) ["no good answer for 2m: nothing listens at http://localhost:8082"]
    13 VOID ["2,000 of 5,000 records came, then none came for 30 s"]
    0 PASS []
    13 VOID ["0 of 2,000 records of the backlog came, then none came for 30 s: 2 partitions were not read to the end"]
    13 VOID ["no record came, and 2,000 were there"]
    0 PASS []
    0 PASS []
    "#);
}

/// `KRUSH_UPDATE_SCHEMA=1 cargo test --lib schema` writes it anew.
#[test]
fn the_schema_of_consume_in_docs_is_that_of_the_types() {
    crate::report::promises::assert_schema::<ConsumeReport>("consume.schema.json");
    let text = json(&bad());
    let read: ConsumeReport = serde_json::from_str(&text).unwrap();
    assert_eq!(read, bad());
}

#[test]
fn a_drain_of_which_the_beginning_is_not_known_claims_nothing() {
    let words = |read: std::ops::Range<i64>| {
        let stretch = Stretch {
            start: None,
            end: 1_000,
        };
        let place = ("performance-test".to_owned(), 0);
        let backlog = BTreeMap::from([(place, stretch)]);
        let mut tally = Tally::new(1, SeenBy::Records, backlog);
        fetched(&mut tally, 0, [0, 20], 0, read);
        let report = build(Consumed {
            plan: plan(),
            target: target(TargetKind::RestProxy),
            tally: &tally,
            backlog_known: true,
            started_at: SystemTime::UNIX_EPOCH,
            elapsed: ms(30_000),
            end: ConsumeEnd::Idle,
            gone: None,
            not_deleted: Vec::new(),
            warnings: Vec::new(),
        });
        let text = table::body(&report, &[], Style::plain());
        let lines = text
            .lines()
            .skip_while(|line| !line.starts_with("time to drain"));
        let lines: Vec<&str> = lines.take_while(|line| !line.is_empty()).collect();
        lines.join("\n")
    };
    insta::assert_snapshot!([words(0..0), words(5..90), words(5..1_000)].join("\n"), @"
    time to drain     nothing came: the group had read everything, as far as is
                      known (this server does not tell what a group has committed)
    time to drain     not known: 85 records of what was there came, and this server
                      does not tell where the group began
    time to drain     20.0 ms for what was there, 995 records
    ");
}
