//! What a preset says itself, in the help of its flags: the plan it makes, not that of a scenario that says nothing.

use clap::Arg;

use crate::plan::{SETTINGS, preset_words};

/// Flags of a preset with its own values as defaults.
pub(super) fn defaults(preset: &str) -> impl FnMut(Arg) -> Arg + use<> {
    let words = preset_words(preset);
    move |flag| {
        let setting = SETTINGS.iter().find(|setting| {
            let long = setting.flag.and_then(|flag| flag.strip_prefix("--"));
            long.is_some() && long == flag.get_long()
        });
        let word = setting.and_then(|setting| words.get(setting.key));
        let (Some(word), Some(help)) = (word, flag.get_help()) else {
            return flag;
        };
        let help = help.to_string();
        let meaning = help.split(" [default: ").next().unwrap_or_default();
        flag.help(format!("{meaning} [default: {word}]"))
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use crate::cli::Cli;
    use crate::plan::{Layers, Machine, Overrides, PRESETS, Scenario, Stop, resolve};

    #[test]
    fn help_of_a_preset_has_the_defaults_of_its_plan() {
        let cli = Cli::command();
        for (name, _) in PRESETS {
            let layers = Layers {
                scenario: Scenario::preset(name).expect(name),
                environment: Overrides::default(),
                flags: Overrides::default(),
            };
            let (plan, _) = resolve(layers, Machine { parallelism: 2 }).expect(name);
            let Stop::Messages(messages) = plan.load.stop else {
                panic!("{name} is no run by count");
            };
            let size = plan
                .payload
                .message_size
                .to_string()
                .replace([' ', ','], "");
            let command = cli.find_subcommand(name).expect(name);
            for (flag, value) in [
                ("messages", messages.to_string()),
                ("concurrency", plan.load.concurrency.to_string()),
                ("batch-size", plan.load.batch_size.to_string()),
                ("partitions", plan.topic.partitions.to_string()),
                ("topic", plan.topic.name.clone()),
                ("message-size", size),
                ("format", plan.payload.format.name().to_owned()),
                ("warmup", "0s".to_owned()),
            ] {
                let argument = command
                    .get_arguments()
                    .find(|argument| argument.get_long() == Some(flag));
                let help = argument.and_then(clap::Arg::get_help).expect(flag);
                let wanted = format!(" [default: {value}]");
                assert!(
                    help.to_string().ends_with(&wanted),
                    "{name} --{flag}: {help}"
                );
            }
        }
    }
}
