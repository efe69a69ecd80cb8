//! The keep-alive defect of Confluent REST Proxy 8.0.0 to 8.0.2 and 8.1.0: which request it hits, how often, in which form.
//!
//! The clean-up of one request spoils the next on the same connection, if that comes soon enough. Frequencies and forms are
//! those of the recordings (`tests/wire/README.md`) and of runs against the server.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use super::latency::uniform;
use super::{Asked, Running};

/// A defective answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Defect {
    /// A well-formed 200 with nothing in it.
    EmptyOk,
    /// A 500 of the web server below, HTML or empty by what the client accepts.
    ServerError,
    /// An error page behind the JSON, in one chunked body.
    HtmlBehind,
    /// An error page alone, under a 200 of JSON type.
    HtmlAlone,
    /// An error page with a length, under a 200 with two types.
    TwoTypes,
    /// The end of the chunked body is missing; the connection ends.
    CutInBody,
    /// Closed without an answer; nothing is stored.
    NoAnswer,
    /// The answer that was missing before stands in front of this one.
    Twice,
}

/// What came before a request on its connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reuse {
    /// Since the last answer was sent.
    pub(crate) gap: Duration,
    /// The defect of the last answer.
    pub(crate) last: Option<Defect>,
}

/// Share of produces hit on one connection when the next request comes at once, and of other requests.
const AT_ONCE: (f64, f64) = (0.016, 0.028);
/// 1.6 % at once, 0.3 % after 2 ms, none of 300 after 20 ms: what an exponential with this constant gives.
const DECAY_SECS: f64 = 0.0012;
/// Connections in use, and how much rarer the defect is then: 0.4 %, 0.07 % and 0.05 % under full load.
const CROWD: [(f64, f64); 3] = [(1.0, 1.0), (8.0, 0.175), (32.0, 0.125)];

/// Of 124 recorded bad produce answers on a new connection each: 84 empty, 38 of status 500, 2 with HTML behind.
fn produce_form(n: u64) -> Defect {
    match n % 20 {
        19 => Defect::HtmlBehind,
        form if form % 3 == 2 => Defect::ServerError,
        _ => Defect::EmptyOk,
    }
}

/// Of 22 recorded bad answers to `GET /brokers` that accepted anything: 3 empty, 6 with HTML, 8 of status 500, 5 cut.
fn other_form(n: u64) -> Defect {
    match n % 11 {
        0 | 3 | 6 | 8 => Defect::ServerError,
        1 | 7 => Defect::CutInBody,
        2 => Defect::HtmlBehind,
        5 => Defect::HtmlAlone,
        9 => Defect::TwoTypes,
        _ => Defect::EmptyOk,
    }
}

/// Whether a request meets the defect. `due`: the script's time has come; `open`: connections in use.
pub(super) fn decide(running: &Running, asked: &Asked, due: bool, open: usize) -> Option<Defect> {
    let reuse = asked.reuse?;
    if !asked.asynchronous {
        return None;
    }
    // A client that keeps the connection after a bad answer: recorded each time after these two, never after another.
    match reuse.last {
        Some(Defect::EmptyOk) => return Some(Defect::NoAnswer),
        Some(Defect::ServerError) => return Some(Defect::Twice),
        _ => {}
    }
    if !due {
        return None;
    }
    let when = &running.fault.when;
    let number = running.considered.fetch_add(1, Relaxed);
    let struck = if when.picks() {
        when.strikes(number)
    } else {
        uniform(number) < likelihood(asked.produce, reuse.gap, open)
    };
    struck.then(|| {
        let form = running.counted.fetch_add(1, Relaxed);
        if asked.produce {
            produce_form(form)
        } else {
            other_form(form)
        }
    })
}

/// How often a request is hit that comes this long after the last answer on its connection.
fn likelihood(produce: bool, gap: Duration, open: usize) -> f64 {
    let at_once = if produce { AT_ONCE.0 } else { AT_ONCE.1 };
    at_once * (-gap.as_secs_f64() / DECAY_SECS).exp() * crowd(open.max(1) as f64)
}

/// Interpolated between what was measured, over the logarithm of the connections.
fn crowd(open: f64) -> f64 {
    let mut factor = CROWD[CROWD.len() - 1].1;
    for pair in CROWD.windows(2) {
        let ((low, high), (from, to)) = ((pair[0].0, pair[1].0), (pair[0].1, pair[1].1));
        if (low..high).contains(&open) {
            factor = from + (to - from) * (open / low).ln() / (high / low).ln();
        }
    }
    factor
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_as_frequent_as_it_was_measured() {
        // Produce; gap; connections; measured share; how far off the model may be, as a factor.
        for (produce, gap_us, open, measured) in [
            (true, 0, 1, 0.016),
            (false, 0, 1, 0.028),
            (true, 2_000, 1, 0.003),
            // Under full load, at the gap that gives the 0.4 % of one connection.
            (true, 1_660, 1, 0.004),
            (true, 1_660, 8, 0.0007),
            (true, 1_660, 32, 0.0005),
            (true, 1_660, 500, 0.0005),
        ] {
            let share = likelihood(produce, Duration::from_micros(gap_us), open);
            let off = share / measured;
            assert!((0.95..1.05).contains(&off), "{share} for {measured}");
        }
        assert!(likelihood(true, Duration::from_millis(20), 1) * 300.0 < 0.01);
    }

    #[test]
    fn forms_are_as_frequent_as_they_were_recorded() {
        let of = |form: fn(u64) -> Defect, wanted| (0..220).filter(|n| form(*n) == wanted).count();
        assert_eq!(of(produce_form, Defect::HtmlBehind), 11);
        assert_eq!(of(produce_form, Defect::ServerError), 66);
        assert_eq!(of(produce_form, Defect::EmptyOk), 143);
        assert_eq!(of(other_form, Defect::ServerError), 80);
        assert_eq!(of(other_form, Defect::CutInBody), 40);
        assert_eq!(of(other_form, Defect::EmptyOk), 40);
    }
}
