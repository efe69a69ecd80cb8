//! No allocation per request: the engine under a counting allocator, once with some requests and once with ten times as many.
//!
//! A binary of its own, for its global allocator; one test, because it counts for the whole process. The server is another
//! process, so that what is counted is the client's; at last the stand-in is counted in this one, under a client that
//! allocates nothing: it does so a few times a request, however many records there are in it.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod served;

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use krush::engine::{Control, Setup, TargetSetup, run};
use krush::payload::Head;
use krush::plan::{Arrivals, Content, KeyMode, Load, Pace, Payload, Rates, Stop};
use krush::standin::{Embedded, Settings};
use krush::units::{ByteSize, Rate};
use krush::wire::{Dialect, Format};
use served::Served;

#[global_allocator]
static ALLOCATIONS: dhat::Alloc = dhat::Alloc;

/// What a run may allocate more than another for each connection: buffers for answers that come in pieces grow when the
/// first such answer comes, which may be late.
const FOR_A_CONNECTION: u64 = 6;
/// The same for each second that it lasts longer: rows of the timeline, and looking at it from aside.
const FOR_A_SECOND: u64 = 20;
/// And whatever is grown once.
const ONCE: u64 = 20;

/// A load, sent to a server that was started with `serve`.
struct Case {
    name: &'static str,
    serve: &'static [&'static str],
    connections: u32,
    threads: u32,
    batch_size: u32,
    message_size: u64,
    key: KeyMode,
    /// Requests a second, and how they are spread.
    pace: Option<(f64, Arrivals)>,
    /// Of the shorter run.
    requests: u64,
}

const W1: Case = Case {
    name: "1 record, chunked answers",
    serve: &[],
    connections: 16,
    threads: 1,
    batch_size: 1,
    message_size: 100,
    key: KeyMode::None,
    pace: None,
    requests: 1_000,
};

const CASES: [Case; 7] = [
    W1,
    Case {
        name: "1 record, answers with a length",
        serve: &["--fault", "framing=length"],
        ..W1
    },
    Case {
        name: "1 record with a key, 2 threads",
        threads: 2,
        key: KeyMode::Random { keys: 1_000 },
        ..W1
    },
    Case {
        name: "1,000 records, chunked answers",
        batch_size: 1_000,
        message_size: 133,
        connections: 8,
        requests: 100,
        ..W1
    },
    Case {
        name: "1,000 records, answers with a length",
        serve: &["--fault", "framing=length"],
        batch_size: 1_000,
        message_size: 133,
        connections: 8,
        requests: 100,
        ..W1
    },
    Case {
        name: "open loop, even",
        pace: Some((4_000.0, Arrivals::Uniform)),
        ..W1
    },
    Case {
        name: "open loop, Poisson",
        pace: Some((4_000.0, Arrivals::Poisson)),
        ..W1
    },
];

impl Case {
    fn setup(&self, server: &Served, requests: u64) -> Setup {
        let batch = u64::from(self.batch_size);
        let address: SocketAddr = server.url["http://".len()..].parse().unwrap();
        Setup {
            counts_partitions: false,
            due_log: None,
            targets: vec![TargetSetup {
                address,
                tls: None,
                head: Head {
                    path: "/topics/t".to_owned(),
                    host: address.to_string(),
                    headers: Vec::new(),
                },
            }],
            load: Load {
                stop: Stop::Messages(requests * batch),
                concurrency: self.connections,
                batch_size: self.batch_size,
                pace: self.pace.map(|(requests_per_sec, arrivals)| Pace {
                    rates: Rates::Constant(Rate(requests_per_sec * batch as f64)),
                    spike: None,
                    arrivals,
                }),
                warmup: Duration::ZERO,
                timeout: Duration::from_mins(1),
                drain: Duration::from_mins(1),
                threads: self.threads,
                verify: false,
                back_pressure: None,
            },
            payload: Payload {
                format: Format::Json,
                message_size: ByteSize(self.message_size),
                content: Content::Text,
                key: self.key,
                seed: 1,
            },
            run: "alloc0".to_owned(),
            dialect: Dialect::Confluent,
        }
    }
}

