//! `krush monitor`: a target watched live, or as lines. One look at a time; figures of a look that failed are not shown.

mod ends;
mod history;
mod lines;
mod looker;
mod picture;
mod pulse;
mod screen;
#[cfg(test)]
mod tests;
mod view;
mod words;

use std::io::{IsTerminal as _, Write as _};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval, sleep_until};

use super::control::{self, Connected};
use super::lag::Instances;
use crate::cli::MonitorArgs;
use crate::error::{Error, Result, exit};
use crate::plan::Target;
use crate::rest::Canary;
use history::{History, WINDOW};
use looker::{Looker, Seen, Wanted};
use picture::{Picture, Setup, picture};
use pulse::Pulse;
use screen::{Screen, Wish};
use view::Look;
use words::Glyphs;

/// How often the live view is drawn anew, so that ages grow while nothing is answered.
const DRAWN_EVERY: Duration = Duration::from_millis(250);

/// Watches until it is told to end.
///
/// # Errors
/// A target that cannot be used at the start, a canary's topic that does not exist, and a terminal that cannot be drawn on.
pub fn monitor(args: &MonitorArgs) -> Result<u8> {
    let target = control::target(&args.control)?;
    let instances = Arc::new(Instances::default());
    let watching = async {
        let to = control::connect(&target).await?;
        let watch = Watch::begin(args, to, target.clone(), Arc::clone(&instances)).await?;
        watch.run().await
    };
    let code = control::interruptible(watching, instances.close())?;
    Ok(code.unwrap_or(exit::INTERRUPTED))
}

/// Where pictures go.
enum Output {
    Live(Box<Screen>, Interval),
    Lines { heading: bool },
    Json,
}

/// A look that ended: who looked, when it began, and what it saw.
type Looked = (Looker, Duration, Result<Seen, String>);
/// A record of the canary: how long it took, and why it failed if it did.
type Beat = (Duration, Option<String>);

struct Watch {
    setup: Setup,
    output: Output,
    start: Instant,
    end: Option<Instant>,
    samples: Option<u64>,
    history: History,
    /// Nobody, while a look is under way.
    looker: Option<Looker>,
    looks: JoinSet<Looked>,
    next_look: Instant,
    looking_since: Option<Instant>,
    canary: Option<Canary>,
    pulse: Pulse,
    beats: JoinSet<Beat>,
    next_beat: Instant,
}

/// What happened next.
enum Happened {
    LookDue,
    Looked(Box<Result<Looked, JoinError>>),
    BeatDue,
    Beat(Result<Beat, JoinError>),
    Wished(Wish),
    Redraw,
    End,
}

impl Watch {
    async fn begin(
        args: &MonitorArgs,
        to: Connected,
        target: Target,
        instances: Arc<Instances>,
    ) -> Result<Self> {
        let canary = canary(args, &to, &target).await?;
        let setup = Setup {
            url: to.client.base().to_owned(),
            server: to.server.name.clone(),
            named: args.topics.clone(),
            groups: args.groups.clone(),
            canary: args.canary.clone(),
            interval: args.interval,
            silent_after: args.silent_after,
        };
        let wanted = Wanted {
            topics: args.topics.clone(),
            groups: args.groups.clone(),
            timeout: args.timeout,
        };
        let output = output(args)?;
        let start = Instant::now();
        Ok(Self {
            setup,
            output,
            start,
            end: args.duration.map(|duration| start + duration),
            samples: if args.once { Some(1) } else { args.samples },
            history: History::default(),
            looker: Some(Looker::new(to, target, wanted, instances)),
            looks: JoinSet::new(),
            next_look: start,
            looking_since: None,
            canary,
            pulse: Pulse::keeping(args.silent_after),
            beats: JoinSet::new(),
            next_beat: start,
        })
    }

    async fn run(mut self) -> Result<u8> {
        loop {
            match self.next().await {
                Happened::LookDue => self.look(),
                Happened::Looked(looked) => {
                    let (idle, began, outcome) = whole(*looked);
                    self.looker = Some(idle);
                    if let Some(code) = self.looked(began, outcome)? {
                        return Ok(code);
                    }
                }
                Happened::BeatDue => self.beat(),
                Happened::Beat(beat) => {
                    let (took, failure) = whole(beat);
                    self.pulse.beat(self.start.elapsed(), took, failure);
                }
                Happened::Wished(Wish::Interrupt) => return Ok(exit::INTERRUPTED),
                Happened::Wished(Wish::End) | Happened::End => return Ok(self.code()),
                Happened::Wished(Wish::Redraw) | Happened::Redraw => self.draw()?,
            }
        }
    }

    async fn next(&mut self) -> Happened {
        let idle = self.looker.is_some();
        let beats = self.canary.is_some() && self.beats.is_empty();
        let end = self.end.unwrap_or(self.start);
        let live = async {
            match &mut self.output {
                Output::Live(screen, redraw) => tokio::select! {
                    wish = screen.wish() => Happened::Wished(wish),
                    _ = redraw.tick() => Happened::Redraw,
                },
                Output::Lines { .. } | Output::Json => std::future::pending().await,
            }
        };
        tokio::select! {
            Some(looked) = self.looks.join_next() => Happened::Looked(Box::new(looked)),
            Some(beat) = self.beats.join_next() => Happened::Beat(beat),
            () = sleep_until(end), if self.end.is_some() => Happened::End,
            () = sleep_until(self.next_look), if idle => Happened::LookDue,
            () = sleep_until(self.next_beat), if beats => Happened::BeatDue,
            happened = live => happened,
        }
    }

