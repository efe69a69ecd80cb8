//! What was said, by source, laid over each other: the later source wins, and where each value comes from is kept.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::settings::{EXCLUSIVE, Overrides, SAID_BY_STAGES, SETTINGS, setting};
use super::{KeyKind, Scenario};
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
    key_figures(&settings, &origins)?;
    outputs(&settings, &origins)?;
    Ok((settings, origins))
}

/// Refuses figures of a key mode that was not asked for; a mode said later than its figures turns them off.
fn key_figures(settings: &Overrides, origins: &Origins) -> Result<()> {
    let kind = settings.key.unwrap_or(KeyKind::None);
    let keys = matches!(kind, KeyKind::Random | KeyKind::Hot);
    for (key, said, used, modes) in [
        (
            "payload.keys",
            settings.keys.is_some(),
            keys,
            "random or hot",
        ),
        (
            "payload.hot_ratio",
            settings.hot_ratio.is_some(),
            kind == KeyKind::Hot,
            "hot",
        ),
    ] {
        if said && !used && origins.later(key, "payload.key") == key {
            let message = format!("has no effect with keys of mode {}", kind.name());
            return Err(origins.error(
                key,
                &message,
                format!("add --key {modes}, or leave it out"),
            ));
        }
    }
    Ok(())
}

/// Refuses the same result file twice.
fn outputs(settings: &Overrides, origins: &Origins) -> Result<()> {
    let files = settings.output.as_deref().unwrap_or_default();
    for (index, file) in files.iter().enumerate() {
        if files[..index].contains(file) {
            let message = format!("`{}` is named twice", file.display());
            return Err(origins.error("output", &message, "name each file once"));
        }
    }
    Ok(())
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
            return Err(both(origins, &layer, &origin, a, b));
        }
    }
    stages(settings, origins, &layer, &origin)?;
    settings.overlay(layer, |setting| {
        origins
            .0
            .insert(setting.key, origin(setting.key, setting.flag));
    });
    Ok(())
}

/// Lets stages replace what an earlier layer says that they say too. After them nobody may say it: a rate that replaced
/// them, or a length that turned a staged run into a closed loop, would be another run than the one that was planned.
fn stages(
    settings: &mut Overrides,
    origins: &mut Origins,
    layer: &Overrides,
    origin: impl Fn(&'static str, Option<&'static str>) -> Origin,
) -> Result<()> {
    const STAGE: &str = "load.stage";
    for key in SAID_BY_STAGES {
        match (layer.has(STAGE), layer.has(key)) {
            (true, true) => return Err(both(origins, layer, origin, STAGE, key)),
            (true, false) => {
                settings.clear(key);
                origins.0.remove(key);
            }
            (false, true) if settings.has(STAGE) => {
                layer_origins(origins, layer, origin);
                let message = "the run is in stages, which say its rate and its length";
                let hint =
                    "a run in stages lasts as long as its stages: change them, or give --stage";
                return Err(origins.error(key, message, hint));
            }
            (false, _) => {}
        }
    }
    Ok(())
}

/// The error of a layer that says two things that exclude each other.
fn both(
    origins: &mut Origins,
    layer: &Overrides,
    origin: impl Fn(&'static str, Option<&'static str>) -> Origin,
    a: &'static str,
    b: &'static str,
) -> Error {
    let (first, second) = (origin_name(&origin, a), origin_name(&origin, b));
    layer_origins(origins, layer, &origin);
    let message = format!("{first} and {second} exclude each other");
    origins.error(a, &message, "give one of them")
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn merged(scenario: &str, flags: &str) -> Result<(), String> {
        let parsed = |text| Scenario::parse(Path::new("s.toml"), text);
        let layers = Layers {
            scenario: parsed(scenario).expect(scenario),
            environment: Overrides::default(),
            flags: parsed(flags).expect(flags).overrides,
        };
        merge(layers).map(|_| ()).map_err(|error| error.to_string())
    }

    #[test]
    fn figures_of_another_key_mode_are_refused_unless_a_later_source_changed_the_mode() {
        for (scenario, flags, said) in [
            (
                "",
                "payload.keys = 5",
                "--keys: has no effect with keys of mode none",
            ),
            ("payload.key = \"hot\"", "payload.keys = 5", ""),
            ("payload.key = \"random\"", "payload.keys = 5", ""),
            ("payload.key = \"hot\"\npayload.hot_ratio = 0.5", "", ""),
            (
                "payload.key = \"random\"",
                "payload.hot_ratio = 0.5",
                "--hot-ratio: has no effect with keys of mode random",
            ),
            (
                "payload.key = \"sequence\"\npayload.keys = 5",
                "",
                "s.toml:2: payload.keys: has no effect with keys of mode sequence",
            ),
            (
                "payload.key = \"hot\"\npayload.keys = 5\npayload.hot_ratio = 0.5",
                "payload.key = \"none\"",
                "",
            ),
        ] {
            let found = merged(scenario, flags).err().unwrap_or_default();
            assert_eq!(found, said, "{scenario} {flags}");
        }
    }

    #[test]
    fn a_result_file_is_named_once() {
        let outputs = |second: &str| Overrides {
            output: Some(vec!["a.json".into(), second.into()]),
            ..Overrides::default()
        };
        let refused = super::outputs(&outputs("a.json"), &Origins::default());
        let refused = refused.expect_err("twice").to_string();
        assert_eq!(refused, "output: `a.json` is named twice");
        assert!(super::outputs(&outputs("a.md"), &Origins::default()).is_ok());
    }
}
