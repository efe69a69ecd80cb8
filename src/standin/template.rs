//! A record as a pattern for others of its length: which bytes each of its places takes, compared many at a time.
//!
//! What fits it is JSON where the pattern is, and means the same: strings differ in their letters, numbers in their digits.

use super::json::{Raw, Scanner};
use super::records::{RawRecord, place};

/// Longer records are few in a body, and read well enough without.
const LONGEST: usize = 4 << 10;
/// Bytes compared at once.
const LANES: usize = 16;
/// Is in no text that fits.
const NEVER: u8 = 0xFF;

/// What these places take: bytes from the least on, so many above it, but for two.
#[derive(Debug, Clone, Copy)]
#[repr(align(16))]
struct Block {
    least: [u8; LANES],
    above: [u8; LANES],
    quote: [u8; LANES],
    backslash: [u8; LANES],
}

impl Block {
    /// Takes (almost) anything.
    const ANY: Self = Self {
        least: [0; LANES],
        above: [u8::MAX; LANES],
        quote: [NEVER; LANES],
        backslash: [NEVER; LANES],
    };
}

/// What a place of a record takes.
#[derive(Debug, Clone, Copy)]
enum Takes {
    This(u8),
    /// A digit, from this one on.
    Digit(u8),
    /// A letter of a string literal that needs no second look.
    Letter,
}

/// The pattern, with a comma behind it.
#[derive(Debug)]
pub(crate) struct Template<'a> {
    blocks: Vec<Block>,
    /// The record it was made of.
    text: &'a [u8],
    record: RawRecord<'a>,
}

impl<'a> Template<'a> {
    /// Of a record that is known to be right.
    pub(crate) fn new(text: &'a [u8], record: &RawRecord<'a>) -> Option<Self> {
        if text.len() > LONGEST {
            return None;
        }
        let mut template = Self {
            blocks: vec![Block::ANY; (text.len() + 1).div_ceil(LANES)],
            text,
            record: *record,
        };
        for (at, byte) in text.iter().chain(b",").enumerate() {
            template.put(at, Takes::This(*byte));
        }
        let mut scanner = Scanner::new(text);
        while let Some((start, end)) = scanner.next_scalar() {
            match text[start] {
                b'"' => (start + 1..end - 1).for_each(|at| template.put(at, Takes::Letter)),
                b'-' | b'0'..=b'9' => template.put_number(start, &text[start..end]),
                _ => {}
            }
        }
        Some(template)
    }

    /// Any number with as many digits at the same places, and no leading zero where there may be none.
    fn put_number(&mut self, start: usize, number: &[u8]) {
        let sign = usize::from(number[0] == b'-');
        for (at, byte) in number.iter().enumerate() {
            let leads = at == sign && number.get(at + 1).is_some_and(u8::is_ascii_digit);
            if byte.is_ascii_digit() {
                let least = if leads { b'1' } else { b'0' };
                self.put(start + at, Takes::Digit(least));
            }
        }
    }

    fn put(&mut self, at: usize, takes: Takes) {
        let (block, lane) = (&mut self.blocks[at / LANES], at % LANES);
        let (least, most, quote, backslash) = match takes {
            Takes::This(byte) => (byte, byte, NEVER, NEVER),
            Takes::Digit(least) => (least, b'9', NEVER, NEVER),
            Takes::Letter => (b' ', 0x7F, b'"', b'\\'),
        };
        block.least[lane] = least;
        block.above[lane] = most - least;
        block.quote[lane] = quote;
        block.backslash[lane] = backslash;
    }

    /// Length of the record it was made of.
    pub(crate) fn len(&self) -> usize {
        self.text.len()
    }

    /// How many records that fit stand at the start, each with a comma behind it. The last ones of a text may be missed.
    pub(crate) fn count(&self, text: &[u8]) -> usize {
        let (stride, compared) = (self.len() + 1, self.blocks.len() * LANES);
        let mut count = 0;
        while let Some(record) = text.get(count * stride..count * stride + compared)
            && record[self.len()] == b','
            && self.fits(record)
        {
            count += 1;
        }
        count
    }

    /// The fields of a record that fits and stands at the start.
    pub(crate) fn record(&self, text: &'a [u8]) -> RawRecord<'a> {
        let field = |field: Option<Raw<'a>>| {
            let own = field?.text;
            let start = place(self.text, own);
            let text = &text[start..start + own.len()];
            Some(Raw { text })
        };
        RawRecord {
            key: field(self.record.key),
            value: field(self.record.value),
            partition: field(self.record.partition),
        }
    }

    #[inline]
    fn fits(&self, text: &[u8]) -> bool {
        let mut wrong = [0; LANES];
        for (block, bytes) in self.blocks.iter().zip(text.as_chunks::<LANES>().0) {
            for lane in 0..LANES {
                let byte = bytes[lane];
                let above = byte.wrapping_sub(block.least[lane]);
                wrong[lane] |= above.saturating_sub(block.above[lane])
                    | u8::from(byte == block.quote[lane])
                    | u8::from(byte == block.backslash[lane]);
            }
        }
        u128::from_ne_bytes(wrong) == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fits_differs_in_letters_and_digits_only() {
        let model = br#"{"value":{"id":120,"t":-0.5e3,"s":"abc","w":true,"z":0,"n":null}}"#;
        let value = Raw {
            text: &model[9..model.len() - 1],
        };
        let record = RawRecord {
            value: Some(value),
            ..RawRecord::default()
        };
        let template = Template::new(model, &record).unwrap();
        let text = std::str::from_utf8(model).unwrap();
        let count =
            |text: &str| template.count(format!("{text},{{\"value\":1}} and more").as_bytes());
        for (from, to, fits) in [
            ("120", "990", 1),
            ("120", "020", 0),
            ("120", "12a", 0),
            ("120", "1.0", 0),
            ("-0.5e3", "-9.9e0", 1),
            ("-0.5e3", "10.5e3", 0),
            ("-0.5e3", "-0.5e+", 0),
            ("abc", " ~\u{7f}", 1),
            ("abc", "!#[", 1),
            ("abc", "a\"c", 0),
            ("abc", "a\\c", 0),
            ("abc", "a\u{1f}c", 0),
            ("abc", "\u{e9}c", 0),
            ("abc", "abcd", 0),
            ("true", "null", 0),
            ("\"z\":0", "\"z\":7", 1),
            ("\"z\":0", "\"y\":0", 0),
            ("}}", "} ", 0),
        ] {
            let changed = text.replacen(from, to, 1);
            assert_eq!(count(&changed), fits, "{from} to {to}");
        }
        let two = format!("{text},{}", text.replace("abc", "xyz"));
        assert_eq!(count(&two), 2);
        assert_eq!(template.count(model), 0, "no comma behind it");
        let other = text.replace("120", "777");
        let read = template.record(other.as_bytes()).value.unwrap();
        assert_eq!(read.display(), &other[9..other.len() - 1]);
    }
}
