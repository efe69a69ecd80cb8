//! What weakens a run without voiding it: each warning says what was seen and what to try.

use std::time::Duration;

use super::Run;
use super::generator::{crowded, sometimes_late, waited_for_connections};
use super::trend::{cold_jvm, growing_latency};
use crate::measure::{End, Failure, FailureKind, PERCENTILES, TargetKind};
use crate::model;
use crate::units::{counted, duration, grouped, latency, percent};
use crate::wire::Dialect;

/// Median latency over smallest service time from which most of the latency is queueing.
const QUEUEING: u64 = 8;
/// Connections that are never too many: fewer are not suggested.
const FEW_CONNECTIONS: u64 = 8;
/// Connections suggested for each request in work at once.
const ROOM: u64 = 4;
/// Success below which latency says nothing about queues.
const GOOD: f64 = 0.99;
/// A run below this says nothing about queues.
const LONG_ENOUGH: Duration = Duration::from_secs(1);
/// The keep-alive defect hits fewer than one request in this many; more is another fault.
const DEFECT_ONE_IN: u64 = 10;
/// Characters of a server's text in a warning; the report has more.
const SAMPLE_SHOWN: usize = 120;
/// How long a REST Proxy may hold a request by its own defaults: max.block.ms.
const PROXY_PATIENCE: Duration = Duration::from_mins(1);

/// Every warning that applies, the most important first.
pub fn warnings(run: &Run) -> Vec<String> {
    [
        not_a_proxy,
        not_all_acked,
        dominating_failure,
        keep_alive_defect,
        maybe_stored,
        without_offset,
        repeated_answers,
        short_timeout,
        burst,
        queueing,
        waited_for_connections,
        sometimes_late,
        crowded,
        growing_latency,
        cold_jvm,
        few_samples,
        reconnects,
        clamped,
        unoptimised,
    ]
    .iter()
    .filter_map(|warning| warning(run))
    .collect()
}

fn not_a_proxy(run: &Run) -> Option<String> {
    let what = match (run.facts.kind, run.facts.embedded) {
        (TargetKind::RestProxy, _) => return None,
        (TargetKind::StandIn, true) => "krush's built-in stand-in, in this process",
        (TargetKind::StandIn, false) => "krush's built-in stand-in",
        (TargetKind::StandInKafka, _) => "krush's own HTTP front before a real Apache Kafka",
    };
    if let Some(model) = model::of_server(&run.facts.server) {
        return Some(format!(
            "the target is {what}, with a capacity model ({model}): throughput and latency are what the model says, not what a REST Proxy does. Name a REST Proxy with --url."
        ));
    }
    Some(format!(
        "the target is {what}: figures are about this machine, not about a REST Proxy. Name a REST Proxy with --url."
    ))
}

fn not_all_acked(run: &Run) -> Option<String> {
    let records = &run.total.ledger.records;
    let scheduled = run.measured.scheduled.records;
    let missing = scheduled.saturating_sub(records.acked);
    (missing > 0).then(|| {
        format!(
            "{} of {} were not acknowledged ({} rejected, {} unknown, {} never sent): success is {}.",
            grouped(missing),
            counted(scheduled, "record", "records"),
            grouped(records.rejected),
            grouped(records.unknown),
            grouped(run.measured.unsent.records),
            percent(run.summary.success_ratio)
        )
    })
}

fn dominating_failure(run: &Run) -> Option<String> {
    let failed = run.failed_records();
    let rows = run.total.failures.rows();
    let first = rows.iter().max_by_key(|row| row.records)?;
    (first.records > 0 && first.records * 2 >= failed && !first.sample.is_empty()).then(|| {
        format!(
            "{} of {} {} one cause ({}): {}",
            grouped(first.records),
            counted(failed.max(first.records), "failed record", "failed records"),
            if first.records == 1 { "has" } else { "have" },
            first.kind.name(),
            first.sample.chars().take(SAMPLE_SHOWN).collect::<String>()
        )
    })
}

fn sum(run: &Run, wanted: impl Fn(&Failure) -> bool) -> (u64, u64) {
    let rows = run.total.failures.rows().iter().filter(|row| wanted(row));
    rows.fold((0, 0), |(requests, records), row| {
        (requests + row.requests, records + row.records)
    })
}

