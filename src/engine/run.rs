//! Starts the threads, opens every connection before the clock starts, and watches from aside.

use std::io;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use super::Setup;
use super::backlog::{Backlog, Queue};
use super::cadence::Cadence;
use super::clock::Clock;
use super::control::{Control, Handover, lock};
use super::harvest::Harvest;
use super::merge::{load_length, merge};
use super::schedule::Schedule;
use super::worker::{Go, Shared, Worker};
use crate::measure::{Measured, P95, Timeline, TimelineDelta};
use crate::plan::{Pace, Stop};

/// How often the run is looked at from aside.
const LOOK: Duration = Duration::from_millis(100);

/// What can be seen while a run goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Connections are being opened.
    Opening {
        /// Open so far.
        open: u64,
        /// Wanted.
        wanted: u64,
    },
    /// All connections are open: the load begins now.
    Starting,
    /// Load that is not measured.
    WarmingUp {
        /// Time left.
        left: Duration,
    },
    /// The measured part.
    Running {
        /// Time since it began.
        elapsed: Duration,
        /// Records sent.
        records_sent: u64,
        /// Records acked.
        records_acked: u64,
        /// Records rejected or unknown.
        records_failed: u64,
        /// Requests sent.
        requests_sent: u64,
        /// P95 latency so far.
        p95: Option<P95>,
        /// What waits.
        backlog: Backlog,
        /// Connections open now.
        open: u64,
    },
}

/// Why a run did not take place.
#[derive(Debug)]
pub enum Failed {
    /// A connection could not be opened.
    Open {
        /// Number of the target.
        target: usize,
        /// Connections that were open by then.
        open: u64,
        /// Why.
        error: io::Error,
    },
    /// Interrupted before the load started.
    Interrupted,
    /// The operating system refused a poll or a timer.
    System(io::Error),
    /// A thread panicked: a bug.
    Panicked(String),
}

enum News {
    Opened,
    OpenFailed(usize, io::Error),
    Finished(io::Result<Box<Harvest>>),
}

/// Runs the load and returns everything it measured. `observe` is called about ten times a second.
///
/// # Errors
/// When no load was applied: a connection could not be opened, or the user stopped it before.
pub fn run(
    setup: &Setup,
    control: &Control,
    observe: &mut dyn FnMut(Progress),
) -> Result<Measured, Failed> {
    let threads = setup.load.threads.clamp(1, setup.load.concurrency) as usize;
    let shared: Vec<Shared<'_>> = (0..threads)
        .map(|_| Shared {
            setup,
            control,
            handover: Mutex::new(Handover::default()),
        })
        .collect();
    let (warmup, measured) = schedules(setup);
    thread::scope(|scope| {
        let (news_sender, news) = channel();
        let mut starts = Vec::new();
        let mut handles = Vec::new();
        for (number, shared) in shared.iter().enumerate() {
            let (start_sender, start) = channel::<Go<'_>>();
            starts.push(start_sender);
            let news = news_sender.clone();
            let targets = share(setup, number, threads);
            let work = move || work(shared, number as u32, &targets, &news, &start);
            let name = format!("engine-{number}");
            let handle = thread::Builder::new().name(name).spawn_scoped(scope, work);
            handles.push(handle.map_err(Failed::System)?);
        }
        drop(news_sender);
        let outcome = opened(setup, &shared, control, &news, observe).and_then(|()| {
            observe(Progress::Starting);
            let go = Go {
                clock: Clock::start(),
                warmup: &warmup,
                measured: &measured,
                start_us: setup.load.warmup.as_micros() as u64,
            };
            if let Some(log) = &setup.due_log {
                log.starts(go.clock);
            }
            for start in &starts {
                // A thread that is gone has panicked; that is reported when it is joined.
                let _ = start.send(go);
            }
            watch(setup, &shared, control, &go, &news, observe)
        });
        drop(starts);
        for handle in handles {
            if let Err(panic) = handle.join() {
                let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
                let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
                return Err(Failed::Panicked(text.unwrap_or_default()));
            }
        }
        outcome
    })
}

/// Warm-up and measured part, each with its cadence and its limits.
fn schedules(setup: &Setup) -> (Schedule, Schedule) {
    let (load, seed) = (&setup.load, setup.payload.seed);
    let cadence = |of: fn(&Pace, u32, u64) -> Cadence| {
        let pace = load.pace.as_ref();
        pace.map(|pace| of(pace, load.batch_size, seed))
    };
    let (length, records) = match load.stop {
        Stop::Messages(records) => (None, Some(records)),
        Stop::Duration(length) => (Some(length), None),
    };
    (
        Schedule::new(
            Duration::ZERO,
            Some(load.warmup),
            None,
            load.batch_size,
            cadence(Cadence::warmup),
        ),
        Schedule::new(
            load.warmup,
            length,
            records,
            load.batch_size,
            cadence(Cadence::measured),
        ),
    )
}

/// The targets of one thread's connections: all connections dealt out to threads and targets in turn.
fn share(setup: &Setup, number: usize, threads: usize) -> Vec<usize> {
    (0..setup.load.concurrency as usize)
        .filter(|connection| connection % threads == number)
        .map(|connection| connection % setup.targets.len())
        .collect()
}

fn work<'a>(
    shared: &'a Shared<'a>,
    number: u32,
    targets: &[usize],
    news: &Sender<News>,
    start: &Receiver<Go<'a>>,
) {
    // The receiver outlives every thread of the scope; if it is gone, so is everybody who would listen.
    let tell = |what| drop(news.send(what));
    let mut worker = match Worker::new(shared, number, targets) {
        Ok(worker) => worker,
        Err(error) => return tell(News::Finished(Err(error))),
    };
    match worker.open() {
        Ok(()) => tell(News::Opened),
        Err((target, error)) => return tell(News::OpenFailed(target, error)),
    }
    let Ok(go) = start.recv() else { return };
    tell(News::Finished(worker.run(go).map(Box::new)));
}

