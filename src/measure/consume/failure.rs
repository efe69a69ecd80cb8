//! Why a fetch brought nothing that can be read, by what that means for records.

use serde::{Deserialize, Serialize};

/// Why a fetch brought no answer that can be read, by what that means for records.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
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
    /// The name used in tables.
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
