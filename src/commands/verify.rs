//! `krush verify`: audits a run that is over, from its report.

use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

use super::audit::{Readers, Subject};
use super::interrupt::Interrupts;
use super::load::written;
use super::progress::Line;
use crate::audit::Audited;
use crate::cli::VerifyArgs;
use crate::engine::Control;
use crate::error::{Error, Result, exit};
use crate::gate::Verdict;
use crate::plan::{Target, resolve_target};
use crate::report::{self, Report, Style, table};
use crate::rest::{Client, Patience, Server, probe};

/// Limit for each of the first calls.
const CALL_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(15);

/// Audits the run of a report.
///
/// # Errors
/// A report that cannot be read, or a target that cannot be reached.
pub fn verify(args: &VerifyArgs) -> Result<u8> {
    let mut report = read(&args.report)?;
    if !args.output.is_empty() {
        report::check_outputs(&args.output)?;
    }
    let typed = args.control.typed.clone();
    let mut target = resolve_target(typed.environment, typed.flags)?;
    if !target.named {
        target.urls = vec![url_of(&args.report, &report)?];
    }
    let control = Arc::new(Control::new());
    let interrupts = Interrupts::watch(control)?;
    let mut shown = Line::new(args.quiet);
    let Some(server) = interrupts.unless_interrupted(recognised(&target)) else {
        return Ok(exit::INTERRUPTED);
    };
    let server = server?;
    let subject = Subject {
        target: &target,
        url: &target.urls[0],
        dialect: target.dialect.unwrap_or(server.dialect),
        topic: &report.target.topic,
        readers: Readers::default(),
    };
    let claims = report.claims.as_ref();
    let before = claims.and_then(|claims| claims.start_offsets.clone());
    let audit = subject.audit(&report, before.as_deref(), &mut shown);
    let audited = interrupts.unless_interrupted(audit);
    interrupts.finish(subject.readers.close());
    shown.end();
    let audited = audited.unwrap_or_else(|| Ok(Audited::interrupted()))?;
    let server = server.name;
    let verdict = Verdict::pass().audited(&audited);
    print(args, &target, &server, &report, &audited, &verdict)?;
    let before = report
        .claims
        .as_ref()
        .and_then(|claims| claims.start_offsets.clone());
    report.add_audit(audited, before);
    if !args.output.is_empty() {
        report::write(&report, &args.output)?;
    }
    Ok(verdict.exit_code)
}

/// A report that says what it claims of each record.
fn read(path: &Path) -> Result<Report> {
    let report = report::read(path)?;
    if report.merged.is_some() {
        return Err(Error::Usage {
            message: format!(
                "{} is merged from several runs, and says nothing of single records",
                path.display()
            ),
            hint: Some("verify the reports of the workers one by one".to_owned()),
        });
    }
    if report.is_of_duet() {
        return Err(Error::Usage {
            message: format!(
                "{} is of a duet, which is about speed and says nothing of single records",
                path.display()
            ),
            hint: Some("verify a run of its own, with --verify".to_owned()),
        });
    }
    if report.claims.is_none() {
        return Err(Error::Usage {
            message: format!(
                "{} is of a version of krush that did not say what it claims of each record",
                path.display()
            ),
            hint: Some("give the JSON report of a load command (see --output)".to_owned()),
        });
    }
    Ok(report)
}

fn url_of(path: &Path, report: &Report) -> Result<url::Url> {
    if report.target.embedded {
        let message = format!(
            "the run of {} was against the stand-in inside krush, which is gone with its records",
            path.display()
        );
        let hint = "audit such a run while it lasts, with --verify, or name a target with --url";
        return Err(Error::Usage {
            message,
            hint: Some(hint.to_owned()),
        });
    }
    let url = report.target.urls.first().and_then(|url| url.parse().ok());
    url.ok_or_else(|| Error::usage(format!("{} names no target: give --url", path.display())))
}

/// What the server is.
async fn recognised(target: &Target) -> Result<Server> {
    let url = &target.urls[0];
    let client = Client::new(target, url, CALL_TIMEOUT)?;
    probe(&client, url, Patience::default(), &mut std::io::stderr()).await
}

fn print(
    args: &VerifyArgs,
    target: &Target,
    server: &str,
    report: &Report,
    audited: &Audited,
    verdict: &Verdict,
) -> Result<()> {
    let mut out = std::io::stdout().lock();
    if args.json {
        let text = serde_json::to_string_pretty(audited)
            .map_err(|error| Error::Internal(format!("the audit as JSON: {error}")))?;
        return written(writeln!(out, "{text}")).map(|_| ());
    }
    let style = Style::new(super::in_color(!args.no_color && !no_color()));
    let mut lines = Vec::new();
    if !args.quiet {
        let version = env!("CARGO_PKG_VERSION");
        let url = target.urls[0].as_str().trim_end_matches('/');
        let run = report.claims.as_ref().map_or("", |claims| &claims.run);
        lines.push(format!(
            "krush {version}  verify  → {url}  ({server})  topic {}",
            report.target.topic
        ));
        lines.push(format!(
            "run {run} of {}, started {}",
            report.plan.scenario, report.started_at
        ));
        lines.push(String::new());
        lines.extend(table::audit_lines(audited));
        lines.push(String::new());
    }
    lines.push(table::headline(verdict, style));
    if args.quiet {
        lines.extend(table::reason_lines(verdict));
    }
    written(writeln!(out, "{}", lines.join("\n"))).map(|_| ())
}

/// The convention of no-color.org.
fn no_color() -> bool {
    std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
}
