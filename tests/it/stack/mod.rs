//! `kafka-test.sh` and the stack without Docker, as a user types it, in a copy of the scripts with ports of its own: a
//! real Apache Kafka from Maven Central behind `krush serve --kafka`. Run by `.ci/run stack`, one test at a time.

mod killed;
mod refused;
mod story;

use std::net::TcpListener;
use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// A copy of the scripts, and the stack that they start; it is stopped and deleted when this is dropped.
struct Stack {
    folder: TempDir,
    rest_port: u16,
    broker_port: u16,
    controller_port: u16,
    /// Further variables of the caller.
    variables: Vec<(String, String)>,
}

/// What a command said, and how it ended.
struct Said {
    code: i32,
    out: String,
    err: String,
}

impl std::fmt::Display for Said {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { code, out, err } = self;
        write!(to, "exit {code}\n-- out\n{out}\n-- err\n{err}")
    }
}

impl Said {
    #[track_caller]
    fn ended(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self}");
        self
    }

    /// Both streams.
    fn all(&self) -> String {
        format!("{}{}", self.out, self.err)
    }

    /// The only line on stderr, with exit code 2 and nothing on stdout.
    #[track_caller]
    fn refusal(self) -> String {
        let said = self.ended(2);
        assert_eq!(
            (said.err.lines().count(), said.out.as_str()),
            (1, ""),
            "{said}"
        );
        said.err.trim_end().to_owned()
    }
}

/// Ports below the range from which the system picks those of outgoing connections.
fn free_port() -> u16 {
    (0..200)
        .map(|_| rand::random_range(20_000..32_000))
        .find(|&port| TcpListener::bind(("127.0.0.1", port)).is_ok())
        .expect("a free port between 20000 and 32000")
}

fn copy(from: &Path, to: &Path) {
    if from.is_dir() {
        std::fs::create_dir_all(to).unwrap();
        for entry in std::fs::read_dir(from).unwrap() {
            let entry = entry.unwrap();
            copy(&entry.path(), &to.join(entry.file_name()));
        }
    } else {
        std::fs::copy(from, to).unwrap();
    }
}

