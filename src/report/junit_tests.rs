//! What JUnit XML says of the fixed runs, and what a reader of JUnit XML gets out of it.

use quick_junit::{NonSuccessKind, TestCase, TestCaseStatus, TestSuite};

use super::{Report, junit, samples};
use crate::gate::{Outcome, fixture::threshold};
use crate::measure::{FailureKind, TargetKind};

/// The suite, as quick-junit reads what was written; the counts on the document are those of its cases.
fn parsed(report: &Report) -> TestSuite {
    let text = junit(report);
    let document = quick_junit::Report::deserialize_from_str(&text)
        .unwrap_or_else(|error| panic!("{error}: {text}"));
    assert_eq!(document.test_suites.len(), 1);
    let suite = document.test_suites[0].clone();
    let of = |kind: fn(&TestCase) -> bool| suite.test_cases.iter().filter(|c| kind(c)).count();
    let counts = (suite.tests, suite.failures, suite.errors, suite.skipped);
    let counted = (
        suite.test_cases.len(),
        of(|case| state(case) == "failure"),
        of(|case| state(case) == "error"),
        of(|case| state(case) == "skipped"),
    );
    assert_eq!(counts, counted);
    let all = (
        document.tests,
        document.failures,
        document.errors,
        document.skipped,
    );
    assert_eq!(counts, all);
    suite
}

fn state(case: &TestCase) -> &'static str {
    match &case.status {
        TestCaseStatus::Success { .. } => "passed",
        TestCaseStatus::NonSuccess { kind, .. } => match kind {
            NonSuccessKind::Failure => "failure",
            NonSuccessKind::Error => "error",
        },
        TestCaseStatus::Skipped { .. } => "skipped",
    }
}

fn find<'a>(suite: &'a TestSuite, name: &str) -> &'a TestCase {
    let mut found = suite.test_cases.iter().filter(|case| &*case.name == name);
    let case = found.next().unwrap_or_else(|| panic!("no case {name}"));
    assert!(found.next().is_none(), "{name} twice");
    case
}

/// Type, message and text of a case that is not green.
fn words(case: &TestCase) -> [String; 3] {
    let text = |text: &Option<quick_junit::XmlString>| {
        let text = text.as_ref().map(|text| text.as_str().to_owned());
        text.unwrap_or_default()
    };
    match &case.status {
        TestCaseStatus::Success { .. } => panic!("{} passed", case.name.as_str()),
        TestCaseStatus::NonSuccess {
            ty,
            message,
            description,
            ..
        }
        | TestCaseStatus::Skipped {
            ty,
            message,
            description,
        } => [text(ty), text(message), text(description)],
    }
}

fn property(suite: &TestSuite, name: &str) -> String {
    let found = suite.properties.iter().find(|p| &*p.name == name);
    found
        .unwrap_or_else(|| panic!("no property {name}"))
        .value
        .as_str()
        .to_owned()
}

fn states(suite: &TestSuite) -> Vec<(&str, &'static str)> {
    let cases = suite.test_cases.iter();
    cases
        .map(|case| (case.name.as_str(), state(case)))
        .collect()
}

