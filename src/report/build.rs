//! From plan, facts and measured numbers to the [`Report`]. Credentials end here.

use std::time::{Duration, SystemTime};

use base64::Engine as _;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Serializer, V2DeflateSerializer};

use super::{
    BlocksSection, ClaimsSection, ConnectionWaits, FailureRow, GeneratorSection, HeldBack,
    Histograms, KeySection, LedgerSection, LoadSection, Machine, PayloadSection, PlanSection,
    RecordLedger, ReferenceSection, Report, RequestLedger, SCHEMA_VERSION, SecondLatency,
    SecondRow, SpanRow, SpikeSection, StageSection, TargetRow, TargetSection, TlsSection, Tool,
    TopicSection,
};
use crate::audit::Audited;
use crate::gate::{self, Compared, Run, Validity};
use crate::measure::{
    Failure, FailureKind, Measured, Recorder, SecondStats, Span, Summary, TargetFacts,
};
use crate::model;
use crate::plan::{
    self, Auth, Content, KeyMode, Plan, Rates, Reference, Spike, Stage, Stop, Threshold,
};
use crate::units;

/// Judges a finished run and says everything about it.
pub fn build(plan: &Plan, facts: &TargetFacts, measured: &Measured) -> Report {
    build_on(
        plan,
        facts,
        measured,
        Machine::here(),
        cfg!(debug_assertions),
    )
}

/// [`build`] with what it takes from its surroundings as arguments.
pub(super) fn build_on(
    plan: &Plan,
    facts: &TargetFacts,
    measured: &Measured,
    machine: Machine,
    debug_build: bool,
) -> Report {
    judged(
        &Run::new(plan, facts, measured, debug_build),
        machine,
        gate::check,
    )
}

/// [`build`] of a run whose validity is judged in another way: one put together from parts, for example.
pub fn build_judged(
    plan: &Plan,
    facts: &TargetFacts,
    measured: &Measured,
    validity: impl FnOnce(&Run) -> Validity,
) -> Report {
    judged(
        &Run::new(plan, facts, measured, cfg!(debug_assertions)),
        Machine::here(),
        validity,
    )
}

/// Everything about a run, on this machine, valid by this.
pub(super) fn judged(
    run: &Run,
    machine: Machine,
    validity: impl FnOnce(&Run) -> Validity,
) -> Report {
    let (plan, facts, measured) = (run.plan, run.facts, run.measured);
    let validity = validity(run);
    let mut thresholds = gate::evaluate(run);
    let verdict = gate::decide(run, &validity, &thresholds);
    thresholds.extend(gate::implied(run, verdict.outcome));
    let warnings = gate::warnings(run);
    Report {
        schema_version: SCHEMA_VERSION,
        tool: Tool {
            debug_build: run.debug_build,
            ..Tool::here()
        },
        started_at: rfc3339(measured.started_at),
        elapsed_secs: measured.elapsed.as_secs_f64(),
        end: measured.end,
        machine,
        plan: PlanSection::of(plan),
        target: TargetSection::of(plan, facts, per_target(facts, measured)),
        ledger: ledger(run),
        warmup: measured.warmup,
        timeline: measured.timeline.iter().map(second_row).collect(),
        over_time: measured.spans.iter().map(span_row).collect(),
        blocks: Some(BlocksSection::of(&measured.blocks)),
        failures: failures(run),
        connections: measured.connections,
        generator: generator(run),
        histograms: Histograms {
            latency: encode(run.latency.all()),
            latency_bounds: encode(&run.total.latency_bounds),
            service_time: encode(&run.total.service_time),
            send_delay: encode(&run.total.send_delay),
            own_lateness: (plan.load.is_open_loop()).then(|| encode(&run.total.own_lateness)),
        },
        summary: run.summary.clone(),
        validity,
        held_back: None,
        audit: None,
        end_to_end: None,
        comparison: None,
        merged: None,
        claims: Some(ClaimsSection::of(&measured.claims)),
        warnings,
        thresholds,
        verdict,
    }
}

