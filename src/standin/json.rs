//! A strict JSON scanner that hands out slices of the body: one pass, no allocation for a value.

use std::borrow::Cow;

use memchr::memchr2;

use super::records::Run;
use super::template::Template;

/// Deepest nesting and longest number the real proxy's parser takes.
const MAX_DEPTH: usize = 1000;
const MAX_DIGITS: usize = 1000;
/// Most texts that [`Scanner::follow`] takes.
pub(crate) const MOST_GAPS: usize = 32;

/// A JSON value as it stands in the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Raw<'a> {
    /// Its text, validated.
    pub(crate) text: &'a [u8],
}

/// The text is not JSON: [`Scanner::why`]. Empty, so that a result fits into registers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Malformed;

impl<'a> Raw<'a> {
    pub(crate) fn is_null(self) -> bool {
        self.text == b"null"
    }

    /// The bytes the proxy stores: without white space between tokens, else untouched.
    pub(crate) fn compacted(self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.text.len());
        let mut rest = self.text;
        while let Some(byte) = rest.first() {
            let taken = match byte {
                b'"' => {
                    let end = string_end(rest).unwrap_or(rest.len());
                    out.extend_from_slice(&rest[..end]);
                    end
                }
                byte if is_space(*byte) => 1,
                byte => {
                    out.push(*byte);
                    1
                }
            };
            rest = &rest[taken..];
        }
        out
    }

    /// The characters of a string value; `None` if it is another kind of value.
    pub(crate) fn string(self) -> Option<Cow<'a, str>> {
        let inner = self.text.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
        if memchr::memchr(b'\\', inner).is_none() {
            return std::str::from_utf8(inner).ok().map(Cow::Borrowed);
        }
        serde_json::from_slice::<String>(self.text)
            .ok()
            .map(Cow::Owned)
    }

    /// The text as UTF-8, for messages.
    pub(crate) fn display(self) -> Cow<'a, str> {
        String::from_utf8_lossy(self.text)
    }
}

/// A text that is looked for again and again: its first bytes are compared as one word.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Gap<'a> {
    text: &'a [u8],
    word: u128,
    /// Covers the bytes of the word that count.
    mask: u128,
}

impl<'a> Gap<'a> {
    const WORD: usize = size_of::<u128>();

    pub(crate) fn new(text: &'a [u8]) -> Self {
        let length = text.len().min(Self::WORD);
        let (mut word, mut mask) = ([0; Self::WORD], [0; Self::WORD]);
        word[..length].copy_from_slice(&text[..length]);
        mask[..length].fill(u8::MAX);
        Self {
            text,
            word: u128::from_le_bytes(word),
            mask: u128::from_le_bytes(mask),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.text.len()
    }

    /// Whether a text starts with it.
    #[inline]
    fn starts(&self, text: &[u8]) -> bool {
        match text.first_chunk() {
            Some(first) if self.text.len() <= Self::WORD => {
                (u128::from_le_bytes(*first) ^ self.word) & self.mask == 0
            }
            _ => text.starts_with(self.text),
        }
    }
}

/// Walks a body. The caller asks for what it expects next.
pub(crate) struct Scanner<'a> {
    bytes: &'a [u8],
    position: usize,
    /// Up to here it is known whether it is text.
    checked: usize,
    /// So far it is.
    is_text: bool,
    /// White space passed over between tokens.
    spaces: usize,
    /// What closes the arrays and objects that are open in the value being read.
    open: Vec<u8>,
    /// What it is malformed for, if it is.
    why: String,
}

