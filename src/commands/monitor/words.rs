//! Figures of a picture as the live view and the plain lines write them.

use std::fmt::Write as _;

use super::picture::{CanaryPicture, GroupPicture, OldestPicture, Picture};
use super::pulse::Latency;
use crate::health::Trend;
use crate::units::{self, grouped, rate_digits, seconds_word};

/// Heights of a bar, from nothing to full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Glyphs {
    /// Block elements of Unicode.
    Blocks,
    /// For terminals that do not show them.
    Ascii,
}

impl Glyphs {
    fn all(self) -> &'static [char] {
        match self {
            Self::Blocks => &['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'],
            Self::Ascii => &['_', '.', ':', '-', '=', '+', '*', '#'],
        }
    }

    /// Values as bars, the highest one full; a blank where there is none.
    pub(super) fn bars(self, values: &[Option<f64>]) -> String {
        let all = self.all();
        let top = values
            .iter()
            .flatten()
            .fold(0.0_f64, |top, value| top.max(*value));
        let bar = |value: &Option<f64>| match value {
            None => ' ',
            Some(value) if *value <= 0.0 || top <= 0.0 => all[0],
            Some(value) => {
                let full = all.len() - 1;
                all[((value / top * full as f64).ceil() as usize).clamp(1, full)]
            }
        };
        values.iter().map(bar).collect()
    }
}

/// Something that may not be known.
pub(super) fn or_dash(value: Option<String>) -> String {
    value.unwrap_or_else(|| "-".to_owned())
}

/// An offset.
pub(super) fn offset(offset: Option<i64>) -> String {
    or_dash(offset.map(|offset| grouped(u64::try_from(offset).unwrap_or(0))))
}

/// Records a second.
pub(super) fn rate(rate: Option<f64>) -> String {
    or_dash(rate.map(|rate| rate_digits(rate.max(0.0))))
}

/// How the latest look went, and how old the last answer is.
pub(super) fn answer(picture: &Picture) -> String {
    let age = picture
        .answer_age_secs
        .map(|age| seconds_word(std::time::Duration::from_secs_f64(age.max(0.0))));
    match (picture.look_ms, age) {
        (Some(ms), Some(age)) => {
            let took = units::latency((ms * 1e3) as u64);
            format!("answered {age} ago, in {took}")
        }
        (_, Some(age)) => format!("NO ANSWER, the last one {age} ago"),
        (_, None) if picture.error.is_some() => "NO ANSWER yet".to_owned(),
        (_, None) => "asking".to_owned(),
    }
}

/// What single records see.
pub(super) fn canary(canary: &CanaryPicture) -> String {
    let latency = |latency: Option<Latency>| {
        or_dash(latency.map(|latency| {
            let bound = if latency.lower_bound { ">= " } else { "" };
            format!("{bound}{}", units::latency(latency.us))
        }))
    };
    let waiting = canary.waiting_secs.filter(|secs| *secs >= 1.0);
    let waiting = waiting.map(|secs| format!(", no answer for {secs:.0} s"));
    format!(
        "last {}  p50 {}  p95 {}  of {}, {} failed{}",
        latency(canary.last),
        latency(canary.p50),
        latency(canary.p95),
        canary.records,
        canary.failed,
        waiting.unwrap_or_default()
    )
}

/// A group's lag, and where it goes.
pub(super) fn lag(group: &GroupPicture) -> String {
    let Some(lag) = group.lag else {
        return or_dash(group.error.clone());
    };
    let mut text = format!("{} behind", grouped(lag));
    if let (Some(trend), Some(per_sec)) = (group.trend, group.lag_records_per_sec) {
        text.push_str(", ");
        text.push_str(trend.word());
        if trend != Trend::Steady {
            let sign = if per_sec < 0.0 { '-' } else { '+' };
            // Writing to a String cannot fail.
            let _ = write!(text, " {sign}{}/s", rate_digits(per_sec.abs()));
        }
    }
    if group.dropped_unread > 0 {
        let lost = grouped(group.dropped_unread);
        let _ = write!(text, ", {lost} DROPPED UNREAD");
    }
    text
}

/// A group's oldest unread record, and how long it will be kept.
pub(super) fn oldest(group: &GroupPicture) -> Option<String> {
    let OldestPicture { words, .. } = group.oldest_unread.as_ref()?;
    let by_size = if group.dropped_by_size_too {
        "; sooner if retention.bytes is reached, which cannot be seen here"
    } else {
        ""
    };
    Some(format!("{words}{by_size}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_show_the_highest_full_and_nothing_blank() {
        let values = [
            None,
            Some(0.0),
            Some(1.0),
            Some(50.0),
            Some(99.0),
            Some(100.0),
        ];
        assert_eq!(Glyphs::Blocks.bars(&values), " ▁▂▅██");
        assert_eq!(Glyphs::Ascii.bars(&values), " _.=##");
        assert_eq!(Glyphs::Ascii.bars(&[Some(0.0), None]), "_ ");
    }
}
