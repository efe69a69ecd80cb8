//! One engine thread: its own poll, connections, template and recorders, and the one loop that drives them.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::sync::Mutex;
use std::time::Duration;

use mio::event::Event;
use mio::{Events, Poll, Token, Waker};

use super::clock::{Alarm, Clock, thread_cpu};
use super::connection::{Connection, Request, State};
use super::control::{Control, Handover, lock};
use super::schedule::{Due, Next, Schedule};
use super::transport::Transport;
use super::verdict::Verdict;
use super::{Setup, TargetSetup};
use crate::measure::{Exchange, FailureKind, Ledger, Outcome, Recorder, TimelineDelta};
use crate::payload::{Stamp, Template};

/// Read at a time; an answer to 1,000 records is 60 to 75 KB.
const READ_BYTES: usize = 128 * 1024;
/// Confluent's proxy closes silently after 30.0 s: no request is risked on a connection that may be closing.
const MAX_IDLE_US: u64 = 25_000_000;
/// Connections being made at once by one thread; more would overflow listen queues.
const MAX_CONNECTING: usize = 64;
const SWEEP_US: u64 = 100_000;

const WAKE: Token = Token(usize::MAX);
const ALARM: Token = Token(usize::MAX - 1);

/// What every thread of a run consults.
pub(crate) struct Shared<'a> {
    pub(crate) setup: &'a Setup,
    pub(crate) control: &'a Control,
    pub(crate) handover: Mutex<Handover>,
}

/// The two parts of a run and the clock they are on; fixed when all connections are open.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Go<'a> {
    pub(crate) clock: Clock,
    pub(crate) warmup: &'a Schedule,
    pub(crate) measured: &'a Schedule,
    /// Where the measured part starts, µs since the clock's origin.
    pub(crate) start_us: u64,
}

/// What a thread brings home.
pub(crate) struct Harvest {
    /// One a target.
    pub(crate) recorders: Vec<Recorder>,
    pub(crate) warmup: Ledger,
    /// Taken from the schedule and never written.
    pub(crate) unsent_requests: u64,
    pub(crate) unsent_records: u64,
    pub(crate) first_sent_us: Option<u64>,
    pub(crate) last_ack_us: Option<u64>,
    pub(crate) reconnects: u64,
    pub(crate) connect_failures: u64,
    pub(crate) unused: u64,
    pub(crate) used_once: u64,
    /// One a target.
    pub(crate) endings: Vec<Ending>,
    /// Seconds not handed over yet.
    pub(crate) timeline: TimelineDelta,
    /// CPU time over wall time between the start of the measured part and the end of the load.
    pub(crate) busy_ratio: Option<f64>,
}

/// How one target was when the load ended, as one thread saw it.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Ending {
    /// Open connections without a request, or being made for the first time.
    pub(crate) healthy: u64,
    /// Connections whose last attempt to connect failed.
    pub(crate) failing: u64,
    /// Requests in flight.
    pub(crate) outstanding: u64,
    /// Of those, answered before the drain ended.
    pub(crate) answered: u64,
}

impl Ending {
    pub(crate) fn merge(&mut self, other: &Self) {
        self.healthy += other.healthy;
        self.failing += other.failing;
        self.outstanding += other.outstanding;
        self.answered += other.answered;
    }

    /// Nothing answered any more and nothing spoke for it: the target was gone when the load ended.
    pub(crate) fn is_gone(&self) -> bool {
        self.healthy == 0 && self.answered == 0 && self.failing + self.outstanding > 0
    }
}

pub(crate) struct Worker<'a> {
    shared: &'a Shared<'a>,
    poll: Poll,
    alarm: Alarm,
    connections: Vec<Connection>,
    free: VecDeque<usize>,
    connecting: usize,
    in_flight: usize,
    full: Template,
    partial: Option<Template>,
    buffer: Vec<u8>,
    next_request: u64,
    timeout_us: u64,
    clock: Clock,
    /// Set when the load starts.
    go: Option<Go<'a>>,
    start_us: u64,
    timeline: TimelineDelta,
    open_error: Option<(usize, io::Error)>,
    load_over_us: Option<u64>,
    cpu_at_start: Option<(Duration, u64)>,
    last_answer_us: u64,
    harvest: Harvest,
}

