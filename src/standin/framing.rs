//! The bytes an answer becomes: each server's headers, their order, the framing and the cuts between writes.

use std::hash::{BuildHasher as _, BuildHasherDefault, DefaultHasher};
use std::io::Write as _;

use super::answer::{Answer, Voice, push_number, reason};
use super::head::Head;
use crate::fault::Framing;
use crate::wire::Dialect;

/// The real proxy's output buffer: a longer body leaves in several chunks.
const CHUNK_BYTES: usize = 32 << 10;
/// What ends a chunk and the body with it.
pub(crate) const LAST_CHUNK: &[u8] = b"\r\n0\r\n\r\n";
/// gzip's own head, which leaves in a chunk of its own.
const GZIP_HEAD: usize = 10;

/// Bytes to send and where one write ends and the next begins.
#[derive(Debug, Default)]
pub(crate) struct Wire {
    pub(crate) bytes: Vec<u8>,
    /// End of each write, ascending; the last is the length.
    pub(crate) cuts: Vec<usize>,
}

impl Wire {
    fn cut(&mut self) {
        if self.cuts.last() != Some(&self.bytes.len()) {
            self.cuts.push(self.bytes.len());
        }
    }

    fn line(&mut self, name: &str, value: &str) {
        for part in [name, ": ", value, "\r\n"] {
            self.bytes.extend_from_slice(part.as_bytes());
        }
    }

    fn start(&mut self, dialect: Dialect, minor: u8, status: u16) {
        self.bytes.extend_from_slice(b"HTTP/1.");
        self.number(u64::from(minor));
        self.bytes.push(b' ');
        self.number(u64::from(status));
        self.bytes.push(b' ');
        self.bytes
            .extend_from_slice(reason(dialect, status).as_bytes());
        self.bytes.extend_from_slice(b"\r\n");
    }

    fn number(&mut self, number: u64) {
        push_number(&mut self.bytes, number);
    }

    fn length(&mut self, name: &str, length: usize) {
        self.bytes.extend_from_slice(name.as_bytes());
        self.bytes.extend_from_slice(b": ");
        self.number(length as u64);
        self.bytes.extend_from_slice(b"\r\n");
    }

    /// The line before a chunk.
    fn chunk_size(&mut self, size: usize) {
        let digits = size.checked_ilog2().map_or(1, |bits| bits / 4 + 1);
        for place in (0..digits).rev() {
            let digit = size >> (4 * place) & 0xF;
            self.bytes.push(b"0123456789ABCDEF"[digit]);
        }
        self.bytes.extend_from_slice(b"\r\n");
    }

    fn end_head(&mut self) {
        self.bytes.extend_from_slice(b"\r\n");
    }

    /// A place in the middle of the body, or of the head if there is no body.
    pub(crate) fn middle(&self) -> usize {
        let head = memchr::memmem::find(&self.bytes, b"\r\n\r\n").map_or(0, |at| at + 4);
        match self.bytes.len().saturating_sub(head) {
            0 => head / 2,
            body => head + body / 2,
        }
    }

    /// Where it ends but for this, if it ends so.
    pub(crate) fn before(&self, end: &[u8]) -> Option<usize> {
        self.bytes.strip_suffix(end).map(<[u8]>::len)
    }

    /// Leaves out everything behind this place.
    pub(crate) fn truncate(&mut self, length: usize) {
        self.bytes.truncate(length);
        self.cuts.retain(|cut| *cut < length);
        self.cut();
    }

    /// All of it in one write.
    pub(crate) fn join(&mut self) {
        self.cuts.clear();
        self.cut();
    }

    /// The writes, in order.
    pub(crate) fn writes(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.cuts.iter().copied());
        starts
            .zip(&self.cuts)
            .map(|(start, end)| &self.bytes[start..*end])
    }
}

/// Frames an answer to `head` (or to something that was no request) as this dialect's server does.
/// Returns whether the connection ends.
pub(crate) fn frame(
    dialect: Dialect,
    answer: &Answer,
    head: Option<&Head<'_>>,
    date: &str,
    wire: &mut Wire,
) -> bool {
    wire.bytes.clear();
    wire.cuts.clear();
    let ends = match dialect {
        Dialect::Confluent => confluent(answer, head, date, wire),
        Dialect::Strimzi => strimzi(answer, head, wire),
        Dialect::Karapace => karapace(answer, head, date, wire),
        Dialect::Redpanda => redpanda(answer, head, date, wire),
    };
    wire.cut();
    ends
}

