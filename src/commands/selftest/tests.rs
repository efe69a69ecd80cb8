//! The self-test must fail when a figure is wrong: each one is falsified in turn.

use super::case::Word;
use super::catalogue::catalogue;
use super::findings::Findings;
use super::laws;
use super::trial::{self, Setting, Trial};

/// 50 requests of 10 records, every 10th answered with a 503 and every 25th with a 429.
fn trial() -> Trial {
    let setting = Setting {
        faults: &["status=503@every10", "status=429@every25"],
        server: |_| {},
        load: "load.messages = 500\nload.batch_size = 10\nload.concurrency = 2\nthresholds.fail_on = [\"success < 100%\"]\n",
    };
    trial::run(&setting).expect("a report")
}

fn wrong(trial: &Trial) -> Vec<String> {
    let mut findings = Findings::default();
    laws::check(trial, &mut findings);
    findings.wrong().to_vec()
}

#[test]
fn a_true_report_has_no_wrong_figure_and_every_falsified_one_is_found() {
    type Lie = fn(&mut Trial);
    let lies: [(&str, Lie); 22] = [
        ("an ack too many", |t| {
            t.report.ledger.records.acked += 1;
            t.report.ledger.records.unknown -= 1;
        }),
        ("unknown ones called acked", |t| {
            let records = &mut t.report.ledger.records;
            records.acked += records.unknown;
            records.unknown = 0;
        }),
        ("unknown ones called rejected", |t| {
            let records = &mut t.report.ledger.records;
            records.rejected += records.unknown;
            records.unknown = 0;
        }),
        ("failed ones left out", |t| {
            t.report.ledger.records.rejected = 0;
        }),
        ("failed ones left out, and the sum made to fit", |t| {
            let records = &mut t.report.ledger.records;
            records.scheduled -= records.unknown;
            records.sent -= records.unknown;
            records.unknown = 0;
        }),
        ("a request twice", |t| {
            t.report.ledger.requests.complete += 1;
        }),
        ("requests called rejected", |t| {
            let requests = &mut t.report.ledger.requests;
            requests.rejected += requests.unknown;
            requests.unknown = 0;
        }),
        ("fewer requests than arrived", |t| {
            let requests = &mut t.report.ledger.requests;
            requests.sent -= 1;
            requests.scheduled -= 1;
            requests.complete -= 1;
        }),
        ("fewer scheduled", |t| {
            t.report.ledger.requests.scheduled -= 1;
        }),
        ("throughput", |t| t.report.summary.records_per_sec *= 1.01),
        ("success", |t| t.report.summary.success_ratio = 1.0),
        ("a second's acks", |t| {
            t.report.timeline[0].records_acked -= 1;
        }),
        ("a second's requests", |t| {
            t.report.timeline[0].requests += 1;
        }),
        ("a second's sent requests", |t| {
            t.report.timeline[0].requests_sent += 1;
        }),
        ("a failure left out", |t| {
            t.report.failures.pop();
        }),
        ("latency samples", |t| t.report.summary.latency_samples -= 5),
        ("lower bounds", |t| {
            t.report.summary.latency_bound_samples = 0;
        }),
        ("exit code", |t| t.report.verdict.exit_code = 0),
        ("void", |t| t.report.validity.void = true),
        ("a failed ledger check", |t| {
            t.report.validity.checks[0].passed = false;
        }),
        ("records stored that krush calls rejected", |t| {
            t.truth.counts.records_stored += 51;
        }),
        ("a server that cannot count", |t| {
            t.truth.counts.told_refused += 1;
        }),
    ];
    let honest = trial();
    assert_eq!(wrong(&honest), Vec::<String>::new());
    for (name, lie) in lies {
        let mut trial = honest.clone();
        lie(&mut trial);
        assert!(!wrong(&trial).is_empty(), "{name} was not found");
    }
}

#[test]
fn a_service_time_below_the_servers_own_is_found() {
    let setting = Setting {
        faults: &["delay=5ms"],
        server: |_| {},
        load: "load.messages = 200\nload.batch_size = 10\nload.concurrency = 2\n",
    };
    let mut trial = trial::run(&setting).expect("a report");
    assert_eq!(wrong(&trial), Vec::<String>::new());
    trial.report.summary.service_time_us.p95 = Some(4_000);
    assert_eq!(wrong(&trial).len(), 1);
}

#[test]
fn cases_have_names_of_their_own() {
    let names: Vec<&str> = catalogue().iter().map(|case| case.name).collect();
    for (index, name) in names.iter().enumerate() {
        assert!(!names[..index].contains(name), "{name}");
    }
}

#[test]
fn cases_that_the_page_names_are_as_it_says() {
    let page = include_str!("../../../docs/methodology.md");
    let catalogue = catalogue();
    let commands = page
        .lines()
        .filter_map(|line| line.strip_prefix("$ krush selftest '"));
    let names: Vec<&str> = commands
        .flat_map(|rest| rest.split('\'').step_by(2))
        .filter(|name| !name.is_empty())
        .collect();
    assert!(names.len() >= 5, "{names:?}");
    for name in names {
        let mut cases = catalogue
            .iter()
            .filter(|case| case.name.contains(name))
            .peekable();
        assert!(cases.peek().is_some(), "no case is called {name}");
        for case in cases {
            let line = format!("\n{}: {}\n", case.name, case.happened);
            assert!(page.contains(&line), "{line} is not shown");
        }
    }
    let unseeable = catalogue.iter().filter(|case| case.word == Word::Unseeable);
    for case in unseeable {
        assert!(page.contains(&format!("`{}`", case.name)), "{}", case.name);
    }
}
