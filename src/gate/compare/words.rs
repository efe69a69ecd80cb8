//! What a comparison comes to, in sentences.

use super::{Bounded, Compared, FEWEST, JUDGED, Method, MetricCompared, MetricVerdict, RunSpread};
use crate::units::{
    change_beside, counted, percent_of_change, share_beside, share_of_change as percent,
};

/// Most pairs, runs of a side, and times the length of a run that are worth naming: nobody makes more.
const MOST_PAIRS: u64 = 1_000;
const MOST_RUNS: u64 = 50;
const MOST_TIMES: u64 = 50;

/// Why nothing is said of so few replicates.
pub(super) fn few(method: Method, replicates: usize) -> String {
    let (one, many) = nouns(method);
    format!(
        "{}: at least {FEWEST} are needed",
        counted(replicates as u64, one, many)
    )
}

/// What a replicate is called, and several.
fn nouns(method: Method) -> (&'static str, &'static str) {
    match method {
        Method::Blocks => ("block", "blocks"),
        Method::Pairs => ("pair", "pairs"),
    }
}

/// Why it comes out as it does, and what to do about it.
pub(super) fn reasons(compared: &Compared) -> Vec<String> {
    let rows = || compared.metrics.iter().filter(|row| row.judged);
    let missing = JUDGED
        .into_iter()
        .filter(|&metric| rows().all(|row| row.metric != metric))
        .map(|metric| {
            format!(
                "{} cannot be compared: fewer than {FEWEST} {} have it on both sides",
                called(metric),
                nouns(compared.method).1
            )
        });
    rows()
        .filter_map(|row| reason(row, compared))
        .chain(missing)
        .collect()
}

fn reason(row: &MetricCompared, compared: &Compared) -> Option<String> {
    let change = change_beside(row.change, compared.margin);
    let margin = percent(compared.margin);
    match row.verdict {
        MetricVerdict::Regression | MetricVerdict::Inconclusive if row.metric == "success" => {
            Some(of_success(row, compared))
        }
        MetricVerdict::Regression => Some(format!(
            "{} {change} ({} % interval {} to {}): worse by the margin of {margin} or more",
            called(&row.metric),
            row.confidence * 100.0,
            percent_of_change(row.low),
            percent_of_change(row.high)
        )),
        MetricVerdict::Inconclusive if let Some(side) = row.lower_bound => {
            Some(hidden(row, side, compared.method))
        }
        MetricVerdict::Inconclusive if row.worst < compared.margin => stood_still(row, compared),
        MetricVerdict::Inconclusive => Some(format!(
            "{} {change}: it may be worse by up to {} (95 %), the margin is {margin}; what would show is {} or more. {}",
            called(&row.metric),
            share_beside(row.worst, compared.margin),
            percent(row.minimum_detectable).trim_end_matches(" or more"),
            remedy(row, compared.method)
        )),
        MetricVerdict::Improvement | MetricVerdict::NoRegression => None,
    }
}

/// Why more requests fail, or may.
fn of_success(row: &MetricCompared, compared: &Compared) -> String {
    let (was, is) = (
        crate::units::percent(row.baseline),
        crate::units::percent(row.saw),
    );
    let longer = match compared.method {
        Method::Blocks => "Try a longer run",
        Method::Pairs => "Try more pairs, or longer slices",
    };
    let at_once = row.failures_at_once.unwrap_or(1.0);
    let clusters = if at_once >= 2.0 {
        format!(", as failures come about {at_once:.0} at once")
    } else {
        String::new()
    };
    if row.verdict == MetricVerdict::Regression {
        let p = p(row.p);
        return format!(
            "success fell from {was} to {is} of the requests, which is more than chance (p {p})"
        );
    }
    if row.worst >= compared.margin {
        return format!(
            "success {was} and {is} of the requests: it may be worse by up to {} (95 %), the margin is {}{clusters}. {longer}",
            share_beside(row.worst, compared.margin),
            percent(compared.margin),
        );
    }
    format!(
        "success fell from {was} to {is} of the requests; that may be chance (p {}){clusters}. {longer}",
        p(row.p)
    )
}

/// Why a percentile that is only a lower bound is not judged.
fn hidden(row: &MetricCompared, side: Bounded, method: Method) -> String {
    let (side, of) = match side {
        Bounded::Baseline => ("the baseline", row.baseline_replicates),
        Bounded::Run => ("the run", row.replicates),
        Bounded::Both => ("both sides", row.baseline_replicates + row.replicates),
    };
    let what = match method {
        Method::Blocks => "blocks",
        Method::Pairs => "slices",
    };
    format!(
        "requests that did not succeed make {} of {side} a lower bound in {} of {of} {what}: it cannot be judged",
        called(&row.metric),
        row.lower_bound_replicates,
    )
}

/// Why what is no worse in the middle does not pass: the whole is.
fn stood_still(row: &MetricCompared, compared: &Compared) -> Option<String> {
    let (what, part) = match compared.method {
        Method::Blocks => ("blocks", "blocks"),
        Method::Pairs => ("pairs", "slices"),
    };
    row.total_change.map(|total| {
        format!(
            "{}: the middle of the {what} changed by {}, the whole by {}: some {part} stood still (see max and P99)",
            called(&row.metric),
            percent_of_change(row.change),
            change_beside(total, compared.margin)
        )
    })
}

