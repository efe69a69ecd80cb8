//! The engine against a server that does as it is told: every request ends in exactly one place.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};

use super::{Control, Progress, Setup, TargetSetup, run};
use crate::measure::{End, FailureKind, Measured, SecondStats, ThreadClaims};
use crate::payload::Head;
use crate::plan::{Arrivals, Content, KeyMode, Load, Pace, Payload, Rates, Stage, Stop};
use crate::units::{ByteSize, Rate};
use crate::wire::{Dialect, Format};

/// What the server does with the request numbered from 0 over all connections.
#[derive(Clone, Copy)]
enum Act {
    Answer,
    AnswerIn(Duration),
    AnswerAndClose,
    AnswerInPieces,
    AnswerEarly,
    Fail(u16),
    Close,
    CloseInAnswer,
    NeverAnswer,
    /// The listener and every connection go away for good.
    Die,
}

struct Server {
    address: SocketAddr,
    requests: Arc<AtomicU64>,
    records: Arc<AtomicU64>,
    connections: Arc<AtomicUsize>,
}

fn server(act: impl Fn(u64) -> Act + Send + Sync + 'static) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (requests, records) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let connections = Arc::new(AtomicUsize::new(0));
    let server = Server {
        address,
        requests: Arc::clone(&requests),
        records: Arc::clone(&records),
        connections: Arc::clone(&connections),
    };
    let act = Arc::new(act);
    let dead = Arc::new(AtomicUsize::new(0));
    thread::spawn(move || {
        for stream in listener.incoming() {
            if dead.load(Ordering::SeqCst) == 1 {
                return;
            }
            let Ok(stream) = stream else { return };
            connections.fetch_add(1, Ordering::SeqCst);
            let (act, requests, records, dead) = (
                Arc::clone(&act),
                Arc::clone(&requests),
                Arc::clone(&records),
                Arc::clone(&dead),
            );
            thread::spawn(move || serve(stream, address, &*act, &requests, &records, &dead));
        }
    });
    server
}

