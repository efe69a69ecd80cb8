//! The one table of settings: scenario key, flag, variable and type of each, and layers of them.
//!
//! A layer ([`Overrides`]) holds what one source said: the scenario, the environment or the flags. Nothing here reads any
//! of them; it only says which settings exist and how their values are written.

use std::path::PathBuf;
use std::time::Duration;

use toml::de::DeValue;

use super::value::{FromSetting, Secret, Share, Unreadable};
use super::{Arrivals, Content, DialectChoice, KeyKind, Repeat, Spike, StageSetting, Threshold};
use crate::fault::Fault;
use crate::model::Model;
use crate::units::{ByteSize, Rate};
use crate::wire::Format;

/// How one setting is named in each source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setting {
    /// `table.key` in a scenario; without a dot it is no scenario key but a flag only.
    pub key: &'static str,
    /// `--flag`, if there is one.
    pub flag: Option<&'static str>,
}

impl Setting {
    /// The environment variable, for settings with a flag: `--batch-size` is `KRUSH_BATCH_SIZE`.
    pub fn variable(&self) -> Option<String> {
        let flag = self.flag?.trim_start_matches('-');
        Some(format!(
            "KRUSH_{}",
            flag.replace('-', "_").to_ascii_uppercase()
        ))
    }

    /// Whether a scenario may contain it.
    pub fn in_scenario(&self) -> bool {
        self.key.contains('.') || self.key == "description"
    }
}

