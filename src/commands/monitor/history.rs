//! What the looks of the last minute saw, and what follows from it. Times are since the monitor began.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::super::lag::GroupLag;
use super::ends::Ends;
use super::looker::{Retention, Seen, SeenTopic};
use crate::health::{Age, Drops, Trend, drops, retention_used, trend};

/// How far back trends go.
pub(super) const WINDOW: Duration = Duration::from_mins(1);
/// Growth is that over this time; over less it is too little to reckon with.
const GROWTH_OVER: Duration = Duration::from_secs(10);

/// Values with the time at which they were seen, the newest last.
#[derive(Debug, Clone)]
pub(super) struct Series<T>(VecDeque<(Duration, T)>);

impl<T> Default for Series<T> {
    fn default() -> Self {
        Self(VecDeque::new())
    }
}

impl<T: Copy> Series<T> {
    /// Adds a value, and forgets those that are older than `keep`, but for the newest of them: rates begin there.
    pub(super) fn push(&mut self, at: Duration, value: T, keep: Duration) {
        self.0.push_back((at, value));
        let from = at.saturating_sub(keep);
        while self.0.get(1).is_some_and(|(second, _)| *second <= from) {
            self.0.pop_front();
        }
    }

    fn ends(&self) -> Option<((Duration, T), (Duration, T))> {
        let (first, last) = (self.0.front()?, self.0.back()?);
        (last.0 > first.0).then_some((*first, *last))
    }
}

/// End offsets of a topic over time, summed over its partitions.
#[derive(Debug, Clone, Default)]
pub(super) struct Totals(Series<i64>);

impl Totals {
    fn saw(&mut self, at: Duration, end: i64, keep: Duration) {
        let last = self.0.0.back();
        if last.is_some_and(|(_, before)| end < *before) {
            // Another topic of the same name.
            self.0.0.clear();
        }
        self.0.push(at, end, keep);
    }

    /// Records a second between the last two looks.
    pub(super) fn now(&self) -> Option<f64> {
        let count = self.0.0.len();
        let (before, last) = (self.0.0.get(count.checked_sub(2)?)?, self.0.0.back()?);
        let secs = last.0.saturating_sub(before.0).as_secs_f64();
        (secs > 0.0).then(|| (last.1 - before.1) as f64 / secs)
    }

    /// Records that came in the last `span`, or since the first look, and how long that was.
    pub(super) fn within(&self, span: Duration) -> (u64, Duration) {
        let Some(last @ (now, end)) = self.0.0.back() else {
            return (0, Duration::ZERO);
        };
        let from = now.saturating_sub(span);
        let before = self.0.0.iter().rev().find(|(at, _)| *at <= from);
        let (at, start) = before.or_else(|| self.0.0.front()).unwrap_or(last);
        let records = u64::try_from(end - start).unwrap_or(0);
        (records, now.saturating_sub(*at))
    }

    /// Records a second in each of `parts` equal parts of the last minute before `now`; none where nothing was seen.
    pub(super) fn parts(&self, now: Duration, parts: usize) -> Vec<Option<f64>> {
        let width = WINDOW.as_secs_f64() / parts as f64;
        let begin = now.as_secs_f64() - WINDOW.as_secs_f64();
        let mut sums = vec![(0.0, 0.0); parts];
        for (before, after) in self.0.0.iter().zip(self.0.0.iter().skip(1)) {
            let (from, to) = (before.0.as_secs_f64(), after.0.as_secs_f64());
            let rate = (after.1 - before.1) as f64 / (to - from).max(f64::EPSILON);
            for (part, (records, secs)) in sums.iter_mut().enumerate() {
                let start = begin + width * part as f64;
                let shared = to.min(start + width) - from.max(start);
                if shared > 0.0 {
                    *records += rate * shared;
                    *secs += shared;
                }
            }
        }
        let mean = |(records, secs)| (secs > 0.0).then(|| records / secs);
        sums.into_iter().map(mean).collect()
    }

    /// The sum at the last look.
    pub(super) fn end(&self) -> Option<i64> {
        self.0.0.back().map(|(_, end)| *end)
    }
}

/// What was seen of a group.
#[derive(Debug, Clone, Default)]
pub(super) struct GroupHistory {
    lags: Series<u64>,
    ends: BTreeMap<(String, u32), Ends>,
    /// What was committed, and since when.
    committed: BTreeMap<(String, u32), (i64, Duration)>,
    /// Age of the oldest unread record, if it was seen to come.
    ages: Series<Duration>,
}

/// The oldest unread record of a group.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Oldest {
    pub(super) topic: String,
    pub(super) partition: u32,
    pub(super) age: Age,
    /// How long its topic keeps records, if that is known and limited.
    pub(super) retention: Option<Duration>,
    pub(super) drops: Option<Drops>,
}

