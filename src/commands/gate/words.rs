//! What rounds of a target against itself come to: false alarms, how wide the intervals are, what margin they hold.

use std::fmt::Write as _;
use std::time::Duration;

use super::aa::rounded;
use crate::gate::{Compared, Outcome};
use crate::report::wrap;
use crate::units::counted;

/// Fewest pairs that a duet judges.
const LEAST: u32 = 8;
/// Most pairs that a duet may have.
const MOST: f64 = 1_000.0;
/// Largest margin that a duet may have.
const WIDEST: f64 = 0.9;
/// Columns of a label.
const LABEL: usize = 22;
/// Rounds in this many that should pass at the margin that is named.
const HELD: f64 = 0.95;

/// One round.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Round {
    /// What the comparison came to.
    pub(super) outcome: Outcome,
    /// No slice was void.
    pub(super) valid: bool,
    pairs: u32,
    took: Duration,
    /// Name, half of its interval, and how much worse it may be, of each metric that varies and is judged.
    metrics: Vec<(String, f64, f64)>,
}

impl Round {
    pub(super) fn of(compared: &Compared, valid: bool, pairs: u32, took: Duration) -> Self {
        let judged = compared.metrics.iter();
        let judged = judged.filter(|row| row.judged && row.metric != "success");
        Self {
            outcome: compared.outcome,
            valid,
            pairs,
            took,
            metrics: judged
                .map(|row| (row.metric.clone(), (row.high - row.low) / 2.0, row.worst))
                .collect(),
        }
    }

    /// Whether it says anything: no slice was void, and there were pairs enough for a verdict.
    pub(super) fn tells(&self) -> bool {
        self.valid && self.pairs >= LEAST
    }

    /// The margin at which it would have passed.
    fn held(&self) -> Option<f64> {
        self.metrics
            .iter()
            .map(|(_, _, worst)| *worst)
            .reduce(f64::max)
    }
}

/// The value below which this share of them lies.
fn quantile(mut values: Vec<f64>, share: f64) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let rank = (values.len() as f64 * share).ceil() as usize;
    values.get(rank.saturating_sub(1)).copied()
}

/// The largest rate of which `seen` or fewer in `of` still come about in one case of twenty: the one-sided 95 % bound of Clopper and
/// Pearson (1934).
pub(super) fn at_most(seen: u64, of: u64) -> f64 {
    if seen >= of {
        return 1.0;
    }
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..60 {
        let rate = f64::midpoint(low, high);
        if or_fewer(seen, of, rate) > 0.05 {
            low = rate;
        } else {
            high = rate;
        }
    }
    high
}

/// How likely `seen` or fewer in `of` are at this rate.
fn or_fewer(seen: u64, of: u64, rate: f64) -> f64 {
    let mut term = (1.0 - rate).powf(of as f64);
    let mut sum = term;
    for k in 1..=seen {
        term *= (of - k + 1) as f64 / k as f64 * rate / (1.0 - rate);
        sum += term;
    }
    sum
}

fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

/// What is printed, line by line.
pub(super) fn summary(rounds: &[Round], margin: f64, interrupted: bool) -> String {
    let valid: Vec<&Round> = rounds.iter().filter(|round| round.tells()).collect();
    let count = |outcome| {
        valid
            .iter()
            .filter(|round| round.outcome == outcome)
            .count() as u64
    };
    let all = valid.len() as u64;
    let mut text = String::new();
    let mut line = |label: &str, words: &str| {
        for line in wrap(&format!("{label:<LABEL$}"), LABEL, words) {
            // Writing to memory cannot fail.
            let _ = writeln!(text, "{line}");
        }
    };
    if interrupted {
        let words = format!(
            "after {}",
            counted(rounds.len() as u64, "whole round", "whole rounds")
        );
        line("interrupted", &words);
    }
    let of = |all: u64| counted(all, "round", "rounds");
    let played = of(rounds.len() as u64);
    let void = rounds.iter().filter(|round| !round.valid).count();
    if void > 0 {
        line(
            "void",
            &format!(
                "{void} of {played}: this machine has too little left for krush, or its clock jumps"
            ),
        );
    }
    let short = rounds.len() - void - valid.len();
    if short > 0 {
        let words = format!(
            "{short} of {played} with fewer than {LEAST} pairs, left out: raise --max-time"
        );
        line("too short", &words);
    }
    if all == 0 {
        return text;
    }
    let alarms = count(Outcome::Regression);
    line(
        "false alarms",
        &format!(
            "{alarms} of {}: a rate of at most {:.0} % (95 %)",
            of(all),
            at_most(alarms, all) * 100.0
        ),
    );
    let passed = count(Outcome::Pass);
    line(
        "passed",
        &format!(
            "{passed} of {all} at a margin of {}; {} inconclusive",
            percent(margin),
            count(Outcome::Inconclusive)
        ),
    );
    if passed == 0 {
        line(
            "",
            "no round passed: a gate like these rounds cannot tell here",
        );
    }
    for (index, (name, ..)) in valid[0].metrics.iter().enumerate() {
        let halves = valid.iter().filter_map(|round| round.metrics.get(index));
        let half = quantile(halves.map(|(_, half, _)| *half).collect(), 0.5);
        line(
            &format!("interval, {name}"),
            &format!("± {} in the median round", percent(half.unwrap_or(0.0))),
        );
    }
    let held = quantile(
        valid.iter().filter_map(|round| round.held()).collect(),
        HELD,
    );
    let Some(held) = held else { return text };
    let pairs = valid.iter().map(|round| round.pairs).max().unwrap_or(0);
    let took: Duration = valid.iter().map(|round| round.took).sum();
    let each = took / u32::try_from(all).unwrap_or(u32::MAX);
    let rank = (all as f64 * HELD).ceil();
    let words = if held > WIDEST {
        format!("above {:.0} %", WIDEST * 100.0)
    } else {
        percent(held)
    };
    line(
        "margin held",
        &format!(
            "{words} by {rank} of {} of {pairs} pairs ({} each)",
            of(all),
            rounded(each)
        ),
    );
    line("to hold the margin", &advice(pairs, each, held, margin));
    text
}

