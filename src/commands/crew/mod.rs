//! Consumer instances at work: each a task that fetches until it is told to stop, and makes itself anew when the server lost it.

mod member;
mod trouble;

pub(super) use member::{Begin, Orders};

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::error::{Error, Result};
use crate::measure::consume::Tally;
use crate::report::consume::ConsumeEnd;
use crate::rest::{Batch, ConsumerClient};

/// What is done with each batch beside counting it.
pub(super) type Sink = Arc<dyn Fn(&Batch) + Send + Sync>;

/// What all instances of a run share.
pub(super) struct Crew {
    /// Times of the run count from here.
    pub(super) origin: Instant,
    tally: Mutex<Tally>,
    stop: watch::Sender<bool>,
    end: Mutex<Option<(ConsumeEnd, Option<Error>)>>,
    troubled: AtomicUsize,
    /// Instances that had an answer to a fetch.
    fetching: AtomicUsize,
    last_record_us: AtomicU64,
}

impl Crew {
    /// A crew that has seen nothing; the clock starts now.
    pub(super) fn new(tally: Tally) -> Arc<Self> {
        Arc::new(Self {
            origin: Instant::now(),
            tally: Mutex::new(tally),
            stop: watch::Sender::new(false),
            end: Mutex::new(None),
            troubled: AtomicUsize::new(0),
            fetching: AtomicUsize::new(0),
            last_record_us: AtomicU64::new(0),
        })
    }

    /// Sets the instances to work, spread over the clients in turn; none if the run has ended already.
    pub(super) fn start(
        self: &Arc<Self>,
        clients: &[ConsumerClient],
        orders: &Arc<Orders>,
        sink: &Sink,
    ) -> JoinSet<()> {
        let mut tasks = JoinSet::new();
        let instances = self.tally().instances().len();
        let wanted = if self.has_ended() { 0 } else { instances };
        for index in 0..wanted {
            let client = clients[index % clients.len()].clone();
            let work = member::Member::new(index, client, self, orders, sink);
            tasks.spawn(work.work());
        }
        tasks
    }

    /// What was seen so far.
    pub(super) fn tally(&self) -> MutexGuard<'_, Tally> {
        // Counts are as good after a panic elsewhere as before it.
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the run, unless it has ended already: instances end their fetches and begin no more.
    pub(super) fn end(&self, why: ConsumeEnd) {
        self.end_with(why, None);
    }

    /// The same because the target is gone.
    pub(super) fn give_up(&self, error: Error) {
        self.end_with(ConsumeEnd::TargetGone, Some(error));
    }

    fn end_with(&self, why: ConsumeEnd, error: Option<Error>) {
        let mut end = self.end.lock().unwrap_or_else(PoisonError::into_inner);
        end.get_or_insert((why, error));
        self.stop.send_replace(true);
    }

    /// Why it ended, and the error if the target is gone.
    pub(super) fn ended(&self) -> Option<(ConsumeEnd, Option<Error>)> {
        self.end
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }

    /// Ready when the run has ended.
    pub(super) async fn until_ended(&self) {
        // The sender lives as long as this, so that waiting cannot fail.
        let _ = self.stop.subscribe().wait_for(|stop| *stop).await;
    }

    /// Whether the run has ended.
    pub(super) fn has_ended(&self) -> bool {
        *self.stop.borrow()
    }

    /// Instances that had an answer to a fetch.
    pub(super) fn fetching(&self) -> usize {
        self.fetching.load(Ordering::Relaxed)
    }

    /// Time since the last record came that was not seen before; none passes while an instance has no good answer from the server.
    pub(super) fn silent_for(&self) -> Duration {
        let now = self.now();
        if self.troubled.load(Ordering::Relaxed) > 0 {
            self.heard(now);
        }
        let last = Duration::from_micros(self.last_record_us.load(Ordering::Relaxed));
        now.saturating_sub(last)
    }

    fn heard(&self, now: Duration) {
        self.last_record_us
            .fetch_max(now.as_micros() as u64, Ordering::Relaxed);
    }

    fn now(&self) -> Duration {
        self.origin.elapsed()
    }
}

/// Waits until all have ended, at most `grace`, or until `hurry` is ready; those that have not are stopped where they are.
///
/// # Errors
/// [`Error::Internal`] if one of them panicked.
pub(super) async fn join(
    mut tasks: JoinSet<()>,
    grace: Duration,
    hurry: impl Future<Output = ()>,
) -> Result<()> {
    let mut panicked = None;
    let all = async {
        while let Some(ended) = tasks.join_next().await {
            if let Err(error) = ended
                && error.is_panic()
            {
                panicked = Some(Error::Internal(format!(
                    "an instance's task panicked: {error}"
                )));
            }
        }
    };
    tokio::select! {
        () = all => {}
        () = tokio::time::sleep(grace) => {}
        () = hurry => {}
    }
    tasks.shutdown().await;
    panicked.map_or(Ok(()), Err)
}
