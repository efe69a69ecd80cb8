//! A duet: an old and a new target loaded from one process in alternating slices, and compared pair by pair.
//!
//! Whatever drifts on the machine or between it and the targets drifts in both slices of a pair, and is gone from their ratio.

mod pairs;
mod side;

pub(super) use pairs::{Rules, play};
pub(super) use side::Side;

use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use url::{Host, Url};

use super::baseline;
use super::interrupt::Interrupts;
use super::keep;
use super::limits::{self, Ends};
use super::load::{
    Invocation, exporter, no_arrivals, print_plan, print_result, summarise, written,
};
use super::progress::Line;
use super::same_file;
use crate::engine::Control;
use crate::error::{Error, Result, exit};
use crate::gate::{BaselineRow, Compared, Outcome, Verdict};
use crate::plan::{Against, Baseline, Origin, Origins, Plan, Repeat, Stop, output_ending};
use crate::report::{self, Report, table};
use crate::units::{counted, duration};

/// Length of a slice, if nothing else is said.
const SLICE: Duration = Duration::from_secs(2);
/// Least length of a slice: below it most of it is its beginning.
const SHORTEST: Duration = Duration::from_millis(200);
/// Load before the clock of a slice starts, if nothing else is said: new connections, and a target that comes back from idling.
const WARMUP: Duration = Duration::from_millis(200);

/// Whether the plan is one of a duet.
pub(super) fn is_duet(plan: &Plan) -> bool {
    (plan.baseline.as_ref()).is_some_and(|baseline| matches!(baseline.against, Against::Target(_)))
}

/// The plan as one of slices, checked. The length of a run that a scenario says is not that of a slice, unless the scenario is one
/// of slices.
///
/// # Errors
/// [`Error::Usage`] names what makes no sense in slices.
pub(super) fn sliced(mut plan: Plan, origins: &Origins, slices_by_scenario: bool) -> Result<Plan> {
    let said = |key: &str| match origins.of(key) {
        Origin::Default => false,
        Origin::Scenario { .. } => slices_by_scenario,
        Origin::Environment(_) | Origin::Flag(_) => true,
    };
    let refuse = |key: &str, what: &str, hint: &str| Err(origins.error(key, what, hint));
    if !plan.load.is_steady() {
        let key = if origins.of("load.spike") == &Origin::Default {
            "load.stage"
        } else {
            "load.spike"
        };
        let hint = "give one --rate, or none: stages and spikes are compared run by run, with krush compare";
        return refuse(key, "slices of a duet have one rate", hint);
    }
    if plan.load.verify {
        let hint = "verify a run of its own; a duet is about speed";
        return refuse("load.verify", "has no meaning with two targets", hint);
    }
    if plan.load.back_pressure.is_some() {
        let what = "a consumer group that holds one target back says nothing of the other";
        return refuse("load.max_lag", what, "leave it out");
    }
    if !said("load.duration") && !said("load.messages") {
        plan.load.stop = Stop::Duration(SLICE);
    }
    if let Stop::Duration(length) = plan.load.stop
        && length < SHORTEST
    {
        let what = format!("{} is too short for a slice", duration(length));
        return refuse(
            "load.duration",
            &what,
            "at least 200ms: it is the length of one slice of many",
        );
    }
    if !said("load.warmup") {
        plan.load.warmup = WARMUP;
    }
    Ok(plan)
}

