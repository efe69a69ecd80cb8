//! The latency distribution as HdrHistogram's own tools print it, for their plotters.
//!
//! Source: `AbstractHistogram.outputPercentileDistribution` and `PercentileIterator` of the Java implementation; lines that begin with `#` are comments to its readers.

use std::fmt::Write as _;

use hdrhistogram::Histogram;

use super::super::Report;
use super::super::text::clean;
use super::{histogram, is_evidence, kind};

/// Lines for each halving of the distance to 100 %, the default of HdrHistogram's own tools.
const TICKS_PER_HALF_DISTANCE: f64 = 5.0;
/// Values are µs in the histogram and ms in the text.
const US_PER_MS: f64 = 1e3;

/// Percentiles of the latency in ms, 5 lines for each halving of the distance to 100 %.
pub(super) fn hdr_percentiles(report: &Report) -> String {
    let all = histogram(&report.histograms.latency);
    let mut out = String::new();
    for line in comments(report) {
        // Writing to a String cannot fail.
        let _ = writeln!(out, "# {line}");
    }
    out.push_str("       Value     Percentile TotalCount 1/(1-Percentile)\n\n");
    for Step {
        us,
        percentile,
        count,
    } in steps(&all)
    {
        let (value, quantile) = (us as f64 / US_PER_MS, percentile / 100.0);
        let _ = write!(out, "{value:12.3} {quantile:2.12} {count:10}");
        if percentile < 100.0 {
            let _ = write!(out, " {:14.2}", 1.0 / (1.0 - quantile));
        }
        out.push('\n');
    }
    let mean = all.mean() / US_PER_MS;
    let deviation = all.stdev() / US_PER_MS;
    let max = all.max() as f64 / US_PER_MS;
    let total = all.len();
    let (buckets, sub_buckets) = (all.buckets(), 2048);
    let _ = writeln!(
        out,
        "#[Mean    = {mean:12.3}, StdDeviation   = {deviation:12.3}]\n\
         #[Max     = {max:12.3}, Total count    = {total:12}]\n\
         #[Buckets = {buckets:12}, SubBuckets     = {sub_buckets:12}]"
    );
    out
}

/// One line: this many values are at most so large.
struct Step {
    us: u64,
    percentile: f64,
    count: u64,
}

/// The steps of Java's `PercentileIterator`. The crate's own iterator adds up fractions where Java adds up per cent, and so is one value
/// late where a percentile is met exactly (0.1 added six times is more than 0.6).
fn steps(all: &Histogram<u64>) -> Vec<Step> {
    let (total, mut count, mut level) = (all.len(), 0, 0.0);
    let mut steps = Vec::new();
    for bucket in all.iter_recorded() {
        count += bucket.count_at_value();
        let us = all.highest_equivalent(bucket.value_iterated_to());
        let step = |percentile| Step {
            us,
            percentile,
            count,
        };
        while 100.0 * count as f64 / total as f64 >= level {
            steps.push(step(level));
            level += 100.0 / ticks(level);
            if count == total {
                steps.push(step(100.0));
                break;
            }
        }
    }
    steps
}

/// Steps to 100 % from this percentile on, if all were as long as the next.
fn ticks(percentile: f64) -> f64 {
    let halvings = (100.0 / (100.0 - percentile)).log2().trunc() + 1.0;
    TICKS_PER_HALF_DISTANCE * halvings.exp2()
}

/// What a reader must know before the figures, a line each.
pub(super) fn comments(report: &Report) -> Vec<String> {
    let mut lines = vec![
        format!(
            "krush {}: {} on {}, {}; outcome: {}",
            report.tool.version,
            clean(&report.plan.scenario),
            kind(report),
            report.started_at,
            report.verdict.outcome.name()
        ),
        "latency of requests in milliseconds: response fully read minus due".to_owned(),
    ];
    if !is_evidence(report) {
        lines.push(format!(
            "{}: this run proves nothing: {}",
            clean(&report.verdict.headline),
            clean(&report.verdict.reasons.join("; "))
        ));
    }
    let bounds = report.summary.latency_bound_samples;
    if bounds > 0 {
        lines.push(format!(
            "{bounds} of {} requests never got an answer and count with the time they waited: {} can only be larger",
            report.summary.latency_samples,
            report.summary.lower_bounds.join(", ")
        ));
    }
    lines
}