impl Report {
    /// Adds how long a consumer group held the load back; if that is most of it, the figures are the group's.
    pub fn add_held_back(&mut self, held: HeldBack) {
        if held.held_secs > self.elapsed_secs / 2.0 {
            self.warnings.push(format!(
                "the load was held back for {:.1} of {:.1} s, because group {} was too far behind: the figures say how fast that group reads, not how fast the target takes records. Try more consumers, or a higher --max-lag.",
                held.held_secs, self.elapsed_secs, held.group
            ));
        }
        self.held_back = Some(held);
    }

    /// Evaluates the thresholds on what consumers received.
    pub fn add_arrival_thresholds(&mut self, thresholds: &[Threshold], latency: &Histogram<u64>) {
        let blocks = self.blocks.as_ref().and_then(BlocksSection::read);
        let requests = self.ledger.requests.sent;
        let more = gate::evaluate_arrivals(thresholds, latency, requests, blocks.as_ref());
        self.verdict = self.verdict.clone().with_thresholds(&more);
        self.thresholds.extend(more);
    }

    /// Adds what became of it beside a baseline, and lets the verdict say what it comes to.
    pub fn add_comparison(&mut self, compared: Compared) {
        // What is said of a void run is that it is void.
        if !self.validity.void {
            self.verdict = self.verdict.clone().compared(&compared);
        }
        self.comparison = Some(compared);
    }

    /// Adds an audit, and lets the verdict say what it comes to.
    pub fn add_audit(&mut self, audited: Audited, start_offsets: Option<Vec<i64>>) {
        self.verdict = self.verdict.clone().audited(&audited);
        self.audit = Some(audited);
        if let Some(claims) = &mut self.claims {
            claims.start_offsets = start_offsets;
        }
    }
}

fn generator(run: &Run) -> GeneratorSection {
    let (measured, total) = (run.measured, &run.total);
    let generator = &measured.generator;
    let ratios = |ratios: &[f64]| ratios.iter().map(|&ratio| finite(ratio)).collect();
    let open_loop = run.plan.load.is_open_loop();
    let sent = total.ledger.requests.sent;
    GeneratorSection {
        thread_busy_ratios: ratios(&generator.thread_busy_ratios),
        thread_wait_ratios: ratios(&generator.thread_wait_ratios),
        first_byte_after_due_us: (measured.first_byte_after_due)
            .map(|late| late.as_micros() as u64),
        cpu_us_per_request: (generator.cpu.filter(|_| sent > 0))
            .map(|cpu| cpu.as_secs_f64() * 1e6 / sent as f64),
        mean_in_flight: measured.mean_in_flight(),
        mean_in_flight_by_little: measured.mean_in_flight_by_little(),
        mean_backlog: open_loop.then(|| measured.mean_backlog()),
        connection_waits: open_loop.then(|| ConnectionWaits {
            requests: total.starvation.requests,
            total_secs: total.starvation.total_us as f64 / 1e6,
            max_us: total.starvation.max_us,
        }),
        clock_skew_secs: generator.clock_skew.as_secs_f64(),
        peak_rss_bytes: generator.peak_rss_bytes,
        clamped: total.clamped,
    }
}

/// JSON has no NaN; a share of no time at all is none.
fn finite(value: f64) -> f64 {
    if value.is_finite() { value } else { 0.0 }
}

pub(super) fn rfc3339(time: SystemTime) -> String {
    humantime::format_rfc3339_millis(time).to_string()
}

impl Tool {
    /// This build.
    pub fn here() -> Self {
        Self {
            name: env!("CARGO_PKG_NAME").to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            commit: option_env!("KRUSH_COMMIT").map(str::to_owned),
            debug_build: cfg!(debug_assertions),
        }
    }
}

