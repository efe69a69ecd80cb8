//! Pair after pair of slices, in ABBA order, until enough is known.
//!
//! Looking again and again, and stopping when the verdict pleases, would call noise a regression far more often than the confidence
//! of one look says. So the duet stops by how wide the intervals are, at numbers of pairs that are fixed beforehand, and never by
//! where they lie: the width says nothing of the direction, and the last look is the only one that is judged.

use std::time::{Duration, Instant};

use super::side::{Side, expected};
use crate::engine::{Control, Progress};
use crate::error::{Error, Result};
use crate::gate::{
    BaselineRow, Compared, How, Outcome, Pair, PairRow, compare_pairs, looks_at, narrow,
};
use crate::plan::{Baseline, Plan, Repeat};
use crate::units::{counted, duration};

/// Fewest pairs that are judged.
const LEAST: u32 = 8;

/// When a duet ends.
#[derive(Debug, Clone)]
pub(in super::super) struct Rules {
    /// How many pairs.
    pub(in super::super) repeat: Repeat,
    /// No pair begins that would end after this.
    pub(in super::super) max_time: Duration,
    /// How pairs are compared.
    pub(in super::super) how: How,
    /// Requests were due on a schedule.
    pub(in super::super) open_loop: bool,
}

impl Rules {
    /// The rules of a plan.
    pub(in super::super) fn of(plan: &Plan, baseline: &Baseline) -> Self {
        Self {
            repeat: baseline.repeat,
            max_time: baseline.max_time,
            how: How {
                margin: baseline.margin,
                force: baseline.force,
                run_noise: None,
            },
            open_loop: plan.load.is_open_loop(),
        }
    }

    /// How many pairs, or how long they take.
    pub(super) fn words(&self) -> String {
        match self.repeat {
            Repeat::Pairs(pairs) => counted(u64::from(pairs), "pair", "pairs"),
            Repeat::Auto => format!(
                "{LEAST} pairs or more, {} at most (--max-time)",
                duration(self.max_time)
            ),
        }
    }

    /// Whether these pairs are looked at, to see if they are enough.
    fn looks_at(&self, pairs: u32) -> bool {
        matches!(self.repeat, Repeat::Auto) && looks_at(pairs)
    }
}

/// What can be seen while a duet goes on.
pub(in super::super) struct Look<'a> {
    /// Whole pairs so far.
    pub(in super::super) pairs: u32,
    /// What they said at the last look.
    pub(in super::super) compared: Option<&'a Compared>,
    /// Longest that it goes on.
    expected: Option<Duration>,
    /// What the slice that goes on has come to.
    pub(super) progress: Progress,
}

/// What was played.
pub(in super::super) struct Played {
    /// Pair by pair.
    pub(in super::super) pairs: Vec<Pair>,
    /// It ended because this side was gone.
    pub(in super::super) gone: Option<Error>,
    /// It ended because the time was up.
    out_of_time: bool,
}

/// Plays pairs until the rules or the user say that it is enough. An unfinished pair is none.
///
/// # Errors
/// What kept it from beginning.
pub(in super::super) fn play(
    old: &mut Side,
    new: &mut Side,
    rules: &Rules,
    control: &Control,
    observe: &mut dyn FnMut(&Look),
) -> Result<Played> {
    let began = Instant::now();
    let mut played = Played {
        pairs: Vec::new(),
        gone: None,
        out_of_time: false,
    };
    let mut seen: Option<Compared> = None;
    let expected = expected(&new.plan).map(|slice| slice * 2);
    loop {
        let done = played.pairs.len() as u32;
        let mut look = |progress| {
            observe(&Look {
                pairs: done,
                compared: seen.as_ref(),
                expected,
                progress,
            });
        };
        // Old, new, new, old: what changes steadily weighs on both alike.
        let mut both = || {
            Ok(if done.is_multiple_of(2) {
                let old = old.slice(control, &mut look)?;
                old.zip(new.slice(control, &mut look)?)
            } else {
                let new = new.slice(control, &mut look)?;
                old.slice(control, &mut look)?.zip(new)
            })
        };
        let both = match both() {
            Err(gone @ Error::Target { .. }) if old.has_slices() || new.has_slices() => {
                played.gone = Some(gone);
                return Ok(played);
            }
            both => both?,
        };
        if control.interrupts() > 0 {
            return Ok(played);
        }
        played
            .pairs
            .extend(both.map(|(baseline, run)| Pair { baseline, run }));
        let pairs = played.pairs.len() as u32;
        if matches!(rules.repeat, Repeat::Pairs(wanted) if pairs >= wanted) {
            return Ok(played);
        }
        if rules.looks_at(pairs) {
            let compared = compare_pairs(
                &played.pairs,
                BaselineRow::of_side(old),
                rules.open_loop,
                &rules.how,
            );
            if narrow(&compared) {
                return Ok(played);
            }
            seen = Some(compared);
        }
        let each = began.elapsed() / pairs.max(1);
        if began.elapsed() + each > rules.max_time {
            played.out_of_time = true;
            return Ok(played);
        }
    }
}

impl Played {
    /// What all pairs come to.
    pub(in super::super) fn compared(&self, old: &Side, new: &Side, rules: &Rules) -> Compared {
        let baseline = BaselineRow::of_side(old);
        let mut compared = compare_pairs(&self.pairs, baseline, rules.open_loop, &rules.how);
        let rows = old.rows().iter().zip(new.rows());
        let rows = rows.map(|(baseline, run)| PairRow {
            baseline: baseline.clone(),
            run: run.clone(),
        });
        compared.pairs = rows.take(self.pairs.len()).collect();
        if self.out_of_time && compared.outcome == Outcome::Inconclusive {
            compared.reasons.push(format!(
                "time was up after {} (--max-time {}): give it more, or make slices longer with --duration",
                counted(self.pairs.len() as u64, "pair", "pairs"),
                duration(rules.max_time)
            ));
        }
        compared
    }
}

