//! Ctrl-C, SIGTERM and SIGHUP (on Windows Ctrl-C and Ctrl-Break): before the load they end the program, during it they stop the load, twice they abandon the drain.

use std::future::Future;
use std::sync::Arc;

use tokio::runtime::{Builder, Runtime};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::engine::Control;
use crate::error::{Error, Result};

/// Watches for signals on a thread of its own as long as the process lives.
pub(super) struct Interrupts {
    runtime: Runtime,
    first: Arc<Notify>,
}

impl Interrupts {
    /// Begins to watch; every signal is passed on to `control`.
    ///
    /// # Errors
    /// If the operating system gives no runtime or no signal handler.
    pub(super) fn watch(control: Arc<Control>) -> Result<Self> {
        let internal = |error: std::io::Error| Error::Internal(format!("signal handling: {error}"));
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .map_err(internal)?;
        let first = Arc::new(Notify::new());
        let told = Arc::clone(&first);
        let mut signals = {
            let _inside = runtime.enter();
            Signals::new().map_err(internal)?
        };
        runtime.spawn(async move {
            loop {
                signals.next().await;
                control.interrupt();
                told.notify_one();
            }
        });
        Ok(Self { runtime, first })
    }

    /// Signals that came before are not waited for any more.
    pub(super) fn forget(&self) {
        let heard = std::pin::pin!(self.first.notified());
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        // Takes the permit, if there is one.
        let _ = heard.poll(&mut context);
    }

    /// Waits for the next signal that nobody has waited for yet.
    pub(super) async fn heard(&self) {
        self.first.notified().await;
    }

    /// Does something beside whatever else is done.
    pub(super) fn spawn<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> JoinHandle<T> {
        self.runtime.spawn(work)
    }

    /// The outcome of `work` whatever signals come.
    pub(super) fn finish<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }

    /// The outcome of `work`, or `None` if a signal came first.
    pub(super) fn unless_interrupted<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        self.runtime.block_on(async {
            tokio::select! {
                outcome = work => Some(outcome),
                () = self.first.notified() => None,
            }
        })
    }
}

#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    /// The terminal is gone; `None`: that is to be ignored, as `nohup` has it.
    hangup: Option<tokio::signal::unix::Signal>,
}

#[cfg(unix)]
impl Signals {
    fn new() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: (!ignores_hangup())
                .then(|| signal(SignalKind::hangup()))
                .transpose()?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            () = hung_up(self.hangup.as_mut()) => {}
        }
    }
}

#[cfg(unix)]
async fn hung_up(signal: Option<&mut tokio::signal::unix::Signal>) {
    match signal {
        Some(signal) => _ = signal.recv().await,
        None => std::future::pending().await,
    }
}

/// Whether this process was started with SIGHUP ignored. Where the system cannot tell, it is left as it is.
#[cfg(unix)]
fn ignores_hangup() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    // SIGHUP is the first signal.
    ignored.is_none_or(|mask| mask & 1 == 1)
}

#[cfg(windows)]
struct Signals {
    ctrl_c: tokio::signal::windows::CtrlC,
    ctrl_break: tokio::signal::windows::CtrlBreak,
}

#[cfg(windows)]
impl Signals {
    fn new() -> std::io::Result<Self> {
        use tokio::signal::windows::{ctrl_break, ctrl_c};
        Ok(Self {
            ctrl_c: ctrl_c()?,
            ctrl_break: ctrl_break()?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.ctrl_c.recv() => {}
            _ = self.ctrl_break.recv() => {}
        }
    }
}
