//! An answer before it is framed, and the words and pages errors are made of.

use super::backend::ApiError;
use super::counts::Told;
use crate::wire::{ACCEPT_V2, Dialect};

/// `Content-Type` of v3.
pub(crate) const JSON: &str = "application/json";
/// Karapace's `Content-Type`.
pub(crate) const JSON_V2: &str = "application/vnd.kafka.json.v2+json";
const TEXT: &str = "text/plain; charset=utf-8";
const HTML: &str = "text/html;charset=iso-8859-1";

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
    /// What the keep-alive defect puts around the body.
    pub(crate) around: Option<Box<Around>>,
    /// An error page of the web server got into it: that one's headers replaced the application's.
    pub(crate) overtaken: bool,
    /// What its entries say, as long as a client can read them.
    pub(crate) told: Option<Told>,
}

/// Bytes in chunks of their own before and behind a body.
#[derive(Debug, Clone, Default)]
pub(crate) struct Around {
    pub(crate) before: Vec<u8>,
    pub(crate) behind: Vec<u8>,
}

impl Answer {
    /// What stands before the body, and behind it.
    pub(crate) fn around(&self) -> (&[u8], &[u8]) {
        let parts = self.around.as_ref();
        parts.map_or((&[], &[]), |around| (&around.before, &around.behind))
    }

    pub(crate) fn new(status: u16, content_type: Option<&'static str>, body: Vec<u8>) -> Self {
        Self {
            status,
            content_type,
            headers: Vec::new(),
            body,
            voice: Voice::Application,
            close: false,
            around: None,
            overtaken: false,
            told: None,
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

    /// These entries are in its body.
    pub(crate) fn telling(mut self, told: Told) -> Self {
        self.told = Some(told);
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

/// Appends a decimal number.
pub(crate) fn push_number(out: &mut Vec<u8>, number: impl itoa::Integer) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
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
        409 => "Conflict",
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
