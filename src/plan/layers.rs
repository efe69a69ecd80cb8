//! What was said, by source, laid over each other: the later source wins, and where each value comes from is kept.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::Scenario;
use super::settings::{EXCLUSIVE, Overrides, SETTINGS, setting};
use crate::error::{Error, Result};

/// Everything that was said, by source.
#[derive(Clone)]
pub struct Layers {
    /// The preset or file.
    pub scenario: Scenario,
    /// `KRUSH_…` variables.
    pub environment: Overrides,
    /// Flags.
    pub flags: Overrides,
}

/// Where the value of a setting comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Nobody said anything.
    Default,
    /// A scenario.
    Scenario {
        /// The file.
        path: PathBuf,
        /// Line of the key, from 1.
        line: usize,
    },
    /// An environment variable.
    Environment(String),
    /// A flag.
    Flag(&'static str),
}

/// Where the value of every setting comes from, by key.
#[derive(Debug, Clone, Default)]
pub struct Origins(BTreeMap<&'static str, Origin>);

impl Origins {
    /// Where the value of the setting `key` comes from.
    pub fn of(&self, key: &str) -> &Origin {
        self.0.get(key).unwrap_or(&Origin::Default)
    }

    /// An error about the value of `key` that names where it was said.
    pub fn error(&self, key: &str, message: &str, hint: impl Into<String>) -> Error {
        let hint = Some(hint.into());
        match self.of(key) {
            Origin::Scenario { path, line } => Error::Scenario {
                path: path.clone(),
                line: *line,
                message: format!("{key}: {message}"),
                hint,
            },
            Origin::Environment(variable) => Error::Usage {
                message: format!("{variable}: {message}"),
                hint,
            },
            Origin::Flag(flag) => Error::Usage {
                message: format!("{flag}: {message}"),
                hint,
            },
            Origin::Default => Error::Usage {
                message: format!("{key}: {message}"),
                hint,
            },
        }
    }

    /// Of two settings that do not fit together, the one that was said last.
    pub(super) fn later<'a>(&self, a: &'a str, b: &'a str) -> &'a str {
        let rank = |key| match self.of(key) {
            Origin::Default => 0,
            Origin::Scenario { .. } => 1,
            Origin::Environment(_) => 2,
            Origin::Flag(_) => 3,
        };
        if rank(b) > rank(a) { b } else { a }
    }
}

/// All layers as one, and where each value comes from.
///
/// # Errors
/// If one source says two things that exclude each other.
pub(super) fn merge(layers: Layers) -> Result<(Overrides, Origins)> {
    let Layers {
        scenario,
        environment,
        flags,
    } = layers;
    let (path, lines) = (scenario.path, scenario.lines);
    let mut settings = Overrides::default();
    let mut origins = Origins::default();
    add(&mut settings, &mut origins, scenario.overrides, |key, _| {
        Origin::Scenario {
            path: path.clone(),
            line: lines.get(key).copied().unwrap_or(1),
        }
    })?;
    add(&mut settings, &mut origins, environment, |key, _| {
        let variable = setting(key).and_then(|setting| setting.variable());
        Origin::Environment(match (key, variable) {
            // Of all settings, this one has a second variable, the convention of no-color.org.
            ("no_color", Some(variable)) => format!("{variable} or NO_COLOR"),
            (_, variable) => variable.unwrap_or_default(),
        })
    })?;
    add(&mut settings, &mut origins, flags, |_, flag| {
        Origin::Flag(flag.unwrap_or_default())
    })?;
    Ok((settings, origins))
}

/// Puts one layer over the others; of an exclusive pair it keeps the one that this layer speaks of.
fn add(
    settings: &mut Overrides,
    origins: &mut Origins,
    layer: Overrides,
    origin: impl Fn(&'static str, Option<&'static str>) -> Origin,
) -> Result<()> {
    for (a, b) in EXCLUSIVE {
        let (has_a, has_b) = (layer.has(a), layer.has(b));
        for (said, other) in [(has_a, b), (has_b, a)] {
            if said {
                settings.clear(other);
                origins.0.remove(other);
            }
        }
        if has_a && has_b {
            let named = |key| origin_name(&origin, key);
            let (first, second) = (named(a), named(b));
            layer_origins(origins, &layer, &origin);
            let message = format!("{first} and {second} exclude each other");
            return Err(origins.error(a, &message, "give one of them"));
        }
    }
    settings.overlay(layer, |setting| {
        origins
            .0
            .insert(setting.key, origin(setting.key, setting.flag));
    });
    Ok(())
}

fn layer_origins(
    origins: &mut Origins,
    layer: &Overrides,
    origin: impl Fn(&'static str, Option<&'static str>) -> Origin,
) {
    for setting in SETTINGS.iter().filter(|setting| layer.has(setting.key)) {
        origins
            .0
            .insert(setting.key, origin(setting.key, setting.flag));
    }
}

fn origin_name(
    origin: impl Fn(&'static str, Option<&'static str>) -> Origin,
    key: &'static str,
) -> String {
    match origin(key, setting(key).and_then(|setting| setting.flag)) {
        Origin::Flag(flag) => flag.to_owned(),
        Origin::Environment(variable) => variable,
        Origin::Scenario { .. } | Origin::Default => key.to_owned(),
    }
}
