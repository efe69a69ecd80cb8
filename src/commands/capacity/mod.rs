//! `krush capacity`: the highest open-loop rate that holds a latency limit; then twice that rate, and how it is got over.

mod overload;
mod planned;
mod search;
mod show;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::time::Duration;

use self::overload::{After, Stages};
use self::planned::{Given, Planned};
use self::search::{Ended, Held, LOWEST, Purpose, Range, search};
use self::show::Sized;
use super::progress::Line;
use super::trials::{self, Aim, Bench, Look, Ran, known_us};
use crate::cli::CapacityArgs;
use crate::error::{Error, Result, exit};
use crate::measure::PERCENTILES;
use crate::plan::{Comparison, Layers, Metric, Overrides, StageSetting, Threshold};
use crate::report::{self, Report, SecondLatency, SecondRow};
use crate::units::{Rate, counted, duration, grouped, latency, percent, rate_digits};

/// Connections and records a request, where nothing else is said.
const CONNECTIONS: u32 = 50;
const BATCH: u32 = 100;
/// Load of a step before its clock starts, where nothing else is said.
const WARMUP: Duration = Duration::from_secs(1);
/// Requests beyond the percentile that a step is to have, and those below which it proves nothing.
const BEYOND: f64 = 5.0;
const LEAST_BEYOND: f64 = 2.0;
/// Least length of a step in times of the limit: a queue that grows for so long by a ninth of what comes has missed it.
const TIMES_LIMIT: u32 = 10;
/// Of what is due after the first second of a step, what may be answered later without the queue counting as growing.
const LATE: f64 = 0.03;
/// Longest step.
const LONGEST: Duration = Duration::from_mins(1);
/// Of the quickest answer, up to which the median of a step counts as the same: nothing waited.
const FLAT: f64 = 1.25;
/// Of the rate that was found, the least that counts as an overload.
const LEAST_OVER: f64 = 1.1;
/// Of the rate that was found, what is offered for a time, and then.
const OVER: f64 = 2.0;
const AFTER: f64 = 0.5;
/// The time before the overload and after it, in times of it: what only queues, and stores as much as before, is done within two.
const TIME_BEFORE: f64 = 0.5;
const TIME_AFTER: u32 = 4;
/// Connections of the overload, as a multiple, so that it reaches the target; and the most.
const MORE: u32 = 8;
const MOST_CONNECTIONS: u32 = 1_000;
/// Checks whose failing says that the generator was the limit, and the one that says the target was.
const OFFERED: &str = "offered rate reached";

/// What must hold.
#[derive(Debug, Clone, Copy, serde::Serialize)]
pub(super) struct Slo {
    /// 0 to 100.
    pub(super) percentile: f64,
    /// Most latency at it, in µs.
    pub(super) limit_us: u64,
    /// Least share of the records acked, 0 to 1.
    pub(super) min_success: f64,
}