#[test]
fn a_good_run_on_the_stand_in() {
    insta::assert_snapshot!(junit(&samples::report(&samples::good())), @r#"
    <?xml version="1.0" encoding="UTF-8"?>
    <testsuites name="krush" tests="6" skipped="0" failures="0" errors="0" timestamp="2026-11-21T10:15:02.000+00:00" time="2.050">
        <testsuite name="krush.extreme" tests="6" skipped="0" errors="0" failures="0" timestamp="2026-11-21T10:15:02.000+00:00" time="2.050">
            <properties>
                <property name="outcome" value="pass"/>
                <property name="exit_code" value="0"/>
                <property name="target_kind" value="stand-in"/>
                <property name="target_server" value="krush 0.1.0 stand-in, v2 + v3"/>
                <property name="target_urls" value="http://127.0.0.1:40123"/>
                <property name="target_note" value="stand-in inside this process: figures are about this machine, not a REST Proxy"/>
                <property name="topic" value="topic performance-test, 48 partitions, created for this run"/>
                <property name="load" value="100,000 records in 100 batches of 1,000, 500 connections, 279 B a record, closed loop"/>
                <property name="records_per_sec" value="50000.0"/>
                <property name="p50" value="150 ms"/>
                <property name="p95" value="195 ms"/>
                <property name="p99" value="199 ms"/>
                <property name="success" value="100 %"/>
                <property name="reference_records_per_sec" value="42284.0"/>
                <property name="reference_p95" value="2.16 s"/>
                <property name="reference_success" value="100 %"/>
                <property name="goal_records_per_sec" value="50000.0"/>
                <property name="records" value="scheduled 100,000 = sent 100,000 + unsent 0; sent = acked 100,000 + rejected 0 + unknown 0"/>
                <property name="requests" value="scheduled 100 = sent 100 + unsent 0; sent = complete 100 + partial 0 + rejected 0 + unknown 0"/>
                <property name="krush_version" value="0.1.0"/>
            </properties>
            <testcase name="verdict" classname="krush.extreme" time="2.050"/>
            <testcase name="ledger balances" classname="krush.extreme.validity" time="0.000"/>
            <testcase name="Little&apos;s law holds" classname="krush.extreme.validity" time="0.000"/>
            <testcase name="something was sent" classname="krush.extreme.validity" time="0.000"/>
            <testcase name="generator was not the bottleneck" classname="krush.extreme.validity" time="0.000"/>
            <testcase name="clock did not jump" classname="krush.extreme.validity" time="0.000"/>
            <system-out>target: stand-in inside this process: figures are about this machine, not a REST Proxy
    warning: the target is krush&apos;s built-in stand-in, in this process: figures are about this machine, not about a REST Proxy. Name a REST Proxy with --url.
    warning: 100 batches over 500 connections: a burst, not sustained load; 400 connections sent nothing. Try --duration 30s.
    warning: 100 requests: P99.9 is simply the slowest one (P99.9 needs 1,000 requests). Raise --messages or --duration, or lower --batch-size.</system-out>
        </testsuite>
    </testsuites>
    "#);
}

#[test]
fn a_run_with_failures_and_missed_thresholds() {
    insta::assert_snapshot!(junit(&samples::report(&samples::failing())), @r#"
    <?xml version="1.0" encoding="UTF-8"?>
    <testsuites name="krush" tests="11" skipped="0" failures="3" errors="0" timestamp="2026-11-21T10:15:02.000+00:00" time="2.050">
        <testsuite name="krush.extreme" tests="11" skipped="0" errors="0" failures="3" timestamp="2026-11-21T10:15:02.000+00:00" time="2.050">
            <properties>
                <property name="outcome" value="threshold"/>
                <property name="exit_code" value="10"/>
                <property name="target_kind" value="rest-proxy"/>
                <property name="target_server" value="REST Proxy, v2 + v3"/>
                <property name="target_urls" value="http://localhost:8082"/>
                <property name="topic" value="topic performance-test, 48 partitions"/>
                <property name="load" value="100,000 records in 100 batches of 1,000, 500 connections, 279 B a record, open loop at 40,000 rec/s"/>
                <property name="records_per_sec" value="37072.6"/>
                <property name="p50" value="150 ms"/>
                <property name="p95" value="≥ 10.0 s"/>
                <property name="p99" value="≥ 10.0 s"/>
                <property name="success" value="91.9 %"/>
                <property name="reference_records_per_sec" value="42284.0"/>
                <property name="reference_p95" value="2.16 s"/>
                <property name="reference_success" value="100 %"/>
                <property name="goal_records_per_sec" value="50000.0"/>
                <property name="records" value="scheduled 100,000 = sent 99,000 + unsent 1,000; sent = acked 91,940 + rejected 60 + unknown 7,000"/>
                <property name="requests" value="scheduled 100 = sent 99 + unsent 1; sent = complete 90 + partial 2 + rejected 0 + unknown 7"/>
                <property name="krush_version" value="0.1.0"/>
            </properties>
            <testcase name="verdict" classname="krush.extreme" time="2.050">
                <failure message="FAIL (exit 10)" type="threshold">p95 &gt; 15s: saw ≥ 10.0 s; it falls among requests without an answer, which count as infinitely slow
    success &lt; 99.9%: saw 91.9 %</failure>
            </testcase>
            <testcase name="p95 &gt; 15s" classname="krush.extreme.fails_if" time="0.000">
                <failure message="saw ≥ 10.0 s" type="threshold">the run fails if p95 &gt; 15s: saw ≥ 10.0 s
    it falls among requests without an answer, which count as infinitely slow</failure>
            </testcase>
            <testcase name="success &lt; 99.9%" classname="krush.extreme.fails_if" time="0.000">
                <failure message="saw 91.9 %" type="threshold">the run fails if success &lt; 99.9%: saw 91.9 %</failure>
            </testcase>
            <testcase name="ledger balances" classname="krush.extreme.validity" time="0.000"/>
            <testcase name="Little&apos;s law holds" classname="krush.extreme.validity" time="0.000"/>
            <testcase name="something was sent" classname="krush.extreme.validity" time="0.000"/>
            <testcase name="offered rate reached" classname="krush.extreme.validity" time="0.000"/>
            <testcase name="generator was not the bottleneck" classname="krush.extreme.validity" time="0.000"/>
            <testcase name="generator sent on time" classname="krush.extreme.validity" time="0.000"/>
            <testcase name="enough samples for P95" classname="krush.extreme.validity" time="0.000"/>
            <testcase name="clock did not jump" classname="krush.extreme.validity" time="0.000"/>
            <system-out>warning: 8,060 of 100,000 records were not acknowledged (60 rejected, 7,000 unknown, 1,000 never sent): success is 91.9 %.
    warning: 5,000 of 7,060 failed records have one cause (timeout): no answer within 10 s
    warning: 2 answers were empty, cut, not JSON or had rubbish behind: Confluent REST Proxy 8.0.0 to 8.0.2 and 8.1.0 answer good requests on kept-alive connections like that (fixed in 8.0.3, 8.1.1, 8.2.0). Unknown because of it: 2,000 records; on those versions the records of such answers are mostly stored. Update the proxy; if it is newer, look at what stands between.
    warning: 5 requests got no answer within 10s. A REST Proxy by default waits 60 s for metadata and 120 s for delivery before it answers with the reason; try --timeout 130s to see it.
    warning: 3 of 99 requests waited for a free connection (500 in all), up to 2.40 ms: the latency includes it. The connections would do for 99 of 100: for a while answers came late, or connections were lost.
    warning: 5s of warm-up and 2.05 s of measuring say little about a JVM: a cold proxy was seen 3× slower in its first 10–15 s; try --warmup 15s.
    warning: 100 requests: P99.9 is simply the slowest one (P99.9 needs 1,000 requests). Raise --messages or --duration, or lower --batch-size.
    warning: connections were opened again 7 times: the latency contains that. Possible causes: krush itself closes after a time-out or an answer that it cannot trust, a server or what stands before it may answer with Connection: close, and Confluent closes after 30 s without a request.
    failure: timeout: 5 requests, 5,000 records: no answer within 10 s
    failure: empty_answer: 2 requests, 2,000 records
    failure: record_rejected: 2 requests, 60 records: The message is 1200000 bytes when serialized which is larger than 1048576, which is the value of the max.request.size configuration.</system-out>
        </testsuite>
    </testsuites>
    "#);
}

#[test]
fn a_void_run() {
    insta::assert_snapshot!(junit(&samples::report(&samples::void())), @r#"
    <?xml version="1.0" encoding="UTF-8"?>
    <testsuites name="krush" tests="8" skipped="1" failures="0" errors="3" timestamp="2026-11-21T10:15:02.000+00:00" time="2.050">
        <testsuite name="krush.extreme" tests="8" skipped="1" errors="3" failures="0" timestamp="2026-11-21T10:15:02.000+00:00" time="2.050">
            <properties>
                <property name="outcome" value="void"/>
                <property name="exit_code" value="13"/>
                <property name="target_kind" value="rest-proxy"/>
                <property name="target_server" value="REST Proxy, v2 + v3"/>
                <property name="target_urls" value="http://localhost:8082"/>
                <property name="topic" value="topic performance-test, 48 partitions"/>
                <property name="load" value="100,000 records in 100 batches of 1,000, 500 connections, 279 B a record, closed loop"/>
                <property name="records_per_sec" value="50000.0"/>
                <property name="p50" value="150 ms"/>
                <property name="p95" value="195 ms"/>
                <property name="p99" value="199 ms"/>
                <property name="success" value="100 %"/>
                <property name="reference_records_per_sec" value="42284.0"/>
                <property name="reference_p95" value="2.16 s"/>
                <property name="reference_success" value="100 %"/>
                <property name="goal_records_per_sec" value="50000.0"/>
                <property name="records" value="scheduled 100,000 = sent 100,000 + unsent 0; sent = acked 100,000 + rejected 0 + unknown 0"/>
                <property name="requests" value="scheduled 100 = sent 100 + unsent 0; sent = complete 100 + partial 0 + rejected 0 + unknown 0"/>
                <property name="krush_version" value="0.1.0"/>
            </properties>
            <testcase name="verdict" classname="krush.extreme" time="2.050">
                <error message="VOID (exit 13)" type="void">Generator was not the bottleneck? No: saw busiest engine thread 97 % of a CPU, waiting for one 2 % of the time, wanted every engine thread below 95 % of a CPU. Raise --threads, use fewer connections, or run krush on another machine
    Enough samples for P99? No: saw 100 requests, wanted at least 200 requests, so that 2 lie beyond it. Raise --messages or --duration, or lower --batch-size</error>
            </testcase>
            <testcase name="p99 &gt; 2s" classname="krush.extreme.fails_if" time="0.000">
                <skipped message="not judged: the run is void; saw 199 ms"/>
            </testcase>
            <testcase name="ledger balances" classname="krush.extreme.validity" time="0.000"/>
            <testcase name="Little&apos;s law holds" classname="krush.extreme.validity" time="0.000"/>
            <testcase name="something was sent" classname="krush.extreme.validity" time="0.000"/>
            <testcase name="generator was not the bottleneck" classname="krush.extreme.validity" time="0.000">
                <error message="saw busiest engine thread 97 % of a CPU, waiting for one 2 % of the time, wanted every engine thread below 95 % of a CPU" type="void">saw: busiest engine thread 97 % of a CPU, waiting for one 2 % of the time
    wanted: every engine thread below 95 % of a CPU
    hint: raise --threads, use fewer connections, or run krush on another machine</error>
            </testcase>
            <testcase name="enough samples for P99" classname="krush.extreme.validity" time="0.000">
                <error message="saw 100 requests, wanted at least 200 requests, so that 2 lie beyond it" type="void">saw: 100 requests
    wanted: at least 200 requests, so that 2 lie beyond it
    hint: raise --messages or --duration, or lower --batch-size</error>
            </testcase>
            <testcase name="clock did not jump" classname="krush.extreme.validity" time="0.000"/>
            <system-out>warning: 100 batches over 500 connections: a burst, not sustained load; 400 connections sent nothing. Try --duration 30s.
    warning: no warm-up and 2.05 s of measuring say little about a JVM: a cold proxy was seen 3× slower in its first 10–15 s; try --warmup 15s.
    warning: 100 requests: P99.9 is simply the slowest one (P99.9 needs 1,000 requests). Raise --messages or --duration, or lower --batch-size.</system-out>
        </testsuite>
    </testsuites>
    "#);
}

#[test]
fn a_run_whose_target_was_gone() {
    insta::assert_snapshot!(junit(&samples::report(&samples::gone())), @r#"
    <?xml version="1.0" encoding="UTF-8"?>
    <testsuites name="krush" tests="6" skipped="0" failures="0" errors="2" timestamp="2026-11-21T10:15:02.000+00:00" time="2.050">
        <testsuite name="krush.extreme" tests="6" skipped="0" errors="2" failures="0" timestamp="2026-11-21T10:15:02.000+00:00" time="2.050">
            <properties>
                <property name="outcome" value="target"/>
                <property name="exit_code" value="15"/>
                <property name="target_kind" value="rest-proxy"/>
                <property name="target_server" value="REST Proxy, v2 + v3"/>
                <property name="target_urls" value="http://localhost:8082"/>
                <property name="topic" value="topic performance-test, partitions unknown"/>
                <property name="load" value="30s of batches of 1,000, 1 connection, 87,463 B a record, random keys, closed loop"/>
                <property name="records_per_sec" value="0.0"/>
                <property name="p50" value="-"/>
                <property name="p95" value="-"/>
                <property name="p99" value="-"/>
                <property name="success" value="0 %"/>
                <property name="records" value="scheduled 0 = sent 0 + unsent 0; sent = acked 0 + rejected 0 + unknown 0"/>
                <property name="requests" value="scheduled 0 = sent 0 + unsent 0; sent = complete 0 + partial 0 + rejected 0 + unknown 0"/>
                <property name="krush_version" value="0.1.0"/>
            </properties>
            <testcase name="verdict" classname="krush.extreme" time="2.050">
                <error message="FAIL (target) (exit 15)" type="target">the target answered nothing any more when the load ended</error>
            </testcase>
            <testcase name="ledger balances" classname="krush.extreme.validity" time="0.000"/>
            <testcase name="Little&apos;s law holds" classname="krush.extreme.validity" time="0.000"/>
            <testcase name="something was sent" classname="krush.extreme.validity" time="0.000">
                <error message="saw 0 requests, wanted at least 1 request" type="void">saw: 0 requests
    wanted: at least 1 request
    hint: raise --duration, or check that the target takes connections</error>
            </testcase>
            <testcase name="generator was not the bottleneck" classname="krush.extreme.validity" time="0.000"/>
            <testcase name="clock did not jump" classname="krush.extreme.validity" time="0.000"/>
            <system-out>warning: 12 attempts to connect failed: look at the target&apos;s log and at its limit of connections, or try fewer with --concurrency.
    failure: connect: 12 requests, 0 records: connect to 127.0.0.1:8082: connection refused (12 attempts)</system-out>
        </testsuite>
    </testsuites>
    "#);
}

#[test]
fn an_interrupted_run() {
    insta::assert_snapshot!(junit(&samples::report(&samples::interrupted())), @r#"
    <?xml version="1.0" encoding="UTF-8"?>
    <testsuites name="krush" tests="6" skipped="0" failures="0" errors="1" timestamp="2026-11-21T10:15:02.000+00:00" time="2.050">
        <testsuite name="krush.extreme" tests="6" skipped="0" errors="1" failures="0" timestamp="2026-11-21T10:15:02.000+00:00" time="2.050">
            <properties>
                <property name="outcome" value="interrupted"/>
                <property name="exit_code" value="130"/>
                <property name="target_kind" value="rest-proxy"/>
                <property name="target_server" value="REST Proxy, v2 + v3"/>
                <property name="target_urls" value="http://localhost:8082"/>
                <property name="topic" value="topic performance-test, 48 partitions"/>
                <property name="load" value="100,000 records in 100 batches of 1,000, 500 connections, 279 B a record, closed loop"/>
                <property name="records_per_sec" value="30000.0"/>
                <property name="p50" value="150 ms"/>
                <property name="p95" value="≥ 2.00 s"/>
                <property name="p99" value="≥ 2.00 s"/>
                <property name="success" value="60 %"/>
                <property name="reference_records_per_sec" value="42284.0"/>
                <property name="reference_p95" value="2.16 s"/>
                <property name="reference_success" value="100 %"/>
                <property name="goal_records_per_sec" value="50000.0"/>
                <property name="records" value="scheduled 100,000 = sent 60,000 + unsent 40,000; sent = acked 60,000 + rejected 0 + unknown 0"/>
                <property name="requests" value="scheduled 100 = sent 60 + unsent 40; sent = complete 60 + partial 0 + rejected 0 + unknown 0"/>
                <property name="krush_version" value="0.1.0"/>
            </properties>
            <testcase name="verdict" classname="krush.extreme" time="2.050">
                <error message="INTERRUPTED (exit 130)" type="interrupted">interrupted (Ctrl-C or SIGTERM) after 2.05 s; requests in flight were waited for; the figures are those of the part that ran</error>
            </testcase>
            <testcase name="ledger balances" classname="krush.extreme.validity" time="0.000"/>
            <testcase name="Little&apos;s law holds" classname="krush.extreme.validity" time="0.000"/>
            <testcase name="something was sent" classname="krush.extreme.validity" time="0.000"/>
            <testcase name="generator was not the bottleneck" classname="krush.extreme.validity" time="0.000"/>
            <testcase name="clock did not jump" classname="krush.extreme.validity" time="0.000"/>
            <system-out>warning: 40,000 of 100,000 records were not acknowledged (0 rejected, 0 unknown, 40,000 never sent): success is 60 %.
    warning: no warm-up and 2.05 s of measuring say little about a JVM: a cold proxy was seen 3× slower in its first 10–15 s; try --warmup 15s.
    warning: 100 requests: P99.9 is simply the slowest one (P99.9 needs 1,000 requests).</system-out>
        </testsuite>
    </testsuites>
    "#);
}

#[test]
fn what_a_reader_gets_is_what_the_report_says() {
    let report = samples::report(&samples::failing());
    let suite = parsed(&report);
    assert_eq!(&*suite.name, "krush.extreme");
    let elapsed = std::time::Duration::from_secs_f64(report.elapsed_secs);
    assert_eq!(suite.time, Some(elapsed));
    assert_eq!(suite.timestamp, report.started_at.parse().ok());
    assert!(suite.timestamp.is_some());
    assert_eq!(property(&suite, "records_per_sec"), "37072.6");
    assert_eq!(property(&suite, "p50"), "150 ms");
    assert_eq!(property(&suite, "p95"), "≥ 10.0 s");
    assert_eq!(property(&suite, "p99"), "≥ 10.0 s");
    assert_eq!(property(&suite, "success"), "91.9 %");
    assert_eq!(property(&suite, "target_kind"), "rest-proxy");
    assert_eq!(property(&suite, "exit_code"), "10");
    let ledger = "scheduled 100,000 = sent 99,000 + unsent 1,000; sent = acked 91,940 + rejected 60 + unknown 7,000";
    assert_eq!(property(&suite, "records"), ledger);
    let missed = find(&suite, "p95 > 15s");
    assert_eq!(state(missed), "failure");
    let [kind, message, text] = words(missed);
    assert_eq!([&*kind, &*message], ["threshold", "saw ≥ 10.0 s"]);
    assert!(
        text.contains("it falls among requests without an answer"),
        "{text}"
    );
    let verdict = find(&suite, "verdict");
    assert_eq!(state(verdict), "failure");
    let [kind, message, text] = words(verdict);
    assert_eq!([&*kind, &*message], ["threshold", "FAIL (exit 10)"]);
    assert_eq!(text.lines().count(), report.verdict.reasons.len());
    let said = suite.system_out.as_ref().unwrap().as_str();
    for warning in &report.warnings {
        assert!(said.contains(warning), "{warning} is not in {said}");
    }
}

#[test]
fn a_threshold_that_was_met_passes_only_in_a_run_that_was_judged() {
    let mut met = samples::good();
    met.plan.thresholds = vec![threshold("p50 > 2s", 50.0, 2e6)];
    let suite = parsed(&samples::report(&met));
    let case = find(&suite, "p50 > 2s");
    assert_eq!(state(case), "passed");
    insta::assert_snapshot!(case.system_out.as_ref().unwrap().as_str(), @"
    the run fails if p50 > 2s: saw 150 ms
    95 % bound: ≤ 1.25 s
    margin: +37.7 % of the limit
    ");
    assert!(states(&suite).iter().all(|(_, state)| *state == "passed"));
    let with_threshold = |mut fixture: crate::gate::fixture::Fixture| {
        fixture.plan.thresholds = vec![threshold("p50 > 2s", 50.0, 2e6)];
        samples::report(&fixture)
    };
    for (report, why) in [
        (with_threshold(samples::void()), "the run is void"),
        (with_threshold(samples::gone()), "the target was gone"),
        (
            with_threshold(samples::interrupted()),
            "the run was interrupted",
        ),
    ] {
        let suite = parsed(&report);
        let threshold = find(&suite, "p50 > 2s");
        assert_eq!(state(threshold), "skipped", "{why}");
        let saw = &report.thresholds[0].saw;
        let [_, message, _] = words(threshold);
        assert_eq!(message, format!("not judged: {why}; saw {saw}"));
        assert_eq!(state(find(&suite, "verdict")), "error", "{why}");
    }
}

#[test]
fn what_a_pass_leaves_open_is_said_with_it() {
    let mut report = samples::report(&samples::good());
    report.verdict.headline = "PASS (no threshold on success)".to_owned();
    report.verdict.reasons = vec!["60 records failed".to_owned()];
    let suite = parsed(&report);
    let verdict = find(&suite, "verdict");
    assert_eq!(state(verdict), "passed");
    let said = verdict.system_out.as_ref().unwrap().as_str();
    assert_eq!(said, "PASS (no threshold on success)\n60 records failed");
}

#[test]
fn no_exit_code_but_0_is_green() {
    for outcome in [
        Outcome::Pass,
        Outcome::Threshold,
        Outcome::Regression,
        Outcome::Inconclusive,
        Outcome::Void,
        Outcome::Integrity,
        Outcome::Target,
        Outcome::Interrupted,
    ] {
        let mut report = samples::report(&samples::good());
        report.verdict.outcome = outcome;
        report.verdict.exit_code = outcome.exit_code();
        let suite = parsed(&report);
        let verdict = find(&suite, "verdict");
        assert_eq!(state(verdict) == "passed", outcome == Outcome::Pass);
        let written = serde_json::to_value(outcome).unwrap();
        assert_eq!(written.as_str(), Some(outcome.name()));
        assert_eq!(property(&suite, "outcome"), outcome.name());
    }
}

#[test]
fn a_failed_check_says_what_was_seen_wanted_and_what_to_try() {
    let report = samples::report(&samples::void());
    let suite = parsed(&report);
    let failed = report.validity.checks.iter().filter(|check| !check.passed);
    let mut seen = 0;
    for check in failed {
        let case = find(&suite, &check.name);
        assert_eq!(state(case), "error");
        let [kind, message, text] = words(case);
        assert_eq!(kind, "void");
        assert_eq!(
            message,
            format!("saw {}, wanted {}", check.saw, check.wanted)
        );
        assert!(text.ends_with(&format!("\nhint: {}", check.hint)), "{text}");
        seen += 1;
    }
    assert_eq!(seen, 2);
    assert_eq!(suite.errors, 3, "the checks and the verdict");
}

#[test]
fn every_kind_of_target_is_named() {
    for kind in [
        TargetKind::RestProxy,
        TargetKind::StandIn,
        TargetKind::StandInKafka,
    ] {
        let mut report = samples::report(&samples::good());
        report.target.kind = kind;
        let suite = parsed(&report);
        let written = serde_json::to_value(kind).unwrap();
        assert_eq!(written.as_str(), Some(&*property(&suite, "target_kind")));
        let noted = suite.properties.iter().any(|p| &*p.name == "target_note");
        assert_eq!(noted, kind != TargetKind::RestProxy);
        let said = suite.system_out.unwrap().into_string();
        let first = said.lines().next().unwrap();
        assert_eq!(
            first.contains("not a REST Proxy"),
            kind != TargetKind::RestProxy,
            "{first}"
        );
    }
}

#[test]
fn texts_of_others_make_no_other_xml() {
    let rude = "<b>&amp;\u{1b}[31mred\u{7}\u{0}\r\n]]>\"'\u{fffe}\u{ffff}\u{85}end";
    let plain = "<b>&amp; [31mred ]]>\"'\u{fffd}\u{fffd} end";
    let mut fixture = samples::failing();
    fixture.fail(FailureKind::Reset, None, None, 1, 9_999, rude);
    let mut report = samples::report(&fixture);
    report.plan.scenario = rude.to_owned();
    report.target.server = rude.to_owned();
    report.thresholds[0].expression = rude.to_owned();
    report.verdict.reasons = vec![rude.to_owned()];
    report.warnings = vec![rude.to_owned()];
    let text = junit(&report);
    let legal =
        |c: char| matches!(c, '\n' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
    assert!(text.chars().all(legal), "{text}");
    let suite = parsed(&report);
    assert_eq!(suite.name.as_str(), format!("krush.{plain}"));
    assert_eq!(state(find(&suite, plain)), "failure");
    assert_eq!(words(find(&suite, "verdict"))[2], plain);
    assert_eq!(
        property(&suite, "target_server"),
        format!("{plain}, v2 + v3")
    );
    let said = suite.system_out.unwrap().into_string();
    assert!(said.contains(&format!("warning: {plain}\n")), "{said}");
    let failure = format!("failure: reset: 1 request, 9,999 records: {plain}");
    assert!(said.contains(&failure), "{said}");
}
