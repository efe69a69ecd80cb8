//! Request bytes, rendered once before the clock starts, with fixed-width slots patched in place for each request.
//!
//! A record is `{"id":"RRRRRWSSSSSSII","timestamp":1790000000000,"system":"krush","payload":"…"}`: run, engine
//! thread, request of that thread and index in the batch (numbers in base 62) make every record unique. All records of a batch have one
//! length, so a request's bytes at any position depend only on its [`Stamp`]: a request that is half written can be
//! rendered again from where it stopped, and no connection needs a body of its own.

#[cfg(unix)]
mod fixed;
mod recognise;
mod render;
mod slots;

#[cfg(unix)]
pub use fixed::FixedFile;
pub use recognise::{Id, Recognised, Recogniser, id_of};
pub use render::{Head, Rendering};
pub use slots::Stamp;

use crate::plan::{KeyMode, Payload, Plan};
use crate::wire::ACCEPT_V2;
use slots::Slots;

/// Largest rendered request accepted, in bytes: one is kept for each engine thread.
pub const MAX_REQUEST_BYTES: u64 = 256 << 20;

/// Characters of the run's name in an id.
pub const RUN_CHARS: usize = 5;

/// From this many bytes of a record on that never vary, two system calls and no copy are cheaper than one with it.
#[cfg(unix)]
const MIN_FIXED_BYTES: usize = 32 * 1024;
/// Larger bodies are not kept a second time.
#[cfg(unix)]
const MAX_FIXED_FILE_BYTES: usize = 16 << 20;

/// What to write next of a request.
#[derive(Debug)]
pub enum Piece<'a> {
    /// Bytes; `more` of the request follow at once.
    Bytes {
        /// The bytes.
        bytes: &'a [u8],
        /// Whether another piece follows.
        more: bool,
    },
    /// Bytes that never vary: these of the file.
    #[cfg(unix)]
    Fixed {
        /// Where they are.
        file: &'a FixedFile,
        /// Position of the first in the file.
        offset: usize,
        /// How many.
        length: usize,
    },
}

impl Piece<'_> {
    /// Bytes in it.
    #[expect(clippy::len_without_is_empty, reason = "a piece is never empty")]
    pub fn len(&self) -> usize {
        match self {
            Self::Bytes { bytes, .. } => bytes.len(),
            #[cfg(unix)]
            Self::Fixed { length, .. } => *length,
        }
    }
}

/// One engine thread's request: head and body, patched in place.
#[derive(Debug)]
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
    #[cfg(unix)]
    fixed: Option<FixedFile>,
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
        // The longest head is that with the longest length.
        let room = |head: &Head| head.render(payload.format, usize::MAX).len();
        let body_start = heads.iter().map(room).max().unwrap_or(0);
        let rendering = Rendering::new(payload, records, batch_size, run, worker, body_start);
        let body_length = rendering.bytes.len() - body_start;
        let heads = heads
            .iter()
            .map(|head| head.render(payload.format, body_length))
            .collect();
        Self {
            records_start: rendering.records_start,
            bytes: rendering.bytes,
            body_start,
            head_start: body_start,
            head: None,
            heads,
            stride: rendering.stride,
            records,
            slots: rendering.slots,
            stamped: None,
            payload_bytes: rendering.payload_bytes,
            #[cfg(unix)]
            fixed: None,
        }
    }

    /// Keeps what never varies in a file as well, if records are large enough for that to pay: for connections to which the
    /// kernel can send from a file.
    #[cfg(unix)]
    pub fn keep_fixed_bytes(&mut self) {
        let body = &self.bytes[self.body_start..];
        if self.stride - self.slots.end() >= MIN_FIXED_BYTES && body.len() <= MAX_FIXED_FILE_BYTES {
            self.fixed = FixedFile::of(body);
        }
    }

    /// Whether what never varies is in a file.
    #[cfg(unix)]
    pub fn keeps_fixed_bytes(&self) -> bool {
        self.fixed.is_some()
    }

    /// The kernel cannot send from the file after all, or not cheaply.
    #[cfg(unix)]
    pub fn forget_fixed_bytes(&mut self) {
        self.fixed = None;
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

    /// What to write of the request from `offset` on, stamped with `stamp`.
    pub fn piece(&mut self, target: usize, stamp: Stamp, offset: usize) -> Piece<'_> {
        #[cfg(unix)]
        if self.fixed.is_some() {
            return self.small_piece(target, stamp, offset);
        }
        Piece::Bytes {
            bytes: self.bytes(target, stamp, offset),
            more: false,
        }
    }

    /// The rest of a record's fixed bytes, or what comes before them.
    #[cfg(unix)]
    fn small_piece(&mut self, target: usize, stamp: Stamp, offset: usize) -> Piece<'_> {
        let length = self.request_len(target);
        let body_end = self.bytes.len();
        let start = body_end - length + offset;
        let record = start.saturating_sub(self.records_start) / self.stride;
        let record = record.min(self.records as usize - 1);
        let from = self.records_start + record * self.stride;
        let fixed_from = from + self.slots.end();
        if start < fixed_from {
            let length = fixed_from - start;
            return Piece::Bytes {
                bytes: &self.bytes(target, stamp, offset)[..length],
                more: true,
            };
        }
        let last = record + 1 == self.records as usize;
        let end = if last { body_end } else { from + self.stride };
        let file = self.fixed.as_ref().expect("the caller has seen the file");
        Piece::Fixed {
            file,
            offset: start - self.body_start,
            length: end - start,
        }
    }

    /// Writes `stamp` into the slots of record `first` and all after it.
    fn stamp(&mut self, stamp: Stamp, first: u32) {
        let from = self.records_start + first as usize * self.stride;
        let length = self.stride;
        let before = match self.stamped {
            Some((before, from)) if from <= first => Some(before),
            _ => None,
        };
        self.slots.stamp(
            &mut self.bytes[from..],
            length,
            stamp,
            before,
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
