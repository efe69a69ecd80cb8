//! Consumer groups in memory: what a group is asked from outside. Offsets outlive its members.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use self::state::State;
use super::{Memory, lock};
use crate::standin::members::{GroupInfo, Lag, MemberInfo, TopicPartition};

mod member;
mod range;
mod state;
#[cfg(test)]
mod tests;

pub(crate) use member::Member;

/// Groups by name.
#[derive(Debug, Default)]
pub(super) struct Groups(Mutex<BTreeMap<String, Arc<Group>>>);

/// One group.
#[derive(Debug, Default)]
struct Group {
    state: Mutex<State>,
}

impl Groups {
    /// The group, made if it is new.
    fn of(&self, name: &str) -> Arc<Group> {
        let mut groups = lock(&self.0);
        Arc::clone(groups.entry(name.to_owned()).or_default())
    }

    fn find(&self, name: &str) -> Option<Arc<Group>> {
        let group = lock(&self.0).get(name).cloned()?;
        let known = lock(&group.state).is_known();
        known.then_some(group)
    }

    /// Forgets the offsets of a topic that is gone.
    pub(super) fn forget(&self, topic: &str) {
        for group in lock(&self.0).values() {
            lock(&group.state).forget(topic);
        }
    }
}

impl Memory {
    /// Names of the groups that have members or offsets.
    pub(crate) fn groups(&self) -> Vec<String> {
        let groups = lock(&self.groups.0);
        let known = groups
            .iter()
            .filter(|(_, group)| lock(&group.state).is_known());
        known.map(|(name, _)| name.clone()).collect()
    }

    /// A group, `None` if it is unknown.
    pub(crate) fn group(&self, name: &str) -> Option<GroupInfo> {
        self.groups.find(name).map(|group| {
            let state = lock(&group.state);
            let members = state.members();
            let assignor = if members.is_empty() { "" } else { "range" };
            GroupInfo {
                group: name.to_owned(),
                state: state.word().to_owned(),
                assignor: assignor.to_owned(),
                members,
            }
        })
    }

    /// How far behind a group is, partition by partition; `None` if it is unknown.
    pub(crate) fn lags(&self, name: &str) -> Option<Vec<Lag>> {
        let group = self.groups.find(name)?;
        let state = lock(&group.state);
        let members = state.members();
        let lag = |(of, current_offset): (&TopicPartition, i64)| {
            let (_, log_end_offset) = self.offsets(&of.topic, of.partition).ok().flatten()?;
            let reads = |member: &&MemberInfo| member.assignment.contains(of);
            Some(Lag {
                of: of.clone(),
                current_offset,
                log_end_offset,
                member: members.iter().find(reads).cloned(),
            })
        };
        Some(state.all_committed().filter_map(lag).collect())
    }
}
