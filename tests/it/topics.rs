//! `krush topics` and `krush status` as typed, against a stand-in: what is printed, and the exit code.

use crate::served::Served;

/// krush against `server`: exit code, standard output and standard error, the server's address left out.
pub(crate) fn krush(server: &Served, line: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let output = crate::krush()
        .args(line.split(' '))
        .env("KRUSH_URL", &server.url)
        .current_dir(folder.path())
        .output()
        .unwrap();
    let code = output.status.code().unwrap();
    let out = String::from_utf8(output.stdout).unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    format!("{out}{err}exit {code}\n").replace(&server.url, "URL")
}

fn json(server: &Served, line: &str) -> serde_json::Value {
    let said = krush(server, line);
    serde_json::from_str(said.strip_suffix("exit 0\n").unwrap()).unwrap()
}

macro_rules! shows {
    ($text:expr, @$snapshot:literal) => {{
        let mut settings = insta::Settings::clone_current();
        settings.add_filter(r"[0-9.]+ (µs|ms)", "[TIME]");
        settings.add_filter(r"krush \d+\.\d+\.\d+", "krush [VERSION]");
        settings.bind(|| insta::assert_snapshot!($text, @$snapshot));
    }};
}

#[test]
fn a_topic_from_creation_to_deletion() {
    let server = Served::start(&[]);
    let run = |line: &str| format!("$ krush {line}\n{}", krush(&server, line));
    let made = [
        run("topics create orders --partitions 3 --replication 1 --config retention.ms=3600000"),
        run("topics create orders --partitions 3 --config retention.ms=3600000"),
        run("topics create orders --partitions 4 --config retention.ms=1"),
        run("basic --topic orders --messages 1200 --quiet"),
    ];
    assert!(made[3].ends_with("exit 0\n"), "{}", made[3]);
    let listed = json(&server, "topics list --records --json");
    assert_eq!(listed["topics"][0]["topic"], "orders");
    assert_eq!(listed["topics"][0]["partitions"], 3);
    assert_eq!(listed["topics"][0]["records"], 1200);
    let described = json(&server, "topics describe orders --json");
    let partitions = described["partitions"].as_array().unwrap();
    let records = |partition: &serde_json::Value| {
        let next = partition["next_offset"].as_u64().unwrap();
        assert_eq!(
            partition["records"],
            next - partition["first_offset"].as_u64().unwrap()
        );
        next
    };
    assert_eq!(partitions.iter().map(records).sum::<u64>(), 1200);
    assert_eq!(described["records"], 1200);
    shows!([
        &made[..3].concat(),
        &*run("topics list --records"),
        &*run("topics delete orders nope"),
        &*run("topics delete orders nope --if-exists"),
        &*run("topics describe orders"),
        &*run("topics list"),
    ].concat(), @r"
    $ krush topics create orders --partitions 3 --replication 1 --config retention.ms=3600000
    created topic orders: 3 partitions, replication 1
    exit 0
    $ krush topics create orders --partitions 3 --config retention.ms=3600000
    topic orders exists already: 3 partitions, replication 1; nothing changed
    exit 0
    $ krush topics create orders --partitions 4 --config retention.ms=1
    error: topic orders exists at URL with 3 partitions, not 4; retention.ms=3600000, not 1
    hint: nothing was changed; ask for what it has, delete it first, or choose another name
    exit 2
    $ krush topics list --records
    topic   partitions  records
    orders           3    1,200
    t                1        0
    exit 0
    $ krush topics delete orders nope
    error: topic nope does not exist at URL, so that none was deleted
    hint: with --if-exists a missing topic is no error
    exit 15
    $ krush topics delete orders nope --if-exists
    topic nope does not exist
    deleted topic orders
    exit 0
    $ krush topics describe orders
    error: topic orders does not exist at URL
    hint: see `krush topics list`, or make it with `krush topics create orders`
    exit 15
    $ krush topics list
    topic  partitions
    t               1
    exit 0
    ");
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
        run("topics create .."),
        run("topics create t --partitions 0"),
        run("topics create t --partitions -3"),
        run("topics create t --config retention.ms"),
        run("topics create t --config a=1 --config a=2"),
        run("topics delete"),
        run("topics describe t --url localhost:8082"),
        run("status --timeout 0s"),
    ].concat(), @r"
    error: invalid value '..' for '<TOPIC>': `..` is not a topic name: write 1 to 249 of a-z A-Z 0-9 . _ -, and not . or .. exit 2
    error: invalid value '0' for '--partitions <N>': 0 is not in 1..=1000000 exit 2
    error: invalid value '-3' for '--partitions <N>': -3 is not in 1..=1000000 exit 2
    error: invalid value 'retention.ms' for '--config <NAME=VALUE>': `retention.ms` is not a setting: write NAME=VALUE, such as retention.ms=3600000 exit 2
    error: --config: a is given twice, as `1` and as `2` exit 2
    error: the following required arguments were not provided: exit 2
    error: --url: `localhost:8082` has no scheme exit 2
    error: invalid value '0s' for '--timeout <DURATION>': `0s` is no time at all: write a duration such as 5s exit 2
    ");
}

