//! A load run: dry run, or target prepared, load sent, numbers judged and reported.

use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustls::pki_types::ServerName;
use url::Url;

use super::audit::{Readers, Subject};
use super::back_pressure::{Watch, Watched};
use super::baseline::Earlier;
use super::duet;
use super::e2e::Listeners;
use super::exporter::Exporter;
use super::interrupt::Interrupts;
use super::keep;
use super::limits::{self, Ends};
use super::prepare::{Prepared, prepare};
use super::progress::{Display, Line};
use crate::audit::Audited;
use crate::cli::ReadingArgs;
use crate::engine::{self, Control, Progress, Setup, TargetSetup, TlsTarget};
use crate::error::{Error, Result, exit};
use crate::payload::{self, Head, RUN_CHARS};
use crate::plan::{Metric, Origins, Plan, Threshold, describe, without_secrets};
use crate::report::formats::kind_name;
use crate::report::{self, Report, Style, table};
use crate::rest::{self, Patience};
use crate::standin::{Embedded, Settings};
use crate::units::ByteSize;

/// How long one address of a name may take to answer before the next is tried.
const ADDRESS_PATIENCE: Duration = Duration::from_secs(3);

/// Memory of the stand-in in this process for records that are read back; what it does not need it does not take.
const AUDITED_MEMORY: ByteSize = ByteSize(1 << 30);

/// The variable in which GitHub Actions names the file for a step's summary.
pub(super) const GITHUB_STEP_SUMMARY: &str = "GITHUB_STEP_SUMMARY";

/// A load command, resolved.
pub struct Invocation {
    /// What to do.
    pub plan: Plan,
    /// Where each setting comes from.
    pub origins: Origins,
    /// Print the plan and send nothing.
    pub dry_run: bool,
    /// Read the records while they are sent, with instances like this.
    pub end_to_end: Option<ReadingArgs>,
    /// A file of GitHub Actions to which the report is added as Markdown.
    pub github_summary: Option<PathBuf>,
}

/// Runs it and returns the exit code.
///
/// # Errors
/// What kept the run from coming to a verdict.
pub fn run(invocation: Invocation) -> Result<u8> {
    if duet::is_duet(&invocation.plan) {
        return duet::run(invocation, false);
    }
    let Invocation {
        mut plan,
        origins,
        dry_run,
        end_to_end,
        github_summary,
    } = invocation;
    if dry_run {
        return written(print_plan(&plan, &origins, &mut std::io::stdout().lock()));
    }
    if end_to_end.is_none() {
        no_arrivals(&plan)?;
    }
    limits::descriptors(plan.load.concurrency, Ends::One)?;
    report::check_outputs(&plan.output.files)?;
    let baseline = Earlier::of(&plan)?;
    let exporter = exporter(&plan)?;
    let control = Arc::new(Control::new());
    let interrupts = Interrupts::watch(Arc::clone(&control))?;
    let mut stderr = std::io::stderr();
    let settings = standin_settings(&plan);
    let start = || start_standin(settings);
    let ready = prepare(&mut plan, Patience::default(), &mut stderr, start);
    let Some(prepared) = interrupts.unless_interrupted(ready) else {
        return Ok(exit::INTERRUPTED);
    };
    let mut prepared = prepared?;
    if let Some(baseline) = &baseline {
        baseline.check(&plan, &prepared.facts)?;
    }
    if prepared.facts.embedded {
        limits::descriptors(plan.load.concurrency, Ends::Both)?;
    }
    if !plan.output.quiet {
        let header = table::header(&plan, &prepared.facts);
        written(writeln!(std::io::stdout().lock(), "{header}"))?;
    }
    if let Some(exporter) = &exporter {
        let facts = &prepared.facts;
        exporter.prepared(&plan, kind_name(facts.kind, &facts.server));
    }
    let listeners = match &end_to_end {
        None => None,
        Some(reading) => match Listeners::start(&plan, &prepared, reading, &interrupts)? {
            Some(listeners) => Some(listeners),
            None => return Ok(exit::INTERRUPTED),
        },
    };
    let begun = Beside::begin(&plan, &prepared, &interrupts, &control);
    let Some(Ok(beside)) = begun else {
        if let Some(listeners) = listeners {
            listeners.finish(&plan, None, &interrupts, &control)?;
        }
        return begun.map_or(Ok(exit::INTERRUPTED), |failed| failed.map(|_| exit::PASS));
    };
    let mut display = Display::new(&plan);
    let watch = |setup: &mut Setup| {
        if let Some(listeners) = &listeners {
            listeners.watch(setup);
        }
    };
    let mut report = applied_as(&plan, &prepared, &control, &watch, &mut |progress| {
        if let Some(exporter) = &exporter {
            exporter.observe(progress);
        }
        let limit = plan.load.back_pressure.as_ref();
        let held_back = limit.filter(|_| control.is_held_back());
        display.show(progress, held_back.map(|limit| limit.group.as_str()));
    });
    display.end();
    let mut finished = report.as_mut().ok().and_then(Option::as_mut);
    if let Some(exporter) = &exporter {
        exporter.finished(finished.as_deref());
    }
    if let Some(listeners) = listeners {
        listeners.finish(&plan, finished.as_deref_mut(), &interrupts, &control)?;
    }
    beside.end(&plan, &prepared, &interrupts, &control, finished);
    if let Some(standin) = &mut prepared.standin {
        // First: a server that failed is no target that refused.
        standin.stop()?;
    }
    let Some(mut report) = report? else {
        return Ok(exit::INTERRUPTED);
    };
    if let Some(baseline) = &baseline {
        baseline.compare(&mut report);
    }
    let files = report::write(&report, &plan.output.files);
    if let Some(path) = &github_summary {
        summarise(&report, path, &mut stderr);
    }
    // A result that cannot be kept is at least shown.
    print_result(&plan, &report, files.as_deref().unwrap_or_default())?;
    let written = files.as_deref().unwrap_or_default();
    keep::keep(&plan, &report, written, &interrupts, &mut stderr);
    files?;
    Ok(report.verdict.exit_code)
}

