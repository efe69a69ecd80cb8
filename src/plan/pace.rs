//! From settings to the schedule of an open loop, and what no schedule may be.

use std::time::Duration;

use super::layers::Origins;
use super::settings::Overrides;
use super::{Arrivals, Pace, Rates, Spike, Stage, StageSetting, Stop};
use crate::error::Result;
use crate::units::{LONGEST, Rate, duration, duration_word, grouped, rate_digits};

/// Requests per second that no machine sends.
const MOST_REQUESTS_PER_SEC: f64 = 10e6;
/// Time between two requests that nobody means.
const LONGEST_INTERVAL: Duration = Duration::from_hours(1);

/// The stages, if there are any, and how long they last together.
pub(super) fn stages(
    settings: &Overrides,
    origins: &Origins,
) -> Result<Option<(Vec<Stage>, Duration)>> {
    let Some(stages) = settings.stages.as_deref().map(StageSetting::chain) else {
        return Ok(None);
    };
    if stages.iter().all(|stage| stage.mean().0 == 0.0) {
        let message = "the stages never send anything";
        let hint = "give one of them a rate, such as hold:50k/s:30s";
        return Err(origins.error("load.stage", message, hint));
    }
    let length: Duration = stages.iter().map(|stage| stage.length).sum();
    if length > LONGEST {
        let message = format!("the stages last {} together", duration(length));
        return Err(origins.error("load.stage", &message, "at most 366 days"));
    }
    Ok(Some((stages, length)))
}

/// The schedule, if the loop is an open one.
pub(super) fn pace(
    settings: &Overrides,
    origins: &Origins,
    stages: Option<Vec<Stage>>,
    stop: Stop,
    batch_size: u32,
) -> Result<Option<Pace>> {
    let rates = match (stages, settings.rate) {
        (Some(stages), _) => Rates::Stages(stages),
        (None, Some(rate)) => Rates::Constant(rate),
        (None, None) => {
            closed_loop(settings, origins)?;
            return Ok(None);
        }
    };
    let sendable = |key: &'static str, name: &str, rate: Rate| {
        let message = wrong_rate(rate, batch_size)?;
        let hint = "change the rate or --batch-size: rates are records per second";
        Some(origins.error(key, &format!("{name}{message}"), hint))
    };
    let wrong = match &rates {
        Rates::Constant(rate) => sendable("load.rate", "", *rate),
        Rates::Stages(stages) => {
            let ends = stages.iter().enumerate();
            let ends = ends.flat_map(|(index, stage)| [(index, stage.from), (index, stage.to)]);
            ends.filter(|(_, rate)| rate.0 > 0.0)
                .find_map(|(index, rate)| {
                    sendable("load.stage", &format!("stage {}: ", index + 1), rate)
                })
        }
    };
    let spike = settings.spike;
    let wrong = wrong.or_else(|| sendable("load.spike", "", spike?.rate));
    if let Some(wrong) = wrong {
        return Err(wrong);
    }
    if let Some(spike) = spike
        && let Some(message) = outside(spike, &rates, stop)
    {
        let hint = "a spike takes the place of the planned rate within the run";
        return Err(origins.error("load.spike", &message, hint));
    }
    Ok(Some(Pace {
        rates,
        spike,
        arrivals: settings.arrivals.unwrap_or(Arrivals::Uniform),
    }))
}

/// Refuses what only an open loop can have.
fn closed_loop(settings: &Overrides, origins: &Origins) -> Result<()> {
    let hint = "a closed loop has no schedule: add --rate or --stage, or leave it out";
    if settings.spike.is_some() {
        let message = "a spike needs an open loop";
        return Err(origins.error("load.spike", message, hint));
    }
    if settings.arrivals == Some(Arrivals::Poisson) {
        let message = "Poisson arrivals need an open loop";
        return Err(origins.error("load.arrivals", message, hint));
    }
    Ok(())
}

/// What is wrong with a rate for batches of this size, if anything is.
fn wrong_rate(rate: Rate, batch_size: u32) -> Option<String> {
    let requests_per_sec = rate.0 / f64::from(batch_size);
    let asked = || {
        let batch = grouped(u64::from(batch_size));
        format!("{}/s in batches of {batch} is", rate.0)
    };
    let interval_secs = 1.0 / requests_per_sec;
    if requests_per_sec > MOST_REQUESTS_PER_SEC {
        let seen = rate_digits(requests_per_sec);
        return Some(format!(
            "{} {seen} requests/s, and 10 million are the limit",
            asked()
        ));
    }
    if interval_secs <= LONGEST_INTERVAL.as_secs_f64() {
        return None;
    }
    let interval = if interval_secs > LONGEST.as_secs_f64() {
        "in more than a year".to_owned()
    } else {
        let interval = Duration::from_secs_f64(interval_secs.round());
        format!("every {}", duration(interval))
    };
    Some(format!(
        "{} one request {interval}, and one an hour is the least",
        asked()
    ))
}

