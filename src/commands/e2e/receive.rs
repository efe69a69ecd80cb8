//! What a fetch brought, by how long each record took.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use crate::engine::{Due, DueLog};
use crate::measure::{Arrival, Arrivals, Took};
use crate::payload::id_of;
use crate::rest::{Batch, RawJson, RecordFormat};

/// Knows the records of one run.
pub(super) struct Receiver {
    pub(super) run: String,
    pub(super) batch_size: u32,
    pub(super) format: RecordFormat,
    pub(super) warmup: Duration,
    pub(super) due_log: Arc<DueLog>,
}

impl Receiver {
    /// Counts the records of a batch.
    pub(super) fn receive(&self, batch: &Batch, arrivals: &mut Arrivals) {
        let ago = batch.received().elapsed().as_micros() as u64;
        // Before the load begins there is no clock, and nothing of this run can have come.
        let received_us = self.due_log.now_us().map(|now| now.saturating_sub(ago));
        for record in batch.records() {
            arrivals.add(self.arrival(record.value, received_us.unwrap_or_default()));
        }
    }

    fn arrival(&self, value: Option<RawJson<'_>>, received_us: u64) -> Arrival {
        let bytes = value.and_then(|raw| self.bytes(raw));
        let Some((run, id)) = bytes.and_then(|bytes| id_of(&bytes, self.batch_size)) else {
            return Arrival::Foreign;
        };
        if run != self.run {
            return Arrival::OtherRun;
        }
        let due = self.due_log.due(id.thread, id.request);
        Arrival::Ours {
            thread: id.thread,
            number: id.request * u64::from(self.batch_size) + u64::from(id.index),
            took: took(due, received_us, self.warmup),
        }
    }

    fn bytes<'a>(&self, raw: RawJson<'a>) -> Option<Cow<'a, [u8]>> {
        match self.format {
            RecordFormat::Binary => raw.base64().map(Cow::Owned),
            _ => Some(Cow::Borrowed(raw.get().as_bytes())),
        }
    }
}

fn took(due: Due, received_us: u64, warmup: Duration) -> Took {
    let due_us = match due {
        Due::Never => return Took::NeverDue,
        Due::Forgotten => return Took::Forgotten,
        Due::At(due_us) if due_us < warmup.as_micros() as u64 => return Took::WarmUp,
        Due::At(due_us) => due_us,
    };
    match received_us.checked_sub(due_us) {
        Some(us) => Took::Time(Duration::from_micros(us)),
        None => Took::Negative(Duration::from_micros(due_us - received_us)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_is_told_and_not_clamped() {
        let us = Duration::from_micros;
        for (due, received_us, wanted) in [
            (Due::At(150), 400, Took::Time(us(250))),
            (Due::At(400), 150, Took::Negative(us(250))),
            (Due::At(99), 400, Took::WarmUp),
            (Due::Never, 400, Took::NeverDue),
            (Due::Forgotten, 400, Took::Forgotten),
        ] {
            assert_eq!(took(due, received_us, us(100)), wanted);
        }
    }
}
