//! Kafka's range assignor, and the order in which Java's consumer goes through what it got.

use std::collections::BTreeMap;

use crate::standin::members::TopicPartition;

/// The share of each member: of each topic a range of its partitions, the first members one more if it does not come out even.
pub(super) fn share(
    partitions: &BTreeMap<String, i32>,
    members: &[Vec<String>],
) -> Vec<Vec<TopicPartition>> {
    let mut shares = vec![Vec::new(); members.len()];
    for (topic, count) in partitions {
        let wants = |member: &&usize| members[**member].contains(topic);
        let all: Vec<usize> = (0..members.len()).collect();
        let readers: Vec<usize> = all.iter().filter(wants).copied().collect();
        let Ok(readers_count) = i32::try_from(readers.len()) else {
            continue;
        };
        if readers_count == 0 {
            continue;
        }
        let (each, more) = (count / readers_count, count % readers_count);
        let mut next = 0;
        for (reader, number) in readers.into_iter().zip(0..) {
            let length = each + i32::from(number < more);
            shares[reader].extend((next..next + length).map(|partition| TopicPartition {
                topic: topic.clone(),
                partition,
            }));
            next += length;
        }
    }
    for share in &mut shares {
        sort_as_java(share);
    }
    shares
}

/// Puts partitions into the order of a Java `HashSet`: that of its buckets. Recorded servers list and read them so.
pub(super) fn sort_as_java(partitions: &mut [TopicPartition]) {
    let buckets = (partitions.len() * 4 / 3 + 1).next_power_of_two().max(16) as u32;
    partitions.sort_by_key(|of| {
        let hash = hash(of);
        ((hash ^ hash >> 16) & (buckets - 1), of.partition)
    });
}

/// Java's `TopicPartition.hashCode`.
fn hash(of: &TopicPartition) -> u32 {
    let letters = of.topic.encode_utf16();
    let topic = letters.fold(0_u32, |hash, letter| {
        hash.wrapping_mul(31).wrapping_add(u32::from(letter))
    });
    let partition = 31_u32.wrapping_add(of.partition.cast_unsigned());
    partition.wrapping_mul(31).wrapping_add(topic)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shared(partitions: &[(&str, i32)], members: &[&[&str]]) -> Vec<Vec<(String, i32)>> {
        let partitions = partitions
            .iter()
            .map(|(topic, count)| ((*topic).to_owned(), *count))
            .collect();
        let members: Vec<Vec<String>> = members
            .iter()
            .map(|topics| topics.iter().map(|topic| (*topic).to_owned()).collect())
            .collect();
        let shares = share(&partitions, &members).into_iter();
        let plain = |share: Vec<TopicPartition>| {
            let mut share: Vec<_> = share.into_iter().map(|p| (p.topic, p.partition)).collect();
            share.sort();
            share
        };
        shares.map(plain).collect()
    }

    #[test]
    fn each_topic_is_cut_into_ranges() {
        let of = |topic: &str, partitions: &[i32]| -> Vec<(String, i32)> {
            partitions.iter().map(|p| (topic.to_owned(), *p)).collect()
        };
        assert_eq!(
            shared(&[("t", 7)], &[&["t"], &["t"], &["t"]]),
            [of("t", &[0, 1, 2]), of("t", &[3, 4]), of("t", &[5, 6])]
        );
        assert_eq!(
            shared(&[("t", 1), ("u", 2)], &[&["t", "u"], &["u"], &[]]),
            [
                [of("t", &[0]), of("u", &[0])].concat(),
                of("u", &[1]),
                vec![]
            ]
        );
        let six: [&[&str]; 6] = [&["t"]; 6];
        let lengths: Vec<usize> = shared(&[("t", 24)], &six).iter().map(Vec::len).collect();
        assert_eq!(lengths, [4; 6]);
    }

    #[test]
    fn partitions_come_in_the_recorded_order() {
        let order = |topic: &str, count| {
            let of = |partition| TopicPartition {
                topic: topic.to_owned(),
                partition,
            };
            let mut all: Vec<_> = (0..count).map(of).collect();
            sort_as_java(&mut all);
            all.into_iter().map(|of| of.partition).collect::<Vec<_>>()
        };
        // `consumer-assignments` of tests/wire/confluent-8.0.5.jsonl.
        assert_eq!(order("wire-idle", 3), [1, 0, 2]);
        assert_eq!(order("t", 24).len(), 24);
    }
}