/// How a spike does not fit into the run, if it does not.
fn outside(spike: Spike, rates: &Rates, stop: Stop) -> Option<String> {
    let (at, end) = (duration_word(spike.at), spike.at + spike.length);
    match (stop, rates) {
        (Stop::Duration(length), _) if end > length => Some(format!(
            "a spike from {at} to {} is not within the run, which lasts {}",
            duration_word(end),
            duration_word(length)
        )),
        (Stop::Messages(records), Rates::Constant(rate))
            if spike.at.as_secs_f64() * rate.0 >= records as f64 =>
        {
            let length = Duration::from_secs_f64(records as f64 / rate.0);
            Some(format!(
                "a spike at {at} is not within the run, whose last request is due by {}",
                duration(Duration::from_millis(length.as_millis() as u64))
            ))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::describe::describe;
    use super::*;
    use crate::plan::{Layers, Machine, Plan, Scenario, resolve};
    use std::path::Path;

    fn scenario(text: &str) -> Scenario {
        let scenario = Scenario::parse(Path::new("s.toml"), text);
        scenario.unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    fn resolved(base: &str, environment: &str, flags: &str) -> Result<(Plan, Origins)> {
        let layers = Layers {
            scenario: scenario(base),
            environment: scenario(environment).overrides,
            flags: scenario(flags).overrides,
        };
        resolve(layers, Machine { parallelism: 4 })
    }

    fn error(base: &str, environment: &str, flags: &str) -> String {
        let error = resolved(base, environment, flags).err();
        let error = error.unwrap_or_else(|| panic!("resolved: {base} | {environment} | {flags}"));
        let hint = error.hint().unwrap_or_default().to_owned();
        format!("{error} [{hint}]")
    }

    const STAGES: &str = "load.stage = [\"ramp:10k/s:10s\", \"hold:10k/s:20s\"]";
    const TIMED: &str = "load.duration = \"10s\"\nload.rate = \"10k/s\"\n";

    #[test]
    fn a_run_in_stages_lasts_as_long_as_they_do_together() {
        let (plan, _) = resolved(STAGES, "", "").expect("a plan");
        assert_eq!(plan.load.stop, Stop::Duration(Duration::from_secs(30)));
        let stages = vec![
            Stage {
                from: Rate(0.0),
                to: Rate(1e4),
                length: Duration::from_secs(10),
            },
            Stage {
                from: Rate(1e4),
                to: Rate(1e4),
                length: Duration::from_secs(20),
            },
        ];
        let rates = plan.load.pace.expect("an open loop").rates;
        assert_eq!(rates, Rates::Stages(stages));
    }

    #[test]
    fn stages_replace_what_an_earlier_source_says_and_nothing_replaces_them_but_stages() {
        let said = format!("{TIMED}load.spike = \"20k/s@1s+1s\"");
        let (plan, _) = resolved(&said, STAGES, "load.stage = \"hold:5k/s:7s\"").expect("a plan");
        assert_eq!(plan.load.stop, Stop::Duration(Duration::from_secs(7)));
        let (plan, _) = resolved("load.messages = 1000", "", STAGES).expect("a plan");
        assert_eq!(plan.load.stop, Stop::Duration(Duration::from_secs(30)));

        let both = format!("load.messages = 5\n{STAGES}");
        insta::assert_snapshot!(
            [
                error(STAGES, "", "load.rate = 5"),
                error(STAGES, "load.duration = \"1s\"", ""),
                error("", STAGES, "load.messages = 5"),
                error(&both, "", ""),
                error("", &both, ""),
                error("", "", &both),
            ]
            .join("\n"),
            @r#"
            --rate: the run is in stages, which say its rate and its length [a run in stages lasts as long as its stages: change them, or give --stage]
            KRUSH_DURATION: the run is in stages, which say its rate and its length [a run in stages lasts as long as its stages: change them, or give --stage]
            --messages: the run is in stages, which say its rate and its length [a run in stages lasts as long as its stages: change them, or give --stage]
            s.toml:2: load.stage: load.stage and load.messages exclude each other [give one of them]
            KRUSH_STAGE: KRUSH_STAGE and KRUSH_MESSAGES exclude each other [give one of them]
            --stage: --stage and --messages exclude each other [give one of them]
            "#
        );
    }

    #[test]
    fn what_no_schedule_may_be_is_refused() {
        let rate = |rate: &str, batch: u32| {
            let flags = format!("load.rate = \"{rate}\"\nload.batch_size = {batch}");
            error(TIMED, "", &flags)
        };
        insta::assert_snapshot!(
            [
                error("load.stage = []", "", ""),
                error("load.stage = [\"hold:0:1m\"]", "", ""),
                error("load.stage = [\"hold:1:300d\", \"hold:1:300d\"]", "", ""),
                error("load.stage = [\"hold:1:1s\", \"ramp:100M/s:1s\"]\nload.batch_size = 5", "", ""),
                error("load.stage = [\"ramp:0.1-1k:1s\"]", "", ""),
                rate("11M/s", 1),
                rate("0.01/s", 100),
                rate("0.0000001/s", 4_000_000),
            ]
            .join("\n"),
            @r#"
            s.toml:1: load.stage: the stages never send anything [give one of them a rate, such as hold:50k/s:30s]
            s.toml:1: load.stage: the stages never send anything [give one of them a rate, such as hold:50k/s:30s]
            s.toml:1: load.stage: the stages last 1year 7months 21days 16h 4m 48s together [at most 366 days]
            s.toml:1: load.stage: stage 2: 100000000/s in batches of 5 is 20,000,000 requests/s, and 10 million are the limit [change the rate or --batch-size: rates are records per second]
            s.toml:1: load.stage: stage 1: 0.1/s in batches of 1,000 is one request every 2h 46m 40s, and one an hour is the least [change the rate or --batch-size: rates are records per second]
            --rate: 11000000/s in batches of 1 is 11,000,000 requests/s, and 10 million are the limit [change the rate or --batch-size: rates are records per second]
            --rate: 0.01/s in batches of 100 is one request every 2h 46m 40s, and one an hour is the least [change the rate or --batch-size: rates are records per second]
            --rate: 0.0000001/s in batches of 4,000,000 is one request in more than a year, and one an hour is the least [change the rate or --batch-size: rates are records per second]
            "#
        );
        assert!(resolved(TIMED, "", "load.rate = \"10M/s\"\nload.batch_size = 1").is_ok());
        let hourly = "load.rate = 1\nload.batch_size = 3600";
        assert!(resolved(TIMED, "", hourly).is_ok());
    }

    #[test]
    fn a_spike_lies_within_an_open_loop() {
        let with = |more: &str| error(&format!("{TIMED}{more}"), "", "");
        insta::assert_snapshot!(
            [
                with("load.spike = \"20k/s@9s+2s\""),
                with("load.spike = \"100M/s@1s+1s\"\nload.batch_size = 1"),
                error(STAGES, "", "load.spike = \"5/s@30s+1s\"\nload.batch_size = 1"),
                error("load.messages = 50000", "load.rate = \"10k/s\"", "load.spike = \"20k/s@5s+1s\""),
                error("load.messages = 50000", "", "load.spike = \"20k/s@5s+1s\""),
                error("load.messages = 50000", "load.arrivals = \"poisson\"", ""),
            ]
            .join("\n"),
            @r#"
            s.toml:3: load.spike: a spike from 9s to 11s is not within the run, which lasts 10s [a spike takes the place of the planned rate within the run]
            s.toml:3: load.spike: 100000000/s in batches of 1 is 100,000,000 requests/s, and 10 million are the limit [change the rate or --batch-size: rates are records per second]
            --spike: a spike from 30s to 31s is not within the run, which lasts 30s [a spike takes the place of the planned rate within the run]
            --spike: a spike at 5s is not within the run, whose last request is due by 5s [a spike takes the place of the planned rate within the run]
            --spike: a spike needs an open loop [a closed loop has no schedule: add --rate or --stage, or leave it out]
            KRUSH_ARRIVALS: Poisson arrivals need an open loop [a closed loop has no schedule: add --rate or --stage, or leave it out]
            "#
        );
        let last = "load.spike = \"20k/s@9s+1s\"";
        assert!(resolved(TIMED, "", last).is_ok());
        assert!(resolved("load.messages = 50000", "", "load.arrivals = \"uniform\"").is_ok());
    }

    #[test]
    fn a_described_schedule_is_a_scenario_of_the_same_schedule() {
        for text in [
            "load.stage = [\"ramp:10k/s:10s\", \"hold:0:1500ms\", \"ramp:0.5-7.25k/s:1m30s\"]\nload.batch_size = 1\nload.spike = \"3M/s@250ms+1us\"\nload.arrivals = \"poisson\"",
            "load.rate = 12345.678\nload.messages = 100000\nload.spike = { at = \"0s\", duration = \"3s\", rate = 99 }\nload.batch_size = 7",
            "load.rate = 1\nload.duration = \"1h 1us\"\nload.batch_size = 3",
            "load.messages = 100000",
        ] {
            let (plan, origins) = resolved(text, "", "").expect(text);
            let printed = describe(&plan, &origins);
            let (again, _) = resolved(&printed, "", "").expect(&printed);
            assert_eq!(again.load.pace, plan.load.pace, "{printed}");
            assert_eq!(again.load.stop, plan.load.stop, "{printed}");
        }
    }
}
