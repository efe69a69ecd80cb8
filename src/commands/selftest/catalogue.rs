//! The catalogue: servers that lie, stall, drop and die, each with what must be true of a report on it.

use std::time::Duration;

use super::case::{Case, Word};
use super::findings::Findings;
use super::trial::{Setting, Trial};
use crate::error::exit;
use crate::measure::FailureKind as Kind;
use crate::standin::Settings;
use crate::wire::Dialect;

/// 500 requests/s of 10 records over 8 connections.
const OPEN: &str = "\
thresholds.fail_on = [\"success < 100%\"]
load.rate = \"5k/s\"
load.duration = \"1200ms\"
load.batch_size = 10
load.concurrency = 8
load.timeout = \"4s\"
";

/// The same for 3 s: 1,500 requests.
const LONG: &str = "\
thresholds.fail_on = [\"success < 100%\"]
load.rate = \"5k/s\"
load.duration = \"3s\"
load.batch_size = 10
load.concurrency = 8
load.timeout = \"4s\"
";

/// 1,000 requests of 10 records over 8 connections, as fast as they are answered.
const CLOSED: &str = "\
thresholds.fail_on = [\"success < 100%\"]
load.messages = 10_000
load.batch_size = 10
load.concurrency = 8
load.timeout = \"1s\"
";

/// 200 of them, held against what is stored afterwards.
const AUDITED: &str = "\
load.verify = true
load.messages = 2_000
load.batch_size = 10
load.concurrency = 8
load.timeout = \"1s\"
topic.partitions = 6
";

/// 200 of them, for servers that are slow.
const FEW: &str = "\
thresholds.fail_on = [\"success < 100%\"]
load.messages = 2_000
load.batch_size = 10
load.concurrency = 8
load.timeout = \"1s\"
";

fn usual(_: &mut Settings) {}

/// Blocks for 0.2 s instead of 60, on 4 request threads instead of 200.
fn impatient(settings: &mut Settings) {
    settings.max_block = Duration::from_millis(200);
    settings.request_threads = 4;
}

/// Blocks for 0.6 s instead of 60, on its 200 request threads.
fn hurried(settings: &mut Settings) {
    settings.max_block = Duration::from_millis(600);
}

fn strimzi(settings: &mut Settings) {
    settings.dialect = Dialect::Strimzi;
}

macro_rules! cases {
    ($($name:literal, $happened:literal, $word:ident, [$($fault:literal),*], $server:ident, $load:expr, $expect:expr;)+) => {
        vec![$(Case {
            name: $name,
            happened: $happened,
            word: Word::$word,
            setting: Setting { faults: &[$($fault),*], server: $server, load: $load },
            expect: $expect,
        },)+]
    };
}

/// Every case, in the order in which they are told.
#[rustfmt::skip]
pub(super) fn catalogue() -> Vec<Case> {
    [honest(), gone(), slow(), refusing(), unclear(), framing(), silent(), audited(), load()].concat()
}

#[rustfmt::skip]
fn honest() -> Vec<Case> {
    cases! {
        "honest, open loop", "answers at once", Honest, [], usual, OPEN, |t, f| {
            all_acked(t, f, 6_000);
            passes(t, f);
        };
        "honest, closed loop", "answers at once", Honest, [], usual, CLOSED, |t, f| {
            all_acked(t, f, 10_000);
            passes(t, f);
        };
    }
}

