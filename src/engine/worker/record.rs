//! Putting an ended exchange in its one place: ledger, histograms, timeline, failures.

use super::super::connection::Request;
use super::super::verdict::Verdict;
use super::Worker;
use crate::measure::{Exchange, FailureKind, Outcome, Request as Claimed};

/// A request as the claims know it.
pub(super) fn claim(request: Request, verdict: &Verdict) -> Claimed {
    Claimed {
        number: request.stamp.request,
        records: request.due.records,
        rejected: verdict.rejected,
        unknown: verdict.unknown,
    }
}

impl Worker<'_> {
    pub(super) fn record(
        &mut self,
        index: usize,
        request: Request,
        verdict: &Verdict,
        done_us: u64,
    ) {
        let target = self.connections[index].target;
        self.record_ledger(target, request, verdict, done_us);
        let judge = &self.connections[index].judge;
        if verdict.acked != request.due.records {
            let failed = &judge.seen().failed_at;
            self.harvest
                .claims
                .failed(self.full.records(), &claim(request, verdict), failed);
        }
        if let (Some(tally), Some(acks)) = (&mut self.harvest.tally, judge.acks())
            && verdict.acked > 0
        {
            tally.add(acks);
        }
        if !request.measured {
            return;
        }
        let recorder = &mut self.harvest.recorders[target];
        recorder.wire_bytes_received += request.received;
        recorder.acked_without_offset += u64::from(verdict.without_offset);
        recorder.repeated_answers += u64::from(verdict.repeated);
        if verdict.acked > 0 {
            let all = self.full.payload_bytes() / u64::from(self.full.records());
            recorder.payload_bytes_acked += all * u64::from(verdict.acked);
            self.harvest.last_ack_us = Some(
                self.harvest
                    .last_ack_us
                    .map_or(done_us, |us| us.max(done_us)),
            );
        }
        if verdict.rejected + verdict.unknown == 0 {
            return;
        }
        let connection = &self.connections[index];
        let status = connection.reader.status();
        let seen = connection.judge.seen();
        let records = u64::from(verdict.rejected + verdict.unknown);
        if let Some(kind) = verdict.whole {
            recorder
                .failures
                .add(kind, status, seen.code(kind), 1, records, || {
                    seen.describe(kind, request.due.records)
                });
            return;
        }
        for row in &seen.failed {
            let kind = if row.rejected {
                FailureKind::RecordRejected
            } else {
                FailureKind::RecordUnknown
            };
            recorder
                .failures
                .add(kind, status, row.code, 1, u64::from(row.records), || {
                    row.describe()
                });
        }
    }

    pub(super) fn record_ledger(
        &mut self,
        target: usize,
        request: Request,
        verdict: &Verdict,
        done_us: u64,
    ) {
        let batch = self.full.records();
        if request.due.records < batch {
            self.harvest
                .claims
                .short(request.stamp.request, request.due.records, batch);
        }
        let open_loop = self.shared.setup.load.is_open_loop();
        let mut exchange = Exchange {
            due_us: request.due.due_us,
            sent_us: request.sent_us.unwrap_or(done_us),
            done_us,
            free_us: open_loop.then_some(request.free_us),
            acked: u64::from(verdict.acked),
            rejected: u64::from(verdict.rejected),
            unknown: u64::from(verdict.unknown),
            lower_bound: false,
        };
        exchange.lower_bound = exchange.outcome() == Outcome::Unknown;
        if !request.measured {
            self.harvest.warmup.ended(&exchange);
            return;
        }
        self.harvest.recorders[target].ended(&exchange);
        self.timeline.ended(&exchange, self.start_us);
        self.harvest.slices.ended(&exchange, self.start_us);
    }
}
