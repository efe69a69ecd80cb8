//! The front against a real Apache Kafka: compiled with feature `kafka`, run by `tests/kafka/run.sh`, which starts the broker.
mod consumers;
mod front;
mod pipeline;
mod presets;
mod processes;
mod producer;

/// The broker under test. Without one these tests fail: a test that did not run must not look like one that passed.
fn broker() -> String {
    variable("KRUSH_TEST_KAFKA")
}

fn variable(name: &str) -> String {
    std::env::var(name)
        .unwrap_or_else(|_| panic!("{name} is not set: run these tests with tests/kafka/run.sh"))
}

/// A name no other test and no earlier run has used.
fn topic_name(what: &str) -> String {
    static NEXT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    let next = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    format!("it-{what}-{}-{next}", std::process::id())
}