/// Empty answers or rubbish behind good ones, on few of the requests, by a server that still stands.
fn keep_alive_defect(run: &Run) -> Option<String> {
    let speaks_like_it = run.facts.dialect == Dialect::Confluent
        && matches!(run.facts.kind, TargetKind::RestProxy | TargetKind::StandIn);
    let telling = |kind| {
        matches!(
            kind,
            FailureKind::EmptyAnswer | FailureKind::RubbishAfterAnswer
        )
    };
    let (sure, _) = sum(run, |row| telling(row.kind));
    let (requests, records) = sum(run, |row| {
        telling(row.kind)
            || matches!(
                row.kind,
                FailureKind::ServerErrorNoJson | FailureKind::EofInAnswer
            )
    });
    let few = requests * DEFECT_ONE_IN < run.total.ledger.requests.sent;
    let gone = run.measured.end == End::TargetGone;
    (speaks_like_it && sure > 0 && few && !gone).then(|| {
        format!(
            "{} {} empty, cut, not JSON or had rubbish behind: Confluent REST Proxy 8.0.0 to 8.0.2 and 8.1.0 answer \
             good requests on kept-alive connections like that (fixed in 8.0.3, 8.1.1, 8.2.0). Unknown because of it: {}; \
             on those versions the records of such answers are mostly stored. Update the proxy; if it is newer, look \
             at what stands between.",
            counted(requests, "answer", "answers"),
            if requests == 1 { "was" } else { "were" },
            counted(records, "record", "records")
        )
    })
}

fn maybe_stored(run: &Run) -> Option<String> {
    let (_, records) = sum(run, |row| row.kind == FailureKind::RecordUnknown);
    (records > 0).then(|| {
        format!(
            "{} came back as failed but may be stored (expired in the proxy's buffer, or an unclear error): counted \
             as unknown. Compare the topic's end offsets before calling any lost, or sending any again.",
            counted(records, "record", "records")
        )
    })
}

/// Facts of the servers: with acks=0 every offset is -1 and failures vanish; Karapace answers -1 for falsy values.
fn without_offset(run: &Run) -> Option<String> {
    let records = run.total.acked_without_offset;
    (records > 0).then(|| {
        format!(
            "{} acknowledged without an offset (-1): with acks=0 in the proxy's producer that means sent, not stored, and \
             failures do not show. Look at the proxy's producer settings before trusting success.",
            counted(records, "record was", "records were")
        )
    })
}

fn repeated_answers(run: &Run) -> Option<String> {
    let answers = run.total.repeated_answers;
    (answers > 0).then(|| {
        format!(
            "{} named the same partition and offset as the one before on its connection, and Kafka gives no two records \
             the same: the target is a mock, or answers with what it answered before. Success is what it claims, no more.",
            counted(answers, "answer", "answers")
        )
    })
}

fn short_timeout(run: &Run) -> Option<String> {
    let timeout = run.plan.load.timeout;
    let (requests, _) = sum(run, |row| row.kind == FailureKind::Timeout);
    (requests > 0 && timeout < PROXY_PATIENCE).then(|| {
        format!(
            "{} got no answer within {}. A REST Proxy by default waits 60 s for metadata and 120 s for \
             delivery before it answers with the reason; try --timeout 130s to see it.",
            counted(requests, "request", "requests"),
            duration(timeout)
        )
    })
}

/// A closed loop that ended before it became one; in an open loop the schedule paces few requests as well as many.
fn is_burst(run: &Run) -> bool {
    !run.plan.load.is_open_loop()
        && run.measured.scheduled.requests < 2 * u64::from(run.plan.load.concurrency)
}

fn burst(run: &Run) -> Option<String> {
    let requests = run.measured.scheduled.requests;
    let connections = run.plan.load.concurrency;
    if !is_burst(run) || connections < 2 || run.interrupted() {
        return None;
    }
    let idle = match run.measured.connections.unused {
        0 => String::new(),
        1 => "; 1 connection sent nothing".to_owned(),
        unused => format!("; {} connections sent nothing", grouped(unused)),
    };
    Some(format!(
        "{} over {} connections: a burst, not sustained load{idle}. Try --duration 30s.",
        counted(requests, "batch", "batches"),
        grouped(u64::from(connections))
    ))
}

