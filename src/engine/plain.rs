//! Recognises, many bytes at a time, what a good answer consists of: the text around the entries and entries that only
//! acknowledge, in the exact bytes that Confluent's and Strimzi's proxies write.
//!
//! Anything else, however slightly different, is not recognised and left to the [`Lexer`](super::lexer::Lexer).

/// Partition and offset of an acked record. Kafka gives no two records the same.
pub(super) type Place = (i64, i64);

const OPENING: &[u8] = b"{\"offsets\":[";
/// Confluent's end of an answer, and Strimzi's.
const CLOSINGS: [&[u8]; 2] = [b"],\"key_schema_id\":null,\"value_schema_id\":null}", b"]}"];
const PARTITION: &[u8] = b"{\"partition\":";
const OFFSET: &[u8] = b",\"offset\":";
/// Behind the offset: Confluent's proxy names the two errors that there were not, Strimzi's does not.
const TAILS: [&[u8]; 2] = [b",\"error_code\":null,\"error\":null}", b"}"];
/// Digits that fit an `i64` whatever they are, as those of an offset; Kafka has no topic with more partitions.
const MAX_OFFSET_DIGITS: usize = 18;
const MAX_PARTITION_DIGITS: usize = 5;

/// Bytes compared at once, or twice as many where the compiler makes vectors of it.
const WORD: usize = 8;
/// The longest entry with each tail and the byte behind it, in whole words.
const WINDOWS: [usize; 2] = [10 * WORD, 6 * WORD];
/// The top bit of each byte.
const TOPS: u64 = 0x8080_8080_8080_8080;

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
        let stop = match (shape.tail, shape.mixed) {
            (0, false) => shape.run::<{ WINDOWS[0] }, false>(bytes, &mut found),
            (0, true) => shape.run::<{ WINDOWS[0] }, true>(bytes, &mut found),
            (_, false) => shape.run::<{ WINDOWS[1] }, false>(bytes, &mut found),
            (_, true) => shape.run::<{ WINDOWS[1] }, true>(bytes, &mut found),
        };
        match stop {
            Stop::Other if shape.is_other(&bytes[found.length..]) => {}
            Stop::Uniform => shape.mixed = false,
            Stop::Other | Stop::Last => break,
        }
    }
    found.first = (found.count > 0).then(|| {
        let (partition, digits) = number(&bytes[PARTITION.len()..]);
        let (offset, _) = number(&bytes[PARTITION.len() + digits + OFFSET.len()..]);
        (partition, offset)
    });
    found
}

/// The partitions that recognised entries name.
pub(super) fn partitions(bytes: &[u8]) -> impl Iterator<Item = i64> {
    let starts = memchr::memchr_iter(b'{', bytes);
    starts.filter_map(|start| {
        let rest = bytes.get(start + PARTITION.len()..)?;
        Some(number(rest).0)
    })
}

/// Why entries were not taken any further.
enum Stop {
    /// The last one has no comma behind it.
    Last,
    /// What follows does not look like the one before.
    Other,
    /// Partitions have equally many digits again.
    Uniform,
}

/// So many entries in a row whose partitions have equally many digits, and the next are expected to have as many too.
const UNIFORM: u32 = 32;

/// What the last entry looked like, as a guess of what the next one does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Shape {
    tail: u8,
    /// Digits behind the first.
    more_offset_digits: u8,
    more_partition_digits: u8,
    /// Partitions differ in their digits from entry to entry: they are looked at.
    mixed: bool,
}

impl Shape {
    /// Takes entries of this shape behind those already found. If it is right, where the next entry starts is known before
    /// this one's bytes are looked at, so that the processor works on several at a time. Where partitions are mixed, a wrong
    /// guess at every other entry would cost more than to count their digits first.
    fn run<const WINDOW: usize, const MIXED: bool>(
        &mut self,
        bytes: &[u8],
        found: &mut Entries,
    ) -> Stop {
        let (tail, offset_digits) = (self.tail as usize, self.more_offset_digits as usize);
        let patterns = &PATTERNS[tail][offset_digits];
        let shortest = PARTITION.len() + 1 + OFFSET.len() + 1 + offset_digits + TAILS[tail].len();
        let mut digits = self.more_partition_digits as usize;
        let (mut at, mut count, mut others) = (found.length, 0, 0);
        let stop = loop {
            let rest = &bytes[at..];
            let mut padded: [u8; WINDOW];
            let window = if let Some(window) = rest.first_chunk() {
                window
            } else {
                // No entry has a zero byte in it: one that is cut here is not recognised.
                padded = [0; WINDOW];
                padded[..rest.len()].copy_from_slice(rest);
                &padded
            };
            if MIXED {
                let before = digits;
                digits = more_partition_digits(window);
                others |= before ^ digits;
            }
            let Some(pattern) = patterns.get(digits) else {
                break Stop::Other;
            };
            if !pattern.fits(window) {
                break Stop::Other;
            }
            count += 1;
            let length = shortest + digits;
            at += length;
            if window[length] != b',' {
                break Stop::Last;
            }
            at += 1;
            if MIXED && count % UNIFORM == 0 {
                if others == 0 {
                    break Stop::Uniform;
                }
                others = 0;
            }
        };
        if count > 0 {
            self.more_partition_digits = digits as u8;
            found.count += count;
            found.length = at;
            found.behind_comma = !matches!(stop, Stop::Last);
        }
        stop
    }

