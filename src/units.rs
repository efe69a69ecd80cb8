//! Sizes, rates, durations, percentages and percentiles: one place that parses what users write and prints what they read.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// A number of bytes. `64KiB` is 65,536, `64kB` is 64,000.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(pub u64);

const SIZES: [(&str, u64); 8] = [
    ("kib", 1 << 10),
    ("mib", 1 << 20),
    ("gib", 1 << 30),
    ("kb", 1_000),
    ("mb", 1_000_000),
    ("gb", 1_000_000_000),
    ("b", 1),
    ("", 1),
];

impl FromStr for ByteSize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wanted = || {
            format!(
                "`{text}` is not a size: write a number with B, kB (1000), KiB (1024), MB or MiB, such as 64KiB"
            )
        };
        let (number, unit) = split_number(text).ok_or_else(wanted)?;
        let unit = unit.to_ascii_lowercase();
        let (_, factor) = SIZES
            .iter()
            .find(|(name, _)| *name == unit)
            .ok_or_else(wanted)?;
        let bytes = number * *factor as f64;
        if bytes.fract() != 0.0 || bytes > 1e15 {
            return Err(wanted());
        }
        Ok(Self(bytes as u64))
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.0;
        match bytes {
            0 => write!(f, "0 B"),
            _ if bytes.is_multiple_of(1 << 20) => write!(f, "{} MiB", bytes >> 20),
            _ if bytes.is_multiple_of(1 << 10) => write!(f, "{} KiB", bytes >> 10),
            _ => write!(f, "{} B", grouped(bytes)),
        }
    }
}

/// Records per second: `50k/s`, `1.5M/s`, `40000`.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Rate(pub f64);

impl Rate {
    /// Reads a rate that may be 0: nothing is due while it holds.
    ///
    /// # Errors
    /// Quotes the text and says what was expected.
    pub fn or_zero(text: &str) -> Result<Self, String> {
        let wanted = || not_a_rate(text);
        let bare = text.trim().strip_suffix("/s").unwrap_or(text.trim());
        let (number, unit) = split_number(bare).ok_or_else(wanted)?;
        let factor = match unit {
            "" => 1.0,
            "k" | "K" => 1e3,
            "m" | "M" => 1e6,
            _ => return Err(wanted()),
        };
        let rate = number * factor;
        match rate {
            0.0..=1e9 => Ok(Self(rate)),
            _ if rate > 1e9 => Err(format!(
                "`{text}` is too high a rate: at most 1000M/s, records per second"
            )),
            _ => Err(wanted()),
        }
    }
}

fn not_a_rate(text: &str) -> String {
    format!("`{text}` is not a rate: write records per second, such as 50k/s, 1.5M/s or 40000")
}

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match Self::or_zero(text)? {
            Self(rate) if rate > 0.0 => Ok(Self(rate)),
            _ => Err(format!(
                "`{text}` is too low a rate: more than 0 records per second, such as 50k/s"
            )),
        }
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/s", rate_digits(self.0))
    }
}

/// Longest duration accepted: dates stay within what can be written.
pub const LONGEST: Duration = Duration::from_hours(366 * 24);

/// Parses a duration such as `30s`, `500ms`, `1m30s`.
///
/// # Errors
/// Names the text and what was expected.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let parsed = humantime::parse_duration(text.trim()).map_err(|_| {
        format!(
            "`{text}` is not a duration: write a number with a unit, such as 30s, 500ms or 1m30s"
        )
    })?;
    if parsed > LONGEST {
        return Err(format!("`{text}` is too long: at most 366 days"));
    }
    Ok(parsed)
}

