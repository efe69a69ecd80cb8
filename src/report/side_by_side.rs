//! Several runs for a terminal: what differs, and every figure beside the first run's.

use super::formats::is_evidence;
use super::html::{Figure, any_arrivals, arrivals_of, difference_lines, figures_of, names, ratio};
use super::table::{headline, lines_of_columns, warning_lines};
use super::text::{WIDTH, clean, shorten, wrap};
use super::words::{fault_words, stand_in_words};
use super::{Report, Style};

/// Characters of a run's name shown.
const NAME: usize = 24;

/// The runs as rows, their figures as columns; the first run is what the ratios are to. `files` are what the runs' files are called.
pub fn side_by_side(reports: &[&Report], files: &[String], style: Style) -> String {
    let names: Vec<String> = names(reports, files)
        .iter()
        .map(|name| clean(name))
        .collect();
    let mut lines = differences(reports);
    lines.push(String::new());
    lines.extend(figures("run", reports, figures_of));
    if any_arrivals(reports) {
        lines.push(String::new());
        lines.extend(figures("to the consumer", reports, arrivals_of));
    }
    lines.push(String::new());
    for (name, report) in names.iter().zip(reports) {
        let headline = headline(&report.verdict, style);
        lines.extend(wrap("", 2, &format!("{name}:")));
        if let Some(line) = lines.last_mut() {
            line.push(' ');
            line.push_str(&headline);
        }
        for text in [stand_in_words(&report.target), fault_words(&report.target)] {
            lines.extend(text.map_or_else(Vec::new, |text| wrap("  ", 4, &text)));
        }
        for reason in &report.verdict.reasons {
            lines.extend(wrap("  ", 4, &clean(reason)));
        }
        let warnings = warning_lines(&report.warnings, style);
        lines.extend(warnings.into_iter().filter(|line| !line.is_empty()));
    }
    lines.push(String::new());
    lines.join("\n")
}

fn differences(reports: &[&Report]) -> Vec<String> {
    let differences = difference_lines(reports);
    if differences.is_empty() {
        return vec!["plan, target, machine and version are the same".to_owned()];
    }
    let mut lines = vec!["what differs".to_owned()];
    lines.extend(
        differences
            .iter()
            .flat_map(|line| wrap("  ", 4, &clean(line))),
    );
    lines
}

/// The figures of a run to show.
type Of = fn(&Report) -> Vec<Figure>;

/// A table of figures. Where it is too wide the runs go by their letters, and then figures are left out.
fn figures(title: &str, reports: &[&Report], of: Of) -> Vec<String> {
    let names: Vec<String> = names(reports, &[])
        .iter()
        .map(|name| shorten(&clean(name), NAME))
        .collect();
    let letters: Vec<String> = names
        .iter()
        .map(|name| name.chars().take(1).collect())
        .collect();
    let narrower: [(&[String], &[&str]); 4] = [
        (&names, &[]),
        (&letters, &[]),
        (&letters, &["max"]),
        (&letters, &["P99", "max"]),
    ];
    let mut lines = Vec::new();
    for (names, left_out) in narrower {
        lines = lines_of_columns(rows(title, names, (reports, of), left_out), true);
        if lines.iter().all(|line| line.chars().count() <= WIDTH) {
            if !left_out.is_empty() {
                let words = format!(
                    "no room for {}: --html and --csv have all figures",
                    left_out.join(" and ")
                );
                lines.push(words);
            }
            break;
        }
    }
    lines
}

