//! The histograms of a report as they were when it was written.

use base64::Engine as _;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::Deserializer;

use super::{Histograms, Report};
use crate::measure::{Latency, Reading};

/// Reads HDR V2 compressed, base64; `None` if it is something else.
pub(super) fn decode(text: &str) -> Option<Histogram<u64>> {
    let bytes = base64::engine::general_purpose::STANDARD
        .decode(text)
        .ok()?;
    Deserializer::new().deserialize(&mut bytes.as_slice()).ok()
}

/// All latencies of the run; `None` if they are unreadable.
pub(super) fn latency(histograms: &Histograms) -> Option<Latency> {
    let bounds = decode(&histograms.latency_bounds)?;
    Latency::from_parts(decode(&histograms.latency)?, &bounds)
}

impl Report {
    /// The percentile (0 to 100) of the latency; `None`: there was no sample, or the histograms are unreadable.
    pub fn latency_at(&self, percentile: f64) -> Option<Reading> {
        latency(&self.histograms)?.percentile(percentile)
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::*;
    use crate::measure::PERCENTILES;

    #[test]
    fn percentiles_of_what_was_written_are_those_of_the_summary() {
        let report = samples::report(&samples::failing());
        let read = latency(&report.histograms).expect("readable");
        let summary = &report.summary;
        assert_eq!(read.samples(), summary.latency_samples);
        assert_eq!(read.bounds(), summary.latency_bound_samples);
        let p95 = read.percentile(95.0).expect("there are samples");
        assert_eq!(Some(p95.value as u64), summary.latency_us.p95);
        for (name, percentile) in PERCENTILES {
            let reading = read.percentile(percentile).expect("there are samples");
            assert_eq!(reading.lower_bound, summary.is_lower_bound(name), "{name}");
        }
    }

    #[test]
    fn what_is_no_histogram_is_none() {
        assert!(decode("%").is_none());
        assert!(decode("aGVsbG8=").is_none());
    }
}
