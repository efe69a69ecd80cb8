//! How an answer leaves: in the writes its server makes, or as faults of the sending say.

use std::io;
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};

use super::super::Writes;
use super::super::answer::Answer;
use super::super::faults::{Break, Defect, Falsify, Plan};
use super::super::framing::{LAST_CHUNK, Wire, frame, frame_as};
use super::super::head::Head;
use super::{Connection, Next, is_produce};
use crate::wire::Dialect;

/// What became of an answer.
pub(super) enum Sent {
    /// It is with the kernel.
    Whole {
        answer: Answer,
        /// The connection stays.
        stays: bool,
        /// When its last write began: no client can have all of it sooner.
        last_write: Instant,
    },
    /// It broke off.
    Part { reset: bool },
    /// It is never sent.
    Nothing,
}

impl<S> Connection<'_, S>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    /// Sends an answer in the writes its server makes; returns whether the connection stays.
    pub(super) async fn send(
        &mut self,
        answer: &Answer,
        head: Option<&Head<'_>>,
        date: &str,
    ) -> io::Result<bool> {
        let mut wire = self.desk.wire.take();
        let ends = frame(self.shared.dialect, answer, head, date, &mut wire);
        self.write(&mut wire).await?;
        self.desk.keep_wire(wire);
        Ok(!ends)
    }

    /// Sends an answer that does not wait for the body.
    pub(super) async fn send_early(
        &mut self,
        answer: &Answer,
        head: &Head<'_>,
        date: &str,
    ) -> io::Result<Next> {
        let stays = self.send(answer, Some(head), date).await?;
        if is_produce(head) {
            self.desk.counter.answered_early(answer.status);
        }
        Ok(Next::stays(stays))
    }

    /// Sends an answer as the request's faults say.
    pub(super) async fn send_as(
        &mut self,
        mut answer: Answer,
        head: &Head<'_>,
        date: &str,
        plan: &Plan,
    ) -> io::Result<Sent> {
        let sending = &plan.sending;
        if sending.broken == Some(Break::Hang) {
            return Ok(Sent::Nothing);
        }
        let dialect = self.shared.dialect;
        if sending.closes {
            answer.close = true;
            // The others say so only if they were asked to.
            if dialect != Dialect::Confluent && sending.framing.is_none() && !head.close {
                answer.headers.push(("Connection", "close".to_owned()));
            }
        }
        let mut wire = self.desk.wire.take();
        let ends = match sending.framing {
            Some(framing) => frame_as(framing, dialect, &answer, head, date, &mut wire),
            None => frame(dialect, &answer, Some(head), date, &mut wire),
        };
        let cut_in_body = plan.falsify == Some(Falsify::Defect(Defect::CutInBody));
        let limit = match sending.broken {
            Some(_) => Some(wire.middle()),
            None if cut_in_body => wire.before(LAST_CHUNK),
            None => None,
        };
        if let Some(limit) = limit {
            wire.truncate(limit);
        }
        let last_write = match sending.drip {
            Some((pause, bytes)) => self.drip(&wire.bytes, pause, bytes).await?,
            None => self.write(&mut wire).await?,
        };
        self.desk.keep_wire(wire);
        if limit.is_some() {
            self.shared.truth.dropped();
            let reset = sending.broken == Some(Break::Reset);
            return Ok(Sent::Part { reset });
        }
        if sending.closes || sending.ends {
            self.shared.truth.dropped();
        }
        let stays = !ends && !sending.ends;
        Ok(Sent::Whole {
            answer,
            stays,
            last_write,
        })
    }

    /// Writes what was framed, and says when its last write began.
    async fn write(&mut self, wire: &mut Wire) -> io::Result<Instant> {
        let answers = self.desk.turn.answers();
        match self.shared.writes {
            Writes::Recorded => {}
            Writes::Auto if answers == 1 => {}
            Writes::Auto | Writes::One => wire.join(),
        }
        let mut last_write = Instant::now();
        for (index, piece) in wire.writes().enumerate() {
            if index > 0 {
                last_write = Instant::now();
            }
            self.stream.write_all(piece).await?;
            self.stream.flush().await?;
        }
        Ok(last_write)
    }

    /// Writes so many bytes at a time, with a pause in between; says when the last write began.
    async fn drip(&mut self, all: &[u8], pause: Duration, bytes: usize) -> io::Result<Instant> {
        let mut last_write = Instant::now();
        for (index, piece) in all.chunks(bytes).enumerate() {
            if index > 0 {
                tokio::time::sleep(pause).await;
            }
            last_write = Instant::now();
            self.stream.write_all(piece).await?;
            self.stream.flush().await?;
        }
        Ok(last_write)
    }
}
