//! The figures of a run while it goes on, for Prometheus to read: one thread that answers `GET /metrics` from what the run's looks brought.

use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::engine::Progress;
use crate::error::{Error, Result};
use crate::measure::P95;
use crate::plan::{Plan, Stop};
use crate::report::Report;
use crate::report::formats::{Exposition, Kind, run_labels};
use crate::rest::PROMETHEUS_TEXT;

/// Longest request head that is read.
const MAX_HEAD_BYTES: usize = 16 << 10;
/// How long a client may take to say what it wants.
const PATIENCE: Duration = Duration::from_secs(1);
/// Clients that are heard at once; more are turned away.
const MOST_CLIENTS: usize = 32;

/// Counts that only go up, though a run in slices counts each slice from 0.
#[derive(Debug, Default, Clone, Copy)]
struct Counts {
    records_sent: u64,
    records_acked: u64,
    records_failed: u64,
    requests_sent: u64,
    requests_due: u64,
}

impl Counts {
    fn each(self, other: Self, with: fn(u64, u64) -> u64) -> Self {
        Self {
            records_sent: with(self.records_sent, other.records_sent),
            records_acked: with(self.records_acked, other.records_acked),
            records_failed: with(self.records_failed, other.records_failed),
            requests_sent: with(self.requests_sent, other.requests_sent),
            requests_due: with(self.requests_due, other.requests_due),
        }
    }
}

/// Phases in their order.
const PHASES: [&str; 6] = [
    "preparing",
    "opening",
    "warming_up",
    "running",
    "draining",
    "finished",
];

/// What is known of the run.
#[derive(Debug)]
struct Live {
    labels: Vec<(&'static str, String)>,
    stop: Stop,
    phase: &'static str,
    elapsed: Duration,
    open: u64,
    p95: Option<P95>,
    in_flight: u64,
    oldest: Duration,
    /// Of the slices before.
    before: Counts,
    /// Of this one.
    now: Counts,
}

impl Live {
    fn new(plan: &Plan, target_kind: &str) -> Self {
        Self {
            labels: run_labels(&plan.scenario, target_kind, &plan.topic.name),
            stop: plan.load.stop,
            phase: PHASES[0],
            elapsed: Duration::ZERO,
            open: 0,
            p95: None,
            in_flight: 0,
            oldest: Duration::ZERO,
            before: Counts::default(),
            now: Counts::default(),
        }
    }

    fn observe(&mut self, progress: Progress) {
        match progress {
            Progress::Opening { open, .. } => {
                self.phase = "opening";
                self.open = open;
            }
            Progress::Starting => {
                self.before = self.before.each(self.now, u64::saturating_add);
                self.now = Counts::default();
            }
            Progress::WarmingUp { .. } => self.phase = "warming_up",
            Progress::Running {
                elapsed,
                records_sent,
                records_acked,
                records_failed,
                requests_sent,
                p95,
                backlog,
                open,
            } => {
                let seen = Counts {
                    records_sent,
                    records_acked,
                    records_failed,
                    requests_sent,
                    requests_due: backlog.requests_due,
                };
                self.now = self.now.each(seen, u64::max);
                let over = match self.stop {
                    Stop::Messages(all) => records_sent >= all,
                    Stop::Duration(all) => elapsed >= all,
                };
                self.phase = if over { "draining" } else { "running" };
                (self.elapsed, self.p95, self.open) = (elapsed, p95, open);
                (self.in_flight, self.oldest) = (backlog.in_flight, backlog.oldest);
            }
        }
    }

    /// The last figures are those of the report.
    fn finished(&mut self, report: Option<&Report>) {
        self.phase = "finished";
        self.open = 0;
        (self.in_flight, self.oldest) = (0, Duration::ZERO);
        let Some(report) = report else { return };
        let bounds = &report.summary.lower_bounds;
        let is_bound = bounds.iter().any(|name| name == "p95");
        self.p95 = report.summary.latency_us.p95.map(|us| P95 {
            us,
            at_least: is_bound,
            unanswered: is_bound,
        });
        let records = &report.ledger.records;
        let last = Counts {
            records_sent: records.sent,
            records_acked: records.acked,
            records_failed: records.rejected + records.unknown,
            requests_sent: report.ledger.requests.sent,
            requests_due: report.ledger.requests.scheduled,
        };
        self.now = self.now.each(last, u64::max);
        self.elapsed = Duration::try_from_secs_f64(report.elapsed_secs).unwrap_or(self.elapsed);
    }