/// Parses a share such as `99.9%` or `0.999` into 0 to 1.
///
/// # Errors
/// Names the text and what was expected.
pub fn parse_ratio(text: &str) -> Result<f64, String> {
    let wanted = || {
        format!(
            "`{text}` is not a share: write a percentage such as 99.9%, or a number from 0 to 1"
        )
    };
    let trimmed = text.trim();
    let ratio = match trimmed.strip_suffix('%') {
        Some(percent) => percent.trim().parse::<f64>().map_err(|_| wanted())? / 100.0,
        None => trimmed.parse::<f64>().map_err(|_| wanted())?,
    };
    if (0.0..=1.0).contains(&ratio) {
        Ok(ratio)
    } else {
        Err(wanted())
    }
}

/// Parses a percentile name: `p95`, `p99.9`, `p99_9` into 95.0, 99.9.
pub fn parse_percentile(text: &str) -> Option<f64> {
    let digits = text.strip_prefix(['p', 'P'])?.replace('_', ".");
    let value: f64 = digits.parse().ok()?;
    (0.0 < value && value < 100.0).then_some(value)
}

fn split_number(text: &str) -> Option<(f64, &str)> {
    let text = text.trim();
    let end = text
        .find(|c: char| !(c.is_ascii_digit() || c == '.' || c == '_'))
        .unwrap_or(text.len());
    let number: f64 = text[..end].replace('_', "").parse().ok()?;
    Some((number, text[end..].trim()))
}

/// `1234567` as `1,234,567`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `1 batch`, `2,000 batches`.
pub fn counted(count: u64, one: &str, many: &str) -> String {
    match count {
        1 => format!("1 {one}"),
        _ => format!("{} {many}", grouped(count)),
    }
}

/// A rate with as many digits as are worth reading: `0.25`, `9.5`, `42,284`.
pub fn rate_digits(rate: f64) -> String {
    match rate {
        r if r >= 99.95 => grouped(r.round() as u64),
        r if r >= 9.995 => trim_zeros(format!("{r:.1}")),
        r => trim_zeros(format!("{r:.2}")),
    }
}

