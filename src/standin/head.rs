//! A request's head: what the stand-in looks at, and how its body is framed.

use std::mem::MaybeUninit;

/// Longest head taken, as Confluent's `max.request.header.size` and aiohttp have it.
pub(crate) const MAX_HEAD_BYTES: usize = 8192;
const MAX_HEADERS: usize = 128;

/// How long the body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Length {
    /// `Content-Length`, or 0 without one.
    Fixed(usize),
    /// `Transfer-Encoding: chunked`.
    Chunked,
    /// Both, or neither readable: refused.
    Conflict,
}

/// `Expect` of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expect {
    /// None.
    Nothing,
    /// `100-continue`.
    Continue,
    /// Anything else.
    Other,
}

/// A parsed head; borrows the bytes it was read from.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a header that is there or not, independent of the others"
)]
#[derive(Debug, Clone, Copy)]
pub(crate) struct Head<'a> {
    pub(crate) method: &'a str,
    /// The target's path as sent.
    pub(crate) path: &'a str,
    /// What stands behind its question mark.
    pub(crate) query: Option<&'a str>,
    /// 0 or 1: the minor version of HTTP/1.
    pub(crate) minor: u8,
    pub(crate) host: Option<&'a str>,
    pub(crate) content_type: Option<&'a str>,
    pub(crate) accept: Option<&'a str>,
    pub(crate) accepts_gzip: bool,
    pub(crate) sends_gzip: bool,
    pub(crate) expect: Expect,
    pub(crate) length: Length,
    /// `Connection: close`.
    pub(crate) close: bool,
    /// `Connection: keep-alive`.
    pub(crate) keep_alive: bool,
}

impl<'a> Head<'a> {
    /// Parses a complete head; `None` if it is not HTTP/1.
    pub(crate) fn parse(bytes: &'a [u8]) -> Option<Self> {
        let mut headers = [const { MaybeUninit::uninit() }; MAX_HEADERS];
        let mut request = httparse::Request::new(&mut []);
        let parsed = request.parse_with_uninit_headers(bytes, &mut headers);
        parsed.ok()?.is_complete().then_some(())?;
        let target = request.path?;
        let mark = memchr::memchr(b'?', target.as_bytes());
        let mut head = Self {
            method: request.method?,
            path: mark.map_or(target, |mark| &target[..mark]),
            query: mark.map(|mark| &target[mark + 1..]),
            minor: request.version?,
            host: None,
            content_type: None,
            accept: None,
            accepts_gzip: false,
            sends_gzip: false,
            expect: Expect::Nothing,
            length: Length::Fixed(0),
            close: false,
            keep_alive: false,
        };
        let mut fixed = None;
        let mut chunked = false;
        for header in request.headers.iter() {
            let Ok(value) = std::str::from_utf8(header.value) else {
                continue;
            };
            let is = |name: &str| header.name.eq_ignore_ascii_case(name);
            match header.name.len() {
                4 if is("host") => head.host = Some(value),
                6 if is("accept") => head.accept = Some(value),
                6 if is("expect") => {
                    let known = value.eq_ignore_ascii_case("100-continue");
                    head.expect = if known {
                        Expect::Continue
                    } else {
                        Expect::Other
                    };
                }
                10 if is("connection") => {
                    head.close |= has_token(value, "close");
                    head.keep_alive |= has_token(value, "keep-alive");
                }
                12 if is("content-type") => head.content_type = Some(value),
                14 if is("content-length") => {
                    fixed = Some(value.parse::<usize>().ok()?);
                }
                15 if is("accept-encoding") => head.accepts_gzip = has_token(value, "gzip"),
                16 if is("content-encoding") => head.sends_gzip = has_token(value, "gzip"),
                17 if is("transfer-encoding") => chunked = has_token(value, "chunked"),
                _ => {}
            }
        }
        head.length = match (fixed, chunked) {
            (Some(_), true) => Length::Conflict,
            (None, true) => Length::Chunked,
            (fixed, false) => Length::Fixed(fixed.unwrap_or(0)),
        };
        Some(head)
    }

    /// Whether the query has this `name=value`.
    pub(crate) fn has_query(&self, pair: &str) -> bool {
        self.query
            .is_some_and(|query| query.split('&').any(|part| part == pair))
    }

