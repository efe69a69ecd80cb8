//! The pages are true: commands they show can be typed, and runs whose counts cannot differ are repeated and compared.

use std::process::Output;

const METHODOLOGY: &str = include_str!("../../docs/methodology.md");
const README: &str = include_str!("../../README.md");

/// A command of a page and the lines shown below it.
struct Shown {
    /// Without the program's name.
    words: Vec<String>,
    lines: Vec<String>,
}

/// The commands of all blocks of this language; the text of a block is cut at each `$`.
fn shown(page: &str, language: &str) -> Vec<Shown> {
    let fence = format!("\n```{language}\n");
    let blocks = page.split(&fence).skip(1);
    let blocks = blocks.filter_map(|rest| rest.split("\n```").next());
    let mut all = Vec::new();
    for command in blocks.flat_map(|block| block.split("$ ").skip(1)) {
        let mut lines = command.lines().map(str::to_owned);
        let typed = lines.next().unwrap_or_default();
        let Some(typed) = typed.strip_prefix("krush ") else {
            continue;
        };
        let words = words(typed.split(['&', '#']).next().unwrap_or_default());
        let lines = lines.filter(|line| !line.is_empty()).collect();
        all.push(Shown { words, lines });
    }
    all
}

/// As a shell splits them; only single quotes are used.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (index, part) in line.split('\'').enumerate() {
        if index % 2 == 1 {
            words.push(part.to_owned());
        } else {
            words.extend(part.split_whitespace().map(str::to_owned));
        }
    }
    words
}

fn krush(words: &[String]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let mut command = crate::krush();
    command
        .args(words)
        .current_dir(folder.path())
        .output()
        .unwrap()
}

#[test]
fn every_load_command_of_the_pages_can_be_typed() {
    let of = |page| {
        let all = ["console", "text"].map(|language| shown(page, language));
        all.into_iter().flatten()
    };
    let loads: Vec<Shown> = of(METHODOLOGY)
        .chain(of(README))
        .filter(|shown| ["basic", "extreme"].contains(&shown.words[0].as_str()))
        .collect();
    assert!(loads.len() > 20, "{}", loads.len());
    for mut load in loads {
        load.words.push("--dry-run".to_owned());
        let output = krush(&load.words);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{:?}: {said}", load.words);
    }
}

#[test]
fn runs_of_the_page_whose_counts_cannot_differ_come_out_as_shown() {
    let all = shown(METHODOLOGY, "console");
    assert!(all.len() >= 6, "{}", all.len());
    for run in all {
        let said = krush(&run.words).stdout;
        let said = String::from_utf8_lossy(&said);
        // A machine too busy to make the load voids the run, and krush says so.
        if said.contains("\n  Offered rate") || said.contains("\n  Generator") {
            continue;
        }
        for line in &run.lines {
            assert!(
                said.lines().any(|printed| printed.starts_with(line)),
                "{:?} did not print {line:?}:\n{said}",
                run.words
            );
        }
    }
}

/// A page with blocks that are a kept report as krush prints it, each below a comment that names the report.
const PAGES: [&str; 1] = ["README.md"];
const MARK: &str = "<!-- as krush prints ";

fn in_repo(name: &str) -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// The page with each such block made anew, and the number of them.
fn with_reports(page: &str) -> (String, usize) {
    let mut parts = page.split(MARK);
    let mut made = parts.next().unwrap_or_default().to_owned();
    let mut blocks = 0;
    for part in parts {
        let (name, rest) = part
            .split_once(" -->\n\n```\n")
            .expect("NAME, then a block");
        let (_, after) = rest.split_once("\n```\n").expect("the block's end");
        let text = std::fs::read(in_repo(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        let report: krush::report::Report = serde_json::from_slice(&text).unwrap();
        let plain = krush::report::Style::plain();
        let shown = krush::report::table::render(&report, &[name.into()], plain);
        let shown = shown.trim_end();
        made.extend([MARK, name, " -->\n\n```\n", shown, "\n```\n", after]);
        blocks += 1;
    }
    (made, blocks)
}

#[test]
fn results_on_pages_are_reports_that_are_kept() {
    for name in PAGES {
        let page = std::fs::read_to_string(in_repo(name)).unwrap();
        let (made, blocks) = with_reports(&page);
        assert!(blocks > 0, "{name} shows none");
        if std::env::var_os("KRUSH_UPDATE_PAGES").is_some() {
            std::fs::write(in_repo(name), &made).unwrap();
        } else {
            assert_eq!(page, made, "{name}: KRUSH_UPDATE_PAGES=1 writes it anew");
        }
    }
}