/// Allocations and reallocations of a run of `requests` that were all answered well, and how long it took in s.
fn count(case: &Case, server: &Served, requests: u64) -> (u64, f64) {
    let setup = case.setup(server, requests);
    let control = Control::new();
    let before = dhat::HeapStats::get().total_blocks;
    let measured = run(&setup, &control, &mut |_| {}).unwrap();
    let after = dhat::HeapStats::get().total_blocks;
    assert_eq!(
        measured.total().ledger.requests.complete,
        requests,
        "{}: only good answers are the steady state",
        case.name
    );
    (after - before, measured.elapsed.as_secs_f64())
}

#[test]
fn a_request_allocates_nothing() {
    let _profiler = dhat::Profiler::builder().testing().build();
    for case in &CASES {
        let server = Served::start(case.serve);
        let (few, few_secs) = count(case, &server, case.requests);
        let (many, many_secs) = count(case, &server, 10 * case.requests);
        let more = many.saturating_sub(few);
        let secs = (many_secs - few_secs).max(0.0).ceil() as u64;
        let allowed = ONCE + u64::from(case.connections) * FOR_A_CONNECTION + secs * FOR_A_SECOND;
        println!(
            "{}: {few} allocations for {} requests, {many} for {} ({secs} s longer): {more} more, {allowed} allowed",
            case.name,
            case.requests,
            10 * case.requests
        );
        assert!(
            allowed < 9 * case.requests / 2,
            "{}: as bounded, one allocation in two requests would not be seen",
            case.name
        );
        assert!(
            more <= allowed,
            "{}: {more} allocations more for {} requests more, {allowed} allowed",
            case.name,
            9 * case.requests
        );
    }
    let each = allocated_by_the_stand_in();
    println!(
        "the stand-in: {each:?} allocations and bytes a request of 1,000 records, {FOR_A_LARGE_REQUEST:?} allowed"
    );
    assert!(
        each.0 <= FOR_A_LARGE_REQUEST.0 && each.1 <= FOR_A_LARGE_REQUEST.1,
        "{each:?} allocations and bytes a request of 1,000 records, {FOR_A_LARGE_REQUEST:?} allowed"
    );
}

/// For a request of 1,000 records of which the store keeps the body: allocations, and their bytes, of which the answer takes
/// 80,000. Lists of the records beside it would take as much again.
const FOR_A_LARGE_REQUEST: (f64, f64) = (16.0, 100_000.0);

/// How often it allocates for each of them, and how many bytes.
fn allocated_by_the_stand_in() -> (f64, f64) {
    const REQUESTS: u64 = 100;
    let server = Embedded::start(Settings {
        max_memory: ByteSize(4 << 20),
        threads: 1,
        ..Settings::default()
    })
    .unwrap();
    let mut stream = TcpStream::connect(&server.url()["http://".len()..]).unwrap();
    let record = format!("{{\"value\":{{\"payload\":\"{}\"}}}}", "x".repeat(150));
    let body = format!("{{\"records\":[{}]}}", vec![record; 1_000].join(","));
    let head = "POST /topics/t HTTP/1.1\r\nHost: h\r\nContent-Type: application/vnd.kafka.json.v2+json\r\n";
    let request = format!("{head}Content-Length: {}\r\n\r\n{body}", body.len());
    let mut answer = vec![0; 1 << 20];
    let mut exchange = || {
        stream.write_all(request.as_bytes()).unwrap();
        let mut length = 0;
        while !answer[..length].ends_with(b"\r\n0\r\n\r\n") {
            let read = stream.read(&mut answer[length..]).unwrap();
            assert!(read > 0, "the stand-in hung up");
            length += read;
        }
    };
    // Until memory is full, and buffers come back.
    (0..REQUESTS).for_each(|_| exchange());
    let before = dhat::HeapStats::get();
    (0..REQUESTS).for_each(|_| exchange());
    let after = dhat::HeapStats::get();
    let each = |more: u64| more as f64 / REQUESTS as f64;
    let totals = server.memory().totals();
    assert_eq!(totals.stored, 2_000 * REQUESTS);
    assert!(totals.dropped > 0, "memory was never full");
    (
        each(after.total_blocks - before.total_blocks),
        each(after.total_bytes - before.total_bytes),
    )
}
