//! How many requests are due by when, and when each of them is: the rate of an open loop, integrated. Pure.

use std::time::Duration;

use crate::plan::{Arrivals, Pace, Rates, Stage};

/// What rounding may cost a time, in µs; a request due at the end of a part must not slip before it.
const TIME_SLIP_US: f64 = 0.01;
/// What rounding may cost a number of requests.
const COUNT_SLIP: f64 = 1e-6;

/// A piece of the plan in which the rate follows a straight line. Pauses have none.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Segment {
    /// µs since the start of the part.
    begin_us: f64,
    /// Requests due before it.
    before: f64,
    /// Requests due by its end.
    until: f64,
    /// Requests per µs at its beginning.
    rate: f64,
    /// Change of that rate per µs.
    slope: f64,
    /// µs between two requests if the rate does not change.
    interval_us: f64,
}

impl Segment {
    /// When request number `count`, whole or not, is due: µs since the start of the part.
    fn time_of(&self, count: f64) -> f64 {
        let rest = (count - self.before).max(0.0);
        if self.slope == 0.0 {
            return self.begin_us + rest * self.interval_us;
        }
        // The root of rate·τ + slope·τ²/2 = rest that does not cancel, whichever sign the slope has.
        let root = (self.rate * self.rate + 2.0 * self.slope * rest).max(0.0);
        let sum = self.rate + root.sqrt();
        // At the beginning of a ramp from 0.
        let passed_us = if sum > 0.0 { 2.0 * rest / sum } else { 0.0 };
        self.begin_us + passed_us
    }

    /// Requests due by `us` after the start of the part, in this segment and before it.
    fn count_at(&self, us: f64) -> f64 {
        let passed = (us - self.begin_us).max(0.0);
        let count = self.before + passed * (self.rate + self.slope * passed / 2.0);
        // A ramp is a parabola that turns behind its end.
        if us >= self.end_us() {
            self.until
        } else {
            count.min(self.until)
        }
    }

    fn end_us(&self) -> f64 {
        if self.until.is_finite() {
            self.time_of(self.until)
        } else {
            f64::INFINITY
        }
    }
}

/// When each request of a part of the run is due.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Cadence {
    /// In order of time; at least one.
    segments: Vec<Segment>,
    arrivals: Gaps,
}

/// Steps from one request to the next, where 1 is the mean.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Gaps {
    Even,
    Exponential { seed: u64 },
}

/// A reader's place in a cadence: it goes forward only, and finds the due time of the next request without searching.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Cursor {
    segment: usize,
    /// Gaps added up, and their sum.
    drawn: u64,
    sum: f64,
    /// The request whose due time was asked for last, plus one; 0: none was.
    known: u64,
    known_us: u64,
}

impl Cadence {
    /// The measured part of a plan. `seed` is that of Poisson arrivals.
    pub(crate) fn measured(pace: &Pace, batch_size: u32, seed: u64) -> Self {
        let pieces = match &pace.rates {
            Rates::Constant(rate) => vec![Piece::constant(rate.0)],
            Rates::Stages(stages) => staged(stages),
        };
        let pieces = match pace.spike {
            None => pieces,
            Some(spike) => {
                let (at, end) = (micros(spike.at), micros(spike.at + spike.length));
                let middle = Piece {
                    begin_us: at,
                    end_us: end,
                    from: spike.rate.0,
                    to: spike.rate.0,
                };
                let before = pieces.iter().filter_map(|piece| piece.within(0.0, at));
                let after = pieces
                    .iter()
                    .filter_map(|piece| piece.within(end, f64::INFINITY));
                before.chain([middle]).chain(after).collect()
            }
        };
        Self::of(&pieces, batch_size, pace.arrivals, seed)
    }

