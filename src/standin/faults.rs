//! Scripted misbehaviour: data that says what goes wrong and when, and the one place that decides it.

use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::truth::{Stall, Truth};
use crate::units::{parse_duration, parse_ratio};

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// Each request is held this long before it is looked at.
    Delay(Duration),
    /// The whole server holds everything for this long.
    Stall(Duration),
    /// Listener and connections go away.
    Die,
    /// The connection is closed after the request was read, without an answer; nothing is stored.
    Close,
    /// This share of the records fails with this `error_code`, inside a 200; they are not stored.
    FailEntries {
        /// 0 to 1.
        share: f64,
        /// `error_code` of the entry.
        code: i64,
    },
    /// The whole request is answered with this HTTP status.
    Status {
        /// HTTP status.
        status: u16,
        /// The records are stored all the same.
        stored: bool,
    },
    /// 200 with an empty body; the records are stored.
    EmptyBody,
    /// 200 with the body cut in the middle, framing intact; the records are stored.
    BrokenJson,
    /// This many entries more (or fewer) than records; the records are stored.
    ExtraEntries(i32),
    /// The keep-alive defect of Confluent REST Proxy 8.0.0: the next request on a connection gets an empty 200, a 500, or
    /// HTML behind the JSON, stored all the same; the one after that may get no answer and is not stored.
    KeepAlive,
}

/// When it goes wrong. All conditions must hold.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct When {
    /// Not before this long after the start.
    pub from: Duration,
    /// Not after this long after the start.
    pub until: Option<Duration>,
    /// Not before this many produce requests were seen.
    pub after_requests: u64,
    /// Only each n-th produce request of those.
    pub every: u64,
    /// Only this share of those, 0 to 1, evenly spread.
    pub share: f64,
}

/// One line of the script: `KIND[=VALUE][@WHEN[,WHEN]]`, see `docs/serve.md`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fault {
    /// What goes wrong.
    pub kind: Kind,
    /// When.
    pub when: When,
}

/// A script; empty: the server behaves.
pub type Faults = Vec<Fault>;

const ALWAYS: When = When {
    from: Duration::ZERO,
    until: None,
    after_requests: 0,
    every: 1,
    share: 1.0,
};

impl Fault {
    /// This fault at all times.
    pub fn always(kind: Kind) -> Self {
        Self { kind, when: ALWAYS }
    }
}

impl FromStr for Fault {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (what, when) = text.split_once('@').unwrap_or((text, ""));
        let (name, value) = what.split_once('=').unwrap_or((what, ""));
        let wanted = |example: &str| format!("`{text}` is not a fault: write it as {example}");
        let kind = match (name, value) {
            ("delay", value) => Kind::Delay(parse_duration(value)?),
            ("stall", value) => Kind::Stall(parse_duration(value)?),
            ("die", "") if !when.is_empty() => Kind::Die,
            ("die", _) => return Err(wanted("die@10s or die@1000req")),
            ("close", "") => Kind::Close,
            ("fail", value) => {
                let (share, code) = value.split_once(':').unwrap_or((value, "50002"));
                let code = code.parse().map_err(|_| wanted("fail=10%:50002"))?;
                let share = parse_ratio(share)?;
                Kind::FailEntries { share, code }
            }
            ("status", value) => {
                let stored = value.ends_with(":stored");
                let digits = value.strip_suffix(":stored").unwrap_or(value);
                let status = digits.parse().ok().filter(|code| (400..600).contains(code));
                let status = status.ok_or_else(|| wanted("status=503@1% or status=500:stored"))?;
                Kind::Status { status, stored }
            }
            ("empty", "") => Kind::EmptyBody,
            ("broken", "") => Kind::BrokenJson,
            ("entries", value) => {
                let extra = value.parse().ok().filter(|extra| *extra != 0);
                Kind::ExtraEntries(extra.ok_or_else(|| wanted("entries=-1 or entries=+1"))?)
            }
            ("keepalive", "") => Kind::KeepAlive,
            _ => {
                return Err(wanted(
                    "one of delay=20ms, stall=1s@5s, die@10s, close@every100, fail=10%:50002, status=503@1%, empty@1%, broken@1%, entries=-1@1%, keepalive@1.6%",
                ));
            }
        };
        let mut parsed = Self::always(kind);
        for condition in when.split(',').filter(|condition| !condition.is_empty()) {
            parsed.when.add(condition)?;
        }
        Ok(parsed)
    }
}

impl When {
    fn add(&mut self, condition: &str) -> Result<(), String> {
        let wanted = || {
            format!(
                "`{condition}` does not say when: write 5s, 5s-8s, 1000req, every100 or a share such as 1.6%"
            )
        };
        if let Some(count) = condition.strip_suffix("req") {
            self.after_requests = count.parse().map_err(|_| wanted())?;
        } else if let Some(every) = condition.strip_prefix("every") {
            let every = every.parse().ok().filter(|every| *every > 0);
            self.every = every.ok_or_else(wanted)?;
        } else if condition.ends_with('%') {
            self.share = parse_ratio(condition)?;
        } else {
            let (from, until) = condition.split_once('-').unwrap_or((condition, ""));
            self.from = parse_duration(from).map_err(|_| wanted())?;
            if !until.is_empty() {
                self.until = Some(parse_duration(until).map_err(|_| wanted())?);
            }
        }
        Ok(())
    }

