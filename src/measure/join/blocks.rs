//! The blocks of several parts as those of one run, where they fit together.

use std::time::Duration;

use super::super::{BLOCKS, Block, Blocks, Measured};

/// Blocks of parts that ran at the same time: of the time in which all of them ran, each part's moved by less than half a block. None
/// if their blocks are not of one length, or too few lie side by side.
pub(super) fn side_by_side(parts: &[Measured], offsets: &[Duration]) -> Blocks {
    let block_us = parts.first().map_or(0, |part| part.blocks.block_us);
    if block_us == 0 || parts.iter().any(|part| part.blocks.block_us != block_us) {
        return Blocks::default();
    }
    let first = |offset: &Duration| (offset.as_micros() as f64 / block_us as f64).round() as usize;
    let firsts: Vec<usize> = offsets.iter().map(first).collect();
    let start = firsts.iter().copied().max().unwrap_or(0);
    let ends = parts.iter().zip(&firsts);
    let end = (ends
        .map(|(part, first)| first + part.blocks.blocks.len())
        .min())
    .unwrap_or(0);
    let whole = |number: usize| {
        let mut whole = Block::default();
        for (part, first) in parts.iter().zip(&firsts) {
            whole.merge(&part.blocks.blocks[number - first]);
        }
        whole
    };
    enough(block_us, (start..end).map(whole).collect())
}

/// Blocks of slices one after the other: each holds as many whole slices as the others.
pub(super) fn in_turn(parts: &[Measured]) -> Blocks {
    let each = parts.len().div_ceil(*BLOCKS.end()).max(1);
    let slices: Vec<(u64, Block)> = parts.iter().map(slice).collect();
    let groups = slices.chunks_exact(each);
    let blocks: Vec<(u64, Block)> = groups
        .map(|group| {
            let mut whole = Block::default();
            for (_, block) in group {
                whole.merge(block);
            }
            (group.iter().map(|(us, _)| us).sum(), whole)
        })
        .collect();
    let lengths = || blocks.iter().map(|(us, _)| *us);
    let (shortest, longest) = (lengths().min().unwrap_or(0), lengths().max().unwrap_or(0));
    // Slices by a number of records last as long as they last: no blocks of equal time.
    if shortest == 0 || (longest - shortest) * 50 > longest {
        return Blocks::default();
    }
    enough(
        shortest,
        blocks.into_iter().map(|(_, block)| block).collect(),
    )
}

/// A part's blocks as one, and how long they are together.
fn slice(part: &Measured) -> (u64, Block) {
    let blocks = &part.blocks.blocks;
    let mut whole = Block::default();
    for block in blocks {
        whole.merge(block);
    }
    (part.blocks.block_us * blocks.len() as u64, whole)
}

fn enough(block_us: u64, blocks: Vec<Block>) -> Blocks {
    if blocks.len() < *BLOCKS.start() {
        return Blocks::default();
    }
    Blocks { block_us, blocks }
}
