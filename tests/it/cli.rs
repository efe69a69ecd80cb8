//! The built program, as typed: help, dry runs, and every wrong input, as code + stdout + stderr.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;

/// Runs krush in a folder of its own, without variables of the caller; `env` are `NAME=value` pairs.
fn krush_in(folder: &Path, env: &[&str], args: &[&str]) -> String {
    let mut command = crate::krush();
    for pair in env {
        let (name, value) = pair.split_once('=').expect("NAME=value");
        command.env(name, value);
    }
    let output = command
        .args(args)
        .env("COLUMNS", "100")
        .current_dir(folder)
        .output();
    let output = output.expect("krush runs");
    format!(
        "code: {}\n--- stdout\n{}--- stderr\n{}",
        output
            .status
            .code()
            .map_or("killed".to_owned(), |code| code.to_string()),
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

fn krush(args: &[&str]) -> String {
    let folder = tempfile::tempdir().expect("a temporary folder");
    krush_in(folder.path(), &[], args)
}

/// Runs a scenario text through `krush run s.toml --dry-run`.
fn scenario(text: &str) -> String {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(folder.path().join("s.toml"), text).expect("scenario written");
    krush_in(folder.path(), &[], &["run", "s.toml", "--dry-run"])
}

/// First byte of a TLS client.
const TLS_HANDSHAKE: u8 = 0x16;

/// A server that gives each connection the same bytes; see [`scripted`].
fn canned(answer: &'static str) -> String {
    scripted(vec![("", answer)])
}

/// A server that answers each connection once its request head is in, by how that head begins, and closes it; port 0 on
/// loopback, ends with the test.
fn scripted(answers: Vec<(&'static str, &'static str)>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("port 0 is free");
    let url = format!("http://{}", listener.local_addr().expect("bound"));
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut head = Vec::new();
            let mut byte = [0];
            while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|n| n == 1) {
                head.push(byte[0]);
                if head[0] == TLS_HANDSHAKE {
                    break;
                }
            }
            let asked = String::from_utf8_lossy(&head).into_owned();
            let found = answers.iter().find(|(call, _)| asked.starts_with(call));
            let (_, answer) = found.expect("the script ends with an answer to everything");
            // A client that has gone is the client's affair.
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    url
}

/// Up to where a dry run begins to show the request, which differs from run to run.
fn plan_of(text: &str) -> &str {
    let plan = text.split("\n# First request").next().unwrap_or_default();
    plan.split("--- stderr")
        .next()
        .unwrap_or_default()
        .trim_end()
}

/// The last figures of threads and ports differ from machine to machine.
fn settings() -> insta::Settings {
    let mut settings = insta::Settings::clone_current();
    settings.add_filter(r"threads = \d+ +#", "threads = [N] #");
    settings.add_filter(r"127\.0\.0\.1:\d+", "127.0.0.1:[PORT]");
    settings
}

macro_rules! shows {
    ($text:expr, @$snapshot:literal) => {
        settings().bind(|| insta::assert_snapshot!($text, @$snapshot))
    };
}

#[test]
fn what_a_dry_run_prints_is_a_scenario_that_resolves_the_same() {
    let dir = tempfile::tempdir().expect("a directory for the file");
    let file = dir.path().join("again.toml");
    let values = |text: &str| -> Vec<String> {
        let lines = plan_of(text).lines();
        let values = lines.map(|line| line.split(" #").next().unwrap_or_default().trim_end());
        let values = values.filter(|line| !line.starts_with('#'));
        values.map(str::to_owned).collect()
    };
    let first = krush(&[
        "extreme",
        "--stage",
        "ramp:125.5/s-33333.35/s:1m30s500ms",
        "--stage",
        "hold:0:1s",
        "--spike",
        "12345.678/s@1.5s+250ms",
        "--arrivals",
        "poisson",
        "--dry-run",
    ]);
    assert!(first.starts_with("code: 0"), "{first}");
    let out = first.split("--- stdout\n").nth(1).expect("a plan");
    let out = out.split("--- stderr").next().expect("always one");
    std::fs::write(&file, out).expect("can be written");
    let again = krush(&["run", file.to_str().expect("UTF-8"), "--dry-run"]);
    assert!(again.starts_with("code: 0"), "{again}");
    assert_eq!(values(&first), values(&again));
}

#[test]
fn help_lists_the_commands() {
    shows!(krush(&["--help"]), @"
    code: 0
    --- stdout
    Load-test Kafka over HTTP: batched produce through a REST Proxy, judged record by record

    Usage: krush <COMMAND>

    Commands:
      basic        First look: 1,000 small records, 10 connections, 10 each
      optimized    Large batches: 50,000 small records, 500 connections, 1,000 each
      extreme      The most: 100,000 small records, 500 connections, 1,000 each
      64kb         Large records: 1,000 of 64 KiB as base64, 50 connections, 10 each
      run          Run a scenario file
      topics       List, describe, create and delete topics
      status       What the target is, and whether it is ready
      consume      Read records back: rates, fetch latency, time to drain a backlog
      e2e          Send at a rate and read at once: latency from due to a consumer
      verify       Hold what a run acked against what is stored, from its report
      lag          How far a consumer group is behind, partition by partition
      monitor      Watch a target live: throughput, canary latency, lag, health
      compare      Hold one run against another: slower, equal, or not to be told
      gate         Load two targets in turn and compare them pair by pair
      history      List the runs so far, and their trend
      report       Make HTML, Markdown, CSV, JUnit, Prometheus, HDR from reports
      merge        Put the reports of several workers into one, losslessly
      tune         Find the batch size and the connections with the most records/s
      capacity     Find the highest rate that holds a latency limit; overload it
      serve        Serve the built-in stand-in proxy on a port of its own
      selftest     Run krush against servers that lie, and see that it does not
      completions  Print the script that completes krush's command line in a shell
      man          Print a manual page, or write all of them into a folder
      help         Print this message or the help of the given subcommand(s)

    Options:
      -h, --help     Print help
      -V, --version  Print version

    Start with `krush basic`: where nothing listens on localhost:8082 it tests a stand-in of its own.
    For a server: krush extreme --url http://HOST:8082 --concurrency 8 --duration 30s

    Exit codes: 0 pass, 1 internal error, 2 usage or scenario, 10 threshold missed, 11 regression, 12
    inconclusive, 13 void run, 14 data integrity, 15 target unreachable, 130 interrupted.
    --- stderr
    ");
}

#[test]
fn the_version_is_one_word_or_says_what_is_in_the_build() {
    assert_eq!(
        krush(&["-V"]),
        "code: 0\n--- stdout\nkrush 0.1.0\n--- stderr\n"
    );
    let features = if cfg!(feature = "kafka") {
        "kafka"
    } else {
        "none"
    };
    // Set where the tests are built, as in the program.
    let commit = option_env!("KRUSH_COMMIT").unwrap_or_default();
    let commit = match commit {
        "" => String::new(),
        commit => format!("commit: {commit}\n"),
    };
    assert_eq!(
        krush(&["--version"]),
        format!("code: 0\n--- stdout\nkrush 0.1.0\nfeatures: {features}\n{commit}--- stderr\n")
    );
}

#[test]
#[expect(clippy::too_many_lines, reason = "it is one page of help")]
fn help_of_a_load_command_names_units_and_defaults() {
    shows!(krush(&["basic", "--help"]), @"
    code: 0
    --- stdout
    First look: 1,000 small records, 10 connections, 10 each

    Usage: krush basic [OPTIONS]

    Options:
      -h, --help  Print help

    Target:
          --url <URL>             Base URL of the target; repeat it to spread the connections [default:
                                  http://localhost:8082] [env: KRUSH_URL]
          --dialect <NAME>        Judge replies as those of auto, confluent, strimzi, karapace or
                                  redpanda [default: auto] [env: KRUSH_DIALECT]
      -H, --header <HEADER>       Extra request header `Name: value`; repeatable [env: KRUSH_HEADER]
      -u, --user <USER:PASSWORD>  Basic authentication [env: KRUSH_USER]
          --bearer <TOKEN>        Bearer token [env: KRUSH_BEARER]
          --ca-cert <FILE>        Trust these CA certificates (PEM) instead of the built-in ones [env:
                                  KRUSH_CA_CERT]
          --client-cert <FILE>    Client certificate chain (PEM) [env: KRUSH_CLIENT_CERT]
          --client-key <FILE>     Private key of the client certificate (PEM) [env: KRUSH_CLIENT_KEY]
          --insecure              Accept any server certificate [env: KRUSH_INSECURE]
          --embedded              Test the built-in stand-in, started inside krush [env: KRUSH_EMBEDDED]
          --fault <FAULT>         Make the built-in stand-in misbehave, such as stall=1s@5s; repeatable,
                                  see docs/serve.md [env: KRUSH_FAULT]
          --model [<MODEL>]       Give the built-in stand-in the capacity of a model, such as
                                  workers=2,request=230us,record=8us,latency=5ms,scale=0.5, or
                                  `default`, which is fitted to a Confluent REST Proxy; see
                                  docs/serve.md [env: KRUSH_MODEL]

    Topic:
          --topic <NAME>    Topic to produce to [default: performance-test] [env: KRUSH_TOPIC]
          --partitions <N>  Partitions to create the topic with, if it does not exist [default: 48]
                            [env: KRUSH_PARTITIONS]

    Load:
          --messages <N>       Send exactly this many records (instead of --duration) [default: 1000]
                               [env: KRUSH_MESSAGES]
          --duration <TIME>    Send for this long, such as 30s or 5m (instead of --messages) [env:
                               KRUSH_DURATION]
      -c, --concurrency <N>    Connections, each with one request in flight [default: 10] [env:
                               KRUSH_CONCURRENCY]
          --batch-size <N>     Records in a request [default: 10] [env: KRUSH_BATCH_SIZE]
          --rate <RATE>        Open loop at this many records per second, such as 50k/s [default: closed
                               loop] [env: KRUSH_RATE]
          --stage <STAGE>      Open loop in stages, each hold:RATE:TIME, ramp:RATE:TIME (from where the
                               one before ended) or ramp:RATE-RATE:TIME, such as `ramp:50k/s:30s`;
                               repeatable, instead of --rate, --messages and --duration [env:
                               KRUSH_STAGE]
          --spike <SPIKE>      Another rate for a time within an open loop, RATE@START+DURATION, such as
                               200k/s@30s+5s [env: KRUSH_SPIKE]
          --arrivals <NAME>    How requests of an open loop are spread: uniform or poisson [default:
                               uniform] [env: KRUSH_ARRIVALS]
          --warmup <TIME>      Load before the clock starts, not measured [default: 0s] [env:
                               KRUSH_WARMUP]
          --timeout <TIME>     Limit for one request, and for connecting [default: 30s] [env:
                               KRUSH_TIMEOUT]
          --drain <TIME>       How long requests in flight may take after the load ended [default: as
                               --timeout] [env: KRUSH_DRAIN]
          --threads <N>        Engine threads, at most 62 and never more than connections [default: one
                               a core, fewer for a low --rate] [env: KRUSH_THREADS]
          --verify             After the load, read back what is stored and hold it against what was
                               acked: lost, duplicated, reordered or corrupted records end with exit
                               code 14 [env: KRUSH_VERIFY]
          --max-lag <N>        Send nothing while --lag-group is more than this many records behind
                               [env: KRUSH_MAX_LAG]
          --lag-group <GROUP>  Consumer group that --max-lag looks at [env: KRUSH_LAG_GROUP]

    Records:
          --message-size <SIZE>  Length of a record's payload text, such as 200B, 1kB (1000) or 64KiB
                                 [default: 122B] [env: KRUSH_MESSAGE_SIZE]
          --format <NAME>        How records are embedded in a request: json or binary [default: json]
                                 [env: KRUSH_FORMAT]
          --key <MODE>           Record keys: none, sequence, random or hot [default: none] [env:
                                 KRUSH_KEY]
          --keys <N>             Distinct keys of --key random and hot [default: 10000] [env:
                                 KRUSH_KEYS]
          --hot-ratio <SHARE>    Share of the records that the one key of --key hot gets [default: 80%]
                                 [env: KRUSH_HOT_RATIO]
          --seed <N>             Seed of payload text, random keys and Poisson arrivals [default: 1]
                                 [env: KRUSH_SEED]

    Thresholds:
          --min-throughput <RATE>  Fail below this many records per second, such as 40k/s [env:
                                   KRUSH_MIN_THROUGHPUT]
          --max-p95 <TIME>         Fail above this P95 latency, such as 500ms [env: KRUSH_MAX_P95]
          --fail-on <EXPR>         Fail if this holds: p50 to p99.99, max, mean, success, throughput or
                                   failed, then < <= > >= and a value, such as `p99 > 2s` or `success <
                                   99.9%`; repeatable [env: KRUSH_FAIL_ON]
          --gate                   Fail below the scenario's reference figures [env: KRUSH_GATE]

    Comparison:
          --baseline <FILE>     Report to compare the run with, or several runs of it with commas
                                between: a regression ends with exit code 11, one that cannot be told
                                from noise with 12 [env: KRUSH_BASELINE]
          --baseline-url <URL>  Target to compare with: both are loaded in turn, slice by slice, and
                                compared pair by pair [env: KRUSH_BASELINE_URL]
          --margin <SHARE>      Change that matters [default: 5%] [env: KRUSH_MARGIN]
          --run-noise <SHARE>   How much runs differ that only time separates (standard deviation), for
                                every metric [default: that of shared machines, see docs/gate.md] [env:
                                KRUSH_RUN_NOISE]
          --force               Compare although plans, kinds of target or machines differ [env:
                                KRUSH_FORCE]
          --repeat <N>          Pairs of slices with --baseline-url: a number, or auto, until the
                                interval is narrower than the margin [default: auto] [env: KRUSH_REPEAT]
          --max-time <TIME>     Most time for all pairs [default: 5m] [env: KRUSH_MAX_TIME]

    Output:
      -o, --output <FILE>           Result file, the format by its ending: .json, .html, .md, .xml
                                    (JUnit), .csv, .timeline.csv, .prom, .hgrm, .hlog, .bencher.json,
                                    .bigger.json, .smaller.json; repeatable [default:
                                    results/TIME-SCENARIO.json] [env: KRUSH_OUTPUT]
          --history <FILE>          Where finished runs are listed, a line each; `off`: nowhere
                                    [default: results/history.jsonl] [env: KRUSH_HISTORY]
          --push-gateway <URL>      Prometheus Pushgateway that is told the result; one that is gone is
                                    a warning [env: KRUSH_PUSH_GATEWAY]
          --prometheus-port <PORT>  Port of 127.0.0.1 where Prometheus reads figures during the run,
                                    under /metrics; 0: any that is free [env: KRUSH_PROMETHEUS_PORT]
      -q, --quiet                   No progress and no table: verdict line and errors only [env:
                                    KRUSH_QUIET]
          --no-color                No colour; so does a variable NO_COLOR that is not empty [env:
                                    KRUSH_NO_COLOR]
          --dry-run                 Print the resolved plan and the first request, and send nothing
                                    [env: KRUSH_DRY_RUN]

    Defaults are those of this command's scenario. The environment comes before it, flags before all;
    --dry-run shows what holds and why.
    --- stderr
    ");
}

#[test]
fn stages_in_a_dry_run_and_stages_that_are_none() {
    let plan = krush(&[
        "basic",
        "--dry-run",
        "--stage",
        "ramp:1k/s:10s",
        "--stage",
        "hold:1k/s:1m",
        "--spike",
        "5k/s@20s+5s",
        "--arrivals",
        "poisson",
    ]);
    let load = plan
        .split("[load]")
        .nth(1)
        .and_then(|rest| rest.split("warmup").next());
    shows!(load.expect("a table of the load"), @r#"

    concurrency = 10                                   # scenarios/basic.toml:11
    batch_size = 10                                    # scenarios/basic.toml:12
    stage = ["ramp:0/s-1000/s:10s", "hold:1000/s:1m"]  # --stage
    spike = "5000/s@20s+5s"                            # --spike
    arrivals = "poisson"                               # --arrivals
    "#);
    shows!(krush(&["basic", "--stage", "hold:1k/s"]), @r#"
    code: 2
    --- stdout
    --- stderr
    error: invalid value 'hold:1k/s' for '--stage <STAGE>': `hold:1k/s` is not a stage: write hold:50k/s:30s, ramp:50k/s:30s or ramp:1k/s-50k/s:30s

    For more information, try '--help'.
    "#);
    shows!(krush(&["basic", "--stage", "hold:1k/s:10s", "--rate", "5k/s"]), @r#"
    code: 2
    --- stdout
    --- stderr
    error: --stage: --stage and --rate exclude each other
    hint: give one of them
    "#);
    shows!(krush_in(Path::new("."), &["KRUSH_STAGE=hold:1k/s:10s,hold:0:1s"], &["basic", "--duration", "5s"]), @r#"
    code: 2
    --- stdout
    --- stderr
    error: --duration: the run is in stages, which say its rate and its length
    hint: a run in stages lasts as long as its stages: change them, or give --stage
    "#);
    shows!(scenario("[[load.stage]]\nhold = \"1k/s\"\nduration = \"10s\"\n\n[[load.stage]]\nramp = \"2k/s\"\n"), @r#"
    code: 2
    --- stdout
    --- stderr
    error: s.toml:5: load.stage 2: a stage needs duration, such as duration = "30s"
    "#);
    shows!(scenario("[[load.stage]]\nhold = \"1k/s\"\nduration = \"10s\"\n\n[load.spike]\nat = \"1m\"\nduration = \"1s\"\nrate = 5\n"), @r#"
    code: 2
    --- stdout
    --- stderr
    error: s.toml:5: load.spike: a spike from 1m to 61s is not within the run, which lasts 10s
    hint: a spike takes the place of the planned rate within the run
    "#);
}

#[test]
fn every_load_command_has_the_same_flags() {
    // Each has defaults of its own.
    let flags = |args: &[&str]| {
        let help = krush(args);
        let words = help.split_whitespace();
        let flags = words.filter(|word| word.starts_with("--") && *word != "--dry-run");
        flags.map(str::to_owned).collect::<Vec<_>>()
    };
    let basic = flags(&["basic", "--help"]);
    for command in ["optimized", "extreme", "64kb", "run"] {
        assert_eq!(flags(&[command, "--help"]), basic, "{command}");
    }
    shows!(krush(&["run", "--help"]).lines().take(8).collect::<Vec<_>>().join("\n"), @r"
    code: 0
    --- stdout
    Run a scenario file

    Usage: krush run [OPTIONS] <FILE>

    Arguments:
      <FILE>  Scenario to run (TOML), or the name of a preset
    ");
}

#[test]
fn dry_run_of_the_small_presets_shows_every_value_and_its_origin() {
    shows!(plan_of(&krush(&["basic", "--dry-run"])), @r#"
    code: 0
    --- stdout
    [target]
    url = ["http://localhost:8082"]                    # default
    embedded = false                                   # default
    dialect = "auto"                                   # default
    insecure = false                                   # default

    [topic]
    name = "performance-test"                          # scenarios/basic.toml:6
    partitions = 48                                    # scenarios/basic.toml:7
    create = true                                      # default

    [load]
    messages = 1000                                    # scenarios/basic.toml:10
    concurrency = 10                                   # scenarios/basic.toml:11
    batch_size = 10                                    # scenarios/basic.toml:12
    warmup = "0s"                                      # default
    timeout = "30s"                                    # default
    drain = "30s"                                      # default
    threads = [N] # default
    verify = false                                     # default

    [payload]
    format = "json"                                    # scenarios/basic.toml:15
    message_size = "122B"                              # scenarios/basic.toml:16
    content = "text"                                   # default
    key = "none"                                       # default
    seed = 1                                           # default

    [reference]
    throughput = "3833/s"                              # scenarios/basic.toml:20
    p95 = "800ms"                                      # scenarios/basic.toml:21
    success = "100%"                                   # scenarios/basic.toml:22
    source = "proof of concept: one broker, one REST Proxy, about 8 cores, Python client" # scenarios/basic.toml:23

    # output = ["results/TIME-SCENARIO.json"]          # default
    # history = "off"                                  # KRUSH_HISTORY
    # quiet = false                                    # default
    # no_color = false                                 # default
    "#);
    shows!(plan_of(&krush(&["optimized", "--dry-run"])), @r#"
    code: 0
    --- stdout
    [target]
    url = ["http://localhost:8082"]                    # default
    embedded = false                                   # default
    dialect = "auto"                                   # default
    insecure = false                                   # default

    [topic]
    name = "performance-test"                          # scenarios/optimized.toml:6
    partitions = 48                                    # scenarios/optimized.toml:7
    create = true                                      # default

    [load]
    messages = 50000                                   # scenarios/optimized.toml:10
    concurrency = 500                                  # scenarios/optimized.toml:11
    batch_size = 1000                                  # scenarios/optimized.toml:12
    warmup = "0s"                                      # default
    timeout = "30s"                                    # default
    drain = "30s"                                      # default
    threads = [N] # default
    verify = false                                     # default

    [payload]
    format = "json"                                    # scenarios/optimized.toml:15
    message_size = "121B"                              # scenarios/optimized.toml:16
    content = "text"                                   # default
    key = "none"                                       # default
    seed = 1                                           # default

    [reference]
    throughput = "32071/s"                             # scenarios/optimized.toml:20
    p95 = "1s 850ms"                                   # scenarios/optimized.toml:21
    success = "100%"                                   # scenarios/optimized.toml:22
    source = "proof of concept: one broker, one REST Proxy, about 8 cores, Python client" # scenarios/optimized.toml:23

    # output = ["results/TIME-SCENARIO.json"]          # default
    # history = "off"                                  # KRUSH_HISTORY
    # quiet = false                                    # default
    # no_color = false                                 # default
    "#);
}

#[test]
fn dry_run_of_the_large_presets_shows_every_value_and_its_origin() {
    shows!(plan_of(&krush(&["extreme", "--dry-run"])), @r#"
    code: 0
    --- stdout
    [target]
    url = ["http://localhost:8082"]                    # default
    embedded = false                                   # default
    dialect = "auto"                                   # default
    insecure = false                                   # default

    [topic]
    name = "performance-test"                          # scenarios/extreme.toml:6
    partitions = 48                                    # scenarios/extreme.toml:7
    create = true                                      # default

    [load]
    messages = 100000                                  # scenarios/extreme.toml:10
    concurrency = 500                                  # scenarios/extreme.toml:11
    batch_size = 1000                                  # scenarios/extreme.toml:12
    warmup = "0s"                                      # default
    timeout = "30s"                                    # default
    drain = "30s"                                      # default
    threads = [N] # default
    verify = false                                     # default

    [payload]
    format = "json"                                    # scenarios/extreme.toml:15
    message_size = "121B"                              # scenarios/extreme.toml:16
    content = "text"                                   # default
    key = "none"                                       # default
    seed = 1                                           # default

    [reference]
    throughput = "42284/s"                             # scenarios/extreme.toml:21
    p95 = "2s 160ms"                                   # scenarios/extreme.toml:22
    success = "100%"                                   # scenarios/extreme.toml:23
    goal = "50000/s"                                   # scenarios/extreme.toml:24
    source = "proof of concept: one broker, one REST Proxy, about 8 cores, Python client" # scenarios/extreme.toml:25

    # output = ["results/TIME-SCENARIO.json"]          # default
    # history = "off"                                  # KRUSH_HISTORY
    # quiet = false                                    # default
    # no_color = false                                 # default
    "#);
    shows!(plan_of(&krush(&["64kb", "--dry-run"])), @r#"
    code: 0
    --- stdout
    [target]
    url = ["http://localhost:8082"]                    # default
    embedded = false                                   # default
    dialect = "auto"                                   # default
    insecure = false                                   # default

    [topic]
    name = "performance-test"                          # scenarios/64kb.toml:7
    partitions = 48                                    # scenarios/64kb.toml:8
    create = true                                      # default

    [load]
    messages = 1000                                    # scenarios/64kb.toml:11
    concurrency = 50                                   # scenarios/64kb.toml:12
    batch_size = 10                                    # scenarios/64kb.toml:13
    warmup = "0s"                                      # default
    timeout = "30s"                                    # default
    drain = "30s"                                      # default
    threads = [N] # default
    verify = false                                     # default

    [payload]
    format = "json"                                    # scenarios/64kb.toml:16
    message_size = "64KiB"                             # scenarios/64kb.toml:17
    content = "base64"                                 # scenarios/64kb.toml:18
    key = "none"                                       # default
    seed = 1                                           # default

    [reference]
    throughput = "255/s"                               # scenarios/64kb.toml:22
    p95 = "3s 200ms"                                   # scenarios/64kb.toml:23
    success = "100%"                                   # scenarios/64kb.toml:24
    source = "proof of concept: one broker, one REST Proxy, about 8 cores, Python client" # scenarios/64kb.toml:25

    # output = ["results/TIME-SCENARIO.json"]          # default
    # history = "off"                                  # KRUSH_HISTORY
    # quiet = false                                    # default
    # no_color = false                                 # default
    "#);
}

#[test]
fn flags_beat_variables_beat_the_scenario() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let env = [
        "KRUSH_CONCURRENCY=3",
        "KRUSH_TOPIC=from-variable",
        "KRUSH_GATE=true",
        "NO_COLOR=1",
    ];
    let args = [
        "extreme",
        "--dry-run",
        "-c",
        "7",
        "--duration",
        "5s",
        "--key",
        "hot",
        "--url",
        "http://a:1,http://b:2/x/",
        "--max-p95",
        "500ms",
        "-H",
        "X-Api-Key: abc",
        "-H",
        "X-Run: 7",
        "--output",
        "a.json",
        "--output",
        "b.md",
    ];
    shows!(plan_of(&krush_in(folder.path(), &env, &args)), @r#"
    code: 0
    --- stdout
    [target]
    url = ["http://a:1", "http://b:2/x"]               # --url
    embedded = false                                   # default
    dialect = "auto"                                   # default
    headers = ["X-Api-Key: ***", "X-Run: 7"]           # --header
    insecure = false                                   # default

    [topic]
    name = "from-variable"                             # KRUSH_TOPIC
    partitions = 48                                    # scenarios/extreme.toml:7
    create = true                                      # default

    [load]
    duration = "5s"                                    # --duration
    concurrency = 7                                    # --concurrency
    batch_size = 1000                                  # scenarios/extreme.toml:12
    warmup = "0s"                                      # default
    timeout = "30s"                                    # default
    drain = "30s"                                      # default
    threads = [N] # default
    verify = false                                     # default

    [payload]
    format = "json"                                    # scenarios/extreme.toml:15
    message_size = "121B"                              # scenarios/extreme.toml:16
    content = "text"                                   # default
    key = "hot"                                        # --key
    keys = 10000                                       # default
    hot_ratio = "80%"                                  # default
    seed = 1                                           # default

    [thresholds]
    fail_on = ["p95 > 500ms", "throughput < 42284/s", "p95 > 2160ms", "success < 100%"] # --max-p95, KRUSH_GATE

    [reference]
    throughput = "42284/s"                             # scenarios/extreme.toml:21
    p95 = "2s 160ms"                                   # scenarios/extreme.toml:22
    success = "100%"                                   # scenarios/extreme.toml:23
    goal = "50000/s"                                   # scenarios/extreme.toml:24
    source = "proof of concept: one broker, one REST Proxy, about 8 cores, Python client" # scenarios/extreme.toml:25

    # output = ["a.json", "b.md"]                      # --output
    # history = "off"                                  # KRUSH_HISTORY
    # quiet = false                                    # default
    # no_color = true                                  # KRUSH_NO_COLOR or NO_COLOR
    "#);
}

#[test]
fn no_secret_is_ever_printed() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let env = ["KRUSH_BEARER=hidden-1"];
    for args in [
        &["basic", "--dry-run"][..],
        &["basic", "--dry-run", "--user", "me:hidden-2"],
        &["basic", "--dry-run", "--url", "http://me:hidden-3@h"],
        &["basic", "--dry-run", "--url", "http://me:hidden-4@h?q"],
        &["basic", "--dry-run", "--url", "http://me:hidden-5@"],
        &["basic", "--dry-run", "--url", "http://me:hidden-6@[::"],
        &["basic", "--dry-run", "--user", "hidden-7"],
        &["basic", "--dry-run", "-H", "Authorization: hidden-8"],
        &["basic", "--dry-run", "-H", "Proxy-Authorization: hidden-9"],
        &["basic", "--dry-run", "-H", "X Token: hidden-10"],
        &["basic", "--help"],
    ] {
        let text = krush_in(folder.path(), &env, args);
        assert!(!text.contains("hidden"), "{args:?}: {text}");
    }
}

#[test]
fn wrong_command_lines() {
    shows!(krush(&["fast"]), @r"
    code: 2
    --- stdout
    --- stderr
    error: unrecognized subcommand 'fast'

    Usage: krush <COMMAND>

    For more information, try '--help'.
    ");
    shows!(krush(&["basic", "--speed", "9"]), @r"
    code: 2
    --- stdout
    --- stderr
    error: unexpected argument '--speed' found

      tip: a similar argument exists: '--seed'

    Usage: krush basic --seed <N>

    For more information, try '--help'.
    ");
    shows!(krush(&["basic", "--message-size", "12 parsecs"]), @r"
    code: 2
    --- stdout
    --- stderr
    error: invalid value '12 parsecs' for '--message-size <SIZE>': `12 parsecs` is not a size: write a number with B, kB (1000), KiB (1024), MB or MiB, such as 64KiB

    For more information, try '--help'.
    ");
    shows!(krush(&["basic", "--rate", "fast"]), @r"
    code: 2
    --- stdout
    --- stderr
    error: invalid value 'fast' for '--rate <RATE>': `fast` is not a rate: write records per second, such as 50k/s, 1.5M/s or 40000

    For more information, try '--help'.
    ");
    shows!(krush(&["basic", "--rate", "0"]), @r"
    code: 2
    --- stdout
    --- stderr
    error: invalid value '0' for '--rate <RATE>': `0` is too low a rate: more than 0 records per second, such as 50k/s

    For more information, try '--help'.
    ");
    shows!(krush(&["basic", "--timeout", "30"]), @r"
    code: 2
    --- stdout
    --- stderr
    error: invalid value '30' for '--timeout <TIME>': `30` is not a duration: write a number with a unit, such as 30s, 500ms or 1m30s

    For more information, try '--help'.
    ");
    shows!(krush(&["basic", "--format", "avro"]), @r"
    code: 2
    --- stdout
    --- stderr
    error: invalid value 'avro' for '--format <NAME>': `avro` is not one of json, binary

    For more information, try '--help'.
    ");
    shows!(krush(&["basic", "--fail-on", "speed > 3"]), @"
    code: 2
    --- stdout
    --- stderr
    error: invalid value 'speed > 3' for '--fail-on <EXPR>': `speed` is no metric of a threshold: expected p50 to p99.99, service.p95, send_delay.p95, e2e.p95, max, mean, success, throughput or failed

    For more information, try '--help'.
    ");
    let folder = tempfile::tempdir().expect("a temporary folder");
    shows!(krush_in(folder.path(), &["KRUSH_RATE=fast"], &["basic"]), @r"
    code: 2
    --- stdout
    --- stderr
    error: invalid value 'fast' for '--rate (from KRUSH_RATE)': `fast` is not a rate: write records per second, such as 50k/s, 1.5M/s or 40000

    For more information, try '--help'.
    ");
}

#[test]
fn settings_that_make_no_sense() {
    shows!(krush(&["basic", "--messages", "0"]), @r"
    code: 2
    --- stdout
    --- stderr
    error: --messages: 0 is too small
    hint: at least 1
    ");
    shows!(krush(&["basic", "--messages", "5"]), @r"
    code: 2
    --- stdout
    --- stderr
    error: --messages: a batch of 10 is larger than the 5 messages of the run
    hint: add --batch-size 5, or send more with --messages
    ");
    shows!(krush(&["basic", "--batch-size", "0"]), @r"
    code: 2
    --- stdout
    --- stderr
    error: --batch-size: 0 is too small
    hint: at least 1
    ");
    shows!(krush(&["basic", "--concurrency", "0"]), @r"
    code: 2
    --- stdout
    --- stderr
    error: --concurrency: 0 is too small
    hint: at least 1
    ");
    shows!(krush(&["basic", "--timeout", "0s"]), @r"
    code: 2
    --- stdout
    --- stderr
    error: --timeout: 0s is too short
    hint: more than zero, such as 30s
    ");
    shows!(krush(&["basic", "--duration", "0s"]), @r"
    code: 2
    --- stdout
    --- stderr
    error: --duration: 0s is too short
    hint: more than zero, such as 30s
    ");
    shows!(krush(&["basic", "--messages", "100", "--duration", "5s"]), @r"
    code: 2
    --- stdout
    --- stderr
    error: --messages: --messages and --duration exclude each other
    hint: give one of them
    ");
}

#[test]
fn a_target_that_makes_no_sense() {
    shows!(krush(&["basic", "--user", "a:b", "--bearer", "c"]), @r"
    code: 2
    --- stdout
    --- stderr
    error: --user: --user and --bearer exclude each other
    hint: give one of them
    ");
    shows!(krush(&["basic", "--client-cert", "c.pem"]), @r"
    code: 2
    --- stdout
    --- stderr
    error: --client-cert: certificate and key only work together
    hint: give --client-key too; both may name the same PEM file
    ");
    shows!(krush(&["basic", "--topic", "bad name"]), @r"
    code: 2
    --- stdout
    --- stderr
    error: --topic: `bad name` is not a topic name
    hint: 1 to 249 of a-z A-Z 0-9 . _ -, and not . or ..
    ");
    shows!(krush(&["basic", "--header", "X-A: 1\r\nX-B: 2"]), @r"
    code: 2
    --- stdout
    --- stderr
    error: --header: the value of header `X-A` contains a line break or another control character
    hint: write it as `Name: value`
    ");
    shows!(krush(&["basic", "--header", "no colon"]), @r"
    code: 2
    --- stdout
    --- stderr
    error: --header: a header without a colon
    hint: write it as `Name: value`
    ");
    shows!(krush(&["basic", "--header", "Content-Type: text/plain"]), @r"
    code: 2
    --- stdout
    --- stderr
    error: --header: header `Content-Type` is set by krush itself
    hint: write it as `Name: value`
    ");
}

#[test]
fn a_body_or_a_result_that_makes_no_sense() {
    shows!(krush(&["basic", "--message-size", "64MiB"]), @r"
    code: 2
    --- stdout
    --- stderr
    error: --message-size: a request of 10 records would be 671,089,644 bytes, and 256 MiB is the limit
    hint: make --batch-size or --message-size smaller
    ");
    shows!(krush(&["basic", "--output", "result.xlsx"]), @"
    code: 2
    --- stdout
    --- stderr
    error: --output: `result.xlsx` has no known ending
    hint: the format goes by the ending: .json, .html, .md, .xml, .csv, .timeline.csv, .prom, .hgrm, .hlog, .bencher.json, .bigger.json or .smaller.json
    ");
}

#[test]
fn urls_that_cannot_be_a_target() {
    shows!(krush(&["basic", "--url", "http://"]), @r"
    code: 2
    --- stdout
    --- stderr
    error: --url: `http://` has no host
    hint: write a base URL such as http://localhost:8082
    ");
    shows!(krush(&["basic", "--url", "localhost:8082"]), @r"
    code: 2
    --- stdout
    --- stderr
    error: --url: `localhost:8082` has no scheme
    hint: put http:// or https:// before it
    ");
    shows!(krush(&["basic", "--url", "ftp://localhost"]), @r"
    code: 2
    --- stdout
    --- stderr
    error: --url: `ftp://localhost` has a scheme that is neither http nor https
    hint: write a base URL such as http://localhost:8082
    ");
    shows!(krush(&["basic", "--url", "http://h/?a=b"]), @r"
    code: 2
    --- stdout
    --- stderr
    error: --url: `http://h/?a=b` has a query, which a base URL cannot have
    hint: write a base URL such as http://localhost:8082
    ");
    shows!(krush(&["basic", "--url", "http://h:99999"]), @r"
    code: 2
    --- stdout
    --- stderr
    error: --url: `http://h:99999` is not a URL: invalid port number
    hint: write a base URL such as http://localhost:8082
    ");
}

#[test]
fn wrong_scenarios() {
    shows!(krush(&["run", "missing.toml"]), @r"
    code: 2
    --- stdout
    --- stderr
    error: cannot read scenario missing.toml: No such file or directory (os error 2)
    hint: give the path of a TOML file, or use basic, optimized, extreme or 64kb
    ");
    shows!(scenario("[load]\nmessages = 10\nconcurency = 3\n"), @r"
    code: 2
    --- stdout
    --- stderr
    error: s.toml:3: unknown key `load.concurency`
    hint: did you mean `load.concurrency`?
    ");
    shows!(scenario("[laod]\nmessages = 10\n"), @r"
    code: 2
    --- stdout
    --- stderr
    error: s.toml:1: unknown key `laod`
    hint: did you mean [load]?
    ");
    shows!(scenario("[load]\nmessages = 10\nspeed = 3\n"), @"
    code: 2
    --- stdout
    --- stderr
    error: s.toml:3: unknown key `load.speed`
    hint: [load] has messages, duration, concurrency, batch_size, rate, stage, spike, arrivals, warmup, timeout, drain, threads, verify, max_lag, lag_group
    ");
    shows!(scenario("[load]\nmessages = \"ten\"\n"), @r"
    code: 2
    --- stdout
    --- stderr
    error: s.toml:2: load.messages: `ten` is not a whole number from 0 to 18,446,744,073,709,551,615
    ");
    shows!(scenario("[load]\nmessages = 10\nbatch_size = 10\nrate = \"10/m\"\n"), @r"
    code: 2
    --- stdout
    --- stderr
    error: s.toml:4: load.rate: `10/m` is not a rate: write records per second, such as 50k/s, 1.5M/s or 40000
    ");
    shows!(scenario("[load]\nmessages = 10\n\n[payload]\nmessage_size = \"1 parsec\"\n"), @r"
    code: 2
    --- stdout
    --- stderr
    error: s.toml:5: payload.message_size: `1 parsec` is not a size: write a number with B, kB (1000), KiB (1024), MB or MiB, such as 64KiB
    ");
    shows!(scenario("[load]\nmessages = 10\nmessages = 11\n"), @r"
    code: 2
    --- stdout
    --- stderr
    error: s.toml:3: not TOML: duplicate key
    ");
    shows!(scenario("[load]\nmessages = \n"), @r"
    code: 2
    --- stdout
    --- stderr
    error: s.toml:2: not TOML: string values must be quoted, expected literal string
    ");
    shows!(scenario("[load]\nmessages = 10\nduration = \"1s\"\n"), @r"
    code: 2
    --- stdout
    --- stderr
    error: s.toml:2: load.messages: load.messages and load.duration exclude each other
    hint: give one of them
    ");
    shows!(scenario("[load]\nmessages = 10\nbatch_size = 20\n"), @r"
    code: 2
    --- stdout
    --- stderr
    error: s.toml:2: load.messages: a batch of 20 is larger than the 10 messages of the run
    hint: add --batch-size 10, or send more with --messages
    ");
    shows!(scenario("[load]\nconcurrency = 1\n"), @r"
    code: 2
    --- stdout
    --- stderr
    error: load.messages: nothing says how much to send
    hint: set load.messages or load.duration, or give --messages or --duration
    ");
    shows!(scenario("[load]\nmessages = 10\nbatch_size = 10\n[thresholds]\ngate = true\n"), @r"
    code: 2
    --- stdout
    --- stderr
    error: s.toml:5: thresholds.gate: the scenario has no reference figures to enforce
    hint: add [reference] throughput, p95 or success, or use --fail-on
    ");
    shows!(scenario("[load]\nmessages = 10\nbatch_size = 10\n[thresholds]\nfail_on = [\n \"p99 > 2s\",\n \"p99\",\n]\n"), @r"
    code: 2
    --- stdout
    --- stderr
    error: s.toml:7: thresholds.fail_on 2: `p99` is not a threshold: write METRIC OP VALUE such as `success < 99.9%`, `p99 > 2s`, `throughput < 40k/s` (it says when the run fails)
    ");
    shows!(scenario("load = 3\n"), @r"
    code: 2
    --- stdout
    --- stderr
    error: s.toml:1: `load` is a table: write [load] and its keys below
    ");
}

#[test]
fn a_plan_printed_by_a_dry_run_is_a_scenario() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let run = |args: &[&str]| krush_in(folder.path(), &[], args);
    for (index, preset) in ["basic", "optimized", "extreme", "64kb"]
        .into_iter()
        .enumerate()
    {
        let values = |text: &str| -> Vec<String> {
            let lines = plan_of(text).lines().skip(2);
            lines
                .take_while(|line| !line.starts_with("---"))
                .map(|line| {
                    line.split(" # ")
                        .next()
                        .unwrap_or_default()
                        .trim()
                        .to_owned()
                })
                .collect()
        };
        let printed = values(&run(&[
            preset,
            "--dry-run",
            "--key",
            "hot",
            "--hot-ratio",
            "99.9%",
            "--gate",
        ]));
        let file = format!("{index}.toml");
        std::fs::write(folder.path().join(&file), printed.join("\n")).expect("written");
        assert_eq!(
            values(&run(&["run", &file, "--dry-run"])),
            printed,
            "{preset}"
        );
        assert!(printed.len() > 25, "{printed:?}");
    }
}

#[test]
fn targets_that_cannot_be_used() {
    // A port that was free a moment ago: nothing listens on it.
    let closed = TcpListener::bind("127.0.0.1:0")
        .expect("port 0 is free")
        .local_addr()
        .expect("bound");
    shows!(krush(&["basic", "--url", &format!("http://{closed}")]), @"
    code: 15
    --- stdout
    --- stderr
    error: nothing listens at http://127.0.0.1:[PORT]: connection refused
    hint: start a REST Proxy there, name another one with --url, or start the built-in stand-in: krush serve
    ");
    let mut settings = settings();
    settings.add_filter(r"(rest-proxy\.invalid: ).*", "$1[WHAT THE SYSTEM SAYS]");
    settings.bind(|| {
        insta::assert_snapshot!(krush(&["basic", "--url", "http://rest-proxy.invalid"]), @r"
        code: 15
        --- stdout
        --- stderr
        error: cannot find the host of http://rest-proxy.invalid: [WHAT THE SYSTEM SAYS]
        hint: check the host name in --url
        ");
    });
    let page = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n<html><head><title>Welcome</title></head></html>";
    shows!(krush(&["basic", "--url", &canned(page)]), @r"
    code: 15
    --- stdout
    --- stderr
    error: http://127.0.0.1:[PORT] is no REST Proxy: its answer to GET /topics is an HTML page, `Welcome`
    hint: name the base URL of a REST Proxy in --url
    ");
    let lost = "HTTP/1.1 404 Not Found\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n404: Not Found";
    shows!(krush(&["basic", "--url", &canned(lost)]), @r"
    code: 15
    --- stdout
    --- stderr
    error: http://127.0.0.1:[PORT] answered GET /topics with HTTP 404: `404: Not Found`
    hint: check the path in --url: the base URL of a REST Proxy answers GET /topics
    ");
    let locked = "HTTP/1.1 401 Unauthorized\r\nConnection: close\r\n\r\n{\"error_code\":401,\"message\":\"Unauthorized\"}";
    shows!(krush(&["basic", "--url", &canned(locked)]), @r"
    code: 15
    --- stdout
    --- stderr
    error: http://127.0.0.1:[PORT] answered GET / with HTTP 401, error_code 401: Unauthorized
    hint: give --user USER:PASSWORD or --bearer TOKEN, or check what that account may do
    ");
    let moved =
        "HTTP/1.1 301 Moved\r\nLocation: https://else.example/\r\nConnection: close\r\n\r\n";
    shows!(krush(&["basic", "--url", &canned(moved)]), @r"
    code: 15
    --- stdout
    --- stderr
    error: http://127.0.0.1:[PORT] answered GET / with HTTP 301, a redirect to https://else.example/
    hint: name the final address in --url; redirects are not followed
    ");
    shows!(krush(&["basic", "--url", &canned("SSH-2.0-OpenSSH_9.9\r\n")]), @r"
    code: 15
    --- stdout
    --- stderr
    error: http://127.0.0.1:[PORT] gave no HTTP answer to GET /: invalid HTTP version parsed
    hint: check the port in --url, and whether the server wants https://
    ");
    let plain = canned(page).replace("http://", "https://");
    shows!(krush(&["basic", "--url", &plain]), @r"
    code: 15
    --- stdout
    --- stderr
    error: TLS with https://127.0.0.1:[PORT] failed: received corrupt message of type InvalidContentType
    hint: it seems to speak plain HTTP: write http:// in --url
    ");
}

#[test]
fn a_topic_that_is_missing_and_cannot_be_created() {
    let url = scripted(vec![
        (
            "GET / ",
            "HTTP/1.1 200 OK\r\nServer: Karapace/6.2.0\r\nConnection: close\r\n\r\n{}",
        ),
        (
            "GET /topics ",
            "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n[]",
        ),
        (
            "",
            "HTTP/1.1 404 Not Found\r\nConnection: close\r\n\r\n{\"error_code\":40403,\"message\":\"Topic performance-test not found\"}",
        ),
    ]);
    shows!(krush(&["basic", "--url", &url]), @r"
    code: 15
    --- stdout
    --- stderr
    error: topic performance-test does not exist at http://127.0.0.1:[PORT], and this server cannot create it
    hint: create it: kafka-topics --bootstrap-server localhost:9092 --create --topic performance-test --partitions 48
    ");
}

#[test]
fn producer_settings_that_make_no_sense() {
    let serve = |settings: &str| {
        krush(&[
            "serve",
            "--port",
            "0",
            "--kafka",
            "h:1",
            "--producer",
            settings,
        ])
    };
    shows!(serve("linger=5"), @r"
    code: 2
    --- stdout
    --- stderr
    error: invalid value 'linger=5' for '--producer <NAME=VALUE>': `linger` is no producer setting of the front: write one of acks, linger.ms, batch.size, compression.type, buffer.memory, retries, max.request.size, max.in.flight.requests.per.connection, max.block.ms, delivery.timeout.ms, request.timeout.ms, enable.idempotence

    For more information, try '--help'.
    ");
    shows!(serve("acks=2"), @r"
    code: 2
    --- stdout
    --- stderr
    error: invalid value 'acks=2' for '--producer <NAME=VALUE>': `2` is no value of acks: write 0, 1, all or -1

    For more information, try '--help'.
    ");
    shows!(serve("linger.ms=5,linger.ms=6"), @r"
    code: 2
    --- stdout
    --- stderr
    error: --producer: linger.ms is set twice
    ");
    shows!(serve("request.timeout.ms=1000,delivery.timeout.ms=1000"), @r"
    code: 2
    --- stdout
    --- stderr
    error: --producer: delivery.timeout.ms is 1000, and must be at least linger.ms + request.timeout.ms, which is 1005
    ");
    shows!(krush(&["serve", "--port", "0", "--producer", "linger.ms=5"]), @r"
    code: 2
    --- stdout
    --- stderr
    error: the following required arguments were not provided:
      --kafka <HOST:PORT>

    Usage: krush serve --kafka <HOST:PORT> --port <PORT> --producer <NAME=VALUE>

    For more information, try '--help'.
    ");
}

#[test]
fn files_that_cannot_be_used() {
    shows!(krush(&["basic", "--url", "http://127.0.0.1:9", "--output", "missing/result.json"]), @r"
    code: 2
    --- stdout
    --- stderr
    error: cannot write missing/result.json: No such file or directory (os error 2)
    hint: make the folder writable, or name another path with --output
    ");
    shows!(krush(&["basic", "--url", "https://127.0.0.1:9", "--ca-cert", "missing.pem"]), @r"
    code: 2
    --- stdout
    --- stderr
    error: --ca-cert missing.pem: No such file or directory (os error 2)
    hint: give a PEM file (-----BEGIN ...)
    ");
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(folder.path().join("empty.pem"), "").expect("written");
    let args = [
        "basic",
        "--url",
        "https://127.0.0.1:9",
        "--ca-cert",
        "empty.pem",
    ];
    shows!(krush_in(folder.path(), &[], &args), @r"
    code: 2
    --- stdout
    --- stderr
    error: --ca-cert empty.pem: no certificate in it
    hint: give a PEM file (-----BEGIN ...)
    ");
}

#[test]
fn a_reader_that_left_is_no_failure() {
    for args in [&["--help"][..], &["basic", "--dry-run"]] {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let mut command = crate::krush();
        let output = command
            .args(args)
            .stdout(writer)
            .output()
            .expect("krush runs");
        assert_eq!(output.status.code(), Some(0), "{args:?}");
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{args:?}");
    }
}

#[test]
fn a_typed_pattern_beats_the_variable_of_topics() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let env = ["KRUSH_TOPIC=ml", "KRUSH_INSTANCES=none"];
    let both = [
        "consume",
        "--pattern",
        "o.*",
        "--topic",
        "t",
        "--instances",
        "1",
    ];
    shows!(krush_in(folder.path(), &env, &both), @"
    code: 2
    --- stdout
    --- stderr
    error: the argument '--pattern <REGEX>' cannot be used with '--topic <NAME>'

    Usage: krush <COMMAND>

    For more information, try '--help'.
    ");
    // The pattern is taken; what is wrong is the other variable.
    shows!(krush_in(folder.path(), &env, &["consume", "--pattern", "o.*"]), @"
    code: 2
    --- stdout
    --- stderr
    error: invalid value 'none' for '--instances <N>': invalid digit found in string

    For more information, try '--help'.
    ");
    let env = ["KRUSH_TOPIC=ml", "KRUSH_GROUP=a b"];
    shows!(krush_in(folder.path(), &env, &["consume", "--pattern", "o.*"]), @"
    code: 2
    --- stdout
    --- stderr
    error: --group: `a b` cannot be a group here
    hint: 1 to 249 of a-z A-Z 0-9 . _ -, and not . or ..
    ");
}
