//! `krush serve`: the stand-in as a server of its own, until Ctrl-C.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::net::{TcpListener, ToSocketAddrs};
use std::sync::Arc;

use crate::cli::{ServeArgs, ServedTopic};
use crate::error::{Error, Result, exit};
use crate::fault::Faults;
use crate::standin::backend::{ApiError, NewTopic};
use crate::standin::{
    Backend, Memory, ProducerSettings, Served, Settings, Totals, base_url, serve as run, tls,
};
use crate::units::{counted, grouped};

/// Listens, prints the URL and what it is, runs until Ctrl-C, SIGTERM or a fault that ends it, prints totals.
///
/// # Errors
/// A port in use, a bad address, an unusable certificate, `--kafka` in a build without it or with no broker behind it.
pub fn serve(args: &ServeArgs) -> Result<u8> {
    let (settings, producer) = settings(args)?;
    let listener = listen(&args.host, args.port)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Error::Internal(format!("cannot start a runtime: {error}")))?;
    runtime.block_on(serve_until_told(args, settings, producer, listener))
}

async fn serve_until_told(
    args: &ServeArgs,
    settings: Settings,
    producer: ProducerSettings,
    listener: TcpListener,
) -> Result<u8> {
    let internal = |error: std::io::Error| Error::Internal(format!("the server failed: {error}"));
    let (backend, memory) = backend(args, &settings, producer)?;
    create(&args.topics, args.partitions, &backend).await?;
    let address = listener.local_addr().map_err(internal)?;
    let url = base_url(address, settings.tls.is_some());
    let told = told_to_stop().map_err(internal)?;
    let faults = match settings.faults.len() {
        0 => String::new(),
        1 => ", 1 scripted fault".to_owned(),
        count => format!(", {count} scripted faults"),
    };
    say(&format!(
        "{url}  {}, {} dialect{faults}; Ctrl-C ends it",
        settings.server_name(&backend),
        settings.dialect.name()
    ))?;
    let truth = Arc::new(settings.truth());
    let served = run(listener, settings, backend, truth, told)
        .await
        .map_err(internal)?;
    say(&summary(&served, memory.map(|memory| memory.totals())))?;
    Ok(exit::PASS)
}

/// Makes the topics that are to exist from the start; one that Kafka has already stays as it is.
async fn create(topics: &[ServedTopic], partitions: i32, backend: &Backend) -> Result<()> {
    for (index, topic) in topics.iter().enumerate() {
        let name = &topic.name;
        if topics[..index].iter().any(|other| other.name == *name) {
            return Err(Error::usage(format!("--topic: `{name}` is named twice")));
        }
        let failed = |error: ApiError| {
            Error::target(
                format!("cannot create topic {name}: {}", error.message),
                "create it with Kafka's own tools, or leave out --topic",
            )
        };
        if backend.topic(name).await.map_err(failed)?.is_some() {
            continue;
        }
        let new = NewTopic {
            name: name.clone(),
            partitions: Some(topic.partitions.unwrap_or(partitions)),
            replication_factor: None,
            configs: BTreeMap::new(),
            validate_only: false,
        };
        backend.create_topic(new).await.map_err(failed)?;
    }
    Ok(())
}

fn summary(served: &Served, totals: Option<Totals>) -> String {
    let died = if served.died {
        "ended by a scripted fault; "
    } else {
        ""
    };
    let requests = counted(served.truth.counts.requests, "request", "requests");
    match totals {
        None => format!("{died}{requests}"),
        Some(Totals { stored, dropped }) => format!(
            "{died}{requests}, {} stored, {} of them dropped to stay within memory",
            counted(stored, "record", "records"),
            grouped(dropped)
        ),
    }
}

