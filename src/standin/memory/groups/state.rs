//! What a group is made of: members, who of them reads what, and how far the group has come.
//!
//! A rebalance takes two steps, as in Kafka: every member gives up what it reads when it next polls, and once all have, the
//! partitions are shared anew. A member that does not poll holds the others up, until it is given up.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use super::range;
use crate::standin::members::{MemberInfo, Position, TopicPartition};

/// How long the others wait for a member that does not poll: `max.poll.interval.ms`.
const REBALANCE_TIMEOUT: Duration = Duration::from_mins(5);

/// A member as its group knows it.
#[derive(Debug)]
struct Joined {
    /// As Kafka names it.
    consumer: String,
    client: String,
    topics: Vec<String>,
    /// It has given up what it read, and waits for its new share.
    waits: bool,
    assigned: Vec<TopicPartition>,
}

/// Members, their shares, committed offsets.
#[derive(Debug, Default)]
pub(super) struct State {
    members: BTreeMap<u64, Joined>,
    /// When the rebalance that is going on began.
    rebalancing: Option<Instant>,
    /// Counts rebalances that came to an end.
    generation: u32,
    /// Topics that were shared last, and their partitions then.
    layout: BTreeMap<String, i32>,
    committed: BTreeMap<TopicPartition, (i64, String)>,
}

impl State {
    pub(super) fn generation(&self) -> u32 {
        self.generation
    }

    pub(super) fn is_rebalancing(&self) -> bool {
        self.rebalancing.is_some()
    }

    pub(super) fn has(&self, id: u64) -> bool {
        self.members.contains_key(&id)
    }

    /// A member comes; the others will have to share with it.
    pub(super) fn join(
        &mut self,
        id: u64,
        consumer: &str,
        client: &str,
        topics: &[String],
        now: Instant,
    ) {
        let joined = Joined {
            consumer: consumer.to_owned(),
            client: client.to_owned(),
            topics: topics.to_vec(),
            waits: true,
            assigned: Vec::new(),
        };
        self.members.insert(id, joined);
        self.rebalance(now);
    }

    /// A member goes; the others share what it read.
    pub(super) fn leave(&mut self, id: u64, now: Instant) {
        if self.members.remove(&id).is_none() {
            return;
        }
        if self.members.is_empty() {
            self.rebalancing = None;
            self.generation += 1;
            self.layout.clear();
        } else {
            self.rebalance(now);
        }
    }

    /// What a member wants to read; another wish than before, or topics that have other partitions now, make all share anew.
    pub(super) fn wants(
        &mut self,
        id: u64,
        topics: &[String],
        count: impl Fn(&str) -> i32,
        now: Instant,
    ) {
        let Some(member) = self.members.get_mut(&id) else {
            return;
        };
        let other = member.topics != topics;
        if other {
            topics.clone_into(&mut member.topics);
        }
        if other || self.layout != self.layout(count) {
            self.rebalance(now);
        }
    }

    fn rebalance(&mut self, now: Instant) {
        self.rebalancing.get_or_insert(now);
    }

    fn layout(&self, count: impl Fn(&str) -> i32) -> BTreeMap<String, i32> {
        let wanted = self.members.values().flat_map(|member| &member.topics);
        let wanted: BTreeSet<&String> = wanted.collect();
        let counted = wanted
            .into_iter()
            .map(|topic| (topic.clone(), count(topic)));
        counted.filter(|(_, count)| *count > 0).collect()
    }

    /// Whether a member still has to give up what it read.
    pub(super) fn must_give_up(&self, id: u64) -> bool {
        let waits = self.members.get(&id).is_none_or(|member| member.waits);
        self.is_rebalancing() && !waits
    }

    /// A member has given up what it read.
    pub(super) fn gives_up(&mut self, id: u64) {
        if let Some(member) = self.members.get_mut(&id) {
            member.waits = true;
            member.assigned.clear();
        }
    }

    /// Ends a rebalance if no member has to be waited for any more.
    pub(super) fn settle(&mut self, count: impl Fn(&str) -> i32, now: Instant) {
        let Some(began) = self.rebalancing else {
            return;
        };
        if now.saturating_duration_since(began) >= REBALANCE_TIMEOUT {
            self.members.retain(|_, member| member.waits);
        }
        if self.members.values().any(|member| !member.waits) {
            return;
        }
        self.layout = self.layout(count);
        let topics = |member: &Joined| member.topics.clone();
        let members: Vec<Vec<String>> = self.members.values().map(topics).collect();
        let shares = range::share(&self.layout, &members);
        for (member, share) in self.members.values_mut().zip(shares) {
            member.waits = false;
            member.assigned = share;
        }
        self.rebalancing = None;
        self.generation += 1;
    }

    /// What a member reads.
    pub(super) fn share(&self, id: u64) -> &[TopicPartition] {
        let share = self
            .members
            .get(&id)
            .map(|member| member.assigned.as_slice());
        share.unwrap_or_default()
    }

