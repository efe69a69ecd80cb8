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

/// Wakes the poll at a given µs; elsewhere than on Linux the poll's own milliseconds must do.
#[derive(Debug)]
pub(crate) struct Alarm {
    #[cfg(target_os = "linux")]
    timer: std::os::fd::OwnedFd,
    set_for: Option<u64>,
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
        })
    }

    #[cfg(not(target_os = "linux"))]
    pub(crate) fn new(_registry: &Registry, _token: Token) -> io::Result<Self> {
        Ok(Self { set_for: None })
    }

    /// Sets the alarm for `at_us` unless it is set for that already.
    pub(crate) fn set(&mut self, at_us: u64, now_us: u64) -> io::Result<()> {
        if self.set_for == Some(at_us) {
            return Ok(());
        }
        self.set_for = Some(at_us);
        #[cfg(target_os = "linux")]
        {
            use rustix::time::{Itimerspec, TimerfdTimerFlags, Timespec, timerfd_settime};
            // Zero would disarm it.
            let wait_us = at_us.saturating_sub(now_us).max(1);
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
        #[cfg(not(target_os = "linux"))]
        let _ = now_us;
        Ok(())
    }

    /// The alarm went off (or may have): the next `set` counts again.
    pub(crate) fn rang(&mut self) {
        self.set_for = None;
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

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
