//! What a failed fetch means for the records that it should have brought.

use super::super::failure::{CallError, Problem};
use crate::wire::code::UNKNOWN_TOPIC_OR_PARTITION;

/// Why a fetch brought no answer that can be read, by what that means for records.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    serde::Serialize,
    serde::Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum FetchFailure {
    /// No connection: the server was not asked, and no record moved.
    NotReached,
    /// Asked, and no whole answer came or none that can be read. If the server had read records for it, the instance is past
    /// them: they are not seen unless they are read again from an older offset.
    AnswerLost,
    /// The server does not have the instance (any more): expired, deleted, or the server was started anew.
    InstanceGone,
    /// The server read records, could not give them, and went on: they are passed over (Strimzi: longer than `max_bytes` or no
    /// JSON; Karapace: no JSON).
    PassedOver,
    /// Refused for another reason: credentials, another format than the instance's.
    Refused,
    /// HTTP 5xx.
    ServerError,
}

impl FetchFailure {
    /// What an error of [`Instance::fetch`](super::Instance::fetch) means.
    pub fn of(error: &CallError) -> Self {
        match &error.problem {
            Problem::Refused | Problem::Dns(_) | Problem::Tls(_) => Self::NotReached,
            Problem::Timeout(_) | Problem::Broken(_) | Problem::NotJson(_) => Self::AnswerLost,
            Problem::Status { .. } if error.is_gone() => Self::InstanceGone,
            // Confluent's 406 has 40601, Strimzi's for the wrong Accept says so: both refuse before they read.
            Problem::Status {
                status: 406,
                code: Some(406),
                text,
            } if !text.contains("Accept") => Self::PassedOver,
            Problem::Status { status: 422, .. } => Self::PassedOver,
            Problem::Status { status, .. } if *status >= 500 => Self::ServerError,
            Problem::Status { .. } | Problem::Redirect { .. } => Self::Refused,
        }
    }

    /// The name used in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::NotReached => "not reached",
            Self::AnswerLost => "answer lost",
            Self::InstanceGone => "instance gone",
            Self::PassedOver => "records passed over",
            Self::Refused => "refused",
            Self::ServerError => "server error",
        }
    }
}

impl CallError {
    /// Whether a server says that it does not have the instance: 404 with 40403 (Confluent, Karapace) or 404 (Strimzi). The
    /// same codes say that there is no such topic, so that the text decides.
    pub fn is_gone(&self) -> bool {
        let Problem::Status { status, code, text } = &self.problem else {
            return false;
        };
        *status == 404
            && matches!(code, Some(UNKNOWN_TOPIC_OR_PARTITION | 404))
            && text.to_ascii_lowercase().contains("consumer")
    }
}
