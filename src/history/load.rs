//! What a run sent, as far as it tells one trend from another: what a record is, and how load arrives.

use super::Entry;
use crate::report::{KeySection, PayloadSection, SpikeSection, StageSection};
use crate::units::{ByteSize, duration, grouped, rate_digits};

/// `json of 100 B`, `json of 64 KiB in base64, hot keys over 1,000`; `None`: a line of an earlier version, which does not say.
pub(super) fn record_words(entry: &Entry) -> Option<String> {
    let payload = entry.payload.as_ref()?;
    let encoded = match payload.content.as_str() {
        "text" => String::new(),
        other => format!(" in {other}"),
    };
    Some(crate::report::clean_text(&format!(
        "{} of {}{encoded}{}",
        payload.format.name(),
        ByteSize(payload.message_size_bytes),
        key_words(payload)
    )))
}

fn key_words(payload: &PayloadSection) -> String {
    let KeySection {
        mode,
        keys,
        hot_ratio,
    } = &payload.key;
    if mode == "none" {
        return String::new();
    }
    let over = keys.map_or_else(String::new, |keys| {
        format!(" over {}", grouped(u64::from(keys)))
    });
    let hot = hot_ratio.map_or_else(String::new, |hot| format!(", {hot} of them one key"));
    format!(", {mode} keys{over}{hot}")
}

/// `open loop at 1,000 rec/s`, with its stages, spike and arrivals; `None`: a closed loop.
pub(super) fn pace_words(entry: &Entry) -> Option<String> {
    if !entry.open_loop {
        return None;
    }
    let stages = entry.stages.iter().flatten().map(stage_words);
    let stages: Vec<String> = stages.collect();
    let rates = match entry.rate_records_per_sec {
        Some(rate) => format!(" at {}", rate_words(rate)),
        None if stages.is_empty() => String::new(),
        None => format!(" of {}", stages.join(", ")),
    };
    let arrivals = match entry.arrivals.as_deref() {
        None | Some("uniform") => String::new(),
        Some(other) => format!(", {other} arrivals"),
    };
    let spike = entry.spike.as_ref().map_or_else(String::new, spike_words);
    Some(crate::report::clean_text(&format!(
        "open loop{rates}{arrivals}{spike}"
    )))
}

fn stage_words(stage: &StageSection) -> String {
    let (from, to) = (stage.from_records_per_sec, stage.to_records_per_sec);
    let rates = if from.to_bits() == to.to_bits() {
        rate_words(to)
    } else {
        format!("{} to {}", rate_digits(from), rate_words(to))
    };
    format!("{rates} for {}", secs_words(stage.duration_secs))
}

fn spike_words(spike: &SpikeSection) -> String {
    format!(
        ", spike of {} from {} for {}",
        rate_words(spike.records_per_sec),
        secs_words(spike.at_secs),
        secs_words(spike.duration_secs)
    )
}

fn rate_words(records_per_sec: f64) -> String {
    format!("{} rec/s", rate_digits(records_per_sec))
}

fn secs_words(secs: f64) -> String {
    duration(std::time::Duration::from_secs_f64(secs.clamp(0.0, 1e9)))
}
