//! `--max-lag`: looks at a consumer group's lag while a load runs, and holds the load back while it is too far behind.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::control;
use super::interrupt::Interrupts;
use super::lag::{Instances, Source};
use crate::engine::Control;
use crate::error::Result;
use crate::plan::{BackPressure, Plan};
use crate::report::HeldBack;
use crate::rest::{Client, Offsets, offsets_of};

/// Between two looks; a look costs a REST Proxy 120 to 170 ms by itself.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// How often it is seen whether the load is held back.
const TICK: Duration = Duration::from_millis(10);
/// How long a load is held without knowing whether it still must be.
const HOLDS_BLINDLY: Duration = Duration::from_secs(5);

/// A group that is looked at.
pub(super) struct Watched {
    source: Source,
    instances: Instances,
    client: Client,
    topic: String,
    limit: BackPressure,
    /// Of the look before the load.
    lag: u64,
}

/// A watch that goes on beside the load.
pub(super) struct Watch {
    stop: oneshot::Sender<()>,
    task: JoinHandle<HeldBack>,
}

impl Watched {
    /// Finds the group and looks at it once, before the load: a group that cannot be seen holds nothing back.
    pub(super) async fn open(plan: &Plan, limit: &BackPressure) -> Result<Self> {
        let to = control::connect(&plan.target).await?;
        let instances = Instances::default();
        let topics = [plan.topic.name.clone()];
        let opened = Source::open(&to, &plan.target, &limit.group, &topics, &instances).await;
        let watched = async {
            let source = opened?;
            let lag = behind(&source, &to.client, &plan.topic.name).await?;
            Ok((source, lag))
        };
        match watched.await {
            Ok((source, lag)) => Ok(Self {
                source,
                instances,
                client: to.client,
                topic: plan.topic.name.clone(),
                limit: limit.clone(),
                lag,
            }),
            Err(error) => {
                instances.close().await;
                Err(error)
            }
        }
    }

    /// Limits the load by what was seen, and watches until it is told to stop.
    pub(super) fn start(self, interrupts: &Interrupts, control: Arc<Control>) -> Watch {
        let (stop, stopped) = oneshot::channel();
        let mut gate = Gate::new(&self.limit);
        control.limit(gate.saw(Some(self.lag), 0, Instant::now()));
        Watch {
            stop,
            task: interrupts.spawn(self.watch(gate, control, stopped)),
        }
    }

    async fn watch(
        self,
        mut gate: Gate,
        control: Arc<Control>,
        mut stopped: oneshot::Receiver<()>,
    ) -> HeldBack {
        let mut ticks = tokio::time::interval(TICK);
        let mut seen_at = Instant::now();
        'watch: loop {
            let sent = control.sent_within_limit();
            let look = async {
                tokio::time::sleep(LOOK_EVERY).await;
                behind(&self.source, &self.client, &self.topic).await
            };
            tokio::pin!(look);
            let lag = loop {
                tokio::select! {
                    lag = &mut look => break lag.ok(),
                    _ = ticks.tick() => {
                        let now = Instant::now();
                        gate.ticked(control.is_held_back(), now.saturating_duration_since(seen_at));
                        seen_at = now;
                    }
                    _ = &mut stopped => break 'watch,
                }
            };
            control.limit(gate.saw(lag, sent, Instant::now()));
        }
        control.limit(None);
        self.instances.close().await;
        gate.end(Instant::now())
    }
}

impl Watch {
    /// Ends it: how long the load was held back.
    pub(super) async fn end(self) -> Option<HeldBack> {
        // A watch that is gone has ended by itself.
        let _ = self.stop.send(());
        self.task.await.ok()
    }
}

/// How far a group is behind in a topic. A partition that it has committed nothing of is read from its first record on.
async fn behind(source: &Source, client: &Client, topic: &str) -> Result<u64> {
    let committed = source.committed().await?;
    if let Some(lag) = committed.as_ref().filter(|lag| lag.partitions.is_empty()) {
        return Ok(lag.lag);
    }
    let committed: BTreeMap<u32, u64> = committed
        .into_iter()
        .flat_map(|lag| lag.partitions)
        .filter(|behind| behind.topic == topic)
        .map(|behind| (behind.partition, behind.lag))
        .collect();
    let partitions = client.topic(topic).await?.partitions.len() as u32;
    let others: Vec<(String, u32)> = (0..partitions)
        .filter(|partition| !committed.contains_key(partition))
        .map(|partition| (topic.to_owned(), partition))
        .collect();
    let others = offsets_of(client, &others).await?;
    let unread: u64 = others.into_iter().map(Offsets::records).sum();
    Ok(committed.into_values().sum::<u64>() + unread)
}

