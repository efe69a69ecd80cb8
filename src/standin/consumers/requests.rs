//! Bodies of consumer requests: read as each server reads them, with its words for what is wrong.

use serde_json::{Map, Value};

use super::words;
use crate::standin::answer::Answer;
use crate::standin::members::TopicPartition;
use crate::standin::produce::embedded;
use crate::standin::serve::Call;
use crate::standin::strimzi;
use crate::wire::{ACCEPT_V2, Dialect};

/// What a request may say.
pub(super) struct Expected {
    /// The argument of the real proxy's method, which its message of a missing body names.
    pub(super) argument: &'static str,
    pub(super) fields: &'static [&'static str],
}

/// A body that is an object.
#[derive(Debug, Default)]
pub(super) struct Fields {
    dialect: Option<Dialect>,
    map: Map<String, Value>,
}

/// A partition and what is said of it.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) of: TopicPartition,
    pub(super) offset: Option<i64>,
    pub(super) metadata: Option<String>,
    pub(super) timestamp: Option<String>,
}

/// The body of a request that needs one.
pub(super) fn required(call: &Call<'_>, expected: &Expected) -> Result<Fields, Answer> {
    let dialect = call.shared.dialect;
    optional(call, expected)?.ok_or_else(|| words::no_body(dialect, expected.argument))
}

/// The body of a request that may have none.
pub(super) fn optional(call: &Call<'_>, expected: &Expected) -> Result<Option<Fields>, Answer> {
    let dialect = call.shared.dialect;
    if call.body.trim_ascii().is_empty() {
        return Ok(None);
    }
    check_type(call)?;
    let value: Value = serde_json::from_slice(call.body)
        .map_err(|error| words::malformed(dialect, &error.to_string()))?;
    let map = match value {
        Value::Null => return Ok(None),
        Value::Object(map) => map,
        other => return Err(words::mistyped(dialect, "body", "object", kind(&other))),
    };
    let unknown = map
        .keys()
        .find(|key| !expected.fields.contains(&key.as_str()));
    if let Some(refused) = unknown.and_then(|field| words::unknown_field(dialect, field)) {
        return Err(refused);
    }
    Ok(Some(Fields {
        dialect: Some(dialect),
        map,
    }))
}

/// Jersey has looked at Confluent's types by now.
fn check_type(call: &Call<'_>) -> Result<(), Answer> {
    match call.shared.dialect {
        Dialect::Strimzi if call.head.content_type != Some(ACCEPT_V2) => Err(strimzi::invalid(
            "The format of the request body is not supported",
        )),
        Dialect::Karapace => embedded(Dialect::Karapace, call.head).map(|_| ()),
        _ => Ok(()),
    }
}

impl Fields {
    pub(super) fn has(&self, name: &str) -> bool {
        self.map.get(name).is_some_and(|value| !value.is_null())
    }

    fn dialect(&self) -> Dialect {
        self.dialect.unwrap_or(Dialect::Confluent)
    }

    fn wrong(&self, name: &str, wanted: &str, value: &Value) -> Answer {
        words::mistyped(self.dialect(), name, wanted, kind(value))
    }

    /// A string. Jackson takes a number or a word for one too.
    pub(super) fn string(&self, name: &str) -> Result<Option<String>, Answer> {
        match self.map.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(value @ (Value::Number(_) | Value::Bool(_))) if !self.is_strict() => {
                Ok(Some(value.to_string()))
            }
            Some(value) => Err(self.wrong(name, "string", value)),
        }
    }

    /// An integer. All but Strimzi take a string that is one.
    pub(super) fn integer(&self, name: &str) -> Result<Option<i64>, Answer> {
        match self.map.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => {
                let number = integer(value, self.is_strict());
                let number = number.ok_or_else(|| self.wrong(name, "integer", value));
                number.map(Some)
            }
        }
    }

    /// A word that is true or false. All but Strimzi take a string that is one.
    pub(super) fn boolean(&self, name: &str) -> Result<Option<bool>, Answer> {
        match self.map.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Bool(value)) => Ok(Some(*value)),
            Some(Value::String(text)) if !self.is_strict() => {
                Ok(Some(text.eq_ignore_ascii_case("true")))
            }
            Some(value) => Err(self.wrong(name, "boolean", value)),
        }
    }

    pub(super) fn strings(&self, name: &str) -> Result<Vec<String>, Answer> {
        let Some(list) = self.list(name)? else {
            return Ok(Vec::new());
        };
        let string = |value: &Value| {
            let text = value.as_str().map(str::to_owned);
            text.ok_or_else(|| self.wrong(name, "string", value))
        };
        list.iter().map(string).collect()
    }

    /// Partitions with what is said of each; `None` if the list is not there.
    pub(super) fn items(&self, name: &str) -> Result<Option<Vec<Item>>, Answer> {
        let Some(list) = self.list(name)? else {
            return Ok(None);
        };
        let item = |value: &Value| {
            let map = value.as_object();
            let map = map.ok_or_else(|| self.wrong(name, "object", value))?;
            self.item(&Self {
                dialect: self.dialect,
                map: map.clone(),
            })
        };
        list.iter().map(item).collect::<Result<_, _>>().map(Some)
    }

    fn item(&self, fields: &Self) -> Result<Item, Answer> {
        const KNOWN: [&str; 5] = ["topic", "partition", "offset", "metadata", "timestamp"];
        let dialect = self.dialect();
        let unknown = fields.map.keys().find(|key| !KNOWN.contains(&key.as_str()));
        if let Some(refused) = unknown.and_then(|field| words::unknown_field(dialect, field)) {
            return Err(refused);
        }
        let topic = fields.string("topic")?;
        let partition = fields.integer("partition")?;
        let partition = partition.ok_or_else(|| words::missing_field(dialect, "partition"))?;
        let offset = fields.integer("offset")?;
        for (name, number) in [("partition", Some(partition)), ("offset", offset)] {
            if let Some(number) = number.filter(|number| *number < 0) {
                return Err(negative(dialect, name, number));
            }
        }
        Ok(Item {
            of: TopicPartition {
                topic: topic.ok_or_else(|| words::missing_field(dialect, "topic"))?,
                partition: i32::try_from(partition).unwrap_or(i32::MAX),
            },
            offset,
            metadata: fields.string("metadata")?,
            timestamp: fields.string("timestamp")?,
        })
    }

    fn list(&self, name: &str) -> Result<Option<&Vec<Value>>, Answer> {
        match self.map.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Array(list)) => Ok(Some(list)),
            Some(value) => Err(self.wrong(name, "array", value)),
        }
    }

    fn is_strict(&self) -> bool {
        self.dialect == Some(Dialect::Strimzi)
    }
}

fn integer(value: &Value, strict: bool) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64(),
        Value::String(text) if !strict => text.trim().parse().ok(),
        _ => None,
    }
}

/// A number below zero where none may be.
fn negative(dialect: Dialect, name: &str, number: i64) -> Answer {
    match dialect {
        Dialect::Confluent | Dialect::Redpanda => {
            let message = format!("{name} must be greater than or equal to 0 (was {number})");
            Answer::error(422, 422, &message)
        }
        Dialect::Karapace => Answer::error(500, 500, &format!("{name} must be a positive number")),
        Dialect::Strimzi => Answer::error(500, 500, "Invalid negative offset"),
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}
