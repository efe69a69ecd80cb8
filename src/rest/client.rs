//! One server of the control plane: how it is called, and what it says of itself.

use std::time::Duration;

use reqwest::header::{
    ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LOCATION, SERVER,
};
use reqwest::{Method, redirect};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use url::Url;

use super::failure::{CallError, Problem, error_body, problem, sketch};
use super::tls::client_config;
use crate::error::{Error, Result};
use crate::plan::Target;
use crate::wire::ACCEPT_V2;

/// Longest answer that is read: a list of a hundred thousand topics fits.
const MAX_ANSWER_BYTES: usize = 64 << 20;
/// Longest answer of a fetch: the 64 MiB that Confluent's proxy gives at most, as base64 and with names and offsets around.
const MAX_FETCH_BYTES: usize = 512 << 20;
/// Confluent's proxy closes connections that were idle for 30 s, without a word.
const IDLE_AT_MOST: Duration = Duration::from_secs(20);
/// Idle connections kept for each host.
const IDLE_CONNECTIONS: usize = 64;

/// One server of the control plane.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    base: String,
    timeout: Duration,
    max_answer_bytes: usize,
}

/// An answer, read to its end.
#[derive(Debug, Clone)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// The `Server` header.
    pub server: Option<String>,
    /// The `Location` header.
    pub location: Option<String>,
    /// The body.
    pub body: Vec<u8>,
}

/// What `GET /` tells.
#[derive(Debug, Clone, Default)]
pub struct Root {
    /// The `Server` header.
    pub server: Option<String>,
    /// `bridge_version`: only Strimzi's bridge has it.
    pub bridge_version: Option<String>,
}

impl Client {
    /// A client for one of the target's base URLs; `timeout` bounds each call, connecting included.
    ///
    /// # Errors
    /// [`Error::Usage`] for unreadable TLS files and headers that HTTP does not allow.
    pub fn new(target: &Target, url: &Url, timeout: Duration) -> Result<Self> {
        // A connection for each call: the keep-alive defect of Confluent REST Proxy 8.0.0 spoils only later ones.
        let http = http(target, |builder| builder.pool_max_idle_per_host(0))?;
        Ok(Self {
            http,
            base: url.as_str().trim_end_matches('/').to_owned(),
            timeout,
            max_answer_bytes: MAX_ANSWER_BYTES,
        })
    }

    /// A client that keeps its connections and reads long answers: for consumers, which fetch again and again.
    pub(super) fn keeping(target: &Target, url: &Url, timeout: Duration) -> Result<Self> {
        let http = http(target, |builder| {
            builder
                .pool_max_idle_per_host(IDLE_CONNECTIONS)
                .pool_idle_timeout(IDLE_AT_MOST)
        })?;
        Ok(Self {
            http,
            base: url.as_str().trim_end_matches('/').to_owned(),
            timeout,
            max_answer_bytes: MAX_FETCH_BYTES,
        })
    }

    /// The same client at another base URL.
    pub(super) fn at(&self, base: String) -> Self {
        Self {
            base,
            ..self.clone()
        }
    }

    /// Limit for each call.
    pub(super) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// The same client with another limit for each call.
    #[must_use]
    pub fn with_timeout(&self, timeout: Duration) -> Self {
        Self {
            timeout,
            ..self.clone()
        }
    }

    /// The base URL, without a slash at its end.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// `GET /`. Redpanda answers 404 here, which is no error.
    ///
    /// # Errors
    /// No answer, or one that asks for credentials or points elsewhere.
    pub async fn root(&self) -> Result<Root, CallError> {
        #[derive(Deserialize)]
        struct Body {
            bridge_version: Option<String>,
        }
        let reply = self.exchange(Method::GET, "/", ACCEPT_V2, None).await?;
        if matches!(reply.status, 401 | 403 | 300..=399) {
            self.accepted("GET /", &reply)?;
        }
        let body: Option<Body> = serde_json::from_slice(&reply.body).ok();
        Ok(Root {
            server: reply.server,
            bridge_version: body.and_then(|body| body.bridge_version),
        })
    }

    /// `GET /brokers`: their ids.
    ///
    /// # Errors
    /// No answer, or one that is not the list; Strimzi and Redpanda do not have it.
    pub async fn brokers(&self) -> Result<Vec<i64>, CallError> {
        #[derive(Deserialize)]
        struct Body {
            brokers: Vec<i64>,
        }
        let body: Body = self.get("/brokers", ACCEPT_V2).await?;
        Ok(body.brokers)
    }

    /// `GET /topics`: their names.
    ///
    /// # Errors
    /// No answer, or one that is not the list.
    pub async fn topics(&self) -> Result<Vec<String>, CallError> {
        self.get("/topics", ACCEPT_V2).await
    }