/// A threshold on what consumers receive is never met by a run that has none.
///
/// # Errors
/// Names the threshold.
pub(super) fn no_arrivals(plan: &Plan) -> Result<()> {
    let of_arrivals = |threshold: &&Threshold| matches!(threshold.metric, Metric::EndToEnd(_));
    match plan.thresholds.iter().find(of_arrivals) {
        None => Ok(()),
        Some(threshold) => Err(Error::Usage {
            message: format!(
                "`{threshold}` looks at what consumers receive, and this command reads nothing"
            ),
            hint: Some(
                "krush e2e sends and reads; or look at p95, the latency of requests".to_owned(),
            ),
        }),
    }
}

/// The port for Prometheus, if the plan has one; where it is goes to standard error.
pub(super) fn exporter(plan: &Plan) -> Result<Option<Exporter>> {
    let Some(port) = plan.output.prometheus_port else {
        return Ok(None);
    };
    let exporter = Exporter::start(plan, port)?;
    if port == 0 || !plan.output.quiet {
        // Nothing is left to do if standard error is closed.
        let _ = writeln!(std::io::stderr(), "figures of the run: {}", exporter.url());
    }
    Ok(Some(exporter))
}

/// What goes on beside a load, and is looked at before and after it.
struct Beside {
    /// Next offset of each partition before the load, if it is to be audited.
    ends: Option<Vec<i64>>,
    watch: Option<Watch>,
}

impl Beside {
    /// `None`: the user stopped it.
    fn begin(
        plan: &Plan,
        prepared: &Prepared<Embedded>,
        interrupts: &Interrupts,
        control: &Arc<Control>,
    ) -> Option<Result<Self>> {
        let looks = async {
            let ends = if plan.load.verify {
                Some(subject(plan, prepared).ends().await?)
            } else {
                None
            };
            let watched = match &plan.load.back_pressure {
                Some(limit) => Some(Watched::open(plan, limit).await?),
                None => None,
            };
            Ok((ends, watched))
        };
        let looks = interrupts.unless_interrupted(looks)?;
        Some(looks.map(|(ends, watched)| Self {
            ends,
            watch: watched.map(|watched| watched.start(interrupts, Arc::clone(control))),
        }))
    }

