//! HdrHistogram's interval log: the distributions of the run, and those of its blocks, for whoever works on with histograms.
//!
//! Source: `HistogramLogReader` and `HistogramLogProcessor` of the Java implementation, format 1.3.

use std::time::{Duration, UNIX_EPOCH};

use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::{IntervalLogWriterBuilder, Tag};

use super::super::{BlocksSection, Report};
use super::{hdr_percentiles, histogram};
use crate::measure::Blocks;

/// Values are µs, the largest of an interval is shown in ms.
const US_PER_MS: f64 = 1e3;

/// One interval for the whole run under each of the tags `latency`, `service_time` and `send_delay`, and `end_to_end` if it had consumers; one for
/// each block under `latency_block`, in order of their start. Values are µs.
pub(super) fn hdr_log(report: &Report) -> String {
    let mut builder = IntervalLogWriterBuilder::new();
    builder.add_comment("[Histogram log format version 1.3]");
    for line in hdr_percentiles::comments(report) {
        builder.add_comment(&format!(
            "[{}]",
            line.replace("milliseconds", "microseconds")
        ));
    }
    builder.with_max_value_divisor(US_PER_MS);
    let started = humantime::parse_rfc3339(&report.started_at).unwrap_or(UNIX_EPOCH);
    builder.with_start_time(started);
    // Times of intervals count from here.
    builder.with_base_time(started);
    let mut bytes = Vec::new();
    let mut serializer = V2DeflateSerializer::new();
    let mut writer = builder
        .begin_log_with(&mut bytes, &mut serializer)
        .expect(MEMORY);
    let elapsed = Duration::try_from_secs_f64(report.elapsed_secs).unwrap_or_default();
    let whole = [
        ("latency", &report.histograms.latency),
        ("service_time", &report.histograms.service_time),
        ("send_delay", &report.histograms.send_delay),
    ];
    let arrived = report.end_to_end.as_ref();
    let arrived = arrived.map(|section| ("end_to_end", &section.histogram));
    for (tag, encoded) in whole.into_iter().chain(arrived) {
        writer
            .write_histogram(&histogram(encoded), Duration::ZERO, elapsed, Tag::new(tag))
            .expect(MEMORY);
    }
    if let Some(blocks) = report.blocks.as_ref().and_then(BlocksSection::read) {
        let Blocks { block_us, blocks } = blocks;
        let length = Duration::from_micros(block_us);
        for (index, block) in blocks.iter().enumerate() {
            let start = length * u32::try_from(index).unwrap_or(u32::MAX);
            writer
                .write_histogram(&block.latency, start, length, Tag::new("latency_block"))
                .expect(MEMORY);
        }
    }
    String::from_utf8(bytes).expect("the writer writes text")
}

/// Why writing cannot fail.
const MEMORY: &str = "writing to memory cannot fail, and counts are far below 2^63";
