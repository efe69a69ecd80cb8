//! `krush serve --kafka` and Kafka's own tools, as processes.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use super::{broker, variable};

/// `krush serve --kafka` as a process of its own, stopped when dropped.
pub(super) struct Server {
    child: Child,
    /// Where it listens.
    pub(super) url: String,
    /// Its first line.
    pub(super) said: String,
}

impl Server {
    /// Started with these arguments too.
    pub(super) fn start(args: &[&str]) -> Self {
        let mut child = crate::krush()
            .args(["serve", "--port", "0", "--kafka", &broker()])
            .args(["--kafka-version", "4.3.1"])
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (lines, heard) = mpsc::channel();
        let out = child.stdout.take().unwrap();
        let err = child.stderr.take().unwrap();
        // Both pipes are read to their ends, so that the server never blocks on a full one.
        for pipe in [
            Box::new(out) as Box<dyn std::io::Read + Send>,
            Box::new(err),
        ] {
            let lines = lines.clone();
            std::thread::spawn(move || {
                for line in BufReader::new(pipe).lines().map_while(Result::ok) {
                    // Nobody listens any more once the address is known.
                    let _ = lines.send(line);
                }
            });
        }
        drop(lines);
        let mut heard_so_far = Vec::new();
        let (url, said) = loop {
            let Ok(line) = heard.recv_timeout(Duration::from_secs(30)) else {
                // The process would outlive the test otherwise.
                let _ = child.kill();
                let _ = child.wait();
                panic!("the server gave no address, only {heard_so_far:?}");
            };
            let address = line.split_once("http://").map(|(_, rest)| {
                let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || ".:[]".contains(c)));
                format!("http://{}", &rest[..end.unwrap_or(rest.len())])
            });
            heard_so_far.push(line.clone());
            if let Some(url) = address {
                let url = url.trim_end_matches(['.', ':']).to_owned();
                break (url, line);
            }
        };
        Self { child, url, said }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Already gone is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One of Kafka's own command-line tools, on the broker.
pub(super) fn kafka_tool(class: &str, arguments: &[&str]) -> String {
    let broker = broker();
    java(
        class,
        &[&["--bootstrap-server", &broker], arguments].concat(),
    )
}

/// One of Kafka's own command-line tools.
pub(super) fn java(class: &str, arguments: &[&str]) -> String {
    let libs = format!("{}/*", variable("KRUSH_TEST_KAFKA_LIBS"));
    let output = Command::new("java")
        .args(["-Xmx256m", "-XX:TieredStopAtLevel=1", "-cp", &libs, class])
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(output.status.success(), "{class}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}