/// Runs a duet and returns the exit code.
///
/// # Errors
/// What kept it from coming to a verdict.
pub(super) fn run(invocation: Invocation, slices_by_scenario: bool) -> Result<u8> {
    let Invocation {
        plan,
        origins,
        dry_run,
        end_to_end,
        github_summary,
    } = invocation;
    let plan = sliced(plan, &origins, slices_by_scenario)?;
    if end_to_end.is_some() {
        let what = "consumers cannot read slices of two targets in turn";
        return Err(origins.error(
            "comparison.baseline_url",
            what,
            "use a load command, such as krush run",
        ));
    }
    if dry_run {
        return written(print_plan(&plan, &origins, &mut std::io::stdout().lock()));
    }
    let Some(baseline) = plan.baseline.clone() else {
        return Err(Error::Internal("a duet without a baseline".to_owned()));
    };
    against_itself(&plan, &baseline)?;
    no_arrivals(&plan)?;
    limits::descriptors(plan.load.concurrency, Ends::One)?;
    report::check_outputs(&plan.output.files)?;
    check_baseline_output(&plan.output.files)?;
    let exporter = exporter(&plan)?;
    let control = Arc::new(Control::new());
    let interrupts = Interrupts::watch(Arc::clone(&control))?;
    let Some(sides) = sides(&plan, &interrupts)? else {
        return Ok(exit::INTERRUPTED);
    };
    let [mut old, mut new] = sides;
    let forced = unlike(&old, &new, baseline.force)?;
    let mut rules = Rules::of(&plan, &baseline);
    if matches!(baseline.repeat, Repeat::Pairs(_))
        && origins.of("comparison.max_time") == &Origin::Default
    {
        // So many were asked for: they are made, however long it takes.
        rules.max_time = Duration::MAX;
    }
    if !plan.output.quiet {
        written(announce(&plan, &rules, &old, &new))?;
    }
    if let Some(exporter) = &exporter {
        exporter.prepared(&plan, new.kind());
    }
    let mut line = Line::new(plan.output.quiet);
    let began = Instant::now();
    let played = play(&mut old, &mut new, &rules, &control, &mut |look| {
        if let Some(exporter) = &exporter {
            exporter.observe(look.progress);
        }
        let (share, words) = pairs::words(look, &rules, began.elapsed());
        line.show(share, words);
    });
    line.end();
    if let Some(exporter) = &exporter {
        // The counts go on over all slices of both targets; a report has those of one.
        exporter.finished(None);
    }
    new.end()?;
    let played = played?;
    let interrupted = control.interrupts() > 0;
    let Some(mut report) = new.report(interrupted) else {
        return played.gone.map_or(Ok(exit::INTERRUPTED), Err);
    };
    let mut compared = played.compared(&old, &new, &rules);
    compared.forced.extend(forced);
    let mut before = old.report(interrupted);
    if let Some(gone) = &played.gone {
        for report in before.iter_mut().chain([&mut report]) {
            report.verdict = Verdict::gone(gone.to_string());
        }
    }
    let is_void = |report: Option<&Report>| report.is_some_and(|report| report.validity.void);
    let voided = [is_void(before.as_ref()), is_void(Some(&report))];
    if voided.contains(&true) {
        compared = void(compared, voided);
    }
    report.add_comparison(compared);
    let mut files = report::write(&report, &plan.output.files);
    if let (Some(before), Ok(files)) = (&before, &mut files) {
        let path = baseline_file(files).into_iter().collect::<Vec<_>>();
        files.extend(report::write(before, &path)?);
    }
    if let Some(path) = &github_summary {
        summarise(&report, path, &mut std::io::stderr());
    }
    // A result that cannot be kept is at least shown.
    print_result(&plan, &report, files.as_deref().unwrap_or_default())?;
    let kept = files.as_deref().unwrap_or_default();
    keep::keep(&plan, &report, kept, &interrupts, &mut std::io::stderr());
    files?;
    Ok(report.verdict.exit_code)
}

/// Both targets, ready; `None`: the user stopped it.
fn sides(plan: &Plan, interrupts: &Interrupts) -> Result<Option<[Side; 2]>> {
    let Some(Against::Target(url)) = plan.baseline.as_ref().map(|baseline| &baseline.against)
    else {
        return Err(Error::Internal("a duet without a second target".to_owned()));
    };
    let mut before = plan.clone();
    before.target.urls = vec![url.clone()];
    (before.target.named, before.target.embedded) = (true, false);
    before.target.faults = Vec::new();
    before.target.model = None;
    // What the new target must reach is nothing that the old one is held against.
    before.thresholds = Vec::new();
    let prepared = |role: &'static str, plan: Plan| {
        Side::prepare(role, plan, interrupts).map_err(|error| side::named(role, error))
    };
    let Some(old) = prepared(side::BASELINE, before)? else {
        return Ok(None);
    };
    let new = prepared(side::NEW, plan.clone())?;
    Ok(new.map(|new| [old, new]))
}

