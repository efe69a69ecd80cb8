//! How a consumer instance has keys and values embedded in the answers to its fetches.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The instance's format. Strimzi knows the first two only.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Default,
    serde::Serialize,
    serde::Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum RecordFormat {
    /// Keys and values are JSON; a record that is none fails the fetch.
    #[default]
    Json,
    /// Keys and values are padded base64 of the stored bytes.
    Binary,
    /// Decoded with the schema that the record names.
    Avro,
    /// The same for JSON Schema.
    JsonSchema,
    /// The same for Protobuf.
    Protobuf,
}

impl RecordFormat {
    /// Every format.
    pub const ALL: [Self; 5] = [
        Self::Json,
        Self::Binary,
        Self::Avro,
        Self::JsonSchema,
        Self::Protobuf,
    ];

    /// The name used when an instance is created, in flags and in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Binary => "binary",
            Self::Avro => "avro",
            Self::JsonSchema => "jsonschema",
            Self::Protobuf => "protobuf",
        }
    }

    /// What a fetch must ask for: any other `Accept` than that of the instance's format is answered with 406.
    pub(super) fn accept(self) -> &'static str {
        match self {
            Self::Json => "application/vnd.kafka.json.v2+json",
            Self::Binary => "application/vnd.kafka.binary.v2+json",
            Self::Avro => "application/vnd.kafka.avro.v2+json",
            Self::JsonSchema => "application/vnd.kafka.jsonschema.v2+json",
            Self::Protobuf => "application/vnd.kafka.protobuf.v2+json",
        }
    }
}

/// JSON text of a key or a value, exactly as the server wrote it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RawJson<'a>(pub(super) &'a str);

impl<'a> RawJson<'a> {
    /// The text.
    pub fn get(self) -> &'a str {
        self.0
    }

    /// Bytes that the text stands for: of base64 the decoded ones, else the text itself.
    pub fn payload_bytes(self, format: RecordFormat) -> u64 {
        let length = match (format, self.quoted()) {
            (RecordFormat::Binary, Some(base64)) => {
                let padding = base64.bytes().rev().take_while(|byte| *byte == b'=');
                base64.len() / 4 * 3 - padding.count().min(base64.len() / 4 * 3)
            }
            _ => self.0.len(),
        };
        length as u64
    }

    /// The stored bytes of a value in the binary format; `None` if the text is no string of base64.
    pub fn base64(self) -> Option<Vec<u8>> {
        STANDARD.decode(self.quoted()?).ok()
    }

    /// What stands between the quotes of a string. Base64 has nothing to escape.
    fn quoted(self) -> Option<&'a str> {
        self.0.strip_prefix('"')?.strip_suffix('"')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_counts_with_the_bytes_it_stands_for() {
        for (text, bytes) in [
            (r#""""#, ""),
            (r#""YQ==""#, "a"),
            (r#""YWI=""#, "ab"),
            (r#""YWJj""#, "abc"),
        ] {
            let raw = RawJson(text);
            assert_eq!(raw.base64().as_deref(), Some(bytes.as_bytes()), "{text}");
            assert_eq!(
                raw.payload_bytes(RecordFormat::Binary),
                bytes.len() as u64,
                "{text}"
            );
            assert_eq!(raw.payload_bytes(RecordFormat::Json), text.len() as u64);
        }
        for text in ["17", r#""a b""#, r#""YQ""#, r#""===""#] {
            assert_eq!(RawJson(text).base64(), None, "{text}");
            RawJson(text).payload_bytes(RecordFormat::Binary);
        }
    }
}
