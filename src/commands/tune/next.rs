//! What to do with the shape that was found: a line to run, and a scenario.

use std::path::{Path, PathBuf};

use super::search::{Amount, Shape};
use super::{RUN, change, shape_flags};
use crate::cli::{NO_PLACE_IN_SEARCH, Typed};
use crate::commands::{machine, read_scenario, trials};
use crate::error::Result;
use crate::plan::{
    Auth, Layers, Origin, Origins, Overrides, PRESETS, Plan, SETTINGS, Scenario, Setting, describe,
    described, is_secret_header, resolve, setting,
};
use crate::wire::Format;

/// The preset whose records are those of a search without a scenario.
const PLAIN: &str = "extreme";
/// Parts of a plan that make the load what it is.
const LOADING: [&str; 4] = ["target.", "topic.", "load.", "payload."];
/// Of those, what the line says in any case, and credentials, which nothing prints.
const SAID: [&str; 9] = [
    "target.url",
    "target.embedded",
    "target.model",
    "target.user",
    "target.bearer",
    "topic.name",
    "load.batch_size",
    "load.concurrency",
    "load.duration",
];
/// Of what a search leaves out, what `--duration` takes the place of.
const REPLACED: [&str; 2] = ["load.messages", "load.duration"];

/// What to run with the best shape.
#[derive(Debug)]
pub(super) struct Next {
    /// The verb, with its file.
    command: String,
    /// Flags for what its scenario says otherwise.
    more: Vec<String>,
    /// Credentials that were typed.
    typed: Vec<String>,
    /// Credentials that a scenario of the result lacks.
    unwritten: Vec<String>,
    /// Settings of the scenario that no flag undoes.
    undone: Vec<&'static str>,
    /// Variables that the search left out, and that a run would not.
    variables: Vec<String>,
}

impl Default for Next {
    fn default() -> Self {
        Self {
            command: PLAIN.to_owned(),
            more: Vec::new(),
            typed: Vec::new(),
            unwritten: Vec::new(),
            undone: Vec::new(),
            variables: Vec::new(),
        }
    }
}

impl Next {
    /// `layers` and `own` are those of the search, `typed` is all that was typed.
    ///
    /// # Errors
    /// The scenario cannot be read any more.
    pub(super) fn new(
        file: Option<&Path>,
        typed: &Typed,
        (layers, own): (&Layers, &Overrides),
        shape: Shape,
    ) -> Result<Self> {
        let preset = |file: &Path| {
            let mut names = PRESETS.iter().map(|(name, _)| *name);
            names.find(|name| file == Path::new(name) && !file.exists())
        };
        let command = file.map_or_else(
            || PLAIN.to_owned(),
            |file| match preset(file) {
                Some(name) => name.to_owned(),
                None => format!("run {}", word(&file.display().to_string())),
            },
        );
        let scenario = file.map_or_else(|| Scenario::preset(PLAIN), read_scenario)?;
        let (wanted, origins) = plan(layers, own, shape)?;
        let left_out = |said: &Overrides| -> Vec<&'static str> {
            let keys = NO_PLACE_IN_SEARCH.iter().map(|(key, _)| *key);
            let of_load = keys.filter(|key| key.starts_with("load.") && !REPLACED.contains(key));
            of_load.filter(|key| said.has(key)).collect()
        };
        let variable = |key: &str| setting(key)?.variable();
        let undone = left_out(&scenario.overrides);
        let mut environment = typed.environment.clone();
        let variables = left_out(&environment);
        for key in &variables {
            environment.clear(key);
        }
        let secrets = |of: fn(&Origin) -> bool| secrets(&wanted, &origins, of);
        let line = Layers {
            scenario,
            environment,
            flags: Overrides {
                format: Some(shape.format).filter(|format| *format == Format::Binary),
                warmup: None,
                ..change(shape, Amount::Time(RUN))
            },
        };
        let more = if undone.is_empty() {
            lacking(&wanted, &origins, &resolve(line, machine())?.0)
        } else {
            Vec::new()
        };
        Ok(Self {
            command,
            more,
            typed: secrets(|origin| matches!(origin, Origin::Flag(_))),
            unwritten: secrets(|origin| !matches!(origin, Origin::Environment(_))),
            undone,
            variables: variables.into_iter().filter_map(variable).collect(),
        })
    }

    /// A line to paste: the scenario that was written, or where the shape was found; and what it lacks.
    pub(super) fn text(&self, shape: Shape, target: &str, files: &[PathBuf]) -> String {
        let written = |file: &&PathBuf| file.extension().is_some_and(|ending| ending == "toml");
        let mut text = match files.iter().find(written) {
            Some(file) => format!(
                "such as:\n  krush run {}\n",
                word(&file.display().to_string())
            ),
            None if !self.undone.is_empty() => format!(
                "-o tuned.toml writes a scenario with this shape: no flag undoes {} of {}\n",
                self.undone.join(", "),
                self.command.trim_start_matches("run ")
            ),
            None => {
                let mut words = vec![format!("krush {} --duration 30s", self.command)];
                words.push(shape_flags(shape));
                words.extend(self.more.iter().cloned());
                words.push(target.to_owned());
                words.retain(|word| !word.is_empty());
                format!("such as:\n  {}\n", words.join(" "))
            }
        };
        let credentials = if files.iter().any(|file| written(&file)) {
            &self.unwritten
        } else {
            &self.typed
        };
        for (what, list) in [
            ("and your credentials: ", credentials),
            ("and without the variables ", &self.variables),
        ] {
            if !list.is_empty() {
                text.push_str(what);
                text.push_str(&list.join(", "));
                text.push('\n');
            }
        }
        text
    }
}

