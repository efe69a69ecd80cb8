//! What a failed fetch means for the records that it should have brought.

use super::super::failure::{CallError, Problem};
use crate::measure::consume::FetchFailure;
use crate::wire::code::UNKNOWN_TOPIC_OR_PARTITION;

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
