//! Per-second figures in memory that does not grow with the length of the run beyond one small row a second.
//!
//! Acks and failures are bucketed by the second in which the exchange ended, latency by the second in which the
//! request was due. A second's latency histogram is kept only until no outstanding request can be due in it.

use std::collections::BTreeMap;

/// Linear sub-buckets in each power of two: 1/16 = 6 % worst-case error in the timeline's percentiles.
const SUB_BITS: u32 = 4;
const SUB: usize = 1 << SUB_BITS;
/// Powers of two covered: up to 2^32 µs, more than the hour at which latencies are clamped.
const BUCKETS: usize = (33 - SUB_BITS as usize) * SUB;

/// One row of the timeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SecondStats {
    /// Seconds since the measured part began.
    pub second: u64,
    /// Records acked in this second.
    pub records_acked: u64,
    /// Exchanges that ended in this second.
    pub requests: u64,
    /// Of those, not complete.
    pub failures: u64,
    /// Median latency in µs of requests due in this second; `None`: none due.
    pub p50_us: Option<u64>,
    /// P95 latency in µs of requests due in this second.
    pub p95_us: Option<u64>,
    /// Largest latency in µs of requests due in this second.
    pub max_us: Option<u64>,
}

/// A coarse latency histogram: 6 % resolution, about 2 KB.
#[derive(Debug, Clone)]
struct Coarse {
    counts: [u32; BUCKETS],
    total: u64,
    max_us: u64,
}

impl Coarse {
    fn new() -> Self {
        Self {
            counts: [0; BUCKETS],
            total: 0,
            max_us: 0,
        }
    }

    fn record(&mut self, us: u64) {
        self.counts[bucket(us)] += 1;
        self.total += 1;
        self.max_us = self.max_us.max(us);
    }

    fn merge(&mut self, other: &Self) {
        for (a, b) in self.counts.iter_mut().zip(&other.counts) {
            *a += b;
        }
        self.total += other.total;
        self.max_us = self.max_us.max(other.max_us);
    }

    /// Upper edge of the bucket that holds the `quantile`, never above the largest value seen.
    fn quantile(&self, quantile: f64) -> u64 {
        let rank = ((self.total as f64 * quantile).ceil() as u64).max(1);
        let mut seen = 0;
        for (index, &count) in self.counts.iter().enumerate() {
            seen += u64::from(count);
            if seen >= rank {
                return upper_edge(index).min(self.max_us);
            }
        }
        self.max_us
    }
}

fn bucket(us: u64) -> usize {
    let us = us.min(u64::from(u32::MAX));
    if us < SUB as u64 {
        return us as usize;
    }
    let exponent = us.ilog2();
    let sub = (us >> (exponent - SUB_BITS)) as usize & (SUB - 1);
    (exponent - SUB_BITS + 1) as usize * SUB + sub
}

fn upper_edge(index: usize) -> u64 {
    if index < SUB {
        return index as u64;
    }
    let exponent = (index / SUB) as u32 + SUB_BITS - 1;
    let sub = (index % SUB) as u64;
    ((SUB as u64 + sub + 1) << (exponent - SUB_BITS)) - 1
}

#[derive(Debug, Clone)]
struct Open {
    second: u64,
    records_acked: u64,
    requests: u64,
    failures: u64,
    latency: Coarse,
}

impl Open {
    fn new(second: u64) -> Self {
        Self {
            second,
            records_acked: 0,
            requests: 0,
            failures: 0,
            latency: Coarse::new(),
        }
    }
}

/// What one worker saw since it was last asked: the seconds it touched. Reused between hand-overs.
#[derive(Debug, Default)]
pub struct TimelineDelta {
    seconds: Vec<Open>,
    used: usize,
}

impl TimelineDelta {
    fn second(&mut self, second: u64) -> &mut Open {
        let position = self.seconds[..self.used]
            .iter()
            .rposition(|open| open.second == second);
        let index = position.unwrap_or_else(|| {
            if self.used == self.seconds.len() {
                self.seconds.push(Open::new(second));
            } else {
                self.seconds[self.used] = Open::new(second);
            }
            self.used += 1;
            self.used - 1
        });
        &mut self.seconds[index]
    }