    fn text(&self) -> String {
        let mut out = Exposition::new(self.labels.clone());
        let counts = self.before.each(self.now, u64::saturating_add);
        let counters = [
            (
                "krush_live_records_sent_total",
                "Records in requests of which the first byte was written; warm-up is in none of these.",
                counts.records_sent,
            ),
            (
                "krush_live_records_acked_total",
                "Records acknowledged one by one.",
                counts.records_acked,
            ),
            (
                "krush_live_records_failed_total",
                "Records rejected or of unknown fate.",
                counts.records_failed,
            ),
            (
                "krush_live_requests_sent_total",
                "Requests of which the first byte was written.",
                counts.requests_sent,
            ),
            (
                "krush_live_requests_due_total",
                "Requests that came due, sent or not; in a closed loop those that a connection took.",
                counts.requests_due,
            ),
        ];
        for (name, help, value) in counters {
            out.single(name, Kind::Counter, help, value as f64);
        }
        let at_least = self.p95.map_or(f64::NAN, |p95| p95.us as f64 / 1e6);
        let unanswered = self.p95.is_some_and(|p95| p95.unanswered);
        let p95 = if unanswered { f64::INFINITY } else { at_least };
        let gauges = [
            (
                "krush_live_latency_p95_seconds",
                "95th percentile, to 6 %, of the latency of every request that came due so far; one that still waits counts with the time it has waited. +Inf if it falls among requests that ended without an answer.",
                p95,
            ),
            (
                "krush_live_latency_p95_at_least_seconds",
                "The same, with requests that ended without an answer as lower bounds: never +Inf.",
                at_least,
            ),
            (
                "krush_live_requests_in_flight",
                "Requests that were sent and wait for the rest of their answer.",
                self.in_flight as f64,
            ),
            (
                "krush_live_oldest_request_wait_seconds",
                "How long the oldest request that is due or in flight has waited since it was due; 0 if none waits.",
                self.oldest.as_secs_f64(),
            ),
            (
                "krush_live_connections_open",
                "Connections open now.",
                self.open as f64,
            ),
            (
                "krush_live_elapsed_seconds",
                "Since the measured part began.",
                self.elapsed.as_secs_f64(),
            ),
        ];
        for (name, help, value) in gauges {
            out.single(name, Kind::Gauge, help, value);
        }
        let name = "krush_live_phase";
        out.family(
            name,
            Kind::Gauge,
            "1 for the phase that the run is in, 0 for the others.",
        );
        for phase in PHASES {
            let value = f64::from(u8::from(phase == self.phase));
            out.sample(name, &[("phase", phase)], value);
        }
        out.finish()
    }
}

/// A port that answers for as long as this lives.
pub(super) struct Exporter {
    live: Arc<Mutex<Live>>,
    address: SocketAddr,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Exporter {
    /// On this port of 127.0.0.1; 0: any that is free.
    ///
    /// # Errors
    /// [`Error::Usage`] if the port is taken or not allowed.
    pub(super) fn start(plan: &Plan, port: u16) -> Result<Self> {
        let failed = |error: io::Error| Error::Usage {
            message: format!(
                "--prometheus-port {port}: cannot listen on 127.0.0.1:{port}: {error}"
            ),
            hint: Some("name another port, or 0 for any that is free".to_owned()),
        };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let live = Arc::new(Mutex::new(Live::new(plan, "unknown")));
        let over = Arc::new(AtomicBool::new(false));
        let thread = {
            let (live, over) = (Arc::clone(&live), Arc::clone(&over));
            let serve = move || serve(&listener, &live, &over);
            thread::Builder::new()
                .name("metrics".to_owned())
                .spawn(serve)
        };
        Ok(Self {
            live,
            address,
            over,
            thread: Some(thread.map_err(failed)?),
        })
    }

    /// Where it is, as a URL.
    pub(super) fn url(&self) -> String {
        format!("http://{}/metrics", self.address)
    }

    /// The plan has a target now.
    pub(super) fn prepared(&self, plan: &Plan, target_kind: &str) {
        *locked(&self.live) = Live::new(plan, target_kind);
    }

    /// One look at the run.
    pub(super) fn observe(&self, progress: Progress) {
        locked(&self.live).observe(progress);
    }

    /// The run is over. What was seen stays until this is dropped; the counts of a report are exact.
    pub(super) fn finished(&self, report: Option<&Report>) {
        locked(&self.live).finished(report);
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Release);
        // It waits for a client: this is one. If it cannot be reached it is gone already.
        let _ = TcpStream::connect_timeout(&self.address, PATIENCE);
        if let Some(thread) = self.thread.take() {
            // Its panic costs the figures of the port and no others.
            let _ = thread.join();
        }
    }
}

fn locked(live: &Mutex<Live>) -> std::sync::MutexGuard<'_, Live> {
    live.lock().unwrap_or_else(PoisonError::into_inner)
}

