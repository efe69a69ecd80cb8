//! Recognises, many bytes at a time, what a good answer consists of: the text around the entries and entries that only
//! acknowledge, in the exact bytes that Confluent's and Strimzi's proxies write.
//!
//! Anything else, however slightly different, is not recognised and left to the [`Lexer`](super::lexer::Lexer).

use std::ops::Range;

/// Partition and offset of an acked record. Kafka gives no two records the same.
pub(super) type Place = (i64, i64);

const OPENING: &[u8] = b"{\"offsets\":[";
/// Confluent's end of an answer, and Strimzi's.
const CLOSINGS: [&[u8]; 2] = [b"],\"key_schema_id\":null,\"value_schema_id\":null}", b"]}"];
const PARTITION: &[u8] = b"{\"partition\":";
const OFFSET: &[u8] = b",\"offset\":";
/// Behind the offset: Confluent's proxy names the two errors that there were not, Strimzi's does not.
const NULLS: &[u8] = b",\"error_code\":null,\"error\":null}";
/// Digits that fit an `i64` whatever they are.
const MAX_DIGITS: usize = 18;

/// More than the longest entry, its comma and what the last look at a number's digits may reach beyond.
const WINDOW: usize = 128;
type Window = [u8; WINDOW];

/// Entries found one behind the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Entries {
    pub(super) count: u32,
    /// Their bytes, commas included.
    pub(super) length: usize,
    /// Whether the last one's comma was there.
    pub(super) behind_comma: bool,
    /// What the first one names.
    pub(super) first: Option<Place>,
}

/// Length of the answer's opening if `bytes` start with the whole of it.
pub(super) fn opening(bytes: &[u8]) -> Option<usize> {
    bytes.starts_with(OPENING).then_some(OPENING.len())
}

/// Length of the answer's end, the bracket of the entries first, if `bytes` start with the whole of it.
pub(super) fn closing(bytes: &[u8]) -> Option<usize> {
    let mut known = CLOSINGS.iter();
    known
        .find(|end| bytes.starts_with(end))
        .map(|end| end.len())
}

/// The acknowledging entries at the start of `bytes`, each of them complete. `shape` is the caller's, of no meaning to it: most
/// entries look like the one before, in the next answer too.
pub(super) fn entries(bytes: &[u8], shape: &mut Shape) -> Entries {
    let mut found = Entries::default();
    loop {
        let rest = &bytes[found.length..];
        let mut padded: Window;
        let window = if let Some(window) = rest.first_chunk() {
            window
        } else {
            // No entry has a zero byte in it: one that is cut here is not recognised.
            padded = [0; WINDOW];
            padded[..rest.len()].copy_from_slice(rest);
            &padded
        };
        // If the guess is right, where the next entry starts is known before this one's digits are looked at, so that the
        // processor works on several at a time: a third of the time that counting takes.
        if !shape.fits(window) {
            let Some(other) = Shape::of(window) else {
                return found;
            };
            *shape = other;
        }
        if found.count == 0 {
            found.first = Some((shape.partition.value(window), shape.offset.value(window)));
        }
        found.count += 1;
        found.behind_comma = window[shape.length] == b',';
        found.length += shape.length + usize::from(found.behind_comma);
        if !found.behind_comma {
            return found;
        }
    }
}

/// Longest entry recognised, in words of eight bytes.
const MAX_WORDS: usize = 10;
/// So many of them hold an entry with up to nine digits in its numbers.
const USUAL_WORDS: usize = 8;
const MAX_ENTRY: usize = MAX_WORDS * 8;

/// What two entries have in common whose numbers have as many digits each.
#[derive(Debug, Clone)]
pub(super) struct Shape {
    /// The entry, and where its bytes are text that does not vary (all ones) or digits (zero), as all bytes behind it are.
    text: [u64; MAX_WORDS],
    fixed: [u64; MAX_WORDS],
    partition: Integer,
    offset: Integer,
    length: usize,
}

impl Shape {
    /// Fits no entry: its first byte is both a bracket and a digit.
    pub(super) fn none() -> Self {
        let mut draft = Draft::empty();
        draft.put(b"{");
        Self::drawn(&draft, Integer::of(0, 1), Integer::of(0, 1))
    }

    /// The shape of the entry that `window` starts with.
    fn of(window: &Window) -> Option<Self> {
        let mut draft = Draft::empty();
        draft.put(PARTITION)?;
        let partition = draft.integer(window);
        draft.put(OFFSET)?;
        let offset = draft.integer(window);
        let nulls = window[draft.length..].starts_with(NULLS);
        draft.put(if nulls { NULLS } else { b"}" })?;
        let shape = Self::drawn(&draft, partition, offset);
        shape.fits(window).then_some(shape)
    }