    /// Adds to the report what was seen.
    fn end(
        self,
        plan: &Plan,
        prepared: &Prepared<Embedded>,
        interrupts: &Interrupts,
        control: &Control,
        report: Option<&mut Report>,
    ) {
        let held_back = self.watch.and_then(|watch| interrupts.finish(watch.end()));
        let Some(report) = report else { return };
        if let Some(held_back) = held_back {
            report.add_held_back(held_back);
        }
        let Some(before) = self.ends else { return };
        let audited = if control.interrupts() > 0 {
            Audited::not_done("the run was interrupted")
        } else {
            let mut shown = Line::new(plan.output.quiet);
            let subject = subject(plan, prepared);
            let audit = subject.audit(report, Some(&before), &mut shown);
            let audited = interrupts.unless_interrupted(audit);
            interrupts.finish(subject.readers.close());
            shown.end();
            match audited {
                Some(Ok(audited)) => audited,
                Some(Err(error)) => Audited::not_done(error.to_string()),
                None => Audited::interrupted(),
            }
        };
        report.add_audit(audited, Some(before));
    }
}

/// What the plan's topic is to an audit.
pub(super) fn subject<'a>(plan: &'a Plan, prepared: &Prepared<Embedded>) -> Subject<'a> {
    Subject {
        target: &plan.target,
        url: &plan.target.urls[0],
        dialect: prepared.facts.dialect,
        topic: &plan.topic.name,
        readers: Readers::default(),
    }
}

/// Adds the report to the summary of the GitHub Actions step. The run is what it is, with or without: a failure is only said.
pub(super) fn summarise(report: &Report, path: &Path, stderr: &mut impl Write) {
    if let Err(error) = report::append_markdown(report, path) {
        // Nothing is left to do if standard error is closed.
        let _ = writeln!(stderr, "warning: {GITHUB_STEP_SUMMARY}: {error}");
    }
}

/// Sends the load and judges what came of it; `None` if the user stopped it before it began.
///
/// # Errors
/// What kept the load from being sent.
pub(super) fn applied(
    plan: &Plan,
    prepared: &Prepared<Embedded>,
    control: &Control,
    observe: &mut dyn FnMut(Progress),
) -> Result<Option<Report>> {
    applied_as(plan, prepared, control, &|_| (), observe)
}

/// The same, with more in the setup.
fn applied_as(
    plan: &Plan,
    prepared: &Prepared<Embedded>,
    control: &Control,
    more: &dyn Fn(&mut Setup),
    observe: &mut dyn FnMut(Progress),
) -> Result<Option<Report>> {
    let mut setup = setup(plan, prepared)?;
    more(&mut setup);
    let mut observe = |progress| {
        if progress == Progress::Starting
            && let Some(standin) = &prepared.standin
        {
            standin.begin();
        }
        observe(progress);
    };
    let measured = match engine::run(&setup, control, &mut observe) {
        Ok(measured) => measured,
        Err(engine::Failed::Interrupted) => return Ok(None),
        Err(failed) => return Err(failure(plan, failed)),
    };
    let mut report = report::build(plan, &prepared.facts, &measured);
    report.warnings.extend(prepared.warnings.iter().cloned());
    Ok(Some(report))
}

pub(super) fn failure(plan: &Plan, failed: engine::Failed) -> Error {
    match failed {
        engine::Failed::Open {
            target,
            open,
            error,
        } => Error::target(
            format!(
                "{open} of {} connections to {} could be opened, then: {error}",
                plan.load.concurrency, plan.target.urls[target]
            ),
            "try fewer connections with --concurrency, or look at the server's connection limit",
        ),
        engine::Failed::System(error) => Error::Machine {
            message: format!("the operating system refused what an engine thread needs: {error}"),
            hint: Some(
                "try --threads 1, or raise the limits on open files and processes".to_owned(),
            ),
        },
        engine::Failed::Panicked(text) => {
            Error::Internal(format!("an engine thread panicked: {text}"))
        }
        engine::Failed::Interrupted => {
            Error::Internal("interrupted before the load started".to_owned())
        }
    }
}

