//! Consumer groups of the cluster, whoever their members are: names, members, and how far behind they are.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::Front;
use super::protocol::{Address, Connection, Failure, Reader, Request, checked};
use crate::standin::backend::ApiError;
use crate::standin::members::{GroupInfo, Lag, MemberInfo, TopicPartition};

/// `timestamp` of a ListOffsets request that asks for the end.
const LATEST: i64 = -1;

impl Front {
    /// Names of all consumer groups, those without members included; not the groups of Kafka Connect and other users of the
    /// protocol.
    ///
    /// # Errors
    /// Status 500 with code 50003 if no broker answers in time.
    pub(crate) async fn groups(&self) -> Result<Vec<String>, ApiError> {
        let names: BTreeSet<_> = self
            .insist("", "findAllBrokers", async || {
                let mut names = BTreeSet::new();
                for address in Layout::ask(&self.seeds, &[]).await?.brokers.into_values() {
                    names.extend(listed(&mut Connection::open(&[address]).await?).await?);
                }
                Ok(names)
            })
            .await?;
        Ok(names.into_iter().collect())
    }

    /// A group and its members, `None` if there is no such group.
    ///
    /// # Errors
    /// Status 500 with code 50003 if no broker answers in time.
    pub(crate) async fn group(&self, group: &str) -> Result<Option<GroupInfo>, ApiError> {
        self.insist(group, "describeGroups(api=FIND_COORDINATOR)", async || {
            let mut coordinator = self.coordinator(group).await?;
            let known = described(&mut coordinator, group).await?;
            if known.is_some()
                || !listed(&mut coordinator)
                    .await?
                    .iter()
                    .any(|one| one == group)
            {
                return Ok(known);
            }
            // Of Kafka's new protocol, whose members this request does not see.
            Ok(Some(GroupInfo {
                group: group.to_owned(),
                state: "UNKNOWN".to_owned(),
                assignor: String::new(),
                members: Vec::new(),
            }))
        })
        .await
    }

    /// How far behind a group is in each partition that it has committed an offset of; `None` if there is no such group.
    /// The members in it are without their assignments.
    ///
    /// # Errors
    /// Status 500 with code 50003 if no broker answers in time.
    pub(crate) async fn lags(&self, group: &str) -> Result<Option<Vec<Lag>>, ApiError> {
        let call = "offsetFetch(api=FIND_COORDINATOR)";
        let found = self.insist(group, call, async || {
            let mut coordinator = self.coordinator(group).await?;
            let info = described(&mut coordinator, group).await?;
            let committed = committed(&mut coordinator, group).await?;
            let topics: BTreeSet<_> = committed.keys().map(|of| of.topic.as_str()).collect();
            let topics: Vec<_> = topics.into_iter().collect();
            let ends = if topics.is_empty() {
                HashMap::new()
            } else {
                let layout = Layout::ask(&self.seeds, &topics).await?;
                layout.ends(&committed).await?
            };
            Ok((info, committed, ends))
        });
        let (info, committed, ends) = found.await?;
        if info.is_none() && committed.is_empty() {
            return Ok(None);
        }
        let readers = readers(info);
        let lags = committed.into_iter().filter_map(|(of, current_offset)| {
            Some(Lag {
                current_offset,
                // A partition without an end is gone: its topic was deleted.
                log_end_offset: *ends.get(&of)?,
                member: readers.get(&of).cloned(),
                of,
            })
        });
        Ok(Some(lags.collect()))
    }

    async fn coordinator(&self, group: &str) -> Result<Connection, Failure> {
        const GROUP: i8 = 0;
        let request = Request::new(10, 1).string(group).i8(GROUP);
        let (found, address) = Connection::open(&self.seeds)
            .await?
            .ask(&request, |answer| {
                answer.skip(4)?;
                let found = checked(answer.i16()?, answer.nullable()?);
                answer.skip(4)?;
                Some((found, address(answer)?))
            })
            .await?;
        found?;
        Connection::open(&[address]).await
    }
}

/// Of one broker, the groups it coordinates.
async fn listed(broker: &mut Connection) -> Result<Vec<String>, Failure> {
    let (fine, groups) = broker
        .ask(&Request::new(16, 1), |answer| {
            answer.skip(4)?;
            let fine = checked(answer.i16()?, None);
            let groups = answer.array(|group| Some((group.string()?, group.string()?)))?;
            Some((fine, groups))
        })
        .await?;
    fine?;
    let of_consumers = |kind: &str| matches!(kind, "consumer" | "");
    let names = groups
        .into_iter()
        .filter_map(|(name, kind)| of_consumers(&kind).then_some(name));
    Ok(names.collect())
}

