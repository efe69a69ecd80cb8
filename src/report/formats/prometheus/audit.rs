//! The audit of a run as samples: only of a run that was audited, and counts only of what was looked at.

use super::super::exposition::{Exposition, Kind};
use super::counters;
use crate::audit::{Audited, Outcome};
use crate::report::audit::{offset_counts, record_counts};

/// What it came to and, where it was made, what it counted.
pub(super) fn audit(out: &mut Exposition, audited: &Audited) {
    let name = "krush_audit_outcome";
    let help = "1 for what the audit came to, 0 for the others; absent if the run was not audited.";
    out.family(name, Kind::Gauge, help);
    for outcome in Outcome::ALL {
        let value = super::flag(outcome == audited.outcome);
        out.sample(name, &[("outcome", outcome.name())], value);
    }
    let Some(findings) = &audited.findings else {
        return;
    };
    counters(
        out,
        "krush_audit_records_total",
        "Records of the run, warm-up included, by what the audit found; not_seen may be lost: where they may lie was not read.",
        "finding",
        &record_counts(findings),
    );
    counters(
        out,
        "krush_audit_offsets_total",
        "Offsets of the run by what the audit could see of them: appended in all; read back, dropped before that, left unread.",
        "state",
        &offset_counts(findings),
    );
}
