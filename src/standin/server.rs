//! Listens, and hands each connection to one of the worker threads, each with a runtime of its own.

use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::rc::Rc;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, watch};
use tokio_rustls::TlsAcceptor;

use super::backend::Backend;
use super::clock::Clock;
use super::connection;
use super::faults::Script;
use super::serve::Shared;
use super::truth::{Truth, TruthSnapshot};
use super::{Settings, tls};
use crate::wire::Dialect;

/// What a server did until it ended.
#[derive(Debug, Clone)]
pub struct Served {
    /// Its final account.
    pub truth: TruthSnapshot,
    /// A scripted fault ended it, not its owner.
    pub died: bool,
}

/// Serves connections until `shutdown` is ready or a scripted fault ends it, and accounts for them in `truth`, which was
/// made by [`Settings::truth`]. Connections still open are dropped.
///
/// # Errors
/// If the listener cannot be used or a worker cannot be started.
pub async fn serve(
    listener: TcpListener,
    settings: Settings,
    backend: Backend,
    truth: Arc<Truth>,
    shutdown: impl Future<Output = ()> + Send,
) -> io::Result<Served> {
    listener.set_nonblocking(true)?;
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let script = Script::new(&settings.faults, Arc::clone(&truth));
    let dies_after = script.dies_after();
    let threads = settings.threads.max(1);
    let shared = Arc::new(Shared {
        dialect: settings.dialect,
        backend,
        script,
        idle_timeout: settings.idle_timeout.or(idle_timeout(settings.dialect)),
        tls: settings.tls.is_some(),
        started: Instant::now(),
        truth: Arc::clone(&truth),
        died: tokio::sync::Notify::new(),
    });
    let (stop, stopped) = watch::channel(false);
    let mut workers = Vec::with_capacity(threads);
    for number in 0..threads {
        let worker = Worker {
            shared: Arc::clone(&shared),
            tls: settings.tls.as_ref().map(tls::Server::acceptor),
            stopped: stopped.clone(),
        };
        workers.push(worker.start(number)?);
    }
    let died = tokio::select! {
        () = shutdown => false,
        () = shared.died.notified() => true,
        () = sleep_until_death(dies_after) => true,
        () = accept(&listener, &workers, &truth) => false,
    };
    drop(listener);
    if died {
        truth.died();
    }
    // The workers hold a receiver each; if they are gone already there is nobody to tell.
    let _ = stop.send(true);
    let threads: Vec<_> = workers.into_iter().map(|(_, thread)| thread).collect();
    let joined = tokio::task::spawn_blocking(|| {
        threads
            .into_iter()
            .map(thread::JoinHandle::join)
            .all(|end| end.is_ok())
    });
    if !joined.await.unwrap_or(false) {
        return Err(io::Error::other("a worker thread of the stand-in panicked"));
    }
    Ok(Served {
        truth: truth.snapshot(),
        died,
    })
}

/// How long each server waits for the next byte: Confluent 30 s, Karapace 75 s, Strimzi for ever.
fn idle_timeout(dialect: Dialect) -> Option<Duration> {
    match dialect {
        Dialect::Confluent => Some(Duration::from_secs(30)),
        Dialect::Karapace => Some(Duration::from_secs(75)),
        Dialect::Strimzi | Dialect::Redpanda => None,
    }
}

async fn sleep_until_death(after: Option<Duration>) {
    match after {
        Some(after) => tokio::time::sleep(after).await,
        None => std::future::pending().await,
    }
}

type Handle = (mpsc::UnboundedSender<TcpStream>, thread::JoinHandle<()>);

/// Accepts for ever; connections go to the workers in turn.
async fn accept(listener: &tokio::net::TcpListener, workers: &[Handle], truth: &Truth) {
    for (connections, _) in workers.iter().cycle() {
        loop {
            let accepted = listener.accept().await;
            let Ok(stream) = accepted.and_then(|(stream, _)| stream.into_std()) else {
                // Out of file descriptors, or the peer is gone: the next one may do better.
                tokio::time::sleep(Duration::from_millis(10)).await;
                continue;
            };
            truth.accepted();
            if connections.send(stream).is_err() {
                return;
            }
            break;
        }
    }
}

struct Worker {
    shared: Arc<Shared>,
    tls: Option<TlsAcceptor>,
    stopped: watch::Receiver<bool>,
}

impl Worker {
    fn start(self, number: usize) -> io::Result<Handle> {
        let (sender, connections) = mpsc::unbounded_channel();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let thread = thread::Builder::new()
            .name(format!("stand-in-{number}"))
            .spawn(move || {
                let local = tokio::task::LocalSet::new();
                local.block_on(&runtime, self.run(connections));
            })?;
        Ok((sender, thread))
    }

    async fn run(mut self, mut connections: mpsc::UnboundedReceiver<TcpStream>) {
        let clock = Rc::new(Clock::default());
        let counter = self.shared.truth.worker();
        loop {
            let stream = tokio::select! {
                stream = connections.recv() => stream,
                _ = self.stopped.changed() => None,
            };
            let Some(stream) = stream else {
                return;
            };
            let shared = Arc::clone(&self.shared);
            let clock = Rc::clone(&clock);
            let counter = Arc::clone(&counter);
            let tls = self.tls.clone();
            tokio::task::spawn_local(async move {
                // A connection that cannot be set up is gone already.
                let Ok(stream) = prepare(stream) else { return };
                match tls {
                    None => connection::run(stream, &shared, &clock, &counter).await,
                    Some(tls) => {
                        if let Ok(stream) = tls.accept(stream).await {
                            connection::run(stream, &shared, &clock, &counter).await;
                        }
                    }
                }
            });
        }
    }
}

fn prepare(stream: TcpStream) -> io::Result<tokio::net::TcpStream> {
    let stream = tokio::net::TcpStream::from_std(stream)?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// The address a listener is bound to, as a base URL.
pub(crate) fn base_url(address: SocketAddr, tls: bool) -> String {
    let scheme = if tls { "https" } else { "http" };
    format!("{scheme}://{address}")
}
