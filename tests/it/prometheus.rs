//! Prometheus, end to end: a gateway that is told the result, and a port that is read while the run goes on.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Output, Stdio};
use std::thread::JoinHandle;

use krush::standin::Settings;

use crate::krush;
use crate::load::standin_with;

/// A gateway that takes one request, answers this status, and gives head and body.
fn gateway(status: &'static str) -> (String, JoinHandle<(String, String)>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let thread = std::thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let mut reader = BufReader::new(stream);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert!(reader.read_line(&mut head).unwrap() > 0, "{head}");
        }
        let lower = head.to_ascii_lowercase();
        let length = lower
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "))
            .unwrap();
        let mut body = vec![0; length.parse().unwrap()];
        reader.read_exact(&mut body).unwrap();
        let answer =
            format!("HTTP/1.1 {status}\r\nContent-Length: 6\r\nConnection: close\r\n\r\nsorry\n");
        reader.get_mut().write_all(answer.as_bytes()).unwrap();
        (head, String::from_utf8(body).unwrap())
    });
    (address, thread)
}

fn pushed(gateway: &str) -> (Output, bool) {
    let server = standin_with(Settings::default());
    let folder = tempfile::tempdir().unwrap();
    let ran = krush()
        .args([
            "basic",
            "--url",
            server.url(),
            "--messages",
            "3000",
            "-o",
            "x.json",
            "-o",
            "x.prom",
        ])
        .args(["--push-gateway", gateway])
        .current_dir(folder.path())
        .output()
        .unwrap();
    (ran, folder.path().join("x.json").exists())
}

#[test]
fn the_gateway_gets_the_result_and_its_credentials_are_never_shown() {
    let (address, thread) = gateway("200 OK");
    let (ran, _) = pushed(&format!("http://me:s%40cret@{address}/prefix/"));
    let (head, body) = thread.join().unwrap();
    assert!(
        head.starts_with("PUT /prefix/metrics/job/krush/scenario/basic HTTP/1.1\r\n"),
        "{head}"
    );
    let head = head.to_ascii_lowercase();
    assert!(
        head.contains("\r\nauthorization: basic bwu6c0bjcmv0\r\n"),
        "{head}"
    );
    assert!(
        head.contains("\r\ncontent-type: text/plain; version=0.0.4"),
        "{head}"
    );
    assert!(body.contains("krush_records_total{scenario=\"basic\",target_kind=\"stand-in\",topic=\"performance-test\",fate=\"acked\"} 3000\n"), "{body}");
    assert!(body.ends_with('\n'));
    let said = String::from_utf8_lossy(&[ran.stdout, ran.stderr].concat()).into_owned();
    assert!(
        !said.contains("cret") && !said.contains("--push-gateway"),
        "{said}"
    );
}

#[test]
fn a_gateway_whose_url_goes_on_behind_its_path_is_refused() {
    for url in ["http://127.0.0.1:1/?a=b", "http://127.0.0.1:1/#c"] {
        let (ran, _) = pushed(url);
        let said = String::from_utf8_lossy(&ran.stderr);
        assert_eq!(ran.status.code(), Some(2), "{said}");
        assert!(
            said.contains("--push-gateway: a gateway's URL has no `?` and no `#`"),
            "{said}"
        );
    }
}

#[test]
fn a_gateway_that_refuses_or_is_gone_is_one_warning() {
    let (address, thread) = gateway("400 Bad Request");
    let (ran, kept) = pushed(&format!("http://me:secret@{address}"));
    thread.join().unwrap();
    let stderr = String::from_utf8_lossy(&ran.stderr).replace(&address, "GATEWAY");
    let line = stderr
        .lines()
        .find(|line| line.contains("--push-gateway"))
        .unwrap();
    insta::assert_snapshot!(line, @"warning: --push-gateway: http://GATEWAY answered PUT /metrics/job/krush/scenario/basic with HTTP 400: `sorry`; the run stays as it is");
    assert!(
        matches!(ran.status.code(), Some(0 | 13)) && kept,
        "{stderr}"
    );

    let (ran, kept) = pushed("http://me:secret@127.0.0.1:1");
    let stderr = String::from_utf8_lossy(&ran.stderr).into_owned();
    let line = stderr
        .lines()
        .find(|line| line.contains("--push-gateway"))
        .unwrap();
    insta::assert_snapshot!(line, @"warning: --push-gateway: nothing listens at http://127.0.0.1:1: connection refused; the run stays as it is");
    assert!(
        matches!(ran.status.code(), Some(0 | 13)) && kept,
        "{stderr}"
    );
}

/// What the port says now; `None` once it is gone.
fn scraped(address: &str, request: &str) -> Option<String> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    (!answer.is_empty()).then_some(answer)
}

