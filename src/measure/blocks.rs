//! A run in a few blocks of equal time, each with its own latencies: the replicates by which one run is compared with another,
//! and by which a figure gets a bound.
//!
//! How long a run will be is not known while it goes on, so a thread keeps slices whose length doubles whenever there would be
//! too many of them; memory does not grow with the run. At the end slices are put together into blocks.

use std::time::Duration;

use hdrhistogram::Histogram;

use super::Exchange;

/// Most slices kept; a power of two, so that pairs fold.
const SLICES: usize = 128;
/// Shortest slice, in µs.
const SHORTEST_SLICE_US: u64 = 100;
/// Slices of a run whose length is known: 8, 10, 12, 15 and 20 divide them, and some are left for the last answers, so that
/// nothing is folded while it goes on.
const PLANNED_SLICES: u64 = 120;
/// Part of a run that may be left out so that there are more blocks.
const LEFT_OUT: f64 = 0.04;
/// Bounds of a block's latencies in µs: 1 µs to 1 h, as all histograms of a run.
const BOUNDS_US: (u64, u64) = (1, 3_600_000_000);
/// Digits of a block's latencies: 1 % worst-case error, an eighth of the memory of three.
const DIGITS: u8 = 2;
/// Least and most blocks of a run.
pub const BLOCKS: std::ops::RangeInclusive<usize> = 8..=20;

/// What happened in a part of the run.
#[derive(Debug, Clone, PartialEq)]
pub struct Block {
    /// Records acked in it.
    pub records_acked: u64,
    /// Exchanges that ended in it.
    pub requests: u64,
    /// Of those, not complete.
    pub failures: u64,
    /// Latency in µs of requests due in it, two digits; those without an answer with the time they waited.
    pub latency: Histogram<u32>,
    /// How many of these are only lower bounds.
    pub lower_bounds: u64,
    /// The shortest of these in µs; `None`: there is none, or it is not known.
    pub least_bound_us: Option<u64>,
}

impl Default for Block {
    fn default() -> Self {
        let (lowest, highest) = BOUNDS_US;
        Self {
            records_acked: 0,
            requests: 0,
            failures: 0,
            latency: Histogram::new_with_bounds(lowest, highest, DIGITS)
                .expect("the fixed bounds are valid for hdrhistogram"),
            lower_bounds: 0,
            least_bound_us: None,
        }
    }
}

impl Block {
    /// Adds another block to this one.
    pub fn merge(&mut self, other: &Self) {
        self.records_acked += other.records_acked;
        self.requests += other.requests;
        self.failures += other.failures;
        self.least_bound_us = match (self.lower_bounds, other.lower_bounds) {
            (0, _) => other.least_bound_us,
            (_, 0) => self.least_bound_us,
            // Of two, both must be known.
            _ => self.least_bound_us.min(other.least_bound_us),
        };
        self.lower_bounds += other.lower_bounds;
        if other.latency.is_empty() {
            return;
        }
        self.latency
            .add(&other.latency)
            .expect("all blocks have the same bounds");
    }

    fn clear(&mut self) {
        if !self.latency.is_empty() {
            self.latency.reset();
        }
        (self.records_acked, self.requests) = (0, 0);
        (self.failures, self.lower_bounds) = (0, 0);
        self.least_bound_us = None;
    }

    fn latency(&mut self, us: u64, requests: u64, lower_bound: bool) {
        let us = us.clamp(BOUNDS_US.0, BOUNDS_US.1);
        self.latency.saturating_record_n(us, requests as u32);
        if lower_bound && requests > 0 {
            self.lower_bounds += requests;
            self.least_bound_us = Some(self.least_bound_us.map_or(us, |least| least.min(us)));
        }
    }
}

/// The blocks of a finished run, one after the other from its start.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Blocks {
    /// Length of each in µs.
    pub block_us: u64,
    /// 8 to 20 of them; none if the run was too short.
    pub blocks: Vec<Block>,
}

/// A thread's slices of the measured part, in time since its start.
#[derive(Debug)]
pub struct Slices {
    slice_us: u64,
    kept: Vec<Block>,
    /// Number of the latest slice that anything happened in, plus one.
    used: usize,
}

impl Default for Slices {
    fn default() -> Self {
        Self::new(None)
    }
}

impl Slices {
    /// Slices of a part that is planned to last this long; `None`: not known.
    pub fn new(planned: Option<Duration>) -> Self {
        let planned_us = planned.map_or(0, |planned| planned.as_micros() as u64);
        Self {
            slice_us: planned_us.div_ceil(PLANNED_SLICES).max(SHORTEST_SLICE_US),
            kept: vec![Block::default(); SLICES],
            used: 0,
        }
    }

    fn slice(&mut self, us: u64) -> &mut Block {
        while us / self.slice_us >= SLICES as u64 {
            self.fold();
        }
        let index = (us / self.slice_us) as usize;
        self.used = self.used.max(index + 1);
        &mut self.kept[index]
    }

    /// Puts every two slices into one.
    fn fold(&mut self) {
        self.slice_us *= 2;
        for index in 0..SLICES / 2 {
            let (left, right) = self.kept.split_at_mut(2 * index + 1);
            if 2 * index >= self.used {
                break;
            }
            left[2 * index].merge(&right[0]);
            if index > 0 {
                self.kept.swap(index, 2 * index);
                self.kept[2 * index].clear();
            }
            self.kept[2 * index + 1].clear();
        }
        self.used = self.used.div_ceil(2);
    }