    /// Whether an answer of this type (of `application`) is wanted.
    pub(crate) fn accepts(&self, media_type: &str) -> bool {
        self.accept.is_none_or(|accept| {
            accept.split(',').any(|range| {
                let range = range.split(';').next().unwrap_or_default().trim();
                range == media_type || range == "*/*" || range == "application/*"
            })
        })
    }

    /// No page for people: `Accept` names a type and leaves out everything else.
    pub(crate) fn accepts_html(&self) -> bool {
        self.accept
            .is_none_or(|accept| accept.contains("*/*") || accept.contains("text/html"))
    }
}

fn has_token(value: &str, token: &str) -> bool {
    value.split(',').any(|part| {
        let name = part.split(';').next().unwrap_or_default();
        name.trim().eq_ignore_ascii_case(token)
    })
}

/// A chunked body on its way: decoded as far as whole chunks are there.
#[derive(Debug, Default)]
pub(crate) struct Chunked {
    /// The body without its framing.
    pub(crate) body: Vec<u8>,
    /// Bytes decoded.
    at: usize,
}

impl Chunked {
    /// Ready for the next body.
    pub(crate) fn reset(&mut self) {
        self.body.clear();
        self.at = 0;
    }

    /// Goes on decoding; `bytes` starts where the body starts, with more behind each time.
    ///
    /// Returns the bytes used once the last chunk and its trailers are there, `None` if more are needed.
    ///
    /// # Errors
    /// If the framing is broken.
    pub(crate) fn decode(&mut self, bytes: &[u8]) -> Result<Option<usize>, ()> {
        loop {
            let rest = &bytes[self.at..];
            let (line, size) = match httparse::parse_chunk_size(rest) {
                Ok(httparse::Status::Complete((line, size))) => (line, size as usize),
                Ok(httparse::Status::Partial) => return Ok(None),
                Err(_) => return Err(()),
            };
            if size == 0 {
                return Ok(trailers_end(&rest[line..]).map(|end| self.at + line + end));
            }
            let Some(end) = line.checked_add(size) else {
                return Err(());
            };
            let (Some(chunk), Some(after)) = (rest.get(line..end), rest.get(end..end + 2)) else {
                return Ok(None);
            };
            if after != b"\r\n" {
                return Err(());
            }
            self.body.extend_from_slice(chunk);
            self.at += end + 2;
        }
    }
}

fn trailers_end(bytes: &[u8]) -> Option<usize> {
    if bytes.starts_with(b"\r\n") {
        return Some(2);
    }
    memchr::memmem::find(bytes, b"\r\n\r\n").map(|at| at + 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chunked_body_is_found_at_every_cut() {
        let whole =
            b"f\r\n{\"records\":[{\"v\r\n10;x=y\r\nalue\":{\"n\":1}}]}\r\n0\r\nA: b\r\n\r\nnext";
        let used = whole.len() - 4;
        for cut in 0..used {
            let mut chunked = Chunked::default();
            assert_eq!(chunked.decode(&whole[..cut]), Ok(None), "{cut}");
            assert_eq!(chunked.decode(whole), Ok(Some(used)), "{cut}");
            assert_eq!(chunked.body, b"{\"records\":[{\"value\":{\"n\":1}}]}");
        }
        for broken in [
            b"zz\r\n".as_slice(),
            b"1\r\nab\r\n",
            b"ffffffffffffffff\r\n",
        ] {
            assert_eq!(Chunked::default().decode(broken), Err(()));
        }
    }

    #[test]
    fn accept_is_matched_as_a_list_of_ranges() {
        let accepts = |accept: &str| {
            let text = format!("GET / HTTP/1.1\r\nAccept: {accept}\r\n\r\n");
            Head::parse(text.as_bytes())
                .unwrap()
                .accepts("application/vnd.kafka.v2+json")
        };
        for yes in [
            "*/*",
            "application/*",
            "application/vnd.kafka.v2+json",
            "text/html, application/vnd.kafka.v2+json;q=0.5",
        ] {
            assert!(accepts(yes), "{yes}");
        }
        for no in [
            "application/json",
            "application/vnd.kafka.json.v2+json",
            "text/*",
        ] {
            assert!(!accepts(no), "{no}");
        }
    }
}
