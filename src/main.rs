//! krush: parse, call, map the result to an exit code.

use std::error::Error as _;
use std::io::Write as _;
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = match krush::cli::parse_from(std::env::args_os()) {
        Ok(cli) => cli,
        Err(said) => {
            // Help that nobody reads to its end (`krush --help | head`) is no failure.
            let _ = said.print();
            return ExitCode::from(
                u8::try_from(said.exit_code()).unwrap_or(krush::error::exit::USAGE),
            );
        }
    };
    match krush::commands::dispatch(cli) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            complain(&error);
            ExitCode::from(error.exit_code())
        }
    }
}

/// Nothing is left to do if standard error is closed, so write errors are dropped.
fn complain(error: &krush::error::Error) {
    let mut out = std::io::stderr().lock();
    let _ = writeln!(out, "error: {error}");
    let said = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let inner_said = inner.to_string();
        if !said.ends_with(&inner_said) {
            let _ = writeln!(out, "  caused by: {inner_said}");
        }
        cause = inner.source();
    }
    if let Some(hint) = error.hint() {
        let _ = writeln!(out, "hint: {hint}");
    }
}
