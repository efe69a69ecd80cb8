//! Scenario files: TOML text to a layer of settings, with the line of every key kept for messages.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};

use super::settings::{Overrides, SETTINGS, setting};
use crate::error::{Error, Result};

/// The scenarios built into the program: name and text. They have no code of their own.
pub const PRESETS: [(&str, &str); 4] = [
    ("basic", include_str!("../../scenarios/basic.toml")),
    ("optimized", include_str!("../../scenarios/optimized.toml")),
    ("extreme", include_str!("../../scenarios/extreme.toml")),
    ("64kb", include_str!("../../scenarios/64kb.toml")),
];

/// A parsed scenario.
#[derive(Clone)]
pub struct Scenario {
    /// The preset's name or the file's stem.
    pub name: String,
    /// The file, for messages; a preset's is `scenarios/NAME.toml`.
    pub path: PathBuf,
    /// What it says.
    pub overrides: Overrides,
    /// Line of each key it contains, from 1.
    pub lines: BTreeMap<&'static str, usize>,
}

impl Scenario {
    /// The preset called `name`.
    ///
    /// # Errors
    /// [`Error::Usage`] if there is none of that name.
    pub fn preset(name: &str) -> Result<Self> {
        let found = PRESETS.iter().find(|(preset, _)| *preset == name);
        let (name, text) = found.ok_or_else(|| {
            let names = PRESETS.map(|(preset, _)| preset).join(", ");
            Error::usage(format!("no preset is called `{name}`: expected {names}"))
        })?;
        Self::parse(Path::new(&format!("scenarios/{name}.toml")), text)
    }

    /// Reads the text of a scenario; `path` is for its name and for messages.
    ///
    /// # Errors
    /// [`Error::Scenario`] with the line for broken TOML, an unknown key and a wrong value.
    pub fn parse(path: &Path, text: &str) -> Result<Self> {
        let mut reader = Reader {
            path,
            text,
            overrides: Overrides::default(),
            lines: BTreeMap::new(),
        };
        let table = DeTable::parse(text).map_err(|error| {
            let line = error.message().lines().next().unwrap_or("broken");
            reader.error(error.span(), format!("not TOML: {line}"), None)
        })?;
        reader.read(table.get_ref(), "")?;
        let stem = path.file_stem().unwrap_or_default();
        Ok(Self {
            name: stem.to_string_lossy().into_owned(),
            path: path.to_owned(),
            overrides: reader.overrides,
            lines: reader.lines,
        })
    }
}

struct Reader<'a> {
    path: &'a Path,
    text: &'a str,
    overrides: Overrides,
    lines: BTreeMap<&'static str, usize>,
}

impl Reader<'_> {
    fn read(&mut self, table: &DeTable<'_>, prefix: &str) -> Result<()> {
        for (name, value) in table {
            let key = format!("{prefix}{}", name.get_ref());
            let known = setting(&key).filter(super::settings::Setting::in_scenario);
            match (known, value.get_ref()) {
                (Some(setting), value) => {
                    self.overrides.set(setting.key, value).map_err(|message| {
                        self.error(Some(name.span()), format!("{key}: {message}"), None)
                    })?;
                    self.lines.insert(setting.key, self.line(name.span().start));
                }
                (None, DeValue::Table(inner)) if prefix.is_empty() && is_table(&key) => {
                    self.read(inner, &format!("{key}."))?;
                }
                (None, _) => {
                    let hint = suggestion(&key);
                    let message = format!("unknown key `{key}`");
                    return Err(self.error(Some(name.span()), message, Some(hint)));
                }
            }
        }
        Ok(())
    }

    fn line(&self, at: usize) -> usize {
        1 + self
            .text
            .bytes()
            .take(at)
            .filter(|byte| *byte == b'\n')
            .count()
    }

    fn error(&self, span: Option<Range<usize>>, message: String, hint: Option<String>) -> Error {
        Error::Scenario {
            path: self.path.to_owned(),
            line: self.line(span.map_or(0, |span| span.start)),
            message,
            hint,
        }
    }
}

fn is_table(name: &str) -> bool {
    keys().any(|key| key.split_once('.').is_some_and(|(table, _)| table == name))
}

fn keys() -> impl Iterator<Item = &'static str> {
    SETTINGS
        .iter()
        .filter(|setting| setting.in_scenario())
        .map(|setting| setting.key)
}

/// The known key that was probably meant, or the keys of the table.
fn suggestion(unknown: &str) -> String {
    let table = unknown
        .split_once('.')
        .map(|(table, _)| table)
        .filter(|table| is_table(table));
    let bare = |key: &str| key.rsplit('.').next().unwrap_or_default().replace('-', "_");
    let nearest = keys()
        .map(|key| (distance(&bare(key), &bare(unknown)), key))
        .min_by_key(|(distance, key)| {
            (
                *distance,
                key.split_once('.').map(|(table, _)| table) != table,
            )
        });
    match (nearest, table) {
        (Some((0..=2, key)), _) => format!("did you mean `{key}`?"),
        (_, Some(table)) => {
            let names: Vec<&str> = keys()
                .filter_map(|key| key.strip_prefix(table)?.strip_prefix('.'))
                .collect();
            format!("[{table}] has {}", names.join(", "))
        }
        (_, None) => {
            "the tables are [target] [topic] [load] [payload] [thresholds] [reference]".to_owned()
        }
    }
}

/// Levenshtein distance: how many letters must be added, removed or changed.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let changed = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}
