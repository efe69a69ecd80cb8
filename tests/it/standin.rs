//! The stand-in over TCP: each fault does what it says, HTTPS, pipelining, and `krush serve` from start to totals.

use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use krush::standin::{Embedded, Settings, tls};

/// A status line, headers and the decoded body.
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

pub(crate) fn with_faults(faults: &[&str]) -> Embedded {
    let settings = Settings {
        faults: faults.iter().map(|fault| fault.parse().unwrap()).collect(),
        threads: 2,
        ..Settings::default()
    };
    Embedded::start(settings).unwrap()
}

pub(crate) fn connect(server: &Embedded) -> BufReader<TcpStream> {
    let address = server.url().strip_prefix("http://").unwrap();
    let stream = TcpStream::connect(address).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    BufReader::new(stream)
}

pub(crate) fn request(method: &str, path: &str, body: &str) -> String {
    format!(
        "{method} {path} HTTP/1.1\r\nHost: h\r\nAccept: application/vnd.kafka.v2+json\r\nContent-Type: application/vnd.kafka.json.v2+json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

pub(crate) fn records(count: usize) -> String {
    let all: Vec<String> = (0..count)
        .map(|n| format!("{{\"value\":{{\"n\":{n}}}}}"))
        .collect();
    format!("{{\"records\":[{}]}}", all.join(","))
}

/// One answer, `None` if the connection ended instead.
pub(crate) fn read_reply(stream: &mut impl std::io::BufRead) -> Option<Reply> {
    let mut head = String::new();
    loop {
        let before = head.len();
        if stream.read_line(&mut head).unwrap_or(0) == 0 {
            return None;
        }
        if head.len() == before + 2 {
            break;
        }
    }
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let mut body = Vec::new();
    if head.contains("chunked") {
        loop {
            let mut line = String::new();
            stream.read_line(&mut line).ok()?;
            let size = usize::from_str_radix(line.trim(), 16).ok()?;
            let mut chunk = vec![0; size + 2];
            stream.read_exact(&mut chunk).ok()?;
            if size == 0 {
                break;
            }
            body.extend_from_slice(&chunk[..size]);
        }
    } else if let Some((_, rest)) = head.to_lowercase().split_once("content-length: ") {
        body.resize(rest.split("\r\n").next()?.parse().ok()?, 0);
        stream.read_exact(&mut body).ok()?;
    }
    let body = String::from_utf8(body).ok()?;
    Some(Reply { status, head, body })
}

pub(crate) fn send(stream: &mut BufReader<TcpStream>, request: &str) -> Option<Reply> {
    stream.get_mut().write_all(request.as_bytes()).ok()?;
    read_reply(stream)
}

pub(crate) fn produce(stream: &mut BufReader<TcpStream>, count: usize) -> Option<Reply> {
    send(stream, &request("POST", "/topics/t", &records(count)))
}

pub(crate) fn stored(server: &Embedded) -> u64 {
    server.memory().totals().stored
}

#[test]
fn a_share_of_entries_fails_inside_a_200_and_is_not_stored() {
    let server = with_faults(&["fail=10%:50003"]);
    let mut stream = connect(&server);
    let mut failed = 0;
    for _ in 0..10 {
        let reply = produce(&mut stream, 25).unwrap();
        assert_eq!(reply.status, 200);
        let body: serde_json::Value = serde_json::from_str(&reply.body).unwrap();
        let entries = body["offsets"].as_array().unwrap();
        assert_eq!(entries.len(), 25);
        failed += entries
            .iter()
            .filter(|entry| entry["error_code"] == 50003)
            .count();
    }
    assert_eq!(failed, 25);
    assert_eq!(stored(&server), 225);
    assert_eq!(server.memory().records("t").len(), 225);
}

#[test]
fn a_status_for_the_whole_request_stores_only_if_told_to() {
    for (fault, status, kept) in [
        ("status=503", 503, 0),
        ("status=429", 429, 0),
        ("status=500:stored", 500, 3),
    ] {
        let server = with_faults(&[fault]);
        let reply = produce(&mut connect(&server), 3).unwrap();
        assert_eq!((reply.status, stored(&server)), (status, kept), "{fault}");
        assert!(
            reply
                .body
                .starts_with(&format!("{{\"error_code\":{status},")),
            "{}",
            reply.body
        );
    }
}

#[test]
fn answers_are_falsified_but_the_records_are_stored() {
    let entries = |body: &str| body.matches("\"partition\"").count();
    for (fault, holds) in [
        (
            "empty",
            &(|body: &str| body.is_empty()) as &dyn Fn(&str) -> bool,
        ),
        ("broken", &|body| {
            body.starts_with("{\"offsets\"")
                && serde_json::from_str::<serde_json::Value>(body).is_err()
        }),
        ("entries=-1", &|body| entries(body) == 2),
        ("entries=+2", &|body| entries(body) == 5),
    ] {
        let server = with_faults(&[fault]);
        let mut stream = connect(&server);
        for round in 1..=2 {
            let reply = produce(&mut stream, 3).unwrap();
            assert_eq!(reply.status, 200);
            assert!(holds(&reply.body), "{fault}: {}", reply.body);
            assert_eq!(stored(&server), 3 * round, "{fault}");
        }
    }
}

#[test]
fn every_nth_connection_is_closed_without_an_answer() {
    let server = with_faults(&["close@every3"]);
    for number in 1..=9 {
        let reply = produce(&mut connect(&server), 1);
        assert_eq!(reply.is_none(), number % 3 == 0, "request {number}");
    }
    assert_eq!(stored(&server), 6);
}

#[test]
fn the_server_dies_after_some_requests_with_all_connections() {
    let server = with_faults(&["die@2req"]);
    let (mut one, mut other) = (connect(&server), connect(&server));
    assert!(produce(&mut one, 1).is_some());
    assert!(produce(&mut other, 1).is_some());
    assert!(produce(&mut one, 1).is_none());
    assert!(produce(&mut other, 1).is_none());
    assert_eq!(stored(&server), 2);
    assert_refused_soon(&server);
}

#[test]
fn the_server_dies_at_its_time() {
    let server = with_faults(&["die@50ms"]);
    let mut stream = connect(&server);
    assert!(read_reply(&mut stream).is_none());
    assert_refused_soon(&server);
}

fn assert_refused_soon(server: &Embedded) {
    let address = server.url().strip_prefix("http://").unwrap();
    let started = Instant::now();
    while TcpStream::connect(address).is_ok() {
        assert!(
            started.elapsed() < Duration::from_secs(5),
            "it still listens"
        );
        std::thread::yield_now();
    }
}

#[test]
fn a_stall_holds_every_connection_until_it_ends() {
    let server = with_faults(&["stall=300ms@1req"]);
    let (mut one, mut other) = (connect(&server), connect(&server));
    produce(&mut one, 1).unwrap();
    assert_eq!(server.truth().stalls, [], "not yet");
    let started = Instant::now();
    one.get_mut()
        .write_all(request("POST", "/topics/t", &records(1)).as_bytes())
        .unwrap();
    assert_eq!(
        send(&mut other, &request("GET", "/", "")).unwrap().status,
        200
    );
    assert_eq!(read_reply(&mut one).unwrap().status, 200);
    assert!(
        started.elapsed() >= Duration::from_millis(250),
        "{:?}",
        started.elapsed()
    );
    let held = server.truth().faults[0].1;
    assert!(held > 0);
    produce(&mut one, 1).unwrap();
    assert_eq!(server.truth().faults[0].1, held, "it is over");
}

#[test]
fn a_delay_holds_each_request() {
    let server = with_faults(&["delay=30ms"]);
    let mut stream = connect(&server);
    let started = Instant::now();
    for _ in 0..3 {
        produce(&mut stream, 1).unwrap();
    }
    assert!(started.elapsed() >= Duration::from_millis(90));
}

#[test]
fn the_keep_alive_defect_hits_reused_connections_and_stores_all_the_same() {
    let server = with_faults(&["keepalive@50%"]);
    for _ in 0..5 {
        let reply = produce(&mut connect(&server), 1).unwrap();
        assert_eq!(reply.status, 200, "the first on a connection is spared");
        assert!(!reply.body.is_empty());
    }
    let (mut empty, mut server_errors, mut unanswered, mut sent) = (0, 0, 0, 5);
    for _ in 0..20 {
        let mut stream = connect(&server);
        for _ in 0..6 {
            sent += 1;
            match produce(&mut stream, 1) {
                None => {
                    unanswered += 1;
                    break;
                }
                Some(reply) if reply.status == 500 => {
                    assert!(reply.head.contains("Content-Length: 0"), "{}", reply.head);
                    server_errors += 1;
                }
                Some(reply) if reply.body.is_empty() => empty += 1,
                Some(reply) => assert_eq!(reply.status, 200),
            }
        }
    }
    assert!(
        empty > 0 && server_errors > 0 && unanswered > 0,
        "{empty} {server_errors} {unanswered}"
    );
    assert_eq!(stored(&server), sent - unanswered);
}

#[test]
fn the_account_says_what_was_stored_and_what_was_told() {
    // Fault; of 10 requests of 3 records: stored, told stored, told failed, refused, unclear, answered.
    for (fault, wanted) in [
        ("delay=0ms", (30, 30, vec![], 0, 0, 10)),
        ("fail=10%:50003", (27, 27, vec![(50003, 3)], 0, 0, 10)),
        ("status=429@50%", (15, 15, vec![], 15, 0, 10)),
        ("status=503@50%", (15, 15, vec![], 0, 15, 10)),
        ("status=500:stored@50%", (30, 15, vec![], 0, 15, 10)),
        ("empty@every5", (30, 24, vec![], 0, 6, 10)),
        ("broken@every5", (30, 24, vec![], 0, 6, 10)),
        ("entries=-1@every5", (30, 24, vec![], 0, 6, 10)),
        ("close@every5", (24, 24, vec![], 0, 6, 8)),
    ] {
        let mut server = with_faults(&[fault]);
        for _ in 0..10 {
            let _ = produce(&mut connect(&server), 3);
        }
        server.stop().unwrap();
        let truth = server.truth();
        let counts = &truth.counts;
        assert_eq!(counts.imbalance(), None, "{fault}");
        let told = (
            counts.records_stored,
            counts.told_stored,
            counts.told_failed.clone().into_iter().collect::<Vec<_>>(),
            counts.told_refused,
            counts.told_unclear,
            counts.produces_answered,
        );
        assert_eq!(told, wanted, "{fault}");
        assert_eq!(counts.records_stored, stored(&server), "{fault}");
        let received = (counts.records_received, counts.produces_read);
        assert_eq!(received, (30, 10), "{fault}");
        assert_eq!((truth.connections, truth.died_at), (10, None));
        assert_eq!(counts.service_time_us.len(), counts.produces_answered);
        let unclear: u64 = truth.faults.iter().map(|(_, hits)| hits).sum();
        assert!(unclear > 0, "{fault} never struck");
    }
}

#[test]
fn the_account_of_a_server_that_died_holds_who_got_no_answer() {
    let mut server = with_faults(&["die@2req"]);
    let mut stream = connect(&server);
    for _ in 0..3 {
        let _ = produce(&mut stream, 3);
    }
    assert_refused_soon(&server);
    server.stop().unwrap();
    let truth = server.truth();
    assert!(truth.died_at.is_some());
    let counts = truth.counts;
    assert_eq!(counts.imbalance(), None);
    assert_eq!((counts.told_stored, counts.told_unclear), (6, 3));
    let ended = (counts.produces_answered, counts.produces_unanswered);
    assert_eq!((ended, counts.records_stored), ((2, 1), 6));
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let server = with_faults(&[]);
    let mut stream = connect(&server);
    let both = request("POST", "/topics/t", &records(2)) + &request("GET", "/topics", "");
    let first = send(&mut stream, &both).unwrap();
    assert!(first.body.starts_with("{\"offsets\":["));
    assert_eq!(read_reply(&mut stream).unwrap().body, "[\"t\"]");
}

#[test]
fn it_says_what_it_is_at_the_root_and_nowhere_else() {
    let server = with_faults(&[]);
    let mut stream = connect(&server);
    let root = send(&mut stream, &request("GET", "/", "")).unwrap();
    let name = format!("Server: krush {} stand-in\r\n", env!("CARGO_PKG_VERSION"));
    assert!(root.head.contains(&name), "{}", root.head);
    assert_eq!(root.body, "{}");
    assert!(!produce(&mut stream, 1).unwrap().head.contains("Server"));
}

#[test]
fn https_works_and_a_client_ca_shuts_strangers_out() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::new(vec!["localhost".to_owned()])
        .unwrap()
        .self_signed(&key)
        .unwrap();
    std::fs::write(path("cert.pem"), certificate.pem()).unwrap();
    std::fs::write(path("key.pem"), key.serialize_pem()).unwrap();
    let mut roots = rustls::RootCertStore::empty();
    roots.add(certificate.der().clone()).unwrap();
    for (client_ca, answered) in [(None, true), (Some(path("cert.pem")), false)] {
        let server =
            tls::Server::from_files(&path("cert.pem"), &path("key.pem"), client_ca.as_deref())
                .unwrap();
        let settings = Settings {
            tls: Some(server),
            threads: 1,
            ..Settings::default()
        };
        let server = Embedded::start(settings).unwrap();
        let address = server.url().strip_prefix("https://").unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots.clone())
            .with_no_client_auth();
        let name = "localhost".try_into().unwrap();
        let client = rustls::ClientConnection::new(Arc::new(config), name).unwrap();
        let socket = TcpStream::connect(address).unwrap();
        let mut stream = BufReader::new(rustls::StreamOwned::new(client, socket));
        let sent = stream
            .get_mut()
            .write_all(request("POST", "/topics/t", &records(2)).as_bytes());
        let reply = sent.ok().and_then(|()| read_reply(&mut stream));
        assert_eq!(reply.map(|reply| reply.status), answered.then_some(200));
        assert_eq!(stored(&server), if answered { 2 } else { 0 });
    }
    let missing = tls::Server::from_files(&path("none.pem"), &path("key.pem"), None).unwrap_err();
    assert!(
        missing
            .to_string()
            .starts_with("cannot use the certificate "),
        "{missing}"
    );
    assert!(!missing.to_string().contains('\n'));
}

