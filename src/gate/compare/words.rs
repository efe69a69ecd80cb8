//! What a comparison comes to, in sentences.

use super::success::TOLERATED;
use super::{
    Bounded, Compared, FEWEST, JUDGED, Method, MetricCompared, MetricVerdict, RunSpread, called,
};
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
            row.name(),
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
            row.name(),
            share_beside(row.worst, compared.margin),
            percent(row.minimum_detectable).trim_end_matches(" or more"),
            remedy(row, compared.method)
        )),
        MetricVerdict::Improvement | MetricVerdict::NoRegression => None,
    }
}

/// Why more requests fail, or may.
fn of_success(row: &MetricCompared, compared: &Compared) -> String {
    let name = row.name();
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
        return format!("{name} fell from {was} to {is}, which is more than chance (p {p})");
    }
    if row.baseline - row.saw <= TOLERATED {
        return format!(
            "{name} {was} and {is}: it may be worse by up to {} (95 %), the margin is {}{clusters}. {longer}",
            share_beside(row.worst, compared.margin),
            percent(compared.margin),
        );
    }
    format!(
        "{name} fell from {was} to {is}; that may be chance (p {}){clusters}. {longer}",
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
        row.name(),
        row.lower_bound_replicates,
    )
}

/// Why what is no worse in the middle does not pass: the whole is.
fn stood_still(row: &MetricCompared, compared: &Compared) -> Option<String> {
    let (what, part) = match compared.method {
        Method::Blocks => ("blocks", "blocks"),
        Method::Pairs => ("pairs", "slices"),
    };
    let slow = if row.higher_is_better {
        format!("some {part} stood still")
    } else {
        format!("some {part} were far slower than the others")
    };
    row.total_change.map(|total| {
        format!(
            "{}: the middle of the {what} changed by {}, the whole by {}: {slow} (see max and P99)",
            row.name(),
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

fn p(p: f64) -> String {
    if p < 0.001 {
        "< 0.001".to_owned()
    } else {
        format!("{p:.3}")
    }
}

#[cfg(test)]
mod tests {
    use super::super::{
        BaselineRow, BlockFigures, How, Latencies, Pair, compare_pairs, compare_runs,
    };

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
            p95_most_us: None,
            latencies: latencies(ms * 1.5),
        }
    }

    /// A hundred requests, of which a tenth took this long and the others half of it.
    fn latencies(us: f64) -> Latencies {
        Latencies::of_counts(vec![(us as u64 / 2, 90), (us as u64, 10)])
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

    /// Pairs of which the new slice is this factor slower, or whatever becomes of it.
    fn pairs(count: usize, change: impl Fn(usize, &mut BlockFigures)) -> Vec<Pair> {
        let pair = |index: usize| {
            let mut run = block(index + 1, 1.0, 0.002, false);
            change(index, &mut run);
            Pair {
                baseline: block(index, 1.0, 0.002, false),
                run,
            }
        };
        (0..count).map(pair).collect()
    }

    fn paired(pairs: &[Pair]) -> String {
        let compared = compare_pairs(pairs, row(), false, &How::margin(0.05));
        format!("{:?}: {}", compared.outcome, compared.reasons.join(" | "))
    }

    #[test]
    fn slices_that_stood_still_do_not_pass_by_the_middle() {
        let stalled = |count: usize| {
            pairs(24, |index, run| {
                if index < count {
                    run.secs = 3.0;
                    run.records_per_sec /= 3.0;
                }
            })
        };
        assert_eq!(paired(&stalled(0)), "Pass: ");
        insta::assert_snapshot!(paired(&stalled(3)), @"Inconclusive: throughput: the middle of the pairs changed by -0.4 %, the whole by -20.0 %: some slices stood still (see max and P99)");
    }

    /// Pairs of which every so many-th new slice is three times as slow, with the throughput of its schedule.
    fn slow(pairs_each: usize) -> Vec<Pair> {
        pairs(32, |index, run| {
            if index % pairs_each == 0 {
                let rate = run.records_per_sec;
                *run = block(index + 1, 3.0, 0.002, false);
                run.records_per_sec = rate;
            }
        })
    }

    #[test]
    fn slices_that_were_far_slower_do_not_pass_by_the_middle() {
        insta::assert_snapshot!(paired(&slow(8)), @"Inconclusive: P95: the middle of the pairs changed by +0.4 %, the whole by +50.3 %: some slices were far slower than the others (see max and P99)");
        // Both sides have such slices: noise.
        let mut noisy = slow(8);
        for index in 0..4 {
            noisy[8 * index + 3].baseline = block(8 * index + 3, 3.0, 0.002, false);
            noisy[8 * index + 3].baseline.records_per_sec =
                noisy[8 * index + 3].run.records_per_sec;
        }
        assert_eq!(paired(&noisy), "Pass: ");
        // One slice in 32 is below the P95 of the whole.
        assert_eq!(paired(&slow(32)), "Pass: ");
        // Runs at two times likewise.
        let sides = slow(8).into_iter().map(|pair| (pair.baseline, pair.run));
        let (before, after): (Vec<_>, Vec<_>) = sides.unzip();
        let said = said(&before, &after, Some(0.001));
        assert!(
            said.starts_with("Inconclusive: P95: the middle of the blocks"),
            "{said}"
        );
    }

    #[test]
    fn a_baseline_that_acked_nothing_is_called_that() {
        let mut pairs = pairs(8, |_, _| ());
        for pair in &mut pairs {
            (pair.baseline.records_per_sec, pair.baseline.failures) = (0.0, 100);
            pair.baseline.lower_bound = true;
        }
        assert_eq!(
            paired(&pairs),
            "Inconclusive: the baseline acked nothing: there is nothing to compare with"
        );
    }

    #[test]
    fn success_says_what_keeps_it_from_being_told() {
        let failing = |failures: fn(usize) -> u64| {
            pairs(12, |index, run| {
                run.failures = failures(index);
            })
        };
        let few = pairs(8, |_, run| run.requests = 3);
        let said = [
            paired(&failing(|index| if index == 3 { 30 } else { 0 })),
            paired(&failing(|index| index as u64 % 3)),
            paired(&failing(|index| u64::from(index < 4))),
            paired(&few),
        ];
        insta::assert_snapshot!(said.join("\n"), @"
        Inconclusive: requests ok fell from 100 % to 97.5 %; that may be chance (p 1.000), as failures come about 31 at once. Try more pairs, or longer slices
        Regression: requests ok fell from 100 % to 99 %, which is more than chance (p < 0.001)
        Inconclusive: requests ok fell from 100 % to 99.67 %; that may be chance (p 0.500). Try more pairs, or longer slices
        Inconclusive: requests ok 100 % and 100 %: it may be worse by up to 10.1 % (95 %), the margin is 5.0 %. Try more pairs, or longer slices
        ");
    }

    #[test]
    fn a_few_lower_bounds_are_judged_by_their_rank() {
        let hidden = |count: usize, slower: f64| {
            pairs(16, |index, run| {
                *run = block(index + 1, slower, 0.002, index < count);
            })
        };
        assert_eq!(paired(&hidden(1, 1.0)), "Pass: ");
        let said = paired(&hidden(6, 1.0));
        assert_eq!(
            said,
            "Inconclusive: requests that did not succeed make P95 of the run a lower bound in 6 of 16 slices: it cannot be judged"
        );
        assert!(paired(&hidden(6, 1.2)).starts_with("Regression"));
        // What the baseline hides may be worse still: too much of it, and the run is not worse.
        let mut turned = hidden(6, 1.2);
        for pair in &mut turned {
            (pair.baseline.lower_bound, pair.run.lower_bound) = (pair.run.lower_bound, false);
            pair.run.records_per_sec = pair.baseline.records_per_sec;
        }
        assert!(paired(&turned).contains("P95 of the baseline a lower bound in 6 of 16"));
    }

    #[test]
    fn lower_bounds_with_an_end_are_judged_by_it_however_many_there_are() {
        let bounded = |slower: f64, most: f64| {
            pairs(16, |index, run| {
                *run = block(index + 1, slower, 0.002, true);
                run.p95_most_us = run.p95_us.map(|us| us * most);
                run.records_per_sec = block(index + 1, 1.0, 0.002, false).records_per_sec;
            })
        };
        assert_eq!(paired(&bounded(1.0, 1.03)), "Pass: ");
        assert!(paired(&bounded(1.0, 1.2)).contains("P95 of the run a lower bound in 16 of 16"));
        // The baseline's: worse than the most that it may be, or not.
        let turned = |slower, most| {
            let mut pairs = bounded(1.0, most);
            for (index, pair) in pairs.iter_mut().enumerate() {
                std::mem::swap(&mut pair.baseline, &mut pair.run);
                pair.run.p95_us = block(index, slower, 0.002, false).p95_us;
            }
            paired(&pairs)
        };
        assert!(turned(1.3, 1.1).starts_with("Regression"));
        assert!(turned(1.3, 1.5).contains("P95 of the baseline a lower bound in 16 of 16"));
    }

    #[test]
    fn what_runs_differ_by_is_in_p() {
        let known = |noise| How {
            run_noise: Some(noise),
            ..How::margin(0.05)
        };
        let p = |noise| {
            let (before, after) = ([run(1.0, false)], [run(1.04, false)]);
            compare_runs(&before, &after, row(), false, &known(noise)).metrics[0].p
        };
        assert!(
            p(0.000_1) < 1e-5 && p(0.03) > 0.2,
            "{} {}",
            p(0.000_1),
            p(0.03)
        );
    }

    #[test]
    fn what_rounds_to_the_margin_is_shown_with_more_digits() {
        let said = paired(&pairs(8, |index, run| {
            *run = block(index, 1.05 - 1e-4 + 0.001 * (index % 3) as f64, 0.0, false);
        }));
        assert!(
            !said.contains("up to 5.0 % (95 %), the margin is 5.0 %"),
            "{said}"
        );
    }

    #[test]
    fn what_is_no_figure_is_not_judged_and_what_is_worse_all_the_same_is() {
        let known = Some(0.001);
        let (same, open) = (run(1.0, false), run(1.0, true));
        let slow_and_open = run(2.0, true);
        assert!(
            said(&same, &open, known).contains("P95 of the run a lower bound in 16 of 16 blocks")
        );
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