impl PlanSection {
    /// The plan as it is reported: without credentials.
    pub fn of(plan: &Plan) -> Self {
        let tls = &plan.target.tls;
        let header = |(name, value): &(String, String)| (name.clone(), shown(name, value));
        Self {
            scenario: plan.scenario.clone(),
            target_named: plan.target.named,
            headers: plan.target.headers.iter().map(header).collect(),
            auth: plan.target.auth.as_ref().map(|auth| match auth {
                Auth::Basic { .. } => "basic".to_owned(),
                Auth::Bearer(_) => "bearer".to_owned(),
            }),
            tls: TlsSection {
                custom_ca: tls.ca.is_some(),
                client_certificate: tls.cert.is_some(),
                insecure: tls.insecure,
            },
            topic: TopicSection {
                name: plan.topic.name.clone(),
                partitions: plan.topic.partitions,
                replication_factor: plan.topic.replication_factor,
                create: plan.topic.create,
            },
            load: load(plan),
            payload: PayloadSection {
                format: plan.payload.format,
                message_size_bytes: plan.payload.message_size.0,
                value_bytes: plan::value_bytes(&plan.payload, plan.load.batch_size),
                content: match plan.payload.content {
                    Content::Text => "text".to_owned(),
                    Content::Base64 => "base64".to_owned(),
                },
                key: key(plan.payload.key),
                seed: plan.payload.seed,
            },
            reference: plan.reference.as_ref().map(reference),
        }
    }
}

/// The value of a header as it may be shown.
fn shown(name: &str, value: &str) -> String {
    if plan::is_secret_header(name) {
        "***".to_owned()
    } else {
        value.to_owned()
    }
}

fn load(plan: &Plan) -> LoadSection {
    let load = &plan.load;
    let (messages, duration_secs) = match load.stop {
        Stop::Messages(messages) => (Some(messages), None),
        Stop::Duration(duration) => (None, Some(duration.as_secs_f64())),
    };
    let pace = load.pace.as_ref();
    let (rate_records_per_sec, stages) = match pace.map(|pace| &pace.rates) {
        None => (None, None),
        Some(Rates::Constant(rate)) => (Some(rate.0), None),
        Some(Rates::Stages(stages)) => (None, Some(stages.iter().map(stage).collect())),
    };
    LoadSection {
        messages,
        duration_secs,
        concurrency: load.concurrency,
        batch_size: load.batch_size,
        rate_records_per_sec,
        stages,
        spike: pace.and_then(|pace| pace.spike.as_ref()).map(spike),
        arrivals: pace.map(|pace| pace.arrivals.name().to_owned()),
        warmup_secs: load.warmup.as_secs_f64(),
        timeout_secs: load.timeout.as_secs_f64(),
        drain_secs: load.drain.as_secs_f64(),
        threads: load.threads,
    }
}

fn stage(stage: &Stage) -> StageSection {
    StageSection {
        from_records_per_sec: stage.from.0,
        to_records_per_sec: stage.to.0,
        duration_secs: stage.length.as_secs_f64(),
    }
}

fn spike(spike: &Spike) -> SpikeSection {
    SpikeSection {
        records_per_sec: spike.rate.0,
        at_secs: spike.at.as_secs_f64(),
        duration_secs: spike.length.as_secs_f64(),
    }
}

fn key(key: KeyMode) -> KeySection {
    let (mode, keys, hot_ratio) = match key {
        KeyMode::None => ("none", None, None),
        KeyMode::Sequence => ("sequence", None, None),
        KeyMode::Random { keys } => ("random", Some(keys), None),
        KeyMode::Hot { keys, hot_ratio } => ("hot", Some(keys), Some(hot_ratio)),
    };
    KeySection {
        mode: mode.to_owned(),
        keys,
        hot_ratio,
    }
}

fn reference(reference: &Reference) -> ReferenceSection {
    let micros = |duration: Duration| duration.as_micros() as u64;
    ReferenceSection {
        records_per_sec: reference.records_per_sec,
        p95_us: reference.p95.map(micros),
        success_ratio: reference.success_ratio,
        goal_records_per_sec: reference.goal_records_per_sec,
        source: reference.source.clone(),
    }
}

impl TargetSection {
    /// What was learned about the target, as it is reported.
    pub fn of(plan: &Plan, facts: &TargetFacts, per_target: Vec<TargetRow>) -> Self {
        Self {
            kind: facts.kind,
            urls: facts.urls.iter().map(|url| bare_url(url)).collect(),
            server: facts.server.clone(),
            embedded: facts.embedded,
            faults: plan.target.faults.iter().map(ToString::to_string).collect(),
            model: model::of_server(&facts.server).map(str::to_owned),
            dialect: facts.dialect,
            apis: facts.apis.clone(),
            topic: plan.topic.name.clone(),
            partitions: facts.partitions,
            topic_created: facts.topic_created,
            per_target,
        }
    }
}

