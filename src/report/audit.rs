//! The audit in words: for the table, Markdown and `krush verify`.

use std::fmt::Write as _;

use crate::audit::{Audited, Finding, Findings, Outcome};
use crate::units::{counted, grouped};

/// Records named of a finding.
const NAMED: usize = 3;
/// Partitions named.
const PARTITIONS_NAMED: usize = 8;

/// A count of an audit: its key in the report.
type Count = (&'static str, fn(&Findings) -> u64);

/// What was found of the run's records.
const RECORDS: [Count; 9] = [
    ("lost", |f| f.lost.records),
    ("not_seen", |f| f.not_seen),
    ("duplicated", |f| f.duplicated.records),
    ("reordered", |f| f.reordered.records),
    ("corrupted", |f| f.corrupted.records),
    ("rejected_but_stored", |f| f.rejected_but_stored.records),
    ("duplicates_of_unacked", |f| f.duplicates_of_unacked.records),
    ("unknown_but_stored", |f| f.unknown_but_stored),
    ("unknown_and_missing", |f| f.unknown_and_missing),
];

/// What of the partitions could be looked at: `unread` are held and were not read, `dropped` no longer held.
const OFFSETS: [Count; 4] = [
    ("appended", |f| f.appended),
    ("read", |f| f.read),
    ("dropped", |f| f.dropped),
    ("unread", Findings::unread),
];

/// The counts of records, by their keys.
pub(super) fn record_counts(findings: &Findings) -> [(&'static str, u64); 9] {
    RECORDS.map(|(name, count)| (name, count(findings)))
}

/// The counts of offsets, by their keys.
pub(super) fn offset_counts(findings: &Findings) -> [(&'static str, u64); 4] {
    OFFSETS.map(|(name, count)| (name, count(findings)))
}

/// Names where one column or property must say it all: `audit_outcome`, `audit_lost_records`, `audit_unread_offsets`.
pub(super) fn flat_names() -> impl Iterator<Item = String> {
    let records = RECORDS.map(|(name, _)| format!("audit_{name}_records"));
    let offsets = OFFSETS.map(|(name, _)| format!("audit_{name}_offsets"));
    let counts = records.into_iter().chain(offsets);
    std::iter::once("audit_outcome".to_owned()).chain(counts)
}

/// What belongs to these names; `None` where no audit was made, or not even offsets could be read.
pub(super) fn flat_values(audited: Option<&Audited>) -> impl Iterator<Item = Option<String>> {
    let findings = audited.and_then(|audited| audited.findings.as_ref());
    let counts = RECORDS.into_iter().chain(OFFSETS);
    let counts = counts.map(move |(_, count)| Some(count(findings?).to_string()));
    std::iter::once(audited.map(|audited| audited.outcome.name().to_owned())).chain(counts)
}

/// Lines of label and text; the first says what it comes to.
pub(super) fn lines(audited: &Audited) -> Vec<(&'static str, String)> {
    let mut lines = vec![("audit", verdict(audited))];
    let Some(findings) = &audited.findings else {
        return lines;
    };
    lines.push(("", by_offsets(findings)));
    if findings.remade {
        let text =
            "the topic was deleted and made anew since the run began: it ends before it did then";
        lines.push(("", text.to_owned()));
    }
    lines.extend(read_back(findings, audited.read_secs).map(|text| ("", text)));
    for (label, finding) in [
        ("lost", &findings.lost),
        ("duplicated", &findings.duplicated),
        ("reordered", &findings.reordered),
        ("corrupted", &findings.corrupted),
        ("refused, stored", &findings.rejected_but_stored),
    ] {
        if finding.records > 0 {
            lines.push((label, sampled(finding)));
        }
    }
    if findings.reordered.records > 0 {
        let within = grouped(findings.reordered_within_key);
        lines.push(("", format!("of these behind one of the same key: {within}")));
    }
    if findings.not_seen > 0 {
        let text = format!(
            "{} acked and not seen: they may lie where offsets are no longer held or were not read",
            records(findings.not_seen)
        );
        lines.push(("not seen", text));
    }
    lines.extend(others(findings).map(|text| ("also there", text)));
    lines
}

fn records(count: u64) -> String {
    counted(count, "record", "records")
}

fn verdict(audited: &Audited) -> String {
    let why = audited.why.as_deref().unwrap_or_default();
    let violations = || {
        let findings = audited.findings.as_ref();
        let all = findings.map_or_else(Vec::new, Findings::violations);
        all.join(", ")
    };
    match audited.outcome {
        Outcome::Intact => "every acked record is stored once, in order, as it was sent".to_owned(),
        Outcome::Violated if why.is_empty() => violations(),
        Outcome::Violated => format!("{}; not all was read: {why}", violations()),
        Outcome::Incomplete => format!("NOT WHOLE: {why}"),
        Outcome::NotDone | Outcome::Interrupted => format!("NOT DONE: {why}"),
    }
}

/// `100,000 acked; end offsets of 24 partitions rose by 100,000`
fn by_offsets(findings: &Findings) -> String {
    let claimed = &findings.claimed;
    // Writing to a String cannot fail.
    let mut text = format!("{} acked", grouped(claimed.acked));
    if claimed.unknown > 0 {
        let _ = write!(text, ", {} of unknown outcome", grouped(claimed.unknown));
    }
    let partitions = counted(findings.partitions.len() as u64, "partition", "partitions");
    let appended = grouped(findings.appended);
    let _ = write!(text, "; end offsets of {partitions} rose by {appended}");
    let short: Vec<String> = findings
        .partitions
        .iter()
        .filter(|row| row.is_short())
        .map(|row| {
            let acked = grouped(row.acked.unwrap_or_default());
            format!(
                "{} ({acked} acked, {} stored)",
                row.partition,
                grouped(row.appended)
            )
        })
        .collect();
    if !short.is_empty() {
        let more = if short.len() > PARTITIONS_NAMED {
            " …"
        } else {
            ""
        };
        let named = &short[..short.len().min(PARTITIONS_NAMED)];
        let _ = write!(text, "; too few in partition {}{more}", named.join(", "));
    }
    text
}

/// `100,000 read back in 1.2 s: 100,000 of this run`
fn read_back(findings: &Findings, secs: f64) -> Option<String> {
    (findings.read > 0).then(|| {
        let read = grouped(findings.read);
        let found = grouped(findings.found);
        format!("{read} read back in {secs:.1} s: {found} different ones of this run")
    })
}

fn sampled(finding: &Finding) -> String {
    if finding.samples.is_empty() {
        return records(finding.records);
    }
    let named = &finding.samples[..finding.samples.len().min(NAMED)];
    let more = if finding.records > named.len() as u64 {
        "; …"
    } else {
        ""
    };
    format!("{}: {}{more}", records(finding.records), named.join("; "))
}

/// What is stored beside the acked records, which is no fault of the target.
fn others(findings: &Findings) -> Option<String> {
    let parts = [
        (
            findings.unknown_but_stored,
            "of unknown outcome, stored after all",
        ),
        (
            findings.unknown_and_missing,
            "of unknown outcome, not stored so far",
        ),
        (
            findings.duplicates_of_unacked.records,
            "of unknown outcome, stored again",
        ),
        (findings.of_other_runs, "of other runs"),
        (findings.foreign, "of somebody else"),
        (
            findings.partitions.iter().map(|row| row.gaps).sum(),
            "offsets without a record",
        ),
    ];
    let parts: Vec<String> = parts
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{} {what}", grouped(count)))
        .collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}
