//! How a connection reads heads and bodies, and how long it waits for them.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite};

use super::super::answer::Answer;
use super::super::head::{Length, MAX_HEAD_BYTES};
use super::{Connection, End};
use crate::wire::Dialect;

/// Buffers larger than this are given back after the request that needed them.
const KEPT_BYTES: usize = 1 << 20;
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
            let skipped = self
                .buffer
                .iter()
                .take_while(|b| matches!(b, b'\r' | b'\n'))
                .count();
            if skipped > 0 {
                self.consume(skipped);
            }
            if let Some(end) = memchr::memmem::find(&self.buffer, b"\r\n\r\n") {
                let end = end + 4;
                if end > MAX_HEAD_BYTES {
                    return Ok(Read::TooLong);
                }
                self.head.clear();
                self.head.extend_from_slice(&self.buffer[..end]);
                self.consume(end);
                return Ok(Read::Ready);
            }
            if self.buffer.len() > MAX_HEAD_BYTES {
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
            let missing = match length {
                Length::Fixed(length) if self.buffer.len() >= length => {
                    return Ok(BodyRead::Ready(length));
                }
                Length::Fixed(length) => length - self.buffer.len(),
                Length::Chunked => match self.chunked.decode(&self.buffer) {
                    Ok(Some(used)) => return Ok(BodyRead::Ready(used)),
                    Ok(None) => READ_BYTES,
                    Err(()) => return Ok(BodyRead::Broken),
                },
                Length::Conflict => return Ok(BodyRead::Broken),
            };
            // Strimzi and Karapace wait for a body as long as it takes.
            let confluent = self.shared.dialect == Dialect::Confluent;
            let limit = self.shared.idle_timeout.filter(|_| confluent);
            match self.read_more(missing.min(KEPT_BYTES), limit).await? {
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
        while self.buffer.len() < half {
            let missing = (half - self.buffer.len()).min(KEPT_BYTES);
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
        self.buffer.reserve(wanted);
        let read = self.stream.read_buf(&mut self.buffer);
        let Some(limit) = limit else {
            return Ok(Some(read.await? > 0));
        };
        match tokio::time::timeout(limit, read).await {
            Ok(read) => Ok(Some(read? > 0)),
            Err(_) => Ok(None),
        }
    }

    pub(super) fn consume(&mut self, length: usize) {
        self.buffer.drain(..length);
        if self.buffer.is_empty() && self.buffer.capacity() > KEPT_BYTES {
            self.buffer = Vec::new();
        }
    }

    pub(super) async fn refuse_head(&mut self) -> io::Result<End> {
        let line = self
            .buffer
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
        self.send(&refusal, None, &self.clock.date()).await?;
        self.finish().await
    }
}
