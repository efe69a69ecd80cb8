//! From one recorder to the figures that are reported: throughput, success, percentiles and which of them are lower bounds.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use super::recorder::HIGHEST_US;
use super::{Measured, Recorder};

/// The percentiles every report shows, with their names in `lower_bounds`.
pub const PERCENTILES: [(&str, f64); 5] = [
    ("p50", 50.0),
    ("p90", 90.0),
    ("p95", 95.0),
    ("p99", 99.0),
    ("p99_9", 99.9),
];

/// The figures of a run, or of one target of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Summary {
    /// First byte written to last acknowledgement, warm-up excluded; 0 if nothing was acked.
    pub duration_secs: f64,
    /// Acked records over `duration_secs`.
    pub records_per_sec: f64,
    /// Requests with an answer over `duration_secs`.
    pub requests_per_sec: f64,
    /// Key and value bytes of acked records over `duration_secs`, before any encoding for transport.
    pub payload_bytes_per_sec: f64,
    /// Bytes of HTTP requests written over `duration_secs`, heads included, TLS not.
    pub wire_bytes_per_sec: f64,
    /// Bytes of HTTP replies read over `duration_secs`, heads included, TLS not.
    pub wire_bytes_received_per_sec: f64,
    /// Acked over scheduled records, 0 to 1; for one target of several: acked over sent.
    pub success_ratio: f64,
    /// Response fully read minus due, of every request: those without an answer count with the time they waited.
    pub latency_us: Distribution,
    /// Response fully read minus first byte written, of requests with an answer: the uncorrected latency that a tool reports
    /// which waits for the server.
    pub service_time_us: Distribution,
    /// Requests in `service_time_us`: those with an answer.
    pub uncorrected_samples: u64,
    /// First byte written minus due, of every request sent.
    pub send_delay_us: Distribution,
    /// The part of the send delay that is the generator's own: first byte written minus the later of due and of its connection
    /// being free, of every request sent; `null` in a closed loop.
    pub own_lateness_us: Option<Distribution>,
    /// Members of `latency_us` that are only lower bounds: with requests without an answer as infinitely slow they would be larger
    /// by more than the resolution of the histogram.
    pub lower_bounds: Vec<String>,
    /// Requests in `latency_us`.
    pub latency_samples: u64,
    /// Of those, lower bounds: unknown or never sent.
    pub latency_bound_samples: u64,
}

/// Percentiles of one histogram in µs, three significant digits; `null` if there was no sample.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Distribution {
    /// Median.
    pub p50: Option<u64>,
    /// 90th percentile.
    pub p90: Option<u64>,
    /// 95th percentile.
    pub p95: Option<u64>,
    /// 99th percentile.
    pub p99: Option<u64>,
    /// 99.9th percentile.
    pub p99_9: Option<u64>,
    /// Largest value.
    pub max: Option<u64>,
    /// Arithmetic mean.
    pub mean: Option<f64>,
}

impl Distribution {
    /// Reads a histogram.
    pub fn of(histogram: &Histogram<u64>) -> Self {
        let at = |percentile| {
            let rank = rank(histogram.len(), percentile)?;
            value_at_rank(histogram, rank)
        };
        let any = !histogram.is_empty();
        Self {
            p50: at(50.0),
            p90: at(90.0),
            p95: at(95.0),
            p99: at(99.0),
            p99_9: at(99.9),
            max: any.then(|| histogram.max().min(HIGHEST_US)),
            mean: any.then(|| histogram.mean()),
        }
    }
}

/// A figure that may be only a lower bound.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reading {
    /// The value, or the least it can be; in µs for a latency.
    pub value: f64,
    /// The value with requests without an answer as infinitely slow; infinite: it falls among them.
    pub most: f64,
    /// The two can be told apart.
    pub lower_bound: bool,
}

impl Reading {
    /// A figure that does not depend on requests without an answer.
    pub fn exact(value: f64) -> Self {
        Self {
            value,
            most: value,
            lower_bound: false,
        }
    }
}

/// All latencies of a run: those of answered requests, and the waiting times of those without an answer.
#[derive(Debug)]
pub struct Latency {
    all: Histogram<u64>,
    answered: Histogram<u64>,
}