/// What the load may send, look by look.
struct Gate {
    seen: HeldBack,
    /// The last limit that was set.
    limit: Option<u64>,
    is_held: bool,
    held: Duration,
    /// The first of the looks in a row that told nothing.
    blind_since: Option<Instant>,
    blind: Duration,
}

impl Gate {
    fn new(limit: &BackPressure) -> Self {
        Self {
            seen: HeldBack {
                group: limit.group.clone(),
                max_lag: limit.max_lag,
                ..HeldBack::default()
            },
            limit: None,
            is_held: false,
            held: Duration::ZERO,
            blind_since: None,
            blind: Duration::ZERO,
        }
    }

    /// Takes a look, `None`: the server did not tell, that began when `sent` records had been sent: how many may be sent in all. So the
    /// group is never further behind than it may be, but for what was in flight when the look began.
    fn saw(&mut self, lag: Option<u64>, sent: u64, now: Instant) -> Option<u64> {
        self.seen.looks += 1;
        if let Some(lag) = lag {
            self.blind += since(self.blind_since.take(), now);
            self.seen.highest_lag = self.seen.highest_lag.max(lag);
            self.limit = Some(sent + self.seen.max_lag.saturating_sub(lag));
        } else {
            self.seen.looks_failed += 1;
            let blind_since = *self.blind_since.get_or_insert(now);
            if now.saturating_duration_since(blind_since) >= HOLDS_BLINDLY {
                self.limit = None;
            }
        }
        self.limit
    }

    /// Some time has passed, and the load is held back now, or not.
    fn ticked(&mut self, is_held: bool, passed: Duration) {
        if self.is_held {
            self.held += passed;
        }
        if is_held && !self.is_held {
            self.seen.times += 1;
        }
        self.is_held = is_held;
    }

    fn end(mut self, now: Instant) -> HeldBack {
        self.blind += since(self.blind_since.take(), now);
        HeldBack {
            held_secs: self.held.as_secs_f64(),
            blind_secs: self.blind.as_secs_f64(),
            ..self.seen
        }
    }
}

fn since(then: Option<Instant>, now: Instant) -> Duration {
    then.map_or(Duration::ZERO, |then| now.saturating_duration_since(then))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gate() -> Gate {
        Gate::new(&BackPressure {
            group: "g".to_owned(),
            max_lag: 100,
        })
    }

    #[test]
    fn as_much_may_be_sent_as_the_group_may_be_behind() {
        let start = Instant::now();
        let mut gate = gate();
        // Seconds, lag, records sent by then, records that may be sent in all.
        for (secs, lag, sent, limit) in [
            (0, Some(0), 0, Some(100)),
            (1, Some(60), 90, Some(130)),
            (2, Some(100), 130, Some(130)),
            (3, Some(5_000), 130, Some(130)),
            (4, None, 130, Some(130)),
            (8, None, 130, Some(130)),
            (9, None, 130, None),
            (10, None, 400, None),
            (12, Some(900), 500, Some(500)),
            (15, Some(7), 500, Some(593)),
            (16, None, 593, Some(593)),
        ] {
            let now = start + Duration::from_secs(secs);
            assert_eq!(gate.saw(lag, sent, now), limit, "{secs} s");
        }
        let seen = gate.end(start + Duration::from_secs(20));
        assert_eq!(
            (seen.looks, seen.looks_failed, seen.highest_lag),
            (11, 5, 5_000)
        );
        assert!((seen.blind_secs - 12.0).abs() < 1e-9, "{seen:?}");
    }

    #[test]
    fn time_counts_while_a_request_waits() {
        let mut gate = gate();
        let second = Duration::from_secs(1);
        for held in [false, true, true, false, false, true, true, true] {
            gate.ticked(held, second);
        }
        let seen = gate.end(Instant::now());
        assert_eq!(seen.times, 2);
        assert!((seen.held_secs - 4.0).abs() < 1e-9, "{seen:?}");
    }
}
