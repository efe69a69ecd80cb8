//! How keys and values are embedded in what a consumer gets.

use crate::wire::Dialect;

/// Of an instance, from its making on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Binary,
    Json,
    /// Strimzi only.
    Text,
    /// These three need a Schema Registry, which a stand-in has not.
    Avro,
    JsonSchema,
    Protobuf,
}

impl Format {
    const ALL: [Self; 6] = [
        Self::Binary,
        Self::Json,
        Self::Text,
        Self::Avro,
        Self::JsonSchema,
        Self::Protobuf,
    ];

    /// The word that names it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Binary => "binary",
            Self::Json => "json",
            Self::Text => "text",
            Self::Avro => "avro",
            Self::JsonSchema => "jsonschema",
            Self::Protobuf => "protobuf",
        }
    }

    /// The media type of records in it.
    pub(super) fn media_type(self) -> &'static str {
        match self {
            Self::Binary => "application/vnd.kafka.binary.v2+json",
            Self::Json => "application/vnd.kafka.json.v2+json",
            Self::Text => "application/vnd.kafka.text.v2+json",
            Self::Avro => "application/vnd.kafka.avro.v2+json",
            Self::JsonSchema => "application/vnd.kafka.jsonschema.v2+json",
            Self::Protobuf => "application/vnd.kafka.protobuf.v2+json",
        }
    }

    /// The format of this name, if the dialect's server has it; Confluent takes capital letters too.
    pub(super) fn named(dialect: Dialect, name: &str) -> Option<Self> {
        let name = match dialect {
            Dialect::Confluent => name.to_ascii_lowercase(),
            _ => name.to_owned(),
        };
        let mut all = Self::ALL.into_iter();
        all.find(|format| format.name() == name && format.is_of(dialect))
    }

    /// The format with this media type, whichever server has it.
    pub(super) fn of_type(media_type: &str) -> Option<Self> {
        let mut all = Self::ALL.into_iter();
        all.find(|format| format.media_type() == media_type)
    }

    fn is_of(self, dialect: Dialect) -> bool {
        match dialect {
            Dialect::Confluent | Dialect::Karapace => self != Self::Text,
            Dialect::Strimzi => matches!(self, Self::Binary | Self::Json | Self::Text),
            Dialect::Redpanda => matches!(self, Self::Binary | Self::Json),
        }
    }

    /// Whether records can only be read with a schema.
    pub(super) fn needs_schemas(self) -> bool {
        matches!(self, Self::Avro | Self::JsonSchema | Self::Protobuf)
    }
}
