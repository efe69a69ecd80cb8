//! Renders a batch once: head, records with random payload text, and where their slots are.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rand::rngs::StdRng;
use rand::{Rng, RngExt, SeedableRng};

use super::recognise::SYSTEM;
use super::slots::{KEY_DIGITS, Key, REQUEST_DIGITS, Slot, Slots, TIMESTAMP_DIGITS, write_digits};
use super::{ACCEPT, RUN_CHARS, has_key};
use crate::plan::{Content, ID_BASE, Payload, Plan, index_digits};
use crate::wire::Format;

/// What the head of a request says; the body's length and type are added when it is rendered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// Path and query.
    pub path: String,
    /// `Host` header.
    pub host: String,
    /// Further headers, `Authorization` included.
    pub headers: Vec<(String, String)>,
}

impl Head {
    /// The head of requests to the plan's target number `index`.
    pub fn for_target(plan: &Plan, index: usize) -> Self {
        let url = &plan.target.urls[index];
        let host = url.host_str().unwrap_or_default();
        let host = url
            .port()
            .map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
        let mut headers = plan.target.headers.clone();
        if let Some(auth) = &plan.target.auth {
            headers.push(("Authorization".to_owned(), auth.header_value()));
        }
        let base = url.path().trim_end_matches('/');
        Self {
            path: format!("{base}/topics/{}", plan.topic.name),
            host,
            headers,
        }
    }

    pub(super) fn render(&self, format: Format, content_length: usize) -> Vec<u8> {
        let mut head = format!("POST {} HTTP/1.1\r\n", self.path);
        let named = |name: &str| {
            self.headers
                .iter()
                .any(|(n, _)| n.eq_ignore_ascii_case(name))
        };
        let mut add = |name: &str, value: &str| {
            head.push_str(name);
            head.push_str(": ");
            head.push_str(value);
            head.push_str("\r\n");
        };
        if !named("host") {
            add("Host", &self.host);
        }
        add("Content-Type", format.content_type());
        if !named("accept") {
            add("Accept", ACCEPT);
        }
        for (name, value) in &self.headers {
            add(name, value);
        }
        add("Content-Length", &content_length.to_string());
        head.push_str("\r\n");
        head.into_bytes()
    }
}

/// A rendered body before it gets a head.
#[derive(Debug)]
pub struct Rendering {
    /// Room for a head, and the body.
    pub(super) bytes: Vec<u8>,
    pub(super) records_start: usize,
    pub(super) stride: usize,
    pub(super) slots: Slots,
    /// Key and value bytes of all records as the server stores them.
    pub(super) payload_bytes: u64,
}

const BODY_END: &[u8] = b"]}";

/// Text around a slot, in the order of a record: everything fixed and where the variable parts go.
struct Record {
    plain: Vec<u8>,
    request: Slot,
    timestamp: Slot,
}

impl Rendering {
    /// Renders the first `records` records of a batch of `batch_size` for engine thread `worker` of run `run`
    /// (its first characters are used), behind `room` bytes. Into one allocation: large ones that are given back do not
    /// all leave the process.
    pub fn new(
        payload: &Payload,
        records: u32,
        batch_size: u32,
        run: &str,
        worker: u32,
        room: usize,
    ) -> Self {
        let mut random = StdRng::seed_from_u64(payload.seed ^ (u64::from(worker) << 32));
        let binary = payload.format == Format::Binary;
        let run: String = format!("{run:0<RUN_CHARS$}")
            .chars()
            .take(RUN_CHARS)
            .collect();
        let index_digits = index_digits(batch_size) as usize;

        let mut body = vec![0; room];
        body.extend_from_slice(b"{\"records\":[");
        let records_start = body.len();
        let mut slots = None;
        let (mut stride, mut value_bytes) = (0, 0);
        for index in 0..records {
            let from = body.len();
            body.push(b'{');
            let key = has_key(payload.key).then(|| open_key(&mut body, from, binary));
            body.extend_from_slice(b"\"value\":");
            let text = payload_text(payload, &mut random);
            let id = IdParts {
                run: &run,
                worker: id_digits(worker, 1),
                index: id_digits(index, index_digits),
            };
            let mut record = value(&id, &text, binary);
            if binary {
                // Padding is JSON white space, so that every record's base64 has no `=` inside a slot's group.
                body.push(b'"');
                let value_at = body.len() - from;
                for slot in [&mut record.request, &mut record.timestamp] {
                    slot.offset = value_at + slot.offset / 3 * 4;
                }
                body.extend_from_slice(STANDARD.encode(&record.plain).as_bytes());
                body.push(b'"');
            } else {
                let value_at = body.len() - from;
                record.request.offset += value_at;
                record.timestamp.offset += value_at;
                body.extend_from_slice(&record.plain);
            }
            body.extend_from_slice(b"},");
            if slots.is_none() {
                stride = body.len() - from;
                body.reserve_exact(stride * (records - 1) as usize + BODY_END.len());
                value_bytes = record.plain.len() as u64;
                slots = Some(Slots {
                    request: record.request,
                    timestamp: record.timestamp,
                    key: key.map(|slot| Key::new(payload, worker, batch_size, slot)),
                    base64: binary,
                });
            }
        }
        body.pop();
        body.extend_from_slice(BODY_END);
        let key_bytes = if has_key(payload.key) {
            KEY_DIGITS as u64
        } else {
            0
        };
        Self {
            bytes: body,
            records_start,
            stride,
            slots: slots.expect("a batch has at least one record"),
            payload_bytes: u64::from(records) * (value_bytes + key_bytes),
        }
    }
}

