//! Figures for a Prometheus Pushgateway.
//!
//! Source: the README of prometheus/pushgateway: `PUT /metrics/job/JOB/LABEL/VALUE` replaces the group with these labels; a value that is no path
//! segment is written in URL-safe base64, and its label ends in `@base64`.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::header::CONTENT_TYPE;
use reqwest::redirect;
use url::Url;

use super::failure::{CallError, Problem, problem, sketch};
use super::tls::client_config;
use crate::plan::Tls;

/// Limit for the whole exchange.
const PATIENCE: Duration = Duration::from_secs(10);
/// Content type of the text format.
pub const PROMETHEUS_TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Replaces what the gateway holds of this scenario by `text`. Credentials in the URL are sent as basic authentication. Trust is that of the
/// target (`--ca-cert`, `--insecure`); its client certificate and credentials are for the target alone.
///
/// # Errors
/// What happened, in one line without credentials.
pub async fn push(gateway: &Url, tls: &Tls, scenario: &str, text: String) -> Result<(), String> {
    let trust = Tls {
        ca: tls.ca.clone(),
        cert: None,
        key: None,
        insecure: tls.insecure,
    };
    let config = client_config(&trust).map_err(|error| error.to_string())?;
    let client = reqwest::Client::builder()
        .tls_backend_preconfigured((*config).clone())
        .redirect(redirect::Policy::none())
        .no_proxy()
        .http1_only()
        .timeout(PATIENCE)
        .build()
        .map_err(|error| format!("no client: {error}"))?;
    let url = group(gateway, scenario);
    let mut request = client
        .put(url.clone())
        .header(CONTENT_TYPE, PROMETHEUS_TEXT);
    if !gateway.username().is_empty() || gateway.password().is_some() {
        request = request.basic_auth(decoded(gateway.username()), gateway.password().map(decoded));
    }
    let failed = |problem: Problem| {
        let call = format!("PUT {}", url.path());
        let url = url.origin().ascii_serialization();
        CallError { call, url, problem }.to_string()
    };
    let answer = request.body(text).send().await;
    let answer = answer.map_err(|error| failed(problem(&error, PATIENCE)))?;
    let status = answer.status();
    if status.is_success() {
        return Ok(());
    }
    let body = answer.bytes().await.unwrap_or_default();
    Err(failed(Problem::Status {
        status: status.as_u16(),
        code: None,
        text: sketch(&body),
    }))
}

/// Where the group of a scenario is, without credentials.
fn group(gateway: &Url, scenario: &str) -> Url {
    let mut url = gateway.clone();
    // Neither can fail: an http URL has a host.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let is_segment =
        !scenario.is_empty() && scenario.chars().all(plain) && !matches!(scenario, "." | "..");
    let (label, value) = match (is_segment, scenario) {
        (true, name) => ("scenario", name.to_owned()),
        // The gateway's own spelling of nothing.
        (false, "") => ("scenario@base64", "=".to_owned()),
        (false, name) => ("scenario@base64", URL_SAFE_NO_PAD.encode(name)),
    };
    let base = url.path().trim_end_matches('/').to_owned();
    url.set_path(&format!("{base}/metrics/job/krush/{label}/{value}"));
    url
}

/// A part of a URL as it was meant.
fn decoded(part: &str) -> String {
    // What means something in a form means itself here.
    let query = format!("x={}", part.replace('+', "%2B").replace('&', "%26"));
    let mut pairs = url::form_urlencoded::parse(query.as_bytes());
    pairs
        .next()
        .map_or_else(String::new, |(_, value)| value.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_group_is_that_of_the_scenario_and_names_no_credentials() {
        for (gateway, scenario, wanted) in [
            (
                "http://gw:9091",
                "extreme",
                "http://gw:9091/metrics/job/krush/scenario/extreme",
            ),
            (
                "http://me:secret@gw/prefix/",
                "64kb",
                "http://gw/prefix/metrics/job/krush/scenario/64kb",
            ),
            (
                "http://gw",
                "a/b",
                "http://gw/metrics/job/krush/scenario@base64/YS9i",
            ),
            (
                "http://gw",
                "..",
                "http://gw/metrics/job/krush/scenario@base64/Li4",
            ),
            (
                "http://gw",
                "über",
                "http://gw/metrics/job/krush/scenario@base64/w7xiZXI",
            ),
            (
                "http://gw",
                "",
                "http://gw/metrics/job/krush/scenario@base64/=",
            ),
        ] {
            let url = group(&gateway.parse().unwrap(), scenario);
            assert_eq!(url.as_str(), wanted);
        }
    }

    #[test]
    fn credentials_are_sent_as_they_were_meant() {
        assert_eq!(decoded("a%40b+c&d=e"), "a@b+c&d=e");
    }
}
