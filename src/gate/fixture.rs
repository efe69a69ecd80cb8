//! A fixed run for tests: 100 batches of 1,000 records over 500 connections, answered after 101 to 200 ms.

use std::time::{Duration, SystemTime};

use super::Run;
use crate::measure::{
    Blocks, Bounds, Buckets, Claims, Connections, Counts, End, Exchange, FailureKind, Generator,
    Ledger, Measured, Recorder, SecondStats, Slices, Starvation, TargetFacts, TargetKind,
};
use crate::plan::{
    Comparison, Content, KeyMode, Load, Metric, Output, Pace, Payload, Plan, Reference, Stop,
    Target, Threshold, Tls, Topic,
};
use crate::units::{ByteSize, Rate};
use crate::wire::{Dialect, Format};

pub(crate) struct Fixture {
    pub(crate) plan: Plan,
    pub(crate) facts: TargetFacts,
    pub(crate) measured: Measured,
    pub(crate) debug_build: bool,
}

pub(crate) fn threshold(expression: &str, percentile: f64, limit_us: f64) -> Threshold {
    Threshold {
        expression: expression.to_owned(),
        metric: Metric::Latency(percentile),
        fails_if: Comparison::Greater,
        value: limit_us,
    }
}

/// Answered completely after 101 + `index` ms.
pub(crate) fn answered(index: u64) -> Exchange {
    Exchange {
        due_us: 0,
        sent_us: 50,
        done_us: 101_000 + index * 1_000,
        free_us: None,
        acked: 1_000,
        rejected: 0,
        unknown: 0,
        lower_bound: false,
    }
}

/// Timeline rows from records acked and median latency in µs.
pub(crate) fn seconds(rows: &[(u64, u64)]) -> Vec<SecondStats> {
    let row = |(second, &(records_acked, p50_us)): (usize, &(u64, u64))| SecondStats {
        second: second as u64,
        records_due: records_acked,
        requests_due: records_acked / 1_000,
        records_sent: records_acked,
        requests_sent: records_acked / 1_000,
        records_acked,
        requests: records_acked / 1_000,
        failures: 0,
        p50_us: Some(p50_us),
        p95_us: Some(p50_us * 2),
        max_us: Some(p50_us * 3),
        bounds: Bounds::default(),
        buckets: Buckets::default(),
    };
    rows.iter().enumerate().map(row).collect()
}

impl Fixture {
    /// Makes it an open loop that took as long as it was planned to.
    pub(crate) fn open_loop(&mut self, records_per_sec: f64) {
        self.plan.load.pace = Some(Pace::constant(Rate(records_per_sec)));
        let secs = self.measured.scheduled.records as f64 / records_per_sec;
        self.measured.planned = Some(Duration::from_secs_f64(secs));
        self.own_lateness_is_send_delay();
    }

    /// As in an open loop whose requests all had a connection when they were due.
    fn own_lateness_is_send_delay(&mut self) {
        for recorder in &mut self.measured.targets {
            recorder.own_lateness = recorder.send_delay.clone();
        }
    }

    /// A run with nothing to warn about: sustained, warmed up, 1,000 requests over 10 connections.
    pub(crate) fn quiet() -> Self {
        let mut fixture = Self::new();
        fixture.plan.load.concurrency = 10;
        fixture.plan.load.warmup = Duration::from_secs(15);
        fixture.measured.scheduled = Counts {
            requests: 1_000,
            records: 1_000_000,
        };
        fixture.record((0..1_000).map(|index| answered(index % 100)));
        fixture
    }

    pub(crate) fn new() -> Self {
        let mut fixture = Self {
            plan: plan(),
            facts: facts(),
            measured: measured(),
            debug_build: false,
        };
        fixture.record((0..100).map(answered));
        fixture
    }

