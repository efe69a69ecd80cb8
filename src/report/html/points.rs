//! The seconds of a run put together to points, as many as a chart and a table hold.

use super::scale::shortest;
use crate::report::words::bounded;
use crate::report::{Report, SecondLatency, SecondRow};
use crate::units::{self, counted, grouped, rate_digits};

/// Points of all runs of a chart together: what a page of 300 kB holds.
const POINTS: u64 = 240;
/// A point that stands for less of its seconds than this says more of the clock than of the server.
const LEAST_SHARE: f64 = 0.3;
/// Records of less time than this are counted: a rate would be made of crumbs.
const LEAST_SECS: f64 = 0.1;

/// Some seconds of a run.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Point {
    pub(super) from: u64,
    /// Seconds of it that were measured.
    pub(super) secs: f64,
    /// Of those that it stands for.
    share: f64,
    pub(super) due: u64,
    pub(super) acked: u64,
    requests: u64,
    pub(super) failures: u64,
    /// Records that came due in it and were never sent.
    pub(super) unsent: u64,
    /// In one of its seconds nothing was acked though requests were due in it or before, and not over.
    pub(super) idle: bool,
    pub(super) p50: Option<Reading>,
    pub(super) p95: Option<Reading>,
    pub(super) max: Option<Reading>,
}

/// A latency in µs, and whether it is only a lower bound.
pub(super) type Reading = (u64, bool);

/// A run in points, and what it is called.
pub(super) struct Run<'a> {
    /// In a legend.
    pub(super) name: String,
    pub(super) report: &'a Report,
    pub(super) points: Vec<Point>,
}

/// Runs cut into points of the same length, and that length in seconds.
pub(super) fn runs(named: Vec<(String, &Report)>) -> (u64, Vec<Run<'_>>) {
    let longest = named
        .iter()
        .filter_map(|(_, report)| report.timeline.last())
        .map(|row| row.second + 1)
        .max();
    let each = (POINTS / named.len().max(1) as u64).max(1);
    let group = longest.unwrap_or(1).div_ceil(each).max(1);
    let runs = named.into_iter().map(|(name, report)| Run {
        name,
        report,
        points: points(report, group),
    });
    (group, runs.collect())
}

/// Rates are means over the group, latencies the largest in it.
fn points(report: &Report, group: u64) -> Vec<Point> {
    let measured =
        |from: u64, most: u64| (report.elapsed_secs - from as f64).clamp(0.0, most as f64);
    let mut points: Vec<Point> = Vec::new();
    let batch = u64::from(report.plan.load.batch_size).max(1);
    // A closed loop calls for a request when a connection is free: one that none took is over with the connections. The schedule of an
    // open loop goes on calling for its own.
    let open_loop = report.plan.load.is_open_loop();
    let mut open = 0;
    for (row, unsent) in report.timeline.iter().zip(unsent(report)) {
        let from = row.second / group * group;
        if points.last().is_none_or(|point| point.from != from) {
            let secs = measured(from, group);
            points.push(Point {
                from,
                secs,
                share: secs / group as f64,
                due: 0,
                acked: 0,
                requests: 0,
                failures: 0,
                unsent: 0,
                idle: false,
                p50: None,
                p95: None,
                max: None,
            });
        }
        open += i128::from(row.requests_due) - i128::from(row.requests);
        if !open_loop {
            open -= i128::from(unsent.div_ceil(batch));
        }
        let waited = open > 0 && measured(row.second, 1) >= LEAST_SHARE;
        if let Some(point) = points.last_mut() {
            point.add(row);
            point.unsent += unsent;
            point.idle |= waited && row.records_acked == 0;
        }
    }
    points
}

