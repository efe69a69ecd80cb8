//! Where a value lies on an axis, and which values get a label.

use crate::units;

/// Labels wanted on an axis; what comes of it depends on what is round.
const WANTED: f64 = 5.0;
/// Part of an axis that must lie between two labels.
const LEAST_GAP: f64 = 0.085;
/// Steps of an axis of time, in seconds.
const TIME_STEPS: [f64; 15] = [
    1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1_800.0, 3_600.0, 7_200.0,
    21_600.0,
];

/// A straight or a logarithmic axis over a range.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Scale {
    low: f64,
    high: f64,
    log: bool,
}

/// A value with a label.
pub(super) type Tick = (f64, String);

impl Scale {
    /// From `low` to `high`; a range without extent gets one.
    pub(super) fn straight(low: f64, high: f64) -> Self {
        let high = if high > low { high } else { low + 1.0 };
        let log = false;
        Self { low, high, log }
    }

    /// From zero to a little more than `most`.
    pub(super) fn from_zero(most: f64) -> Self {
        Self::straight(0.0, most.max(f64::MIN_POSITIVE) * 1.06)
    }

    /// Decades that hold `least` and `most`, whole or cut at 2 or 5 of one.
    pub(super) fn decades(least: f64, most: f64) -> Self {
        let below = steps_of_decades(least.max(1e-3)).0;
        let above = steps_of_decades(most.max(1e-3)).1;
        Self {
            low: below,
            high: if above > below { above } else { below * 10.0 },
            log: true,
        }
    }

    /// 0 at the low end, 1 at the high end; what lies outside is put on the edge.
    pub(super) fn at(self, value: f64) -> f64 {
        let position = |value: f64| {
            if self.log {
                value.max(f64::MIN_POSITIVE).log10()
            } else {
                value
            }
        };
        let (low, high) = (position(self.low), position(self.high));
        ((position(value) - low) / (high - low)).clamp(0.0, 1.0)
    }

    /// Round values in the range, with what `words` makes of them.
    pub(super) fn ticks(self, words: fn(f64) -> String) -> Vec<Tick> {
        if self.log {
            return self
                .log_ticks()
                .into_iter()
                .map(|value| (value, words(value)))
                .collect();
        }
        self.every(round_step((self.high - self.low) / WANTED), words)
    }

    /// Times in the range, from seconds.
    pub(super) fn time_ticks(self) -> Vec<Tick> {
        let rough = (self.high - self.low) / WANTED;
        let step = TIME_STEPS.into_iter().find(|step| *step >= rough);
        let step = step.unwrap_or_else(|| (rough / 86_400.0).ceil() * 86_400.0);
        self.every(step, time_words)
    }

    fn every(self, step: f64, words: fn(f64) -> String) -> Vec<Tick> {
        let first = (self.low / step).ceil() as i64;
        let last = (self.high / step + 1e-9).floor() as i64;
        (first..=last)
            .map(|index| index as f64 * step)
            .map(|value| (value, words(value)))
            .collect()
    }

    fn log_ticks(self) -> Vec<f64> {
        let decades = (self.high / self.low).log10();
        let parts: &[f64] = if decades <= 2.01 {
            &[1.0, 2.0, 5.0]
        } else {
            &[1.0]
        };
        let first = self.low.log10().floor() as i32;
        let last = self.high.log10().ceil() as i32;
        let all = (first..=last)
            .flat_map(|decade| parts.iter().map(move |part| part * 10f64.powi(decade)));
        let mut ticks: Vec<f64> = all
            .filter(|value| *value >= self.low * 0.999 && *value <= self.high * 1.001)
            .collect();
        // An edge within a decade says how far the axis goes, where there is room for its label.
        let room = |a: f64, b: f64| (self.at(a) - self.at(b)).abs() >= LEAST_GAP;
        if ticks.last().is_none_or(|last| room(*last, self.high)) {
            ticks.push(self.high);
        }
        if ticks.first().is_none_or(|first| room(*first, self.low)) {
            ticks.insert(0, self.low);
        }
        ticks
    }
}

