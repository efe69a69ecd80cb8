//! Many short runs against one target, one after the other: prepared once, drained and found ready again after each.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;
use url::Url;

use super::interrupt::Interrupts;
use super::limits::{self, Ends};
use super::load;
use super::prepare::{Prepared, prepare};
use super::same_file;
use crate::cli::{NO_PLACE_IN_SEARCH, Typed};
use crate::engine::{Control, Progress};
use crate::error::{Error, Result};
use crate::gate::Outcome;
use crate::measure::Reading;
use crate::model;
use crate::plan::{self, Layers, Machine, Origins, Overrides, Plan, Scenario, resolve};
use crate::report::{self, Report, SecondRow, TargetKind};
use crate::rest::{Client, Patience};
use crate::standin::Embedded;
use crate::units::{ByteSize, grouped, latency, percent, seconds_word};

/// How long a target may take no connection at all, and still come back.
const REFUSED: Duration = Duration::from_secs(3);

/// Of what a quarter of all requests took at most, how many times as long those took that a pause held up.
const PAUSE_TIMES: u64 = 5;

/// What a trial came to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Look {
    /// Connections of the run.
    pub(super) connections: u64,
    /// Requests sent.
    pub(super) requests: u64,
    /// Start to end, drain included.
    pub(super) elapsed_secs: f64,
    /// Acked records per second.
    pub(super) records_per_sec: f64,
    /// Answers per second.
    pub(super) requests_per_sec: f64,
    /// P95 latency in µs, requests without an answer counting as infinitely slow, or with the time they waited if it falls among
    /// them; `null`: there was no sample.
    pub(super) p95_us: Option<u64>,
    /// Mean time from the first byte of a request to the end of its answer, in µs.
    pub(super) mean_us: f64,
    /// Mean number of requests in flight.
    pub(super) in_flight: f64,
    /// The longest that a request took, in µs, without an answer too.
    pub(super) longest_us: u64,
    /// Share of the time of all requests that a pause took: see [`paused`].
    pub(super) paused_ratio: f64,
    /// Acked over scheduled records, 0 to 1.
    pub(super) success_ratio: f64,
    /// Why it proves nothing, if it does not.
    pub(super) void: Option<String>,
    /// Latency at the percentile that a search for capacity judges, in µs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) judged_us: Option<u64>,
    /// Why the target could not be asked again after it, though it answered.
    #[serde(skip)]
    pub(super) slow: Option<String>,
}

impl Look {
    /// The figures of a run. Of one by count, which may have been cut short, only what was sent counts.
    pub(super) fn of(ran: &Ran) -> Self {
        let report = &ran.report;
        let records = &report.ledger.records;
        let by_count = report.plan.load.messages.is_some();
        let success_ratio = if by_count && records.sent > 0 {
            records.acked as f64 / records.sent as f64
        } else {
            report.summary.success_ratio
        };
        let failed = report.validity.checks.iter().find(|check| !check.passed);
        let latencies = latencies(&report.timeline);
        Self {
            connections: u64::from(report.plan.load.concurrency),
            requests: report.ledger.requests.sent,
            elapsed_secs: report.elapsed_secs,
            records_per_sec: report.summary.records_per_sec,
            requests_per_sec: report.summary.requests_per_sec,
            p95_us: report.latency_at(95.0).map(known_us),
            mean_us: report.summary.service_time_us.mean.unwrap_or_default(),
            in_flight: report.generator.mean_in_flight,
            longest_us: latencies.last_key_value().map_or(0, |(us, _)| *us),
            paused_ratio: paused(&latencies),
            success_ratio,
            void: failed.map(|check| format!("{}: {}", check.name, check.saw)),
            judged_us: None,
            slow: ran.slow.clone(),
        }
    }
}

/// The value with requests without an answer as infinitely slow; the least it can be if it falls among them. In µs.
pub(super) fn known_us(reading: Reading) -> u64 {
    if reading.most.is_finite() {
        reading.most as u64
    } else {
        reading.value as u64
    }
}