impl Stack {
    fn new() -> Self {
        let folder = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let source = Path::new(env!("CARGO_MANIFEST_DIR"));
        std::fs::create_dir_all(folder.path().join("docker")).unwrap();
        for part in ["kafka-test.sh", "stack", "docker/profiles"] {
            copy(&source.join(part), &folder.path().join(part));
        }
        // The jars that the other tests have fetched already; where there are none, the script fetches them.
        let jars = source.join("target/kafka/libs");
        if jars.join("jars.sha256").exists() {
            std::fs::create_dir(folder.path().join(".stack")).unwrap();
            copy(&jars, &folder.path().join(".stack/kafka"));
        }
        let [rest_port, broker_port, controller_port] = [(); 3].map(|()| free_port());
        Self {
            folder,
            rest_port,
            broker_port,
            controller_port,
            variables: Vec::new(),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The script with these words behind it, without variables of the caller that it would listen to.
    fn command(&self, words: &str) -> Command {
        let mut command = Command::new(self.path("kafka-test.sh"));
        for (name, _) in std::env::vars_os() {
            let name = name.to_string_lossy().into_owned();
            let heard = ["KRUSH", "STACK_", "KAFKA"];
            if heard.iter().any(|start| name.starts_with(start)) || name == "GITHUB_STEP_SUMMARY" {
                command.env_remove(name);
            }
        }
        command
            .args(words.split_whitespace())
            .env("KRUSH", env!("CARGO_BIN_EXE_krush"))
            .env("STACK_REST_PORT", self.rest_port.to_string())
            .env("STACK_BROKER_PORT", self.broker_port.to_string())
            .env("STACK_CONTROLLER_PORT", self.controller_port.to_string())
            .env(
                "KAFKA_HEAP_OPTS",
                "-Xms256m -Xmx256m -XX:TieredStopAtLevel=1",
            )
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .current_dir("/")
            .stdin(Stdio::null());
        command
    }

    fn run(&self, words: &str) -> Said {
        said(self.command(words))
    }

    /// A load that goes on while the test does something else.
    fn begin(&self, words: &str) -> Running {
        // Of its own process group, so that nothing that is aimed at it hits the test.
        let child = self
            .command(words)
            .process_group(0)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Running(child)
    }

    /// The process of one of the two services.
    fn pid(&self, service: &str) -> String {
        let file = self.path(&format!(".stack/run/{service}.pid"));
        std::fs::read_to_string(file).unwrap().trim().to_owned()
    }

    /// `kill -9`, and waits until it is gone.
    fn kill(&self, service: &str) {
        let pid = self.pid(service);
        let killed = Command::new("kill").args(["-9", &pid]).status().unwrap();
        assert!(killed.success(), "{service}, process {pid}");
    }

    /// Records of a topic, as `topics` shows them.
    fn records(&self, topic: &str) -> u64 {
        let said = self.run("topics").ended(0);
        let row = said.out.lines().find(|line| line.starts_with(topic));
        let row = row.unwrap_or_else(|| panic!("no {topic}: {said}"));
        let number = row.split_whitespace().last().unwrap().replace(',', "");
        number.parse().unwrap()
    }

    /// Waits until the topic has more records than these.
    fn await_more_records(&self, topic: &str, than: u64) {
        let deadline = Instant::now() + Duration::from_mins(1);
        while self.records(topic) <= than {
            assert!(Instant::now() < deadline, "no record arrives in {topic}");
        }
    }

    /// The sum of the end offsets of a topic, and its partitions, by Kafka's own tool.
    fn end_offsets(&self, topic: &str) -> (usize, u64) {
        let said = said({
            let mut java = Command::new("java");
            java.args(["-Xmx128m", "-XX:TieredStopAtLevel=1", "-cp"])
                .arg(format!("{}/*", self.path(".stack/kafka").display()))
                .arg("org.apache.kafka.tools.GetOffsetShell")
                .args(["--topic", topic, "--bootstrap-server"])
                .arg(format!("127.0.0.1:{}", self.broker_port));
            java
        })
        .ended(0);
        let ends = said.out.lines().map(|line| {
            let (_, end) = line.rsplit_once(':').unwrap();
            end.parse::<u64>().unwrap()
        });
        (said.out.lines().count(), ends.sum())
    }

    /// Every report that was written, oldest first.
    fn reports(&self) -> Vec<Value> {
        let entries = std::fs::read_dir(self.path("results")).unwrap();
        let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        // history.jsonl lies beside them.
        files.retain(|file| file.extension().is_some_and(|ending| ending == "json"));
        files.sort();
        let read = |file: &PathBuf| serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
        files.iter().map(read).collect()
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        // Whatever became of the test, nothing goes on running.
        let _ = self.command("stop").output();
    }
}

fn said(mut command: Command) -> Said {
    let output = command.stdin(Stdio::null()).output().unwrap();
    Said {
        // A process that a signal ended has no code.
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// A command that is still running.
struct Running(Child);

impl Running {
    fn end(self) -> Said {
        let output = self.0.wait_with_output().unwrap();
        Said {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

fn count(report: &Value, pointer: &str) -> u64 {
    let found = report.pointer(pointer).and_then(Value::as_u64);
    found.unwrap_or_else(|| panic!("no {pointer} in {report}"))
}

/// Records that were acknowledged, those of the warm-up too: they are stored like all others.
fn acked(report: &Value) -> u64 {
    count(report, "/ledger/records/acked") + count(report, "/warmup/records/acked")
}

#[track_caller]
fn balances(report: &Value) {
    for kind in ["records", "requests"] {
        let at = |key: &str| count(report, &format!("/ledger/{kind}/{key}"));
        assert_eq!(at("scheduled"), at("sent") + at("unsent"), "{report}");
        let good = if kind == "records" {
            at("acked")
        } else {
            at("complete") + at("partial")
        };
        assert_eq!(
            at("sent"),
            good + at("rejected") + at("unknown"),
            "{report}"
        );
    }
}

/// A `PATH` with everything of this machine's but these programs.
fn path_without(stack: &Stack, missing: &[&str]) -> String {
    let folder = stack.path("bin");
    if folder.exists() {
        std::fs::remove_dir_all(&folder).unwrap();
    }
    std::fs::create_dir(&folder).unwrap();
    let path = std::env::var("PATH").unwrap();
    for entry in path
        .split(':')
        .filter_map(|part| std::fs::read_dir(part).ok())
        .flatten()
    {
        let entry = entry.unwrap();
        let name = entry.file_name();
        if !missing.iter().any(|program| name == *program) {
            // The first of a name counts, as in a PATH.
            let _ = symlink(entry.path(), folder.join(name));
        }
    }
    folder.display().to_string()
}
