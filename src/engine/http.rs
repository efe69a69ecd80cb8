//! Reads HTTP/1.1 answers from bytes as they come: any number of reads, Content-Length, chunked, 1xx, end by close.
//!
//! Knows nothing of JSON: body bytes go to the [`Judge`](super::judge::Judge) as they are found.

use super::judge::Judge;

/// Longest head accepted, as a guard against a peer that never ends it.
const MAX_HEAD_BYTES: usize = 64 * 1024;
/// Longest chunk-size line or trailer line accepted.
const MAX_LINE_BYTES: usize = 16 * 1024;
const MAX_HEADERS: usize = 96;

/// The bytes are no HTTP/1.1 answer; the connection is of no further use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BadHttp;

/// Longest head kept to know it again.
const MAX_KNOWN_HEAD_BYTES: usize = 1024;
/// The end of a chunk and of the body behind it, without trailers: nearly always one piece.
const LAST_CHUNK: &[u8] = b"\r\n0\r\n\r\n";

/// The last head that was read and what it meant. A server sends the same bytes again and again, but for the second in
/// `Date`, and the same bytes mean the same.
#[derive(Debug, Default)]
pub(crate) struct KnownHead {
    bytes: Vec<u8>,
    meaning: Option<Meaning>,
}

/// What a head says of the answer and its connection.
#[derive(Debug, Clone, Copy)]
struct Meaning {
    status: u16,
    keep_alive: bool,
    /// Where reading goes on.
    place: Place,
}

impl KnownHead {
    /// Length and meaning of this head, if `bytes` start with it.
    fn recognise(&self, bytes: &[u8]) -> Option<(usize, Meaning)> {
        let meaning = self.meaning?;
        bytes
            .starts_with(&self.bytes)
            .then_some((self.bytes.len(), meaning))
    }

    fn remember(&mut self, bytes: &[u8], meaning: Meaning) {
        self.bytes.clear();
        self.meaning = (bytes.len() <= MAX_KNOWN_HEAD_BYTES).then(|| {
            self.bytes.extend_from_slice(bytes);
            meaning
        });
    }
}

/// Where in the answer the reader is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Head,
    Length {
        left: u64,
    },
    ChunkSize {
        size: u64,
        digits: u8,
        extension: bool,
        line: usize,
    },
    ChunkData {
        left: u64,
    },
    ChunkEnd {
        seen_cr: bool,
    },
    Trailer {
        line: usize,
        seen_cr: bool,
    },
    UntilClose,
    Done,
}

/// Reads one answer after another from a connection.
#[derive(Debug)]
pub(crate) struct ResponseReader {
    place: Place,
    /// Bytes of a head that came in pieces.
    partial_head: Vec<u8>,
    status: Option<u16>,
    keep_alive: bool,
    started: bool,
}

impl ResponseReader {
    pub(crate) fn new() -> Self {
        Self {
            place: Place::Head,
            partial_head: Vec::new(),
            status: None,
            keep_alive: true,
            started: false,
        }
    }

    /// Prepares for the next answer.
    pub(crate) fn begin(&mut self) {
        self.place = Place::Head;
        self.partial_head.clear();
        self.status = None;
        self.keep_alive = true;
        self.started = false;
    }

    /// Status of the final answer, once its head is there.
    pub(crate) fn status(&self) -> Option<u16> {
        self.status
    }

    /// Whether a byte of the answer (or of an interim one) was seen.
    pub(crate) fn started(&self) -> bool {
        self.started
    }

    /// Whether the whole answer was read.
    pub(crate) fn done(&self) -> bool {
        self.place == Place::Done
    }

    /// Whether the connection can carry another request.
    pub(crate) fn keep_alive(&self) -> bool {
        self.keep_alive
    }

    /// The peer closed: whether that is this answer's regular end.
    pub(crate) fn closed(&mut self) -> bool {
        self.keep_alive = false;
        if self.place == Place::UntilClose {
            self.place = Place::Done;
        }
        self.done()
    }