/// A URL without user, password, query and the slash at its end.
fn bare_url(text: &str) -> String {
    let Ok(mut url) = url::Url::parse(text) else {
        return text.to_owned();
    };
    // Both fail only for URLs that cannot have a user, and then there is none to remove.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.set_query(None);
    url.set_fragment(None);
    url.as_str().trim_end_matches('/').to_owned()
}

fn per_target(facts: &TargetFacts, measured: &Measured) -> Vec<TargetRow> {
    let row = |(url, recorder): (&String, &Recorder)| TargetRow {
        url: bare_url(url),
        ledger: recorder.ledger,
        summary: Summary::of_recorder(recorder, measured.window, recorder.ledger.records.sent),
    };
    facts.urls.iter().zip(&measured.targets).map(row).collect()
}

fn ledger(run: &Run) -> LedgerSection {
    let (q, r) = (&run.total.ledger.requests, &run.total.ledger.records);
    let (scheduled, unsent) = (run.measured.scheduled, run.measured.unsent);
    LedgerSection {
        requests: RequestLedger {
            scheduled: scheduled.requests,
            sent: q.sent,
            unsent: unsent.requests,
            complete: q.complete,
            partial: q.partial,
            rejected: q.rejected,
            unknown: q.unknown,
        },
        records: RecordLedger {
            scheduled: scheduled.records,
            sent: r.sent,
            unsent: unsent.records,
            acked: r.acked,
            rejected: r.rejected,
            unknown: r.unknown,
        },
    }
}

fn second_row(row: &SecondStats) -> SecondRow {
    SecondRow {
        second: row.second,
        records_due: row.records_due,
        records_sent: row.records_sent,
        records_acked: row.records_acked,
        requests_due: row.requests_due,
        requests_sent: row.requests_sent,
        requests: row.requests,
        latency_us: SecondLatency {
            p50: row.p50_us,
            p95: row.p95_us,
            max: row.max_us,
            lower_bounds: [
                ("p50", row.bounds.p50),
                ("p95", row.bounds.p95),
                ("max", row.bounds.max),
            ]
            .into_iter()
            .filter(|&(_, bound)| bound)
            .map(|(name, _)| name.to_owned())
            .collect(),
            buckets: buckets(&row.buckets.all),
            bound_buckets: buckets(&row.buckets.bounds),
        },
        failures: row.failures,
    }
}

/// Edge and count of each bucket, all with a space between them: as a list they would be a line each.
fn buckets(buckets: &[(u64, u64)]) -> String {
    let words = buckets.iter().flat_map(|&(edge, count)| [edge, count]);
    let words: Vec<String> = words.map(|number| number.to_string()).collect();
    words.join(" ")
}

fn span_row(span: &Span) -> SpanRow {
    SpanRow {
        load_secs: span.load_secs,
        secs: span.secs,
        row: second_row(&span.stats),
    }
}

fn failures(run: &Run) -> Vec<FailureRow> {
    let attempts = run.measured.connections.connect_failures;
    let mut rows: Vec<FailureRow> = run.total.failures.rows().iter().map(failure_row).collect();
    let connect = |row: &&mut FailureRow| row.kind == FailureKind::Connect;
    // A request that found no connection stands for all the attempts made for it.
    if let Some(row) = rows.iter_mut().find(connect)
        && attempts > 0
    {
        let words = units::counted(attempts, "attempt", "attempts");
        let spaced = if row.sample.is_empty() { "" } else { " " };
        row.sample = format!("{}{spaced}({words})", row.sample);
    }
    rows
}

fn failure_row(row: &Failure) -> FailureRow {
    FailureRow {
        kind: row.kind,
        http_status: row.http_status,
        error_code: row.error_code,
        requests: row.requests,
        records: row.records,
        sample: row.sample.clone(),
    }
}

pub(super) fn encode(histogram: &Histogram<u64>) -> String {
    let mut bytes = Vec::new();
    V2DeflateSerializer::new()
        .serialize(histogram, &mut bytes)
        .expect("writing to memory cannot fail, and counts are far below 2^63");
    base64::engine::general_purpose::STANDARD.encode(bytes)
}
