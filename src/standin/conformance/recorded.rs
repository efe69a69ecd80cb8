//! The recorded exchanges of `tests/wire/`, and a stream that plays the client of one.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use base64::Engine as _;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::Notify;

use super::RECORDED_CLUSTER;

/// One exchange.
#[derive(Clone)]
pub(super) struct Case {
    pub(super) name: String,
    pub(super) settings_changed: bool,
    pub(super) target: String,
    pub(super) method: String,
    pub(super) chunks: Vec<Vec<u8>>,
    pub(super) reads: Vec<Vec<u8>>,
    pub(super) end: String,
    pub(super) seq: u64,
}

fn bytes(value: &Value) -> Vec<u8> {
    if let Some(text) = value.as_str() {
        return text.as_bytes().to_vec();
    }
    if let Some(encoded) = value.get("base64") {
        return base64::engine::general_purpose::STANDARD
            .decode(encoded.as_str().unwrap())
            .unwrap();
    }
    let repeat = &value["repeat"];
    let part = |name: &str| repeat.get(name).and_then(Value::as_str).unwrap_or_default();
    let count = repeat["count"].as_u64().unwrap() as usize;
    let units = vec![part("unit"); count].join(part("separator"));
    format!("{}{units}{}", part("prefix"), part("suffix")).into_bytes()
}

pub(super) fn cases(file: &str, cluster: &str) -> Vec<Case> {
    let path = format!("{}/tests/wire/{file}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).unwrap();
    text.lines()
        .map(|line| {
            let exchange: Value = serde_json::from_str(line).unwrap();
            let request = &exchange["request"];
            let field = |name: &str| request[name].as_str().unwrap_or_default().to_owned();
            let target = field("path").replace(RECORDED_CLUSTER, cluster);
            let version = request.get("version").and_then(Value::as_str);
            let mut head = format!(
                "{} {target} {}\r\n",
                field("method"),
                version.unwrap_or("HTTP/1.1")
            );
            for header in request["headers"].as_array().unwrap() {
                let part = |index: usize| header[index].as_str().unwrap();
                for piece in [part(0), ": ", part(1), "\r\n"] {
                    head += piece;
                }
            }
            head += "\r\n";
            let chunks = if let Some(writes) = request.get("writes").and_then(Value::as_array) {
                let write = |write: &Value| match write["data"].as_str() {
                    Some(data) => data.replace("<head>", &head).into_bytes(),
                    None => bytes(&write["data"]),
                };
                writes.iter().map(write).collect()
            } else {
                let mut whole = head.into_bytes();
                whole.extend(request.get("body").map(bytes).unwrap_or_default());
                vec![whole]
            };
            let note = exchange
                .get("note")
                .and_then(Value::as_str)
                .unwrap_or_default();
            Case {
                name: exchange["case"].as_str().unwrap().to_owned(),
                settings_changed: note.contains("server setting"),
                target,
                method: field("method"),
                chunks,
                reads: exchange["reads"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|read| bytes(&read["data"]))
                    .collect(),
                end: exchange["end"].as_str().unwrap().to_owned(),
                seq: exchange["seq"].as_u64().unwrap(),
            }
        })
        .collect()
}

/// A stream that is fed chunk by chunk and notes each write.
pub(super) struct Recorder {
    pub(super) chunks: VecDeque<Vec<u8>>,
    pub(super) writes: Arc<Mutex<Vec<Vec<u8>>>>,
    pub(super) starved: Arc<Notify>,
}

impl AsyncRead for Recorder {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Some(chunk) = self.chunks.pop_front() else {
            self.starved.notify_one();
            return Poll::Pending;
        };
        let (now, later) = chunk.split_at(chunk.len().min(buf.remaining()));
        buf.put_slice(now);
        if !later.is_empty() {
            self.chunks.push_front(later.to_vec());
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Recorder {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.writes.lock().unwrap().push(data.to_vec());
        Poll::Ready(Ok(data.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // What the connection reads after this is only to let the peer go.
        Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()))
    }
}
