//! What a user can get wrong: a line that says what to do, the right exit code, and nothing half done.

use std::net::TcpListener;
use std::path::Path;

use super::{Stack, path_without, said};

#[test]
fn commands_and_options() {
    let stack = Stack::new();
    let help = stack.run("help").ended(0);
    assert_eq!(stack.run("").ended(0).out, help.out, "no command is help");
    for command in [
        "start",
        "stop",
        "restart",
        "status",
        "test-basic",
        "test-optimized",
        "test-extreme",
        "test-64kb",
        "test-all",
        "quick-start",
        "performance-test",
        "monitor",
        "topics",
        "logs",
        "clean",
    ] {
        assert!(
            help.out.contains(&format!("  {command}")),
            "{command}: {help}"
        );
    }
    let lines: Vec<String> = [
        "frobnicate",
        "start --fast",
        "start --profile",
        "start --profile quick",
        "start --local --cluster",
        "start --wait soon",
        "restart",
        "logs",
        "monitor --samples 3",
    ]
    .iter()
    .map(|words| stack.run(words))
    .map(|said| format!("{} {}", said.code, said.all().trim_end()))
    .collect();
    insta::assert_snapshot!(lines.join("\n"), @r"
    2 kafka-test.sh: unknown command frobnicate (./kafka-test.sh help lists them)
    2 kafka-test.sh: start: unknown option --fast (see ./kafka-test.sh help)
    2 kafka-test.sh: --profile wants a value
    2 kafka-test.sh: no profile quick; there are: durable low-latency poc throughput
    2 kafka-test.sh: --cluster needs Docker: the stack without Docker has one broker
    2 kafka-test.sh: STACK_START_TIMEOUT=soon: a number from 1 to 99999 was expected
    2 kafka-test.sh: no stack was started here: ./kafka-test.sh start, or quick-start
    2 kafka-test.sh: no stack was started here: ./kafka-test.sh start, or quick-start
    15 kafka-test.sh: no stack was started here: ./kafka-test.sh start, or quick-start
    ");
    // Nothing to stop or to clean is no failure, but there is nothing to show.
    stack.run("stop").ended(0);
    stack.run("clean --yes").ended(0);
    stack.run("status").ended(15);
    stack.run("topics").ended(15);
}

#[test]
fn settings_in_the_file_and_before_it() {
    let stack = Stack::new();
    let file = stack.path(".env");
    std::fs::write(&file, "# ours\nSTACK_START_TIMEOUT = 5\n").unwrap();
    let line = stack.run("status").refusal();
    assert!(line.contains(".env:2: expected NAME=VALUE"), "{line}");
    std::fs::write(&file, "STACK_PARTITIONS=many\r\n").unwrap();
    let line = stack.run("status").refusal();
    assert!(line.contains("STACK_PARTITIONS=many: a number"), "{line}");
    // A quoted value, and the environment before the file.
    std::fs::write(&file, "STACK_REST_PORT=1\nSTACK_PROFILE=\"nothing\"\n").unwrap();
    let line = stack.run("status").refusal();
    assert!(
        line.contains("no profile nothing; there are: durable low-latency poc throughput"),
        "{line}"
    );
    let named = stack.run("start --local --profile poc --wait 0").refusal();
    assert!(
        named.contains("STACK_START_TIMEOUT=0"),
        "a flag comes before the file: {named}"
    );
}

#[test]
fn taken_ports() {
    let stack = Stack::new();
    for (port, setting) in [
        (stack.rest_port, "STACK_REST_PORT"),
        (stack.broker_port, "STACK_BROKER_PORT"),
        (stack.controller_port, "STACK_CONTROLLER_PORT"),
    ] {
        let taken = TcpListener::bind(("127.0.0.1", port)).unwrap();
        let said = stack.run("start --local").ended(2);
        let line = said.err.lines().last().unwrap();
        assert!(
            line.contains(&format!("port {port} is taken")) && line.contains(setting),
            "{said}"
        );
        assert!(
            !stack.path(".stack/run/broker.pid").exists(),
            "nothing is half up"
        );
        drop(taken);
    }
}

#[test]
fn a_broker_that_cannot_start_shows_why() {
    let mut stack = Stack::new();
    stack
        .variables
        .push(("KAFKA_HEAP_OPTS".into(), "-Xmx1".into()));
    let said = stack.run("start --local").ended(15);
    assert!(
        said.err.contains("Too small maximum heap"),
        "its own last words: {said}"
    );
    assert!(
        said.err.contains("broker ended while it was starting"),
        "{said}"
    );
    stack.variables.clear();
    stack
        .variables
        .push(("KAFKA_NUM_IO_THREADS".into(), "none".into()));
    let said = stack.run("start --local").ended(15);
    assert!(said.err.contains("num.io.threads"), "{said}");
}

#[test]
fn jars_that_are_not_the_locked_ones() {
    let stack = Stack::new();
    let libs = stack.path(".stack/kafka");
    if !libs.exists() {
        // Nothing fetched yet, so nothing to spoil; the other tests fetch.
        eprintln!("SKIPPED: no jars yet in target/kafka/libs");
        return;
    }
    let jar = std::fs::read_dir(&libs)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let jar = jar
        .filter(|path| path.extension().is_some_and(|end| end == "jar"))
        .min()
        .unwrap();
    let mut bytes = std::fs::read(&jar).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&jar, bytes).unwrap();
    let said = stack.run("start --local").ended(15);
    let name = jar.file_name().unwrap().to_string_lossy().into_owned();
    assert!(
        said.err.contains(&name) && said.err.contains("jars.sha256"),
        "{said}"
    );
    assert!(!stack.path(".stack/run/broker.pid").exists());

    let mut stack = stack;
    let home = stack.path("nothing");
    stack
        .variables
        .push(("KAFKA_HOME".into(), home.display().to_string()));
    let line = stack.run("start --local").refusal();
    assert!(
        line.contains("KAFKA_HOME=") && line.contains("an unpacked Apache Kafka 4"),
        "{line}"
    );
}