/// The two failures that were published of other tools, and their relatives.
#[rustfmt::skip]
fn gone() -> Vec<Case> {
    cases! {
        "frozen for the last 40 %", "stops answering at 1.8 s of 3 s, its port open", Seen, ["stall=60s@1800ms"], usual, LONG, |t, f| {
            outage(t, f, 1_100_000);
            f.equal("exit code", t.exit(), exit::TARGET);
        };
        "dead for the last 40 %", "dies at 1.8 s of 3 s", Seen, ["die@1800ms"], usual, LONG, |t, f| {
            outage(t, f, 1_100_000);
            f.equal("exit code", t.exit(), exit::TARGET);
        };
        "every second request dropped", "reads it, then closes without an answer", Seen, ["close@every2"], usual, CLOSED, |t, f| {
            half_lost(t, f);
            f.equal("requests lost, against those dropped", t.failures(Kind::EofBeforeAnswer).0, t.hits(0));
        };
        "every second connection dropped", "closes each; every second without an answer", Seen,
            ["no-keepalive", "sever@every2"], usual, FEW, |t, f| half_lost(t, f);
        "dead after 100 requests", "dies in mid-run", Seen, ["die@100req"], usual, OPEN, |t, f| {
            f.at_most("records acked", t.records().acked, 1_000);
            f.equal("exit code", t.exit(), exit::TARGET);
        };
        "dead, closed loop", "dies after 0.4 s of 1 s", Seen, ["die@400ms", "delay=5ms"], usual,
            "thresholds.fail_on = [\"success < 100%\"]\nload.duration = \"1s\"\nload.batch_size = 10\nload.concurrency = 8\nload.timeout = \"1s\"\n", |t, f| {
            f.at_least("largest latency in µs, of requests that waited for it", t.report.summary.latency_us.max.unwrap_or(0), 300_000);
            f.holds(t.report.summary.is_lower_bound("max"), || "the largest is not marked as a lower bound".to_owned());
            f.equal("exit code", t.exit(), exit::TARGET);
        };
        "refuses, closed loop", "drops all at 0.1 s, refuses new ones until 0.9 s", Seen,
            ["drop@100ms", "refuse@100ms-900ms", "delay=20ms"], usual,
            "thresholds.fail_on = [\"success < 100%\"]\nload.messages = 2_000\nload.batch_size = 10\nload.concurrency = 8\nload.timeout = \"8s\"\n", |t, f| {
            f.equal("records unsent", t.records().unsent, 0);
            // Each connection's next request waits for it: that is not forgiven when the connection is made.
            f.at_least("P99 in µs, against a refusal of 0.8 s", t.report.summary.latency_us.p99.unwrap_or(0), 500_000);
            f.at_least("connections that could not be made", t.report.connections.connect_failures, 1);
            f.at_least("connections opened again", t.report.connections.reconnects, 8);
        };
        "refuses connections", "drops all at 0.4 s, refuses new ones until 0.8 s", Seen,
            ["drop@400ms", "refuse@400ms-800ms"], usual, OPEN, |t, f| {
            f.at_least("largest latency in µs, against a refusal of 0.4 s", t.report.summary.latency_us.max.unwrap_or(0), 300_000);
            f.at_least("connections that could not be made", t.report.connections.connect_failures, 1);
        };
    }
}

