//! One error enum, by what the caller can do about it, and the exit codes of the program.

use std::path::{Path, PathBuf};

/// Exit codes; documented in the README, never renumbered.
pub mod exit {
    /// The run is valid and met every threshold.
    pub const PASS: u8 = 0;
    /// A bug in krush.
    pub const INTERNAL: u8 = 1;
    /// A wrong flag, variable or scenario key.
    pub const USAGE: u8 = 2;
    /// A threshold was missed.
    pub const THRESHOLD: u8 = 10;
    /// Slower than the baseline.
    pub const REGRESSION: u8 = 11;
    /// The comparison cannot tell.
    pub const INCONCLUSIVE: u8 = 12;
    /// The run proves nothing.
    pub const VOID: u8 = 13;
    /// Records lost, duplicated, reordered or corrupted.
    pub const INTEGRITY: u8 = 14;
    /// The target is unreachable or not ready.
    pub const TARGET: u8 = 15;
    /// Interrupted by Ctrl-C or SIGTERM.
    pub const INTERRUPTED: u8 = 130;
}

/// Result of everything outside the engine's loop.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, by what can be done about it. Messages are one line: what was wrong, then the value.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A flag or environment variable is wrong: change the command line.
    #[error("{message}")]
    Usage {
        /// Names the flag or variable, the value and what was expected.
        message: String,
        /// What to type instead.
        hint: Option<String>,
    },
    /// A scenario file is wrong: edit it.
    #[error("{path}:{line}: {message}", path = path.display())]
    Scenario {
        /// The file, or the preset's name.
        path: PathBuf,
        /// Line of the key, from 1.
        line: usize,
        /// Names the key, the value and what was expected.
        message: String,
        /// What to write instead.
        hint: Option<String>,
    },
    /// The target cannot be used: start it, or change URL, credentials or topic.
    #[error("{message}")]
    Target {
        /// Names the URL and what it answered.
        message: String,
        /// What to check or run.
        hint: Option<String>,
    },
    /// A result cannot be written: change the path.
    #[error("cannot write {path}: {source}", path = path.display())]
    Output {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// This machine does not allow it: change a limit.
    #[error("{message}")]
    Machine {
        /// Names the limit, its value and the value needed.
        message: String,
        /// The command that changes it.
        hint: Option<String>,
    },
    /// A bug in krush.
    #[error("internal error: {0}")]
    Internal(String),
}

/// The path of an [`Error::Output`] that is no file.
const STANDARD_OUTPUT: &str = "standard output";

impl Error {
    /// Standard output cannot be written to.
    pub fn stdout(source: std::io::Error) -> Self {
        Self::Output {
            path: STANDARD_OUTPUT.into(),
            source,
        }
    }

    /// A usage error without a hint.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::Usage {
            message: message.into(),
            hint: None,
        }
    }

    /// A target error with a hint.
    pub fn target(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Target {
            message: message.into(),
            hint: Some(hint.into()),
        }
    }

    /// What to do about it, if that is known.
    pub fn hint(&self) -> Option<&str> {
        match self {
            Self::Usage { hint, .. }
            | Self::Scenario { hint, .. }
            | Self::Target { hint, .. }
            | Self::Machine { hint, .. } => hint.as_deref(),
            Self::Output { path, .. } if path == Path::new(STANDARD_OUTPUT) => None,
            Self::Output { .. } => {
                Some("make the folder writable, or name another path with --output")
            }
            Self::Internal(_) => None,
        }
    }

    /// The exit code that stands for it.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Usage { .. }
            | Self::Scenario { .. }
            | Self::Output { .. }
            | Self::Machine { .. } => exit::USAGE,
            Self::Target { .. } => exit::TARGET,
            Self::Internal(_) => exit::INTERNAL,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn standard_output_is_no_path_to_change() {
        let source = || std::io::Error::from(std::io::ErrorKind::StorageFull);
        let stdout = Error::stdout(source());
        assert_eq!(stdout.hint(), None);
        assert!(
            stdout
                .to_string()
                .starts_with("cannot write standard output: ")
        );
        let file = Error::Output {
            path: "results".into(),
            source: source(),
        };
        assert!(file.hint().is_some_and(|hint| hint.contains("--output")));
    }
}