/// What would tell.
fn remedy(row: &MetricCompared, method: Method) -> String {
    let each = row.replicates.min(row.baseline_replicates).max(1);
    match method {
        Method::Pairs => match row.more_replicates {
            Some(more) if each + more <= MOST_PAIRS => {
                format!("It takes {}", counted(more, "more pair", "more pairs"))
            }
            _ => "It lies too near the margin, or noise is too large, for more pairs to tell: try longer slices, or a larger margin".to_owned(),
        },
        Method::Blocks => match row.more_replicates {
            Some(more) if each + more <= each * MOST_TIMES => format!(
                "It takes {} more of each side, as long as these: runs {:.1} times as long",
                counted(more, "block", "blocks"),
                (each + more) as f64 / each as f64
            ),
            _ => more_runs(row),
        },
    }
}

/// What tells where no longer run does.
fn more_runs(row: &MetricCompared) -> String {
    let runs = row.runs_needed.filter(|&runs| runs <= MOST_RUNS);
    match (row.run_spread, runs) {
        (Some(RunSpread::Assumed), _) => "No longer run can tell, as runs at two times are held to differ by more than that: try a duet (--baseline-url); or give five runs or more in all (A1.json,A2.json,…), whose own spread counts then; or say what runs differ by here (--run-noise)".to_owned(),
        (_, Some(runs)) => format!(
            "No longer run can tell, as runs differ by more than that: try a duet (--baseline-url), or {} of each side (A1.json,A2.json,…)",
            counted(runs, "run", "runs")
        ),
        (_, None) => "It lies too near the margin, or noise is too large, for more runs to tell: try a duet (--baseline-url), or another --margin".to_owned(),
    }
}

/// A metric as a sentence begins with it.
fn called(metric: &str) -> String {
    if metric.starts_with('p') {
        metric.to_uppercase()
    } else {
        metric.to_owned()
    }
}

fn p(p: f64) -> String {
    if p < 0.001 {
        "< 0.001".to_owned()
    } else {
        format!("{p:.3}")
    }
}

#[cfg(test)]
mod tests {
    use super::super::{BaselineRow, BlockFigures, How, Pair, compare_pairs, compare_runs};

    /// A block that is slower than 10 ms by this factor, and noisy by a hundredth or by this much.
    fn block(index: usize, slower: f64, noise: f64, lower_bound: bool) -> BlockFigures {
        let ms = 10_000.0 * slower * (1.0 + noise * ((index * 7 % 5) as f64 - 2.0));
        BlockFigures {
            records_per_sec: 1e9 / ms,
            secs: 1.0,
            p50_us: Some(ms),
            p95_us: Some(ms * 1.5),
            p99_us: Some(ms * 2.0),
            requests: 100,
            failures: 0,
            lower_bound,
        }
    }

    fn run(slower: f64, lower_bound: bool) -> Vec<BlockFigures> {
        (0..16)
            .map(|index| block(index, slower, 0.005, lower_bound))
            .collect()
    }

    fn row() -> BaselineRow {
        BaselineRow {
            source: "old.json".to_owned(),
            started_at: String::new(),
            scenario: "basic".to_owned(),
        }
    }

    fn said(before: &[BlockFigures], after: &[BlockFigures], noise: Option<f64>) -> String {
        let how = How {
            run_noise: noise,
            ..How::margin(0.05)
        };
        let (before, after) = ([before.to_vec()], [after.to_vec()]);
        let compared = compare_runs(&before, &after, row(), true, &how);
        format!("{:?}: {}", compared.outcome, compared.reasons.join(" | "))
    }

    #[test]
    fn what_is_no_figure_is_not_judged_and_what_is_worse_all_the_same_is() {
        let known = Some(0.001);
        let (same, open) = (run(1.0, false), run(1.0, true));
        let slow_and_open = run(2.0, true);
        assert!(said(&same, &open, known).contains("P95 of the run a lower bound"));
        assert!(said(&open, &run(2.0, false), known).contains("P95 of the baseline a lower bound"));
        assert!(said(&same, &slow_and_open, known).starts_with("Regression"));
    }

    #[test]
    fn two_single_runs_are_told_what_would_tell() {
        assert!(
            said(&run(1.0, false), &run(1.0, false), None).contains("five runs or more in all")
        );
    }

    #[test]
    fn of_one_pair_no_figure_is_named() {
        let pairs: Vec<Pair> = [0]
            .map(|index| Pair {
                baseline: block(index, 1.0, 0.2, false),
                run: block(index, 2.6, 0.2, false),
            })
            .into();
        let compared = compare_pairs(&pairs, row(), false, &How::margin(0.05));
        assert_eq!(compared.reasons, ["1 pair: at least 8 are needed"]);
    }

    #[test]
    fn what_has_no_number_is_not_said_twice() {
        let pairs: Vec<Pair> = (0..8)
            .map(|index| Pair {
                baseline: block(index, 1.0, 0.0, false),
                run: block(index, if index % 2 == 0 { 1e4 } else { 1e-4 }, 0.0, false),
            })
            .collect();
        let compared = compare_pairs(&pairs, row(), false, &How::margin(0.05));
        assert!(!compared.reasons.join(" | ").contains("or more or more"));
    }
}