impl<'a> Scanner<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            position: 0,
            checked: 0,
            is_text: true,
            spaces: 0,
            open: Vec::new(),
            why: String::new(),
        }
    }

    /// Whether all of it is text, however far it was read.
    pub(crate) fn is_utf8(&mut self) -> bool {
        self.check_text(self.bytes.len());
        self.is_text
    }

    /// Sees whether it is text from where that is not known on up to here, between two characters.
    fn check_text(&mut self, end: usize) {
        let part = &self.bytes[self.checked..end];
        self.is_text &= part.is_ascii() || std::str::from_utf8(part).is_ok();
        self.checked = end;
    }

    /// What the text is not JSON for, in the manner of the real proxy's parser.
    pub(crate) fn why(&mut self) -> String {
        std::mem::take(&mut self.why)
    }

    /// White space passed over between tokens so far.
    pub(crate) fn spaces(&self) -> usize {
        self.spaces
    }

    /// The next byte that is not white space, not consumed.
    #[inline]
    pub(crate) fn peek(&mut self) -> Option<u8> {
        match self.bytes.get(self.position) {
            Some(byte) if *byte > b' ' => Some(*byte),
            _ => self.peek_behind_space(),
        }
    }

    #[inline(never)]
    fn peek_behind_space(&mut self) -> Option<u8> {
        let rest = &self.bytes[self.position..];
        let spaces = rest.iter().take_while(|byte| is_space(**byte)).count();
        self.position += spaces;
        self.spaces += spaces;
        rest.get(spaces).copied()
    }

    /// All of it.
    pub(crate) fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Bytes not yet consumed.
    pub(crate) fn left(&self) -> usize {
        self.bytes.len() - self.position
    }

    /// Consumes `byte` if it is next.
    pub(crate) fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.position += usize::from(found);
        found
    }

    /// Walks an object; `member` is called at each value and must consume it.
    pub(crate) fn object(
        &mut self,
        mut member: impl FnMut(&mut Self, Raw<'a>) -> Result<(), Malformed>,
    ) -> Result<(), Malformed> {
        self.expect(b'{', "to start an object")?;
        if self.take(b'}') {
            return Ok(());
        }
        loop {
            let next = self.peek();
            let name = self.field_name(next)?;
            member(self, name)?;
            if !self.take(b',') {
                return self.expect(b'}', "comma to separate Object entries");
            }
        }
    }

    /// Walks an array; `element` is called at each value and must consume it.
    pub(crate) fn array(
        &mut self,
        mut element: impl FnMut(&mut Self) -> Result<(), Malformed>,
    ) -> Result<(), Malformed> {
        self.expect(b'[', "to start an array")?;
        if self.take(b']') {
            return Ok(());
        }
        loop {
            element(self)?;
            if !self.take(b',') {
                return self.expect(b']', "comma to separate Array entries");
            }
        }
    }

    /// Any value, validated.
    pub(crate) fn value(&mut self) -> Result<Raw<'a>, Malformed> {
        let mut next = self.peek();
        let start = self.position;
        self.open.clear();
        loop {
            match next {
                Some(b'{') => {
                    self.position += 1;
                    next = self.peek();
                    self.open(b'}')?;
                    if next != Some(b'}') {
                        self.field_name(next)?;
                        next = self.peek();
                        continue;
                    }
                }
                Some(b'[') => {
                    self.position += 1;
                    next = self.peek();
                    self.open(b']')?;
                    if next != Some(b']') {
                        continue;
                    }
                }
                Some(b'"') => self.string().map(|_| ())?,
                Some(b'-' | b'0'..=b'9') => self.number()?,
                _ => self.word()?,
            }
            // A value just ended, or none began: close what ends, or go on to the next one.
            loop {
                let Some(close) = self.open.last().copied() else {
                    let text = &self.bytes[start..self.position];
                    return Ok(Raw { text });
                };
                next = self.peek();
                if next == Some(close) {
                    self.position += 1;
                    self.open.pop();
                    continue;
                }
                if next != Some(b',') {
                    return self.unexpected("comma to separate entries");
                }
                self.position += 1;
                next = self.peek();
                if close == b'}' {
                    self.field_name(next)?;
                    next = self.peek();
                }
                break;
            }
        }
    }

    fn open(&mut self, close: u8) -> Result<(), Malformed> {
        self.open.push(close);
        if self.open.len() > MAX_DEPTH {
            return self.refuse(&format!(
                "Document nesting depth ({}) exceeds the maximum allowed ({MAX_DEPTH}, from `StreamReadConstraints.getMaxNestingDepth()`)",
                MAX_DEPTH + 1
            ));
        }
        Ok(())
    }

    /// Text passed over since this position.
    pub(crate) fn since(&self, start: usize) -> &'a [u8] {
        &self.bytes[start..self.position]
    }

    /// Position of the next byte that is not white space.
    pub(crate) fn start(&mut self) -> usize {
        self.peek();
        self.position
    }

    /// Walks over these texts with a string, number or word between each and the next, and notes where each begins; all
    /// that is being walked over. `None`, and nothing is passed over, if something else is there.
    pub(crate) fn follow(
        &mut self,
        gaps: &[Gap<'_>],
        starts: &mut [usize; MOST_GAPS],
        spaces: usize,
    ) -> Option<&'a [u8]> {
        let (last, others) = gaps.split_last()?;
        let before = self.start();
        let mut follows = true;
        for (gap, start) in others.iter().zip(starts.iter_mut()) {
            *start = self.position;
            follows = gap.starts(&self.bytes[self.position..]);
            if !follows {
                break;
            }
            self.position += gap.len();
            follows = self.scalar().is_ok();
            if !follows {
                break;
            }
        }
        if !follows || !last.starts(&self.bytes[self.position..]) {
            self.position = before;
            return None;
        }
        starts[others.len()] = self.position;
        self.position += last.len();
        self.spaces += spaces;
        Some(self.bytes)
    }

    /// Walks over records that fit this template, with a comma between each and the next, up to the comma behind the last.
    pub(crate) fn follow_template(
        &mut self,
        template: &Template<'a>,
        spaces: usize,
    ) -> Option<Run<'a>> {
        let rest = &self.bytes[self.position..];
        let (count, stride) = (template.count(rest), template.len() + 1);
        if count == 0 {
            return None;
        }
        // What fits a text is one.
        self.check_text(self.position);
        self.position += count * stride - 1;
        self.checked = self.position;
        self.spaces += count * spaces;
        Some(Run {
            first: template.record(rest),
            stride,
            count,
        })
    }

    #[inline]
    fn scalar(&mut self) -> Result<(), Malformed> {
        match self.bytes.get(self.position) {
            Some(b'"') => self.string().map(|_| ()),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => self.word(),
        }
    }

    /// Of a text that is known to be right: start and end of the next string, number or word that is no field name.
    pub(crate) fn next_scalar(&mut self) -> Option<(usize, usize)> {
        loop {
            let byte = self.peek()?;
            let start = self.position;
            if matches!(byte, b'{' | b'}' | b'[' | b']' | b',' | b':') {
                self.position += 1;
                continue;
            }
            self.scalar().ok()?;
            let end = self.position;
            if self.peek() != Some(b':') {
                return Some((start, end));
            }
        }
    }

    /// Nothing but white space is left.
    pub(crate) fn end(&mut self) -> Result<(), Malformed> {
        match self.peek() {
            None => Ok(()),
            Some(_) => self.unexpected("end of input"),
        }
    }

    /// A field name, of which `next` is the first byte, and its colon.
    #[inline]
    fn field_name(&mut self, next: Option<u8>) -> Result<Raw<'a>, Malformed> {
        if next != Some(b'"') {
            return self.unexpected("double-quote to start field name");
        }
        let name = self.string()?;
        self.expect(b':', "a colon to separate field name and value")?;
        Ok(name)
    }

    fn word(&mut self) -> Result<(), Malformed> {
        for word in [b"true".as_slice(), b"false", b"null"] {
            if self.bytes[self.position..].starts_with(word) {
                let after = self.bytes.get(self.position + word.len());
                if !after.is_some_and(u8::is_ascii_alphanumeric) {
                    self.position += word.len();
                    return Ok(());
                }
            }
        }
        self.unexpected("a value")
    }

    #[inline]
    fn string(&mut self) -> Result<Raw<'a>, Malformed> {
        let rest = &self.bytes[self.position..];
        // Most have nothing in them that needs a second look.
        let end = match plain_length(&rest[1..]) {
            Some(length) if rest[1 + length] == b'"' => length + 2,
            _ => self.checked_string_end(rest)?,
        };
        self.position += end;
        Ok(Raw { text: &rest[..end] })
    }

    #[inline]
    fn number(&mut self) -> Result<(), Malformed> {
        let rest = &self.bytes[self.position..];
        let whole = digits(rest);
        let is_plain = !matches!(rest.get(whole), Some(b'.' | b'e' | b'E'));
        if is_plain && (1..MAX_DIGITS).contains(&whole) && rest[0] != b'0' {
            self.position += whole;
            return Ok(());
        }
        self.any_number()
    }

    /// A number with a sign, a fraction, an exponent, or something wrong.
    #[inline(never)]
    fn any_number(&mut self) -> Result<(), Malformed> {
        let start = self.position;
        let digits = |from: usize| digits(&self.bytes[from..]);
        let mut at = start + usize::from(self.bytes[start] == b'-');
        let whole = digits(at);
        let leading_zero = whole > 1 && self.bytes[at] == b'0';
        at += whole;
        let mut broken = whole == 0 || leading_zero;
        if self.bytes.get(at) == Some(&b'.') {
            let fraction = digits(at + 1);
            broken |= fraction == 0;
            at += 1 + fraction;
        }
        if matches!(self.bytes.get(at), Some(b'e' | b'E')) {
            at += 1 + usize::from(matches!(self.bytes.get(at + 1), Some(b'+' | b'-')));
            let exponent = digits(at);
            broken |= exponent == 0;
            at += exponent;
        }
        if broken {
            return self
                .refuse("Invalid numeric value: Leading zeroes not allowed, digits expected");
        }
        if at - start > MAX_DIGITS {
            let length = at - start;
            return self.refuse(&format!(
                "Number value length ({length}) exceeds the maximum allowed ({MAX_DIGITS}, from `StreamReadConstraints.getMaxNumberLength()`)"
            ));
        }
        self.position = at;
        Ok(())
    }

    fn expect(&mut self, byte: u8, what: &str) -> Result<(), Malformed> {
        if self.take(byte) {
            return Ok(());
        }
        self.unexpected(what)
    }

    #[cold]
    fn refuse<T>(&mut self, why: &str) -> Result<T, Malformed> {
        why.clone_into(&mut self.why);
        Err(Malformed)
    }

    #[cold]
    fn unexpected<T>(&mut self, wanted: &str) -> Result<T, Malformed> {
        let Some(found) = self.peek() else {
            return self.refuse(&format!("Unexpected end-of-input: was expecting {wanted}"));
        };
        if found < 0x20 {
            return self.refuse(&format!(
                "Illegal character ((CTRL-CHAR, code {found})): only regular white space (\\r, \\n, \\t) is allowed between tokens"
            ));
        }
        let rest = &self.bytes[self.position..];
        let letters = rest.iter().take_while(|byte| byte.is_ascii_alphanumeric());
        let length = letters.count();
        let token = String::from_utf8_lossy(&rest[..length.max(1)]);
        self.refuse(&if length == 0 {
            format!("Unexpected character ('{token}' (code {found})): was expecting {wanted}")
        } else {
            format!(
                "Unrecognized token '{token}': was expecting (JSON String, Number, Array, Object or token 'null', 'true' or 'false')"
            )
        })
    }

    /// Length of the string literal that starts `text`, if nothing in it is against the rules.
    #[inline(never)]
    fn checked_string_end(&mut self, text: &[u8]) -> Result<usize, Malformed> {
        let Some(end) = string_end(text) else {
            return self
                .refuse("Unexpected end-of-input: was expecting closing quote for a string value");
        };
        let text = &text[..end];
        let is_control = |byte: &&u8| **byte < 0x20;
        // Whether there is one is seen many bytes at a time.
        if has_control(text)
            && let Some(control) = text.iter().find(is_control)
        {
            return self.refuse(&format!(
                "Illegal unquoted character ((CTRL-CHAR, code {control})): has to be escaped using backslash to be included in string value"
            ));
        }
        match unknown_escape(text) {
            None => Ok(end),
            Some(escape) => self.refuse(&format!(
                "Unrecognized character escape '{}' (code {escape})",
                escape as char
            )),
        }
    }
}

