//! A resolved plan as text: a scenario that would give the same plan, with the origin of every value beside it.

use std::fmt::Write as _;

use super::stage::{spike_word, stage_word};
use super::threshold::share;
use super::{
    Against, Auth, Baseline, KeyMode, Load, Origin, Origins, Plan, Rates, Repeat, SETTINGS, Stop,
};
use crate::units::{ByteSize, duration};

/// Parts of header names that say their value is a secret.
const SECRET_PARTS: [&str; 9] = [
    "auth",
    "cookie",
    "credential",
    "key",
    "passw",
    "secret",
    "session",
    "signature",
    "token",
];

/// Names of headers whose values are never printed or reported: anything that carries credentials.
pub fn is_secret_header(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    SECRET_PARTS.iter().any(|part| name.contains(part))
}

/// A rendered request with the values of secret headers replaced by `***`; the rest is as it would be sent.
pub fn without_secrets(request: &[u8]) -> Vec<u8> {
    const END: &[u8] = b"\r\n";
    let head = request.windows(4).position(|four| four == b"\r\n\r\n");
    let (head, rest) = request.split_at(head.unwrap_or(request.len()));
    let mut shown = Vec::with_capacity(request.len());
    for (index, line) in String::from_utf8_lossy(head).split("\r\n").enumerate() {
        if index > 0 {
            shown.extend_from_slice(END);
        }
        match line.split_once(':') {
            Some((name, _)) if index > 0 && is_secret_header(name) => {
                shown.extend_from_slice(format!("{name}: ***").as_bytes());
            }
            _ => shown.extend_from_slice(line.as_bytes()),
        }
    }
    shown.extend_from_slice(rest);
    shown
}

/// The plan as TOML, a key a line, each with a comment that says where its value comes from. Secrets are `***`.
pub fn describe(plan: &Plan, origins: &Origins) -> String {
    let mut text = String::new();
    let mut table = "";
    for setting in SETTINGS {
        let Some(value) = described(plan, setting.key) else {
            continue;
        };
        // What is no scenario key goes into comments, so that the text stays a scenario.
        let (of, name) = setting.key.split_once('.').unwrap_or(("", setting.key));
        if of != table {
            // Writing to a String cannot fail.
            let _ = match of {
                "" => writeln!(text),
                of => write!(text, "\n[{of}]\n"),
            };
            table = of;
        }
        let name = match of {
            "" => format!("# {name}"),
            _ => name.to_owned(),
        };
        let origin = match setting.key {
            "thresholds.fail_on" => threshold_origins(origins),
            "target.embedded" => origin(asked_for_stand_in(plan, origins)),
            key => origin(origins.of(key)),
        };
        let line = format!("{name} = {value}");
        let _ = writeln!(text, "{line:<50} # {origin}");
    }
    text.trim_start().to_owned()
}

/// Faults or a model alone ask for the stand-in.
fn asked_for_stand_in<'a>(plan: &Plan, origins: &'a Origins) -> &'a Origin {
    let outright = origins.of("target.embedded");
    match *outright == Origin::Default {
        true if !plan.target.faults.is_empty() => origins.of("target.faults"),
        true if plan.target.model.is_some() => origins.of("target.model"),
        _ => outright,
    }
}

fn origin(origin: &Origin) -> String {
    match origin {
        Origin::Default => "default".to_owned(),
        Origin::Scenario { path, line } => format!("{}:{line}", path.display()),
        Origin::Environment(variable) => variable.clone(),
        Origin::Flag(flag) => (*flag).to_owned(),
    }
}

/// Thresholds are printed as one list, whichever settings they were made from.
fn threshold_origins(origins: &Origins) -> String {
    let all = SETTINGS
        .iter()
        .filter(|setting| setting.key.starts_with("thresholds."));
    let mut said: Vec<String> = all
        .map(|setting| origins.of(setting.key))
        .filter(|from| **from != Origin::Default)
        .map(origin)
        .collect();
    said.dedup();
    said.join(", ")
}

fn quoted(text: &(impl ToString + ?Sized)) -> String {
    toml::Value::String(text.to_string()).to_string()
}