/// Of each second, the records due in it that were never sent: requests are sent in the order in which they came due, so they are
/// the last of those that got no answer.
fn unsent(report: &Report) -> Vec<u64> {
    let batch = u64::from(report.plan.load.batch_size);
    let with_buckets = report
        .timeline
        .iter()
        .any(|row| !row.latency_us.buckets.is_empty());
    let mut left = report.ledger.records.unsent;
    let last_first = report.timeline.iter().rev().map(|row| {
        let most = if with_buckets {
            unanswered(&row.latency_us) * batch
        } else {
            u64::MAX
        };
        let unsent = left.min(row.records_due).min(most);
        left -= unsent;
        unsent
    });
    let mut all: Vec<u64> = last_first.collect();
    all.reverse();
    all
}

/// Requests whose latency is only a lower bound.
fn unanswered(latency: &SecondLatency) -> u64 {
    let bounds = latency.read_buckets().unwrap_or_default().bounds;
    (bounds.iter()).fold(0, |sum, (_, count)| sum.saturating_add(*count))
}

impl Point {
    fn add(&mut self, row: &SecondRow) {
        let latency = &row.latency_us;
        self.due += row.records_due;
        self.acked += row.records_acked;
        self.requests += row.requests;
        self.failures += row.failures;
        self.p50 = self.p50.max(reading(latency, "p50", latency.p50));
        self.p95 = self.p95.max(reading(latency, "p95", latency.p95));
        self.max = self.max.max(reading(latency, "max", latency.max));
    }

    pub(super) fn middle(&self) -> f64 {
        self.from as f64 + self.secs / 2.0
    }

    pub(super) fn rate(&self, records: u64) -> f64 {
        records as f64 / self.secs.max(1e-6)
    }

    /// Long enough for its rate to mean something.
    pub(super) fn counts(&self) -> bool {
        self.share >= LEAST_SHARE
    }

    /// `12,345`, or `720 in 13.0 ms` where there is too little time for a rate.
    fn rate_cell(&self, records: u64) -> String {
        match records {
            0 => "0".to_owned(),
            _ if self.secs < LEAST_SECS => format!("{} in {}", grouped(records), self.time()),
            _ => rate_digits(self.rate(records)),
        }
    }

    /// `12,345 rec/s acked`, `720 records acked in 13.0 ms`
    pub(super) fn acked_words(&self) -> String {
        if self.secs < LEAST_SECS {
            let acked = counted(self.acked, "record", "records");
            format!("{acked} acked in {}", self.time())
        } else {
            format!("{} rec/s acked", rate_digits(self.rate(self.acked)))
        }
    }

    fn time(&self) -> String {
        units::latency((self.secs * 1e6).round() as u64)
    }

    /// Whether less of it was measured than it stands for.
    fn is_cut(&self) -> bool {
        self.share < 0.999
    }

    pub(super) fn span(&self, group: u64) -> String {
        let cut = if self.is_cut() {
            format!(", {} of it", self.time())
        } else {
            String::new()
        };
        if group == 1 {
            format!("second {}{cut}", self.from)
        } else {
            format!("{} to {} s{cut}", self.from, self.from + group)
        }
    }

    /// What went wrong in it: `, 3 requests failed, nothing acked`.
    pub(super) fn troubles(&self) -> String {
        let failed = (self.failures > 0)
            .then(|| format!(", {} failed", counted(self.failures, "request", "requests")));
        let unsent = (self.unsent > 0)
            .then(|| format!(", {} never sent", counted(self.unsent, "record", "records")));
        let idle = self.idle.then(|| ", nothing acked".to_owned());
        [failed, unsent, idle].into_iter().flatten().collect()
    }

    /// A row of numbers; with a cell of what was never sent if there is a column for it.
    pub(super) fn cells(&self, group: u64, with_unsent: bool) -> Vec<String> {
        let mut from = if group == 1 {
            self.from.to_string()
        } else {
            format!("{} - {}", self.from, self.from + group)
        };
        if self.is_cut() {
            from = if self.secs < LEAST_SECS {
                format!("{from} ({})", self.time())
            } else {
                format!("{from} ({} s)", shortest((self.secs * 1e3).round() / 1e3))
            };
        }
        let mut cells = vec![
            from,
            self.rate_cell(self.due),
            self.rate_cell(self.acked),
            grouped(self.requests),
            grouped(self.failures),
        ];
        cells.extend(with_unsent.then(|| grouped(self.unsent)));
        cells.extend([self.p50, self.p95, self.max].map(reading_words));
        cells
    }
}

