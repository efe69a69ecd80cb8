//! A running script: decides what each request, record and connection meets, and counts how often.
//!
//! A script without faults costs a request one look at an empty list. Nothing here is random: the same requests in the same
//! order meet the same faults in every run.

mod keepalive;
mod latency;
mod plan;

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use super::truth::{Stall, Truth};
use crate::fault::{Fault, Kind, is_hit};

pub(crate) use keepalive::{Defect, Reuse};
pub(crate) use plan::{Break, Falsify, Instead, Plan, RecordFault};

/// A running script.
#[derive(Debug)]
pub(crate) struct Script {
    faults: Vec<Running>,
    truth: Arc<Truth>,
    /// Held while a request's records are counted: they are consecutive, whatever other threads do.
    counting: Mutex<()>,
    /// Produce requests seen.
    produces: AtomicU64,
    /// Connections open now.
    open: AtomicUsize,
}

#[derive(Debug)]
struct Running {
    fault: Fault,
    /// What this fault was considered for: requests, or connections.
    considered: AtomicU64,
    /// A second count: records of a share, delays, or forms of a defect.
    counted: AtomicU64,
    /// When a stall began, after the start.
    begun: OnceLock<Duration>,
}

/// What a request is to the script.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked {
    /// It asks for records to be stored.
    pub(crate) produce: bool,
    /// Its resource is one that the keep-alive defect hits.
    pub(crate) asynchronous: bool,
    /// What came before it on its connection; `None`: nothing.
    pub(crate) reuse: Option<Reuse>,
}

impl Script {
    /// `truth` was made for these faults.
    pub(crate) fn new(faults: &[Fault], truth: Arc<Truth>) -> Self {
        let running = |fault: &Fault| Running {
            fault: *fault,
            considered: AtomicU64::new(0),
            counted: AtomicU64::new(0),
            begun: OnceLock::new(),
        };
        Self {
            faults: faults.iter().map(running).collect(),
            truth,
            counting: Mutex::default(),
            produces: AtomicU64::new(0),
            open: AtomicUsize::new(0),
        }
    }

    /// Time since the script began; before that no fault holds.
    fn elapsed(&self) -> Option<Duration> {
        self.truth.elapsed()
    }

    fn has(&self, wanted: impl Fn(Kind) -> bool) -> bool {
        self.faults.iter().any(|running| wanted(running.fault.kind))
    }

    /// When the server dies by the clock alone.
    pub(crate) fn dies_after(&self) -> Option<Duration> {
        let by_clock = |running: &&Running| {
            running.fault.kind == Kind::Die && running.fault.when.after_requests == 0
        };
        let times = self.faults.iter().filter(by_clock);
        times.map(|running| running.fault.when.from).min()
    }

    /// Whether somebody must look at [`refuses`](Self::refuses) and [`happens`](Self::happens) now and then.
    pub(crate) fn is_watched(&self) -> bool {
        self.has(|kind| matches!(kind, Kind::Refuse | Kind::Drop | Kind::ExpireConsumers))
    }

    /// Whether answers must be kept for the request behind them.
    pub(crate) fn remembers(&self) -> bool {
        self.has(|kind| matches!(kind, Kind::Previous | Kind::KeepAlive))
    }

    /// Whether nothing listens now.
    pub(crate) fn refuses(&self) -> bool {
        self.due(|kind| kind == Kind::Refuse).is_some()
    }

    /// Whether what concerns the whole server is to happen now, such as all connections being closed; each such fault says so once.
    pub(crate) fn happens(&self, kind: Kind) -> bool {
        let due = |(index, running): (usize, &Running)| {
            let is_due = running.fault.kind == kind && self.holds(running);
            let first = is_due && running.considered.fetch_add(1, Relaxed) == 0;
            if first {
                self.truth.hit(index);
            }
            first
        };
        // Not `any`: two that are due at once are both done.
        self.faults.iter().enumerate().filter(|at| due(*at)).count() > 0
    }

    /// Silence after which a connection is closed, if a fault says so now.
    pub(crate) fn idle(&self) -> Option<Duration> {
        let running = self.due(|kind| matches!(kind, Kind::Idle(_)))?;
        match running.fault.kind {
            Kind::Idle(limit) => Some(limit),
            _ => None,
        }
    }

