//! `krush serve`: what was typed.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::builder::BoolishValueParser;
use clap::{ArgAction, Args};

use crate::model::Model;
use crate::standin::backend::topic_name_is_valid;
use crate::standin::{ProducerSetting, Writes};
use crate::units::{ByteSize, parse_duration};
use crate::wire::Dialect;

/// Run the built-in stand-in proxy as a server of its own.
#[derive(Debug, Clone, Args)]
pub struct ServeArgs {
    /// Port to listen on; 0 takes any free one.
    #[arg(long, default_value_t = 8082, env = "KRUSH_SERVE_PORT")]
    pub port: u16,
    /// Address to listen on.
    #[arg(long, default_value = "127.0.0.1", env = "KRUSH_SERVE_HOST")]
    pub host: String,
    /// Whose manners it has: confluent, strimzi, karapace or redpanda.
    #[arg(long, default_value = "confluent", env = "KRUSH_SERVE_DIALECT", value_parser = parse_dialect)]
    pub dialect: Dialect,
    /// Partitions of a topic made without a count.
    #[arg(long, default_value_t = 1, env = "KRUSH_SERVE_PARTITIONS", value_parser = clap::value_parser!(i32).range(1..=10_000))]
    pub partitions: i32,
    /// A topic that exists from the start, NAME or NAME:PARTITIONS; repeatable.
    #[arg(
        long = "topic",
        value_name = "NAME[:PARTITIONS]",
        env = "KRUSH_SERVE_TOPIC"
    )]
    #[arg(value_delimiter = ',')]
    pub topics: Vec<ServedTopic>,
    /// Do not create a missing topic on produce: its records fail after --max-block.
    #[arg(long, env = "KRUSH_SERVE_NO_AUTO_CREATE")]
    #[arg(value_parser = BoolishValueParser::new(), action = ArgAction::SetTrue)]
    pub no_auto_create: bool,
    /// Memory for stored records; the oldest are dropped and counted.
    #[arg(long, default_value = "64MiB", env = "KRUSH_SERVE_MAX_MEMORY")]
    pub max_memory: ByteSize,
    /// How long a record waits for a missing topic or partition.
    #[arg(long, default_value = "60s", env = "KRUSH_SERVE_MAX_BLOCK", value_parser = parse_duration)]
    pub max_block: Duration,
    /// Requests that may wait for a missing topic or partition before nobody is served any more (confluent).
    #[arg(long, default_value_t = 200, env = "KRUSH_SERVE_REQUEST_THREADS", value_parser = parse_request_threads)]
    pub request_threads: usize,
    /// Close a connection after this much silence; by default as the dialect's server does.
    #[arg(long, env = "KRUSH_SERVE_IDLE_TIMEOUT", value_parser = parse_duration)]
    pub idle_timeout: Option<Duration>,
    /// Remove a consumer instance that nobody used for so long; by default as the dialect's server (confluent: 5m).
    #[arg(long, env = "KRUSH_SERVE_CONSUMER_INSTANCE_TIMEOUT", value_parser = parse_duration)]
    pub consumer_instance_timeout: Option<Duration>,
    /// How long a consumer's fetch takes that does not say so; by default as the dialect's server (confluent: 1s).
    #[arg(long, env = "KRUSH_SERVE_CONSUMER_REQUEST_TIMEOUT", value_parser = parse_duration)]
    pub consumer_request_timeout: Option<Duration>,
    /// Worker threads; by default one for each core.
    #[arg(long, env = "KRUSH_SERVE_THREADS", value_parser = parse_threads)]
    pub threads: Option<usize>,
    /// In how many TCP writes an answer leaves: recorded (as the dialect's server), one, or auto: as recorded, but in one where a thread has several to send.
    #[arg(long, default_value = "auto", env = "KRUSH_SERVE_WRITES", value_parser = parse_writes)]
    pub writes: Writes,
    /// PEM file with the server's certificate chain: serve HTTPS.
    #[arg(long, requires = "tls_key", env = "KRUSH_SERVE_TLS_CERT")]
    pub tls_cert: Option<PathBuf>,
    /// PEM file with the server's private key.
    #[arg(long, requires = "tls_cert", env = "KRUSH_SERVE_TLS_KEY")]
    pub tls_key: Option<PathBuf>,
    /// PEM file with a CA: clients must show a certificate it signed.
    #[arg(long, requires = "tls_cert", env = "KRUSH_SERVE_TLS_CLIENT_CA")]
    pub tls_client_ca: Option<PathBuf>,
    /// Misbehave on purpose, such as stall=1s@5s, fail=10%:50002, status=503@1%; repeatable, see docs/serve.md.
    #[arg(long = "fault", env = "KRUSH_SERVE_FAULT", value_delimiter = ';')]
    pub faults: Vec<String>,
    /// Have the capacity of a model, such as workers=2,request=230us,record=8us,latency=5ms,scale=0.5; without a value that of a Confluent REST Proxy on 2 cores, see docs/serve.md.
    #[arg(
        long,
        value_name = "MODEL",
        env = "KRUSH_SERVE_MODEL",
        num_args = 0..=1,
        default_missing_value = "default"
    )]
    pub model: Option<Model>,
    /// Put the same front before a real Apache Kafka, HOST:PORT (needs the cargo feature `kafka`).
    #[arg(long, value_name = "HOST:PORT", env = "KRUSH_SERVE_KAFKA")]
    pub kafka: Option<String>,
    /// Version of that Kafka, such as 4.3.1, for the server's name: the protocol tells only the release.
    #[arg(
        long,
        value_name = "VERSION",
        requires = "kafka",
        env = "KRUSH_SERVE_KAFKA_VERSION"
    )]
    pub kafka_version: Option<String>,
    /// Setting of the producer before that Kafka, by Kafka's name, such as linger.ms=20 or compression.type=lz4; repeatable, see docs/kafka-front.md.
    #[arg(
        long = "producer",
        value_name = "NAME=VALUE",
        requires = "kafka",
        env = "KRUSH_SERVE_PRODUCER",
        value_delimiter = ','
    )]
    pub producer: Vec<ProducerSetting>,
}

