//! The pages as text: what is in them, what never is, and how large they get.

use super::super::parts_for_tests::{compared_with_baseline, with_consumers};
use super::super::samples::{self, failing, gone, good, interrupted, several, void};
use super::*;
use crate::gate::{BaselineRow, Compared, Outcome};
use crate::history::{Entry, trends};
use crate::report::{SecondLatency, SecondRow};

/// What a page may weigh.
const MOST_BYTES: usize = 300_000;
const HOSTILE: &str = "<script>alert(1)</script>\"'&<img src=x onerror=alert(2)>";

fn page(report: &Report) -> String {
    html(&[report])
}

/// Texts in the order of the page, a row of a table a line, without tags, styles and what only shows on hover.
fn text(page: &str) -> String {
    let body = page.split("</style>").nth(1).expect("a page has a style");
    let (mut lines, mut row): (Vec<String>, Option<Vec<&str>>) = (Vec::new(), None);
    for part in body.split('<').skip(1) {
        let (tag, text) = part.split_once('>').expect("a tag ends");
        match tag.split(' ').next() {
            Some("tr") => row = Some(Vec::new()),
            Some("/tr") => lines.extend(row.take().map(|cells| cells.join(" | "))),
            _ => {}
        }
        let text = text.trim();
        if text.is_empty() || tag.starts_with("title") || tag.starts_with("desc") {
            continue;
        }
        match &mut row {
            Some(cells) => cells.push(text),
            None => lines.push(text.to_owned()),
        }
    }
    lines.join("\n")
}

/// Seconds of a run that has its ups and downs.
fn stretched(mut report: Report, seconds: u64) -> Report {
    report.elapsed_secs = seconds as f64;
    report.timeline = (0..seconds)
        .map(|second| {
            let wave = second * 7_919 % 1_013;
            SecondRow {
                second,
                records_due: 123_456 + wave,
                records_sent: 123_400 + wave,
                records_acked: 123_000 + wave * 10,
                requests_due: 1_234,
                requests_sent: 1_234,
                requests: 1_200 + wave,
                failures: wave % 3,
                latency_us: SecondLatency {
                    p50: Some(123_456 + wave * 100),
                    p95: Some(1_234_567 + wave * 1_000),
                    max: Some(12_345_678 + wave * 10_000),
                    lower_bounds: if wave % 2 == 0 {
                        vec!["max".to_owned()]
                    } else {
                        Vec::new()
                    },
                    buckets: String::new(),
                    bound_buckets: String::new(),
                },
            }
        })
        .collect();
    report
}

/// A comparison with a baseline of which the name is hostile.
fn compared() -> Compared {
    let compared = compared_with_baseline();
    Compared {
        baseline: BaselineRow {
            source: HOSTILE.to_owned(),
            ..compared.baseline
        },
        ..compared
    }
}

/// Every text that is not krush's own says something bad.
fn hostile() -> Report {
    let mut report = samples::report(&failing());
    report.plan.scenario = HOSTILE.to_owned();
    report
        .plan
        .headers
        .insert(HOSTILE.to_owned(), HOSTILE.to_owned());
    report.plan.topic.name = HOSTILE.to_owned();
    report.target.topic = HOSTILE.to_owned();
    report.target.server = HOSTILE.to_owned();
    report.target.urls = vec![HOSTILE.to_owned()];
    report.target.faults = vec![HOSTILE.to_owned()];
    report.machine.cpu_model = Some(HOSTILE.to_owned());
    report.started_at = HOSTILE.to_owned();
    report.warnings.push(HOSTILE.to_owned());
    report.verdict.reasons.push(HOSTILE.to_owned());
    for failure in &mut report.failures {
        failure.sample = HOSTILE.to_owned();
    }
    for threshold in &mut report.thresholds {
        threshold.expression = HOSTILE.to_owned();
    }
    report.comparison = Some(compared());
    report
}

fn entries(rates: &[f64]) -> Vec<Entry> {
    let one = Entry {
        outcome: Outcome::Pass,
        ..Entry::of(&hostile(), Some(HOSTILE.as_ref()))
    };
    let entry = |(index, rate): (usize, &f64)| Entry {
        started_at: format!("2026-11-{:02}T10:15:02.000Z", index % 28 + 1),
        records_per_sec: *rate,
        ..one.clone()
    };
    rates.iter().enumerate().map(entry).collect()
}

