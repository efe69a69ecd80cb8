//! The live view and the plain lines of made-up looks, and a monitor whose server comes and goes.

use std::collections::BTreeMap;
use std::time::Duration;

use ratatui::Terminal;
use ratatui::backend::TestBackend;

use super::super::lag::GroupLag;
use super::history::History;
use super::lines::lines;
use super::looker::{Retention, Seen, SeenTopic};
use super::picture::{Picture, Setup, picture};
use super::pulse::Pulse;
use super::view::{Look, draw};
use super::words::Glyphs;
use crate::health::Health;
use crate::rest::Offsets;

const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

fn setup(named: &[&str], groups: &[&str]) -> Setup {
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    Setup {
        url: "http://127.0.0.1:8082".to_owned(),
        server: "krush 0.1.0 stand-in".to_owned(),
        named: words(named),
        groups: words(groups),
        canary: Some("canary".to_owned()),
        interval: secs(1),
        silent_after: secs(30),
    }
}

fn topic(name: &str, first: i64, end: i64) -> SeenTopic {
    let offsets = Offsets {
        beginning_offset: first,
        end_offset: end,
    };
    SeenTopic {
        name: name.to_owned(),
        partitions: vec![(0, offsets)],
    }
}

fn group(current: i64, end: i64) -> GroupLag {
    let lag = end - current;
    let text = format!(
        r#"{{"group":"billing","state":"STABLE","lag":{lag},"max_lag":{lag},"partitions":[{{"topic":"orders","partition":0,"current_offset":{current},"end_offset":{end},"lag":{lag},"consumer_id":null,"client_id":null}}]}}"#
    );
    serde_json::from_str(&text).expect("a group")
}

/// A minute in which `orders` got 100 records a second and then more, `idle` none, and the group stood still from second 20 on.
fn minute(retention: u64) -> History {
    let mut history = History::default();
    for second in 0..=60_u64 {
        let at = i64::try_from(second).expect("small");
        let end = 1_000 + 100 * at + if at > 30 { 40 * (at - 30) } else { 0 };
        let retention = Retention {
            age: Some(secs(retention)),
            by_size: true,
        };
        let seen = Seen {
            topics: vec![topic("orders", 0, end), topic("idle", 5, 5)],
            untold: Vec::new(),
            not_shown: 3,
            groups: vec![(
                "billing".to_owned(),
                Ok(group(1_000 + 100 * at.min(20), end)),
            )],
            retention: BTreeMap::from([("orders".to_owned(), retention)]),
        };
        let began = secs(second);
        history.looked(began, began + Duration::from_millis(12), Ok(seen), secs(60));
    }
    history
}

fn pulse() -> Pulse {
    let mut pulse = Pulse::default();
    for second in 1..=60 {
        pulse.beat(
            secs(second),
            Duration::from_micros(3_000 + 50 * second),
            None,
        );
    }
    pulse
}

fn at(history: &History, setup: &Setup, now: Duration) -> Picture {
    let time = "2026-11-29T14:02:03Z".to_owned();
    picture(setup, history, Some(&pulse()), now, time)
}

fn drawn(picture: &Picture, width: u16, height: u16) -> String {
    let look = Look {
        color: false,
        glyphs: Glyphs::Blocks,
    };
    let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("a backend");
    let frame = terminal.draw(|frame| draw(frame, picture, 0.0, look));
    let buffer = frame.expect("drawn").buffer.clone();
    let rows = buffer.content().chunks(usize::from(width));
    let rows = rows.map(|row| {
        row.iter()
            .map(ratatui::buffer::Cell::symbol)
            .collect::<String>()
    });
    let rows: Vec<String> = rows.map(|row| row.trim_end().to_owned()).collect();
    rows.join("\n").trim_end().to_owned()
}