fn serve(
    mut stream: TcpStream,
    address: SocketAddr,
    act: &dyn Fn(u64) -> Act,
    requests: &AtomicU64,
    records: &AtomicU64,
    dead: &AtomicUsize,
) {
    stream.set_nodelay(true).unwrap();
    let mut bytes = Vec::new();
    loop {
        let Some(head) = read_until(&mut stream, &mut bytes, |b| {
            b.windows(4).position(|w| w == b"\r\n\r\n").map(|p| p + 4)
        }) else {
            return;
        };
        let text = String::from_utf8_lossy(&bytes[..head]).into_owned();
        let length: usize = text
            .split("Content-Length: ")
            .nth(1)
            .unwrap()
            .lines()
            .next()
            .unwrap()
            .parse()
            .unwrap();
        let number = requests.fetch_add(1, Ordering::SeqCst);
        let act = act(number);
        let early = matches!(act, Act::AnswerEarly);
        if !early
            && read_until(&mut stream, &mut bytes, |b| {
                (b.len() >= head + length).then_some(0)
            })
            .is_none()
        {
            return;
        }
        let count = if early {
            0
        } else {
            bytes[head..head + length]
                .windows(8)
                .filter(|w| w == b"\"value\":")
                .count()
        };
        let answer = |status: &str, connection: &str, body: &str| {
            format!(
                "HTTP/1.1 {status}\r\nContent-Length: {}\r\n{connection}\r\n{body}",
                body.len()
            )
        };
        let entries =
            vec![r#"{"partition":0,"offset":7,"error_code":null,"error":null}"#; count].join(",");
        let good =
            format!(r#"{{"offsets":[{entries}],"key_schema_id":null,"value_schema_id":null}}"#);
        if dead.load(Ordering::SeqCst) == 1 {
            return;
        }
        let answers = matches!(
            act,
            Act::Answer | Act::AnswerIn(_) | Act::AnswerAndClose | Act::AnswerInPieces
        );
        records.fetch_add(if answers { count as u64 } else { 0 }, Ordering::SeqCst);
        let text = match act {
            Act::Answer => answer("200 OK", "", &good),
            Act::AnswerIn(delay) => {
                thread::sleep(delay);
                answer("200 OK", "", &good)
            }
            Act::AnswerAndClose => answer("200 OK", "Connection: close\r\n", &good),
            Act::AnswerInPieces => {
                let text = answer("200 OK", "", &good);
                for piece in text.as_bytes().chunks(41) {
                    stream.write_all(piece).unwrap();
                    thread::yield_now();
                }
                String::new()
            }
            Act::AnswerEarly => answer("413 Payload Too Large", "Connection: close\r\n", "no"),
            Act::Fail(status) => answer(
                &format!("{status} No"),
                "",
                &format!(r#"{{"error_code":{status},"message":"no"}}"#),
            ),
            Act::Close => return,
            Act::CloseInAnswer => {
                let text = answer("200 OK", "", &good);
                let _ = stream.write_all(&text.as_bytes()[..text.len() / 2]);
                return;
            }
            Act::NeverAnswer => {
                let _ = stream.read(&mut [0]);
                return;
            }
            Act::Die => {
                dead.store(1, Ordering::SeqCst);
                let _ = TcpStream::connect(address);
                return;
            }
        };
        if stream.write_all(text.as_bytes()).is_err()
            || matches!(act, Act::AnswerAndClose | Act::AnswerEarly)
        {
            return;
        }
        bytes.drain(..head + length);
    }
}

/// Reads until `found` says where; `None` at the end of the stream.
fn read_until(
    stream: &mut TcpStream,
    bytes: &mut Vec<u8>,
    found: impl Fn(&[u8]) -> Option<usize>,
) -> Option<usize> {
    let mut buffer = [0; 16_384];
    loop {
        if let Some(at) = found(bytes) {
            return Some(at);
        }
        match stream.read(&mut buffer) {
            Ok(0) | Err(_) => return None,
            Ok(count) => bytes.extend_from_slice(&buffer[..count]),
        }
    }
}

fn setup(server: &Server, stop: Stop, concurrency: u32, batch_size: u32) -> Setup {
    Setup {
        counts_partitions: false,
        due_log: None,
        targets: vec![TargetSetup {
            address: server.address,
            tls: None,
            head: Head {
                path: "/topics/t".into(),
                host: server.address.to_string(),
                headers: Vec::new(),
            },
        }],
        load: Load {
            stop,
            concurrency,
            batch_size,
            pace: None,
            warmup: Duration::ZERO,
            timeout: Duration::from_secs(5),
            drain: Duration::from_secs(5),
            threads: 2,
            verify: false,
            back_pressure: None,
        },
        payload: Payload {
            format: Format::Json,
            message_size: ByteSize(50),
            content: Content::Text,
            key: KeyMode::None,
            seed: 1,
        },
        run: "tests0".into(),
        dialect: Dialect::Confluent,
    }
}

fn measure(setup: &Setup) -> Measured {
    let measured =
        run(setup, &Control::new(), &mut |_| {}).unwrap_or_else(|failed| panic!("{failed:?}"));
    assert_balanced(&measured);
    measured
}

/// Both equations of the ledger, for requests and for records.
fn assert_balanced(measured: &Measured) {
    let ledger = measured.total().ledger;
    assert!(ledger.balances(), "{measured:#?}");
    assert_eq!(
        measured.scheduled.requests,
        ledger.requests.sent + measured.unsent.requests
    );
    assert_eq!(
        measured.scheduled.records,
        ledger.records.sent + measured.unsent.records
    );
    assert_told_over_time(measured);
    // What is claimed of each record is what the ledger counts.
    let (claims, warmup) = (&measured.claims, measured.warmup.records);
    let sum = |of: fn(&ThreadClaims) -> u64| claims.threads.iter().map(of).sum::<u64>();
    assert_eq!(claims.acked(), ledger.records.acked + warmup.acked);
    assert_eq!(
        sum(|thread| thread.rejected.len()),
        ledger.records.rejected + warmup.rejected
    );
    assert_eq!(
        sum(|thread| thread.unknown.len()),
        ledger.records.unknown + warmup.unknown
    );
}

/// Seconds and spans hold what the ledger holds, and the requests in flight over time are those of their own times.
fn assert_told_over_time(measured: &Measured) {
    let total = measured.total();
    assert_eq!(measured.generator.in_flight_us, total.in_flight_us);
    let ledger = total.ledger;
    let seconds = measured.timeline.clone();
    let spans = measured
        .spans
        .iter()
        .map(|span| span.stats.clone())
        .collect();
    for rows in [seconds, spans] {
        let sum = |field: fn(&SecondStats) -> u64| rows.iter().map(field).sum::<u64>();
        assert_eq!(sum(|row| row.records_sent), ledger.records.sent);
        assert_eq!(sum(|row| row.requests_sent), ledger.requests.sent);
        assert_eq!(sum(|row| row.records_acked), ledger.records.acked);
        assert_eq!(sum(|row| row.requests), ledger.requests.sent);
        assert_eq!(sum(|row| row.requests_due), {
            total.latency.len() + total.latency_bounds.len()
        });
        if measured.planned.is_some() {
            assert_eq!(sum(|row| row.records_due), measured.scheduled.records);
            assert_eq!(sum(|row| row.requests_due), measured.scheduled.requests);
        }
    }
    // What a request waited before it was sent was either for a connection or for krush, to the precision of a histogram.
    let own_us = total.own_lateness.mean() * total.own_lateness.len() as f64;
    if total.own_lateness.len() == measured.scheduled.requests {
        let parts = own_us + total.starvation.total_us as f64;
        let apart = (total.backlog_us as f64 - parts).abs();
        let samples = total.own_lateness.len() as f64;
        assert!(
            apart <= parts / 1_000.0 + samples,
            "{parts} {}",
            total.backlog_us
        );
    }
}

fn failures(measured: &Measured) -> Vec<(FailureKind, u64)> {
    let mut rows: Vec<_> = measured
        .total()
        .failures
        .rows()
        .iter()
        .map(|row| (row.kind, row.requests))
        .collect();
    rows.sort();
    rows
}

#[test]
fn every_record_asked_for_is_sent_once_and_acked() {
    for act in [Act::Answer, Act::AnswerAndClose, Act::AnswerInPieces] {
        let server = server(move |_| act);
        let measured = measure(&setup(&server, Stop::Messages(2_345), 7, 100));
        let total = measured.total();
        assert_eq!(total.ledger.records.acked, 2_345);
        assert_eq!(server.records.load(Ordering::SeqCst), 2_345);
        assert_eq!(server.requests.load(Ordering::SeqCst), 24);
        assert_eq!(total.latency.len(), 24);
        assert_eq!(measured.end, End::Finished);
        assert!(measured.window.is_some());
        // That of a request, so one of the send delays; the histogram has them to a thousandth.
        let late_us = measured.first_byte_after_due.unwrap().as_micros() as u64;
        let delays = &total.send_delay;
        assert!(delays.count_at(late_us) > 0, "{late_us} of {delays:?}");
        assert_eq!(failures(&measured), []);
        assert_eq!(
            measured
                .timeline
                .iter()
                .map(|row| row.records_acked)
                .sum::<u64>(),
            2_345
        );
    }
}

#[test]
fn each_way_to_fail_ends_in_its_own_place() {
    let server = server(|number| match number {
        3 => Act::Fail(400),
        5 => Act::Fail(503),
        7 => Act::Close,
        9 => Act::CloseInAnswer,
        _ => Act::Answer,
    });
    let measured = measure(&setup(&server, Stop::Messages(200), 3, 10));
    let ledger = measured.total().ledger;
    assert_eq!(
        (
            ledger.requests.complete,
            ledger.requests.rejected,
            ledger.requests.unknown
        ),
        (16, 1, 3)
    );
    assert_eq!(
        (
            ledger.records.acked,
            ledger.records.rejected,
            ledger.records.unknown
        ),
        (160, 10, 30)
    );
    let kinds = [
        (FailureKind::EofBeforeAnswer, 1),
        (FailureKind::EofInAnswer, 1),
        (FailureKind::ServerError, 1),
        (FailureKind::ClientError, 1),
    ];
    assert_eq!(failures(&measured), kinds);
    assert_eq!(measured.total().latency_bounds.len(), 3);
    assert_eq!(measured.connections.reconnects, 2);
}

#[test]
fn an_answer_before_the_body_was_read_is_judged() {
    let server = server(|_| Act::AnswerEarly);
    let mut setup = setup(&server, Stop::Messages(20), 1, 10);
    setup.payload.message_size = ByteSize(2_000_000);
    let measured = measure(&setup);
    let ledger = measured.total().ledger;
    // The peer resets a connection that it closes with unread bytes: the answer may be lost on the way, never acked.
    assert_eq!(ledger.records.acked, 0);
    assert_eq!(ledger.requests.rejected + ledger.requests.unknown, 2);
}

#[test]
fn a_request_without_an_answer_is_unknown_after_the_time_out() {
    let server = server(|number| {
        if number == 2 {
            Act::NeverAnswer
        } else {
            Act::Answer
        }
    });
    let mut setup = setup(&server, Stop::Messages(100), 2, 10);
    setup.load.timeout = Duration::from_millis(300);
    let measured = measure(&setup);
    assert_eq!(measured.total().ledger.requests.unknown, 1);
    assert_eq!(failures(&measured), [(FailureKind::Timeout, 1)]);
    assert!(measured.total().latency_bounds.max() >= 300_000);
    assert_eq!(measured.end, End::Finished);
}

#[test]
fn a_target_that_dies_is_gone_and_what_was_not_sent_is_counted() {
    let server = server(|number| if number == 10 { Act::Die } else { Act::Answer });
    let mut setup = setup(&server, Stop::Messages(1_000), 4, 10);
    setup.load.timeout = Duration::from_millis(500);
    let measured = measure(&setup);
    assert_eq!(measured.end, End::TargetGone);
    assert_eq!(measured.scheduled.records, 1_000);
    assert!(measured.unsent.records >= 800, "{:?}", measured.unsent);
    assert!(measured.total().ledger.records.acked <= 140);
}

#[test]
fn a_time_limited_closed_loop_ends_on_time_and_drains() {
    let server = server(|_| Act::AnswerIn(Duration::from_millis(20)));
    let began = Instant::now();
    let measured = measure(&setup(
        &server,
        Stop::Duration(Duration::from_millis(500)),
        4,
        10,
    ));
    assert!(began.elapsed() < Duration::from_secs(3));
    let requests = measured.total().ledger.requests;
    assert_eq!(requests.complete, requests.sent);
    assert_eq!(requests.sent, server.requests.load(Ordering::SeqCst));
    assert!((20..=104).contains(&requests.sent), "{}", requests.sent);
    let busy = measured.mean_in_flight();
    assert!((2.0..=4.1).contains(&busy), "{busy}");
}

#[test]
fn warm_up_is_load_but_in_no_figure() {
    let server = server(|_| Act::AnswerIn(Duration::from_millis(5)));
    let mut setup = setup(&server, Stop::Messages(100), 2, 10);
    setup.load.warmup = Duration::from_millis(200);
    let measured = measure(&setup);
    assert_eq!(measured.total().ledger.records.acked, 100);
    assert!(measured.warmup.balances());
    assert!(measured.warmup.records.acked >= 50);
    assert_eq!(
        server.records.load(Ordering::SeqCst),
        100 + measured.warmup.records.acked
    );
}

#[test]
fn an_open_loop_counts_a_stall_from_when_requests_were_due() {
    let began = Instant::now();
    let stall = move |_| {
        let at = began.elapsed();
        let until = Duration::from_millis(1_500);
        if at > Duration::from_millis(500) && at < until {
            Act::AnswerIn(until.saturating_sub(at))
        } else {
            Act::Answer
        }
    };
    let server = server(stall);
    let mut setup = setup(&server, Stop::Messages(200), 4, 1);
    setup.load.pace = Some(Pace::constant(Rate(100.0)));
    let measured = measure(&setup);
    let total = measured.total();
    assert_eq!(measured.scheduled.requests, 200);
    assert_eq!(total.ledger.requests.complete, 200);
    // A second of requests was due while the server stood still: half of all, waiting half a second on average.
    assert!(
        total.latency.value_at_quantile(0.75) > 300_000,
        "{}",
        total.latency.value_at_quantile(0.75)
    );
    assert!(total.latency.value_at_quantile(0.25) < 100_000);
    assert!(total.service_time.value_at_quantile(0.75) < 100_000);
    assert!(total.send_delay.max() > 500_000);
    // They waited for a connection, not for krush.
    assert!(total.starvation.max_us > 500_000);
    assert!(
        (60..=110).contains(&total.starvation.requests),
        "{:?}",
        total.starvation
    );
    assert_eq!(total.own_lateness.len(), 200);
    assert!(total.own_lateness.value_at_quantile(0.5) < 50_000);
    assert!(
        measured.mean_backlog() > 10.0,
        "{}",
        measured.mean_backlog()
    );
    let stalled = &measured.timeline[0];
    assert_eq!(stalled.requests_due, 100);
    assert!(stalled.p95_us > Some(500_000), "{stalled:?}");
    assert!(stalled.records_acked < 80, "{stalled:?}");
}

#[test]
fn a_thread_with_nothing_to_do_is_not_busy_however_short_it_lived() {
    let server = server(|_| Act::AnswerIn(Duration::from_millis(300)));
    let generator = measure(&setup(&server, Stop::Messages(1), 2, 1)).generator;
    let ratios = &generator.thread_busy_ratios;
    assert_eq!(ratios.len(), 2);
    assert!(ratios.iter().all(|&busy| busy < 0.3), "{ratios:?}");
}

#[test]
fn waiting_for_the_only_connection_is_no_lateness_of_krush() {
    let server = server(|_| Act::AnswerIn(Duration::from_millis(100)));
    let mut setup = setup(&server, Stop::Messages(10), 1, 1);
    setup.load.pace = Some(Pace::constant(Rate(100.0)));
    let total = measure(&setup).total();
    assert_eq!(total.ledger.requests.complete, 10);
    assert!(total.starvation.requests >= 9, "{:?}", total.starvation);
    // The last was due after 90 ms and had its connection after 900 at the earliest.
    assert!(total.starvation.max_us >= 810_000, "{:?}", total.starvation);
    assert!(total.own_lateness.value_at_quantile(0.5) < 50_000);
}

#[test]
fn due_requests_that_no_connection_took_are_unsent_with_a_lower_bound() {
    let server = server(|_| Act::AnswerIn(Duration::from_millis(250)));
    let mut setup = setup(&server, Stop::Duration(Duration::from_millis(500)), 1, 1);
    setup.load.pace = Some(Pace::constant(Rate(100.0)));
    let measured = measure(&setup);
    assert_eq!(measured.scheduled.requests, 50);
    assert!(measured.unsent.requests >= 45, "{:?}", measured.unsent);
    assert_eq!(
        measured.total().latency_bounds.len(),
        measured.unsent.requests
    );
}

#[test]
fn what_was_due_while_the_target_was_dead_waited_at_least_for_the_outage() {
    for (drain, watched) in [(Duration::from_secs(5), true), (Duration::ZERO, false)] {
        let server = server(|number| if number == 30 { Act::Die } else { Act::Answer });
        let mut setup = setup(&server, Stop::Duration(Duration::from_secs(1)), 4, 1);
        setup.load.pace = Some(Pace::constant(Rate(100.0)));
        setup.load.drain = drain;
        let measured = measure(&setup);
        assert_eq!(measured.end, End::TargetGone);
        let bounds = measured.total().latency_bounds;
        assert_eq!(bounds.len(), 100 - measured.total().latency.len());
        assert!(measured.unsent.requests >= 50, "{:?}", measured.unsent);
        // The target was dead for 0.7 s. Only requests that met its death, each on a connection that was still open, were lost
        // at once.
        let lost = measured.total().ledger.requests.unknown;
        let short = bounds.count_between(0, 500_000);
        assert_eq!(short <= lost, watched, "{short} of {}", bounds.len());
    }
}

#[test]
fn an_interrupt_drains_and_a_second_one_does_not_wait() {
    for (interrupts, unknown) in [(1, 0), (2, 3)] {
        let server = server(|number| {
            if number < 20 {
                Act::Answer
            } else {
                Act::AnswerIn(Duration::from_millis(700))
            }
        });
        let setup = setup(&server, Stop::Messages(1_000_000), 3, 10);
        let control = Control::new();
        let mut told = 0;
        let measured = run(&setup, &control, &mut |progress| {
            if matches!(progress, Progress::Running { .. })
                && server.requests.load(Ordering::SeqCst) >= 23
                && told < interrupts
            {
                control.interrupt();
                told += 1;
            }
        })
        .unwrap();
        assert_balanced(&measured);
        assert_eq!(measured.total().ledger.requests.unknown, unknown);
        assert_eq!(
            measured.end,
            if interrupts == 1 {
                End::Interrupted
            } else {
                End::Abandoned
            }
        );
        assert_eq!(measured.unsent.records, 0, "what was not due is not unsent");
    }
}

#[test]
fn a_connection_that_the_server_closed_while_idle_loses_nothing() {
    // Closed right behind each answer, unannounced, with pauses between requests in which the end arrives.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut bytes = Vec::new();
            if read_until(&mut stream, &mut bytes, |b| b.ends_with(b"]}").then_some(0)).is_some() {
                let body = r#"{"offsets":[{"partition":0,"offset":7}]}"#;
                let _ = write!(
                    stream,
                    "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}",
                    body.len()
                );
            }
        }
    });
    let none = AtomicU64::new(0).into();
    let server = Server {
        address,
        requests: none,
        records: AtomicU64::new(0).into(),
        connections: AtomicUsize::new(0).into(),
    };
    let mut setup = setup(&server, Stop::Messages(30), 2, 1);
    setup.load.pace = Some(Pace::constant(Rate(50.0)));
    let measured = measure(&setup);
    // A server that is paused before it closes, for longer than the connection is idle, does lose one.
    let acked = measured.total().ledger.records.acked;
    assert!(acked >= 25, "{acked}");
    assert!(
        measured.connections.reconnects >= 25,
        "{:?}",
        measured.connections
    );
}

