//! How the value of a setting is written, in a scenario and on a command line alike.

use std::borrow::Cow;
use std::ops::Range;
use std::path::PathBuf;
use std::time::Duration;

use toml::de::DeValue;

use super::{Arrivals, Content, DialectChoice, KeyKind, Repeat, Threshold};
use crate::fault::Fault;
use crate::model::Model;
use crate::units::{self, ByteSize, Rate};
use crate::wire::{Dialect, Format};

/// Fewest pairs that an interval can be taken from, and the most.
const MIN_PAIRS: u32 = 8;
const MAX_PAIRS: u32 = 1_000;

/// A type that a setting can have.
pub trait FromSetting: Sized {
    /// Reads the value as a flag or variable gives it.
    ///
    /// # Errors
    /// Quotes the text and says what was expected.
    fn from_text(text: &str) -> Result<Self, String>;

    /// Reads the value as a scenario gives it: a bare number or switch means what its text would mean.
    ///
    /// # Errors
    /// Says what was expected, and where if that is not the whole value.
    fn from_toml(value: &DeValue<'_>) -> Result<Self, Unreadable> {
        Ok(Self::from_text(&text_of(value)?)?)
    }

    /// Whether the value asks for something: false only for a switch that is off.
    fn is_on(&self) -> bool {
        true
    }
}

/// Why a scenario's value cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    /// What was expected.
    pub message: String,
    /// Number of the wrong item of a list, from 1.
    pub item: Option<usize>,
    /// Where in the scenario's text; `None`: where its key is.
    pub span: Option<Range<usize>>,
}

impl From<String> for Unreadable {
    fn from(message: String) -> Self {
        Self {
            message,
            item: None,
            span: None,
        }
    }
}

/// A single value as it would be written in a flag.
pub(super) fn text_of<'a>(value: &'a DeValue<'_>) -> Result<Cow<'a, str>, String> {
    match value {
        DeValue::String(text) => Ok(Cow::Borrowed(text)),
        DeValue::Integer(number) if number.radix() == 10 => Ok(Cow::Borrowed(number.as_str())),
        DeValue::Float(number) => Ok(Cow::Borrowed(number.as_str())),
        DeValue::Boolean(switch) => Ok(Cow::Owned(switch.to_string())),
        other => Err(format!(
            "expected a single value, not {}",
            article(other.type_str())
        )),
    }
}

fn article(noun: &str) -> String {
    let vowel = noun.starts_with(['a', 'e', 'i', 'o', 'u']);
    format!("{} {noun}", if vowel { "an" } else { "a" })
}

/// A text that is never printed: a password or a token.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

/// A share from 0 to 1, written `80%` or `0.8`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Share(pub f64);

/// Looks `text` up in the names of a closed set.
fn choose<T: Copy>(text: &str, choices: &[(&str, T)]) -> Result<T, String> {
    let found = choices.iter().find(|(name, _)| *name == text);
    found.map(|(_, value)| *value).ok_or_else(|| {
        let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
        format!("`{text}` is not one of {}", names.join(", "))
    })
}

impl FromSetting for String {
    fn from_text(text: &str) -> Result<Self, String> {
        Ok(text.to_owned())
    }
}

impl FromSetting for Secret {
    fn from_text(text: &str) -> Result<Self, String> {
        Ok(Self(text.to_owned()))
    }
}

impl FromSetting for PathBuf {
    fn from_text(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err("expected a path, not an empty text".to_owned());
        }
        Ok(Self::from(text))
    }
}

impl FromSetting for bool {
    fn from_text(text: &str) -> Result<Self, String> {
        choose(text, &[("true", true), ("false", false)])
    }

    fn is_on(&self) -> bool {
        *self
    }
}

/// Whole numbers, with underscores as in TOML.
fn whole<T: std::str::FromStr>(text: &str, limit: &str) -> Result<T, String> {
    text.replace('_', "")
        .parse()
        .map_err(|_| format!("`{text}` is not a whole number from 0 to {limit}"))
}

