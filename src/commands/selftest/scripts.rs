//! Random fault scripts: whatever a server does, the ledger balances, nothing panics and nothing hangs.

use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};

use super::findings::Findings;
use super::laws;
use super::trial::{self, Trial};
use crate::commands::load;
use crate::commands::prepare::Prepared;
use crate::error::{Error, Result};
use crate::measure::{TargetFacts, TargetKind};
use crate::standin::Settings;
use crate::wire::Dialect;

/// Limit for one exchange.
const TIMEOUT: Duration = Duration::from_millis(150);
/// A run takes its load (at most 0.12 s, or 10 requests a connection one after the other), each of them at most the time-out
/// and a pause of at most 1 s before its connection is made again, and the drain; all else is a hang.
const HANG: Duration = Duration::from_secs(20);

/// Kinds of faults; `{ms}` and `{n}` are drawn.
const KINDS: [&str; 32] = [
    "delay={ms}ms",
    "delay=lognormal({ms}ms,0.8)",
    "stall={ms}ms",
    "die",
    "refuse",
    "drop",
    "sever",
    "close",
    "reset=request",
    "reset=answer",
    "cut",
    "drip={ms}ms:40",
    "fail={n}%:50002",
    "fail={n}%:50003",
    "status=429",
    "status=503",
    "status=500:stored",
    "status=500:some",
    "empty",
    "broken",
    "rubbish",
    "mute",
    "entries=-1",
    "entries=+1",
    "no-keepalive",
    "silent-close",
    "early=413",
    "previous",
    "hang",
    "keepalive",
    "expired={n}%",
    "block",
];

/// Conditions; without one a fault is always there.
const CONDITIONS: [&str; 6] = [
    "{ms}ms",
    "{ms}ms-300ms",
    "{n}req",
    "every{n}",
    "{n}%",
    "every2,{n}req",
];

/// What came of one script.
#[derive(Debug)]
pub(super) struct Outcome {
    /// Its faults and load, to run it again.
    script: String,
    findings: Findings,
    /// The target was refused before any load was sent.
    refused: bool,
    took: Duration,
}

/// What came of all of them.
#[derive(Debug)]
pub(super) struct Scripts {
    /// What they were drawn from.
    pub(super) seed: u64,
    /// Scripts run.
    pub(super) run: u64,
    /// Of these, refused before any load.
    pub(super) refused: u64,
    /// Comparisons made.
    pub(super) compared: usize,
    /// The longest run.
    pub(super) longest: Duration,
    wrong: Vec<String>,
}

impl Scripts {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            seed,
            run: 0,
            refused: 0,
            compared: 0,
            longest: Duration::ZERO,
            wrong: Vec::new(),
        }
    }

    pub(super) fn add(&mut self, outcome: &Outcome) {
        self.run += 1;
        self.refused += u64::from(outcome.refused);
        self.compared += outcome.findings.compared();
        self.longest = self.longest.max(outcome.took);
        let wrong = outcome.findings.wrong().iter();
        self.wrong
            .extend(wrong.map(|wrong| format!("{}: {wrong}", outcome.script)));
    }

    /// Every figure that was wrong, with the script.
    pub(super) fn wrong(&self) -> &[String] {
        &self.wrong
    }
}

/// Runs script number `number` of those drawn from `seed`.
pub(super) fn run(seed: u64, number: u64) -> Outcome {
    let mut random = StdRng::seed_from_u64(seed.wrapping_mul(1_000_003).wrapping_add(number));
    let faults: Vec<String> = (0..random.random_range(1..=4))
        .map(|_| fault(&mut random))
        .collect();
    let load = load_text(&mut random);
    let script = format!(
        "script {number}: {} with {}",
        faults.join(" "),
        load.replace('\n', ", ")
    );
    let mut findings = Findings::default();
    let began = Instant::now();
    let outcome = trial(&faults, &load);
    let took = began.elapsed();
    findings.at_most("seconds taken", took.as_secs_f64(), HANG.as_secs_f64());
    let refused = matches!(outcome, Err(Error::Target { .. }));
    match outcome {
        Ok(trial) => laws::check(&trial, &mut findings),
        Err(Error::Target { .. }) => {}
        Err(error) => findings.holds(false, || format!("no report: {error}")),
    }
    Outcome {
        script,
        findings,
        refused,
        took,
    }
}

fn fault(random: &mut StdRng) -> String {
    let kind = KINDS.choose(random).expect("there are kinds");
    // Some make no sense without a time, or end everything at once.
    let needs = matches!(*kind, "die" | "refuse" | "drop" | "hang" | "mute" | "block")
        || kind.starts_with("stall");
    let text = if needs || random.random_bool(0.7) {
        let condition = match *kind {
            "refuse" => "{ms}ms-300ms",
            "drop" => "{ms}ms",
            "die" => "{n}req",
            _ if kind.starts_with("stall") => "{ms}ms",
            _ => CONDITIONS.choose(random).expect("there are conditions"),
        };
        format!("{kind}@{condition}")
    } else {
        (*kind).to_owned()
    };
    drawn(&text, random)
}

fn drawn(text: &str, random: &mut StdRng) -> String {
    let ms = random.random_range(1..=60).to_string();
    let n = random.random_range(1..=40).to_string();
    text.replace("{ms}", &ms).replace("{n}", &n)
}

fn load_text(random: &mut StdRng) -> String {
    let concurrency = random.random_range(1..=8);
    let batch = random.random_range(1..=20);
    let threads = random.random_range(1..=2);
    let rate = random.random_range(200..=20_000);
    let ms = random.random_range(20..=120);
    let messages = batch * concurrency * random.random_range(1..=10);
    let amount = match random.random_range(0..4) {
        0 => format!("load.messages = {messages}"),
        1 => format!("load.messages = {messages}\nload.rate = \"{rate}/s\""),
        2 => format!("load.duration = \"{ms}ms\""),
        _ => format!("load.duration = \"{ms}ms\"\nload.rate = \"{rate}/s\""),
    };
    format!(
        "{amount}\nload.concurrency = {concurrency}\nload.batch_size = {batch}\nload.threads = {threads}\n\
         load.timeout = \"{}ms\"\nthresholds.fail_on = [\"success < 100%\"]",
        TIMEOUT.as_millis()
    )
}

/// Without the questions that are asked before a run: they would meet the faults first.
fn trial(faults: &[String], load: &str) -> Result<Trial> {
    let mut plan = trial::plan(load)?;
    let texts: Vec<&str> = faults.iter().map(String::as_str).collect();
    let (url, standin) = load::start_standin(Settings {
        faults: trial::faults(&texts)?,
        faults_wait: true,
        threads: 1,
        max_block: TIMEOUT,
        request_threads: 2,
        ..Settings::default()
    })?;
    plan.target.urls = vec![url.clone()];
    let facts = TargetFacts {
        kind: TargetKind::StandIn,
        embedded: true,
        urls: vec![url.to_string()],
        server: "stand-in".to_owned(),
        apis: vec!["v2".to_owned()],
        dialect: Dialect::Confluent,
        partitions: Some(1),
        topic_created: false,
    };
    let prepared = Prepared {
        facts,
        warnings: Vec::new(),
        standin: Some(standin),
    };
    trial::measured(&plan, prepared, |_, _| Ok(()))
}
