//! Making connections, and making them again.

use std::io;

use mio::Token;

use super::super::TargetSetup;
use super::super::connection::State;
use super::super::schedule::Next;
use super::super::transport::Transport;
use super::Worker;
use crate::measure::FailureKind;

impl Worker<'_> {
    pub(super) fn connect(&mut self, index: usize) {
        let connection = &mut self.connections[index];
        let TargetSetup { address, tls, .. } = &self.shared.setup.targets[connection.target];
        match Transport::connect(*address, tls.as_ref(), self.poll.registry(), Token(index)) {
            Ok(transport) => {
                connection.transport = Some(transport);
                connection.state = State::Connecting {
                    since_us: self.clock.now_us(),
                };
                connection.peer_closed = false;
                self.connecting += 1;
            }
            Err(error) => self.connect_failed(index, error),
        }
    }

    pub(super) fn connect_failed(&mut self, index: usize, error: io::Error) {
        let now_us = self.clock.now_us();
        let connection = &mut self.connections[index];
        if let Some(transport) = connection.transport.take() {
            transport.close(self.poll.registry());
            self.connecting -= 1;
        }
        connection.state = State::Down {
            retry_us: now_us + connection.next_backoff_us(),
        };
        self.harvest.connect_failures += 1;
        let failures = &mut self.harvest.recorders[connection.target].failures;
        failures.add(FailureKind::Connect, None, None, 0, 0, || error.to_string());
        self.open_error.get_or_insert((connection.target, error));
    }

    pub(super) fn established(&mut self, index: usize) {
        let connection = &mut self.connections[index];
        let Some(transport) = connection.transport.as_mut() else {
            return;
        };
        match transport.established() {
            Ok(false) => {}
            Err(error) => self.connect_failed(index, error),
            Ok(true) => {
                self.connecting -= 1;
                connection.made();
                let now_us = self.clock.now_us();
                connection.state = State::Free { since_us: now_us };
                if connection.request.is_some() {
                    connection.reader.begin();
                    connection.judge.begin();
                    self.write(index);
                } else {
                    self.free.push_back(index);
                }
            }
        }
    }

    /// Closes and connects again at once. A request that waits for the connection goes on waiting; in a closed loop the
    /// connection takes its next request now, so that the time until it is made counts.
    pub(super) fn reopen(&mut self, index: usize) {
        let connection = &mut self.connections[index];
        if let Some(transport) = connection.transport.take() {
            transport.close(self.poll.registry());
        }
        if let State::Free { .. } = connection.state
            && let Some(place) = self.free.iter().position(|&free| free == index)
        {
            self.free.remove(place);
        }
        connection.state = State::Down { retry_us: 0 };
        if self.load_over_us.is_some() {
            return;
        }
        if self.clock.now_us() >= self.start_us {
            self.harvest.reconnects += 1;
        }
        if let Some(go) = self.go
            && go.measured.is_closed_loop()
            && self.connections[index].request.is_none()
        {
            let now_us = self.clock.now_us();
            let measured = now_us >= self.start_us;
            let schedule = if measured { go.measured } else { go.warmup };
            if let Next::Now(due) = schedule.next(now_us) {
                self.assign(index, due, measured, now_us);
            }
        }
        self.connect(index);
    }
}
