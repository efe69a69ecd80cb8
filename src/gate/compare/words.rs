//! What a comparison comes to, in sentences.

use super::{Bounded, Compared, FEWEST, Method, MetricCompared, MetricVerdict, RunSpread};
use crate::units::{counted, percent_of_change};

/// Most pairs, runs of a side, and times the length of a run that are worth naming: nobody makes more.
const MOST_PAIRS: u64 = 1_000;
const MOST_RUNS: u64 = 50;
const MOST_TIMES: u64 = 50;

/// Why it comes out as it does, and what to do about it.
pub(super) fn reasons(compared: &Compared) -> Vec<String> {
    let judged = || compared.metrics.iter().filter(|row| row.judged);
    let few = judged()
        .filter(|row| row.metric != "success")
        .map(|row| row.baseline_replicates.min(row.replicates))
        .min()
        .unwrap_or_default();
    if few >= FEWEST as u64 {
        return judged().filter_map(|row| reason(row, compared)).collect();
    }
    let (one, many) = match compared.method {
        Method::Blocks => ("block", "blocks"),
        Method::Pairs => ("pair", "pairs"),
    };
    let few = format!(
        "{} can be compared, {FEWEST} are needed",
        counted(few, one, many)
    );
    // Of so few no figure is worth a word; failures need no replicates.
    let success =
        judged().filter(|row| row.metric == "success" && row.verdict == MetricVerdict::Regression);
    std::iter::once(few)
        .chain(success.filter_map(|row| reason(row, compared)))
        .collect()
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
        MetricVerdict::Inconclusive if let Some(side) = row.lower_bound => Some(format!(
            "requests without an answer make {} of {} a lower bound: it cannot be judged",
            name(row),
            match side {
                Bounded::Baseline => "the baseline",
                Bounded::Run => "the run",
                Bounded::Both => "both sides",
            }
        )),
        MetricVerdict::Inconclusive => Some(format!(
            "{} {change}: it may be worse by up to {} (95 %), the margin is {margin}; what would show is {} or more. {}",
            name(row),
            percent(row.worst),
            percent(row.minimum_detectable).trim_end_matches(" or more"),
            remedy(row, compared.method)
        )),
        MetricVerdict::Improvement | MetricVerdict::NoRegression => None,
    }
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

#[cfg(test)]
mod tests {
    use super::super::{BaselineRow, BlockFigures, How, Pair, compare_pairs, compare_runs};

    /// A block that is slower than 10 ms by this factor, and noisy by a hundredth or by this much.
    fn block(index: usize, slower: f64, noise: f64, lower_bound: bool) -> BlockFigures {
        let ms = 10_000.0 * slower * (1.0 + noise * ((index * 7 % 5) as f64 - 2.0));
        BlockFigures {
            records_per_sec: 1e9 / ms,
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
        assert_eq!(compared.reasons, ["1 pair can be compared, 8 are needed"]);
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
