//! `krush topics size`: partitions for a rate, from what one partition takes and one consumer reads.

use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::super::control;
use super::super::interrupt::Interrupts;
use super::super::load;
use super::super::prepare::{Prepared, prepare};
use crate::cli::SizeArgs;
use crate::engine::Control;
use crate::error::{Error, Result, exit};
use crate::plan::{Layers, Machine, Overrides, Plan, Scenario, resolve};
use crate::rest::{
    BaseUri, Client, ConsumerClient, ConsumerSettings, Fetch, Partition, Patience, RecordFormat,
    Reset,
};
use crate::standin::Embedded;
use crate::units::{Rate, counted, duration, grouped, rate_digits};

/// Limit for each call of the control plane.
const CALL_TIMEOUT: Duration = Duration::from_secs(15);
/// What a fetch waits for records.
const FETCH_WAIT: Duration = Duration::from_secs(1);
/// Fetches without a record after which there are none left.
const EMPTY_FETCHES: u32 = 3;

/// A rate, and whether it was measured here.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
struct Found {
    records_per_sec: f64,
    measured: bool,
}

/// The sizing.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Sizing {
    target_records_per_sec: f64,
    produce: Found,
    consume: Found,
    /// `max(t/p, t/c)`, before it is rounded up.
    ratio: f64,
    partitions: u64,
}

/// Measures what was not given, and prints how many partitions it takes.
///
/// # Errors
/// A target that cannot be used, or at which one partition could not be measured.
pub(super) fn size(args: &SizeArgs) -> Result<u8> {
    let given = |rate: Option<Rate>| {
        rate.map(|Rate(rate)| Found {
            records_per_sec: rate,
            measured: false,
        })
    };
    let rates = match (given(args.produce_rate), given(args.consume_rate)) {
        (Some(produce), Some(consume)) => Some((produce, consume)),
        (produce, consume) => {
            measured(args)?.map(|(p, c)| (produce.unwrap_or(p), consume.unwrap_or(c)))
        }
    };
    let Some((produce, consume)) = rates else {
        return Ok(exit::INTERRUPTED);
    };
    let sizing = sizing(args.target, produce, consume);
    let text = if args.json {
        control::json(&sizing)?
    } else {
        words(&sizing, args)
    };
    control::print(&text)
}

fn sizing(target: Rate, produce: Found, consume: Found) -> Sizing {
    let ratio = (target.0 / produce.records_per_sec).max(target.0 / consume.records_per_sec);
    Sizing {
        target_records_per_sec: target.0,
        produce,
        consume,
        ratio,
        // A rate that is reached exactly needs no further partition, whatever the last digit of a float says.
        partitions: ((ratio - 1e-9).ceil() as u64).max(1),
    }
}

/// Produce and consume rate of one partition of a topic of its own; `None` if it was interrupted.
fn measured(args: &SizeArgs) -> Result<Option<(Found, Found)>> {
    let mut plan = plan(args)?;
    let control = Arc::new(Control::new());
    let interrupts = Interrupts::watch(Arc::clone(&control))?;
    let mut stderr = std::io::stderr();
    let no_stand_in = || {
        Err(Error::Internal(
            "a named target needs no stand-in".to_owned(),
        ))
    };
    let ready = prepare::<Embedded>(&mut plan, Patience::default(), &mut stderr, no_stand_in);
    let Some(prepared) = interrupts.unless_interrupted(ready) else {
        return Ok(None);
    };
    let prepared = prepared?;
    let rates = both(args, &plan, &prepared, &control, &interrupts);
    // A Ctrl-C that ended the load is told here once more.
    let remove = || interrupts.unless_interrupted(remove(&plan));
    let left = remove().or_else(remove);
    if let Some(Err(why)) = left {
        // Nothing is left to do if standard error is closed.
        let _ = writeln!(stderr, "warning: topic {} was left: {why}", plan.topic.name);
    }
    rates
}

fn both(
    args: &SizeArgs,
    plan: &Plan,
    prepared: &Prepared<Embedded>,
    control: &Control,
    interrupts: &Interrupts,
) -> Result<Option<(Found, Found)>> {
    let say = |what: &str| {
        let time = duration(args.duration);
        // Nothing is left to do if standard error is closed.
        let _ = writeln!(std::io::stderr(), "{what} {} for {time}", plan.topic.name);
    };
    say("producing to");
    let Some(report) = load::applied(plan, prepared, control, &mut |_| {})? else {
        return Ok(None);
    };
    let acked = report.ledger.records.acked;
    if control.interrupts() > 0 {
        return Ok(None);
    }
    if acked == 0 {
        let why = report.verdict.reasons.join("; ");
        return Err(Error::target(
            format!(
                "no record was acknowledged in topic {}: {why}",
                plan.topic.name
            ),
            "see what a load run says: krush basic",
        ));
    }
    let found = |records_per_sec| Found {
        records_per_sec,
        measured: true,
    };
    let produce = found(report.summary.records_per_sec);
    if args.consume_rate.is_some() {
        return Ok(Some((produce, produce)));
    }
    say("reading back");
    let dialect = prepared.facts.dialect;
    let url = url(plan)?;
    let consumers =
        ConsumerClient::new(&plan.target, url, CALL_TIMEOUT, dialect, BaseUri::Rewrite)?;
    let read = interrupts.unless_interrupted(read_back(&consumers, plan, acked, args.duration));
    interrupts.unless_interrupted(consumers.close(CALL_TIMEOUT));
    let Some(read) = read else { return Ok(None) };
    Ok(Some((produce, found(read?))))
}

