//! What every format and the report's shape promise, whatever the run.

use base64::Engine as _;
use hdrhistogram::serialization::Deserializer;
use serde_json::Value;

use super::samples::{failing, good, interrupted, report, several, void};
use super::{Distribution, Report, Style, json, junit, markdown, table};
use crate::gate::Outcome;
use crate::measure::TargetKind;
use crate::plan::Auth;

/// Every figure as large as its type allows.
fn huge() -> Report {
    let mut report = report(&failing());
    let most = u64::MAX;
    report.ledger.records.scheduled = most;
    report.ledger.records.sent = most;
    report.ledger.records.acked = most;
    report.ledger.records.unknown = most;
    report.ledger.requests.complete = most;
    report.ledger.requests.partial = most;
    report.ledger.requests.unknown = most;
    report.summary.records_per_sec = 1e18;
    report.summary.payload_bytes_per_sec = 1e18;
    report.summary.wire_bytes_per_sec = 1e18;
    report.summary.latency_us = Distribution {
        p50: Some(3_599_000_000),
        p90: Some(3_600_000_000),
        p95: Some(3_600_000_000),
        p99: Some(3_600_000_000),
        p99_9: Some(3_600_000_000),
        max: Some(3_600_000_000),
        mean: None,
    };
    report.summary.lower_bounds = ["p50", "p90", "p95", "p99", "p99_9", "max"]
        .map(str::to_owned)
        .to_vec();
    for row in &mut report.failures {
        row.requests = most;
        row.records = most;
        row.error_code = Some(i64::MIN);
    }
    report.target.urls = vec![format!("http://{}.example:8082", "long".repeat(40)); 3];
    report.target.topic = "t".repeat(249);
    report.thresholds[0].expression = "p95 > 1s and more ".repeat(10);
    report.target.per_target = vec![report.target.per_target[0].clone(); 2];
    for row in &mut report.target.per_target {
        row.url = "http://long.example:8082/".repeat(9);
        row.ledger.records.acked = most;
    }
    report
}

#[test]
fn no_line_of_the_table_is_longer_than_80_columns() {
    let mut reports = vec![huge()];
    reports.extend([good(), failing(), void(), interrupted(), several()].map(|f| report(&f)));
    for report in reports {
        let text = table::render(&report, &[], Style::plain());
        for line in text.lines() {
            assert!(line.chars().count() <= 80, "{line}");
        }
    }
}

#[test]
fn minutes_in_every_percentile_stay_in_their_columns() {
    let mut report = huge();
    let minutes = Some(599_000_000);
    report.summary.latency_us = Distribution {
        p50: minutes,
        p90: minutes,
        p95: minutes,
        p99: minutes,
        p99_9: minutes,
        max: minutes,
        mean: None,
    };
    let text = table::render(&report, &[], Style::plain());
    let batch: Vec<&str> = text
        .lines()
        .filter(|l| l.starts_with("corrected "))
        .collect();
    assert_eq!(batch.len(), 1);
    assert_eq!(batch[0].matches('≥').count(), 6, "{}", batch[0]);
}

#[test]
fn colour_adds_nothing_but_colour() {
    for fixture in [good(), failing(), void(), interrupted()] {
        let report = report(&fixture);
        let colored = table::render(&report, &[], Style::new(true));
        let plain = table::render(&report, &[], Style::plain());
        assert_ne!(colored, plain);
        let mut stripped = colored;
        for code in ["1;32", "1;31", "33", "1", "0"] {
            stripped = stripped.replace(&format!("\u{1b}[{code}m"), "");
        }
        assert_eq!(stripped, plain);
    }
}

#[test]
fn every_format_says_when_the_target_is_no_rest_proxy() {
    for kind in [TargetKind::StandIn, TargetKind::StandInKafka] {
        let mut fixture = good();
        fixture.facts.kind = kind;
        let report = report(&fixture);
        for text in [
            table::header(&fixture.plan, &fixture.facts),
            table::body(&report, &[], Style::plain()),
            table::verdict_lines(&report, &[], Style::plain()),
            markdown(&report),
            json(&report),
            junit(&report),
        ] {
            let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(flat.contains("REST Proxy"), "{kind:?}: {text}");
            assert!(flat.contains("about this machine"), "{kind:?}: {text}");
        }
    }
    let proxy = report(&void());
    for text in [markdown(&proxy), junit(&proxy)] {
        assert!(!text.contains("about this machine"));
    }
}

