//! The flags that every load command shares.

use std::path::PathBuf;
use std::time::Duration;

use clap::ArgAction;
use clap::builder::BoolishValueParser;

use super::layered::{Layered, Typed, value};
use super::target::TargetArgs;
use crate::fault::Fault;
use crate::model::Model;
use crate::plan::{Arrivals, KeyKind, Overrides, Repeat, Share, Spike, StageSetting, Threshold};
use crate::units::{ByteSize, Rate};
use crate::wire::Format;

/// Shared flags. Each overrides its scenario key; each has a variable, which a flag overrides.
#[derive(clap::Args, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "they are switches")]
pub struct LoadArgs {
    /// Where the load goes.
    #[command(flatten)]
    pub target: TargetArgs,

    /// Test the built-in stand-in, started inside krush
    #[arg(
        long,
        env = "KRUSH_EMBEDDED",
        hide_env_values = true,
        help_heading = "Target"
    )]
    #[arg(value_parser = BoolishValueParser::new(), action = ArgAction::SetTrue)]
    pub embedded: bool,

    /// Make the built-in stand-in misbehave, such as stall=1s@5s; repeatable, see docs/serve.md
    #[arg(
        long,
        env = "KRUSH_FAULT",
        hide_env_values = true,
        value_name = "FAULT",
        value_delimiter = ';'
    )]
    #[arg(help_heading = "Target", value_parser = value::<Fault>)]
    pub fault: Vec<Fault>,

    /// Give the built-in stand-in the capacity of a model, such as workers=2,request=230us,record=8us,latency=5ms,scale=0.5,
    /// or `default`, which is fitted to a Confluent REST Proxy; see docs/serve.md
    #[arg(
        long,
        env = "KRUSH_MODEL",
        hide_env_values = true,
        value_name = "MODEL",
        num_args = 0..=1,
        default_missing_value = "default"
    )]
    #[arg(help_heading = "Target", value_parser = value::<Model>)]
    pub model: Option<Model>,

    /// Topic to produce to [default: performance-test]
    #[arg(long, env = "KRUSH_TOPIC", hide_env_values = true, value_name = "NAME")]
    #[arg(help_heading = "Topic")]
    pub topic: Option<String>,

    /// Partitions to create the topic with, if it does not exist [default: 48]
    #[arg(
        long,
        env = "KRUSH_PARTITIONS",
        hide_env_values = true,
        value_name = "N"
    )]
    #[arg(help_heading = "Topic", value_parser = value::<u32>)]
    pub partitions: Option<u32>,

    /// Send exactly this many records (instead of --duration)
    #[arg(long, env = "KRUSH_MESSAGES", hide_env_values = true, value_name = "N")]
    #[arg(help_heading = "Load", value_parser = value::<u64>)]
    pub messages: Option<u64>,

    /// Send for this long, such as 30s or 5m (instead of --messages)
    #[arg(
        long,
        env = "KRUSH_DURATION",
        hide_env_values = true,
        value_name = "TIME"
    )]
    #[arg(help_heading = "Load", value_parser = value::<Duration>)]
    pub duration: Option<Duration>,

    /// Connections, each with one request in flight [default: 10]
    #[arg(
        long,
        short,
        env = "KRUSH_CONCURRENCY",
        hide_env_values = true,
        value_name = "N"
    )]
    #[arg(help_heading = "Load", value_parser = value::<u32>)]
    pub concurrency: Option<u32>,

    /// Records in a request [default: 1000]
    #[arg(
        long,
        env = "KRUSH_BATCH_SIZE",
        hide_env_values = true,
        value_name = "N"
    )]
    #[arg(help_heading = "Load", value_parser = value::<u32>)]
    pub batch_size: Option<u32>,

    /// Open loop at this many records per second, such as 50k/s [default: closed loop]
    #[arg(long, env = "KRUSH_RATE", hide_env_values = true, value_name = "RATE")]
    #[arg(help_heading = "Load", value_parser = value::<Rate>)]
    pub rate: Option<Rate>,

    /// Open loop in stages, each hold:RATE:TIME, ramp:RATE:TIME (from where the one before ended)
    /// or ramp:RATE-RATE:TIME, such as `ramp:50k/s:30s`; repeatable, instead of --rate, --messages
    /// and --duration
    #[arg(
        long,
        env = "KRUSH_STAGE",
        hide_env_values = true,
        value_name = "STAGE"
    )]
    #[arg(help_heading = "Load", value_parser = value::<StageSetting>, value_delimiter = ',')]
    pub stage: Vec<StageSetting>,

    /// Another rate for a time within an open loop, RATE@START+DURATION, such as 200k/s@30s+5s
    #[arg(
        long,
        env = "KRUSH_SPIKE",
        hide_env_values = true,
        value_name = "SPIKE"
    )]
    #[arg(help_heading = "Load", value_parser = value::<Spike>)]
    pub spike: Option<Spike>,

    /// How requests of an open loop are spread: uniform or poisson [default: uniform]
    #[arg(
        long,
        env = "KRUSH_ARRIVALS",
        hide_env_values = true,
        value_name = "NAME"
    )]
    #[arg(help_heading = "Load", value_parser = value::<Arrivals>)]
    pub arrivals: Option<Arrivals>,

    /// Load before the clock starts, not measured [default: 0s]
    #[arg(
        long,
        env = "KRUSH_WARMUP",
        hide_env_values = true,
        value_name = "TIME"
    )]
    #[arg(help_heading = "Load", value_parser = value::<Duration>)]
    pub warmup: Option<Duration>,

    /// Limit for one request, and for connecting [default: 30s]
    #[arg(
        long,
        env = "KRUSH_TIMEOUT",
        hide_env_values = true,
        value_name = "TIME"
    )]
    #[arg(help_heading = "Load", value_parser = value::<Duration>)]
    pub timeout: Option<Duration>,

    /// How long requests in flight may take after the load ended [default: as --timeout]
    #[arg(long, env = "KRUSH_DRAIN", hide_env_values = true, value_name = "TIME")]
    #[arg(help_heading = "Load", value_parser = value::<Duration>)]
    pub drain: Option<Duration>,

    /// Engine threads, at most 62 and never more than connections [default: one a core, fewer for a low --rate]
    #[arg(long, env = "KRUSH_THREADS", hide_env_values = true, value_name = "N")]
    #[arg(help_heading = "Load", value_parser = value::<u32>)]
    pub threads: Option<u32>,

    /// After the load, read back what is stored and hold it against what was acked: lost, duplicated,
    /// reordered or corrupted records end with exit code 14
    #[arg(
        long,
        env = "KRUSH_VERIFY",
        hide_env_values = true,
        help_heading = "Load"
    )]
    #[arg(value_parser = BoolishValueParser::new(), action = ArgAction::SetTrue)]
    pub verify: bool,

    /// Send nothing while --lag-group is more than this many records behind
    #[arg(long, env = "KRUSH_MAX_LAG", hide_env_values = true, value_name = "N")]
    #[arg(help_heading = "Load", value_parser = value::<u64>)]
    pub max_lag: Option<u64>,

    /// Consumer group that --max-lag looks at
    #[arg(
        long,
        env = "KRUSH_LAG_GROUP",
        hide_env_values = true,
        value_name = "GROUP"
    )]
    #[arg(help_heading = "Load", value_parser = value::<String>)]
    pub lag_group: Option<String>,

    /// Length of a record's payload text, such as 200B, 1kB (1000) or 64KiB [default: 121B]
    #[arg(
        long,
        env = "KRUSH_MESSAGE_SIZE",
        hide_env_values = true,
        value_name = "SIZE"
    )]
    #[arg(help_heading = "Records", value_parser = value::<ByteSize>)]
    pub message_size: Option<ByteSize>,

    /// How records are embedded in a request: json or binary [default: json]
    #[arg(
        long,
        env = "KRUSH_FORMAT",
        hide_env_values = true,
        value_name = "NAME"
    )]
    #[arg(help_heading = "Records", value_parser = value::<Format>)]
    pub format: Option<Format>,

    /// Record keys: none, sequence, random or hot [default: none]
    #[arg(long, env = "KRUSH_KEY", hide_env_values = true, value_name = "MODE")]
    #[arg(help_heading = "Records", value_parser = value::<KeyKind>)]
    pub key: Option<KeyKind>,

    /// Distinct keys of --key random and hot [default: 10000]
    #[arg(long, env = "KRUSH_KEYS", hide_env_values = true, value_name = "N")]
    #[arg(help_heading = "Records", value_parser = value::<u32>)]
    pub keys: Option<u32>,

    /// Share of the records that the one key of --key hot gets [default: 80%]
    #[arg(
        long,
        env = "KRUSH_HOT_RATIO",
        hide_env_values = true,
        value_name = "SHARE"
    )]
    #[arg(help_heading = "Records", value_parser = value::<Share>)]
    pub hot_ratio: Option<Share>,

    /// Seed of payload text, random keys and Poisson arrivals [default: 1]
    #[arg(long, env = "KRUSH_SEED", hide_env_values = true, value_name = "N")]
    #[arg(help_heading = "Records", value_parser = value::<u64>)]
    pub seed: Option<u64>,

    /// Fail below this many records per second, such as 40k/s
    #[arg(
        long,
        env = "KRUSH_MIN_THROUGHPUT",
        hide_env_values = true,
        value_name = "RATE"
    )]
    #[arg(help_heading = "Thresholds", value_parser = value::<Rate>)]
    pub min_throughput: Option<Rate>,

    /// Fail above this P95 latency, such as 500ms
    #[arg(
        long,
        env = "KRUSH_MAX_P95",
        hide_env_values = true,
        value_name = "TIME"
    )]
    #[arg(help_heading = "Thresholds", value_parser = value::<Duration>)]
    pub max_p95: Option<Duration>,

    /// Fail if this holds: p50 to p99.99, max, mean, success, throughput or failed, then < <= > >=
    /// and a value, such as `p99 > 2s` or `success < 99.9%`; repeatable
    #[arg(
        long,
        env = "KRUSH_FAIL_ON",
        hide_env_values = true,
        value_name = "EXPR"
    )]
    #[arg(help_heading = "Thresholds", value_parser = value::<Threshold>, value_delimiter = ',')]
    pub fail_on: Vec<Threshold>,

    /// Fail below the scenario's reference figures
    #[arg(
        long,
        env = "KRUSH_GATE",
        hide_env_values = true,
        help_heading = "Thresholds"
    )]
    #[arg(value_parser = BoolishValueParser::new(), action = ArgAction::SetTrue)]
    pub gate: bool,

    /// Report to compare the run with, or several runs of it with commas between: a regression ends with exit code 11, one that cannot be told
    /// from noise with 12
    #[arg(
        long,
        env = "KRUSH_BASELINE",
        hide_env_values = true,
        value_name = "FILE"
    )]
    #[arg(help_heading = "Comparison", value_parser = value::<PathBuf>)]
    pub baseline: Option<PathBuf>,

    /// Target to compare with: both are loaded in turn, slice by slice, and compared pair by pair
    #[arg(
        long,
        env = "KRUSH_BASELINE_URL",
        hide_env_values = true,
        value_name = "URL"
    )]
    #[arg(help_heading = "Comparison", value_parser = value::<String>)]
    pub baseline_url: Option<String>,

    /// Change that matters [default: 5%]
    #[arg(
        long,
        env = "KRUSH_MARGIN",
        hide_env_values = true,
        value_name = "SHARE"
    )]
    #[arg(help_heading = "Comparison", value_parser = value::<Share>)]
    pub margin: Option<Share>,

    /// How much runs differ that only time separates (standard deviation), for every metric
    /// [default: that of shared machines, see docs/gate.md]
    #[arg(
        long,
        env = "KRUSH_RUN_NOISE",
        hide_env_values = true,
        value_name = "SHARE"
    )]
    #[arg(help_heading = "Comparison", value_parser = value::<Share>)]
    pub run_noise: Option<Share>,

    /// Compare although plans, kinds of target or machines differ
    #[arg(
        long,
        env = "KRUSH_FORCE",
        hide_env_values = true,
        help_heading = "Comparison"
    )]
    #[arg(value_parser = BoolishValueParser::new(), action = ArgAction::SetTrue)]
    pub force: bool,

    /// Pairs of slices with --baseline-url: a number, or auto, until the interval is narrower than
    /// the margin [default: auto]
    #[arg(long, env = "KRUSH_REPEAT", hide_env_values = true, value_name = "N")]
    #[arg(help_heading = "Comparison", value_parser = value::<Repeat>)]
    pub repeat: Option<Repeat>,

    /// Most time for all pairs [default: 5m]
    #[arg(
        long,
        env = "KRUSH_MAX_TIME",
        hide_env_values = true,
        value_name = "TIME"
    )]
    #[arg(help_heading = "Comparison", value_parser = value::<Duration>)]
    pub max_time: Option<Duration>,

    /// Result file, the format by its ending: .json, .html, .md, .xml (JUnit), .csv, .timeline.csv, .prom, .hgrm, .hlog, .bencher.json, .bigger.json, .smaller.json; repeatable [default: results/TIME-SCENARIO.json]
    #[arg(
        long,
        short,
        env = "KRUSH_OUTPUT",
        hide_env_values = true,
        value_name = "FILE",
        value_delimiter = ','
    )]
    #[arg(help_heading = "Output")]
    pub output: Vec<PathBuf>,

    /// Where finished runs are listed, a line each; `off`: nowhere [default: results/history.jsonl]
    #[arg(
        long,
        env = "KRUSH_HISTORY",
        hide_env_values = true,
        value_name = "FILE"
    )]
    #[arg(help_heading = "Output", value_parser = value::<PathBuf>)]
    pub history: Option<PathBuf>,

    /// Prometheus Pushgateway that is told the result; one that is gone is a warning
    #[arg(
        long,
        env = "KRUSH_PUSH_GATEWAY",
        hide_env_values = true,
        value_name = "URL"
    )]
    #[arg(help_heading = "Output", value_parser = value::<String>)]
    pub push_gateway: Option<String>,

    /// Port of 127.0.0.1 where Prometheus reads figures during the run, under /metrics; 0: any that is free
    #[arg(
        long,
        env = "KRUSH_PROMETHEUS_PORT",
        hide_env_values = true,
        value_name = "PORT"
    )]
    #[arg(help_heading = "Output", value_parser = value::<u16>)]
    pub prometheus_port: Option<u16>,

    /// No progress and no table: verdict line and errors only
    #[arg(
        long,
        short,
        env = "KRUSH_QUIET",
        hide_env_values = true,
        help_heading = "Output"
    )]
    #[arg(value_parser = BoolishValueParser::new(), action = ArgAction::SetTrue)]
    pub quiet: bool,

    /// No colour; so does a variable NO_COLOR that is not empty
    #[arg(
        long,
        env = "KRUSH_NO_COLOR",
        hide_env_values = true,
        help_heading = "Output"
    )]
    #[arg(value_parser = BoolishValueParser::new(), action = ArgAction::SetTrue)]
    pub no_color: bool,

    /// Print the resolved plan and the first request, and send nothing
    #[arg(
        long,
        env = "KRUSH_DRY_RUN",
        hide_env_values = true,
        help_heading = "Output"
    )]
    #[arg(value_parser = BoolishValueParser::new(), action = ArgAction::SetTrue)]
    pub dry_run: bool,

    /// Flags and variables as layers; filled after parsing.
    #[arg(skip)]
    pub typed: Typed,
}

