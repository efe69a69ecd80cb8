//! A door to the hot path for the micro-benchmarks in `benches/`. Not an API: it changes with what is behind it.

use std::time::Duration;

use super::cadence::{Cadence, Cursor};
use super::http::{KnownHead, ResponseReader};
use super::judge::Judge;
use super::schedule::{Due, Next, Schedule};
use crate::plan::Pace;
use crate::wire::Dialect;

/// What reads and judges the answers of one connection.
#[derive(Debug)]
pub struct Check {
    reader: ResponseReader,
    known: KnownHead,
    judge: Judge,
}

impl Check {
    /// For a Confluent REST Proxy.
    pub fn confluent() -> Self {
        Self {
            reader: ResponseReader::new(),
            known: KnownHead::default(),
            judge: Judge::new(Dialect::Confluent),
        }
    }

    /// Reads the whole answer to a request of `records` records, a read at a time, and returns how many of them it acks.
    pub fn acked(&mut self, reads: &[&[u8]], records: u32) -> u32 {
        self.reader.begin();
        self.judge.begin();
        for read in reads {
            self.reader
                .read(read, &mut self.known, &mut self.judge)
                .expect("benchmarks feed whole answers of HTTP/1.1");
        }
        assert!(self.reader.done(), "the answer is not whole");
        self.judge.conclude(records).acked
    }
}

/// One thread's view of a schedule without end.
#[derive(Debug)]
pub struct Turns {
    schedule: Schedule,
    cursor: Cursor,
}

impl Turns {
    /// An open loop with this pace, or a closed loop.
    pub fn new(pace: Option<&Pace>, batch_size: u32) -> Self {
        let cadence = pace.map(|pace| Cadence::measured(pace, batch_size, 1));
        Self {
            schedule: Schedule::new(Duration::ZERO, None, None, batch_size, cadence),
            cursor: Cursor::default(),
        }
    }

    /// Takes the next request at `now_us`: when it is due in µs, and its records; `None`: nothing is due yet.
    pub fn take(&mut self, now_us: u64) -> Option<(u64, u32)> {
        match self.schedule.next(now_us, &mut self.cursor) {
            Next::Now(Due { due_us, records }) => Some((due_us, records)),
            Next::At(_) | Next::Never => None,
        }
    }
}
