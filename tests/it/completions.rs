//! Completion scripts and manual pages, used as their readers do: by a real shell, and by what formats manuals.

use std::path::Path;
use std::process::{Command, Stdio};

/// Standard output, of a run that must end well.
fn output_of(args: &[&str]) -> String {
    let output = crate::krush().args(args).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{args:?}: {said}");
    assert_eq!(said, "", "{args:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Whether this machine has the program. A test without it says on standard error that it checked nothing.
fn installed(program: &str) -> bool {
    let found = Command::new(program)
        .arg("--version")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok();
    if !found {
        skipped(program);
    }
    found
}

#[expect(clippy::print_stderr, reason = "a test that checked nothing says so")]
fn skipped(program: &str) {
    eprintln!("skipped: there is no {program} on this machine");
}

/// Runs a script and gives what it printed.
fn shell(program: &str, script: &str, folder: &Path) -> String {
    let output = Command::new(program)
        .args(["-c", script])
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program}: {said}");
    assert_eq!(said, "", "{program}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn bash_completes_commands_flags_and_shells() {
    if !installed("bash") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(
        folder.path().join("krush.bash"),
        output_of(&["completions", "bash"]),
    )
    .unwrap();
    // As readline calls it: the words, which of them, then command, word and the word before.
    let complete = |words: &[&str]| {
        let (last, before) = (words[words.len() - 1], words[words.len() - 2]);
        let script = format!(
            "source ./krush.bash
complete -p krush >registered
COMP_WORDS=({})
COMP_CWORD={}
$(sed 's/.*-F \\([^ ]*\\).*/\\1/' registered) krush '{last}' '{before}'
echo \"${{COMPREPLY[*]}}\"",
            words.join(" "),
            words.len() - 1
        );
        // No profile of the developer's takes part.
        let script = format!("set -u\n{script}");
        shell("bash", &script, folder.path()).trim_end().to_owned()
    };
    assert_eq!(complete(&["krush", "ext"]), "extreme");
    assert_eq!(complete(&["krush", "basic", "--conc"]), "--concurrency");
    assert_eq!(
        complete(&["krush", "serve", "--kaf"]),
        "--kafka --kafka-version"
    );
    assert_eq!(complete(&["krush", "completions", "po"]), "powershell");
    assert_eq!(complete(&["krush", "topics", "des"]), "describe");
    assert_eq!(
        complete(&["krush", "topics", "create", "--par"]),
        "--partitions"
    );
    assert_eq!(complete(&["krush", "basic", "--no-such"]), "");
}

#[test]
fn zsh_and_fish_read_their_scripts() {
    let folder = tempfile::tempdir().unwrap();
    let script = |shell: &str| {
        let path = folder.path().join(shell);
        std::fs::write(&path, output_of(&["completions", shell])).unwrap();
    };
    if installed("zsh") {
        script("zsh");
        shell("zsh", "zsh -f -n ./zsh", folder.path());
    }
    if installed("fish") {
        script("fish");
        let said = "source ./fish; complete --do-complete 'krush ext'";
        let completed = shell(
            "fish",
            &format!("fish --no-config -c \"{said}\""),
            folder.path(),
        );
        assert!(completed.starts_with("extreme"), "{completed}");
    }
}

#[test]
fn an_unknown_shell_or_command_is_said_with_those_that_there_are() {
    for (args, said) in [
        (
            &["completions", "tcsh"][..],
            &["'tcsh'", "bash, elvish, fish, powershell, zsh"][..],
        ),
        (&["completions"], &["<SHELL>"]),
        (
            &["man", "extrem"],
            &[
                "`extrem` is no command of krush",
                "basic, optimized, extreme",
            ],
        ),
        (&["man", "basic", "--dir", "x"], &["cannot be used with"]),
    ] {
        let output = crate::krush().args(args).output().unwrap();
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {text}");
        for part in said {
            assert!(text.contains(part), "{args:?}: {text}");
        }
        assert!(output.stdout.is_empty(), "{args:?}");
    }
}

#[test]
fn a_page_on_standard_output_is_the_one_in_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("new/man1");
    let line = output_of(&["man", "--dir", dir.to_str().unwrap()]);
    assert_eq!(line.lines().count(), 1, "{line}");
    let named: Vec<&str> = line
        .split_whitespace()
        .filter(|word| Path::new(word).extension().is_some_and(|e| e == "1"))
        .collect();
    assert!(named.len() >= 10, "{line}");
    assert!(line.contains(dir.to_str().unwrap()), "{line}");
    let mut written: Vec<String> = std::fs::read_dir(&dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    written.sort();
    let mut sorted = named.clone();
    sorted.sort_unstable();
    assert_eq!(written, sorted);
    for file in named {
        let page = std::fs::read_to_string(dir.join(file)).unwrap();
        let name = file.trim_end_matches(".1");
        let command = name.strip_prefix("krush-");
        let args: Vec<&str> = std::iter::once("man").chain(command).collect();
        assert_eq!(output_of(&args), page, "{file}");
    }
    let help = output_of(&["--help"]);
    let first = help.lines().next().unwrap();
    let page = std::fs::read_to_string(dir.join("krush.1")).unwrap();
    assert!(page.replace('\\', "").contains(first), "{page}");
}

#[test]
fn what_formats_manuals_has_nothing_to_say_against_a_page() {
    let folder = tempfile::tempdir().unwrap();
    output_of(&["man", "--dir", folder.path().to_str().unwrap()]);
    let checks: [(&str, &[&str]); 2] = [
        ("groff", &["-man", "-Tutf8", "-ww", "-z"]),
        ("mandoc", &["-T", "lint", "-W", "warning"]),
    ];
    for (program, args) in checks {
        if !installed(program) {
            continue;
        }
        for entry in std::fs::read_dir(folder.path()).unwrap() {
            let path = entry.unwrap().path();
            let output = Command::new(program)
                .args(args)
                .arg(&path)
                .stdin(Stdio::null())
                .output()
                .unwrap();
            let said = [output.stdout, output.stderr].concat();
            let said = String::from_utf8_lossy(&said);
            assert!(said.trim().is_empty(), "{program} {path:?}: {said}");
            assert!(output.status.success(), "{program} {path:?}");
        }
    }
}

#[test]
fn a_folder_that_cannot_be_written_to_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    for dir in [file.clone(), file.join("below")] {
        let output = crate::krush().args(["man", "--dir"]).arg(&dir).output();
        let output = output.unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        let wanted = format!("error: --dir: cannot write {}", dir.display());
        assert!(said.starts_with(&wanted), "{said}");
    }
}

#[test]
fn a_reader_that_left_is_no_failure() {
    for args in [&["completions", "bash"][..], &["man"], &["man", "basic"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = crate::krush().args(args).stdout(writer).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{args:?}");
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{args:?}");
    }
}
