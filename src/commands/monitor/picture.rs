//! What is shown of a target at one moment: figures, states and reasons, as data. The same for people and for scripts.

use std::time::Duration;

use serde::Serialize;

use super::super::lag::GroupLag;
use super::history::{Answered, GroupHistory, History, Oldest, Totals};
use super::pulse::{Latency, Pulse};
use crate::health::{
    Age, Drops, Health, Trend, of_lag, of_producers, of_retention, retention_used,
};
use crate::units::{grouped, seconds_word};

/// Parts of the last minute in which rates are shown, 2 s each.
pub(super) const PARTS: usize = 30;

/// An answer that is so much later than the next look was due is late: what is known is old.
const LATE_AFTER: Duration = Duration::from_secs(2);

/// What stays the same while the monitor runs.
#[derive(Debug, Clone)]
pub(super) struct Setup {
    pub(super) url: String,
    pub(super) server: String,
    /// Topics that were named; each must have producers. None: all of them together must.
    pub(super) named: Vec<String>,
    pub(super) groups: Vec<String>,
    pub(super) canary: Option<String>,
    pub(super) interval: Duration,
    /// Without records for this long, producers are silent.
    pub(super) silent_after: Duration,
}

/// The moment.
#[derive(Debug, Serialize)]
pub(super) struct Picture {
    /// RFC 3339, UTC.
    pub(super) at: String,
    pub(super) url: String,
    pub(super) server: String,
    pub(super) health: Health,
    /// Why it is no better, the worst first.
    pub(super) reasons: Vec<String>,
    /// Whether the latest look was answered. If not, there are no figures.
    pub(super) answered: bool,
    pub(super) error: Option<String>,
    /// Since the last look that was answered.
    pub(super) answer_age_secs: Option<f64>,
    pub(super) look_ms: Option<f64>,
    pub(super) topics: Vec<TopicPicture>,
    pub(super) topics_not_shown: usize,
    pub(super) canary: Option<CanaryPicture>,
    pub(super) groups: Vec<GroupPicture>,
}

/// One topic.
#[derive(Debug, Serialize)]
pub(super) struct TopicPicture {
    pub(super) topic: String,
    pub(super) exists: bool,
    pub(super) partitions: usize,
    pub(super) records_per_sec: Option<f64>,
    pub(super) last_minute_records_per_sec: Vec<Option<f64>>,
    pub(super) end_offset: Option<i64>,
    /// Of its producers; unknown for a topic that was not named.
    pub(super) health: Health,
}

/// What single records see.
#[derive(Debug, Serialize)]
pub(super) struct CanaryPicture {
    pub(super) topic: String,
    pub(super) last: Option<Latency>,
    pub(super) p50: Option<Latency>,
    pub(super) p95: Option<Latency>,
    pub(super) records: usize,
    pub(super) failed: usize,
    /// Since the record was sent that is not answered yet.
    pub(super) waiting_secs: Option<f64>,
    pub(super) error: Option<String>,
    pub(super) health: Health,
}

/// One consumer group.
#[derive(Debug, Serialize)]
pub(super) struct GroupPicture {
    pub(super) group: String,
    pub(super) state: Option<String>,
    pub(super) lag: Option<u64>,
    pub(super) trend: Option<Trend>,
    pub(super) lag_records_per_sec: Option<f64>,
    pub(super) oldest_unread: Option<OldestPicture>,
    /// Unread records that were dropped already, where the topic's first offsets are known.
    pub(super) dropped_unread: u64,
    /// Records may be dropped earlier, by size, which is not to be seen.
    pub(super) dropped_by_size_too: bool,
    pub(super) error: Option<String>,
    pub(super) health: Health,
}

/// A group's oldest unread record.
#[derive(Debug, Serialize)]
pub(super) struct OldestPicture {
    pub(super) topic: String,
    pub(super) partition: u32,
    pub(super) age_at_least_secs: f64,
    /// `None`: it was there before the monitor began.
    pub(super) age_at_most_secs: Option<f64>,
    /// `None`: unlimited or unknown.
    pub(super) retention_secs: Option<f64>,
    pub(super) retention_used_ratio: Option<f64>,
    pub(super) dropped_in_secs: Option<f64>,
    /// All of it in one line.
    pub(super) words: String,
    pub(super) health: Health,
}