/// Share done, 0 to 1, and what to say: how far it is, what the pairs say, how long it takes at most.
pub(super) fn words(look: &Look, rules: &Rules, elapsed: Duration) -> (f64, String) {
    let number = look.pairs + 1;
    let each = (look.pairs > 0)
        .then(|| elapsed / look.pairs)
        .or(look.expected);
    let (share, of, most) = match rules.repeat {
        Repeat::Pairs(wanted) => (
            f64::from(look.pairs) / f64::from(wanted),
            format!(" of {wanted}"),
            each.map_or(rules.max_time, |each| {
                each.saturating_mul(wanted).min(rules.max_time)
            }),
        ),
        Repeat::Auto => (
            elapsed.as_secs_f64() / rules.max_time.as_secs_f64(),
            format!(", at least {LEAST}"),
            rules.max_time,
        ),
    };
    let rows = look.compared.iter().flat_map(|compared| &compared.metrics);
    let rows = rows.filter(|row| row.judged && row.metric != "success");
    let intervals: Vec<String> = rows
        .map(|row| {
            format!(
                "{} {:+.1} % ({:+.1} to {:+.1})",
                row.metric,
                row.change * 100.0,
                row.low * 100.0,
                row.high * 100.0
            )
        })
        .collect();
    let left = (most < Duration::MAX).then(|| {
        let left = Duration::from_secs(most.saturating_sub(elapsed).as_secs());
        format!("  {} left at most", duration(left))
    });
    let said = (!intervals.is_empty()).then(|| format!("  {}", intervals.join(", ")));
    let text = format!(
        "pair {number}{of}{}{}",
        left.unwrap_or_default(),
        said.unwrap_or_default()
    );
    (share.min(1.0), text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::{BlockFigures, Latencies};

    fn rules(repeat: Repeat, max_time: Duration) -> Rules {
        Rules {
            repeat,
            max_time,
            how: How {
                margin: 0.05,
                force: false,
                run_noise: None,
            },
            open_loop: false,
        }
    }

    /// Pairs whose sides differ by `change`, with noise of `spread` that takes turns.
    fn compared(pairs: u32, change: f64, spread: f64) -> Compared {
        let figures = |factor: f64| BlockFigures {
            latencies: Latencies::default(),
            records_per_sec: 10_000.0 * factor,
            secs: 1.0,
            p50_us: Some(900.0 / factor),
            p95_us: Some(1_000.0 / factor),
            p99_us: Some(1_100.0 / factor),
            requests: 100,
            failures: 0,
            lower_bound: false,
            p95_most_us: None,
        };
        let pair = |number: u32| Pair {
            baseline: figures(1.0),
            run: figures(1.0 + change + spread * f64::from(number % 3) - spread),
        };
        let pairs: Vec<Pair> = (0..pairs).map(pair).collect();
        let baseline = BaselineRow {
            source: "http://old".to_owned(),
            started_at: String::new(),
            scenario: "gate".to_owned(),
        };
        let how = rules(Repeat::Auto, Duration::MAX).how;
        compare_pairs(&pairs, baseline, false, &how)
    }

    #[test]
    fn looks_are_at_numbers_of_pairs_that_are_fixed_beforehand() {
        let auto = rules(Repeat::Auto, Duration::MAX);
        let looks: Vec<u32> = (0..=24).filter(|&pairs| auto.looks_at(pairs)).collect();
        assert_eq!(looks, [8, 12, 16, 20, 24]);
        let fixed = rules(Repeat::Pairs(16), Duration::MAX);
        assert!(!(0..=24).any(|pairs| fixed.looks_at(pairs)));
    }

    #[test]
    fn the_width_ends_a_duet_whatever_the_direction() {
        for change in [-0.2, 0.0, 0.2] {
            assert!(narrow(&compared(12, change, 0.01)), "{change}");
            assert!(!narrow(&compared(12, change, 0.1)), "{change}");
        }
        let mut nothing = compared(12, 0.0, 0.01);
        nothing.metrics.clear();
        assert!(!narrow(&nothing), "nothing is known");
    }

    #[test]
    fn progress_says_how_far_it_is_and_what_the_pairs_say() {
        let compared = compared(12, -0.1, 0.01);
        let look = |pairs, compared| Look {
            pairs,
            compared,
            progress: Progress::Starting,
            expected: Some(Duration::from_secs(4)),
        };
        let secs = Duration::from_secs;
        let sixteen = rules(Repeat::Pairs(16), Duration::MAX);
        let auto = rules(Repeat::Auto, secs(300));
        let lines = [
            words(&look(0, None), &sixteen, secs(1)),
            words(&look(4, None), &sixteen, secs(20)),
            words(&look(12, Some(&compared)), &auto, secs(60)),
        ];
        let lines = lines.map(|(share, text)| format!("{share:.2} {text}"));
        insta::assert_snapshot!(lines.join("\n"), @r#"
        0.00 pair 1 of 16  1m 3s left at most
        0.25 pair 5 of 16  1m left at most
        0.20 pair 13, at least 8  4m left at most  throughput -10.0 % (-11.0 to -9.1), p95 +11.1 % (+10.0 to +12.3)
        "#);
    }
}
