//! What one request meets, all faults of the script taken together.

use std::time::Duration;

use super::Defect;
use crate::fault::{Framing, Half, Kept, Kind};

/// What one request meets.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Plan {
    /// Held this long before it is handled.
    pub(crate) wait: Duration,
    /// What happens in place of handling it.
    pub(crate) instead: Option<Instead>,
    /// Its first record waits for a topic that does not come: this long, or else as long as the server waits.
    pub(crate) blocks: bool,
    pub(crate) blocks_for: Option<Duration>,
    /// Faults that pick from its records, in the script's order.
    pub(crate) records: Vec<(usize, RecordFault)>,
    /// Only the first half of its records is stored.
    pub(crate) half: bool,
    /// How its answer is falsified.
    pub(crate) falsify: Option<Falsify>,
    pub(crate) sending: Sending,
}

/// What happens in place of handling a request. Of several, the smallest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Instead {
    /// The server ends.
    Die,
    /// The connection is reset while the body is being read.
    Reset,
    /// Answered with this status before the body was read.
    Early(u16),
    /// The connection ends without an answer.
    Close,
    /// No answer, and the connection stays.
    Mute,
    /// Answered with this status.
    Refuse(u16),
}

/// What one record meets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RecordFault {
    /// Not stored, with this `error_code`.
    Fail(i64),
    /// Stored, and reported as expired.
    Expire,
    /// Stored twice.
    Duplicate,
    /// Not stored, and reported as stored.
    Lose,
    /// Stored behind one that follows it.
    Reorder,
    /// Stored with a byte changed.
    Corrupt,
}

/// How an answer is falsified, once the request was handled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Falsify {
    Status(u16),
    Empty,
    Broken,
    Rubbish,
    Entries(i32),
    Previous,
    Defect(Defect),
}

/// How an answer leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Sending {
    pub(crate) framing: Option<Framing>,
    /// The answer says that the connection ends, and it does.
    pub(crate) closes: bool,
    /// The connection ends, and the answer does not say so.
    pub(crate) ends: bool,
    /// Pause, and bytes of a piece.
    pub(crate) drip: Option<(Duration, usize)>,
    /// It does not leave whole.
    pub(crate) broken: Option<Break>,
}

/// How an answer does not leave whole. Of several, the smallest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Break {
    /// It does not leave at all; the connection stays.
    Hang,
    /// The connection is reset in the middle.
    Reset,
    /// The connection is closed in the middle.
    Cut,
}

/// What a kind does to single records.
pub(super) fn of_records(kind: Kind) -> Option<RecordFault> {
    match kind {
        Kind::Fail { code, .. } => Some(RecordFault::Fail(code)),
        Kind::Expire(_) => Some(RecordFault::Expire),
        Kind::Duplicate(_) => Some(RecordFault::Duplicate),
        Kind::Lose(_) => Some(RecordFault::Lose),
        Kind::Reorder(_) => Some(RecordFault::Reorder),
        Kind::Corrupt(_) => Some(RecordFault::Corrupt),
        _ => None,
    }
}

impl Plan {
    /// Adds a fault that strikes this request.
    pub(super) fn apply(&mut self, kind: Kind, index: usize) {
        match kind {
            Kind::Die => self.put(Instead::Die),
            Kind::Reset(Half::Request) => self.put(Instead::Reset),
            Kind::Early(status) => self.put(Instead::Early(status)),
            Kind::Close | Kind::Sever => self.put(Instead::Close),
            Kind::Hang { stored: false } => self.put(Instead::Mute),
            Kind::Status {
                status,
                stored: Kept::None,
            } => self.put(Instead::Refuse(status)),
            Kind::Status { status, stored } => {
                self.falsify = Some(Falsify::Status(status));
                self.half |= stored == Kept::Some;
            }
            Kind::Empty => self.falsify = Some(Falsify::Empty),
            Kind::Broken => self.falsify = Some(Falsify::Broken),
            Kind::Rubbish => self.falsify = Some(Falsify::Rubbish),
            Kind::Entries(extra) => self.falsify = Some(Falsify::Entries(extra)),
            Kind::Previous => self.falsify = Some(Falsify::Previous),
            Kind::Block(length) => {
                self.blocks = true;
                self.blocks_for = length;
            }
            Kind::Hang { stored: true } => self.tear(Break::Hang),
            Kind::Reset(Half::Answer) => self.tear(Break::Reset),
            Kind::Cut => self.tear(Break::Cut),
            Kind::Drip { pause, bytes } => self.sending.drip = Some((pause, bytes)),
            Kind::Framing(framing) => self.sending.framing = Some(framing),
            Kind::NoKeepAlive => self.sending.closes = true,
            Kind::SilentClose => self.sending.ends = true,
            Kind::Fail { .. }
            | Kind::Expire(_)
            | Kind::Duplicate(_)
            | Kind::Lose(_)
            | Kind::Reorder(_)
            | Kind::Corrupt(_) => {
                self.records
                    .extend(of_records(kind).map(|fault| (index, fault)));
            }
            // These are decided elsewhere: they wait, or strike the server as a whole.
            Kind::Delay(_)
            | Kind::Stall(_)
            | Kind::Refuse
            | Kind::Drop
            | Kind::ExpireConsumers
            | Kind::Idle(_)
            | Kind::KeepAlive => {}
        }
    }

    fn put(&mut self, instead: Instead) {
        self.instead = Some(self.instead.map_or(instead, |other| other.min(instead)));
    }

    fn tear(&mut self, tear: Break) {
        let broken = &mut self.sending.broken;
        *broken = Some(broken.map_or(tear, |other| other.min(tear)));
    }
}
