//! Writing requests: stamped, resumed where the socket was full, counted as sent with their first byte.

use std::io::{self, ErrorKind};

use super::super::connection::{Request, State};
use super::super::harvest::FirstByte;
use super::super::schedule::Due;
use super::super::transport::TOLD_ONCE;
use super::Worker;
use crate::measure::FailureKind;
use crate::payload::{Piece, Stamp};

impl Worker<'_> {
    pub(super) fn start(&mut self, index: usize, due: Due, measured: bool, now_us: u64) {
        self.assign(index, due, measured, now_us);
        self.write(index);
    }

    pub(super) fn assign(&mut self, index: usize, due: Due, measured: bool, now_us: u64) {
        let stamp = Stamp {
            request: self.harvest.claims.next_request(index),
            timestamp_ms: self.clock.wall_ms(now_us),
        };
        if let Some(log) = &self.shared.setup.due_log {
            log.note(self.number, stamp.request, due.due_us);
        }
        self.shared.control.sends(due.records);
        let free_us = match self.connections[index].state {
            State::Free { since_us } => since_us,
            _ => now_us,
        };
        let free_us = self.absence.excused(due.due_us, free_us);
        let connection = &mut self.connections[index];
        connection.request = Some(Request {
            due,
            measured,
            free_us,
            stamp,
            written: 0,
            sent_us: None,
            received: 0,
        });
        connection.reader.begin();
        connection.judge.begin();
    }

    pub(super) fn write(&mut self, index: usize) {
        let connection = &mut self.connections[index];
        let (Some(request), Some(transport)) =
            (connection.request.as_mut(), connection.transport.as_mut())
        else {
            return;
        };
        connection.state = State::Writing;
        let template = match self.partial.as_mut() {
            Some(partial) if partial.records() == request.due.records => partial,
            _ => &mut self.full,
        };
        let recorder = &mut self.harvest.recorders[connection.target];
        let length = template.request_len(connection.target);
        while request.written < length {
            let now_us = if request.sent_us.is_none() {
                self.clock.now_us()
            } else {
                0
            };
            let piece = template.piece(connection.target, request.stamp, request.written);
            // From a file the kernel may take less for reasons of its own.
            let tells_full = !TOLD_ONCE && matches!(piece, Piece::Bytes { .. });
            let asked = piece.len();
            let written = match transport.write(&piece) {
                Ok(written) => written,
                #[cfg(unix)]
                Err(error) if error.kind() == ErrorKind::Unsupported => {
                    template.forget_fixed_bytes();
                    continue;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                // Not a byte is out: the connection was closed while idle, the request loses nothing by another one.
                Err(_) if request.sent_us.is_none() => return self.reopen(index),
                // The peer stopped reading; it may have answered before it did.
                Err(error) => return self.write_failed(index, &error),
            };
            if request.sent_us.is_none() {
                request.sent_us = Some(now_us);
                self.in_flight += 1;
                if request.measured {
                    self.measured_in_flight.change(1, now_us);
                    recorder.sent(u64::from(request.due.records));
                    connection.requests_sent += 1;
                    self.harvest.first_sent.get_or_insert(FirstByte {
                        sent_us: now_us,
                        due_us: request.due.due_us,
                    });
                } else {
                    self.harvest.warmup.sent(u64::from(request.due.records));
                }
            }
            request.written += written;
            if request.measured {
                recorder.wire_bytes_sent += written as u64;
            }
            if written < asked && tells_full {
                // A socket that takes less than it was given is full: readiness will tell when it is not.
                return;
            }
        }
        connection.state = State::Reading;
    }

    pub(super) fn write_failed(&mut self, index: usize, error: &io::Error) {
        self.connections[index].peer_closed = true;
        self.connections[index].state = State::Reading;
        self.read(index);
        if self.connections[index].state == State::Reading && self.connections[index].in_flight() {
            self.fail(index, FailureKind::Write, || error.to_string());
        }
    }
}
