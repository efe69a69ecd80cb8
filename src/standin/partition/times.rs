//! When the records of a segment were appended: one entry for all that came in the same millisecond.

/// Bytes of a segment for each entry: more entries would cost more than an eighth of it.
const BYTES_PER_ENTRY: usize = 64;

/// Append times of a segment, which go with it.
#[derive(Debug)]
pub(super) struct Times {
    /// Of the first record, in ms since 1970.
    first_ms: i64,
    /// Index of a record and ms after the first, for each that came later than the one before.
    later: Vec<(u32, u32)>,
}

impl Times {
    /// Of a segment whose first record comes now.
    pub(super) fn new(now_ms: i64) -> Self {
        Self {
            first_ms: now_ms,
            later: Vec::new(),
        }
    }

    /// The record with this index and those behind it come now. `false`, and nothing is noted, where there is no room for
    /// another entry in a segment of so many bytes.
    pub(super) fn note(&mut self, index: i64, now_ms: i64, segment_bytes: usize) -> bool {
        let last = self.later.last().map_or(0, |(_, after)| *after);
        let after = u32::try_from(now_ms.saturating_sub(self.first_ms)).unwrap_or(0);
        // A clock that was set back does not make a record older than the one before it.
        if after <= last {
            return true;
        }
        let Ok(index) = u32::try_from(index) else {
            return false;
        };
        if self.later.len() >= segment_bytes / BYTES_PER_ENTRY {
            return false;
        }
        self.later.push((index, after));
        true
    }

    /// When this record came.
    pub(super) fn at(&self, index: i64) -> i64 {
        let before = self
            .later
            .partition_point(|(first, _)| i64::from(*first) <= index);
        let after = before.checked_sub(1).map_or(0, |entry| self.later[entry].1);
        self.first_ms + i64::from(after)
    }

    /// Index of the first record that came at this time or later, if one did.
    pub(super) fn since(&self, ms: i64) -> Option<i64> {
        if ms <= self.first_ms {
            return Some(0);
        }
        let after = ms - self.first_ms;
        let entry = self
            .later
            .partition_point(|(_, later)| i64::from(*later) < after);
        self.later.get(entry).map(|(index, _)| i64::from(*index))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_noted_once_and_found_by_record_and_by_time() {
        let mut times = Times::new(1_000);
        for (index, ms) in [(3, 1_000), (5, 1_002), (6, 1_002), (9, 1_001), (12, 1_010)] {
            assert!(times.note(index, ms, 1 << 10));
        }
        assert_eq!(times.later.len(), 2, "{times:?}");
        let at = [0, 4, 5, 11, 12, 99].map(|index| times.at(index));
        assert_eq!(at, [1_000, 1_000, 1_002, 1_002, 1_010, 1_010]);
        for (ms, first) in [
            (0, Some(0)),
            (1_000, Some(0)),
            (1_001, Some(5)),
            (1_003, Some(12)),
            (1_011, None),
        ] {
            assert_eq!(times.since(ms), first, "{ms}");
        }
    }

    #[test]
    fn a_segment_has_room_for_so_many_times_only() {
        let mut times = Times::new(0);
        let noted = (1..=100).filter(|ms| times.note(*ms, *ms, 640));
        assert_eq!(noted.count(), 10);
    }
}
