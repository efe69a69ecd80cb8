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

/// What the preset of this name says, as words by the keys of settings; nothing, if there is none.
pub fn preset_words(name: &str) -> BTreeMap<&'static str, String> {
    let preset = PRESETS.iter().find(|(preset, _)| *preset == name);
    let text = preset.map_or("", |(_, text)| text);
    let tables: toml::Table = text.parse().unwrap_or_default();
    let word = |key: &str| {
        let (table, key) = key.split_once('.')?;
        match tables.get(table)?.get(key)? {
            toml::Value::String(text) => Some(text.clone()),
            toml::Value::Integer(number) => Some(number.to_string()),
            _ => None,
        }
    };
    let settings = SETTINGS.iter();
    settings
        .filter_map(|setting| Some((setting.key, word(setting.key)?)))
        .collect()
}

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

    /// The scenario of `krush e2e`.
    ///
    /// # Errors
    /// None, as long as a test reads it.
    pub fn e2e() -> Result<Self> {
        let text = include_str!("../../scenarios/e2e.toml");
        Self::parse(Path::new("scenarios/e2e.toml"), text)
    }

    /// The scenario of `krush gate`.
    ///
    /// # Errors
    /// None, as long as a test reads it.
    pub fn gate() -> Result<Self> {
        let text = include_str!("../../scenarios/gate.toml");
        Self::parse(Path::new("scenarios/gate.toml"), text)
    }

    /// One that says nothing.
    pub(crate) fn silent() -> Self {
        Self {
            name: String::new(),
            path: PathBuf::new(),
            overrides: Overrides::default(),
            lines: BTreeMap::new(),
        }
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
                (Some(setting), value) if setting.key == "description" && !value.is_str() => {
                    let message = format!("{key}: expected a text, such as \"a first look\"");
                    return Err(self.error(Some(name.span()), message, None));
                }
                (Some(setting), value) => {
                    self.overrides.set(setting.key, value).map_err(|wrong| {
                        let item = wrong
                            .item
                            .map_or(String::new(), |number| format!(" {number}"));
                        let message = format!("{key}{item}: {}", wrong.message);
                        self.error(wrong.span.or(Some(name.span())), message, None)
                    })?;
                    self.lines.insert(setting.key, self.line(name.span().start));
                }
                (None, DeValue::Table(inner)) if prefix.is_empty() && is_table(&key) => {
                    self.read(inner, &format!("{key}."))?;
                }
                (None, _) if prefix.is_empty() && is_table(&key) => {
                    let message = format!("`{key}` is a table: write [{key}] and its keys below");
                    return Err(self.error(Some(name.span()), message, None));
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
    tables().contains(&name)
}

fn keys() -> impl Iterator<Item = &'static str> {
    SETTINGS
        .iter()
        .filter(|setting| setting.in_scenario())
        .map(|setting| setting.key)
}

/// Tables of a scenario, in the order of the settings.
fn tables() -> Vec<&'static str> {
    let mut tables: Vec<&str> = keys()
        .filter_map(|key| key.split_once('.').map(|(table, _)| table))
        .collect();
    tables.dedup();
    tables
}

