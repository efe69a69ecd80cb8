//! The records of one fetch. An answer may be tens of MiB: it is kept as it came, with the places of its parts beside it.

use std::borrow::Cow;
use std::ops::Range;
use std::time::Instant;

use serde::Deserialize;
use serde::de::{SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::format::RawJson;

/// What one fetch gave.
#[derive(Debug, Clone)]
pub struct Batch {
    text: String,
    /// Names of topics, each once.
    topics: Vec<String>,
    places: Vec<Place>,
    asked: Instant,
    received: Instant,
}

/// One record, borrowed from its batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record<'a> {
    /// Where it is stored.
    pub topic: &'a str,
    /// The partition.
    pub partition: u32,
    /// The offset.
    pub offset: i64,
    /// In ms since 1970; only Strimzi and Karapace tell it.
    pub timestamp_ms: Option<i64>,
    /// `None`: null.
    pub key: Option<RawJson<'a>>,
    /// `None`: null, a tombstone.
    pub value: Option<RawJson<'a>>,
}

#[derive(Debug, Clone)]
struct Place {
    topic: u32,
    partition: u32,
    offset: i64,
    timestamp_ms: Option<i64>,
    key: Option<Range<usize>>,
    value: Option<Range<usize>>,
}

impl Batch {
    /// Reads the body of an answer; if it is no list of records, the body comes back.
    pub(super) fn parse(body: Vec<u8>, asked: Instant, received: Instant) -> Result<Self, Vec<u8>> {
        let text = String::from_utf8(body).map_err(std::string::FromUtf8Error::into_bytes)?;
        match places(&text) {
            Ok(Index { topics, places, .. }) => Ok(Self {
                text,
                topics,
                places,
                asked,
                received,
            }),
            Err(_) => Err(text.into_bytes()),
        }
    }

    /// Records in it.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether the fetch gave nothing.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Length of the answer's body.
    pub fn wire_bytes(&self) -> usize {
        self.text.len()
    }

    /// When the fetch was asked for.
    pub fn asked(&self) -> Instant {
        self.asked
    }

    /// When its answer was there to the last byte; reading it took until later.
    pub fn received(&self) -> Instant {
        self.received
    }

    /// The records, in the order of the answer.
    pub fn records(&self) -> impl ExactSizeIterator<Item = Record<'_>> {
        let raw = |range: &Option<Range<usize>>| {
            let text = range.clone().and_then(|range| self.text.get(range));
            text.map(RawJson)
        };
        self.places.iter().map(move |place| Record {
            topic: &self.topics[place.topic as usize],
            partition: place.partition,
            offset: place.offset,
            timestamp_ms: place.timestamp_ms,
            key: raw(&place.key),
            value: raw(&place.value),
        })
    }
}

/// A record as servers write it; Strimzi's may have headers, which are left where they are.
#[derive(Deserialize)]
struct Written<'a> {
    #[serde(borrow)]
    topic: Cow<'a, str>,
    partition: u32,
    offset: i64,
    timestamp: Option<i64>,
    #[serde(borrow)]
    key: Option<&'a RawValue>,
    #[serde(borrow)]
    value: Option<&'a RawValue>,
}

fn places(text: &str) -> serde_json::Result<Index> {
    let mut reader = serde_json::Deserializer::from_str(text);
    let visitor = Index {
        start: text.as_ptr() as usize,
        topics: Vec::new(),
        places: Vec::new(),
    };
    let places = serde::Deserializer::deserialize_seq(&mut reader, visitor)?;
    reader.end()?;
    Ok(places)
}

struct Index {
    /// Where the text starts, to turn pieces of it into ranges.
    start: usize,
    topics: Vec<String>,
    places: Vec<Place>,
}

impl Index {
    fn topic(&mut self, name: &str) -> u32 {
        let known = self.topics.iter().rposition(|topic| topic == name);
        let index = known.unwrap_or_else(|| {
            self.topics.push(name.to_owned());
            self.topics.len() - 1
        });
        index as u32
    }

    fn range(&self, raw: &RawValue) -> Range<usize> {
        let from = raw.get().as_ptr() as usize - self.start;
        from..from + raw.get().len()
    }
}

impl<'de> Visitor<'de> for Index {
    type Value = Self;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a list of records")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<Self, A::Error> {
        while let Some(written) = list.next_element::<Written<'de>>()? {
            let place = Place {
                topic: self.topic(&written.topic),
                partition: written.partition,
                offset: written.offset,
                timestamp_ms: written.timestamp,
                key: written.key.map(|raw| self.range(raw)),
                value: written.value.map(|raw| self.range(raw)),
            };
            self.places.push(place);
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Option<Batch> {
        let now = Instant::now();
        Batch::parse(text.as_bytes().to_vec(), now, now).ok()
    }

    #[test]
    fn records_of_all_servers_are_read_as_they_stand() {
        let batch = parse(
            r#" [{"topic":"a","key":null,"value":{"n": 1},"partition":1,"offset":0},
              {"key":"k1","offset":9007199254740993,"partition":0,"timestamp":1795258047357,"topic":"b\u0061","value":"té\"xt"},
              {"topic":"a","key":[1, 2],"value":null,"partition":1,"offset":1,"headers":[{"key":"h","value":"dg=="}],"timestamp":null}] "#,
        )
        .expect("records");
        let shown: Vec<String> = batch
            .records()
            .map(|record| {
                let text = |raw: Option<RawJson<'_>>| {
                    raw.map_or("none".to_owned(), |raw| raw.get().to_owned())
                };
                let (topic, partition, offset) = (record.topic, record.partition, record.offset);
                let (key, value, at) = (text(record.key), text(record.value), record.timestamp_ms);
                format!("{topic}/{partition}@{offset} {key} = {value} {at:?}")
            })
            .collect();
        insta::assert_snapshot!(shown.join("\n"), @r#"
        a/1@0 none = {"n": 1} None
        ba/0@9007199254740993 "k1" = "té\"xt" Some(1795258047357)
        a/1@1 [1, 2] = none None
        "#);
        assert_eq!(batch.topics, ["a", "ba"]);
        assert!(parse("[]").expect("an empty list").is_empty());
    }

    #[test]
    fn what_is_no_list_of_records_is_refused() {
        for text in [
            "",
            "{}",
            "null",
            "[",
            "[1]",
            r#"[{"topic":"a","partition":0}]"#,
            r#"[{"topic":"a","partition":-1,"offset":0}]"#,
            "[]<html>",
            "[] []",
        ] {
            assert!(parse(text).is_none(), "{text}");
        }
        let now = Instant::now();
        assert!(Batch::parse(vec![b'[', b'"', 0xff, b'"', b']'], now, now).is_err());
    }
}