    fn holds_at(&self, elapsed: Duration) -> bool {
        elapsed >= self.from && self.until.is_none_or(|until| elapsed < until)
    }
}

/// A defective answer of the keep-alive kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Defect {
    EmptyOk,
    ServerError,
    HtmlBehind,
    NoAnswer,
}

/// How a stored request's answer is falsified.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Falsify {
    Status(u16),
    EmptyBody,
    BrokenJson,
    ExtraEntries(i32),
    Defect(Defect),
}

/// What one request meets.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Plan {
    /// Held this long first.
    pub(crate) wait: Duration,
    /// The server ends here.
    pub(crate) die: bool,
    /// The connection ends here.
    pub(crate) close: bool,
    /// Answered at once with this status, nothing stored.
    pub(crate) refuse: Option<u16>,
    /// `error_code` for failing records; ask [`Script::fails_record`] for each.
    pub(crate) fail: Option<(usize, i64)>,
    pub(crate) falsify: Option<Falsify>,
}

/// A running script: the faults and how often each was considered.
#[derive(Debug)]
pub(crate) struct Script {
    faults: Vec<Running>,
    truth: Arc<Truth>,
    produces: AtomicU64,
}

#[derive(Debug)]
struct Running {
    fault: Fault,
    /// Produce requests (for [`Kind::FailEntries`]: records) this fault was considered for.
    considered: AtomicU64,
    /// Defects so far, to rotate their forms.
    hits: AtomicU64,
    /// When a stall began, after the start.
    begun: OnceLock<Duration>,
}

impl Script {
    /// `truth` was made for these faults.
    pub(crate) fn new(faults: &[Fault], truth: Arc<Truth>) -> Self {
        let running = |fault: &Fault| Running {
            fault: *fault,
            considered: AtomicU64::new(0),
            hits: AtomicU64::new(0),
            begun: OnceLock::new(),
        };
        Self {
            faults: faults.iter().map(running).collect(),
            truth,
            produces: AtomicU64::new(0),
        }
    }

    /// When the server dies by the clock alone.
    pub(crate) fn dies_after(&self) -> Option<Duration> {
        let by_clock = |running: &&Running| {
            running.fault.kind == Kind::Die && running.fault.when.after_requests == 0
        };
        let times = self.faults.iter().filter(by_clock);
        times.map(|running| running.fault.when.from).min()
    }

    /// Decides what a request meets. `reused`: not the first on its connection.
    pub(crate) fn plan(&self, produce: bool, reused: bool, tainted: bool) -> Plan {
        let mut plan = Plan::default();
        if self.faults.is_empty() {
            return plan;
        }
        let elapsed = self.truth.started().elapsed();
        let before = if produce {
            self.produces.fetch_add(1, Relaxed)
        } else {
            self.produces.load(Relaxed)
        };
        for (index, running) in self.faults.iter().enumerate() {
            let when = &running.fault.when;
            if let Kind::Stall(length) = running.fault.kind {
                let wait = running.stall(length, elapsed, before, &self.truth);
                if !wait.is_zero() {
                    plan.wait = plan.wait.max(wait);
                    self.truth.hit(index);
                }
                continue;
            }
            let due = when.holds_at(elapsed) && before >= when.after_requests;
            let struck = match running.fault.kind {
                Kind::Delay(wait) if due && (!produce || running.considers()) => {
                    plan.wait += wait;
                    true
                }
                Kind::Die if due && when.after_requests > 0 => {
                    plan.die = true;
                    true
                }
                Kind::KeepAlive if tainted && produce => plan.follow_up(running),
                Kind::KeepAlive if !reused => false,
                kind if due && produce && running.considers() => {
                    plan.apply(kind, index, running);
                    !matches!(kind, Kind::FailEntries { .. })
                }
                _ => false,
            };
            if struck {
                self.truth.hit(index);
            }
        }
        plan
    }

    /// Whether the next record of a plan's `fail` fails.
    pub(crate) fn fails_record(&self, fault: usize) -> bool {
        let running = &self.faults[fault];
        let Kind::FailEntries { share, .. } = running.fault.kind else {
            return false;
        };
        let fails = is_hit(running.hits.fetch_add(1, Relaxed), share);
        if fails {
            self.truth.hit(fault);
        }
        fails
    }
}

impl Running {
    /// Counts a request in and says whether it is one of those to hit.
    fn considers(&self) -> bool {
        let when = &self.fault.when;
        let number = self.considered.fetch_add(1, Relaxed);
        (number + 1).is_multiple_of(when.every) && is_hit(number / when.every, when.share)
    }

    fn stall(&self, length: Duration, elapsed: Duration, produces: u64, truth: &Truth) -> Duration {
        let when = &self.fault.when;
        if elapsed < when.from || produces < when.after_requests {
            return Duration::ZERO;
        }
        let by_clock = when.after_requests == 0;
        let begun = *self.begun.get_or_init(|| {
            let from = if by_clock { when.from } else { elapsed };
            truth.stalled(Stall { from, length });
            from
        });
        (begun + length).saturating_sub(elapsed)
    }
}

