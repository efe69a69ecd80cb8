//! From layers of settings to one plan: defaults < scenario < environment < flags, then checked as a whole. Pure.

use std::path::PathBuf;
use std::time::Duration;

use super::layers::{Layers, Origins, merge};
use super::settings::Overrides;
use super::threshold::distinct;
use super::{
    BackPressure, DEFAULT_HISTORY, KeyKind, KeyMode, Load, MAX_THREADS, Output, Payload, Plan,
    Reference, Scenario, Stop, Target, Threshold, Topic, baseline, body_bytes, pace, target,
};
use crate::error::Result;
use crate::units::{ByteSize, Rate, duration, grouped};
use crate::wire::Format;

/// Largest request body that is prepared; beyond it no server listens, and memory would grow.
const MAX_BODY_BYTES: u64 = 256 << 20;
/// Longest topic name Kafka takes.
const MAX_TOPIC_CHARS: usize = 249;

/// What the machine adds to a plan.
#[derive(Debug, Clone, Copy)]
pub struct Machine {
    /// Cores that this process may use.
    pub parallelism: u32,
}

/// Makes the plan, and says where each of its values comes from.
///
/// # Errors
/// [`Usage`](crate::error::Error::Usage) or [`Scenario`](crate::error::Error::Scenario), by where the wrong value was said.
pub fn resolve(layers: Layers, machine: Machine) -> Result<(Plan, Origins)> {
    let scenario = layers.scenario.name.clone();
    let (settings, origins) = merge(layers)?;
    let target = target::resolve(&settings, &origins)?;
    let reference = reference(&settings);
    let mut plan = Plan {
        scenario,
        target,
        topic: topic(&settings, &origins)?,
        load: load(&settings, &origins, machine)?,
        payload: payload(&settings, &origins)?,
        thresholds: thresholds(&settings, &origins, reference.as_ref())?,
        reference,
        baseline: baseline::resolve(&settings, &origins)?,
        output: output(&settings, &origins)?,
    };
    let targets = plan.target.urls.len();
    if (plan.load.concurrency as usize) < targets {
        let message = format!(
            "{} is less than the {targets} targets",
            plan.load.concurrency
        );
        return Err(origins.error(
            "load.concurrency",
            &message,
            "at least one connection for each --url",
        ));
    }
    check_body(&plan, &origins)?;
    if settings.threads.is_none() {
        plan.load.threads = plan.load.threads.min(threads_for(&plan));
    }
    Ok((plan, origins))
}

/// The target of a command that sends no load: what the environment and the flags say of it.
///
/// # Errors
/// [`Usage`](crate::error::Error::Usage) that names the flag or the variable.
pub fn resolve_target(environment: Overrides, flags: Overrides) -> Result<Target> {
    let (settings, origins) = merge(Layers {
        scenario: Scenario::silent(),
        environment,
        flags,
    })?;
    target::resolve(&settings, &origins)
}

/// Requests per second and bytes per second that one engine thread sends with ease; it can do several times as much.
const EASY_REQUESTS_PER_SEC: f64 = 10e3;
const EASY_BYTES_PER_SEC: f64 = 100e6;

/// Threads that an open loop has work for. Each of them wakes up for every due request: those without work cost time.
fn threads_for(plan: &Plan) -> u32 {
    let Some(pace) = &plan.load.pace else {
        return u32::MAX;
    };
    let requests_per_sec = pace.peak().0 / f64::from(plan.load.batch_size);
    let bytes_per_sec = requests_per_sec * body_bytes(plan) as f64;
    let threads = requests_per_sec / EASY_REQUESTS_PER_SEC + bytes_per_sec / EASY_BYTES_PER_SEC;
    threads.ceil() as u32
}

fn topic(settings: &Overrides, origins: &Origins) -> Result<Topic> {
    let name = settings
        .topic
        .clone()
        .unwrap_or_else(|| "performance-test".to_owned());
    if !is_topic_name(&name) {
        let shown: String = name.chars().take(60).collect();
        let message = format!("`{}` is not a topic name", shown.escape_debug());
        return Err(origins.error("topic.name", &message, TOPIC_NAME_HINT));
    }
    let partitions = settings.partitions.unwrap_or(48);
    at_least_one(u64::from(partitions), "topic.partitions", origins)?;
    if let Some(replicas) = settings.replication_factor {
        at_least_one(u64::from(replicas), "topic.replication_factor", origins)?;
    }
    Ok(Topic {
        name,
        partitions,
        replication_factor: settings.replication_factor,
        create: settings.create.unwrap_or(true),
    })
}

