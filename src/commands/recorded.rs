//! For tests: commands at a server that answers as the real ones were recorded to.

use std::time::Duration;

use super::control::Connected;
use crate::error::{Error, Result};
use crate::plan::{Overrides, resolve_target};
use crate::rest::scripted::{Answer, Scripted, recorded};
use crate::rest::{Client, Patience, probe};

/// The recorded cluster of v3.
pub(super) const CLUSTER: &str = "/v3/clusters/MkU3OEVBNTcwNTJENDM2Qk";

/// A server that says of itself what `name` was recorded to say, and these answers.
pub(super) fn server(name: &str, calls: &[(&str, Answer)]) -> Scripted {
    let mut script = vec![
        ("GET /", recorded(name, "get-root")),
        ("GET /topics", recorded(name, "get-topics")),
        ("GET /v3/clusters", recorded(name, "get-v3-clusters")),
    ];
    script.extend_from_slice(calls);
    Scripted::start(&script)
}

/// Text or error of some work at that server, its address left out.
pub(super) fn said(
    server: &Scripted,
    work: impl AsyncFnOnce(Connected) -> Result<String>,
) -> String {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let outcome = runtime.block_on(async {
        let target = resolve_target(Overrides::default(), Overrides::default())?;
        let client = Client::new(&target, &server.url(), Duration::from_secs(5))?;
        let patience = Patience::default();
        let server = probe(&client, &server.url(), patience, &mut Vec::new()).await?;
        work(Connected { client, server }).await
    });
    let text = outcome.unwrap_or_else(|error: Error| {
        let hint = error.hint().unwrap_or_default().to_owned();
        format!("error {}: {error}\nhint: {hint}\n", error.exit_code())
    });
    text.replace(server.url().as_str().trim_end_matches('/'), "URL")
}
