//! Producer settings of the front on Apache Kafka, by Kafka's own names: what Confluent's REST Proxy takes as `producer.*`.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

/// How the front's producer works; the defaults are those of Confluent's REST Proxy 8.0, which are Kafka's own.
///
/// Idempotence is not among them: the proxy forces it off, and so does the front.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProducerSettings {
    /// Whose acknowledgement a record waits for: `acks`.
    pub acks: Acks,
    /// How long a batch waits to be filled: `linger.ms`.
    pub linger: Duration,
    /// Size a batch of one partition is filled to: `batch.size`, in bytes.
    pub batch_bytes: usize,
    /// How batches are compressed: `compression.type`.
    pub compression: Compression,
    /// Keys and values that may wait in the producer: `buffer.memory`, in bytes.
    pub buffer_bytes: usize,
    /// How often a batch is sent again after a passing error: `retries`.
    pub retries: usize,
    /// Largest record, uncompressed, with Kafka's own overhead counted as the Java client does: `max.request.size`, in bytes.
    pub max_request_bytes: usize,
    /// Produce requests on their way to one broker: `max.in.flight.requests.per.connection`.
    pub in_flight: usize,
    /// How long a record waits for metadata or for room in the buffer: `max.block.ms`.
    pub max_block: Duration,
    /// How long an accepted record may take before it is given up: `delivery.timeout.ms`.
    pub delivery_timeout: Duration,
    /// How long the broker may take to answer one request: `request.timeout.ms`.
    pub request_timeout: Duration,
}

impl Default for ProducerSettings {
    fn default() -> Self {
        Self {
            acks: Acks::All,
            linger: Duration::from_millis(5),
            batch_bytes: 16 * 1024,
            compression: Compression::None,
            buffer_bytes: 32 * 1024 * 1024,
            retries: 2_147_483_647,
            max_request_bytes: 1024 * 1024,
            in_flight: 5,
            max_block: Duration::from_mins(1),
            delivery_timeout: Duration::from_mins(2),
            request_timeout: Duration::from_secs(30),
        }
    }
}

/// Whose acknowledgement a record waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Acks {
    /// Nobody's: a record that was sent counts as stored, at offset -1.
    None,
    /// The partition's leader's.
    Leader,
    /// That of all replicas in sync.
    All,
}

impl Acks {
    /// As Kafka writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "0",
            Self::Leader => "1",
            Self::All => "all",
        }
    }
}

/// How a batch is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "they are what they are called")]
pub enum Compression {
    None,
    Gzip,
    Snappy,
    Lz4,
    Zstd,
}

impl Compression {
    /// As Kafka writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Snappy => "snappy",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
        }
    }
}

/// A setting's name, what may be its value, and where it goes.
struct Kind {
    name: &'static str,
    wanted: &'static str,
    /// `None`: not such a value.
    set: fn(&mut ProducerSettings, &str) -> Option<()>,
    shown: fn(&ProducerSettings) -> String,
}

/// Kafka's name for idempotence, which is always off.
const IDEMPOTENCE: &str = "enable.idempotence";

