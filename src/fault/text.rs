//! How a kind of fault is written.

use std::fmt;
use std::time::Duration;

use super::when::percent;
use super::{Framing, Half, Kept, Kind, Latency, parse_duration, parse_ratio};
use crate::units::duration_word as duration;

/// Why a text is no kind of fault.
pub(super) enum Problem {
    /// No such name, or a value where none belongs.
    Unknown,
    /// It should look like this.
    Example(&'static str),
    /// Its value is wrong, in these words.
    Said(String),
}

impl From<String> for Problem {
    fn from(message: String) -> Self {
        Self::Said(message)
    }
}

/// Reads `NAME` or `NAME=VALUE`.
pub(super) fn kind(name: &str, value: Option<&str>) -> Result<Kind, Problem> {
    let given = |example| value.ok_or(Problem::Example(example));
    // Of the records of the requests struck, all if nothing is said.
    let share = || match value {
        Some(value) => parse_ratio(value).map_err(Problem::from),
        None => Ok(1.0),
    };
    Ok(match name {
        "delay" => Kind::Delay(latency(given("delay=20ms")?)?),
        "stall" => Kind::Stall(parse_duration(given("stall=1s@5s")?)?),
        "idle" => Kind::Idle(parse_duration(given("idle=2s")?)?),
        "reset" => Kind::Reset(match value {
            Some("request") => Half::Request,
            Some("answer") => Half::Answer,
            _ => return Err(Problem::Example("reset=request or reset=answer")),
        }),
        "drip" => drip(given(DRIP)?)?,
        "fail" => {
            let value = given(FAIL)?;
            let (share, code) = value.split_once(':').unwrap_or((value, "50002"));
            Kind::Fail {
                share: parse_ratio(share)?,
                code: code.parse().map_err(|_| Problem::Example(FAIL))?,
            }
        }
        "expired" => Kind::Expire(share()?),
        "duplicate" => Kind::Duplicate(share()?),
        "block" => Kind::Block(value.map(parse_duration).transpose()?),
        "lose" => Kind::Lose(share()?),
        "reorder" => Kind::Reorder(share()?),
        "corrupt" => Kind::Corrupt(share()?),
        "status" => status(given(STATUS)?)?,
        "early" => {
            let number = value.and_then(|value| value.parse().ok());
            let number = number.filter(|status| *status == 200 || (400..600).contains(status));
            Kind::Early(number.ok_or(Problem::Example("early=413 or early=200"))?)
        }
        "entries" => {
            let extra = value.and_then(|value| value.parse().ok());
            let extra = extra.filter(|extra| *extra != 0);
            Kind::Entries(extra.ok_or(Problem::Example("entries=-1 or entries=+1"))?)
        }
        "framing" => Kind::Framing(match value {
            Some("chunked") => Framing::Chunked,
            Some("length") => Framing::Length,
            Some("close") => Framing::Close,
            _ => {
                let example = "framing=chunked, framing=length or framing=close";
                return Err(Problem::Example(example));
            }
        }),
        _ => {
            let found = BARE.iter().find(|(known, _)| *known == name);
            let (_, kind) = found.filter(|_| value.is_none()).ok_or(Problem::Unknown)?;
            *kind
        }
    })
}

/// Kinds without a value.
const BARE: [(&str, Kind); 16] = [
    ("die", Kind::Die),
    ("refuse", Kind::Refuse),
    ("drop", Kind::Drop),
    ("expire-consumers", Kind::ExpireConsumers),
    ("sever", Kind::Sever),
    ("close", Kind::Close),
    ("cut", Kind::Cut),
    ("hang", Kind::Hang { stored: true }),
    ("mute", Kind::Hang { stored: false }),
    ("empty", Kind::Empty),
    ("broken", Kind::Broken),
    ("rubbish", Kind::Rubbish),
    ("previous", Kind::Previous),
    ("no-keepalive", Kind::NoKeepAlive),
    ("silent-close", Kind::SilentClose),
    ("keepalive", Kind::KeepAlive),
];

const DRIP: &str = "drip=5ms or drip=5ms:16";
const FAIL: &str = "fail=10%:50002";
const STATUS: &str = "status=503@1%, status=500:stored or status=500:some";
const LOG_NORMAL: &str =
    "delay=lognormal(20ms,0.8), with a median above 0 and a sigma from 0 to 10";

fn latency(value: &str) -> Result<Latency, Problem> {
    let Some(inside) = value.strip_prefix("lognormal(") else {
        return Ok(Latency::Fixed(parse_duration(value)?));
    };
    let parts = inside.strip_suffix(')').and_then(|all| all.split_once(','));
    let (median, sigma) = parts.ok_or(Problem::Example(LOG_NORMAL))?;
    let median = parse_duration(median)?;
    let sigma = sigma.trim().parse().ok();
    let sigma = sigma.filter(|sigma| (0.0..=10.0).contains(sigma) && !median.is_zero());
    Ok(Latency::LogNormal {
        median,
        sigma: sigma.ok_or(Problem::Example(LOG_NORMAL))?,
    })
}

fn drip(value: &str) -> Result<Kind, Problem> {
    let (pause, bytes) = value.split_once(':').unwrap_or((value, "1"));
    let bytes = bytes.parse().ok().filter(|bytes| *bytes > 0);
    Ok(Kind::Drip {
        pause: parse_duration(pause)?,
        bytes: bytes.ok_or(Problem::Example(DRIP))?,
    })
}

fn status(value: &str) -> Result<Kind, Problem> {
    let (digits, stored) = match value.split_once(':') {
        None => (value, Kept::None),
        Some((digits, "stored")) => (digits, Kept::All),
        Some((digits, "some")) => (digits, Kept::Some),
        Some(_) => return Err(Problem::Example(STATUS)),
    };
    let status = digits.parse().ok().filter(|code| (400..600).contains(code));
    Ok(Kind::Status {
        status: status.ok_or(Problem::Example(STATUS))?,
        stored,
    })
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shared = |f: &mut fmt::Formatter<'_>, name: &str, share: f64| match share {
            1.0 => f.write_str(name),
            share => write!(f, "{name}={}", percent(share)),
        };
        let long = |length: Duration| duration(length);
        match *self {
            Self::Delay(Latency::Fixed(length)) => write!(f, "delay={}", long(length)),
            Self::Delay(Latency::LogNormal { median, sigma }) => {
                write!(f, "delay=lognormal({},{sigma})", long(median))
            }
            Self::Stall(length) => write!(f, "stall={}", long(length)),
            Self::Idle(length) => write!(f, "idle={}", long(length)),
            Self::Reset(Half::Request) => f.write_str("reset=request"),
            Self::Reset(Half::Answer) => f.write_str("reset=answer"),
            Self::Drip { pause, bytes } => write!(f, "drip={}:{bytes}", long(pause)),
            Self::Fail { share, code } => write!(f, "fail={}:{code}", percent(share)),
            Self::Expire(share) => shared(f, "expired", share),
            Self::Duplicate(share) => shared(f, "duplicate", share),
            Self::Lose(share) => shared(f, "lose", share),
            Self::Reorder(share) => shared(f, "reorder", share),
            Self::Corrupt(share) => shared(f, "corrupt", share),
            Self::Status { status, stored } => {
                let stored = match stored {
                    Kept::None => "",
                    Kept::Some => ":some",
                    Kept::All => ":stored",
                };
                write!(f, "status={status}{stored}")
            }
            Self::Block(None) => f.write_str("block"),
            Self::Block(Some(length)) => write!(f, "block={}", long(length)),
            Self::Early(status) => write!(f, "early={status}"),
            Self::Entries(extra) => write!(f, "entries={extra:+}"),
            Self::Framing(Framing::Chunked) => f.write_str("framing=chunked"),
            Self::Framing(Framing::Length) => f.write_str("framing=length"),
            Self::Framing(Framing::Close) => f.write_str("framing=close"),
            kind => {
                let known = BARE.iter().find(|(_, bare)| *bare == kind);
                f.write_str(known.map_or("", |(name, _)| name))
            }
        }
    }
}