impl<'a> Worker<'a> {
    /// A thread with connections to the targets numbered in `targets`, none open yet.
    pub(crate) fn new(shared: &'a Shared<'a>, number: u32, targets: &[usize]) -> io::Result<Self> {
        let setup = shared.setup;
        let poll = Poll::new()?;
        shared.control.add_waker(Waker::new(poll.registry(), WAKE)?);
        let alarm = Alarm::new(poll.registry(), ALARM)?;
        let heads: Vec<_> = setup
            .targets
            .iter()
            .map(|target| target.head.clone())
            .collect();
        let batch = setup.load.batch_size;
        let template =
            |records| Template::new(&setup.payload, records, batch, &setup.run, number, &heads);
        Ok(Self {
            shared,
            poll,
            alarm,
            connections: targets
                .iter()
                .map(|&target| Connection::new(target, setup.dialect))
                .collect(),
            free: VecDeque::with_capacity(targets.len()),
            connecting: 0,
            in_flight: 0,
            full: template(batch),
            partial: setup.partial_records().map(template),
            buffer: vec![0; READ_BYTES],
            next_request: 0,
            timeout_us: setup.load.timeout.as_micros() as u64,
            clock: Clock::start(),
            go: None,
            start_us: 0,
            timeline: TimelineDelta::default(),
            open_error: None,
            load_over_us: None,
            cpu_at_start: None,
            last_answer_us: 0,
            harvest: Harvest {
                recorders: setup.targets.iter().map(|_| Recorder::new()).collect(),
                warmup: Ledger::default(),
                unsent_requests: 0,
                unsent_records: 0,
                first_sent_us: None,
                last_ack_us: None,
                reconnects: 0,
                connect_failures: 0,
                unused: 0,
                used_once: 0,
                endings: vec![Ending::default(); setup.targets.len()],
                timeline: TimelineDelta::default(),
                busy_ratio: None,
            },
        })
    }

    /// Opens every connection; the first failure ends it, with the target it happened on.
    pub(crate) fn open(&mut self) -> Result<(), (usize, io::Error)> {
        let mut events = Events::with_capacity(256);
        let mut next = 0;
        loop {
            while next < self.connections.len() && self.connecting < MAX_CONNECTING {
                self.connect(next);
                next += 1;
            }
            if let Some(error) = self.open_error.take() {
                return Err(error);
            }
            let open = self
                .connections
                .iter()
                .filter(|connection| connection.is_open())
                .count();
            lock(&self.shared.handover).open = open as u64;
            if open == self.connections.len() || self.shared.control.stopping() {
                return Ok(());
            }
            self.wait(&mut events, Duration::from_micros(SWEEP_US))
                .map_err(|error| (0, error))?;
            for event in &events {
                self.event(event);
            }
            self.sweep_connecting(self.clock.now_us());
        }
    }

    /// Runs the load from start to the end of the drain.
    pub(crate) fn run(mut self, go: Go<'a>) -> io::Result<Harvest> {
        self.go = Some(go);
        self.clock = go.clock;
        self.start_us = go.start_us;
        self.harvest.connect_failures = 0;
        // Failures while connections were opened are not the run's.
        for recorder in &mut self.harvest.recorders {
            *recorder = Recorder::new();
        }
        self.free = (0..self.connections.len())
            .filter(|&index| matches!(self.connections[index].state, State::Free { .. }))
            .collect();
        for connection in &mut self.connections {
            if let State::Free { since_us } | State::Connecting { since_us } = &mut connection.state
            {
                *since_us = 0;
            }
        }
        let sweep_us = SWEEP_US.min(self.timeout_us / 10).max(1_000);
        let mut events = Events::with_capacity(1_024);
        let mut next_sweep_us = 0;
        let mut drain_end_us = u64::MAX;
        loop {
            let now_us = self.clock.now_us();
            if self.cpu_at_start.is_none() && now_us >= self.start_us {
                self.cpu_at_start = thread_cpu().map(|cpu| (cpu, now_us));
            }
            let mut wake_us = u64::MAX;
            if self.load_over_us.is_none() {
                if let Next::At(due_us) = self.dispatch(&go, now_us) {
                    wake_us = due_us;
                }
                let sent_all = go.measured.exhausted(now_us) && self.nothing_to_send(&go);
                if sent_all || self.shared.control.stopping() {
                    self.load_is_over(now_us);
                    drain_end_us =
                        now_us.saturating_add(self.shared.setup.load.drain.as_micros() as u64);
                } else {
                    wake_us = wake_us.min(
                        go.measured
                            .end_us()
                            .filter(|&end| end > now_us)
                            .unwrap_or(u64::MAX),
                    );
                }
            }
            if self.load_over_us.is_some()
                && (self.in_flight == 0
                    || now_us >= drain_end_us
                    || self.shared.control.abandoned())
            {
                break;
            }
            if now_us >= next_sweep_us {
                self.sweep(now_us);
                self.hand_over(now_us);
                next_sweep_us = now_us + sweep_us;
            }
            let wake_us = wake_us.min(next_sweep_us);
            self.sleep_until(&mut events, wake_us.min(drain_end_us), next_sweep_us)?;
            for event in &events {
                self.event(event);
            }
        }
        self.finish();
        Ok(self.harvest)
    }

