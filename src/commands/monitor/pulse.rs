//! What the canary saw in the last minute.

use std::collections::VecDeque;
use std::time::Duration;

use super::history::WINDOW;

/// One produced record.
#[derive(Debug, Clone)]
struct Beat {
    at: Duration,
    took: Duration,
    /// Why it was not acknowledged; then `took` is how long that took, a lower bound.
    failure: Option<String>,
}

/// Latencies of single records. Times are since the monitor began.
#[derive(Debug, Clone, Default)]
pub(super) struct Pulse {
    beats: VecDeque<Beat>,
    /// When each was sent and answered, as far back as silence is judged.
    sent: VecDeque<(Duration, Duration)>,
    /// How far back that is, if further than a minute.
    keep: Duration,
    /// When the record was sent that is not answered yet.
    pub(super) waiting: Option<Duration>,
}

/// A latency; a lower bound if the record that it is of was not acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub(super) struct Latency {
    #[serde(rename = "us")]
    pub(super) us: u64,
    pub(super) lower_bound: bool,
}

impl Pulse {
    /// One that knows for `keep` what was sent.
    pub(super) fn keeping(keep: Duration) -> Self {
        Self {
            keep,
            ..Self::default()
        }
    }

    /// Records that may have come between the two: also those under way at either, and those of which it is not known.
    pub(super) fn sent_within(&self, from: Duration, to: Duration) -> u64 {
        let answered = self.sent.iter();
        let answered = answered.filter(|(sent, answered)| *sent <= to && *answered >= from);
        let waiting = self.waiting.filter(|sent| *sent <= to);
        (answered.count() + usize::from(waiting.is_some())) as u64
    }

    /// A record that was answered at `at`.
    pub(super) fn beat(&mut self, at: Duration, took: Duration, failure: Option<String>) {
        self.waiting = None;
        self.sent.push_back((at.saturating_sub(took), at));
        self.beats.push_back(Beat { at, took, failure });
        self.forget(at);
    }

    /// Forgets what is older than a minute.
    pub(super) fn forget(&mut self, now: Duration) {
        let from = now.saturating_sub(WINDOW);
        while self.beats.front().is_some_and(|beat| beat.at < from) {
            self.beats.pop_front();
        }
        // Looks begin before the span that they are asked about.
        let from = now.saturating_sub(2 * self.keep.max(WINDOW));
        while self.sent.front().is_some_and(|(_, at)| *at < from) {
            self.sent.pop_front();
        }
    }

    pub(super) fn count(&self) -> usize {
        self.beats.len()
    }

    pub(super) fn failed(&self) -> usize {
        let beats = self.beats.iter();
        beats.filter(|beat| beat.failure.is_some()).count()
    }

    pub(super) fn last(&self) -> Option<Latency> {
        self.beats.back().map(Beat::latency)
    }

    pub(super) fn last_failure(&self) -> Option<&str> {
        self.beats.back()?.failure.as_deref()
    }

    /// The latency that `share` of the records do not exceed; those that failed count with what they took at least.
    pub(super) fn percentile(&self, share: f64) -> Option<Latency> {
        let mut latencies: Vec<Latency> = self.beats.iter().map(Beat::latency).collect();
        latencies.sort_by_key(|latency| (latency.us, latency.lower_bound));
        let rank = (share * latencies.len() as f64).ceil() as usize;
        let index = rank.saturating_sub(1);
        let found = *latencies.get(index)?;
        // A failed record that took less may have taken more: what is at its rank or above is but a bound.
        let lower_bound = latencies[..=index]
            .iter()
            .any(|latency| latency.lower_bound);
        Some(Latency {
            lower_bound,
            ..found
        })
    }
}

impl Beat {
    fn latency(&self) -> Latency {
        Latency {
            us: self.took.as_micros() as u64,
            lower_bound: self.failure.is_some(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pulse(beats: &[(u64, Option<&str>)]) -> Pulse {
        let mut pulse = Pulse::default();
        for (second, (ms, failure)) in beats.iter().enumerate() {
            let at = Duration::from_secs(second as u64);
            let failure = failure.map(str::to_owned);
            pulse.beat(at, Duration::from_millis(*ms), failure);
        }
        pulse
    }

    fn latency(ms: u64, lower_bound: bool) -> Latency {
        let us = ms * 1_000;
        Latency { us, lower_bound }
    }

    #[test]
    fn percentiles_are_those_of_the_last_minute() {
        let pulse = pulse(&(1..=100).map(|ms| (ms, None)).collect::<Vec<_>>());
        assert_eq!(pulse.count(), 61);
        assert_eq!(pulse.last(), Some(latency(100, false)));
        assert_eq!(pulse.percentile(0.5), Some(latency(70, false)));
        assert_eq!(pulse.percentile(0.95), Some(latency(97, false)));
        assert_eq!(Pulse::default().percentile(0.5), None);
    }

    #[test]
    fn what_failed_is_a_lower_bound() {
        let pulse = pulse(&[(1, None), (2, None), (5_000, Some("no answer"))]);
        assert_eq!(pulse.percentile(0.5), Some(latency(2, false)));
        assert_eq!(pulse.percentile(0.95), Some(latency(5_000, true)));
        assert_eq!(
            (pulse.failed(), pulse.last_failure()),
            (1, Some("no answer"))
        );
        let refused = super::tests::pulse(&[(1, Some("refused")), (2, None)]);
        assert_eq!(refused.percentile(0.95), Some(latency(2, true)));
    }
}
