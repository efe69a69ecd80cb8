//! Changes to topics: configuration and number of partitions.

use std::time::Duration;

use super::protocol::{Connection, Failure, Reader, Request, checked};
use super::{Front, texts};
use crate::standin::backend::ApiError;

impl Front {
    /// Sets these of a topic's configuration values, or resets those without one to their defaults, and leaves the others alone;
    /// `false` if the topic is missing.
    ///
    /// # Errors
    /// Status 400 with code 40002 and the broker's words if it refuses a name or value; 500 with code 50003 if no broker answers in
    /// time.
    pub(crate) async fn alter_configs(
        &self,
        topic: &str,
        configs: &[(String, Option<String>)],
    ) -> Result<bool, ApiError> {
        // librdkafka's call for this replaces all values, and rdkafka's does not say whether the broker took them.
        let request = incremental(topic, configs);
        self.change(topic, "incrementalAlterConfigs", &request, |result| {
            let checked = checked(result.i16()?, result.nullable()?);
            result.skip(1)?;
            result.string()?;
            Some(checked)
        })
        .await
    }

    /// Gives a topic so many partitions in all; `false` if it is missing.
    ///
    /// # Errors
    /// Status 400 with code 40002 and the broker's words if it has as many or more; 500 with code 50003 if no broker answers in time.
    pub(crate) async fn add_partitions(&self, topic: &str, count: i32) -> Result<bool, ApiError> {
        let request = more_partitions(topic, count, self.settings.api_timeout);
        let added = self.change(topic, "createPartitions", &request, |result| {
            result.string()?;
            Some(checked(result.i16()?, result.nullable()?))
        });
        if !added.await? {
            return Ok(false);
        }
        self.forget(topic);
        let count = usize::try_from(count).unwrap_or_default();
        self.usable(topic, count).await?;
        Ok(true)
    }

    /// `false` if the topic is missing. Any broker passes a change on to the controller.
    async fn change(
        &self,
        topic: &str,
        call: &str,
        request: &Request,
        result: fn(&mut Reader<'_>) -> Option<Result<(), Failure>>,
    ) -> Result<bool, ApiError> {
        self.insist(topic, call, async || {
            let results = Connection::open(&self.seeds)
                .await?
                .ask(request, |answer| {
                    answer.skip(4)?;
                    answer.array(result)
                })
                .await?;
            match results.into_iter().collect::<Result<(), _>>() {
                Err(Failure::Refused(code, _)) if texts::is_missing(code) => Ok(false),
                result => result.map(|()| true),
            }
        })
        .await
    }
}

/// An `IncrementalAlterConfigs` request for one topic.
fn incremental(topic: &str, configs: &[(String, Option<String>)]) -> Request {
    const TOPIC: i8 = 2;
    const SET: i8 = 0;
    const DELETE: i8 = 1;
    const FOR_GOOD: i8 = 0;
    Request::new(44, 0)
        .array([topic].into_iter(), |request, topic| {
            let request = request.i8(TOPIC).string(topic);
            request.array(configs.iter(), |request, (name, value)| {
                let operation = if value.is_some() { SET } else { DELETE };
                request
                    .string(name)
                    .i8(operation)
                    .nullable(value.as_deref())
            })
        })
        .i8(FOR_GOOD)
}

/// A `CreatePartitions` request for one topic.
fn more_partitions(topic: &str, count: i32, timeout: Duration) -> Request {
    const ANYWHERE: i32 = -1;
    const FOR_GOOD: i8 = 0;
    Request::new(37, 1)
        .array([topic].into_iter(), |request, topic| {
            request.string(topic).i32(count).i32(ANYWHERE)
        })
        .i32(i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX))
        .i8(FOR_GOOD)
}