/// Refuses a target as its own baseline: a gate that cannot fail.
fn against_itself(plan: &Plan, baseline: &Baseline) -> Result<()> {
    let Against::Target(old) = &baseline.against else {
        return Ok(());
    };
    let urls = &plan.target.urls;
    let same = |url: &&Url| !plan.target.embedded && place(url) == place(old);
    match urls.iter().find(same) {
        None => Ok(()),
        Some(_) => Err(Error::Usage {
            message: format!(
                "--baseline-url: {old} is the target itself, which is never slower than itself"
            ),
            hint: Some(
                "name two servers; or see what noise does to one with krush gate --aa".to_owned(),
            ),
        }),
    }
}

/// Host, port and path of a server, however its URL is written. This machine has one name.
fn place(url: &Url) -> (String, Option<u16>, String) {
    let here = match url.host() {
        Some(Host::Ipv4(ip)) => is_here(ip.into()),
        Some(Host::Ipv6(ip)) => is_here(ip.to_canonical()),
        _ => false,
    };
    let host = if here {
        "localhost"
    } else {
        (url.host_str().unwrap_or_default()).trim_end_matches('.')
    };
    let path = url.path().trim_end_matches('/');
    (
        host.to_ascii_lowercase(),
        url.port_or_known_default(),
        path.to_owned(),
    )
}

/// Whether an address is this machine's usual one, or the one that stands for all of its own.
fn is_here(ip: IpAddr) -> bool {
    ip.is_unspecified()
        || [
            Ipv4Addr::LOCALHOST.into(),
            IpAddr::from(Ipv6Addr::LOCALHOST),
        ]
        .contains(&ip)
}

/// What makes the two targets different things; that is said if it is to be ignored.
fn unlike(old: &Side, new: &Side, force: bool) -> Result<Vec<String>> {
    let [before, after] = [old, new].map(|side| (&side.plan, &side.prepared.facts));
    let differences = baseline::unlike(before, after);
    if force || differences.is_empty() {
        return Ok(differences);
    }
    Err(Error::Usage {
        message: format!(
            "the two targets cannot be compared: {}",
            differences.join("; ")
        ),
        hint: Some("name two servers of one kind and setting, or add --force".to_owned()),
    })
}

fn announce(plan: &Plan, rules: &Rules, old: &Side, new: &Side) -> std::io::Result<()> {
    let header = table::header(plan, &new.prepared.facts);
    let length = match plan.load.stop {
        Stop::Duration(length) => duration(length),
        Stop::Messages(messages) => counted(messages, "record", "records"),
    };
    let duet = format!(
        "duet against {} ({}), in turn, {length} each; {}",
        old.url(),
        old.prepared.facts.server,
        rules.words()
    );
    writeln!(
        std::io::stdout().lock(),
        "{}\n{}\n",
        header.trim_end(),
        report::wrap("", 2, &duet).join("\n")
    )
}

/// A comparison of which the baseline, the new target or both prove nothing: nothing is compared, and what was played is kept.
fn void(compared: Compared, [baseline, new]: [bool; 2]) -> Compared {
    let of = |role: &str| format!("the {role}'s part of the duet is void: nothing is compared");
    let mut reasons = Vec::new();
    if baseline {
        reasons.push(of(side::BASELINE) + "; see its own report");
    }
    if new {
        reasons.push(of(side::NEW));
    }
    Compared {
        metrics: Vec::new(),
        outcome: Outcome::Void,
        reasons,
        ..compared
    }
}

/// Where the baseline's report goes, beside the other one: beside its JSON file, if it has one. `None`: nothing is written.
fn baseline_file(files: &[PathBuf]) -> Option<PathBuf> {
    let json = |path: &&PathBuf| output_ending(path) == Some(".json");
    let path = files.iter().find(json).or(files.first())?;
    Some(beside(path))
}

/// Refuses an output where the baseline's report goes.
fn check_baseline_output(files: &[PathBuf]) -> Result<()> {
    let Some(path) = baseline_file(files) else {
        return Ok(());
    };
    same_file::refuse(
        "--output",
        files,
        std::slice::from_ref(&path),
        "is where the baseline's report goes",
    )?;
    report::check_outputs(&[path])
}

/// `results/a.json` → `results/a-baseline.json`
fn beside(path: &Path) -> PathBuf {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!("{stem}-baseline.json"))
}

impl BaselineRow {
    /// The row of a duet's other side.
    fn of_side(side: &Side) -> Self {
        Self {
            source: side.url(),
            started_at: side.started_at(),
            scenario: side.plan.scenario.clone(),
        }
    }
}
