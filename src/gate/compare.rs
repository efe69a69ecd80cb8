//! One run held against another: what changed, by how much, and how sure that is.

mod comparable;
mod figures;
mod judge;
mod noise;
mod pair_rows;
mod stopping;
mod success;
mod whole;
mod words;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use comparable::notes;
pub use comparable::{Placed, Setting, differences, same_run, unfit};
pub use figures::{BlockFigures, How, Pair, is_lower_bound};
pub use pair_rows::{PairRow, SliceLatency, SliceRow};
pub use stopping::{looks_at, narrow};
pub use whole::Latencies;

use self::figures::Sides;
use self::judge::Metric;
use self::success::Requests;
use super::Outcome;
use crate::report::Report;
use crate::units;
#[cfg(test)]
pub(crate) use noise::usual;
#[cfg(test)]
pub(crate) use success::of_slices as success_of_slices;

/// What came of a comparison.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Compared {
    /// What the replicates are.
    pub method: Method,
    /// What it was compared with.
    pub baseline: BaselineRow,
    /// Relative change that matters, 0 to 1.
    pub margin: f64,
    /// One row a metric; those that are judged first.
    pub metrics: Vec<MetricCompared>,
    /// Differences between the runs that `--force` overruled.
    pub forced: Vec<String>,
    /// Differences that keep no runs from being compared, and may be what was found: the version of krush.
    #[serde(default)]
    pub notes: Vec<String>,
    /// The pairs of a duet, in the order in which they were played; empty where blocks are compared.
    #[serde(default)]
    pub pairs: Vec<PairRow>,
    /// `pass`, `regression`, `inconclusive`, or `void`.
    pub outcome: Outcome,
    /// Why.
    pub reasons: Vec<String>,
}

/// What a replicate is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// A block of equal time of a run of its own.
    Blocks,
    /// A pair of slices, one of each target, next to each other in time.
    Pairs,
}

/// What a run was compared with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BaselineRow {
    /// File or URL.
    pub source: String,
    /// When its measured part began, RFC 3339.
    pub started_at: String,
    /// Its scenario.
    pub scenario: String,
}

/// One metric of both.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MetricCompared {
    /// `throughput`, `p95`, `success` (of requests, unlike that of a report's summary, which is of records), `p50`, `p99`.
    pub metric: String,
    /// `records/s`, `us` or `ratio`.
    pub unit: String,
    /// More of it is better.
    pub higher_is_better: bool,
    /// It has a say in the outcome.
    pub judged: bool,
    /// Median over the baseline's replicates.
    pub baseline: f64,
    /// Median over the run's replicates.
    pub saw: f64,
    /// Replicates of the baseline.
    pub baseline_replicates: u64,
    /// Replicates of the run.
    pub replicates: u64,
    /// Relative change from the baseline: Hodges-Lehmann, 0.05 is 5 % more.
    pub change: f64,
    /// Lower end of its interval.
    pub low: f64,
    /// Upper end of its interval.
    pub high: f64,
    /// Confidence of that interval, 0 to 1.
    pub confidence: f64,
    /// Two-sided. Blocks: the larger of Mann-Whitney's and that of the change over its standard error, in which is what runs differ
    /// by; pairs: that of Wilcoxon's signed ranks; success: Fisher's, of failures that count as one if they come at once.
    pub p: f64,
    /// What it comes to.
    pub verdict: MetricVerdict,
    /// Relative change for the worse that is not exceeded, with 95 % confidence: a pass needs it below the margin. No bound where
    /// `lower_bound` is set.
    pub worst: f64,
    /// True relative change for the worse that would be called a regression with 95 % probability; more than the margin.
    pub minimum_detectable: f64,
    /// More replicates of each side until it could be told, if more of them can.
    pub more_replicates: Option<u64>,
    /// Runs of each side until it could be told, where only more runs can.
    pub runs_needed: Option<u64>,
    /// Whose latency is only a lower bound, so that it cannot be judged; `null`: nobody's, or it changes nothing.
    #[serde(default)]
    pub lower_bound: Option<Bounded>,
    /// In how many replicates of them it is.
    #[serde(default)]
    pub lower_bound_replicates: u64,
    /// Where what is added for runs at two times comes from; `null`: nothing is added.
    #[serde(default)]
    pub run_spread: Option<RunSpread>,
    /// Throughput: relative change of all records acked over all seconds measured; P95: that of all requests. A replicate that stood
    /// still, or was slow, counts in it.
    #[serde(default)]
    pub total_change: Option<f64>,
    /// Success only: how many failures come at once and count as one, 1 or more.
    #[serde(default)]
    pub failures_at_once: Option<f64>,
}