/// All latencies of a run in µs, 6 % resolution, and how many requests had each.
fn latencies(rows: &[SecondRow]) -> BTreeMap<u64, u64> {
    let mut counts = BTreeMap::new();
    // The rows are of this process: they can be read.
    let buckets = rows.iter().filter_map(|row| row.latency_us.read_buckets());
    for (us, count) in buckets.flat_map(|buckets| buckets.all) {
        *counts.entry(us).or_default() += count;
    }
    counts
}

/// Share of the time of all requests, by latencies in µs and how many had each, that a pause of the target took: the time of those that
/// took at least half as long as the longest, if these took many times as long as a quarter of all. A queue makes most requests
/// slow; of a pause each connection has one request. 0: there was none.
pub(super) fn paused(latencies: &BTreeMap<u64, u64>) -> f64 {
    let all: u64 = latencies.values().sum();
    let mut seen = 0;
    let quick = latencies.iter().find_map(|(us, count)| {
        seen += count;
        (seen * 4 >= all).then_some(*us)
    });
    let (Some(quick), Some((longest, _))) = (quick, latencies.last_key_value()) else {
        return 0.0;
    };
    let from = (longest / 2).max(quick.saturating_mul(PAUSE_TIMES));
    let time = |from: u64| -> f64 {
        let those = latencies.range(from..);
        those.map(|(us, count)| *us as f64 * *count as f64).sum()
    };
    time(from) / time(0).max(1.0)
}

/// A trial that came to its end.
pub(super) struct Ran {
    pub(super) report: Report,
    /// Why the target could not be asked again after it, though it answered.
    pub(super) slow: Option<String>,
}

/// Whether the load of a trial may end, by what is seen of it.
pub(super) type Enough<'a> = dyn Fn(&Progress) -> bool + 'a;

/// Where trials are made.
pub(super) struct Bench {
    layers: Layers,
    machine: Machine,
    /// What all trials have in common; its target is ready.
    pub(super) plan: Plan,
    pub(super) prepared: Prepared<Embedded>,
    control: Arc<Control>,
    interrupts: Interrupts,
    patience: Patience,
}

/// The layers of a search, from what was typed: a scenario, or none. `more` has no place in this one.
///
/// # Errors
/// A scenario that cannot be read, or a flag that has no place in a search.
pub(super) fn layers(
    verb: &str,
    more: &[(&str, &str)],
    file: Option<&Path>,
    typed: &Typed,
) -> Result<Layers> {
    let mut layers = Layers {
        scenario: match file {
            Some(file) => super::read_scenario(file)?,
            None => Scenario {
                name: verb.to_owned(),
                ..Scenario::silent()
            },
        },
        environment: typed.environment.clone(),
        flags: typed.flags.clone(),
    };
    if super::no_color_asked() {
        layers.environment.no_color.get_or_insert(true);
    }
    say_left_out(verb, more, file, &layers);
    for (key, why) in NO_PLACE_IN_SEARCH.iter().chain(more) {
        let flag = plan::setting(key).and_then(|setting| setting.flag);
        if let Some(flag) = flag.filter(|_| layers.flags.has(key)) {
            return Err(Error::Usage {
                message: format!("{flag} has no place in krush {verb}: {why}"),
                hint: Some(format!("leave out {flag}")),
            });
        }
        clear(&mut layers, key);
    }
    // Its result files have formats of their own.
    clear(&mut layers, "output");
    Ok(layers)
}

/// Says on standard error which settings of the scenario's load are not used.
fn say_left_out(verb: &str, more: &[(&str, &str)], file: Option<&Path>, layers: &Layers) {
    let keys = NO_PLACE_IN_SEARCH.iter().chain(more).map(|(key, _)| *key);
    let said = |key: &&str| key.starts_with("load.") && layers.scenario.overrides.has(key);
    let left_out: Vec<&str> = keys.filter(said).collect();
    let quiet = said_quiet(layers);
    if let Some(file) = file.filter(|_| !left_out.is_empty() && !quiet) {
        let text = format!(
            "note: krush {verb} chooses itself how much and how fast to send: not used of {} are {}",
            file.display(),
            left_out.join(", ")
        );
        // Nothing is left to do if standard error is closed.
        let _ = std::io::stderr()
            .lock()
            .write_all(paragraph(&text).as_bytes());
    }
}

