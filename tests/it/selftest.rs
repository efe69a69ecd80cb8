//! `krush selftest`, all of it: the catalogue and 1,000 random fault scripts, through the built program.

use std::process::Output;
use std::time::{Duration, Instant};

fn selftest(args: &[&str]) -> Output {
    let mut command = crate::krush();
    command.arg("selftest").args(args).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn no_figure_is_wrong_in_the_whole_catalogue_and_a_thousand_random_scripts() {
    let began = Instant::now();
    let output = selftest(&[]);
    let said = text(&output.stdout);
    assert_eq!(
        output.status.code(),
        Some(0),
        "{said}{}",
        text(&output.stderr)
    );
    assert!(said.contains("no figure was wrong"), "{said}");
    assert!(said.contains("1,000 random fault scripts"), "{said}");
    assert!(!said.contains("WRONG"), "{said}");
    // It is to take less than two minutes; here the other tests run beside it.
    assert!(
        began.elapsed() < Duration::from_mins(4),
        "{:?}",
        began.elapsed()
    );
}

#[test]
fn the_published_failures_are_in_the_catalogue_and_neither_passes() {
    let output = selftest(&["last 40 %", "every second"]);
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{said}");
    let outages: Vec<&str> = said
        .lines()
        .filter(|line| line.contains("last 40 %"))
        .collect();
    assert_eq!(outages.len(), 2, "{said}");
    for line in outages {
        assert!(
            line.contains("P95 ≥ ") && line.contains("exit 15"),
            "{line}"
        );
    }
    let dropped: Vec<&str> = said
        .lines()
        .filter(|line| line.contains("every second"))
        .collect();
    assert_eq!(dropped.len(), 2, "{said}");
    for line in dropped {
        assert!(
            line.contains(" unknown") && line.contains("exit 10"),
            "{line}"
        );
    }
}

#[test]
fn the_list_runs_nothing_and_an_unknown_case_is_an_error() {
    let listed = text(&selftest(&["--list"]).stdout);
    assert!(listed.contains("faults: stall=60s@1800ms"), "{listed}");
    let unknown = selftest(&["no such case"]);
    assert_eq!(unknown.status.code(), Some(2));
    insta::assert_snapshot!(text(&unknown.stderr), @r"
    error: no case of the self-test has `no such case` in its name
    hint: krush selftest --list names them all
    ");
}