fn has_control(text: &[u8]) -> bool {
    text.iter().fold(u8::MAX, |least, byte| least.min(*byte)) < 0x20
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

/// Eight bytes at once.
const EACH: u64 = 0x0101_0101_0101_0101;
/// The highest bit of each.
const HIGH: u64 = 0x80 * EACH;

/// Length of the text before the first byte that ends a string literal, escapes the next one or may not stand in it; `None`
/// if there is no such byte, or if one that may not stand in it is not among the first.
fn plain_length(text: &[u8]) -> Option<usize> {
    const SHORT: usize = 16;
    // The high bit of each byte that is zero, and perhaps of others above the first such one.
    let zeros = |word: u64| word.wrapping_sub(EACH) & !word;
    let mut at = 0;
    while let Some(word) = text[at..].first_chunk::<8>() {
        let word = u64::from_le_bytes(*word);
        let control = word.wrapping_sub(0x20 * EACH) & !word;
        let quote = zeros(word ^ (EACH * u64::from(b'"')));
        let backslash = zeros(word ^ (EACH * u64::from(b'\\')));
        let found = (control | quote | backslash) & HIGH;
        if found != 0 {
            return Some(at + (found.trailing_zeros() / 8) as usize);
        }
        at += 8;
        if at == SHORT {
            let more = memchr2(b'"', b'\\', &text[at..])?;
            return (!has_control(&text[at..at + more])).then_some(at + more);
        }
    }
    let is_special = |byte: &u8| matches!(byte, 0..0x20 | b'"' | b'\\');
    let rest = text[at..].iter().position(is_special);
    rest.map(|rest| at + rest)
}

/// Decimal digits at the start.
fn digits(text: &[u8]) -> usize {
    let mut at = 0;
    while let Some(word) = text[at..].first_chunk::<8>() {
        // A digit is now 0 to 9; anything above carries into the high bit or has it.
        let word = u64::from_le_bytes(*word) ^ (EACH * u64::from(b'0'));
        let others = (word.wrapping_add((0x80 - 10) * EACH) | word) & HIGH;
        if others != 0 {
            return at + (others.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    at + text[at..]
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count()
}

/// Length of the string literal that starts `text`, quotes included.
fn string_end(text: &[u8]) -> Option<usize> {
    let mut at = 1;
    loop {
        at += memchr2(b'"', b'\\', text.get(at..)?)?;
        if text[at] == b'"' {
            return Some(at + 1);
        }
        at += 2;
    }
}

/// The first escape that JSON does not have.
fn unknown_escape(text: &[u8]) -> Option<u8> {
    let mut rest = text;
    while let Some(at) = memchr::memchr(b'\\', rest) {
        let escape = rest.get(at + 1).copied().unwrap_or(b'"');
        let length = match escape {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => 2,
            b'u' if rest
                .get(at + 2..at + 6)
                .is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit)) =>
            {
                6
            }
            _ => return Some(escape),
        };
        rest = &rest[at + length..];
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::strategy::Just;

    use super::*;

    /// What is stored of a value, and whether there was white space between its tokens.
    fn scan(text: &str) -> Result<(String, bool), String> {
        let mut scanner = Scanner::new(text.as_bytes());
        let value = scanner.value();
        let compact = scanner.spaces() == 0;
        match value.and_then(|value| scanner.end().map(|()| value)) {
            Ok(value) => Ok((String::from_utf8(value.compacted()).unwrap(), compact)),
            Err(Malformed) => Err(scanner.why()),
        }
    }

    #[test]
    fn values_are_cut_out_and_compacted() {
        for (text, stored, compact) in [
            (r#"{"n":1}"#, r#"{"n":1}"#, true),
            (r#"{ "n": 1 }"#, r#"{"n":1}"#, false),
            (
                r#"[1, 2 ,{"a b" : "c  d"}]"#,
                r#"[1,2,{"a b":"c  d"}]"#,
                false,
            ),
            (r#""a\"b \\""#, r#""a\"b \\""#, true),
            ("[ ]", "[]", false),
            ("{\"a\":[1,2],\"b\":{}}", "{\"a\":[1,2],\"b\":{}}", true),
            ("{\"a\":1, \"b\":2}", "{\"a\":1,\"b\":2}", false),
            ("{\"a\" :1}", "{\"a\":1}", false),
            ("-0.5e+7", "-0.5e+7", true),
            ("null", "null", true),
        ] {
            assert_eq!(scan(text), Ok((stored.to_owned(), compact)), "{text}");
        }
    }

    #[test]
    fn it_agrees_with_serde_json_on_what_is_json() {
        for text in [
            "",
            "{",
            "[1,]",
            "{\"a\"}",
            "{\"a\":}",
            "{\"a\":1,}",
            "01",
            "1.",
            "-",
            "1e",
            "tru",
            "truex",
            "nul",
            "\"",
            "\"\\x\"",
            "\"\\u12g4\"",
            "\"a\nb\"",
            "[1 2]",
            "{\"a\":1 \"b\":2}",
            "1 2",
            "}",
            "[}",
            "{]",
            "[[1],[2,[3]]]",
            "{\"a\":{\"b\":[{}]}}",
            "1e5",
            "\"\\u00e9\"",
            " [ 1 ] ",
            "{\"a\":\"\\\\\"}",
        ] {
            let known = serde_json::from_str::<serde_json::Value>(text).is_ok();
            assert_eq!(scan(text).is_ok(), known, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn white_space_between_tokens_is_all_that_goes(value in json_value(), spaces in " {0,2}") {
            let compact = value.to_string();
            let loose = serde_json::to_string_pretty(&value).unwrap().replace(": ", &format!(":{spaces}"));
            proptest::prop_assert_eq!(scan(&compact), Ok((compact.clone(), true)));
            let spaced = format!("{spaces}{loose}{spaces}");
            let (stored, _) = scan(&spaced).unwrap();
            let again: serde_json::Value = serde_json::from_str(&stored).unwrap();
            let meant: serde_json::Value = serde_json::from_str(&loose).unwrap();
            proptest::prop_assert_eq!(again, meant);
        }
    }

    proptest::proptest! {
        #[test]
        fn the_quick_look_at_a_string_finds_what_the_thorough_one_finds(
            start in "[a-z]{0,40}",
            middle in proptest::collection::vec(proptest::prop_oneof!["[ -~]", "\\PC", "[\\x00-\\x7f]", Just("\\\\".to_owned()), Just("\"".to_owned())], 0..4),
            end in "[a-z\u{e9}]{0,40}",
            closed: bool,
        ) {
            let quote = if closed { "\"" } else { "" };
            let text = format!("\"{start}{}{end}{quote}", middle.concat());
            let mut quick = Scanner::new(text.as_bytes());
            let mut thorough = Scanner::new(text.as_bytes());
            let found = quick.string().map(|raw| raw.text.len());
            let wanted = thorough.checked_string_end(text.as_bytes());
            proptest::prop_assert_eq!((found, quick.why()), (wanted, thorough.why()));
        }

        #[test]
        fn digits_are_counted_as_one_by_one(text in "[0-9]{0,20}[ -~\u{e9}]{0,20}") {
            let one_by_one = text.bytes().take_while(u8::is_ascii_digit).count();
            proptest::prop_assert_eq!(digits(text.as_bytes()), one_by_one);
        }
    }

    fn json_value() -> impl proptest::strategy::Strategy<Value = serde_json::Value> {
        use proptest::prelude::*;
        use serde_json::Value;
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::hash_map(any::<String>(), inner, 0..6)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    #[test]
    fn depth_and_digits_are_bounded_as_on_the_real_server() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(scan(&nested(1000)).is_ok());
        assert!(scan(&nested(1001)).is_err());
        assert!(scan(&"9".repeat(1000)).is_ok());
        assert!(scan(&"9".repeat(1001)).is_err());
    }
}