fn trim_zeros(text: String) -> String {
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

/// A latency in three significant digits: `85 µs`, `12.3 ms`, `2.05 s`, `1m 20s`.
pub fn latency(us: u64) -> String {
    let value = us as f64;
    match us {
        0..1_000 => format!("{us} µs"),
        1_000..9_995 => format!("{:.2} ms", value / 1e3),
        9_995..99_950 => format!("{:.1} ms", value / 1e3),
        99_950..999_500 => format!("{:.0} ms", value / 1e3),
        999_500..9_995_000 => format!("{:.2} s", value / 1e6),
        9_995_000..120_000_000 => format!("{:.1} s", value / 1e6),
        _ => format!("{}m {:02}s", us / 60_000_000, us / 1_000_000 % 60),
    }
}

/// A duration as users write it: `30s`, `1m 30s`, `250ms`.
pub fn duration(duration: Duration) -> String {
    humantime::format_duration(Duration::from_micros(duration.as_micros() as u64)).to_string()
}

/// A time to read at a glance, in whole seconds and at most two units: `0s`, `59s`, `1h 30m`, `6d 23h`.
pub fn seconds_word(duration: Duration) -> String {
    const UNITS: [(&str, u64); 4] = [("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)];
    let mut left = duration.as_secs();
    let mut words = Vec::new();
    for (name, secs) in UNITS {
        if left >= secs && words.len() < 2 {
            words.push(format!("{}{name}", left / secs));
            left %= secs;
        }
    }
    if words.is_empty() {
        return "0s".to_owned();
    }
    words.join(" ")
}

/// A duration as one word that [`parse_duration`] reads, exact to the microsecond: `2160ms`, `90s`, `2m`.
pub fn duration_word(duration: Duration) -> String {
    const UNITS: [(&str, u64); 4] = [
        ("h", 3_600_000_000),
        ("m", 60_000_000),
        ("s", 1_000_000),
        ("ms", 1_000),
    ];
    let us = duration.as_micros() as u64;
    let whole = |&&(_, unit): &&(&str, u64)| us >= unit && us.is_multiple_of(unit);
    match UNITS.iter().find(whole) {
        Some((name, unit)) => format!("{}{name}", us / unit),
        None => format!("{us}us"),
    }
}

/// A success ratio with as many digits as it has: anything below 1 never prints as `100 %`, anything above 0 never as `0 %`.
pub fn percent(ratio: f64) -> String {
    if ratio >= 1.0 {
        return "100 %".to_owned();
    }
    if ratio <= 0.0 {
        return "0 %".to_owned();
    }
    let percent = ratio * 100.0;
    for digits in 1..=12 {
        let text = format!("{percent:.digits$}");
        let value: f64 = text.parse().unwrap_or(percent);
        let close = (percent - value).abs() <= (100.0 - percent).min(percent) * 0.05;
        if value < 100.0 && value > 0.0 && close {
            return format!("{} %", trim_zeros(text));
        }
    }
    if percent < 50.0 {
        "> 0 %".to_owned()
    } else {
        "< 100 %".to_owned()
    }
}

/// Bytes per second in MB/s (10^6), three digits; in kB/s or B/s where that is less than a tenth.
pub fn bytes_per_sec(bytes_per_sec: f64) -> String {
    let (unit, name) = match bytes_per_sec {
        few if few < 1e3 => (1.0, "B/s"),
        some if some < 1e5 => (1e3, "kB/s"),
        _ => (1e6, "MB/s"),
    };
    format!("{} {name}", rate_digits(bytes_per_sec / unit))
}

/// A relative change with its sign, 0.05 as `+5.0 %`; one too large to mean anything as a factor.
pub fn percent_of_change(change: f64) -> String {
    if change >= 10.0 {
        return if change < 1e4 {
            format!("× {:.0}", change + 1.0)
        } else {
            "× 10,000 or more".to_owned()
        };
    }
    let tenths = (change * 1_000.0).round() / 10.0;
    if tenths == 0.0 {
        "0.0 %".to_owned()
    } else {
        format!("{tenths:+.1} %")
    }
}

/// A share without a sign, 0.05 as `5.0 %`; one that a digit behind the point would show as none with its first two.
pub fn share_of_change(share: f64) -> String {
    let percent = share * 100.0;
    if percent <= 0.0 || percent >= 0.05 || percent.is_nan() {
        return percent_of_change(share).trim_start_matches('+').to_owned();
    }
    let digits = (1.0 - percent.log10().floor()).min(12.0) as usize;
    format!("{percent:.digits$} %")
}

/// The same with as many digits as keep it apart from `limit`, so that 4.99 % is not shown as 5.0 % beside a limit of 5 %.
pub fn share_beside(share: f64, limit: f64) -> String {
    let apart = |&digits: &usize| {
        let text = |share: f64| format!("{:.digits$} %", share * 100.0);
        text(share) != text(limit)
    };
    match (1..=4).find(apart) {
        Some(digits @ 2..) => format!("{:.digits$} %", share * 100.0),
        _ => share_of_change(share),
    }
}

/// A change with as many digits as keep its size apart from `limit`.
pub fn change_beside(change: f64, limit: f64) -> String {
    let usual = percent_of_change(change);
    if !usual.ends_with(share_of_change(limit).as_str()) {
        return usual;
    }
    let sign = if change < 0.0 { '-' } else { '+' };
    format!("{sign}{}", share_beside(change.abs(), limit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_shares_are_not_none_and_what_is_near_a_limit_is_not_at_it() {
        let said = [0.0, 0.000_077, 0.000_499, 0.000_5, 0.05, 25.0].map(share_of_change);
        let wanted = ["0.0 %", "0.0077 %", "0.050 %", "0.1 %", "5.0 %", "× 26"];
        assert_eq!(said, wanted);
        let beside = [0.049_9, 0.05, 0.050_04, 0.041, 0.049_999_9].map(|x| share_beside(x, 0.05));
        assert_eq!(beside, ["4.99 %", "5.0 %", "5.004 %", "4.1 %", "5.0 %"]);
        let changes = [-0.049_9, 0.049_9, -0.05, 0.15].map(|x| change_beside(x, 0.05));
        assert_eq!(changes, ["-4.99 %", "+4.99 %", "-5.0 %", "+15.0 %"]);
    }

    #[test]
    fn little_traffic_is_not_none() {
        let said = [0.0, 198.0, 4_321.0, 99_900.0, 250_000.0, 61_100_000.0].map(bytes_per_sec);
        let wanted = [
            "0 B/s",
            "198 B/s",
            "4.32 kB/s",
            "99.9 kB/s",
            "0.25 MB/s",
            "61.1 MB/s",
        ];
        assert_eq!(said, wanted);
    }

    #[test]
    fn sizes_and_rates_are_read_as_written() {
        for (text, bytes) in [
            ("200", 200),
            ("200B", 200),
            ("64KiB", 65_536),
            ("64kB", 64_000),
            ("1.5 MiB", 1_572_864),
        ] {
            assert_eq!(text.parse::<ByteSize>(), Ok(ByteSize(bytes)), "{text}");
        }
        for text in ["", "KiB", "12 parsecs", "-1", "0.3B", "1e3"] {
            assert!(text.parse::<ByteSize>().is_err(), "{text}");
        }
        for (text, rate) in [
            ("50k/s", 50e3),
            ("1.5M/s", 1.5e6),
            ("40000", 40e3),
            ("1/s", 1.0),
        ] {
            assert_eq!(text.parse::<Rate>(), Ok(Rate(rate)), "{text}");
        }
        for text in ["", "fast", "10/m", "-5", "1e99"] {
            assert!(text.parse::<Rate>().is_err(), "{text}");
            assert!(Rate::or_zero(text).is_err(), "{text}");
        }
        for text in ["0", "0/s", "0.0k/s"] {
            assert!(text.parse::<Rate>().is_err(), "{text}");
            assert_eq!(Rate::or_zero(text), Ok(Rate(0.0)), "{text}");
        }
    }

    #[test]
    fn success_below_one_never_prints_as_one_hundred() {
        for (ratio, text) in [
            (1.0, "100 %"),
            (0.999_998, "99.9998 %"),
            (0.999_999_999, "99.9999999 %"),
            (0.4, "40 %"),
            (0.005, "0.5 %"),
            (0.0, "0 %"),
            (1.0 - f64::EPSILON, "< 100 %"),
        ] {
            assert_eq!(percent(ratio), text);
        }
    }

    #[test]
    fn a_duration_as_one_word_is_read_back() {
        for (us, word) in [
            (0, "0us"),
            (1_500, "1500us"),
            (2_160_000, "2160ms"),
            (2_000_000, "2s"),
            (90_000_000, "90s"),
            (120_000_000, "2m"),
            (3_600_000_000, "1h"),
        ] {
            let duration = Duration::from_micros(us);
            assert_eq!(duration_word(duration), word);
            assert_eq!(parse_duration(word), Ok(duration), "{word}");
        }
    }

    #[test]
    fn times_at_a_glance_have_two_units() {
        for (secs, text) in [
            (0, "0s"),
            (59, "59s"),
            (60, "1m"),
            (61, "1m 1s"),
            (5_400, "1h 30m"),
            (3_601, "1h 1s"),
            (604_799, "6d 23h"),
        ] {
            assert_eq!(seconds_word(Duration::from_secs(secs)), text);
        }
    }

    #[test]
    fn latencies_print_three_digits() {
        for (us, text) in [
            (0, "0 µs"),
            (999, "999 µs"),
            (1_234, "1.23 ms"),
            (12_345, "12.3 ms"),
            (123_456, "123 ms"),
            (2_050_000, "2.05 s"),
            (62_000_000, "62.0 s"),
            (125_000_000, "2m 05s"),
        ] {
            assert_eq!(latency(us), text);
        }
    }
}
