//! `krush tune`: the batch size and the connections with the most records per second under a latency limit.

mod next;
mod planned;
mod search;
mod show;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::time::Duration;

use self::next::Next;
use self::planned::Planned;
use self::search::{Amount, Ask, HOPELESS, LONGEST_SECS, Limit, Shape, Stage, Tried, search};
use self::show::{Tuned, shape_flags};
use super::progress::Line;
use super::trials::{self, Aim, Bench, Look};
use crate::cli::{NO_PLACE_IN_TUNE, TuneArgs};
use crate::engine::Progress;
use crate::error::{Error, Result, exit};
use crate::plan::{Layers, Overrides};
use crate::report;
use crate::report::TargetKind;
use crate::units::{duration, grouped, rate_digits};
use crate::wire::Format;

/// Records a request and connections of the presets `optimized` and `extreme`.
const PRESET: (u32, u32) = (1_000, 500);
/// Load before the first look where nothing else is said: a REST Proxy is slower at first, a stand-in is not.
const WARMUP: Duration = Duration::from_secs(5);
/// From when on a look at a shape ends that is far from the limit: this, or so many times the limit.
const POINTLESS_AFTER: Duration = Duration::from_secs(5);
const POINTLESS_TIMES: u32 = 10;
/// How long the run lasts that a scenario of the result describes.
const RUN: Duration = Duration::from_secs(30);

/// Runs it and returns the exit code.
///
/// # Errors
/// What kept it from coming to an end.
pub fn tune(args: &TuneArgs) -> Result<u8> {
    let files = outputs(args)?;
    let layers = trials::layers(
        "tune",
        &NO_PLACE_IN_TUNE,
        args.file.as_deref(),
        &args.load.typed,
    )?;
    let own = trials::own_thresholds(args.file.as_deref())?;
    let limit = limit(&layers)?;
    let shapes = shapes(args, &layers);
    for shape in &shapes {
        next::plan(&layers, &own, *shape).map_err(in_tune)?;
    }
    if args.load.dry_run {
        let first = change(shapes[0], Amount::Requests(1));
        let (plan, _) = trials::resolved(&layers, super::machine(), first).map_err(in_tune)?;
        let planned = Planned::new(Aim::of(&plan), &shapes, args.budget, limit);
        let text = if args.json {
            planned.json()
        } else {
            planned.text()
        };
        return super::load::written(super::say(&text));
    }
    let widest = shapes.iter().copied().max_by_key(|shape| shape.connections);
    let Some(widest) = widest else {
        return Err(Error::usage("--connections: nothing to try"));
    };
    let bench = Bench::open(layers.clone(), change(widest, Amount::Requests(1)));
    let Some(mut bench) = bench.map_err(in_tune)? else {
        return Ok(exit::INTERRUPTED);
    };
    let quiet = bench.plan.output.quiet;
    if !quiet && !args.json {
        super::load::written(super::say(&bench.header("tune")))?;
    }
    let mut line = Line::new(quiet);
    let shown = shown(&shapes);
    let found = if warm_up(&bench, &layers, &shapes)? {
        let mut evaluate = |ask: &Ask, so_far: &[Tried]| {
            line.show(share(ask), progress(ask, so_far, limit));
            look(&bench, ask, limit, shown)
        };
        search(&shapes, args.budget, limit, shown, &mut evaluate)?
    } else {
        search(&shapes, args.budget, limit, shown, &mut |_, _| Ok(None))?
    };
    line.end();
    match bench.end() {
        // A stand-in that died is the target that was lost, and what was found is still to be told.
        Err(_) if found.lost.is_some() => {}
        ended => ended?,
    }
    let tuned = Tuned::new(found, limit, bench.target(), shown);
    for file in &files {
        write(file, &tuned, &layers, &own)?;
    }
    let text = match (args.json, quiet) {
        (true, _) => tuned.json(),
        (false, true) => tuned.verdict_words(),
        (false, false) => {
            let said = (&layers, &own);
            let next = tuned.winner().map_or_else(
                || Ok(Next::default()),
                |shape| Next::new(args.file.as_deref(), &args.load.typed, said, shape),
            );
            tuned.text(&next?, &files)
        }
    };
    super::load::written(super::say(&text))?;
    Ok(tuned.verdict.exit_code)
}