#[test]
fn no_text_of_others_becomes_markup() {
    let report = hostile();
    let entries = entries(&[432.0, 3_833.0, 32_071.0, 42_284.0]);
    for page in [
        page(&report),
        html(&[&report, &report]),
        history_html(&trends(entries), &[HOSTILE.to_owned()]),
    ] {
        assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;&quot;"));
        for tag in ["<script", "<img", "onerror=alert(2)>"] {
            assert!(!page.contains(tag), "{tag}");
        }
    }
}

#[test]
fn a_page_asks_nobody_for_anything() {
    let page = page(&samples::report(&good()));
    let page = page.replace("http://127.0.0.1:40123", "");
    for sign in ["http:", "https:", "src=", "url(", "@import", "<script"] {
        assert!(!page.contains(sign), "{sign}");
    }
    assert!(page.starts_with("<!DOCTYPE html><html lang=\"en\">"));
}

#[test]
fn long_runs_and_many_runs_stay_small() {
    for seconds in [3_600, 36_000] {
        let report = stretched(samples::report(&failing()), seconds);
        for most in [1, 2, 4, MOST_RUNS] {
            let reports = vec![&report; most];
            let page = html(&reports);
            assert!(
                page.len() < MOST_BYTES,
                "{most} runs of {seconds} s: {} bytes",
                page.len()
            );
            assert!(
                page.contains(" seconds: the largest of them."),
                "it says what a point is"
            );
        }
    }
    let page = history_html(&trends(entries(&vec![41_234.5; 1_000])), &[]);
    assert!(page.len() < MOST_BYTES, "{} bytes", page.len());
    let mut many = entries(&vec![41_234.5; 1_000]);
    for (index, entry) in many.iter_mut().enumerate() {
        entry.scenario = format!("{} {}", index % 12, HOSTILE.repeat(30));
        entry.urls = vec![HOSTILE.repeat(30); 30];
        entry.krush = HOSTILE.to_owned();
        entry.outcome = Outcome::Threshold;
    }
    let page = history_html(&trends(many), &vec![HOSTILE.repeat(30); 100]);
    assert!(page.len() < MOST_BYTES, "{} bytes", page.len());
}

/// The longest of every list and text, at once.
fn endless(seconds: u64) -> Report {
    let long = HOSTILE.repeat(30);
    let many: Vec<String> = (0..3_000).map(|index| format!("{index} {long}")).collect();
    let mut report = stretched(hostile(), seconds);
    for row in &mut report.timeline {
        row.failures = 1_234;
        // Every other second has all three troubles.
        row.records_acked *= row.second % 2;
        row.requests_due = 1_000_000;
    }
    report.ledger.records.unsent = u64::MAX / 2;
    report.warnings.clone_from(&many);
    report.verdict.reasons.clone_from(&many);
    report.target.urls.clone_from(&many);
    report.target.faults.clone_from(&many);
    report.target.server.clone_from(&long);
    report.plan.scenario.clone_from(&long);
    report.machine.cpu_model = Some(long.clone());
    report.plan.headers = many
        .iter()
        .map(|text| (text.clone(), long.clone()))
        .collect();
    report.failures = vec![report.failures[0].clone(); 1_000];
    for failure in &mut report.failures {
        failure.sample.clone_from(&long);
    }
    report.thresholds = vec![report.thresholds[0].clone(); 500];
    for threshold in &mut report.thresholds {
        threshold.expression.clone_from(&long);
        threshold.reason = Some(long.clone());
    }
    let mut row = samples::report(&several()).target.per_target[0].clone();
    row.url.clone_from(&long);
    report.target.per_target = vec![row; 500];
    if let Some(compared) = &mut report.comparison {
        compared.reasons.clone_from(&many);
        compared.forced.clone_from(&many);
    }
    report
}

#[test]
fn the_worst_of_everything_at_once_stays_small() {
    let report = endless(10_800);
    for most in [1, 2, MOST_RUNS] {
        let files: Vec<String> = vec![HOSTILE.repeat(30); most];
        let page = html_of_files(&vec![&report; most], &files);
        assert!(page.len() < MOST_BYTES, "{most} runs: {} bytes", page.len());
        assert!(page.contains("2,984 more in the JSON report") || most > 1);
    }
    let page = page(&report);
    for word in ["failed requests", "records never sent", "nothing acked"] {
        assert!(page.contains(word), "{word}");
    }
}