impl Latency {
    /// Merges what a recorder knows.
    pub fn of(recorder: &Recorder) -> Self {
        let mut all = recorder.latency.clone();
        all.add(&recorder.latency_bounds)
            .expect("all histograms of a recorder have the same bounds");
        Self {
            all,
            answered: recorder.latency.clone(),
        }
    }

    /// From all latencies and the part of them that is lower bounds; `None` if it is no part of them.
    pub fn from_parts(all: Histogram<u64>, bounds: &Histogram<u64>) -> Option<Self> {
        let mut answered = all.clone();
        answered.subtract(bounds).ok()?;
        Some(Self { all, answered })
    }

    /// Answered requests and lower bounds in one histogram.
    pub fn all(&self) -> &Histogram<u64> {
        &self.all
    }

    /// Number of samples, lower bounds included.
    pub fn samples(&self) -> u64 {
        self.all.len()
    }

    /// Number of lower bounds.
    pub fn bounds(&self) -> u64 {
        self.all.len() - self.answered.len()
    }

    /// Answered requests alone.
    pub fn answered(&self) -> &Histogram<u64> {
        &self.answered
    }

    /// Share of the requests without an answer, 0 to 1, that waited no longer than this.
    pub fn bounds_within(&self, us: u64) -> f64 {
        let within = |histogram: &Histogram<u64>| histogram.count_between(0, us);
        let bounds = within(&self.all).saturating_sub(within(&self.answered));
        bounds as f64 / self.bounds().max(1) as f64
    }

    /// The percentile (0 to 100); `None` without samples. It is exact only if it would stay the same, but for the next bucket of
    /// the histogram, had every request without an answer taken for ever.
    pub fn percentile(&self, percentile: f64) -> Option<Reading> {
        let rank = rank(self.all.len(), percentile)?;
        let value = value_at_rank(&self.all, rank)?;
        let most = value_at_rank(&self.answered, rank);
        let next = self.all.next_non_equivalent(value);
        let alike = self.all.highest_equivalent(next);
        Some(Reading {
            value: value as f64,
            most: most.map_or(f64::INFINITY, |us| us as f64),
            lower_bound: most.is_none_or(|most| most > alike),
        })
    }

    /// The largest latency; a lower bound as soon as one request got no answer.
    pub fn max(&self) -> Option<Reading> {
        self.reading(self.all.max().min(HIGHEST_US) as f64)
    }

    /// The mean latency; a lower bound as soon as one request got no answer.
    pub fn mean(&self) -> Option<Reading> {
        self.reading(self.all.mean())
    }

    fn reading(&self, us: f64) -> Option<Reading> {
        let lower_bound = self.bounds() > 0;
        (!self.all.is_empty()).then_some(Reading {
            value: us,
            most: if lower_bound { f64::INFINITY } else { us },
            lower_bound,
        })
    }

    fn lower_bounds(&self) -> Vec<String> {
        let percentiles = PERCENTILES.map(|(name, value)| (name, self.percentile(value)));
        percentiles
            .into_iter()
            .chain([("max", self.max()), ("mean", self.mean())])
            .filter(|(_, reading)| reading.is_some_and(|reading| reading.lower_bound))
            .map(|(name, _)| name.to_owned())
            .collect()
    }
}

impl Summary {
    /// The whole run.
    pub fn of(measured: &Measured) -> Self {
        let scheduled = measured.scheduled.records;
        Self::of_recorder(&measured.total(), measured.window, scheduled)
    }

    /// One recorder over the window of the run; success is acked over `records_wanted`.
    pub fn of_recorder(recorder: &Recorder, window: Option<Duration>, records_wanted: u64) -> Self {
        let latency = Latency::of(recorder);
        let duration_secs = window.map_or(0.0, |window| window.as_secs_f64());
        let per_sec = |count: u64| match window {
            // An ack within the clock's resolution of the first byte: a µs is the least that can be told.
            Some(window) => count as f64 / window.max(Duration::from_micros(1)).as_secs_f64(),
            None => 0.0,
        };
        let acked = recorder.ledger.records.acked;
        Self {
            duration_secs,
            records_per_sec: per_sec(acked),
            requests_per_sec: per_sec(recorder.latency.len()),
            payload_bytes_per_sec: per_sec(recorder.payload_bytes_acked),
            wire_bytes_per_sec: per_sec(recorder.wire_bytes_sent),
            wire_bytes_received_per_sec: per_sec(recorder.wire_bytes_received),
            success_ratio: match records_wanted {
                0 => 0.0,
                wanted => acked as f64 / wanted as f64,
            },
            latency_us: Distribution::of(&latency.all),
            service_time_us: Distribution::of(&recorder.service_time),
            uncorrected_samples: recorder.service_time.len(),
            send_delay_us: Distribution::of(&recorder.send_delay),
            own_lateness_us: (!recorder.own_lateness.is_empty())
                .then(|| Distribution::of(&recorder.own_lateness)),
            lower_bounds: latency.lower_bounds(),
            latency_samples: latency.samples(),
            latency_bound_samples: latency.bounds(),
        }
    }

