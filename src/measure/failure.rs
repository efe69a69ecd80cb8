//! Failures, counted by kind, HTTP status and error code, each with one sample text.

use serde::{Deserialize, Serialize};

/// Bytes of a reply kept as a sample.
pub const SAMPLE_BYTES: usize = 300;

/// Distinct (kind, status, code) rows kept apart; later ones share a row of their kind without status and code.
const MAX_ROWS: usize = 64;
/// The sample of such a row.
const SEVERAL: &str = "several codes, not kept apart";

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
    /// 2xx that names the same partition and offset as the answer before it: it answers another request.
    RepeatedAnswer,
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
            Self::RepeatedAnswer => "repeated_answer",
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
        let apart = http_status.is_none() && error_code.is_none();
        if self.rows.len() >= MAX_ROWS && !apart {
            self.add(kind, None, None, requests, records, String::new);
            self.say_several(kind);
            return;
        }
        self.rows.push(Failure {
            kind,
            http_status,
            error_code,
            requests,
            records,
            sample: one_line(&sample()),
        });
    }

    /// Marks the row that takes what of `kind` is not kept apart.
    fn say_several(&mut self, kind: FailureKind) {
        let joint = |row: &&mut Failure| {
            row.kind == kind && row.http_status.is_none() && row.error_code.is_none()
        };
        if let Some(row) = self.rows.iter_mut().find(joint) {
            SEVERAL.clone_into(&mut row.sample);
        }
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
            if row.sample == SEVERAL {
                self.say_several(row.kind);
            }
        }
    }

    /// The rows, in the order in which they were first seen.
    pub fn rows(&self) -> &[Failure] {
        &self.rows
    }
}

/// Characters that turn the direction of the text behind them: a server's words must not rearrange ours.
const TURNS: [char; 9] = [
    '\u{202a}', '\u{202b}', '\u{202c}', '\u{202d}', '\u{202e}', '\u{2066}', '\u{2067}', '\u{2068}',
    '\u{2069}',
];

/// At most [`SAMPLE_BYTES`] of a text, white space and control characters as single spaces.
fn one_line(text: &str) -> String {
    let blank = |c: char| c.is_whitespace() || c.is_control() || TURNS.contains(&c);
    let words: Vec<&str> = text.split(blank).filter(|word| !word.is_empty()).collect();
    let mut line = words.join(" ");
    let end = line.floor_char_boundary(SAMPLE_BYTES);
    line.truncate(end);
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    const FULL: i64 = 64;

    fn added(count: i64) -> Failures {
        let mut failures = Failures::default();
        for code in 0..count {
            let sample = || format!("code {code}");
            failures.add(
                FailureKind::RecordRejected,
                Some(200),
                Some(code),
                1,
                2,
                sample,
            );
        }
        failures
    }

    #[test]
    fn codes_beyond_the_table_share_a_row_that_says_so() {
        let mut failures = added(FULL + 10);
        failures.add(FailureKind::Timeout, None, None, 1, 5, || "slow".to_owned());
        failures.merge(&added(FULL + 3));
        let rows = failures.rows();
        assert_eq!(rows.len(), MAX_ROWS + 2);
        assert_eq!((rows[3].sample.as_str(), rows[3].requests), ("code 3", 2));
        let joint = &rows[MAX_ROWS];
        assert_eq!((joint.http_status, joint.error_code), (None, None));
        assert_eq!((joint.requests, joint.records), (13, 26));
        assert_eq!(joint.sample, SEVERAL);
        assert_eq!(rows[MAX_ROWS + 1].sample, "slow");
    }

    #[test]
    fn a_merged_row_of_several_codes_keeps_saying_so() {
        let mut failures = Failures::default();
        failures.add(FailureKind::RecordRejected, None, None, 1, 1, || {
            "one".to_owned()
        });
        failures.merge(&added(FULL + 1));
        assert_eq!(failures.rows()[0].sample, SEVERAL);
    }

    #[test]
    fn a_sample_is_one_line_without_control_characters() {
        for (text, sample) in [
            ("a\r\n\tb  c", "a b c"),
            (" \u{1b}[31mred\u{1b}[0m\0", "[31mred [0m"),
            ("\u{85}caf\u{e9}\u{a0}", "caf\u{e9}"),
        ] {
            assert_eq!(one_line(text), sample);
        }
        assert_eq!(one_line(&"\u{e9}".repeat(200)).len(), SAMPLE_BYTES);
        assert_eq!(
            one_line(&format!("x{}", "\u{e9}".repeat(200))).len(),
            SAMPLE_BYTES - 1
        );
    }
}
