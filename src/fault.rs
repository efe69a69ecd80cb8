//! Scripted misbehaviour of a stand-in as text and as data: `KIND[=VALUE][@WHEN[,WHEN]]`, see `docs/serve.md`.
//!
//! What each kind does is the stand-in's business; a plan only reads and prints them.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::units::{parse_duration, parse_ratio};

mod text;
mod when;

pub use when::{When, is_hit};

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// Each request is held this long before it is handled.
    Delay(Latency),
    /// The whole server holds everything for this long.
    Stall(Duration),
    /// Listener and connections go away.
    Die,
    /// Nothing listens: new connections are refused, existing ones live.
    Refuse,
    /// All open connections are closed, once.
    Drop,
    /// A connection is closed on its first request, without an answer. Counts connections.
    Sever,
    /// A connection is closed after this much silence.
    Idle(Duration),
    /// The connection is closed after the request was read, without an answer.
    Close,
    /// The connection is reset.
    Reset(Half),
    /// The connection is closed in the middle of the answer.
    Cut,
    /// There is no answer, and the connection stays open.
    Hang {
        /// The records are stored all the same.
        stored: bool,
    },
    /// The answer leaves in pieces.
    Drip {
        /// Between two pieces.
        pause: Duration,
        /// Length of a piece.
        bytes: usize,
    },
    /// This share of the records fails with this `error_code`, inside a 200.
    Fail {
        /// 0 to 1.
        share: f64,
        /// `error_code` of the entry, as Confluent's proxy gives it.
        code: i64,
    },
    /// This share of the records is reported as expired, although stored.
    Expire(f64),
    /// This share of the records is stored twice.
    Duplicate(f64),
    /// This share of the records is acknowledged and not stored.
    Lose(f64),
    /// This share of the records is stored behind one that follows it in its partition, and acknowledged as if it were not.
    Reorder(f64),
    /// This share of the records is stored with one byte of its value changed.
    Corrupt(f64),
    /// All consumer instances are removed, once, as if nobody had used them for too long.
    ExpireConsumers,
    /// The request's first record waits for a partition that does not come, this long or as long as the server waits by
    /// its settings, and holds a request thread meanwhile.
    Block(Option<Duration>),
    /// The whole request is answered with this HTTP status.
    Status {
        /// HTTP status, 400 to 599.
        status: u16,
        /// What became of the records.
        stored: Kept,
    },
    /// The answer leaves before the body was read: 200 without entries, or a status from 400 to 599.
    Early(u16),
    /// 200 with an empty body.
    Empty,
    /// 200 with the body cut in the middle, framing intact.
    Broken,
    /// 200 with an HTML page behind the JSON, in one body.
    Rubbish,
    /// This many entries more (or fewer) than records.
    Entries(i32),
    /// The answer of the produce request before on the connection, in place of this one's.
    Previous,
    /// The end of the body is marked this way, whatever the dialect does.
    Framing(Framing),
    /// The answer says `Connection: close`, and the connection ends.
    NoKeepAlive,
    /// The connection ends after a whole answer that did not say so.
    SilentClose,
    /// The keep-alive defect of Confluent REST Proxy 8.0.0.
    KeepAlive,
}

/// How long a delay is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Latency {
    /// Always the same.
    Fixed(Duration),
    /// Log-normally distributed; the same sequence in every run.
    LogNormal {
        /// Half of the delays are shorter.
        median: Duration,
        /// Standard deviation of the logarithm.
        sigma: f64,
    },
}

/// Of an exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Half {
    /// While the body is being read.
    Request,
    /// In the middle of the answer.
    Answer,
}

/// What a refused request's records became.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// None is stored.
    None,
    /// The first half is stored.
    Some,
    /// All are stored.
    All,
}

/// How the end of an answer's body is marked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// `Transfer-Encoding: chunked`.
    Chunked,
    /// `Content-Length`.
    Length,
    /// By the end of the connection.
    Close,
}

/// One line of a script.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fault {
    /// What goes wrong.
    pub kind: Kind,
    /// When.
    pub when: When,
}

/// A script; empty: the server behaves.
pub type Faults = Vec<Fault>;

impl Fault {
    /// This fault at all times.
    pub fn always(kind: Kind) -> Self {
        Self {
            kind,
            when: When::ALWAYS,
        }
    }
}

impl Kind {
    /// Whether it happens to the server as a whole, so that only a time or a count of requests can say when.
    pub fn is_of_the_server(self) -> bool {
        matches!(
            self,
            Self::Stall(_)
                | Self::Die
                | Self::Refuse
                | Self::Drop
                | Self::ExpireConsumers
                | Self::Idle(_)
        )
    }
}

const EXAMPLES: &str = "one of delay=20ms, delay=lognormal(20ms,0.8), stall=1s@5s, die@10s, refuse@5s-8s, drop@5s, expire-consumers@5s, sever@every2, idle=2s, close@every100, reset=request@1%, reset=answer@1%, cut@1%, hang@1%, mute@1%, drip=5ms:16, fail=10%:50002, expired=10%, duplicate@1%, lose@1%, reorder=1%, corrupt=1%, block@1%, status=503@1%, status=500:stored, status=500:some, early=413@1%, empty@1%, broken@1%, rubbish@1%, entries=-1@1%, previous@every10, framing=length, no-keepalive@1%, silent-close@1%, keepalive";