    /// Records an exchange that ended.
    pub fn ended(&mut self, due_us: u64, done_us: u64, acked: u64, failed: bool) {
        let done = self.second(done_us / 1_000_000);
        done.records_acked += acked;
        done.requests += 1;
        done.failures += u64::from(failed);
        let due = self.second(due_us / 1_000_000);
        due.latency.record(done_us.saturating_sub(due_us));
    }

    /// Whether nothing was recorded since the last hand-over.
    pub fn is_empty(&self) -> bool {
        self.used == 0
    }
}

/// All workers' seconds, merged.
#[derive(Debug, Default)]
pub struct Timeline {
    open: BTreeMap<u64, Open>,
    closed: Vec<SecondStats>,
}

impl Timeline {
    /// Takes what a worker saw and empties `delta` for reuse.
    pub fn take(&mut self, delta: &mut TimelineDelta) {
        for from in &delta.seconds[..delta.used] {
            let into = self
                .open
                .entry(from.second)
                .or_insert_with(|| Open::new(from.second));
            into.records_acked += from.records_acked;
            into.requests += from.requests;
            into.failures += from.failures;
            into.latency.merge(&from.latency);
        }
        delta.used = 0;
    }

    /// Closes every second before `second`: no outstanding request is due in them.
    pub fn close_before(&mut self, second: u64) {
        while let Some(entry) = self.open.first_entry() {
            if *entry.key() >= second {
                return;
            }
            let open = entry.remove();
            self.close(&open);
        }
    }

    fn close(&mut self, open: &Open) {
        let latency = |quantile| (open.latency.total > 0).then(|| open.latency.quantile(quantile));
        // A straggler of a second that was closed already: its counts are added, its percentiles stay.
        if let Some(row) = self
            .closed
            .iter_mut()
            .rev()
            .find(|row| row.second == open.second)
        {
            row.records_acked += open.records_acked;
            row.requests += open.requests;
            row.failures += open.failures;
            row.max_us = row.max_us.max(latency(1.0));
            return;
        }
        self.closed.push(SecondStats {
            second: open.second,
            records_acked: open.records_acked,
            requests: open.requests,
            failures: open.failures,
            p50_us: latency(0.5),
            p95_us: latency(0.95),
            max_us: latency(1.0),
        });
    }

    /// The finished rows, seconds without any event included.
    pub fn finish(mut self) -> Vec<SecondStats> {
        self.close_before(u64::MAX);
        self.closed.sort_by_key(|row| row.second);
        let mut rows: Vec<SecondStats> = Vec::with_capacity(self.closed.len());
        for row in self.closed {
            let mut next = rows.last().map_or(0, |last| last.second + 1);
            while next < row.second {
                rows.push(SecondStats {
                    second: next,
                    records_acked: 0,
                    requests: 0,
                    failures: 0,
                    p50_us: None,
                    p95_us: None,
                    max_us: None,
                });
                next += 1;
            }
            rows.push(row);
        }
        rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_cover_every_value_within_their_edges() {
        for us in (0..5_000).chain([65_535, 65_536, 1_000_000, 3_600_000_000, u64::MAX]) {
            let index = bucket(us);
            let clamped = us.min(u64::from(u32::MAX));
            assert!(index < BUCKETS, "{us}");
            assert!(clamped <= upper_edge(index), "{us}");
            assert!(index == 0 || clamped > upper_edge(index - 1), "{us}");
        }
    }

    #[test]
    fn counts_go_to_the_second_of_completion_and_latency_to_the_second_due() {
        let mut delta = TimelineDelta::default();
        delta.ended(900_000, 2_100_000, 10, false);
        delta.ended(2_000_000, 2_500_000, 0, true);
        let mut timeline = Timeline::default();
        timeline.take(&mut delta);
        assert!(delta.is_empty());
        let rows = timeline.finish();
        let seen: Vec<_> = rows
            .iter()
            .map(|r| (r.second, r.records_acked, r.requests, r.failures, r.max_us))
            .collect();
        assert_eq!(
            seen,
            [
                (0, 0, 0, 0, Some(1_200_000)),
                (1, 0, 0, 0, None),
                (2, 10, 2, 1, Some(500_000))
            ]
        );
    }
}
