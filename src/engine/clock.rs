//! Time as the engine sees it: µs since an origin, this thread's CPU time, and an alarm finer than the poll's milliseconds.

use std::io;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use mio::{Registry, Token};

/// The engine's origin on the monotonic clock and on the wall clock.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    origin: Instant,
    origin_wall_ms: u64,
}

impl Clock {
    pub(crate) fn start() -> Self {
        let wall = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Self {
            origin: Instant::now(),
            origin_wall_ms: wall.as_millis() as u64,
        }
    }

    /// µs since the origin.
    pub(crate) fn now_us(&self) -> u64 {
        self.origin.elapsed().as_micros() as u64
    }

    /// Wall-clock ms since 1970 at `now_us`, without asking the wall clock again.
    pub(crate) fn wall_ms(&self, now_us: u64) -> u64 {
        self.origin_wall_ms + now_us / 1_000
    }
}

/// What the calling thread has had of the processors so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ThreadTime {
    /// On a CPU.
    pub(crate) cpu: Duration,
    /// Ready to run, but waiting for a CPU; `None` where the kernel does not count it.
    pub(crate) waited: Option<Duration>,
}

/// CPU time of the calling thread; `None` where the system cannot tell. Reads a file: not for every request.
pub(crate) fn thread_time() -> Option<ThreadTime> {
    #[cfg(target_os = "linux")]
    {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
        let schedstat = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
        Some(ThreadTime {
            cpu: Duration::new(
                u64::try_from(time.tv_sec).ok()?,
                u32::try_from(time.tv_nsec).ok()?,
            ),
            waited: schedstat.as_deref().and_then(run_queue_wait),
        })
    }
    #[cfg(not(target_os = "linux"))]
    None
}

/// Second field of a `schedstat`: ns spent runnable, waiting for a CPU (Linux, Documentation/scheduler/sched-stats.rst).
#[cfg(target_os = "linux")]
fn run_queue_wait(schedstat: &str) -> Option<Duration> {
    let nanos = schedstat.split_ascii_whitespace().nth(1)?.parse().ok()?;
    Some(Duration::from_nanos(nanos))
}

/// Most that an alarm rings early, in µs: later wake-ups than this are no fault of the timer.
const MAX_EARLY_US: u64 = 400;
/// Most that it rings early is also one part in this many of the time from one moment to the next: what is spent on awaiting
/// them is never more than 2 % of a core, however close together they are.
const AWAKE: u64 = 50;
#[cfg(any(test, target_os = "linux"))]
const FIRST_EARLY_US: u64 = 20;

/// Wakes the poll at a given µs; elsewhere than on Linux the poll's own milliseconds must do.
///
/// The timer is exact, but a thread runs only some time after it went off: 10 to 300 µs, by how deep the processor slept. So
/// it is set early by as much as this thread usually takes, and the loop goes around for the rest.
#[derive(Debug)]
pub(crate) struct Alarm {
    #[cfg(target_os = "linux")]
    timer: std::os::fd::OwnedFd,
    set_for: Option<u64>,
    /// Median of how late the loop came to run lately.
    early_us: u64,
    /// The moment that was waited for last, and how early the alarm may ring for it.
    moment_us: u64,
    allowed_us: u64,
}

impl Alarm {
    #[cfg(target_os = "linux")]
    pub(crate) fn new(registry: &Registry, token: Token) -> io::Result<Self> {
        use rustix::time::{TimerfdClockId, TimerfdFlags, timerfd_create};
        use std::os::fd::AsRawFd;
        let timer = timerfd_create(
            TimerfdClockId::Monotonic,
            TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC,
        )?;
        registry.register(
            &mut mio::unix::SourceFd(&timer.as_raw_fd()),
            token,
            mio::Interest::READABLE,
        )?;
        Ok(Self {
            timer,
            set_for: None,
            early_us: FIRST_EARLY_US,
            moment_us: 0,
            allowed_us: 0,
        })
    }

    #[cfg(not(target_os = "linux"))]
    pub(crate) fn new(_registry: &Registry, _token: Token) -> io::Result<Self> {
        Ok(Self {
            set_for: None,
            early_us: 0,
            moment_us: 0,
            allowed_us: 0,
        })
    }

    /// Sets the alarm for shortly before `at_us`, unless it is set for that already; `false` if that is too close to sleep.
    pub(crate) fn set(&mut self, at_us: u64, now_us: u64) -> io::Result<bool> {
        if at_us != self.moment_us {
            self.allowed_us = at_us.saturating_sub(self.moment_us) / AWAKE;
            self.moment_us = at_us;
        }
        let ring_us = at_us.saturating_sub(self.early_us.min(self.allowed_us));
        if ring_us <= now_us {
            return Ok(false);
        }
        if self.set_for == Some(ring_us) {
            return Ok(true);
        }
        self.set_for = Some(ring_us);
        #[cfg(target_os = "linux")]
        {
            use rustix::time::{Itimerspec, TimerfdTimerFlags, Timespec, timerfd_settime};
            let wait_us = ring_us - now_us;
            let value = Timespec {
                tv_sec: (wait_us / 1_000_000).cast_signed(),
                tv_nsec: (wait_us % 1_000_000 * 1_000).cast_signed(),
            };
            let once = Itimerspec {
                it_interval: Timespec {
                    tv_sec: 0,
                    tv_nsec: 0,
                },
                it_value: value,
            };
            timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &once)?;
        }
        Ok(true)
    }

    /// The alarm went off (or may have): the next `set` counts again.
    pub(crate) fn rang(&mut self, now_us: u64) {
        if let Some(ring_us) = self.set_for.take()
            && cfg!(target_os = "linux")
        {
            self.early_us = median_step(self.early_us, now_us.saturating_sub(ring_us));
        }
    }
}

/// A step from an estimate of the median towards what was seen: as many steps up as down hold it there.
fn median_step(early_us: u64, late_us: u64) -> u64 {
    let step_us = 2 + early_us / 16;
    if late_us > early_us {
        (early_us + step_us).min(MAX_EARLY_US)
    } else {
        early_us.saturating_sub(step_us)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alarm_learns_how_late_the_thread_comes_to_run() {
        let settled = |late: &[u64]| {
            let seen = late.iter().cycle().take(600);
            seen.fold(FIRST_EARLY_US, |early, late| median_step(early, *late))
        };
        assert!((26..=34).contains(&settled(&[30])));
        assert!((26..=34).contains(&settled(&[5, 30, 4_000])));
        assert_eq!(settled(&[900]), MAX_EARLY_US);
        assert!(settled(&[0]) <= 2);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn no_more_than_a_fiftieth_of_the_time_is_spent_awake() {
        for (gap_us, most_us) in [(1, 0), (50, 1), (200, 4), (1_000, 20), (50_000, 400)] {
            let poll = mio::Poll::new().unwrap();
            let mut alarm = Alarm::new(poll.registry(), Token(0)).unwrap();
            alarm.early_us = MAX_EARLY_US;
            let (moments, mut awake_us) = (100, 0);
            for now_us in 0..moments * gap_us {
                let at_us = (now_us / gap_us + 1) * gap_us;
                awake_us += u64::from(!alarm.set(at_us, now_us).unwrap());
            }
            assert_eq!(awake_us / moments, most_us, "{gap_us}");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_time_on_the_run_queue_is_the_second_field_in_nanoseconds() {
        for (text, waited) in [
            ("1500 2500000 7\n", Some(Duration::from_micros(2_500))),
            ("1500", None),
            ("1500 x 7", None),
        ] {
            assert_eq!(run_queue_wait(text), waited, "{text}");
        }
    }
}
