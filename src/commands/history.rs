//! `krush history`: the runs so far, what they say together, and reports added to them.

use std::collections::{BTreeSet, HashSet};
use std::io::Write as _;
use std::path::Path;

use super::keep::append;
use super::same_file;
use crate::cli::HistoryArgs;
use crate::error::{Error, Result, exit};
use crate::history::{self, Entry, Lines, Shown, Trend};
use crate::measure::TargetKind;
use crate::report::{Found, Style};

/// Runs of each trend that are listed if nothing is said.
const LISTED: u32 = 20;
/// What load commands take for no history.
const OFF: &str = "off";

/// Runs it and returns the exit code.
///
/// # Errors
/// A file that cannot be read or written, a report that is none, or filters that leave nothing.
pub fn history(args: &HistoryArgs) -> Result<u8> {
    if args.file.as_os_str() == OFF {
        return Err(Error::Usage {
            message: format!("the history is off: --file (KRUSH_HISTORY) is `{OFF}`"),
            hint: Some(format!(
                "name a file with --file, such as {}",
                crate::plan::DEFAULT_HISTORY
            )),
        });
    }
    if !args.add.is_empty() {
        return add(args);
    }
    if let Some(page) = &args.html {
        let history = std::slice::from_ref(&args.file);
        same_file::refuse(
            "--html",
            std::slice::from_ref(page),
            history,
            "is the history",
        )?;
    }
    let lines = read(&args.file)?;
    let notes = history::notes(&lines);
    for words in &notes {
        // A warning that nobody can read is no reason to end.
        let _ = writeln!(
            std::io::stderr().lock(),
            "warning: {}: {words}",
            args.file.display()
        );
    }
    let trends = history::trends(chosen(lines.entries, args)?);
    if let Some(path) = &args.html {
        let page = crate::report::history_html(&trends, &notes);
        crate::report::write_text(&page, path)
            .map_err(|error| unwritten(&error, "another file with --html"))?;
        return super::load::written(super::say(&format!("{}\n", path.display())));
    }
    let style = Style::new(super::in_color(!args.no_color && !super::no_color_asked()));
    let last = (!args.all).then(|| args.last.unwrap_or(LISTED) as usize);
    let text = if args.json {
        json(&trends)
    } else {
        history::show(&trends, Shown { last, style })
    };
    super::load::written(super::say(&text))
}

fn json(trends: &[Trend]) -> String {
    let mut text = serde_json::to_string_pretty(&serde_json::json!({ "trends": trends }))
        .expect("entries have string keys only");
    text.push('\n');
    text
}

fn read(path: &Path) -> Result<Lines> {
    match std::fs::read(path) {
        // Bytes that are no text spoil their line only.
        Ok(bytes) => Ok(history::read(&String::from_utf8_lossy(&bytes))),
        Err(error) => Err(Error::Usage {
            message: format!("cannot read the history {}: {error}", path.display()),
            hint: Some(
                "every load run adds a line to results/history.jsonl; --file names another file, --add REPORT.json makes one of reports".to_owned(),
            ),
        }),
    }
}

/// The runs that the filters leave.
fn chosen(entries: Vec<Entry>, args: &HistoryArgs) -> Result<Vec<Entry>> {
    let of_scenario =
        |entry: &Entry| (args.scenario.as_ref()).is_none_or(|name| *name == entry.scenario);
    let of_target =
        |entry: &Entry| (args.target.as_ref()).is_none_or(|target| is_target(entry, target));
    let hint = unfit(&entries, of_scenario, of_target);
    let chosen: Vec<Entry> = entries
        .into_iter()
        .filter(|entry| of_scenario(entry) && of_target(entry))
        .collect();
    if chosen.is_empty() {
        return Err(Error::Usage {
            message: format!("no run in {} fits", args.file.display()),
            hint: Some(hint),
        });
    }
    Ok(chosen)
}