impl FromSetting for u16 {
    fn from_text(text: &str) -> Result<Self, String> {
        whole(text, "65,535")
    }
}

impl FromSetting for u32 {
    fn from_text(text: &str) -> Result<Self, String> {
        whole(text, "4,294,967,295")
    }
}

impl FromSetting for u64 {
    fn from_text(text: &str) -> Result<Self, String> {
        whole(text, "18,446,744,073,709,551,615")
    }
}

impl FromSetting for Duration {
    fn from_text(text: &str) -> Result<Self, String> {
        units::parse_duration(text)
    }
}

impl FromSetting for ByteSize {
    fn from_text(text: &str) -> Result<Self, String> {
        text.parse()
    }
}

impl FromSetting for Rate {
    fn from_text(text: &str) -> Result<Self, String> {
        text.parse()
    }
}

impl FromSetting for Share {
    fn from_text(text: &str) -> Result<Self, String> {
        units::parse_ratio(text).map(Self)
    }
}

impl FromSetting for Threshold {
    fn from_text(text: &str) -> Result<Self, String> {
        text.parse()
    }
}

impl FromSetting for Fault {
    fn from_text(text: &str) -> Result<Self, String> {
        text.parse()
    }
}

impl FromSetting for Model {
    fn from_text(text: &str) -> Result<Self, String> {
        text.parse()
    }
}

impl FromSetting for Format {
    fn from_text(text: &str) -> Result<Self, String> {
        choose(text, &[Self::Json, Self::Binary].map(|f| (f.name(), f)))
    }
}

impl FromSetting for Content {
    fn from_text(text: &str) -> Result<Self, String> {
        choose(text, &[Self::Text, Self::Base64].map(|c| (c.name(), c)))
    }
}

impl FromSetting for KeyKind {
    fn from_text(text: &str) -> Result<Self, String> {
        choose(
            text,
            &[Self::None, Self::Sequence, Self::Random, Self::Hot].map(|k| (k.name(), k)),
        )
    }
}

impl FromSetting for Arrivals {
    fn from_text(text: &str) -> Result<Self, String> {
        choose(text, &[Self::Uniform, Self::Poisson].map(|a| (a.name(), a)))
    }
}

impl FromSetting for Repeat {
    fn from_text(text: &str) -> Result<Self, String> {
        if text == "auto" {
            return Ok(Self::Auto);
        }
        let pairs: Option<u32> = text.parse().ok();
        pairs
            .filter(|pairs| (MIN_PAIRS..=MAX_PAIRS).contains(pairs))
            .map(Self::Pairs)
            .ok_or_else(|| {
                format!(
                    "`{text}` is not `auto` or a number of pairs from {MIN_PAIRS} to {MAX_PAIRS}"
                )
            })
    }
}

impl FromSetting for DialectChoice {
    fn from_text(text: &str) -> Result<Self, String> {
        let named = [
            Dialect::Confluent,
            Dialect::Strimzi,
            Dialect::Karapace,
            Dialect::Redpanda,
        ];
        let mut choices = vec![("auto", Self(None))];
        choices.extend(named.map(|dialect| (dialect.name(), Self(Some(dialect)))));
        choose(text, &choices)
    }
}

impl<T: FromSetting> FromSetting for Vec<T> {
    fn from_text(text: &str) -> Result<Self, String> {
        Ok(vec![T::from_text(text)?])
    }

    fn from_toml(value: &DeValue<'_>) -> Result<Self, Unreadable> {
        let DeValue::Array(items) = value else {
            return Ok(vec![T::from_toml(value)?]);
        };
        let read = |(index, item): (usize, &toml::Spanned<DeValue<'_>>)| {
            T::from_toml(item.get_ref()).map_err(|wrong| Unreadable {
                message: wrong.message,
                item: Some(index + 1),
                span: wrong.span.or_else(|| Some(item.span())),
            })
        };
        items.iter().enumerate().map(read).collect()
    }
}