/// What a topic's name may be.
pub const TOPIC_NAME_HINT: &str = "1 to 249 of a-z A-Z 0-9 . _ -, and not . or ..";

/// Whether Kafka takes this as a topic's name.
pub fn is_topic_name(name: &str) -> bool {
    let legal = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    !name.is_empty()
        && name.len() <= MAX_TOPIC_CHARS
        && name != "."
        && name != ".."
        && name.chars().all(legal)
}

fn at_least_one(value: u64, key: &str, origins: &Origins) -> Result<()> {
    if value == 0 {
        return Err(origins.error(key, "0 is too small", "at least 1"));
    }
    Ok(())
}

fn back_pressure(
    settings: &Overrides,
    origins: &Origins,
    batch_size: u32,
) -> Result<Option<BackPressure>> {
    match (settings.max_lag, &settings.lag_group) {
        (Some(0), _) => Err(origins.error(
            "load.max_lag",
            "0 is too small",
            "a group that is read is always a little behind: at least 1",
        )),
        (Some(_), _) if settings.rate.is_some() || settings.stages.is_some() => Err(origins.error(
            "load.max_lag",
            "an open loop sends at its rate, whatever happens",
            "leave out the rate (or the stages), or the limit",
        )),
        (Some(max_lag), Some(_)) if max_lag < u64::from(batch_size) => {
            let message = format!("{max_lag} is less than a batch of {batch_size}");
            let hint = "no request could ever be sent: raise it, or lower --batch-size";
            Err(origins.error("load.max_lag", &message, hint))
        }
        (Some(max_lag), Some(group)) if !group.is_empty() => Ok(Some(BackPressure {
            group: group.clone(),
            max_lag,
        })),
        (None, None) => Ok(None),
        (Some(_), _) => {
            let hint = "name the consumer group with --lag-group";
            Err(origins.error("load.max_lag", "the lag of which group?", hint))
        }
        (None, Some(_)) => {
            let hint = "say how far it may be behind with --max-lag, or leave it out";
            Err(origins.error("load.lag_group", "has no effect without a limit", hint))
        }
    }
}

fn load(settings: &Overrides, origins: &Origins, machine: Machine) -> Result<Load> {
    let concurrency = settings.concurrency.unwrap_or(10);
    at_least_one(u64::from(concurrency), "load.concurrency", origins)?;
    let batch_size = settings.batch_size.unwrap_or(1_000);
    at_least_one(u64::from(batch_size), "load.batch_size", origins)?;
    let (stages, stop) = match pace::stages(settings, origins)? {
        Some((stages, length)) => (Some(stages), Stop::Duration(length)),
        None => (None, stop(settings, origins, batch_size)?),
    };
    let timeout = settings.timeout.unwrap_or(Duration::from_secs(30));
    more_than_zero(timeout, "load.timeout", origins)?;
    let threads = settings
        .threads
        .unwrap_or(machine.parallelism.min(MAX_THREADS));
    at_least_one(u64::from(threads), "load.threads", origins)?;
    if threads > MAX_THREADS {
        let hint = format!("at most {MAX_THREADS}: a record's id has one character for its thread");
        return Err(origins.error("load.threads", &format!("{threads} is too many"), &hint));
    }
    Ok(Load {
        stop,
        concurrency,
        batch_size,
        pace: pace::pace(settings, origins, stages, stop, batch_size)?,
        warmup: settings.warmup.unwrap_or(Duration::ZERO),
        timeout,
        drain: settings.drain.unwrap_or(timeout),
        threads: threads.min(concurrency),
        verify: settings.verify.unwrap_or(false),
        back_pressure: back_pressure(settings, origins, batch_size)?,
    })
}

fn more_than_zero(value: Duration, key: &str, origins: &Origins) -> Result<()> {
    if value.as_micros() == 0 {
        let message = format!("{} is too short", duration(value));
        return Err(origins.error(key, &message, "more than zero, such as 30s"));
    }
    Ok(())
}