#[test]
fn connections_are_open_before_the_clock_starts_and_shared_by_threads() {
    let server = server(|_| Act::Answer);
    let measured = measure(&setup(&server, Stop::Messages(10), 9, 10));
    assert_eq!(server.connections.load(Ordering::SeqCst), 9);
    assert_eq!(
        (measured.connections.unused, measured.connections.used_once),
        (8, 1)
    );
}

#[test]
fn a_target_that_refuses_is_told_before_any_load() {
    let address = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let none = || AtomicU64::new(0).into();
    let server = Server {
        address,
        requests: none(),
        records: none(),
        connections: AtomicUsize::new(0).into(),
    };
    let failed = run(
        &setup(&server, Stop::Messages(10), 2, 10),
        &Control::new(),
        &mut |_| {},
    )
    .unwrap_err();
    assert!(
        matches!(failed, super::Failed::Open { target: 0, .. }),
        "{failed:?}"
    );
}

#[test]
fn a_slow_cadence_by_count_is_not_taken_for_silence() {
    let server = server(|_| Act::Answer);
    let mut setup = setup(&server, Stop::Messages(30), 2, 10);
    setup.load.pace = Some(Pace::constant(Rate(10.0)));
    setup.load.timeout = Duration::from_millis(300);
    let measured = measure(&setup);
    assert_eq!((measured.end, measured.unsent.requests), (End::Finished, 0));
    // Three batches, one a second: the window is the schedule's three seconds, not the two between first and last. It
    // begins with the first request that was sent, which a busy machine sends late.
    let window = measured.window.unwrap();
    let latest = Duration::from_micros(measured.total().send_delay.max());
    assert!(
        window + latest >= Duration::from_secs(3),
        "{window:?}, the latest {latest:?} late"
    );
}