async fn described(
    coordinator: &mut Connection,
    group: &str,
) -> Result<Option<GroupInfo>, Failure> {
    let request = Request::new(15, 4)
        .array([group].into_iter(), Request::string)
        .i8(0);
    let mut groups = coordinator
        .ask(&request, |answer| {
            answer.skip(4)?;
            answer.array(|group| {
                let fine = checked(group.i16()?, None);
                let name = group.string()?;
                let state = group.string()?;
                let _kind = group.string()?;
                let assignor = group.string()?;
                let members = group.array(member)?;
                let _operations = group.i32()?;
                let state = screaming(&state);
                Some((
                    fine,
                    GroupInfo {
                        group: name,
                        state,
                        assignor,
                        members,
                    },
                ))
            })
        })
        .await?;
    let (fine, info) = groups.pop().ok_or(Failure::Lost)?;
    fine?;
    Ok(Some(info).filter(|info| info.state != "DEAD"))
}

fn member(answer: &mut Reader<'_>) -> Option<MemberInfo> {
    let consumer = answer.string()?;
    let instance = answer.nullable()?;
    let client = answer.string()?;
    let _host = answer.string()?;
    let _subscription = answer.bytes()?;
    // Between two assignments there is none.
    let assignment = assigned(&mut Reader(answer.bytes()?)).unwrap_or_default();
    Some(MemberInfo {
        consumer,
        instance,
        client,
        assignment,
    })
}

/// `ConsumerProtocolAssignment`: version, topics with partitions, the assignor's own data.
fn assigned(bytes: &mut Reader<'_>) -> Option<Vec<TopicPartition>> {
    bytes.i16()?;
    let topics = bytes.array(|topic| Some((topic.string()?, topic.array(Reader::i32)?)))?;
    let partitions = topics.into_iter().flat_map(|(topic, partitions)| {
        let of = move |partition| TopicPartition {
            topic: topic.clone(),
            partition,
        };
        partitions.into_iter().map(of)
    });
    Some(partitions.collect())
}

/// `PreparingRebalance` as the REST Proxy writes it: `PREPARING_REBALANCE`.
fn screaming(state: &str) -> String {
    let mut screaming = String::new();
    for letter in state.chars() {
        if letter.is_ascii_uppercase() && !screaming.is_empty() {
            screaming.push('_');
        }
        screaming.push(letter.to_ascii_uppercase());
    }
    screaming
}

/// All offsets that a group has committed.
async fn committed(
    coordinator: &mut Connection,
    group: &str,
) -> Result<BTreeMap<TopicPartition, i64>, Failure> {
    const ALL_TOPICS: i32 = -1;
    let request = Request::new(9, 5).string(group).i32(ALL_TOPICS);
    let (topics, fine) = coordinator
        .ask(&request, |answer| {
            answer.skip(4)?;
            let topics = answer.array(|topic| {
                let name = topic.string()?;
                let partitions = topic.array(|partition| {
                    let (index, offset) = (partition.i32()?, partition.i64()?);
                    let (_epoch, _metadata) = (partition.i32()?, partition.nullable()?);
                    Some((index, offset, checked(partition.i16()?, None)))
                })?;
                Some((name, partitions))
            })?;
            Some((topics, checked(answer.i16()?, None)))
        })
        .await?;
    fine?;
    let mut offsets = BTreeMap::new();
    for (topic, partitions) in topics {
        for (partition, offset, fine) in partitions {
            fine?;
            let of = TopicPartition {
                topic: topic.clone(),
                partition,
            };
            offsets.insert(of, offset);
        }
    }
    Ok(offsets)
}

fn readers(info: Option<GroupInfo>) -> HashMap<TopicPartition, MemberInfo> {
    let members = info.into_iter().flat_map(|info| info.members);
    let partitions = members.flat_map(|mut member| {
        let assignment = std::mem::take(&mut member.assignment);
        assignment.into_iter().map(move |of| (of, member.clone()))
    });
    partitions.collect()
}

fn address(answer: &mut Reader<'_>) -> Option<Address> {
    let host = answer.string()?;
    Some((host, u16::try_from(answer.i32()?).ok()?))
}

/// Which broker leads what.
struct Layout {
    brokers: BTreeMap<i32, Address>,
    leaders: HashMap<TopicPartition, i32>,
}

impl Layout {
    /// Of these topics; of none, only the brokers.
    async fn ask(seeds: &[Address], topics: &[&str]) -> Result<Self, Failure> {
        const CREATE_NONE: i8 = 0;
        let request = Request::new(3, 4)
            .array(topics.iter(), |request, topic| request.string(topic))
            .i8(CREATE_NONE);
        Connection::open(seeds)
            .await?
            .ask(&request, Self::read)
            .await
    }

