//! What the threads of a run share: when to stop, and what each has seen so far, handed over a few times a second.

use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use mio::Waker;

use crate::measure::TimelineDelta;

const RUN: u8 = 0;
const STOP: u8 = 1;
const ABANDON: u8 = 2;

/// Stops a run from outside: once to stop and drain, twice to abandon the drain.
#[derive(Debug, Default)]
pub struct Control {
    interrupts: AtomicU8,
    given_up: AtomicU8,
    held: AtomicBool,
    wakers: Mutex<Vec<Waker>>,
}

impl Control {
    /// A control that has stopped nothing.
    pub fn new() -> Self {
        Self::default()
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

    /// Holds a closed loop back, or lets it go on: while it is held, no new request is started. Those in flight go on.
    pub fn hold(&self, held: bool) {
        if self.held.swap(held, Ordering::Relaxed) && !held {
            self.wake();
        }
    }

    pub(crate) fn held(&self) -> bool {
        self.held.load(Ordering::Relaxed)
    }

    /// The load ends although the schedule does not: the target is gone.
    pub(crate) fn give_up(&self) {
        self.given_up.store(STOP, Ordering::Relaxed);
        self.wake();
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
    /// Connections open now.
    pub(crate) open: u64,
    /// No outstanding request is due before this moment.
    pub(crate) settled_us: u64,
    /// When an answer was last read, µs since the origin.
    pub(crate) last_answer_us: u64,
}

/// A lock that outlives a panic of another thread: the panic itself is reported when that thread is joined.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