    /// The shape of the entry that `bytes` start with, if they start with one.
    fn of(bytes: &[u8]) -> Option<Self> {
        let (_, partition_digits) = number(bytes.get(PARTITION.len()..)?);
        let offset = PARTITION.len() + partition_digits + OFFSET.len();
        let (_, offset_digits) = number(bytes.get(offset..)?);
        let behind = &bytes[offset + offset_digits..];
        let tail = TAILS.iter().position(|tail| behind.starts_with(tail))?;
        let known = (1..=MAX_PARTITION_DIGITS).contains(&partition_digits)
            && (1..=MAX_OFFSET_DIGITS).contains(&offset_digits);
        known.then(|| Self {
            tail: tail as u8,
            more_offset_digits: offset_digits as u8 - 1,
            more_partition_digits: partition_digits as u8 - 1,
            mixed: false,
        })
    }

    /// Guesses anew what `bytes` start with; whether that is something else.
    fn is_other(&mut self, bytes: &[u8]) -> bool {
        let Some(other) = Self::of(bytes) else {
            return false;
        };
        let before = *self;
        self.mixed |= self.more_partition_digits != other.more_partition_digits;
        *self = Self {
            mixed: self.mixed,
            ..other
        };
        *self != before
    }
}

/// The bytes an entry may consist of; behind the entry any of ASCII.
#[derive(Clone, Copy)]
#[repr(align(16))]
struct Pattern {
    /// The least that a byte may be.
    least: [[u8; WORD]; WINDOWS[0] / WORD],
    /// What to add to its distance from that, so that the greatest it may be becomes the last without a top bit.
    more: [[u8; WORD]; WINDOWS[0] / WORD],
}

/// By tail, digits of the offset and digits of the partition, both behind the first.
static PATTERNS: [[[Pattern; MAX_PARTITION_DIGITS]; MAX_OFFSET_DIGITS]; TAILS.len()] = {
    let mut patterns =
        [[[Pattern::ANYTHING; MAX_PARTITION_DIGITS]; MAX_OFFSET_DIGITS]; TAILS.len()];
    let mut index = 0;
    while index < TAILS.len() * MAX_OFFSET_DIGITS * MAX_PARTITION_DIGITS {
        let partition = index % MAX_PARTITION_DIGITS;
        let offset = index / MAX_PARTITION_DIGITS % MAX_OFFSET_DIGITS;
        let tail = index / MAX_PARTITION_DIGITS / MAX_OFFSET_DIGITS;
        patterns[tail][offset][partition] = Pattern::entry(partition + 1, offset + 1, TAILS[tail]);
        index += 1;
    }
    patterns
};

impl Pattern {
    const ANYTHING: Self = Self {
        least: [[0; WORD]; WINDOWS[0] / WORD],
        more: [[0; WORD]; WINDOWS[0] / WORD],
    };

    const fn entry(partition_digits: usize, offset_digits: usize, tail: &[u8]) -> Self {
        let mut entry = Self::ANYTHING;
        let at = entry.put_text(0, PARTITION);
        let at = entry.put_integer(at, partition_digits);
        let at = entry.put_text(at, OFFSET);
        let at = entry.put_integer(at, offset_digits);
        entry.put_text(at, tail);
        entry
    }

    /// Returns where it ends, as the next one does.
    const fn put_text(&mut self, at: usize, text: &[u8]) -> usize {
        let mut index = 0;
        while index < text.len() {
            self.put(at + index, text[index], text[index]);
            index += 1;
        }
        at + text.len()
    }

    /// A plain JSON integer has no leading zero.
    const fn put_integer(&mut self, at: usize, digits: usize) -> usize {
        let mut index = 0;
        while index < digits {
            self.put(at + index, b'0', b'9');
            index += 1;
        }
        if digits > 1 {
            self.put(at, b'1', b'9');
        }
        at + digits
    }

    const fn put(&mut self, at: usize, least: u8, greatest: u8) {
        self.least[at / WORD][at % WORD] = least;
        self.more[at / WORD][at % WORD] = 0x7F - (greatest - least);
    }

    /// Whether `window` starts with such an entry.
    #[expect(
        clippy::inline_always,
        reason = "once an entry: the call costs as much as the work"
    )]
    #[inline(always)]
    fn fits<const WINDOW: usize>(&self, window: &[u8; WINDOW]) -> bool {
        let (words, _) = window.as_chunks::<WORD>();
        // No branch before the end. Words are taken for eight bytes each: only a byte that does not fit borrows from the next
        // higher one or carries into it, and its own top bit is set then.
        let mut outside = 0;
        for ((seen, least), more) in words.iter().zip(&self.least).zip(&self.more) {
            let distance = u64::from_le_bytes(*seen).wrapping_sub(u64::from_le_bytes(*least));
            outside |= distance.wrapping_add(u64::from_le_bytes(*more)) | distance;
        }
        outside & TOPS == 0
    }
}

