//! A real Apache Kafka behind the stand-in's HTTP front: one librdkafka producer and one admin client per process.
//!
//! Settings, waits and texts are those of Confluent's REST Proxy, so that what a client sees does not depend on which
//! of the two it talks to; what differs is listed in `docs/kafka-front.md`.

mod admin;
mod batch;
mod metadata;
#[cfg(test)]
mod outages;
mod produce;
mod texts;
mod version;

use std::sync::Arc;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::admin::AdminClient;
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{Producer, ThreadedProducer};

use crate::error::{Error, Result};
use batch::Deliveries;
use metadata::Quiet;

/// How the front talks to Kafka; the defaults are those of Confluent's REST Proxy 8.0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FrontSettings {
    /// How long a batch waits to be filled: `linger.ms`.
    pub linger: Duration,
    /// Size a batch of one partition is filled to: `batch.size`, in bytes.
    pub batch_bytes: usize,
    /// Largest record, uncompressed, with Kafka's own overhead counted as the Java client does: `max.request.size`, in bytes.
    pub max_request_bytes: usize,
    /// Keys and values that may wait in the producer: `buffer.memory`, in bytes.
    pub buffer_bytes: usize,
    /// Produce requests on their way to one broker.
    pub in_flight: usize,
    /// How long a record waits for metadata or for room in the buffer: `max.block.ms`.
    pub max_block: Duration,
    /// How long an accepted record may take before it is given up: `delivery.timeout.ms`.
    pub delivery_timeout: Duration,
    /// How long metadata and admin calls may take: `default.api.timeout.ms`.
    pub api_timeout: Duration,
    /// How long [`Front::connect`] waits for a broker.
    pub connect_timeout: Duration,
    /// Whether producing to a missing topic may create it (if the broker allows that too).
    pub auto_create: bool,
    /// Kafka's version as the user knows it; no Kafka request tells the patch level.
    pub kafka_version: Option<String>,
}

impl Default for FrontSettings {
    fn default() -> Self {
        Self {
            linger: Duration::from_millis(5),
            batch_bytes: 16 * 1024,
            max_request_bytes: 1024 * 1024,
            buffer_bytes: 32 * 1024 * 1024,
            in_flight: 5,
            max_block: Duration::from_mins(1),
            delivery_timeout: Duration::from_mins(2),
            api_timeout: Duration::from_mins(1),
            connect_timeout: Duration::from_secs(10),
            auto_create: true,
            kafka_version: None,
        }
    }
}

/// The backend: produce, metadata and topic administration against a Kafka cluster.
pub struct Front {
    settings: FrontSettings,
    producer: ThreadedProducer<Deliveries>,
    admin: Arc<AdminClient<Quiet>>,
    /// One metadata request of the produce path at a time, however many requests wait for the same topic.
    refreshing: tokio::sync::Mutex<()>,
    cluster_id: String,
    server_name: String,
}

impl Front {
    /// Connects to the cluster at `bootstrap` (`HOST:PORT`, several separated by commas). Blocks until a broker answered.
    ///
    /// # Errors
    /// [`Error::Usage`] for an address without a port; [`Error::Target`] if no broker answers within
    /// [`FrontSettings::connect_timeout`].
    pub fn connect(bootstrap: &str, settings: FrontSettings) -> Result<Self> {
        check_bootstrap(bootstrap)?;
        let admin = AdminClient::from_config_and_context(&admin_config(bootstrap), Quiet)
            .map_err(|error| refused(bootstrap, &error))?;
        let brokers = admin
            .inner()
            .fetch_metadata(None, settings.connect_timeout)
            .map_err(|error| unanswered(bootstrap, &settings, &error))?;
        let cluster_id = admin
            .inner()
            .fetch_cluster_id(settings.connect_timeout)
            .ok_or_else(|| {
                Error::target(
                    format!("the broker at {bootstrap} names no cluster id"),
                    "the front needs Apache Kafka 0.10.1 or later",
                )
            })?;
        let seen = brokers.brokers().iter().find_map(|broker| {
            let port = u16::try_from(broker.port()).ok()?;
            version::ask(broker.host(), port, settings.connect_timeout)
        });
        let producer = ThreadedProducer::from_config_and_context(
            &producer_config(bootstrap, &settings),
            Deliveries::default(),
        )
        .map_err(|error| refused(bootstrap, &error))?;
        // The producer's own first contact, so that the first record finds a connection.
        producer
            .client()
            .fetch_metadata(None, settings.connect_timeout)
            .map_err(|error| unanswered(bootstrap, &settings, &error))?;
        Ok(Self {
            server_name: version::server_name(settings.kafka_version.as_deref(), seen),
            settings,
            producer,
            admin: Arc::new(admin),
            refreshing: tokio::sync::Mutex::new(()),
            cluster_id,
        })
    }

