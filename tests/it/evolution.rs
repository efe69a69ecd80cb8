//! docs/evolution.md shows the figures of the reports in results/reference/evolution, and no others.
//! `KRUSH_UPDATE_PAGES=1 cargo test --test it evolution` writes its table anew.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

const BEGIN: &str = "<!-- made from results/reference/evolution by tests/it/evolution.rs -->\n";
const END: &str = "<!-- end -->\n";

fn path(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// The reports of each step, by its name.
fn steps() -> BTreeMap<String, Vec<Value>> {
    let mut steps: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for entry in std::fs::read_dir(path("results/reference/evolution")).unwrap() {
        let file = entry.unwrap().path();
        let name = file.file_stem().unwrap().to_string_lossy().into_owned();
        let (step, _) = name.split_once("-round-").expect("STEP-round-N.json");
        let report = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
        steps.entry(step.to_owned()).or_default().push(report);
    }
    steps
}

fn number(report: &Value, pointer: &str) -> f64 {
    let found = report.pointer(pointer).and_then(Value::as_f64);
    found.unwrap_or_else(|| panic!("no {pointer} in {report}"))
}

/// Lowest, middle and highest of a figure of a step's reports.
fn spread(reports: &[Value], pointer: &str) -> (f64, f64, f64) {
    let mut all: Vec<f64> = reports
        .iter()
        .map(|report| number(report, pointer))
        .collect();
    all.sort_by(f64::total_cmp);
    (all[0], all[all.len() / 2], all[all.len() - 1])
}

/// `12345.6` as `12,346`.
fn grouped(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

fn time(us: f64) -> String {
    match us {
        us if us < 10_000.0 => format!("{:.1} ms", us / 1e3),
        us if us < 1_000_000.0 => format!("{:.0} ms", us / 1e3),
        us => format!("{:.2} s", us / 1e6),
    }
}

fn ratio(value: f64) -> String {
    if value < 10.0 {
        format!("{value:.1}")
    } else {
        grouped(value)
    }
}

/// A step's row: its name, the shape of its load, and the figures of its reports beside those of the first step.
fn row(name: &str, reports: &[Value], first: f64) -> String {
    let report = &reports[0];
    let (low, rate, high) = spread(reports, "/summary/records_per_sec");
    let latency = |which| time(spread(reports, &format!("/summary/latency_us/{which}")).1);
    let (step, words) = name.split_once('-').unwrap();
    format!(
        "| {} {} | {} | {} | {} | {} ({} to {}) | {} | {} | {} |\n",
        step.trim_start_matches('0'),
        words.replace('-', " "),
        grouped(number(report, "/plan/load/batch_size")),
        number(report, "/plan/load/concurrency"),
        number(report, "/target/partitions"),
        grouped(rate),
        grouped(low),
        grouped(high),
        ratio(rate / first),
        latency("p50"),
        latency("p95"),
    )
}

fn table() -> String {
    let steps = steps();
    let of_first = &steps["01-one-record"];
    let first = spread(of_first, "/summary/records_per_sec").1;
    let head = "| step | records a request | connections | partitions | records/s, middle (lowest to highest) | × step 1 | P50 | P95 |\n\
                | --- | --- | --- | --- | --- | --- | --- | --- |\n";
    let rows: String = steps
        .iter()
        .map(|(name, reports)| row(name, reports, first))
        .collect();
    let report = &of_first[0];
    let machine = &report["machine"];
    let foot = format!(
        "\n{} rounds of {} s a step after {} s of warm-up; {}, {} CPUs ({}), {} {}.\n",
        of_first.len(),
        number(report, "/plan/load/duration_secs"),
        number(report, "/plan/load/warmup_secs"),
        report["target"]["server"].as_str().unwrap(),
        machine["cpus"],
        machine["cpu_model"].as_str().unwrap_or("model not known"),
        machine["os"].as_str().unwrap(),
        machine["kernel"].as_str().unwrap_or_default(),
    );
    format!("{head}{rows}{foot}")
}

#[test]
fn the_page_shows_the_reports_that_are_kept() {
    let file = path("docs/evolution.md");
    let page = std::fs::read_to_string(&file).unwrap();
    let (before, rest) = page.split_once(BEGIN).expect("the table's beginning");
    let (shown, after) = rest.split_once(END).expect("the table's end");
    let made = table();
    if std::env::var_os("KRUSH_UPDATE_PAGES").is_some() {
        std::fs::write(&file, format!("{before}{BEGIN}{made}{END}{after}")).unwrap();
        return;
    }
    assert_eq!(shown, made, "KRUSH_UPDATE_PAGES=1 writes it anew");
}

/// A figure from a run that is void, or that lost something, is none.
#[test]
fn the_reports_are_of_good_runs_on_a_real_kafka() {
    let steps = steps();
    assert_eq!(steps.len(), 15);
    for (step, reports) in &steps {
        assert_eq!(reports.len(), 3, "{step}");
        for report in reports {
            assert_eq!(report["verdict"]["outcome"], "pass", "{step}");
            assert_eq!(report["target"]["kind"], "stand-in-kafka", "{step}");
            assert_eq!(report["tool"]["debug_build"], false, "{step}");
            let records = &report["ledger"]["records"];
            assert_eq!(records["scheduled"], records["acked"], "{step}");
        }
    }
}
