//! From decoded records to entries: what a fault or the dialect keeps from the backend, and what it makes of the rest.

use std::collections::{BTreeMap, btree_map};

use super::altered;
use super::answer::Answer;
use super::backend::{Entry, Placed, Record, topic_name_is_valid};
use super::faults::RecordFault;
use super::records::Records;
use super::serve::{Call, Shared};
use super::whole::Whole;
use crate::wire::{Dialect, code};

/// How long Kafka's producer keeps a batch before it gives it up: `delivery.timeout.ms`.
const DELIVERY_TIMEOUT_MS: u32 = 120_000;

/// What becomes of one record.
enum Slot {
    /// This, without the backend.
    Settled(Entry),
    /// As the backend says.
    Stored,
    /// As the backend says, but reported as expired.
    Expired,
    /// As the backend says, and once more.
    Doubled,
}

/// Hands the records to the backend, but for those that a fault or the dialect keeps from it.
pub(crate) async fn store(
    call: &Call<'_>,
    topic: &str,
    mut records: Vec<Record<'_>>,
) -> Result<Vec<Entry>, Answer> {
    let (shared, plan) = (call.shared, call.plan);
    if shared.dialect == Dialect::Strimzi && !topic_name_is_valid(topic) {
        let invalid = || failed(code::KAFKA, format!("Invalid topics: [{topic}]"));
        return Ok(records.iter().map(|_| invalid()).collect());
    }
    let partitions = match shared.dialect {
        Dialect::Karapace => Some(partition_count(shared, topic).await?),
        _ => None,
    };
    if plan.half {
        records.truncate(records.len().div_ceil(2));
    }
    if plan.records.is_empty() && !plan.blocks && partitions.is_none() {
        return produced(call, topic, records).await;
    }
    let blocked = blocked(call, topic).await;
    let mut slots = Vec::with_capacity(records.len());
    let mut kept = Vec::with_capacity(records.len());
    let mut copies = Vec::new();
    let mut lost = Lost::default();
    let mut behind = Vec::new();
    let mut corrupted = 0;
    let fates = shared.script.fates(&plan.records, records.len());
    for ((index, mut record), fate) in records.into_iter().enumerate().zip(fates) {
        let missing = record
            .partition
            .is_some_and(|partition| partitions.is_some_and(|count| partition >= count));
        let slot = match (fate, &blocked) {
            (_, Some(entry)) if index == 0 => Slot::Settled(entry.clone()),
            (Some(RecordFault::Fail(code)), _) => {
                let text = "failed on purpose by a scripted fault";
                Slot::Settled(failed(code, text.to_owned()))
            }
            (Some(RecordFault::Lose), _) => {
                Slot::Settled(lost.entry(shared, topic, &record).await?)
            }
            (_, _) if missing => {
                let text =
                    "This request is for a topic or partition that does not exist on this broker.";
                Slot::Settled(failed(code::KAFKA_RETRIABLE, text.to_owned()))
            }
            (Some(RecordFault::Duplicate), _) => {
                copies.push((index, record.clone()));
                Slot::Doubled
            }
            (Some(RecordFault::Expire), _) => Slot::Expired,
            (Some(RecordFault::Reorder), _) => {
                behind.push(kept.len());
                Slot::Stored
            }
            (Some(RecordFault::Corrupt), _) => {
                corrupted += usize::from(altered::corrupt(&mut record));
                Slot::Stored
            }
            (None, _) => Slot::Stored,
        };
        if !matches!(slot, Slot::Settled(_)) {
            kept.push(record);
        }
        slots.push(slot);
    }
    if let Some(account) = call.account {
        account.dropped(lost.records);
    }
    let swapped = altered::put_behind(&mut kept, &behind);
    let mut stored = produced(call, topic, kept).await?;
    let reordered = altered::kept_apart(&mut stored, &swapped);
    if let Some(account) = call.account {
        account.reordered(reordered);
        account.corrupted(corrupted);
    }
    let mut stored = stored.into_iter();
    let mut entries = Vec::with_capacity(slots.len());
    let mut expired = Vec::new();
    for (index, slot) in slots.into_iter().enumerate() {
        if matches!(slot, Slot::Expired) {
            expired.push(index);
        }
        match slot {
            Slot::Settled(entry) => entries.push(entry),
            Slot::Stored | Slot::Expired | Slot::Doubled => entries.extend(stored.next()),
        }
    }
    store_again(call, topic, copies, &entries).await?;
    expire(topic, &expired, &mut entries);
    Ok(entries)
}

