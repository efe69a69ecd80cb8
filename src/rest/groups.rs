//! Consumer groups over v3: their state and their lag. Only Confluent REST Proxy has these calls.

use serde::Deserialize;
use url::Url;

use super::client::Client;
use super::failure::CallError;

/// How far a group is behind in one partition.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct PartitionLag {
    /// The topic.
    #[serde(rename = "topic_name")]
    pub topic: String,
    /// The partition's number.
    #[serde(rename = "partition_id")]
    pub partition: u32,
    /// Member of the group that reads it; empty or left out if nobody does.
    pub consumer_id: Option<String>,
    /// What that member calls itself.
    pub client_id: Option<String>,
    /// Offset that the group reads next, as it has committed it; left out or negative without a commit.
    pub current_offset: Option<i64>,
    /// Offset of the next record to be written.
    pub log_end_offset: i64,
}

/// The lag of a whole group, and the partition in which it is largest.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct LagSummary {
    /// Records that are not read yet, in all partitions.
    pub total_lag: i64,
    /// The same in the partition that is behind most.
    pub max_lag: i64,
    /// The topic of that one.
    pub max_lag_topic_name: String,
    /// Its number.
    pub max_lag_partition_id: u32,
}

impl Client {
    /// The state of a group, such as `STABLE` or `EMPTY`.
    ///
    /// # Errors
    /// No answer, or 404 for a group that Kafka does not know.
    pub async fn group_state(&self, cluster: &str, group: &str) -> Result<String, CallError> {
        #[derive(Deserialize)]
        struct Body {
            state: String,
        }
        let body: Body = self.get(&group_path(cluster, group), JSON).await?;
        Ok(body.state)
    }

    /// The lag of a group in each partition that it has committed an offset of; 120 to 170 ms on Confluent's proxy.
    ///
    /// # Errors
    /// No answer, or 404 for an unknown group and for one without commits.
    pub async fn group_lags(
        &self,
        cluster: &str,
        group: &str,
    ) -> Result<Vec<PartitionLag>, CallError> {
        let path = format!("{}/lags", group_path(cluster, group));
        self.get_list(&path).await
    }

    /// The lag of a group in one figure.
    ///
    /// # Errors
    /// As [`group_lags`](Self::group_lags).
    pub async fn group_lag_summary(
        &self,
        cluster: &str,
        group: &str,
    ) -> Result<LagSummary, CallError> {
        let path = format!("{}/lag-summary", group_path(cluster, group));
        self.get(&path, JSON).await
    }
}

const JSON: &str = "application/json";

fn group_path(cluster: &str, group: &str) -> String {
    format!("/v3/clusters/{cluster}/consumer-groups/{}", segment(group))
}

/// A name as one segment of a path: a group may have any character in its name.
pub fn segment(name: &str) -> String {
    let Ok(mut url) = Url::parse("http://localhost") else {
        return name.to_owned();
    };
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.push(name);
    }
    url.path().trim_start_matches('/').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_name_is_one_segment() {
        for (name, wanted) in [
            ("group-1", "group-1"),
            ("a b/c?d", "a%20b%2Fc%3Fd"),
            ("é%", "%C3%A9%25"),
        ] {
            assert_eq!(segment(name), wanted);
        }
    }
}