/// What there is instead, of that which does not fit.
fn unfit(
    entries: &[Entry],
    of_scenario: impl Fn(&Entry) -> bool,
    of_target: impl Fn(&Entry) -> bool,
) -> String {
    let scenarios = |entries: &mut dyn Iterator<Item = &Entry>| {
        named(entries.map(|entry| entry.scenario.clone()).collect())
    };
    let targets =
        |entries: &mut dyn Iterator<Item = &Entry>| named(entries.flat_map(target_names).collect());
    if entries.is_empty() {
        "every load run adds a line to it".to_owned()
    } else if !entries.iter().any(&of_scenario) {
        let all = scenarios(&mut entries.iter());
        format!("leave out --scenario, or name one of its scenarios: {all}")
    } else if !entries.iter().any(&of_target) {
        let all = targets(&mut entries.iter());
        format!("leave out --target, or name one of its targets: {all}")
    } else {
        let all = targets(&mut entries.iter().filter(|entry| of_scenario(entry)));
        format!("leave out --scenario or --target; the targets of that scenario are {all}")
    }
}

/// A few of the names, each once.
fn named(names: BTreeSet<String>) -> String {
    const NAMED: usize = 8;
    let more = match names.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let names: Vec<String> = names.into_iter().take(NAMED).collect();
    crate::report::clean_text(&(names.join(", ") + &more))
}

/// What `--target` takes for this run. The URL of a stand-in is another each time.
fn target_names(entry: &Entry) -> Vec<String> {
    let kind = entry.target_kind.name().to_owned();
    let urls = match entry.target_kind {
        TargetKind::StandIn => &[],
        TargetKind::RestProxy | TargetKind::StandInKafka => &entry.urls[..],
    };
    std::iter::once(kind).chain(urls.iter().cloned()).collect()
}

/// By kind, or by URL with or without a slash at its end.
fn is_target(entry: &Entry, target: &str) -> bool {
    let bare = |url: &str| url.trim_end_matches('/').to_owned();
    entry.target_kind.name() == target || entry.urls.iter().any(|url| bare(url) == bare(target))
}

/// Adds the reports that are not listed yet. What else krush wrote into the folder is left out and told; nothing is added if a file is neither.
fn add(args: &HistoryArgs) -> Result<u8> {
    let listed = match read(&args.file) {
        Ok(lines) => lines.entries,
        Err(_) if !args.file.exists() => Vec::new(),
        Err(error) => return Err(error),
    };
    let mut known: HashSet<_> = listed.iter().map(Entry::identity).collect();
    let (mut new, mut skipped) = (Vec::new(), Vec::new());
    for path in &args.add {
        match crate::report::read_result(path)? {
            Found::Report(report) => {
                let entry = Entry::of(&report, Some(path));
                if known.insert(entry.identity()) {
                    new.push(entry);
                }
            }
            Found::Other(what) => skipped.push(format!(
                "{} is {what}, not a report of a load",
                path.display()
            )),
        }
    }
    if skipped.len() == args.add.len() {
        return Err(Error::Usage {
            message: format!("there is no report to add: {}", skipped.join("; ")),
            hint: Some("give JSON reports of load commands (see --output)".to_owned()),
        });
    }
    for words in &skipped {
        // A note that nobody can read is no reason to end.
        let _ = writeln!(std::io::stderr().lock(), "skipped: {words}");
    }
    if !new.is_empty() {
        append(&args.file, &new).map_err(|source| {
            let error = Error::Output {
                path: args.file.clone(),
                source,
            };
            unwritten(&error, "another file with --file")
        })?;
    }
    let reports = crate::units::counted(new.len() as u64, "report", "reports");
    let also = |count: usize, what: &str| match count {
        0 => String::new(),
        count => format!("; {what}: {count}"),
    };
    let known = also(args.add.len() - new.len() - skipped.len(), "listed already");
    let skipped = also(skipped.len(), "skipped");
    let text = format!(
        "{reports} added to {}{known}{skipped}\n",
        args.file.display()
    );
    super::load::written(super::say(&text))?;
    Ok(exit::PASS)
}

/// The hint of an [`Error::Output`] is about `--output`, which this command has not.
fn unwritten(error: &Error, instead: &str) -> Error {
    Error::Usage {
        message: error.to_string(),
        hint: Some(format!("make the folder writable, or name {instead}")),
    }
}