#[test]
fn what_comes_due_while_an_interrupted_run_drains_was_not_called_for() {
    let server = server(|_| Act::AnswerIn(Duration::from_millis(900)));
    let mut setup = setup(&server, Stop::Duration(Duration::from_secs(30)), 100, 1);
    setup.load.pace = Some(Pace::constant(Rate(100.0)));
    let control = Control::new();
    let measured = run(&setup, &control, &mut |_| {
        if control.interrupts() == 0 && server.requests.load(Ordering::SeqCst) >= 20 {
            control.interrupt();
        }
    })
    .unwrap();
    assert_balanced(&measured);
    // What was due when the interrupt was noticed may be unsent, not what came due in the 900 ms after it.
    assert!(measured.unsent.requests < 20, "{:?}", measured.unsent);
}

#[test]
fn a_frozen_target_is_gone_though_idle_connections_to_it_are_open() {
    let server = server(|number| {
        if number < 20 {
            Act::Answer
        } else {
            Act::NeverAnswer
        }
    });
    let mut setup = setup(&server, Stop::Duration(Duration::from_secs(2)), 100, 1);
    setup.load.pace = Some(Pace::constant(Rate(20.0)));
    setup.load.timeout = Duration::from_millis(800);
    setup.load.drain = Duration::from_millis(800);
    assert_eq!(measure(&setup).end, End::TargetGone);
}

