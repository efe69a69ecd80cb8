//! One connection: reads requests in order, answers each before it looks at the next.

use std::borrow::Cow;
use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use super::answer::Answer;
use super::body;
use super::clock::Clock;
use super::faults::{Defect, Falsify, Plan};
use super::framing::{Wire, frame};
use super::head::{Chunked, Expect, Head, Length, MAX_HEAD_BYTES};
use super::routes::Route;
use super::serve::{Call, Shared, answer, is_produce, route};
use super::truth::Counter;
use crate::wire::Dialect;

/// Buffers larger than this are given back after the request that needed them.
const KEPT_BYTES: usize = 1 << 20;
const READ_BYTES: usize = 16 << 10;

/// What reading came to.
enum Read {
    Ready,
    /// The peer closed, or stayed silent for too long.
    Ended,
    /// The head is longer than the server takes.
    TooLong,
}

enum BodyRead {
    /// This many bytes of the buffer belong to it.
    Ready(usize),
    Ended,
    Silent,
    Broken,
}

/// A connection's buffers.
struct Connection<'a, S> {
    stream: S,
    shared: &'a Shared,
    clock: &'a Clock,
    counter: &'a Counter,
    /// Bytes read and not yet used.
    buffer: Vec<u8>,
    /// The current head, apart from the buffer so that both can be used at once.
    head: Vec<u8>,
    chunked: Chunked,
    wire: Wire,
}

/// Serves a connection until either side ends it.
pub(crate) async fn run<S>(stream: S, shared: &Shared, clock: &Clock, counter: &Counter)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut connection = Connection {
        stream,
        shared,
        clock,
        counter,
        buffer: Vec::new(),
        head: Vec::new(),
        chunked: Chunked::default(),
        wire: Wire::default(),
    };
    // A broken connection is the client's affair; there is nobody to tell.
    let _ = connection.serve().await;
}

