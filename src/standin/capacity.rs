//! A running capacity model: says until when each request is held, or that it is refused. It burns no CPU.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::model::{Model, Queue, Work};
use crate::wire::Dialect;

/// The model of one server.
#[derive(Debug)]
pub(crate) struct Capacity {
    started: Instant,
    queue: Mutex<Queue>,
}

impl Capacity {
    pub(crate) fn new(model: Model) -> Self {
        Self {
            started: Instant::now(),
            queue: Mutex::new(Queue::new(model)),
        }
    }

    /// A request was read: when it is to be answered; `None`: it is refused.
    pub(crate) fn admit(&self, work: Work) -> Option<Instant> {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        // Within the lock, so that time never goes back.
        let now = self.started.elapsed().as_nanos() as u64;
        let answered = queue.admit(now, work)?;
        Some(self.started + Duration::from_nanos(answered))
    }
}

/// HTTP status of a request that finds the queue full: Strimzi says so, the others' limit is one of the rate.
pub(crate) fn full(dialect: Dialect) -> u16 {
    match dialect {
        Dialect::Strimzi => 503,
        Dialect::Confluent | Dialect::Karapace | Dialect::Redpanda => 429,
    }
}
