//! Thresholds, evaluated on a finished run. Requests without an answer count as infinitely slow: what was never answered is not
//! within a limit. A figure that is uncertain passes only if the bound of its uncertainty does.

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use super::Run;
use super::bound::{Bound, Samples, Side, Spread};
use crate::measure::{Blocks, Reading, percentile_of};
use crate::plan::{Comparison, Metric, Threshold};
use crate::units;

/// What became of one threshold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ThresholdResult {
    /// As the user wrote it: the run fails if it holds. One that nobody wrote ends in ` (implied)`.
    pub expression: String,
    /// The figure it was held against, as text; `≥` before one in which requests without an answer count with the time they waited.
    /// An upper limit is judged with them as infinitely slow.
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
        let bound = |figure, side| bounded(run, spread, threshold.metric, figure, side);
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
        // Records of a request arrive together: they say as much as the request does.
        let samples = Samples::of(latency).of_these(requests);
        let bound = |us, side| of_percentile(spread, &samples, percentile, us, side);
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
    let exact = |value| Some(Reading::exact(value));
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
    percentile_of(histogram, percentile).map(|us| Reading::exact(us as f64))
}

/// The bound of a figure on one side. Success, failed records and the largest latency are counts of everything that was sent: they
/// are not samples of anything, and are their own bounds.
fn bounded(run: &Run, spread: Option<Spread>, metric: Metric, figure: f64, side: Side) -> Bound {
    let percentile = |samples, of| of_percentile(spread, &samples, of, figure, side);
    let widened =
        |factor: Option<f64>| factor.map_or(Bound::Unknown, |factor| Bound::of(figure * factor));
    match metric {
        Metric::Latency(of) => {
            let samples = Samples::of_latency(&run.latency, figure as u64, side);
            percentile(samples, of)
        }
        Metric::ServiceTime(of) => percentile(Samples::of(&run.total.service_time), of),
        Metric::SendDelay(of) => percentile(Samples::of(&run.total.send_delay), of),
        Metric::LatencyMean => widened(spread.map(|spread| spread.mean_factor(side))),
        Metric::Throughput => widened(spread.map(|spread| spread.rate_factor(side))),
        Metric::LatencyMax | Metric::Success | Metric::FailedRecords | Metric::EndToEnd(_) => {
            Bound::At(figure)
        }
    }
}

/// The bound of a percentile (0 to 100) whose figure is `us`.
fn of_percentile(
    spread: Option<Spread>,
    samples: &Samples,
    percentile: f64,
    us: f64,
    side: Side,
) -> Bound {
    spread.map_or(Bound::Unknown, |spread| {
        spread.percentile(samples, percentile / 100.0, us as u64, side)
    })
}

/// A figure beyond the limit is missed, whatever its bound: no bad figure is excused. One within it is met only if its bound is too.
/// Where more is worse, the figure is that with requests without an answer as infinitely slow.
fn judge(
    threshold: &Threshold,
    reading: Option<Reading>,
    bound: impl Fn(f64, Side) -> Bound,
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
    let Some(reading) = reading else {
        result.reason = Some("there is no sample to judge".to_owned());
        return result;
    };
    let text = in_words(threshold.metric, reading.value);
    result.saw = if reading.lower_bound {
        format!("≥ {text}")
    } else {
        text
    };
    if compare(threshold, reading.value) {
        return result;
    }
    let (side, sign, figure) = match threshold.fails_if {
        Comparison::Less | Comparison::LessOrEqual => (Side::Lower, "≥", reading.value),
        Comparison::Greater | Comparison::GreaterOrEqual => (Side::Upper, "≤", reading.most),
    };
    if compare(threshold, figure) {
        result.reason = Some(unanswered(threshold.metric, figure));
        return result;
    }
    if !is_sampled(threshold.metric) {
        result.passed = true;
        result.margin = margin(threshold, side, figure);
        return result;
    }
    let at = match bound(figure, side) {
        Bound::At(at) => at,
        open => {
            result.inconclusive = true;
            result.reason = Some(match open {
                Bound::Unanswered => format!(
                    "it is within the limit, but its bound (95 %) falls among {INFINITELY}; {LONGER}"
                ),
                _ => format!("the run is too short for a bound of it; {LONGER}"),
            });
            return result;
        }
    };
    let words = format!("{sign} {}", in_words(threshold.metric, at));
    result.margin = margin(threshold, side, at);
    result.passed = !compare(threshold, at);
    result.inconclusive = !result.passed;
    result.reason = result.inconclusive.then(|| {
        let counted = if side == Side::Upper && reading.lower_bound {
            ", requests without an answer counting as infinitely slow"
        } else {
            ""
        };
        format!(
            "it is within the limit, but blocks of the run vary so much that it is known only to be {words} (95 %){counted}; {LONGER}"
        )
    });
    result.bound = Some(words);
    result.bound_value = Some(at);
    result
}

/// How requests without an answer are judged.
const INFINITELY: &str = "requests without an answer, which count as infinitely slow";