    /// Reads on; returns how many bytes belong to this answer (less than given only if the answer is complete).
    pub(crate) fn read(
        &mut self,
        bytes: &[u8],
        known: &mut KnownHead,
        judge: &mut Judge,
    ) -> Result<usize, BadHttp> {
        self.started |= !bytes.is_empty();
        let mut at = 0;
        while at < bytes.len() && self.place != Place::Done {
            at += self.step(&bytes[at..], known, judge)?;
        }
        Ok(at)
    }

    fn step(
        &mut self,
        bytes: &[u8],
        known: &mut KnownHead,
        judge: &mut Judge,
    ) -> Result<usize, BadHttp> {
        match &mut self.place {
            Place::Head => self.read_head(bytes, known, judge),
            Place::Length { left } => {
                let take = body_part(bytes, left, judge);
                if *left == 0 {
                    self.place = Place::Done;
                }
                Ok(take)
            }
            Place::ChunkData { left } => {
                let take = body_part(bytes, left, judge);
                if *left == 0 {
                    self.place = Place::ChunkEnd { seen_cr: false };
                }
                Ok(take)
            }
            Place::ChunkSize {
                size,
                digits,
                extension,
                line,
            } => {
                let byte = bytes[0];
                *line += 1;
                if *line > MAX_LINE_BYTES {
                    return Err(BadHttp);
                }
                if byte == b'\n' {
                    if *digits == 0 {
                        return Err(BadHttp);
                    }
                    self.place = match *size {
                        0 => Place::Trailer {
                            line: 0,
                            seen_cr: false,
                        },
                        left => Place::ChunkData { left },
                    };
                } else if let Some(digit) = (byte as char).to_digit(16)
                    && !*extension
                {
                    *digits += 1;
                    if *digits > 15 {
                        return Err(BadHttp);
                    }
                    *size = *size << 4 | u64::from(digit);
                } else if *digits > 0 && (*extension || matches!(byte, b';' | b'\r' | b' ' | b'\t'))
                {
                    *extension = true;
                } else {
                    return Err(BadHttp);
                }
                Ok(1)
            }
            Place::ChunkEnd { seen_cr: false } if bytes.starts_with(LAST_CHUNK) => {
                self.place = Place::Done;
                Ok(LAST_CHUNK.len())
            }
            Place::ChunkEnd { seen_cr } => {
                match bytes[0] {
                    b'\r' if !*seen_cr => *seen_cr = true,
                    b'\n' => {
                        self.place = Place::ChunkSize {
                            size: 0,
                            digits: 0,
                            extension: false,
                            line: 0,
                        };
                    }
                    _ => return Err(BadHttp),
                }
                Ok(1)
            }
            Place::Trailer { line, seen_cr } => {
                match bytes[0] {
                    b'\n' if *line == 0 => self.place = Place::Done,
                    b'\n' => (*line, *seen_cr) = (0, false),
                    b'\r' if !*seen_cr => *seen_cr = true,
                    _ => {
                        *line += 1;
                        if *seen_cr || *line > MAX_LINE_BYTES {
                            return Err(BadHttp);
                        }
                    }
                }
                Ok(1)
            }
            Place::UntilClose => {
                judge.body(bytes);
                Ok(bytes.len())
            }
            Place::Done => Ok(0),
        }
    }

    fn read_head(
        &mut self,
        bytes: &[u8],
        known: &mut KnownHead,
        judge: &mut Judge,
    ) -> Result<usize, BadHttp> {
        if self.partial_head.is_empty() {
            if let Some((length, meaning)) = known.recognise(bytes) {
                self.begin_body(meaning, judge);
                return Ok(length);
            }
            let Some(length) = self.parse_head(bytes, known, judge)? else {
                self.partial_head.extend_from_slice(bytes);
                return if bytes.len() > MAX_HEAD_BYTES {
                    Err(BadHttp)
                } else {
                    Ok(bytes.len())
                };
            };
            return Ok(length);
        }
        let mut head = std::mem::take(&mut self.partial_head);
        let before = head.len();
        head.extend_from_slice(bytes);
        let parsed = self.parse_head(&head, known, judge)?;
        let taken = match parsed {
            Some(length) => {
                head.clear();
                length - before
            }
            None if head.len() > MAX_HEAD_BYTES => return Err(BadHttp),
            None => bytes.len(),
        };
        self.partial_head = head;
        Ok(taken)
    }