/// The flags that make the one plan load as the other does.
fn lacking(wanted: &Plan, origins: &Origins, line: &Plan) -> Vec<String> {
    let secret = has_secret_header(wanted);
    let loading = |setting: &&Setting| {
        LOADING.iter().any(|part| setting.key.starts_with(part))
            && !SAID.contains(&setting.key)
            // What follows from other settings needs no flag.
            && *origins.of(setting.key) != Origin::Default
            && !(secret && setting.key == "target.headers")
    };
    let differing = |setting: &Setting| {
        let value = described(wanted, setting.key)?;
        let differs = described(line, setting.key).as_ref() != Some(&value);
        differs.then(|| Some(flag_words(setting.flag?, &value)))?
    };
    let settings = SETTINGS.iter().filter(loading);
    settings.filter_map(differing).collect()
}

/// A flag with its value, which is TOML; one with several values is repeated.
fn flag_words(flag: &str, value: &str) -> String {
    let table: toml::Table = format!("value = {value}").parse().unwrap_or_default();
    let one = |value: &toml::Value| match value {
        toml::Value::Boolean(_) => flag.to_owned(),
        toml::Value::String(text) => format!("{flag} {}", word(text)),
        other => format!("{flag} {other}"),
    };
    match table.get("value") {
        Some(toml::Value::Array(values)) => values.iter().map(one).collect::<Vec<_>>().join(" "),
        Some(value) => one(value),
        None => String::new(),
    }
}

fn has_secret_header(plan: &Plan) -> bool {
    let mut headers = plan.target.headers.iter();
    headers.any(|(name, _)| is_secret_header(name))
}

/// The flags for a plan's credentials that were said in such a place. One header that is a secret takes all others along: those of a flag
/// take the place of those of a scenario.
fn secrets(plan: &Plan, origins: &Origins, of: fn(&Origin) -> bool) -> Vec<String> {
    let mut ways = Vec::new();
    match plan.target.auth {
        Some(Auth::Basic { .. }) if of(origins.of("target.user")) => {
            ways.push("--user NAME:PASSWORD".to_owned());
        }
        Some(Auth::Bearer(_)) if of(origins.of("target.bearer")) => {
            ways.push("--bearer TOKEN".to_owned());
        }
        _ => {}
    }
    if has_secret_header(plan) && of(origins.of("target.headers")) {
        for (name, value) in &plan.target.headers {
            let value = if is_secret_header(name) {
                "VALUE"
            } else {
                value
            };
            ways.push(format!("--header {}", word(&format!("{name}: {value}"))));
        }
    }
    ways
}

/// A word as a shell takes it.
fn word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,@%+\\".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

/// The plan of a run with this shape; `own` are thresholds of the scenario, which the search had no use for.
pub(super) fn plan(layers: &Layers, own: &Overrides, shape: Shape) -> Result<(Plan, Origins)> {
    let mut layers = layers.clone();
    layers.scenario.overrides.overlay(own.clone(), |_| ());
    let change = Overrides {
        warmup: trials::said(&layers, |layer| layer.warmup),
        ..change(shape, Amount::Time(RUN))
    };
    trials::resolved(&layers, machine(), change)
}

/// A scenario with this shape, without credentials.
pub(super) fn scenario(layers: &Layers, own: &Overrides, shape: Shape) -> Result<String> {
    let (mut plan, origins) = plan(layers, own, shape)?;
    let mut text = note(&secrets(&plan, &origins, |_| true));
    plan.target.auth = None;
    plan.target
        .headers
        .retain(|(name, _)| !is_secret_header(name));
    for line in describe(&plan, &origins).lines() {
        // What the search chose, nobody typed.
        let chosen = ["batch-size", "concurrency", "duration", "format"]
            .into_iter()
            .find_map(|flag| line.strip_suffix(&format!("# --{flag}")));
        text.push_str(chosen.unwrap_or(line));
        text.push_str(chosen.map_or("\n", |_| "# krush tune\n"));
    }
    Ok(text)
}

