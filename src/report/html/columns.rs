//! All runs of a trend in the columns that a chart has room for.

use crate::history::{Change, Entry, Trend, is_evidence};

/// Of the columns, those that changes have for themselves at most: one in so many.
const FOR_CHANGES: usize = 3;

/// Runs that follow each other and are drawn as one point.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Column {
    /// Index of the first of them.
    pub(super) from: usize,
    /// Index behind the last.
    pub(super) to: usize,
    /// The run whose figure is drawn: of those that say something, the one in the middle; none, if none does.
    pub(super) shown: Option<usize>,
}

impl Column {
    fn of(trend: &Trend, from: usize, to: usize) -> Self {
        let rate = |at: &usize| trend.runs[*at].records_per_sec;
        let mut some: Vec<usize> = (from..to)
            .filter(|at| is_evidence(&trend.runs[*at]))
            .collect();
        some.sort_by(|a, b| rate(a).total_cmp(&rate(b)));
        let shown = some.get(some.len() / 2).copied();
        Self { from, to, shown }
    }

    /// Its runs.
    pub(super) fn runs<'a>(&self, trend: &'a Trend) -> &'a [Entry] {
        &trend.runs[self.from..self.to]
    }
}

/// At most `most` columns. Of more runs, several share one, but the first, the record and the changes have their own.
pub(super) fn columns(trend: &Trend, most: usize) -> Vec<Column> {
    let runs = trend.runs.len();
    let alone = if runs > most {
        alone(trend, most)
    } else {
        Vec::new()
    };
    let parts = parts(runs, &alone);
    let needed = |size: usize| -> usize {
        let columns = parts.iter().map(|(from, to)| (to - from).div_ceil(size));
        columns.sum()
    };
    let mut size = runs.div_ceil(most.max(1)).max(1);
    while size < runs && needed(size) > most {
        size += 1;
    }
    let columns = parts.iter().flat_map(|(from, to)| {
        let starts = (*from..*to).step_by(size);
        starts.map(move |start| (start, (start + size).min(*to)))
    });
    columns
        .map(|(from, to)| Column::of(trend, from, to))
        .collect()
}

/// Runs between those that are alone, and those.
fn parts(runs: usize, alone: &[usize]) -> Vec<(usize, usize)> {
    let mut parts = Vec::new();
    let mut from = 0;
    for at in alone {
        parts.extend([(from, *at), (*at, at + 1)]);
        from = at + 1;
    }
    parts.push((from, runs));
    parts.retain(|(from, to)| from < to);
    parts
}

/// Runs that share their column with none, in order.
fn alone(trend: &Trend, most: usize) -> Vec<usize> {
    let changes = drawn_changes(trend, most).iter().map(|change| change.run);
    let mut alone: Vec<usize> = trend.first.into_iter().chain(trend.record).collect();
    alone.extend(changes);
    alone.sort_unstable();
    alone.dedup();
    alone
}

/// The changes that a chart of so many columns shows: the newest.
pub(super) fn drawn_changes(trend: &Trend, most: usize) -> &[Change] {
    let changes = &trend.changes;
    &changes[changes.len().saturating_sub(most / FOR_CHANGES)..]
}

#[cfg(test)]
mod tests {
    use super::super::super::samples::{good, report};
    use super::*;
    use crate::gate::Outcome;
    use crate::history::trends;

    /// A steady road with a change every `step` runs, a record at 1,234 and void runs between.
    fn trend(runs: usize, step: usize) -> Trend {
        let one = Entry::of(&report(&good()), None);
        let entry = |at: usize| Entry {
            started_at: format!(
                "2026-{:02}-{:02}T{:02}:{:02}:00.000Z",
                at / 40_320 + 1,
                at / 1_440 % 28 + 1,
                at / 60 % 24,
                at % 60
            ),
            records_per_sec: if at == 1_234 {
                9e6
            } else {
                1_000.0 * (1 + at / step % 2) as f64 + (at * 37 % 11) as f64
            },
            outcome: if at % 50 == 3 {
                Outcome::Void
            } else {
                Outcome::Pass
            },
            ..one.clone()
        };
        let mut trends = trends((0..runs).map(entry).collect());
        assert_eq!(trends.len(), 1);
        trends.remove(0)
    }

    #[test]
    fn no_run_is_left_out_and_what_is_named_is_alone() {
        for (runs, step, most) in [
            (40, 10, 300),
            (301, 100, 300),
            (2_000, 500, 300),
            (2_000, 20, 25),
        ] {
            let trend = trend(runs, step);
            let columns = columns(&trend, most);
            assert!(columns.len() <= most, "{runs}: {}", columns.len());
            assert!(
                columns.len() > most / 2 || runs < most,
                "{runs}: {}",
                columns.len()
            );
            assert_eq!((columns[0].from, columns[columns.len() - 1].to), (0, runs));
            assert!(columns.windows(2).all(|pair| pair[0].to == pair[1].from));
            let named = drawn_changes(&trend, most).iter().map(|change| change.run);
            for at in trend.first.into_iter().chain(trend.record).chain(named) {
                let own = columns
                    .iter()
                    .any(|column| (column.from, column.to) == (at, at + 1));
                assert!(own, "{runs}: {at}");
            }
        }
    }

    #[test]
    fn a_column_shows_the_middle_of_what_says_something() {
        let mut trend = trend(3, 10);
        for (run, rate) in trend.runs.iter_mut().zip([10.0, 30.0, 20.0]) {
            run.records_per_sec = rate;
        }
        assert_eq!(Column::of(&trend, 0, 3).shown, Some(2));
        for run in &mut trend.runs {
            run.outcome = Outcome::Void;
        }
        assert_eq!(Column::of(&trend, 0, 3).shown, None);
    }
}