/// Runs it and returns the exit code.
///
/// # Errors
/// What kept it from coming to an end.
pub fn capacity(args: &CapacityArgs) -> Result<u8> {
    let files = outputs(args)?;
    let layers = trials::layers("capacity", &[], args.file.as_deref(), &args.load.typed)?;
    let slo = slo(args, &layers)?;
    check(args)?;
    let range = range(args, &layers, slo)?;
    let first = step(&layers, args, slo, args.start.0);
    let (plan, _) = trials::resolved(&layers, super::machine(), first.clone())?;
    if args.load.dry_run {
        let planned = planned(args, &layers, slo, range, Aim::of(&plan));
        let text = if args.json {
            planned.json()
        } else {
            planned.text()
        };
        return super::load::written(super::say(&text));
    }
    let Some(mut bench) = Bench::open(layers.clone(), wide(first, &layers))? else {
        return Ok(exit::INTERRUPTED);
    };
    let quiet = bench.plan.output.quiet;
    if !quiet && !args.json {
        super::load::written(super::say(&bench.header("capacity")))?;
    }
    let mut line = Line::new(quiet);
    let mut steps = Vec::new();
    let mut number = 0;
    let ended = search(range, &mut steps, &mut |rate, purpose| {
        number += 1;
        line.show(
            (f64::from(number) / 16.0).min(0.8),
            progress(number, rate, purpose, length(&layers, args, slo, rate)),
        );
        offer(&bench, slo, step(&layers, args, slo, rate))
    })?;
    let mut over = After::None;
    if let Ended::Found(rate) | Ended::AtMost(rate) = ended
        && !args.overload.is_zero()
    {
        over = match stages(args, range, rate) {
            None => After::NotAllowed,
            Some(stages) => {
                let words = format!(
                    "overload: {} rec/s for {}",
                    rate_digits(stages.over_rate),
                    duration(args.overload)
                );
                line.show(0.9, words);
                match overloaded(&bench, &layers, stages, slo) {
                    Err(error @ Error::Target { .. }) => After::Lost(error.to_string()),
                    ended => ended?,
                }
            }
        };
    }
    line.end();
    let lost = matches!(ended, Ended::Lost { .. }) || matches!(over, After::Lost(_));
    match bench.end() {
        // A stand-in that died is the target that was lost, and what was found is still to be told.
        Err(_) if lost => {}
        ended => ended?,
    }
    let sized = Sized::new(steps, &ended, over, slo, bench.target());
    for file in &files {
        report::write_text(&sized.json(), file)?;
    }
    let text = match (args.json, quiet) {
        (true, _) => sized.json(),
        (false, true) => sized.verdict.text(),
        (false, false) => sized.text(&files),
    };
    super::load::written(super::say(&text))?;
    Ok(sized.verdict.exit_code)
}

fn outputs(args: &CapacityArgs) -> Result<Vec<PathBuf>> {
    let files = &args.load.output;
    for file in files {
        if file.extension().is_none_or(|ending| ending != "json") {
            return Err(Error::Usage {
                message: format!(
                    "--output: `{}` has no ending that krush capacity writes",
                    file.display()
                ),
                hint: Some(".json has all figures".to_owned()),
            });
        }
        trials::check_output(file)?;
    }
    trials::overwrites_nothing(files, args.file.as_deref())?;
    Ok(files.clone())
}

/// What must hold, from `--slo` or `--max-p95`.
fn slo(args: &CapacityArgs, layers: &Layers) -> Result<Slo> {
    let max_p95 = trials::said(layers, |layer| layer.max_p95);
    let (percentile, limit_us) = match (&args.slo, max_p95) {
        (Some(slo), None) => latency_limit(slo)?,
        (None, Some(limit)) => (95.0, limit.as_micros() as u64),
        (None, None) => {
            return Err(Error::Usage {
                message: "krush capacity needs a limit: a rate that nothing must hold has no end"
                    .to_owned(),
                hint: Some("add --slo 'p95 < 500ms'".to_owned()),
            });
        }
        (Some(_), Some(_)) => {
            return Err(Error::Usage {
                message: "--slo and --max-p95 both say what must hold".to_owned(),
                hint: Some("leave out one of them".to_owned()),
            });
        }
    };
    if limit_us == 0 {
        return Err(Error::usage("--slo: a latency of 0 holds for nobody"));
    }
    Ok(Slo {
        percentile,
        limit_us,
        min_success: args.min_success.0,
    })
}

/// The percentile and the limit of `p95 < 500ms`.
fn latency_limit(slo: &Threshold) -> Result<(f64, u64)> {
    let wrong = |why: &str| Error::Usage {
        message: format!("--slo: `{}` {why}", slo.expression),
        hint: Some(
            "write what must hold, such as 'p95 < 500ms'; success has --min-success".to_owned(),
        ),
    };
    let Metric::Latency(percentile) = slo.metric else {
        return Err(wrong("is no latency percentile"));
    };
    if !PERCENTILES
        .iter()
        .any(|(_, known)| (known - percentile).abs() < 1e-9)
    {
        return Err(wrong("is none of p50, p90, p95, p99 and p99.9"));
    }
    match slo.fails_if {
        Comparison::Less | Comparison::LessOrEqual => Ok((percentile, slo.value as u64)),
        Comparison::Greater | Comparison::GreaterOrEqual => Err(wrong("says what must not hold")),
    }
}

