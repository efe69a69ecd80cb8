//! v2 produce: what each dialect accepts, stores and answers.

use std::borrow::Cow;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::answer::{Answer, JSON, JSON_V2, Voice};
use super::backend::Record;
use super::body::{self, Body};
use super::entries;
use super::faults::Falsify;
use super::head::Head;
use super::json::Raw;
use super::records::{RawRecord, Records};
use super::serve::{Call, Shared};
use super::store::{keep, store};
use super::strimzi;
use crate::wire::{Dialect, code};

/// Karapace takes no larger body.
const KARAPACE_MAX_BODY: usize = 1 << 20;

/// How keys and values are embedded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Embedded {
    Json,
    Binary,
    /// Strimzi only.
    Text,
    /// Avro, JSON Schema, Protobuf.
    Schema,
}

/// The format of a `Content-Type`, or the answer to a wrong one.
pub(crate) fn embedded(dialect: Dialect, head: &Head<'_>) -> Result<Embedded, Answer> {
    let given = head.content_type;
    let bare = given.map(|given| {
        let end = memchr::memchr(b';', given.as_bytes()).unwrap_or(given.len());
        given[..end].trim()
    });
    let format = match dialect {
        Dialect::Confluent => bare.map_or(Some(Embedded::Binary), named),
        Dialect::Strimzi => match given.map(|given| (given, named(given))) {
            Some(("application/vnd.kafka.text.v2+json", _)) => Some(Embedded::Text),
            Some((_, Some(format @ (Embedded::Json | Embedded::Binary)))) => Some(format),
            _ => None,
        },
        Dialect::Karapace => match bare.map(str::to_ascii_lowercase).as_deref() {
            None | Some(JSON | "application/vnd.kafka.v2+json") => Some(Embedded::Binary),
            Some(name) => named(name),
        },
        Dialect::Redpanda => bare.and_then(|bare| named(&bare.to_ascii_lowercase())),
    };
    format.ok_or_else(|| match dialect {
        Dialect::Strimzi => strimzi::invalid("The format of the request body is not supported"),
        Dialect::Karapace => {
            let mut answer = Answer::plain(415).typed(Some(JSON_V2));
            answer.voice = Voice::WebServer;
            answer
        }
        Dialect::Confluent | Dialect::Redpanda => Answer::plain(415),
    })
}

fn named(content_type: &str) -> Option<Embedded> {
    let name = content_type
        .strip_prefix("application/vnd.kafka.")?
        .strip_suffix(".v2+json")?;
    match name {
        "json" => Some(Embedded::Json),
        "binary" => Some(Embedded::Binary),
        "avro" | "jsonschema" | "protobuf" => Some(Embedded::Schema),
        _ => None,
    }
}

/// `POST /topics/{t}` and `POST /topics/{t}/partitions/{p}`.
pub(crate) async fn produce(call: &Call<'_>, topic: &str, path: Option<&str>) -> Answer {
    let body = body::read(call.body);
    if let Some(account) = call.account {
        account.received(body.records.as_ref().map_or(0, Records::len));
    }
    match try_produce(call, topic, path, body).await {
        Ok(answer) | Err(answer) => answer,
    }
}

async fn try_produce(
    call: &Call<'_>,
    topic: &str,
    path: Option<&str>,
    body: Body<'_>,
) -> Result<Answer, Answer> {
    let dialect = call.shared.dialect;
    let format = embedded(dialect, call.head)?;
    check(call, &body, format)?;
    let default = path_partition(call.shared, topic, path).await?;
    let raw = body.records.unwrap_or_default();
    let plain = body.compact && format == Embedded::Json && dialect != Dialect::Karapace;
    let added = match call.plan.falsify {
        Some(Falsify::Entries(extra)) => Some(extra),
        _ => None,
    };
    let silent = dialect == Dialect::Strimzi && call.head.has_query("async=true");
    if plain
        && added.is_none()
        && let Some(placed) = keep(call, topic, &raw, default)
    {
        return Ok(if silent {
            accepted()
        } else {
            entries::placed(dialect, &placed)
        });
    }
    let mut records = Vec::with_capacity(raw.len());
    for record in raw.iter() {
        if plain && record.partition.is_none() {
            records.push(as_it_stands(&record, default));
        } else {
            records.push(decode(dialect, format, &record, body.compact, default)?);
        }
    }
    let mut entries = store(call, topic, records).await?;
    if dialect == Dialect::Karapace {
        entries::hide_falsy_offsets(&raw, &mut entries);
    }
    if silent {
        return Ok(accepted());
    }
    if let Some(extra) = added {
        entries::add(&mut entries, extra);
    }
    Ok(entries::render(dialect, &entries))
}