    pub(crate) fn run(&self) -> Run<'_> {
        Run::new(&self.plan, &self.facts, &self.measured, self.debug_build)
    }

    /// Replaces what was sent; what is missing to 100 requests is unsent.
    pub(crate) fn record(&mut self, exchanges: impl IntoIterator<Item = Exchange>) {
        let mut recorder = Recorder::new();
        let mut in_flight_us = 0;
        let mut slices = Slices::default();
        let mut last_us = 0;
        for exchange in exchanges {
            in_flight_us += exchange.done_us - exchange.sent_us;
            recorder.sent(exchange.acked + exchange.rejected + exchange.unknown);
            recorder.ended(&exchange);
            slices.ended(&exchange, 0);
            last_us = exchange.done_us.max(last_us);
            recorder.payload_bytes_acked += exchange.acked * 270;
            recorder.wire_bytes_sent += 290_000;
            recorder.wire_bytes_received += 60_000;
        }
        let scheduled = self.measured.scheduled;
        self.measured.unsent = Counts {
            requests: scheduled.requests - recorder.ledger.requests.sent,
            records: scheduled.records - recorder.ledger.records.sent,
        };
        for _ in 0..self.measured.unsent.requests {
            recorder.never_sent(0, 2_000_000, 1);
        }
        self.measured.targets = vec![recorder];
        self.measured.blocks = slices.blocks(last_us);
        self.measured.generator.in_flight_us = in_flight_us;
        if self.plan.load.is_open_loop() {
            self.own_lateness_is_send_delay();
        }
    }

    pub(crate) fn never_sent(&mut self, requests: u64) {
        self.record((0..100 - requests).map(answered));
    }

    pub(crate) fn nothing_sent(&mut self) {
        self.never_sent(100);
        self.measured.window = None;
    }

    /// This many of 100 requests were sent so late by krush itself, the others 1 µs.
    pub(crate) fn send_late(&mut self, requests: u64, late_us: u64) {
        let histogram = &mut self.measured.targets[0].own_lateness;
        histogram.clear();
        histogram.record_n(1, 100 - requests).unwrap();
        histogram.record_n(late_us, requests).unwrap();
    }

    /// This many requests waited for a connection, each as long.
    pub(crate) fn starve(&mut self, requests: u64, waited_us: u64) {
        self.measured.targets[0].starvation = Starvation {
            requests,
            total_us: requests * waited_us,
            max_us: waited_us,
        };
    }

    /// Every request ends unknown, for this reason.
    pub(crate) fn refuse_all(&mut self, kind: FailureKind, status: Option<u16>) {
        let lost = |index| Exchange {
            acked: 0,
            unknown: 1_000,
            lower_bound: true,
            ..answered(index)
        };
        self.record((0..100).map(lost));
        self.fail(kind, status, None, 100, 100_000, "something broke");
        self.measured.window = None;
    }

    /// One answer refuses this many records of its 1,000.
    pub(crate) fn fail_records(&mut self, records: u64) {
        let partial = Exchange {
            acked: 1_000 - records,
            rejected: records,
            ..answered(99)
        };
        self.record((0..99).map(answered).chain([partial]));
        let text = "The message is 1200000 bytes when serialized which is larger than 1048576, which is the value of the max.request.size configuration.";
        self.fail(
            FailureKind::RecordRejected,
            Some(200),
            Some(50002),
            1,
            records,
            text,
        );
    }

    pub(crate) fn fail(
        &mut self,
        kind: FailureKind,
        status: Option<u16>,
        code: Option<i64>,
        requests: u64,
        records: u64,
        sample: &str,
    ) {
        self.measured.targets[0]
            .failures
            .add(kind, status, code, requests, records, || sample.to_owned());
    }
}

fn plan() -> Plan {
    Plan {
        scenario: "extreme".to_owned(),
        target: Target {
            urls: vec![url::Url::parse("http://localhost:8082").unwrap()],
            named: false,
            embedded: false,
            faults: Vec::new(),
            model: None,
            dialect: None,
            headers: Vec::new(),
            auth: None,
            tls: Tls::default(),
        },
        topic: Topic {
            name: "performance-test".to_owned(),
            partitions: 48,
            replication_factor: None,
            create: true,
        },
        load: Load {
            stop: Stop::Messages(100_000),
            concurrency: 500,
            batch_size: 1_000,
            pace: None,
            warmup: Duration::ZERO,
            timeout: Duration::from_mins(1),
            drain: Duration::from_secs(30),
            threads: 2,
            verify: false,
            back_pressure: None,
        },
        payload: Payload {
            format: Format::Json,
            message_size: ByteSize(200),
            content: Content::Text,
            key: KeyMode::None,
            seed: 1,
        },
        thresholds: Vec::new(),
        reference: Some(Reference {
            records_per_sec: Some(42_284.0),
            p95: Some(Duration::from_millis(2_160)),
            success_ratio: Some(1.0),
            goal_records_per_sec: Some(50_000.0),
            source: Some("proof of concept, one broker, about 8 cores".to_owned()),
        }),
        baseline: None,
        output: Output {
            history: None,
            push_gateway: None,
            prometheus_port: None,
            files: Vec::new(),
            quiet: false,
            color: false,
        },
    }
}

fn facts() -> TargetFacts {
    TargetFacts {
        kind: TargetKind::RestProxy,
        embedded: false,
        urls: vec!["http://localhost:8082".to_owned()],
        server: "REST Proxy".to_owned(),
        apis: vec!["v2".to_owned(), "v3".to_owned()],
        dialect: Dialect::Confluent,
        partitions: Some(48),
        topic_created: false,
    }
}

fn measured() -> Measured {
    Measured {
        claims: Claims::default(),
        // 2026-11-21T10:15:02Z
        started_at: SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_256_102),
        elapsed: Duration::from_millis(2_050),
        planned: None,
        window: Some(Duration::from_secs(2)),
        first_byte_after_due: Some(Duration::from_micros(50)),
        scheduled: Counts {
            requests: 100,
            records: 100_000,
        },
        unsent: Counts::default(),
        targets: Vec::new(),
        warmup: Ledger::default(),
        timeline: Vec::new(),
        spans: Vec::new(),
        blocks: Blocks::default(),
        connections: Connections {
            planned: 500,
            reconnects: 0,
            connect_failures: 0,
            unused: 400,
            used_once: 100,
        },
        generator: Generator {
            thread_busy_ratios: vec![0.31, 0.28],
            thread_wait_ratios: vec![0.02, 0.01],
            cpu: Some(Duration::from_millis(1_200)),
            in_flight_us: 0,
            clock_skew: Duration::from_micros(12),
            peak_rss_bytes: Some(18 << 20),
        },
        end: End::Finished,
        gone: Vec::new(),
    }
}