    /// The Kafka cluster's id.
    pub fn cluster_id(&self) -> String {
        self.cluster_id.clone()
    }

    /// What this server is, for every output: the front, and Kafka's version as far as it is known.
    pub fn server_name(&self) -> String {
        self.server_name.clone()
    }
}

fn check_bootstrap(bootstrap: &str) -> Result<()> {
    for address in bootstrap.split(',') {
        let valid = address.rsplit_once(':').is_some_and(|(host, port)| {
            !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port != 0)
        });
        if !valid || address.contains("//") {
            return Err(Error::Usage {
                message: format!("--kafka wants HOST:PORT, not {address:?}"),
                hint: Some("for example --kafka localhost:9092".to_owned()),
            });
        }
    }
    Ok(())
}

fn unanswered(bootstrap: &str, settings: &FrontSettings, error: &KafkaError) -> Error {
    let why = match error.rdkafka_error_code() {
        Some(RDKafkaErrorCode::BrokerTransportFailure | RDKafkaErrorCode::OperationTimedOut) => {
            "no connection, or no answer in Kafka's protocol".to_owned()
        }
        _ => error.to_string(),
    };
    Error::target(
        format!(
            "no Kafka broker answered at {bootstrap} within {} s: {why}",
            settings.connect_timeout.as_secs_f32()
        ),
        "is Kafka running there, and are its advertised.listeners reachable from here?",
    )
}

fn refused(bootstrap: &str, error: &KafkaError) -> Error {
    Error::Internal(format!(
        "cannot set up a Kafka client for {bootstrap}: {error}"
    ))
}

fn admin_config(bootstrap: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", bootstrap)
        .set("client.id", "krush-front-admin")
        // A look at a topic must not create it.
        .set("allow.auto.create.topics", "false")
        .set("reconnect.backoff.max.ms", "500");
    config
}

fn producer_config(bootstrap: &str, settings: &FrontSettings) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", bootstrap)
        .set("client.id", "krush-front")
        .set("allow.auto.create.topics", settings.auto_create.to_string())
        .set("acks", "all")
        .set("enable.idempotence", "false")
        .set("linger.ms", settings.linger.as_millis().to_string())
        .set("batch.size", settings.batch_bytes.to_string())
        .set("message.max.bytes", settings.max_request_bytes.to_string())
        .set("max.in.flight", settings.in_flight.to_string())
        .set(
            "message.timeout.ms",
            settings.delivery_timeout.as_millis().to_string(),
        )
        // The buffer is bounded in bytes, as Java's is; the count must not be reached before.
        .set("queue.buffering.max.messages", "0")
        .set(
            "queue.buffering.max.kbytes",
            settings.buffer_bytes.div_ceil(1024).to_string(),
        )
        .set("partitioner", "murmur2_random")
        // Java's client is back within a second of the broker; librdkafka's default backs off to ten.
        .set("reconnect.backoff.max.ms", "500");
    config
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bootstrap_needs_host_and_port() {
        for good in ["localhost:9092", "10.0.0.1:1,b.example:65535", "[::1]:9092"] {
            assert!(check_bootstrap(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "localhost",
            ":9092",
            "localhost:0",
            "h:65536",
            "http://h:9092",
            "a:1,",
        ] {
            assert!(
                matches!(check_bootstrap(bad), Err(Error::Usage { .. })),
                "{bad}"
            );
        }
    }

    #[test]
    fn nobody_listening_is_a_target_error_that_names_the_address() {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = free.local_addr().unwrap().to_string();
        drop(free);
        let settings = FrontSettings {
            connect_timeout: Duration::from_millis(300),
            ..FrontSettings::default()
        };
        let started = std::time::Instant::now();
        let Err(error) = Front::connect(&address, settings) else {
            panic!("connected to nobody");
        };
        assert!(started.elapsed() < Duration::from_secs(5));
        assert_eq!(error.exit_code(), crate::error::exit::TARGET);
        assert!(error.to_string().contains(&address), "{error}");
    }
}