#[test]
fn a_drain_shorter_than_an_answer_does_not_make_a_target_gone() {
    // The second round of answers is due half a second after the drain: no pause of the machine lets them in.
    let server = server(|_| Act::AnswerIn(Duration::from_secs(1)));
    let mut setup = setup(&server, Stop::Duration(Duration::from_millis(1_450)), 4, 1);
    setup.load.drain = Duration::from_millis(50);
    let measured = measure(&setup);
    assert_eq!(measured.end, End::Finished);
    assert!(measured.total().ledger.requests.unknown > 0);
}

#[test]
fn requests_that_no_connection_took_are_shared_by_the_targets() {
    let slow = || server(|_| Act::AnswerIn(Duration::from_millis(400)));
    let (one, two) = (slow(), slow());
    let mut both = setup(&one, Stop::Duration(Duration::from_secs(1)), 2, 1);
    both.targets
        .extend(setup(&two, Stop::Messages(1), 1, 1).targets);
    both.load.pace = Some(Pace::constant(Rate(50.0)));
    let measured = measure(&both);
    let bounds: Vec<u64> = measured
        .targets
        .iter()
        .map(|target| target.latency_bounds.len())
        .collect();
    assert!(bounds[0].abs_diff(bounds[1]) <= 1, "{bounds:?}");
}

