//! Offsets of all partitions of a topic, asked for a few at a time: each call costs the server two of its own.

use tokio::task::JoinSet;

use super::client::{Client, Offsets};
use super::failure::CallError;

/// Calls at once.
const AT_ONCE: u32 = 8;

impl Client {
    /// First and next offset of each partition of a topic, in order.
    ///
    /// # Errors
    /// The first call that failed.
    pub async fn all_offsets(
        &self,
        topic: &str,
        partitions: u32,
    ) -> Result<Vec<Offsets>, CallError> {
        let mut asking = JoinSet::new();
        let mut next = 0..partitions;
        let ask = |asking: &mut JoinSet<_>, partition| {
            let (client, topic) = (self.clone(), topic.to_owned());
            asking.spawn(async move {
                let offsets = client.offsets(&topic, partition).await;
                offsets.map(|offsets| (partition, offsets))
            });
        };
        for partition in next.by_ref().take(AT_ONCE as usize) {
            ask(&mut asking, partition);
        }
        let mut all = Vec::with_capacity(partitions as usize);
        while let Some(answered) = asking.join_next().await {
            // A task that panicked would be a bug of the client: it goes on here.
            all.push(
                answered.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))?,
            );
            if let Some(partition) = next.next() {
                ask(&mut asking, partition);
            }
        }
        all.sort_unstable_by_key(|(partition, _)| *partition);
        Ok(all.into_iter().map(|(_, offsets)| offsets).collect())
    }
}