impl GroupHistory {
    fn saw(&mut self, at: Duration, lag: &GroupLag) {
        self.lags.push(at, lag.lag, WINDOW);
        for behind in &lag.partitions {
            let place = (behind.topic.clone(), behind.partition);
            if let Some(offset) = behind.current_offset {
                let known = self.committed.entry(place.clone()).or_insert((offset, at));
                if known.0 != offset {
                    *known = (offset, at);
                }
            }
            self.ends
                .entry(place)
                .or_default()
                .saw(at, behind.end_offset);
        }
        let oldest = self.unread(at, lag);
        let seen = oldest.filter(|(_, _, age)| matches!(age, Age::Seen { .. }));
        match seen.map(|(_, _, age)| age.reckoned()).max() {
            Some(age) => self.ages.push(at, age, WINDOW),
            None if lag.lag == 0 => self.ages.push(at, Duration::ZERO, WINDOW),
            None => {}
        }
    }

    /// Topic, partition and age of the oldest unread record of each partition that has one.
    fn unread(&self, now: Duration, lag: &GroupLag) -> impl Iterator<Item = (String, u32, Age)> {
        let behind = lag.partitions.iter().filter(|behind| behind.lag > 0);
        let ages = behind.filter_map(|behind| {
            let ends = self.ends.get(&(behind.topic.clone(), behind.partition))?;
            let age = ends.age_of(behind.current_offset.unwrap_or(0), now)?;
            Some((behind.topic.clone(), behind.partition, age))
        });
        ages.collect::<Vec<_>>().into_iter()
    }

    /// The unread record that has used most of its retention, or that is the oldest where that is unknown.
    pub(super) fn oldest(
        &self,
        now: Duration,
        lag: &GroupLag,
        retention: &BTreeMap<String, Retention>,
    ) -> Option<Oldest> {
        let kept = |topic: &str| retention.get(topic).and_then(|retention| retention.age);
        let weight = |(topic, _, age): &(String, u32, Age)| {
            let used = kept(topic).map_or(0.0, |kept| retention_used(*age, kept));
            (used, age.reckoned().as_secs_f64())
        };
        let all = self.unread(now, lag);
        let (topic, partition, age) = all.max_by(|a, b| {
            let (a, b) = (weight(a), weight(b));
            a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1))
        })?;
        let retention = kept(&topic);
        let growth = match age {
            Age::Seen { .. } => self.growth(),
            Age::OlderThan(_) => self.stands_still(now, &topic, partition).then_some(1.0),
        };
        let drops = retention.map(|retention| drops(age, retention, growth));
        Some(Oldest {
            topic,
            partition,
            age,
            retention,
            drops,
        })
    }

    /// How much older the oldest unread record became a second, of late: what was a minute ago is no rate of now.
    fn growth(&self) -> Option<f64> {
        let (last, now) = self.ages.0.back()?;
        let from = last.checked_sub(GROWTH_OVER)?;
        let mut before = self.ages.0.iter().rev();
        let (first, before) = before.find(|(at, _)| *at <= from)?;
        let span = last.saturating_sub(*first).as_secs_f64();
        Some((now.as_secs_f64() - before.as_secs_f64()) / span)
    }

    fn stands_still(&self, now: Duration, topic: &str, partition: u32) -> bool {
        let known = self.committed.get(&(topic.to_owned(), partition));
        known.is_none_or(|(_, since)| now.saturating_sub(*since) >= GROWTH_OVER)
    }

    /// Where the lag went in the last minute, and by how many records a second.
    pub(super) fn trend(&self) -> Option<(Trend, f64)> {
        let ((first, before), (last, now)) = self.lags.ends()?;
        let span = last.saturating_sub(first).as_secs_f64();
        Some((trend(before, now), (now as f64 - before as f64) / span))
    }
}

/// The last look that was answered.
#[derive(Debug, Clone)]
pub(super) struct Answered {
    pub(super) at: Duration,
    pub(super) took: Duration,
    pub(super) seen: Seen,
}

/// Everything that was seen.
#[derive(Debug, Default)]
pub(super) struct History {
    pub(super) topics: BTreeMap<String, Totals>,
    pub(super) groups: BTreeMap<String, GroupHistory>,
    pub(super) answered: Option<Answered>,
    /// Why the latest look failed, if it did.
    pub(super) failure: Option<String>,
}

impl History {
    /// A look that began at `began` and ended at `at`; `keep` is how far back anybody will ask.
    pub(super) fn looked(
        &mut self,
        began: Duration,
        at: Duration,
        outcome: Result<Seen, String>,
        keep: Duration,
    ) {
        let seen = match outcome {
            Ok(seen) => seen,
            Err(why) => {
                self.failure = Some(why);
                return;
            }
        };
        self.failure = None;
        for topic in &seen.topics {
            let totals = self.topics.entry(topic.name.clone()).or_default();
            totals.saw(at, end_of(topic), keep.max(WINDOW));
        }
        self.topics
            .retain(|name, _| seen.topics.iter().any(|topic| topic.name == *name));
        for (group, found) in &seen.groups {
            if let Ok(lag) = found {
                self.groups.entry(group.clone()).or_default().saw(at, lag);
            }
        }
        let took = at.saturating_sub(began);
        self.answered = Some(Answered { at, took, seen });
    }
}