/// A row of figures a run, and below each but the first a row of ratios. Below a run that proves nothing stands why.
fn rows(
    title: &str,
    names: &[String],
    (reports, of): (&[&Report], Of),
    left_out: &[&str],
) -> Vec<Vec<String>> {
    let shown = |report: &&Report| -> Vec<Figure> {
        let all = of(report).into_iter();
        all.filter(|figure| !left_out.contains(&figure.name))
            .collect()
    };
    let all: Vec<_> = reports.iter().map(shown).collect();
    let Some(first) = all.first() else {
        return Vec::new();
    };
    let row = |name: &str, cells: Vec<String>| [vec![name.to_owned()], cells].concat();
    let head = first.iter().map(|figure| figure.name.to_owned());
    let mut rows = vec![row(title, head.collect())];
    for (index, ((name, figures), report)) in names.iter().zip(&all).zip(reports).enumerate() {
        let texts = figures.iter().map(|figure| figure.text.clone());
        rows.push(row(name, texts.collect()));
        if !is_evidence(report) {
            let headline = format!("  {}", clean(&report.verdict.headline));
            rows.push(row(&headline, vec![String::new(); figures.len()]));
        } else if index > 0 {
            let pairs = figures.iter().zip(first);
            let ratios = pairs.map(|(figure, first)| ratio(figure, first).unwrap_or_default());
            let ratios: Vec<String> = ratios.collect();
            if ratios.iter().any(|ratio| !ratio.is_empty()) {
                rows.push(row("  to A", ratios));
            }
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::super::parts_for_tests::{lost, with_consumers};
    use super::super::samples;
    use super::*;

    #[test]
    fn runs_side_by_side_on_a_terminal() {
        let reports = [
            samples::report(&samples::good()),
            samples::report(&samples::failing()),
            samples::report(&samples::gone()),
        ];
        let reports: Vec<&Report> = reports.iter().collect();
        let files = ["monday.json", "tuesday.json", "wednesday.json"].map(str::to_owned);
        let text = side_by_side(&reports, &files, Style::plain());
        assert!(
            text.lines().all(|line| line.chars().count() <= 80),
            "{text}"
        );
        insta::assert_snapshot!(text, @"
        what differs
          plan.load.arrivals: - | uniform | -
          plan.load.concurrency: 500 | 500 | 1
          plan.load.duration_secs: - | - | 30.0
          plan.load.messages: 100000 | 100000 | -
          plan.load.rate_records_per_sec: - | 40000.0 | -
          plan.load.timeout_secs: 60.0 | 10.0 | 60.0
          plan.load.warmup_secs: 0.0 | 5.0 | 0.0
          plan.payload.content: text | text | base64
          plan.payload.key.keys: - | - | 100
          plan.payload.key.mode: none | none | random
          plan.payload.message_size_bytes: 200 | 200 | 65536
          plan.payload.value_bytes: 279 | 279 | 87463
          plan.reference.goal_records_per_sec: 50000.0 | 50000.0 | -
          plan.reference.p95_us: 2160000 | 2160000 | -
          plan.reference.records_per_sec: 42284.0 | 42284.0 | -
          plan.reference.source: proof of concept, one broker, about 8 cores | proof of
            concept, one broker, about 8 cores | -
          plan.reference.success_ratio: 1.0 | 1.0 | -
          target.embedded: true | false | false
          target.kind: stand-in | rest-proxy | rest-proxy
          target.partitions: 48 | 48 | -
          target.server: krush 0.1.0 stand-in | REST Proxy | REST Proxy
          target.topic_created: true | false | false
          target.urls: http://127.0.0.1:40123 | http://localhost:8082 |
            http://localhost:8082

        run              rec/s    P50       P95       P99       max success   acked
        A extreme       50,000 150 ms    195 ms    199 ms    200 ms   100 % 100,000
        B extreme       37,073 150 ms  ≥ 10.0 s  ≥ 10.0 s  ≥ 10.0 s  91.9 %  91,940
          to A          0.74 × 1.00 × ≥ 51.28 × ≥ 50.25 × ≥ 50.00 ×
        C extreme            0      -         -         -         -     0 %       0
          FAIL (target)

        A extreme (monday.json): PASS
          stand-in inside this process: figures are about this machine, not a REST Proxy
        warning: the target is krush's built-in stand-in, in this process: figures are
          about this machine, not about a REST Proxy. Name a REST Proxy with --url.
        warning: 100 batches over 500 connections: a burst, not sustained load; 400
          connections sent nothing. Try --duration 30s.
        warning: 100 requests: P99.9 is simply the slowest one (P99.9 needs 1,000
          requests). Raise --messages or --duration, or lower --batch-size.
        B extreme (tuesday.json): FAIL  (exit 10)
          p95 > 15s: saw ≥ 10.0 s; it falls among requests without an answer, which
            count as infinitely slow
          success < 99.9%: saw 91.9 %
        warning: 8,060 of 100,000 records were not acknowledged (60 rejected, 7,000
          unknown, 1,000 never sent): success is 91.9 %.
        warning: 5,000 of 7,060 failed records have one cause (timeout): no answer
          within 10 s
        warning: 2 answers were empty, cut, not JSON or had rubbish behind: Confluent
          REST Proxy 8.0.0 to 8.0.2 and 8.1.0 answer good requests on kept-alive
          connections like that (fixed in 8.0.3, 8.1.1, 8.2.0). Unknown because of it:
          2,000 records; on those versions the records of such answers are mostly
          stored. Update the proxy; if it is newer, look at what stands between.
        warning: 5 requests got no answer within 10s. A REST Proxy by default waits 60 s
          for metadata and 120 s for delivery before it answers with the reason; try
          --timeout 130s to see it.
        warning: 3 of 99 requests waited for a free connection (500 in all), up to 2.40
          ms: the latency includes it. The connections would do for 99 of 100: for a
          while answers came late, or connections were lost.
        warning: 5s of warm-up and 2.05 s of measuring say little about a JVM: a cold
          proxy was seen 3× slower in its first 10–15 s; try --warmup 15s.
        warning: 100 requests: P99.9 is simply the slowest one (P99.9 needs 1,000
          requests). Raise --messages or --duration, or lower --batch-size.
        warning: connections were opened again 7 times: the latency contains that.
          Possible causes: krush itself closes after a time-out or an answer that it
          cannot trust, a server or what stands before it may answer with Connection:
          close, and Confluent closes after 30 s without a request.
        C extreme (wednesday.json): FAIL (target)  (exit 15)
          the target answered nothing any more when the load ended
        warning: 12 attempts to connect failed: look at the target's log and at its
          limit of connections, or try fewer with --concurrency.
        ");
    }

    #[test]
    fn a_table_that_is_too_wide_has_fewer_columns_and_whole_lines() {
        let mut slow = samples::report(&samples::failing());
        slow.plan.scenario = "a-name-of-more-than-twenty".to_owned();
        slow.summary.records_per_sec = 123_456_789.0;
        slow.ledger.records.acked = 123_456_789_012;
        let mut slower = slow.clone();
        slower.summary.latency_us.p50 = Some(1);
        slower.summary.lower_bounds.clear();
        for figure in [
            &mut slower.summary.latency_us.p95,
            &mut slower.summary.latency_us.p99,
            &mut slower.summary.latency_us.max,
        ] {
            *figure = Some(1);
        }
        let lines = figures("run", &[&slow, &slower], figures_of);
        insta::assert_snapshot!(lines.join("\n"), @"
        run           rec/s          P50              P95  success            acked
        A       123,456,789       150 ms         ≥ 10.0 s   91.9 %  123,456,789,012
        B       123,456,789         1 µs             1 µs   91.9 %  123,456,789,012
          to A       1.00 ×  0.0000067 ×  ≤ 0.000000100 ×
        no room for P99 and max: --html and --csv have all figures
        ");
    }

    #[test]
    fn what_consumers_saw_stands_beside_that_of_the_first_run() {
        let mut slower = with_consumers();
        let section = slower.end_to_end.as_mut().unwrap();
        section.latency_us.p95 = section.latency_us.p95.map(|us| us * 2);
        let (first, lost, plain) = (with_consumers(), lost(), samples::report(&samples::good()));
        let text = side_by_side(&[&first, &slower, &lost, &plain], &[], Style::plain());
        let from = text.find("to the consumer").unwrap();
        let until = from + text[from..].find("\n\n").unwrap();
        insta::assert_snapshot!(&text[from..until], @"
        to the consumer              P50      P95      P99     max  records
        A extreme                50.0 ms  95.0 ms  99.0 ms  100 ms    1,000
        B extreme                50.0 ms   190 ms  99.0 ms  100 ms    1,000
          to A                    1.00 ×   2.00 ×   1.00 ×  1.00 ×
        C extreme                      -        -        -       -        -
          FAIL (data integrity)
        D extreme                      -        -        -       -        -
        ");
        assert!(!side_by_side(&[&plain, &lost], &[], Style::plain()).contains("consumer"));
    }
}
