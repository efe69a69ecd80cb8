//! Request bytes, rendered once before the clock starts, with fixed-width slots patched in place for each request.
//!
//! A record is `{"id":"RRRRRR-WW-SSSSSSSSSSS-III","timestamp":1790000000000,"system":"krush","payload":"…"}`: run, engine
//! thread, request of that thread and index in the batch make every record unique. All records of a batch have one
//! length, so a request's bytes at any position depend only on its [`Stamp`]: a request that is half written can be
//! rendered again from where it stopped, and no connection needs a body of its own.

mod render;
mod slots;

pub use render::{Head, Rendering};
pub use slots::Stamp;

use crate::plan::{KeyMode, Payload, Plan};
use crate::wire::ACCEPT_V2;
use slots::Slots;

/// Largest rendered request accepted, in bytes: one is kept for each engine thread.
pub const MAX_REQUEST_BYTES: u64 = 256 << 20;

/// Characters of the run's name in an id.
pub const RUN_CHARS: usize = 6;

/// One engine thread's request: head and body, patched in place.
#[derive(Debug, Clone)]
pub struct Template {
    /// Space for the longest head, then the body; the current head ends where the body starts.
    bytes: Vec<u8>,
    body_start: usize,
    head_start: usize,
    /// Index of the head that lies before the body now.
    head: Option<usize>,
    heads: Vec<Vec<u8>>,
    /// First record's position in `bytes`, and the distance from one record to the next.
    records_start: usize,
    stride: usize,
    records: u32,
    slots: Slots,
    /// Whose values lie in the slots, and from which record on.
    stamped: Option<(Stamp, u32)>,
    payload_bytes: u64,
}

impl Template {
    /// Renders a request of the first `records` records of a batch of `batch_size`, one head a target.
    pub fn new(
        payload: &Payload,
        records: u32,
        batch_size: u32,
        run: &str,
        worker: u32,
        heads: &[Head],
    ) -> Self {
        let rendering = Rendering::new(payload, records, batch_size, run, worker);
        let heads: Vec<Vec<u8>> = heads
            .iter()
            .map(|head| head.render(payload.format, rendering.body.len()))
            .collect();
        let space = heads.iter().map(Vec::len).max().unwrap_or(0);
        let mut bytes = vec![0; space];
        bytes.extend_from_slice(&rendering.body);
        Self {
            records_start: space + rendering.records_start,
            bytes,
            body_start: space,
            head_start: space,
            head: None,
            heads,
            stride: rendering.stride,
            records,
            slots: rendering.slots,
            stamped: None,
            payload_bytes: rendering.payload_bytes,
        }
    }

    /// Records in this request.
    pub fn records(&self) -> u32 {
        self.records
    }

    /// Key and value bytes of all records, before any encoding for transport.
    pub fn payload_bytes(&self) -> u64 {
        self.payload_bytes
    }

    /// Bytes of the whole request to `target`, head included.
    pub fn request_len(&self, target: usize) -> usize {
        self.heads[target].len() + self.bytes.len() - self.body_start
    }

    /// The request's bytes from `offset` on, stamped with `stamp`.
    pub fn bytes(&mut self, target: usize, stamp: Stamp, offset: usize) -> &[u8] {
        if self.head != Some(target) {
            let head = &self.heads[target];
            self.head_start = self.body_start - head.len();
            self.bytes[self.head_start..self.body_start].copy_from_slice(head);
            self.head = Some(target);
        }
        let start = self.head_start + offset;
        let first = (start.saturating_sub(self.records_start) / self.stride) as u32;
        let covered =
            matches!(self.stamped, Some((whose, from)) if whose == stamp && from <= first);
        if !covered {
            self.stamp(stamp, first);
        }
        &self.bytes[start..]
    }

    /// Writes `stamp` into the slots of record `first` and all after it.
    fn stamp(&mut self, stamp: Stamp, first: u32) {
        let from = self.records_start + first as usize * self.stride;
        let length = self.stride;
        self.slots.stamp(
            &mut self.bytes[from..],
            length,
            stamp,
            first,
            self.records - first,
        );
        self.stamped = Some((stamp, first));
    }
}

/// The first request of a run exactly as it would be sent, for `--dry-run`.
pub fn preview(plan: &Plan, run: &str, timestamp_ms: u64) -> Vec<u8> {
    let heads = [Head::for_target(plan, 0)];
    let mut template = Template::new(
        &plan.payload,
        first_batch(plan),
        plan.load.batch_size,
        run,
        0,
        &heads,
    );
    template
        .bytes(
            0,
            Stamp {
                request: 0,
                timestamp_ms,
            },
            0,
        )
        .to_vec()
}

/// Bytes of a full request's body, and of one record's value as the server stores it.
pub fn sizes(plan: &Plan) -> (u64, u64) {
    let one = Rendering::new(&plan.payload, 1, plan.load.batch_size, "", 0);
    let envelope = one.body.len() - one.stride;
    (
        one.stride as u64 * u64::from(plan.load.batch_size) + envelope as u64,
        one.value_bytes,
    )
}

fn first_batch(plan: &Plan) -> u32 {
    match plan.load.stop {
        crate::plan::Stop::Messages(records) => {
            u32::try_from(records).map_or(plan.load.batch_size, |r| r.min(plan.load.batch_size))
        }
        crate::plan::Stop::Duration(_) => plan.load.batch_size,
    }
}

/// Whether records carry keys.
fn has_key(mode: KeyMode) -> bool {
    mode != KeyMode::None
}

/// The `Accept` header of every produce request.
pub(crate) const ACCEPT: &str = ACCEPT_V2;

#[cfg(test)]
mod tests;
