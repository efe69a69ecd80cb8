//! `GET …/records`: when each server's fetch ends, and what it brings.

use std::collections::VecDeque;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use super::format::Format;
use super::types::{asked, number};
use super::writing::Records;
use super::{Instance, words};
use crate::standin::answer::Answer;
use crate::standin::members::Fetched;
use crate::standin::serve::Call;
use crate::standin::strimzi;
use crate::wire::Dialect;

/// Confluent: records of a poll (`max.poll.records` as the proxy sets it), and the pause after one that brought nothing.
const CONFLUENT_POLL: usize = 30;
const CONFLUENT_PAUSE: Duration = Duration::from_millis(50);
/// Of the others: Kafka's own default, and how often is looked for records where the real server is told of them.
const POLL: usize = 500;
const PAUSE: Duration = Duration::from_millis(2);
/// `consumer.request.max.bytes` of Confluent and Karapace.
const MAX_BYTES: u64 = 64 << 20;
/// Polls in a row after which others have their turn.
const POLLS_IN_A_ROW: usize = 32;

/// What an instance's fetches leave to the next ones.
#[derive(Debug, Default)]
pub(super) struct Reading {
    /// Polled, and not handed out yet: Confluent's proxy has moved the position behind them already.
    polled: VecDeque<Fetched>,
    /// Strimzi: as the last fetch that said so.
    timeout: Option<Duration>,
    max_bytes: Option<u64>,
}

/// One fetch.
struct Fetch<'a> {
    call: &'a Call<'a>,
    instance: &'a Instance,
    began: Instant,
    timeout: Duration,
    max_bytes: u64,
}

/// Fetches records.
pub(super) async fn fetch(call: &Call<'_>, instance: &Instance) -> Result<Answer, Answer> {
    let dialect = call.shared.dialect;
    check_format(call, instance)?;
    let mut reading = instance.reading.lock().await;
    let (timeout, max_bytes) = limits(call)?;
    if dialect == Dialect::Strimzi {
        reading.timeout = timeout.or(reading.timeout);
        reading.max_bytes = max_bytes.or(reading.max_bytes);
    }
    if dialect != Dialect::Karapace {
        check_wish(call, instance)?;
    }
    let own = instance.request_timeout;
    let fetch = Fetch {
        call,
        instance,
        began: Instant::now(),
        timeout: match dialect {
            // It can only be made shorter.
            Dialect::Confluent => timeout.map_or(own, |asked| asked.min(own)),
            Dialect::Strimzi => reading.timeout.unwrap_or(own),
            Dialect::Karapace | Dialect::Redpanda => timeout.unwrap_or(own),
        },
        max_bytes: match dialect {
            Dialect::Strimzi => reading.max_bytes.unwrap_or(u64::MAX),
            _ => max_bytes.unwrap_or(MAX_BYTES).min(MAX_BYTES),
        },
    };
    let format = instance.format;
    let mut records = Records::new(dialect, format);
    match dialect {
        Dialect::Confluent => fetch.confluent(&mut reading, &mut records).await?,
        Dialect::Karapace => fetch.karapace(max_bytes.is_some(), &mut records).await?,
        Dialect::Strimzi | Dialect::Redpanda => fetch.first(&mut records).await?,
    }
    instance.renew();
    let body = records.finish();
    if dialect == Dialect::Strimzi && body.len() as u64 > fetch.max_bytes {
        let message = "Response exceeds the maximum number of bytes the consumer can receive";
        return Err(Answer::error(422, 422, message));
    }
    Ok(Answer::ok(body).typed(Some(format.media_type())))
}

fn check_format(call: &Call<'_>, instance: &Instance) -> Result<(), Answer> {
    let dialect = call.shared.dialect;
    let own = instance.format;
    let accept = call.head.accept.map(str::trim);
    let named = accept.and_then(Format::of_type);
    let fits = match dialect {
        Dialect::Confluent => asked(call.head) == own,
        Dialect::Strimzi | Dialect::Karapace => named == Some(own),
        Dialect::Redpanda => call.head.accepts(own.media_type()),
    };
    if fits {
        return Ok(());
    }
    Err(words::other_format(
        dialect,
        own.name(),
        named.map(Format::name),
    ))
}