/// Far more time than the target needs for a request, in a run that is long and good enough to tell. By Little's law
/// requests per second × service time are in work at once; what is suggested leaves room, and is to be compared.
fn queueing(run: &Run) -> Option<String> {
    let connections = u64::from(run.plan.load.concurrency);
    if run.plan.load.is_open_loop()
        || is_burst(run)
        || run.summary.success_ratio < GOOD
        || run.measured.elapsed < LONG_ENOUGH
    {
        return None;
    }
    let p50 = run.summary.latency_us.p50?;
    let least = (!run.total.service_time.is_empty())
        .then(|| run.total.service_time.min())?
        .max(1);
    let in_work = (run.summary.requests_per_sec * least as f64 / 1e6).ceil() as u64;
    let fewer = in_work.saturating_mul(ROOM).max(FEW_CONNECTIONS);
    (p50 / least >= QUEUEING && fewer <= connections / 2).then(|| {
        format!(
            "half of the requests took {} or more, the fastest {}: most of the latency is waiting, in a queue or for a \
             processor; fewer connections may give the same throughput at a lower latency. Try --concurrency {fewer}, \
             and compare, or let krush tune find the best.",
            latency(p50),
            latency(least),
        )
    })
}

fn few_samples(run: &Run) -> Option<String> {
    let samples = run.latency.samples();
    let beyond = |percentile: f64| samples as f64 * (100.0 - percentile) / 100.0 < 1.0 - 1e-9;
    let shown: Vec<f64> = PERCENTILES.map(|(_, percentile)| percentile).to_vec();
    let same: Vec<f64> = shown.into_iter().filter(|&p| beyond(p)).collect();
    let least = *same.first()?;
    if samples == 0 {
        return None;
    }
    let names: Vec<String> = same.iter().map(|p| format!("P{p}")).collect();
    let (names, verb) = match names.len() {
        1 => (names.concat(), "is"),
        _ => (names.join(", "), "are"),
    };
    let advice = if run.interrupted() {
        ""
    } else {
        " Raise --messages or --duration, or lower --batch-size."
    };
    Some(format!(
        "{}: {names} {verb} simply the slowest one (P{least} needs {} requests).{advice}",
        counted(samples, "request", "requests"),
        grouped((100.0 / (100.0 - least)).round() as u64)
    ))
}

fn reconnects(run: &Run) -> Option<String> {
    let connections = &run.measured.connections;
    let (again, failed) = (connections.reconnects, connections.connect_failures);
    let refused = format!(
        "{} to connect failed",
        counted(failed, "attempt", "attempts")
    );
    let reopened = format!(
        "connections were opened again {}",
        counted(again, "time", "times")
    );
    let why = "the latency contains that. Possible causes: krush itself closes after a time-out or an answer that it \
               cannot trust, a server or what stands before it may answer with Connection: close, and Confluent closes \
               after 30 s without a request";
    match (again, failed) {
        (0, 0) => None,
        (_, 0) => Some(format!("{reopened}: {why}.")),
        (0, _) => Some(format!(
            "{refused}: look at the target's log and at its limit of connections, or try fewer with --concurrency."
        )),
        _ => Some(format!("{reopened}, and {refused}: {why}.")),
    }
}

fn clamped(run: &Run) -> Option<String> {
    let clamped = run.total.clamped;
    (clamped > 0).then(|| {
        format!(
            "{} above one hour {} recorded as one hour: the maximum is at least that.",
            counted(clamped, "latency", "latencies"),
            if clamped == 1 { "is" } else { "are" }
        )
    })
}