    /// Whether this member of `latency_us` (`p95`, `max`, ..) is only a lower bound.
    pub fn is_lower_bound(&self, name: &str) -> bool {
        self.lower_bounds.iter().any(|bound| bound == name)
    }
}

/// Nearest rank, from 1; `None` without samples. Dividing last keeps 99.9 % of 1,000 at rank 999 in floating point.
fn rank(samples: u64, percentile: f64) -> Option<u64> {
    let rank = (samples as f64 * percentile / 100.0).ceil() as u64;
    (samples > 0).then(|| rank.clamp(1, samples))
}

/// The percentile (0 to 100) of a histogram in µs, as every figure of a report is read; `None` without samples.
pub fn percentile_of(histogram: &Histogram<u64>, percentile: f64) -> Option<u64> {
    value_at_rank(histogram, rank(histogram.len(), percentile)?)
}

/// Upper edge of the bucket that holds the sample of this rank, as `value_at_quantile` gives it.
fn value_at_rank(histogram: &Histogram<u64>, rank: u64) -> Option<u64> {
    let mut seen = 0;
    for bucket in histogram.iter_recorded() {
        seen += bucket.count_at_value();
        if seen >= rank {
            let edge = histogram.highest_equivalent(bucket.value_iterated_to());
            return Some(edge.min(HIGHEST_US));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::Exchange;
    use super::*;

    fn exchange(latency_us: u64, lower_bound: bool) -> Exchange {
        Exchange {
            due_us: 0,
            sent_us: 0,
            done_us: latency_us,
            free_us: None,
            acked: u64::from(!lower_bound),
            rejected: 0,
            unknown: u64::from(lower_bound),
            lower_bound,
        }
    }

    fn recorder(samples: &[(u64, bool)]) -> Recorder {
        let mut recorder = Recorder::new();
        for &(us, bound) in samples {
            recorder.sent(1);
            recorder.ended(&exchange(us, bound));
        }
        recorder
    }

    /// The sample of a rank in a sorted list, the same with every bound as infinity, and whether that lies beyond the next bucket.
    fn naive(samples: &[(u64, bool)], percentile: f64) -> (u64, f64, bool) {
        let edges = Recorder::new().latency;
        let at = |infinite: bool| {
            let mut values: Vec<u64> = samples
                .iter()
                .map(|&(us, bound)| {
                    if bound && infinite {
                        u64::MAX
                    } else {
                        edges.highest_equivalent(us)
                    }
                })
                .collect();
            values.sort_unstable();
            let n = values.len() as u64;
            // Integers only: percentile in tenths.
            let rank = (n * (percentile * 10.0).round() as u64).div_ceil(1000);
            values[rank.max(1) as usize - 1]
        };
        let (least, most) = (at(false), at(true));
        let finite = (most < u64::MAX).then_some(most as f64);
        let next = edges.highest_equivalent(least + 1);
        (least, finite.unwrap_or(f64::INFINITY), most > next)
    }

    proptest! {
        #[test]
        fn percentiles_and_lower_bounds_follow_a_sorted_list(
            samples in prop::collection::vec((1u64..5_000_000, prop::bool::weighted(0.1)), 1..400)
        ) {
            let latency = Latency::of(&recorder(&samples));
            for (name, percentile) in PERCENTILES {
                let reading = latency.percentile(percentile).expect("there are samples");
                let (value, most, bound) = naive(&samples, percentile);
                prop_assert_eq!(reading.value as u64, value, "{}", name);
                prop_assert_eq!(reading.most.to_bits(), most.to_bits(), "{}", name);
                prop_assert_eq!(reading.lower_bound, bound, "{}", name);
                prop_assert!(reading.value <= latency.max().expect("there are samples").value);
            }
        }

        #[test]
        fn merging_is_the_same_as_recording_all(
            one in prop::collection::vec((1u64..5_000_000_000, any::<bool>()), 0..100),
            two in prop::collection::vec((1u64..5_000_000_000, any::<bool>()), 0..100)
        ) {
            let mut merged = recorder(&one);
            merged.merge(&recorder(&two));
            let all = recorder(&[one, two].concat());
            let window = Some(Duration::from_secs(2));
            prop_assert_eq!(
                Summary::of_recorder(&merged, window, 300),
                Summary::of_recorder(&all, window, 300)
            );
            prop_assert_eq!(merged.clamped, all.clamped);
            prop_assert_eq!(merged.in_flight_us, all.in_flight_us);
        }
    }

    #[test]
    fn one_time_out_in_a_hundred_makes_only_the_top_a_lower_bound() {
        let mut samples = vec![(1_000, false); 99];
        samples.push((60_000_000, true));
        let summary = Summary::of_recorder(&recorder(&samples), Some(Duration::from_secs(1)), 100);
        assert_eq!(summary.lower_bounds, ["p99_9", "max", "mean"]);
        assert_eq!(summary.latency_us.p99, Some(1_000));
        assert_eq!(summary.records_per_sec.round() as u64, 99);
        assert!((summary.success_ratio - 0.99).abs() < 1e-12);
    }

    #[test]
    fn a_bound_below_the_median_makes_the_median_a_bound() {
        // Had the two without an answer taken for ever, the median would be 3 ms.
        let samples = [(1_000, true), (1_000, true), (2_000, false), (3_000, false)];
        let reading = Latency::of(&recorder(&samples)).percentile(50.0);
        let wanted = Reading {
            value: 1_000.0,
            most: 3_001.0,
            lower_bound: true,
        };
        assert_eq!(reading, Some(wanted));
    }

    #[test]
    fn a_bound_that_moves_a_percentile_by_no_more_than_a_bucket_leaves_it_exact() {
        let mut samples: Vec<(u64, bool)> = (0..1_000).map(|i| (10_000 + i, false)).collect();
        samples.push((200, true));
        let latency = Latency::of(&recorder(&samples));
        let told = PERCENTILES.map(|(name, percentile)| {
            let reading = latency.percentile(percentile).expect("there are samples");
            (name, reading.most.is_finite(), reading.lower_bound)
        });
        let exact = |name| (name, true, false);
        assert_eq!(told, ["p50", "p90", "p95", "p99", "p99_9"].map(exact));
        // One more of 1,000, and the largest may be anything.
        samples.push((200, true));
        let largest = Latency::of(&recorder(&samples)).percentile(99.9);
        assert!(largest.is_some_and(|reading| reading.most.is_infinite() && reading.lower_bound));
    }

    #[test]
    fn ranks_are_those_of_integer_arithmetic() {
        for hundredths in [
            700, 1_430, 5_000, 9_000, 9_500, 9_900, 9_990, 9_995, 9_999_u64,
        ] {
            for samples in 1..20_000 {
                assert_eq!(
                    rank(samples, hundredths as f64 / 100.0),
                    Some((samples * hundredths).div_ceil(10_000)),
                    "{hundredths} of {samples}"
                );
            }
        }
    }

    #[test]
    fn nothing_recorded_gives_no_figure_rather_than_zero() {
        let summary = Summary::of_recorder(&Recorder::new(), None, 0);
        assert_eq!(summary.latency_us, Distribution::default());
        assert_eq!(summary.lower_bounds, Vec::<String>::new());
        assert!(summary.records_per_sec.abs() < f64::EPSILON);
    }

    #[test]
    fn a_value_above_one_hour_reads_as_one_hour() {
        let summary = Summary::of_recorder(&recorder(&[(u64::MAX / 2, false)]), None, 1);
        assert_eq!(summary.latency_us.max, Some(HIGHEST_US));
        assert_eq!(summary.latency_us.p50, Some(HIGHEST_US));
    }
}
