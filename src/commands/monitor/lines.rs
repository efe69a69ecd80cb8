//! A picture as plain lines: where standard output is no terminal.

use std::fmt::Write as _;

use super::picture::Picture;
use super::words::{answer, canary, lag, offset, oldest, rate};
use crate::health::Health;

/// The heading of the columns.
pub(super) const HEADING: &str =
    "TIME      WHAT                                  RECORDS/S          END OFFSET  STATE\n";

/// A line for each topic, the canary and each group; one line if there was no answer.
pub(super) fn lines(picture: &Picture) -> String {
    let time = picture.at.get(11..19).unwrap_or(&picture.at);
    let mut text = String::new();
    // Writing to a String cannot fail.
    if let Some(error) = &picture.error {
        let _ = writeln!(text, "{time}  {}: {error}", answer(picture));
        return text;
    }
    for topic in &picture.topics {
        let state = match (topic.exists, topic.health) {
            (false, _) => "does not exist",
            // Topics that were not named are judged together.
            (true, Health::Unknown) => "-",
            (true, health) => health.word(),
        };
        let _ = writeln!(
            text,
            "{time}  {:<32} {:>14} {:>19}  {state}",
            topic.topic,
            rate(topic.records_per_sec),
            offset(topic.end_offset),
        );
    }
    if let Some(found) = &picture.canary {
        let _ = writeln!(text, "{time}  canary {}: {}", found.topic, canary(found));
    }
    for group in &picture.groups {
        let word = group.health.word();
        let _ = writeln!(
            text,
            "{time}  group {}: {}, {word}",
            group.group,
            lag(group)
        );
        if let Some(words) = oldest(group) {
            let _ = writeln!(text, "{time}  group {}: {words}", group.group);
        }
    }
    let _ = match picture.reasons.first() {
        Some(reason) => writeln!(text, "{time}  {}: {reason}", picture.health.word()),
        None => writeln!(text, "{time}  {}", picture.health.word()),
    };
    text
}
