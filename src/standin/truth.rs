//! What the server knows it did: connections, requests and records counted where they happen, for a client's figures to be held against.
//!
//! A produce request is accounted for as a whole when it ends ([`Account`]), so that a snapshot taken at any moment
//! balances. Each worker thread counts on its own, behind a lock nobody else wants; a snapshot adds them up.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::answer::Answer;
use super::counts::{Counts, LONGEST_US};

/// The script has not begun.
const NOT_YET: u64 = u64::MAX;

/// The running account of one server. Made before it starts, readable after it ended.
#[derive(Debug)]
pub struct Truth {
    made: Instant,
    /// When the script began, µs after `made`; [`NOT_YET`] before.
    begun_us: AtomicU64,
    /// Holds a permit from then on.
    begins: Notify,
    connections: AtomicU64,
    dropped: AtomicU64,
    died_at: OnceLock<Duration>,
    stalls: Mutex<Vec<Stall>>,
    /// Of each fault, in the script's order: its text and how often it struck.
    hits: Vec<(String, AtomicU64)>,
    workers: Mutex<Vec<Arc<Counter>>>,
}

/// A time in which the server held everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stall {
    /// After the server's start.
    pub from: Duration,
    /// How long it was to last.
    pub length: Duration,
}

/// What a server did so far. A produce request is in it once it ended, with or without an answer; one that is still being
/// read, held or stored is in `requests` and `produces_seen` only.
#[derive(Debug, Clone)]
pub struct TruthSnapshot {
    /// When the script began: with the server, or with the load. All durations here count from it.
    pub begun: Option<Instant>,
    /// Connections accepted.
    pub connections: u64,
    /// Of these, connections that a fault closed. Those refused while nothing listened cannot be counted by a server.
    pub connections_dropped: u64,
    /// When a fault ended the server.
    pub died_at: Option<Duration>,
    /// Stalls that began.
    pub stalls: Vec<Stall>,
    /// Each fault of the script as text, in order, and how many requests or connections (`fail`: records) it struck.
    pub faults: Vec<(String, u64)>,
    /// All that is counted by request.
    pub counts: Counts,
}

impl Truth {
    /// The account of a server that runs the faults with these texts; its script begins when it is told to.
    pub fn new(faults: impl IntoIterator<Item = String>) -> Self {
        let hits = faults.into_iter().map(|text| (text, AtomicU64::new(0)));
        Self {
            made: Instant::now(),
            begun_us: AtomicU64::new(NOT_YET),
            begins: Notify::new(),
            connections: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            died_at: OnceLock::new(),
            stalls: Mutex::default(),
            hits: hits.collect(),
            workers: Mutex::default(),
        }
    }

    /// Adds up what was counted so far.
    pub fn snapshot(&self) -> TruthSnapshot {
        let mut counts = Counts::default();
        for worker in lock(&self.workers).iter() {
            counts.add(&lock(&worker.counts));
        }
        let hits = self.hits.iter();
        TruthSnapshot {
            begun: self.begun(),
            connections: self.connections.load(Relaxed),
            connections_dropped: self.dropped.load(Relaxed),
            died_at: self.died_at.get().copied(),
            stalls: lock(&self.stalls).clone(),
            faults: hits
                .map(|(text, hits)| (text.clone(), hits.load(Relaxed)))
                .collect(),
            counts,
        }
    }

    /// The script begins: its times count from now. Once begun it goes on.
    pub(crate) fn begin(&self) {
        let now_us = self.made.elapsed().as_micros() as u64;
        let first = self
            .begun_us
            .compare_exchange(NOT_YET, now_us, Relaxed, Relaxed);
        if first.is_ok() {
            self.begins.notify_one();
        }
    }

    /// Ready when the script has begun; for one waiter.
    pub(crate) async fn begins(&self) {
        self.begins.notified().await;
    }

    fn begun(&self) -> Option<Instant> {
        let begun_us = self.begun_us.load(Relaxed);
        (begun_us != NOT_YET).then(|| self.made + Duration::from_micros(begun_us))
    }

    /// Time since the script began; `None` before.
    pub(crate) fn elapsed(&self) -> Option<Duration> {
        self.begun().map(|begun| begun.elapsed())
    }

    /// A thread's own counter.
    pub(crate) fn worker(&self) -> Arc<Counter> {
        let worker = Arc::new(Counter::default());
        lock(&self.workers).push(Arc::clone(&worker));
        worker
    }

    pub(crate) fn accepted(&self) {
        self.connections.fetch_add(1, Relaxed);
    }

    pub(crate) fn dropped(&self) {
        self.dropped.fetch_add(1, Relaxed);
    }

    pub(crate) fn died(&self) {
        self.died_at
            .get_or_init(|| self.elapsed().unwrap_or_default());
    }

    pub(crate) fn stalled(&self, stall: Stall) {
        lock(&self.stalls).push(stall);
    }

    pub(crate) fn hit(&self, fault: usize) {
        self.hits[fault].1.fetch_add(1, Relaxed);
    }
}

/// What one worker thread counts.
#[derive(Debug, Default)]
pub(crate) struct Counter {
    counts: Mutex<Counts>,
}

impl Counter {
    /// Counts a head in.
    pub(crate) fn seen(&self, produce: bool) {
        let mut counts = lock(&self.counts);
        counts.requests += 1;
        counts.produces_seen += u64::from(produce);
    }

