//! What each server says when it does not do what it is asked.

use super::Name;
use crate::standin::answer::{Answer, JSON_V2};
use crate::standin::backend::ApiError;
use crate::standin::members::ILLEGAL_STATE;
use crate::standin::serve::Call;
use crate::standin::strimzi;
use crate::wire::{Dialect, code};

/// There is no such instance, or no longer.
pub(super) fn no_instance(call: &Call<'_>, (group, name): &Name) -> Answer {
    match call.shared.dialect {
        Dialect::Confluent => Answer::error(
            404,
            code::UNKNOWN_TOPIC_OR_PARTITION,
            "Consumer instance not found.",
        ),
        Dialect::Strimzi => {
            Answer::error(404, 404, "The specified consumer instance was not found.")
        }
        Dialect::Karapace => {
            let tuple = |(group, name): &Name| format!("('{group}', '{name}')");
            let known: Vec<String> = call.shared.consumers.names().iter().map(tuple).collect();
            let own = tuple(&(group.clone(), name.clone()));
            let message = format!("Consumer for {own} not found among [{}]", known.join(", "));
            Answer::error(404, code::UNKNOWN_TOPIC_OR_PARTITION, &message)
        }
        Dialect::Redpanda => Answer::error(
            404,
            code::UNKNOWN_TOPIC_OR_PARTITION,
            "Consumer instance not found",
        ),
    }
}

/// The name is taken.
pub(super) fn taken(dialect: Dialect, name: &str) -> Answer {
    match dialect {
        Dialect::Confluent | Dialect::Redpanda => Answer::error(
            409,
            code::CONSUMER_EXISTS,
            "Consumer with specified consumer ID already exists in the specified consumer group.",
        ),
        Dialect::Strimzi => Answer::error(
            409,
            409,
            "A consumer instance with the specified name already exists in the Kafka Bridge.",
        ),
        Dialect::Karapace => {
            let message = format!("Consumer {name} already exists");
            Answer::error(409, code::CONSUMER_EXISTS, &message)
        }
    }
}

/// A format that the server has not.
pub(super) fn bad_format(dialect: Dialect) -> Answer {
    match dialect {
        Dialect::Karapace => Answer::error(422, code::CONSUMER_SETTING, "Invalid format type"),
        _ => Answer::error(422, 422, "Invalid format type."),
    }
}

/// A fetch asks for another format than that of the instance.
pub(super) fn other_format(dialect: Dialect, own: &str, asked: Option<&str>) -> Answer {
    match dialect {
        Dialect::Confluent | Dialect::Redpanda => Answer::error(
            406,
            code::FORMAT_MISMATCH,
            "The requested embedded data format does not match the deserializer for this consumer instance",
        ),
        Dialect::Strimzi => Answer::error(
            406,
            406,
            "Consumer format does not match the embedded format requested by the Accept header.",
        ),
        Dialect::Karapace => {
            let asked = asked.unwrap_or("None");
            let message =
                format!("Consumer format {own} does not match the embedded format {asked}");
            Answer::error(406, code::FORMAT_MISMATCH, &message)
        }
    }
}

/// What the backend refused.
pub(super) fn refused(call: &Call<'_>, error: &ApiError) -> Answer {
    let plain = error.message.strip_prefix(ILLEGAL_STATE);
    match (call.shared.dialect, plain) {
        // Of a partition it does not read.
        (Dialect::Strimzi, Some(message)) if message.starts_with("No current assignment") => {
            Answer::error(404, 404, message)
        }
        (Dialect::Strimzi, Some(_)) => exclusive(),
        (Dialect::Strimzi, None) => {
            Answer::error(error.status, i64::from(error.status), &error.message)
        }
        (Dialect::Karapace, Some(message)) if message.starts_with("No current assignment") => {
            Answer::error(409, code::ILLEGAL_STATE, message)
        }
        (Dialect::Karapace, Some(_)) => Answer::error(409, code::ILLEGAL_STATE, ONE_WAY),
        _ => Answer::api_error(error),
    }
}

/// Karapace's words for a consumer that is told to read in more than one way.
pub(super) const ONE_WAY: &str = "IllegalStateError: You must choose only one way to configure your consumer: (1) subscribe to specific topics by name, (2) subscribe to topics matching a regex pattern, (3) assign itself specific topic-partitions.";

/// Strimzi's words for the same.
pub(super) fn exclusive() -> Answer {
    let message = "Subscriptions to topics, partitions, and patterns are mutually exclusive.";
    Answer::error(409, 409, message)
}

/// A body that is needed and is not there.
pub(super) fn no_body(dialect: Dialect, argument: &str) -> Answer {
    match dialect {
        Dialect::Confluent | Dialect::Redpanda => {
            Answer::error(422, 422, &format!("{argument} must not be null (was null)"))
        }
        Dialect::Strimzi => {
            strimzi::invalid("The related request does not contain the required body.")
        }
        Dialect::Karapace => Answer::text(400, "Missing request JSON body"),
    }
}

/// A body that is not JSON.
pub(super) fn malformed(dialect: Dialect, why: &str) -> Answer {
    match dialect {
        Dialect::Confluent | Dialect::Redpanda => Answer::error(400, 400, why),
        Dialect::Strimzi => strimzi::invalid("The request body can't be decoded"),
        Dialect::Karapace => Answer::text(400, "Invalid request JSON body"),
    }
}

/// A field that does not belong there.
pub(super) fn unknown_field(dialect: Dialect, field: &str) -> Option<Answer> {
    match dialect {
        Dialect::Confluent | Dialect::Redpanda => {
            let message = format!("Unrecognized field: {field}");
            Some(Answer::error(422, 422, &message))
        }
        Dialect::Strimzi => Some(strimzi::schema_error(&[strimzi::no_additional(field)])),
        Dialect::Karapace => None,
    }
}

/// A value of the wrong kind. `wanted`: JSON schema's word for the right one.
pub(super) fn mistyped(dialect: Dialect, field: &str, wanted: &str, found: &str) -> Answer {
    match dialect {
        Dialect::Strimzi => strimzi::schema_error(&[
            format!("Property \"{field}\" does not match schema"),
            format!("Instance type {found} is invalid. Expected {wanted}"),
            strimzi::no_additional(field),
        ]),
        Dialect::Karapace => {
            let message = format!("{field} is not a valid {wanted}: {found}");
            Answer::error(500, 500, &message).typed(Some(JSON_V2))
        }
        Dialect::Confluent | Dialect::Redpanda => {
            let message = format!(
                "Cannot deserialize the {found} in `{field}` as a value of type `{wanted}`"
            );
            Answer::error(400, 400, &message)
        }
    }
}

/// A field that has to be there.
pub(super) fn missing_field(dialect: Dialect, field: &str) -> Answer {
    match dialect {
        Dialect::Strimzi => strimzi::schema_error(&[format!(
            "Instance does not have required property \"{field}\""
        )]),
        Dialect::Karapace => Answer::error(500, 500, &format!("{field} missing")),
        Dialect::Confluent | Dialect::Redpanda => {
            Answer::error(422, 422, &format!("{field} must not be null (was null)"))
        }
    }
}
