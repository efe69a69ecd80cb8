//! How stages and spikes are written: as tables of a scenario, and each in one word as a flag.

use std::time::Duration;

use toml::de::{DeTable, DeValue};

use super::value::{FromSetting, Unreadable, text_of};
use super::{Spike, Stage};
use crate::units::{Rate, duration_word, parse_duration};

/// A part of an open loop as it is written: a ramp may leave out where it begins.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StageSetting {
    /// Records per second at its beginning; `None`: as the stage before ended, the first at 0.
    pub from: Option<Rate>,
    /// Records per second at its end.
    pub to: Rate,
    /// How long it lasts.
    pub length: Duration,
}

impl StageSetting {
    /// The stages with their beginnings.
    pub(super) fn chain(settings: &[Self]) -> Vec<Stage> {
        let mut reached = Rate(0.0);
        let resolve = |setting: &Self| {
            let from = setting.from.unwrap_or(reached);
            reached = setting.to;
            Stage {
                from,
                to: setting.to,
                length: setting.length,
            }
        };
        settings.iter().map(resolve).collect()
    }
}

fn length(text: &str) -> Result<Duration, String> {
    let length = parse_duration(text)?;
    if length.as_micros() == 0 {
        return Err(format!(
            "a duration of {text} is too short: more than zero, such as 30s"
        ));
    }
    Ok(length)
}

impl FromSetting for StageSetting {
    fn from_text(text: &str) -> Result<Self, String> {
        let wanted = || {
            format!(
                "`{text}` is not a stage: write hold:50k/s:30s, ramp:50k/s:30s or ramp:1k/s-50k/s:30s"
            )
        };
        let mut parts = text.splitn(3, ':');
        let (Some(shape), Some(rates), Some(time)) = (parts.next(), parts.next(), parts.next())
        else {
            return Err(wanted());
        };
        let (from, to) = match (shape.trim(), rates.split_once('-')) {
            ("hold", None) => {
                let rate = Rate::or_zero(rates)?;
                (Some(rate), rate)
            }
            ("ramp", None) => (None, Rate::or_zero(rates)?),
            ("ramp", Some((from, to))) => (Some(Rate::or_zero(from)?), Rate::or_zero(to)?),
            _ => return Err(wanted()),
        };
        Ok(Self {
            from,
            to,
            length: length(time)?,
        })
    }

    fn from_toml(value: &DeValue<'_>) -> Result<Self, Unreadable> {
        let DeValue::Table(table) = value else {
            return Ok(Self::from_text(&text_of(value)?)?);
        };
        let fields = Fields::of("stage", table, &["hold", "ramp", "from", "duration"])?;
        let hold = fields.read("hold", Rate::or_zero)?;
        let ramp = fields.read("ramp", Rate::or_zero)?;
        let from = fields.read("from", Rate::or_zero)?;
        let (from, to) = match (hold, ramp, from) {
            (Some(rate), None, None) => (Some(rate), rate),
            (None, Some(to), from) => (from, to),
            (Some(_), Some(_), _) => {
                return Err(fields.wrong("ramp", "a stage that holds does not ramp"));
            }
            (Some(_), None, Some(_)) => {
                return Err(fields.wrong("from", "a stage that holds has one rate"));
            }
            (None, None, _) => {
                return Err(Unreadable::from(
                    "a stage needs hold or ramp, such as hold = \"50k/s\"".to_owned(),
                ));
            }
        };
        Ok(Self {
            from,
            to,
            length: fields.needed("duration", length, "\"30s\"")?,
        })
    }
}

impl FromSetting for Spike {
    fn from_text(text: &str) -> Result<Self, String> {
        let parts = text
            .split_once('@')
            .and_then(|(rate, times)| Some((rate, times.split_once('+')?)));
        let Some((rate, (at, time))) = parts else {
            return Err(format!(
                "`{text}` is not a spike: write RATE@START+DURATION, such as 200k/s@30s+5s"
            ));
        };
        Ok(Self {
            rate: rate.parse()?,
            at: parse_duration(at)?,
            length: length(time)?,
        })
    }

