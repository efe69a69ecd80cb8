//! Claims as they are kept in a report, and read again to audit a run that is over.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use roaring::RoaringTreemap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::PayloadSection;
use crate::measure::{Claims, ThreadClaims};
use crate::plan::{Content, KeyMode, Payload};
use crate::units::ByteSize;

/// What a run claims of each of its records, warm-up included. A record that is in none of the sets was acked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ClaimsSection {
    /// The run's name: the first characters of every record's id.
    pub run: String,
    /// Next offset of each partition before the run; `null`: not asked for (no `--verify`).
    pub start_offsets: Option<Vec<i64>>,
    /// Acked records by partition; empty: not counted.
    pub acked_by_partition: Vec<u64>,
    /// One an engine thread.
    pub threads: Vec<ThreadClaimsSection>,
}

/// What one engine thread claims. Sets of record numbers (request × batch size + index in the batch) are Roaring bitmaps of 64 bits
/// in the portable format, as base64; empty: no record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ThreadClaimsSection {
    /// Request numbers given out by each of its connections: n × connections + the connection's own.
    pub requests: Vec<u64>,
    /// Numbers that no record was sent with.
    pub unsent: String,
    /// Refused.
    pub rejected: String,
    /// May or may not be stored.
    pub unknown: String,
}

impl ClaimsSection {
    /// Claims as they are kept.
    pub(super) fn of(claims: &Claims) -> Self {
        Self {
            run: claims.run.clone(),
            start_offsets: None,
            acked_by_partition: claims.acked_by_partition.clone(),
            threads: claims.threads.iter().map(thread).collect(),
        }
    }

    /// The claims of a run in batches of `batch_size`; `None`: the sets cannot be read.
    pub fn claims(&self, batch_size: u32) -> Option<Claims> {
        let threads = self.threads.iter().map(|thread| {
            Some(ThreadClaims {
                requests: thread.requests.clone(),
                unsent: decode(&thread.unsent)?,
                rejected: decode(&thread.rejected)?,
                unknown: decode(&thread.unknown)?,
            })
        });
        Some(Claims {
            run: self.run.clone(),
            batch_size,
            threads: threads.collect::<Option<_>>()?,
            acked_by_partition: self.acked_by_partition.clone(),
        })
    }
}

fn thread(claims: &ThreadClaims) -> ThreadClaimsSection {
    ThreadClaimsSection {
        requests: claims.requests.clone(),
        unsent: encode(&claims.unsent),
        rejected: encode(&claims.rejected),
        unknown: encode(&claims.unknown),
    }
}

fn encode(set: &RoaringTreemap) -> String {
    if set.is_empty() {
        return String::new();
    }
    let mut set = set.clone();
    set.optimize();
    let mut bytes = Vec::with_capacity(set.serialized_size());
    set.serialize_into(&mut bytes)
        .expect("writing to memory cannot fail");
    STANDARD.encode(bytes)
}

fn decode(text: &str) -> Option<RoaringTreemap> {
    if text.is_empty() {
        return Some(RoaringTreemap::new());
    }
    let bytes = STANDARD.decode(text).ok()?;
    RoaringTreemap::deserialize_from(bytes.as_slice()).ok()
}

impl PayloadSection {
    /// What a record of the run looks like; `None`: by words that this version does not know.
    pub fn payload(&self) -> Option<Payload> {
        let content = [Content::Text, Content::Base64]
            .into_iter()
            .find(|content| content.name() == self.content)?;
        let keys = self.key.keys;
        let key = match self.key.mode.as_str() {
            "none" => KeyMode::None,
            "sequence" => KeyMode::Sequence,
            "random" => KeyMode::Random { keys: keys? },
            "hot" => KeyMode::Hot {
                keys: keys?,
                hot_ratio: self.key.hot_ratio?,
            },
            _ => return None,
        };
        Some(Payload {
            format: self.format,
            message_size: ByteSize(self.message_size_bytes),
            content,
            key,
            seed: self.seed,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_survive_being_kept() {
        let mut thread = ThreadClaims::new(3);
        for connection in [0, 1, 2, 2, 0, 2] {
            thread.next_request(connection);
        }
        thread.never_sent(8, 10);
        thread.unknown.insert_range(10..20);
        let claims = Claims {
            run: "abcde".to_owned(),
            batch_size: 10,
            threads: vec![thread, ThreadClaims::new(1)],
            acked_by_partition: vec![3, 4],
        };
        let text = serde_json::to_string(&ClaimsSection::of(&claims)).unwrap();
        let kept: ClaimsSection = serde_json::from_str(&text).unwrap();
        assert_eq!(kept.claims(10), Some(claims));
        let broken = ClaimsSection {
            threads: vec![ThreadClaimsSection {
                unknown: "AAAA".to_owned(),
                ..kept.threads[0].clone()
            }],
            ..kept
        };
        assert_eq!(broken.claims(10), None);
    }
}