    /// The head's length if it is complete; sets the framing of what follows.
    fn parse_head(
        &mut self,
        bytes: &[u8],
        known: &mut KnownHead,
        judge: &mut Judge,
    ) -> Result<Option<usize>, BadHttp> {
        let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut head = httparse::Response::new(&mut headers);
        let length = match head.parse(bytes) {
            Ok(httparse::Status::Complete(length)) => length,
            Ok(httparse::Status::Partial) => return Ok(None),
            Err(_) => return Err(BadHttp),
        };
        let status = head.code.ok_or(BadHttp)?;
        if (100..200).contains(&status) {
            // 101 would end HTTP on this connection, and nobody asked for it.
            return if status == 101 {
                Err(BadHttp)
            } else {
                Ok(Some(length))
            };
        }
        let framing = Framing::of(head.headers)?;
        let meaning = framing.meaning(status, head.version == Some(1));
        known.remember(&bytes[..length], meaning);
        self.begin_body(meaning, judge);
        Ok(Some(length))
    }

    fn begin_body(&mut self, head: Meaning, judge: &mut Judge) {
        self.status = Some(head.status);
        self.keep_alive = head.keep_alive;
        self.place = head.place;
        judge.status(head.status);
    }
}

fn body_part(bytes: &[u8], left: &mut u64, judge: &mut Judge) -> usize {
    let take = usize::try_from(*left)
        .unwrap_or(usize::MAX)
        .min(bytes.len());
    judge.body(&bytes[..take]);
    *left -= take as u64;
    take
}

/// The three headers that decide where an answer ends and what follows it.
struct Framing {
    chunked: bool,
    length: Option<u64>,
    connection: Option<bool>,
}

impl Framing {
    /// What follows a head of this `status`; connections stay by default if the answer is HTTP/1.1.
    fn meaning(&self, status: u16, stays: bool) -> Meaning {
        let mut keep_alive = self.connection.unwrap_or(stays);
        let place = match (self.chunked, self.length) {
            _ if status == 204 || status == 304 => Place::Done,
            (true, length) => {
                // Both is how requests are smuggled (RFC 9112 6.3): read it, do not reuse the connection.
                keep_alive &= length.is_none();
                Place::ChunkSize {
                    size: 0,
                    digits: 0,
                    extension: false,
                    line: 0,
                }
            }
            (false, Some(0)) => Place::Done,
            (false, Some(left)) => Place::Length { left },
            (false, None) => {
                keep_alive = false;
                Place::UntilClose
            }
        };
        Meaning {
            status,
            keep_alive,
            place,
        }
    }

    fn of(headers: &[httparse::Header<'_>]) -> Result<Self, BadHttp> {
        let mut framing = Self {
            chunked: false,
            length: None,
            connection: None,
        };
        for header in headers {
            // Lengths first: most headers of an answer are none of these.
            match header.name.len() {
                14 if header.name.eq_ignore_ascii_case("content-length") => {
                    let length = content_length(header.value)?;
                    if framing.length.is_some_and(|other| other != length) {
                        return Err(BadHttp);
                    }
                    framing.length = Some(length);
                }
                17 if header.name.eq_ignore_ascii_case("transfer-encoding") => {
                    if !header.value.trim_ascii().eq_ignore_ascii_case(b"chunked") {
                        return Err(BadHttp);
                    }
                    framing.chunked = true;
                }
                10 if header.name.eq_ignore_ascii_case("connection") => {
                    for token in header
                        .value
                        .split(|&byte| byte == b',')
                        .map(<[u8]>::trim_ascii)
                    {
                        if token.eq_ignore_ascii_case(b"close") {
                            framing.connection = Some(false);
                        } else if token.eq_ignore_ascii_case(b"keep-alive") {
                            framing.connection = framing.connection.or(Some(true));
                        }
                    }
                }
                _ => {}
            }
        }
        Ok(framing)
    }
}

fn content_length(value: &[u8]) -> Result<u64, BadHttp> {
    let digits = value.trim_ascii();
    if digits.is_empty() || digits.len() > 18 || !digits.iter().all(u8::is_ascii_digit) {
        return Err(BadHttp);
    }
    Ok(digits
        .iter()
        .fold(0, |number, digit| number * 10 + u64::from(digit - b'0')))
}