fn number(text: &str, name: &str) -> f64 {
    let of_it = |line: &&str| line.starts_with(&format!("{name}{{"));
    let line = text
        .lines()
        .find(of_it)
        .unwrap_or_else(|| panic!("no {name}: {text}"));
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

const GET: &str = "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n";

/// A run whose figures can be read, and where.
fn read_live(folder: &Path, flags: &str) -> (Child, String) {
    let mut child = krush()
        .args(flags.split(' '))
        .args(["--quiet", "--prometheus-port", "0", "-o", "x.json"])
        .current_dir(folder)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    said.read_line(&mut line).unwrap();
    let url = line.strip_prefix("figures of the run: http://").unwrap();
    let address = url.trim().strip_suffix("/metrics").unwrap();
    (child, address.to_owned())
}

#[test]
fn a_stall_shows_while_it_lasts() {
    let folder = tempfile::tempdir().unwrap();
    let flags = "basic --embedded --rate 1k/s --duration 3s --fault stall=2s@500ms";
    let (mut child, address) = read_live(folder.path(), flags);
    let (mut calm_sent, mut stalled) = (0.0, None);
    while let Some(answer) = scraped(&address, GET) {
        let body = answer.split_once("\r\n\r\n").unwrap().1.to_owned();
        let waited = number(&body, "krush_live_oldest_request_wait_seconds");
        if waited < 0.2 {
            calm_sent = number(&body, "krush_live_requests_sent_total");
        } else if waited > 1.2 {
            stalled = Some(body);
            break;
        }
    }
    let _ = child.kill();
    child.wait().unwrap();
    let body = stalled.expect("a scrape in the stall");
    let one = |name: &str| number(&body, &format!("krush_live_{name}"));
    let (due, sent) = (one("requests_due_total"), one("requests_sent_total"));
    // A request is due each 10 ms; ten connections hold one each.
    assert!(due >= sent + 60.0 && sent <= calm_sent + 30.0, "{body}");
    assert!((1.0..=10.0).contains(&one("requests_in_flight")), "{body}");
    let p95 = one("latency_p95_seconds");
    assert!(
        p95 > 0.5 && p95 <= one("oldest_request_wait_seconds") * 1.07,
        "{body}"
    );
    assert!(
        one("latency_p95_at_least_seconds").total_cmp(&p95).is_eq(),
        "{body}"
    );

    let lines = body.lines().map(|line| Ok(line.to_owned()));
    let scrape = prometheus_parse::Scrape::parse(lines).unwrap();
    for (name, counter) in [
        ("requests_due_total", true),
        ("requests_in_flight", false),
        ("oldest_request_wait_seconds", false),
        ("latency_p95_seconds", false),
        ("latency_p95_at_least_seconds", false),
    ] {
        let name = format!("krush_live_{name}");
        assert!(scrape.docs.contains_key(&name), "{name}");
        let mut found = scrape.samples.iter().filter(|sample| sample.metric == name);
        let value = &found.next().unwrap().value;
        let is_counter = matches!(value, prometheus_parse::Value::Counter(_));
        let is_gauge = matches!(value, prometheus_parse::Value::Gauge(_));
        assert_eq!((is_counter, is_gauge), (counter, !counter), "{name}");
    }
}

#[test]
fn the_port_is_read_while_the_run_goes_on() {
    let server = standin_with(Settings::default());
    let folder = tempfile::tempdir().unwrap();
    let flags = format!("basic --url {} --duration 2s --rate 2k/s", server.url());
    let (mut child, address) = read_live(folder.path(), &flags);

    let mut seen: Vec<[u64; 3]> = Vec::new();
    let mut last = String::new();
    while let Some(answer) = scraped(&address, GET) {
        assert!(
            answer.starts_with("HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4"),
            "{answer}"
        );
        let body = answer.split_once("\r\n\r\n").unwrap().1;
        let names = ["records_sent", "records_acked", "requests_sent"];
        let now = names.map(|name| number(body, &format!("krush_live_{name}_total")) as u64);
        if let Some(before) = seen.last() {
            assert!(
                now.iter().zip(before).all(|(now, before)| now >= before),
                "{before:?} {now:?}"
            );
        }
        if seen.last() != Some(&now) {
            seen.push(now);
        }
        body.clone_into(&mut last);
    }
    child.wait().unwrap();
    assert!(seen.len() > 5, "it moved: {seen:?}");
    assert_eq!(seen[0], [0; 3]);
    let report = std::fs::read_to_string(folder.path().join("x.json")).unwrap();
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    let acked = report["ledger"]["records"]["acked"].as_u64().unwrap();
    assert!(
        seen.last().unwrap()[1] <= acked && seen.last().unwrap()[1] > acked / 2,
        "{seen:?} {acked}"
    );
    assert!(last.contains("target_kind=\"stand-in\""), "{last}");
    assert!(number(&last, "krush_live_latency_p95_seconds") > 0.0);
}

#[test]
fn a_port_that_is_taken_is_an_error_before_the_load() {
    let server = standin_with(Settings::default());
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let ran = krush()
        .args([
            "basic",
            "--url",
            server.url(),
            "--prometheus-port",
            &port,
            "-o",
            "x.json",
        ])
        .current_dir(tempfile::tempdir().unwrap().path())
        .output()
        .unwrap();
    assert_eq!(ran.status.code(), Some(2));
    let said = String::from_utf8_lossy(&ran.stderr).replace(&port, "PORT");
    insta::assert_snapshot!(said, @"
    error: --prometheus-port PORT: cannot listen on 127.0.0.1:PORT: Address already in use (os error 98)
    hint: name another port, or 0 for any that is free
    ");
    assert_eq!(server.memory().totals().stored, 0);
}
