//! From nothing to a table and back to nothing.

use super::{Stack, acked, balances};

const TOPIC: &str = "performance-test";
const PRESETS: [&str; 4] = ["basic", "optimized", "extreme", "64kb"];

#[test]
fn quick_start_tests_stop_start_and_clean() {
    let stack = Stack::new();
    quick_start_ends_with_a_table(&stack);
    each_preset_stores_what_it_says(&stack);
    test_all_goes_on_after_a_failure(&stack);
    status_and_topics_show_what_is_there(&stack);
    monitor_shows_the_rate(&stack);
    stop_and_start_keep_the_data(&stack);
    clean_asks_and_deletes(&stack);
}

fn quick_start_ends_with_a_table(stack: &Stack) {
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
    let sustained = &reports[1]["plan"]["load"];
    assert_eq!(sustained["concurrency"], 8);
    assert_eq!(sustained["batch_size"], 100);
    assert_eq!(
        sustained["duration_secs"], 2.0,
        "a flag comes before what quick-start sets"
    );
}

fn each_preset_stores_what_it_says(stack: &Stack) {
    for preset in PRESETS {
        let said = stack.run(&format!("test-{preset}")).ended(0);
        named_for_what_it_is(&said.all());
    }
    every_acked_record_is_stored(stack);
}

fn test_all_goes_on_after_a_failure(stack: &Stack) {
    let all = stack.run("test-all --quiet").ended(0);
    let table = all.out.lines().skip_while(|line| !line.starts_with("TEST"));
    let table: Vec<_> = table.skip(1).collect();
    assert_eq!(table.len(), 4, "{all}");
    for (row, preset) in table.iter().zip(PRESETS) {
        let good = row.starts_with(preset) && row.contains("100 %") && row.contains("PASS");
        assert!(good, "{row}");
    }
    let server = "server: krush front on Apache Kafka 4.3.1\n";
    assert!(all.out.contains(server), "{all}");

    let failed = stack.run("test-all --quiet --fail-on p50>0ms").ended(10);
    let rows = failed.out.lines().filter(|line| line.contains(" FAIL "));
    assert_eq!(rows.count(), 4, "{failed}");
    let gate = stack
        .run("performance-test --quiet --fail-on p50>0ms")
        .ended(10);
    let rows = gate.out.lines().filter(|line| line.contains(" FAIL "));
    assert_eq!(rows.count(), 2, "{gate}");

    // The exit code of krush, whatever it is: too few requests for a P99.
    stack.run("test-extreme --fail-on p99>2s").ended(13);
    stack.run("test-basic --messages 0").ended(2);
    every_acked_record_is_stored(stack);
}

fn status_and_topics_show_what_is_there(stack: &Stack) {
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
        let mut words = topics.lines().map(str::split_whitespace);
        let mut row = words.find(|row| row.clone().next() == Some(topic))?;
        row.nth(1)
    };
    assert_eq!(partitions(TOPIC), Some("48"), "{topics}");
    let consumer = partitions("performance-test-consumer");
    assert_eq!(consumer, Some("24"), "{topics}");
    let logs = stack.run("logs front").ended(0);
    assert!(logs.out.contains("krush front on"), "{logs}");
    stack.run("logs nothing").refusal();
}

fn stop_and_start_keep_the_data(stack: &Stack) {
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
    let linger = "linger.ms=0";
    assert!(log.contains(linger), "the profile reaches the front: {log}");
    // The same again changes nothing; a restart keeps the profile, a start chooses it anew.
    let same = stack.run("start --profile low-latency").ended(0);
    assert!(same.err.contains("broker: running already"), "{same}");
    let restarted = stack.run("restart").ended(0);
    assert!(restarted.err.contains("profile low-latency"), "{restarted}");
    let other = stack.run("start").ended(0);
    assert!(other.err.contains("settings have changed"), "{other}");
    assert_eq!(stack.end_offsets(TOPIC), before);
}

fn clean_asks_and_deletes(stack: &Stack) {
    let before = stack.end_offsets(TOPIC);
    stack.run("clean").refusal();
    assert_eq!(stack.end_offsets(TOPIC), before, "nobody said yes");
    stack.run("clean --yes").ended(0);
    assert!(!stack.path(".stack/data").exists());
    let fetched = stack.path(".stack/kafka");
    assert!(fetched.exists(), "what was fetched stays without --all");
    stack.run("start --local").ended(0);
    let empty = (48, 0);
    assert_eq!(stack.end_offsets(TOPIC), empty, "clean deleted the records");
    stack.run("clean --yes --all").ended(0);
    assert!(!fetched.exists());
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