#[test]
fn the_header_is_the_start_of_the_table() {
    let fixture = several();
    let text = table::render(&report(&fixture), &[], Style::plain());
    assert!(text.starts_with(&table::header(&fixture.plan, &fixture.facts)));
}

#[test]
fn no_credential_is_in_any_format() {
    let mut fixture = several();
    fixture.plan.target.auth = Some(Auth::Bearer("s3cret-bearer".to_owned()));
    let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    fixture.plan.target.headers = vec![
        header("X-Api-Key", "s3cret-key"),
        header("Cookie", "s3cret-cookie"),
        header("Proxy-Authorization", "s3cret-basic"),
        header("X-Team", "platform"),
    ];
    fixture.facts.urls[1] =
        "https://me:s3cret-url@proxy.example/base?token=s3cret-query".to_owned();
    let report = report(&fixture);
    let texts = [
        json(&report),
        markdown(&report),
        junit(&report),
        table::render(&report, &[], Style::plain()),
        table::header(&fixture.plan, &fixture.facts),
    ];
    for text in &texts {
        assert!(
            !text.contains("s3cret") && !text.contains("user:pw"),
            "{text}"
        );
    }
    assert!(texts[0].contains("\"X-Team\": \"platform\""));
    assert!(texts[0].contains("\"https://proxy.example/base\""));
}

#[test]
fn a_report_read_back_is_the_same() {
    for fixture in [good(), failing(), void(), interrupted(), several()] {
        let report = report(&fixture);
        let back: Report = serde_json::from_str(&json(&report)).unwrap();
        let values = [&report, &back].map(|report| serde_json::to_value(report).unwrap());
        assert_same("", &values[0], &values[1]);
    }
}

/// Equal, but for the last bit of a float: that is what reading decimals back costs.
fn assert_same(path: &str, one: &Value, two: &Value) {
    match (one, two) {
        (Value::Object(a), Value::Object(b)) => {
            assert!(a.keys().eq(b.keys()), "{path}");
            for (key, value) in a {
                assert_same(&format!("{path}/{key}"), value, &b[key]);
            }
        }
        (Value::Array(a), Value::Array(b)) => {
            assert_eq!(a.len(), b.len(), "{path}");
            for (a, b) in a.iter().zip(b) {
                assert_same(path, a, b);
            }
        }
        (Value::Number(a), Value::Number(b)) if a.is_f64() => {
            let (a, b) = (a.as_f64().unwrap(), b.as_f64().unwrap());
            assert!((a - b).abs() <= a.abs() * 1e-15, "{path}: {a} {b}");
        }
        _ => assert_eq!(one, two, "{path}"),
    }
}

#[test]
fn histograms_read_back_give_the_figures_of_the_summary() {
    let report = report(&failing());
    let decode = |text: &str| -> hdrhistogram::Histogram<u64> {
        let bytes = base64::engine::general_purpose::STANDARD
            .decode(text)
            .unwrap();
        Deserializer::new()
            .deserialize(&mut bytes.as_slice())
            .unwrap()
    };
    let latency = decode(&report.histograms.latency);
    assert_eq!(latency.len(), report.summary.latency_samples);
    assert_eq!(Distribution::of(&latency), report.summary.latency_us);
    let bounds = decode(&report.histograms.latency_bounds);
    assert_eq!(bounds.len(), 8);
    let service = decode(&report.histograms.service_time);
    assert_eq!(Distribution::of(&service), report.summary.service_time_us);
    // The bounds of a decoded histogram are those of a recorder, so that workers can be merged.
    assert_eq!(
        (latency.low(), latency.high(), latency.sigfig()),
        (1, 3_600_000_000, 3)
    );
}

