//! What a person sees of the self-test: a line a case, and below it what was wrong.

use std::io::{IsTerminal, Write};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::case::{Case, Outcome};
use super::scripts::Scripts;
use super::written;
use crate::error::Result;
use crate::report::Style;
use crate::units::{self, counted, grouped};

/// Columns that what krush said may take, verdict included.
const SAID: usize = 90;

/// Columns of a terminal that nobody has widened, and those in front of what krush said there.
const NARROW: usize = 80;
const INDENT: usize = 4;

/// Columns of the terminal that stdout is; `None` if it is none.
fn columns() -> Option<usize> {
    #[cfg(unix)]
    if std::io::stdout().is_terminal() {
        let size = rustix::termios::tcgetwinsize(std::io::stdout()).ok()?;
        return Some(usize::from(size.ws_col)).filter(|columns| *columns > 0);
    }
    None
}

/// Prints as results come.
pub(super) struct Lines {
    style: Style,
    name: usize,
    happened: usize,
    /// What the server did and what krush said go on one line.
    wide: bool,
    compared: usize,
    /// Somebody still reads what is printed.
    pub(super) read: bool,
    bar: Option<ProgressBar>,
}

impl Lines {
    pub(super) fn new(cases: &[Case], no_color: bool) -> Self {
        let widest =
            |of: fn(&Case) -> &str| cases.iter().map(|case| of(case).chars().count()).max();
        let (name, happened) = (
            widest(|case| case.name).unwrap_or(0),
            widest(|case| case.happened).unwrap_or(0),
        );
        let terminal = std::io::stderr().is_terminal();
        let bar = terminal.then(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            let style = ProgressStyle::with_template("{spinner} {msg}");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
            bar
        });
        Self {
            style: Style::new(crate::commands::in_color(!no_color)),
            name,
            happened,
            wide: columns().is_none_or(|columns| columns >= name + happened + SAID),
            compared: 0,
            read: true,
            bar,
        }
    }

    fn print(&mut self, text: &str) -> Result<()> {
        let print = || written(std::io::stdout().lock().write_all(text.as_bytes()));
        self.read = match &self.bar {
            Some(bar) => bar.suspend(print),
            None => print(),
        }?;
        Ok(())
    }

    /// What is going to be done.
    pub(super) fn head(&mut self, cases: usize, scripts: usize) -> Result<()> {
        let version = env!("CARGO_PKG_VERSION");
        let scripts = match scripts {
            0 => String::new(),
            n => format!(", then {} random ones", grouped(n as u64)),
        };
        self.tell("starting");
        let servers = counted(cases as u64, "scripted server", "scripted servers");
        let head = if self.wide {
            self.line("case", "what the server did", "krush said")
        } else {
            String::new()
        };
        self.print(&format!(
            "krush {version} selftest: {servers}{scripts}\n\n{head}"
        ))
    }

    /// A case on one line, or on two where the terminal is narrow.
    fn line(&self, name: &str, happened: &str, said: &str) -> String {
        if self.wide {
            let (first, second) = (self.name, self.happened);
            format!("{name:<first$}  {happened:<second$}  {said}\n")
        } else {
            format!("{name}: {happened}\n    {said}\n")
        }
    }

    /// One case.
    pub(super) fn case(&mut self, case: &Case, outcome: &Outcome) -> Result<()> {
        self.compared += outcome.findings.compared();
        let wrong = outcome.findings.wrong();
        let verdict = if wrong.is_empty() {
            self.style.good(case.word.text())
        } else {
            self.style.bad("WRONG")
        };
        let length = outcome.said.chars().count() + case.word.text().chars().count();
        // On a narrow terminal the verdict may need a line of its own.
        let gap = if !self.wide && INDENT + length + 2 > NARROW {
            "\n    "
        } else {
            " "
        };
        let said = format!("{}:{gap}{verdict}", outcome.said);
        let mut text = self.line(case.name, case.happened, &said);
        text.extend(wrong.iter().flat_map(|wrong| ["    ", wrong, "\n"]));
        self.tell(case.name);
        self.print(&text)
    }

    /// How far the random scripts are.
    pub(super) fn progress(&self, done: u64, of: usize) {
        self.tell(&format!(
            "{} of {} random scripts",
            grouped(done),
            grouped(of as u64)
        ));
    }

    fn tell(&self, text: &str) {
        if let Some(bar) = &self.bar {
            bar.set_message(text.to_owned());
            bar.tick();
        }
    }

    /// What came of the random scripts.
    pub(super) fn scripts(&mut self, scripts: &Scripts) -> Result<()> {
        self.compared += scripts.compared;
        let wrong = scripts.wrong();
        let verdict = if wrong.is_empty() {
            self.style.good("every ledger balanced")
        } else {
            self.style.bad("WRONG")
        };
        let refused = match scripts.refused {
            0 => String::new(),
            n => format!(" {} refused before any load,", grouped(n)),
        };
        let mut text = format!(
            "\n{} random fault scripts (seed {}),{refused} longest {}: {verdict}\n",
            grouped(scripts.run),
            scripts.seed,
            units::latency(scripts.longest.as_micros() as u64),
        );
        text.extend(wrong.iter().flat_map(|wrong| ["    ", wrong, "\n"]));
        self.print(&text)
    }

    /// The last word.
    pub(super) fn end(&mut self, wrong: usize, took: Duration) -> Result<()> {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
        let word = if wrong == 0 {
            self.style.good("no figure was wrong")
        } else {
            let what = counted(wrong as u64, "case has", "cases have");
            self.style.bad(&format!("{what} wrong figures"))
        };
        self.print(&format!(
            "\n{} compared in {}: {word}\n",
            counted(self.compared as u64, "figure", "figures"),
            units::latency(took.as_micros() as u64),
        ))
    }
}

/// Every case and what its server does.
pub(super) fn list(cases: &[Case]) -> Result<()> {
    let mut out = std::io::stdout().lock();
    for case in cases {
        let script = case.setting.faults.join(" ");
        let read = written(writeln!(
            out,
            "{}\n    {}\n    faults: {}",
            case.name,
            case.happened,
            if script.is_empty() { "none" } else { &script }
        ))?;
        if !read {
            break;
        }
    }
    Ok(())
}