    /// Records an exchange that ended, in a part that started at `start_us`: its acks when it ended, its latency when it was due.
    pub fn ended(&mut self, exchange: &Exchange, start_us: u64) {
        let latency_us = exchange.done_us.saturating_sub(exchange.due_us);
        let done = self.slice(exchange.done_us.saturating_sub(start_us));
        done.records_acked += exchange.acked;
        done.requests += 1;
        done.failures += u64::from(exchange.acked < exchange.records());
        let due = self.slice(exchange.due_us.saturating_sub(start_us));
        due.latency(latency_us, 1, exchange.lower_bound);
    }

    /// Records requests that were due and never sent by `now_us`; both since the start of the part.
    pub fn never_sent(&mut self, due_us: u64, now_us: u64, requests: u64) {
        let waited_us = now_us.saturating_sub(due_us);
        self.slice(due_us).latency(waited_us, requests, true);
    }

    /// With the slices of another thread of the same run.
    #[must_use]
    pub fn merge(mut self, mut other: Self) -> Self {
        while self.slice_us < other.slice_us {
            self.fold();
        }
        while other.slice_us < self.slice_us {
            other.fold();
        }
        for (into, from) in self.kept.iter_mut().zip(&other.kept[..other.used]) {
            into.merge(from);
        }
        self.used = self.used.max(other.used);
        self
    }

    /// The first `run_us` in blocks: as many as leave out little, or else as divide its whole slices best.
    pub fn blocks(self, run_us: u64) -> Blocks {
        let whole = ((run_us / self.slice_us) as usize).min(SLICES);
        let little = (whole as f64 * LEFT_OUT) as usize;
        let count = BLOCKS
            .filter(|&count| count <= whole)
            .min_by_key(|&count| ((whole % count).saturating_sub(little), usize::MAX - count));
        let Some(count) = count else {
            return Blocks::default();
        };
        let each = whole / count;
        let block = |slices: &[Block]| {
            slices.iter().fold(Block::default(), |mut block, slice| {
                block.merge(slice);
                block
            })
        };
        Blocks {
            block_us: self.slice_us * each as u64,
            blocks: (self.kept[..count * each].chunks(each))
                .map(block)
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exchange(due_us: u64, done_us: u64, acked: u64) -> Exchange {
        Exchange {
            due_us,
            sent_us: due_us,
            done_us,
            free_us: None,
            acked,
            rejected: 0,
            unknown: 10 - acked,
            lower_bound: acked == 0,
        }
    }

    #[test]
    fn runs_of_any_length_have_8_to_20_blocks_that_lose_little() {
        for load_us in [
            800,
            5_000,
            12_800,
            12_900,
            1_000_000,
            30_000_000,
            86_400_000_000,
        ] {
            let mut slices = Slices::default();
            slices.ended(&exchange(0, load_us - 1, 10), 0);
            let blocks = slices.blocks(load_us);
            let count = blocks.blocks.len();
            assert!(BLOCKS.contains(&count), "{load_us}: {count}");
            let covered = blocks.block_us * count as u64;
            assert!(
                covered <= load_us && covered * 10 >= load_us * 9,
                "{load_us}: {covered}"
            );
        }
        for ms in [500, 1_000, 30_000, 3_600_000] {
            let slices = Slices::new(Some(Duration::from_millis(ms)));
            let blocks = slices.blocks(ms * 1_000 + 3_000);
            assert_eq!(blocks.blocks.len(), 20, "{ms}");
        }
        assert!(Slices::default().blocks(799).blocks.is_empty());
    }

    #[test]
    fn slices_fold_without_losing_anything() {
        let (mut one, mut other) = (Slices::default(), Slices::default());
        for ms in 0..1_000 {
            let into = if ms % 3 == 0 { &mut one } else { &mut other };
            let us = ms * 1_000;
            into.ended(
                &exchange(
                    7_000 + us,
                    7_000 + us + 900,
                    if ms % 10 == 0 { 0 } else { 10 },
                ),
                7_000,
            );
        }
        other.never_sent(10, 5_000_010, 3);
        let blocks = one.merge(other).blocks(1_000_000).blocks;
        let sum = |of: fn(&Block) -> u64| blocks.iter().map(of).sum::<u64>();
        // The last part, that no whole slices fill, is left out.
        assert!((8_600..=9_000).contains(&sum(|block| block.records_acked)));
        assert!((960..=1_000).contains(&sum(|block| block.requests)));
        assert!((95..=103).contains(&sum(|block| block.lower_bounds)));
        assert!((95..=100).contains(&sum(|block| block.failures)));
        let requests: Vec<u64> = blocks.iter().map(|block| block.requests).collect();
        let (least, most) = (requests.iter().min(), requests.iter().max());
        assert!(
            most.zip(least)
                .is_some_and(|(most, least)| most - least <= 1),
            "{requests:?}"
        );
        assert_eq!(blocks[1].latency.value_at_quantile(0.5) / 10, 90);
        assert!(blocks[0].latency.max() >= 4_900_000);
        let least = |block: &Block| block.least_bound_us;
        assert!(blocks[1..].iter().all(|block| least(block) == Some(900)));
    }
}