    /// Waits for events, at most until `wake_us`; the alarm is finer than the poll's milliseconds.
    fn sleep_until(&mut self, events: &mut Events, wake_us: u64, sweep_us: u64) -> io::Result<()> {
        let now_us = self.clock.now_us();
        let wait_us = wake_us.saturating_sub(now_us);
        if wait_us > 0 && wake_us < sweep_us {
            self.alarm.set(wake_us, now_us)?;
        }
        let coarse_us = if cfg!(target_os = "linux") {
            sweep_us.saturating_sub(now_us)
        } else {
            wait_us
        };
        let wait = if wait_us == 0 {
            Duration::ZERO
        } else {
            Duration::from_micros(coarse_us)
        };
        self.wait(events, wait)
    }

    fn wait(&mut self, events: &mut Events, wait: Duration) -> io::Result<()> {
        match self.poll.poll(events, Some(wait)) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {
                events.clear();
                Ok(())
            }
            other => other,
        }
    }

    /// Gives due requests to free connections; says when the next one is due.
    fn dispatch(&mut self, go: &Go<'_>, now_us: u64) -> Next {
        loop {
            let warming = now_us < self.start_us;
            let schedule = if warming { go.warmup } else { go.measured };
            let Some(&index) = self.free.front() else {
                return Next::Now(Due {
                    due_us: now_us,
                    records: 0,
                });
            };
            match schedule.next(now_us) {
                Next::Now(due) => {
                    self.free.pop_front();
                    self.start(index, due, !warming, now_us);
                }
                Next::Never if warming => return Next::At(self.start_us),
                other => return other,
            }
        }
    }

    /// Whether the schedule is over for this thread: nothing taken waits for a connection. A run limited by time does
    /// not wait for what is not written by then.
    fn nothing_to_send(&self, go: &Go<'_>) -> bool {
        let waiting = |connection: &Connection| {
            connection
                .request
                .is_some_and(|request| request.sent_us.is_none())
        };
        go.measured.end_us().is_some() || !self.connections.iter().any(waiting)
    }

    fn load_is_over(&mut self, now_us: u64) {
        self.load_over_us = Some(now_us);
        if let (Some((before, since_us)), Some(cpu)) = (self.cpu_at_start, thread_cpu()) {
            let wall = now_us.saturating_sub(since_us).max(1);
            self.harvest.busy_ratio = Some((cpu - before).as_micros() as f64 / wall as f64);
        }
        for index in 0..self.connections.len() {
            let connection = &self.connections[index];
            let ending = &mut self.harvest.endings[connection.target];
            if connection.in_flight() {
                ending.outstanding += 1;
                continue;
            }
            ending.failing += u64::from(connection.is_failing());
            ending.healthy += u64::from(!connection.is_failing() && !connection.peer_closed);
            self.give_back(index, now_us);
        }
    }

    /// A request taken from the schedule is not sent: it stays due for ever.
    fn give_back(&mut self, index: usize, now_us: u64) {
        let connection = &mut self.connections[index];
        let Some(request) = connection.request.take() else {
            return;
        };
        if connection.state == State::Writing {
            connection.state = State::Free { since_us: now_us };
        }
        if request.measured {
            self.harvest.unsent_requests += 1;
            self.harvest.unsent_records += u64::from(request.due.records);
            self.harvest.recorders[connection.target].never_sent(request.due.due_us, now_us);
        }
    }

    // Connecting.

    fn connect(&mut self, index: usize) {
        let connection = &mut self.connections[index];
        let TargetSetup { address, tls, .. } = &self.shared.setup.targets[connection.target];
        match Transport::connect(*address, tls.as_ref(), self.poll.registry(), Token(index)) {
            Ok(transport) => {
                connection.transport = Some(transport);
                connection.state = State::Connecting {
                    since_us: self.clock.now_us(),
                };
                connection.peer_closed = false;
                self.connecting += 1;
            }
            Err(error) => self.connect_failed(index, error),
        }
    }

    fn connect_failed(&mut self, index: usize, error: io::Error) {
        let now_us = self.clock.now_us();
        let connection = &mut self.connections[index];
        if let Some(transport) = connection.transport.take() {
            transport.close(self.poll.registry());
            self.connecting -= 1;
        }
        connection.state = State::Down {
            retry_us: now_us + connection.next_backoff_us(),
        };
        self.harvest.connect_failures += 1;
        let failures = &mut self.harvest.recorders[connection.target].failures;
        failures.add(FailureKind::Connect, None, None, 0, 0, || error.to_string());
        self.open_error.get_or_insert((connection.target, error));
    }

    fn established(&mut self, index: usize) {
        let connection = &mut self.connections[index];
        let Some(transport) = connection.transport.as_mut() else {
            return;
        };
        match transport.established() {
            Ok(false) => {}
            Err(error) => self.connect_failed(index, error),
            Ok(true) => {
                self.connecting -= 1;
                connection.made();
                let now_us = self.clock.now_us();
                connection.state = State::Free { since_us: now_us };
                if connection.request.is_some() {
                    connection.reader.begin();
                    connection.judge.begin();
                    self.write(index);
                } else {
                    self.free.push_back(index);
                }
            }
        }
    }

    /// Closes and connects again at once. A request that waits for the connection goes on waiting; in a closed loop the
    /// connection takes its next request now, so that the time until it is made counts.
    fn reopen(&mut self, index: usize) {
        let connection = &mut self.connections[index];
        if let Some(transport) = connection.transport.take() {
            transport.close(self.poll.registry());
        }
        if let State::Free { .. } = connection.state
            && let Some(place) = self.free.iter().position(|&free| free == index)
        {
            self.free.remove(place);
        }
        connection.state = State::Down { retry_us: 0 };
        if self.load_over_us.is_some() {
            return;
        }
        if self.clock.now_us() >= self.start_us {
            self.harvest.reconnects += 1;
        }
        if let Some(go) = self.go
            && go.measured.is_closed_loop()
            && self.connections[index].request.is_none()
        {
            let now_us = self.clock.now_us();
            let measured = now_us >= self.start_us;
            let schedule = if measured { go.measured } else { go.warmup };
            if let Next::Now(due) = schedule.next(now_us) {
                self.assign(index, due, measured, now_us);
            }
        }
        self.connect(index);
    }

    // Sending.

    fn start(&mut self, index: usize, due: Due, measured: bool, now_us: u64) {
        self.assign(index, due, measured, now_us);
        self.write(index);
    }

    fn assign(&mut self, index: usize, due: Due, measured: bool, now_us: u64) {
        let stamp = Stamp {
            request: self.next_request,
            timestamp_ms: self.clock.wall_ms(now_us),
        };
        self.next_request += 1;
        let connection = &mut self.connections[index];
        connection.request = Some(Request {
            due,
            measured,
            stamp,
            written: 0,
            sent_us: None,
            received: 0,
        });
        connection.reader.begin();
        connection.judge.begin();
    }

    fn write(&mut self, index: usize) {
        let connection = &mut self.connections[index];
        let (Some(request), Some(transport)) =
            (connection.request.as_mut(), connection.transport.as_mut())
        else {
            return;
        };
        connection.state = State::Writing;
        let template = match self.partial.as_mut() {
            Some(partial) if partial.records() == request.due.records => partial,
            _ => &mut self.full,
        };
        let recorder = &mut self.harvest.recorders[connection.target];
        let length = template.request_len(connection.target);
        while request.written < length {
            let now_us = if request.sent_us.is_none() {
                self.clock.now_us()
            } else {
                0
            };
            let bytes = template.bytes(connection.target, request.stamp, request.written);
            let asked = bytes.len();
            let written = match transport.write(bytes) {
                Ok(written) => written,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                // Not a byte is out: the connection was closed while idle, the request loses nothing by another one.
                Err(_) if request.sent_us.is_none() => return self.reopen(index),
                // The peer stopped reading; it may have answered before it did.
                Err(error) => return self.write_failed(index, &error),
            };
            if request.sent_us.is_none() {
                request.sent_us = Some(now_us);
                self.in_flight += 1;
                if request.measured {
                    recorder.sent(u64::from(request.due.records));
                    connection.requests_sent += 1;
                    self.harvest.first_sent_us = Some(
                        self.harvest
                            .first_sent_us
                            .map_or(now_us, |us| us.min(now_us)),
                    );
                } else {
                    self.harvest.warmup.sent(u64::from(request.due.records));
                }
            }
            request.written += written;
            if request.measured {
                recorder.wire_bytes_sent += written as u64;
            }
            if written < asked {
                // A socket that takes less than it was given is full: readiness will tell when it is not.
                return;
            }
        }
        connection.state = State::Reading;
    }

    fn write_failed(&mut self, index: usize, error: &io::Error) {
        self.connections[index].peer_closed = true;
        self.connections[index].state = State::Reading;
        self.read(index);
        if self.connections[index].state == State::Reading && self.connections[index].in_flight() {
            self.fail(index, FailureKind::Write, || error.to_string());
        }
    }

    // Receiving.

    fn event(&mut self, event: &Event) {
        match event.token() {
            WAKE => return,
            ALARM => return self.alarm.rang(),
            _ => {}
        }
        let index = event.token().0;
        let Some(connection) = self.connections.get_mut(index) else {
            return;
        };
        if matches!(connection.state, State::Connecting { .. }) {
            return self.established(index);
        }
        connection.peer_closed |= event.is_read_closed();
        if event.is_writable() {
            if connection.state == State::Writing {
                self.write(index);
            } else if let Some(transport) = connection.transport.as_mut()
                && transport.flush().is_err()
            {
                self.connections[index].peer_closed = true;
            }
        }
        if event.is_readable() || event.is_read_closed() || event.is_error() {
            match self.connections[index].state {
                State::Free { .. } => self.unasked(index),
                State::Writing | State::Reading => self.read(index),
                State::Down { .. } | State::Connecting { .. } => {}
            }
        }
    }

    /// Something to read on a connection without a request: its end, or bytes nobody asked for. Either way it is done.
    fn unasked(&mut self, index: usize) {
        let Some(transport) = self.connections[index].transport.as_mut() else {
            return;
        };
        match transport.read(&mut self.buffer) {
            Err(error)
                if error.kind() == ErrorKind::WouldBlock
                    && !self.connections[index].peer_closed => {}
            _ => self.reopen(index),
        }
    }

    fn read(&mut self, index: usize) {
        loop {
            let connection = &mut self.connections[index];
            let (Some(transport), Some(request)) =
                (connection.transport.as_mut(), connection.request.as_mut())
            else {
                return;
            };
            let count = match transport.read(&mut self.buffer) {
                Ok(0) => return self.end_of_stream(index),
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => {
                    let tls = error.kind() == ErrorKind::InvalidData;
                    let kind = if tls {
                        FailureKind::Tls
                    } else {
                        FailureKind::Reset
                    };
                    return self.fail(index, kind, || error.to_string());
                }
            };
            request.received += count as u64;
            let Ok(taken) = connection
                .reader
                .read(&self.buffer[..count], &mut connection.judge)
            else {
                let sample = String::from_utf8_lossy(&self.buffer[..count.min(120)]).into_owned();
                return self.fail(index, FailureKind::BadHttp, || sample);
            };
            if connection.reader.done() {
                return self.complete(index, taken < count);
            }
            if count < self.buffer.len()
                && transport.short_read_is_last()
                && !connection.peer_closed
            {
                return;
            }
        }
    }

    fn end_of_stream(&mut self, index: usize) {
        let connection = &mut self.connections[index];
        if !connection.in_flight() {
            // Closed before a byte of the request was out: it waits for a new connection.
            return self.reopen(index);
        }
        if connection.reader.closed() {
            return self.complete(index, false);
        }
        let (kind, sample) = if connection.reader.started() {
            let status = connection
                .reader
                .status()
                .map_or("no status".to_owned(), |status| status.to_string());
            (
                FailureKind::EofInAnswer,
                format!("closed within the answer ({status})"),
            )
        } else {
            (
                FailureKind::EofBeforeAnswer,
                "closed before a byte of the answer".to_owned(),
            )
        };
        self.fail(index, kind, || sample);
    }

    fn complete(&mut self, index: usize, bytes_left: bool) {
        let done_us = self.clock.now_us();
        self.last_answer_us = done_us;
        let connection = &mut self.connections[index];
        let Some(request) = connection.request else {
            return;
        };
        let verdict = connection.judge.conclude(request.due.records);
        let reusable = connection.reader.keep_alive()
            && connection.state == State::Reading
            && !(verdict.give_up || bytes_left || connection.peer_closed);
        if self.load_over_us.is_some() {
            self.harvest.endings[connection.target].answered += 1;
        }
        self.record(index, request, &verdict, done_us);
        let connection = &mut self.connections[index];
        connection.request = None;
        self.in_flight -= 1;
        if reusable {
            connection.state = State::Free { since_us: done_us };
            self.free.push_back(index);
        } else {
            self.reopen(index);
        }
    }

    /// Ends the exchange without a believable answer.
    fn fail(&mut self, index: usize, kind: FailureKind, sample: impl FnOnce() -> String) {
        let done_us = self.clock.now_us();
        let connection = &mut self.connections[index];
        let Some(request) = connection.request.take() else {
            return;
        };
        let status = connection.reader.status();
        let target = connection.target;
        let verdict = Verdict::unknown(request.due.records, kind);
        self.record_ledger(target, request, &verdict, done_us);
        if request.measured {
            let failures = &mut self.harvest.recorders[target].failures;
            failures.add(
                kind,
                status,
                None,
                1,
                u64::from(request.due.records),
                sample,
            );
        }
        self.in_flight -= 1;
        self.reopen(index);
    }

    fn record(&mut self, index: usize, request: Request, verdict: &Verdict, done_us: u64) {
        let target = self.connections[index].target;
        self.record_ledger(target, request, verdict, done_us);
        if !request.measured {
            return;
        }
        let recorder = &mut self.harvest.recorders[target];
        recorder.wire_bytes_received += request.received;
        recorder.acked_without_offset += u64::from(verdict.without_offset);
        if verdict.acked > 0 {
            let all = self.full.payload_bytes() / u64::from(self.full.records());
            recorder.payload_bytes_acked += all * u64::from(verdict.acked);
            self.harvest.last_ack_us = Some(
                self.harvest
                    .last_ack_us
                    .map_or(done_us, |us| us.max(done_us)),
            );
        }
        if verdict.rejected + verdict.unknown == 0 {
            return;
        }
        let connection = &self.connections[index];
        let status = connection.reader.status();
        let seen = connection.judge.seen();
        let records = u64::from(verdict.rejected + verdict.unknown);
        if let Some(kind) = verdict.whole {
            recorder
                .failures
                .add(kind, status, seen.error_code, 1, records, || {
                    seen.error_text
                        .clone()
                        .unwrap_or_else(|| String::from_utf8_lossy(&seen.sample).into_owned())
                });
            return;
        }
        for row in &seen.failed {
            let kind = if row.rejected {
                FailureKind::RecordRejected
            } else {
                FailureKind::RecordUnknown
            };
            recorder
                .failures
                .add(kind, status, row.code, 1, u64::from(row.records), || {
                    row.text.clone()
                });
        }
    }

    fn record_ledger(&mut self, target: usize, request: Request, verdict: &Verdict, done_us: u64) {
        let mut exchange = Exchange {
            due_us: request.due.due_us,
            sent_us: request.sent_us.unwrap_or(done_us),
            done_us,
            acked: u64::from(verdict.acked),
            rejected: u64::from(verdict.rejected),
            unknown: u64::from(verdict.unknown),
            lower_bound: false,
        };
        exchange.lower_bound = exchange.outcome() == Outcome::Unknown;
        if !request.measured {
            self.harvest.warmup.ended(&exchange);
            return;
        }
        self.harvest.recorders[target].ended(&exchange);
        let failed = exchange.outcome() != Outcome::Complete;
        let since_start = |us: u64| us.saturating_sub(self.start_us);
        let (due_us, done_us) = (since_start(exchange.due_us), since_start(done_us));
        self.timeline.ended(due_us, done_us, exchange.acked, failed);
    }

    // From time to time.

    fn sweep_connecting(&mut self, now_us: u64) {
        for index in 0..self.connections.len() {
            if let State::Connecting { since_us } = self.connections[index].state
                && now_us.saturating_sub(since_us) >= self.timeout_us
            {
                self.connect_failed(index, ErrorKind::TimedOut.into());
            }
        }
    }

    fn sweep(&mut self, now_us: u64) {
        self.sweep_connecting(now_us);
        for index in 0..self.connections.len() {
            let connection = &self.connections[index];
            match connection.state {
                State::Down { retry_us } if retry_us <= now_us && self.load_over_us.is_none() => {
                    if self.connecting < MAX_CONNECTING {
                        self.connect(index);
                    }
                }
                State::Free { since_us } if now_us.saturating_sub(since_us) > MAX_IDLE_US => {
                    self.reopen(index)
                }
                State::Writing | State::Reading => {
                    let sent_us = connection.request.and_then(|request| request.sent_us);
                    if sent_us
                        .is_some_and(|sent_us| now_us.saturating_sub(sent_us) >= self.timeout_us)
                    {
                        let seconds = self.shared.setup.load.timeout.as_secs_f64();
                        self.fail(index, FailureKind::Timeout, || {
                            format!("no complete answer within {seconds} s")
                        });
                    }
                }
                _ => {}
            }
        }
    }

    fn hand_over(&mut self, now_us: u64) {
        let due = self
            .connections
            .iter()
            .filter_map(|connection| connection.request)
            .map(|request| request.due.due_us);
        let next_us = self.go.and_then(|go| go.measured.next_due_us());
        let oldest_us = due.min().unwrap_or(now_us).min(next_us.unwrap_or(now_us));
        let mut handover = lock(&self.shared.handover);
        handover.open = self
            .connections
            .iter()
            .filter(|connection| connection.is_open())
            .count() as u64;
        handover.settled_us = oldest_us.saturating_sub(self.start_us);
        handover.last_answer_us = self.last_answer_us;
        if handover.timeline.is_empty() {
            std::mem::swap(&mut handover.timeline, &mut self.timeline);
        }
        let total = |field: fn(&Recorder) -> u64| self.harvest.recorders.iter().map(field).sum();
        handover.records_acked = total(|recorder| recorder.ledger.records.acked);
        handover.records_sent = total(|recorder| recorder.ledger.records.sent);
        handover.failures =
            total(|recorder| recorder.ledger.records.rejected + recorder.ledger.records.unknown);
    }

    /// What is still in flight stays unknown; connections are closed.
    fn finish(&mut self) {
        for index in 0..self.connections.len() {
            if self.connections[index].in_flight() {
                self.fail(index, FailureKind::InFlight, || {
                    "no answer when the drain ended".to_owned()
                });
            }
            let connection = &self.connections[index];
            self.harvest.unused += u64::from(connection.requests_sent == 0);
            self.harvest.used_once += u64::from(connection.requests_sent == 1);
        }
        self.hand_over(self.clock.now_us());
        self.harvest.timeline = std::mem::take(&mut self.timeline);
    }
}
