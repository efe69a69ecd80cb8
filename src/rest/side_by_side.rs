//! Many calls side by side, but never too many at once.

use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::client::Client;
use super::failure::CallError;
use super::topics::Offsets;

/// Calls at once: a call for offsets costs the server two requests to Kafka, and some servers a thread.
const CALLS_AT_ONCE: usize = 8;

/// What all calls answer, in their order.
///
/// # Errors
/// The first call that failed; those that were not begun are not made.
pub async fn side_by_side<T, Call>(
    calls: impl IntoIterator<Item = Call>,
) -> Result<Vec<T>, CallError>
where
    T: Send + 'static,
    Call: Future<Output = Result<T, CallError>> + Send + 'static,
{
    let turns = Arc::new(Semaphore::new(CALLS_AT_ONCE));
    let mut made = JoinSet::new();
    for (index, call) in calls.into_iter().enumerate() {
        let turns = Arc::clone(&turns);
        made.spawn(async move {
            // Nobody closes the semaphore, so that there always is a turn.
            let _turn = turns.acquire_owned().await;
            (index, call.await)
        });
    }
    let mut answers: Vec<(usize, T)> = Vec::with_capacity(made.len());
    while let Some(call) = made.join_next().await {
        match call {
            Ok((index, answer)) => answers.push((index, answer?)),
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }
    answers.sort_by_key(|(index, _)| *index);
    Ok(answers.into_iter().map(|(_, answer)| answer).collect())
}

/// The offsets of `partitions` (topic and number), in that order.
///
/// # Errors
/// The first call that failed.
pub async fn offsets_of(
    client: &Client,
    partitions: &[(String, u32)],
) -> Result<Vec<Offsets>, CallError> {
    side_by_side(partitions.iter().cloned().map(|(topic, partition)| {
        let client = client.clone();
        async move { client.offsets(&topic, partition).await }
    }))
    .await
}