    /// The warm-up of a plan: at the constant rate, or at the mean rate of the first stage with any load.
    pub(crate) fn warmup(pace: &Pace, batch_size: u32, seed: u64) -> Self {
        let rate = match &pace.rates {
            Rates::Constant(rate) => rate.0,
            Rates::Stages(stages) => (stages.iter())
                .map(|stage| stage.mean().0)
                .find(|rate| *rate > 0.0)
                .unwrap_or(0.0),
        };
        // Not the gaps of the measured part.
        Self::of(
            &[Piece::constant(rate)],
            batch_size,
            pace.arrivals,
            mixed(!seed),
        )
    }

    fn of(pieces: &[Piece], batch_size: u32, arrivals: Arrivals, seed: u64) -> Self {
        let per_us = |records_per_sec: f64| records_per_sec / f64::from(batch_size) / 1e6;
        let mut before = 0.0;
        let mut segments = Vec::with_capacity(pieces.len());
        for piece in pieces {
            let (from, to) = (per_us(piece.from), per_us(piece.to));
            let length_us = piece.end_us - piece.begin_us;
            let until = before + length_us * f64::midpoint(from, to);
            if until > before {
                segments.push(Segment {
                    begin_us: piece.begin_us,
                    before,
                    until,
                    rate: from,
                    slope: if piece.from == piece.to {
                        0.0
                    } else {
                        (to - from) / length_us
                    },
                    interval_us: f64::from(batch_size) / piece.from * 1e6,
                });
                before = until;
            }
        }
        Self {
            segments,
            arrivals: match arrivals {
                Arrivals::Uniform => Gaps::Even,
                Arrivals::Poisson => Gaps::Exponential { seed: mixed(seed) },
            },
        }
    }

    /// Whether the number of requests due by a time can be told without going through them.
    pub(crate) fn is_even(&self) -> bool {
        self.arrivals == Gaps::Even
    }

    /// Requests expected by `us` after the start of the part.
    pub(crate) fn expected_by(&self, us: u64) -> f64 {
        let us = us as f64;
        let reached = self.segments.iter().rev().find(|s| s.begin_us <= us);
        reached.map_or(0.0, |segment| segment.count_at(us))
    }

    /// When the request numbered `number` from 0 is due, µs after the start of the part; [`u64::MAX`]: never. The cursor
    /// must not have been asked for a later one.
    pub(crate) fn due_us(&self, cursor: &mut Cursor, number: u64) -> u64 {
        if cursor.known == number + 1 {
            return cursor.known_us;
        }
        let count = match self.arrivals {
            Gaps::Even => number as f64,
            Gaps::Exponential { seed } => {
                debug_assert!(cursor.drawn <= number + 1, "cursors go forward only");
                while cursor.drawn <= number {
                    cursor.sum += gap(seed, cursor.drawn);
                    cursor.drawn += 1;
                }
                cursor.sum
            }
        };
        let time_us = self.time_of(&mut cursor.segment, count);
        // Saturates: what is due never is due at u64::MAX.
        (cursor.known, cursor.known_us) = (number + 1, (time_us + TIME_SLIP_US) as u64);
        cursor.known_us
    }

    /// When the request behind the last of `requests` would be due, of which the last has `share` of the records of the
    /// others: µs after the start of the part.
    pub(crate) fn end_of_us(&self, requests: u64, share: f64) -> u64 {
        let count = match self.arrivals {
            Gaps::Even => requests as f64 - 1.0 + share,
            Gaps::Exponential { seed } => {
                let sum: f64 = (0..requests).map(|number| gap(seed, number)).sum();
                sum + share * gap(seed, requests)
            }
        };
        self.time_of(&mut 0, count) as u64
    }

    fn time_of(&self, segment: &mut usize, count: f64) -> f64 {
        loop {
            let Some(here) = self.segments.get(*segment) else {
                return f64::INFINITY;
            };
            if count < here.until - COUNT_SLIP {
                return here.time_of(count);
            }
            *segment += 1;
        }
    }
}

/// A straight line of the rate in records per second, between two times in µs since the start of the part.
#[derive(Debug, Clone, Copy)]
struct Piece {
    begin_us: f64,
    end_us: f64,
    from: f64,
    to: f64,
}