macro_rules! settings {
    ($($(#[doc = $doc:literal])+ $field:ident: $type:ty = $key:literal $($flag:literal)?;)+) => {
        /// What one source said; `None`: it did not say.
        #[derive(Clone, Default)]
        pub struct Overrides {
            $($(#[doc = $doc])+ pub $field: Option<$type>,)+
        }

        /// Every setting, in the order in which a plan is printed.
        pub const SETTINGS: &[Setting] = &[
            $(Setting { key: $key, flag: settings!(@flag $($flag)?) },)+
        ];

        impl Overrides {
            /// Sets the setting called `key` to a scenario's value.
            ///
            /// # Errors
            /// Says what was expected instead of the value, or that there is no such key.
            pub fn set(&mut self, key: &str, value: &DeValue<'_>) -> Result<(), Unreadable> {
                match key {
                    $($key => self.$field = Some(FromSetting::from_toml(value)?),)+
                    _ => return Err(format!("unknown key `{key}`").into()),
                }
                Ok(())
            }

            /// Whether this layer says something about `key`; a switch turned off does not count.
            pub fn has(&self, key: &str) -> bool {
                match key {
                    $($key => self.$field.as_ref().is_some_and(FromSetting::is_on),)+
                    _ => false,
                }
            }

            /// Forgets what this layer says about `key`.
            pub fn clear(&mut self, key: &str) {
                match key {
                    $($key => self.$field = None,)+
                    _ => {}
                }
            }

            /// Takes over everything that `layer` says, and calls `changed` with each setting it says something about.
            pub fn overlay(&mut self, layer: Self, mut changed: impl FnMut(Setting)) {
                $(if layer.$field.is_some() {
                    self.$field = layer.$field;
                    changed(Setting { key: $key, flag: settings!(@flag $($flag)?) });
                })+
            }

            /// The part of this layer that `keep` says yes to.
            #[must_use]
            pub fn only(self, mut keep: impl FnMut(Setting) -> bool) -> Self {
                Self {
                    $($field: self.$field.filter(
                        |_| keep(Setting { key: $key, flag: settings!(@flag $($flag)?) })
                    ),)+
                }
            }
        }
    };
    (@flag) => { None };
    (@flag $flag:literal) => { Some($flag) };
}

settings! {
    /// One line about the scenario.
    description: String = "description";
    /// Base URLs of the targets.
    urls: Vec<String> = "target.url" "--url";
    /// Use the built-in stand-in.
    embedded: bool = "target.embedded" "--embedded";
    /// How the built-in stand-in misbehaves.
    faults: Vec<Fault> = "target.faults" "--fault";
    /// How much the built-in stand-in can do.
    model: Model = "target.model" "--model";
    /// Whose manners replies are judged by.
    dialect: DialectChoice = "target.dialect" "--dialect";
    /// Extra request headers, `Name: value`.
    headers: Vec<String> = "target.headers" "--header";
    /// Basic authentication, `user:password`.
    user: Secret = "target.user" "--user";
    /// Bearer token.
    bearer: Secret = "target.bearer" "--bearer";
    /// PEM file with CA certificates.
    ca_cert: PathBuf = "target.ca_cert" "--ca-cert";
    /// PEM file with the client certificate.
    client_cert: PathBuf = "target.client_cert" "--client-cert";
    /// PEM file with the client key.
    client_key: PathBuf = "target.client_key" "--client-key";
    /// Accept any server certificate.
    insecure: bool = "target.insecure" "--insecure";
    /// Topic name.
    topic: String = "topic.name" "--topic";
    /// Partitions to create the topic with.
    partitions: u32 = "topic.partitions" "--partitions";
    /// Replication factor to create the topic with.
    replication_factor: u16 = "topic.replication_factor";
    /// Create the topic if it is missing.
    create: bool = "topic.create";
    /// Records to send.
    messages: u64 = "load.messages" "--messages";
    /// How long to send.
    duration: Duration = "load.duration" "--duration";
    /// Connections.
    concurrency: u32 = "load.concurrency" "--concurrency";
    /// Records in a request.
    batch_size: u32 = "load.batch_size" "--batch-size";
    /// Records per second of an open loop.
    rate: Rate = "load.rate" "--rate";
    /// Parts of an open loop, one after the other.
    stages: Vec<StageSetting> = "load.stage" "--stage";
    /// A time in which another rate holds.
    spike: Spike = "load.spike" "--spike";
    /// How requests are spread within their rate.
    arrivals: Arrivals = "load.arrivals" "--arrivals";
    /// Load before the clock starts.
    warmup: Duration = "load.warmup" "--warmup";
    /// Limit for one exchange.
    timeout: Duration = "load.timeout" "--timeout";
    /// How long requests in flight may take after the end.
    drain: Duration = "load.drain" "--drain";
    /// Engine threads.
    threads: u32 = "load.threads" "--threads";
    /// Hold what was acked against what is stored, after the load.
    verify: bool = "load.verify" "--verify";
    /// Send nothing while the consumer group is further behind than this.
    max_lag: u64 = "load.max_lag" "--max-lag";
    /// The consumer group of that.
    lag_group: String = "load.lag_group" "--lag-group";
    /// How records are embedded.
    format: Format = "payload.format" "--format";
    /// Size of the payload text.
    message_size: ByteSize = "payload.message_size" "--message-size";
    /// What the payload text is made of.
    content: Content = "payload.content";
    /// Record keys.
    key: KeyKind = "payload.key" "--key";
    /// Number of distinct keys.
    keys: u32 = "payload.keys" "--keys";
    /// Share of the hot key.
    hot_ratio: Share = "payload.hot_ratio" "--hot-ratio";
    /// Seed of payload text, random keys and Poisson arrivals.
    seed: u64 = "payload.seed" "--seed";
    /// Conditions that fail the run.
    fail_on: Vec<Threshold> = "thresholds.fail_on" "--fail-on";
    /// Least throughput that passes.
    min_throughput: Rate = "thresholds.min_throughput" "--min-throughput";
    /// Highest P95 latency that passes.
    max_p95: Duration = "thresholds.max_p95" "--max-p95";
    /// Enforce the reference figures.
    gate: bool = "thresholds.gate" "--gate";
    /// Report to compare with.
    baseline: PathBuf = "comparison.baseline" "--baseline";
    /// Target to compare with, loaded in turn with the others.
    baseline_url: String = "comparison.baseline_url" "--baseline-url";
    /// Change that matters.
    margin: Share = "comparison.margin" "--margin";
    /// How much runs differ that only time separates.
    run_noise: Share = "comparison.run_noise" "--run-noise";
    /// Compare runs that are not alike.
    force: bool = "comparison.force" "--force";
    /// Pairs of slices of a duet.
    repeat: Repeat = "comparison.repeat" "--repeat";
    /// Most time for them.
    max_time: Duration = "comparison.max_time" "--max-time";
    /// Reference: acked records per second.
    reference_throughput: Rate = "reference.throughput";
    /// Reference: P95 latency.
    reference_p95: Duration = "reference.p95";
    /// Reference: share of records acked.
    reference_success: Share = "reference.success";
    /// Throughput aimed at.
    goal: Rate = "reference.goal";
    /// Where the reference figures come from.
    source: String = "reference.source";
    /// Result files.
    output: Vec<PathBuf> = "output" "--output";
    /// Where finished runs are listed.
    history: PathBuf = "history" "--history";
    /// Prometheus Pushgateway that is told the result.
    push_gateway: String = "push_gateway" "--push-gateway";
    /// Port where Prometheus reads figures during the run.
    prometheus_port: u16 = "prometheus_port" "--prometheus-port";
    /// Verdict line and errors only.
    quiet: bool = "quiet" "--quiet";
    /// No colour.
    no_color: bool = "no_color" "--no-color";
}

/// Settings that exclude each other: said in one source they are an error, said in two the later source wins.
pub const EXCLUSIVE: [(&str, &str); 4] = [
    ("comparison.baseline", "comparison.baseline_url"),
    ("load.messages", "load.duration"),
    ("target.url", "target.embedded"),
    ("target.user", "target.bearer"),
];

/// What a run in stages takes from them: said together in one source it is an error, and so it is in a later source; stages
/// in a later source replace it.
pub const SAID_BY_STAGES: [&str; 3] = ["load.rate", "load.messages", "load.duration"];

/// The setting with this scenario key.
pub fn setting(key: &str) -> Option<Setting> {
    SETTINGS.iter().copied().find(|setting| setting.key == key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_on_scenarios_has_a_row_for_every_setting() {
        let page = include_str!("../../docs/scenario.md");
        let rows: Vec<&str> = page.lines().filter(|line| line.starts_with('|')).collect();
        for setting in SETTINGS
            .iter()
            .filter(|setting| setting.key != "description")
        {
            let flag = setting
                .flag
                .map_or("none".to_owned(), |flag| format!("`{flag}`"));
            let variable = setting
                .variable()
                .map_or("none".to_owned(), |name| format!("`{name}`"));
            let of_this = |row: &&&str| {
                let mut cells = row.split('|').map(str::trim);
                let first = if setting.in_scenario() {
                    format!("`{}`", setting.key)
                } else {
                    flag.clone()
                };
                cells
                    .nth(1)
                    .is_some_and(|cell| cell.split(", ").next() == Some(&first))
            };
            let row = rows.iter().find(of_this);
            let row = row.unwrap_or_else(|| panic!("no row for {}", setting.key));
            let cells: Vec<&str> = row.split('|').map(str::trim).collect();
            for wanted in [&flag, &variable] {
                let found = cells
                    .iter()
                    .any(|cell| cell.split(", ").any(|part| part == wanted));
                assert!(found, "{wanted} is not in the row of {}", setting.key);
            }
        }
        let keys = rows
            .iter()
            .filter(|row| row.starts_with("| `") && row.contains('.'));
        let unknown: Vec<&str> = keys
            .filter_map(|row| row.split('`').nth(1))
            .filter(|key| key.contains('.') && !key.contains(' ') && setting(key).is_none())
            .collect();
        assert!(
            unknown.is_empty(),
            "rows for keys that do not exist: {unknown:?}"
        );
    }

    #[test]
    fn no_setting_is_named_twice() {
        for (index, setting) in SETTINGS.iter().enumerate() {
            for other in &SETTINGS[..index] {
                assert_ne!(setting.key, other.key);
                assert!(
                    setting.flag.is_none() || setting.flag != other.flag,
                    "{}",
                    setting.key
                );
            }
        }
    }
}