    /// Begins a look. The next one is due at the next multiple of the interval after this one has ended.
    fn look(&mut self) {
        let Some(mut looker) = self.looker.take() else {
            return;
        };
        let began = self.start.elapsed();
        self.looking_since = Some(Instant::now());
        self.looks.spawn(async move {
            let outcome = looker.look().await;
            (looker, began, outcome)
        });
    }

    /// Keeps what was seen and shows it; `Some` if that was the last.
    fn looked(&mut self, began: Duration, outcome: Result<Seen, String>) -> Result<Option<u8>> {
        self.looking_since = None;
        self.next_look = self.due_after(self.next_look);
        let first = self.history.answered.is_none() && outcome.is_ok();
        let keep = self.setup.silent_after.max(WINDOW);
        let at = self.start.elapsed();
        self.history.looked(began, at, outcome, keep);
        if matches!(self.output, Output::Live(..)) {
            self.draw()?;
            return Ok(None);
        }
        // There are no rates before the second one.
        if first {
            return Ok(None);
        }
        let picture = self.picture();
        let text = match &mut self.output {
            Output::Json => control::json(&picture)?,
            Output::Lines { heading } => {
                let heading = if std::mem::take(heading) {
                    lines::HEADING
                } else {
                    ""
                };
                heading.to_owned() + &lines::lines(&picture)
            }
            Output::Live(..) => String::new(),
        };
        if !printed(&text)? {
            return Ok(Some(exit::PASS));
        }
        if let Some(left) = &mut self.samples {
            *left -= 1;
            if *left == 0 {
                return Ok(Some(self.code()));
            }
        }
        Ok(None)
    }

    fn beat(&mut self) {
        let Some(canary) = self.canary.clone() else {
            return;
        };
        self.next_beat = self.due_after(self.next_beat);
        self.pulse.waiting = Some(self.start.elapsed());
        self.beats.spawn(async move {
            let sent = Instant::now();
            match canary.produce("krush monitor").await {
                Ok(took) => (took, None),
                Err(why) => (sent.elapsed(), Some(why)),
            }
        });
    }

    /// The first multiple of the interval after now: what was missed is not made up for.
    fn due_after(&self, last: Instant) -> Instant {
        let every = self.setup.interval;
        let late = Instant::now().saturating_duration_since(last);
        let missed = late.as_nanos() / every.as_nanos().max(1);
        last + every * u32::try_from(missed + 1).unwrap_or(u32::MAX)
    }

    fn picture(&mut self) -> Picture {
        let now = self.start.elapsed();
        self.pulse.forget(now);
        let at = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
        picture(&self.setup, &self.history, Some(&self.pulse), now, at)
    }

    fn draw(&mut self) -> Result<()> {
        let picture = self.picture();
        let looking = self
            .looking_since
            .map_or(0.0, |since| since.elapsed().as_secs_f64());
        match &mut self.output {
            Output::Live(screen, _) => screen.show(&picture, looking),
            Output::Lines { .. } | Output::Json => Ok(()),
        }
    }

    /// A target that does not answer at the end is not ready.
    fn code(&self) -> u8 {
        match &self.history.failure {
            Some(_) => exit::TARGET,
            None => exit::PASS,
        }
    }
}

/// A task that panicked is a bug of krush's own: its panic goes on here.
fn whole<T>(ended: Result<T, JoinError>) -> T {
    ended.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
}

/// Whether somebody reads it still.
fn printed(text: &str) -> Result<bool> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(Error::stdout(error)),
    }
}

/// The canary, whose topic must be there: a record for a missing one holds a thread of the server for a minute.
async fn canary(args: &MonitorArgs, to: &Connected, target: &Target) -> Result<Option<Canary>> {
    let Some(topic) = &args.canary else {
        return Ok(None);
    };
    let listed = || to.server.topics.contains(topic);
    match to.client.topic(topic).await {
        Ok(_) => {}
        // Redpanda has no such call, but it has the list.
        Err(error) if error.is_not_found() && listed() => {}
        Err(error) if error.is_not_found() => {
            return Err(Error::target(
                format!(
                    "--canary: topic {topic} does not exist at {}",
                    to.client.base()
                ),
                format!("make it: krush topics create {topic}"),
            ));
        }
        Err(error) => return Err(error.into()),
    }
    let url = target.urls.first();
    let url = url.ok_or_else(|| Error::Internal("a target without a URL".to_owned()))?;
    Canary::new(target, url, args.timeout, topic).map(Some)
}

fn output(args: &MonitorArgs) -> Result<Output> {
    let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    let ends = args.once || args.samples.is_some();
    if args.json {
        return Ok(Output::Json);
    }
    if ends || dumb || !std::io::stdout().is_terminal() {
        return Ok(Output::Lines { heading: true });
    }
    // The convention of no-color.org: any value but the empty one counts.
    let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let look = Look {
        color: super::in_color(!args.no_color && !no_color),
        glyphs: if args.ascii || !utf8() {
            Glyphs::Ascii
        } else {
            Glyphs::Blocks
        },
    };
    let mut redraw = interval(DRAWN_EVERY);
    redraw.set_missed_tick_behavior(MissedTickBehavior::Delay);
    Ok(Output::Live(Box::new(Screen::take(look)?), redraw))
}

/// Whether the locale says that the terminal shows UTF-8; the first variable that is set decides, as in C.
fn utf8() -> bool {
    let mut locale = ["LC_ALL", "LC_CTYPE", "LANG"]
        .into_iter()
        .filter_map(std::env::var_os)
        .filter(|value| !value.is_empty());
    let name = locale
        .next()
        .map(|name| name.to_string_lossy().to_lowercase());
    cfg!(windows) || name.is_some_and(|name| name.contains("utf-8") || name.contains("utf8"))
}