/// The known key or table that was probably meant, or what there is to choose from.
fn suggestion(unknown: &str) -> String {
    let near = |name: &str, wanted: &str| distance(name, wanted) <= 2;
    let Some((table, name)) = unknown.split_once('.') else {
        let tables: Vec<String> = tables().iter().map(|table| format!("[{table}]")).collect();
        let meant = tables
            .iter()
            .find(|table| near(table.trim_matches(['[', ']']), unknown));
        return match meant {
            Some(table) => format!("did you mean {table}?"),
            None => format!("the tables are {}", tables.join(" ")),
        };
    };
    let in_table: Vec<&str> = keys()
        .filter_map(|key| key.strip_prefix(table)?.strip_prefix('.'))
        .collect();
    if let Some(meant) = in_table.iter().find(|known| near(known, name)) {
        return format!("did you mean `{table}.{meant}`?");
    }
    match keys().find(|key| key.ends_with(&format!(".{name}"))) {
        Some(elsewhere) => format!("there is `{elsewhere}`"),
        None => format!("[{table}] has {}", in_table.join(", ")),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presets_say_what_their_help_says_and_records_are_as_large_as_promised() {
        for (name, _) in PRESETS {
            let scenario = Scenario::preset(name).expect(name);
            assert_eq!(scenario.name, name);
            let said = scenario.overrides.description.expect("a description");
            let messages = scenario.overrides.messages.expect("messages");
            assert!(said.starts_with(&crate::units::grouped(messages)), "{said}");
        }
        assert!(Scenario::preset("fast").is_err());
    }

    #[test]
    fn every_scenario_key_can_be_set_and_is_kept_with_its_line() {
        let values = |key: &str| match key {
            "target.embedded" | "target.insecure" | "topic.create" | "thresholds.gate"
            | "load.verify" | "comparison.force" => "true",
            "load.lag_group" => "\"g\"",
            "target.headers" => "[\"A: b\"]",
            "target.faults" => "[\"stall=1s@4s\"]",
            "target.model" => "\"default\"",
            "target.dialect" => "\"auto\"",
            "payload.format" => "\"binary\"",
            "payload.content" => "\"base64\"",
            "payload.key" => "\"hot\"",
            "load.stage" => "\"hold:5k/s:1s\"",
            "load.spike" => "\"5k/s@1s+1s\"",
            "load.arrivals" => "\"poisson\"",
            "thresholds.fail_on" => "\"p99 > 2s\"",
            "load.duration"
            | "load.warmup"
            | "load.timeout"
            | "load.drain"
            | "comparison.max_time" => "\"1s\"",
            "comparison.repeat" => "8",
            key if key.contains("success") || key.contains("ratio") => "\"50%\"",
            key if key.contains("p95") => "\"1s\"",
            key if SETTINGS.iter().any(|setting| setting.key == key) => "1",
            _ => "unknown",
        };
        for key in keys() {
            let text = match key.split_once('.') {
                Some((table, name)) => format!("[{table}]\n{name} = {}\n", values(key)),
                None => format!("\n{key} = \"x\"\n"),
            };
            let scenario = Scenario::parse(Path::new("x.toml"), &text)
                .unwrap_or_else(|error| panic!("{text}: {error}"));
            assert!(scenario.overrides.has(key), "{key}");
            assert_eq!(scenario.lines.get(key), Some(&2), "{key}");
        }
    }

    #[test]
    fn a_description_that_is_no_text_is_refused_with_its_line() {
        for value in ["5", "true", "[1]"] {
            let text = format!("# first\ndescription = {value}\n");
            let error = Scenario::parse(Path::new("s.toml"), &text)
                .err()
                .expect(value);
            let wanted = "s.toml:2: description: expected a text, such as \"a first look\"";
            assert_eq!(error.to_string(), wanted);
        }
    }

    #[test]
    fn the_examples_of_the_page_are_scenarios() {
        let page = include_str!("../../docs/scenario.md");
        let examples = page.split("```toml").skip(1);
        let examples = examples.filter_map(|rest| rest.split("```").next());
        let read = |text| Scenario::parse(Path::new("page.toml"), text).expect("a scenario");
        let [whole, stages]: [Overrides; 2] = examples
            .map(|text| read(text).overrides)
            .collect::<Vec<_>>()
            .try_into()
            .unwrap_or_else(|_| panic!("two examples"));
        assert_eq!(whole.urls.map(|urls| urls.len()), Some(2));
        assert_eq!(whole.fail_on.map(|thresholds| thresholds.len()), Some(2));
        assert_eq!(stages.stages.map(|stages| stages.len()), Some(3));
        assert!(stages.spike.is_some());
    }

    #[test]
    fn every_scenario_of_the_folder_is_one() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
        let mut names = Vec::new();
        for entry in std::fs::read_dir(folder).expect("the folder") {
            let path = entry.expect("an entry").path();
            let text = std::fs::read_to_string(&path).expect("a text");
            let scenario = Scenario::parse(&path, &text).unwrap_or_else(|error| panic!("{error}"));
            names.push(scenario.name.clone());
            let layers = crate::plan::Layers {
                scenario,
                environment: Overrides::default(),
                flags: Overrides::default(),
            };
            let machine = crate::plan::Machine { parallelism: 2 };
            crate::plan::resolve(layers, machine).unwrap_or_else(|error| panic!("{error}"));
        }
        assert!(names.len() > PRESETS.len(), "{names:?}");
    }

    #[test]
    fn suggestions_name_what_was_probably_meant() {
        for (unknown, hint) in [
            ("laod", "did you mean [load]?"),
            (
                "spam",
                "the tables are [target] [topic] [load] [payload] [thresholds] [comparison] [reference]",
            ),
            ("load.concurency", "did you mean `load.concurrency`?"),
            ("load.url", "there is `target.url`"),
            (
                "topic.color",
                "[topic] has name, partitions, replication_factor, create",
            ),
        ] {
            assert_eq!(suggestion(unknown), hint);
        }
    }
}
