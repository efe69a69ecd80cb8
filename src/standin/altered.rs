//! Records that a fault stores otherwise than they came: behind one that follows, or with a byte changed.

use super::backend::{Entry, Record};
use super::json::Scanner;

/// Lets each of these change places with the next one that goes to the same partition, as far as that can be told beforehand, or
/// with the one before if it is the last: which ones did.
pub(crate) fn put_behind(records: &mut [Record<'_>], which: &[usize]) -> Vec<(usize, usize)> {
    let mut swapped = Vec::new();
    let mut moved = vec![false; if which.is_empty() { 0 } else { records.len() }];
    for first in which.iter().copied() {
        if moved[first] {
            continue;
        }
        let mut others = (first + 1..records.len()).chain((0..first).rev());
        let goes_along = |second: &usize| {
            let (one, other) = (&records[first], &records[*second]);
            !moved[*second]
                && one.partition == other.partition
                && (one.partition.is_some() || one.key == other.key)
        };
        if let Some(second) = others.find(goes_along) {
            records.swap(first, second);
            (moved[first], moved[second]) = (true, true);
            swapped.push((first, second));
        }
    }
    swapped
}

/// How many pairs lie in one partition, each record where the other belongs, which nothing in the entries tells. Of a pair that
/// came apart the entries say what is so.
pub(crate) fn kept_apart(entries: &mut [Entry], swapped: &[(usize, usize)]) -> usize {
    let mut together = 0;
    for (first, second) in swapped.iter().copied() {
        match (entries.get(first), entries.get(second)) {
            (
                Some(Entry::Stored { partition: one, .. }),
                Some(Entry::Stored {
                    partition: other, ..
                }),
            ) if one == other => together += 1,
            (Some(_), Some(_)) => entries.swap(first, second),
            _ => {}
        }
    }
    together
}

/// Changes one byte of the value: of JSON a letter of the last string or a digit, so that it stays JSON; of anything else the
/// one in the middle. Whether there is one.
pub(crate) fn corrupt(record: &mut Record<'_>) -> bool {
    let Some(value) = record.value.as_deref().filter(|value| !value.is_empty()) else {
        return false;
    };
    let at = if is_json(value) {
        letter(value)
    } else {
        Some(value.len() / 2)
    };
    let Some(at) = at else {
        return false;
    };
    let byte = &mut record.value.get_or_insert_default().to_mut()[at];
    *byte = match *byte {
        b'z' | b'Z' | b'9' => *byte - 1,
        other if other.is_ascii_alphanumeric() => other + 1,
        other => other ^ 1,
    };
    true
}

fn is_json(value: &[u8]) -> bool {
    let mut scanner = Scanner::new(value);
    scanner.value().is_ok() && scanner.end().is_ok()
}

/// Where a letter or digit stands that may be another: in the middle of the last string that is no name, or else the last of
/// the last number.
fn letter(value: &[u8]) -> Option<usize> {
    let (mut of_string, mut of_number) = (None, None);
    let mut scanner = Scanner::new(value);
    while let Some((start, end)) = scanner.next_scalar() {
        let is_name = value[end..].trim_ascii_start().first() == Some(&b':');
        match value[start] {
            b'"' if !is_name => of_string = in_string(value, start + 1, end - 1).or(of_string),
            b'-' | b'0'..=b'9' => of_number = Some(end - 1),
            _ => {}
        }
    }
    of_string.or(of_number)
}

/// A letter or digit that no escape has a part in, as near to the middle as can be.
fn in_string(value: &[u8], start: usize, end: usize) -> Option<usize> {
    const LONGEST_ESCAPE: usize = 6;
    let middle = usize::midpoint(start, end);
    let is_free = |at: &usize| {
        let before = &value[at.saturating_sub(LONGEST_ESCAPE - 1).max(start)..*at];
        value[*at].is_ascii_alphanumeric() && !before.contains(&b'\\')
    };
    let mut outwards = (middle..end).chain((start..middle).rev());
    outwards.find(is_free)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(
        partition: Option<i32>,
        key: Option<&'static str>,
        value: &'static str,
    ) -> Record<'static> {
        Record {
            partition,
            key: key.map(|key| key.as_bytes().into()),
            value: Some(value.as_bytes().into()),
        }
    }

    fn values(records: &[Record<'_>]) -> String {
        let value = |record: &Record<'_>| {
            String::from_utf8(record.value.clone().unwrap().into_owned()).unwrap()
        };
        records.iter().map(value).collect()
    }

    #[test]
    fn a_record_changes_places_with_the_next_that_goes_where_it_goes() {
        let of = |text: &'static str| -> Vec<Record<'static>> {
            text.split(' ')
                .map(|one| match one.split_at(1) {
                    ("0", value) => record(Some(0), None, value),
                    ("1", value) => record(Some(1), None, value),
                    ("k", value) => record(None, Some("k"), value),
                    (_, value) => record(None, None, value),
                })
                .collect()
        };
        for (before, which, after) in [
            ("-a -b -c", vec![0], "bac"),
            ("-a -b -c", vec![0, 1, 2], "bac"),
            ("-a -b -c", vec![2], "acb"),
            ("-a", vec![0], "a"),
            ("-a -b -c -d", vec![0, 1, 2, 3], "badc"),
            ("0a 1b 0c 1d", vec![0], "cbad"),
            ("0a 1b", vec![0], "ab"),
            ("ka -b kc", vec![0, 1], "cba"),
        ] {
            let mut records = of(before);
            put_behind(&mut records, &which);
            assert_eq!(values(&records), after, "{before} {which:?}");
        }
    }

    #[test]
    fn a_pair_that_came_apart_is_acknowledged_as_it_lies() {
        let stored = |partition, offset| Entry::Stored { partition, offset };
        let mut entries = [stored(0, 7), stored(0, 8), stored(0, 9), stored(1, 4)];
        assert_eq!(kept_apart(&mut entries, &[(0, 1), (2, 3)]), 1);
        assert_eq!(
            entries,
            [stored(0, 7), stored(0, 8), stored(1, 4), stored(0, 9)]
        );
    }

    #[test]
    fn one_byte_is_changed_and_json_stays_json() {
        for (before, after) in [
            (
                r#"{"id":"a","payload":"hello"}"#,
                r#"{"id":"a","payload":"hemlo"}"#,
            ),
            (r#"{"s":"zz","w":true}"#, r#"{"s":"zy","w":true}"#),
            (r#"{"s":"\u00e9","n":129}"#, r#"{"s":"\u00e9","n":128}"#),
            (r#"{"s":"\nb"}"#, r#"{"s":"\nb"}"#),
            (r#""\n12345678""#, r#""\n12346678""#),
            ("[0]", "[1]"),
            ("-1.5e3", "-1.5e4"),
            ("{\"only\":null}", "{\"only\":null}"),
            ("not JSON", "not KSON"),
        ] {
            let mut changed = record(None, None, before);
            let did = corrupt(&mut changed);
            assert_eq!(values(&[changed.clone()]), after);
            assert_eq!(did, before != after, "{before}");
            assert_eq!(
                is_json(changed.value.as_deref().unwrap()),
                is_json(before.as_bytes())
            );
        }
        assert!(!corrupt(&mut record(None, None, "")));
    }
}
