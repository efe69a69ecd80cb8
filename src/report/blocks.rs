//! The load in blocks of equal time as it is written down: the replicates of a comparison.

use base64::Engine as _;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Deserializer, Serializer, V2DeflateSerializer};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::measure::{Block, Blocks};

/// The measured part in 8 to 20 blocks of equal time, from its start to the end of the window that throughput is taken over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BlocksSection {
    /// Length of each block.
    pub block_secs: f64,
    /// One row a block, in order; none in a run of less than a millisecond.
    pub rows: Vec<BlockRow>,
}

/// One block. Acks and failures are those of answers that came in it, latencies those of requests due in it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BlockRow {
    /// Records acked.
    pub records_acked: u64,
    /// Exchanges that ended.
    pub requests: u64,
    /// Of those, not complete.
    pub failures: u64,
    /// Requests due in it whose latency is only a lower bound.
    pub lower_bounds: u64,
    /// The shortest of these in µs; missing: there is none, or it is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub least_bound_us: Option<u64>,
    /// Latencies in µs: HDR, V2 compressed, base64; 1 µs to 1 h, 2 digits.
    pub latency: String,
}

impl BlocksSection {
    /// The blocks as they are written.
    pub fn of(blocks: &Blocks) -> Self {
        Self {
            block_secs: blocks.block_us as f64 / 1e6,
            rows: blocks.blocks.iter().map(row).collect(),
        }
    }

    /// The blocks as they were; `None` if a histogram is unreadable, or the blocks take no time.
    pub fn read(&self) -> Option<Blocks> {
        // Also no number at all.
        if !self.rows.is_empty() && !(1e-6..1e9).contains(&self.block_secs) {
            return None;
        }
        Some(Blocks {
            block_us: (self.block_secs * 1e6).round() as u64,
            blocks: self.rows.iter().map(block).collect::<Option<_>>()?,
        })
    }
}

fn row(block: &Block) -> BlockRow {
    let mut bytes = Vec::new();
    V2DeflateSerializer::new()
        .serialize(&block.latency, &mut bytes)
        .expect("writing to memory cannot fail, and counts are far below 2^63");
    BlockRow {
        records_acked: block.records_acked,
        requests: block.requests,
        failures: block.failures,
        lower_bounds: block.lower_bounds,
        least_bound_us: block.least_bound_us,
        latency: base64::engine::general_purpose::STANDARD.encode(bytes),
    }
}

fn block(row: &BlockRow) -> Option<Block> {
    let bytes = base64::engine::general_purpose::STANDARD
        .decode(&row.latency)
        .ok()?;
    let read: Histogram<u32> = Deserializer::new()
        .deserialize(&mut bytes.as_slice())
        .ok()?;
    let mut block = Block {
        records_acked: row.records_acked,
        requests: row.requests,
        failures: row.failures,
        lower_bounds: row.lower_bounds,
        least_bound_us: row.least_bound_us,
        ..Block::default()
    };
    // Into one of the fixed bounds, so that all blocks can be put together.
    block.latency.add(&read).ok()?;
    Some(block)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::{Exchange, Slices};

    #[test]
    fn blocks_are_read_as_they_were_written() {
        let mut slices = Slices::default();
        for ms in 0..100 {
            let due_us = ms * 10_000;
            let exchange = Exchange {
                due_us,
                sent_us: due_us,
                done_us: due_us + 1_234 + ms,
                free_us: None,
                acked: 10,
                rejected: 0,
                unknown: 0,
                lower_bound: false,
            };
            slices.ended(&exchange, 0);
        }
        let blocks = slices.blocks(1_000_000);
        let section = BlocksSection::of(&blocks);
        assert_eq!(section.read().as_ref(), Some(&blocks));
        let mut broken = section;
        broken.rows[0].latency.truncate(9);
        assert_eq!(broken.read(), None);
        for block_secs in [0.0, -1.0, f64::NAN, 1e300] {
            let rows = BlocksSection::of(&blocks).rows;
            assert_eq!(BlocksSection { block_secs, rows }.read(), None);
        }
        assert!(BlocksSection::of(&Blocks::default()).read().is_some());
    }
}
