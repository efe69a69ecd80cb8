//! Completion scripts and manual pages, made of what clap knows of the command line.

use std::path::PathBuf;

use clap::Args;
use clap::builder::Resettable;
use clap_complete::Shell;
use clap_mangen::Man;

use super::command;

/// Arguments of `krush completions`.
#[derive(Debug, Clone, Args)]
pub struct CompletionsArgs {
    /// Shell to complete in
    #[arg(value_name = "SHELL")]
    pub shell: Shell,
}

/// Arguments of `krush man`.
#[derive(Debug, Clone, Args)]
pub struct ManArgs {
    /// Command to show the page of, such as basic or topics-list; without one, the page of krush itself
    #[arg(value_name = "COMMAND")]
    pub command: Option<String>,
    /// Write every page into this folder instead, as krush.1, krush-basic.1 and so on
    #[arg(long, value_name = "DIR", conflicts_with = "command")]
    pub dir: Option<PathBuf>,
}

/// A manual page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManPage {
    /// The command it is about; empty for krush itself.
    pub command: String,
    /// The name that `man` finds it by.
    pub file: String,
    /// What it says, as roff.
    pub text: Vec<u8>,
}

/// The script that makes a shell complete krush's command line.
pub fn completions(shell: Shell) -> Vec<u8> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command(), "krush", &mut script);
    script
}

/// The page of krush, then those of its commands in the order of `--help`; `topics list` has one of its own, `topics-list`.
pub fn man_pages() -> Vec<ManPage> {
    let version = env!("CARGO_PKG_VERSION");
    // What a build can do is no matter of the page.
    let mut krush = command()
        .disable_help_subcommand(true)
        .long_version(Resettable::Reset);
    krush.build();
    with_subcommands(&krush)
        .into_iter()
        .map(|about| {
            let name = about.get_display_name().unwrap_or("krush").to_owned();
            let page = Man::new(about)
                // Pages of the same build are the same; an empty date would make the source one.
                .date(" ")
                .source(format!("krush {version}"))
                .manual("krush");
            let mut text = Vec::new();
            page.render(&mut text)
                .expect("writing to memory cannot fail");
            ManPage {
                command: name.strip_prefix("krush-").unwrap_or_default().to_owned(),
                file: format!("{name}.1"),
                text,
            }
        })
        .collect()
}

/// A command, and all that are below it, each right after the one that it belongs to.
fn with_subcommands(about: &clap::Command) -> Vec<clap::Command> {
    let below = about.get_subcommands().flat_map(with_subcommands);
    std::iter::once(about.clone()).chain(below).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::ValueEnum;

    #[test]
    fn every_command_has_a_page_that_names_all_its_flags() {
        let pages = man_pages();
        let mut krush = command().disable_help_subcommand(true);
        krush.build();
        let commands = with_subcommands(&krush);
        let files: Vec<&str> = pages.iter().map(|page| &*page.file).collect();
        assert_eq!(files[0], "krush.1");
        for file in ["krush-topics.1", "krush-topics-list.1"] {
            assert!(files.contains(&file), "{files:?}");
        }
        assert_eq!(pages.len(), commands.len());
        for (page, about) in pages.iter().zip(&commands) {
            let text = String::from_utf8(page.text.clone()).unwrap();
            let title = match &*page.command {
                "" => "krush".to_owned(),
                name => format!("krush-{name}"),
            };
            assert_eq!(page.file, format!("{title}.1"));
            let version = env!("CARGO_PKG_VERSION");
            let head = format!(".TH {title} 1 \" \" \"krush {version}\" krush");
            // `-` stands in two ways in roff.
            let plain = text.replace("\\-", "-");
            assert!(plain.lines().any(|line| line.trim_end() == head), "{plain}");
            for section in [".SH NAME", ".SH SYNOPSIS", ".SH DESCRIPTION", ".SH OPTIONS"] {
                assert!(plain.lines().any(|line| line == section), "{section}");
            }
            let shown = (about.get_arguments()).filter(|argument| !argument.is_hide_set());
            for argument in shown {
                if let Some(long) = argument.get_long() {
                    let flag = format!("--{long}");
                    // Once in the synopsis, once where it is explained.
                    assert!(plain.matches(&flag).count() >= 2, "{title}: {flag}");
                }
                if let Some(variable) = argument.get_env() {
                    let variable = variable.to_string_lossy();
                    assert!(plain.contains(&*variable), "{title}: {variable}");
                }
            }
        }
    }

    #[test]
    fn every_shell_gets_a_script_with_all_commands() {
        for shell in Shell::value_variants() {
            let script = String::from_utf8(completions(*shell)).unwrap();
            for command in command().get_subcommands() {
                assert!(script.contains(command.get_name()), "{shell}");
            }
            assert!(script.contains("concurrency"), "{shell}");
        }
    }
}