    /// Counts an answer that left before the body was read whole.
    pub(crate) fn answered_early(&self, status: u16) {
        let mut counts = lock(&self.counts);
        counts.produces_answered_early += 1;
        *counts.statuses.entry(status).or_default() += 1;
    }

    /// Opens the account of a produce request whose body has just been read.
    pub(crate) fn open(&self) -> Account<'_> {
        Account {
            counter: self,
            read_at: Instant::now(),
            received: Cell::new(0),
            stored: Cell::new(0),
            duplicated: Cell::new(0),
            reordered: Cell::new(0),
            corrupted: Cell::new(0),
            dropped: Cell::new(0),
            open: Cell::new(true),
        }
    }
}

/// A produce request that was read and has not ended. Dropped, it ended without an answer: that is also how a connection
/// that breaks and a server that dies are counted.
#[derive(Debug)]
pub(crate) struct Account<'a> {
    counter: &'a Counter,
    read_at: Instant,
    received: Cell<u64>,
    stored: Cell<u64>,
    duplicated: Cell<u64>,
    reordered: Cell<u64>,
    corrupted: Cell<u64>,
    dropped: Cell<u64>,
    open: Cell<bool>,
}

impl Account<'_> {
    /// Records found in the body.
    pub(crate) fn received(&self, records: usize) {
        self.received.set(records as u64);
    }

    pub(crate) fn stored(&self, records: usize) {
        self.stored.set(self.stored.get() + records as u64);
    }

    pub(crate) fn duplicated(&self, records: usize) {
        self.duplicated.set(self.duplicated.get() + records as u64);
    }

    pub(crate) fn reordered(&self, records: usize) {
        self.reordered.set(self.reordered.get() + records as u64);
    }

    pub(crate) fn corrupted(&self, records: usize) {
        self.corrupted.set(self.corrupted.get() + records as u64);
    }

    pub(crate) fn dropped(&self, records: usize) {
        self.dropped.set(self.dropped.get() + records as u64);
    }

    /// The whole answer is with the kernel; its last write began then.
    pub(crate) fn answered(&self, answer: &Answer, last_write: Instant) {
        let took = last_write.saturating_duration_since(self.read_at);
        let took = took.as_micros();
        let took = u64::try_from(took).unwrap_or(LONGEST_US);
        let mut counts = self.close();
        counts.produces_answered += 1;
        counts.service_time_us.saturating_record(took);
        *counts.statuses.entry(answer.status).or_default() += 1;
        counts.tell(self.received.get(), answer.status, answer.told.as_ref());
    }

    /// There will be no answer, although the connection may stay.
    pub(crate) fn unanswered(&self) {
        let mut counts = self.close();
        counts.produces_unanswered += 1;
        counts.told_unclear += self.received.get();
    }

    fn close(&self) -> MutexGuard<'_, Counts> {
        self.open.set(false);
        let mut counts = lock(&self.counter.counts);
        counts.produces_read += 1;
        counts.records_received += self.received.get();
        counts.records_stored += self.stored.get();
        counts.records_duplicated += self.duplicated.get();
        counts.records_reordered += self.reordered.get();
        counts.records_corrupted += self.corrupted.get();
        counts.records_dropped += self.dropped.get();
        counts
    }
}

impl Drop for Account<'_> {
    fn drop(&mut self) {
        if self.open.get() {
            self.unanswered();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::super::counts::Told;
    use super::*;

    fn answer(status: u16, told: Option<Told>) -> Answer {
        let mut answer = Answer::new(status, None, Vec::new());
        answer.told = told;
        answer
    }

    #[test]
    fn each_record_is_told_one_thing() {
        let told = |stored, failed: &[(i64, u64)]| {
            Some(Told {
                stored,
                failed: failed.to_vec(),
            })
        };
        // Status, entries; of 3 records: told stored, failed, refused, unclear.
        for (status, told, wanted) in [
            (200, told(3, &[]), (3, 0, 0, 0)),
            (200, told(1, &[(50002, 2)]), (1, 2, 0, 0)),
            (422, told(1, &[(2, 2)]), (1, 2, 0, 0)),
            (200, told(2, &[]), (0, 0, 0, 3)),
            (200, told(4, &[]), (0, 0, 0, 3)),
            (422, told(2, &[]), (0, 0, 0, 3)),
            (200, None, (0, 0, 0, 3)),
            (204, None, (0, 0, 0, 3)),
            (404, None, (0, 0, 3, 0)),
            (500, None, (0, 0, 0, 3)),
        ] {
            let truth = Truth::new([]);
            let worker = truth.worker();
            worker.seen(true);
            let account = worker.open();
            account.received(3);
            let what = format!("{status} {told:?}");
            account.answered(&answer(status, told), Instant::now());
            drop(account);
            let counts = truth.snapshot().counts;
            assert_eq!(counts.imbalance(), None, "{what}");
            let failed = counts.told_failed.values().sum();
            let found = (
                counts.told_stored,
                failed,
                counts.told_refused,
                counts.told_unclear,
            );
            assert_eq!(found, wanted, "{what}");
            let ended = (counts.produces_answered, counts.produces_unanswered);
            assert_eq!(ended, (1, 0), "{what}");
        }
    }
}