    fn drawn(draft: &Draft, partition: Integer, offset: Integer) -> Self {
        let words = |bytes: &[u8]| {
            let (words, _) = bytes.as_chunks();
            std::array::from_fn(|word| u64::from_ne_bytes(words[word]))
        };
        Self {
            text: words(&draft.text),
            fixed: words(&draft.fixed),
            partition,
            offset,
            length: draft.length,
        }
    }

    /// Whether `window` starts with an entry of this shape.
    #[expect(
        clippy::inline_always,
        reason = "once an entry: the call costs as much as the work"
    )]
    #[inline(always)]
    fn fits(&self, window: &Window) -> bool {
        let (entry, _) = window.as_chunks();
        // No branch before the end: word after word, or several in a vector.
        let differs = |words: Range<usize>| {
            let fixed = self.text[words.clone()]
                .iter()
                .zip(&self.fixed[words.clone()]);
            entry[words]
                .iter()
                .zip(fixed)
                .fold(0, |all, (seen, (text, fixed))| {
                    all | (u64::from_ne_bytes(*seen) ^ text) & fixed
                })
        };
        let mut all = differs(0..USUAL_WORDS);
        if self.length > USUAL_WORDS * 8 {
            all |= differs(USUAL_WORDS..MAX_WORDS);
        }
        all == 0 && self.partition.fits(window) && self.offset.fits(window)
    }
}

/// A shape in the making.
struct Draft {
    text: [u8; MAX_ENTRY],
    fixed: [u8; MAX_ENTRY],
    length: usize,
}

impl Draft {
    fn empty() -> Self {
        Self {
            text: [0; MAX_ENTRY],
            fixed: [0; MAX_ENTRY],
            length: 0,
        }
    }

    /// Adds text; `None` if the entry is getting too long.
    fn put(&mut self, text: &[u8]) -> Option<()> {
        let place = self.length..self.length + text.len();
        self.text.get_mut(place.clone())?.copy_from_slice(text);
        self.fixed[place].fill(0xFF);
        self.length += text.len();
        Some(())
    }

    /// Adds the digits that `window` has there.
    fn integer(&mut self, window: &Window) -> Integer {
        let integer = Integer::of(self.length, count_digits(window, self.length));
        self.length += integer.digits;
        integer
    }
}

/// Where the digits of a number are: a plain JSON integer if it has no leading zero and fits an `i64`.
#[derive(Debug, Clone, Copy)]
struct Integer {
    at: usize,
    digits: usize,
    /// Set at the top of every byte that must be a digit, among the first eight.
    must: u64,
    /// Smallest first digit.
    least: u8,
}

impl Integer {
    fn of(at: usize, digits: usize) -> Self {
        Self {
            at,
            digits,
            must: TOPS >> (64 - 8 * digits.clamp(1, 8)),
            least: if digits > 1 { b'1' } else { b'0' },
        }
    }

    /// Whether it is there, if no digit follows.
    #[expect(
        clippy::inline_always,
        reason = "once an entry: the call costs as much as the work"
    )]
    #[inline(always)]
    fn fits(&self, window: &Window) -> bool {
        no_digits(window, self.at) & self.must == 0
            && window[self.at] >= self.least
            && (self.digits <= 8 || self.rest_fits(window))
    }

    #[cold]
    fn rest_fits(&self, window: &Window) -> bool {
        self.digits <= MAX_DIGITS && count_digits(window, self.at) >= self.digits
    }

    fn value(&self, window: &Window) -> i64 {
        window[self.at..self.at + self.digits]
            .iter()
            .fold(0, |value, digit| value * 10 + i64::from(digit - b'0'))
    }
}

/// Digits at `at`, as far as it matters: not many more than make an integer.
fn count_digits(window: &Window, at: usize) -> usize {
    let mut count = 0;
    while count <= MAX_DIGITS {
        let here = (no_digits(window, at + count).trailing_zeros() / 8) as usize;
        count += here;
        if here < 8 {
            break;
        }
    }
    count
}

const TOPS: u64 = 0x8080_8080_8080_8080;