#[test]
fn a_server_without_v3_says_what_it_cannot_do() {
    let strimzi = Served::start(&["--dialect", "strimzi"]);
    let karapace = Served::start(&["--dialect", "karapace"]);
    shows!([
        krush(&strimzi, "topics create new --partitions 2"),
        krush(&strimzi, "topics create other --config retention.ms=1"),
        krush(&strimzi, "topics delete new"),
        krush(&karapace, "topics create new --partitions 2"),
        krush(&karapace, "topics list"),
        krush(&karapace, "status"),
    ].concat(), @r"
    created topic new: 2 partitions, replication 1
    exit 0
    error: topic other does not exist at URL, and Strimzi's bridge takes no configuration when it creates one
    hint: create it: kafka-topics --bootstrap-server localhost:9092 --create --topic other --config retention.ms=1
    exit 15
    error: krush [VERSION] stand-in (strimzi manners) at URL cannot delete topics: it has no v3 API
    hint: delete it: kafka-topics --bootstrap-server localhost:9092 --delete --topic new
    exit 15
    error: topic new does not exist at URL, and this server cannot create it
    hint: create it: kafka-topics --bootstrap-server localhost:9092 --create --topic new --partitions 2
    exit 15
    topic  partitions
    t               1
    exit 0
    URL
      server    krush [VERSION] stand-in (karapace manners)
      kind      krush's built-in stand-in, not a REST Proxy
      dialect   karapace
      APIs      v2
      brokers   1 (id 1)
      topics    1
      answers   GET / [TIME]
      answers   GET /topics [TIME]
      answers   GET /brokers [TIME]
      ready     yes
      note      no v3: it neither creates nor deletes topics
    exit 0
    ");
}

#[test]
fn status_says_what_the_target_is() {
    let server = Served::start(&["--topic", "u:2"]);
    shows!(krush(&server, "status"), @r"
    URL
      server    krush [VERSION] stand-in
      kind      krush's built-in stand-in, not a REST Proxy
      dialect   confluent
      APIs      v2, v3
      cluster   a3J1c2gtc3RhbmQtaW4tMQ
      brokers   1 (id 1)
      topics    2
      answers   GET / [TIME]
      answers   GET /topics [TIME]
      answers   GET /brokers [TIME]
      ready     yes
    exit 0
    ");
    let status = json(&server, "status --json");
    assert_eq!(status["ready"], true);
    assert_eq!(status["topics"], 2);
    assert_eq!(status["brokers"][0], 1);
    assert_eq!(status["kind"], "stand-in");
}

#[test]
fn a_target_that_is_not_ready_exits_15() {
    let server = Served::start(&[]);
    let run = |line: &str| format!("$ krush {line}\n{}", krush(&server, line));
    shows!([
        run("status --url http://127.0.0.1:1"),
        run("topics list --url http://127.0.0.1:1"),
        run("status --url http://127.0.0.1:1 --json"),
    ].concat(), @r#"
    $ krush status --url http://127.0.0.1:1
    http://127.0.0.1:1
      answers   GET / no answer
      ready     NO
    error: nothing listens at http://127.0.0.1:1: connection refused
    hint: start a REST Proxy there, name another one with --url, or start the built-in stand-in: krush serve
    exit 15
    $ krush topics list --url http://127.0.0.1:1
    error: nothing listens at http://127.0.0.1:1: connection refused
    hint: start a REST Proxy there, name another one with --url, or start the built-in stand-in: krush serve
    exit 15
    $ krush status --url http://127.0.0.1:1 --json
    {"url":"http://127.0.0.1:1","ready":false,"why":"nothing listens at http://127.0.0.1:1: connection refused","kind":null,"server":null,"dialect":null,"apis":[],"cluster_id":null,"brokers":null,"topics":null,"round_trips":[{"call":"GET /","time_us":null,"error":"nothing listens at http://127.0.0.1:1: connection refused"}],"notes":["start a REST Proxy there, name another one with --url, or start the built-in stand-in: krush serve"]}
    exit 15
    "#);
}

#[test]
fn a_closed_pipe_is_success() {
    let server = Served::start(&[]);
    for line in ["topics list", "topics describe t", "status"] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = crate::krush()
            .args(line.split(' '))
            .env("KRUSH_URL", &server.url)
            .stdout(writer)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(0), "{line}");
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{line}");
    }
}

#[test]
fn a_size_from_given_rates_asks_no_server() {
    let output = crate::krush()
        .args(["topics", "size", "--target", "50k/s"])
        .args(["--produce-rate", "12k/s", "--consume-rate", "20k/s"])
        .args(["--url", "http://127.0.0.1:1"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0));
    let text = String::from_utf8(output.stdout).unwrap();
    insta::assert_snapshot!(text, @r"
    target t               50,000 records/s
    one partition takes p  12,000 records/s, given
    one consumer reads c   20,000 records/s, given
    max(t/p, t/c)          max(4.17, 2.50) = 4.17
    partitions             5
    ");
}

#[test]
fn a_size_is_measured_with_a_partition_of_its_own_that_is_deleted() {
    let server = Served::start(&[]);
    let line = "topics size --target 1M/s --duration 500ms --json";
    let said = krush(&server, line);
    let sized: serde_json::Value =
        serde_json::from_str(said.lines().find(|line| line.starts_with('{')).unwrap()).unwrap();
    let rate = |of: &str| {
        assert_eq!(sized[of]["measured"], true, "{said}");
        sized[of]["records_per_sec"].as_f64().unwrap()
    };
    let (produce, consume) = (rate("produce"), rate("consume"));
    let ratio = (1e6 / produce).max(1e6 / consume);
    let partitions = sized["partitions"].as_u64().unwrap();
    assert_eq!(partitions, ratio.ceil() as u64, "{said}");
    let listed = json(&server, "topics list --json");
    assert_eq!(listed["topics"].as_array().unwrap().len(), 1, "{listed}");
}