fn serve(listener: &TcpListener, live: &Mutex<Live>, over: &AtomicBool) {
    let heard = AtomicUsize::new(0);
    // A thread a client: one that says nothing keeps no other waiting.
    thread::scope(|scope| {
        for client in listener.incoming() {
            if over.load(Ordering::Acquire) {
                return;
            }
            let Ok(client) = client else { continue };
            if heard.fetch_add(1, Ordering::AcqRel) >= MOST_CLIENTS {
                heard.fetch_sub(1, Ordering::AcqRel);
                continue;
            }
            let hear = || {
                // A client that leaves has seen what it wanted.
                let _ = answer(client, live);
                heard.fetch_sub(1, Ordering::AcqRel);
            };
            if thread::Builder::new().spawn_scoped(scope, hear).is_err() {
                heard.fetch_sub(1, Ordering::AcqRel);
            }
        }
    });
}

/// One request a connection: scrapes come seconds apart.
fn answer(mut client: TcpStream, live: &Mutex<Live>) -> io::Result<()> {
    client.set_write_timeout(Some(PATIENCE))?;
    let head = head(&mut client)?;
    let mut words = head.split(' ');
    let (method, target) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
    let path = target.split('?').next().unwrap_or("");
    let (status, body) = match (method, path) {
        ("GET" | "HEAD", "/metrics") => ("200 OK", locked(live).text()),
        ("GET" | "HEAD", _) => (
            "404 Not Found",
            "the figures are under /metrics\n".to_owned(),
        ),
        _ => ("405 Method Not Allowed", "GET /metrics\n".to_owned()),
    };
    let mut answer = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {PROMETHEUS_TEXT}\r\nContent-Length: {}\r\nAllow: GET, HEAD\r\nConnection: close\r\n\r\n",
        body.len()
    );
    if method != "HEAD" {
        answer.push_str(&body);
    }
    client.write_all(answer.as_bytes())
}

