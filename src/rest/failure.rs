//! Why a call to the control plane failed, as one line and a hint.

use std::time::Duration;

use rustls::CertificateError;
use serde::Deserialize;

use crate::error::Error;
use crate::units::duration;

/// Characters of an answer that an error message quotes.
const QUOTED_CHARS: usize = 160;

/// A call that gave no usable answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.message())]
pub struct CallError {
    /// Method and path, such as `GET /topics`.
    pub call: String,
    /// Base URL of the target.
    pub url: String,
    /// What went wrong.
    pub problem: Problem,
}

/// What went wrong with a call, by what can be done about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// Nothing listens there.
    Refused,
    /// The host name has no address.
    Dns(String),
    /// No trust, no common protocol, or no TLS at all.
    Tls(String),
    /// No answer in this time.
    Timeout(Duration),
    /// The connection was closed or broke, or what came is no HTTP.
    Broken(String),
    /// An answer with this status that is no success.
    Status {
        /// HTTP status.
        status: u16,
        /// `error_code` of the body.
        code: Option<i64>,
        /// `message` of the body, or its first line.
        text: String,
    },
    /// The answer points elsewhere; krush does not follow.
    Redirect {
        /// HTTP status.
        status: u16,
        /// The `Location` header.
        location: String,
    },
    /// A success that is not the JSON it should be.
    NotJson(String),
}

impl CallError {
    /// Whether the server answered that there is no such thing, or no such call.
    pub fn is_not_found(&self) -> bool {
        matches!(
            self.problem,
            Problem::Status {
                status: 404 | 405 | 501,
                ..
            }
        )
    }

    /// Whether the server answered at all, though not as wanted.
    pub fn is_answer(&self) -> bool {
        matches!(
            self.problem,
            Problem::Status { .. } | Problem::Redirect { .. } | Problem::NotJson(_)
        )
    }

    fn message(&self) -> String {
        let Self { call, url, problem } = self;
        match problem {
            Problem::Refused => format!("nothing listens at {url}: connection refused"),
            Problem::Dns(why) => format!("cannot find the host of {url}: {why}"),
            Problem::Tls(why) => format!("TLS with {url} failed: {why}"),
            Problem::Timeout(limit) => {
                format!("{url} did not answer {call} within {}", duration(*limit))
            }
            Problem::Broken(why) => format!("{url} gave no HTTP answer to {call}: {why}"),
            Problem::Status { status, code, text } => {
                let code = code.map(|code| format!(", error_code {code}"));
                let code = code.unwrap_or_default();
                format!("{url} answered {call} with HTTP {status}{code}: {text}")
            }
            Problem::Redirect { status, location } => {
                format!("{url} answered {call} with HTTP {status}, a redirect to {location}")
            }
            Problem::NotJson(what) => {
                format!("{url} is no REST Proxy: its answer to {call} is {what}")
            }
        }
    }

    fn hint(&self) -> &'static str {
        match &self.problem {
            Problem::Refused => {
                "start a REST Proxy there, name another one with --url, or start the built-in stand-in: krush serve"
            }
            Problem::Dns(_) => "check the host name in --url",
            Problem::Tls(why) if why == CA_AS_SERVER => {
                "accept any certificate with --insecure, or give the server one that is no CA: openssl req -x509 … -addext basicConstraints=critical,CA:FALSE"
            }
            Problem::Tls(why) if why == UNKNOWN_ISSUER => {
                "trust its CA with --ca-cert FILE, or accept any certificate with --insecure"
            }
            Problem::Tls(why) if why.contains("InvalidContentType") => {
                "it seems to speak plain HTTP: write http:// in --url"
            }
            Problem::Tls(_) => "check --ca-cert, --client-cert and the host name in --url",
            Problem::Timeout(_) => "check that it is up and can reach its brokers",
            Problem::Broken(_) => "check the port in --url, and whether the server wants https://",
            Problem::Status {
                status: 401 | 403, ..
            } => "give --user USER:PASSWORD or --bearer TOKEN, or check what that account may do",
            Problem::Status { status: 404, .. } => {
                "check the path in --url: the base URL of a REST Proxy answers GET /topics"
            }
            Problem::Status { status: 500.., .. } => {
                "check the server's log, and that it can reach its brokers"
            }
            Problem::Status { .. } => "check --url, --header and the server's log",
            Problem::Redirect { .. } => {
                "name the final address in --url; redirects are not followed"
            }
            Problem::NotJson(_) => "name the base URL of a REST Proxy in --url",
        }
    }
}

