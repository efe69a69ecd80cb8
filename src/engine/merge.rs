//! Puts together what the threads of a run bring home, and what none of them took.

use std::time::{Duration, SystemTime};

use super::Setup;
use super::control::Control;
use super::ending::Ending;
use super::harvest::{FirstByte, Harvest};
use super::tally::Tally;
use super::worker::Go;
use crate::measure::{
    Blocks, Claims, Connections, Counts, End, Generator, Ledger, Measured, Recorder, Slices,
    TimelineDelta,
};

/// How long requests came due or were sent.
pub(super) fn load_length(go: &Go<'_>, harvests: &[Harvest], now_us: u64) -> Duration {
    let over_us = (harvests.iter()).filter_map(|harvest| harvest.load_over_us);
    let over_us = over_us.max().unwrap_or(now_us);
    let end_us = go.measured.end_us().map_or(over_us, |end| end.min(over_us));
    Duration::from_micros(end_us.saturating_sub(go.start_us))
}

/// Everything the threads bring as one; what was due and never taken is told to `timeline`, too.
pub(super) fn merge(
    setup: &Setup,
    control: &Control,
    go: &Go<'_>,
    mut harvests: Vec<Harvest>,
    timeline: &mut TimelineDelta,
    now_us: u64,
) -> Measured {
    let mut targets: Vec<Recorder> = setup.targets.iter().map(|_| Recorder::new()).collect();
    let mut endings = vec![Ending::default(); targets.len()];
    let mut warmup = Ledger::default();
    let mut given_back = Counts::default();
    let mut connections = Connections {
        planned: u64::from(setup.load.concurrency),
        ..Connections::default()
    };
    let (mut first_sent, mut last_ack_us): (Option<FirstByte>, _) = (None, None);
    let generator = generator(&harvests);
    for harvest in &harvests {
        for (into, from) in targets.iter_mut().zip(&harvest.recorders) {
            into.merge(from);
        }
        for (into, from) in endings.iter_mut().zip(&harvest.endings) {
            into.merge(from);
        }
        warmup.merge(&harvest.warmup);
        given_back.requests += harvest.unsent_requests;
        given_back.records += harvest.unsent_records;
        connections.reconnects += harvest.reconnects;
        connections.connect_failures += harvest.connect_failures;
        connections.unused += harvest.unused;
        connections.used_once += harvest.used_once;
        first_sent = first_sent.into_iter().chain(harvest.first_sent).min();
        last_ack_us = last_ack_us.max(harvest.last_ack_us);
    }
    let over_us = harvests
        .iter()
        .filter_map(|harvest| harvest.load_over_us)
        .max();
    let mut slices = slices(&mut harvests);
    let claims = claims(setup, harvests);

    // What comes due while an interrupted run drains was not called for any more.
    let interrupts = control.interrupts();
    let over_us = over_us.unwrap_or(now_us);
    let until_us = if interrupts > 0 { over_us } else { now_us };
    let called = go.measured.called(until_us, interrupts > 0);
    let taken = go.measured.taken();
    let missed = Counts {
        requests: called.requests.saturating_sub(taken.requests),
        records: called.records.saturating_sub(taken.records),
    };
    never_taken(
        setup,
        go,
        &mut targets,
        (timeline, &mut slices),
        missed.records,
        until_us,
        now_us,
    );
    let unsent = Counts {
        requests: missed.requests + given_back.requests,
        records: missed.records + given_back.records,
    };
    let elapsed = Duration::from_micros(now_us.saturating_sub(go.start_us));
    let is_gone = |&target: &usize| {
        let slowest_us: u64 = targets[target].service_time.max();
        endings[target].is_gone(over_us, now_us, slowest_us)
    };
    let gone: Vec<usize> = (0..targets.len()).filter(is_gone).collect();
    let whole = unsent.requests == 0 && interrupts == 0;
    let load_end_us = if whole {
        go.measured.nominal_end_us()
    } else {
        Some(over_us)
    };
    let last_answer_us = endings.iter().map(|ending| ending.last_answer_us).max();
    let last_us = last_ack_us.max(load_end_us).max(last_answer_us);
    Measured {
        started_at: SystemTime::UNIX_EPOCH,
        elapsed,
        window: first_sent.zip(last_us).map(|(first, last): (_, u64)| {
            Duration::from_micros(last.saturating_sub(first.sent_us))
        }),
        first_byte_after_due: first_sent
            .map(|first| Duration::from_micros(first.sent_us.saturating_sub(first.due_us))),
        planned: go
            .measured
            .nominal_end_us()
            .filter(|_| setup.load.is_open_loop() && interrupts == 0)
            .map(|end_us| Duration::from_micros(end_us.saturating_sub(go.start_us))),
        scheduled: Counts {
            requests: called.requests,
            records: called.records,
        },
        unsent,
        targets,
        warmup,
        timeline: Vec::new(),
        spans: Vec::new(),
        blocks: last_us.map_or_else(Blocks::default, |last_us| {
            slices.blocks(last_us.saturating_sub(go.start_us))
        }),
        connections,
        generator,
        end: end(interrupts, &gone),
        gone,
        claims,
    }
}