/// Strimzi's answer to who wants none.
fn accepted() -> Answer {
    Answer::new(204, None, Vec::new())
}

/// Whether this dialect accepts the shape of a body.
fn check(call: &Call<'_>, body: &Body<'_>, format: Embedded) -> Result<(), Answer> {
    let dialect = call.shared.dialect;
    if dialect == Dialect::Karapace && call.body.len() > KARAPACE_MAX_BODY {
        let mut answer = Answer::error(413, 413, "HTTP Request Entity Too Large");
        answer.voice = Voice::WebServer;
        return Err(answer.typed(Some(JSON)));
    }
    match dialect {
        Dialect::Confluent => confluent_accepts(body, format),
        Dialect::Strimzi => strimzi::accepts(body, format),
        Dialect::Karapace => karapace_accepts(body),
        Dialect::Redpanda => redpanda_accepts(body),
    }
}

fn confluent_accepts(body: &Body<'_>, format: Embedded) -> Result<(), Answer> {
    let method = match format {
        Embedded::Json => "produceJson",
        Embedded::Binary | Embedded::Text => "produceBinary",
        Embedded::Schema => "produceSchema",
    };
    if let Some(field) = &body.unknown {
        let message = format!("Unrecognized field: {field}");
        return Err(Answer::error(422, 422, &message));
    }
    if let Some(message) = body.malformed.as_ref().or(body.mistyped.as_ref()) {
        return Err(Answer::error(400, 400, message));
    }
    if body.absent {
        let message = format!("{method}.request must not be null (was null)");
        return Err(Answer::error(422, 422, &message));
    }
    if body.is_empty() {
        let message = format!("{method}.request.records must not be empty (was [])");
        return Err(Answer::error(422, 422, &message));
    }
    if format == Embedded::Schema {
        return Err(if body.value_schema {
            Answer::error(422, 42207, "The stand-in has no Schema Registry")
        } else {
            let message = "Request includes values but does not include value schema";
            Answer::error(422, 42202, message)
        });
    }
    Ok(())
}

fn karapace_accepts(body: &Body<'_>) -> Result<(), Answer> {
    if body.absent {
        return Err(Answer::text(400, "Missing request JSON body"));
    }
    if body.malformed.is_some() {
        return Err(Answer::text(400, "Invalid request JSON body"));
    }
    if body.is_empty() || body.unknown.is_some() || body.mistyped.is_some() {
        let answer = Answer::error(422, 422, "Invalid request format");
        return Err(answer.typed(Some(JSON_V2)));
    }
    Ok(())
}

fn redpanda_accepts(body: &Body<'_>) -> Result<(), Answer> {
    let fine = body.records.is_some()
        && body.unknown.is_none()
        && body.malformed.is_none()
        && body.mistyped.is_none();
    fine.then_some(())
        .ok_or_else(|| Answer::error(422, 422, "Unable to process request body"))
}

/// The partition the path names, if this dialect's server finds it before it looks at the records.
async fn path_partition(
    shared: &Shared,
    topic: &str,
    path: Option<&str>,
) -> Result<Option<i32>, Answer> {
    let number = path.map(|text| (text, text.parse::<i32>().ok()));
    if shared.dialect == Dialect::Karapace {
        let found = shared.backend.topic(topic).await;
        let found = found.map_err(|error| Answer::api_error(&error).typed(Some(JSON_V2)))?;
        let Some(info) = found else {
            let message = format!("Topic {topic} not found");
            let answer = Answer::error(404, code::TOPIC_NOT_FOUND, &message);
            return Err(answer.typed(Some(JSON_V2)));
        };
        if let Some((text, number)) = number {
            let exists = |n: i32| info.partitions.iter().any(|known| known.partition == n);
            let code = match number {
                Some(number) if exists(number) => return Ok(Some(number)),
                Some(_) => code::PARTITION_NOT_FOUND,
                None => 404,
            };
            let answer = Answer::error(404, code, &format!("Partition {text} not found"));
            return Err(answer.typed(Some(JSON_V2)));
        }
    }
    match number {
        Some((_, None)) if shared.dialect == Dialect::Strimzi => Err(strimzi::schema_error(&[
            "Instance type string is invalid. Expected integer".to_owned(),
        ])),
        Some((_, None)) => Err(Answer::plain(404)),
        Some((_, number)) => Ok(number),
        None => Ok(None),
    }
}