impl Layered for LoadArgs {
    /// All values, wherever they come from. The literal is exhaustive, so that a new setting must be decided here.
    fn overrides(&self) -> Overrides {
        let target = &self.target;
        Overrides {
            description: None,
            urls: Some(target.url.clone()),
            embedded: Some(self.embedded),
            faults: Some(self.fault.clone()),
            model: self.model,
            dialect: target.dialect,
            headers: Some(target.header.clone()),
            user: target.user.clone(),
            bearer: target.bearer.clone(),
            ca_cert: target.ca_cert.clone(),
            client_cert: target.client_cert.clone(),
            client_key: target.client_key.clone(),
            insecure: Some(target.insecure),
            topic: self.topic.clone(),
            partitions: self.partitions,
            replication_factor: None,
            create: None,
            messages: self.messages,
            duration: self.duration,
            concurrency: self.concurrency,
            batch_size: self.batch_size,
            rate: self.rate,
            stages: Some(self.stage.clone()),
            spike: self.spike,
            arrivals: self.arrivals,
            warmup: self.warmup,
            timeout: self.timeout,
            drain: self.drain,
            threads: self.threads,
            verify: Some(self.verify),
            max_lag: self.max_lag,
            lag_group: self.lag_group.clone(),
            format: self.format,
            message_size: self.message_size,
            content: None,
            key: self.key,
            keys: self.keys,
            hot_ratio: self.hot_ratio,
            seed: self.seed,
            fail_on: Some(self.fail_on.clone()),
            min_throughput: self.min_throughput,
            max_p95: self.max_p95,
            gate: Some(self.gate),
            baseline: self.baseline.clone(),
            baseline_url: self.baseline_url.clone(),
            margin: self.margin,
            run_noise: self.run_noise,
            force: Some(self.force),
            repeat: self.repeat,
            max_time: self.max_time,
            reference_throughput: None,
            reference_p95: None,
            reference_success: None,
            goal: None,
            source: None,
            output: Some(self.output.clone()),
            history: self.history.clone(),
            push_gateway: self.push_gateway.clone(),
            prometheus_port: self.prometheus_port,
            quiet: Some(self.quiet),
            no_color: Some(self.no_color),
        }
    }
    fn typed(&mut self) -> &mut Typed {
        &mut self.typed
    }
}
