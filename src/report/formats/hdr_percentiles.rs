//! The latency distribution as HdrHistogram's own tools print it, for their plotters.
//!
//! Source: `AbstractHistogram.outputPercentileDistribution` of the Java implementation; lines that begin with `#` are comments to its readers.

use std::fmt::Write as _;

use super::super::Report;
use super::super::text::clean;
use super::{histogram, is_evidence};

/// Lines for each halving of the distance to 100 %, the default of HdrHistogram's own tools.
const TICKS_PER_HALF_DISTANCE: u32 = 5;
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
    let mut count = 0;
    for step in all.iter_quantiles(TICKS_PER_HALF_DISTANCE) {
        count += step.count_since_last_iteration();
        let value = step.value_iterated_to() as f64 / US_PER_MS;
        let quantile = step.quantile_iterated_to();
        let _ = write!(out, "{value:12.3} {quantile:2.12} {count:10}");
        if quantile < 1.0 {
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

/// What a reader must know before the figures, a line each.
pub(super) fn comments(report: &Report) -> Vec<String> {
    let mut lines = vec![
        format!(
            "krush {}: {} on {}, {}; outcome: {}",
            report.tool.version,
            clean(&report.plan.scenario),
            report.target.kind.name(),
            report.started_at,
            report.verdict.outcome.name()
        ),
        "latency of requests in milliseconds: response fully read minus due".to_owned(),
    ];
    if !is_evidence(report) {
        lines.push(format!(
            "VOID: this run proves nothing: {}",
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