/// The picture at `now`, since the monitor began; `at` is the same moment for people.
pub(super) fn picture(
    setup: &Setup,
    history: &History,
    pulse: Option<&Pulse>,
    now: Duration,
    at: String,
) -> Picture {
    let age = |answered: &Answered| now.saturating_sub(answered.at);
    let late = setup.interval + setup.interval.max(LATE_AFTER);
    let answered = history.answered.as_ref();
    let answered = answered.filter(|answered| history.failure.is_none() && age(answered) <= late);
    let mut reasons: Vec<(Health, String)> = Vec::new();
    match (&history.failure, &history.answered, answered) {
        (Some(error), _, _) => reasons.push((Health::Alert, error.clone())),
        (None, Some(last), None) => {
            let time = seconds_word(age(last));
            reasons.push((Health::Alert, format!("no answer for {time}")));
        }
        (None, _, _) => {}
    }
    let topics = topics(setup, history, answered, pulse, &mut reasons);
    let groups: Vec<GroupPicture> = setup
        .groups
        .iter()
        .map(|group| of_group(group, setup, history, answered, &mut reasons))
        .collect();
    let canary = setup.canary.as_ref().zip(pulse);
    let canary = canary.map(|(topic, pulse)| of_canary(topic, pulse, now, &mut reasons));
    if history.answered.is_none() && history.failure.is_none() {
        reasons.push((Health::Unknown, "the first look is under way".to_owned()));
    }
    reasons.sort_by_key(|(health, _)| std::cmp::Reverse(*health));
    Picture {
        at,
        url: setup.url.clone(),
        server: setup.server.clone(),
        health: reasons.first().map_or(Health::Good, |(health, _)| *health),
        reasons: reasons.into_iter().map(|(_, reason)| reason).collect(),
        answered: answered.is_some(),
        error: history.failure.clone(),
        answer_age_secs: history
            .answered
            .as_ref()
            .map(|answered| age(answered).as_secs_f64()),
        look_ms: answered.map(|answered| answered.took.as_secs_f64() * 1e3),
        topics,
        topics_not_shown: answered.map_or(0, |answered| answered.seen.not_shown),
        canary,
        groups,
    }
}

fn topics(
    setup: &Setup,
    history: &History,
    answered: Option<&Answered>,
    pulse: Option<&Pulse>,
    reasons: &mut Vec<(Health, String)>,
) -> Vec<TopicPicture> {
    let mut names: Vec<String> = setup.named.clone();
    if names.is_empty() {
        names = history.topics.keys().cloned().collect();
    }
    let (mut judged, mut all) = (0, (0, Duration::MAX));
    let pictures: Vec<TopicPicture> = names
        .into_iter()
        .map(|topic| {
            let totals = history.topics.get(&topic);
            let (mut records, watched) = totals.map_or((0, Duration::ZERO), |totals| {
                totals.within(setup.silent_after)
            });
            let is_canary = setup.canary.as_ref() == Some(&topic);
            if let Some((answered, pulse)) = answered.zip(pulse.filter(|_| is_canary)) {
                let from = answered.at.saturating_sub(watched + answered.took);
                records = records.saturating_sub(pulse.sent_within(from, answered.at));
            }
            if !is_canary {
                judged += 1;
                all = (all.0 + records, all.1.min(watched));
            }
            let mut health = Health::Unknown;
            let untold = answered.is_some_and(|answered| answered.seen.untold.contains(&topic));
            if untold && !setup.named.is_empty() {
                let reason = format!("topic {topic}: {} tells no offsets of it", setup.server);
                reasons.push((health, reason));
            } else if !setup.named.is_empty() && answered.is_some() {
                health = of_producers(records, watched, setup.silent_after);
                producers(
                    &format!("topic {topic}"),
                    health,
                    watched,
                    totals.is_some(),
                    reasons,
                );
            }
            of_topic(topic, totals, answered, health)
        })
        .collect();
    match answered {
        Some(answered) if setup.named.is_empty() && judged == 0 => {
            let reason = match (answered.seen.untold.is_empty(), pictures.is_empty()) {
                (false, _) => format!("{} tells no offsets of its topics", setup.server),
                (true, true) => "no topic to look at".to_owned(),
                (true, false) => "no topic to look at but the canary's own".to_owned(),
            };
            reasons.push((Health::Unknown, reason));
        }
        Some(_) if setup.named.is_empty() => {
            let health = of_producers(all.0, all.1, setup.silent_after);
            producers("all topics", health, all.1, true, reasons);
        }
        _ => {}
    }
    pictures
}