/// Writes the record's key: fifteen digits, in binary twenty characters of base64 without padding.
fn open_key(body: &mut Vec<u8>, from: usize, binary: bool) -> Slot {
    body.extend_from_slice(b"\"key\":\"");
    let offset = body.len() - from;
    let digits = if binary {
        KEY_DIGITS / 3 * 4
    } else {
        KEY_DIGITS
    };
    body.resize(body.len() + digits, b'0');
    body.extend_from_slice(b"\",");
    Slot {
        offset,
        before: Vec::new(),
        after: Vec::new(),
    }
}

/// What is fixed of a record's id.
struct IdParts<'a> {
    run: &'a str,
    worker: String,
    index: String,
}

fn id_digits(number: u32, width: usize) -> String {
    let mut digits = vec![0; width];
    write_digits::<{ ID_BASE as u64 }>(&mut digits, u64::from(number));
    digits.into_iter().map(char::from).collect()
}

fn value(id: &IdParts<'_>, text: &str, aligned: bool) -> Record {
    let mut plain = b"{".to_vec();
    let slot = |plain: &mut Vec<u8>, digits: usize, behind: &str| {
        let mut slot = Slot {
            offset: plain.len(),
            before: Vec::new(),
            after: Vec::new(),
        };
        plain.resize(plain.len() + digits, b'0');
        if aligned {
            let after = behind.len().min((3 - digits % 3) % 3);
            slot.after = behind.as_bytes()[..after].to_vec();
        }
        plain.extend_from_slice(behind.as_bytes());
        slot
    };
    let mut lead = format!("\"id\":\"{}{}", id.run, id.worker);
    if aligned {
        while !(plain.len() + lead.len()).is_multiple_of(3) {
            lead.insert(0, ' ');
        }
    }
    plain.extend_from_slice(lead.as_bytes());
    let request = slot(&mut plain, REQUEST_DIGITS, &format!("{}\",", id.index));
    let mut lead = "\"timestamp\":".to_owned();
    if aligned {
        while !(plain.len() + lead.len()).is_multiple_of(3) {
            lead.insert(0, ' ');
        }
    }
    plain.extend_from_slice(lead.as_bytes());
    let timestamp = slot(
        &mut plain,
        TIMESTAMP_DIGITS,
        &format!(",\"system\":\"{SYSTEM}\","),
    );
    plain.extend_from_slice(b"\"payload\":\"");
    plain.extend_from_slice(text.as_bytes());
    plain.extend_from_slice(b"\"}");
    Record {
        plain,
        request,
        timestamp,
    }
}

pub(super) fn payload_text(payload: &Payload, random: &mut StdRng) -> String {
    const LETTERS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let size = payload.message_size.0 as usize;
    match payload.content {
        Content::Text => (0..size)
            .map(|_| char::from(LETTERS[random.random_range(0..62)]))
            .collect(),
        Content::Base64 => {
            let mut bytes = vec![0; size];
            random.fill_bytes(&mut bytes);
            STANDARD.encode(bytes)
        }
    }
}
