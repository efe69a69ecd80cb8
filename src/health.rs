//! When a pipe is well, when it is to be watched and when somebody must act: pure functions of what was seen.

use std::time::Duration;

use crate::units::seconds_word;

/// Most records that a group may be behind and still be well.
pub const LAG_GOOD: u64 = 100;
/// More than this is an alert.
pub const LAG_ALERT: u64 = 1_000;
/// From this share of a topic's retention on, unread records are to be watched.
pub const RETENTION_WATCH: f64 = 0.7;
/// From this share on, somebody must act.
pub const RETENTION_ALERT: f64 = 0.9;

/// A state, the best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Health {
    /// As it should be.
    Good,
    /// Too little was seen to say.
    Unknown,
    /// Not as it should be, and not urgent yet.
    Watch,
    /// Somebody must act.
    Alert,
}

impl Health {
    /// The state as a word that can be read without colour.
    pub fn word(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Unknown => "unknown",
            Self::Watch => "WATCH",
            Self::Alert => "ALERT",
        }
    }
}

/// The state of a group that is `records` behind.
pub fn of_lag(records: u64) -> Health {
    if records <= LAG_GOOD {
        Health::Good
    } else if records <= LAG_ALERT {
        Health::Watch
    } else {
        Health::Alert
    }
}

/// The state of producers of which `records` came in `watched`; none for `silent_after` is an alert.
pub fn of_producers(records: u64, watched: Duration, silent_after: Duration) -> Health {
    match records {
        1.. => Health::Good,
        0 if watched >= silent_after => Health::Alert,
        0 => Health::Unknown,
    }
}

/// How old the oldest unread record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Age {
    /// It was seen to come: it is between as old as this, and at most as old as that.
    Seen {
        /// It was there by then.
        at_least: Duration,
        /// It was not there before.
        at_most: Duration,
    },
    /// It was there before anybody looked.
    OlderThan(Duration),
}

impl Age {
    /// The age that is safe to reckon with: the most it can be, or the least if that is all that is known.
    pub fn reckoned(self) -> Duration {
        match self {
            Self::Seen { at_most, .. } => at_most,
            Self::OlderThan(age) => age,
        }
    }

    /// In words.
    pub fn words(self) -> String {
        match self {
            Self::Seen { at_most, .. } => format!("{} old", seconds_word(at_most)),
            Self::OlderThan(age) => format!("older than {}", seconds_word(age)),
        }
    }
}

/// The share of its retention that a record of this age has used.
pub fn retention_used(age: Age, retention: Duration) -> f64 {
    if retention.is_zero() {
        return 1.0;
    }
    age.reckoned().as_secs_f64() / retention.as_secs_f64()
}

/// The state of a group whose oldest unread record is as old as `age` in a topic that keeps records for `retention`.
pub fn of_retention(age: Age, retention: Duration) -> Health {
    match (retention_used(age, retention), age) {
        (RETENTION_ALERT.., _) => Health::Alert,
        (RETENTION_WATCH.., _) => Health::Watch,
        // It may be much older.
        (_, Age::OlderThan(_)) => Health::Unknown,
        (_, Age::Seen { .. }) => Health::Good,
    }
}

/// When unread records are dropped, if all goes on as it did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drops {
    /// After this time.
    In(Duration),
    /// After this time or sooner: the record is older than what was seen.
    Within(Duration),
    /// Never: the group reads faster than its records grow old.
    Never,
    /// Too little was seen to say.
    Unknown,
}

impl Drops {
    /// In words.
    pub fn words(self) -> String {
        match self {
            Self::In(time) => format!("dropped in {}", seconds_word(time)),
            Self::Within(time) => format!("dropped in at most {}", seconds_word(time)),
            Self::Never => "not dropped at this rate".to_owned(),
            Self::Unknown => "time until dropped unknown".to_owned(),
        }
    }
}

/// When unread records are dropped. `growth` is how much the age of the oldest unread record grew a second: 1 if the group
/// stands still, less if it reads, below 0 if it catches up.
pub fn drops(age: Age, retention: Duration, growth: Option<f64>) -> Drops {
    let left = retention.saturating_sub(age.reckoned());
    match (age, growth) {
        _ if left.is_zero() => Drops::In(left),
        (Age::Seen { .. }, Some(growth)) if growth > 0.0 => {
            let secs = left.as_secs_f64() / growth;
            Duration::try_from_secs_f64(secs).map_or(Drops::Never, Drops::In)
        }
        (Age::Seen { .. }, Some(_)) => Drops::Never,
        // How much of this growth is the record's own and how much is that it is watched for longer is not known, unless
        // the group stands still.
        (Age::OlderThan(_), Some(growth)) if growth >= 1.0 => Drops::Within(left),
        (_, _) => Drops::Unknown,
    }
}

