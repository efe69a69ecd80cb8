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
        self.harvest.endings[connection.target].last_failure_us = now_us;
        let failures = &mut self.harvest.recorders[connection.target].failures;
        failures.add(FailureKind::Connect, None, None, 0, 0, || error.to_string());
        self.open_error.get_or_insert((connection.target, error));
    }

    pub(super) fn established(&mut self, index: usize, closed: bool) {
        let connection = &mut self.connections[index];
        let Some(transport) = connection.transport.as_mut() else {
            return;
        };
        match transport.established() {
            Ok(false) => {}
            Err(error) => self.connect_failed(index, error),
            Ok(true) if closed => self.connect_failed(index, io::ErrorKind::ConnectionReset.into()),
            Ok(true) => {
                #[cfg(unix)]
                for template in [Some(&mut self.full), self.partial.as_mut()]
                    .into_iter()
                    .flatten()
                {
                    if template.keeps_fixed_bytes() && transport.is_paced() {
                        template.forget_fixed_bytes();
                    }
                }
                self.connecting -= 1;
                let now_us = self.clock.now_us();
                connection.made(now_us);
                connection.state = State::Free { since_us: now_us };
                if let Some(request) = connection.request.as_mut() {
                    request.free_us = self.absence.excused(request.due.due_us, now_us);
                    connection.reader.begin();
                    connection.judge.begin();
                    self.write(index);
                } else {
                    self.free.push_back(index);
                }
            }
        }
    }

    /// Makes connections whose time has come, as many at once as are allowed.
    pub(super) fn connect_again(&mut self, now_us: u64) {
        for index in 0..self.connections.len() {
            if self.connecting >= self.max_connecting {
                return;
            }
            if let State::Down { retry_us } = self.connections[index].state
                && retry_us <= now_us
            {
                self.connect(index);
            }
        }
    }

    /// Closes and connects again, at once if the connection served. A request that waits for the connection goes on
    /// waiting; in a closed loop the connection takes its next request now, so that the time until it is made counts.
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
        let now_us = self.clock.now_us();
        let answered = connection.served && matches!(connection.state, State::Free { .. });
        let pause_us = connection.pause_before_reopening_us(now_us);
        connection.state = State::Down {
            retry_us: now_us + pause_us,
        };
        if self.load_over_us.is_some() {
            // Closed by the server while others still waited for their answers.
            self.harvest.endings[connection.target].open += usize::from(answered);
            return;
        }
        let Some(go) = self.go else {
            return self.closed_while_opening(index);
        };
        if now_us >= self.start_us {
            self.harvest.reconnects += 1;
        }
        // With several targets another one's connection can take it.
        let alone = self.shared.setup.targets.len() == 1
            && self.shared.control.may_send(self.full.records());
        if alone && go.measured.is_closed_loop() && self.connections[index].request.is_none() {
            let measured = now_us >= self.start_us;
            let schedule = if measured { go.measured } else { go.warmup };
            if let Next::Now(due) = schedule.next_free(now_us) {
                self.assign(index, due, measured, now_us);
            }
        }
        if pause_us == 0 && self.connecting < self.max_connecting {
            self.connect(index);
        }
    }

    /// A server with a limit of connections takes them and closes them again: that is no target for this many.
    fn closed_while_opening(&mut self, index: usize) {
        self.closed_while_opening += 1;
        if self.closed_while_opening > self.connections.len() {
            let error = io::Error::new(
                io::ErrorKind::ConnectionReset,
                "the server closes connections as soon as they are open",
            );
            let target = self.connections[index].target;
            self.open_error.get_or_insert((target, error));
        }
    }
}