fn said_quiet(layers: &Layers) -> bool {
    said(layers, |layer| layer.quiet).unwrap_or_default()
}

fn clear(layers: &mut Layers, key: &str) {
    for layer in [
        &mut layers.scenario.overrides,
        &mut layers.environment,
        &mut layers.flags,
    ] {
        layer.clear(key);
    }
}

/// A setting, from the layer that wins.
pub(super) fn said<T: Clone>(layers: &Layers, of: impl Fn(&Overrides) -> Option<T>) -> Option<T> {
    [
        &layers.flags,
        &layers.environment,
        &layers.scenario.overrides,
    ]
    .into_iter()
    .find_map(of)
}

/// The plan of one trial: the layers with a change on top.
///
/// # Errors
/// Whatever does not fit together.
pub(super) fn resolved(
    layers: &Layers,
    machine: Machine,
    change: Overrides,
) -> Result<(Plan, Origins)> {
    let mut layers = layers.clone();
    layers.flags.overlay(change, |_| ());
    resolve(layers, machine)
}

impl Bench {
    /// Makes the target ready. `first` is a change that makes a whole plan of the layers, the one with the most connections;
    /// `None`: the user stopped it.
    ///
    /// # Errors
    /// As a load command's, before its clock starts.
    pub(super) fn open(layers: Layers, first: Overrides) -> Result<Option<Self>> {
        let machine = super::machine();
        let (mut plan, _) = resolved(&layers, machine, first)?;
        limits::descriptors(plan.load.concurrency, Ends::One)?;
        let control = Arc::new(Control::new());
        let interrupts = Interrupts::watch(Arc::clone(&control))?;
        let settings = load::standin_settings(&plan);
        let start = || load::start_standin(settings);
        let patience = Patience::default();
        let mut stderr = std::io::stderr();
        let ready = prepare(&mut plan, patience, &mut stderr, start);
        let Some(prepared) = interrupts.unless_interrupted(ready) else {
            return Ok(None);
        };
        let prepared = prepared?;
        if prepared.facts.embedded {
            limits::descriptors(plan.load.concurrency, Ends::Both)?;
        }
        Ok(Some(Self {
            layers,
            machine,
            plan,
            prepared,
            control,
            interrupts,
            patience,
        }))
    }

    /// The plan of a trial, against the target that is ready.
    ///
    /// # Errors
    /// Whatever does not fit together.
    pub(super) fn plan(&self, change: Overrides) -> Result<Plan> {
        let (mut plan, _) = resolved(&self.layers, self.machine, change)?;
        plan.target.clone_from(&self.plan.target);
        // What a trial must reach is the search's affair.
        plan.thresholds.clear();
        Ok(plan)
    }

    /// Runs a trial to its end, or until it is enough, drain included, and waits until the target answers promptly again; `None`:
    /// the user stopped it.
    ///
    /// # Errors
    /// The target is gone.
    pub(super) fn run(&self, plan: &Plan, enough: &Enough<'_>) -> Result<Option<Ran>> {
        // What ended an earlier trial is over; an interrupt is not.
        self.control.renew();
        let mut cut = false;
        let mut down = None;
        let mut observe = |progress: Progress| {
            let gone = is_down(&progress, &mut down);
            if !cut && (gone || enough(&progress)) {
                cut = true;
                self.control.give_up();
            }
        };
        let report = load::applied(plan, &self.prepared, &self.control, &mut observe)?;
        if self.control.interrupts() > 0 {
            return Ok(None);
        }
        let ready = self.interrupts.unless_interrupted(self.ready());
        let Some(slow) = ready.transpose()? else {
            return Ok(None);
        };
        Ok(report.map(|report| Ran { report, slow }))
    }

