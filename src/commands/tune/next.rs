//! What to do with the shape that was found: a line to run, and a scenario.

use std::path::{Path, PathBuf};

use super::search::{Amount, Shape};
use super::{RUN, change};
use crate::commands::trials;
use crate::error::Result;
use crate::plan::{Auth, Layers, Overrides, Plan, SETTINGS, describe, is_secret_header};

/// Settings that the line says itself, or that change nothing about the load.
const IN_LINE: [&str; 10] = [
    "target.url",
    "target.embedded",
    "target.model",
    "topic.name",
    "thresholds.max_p95",
    "payload.format",
    "load.warmup",
    "output",
    "quiet",
    "no_color",
];
/// Settings that are credentials, which no file gets.
const CREDENTIALS: [&str; 3] = ["target.headers", "target.user", "target.bearer"];

/// What to run with the best shape.
#[derive(Debug, Default)]
pub(super) struct Next {
    /// The scenario that was read.
    scenario: Option<PathBuf>,
    /// Flags that were typed and say more than the line does.
    others: Vec<&'static str>,
    /// Those of them that are credentials.
    credentials: Vec<&'static str>,
}

impl Next {
    /// `flags`: what was typed.
    pub(super) fn new(scenario: Option<&Path>, flags: &Overrides) -> Self {
        let typed = |wanted: &dyn Fn(&str) -> bool| {
            let settings = SETTINGS.iter();
            let settings = settings.filter(|setting| flags.has(setting.key) && wanted(setting.key));
            settings.filter_map(|setting| setting.flag).collect()
        };
        Self {
            scenario: scenario.map(Path::to_owned),
            others: typed(&|key| !IN_LINE.contains(&key)),
            credentials: typed(&|key| CREDENTIALS.contains(&key)),
        }
    }

    /// A line to paste: the scenario that was written, or where the shape was found; and what it lacks.
    pub(super) fn text(&self, flags: &str, target: &str, files: &[PathBuf]) -> String {
        let written = |file: &&PathBuf| file.extension().is_some_and(|ending| ending == "toml");
        let (line, lacking) = match files.iter().find(written) {
            Some(file) => (format!("krush run {}", word(file)), &self.credentials),
            None => (
                format!("krush extreme --duration 30s {flags} {target}"),
                &self.others,
            ),
        };
        let mut text = format!("such as:\n  {line}\n");
        if !lacking.is_empty() {
            text.push_str("and your other flags: ");
            text.push_str(&lacking.join(", "));
            text.push('\n');
        }
        if self.scenario.is_some() && !files.iter().any(|file| written(&file)) {
            text.push_str("(-o tuned.toml writes the scenario with this shape)\n");
        }
        text
    }
}

/// A path as a shell takes it.
fn word(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,@%+\\".contains(c);
    if text.chars().all(plain) {
        text
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

/// The plan of a run with this shape; `own` are thresholds of the scenario, which the search had no use for.
pub(super) fn plan(
    layers: &Layers,
    own: &Overrides,
    shape: Shape,
) -> Result<(Plan, crate::plan::Origins)> {
    let mut layers = layers.clone();
    layers.scenario.overrides.overlay(own.clone(), |_| ());
    let change = Overrides {
        warmup: trials::said(&layers, |layer| layer.warmup),
        ..change(shape, Amount::Time(RUN))
    };
    trials::resolved(&layers, super::super::machine(), change)
}

/// A scenario with this shape, without credentials.
pub(super) fn scenario(layers: &Layers, own: &Overrides, shape: Shape) -> Result<String> {
    let (mut plan, origins) = plan(layers, own, shape)?;
    let mut text = taken(&mut plan);
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

/// Takes the credentials out of a plan, and says how to give them.
fn taken(plan: &mut Plan) -> String {
    let mut ways: Vec<String> = Vec::new();
    match plan.target.auth.take() {
        Some(Auth::Basic { .. }) => ways.push("--user NAME:PASSWORD, or KRUSH_USER".to_owned()),
        Some(Auth::Bearer(_)) => ways.push("--bearer TOKEN, or KRUSH_BEARER".to_owned()),
        None => {}
    }
    plan.target.headers.retain(|(name, _)| {
        let secret = is_secret_header(name);
        if secret {
            ways.push(format!("--header '{name}: VALUE', or KRUSH_HEADER"));
        }
        !secret
    });
    if ways.is_empty() {
        return "\n".to_owned();
    }
    let ways: Vec<String> = ways.iter().map(|way| format!("#   {way}\n")).collect();
    format!(
        "#\n# Credentials are not written. Give them by flag or variable:\n{}\n",
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
            "#   --user NAME:PASSWORD, or KRUSH_USER\n",
            "#   --header 'X-Api-Key: VALUE', or KRUSH_HEADER\n",
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

    #[test]
    fn the_line_can_be_pasted_and_says_what_it_lacks() {
        let flags = parsed("payload.message_size = \"1kB\"\ntarget.user = \"bob:x\"").overrides;
        let next = Next::new(None, &flags);
        let line = next.text("--batch-size 100", "--url http://h", &[]);
        assert_eq!(
            line,
            "such as:\n  krush extreme --duration 30s --batch-size 100 --url http://h\n\
             and your other flags: --user, --message-size\n"
        );
        let line = next.text("", "", &["my runs/x.toml".into()]);
        assert_eq!(
            line,
            "such as:\n  krush run 'my runs/x.toml'\nand your other flags: --user\n"
        );
        let line = Next::default().text("", "", &["x.toml".into()]);
        assert_eq!(line, "such as:\n  krush run x.toml\n");
    }
}