#[cfg(unix)]
#[test]
fn serve_says_where_it_listens_and_ends_with_totals() {
    let mut child = crate::krush()
        .args(["serve", "--port", "0", "--partitions", "3"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut first = String::new();
    out.read_line(&mut first).unwrap();
    let (url, what) = first.trim_end().split_once("  ").unwrap();
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(
        what,
        format!("krush {version} stand-in, confluent dialect; Ctrl-C ends it")
    );
    let address = url.strip_prefix("http://").unwrap();
    let mut stream = BufReader::new(TcpStream::connect(address).unwrap());
    assert_eq!(produce(&mut stream, 1000).unwrap().status, 200);
    let reply = send(&mut stream, &request("GET", "/topics/t/partitions", "")).unwrap();
    assert_eq!(reply.body.matches("\"partition\"").count(), 3);
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    let mut rest = String::new();
    out.read_to_string(&mut rest).unwrap();
    assert_eq!(
        rest,
        "2 requests, 1,000 records stored, 0 of them dropped to stay within memory\n"
    );
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn serve_refuses_bad_input_in_one_line() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    for (args, says) in [
        (
            vec!["--port", &port],
            format!("error: cannot listen on 127.0.0.1:{port}: "),
        ),
        (
            vec!["--port", "0", "--host", "300.1.1.1"],
            "error: cannot listen on 300.1.1.1:0: ".to_owned(),
        ),
        (
            vec![
                "--port",
                "0",
                "--tls-cert",
                "/none/a.pem",
                "--tls-key",
                "/none/b.pem",
            ],
            "error: cannot use the certificate /none/a.pem: ".to_owned(),
        ),
        (
            vec!["--fault", "explode"],
            "`explode` is not a fault: ".to_owned(),
        ),
        (
            vec!["--dialect", "kafka"],
            "`kafka` is not a dialect: ".to_owned(),
        ),
    ] {
        let output = crate::krush().arg("serve").args(&args).output().unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(text.contains(&says), "{args:?}: {text}");
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(output.stdout.is_empty());
    }
}

#[cfg(not(feature = "kafka"))]
#[test]
fn kafka_needs_the_feature_and_says_so() {
    let output = crate::krush()
        .args(["serve", "--port", "0", "--kafka", "127.0.0.1:9092"])
        .output()
        .unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("--features kafka"), "{text}");
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn redpanda_answers_one_entry_a_partition_batch() {
    let settings = Settings {
        dialect: krush::wire::Dialect::Redpanda,
        default_partitions: 3,
        threads: 1,
        ..Settings::default()
    };
    let server = Embedded::start(settings).unwrap();
    let mut stream = connect(&server);
    let body = r#"{"records":[{"partition":0,"value":1},{"partition":2,"value":2},{"partition":0,"value":3}]}"#;
    for (base, expected) in [
        (
            0,
            r#"{"offsets":[{"partition":0,"offset":0},{"partition":2,"offset":0}]}"#,
        ),
        (
            2,
            r#"{"offsets":[{"partition":0,"offset":2},{"partition":2,"offset":1}]}"#,
        ),
    ] {
        let reply = send(&mut stream, &request("POST", "/topics/t", body)).unwrap();
        assert_eq!(
            (reply.status, reply.body.as_str()),
            (200, expected),
            "from {base}"
        );
        assert!(reply.head.contains("Content-Length: "), "{}", reply.head);
    }
    for (method, path, status) in [
        ("GET", "/topics", 200),
        ("GET", "/topics/t", 404),
        ("GET", "/topics/t/partitions", 404),
        ("GET", "/v3/clusters", 404),
        ("POST", "/topics/t/partitions/0", 404),
    ] {
        let reply = send(&mut stream, &request(method, path, "")).unwrap();
        assert_eq!(reply.status, status, "{method} {path}");
    }
}

/// A request of 1,000 records of about 200 bytes, the n-th of which starts with this number.
fn large(first: usize) -> String {
    let payload = "x".repeat(150);
    let record = |n: usize| format!("{{\"value\":{{\"n\":{n},\"payload\":\"{payload}\"}}}}");
    let all: Vec<String> = (first..first + 1_000).map(record).collect();
    format!("{{\"records\":[{}]}}", all.join(","))
}

#[test]
fn large_requests_are_answered_and_held_record_by_record() {
    let mut server = with_faults(&[]);
    let mut stream = connect(&server);
    let post = |body: &str| request("POST", "/topics/t", body);
    let check = |reply: Reply, first: i64| {
        assert_eq!(reply.status, 200);
        let body: serde_json::Value = serde_json::from_str(&reply.body).unwrap();
        let entries = body["offsets"].as_array().unwrap();
        assert_eq!(entries.len(), 1_000);
        for (offset, entry) in (first..).zip(entries) {
            let wanted = serde_json::json!({"partition": 0, "offset": offset, "error_code": null, "error": null});
            assert_eq!(*entry, wanted);
        }
    };
    check(send(&mut stream, &post(&large(0))).unwrap(), 0);
    // What follows at once: one buffer then holds more than the body.
    let two = post(&large(1_000)) + &post(&large(2_000));
    check(send(&mut stream, &two).unwrap(), 1_000);
    check(read_reply(&mut stream).unwrap(), 2_000);
    for (from, to) in [
        (
            "x\"}},{\"value\":{\"n\":3500,",
            "\"}},{\"value\":{\"n\":3500,\"",
        ),
        ("3500", "0500"),
        (
            "x\"}},{\"value\":{\"n\":3500",
            "\n\"}},{\"value\":{\"n\":3500",
        ),
        (
            "x\"}},{\"value\":{\"n\":3500",
            "\\\"}},{\"value\":{\"n\":3500",
        ),
        ("{\"value\":{\"n\":3500", "{\"valve\":{\"n\":3500"),
    ] {
        let wrong = large(3_000).replacen(from, to, 1);
        let reply = send(&mut stream, &post(&wrong)).unwrap();
        assert!(
            matches!(reply.status, 400 | 422),
            "{to:?}: {}",
            reply.status
        );
    }
    check(send(&mut stream, &post(&large(3_000))).unwrap(), 3_000);
    let held = server.memory().records("t");
    assert_eq!(held.len(), 4_000);
    for (n, record) in (0..).zip(held) {
        let value: serde_json::Value = serde_json::from_slice(&record.value.unwrap()).unwrap();
        assert_eq!((value["n"].as_i64(), record.offset), (Some(n), n));
    }
    server.stop().unwrap();
    let counts = server.truth().counts;
    assert_eq!(counts.imbalance(), None);
    assert_eq!((counts.records_stored, counts.told_stored), (4_000, 4_000));
}
