//! The built program, and its stand-in as a process of its own, for every test binary.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

/// The program that was built for these tests, without variables of the caller that it would listen to.
pub(crate) fn krush() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_krush"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("KRUSH_") || name == "NO_COLOR" {
            command.env_remove(name);
        }
    }
    // Where the tests run in a step of GitHub Actions, their runs are no result of that step.
    command.env_remove("GITHUB_STEP_SUMMARY");
    // Their runs are none of the history of whoever runs the tests.
    command.env("KRUSH_HISTORY", "off");
    command
}

/// `krush serve` with one thread and a topic `t`, on a free port of 127.0.0.1; it ends with this.
pub(crate) struct Served {
    child: Child,
    /// Where it listens, such as `http://127.0.0.1:8082`.
    pub(crate) url: String,
}

impl Served {
    /// Started with these arguments too.
    pub(crate) fn start(args: &[&str]) -> Self {
        Self::start_on("0", args)
    }

    /// The same on a port that is known.
    pub(crate) fn start_on(port: &str, args: &[&str]) -> Self {
        let mut child = krush()
            .args(["serve", "--port", port, "--topic", "t", "--threads", "1"])
            .args(args)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let stdout = child.stdout.as_mut().unwrap();
        BufReader::new(stdout).read_line(&mut line).unwrap();
        let url = line.split_whitespace().next().unwrap().to_owned();
        Self { child, url }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
