//! One connection: reads requests in order, answers each before it looks at the next.

use std::borrow::Cow;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use super::answer::Answer;
use super::body;
use super::capacity;
use super::desk::Desk;
use super::entries;
use super::falsify::{falsified, refusal};
use super::faults::{Asked, Defect, Falsify, Instead, Plan, Reuse};
use super::head::{Chunked, Expect, Head, Length};
use super::inbox::Inbox;
use super::routes::Route;
use super::serve::{Call, Shared, answer, is_produce, route};
use super::truth::Account;
use super::whole::Whole;
use crate::model::Work;
use crate::wire::Dialect;

mod reading;
mod sending;

use reading::{BodyRead, Read};
use sending::Sent;

/// How a connection is to be ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// It is closed, or the peer closed it.
    Closed,
    /// With a reset.
    Reset,
}

/// What follows an exchange.
enum Next {
    Stays,
    Ends,
    Reset,
}

impl Next {
    fn stays(stays: bool) -> Self {
        if stays { Self::Stays } else { Self::Ends }
    }
}

/// A connection's buffers, and what it remembers of its last exchange.
struct Connection<'a, S> {
    stream: S,
    shared: &'a Shared,
    desk: &'a Desk,
    inbox: Inbox,
    /// The current head, apart from the inbox so that both can be used at once.
    head: Vec<u8>,
    chunked: Chunked,
    /// Requests answered.
    served: u64,
    /// A fault may need the three below.
    remembers: bool,
    answered_at: Option<Instant>,
    defect: Option<Defect>,
    /// The right answer to the last request.
    last: Option<Answer>,
}

/// Serves a connection until either side ends it.
pub(crate) async fn run<S>(stream: S, shared: &Shared, desk: &Desk) -> End
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut connection = Connection {
        stream,
        shared,
        desk,
        inbox: Inbox::default(),
        head: Vec::new(),
        chunked: Chunked::default(),
        served: 0,
        remembers: shared.script.remembers(),
        answered_at: None,
        defect: None,
        last: None,
    };
    // A broken connection is the client's affair; there is nobody to tell.
    connection.serve().await.unwrap_or(End::Closed)
}

