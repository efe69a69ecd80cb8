//! Reads `src/` and fails on a `crate::` edge against the flow that `src/lib.rs` draws.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// What each module may use of the others.
const ALLOWED: [(&str, &[&str]); 18] = [
    ("stats", &[]),
    (
        "history",
        &["gate", "measure", "report", "stats", "units", "error"],
    ),
    ("units", &[]),
    ("error", &[]),
    ("wire", &[]),
    // When lag, silence and age are states to act on.
    ("health", &["units"]),
    // What a stand-in's script says: a plan reads it, a stand-in runs it.
    ("fault", &["units"]),
    // The capacity of a stand-in: a plan reads it, a stand-in runs it, a report says that it is one.
    ("model", &["units"]),
    ("measure", &["units", "error", "wire"]),
    ("plan", &["fault", "model", "units", "error", "wire"]),
    ("payload", &["plan", "units", "error", "wire"]),
    // Holds what a run claims against records as they are read back; asks nobody for them.
    ("audit", &["measure", "payload", "plan", "units", "wire"]),
    (
        "engine",
        &["plan", "payload", "measure", "units", "error", "wire"],
    ),
    (
        "gate",
        &[
            "audit", "plan", "measure", "model", "report", "stats", "units", "error", "wire",
        ],
    ),
    (
        "report",
        &[
            "audit", "history", "plan", "measure", "model", "gate", "stats", "units", "error",
            "wire",
        ],
    ),
    ("standin", &["fault", "model", "units", "error", "wire"]),
    // `serve` names the stand-in's own types for faults, `report` has a flag for each format.
    (
        "cli",
        &[
            "plan", "report", "standin", "fault", "model", "units", "error", "wire",
        ],
    ),
    // What a failed fetch means for records is told in measure's kinds.
    (
        "rest",
        &["plan", "measure", "report", "units", "error", "wire"],
    ),
];

/// May use everything; nobody but the binary may use it.
const TOP: &str = "commands";

/// Crates that stay where they belong.
const CRATES: [(&str, &[&str]); 5] = [
    ("clap", &["cli"]),
    ("clap_complete", &["cli"]),
    ("clap_mangen", &["cli"]),
    ("ratatui", &["commands"]),
    ("reqwest", &["rest"]),
];

/// Names after `needle` in `text`, such as `plan` in `crate::plan::Plan` and in `use crate::{plan, units}`.
fn after(text: &str, needle: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for (at, _) in text.match_indices(needle) {
        let rest = &text[at + needle.len()..];
        match rest.strip_prefix('{') {
            Some(group) => names.extend(top_level(group)),
            None => names.extend(identifier(rest)),
        }
    }
    names
}

fn identifier(text: &str) -> Option<String> {
    let name: String = text
        .chars()
        .take_while(|c| c.is_alphanumeric() || *c == '_')
        .collect();
    (!name.is_empty()).then_some(name)
}

/// First names of the items of a `{…}` group, whatever is nested in them.
fn top_level(group: &str) -> Vec<String> {
    let mut depth = 1;
    let mut items = vec![String::new()];
    for c in group.chars() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 1 => items.push(String::new()),
            _ => {}
        }
        if depth == 0 {
            break;
        }
        if let (1, Some(item)) = (depth, items.last_mut()) {
            item.push(c);
        }
    }
    items
        .iter()
        .filter_map(|item| identifier(item.trim_start_matches([',', ' ', '\n'])))
        .collect()
}

/// Source without comments, so that documentation may name what it likes.
fn code(text: &str) -> String {
    text.lines()
        .map(|line| line.split("//").next().unwrap_or_default())
        .collect::<Vec<_>>()
        .join("\n")
}

/// All source of each top-level module.
fn modules() -> BTreeMap<String, String> {
    fn read(path: &Path, into: &mut String) {
        if path.is_dir() {
            for entry in std::fs::read_dir(path).expect("src is readable") {
                read(&entry.expect("an entry").path(), into);
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            into.push_str(&code(
                &std::fs::read_to_string(path).expect("a source file"),
            ));
        }
    }
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut modules = BTreeMap::<String, String>::new();
    for entry in std::fs::read_dir(src).expect("src is readable") {
        let path = entry.expect("an entry").path();
        let name = path
            .file_stem()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        if name != "lib" && name != "main" {
            read(&path, modules.entry(name).or_default());
        }
    }
    modules
}

fn breaches(name: &str, text: &str) -> Vec<String> {
    let mut breaches = Vec::new();
    if name != TOP {
        let allowed = ALLOWED.iter().find(|(module, _)| *module == name);
        let Some((_, allowed)) = allowed else {
            return vec![format!("{name} is not in the table of this test")];
        };
        for used in after(text, "crate::") {
            if used != name && !allowed.contains(&used.as_str()) {
                breaches.push(format!("{name} uses {used}"));
            }
        }
    }
    for (krate, homes) in CRATES {
        let used = text.contains(&format!("{krate}::")) || text.contains(&format!("use {krate};"));
        if used && !homes.contains(&name) {
            breaches.push(format!("{name} uses the crate {krate}"));
        }
    }
    breaches
}

#[test]
fn no_module_uses_another_against_the_flow() {
    let modules = modules();
    assert!(modules.len() >= ALLOWED.len(), "{:?}", modules.keys());
    let all: Vec<String> = modules
        .iter()
        .flat_map(|(name, text)| breaches(name, text))
        .collect();
    assert!(all.is_empty(), "{}", all.join("\n"));
}

#[test]
fn the_check_sees_every_form_of_an_edge() {
    for (module, text, breach) in [
        ("plan", "use clap::Parser;", "plan uses the crate clap"),
        (
            "commands",
            "clap_mangen::Man::new(c)",
            "commands uses the crate clap_mangen",
        ),
        ("engine", "use crate::report::Report;", "engine uses report"),
        ("engine", "use crate::{units, cli};", "engine uses cli"),
        (
            "gate",
            "use crate::{\n    measure::{Ledger, Counts},\n    engine::Engine,\n};",
            "gate uses engine",
        ),
        (
            "report",
            "fn f(x: crate::engine::X) {}",
            "report uses engine",
        ),
        ("engine", "use crate::rest;", "engine uses rest"),
        ("standin", "use crate::plan::Plan;", "standin uses plan"),
        ("units", "use crate::error::Error;", "units uses error"),
        ("cli", "use crate::commands::load;", "cli uses commands"),
    ] {
        assert_eq!(breaches(module, text), [breach], "{text}");
    }
    assert!(breaches("plan", &code("// use crate::cli\nuse crate::units::Rate;")).is_empty());
}
