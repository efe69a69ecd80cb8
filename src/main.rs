//! krush: parse, call, map the result to an exit code.

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser;

#[derive(Parser)]
#[command(name = "krush", version)]
enum Cli {
    Serve(krush::cli::serve::ServeArgs),
}

fn main() -> ExitCode {
    let Cli::Serve(args) = Cli::parse();
    match krush::commands::serve::serve(&args) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            let mut err = std::io::stderr().lock();
            let hint = error
                .hint()
                .map(|hint| format!("\nhint: {hint}"))
                .unwrap_or_default();
            // Nowhere left to report to.
            let _ = writeln!(err, "error: {error}{hint}");
            ExitCode::from(error.exit_code())
        }
    }
}