/// Every setting. Bounds are those of librdkafka where they are narrower than those of Kafka's Java client.
const KINDS: [Kind; 12] = [
    Kind {
        name: "acks",
        wanted: "0, 1, all or -1",
        set: |to, text| {
            to.acks = match text {
                "0" => Acks::None,
                "1" => Acks::Leader,
                "all" | "-1" => Acks::All,
                _ => return None,
            };
            Some(())
        },
        shown: |of| of.acks.name().to_owned(),
    },
    Kind {
        name: "linger.ms",
        wanted: "milliseconds, 0 to 900000",
        set: |to, text| millis(&mut to.linger, text, 0..=900_000),
        shown: |of| of.linger.as_millis().to_string(),
    },
    Kind {
        name: "batch.size",
        wanted: "bytes, 0 to 2147483647",
        set: |to, text| number(&mut to.batch_bytes, text, 0..=2_147_483_647),
        shown: |of| of.batch_bytes.to_string(),
    },
    Kind {
        name: "compression.type",
        wanted: "none, gzip, snappy, lz4 or zstd",
        set: |to, text| {
            use Compression::{Gzip, Lz4, None, Snappy, Zstd};
            let all = [None, Gzip, Snappy, Lz4, Zstd];
            to.compression = all.into_iter().find(|one| one.name() == text)?;
            Some(())
        },
        shown: |of| of.compression.name().to_owned(),
    },
    Kind {
        name: "buffer.memory",
        wanted: "bytes, 1 to 1099511627776",
        set: |to, text| number(&mut to.buffer_bytes, text, 1..=1 << 40),
        shown: |of| of.buffer_bytes.to_string(),
    },
    Kind {
        name: "retries",
        wanted: "a number, 0 to 2147483647",
        set: |to, text| number(&mut to.retries, text, 0..=2_147_483_647),
        shown: |of| of.retries.to_string(),
    },
    Kind {
        name: "max.request.size",
        wanted: "bytes, 1 to 1000000000",
        set: |to, text| number(&mut to.max_request_bytes, text, 1..=1_000_000_000),
        shown: |of| of.max_request_bytes.to_string(),
    },
    Kind {
        name: "max.in.flight.requests.per.connection",
        wanted: "a number, 1 to 1000000",
        set: |to, text| number(&mut to.in_flight, text, 1..=1_000_000),
        shown: |of| of.in_flight.to_string(),
    },
    Kind {
        name: "max.block.ms",
        wanted: "milliseconds, 0 to 2147483647",
        set: |to, text| millis(&mut to.max_block, text, 0..=2_147_483_647),
        shown: |of| of.max_block.as_millis().to_string(),
    },
    Kind {
        name: "delivery.timeout.ms",
        wanted: "milliseconds, 1 to 2147483647",
        set: |to, text| millis(&mut to.delivery_timeout, text, 1..=2_147_483_647),
        shown: |of| of.delivery_timeout.as_millis().to_string(),
    },
    Kind {
        name: "request.timeout.ms",
        wanted: "milliseconds, 10 to 300000",
        set: |to, text| millis(&mut to.request_timeout, text, 10..=300_000),
        shown: |of| of.request_timeout.as_millis().to_string(),
    },
    Kind {
        name: IDEMPOTENCE,
        wanted: "false (true is ignored, as by Confluent's REST Proxy)",
        set: |_, text| matches!(text, "true" | "false").then_some(()),
        shown: |_| "false".to_owned(),
    },
];

fn number(to: &mut usize, text: &str, within: RangeInclusive<u64>) -> Option<()> {
    let value: u64 = text.parse().ok()?;
    *to = usize::try_from(value).ok()?;
    within.contains(&value).then_some(())
}

fn millis(to: &mut Duration, text: &str, within: RangeInclusive<u64>) -> Option<()> {
    let value: u64 = text.parse().ok()?;
    *to = Duration::from_millis(value);
    within.contains(&value).then_some(())
}

/// One `NAME=VALUE`, found to be sound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProducerSetting {
    name: &'static str,
    value: String,
}

impl FromStr for ProducerSetting {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let Some((name, value)) = text.split_once('=') else {
            return Err(format!(
                "`{text}` has no value: write NAME=VALUE, such as linger.ms=20"
            ));
        };
        let (name, value) = (name.trim(), value.trim());
        let Some(kind) = KINDS.iter().find(|kind| kind.name == name) else {
            let names = KINDS.map(|kind| kind.name).join(", ");
            return Err(format!(
                "`{name}` is no producer setting of the front: write one of {names}"
            ));
        };
        (kind.set)(&mut ProducerSettings::default(), value)
            .map(|()| Self {
                name: kind.name,
                value: value.to_owned(),
            })
            .ok_or_else(|| format!("`{value}` is no value of {name}: write {}", kind.wanted))
    }
}

impl fmt::Display for ProducerSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.name, self.value)
    }
}

impl ProducerSetting {
    /// Whether it asks for what there is not: idempotence.
    pub fn is_ignored(&self) -> bool {
        self.name == IDEMPOTENCE && self.value == "true"
    }
}

impl ProducerSettings {
    /// These, changed by what was asked for.
    ///
    /// # Errors
    /// A setting named twice, or times that Kafka's Java client does not take together.
    pub fn with(mut self, asked: &[ProducerSetting]) -> Result<Self, String> {
        for (index, setting) in asked.iter().enumerate() {
            if asked[..index]
                .iter()
                .any(|other| other.name == setting.name)
            {
                return Err(format!("{} is set twice", setting.name));
            }
            let kind = KINDS.iter().find(|kind| kind.name == setting.name);
            let set = kind.and_then(|kind| (kind.set)(&mut self, &setting.value));
            set.ok_or_else(|| format!("{setting} cannot be set"))?;
        }
        let least = self.linger + self.request_timeout;
        if self.delivery_timeout < least {
            if asked
                .iter()
                .any(|setting| setting.name == "delivery.timeout.ms")
            {
                return Err(format!(
                    "delivery.timeout.ms is {}, and must be at least linger.ms + request.timeout.ms, which is {}",
                    self.delivery_timeout.as_millis(),
                    least.as_millis()
                ));
            }
            self.delivery_timeout = least;
        }
        Ok(self)
    }