    fn from_toml(value: &DeValue<'_>) -> Result<Self, Unreadable> {
        let DeValue::Table(table) = value else {
            return Ok(Self::from_text(&text_of(value)?)?);
        };
        let fields = Fields::of("spike", table, &["at", "duration", "rate"])?;
        Ok(Self {
            rate: fields.needed("rate", str::parse, "\"200k/s\"")?,
            at: fields.needed("at", parse_duration, "\"30s\"")?,
            length: fields.needed("duration", length, "\"5s\"")?,
        })
    }
}

/// A stage in one word, as [`FromSetting`] reads it.
pub(super) fn stage_word(stage: &Stage) -> String {
    let (from, to) = (stage.from.0, stage.to.0);
    let time = duration_word(stage.length);
    if stage.from == stage.to {
        format!("hold:{to}/s:{time}")
    } else {
        format!("ramp:{from}/s-{to}/s:{time}")
    }
}

/// A spike in one word, as [`FromSetting`] reads it.
pub(super) fn spike_word(spike: &Spike) -> String {
    let (at, time) = (duration_word(spike.at), duration_word(spike.length));
    format!("{}/s@{at}+{time}", spike.rate.0)
}

/// The keys of a table that is one value of a setting.
struct Fields<'a, 'i> {
    what: &'static str,
    table: &'a DeTable<'i>,
}

impl<'a, 'i> Fields<'a, 'i> {
    fn of(what: &'static str, table: &'a DeTable<'i>, known: &[&str]) -> Result<Self, Unreadable> {
        let unknown = table
            .iter()
            .find(|(key, _)| !known.contains(&key.get_ref().as_ref()));
        if let Some((key, _)) = unknown {
            let (name, known) = (key.get_ref(), known.join(", "));
            let mut wrong = Unreadable::from(format!("unknown key `{name}`: a {what} has {known}"));
            wrong.span = Some(key.span());
            return Err(wrong);
        }
        Ok(Self { what, table })
    }

    /// An error about the value of `key`.
    fn wrong(&self, key: &str, message: &str) -> Unreadable {
        let mut wrong = Unreadable::from(format!("{key}: {message}"));
        wrong.span = (self.table.iter())
            .find(|(name, _)| name.get_ref() == key)
            .map(|(name, _)| name.span());
        wrong
    }

