//! What each step of a request costs in user space: encode, check, record, schedule. See docs/performance.md.
//!
//! `cargo bench` measures, `cargo test --bench micro` runs every benchmark once. The answers are what Confluent REST Proxy 8.0.5
//! was recorded to send (`tests/wire/`), with as many entries as records were asked for.

use std::time::Duration;

use divan::counter::{BytesCount, ItemsCount};
use divan::{AllocProfiler, Bencher, black_box};
use krush::engine::bench::{Check, Turns};
use krush::measure::{Exchange, Recorder, TimelineDelta};
use krush::payload::{Head, Stamp, Template};
use krush::plan::{Arrivals, Content, KeyMode, Pace, Payload, Rates};
use krush::units::{ByteSize, Rate};
use krush::wire::Format;

/// Shows what each benchmark allocates: nothing.
#[global_allocator]
static ALLOCATIONS: AllocProfiler = AllocProfiler::system();

fn main() {
    // Longer than divan's hundred samples, which end before the processor is up to speed; its flags still decide.
    divan::Divan::default()
        .min_time(Duration::from_millis(200))
        .config_with_args()
        .main();
}

/// Stamps of one request after the other, twenty in a millisecond, as with batches of 1,000 at full speed.
#[derive(Default)]
struct Stamps(u64);

impl Stamps {
    fn next(&mut self) -> Stamp {
        self.0 += 1;
        Stamp {
            request: self.0,
            timestamp_ms: 1_790_000_000_000 + self.0 / 20,
        }
    }
}

mod encode {
    use super::{
        Bencher, ByteSize, BytesCount, Content, Format, Head, ItemsCount, KeyMode, Payload, Stamps,
        Template, black_box,
    };

    fn template(records: u32, message_size: u64, content: Content, key: KeyMode) -> Template {
        let payload = Payload {
            format: Format::Json,
            message_size: ByteSize(message_size),
            content,
            key,
            seed: 1,
        };
        let head = Head {
            path: "/topics/perf-test".to_owned(),
            host: "localhost:8082".to_owned(),
            headers: Vec::new(),
        };
        Template::new(&payload, records, records, "bench0", 0, &[head])
    }

    /// Makes the bytes of a fresh request, as they are handed to a socket that takes them all.
    fn stamp(bencher: Bencher<'_, '_>, mut template: Template) {
        let mut stamps = Stamps::default();
        bencher
            .counter(ItemsCount::new(template.records()))
            .counter(BytesCount::new(template.request_len(0)))
            .bench_local(|| black_box(template.bytes(0, stamps.next(), 0)).len());
    }

    #[divan::bench]
    fn one_record(bencher: Bencher<'_, '_>) {
        stamp(bencher, template(1, 100, Content::Text, KeyMode::None));
    }

    #[divan::bench]
    fn batch_of_1000_x_200_bytes(bencher: Bencher<'_, '_>) {
        stamp(bencher, template(1_000, 133, Content::Text, KeyMode::None));
    }

    #[divan::bench]
    fn batch_of_1000_with_sequence_keys(bencher: Bencher<'_, '_>) {
        stamp(
            bencher,
            template(1_000, 133, Content::Text, KeyMode::Sequence),
        );
    }

    #[divan::bench]
    fn batch_of_10_x_64_kib(bencher: Bencher<'_, '_>) {
        stamp(
            bencher,
            template(10, 64 << 10, Content::Base64, KeyMode::None),
        );
    }
}

mod check {
    use std::fmt::Write as _;

    use super::{Bencher, BytesCount, Check, ItemsCount, black_box};

    const HEAD: &str = "HTTP/1.1 200 OK\r\nDate: Sat, 21 Nov 2026 10:43:42 GMT\r\n\
        Content-Type: application/vnd.kafka.v2+json\r\nVary: Accept-Encoding\r\n";

    /// Body bytes in a chunk of Confluent's proxy.
    const CHUNK: usize = 32 * 1024;

    fn body(records: u32, first_offset: u32) -> String {
        let mut body = "{\"offsets\":[".to_owned();
        for index in 0..records {
            let comma = if index > 0 { "," } else { "" };
            let offset = first_offset + index;
            write!(
                body,
                "{comma}{{\"partition\":3,\"offset\":{offset},\"error_code\":null,\"error\":null}}"
            )
            .expect("a String takes what is written");
        }
        body + "],\"key_schema_id\":null,\"value_schema_id\":null}"
    }