/// The slices of all threads.
fn slices(harvests: &mut [Harvest]) -> Slices {
    let of_threads = harvests.iter_mut();
    of_threads
        .map(|harvest| std::mem::take(&mut harvest.slices))
        .reduce(Slices::merge)
        .unwrap_or_default()
}

fn end(interrupts: u8, gone: &[usize]) -> End {
    match interrupts {
        0 if !gone.is_empty() => End::TargetGone,
        0 => End::Finished,
        1 => End::Interrupted,
        _ => End::Abandoned,
    }
}

/// What is claimed of each record, by thread.
fn claims(setup: &Setup, mut harvests: Vec<Harvest>) -> Claims {
    harvests.sort_unstable_by_key(|harvest| harvest.number);
    let mut tally = Tally::default();
    for harvest in &harvests {
        if let Some(of_thread) = &harvest.tally {
            tally.merge(of_thread);
        }
    }
    Claims {
        run: setup.run.clone(),
        batch_size: setup.load.batch_size,
        threads: harvests.into_iter().map(|harvest| harvest.claims).collect(),
        acked_by_partition: tally.records,
    }
}

/// Records what was due by `until_us` and no connection took: as lower bounds, and in the second and the slice in which it was due.
fn never_taken(
    setup: &Setup,
    go: &Go<'_>,
    targets: &mut [Recorder],
    (timeline, slices): (&mut TimelineDelta, &mut Slices),
    mut records_left: u64,
    until_us: u64,
    now_us: u64,
) {
    let since_start = |us: u64| us.saturating_sub(go.start_us);
    let mut turn = 0;
    go.measured.missed(until_us, now_us, |missed| {
        // No target was chosen for them: each bears its share, and what does not divide goes around.
        let share = targets.len() as u64;
        for offset in 0..share.min(missed.requests) {
            let requests = (missed.requests - offset).div_ceil(share);
            let target = (turn + offset) % share;
            targets[target as usize].never_sent(missed.due_us, now_us, requests);
        }
        turn = (turn + missed.requests) % share;
        // All requests but the last hold as many records as a batch.
        let records = records_left.min(missed.requests * u64::from(setup.load.batch_size));
        records_left -= records;
        let counts = Counts {
            requests: missed.requests,
            records,
        };
        let (due_us, now_us) = (since_start(missed.due_us), since_start(now_us));
        timeline.never_sent(due_us, now_us, counts);
        slices.never_sent(due_us, now_us, missed.requests);
    });
}

/// What the threads used and saw of themselves.
fn generator(harvests: &[Harvest]) -> Generator {
    let busy = || harvests.iter().filter_map(|harvest| harvest.busy);
    let run_us = busy().map(|busy| busy.wall_us).max().unwrap_or(0);
    let cpu = harvests.iter().filter_map(|harvest| harvest.cpu);
    Generator {
        thread_busy_ratios: busy().map(|busy| busy.ratio(busy.cpu, run_us)).collect(),
        thread_wait_ratios: busy()
            .filter_map(|busy| Some(busy.ratio(busy.waited?, run_us)))
            .collect(),
        cpu: cpu.reduce(|one, other| one + other),
        in_flight_us: harvests.iter().map(|harvest| harvest.in_flight_us).sum(),
        clock_skew: Duration::ZERO,
        peak_rss_bytes: peak_rss_bytes(),
    }
}

/// The largest resident set of this process so far.
fn peak_rss_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib * 1024)
}
