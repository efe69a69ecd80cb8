//! A real Apache Kafka behind the stand-in's HTTP front: one librdkafka producer and one admin client per process.
//!
//! Settings, waits and texts are those of Confluent's REST Proxy, so that what a client sees does not depend on which
//! of the two it talks to; what differs is listed in `docs/kafka-front.md`.

mod admin;
mod alter;
mod batch;
mod groups;
mod member;
#[cfg(test)]
mod membership;
mod metadata;
#[cfg(test)]
mod outages;
mod places;
mod produce;
mod protocol;
mod rebalance;
mod refusals;
mod session;
mod texts;
mod version;

use std::sync::Arc;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::admin::AdminClient;
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::metadata::Metadata;
use rdkafka::producer::{Producer, ThreadedProducer};

use super::ProducerSettings;
use super::members::{MemberSettings, Reset};
use crate::error::{Error, Result};
use batch::Deliveries;
pub(crate) use member::Member;
use metadata::Quiet;
use protocol::Address;

/// How the front talks to Kafka; the defaults are those of Confluent's REST Proxy 8.0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FrontSettings {
    /// How its one producer works.
    pub producer: ProducerSettings,
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
            producer: ProducerSettings::default(),
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
    /// Where to ask what librdkafka has no call for: as told, and the brokers that were seen at the start.
    seeds: Vec<Address>,
    bootstrap: String,
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
            server_name: named(
                version::server_name(settings.kafka_version.as_deref(), seen),
                &settings.producer,
            ),
            settings,
            seeds: seeds(bootstrap, &brokers),
            bootstrap: bootstrap.to_owned(),
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

    /// What this server is, for every output: the front, Kafka's version as far as it is known, and the producer settings
    /// that are not at their defaults, since figures with other ones do not compare.
    pub fn server_name(&self) -> String {
        self.server_name.clone()
    }
}

fn seeds(bootstrap: &str, seen: &Metadata) -> Vec<Address> {
    let mut seeds = protocol::addresses(bootstrap);
    let brokers = seen.brokers().iter();
    seeds.extend(brokers.filter_map(|broker| {
        let port = u16::try_from(broker.port()).ok()?;
        Some((broker.host().to_owned(), port))
    }));
    seeds
}

fn named(server: String, producer: &ProducerSettings) -> String {
    match producer.changed() {
        changed if changed.is_empty() => server,
        changed => format!("{server} ({})", changed.join(", ")),
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

/// librdkafka's names for Kafka's settings. Where its bounds are narrower than what a setting may be, the front itself keeps to
/// the setting, and librdkafka gets what is next to it.
fn producer_config(bootstrap: &str, settings: &FrontSettings) -> ClientConfig {
    let producer = &settings.producer;
    let millis = |duration: Duration| duration.as_millis().to_string();
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", bootstrap)
        .set("client.id", "krush-front")
        .set("allow.auto.create.topics", settings.auto_create.to_string())
        .set("acks", producer.acks.name())
        .set("enable.idempotence", "false")
        .set("compression.type", producer.compression.name())
        .set("linger.ms", millis(producer.linger))
        .set("batch.size", producer.batch_bytes.max(1).to_string())
        .set(
            "message.max.bytes",
            producer.max_request_bytes.max(1000).to_string(),
        )
        .set("max.in.flight", producer.in_flight.to_string())
        .set("message.send.max.retries", producer.retries.to_string())
        .set("message.timeout.ms", millis(producer.delivery_timeout))
        // What the broker may take for the replicas, and what librdkafka waits for any answer: Java's client has one for both.
        .set("request.timeout.ms", millis(producer.request_timeout))
        .set("socket.timeout.ms", millis(producer.request_timeout))
        // The buffer is bounded in bytes, as Java's is; the count must not be reached before.
        .set("queue.buffering.max.messages", "0")
        .set(
            "queue.buffering.max.kbytes",
            producer.buffer_bytes.div_ceil(1024).to_string(),
        )
        .set("partitioner", "murmur2_random")
        // Java's client is back within a second of the broker; librdkafka's default backs off to ten.
        .set("reconnect.backoff.max.ms", "500");
    config
}

/// Kafka's defaults for its Java consumer, under librdkafka's names, where librdkafka's own differ.
fn consumer_config(
    bootstrap: &str,
    settings: &FrontSettings,
    member: &MemberSettings,
) -> ClientConfig {
    let reset = match member.reset {
        Reset::Earliest => "earliest",
        Reset::Latest => "latest",
        Reset::None => "error",
    };
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", bootstrap)
        .set("group.id", &member.group)
        .set("client.id", &member.instance)
        .set("auto.offset.reset", reset)
        // Positions and commits of them are the front's.
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("allow.auto.create.topics", settings.auto_create.to_string())
        .set("partition.assignment.strategy", "range")
        .set("session.timeout.ms", "45000")
        .set("heartbeat.interval.ms", "3000")
        .set("max.poll.interval.ms", "300000")
        .set("isolation.level", "read_uncommitted")
        .set("socket.timeout.ms", "30000")
        .set("max.partition.fetch.bytes", "1048576")
        .set("fetch.max.bytes", "52428800")
        // Read ahead no further than Java's client, which holds one answer, and without a pause of a second when that is reached.
        .set("queued.max.messages.kbytes", "51200")
        .set("fetch.queue.backoff.ms", "10")
        // Topics made later, and new partitions, are found within so long; Java's client takes up to five minutes.
        .set("topic.metadata.refresh.interval.ms", "3000")
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
    fn librdkafka_takes_every_setting_at_both_ends_of_its_range() {
        let take = |asked: &str| {
            let asked: Vec<_> = asked.split(' ').map(|one| one.parse().unwrap()).collect();
            let settings = FrontSettings {
                producer: ProducerSettings::default().with(&asked).unwrap(),
                ..FrontSettings::default()
            };
            let config = producer_config("127.0.0.1:1", &settings);
            let made = ThreadedProducer::from_config_and_context(&config, Deliveries::default());
            let producer: ThreadedProducer<Deliveries> =
                made.unwrap_or_else(|error| panic!("{asked:?}: {error}"));
            drop(producer);
        };
        for compression in ["none", "gzip", "snappy", "lz4", "zstd"] {
            for acks in ["0", "1", "all", "-1"] {
                take(&format!("compression.type={compression} acks={acks}"));
            }
        }
        take(
            "linger.ms=0 batch.size=0 buffer.memory=1 retries=0 max.request.size=1 \
             max.in.flight.requests.per.connection=1 max.block.ms=0 delivery.timeout.ms=10 request.timeout.ms=10",
        );
        take(
            "linger.ms=900000 batch.size=2147483647 buffer.memory=1099511627776 retries=2147483647 \
             max.request.size=1000000000 max.in.flight.requests.per.connection=1000000 \
             max.block.ms=2147483647 delivery.timeout.ms=2147483647 request.timeout.ms=300000",
        );
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