/// A topic that is there from the start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServedTopic {
    /// Its name, one that Kafka takes.
    pub name: String,
    /// Its partitions; `None`: as `--partitions`.
    pub partitions: Option<i32>,
}

impl FromStr for ServedTopic {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, count) = match text.split_once(':') {
            None => (text, None),
            Some((name, count)) => (name, Some(count)),
        };
        if !topic_name_is_valid(name) {
            return Err(format!(
                "`{name}` is not a topic name: write 1 to 249 of a-z A-Z 0-9 . _ -, and not . or .."
            ));
        }
        let partitions = count.map(|count| {
            let number = count.parse().ok();
            number
                .filter(|number| (1..=10_000).contains(number))
                .ok_or_else(|| format!("`{count}` is not a number of partitions: write 1 to 10000"))
        });
        Ok(Self {
            name: name.to_owned(),
            partitions: partitions.transpose()?,
        })
    }
}

fn parse_dialect(text: &str) -> Result<Dialect, String> {
    [
        Dialect::Confluent,
        Dialect::Strimzi,
        Dialect::Karapace,
        Dialect::Redpanda,
    ]
    .into_iter()
    .find(|dialect| dialect.name() == text)
    .ok_or_else(|| {
        format!("`{text}` is not a dialect: write confluent, strimzi, karapace or redpanda")
    })
}

fn parse_writes(text: &str) -> Result<Writes, String> {
    match text {
        "auto" => Ok(Writes::Auto),
        "recorded" => Ok(Writes::Recorded),
        "one" => Ok(Writes::One),
        _ => Err(format!(
            "`{text}` is not a way to write answers: write auto, recorded or one"
        )),
    }
}

fn parse_threads(text: &str) -> Result<usize, String> {
    text.parse()
        .ok()
        .filter(|threads| (1..=1024).contains(threads))
        .ok_or_else(|| format!("`{text}` is not a number of threads: write 1 to 1024"))
}

fn parse_request_threads(text: &str) -> Result<usize, String> {
    text.parse()
        .ok()
        .filter(|threads| (1..=100_000).contains(threads))
        .ok_or_else(|| format!("`{text}` is not a number of request threads: write 1 to 100000"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_are_read_with_and_without_partitions() {
        let topic = |name: &str, partitions| ServedTopic {
            name: name.to_owned(),
            partitions,
        };
        assert_eq!("a.b-c_1".parse(), Ok(topic("a.b-c_1", None)));
        assert_eq!("t:48".parse(), Ok(topic("t", Some(48))));
        for (text, part) in [
            ("", "`` is not a topic name"),
            (":3", "`` is not a topic name"),
            ("a b", "`a b` is not a topic name"),
            ("t:", "`` is not a number of partitions"),
            ("t:0", "`0` is not a number of partitions"),
            ("t:-1", "`-1` is not a number of partitions"),
            ("t:1:2", "`1:2` is not a number of partitions"),
            ("t:10001", "`10001` is not a number of partitions"),
        ] {
            let error = text.parse::<ServedTopic>().expect_err(text);
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