    /// The settings that are not at their defaults, as `NAME=VALUE`.
    pub fn changed(&self) -> Vec<String> {
        let defaults = Self::default();
        let changed = KINDS
            .iter()
            .filter(|kind| (kind.shown)(self) != (kind.shown)(&defaults));
        changed
            .map(|kind| format!("{}={}", kind.name, (kind.shown)(self)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(asked: &str) -> Result<ProducerSettings, String> {
        let asked: Result<Vec<ProducerSetting>, String> =
            asked.split_whitespace().map(str::parse).collect();
        ProducerSettings::default().with(&asked?)
    }

    #[test]
    fn every_setting_is_taken_by_kafkas_name_and_shown_if_it_differs() {
        let all = "acks=1 linger.ms=200 batch.size=65536 compression.type=zstd buffer.memory=67108864 \
            retries=3 max.request.size=2097152 max.in.flight.requests.per.connection=1 max.block.ms=2000 \
            delivery.timeout.ms=9000 request.timeout.ms=1500";
        let settings = with(all).unwrap();
        assert_eq!(
            settings,
            ProducerSettings {
                acks: Acks::Leader,
                linger: Duration::from_millis(200),
                batch_bytes: 65_536,
                compression: Compression::Zstd,
                buffer_bytes: 67_108_864,
                retries: 3,
                max_request_bytes: 2_097_152,
                in_flight: 1,
                max_block: Duration::from_secs(2),
                delivery_timeout: Duration::from_secs(9),
                request_timeout: Duration::from_millis(1_500),
            }
        );
        let asked: Vec<&str> = all.split_whitespace().collect();
        assert_eq!(settings.changed(), asked);
        assert_eq!(KINDS.len(), asked.len() + 1, "and idempotence");
        assert!(ProducerSettings::default().changed().is_empty());
        assert!(with("acks=-1 linger.ms=5").unwrap().changed().is_empty());
    }

    #[test]
    fn what_is_wrong_is_named_with_what_was_expected() {
        let said = [
            "linger=5",
            "linger.ms",
            "linger.ms=soon",
            "linger.ms=-1",
            "acks=2",
            "compression.type=brotli",
            "max.request.size=0",
            "request.timeout.ms=300001",
            "retries=1 retries=2",
            "delivery.timeout.ms=30004",
            "enable.idempotence=maybe",
        ]
        .map(|text| with(text).unwrap_err());
        insta::assert_snapshot!(said.join("\n"), @r"
        `linger` is no producer setting of the front: write one of acks, linger.ms, batch.size, compression.type, buffer.memory, retries, max.request.size, max.in.flight.requests.per.connection, max.block.ms, delivery.timeout.ms, request.timeout.ms, enable.idempotence
        `linger.ms` has no value: write NAME=VALUE, such as linger.ms=20
        `soon` is no value of linger.ms: write milliseconds, 0 to 900000
        `-1` is no value of linger.ms: write milliseconds, 0 to 900000
        `2` is no value of acks: write 0, 1, all or -1
        `brotli` is no value of compression.type: write none, gzip, snappy, lz4 or zstd
        `0` is no value of max.request.size: write bytes, 1 to 1000000000
        `300001` is no value of request.timeout.ms: write milliseconds, 10 to 300000
        retries is set twice
        delivery.timeout.ms is 30004, and must be at least linger.ms + request.timeout.ms, which is 30005
        `maybe` is no value of enable.idempotence: write false (true is ignored, as by Confluent's REST Proxy)
        ");
    }

    #[test]
    fn the_delivery_timeout_grows_with_the_others_unless_it_was_set() {
        let settings = with("request.timeout.ms=200000").unwrap();
        assert_eq!(settings.delivery_timeout, Duration::from_millis(200_005));
        let settings = with("delivery.timeout.ms=30005").unwrap();
        assert_eq!(settings.delivery_timeout, Duration::from_millis(30_005));
    }

    #[test]
    fn idempotence_is_off_whatever_is_asked_for() {
        let ignored = |text: &str| text.parse::<ProducerSetting>().unwrap().is_ignored();
        assert!(ignored("enable.idempotence=true"));
        assert!(!ignored("enable.idempotence=false"));
        assert_eq!(
            with("enable.idempotence=true").unwrap(),
            ProducerSettings::default()
        );
    }
}