fn unoptimised(run: &Run) -> Option<String> {
    run.debug_build.then(|| {
        "unoptimised build: the client may be the limit; use cargo run --release.".to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{Fixture, answered, seconds};
    use super::*;
    use crate::measure::Exchange;

    #[test]
    fn a_quiet_run_gives_no_warning() {
        assert_eq!(warnings(&Fixture::quiet().run()), Vec::<String>::new());
    }

    #[test]
    #[expect(clippy::too_many_lines, reason = "one table with a row a warning")]
    fn each_sign_gives_its_own_warning() {
        type Change = fn(&mut Fixture);
        let cases: [(&str, Change); 20] = [
            ("stand-in", |f| {
                f.facts.kind = TargetKind::StandIn;
                f.facts.embedded = true;
            }),
            ("front", |f| f.facts.kind = TargetKind::StandInKafka),
            ("burst", |f| {
                f.plan.load.concurrency = 600;
                f.measured.connections.unused = 1;
            }),
            ("queueing", |f| {
                f.plan.load.concurrency = 100;
                let slow = |i: u64| Exchange {
                    done_us: if i == 0 { 10_000 } else { 180_000 },
                    ..answered(i)
                };
                f.record((0..1_000).map(slow));
            }),
            ("growing, closed", |f| {
                f.measured.timeline = seconds(&[
                    (50, 10),
                    (50, 10),
                    (50, 12),
                    (50, 14),
                    (50, 16),
                    (50, 20),
                    (1, 9),
                ]);
            }),
            ("growing, open", |f| {
                f.open_loop(50.0);
                f.measured.timeline = seconds(&[
                    (50, 10),
                    (50, 10),
                    (50, 12),
                    (50, 14),
                    (50, 16),
                    (50, 20),
                    (1, 9),
                ]);
            }),
            ("cold", |f| f.plan.load.warmup = Duration::ZERO),
            ("warming", |f| {
                f.measured.timeline =
                    seconds(&[(20, 9), (20, 9), (30, 9), (40, 9), (50, 9), (50, 9), (1, 9)]);
            }),
            ("time-outs", |f| {
                f.plan.load.timeout = Duration::from_secs(10);
                f.fail(
                    FailureKind::Timeout,
                    None,
                    None,
                    3,
                    0,
                    "no answer within 10 s",
                );
            }),
            ("empty answers", |f| {
                f.fail(FailureKind::EmptyAnswer, Some(200), None, 2, 2_000, "");
            }),
            ("one cause", |f| {
                f.fail(
                    FailureKind::Reset,
                    None,
                    None,
                    2,
                    2_000,
                    "connection reset by peer",
                );
                f.fail(FailureKind::Connect, None, None, 2, 0, "connection refused");
            }),
            ("cold, a little warm-up", |f| {
                f.plan.load.warmup = Duration::from_secs(5);
            }),
            ("cut answers", |f| {
                f.fail(FailureKind::EofInAnswer, Some(200), None, 2, 0, "");
                f.fail(FailureKind::RubbishAfterAnswer, Some(200), None, 1, 1, "");
            }),
            ("expired", |f| {
                f.fail(FailureKind::RecordUnknown, Some(200), Some(50003), 0, 7, "");
            }),
            ("reconnects", |f| f.measured.connections.reconnects = 4),
            ("connect failures", |f| {
                f.measured.connections.connect_failures = 2;
            }),
            ("clamped", |f| f.measured.targets[0].clamped = 2),
            ("debug", |f| f.debug_build = true),
            ("few", |f| {
                f.measured.scheduled.requests = 50;
                f.measured.scheduled.records = 50_000;
                f.record((0..50).map(answered));
            }),
            ("not acked", |f| {
                f.record((0..999).map(|index| answered(index % 100)));
            }),
        ];
        let given = |(name, change): (&str, Change)| {
            let mut fixture = Fixture::quiet();
            change(&mut fixture);
            let lines = warnings(&fixture.run());
            let named: Vec<String> = lines.iter().map(|line| format!("{name}: {line}")).collect();
            named.join("\n")
        };
        insta::assert_snapshot!(cases.map(given).join("\n"), @"
        stand-in: the target is krush's built-in stand-in, in this process: figures are about this machine, not about a REST Proxy. Name a REST Proxy with --url.
        front: the target is krush's own HTTP front before a real Apache Kafka: figures are about this machine, not about a REST Proxy. Name a REST Proxy with --url.
        burst: 1,000 batches over 600 connections: a burst, not sustained load; 1 connection sent nothing. Try --duration 30s.
        queueing: half of the requests took 180 ms or more, the fastest 9.94 ms: most of the latency is waiting, in a queue or for a processor; fewer connections may give the same throughput at a lower latency. Try --concurrency 20, and compare, or let krush tune find the best.
        growing, closed: latency grew over the run with no gain in throughput: P50 10 µs in the first third, 20 µs in the last, at 50 and 50 rec/s; the target is slowing down: look at its disks, heap and garbage collection.
        growing, open: latency grew over the run with no gain in throughput: P50 10 µs in the first third, 20 µs in the last, at 50 and 50 rec/s; the target does not keep up with the rate: try a lower --rate.
        cold: no warm-up and 2.05 s of measuring say little about a JVM: a cold proxy was seen 3× slower in its first 10–15 s; try --warmup 15s.
        warming: the proxy was still getting faster: 20 rec/s in the first third, 50 in the last; a cold proxy was seen 3× slower in its first 10–15 s; try --warmup 15s.
        time-outs: 3 requests got no answer within 10s. A REST Proxy by default waits 60 s for metadata and 120 s for delivery before it answers with the reason; try --timeout 130s to see it.
        empty answers: 2 answers were empty, cut, not JSON or had rubbish behind: Confluent REST Proxy 8.0.0 to 8.0.2 and 8.1.0 answer good requests on kept-alive connections like that (fixed in 8.0.3, 8.1.1, 8.2.0). Unknown because of it: 2,000 records; on those versions the records of such answers are mostly stored. Update the proxy; if it is newer, look at what stands between.
        one cause: 2,000 of 2,000 failed records have one cause (reset): connection reset by peer
        cold, a little warm-up: 5s of warm-up and 2.05 s of measuring say little about a JVM: a cold proxy was seen 3× slower in its first 10–15 s; try --warmup 15s.
        cut answers: 3 answers were empty, cut, not JSON or had rubbish behind: Confluent REST Proxy 8.0.0 to 8.0.2 and 8.1.0 answer good requests on kept-alive connections like that (fixed in 8.0.3, 8.1.1, 8.2.0). Unknown because of it: 1 record; on those versions the records of such answers are mostly stored. Update the proxy; if it is newer, look at what stands between.
        expired: 7 records came back as failed but may be stored (expired in the proxy's buffer, or an unclear error): counted as unknown. Compare the topic's end offsets before calling any lost, or sending any again.
        reconnects: connections were opened again 4 times: the latency contains that. Possible causes: krush itself closes after a time-out or an answer that it cannot trust, a server or what stands before it may answer with Connection: close, and Confluent closes after 30 s without a request.
        connect failures: 2 attempts to connect failed: look at the target's log and at its limit of connections, or try fewer with --concurrency.
        clamped: 2 latencies above one hour are recorded as one hour: the maximum is at least that.
        debug: unoptimised build: the client may be the limit; use cargo run --release.
        few: 50 requests: P99, P99.9 are simply the slowest one (P99 needs 100 requests). Raise --messages or --duration, or lower --batch-size.
        not acked: 1,000 of 1,000,000 records were not acknowledged (0 rejected, 0 unknown, 1,000 never sent): success is 99.9 %.
        ");
    }

    #[test]
    fn few_requests_in_an_open_loop_are_no_burst() {
        let mut fixture = Fixture::new();
        assert!(burst(&fixture.run()).is_some());
        fixture.open_loop(50_000.0);
        assert_eq!(burst(&fixture.run()), None);
    }

    #[test]
    fn an_interrupted_run_is_not_told_to_run_longer() {
        let mut fixture = Fixture::new();
        for end in [End::Interrupted, End::Abandoned] {
            fixture.measured.end = end;
            assert_eq!(burst(&fixture.run()), None);
            let few = few_samples(&fixture.run()).expect("100 requests are few");
            assert!(!few.contains("--"), "{few}");
        }
    }

    #[test]
    fn queueing_is_only_called_where_fewer_connections_can_be_tried() {
        let told = |change: fn(&mut Fixture)| {
            let mut fixture = Fixture::quiet();
            fixture.plan.load.concurrency = 40;
            let slow = |i: u64| Exchange {
                done_us: if i == 0 { 10_000 } else { 180_000 },
                ..answered(i)
            };
            fixture.record((0..1_000).map(slow));
            change(&mut fixture);
            queueing(&fixture.run()).is_some()
        };
        assert!(told(|_| {}), "20 of 40");
        assert!(!told(|f| f.plan.load.concurrency = 39), "20 of 39");
        assert!(!told(|f| f.open_loop(50_000.0)));
        assert!(!told(|f| f.measured.elapsed = Duration::from_millis(999)));
        assert!(
            !told(|f| f.measured.scheduled.records = 1_010_102),
            "98.99 %"
        );
        assert!(told(|f| f.measured.scheduled.records = 1_010_000));
    }

    #[test]
    fn one_is_singular() {
        let mut fixture = Fixture::quiet();
        fixture.plan.load.timeout = Duration::from_secs(10);
        fixture.measured.connections.reconnects = 1;
        fixture.fail(FailureKind::Timeout, None, None, 1, 1, "slow");
        fixture.fail(FailureKind::EmptyAnswer, Some(200), None, 1, 1, "");
        fixture.fail(FailureKind::RecordUnknown, Some(200), Some(50003), 0, 1, "");
        let all = warnings(&fixture.run()).join("\n");
        for wanted in ["1 time:", "1 request got", "1 answer was", "1 record came"] {
            assert!(all.contains(wanted), "{wanted}: {all}");
        }
    }

    #[test]
    fn acknowledgements_without_an_offset_are_told() {
        let told = |records| {
            let mut f = Fixture::new();
            f.measured.targets[0].acked_without_offset = records;
            warnings(&f.run())
                .iter()
                .any(|warning| warning.contains("acks=0"))
        };
        assert!(told(3));
        assert!(!told(0));
    }

    #[test]
    fn a_target_that_gives_every_record_the_same_place_is_named() {
        let told = |answers| {
            let mut f = Fixture::new();
            f.measured.targets[0].repeated_answers = answers;
            let warnings = warnings(&f.run());
            warnings.iter().any(|warning| warning.contains("mock"))
        };
        assert!(told(1));
        assert!(!told(0));
    }

    #[test]
    fn the_keep_alive_defect_is_only_named_for_its_pattern() {
        use FailureKind::{EmptyAnswer, EofInAnswer, RubbishAfterAnswer, ServerErrorNoJson};
        let named = |failures: &[(FailureKind, u64)], end| {
            let mut fixture = Fixture::quiet();
            fixture.measured.end = end;
            for &(kind, requests) in failures {
                fixture.fail(kind, Some(200), None, requests, 0, "");
            }
            keep_alive_defect(&fixture.run()).is_some()
        };
        // Of 1,000 requests.
        assert!(named(
            &[(EmptyAnswer, 1), (ServerErrorNoJson, 98)],
            End::Finished
        ));
        assert!(named(&[(RubbishAfterAnswer, 99)], End::Finished));
        assert!(!named(
            &[(EmptyAnswer, 1), (ServerErrorNoJson, 99)],
            End::Finished
        ));
        assert!(!named(&[(ServerErrorNoJson, 50)], End::Finished));
        assert!(!named(&[(EofInAnswer, 50)], End::Finished));
        assert!(!named(&[(EmptyAnswer, 1)], End::TargetGone));
    }

    #[test]
    fn the_keep_alive_defect_is_only_named_where_it_can_be() {
        let named = |kind, dialect| {
            let mut fixture = Fixture::quiet();
            fixture.facts.kind = kind;
            fixture.facts.dialect = dialect;
            fixture.fail(FailureKind::EmptyAnswer, Some(200), None, 1, 0, "");
            warnings(&fixture.run()).iter().any(|w| w.contains("8.0.3"))
        };
        assert!(named(TargetKind::RestProxy, Dialect::Confluent));
        assert!(named(TargetKind::StandIn, Dialect::Confluent));
        assert!(!named(TargetKind::RestProxy, Dialect::Strimzi));
        assert!(!named(TargetKind::StandInKafka, Dialect::Confluent));
    }
}
