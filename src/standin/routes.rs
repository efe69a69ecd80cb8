//! Which resource a path names, and the methods each dialect has for it.

use std::borrow::Cow;
use std::fmt::Write as _;

use crate::wire::Dialect;

/// Of the longest path there is.
const MOST_SEGMENTS: usize = 9;

/// A resource of the API; names are decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Route<'a> {
    Root,
    Topics,
    Topic(Cow<'a, str>),
    Partitions(Cow<'a, str>),
    Partition(Cow<'a, str>, Cow<'a, str>),
    Offsets(Cow<'a, str>, Cow<'a, str>),
    Brokers,
    Clusters,
    Cluster(Cow<'a, str>),
    ClusterTopics(Cow<'a, str>),
    ClusterTopic(Cow<'a, str>, Cow<'a, str>),
    ClusterPartitions(Cow<'a, str>, Cow<'a, str>),
    ClusterPartition(Cow<'a, str>, Cow<'a, str>, Cow<'a, str>),
    /// First and next offset of a partition.
    ClusterOffset(Cow<'a, str>, Cow<'a, str>, Cow<'a, str>),
    ClusterBrokers(Cow<'a, str>),
    TopicConfigs(Cow<'a, str>, Cow<'a, str>),
    TopicConfig(Cow<'a, str>, Cow<'a, str>, Cow<'a, str>),
    /// Where several of them are changed at once.
    AlterConfigs(Cow<'a, str>, Cow<'a, str>),
    Groups(Cow<'a, str>),
    /// A consumer group of a cluster, or what belongs to it.
    Group(Cow<'a, str>, Cow<'a, str>, GroupPart<'a>),
    /// Strimzi's topic creation.
    AdminTopics,
    /// Strimzi's `/healthy` and `/ready`.
    Healthy,
    /// Strimzi's `/metrics`, off by default.
    Metrics,
    /// Karapace's `/_health`.
    Health,
    /// Redpanda's `/status/ready`.
    StatusReady,
    /// Where consumer instances of a group are made.
    Consumers(Cow<'a, str>),
    /// A consumer instance of a group, or what belongs to it.
    Instance(Cow<'a, str>, Cow<'a, str>, InstancePart),
}

/// What belongs to a consumer group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum GroupPart<'a> {
    Itself,
    Consumers,
    Consumer(Cow<'a, str>),
    Assignments(Cow<'a, str>),
    LagSummary,
    Lags,
    Lag(Cow<'a, str>, Cow<'a, str>),
}

impl<'a> GroupPart<'a> {
    fn find(rest: &[&'a str]) -> Option<Self> {
        Some(match rest {
            [] => Self::Itself,
            ["consumers"] => Self::Consumers,
            ["consumers", consumer] => Self::Consumer(decode(consumer)),
            ["consumers", consumer, "assignments"] => Self::Assignments(decode(consumer)),
            ["lag-summary"] => Self::LagSummary,
            ["lags"] => Self::Lags,
            ["lags", topic, "partitions", number] => Self::Lag(decode(topic), decode(number)),
            _ => return None,
        })
    }
}

/// What belongs to a consumer instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum InstancePart {
    Itself,
    Subscription,
    Assignments,
    Records,
    Offsets,
    Positions,
    Beginning,
    End,
}

impl InstancePart {
    fn find(rest: &[&str]) -> Option<Self> {
        Some(match rest {
            [] => Self::Itself,
            ["subscription"] => Self::Subscription,
            ["assignments"] => Self::Assignments,
            ["records"] => Self::Records,
            ["offsets"] => Self::Offsets,
            ["positions"] => Self::Positions,
            ["positions", "beginning"] => Self::Beginning,
            ["positions", "end"] => Self::End,
            _ => return None,
        })
    }

    fn methods(self, dialect: Dialect) -> &'static [&'static str] {
        let lacks = match dialect {
            Dialect::Redpanda => !matches!(
                self,
                Self::Itself | Self::Subscription | Self::Records | Self::Offsets
            ),
            _ => false,
        };
        if lacks {
            return &[];
        }
        match (dialect, self) {
            (Dialect::Confluent | Dialect::Karapace, Self::Itself) => &["DELETE", "OPTIONS"],
            (Dialect::Confluent, Self::Subscription) => {
                &["HEAD", "DELETE", "POST", "GET", "OPTIONS"]
            }
            (Dialect::Confluent, Self::Assignments | Self::Offsets) => {
                &["HEAD", "POST", "GET", "OPTIONS"]
            }
            (Dialect::Confluent, Self::Records) => &["HEAD", "GET", "OPTIONS"],
            (Dialect::Confluent, _) => &["POST", "OPTIONS"],
            (Dialect::Karapace, Self::Subscription) => &["DELETE", "GET", "OPTIONS", "POST"],
            (Dialect::Karapace, Self::Assignments | Self::Offsets) => &["GET", "OPTIONS", "POST"],
            (Dialect::Karapace, Self::Records) => &["GET", "OPTIONS"],
            (Dialect::Karapace, _) => &["OPTIONS", "POST"],
            (_, Self::Itself) => &["DELETE"],
            (Dialect::Strimzi, Self::Subscription) => &["POST", "GET", "DELETE"],
            (_, Self::Records) => &["GET"],
            (Dialect::Redpanda, Self::Offsets) => &["GET", "POST"],
            _ => &["POST"],
        }
    }
}

impl<'a> Route<'a> {
    /// The resource of a path (without query), if this dialect's server has it.
    pub(crate) fn find(dialect: Dialect, path: &'a str) -> Option<Self> {
        let mut segments = [""; MOST_SEGMENTS];
        let mut count = 0;
        for segment in path.strip_prefix('/')?.split('/') {
            *segments.get_mut(count)? = segment;
            count += 1;
        }
        let route = match &segments[..count] {
            [""] => Self::Root,
            ["topics"] => Self::Topics,
            ["topics", topic] => Self::Topic(decode(topic)),
            ["topics", topic, "partitions"] => Self::Partitions(decode(topic)),
            ["topics", topic, "partitions", number] => {
                Self::Partition(decode(topic), decode(number))
            }
            ["topics", topic, "partitions", number, "offsets"] => {
                Self::Offsets(decode(topic), decode(number))
            }
            ["brokers"] => Self::Brokers,
            ["v3", "clusters"] => Self::Clusters,
            ["v3", "clusters", id] => Self::Cluster(decode(id)),
            ["v3", "clusters", id, "topics"] => Self::ClusterTopics(decode(id)),
            ["v3", "clusters", id, "topics", topic] => {
                Self::ClusterTopic(decode(id), decode(topic))
            }
            ["v3", "clusters", id, "topics", topic, "partitions"] => {
                Self::ClusterPartitions(decode(id), decode(topic))
            }
            ["v3", "clusters", id, rest @ ..] => Self::find_in_cluster(id, rest)?,
            ["admin", "topics"] => Self::AdminTopics,
            ["healthy" | "ready"] => Self::Healthy,
            ["metrics"] => Self::Metrics,
            ["_health"] => Self::Health,
            ["status", "ready"] => Self::StatusReady,
            ["consumers", group] => Self::Consumers(decode(group)),
            ["consumers", group, "instances", instance, rest @ ..] => {
                Self::Instance(decode(group), decode(instance), InstancePart::find(rest)?)
            }
            _ => return None,
        };
        (!route.methods(dialect).is_empty()).then_some(route)
    }

    /// The rarer resources of a cluster.
    fn find_in_cluster(id: &'a str, rest: &[&'a str]) -> Option<Self> {
        let id = decode(id);
        Some(match rest {
            ["brokers"] => Self::ClusterBrokers(id),
            ["consumer-groups"] => Self::Groups(id),
            ["consumer-groups", group, rest @ ..] => {
                Self::Group(id, decode(group), GroupPart::find(rest)?)
            }
            ["topics", topic, "configs"] => Self::TopicConfigs(id, decode(topic)),
            ["topics", topic, "configs:alter"] => Self::AlterConfigs(id, decode(topic)),
            ["topics", topic, "configs", key] => Self::TopicConfig(id, decode(topic), decode(key)),
            ["topics", topic, "partitions", number] => {
                Self::ClusterPartition(id, decode(topic), decode(number))
            }
            ["topics", topic, "partitions", number, "offset"] => {
                Self::ClusterOffset(id, decode(topic), decode(number))
            }
            _ => return None,
        })
    }

    /// Whether it is one of v3.
    pub(crate) fn is_v3(&self) -> bool {
        matches!(
            self,
            Self::Clusters
                | Self::Cluster(_)
                | Self::ClusterTopics(_)
                | Self::ClusterTopic(..)
                | Self::ClusterPartitions(..)
                | Self::ClusterPartition(..)
                | Self::ClusterOffset(..)
                | Self::ClusterBrokers(_)
                | Self::TopicConfigs(..)
                | Self::TopicConfig(..)
                | Self::AlterConfigs(..)
                | Self::Groups(_)
                | Self::Group(..)
        )
    }

    /// Methods in the order the server names them in `Allow`; empty: it has no such resource.
    pub(crate) fn methods(&self, dialect: Dialect) -> &'static [&'static str] {
        if let Self::Instance(_, _, part) = self {
            return part.methods(dialect);
        }
        match dialect {
            Dialect::Confluent => match self {
                Self::Topic(_) | Self::Partition(..) | Self::ClusterTopics(_) => {
                    &["HEAD", "POST", "GET", "OPTIONS"]
                }
                Self::ClusterTopic(..) => &["HEAD", "DELETE", "GET", "OPTIONS", "PATCH"],
                Self::TopicConfig(..) => &["HEAD", "DELETE", "GET", "OPTIONS", "PUT"],
                Self::Consumers(_) | Self::AlterConfigs(..) => &["POST", "OPTIONS"],
                Self::AdminTopics
                | Self::Healthy
                | Self::Metrics
                | Self::Health
                | Self::StatusReady => &[],
                _ => &["HEAD", "GET", "OPTIONS"],
            },
            Dialect::Strimzi => match self {
                Self::Topic(_) | Self::Partition(..) => &["POST", "GET"],
                Self::AdminTopics | Self::Consumers(_) => &["POST"],
                Self::Root
                | Self::Topics
                | Self::Partitions(_)
                | Self::Offsets(..)
                | Self::Healthy
                | Self::Metrics => &["GET"],
                _ => &[],
            },
            Dialect::Karapace => match self {
                Self::Topic(_) | Self::Partition(..) => &["GET", "OPTIONS", "POST"],
                Self::Consumers(_) => &["OPTIONS", "POST"],
                Self::Root
                | Self::Topics
                | Self::Partitions(_)
                | Self::Offsets(..)
                | Self::Brokers
                | Self::Health => &["GET", "OPTIONS"],
                _ => &[],
            },
            Dialect::Redpanda => match self {
                Self::Topic(_) | Self::Consumers(_) => &["POST"],
                Self::Root | Self::Topics | Self::Brokers | Self::StatusReady => &["GET"],
                _ => &[],
            },
        }
    }
}

/// Percent-decodes one path segment.
fn decode(segment: &str) -> Cow<'_, str> {
    if !segment.contains('%') {
        return Cow::Borrowed(segment);
    }
    let bytes = segment.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let escaped = segment
            .get(at + 1..at + 3)
            .filter(|_| bytes[at] == b'%')
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        out.push(escaped.unwrap_or(bytes[at]));
        at += if escaped.is_some() { 3 } else { 1 };
    }
    Cow::Owned(String::from_utf8_lossy(&out).into_owned())
}

/// A path segment, percent-encoded.
pub(crate) fn encode(segment: &str) -> String {
    let mut out = String::with_capacity(segment.len());
    for byte in segment.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // A string takes all that is written.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// What Jetty finds suspicious in a path before any resource is asked.
pub(crate) fn suspicion(path: &str) -> Option<&'static str> {
    if memchr::memchr2(b'%', b'\\', path.as_bytes()).is_none() {
        return path.contains("//").then_some("Ambiguous URI empty segment");
    }
    let lower = path.to_ascii_lowercase();
    let mut segments = lower.split('/').skip(1);
    if lower.contains('\\') || lower.contains("%5c") {
        Some("Suspicious Path Character")
    } else if segments
        .any(|segment| segment.contains("%2e") && decode(segment).trim_matches('.').is_empty())
    {
        Some("Ambiguous URI path segment")
    } else if lower.contains("%2f") {
        Some("Ambiguous URI path separator")
    } else if lower.contains("//") {
        Some("Ambiguous URI empty segment")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_decoded_and_resources_depend_on_the_dialect() {
        let find = |path| Route::find(Dialect::Confluent, path);
        assert_eq!(find("/topics/a%20b"), Some(Route::Topic("a b".into())));
        assert_eq!(find("/topics/t%C3%A9"), Some(Route::Topic("té".into())));
        assert_eq!(find("/topics/a%zz"), Some(Route::Topic("a%zz".into())));
        assert_eq!(find("/"), Some(Route::Root));
        assert_eq!(find("/nosuch"), None);
        assert_eq!(find("/_health"), None);
        for dialect in [Dialect::Strimzi, Dialect::Karapace, Dialect::Redpanda] {
            assert_eq!(Route::find(dialect, "/v3/clusters"), None);
        }
        assert_eq!(Route::find(Dialect::Strimzi, "/brokers"), None);
        assert_eq!(Route::find(Dialect::Redpanda, "/topics/t/partitions"), None);
    }

    #[test]
    fn a_name_is_encoded_where_it_stands_in_a_path() {
        assert_eq!(encode("my-c.1"), "my-c.1");
        assert_eq!(encode("a b/c%"), "a%20b%2Fc%25");
    }

    #[test]
    fn jetty_refuses_suspicious_paths() {
        assert_eq!(suspicion("/topics/wire"), None);
        assert_eq!(suspicion("/topics/a.b"), None);
        assert!(suspicion("/topics/a%5Cb").is_some());
        assert!(suspicion("/topics/%2e%2E").is_some());
        assert!(suspicion("/topics/a%2Fb").is_some());
        for empty in ["/topics//b", "/topics//b%20"] {
            assert_eq!(suspicion(empty), Some("Ambiguous URI empty segment"));
        }
    }
}
