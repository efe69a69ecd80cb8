//! What the threads of a run share: when to stop, and what each has seen so far, handed over a few times a second.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use mio::Waker;

use crate::measure::TimelineDelta;

const RUN: u8 = 0;
const STOP: u8 = 1;
const ABANDON: u8 = 2;

/// Stops a run from outside: once to stop and drain, twice to abandon the drain.
#[derive(Debug)]
pub struct Control {
    interrupts: AtomicU8,
    given_up: AtomicU8,
    /// Records that may be sent in all; `u64::MAX`: no limit.
    limit: AtomicU64,
    /// Records sent while there was a limit.
    sent: AtomicU64,
    /// A request waits for the limit to rise.
    waits: AtomicBool,
    wakers: Mutex<Vec<Waker>>,
}

impl Default for Control {
    fn default() -> Self {
        Self::new()
    }
}

impl Control {
    /// A control that has stopped nothing.
    pub fn new() -> Self {
        Self {
            interrupts: AtomicU8::new(RUN),
            given_up: AtomicU8::new(RUN),
            limit: AtomicU64::new(u64::MAX),
            sent: AtomicU64::new(0),
            waits: AtomicBool::new(false),
            wakers: Mutex::default(),
        }
    }

    /// Stops the load (first call), abandons the drain (second call).
    pub fn interrupt(&self) {
        let next = (self.interrupts.load(Ordering::Relaxed) + 1).min(ABANDON);
        self.interrupts.store(next, Ordering::Relaxed);
        self.wake();
    }

    /// How often the run was interrupted: 0, 1 or 2.
    pub fn interrupts(&self) -> u8 {
        self.interrupts.load(Ordering::Relaxed)
    }

    /// Lets a closed loop send so many records in all, counted from when there first was a limit; `None`: as many as it will. A
    /// request that would go beyond waits; those in flight go on.
    pub fn limit(&self, records: Option<u64>) {
        let before = self
            .limit
            .swap(records.unwrap_or(u64::MAX), Ordering::Relaxed);
        if records.is_none_or(|records| records > before) {
            self.waits.store(false, Ordering::Relaxed);
            self.wake();
        }
    }

    /// Records sent since there is a limit.
    pub fn sent_within_limit(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Whether a request waits for the limit to rise.
    pub fn is_held_back(&self) -> bool {
        self.waits.load(Ordering::Relaxed)
    }

    /// Whether another request of up to so many records may be sent.
    pub(crate) fn may_send(&self, records: u32) -> bool {
        let limit = self.limit.load(Ordering::Relaxed);
        if limit == u64::MAX || self.sent_within_limit() + u64::from(records) <= limit {
            return true;
        }
        self.waits.store(true, Ordering::Relaxed);
        false
    }

    /// Counts what is sent, if it is limited.
    pub(crate) fn sends(&self, records: u32) {
        if self.limit.load(Ordering::Relaxed) != u64::MAX {
            self.sent.fetch_add(u64::from(records), Ordering::Relaxed);
        }
    }

    /// The load ends although the schedule does not: the target is gone.
    pub(crate) fn give_up(&self) {
        self.given_up.store(STOP, Ordering::Relaxed);
        self.wake();
    }

    /// Forgets a run that is over, so that another one may begin; that the user stopped it stays.
    pub fn renew(&self) {
        self.given_up.store(RUN, Ordering::Relaxed);
        lock(&self.wakers).clear();
    }

    pub(crate) fn stopping(&self) -> bool {
        self.interrupts() != RUN || self.given_up.load(Ordering::Relaxed) != RUN
    }

    pub(crate) fn abandoned(&self) -> bool {
        self.interrupts() == ABANDON
    }

    pub(crate) fn add_waker(&self, waker: Waker) {
        lock(&self.wakers).push(waker);
    }

    fn wake(&self) {
        for waker in lock(&self.wakers).iter() {
            // A thread that cannot be woken looks at the flag on its next round, within 100 ms.
            let _ = waker.wake();
        }
    }
}

/// What one thread has seen so far.
#[derive(Debug, Default)]
pub(crate) struct Handover {
    pub(crate) timeline: TimelineDelta,
    /// Measured so far.
    pub(crate) records_acked: u64,
    pub(crate) records_sent: u64,
    pub(crate) failures: u64,
    pub(crate) requests_sent: u64,
    /// Connections open now.
    pub(crate) open: u64,
    /// Measured requests in flight.
    pub(crate) in_flight: u64,
    /// How long each request of the measured part that was taken and has no outcome had waited since it was due, in µs.
    pub(crate) waited_us: Vec<u64>,
    /// No outstanding request is due before this moment.
    pub(crate) settled_us: u64,
    /// When an answer was last read, µs since the origin.
    pub(crate) last_answer_us: u64,
}

/// A lock that outlives a panic of another thread: the panic itself is reported when that thread is joined.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