fn list(items: impl IntoIterator<Item = String>) -> String {
    let items: Vec<String> = items.into_iter().map(|item| quoted(&item)).collect();
    format!("[{}]", items.join(", "))
}

/// A size as it can be written in a scenario.
fn size(size: ByteSize) -> String {
    quoted(&size.to_string().replace([' ', ','], ""))
}

fn rate(per_sec: f64) -> String {
    quoted(&format!("{per_sec}/s"))
}

/// The value of a setting of the load as TOML.
fn load_value(load: &Load, key: &str) -> Option<String> {
    let pace = load.pace.as_ref();
    let stages = pace.and_then(|pace| match &pace.rates {
        Rates::Constant(_) => None,
        Rates::Stages(stages) => Some(stages),
    });
    let limit = load.back_pressure.as_ref();
    match key {
        "load.messages" => match load.stop {
            Stop::Messages(messages) => Some(messages.to_string()),
            Stop::Duration(_) => None,
        },
        "load.duration" => match load.stop {
            // What follows from the stages is not said again.
            Stop::Duration(length) if stages.is_none() => Some(quoted(&duration(length))),
            Stop::Messages(_) | Stop::Duration(_) => None,
        },
        "load.concurrency" => Some(load.concurrency.to_string()),
        "load.batch_size" => Some(load.batch_size.to_string()),
        "load.rate" => match pace?.rates {
            Rates::Constant(records) => Some(rate(records.0)),
            Rates::Stages(_) => None,
        },
        "load.stage" => stages.map(|stages| list(stages.iter().map(stage_word))),
        "load.spike" => pace?.spike.as_ref().map(|spike| quoted(&spike_word(spike))),
        "load.arrivals" => Some(quoted(pace?.arrivals.name())),
        "load.warmup" => Some(quoted(&duration(load.warmup))),
        "load.timeout" => Some(quoted(&duration(load.timeout))),
        "load.drain" => Some(quoted(&duration(load.drain))),
        "load.threads" => Some(load.threads.to_string()),
        "load.verify" => Some(load.verify.to_string()),
        "load.max_lag" => limit.map(|limit| limit.max_lag.to_string()),
        "load.lag_group" => limit.map(|limit| quoted(&limit.group)),
        _ => None,
    }
}

/// The value of a setting of the comparison as TOML.
fn baseline_value(baseline: &Baseline, key: &str) -> Option<String> {
    let duet = matches!(baseline.against, Against::Target(_));
    match (key, &baseline.against) {
        ("comparison.baseline", Against::Report(path)) => Some(quoted(&path.display())),
        ("comparison.baseline_url", Against::Target(url)) => Some(quoted(&bare(url))),
        ("comparison.margin", _) => Some(quoted(&share(baseline.margin))),
        ("comparison.run_noise", _) => baseline.run_noise.map(|noise| quoted(&share(noise))),
        ("comparison.force", _) => Some(baseline.force.to_string()),
        ("comparison.repeat", _) if duet => Some(match baseline.repeat {
            Repeat::Auto => quoted("auto"),
            Repeat::Pairs(pairs) => pairs.to_string(),
        }),
        ("comparison.max_time", _) if duet => Some(quoted(&duration(baseline.max_time))),
        _ => None,
    }
}

/// A URL without user and password.
fn bare(url: &url::Url) -> String {
    let mut url = url.clone();
    // Both fail only for URLs that cannot have a user, and then there is none to remove.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.as_str().trim_end_matches('/').to_owned()
}

