//! Kafka's protocol, as far as librdkafka has no call for what is asked: one request and its answer, over a connection of its own.
//!
//! Of each request the newest version before the "flexible" encoding is spoken; Kafka 2.3 to 4.x know them all.

use std::io;
use std::time::Duration;

use rdkafka::error::RDKafkaErrorCode;
use rdkafka::types::RDKafkaRespErr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout_at};

use super::{Front, texts};
use crate::standin::backend::ApiError;

/// An answer that is longer is no Kafka.
const MAX_ANSWER_BYTES: u32 = 256 * 1024 * 1024;
/// Pause between two tries of a request: `retry.backoff.ms`.
const RETRY_BACKOFF: Duration = Duration::from_millis(100);
/// Longest single try: `request.timeout.ms`.
const ATTEMPT: Duration = Duration::from_secs(30);

/// Host, without brackets, and port.
pub(super) type Address = (String, u16);

/// `HOST:PORT`, several separated by commas.
pub(super) fn addresses(bootstrap: &str) -> Vec<Address> {
    let addresses = bootstrap.split(',').filter_map(|address| {
        let (host, port) = address.rsplit_once(':')?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        Some((host.to_owned(), port.parse().ok()?))
    });
    addresses.collect()
}

/// Why a request has no good answer.
#[derive(Debug)]
pub(super) enum Failure {
    /// The broker said no, in these words if it had any.
    Refused(RDKafkaErrorCode, Option<String>),
    /// No connection, or an answer that is none.
    Lost,
}

impl Failure {
    fn may_pass(&self) -> bool {
        match self {
            Self::Lost => true,
            Self::Refused(code, _) => texts::may_pass(*code),
        }
    }
}

impl From<io::Error> for Failure {
    fn from(_: io::Error) -> Self {
        Self::Lost
    }
}

/// Of an `error_code` in an answer; 0 is none.
pub(super) fn checked(code: i16, message: Option<String>) -> Result<(), Failure> {
    if code == 0 {
        return Ok(());
    }
    let known = RDKafkaRespErr::try_from(i32::from(code));
    let code = known.map_or(RDKafkaErrorCode::Unknown, RDKafkaErrorCode::from);
    Err(Failure::Refused(code, message))
}

/// A connection to one broker.
pub(super) struct Connection {
    stream: TcpStream,
    asked: i32,
}

impl Connection {
    /// To the first of these that takes one.
    pub(super) async fn open(addresses: &[Address]) -> Result<Self, Failure> {
        for (host, port) in addresses {
            if let Ok(stream) = TcpStream::connect((host.as_str(), *port)).await {
                stream.set_nodelay(true)?;
                return Ok(Self { stream, asked: 0 });
            }
        }
        Err(Failure::Lost)
    }

    /// The answer to `request`, and what `read` makes of it.
    pub(super) async fn ask<T>(
        &mut self,
        request: &Request,
        read: impl FnOnce(&mut Reader<'_>) -> Option<T>,
    ) -> Result<T, Failure> {
        self.asked += 1;
        self.stream.write_all(&request.framed(self.asked)).await?;
        let length = self.stream.read_u32().await?;
        if length > MAX_ANSWER_BYTES {
            return Err(Failure::Lost);
        }
        let mut answer = vec![0; length as usize];
        self.stream.read_exact(&mut answer).await?;
        let mut answer = Reader(&answer);
        if answer.i32() != Some(self.asked) {
            return Err(Failure::Lost);
        }
        read(&mut answer).ok_or(Failure::Lost)
    }
}

impl Front {
    /// Does something with the cluster, again and again while what stands in its way may pass, for as long as a call may take.
    ///
    /// `about` is what it is about (a topic or a group), `call` Kafka's name for it.
    pub(super) async fn insist<T>(
        &self,
        about: &str,
        call: &str,
        mut attempt: impl AsyncFnMut() -> Result<T, Failure>,
    ) -> Result<T, ApiError> {
        let deadline = Instant::now() + self.settings.api_timeout;
        loop {
            let until = deadline.min(Instant::now() + ATTEMPT);
            let tried = timeout_at(until, attempt()).await;
            let failure = match tried.unwrap_or(Err(Failure::Lost)) {
                Ok(done) => return Ok(done),
                Err(failure) => failure,
            };
            if !failure.may_pass() || Instant::now() + RETRY_BACKOFF >= deadline {
                return Err(refusal(about, call, failure));
            }
            sleep(RETRY_BACKOFF).await;
        }
    }
}

fn refusal(about: &str, call: &str, failure: Failure) -> ApiError {
    match failure {
        Failure::Lost => texts::api_error(about, call, RDKafkaErrorCode::OperationTimedOut),
        Failure::Refused(code, said) => {
            let error = texts::api_error(about, call, code);
            ApiError {
                message: said.unwrap_or(error.message),
                ..error
            }
        }
    }
}

/// A request as it is written.
pub(super) struct Request {
    api: i16,
    version: i16,
    body: Vec<u8>,
}

impl Request {
    /// `api` and `version` as in Kafka's protocol guide.
    pub(super) fn new(api: i16, version: i16) -> Self {
        Self {
            api,
            version,
            body: Vec::new(),
        }
    }

    pub(super) fn i8(mut self, value: i8) -> Self {
        self.body.extend(value.to_be_bytes());
        self
    }

    pub(super) fn i32(mut self, value: i32) -> Self {
        self.body.extend(value.to_be_bytes());
        self
    }

    pub(super) fn i64(mut self, value: i64) -> Self {
        self.body.extend(value.to_be_bytes());
        self
    }

    pub(super) fn string(self, text: &str) -> Self {
        self.nullable(Some(text))
    }