/// Waits until every thread has opened its connections.
fn opened(
    setup: &Setup,
    shared: &[Shared<'_>],
    control: &Control,
    news: &Receiver<News>,
    observe: &mut dyn FnMut(Progress),
) -> Result<(), Failed> {
    let open = || {
        shared
            .iter()
            .map(|shared| lock(&shared.handover).open)
            .sum()
    };
    let mut ready = 0;
    while ready < shared.len() {
        match news.recv_timeout(LOOK) {
            Ok(News::Opened) => ready += 1,
            Ok(News::OpenFailed(target, error)) => {
                let open = open();
                control.give_up();
                return Err(Failed::Open {
                    target,
                    open,
                    error,
                });
            }
            Ok(News::Finished(Err(error))) => return Err(Failed::System(error)),
            Ok(News::Finished(Ok(_))) => {}
            Err(RecvTimeoutError::Timeout) => {
                observe(Progress::Opening {
                    open: open(),
                    wanted: u64::from(setup.load.concurrency),
                });
            }
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    if control.interrupts() > 0 {
        Err(Failed::Interrupted)
    } else {
        Ok(())
    }
}

/// Looks at the run from aside until every thread has finished, then puts together what they bring.
fn watch(
    setup: &Setup,
    shared: &[Shared<'_>],
    control: &Control,
    go: &Go<'_>,
    news: &Receiver<News>,
    observe: &mut dyn FnMut(Progress),
) -> Result<Measured, Failed> {
    let began = Instant::now();
    let wall_began = SystemTime::now();
    let mut timeline = Timeline::default();
    let mut queue = Queue::new(go.measured);
    let mut harvests: Vec<Harvest> = Vec::new();
    while harvests.len() < shared.len() {
        match news.recv_timeout(LOOK) {
            Ok(News::Finished(Ok(harvest))) => harvests.push(*harvest),
            Ok(News::Finished(Err(error))) => {
                control.give_up();
                return Err(Failed::System(error));
            }
            Ok(News::Opened | News::OpenFailed(..)) | Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
        look(
            setup,
            shared,
            control,
            go,
            (&mut timeline, &mut queue),
            observe,
        );
    }
    let now_us = go.clock.now_us();
    for harvest in &mut harvests {
        timeline.take(&mut harvest.timeline);
    }
    let elapsed = began.elapsed();
    let wall = wall_began.elapsed().unwrap_or_default();
    let load = load_length(go, &harvests, now_us);
    let mut missed = TimelineDelta::default();
    let mut measured = merge(setup, control, go, harvests, &mut missed, now_us);
    timeline.take(&mut missed);
    measured.started_at = wall_began + setup.load.warmup;
    (measured.timeline, measured.spans) = timeline.finish(load, measured.elapsed);
    measured.generator.clock_skew = wall.abs_diff(elapsed);
    Ok(measured)
}

fn look(
    setup: &Setup,
    shared: &[Shared<'_>],
    control: &Control,
    go: &Go<'_>,
    (timeline, queue): (&mut Timeline, &mut Queue<'_>),
    observe: &mut dyn FnMut(Progress),
) {
    let now_us = go.clock.now_us();
    let (mut sent, mut acked, mut failed, mut requests, mut open) = (0, 0, 0, 0, 0);
    let (mut settled_us, mut last_answer_us) = (u64::MAX, 0);
    let (mut in_flight, mut waited_us) = (0, Vec::new());
    for shared in shared {
        let mut handover = lock(&shared.handover);
        timeline.take(&mut handover.timeline);
        sent += handover.records_sent;
        acked += handover.records_acked;
        failed += handover.failures;
        requests += handover.requests_sent;
        open += handover.open;
        in_flight += handover.in_flight;
        waited_us.extend_from_slice(&handover.waited_us);
        settled_us = settled_us.min(handover.settled_us);
        last_answer_us = last_answer_us.max(handover.last_answer_us);
    }
    timeline.close_before(settled_us / 1_000_000);
    // A run limited by count would wait for ever for a target that is gone; one limited by time ends by itself.
    let silent_us = now_us.saturating_sub(last_answer_us);
    let patience = setup.load.timeout
        + if open == 0 {
            Duration::ZERO
        } else {
            setup.load.timeout
        };
    if matches!(setup.load.stop, Stop::Messages(_)) && u128::from(silent_us) > patience.as_micros()
    {
        control.give_up();
    }
    queue.look(now_us, control.stopping());
    let oldest_us = waited_us.iter().copied().max();
    let oldest_us = oldest_us.max(queue.oldest_us(now_us)).unwrap_or(0);
    let waits = waited_us.into_iter().map(|us| (us, 1));
    observe(match go.start_us.checked_sub(now_us) {
        Some(left) if left > 0 => Progress::WarmingUp {
            left: Duration::from_micros(left),
        },
        _ => Progress::Running {
            elapsed: Duration::from_micros(now_us - go.start_us),
            records_sent: sent,
            records_acked: acked,
            records_failed: failed,
            requests_sent: requests,
            p95: timeline.p95_so_far(waits.chain(queue.waits(now_us))),
            backlog: Backlog {
                requests_due: queue.due(),
                in_flight,
                oldest: Duration::from_micros(oldest_us),
            },
            open,
        },
    });
}