    /// The answer and where its last write begins: the final chunk is one of its own.
    fn answer(records: u32, first_offset: u32, chunked: bool) -> (String, usize) {
        let body = body(records, first_offset);
        if !chunked {
            let answer = format!("{HEAD}Content-Length: {}\r\n\r\n{body}", body.len());
            let end = answer.len();
            return (answer, end);
        }
        let mut answer = format!("{HEAD}Transfer-Encoding: chunked\r\n\r\n");
        for (index, chunk) in body.as_bytes().chunks(CHUNK).enumerate() {
            let before = if index > 0 { "\r\n" } else { "" };
            let chunk = str::from_utf8(chunk).expect("the body is ASCII");
            write!(answer, "{before}{:X}\r\n{chunk}", chunk.len())
                .expect("a String takes what is written");
        }
        let end = answer.len();
        (answer + "\r\n0\r\n\r\n", end)
    }

    /// Reads and judges answers of which each follows the one before it in the log.
    fn judge(bencher: Bencher<'_, '_>, records: u32, chunked: bool) {
        let answers = [1_000_000, 2_000_000].map(|first| answer(records, first, chunked));
        let reads = answers.each_ref().map(|(answer, cut)| {
            let (most, last) = answer.as_bytes().split_at(*cut);
            [most, last]
        });
        let mut check = Check::confluent();
        let mut turn = 0;
        bencher
            .counter(ItemsCount::new(records))
            .counter(BytesCount::new(answers[0].0.len()))
            .bench_local(|| {
                turn ^= 1;
                let acked = check.acked(black_box(&reads[turn]), records);
                assert_eq!(acked, records);
            });
    }

    #[divan::bench(args = [1, 1_000])]
    fn content_length(bencher: Bencher<'_, '_>, entries: u32) {
        judge(bencher, entries, false);
    }

    #[divan::bench(args = [1, 1_000])]
    fn chunked_in_two_reads(bencher: Bencher<'_, '_>, entries: u32) {
        judge(bencher, entries, true);
    }
}

mod record {
    use super::{Bencher, Exchange, Recorder, TimelineDelta, black_box};

    /// Exchanges as 64 connections have them: 3 µs apart, 200 to 327 µs long.
    fn exchange(number: u64, free_us: Option<u64>) -> Exchange {
        let done_us = 10_000_000 + number * 3;
        let sent_us = done_us - 200 - number % 128;
        Exchange {
            due_us: sent_us - 4,
            sent_us,
            done_us,
            free_us,
            acked: 1_000,
            rejected: 0,
            unknown: 0,
            lower_bound: false,
        }
    }

    fn recorder(bencher: Bencher<'_, '_>, free_us: Option<u64>) {
        let mut recorder = Recorder::new();
        let mut number = 0;
        bencher.bench_local(|| {
            number += 1;
            recorder.ended(black_box(&exchange(number, free_us)));
        });
    }

    #[divan::bench]
    fn ledger_and_histograms_closed_loop(bencher: Bencher<'_, '_>) {
        recorder(bencher, None);
    }

    #[divan::bench]
    fn ledger_and_histograms_open_loop(bencher: Bencher<'_, '_>) {
        recorder(bencher, Some(9_000_000));
    }

    #[divan::bench]
    fn timeline(bencher: Bencher<'_, '_>) {
        let mut timeline = TimelineDelta::default();
        let start_us = 10_000_000;
        timeline.ended(&exchange(0, None), start_us);
        let mut number = 0;
        // Of one second, as the exchanges between two hand-overs are.
        bencher.bench_local(|| {
            number = (number + 1) % 300_000;
            timeline.ended(black_box(&exchange(number, None)), start_us);
        });
    }
}

mod schedule {
    use super::{Arrivals, Bencher, Pace, Rate, Rates, Turns, black_box};

    /// Takes one request after the other, each when it is due.
    fn take(bencher: Bencher<'_, '_>, arrivals: Option<Arrivals>) {
        let pace = arrivals.map(|arrivals| Pace {
            rates: Rates::Constant(Rate(1e6)),
            spike: None,
            arrivals,
        });
        let mut turns = Turns::new(pace.as_ref(), 1);
        bencher.bench_local(|| {
            // Always late: something is due at once.
            let turn = turns.take(black_box(u64::MAX / 2));
            assert!(turn.is_some());
            turn
        });
    }

    #[divan::bench]
    fn closed_loop(bencher: Bencher<'_, '_>) {
        take(bencher, None);
    }

    #[divan::bench]
    fn open_loop_even(bencher: Bencher<'_, '_>) {
        take(bencher, Some(Arrivals::Uniform));
    }

    #[divan::bench]
    fn open_loop_poisson(bencher: Bencher<'_, '_>) {
        take(bencher, Some(Arrivals::Poisson));
    }
}
