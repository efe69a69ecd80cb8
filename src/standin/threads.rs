//! The real proxy's request threads: a request that waits for a missing topic or partition holds one, and when all are held
//! nobody is served any more.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use tokio::sync::Notify;

/// How many there are and how many wait. A request that does not wait needs no thread of its own here.
#[derive(Debug)]
pub(crate) struct Threads {
    /// `None`: this server has no such limit.
    limit: Option<usize>,
    held: AtomicUsize,
    freed: Notify,
}

/// A thread that waits; free again when dropped.
#[derive(Debug)]
pub(crate) struct Held<'a>(&'a Threads);

impl Threads {
    pub(crate) fn new(limit: Option<usize>) -> Self {
        Self {
            limit,
            held: AtomicUsize::new(0),
            freed: Notify::new(),
        }
    }

    /// Whether a request would have to wait for a thread.
    pub(crate) fn are_all_held(&self) -> bool {
        self.limit
            .is_some_and(|limit| self.held.load(Relaxed) >= limit)
    }

    /// Ready when a thread is free.
    pub(crate) async fn free(&self) {
        loop {
            // Made before the look, so that no notice is missed in between.
            let freed = self.freed.notified();
            if !self.are_all_held() {
                return;
            }
            freed.await;
        }
    }

    /// Takes a thread.
    pub(crate) async fn hold(&self) -> Held<'_> {
        loop {
            let freed = self.freed.notified();
            let limit = self.limit.unwrap_or(usize::MAX);
            let more = |held| (held < limit).then_some(held + 1);
            if self.held.try_update(Relaxed, Relaxed, more).is_ok() {
                return Held(self);
            }
            freed.await;
        }
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.held.fetch_sub(1, Relaxed);
        self.0.freed.notify_waiters();
    }
}