impl MetricCompared {
    /// What it is called in tables and sentences: `throughput`, `P95`, `requests ok`.
    pub fn name(&self) -> String {
        called(&self.metric)
    }
}

/// A metric as people call it. Success here is that of requests: beside a report's, which is that of records, it has a name of its own.
fn called(metric: &str) -> String {
    match metric {
        "success" => "requests ok".to_owned(),
        percentile if percentile.starts_with('p') => percentile.to_uppercase(),
        other => other.to_owned(),
    }
}

/// Whose requests that did not succeed make a percentile a lower bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Bounded {
    /// Those of the baseline.
    Baseline,
    /// Those of the run.
    Run,
    /// Those of either.
    Both,
}

/// Where it is known from what runs differ by that only time separates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RunSpread {
    /// It is that of shared machines: too few runs to show their own.
    Assumed,
    /// It was given (`--run-noise`).
    Given,
    /// The runs show it.
    Shown,
}

/// What a comparison says of one metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MetricVerdict {
    /// Worse: significant, and at least the margin.
    Regression,
    /// Better: significant, and at least the margin.
    Improvement,
    /// Equivalent within the margin.
    NoRegression,
    /// Cannot be told.
    Inconclusive,
}

impl MetricCompared {
    /// What it says of the metric: a verdict, or that it has none.
    pub fn decision(&self) -> &'static str {
        if !self.judged {
            return "not_judged";
        }
        match self.verdict {
            MetricVerdict::Regression => "regression",
            MetricVerdict::Improvement => "improvement",
            MetricVerdict::NoRegression => "no_regression",
            MetricVerdict::Inconclusive => "inconclusive",
        }
    }

    /// The change for the worse that is not exceeded; `None`: there is no such bound.
    pub fn worst_bound(&self) -> Option<f64> {
        self.lower_bound.is_none().then_some(self.worst)
    }
}

/// Fewest replicates of a run, and fewest pairs, that anything is said of.
pub const FEWEST: usize = 8;
/// What is judged: without one of them nothing passes.
const JUDGED: [&str; 3] = ["throughput", "p95", "success"];
/// Of the bootstrap: a comparison says the same each time.
const SEED: u64 = 1;

/// Why reports cannot be compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotComparable {
    /// They are not of the same load, kind of target or machine; a line a difference.
    Differ(Vec<String>),
    /// A report without replicates: which, and why.
    NoBlocks(String),
    /// A run that proves nothing: what that makes of the comparison, which, and why.
    Unfit(Outcome, String),
    /// Reports of one run, which say nothing twice: which.
    Same(String),
    /// The two sides of one duet, whose slices belong in pairs: which, and where its comparison is.
    Duet(String),
}

/// A report, and the file it was read from.
#[derive(Debug, Clone, Copy)]
pub struct Named<'a> {
    /// File.
    pub source: &'a str,
    /// What is in it.
    pub report: &'a Report,
}

/// Compares the runs of two sides, one or several a side: blocks of equal time are the replicates, and what runs differ by that only
/// time separates is added to what blocks show.
///
/// # Errors
/// What keeps them from being compared. Differences that `how.force` overrules are in `forced`.
pub fn compare_reports<'a>(
    baseline: &'a [Named<'a>],
    run: &'a [Named<'a>],
    how: &How,
) -> Result<Compared, NotComparable> {
    for (side, integrity) in [(baseline, Outcome::Void), (run, Outcome::Integrity)] {
        for named in side {
            if let Some(why) = comparable::unfit(named.report) {
                let outcome = if named.report.verdict.outcome == Outcome::Integrity {
                    integrity
                } else {
                    Outcome::Void
                };
                let why = format!("{}: {why}", named.source);
                return Err(NotComparable::Unfit(outcome, why));
            }
        }
    }
    let Some(first) = run.first() else {
        return Err(NotComparable::NoBlocks("no report at all".to_owned()));
    };
    let duet = comparable::duet(baseline, run);
    if let Some(why) = duet.as_ref().filter(|_| !how.force) {
        return Err(NotComparable::Duet(why.clone()));
    }
    let all = [baseline, run].concat();
    let placed = |side: &'a [Named]| -> Vec<Placed<'a>> {
        let placed = |named: &Named<'a>| (named.source, Setting::of(named.report));
        side.iter().map(placed).collect()
    };
    let (was, is) = (placed(baseline), placed(run));
    let mut forced = differences(&was, &is);
    forced.extend(duet);
    if !forced.is_empty() && !how.force {
        return Err(NotComparable::Differ(forced));
    }
    let side = |all: &[Named]| all.iter().map(replicates).collect::<Result<Vec<_>, _>>();
    let (before, after) = (side(baseline)?, side(run)?);
    if let Some(why) = comparable::same_run(&all) {
        return Err(NotComparable::Same(why));
    }
    let sides = Sides {
        baseline: &before,
        run: &after,
    };
    let success = [requests(baseline, sides.baseline), requests(run, sides.run)];
    let row = BaselineRow::of(baseline);
    let open_loop = first.report.plan.load.is_open_loop();
    let compared = of_sides(Method::Blocks, &sides, &success, row, open_loop, how);
    Ok(Compared {
        forced,
        notes: notes(&was, &is),
        ..compared
    })
}

