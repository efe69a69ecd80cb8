//! When each request was due, for somebody in this process who sees its records arrive: one clock for both ends.
//!
//! Each engine thread has a ring of its latest requests. Noting one is two stores; nobody waits for anybody. Who asks too late, when
//! the place has been taken by a later request, is told that it is not known any more.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use super::clock::Clock;

/// Requests of a thread that are remembered: a second and more at the highest rates.
const REMEMBERED: usize = 1 << 18;
/// Bits of a place for the due time in µs: 12 days.
const DUE_BITS: u32 = 40;

/// The due times of the latest requests.
#[derive(Debug)]
pub struct DueLog {
    threads: Vec<Box<[AtomicU64]>>,
    clock: OnceLock<Clock>,
}

/// What is known of a request's due time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// µs since the origin of [`DueLog::now_us`].
    At(u64),
    /// No such request was made, or none by this number yet.
    Never,
    /// Too many requests were made since.
    Forgotten,
}

impl DueLog {
    /// A log for this many engine threads.
    pub fn new(threads: u32) -> Self {
        let ring = || (0..REMEMBERED).map(|_| AtomicU64::new(0)).collect();
        Self {
            threads: (0..threads).map(|_| ring()).collect(),
            clock: OnceLock::new(),
        }
    }

    /// µs since the engine's clock started; `None` before the load begins.
    pub fn now_us(&self) -> Option<u64> {
        self.clock.get().map(Clock::now_us)
    }

    /// When the request with this number of this engine thread was due.
    pub fn due(&self, thread: u32, request: u64) -> Due {
        let Some(ring) = self.threads.get(thread as usize) else {
            return Due::Never;
        };
        let place = ring[request as usize % REMEMBERED].load(Ordering::Acquire);
        let round = place >> DUE_BITS;
        match round.cmp(&round_of(request)) {
            _ if round == 0 => Due::Never,
            std::cmp::Ordering::Equal => Due::At(place & ((1 << DUE_BITS) - 1)),
            std::cmp::Ordering::Less => Due::Never,
            std::cmp::Ordering::Greater => Due::Forgotten,
        }
    }

    pub(crate) fn starts(&self, clock: Clock) {
        // A log is of one run: the first start holds.
        let _ = self.clock.set(clock);
    }

    pub(crate) fn note(&self, thread: u32, request: u64, due_us: u64) {
        let due = due_us.min((1 << DUE_BITS) - 1);
        let place = &self.threads[thread as usize][request as usize % REMEMBERED];
        place.store(round_of(request) << DUE_BITS | due, Ordering::Release);
    }
}

/// How often the ring was gone around for a request, from 1: 0 is an empty place.
fn round_of(request: u64) -> u64 {
    request / REMEMBERED as u64 + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_known_until_its_place_is_taken() {
        let log = DueLog::new(2);
        assert_eq!(log.due(0, 5), Due::Never);
        log.note(0, 5, 70);
        assert_eq!(log.due(0, 5), Due::At(70));
        assert_eq!(log.due(1, 5), Due::Never);
        assert_eq!(log.due(2, 5), Due::Never);
        let later = 5 + REMEMBERED as u64;
        assert_eq!(log.due(0, later), Due::Never);
        log.note(0, later, 90);
        assert_eq!(log.due(0, later), Due::At(90));
        assert_eq!(log.due(0, 5), Due::Forgotten);
        assert_eq!(log.now_us(), None);
        log.starts(Clock::start());
        assert!(log.now_us().is_some());
    }
}