/// Result files by their ending; whether they can be written is found out before the load.
fn outputs(args: &TuneArgs) -> Result<Vec<PathBuf>> {
    let files = &args.load.output;
    for file in files {
        let ending = file.extension().and_then(|ending| ending.to_str());
        if !matches!(ending, Some("json" | "toml")) {
            return Err(Error::Usage {
                message: format!(
                    "--output: `{}` has no ending that krush tune writes",
                    file.display()
                ),
                hint: Some(
                    ".json for all figures, .toml for a scenario with the best shape".to_owned(),
                ),
            });
        }
        trials::check_output(file)?;
    }
    trials::overwrites_nothing(files, args.file.as_deref())?;
    Ok(files.clone())
}

/// An error about a setting, in the words of the flags that are typed here.
fn in_tune(error: Error) -> Error {
    let own = |text: String| {
        let text = text.replace("--batch-size", "--batch-sizes");
        text.replace("--concurrency", "--connections")
    };
    match error {
        Error::Usage { message, hint } => Error::Usage {
            message: own(message),
            hint: hint.map(own),
        },
        Error::Machine { message, hint } => Error::Machine {
            message: own(message),
            hint: hint.map(own),
        },
        Error::Target { message, hint } => Error::Target {
            message: own(message),
            hint: hint.map(own),
        },
        other => other,
    }
}

fn limit(layers: &Layers) -> Result<Limit> {
    let p95 = trials::said(layers, |layer| layer.max_p95);
    if p95.is_some_and(|limit| limit.is_zero()) {
        return Err(Error::usage("--max-p95: a latency of 0 holds for nobody"));
    }
    let p95 = p95.ok_or_else(|| Error::Usage {
        message: "krush tune needs a limit for P95: without one the most connections always win"
            .to_owned(),
        hint: Some("add --max-p95 500ms".to_owned()),
    })?;
    Ok(Limit {
        p95_us: p95.as_micros() as u64,
    })
}

/// The grid, without doubles.
fn shapes(args: &TuneArgs, layers: &Layers) -> Vec<Shape> {
    let own = trials::said(layers, |layer| layer.format).unwrap_or(Format::Json);
    let formats = if args.formats.is_empty() {
        vec![own]
    } else {
        args.formats.clone()
    };
    let mut shapes: Vec<Shape> = Vec::new();
    for format in formats {
        for batch_size in args.batch_sizes.iter().copied() {
            for connections in args.connections.iter().copied() {
                let shape = Shape {
                    format,
                    batch_size,
                    connections,
                };
                if !shapes.contains(&shape) {
                    shapes.push(shape);
                }
            }
        }
    }
    shapes
}

/// The shape that is talked about: that of the presets, or the largest.
fn shown(shapes: &[Shape]) -> Option<Shape> {
    let preset = |shape: &&Shape| (shape.batch_size, shape.connections) == PRESET;
    let largest = || {
        shapes
            .iter()
            .max_by_key(|shape| (shape.connections, shape.batch_size))
    };
    shapes.iter().find(preset).or_else(largest).copied()
}

/// The settings of one look.
fn change(shape: Shape, amount: Amount) -> Overrides {
    let (messages, duration) = match amount {
        Amount::Requests(requests) => (Some(requests * u64::from(shape.batch_size)), None),
        Amount::Time(time) => (None, Some(time)),
    };
    Overrides {
        batch_size: Some(shape.batch_size),
        concurrency: Some(shape.connections),
        format: Some(shape.format),
        warmup: Some(Duration::ZERO),
        messages,
        duration,
        ..Overrides::default()
    }
}

