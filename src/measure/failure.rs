//! Failures, counted by kind, HTTP status and error code, each with one sample text.

use serde::{Deserialize, Serialize};

/// Bytes of a reply kept as a sample.
pub const SAMPLE_BYTES: usize = 300;

/// Distinct (kind, status, code) rows kept apart; later ones are added to the last row of their kind.
const MAX_ROWS: usize = 64;

/// What went wrong with a request, or with records inside an answered request.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// No connection could be made in time; the request was never sent.
    Connect,
    /// No complete answer within the time-out.
    Timeout,
    /// The connection was closed or reset while the request was being written.
    Write,
    /// Closed without a byte of an answer.
    EofBeforeAnswer,
    /// Closed within the answer: head, Content-Length body or chunk cut short.
    EofInAnswer,
    /// Reset by the peer while waiting for or reading the answer.
    Reset,
    /// The bytes are no HTTP/1.1 answer.
    BadHttp,
    /// TLS failed on an established connection.
    Tls,
    /// 2xx with an empty body: nothing was acknowledged (the keep-alive defect of Confluent 8.0.0-8.0.2 and 8.1.0).
    EmptyAnswer,
    /// 2xx whose body is not the JSON a produce answer must be.
    UnreadableAnswer,
    /// 2xx with something behind the JSON (the same defect: an HTML page after the offsets).
    RubbishAfterAnswer,
    /// 2xx with another number of entries than records were sent.
    WrongEntryCount,
    /// 5xx for the whole request.
    ServerError,
    /// 5xx without a JSON error body (the same defect, or a gateway).
    ServerErrorNoJson,
    /// 4xx for the whole request.
    ClientError,
    /// Any other status for the whole request: 204, 3xx.
    UnexpectedStatus,
    /// An entry of an answered request says this record was not stored.
    RecordRejected,
    /// An entry of an answered request says this record failed, but it may be stored.
    RecordUnknown,
    /// Still waiting for an answer when the drain ended.
    InFlight,
}

impl FailureKind {
    /// The name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Timeout => "timeout",
            Self::Write => "write",
            Self::EofBeforeAnswer => "eof_before_answer",
            Self::EofInAnswer => "eof_in_answer",
            Self::Reset => "reset",
            Self::BadHttp => "bad_http",
            Self::Tls => "tls",
            Self::EmptyAnswer => "empty_answer",
            Self::UnreadableAnswer => "unreadable_answer",
            Self::RubbishAfterAnswer => "rubbish_after_answer",
            Self::WrongEntryCount => "wrong_entry_count",
            Self::ServerError => "server_error",
            Self::ServerErrorNoJson => "server_error_no_json",
            Self::ClientError => "client_error",
            Self::UnexpectedStatus => "unexpected_status",
            Self::RecordRejected => "record_rejected",
            Self::RecordUnknown => "record_unknown",
            Self::InFlight => "in_flight",
        }
    }
}

/// One row of the failure table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What went wrong.
    pub kind: FailureKind,
    /// HTTP status of the answer, if there was one.
    pub http_status: Option<u16>,
    /// `error_code` of the entry or of the error body.
    pub error_code: Option<i64>,
    /// Requests with this failure (a request with failed entries counts once for each distinct row).
    pub requests: u64,
    /// Records that failed this way.
    pub records: u64,
    /// The text of the first one.
    pub sample: String,
}

/// The failure table of one recorder.
#[derive(Debug, Clone, Default)]
pub struct Failures {
    rows: Vec<Failure>,
}

impl Failures {
    /// Counts one request (or `requests` = 0 to add records to a row already counted) with `records` failed records.
    /// `sample` is called only for a new row.
    pub fn add(
        &mut self,
        kind: FailureKind,
        http_status: Option<u16>,
        error_code: Option<i64>,
        requests: u64,
        records: u64,
        sample: impl FnOnce() -> String,
    ) {
        let same = |row: &&mut Failure| {
            row.kind == kind && row.http_status == http_status && row.error_code == error_code
        };
        if let Some(row) = self.rows.iter_mut().find(same) {
            row.requests += requests;
            row.records += records;
            return;
        }
        if self.rows.len() >= MAX_ROWS
            && let Some(row) = self.rows.iter_mut().rev().find(|row| row.kind == kind)
        {
            row.requests += requests;
            row.records += records;
            return;
        }
        let mut sample = sample();
        if sample.len() > SAMPLE_BYTES {
            let end = (0..=SAMPLE_BYTES)
                .rev()
                .find(|&i| sample.is_char_boundary(i))
                .unwrap_or(0);
            sample.truncate(end);
        }
        self.rows.push(Failure {
            kind,
            http_status,
            error_code,
            requests,
            records,
            sample,
        });
    }

    /// Adds another table to this one.
    pub fn merge(&mut self, other: &Self) {
        for row in &other.rows {
            self.add(
                row.kind,
                row.http_status,
                row.error_code,
                row.requests,
                row.records,
                || row.sample.clone(),
            );
        }
    }

    /// The rows, in the order in which they were first seen.
    pub fn rows(&self) -> &[Failure] {
        &self.rows
    }
}
