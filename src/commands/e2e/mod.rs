//! Consumers of a load's own topic, which receive its records while it goes on: for the latency from due to receipt.
//!
//! They are assigned their partitions instead of subscribing: there is no group to join and no rebalance that would be measured
//! too, and they stand at the ends of the partitions before the first record is sent.

mod receive;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use self::receive::Receiver;
use super::consume::{base_uri, delete};
use super::crew::{self, Begin, Crew, Orders, Sink};
use super::interrupt::Interrupts;
use super::load::run_name;
use super::prepare::Prepared;
use crate::cli::{CommitMode, ReadingArgs};
use crate::engine::{Control, DueLog, Setup};
use crate::error::{Error, Result};
use crate::measure::Arrivals;
use crate::measure::consume::{SeenBy, Tally};
use crate::plan::Plan;
use crate::report::consume::ConsumeEnd;
use crate::report::{EndToEndSection, Report};
use crate::rest::{
    Batch, Client, ConsumerClient, ConsumerSettings, Fetch, Partition, Position, RecordFormat,
    Reset, offsets_of,
};
use crate::standin::Embedded;
use crate::wire::{Dialect, Format};

/// Time between two looks at what has arrived.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// How much longer than its own time a fetch is waited for at the end.
const GRACE: Duration = Duration::from_secs(5);

/// Consumers at work beside a load.
pub(super) struct Listeners {
    runtime: Runtime,
    crew: Arc<Crew>,
    tasks: JoinSet<()>,
    clients: Vec<ConsumerClient>,
    arrivals: Arc<Mutex<Arrivals>>,
    due_log: Arc<DueLog>,
    run: String,
    wait: Duration,
}

impl Listeners {
    /// Makes the instances and waits until each has fetched once, from the end of its partitions; `None`: interrupted.
    ///
    /// # Errors
    /// [`Error::Target`] if the server does not do what is needed, [`Error::Usage`] if it cannot.
    pub(super) fn start(
        plan: &Plan,
        prepared: &Prepared<Embedded>,
        reading: &ReadingArgs,
        interrupts: &Interrupts,
    ) -> Result<Option<Self>> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .map_err(|error| Error::Internal(format!("cannot start a runtime: {error}")))?;
        let dialect = prepared.facts.dialect;
        let partitions = prepared
            .facts
            .partitions
            .filter(|_| dialect != Dialect::Redpanda);
        let partitions = partitions.ok_or_else(|| Error::Usage {
            message: format!(
                "{} has no calls to assign partitions to consumers",
                prepared.facts.server
            ),
            hint: Some("krush consume --from latest beside a load shows what arrives".to_owned()),
        })?;
        let clients = plan.target.urls.iter().map(|url| {
            let uri = base_uri(reading.base_uri);
            ConsumerClient::new(&plan.target, url, plan.load.timeout, dialect, uri)
        });
        let clients = clients.collect::<Result<Vec<_>>>()?;
        let control = Client::new(&plan.target, &plan.target.urls[0], plan.load.timeout)?;
        let ends = super::consume::unless_heard(interrupts, ends(&control, plan, partitions));
        let Some(ends) = runtime.block_on(ends) else {
            return Ok(None);
        };
        let orders = Arc::new(orders(plan, reading, shares(ends?, reading.instances)));
        let run = run_name();
        let due_log = Arc::new(DueLog::new(plan.load.threads));
        let arrivals = Arc::new(Mutex::new(Arrivals::default()));
        let receiver = Receiver {
            run: run.clone(),
            batch_size: plan.load.batch_size,
            format: orders.settings.format,
            warmup: plan.load.warmup,
            due_log: Arc::clone(&due_log),
        };
        let sink: Sink = {
            let arrivals = Arc::clone(&arrivals);
            Arc::new(move |batch: &Batch| receiver.receive(batch, &mut lock(&arrivals)))
        };
        let Begin::Assign(shares) = &orders.begin else {
            return Err(Error::Internal("listeners that subscribe".to_owned()));
        };
        let tally = Tally::new(
            shares.len(),
            SeenBy::Records,
            std::collections::BTreeMap::new(),
        );
        let crew = Crew::new(tally);
        let mut listeners = Self {
            tasks: JoinSet::new(),
            wait: reading.fetch_timeout,
            runtime,
            crew,
            clients,
            arrivals,
            due_log,
            run,
        };
        let wanted = shares.len();
        let ready = async {
            listeners.tasks = listeners.crew.start(&listeners.clients, &orders, &sink);
            while listeners.crew.fetching() < wanted && !listeners.crew.has_ended() {
                tokio::time::sleep(LOOK_EVERY).await;
            }
        };
        let started = super::consume::unless_heard(interrupts, ready);
        let started = listeners.runtime.block_on(started);
        if started.is_some() && !listeners.crew.has_ended() {
            return Ok(Some(listeners));
        }
        let error = listeners.crew.ended().and_then(|(_, error)| error);
        interrupts.forget();
        listeners.stop(interrupts)?;
        error.map_or(Ok(None), Err)
    }

    /// Lets the engine say when its requests are due, under the name that is listened for.
    pub(super) fn watch(&self, setup: &mut Setup) {
        setup.run.clone_from(&self.run);
        setup.due_log = Some(Arc::clone(&self.due_log));
    }

    /// Waits for what was acked and has not arrived, as long as the plan drains; then deletes the instances and adds what arrived
    /// to the report.
    ///
    /// # Errors
    /// [`Error::Internal`] if a task panicked.
    pub(super) fn finish(
        mut self,
        plan: &Plan,
        report: Option<&mut Report>,
        interrupts: &Interrupts,
        control: &Control,
    ) -> Result<()> {
        let section = report.as_ref().and_then(|report| report.claims.as_ref());
        let claims = section.and_then(|claims| claims.claims(plan.load.batch_size));
        let deadline = Instant::now() + plan.load.drain;
        let mut interrupted = control.interrupts() > 0;
        if interrupted {
            // That signal has been heard; the next one is another.
            interrupts.forget();
        } else if let Some(claims) = &claims {
            let all = async {
                while lock(&self.arrivals).reconciled(claims).not_received > 0
                    && Instant::now() < deadline
                    && !self.crew.has_ended()
                {
                    tokio::time::sleep(LOOK_EVERY).await;
                }
            };
            let waited = super::consume::unless_heard(interrupts, all);
            interrupted = self.runtime.block_on(waited).is_none();
        }
        let not_deleted = self.stop(interrupts)?;
        if let Some(report) = report {
            let (arrivals, tally) = (lock(&self.arrivals), self.crew.tally());
            report.add_arrival_thresholds(&plan.thresholds, arrivals.latency_us());
            let section = EndToEndSection::of(&arrivals, &tally, claims.as_ref(), not_deleted);
            report.add_end_to_end(section, interrupted);
        }
        Ok(())
    }

    /// Ends the fetches and deletes the instances; those that could not be deleted come back.
    fn stop(&mut self, interrupts: &Interrupts) -> Result<Vec<String>> {
        self.crew.end(ConsumeEnd::Drained);
        let tasks = std::mem::take(&mut self.tasks);
        let ended = crew::join(tasks, self.wait + GRACE, interrupts.heard());
        let ended = self.runtime.block_on(ended);
        let left = self.runtime.block_on(delete(&self.clients, interrupts));
        ended?;
        Ok(left
            .into_iter()
            .map(|one| format!("{}: {}", one.path, one.why))
            .collect())
    }
}