#[rustfmt::skip]
fn slow() -> Vec<Case> {
    cases! {
        "stalls in mid-run", "holds everything for 0.6 s of 3 s", Seen, ["stall=600ms@700ms"], usual, LONG, |t, f| {
            all_acked(t, f, 15_000);
            let (corrected, uncorrected) = (t.report.summary.latency_us, t.report.summary.service_time_us);
            // A fifth of the requests came due in it; 8 connections met it.
            f.at_least("P90 from due in µs", corrected.p90.unwrap_or(0), 200_000);
            f.at_least("P95 from due in µs", corrected.p95.unwrap_or(0), 380_000);
            f.at_least("largest in µs", corrected.max.unwrap_or(0), 500_000);
            // It holds what is due from 0.7 s on until 1.3 s: those acks are the next second's.
            f.at_most("records acked in the first second", t.report.timeline[0].records_acked, 3_700);
            let tenth = corrected.p95.unwrap_or(0) / 4;
            f.at_most("P95 from send in µs, which must not show it", uncorrected.p95.unwrap_or(0), tenth);
        };
        "every answer held 20 ms", "delay of 20 ms, closed loop of 8", Seen, ["delay=20ms"], usual, FEW, |t, f| {
            all_acked(t, f, 2_000);
            f.at_least("P50 in µs", t.report.summary.latency_us.p50.unwrap_or(0), 20_000);
            // Little's law: 8 in flight for 20 ms each.
            f.at_most("requests/s", t.report.summary.requests_per_sec, 8.0 / 0.020);
            f.between("mean in flight", t.report.generator.mean_in_flight, 6.0, 8.01);
        };
        "answers late at random", "delay of 5 ms, log-normal, sigma 0.8", Seen, ["delay=lognormal(5ms,0.8)"], usual, FEW, |t, f| {
            all_acked(t, f, 2_000);
            let known = t.truth.counts.service_time_us.value_at_percentile(95.0);
            let said = t.report.summary.service_time_us.p95.unwrap_or(0);
            f.between("P95 of service time in µs, against the server's", said, known - known / 500, known * 3 / 2 + 20_000);
        };
        "stalls at the end", "holds everything from 0.9 s to 1.5 s of 1.2 s", Seen, ["stall=600ms@900ms"], usual, OPEN, |t, f| {
            f.equal("records scheduled", t.records().scheduled, 6_000);
            f.equal("records acked or unsent", t.records().acked + t.records().unsent, 6_000);
            f.at_least("largest latency in µs", t.report.summary.latency_us.max.unwrap_or(0), 500_000);
            // Throughput is over all the time that the answers took, not over the time that was planned.
            f.at_least("seconds measured", t.report.summary.duration_secs, 1.4);
        };
        "slower than the load", "5 ms an answer, 1 connection, 500/s asked", Seen, ["delay=5ms"], usual,
            "thresholds.fail_on = [\"success < 100%\"]\nload.rate = \"5k/s\"\nload.duration = \"1200ms\"\nload.batch_size = 10\nload.concurrency = 1\nload.timeout = \"1s\"\n", |t, f| {
            f.equal("records scheduled", t.records().scheduled, 6_000);
            f.at_least("records unsent", t.records().unsent, 3_000);
            f.equal("exit code", t.exit(), exit::VOID);
            f.at_least("P95 in µs", t.report.summary.latency_us.p95.unwrap_or(0), 500_000);
        };
        "drips its answers", "64 bytes each 2 ms", Seen, ["drip=2ms:64"], usual, FEW, |t, f| {
            all_acked(t, f, 2_000);
            f.at_least("P50 in µs", t.report.summary.latency_us.p50.unwrap_or(0), 10_000);
        };
        "never answers some", "stores them, keeps the connection, says nothing", Seen, ["hang@2%"], usual, FEW, |t, f| {
            // The last ones are still waited for when the drain ends.
            let given_up = t.failures(Kind::Timeout).0 + t.failures(Kind::InFlight).0;
            f.equal("requests given up, against those never answered", given_up, t.hits(0));
            f.equal("records unknown", t.records().unknown, t.hits(0) * 10);
            f.at_least("largest latency in µs", t.report.summary.latency_us.max.unwrap_or(0), 1_000_000);
        };
        "stands still", "missing partitions hold its request threads", Seen, ["block@10%"], impatient,
            // A request may wait for several blocks: that must not end in a time-out here.
            "thresholds.fail_on = [\"success < 100%\"]\nload.messages = 2_000\nload.batch_size = 10\nload.concurrency = 8\nload.timeout = \"20s\"\n", |t, f| {
            f.equal("requests with refused records", t.failures(Kind::RecordRejected).0, t.hits(0));
            f.at_least("largest latency in µs", t.report.summary.latency_us.max.unwrap_or(0), 200_000);
        };
        "200 blocked requests", "they hold all its threads; 20 more come", Seen,
            ["block@0req-200req"], hurried,
            "thresholds.fail_on = [\"success < 100%\"]\nload.messages = 2_200\nload.batch_size = 10\nload.concurrency = 220\nload.timeout = \"20s\"\n", |t, f| {
            f.equal("records rejected", t.records().rejected, 200);
            f.equal("requests that were blocked", t.hits(0), 200);
            // Had the 20 been served meanwhile, the mean would be a tenth lower.
            f.at_least("mean latency in µs", t.report.summary.latency_us.mean.unwrap_or(0.0), 598_000.0);
        };
        "ignores some", "neither stores nor answers them", Seen, ["mute@2%"], usual, FEW, |t, f| {
            f.equal("requests given up, against those never answered", t.failures(Kind::Timeout).0 + t.failures(Kind::InFlight).0, t.hits(0));
            f.equal("records stored, none of those", t.truth.counts.records_stored, t.records().acked);
        };
    }
}