/// Looks at a shape. A count may take for ever, so that such a look ends when it has lasted long enough; that of the shape which is
/// talked about is not cut short.
fn look(bench: &Bench, ask: &Ask, limit: Limit, shown: Option<Shape>) -> Result<Option<Look>> {
    let plan = bench.plan(change(ask.shape, ask.amount))?;
    let counted = matches!(ask.amount, Amount::Requests(_));
    let may_be_cut = Some(ask.shape) != shown;
    let enough = |progress: &Progress| counted && is_enough(progress, limit, may_be_cut);
    let ran = bench.run(&plan, &enough).map_err(in_tune)?;
    Ok(ran.as_ref().map(Look::of))
}

/// Whether nothing is left to be learnt: the time is over, or the shape is far from the limit.
fn is_enough(progress: &Progress, limit: Limit, may_be_cut: bool) -> bool {
    let Progress::Running { elapsed, p95, .. } = progress else {
        return false;
    };
    let times_limit = Duration::from_micros(limit.p95_us).saturating_mul(POINTLESS_TIMES);
    let hopeless = p95.is_none_or(|p95| p95.us as f64 > limit.p95_us as f64 * HOPELESS);
    let pointless = may_be_cut && hopeless && *elapsed >= times_limit.max(POINTLESS_AFTER);
    pointless || elapsed.as_secs_f64() >= LONGEST_SECS
}

/// Load that is in no figure, before the first look; false: the user stopped it.
fn warm_up(bench: &Bench, layers: &Layers, shapes: &[Shape]) -> Result<bool> {
    let proxy = bench.prepared.facts.kind != TargetKind::StandIn;
    let usual = if proxy { WARMUP } else { Duration::ZERO };
    let time = trials::said(layers, |layer| layer.warmup).unwrap_or(usual);
    let middle = shapes.get(shapes.len() / 2).filter(|_| !time.is_zero());
    let Some(middle) = middle else {
        return Ok(true);
    };
    let plan = bench.plan(change(*middle, Amount::Time(time)))?;
    Ok(bench.run(&plan, &|_| false)?.is_some())
}

/// Share of the search that is done, roughly: most looks are first looks.
fn share(ask: &Ask) -> f64 {
    let within = (ask.number - 1) as f64 / ask.of.max(1) as f64;
    match ask.stage {
        Stage::First => within * 0.6,
        Stage::Round(_) => 0.6 + within * 0.2,
        Stage::Confirmation => 0.8,
    }
}

fn progress(ask: &Ask, so_far: &[Tried], limit: Limit) -> String {
    let best = so_far
        .iter()
        .filter_map(|tried| Some((tried.shape, tried.look()?)))
        .filter(|(_, look)| limit.missed(look).is_none())
        .max_by(|(_, a), (_, b)| a.records_per_sec.total_cmp(&b.records_per_sec));
    let best = best.map_or_else(String::new, |(shape, look)| {
        format!(
            "; best so far {shape}: {} rec/s",
            rate_digits(look.records_per_sec)
        )
    });
    let stage = match ask.stage {
        Stage::First => format!("shape {} of {}", ask.number, ask.of),
        Stage::Round(round) => format!("round {round}, shape {} of {}", ask.number, ask.of),
        Stage::Confirmation => "confirmation".to_owned(),
    };
    let amount = match ask.amount {
        Amount::Requests(requests) => format!("{} requests", grouped(requests)),
        Amount::Time(time) => duration(time),
    };
    format!("{stage}: {}, {amount}{best}", ask.shape)
}

/// Writes one result file.
fn write(file: &Path, tuned: &Tuned, layers: &Layers, own: &Overrides) -> Result<()> {
    let text = if file.extension().is_some_and(|ending| ending == "toml") {
        let Some(shape) = tuned.winner() else {
            return Ok(());
        };
        let scenario = next::scenario(layers, own, shape)?;
        format!("{}{scenario}", tuned.comment())
    } else {
        tuned.json()
    };
    report::write_text(&text, file)
}