fn settings(args: &ServeArgs) -> Result<(Settings, ProducerSettings)> {
    let tls = match (&args.tls_cert, &args.tls_key) {
        (Some(cert), Some(key)) => Some(tls::Server::from_files(
            cert,
            key,
            args.tls_client_ca.as_deref(),
        )?),
        _ => None,
    };
    let faults = args.faults.iter().map(|fault| fault.parse());
    let faults = faults.collect::<Result<Faults, String>>();
    let producer = ProducerSettings {
        max_block: args.max_block,
        ..ProducerSettings::default()
    };
    let producer = producer.with(&args.producer);
    let producer = producer.map_err(|why| Error::usage(format!("--producer: {why}")))?;
    let defaults = Settings::default();
    let settings = Settings {
        faults_wait: false,
        dialect: args.dialect,
        auto_create: !args.no_auto_create,
        default_partitions: args.partitions,
        max_memory: args.max_memory,
        // `--producer max.block.ms=…` is the more special word for `--max-block`.
        max_block: producer.max_block,
        request_threads: args.request_threads,
        idle_timeout: args.idle_timeout,
        consumer_instance_timeout: args.consumer_instance_timeout,
        consumer_request_timeout: args.consumer_request_timeout,
        tls,
        model: args.model,
        faults: faults.map_err(|why| Error::usage(format!("--fault: {why}")))?,
        threads: args.threads.unwrap_or(defaults.threads),
        writes: args.writes,
    };
    Ok((settings, producer))
}

fn listen(host: &str, port: u16) -> Result<TcpListener> {
    let addresses = (host, port).to_socket_addrs();
    let first = addresses.and_then(|mut all| {
        all.next()
            .ok_or_else(|| std::io::ErrorKind::AddrNotAvailable.into())
    });
    first.and_then(crate::standin::listen).map_err(|error| {
        let hint = match error.kind() {
            std::io::ErrorKind::AddrInUse => {
                "stop what listens there, or choose another --port (0 takes any free one)"
            }
            std::io::ErrorKind::PermissionDenied => {
                "ports below 1024 need privileges: choose another --port"
            }
            _ => "--host takes a local address such as 127.0.0.1 or 0.0.0.0",
        };
        Error::Usage {
            message: format!("cannot listen on {host}:{port}: {error}"),
            hint: Some(hint.to_owned()),
        }
    })
}

#[cfg(not(feature = "kafka"))]
fn backend(
    args: &ServeArgs,
    settings: &Settings,
    _: ProducerSettings,
) -> Result<(Backend, Option<Arc<Memory>>)> {
    if args.kafka.is_some() {
        return Err(Error::Usage {
            message: "--kafka is not in this build of krush".to_owned(),
            hint: Some("build it with: cargo build --release --features kafka".to_owned()),
        });
    }
    Ok(in_memory(settings))
}

#[cfg(feature = "kafka")]
fn backend(
    args: &ServeArgs,
    settings: &Settings,
    producer: ProducerSettings,
) -> Result<(Backend, Option<Arc<Memory>>)> {
    use crate::standin::kafka::{Front, FrontSettings};
    let Some(bootstrap) = &args.kafka else {
        return Ok(in_memory(settings));
    };
    for setting in args.producer.iter().filter(|setting| setting.is_ignored()) {
        // Nothing is left to do if standard error is closed.
        let _ = writeln!(
            std::io::stderr(),
            "warning: --producer {setting} is ignored, as by Confluent's REST Proxy: idempotence is off"
        );
    }
    let front = Front::connect(
        bootstrap,
        FrontSettings {
            producer,
            auto_create: settings.auto_create,
            kafka_version: args.kafka_version.clone(),
            ..FrontSettings::default()
        },
    )?;
    Ok((Backend::Kafka(Arc::new(front)), None))
}

fn in_memory(settings: &Settings) -> (Backend, Option<Arc<Memory>>) {
    let memory = Arc::new(Memory::new(settings.memory_limits()));
    (Backend::Memory(Arc::clone(&memory)), Some(memory))
}

fn say(line: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    let written = writeln!(out, "{line}").and_then(|()| out.flush());
    match written {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(Error::stdout(error)),
        _ => Ok(()),
    }
}

/// Ready at Ctrl-C or SIGTERM; the handlers are in place when this returns.
#[cfg(unix)]
fn told_to_stop() -> std::io::Result<impl Future<Output = ()> + Send> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

/// Ready at Ctrl-C or Ctrl-Break; the handlers are in place when this returns.
#[cfg(windows)]
fn told_to_stop() -> std::io::Result<impl Future<Output = ()> + Send> {
    use tokio::signal::windows::{ctrl_break, ctrl_c};
    let (mut interrupt, mut terminate) = (ctrl_c()?, ctrl_break()?);
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}
