//! Which partition a record goes to, as Kafka's producer decides it.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::backend::Record;

/// Records without a key stay on a partition for about this many bytes (`batch.size` of the sticky partitioner).
const STICKY_BYTES_LOG2: u32 = 14;

/// What a record takes up in a batch beside its key and value, about.
const LENGTHS_AND_DELTAS: usize = 8;

/// The partition of each record: the one asked for, by key, or sticky: records without a key stay on one for about
/// 16 KiB, however they are spread over requests. `keyless_bytes` carries the position from one request to the next.
pub(crate) fn assign(records: &[Record<'_>], count: u32, keyless_bytes: &AtomicU64) -> Vec<u32> {
    let keyless = |record: &&Record<'_>| record.partition.is_none() && record.key.is_none();
    let bytes: u64 = records.iter().filter(keyless).map(sticky_bytes).sum();
    let mut position = keyless_bytes.fetch_add(bytes, Relaxed);
    let target = |record: &Record<'_>| match (record.partition, &record.key) {
        (Some(partition), _) => partition as u32,
        (None, Some(key)) => (murmur2(key) & 0x7fff_ffff) % count,
        (None, None) => {
            let target = (position >> STICKY_BYTES_LOG2) % u64::from(count);
            position += sticky_bytes(record);
            target as u32
        }
    };
    records.iter().map(target).collect()
}

/// The same for records that all have neither a key nor a partition, of which only the length of each value counts: which
/// of them go where, in order.
pub(crate) fn spread(
    lengths: impl Iterator<Item = usize> + Clone,
    count: u32,
    keyless_bytes: &AtomicU64,
) -> Vec<(u32, Range<u32>)> {
    let bytes = |length: usize| (LENGTHS_AND_DELTAS + length) as u64;
    let all: u64 = lengths.clone().map(bytes).sum();
    let mut position = keyless_bytes.fetch_add(all, Relaxed);
    let mut parts: Vec<(u32, Range<u32>)> = Vec::new();
    let mut batch = None;
    for (index, length) in (0..).zip(lengths) {
        let now = position >> STICKY_BYTES_LOG2;
        position += bytes(length);
        match parts.last_mut() {
            Some((_, part)) if batch == Some(now) => part.end = index + 1,
            _ => parts.push(((now % u64::from(count)) as u32, index..index + 1)),
        }
        batch = Some(now);
    }
    parts
}

/// Indices by partition, each list in request order, so that every partition is locked once.
pub(crate) fn group(targets: &[u32], partitions: usize) -> Vec<(usize, Vec<u32>)> {
    let mut groups: Vec<Vec<u32>> = vec![Vec::new(); partitions];
    for (index, target) in (0..).zip(targets) {
        groups[*target as usize].push(index);
    }
    groups
        .into_iter()
        .enumerate()
        .filter(|(_, indices)| !indices.is_empty())
        .collect()
}

/// About what a record takes up in a batch with others.
fn sticky_bytes(record: &Record<'_>) -> u64 {
    let length = |bytes: Option<&[u8]>| bytes.map_or(0, <[u8]>::len);
    (LENGTHS_AND_DELTAS + length(record.key.as_deref()) + length(record.value.as_deref())) as u64
}

/// Size of a batch with this one record, as Kafka's producer estimates it before sending.
pub(crate) fn serialized_bytes(record: &Record<'_>) -> usize {
    const BATCH_AND_RECORD_HEADERS: usize = 61 + 21;
    const NO_HEADERS: usize = 1;
    let part =
        |bytes: Option<&[u8]>| bytes.map_or(1, |bytes| varint_bytes(bytes.len()) + bytes.len());
    BATCH_AND_RECORD_HEADERS
        + part(record.key.as_deref())
        + part(record.value.as_deref())
        + NO_HEADERS
}

/// Bytes of a zigzag varint.
fn varint_bytes(value: usize) -> usize {
    let zigzag = (value as u64) << 1;
    (64 - (zigzag | 1).leading_zeros() as usize).div_ceil(7)
}

/// Kafka's hash of a record key, so that a key lands where Kafka would put it.
fn murmur2(data: &[u8]) -> u32 {
    const M: u32 = 0x5bd1_e995;
    let mut hash = 0x9747_b28c ^ data.len() as u32;
    let mut words = data.chunks_exact(4);
    for word in &mut words {
        let mut k = u32::from_le_bytes([word[0], word[1], word[2], word[3]]);
        k = k.wrapping_mul(M);
        k ^= k >> 24;
        hash = hash.wrapping_mul(M) ^ k.wrapping_mul(M);
    }
    let rest = words.remainder();
    if !rest.is_empty() {
        for (index, byte) in rest.iter().enumerate() {
            hash ^= u32::from(*byte) << (8 * index);
        }
        hash = hash.wrapping_mul(M);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(M);
    hash ^ (hash >> 15)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_hash_as_in_kafka() {
        // Values of Kafka's own UtilsTest.
        for (key, hash) in [
            ("21", -973_932_308_i32),
            ("foobar", -790_332_482),
            ("a-little-bit-long-string", -985_981_536),
            ("a-little-bit-longer-string", -1_486_304_829),
            (
                "lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8",
                -58_897_971,
            ),
        ] {
            assert_eq!(murmur2(key.as_bytes()).cast_signed(), hash, "{key}");
        }
    }

    #[test]
    fn records_without_a_key_stick_and_then_move_on() {
        let value = vec![b'x'; 1000];
        let records: Vec<Record<'_>> = (0..100)
            .map(|_| Record {
                partition: None,
                key: None,
                value: Some(value.as_slice().into()),
            })
            .collect();
        let position = AtomicU64::new(0);
        let targets = assign(&records, 3, &position);
        let moves = targets.windows(2).filter(|pair| pair[0] != pair[1]).count();
        assert_eq!(
            moves, 6,
            "100 records of 1,008 bytes are 6.2 batches of 16 KiB"
        );
        let next = assign(&records[..1], 3, &position);
        assert_eq!(
            next[0], targets[99],
            "the next request goes on where this one ended"
        );
    }

    #[test]
    fn sizes_are_those_of_the_real_server() {
        let value = vec![b'x'; 1_100_002];
        let record = Record {
            partition: None,
            key: None,
            value: Some(value.as_slice().into()),
        };
        assert_eq!(serialized_bytes(&record), 1_100_090);
    }
}