impl<S> Connection<'_, S>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    async fn serve(&mut self) -> io::Result<End> {
        loop {
            match self.read_head().await? {
                Read::Ready => {}
                Read::Ended => return self.finish().await,
                Read::TooLong => return self.refuse_head().await,
            }
            let bytes = std::mem::take(&mut self.head);
            let Some(head) = Head::parse(&bytes) else {
                self.desk.counter.seen(false);
                let page = Answer::page(400, "Bad Request", "/badURI");
                self.send(&page, None, &self.desk.clock.date()).await?;
                return self.finish().await;
            };
            let plan = self.plan(&head);
            match self.exchange(&head, &plan).await? {
                Next::Stays => {}
                Next::Ends => return self.finish().await,
                Next::Reset => return Ok(End::Reset),
            }
            self.head = bytes;
        }
    }

    /// Counts a request in and asks the script about it.
    fn plan(&mut self, head: &Head<'_>) -> Plan {
        let produce = is_produce(head);
        self.desk.counter.seen(produce);
        let reuse = (self.served > 0).then(|| Reuse {
            gap: self.answered_at.map_or(Duration::ZERO, |at| at.elapsed()),
            last: self.defect,
        });
        let plan = self.shared.script.plan(&Asked {
            produce,
            asynchronous: head.path != "/",
            reuse,
        });
        self.served += 1;
        self.defect = match plan.falsify {
            Some(Falsify::Defect(defect)) => Some(defect),
            _ => None,
        };
        plan
    }

    /// One request and its answer.
    async fn exchange(&mut self, head: &Head<'_>, plan: &Plan) -> io::Result<Next> {
        let dialect = self.shared.dialect;
        let date = self.desk.clock.date();
        let routed = route(dialect, head);
        if head.expect == Expect::Other && dialect == Dialect::Confluent {
            return Ok(Next::Ends);
        }
        if let Some(refused) = self.expected(head, &routed).await? {
            return self.send_early(&refused, head, &date).await;
        }
        if let Err(refused) = &routed
            && refused.close
        {
            return self.send_early(refused, head, &date).await;
        }
        match plan.instead {
            Some(Instead::Reset) => {
                self.read_half(head.length).await?;
                self.shared.truth.dropped();
                return Ok(Next::Reset);
            }
            Some(Instead::Early(status)) => return self.answer_early(status, head, &date).await,
            _ => {}
        }
        let mut length = match self.read_body(head.length).await? {
            BodyRead::Ready(length) => length,
            unread => return self.answer_unread(&unread, head, &date).await,
        };
        let desk = self.desk;
        let account = is_produce(head).then(|| desk.counter.open());
        let (script, threads) = (&self.shared.script, &self.shared.threads);
        let (until, full) = self.admitted(head, length);
        let instead = plan.instead.or(full);
        let waits = until.is_some()
            || !plan.wait.is_zero()
            || !script.stalled().is_zero()
            || threads.are_all_held();
        let no_answer = plan.falsify == Some(Falsify::Defect(Defect::NoAnswer));
        if let Some(account) = &account
            && (waits || no_answer || instead.is_some() || routed.is_err())
        {
            // It may never come to the handler, which counts the records of all others.
            account.received(body::records(&self.body(head, length)));
        }
        if instead == Some(Instead::Die) {
            self.shared.died.notify_waiters();
            return Ok(Next::Ends);
        }
        if waits {
            self.hold(plan.wait, until).await;
        }
        if instead == Some(Instead::Close) || no_answer {
            self.shared.truth.dropped();
            return Ok(Next::Ends);
        }
        if instead == Some(Instead::Mute) {
            drop(account);
            return self.keep_silent().await;
        }
        let own = match (instead, routed) {
            (Some(Instead::Refuse(status)), Ok(_)) => refusal(dialect, status),
            (_, Err(refused)) => refused,
            (_, Ok(found)) => {
                let read = self.answer_to(head, plan, length, account.as_ref(), &found);
                let (own, unused) = read.await;
                length = unused;
                own
            }
        };
        let kept = self.remembers.then(|| own.clone());
        let answer = match plan.falsify {
            None => own,
            Some(falsify) => falsified(dialect, head, falsify, own, self.last.as_ref()),
        };
        self.last = kept;
        let sent = self.send_as(answer, head, &date, plan).await?;
        self.inbox.consume(length);
        self.answered_at = self.remembers.then(Instant::now);
        match sent {
            Sent::Whole {
                answer,
                stays,
                last_write,
            } => {
                if let Some(account) = account {
                    account.answered(&answer, last_write);
                }
                Ok(Next::stays(stays))
            }
            Sent::Part { reset: true } => Ok(Next::Reset),
            Sent::Part { reset: false } => Ok(Next::Ends),
            Sent::Nothing => {
                drop(account);
                self.keep_silent().await
            }
        }
    }

    /// Answers a request whose body did not come, if it is answered at all.
    async fn answer_unread(
        &mut self,
        read: &BodyRead,
        head: &Head<'_>,
        date: &str,
    ) -> io::Result<Next> {
        match read {
            BodyRead::Silent => {
                let message = "Timeout while reading from inputStream";
                let late = Answer::error(408, 408, message);
                self.send_early(&late, head, date).await?;
                Ok(Next::Ends)
            }
            BodyRead::Broken => {
                let page = Answer::page(400, "Bad chunk", head.path);
                self.send_early(&page, head, date).await
            }
            BodyRead::Ended | BodyRead::Ready(_) => Ok(Next::Ends),
        }
    }

    /// A request was read: until when the capacity model holds it, or the refusal of a queue that is full.
    fn admitted(&self, head: &Head<'_>, length: usize) -> (Option<Instant>, Option<Instead>) {
        let Some(capacity) = &self.shared.capacity else {
            return (None, None);
        };
        let produce = is_produce(head);
        let records = if produce {
            body::records(&self.body(head, length)) as u64
        } else {
            0
        };
        let until = capacity.admit(Work { records, produce });
        let full = Instead::Refuse(capacity::full(self.shared.dialect));
        (until, until.is_none().then_some(full))
    }

    /// Holds a request: its own delay, then whatever stalls, then until there is a thread for it, then as the model says.
    async fn hold(&self, wait: Duration, until: Option<Instant>) {
        tokio::time::sleep(wait).await;
        loop {
            let rest = self.shared.script.stalled();
            if rest.is_zero() {
                break;
            }
            tokio::time::sleep(rest).await;
        }
        self.shared.threads.free().await;
        if let Some(until) = until {
            tokio::time::sleep_until(until.into()).await;
        }
    }

    /// Answers and leaves the body for later: a 200 without entries is followed by reading on, anything else by the end.
    async fn answer_early(&mut self, status: u16, head: &Head<'_>, date: &str) -> io::Result<Next> {
        let dialect = self.shared.dialect;
        if status != 200 {
            let refused = refusal(dialect, status).closing();
            self.send_early(&refused, head, date).await?;
            self.shared.truth.dropped();
            return Ok(Next::Ends);
        }
        let next = self
            .send_early(&entries::render(dialect, &[]), head, date)
            .await?;
        match self.read_body(head.length).await? {
            BodyRead::Ready(length) => {
                self.inbox.consume(length);
                Ok(next)
            }
            BodyRead::Ended | BodyRead::Silent | BodyRead::Broken => Ok(Next::Ends),
        }
    }

    /// The body that was just read, as the server's application sees it.
    fn body(&self, head: &Head<'_>, length: usize) -> Cow<'_, [u8]> {
        let body = match head.length {
            Length::Chunked => self.chunked.body.as_slice(),
            Length::Fixed(_) | Length::Conflict => &self.inbox.unused()[..length],
        };
        let inflated = match (self.shared.dialect, head.sends_gzip) {
            (Dialect::Karapace, true) => inflate(body),
            _ => None,
        };
        inflated.map_or(Cow::Borrowed(body), Cow::Owned)
    }

    /// The answer to a request whose body was just read, and how much of that is still in the inbox.
    async fn answer_to(
        &mut self,
        head: &Head<'_>,
        plan: &Plan,
        length: usize,
        account: Option<&Account<'_>>,
        route: &Route<'_>,
    ) -> (Answer, usize) {
        let whole = self.whole(head, length).map(Arc::new);
        let call = Call {
            shared: self.shared,
            head,
            plan,
            body: &match &whole {
                Some(whole) => Cow::Borrowed(&whole[whole.len() - length..]),
                None => self.body(head, length),
            },
            whole: whole.as_ref(),
            desk: self.desk,
            account,
        };
        let own = answer(&call, route).await;
        let Some(whole) = whole else {
            return (own, length);
        };
        // If the store kept it, it is the store's.
        if let Some(buffer) = Arc::into_inner(whole) {
            self.desk.keep(buffer);
        }
        (own, 0)
    }

    /// The buffer that ends with the body that was just read, out of the inbox, if it is one that the store may want.
    fn whole(&mut self, head: &Head<'_>, length: usize) -> Option<Vec<u8>> {
        let may = self.shared.backend.is_memory()
            && is_produce(head)
            && matches!(head.length, Length::Fixed(_))
            && !head.sends_gzip
            && Whole::may_hold(length);
        may.then(|| self.inbox.take(length)).flatten()
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
        if self.inbox.unused().is_empty() {
            self.stream
                .write_all(b"HTTP/1.1 100 Continue\r\n\r\n")
                .await?;
            self.stream.flush().await?;
        }
        Ok(None)
    }

    /// Never answers; reads on until the peer gives up.
    async fn keep_silent(&mut self) -> io::Result<Next> {
        let mut scrap = [0_u8; 4096];
        while self.stream.read(&mut scrap).await? > 0 {}
        Ok(Next::Ends)
    }

    /// Ends the connection so that the answer arrives: says so, then reads what is still under way for a moment,
    /// because closing a socket with unread bytes resets it and takes the answer along.
    async fn finish(&mut self) -> io::Result<End> {
        const LINGER: Duration = Duration::from_millis(500);
        self.stream.shutdown().await?;
        let mut scrap = [0_u8; 4096];
        let drain = async { while let Ok(1..) = self.stream.read(&mut scrap).await {} };
        let _ = tokio::time::timeout(LINGER, drain).await;
        Ok(End::Closed)
    }
}

fn inflate(body: &[u8]) -> Option<Vec<u8>> {
    let mut plain = Vec::new();
    let mut decoder = flate2::read::GzDecoder::new(body);
    std::io::Read::read_to_end(&mut decoder, &mut plain).ok()?;
    Some(plain)
}