#[test]
fn stages_offer_what_they_say_whatever_happens_to_connections() {
    let server = server(|number| {
        if number % 7 == 3 {
            Act::AnswerAndClose
        } else {
            Act::Answer
        }
    });
    let stage = |from, to, ms| Stage {
        from: Rate(from),
        to: Rate(to),
        length: Duration::from_millis(ms),
    };
    // 0.3 s × 500 + 0.2 s × 1,000 records, after a pause.
    let stages = vec![
        stage(0.0, 0.0, 100),
        stage(0.0, 1_000.0, 300),
        stage(1_000.0, 1_000.0, 200),
    ];
    let length = Duration::from_millis(600);
    for arrivals in [Arrivals::Uniform, Arrivals::Poisson] {
        let mut setup = setup(&server, Stop::Duration(length), 4, 5);
        setup.load.warmup = Duration::from_millis(50);
        setup.load.pace = Some(Pace {
            rates: Rates::Stages(stages.clone()),
            spike: None,
            arrivals,
        });
        let measured = measure(&setup);
        assert_eq!(measured.planned, Some(length));
        let scheduled = measured.scheduled.requests;
        match arrivals {
            Arrivals::Uniform => assert_eq!(scheduled, 70),
            // Five times the root of 70.
            Arrivals::Poisson => assert!((28..=112).contains(&scheduled), "{scheduled}"),
        }
        assert!(measured.warmup.requests.sent <= 5 + 5, "{measured:?}");
        let recorded = measured.total();
        assert_eq!(
            recorded.latency.len() + recorded.latency_bounds.len(),
            scheduled
        );
    }
}