/// Frames an answer as a fault wants it, whatever the dialect does. Returns whether the connection ends.
pub(crate) fn frame_as(
    framing: Framing,
    dialect: Dialect,
    answer: &Answer,
    head: &Head<'_>,
    date: &str,
    wire: &mut Wire,
) -> bool {
    if answer.status == 204 || head.method == "HEAD" {
        return frame(dialect, answer, Some(head), date, wire);
    }
    wire.bytes.clear();
    wire.cuts.clear();
    wire.start(dialect, 1, answer.status);
    wire.line("Date", date);
    for (name, value) in &answer.headers {
        wire.line(name, value);
    }
    if let Some(content_type) = answer.content_type {
        wire.line("Content-Type", content_type);
    }
    let (before, behind) = answer.around();
    let body = [before, &answer.body, behind].concat();
    // As Jetty ends it with an answer to HTTP/1.0, whatever that asked for.
    let ends = answer.close || head.close || head.minor == 0 || framing == Framing::Close;
    match framing {
        Framing::Chunked => wire.line("Transfer-Encoding", "chunked"),
        Framing::Length => wire.length("Content-Length", body.len()),
        Framing::Close => {}
    }
    if ends {
        wire.line("Connection", "close");
    }
    wire.end_head();
    if framing == Framing::Chunked && body.is_empty() {
        wire.bytes.extend_from_slice(&LAST_CHUNK[2..]);
    } else if framing == Framing::Chunked {
        wire.chunk_size(body.len());
        wire.bytes.extend_from_slice(&body);
        wire.bytes.extend_from_slice(LAST_CHUNK);
    } else {
        wire.bytes.extend_from_slice(&body);
    }
    wire.cut();
    ends
}

fn confluent(answer: &Answer, head: Option<&Head<'_>>, date: &str, wire: &mut Wire) -> bool {
    let method = head.map_or("GET", |head| head.method);
    let old = head.is_some_and(|head| head.minor == 0);
    let close = answer.close || head.is_some_and(|head| head.close);
    let own = answer.voice == Voice::Application;
    wire.start(Dialect::Confluent, 1, answer.status);
    wire.line("Date", date);
    let page = !own || answer.overtaken;
    if !page && matches!(method, "GET" | "POST") {
        wire.line("Vary", "Accept-Encoding");
    }
    for (name, value) in &answer.headers {
        wire.line(name, value);
    }
    if page {
        wire.line("Cache-Control", "must-revalidate,no-cache,no-store");
    }
    if let Some(content_type) = answer.content_type {
        wire.line("Content-Type", content_type);
    }
    if answer.status == 204 {
        wire.end_head();
        return old || close;
    }
    let gzip = own && matches!(method, "GET" | "POST") && head.is_some_and(|h| h.accepts_gzip);
    if gzip && !answer.body.is_empty() {
        wire.line("Content-Encoding", "gzip");
    }
    if !own || matches!(method, "HEAD" | "OPTIONS") {
        let length = if method == "HEAD" {
            0
        } else {
            answer.body.len()
        };
        wire.length("Content-Length", length);
        if close {
            wire.line("Connection", "close");
        }
        wire.end_head();
        wire.cut();
        if method != "HEAD" {
            wire.bytes.extend_from_slice(&answer.body);
        }
        return old || close;
    }
    let packed = (gzip && !answer.body.is_empty()).then(|| gzipped(&answer.body));
    let body = packed.as_deref().unwrap_or(&answer.body);
    if old || close {
        if close && !old {
            wire.line("Connection", "close");
        }
        wire.end_head();
        wire.cut();
        wire.bytes.extend_from_slice(body);
        return true;
    }
    wire.line("Transfer-Encoding", "chunked");
    wire.end_head();
    // gzip's own head leaves first; a plain body in pieces of the output buffer.
    let first = if packed.is_some() {
        GZIP_HEAD
    } else {
        CHUNK_BYTES
    }
    .min(body.len());
    let (first, rest) = body.split_at(first);
    let mut open = false;
    let (before, behind) = answer.around();
    let chunks = [before, first]
        .into_iter()
        .chain(rest.chunks(CHUNK_BYTES))
        .chain(std::iter::once(behind));
    for chunk in chunks.filter(|chunk| !chunk.is_empty()) {
        if open {
            wire.bytes.extend_from_slice(b"\r\n");
        }
        wire.chunk_size(chunk.len());
        wire.cut();
        wire.bytes.extend_from_slice(chunk);
        wire.cut();
        open = true;
    }
    if !open {
        wire.cut();
    }
    let last = if open { LAST_CHUNK } else { &LAST_CHUNK[2..] };
    wire.bytes.extend_from_slice(last);
    false
}