/// What it takes for rounds of `pairs` that took `each` and held one margin to hold another. Intervals shrink with the root of the
/// number of pairs.
fn advice(pairs: u32, each: Duration, held: f64, margin: f64) -> String {
    let wanted = percent(margin);
    let needed = (f64::from(pairs) * (held / margin).powi(2)).ceil();
    if needed <= f64::from(pairs) {
        return format!("a duet of {pairs} pairs is long enough here for {wanted}");
    }
    if needed > MOST {
        return format!(
            "too noisy for {wanted}: it takes longer slices (--duration), or a larger --margin"
        );
    }
    let long = rounded(each.mul_f64(needed / f64::from(pairs.max(1))));
    let quoted = if long.contains(' ') {
        format!("'{long}'")
    } else {
        long
    };
    format!("about {needed:.0} pairs for {wanted}: --repeat {needed:.0} --max-time {quoted}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_alarm_in_twenty_rounds_is_a_rate_of_at_most_14_percent() {
        // 1 - 0.05^(1/n) for none; the others from tables of Clopper and Pearson.
        for (seen, of, bound) in [
            (0, 20, 0.1391),
            (0, 60, 0.0487),
            (1, 20, 0.2161),
            (3, 20, 0.3437),
            (20, 20, 1.0),
        ] {
            assert!(
                (at_most(seen, of) - bound).abs() < 1e-4,
                "{seen} of {of}: {}",
                at_most(seen, of)
            );
        }
    }

    fn round(outcome: Outcome, valid: bool, worst: f64) -> Round {
        let metric = |name: &str, factor: f64| (name.to_owned(), worst * factor, worst * factor);
        Round {
            outcome,
            valid,
            pairs: 8,
            took: Duration::from_millis(9_600),
            metrics: vec![metric("throughput", 0.5), metric("p95", 1.0)],
        }
    }

    #[test]
    fn rounds_are_summed_up_for_people() {
        let mut rounds = vec![round(Outcome::Pass, true, 0.02); 17];
        rounds.extend([
            round(Outcome::Inconclusive, true, 0.08),
            round(Outcome::Inconclusive, true, 0.09),
        ]);
        rounds.push(round(Outcome::Pass, false, 0.5));
        insta::assert_snapshot!(summary(&rounds, 0.05, false), @"
        void                  1 of 20 rounds: this machine has too little left for
                              krush, or its clock jumps
        false alarms          0 of 19 rounds: a rate of at most 15 % (95 %)
        passed                17 of 19 at a margin of 5.0 %; 2 inconclusive
        interval, throughput  ± 1.0 % in the median round
        interval, p95         ± 2.0 % in the median round
        margin held           9.0 % by 19 of 19 rounds of 8 pairs (10s each)
        to hold the margin    about 26 pairs for 5.0 %: --repeat 26 --max-time 32s
        ");
        insta::assert_snapshot!(summary(&rounds[..17], 0.05, true), @"
        interrupted           after 17 whole rounds
        false alarms          0 of 17 rounds: a rate of at most 16 % (95 %)
        passed                17 of 17 at a margin of 5.0 %; 0 inconclusive
        interval, throughput  ± 1.0 % in the median round
        interval, p95         ± 2.0 % in the median round
        margin held           2.0 % by 17 of 17 rounds of 8 pairs (10s each)
        to hold the margin    a duet of 8 pairs is long enough here for 5.0 %
        ");
        // Too noisy, and rounds that ended too early.
        let mut noisy = vec![round(Outcome::Inconclusive, true, 7.8); 2];
        noisy.push(Round {
            pairs: 2,
            ..noisy[0].clone()
        });
        insta::assert_snapshot!(summary(&noisy, 0.05, false), @"
        too short             1 of 3 rounds with fewer than 8 pairs, left out: raise
                              --max-time
        false alarms          0 of 2 rounds: a rate of at most 78 % (95 %)
        passed                0 of 2 at a margin of 5.0 %; 2 inconclusive
                              no round passed: a gate like these rounds cannot tell here
        interval, throughput  ± 390.0 % in the median round
        interval, p95         ± 780.0 % in the median round
        margin held           above 90 % by 2 of 2 rounds of 8 pairs (10s each)
        to hold the margin    too noisy for 5.0 %: it takes longer slices (--duration),
                              or a larger --margin
        ");
        let long = Duration::from_millis(9_600);
        let words = advice(8, long, 0.3, 0.05);
        assert_eq!(
            words,
            "about 288 pairs for 5.0 %: --repeat 288 --max-time '5m 46s'"
        );
        let void = vec![round(Outcome::Pass, false, 0.5)];
        insta::assert_snapshot!(summary(&void, 0.05, false), @"
        void                  1 of 1 round: this machine has too little left for krush,
                              or its clock jumps
        ");
    }
}