    fn due(&self, wanted: impl Fn(Kind) -> bool) -> Option<&Running> {
        let mut faults = self.faults.iter();
        faults.find(|running| wanted(running.fault.kind) && self.holds(running))
    }

    fn holds(&self, running: &Running) -> bool {
        let when = &running.fault.when;
        let seen = self.produces.load(Relaxed);
        self.elapsed()
            .is_some_and(|elapsed| when.holds(elapsed, seen))
    }

    /// Counts a connection in or out.
    pub(crate) fn opened(&self, opened: bool) {
        if opened {
            self.open.fetch_add(1, Relaxed);
        } else {
            self.open.fetch_sub(1, Relaxed);
        }
    }

    /// How long everything is held from now on.
    pub(crate) fn stalled(&self) -> Duration {
        let mut rest = Duration::ZERO;
        for (index, running) in self.faults.iter().enumerate() {
            if let Kind::Stall(length) = running.fault.kind {
                let this = self.stall(running, length);
                if !this.is_zero() {
                    self.truth.hit(index);
                }
                rest = rest.max(this);
            }
        }
        rest
    }

    /// A stall begins at its time, or with the first request once that many were seen, and happens once.
    fn stall(&self, running: &Running, length: Duration) -> Duration {
        let when = &running.fault.when;
        let Some(elapsed) = self.elapsed() else {
            return Duration::ZERO;
        };
        let seen = self.produces.load(Relaxed);
        if running.begun.get().is_none() {
            let by_clock = when.after_requests == 0 && when.until_requests.is_none();
            // The request that is asking has been counted already.
            let due = if by_clock {
                elapsed >= when.from
            } else {
                when.holds(elapsed, seen.saturating_sub(1))
            };
            if !due {
                return Duration::ZERO;
            }
            running.begun.get_or_init(|| {
                let from = if by_clock { when.from } else { elapsed };
                self.truth.stalled(Stall { from, length });
                from
            });
        }
        let begun = running.begun.get().copied().unwrap_or_default();
        (begun + length).saturating_sub(elapsed)
    }

    /// Decides what a request meets.
    pub(crate) fn plan(&self, asked: &Asked) -> Plan {
        let mut plan = Plan::default();
        if self.faults.is_empty() {
            return plan;
        }
        let Some(elapsed) = self.elapsed() else {
            return plan;
        };
        let before = if asked.produce {
            self.produces.fetch_add(1, Relaxed)
        } else {
            self.produces.load(Relaxed)
        };
        for (index, running) in self.faults.iter().enumerate() {
            let due = running.fault.when.holds(elapsed, before);
            if self.strikes(running, asked, due, index, &mut plan)
                && plan::of_records(running.fault.kind).is_none()
            {
                self.truth.hit(index);
            }
        }
        plan
    }

    /// Whether a fault strikes this request; what it does then is in the plan.
    fn strikes(
        &self,
        running: &Running,
        asked: &Asked,
        due: bool,
        index: usize,
        plan: &mut Plan,
    ) -> bool {
        let considers = || {
            running
                .fault
                .when
                .strikes(running.considered.fetch_add(1, Relaxed))
        };
        match running.fault.kind {
            Kind::Stall(_) | Kind::Refuse | Kind::Drop | Kind::ExpireConsumers | Kind::Idle(_) => {
                return false;
            }
            Kind::Die => {
                if !due || running.fault.when.after_requests == 0 {
                    return false;
                }
            }
            Kind::Delay(latency) => {
                if !due || (asked.produce && !considers()) {
                    return false;
                }
                plan.wait += latency::draw(latency, running.counted.fetch_add(1, Relaxed));
                return true;
            }
            Kind::KeepAlive => {
                let defect = keepalive::decide(running, asked, due, self.open.load(Relaxed));
                plan.falsify = defect.map(Falsify::Defect).or(plan.falsify);
                return defect.is_some();
            }
            Kind::Sever if asked.reuse.is_some() => return false,
            // There is no answer before.
            Kind::Previous if asked.reuse.is_none() => return false,
            _ => {
                if !due || !asked.produce || !considers() {
                    return false;
                }
            }
        }
        plan.apply(running.fault.kind, index);
        true
    }

