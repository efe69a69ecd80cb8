//! The hot path: threads, connections, schedule, stop. Knows bytes and counts, nothing of files, flags or verdicts.
//!
//! One thread a core, each with its own poll, connections, request template and recorders; nothing is shared per request
//! but the schedule's counter. The exchange is HTTP/1.1 of our own on non-blocking sockets: readiness is edge-triggered
//! and there is no timer, lock, channel or allocation per request.

mod absence;
mod backlog;
#[doc(hidden)]
pub mod bench;
mod cadence;
mod clock;
mod connection;
mod control;
mod due_log;
mod ending;
mod harvest;
mod http;
mod judge;
mod lexer;
mod merge;
mod plain;
mod run;
mod schedule;
mod tally;
mod transport;
mod verdict;
mod worker;

pub use backlog::Backlog;
pub use control::Control;
pub use due_log::{Due, DueLog};
pub use run::{Failed, Progress, run};
pub use transport::TlsTarget;

use std::net::SocketAddr;
use std::sync::Arc;

use crate::payload::Head;
use crate::plan::{Load, Payload, Stop};
use crate::wire::Dialect;

/// Everything a run needs, resolved: no name is looked up and no file read after this.
#[derive(Debug)]
pub struct Setup {
    /// Where requests go; connections are spread over them in turn.
    pub targets: Vec<TargetSetup>,
    /// How much, how fast, over how many connections.
    pub load: Load,
    /// What a record looks like.
    pub payload: Payload,
    /// Names this run in every record's id.
    pub run: String,
    /// How replies are judged.
    pub dialect: Dialect,
    /// Count acked records by the partition that their entries name.
    pub counts_partitions: bool,
    /// Where the due time of each request is noted, for somebody who sees its records arrive.
    pub due_log: Option<Arc<DueLog>>,
}

/// One target, resolved.
#[derive(Debug)]
pub struct TargetSetup {
    /// An address that answered.
    pub address: SocketAddr,
    /// TLS, if the URL says https.
    pub tls: Option<TlsTarget>,
    /// Head of every request to it.
    pub head: Head,
}

impl Setup {
    /// Records of the last request, if it is shorter than the others.
    fn partial_records(&self) -> Option<u32> {
        let Stop::Messages(records) = self.load.stop else {
            return None;
        };
        let rest = (records % u64::from(self.load.batch_size)) as u32;
        (rest > 0).then_some(rest)
    }
}

#[cfg(test)]
mod run_tests;
#[cfg(test)]
mod wire_tests;