/// Failures that the answer admits.
#[rustfmt::skip]
fn refusing() -> Vec<Case> {
    cases! {
        "half the records fail in a 200", "error_code 50002 in every second entry", Seen, ["fail=50%:50002"], usual, CLOSED, |t, f| {
            f.equal("records acked", t.records().acked, t.truth.counts.told_stored);
            f.equal("records rejected", t.records().rejected, 5_000);
            f.equal("exit code", t.exit(), exit::THRESHOLD);
        };
        "expired, yet stored", "entries say expired, the topic has them", Seen, ["expired=20%"], usual, CLOSED, |t, f| {
            f.equal("records unknown", t.records().unknown, 2_000);
            f.equal("records rejected", t.records().rejected, 0);
            f.equal("records stored", t.truth.counts.records_stored, 10_000);
        };
        "429", "every fifth request is limited", Seen, ["status=429@20%"], usual, CLOSED, |t, f| {
            f.equal("records rejected", t.records().rejected, 2_000);
            f.equal("records stored, none of those", t.truth.counts.records_stored, t.records().acked);
        };
        "503", "every fifth request", Seen, ["status=503@20%"], usual, CLOSED, |t, f| {
            f.equal("records unknown", t.records().unknown, 2_000);
        };
        "500 after storing", "every tenth request, all its records stored", Seen, ["status=500:stored@10%"], usual, CLOSED, |t, f| {
            f.equal("records unknown", t.records().unknown, 1_000);
            f.equal("records stored", t.truth.counts.records_stored, 10_000);
        };
        "500 after storing half", "every tenth request, half its records stored", Seen, ["status=500:some@10%"], usual, CLOSED, |t, f| {
            f.equal("records unknown", t.records().unknown, 1_000);
            f.equal("records stored", t.truth.counts.records_stored, 9_500);
        };
        "answers before the body", "413 while the body is on its way", Seen, ["early=413@10%"], usual, CLOSED, |t, f| {
            f.equal("records rejected or unknown", t.records().rejected + t.records().unknown, 1_000);
            f.equal("records stored, none of those", t.truth.counts.records_stored, t.records().acked);
        };
        "says yes before the body", "200 without entries, then throws the body away", Seen, ["early=200@10%"], usual, CLOSED, |t, f| {
            f.equal("records unknown", t.records().unknown, 1_000);
            f.equal("records stored, none of those", t.truth.counts.records_stored, t.records().acked);
        };
    }
}

/// Answers that cannot be believed.
#[rustfmt::skip]
fn unclear() -> Vec<Case> {
    cases! {
        "200 without a body", "every tenth", Seen, ["empty@10%"], usual, CLOSED, |t, f| unknown(t, f, Kind::EmptyAnswer);
        "200 with half a JSON", "every tenth", Seen, ["broken@10%"], usual, CLOSED, |t, f| unknown(t, f, Kind::UnreadableAnswer);
        "200 with HTML behind its JSON", "every tenth", Seen, ["rubbish@10%"], usual, CLOSED, |t, f| unknown(t, f, Kind::RubbishAfterAnswer);
        "an entry too few", "every tenth answer", Seen, ["entries=-1@10%"], usual, CLOSED, |t, f| unknown(t, f, Kind::WrongEntryCount);
        "an entry too many", "every tenth answer", Seen, ["entries=+1@10%"], usual, CLOSED, |t, f| unknown(t, f, Kind::WrongEntryCount);
        "the answer before", "every tenth request gets the last one's answer again", Seen, ["previous@every10"], usual, CLOSED, |t, f| {
            let seen = t.failures(Kind::RepeatedAnswer).0;
            // The first two answers of a connection may be a mock's.
            f.between("answers not believed, against those repeated", seen, t.hits(0).saturating_sub(8), t.hits(0));
        };
        "keep-alive defect of 8.0.0", "an empty 200 or 500 on a connection used before", Seen, ["keepalive@5%"], usual, CLOSED, |t, f| {
            f.equal("records unknown", t.records().unknown, t.hits(0) * 10);
            f.equal("records stored", t.truth.counts.records_stored, 10_000);
            f.equal("records rejected", t.records().rejected, 0);
        };
        "reset in the answer", "every twentieth", Seen, ["reset=answer@5%"], usual, CLOSED, |t, f| lost(t, f);
        "reset in the request", "every twentieth", Seen, ["reset=request@5%"], usual, CLOSED, |t, f| lost(t, f);
        "closed in the answer", "every twentieth", Seen, ["cut@5%"], usual, CLOSED, |t, f| {
            f.equal("requests cut", t.failures(Kind::EofInAnswer).0, t.hits(0));
            lost(t, f);
        };
    }
}