#[test]
fn a_part_of_a_second_is_counted_and_troubles_are_named() {
    let mut report = stretched(samples::report(&good()), 5);
    for row in &mut report.timeline {
        row.failures = 0;
        row.requests = row.requests_due;
    }
    report.elapsed_secs = 4.013;
    report.ledger.records.unsent = 100;
    report.timeline[4].records_due = 0;
    report.timeline[4].records_acked = 720;
    report.timeline[2].records_acked = 0;
    report.timeline[2].requests = 0;
    report.timeline[3].requests += 1_234;
    let page = text(&page(&report));
    assert!(
        page.contains("4 (13.0 ms) | 0 | 720 in 13.0 ms | "),
        "{page}"
    );
    let words = "no request failed; 100 records were never sent, due from 3s to 4s; nothing was acked from 2s to 3s.";
    assert!(page.contains(words), "{page}");
}

#[test]
fn a_merged_run_is_known_by_its_page() {
    let mut report = samples::report(&good());
    report.merged = Some(crate::report::MergedSection {
        sources: ["a.json", "b.json"]
            .map(|file| crate::report::MergedRow {
                file: file.to_owned(),
                run: None,
                started_at: report.started_at.clone(),
                offset_secs: 0.0,
                elapsed_secs: 2.0,
                concurrency: 250,
                records_acked: 50_000,
                records_per_sec: 25_000.0,
                machine: report.machine.clone(),
                version: "0.1.0".to_owned(),
            })
            .to_vec(),
    });
    let page = text(&page(&report));
    let words = "Merged from 2 runs: connections and threads are the sums of theirs";
    assert!(page.contains(words), "{page}");
    assert!(
        page.contains("merged | from 2 runs: a.json (25,000 rec/s), b.json"),
        "{page}"
    );
}

#[test]
fn nobody_turns_the_page_round() {
    let mut report = samples::report(&failing());
    report.target.server = "abc\u{202e}def".to_owned();
    report.warnings.push("x\u{2066}y\u{7}z".to_owned());
    let page = page(&report);
    assert!(page.contains("abc def") && page.contains("x y z"));
    assert!(!page.contains(['\u{202e}', '\u{2066}', '\u{7}']));
}

#[test]
fn a_point_of_many_seconds_has_the_mean_rate_and_the_largest_latency() {
    let report = stretched(samples::report(&good()), 600);
    let (group, runs) = points::runs(vec![("x".to_owned(), &report)]);
    assert_eq!(group, 3);
    let markup = over_time::section(group, &runs).into_string();
    let rows = &report.timeline[..3];
    let mean = rows.iter().map(|row| row.records_acked).sum::<u64>() as f64 / 3.0;
    let worst = rows.iter().filter_map(|row| row.latency_us.max).max();
    let worst = worst.expect("all have one");
    let row = markup
        .split("0 - 3</th>")
        .nth(1)
        .and_then(|rest| rest.split("</tr>").next());
    let row = row.expect("a row of the first three seconds");
    assert!(row.contains(&crate::units::rate_digits(mean)), "{row}");
    assert!(row.contains(&crate::units::latency(worst)), "{row}");
}

#[test]
fn every_sample_has_a_page_whose_parts_have_names() {
    for fixture in [good(), failing(), void(), interrupted(), several(), gone()] {
        let page = page(&samples::report(&fixture));
        assert!(
            !page.contains("NaN") && !page.contains("inf\""),
            "a number that is none"
        );
        for svg in page.split("<svg ").skip(1) {
            let tag = svg.split('>').next().unwrap_or_default();
            let named = tag.contains("role=\"img\"") && tag.contains("aria-label");
            assert!(named || tag.contains("aria-hidden=\"true\""), "{tag}");
        }
    }
}