/// design.md §6: a promise to users' scripts.
const PROMISED: &str = "
    schema_version started_at machine plan target.kind target.urls target.server target.per_target
    tool.name tool.version tool.commit
    ledger.requests.scheduled ledger.requests.sent ledger.requests.unsent ledger.requests.complete
    ledger.requests.partial ledger.requests.rejected ledger.requests.unknown
    ledger.records.scheduled ledger.records.sent ledger.records.unsent ledger.records.acked
    ledger.records.rejected ledger.records.unknown
    summary.duration_secs summary.records_per_sec summary.requests_per_sec
    summary.payload_bytes_per_sec summary.wire_bytes_per_sec summary.success_ratio
    summary.latency_us.p50 summary.latency_us.p90 summary.latency_us.p95 summary.latency_us.p99
    summary.latency_us.p99_9 summary.latency_us.max summary.latency_us.mean
    summary.service_time_us.p50 summary.service_time_us.max summary.service_time_us.mean
    summary.send_delay_us.p50 summary.send_delay_us.max summary.send_delay_us.mean
    summary.lower_bounds
    timeline.0.second timeline.0.records_acked timeline.0.requests timeline.0.latency_us.p50
    timeline.0.latency_us.p95 timeline.0.latency_us.max timeline.0.failures
    failures.0.kind failures.0.http_status failures.0.error_code failures.0.requests
    failures.0.records failures.0.sample
    histograms.latency histograms.service_time histograms.send_delay
    timeline.0.records_due timeline.0.records_sent summary.uncorrected_samples
    validity.void validity.checks.0.name validity.checks.0.passed validity.checks.0.saw
    validity.checks.0.wanted validity.checks.0.hint
    warnings thresholds.0.expression thresholds.0.saw thresholds.0.passed
    verdict.outcome verdict.exit_code verdict.reasons";

#[test]
fn every_promised_key_is_there() {
    let mut fixture = failing();
    fixture.measured.timeline = good().measured.timeline;
    let value = serde_json::to_value(report(&fixture)).unwrap();
    for key in PROMISED.split_whitespace() {
        let pointer = format!("/{}", key.replace('.', "/"));
        let found = value.pointer(&pointer);
        let may_be_null = key == "tool.commit" || key.starts_with("failures.0.");
        assert!(
            found.is_some_and(|found| may_be_null || !found.is_null()),
            "{key}: {found:?}"
        );
    }
}

#[test]
fn outcomes_are_spelled_as_promised() {
    let spelled = [
        (Outcome::Pass, "pass", 0),
        (Outcome::Threshold, "threshold", 10),
        (Outcome::Regression, "regression", 11),
        (Outcome::Inconclusive, "inconclusive", 12),
        (Outcome::Void, "void", 13),
        (Outcome::Integrity, "integrity", 14),
        (Outcome::Target, "target", 15),
        (Outcome::Interrupted, "interrupted", 130),
    ];
    for (outcome, text, code) in spelled {
        assert_eq!(serde_json::to_value(outcome).unwrap(), text);
        assert_eq!(outcome.exit_code(), code);
    }
}

/// `KRUSH_UPDATE_SCHEMA=1 cargo test --lib schema` writes it anew.
#[test]
fn the_schema_in_docs_is_that_of_the_types() {
    assert_schema::<Report>("report.schema.json");
}

/// Compares a schema in `docs/` with a type, or writes it if that was asked for.
pub(super) fn assert_schema<T: schemars::JsonSchema>(name: &str) {
    let path = format!("{}/docs/{name}", env!("CARGO_MANIFEST_DIR"));
    let schema = schemars::schema_for!(T);
    let text = serde_json::to_string_pretty(&schema).unwrap() + "\n";
    if std::env::var_os("KRUSH_UPDATE_SCHEMA").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let stored = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        stored == text,
        "docs/{name} is not what the types say: run \
         KRUSH_UPDATE_SCHEMA=1 cargo test --lib schema, and look at the difference"
    );
}