/// HTTP as other servers write it: nothing is wrong, and nothing may be counted as wrong.
#[rustfmt::skip]
fn framing() -> Vec<Case> {
    cases! {
        "chunked answers", "in three writes", Honest, ["framing=chunked"], usual, CLOSED, |t, f| all_acked(t, f, 10_000);
        "answers with a length", "Content-Length", Honest, ["framing=length"], usual, CLOSED, |t, f| all_acked(t, f, 10_000);
        "Strimzi's entries", "without error_code", Honest, [], strimzi, CLOSED, |t, f| all_acked(t, f, 10_000);
        "answers that end by close", "no length at all", Honest, ["framing=close"], usual, FEW, |t, f| all_acked(t, f, 2_000);
        "no keep-alive", "Connection: close in every answer", Honest, ["no-keepalive"], usual, FEW, |t, f| {
            all_acked(t, f, 2_000);
            f.at_least("connections opened again", t.report.connections.reconnects, 180);
        };
        "closes idle connections", "after 0.3 s without a request", Honest, ["idle=300ms"], usual,
            "thresholds.fail_on = [\"success < 100%\"]\nload.rate = \"40/s\"\nload.duration = \"2s\"\nload.batch_size = 10\nload.concurrency = 4\nload.timeout = \"1s\"\n", |t, f| {
            f.equal("records acked or unknown", t.records().acked + t.records().unknown, 80);
            f.at_least("connections opened again", t.report.connections.reconnects, 4);
        };
        "closes after an answer", "without saying so, every tenth", Seen, ["silent-close@10%"], usual, FEW, |t, f| {
            f.equal("records acked or unknown", t.records().acked + t.records().unknown, 2_000);
        };
    }
}

/// What no client can see in the answers: krush says what it was told, and the server's account shows that it did.
#[rustfmt::skip]
fn silent() -> Vec<Case> {
    cases! {
        "stores records twice", "2 % of them, in silence", Unseeable, ["duplicate@2%"], usual, CLOSED, |t, f| {
            all_acked(t, f, 10_000);
            f.at_least("records stored twice", t.truth.counts.records_duplicated, 100);
        };
        "loses records", "2 % of those it acknowledges", Unseeable, ["lose@2%"], usual, CLOSED, |t, f| {
            f.equal("records acked", t.records().acked, 10_000);
            f.at_least("records lost", t.truth.counts.records_dropped, 100);
        };
    }
}