/// One partition, produced to as any load is.
fn plan(args: &SizeArgs) -> Result<Plan> {
    let typed = args.control.typed.clone();
    let flags = Overrides {
        topic: Some(topic_name()),
        partitions: Some(1),
        duration: Some(args.duration),
        batch_size: Some(args.batch_size),
        concurrency: Some(args.concurrency),
        message_size: Some(args.message_size),
        quiet: Some(true),
        ..typed.flags
    };
    let layers = Layers {
        scenario: Scenario::silent(),
        environment: typed.environment,
        flags,
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let parallelism = u32::try_from(cores).unwrap_or(u32::MAX);
    let (mut plan, _) = resolve(layers, Machine { parallelism })?;
    // Figures of a stand-in that nobody asked for would size nothing.
    plan.target.named = true;
    Ok(plan)
}

/// A topic that nobody else has.
fn topic_name() -> String {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let millis = since.unwrap_or_default().as_millis();
    format!("krush-size-{millis}-{}", std::process::id())
}

fn url(plan: &Plan) -> Result<&url::Url> {
    let first = plan.target.urls.first();
    first.ok_or_else(|| Error::Internal("a plan without a target".to_owned()))
}

/// Records a second that one consumer instance reads of them.
async fn read_back(
    consumers: &ConsumerClient,
    plan: &Plan,
    records: u64,
    limit: Duration,
) -> Result<f64> {
    let topic = &plan.topic.name;
    let settings = ConsumerSettings {
        format: RecordFormat::Json,
        reset: Reset::Earliest,
        auto_commit: false,
        fetch_min_bytes: Some(1),
    };
    let instance = consumers.create(topic, "size", settings).await?;
    let partition = Partition {
        topic: topic.clone(),
        partition: 0,
    };
    instance.assign(std::slice::from_ref(&partition)).await?;
    instance.seek_to_beginning(&[partition]).await?;
    let fetch = Fetch {
        wait: Some(FETCH_WAIT),
        max_bytes: None,
    };
    let start = Instant::now();
    let (mut read, mut last, mut empty) = (0, start, 0);
    while read < records && empty < EMPTY_FETCHES && start.elapsed() < limit {
        let batch = instance.fetch(fetch).await?;
        if batch.is_empty() {
            empty += 1;
            continue;
        }
        empty = 0;
        read += batch.len() as u64;
        last = Instant::now();
    }
    if read == 0 {
        return Err(Error::target(
            format!("no record of topic {topic} could be read back"),
            "give what one consumer reads with --consume-rate",
        ));
    }
    Ok(read as f64 / last.duration_since(start).as_secs_f64())
}

/// Deletes the topic, where the server can.
async fn remove(plan: &Plan) -> Result<()> {
    let client = Client::new(&plan.target, url(plan)?, CALL_TIMEOUT)?;
    let topic = &plan.topic.name;
    match client.cluster_id().await {
        Ok(cluster) => match client.delete_topic_v3(&cluster, topic).await {
            Err(error) if error.is_not_found() => Ok(()),
            answer => Ok(answer?),
        },
        Err(error) if error.is_not_found() => Err(Error::target(
            "the server cannot delete topics over HTTP",
            format!("delete it: kafka-topics --delete --topic {topic}"),
        )),
        Err(error) => Err(error.into()),
    }
}

fn words(sizing: &Sizing, args: &SizeArgs) -> String {
    let rate = |found: Found| format!("{} records/s", rate_digits(found.records_per_sec));
    let origin = |found: Found| if found.measured { "measured" } else { "given" };
    let Sizing {
        produce, consume, ..
    } = sizing;
    let rows = [
        (
            "target t",
            format!("{} records/s", rate_digits(sizing.target_records_per_sec)),
        ),
        (
            "one partition takes p",
            format!("{}, {}", rate(*produce), origin(*produce)),
        ),
        (
            "one consumer reads c",
            format!("{}, {}", rate(*consume), origin(*consume)),
        ),
        (
            "max(t/p, t/c)",
            format!(
                "max({:.2}, {:.2}) = {:.2}",
                sizing.target_records_per_sec / produce.records_per_sec,
                sizing.target_records_per_sec / consume.records_per_sec,
                sizing.ratio
            ),
        ),
        ("partitions", grouped(sizing.partitions)),
    ];
    let lines = rows.map(|(label, value)| format!("{label:<22} {value}\n"));
    let mut text = lines.concat();
    if produce.measured || consume.measured {
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            "\nMeasured with a single partition, on this machine and this path: {}, {} in a request,\npayloads of {}, one consumer of one group, for {} each. More partitions share brokers, disks\nand proxies, so that they do not add up for ever: test the result with a load run.\n",
            counted(u64::from(args.concurrency), "connection", "connections"),
            counted(u64::from(args.batch_size), "record", "records"),
            args.message_size,
            duration(args.duration)
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_are_rounded_up_and_never_none() {
        for (target, produce, consume, partitions) in [
            (50e3, 12e3, 20e3, 5),
            (50e3, 20e3, 12e3, 5),
            (60e3, 12e3, 20e3, 5),
            (60e3 + 1.0, 12e3, 20e3, 6),
            (1.0, 12e3, 20e3, 1),
            (0.3, 0.1, 1.0, 3),
        ] {
            let found = |records_per_sec| Found {
                records_per_sec,
                measured: false,
            };
            let sized = sizing(Rate(target), found(produce), found(consume));
            assert_eq!(sized.partitions, partitions, "{target} {produce} {consume}");
        }
    }
}
