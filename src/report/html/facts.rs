//! What was asked for and where it ran, as keys and values: of one run, and of several where they differ.

use maud::{Markup, html};
use serde_json::Value;

use super::cap;
use super::table::{Column, folded, pairs, text_table};
use crate::report::Report;
use crate::report::words::merged_words;

/// Parts of a report that say what was tested with what; the rest is what came of it.
const PARTS: [&str; 4] = ["plan", "target", "machine", "tool"];
/// Keys that hold results, or a place instead of a property.
const NOT_FACTS: [&str; 1] = ["target.per_target"];
/// Settings that a page shows.
const SHOWN: usize = 80;

/// A key with dots, and its value.
type Fact = (String, String);

/// Keys and values in the order of the report.
fn facts(report: &Report) -> Vec<Fact> {
    let Ok(value) = serde_json::to_value(report) else {
        return Vec::new();
    };
    let mut facts = Vec::new();
    for part in PARTS {
        collect(part, &value[part], &mut facts);
    }
    facts
}

fn collect(key: &str, value: &Value, facts: &mut Vec<Fact>) {
    if NOT_FACTS.contains(&key) {
        return;
    }
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                collect(&format!("{key}.{name}"), member, facts);
            }
        }
        Value::Array(items) if items.iter().all(Value::is_string) => {
            let items: Vec<&str> = items.iter().filter_map(Value::as_str).collect();
            let none = items.is_empty();
            let text = if none {
                "-".to_owned()
            } else {
                items.join(", ")
            };
            facts.push((key.to_owned(), text));
        }
        Value::String(text) => facts.push((key.to_owned(), text.clone())),
        Value::Null => facts.push((key.to_owned(), "-".to_owned())),
        other => facts.push((key.to_owned(), other.to_string())),
    }
}

/// All of them.
pub(super) fn configuration(report: &Report) -> Markup {
    let machine = &report.machine;
    let model = machine
        .cpu_model
        .as_deref()
        .map_or_else(String::new, |model| format!(" ({model})"));
    let commit = report
        .tool
        .commit
        .as_deref()
        .map_or_else(String::new, |commit| format!(", commit {commit}"));
    let short = [
        ("krush", format!("{}{commit}", report.tool.version)),
        (
            "generator's machine",
            format!(
                "{} {}, {} CPUs{model}",
                machine.os, machine.arch, machine.cpus
            ),
        ),
        ("target", report.target.server.clone()),
        ("topic", report.target.topic.clone()),
    ];
    let merged = merged_words(report).map(|words| ("merged", words));
    let short = short.into_iter().chain(merged);
    let all = facts(report);
    let name = "Every setting of the run";
    let settings =
        html! { (pairs(name, all.iter().take(SHOWN).map(shown))) (cap::more(all.len(), SHOWN)) };
    html! {
        (pairs("Configuration in short", short.map(|(name, value)| (name.to_owned(), cap::brief(&value)))))
        (folded(name, &settings))
    }
}

/// A setting as a page holds it.
fn shown((key, value): &Fact) -> Fact {
    (cap::name(key), cap::brief(value))
}

/// Keys whose values differ, with the value of each run.
fn differences(reports: &[&Report]) -> Vec<(String, Vec<String>)> {
    let all: Vec<Vec<Fact>> = reports.iter().map(|report| facts(report)).collect();
    let mut keys: Vec<&String> = Vec::new();
    for (key, _) in all.iter().flatten() {
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    let value = |facts: &Vec<Fact>, wanted: &String| {
        facts
            .iter()
            .find(|(key, _)| key == wanted)
            .map_or_else(|| "-".to_owned(), |(_, value)| value.clone())
    };
    keys.into_iter()
        .map(|key| {
            (
                key.clone(),
                all.iter()
                    .map(|facts| value(facts, key))
                    .collect::<Vec<String>>(),
            )
        })
        .filter(|(_, values)| values.iter().any(|value| *value != values[0]))
        .collect()
}

/// What differs between the runs, a row a key.
pub(super) fn what_differs(names: &[String], reports: &[&Report]) -> Markup {
    let rows = differences(reports);
    if rows.is_empty() {
        return html! { p { "Nothing: plan, target, machine and version are the same, so what differs below is the run itself." } };
    }
    let mut head = vec![("setting", Column::Text)];
    head.extend(names.iter().map(|name| (name.as_str(), Column::Text)));
    let all = rows.len();
    let most = SHOWN / 2;
    let rows = rows.into_iter().take(most).map(|(key, values)| {
        let values = values.iter().map(|value| cap::name(value));
        [cap::name(&key)].into_iter().chain(values).collect()
    });
    html! { div.by-run { (text_table("What differs", &head, rows)) } (cap::more(all, most)) }
}

/// The same in words, for a terminal: `plan.load.batch_size: 100, 1000`.
pub(in crate::report) fn difference_lines(reports: &[&Report]) -> Vec<String> {
    differences(reports)
        .into_iter()
        .map(|(key, values)| format!("{key}: {}", values.join(" | ")))
        .collect()
}