fn check(args: &CapacityArgs) -> Result<()> {
    let wrong = |message: &str, hint: &str| {
        Err(Error::Usage {
            message: message.to_owned(),
            hint: Some(hint.to_owned()),
        })
    };
    if args.step < Duration::from_millis(100) || args.step > LONGEST {
        return wrong("--step: a step takes 100ms to 1m", "such as --step 5s");
    }
    if !(0.001..=0.5).contains(&args.precision.0) {
        return wrong("--precision: from 0.1% to 50%", "such as --precision 5%");
    }
    if !args.overload.is_zero() && args.overload < Duration::from_secs(2) {
        return wrong(
            "--overload: at least 2s, because it is looked at second by second",
            "or 0s for none",
        );
    }
    if args.overload.subsec_nanos() != 0 {
        return wrong(
            "--overload: whole seconds, because it is looked at second by second",
            "such as --overload 3s",
        );
    }
    if args.max_rate.is_some_and(|most| most.0 < args.start.0) {
        return wrong(
            "--max-rate: lower than --start",
            "start lower, or allow more",
        );
    }
    Ok(())
}

fn batch(layers: &Layers) -> u32 {
    trials::said(layers, |layer| layer.batch_size).unwrap_or(BATCH)
}

fn connections(layers: &Layers) -> u32 {
    trials::said(layers, |layer| layer.concurrency).unwrap_or(CONNECTIONS)
}

/// Where the search begins and ends. Below the lowest rate, the longest step has too few requests for its percentile.
fn range(args: &CapacityArgs, layers: &Layers, slo: Slo) -> Result<Range> {
    let needed = (samples(slo, LEAST_BEYOND) - 1e-6).ceil();
    let batch = batch(layers);
    let least = needed / LONGEST.as_secs_f64() * f64::from(batch);
    if args.start.0 < least {
        let has = args.start.0 / f64::from(batch) * LONGEST.as_secs_f64();
        return Err(Error::Usage {
            message: format!(
                "--start: at {} in batches of {}, the longest step ({}) has {} requests, and P{} needs {}",
                args.start,
                grouped(u64::from(batch)),
                duration(LONGEST),
                rate_digits(has),
                slo.percentile,
                grouped(needed as u64)
            ),
            hint: Some(format!(
                "use --start {}/s or more, or a lower --batch-size",
                least.ceil()
            )),
        });
    }
    Ok(Range {
        start: args.start.0,
        most: args.max_rate.map_or(f64::INFINITY, |rate| rate.0),
        least: (args.start.0 * LOWEST).max(least),
        precision: args.precision.0,
    })
}

/// What would be done.
fn planned(args: &CapacityArgs, layers: &Layers, slo: Slo, range: Range, target: Aim) -> Planned {
    let warmup = trials::said(layers, |layer| layer.warmup).unwrap_or(WARMUP);
    let overload = stages(args, range, range.start).filter(|_| !args.overload.is_zero());
    let given = Given {
        target,
        batch_size: batch(layers),
        connections: connections(layers),
        slo,
        overload: overload.map_or(Duration::ZERO, |stages| {
            warmup + Duration::from_secs(stages.before + stages.over + stages.after)
        }),
    };
    let length = |rate: f64| length(layers, args, slo, rate) + warmup;
    Planned::new(given, range, &length)
}

/// How long a step takes: long enough for its percentile, and for a queue that grows to be seen.
fn length(layers: &Layers, args: &CapacityArgs, slo: Slo, rate: f64) -> Duration {
    let requests_per_sec = rate / f64::from(batch(layers));
    let most = LONGEST.as_secs_f64();
    let samples = Duration::from_secs_f64((samples(slo, BEYOND) / requests_per_sec).min(most));
    let limit = Duration::from_micros(slo.limit_us).saturating_mul(TIMES_LIMIT);
    args.step.max(samples).max(limit).min(LONGEST)
}