#[test]
fn missing_tools() {
    let mut stack = Stack::new();
    let mut line = |missing: &[&str], words: &str| {
        let path = path_without(&stack, missing);
        stack.variables = vec![("PATH".into(), path)];
        stack.run(words).refusal()
    };
    let lines = [
        line(&["curl"], "start --local"),
        line(&["ps"], "start --local"),
        line(&["java"], "start --local"),
        line(&["docker"], "start --docker"),
        line(&["docker", "java"], "start"),
    ];
    insta::assert_snapshot!(lines.join("\n"), @r"
    kafka-test.sh: curl is missing: the stack is asked over HTTP (apt-get install curl)
    kafka-test.sh: ps is missing: the stack's processes are found with it (apt-get install procps)
    kafka-test.sh: Java 17 or later is needed for Apache Kafka 4, and there is none: install it (apt-get install default-jre-headless, brew install openjdk)
    kafka-test.sh: docker is missing: install Docker, or use ./kafka-test.sh start --local (Java 17, no Docker)
    kafka-test.sh: needs Docker (none answers), or Java 17 or later for the stack without Docker: install one of them
    ");
    // Maven only where the jars are still to be fetched.
    let libs = stack.path(".stack/kafka");
    if libs.exists() {
        std::fs::remove_dir_all(libs).unwrap();
    }
    let path = path_without(&stack, &["mvn"]);
    stack.variables = vec![("PATH".into(), path)];
    let line = stack.run("start --local").refusal();
    assert!(
        line.contains("mvn is missing") && line.contains("KAFKA_HOME"),
        "{line}"
    );
}

#[test]
fn no_krush() {
    let mut stack = Stack::new();
    stack
        .variables
        .push(("KRUSH".into(), "/nowhere/krush".into()));
    let said = stack.run("test-basic").ended(2);
    assert!(
        said.err.contains("KRUSH=/nowhere/krush is no program"),
        "{said}"
    );
}

#[test]
fn without_a_stack_a_test_names_what_is_missing_and_the_stand_in_stays_away() {
    let stack = Stack::new();
    let said = stack.run("test-basic").ended(15);
    assert!(said.err.contains("./kafka-test.sh start"), "{said}");
    assert!(said.all().contains("nothing listens at"), "{said}");
    // Asked for outright, it may.
    let said = stack.run("test-basic --embedded --quiet").ended(0);
    assert!(said.out.contains("PASS"), "{said}");
}

/// The scripts say what they need of bash: what macOS ships, 3.2.
#[test]
fn the_scripts_use_nothing_that_bash_3_2_lacks() {
    let stack = Stack::new();
    let newer = [
        ("declare -A", "associative arrays"),
        ("mapfile", "mapfile"),
        ("readarray", "readarray"),
        ("${@@Q}", "@Q"),
        ("wait -n", "wait -n"),
        ("coproc", "coproc"),
        ("&>>", "&>>"),
        (";;&", ";;&"),
        ("local -n", "name references"),
        ("declare -n", "name references"),
    ];
    let mut scripts = vec![stack.path("kafka-test.sh")];
    let found = std::fs::read_dir(stack.path("stack")).unwrap();
    scripts.extend(
        found
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.is_file()),
    );
    for script in scripts {
        let text = std::fs::read_to_string(&script).unwrap();
        let name = script.file_name().unwrap().to_string_lossy().into_owned();
        for (number, line) in text.lines().enumerate() {
            for (words, what) in newer {
                assert!(!line.contains(words), "{name}:{}: {what}", number + 1);
            }
            for case in [",,}", "^^}", "[-1]}"] {
                assert!(!line.contains(case), "{name}:{}: {case}", number + 1);
            }
        }
        assert!(said(bash_n(&script)).ended(0).err.is_empty());
    }
}

fn bash_n(script: &Path) -> std::process::Command {
    let mut bash = std::process::Command::new("bash");
    bash.arg("-n").arg(script);
    bash
}
