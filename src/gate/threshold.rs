//! Thresholds, evaluated on a finished run. A figure that is only a lower bound never passes by being unknown, and one that is
//! uncertain passes only if the bound of its uncertainty does.

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use super::Run;
use super::bound::{Side, Spread};
use crate::measure::{Blocks, Reading, percentile_of};
use crate::plan::{Comparison, Metric, Threshold};
use crate::units;

/// What became of one threshold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ThresholdResult {
    /// As the user wrote it: the run fails if it holds. One that nobody wrote ends in ` (implied)`.
    pub expression: String,
    /// The figure it was held against, as text.
    pub saw: String,
    /// The same in the metric's unit: µs, a ratio from 0 to 1, records per second, records; `null`: there was none.
    pub saw_value: Option<f64>,
    /// The one-sided 95 % bound on the side of the limit, as text; `null`: none was needed, or there is none.
    #[serde(default)]
    pub bound: Option<String>,
    /// The same in the metric's unit.
    #[serde(default)]
    pub bound_value: Option<f64>,
    /// How far within the limit the bound is, or the figure where it needs none, as a share of the limit; negative: beyond it.
    #[serde(default)]
    pub margin: Option<f64>,
    /// The run met it: so does the bound of the figure.
    pub passed: bool,
    /// The figure is within the limit, its bound is not: neither met nor missed.
    #[serde(default)]
    pub inconclusive: bool,
    /// Why it was not met although the figure does not exceed the limit.
    pub reason: Option<String>,
    /// Nobody asked for it: every run has it, and it is listed where it decided the verdict.
    #[serde(default)]
    pub implied: bool,
}

/// Evaluates every threshold of the plan on a figure of the run itself; those on arrivals wait for [`evaluate_arrivals`].
pub fn evaluate(run: &Run) -> Vec<ThresholdResult> {
    let spread = Spread::of(&run.measured.blocks);
    let one = |threshold: &Threshold| {
        let reading = read(run, threshold.metric)?;
        let bound = |side| bounded(run, spread, threshold.metric, side);
        Some(judge(threshold, reading, bound))
    };
    run.plan.thresholds.iter().filter_map(one).collect()
}

/// Evaluates the thresholds on what consumers received, from the latency of each record and the blocks of the load.
pub fn evaluate_arrivals(
    thresholds: &[Threshold],
    latency: &Histogram<u64>,
    requests: u64,
    blocks: Option<&Blocks>,
) -> Vec<ThresholdResult> {
    let spread = blocks.and_then(Spread::of);
    let one = |threshold: &Threshold| {
        let Metric::EndToEnd(percentile) = threshold.metric else {
            return None;
        };
        let reading = of_histogram(latency, percentile);
        let bound = |side| {
            let (us, spread) = (reading?.value as u64, spread?);
            // Records of a request arrive together: they say as much as the request does.
            Some(spread.percentile(latency, percentile / 100.0, us, side, requests))
        };
        Some(judge(threshold, reading, bound))
    };
    thresholds.iter().filter_map(one).collect()
}

/// The figure, if it is one of the run itself: `Some(None)` if there is no sample of it.
#[expect(
    clippy::option_option,
    reason = "a metric of others, and one without samples, are two things"
)]
fn read(run: &Run, metric: Metric) -> Option<Option<Reading>> {
    let exact = |value| {
        Some(Reading {
            value,
            lower_bound: false,
        })
    };
    Some(match metric {
        Metric::Latency(percentile) => run.latency.percentile(percentile),
        Metric::LatencyMax => run.latency.max(),
        Metric::LatencyMean => run.latency.mean(),
        Metric::ServiceTime(percentile) => of_histogram(&run.total.service_time, percentile),
        Metric::SendDelay(percentile) => of_histogram(&run.total.send_delay, percentile),
        Metric::Success => exact(run.summary.success_ratio),
        Metric::Throughput => exact(run.summary.records_per_sec),
        Metric::FailedRecords => exact(run.failed_records() as f64),
        Metric::EndToEnd(_) => return None,
    })
}

fn of_histogram(histogram: &Histogram<u64>, percentile: f64) -> Option<Reading> {
    percentile_of(histogram, percentile).map(|us| Reading {
        value: us as f64,
        lower_bound: false,
    })
}

/// The bound of a figure on one side. Success, failed records and the largest latency are counts of everything that was sent: they
/// are not samples of anything, and are their own bounds.
fn bounded(run: &Run, spread: Option<Spread>, metric: Metric, side: Side) -> Option<f64> {
    let value = read(run, metric)??.value;
    let percentile = |histogram: &Histogram<u64>, percentile: f64| {
        let share = percentile / 100.0;
        Some(spread?.percentile(histogram, share, value as u64, side, u64::MAX))
    };
    match metric {
        Metric::Latency(of) => percentile(run.latency.all(), of),
        Metric::ServiceTime(of) => percentile(&run.total.service_time, of),
        Metric::SendDelay(of) => percentile(&run.total.send_delay, of),
        Metric::LatencyMean => Some(value * spread?.mean_factor(side)),
        Metric::Throughput => Some(value * spread?.rate_factor(side)),
        Metric::LatencyMax | Metric::Success | Metric::FailedRecords | Metric::EndToEnd(_) => {
            Some(value)
        }
    }
}

