//! One engine thread: its own poll, connections, template and recorders, and the one loop that drives them.

mod connect;
mod receive;
mod record;
mod send;
mod sweep;

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::sync::Mutex;
use std::time::Duration;

use mio::{Events, Poll, Token, Waker};

use super::Setup;
use super::absence::Absence;
use super::cadence::Cursor;
use super::clock::{Alarm, Clock, ThreadTime, thread_time};
use super::connection::{Connection, State};
use super::control::{Control, Handover, lock};
use super::ending::Ending;
use super::harvest::{BUSY_WINDOW_US, Busy, Harvest};
use super::http::KnownHead;
use super::schedule::{Due, Next, Schedule};
use super::tally::Tally;
use crate::measure::{Counts, FailureKind, Ledger, Recorder, Slices, ThreadClaims, TimelineDelta};
use crate::payload::Template;
use crate::plan::Stop;

/// Read at a time; an answer to 1,000 records is 60 to 75 KB.
const READ_BYTES: usize = 128 * 1024;
/// Confluent's proxy closes silently after 30.0 s: no request is risked on a connection that may be closing.
const MAX_IDLE_US: u64 = 25_000_000;
/// Connections being made at once by all threads; more would overflow listen queues (Java's default is 50 deep).
const MAX_CONNECTING: usize = 48;
const SWEEP_US: u64 = 100_000;
/// A turn of the loop that comes this much later than its sweep means that the thread was not run.
const STOPPED_US: u64 = 50_000;
/// A poll may sleep this much longer than it was told to.
const POLL_SLIP_US: u64 = 5_000;
/// A connection that takes longer than this to be made is not being taken.
const STUCK_US: u64 = 1_000_000;

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

/// Measured requests in flight, integrated over time as their number changes: the side of Little's law that knows nothing
/// of the single requests' times.
#[derive(Debug, Clone, Copy, Default)]
struct InFlight {
    now: u64,
    since_us: u64,
    integral_us: u64,
}

impl InFlight {
    /// One more (`1`) or one less (`-1`) since `at_us`.
    fn change(&mut self, by: i64, at_us: u64) {
        self.integral_us += self.now * at_us.saturating_sub(self.since_us);
        self.since_us = at_us;
        self.now = self.now.saturating_add_signed(by);
    }
}