/// Why a figure is beyond the limit although what was seen is not.
fn unanswered(metric: Metric, figure: f64) -> String {
    if figure.is_finite() {
        let text = in_words(metric, figure);
        return format!("it is {text} when requests without an answer count as infinitely slow");
    }
    match metric {
        Metric::LatencyMax | Metric::LatencyMean => format!("it includes {INFINITELY}"),
        _ => format!("it falls among {INFINITELY}"),
    }
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

    /// A figure that requests without an answer leave open.
    fn open(value: f64, most: f64) -> Reading {
        Reading {
            value,
            most,
            lower_bound: true,
        }
    }

    #[test]
    fn both_ends_of_an_open_figure_must_be_within() {
        use Comparison::{Greater, GreaterOrEqual, Less, LessOrEqual};
        let endless = f64::INFINITY;
        // fails if, limit in µs, least and most of the figure in µs, passed
        for (fails_if, limit, least, most, passed) in [
            (Greater, 2e6, 1.8e6, 1.8e6, true),
            (Greater, 2e6, 2e6, 2e6, true),
            (Greater, 2e6, 2.1e6, 2.1e6, false),
            (GreaterOrEqual, 2e6, 2e6, 2e6, false),
            (GreaterOrEqual, 2e6, 1.9e6, 1.9e6, true),
            (Less, 2e6, 1.9e6, 1.9e6, false),
            (Less, 2e6, 2e6, 2e6, true),
            (LessOrEqual, 2e6, 2e6, 2e6, false),
            // Among requests without an answer it is beyond every limit.
            (Greater, 2e6, 1.8e6, endless, false),
            (GreaterOrEqual, 2e6, 1.8e6, endless, false),
            (Greater, 2e6, 2.1e6, endless, false),
            (Greater, 2e6, 1.8e6, 2e6, true),
            (GreaterOrEqual, 2e6, 1.8e6, 2e6, false),
            (Greater, 2e6, 1.8e6, 2.1e6, false),
            (Greater, 2e6, 2.1e6, 2.2e6, false),
            // At least 2 s is not below 2 s, whatever it is.
            (Less, 2e6, 2e6, endless, true),
            (Less, 2e6, 1.9e6, endless, false),
            (Less, 2e6, 1.9e6, 2.1e6, false),
            (LessOrEqual, 2e6, 2.1e6, endless, true),
        ] {
            let reading = Some(open(least, most));
            let result = judge(&p95(fails_if, limit), reading, |us, _| Bound::At(us));
            let case = format!("{fails_if:?} {limit} {least} {most}");
            assert_eq!(result.passed, passed, "{case}");
            assert!(!result.inconclusive, "{case}");
        }
    }

    #[test]
    fn what_decided_is_told() {
        let seen = |limit, most, bound| {
            let threshold = p95(Comparison::Greater, limit);
            let result = judge(&threshold, Some(open(1.8e6, most)), |_, _| bound);
            let [bound, reason] =
                [result.bound, result.reason].map(|text| text.unwrap_or_else(|| "-".to_owned()));
            format!("{} | {bound} | {reason}", result.saw)
        };
        let lines = [
            seen(1e6, 1.9e6, Bound::Unknown),
            seen(2e6, f64::INFINITY, Bound::Unknown),
            seen(2e6, 2.3e6, Bound::Unknown),
            seen(2e6, 1.9e6, Bound::At(1.95e6)),
            seen(2e6, 1.9e6, Bound::At(2.1e6)),
            seen(2e6, 1.9e6, Bound::Unanswered),
            seen(2e6, 1.9e6, Bound::Unknown),
        ];
        insta::assert_snapshot!(lines.join("\n"), @"
        ≥ 1.80 s | - | -
        ≥ 1.80 s | - | it falls among requests without an answer, which count as infinitely slow
        ≥ 1.80 s | - | it is 2.30 s when requests without an answer count as infinitely slow
        ≥ 1.80 s | ≤ 1.95 s | -
        ≥ 1.80 s | ≤ 2.10 s | it is within the limit, but blocks of the run vary so much that it is known only to be ≤ 2.10 s (95 %), requests without an answer counting as infinitely slow; try a longer run, such as --duration 30s
        ≥ 1.80 s | - | it is within the limit, but its bound (95 %) falls among requests without an answer, which count as infinitely slow; try a longer run, such as --duration 30s
        ≥ 1.80 s | - | the run is too short for a bound of it; try a longer run, such as --duration 30s
        ");
    }

    #[test]
    fn the_bound_decides_within_the_limit_and_only_there() {
        use Comparison::{Greater, Less};
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
            let bound = |us, _| factor.map_or(Bound::Unknown, |factor: f64| Bound::At(us * factor));
            let result = judge(&p95(fails_if, 2e6), Some(Reading::exact(us)), bound);
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
            let reading = Some(Reading::exact(value));
            let result = judge(&threshold, reading, |_, _| Bound::Unknown);
            assert!(result.passed && result.bound.is_none(), "{expression}");
            let left = result.margin.map(|margin| (margin * 1e3).round() as i32);
            assert_eq!(left, margin, "{expression}");
        }
    }

    #[test]
    fn without_a_sample_a_threshold_is_missed() {
        let unasked = |_, _| Bound::Unknown;
        assert!(!judge(&p95(Comparison::Greater, 2e6), None, unasked).passed);
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