/// All requests of these runs: those of their blocks, and what is in their ledgers beyond that.
fn requests(all: &[Named], blocks: &[Vec<BlockFigures>]) -> Requests {
    let mut sum = Requests::of(blocks);
    for (index, named) in all.iter().enumerate() {
        let requests = &named.report.ledger.requests;
        let bad = requests.scheduled.saturating_sub(requests.complete);
        sum.complete(index, requests.scheduled, bad);
    }
    sum
}

/// The blocks of a report as replicates.
///
/// # Errors
/// It has none, or too few with load in them.
pub fn replicates(named: &Named) -> Result<Vec<BlockFigures>, NotComparable> {
    let Named { source, report } = named;
    let none = |why: String| NotComparable::NoBlocks(format!("{source}: {why}"));
    let section = report.blocks.as_ref().ok_or_else(|| {
        none(
            "it is of a version of krush that kept no blocks; run it again with this one"
                .to_owned(),
        )
    })?;
    let blocks = section
        .read()
        .ok_or_else(|| none("its blocks are unreadable".to_owned()))?;
    let secs = blocks.block_us as f64 / 1e6;
    let figures: Vec<BlockFigures> = blocks
        .blocks
        .iter()
        .map(|block| BlockFigures::of(block, secs))
        .collect();
    let with_load = (figures.iter())
        .filter(|block| block.records_per_sec > 0.0 && block.p95_us.is_some())
        .count();
    if figures.iter().all(|block| block.records_per_sec <= 0.0) && !figures.is_empty() {
        return Err(none(
            "it acked nothing: there is nothing to compare".to_owned(),
        ));
    }
    if with_load < FEWEST && report.is_of_duet() {
        return Err(none(format!(
            "it is a side of a duet with fewer than {FEWEST} blocks of equal slices: its comparison, pair by pair, is in the report of the new target"
        )));
    }
    if figures.is_empty() && report.merged.is_some() {
        return Err(none(
            "it is merged of runs whose blocks do not lie side by side: give all workers the same --duration, and start them together"
                .to_owned(),
        ));
    }
    if with_load < FEWEST {
        return Err(none(format!(
            "{with_load} of its {} have requests that came due and records acked, {FEWEST} are needed: it is a burst, or too short. Try --duration 30s",
            units::counted(figures.len() as u64, "block", "blocks")
        )));
    }
    Ok(figures)
}

/// Compares pairs of slices, each two next to each other in time: what drifts is in both, and is gone from their ratio.
/// `open_loop`: throughput follows the schedule, so that only its fall says something. Fewer than eight pairs are inconclusive.
pub fn compare_pairs(
    pairs: &[Pair],
    baseline: BaselineRow,
    open_loop: bool,
    how: &How,
) -> Compared {
    let side = |of: fn(&Pair) -> BlockFigures| [pairs.iter().map(of).collect::<Vec<_>>()];
    let (before, after) = (
        side(|pair| pair.baseline.clone()),
        side(|pair| pair.run.clone()),
    );
    let sides = Sides {
        baseline: &before,
        run: &after,
    };
    let success = [Requests::of(&before), Requests::of(&after)];
    of_sides(Method::Pairs, &sides, &success, baseline, open_loop, how)
}

/// Compares the runs of two sides, each as its blocks.
pub fn compare_runs(
    baseline: &[Vec<BlockFigures>],
    run: &[Vec<BlockFigures>],
    row: BaselineRow,
    open_loop: bool,
    how: &How,
) -> Compared {
    let success = [Requests::of(baseline), Requests::of(run)];
    let sides = Sides { baseline, run };
    of_sides(Method::Blocks, &sides, &success, row, open_loop, how)
}