    /// Of what is longer than can be said, the beginning.
    pub(super) fn nullable(mut self, text: Option<&str>) -> Self {
        let said = text.map(|text| &text[..text.floor_char_boundary(i16::MAX as usize)]);
        let length = said.map_or(-1, |said| i16::try_from(said.len()).unwrap_or(i16::MAX));
        self.body.extend(length.to_be_bytes());
        self.body.extend(said.unwrap_or_default().as_bytes());
        self
    }

    pub(super) fn array<T>(
        self,
        items: impl ExactSizeIterator<Item = T>,
        each: impl FnMut(Self, T) -> Self,
    ) -> Self {
        let length = i32::try_from(items.len()).expect("2 billion items do not fit in memory");
        items.fold(self.i32(length), each)
    }

    /// Length, header of version 1 (api, version, correlation, client), body.
    fn framed(&self, correlation: i32) -> Vec<u8> {
        let client = "krush-front";
        let header = Self::new(0, 0)
            .i32(i32::from(self.api) << 16 | i32::from(self.version))
            .i32(correlation)
            .string(client);
        let length = (header.body.len() + self.body.len()) as u32;
        [&length.to_be_bytes()[..], &header.body, &self.body].concat()
    }
}

/// Reads Kafka's wire format; `None` at the end of the bytes.
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    pub(super) fn skip(&mut self, length: usize) -> Option<()> {
        self.take(length).map(drop)
    }

    fn fixed<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.first_chunk().copied()
    }

    pub(super) fn bool(&mut self) -> Option<bool> {
        self.fixed::<1>().map(|[byte]| byte != 0)
    }

    pub(super) fn i16(&mut self) -> Option<i16> {
        self.fixed().map(i16::from_be_bytes)
    }

    pub(super) fn i32(&mut self) -> Option<i32> {
        self.fixed().map(i32::from_be_bytes)
    }

    pub(super) fn i64(&mut self) -> Option<i64> {
        self.fixed().map(i64::from_be_bytes)
    }

    #[expect(
        clippy::option_option,
        reason = "the outer one is the end of the bytes, the inner one Kafka's null"
    )]
    pub(super) fn nullable(&mut self) -> Option<Option<String>> {
        let Ok(length) = usize::try_from(self.i16()?) else {
            return Some(None);
        };
        let text = str::from_utf8(self.take(length)?).ok()?;
        Some(Some(text.to_owned()))
    }

    /// Null is empty.
    pub(super) fn string(&mut self) -> Option<String> {
        self.nullable().map(Option::unwrap_or_default)
    }

    /// Null is empty.
    pub(super) fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.i32()?).unwrap_or(0);
        self.take(length)
    }

    /// Null is empty.
    pub(super) fn array<T>(
        &mut self,
        mut each: impl FnMut(&mut Self) -> Option<T>,
    ) -> Option<Vec<T>> {
        let length = self.i32()?.max(0);
        (0..length).map(|_| each(self)).collect()
    }

    /// Of the flexible encoding.
    pub(super) fn uvarint(&mut self) -> Option<usize> {
        let mut value = 0;
        for shift in (0..32).step_by(7) {
            let [byte] = self.fixed()?;
            value |= usize::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    /// Of the flexible encoding.
    pub(super) fn tags(&mut self) -> Option<()> {
        for _ in 0..self.uvarint()? {
            self.uvarint()?;
            let size = self.uvarint()?;
            self.skip(size)?;
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let request = Request::new(9, 5)
            .i8(1)
            .i32(-2)
            .i64(i64::MAX)
            .string("töpic")
            .nullable(None)
            .array([7, 8].into_iter(), Request::i32);
        let framed = request.framed(42);
        let mut reader = Reader(&framed);
        let length = i32::try_from(framed.len()).unwrap();
        assert_eq!(reader.i32(), Some(length - 4));
        assert_eq!((reader.i16(), reader.i16()), (Some(9), Some(5)));
        assert_eq!(reader.i32(), Some(42));
        assert_eq!(reader.string().as_deref(), Some("krush-front"));
        assert_eq!(reader.bool(), Some(true));
        assert_eq!(reader.i32(), Some(-2));
        assert_eq!(reader.i64(), Some(i64::MAX));
        assert_eq!(reader.string().as_deref(), Some("töpic"));
        assert_eq!(reader.nullable(), Some(None));
        assert_eq!(reader.array(Reader::i32), Some(vec![7, 8]));
        assert_eq!(reader.i16(), None);
    }

    #[test]
    fn an_answer_that_lies_about_its_length_is_none() {
        assert_eq!(Reader(&[0x7f, 0xff, 0xff, 0xff]).array(Reader::i16), None);
        assert_eq!(Reader(&[0, 9, b'x']).nullable(), None);
        assert_eq!(Reader(&[0xff, 0xff, 0xff, 0xff]).bytes(), Some(&[][..]));
    }

    #[test]
    fn a_bootstrap_list_is_taken_apart() {
        assert_eq!(
            addresses("localhost:9092,[::1]:1"),
            [("localhost".to_owned(), 9092), ("::1".to_owned(), 1)]
        );
    }

    #[test]
    fn codes_have_librdkafkas_names() {
        assert!(checked(0, None).is_ok());
        for (code, named) in [
            (3, RDKafkaErrorCode::UnknownTopicOrPartition),
            (40, RDKafkaErrorCode::InvalidConfig),
            (-1, RDKafkaErrorCode::Unknown),
            (9999, RDKafkaErrorCode::Unknown),
        ] {
            let refused = checked(code, None);
            assert!(matches!(refused, Err(Failure::Refused(code, _)) if code == named));
        }
    }
}
