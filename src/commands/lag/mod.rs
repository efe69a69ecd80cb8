//! `krush lag`: how far a consumer group is behind, partition by partition.

mod source;
#[cfg(test)]
mod tests;

pub(super) use source::{GroupLag, Instances, Source};

use serde_json::json;

use super::control;
use super::grid::{grid, row};
use crate::cli::LagArgs;
use crate::error::{Error, Result, exit};
use crate::health::of_lag;
use crate::units::{counted, grouped};

/// Looks at a group once and prints its lag.
///
/// # Errors
/// A target that cannot be used or does not show it, and a group that is unknown or has committed nothing.
pub fn lag(args: &LagArgs) -> Result<u8> {
    let target = control::target(&args.control)?;
    let instances = Instances::default();
    let text = control::interruptible(
        async {
            let to = control::connect(&target).await?;
            let topics = &args.topics;
            let source = Source::open(&to, &target, &args.group, topics, &instances).await?;
            let found = of_topics(source.look().await?, topics)?;
            shown(&found, to.client.base(), args.json)
        },
        instances.close(),
    )?;
    match text {
        Some(text) => control::print(&text),
        None => Ok(exit::INTERRUPTED),
    }
}

/// Only what was asked about.
pub(super) fn of_topics(mut found: GroupLag, topics: &[String]) -> Result<GroupLag> {
    if topics.is_empty() {
        return Ok(found);
    }
    let all = found.partitions.len();
    found
        .partitions
        .retain(|behind| topics.contains(&behind.topic));
    if found.partitions.is_empty() {
        let what = match all {
            0 => "the server tells only the sum of all topics".to_owned(),
            _ => format!("group {} has committed no offsets of them", found.group),
        };
        return Err(Error::target(
            format!("--topic {}: {what}", topics.join(",")),
            "leave --topic out to see what the group reads",
        ));
    }
    let lags = || found.partitions.iter().map(|behind| behind.lag);
    (found.lag, found.max_lag) = (lags().sum(), lags().max().unwrap_or(0));
    Ok(found)
}

fn shown(found: &GroupLag, url: &str, as_json: bool) -> Result<String> {
    let health = of_lag(found.lag);
    if as_json {
        return control::json(&json!({
            "group": found.group,
            "url": url,
            "state": found.state,
            "lag": found.lag,
            "max_lag": found.max_lag,
            "health": health,
            "partitions": found.partitions,
        }));
    }
    let state = found.state.as_ref().map(|state| format!(", {state}"));
    let mut text = format!(
        "group {} at {url}{}: {} behind, {}\n",
        found.group,
        state.unwrap_or_default(),
        counted(found.lag, "record", "records"),
        health.word()
    );
    if found.partitions.is_empty() {
        text.push_str("the server tells no single partitions\n");
        return Ok(text);
    }
    let offset =
        |offset: Option<i64>| offset.map_or("none".to_owned(), |o| grouped(o.unsigned_abs()));
    let mut rows = vec![row([
        "topic",
        "partition",
        "committed",
        "end",
        "lag",
        "read by",
    ])];
    rows.extend(found.partitions.iter().map(|behind| {
        row([
            &behind.topic,
            &behind.partition.to_string(),
            &offset(behind.current_offset),
            &offset(Some(behind.end_offset)),
            &grouped(behind.lag),
            behind
                .client_id
                .as_deref()
                .or(behind.consumer_id.as_deref())
                .unwrap_or("-"),
        ])
    }));
    text.push('\n');
    text.push_str(&grid(rows, &[0, 5]));
    Ok(text)
}