#[test]
fn a_line_style_is_there_for_every_run() {
    let style = include_str!("page.css");
    for run in 0..MOST_RUNS {
        assert!(
            style.contains(&format!(".s{run}{{stroke:var(--s{run})")),
            "{run}"
        );
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "a page is long")]
fn the_page_of_a_run_with_failures_reads_in_order() {
    let mut report = samples::report(&failing());
    report.comparison = Some(Compared {
        baseline: BaselineRow {
            source: "base.json".to_owned(),
            ..compared().baseline
        },
        ..compared()
    });
    insta::assert_snapshot!(text(&page(&report)), @"
    krush · extreme · 2026-11-21 10:15:02 UTC
    ✗
    FAIL
    exit code 10
    p95 &gt; 15s: saw ≥ 10.0 s; it falls among requests without an answer, which count as infinitely slow
    success &lt; 99.9%: saw 91.9 %
    http://localhost:8082 (REST Proxy, v2 + v3), topic performance-test, 48 partitions
    100,000 records in 100 batches of 1,000, 500 connections, 279 B a record, open loop at 40,000 rec/s
    Warning:
    8,060 of 100,000 records were not acknowledged (60 rejected, 7,000 unknown, 1,000 never sent): success is 91.9 %.
    Warning:
    5,000 of 7,060 failed records have one cause (timeout): no answer within 10 s
    Warning:
    2 answers were empty, cut, not JSON or had rubbish behind: Confluent REST Proxy 8.0.0 to 8.0.2 and 8.1.0 answer good requests on kept-alive connections like that (fixed in 8.0.3, 8.1.1, 8.2.0). Unknown because of it: 2,000 records; on those versions the records of such answers are mostly stored. Update the proxy; if it is newer, look at what stands between.
    Warning:
    5 requests got no answer within 10s. A REST Proxy by default waits 60 s for metadata and 120 s for delivery before it answers with the reason; try
    --timeout
    130s to see it.
    Warning:
    3 of 99 requests waited for a free connection (500 in all), up to 2.40 ms: the latency includes it. The connections would do for 99 of 100: for a while answers came late, or connections were lost.
    Warning:
    5s of warm-up and 2.05 s of measuring say little about a JVM: a cold proxy was seen 3× slower in its first 10–15 s; try
    --warmup
    15s.
    Warning:
    100 requests: P99.9 is simply the slowest one (P99.9 needs 1,000 requests). Raise
    --messages
    or
    --duration,
    or lower
    --batch-size.
    Warning:
    connections were opened again 7 times: the latency contains that. Possible causes: krush itself closes after a time-out or an answer that it cannot trust, a server or what stands before it may answer with Connection: close, and Confluent closes after 30 s without a request.
    Key figures
    throughput, rec/s
    37,073
    10 MB/s payload
    P50 latency
    150 ms
    P95 latency
    ≥ 10.0 s
    P99 latency
    ≥ 10.0 s
    success
    91.9 %
    acked of scheduled
    records acked
    91,940
    of 100,000
    Over 2.48 s: 10 MB/s payload, 11.6 MB/s wire, 37.1 answers/s.
    Beside reference and goal
    Throughput, more is better
    this run | 37,073 rec/s | 0.88 × the reference
    reference | 42,284 rec/s
    goal | 50,000 rec/s | 74 % of it reached
    P95 latency, less is better
    this run | ≥ 10.0 s | ≥ 4.63 × the reference
    reference | 2.16 s
    this run | reference | ratio | goal
    throughput | 37,073 rec/s | 42,284 | 0.88 × | 50,000 (74 %)
    P95 | ≥ 10.0 s | 2.16 s | ≥ 4.63 ×
    success | 91.9 % | 100 %
    Reference: proof of concept, one broker, about 8 cores
    Over time
    The run is too short for a line over time: it ended within two seconds.
    Numbers over time
    s | due rec/s | acked rec/s | requests ended | failed req. | P50 | P95 | max
    Latency
    latency | P50 | P90 | P95 | P99 | P99.9 | max
    corrected | 150 ms | 190 ms | ≥ 10.0 s | ≥ 10.0 s | ≥ 10.0 s | ≥ 10.0 s
    uncorrected | 146 ms | 183 ms | 188 ms | 191 ms | 191 ms | 191 ms
    of it send delay | 50 µs | 50 µs | 50 µs | 50 µs | 50 µs | 50 µs
    Open loop: corrected latency counts from when the request was due, for all of 100 requests; uncorrected from its first byte sent, only for the 92 answered.
    The corrected P99 is ≥ 52.4 times the uncorrected one, which leaves out those never sent or not answered.
    ≥: 8 of 100 requests were never sent or not answered; they count with the time they waited.
    Latency by percentile, both scales logarithmic
    To the right ever fewer, ever slower requests: each step is a tenth of what was left.
    latency
    service time
    send delay
    wide and pale: only a lower bound (≥)
    100 µs
    1 ms
    10 ms
    100 ms
    1 s
    10 s
    0 %
    90 %
    99 %
    percentile of the requests
    latency: P50 150 ms, P95 ≥ 10.0 s, P99 ≥ 10.0 s, largest ≥ 10.0 s, of 100 samples.
    service time: P50 146 ms, P95 188 ms, P99 191 ms, largest 191 ms, of 92 samples.
    send delay: P50 50 µs, P95 50 µs, P99 50 µs, largest 50 µs, of 99 samples.
    Numbers by percentile
    percentile | latency | service time | send delay
    P50 | 150 ms | 146 ms | 50 µs
    P75 | 175 ms | 169 ms | 50 µs
    P90 | 190 ms | 183 ms | 50 µs
    P95 | ≥ 10.0 s | 188 ms | 50 µs
    P99 | ≥ 10.0 s | 191 ms | 50 µs
    max | ≥ 10.0 s | 191 ms | 50 µs
    samples | 100 | 92 | 99
    Ledger
    Where the records went
    scheduled
    100,000
    sent
    99,000
    acked
    91,940
    91.9 %
    rejected
    60
    0.06 %
    unknown
    7,000
    7 %
    unsent
    1,000
    1 %
    scheduled 100,000 = sent 99,000 + unsent 1,000; sent = acked 91,940 + rejected 60 + unknown 7,000.
    requests | scheduled 100 = sent 99 + unsent 1; sent = complete 90 + partial 2 + rejected 0 + unknown 7
    generator | 0.59 of 2 threads busy, 12.1 ms CPU a request, 40.7 in flight; own lateness P99 50 µs, 3 waited for a connection, backlog 0.98
    warm-up | 2,000 records acked, 0 rejected, 0 unknown in 5s; in no figure above
    Failures
    kind | status | code | requests | records | text of the first
    timeout | - | - | 5 | 5,000 | no answer within 10 s
    empty_answer | 200 | - | 2 | 2,000
    record_rejected | 200 | 50002 | 2 | 60 | The message is 1200000 bytes when serialized which is larger than 1048576, which is the value of the max.request.size configuration.
    Against the baseline
    ✗
    REGRESSION
    , margin 5.0 %, against base.json (extreme, 2026-11-20 10:15:02 UTC)
    throughput is 10 % lower
    metric | baseline | this run | change | 95 % interval, band: the margin | at most worse by (95 %) | p | least change that would show | verdict
    throughput | 40,000 rec/s | 36,000 rec/s | -10.0 % | -13.0 % to -7.0 % | 13.0 % | &lt; 0.001 | 3.1 % | ✗ | regression
    P95 | 40.0 ms | 36.0 ms | -10.0 % | -13.0 % to -7.0 % | 13.0 % | &lt; 0.001 | 3.1 % | ✓ | no regression
    P50 | 40.0 ms | 36.0 ms | -10.0 % | -13.0 % to -7.0 % | 13.0 % | &lt; 0.001 | 3.1 % | not judged
    20 blocks against 20, margin 5.0 %; baseline and run are medians over the blocks, the change is that between blocks; at most: worse by no more than this, with 95 % confidence; worse by this would have shown: throughput 3.1 %, P95 3.1 %. The figures of the whole run above are no medians, so they differ from these.
    Compared all the same (--force): machine
    Blocks
    Records per second in each of 19 blocks of 512 ms
    records per second of a block
    the middle: 0 rec/s
    0
    50,000
    100,000
    150,000
    1
    3
    5
    7
    9
    11
    13
    15
    17
    19
    block
    Blocks of equal time, between 0 and 179,570 rec/s, the middle 0: the spread that comparisons have to reckon with.
    Numbers by block
    block | acked | rec/s | failed req. | P50 | P95 | lower bounds
    1 | 91,940 | 179,570 | 2 | 151 ms | 10.0 s | 7
    2 | 0 | 0 | 0 | - | - | 0
    3 | 0 | 0 | 0 | - | - | 0
    4 | 0 | 0 | 0 | - | - | 0
    5 | 0 | 0 | 0 | - | - | 0
    6 | 0 | 0 | 0 | - | - | 0
    7 | 0 | 0 | 0 | - | - | 0
    8 | 0 | 0 | 0 | - | - | 0
    9 | 0 | 0 | 0 | - | - | 0
    10 | 0 | 0 | 0 | - | - | 0
    11 | 0 | 0 | 0 | - | - | 0
    12 | 0 | 0 | 0 | - | - | 0
    13 | 0 | 0 | 0 | - | - | 0
    14 | 0 | 0 | 0 | - | - | 0
    15 | 0 | 0 | 0 | - | - | 0
    16 | 0 | 0 | 0 | - | - | 0
    17 | 0 | 0 | 0 | - | - | 0
    18 | 0 | 0 | 0 | - | - | 0
    19 | 0 | 0 | 0 | - | - | 0
    Thresholds
    the run fails if | saw | 95 % bound | margin (of the limit) | result
    p95 &gt; 15s | ≥ 10.0 s | - | - | ✗ | missed | it falls among requests without an answer, which count as infinitely slow
    success &lt; 99.9% | 91.9 % | - | - | ✗ | missed
    Validity
    check | saw | wanted
    ledger balances | ✓ | held | balanced | scheduled = sent + unsent, and every request and record sent ends in exactly one place
    Little's law holds | ✓ | held | 40.72 requests in flight on average, 40.72 by requests per second × time in flight | the same to 2 % and 0.05 requests
    something was sent | ✓ | held | 99 requests | at least 1 request
    offered rate reached | ✓ | held | 99 % of 100,000 records sent in time | at least 99 %
    generator was not the bottleneck | ✓ | held | busiest engine thread 31 % of a CPU, waiting for one 2 % of the time | every engine thread below 95 % of a CPU
    generator sent on time | ✓ | held | own lateness P50 50 µs, P95 50 µs; busiest engine thread 31 % of a CPU, waiting for one 2 % of the time | own lateness of at most 14.6 ms at P50 and 2.50 s at P95
    enough samples for P95 | ✓ | held | 100 requests | at least 40 requests, so that 2 lie beyond it
    clock did not jump | ✓ | held | wall clock and monotonic clock 12 µs apart | at most 500 ms
    Configuration
    krush | 0.1.0
    generator's machine | linux x86_64, 8 CPUs (Some CPU)
    target | REST Proxy
    topic | performance-test
    Every setting of the run
    plan.auth | -
    plan.load.arrivals | uniform
    plan.load.batch_size | 1000
    plan.load.concurrency | 500
    plan.load.drain_secs | 30.0
    plan.load.duration_secs | -
    plan.load.messages | 100000
    plan.load.rate_records_per_sec | 40000.0
    plan.load.spike | -
    plan.load.stages | -
    plan.load.threads | 2
    plan.load.timeout_secs | 10.0
    plan.load.warmup_secs | 5.0
    plan.payload.content | text
    plan.payload.format | json
    plan.payload.key.hot_ratio | -
    plan.payload.key.keys | -
    plan.payload.key.mode | none
    plan.payload.message_size_bytes | 200
    plan.payload.seed | 1
    plan.payload.value_bytes | 279
    plan.reference.goal_records_per_sec | 50000.0
    plan.reference.p95_us | 2160000
    plan.reference.records_per_sec | 42284.0
    plan.reference.source | proof of concept, one broker, about 8 cores
    plan.reference.success_ratio | 1.0
    plan.scenario | extreme
    plan.target_named | false
    plan.tls.client_certificate | false
    plan.tls.custom_ca | false
    plan.tls.insecure | false
    plan.topic.create | true
    plan.topic.name | performance-test
    plan.topic.partitions | 48
    plan.topic.replication_factor | -
    target.apis | v2, v3
    target.dialect | confluent
    target.embedded | false
    target.faults | -
    target.kind | rest-proxy
    target.model | -
    target.partitions | 48
    target.server | REST Proxy
    target.topic | performance-test
    target.topic_created | false
    target.urls | http://localhost:8082
    machine.arch | x86_64
    machine.cpu_model | Some CPU
    machine.cpus | 8
    machine.kernel | 6.8.0
    machine.os | linux
    tool.commit | -
    tool.debug_build | false
    tool.name | krush
    tool.version | 0.1.0
    Made by krush 0.1.0 from a report of schema version 1. Everything shown is in this file.
    ");
}

#[test]
fn the_page_of_two_runs_begins_with_what_differs() {
    let (a, b) = (samples::report(&good()), samples::report(&gone()));
    let text = text(&html(&[&a, &b]));
    let until = text.find("Over time").expect("charts come later");
    insta::assert_snapshot!(&text[..until], @"
    krush
    2 runs side by side
    run | verdict | exit code | started | target
    A extreme | ✓ | PASS | 0 | 2026-11-21 10:15:02 UTC | krush 0.1.0 stand-in, v2 + v3
    B extreme | ✗ | FAIL (target) | 15 | 2026-11-21 10:15:02 UTC | REST Proxy, v2 + v3
    A extreme: Stand-in inside this process: figures are about this machine, not a REST Proxy.
    What differs
    setting | A extreme | B extreme
    plan.load.concurrency | 500 | 1
    plan.load.duration_secs | - | 30.0
    plan.load.messages | 100000 | -
    plan.payload.content | text | base64
    plan.payload.key.keys | - | 100
    plan.payload.key.mode | none | random
    plan.payload.message_size_bytes | 200 | 65536
    plan.payload.value_bytes | 279 | 87463
    plan.reference.goal_records_per_sec | 50000.0 | -
    plan.reference.p95_us | 2160000 | -
    plan.reference.records_per_sec | 42284.0 | -
    plan.reference.source | proof of concept, one broker, about 8 cores | -
    plan.reference.success_ratio | 1.0 | -
    target.embedded | true | false
    target.kind | stand-in | rest-proxy
    target.partitions | 48 | -
    target.server | krush 0.1.0 stand-in | REST Proxy
    target.topic_created | true | false
    target.urls | http://127.0.0.1:40123 | http://localhost:8082
    Figures
    run | rec/s | P50 | P95 | P99 | max | success | acked
    A extreme | 50,000 | 150 ms | 195 ms | 199 ms | 200 ms | 100 % | 100,000
    B extreme | ✗ | FAIL (target) | 0 | - | - | - | - | 0 % | 0
    Ratios are to the first run. Whether a difference is more than noise says krush compare.
    A run that is void, was interrupted, lost its target or acked records, or acked none, proves nothing and has no ratio.
    ");
}

#[test]
fn the_page_of_a_history_shows_the_road_to_the_record() {
    let rates = [432.0, 3_833.0, 3_900.0, 3_850.0, 0.0, 3_870.0, 3_820.0];
    let after = [42_284.0, 41_900.0, 42_000.0, 42_100.0, 41_950.0];
    let mut entries = entries(&[rates.as_slice(), &after].concat());
    entries[4].outcome = Outcome::Void;
    for entry in &mut entries {
        entry.scenario = "extreme".to_owned();
        entry.urls = vec!["http://proxy:8082".to_owned()];
    }
    let notes = ["2 lines could not be read: 7, 9".to_owned()];
    let trends = trends(entries);
    let page = history_html(&trends, &notes);
    assert_eq!(trends[0].changes.len(), 1);
    assert!(page.contains("<path class=\"rule\""), "a change is a line");
    insta::assert_snapshot!(text(&page), @"
    krush
    History of 12 runs
    2 lines could not be read: 7, 9
    extreme on rest-proxy http://proxy:8082, misbehaving on purpose (&lt;script&gt;alert(1)&lt;/script&gt;&quot;'&amp;&lt;img src=x onerror=alert(2)&gt;), json of 200 B, open loop at 40,000 rec/s: 12 runs
    from linux x86_64, 8 CPUs, &lt;script&gt;alert(1)&lt;/script&gt;&quot;'&amp;&lt;img src=x onerror=alert(2)&gt;
    Throughput of each run, records per second
    records per second
    the record
    a change that lasted
    0
    10,000
    20,000
    30,000
    40,000
    2026-11-01
    2026-11-04
    2026-11-07
    2026-11-10
    runs, oldest first
    From the first run to the record: 432 → 42,284 records/s, × 97.9, from 2026-11-01 to 2026-11-08.
    Changes that lasted
    2026-11-08: × 10.9 from 3,842 to 42,000
    date (UTC) | rec/s | to first | to previous | P50 | P95 | success | connections × batch | verdict | krush
    2026-11-12 10:15 | 41,950 | × 97.1 | -0.4 % | 150 ms | ≥ 10.0 s | 91.9 % | 500 × 1,000 | ✓ | PASS | 0.1.0
    2026-11-11 10:15 | 42,100 | × 97.5 | +0.2 % | 150 ms | ≥ 10.0 s | 91.9 % | 500 × 1,000 | ✓ | PASS | 0.1.0
    2026-11-10 10:15 | 42,000 | × 97.2 | +0.2 % | 150 ms | ≥ 10.0 s | 91.9 % | 500 × 1,000 | ✓ | PASS | 0.1.0
    2026-11-09 10:15 | 41,900 | × 97 | -0.9 % | 150 ms | ≥ 10.0 s | 91.9 % | 500 × 1,000 | ✓ | PASS | 0.1.0
    2026-11-08 10:15 | 42,284 | × 97.9 | × 11.1 | 150 ms | ≥ 10.0 s | 91.9 % | 500 × 1,000 | ✓ | PASS, the record | 0.1.0
    2026-11-07 10:15 | 3,820 | +784 % | -1.3 % | 150 ms | ≥ 10.0 s | 91.9 % | 500 × 1,000 | ✓ | PASS | 0.1.0
    2026-11-06 10:15 | 3,870 | +796 % | +0.5 % | 150 ms | ≥ 10.0 s | 91.9 % | 500 × 1,000 | ✓ | PASS | 0.1.0
    2026-11-05 10:15 | 0 | - | - | 150 ms | ≥ 10.0 s | 91.9 % | 500 × 1,000 | ? | VOID | 0.1.0
    2026-11-04 10:15 | 3,850 | +791 % | -1.3 % | 150 ms | ≥ 10.0 s | 91.9 % | 500 × 1,000 | ✓ | PASS | 0.1.0
    2026-11-03 10:15 | 3,900 | +803 % | +1.7 % | 150 ms | ≥ 10.0 s | 91.9 % | 500 × 1,000 | ✓ | PASS | 0.1.0
    2026-11-02 10:15 | 3,833 | +787 % | +787 % | 150 ms | ≥ 10.0 s | 91.9 % | 500 × 1,000 | ✓ | PASS | 0.1.0
    2026-11-01 10:15 | 432 | - | - | 150 ms | ≥ 10.0 s | 91.9 % | 500 × 1,000 | ✓ | PASS | 0.1.0
    Made by krush 0.1.0. Everything shown is in this file.
    ");
}

#[test]
fn what_consumers_saw_is_among_the_key_figures_and_beside_that_of_others() {
    let seen = with_consumers().end_to_end.unwrap().latency_us;
    let p95 = crate::units::latency(seen.p95.unwrap());
    let one = text(&page(&with_consumers()));
    assert!(
        one.contains(&format!("P95 to the consumer\n{p95}\n")),
        "{one}"
    );
    let row = format!("P95 to consumer | {p95}");
    assert!(one.contains(&row), "{one}");
    let mut slower = with_consumers();
    slower.end_to_end.as_mut().unwrap().latency_us.p95 = seen.p95.map(|us| us * 3);
    let plain = samples::report(&good());
    let several = html(&[&with_consumers(), &slower, &plain]);
    assert!(several.contains("Latency to the consumer by percentile"));
    let several = text(&several);
    let from = several.find("\nTo the consumer\n").unwrap();
    let head = several[from..]
        .lines()
        .skip(1)
        .take(6)
        .collect::<Vec<_>>()
        .join("\n");
    insta::assert_snapshot!(head, @"
    To the consumer
    End-to-end latency: from when a record's request was due until a consumer had it. A run without consumers has none.
    run | P50 | P95 | P99 | max | records
    A extreme | 50.0 ms | 95.0 ms | 99.0 ms | 100 ms | 1,000
    B extreme | 50.0 ms | 1.00 × | 285 ms | 3.00 × | 99.0 ms | 1.00 × | 100 ms | 1.00 × | 1,000
    C extreme | - | - | - | - | -
    ");
    let without = html(&[&plain, &plain]);
    assert!(!without.contains("consumer"), "no run had consumers");
    let all: Vec<Report> = (0..MOST_RUNS)
        .map(|_| stretched(with_consumers(), 3_600))
        .collect();
    let all: Vec<&Report> = all.iter().collect();
    assert!(html(&all).len() < MOST_BYTES, "{}", html(&all).len());
}