    /// Ready when the target answers promptly: what was sent last is done. Otherwise why not.
    ///
    /// # Errors
    /// It does not answer.
    async fn ready(&self) -> Result<Option<String>> {
        let Patience {
            prompt,
            give_up,
            pause,
        } = self.patience;
        for url in &self.plan.target.urls {
            let client = Client::new(&self.plan.target, url, give_up)?;
            let began = Instant::now();
            loop {
                let asked = Instant::now();
                let answer = client.topics().await;
                let took = asked.elapsed();
                if answer.is_ok() && took <= prompt {
                    break;
                }
                let waited = began.elapsed();
                let refused = answer.is_err() && waited >= REFUSED && is_refused(url).await;
                if refused || waited >= give_up {
                    let not_ready = format!(
                        "{url} did not become ready again within {} after a trial",
                        seconds_word(waited)
                    );
                    let Err(error) = answer else {
                        let took = latency(took.as_micros() as u64);
                        return Ok(Some(format!("{not_ready}: its last answer took {took}")));
                    };
                    return Err(Error::target(
                        format!("{not_ready}: {error}"),
                        "wait until it answers promptly (krush status), then try fewer connections or smaller batches",
                    ));
                }
                tokio::time::sleep(pause.min(Duration::from_millis(100))).await;
            }
        }
        Ok(None)
    }

    /// Ends the stand-in, if one was started.
    ///
    /// # Errors
    /// It had failed before.
    pub(super) fn end(&mut self) -> Result<()> {
        self.prepared
            .standin
            .as_mut()
            .map_or(Ok(()), Embedded::stop)
    }
}

/// Whether no connection has been open for so long that the target is not there.
fn is_down(progress: &Progress, down: &mut Option<Instant>) -> bool {
    if let Progress::Running { open: 0, .. } = progress {
        down.get_or_insert_with(Instant::now).elapsed() >= REFUSED
    } else {
        *down = None;
        false
    }
}

/// Whether nobody listens there.
async fn is_refused(url: &Url) -> bool {
    let Ok(addresses) = url.socket_addrs(|| None) else {
        return false;
    };
    let connect = tokio::net::TcpStream::connect(addresses.as_slice());
    let answer = tokio::time::timeout(REFUSED, connect).await;
    matches!(answer, Ok(Err(error)) if error.kind() == ErrorKind::ConnectionRefused)
}

/// Where the load would go, and of what records it would be, as it is written before anything is known of the target.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Aim {
    /// Empty: the stand-in inside krush.
    urls: Vec<String>,
    model: Option<String>,
    topic: String,
    message_size_bytes: u64,
    key: &'static str,
}

impl Aim {
    pub(super) fn of(plan: &Plan) -> Self {
        let urls = plan.target.urls.iter().filter(|_| !plan.target.embedded);
        Self {
            urls: urls
                .map(|url| url.as_str().trim_end_matches('/').to_owned())
                .collect(),
            model: plan.target.model.as_ref().map(ToString::to_string),
            topic: plan.topic.name.clone(),
            message_size_bytes: plan.payload.message_size.0,
            key: plan.payload.key.kind().name(),
        }
    }

    /// `to http://proxy:8082, topic t, payload text of 121 B, keys: none`
    pub(super) fn words(&self) -> String {
        let whither = match (&self.model, self.urls.is_empty()) {
            (Some(model), true) => format!("the stand-in inside krush (model {model})"),
            (None, true) => "the stand-in inside krush".to_owned(),
            (_, false) => self.urls.join(", "),
        };
        paragraph(&format!(
            "to {whither}, topic {}, payload text of {}, keys: {}",
            self.topic,
            ByteSize(self.message_size_bytes),
            self.key
        ))
    }
}

/// What was tested, as it is written.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Target {
    kind: TargetKind,
    urls: Vec<String>,
    server: String,
    embedded: bool,
    /// Its figures are those of this capacity model of a stand-in.
    model: Option<String>,
    topic: String,
}

impl Target {
    /// The flags that lead to it, without credentials.
    pub(super) fn flags(&self) -> String {
        let mut flags = match (&self.model, self.embedded) {
            (Some(model), true) => format!("--model {model}"),
            (None, true) => "--embedded".to_owned(),
            (_, false) => format!("--url {}", self.urls.join(",")),
        };
        flags.push_str(" --topic ");
        flags.push_str(&self.topic);
        flags
    }

    /// What must be said of a target that is no REST Proxy.
    pub(super) fn note(&self) -> Option<String> {
        let what = match (self.kind, self.embedded) {
            (TargetKind::RestProxy, _) => return None,
            (TargetKind::StandIn, true) => "stand-in inside this process",
            (TargetKind::StandIn, false) => "krush's built-in stand-in",
            (TargetKind::StandInKafka, _) => "krush's front on Apache Kafka",
        };
        let whose = match self.model {
            Some(_) => "those of its capacity model",
            None => "those of this machine",
        };
        Some(format!("{what}: figures are {whose}, not of a REST Proxy"))
    }
}