/// Everything the engine needs, so that it looks up no name and reads no file.
pub(super) fn setup(plan: &Plan, prepared: &Prepared<Embedded>) -> Result<Setup> {
    let tls = plan.target.urls.iter().any(|url| url.scheme() == "https");
    let tls = tls
        .then(|| rest::client_config(&plan.target.tls))
        .transpose()?;
    let targets = plan.target.urls.iter().enumerate().map(|(index, url)| {
        let tls = match &tls {
            Some(config) if url.scheme() == "https" => Some(TlsTarget {
                config: Arc::clone(config),
                name: server_name(url)?,
            }),
            _ => None,
        };
        Ok(TargetSetup {
            address: address(url)?,
            tls,
            head: Head::for_target(plan, index),
        })
    });
    Ok(Setup {
        targets: targets.collect::<Result<_>>()?,
        load: plan.load.clone(),
        payload: plan.payload.clone(),
        run: run_name(),
        dialect: prepared.facts.dialect,
        counts_partitions: plan.load.verify,
        due_log: None,
    })
}

/// A name for this run that no other run has, by chance of 1 in 900 million.
pub(super) fn run_name() -> String {
    use rand::RngExt;
    const LETTERS: &[u8; 62] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    let mut random = rand::rng();
    (0..RUN_CHARS)
        .map(|_| char::from(LETTERS[random.random_range(0..LETTERS.len())]))
        .collect()
}

fn server_name(url: &Url) -> Result<ServerName<'static>> {
    let host = url
        .host_str()
        .unwrap_or_default()
        .trim_matches(['[', ']'])
        .to_owned();
    ServerName::try_from(host)
        .map_err(|_| Error::usage(format!("{url} has a host that no certificate can name")))
}

/// An address of the target that takes a connection: a name may have several, and not all need answer.
fn address(url: &Url) -> Result<SocketAddr> {
    let hint = "is it running? Start it, or name another one with --url";
    let addresses = url.socket_addrs(|| None).map_err(|error| {
        Error::target(format!("cannot look up the host of {url}: {error}"), hint)
    })?;
    let mut last = None;
    for address in addresses {
        match TcpStream::connect_timeout(&address, ADDRESS_PATIENCE) {
            Ok(_) => return Ok(address),
            Err(error) => last = Some(error),
        }
    }
    let why = last.map_or_else(
        || "the name has no address".to_owned(),
        |error| error.to_string(),
    );
    Err(Error::target(
        format!("cannot connect to {url}: {why}"),
        hint,
    ))
}

/// How the stand-in in this process behaves, by a plan.
pub(super) fn standin_settings(plan: &Plan) -> Settings {
    Settings {
        faults: plan.target.faults.clone(),
        faults_wait: true,
        model: plan.target.model,
        max_memory: if plan.load.verify {
            AUDITED_MEMORY
        } else {
            Settings::default().max_memory
        },
        ..Settings::default()
    }
}

/// Starts the built-in stand-in and gives its base URL.
pub(super) fn start_standin(settings: Settings) -> Result<(Url, Embedded)> {
    let standin = Embedded::start(settings)?;
    let url = standin
        .url()
        .parse()
        .map_err(|error| Error::Internal(format!("the stand-in's URL: {error}")))?;
    Ok((url, standin))
}

pub(super) fn print_result(plan: &Plan, report: &Report, files: &[PathBuf]) -> Result<()> {
    let style = Style::new(super::in_color(plan.output.color));
    let text = if plan.output.quiet {
        table::verdict_lines(report, files, style)
    } else {
        table::body(report, files, style)
    };
    written(std::io::stdout().lock().write_all(text.as_bytes())).map(|_| ())
}

/// A reader that left (`krush … | head`) has seen what it wanted: that is success.
pub(super) fn written(result: std::io::Result<()>) -> Result<u8> {
    match result {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(Error::stdout(error)),
        _ => Ok(exit::PASS),
    }
}

pub(super) fn print_plan(
    plan: &Plan,
    origins: &Origins,
    out: &mut impl Write,
) -> std::io::Result<()> {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    out.write_all(describe(plan, origins).as_bytes())?;
    // Behind `#`, so that all of the output is a scenario to run.
    writeln!(
        out,
        "\n# First request, as it would be sent (nothing was sent):\n#"
    )?;
    let request = payload::preview(plan, &run_name(), now.as_millis() as u64);
    let request = without_secrets(&request);
    for line in request.split(|byte| *byte == b'\n') {
        out.write_all(b"# ")?;
        out.write_all(line.trim_ascii_end())?;
        writeln!(out)?;
    }
    out.flush()
}
