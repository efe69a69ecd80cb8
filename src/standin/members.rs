//! Members of consumer groups: what the HTTP front asks of one, whichever backend holds the records.
//!
//! A member never waits for records: [`Member::poll`] gives what is there. How long a fetch takes, when it ends and what a commit
//! answers are manners of the server that is played, and the front's business.

use std::sync::Arc;

use super::backend::ApiError;
use super::memory;
use crate::wire::code;

/// Where a partition is read from that has no committed offset: `auto.offset.reset`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reset {
    Earliest,
    Latest,
    /// A fetch fails.
    None,
}

/// What a member is made with.
#[derive(Debug, Clone)]
pub(crate) struct MemberSettings {
    pub(crate) group: String,
    /// Name of the instance, for `client.id` and lists of members.
    pub(crate) instance: String,
    pub(crate) reset: Reset,
    /// Positions are committed by themselves, every 5 s and when it leaves, as by Kafka's consumer.
    pub(crate) auto_commit: bool,
}

/// What a member reads, shared with the others of its group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Subscription {
    Topics(Vec<String>),
    /// A regular expression, matched against whole names, topics made later included.
    Pattern(String),
}

/// A partition of a topic.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct TopicPartition {
    pub(crate) topic: String,
    pub(crate) partition: i32,
}

/// A place in a partition: of the next record to read, or to read after a restart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) of: TopicPartition,
    pub(crate) offset: i64,
    /// Text that was committed with it.
    pub(crate) metadata: String,
}

/// Where to go on reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Seek {
    Beginning,
    End,
    Offset(i64),
    /// The first record that is not older, in ms since 1970; the end if there is none.
    Timestamp(i64),
}

/// A record as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fetched {
    pub(crate) topic: Arc<str>,
    pub(crate) partition: i32,
    pub(crate) offset: i64,
    /// In ms since 1970.
    pub(crate) timestamp_ms: i64,
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) value: Option<Vec<u8>>,
}

/// A group, for v3's lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct GroupInfo {
    pub(crate) group: String,
    /// `STABLE`, `EMPTY`, `PREPARING_REBALANCE`, …
    pub(crate) state: String,
    /// Kafka's name of the assignor, such as `range`; empty without members.
    pub(crate) assignor: String,
    pub(crate) members: Vec<MemberInfo>,
}

/// A member of a group, for v3's lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MemberInfo {
    /// As Kafka names it: client id and a random part.
    pub(crate) consumer: String,
    /// `group.instance.id`, if it has one.
    pub(crate) instance: Option<String>,
    pub(crate) client: String,
    pub(crate) assignment: Vec<TopicPartition>,
}

/// How far behind a group is in one partition that it has committed an offset of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Lag {
    pub(crate) of: TopicPartition,
    /// Committed.
    pub(crate) current_offset: i64,
    /// Next offset to be written.
    pub(crate) log_end_offset: i64,
    /// Who reads it now.
    pub(crate) member: Option<MemberInfo>,
}

impl Lag {
    /// Records not read yet.
    pub(crate) fn lag(&self) -> i64 {
        self.log_end_offset - self.current_offset
    }
}

/// A consumer in a group, before whichever backend holds the records.
#[derive(Debug)]
pub(crate) enum Member {
    /// Reads from this process.
    Memory(Box<memory::Member>),
    /// Reads from a real Apache Kafka.
    #[cfg(feature = "kafka")]
    Kafka(super::kafka::Member),
}

/// Calls the same method of whichever member it is; the memory one answers without waiting. The first kind of call cannot fail
/// in memory.
macro_rules! either {
    ($member:expr, Ok($name:ident($($argument:expr),*))) => {
        match $member {
            Member::Memory(member) => Ok(member.$name($($argument),*)),
            #[cfg(feature = "kafka")]
            Member::Kafka(member) => member.$name($($argument),*).await,
        }
    };
    ($member:expr, $name:ident($($argument:expr),*)) => {
        match $member {
            Member::Memory(member) => member.$name($($argument),*),
            #[cfg(feature = "kafka")]
            Member::Kafka(member) => member.$name($($argument),*).await,
        }
    };
}

#[cfg_attr(
    not(feature = "kafka"),
    expect(clippy::unused_async, reason = "the Kafka backend waits")
)]
impl Member {
    /// Wants these topics from the next poll on, its share of them with the group.
    pub(crate) async fn subscribe(&self, subscription: Subscription) -> Result<(), ApiError> {
        either!(self, subscribe(subscription))
    }

    /// Wants nothing any more, and leaves its place in the group.
    pub(crate) async fn unsubscribe(&self) -> Result<(), ApiError> {
        either!(self, Ok(unsubscribe()))
    }

    /// Topics it is subscribed to; of a pattern those that match.
    pub(crate) async fn subscription(&self) -> Vec<String> {
        either!(self, subscription())
    }

    /// Reads these partitions, whoever else reads them.
    pub(crate) async fn assign(&self, partitions: Vec<TopicPartition>) -> Result<(), ApiError> {
        either!(self, assign(partitions))
    }

    /// Partitions it reads.
    pub(crate) async fn assignment(&self) -> Vec<TopicPartition> {
        either!(self, assignment())
    }

    /// What is there now, this many records at most, without waiting; moves the position.
    pub(crate) async fn poll(&self, max_records: usize) -> Result<Vec<Fetched>, ApiError> {
        either!(self, poll(max_records))
    }

    /// Goes on reading elsewhere.
    pub(crate) async fn seek(&self, places: &[(TopicPartition, Seek)]) -> Result<(), ApiError> {
        either!(self, seek(places))
    }

    /// Next offset to read of each of its partitions that was read or sought.
    pub(crate) async fn positions(&self) -> Vec<(TopicPartition, i64)> {
        either!(self, positions())
    }

    /// Stores offsets for the group, exactly these.
    pub(crate) async fn commit(&self, positions: &[Position]) -> Result<(), ApiError> {
        either!(self, commit(positions))
    }

    /// What the group has stored of these; nothing of the others.
    pub(crate) async fn committed(
        &self,
        partitions: &[TopicPartition],
    ) -> Result<Vec<Position>, ApiError> {
        either!(self, Ok(committed(partitions)))
    }

    /// Leaves the group for good; commits first, if it does so by itself.
    pub(crate) async fn close(&self) {
        either!(self, close());
    }
}

/// What Java's consumer says of a call that does not suit what went before, in the proxy's words.
pub(crate) fn illegal_state(message: &str) -> ApiError {
    ApiError {
        status: 409,
        code: code::ILLEGAL_STATE,
        message: format!("{ILLEGAL_STATE}{message}"),
    }
}

/// What Confluent's proxy puts before the words of Java's consumer.
pub(crate) const ILLEGAL_STATE: &str = "Illegal state: ";

/// What Java's consumer could not do, in the proxy's words.
pub(crate) fn kafka_error(message: &str) -> ApiError {
    ApiError {
        status: 500,
        code: code::KAFKA,
        message: message.to_owned(),
    }
}

/// A random UUID, as Java writes it.
pub(crate) fn uuid() -> String {
    let random = rand::random::<u128>();
    // Version 4, variant 1 (RFC 9562).
    let marked = random & !(0xF << 76 | 0xC << 60) | 0x4 << 76 | 0x8 << 60;
    let hex = format!("{marked:032x}");
    let parts = [
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..],
    ];
    parts.join("-")
}
