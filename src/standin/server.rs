//! Listens, and hands each connection to one of the worker threads, each with a runtime of its own.

use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::rc::Rc;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, watch};
use tokio::task::{JoinError, JoinSet};
use tokio_rustls::TlsAcceptor;

use super::backend::Backend;
use super::capacity::Capacity;
use super::connection::{self, End};
use super::consumers::Consumers;
use super::desk::{Desk, Turn};
use super::door::Door;
use super::faults::Script;
use super::serve::Shared;
use super::threads::Threads;
use super::truth::{Truth, TruthSnapshot};
use super::{Settings, tls};
use crate::fault::Kind;
use crate::wire::Dialect;

/// How often the script is asked whether the door is to be shut.
const LOOK: Duration = Duration::from_millis(2);

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
    let mut door = Door::new(listener)?;
    let script = Script::new(&settings.faults, Arc::clone(&truth));
    if !settings.faults_wait {
        truth.begin();
    }
    let dies_after = script.dies_after();
    let threads = settings.threads.max(1);
    let jetty = settings.dialect == Dialect::Confluent;
    let (drop_all, drops) = watch::channel(());
    let shared = Arc::new(Shared {
        dialect: settings.dialect,
        name: settings.server_name(&backend),
        backend,
        capacity: settings.model.map(Capacity::new),
        script,
        idle_timeout: settings.idle_timeout.or(idle_timeout(settings.dialect)),
        writes: settings.writes,
        max_block: settings.max_block,
        threads: Threads::new(jetty.then_some(settings.request_threads)),
        consumers: Consumers::new(
            settings.dialect,
            settings.consumer_instance_timeout,
            settings.consumer_request_timeout,
        ),
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
            drops: shared.script.is_watched().then(|| drops.clone()),
        };
        workers.push(worker.start(number)?);
    }
    let died = tokio::select! {
        () = shutdown => false,
        () = shared.died.notified() => true,
        () = sleep_until_death(&truth, dies_after) => true,
        () = accept(&mut door, &workers, &shared, &drop_all) => false,
        () = shared.consumers.expire() => false,
    };
    drop(door);
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
    let joined = joined.await.unwrap_or(false);
    shared.consumers.clear().await;
    if !joined {
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

async fn sleep_until_death(truth: &Truth, after: Option<Duration>) {
    let Some(after) = after else {
        return std::future::pending().await;
    };
    truth.begins().await;
    tokio::time::sleep(after).await;
}

type Handle = (mpsc::UnboundedSender<TcpStream>, thread::JoinHandle<()>);

/// Accepts for ever; connections go to the workers in turn. A script may shut the door or drop all connections meanwhile.
async fn accept(
    door: &mut Door,
    workers: &[Handle],
    shared: &Shared,
    drop_all: &watch::Sender<()>,
) {
    let script = &shared.script;
    let mut turns = workers.iter().cycle();
    loop {
        if script.is_watched() {
            if script.happens(Kind::Drop) {
                drop_all.send_replace(());
            }
            if script.happens(Kind::ExpireConsumers) {
                shared.consumers.clear().await;
            }
            // A door that cannot be moved now is tried again at the next look.
            let _ = door.set(!script.refuses());
        }
        let accepted = if script.is_watched() {
            match tokio::time::timeout(LOOK, door.accept()).await {
                Ok(accepted) => accepted,
                Err(_) => continue,
            }
        } else {
            door.accept().await
        };
        let Ok(stream) = accepted else {
            // Out of file descriptors, or the peer is gone: the next one may do better.
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        shared.truth.accepted();
        let Some((connections, _)) = turns.next() else {
            return;
        };
        if connections.send(stream).is_err() {
            return;
        }
    }
}

struct Worker {
    shared: Arc<Shared>,
    tls: Option<TlsAcceptor>,
    stopped: watch::Receiver<bool>,
    /// Told when a fault closes all connections; `None`: no fault does.
    drops: Option<watch::Receiver<()>>,
}

impl Worker {
    fn start(self, number: usize) -> io::Result<Handle> {
        let (sender, connections) = mpsc::unbounded_channel();
        let turn = Turn::default();
        let ending = turn.clone();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .on_thread_park(move || ending.ends())
            .build()?;
        let thread = thread::Builder::new()
            .name(format!("stand-in-{number}"))
            .spawn(move || {
                let local = tokio::task::LocalSet::new();
                local.block_on(&runtime, self.run(connections, turn));
            })?;
        Ok((sender, thread))
    }

    async fn run(mut self, mut connections: mpsc::UnboundedReceiver<TcpStream>, turn: Turn) {
        let desk = Rc::new(Desk::new(self.shared.truth.worker(), turn));
        let mut serving = JoinSet::new();
        loop {
            let stream = tokio::select! {
                Some(ended) = serving.join_next() => {
                    pass_on(ended);
                    continue;
                }
                stream = connections.recv() => stream,
                _ = self.stopped.changed() => None,
            };
            let Some(stream) = stream else {
                while let Some(ended) = serving.try_join_next() {
                    pass_on(ended);
                }
                return;
            };
            let shared = Arc::clone(&self.shared);
            let desk = Rc::clone(&desk);
            let tls = self.tls.clone();
            let drops = self.drops.clone();
            serving.spawn_local(async move {
                // A connection that cannot be set up is gone already.
                let Ok(stream) = prepare(stream) else { return };
                shared.script.opened(true);
                tokio::select! {
                    biased;
                    () = serve_one(stream, tls, &shared, &desk) => {}
                    () = dropped(drops, &shared.truth) => {}
                }
                shared.script.opened(false);
            });
        }
    }
}

/// A panic while a connection was served ends the whole server: whatever it counts from then on proves nothing.
fn pass_on(ended: Result<(), JoinError>) {
    if let Some(panic) = ended.err().and_then(|error| error.try_into_panic().ok()) {
        std::panic::resume_unwind(panic);
    }
}

async fn serve_one(
    mut stream: tokio::net::TcpStream,
    tls: Option<TlsAcceptor>,
    shared: &Shared,
    desk: &Desk,
) {
    let Some(tls) = tls else {
        let end = connection::run(&mut stream, shared, desk).await;
        return close(&stream, end);
    };
    if let Ok(mut stream) = tls.accept(stream).await {
        let end = connection::run(&mut stream, shared, desk).await;
        close(stream.get_ref().0, end);
    }
}

/// Makes the coming close a reset, if that is how the connection ends.
fn close(stream: &tokio::net::TcpStream, end: End) {
    if end == End::Reset {
        // If the system refuses, the peer sees the connection end in another way.
        let _ = socket2::SockRef::from(stream).set_linger(Some(Duration::ZERO));
    }
}

/// Ready when a fault closes all connections, and counted by then: the peer may look as soon as it is closed.
async fn dropped(drops: Option<watch::Receiver<()>>, truth: &Truth) {
    if let Some(mut drops) = drops {
        // Only what comes from now on concerns this connection.
        drops.mark_unchanged();
        if drops.changed().await.is_ok() {
            return truth.dropped();
        }
    }
    // No fault does, or the server is ending and ends its connections itself.
    std::future::pending::<()>().await;
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

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};

    use super::super::memory::Memory;
    use super::*;

    #[tokio::test]
    async fn a_panic_while_a_connection_is_served_is_the_end_of_the_server() {
        let listener = super::super::listen(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        let address = listener.local_addr().unwrap();
        let settings = Settings {
            faults: vec!["status=503".parse().unwrap()],
            ..Settings::default()
        };
        let memory = Memory::new(settings.memory_limits());
        let backend = Backend::Memory(Arc::new(memory));
        // The account of another script: what strikes finds no place in it.
        let truth = Arc::new(Truth::new([]));
        let asked = tokio::task::spawn_blocking(move || {
            let mut stream = TcpStream::connect(address).unwrap();
            let request = "POST /topics/t HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n";
            stream.write_all(request.as_bytes()).unwrap();
            let mut answer = Vec::new();
            // It ends without a word, in whichever way.
            let _ = stream.read_to_end(&mut answer);
            answer
        });
        let shutdown = async move {
            assert_eq!(asked.await.unwrap(), b"");
        };
        let served = serve(listener, settings, backend, truth, shutdown).await;
        let error = served.expect_err("a failure").to_string();
        assert_eq!(error, "a worker thread of the stand-in panicked");
    }
}