pub(crate) struct Worker<'a> {
    shared: &'a Shared<'a>,
    number: u32,
    poll: Poll,
    alarm: Alarm,
    connections: Vec<Connection>,
    free: VecDeque<usize>,
    connecting: usize,
    max_connecting: usize,
    /// Connections that the peer closed while the others were being opened.
    closed_while_opening: usize,
    in_flight: usize,
    measured_in_flight: InFlight,
    full: Template,
    partial: Option<Template>,
    buffer: Vec<u8>,
    /// By target: its answers' heads hardly differ.
    known_heads: Vec<KnownHead>,
    timeout_us: u64,
    clock: Clock,
    /// Set when the load starts.
    go: Option<Go<'a>>,
    start_us: u64,
    /// This thread's places in the schedules of warm-up and measured part.
    warmup_cursor: Cursor,
    measured_cursor: Cursor,
    absence: Absence,
    timeline: TimelineDelta,
    open_error: Option<(usize, io::Error)>,
    load_over_us: Option<u64>,
    /// Until when a target that is gone is watched after the load.
    watch_end_us: u64,
    /// Target, due time and records of requests taken from the schedule and never sent.
    given_back: Vec<(usize, u64, u64)>,
    time_at_start: Option<(ThreadTime, u64)>,
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
        let template = |records| {
            #[cfg_attr(not(unix), expect(unused_mut, reason = "it keeps no bytes in a file"))]
            let mut template =
                Template::new(&setup.payload, records, batch, &setup.run, number, &heads);
            #[cfg(unix)]
            if setup.targets.iter().all(|target| target.tls.is_none()) {
                template.keep_fixed_bytes();
            }
            template
        };
        Ok(Self {
            shared,
            number,
            poll,
            alarm,
            connections: targets
                .iter()
                .map(|&target| Connection::new(target, setup))
                .collect(),
            free: VecDeque::with_capacity(targets.len()),
            connecting: 0,
            max_connecting: (MAX_CONNECTING / setup.load.threads.max(1) as usize).max(1),
            closed_while_opening: 0,
            in_flight: 0,
            measured_in_flight: InFlight::default(),
            full: template(batch),
            partial: setup.partial_records().map(template),
            buffer: vec![0; READ_BYTES],
            known_heads: setup.targets.iter().map(|_| KnownHead::default()).collect(),
            timeout_us: setup.load.timeout.as_micros() as u64,
            clock: Clock::start(),
            go: None,
            start_us: 0,
            warmup_cursor: Cursor::default(),
            measured_cursor: Cursor::default(),
            absence: Absence::default(),
            timeline: TimelineDelta::default(),
            open_error: None,
            load_over_us: None,
            watch_end_us: 0,
            given_back: Vec::new(),
            time_at_start: None,
            last_answer_us: 0,
            harvest: Harvest {
                number,
                recorders: setup.targets.iter().map(|_| Recorder::new()).collect(),
                warmup: Ledger::default(),
                unsent_requests: 0,
                unsent_records: 0,
                load_over_us: None,
                first_sent: None,
                last_ack_us: None,
                reconnects: 0,
                connect_failures: 0,
                unused: 0,
                used_once: 0,
                endings: vec![Ending::default(); setup.targets.len()],
                timeline: TimelineDelta::default(),
                slices: Slices::new(match setup.load.stop {
                    Stop::Duration(length) => Some(length),
                    Stop::Messages(_) => None,
                }),
                busy: None,
                cpu: None,
                in_flight_us: 0,
                claims: ThreadClaims::new(targets.len()),
                tally: setup.counts_partitions.then(Tally::default),
            },
        })
    }

    /// Opens every connection; the first failure ends it, with the target it happened on.
    pub(crate) fn open(&mut self) -> Result<(), (usize, io::Error)> {
        let mut events = Events::with_capacity(256);
        loop {
            self.connect_again(self.clock.now_us());
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
        (self.harvest.connect_failures, self.harvest.reconnects) = (0, 0);
        // Failures while connections were opened are not the run's.
        for recorder in &mut self.harvest.recorders {
            *recorder = Recorder::new();
        }
        self.free = (0..self.connections.len())
            .filter(|&index| matches!(self.connections[index].state, State::Free { .. }))
            .collect();
        for connection in &mut self.connections {
            match &mut connection.state {
                State::Free { since_us } | State::Connecting { since_us } => *since_us = 0,
                State::Down { retry_us } => *retry_us = 0,
                State::Writing | State::Reading => {}
            }
        }
        let sweep_us = SWEEP_US.min(self.timeout_us / 10).max(1_000);
        let mut events = Events::with_capacity(1_024);
        let mut next_sweep_us: u64 = 0;
        let mut drain_end_us = u64::MAX;
        loop {
            let now_us = self.clock.now_us();
            if self.time_at_start.is_none() && now_us >= self.start_us {
                self.time_at_start = thread_time().map(|time| (time, now_us));
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
            let settled = self.in_flight == 0 && !self.is_watching(now_us);
            if self.load_over_us.is_some()
                && (settled || now_us >= drain_end_us || self.shared.control.abandoned())
            {
                break;
            }
            if now_us > next_sweep_us.saturating_add(STOPPED_US) {
                self.absence.extend(next_sweep_us, now_us);
            }
            if now_us >= next_sweep_us {
                self.sweep(now_us);
                self.hand_over(now_us);
                next_sweep_us = now_us + sweep_us;
            }
            self.sleep_until(&mut events, wake_us.min(drain_end_us), next_sweep_us)?;
            for event in &events {
                self.event(event);
            }
        }
        // The load of a burst is over at once; how busy it kept the thread shows only until its last answer.
        self.note_busy(0);
        self.finish();
        Ok(self.harvest)
    }

    /// Waits for events, at most until `wake_us` or the next sweep. The poll knows whole milliseconds only and may sleep past
    /// the sweep, so the alarm is set for what comes shortly behind it, too.
    fn sleep_until(&mut self, events: &mut Events, wake_us: u64, sweep_us: u64) -> io::Result<()> {
        let now_us = self.clock.now_us();
        let wait_us = wake_us.min(sweep_us).saturating_sub(now_us);
        let by_poll = wake_us > sweep_us.saturating_add(POLL_SLIP_US);
        let asleep = by_poll || self.alarm.set(wake_us, now_us)?;
        let coarse_us = if cfg!(target_os = "linux") {
            sweep_us.saturating_sub(now_us)
        } else {
            wait_us
        };
        let wait = if wait_us > 0 && asleep {
            Duration::from_micros(coarse_us)
        } else {
            Duration::ZERO
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
            let held_back = !self.shared.control.may_send(self.full.records());
            let Some(&index) = self.free.front().filter(|_| !held_back) else {
                return Next::Now(Due {
                    due_us: now_us,
                    records: 0,
                });
            };
            let next = if warming {
                go.warmup.next(now_us, &mut self.warmup_cursor)
            } else {
                go.measured.next(now_us, &mut self.measured_cursor)
            };
            match next {
                Next::Now(due) => {
                    self.free.pop_front();
                    if let State::Free { since_us } = self.connections[index].state
                        && since_us <= due.due_us
                    {
                        self.absence.extend(due.due_us, now_us);
                    }
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

    /// How busy this thread was since the clock started, unless that is less than `window_us` ago. The clock is read anew:
    /// a burst may be written within one turn of the loop, whose own time is that of its beginning.
    fn note_busy(&mut self, window_us: u64) {
        let (Some((before, since_us)), Some(time)) = (self.time_at_start, thread_time()) else {
            return;
        };
        let cpu = time.cpu.saturating_sub(before.cpu);
        self.harvest.cpu = Some(cpu);
        let wall_us = self.clock.now_us().saturating_sub(since_us);
        if self.harvest.busy.is_none() && wall_us >= window_us {
            let waited = time.waited.zip(before.waited);
            self.harvest.busy = Some(Busy {
                wall_us,
                cpu,
                waited: waited.map(|(now, then)| now.saturating_sub(then)),
            });
        }
    }

    fn load_is_over(&mut self, now_us: u64) {
        self.load_over_us = Some(now_us);
        self.harvest.load_over_us = Some(now_us);
        self.note_busy(BUSY_WINDOW_US);
        for index in 0..self.connections.len() {
            let connection = &self.connections[index];
            let ending = &mut self.harvest.endings[connection.target];
            ending.connections += 1;
            if connection.in_flight() {
                continue;
            }
            let stuck = matches!(connection.state, State::Connecting { since_us } if now_us.saturating_sub(since_us) > STUCK_US);
            ending.open += usize::from(connection.is_idle());
            ending.unmade += usize::from(connection.is_failing() || stuck);
            self.give_back(index, now_us);
        }
        self.watch_a_dead_target(now_us);
    }

    /// Requests of an open loop that came due while the target was gone are still waiting when the load ends. They are
    /// watched for as long as the target has been gone by then, at most for the drain: if nothing answers, none of
    /// them waited for less than the outage, and a target that is only restarting is not called gone.
    fn watch_a_dead_target(&mut self, now_us: u64) {
        let open_loop = self.go.is_some_and(|go| !go.measured.is_closed_loop());
        if open_loop && self.shared.control.interrupts() == 0 && !self.any_open() {
            let drain_us = self.shared.setup.load.drain.as_micros() as u64;
            let outage_us = now_us.saturating_sub(self.last_answer_us.max(self.start_us));
            self.watch_end_us = now_us + outage_us.min(drain_us);
        }
    }

    /// Whether the load is over and it is still to be seen if the target comes back.
    fn is_watching(&self, now_us: u64) -> bool {
        now_us < self.watch_end_us && !self.any_open()
    }

    fn any_open(&self) -> bool {
        self.connections.iter().any(Connection::is_open)
    }

    /// A request taken from the schedule is not sent: it stays due for ever.
    fn give_back(&mut self, index: usize, now_us: u64) {
        let connection = &mut self.connections[index];
        let Some(request) = connection.request.take() else {
            return;
        };
        let batch = self.full.records();
        self.harvest.claims.never_sent(request.stamp.request, batch);
        if connection.state == State::Writing {
            connection.state = State::Free { since_us: now_us };
        }
        if request.measured {
            self.harvest.unsent_requests += 1;
            self.harvest.unsent_records += u64::from(request.due.records);
            let records = u64::from(request.due.records);
            self.given_back
                .push((connection.target, request.due.due_us, records));
        }
    }

    /// What is still in flight stays unknown; connections are closed.
    fn finish(&mut self) {
        for index in 0..self.connections.len() {
            let connection = &self.connections[index];
            self.harvest.endings[connection.target].open += usize::from(connection.is_idle());
            if connection.in_flight() {
                self.fail(index, FailureKind::InFlight, || {
                    "no answer when the drain ended".to_owned()
                });
            }
            let connection = &self.connections[index];
            self.harvest.unused += u64::from(connection.requests_sent == 0);
            self.harvest.used_once += u64::from(connection.requests_sent == 1);
        }
        self.harvest.in_flight_us = self.measured_in_flight.integral_us;
        let now_us = self.clock.now_us();
        let since_start = |us: u64| us.saturating_sub(self.start_us);
        for (target, due_us, records) in self.given_back.drain(..) {
            self.harvest.recorders[target].never_sent(due_us, now_us, 1);
            let unsent = Counts {
                requests: 1,
                records,
            };
            self.timeline
                .never_sent(since_start(due_us), since_start(now_us), unsent);
            self.harvest
                .slices
                .never_sent(since_start(due_us), since_start(now_us), 1);
        }
        self.hand_over(now_us);
        self.harvest.timeline = std::mem::take(&mut self.timeline);
    }
}