    pub(super) fn commit(&mut self, position: &Position) {
        let value = (position.offset, position.metadata.clone());
        self.committed.insert(position.of.clone(), value);
    }

    pub(super) fn committed(&self, of: &TopicPartition) -> Option<Position> {
        let (offset, metadata) = self.committed.get(of)?;
        Some(Position {
            of: of.clone(),
            offset: *offset,
            metadata: metadata.clone(),
        })
    }

    /// Offset that was committed, and of which partition.
    pub(super) fn all_committed(&self) -> impl Iterator<Item = (&TopicPartition, i64)> {
        self.committed.iter().map(|(of, (offset, _))| (of, *offset))
    }

    /// Kafka forgets the offsets of a topic with the topic.
    pub(super) fn forget(&mut self, topic: &str) {
        self.committed.retain(|of, _| of.topic != topic);
    }

    /// Whether there is anything to tell of it.
    pub(super) fn is_known(&self) -> bool {
        !self.members.is_empty() || !self.committed.is_empty()
    }

    /// Kafka's word for the state it is in.
    pub(super) fn word(&self) -> &'static str {
        match (self.members.is_empty(), self.is_rebalancing()) {
            (true, _) => "EMPTY",
            (false, true) => "PREPARING_REBALANCE",
            (false, false) => "STABLE",
        }
    }

    pub(super) fn members(&self) -> Vec<MemberInfo> {
        let info = |member: &Joined| MemberInfo {
            consumer: member.consumer.clone(),
            instance: None,
            client: member.client.clone(),
            assignment: member.assigned.clone(),
        };
        self.members.values().map(info).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const THREE: fn(&str) -> i32 = |topic| if topic == "t" { 3 } else { 0 };

    fn join(state: &mut State, id: u64, now: Instant) {
        state.join(id, "c-1", "c", &["t".to_owned()], now);
        state.settle(THREE, now);
    }

    fn counts(state: &State, ids: &[u64]) -> Vec<usize> {
        ids.iter().map(|id| state.share(*id).len()).collect()
    }

    #[test]
    fn partitions_are_shared_once_every_member_gave_its_own_up() {
        let now = Instant::now();
        let mut state = State::default();
        assert_eq!(state.word(), "EMPTY");
        join(&mut state, 1, now);
        assert_eq!((state.word(), counts(&state, &[1])), ("STABLE", vec![3]));
        join(&mut state, 2, now);
        assert_eq!(state.word(), "PREPARING_REBALANCE");
        assert_eq!(counts(&state, &[1, 2]), [3, 0]);
        assert!(state.must_give_up(1) && !state.must_give_up(2));
        state.gives_up(1);
        state.settle(THREE, now);
        assert_eq!(counts(&state, &[1, 2]), [2, 1]);
        assert_eq!((state.word(), state.generation()), ("STABLE", 2));
        state.leave(1, now);
        state.settle(THREE, now);
        assert!(
            state.must_give_up(2),
            "the one who stays must poll before it has all"
        );
        state.gives_up(2);
        state.settle(THREE, now);
        assert_eq!(counts(&state, &[2]), [3]);
    }

    #[test]
    fn who_does_not_poll_is_given_up_after_five_minutes() {
        let now = Instant::now();
        let mut state = State::default();
        join(&mut state, 1, now);
        join(&mut state, 2, now);
        state.settle(THREE, now + REBALANCE_TIMEOUT / 2);
        assert!(state.has(1) && state.is_rebalancing());
        state.settle(THREE, now + REBALANCE_TIMEOUT);
        assert!(!state.has(1));
        assert_eq!(counts(&state, &[2]), [3]);
    }

    #[test]
    fn more_partitions_and_another_wish_make_all_share_anew() {
        let now = Instant::now();
        let mut state = State::default();
        join(&mut state, 1, now);
        let topics = ["t".to_owned()];
        state.wants(1, &topics, THREE, now);
        assert!(!state.is_rebalancing());
        state.wants(1, &topics, |_| 4, now);
        assert!(state.is_rebalancing());
        state.gives_up(1);
        state.settle(|_| 4, now);
        assert_eq!(counts(&state, &[1]), [4]);
        state.wants(1, &[], |_| 4, now);
        state.gives_up(1);
        state.settle(|_| 4, now);
        assert_eq!(counts(&state, &[1]), [0]);
    }

    #[test]
    fn offsets_stay_when_the_last_member_has_left() {
        let now = Instant::now();
        let mut state = State::default();
        join(&mut state, 1, now);
        let of = TopicPartition {
            topic: "t".to_owned(),
            partition: 1,
        };
        state.commit(&Position {
            of: of.clone(),
            offset: 7,
            metadata: "m".to_owned(),
        });
        state.leave(1, now);
        assert_eq!(state.committed(&of).unwrap().offset, 7);
        assert!(state.is_known());
        state.forget("t");
        assert!(!state.is_known());
    }
}
