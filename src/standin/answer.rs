//! An answer, and the bytes it becomes: each server's headers, their order, the framing and the cuts between writes.

use std::hash::{BuildHasher as _, BuildHasherDefault, DefaultHasher};
use std::io::Write as _;

use super::backend::ApiError;
use super::head::Head;
use crate::wire::{ACCEPT_V2, Dialect};

/// `Content-Type` of v3.
pub(crate) const JSON: &str = "application/json";
/// Karapace's `Content-Type`.
pub(crate) const JSON_V2: &str = "application/vnd.kafka.json.v2+json";
const TEXT: &str = "text/plain; charset=utf-8";
const HTML: &str = "text/html;charset=iso-8859-1";
/// The real proxy's output buffer: a longer body leaves in several chunks.
const CHUNK_BYTES: usize = 32 << 10;

/// Who speaks: the application, or the web server below it (Jetty, Vert.x, aiohttp) with headers of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Voice {
    Application,
    WebServer,
}

/// What is answered, before framing.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) content_type: Option<&'static str>,
    /// `Location`, `Allow`, `Server`.
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) voice: Voice,
    /// The connection ends with it.
    pub(crate) close: bool,
    /// Bytes that follow the body in a chunk of their own (the keep-alive defect).
    pub(crate) behind: Vec<u8>,
}

impl Answer {
    pub(crate) fn new(status: u16, content_type: Option<&'static str>, body: Vec<u8>) -> Self {
        Self {
            status,
            content_type,
            headers: Vec::new(),
            body,
            voice: Voice::Application,
            close: false,
            behind: Vec::new(),
        }
    }

    /// 200 with a v2 body.
    pub(crate) fn ok(body: impl Into<Vec<u8>>) -> Self {
        Self::new(200, Some(ACCEPT_V2), body.into())
    }

    /// `{"error_code":..,"message":..}` with a v2 type.
    pub(crate) fn error(status: u16, code: i64, message: &str) -> Self {
        Self::new(status, Some(ACCEPT_V2), error_body(code, message))
    }

    /// Confluent's wording for a status without more to say.
    pub(crate) fn plain(status: u16) -> Self {
        let message = format!("HTTP {status} {}", reason(Dialect::Confluent, status));
        Self::error(status, i64::from(status), &message)
    }

    pub(crate) fn api_error(error: &ApiError) -> Self {
        Self::error(error.status, error.code, &error.message)
    }

    /// A text page of the web server below.
    pub(crate) fn text(status: u16, text: &str) -> Self {
        let mut answer = Self::new(status, Some(TEXT), text.as_bytes().to_vec());
        answer.voice = Voice::WebServer;
        answer
    }

    /// Nothing but a status line and `content-length: 0`.
    pub(crate) fn bare(status: u16) -> Self {
        let mut answer = Self::new(status, None, Vec::new());
        answer.voice = Voice::WebServer;
        answer
    }

    /// Jetty's error page, which closes the connection.
    pub(crate) fn page(status: u16, message: &str, uri: &str) -> Self {
        let mut answer = Self::new(status, Some(HTML), html(status, message, uri));
        answer.voice = Voice::WebServer;
        answer.close = true;
        answer
    }

    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(crate) fn typed(mut self, content_type: Option<&'static str>) -> Self {
        self.content_type = content_type;
        self
    }

    pub(crate) fn closing(mut self) -> Self {
        self.close = true;
        self
    }
}

/// `{"error_code":..,"message":..}`
pub(crate) fn error_body(code: i64, message: &str) -> Vec<u8> {
    let mut body = format!("{{\"error_code\":{code},\"message\":").into_bytes();
    push_json_string(&mut body, message);
    body.push(b'}');
    body
}

/// Appends a JSON string literal.
pub(crate) fn push_json_string(out: &mut Vec<u8>, text: &str) {
    serde_json::to_writer(&mut *out, text).expect("a string always serializes into memory");
}

/// The page Jetty makes of an error.
pub(crate) fn html(status: u16, message: &str, uri: &str) -> Vec<u8> {
    format!(
        "<html>\n<head>\n<meta http-equiv=\"Content-Type\" content=\"text/html;charset=ISO-8859-1\"/>\n<title>Error {status} {message}</title>\n</head>\n<body>\n<h2>HTTP ERROR {status} {message}</h2>\n<table>\n<tr><th>URI:</th><td>{uri}</td></tr>\n<tr><th>STATUS:</th><td>{status}</td></tr>\n<tr><th>MESSAGE:</th><td>{message}</td></tr>\n</table>\n\n</body>\n</html>\n"
    )
    .into_bytes()
}

/// The status line's text.
pub(crate) fn reason(dialect: Dialect, status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        204 => "No Content",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        408 => "Request Timeout",
        413 if dialect == Dialect::Karapace => "Request Entity Too Large",
        413 => "Payload Too Large",
        415 => "Unsupported Media Type",
        422 => "Unprocessable Entity",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 if dialect == Dialect::Confluent => "Server Error",
        500 => "Internal Server Error",
        503 => "Service Unavailable",
        _ => "Unknown",
    }
}

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
        let reason = reason(dialect, status);
        write!(self.bytes, "HTTP/1.{minor} {status} {reason}\r\n")
            .expect("writing to memory cannot fail");
    }

    fn end_head(&mut self) {
        self.bytes.extend_from_slice(b"\r\n");
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

fn confluent(answer: &Answer, head: Option<&Head<'_>>, date: &str, wire: &mut Wire) -> bool {
    let method = head.map_or("GET", |head| head.method);
    let old = head.is_some_and(|head| head.minor == 0);
    let close = answer.close || head.is_some_and(|head| head.close);
    let own = answer.voice == Voice::Application;
    wire.start(Dialect::Confluent, 1, answer.status);
    wire.line("Date", date);
    if own && matches!(method, "GET" | "POST") {
        wire.line("Vary", "Accept-Encoding");
    }
    for (name, value) in &answer.headers {
        wire.line(name, value);
    }
    if !own {
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
        wire.line("Content-Length", &length.to_string());
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
    let chunks = std::iter::once(first)
        .chain(rest.chunks(CHUNK_BYTES))
        .chain(std::iter::once(answer.behind.as_slice()));
    for chunk in chunks.filter(|chunk| !chunk.is_empty()) {
        let before = if open { "\r\n" } else { "" };
        write!(wire.bytes, "{before}{:X}\r\n", chunk.len()).expect("writing to memory cannot fail");
        wire.cut();
        wire.bytes.extend_from_slice(chunk);
        wire.cut();
        open = true;
    }
    if !open {
        wire.cut();
    }
    let last: &[u8] = if open { b"\r\n0\r\n\r\n" } else { b"0\r\n\r\n" };
    wire.bytes.extend_from_slice(last);
    false
}

const GZIP_HEAD: usize = 10;

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
        wire.line("content-length", &answer.body.len().to_string());
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
        wire.line("Content-Length", &answer.body.len().to_string());
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
        wire.line("Content-Length", &answer.body.len().to_string());
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
