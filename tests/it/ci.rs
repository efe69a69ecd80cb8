//! What a CI server gets of a run: the summary of a GitHub Actions step, and JUnit XML.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use krush::standin::{Embedded, Settings};

/// A stand-in, a folder for one run after the other, and the file that GitHub Actions would name.
struct Step {
    server: Embedded,
    folder: tempfile::TempDir,
    summary: PathBuf,
}

impl Step {
    fn new(faults: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self {
            server: Embedded::start(Settings {
                faults: faults.iter().map(|fault| fault.parse().unwrap()).collect(),
                threads: 1,
                ..Settings::default()
            })
            .unwrap(),
            summary: folder.path().join("summary.md"),
            folder,
        }
    }

    fn krush(&self, args: &[&str]) -> Command {
        let mut command = crate::krush();
        command
            .args(["basic", "--url", self.server.url()])
            .args(args)
            .args(["--output", "report.md", "--output", "report.xml"])
            .env("GITHUB_STEP_SUMMARY", &self.summary)
            .current_dir(self.folder.path())
            .stdin(Stdio::null());
        command
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.folder.path().join(name)).unwrap()
    }

    /// Runs it; the exit code and what was said.
    fn run(&self, args: &[&str]) -> (Option<i32>, String) {
        ended(&mut self.krush(args))
    }
}

fn ended(command: &mut Command) -> (Option<i32>, String) {
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code(), said)
}

#[test]
fn runs_of_a_step_add_up_in_its_summary_whatever_came_of_them() {
    let step = Step::new(&[]);
    let mut all = String::new();
    for (args, code, headline) in [
        (&[][..], 0, "# krush: basic: PASS\n"),
        (&["--max-p95", "1us"], 10, "# krush: basic: FAIL\n"),
        (&["--fail-on", "p99.9 > 1h"], 13, "# krush: basic: VOID\n"),
    ] {
        let (ended, said) = step.run(args);
        assert_eq!(ended, Some(code), "{said}");
        let report = step.read("report.md");
        assert!(report.starts_with(headline), "{report}");
        if !all.is_empty() {
            all.push('\n');
        }
        all.push_str(&report);
        assert_eq!(step.read("summary.md"), all);
    }
    let (code, said) = step.run(&["--dry-run"]);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(step.read("summary.md"), all, "nothing was run");
}

#[test]
#[cfg(unix)]
fn an_interrupted_run_is_in_the_summary_and_in_no_suite_green() {
    let step = Step::new(&["delay=20ms"]);
    let child = step
        .krush(&["--duration", "60s", "--max-p95", "1h"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let began = Instant::now();
    while step.server.memory().totals().stored < 500 {
        assert!(began.elapsed() < Duration::from_secs(20), "nothing stored");
        std::thread::yield_now();
    }
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    let summary = step.read("summary.md");
    assert!(
        summary.starts_with("# krush: basic: INTERRUPTED\n"),
        "{summary}"
    );
    assert_eq!(summary, step.read("report.md"));
    let cases = cases(&step.read("report.xml"));
    assert_eq!(cases[0], ("verdict".to_owned(), "error"));
    assert_eq!(cases[1], ("p95 > 1h".to_owned(), "skipped"));
}

#[test]
fn a_summary_that_cannot_be_written_changes_no_verdict() {
    let step = Step::new(&[]);
    let missing = Path::new("no-folder").join("summary.md");
    for (args, code) in [(&[][..], 0), (&["--max-p95", "1us", "--quiet"], 10)] {
        let mut krush = step.krush(args);
        let (ended, said) = ended(krush.env("GITHUB_STEP_SUMMARY", &missing));
        assert_eq!(ended, Some(code), "{said}");
        let wanted = format!(
            "warning: GITHUB_STEP_SUMMARY: cannot write {}: ",
            missing.display()
        );
        let lines = said.lines().filter(|line| line.starts_with(&wanted));
        assert_eq!(lines.count(), 1, "{said}");
    }
    let mut krush = step.krush(&[]);
    let (code, said) = ended(krush.env("GITHUB_STEP_SUMMARY", ""));
    assert_eq!(code, Some(0), "{said}");
    assert!(!said.contains("GITHUB_STEP_SUMMARY"), "{said}");
}

/// Name and state of each test case of a suite.
fn cases(xml: &str) -> Vec<(String, &'static str)> {
    use quick_junit::{NonSuccessKind, TestCaseStatus};
    let report = quick_junit::Report::deserialize_from_str(xml).unwrap();
    let cases = report.test_suites[0].test_cases.iter();
    cases
        .map(|case| {
            let state = match &case.status {
                TestCaseStatus::Success { .. } => "passed",
                TestCaseStatus::NonSuccess { kind, .. } => match kind {
                    NonSuccessKind::Failure => "failure",
                    NonSuccessKind::Error => "error",
                },
                TestCaseStatus::Skipped { .. } => "skipped",
            };
            (case.name.to_string(), state)
        })
        .collect()
}

#[test]
fn a_suite_is_green_only_where_the_exit_code_is_0() {
    let step = Step::new(&[]);
    let seen = |args: &[&str], code| {
        let (ended, said) = step.run(args);
        assert_eq!(ended, Some(code), "{said}");
        cases(&step.read("report.xml"))
    };
    let passed = seen(&["--max-p95", "1h"], 0);
    assert!(
        passed.iter().all(|(_, state)| *state == "passed"),
        "{passed:?}"
    );
    assert!(passed.contains(&("p95 > 1h".to_owned(), "passed")));
    let missed = seen(&["--max-p95", "1us"], 10);
    let failed: Vec<_> = missed.iter().filter(|(_, s)| *s != "passed").collect();
    assert_eq!(
        failed,
        [
            &("verdict".to_owned(), "failure"),
            &("p95 > 1us".to_owned(), "failure")
        ]
    );
    let void = seen(&["--fail-on", "p99.9 > 1h"], 13);
    assert!(void.contains(&("verdict".to_owned(), "error")), "{void:?}");
    assert!(
        void.contains(&("p99.9 > 1h".to_owned(), "skipped")),
        "{void:?}"
    );
    assert!(void.contains(&("enough samples for P99.9".to_owned(), "error")));
}

#[test]
fn a_target_that_dies_is_in_no_suite_green() {
    let step = Step::new(&["die@50req"]);
    let (code, said) = step.run(&["--timeout", "2s"]);
    assert_eq!(code, Some(15), "{said}");
    let cases = cases(&step.read("report.xml"));
    assert_eq!(cases[0], ("verdict".to_owned(), "error"), "{cases:?}");
    assert!(step.read("summary.md").contains("FAIL (target)"));
}
