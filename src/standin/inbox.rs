//! Bytes that arrived on a connection and are not yet used. Its buffer is the thread's while it is empty.

use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::time::{Instant, Sleep, sleep_until};

use super::desk::{Desk, KEPT_BYTES};

/// Room beyond what is waited for: the head of the next request, which then arrives together with its body.
const HEAD_ROOM: usize = 4 << 10;

/// What a connection read ahead.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    bytes: Vec<u8>,
    /// Where the unused ones begin.
    from: usize,
    patience: Patience,
}

impl Inbox {
    pub(crate) fn unused(&self) -> &[u8] {
        &self.bytes[self.from..]
    }

    /// Marks the first of them as used.
    pub(crate) fn consume(&mut self, length: usize) {
        self.from += length;
        if self.from == self.bytes.len() {
            self.bytes.clear();
            self.from = 0;
            if self.bytes.capacity() > KEPT_BYTES {
                self.bytes = Vec::new();
            }
        }
    }

    /// Hands the buffer out if the unused bytes are so many, and end it.
    pub(crate) fn take(&mut self, length: usize) -> Option<Vec<u8>> {
        if self.unused().len() != length {
            return None;
        }
        self.from = 0;
        Some(std::mem::take(&mut self.bytes))
    }

    /// Reads once. `Some(false)`: the peer closed; `None`: it stayed silent for longer than the limit.
    pub(crate) async fn read(
        &mut self,
        stream: &mut (impl AsyncRead + Unpin),
        wanted: usize,
        limit: Option<Duration>,
        desk: &Desk,
    ) -> io::Result<Option<bool>> {
        let Self {
            bytes,
            from,
            patience,
        } = self;
        let read = poll_fn(|context| {
            if bytes.capacity() == 0 {
                *bytes = desk.buffer();
            }
            if bytes.capacity() - bytes.len() < wanted {
                bytes.drain(..std::mem::take(from));
                bytes.reserve_exact(wanted + HEAD_ROOM);
            }
            let polled = pin!(stream.read_buf(bytes)).poll(context);
            if polled.is_pending() && bytes.is_empty() {
                desk.keep(std::mem::take(bytes));
            }
            polled
        });
        let Some(limit) = limit else {
            return Ok(Some(read.await? > 0));
        };
        tokio::select! {
            biased;
            read = read => Ok(Some(read? > 0)),
            () = patience.runs_out(limit) => Ok(None),
        }
    }
}

/// How long a connection waits for its peer: one timer for its life, set anew only when it rings too early.
#[derive(Debug, Default)]
struct Patience {
    timer: Option<std::pin::Pin<Box<Sleep>>>,
}

impl Patience {
    /// Ready after this time.
    async fn runs_out(&mut self, limit: Duration) {
        let end = Instant::now() + limit;
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(end)));
        if timer.deadline() > end {
            timer.as_mut().reset(end);
        }
        loop {
            timer.as_mut().await;
            if timer.deadline() >= end {
                return;
            }
            timer.as_mut().reset(end);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn patience_lasts_as_long_as_it_is_told_each_time() {
        let mut patience = Patience::default();
        for millis in [20, 5, 20, 1] {
            let limit = Duration::from_millis(millis);
            let started = Instant::now();
            // A wait that ended well before leaves the timer as it was.
            tokio::select! {
                biased;
                () = tokio::task::yield_now() => {}
                () = patience.runs_out(limit * 1_000) => {}
            }
            patience.runs_out(limit).await;
            let waited = started.elapsed();
            assert!(waited >= limit, "{waited:?} of {limit:?}");
            assert!(waited < limit * 1_000, "{waited:?} of {limit:?}");
        }
    }

    #[tokio::test]
    async fn what_is_unused_stays_when_more_arrives_and_an_empty_buffer_goes_to_the_thread() {
        let desk = Desk::default();
        let mut inbox = Inbox::default();
        let (mut ours, mut theirs) = tokio::io::duplex(64);
        tokio::io::AsyncWriteExt::write_all(&mut theirs, b"onetwo")
            .await
            .unwrap();
        assert_eq!(
            inbox.read(&mut ours, 8, None, &desk).await.unwrap(),
            Some(true)
        );
        inbox.consume(3);
        assert_eq!(inbox.unused(), b"two");
        tokio::io::AsyncWriteExt::write_all(&mut theirs, b"three")
            .await
            .unwrap();
        assert_eq!(
            inbox.read(&mut ours, 8, None, &desk).await.unwrap(),
            Some(true)
        );
        assert_eq!(inbox.unused(), b"twothree");
        inbox.consume(8);
        let limit = Some(Duration::from_millis(1));
        assert_eq!(inbox.read(&mut ours, 8, limit, &desk).await.unwrap(), None);
        assert_eq!(
            inbox.bytes.capacity(),
            0,
            "an idle connection holds no buffer"
        );
        assert!(desk.buffer().capacity() > 0);
    }
}