/// Lets the store keep the whole body, if it is one of records without keys and partitions of which no fault picks any:
/// where they went, in order.
pub(crate) fn keep(
    call: &Call<'_>,
    topic: &str,
    records: &Records<'_>,
    partition: Option<i32>,
) -> Option<Vec<Placed>> {
    let plan = call.plan;
    if plan.half || plan.blocks || !plan.records.is_empty() {
        return None;
    }
    let whole = Whole::of(call.whole?, records)?;
    let buffers = |buffer| call.desk.keep(buffer);
    let placed = (call.shared.backend).keep(topic, whole, partition, buffers)?;
    if let Some(account) = call.account {
        account.stored(records.len());
    }
    Some(placed)
}

fn failed(code: i64, message: String) -> Entry {
    Entry::Failed { code, message }
}

/// Waits as for a partition that does not come, and gives the first record's entry; `None`: nothing blocks this request.
async fn blocked(call: &Call<'_>, topic: &str) -> Option<Entry> {
    if !call.plan.blocks {
        return None;
    }
    let wait = call.plan.blocks_for.unwrap_or(call.shared.max_block);
    let thread = call.shared.threads.hold().await;
    tokio::time::sleep(wait).await;
    drop(thread);
    let waited = wait.as_millis();
    let message = format!("Topic {topic} not present in metadata after {waited} ms.");
    Some(failed(code::KAFKA_RETRIABLE, message))
}

/// Records answered with the offset the next stored one will get.
#[derive(Default)]
struct Lost {
    next: BTreeMap<i32, i64>,
    records: usize,
}

impl Lost {
    async fn entry(
        &mut self,
        shared: &Shared,
        topic: &str,
        record: &Record<'_>,
    ) -> Result<Entry, Answer> {
        let partition = record.partition.unwrap_or(0);
        let next = match self.next.entry(partition) {
            btree_map::Entry::Occupied(next) => next.into_mut(),
            btree_map::Entry::Vacant(unknown) => {
                let offsets = shared.backend.offsets(topic, partition).await;
                let offsets = offsets.map_err(|error| Answer::api_error(&error))?;
                unknown.insert(offsets.map_or(0, |(_, end)| end))
            }
        };
        let offset = *next;
        *next += 1;
        self.records += 1;
        Ok(Entry::Stored { partition, offset })
    }
}

/// Stores copies of records, each on the partition of its first.
async fn store_again(
    call: &Call<'_>,
    topic: &str,
    copies: Vec<(usize, Record<'_>)>,
    entries: &[Entry],
) -> Result<(), Answer> {
    let mut again = Vec::with_capacity(copies.len());
    for (index, mut copy) in copies {
        if let Some(Entry::Stored { partition, .. }) = entries.get(index) {
            copy.partition = Some(*partition);
            again.push(copy);
        }
    }
    if again.is_empty() {
        return Ok(());
    }
    let outcome = call.shared.backend.produce(topic, again).await;
    let outcome = outcome.map_err(|error| Answer::api_error(&error))?;
    if let Some(account) = call.account {
        account.duplicated(count(&outcome));
    }
    Ok(())
}

/// Reports stored records as expired, in the words of Kafka's producer: it counts the records of the batch that it gave up.
fn expire(topic: &str, which: &[usize], entries: &mut [Entry]) {
    let mut batches: BTreeMap<i32, usize> = BTreeMap::new();
    for index in which {
        if let Entry::Stored { partition, .. } = entries[*index] {
            *batches.entry(partition).or_default() += 1;
        }
    }
    for index in which {
        if let Entry::Stored { partition, .. } = entries[*index] {
            let records = batches[&partition];
            let message = format!(
                "Expiring {records} record(s) for {topic}-{partition}:{DELIVERY_TIMEOUT_MS} ms has passed since batch creation"
            );
            entries[*index] = failed(code::KAFKA_RETRIABLE, message);
        }
    }
}

async fn partition_count(shared: &Shared, topic: &str) -> Result<i32, Answer> {
    let info = shared.backend.topic(topic).await;
    let info = info.map_err(|error| Answer::api_error(&error))?;
    let last = info.and_then(|info| info.partitions.last().map(|last| last.partition));
    Ok(last.map_or(0, |last| last + 1))
}

/// Asks the backend. In memory only a record that waits for its topic or partition takes time: it holds a request thread.
async fn produced(
    call: &Call<'_>,
    topic: &str,
    records: Vec<Record<'_>>,
) -> Result<Vec<Entry>, Answer> {
    let shared = call.shared;
    let mut producing = std::pin::pin!(shared.backend.produce(topic, records));
    let outcome = tokio::select! {
        biased;
        outcome = &mut producing => outcome,
        thread = shared.threads.hold(), if shared.backend.is_memory() => {
            let outcome = producing.await;
            drop(thread);
            outcome
        }
    };
    let entries = outcome.map_err(|error| Answer::api_error(&error))?;
    if let Some(account) = call.account {
        account.stored(count(&entries));
    }
    Ok(entries)
}

fn count(entries: &[Entry]) -> usize {
    let stored = |entry: &&Entry| matches!(entry, Entry::Stored { .. });
    entries.iter().filter(stored).count()
}
