//! What a finished run leaves besides its files: a line of the history, and figures at a Pushgateway. Neither changes what the run is: what
//! fails is a warning.

use std::fs;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::interrupt::Interrupts;
use crate::history::Entry;
use crate::plan::{Plan, output_ending};
use crate::report::{Report, formats};
use crate::rest;

/// Adds the run to the history and tells the Pushgateway, as the plan asks for. `files` are those written.
pub(super) fn keep(
    plan: &Plan,
    report: &Report,
    files: &[PathBuf],
    interrupts: &Interrupts,
    stderr: &mut impl Write,
) {
    let mut warn = |text: String| {
        // Nothing is left to do if standard error is closed.
        let _ = writeln!(stderr, "warning: {text}");
    };
    if let Some(path) = &plan.output.history {
        let json = files
            .iter()
            .find(|file| output_ending(file) == Some(".json"));
        let entry = Entry::of(report, json.map(PathBuf::as_path));
        if let Err(error) = append(path, &[entry]) {
            warn(format!(
                "the run is not in the history: cannot write {}: {error}; name another file with --history, or --history off",
                path.display()
            ));
        }
    }
    if let Some(gateway) = &plan.output.push_gateway {
        let text = formats::prometheus(report);
        let push = rest::push(gateway, &plan.target.tls, &report.plan.scenario, text);
        if let Err(why) = interrupts.finish(push) {
            warn(format!("--push-gateway: {why}; the run stays as it is"));
        }
    }
}

/// Adds lines to a file in one write, so that runs side by side do not mix; the file and its folder are made if there are none.
pub(super) fn append(path: &Path, entries: &[Entry]) -> io::Result<()> {
    if let Some(folder) = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
    {
        fs::create_dir_all(folder)?;
    }
    let mut file = fs::File::options()
        .read(true)
        .append(true)
        .create(true)
        .open(path)?;
    let mut text = String::new();
    if !ends_with_newline(&mut file)? {
        // Somebody's half line shall not take this one with it.
        text.push('\n');
    }
    for entry in entries {
        text.push_str(&serde_json::to_string(entry)?);
        text.push('\n');
    }
    file.write_all(text.as_bytes())
}

fn ends_with_newline(file: &mut fs::File) -> io::Result<bool> {
    if file.metadata()?.len() == 0 {
        return Ok(true);
    }
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    Ok(last == *b"\n")
}
