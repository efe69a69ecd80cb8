//! What a comparison comes to, in sentences.

use super::{Compared, FEWEST, Method, MetricCompared, MetricVerdict};
use crate::units::{counted, percent_of_change};

/// Why it comes out as it does, and what to do about it.
pub(super) fn reasons(compared: &Compared) -> Vec<String> {
    let judged = compared.metrics.iter().filter(|row| row.judged);
    let mut reasons: Vec<String> = judged
        .clone()
        .filter_map(|row| reason(row, compared))
        .collect();
    let few = judged
        .filter(|row| row.metric != "success")
        .map(|row| row.baseline_replicates.min(row.replicates))
        .min()
        .unwrap_or_default();
    if few < FEWEST as u64 {
        let what = match compared.method {
            Method::Blocks => ("block", "blocks"),
            Method::Pairs => ("pair", "pairs"),
        };
        reasons.insert(
            0,
            format!(
                "{} can be compared, {FEWEST} are needed",
                counted(few, what.0, what.1)
            ),
        );
    }
    reasons
}

fn reason(row: &MetricCompared, compared: &Compared) -> Option<String> {
    let change = percent_of_change(row.change);
    let margin = percent(compared.margin);
    match row.verdict {
        MetricVerdict::Regression if row.metric == "success" => Some(format!(
            "success fell from {} to {} of the requests, which is more than chance (p {})",
            crate::units::percent(row.baseline),
            crate::units::percent(row.saw),
            p(row.p)
        )),
        MetricVerdict::Regression => Some(format!(
            "{} {change} ({} % interval {} to {}): worse by the margin of {margin} or more",
            name(row),
            row.confidence * 100.0,
            percent_of_change(row.low),
            percent_of_change(row.high)
        )),
        MetricVerdict::Inconclusive if row.metric == "success" => Some(format!(
            "success fell from {} to {} of the requests; that may be chance (p {}). Try a longer run",
            crate::units::percent(row.baseline),
            crate::units::percent(row.saw),
            p(row.p)
        )),
        MetricVerdict::Inconclusive => Some(format!(
            "{} {change}: it may be worse by up to {} (95 %), the margin is {margin}; what would show is {} or more. {}",
            name(row),
            percent(row.worst),
            percent(row.minimum_detectable),
            remedy(row, compared.method)
        )),
        MetricVerdict::Improvement | MetricVerdict::NoRegression => None,
    }
}

/// What would tell.
fn remedy(row: &MetricCompared, method: Method) -> String {
    match (method, row.more_replicates, row.runs_needed) {
        (Method::Blocks, Some(more), _) => {
            let times = (row.replicates.min(row.baseline_replicates) + more) as f64
                / row.replicates.min(row.baseline_replicates).max(1) as f64;
            format!(
                "It takes {} more of each side, as long as these: runs {times:.1} times as long",
                counted(more, "block", "blocks")
            )
        }
        (Method::Pairs, Some(more), _) => format!("It takes {}", counted(more, "more pair", "more pairs")),
        (Method::Blocks, None, Some(runs)) => format!(
            "No longer run can tell, because machines differ from run to run by more than that: it takes {} of each side (A1.json,A2.json,…), or a duet (--baseline-url), which needs one",
            counted(runs, "run", "runs")
        ),
        (Method::Blocks, None, None) => "It lies too near the margin, or noise is too large, for more runs to tell: try a duet (--baseline-url), or another --margin".to_owned(),
        (Method::Pairs, None, _) => "It lies too near the margin, or noise is too large, for more pairs to tell: try longer slices, or another --margin".to_owned(),
    }
}

/// A metric as a sentence begins with it.
fn name(row: &MetricCompared) -> String {
    if row.metric.starts_with('p') {
        row.metric.to_uppercase()
    } else {
        row.metric.clone()
    }
}

/// A share, not signed, with a digit behind the point.
fn percent(share: f64) -> String {
    percent_of_change(share).trim_start_matches('+').to_owned()
}

fn p(p: f64) -> String {
    if p < 0.001 {
        "< 0.001".to_owned()
    } else {
        format!("{p:.3}")
    }
}