/// Where a lag goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Trend {
    /// It grows.
    Rising,
    /// It shrinks.
    Falling,
    /// It stays about as it is.
    Steady,
}

impl Trend {
    /// The trend as a word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Rising => "rising",
            Self::Falling => "falling",
            Self::Steady => "steady",
        }
    }
}

/// Where a lag went from `then` to `now`. A change of at most 10 records or 1 % is none.
pub fn trend(then: u64, now: u64) -> Trend {
    let noise = (then / 100).max(10);
    if now.abs_diff(then) <= noise {
        Trend::Steady
    } else if now > then {
        Trend::Rising
    } else {
        Trend::Falling
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn secs(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    fn seen(age: u64) -> Age {
        Age::Seen {
            at_least: secs(age.saturating_sub(1)),
            at_most: secs(age),
        }
    }

    #[test]
    fn lag_at_every_boundary() {
        for (records, health) in [
            (0, Health::Good),
            (100, Health::Good),
            (101, Health::Watch),
            (1_000, Health::Watch),
            (1_001, Health::Alert),
            (u64::MAX, Health::Alert),
        ] {
            assert_eq!(of_lag(records), health, "{records}");
        }
    }

    #[test]
    fn producers_are_silent_only_after_they_were_watched_for_long_enough() {
        for (records, watched, health) in [
            (1, 0, Health::Good),
            (1, 60, Health::Good),
            (0, 0, Health::Unknown),
            (0, 29, Health::Unknown),
            (0, 30, Health::Alert),
            (0, 60, Health::Alert),
        ] {
            let found = of_producers(records, secs(watched), secs(30));
            assert_eq!(found, health, "{records} in {watched} s");
        }
    }

    #[test]
    fn retention_at_every_boundary() {
        for (age, health) in [
            (seen(0), Health::Good),
            (seen(6_999), Health::Good),
            (seen(7_000), Health::Watch),
            (seen(8_999), Health::Watch),
            (seen(9_000), Health::Alert),
            (seen(20_000), Health::Alert),
            (Age::OlderThan(secs(6_999)), Health::Unknown),
            (Age::OlderThan(secs(7_000)), Health::Watch),
            (Age::OlderThan(secs(9_000)), Health::Alert),
        ] {
            assert_eq!(of_retention(age, secs(10_000)), health, "{age:?}");
        }
        assert_eq!(of_retention(seen(1), Duration::ZERO), Health::Alert);
    }

    #[test]
    fn records_are_dropped_when_their_age_reaches_retention_at_the_rate_at_which_it_grows() {
        let old = Age::OlderThan(secs(400));
        for (age, growth, wanted) in [
            (seen(400), Some(1.0), Drops::In(secs(600))),
            (seen(400), Some(0.5), Drops::In(secs(1_200))),
            (seen(400), Some(0.0), Drops::Never),
            (seen(400), Some(-2.0), Drops::Never),
            (seen(400), Some(f64::MIN_POSITIVE), Drops::Never),
            (seen(400), None, Drops::Unknown),
            (seen(1_000), None, Drops::In(Duration::ZERO)),
            (seen(1_001), Some(-1.0), Drops::In(Duration::ZERO)),
            (old, Some(1.0), Drops::Within(secs(600))),
            (old, Some(0.99), Drops::Unknown),
            (old, None, Drops::Unknown),
        ] {
            assert_eq!(
                drops(age, secs(1_000), growth),
                wanted,
                "{age:?} {growth:?}"
            );
        }
    }

    #[test]
    fn a_trend_is_more_than_noise() {
        for (then, now, wanted) in [
            (0, 0, Trend::Steady),
            (0, 10, Trend::Steady),
            (0, 11, Trend::Rising),
            (11, 0, Trend::Falling),
            (10_000, 10_100, Trend::Steady),
            (10_000, 10_101, Trend::Rising),
            (10_000, 9_899, Trend::Falling),
        ] {
            assert_eq!(trend(then, now), wanted, "{then} to {now}");
        }
    }

    #[test]
    fn the_worst_state_is_the_greatest() {
        let all = [Health::Good, Health::Unknown, Health::Watch, Health::Alert];
        assert!(all.is_sorted());
        assert_eq!(all.map(Health::word).join(" "), "good unknown WATCH ALERT");
    }

    #[test]
    fn ages_and_times_left_in_words() {
        let said = [
            seen(12).words(),
            Age::OlderThan(secs(5_400)).words(),
            Drops::In(secs(90_061)).words(),
            Drops::Within(secs(59)).words(),
        ];
        assert_eq!(
            said,
            [
                "12s old",
                "older than 1h 30m",
                "dropped in 1d 1h",
                "dropped in at most 59s"
            ]
        );
    }
}