fn producers(
    of: &str,
    health: Health,
    watched: Duration,
    exists: bool,
    reasons: &mut Vec<(Health, String)>,
) {
    let time = seconds_word(watched);
    match health {
        _ if !exists => reasons.push((Health::Alert, format!("{of} does not exist"))),
        Health::Alert => {
            let reason = format!("{of}: no records for {time}, producers are silent");
            reasons.push((health, reason));
        }
        Health::Unknown => reasons.push((health, format!("{of}: no records in {time} so far"))),
        Health::Good | Health::Watch => {}
    }
}

fn of_topic(
    topic: String,
    totals: Option<&Totals>,
    answered: Option<&Answered>,
    health: Health,
) -> TopicPicture {
    let seen = answered.and_then(|answered| {
        let mut topics = answered.seen.topics.iter();
        topics.find(|seen| seen.name == topic)
    });
    let fresh = totals.filter(|_| seen.is_some());
    let untold = answered.is_some_and(|answered| answered.seen.untold.contains(&topic));
    let exists = totals.is_some() || untold;
    TopicPicture {
        exists,
        partitions: seen.map_or(0, |seen| seen.partitions.len()),
        records_per_sec: fresh.and_then(Totals::now),
        last_minute_records_per_sec: totals
            .zip(answered)
            .map_or_else(Vec::new, |(totals, answered)| {
                totals.parts(answered.at, PARTS)
            }),
        end_offset: fresh.and_then(Totals::end),
        health: if !exists && answered.is_some() {
            Health::Alert
        } else {
            health
        },
        topic,
    }
}

fn of_group(
    group: &str,
    setup: &Setup,
    history: &History,
    answered: Option<&Answered>,
    reasons: &mut Vec<(Health, String)>,
) -> GroupPicture {
    let mut picture = GroupPicture {
        group: group.to_owned(),
        state: None,
        lag: None,
        trend: None,
        lag_records_per_sec: None,
        oldest_unread: None,
        dropped_unread: 0,
        dropped_by_size_too: false,
        error: None,
        health: Health::Unknown,
    };
    let Some(answered) = answered else {
        return picture;
    };
    let found = answered.seen.groups.iter().find(|(name, _)| name == group);
    let lag = match found {
        Some((_, Ok(lag))) => lag,
        Some((_, Err(error))) => {
            // The URL and the name stand beside it.
            let error = error.replace(&format!(" at {}", setup.url), "");
            let short = error.strip_prefix(&format!("group {group} "));
            picture.error = Some(short.unwrap_or(&error).to_owned());
            reasons.push((Health::Unknown, error));
            return picture;
        }
        None => return picture,
    };
    picture.state.clone_from(&lag.state);
    picture.lag = Some(lag.lag);
    picture.health = of_lag(lag.lag);
    if picture.health > Health::Good {
        let behind = format!("group {group} is {} records behind", grouped(lag.lag));
        reasons.push((picture.health, behind));
    }
    let known = GroupHistory::default();
    let known = history.groups.get(group).unwrap_or(&known);
    if let Some((trend, per_sec)) = known.trend() {
        (picture.trend, picture.lag_records_per_sec) = (Some(trend), Some(per_sec));
    }
    let retention = &answered.seen.retention;
    if let Some(oldest) = known.oldest(answered.at, lag, retention) {
        let by_size = retention
            .get(&oldest.topic)
            .is_some_and(|kept| kept.by_size);
        picture.dropped_by_size_too = by_size;
        let oldest = of_oldest(&oldest);
        if oldest.retention_secs.is_some() {
            // That an age is not known yet takes nothing from what is known of the lag; the words say it.
            if oldest.health > Health::Unknown {
                picture.health = picture.health.max(oldest.health);
                let share = share_words(oldest.retention_used_ratio.unwrap_or(0.0));
                let (topic, partition) = (&oldest.topic, oldest.partition);
                let reason = format!(
                    "group {group}: unread records in {topic}-{partition} used {share} of retention"
                );
                reasons.push((oldest.health, reason));
            }
        }
        picture.oldest_unread = Some(oldest);
    }
    picture.dropped_unread = dropped(lag, answered);
    if picture.dropped_unread > 0 {
        picture.health = Health::Alert;
        let lost = grouped(picture.dropped_unread);
        let reason = format!("group {group}: {lost} records were dropped before it read them");
        reasons.push((Health::Alert, reason));
    }
    picture
}

