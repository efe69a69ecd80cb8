//! What is looked at ten times a second rather than at every event: time-outs, idle connections, the hand-over.

use std::io::ErrorKind;

use super::super::connection::State;
use super::super::control::lock;
use super::{MAX_IDLE_US, Worker};
use crate::measure::{FailureKind, Recorder};

impl Worker<'_> {
    pub(super) fn sweep_connecting(&mut self, now_us: u64) {
        for index in 0..self.connections.len() {
            if let State::Connecting { since_us } = self.connections[index].state
                && now_us.saturating_sub(since_us) >= self.timeout_us
            {
                self.connect_failed(index, ErrorKind::TimedOut.into());
            }
        }
    }

    pub(super) fn sweep(&mut self, now_us: u64) {
        self.sweep_connecting(now_us);
        if self.load_over_us.is_none() || self.is_watching(now_us) {
            self.connect_again(now_us);
        }
        for index in 0..self.connections.len() {
            let connection = &self.connections[index];
            match connection.state {
                State::Free { since_us } if now_us.saturating_sub(since_us) > MAX_IDLE_US => {
                    self.reopen(index);
                }
                State::Writing | State::Reading => {
                    let sent_us = connection.request.and_then(|request| request.sent_us);
                    if sent_us
                        .is_some_and(|sent_us| now_us.saturating_sub(sent_us) >= self.timeout_us)
                    {
                        let seconds = self.shared.setup.load.timeout.as_secs_f64();
                        self.fail(index, FailureKind::Timeout, || {
                            format!("no complete answer within {seconds} s")
                        });
                    }
                }
                _ => {}
            }
        }
    }

    pub(super) fn hand_over(&mut self, now_us: u64) {
        let held = self
            .connections
            .iter()
            .filter_map(|connection| connection.request)
            .map(|request| request.due.due_us);
        // Their latency is recorded when the drain ends.
        let due = held.chain(self.given_back.iter().map(|&(_, due_us, _)| due_us));
        let next_us = self
            .go
            .and_then(|go| go.measured.next_due_us(&mut self.measured_cursor));
        let oldest_us = due.min().unwrap_or(now_us).min(next_us.unwrap_or(now_us));
        // Nothing is asked of the target now: its silence means nothing.
        let asked = self
            .connections
            .iter()
            .any(|connection| connection.request.is_some());
        if !asked && !self.free.is_empty() {
            self.last_answer_us = now_us;
        }
        let measured = (self.connections.iter())
            .filter_map(|connection| connection.request)
            .filter(|request| request.measured)
            .map(|request| request.due.due_us);
        let unsent = self.given_back.iter().map(|&(_, due_us, _)| due_us);
        let mut handover = lock(&self.shared.handover);
        handover.in_flight = self.measured_in_flight.now;
        handover.waited_us.clear();
        (handover.waited_us).extend((measured.chain(unsent)).map(|us| now_us.saturating_sub(us)));
        handover.open = self
            .connections
            .iter()
            .filter(|connection| connection.is_open())
            .count() as u64;
        handover.last_answer_us = self.last_answer_us;
        if handover.timeline.is_empty() {
            std::mem::swap(&mut handover.timeline, &mut self.timeline);
            handover.settled_us = oldest_us.saturating_sub(self.start_us);
        }
        let total = |field: fn(&Recorder) -> u64| self.harvest.recorders.iter().map(field).sum();
        handover.records_acked = total(|recorder| recorder.ledger.records.acked);
        handover.records_sent = total(|recorder| recorder.ledger.records.sent);
        handover.requests_sent = total(|recorder| recorder.ledger.requests.sent);
        handover.failures =
            total(|recorder| recorder.ledger.records.rejected + recorder.ledger.records.unknown);
    }
}