fn end_of(topic: &SeenTopic) -> i64 {
    let ends = topic.partitions.iter();
    ends.map(|(_, offsets)| offsets.end_offset).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn secs(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    #[test]
    fn rates_are_what_end_offsets_say() {
        let mut totals = Totals::default();
        assert_eq!(totals.now(), None);
        for (at, end) in [(0, 100), (1, 100), (2, 300), (4, 700)] {
            totals.saw(secs(at), end, WINDOW);
        }
        assert_eq!(totals.now(), Some(200.0));
        assert_eq!(totals.within(secs(2)), (400, secs(2)));
        assert_eq!(totals.within(secs(3)), (600, secs(3)));
        assert_eq!(totals.within(secs(30)), (600, secs(4)));
        let parts = totals.parts(secs(4), 30);
        let wanted = [Some(100.0), Some(200.0)];
        assert_eq!(parts[28..], wanted, "{parts:?}");
        assert_eq!(parts[..28], [None; 28]);
        totals.saw(secs(5), 10, WINDOW);
        assert_eq!((totals.now(), totals.end()), (None, Some(10)));
    }

    #[test]
    fn what_is_older_than_a_minute_is_forgotten() {
        let mut totals = Totals::default();
        for at in 0..1_000 {
            totals.saw(secs(at), 10 * i64::try_from(at).expect("small"), WINDOW);
        }
        assert_eq!(totals.0.0.len(), 61);
        assert_eq!(totals.within(secs(60)), (600, secs(60)));
        assert!(totals.parts(secs(999), 30).iter().all(Option::is_some));
    }

    fn lag(current: i64, end: i64) -> GroupLag {
        let text = format!(
            r#"{{"group":"g","state":null,"lag":{0},"max_lag":{0},"partitions":[{{"topic":"t","partition":0,"current_offset":{current},"end_offset":{end},"lag":{0},"consumer_id":null,"client_id":null}}]}}"#,
            end - current
        );
        serde_json::from_str(&text).expect("a group")
    }

    fn kept(retention: u64) -> BTreeMap<String, Retention> {
        let retention = Retention {
            age: Some(secs(retention)),
            by_size: false,
        };
        BTreeMap::from([("t".to_owned(), retention)])
    }

    /// 10 records a second come; the group reads as many as `read` says of each second.
    fn after(seconds: u64, backlog: i64, read: impl Fn(i64) -> i64) -> (GroupHistory, GroupLag) {
        let mut history = GroupHistory::default();
        let mut last = lag(0, 0);
        for at in 0..=seconds {
            let second = i64::try_from(at).expect("small");
            last = lag(read(second), backlog + 10 * second);
            history.saw(secs(at), &last);
        }
        (history, last)
    }

    #[test]
    fn a_group_that_stands_still_loses_its_oldest_record_when_retention_is_over() {
        let (history, lag) = after(40, 0, |_| 0);
        let oldest = history.oldest(secs(40), &lag, &kept(100)).expect("unread");
        let age = Age::Seen {
            at_least: secs(39),
            at_most: secs(40),
        };
        assert_eq!(oldest.age, age);
        assert_eq!(oldest.drops, Some(Drops::In(secs(60))));
        assert_eq!(history.trend(), Some((Trend::Rising, 10.0)));
        let unknown = history.oldest(secs(40), &lag, &BTreeMap::new());
        assert_eq!(unknown.expect("unread").drops, None);
    }

    #[test]
    fn a_group_that_reads_half_as_fast_has_twice_the_time() {
        let (history, lag) = after(40, 0, |second| 5 * second);
        let oldest = history.oldest(secs(40), &lag, &kept(100)).expect("unread");
        // The record at 200 came in second 21: up to 20 s ago, 80 s left, half a second older each second.
        assert_eq!(oldest.age.reckoned(), secs(20));
        let Some(Drops::In(time)) = oldest.drops else {
            panic!("{oldest:?}");
        };
        assert!(time.abs_diff(secs(160)) < secs(8), "{time:?}");
    }

    #[test]
    fn a_group_that_catches_up_loses_nothing() {
        let (history, lag) = after(30, 0, |second| {
            if second < 20 {
                0
            } else {
                10 * (second - 20) + 90
            }
        });
        let oldest = history.oldest(secs(30), &lag, &kept(100)).expect("unread");
        assert!(matches!(oldest.drops, Some(Drops::In(_) | Drops::Never)));
        let (history, lag) = after(30, 0, |second| 10 * second);
        assert_eq!(history.oldest(secs(30), &lag, &kept(100)), None);
        assert_eq!(history.trend(), Some((Trend::Steady, 0.0)));
    }

    #[test]
    fn what_was_there_before_is_only_older_than_the_monitor() {
        let (history, lag) = after(20, 1_000, |_| 500);
        let oldest = history.oldest(secs(20), &lag, &kept(100)).expect("unread");
        assert_eq!(oldest.age, Age::OlderThan(secs(20)));
        assert_eq!(oldest.drops, Some(Drops::Within(secs(80))));
        let (history, lag) = after(20, 1_000, |second| 500 + second);
        let oldest = history.oldest(secs(20), &lag, &kept(100)).expect("unread");
        assert_eq!(oldest.drops, Some(Drops::Unknown));
    }
}