impl FromStr for Fault {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (what, when) = text.split_once('@').unwrap_or((text, ""));
        let (name, value) = match what.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (what, None),
        };
        let wanted = |example: &str| format!("`{text}` is not a fault: write it as {example}");
        let kind = text::kind(name, value).map_err(|problem| match problem {
            text::Problem::Example(example) => wanted(example),
            text::Problem::Said(message) => message,
            text::Problem::Unknown => wanted(EXAMPLES),
        })?;
        let mut fault = Self::always(kind);
        for condition in when.split(',').filter(|condition| !condition.is_empty()) {
            fault.when.add(condition)?;
        }
        let once = matches!(kind, Kind::Die | Kind::Drop | Kind::ExpireConsumers);
        if once && fault.when == When::ALWAYS {
            return Err(wanted(
                "die@10s, die@1000req, drop@5s or expire-consumers@5s",
            ));
        }
        if kind.is_of_the_server() && fault.when.picks() {
            let message = "that kind concerns the whole server: say when as 5s, 5s-8s, 1000req or 1000req-2000req";
            return Err(format!("`{text}`: {message}"));
        }
        Ok(fault)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.kind, self.when)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_read_and_printed_as_written() {
        for text in [
            "delay=20ms",
            "delay=lognormal(20ms,0.8)@5s",
            "stall=1s@5s",
            "stall=1s@100req",
            "die@1000req",
            "die@10s",
            "refuse@5s-8s",
            "drop@5s",
            "sever@every2",
            "idle=2s",
            "close@5s-8s,every100",
            "reset=request@1%",
            "reset=answer@1%",
            "cut@every3",
            "hang@1%",
            "mute@1%",
            "drip=5ms:16",
            "fail=10%:50003",
            "expired=10%",
            "expired@1%",
            "duplicate@1%",
            "duplicate=0.5%@1000req-2000req",
            "lose@1%",
            "reorder=1%",
            "reorder@every10",
            "corrupt=0.1%@5s",
            "expire-consumers@5s",
            "block@1%",
            "block=2s",
            "status=503@1%",
            "status=500:stored",
            "status=500:some@every4",
            "early=413",
            "early=200@1%",
            "empty",
            "broken",
            "rubbish@1%",
            "entries=-1@every10",
            "entries=+2",
            "previous@every10",
            "framing=chunked",
            "framing=length",
            "framing=close",
            "no-keepalive",
            "silent-close@1000req,every7,1.6%",
            "keepalive",
            "keepalive@1.6%",
        ] {
            let fault: Fault = text.parse().unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(fault.to_string(), text);
            assert_eq!(fault.to_string().parse(), Ok(fault));
        }
        assert_eq!(
            "fail=0.1".parse::<Fault>().unwrap().to_string(),
            "fail=10%:50002"
        );
        assert_eq!(
            "drip=5ms".parse::<Fault>().unwrap().to_string(),
            "drip=5ms:1"
        );
    }

    #[test]
    fn every_example_of_the_message_is_a_fault() {
        let examples = EXAMPLES.strip_prefix("one of ").unwrap().split(", ");
        for example in examples {
            assert!(example.parse::<Fault>().is_ok(), "{example}");
        }
    }

    #[test]
    fn what_is_no_fault_is_refused_with_what_to_write() {
        for (text, says) in [
            ("", "write it as one of delay"),
            ("explode", "write it as one of delay"),
            ("die", "die@10s"),
            ("drop", "drop@5s"),
            ("expire-consumers", "expire-consumers@5s"),
            ("reorder=200%", "`200%` is not a share"),
            ("die=5", "one of"),
            ("delay", "delay=20ms"),
            ("delay=fast", "`fast` is not a duration"),
            ("delay=lognormal(20ms)", "lognormal(20ms,0.8)"),
            ("delay=lognormal(20ms,-1)", "lognormal(20ms,0.8)"),
            ("delay=lognormal(0ms,1)", "lognormal(20ms,0.8)"),
            ("stall", "stall=1s@5s"),
            ("status=200", "status=503@1%"),
            ("status=x", "status=503@1%"),
            ("status=503:half", "status=503@1%"),
            ("early=302", "early=413"),
            ("entries=0", "entries=-1"),
            ("fail=x", "`x` is not a share"),
            ("fail=10%:x", "fail=10%:50002"),
            ("lose=200%", "`200%` is not a share"),
            ("drip=5ms:0", "drip=5ms:16"),
            ("reset", "reset=request"),
            ("framing=none", "framing=chunked"),
            ("close=5", "one of"),
            ("empty@soon", "`soon` does not say when"),
            ("empty@every0", "`every0` does not say when"),
            ("empty@8s-5s", "`8s-5s` does not say when"),
            ("empty@20req-10req", "`20req-10req` does not say when"),
            ("refuse@every2", "concerns the whole server"),
            ("stall=1s@50%", "concerns the whole server"),
        ] {
            let error = text.parse::<Fault>().expect_err(text);
            assert!(error.contains(says), "{text}: {error}");
            assert!(!error.contains('\n'));
        }
    }
}