/// How to give credentials, which are not written.
fn note(secrets: &[String]) -> String {
    if secrets.is_empty() {
        return "\n".to_owned();
    }
    let ways: Vec<String> = secrets.iter().map(|way| format!("#   {way}\n")).collect();
    format!(
        "#\n# Credentials are not written. Give them by these flags, or by the variables of those:\n{}\n",
        ways.concat()
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Scenario;
    use crate::wire::Format;

    const SHAPE: Shape = Shape {
        format: Format::Json,
        batch_size: 100,
        connections: 8,
    };

    fn parsed(text: &str) -> Scenario {
        Scenario::parse(Path::new("own.toml"), text).unwrap()
    }

    #[test]
    fn a_scenario_of_the_result_has_no_credentials_and_keeps_its_thresholds() {
        let layers = Layers {
            scenario: parsed(
                "target.url = \"http://h:1\"\ntarget.user = \"bob:secret\"\n\
                 target.headers = [\"X-Api-Key: hidden\", \"X-Run: 7\"]\nload.timeout = \"5s\"",
            ),
            environment: Overrides::default(),
            flags: Overrides::default(),
        };
        let own = parsed("thresholds.fail_on = [\"p99 > 2s\"]").overrides;
        let text = scenario(&layers, &own, SHAPE).unwrap();
        for absent in ["***", "secret", "hidden", "# --batch-size", "bob"] {
            assert!(!text.contains(absent), "{absent}: {text}");
        }
        for wanted in [
            "#   --user NAME:PASSWORD\n",
            "#   --header 'X-Api-Key: VALUE'\n#   --header 'X-Run: 7'\n",
            "\"X-Run: 7\"",
            "fail_on = [\"p99 > 2s\"]",
            "# krush tune",
        ] {
            assert!(text.contains(wanted), "{wanted}: {text}");
        }
        let again = parsed(&text).overrides;
        assert_eq!((again.batch_size, again.concurrency), (Some(100), Some(8)));
        assert!(again.user.is_none());
    }

    /// What would be printed for this scenario, this environment and these flags.
    fn printed(file: Option<(&str, &str)>, environment: &str, flags: &str, toml: bool) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = file.map(|(name, text)| {
            let path = if name.contains('.') {
                folder.path().join(name)
            } else {
                name.into()
            };
            if !text.is_empty() {
                std::fs::write(&path, text).unwrap();
            }
            path
        });
        let typed = Typed {
            environment: parsed(environment).overrides,
            flags: parsed(flags).overrides,
        };
        let no_more = &crate::cli::NO_PLACE_IN_TUNE;
        let layers = trials::layers("tune", no_more, path.as_deref(), &typed).unwrap();
        let own = trials::own_thresholds(path.as_deref()).unwrap();
        let next = Next::new(path.as_deref(), &typed, (&layers, &own), SHAPE).unwrap();
        let files: &[PathBuf] = if toml {
            &["my runs/x.toml".into()]
        } else {
            &[]
        };
        let folder = format!("{}/", folder.path().display());
        next.text(SHAPE, "--url http://h", files)
            .replace(&folder, "")
    }

    #[test]
    fn the_line_loads_what_was_tuned_and_says_what_it_lacks() {
        let own = "payload.message_size = \"20kB\"\npayload.key = \"random\"\nload.messages = 5\n";
        let staged = format!("{own}load.rate = \"5k/s\"");
        let secret = "target.user = \"bob:x\"\ntarget.headers = [\"X-A: b c\", \"X-Api-Key: k\"]";
        let plain = "target.headers = [\"X-A: b c\"]\nload.timeout = \"5s\"\npayload.message_size = \"1kB\"";
        let all = [
            printed(None, "", "", false),
            printed(None, "", plain, false),
            printed(None, "load.rate = \"5k/s\"", secret, false),
            printed(None, "", secret, true),
            printed(None, "", plain, true),
            printed(Some(("64kb", "")), "", "", false),
            printed(Some(("own.toml", own)), "", "load.warmup = \"2s\"", false),
            printed(Some(("own.toml", &staged)), "", "", false),
            printed(Some(("own.toml", &staged)), "", "", true),
        ];
        insta::assert_snapshot!(all.join("\n"), @"
        such as:
          krush extreme --duration 30s --batch-size 100 --concurrency 8 --url http://h

        such as:
          krush extreme --duration 30s --batch-size 100 --concurrency 8 --header 'X-A: b c' --timeout 5s --message-size 1000B --url http://h

        such as:
          krush extreme --duration 30s --batch-size 100 --concurrency 8 --url http://h
        and your credentials: --user NAME:PASSWORD, --header 'X-A: b c', --header 'X-Api-Key: VALUE'
        and without the variables KRUSH_RATE

        such as:
          krush run 'my runs/x.toml'
        and your credentials: --user NAME:PASSWORD, --header 'X-A: b c', --header 'X-Api-Key: VALUE'

        such as:
          krush run 'my runs/x.toml'

        such as:
          krush 64kb --duration 30s --batch-size 100 --concurrency 8 --url http://h

        such as:
          krush run own.toml --duration 30s --batch-size 100 --concurrency 8 --warmup 2s --url http://h

        -o tuned.toml writes a scenario with this shape: no flag undoes load.rate of own.toml

        such as:
          krush run 'my runs/x.toml'
        ");
    }
}