/// Records that are gone between where the group reads and where the topic begins.
fn dropped(lag: &GroupLag, answered: &Answered) -> u64 {
    let lost = lag.partitions.iter().filter_map(|behind| {
        let mut topics = answered.seen.topics.iter();
        let topic = topics.find(|topic| topic.name == behind.topic)?;
        let mut partitions = topic.partitions.iter();
        let (_, offsets) = partitions.find(|(number, _)| *number == behind.partition)?;
        u64::try_from(offsets.beginning_offset - behind.current_offset?).ok()
    });
    lost.sum()
}

fn of_oldest(oldest: &Oldest) -> OldestPicture {
    let Oldest {
        topic,
        partition,
        age,
        retention,
        drops,
    } = oldest;
    let (at_least, at_most) = match age {
        Age::Seen { at_least, at_most } => (*at_least, Some(*at_most)),
        Age::OlderThan(age) => (*age, None),
    };
    let used = retention.map(|retention| retention_used(*age, retention));
    let mut words = format!(
        "oldest unread record is {} ({topic}-{partition})",
        age.words()
    );
    if let (Some(retention), Some(used), Some(drops)) = (retention, used, drops) {
        let at_least = if at_most.is_none() { ">= " } else { "" };
        words = format!(
            "{words}, {at_least}{} of retention {}, {}",
            share_words(used),
            seconds_word(*retention),
            drops.words()
        );
    }
    OldestPicture {
        topic: topic.clone(),
        partition: *partition,
        age_at_least_secs: at_least.as_secs_f64(),
        age_at_most_secs: at_most.map(|age| age.as_secs_f64()),
        retention_secs: retention.map(|retention| retention.as_secs_f64()),
        retention_used_ratio: used,
        dropped_in_secs: match drops {
            Some(Drops::In(time) | Drops::Within(time)) => Some(time.as_secs_f64()),
            _ => None,
        },
        words,
        health: retention.map_or(Health::Unknown, |retention| of_retention(*age, retention)),
    }
}

/// Rounded down: 89.9 % is not yet 90 %.
fn share_words(share: f64) -> String {
    format!("{:.0} %", (share * 100.0).floor())
}

fn of_canary(
    topic: &str,
    pulse: &Pulse,
    now: Duration,
    reasons: &mut Vec<(Health, String)>,
) -> CanaryPicture {
    let error = pulse.last_failure().map(str::to_owned);
    let health = match (&error, pulse.count()) {
        (Some(_), _) => Health::Alert,
        (None, 0) => Health::Unknown,
        (None, _) => Health::Good,
    };
    if let Some(error) = &error {
        reasons.push((health, format!("canary: {error}")));
    }
    CanaryPicture {
        topic: topic.to_owned(),
        last: pulse.last(),
        p50: pulse.percentile(0.5),
        p95: pulse.percentile(0.95),
        records: pulse.count(),
        failed: pulse.failed(),
        waiting_secs: pulse
            .waiting
            .map(|sent| now.saturating_sub(sent).as_secs_f64()),
        error,
        health,
    }
}
