//! What the connections of one worker thread share: its clock, its count, its buffers, and how much it has to do.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use super::clock::Clock;
use super::framing::Wire;
use super::truth::Counter;

/// Buffers larger than this are given back to the system after the request that needed them.
pub(crate) const KEPT_BYTES: usize = 1 << 20;
/// Empty buffers kept for the next requests.
const KEPT_BUFFERS: usize = 64;

/// One for each worker thread.
#[derive(Debug, Default)]
pub(crate) struct Desk {
    pub(crate) clock: Clock,
    pub(crate) counter: Arc<Counter>,
    pub(crate) turn: Turn,
    /// Empty ones, the last used on top: it is still in the processor's cache.
    buffers: RefCell<Vec<Vec<u8>>>,
    /// Where the next answer is framed; taken meanwhile.
    pub(crate) wire: RefCell<Wire>,
}

impl Desk {
    pub(crate) fn new(counter: Arc<Counter>, turn: Turn) -> Self {
        Self {
            counter,
            turn,
            ..Self::default()
        }
    }

    /// An empty buffer.
    pub(crate) fn buffer(&self) -> Vec<u8> {
        self.buffers.borrow_mut().pop().unwrap_or_default()
    }

    /// Takes a buffer back that nobody reads any more.
    pub(crate) fn keep(&self, mut buffer: Vec<u8>) {
        buffer.clear();
        let mut buffers = self.buffers.borrow_mut();
        if buffer.capacity() <= KEPT_BYTES && buffers.len() < KEPT_BUFFERS {
            buffers.push(buffer);
        }
    }

    /// Takes it back when the answer has left.
    pub(crate) fn keep_wire(&self, wire: Wire) {
        if wire.bytes.capacity() <= KEPT_BYTES {
            self.wire.replace(wire);
        }
    }
}

/// Answers sent since the thread last had nothing to do and waited.
#[derive(Debug, Clone, Default)]
pub(crate) struct Turn(Arc<AtomicU32>);

impl Turn {
    /// The thread is about to wait.
    pub(crate) fn ends(&self) {
        self.0.store(0, Relaxed);
    }

    /// Counts an answer; how many there were with it.
    pub(crate) fn answers(&self) -> u32 {
        // Only the thread itself counts.
        let answers = self.0.load(Relaxed).saturating_add(1);
        self.0.store(answers, Relaxed);
        answers
    }
}
