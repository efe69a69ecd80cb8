//! What the produce path knows of a topic: how many partitions, and which one takes records that name none.

use std::sync::atomic::{AtomicU64, Ordering};

use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;

/// A topic the producer may send to.
pub(super) struct Topic {
    /// Partitions, at least one.
    pub(super) partitions: i32,
    /// The current sticky partition in the upper half, bytes that went there in the lower.
    sticky: AtomicU64,
}

impl Topic {
    pub(super) fn new(partitions: i32) -> Self {
        Self {
            partitions,
            sticky: AtomicU64::new(pack(rand::random_range(0..partitions), 0)),
        }
    }

    /// The partition for a record without partition and key: as in Kafka's Java client, one partition at a time until
    /// a batch worth of bytes went there, then another at random.
    pub(super) fn stick(&self, record_bytes: usize, batch_bytes: usize) -> i32 {
        let bytes = u32::try_from(record_bytes).unwrap_or(u32::MAX);
        let next = |sticky: u64| {
            let filled = (sticky as u32).saturating_add(bytes);
            if (filled as usize) < batch_bytes {
                pack((sticky >> 32) as i32, filled)
            } else {
                pack(rand::random_range(0..self.partitions), 0)
            }
        };
        let mut current = self.sticky.load(Ordering::Relaxed);
        loop {
            match self.sticky.compare_exchange_weak(
                current,
                next(current),
                Ordering::Relaxed,
                Ordering::Relaxed,
            ) {
                Ok(before) => return (before >> 32) as i32,
                Err(seen) => current = seen,
            }
        }
    }
}

fn pack(partition: i32, bytes: u32) -> u64 {
    u64::from(partition.unsigned_abs()) << 32 | u64::from(bytes)
}

/// The admin client's callbacks: none; errors come back from the calls.
pub(super) struct Quiet;

impl ClientContext for Quiet {
    fn log(&self, _: RDKafkaLogLevel, _: &str, _: &str) {}
    fn error(&self, _: KafkaError, _: &str) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sticks_until_a_batch_is_full_and_uses_every_partition() {
        let topic = Topic::new(6);
        let mut runs = Vec::new();
        let mut hit = [0_u32; 6];
        for _ in 0..4000 {
            let partition = topic.stick(100, 1000);
            hit[usize::try_from(partition).unwrap()] += 1;
            match runs.last_mut() {
                Some((last, length)) if *last == partition => *length += 1,
                _ => runs.push((partition, 1)),
            }
        }
        // A run is one batch of ten records, or several if chance picked the same partition again.
        assert!(
            runs[..runs.len() - 1]
                .iter()
                .all(|(_, length)| length % 10 == 0),
            "{runs:?}"
        );
        assert!(hit.iter().all(|&count| count > 0), "{hit:?}");
    }
}
