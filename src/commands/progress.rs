//! What a person sees while a run goes on: a line on a terminal, a line every ten seconds in a log. Never on stdout.

use std::fmt::Write as _;
use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::engine::Progress;
use crate::plan::{Plan, Stop};
use crate::units::{grouped, latency, rate_digits};

/// Between two lines where there is no terminal.
const LOG_EVERY: Duration = Duration::from_secs(10);
/// Span over which the rate shown is taken.
const RATE_OVER: Duration = Duration::from_secs(1);

/// Shows progress on stderr.
pub(super) struct Display {
    bar: Option<ProgressBar>,
    log: bool,
    logged: Instant,
    stop: Stop,
    concurrency: u32,
    /// Time and records at the last reading of the rate, and that rate.
    reading: (Duration, u64, f64),
}

impl Display {
    /// A display fit for where stderr goes; none if the plan is quiet.
    pub(super) fn new(plan: &Plan) -> Self {
        let terminal = std::io::stderr().is_terminal();
        let bar = (terminal && !plan.output.quiet).then(|| {
            let bar = ProgressBar::with_draw_target(Some(1_000), ProgressDrawTarget::stderr());
            let style = ProgressStyle::with_template("{bar:20} {msg}")
                .unwrap_or_else(|_| ProgressStyle::default_bar());
            bar.set_style(style.progress_chars("=> "));
            bar
        });
        Self {
            bar,
            log: !terminal && !plan.output.quiet,
            logged: Instant::now(),
            stop: plan.load.stop,
            concurrency: plan.load.concurrency,
            reading: (Duration::ZERO, 0, 0.0),
        }
    }

    /// Shows one look at the run.
    pub(super) fn show(&mut self, progress: Progress) {
        let (share, text) = self.line(progress);
        if let Some(bar) = &self.bar {
            bar.set_position((share * 1_000.0) as u64);
            bar.set_message(text);
        } else if self.log && self.logged.elapsed() >= LOG_EVERY {
            self.logged = Instant::now();
            // Progress that cannot be shown is no reason to end a run.
            let _ = writeln!(std::io::stderr().lock(), "{text}");
        }
    }

    /// Clears the line.
    pub(super) fn end(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }

    /// Share done, 0 to 1, and what to say.
    fn line(&mut self, progress: Progress) -> (f64, String) {
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
                p95_us,
                open,
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
                let mut text = format!(
                    "{} records  {} rec/s",
                    grouped(records_acked),
                    rate_digits(rate)
                );
                if let Some(p95_us) = p95_us {
                    let _ = write!(text, "  P95 {}", latency(p95_us));
                }
                if records_failed > 0 {
                    let _ = write!(text, "  {} FAILED", grouped(records_failed));
                }
                if open < u64::from(self.concurrency) {
                    let _ = write!(text, "  {open} of {} connections", self.concurrency);
                }
                if share >= 1.0 {
                    let _ = write!(
                        text,
                        "  draining {}",
                        grouped(records_sent.saturating_sub(done))
                    );
                } else if let Stop::Duration(all) = self.stop {
                    let (elapsed, all) = (elapsed.as_secs(), all.as_secs_f64());
                    let _ = write!(text, "  {elapsed} of {all:.0} s");
                } else if left.is_finite() {
                    let _ = write!(text, "  {left:.0} s left");
                }
                (share.min(1.0), text)
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
