//! A member of a consumer group, as the HTTP front asks it: off the async threads, and no longer than a call may take.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::session::Session;
use super::{Front, refusals};
use crate::standin::backend::ApiError;
use crate::standin::members::{
    Fetched, MemberSettings, Position, Seek, Subscription, TopicPartition,
};

/// How long closing waits until the group is left.
const LEAVING: Duration = Duration::from_secs(10);

impl Front {
    /// A consumer of its own, which joins its group once it is subscribed and polled.
    ///
    /// # Errors
    /// Status 500 if librdkafka cannot set one up.
    pub(crate) async fn join(&self, settings: MemberSettings) -> Result<Member, ApiError> {
        let config = super::consumer_config(&self.bootstrap, &self.settings, &settings);
        let time = self.settings.api_timeout;
        let session = spawn_blocking(move || Session::start(&config, &settings, time))
            .await
            .unwrap_or_else(|_| Err(refusals::internal()))?;
        Ok(Member {
            session: Mutex::new(Some(Arc::new(session))),
            time,
        })
    }
}

/// A consumer in a real group. It leaves the group when it is closed or dropped.
#[derive(Debug)]
pub(crate) struct Member {
    /// `None` once it is closed.
    session: Mutex<Option<Arc<Session>>>,
    /// How long a call may take.
    time: Duration,
}

impl Member {
    /// Reads these topics from now on, in place of those before.
    ///
    /// # Errors
    /// Status 409 with code 40903 if partitions are assigned by hand, or names are subscribed and a pattern is asked for, or the other
    /// way round.
    pub(crate) async fn subscribe(&self, subscription: Subscription) -> Result<(), ApiError> {
        self.run(move |session| session.subscribe(subscription))
            .await
    }

    /// Leaves the group; assigned by hand or not, it has no partitions any more.
    ///
    /// # Errors
    /// If it is closed.
    pub(crate) async fn unsubscribe(&self) -> Result<(), ApiError> {
        self.run(|session| {
            session.unsubscribe();
            Ok(())
        })
        .await
    }

    /// Topics it is subscribed to; of a pattern, those that matched when it last looked.
    pub(crate) async fn subscription(&self) -> Vec<String> {
        self.look(Session::subscription).await
    }

    /// Reads these partitions and no others, without a group's help.
    ///
    /// # Errors
    /// Status 409 with code 40903 if it is subscribed.
    pub(crate) async fn assign(&self, partitions: Vec<TopicPartition>) -> Result<(), ApiError> {
        self.run(move |session| session.assign(partitions)).await
    }

    /// Partitions it has, by hand or from its group.
    pub(crate) async fn assignment(&self) -> Vec<TopicPartition> {
        self.look(|session| session.partitions().into_keys().collect())
            .await
    }

    /// Up to `max_records` records that are there now. Its group's rebalances are served, and offsets committed that are due.
    ///
    /// # Errors
    /// Status 500 if it has no offset to begin at; 403 if it may not read; 400 for a bad topic name. Never because a broker is away, or
    /// a topic missing.
    pub(crate) async fn poll(&self, max_records: usize) -> Result<Vec<Fetched>, ApiError> {
        self.run(move |session| session.poll(max_records)).await
    }

    /// Goes on elsewhere, in each of these partitions.
    ///
    /// # Errors
    /// Status 409 with code 40903 if it does not have one of them; 500 with code 50003 if no broker answers in time.
    pub(crate) async fn seek(&self, to: &[(TopicPartition, Seek)]) -> Result<(), ApiError> {
        let to = to.to_vec();
        self.run(move |session| session.seek(&to)).await
    }

    /// Next offset to read of each partition it has, as far as it is known: from the committed offset or the reset policy at first.
    pub(crate) async fn positions(&self) -> Vec<(TopicPartition, i64)> {
        let known = |(of, offset): (_, Option<i64>)| Some((of, offset?));
        self.look(move |session| session.partitions().into_iter().filter_map(known).collect())
            .await
    }

    /// Stores these offsets as its group's, as they are.
    ///
    /// # Errors
    /// Status 500 with code 50003 if no broker took them in time, with 50002 if its group has given its partitions to others.
    pub(crate) async fn commit(&self, positions: &[Position]) -> Result<(), ApiError> {
        let positions = positions.to_vec();
        let late = refusals::commit_timed_out(&positions, self.time);
        let session = self.session().ok_or_else(refusals::closed)?;
        let committing = apart(move || session.commit(&positions));
        let committed = timeout(self.time, committing).await;
        committed.map_or(Err(late), |result| {
            result.unwrap_or_else(|_| Err(refusals::internal()))
        })
    }

    /// What its group has committed of these partitions, without those of which it has nothing.
    ///
    /// # Errors
    /// Status 500 with code 50003 if no broker answers in time.
    pub(crate) async fn committed(
        &self,
        partitions: &[TopicPartition],
    ) -> Result<Vec<Position>, ApiError> {
        let partitions = partitions.to_vec();
        let late = refusals::committed_timed_out(&partitions, self.time);
        self.run_for(late, move |session| session.committed(&partitions))
            .await
    }

    /// Commits what is due and leaves the group. Calls after that fail.
    pub(crate) async fn close(&self) {
        if let Some(session) = self.take() {
            // Whatever is not done by then goes on without anybody waiting for it.
            let _ = timeout(self.time.min(LEAVING), apart(move || session.leave())).await;
        }
    }

    fn take(&self) -> Option<Arc<Session>> {
        self.session
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }

    fn session(&self) -> Option<Arc<Session>> {
        self.session
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Nothing of one that is closed.
    async fn look<T: Default + Send + 'static>(
        &self,
        look: impl FnOnce(&Session) -> T + Send + 'static,
    ) -> T {
        let looked = self.run(|session| Ok(look(session))).await;
        looked.unwrap_or_default()
    }

    /// Runs something that may block; the last one to hold the session is never an async thread.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Session) -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, ApiError> {
        self.run_for(refusals::timed_out(self.time), work).await
    }

    async fn run_for<T: Send + 'static>(
        &self,
        late: ApiError,
        work: impl FnOnce(&Session) -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let session = self.session().ok_or_else(refusals::closed)?;
        let working = spawn_blocking(move || work(&session));
        match timeout(self.time, working).await {
            Err(_) => Err(late),
            Ok(result) => result.unwrap_or_else(|_| Err(refusals::internal())),
        }
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        if let Some(session) = self.take() {
            drop(apart(move || session.leave()));
        }
    }
}

/// Does something on a thread that the end of the program does not wait for, as it does for those that tokio lends: with no broker there,
/// librdkafka takes its time over it.
fn apart<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> oneshot::Receiver<T> {
    let (done, answer) = oneshot::channel();
    std::thread::spawn(move || {
        // Perhaps nobody waits.
        let _ = done.send(work());
    });
    answer
}