/// Looks at eight bytes at once: from the lowest on, those up to the first that is no decimal digit have their top bit clear,
/// that one has it set. (A digit's distance from `0` is at most 9: adding 0x76 sets the top bit of every other byte, and what
/// is carried only reaches bytes above the first of these.)
#[expect(
    clippy::inline_always,
    reason = "once an entry: the call costs as much as the work"
)]
#[inline(always)]
fn no_digits(window: &Window, at: usize) -> u64 {
    let eight = window[at..at + 8]
        .try_into()
        .expect("the slice has this length");
    let distance = u64::from_le_bytes(eight) ^ 0x3030_3030_3030_3030;
    (distance.wrapping_add(0x7676_7676_7676_7676) | distance) & TOPS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_end_at_the_first_byte_that_is_none() {
        for byte in 0..=u8::MAX {
            for at in 0..24 {
                let mut window = [b'x'; WINDOW];
                window[..24].copy_from_slice(b"908172630417856239184756");
                window[at] = byte;
                let others = window.iter().position(|byte| !byte.is_ascii_digit());
                let seen = count_digits(&window, 0);
                let wanted = others.unwrap();
                assert_eq!(seen.min(MAX_DIGITS + 1), wanted.min(MAX_DIGITS + 1));
                for count in 1..24 {
                    let plain =
                        count <= MAX_DIGITS.min(wanted) && (count == 1 || window[0] != b'0');
                    let integer = Integer::of(0, count);
                    assert_eq!(integer.fits(&window), plain, "{window:?} {count}");
                }
            }
        }
    }

    #[test]
    fn only_whole_plain_entries_are_taken() {
        let nulls = ",\"error_code\":null,\"error\":null}";
        for (text, count, length, first) in [
            (
                format!("{{\"partition\":0,\"offset\":7{nulls},"),
                1,
                58,
                Some((0, 7)),
            ),
            (
                format!("{{\"partition\":0,\"offset\":7{nulls}]"),
                1,
                57,
                Some((0, 7)),
            ),
            (
                "{\"partition\":12,\"offset\":345},{\"partition\":1,\"offset\":0}]".to_owned(),
                2,
                56,
                Some((12, 345)),
            ),
            (
                "{\"partition\":1,\"offset\":123456789012345678}".to_owned(),
                1,
                43,
                Some((1, 123_456_789_012_345_678)),
            ),
            (
                "{\"partition\":1,\"offset\":1234567890123456789}".to_owned(),
                0,
                0,
                None,
            ),
            (
                "{\"partition\":1,\"offset\":1234567890123456789012345678901234567890}".to_owned(),
                0,
                0,
                None,
            ),
            ("{\"partition\":1,\"offset\":07}".to_owned(), 0, 0, None),
            ("{\"partition\":1,\"offset\":-1}".to_owned(), 0, 0, None),
            ("{\"partition\":,\"offset\":1}".to_owned(), 0, 0, None),
            ("{\"partition\":1,\"offset\":1.0}".to_owned(), 0, 0, None),
            ("{\"partition\":1,\"offset\":1".to_owned(), 0, 0, None),
            ("{\"partition\":1, \"offset\":1}".to_owned(), 0, 0, None),
            (
                "{\"partition\":1,\"offset\":1,\"error_code\":null,\"error\":nul".to_owned(),
                0,
                0,
                None,
            ),
            (String::new(), 0, 0, None),
        ] {
            let mut shape = Shape::none();
            let found = entries(text.as_bytes(), &mut shape);
            assert_eq!(
                (found.count, found.length, found.first),
                (count, length, first),
                "{text}"
            );
            // With more behind it, so that the window lies in the text itself.
            let long = format!("{text}{}", " ".repeat(WINDOW));
            assert_eq!(entries(long.as_bytes(), &mut shape), found, "{text}");
        }
    }

    #[test]
    fn an_entry_that_only_looks_like_the_one_before_is_not_taken() {
        // With few digits, and with so many that the entry has more words than usual.
        for offset in ["7", "123456789012345678"] {
            let good = format!(
                "{{\"partition\":0,\"offset\":{offset},\"error_code\":null,\"error\":null}}"
            );
            let whole = entries(format!("{good},{good},").as_bytes(), &mut Shape::none());
            assert_eq!((whole.count, whole.length), (2, 2 * good.len() + 2));
            for at in 0..good.len() {
                let mut other = good.clone().into_bytes();
                other[at] = b'?';
                let both = [good.as_bytes(), b",", &other, b",", &[b' '; WINDOW]].concat();
                let found = entries(&both, &mut Shape::none());
                assert_eq!((found.count, found.length), (1, good.len() + 1), "{at}");
            }
        }
    }
}