#[test]
fn a_server_that_takes_connections_only_to_close_them_is_told_before_any_load() {
    // A kernel completes connections before the server looks at them. With a short queue it cannot complete them all
    // before the server has begun to close them, however long the server's thread has to wait for a processor. Only if it
    // was so busy that it answered with SYN cookies do all of them seem open at once for a moment: once in a hundred runs.
    let listener = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    listener.bind(&any.into()).unwrap();
    listener.listen(2).unwrap();
    let listener = TcpListener::from(listener);
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        let mut kept = Vec::new();
        for stream in listener.incoming() {
            if kept.len() < 4 {
                kept.push(stream);
            }
        }
    });
    let none = || AtomicU64::new(0).into();
    let server = Server {
        address,
        requests: none(),
        records: none(),
        connections: AtomicUsize::new(0).into(),
    };
    let told = || {
        let setup = setup(&server, Stop::Messages(8_000), 60, 10);
        let ran = run(&setup, &Control::new(), &mut |_| {});
        matches!(ran, Err(super::Failed::Open { .. }))
    };
    assert!((0..3).any(|_| told()));
}

#[test]
fn a_target_that_stops_acknowledging_gets_no_credit_for_the_time_after() {
    let server = server(|number| {
        if number < 50 {
            Act::Answer
        } else {
            Act::Fail(429)
        }
    });
    let setup = setup(&server, Stop::Duration(Duration::from_millis(1_200)), 2, 10);
    let measured = measure(&setup);
    assert_eq!(measured.total().ledger.records.acked, 500);
    assert!(
        measured.window.unwrap() >= Duration::from_millis(1_100),
        "{:?}",
        measured.window
    );
}