/// `timeout` and `max_bytes` of the query; what is not above zero says nothing.
fn limits(call: &Call<'_>) -> Result<(Option<Duration>, Option<u64>), Answer> {
    let query = call.head.query.unwrap_or_default();
    let bad = |text: &str| match call.shared.dialect {
        Dialect::Strimzi => {
            strimzi::schema_error(&["Instance type string is invalid. Expected integer".to_owned()])
        }
        Dialect::Karapace => {
            Answer::error(500, 500, &format!("Invalid request parameters: {text}"))
        }
        Dialect::Confluent | Dialect::Redpanda => Answer::plain(404),
    };
    let positive = |name| {
        let given = number(query, name).map_err(bad)?;
        Ok(given
            .and_then(|given| u64::try_from(given).ok())
            .filter(|given| *given > 0))
    };
    let timeout = positive("timeout")?.map(Duration::from_millis);
    Ok((timeout, positive("max_bytes")?))
}

/// A consumer that was told nothing to read.
fn check_wish(call: &Call<'_>, instance: &Instance) -> Result<(), Answer> {
    if instance.wants.load(Relaxed) {
        return Ok(());
    }
    Err(match call.shared.dialect {
        Dialect::Strimzi => {
            let message = "Consumer is not subscribed to any topics or assigned any partitions";
            Answer::error(500, 500, message)
        }
        _ => Answer::error(500, 500, "Internal Server Error"),
    })
}

impl Fetch<'_> {
    async fn poll(&self, most: usize) -> Result<Vec<Fetched>, Answer> {
        let polled = self.instance.member.poll(most).await;
        polled.map_err(|error| words::refused(self.call, &error))
    }

    /// Time left; `None`: none.
    fn rest(&self) -> Option<Duration> {
        let rest = self.timeout.checked_sub(self.began.elapsed())?;
        (!rest.is_zero()).then_some(rest)
    }

    /// The whole time, unless there are more bytes than asked for, or a record would make them too many.
    async fn confluent(&self, reading: &mut Reading, records: &mut Records) -> Result<(), Answer> {
        let least = self.instance.min_bytes.unwrap_or(u64::MAX);
        loop {
            let mut polls = 0;
            let mut full = false;
            while !full && records.payload_bytes() <= least {
                if reading.polled.is_empty() {
                    polls += 1;
                    if polls % POLLS_IN_A_ROW == 0 {
                        tokio::task::yield_now().await;
                    }
                    reading.polled = self.poll(CONFLUENT_POLL).await?.into();
                    if reading.polled.is_empty() {
                        break;
                    }
                }
                full = self.hand_out(reading, records)?;
                if polls > 1 && self.rest().is_none() {
                    break;
                }
            }
            self.instance.renew();
            let Some(rest) = self.rest() else {
                return Ok(());
            };
            if full || records.payload_bytes() > least {
                return Ok(());
            }
            tokio::time::sleep(rest.min(CONFLUENT_PAUSE)).await;
        }
    }

    /// Hands out what was polled, but for a record that would make it too many bytes: whether there is one.
    fn hand_out(&self, reading: &mut Reading, records: &mut Records) -> Result<bool, Answer> {
        while let Some(record) = reading.polled.front() {
            let bytes = super::writing::payload_bytes(record);
            if records.payload_bytes() + bytes >= self.max_bytes {
                return Ok(true);
            }
            // One that cannot be read stays where it is.
            records.push(record)?;
            reading.polled.pop_front();
        }
        Ok(false)
    }

    /// The whole time, unless there are bytes enough.
    async fn karapace(&self, one_by_one: bool, records: &mut Records) -> Result<(), Answer> {
        let most = if one_by_one { 1 } else { POLL };
        let mut polls = 0;
        let mut bad = None;
        while records.payload_bytes() < self.max_bytes {
            let polled = self.poll(most).await?;
            for record in &polled {
                // It looks at them when it has all.
                if let Err(answer) = records.push(record) {
                    bad.get_or_insert(answer);
                }
            }
            let rest = self.rest();
            self.instance.renew();
            if !polled.is_empty() && rest.is_some() {
                polls += 1;
                if polls % POLLS_IN_A_ROW == 0 {
                    tokio::task::yield_now().await;
                }
                continue;
            }
            let Some(rest) = rest else { break };
            tokio::time::sleep(rest.min(PAUSE)).await;
        }
        bad.map_or(Ok(()), Err)
    }

    /// Until the first poll that brings something.
    async fn first(&self, records: &mut Records) -> Result<(), Answer> {
        loop {
            let polled = self.poll(POLL).await?;
            for record in &polled {
                records.push(record)?;
            }
            self.instance.renew();
            let Some(rest) = self.rest().filter(|_| polled.is_empty()) else {
                return Ok(());
            };
            tokio::time::sleep(rest.min(PAUSE)).await;
        }
    }
}
