//! The file of the history as text: good lines as entries, the others by their number.

use std::collections::HashSet;

use serde::Deserialize;

use super::Entry;
use super::entry::SCHEMA_VERSION;

/// What a file of lines holds.
#[derive(Debug, Default, PartialEq)]
pub struct Lines {
    /// Runs, oldest first.
    pub entries: Vec<Entry>,
    /// Lines that are no runs: number, from 1, and why.
    pub wrong: Vec<(usize, String)>,
    /// Lines of runs that another line is of: files were joined that share them.
    pub doubled: usize,
}

/// Reads a file's text. A wrong line is told, and the others count.
pub fn read(text: &str) -> Lines {
    let mut lines = Lines::default();
    for (index, line) in text.lines().enumerate() {
        // Editors put a byte order mark before the first line, and `cat` moves it to the middle.
        let line = line.trim_start_matches('\u{feff}');
        if line.trim().is_empty() {
            continue;
        }
        match entry(line) {
            Ok(entry) => lines.entries.push(entry),
            Err(why) => lines.wrong.push((index + 1, why)),
        }
    }
    // Workers that end at the same time write in whatever order.
    lines
        .entries
        .sort_by(|one, other| one.started_at.cmp(&other.started_at));
    let all = lines.entries.len();
    let mut known = HashSet::new();
    lines.entries.retain(|entry| known.insert(entry.identity()));
    lines.doubled = all - lines.entries.len();
    lines
}

fn entry(line: &str) -> Result<Entry, String> {
    #[derive(Deserialize)]
    struct Version {
        schema_version: u32,
    }
    let read: Result<Entry, _> = serde_json::from_str(line);
    match read {
        Ok(entry) if entry.schema_version == SCHEMA_VERSION => {
            let time = humantime::parse_rfc3339(&entry.started_at);
            match (time, entry.nonsense()) {
                (Err(_), _) => Err("started_at is no time".to_owned()),
                (Ok(_), Some(why)) => Err(why),
                (Ok(_), None) => Ok(entry),
            }
        }
        Ok(entry) => Err(version_words(entry.schema_version)),
        // A later version may lack what this one needs.
        Err(error) => match serde_json::from_str::<Version>(line) {
            Ok(version) if version.schema_version != SCHEMA_VERSION => {
                Err(version_words(version.schema_version))
            }
            _ if error.is_eof() => Err("half a line".to_owned()),
            _ => Err("no run".to_owned()),
        },
    }
}

fn version_words(version: u32) -> String {
    format!("of version {version}, and this krush reads {SCHEMA_VERSION}")
}

/// What else the reader of a file should know, a sentence each.
pub fn notes(lines: &Lines) -> Vec<String> {
    let doubled = (lines.doubled > 0).then(|| {
        let of = crate::units::counted(lines.doubled as u64, "line is", "lines are");
        format!("{of} of a run that another line is of: each run counts once")
    });
    wrong_words(&lines.wrong)
        .into_iter()
        .chain(doubled)
        .collect()
}

/// The wrong lines in a sentence: the first few by number; `None`: there are none.
pub(super) fn wrong_words(wrong: &[(usize, String)]) -> Option<String> {
    const NAMED: usize = 3;
    if wrong.is_empty() {
        return None;
    }
    let named: Vec<String> = wrong
        .iter()
        .take(NAMED)
        .map(|(number, why)| format!("line {number} ({why})"))
        .collect();
    let more = match wrong.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let lines = crate::units::counted(wrong.len() as u64, "line is", "lines are");
    Some(format!("{lines} left out: {}{more}", named.join(", ")))
}