fn reading(latency: &SecondLatency, name: &str, us: Option<u64>) -> Option<Reading> {
    us.map(|us| (us, latency.lower_bounds.iter().any(|bound| bound == name)))
}

/// A latency as text, `≥` before a lower bound.
pub(super) fn reading_words(reading: Option<Reading>) -> String {
    reading.map_or_else(
        || "-".to_owned(),
        |(us, bound)| bounded(units::latency(us), bound),
    )
}

#[cfg(test)]
mod tests {
    use super::super::super::samples::{good, report};
    use super::*;

    fn row(second: u64, records: [u64; 3], requests: [u64; 2], bounds: u64) -> SecondRow {
        let [records_due, records_sent, records_acked] = records;
        let [requests_due, requests] = requests;
        SecondRow {
            second,
            records_due,
            records_sent,
            records_acked,
            requests_due,
            requests_sent: requests_due,
            requests,
            failures: 0,
            latency_us: SecondLatency {
                p50: None,
                p95: None,
                max: None,
                lower_bounds: Vec::new(),
                buckets: format!("1000 {requests_due}"),
                bound_buckets: format!("1000 {bounds}"),
            },
        }
    }

    /// 300 records of requests of 10 were never sent; then the target was gone.
    fn dead() -> Report {
        let mut report = report(&good());
        report.plan.load.batch_size = 10;
        report.ledger.records.unsent = 300;
        report.elapsed_secs = 4.013;
        report.timeline = vec![
            row(0, [500, 500, 490], [50, 49], 0),
            row(1, [400, 200, 180], [40, 19], 20),
            row(2, [100, 0, 0], [10, 0], 10),
            row(3, [0, 0, 0], [0, 0], 0),
            row(4, [0, 0, 720], [0, 72], 0),
        ];
        report
    }

    #[test]
    fn what_was_never_sent_belongs_to_the_seconds_in_which_it_was_due() {
        assert_eq!(unsent(&dead()), [0, 200, 100, 0, 0]);
        let mut early = dead();
        for row in &mut early.timeline {
            row.latency_us.buckets.clear();
            row.latency_us.bound_buckets.clear();
        }
        assert_eq!(unsent(&early), [0, 200, 100, 0, 0], "by their order alone");
    }

    #[test]
    fn seconds_in_which_nothing_was_acked_are_known_and_a_crumb_is_none() {
        let idle = |group| -> Vec<bool> {
            let points = points(&dead(), group);
            points.iter().map(|point| point.idle).collect()
        };
        assert_eq!(idle(1), [false, false, true, true, false]);
        assert_eq!(idle(2), [false, true, false]);
        // All that was sent is over: what a closed loop could not send waits for nothing, what an open loop could not is still due.
        let ended = |arrivals: Option<&str>| -> Vec<bool> {
            let mut report = dead();
            report.plan.load.arrivals = arrivals.map(str::to_owned);
            report.timeline[0].requests = 50;
            report.timeline[1].requests = 20;
            report.timeline[4].requests = 0;
            let points = points(&report, 1);
            points.iter().map(|point| point.idle).collect()
        };
        assert_eq!(ended(None), [false; 5]);
        assert_eq!(ended(Some("uniform")), [false, false, true, true, false]);
        let points = points(&dead(), 1);
        assert_eq!(
            points[2].troubles(),
            ", 100 records never sent, nothing acked"
        );
        assert_eq!(
            points[4].cells(1, true),
            [
                "4 (13.0 ms)",
                "0",
                "720 in 13.0 ms",
                "72",
                "0",
                "0",
                "-",
                "-",
                "-"
            ]
        );
        assert_eq!(points[4].acked_words(), "720 records acked in 13.0 ms");
        assert_eq!(points[4].span(1), "second 4, 13.0 ms of it");
    }
}