/// The same lies under an audit, which holds what was acked against what is stored.
#[rustfmt::skip]
fn audited() -> Vec<Case> {
    cases! {
        "audited: honest", "stores each record once", Honest, [], usual, AUDITED, |t, f| {
            found(t, f, [0; 4]);
            passes(t, f);
        };
        "audited: stores records twice", "2 % of them, in silence", Seen, ["duplicate@2%"], usual, AUDITED, |t, f| {
            found(t, f, [0, t.truth.counts.records_duplicated, 0, 0]);
            f.equal("exit code", t.exit(), exit::INTEGRITY);
        };
        "audited: loses records", "2 % of those it acknowledges", Seen, ["lose@2%"], usual, AUDITED, |t, f| {
            found(t, f, [t.truth.counts.records_dropped, 0, 0, 0]);
            f.equal("exit code", t.exit(), exit::INTEGRITY);
        };
        "audited: reorders records", "2 % of them, behind the next", Seen, ["reorder@2%"], usual, AUDITED, |t, f| {
            found(t, f, [0, 0, t.truth.counts.records_reordered, 0]);
            f.equal("exit code", t.exit(), exit::INTEGRITY);
        };
        "audited: corrupts records", "a byte of 2 % of them", Seen, ["corrupt@2%"], usual, AUDITED, |t, f| {
            found(t, f, [0, 0, 0, t.truth.counts.records_corrupted]);
            f.equal("exit code", t.exit(), exit::INTEGRITY);
        };
    }
}

/// What the audit found lost, stored again, out of order and corrupted, and that nothing else is claimed to be wrong.
fn found(trial: &Trial, findings: &mut Findings, known: [u64; 4]) {
    let Some(audit) = trial.audit() else {
        return findings.holds(false, || "there was no audit".to_owned());
    };
    let acked = trial.records().acked;
    findings.equal("records acked, by the audit", audit.claimed.acked, acked);
    let said = [
        &audit.lost,
        &audit.duplicated,
        &audit.reordered,
        &audit.corrupted,
    ];
    let names = [
        "records lost",
        "records stored twice",
        "records out of order",
        "records corrupted",
    ];
    for ((what, said), known) in names.into_iter().zip(said).zip(known) {
        findings.equal(what, said.records, known);
    }
    findings.equal(
        "records refused and stored",
        audit.rejected_but_stored.records,
        0,
    );
    findings.equal("records found", audit.found, acked - known[0]);
}

/// Loads that are out of the ordinary.
#[rustfmt::skip]
fn load() -> Vec<Case> {
    cases! {
        "1 request/s", "answers at once", Honest, [], usual,
            "thresholds.fail_on = [\"success < 100%\"]\nload.rate = \"1/s\"\nload.duration = \"3s\"\nload.batch_size = 1\nload.concurrency = 1\n", |t, f| {
            all_acked(t, f, 3);
            passes(t, f);
        };
        "a rate beyond reach", "answers at once; 1,000,000/s are asked", Honest, [], usual,
            "thresholds.fail_on = [\"success < 100%\"]\nload.rate = \"1M/s\"\nload.duration = \"1s\"\nload.batch_size = 1\nload.concurrency = 4\n", |t, f| {
            f.equal("records scheduled", t.records().scheduled, 1_000_000);
            f.equal("exit code", t.exit(), exit::VOID);
        };
        "ramp, hold and spike", "answers at once", Honest, [], usual,
            "thresholds.fail_on = [\"success < 100%\"]\nload.batch_size = 10\nload.concurrency = 8\n\
             load.spike = { at = \"1s\", duration = \"200ms\", rate = \"20k/s\" }\n\
             [[load.stage]]\nramp = \"5k/s\"\nduration = \"800ms\"\n[[load.stage]]\nhold = \"5k/s\"\nduration = \"700ms\"\n", |t, f| {
            // 2,000 + 2,500 + 4,000 records; a request of 10 may fall to either side of each edge.
            f.between("records scheduled", t.records().scheduled, 8_460, 8_540);
            f.equal("records acked, against those sent", t.records().acked, t.records().sent);
            passes(t, f);
        };
        "arrivals at random", "answers at once; Poisson", Honest, [], usual,
            "thresholds.fail_on = [\"success < 100%\"]\nload.rate = \"5k/s\"\nload.arrivals = \"poisson\"\nload.duration = \"1200ms\"\nload.batch_size = 10\nload.concurrency = 8\n", |t, f| {
            // 600 requests, ± 5 standard deviations; even arrivals would be exactly as many.
            f.holds(t.requests().scheduled != 600, || "the arrivals are not at random".to_owned());
            f.between("requests scheduled", t.requests().scheduled, 478, 722);
            f.equal("records acked, against those sent", t.records().acked, t.records().sent);
            passes(t, f);
        };
    }
}

