//! One record at a time, produced over v2 to see how long that takes now.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde::Deserialize;
use serde_json::json;
use url::Url;

use super::client::Client;
use super::failure::{CallError, sketch};
use crate::error::Result;
use crate::plan::Target;
use crate::wire::{ACCEPT_V2, Format};

/// Produces single records to one topic, over a connection that is kept.
#[derive(Debug, Clone)]
pub struct Canary {
    client: Client,
    path: String,
}

#[derive(Deserialize)]
struct Reply {
    offsets: Vec<Entry>,
}

/// What a server says of a record; all dialects.
#[derive(Deserialize)]
struct Entry {
    offset: Option<i64>,
    error_code: Option<i64>,
    error: Option<String>,
    message: Option<String>,
}

impl Canary {
    /// A canary for `topic`, which must exist: a record for a missing one holds a thread of the server for a minute.
    ///
    /// # Errors
    /// [`Error::Usage`](crate::error::Error::Usage) for unreadable TLS files and headers that HTTP does not allow.
    pub fn new(target: &Target, url: &Url, timeout: Duration, topic: &str) -> Result<Self> {
        Ok(Self {
            client: Client::keeping(target, url, timeout)?,
            path: format!("/topics/{topic}"),
        })
    }

    /// Produces a record and says how long it took until it was acknowledged.
    ///
    /// # Errors
    /// Why it was not acknowledged, in one line. Without an answer it may be stored all the same.
    pub async fn produce(&self, value: &str) -> Result<Duration, String> {
        let body = json!({"records": [{"value": {"canary": value}}]}).to_string();
        let body = Some((Format::Json.content_type(), body));
        let start = Instant::now();
        let reply = self
            .client
            .exchange(Method::POST, &self.path, ACCEPT_V2, body)
            .await;
        let took = start.elapsed();
        let reply = reply.map_err(|error: CallError| error.to_string())?;
        let entries = serde_json::from_slice::<Reply>(&reply.body);
        let entry = entries
            .ok()
            .and_then(|reply| reply.offsets.into_iter().next());
        if let Some(entry) = entry {
            return entry.acknowledged().map(|()| took);
        }
        let call = format!("POST {}", self.path);
        let accepted = self.client.accepted(&call, &reply);
        accepted.map_err(|error| error.to_string())?;
        let found = sketch(&reply.body);
        Err(format!("{call} was answered with {found}"))
    }
}

impl Entry {
    /// Karapace stores a record and says offset -1; otherwise only an offset is an acknowledgement.
    fn acknowledged(self) -> Result<(), String> {
        match (self.error_code, self.error.or(self.message), self.offset) {
            (None, None, Some(offset)) if offset >= -1 => Ok(()),
            (code, text, _) => {
                let text = text.unwrap_or_else(|| "no offset".to_owned());
                let code = code.map_or(String::new(), |code| format!(" (error_code {code})"));
                Err(format!("the record was refused: {text}{code}"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::scripted::{Answer, Scripted, json, recorded};
    use super::*;
    use crate::plan::{Overrides, resolve_target};

    fn said(answer: Answer) -> Result<(), String> {
        let server = Scripted::start(&[("POST /topics/t", answer)]);
        let target = resolve_target(Overrides::default(), Overrides::default()).expect("a target");
        let limit = Duration::from_millis(300);
        let canary = Canary::new(&target, &server.url(), limit, "t").expect("a canary");
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let outcome = runtime.expect("a runtime").block_on(canary.produce("x"));
        let url = server.url().as_str().trim_end_matches('/').to_owned();
        outcome
            .map(|_| ())
            .map_err(|error| error.replace(&url, "URL"))
    }

    #[test]
    fn only_an_acknowledged_record_counts() {
        let entry = |entry: &str| json(200, &format!("{{\"offsets\":[{entry}]}}"));
        for good in [
            r#"{"partition":0,"offset":5,"error_code":null,"error":null}"#,
            r#"{"partition":0,"offset":5}"#,
            r#"{"partition":0,"offset":-1}"#,
        ] {
            assert_eq!(said(entry(good)), Ok(()), "{good}");
        }
        let late = entry(r#"{"offset":1}"#).after(Duration::from_secs(2));
        let refused: Vec<String> = [
            entry(r#"{"partition":null,"offset":null,"error_code":50003,"error":"Expiring"}"#),
            entry(r#"{"error_code":404,"message":"not present"}"#),
            entry(r#"{"offset":null}"#),
            json(200, r#"{"offsets":[]}"#),
            json(422, r#"{"offsets":[{"error":"no","error_code":1}]}"#),
            recorded("confluent-8.0.5", "get-topic-missing"),
            late,
        ]
        .map(|answer| said(answer).expect_err("no record"))
        .to_vec();
        insta::assert_snapshot!(refused.join("\n"), @r#"
        the record was refused: Expiring (error_code 50003)
        the record was refused: not present (error_code 404)
        the record was refused: no offset
        POST /topics/t was answered with `{"offsets":[]}`
        the record was refused: no (error_code 1)
        URL answered POST /topics/t with HTTP 404, error_code 40403: This server does not host this topic-partition.
        URL did not answer POST /topics/t within 300ms
        "#);
    }
}