impl Piece {
    fn constant(rate: f64) -> Self {
        Self {
            begin_us: 0.0,
            end_us: f64::INFINITY,
            from: rate,
            to: rate,
        }
    }

    fn rate_at(&self, us: f64) -> f64 {
        if self.from == self.to {
            return self.from;
        }
        let passed = (us - self.begin_us) / (self.end_us - self.begin_us);
        self.from + passed * (self.to - self.from)
    }

    /// What of it lies between two times.
    fn within(&self, begin_us: f64, end_us: f64) -> Option<Self> {
        let (begin_us, end_us) = (self.begin_us.max(begin_us), self.end_us.min(end_us));
        (begin_us < end_us).then(|| Self {
            begin_us,
            end_us,
            from: self.rate_at(begin_us),
            to: self.rate_at(end_us),
        })
    }
}

fn staged(stages: &[Stage]) -> Vec<Piece> {
    let mut begin_us = 0.0;
    let piece = |stage: &Stage| {
        let end_us = begin_us + micros(stage.length);
        let piece = Piece {
            begin_us,
            end_us,
            from: stage.from.0,
            to: stage.to.0,
        };
        begin_us = end_us;
        piece
    };
    stages.iter().map(piece).collect()
}

fn micros(duration: Duration) -> f64 {
    duration.as_micros() as f64
}