    fn read<T>(
        &self,
        key: &str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Option<T>, Unreadable> {
        let Some(value) = self.table.get(key) else {
            return Ok(None);
        };
        let read = text_of(value.get_ref()).and_then(|text| parse(&text));
        read.map(Some).map_err(|message| self.wrong(key, &message))
    }

    fn needed<T>(
        &self,
        key: &str,
        parse: impl Fn(&str) -> Result<T, String>,
        example: &str,
    ) -> Result<T, Unreadable> {
        let missing = || {
            Unreadable::from(format!(
                "a {} needs {key}, such as {key} = {example}",
                self.what
            ))
        };
        self.read(key, parse)?.ok_or_else(missing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Scenario;
    use std::path::Path;

    fn stages(text: &str) -> Result<Vec<Stage>, String> {
        let scenario = Scenario::parse(Path::new("s.toml"), text);
        let overrides = scenario.map_err(|error| error.to_string())?.overrides;
        Ok(StageSetting::chain(&overrides.stages.expect("stages")))
    }

    fn stage(from: f64, to: f64, secs: u64) -> Stage {
        Stage {
            from: Rate(from),
            to: Rate(to),
            length: Duration::from_secs(secs),
        }
    }

    #[test]
    fn tables_and_words_say_the_same() {
        let tables = "[[load.stage]]\nramp = \"1k/s\"\nduration = \"10s\"\n\
                      [[load.stage]]\nhold = 0\nduration = \"1m\"\n\
                      [[load.stage]]\nramp = \"2k/s\"\nduration = \"5s\"\n\
                      [[load.stage]]\nfrom = 500\nramp = \"0/s\"\nduration = \"5s\"\n";
        let words =
            "load.stage = [\"ramp:1k/s:10s\", \"hold:0:1m\", \"ramp:2k/s:5s\", \"ramp:500-0:5s\"]";
        let wanted = vec![
            stage(0.0, 1e3, 10),
            stage(0.0, 0.0, 60),
            stage(0.0, 2e3, 5),
            stage(500.0, 0.0, 5),
        ];
        assert_eq!(stages(tables), Ok(wanted.clone()));
        assert_eq!(stages(words), Ok(wanted.clone()));
        for stage in wanted {
            let read = StageSetting::from_text(&stage_word(&stage)).expect("its own word");
            assert_eq!(StageSetting::chain(&[read]), [stage]);
        }
    }

    #[test]
    fn what_is_wrong_with_a_stage_is_said_with_its_number_and_line() {
        let second = |keys: &str| {
            let text =
                format!("[[load.stage]]\nhold = 1\nduration = \"1s\"\n[[load.stage]]\n{keys}\n");
            stages(&text).expect_err(keys)
        };
        insta::assert_snapshot!(
            [
                "hold = 1\nramp = 2\nduration = \"1s\"",
                "duration = \"1s\"",
                "hold = 1",
                "hold = 1\nduration = \"0s\"",
                "hold = 1\nduration = \"1s\"\nfrom = 2",
                "ramp = \"fast\"\nduration = \"1s\"",
                "ramp = [1]\nduration = \"1s\"",
                "hold = 1\nduration = \"1s\"\ncolour = 7",
            ]
            .map(second)
            .join("\n"),
            @r#"
            s.toml:6: load.stage 2: ramp: a stage that holds does not ramp
            s.toml:4: load.stage 2: a stage needs hold or ramp, such as hold = "50k/s"
            s.toml:4: load.stage 2: a stage needs duration, such as duration = "30s"
            s.toml:6: load.stage 2: duration: a duration of 0s is too short: more than zero, such as 30s
            s.toml:7: load.stage 2: from: a stage that holds has one rate
            s.toml:5: load.stage 2: ramp: `fast` is not a rate: write records per second, such as 50k/s, 1.5M/s or 40000
            s.toml:5: load.stage 2: ramp: expected a single value, not an array
            s.toml:7: load.stage 2: unknown key `colour`: a stage has hold, ramp, from, duration
            "#
        );
        insta::assert_snapshot!(
            [
                "load.stage = 5",
                "load.stage = \"hold:1\"",
                "load.stage = [\"hold:1:1s\",\n \"hold:1-2:1s\"]",
                "load.stage = [\"jump:1:1s\"]",
                "load.stage = [\"ramp:1:0s\"]",
                "load.spike = { at = \"1s\", rate = 5 }",
                "load.spike = { at = \"1s\", rate = 0, duration = \"1s\" }",
                "load.spike = \"5/s@1s\"",
                "[load.spike]\nat = \"1s\"\nrates = 5",
            ]
            .map(|text| stages(text).expect_err(text))
            .join("\n"),
            @r#"
            s.toml:1: load.stage: `5` is not a stage: write hold:50k/s:30s, ramp:50k/s:30s or ramp:1k/s-50k/s:30s
            s.toml:1: load.stage: `hold:1` is not a stage: write hold:50k/s:30s, ramp:50k/s:30s or ramp:1k/s-50k/s:30s
            s.toml:2: load.stage 2: `hold:1-2:1s` is not a stage: write hold:50k/s:30s, ramp:50k/s:30s or ramp:1k/s-50k/s:30s
            s.toml:1: load.stage 1: `jump:1:1s` is not a stage: write hold:50k/s:30s, ramp:50k/s:30s or ramp:1k/s-50k/s:30s
            s.toml:1: load.stage 1: a duration of 0s is too short: more than zero, such as 30s
            s.toml:1: load.spike: a spike needs duration, such as duration = "5s"
            s.toml:1: load.spike: rate: `0` is too low a rate: more than 0 records per second, such as 50k/s
            s.toml:1: load.spike: `5/s@1s` is not a spike: write RATE@START+DURATION, such as 200k/s@30s+5s
            s.toml:3: load.spike: unknown key `rates`: a spike has at, duration, rate
            "#
        );
    }

    #[test]
    fn a_spike_is_read_from_a_table_and_a_word() {
        let read = |text| {
            let scenario = Scenario::parse(Path::new("s.toml"), text).expect(text);
            scenario.overrides.spike.expect("a spike")
        };
        let spike = Spike {
            rate: Rate(2e5),
            at: Duration::from_secs(30),
            length: Duration::from_millis(500),
        };
        assert_eq!(read("load.spike = \"200k/s@30s+500ms\""), spike);
        assert_eq!(
            read("load.spike = { at = \"30s\", duration = \"500ms\", rate = \"200k/s\" }"),
            spike
        );
        assert_eq!(Spike::from_text(&spike_word(&spike)), Ok(spike));
    }
}