impl From<CallError> for Error {
    fn from(error: CallError) -> Self {
        Self::target(error.message(), error.hint())
    }
}

/// The error body of all servers: `{"error_code": .., "message": ..}`, or `error` for the text.
#[derive(Deserialize)]
struct ErrorBody {
    error_code: Option<i64>,
    message: Option<String>,
    error: Option<String>,
}

/// Code and text of an error answer; the body may be JSON, HTML, plain text or empty.
pub(super) fn error_body(body: &[u8]) -> (Option<i64>, String) {
    if let Ok(parsed) = serde_json::from_slice::<ErrorBody>(body)
        && let Some(text) = parsed.message.or(parsed.error)
    {
        return (parsed.error_code, one_line(&text));
    }
    (None, sketch(body))
}

/// What a body is, in a few words: for HTML its title, else its first characters.
pub(super) fn sketch(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let lower = text.to_ascii_lowercase();
    if body.is_empty() {
        return "empty".to_owned();
    }
    if !lower.contains("<html") && !lower.contains("<!doctype html") {
        return format!("`{}`", one_line(&text));
    }
    let title = lower.find("<title>").zip(lower.find("</title>"));
    match title.and_then(|(start, end)| text.get(start + "<title>".len()..end)) {
        Some(title) => format!("an HTML page, `{}`", one_line(title)),
        None => "an HTML page".to_owned(),
    }
}

fn one_line(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    let line = words.join(" ");
    match line.char_indices().nth(QUOTED_CHARS) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

const CA_AS_SERVER: &str = "its certificate is a CA certificate used as a server certificate";
const UNKNOWN_ISSUER: &str = "its certificate is signed by nobody who is trusted";

/// What rustls found, in words; most of its texts are names of its own variants.
fn tls_words(error: &rustls::Error) -> String {
    let rustls::Error::InvalidCertificate(found) = error else {
        return error.to_string();
    };
    match found {
        CertificateError::UnknownIssuer => UNKNOWN_ISSUER.to_owned(),
        CertificateError::Other(other) if other.to_string() == "CaUsedAsEndEntity" => {
            CA_AS_SERVER.to_owned()
        }
        CertificateError::Other(other) => format!("its certificate is not accepted: {other}"),
        CertificateError::Expired => "its certificate has expired".to_owned(),
        CertificateError::NotValidYet => "its certificate is not valid yet".to_owned(),
        CertificateError::Revoked => "its certificate was revoked".to_owned(),
        CertificateError::BadEncoding => "its certificate is badly encoded".to_owned(),
        CertificateError::BadSignature => "its certificate has a bad signature".to_owned(),
        CertificateError::NotValidForName => "its certificate is for another host name".to_owned(),
        CertificateError::InvalidPurpose => "its certificate is not for servers".to_owned(),
        // The variants with a context have a text of their own.
        worded => format!("its certificate is not accepted: {worded}"),
    }
}

/// Finds out what a failed exchange failed of; reqwest keeps the reason somewhere in the chain of causes.
pub(super) fn problem(error: &reqwest::Error, limit: Duration) -> Problem {
    if error.is_timeout() {
        return Problem::Timeout(limit);
    }
    let mut last = error.to_string();
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(inner) = cause {
        if let Some(tls) = inner.downcast_ref::<rustls::Error>() {
            return Problem::Tls(tls_words(tls));
        }
        let io = inner.downcast_ref::<std::io::Error>();
        if io.is_some_and(|io| io.kind() == std::io::ErrorKind::ConnectionRefused) {
            return Problem::Refused;
        }
        last = inner.to_string();
        // `source` of an io::Error skips the error inside it.
        let within = io.and_then(std::io::Error::get_ref);
        cause = match within {
            Some(within) => Some(within),
            None => inner.source(),
        };
    }
    Problem::Broken(last)
}