/// The settings of a step.
fn step(layers: &Layers, args: &CapacityArgs, slo: Slo, rate: f64) -> Overrides {
    Overrides {
        duration: Some(length(layers, args, slo, rate)),
        rate: Some(Rate(rate)),
        ..common(layers)
    }
}

fn common(layers: &Layers) -> Overrides {
    Overrides {
        batch_size: Some(batch(layers)),
        concurrency: Some(connections(layers)),
        warmup: Some(trials::said(layers, |layer| layer.warmup).unwrap_or(WARMUP)),
        ..Overrides::default()
    }
}

/// The same with the connections of the overload.
fn wide(change: Overrides, layers: &Layers) -> Overrides {
    let connections = connections(layers);
    Overrides {
        concurrency: Some(
            connections
                .saturating_mul(MORE)
                .min(MOST_CONNECTIONS)
                .max(connections),
        ),
        ..change
    }
}

/// Requests of which so many lie beyond the percentile.
fn samples(slo: Slo, beyond: f64) -> f64 {
    beyond * 100.0 / (100.0 - slo.percentile)
}

fn progress(number: u32, rate: f64, purpose: Purpose, length: Duration) -> String {
    let why = match purpose {
        Purpose::Bracket => "looking for a rate that misses",
        Purpose::Bisect => "coming nearer",
        Purpose::Confirm => "confirming",
    };
    format!(
        "step {number}: {} rec/s for {}, {why}",
        rate_digits(rate),
        duration(length)
    )
}

/// Offers a rate. A run that the generator spoiled is repeated once: a busy machine may have been the cause.
fn offer(bench: &Bench, slo: Slo, change: Overrides) -> Result<Option<(Look, Held)>> {
    let plan = bench.plan(change)?;
    let mut again = true;
    loop {
        let Some(ran) = bench.run(&plan, &|_| false)? else {
            return Ok(None);
        };
        let held = held(&ran.report, slo);
        if again && ran.slow.is_none() && matches!(held, Held::Void(_)) {
            again = false;
            continue;
        }
        return Ok(Some((seen(&ran, slo), held)));
    }
}

/// The figures of a step, with that of the percentile that is judged.
fn seen(ran: &Ran, slo: Slo) -> Look {
    Look {
        judged_us: ran.report.latency_at(slo.percentile).map(known_us),
        ..Look::of(ran)
    }
}

/// Whether a run held.
fn held(report: &Report, slo: Slo) -> Held {
    let failed = |name: fn(&str) -> bool| {
        let mut checks = report.validity.checks.iter();
        checks.find(|check| !check.passed && name(&check.name))
    };
    if let Some(check) = failed(|name| name != OFFERED) {
        return Held::Void(format!("{}: {}", check.name, check.saw));
    }
    let summary = &report.summary;
    let Some(reading) = report.latency_at(slo.percentile) else {
        return Held::No("nothing was answered".to_owned());
    };
    // Requests without an answer count as infinitely slow: a percentile among them is beyond every limit.
    let (value, bound) = (known_us(reading), reading.most.is_infinite());
    if value > slo.limit_us || bound {
        let p = slo.percentile;
        if let Some(quickest) = nothing_waited(report).filter(|us| *us > slo.limit_us && !bound) {
            return Held::Never(format!(
                "P{p} {}, {} at least although nothing waited; no lower rate is quicker",
                latency(value),
                latency(quickest)
            ));
        }
        return Held::No(if bound {
            let acked = percent(summary.success_ratio);
            format!("P{p} at least {}, with {acked} acked", latency(value))
        } else {
            format!("P{p} {}", latency(value))
        });
    }
    let secs = report.plan.load.duration_secs.unwrap_or_default() as u64;
    let batch = u64::from(report.plan.load.batch_size);
    let waits = failed(|name| name == OFFERED).map(|check| check.saw.clone());
    let waits = waits.or_else(|| queue_grows(&report.timeline, secs, batch));
    if summary.success_ratio < slo.min_success {
        let why = format!("success {}", percent(summary.success_ratio));
        let missed = if waits.is_none() {
            Held::Failed
        } else {
            Held::No
        };
        return missed(why);
    }
    if let Some(why) = waits {
        return Held::No(why);
    }
    let needed = (samples(slo, LEAST_BEYOND) - 1e-6).ceil() as u64;
    if summary.latency_samples < needed {
        let seen = counted(summary.latency_samples, "request", "requests");
        return Held::Void(format!(
            "{seen}: P{} needs {}; raise --step, or lower --batch-size",
            slo.percentile,
            grouped(needed)
        ));
    }
    Held::Yes
}

