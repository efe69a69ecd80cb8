//! Threshold expressions such as `p99 > 2s`: what they look at, how they compare, in which unit.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use super::{Comparison, Metric, Reference, Threshold};
use crate::units::{self, Rate};

/// Longest operators first, so that `<=` is not read as `<`.
const COMPARISONS: [(&str, Comparison); 4] = [
    ("<=", Comparison::LessOrEqual),
    (">=", Comparison::GreaterOrEqual),
    ("<", Comparison::Less),
    (">", Comparison::Greater),
];

/// From a percentile to a metric.
type Percentile = fn(f64) -> Metric;

/// What stands before the percentile of a metric, and whose percentile it then is.
const PERCENTILES: [(&str, Percentile); 4] = [
    ("", Metric::Latency),
    ("service.", Metric::ServiceTime),
    ("send_delay.", Metric::SendDelay),
    ("e2e.", Metric::EndToEnd),
];

/// Percentiles that a limit may be on.
const JUDGED: RangeInclusive<f64> = 50.0..=99.99;

impl FromStr for Threshold {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wanted = || {
            format!(
                "`{text}` is not a threshold: write METRIC OP VALUE such as `success < 99.9%`, `p99 > 2s`, `throughput < 40k/s` (it says when the run fails)"
            )
        };
        if text.trim().is_empty() {
            return Err("an empty text is not a threshold: is there a comma too many?".to_owned());
        }
        let at = text.trim().find(['<', '>']).ok_or_else(wanted)?;
        let (name, rest) = text.trim().split_at(at);
        let name = name.to_ascii_lowercase();
        let (operator, fails_if) = COMPARISONS
            .iter()
            .find(|(operator, _)| rest.starts_with(operator))
            .ok_or_else(wanted)?;
        let metric = Metric::from_name(name.trim()).ok_or_else(|| {
            format!(
                "`{}` is no metric of a threshold: expected p50 to p99.99, service.p95, send_delay.p95, e2e.p95, max, mean, success, throughput or failed",
                name.trim()
            )
        })?;
        let value = metric.parse_value(rest[operator.len()..].trim())?;
        Ok(Self {
            expression: format!("{name}{rest}"),
            metric,
            fails_if: *fails_if,
            value,
        })
    }
}

impl Metric {
    fn from_name(name: &str) -> Option<Self> {
        match name {
            "max" => Some(Self::LatencyMax),
            "mean" => Some(Self::LatencyMean),
            "success" => Some(Self::Success),
            "throughput" => Some(Self::Throughput),
            "failed" => Some(Self::FailedRecords),
            percentiles => {
                let (prefix, percentile) = percentiles.rsplit_once('p').unwrap_or_default();
                let of = PERCENTILES.iter().find(|(name, _)| *name == prefix)?.1;
                let percentile = units::parse_percentile(&format!("p{percentile}"))?;
                JUDGED.contains(&percentile).then(|| of(percentile))
            }
        }
    }

    /// Reads a value in the unit that belongs to the metric.
    fn parse_value(self, text: &str) -> Result<f64, String> {
        match self {
            Self::Latency(_)
            | Self::LatencyMax
            | Self::LatencyMean
            | Self::ServiceTime(_)
            | Self::SendDelay(_)
            | Self::EndToEnd(_) => {
                units::parse_duration(text).map(|limit| limit.as_micros() as f64)
            }
            Self::Success => units::parse_ratio(text),
            Self::Throughput => text.parse::<Rate>().map(|rate| rate.0),
            Self::FailedRecords => text
                .parse::<u64>()
                .map(|records| records as f64)
                .map_err(|_| format!("`{text}` is not a number of records, such as 0")),
        }
    }
}

/// The thresholds, those that say the same only once.
pub(super) fn distinct(thresholds: Vec<Threshold>) -> Vec<Threshold> {
    let mut kept: Vec<Threshold> = Vec::with_capacity(thresholds.len());
    for threshold in thresholds {
        if !kept.iter().any(|known| known.says() == threshold.says()) {
            kept.push(threshold);
        }
    }
    kept
}

impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.expression)
    }
}

/// A share as it is written, exactly: `99.9%`. Digits beyond the tenth are those of binary fractions.
pub(super) fn share(ratio: f64) -> String {
    let digits = format!("{:.10}", ratio * 100.0);
    format!("{}%", digits.trim_end_matches('0').trim_end_matches('.'))
}

impl Threshold {
    /// All but how it was written.
    fn says(&self) -> (Metric, Comparison, f64) {
        (self.metric, self.fails_if, self.value)
    }

    /// The run fails below this throughput (`--min-throughput`).
    pub fn min_throughput(rate: Rate) -> Self {
        Self {
            // Without grouping, so that the expression can be given to --fail-on as it is printed.
            expression: format!("throughput < {}/s", rate.0),
            metric: Metric::Throughput,
            fails_if: Comparison::Less,
            value: rate.0,
        }
    }

    /// The run fails above this P95 latency (`--max-p95`).
    pub fn max_p95(limit: Duration) -> Self {
        Self {
            expression: format!("p95 > {}", units::duration_word(limit)),
            metric: Metric::Latency(95.0),
            fails_if: Comparison::Greater,
            value: limit.as_micros() as f64,
        }
    }

