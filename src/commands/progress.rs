//! What a person sees while a run goes on: a line on a terminal, a line every ten seconds in a log. Never on stdout.

use std::fmt::Write as _;
use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::engine::Progress;
use crate::plan::{Plan, Stop};
use crate::units::{counted, duration, grouped, latency, rate_digits};

/// Between two lines where there is no terminal.
const LOG_EVERY: Duration = Duration::from_secs(10);
/// Columns of the bar and of the blank behind it.
const BAR: usize = 11;
/// A request that waits for this long, and for twice the P95 so far, is told of.
const LONG: Duration = Duration::from_secs(1);
/// Span over which the rate shown is taken.
const RATE_OVER: Duration = Duration::from_secs(1);

/// One line on stderr that changes, or one every ten seconds where that is no terminal.
pub(super) struct Line {
    bar: Option<ProgressBar>,
    log: bool,
    logged: Instant,
}

impl Line {
    /// A line fit for where stderr goes; none if `quiet`.
    pub(super) fn new(quiet: bool) -> Self {
        let terminal = std::io::stderr().is_terminal();
        let bar = (terminal && !quiet).then(|| {
            let bar = ProgressBar::with_draw_target(Some(1_000), ProgressDrawTarget::stderr());
            let style = ProgressStyle::with_template("{bar:10} {wide_msg}")
                .unwrap_or_else(|_| ProgressStyle::default_bar());
            bar.set_style(style.progress_chars("=> "));
            bar
        });
        Self {
            bar,
            log: !terminal && !quiet,
            logged: Instant::now(),
        }
    }

    /// Shows a share done, 0 to 1, and what to say.
    pub(super) fn show(&mut self, share: f64, text: String) {
        if let Some(bar) = &self.bar {
            bar.set_position((share * 1_000.0) as u64);
            bar.set_message(fitting(text, columns()));
        } else if self.log && self.logged.elapsed() >= LOG_EVERY {
            self.logged = Instant::now();
            // Progress that cannot be shown is no reason to end a run.
            let _ = writeln!(std::io::stderr().lock(), "{text}");
        }
    }

    /// Clears it.
    pub(super) fn end(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

/// Columns of the terminal, if that can be told.
#[cfg(unix)]
fn columns() -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(std::io::stderr()).ok()?;
    (size.ws_col > 0).then_some(usize::from(size.ws_col))
}

#[cfg(not(unix))]
fn columns() -> Option<usize> {
    None
}

/// What fits beside the bar, cut at a word: half a number is another number.
fn fitting(text: String, columns: Option<usize>) -> String {
    let Some(room) = columns.map(|columns| columns.saturating_sub(BAR)) else {
        return text;
    };
    if text.chars().count() <= room {
        return text;
    }
    let head: String = text.chars().take(room + 1).collect();
    let words = head.rsplit_once(' ').map_or("", |(words, _)| words);
    words.trim_end().to_owned()
}

/// Shows progress of a load on stderr.
pub(super) struct Display {
    line: Line,
    stop: Stop,
    drain: Duration,
    concurrency: u32,
    /// Time and records at the last reading of the rate, and that rate.
    reading: (Duration, u64, f64),
}

impl Display {
    /// A display fit for where stderr goes; none if the plan is quiet.
    pub(super) fn new(plan: &Plan) -> Self {
        Self {
            line: Line::new(plan.output.quiet),
            stop: plan.load.stop,
            drain: plan.load.drain,
            concurrency: plan.load.concurrency,
            reading: (Duration::ZERO, 0, 0.0),
        }
    }

    /// Shows one look at the run; `held_back`: the consumer group that it waits for now.
    pub(super) fn show(&mut self, progress: Progress, held_back: Option<&str>) {
        let (share, text) = self.words(progress);
        let text = match held_back {
            Some(group) => format!("HELD BACK by group {group}  {text}"),
            None => text,
        };
        self.line.show(share, text);
    }

    /// Clears the line.
    pub(super) fn end(&mut self) {
        self.line.end();
    }

    /// Share done, 0 to 1, and what to say.
    fn words(&mut self, progress: Progress) -> (f64, String) {
        match progress {
            Progress::Opening { open, wanted } => (
                0.0,
                format!(
                    "opening connections: {} of {}",
                    grouped(open),
                    grouped(wanted)
                ),
            ),
            Progress::Starting => (0.0, "starting".to_owned()),
            Progress::WarmingUp { left } => {
                (0.0, format!("warming up, {} s left", left.as_secs() + 1))
            }
            Progress::Running {
                elapsed,
                records_sent,
                records_acked,
                records_failed,
                p95,
                backlog,
                open,
                ..
            } => {
                let rate = self.rate(elapsed, records_acked);
                let done = records_acked + records_failed;
                let (share, left) = match self.stop {
                    Stop::Messages(all) => (
                        done as f64 / all as f64,
                        (all - done.min(all)) as f64 / rate,
                    ),
                    Stop::Duration(all) => (elapsed.as_secs_f64() / all.as_secs_f64(), 0.0),
                };
                let open = (open < u64::from(self.concurrency)).then_some(open);
                if share >= 1.0 {
                    return (1.0, self.ending(records_sent.saturating_sub(done), open));
                }
                // A narrow terminal cuts the end off: what is wrong comes before what is usual.
                let mut text = match self.stop {
                    Stop::Duration(all) => {
                        format!("{} of {:.0} s  ", elapsed.as_secs(), all.as_secs_f64())
                    }
                    Stop::Messages(_) if left.is_finite() => format!("{left:.0} s left  "),
                    Stop::Messages(_) => String::new(),
                };
                if let Some(open) = open {
                    let _ = write!(text, "{open} of {} connections  ", self.concurrency);
                }
                if records_failed > 0 {
                    let _ = write!(text, "{} FAILED  ", grouped(records_failed));
                }
                let oldest_us = backlog.oldest.as_micros() as u64;
                if backlog.oldest >= LONG && p95.is_none_or(|p95| oldest_us / 2 > p95.us) {
                    let _ = write!(text, "oldest request waits {}  ", latency(oldest_us));
                }
                let _ = write!(
                    text,
                    "{} records  {} rec/s",
                    grouped(records_acked),
                    rate_digits(rate)
                );
                if let Some(p95) = p95 {
                    let bound = if p95.at_least { "≥ " } else { "" };
                    let _ = write!(text, "  P95 {bound}{}", latency(p95.us));
                }
                (share.min(1.0), text)
            }
        }
    }

