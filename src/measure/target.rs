//! What was learned about the target before the clock started.

use serde::{Deserialize, Serialize};

use crate::wire::Dialect;

/// What kind of server was tested. Figures of a stand-in are about this machine, not about a REST Proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TargetKind {
    /// A server that was not recognised as krush's own.
    RestProxy,
    /// krush's built-in stand-in, in memory.
    StandIn,
    /// krush's HTTP front before a real Apache Kafka.
    StandInKafka,
}

impl TargetKind {
    /// The name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::RestProxy => "rest-proxy",
            Self::StandIn => "stand-in",
            Self::StandInKafka => "stand-in-kafka",
        }
    }
}

/// What was learned about the target before the clock started.
#[derive(Debug, Clone)]
pub struct TargetFacts {
    /// What kind of server it is.
    pub kind: TargetKind,
    /// The stand-in runs inside this process (asked for, or as the fallback when nothing was named and nothing listened).
    pub embedded: bool,
    /// Base URLs, in the order of the plan.
    pub urls: Vec<String>,
    /// What the server calls itself or was recognised as: `REST Proxy`, `Strimzi bridge 0.33.1`, `Karapace/6.2.0`,
    /// `krush 0.1.0 stand-in`, `krush front on Apache Kafka 4.3`.
    pub server: String,
    /// APIs that answered: `v2`, `v3`.
    pub apis: Vec<String>,
    /// How replies are judged.
    pub dialect: Dialect,
    /// Partitions of the topic; `None`: the server does not tell.
    pub partitions: Option<u32>,
    /// The topic did not exist and was created for this run.
    pub topic_created: bool,
}