/// The neighbours of a value among 1, 2 and 5 of each decade, or the value itself twice.
fn steps_of_decades(value: f64) -> (f64, f64) {
    let decade = 10f64.powf(value.log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0].map(|step| step * decade);
    let below = steps
        .into_iter()
        .rev()
        .find(|step| *step <= value * 1.000_001);
    let above = steps.into_iter().find(|step| *step >= value * 0.999_999);
    (below.unwrap_or(decade), above.unwrap_or(decade * 10.0))
}

/// 1, 2 or 5 of a decade, at least `rough`.
fn round_step(rough: f64) -> f64 {
    steps_of_decades(rough.max(1e-9)).1
}

/// `250 ms`, `2 s`: a latency of round numbers, from µs.
pub(super) fn latency_words(us: f64) -> String {
    let (value, unit) = match us {
        us if us < 1e3 => (us, "µs"),
        us if us < 1e6 => (us / 1e3, "ms"),
        us => (us / 1e6, "s"),
    };
    format!("{} {unit}", shortest(value))
}

/// `45 s`, `10 min`, `1 h`, from seconds.
fn time_words(secs: f64) -> String {
    match secs {
        secs if secs < 60.0 || secs % 60.0 > 0.0 => format!("{} s", shortest(secs)),
        secs if secs < 3_600.0 || secs % 3_600.0 > 0.0 => format!("{} min", shortest(secs / 60.0)),
        secs => format!("{} h", shortest(secs / 3_600.0)),
    }
}

/// `40,000`, `2.5`: a rate of round numbers.
pub(super) fn rate_words(rate: f64) -> String {
    if rate >= 1e3 {
        units::grouped(rate.round() as u64)
    } else {
        shortest(rate)
    }
}

/// A number without zeros that say nothing.
pub(super) fn shortest(value: f64) -> String {
    let text = format!("{value:.3}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text.is_empty() {
        "0".to_owned()
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(ticks: &[Tick]) -> String {
        ticks
            .iter()
            .map(|(_, text)| text.as_str())
            .collect::<Vec<_>>()
            .join(" | ")
    }

    #[test]
    fn labels_are_round_and_few() {
        let rates = |most| words(&Scale::from_zero(most).ticks(rate_words));
        let times = |most| words(&Scale::straight(0.0, most).time_ticks());
        let latencies = |least, most| words(&Scale::decades(least, most).ticks(latency_words));
        let all = [
            rates(0.3),
            rates(9.0),
            rates(43_210.0),
            rates(1_234_567.0),
            times(2.0),
            times(61.0),
            times(3_599.0),
            times(36_000.0),
            times(1e6),
            latencies(850.0, 1_900.0),
            latencies(5_000.0, 190_000.0),
            latencies(80.0, 2e7),
        ];
        insta::assert_snapshot!(all.join("\n"), @"
        0 | 0.1 | 0.2 | 0.3
        0 | 2 | 4 | 6 | 8
        0 | 10,000 | 20,000 | 30,000 | 40,000
        0 | 500,000 | 1,000,000
        0 s | 1 s | 2 s
        0 s | 15 s | 30 s | 45 s | 1 min
        0 s | 15 min | 30 min | 45 min
        0 s | 2 h | 4 h | 6 h | 8 h | 10 h
        0 s | 72 h | 144 h | 216 h
        500 µs | 1 ms | 2 ms
        5 ms | 10 ms | 20 ms | 50 ms | 100 ms | 200 ms
        100 µs | 1 ms | 10 ms | 100 ms | 1 s | 10 s
        ");
    }

    #[test]
    fn a_scale_has_an_extent_whatever_it_is_made_of() {
        for scale in [
            Scale::from_zero(0.0),
            Scale::straight(3.0, 3.0),
            Scale::decades(7.0, 7.0),
            Scale::decades(0.0, 0.0),
        ] {
            assert!(scale.at(7.0).is_finite(), "{scale:?}");
            assert!(!scale.ticks(shortest).is_empty(), "{scale:?}");
        }
        assert!((Scale::decades(1.0, 100.0).at(10.0) - 0.5).abs() < 1e-9);
    }
}
