//! `--max-lag`: looks at a consumer group's lag while a load runs, and holds the load back while it is too far behind.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::control;
use super::interrupt::Interrupts;
use super::lag::{Instances, Source, of_topics};
use crate::engine::Control;
use crate::error::Result;
use crate::plan::{BackPressure, Plan};
use crate::report::HeldBack;

/// Between two looks; a look costs a REST Proxy 120 to 170 ms by itself.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// How long a load is held without knowing whether it still must be.
const HOLDS_BLINDLY: Duration = Duration::from_secs(5);

/// A group that is looked at.
pub(super) struct Watched {
    source: Source,
    instances: Instances,
    topics: Vec<String>,
    limit: BackPressure,
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
        let (instances, topics) = (Instances::default(), vec![plan.topic.name.clone()]);
        let opened = Source::open(&to, &plan.target, &limit.group, &topics, &instances).await;
        let watched = async {
            let source = opened?;
            of_topics(source.look().await?, &topics)?;
            Ok(source)
        };
        match watched.await {
            Ok(source) => Ok(Self {
                source,
                instances,
                topics,
                limit: limit.clone(),
            }),
            Err(error) => {
                instances.close().await;
                Err(error)
            }
        }
    }

    /// Watches until it is told to stop.
    pub(super) fn start(self, interrupts: &Interrupts, control: Arc<Control>) -> Watch {
        let (stop, stopped) = oneshot::channel();
        Watch {
            stop,
            task: interrupts.spawn(self.watch(control, stopped)),
        }
    }

    async fn watch(self, control: Arc<Control>, mut stopped: oneshot::Receiver<()>) -> HeldBack {
        let mut gate = Gate::new(&self.limit);
        loop {
            let look = async {
                let found = of_topics(self.source.look().await?, &self.topics)?;
                Ok::<u64, crate::error::Error>(found.lag)
            };
            let lag = tokio::select! {
                lag = look => lag.ok(),
                _ = &mut stopped => break,
            };
            control.hold(gate.saw(lag, Instant::now()));
            tokio::select! {
                () = tokio::time::sleep(LOOK_EVERY) => {}
                _ = &mut stopped => break,
            }
        }
        control.hold(false);
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

/// Whether the load is held, look by look.
struct Gate {
    seen: HeldBack,
    held_since: Option<Instant>,
    /// The first of the looks in a row that told nothing.
    blind_since: Option<Instant>,
    held: Duration,
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
            held_since: None,
            blind_since: None,
            held: Duration::ZERO,
            blind: Duration::ZERO,
        }
    }

    /// Takes a look, `None`: the server did not tell; whether to hold the load now.
    fn saw(&mut self, lag: Option<u64>, now: Instant) -> bool {
        self.seen.looks += 1;
        let hold = if let Some(lag) = lag {
            self.blind += since(self.blind_since.take(), now);
            self.seen.highest_lag = self.seen.highest_lag.max(lag);
            lag > self.seen.max_lag
        } else {
            self.seen.looks_failed += 1;
            let blind_since = *self.blind_since.get_or_insert(now);
            self.held_since.is_some() && now.saturating_duration_since(blind_since) < HOLDS_BLINDLY
        };
        match (hold, self.held_since) {
            (true, None) => {
                self.held_since = Some(now);
                self.seen.times += 1;
            }
            (false, Some(_)) => self.held += since(self.held_since.take(), now),
            _ => {}
        }
        hold
    }

    fn end(mut self, now: Instant) -> HeldBack {
        self.held += since(self.held_since.take(), now);
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

    #[test]
    fn a_load_is_held_while_the_group_is_behind_and_not_for_ever_in_the_dark() {
        let limit = BackPressure {
            group: "g".to_owned(),
            max_lag: 100,
        };
        let start = Instant::now();
        let mut gate = Gate::new(&limit);
        // Seconds, lag, held from then on.
        for (secs, lag, held) in [
            (0, Some(0), false),
            (1, Some(100), false),
            (2, Some(101), true),
            (3, Some(5_000), true),
            (4, None, true),
            (8, None, true),
            (9, None, false),
            (10, None, false),
            (12, Some(900), true),
            (15, Some(7), false),
            (16, None, false),
        ] {
            let now = start + Duration::from_secs(secs);
            assert_eq!(gate.saw(lag, now), held, "{secs} s");
        }
        let seen = gate.end(start + Duration::from_secs(20));
        assert_eq!(
            seen,
            HeldBack {
                group: "g".to_owned(),
                max_lag: 100,
                held_secs: 7.0 + 3.0,
                times: 2,
                highest_lag: 5_000,
                looks: 11,
                looks_failed: 5,
                blind_secs: 8.0 + 4.0,
            }
        );
    }
}