/// All that was sent is acked and stored, and all was sent; a machine without a CPU to spare may leave a little of an open loop
/// unsent at its end, and krush says so.
fn all_acked(trial: &Trial, findings: &mut Findings, records: u64) {
    findings.equal("records scheduled", trial.records().scheduled, records);
    let sent = trial.records().sent;
    findings.equal("records acked", trial.records().acked, sent);
    let open = trial.report.plan.load.is_open_loop();
    let least = if open {
        records - records / 100
    } else {
        records
    };
    findings.holds(sent >= least || open && is_busy(trial), || {
        format!("records sent: {sent} of {records}")
    });
    let stored = trial.truth.counts.records_stored;
    findings.equal(
        "records acked, against those stored",
        trial.records().acked,
        stored,
    );
}

/// The run passes, unless this machine was too busy to make the load, and krush says so.
fn passes(trial: &Trial, findings: &mut Findings) {
    findings.holds(trial.exit() == exit::PASS || is_busy(trial), || {
        format!(
            "exit code {} of a run against an honest server: {}",
            trial.exit(),
            trial.report.verdict.reasons.join("; ")
        )
    });
}

/// Void for want of CPU, or all that is missing was never sent.
fn is_busy(trial: &Trial) -> bool {
    let mut failed = trial
        .report
        .validity
        .checks
        .iter()
        .filter(|check| !check.passed);
    match trial.exit() {
        exit::VOID => failed
            .all(|check| check.name.starts_with("generator") || check.name.starts_with("offered")),
        exit::THRESHOLD => {
            trial.records().unsent > 0 && trial.records().acked == trial.records().sent
        }
        _ => false,
    }
}

/// A server that stops for the last 40 % of 3 s: P95 is at least the outage, as a lower bound, and no pass.
fn outage(trial: &Trial, findings: &mut Findings, outage_us: u64) {
    let summary = &trial.report.summary;
    let at_start = trial
        .truth
        .died_at
        .or(trial.truth.stalls.first().map(|stall| stall.from));
    findings.holds(at_start.is_some(), || "the server did not stop".to_owned());
    findings.at_least(
        "P95 in µs, against the outage",
        summary.latency_us.p95.unwrap_or(0),
        outage_us,
    );
    findings.holds(summary.is_lower_bound("p95"), || {
        "P95 is not marked as a lower bound".to_owned()
    });
    findings.equal("requests scheduled", trial.requests().scheduled, 1_500);
    findings.at_most("success", trial.report.summary.success_ratio, 0.65);
}

/// About half is unknown or rejected, and the run does not pass.
fn half_lost(trial: &Trial, findings: &mut Findings) {
    let records = trial.records();
    let lost = (records.unknown + records.rejected) as f64 / records.sent as f64;
    findings.between("share unknown or rejected", lost, 0.4, 0.6);
    findings.at_least("exit code", trial.exit(), 10);
}

/// Every answer that the fault struck is unknown, under this kind, and its records are stored.
fn unknown(trial: &Trial, findings: &mut Findings, kind: Kind) {
    findings.equal(
        "such answers, against those given",
        trial.failures(kind).0,
        trial.hits(0),
    );
    findings.equal(
        "records unknown",
        trial.records().unknown,
        trial.hits(0) * 10,
    );
    findings.equal("records stored", trial.truth.counts.records_stored, 10_000);
    findings.equal("exit code", trial.exit(), exit::THRESHOLD);
}

/// Requests that lost their connection are unknown, each once.
fn lost(trial: &Trial, findings: &mut Findings) {
    findings.equal(
        "requests unknown, against those reset or cut",
        trial.requests().unknown,
        trial.hits(0),
    );
    findings.equal("records rejected", trial.records().rejected, 0);
    findings.at_least("exit code", trial.exit(), 10);
}