fn stop(settings: &Overrides, origins: &Origins, batch_size: u32) -> Result<Stop> {
    if let Some(length) = settings.duration {
        more_than_zero(length, "load.duration", origins)?;
        return Ok(Stop::Duration(length));
    }
    let Some(messages) = settings.messages else {
        let hint = "set load.messages or load.duration, or give --messages or --duration";
        return Err(origins.error("load.messages", "nothing says how much to send", hint));
    };
    at_least_one(messages, "load.messages", origins)?;
    if u64::from(batch_size) > messages {
        let key = origins.later("load.messages", "load.batch_size");
        let message = format!(
            "a batch of {} is larger than the {} messages of the run",
            grouped(u64::from(batch_size)),
            grouped(messages)
        );
        let hint = format!("add --batch-size {messages}, or send more with --messages");
        return Err(origins.error(key, &message, hint));
    }
    Ok(Stop::Messages(messages))
}

fn payload(settings: &Overrides, origins: &Origins) -> Result<Payload> {
    let keys = settings.keys.unwrap_or(10_000);
    at_least_one(u64::from(keys), "payload.keys", origins)?;
    let hot_ratio = settings.hot_ratio.map_or(0.8, |share| share.0);
    let key = match settings.key.unwrap_or(KeyKind::None) {
        KeyKind::None => KeyMode::None,
        KeyKind::Sequence => KeyMode::Sequence,
        KeyKind::Random => KeyMode::Random { keys },
        KeyKind::Hot => KeyMode::Hot { keys, hot_ratio },
    };
    let message_size = settings.message_size.unwrap_or(ByteSize(121));
    at_least_one(message_size.0, "payload.message_size", origins)?;
    Ok(Payload {
        format: settings.format.unwrap_or(Format::Json),
        message_size,
        content: settings.content.unwrap_or(super::Content::Text),
        key,
        seed: settings.seed.unwrap_or(1),
    })
}

fn reference(settings: &Overrides) -> Option<Reference> {
    let reference = Reference {
        records_per_sec: settings.reference_throughput.map(|rate| rate.0),
        p95: settings.reference_p95,
        success_ratio: settings.reference_success.map(|share| share.0),
        goal_records_per_sec: settings.goal.map(|rate| rate.0),
        source: settings.source.clone(),
    };
    let any_figure = reference.records_per_sec.is_some()
        || reference.p95.is_some()
        || reference.success_ratio.is_some()
        || reference.goal_records_per_sec.is_some();
    any_figure.then_some(reference)
}

fn thresholds(
    settings: &Overrides,
    origins: &Origins,
    reference: Option<&Reference>,
) -> Result<Vec<Threshold>> {
    let mut thresholds = settings.fail_on.clone().unwrap_or_default();
    thresholds.extend(
        settings
            .min_throughput
            .map(|rate: Rate| Threshold::min_throughput(rate)),
    );
    thresholds.extend(settings.max_p95.map(Threshold::max_p95));
    if settings.gate.unwrap_or(false) {
        let figures = reference.map(Reference::thresholds).unwrap_or_default();
        if figures.is_empty() {
            let message = "the scenario has no reference figures to enforce";
            let hint = "add [reference] throughput, p95 or success, or use --fail-on";
            return Err(origins.error("thresholds.gate", message, hint));
        }
        thresholds.extend(figures);
    }
    // Written and derived ones may say the same.
    Ok(distinct(thresholds))
}

fn output(settings: &Overrides, origins: &Origins) -> Result<Output> {
    let files = settings.output.clone().unwrap_or_default();
    for file in &files {
        if super::output_ending(file).is_none() {
            let message = format!("`{}` has no known ending", file.display());
            let endings = super::output_endings_words();
            let hint = format!("the format goes by the ending: {endings}");
            return Err(origins.error("output", &message, &hint));
        }
    }
    Ok(Output {
        files,
        quiet: settings.quiet.unwrap_or(false),
        color: !settings.no_color.unwrap_or(false),
        history: history(settings),
        push_gateway: settings
            .push_gateway
            .as_ref()
            .map(|text| gateway(text, origins))
            .transpose()?,
        prometheus_port: settings.prometheus_port,
    })
}