    /// `GET /v3/clusters`: the id of the first cluster, which is the only one a REST Proxy has.
    ///
    /// # Errors
    /// No answer, 404 on servers without v3, or an answer without a cluster.
    pub async fn cluster_id(&self) -> Result<String, CallError> {
        #[derive(Deserialize)]
        struct Cluster {
            cluster_id: String,
        }
        #[derive(Deserialize)]
        struct Body {
            data: Vec<Cluster>,
        }
        let body: Body = self.get("/v3/clusters", "application/json").await?;
        let first = body.data.into_iter().next();
        first.map(|cluster| cluster.cluster_id).ok_or_else(|| {
            self.fail(
                "GET /v3/clusters",
                Problem::NotJson("an empty list of clusters".to_owned()),
            )
        })
    }

    /// Whether `path` answers with a success.
    ///
    /// # Errors
    /// No answer.
    pub async fn has(&self, path: &str) -> Result<bool, CallError> {
        let reply = self.exchange(Method::GET, path, "*/*", None).await?;
        Ok((200..300).contains(&reply.status))
    }

    /// What a GET answers, as JSON.
    pub(super) async fn get<T: DeserializeOwned>(
        &self,
        path: &str,
        accept: &'static str,
    ) -> Result<T, CallError> {
        let reply = self.exchange(Method::GET, path, accept, None).await?;
        let call = format!("GET {path}");
        self.accepted(&call, &reply)?;
        serde_json::from_slice(&reply.body)
            .map_err(|_| self.fail(&call, Problem::NotJson(sketch(&reply.body))))
    }

    /// Whether the answer is a success; if not, what it says.
    pub(super) fn accepted(&self, call: &str, reply: &Reply) -> Result<(), CallError> {
        let problem = match (reply.status, &reply.location) {
            (200..300, _) => return Ok(()),
            (status @ 300..400, Some(location)) => Problem::Redirect {
                status,
                location: location.clone(),
            },
            (status, _) => {
                let (code, text) = error_body(&reply.body);
                Problem::Status { status, code, text }
            }
        };
        Err(self.fail(call, problem))
    }

    pub(super) fn fail(&self, call: &str, problem: Problem) -> CallError {
        CallError {
            call: call.to_owned(),
            url: self.base.clone(),
            problem,
        }
    }

    /// One call, its answer read to its end.
    pub(super) async fn exchange(
        &self,
        method: Method,
        path: &str,
        accept: &'static str,
        body: Option<(&'static str, String)>,
    ) -> Result<Reply, CallError> {
        let call = format!("{method} {path}");
        let mut request = self
            .http
            .request(method, format!("{}{path}", self.base))
            .header(ACCEPT, accept)
            .timeout(self.timeout);
        if let Some((content_type, body)) = body {
            request = request.header(CONTENT_TYPE, content_type).body(body);
        }
        let failed = |error: &reqwest::Error| self.fail(&call, problem(error, self.timeout));
        let mut response = request.send().await.map_err(|error| failed(&error))?;
        let header = |name| {
            let value = response.headers().get(name)?;
            Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
        };
        let (server, location) = (header(SERVER), header(LOCATION));
        let status = response.status().as_u16();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| failed(&error))? {
            body.extend_from_slice(&chunk);
            if body.len() > self.max_answer_bytes {
                let what = format!("longer than {} MiB", self.max_answer_bytes >> 20);
                return Err(self.fail(&call, Problem::NotJson(what)));
            }
        }
        Ok(Reply {
            status,
            server,
            location,
            body,
        })
    }
}

/// Connections as the target asks for them, kept as `keep` says.
fn http(
    target: &Target,
    keep: impl FnOnce(reqwest::ClientBuilder) -> reqwest::ClientBuilder,
) -> Result<reqwest::Client> {
    let tls = client_config(&target.tls)?;
    let builder = reqwest::Client::builder()
        .tls_backend_preconfigured((*tls).clone())
        .default_headers(headers(target)?)
        .redirect(redirect::Policy::none())
        .no_proxy()
        .http1_only();
    keep(builder)
        .build()
        .map_err(|error| Error::Internal(format!("control-plane client: {error}")))
}

fn headers(target: &Target) -> Result<HeaderMap> {
    let mut headers = HeaderMap::new();
    for (name, value) in &target.headers {
        let wrong = || {
            Error::usage(format!(
                "--header: `{name}` cannot be sent as an HTTP header"
            ))
        };
        let value = HeaderValue::from_bytes(value.as_bytes()).map_err(|_| wrong())?;
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| wrong())?;
        headers.append(name, value);
    }
    if let Some(auth) = &target.auth {
        let value = auth.header_value();
        let mut value = HeaderValue::from_bytes(value.as_bytes())
            .map_err(|_| Error::usage("--bearer: the token cannot be sent in an HTTP header"))?;
        value.set_sensitive(true);
        headers.insert(AUTHORIZATION, value);
    }
    Ok(headers)
}