fn gzipped(body: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder
        .write_all(body)
        .and_then(|()| encoder.finish())
        .expect("compressing into memory cannot fail")
}

/// Whether the connection ends, and the `Connection` header that says so: the rule of Vert.x and aiohttp.
fn persistence(answer: &Answer, head: Option<&Head<'_>>) -> (bool, Option<&'static str>) {
    let Some(head) = head else {
        return (true, None);
    };
    match head.minor {
        0 if head.keep_alive && !answer.close => (false, Some("keep-alive")),
        0 => (true, None),
        _ if head.close || answer.close => (true, head.close.then_some("close")),
        _ => (false, None),
    }
}

fn strimzi(answer: &Answer, head: Option<&Head<'_>>, wire: &mut Wire) -> bool {
    let (ends, connection) = persistence(answer, head);
    let is_head = head.is_some_and(|head| head.method == "HEAD");
    wire.start(
        Dialect::Strimzi,
        head.map_or(1, |head| head.minor),
        answer.status,
    );
    for (name, value) in &answer.headers {
        if !is_head {
            wire.line(&name.to_ascii_lowercase(), value);
        }
    }
    if let Some(content_type) = answer.content_type {
        wire.line("content-type", content_type);
    }
    if answer.status != 204 && !is_head {
        wire.length("content-length", answer.body.len());
    }
    if let Some(connection) = connection {
        wire.line("connection", connection);
    }
    wire.end_head();
    if !is_head {
        wire.bytes.extend_from_slice(&answer.body);
    }
    ends
}

fn karapace(answer: &Answer, head: Option<&Head<'_>>, date: &str, wire: &mut Wire) -> bool {
    let (ends, connection) = persistence(answer, head);
    let own = answer.voice == Voice::Application;
    let named = |name: &str| answer.headers.iter().any(|(known, _)| *known == name);
    wire.start(
        Dialect::Karapace,
        head.map_or(0, |head| head.minor),
        answer.status,
    );
    if let Some(content_type) = answer.content_type {
        wire.line("Content-Type", content_type);
    }
    if own {
        wire.line("Access-Control-Allow-Origin", "*");
        wire.line(
            "Access-Control-Allow-Methods",
            "DELETE, GET, OPTIONS, POST, PUT",
        );
        wire.line(
            "Access-Control-Allow-Headers",
            "Authorization, Content-Type",
        );
        if !named("Server") {
            wire.line("Server", "Karapace/6.2.0");
        }
    }
    for (name, value) in &answer.headers {
        wire.line(name, value);
    }
    if own && answer.status < 300 {
        wire.line("access-control-expose-headers", "etag");
        wire.line("etag", &etag(&answer.body));
    }
    if answer.status != 204 {
        wire.length("Content-Length", answer.body.len());
    }
    wire.line("Date", date);
    if !own && !named("Server") {
        wire.line("Server", "Python/3.12 aiohttp/3.13.4");
    }
    if let Some(connection) = connection {
        wire.line("Connection", connection);
    }
    wire.end_head();
    if head.is_none_or(|head| head.method != "HEAD") {
        wire.bytes.extend_from_slice(&answer.body);
    }
    ends
}

/// 32 hexadecimal digits that follow the body; Karapace's are an MD5.
fn etag(body: &[u8]) -> String {
    let hash = BuildHasherDefault::<DefaultHasher>::default().hash_one(body);
    format!(
        "\"{hash:016x}{:016x}\"",
        hash.rotate_left(32) ^ body.len() as u64
    )
}

fn redpanda(answer: &Answer, head: Option<&Head<'_>>, date: &str, wire: &mut Wire) -> bool {
    let (ends, connection) = persistence(answer, head);
    wire.start(
        Dialect::Redpanda,
        head.map_or(1, |head| head.minor),
        answer.status,
    );
    for (name, value) in &answer.headers {
        wire.line(name, value);
    }
    if let Some(content_type) = answer.content_type {
        wire.line("Content-Type", content_type);
    }
    if answer.status != 204 {
        wire.length("Content-Length", answer.body.len());
    }
    wire.line("Date", date);
    if let Some(connection) = connection {
        wire.line("Connection", connection);
    }
    wire.end_head();
    if head.is_none_or(|head| head.method != "HEAD") {
        wire.bytes.extend_from_slice(&answer.body);
    }
    ends
}
