//! What an instance is created with, in the words of the server that is asked.

use serde_json::{Value, json};

use super::format::RecordFormat;
use crate::wire::Dialect;

/// Where a partition is read from that has no committed offset.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Default,
    serde::Serialize,
    serde::Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Reset {
    /// The oldest record.
    #[default]
    Earliest,
    /// Records that come later.
    Latest,
}

impl Reset {
    /// The value of `auto.offset.reset`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Earliest => "earliest",
            Self::Latest => "latest",
        }
    }
}

/// What an instance is created with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConsumerSettings {
    /// How records are embedded.
    pub format: RecordFormat,
    /// `auto.offset.reset`.
    pub reset: Reset,
    /// Whether the server commits by itself what was fetched.
    pub auto_commit: bool,
    /// A fetch ends once it has this many bytes; `None`: the server's default. Confluent's proxy has none, so that each
    /// fetch takes its whole time.
    pub fetch_min_bytes: Option<u32>,
}

impl ConsumerSettings {
    /// The body of `POST /consumers/{group}`. Strimzi refuses every key that it does not know, and strings for numbers;
    /// Karapace refuses a string for `fetch.min.bytes`.
    pub(super) fn body(&self, name: &str, dialect: Dialect) -> Value {
        let mut body = json!({
            "name": name,
            "format": self.format.name(),
            "auto.offset.reset": self.reset.name(),
        });
        match dialect {
            Dialect::Strimzi => body["enable.auto.commit"] = json!(self.auto_commit),
            Dialect::Confluent | Dialect::Karapace | Dialect::Redpanda => {
                body["auto.commit.enable"] = json!(self.auto_commit.to_string());
            }
        }
        if let Some(bytes) = self.fetch_min_bytes {
            body["fetch.min.bytes"] = json!(bytes);
        }
        body
    }
}

/// The offset to write into a commit so that `next` is where reading goes on. Confluent's proxy and Karapace take the last
/// offset that was read and store one more; Strimzi and Redpanda store what they are told. `None`: nothing was read before
/// `next`, and there is no way to say so.
pub(super) fn committed_as(next: i64, dialect: Dialect) -> Option<i64> {
    match dialect {
        Dialect::Confluent | Dialect::Karapace => (next > 0).then(|| next - 1),
        Dialect::Strimzi | Dialect::Redpanda => Some(next),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_server_is_asked_in_its_words() {
        let settings = ConsumerSettings {
            format: RecordFormat::Json,
            reset: Reset::Earliest,
            auto_commit: false,
            fetch_min_bytes: Some(1),
        };
        let bodies = Dialect::ALL.map(|dialect| settings.body("c1", dialect).to_string());
        insta::assert_snapshot!(bodies.join("\n"), @r#"
        {"auto.commit.enable":"false","auto.offset.reset":"earliest","fetch.min.bytes":1,"format":"json","name":"c1"}
        {"auto.offset.reset":"earliest","enable.auto.commit":false,"fetch.min.bytes":1,"format":"json","name":"c1"}
        {"auto.commit.enable":"false","auto.offset.reset":"earliest","fetch.min.bytes":1,"format":"json","name":"c1"}
        {"auto.commit.enable":"false","auto.offset.reset":"earliest","fetch.min.bytes":1,"format":"json","name":"c1"}
        "#);
    }

    #[test]
    fn a_commit_means_the_same_everywhere() {
        for (dialect, next, written) in [
            (Dialect::Confluent, 5, Some(4)),
            (Dialect::Confluent, 0, None),
            (Dialect::Karapace, 1, Some(0)),
            (Dialect::Strimzi, 5, Some(5)),
            (Dialect::Strimzi, 0, Some(0)),
            (Dialect::Redpanda, 5, Some(5)),
        ] {
            assert_eq!(committed_as(next, dialect), written, "{dialect:?} {next}");
        }
    }
}