/// What comes before the empty line.
fn head(client: &mut TcpStream) -> io::Result<String> {
    let (mut head, mut some) = (Vec::new(), [0; 1024]);
    let until = Instant::now() + PATIENCE;
    while !head.windows(4).any(|window| window == b"\r\n\r\n") {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        client.set_read_timeout(Some(left))?;
        let read = client.read(&mut some)?;
        if read == 0 || head.len() > MAX_HEAD_BYTES {
            return Err(io::ErrorKind::InvalidData.into());
        }
        head.extend_from_slice(&some[..read]);
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Backlog;

    fn running(requests_sent: u64) -> Progress {
        Progress::Running {
            elapsed: Duration::from_secs(1),
            records_sent: requests_sent * 10,
            records_acked: requests_sent * 9,
            records_failed: requests_sent,
            requests_sent,
            p95: Some(P95 {
                us: 1_500,
                at_least: false,
                unanswered: false,
            }),
            backlog: Backlog {
                requests_due: requests_sent + 1,
                in_flight: 3,
                oldest: Duration::from_millis(2_500),
            },
            open: 4,
        }
    }

    fn live(stop: Stop) -> Live {
        Live {
            labels: Vec::new(),
            stop,
            phase: PHASES[0],
            elapsed: Duration::ZERO,
            open: 0,
            p95: None,
            in_flight: 0,
            oldest: Duration::ZERO,
            before: Counts::default(),
            now: Counts::default(),
        }
    }

    fn number(live: &Live, name: &str) -> u64 {
        let text = live.text();
        let found = text
            .lines()
            .find(|line| line.starts_with(&format!("{name} ")));
        found.unwrap().rsplit(' ').next().unwrap().parse().unwrap()
    }

    #[test]
    fn counters_go_on_from_slice_to_slice() {
        let mut live = live(Stop::Duration(Duration::from_secs(9)));
        let mut seen = Vec::new();
        let slice = [Progress::Starting, running(5), running(7)];
        for progress in [slice, slice].concat() {
            live.observe(progress);
            seen.push(number(&live, "krush_live_requests_sent_total"));
        }
        assert_eq!(seen, [0, 5, 7, 7, 12, 14]);
        assert_eq!(number(&live, "krush_live_records_acked_total"), 126);
        // A look that shows less than the one before is late.
        live.observe(running(6));
        assert_eq!(number(&live, "krush_live_requests_sent_total"), 14);
    }

    #[test]
    fn what_waits_is_told_and_a_p95_without_an_answer_is_infinite() {
        let mut live = live(Stop::Duration(Duration::from_secs(9)));
        let mut seen = Vec::new();
        for (at_least, unanswered) in [(false, false), (true, false), (true, true)] {
            live.observe(running(7));
            live.p95 = Some(P95 {
                us: 1_500_000,
                at_least,
                unanswered,
            });
            let text = live.text();
            let shown = text.lines().filter(|line| {
                line.starts_with("krush_live_latency_p95") || line.starts_with("krush_live_oldest")
            });
            seen.push(shown.collect::<Vec<_>>().join("\n"));
        }
        insta::assert_snapshot!(seen.join("\n"), @"
        krush_live_latency_p95_seconds 1.5
        krush_live_latency_p95_at_least_seconds 1.5
        krush_live_oldest_request_wait_seconds 2.5
        krush_live_latency_p95_seconds 1.5
        krush_live_latency_p95_at_least_seconds 1.5
        krush_live_oldest_request_wait_seconds 2.5
        krush_live_latency_p95_seconds +Inf
        krush_live_latency_p95_at_least_seconds 1.5
        krush_live_oldest_request_wait_seconds 2.5
        ");
        assert_eq!(number(&live, "krush_live_requests_due_total"), 8);
        assert_eq!(number(&live, "krush_live_requests_in_flight"), 3);
        live.finished(None);
        assert_eq!(number(&live, "krush_live_requests_in_flight"), 0);
        assert_eq!(number(&live, "krush_live_oldest_request_wait_seconds"), 0);
    }

    #[test]
    fn clients_that_say_nothing_keep_no_other_waiting() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let live = Mutex::new(live(Stop::Messages(1)));
        let over = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| serve(&listener, &live, &over));
            let silent: Vec<_> = (0..3).map(|_| TcpStream::connect(address)).collect();
            let began = Instant::now();
            let mut client = TcpStream::connect(address).unwrap();
            let asked = client.write_all(b"GET /metrics HTTP/1.1\r\n\r\n");
            let mut text = String::new();
            let answered = client.read_to_string(&mut text);
            let took = began.elapsed();
            over.store(true, Ordering::Release);
            drop((silent, TcpStream::connect(address)));
            assert!(asked.is_ok() && answered.is_ok());
            assert!(text.starts_with("HTTP/1.1 200 OK"), "{text}");
            assert!(took < PATIENCE, "{took:?}");
        });
    }

    #[test]
    fn there_is_one_phase_at_a_time() {
        let mut live = live(Stop::Messages(50));
        let mut phases = Vec::new();
        for progress in [
            Progress::Opening { open: 1, wanted: 4 },
            Progress::Starting,
            Progress::WarmingUp {
                left: Duration::from_secs(1),
            },
            running(2),
            running(5),
        ] {
            live.observe(progress);
            phases.push(live.phase);
        }
        live.finished(None);
        phases.push(live.phase);
        assert_eq!(
            phases,
            [
                "opening",
                "opening",
                "warming_up",
                "running",
                "draining",
                "finished"
            ]
        );
        let text = live.text();
        let on: Vec<&str> = text
            .lines()
            .filter(|l| l.starts_with("krush_live_phase{") && l.ends_with(" 1"))
            .collect();
        assert_eq!(on, ["krush_live_phase{phase=\"finished\"} 1"]);
        assert!(PHASES.contains(&live.phase));
    }
}