/// A share that may be above 1: `93.5 %`, `200 %`.
pub(super) fn share(ratio: f64) -> String {
    if ratio <= 1.0 {
        return percent(ratio);
    }
    format!("{} %", grouped((ratio * 100.0).round() as u64))
}

/// How a search is judged.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Verdict {
    pub(super) outcome: Outcome,
    pub(super) exit_code: u8,
    pub(super) reasons: Vec<String>,
}

impl Verdict {
    pub(super) fn new(outcome: Outcome, reason: String) -> Self {
        Self {
            outcome,
            exit_code: outcome.exit_code(),
            reasons: vec![reason],
        }
    }

    /// `PASS  best: …`
    pub(super) fn text(&self) -> String {
        let first = format!("{}  ", self.outcome.headline());
        lines(&first, &self.reasons.join("; "))
    }
}

impl Bench {
    /// What is tested.
    pub(super) fn target(&self) -> Target {
        let facts = &self.prepared.facts;
        Target {
            kind: facts.kind,
            urls: facts.urls.clone(),
            server: facts.server.clone(),
            embedded: facts.embedded,
            model: model::of_server(&facts.server).map(str::to_owned),
            topic: self.plan.topic.name.clone(),
        }
    }

    /// The lines above everything else.
    pub(super) fn header(&self, verb: &str) -> String {
        let target = self.target();
        let first = format!(
            "krush {}  {verb}  → {}  ",
            env!("CARGO_PKG_VERSION"),
            target.urls.join(", ")
        );
        let rest = format!("({}), topic {}", target.server, target.topic);
        let mut text = lines(&first, &rest);
        text.extend(target.note().map(|note| paragraph(&note)));
        text.push('\n');
        text
    }
}

/// A sentence in lines that fit a terminal.
pub(super) fn paragraph(text: &str) -> String {
    lines("", text)
}

fn lines(first: &str, text: &str) -> String {
    let lines = report::wrap(first, 2, text);
    let lines = lines.iter().map(|line| format!("{}\n", line.trim_end()));
    lines.collect()
}

/// Refuses result files that would overwrite each other or the scenario.
///
/// # Errors
/// Names the file.
pub(super) fn overwrites_nothing(files: &[PathBuf], scenario: Option<&Path>) -> Result<()> {
    same_file::refuse_twice(files, "is named twice")?;
    let read: Vec<PathBuf> = scenario.iter().map(|file| file.to_path_buf()).collect();
    same_file::refuse("--output", files, &read, "is the scenario that is read")
}

/// What a scenario says of thresholds, for which a search has no use.
///
/// # Errors
/// It cannot be read.
pub(super) fn own_thresholds(file: Option<&Path>) -> Result<Overrides> {
    let Some(file) = file else {
        return Ok(Overrides::default());
    };
    let own = super::read_scenario(file)?.overrides;
    Ok(own.only(|setting| setting.key.starts_with("thresholds.")))
}

/// Finds out before the load whether a result file can be written.
///
/// # Errors
/// Names the path.
pub(super) fn check_output(file: &Path) -> Result<()> {
    let folder = match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let (kind, why) = match (file.is_dir(), folder.is_dir()) {
        (true, _) => (ErrorKind::IsADirectory, "it is a folder".to_owned()),
        (false, false) => {
            let why = format!("there is no folder {}", folder.display());
            (ErrorKind::NotFound, why)
        }
        (false, true) => return Ok(()),
    };
    Err(Error::Output {
        path: file.to_owned(),
        source: std::io::Error::new(kind, why),
    })
}

#[cfg(test)]
impl Target {
    pub(super) fn example() -> Self {
        Self {
            kind: TargetKind::StandIn,
            urls: vec!["http://127.0.0.1:40123".to_owned()],
            server: "krush 0.1.0 stand-in".to_owned(),
            embedded: true,
            model: Some("default".to_owned()),
            topic: "t".to_owned(),
        }
    }
}
