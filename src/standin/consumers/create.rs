//! Making an instance: the settings that each server takes, and where it says the instance is.

use std::time::{Duration, Instant};

use super::fetch::Reading;
use super::format::Format;
use super::requests::{Expected, Fields, optional, required};
use super::{Instance, words};
use crate::standin::answer::{Answer, push_json_string};
use crate::standin::members::{MemberSettings, Reset, uuid};
use crate::standin::routes::encode;
use crate::standin::serve::Call;
use crate::wire::{Dialect, code};

/// Largest `fetch.min.bytes` that Confluent's proxy takes.
const MOST_MIN_BYTES: i64 = 10_000_000;

const CONFLUENT: Expected = Expected {
    argument: "createGroup.config",
    fields: &[
        "id",
        "name",
        "format",
        "auto.offset.reset",
        "auto.commit.enable",
        "fetch.min.bytes",
        "responseMinBytes",
        "consumer.request.timeout.ms",
        "requestWaitMs",
    ],
};

const STRIMZI: Expected = Expected {
    argument: "",
    fields: &[
        "name",
        "format",
        "auto.offset.reset",
        "enable.auto.commit",
        "fetch.min.bytes",
        "consumer.request.timeout.ms",
        "isolation.level",
    ],
};

/// What an instance is made with.
struct Wanted {
    name: Option<String>,
    format: Format,
    reset: Reset,
    auto_commit: bool,
    min_bytes: Option<u64>,
    request_timeout: Duration,
}

/// `POST /consumers/{group}`.
pub(super) async fn create(call: &Call<'_>, group: &str) -> Result<Answer, Answer> {
    let dialect = call.shared.dialect;
    let wanted = wanted(call)?;
    let name = wanted.name.clone().unwrap_or_else(|| new_name(dialect));
    let key = (group.to_owned(), name.clone());
    let consumers = &call.shared.consumers;
    if !consumers.reserve(&key) {
        return Err(words::taken(dialect, &name));
    }
    let number = consumers.count();
    let settings = MemberSettings {
        group: group.to_owned(),
        instance: match dialect {
            // Confluent's proxy leaves it to Java's consumer, which counts.
            Dialect::Confluent => format!("consumer-{group}-{number}"),
            _ => name.clone(),
        },
        reset: wanted.reset,
        auto_commit: wanted.auto_commit,
    };
    let joined = call.shared.backend.join(settings).await;
    let (instance, refused) = match joined {
        Ok(member) => {
            let instance = Instance {
                member,
                format: wanted.format,
                min_bytes: wanted.min_bytes,
                request_timeout: wanted.request_timeout,
                wants: false.into(),
                used_at: Instant::now().into(),
                reading: Reading::default().into(),
            };
            (Some(instance), None)
        }
        Err(error) => (None, Some(words::refused(call, &error))),
    };
    consumers.settle(key, instance);
    refused.map_or_else(|| Ok(made(call, group, &name)), Err)
}

fn wanted(call: &Call<'_>) -> Result<Wanted, Answer> {
    let dialect = call.shared.dialect;
    let fields = match dialect {
        Dialect::Confluent | Dialect::Redpanda => optional(call, &CONFLUENT)?.unwrap_or_default(),
        Dialect::Strimzi => required(call, &STRIMZI)?,
        Dialect::Karapace => required(call, &CONFLUENT)?,
    };
    let name = match fields.string("id")? {
        Some(id) => Some(id),
        None => fields.string("name")?,
    };
    let name = name.filter(|name| !name.is_empty());
    if let (Dialect::Karapace, Some(name)) = (dialect, &name) {
        // Looked at before the settings are.
        let group = call.head.path.rsplit('/').next().unwrap_or_default();
        let key = (group.to_owned(), name.clone());
        if call.shared.consumers.names().contains(&key) {
            return Err(words::taken(dialect, name));
        }
    }
    let format = fields
        .string("format")?
        .map_or(Ok(Format::Binary), |name| {
            Format::named(dialect, &name).ok_or_else(|| words::bad_format(dialect))
        })?;
    let commits = match dialect {
        Dialect::Strimzi => "enable.auto.commit",
        _ => "auto.commit.enable",
    };
    let min_bytes = min_bytes(dialect, &fields)?;
    let timeout = either(&fields, "consumer.request.timeout.ms", "requestWaitMs")?;
    let timeout = timeout.and_then(|ms| u64::try_from(ms).ok());
    Ok(Wanted {
        name,
        format,
        reset: reset(dialect, fields.string("auto.offset.reset")?.as_deref())?,
        auto_commit: fields.boolean(commits)?.unwrap_or(true),
        min_bytes,
        request_timeout: request_timeout(call, timeout.map(Duration::from_millis)),
    })
}

fn either(fields: &Fields, name: &str, alias: &str) -> Result<Option<i64>, Answer> {
    match fields.integer(name)? {
        None => fields.integer(alias),
        found => Ok(found),
    }
}

/// Of an instance's own time Confluent's proxy takes no more than its own; to the others but Karapace it means something else.
fn request_timeout(call: &Call<'_>, own: Option<Duration>) -> Duration {
    let server = call.shared.consumers.request_timeout;
    match (call.shared.dialect, own) {
        (Dialect::Confluent, Some(own)) => own.min(server),
        (Dialect::Karapace, Some(own)) => own,
        _ => server,
    }
}

