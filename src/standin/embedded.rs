//! A stand-in inside this process, on threads of its own and a free port of the loopback.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;

use tokio::sync::oneshot;

use super::Settings;
use super::backend::Backend;
use super::memory::Memory;
use super::server::{Served, base_url, serve};
use super::truth::{Truth, TruthSnapshot};
use crate::error::{Error, Result};

/// A running stand-in; it stops when dropped.
#[derive(Debug)]
pub struct Embedded {
    url: String,
    memory: Arc<Memory>,
    truth: Arc<Truth>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<io::Result<Served>>>,
}

impl Embedded {
    /// Starts one on `127.0.0.1` and a port of the system's choice; it answers when this returns.
    ///
    /// # Errors
    /// If the loopback cannot be bound or a thread not started.
    pub fn start(settings: Settings) -> Result<Self> {
        let failed = |error: io::Error| Error::Machine {
            message: format!("cannot start the built-in stand-in: {error}"),
            hint: Some("start a server of your own and name it with --url".to_owned()),
        };
        let listener = super::listen(SocketAddr::from(([127, 0, 0, 1], 0))).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let url = base_url(address, settings.tls.is_some());
        let memory = Arc::new(Memory::new(settings.memory_limits()));
        let backend = Backend::Memory(Arc::clone(&memory));
        let truth = Arc::new(settings.truth());
        let counted = Arc::clone(&truth);
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::Builder::new()
            .name("stand-in".to_owned())
            .spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()?;
                runtime.block_on(serve(listener, settings, backend, counted, async {
                    // Told to stop, or the owner is gone: the same.
                    let _ = stopped.await;
                }))
            })
            .map_err(failed)?;
        Ok(Self {
            url,
            memory,
            truth,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// Base URL, such as `http://127.0.0.1:43210`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What it stored.
    pub fn memory(&self) -> &Memory {
        &self.memory
    }

    /// The load begins, and the script of faults with it.
    pub fn begin(&self) {
        self.truth.begin();
    }

    /// What it did so far; final once it ended, by a fault or by [`stop`](Self::stop).
    pub fn truth(&self) -> TruthSnapshot {
        self.truth.snapshot()
    }

    /// Ends it and waits until it has ended; what it stored and did stays readable. Once stopped, it stays so.
    ///
    /// # Errors
    /// If it had failed before: then its account is of no use.
    pub fn stop(&mut self) -> Result<()> {
        drop(self.stop.take());
        let Some(thread) = self.thread.take() else {
            return Ok(());
        };
        let failed = |why: &str| Error::Internal(format!("the built-in stand-in failed: {why}"));
        match thread.join() {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(failed(&error.to_string())),
            Err(_) => Err(failed("its thread panicked")),
        }
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        // Who wants to know has stopped it.
        let _ = self.stop();
    }
}
