//! One integration binary; a module a topic.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod cli;
mod faults;
mod instructions;
#[cfg(feature = "kafka")]
mod kafka;
mod layers;
mod load;
mod pages;
mod selftest;
mod standin;

/// The program that was built for these tests, without variables of the caller that it would listen to.
fn krush() -> std::process::Command {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_krush"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("KRUSH_") || name == "NO_COLOR" {
            command.env_remove(name);
        }
    }
    command
}