/// The quickest latency in µs, if connections were free and half of the requests took no longer than that one: then none waited for
/// another, and a lower rate makes none quicker.
fn nothing_waited(report: &Report) -> Option<u64> {
    let quickest = report
        .timeline
        .iter()
        .filter_map(|row| quickest(&row.latency_us))
        .min()?;
    let flat = report.summary.latency_us.p50? as f64 <= quickest as f64 * FLAT;
    let free = report.generator.mean_in_flight < f64::from(report.plan.load.concurrency) * 0.9;
    (flat && free).then_some(quickest)
}

/// The quickest latency of a second in µs: a little less than the upper edge of its first bucket, which is 6 % wide.
fn quickest(latency: &SecondLatency) -> Option<u64> {
    let edge: u64 = latency.buckets.split_whitespace().next()?.parse().ok()?;
    Some(overload::lower_edge(edge))
}

/// Whether less ended than came due, in the whole seconds of the load after the first. What comes in and does not end, acked or not,
/// waits in a queue, and a short step is over before its latency says so.
fn queue_grows(rows: &[SecondRow], secs: u64, batch: u64) -> Option<String> {
    let steady = rows.iter().filter(|row| (1..secs).contains(&row.second));
    let due: u64 = steady.map(|row| row.records_due).sum();
    let ended = overload::ended(rows, batch, 1, secs);
    let late = due.saturating_sub(ended);
    // Two requests may be on their way at the end that were not at the beginning.
    let most = (due as f64 * LATE).max((batch * 2) as f64);
    (late as f64 > most).then(|| {
        let per_sec = |records: u64| rate_digits(records as f64 / (secs - 1) as f64);
        format!(
            "the queue grows, {} of {} rec/s answered",
            per_sec(ended),
            per_sec(due)
        )
    })
}

/// Twice the rate for a time, or as much as may be offered, then half of it; `None`: nothing above it may be.
fn stages(args: &CapacityArgs, range: Range, rate: f64) -> Option<Stages> {
    let over = args.overload.as_secs();
    let over_rate = (rate * OVER).min(range.most);
    (over_rate >= rate * LEAST_OVER).then(|| Stages {
        before: ((over as f64 * TIME_BEFORE).ceil() as u64).max(3),
        over,
        after: over * u64::from(TIME_AFTER),
        over_rate,
        after_rate: rate * AFTER,
    })
}

/// Makes the overload.
fn overloaded(bench: &Bench, layers: &Layers, stages: Stages, slo: Slo) -> Result<After> {
    let hold = |rate: f64, secs: u64| StageSetting {
        from: Some(Rate(rate)),
        to: Rate(rate),
        length: Duration::from_secs(secs),
    };
    let before_rate = stages.after_rate / AFTER;
    let change = Overrides {
        stages: Some(vec![
            hold(before_rate, stages.before),
            hold(stages.over_rate, stages.over),
            hold(stages.after_rate, stages.after),
        ]),
        ..wide(common(layers), layers)
    };
    let ran = bench.run(&bench.plan(change)?, &|_| false)?;
    let batch = u64::from(batch(layers));
    Ok(ran.map_or(After::Interrupted, |ran| {
        After::Seen(overload::read(&ran.report.timeline, batch, stages, slo))
    }))
}
