//! Reading answers, and every way in which one does not come.

use std::io::ErrorKind;

use mio::event::Event;

use super::super::connection::State;
use super::super::transport::TOLD_ONCE;
use super::super::verdict::Verdict;
use super::record::claim;
use super::{ALARM, WAKE, Worker};
use crate::measure::FailureKind;

impl Worker<'_> {
    pub(super) fn event(&mut self, event: &Event) {
        match event.token() {
            WAKE => return,
            ALARM => return self.alarm.rang(self.clock.now_us()),
            _ => {}
        }
        let index = event.token().0;
        let Some(connection) = self.connections.get_mut(index) else {
            return;
        };
        if matches!(connection.state, State::Connecting { .. }) {
            return self.established(index, event.is_read_closed());
        }
        connection.peer_closed |= event.is_read_closed();
        if event.is_writable() {
            if connection.state == State::Writing {
                self.write(index);
            } else if let Some(transport) = connection.transport.as_mut()
                && transport.flush().is_err()
            {
                self.connections[index].peer_closed = true;
            }
        }
        if event.is_readable() || event.is_read_closed() || event.is_error() {
            match self.connections[index].state {
                State::Free { .. } => self.unasked(index),
                // Not a byte of the request is out: nothing can be an answer to it.
                State::Writing | State::Reading if !self.connections[index].in_flight() => {
                    self.unasked(index);
                }
                State::Writing | State::Reading => self.read(index),
                State::Down { .. } | State::Connecting { .. } => {}
            }
        }
    }

    /// Something to read on a connection without a request: its end, or bytes nobody asked for. Either way it is done.
    pub(super) fn unasked(&mut self, index: usize) {
        let Some(transport) = self.connections[index].transport.as_mut() else {
            return;
        };
        match transport.read(&mut self.buffer) {
            Err(error)
                if error.kind() == ErrorKind::WouldBlock
                    && !self.connections[index].peer_closed => {}
            _ => self.reopen(index),
        }
    }

    pub(super) fn read(&mut self, index: usize) {
        loop {
            let connection = &mut self.connections[index];
            let (Some(transport), Some(request)) =
                (connection.transport.as_mut(), connection.request.as_mut())
            else {
                return;
            };
            let count = match transport.read(&mut self.buffer) {
                Ok(0) => return self.end_of_stream(index),
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => {
                    let tls = error.kind() == ErrorKind::InvalidData;
                    let kind = if tls {
                        FailureKind::Tls
                    } else {
                        FailureKind::Reset
                    };
                    return self.fail(index, kind, || error.to_string());
                }
            };
            request.received += count as u64;
            let Ok(taken) = connection.reader.read(
                &self.buffer[..count],
                &mut self.known_heads[connection.target],
                &mut connection.judge,
            ) else {
                let sample = String::from_utf8_lossy(&self.buffer[..count.min(120)]).into_owned();
                return self.fail(index, FailureKind::BadHttp, || sample);
            };
            if connection.reader.done() {
                let bytes_left = taken < count || (TOLD_ONCE && self.more_came(index));
                return self.complete(index, bytes_left);
            }
            if count < self.buffer.len()
                && transport.short_read_is_last()
                && !connection.peer_closed
            {
                return;
            }
        }
    }

    /// Reads behind a whole answer, where the next one would not be told of otherwise ([`TOLD_ONCE`]).
    fn more_came(&mut self, index: usize) -> bool {
        let connection = &mut self.connections[index];
        let Some(transport) = connection.transport.as_mut() else {
            return false;
        };
        match transport.read(&mut self.buffer) {
            Ok(count) => {
                connection.peer_closed |= count == 0;
                count > 0
            }
            Err(error) => {
                connection.peer_closed |= error.kind() != ErrorKind::WouldBlock;
                false
            }
        }
    }

    pub(super) fn end_of_stream(&mut self, index: usize) {
        let connection = &mut self.connections[index];
        if !connection.in_flight() {
            // Closed before a byte of the request was out: it waits for a new connection.
            return self.reopen(index);
        }
        if connection.reader.closed() {
            return self.complete(index, false);
        }
        let (kind, sample) = if connection.reader.started() {
            let status = connection
                .reader
                .status()
                .map_or("no status".to_owned(), |status| status.to_string());
            (
                FailureKind::EofInAnswer,
                format!("closed within the answer ({status})"),
            )
        } else {
            (
                FailureKind::EofBeforeAnswer,
                "closed before a byte of the answer".to_owned(),
            )
        };
        self.fail(index, kind, || sample);
    }

    pub(super) fn complete(&mut self, index: usize, bytes_left: bool) {
        let done_us = self.clock.now_us();
        self.last_answer_us = done_us;
        let connection = &mut self.connections[index];
        connection.served = true;
        self.harvest.endings[connection.target].last_answer_us = done_us;
        let Some(request) = connection.request else {
            return;
        };
        let verdict = connection.judge.conclude(request.due.records);
        let reusable = connection.reader.keep_alive()
            && connection.state == State::Reading
            && !(verdict.give_up || bytes_left || connection.peer_closed);
        self.record(index, request, &verdict, done_us);
        let connection = &mut self.connections[index];
        connection.request = None;
        self.in_flight -= 1;
        if request.measured {
            self.measured_in_flight.change(-1, done_us);
        }
        if reusable {
            connection.state = State::Free { since_us: done_us };
            self.free.push_back(index);
        } else {
            if self.load_over_us.is_some() {
                self.harvest.endings[connection.target].open += 1;
            }
            self.reopen(index);
        }
    }

    /// Ends the exchange without a believable answer.
    pub(super) fn fail(
        &mut self,
        index: usize,
        kind: FailureKind,
        sample: impl FnOnce() -> String,
    ) {
        let done_us = self.clock.now_us();
        let connection = &mut self.connections[index];
        let Some(request) = connection.request.take() else {
            return;
        };
        let status = connection.reader.status();
        let target = connection.target;
        let ending = &mut self.harvest.endings[target];
        ending.last_failure_us = done_us;
        ending.unanswered(request.sent_us.unwrap_or(0));
        let silent = matches!(kind, FailureKind::InFlight | FailureKind::Timeout);
        ending.lost += usize::from(self.load_over_us.is_some() && !silent);
        let verdict = Verdict::unknown(request.due.records, kind);
        self.record_ledger(target, request, &verdict, done_us);
        let batch = self.full.records();
        let claim = claim(request, &verdict);
        self.harvest.claims.failed(batch, &claim, &[]);
        if request.measured {
            self.measured_in_flight.change(-1, done_us);
            let failures = &mut self.harvest.recorders[target].failures;
            failures.add(
                kind,
                status,
                None,
                1,
                u64::from(request.due.records),
                sample,
            );
        }
        self.in_flight -= 1;
        self.reopen(index);
    }
}