fn of_sides(
    method: Method,
    sides: &Sides,
    success: &[Requests; 2],
    baseline: BaselineRow,
    open_loop: bool,
    how: &How,
) -> Compared {
    let replicates = sides.replicates();
    let few = replicates.0.min(replicates.1);
    let nothing = if few > 0 && !sides.has_baseline() {
        Some("the baseline acked nothing: there is nothing to compare with".to_owned())
    } else if few < FEWEST {
        Some(words::few(method, few))
    } else {
        None
    };
    if let Some(why) = nothing {
        return Compared {
            method,
            ..uncompared(baseline, Outcome::Inconclusive, why, how)
        };
    }
    let counts = (replicates.0 as u64, replicates.1 as u64);
    let success = success::compared(&success[0], &success[1], counts, how.margin);
    let metrics = metrics(open_loop, how);
    let rows = metrics.iter().filter_map(|metric| match method {
        Method::Blocks => metric.of_runs(sides, how.margin, SEED),
        Method::Pairs => metric.of_pairs(sides, how.margin, SEED),
    });
    judged(method, baseline, with_success(rows.collect(), success), how)
}

/// Those that are judged first.
fn with_success(mut rows: Vec<MetricCompared>, success: MetricCompared) -> Vec<MetricCompared> {
    let judged = rows.iter().take_while(|row| row.judged).count();
    rows.insert(judged, success);
    rows
}

/// What is compared besides success: throughput and P95 are judged, median and P99 shown.
fn metrics(open_loop: bool, how: &How) -> [Metric; 4] {
    let usual = noise::usual(open_loop);
    let noise = |usual: f64| {
        how.run_noise
            .map_or((usual, noise::DF), |noise| (noise, f64::INFINITY))
    };
    let latency = |name, judged, of, usual| Metric {
        whole: |_, _, _| None,
        most: |_| None,
        name,
        unit: "us",
        higher_is_better: false,
        judged,
        only_fall: false,
        of,
        run_noise: noise(usual),
    };
    [
        Metric {
            name: "throughput",
            unit: "records/s",
            higher_is_better: true,
            judged: true,
            only_fall: open_loop,
            of: |block| Some(block.records_per_sec),
            whole: |sides, margin, _| sides.throughput(margin),
            most: |_| None,
            run_noise: noise(usual.throughput),
        },
        Metric {
            whole: |sides, margin, paired| sides.p95(margin, paired),
            most: |block| block.p95_most_us,
            ..latency("p95", true, |block| block.p95_us, usual.p95)
        },
        latency("p50", false, |block| block.p50_us, usual.p50),
        latency("p99", false, |block| block.p99_us, usual.p99),
    ]
}

/// The outcome of what the metrics say: a regression of one is a regression, and only a pass of all is a pass.
fn judged(
    method: Method,
    baseline: BaselineRow,
    metrics: Vec<MetricCompared>,
    how: &How,
) -> Compared {
    let rows = || metrics.iter().filter(|row| row.judged);
    let said = |verdict| rows().any(|row| row.verdict == verdict);
    let all = JUDGED
        .iter()
        .all(|name| rows().any(|row| row.metric == *name));
    let outcome = if said(MetricVerdict::Regression) {
        Outcome::Regression
    } else if !all || said(MetricVerdict::Inconclusive) {
        Outcome::Inconclusive
    } else {
        Outcome::Pass
    };
    let mut compared = Compared {
        method,
        baseline,
        margin: how.margin,
        metrics,
        forced: Vec::new(),
        notes: Vec::new(),
        pairs: Vec::new(),
        outcome,
        reasons: Vec::new(),
    };
    compared.reasons = words::reasons(&compared);
    compared
}

impl BaselineRow {
    /// Of these reports: their files, and what the first says.
    pub fn of(baseline: &[Named]) -> Self {
        let first = baseline.first().map(|named| named.report);
        let sources: Vec<&str> = baseline.iter().map(|named| named.source).collect();
        Self {
            source: sources.join(", "),
            started_at: first.map_or_else(String::new, |report| report.started_at.clone()),
            scenario: first.map_or_else(String::new, |report| report.plan.scenario.clone()),
        }
    }
}

/// Where nothing can be compared: a run that proves nothing is void, one with too few replicates inconclusive.
pub fn uncompared(baseline: BaselineRow, outcome: Outcome, why: String, how: &How) -> Compared {
    Compared {
        method: Method::Blocks,
        baseline,
        margin: how.margin,
        metrics: Vec::new(),
        forced: Vec::new(),
        notes: Vec::new(),
        pairs: Vec::new(),
        outcome,
        reasons: vec![why],
    }
}
