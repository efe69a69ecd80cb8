//! `krush monitor` as typed, against a stand-in: lines and JSON, a canary, and a server that goes away.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use crate::served::Served;
use crate::topics::krush;

fn objects(said: &str) -> Vec<serde_json::Value> {
    let lines = said.lines().filter(|line| line.starts_with('{'));
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn one_look_as_json_has_rates_and_the_canary() {
    let server = Served::start(&["--topic", "beat"]);
    let line = "monitor --once --json --topic t,beat --canary beat --interval 200ms";
    let rate = |picture: &serde_json::Value| picture["topics"][1]["records_per_sec"].as_f64();
    // On a machine that is busy, no record of the canary may fall between the two looks.
    let picture = (0..20)
        .map(|_| {
            let said = krush(&server, line);
            assert!(said.ends_with("exit 0\n"), "{said}");
            let mut pictures = objects(&said);
            assert_eq!(pictures.len(), 1, "{said}");
            pictures.remove(0)
        })
        .find(|picture| rate(picture) > Some(0.0));
    let picture = picture.expect("a look that saw the canary's records");
    assert_eq!(picture["answered"], true);
    assert_eq!(picture["topics"][0]["topic"], "t");
    assert_eq!(picture["topics"][0]["records_per_sec"], 0.0);
    assert_eq!(picture["canary"]["failed"], 0);
    assert!(picture["canary"]["last"]["us"].as_u64().unwrap() > 0);
}

#[test]
fn lines_have_a_heading_and_as_many_samples_as_asked_for() {
    let server = Served::start(&[]);
    let said = krush(&server, "monitor --samples 3 --interval 100ms");
    let mut settings = insta::Settings::clone_current();
    settings.add_filter(r"\d\d:\d\d:\d\d", "[TIME]");
    settings.add_filter(r"in \d+s so far", "in [SECS] so far");
    settings.bind(|| {
        insta::assert_snapshot!(said, @r"
    TIME      WHAT                                  RECORDS/S          END OFFSET  STATE
    [TIME]  t                                             0                   0  -
    [TIME]  unknown: all topics: no records in [SECS] so far
    [TIME]  t                                             0                   0  -
    [TIME]  unknown: all topics: no records in [SECS] so far
    [TIME]  t                                             0                   0  -
    [TIME]  unknown: all topics: no records in [SECS] so far
    exit 0
    ");
    });
}

#[test]
fn wrong_input_is_named() {
    let server = Served::start(&[]);
    let run = |line: &str| {
        let said = krush(&server, line);
        let first = said.lines().next().unwrap_or_default().to_owned();
        format!("{first} {}\n", said.lines().last().unwrap_or_default())
    };
    insta::assert_snapshot!([
        run("monitor --canary missing --once"),
        run("monitor --interval 1ms"),
        run("monitor --once --samples 2"),
        run("monitor --topic a/b"),
        run("monitor --url http://127.0.0.1:1 --once"),
        run("lag --group nobody"),
    ].concat(), @r"
    error: --canary: topic missing does not exist at URL exit 15
    error: invalid value '1ms' for '--interval <TIME>': `1ms` is too short an interval: at least 100ms exit 2
    error: the argument '--once' cannot be used with '--samples <N>' exit 2
    error: invalid value 'a/b' for '--topic <NAME>': `a/b` is not a topic name: write 1 to 249 of a-z A-Z 0-9 . _ -, and not . or .. exit 2
    error: nothing listens at http://127.0.0.1:1: connection refused exit 15
    error: there is no consumer group nobody at URL exit 15
    ");
}

#[test]
fn a_server_that_goes_away_is_said_and_ends_with_15() {
    let server = Served::start(&[]);
    let mut child = crate::krush()
        .args([
            "monitor",
            "--json",
            "--interval",
            "100ms",
            "--timeout",
            "2s",
        ])
        .args(["--samples", "200", "--url", &server.url])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut next =
        || -> serde_json::Value { serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap() };
    assert_eq!(next()["answered"], true);
    drop(server);
    let failed = loop {
        let picture = next();
        if picture["answered"] == false {
            break picture;
        }
    };
    assert_eq!(failed["health"], "alert");
    assert!(
        failed["error"]
            .as_str()
            .unwrap()
            .contains("nothing listens at")
    );
    assert_eq!(
        failed["topics"][0]["records_per_sec"],
        serde_json::Value::Null
    );
    assert!(failed["answer_age_secs"].as_f64().unwrap() > 0.0);
    // A reader that leaves ends it.
    drop(lines);
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn a_group_that_stopped_reading_is_behind_by_what_came_since() {
    for dialect in ["confluent", "karapace"] {
        let server = Served::start(&["--dialect", dialect]);
        let run = |line: &str| {
            let said = krush(&server, line);
            assert!(said.ends_with("exit 0\n"), "{line}: {said}");
            said
        };
        run("basic --topic t --messages 100 --concurrency 1 --quiet");
        run("consume --topic t --group g --instances 1 --drain --commit after");
        run("basic --topic t --messages 150 --concurrency 1 --quiet");
        let lag = &objects(&run("lag --group g --json"))[0];
        assert_eq!(lag["lag"], 150, "{dialect}: {lag}");
        assert_eq!(lag["health"], "watch", "{dialect}");
        assert_eq!(lag["partitions"][0]["current_offset"], 100, "{dialect}");
        let seen = run("monitor --once --json --group g --interval 100ms --silent-after 50ms");
        let seen = &objects(&seen)[0];
        assert_eq!(seen["groups"][0]["lag"], 150, "{dialect}: {seen}");
        assert_eq!(seen["groups"][0]["trend"], "steady", "{dialect}");
        assert_eq!(seen["health"], "alert", "{dialect}: producers are silent");
    }
}
