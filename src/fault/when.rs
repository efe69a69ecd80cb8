//! When a fault strikes: by time, by count, and which of the requests then.

use std::fmt;
use std::time::Duration;

use crate::units::{duration_word as duration, parse_duration, parse_ratio};

/// When a fault strikes. All conditions must hold.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct When {
    /// Not before this long after the start.
    pub from: Duration,
    /// Not after this long after the start.
    pub until: Option<Duration>,
    /// Not before this many produce requests were seen.
    pub after_requests: u64,
    /// Not after this many produce requests were seen.
    pub until_requests: Option<u64>,
    /// Only each n-th of what is left.
    pub every: u64,
    /// Only this share of those, 0 to 1, evenly spread.
    pub share: f64,
}

impl When {
    /// At all times.
    pub const ALWAYS: Self = Self {
        from: Duration::ZERO,
        until: None,
        after_requests: 0,
        until_requests: None,
        every: 1,
        share: 1.0,
    };

    /// Whether it holds this long after the start, with this many produce requests seen before.
    pub fn holds(&self, elapsed: Duration, requests: u64) -> bool {
        elapsed >= self.from
            && self.until.is_none_or(|until| elapsed < until)
            && requests >= self.after_requests
            && self.until_requests.is_none_or(|until| requests < until)
    }

    /// Whether it picks some of the requests.
    pub fn picks(&self) -> bool {
        self.every != 1 || self.share < 1.0
    }

    /// Whether number `n` (from 0) of what it holds for is one of those to strike: the same ones in every run.
    pub fn strikes(&self, n: u64) -> bool {
        (n + 1).is_multiple_of(self.every) && is_hit(n / self.every, self.share)
    }

    /// Adds a condition as written.
    pub(super) fn add(&mut self, condition: &str) -> Result<(), String> {
        let wanted = || {
            format!(
                "`{condition}` does not say when: write 5s, 5s-8s, 1000req, 1000req-2000req, every100 or a share such as 1.6%"
            )
        };
        let (from, until) = match condition.split_once('-') {
            Some((from, until)) => (from, Some(until)),
            None => (condition, None),
        };
        let count = |text: &str| -> Result<u64, String> {
            let digits = text.strip_suffix("req").ok_or_else(wanted)?;
            digits.parse().map_err(|_| wanted())
        };
        if from.ends_with("req") {
            self.after_requests = count(from)?;
            self.until_requests = until.map(count).transpose()?;
        } else if let Some(every) = condition.strip_prefix("every") {
            let every = every.parse().ok().filter(|every| *every > 0);
            self.every = every.ok_or_else(wanted)?;
        } else if condition.ends_with('%') {
            self.share = parse_ratio(condition)?;
        } else {
            let time = |text: &str| parse_duration(text).map_err(|_| wanted());
            self.from = time(from)?;
            self.until = until.map(time).transpose()?;
        }
        let backwards = self.until.is_some_and(|until| until <= self.from)
            || self
                .until_requests
                .is_some_and(|until| until <= self.after_requests);
        if backwards { Err(wanted()) } else { Ok(()) }
    }
}

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut conditions = Vec::new();
        match self.until {
            Some(until) => conditions.push(format!("{}-{}", duration(self.from), duration(until))),
            None if !self.from.is_zero() => conditions.push(duration(self.from)),
            None => {}
        }
        match self.until_requests {
            Some(until) => conditions.push(format!("{}req-{until}req", self.after_requests)),
            None if self.after_requests > 0 => {
                conditions.push(format!("{}req", self.after_requests));
            }
            None => {}
        }
        if self.every != 1 {
            conditions.push(format!("every{}", self.every));
        }
        if self.share < 1.0 {
            conditions.push(percent(self.share));
        }
        if conditions.is_empty() {
            return Ok(());
        }
        write!(f, "@{}", conditions.join(","))
    }
}

/// A share as it is read again.
pub(super) fn percent(share: f64) -> String {
    format!("{}%", (share * 1e11).round() / 1e9)
}

/// Whether number `n` (from 0) is one of `share` of all, evenly spread; number 0 is hit only by a share of 1.
pub fn is_hit(n: u64, share: f64) -> bool {
    ((n + 1) as f64 * share).floor() > (n as f64 * share).floor()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_met_exactly_over_a_round_number() {
        for (share, of, hits) in [
            (0.1, 1000, 100),
            (0.016, 1000, 16),
            (1.0, 10, 10),
            (0.0, 10, 0),
        ] {
            let hit = (0..of).filter(|n| is_hit(*n, share)).count();
            assert_eq!(hit, hits, "{share}");
        }
    }

    #[test]
    fn a_window_of_times_and_counts_holds_inside_only() {
        let mut when = When::ALWAYS;
        when.add("5s-8s").unwrap();
        when.add("10req-20req").unwrap();
        for (seconds, requests, holds) in [
            (5, 10, true),
            (7, 19, true),
            (4, 15, false),
            (8, 15, false),
            (6, 9, false),
            (6, 20, false),
        ] {
            let at = Duration::from_secs(seconds);
            assert_eq!(when.holds(at, requests), holds, "{seconds} s, {requests}");
        }
    }

    #[test]
    fn every_nth_is_picked_from_the_first_on() {
        let mut when = When::ALWAYS;
        when.add("every3").unwrap();
        let struck: Vec<u64> = (0..10).filter(|n| when.strikes(*n)).collect();
        assert_eq!(struck, [2, 5, 8]);
        when.add("50%").unwrap();
        let struck: Vec<u64> = (0..20).filter(|n| when.strikes(*n)).collect();
        assert_eq!(struck, [5, 11, 17]);
    }
}