#[test]
fn one_target_of_two_that_dies_neither_holds_records_nor_goes_unnamed() {
    // Long enough for the dead one's connections to be refused before the other one is done.
    let healthy = server(|_| Act::AnswerIn(Duration::from_millis(1)));
    let dying = server(|number| if number == 3 { Act::Die } else { Act::Answer });
    let mut both = setup(&healthy, Stop::Messages(10_000), 4, 10);
    both.targets
        .extend(setup(&dying, Stop::Messages(1), 1, 1).targets);
    let began = Instant::now();
    let measured = measure(&both);
    // The other target's connections take what is left: nobody waits for the dead one's time-outs.
    assert!(began.elapsed() < both.load.timeout, "{:?}", began.elapsed());
    assert_eq!(
        (measured.end, measured.gone.as_slice()),
        (End::TargetGone, &[1][..])
    );
    assert_eq!(measured.unsent.records, 0);
}

#[test]
fn a_run_by_time_lasts_its_time_and_has_a_window_though_nothing_is_acked() {
    let server = server(|_| Act::Fail(429));
    let mut setup = setup(&server, Stop::Duration(Duration::from_millis(900)), 2, 10);
    setup.load.pace = Some(Pace::constant(Rate(10.0)));
    let began = Instant::now();
    let measured = measure(&setup);
    assert!(began.elapsed() >= Duration::from_millis(900));
    assert_eq!(measured.total().ledger.records.acked, 0);
    assert!(
        measured
            .window
            .is_some_and(|window| window >= Duration::from_millis(700))
    );
}

#[test]
fn a_run_sends_what_its_limit_lets_it_and_goes_on_when_that_rises() {
    let server = server(|_| Act::Answer);
    let setup = setup(&server, Stop::Duration(Duration::from_millis(1_500)), 4, 10);
    let control = Control::new();
    control.limit(Some(95));
    let sent = || server.records.load(Ordering::SeqCst);
    let mut at_rest = Vec::new();
    let measured = run(&setup, &control, &mut |progress| {
        let Progress::Running { elapsed, .. } = progress else {
            return;
        };
        match elapsed.as_millis() {
            500..900 => at_rest.push((sent(), control.is_held_back())),
            900.. => control.limit(None),
            _ => {}
        }
    });
    let measured = measured.unwrap_or_else(|failed| panic!("{failed:?}"));
    assert_balanced(&measured);
    // Each of the two threads may find room for the same request.
    let held = |&(records, held): &(u64, bool)| (90..=100).contains(&records) && held;
    assert!(at_rest.len() > 1 && at_rest.iter().all(held), "{at_rest:?}");
    assert!(sent() > 100 && !control.is_held_back(), "it goes on");
}