impl Plan {
    fn apply(&mut self, kind: Kind, index: usize, running: &Running) {
        match kind {
            Kind::Close => self.close = true,
            Kind::FailEntries { code, .. } => self.fail = Some((index, code)),
            Kind::Status {
                status,
                stored: true,
            } => self.falsify = Some(Falsify::Status(status)),
            Kind::Status {
                status,
                stored: false,
            } => self.refuse = Some(status),
            Kind::EmptyBody => self.falsify = Some(Falsify::EmptyBody),
            Kind::BrokenJson => self.falsify = Some(Falsify::BrokenJson),
            Kind::ExtraEntries(extra) => self.falsify = Some(Falsify::ExtraEntries(extra)),
            Kind::KeepAlive => {
                // Of 124 recorded bad produce answers with a new connection each: 84 empty, 38 of status 500, 2 with HTML behind.
                let form = match running.hits.fetch_add(1, Relaxed) % 20 {
                    19 => Defect::HtmlBehind,
                    form if form % 3 == 2 => Defect::ServerError,
                    _ => Defect::EmptyOk,
                };
                self.falsify = Some(Falsify::Defect(form));
            }
            Kind::Delay(_) | Kind::Stall(_) | Kind::Die => {}
        }
    }

    /// A client that keeps the connection after a defective answer gets none every other time.
    fn follow_up(&mut self, running: &Running) -> bool {
        let struck = running.considered.load(Relaxed).is_multiple_of(2);
        if struck {
            self.falsify = Some(Falsify::Defect(Defect::NoAnswer));
        }
        running.considered.fetch_add(1, Relaxed);
        struck
    }

    /// Whether anything comes between reading the body and handling it.
    pub(crate) fn disturbs(&self) -> bool {
        let no_answer = self.falsify == Some(Falsify::Defect(Defect::NoAnswer));
        !self.wait.is_zero() || self.die || self.close || no_answer
    }
}

/// Whether number `n` (from 0) is one of `share` of all, evenly spread; number 0 is hit only by a share of 1.
fn is_hit(n: u64, share: f64) -> bool {
    ((n + 1) as f64 * share).floor() > (n as f64 * share).floor()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_read_as_written() {
        let when = |text: &str| text.parse::<Fault>().unwrap().when;
        let kind = |text: &str| text.parse::<Fault>().unwrap().kind;
        assert_eq!(kind("delay=20ms"), Kind::Delay(Duration::from_millis(20)));
        assert_eq!(kind("stall=1s@5s"), Kind::Stall(Duration::from_secs(1)));
        assert_eq!(when("stall=1s@5s").from, Duration::from_secs(5));
        assert_eq!(
            kind("fail=10%:50003"),
            Kind::FailEntries {
                share: 0.1,
                code: 50003
            }
        );
        assert_eq!(
            kind("fail=10%"),
            Kind::FailEntries {
                share: 0.1,
                code: 50002
            }
        );
        assert_eq!(
            kind("status=500:stored"),
            Kind::Status {
                status: 500,
                stored: true
            }
        );
        assert_eq!(kind("entries=-1"), Kind::ExtraEntries(-1));
        assert_eq!(kind("entries=+2"), Kind::ExtraEntries(2));
        assert_eq!(when("die@1000req").after_requests, 1000);
        let both = when("close@5s-8s,every100");
        assert_eq!(
            (both.from, both.until, both.every),
            (Duration::from_secs(5), Some(Duration::from_secs(8)), 100)
        );
        assert!((when("keepalive@1.6%").share - 0.016).abs() < 1e-9);
        for bad in [
            "",
            "die",
            "delay",
            "delay=fast",
            "stall",
            "status=200",
            "status=x",
            "entries=0",
            "fail=x",
            "fail=10%:x",
            "close=5",
            "empty@soon",
            "empty@every0",
            "explode",
        ] {
            assert!(bad.parse::<Fault>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_share_is_met_exactly_over_a_round_number() {
        for (share, of, hits) in [
            (0.1, 1000, 100),
            (0.016, 1000, 16),
            (1.0, 10, 10),
            (0.0, 10, 0),
        ] {
            assert_eq!(
                (0..of).filter(|n| is_hit(*n, share)).count(),
                hits,
                "{share}"
            );
        }
    }

    fn script(fault: &str) -> Script {
        let truth = Arc::new(Truth::new([fault.to_owned()]));
        Script::new(&[fault.parse().unwrap()], truth)
    }

    #[test]
    fn every_nth_request_after_a_count_is_hit() {
        let script = script("close@5req,every3");
        let closed: Vec<bool> = (0..12)
            .map(|_| script.plan(true, true, false).close)
            .collect();
        let wanted = [0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 1, 0].map(|hit| hit == 1);
        assert_eq!(closed, wanted);
        assert!(
            !script.plan(false, true, false).close,
            "only produce requests count"
        );
    }
}