/// A figure beyond the limit is missed, whatever its bound: no bad figure is excused. One within it is met only if its bound is too.
fn judge(
    threshold: &Threshold,
    reading: Option<Reading>,
    bound: impl Fn(Side) -> Option<f64>,
) -> ThresholdResult {
    let mut result = ThresholdResult {
        expression: threshold.expression.clone(),
        saw: "nothing".to_owned(),
        saw_value: reading.map(|reading| reading.value),
        bound: None,
        bound_value: None,
        margin: None,
        passed: false,
        inconclusive: false,
        reason: None,
        implied: false,
    };
    let Some(Reading { value, lower_bound }) = reading else {
        result.reason = Some("there is no sample to judge".to_owned());
        return result;
    };
    let text = in_words(threshold.metric, value);
    result.saw = if lower_bound {
        format!("≥ {text}")
    } else {
        text.clone()
    };
    if compare(threshold, value) {
        return result;
    }
    if lower_bound {
        result.passed = settled_by_lower_bound(threshold, value);
        result.reason = (!result.passed).then(|| {
            format!("it is at least {text}: requests without an answer may have taken longer")
        });
        return result;
    }
    let (side, sign) = match threshold.fails_if {
        Comparison::Less | Comparison::LessOrEqual => (Side::Lower, "≥"),
        Comparison::Greater | Comparison::GreaterOrEqual => (Side::Upper, "≤"),
    };
    if !is_sampled(threshold.metric) {
        result.passed = true;
        result.margin = margin(threshold, side, value);
        return result;
    }
    match bound(side).filter(|bound| bound.is_finite()) {
        None => {
            result.inconclusive = true;
            result.reason = Some(format!("the run is too short for a bound of it; {LONGER}"));
        }
        Some(bound) => {
            let words = format!("{sign} {}", in_words(threshold.metric, bound));
            result.margin = margin(threshold, side, bound);
            result.passed = !compare(threshold, bound);
            result.inconclusive = !result.passed;
            result.reason = result.inconclusive.then(|| {
                format!(
                    "it is within the limit, but blocks of the run vary so much that it is known only to be {words} (95 %); {LONGER}"
                )
            });
            result.bound = Some(words);
            result.bound_value = Some(bound);
        }
    }
    result
}

/// How far within the limit, as a share of it; `None`: there is something left, and the limit is zero.
fn margin(threshold: &Threshold, side: Side, value: f64) -> Option<f64> {
    let limit = threshold.value;
    let off = match side {
        Side::Lower => value - limit,
        Side::Upper => limit - value,
    };
    if off == 0.0 {
        return Some(0.0);
    }
    (limit > 0.0).then(|| off / limit)
}

/// What to do about a bound that does not clear the limit.
const LONGER: &str = "try a longer run, such as --duration 30s";

/// Whether the figure would be another one a moment later; otherwise it is a count of everything.
fn is_sampled(metric: Metric) -> bool {
    !matches!(
        metric,
        Metric::LatencyMax | Metric::Success | Metric::FailedRecords
    )
}

fn compare(threshold: &Threshold, value: f64) -> bool {
    match threshold.fails_if {
        Comparison::Less => value < threshold.value,
        Comparison::LessOrEqual => value <= threshold.value,
        Comparison::Greater => value > threshold.value,
        Comparison::GreaterOrEqual => value >= threshold.value,
    }
}

/// Whether every value from `least` upwards gives the same answer as `least` does.
fn settled_by_lower_bound(threshold: &Threshold, least: f64) -> bool {
    match threshold.fails_if {
        Comparison::Less | Comparison::LessOrEqual => !compare(threshold, least),
        Comparison::Greater | Comparison::GreaterOrEqual => compare(threshold, least),
    }
}