#[test]
fn the_live_view_fits_80_by_24() {
    let history = minute(50);
    let picture = at(&history, &setup(&[], &["billing"]), secs(60));
    assert_eq!(picture.health, Health::Alert);
    insta::assert_snapshot!(drawn(&picture, 80, 24), @r"
    krush monitor  http://127.0.0.1:8082  krush 0.1.0 stand-in          14:02:03 UTC
    ALERT    answered 0s ago, in 12.0 ms                                   q ends it
             group billing is 5,200 records behind
             group billing: unread records in orders-0 used 80 % of retention

    topic         records/s  last minute                         end offset  state
    idle                  0  ▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁               5  -
    orders              140  ▆▇▆▆▆▆▆▆▆▆▆▆▆▆▆███████████████           8,200  -
    and 3 more topics: name those to look at with --topic

    canary canary  last 6.00 ms  p50 4.50 ms  p95 5.85 ms  of 60, 0 failed

    group billing  5,200 behind, rising +86.7/s  ALERT
      oldest unread record is 40s old (orders-0), 80 % of retention 50s, dropped in
      10s; sooner if retention.bytes is reached, which cannot be seen here
    ");
    insta::assert_snapshot!(lines(&picture), @r"
    14:02:03  idle                                          0                   5  -
    14:02:03  orders                                      140               8,200  -
    14:02:03  canary canary: last 6.00 ms  p50 4.50 ms  p95 5.85 ms  of 60, 0 failed
    14:02:03  group billing: 5,200 behind, rising +86.7/s, ALERT
    14:02:03  group billing: oldest unread record is 40s old (orders-0), 80 % of retention 50s, dropped in 10s; sooner if retention.bytes is reached, which cannot be seen here
    14:02:03  ALERT: group billing is 5,200 records behind
    ");
}

#[test]
fn what_does_not_fit_is_said() {
    let history = minute(100_000);
    let picture = at(&history, &setup(&[], &["billing"]), secs(60));
    insta::assert_snapshot!(drawn(&picture, 60, 12), @r"
    krush monitor  http://127.0.0.1:8082  krush 0.. 14:02:03 UTC
    ALERT    answered 0s ago, in 12.0 ms               q ends it
             group billing is 5,200 records behind

    topic     records/s  last minute                         e..
    and 5 more topics: name those to look at with --topic

    canary canary  last 6.00 ms  p50 4.50 ms  p95 5.85 ms  of ..

    group billing  5,200 behind, rising +86.7/s  ALERT
      oldest unread record is 40s old (orders-0), 0 % of
      retention 1d 3h, dropped in 1d 3h; sooner if
    ");
    // Nothing to draw on is no reason to panic.
    for (width, height) in [(1, 1), (8, 3), (300, 2)] {
        drawn(&picture, width, height);
    }
}

#[test]
fn old_figures_are_never_shown_as_new_ones() {
    let mut history = minute(50);
    let refused = "nothing listens at http://127.0.0.1:8082: connection refused";
    let failed = Err(refused.to_owned());
    history.looked(secs(61), secs(61), failed, secs(60));
    let picture = at(&history, &setup(&["orders"], &["billing"]), secs(75));
    assert!(!picture.answered && picture.health == Health::Alert);
    assert!(
        picture
            .topics
            .iter()
            .all(|topic| topic.records_per_sec.is_none())
    );
    assert!(
        picture
            .topics
            .iter()
            .all(|topic| topic.end_offset.is_none())
    );
    assert_eq!(picture.groups[0].lag, None);
    insta::assert_snapshot!(drawn(&picture, 80, 24), @r"
    krush monitor  http://127.0.0.1:8082  krush 0.1.0 stand-in          14:02:03 UTC
    ALERT    NO ANSWER, the last one 14s ago                               q ends it
             nothing listens at http://127.0.0.1:8082: connection refused

    topic         records/s  last minute                         end offset  state
    orders                -                                               -  -

    canary canary  last 6.00 ms  p50 4.50 ms  p95 5.85 ms  of 60, 0 failed

    group billing  -  unknown
    ");
    insta::assert_snapshot!(lines(&picture), @"14:02:03  NO ANSWER, the last one 14s ago: nothing listens at http://127.0.0.1:8082: connection refused");
}

#[test]
fn an_answer_that_is_late_leaves_no_figures() {
    let history = minute(50);
    // The last one came at 60.012, the next look was due a second later.
    for (ms, fresh) in [(63_012, true), (63_013, false)] {
        let now = Duration::from_millis(ms);
        let picture = at(&history, &setup(&[], &["billing"]), now);
        assert_eq!(picture.answered, fresh, "{ms}");
        assert_eq!(picture.topics[0].end_offset.is_some(), fresh, "{ms}");
        assert_eq!(picture.groups[0].lag.is_some(), fresh, "{ms}");
        assert_eq!(picture.reasons[0] == "no answer for 3s", !fresh, "{ms}");
    }
}

#[test]
fn named_topics_must_exist_and_have_producers() {
    let history = minute(50);
    let picture = at(&history, &setup(&["orders", "idle", "gone"], &[]), secs(60));
    let states: Vec<Health> = picture.topics.iter().map(|topic| topic.health).collect();
    assert_eq!(states, [Health::Good, Health::Alert, Health::Alert]);
    insta::assert_snapshot!(picture.reasons.join("\n"), @r"
    topic idle: no records for 30s, producers are silent
    topic gone does not exist
    ");
}

#[test]
fn records_that_were_dropped_unread_are_counted() {
    let mut history = History::default();
    for second in 0..=1 {
        let seen = Seen {
            topics: vec![topic("orders", 700, 1_000)],
            untold: Vec::new(),
            not_shown: 0,
            groups: vec![("billing".to_owned(), Ok(group(500, 1_000)))],
            retention: BTreeMap::new(),
        };
        history.looked(secs(second), secs(second), Ok(seen), secs(60));
    }
    let picture = at(&history, &setup(&[], &["billing"]), secs(1));
    assert_eq!(picture.groups[0].dropped_unread, 200);
    assert_eq!(picture.groups[0].health, Health::Alert);
    insta::assert_snapshot!(picture.reasons.join("\n"), @r"
    group billing: 200 records were dropped before it read them
    group billing is 500 records behind
    all topics: no records in 1s so far
    ");
}

/// A topic, and how many records it has after so many seconds.
type Ended = (&'static str, fn(i64) -> i64);

/// What is said of topics with so many records after each second, the canary writing one a second to `canary`.
fn said_of(named: &[&str], ends: &[Ended], untold: &[&str]) -> String {
    let mut history = History::default();
    let mut pulse = Pulse::keeping(secs(30));
    for second in 0..=40_u64 {
        let at = i64::try_from(second).expect("small");
        let topics = ends.iter().map(|(name, end)| topic(name, 0, end(at)));
        let seen = Seen {
            topics: topics.collect(),
            untold: untold.iter().map(|name| (*name).to_owned()).collect(),
            not_shown: 0,
            groups: Vec::new(),
            retention: BTreeMap::new(),
        };
        history.looked(secs(second), secs(second), Ok(seen), secs(60));
        pulse.beat(secs(second), Duration::from_millis(3), None);
    }
    let setup = setup(named, &[]);
    let picture = picture(&setup, &history, Some(&pulse), secs(40), String::new());
    format!("{}: {}", picture.health.word(), picture.reasons.join("; "))
}

#[test]
fn records_of_the_canary_are_no_producers() {
    let canary: Ended = ("canary", |at| at);
    let busy_canary: Ended = ("canary", |at| 5 * at);
    let idle: Ended = ("t", |_| 7);
    let busy: Ended = ("t", |at| at);
    insta::assert_snapshot!([
        said_of(&[], &[canary, idle], &[]),
        said_of(&[], &[canary, busy], &[]),
        said_of(&[], &[canary], &[]),
        said_of(&["canary"], &[canary], &[]),
        said_of(&["canary"], &[busy_canary], &[]),
    ].join("\n"), @"
    ALERT: all topics: no records for 30s, producers are silent
    good: 
    unknown: no topic to look at but the canary's own
    ALERT: topic canary: no records for 30s, producers are silent
    good:
    ");
}

#[test]
fn without_a_topic_to_look_at_nothing_is_good() {
    insta::assert_snapshot!([
        said_of(&[], &[], &[]),
        said_of(&[], &[], &["t"]),
        said_of(&["t"], &[], &["t"]),
        said_of(&["t"], &[], &[]),
    ].join("\n"), @"
    unknown: no topic to look at
    unknown: krush 0.1.0 stand-in tells no offsets of its topics
    unknown: topic t: krush 0.1.0 stand-in tells no offsets of it
    ALERT: topic t does not exist
    ");
}

#[test]
fn why_a_group_has_no_lag_fits_its_line() {
    let mut history = History::default();
    let why = "group ghup at http://127.0.0.1:8082 is STABLE and has committed no offsets, so that it has no lag yet";
    let seen = Seen {
        topics: vec![topic("orders", 0, 10)],
        untold: Vec::new(),
        not_shown: 0,
        groups: vec![("ghup".to_owned(), Err(why.to_owned()))],
        retention: BTreeMap::new(),
    };
    history.looked(secs(0), secs(0), Ok(seen), secs(60));
    let picture = at(&history, &setup(&[], &["ghup"]), secs(0));
    let drawn = drawn(&picture, 80, 24);
    let about: Vec<&str> = drawn.lines().filter(|line| line.contains("ghup")).collect();
    insta::assert_snapshot!(about.join("\n"), @"
             group ghup is STABLE and has committed no offsets, so that it has no ..
    group ghup  is STABLE and has committed no offsets, so that it has no..  unknown
    ");
}
