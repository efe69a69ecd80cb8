//! Thresholds, evaluated on a finished run. A figure that is only a lower bound never passes by being unknown.

use serde::{Deserialize, Serialize};

use super::Run;
use crate::measure::Reading;
use crate::plan::{Comparison, Metric, Threshold};
use crate::units;

/// What became of one threshold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ThresholdResult {
    /// As the user wrote it: the run fails if it holds.
    pub expression: String,
    /// The figure it was held against, as text.
    pub saw: String,
    /// The same in the metric's unit: µs, a ratio from 0 to 1, records per second, records; `null`: there was none.
    pub saw_value: Option<f64>,
    /// The run met it.
    pub passed: bool,
    /// Why it was missed although the figure does not exceed the limit.
    pub reason: Option<String>,
}

/// Evaluates every threshold of the plan.
pub fn evaluate(run: &Run) -> Vec<ThresholdResult> {
    let one = |threshold: &Threshold| {
        let reading = read(run, threshold.metric);
        judge(threshold, reading)
    };
    run.plan.thresholds.iter().map(one).collect()
}

fn read(run: &Run, metric: Metric) -> Option<Reading> {
    let exact = |value| {
        Some(Reading {
            value,
            lower_bound: false,
        })
    };
    match metric {
        Metric::Latency(percentile) => run.latency.percentile(percentile),
        Metric::LatencyMax => run.latency.max(),
        Metric::LatencyMean => run.latency.mean(),
        Metric::Success => exact(run.summary.success_ratio),
        Metric::Throughput => exact(run.summary.records_per_sec),
        Metric::FailedRecords => exact(run.failed_records() as f64),
    }
}

fn judge(threshold: &Threshold, reading: Option<Reading>) -> ThresholdResult {
    let (saw, passed, reason) = match reading {
        None => (
            "nothing".to_owned(),
            false,
            Some("there is no sample to judge".to_owned()),
        ),
        Some(Reading { value, lower_bound }) => {
            let text = in_words(threshold.metric, value);
            let holds = compare(threshold, value);
            if lower_bound {
                let settled = settled_by_lower_bound(threshold, value);
                let reason = (!settled && !holds).then(|| {
                    format!(
                        "it is at least {text}: requests without an answer may have taken longer"
                    )
                });
                (format!("≥ {text}"), settled && !holds, reason)
            } else {
                (text, !holds, None)
            }
        }
    };
    ThresholdResult {
        expression: threshold.expression.clone(),
        saw,
        saw_value: reading.map(|reading| reading.value),
        passed,
        reason,
    }
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
        Metric::Latency(_) | Metric::LatencyMax | Metric::LatencyMean => {
            units::latency(value.round() as u64)
        }
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
        let result = judge(&p95(Comparison::Greater, 2e6), Some(reading));
        insta::assert_snapshot!(
            format!("{} | {}", result.saw, result.reason.unwrap()),
            @"≥ 1.80 s | it is at least 1.80 s: requests without an answer may have taken longer"
        );
    }

    #[test]
    fn without_a_sample_a_threshold_is_missed() {
        assert!(!judge(&p95(Comparison::Greater, 2e6), None).passed);
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
