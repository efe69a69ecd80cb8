//! Members of consumer groups: what the HTTP front asks of one, whichever backend holds the records.
//!
//! A member never waits for records: [`Member::poll`] gives what is there. How long a fetch takes, when it ends and what a commit
//! answers are manners of the server that is played, and the front's business.

use std::sync::Arc;

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