/// 2^64 divided by the golden ratio: the step of splitmix64.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// The output function of splitmix64 (Steele, Lea, Flood 2014).
fn mixed(state: u64) -> u64 {
    let z = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The gap before request `number` of a Poisson process of rate 1: a function of seed and number alone, so that every
/// thread computes the same ones and none has to be told.
fn gap(seed: u64, number: u64) -> f64 {
    let bits = mixed(seed.wrapping_add(number.wrapping_add(1).wrapping_mul(GOLDEN)));
    // From 2^-53 to 1: its logarithm is finite.
    let uniform = ((bits >> 11) + 1) as f64 / (1_u64 << 53) as f64;
    -uniform.ln()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Spike;
    use crate::units::Rate;

    fn stage(from: f64, to: f64, secs: u64) -> Stage {
        Stage {
            from: Rate(from),
            to: Rate(to),
            length: Duration::from_secs(secs),
        }
    }

    fn due(pace: &Pace, number: u64) -> u64 {
        Cadence::measured(pace, 1, 1).due_us(&mut Cursor::default(), number)
    }

    fn stages(stages: Vec<Stage>) -> Pace {
        Pace {
            rates: Rates::Stages(stages),
            spike: None,
            arrivals: Arrivals::Uniform,
        }
    }

    #[test]
    fn a_ramp_is_due_where_its_integral_says() {
        // From 0 to 100/s in 10 s: n = 5 t².
        let up = stages(vec![stage(0.0, 100.0, 10)]);
        let cadence = Cadence::measured(&up, 1, 1);
        let mut cursor = Cursor::default();
        for number in 0..500_u32 {
            let wanted = (f64::from(number) / 5.0).sqrt() * 1e6;
            let found = cadence.due_us(&mut cursor, u64::from(number));
            assert!((found as f64 - wanted).abs() <= 1.0, "{number}: {found}");
        }
        assert_eq!(cadence.due_us(&mut cursor, 500), u64::MAX);
        // From 100/s to 0 in 10 s: as many, mirrored.
        let down = stages(vec![stage(100.0, 0.0, 10)]);
        for number in [1, 100, 250, 499] {
            let mirrored = (10.0 - ((500.0 - number as f64) / 5.0).sqrt()) * 1e6;
            assert!((due(&down, number) as f64 - mirrored).abs() <= 1.0);
        }
        // A slope that is hardly one is as good as none.
        let flat = stages(vec![stage(100.0, 100.000_001, 10)]);
        assert_eq!(due(&flat, 500), 4_999_999);
    }

    #[test]
    fn nothing_is_due_in_a_pause_and_stages_follow_each_other() {
        let pace = stages(vec![
            stage(0.0, 0.0, 1),
            stage(10.0, 10.0, 1),
            stage(0.0, 0.0, 2),
            stage(0.0, 10.0, 2),
        ]);
        let found: Vec<u64> = [0, 9, 10, 11, 19, 20].map(|n| due(&pace, n)).to_vec();
        assert_eq!(
            found,
            [
                1_000_000,
                1_900_000,
                4_000_000,
                4_632_455,
                5_897_366,
                u64::MAX
            ]
        );
        let cadence = Cadence::measured(&pace, 1, 1);
        for (us, count) in [
            (500_000, 0.0),
            (1_500_000, 5.0),
            (3_000_000, 10.0),
            (5_000_000, 12.5),
            (9_000_000, 20.0),
        ] {
            assert!((cadence.expected_by(us) - count).abs() < 1e-6, "{us}");
        }
    }

    #[test]
    fn a_spike_takes_the_place_of_what_was_planned() {
        let spike = Spike {
            rate: Rate(100.0),
            at: Duration::from_secs(5),
            length: Duration::from_secs(2),
        };
        let mut constant = Pace::constant(Rate(10.0));
        constant.spike = Some(spike);
        let found = [49, 50, 51, 249, 250, 251].map(|number| due(&constant, number));
        assert_eq!(
            found,
            [
                4_900_000, 5_000_000, 5_010_000, 6_990_000, 7_000_000, 7_100_000
            ]
        );
        // A ramp goes on as if it had not been interrupted: at 7 s it is at 70/s.
        let mut ramp = stages(vec![stage(0.0, 100.0, 10)]);
        ramp.spike = Some(spike);
        let cadence = Cadence::measured(&ramp, 1, 1);
        for (secs, count) in [
            (5, 125.0),
            (7, 325.0),
            (8, 325.0 + 75.0),
            (10, 325.0 + 255.0),
        ] {
            assert!((cadence.expected_by(secs * 1_000_000) - count).abs() < 1e-6);
        }
        // Across two stages, and over a pause.
        let mut two = stages(vec![stage(10.0, 10.0, 6), stage(0.0, 0.0, 4)]);
        two.spike = Some(spike);
        let two = Cadence::measured(&two, 1, 1);
        assert!((two.expected_by(10_000_000) - 250.0).abs() < 1e-6);
    }

    #[test]
    fn warm_up_has_the_mean_rate_of_the_first_stage_with_any_load() {
        let pace = stages(vec![
            stage(0.0, 0.0, 3),
            stage(0.0, 100.0, 3),
            stage(9.0, 9.0, 3),
        ]);
        let warmup = Cadence::warmup(&pace, 1, 1);
        assert!((warmup.expected_by(2_000_000) - 100.0).abs() < 1e-6);
    }

    #[test]
    fn gaps_follow_the_exponential_law() {
        for seed in [0, 1, 2, u64::MAX] {
            const N: u64 = 1_000_000;
            let seed = mixed(seed);
            let gaps: Vec<f64> = (0..N).map(|number| gap(seed, number)).collect();
            let n = N as f64;
            let mean = gaps.iter().sum::<f64>() / n;
            let variance = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / n;
            // Five standard errors: 1/√n of the mean, √8/√n of the variance.
            assert!((mean - 1.0).abs() < 5.0 / n.sqrt(), "{mean}");
            assert!(
                (variance - 1.0).abs() < 5.0 * (8.0 / n).sqrt(),
                "{variance}"
            );
            for limit in [0.1, 1.0, 5.0_f64] {
                let share = gaps.iter().filter(|gap| **gap > limit).count() as f64 / n;
                let law = (-limit).exp();
                assert!(
                    (share - law).abs() < 5.0 * (law / n).sqrt(),
                    "{limit}: {share}"
                );
            }
            // Neighbours know nothing of each other.
            let product = |(a, b): (&f64, &f64)| (a - 1.0) * (b - 1.0);
            let correlation = gaps.iter().zip(&gaps[1..]).map(product).sum::<f64>() / n;
            assert!(correlation.abs() < 5.0 / n.sqrt(), "{correlation}");
        }
    }
}