    /// What each record of a request meets.
    pub(crate) fn fates(
        &self,
        faults: &[(usize, RecordFault)],
        records: usize,
    ) -> Vec<Option<RecordFault>> {
        let _counting = (self.counting.lock()).unwrap_or_else(PoisonError::into_inner);
        (0..records).map(|_| self.fate(faults)).collect()
    }

    /// What the next record meets: the first of its request's faults that strikes it.
    fn fate(&self, faults: &[(usize, RecordFault)]) -> Option<RecordFault> {
        let struck = |(index, _): &&(usize, RecordFault)| {
            let running = &self.faults[*index];
            let share = match running.fault.kind {
                Kind::Fail { share, .. }
                | Kind::Expire(share)
                | Kind::Duplicate(share)
                | Kind::Lose(share)
                | Kind::Reorder(share)
                | Kind::Corrupt(share) => share,
                _ => 0.0,
            };
            let struck = is_hit(running.counted.fetch_add(1, Relaxed), share);
            if struck {
                self.truth.hit(*index);
            }
            struck
        };
        faults.iter().find(struck).map(|(_, fault)| *fault)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn script(faults: &[&str]) -> Script {
        let texts = faults.iter().map(|fault| (*fault).to_owned());
        let truth = Arc::new(Truth::new(texts));
        let faults: Vec<Fault> = faults.iter().map(|text| text.parse().unwrap()).collect();
        truth.begin();
        Script::new(&faults, truth)
    }

    fn produce(script: &Script) -> Plan {
        script.plan(&Asked {
            produce: true,
            asynchronous: true,
            reuse: None,
        })
    }

    #[test]
    fn every_nth_request_after_a_count_is_hit() {
        let script = script(&["close@5req-11req,every3"]);
        let closed: Vec<bool> = (0..12)
            .map(|_| produce(&script).instead == Some(Instead::Close))
            .collect();
        let wanted = [0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 1, 0].map(|hit| hit == 1);
        assert_eq!(closed, wanted);
        let other = script.plan(&Asked {
            produce: false,
            asynchronous: true,
            reuse: None,
        });
        assert!(other.instead.is_none(), "only produce requests count");
        assert_eq!(script.truth.snapshot().faults[0].1, 2);
    }

    #[test]
    fn of_several_ends_the_first_of_the_table_wins_and_of_several_answers_the_last_written() {
        let script = script(&[
            "status=503",
            "close",
            "early=413",
            "empty",
            "broken",
            "cut",
            "hang",
        ]);
        let plan = produce(&script);
        assert_eq!(plan.instead, Some(Instead::Early(413)));
        assert_eq!(plan.falsify, Some(Falsify::Broken));
        assert_eq!(plan.sending.broken, Some(Break::Hang));
    }

    #[test]
    fn a_record_meets_the_first_of_its_faults_that_strikes_it() {
        let script = script(&["fail=50%:50002", "lose=50%"]);
        let plan = produce(&script);
        let fates = [4, 2].map(|records| script.fates(&plan.records, records));
        let (fail, lose) = (Some(RecordFault::Fail(50002)), Some(RecordFault::Lose));
        assert_eq!(fates.concat(), [None, fail, lose, fail, None, fail]);
    }

    #[test]
    fn a_tenth_of_ten_records_is_one_whatever_other_threads_ask() {
        let script = script(&["fail=10%:50002"]);
        let plan = produce(&script);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..2_000 {
                        let fates = script.fates(&plan.records, 10);
                        assert_eq!(fates.iter().flatten().count(), 1);
                    }
                });
            }
        });
    }

    #[test]
    fn each_drop_is_done_once() {
        let script = script(&["drop@0req-9req", "drop@1req"]);
        assert!(script.happens(Kind::Drop));
        assert!(!script.happens(Kind::Drop));
        produce(&script);
        assert!(script.happens(Kind::Drop));
        assert!(!script.happens(Kind::Drop));
    }
}