fn in_words(metric: Metric, value: f64) -> String {
    match metric {
        Metric::Latency(_)
        | Metric::LatencyMax
        | Metric::LatencyMean
        | Metric::ServiceTime(_)
        | Metric::SendDelay(_)
        | Metric::EndToEnd(_) => units::latency(value.round() as u64),
        Metric::Success => units::percent(value),
        Metric::Throughput => format!("{} rec/s", units::rate_digits(value)),
        Metric::FailedRecords => format!("{} records", units::grouped(value as u64)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn p95(fails_if: Comparison, value: f64) -> Threshold {
        Threshold {
            expression: "p95".to_owned(),
            metric: Metric::Latency(95.0),
            fails_if,
            value,
        }
    }

    #[test]
    fn exact_and_lower_bound_readings_are_judged_apart() {
        use Comparison::{Greater, GreaterOrEqual, Less, LessOrEqual};
        // fails if, limit in µs, reading in µs, lower bound, passed
        for (fails_if, limit, us, lower_bound, passed) in [
            (Greater, 2e6, 1.8e6, false, true),
            (Greater, 2e6, 2e6, false, true),
            (Greater, 2e6, 2.1e6, false, false),
            (GreaterOrEqual, 2e6, 2e6, false, false),
            (GreaterOrEqual, 2e6, 1.9e6, false, true),
            (Less, 2e6, 1.9e6, false, false),
            (Less, 2e6, 2e6, false, true),
            (LessOrEqual, 2e6, 2e6, false, false),
            // At least 1.8 s may be 60 s: it cannot pass.
            (Greater, 2e6, 1.8e6, true, false),
            (GreaterOrEqual, 2e6, 1.8e6, true, false),
            (Greater, 2e6, 2.1e6, true, false),
            // At least 2 s is not below 2 s, whatever it is.
            (Less, 2e6, 2e6, true, true),
            (Less, 2e6, 1.9e6, true, false),
            (LessOrEqual, 2e6, 2.1e6, true, true),
        ] {
            let result = judge(
                &p95(fails_if, limit),
                Some(Reading {
                    value: us,
                    lower_bound,
                }),
                |_| Some(us),
            );
            assert_eq!(
                result.passed, passed,
                "{fails_if:?} {limit} {us} {lower_bound}"
            );
        }
    }

    #[test]
    fn a_lower_bound_under_the_limit_is_missed_and_says_why() {
        let reading = Reading {
            value: 1.8e6,
            lower_bound: true,
        };
        let result = judge(&p95(Comparison::Greater, 2e6), Some(reading), |_| None);
        insta::assert_snapshot!(
            format!("{} | {}", result.saw, result.reason.unwrap()),
            @"≥ 1.80 s | it is at least 1.80 s: requests without an answer may have taken longer"
        );
    }

    #[test]
    fn the_bound_decides_within_the_limit_and_only_there() {
        use Comparison::{Greater, Less};
        let exact = |value| {
            Some(Reading {
                value,
                lower_bound: false,
            })
        };
        // fails if, limit, reading, factor of the bound; passed, inconclusive, margin in %
        for (fails_if, us, factor, passed, inconclusive, margin) in [
            (Greater, 1.0e6, Some(1.2), true, false, Some(40)),
            (Greater, 1.9e6, Some(1.2), false, true, Some(-14)),
            (Greater, 2.1e6, Some(1.2), false, false, None),
            (Greater, 1.0e6, None, false, true, None),
            (Less, 3.0e6, Some(0.8), true, false, Some(20)),
            (Less, 2.1e6, Some(0.8), false, true, Some(-16)),
            (Less, 1.9e6, None, false, false, None),
        ] {
            let bound = |_| factor.map(|factor: f64| us * factor);
            let result = judge(&p95(fails_if, 2e6), exact(us), bound);
            let saw = (result.passed, result.inconclusive);
            assert_eq!(saw, (passed, inconclusive), "{fails_if:?} {us}");
            let rounded = result.margin.map(|margin| (margin * 100.0).round() as i32);
            assert_eq!(rounded, margin, "{fails_if:?} {us}");
            assert_eq!(result.reason.is_some(), inconclusive);
        }
    }

    #[test]
    fn counts_of_everything_need_no_bound() {
        for (expression, value, margin) in [
            ("max > 1s", 9e5, Some(100)),
            ("success < 80%", 1.0, Some(250)),
            ("success < 99%", 0.99, Some(0)),
            ("success < 0%", 0.99, None),
            ("failed > 4", 1.0, Some(750)),
            ("failed > 0", 0.0, Some(0)),
        ] {
            let threshold: Threshold = expression.parse().unwrap();
            let reading = Some(Reading {
                value,
                lower_bound: false,
            });
            let result = judge(&threshold, reading, |_| None);
            assert!(result.passed && result.bound.is_none(), "{expression}");
            let left = result.margin.map(|margin| (margin * 1e3).round() as i32);
            assert_eq!(left, margin, "{expression}");
        }
    }

    #[test]
    fn without_a_sample_a_threshold_is_missed() {
        assert!(!judge(&p95(Comparison::Greater, 2e6), None, |_| None).passed);
    }

    #[test]
    fn figures_are_printed_in_their_unit() {
        for (metric, value, text) in [
            (Metric::LatencyMax, 2_050_000.0, "2.05 s"),
            (Metric::Success, 0.999_998, "99.9998 %"),
            (Metric::Throughput, 42_284.0, "42,284 rec/s"),
            (Metric::FailedRecords, 1_200.0, "1,200 records"),
        ] {
            assert_eq!(in_words(metric, value), text);
        }
    }
}