/// A path of the gateway's API goes behind it: nothing may follow its own.
fn gateway(text: &str, origins: &Origins) -> Result<url::Url> {
    let url = baseline::http_url(text, "push_gateway", origins)?;
    if url.query().is_some() || url.fragment().is_some() {
        let message = "a gateway's URL has no `?` and no `#`";
        let hint = "such as http://localhost:9091";
        return Err(origins.error("push_gateway", message, hint));
    }
    Ok(url)
}

/// `off` stands for no list at all.
fn history(settings: &Overrides) -> Option<PathBuf> {
    let named = settings.history.clone();
    let path = named.unwrap_or_else(|| DEFAULT_HISTORY.into());
    (path.as_os_str() != "off").then_some(path)
}

fn check_body(plan: &Plan, origins: &Origins) -> Result<()> {
    let bytes = body_bytes(plan);
    if bytes <= MAX_BODY_BYTES {
        return Ok(());
    }
    let key = origins.later("load.batch_size", "payload.message_size");
    let message = format!(
        "a request of {} records would be {} bytes, and 256 MiB is the limit",
        grouped(u64::from(plan.load.batch_size)),
        grouped(bytes)
    );
    let hint = "make --batch-size or --message-size smaller";
    Err(origins.error(key, &message, hint))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Origin, Scenario};
    use std::path::Path;

    fn layer(text: &str) -> Overrides {
        let scenario = Scenario::parse(Path::new("layer.toml"), text);
        scenario
            .unwrap_or_else(|error| panic!("{text}: {error}"))
            .overrides
    }

    fn resolved(scenario: &str, environment: &str, flags: &str) -> Result<(Plan, Origins)> {
        let layers = Layers {
            scenario: Scenario::parse(Path::new("s.toml"), scenario)?,
            environment: layer(environment),
            flags: layer(flags),
        };
        resolve(layers, Machine { parallelism: 4 })
    }

    const SMALL: &str = "load.messages = 100\nload.batch_size = 10\n";

    #[test]
    fn the_later_layer_wins_and_is_remembered() {
        let (plan, origins) = resolved(
            &format!("{SMALL}load.concurrency = 1\nload.timeout = \"5s\""),
            "load.concurrency = 2\nload.batch_size = 20",
            "load.concurrency = 3",
        )
        .expect("a plan");
        assert_eq!((plan.load.concurrency, plan.load.batch_size), (3, 20));
        assert_eq!(
            plan.load.drain,
            Duration::from_secs(5),
            "drain follows the time-out"
        );
        assert_eq!(plan.load.threads, 3, "never more threads than connections");
        assert_eq!(
            *origins.of("load.concurrency"),
            Origin::Flag("--concurrency")
        );
        assert_eq!(
            *origins.of("load.batch_size"),
            Origin::Environment("KRUSH_BATCH_SIZE".to_owned())
        );
        assert_eq!(
            *origins.of("load.timeout"),
            Origin::Scenario {
                path: "s.toml".into(),
                line: 4
            }
        );
        assert_eq!(*origins.of("load.drain"), Origin::Default);
    }

    #[test]
    fn an_open_loop_has_as_many_threads_as_it_has_work_for() {
        let threads = |text: &str| {
            let text = format!("load.duration = \"9s\"\nload.concurrency = 64\n{text}");
            resolved(&text, "", "").expect("a plan").0.load.threads
        };
        assert_eq!(threads(""), 4);
        assert_eq!(threads("load.batch_size = 1\nload.rate = \"1k/s\""), 1);
        assert_eq!(threads("load.batch_size = 1\nload.rate = \"15k/s\""), 2);
        assert_eq!(threads("load.batch_size = 1\nload.rate = \"1M/s\""), 4);
        assert_eq!(threads("load.rate = \"1M/s\""), 3, "240 MB/s");
        let spike = "load.batch_size = 1\nload.rate = \"1k/s\"\nload.spike = \"35k/s@1s+1s\"";
        assert_eq!(threads(spike), 4);
        assert_eq!(threads("load.rate = \"1k/s\"\nload.threads = 4"), 4);
        assert_eq!(threads("load.threads = 62"), 62);
        let refused = resolved("load.duration = \"9s\"\nload.threads = 63", "", "").unwrap_err();
        assert!(refused.to_string().contains("63 is too many"), "{refused}");
    }

    #[test]
    fn of_settings_that_exclude_each_other_the_later_layer_wins() {
        let stop = |scenario, environment, flags| {
            let plan = resolved(scenario, environment, flags).expect("a plan").0;
            plan.load.stop
        };
        let seconds = |n| Stop::Duration(Duration::from_secs(n));
        let timed = "load.duration = \"9s\"";
        assert_eq!(stop(SMALL, timed, ""), seconds(9));
        assert_eq!(
            stop(SMALL, timed, "load.messages = 2000"),
            Stop::Messages(2000)
        );
        assert_eq!(
            stop(timed, "load.messages = 2000", ""),
            Stop::Messages(2000)
        );
        assert_eq!(
            stop(timed, "load.messages = 2000", "load.duration = \"1s\""),
            seconds(1)
        );

        let target = |environment, flags| {
            let target = resolved(SMALL, environment, flags)
                .expect("a plan")
                .0
                .target;
            (target.named, target.embedded, target.urls[0].to_string())
        };
        let (url, default) = (
            "target.url = \"http://a\"",
            "http://localhost:8082/".to_owned(),
        );
        assert_eq!(target("", ""), (false, false, default.clone()));
        assert_eq!(target(url, ""), (true, false, "http://a/".to_owned()));
        assert_eq!(
            target(url, "target.embedded = true"),
            (false, true, default)
        );
        assert_eq!(
            target("target.embedded = true", url),
            (true, false, "http://a/".to_owned())
        );
        let off = target(url, "target.embedded = false");
        assert_eq!(
            off,
            (true, false, "http://a/".to_owned()),
            "a switch that is off excludes nothing"
        );
    }

    #[test]
    fn credentials_in_a_url_are_basic_authentication() {
        let url = "target.url = \"https://me:p%40ss@h:1/base/\"";
        let target = resolved(SMALL, url, "").expect("a plan").0.target;
        assert_eq!(target.urls[0].as_str(), "https://h:1/base/");
        // base64 of me:p@ss
        let header = target.auth.map(|auth| auth.header_value());
        assert_eq!(header.as_deref(), Some("Basic bWU6cEBzcw=="));
        for second in [
            "target.user = \"a:b\"",
            "target.bearer = \"t\"",
            "target.headers = \"Authorization: x\"",
        ] {
            let error = resolved(SMALL, url, second).expect_err(second).to_string();
            assert!(error.contains("already"), "{error}");
        }
        let two = "target.url = [\"http://a:b@h\", \"http://c:d@h\"]";
        assert!(resolved(SMALL, two, "").is_err());
    }

    #[test]
    fn thresholds_come_from_every_source_of_them() {
        let text = format!(
            "{SMALL}thresholds.fail_on = [\"p99 > 2s\"]\nthresholds.gate = true\nreference.throughput = \"50/s\"\n"
        );
        let flags = "thresholds.max_p95 = \"1s\"\nthresholds.min_throughput = \"7k/s\"";
        let plan = resolved(&text, "", flags).expect("a plan").0;
        let said: Vec<String> = plan.thresholds.iter().map(ToString::to_string).collect();
        assert_eq!(
            said,
            [
                "p99 > 2s",
                "throughput < 7000/s",
                "p95 > 1s",
                "throughput < 50/s"
            ]
        );
        let replaced = resolved(&text, "", "thresholds.fail_on = \"max > 1s\"")
            .expect("a plan")
            .0;
        assert_eq!(replaced.thresholds[0].to_string(), "max > 1s");
    }

    #[test]
    fn the_setting_that_was_said_last_is_blamed() {
        let blamed = |scenario: &str, environment, flags| {
            resolved(scenario, environment, flags)
                .expect_err("too large a batch")
                .to_string()
        };
        let message =
            |who: &str| format!("{who}: a batch of 10 is larger than the 5 messages of the run");
        assert_eq!(
            blamed(SMALL, "", "load.messages = 5"),
            message("--messages")
        );
        let five = "load.messages = 5\nload.batch_size = 1";
        assert_eq!(
            blamed(five, "load.batch_size = 10", ""),
            message("KRUSH_BATCH_SIZE")
        );
        let both = "load.messages = 5\nload.batch_size = 10";
        assert_eq!(
            blamed(both, "", ""),
            format!("s.toml:1: {}", message("load.messages"))
        );
    }
}