    /// The load is over: what is waited for. `open`: connections, if some are missing.
    fn ending(&self, records: u64, open: Option<u64>) -> String {
        let longest = duration(self.drain);
        match (records, open) {
            (0, Some(0)) => {
                format!("load over; the target is gone: watching if it returns, {longest} at most")
            }
            (0, _) => "load over".to_owned(),
            _ => {
                let records = counted(records, "record", "records");
                format!("load over; waiting for {records} in flight, {longest} at most")
            }
        }
    }

    /// Records per second over the last second; in the first one, over what there is of it.
    fn rate(&mut self, elapsed: Duration, records: u64) -> f64 {
        let (at, before, rate) = self.reading;
        let span = elapsed.saturating_sub(at);
        if span < RATE_OVER && at > Duration::ZERO {
            return rate;
        }
        let rate = (records - before) as f64 / span.as_secs_f64().max(1e-3);
        if span >= RATE_OVER {
            self.reading = (elapsed, records, rate);
        }
        rate
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Backlog;
    use crate::measure::P95;

    #[test]
    fn a_line_that_does_not_fit_is_cut_at_a_word() {
        let line = |columns| fitting("best 1 x 1: 198,400 rec/s".to_owned(), columns);
        assert_eq!(line(None), "best 1 x 1: 198,400 rec/s");
        assert_eq!(line(Some(BAR + 25)), "best 1 x 1: 198,400 rec/s");
        assert_eq!(line(Some(BAR + 24)), "best 1 x 1: 198,400");
        assert_eq!(line(Some(BAR + 19)), "best 1 x 1: 198,400");
        assert_eq!(line(Some(BAR + 18)), "best 1 x 1:");
        assert_eq!(line(Some(3)), "");
    }

    fn display(stop: Stop) -> Display {
        Display {
            line: Line::new(true),
            stop,
            drain: Duration::from_secs(30),
            concurrency: 8,
            reading: (Duration::ZERO, 0, 0.0),
        }
    }

    fn running(secs: u64, sent: u64, acked: u64, failed: u64, open: u64) -> Progress {
        Progress::Running {
            elapsed: Duration::from_secs(secs),
            requests_sent: 0,
            records_sent: sent,
            records_acked: acked,
            records_failed: failed,
            p95: Some(P95 {
                us: 927,
                at_least: false,
                unanswered: false,
            }),
            backlog: Backlog::default(),
            open,
        }
    }

    /// The same while the target answers nothing.
    fn stalled(progress: Progress, oldest_ms: u64, p95_us: u64, at_least: bool) -> Progress {
        let Progress::Running {
            elapsed,
            records_sent,
            records_acked,
            records_failed,
            requests_sent,
            open,
            ..
        } = progress
        else {
            return progress;
        };
        Progress::Running {
            elapsed,
            records_sent,
            records_acked,
            records_failed,
            requests_sent,
            open,
            p95: Some(P95 {
                us: p95_us,
                at_least,
                unanswered: false,
            }),
            backlog: Backlog {
                oldest: Duration::from_millis(oldest_ms),
                ..Backlog::default()
            },
        }
    }

    #[test]
    fn a_line_says_what_is_wrong_first_and_what_is_waited_for() {
        let timed = Stop::Duration(Duration::from_secs(10));
        let looks = [
            (timed, running(6, 12_080, 12_000, 0, 8)),
            (timed, running(6, 12_000, 11_000, 1_000, 0)),
            (Stop::Messages(24_000), running(6, 12_000, 12_000, 0, 8)),
            (
                timed,
                stalled(running(6, 12_080, 12_000, 0, 8), 1_200, 927, false),
            ),
            (
                timed,
                stalled(running(6, 12_080, 12_000, 0, 8), 3_100, 2_900_000, true),
            ),
            (timed, running(11, 12_080, 12_000, 0, 8)),
            (timed, running(11, 12_000, 12_000, 0, 0)),
            (timed, running(11, 12_000, 12_000, 0, 8)),
        ];
        let lines = looks.map(|(stop, progress)| display(stop).words(progress).1);
        insta::assert_snapshot!(lines.join("\n"), @r"
        6 of 10 s  12,000 records  2,000 rec/s  P95 927 µs
        6 of 10 s  0 of 8 connections  1,000 FAILED  11,000 records  1,833 rec/s  P95 927 µs
        6 s left  12,000 records  2,000 rec/s  P95 927 µs
        6 of 10 s  oldest request waits 1.20 s  12,000 records  2,000 rec/s  P95 927 µs
        6 of 10 s  12,000 records  2,000 rec/s  P95 ≥ 2.90 s
        load over; waiting for 80 records in flight, 30s at most
        load over; the target is gone: watching if it returns, 30s at most
        load over
        ");
        // Beside a bar of 10 columns, on a terminal of 80.
        assert!(lines[5..].iter().all(|line| line.chars().count() < 69));
    }
}
