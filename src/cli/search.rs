//! What `krush tune` and `krush capacity` leave out of the shared flags.

use clap::Arg;

use crate::plan::setting;

/// Settings that have no place in a search, and why.
pub const NO_PLACE_IN_SEARCH: [(&str, &str); 21] = [
    ("load.rate", HOW_FAST),
    ("load.stage", HOW_FAST),
    ("load.spike", HOW_FAST),
    ("load.messages", HOW_MUCH),
    ("load.duration", HOW_MUCH),
    (
        "load.verify",
        "it audits nothing; audit a run with what it finds",
    ),
    (
        "load.max_lag",
        "a load that is held back measures the consumers",
    ),
    (
        "load.lag_group",
        "a load that is held back measures the consumers",
    ),
    ("thresholds.gate", "it knows no reference figures"),
    ("thresholds.min_throughput", "it looks for the most"),
    ("thresholds.fail_on", "it has a limit of its own"),
    ("comparison.baseline", NOTHING),
    ("comparison.baseline_url", NOTHING),
    ("comparison.margin", NOTHING),
    ("comparison.run_noise", NOTHING),
    ("comparison.force", NOTHING),
    ("comparison.repeat", NOTHING),
    ("comparison.max_time", NOTHING),
    ("push_gateway", "its trials are no runs"),
    ("prometheus_port", "its trials are no runs"),
    ("history", "its trials are no runs"),
];
const HOW_FAST: &str = "it chooses itself how fast to send";
const HOW_MUCH: &str = "it chooses itself how much to send";
const NOTHING: &str = "it compares with nothing";

/// Settings that have no place here beside those of every search.
pub const NO_PLACE_IN_TUNE: [(&str, &str); 3] = [
    (
        "load.batch_size",
        "it tries several; name them with --batch-sizes",
    ),
    (
        "load.concurrency",
        "it tries several; name them with --connections",
    ),
    ("load.arrivals", "its load is a closed loop"),
];

/// What flags mean here, where that differs.
type Meanings = [(&'static str, &'static str)];

const IN_TUNE: &Meanings = &[
    (
        "output",
        "Result file: .json has all figures, .toml a scenario with the best shape; repeatable",
    ),
    (
        "warmup",
        "Load before the first look, in no figure [default: 5s, for the stand-in 0s]",
    ),
    ("max_p95", "The limit of P95, such as 500ms"),
    ("dry_run", "Print what would be tried, and send nothing"),
];

const IN_CAPACITY: &Meanings = &[
    ("output", "Result file (.json); repeatable"),
    (
        "warmup",
        "Load of each step before its clock starts [default: 1s]",
    ),
    (
        "concurrency",
        "Connections, each with one request in flight [default: 50]",
    ),
    ("batch_size", "Records in a request [default: 100]"),
    ("max_p95", "What must hold, as --slo 'p95 < TIME'"),
    ("dry_run", "Print what would be done, and send nothing"),
];

/// The flags of `krush tune`.
pub(super) fn tune_flags(flag: Arg) -> Arg {
    let no_place = NO_PLACE_IN_SEARCH.iter().chain(&NO_PLACE_IN_TUNE);
    shown(flag, no_place, IN_TUNE)
}

/// The flags of `krush capacity`.
pub(super) fn capacity_flags(flag: Arg) -> Arg {
    shown(flag, NO_PLACE_IN_SEARCH.iter(), IN_CAPACITY)
}

/// Help shows no flag that is refused, and says what the others mean.
fn shown<'a>(
    flag: Arg,
    mut no_place: impl Iterator<Item = &'a (&'a str, &'a str)>,
    meanings: &Meanings,
) -> Arg {
    let refused = no_place.any(|(key, _)| {
        let refused = setting(key).and_then(|setting| setting.flag);
        refused.and_then(|refused| refused.strip_prefix("--")) == flag.get_long()
    });
    let meaning = meanings
        .iter()
        .find(|(id, _)| *id == flag.get_id().as_str());
    match meaning {
        Some((_, help)) => flag.help(*help),
        None => flag.hide(refused),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;
    use crate::cli::Cli;

    #[test]
    fn help_of_a_search_hides_exactly_what_it_refuses() {
        let cli = Cli::command();
        let hidden = |verb: &str| {
            let command = cli.find_subcommand(verb).expect(verb);
            let flags = command.get_arguments().filter(|flag| flag.is_hide_set());
            flags.filter_map(|flag| flag.get_long()).count()
        };
        assert_eq!(
            hidden("tune"),
            NO_PLACE_IN_SEARCH.len() + NO_PLACE_IN_TUNE.len()
        );
        assert_eq!(hidden("capacity"), NO_PLACE_IN_SEARCH.len());
        assert_eq!(hidden("basic"), 0);
        let tune = cli.find_subcommand("tune").expect("tune");
        let meant = IN_TUNE.iter().chain(IN_CAPACITY);
        for (id, _) in meant {
            assert!(tune.get_arguments().any(|flag| flag.get_id() == id), "{id}");
        }
    }
}