/// The value of a setting as TOML; `None` if the plan has none. Secrets are `***`.
pub fn described(plan: &Plan, key: &str) -> Option<String> {
    let (target, load, payload) = (&plan.target, &plan.load, &plan.payload);
    let reference = plan.reference.as_ref();
    let path =
        |path: &Option<std::path::PathBuf>| path.as_ref().map(|path| quoted(&path.display()));
    match key {
        "target.url" => (!target.embedded).then(|| {
            list(
                target
                    .urls
                    .iter()
                    .map(|url| url.as_str().trim_end_matches('/').to_owned()),
            )
        }),
        "target.embedded" => Some(target.embedded.to_string()),
        "target.faults" => {
            (!target.faults.is_empty()).then(|| list(target.faults.iter().map(ToString::to_string)))
        }
        "target.model" => target.model.as_ref().map(quoted),
        "target.dialect" => Some(quoted(
            &target.dialect.map_or("auto", |dialect| dialect.name()),
        )),
        "target.headers" => (!target.headers.is_empty()).then(|| {
            list(target.headers.iter().map(|(name, value)| {
                let shown = if is_secret_header(name) { "***" } else { value };
                format!("{name}: {shown}")
            }))
        }),
        "target.user" => match &target.auth {
            Some(Auth::Basic { user, .. }) => Some(quoted(&format!("{user}:***"))),
            _ => None,
        },
        "target.bearer" => match &target.auth {
            Some(Auth::Bearer(_)) => Some(quoted(&"***")),
            _ => None,
        },
        "target.ca_cert" => path(&target.tls.ca),
        "target.client_cert" => path(&target.tls.cert),
        "target.client_key" => path(&target.tls.key),
        "target.insecure" => Some(target.tls.insecure.to_string()),
        "topic.name" => Some(quoted(&plan.topic.name)),
        "topic.partitions" => Some(plan.topic.partitions.to_string()),
        "topic.replication_factor" => plan.topic.replication_factor.map(|n| n.to_string()),
        "topic.create" => Some(plan.topic.create.to_string()),
        key if key.starts_with("load.") => load_value(load, key),
        "payload.format" => Some(quoted(&payload.format.name())),
        "payload.message_size" => Some(size(payload.message_size)),
        "payload.content" => Some(quoted(&payload.content.name())),
        "payload.key" => Some(quoted(&payload.key.kind().name())),
        "payload.keys" => match payload.key {
            KeyMode::None | KeyMode::Sequence => None,
            KeyMode::Random { keys } | KeyMode::Hot { keys, .. } => Some(keys.to_string()),
        },
        "payload.hot_ratio" => match payload.key {
            KeyMode::Hot { hot_ratio, .. } => Some(quoted(&share(hot_ratio))),
            KeyMode::None | KeyMode::Sequence | KeyMode::Random { .. } => None,
        },
        "payload.seed" => Some(payload.seed.to_string()),
        "thresholds.fail_on" => (!plan.thresholds.is_empty())
            .then(|| list(plan.thresholds.iter().map(ToString::to_string))),
        key if key.starts_with("comparison.") => baseline_value(plan.baseline.as_ref()?, key),
        "reference.throughput" => reference?.records_per_sec.map(rate),
        "reference.p95" => reference?.p95.map(|p95| quoted(&duration(p95))),
        "reference.success" => reference?.success_ratio.map(|ratio| quoted(&share(ratio))),
        "reference.goal" => reference?.goal_records_per_sec.map(rate),
        "reference.source" => reference?.source.as_ref().map(quoted),
        "output" if plan.output.files.is_empty() => {
            Some(list(["results/TIME-SCENARIO.json".to_owned()]))
        }
        "output" => {
            let files = plan.output.files.iter();
            Some(list(files.map(|file| file.display().to_string())))
        }
        "history" => Some(path(&plan.output.history).unwrap_or_else(|| quoted("off"))),
        "push_gateway" => plan
            .output
            .push_gateway
            .as_ref()
            .map(|url| quoted(&bare(url))),
        "prometheus_port" => plan.output.prometheus_port.map(|port| port.to_string()),
        "quiet" => Some(plan.output.quiet.to_string()),
        "no_color" => Some((!plan.output.color).to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shown_request_keeps_everything_but_secrets() {
        let request = b"POST /topics/key: HTTP/1.1\r\nHost: h\r\nAuthorization: Basic bWU=\r\nX-Api-Key:abc\r\nX-Run: 7\r\n\r\nAuthorization: body\xff\r\n";
        let shown = without_secrets(request);
        assert_eq!(
            shown,
            b"POST /topics/key: HTTP/1.1\r\nHost: h\r\nAuthorization: ***\r\nX-Api-Key: ***\r\nX-Run: 7\r\n\r\nAuthorization: body\xff\r\n"
        );
        assert_eq!(
            without_secrets(b"GET / HTTP/1.1\r\nCookie: a=b"),
            b"GET / HTTP/1.1\r\nCookie: ***"
        );
    }
}