    fn min_success(ratio: f64) -> Self {
        Self {
            expression: format!("success < {}", share(ratio)),
            metric: Metric::Success,
            fails_if: Comparison::Less,
            value: ratio,
        }
    }
}

impl Reference {
    /// The figures as thresholds (`--gate`); the goal is aimed at, not enforced.
    pub fn thresholds(&self) -> Vec<Threshold> {
        let throughput = self
            .records_per_sec
            .map(|rate| Threshold::min_throughput(Rate(rate)));
        let p95 = self.p95.map(Threshold::max_p95);
        let success = self.success_ratio.map(Threshold::min_success);
        [throughput, p95, success].into_iter().flatten().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_are_read_in_the_metrics_unit() {
        use Comparison::{Greater, GreaterOrEqual, Less, LessOrEqual};
        for (text, metric, fails_if, value) in [
            ("success < 99.9%", Metric::Success, Less, 0.999),
            ("p99 > 2s", Metric::Latency(99.0), Greater, 2e6),
            ("p99.9>=1m30s", Metric::Latency(99.9), GreaterOrEqual, 90e6),
            ("throughput < 40k/s", Metric::Throughput, Less, 40e3),
            ("throughput<=40000", Metric::Throughput, LessOrEqual, 40e3),
            ("max > 5s", Metric::LatencyMax, Greater, 5e6),
            (
                "mean >= 100ms",
                Metric::LatencyMean,
                GreaterOrEqual,
                100_000.0,
            ),
            ("service.p99 > 1s", Metric::ServiceTime(99.0), Greater, 1e6),
            (
                "send_delay.p50 > 1ms",
                Metric::SendDelay(50.0),
                Greater,
                1e3,
            ),
            ("e2e.p99.9 > 1s", Metric::EndToEnd(99.9), Greater, 1e6),
            (" failed > 0 ", Metric::FailedRecords, Greater, 0.0),
        ] {
            let threshold: Threshold = text.parse().expect(text);
            assert_eq!(threshold.metric, metric, "{text}");
            assert_eq!(threshold.fails_if, fails_if, "{text}");
            assert!((threshold.value - value).abs() < 1e-9, "{text}");
            assert_eq!(threshold.expression, text.trim());
        }
    }

    #[test]
    fn metrics_may_be_in_capitals() {
        for (text, expression) in [
            ("P95 > 1s", "p95 > 1s"),
            (" Success<99% ", "success<99%"),
            ("E2E.P99.9 > 1s", "e2e.p99.9 > 1s"),
        ] {
            let threshold: Threshold = text.parse().expect(text);
            assert_eq!(threshold.expression, expression);
        }
    }

    #[test]
    fn shares_are_written_as_they_are_read() {
        for text in ["100%", "99.853%", "7%", "0.001%", "0%", "55.5%"] {
            let ratio = units::parse_ratio(text).expect(text);
            assert_eq!(share(ratio), text);
        }
    }

    #[test]
    fn of_the_same_meaning_one_is_kept() {
        let parsed = |text: &str| text.parse::<Threshold>().expect(text);
        let many = [
            "p95 > 1s",
            "max > 1s",
            "p95 > 1s",
            "p95>1000ms",
            "p95 >= 1s",
        ];
        let many = many.map(parsed);
        let kept: Vec<String> = distinct(many.into())
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(kept, ["p95 > 1s", "max > 1s", "p95 >= 1s"]);
    }

    #[test]
    fn wrong_expressions_say_what_is_wrong() {
        for (text, part) in [
            ("", "is not a threshold"),
            ("p99", "is not a threshold"),
            ("p99 = 2s", "is not a threshold"),
            ("speed > 2s", "`speed` is no metric"),
            (" ", "comma too many"),
            ("p100 > 2s", "`p100` is no metric"),
            ("p49 > 2s", "`p49` is no metric"),
            ("e2e.p99.999 > 2s", "`e2e.p99.999` is no metric"),
            ("e2e > 2s", "`e2e` is no metric"),
            ("e2e.max > 2s", "`e2e.max` is no metric"),
            ("server.p95 > 2s", "`server.p95` is no metric"),
            ("p99 > 2", "`2` is not a duration"),
            ("p99 > > 2s", "`> 2s` is not a duration"),
            ("success < 101%", "`101%` is not a share"),
            ("throughput < fast", "`fast` is not a rate"),
            ("failed > -1", "`-1` is not a number of records"),
        ] {
            let error = text.parse::<Threshold>().expect_err(text);
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn the_gate_enforces_every_reference_figure_but_not_the_goal() {
        let reference = Reference {
            records_per_sec: Some(42_284.0),
            p95: Some(Duration::from_millis(2_160)),
            success_ratio: Some(1.0),
            goal_records_per_sec: Some(50_000.0),
            source: None,
        };
        let expressions: Vec<String> = reference
            .thresholds()
            .into_iter()
            .map(|threshold| threshold.expression)
            .collect();
        assert_eq!(
            expressions,
            ["throughput < 42284/s", "p95 > 2160ms", "success < 100%"]
        );
    }
}