fn min_bytes(dialect: Dialect, fields: &Fields) -> Result<Option<u64>, Answer> {
    let given = either(fields, "fetch.min.bytes", "responseMinBytes")?;
    match (dialect, given) {
        (Dialect::Confluent | Dialect::Redpanda, Some(given))
            if !(-1..=MOST_MIN_BYTES).contains(&given) =>
        {
            let message = format!(
                "Invalid consumer configuration: Invalid value {given} for configuration fetch.min.bytes: Value must be at least -1 and no more than {MOST_MIN_BYTES}"
            );
            Err(Answer::error(422, 40001, &message))
        }
        (Dialect::Karapace, Some(..-1)) => {
            let message = "Expected fetch.min.bytes to be >= -1";
            Err(Answer::error(422, code::CONSUMER_SETTING, message))
        }
        // To the others it is the broker's business.
        (Dialect::Confluent, Some(given)) => Ok(u64::try_from(given).ok()),
        _ => Ok(None),
    }
}

fn reset(dialect: Dialect, given: Option<&str>) -> Result<Reset, Answer> {
    let lower = given.map(str::to_ascii_lowercase);
    match (lower.as_deref(), dialect) {
        (None, Dialect::Karapace) | (Some("earliest"), _) => Ok(Reset::Earliest),
        (None | Some("latest"), _) => Ok(Reset::Latest),
        (Some("none"), Dialect::Confluent | Dialect::Strimzi) => Ok(Reset::None),
        (Some(_), Dialect::Karapace) => {
            // Whatever the value is: its source says so.
            let message = "Invalid value bar for configuration auto.offset.reset: String must be one of: {'latest', 'earliest'}";
            Err(Answer::error(422, code::CONSUMER_SETTING, message))
        }
        (Some(_), _) => {
            let value = given.unwrap_or_default();
            let message = format!(
                "Invalid value {value} for configuration auto.offset.reset: Invalid value `{value}` for configuration auto.offset.reset. The value must be either 'earliest', 'latest', 'none' or of the format 'by_duration:<PnDTnHnMn.nS.>'."
            );
            if dialect == Dialect::Strimzi {
                return Err(Answer::error(500, 500, &message));
            }
            let message = format!("Invalid consumer configuration: {message}");
            Err(Answer::error(422, code::CONSUMER_SETTING, &message))
        }
    }
}

/// The name of an instance whose maker gave it none.
fn new_name(dialect: Dialect) -> String {
    match dialect {
        Dialect::Confluent => format!("rest-consumer-{}", uuid()),
        Dialect::Strimzi => format!("kafka-bridge-consumer-{}", uuid()),
        Dialect::Karapace => uuid(),
        Dialect::Redpanda => format!("test-consumer-{}", uuid()),
    }
}

fn made(call: &Call<'_>, group: &str, name: &str) -> Answer {
    let path = format!("consumers/{}/instances/{}", encode(group), encode(name));
    let dialect = call.shared.dialect;
    let uri = match dialect {
        Dialect::Karapace => path,
        _ => format!("{}/{path}", call.origin()),
    };
    let mut body = Vec::new();
    let fields = [("instance_id", name), ("base_uri", uri.as_str())];
    let mut put = |index: usize, (field, value): (&str, &str)| {
        body.extend_from_slice(if index == 0 { b"{\"" } else { b",\"" });
        body.extend_from_slice(field.as_bytes());
        body.extend_from_slice(b"\":");
        push_json_string(&mut body, value);
    };
    if dialect == Dialect::Karapace {
        // It sorts the members of what it says.
        put(0, fields[1]);
        put(1, fields[0]);
    } else {
        put(0, fields[0]);
        put(1, fields[1]);
    }
    body.push(b'}');
    Answer::ok(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_server_begins_where_it_does() {
        for (dialect, given, wanted) in [
            (Dialect::Confluent, None, Some(Reset::Latest)),
            (Dialect::Confluent, Some("none"), Some(Reset::None)),
            (Dialect::Confluent, Some("EARLIEST"), Some(Reset::Earliest)),
            (Dialect::Confluent, Some("first"), None),
            (Dialect::Strimzi, None, Some(Reset::Latest)),
            (Dialect::Strimzi, Some("first"), None),
            (Dialect::Karapace, None, Some(Reset::Earliest)),
            (Dialect::Karapace, Some("none"), None),
        ] {
            assert_eq!(reset(dialect, given).ok(), wanted, "{dialect:?} {given:?}");
        }
    }

    #[test]
    fn names_are_made_as_each_server_makes_them() {
        let names = Dialect::ALL.map(new_name);
        let starts = [
            "rest-consumer-",
            "kafka-bridge-consumer-",
            "",
            "test-consumer-",
        ];
        for (name, start) in names.iter().zip(starts) {
            let id = name.strip_prefix(start).unwrap();
            let lengths: Vec<usize> = id.split('-').map(str::len).collect();
            assert_eq!(lengths, [8, 4, 4, 4, 12], "{name}");
            assert_eq!(&id[14..15], "4");
        }
    }
}