    fn read(answer: &mut Reader<'_>) -> Option<Self> {
        answer.skip(4)?;
        let brokers = answer.array(|broker| {
            let (id, address) = (broker.i32()?, address(broker)?);
            broker.nullable()?;
            Some((id, address))
        })?;
        let (_cluster, _controller) = (answer.nullable()?, answer.i32()?);
        let topics = answer.array(|topic| {
            topic.i16()?;
            let name = topic.string()?;
            topic.bool()?;
            let partitions = topic.array(|partition| {
                partition.i16()?;
                let (index, leader) = (partition.i32()?, partition.i32()?);
                let _replicas = partition.array(Reader::i32)?;
                let _in_sync = partition.array(Reader::i32)?;
                Some((index, leader))
            })?;
            Some((name, partitions))
        })?;
        let leaders = topics.into_iter().flat_map(|(topic, partitions)| {
            let of = move |(partition, leader)| {
                let topic = topic.clone();
                (TopicPartition { topic, partition }, leader)
            };
            partitions.into_iter().map(of)
        });
        Some(Self {
            brokers: brokers.into_iter().collect(),
            leaders: leaders.collect(),
        })
    }

    /// Next offsets of these partitions, without those that are not there; each leader is asked once.
    async fn ends(
        &self,
        wanted: &BTreeMap<TopicPartition, i64>,
    ) -> Result<HashMap<TopicPartition, i64>, Failure> {
        let mut by_leader: BTreeMap<i32, BTreeMap<&str, Vec<i32>>> = BTreeMap::new();
        for of in wanted.keys() {
            if let Some(leader) = self.leaders.get(of) {
                let topics = by_leader.entry(*leader).or_default();
                topics.entry(&of.topic).or_default().push(of.partition);
            }
        }
        let mut ends = HashMap::new();
        for (leader, topics) in by_leader {
            // -1: none at the moment.
            let broker = self.brokers.get(&leader).ok_or(Failure::Lost)?;
            ends.extend(ends_at(broker, &topics).await?);
        }
        Ok(ends)
    }
}

async fn ends_at(
    leader: &Address,
    topics: &BTreeMap<&str, Vec<i32>>,
) -> Result<Vec<(TopicPartition, i64)>, Failure> {
    const NO_REPLICA: i32 = -1;
    let request =
        Request::new(2, 1)
            .i32(NO_REPLICA)
            .array(topics.iter(), |request, (topic, partitions)| {
                let request = request.string(topic);
                request.array(partitions.iter(), |request, partition| {
                    request.i32(*partition).i64(LATEST)
                })
            });
    let topics = Connection::open(std::slice::from_ref(leader))
        .await?
        .ask(&request, |answer| {
            answer.array(|topic| {
                let name = topic.string()?;
                let partitions = topic.array(|partition| {
                    let (index, fine) = (partition.i32()?, checked(partition.i16()?, None));
                    let (_timestamp, offset) = (partition.i64()?, partition.i64()?);
                    Some((index, fine, offset))
                })?;
                Some((name, partitions))
            })
        })
        .await?;
    let mut ends = Vec::new();
    for (topic, partitions) in topics {
        for (partition, fine, offset) in partitions {
            fine?;
            let topic = topic.clone();
            ends.push((TopicPartition { topic, partition }, offset));
        }
    }
    Ok(ends)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_are_written_as_by_the_proxy() {
        for (kafka, proxy) in [
            ("Stable", "STABLE"),
            ("PreparingRebalance", "PREPARING_REBALANCE"),
            ("", ""),
        ] {
            assert_eq!(screaming(kafka), proxy);
        }
    }

    #[test]
    fn an_assignment_is_read_and_one_cut_anywhere_is_none() {
        let mut bytes = b"\0\x01\0\0\0\x02\0\x01a\0\0\0\x02\0\0\0\0\0\0\0\x05".to_vec();
        bytes.extend(b"\0\x01b\0\0\0\x01\0\0\0\x07");
        let end = bytes.len();
        bytes.extend(b"\xff\xff\xff\xff");
        let partitions: Vec<_> = assigned(&mut Reader(&bytes))
            .unwrap()
            .into_iter()
            .map(|of| (of.topic, of.partition))
            .collect();
        let of = |topic: &str, partition| (topic.to_owned(), partition);
        assert_eq!(partitions, [of("a", 0), of("a", 5), of("b", 7)]);
        for length in 0..end {
            assert_eq!(assigned(&mut Reader(&bytes[..length])), None, "{length}");
        }
    }
}
