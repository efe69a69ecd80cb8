//! A member's places in its partitions: moved, committed, asked for.

use std::time::{Duration, Instant};

use rdkafka::TopicPartitionList;
use rdkafka::consumer::{CommitMode, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::topic_partition_list::Offset;

use super::rebalance::{list, offsets_at};
use super::session::{Partitions, Session};
use super::{refusals, texts};
use crate::standin::backend::ApiError;
use crate::standin::members::{Position, Seek, TopicPartition};

/// Pause between two tries of a commit or a seek: `retry.backoff.ms`.
const RETRY_BACKOFF: Duration = Duration::from_millis(100);

impl Session {
    pub(super) fn seek(&self, to: &[(TopicPartition, Seek)]) -> Result<(), ApiError> {
        let _reading = self.reading();
        let deadline = Instant::now() + self.time;
        if let Some((of, _)) = to
            .iter()
            .find(|(of, _)| !self.group().partitions().contains_key(of))
        {
            return Err(refusals::not_assigned(of));
        }
        let positions = self.resolved(to)?;
        if self.group().place(&self.consumer, &positions) {
            return Ok(());
        }
        // A partition that has only just been assigned cannot be moved yet.
        while !self.moved(&positions)? {
            // While librdkafka looks for the group's coordinator, which in a new cluster takes it half a minute. Who names the
            // offsets needs none.
            if self.is_by_hand() && self.group().begin_at(&self.consumer, &positions) {
                return Ok(());
            }
            if Instant::now() + RETRY_BACKOFF >= deadline {
                return Err(refusals::timed_out(self.time));
            }
            std::thread::sleep(RETRY_BACKOFF);
        }
        Ok(())
    }

    fn resolved(&self, to: &[(TopicPartition, Seek)]) -> Result<Partitions, ApiError> {
        let mut positions = Partitions::new();
        let mut unknown = Vec::new();
        for (of, seek) in to {
            let time = match *seek {
                Seek::Offset(offset) if offset < 0 => return Err(refusals::internal()),
                Seek::Offset(offset) => {
                    positions.insert(of.clone(), Some(offset));
                    continue;
                }
                Seek::Beginning => Offset::Beginning,
                Seek::End => Offset::End,
                Seek::Timestamp(time) => Offset::Offset(time.max(0)),
            };
            unknown.push((of.clone(), time));
        }
        let found = offsets_at(&self.consumer, &unknown, self.time)
            .map_err(|error| self.failure("listOffsets", &error))?;
        positions.extend(found);
        Ok(positions)
    }

    /// `false` if one of them could not be moved yet.
    fn moved(&self, positions: &Partitions) -> Result<bool, ApiError> {
        let failed = |error: KafkaError| self.failure("seek", &error);
        let list = list(positions).map_err(failed)?;
        let moved = self.consumer.seek_partitions(list, self.time);
        for of in moved.map_err(failed)?.elements() {
            match of
                .error()
                .err()
                .as_ref()
                .and_then(KafkaError::rdkafka_error_code)
            {
                None => {}
                Some(RDKafkaErrorCode::State | RDKafkaErrorCode::PreviousInProgress) => {
                    return Ok(false);
                }
                Some(code) => return Err(texts::api_error(of.topic(), "seek", code)),
            }
        }
        self.group().set(positions);
        Ok(true)
    }

    pub(super) fn commit(&self, positions: &[Position]) -> Result<(), ApiError> {
        if positions.is_empty() {
            return Ok(());
        }
        let deadline = Instant::now() + self.time;
        let offsets = committable(positions).map_err(|_| refusals::internal())?;
        while let Err(error) = self.consumer.commit(&offsets, CommitMode::Sync) {
            let code = error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Fail);
            if !texts::may_pass(code) {
                return Err(refusals::commit_refused(positions, code));
            }
            if Instant::now() + RETRY_BACKOFF >= deadline {
                return Err(refusals::commit_timed_out(positions, self.time));
            }
            std::thread::sleep(RETRY_BACKOFF);
        }
        if !self.group().undefined().is_empty() {
            // Perhaps there is an offset to begin at now.
            self.reading().next_look = Instant::now();
        }
        Ok(())
    }

    pub(super) fn committed(
        &self,
        partitions: &[TopicPartition],
    ) -> Result<Vec<Position>, ApiError> {
        let mut asked = TopicPartitionList::with_capacity(partitions.len());
        for of in partitions {
            asked.add_partition(&of.topic, of.partition);
        }
        let found =
            self.consumer
                .committed_offsets(asked, self.time)
                .map_err(|error| match error.rdkafka_error_code() {
                    Some(code) if texts::may_pass(code) => {
                        refusals::committed_timed_out(partitions, self.time)
                    }
                    _ => self.failure("offsetFetch", &error),
                })?;
        let positions = found.elements().into_iter().filter_map(|of| {
            let Offset::Offset(offset) = of.offset() else {
                return None;
            };
            Some(Position {
                of: TopicPartition {
                    topic: of.topic().to_owned(),
                    partition: of.partition(),
                },
                offset,
                metadata: of.metadata().to_owned(),
            })
        });
        Ok(positions.collect())
    }

    fn failure(&self, call: &str, error: &KafkaError) -> ApiError {
        match error.rdkafka_error_code() {
            Some(code) if texts::may_pass(code) => refusals::timed_out(self.time),
            Some(code) => texts::api_error("", call, code),
            None => refusals::internal(),
        }
    }
}

fn committable(positions: &[Position]) -> Result<TopicPartitionList, KafkaError> {
    let mut list = TopicPartitionList::with_capacity(positions.len());
    for position in positions {
        let mut element = list.add_partition(&position.of.topic, position.of.partition);
        element.set_offset(Offset::Offset(position.offset))?;
        element.set_metadata(&position.metadata);
    }
    Ok(list)
}
