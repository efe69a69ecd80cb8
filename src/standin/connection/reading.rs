//! How a connection reads heads and bodies, and how long it waits for them.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};

use super::super::answer::Answer;
use super::super::desk::KEPT_BYTES;
use super::super::head::{Length, MAX_HEAD_BYTES};
use super::{Connection, End};
use crate::wire::Dialect;

const READ_BYTES: usize = 16 << 10;

/// What reading came to.
pub(super) enum Read {
    Ready,
    /// The peer closed, or stayed silent for too long.
    Ended,
    /// The head is longer than the server takes.
    TooLong,
}

pub(super) enum BodyRead {
    /// This many bytes of the buffer belong to it.
    Ready(usize),
    Ended,
    Silent,
    Broken,
}

impl<S> Connection<'_, S>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    /// Reads until a whole head is in `self.head`.
    pub(super) async fn read_head(&mut self) -> io::Result<Read> {
        loop {
            let is_end_of_line = |byte: &&u8| matches!(byte, b'\r' | b'\n');
            let skipped = self.inbox.unused().iter().take_while(is_end_of_line);
            let skipped = skipped.count();
            self.inbox.consume(skipped);
            let unused = self.inbox.unused();
            if let Some(length) = head_length(unused) {
                if length > MAX_HEAD_BYTES {
                    return Ok(Read::TooLong);
                }
                self.head.clear();
                self.head.extend_from_slice(&unused[..length]);
                self.inbox.consume(length);
                return Ok(Read::Ready);
            }
            if unused.len() > MAX_HEAD_BYTES {
                return Ok(Read::TooLong);
            }
            let limit = self.shared.script.idle().or(self.shared.idle_timeout);
            if !self.read_more(READ_BYTES, limit).await?.unwrap_or(false) {
                return Ok(Read::Ended);
            }
        }
    }

    pub(super) async fn read_body(&mut self, length: Length) -> io::Result<BodyRead> {
        self.chunked.reset();
        loop {
            let unused = self.inbox.unused();
            let missing = match length {
                Length::Fixed(length) if unused.len() >= length => {
                    return Ok(BodyRead::Ready(length));
                }
                Length::Fixed(length) => length - unused.len(),
                Length::Chunked => match self.chunked.decode(unused) {
                    Ok(Some(used)) => return Ok(BodyRead::Ready(used)),
                    // How much there will be nobody says.
                    Ok(None) => unused.len().max(READ_BYTES),
                    Err(()) => return Ok(BodyRead::Broken),
                },
                Length::Conflict => return Ok(BodyRead::Broken),
            };
            // Strimzi and Karapace wait for a body as long as it takes.
            let confluent = self.shared.dialect == Dialect::Confluent;
            let limit = self.shared.idle_timeout.filter(|_| confluent);
            // No more room than as much again as is there, for what may never come.
            let most = unused.len().max(KEPT_BYTES);
            match self.read_more(missing.min(most), limit).await? {
                Some(true) => {}
                Some(false) => return Ok(BodyRead::Ended),
                None => return Ok(BodyRead::Silent),
            }
        }
    }

    /// Reads until half of a body is there, or the peer left.
    pub(super) async fn read_half(&mut self, length: Length) -> io::Result<()> {
        let half = match length {
            Length::Fixed(length) => length / 2,
            Length::Chunked | Length::Conflict => 1,
        };
        while self.inbox.unused().len() < half {
            let missing = (half - self.inbox.unused().len()).min(KEPT_BYTES);
            if self.read_more(missing, None).await? != Some(true) {
                break;
            }
        }
        Ok(())
    }

    /// Reads once. `Some(false)`: the peer closed; `None`: it stayed silent for longer than the limit.
    async fn read_more(
        &mut self,
        wanted: usize,
        limit: Option<Duration>,
    ) -> io::Result<Option<bool>> {
        let read = (self.inbox).read(&mut self.stream, wanted, limit, self.desk);
        read.await
    }

    pub(super) async fn refuse_head(&mut self) -> io::Result<End> {
        let line = self
            .inbox
            .unused()
            .split(|byte| *byte == b'\r')
            .next()
            .unwrap_or_default();
        let line = String::from_utf8_lossy(line).into_owned();
        let target = line.split(' ').nth(1).unwrap_or("/");
        let refusal = match self.shared.dialect {
            Dialect::Confluent | Dialect::Redpanda => {
                Answer::page(431, "Request Header Fields Too Large", target)
            }
            Dialect::Strimzi => Answer::bare(431).closing(),
            Dialect::Karapace => {
                let text = format!(
                    "Got more than {} bytes when reading: b'...'.",
                    MAX_HEAD_BYTES - 2
                );
                Answer::text(400, &text).closing()
            }
        };
        self.send(&refusal, None, &self.desk.clock.date()).await?;
        self.finish().await
    }
}

/// Length of the head at the start, if it is whole.
fn head_length(bytes: &[u8]) -> Option<usize> {
    const END: &[u8] = b"\r\n\r\n";
    // Line by line: a search for the end itself takes longer to set up than a head is long.
    memchr::memchr_iter(b'\n', bytes)
        .map(|at| at + 1)
        .find(|end| bytes[..*end].ends_with(END))
}
