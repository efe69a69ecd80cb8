//! From nothing to a table and back to nothing.

use super::{Stack, acked, balances};

const TOPIC: &str = "performance-test";

#[test]
fn quick_start_tests_stop_start_and_clean() {
    let stack = Stack::new();
    let first = stack
        .run("quick-start --local --duration 2s --warmup 1s")
        .ended(0);
    for sentence in [
        "broker: ready after",
        "front: ready after",
        "krush front on Apache Kafka 4.3.1, not a REST Proxy",
    ] {
        assert!(first.err.contains(sentence), "{sentence}: {first}");
    }
    for line in [
        "throughput",
        "42,284",
        "acked",
        "PASS",
        "(krush front on Apache Kafka 4.3.1, v2 + v3)",
    ] {
        assert!(first.out.contains(line), "{line}: {first}");
    }
    named_for_what_it_is(&first.all());
    let reports = stack.reports();
    assert_eq!(reports.len(), 2, "basic and extreme");
    let sustained = &reports[1];
    assert_eq!(sustained["plan"]["load"]["concurrency"], 8);
    assert_eq!(sustained["plan"]["load"]["batch_size"], 100);
    assert_eq!(
        sustained["plan"]["load"]["duration_secs"], 2.0,
        "a flag comes before what quick-start sets"
    );

    for preset in ["basic", "optimized", "extreme", "64kb"] {
        let said = stack.run(&format!("test-{preset}")).ended(0);
        named_for_what_it_is(&said.all());
    }
    every_acked_record_is_stored(&stack);

    let all = stack.run("test-all --quiet").ended(0);
    let table: Vec<_> = all
        .out
        .lines()
        .skip_while(|line| !line.starts_with("TEST"))
        .collect();
    assert_eq!(table.len(), 5, "{all}");
    for (row, preset) in table[1..]
        .iter()
        .zip(["basic", "optimized", "extreme", "64kb"])
    {
        assert!(
            row.starts_with(preset) && row.contains("100 %") && row.contains("PASS"),
            "{row}"
        );
    }
    assert!(
        all.out
            .contains("server: krush front on Apache Kafka 4.3.1\n"),
        "{all}"
    );
    every_acked_record_is_stored(&stack);

    let failed = stack.run("test-all --quiet --fail-on p50>0ms").ended(10);
    let rows = failed.out.lines().filter(|line| line.contains(" FAIL "));
    assert_eq!(rows.count(), 4, "it goes on after a failure: {failed}");

    // The exit code of krush, whatever it is: too few requests for a P99.
    stack.run("test-extreme --fail-on p99>2s").ended(13);
    stack.run("test-basic --messages 0").ended(2);
    every_acked_record_is_stored(&stack);

    let status = stack.run("status").ended(0);
    for part in [
        "broker     healthy",
        "front      healthy",
        TOPIC,
        "Apache Kafka 4.3.1",
        "krush 0.1.0",
    ] {
        assert!(status.out.contains(part), "{part}: {status}");
    }
    let topics = stack.run("topics").ended(0).out;
    let partitions = |topic: &str| {
        let row = topics
            .lines()
            .find(|line| line.split_whitespace().next() == Some(topic));
        row.and_then(|row| row.split_whitespace().nth(1))
            .map(str::to_owned)
    };
    assert_eq!(partitions(TOPIC).as_deref(), Some("48"), "{topics}");
    assert_eq!(
        partitions("performance-test-consumer").as_deref(),
        Some("24"),
        "{topics}"
    );

    monitor_shows_the_rate(&stack);

    let before = stack.end_offsets(TOPIC);
    stack.run("stop").ended(0);
    let stopped = stack.run("status").ended(15);
    assert!(stopped.out.contains("broker     down"), "{stopped}");
    // Nobody there: krush says so, and is not answered by its stand-in.
    let nobody = stack.run("test-basic").ended(15);
    assert!(nobody.err.contains("nothing listens at"), "{nobody}");
    let again = stack.run("start --profile low-latency").ended(0);
    assert!(again.err.contains("profile low-latency"), "{again}");
    assert_eq!(stack.end_offsets(TOPIC), before, "the data is still there");
    let log = std::fs::read_to_string(stack.path(".stack/logs/front.log")).unwrap();
    assert!(
        log.contains("linger.ms=0"),
        "the profile reaches the front: {log}"
    );
    // The same again changes nothing; other settings restart it.
    let same = stack.run("start --profile low-latency").ended(0);
    assert!(same.err.contains("broker: running already"), "{same}");
    let other = stack.run("restart").ended(0);
    assert!(other.err.contains("profile low-latency"), "{other}");
    assert_eq!(stack.end_offsets(TOPIC), before);

    let logs = stack.run("logs broker").ended(0);
    assert!(logs.out.contains("kafka"), "{logs}");

    stack.run("clean").refusal();
    assert_eq!(stack.end_offsets(TOPIC), before, "nobody said yes");
    stack.run("clean --yes").ended(0);
    assert!(!stack.path(".stack/data").exists());
    assert!(
        stack.path(".stack/kafka").exists(),
        "what was fetched stays without --all"
    );
    stack.run("start --local").ended(0);
    assert_eq!(
        stack.end_offsets(TOPIC),
        (48, 0),
        "clean deleted the records"
    );
    stack.run("clean --yes --all").ended(0);
    assert!(!stack.path(".stack/kafka").exists());
}

/// The front is never passed off as the thing it stands for.
#[track_caller]
fn named_for_what_it_is(text: &str) {
    let flowing = text.split_whitespace().collect::<Vec<_>>().join(" ");
    for claim in flowing.split("REST Proxy").collect::<Vec<_>>().windows(2) {
        let before = claim[0];
        let denied = ["not a ", "not about a ", "Name a "]
            .iter()
            .any(|words| before.ends_with(words));
        assert!(denied, "…{before}REST Proxy in {text}");
    }
}

#[track_caller]
fn every_acked_record_is_stored(stack: &Stack) {
    let reports = stack.reports();
    reports.iter().for_each(balances);
    for report in &reports {
        assert_eq!(report["target"]["kind"], "stand-in-kafka");
        assert_eq!(report["ledger"]["records"]["unknown"], 0, "{report}");
    }
    let acked: u64 = reports.iter().map(acked).sum();
    assert_eq!(stack.end_offsets(TOPIC), (48, acked));
}

fn monitor_shows_the_rate(stack: &Stack) {
    let load = stack.begin("test-basic --rate 4k/s --batch-size 40 --duration 6s --quiet");
    stack.await_more_records(TOPIC, stack.records(TOPIC));
    let watched = stack.run(&format!("monitor {TOPIC} --samples 3")).ended(0);
    load.end().ended(0);
    let rates: Vec<u64> = watched
        .out
        .lines()
        .skip(1)
        .map(|line| {
            assert!(line.contains(TOPIC), "{line}");
            let rate = line.split_whitespace().nth(2).unwrap().replace(',', "");
            rate.parse().unwrap()
        })
        .collect();
    assert_eq!(rates.len(), 3, "{watched}");
    // The offsets are read at moments that this machine chooses: the rate is right on average, not each second.
    let mean = rates.iter().sum::<u64>() / 3;
    assert!(
        (2_000..=6_000).contains(&mean),
        "4,000 records/s shown as {rates:?}"
    );
}