fn lock(arrivals: &Mutex<Arrivals>) -> MutexGuard<'_, Arrivals> {
    // Counts are as good after a panic elsewhere as before it.
    arrivals.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Where each partition ends now.
async fn ends(control: &Client, plan: &Plan, partitions: u32) -> Result<Vec<Position>> {
    let topic = &plan.topic.name;
    let places: Vec<(String, u32)> = (0..partitions).map(|one| (topic.clone(), one)).collect();
    let offsets = offsets_of(control, &places).await?;
    let position =
        |((topic, partition), offsets): ((String, u32), crate::rest::Offsets)| Position {
            of: Partition { topic, partition },
            next: offsets.end_offset,
        };
    Ok(places.into_iter().zip(offsets).map(position).collect())
}

/// Partitions dealt out in turn, to no more instances than there are partitions.
fn shares(ends: Vec<Position>, instances: u32) -> Vec<Vec<Position>> {
    let instances = (instances as usize).min(ends.len()).max(1);
    let mut shares = vec![Vec::new(); instances];
    for (index, end) in ends.into_iter().enumerate() {
        shares[index % instances].push(end);
    }
    shares
}

fn orders(plan: &Plan, reading: &ReadingArgs, shares: Vec<Vec<Position>>) -> Orders {
    let name = run_name();
    let min_bytes = u32::try_from(reading.fetch_min_bytes.0).unwrap_or(u32::MAX);
    Orders {
        group: format!("krush-{name}"),
        name,
        settings: ConsumerSettings {
            format: match plan.payload.format {
                Format::Json => RecordFormat::Json,
                Format::Binary => RecordFormat::Binary,
            },
            reset: Reset::Latest,
            auto_commit: false,
            fetch_min_bytes: (min_bytes > 0).then_some(min_bytes),
        },
        fetch: Fetch {
            wait: Some(reading.fetch_timeout),
            max_bytes: reading.max_bytes.map(|size| size.0),
        },
        begin: Begin::Assign(shares),
        commit: CommitMode::None,
        process: Duration::ZERO,
        patience: plan.load.timeout * 4,
        messages: None,
        drain: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_are_dealt_out_and_nobody_goes_without() {
        let end = |partition| Position {
            of: Partition {
                topic: "t".to_owned(),
                partition,
            },
            next: 0,
        };
        for (partitions, instances, wanted) in
            [(7, 3, vec![3, 2, 2]), (2, 6, vec![1, 1]), (0, 6, vec![0])]
        {
            let dealt = shares((0..partitions).map(end).collect(), instances);
            let counts: Vec<usize> = dealt.iter().map(Vec::len).collect();
            assert_eq!(counts, wanted);
        }
    }
}