/// Digits of the partition behind its first, if an entry starts here: unlike them, none of the four bytes behind the number
/// has this bit set. Whatever else is here does not fit the pattern that is chosen by it.
fn more_partition_digits<const WINDOW: usize>(window: &[u8; WINDOW]) -> usize {
    const BIT: u32 = 0x1010_1010;
    const { assert!(BIT & u32::from_ne_bytes([OFFSET[0], OFFSET[1], OFFSET[2], OFFSET[3]]) == 0) };
    let behind_first = PARTITION.len() + 1;
    let four = std::array::from_fn(|index| window[behind_first + index]);
    // The product's top byte is the sum of the four.
    ((u32::from_ne_bytes(four) & BIT).wrapping_mul(0x0101_0101) >> 28) as usize
}

/// The number that `bytes` start with, if it fits an `i64`, and its digits.
fn number(bytes: &[u8]) -> (i64, usize) {
    let digits = bytes.iter().take_while(|byte| byte.is_ascii_digit());
    digits.fold((0, 0), |(value, count): (i64, _), digit| {
        let value = value.wrapping_mul(10).wrapping_add(i64::from(digit - b'0'));
        (value, count + 1)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// More than the longest entry.
    const WINDOW: usize = 128;

    fn entry(partition: &str, offset: &str, tail: &[u8]) -> Vec<u8> {
        let numbers = format!("{{\"partition\":{partition},\"offset\":{offset}");
        [numbers.as_bytes(), tail].concat()
    }

    #[test]
    fn integers_of_every_length_are_taken_as_long_as_they_surely_fit() {
        for tail in TAILS {
            for (partition, offset) in (1..8).flat_map(|p| (1..22).map(move |o| (p, o))) {
                let (digits, more) = ("9".repeat(partition), "1230456789".repeat(3));
                let text = [entry(&digits, &more[..offset], tail), b"]".to_vec()].concat();
                let found = entries(&text, &mut Shape::default());
                let fits = partition <= MAX_PARTITION_DIGITS && offset <= MAX_OFFSET_DIGITS;
                assert_eq!(found.count, u32::from(fits), "{partition} {offset}");
                let place = |()| (digits.parse().unwrap(), more[..offset].parse().unwrap());
                assert_eq!(found.first, fits.then_some(()).map(place));
            }
        }
    }

    /// Every byte at every place of an entry, uniform and mixed: taken only where it is a digit among digits.
    #[test]
    fn no_other_byte_is_taken_for_a_part_of_an_entry() {
        for (partition, offset, tail) in [
            ("3", "7", TAILS[0]),
            ("12", "1234567", TAILS[0]),
            ("99999", "123456789012345678", TAILS[0]),
            ("12", "1234567", TAILS[1]),
        ] {
            let good = entry(partition, offset, tail);
            let shape = Shape::of(&good).unwrap();
            for (at, byte) in (0..good.len()).flat_map(|at| (0..=u8::MAX).map(move |b| (at, b))) {
                let mut other = good.clone();
                other[at] = byte;
                let leads = |start: usize, number: &str| at == start && number.len() > 1;
                let offset_at = PARTITION.len() + partition.len() + OFFSET.len();
                let digit = good[at].is_ascii_digit()
                    && byte.is_ascii_digit()
                    && !(byte == b'0'
                        && (leads(PARTITION.len(), partition) || leads(offset_at, offset)));
                // A brace behind a digit of the offset ends an entry of the other kind.
                let ends = byte == b'}' && (offset_at + 1..=offset_at + offset.len()).contains(&at);
                let fits = byte == good[at] || digit || ends;
                for mixed in [false, true] {
                    let text = [&other[..], b",", &[b' '; WINDOW]].concat();
                    let found = entries(&text, &mut Shape { mixed, ..shape });
                    assert_eq!(found.count, u32::from(fits), "{at} {byte} {mixed}");
                }
            }
        }
    }

    #[test]
    fn partitions_may_be_mixed_and_uniform_again() {
        for tail in TAILS {
            let partitions =
                (0..500_u32).map(|n| if n / 100 % 2 == 0 { 7 } else { n * 37 % 1_203 });
            let all: Vec<_> = partitions
                .map(|partition| entry(&partition.to_string(), "1234567", tail))
                .collect();
            let text = [&all.join(&b','), &b"]"[..]].concat();
            let found = entries(&text, &mut Shape::default());
            assert_eq!((found.count, found.length), (500, text.len() - 1));
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
            let mut shape = Shape::default();
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
            let whole = entries(format!("{good},{good},").as_bytes(), &mut Shape::default());
            assert_eq!((whole.count, whole.length), (2, 2 * good.len() + 2));
            for at in 0..good.len() {
                let mut other = good.clone().into_bytes();
                other[at] = b'?';
                let both = [good.as_bytes(), b",", &other, b",", &[b' '; WINDOW]].concat();
                let found = entries(&both, &mut Shape::default());
                assert_eq!((found.count, found.length), (1, good.len() + 1), "{at}");
            }
        }
    }
}