/// A record whose bytes are stored as they stand in the body: nothing of it can be wrong.
#[inline]
fn as_it_stands<'a>(raw: &RawRecord<'a>, partition: Option<i32>) -> Record<'a> {
    let bytes = |raw: Option<Raw<'a>>| {
        let raw = raw.filter(|raw| !raw.is_null())?;
        Some(Cow::Borrowed(raw.text))
    };
    Record {
        partition,
        key: bytes(raw.key),
        value: bytes(raw.value),
    }
}

/// The bytes to store of one record.
fn decode<'a>(
    dialect: Dialect,
    format: Embedded,
    raw: &RawRecord<'a>,
    compact: bool,
    default: Option<i32>,
) -> Result<Record<'a>, Answer> {
    let mut value = bytes(dialect, format, raw.value, compact)?;
    if dialect == Dialect::Karapace && value.is_none() {
        value = Some(Cow::Borrowed(b"".as_slice()));
    }
    Ok(Record {
        partition: partition(dialect, raw.partition)?.or(default),
        key: bytes(dialect, format, raw.key, compact)?,
        value,
    })
}

fn partition(dialect: Dialect, raw: Option<Raw<'_>>) -> Result<Option<i32>, Answer> {
    let Some(raw) = raw.filter(|raw| !raw.is_null()) else {
        return Ok(None);
    };
    let text = raw.string().unwrap_or_else(|| raw.display());
    let number = text.trim().parse::<i32>().ok();
    match dialect {
        Dialect::Karapace if number.is_some() => Ok(number.filter(|number| *number >= 0)),
        Dialect::Karapace => {
            let message = format!("partition is not a valid int: {text}");
            Err(Answer::error(500, 500, &message).typed(Some(JSON_V2)))
        }
        Dialect::Strimzi if number.is_some_and(|number| number < 0) => {
            let message = format!(
                "Invalid partition: {text}. Partition number should always be non-negative or null."
            );
            Err(Answer::error(422, 422, &message))
        }
        _ => number.map(Some).ok_or_else(|| {
            let message = format!(
                "Cannot deserialize value of type `Integer` from String {}: not a valid `java.lang.Integer` value",
                raw.display()
            );
            Answer::error(400, 400, &message)
        }),
    }
}

fn bytes(
    dialect: Dialect,
    format: Embedded,
    raw: Option<Raw<'_>>,
    compact: bool,
) -> Result<Option<Cow<'_, [u8]>>, Answer> {
    let Some(raw) = raw.filter(|raw| !raw.is_null()) else {
        return Ok(None);
    };
    let bytes = match format {
        Embedded::Json | Embedded::Schema if compact => Cow::Borrowed(raw.text),
        Embedded::Json | Embedded::Schema => Cow::Owned(raw.compacted()),
        Embedded::Text => match raw.string() {
            Some(Cow::Borrowed(text)) => Cow::Borrowed(text.as_bytes()),
            Some(Cow::Owned(text)) => Cow::Owned(text.into_bytes()),
            None => return Err(strimzi::text_expected()),
        },
        Embedded::Binary if dialect == Dialect::Strimzi => Cow::Owned(strimzi::base64(raw)?),
        Embedded::Binary => Cow::Owned(base64(dialect, raw)?),
    };
    Ok(Some(bytes))
}

/// Standard alphabet; Confluent takes it without padding, Karapace does not.
fn base64(dialect: Dialect, raw: Raw<'_>) -> Result<Vec<u8>, Answer> {
    const LENIENT: GeneralPurpose = GeneralPurpose::new(
        &STANDARD,
        GeneralPurposeConfig::new()
            .with_decode_padding_mode(DecodePaddingMode::Indifferent)
            .with_decode_allow_trailing_bits(true),
    );
    const STRICT: GeneralPurpose = GeneralPurpose::new(
        &STANDARD,
        GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true),
    );
    let (engine, karapace) = match dialect {
        Dialect::Karapace => (&STRICT, true),
        _ => (&LENIENT, false),
    };
    let text = raw.string();
    let decoded = text
        .as_ref()
        .and_then(|text| engine.decode(text.as_bytes()).ok());
    decoded.ok_or_else(|| {
        let data = raw.display();
        if karapace {
            let message = format!("data={data}  is not a base64 string.");
            return Answer::error(400, 400, &message).typed(Some(JSON_V2));
        }
        let valid = if text.is_some() { "valid " } else { "" };
        Answer::error(
            400,
            400,
            &format!("Bad Request: data={data} is not a {valid}base64 string."),
        )
    })
}
