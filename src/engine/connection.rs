//! One connection's state: at most one request in flight.

use super::Setup;
use super::http::ResponseReader;
use super::judge::Judge;
use super::schedule::Due;
use super::transport::Transport;
use crate::payload::Stamp;

/// First pause after a connection could not be made; doubles up to [`MAX_BACKOFF_US`].
const MIN_BACKOFF_US: u64 = 20_000;
const MAX_BACKOFF_US: u64 = 1_000_000;

/// What the connection is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// Not connected; the next attempt is due then.
    Down { retry_us: u64 },
    /// Being made since then.
    Connecting { since_us: u64 },
    /// Open and without a request since then.
    Free { since_us: u64 },
    /// A request is being written; perhaps not a byte of it yet.
    Writing,
    /// The request is out, its answer is awaited or being read.
    Reading,
}

/// A request that has a connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Request {
    pub(crate) due: Due,
    /// Of the measured part, not of warm-up.
    pub(crate) measured: bool,
    /// When its connection became free for it, or was made again: the wait until then was not the generator's.
    pub(crate) free_us: u64,
    pub(crate) stamp: Stamp,
    /// Bytes written.
    pub(crate) written: usize,
    /// When the first byte was written.
    pub(crate) sent_us: Option<u64>,
    /// Bytes of answer read.
    pub(crate) received: u64,
}

#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) target: usize,
    pub(crate) state: State,
    pub(crate) transport: Option<Transport>,
    /// Taken from the schedule: in flight, or waiting for the connection to be made.
    pub(crate) request: Option<Request>,
    pub(crate) reader: ResponseReader,
    pub(crate) judge: Judge,
    /// The peer has closed its side: readiness said so once and will not say it again.
    pub(crate) peer_closed: bool,
    /// Measured requests sent.
    pub(crate) requests_sent: u64,
    /// An answer was read on this connection since it was made.
    pub(crate) served: bool,
    made_us: u64,
    /// Pause after an attempt to connect that failed.
    backoff_us: u64,
    /// Pause after a connection that was closed before it served.
    pause_us: u64,
}

impl Connection {
    pub(crate) fn new(target: usize, setup: &Setup) -> Self {
        Self {
            target,
            state: State::Down { retry_us: 0 },
            transport: None,
            request: None,
            reader: ResponseReader::new(),
            judge: Judge::new(setup.dialect).counting(setup.counts_partitions),
            peer_closed: false,
            requests_sent: 0,
            served: false,
            made_us: 0,
            backoff_us: MIN_BACKOFF_US,
            pause_us: MIN_BACKOFF_US,
        }
    }

    /// Whether the kernel holds a connection for it that was made.
    pub(crate) fn is_open(&self) -> bool {
        matches!(
            self.state,
            State::Free { .. } | State::Writing | State::Reading
        )
    }

    /// Whether it is open and has nothing to do.
    pub(crate) fn is_idle(&self) -> bool {
        matches!(self.state, State::Free { .. }) && !self.peer_closed
    }

    /// Whether a byte of a request is out and its answer is not complete.
    pub(crate) fn in_flight(&self) -> bool {
        self.request
            .is_some_and(|request| request.sent_us.is_some())
    }

    /// The connection was made: the next failure waits briefly again.
    pub(crate) fn made(&mut self, now_us: u64) {
        self.backoff_us = MIN_BACKOFF_US;
        self.peer_closed = false;
        self.served = false;
        self.made_us = now_us;
    }

    /// How long to wait before this connection is made again: not at all if it served, longer each time if the peer takes
    /// connections only to close them.
    pub(crate) fn pause_before_reopening_us(&mut self, now_us: u64) -> u64 {
        if self.served || now_us.saturating_sub(self.made_us) >= MAX_BACKOFF_US {
            self.pause_us = MIN_BACKOFF_US;
            return 0;
        }
        let pause_us = self.pause_us;
        self.pause_us = (pause_us * 2).min(MAX_BACKOFF_US);
        pause_us
    }

    /// Whether the last attempt to connect failed.
    pub(crate) fn is_failing(&self) -> bool {
        self.backoff_us > MIN_BACKOFF_US
    }

    /// How long to wait before the next attempt; longer each time.
    pub(crate) fn next_backoff_us(&mut self) -> u64 {
        let backoff_us = self.backoff_us;
        self.backoff_us = (backoff_us * 2).min(MAX_BACKOFF_US);
        backoff_us
    }
}