impl<S> Connection<'_, S>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    async fn serve(&mut self) -> io::Result<()> {
        let mut served: u64 = 0;
        let mut tainted = false;
        loop {
            match self.read_head().await? {
                Read::Ready => {}
                Read::Ended => return self.finish().await,
                Read::TooLong => return self.refuse_head().await,
            }
            let bytes = std::mem::take(&mut self.head);
            let Some(head) = Head::parse(&bytes) else {
                self.counter.seen(false);
                let page = Answer::page(400, "Bad Request", "/badURI");
                self.send(&page, None, &self.clock.date()).await?;
                return self.finish().await;
            };
            let produce = is_produce(&head);
            self.counter.seen(produce);
            let plan = self.shared.script.plan(produce, served > 0, tainted);
            tainted = matches!(plan.falsify, Some(Falsify::Defect(_)));
            if !self.exchange(&head, &plan).await? {
                return self.finish().await;
            }
            served += 1;
            self.head = bytes;
        }
    }

    /// One request and its answer; `false`: the connection ends.
    async fn exchange(&mut self, head: &Head<'_>, plan: &Plan) -> io::Result<bool> {
        let dialect = self.shared.dialect;
        let date = self.clock.date();
        let routed = route(dialect, head);
        if head.expect == Expect::Other && dialect == Dialect::Confluent {
            return Ok(false);
        }
        if let Some(refused) = self.expected(head, &routed).await? {
            return self.send_early(&refused, head, &date).await;
        }
        if let Err(refused) = &routed
            && refused.close
        {
            return self.send_early(refused, head, &date).await;
        }
        let length = match self.read_body(head.length).await? {
            BodyRead::Ready(length) => length,
            BodyRead::Ended => return Ok(false),
            BodyRead::Silent => {
                let message = "Timeout while reading from inputStream";
                let late = Answer::error(408, 408, message);
                self.send_early(&late, head, &date).await?;
                return Ok(false);
            }
            BodyRead::Broken => {
                let page = Answer::page(400, "Bad chunk", head.path());
                return self.send_early(&page, head, &date).await;
            }
        };
        let counter = self.counter;
        let account = is_produce(head).then(|| counter.open());
        if let Some(account) = &account
            && (routed.is_err() || plan.disturbs())
        {
            account.received(body::records(&self.body(head, length)));
        }
        if plan.die {
            self.shared.died.notify_waiters();
            return Ok(false);
        }
        if !plan.wait.is_zero() {
            tokio::time::sleep(plan.wait).await;
        }
        if plan.close || plan.falsify == Some(Falsify::Defect(Defect::NoAnswer)) {
            self.shared.truth.dropped();
            return Ok(false);
        }
        let answer = match routed {
            Ok(found) => {
                let call = Call {
                    shared: self.shared,
                    head,
                    plan,
                    body: &self.body(head, length),
                    account: account.as_ref(),
                };
                answer(&call, &found).await
            }
            Err(refused) => refused,
        };
        let stays = self.send(&answer, Some(head), &date).await?;
        if let Some(account) = account {
            account.answered(&answer);
        }
        self.consume(length);
        Ok(stays)
    }

    /// The body that was just read, as the server's application sees it.
    fn body(&self, head: &Head<'_>, length: usize) -> Cow<'_, [u8]> {
        let body = match head.length {
            Length::Chunked => self.chunked.body.as_slice(),
            Length::Fixed(_) | Length::Conflict => &self.buffer[..length],
        };
        let inflated = match (self.shared.dialect, head.sends_gzip) {
            (Dialect::Karapace, true) => inflate(body),
            _ => None,
        };
        inflated.map_or(Cow::Borrowed(body), Cow::Owned)
    }

    /// Sends `100 Continue`, or gives the answer that makes the body unnecessary.
    async fn expected(
        &mut self,
        head: &Head<'_>,
        routed: &Result<Route<'_>, Answer>,
    ) -> io::Result<Option<Answer>> {
        let dialect = self.shared.dialect;
        let speaks = matches!(dialect, Dialect::Confluent | Dialect::Karapace);
        if head.expect != Expect::Continue || !speaks {
            return Ok(None);
        }
        if let (Dialect::Confluent, Err(refused)) = (dialect, routed) {
            return Ok(Some(refused.clone().closing()));
        }
        if self.buffer.is_empty() {
            self.stream
                .write_all(b"HTTP/1.1 100 Continue\r\n\r\n")
                .await?;
            self.stream.flush().await?;
        }
        Ok(None)
    }

    /// Reads until a whole head is in `self.head`.
    async fn read_head(&mut self) -> io::Result<Read> {
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
            let limit = self.shared.idle_timeout;
            if !self.read_more(READ_BYTES, limit).await?.unwrap_or(false) {
                return Ok(Read::Ended);
            }
        }
    }

    async fn read_body(&mut self, length: Length) -> io::Result<BodyRead> {
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

    fn consume(&mut self, length: usize) {
        self.buffer.drain(..length);
        if self.buffer.is_empty() && self.buffer.capacity() > KEPT_BYTES {
            self.buffer = Vec::new();
        }
    }

    async fn refuse_head(&mut self) -> io::Result<()> {
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

    /// Sends an answer in the writes its server makes; returns whether the connection stays.
    async fn send(
        &mut self,
        answer: &Answer,
        head: Option<&Head<'_>>,
        date: &str,
    ) -> io::Result<bool> {
        let ends = frame(self.shared.dialect, answer, head, date, &mut self.wire);
        for piece in self.wire.writes() {
            self.stream.write_all(piece).await?;
            self.stream.flush().await?;
        }
        Ok(!ends)
    }

    /// Sends an answer that does not wait for the body.
    async fn send_early(
        &mut self,
        answer: &Answer,
        head: &Head<'_>,
        date: &str,
    ) -> io::Result<bool> {
        let stays = self.send(answer, Some(head), date).await?;
        if is_produce(head) {
            self.counter.answered_early(answer.status);
        }
        Ok(stays)
    }

    /// Ends the connection so that the answer arrives: says so, then reads what is still under way for a moment,
    /// because closing a socket with unread bytes resets it and takes the answer along.
    async fn finish(&mut self) -> io::Result<()> {
        const LINGER: Duration = Duration::from_millis(500);
        self.stream.shutdown().await?;
        let mut scrap = [0_u8; 4096];
        let drain = async { while let Ok(1..) = self.stream.read(&mut scrap).await {} };
        let _ = tokio::time::timeout(LINGER, drain).await;
        Ok(())
    }
}

fn inflate(body: &[u8]) -> Option<Vec<u8>> {
    let mut plain = Vec::new();
    let mut decoder = flate2::read::GzDecoder::new(body);
    std::io::Read::read_to_end(&mut decoder, &mut plain).ok()?;
    Some(plain)
}
