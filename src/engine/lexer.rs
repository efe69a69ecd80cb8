//! A JSON reader that takes one byte at a time, keeps no tree, and says what a produce answer's judge must know.
//!
//! Accepts exactly RFC 8259 (bytes above 0x7F in strings are not checked for UTF-8) up to a nesting of 64.

/// Longest key told apart from others.
const KEY_BYTES: usize = 16;
/// Nesting accepted; deeper answers are unreadable.
const MAX_DEPTH: u8 = 64;
/// Bytes of a text value kept.
const TEXT_BYTES: usize = 1024;

/// What the last byte completed. Depth is that of the surrounding object or array, after opening and after closing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    /// Nothing yet.
    None,
    /// A member's name; see [`Lexer::key`].
    Key,
    /// An object or array began; depth counts it.
    Open { array: bool },
    /// An object or array ended; depth does not count it any more.
    Close { array: bool },
    /// `null`
    Null,
    /// A number that fits an `i64`.
    Integer(i64),
    /// A text; its first bytes are in the scratch buffer.
    Text,
    /// Any other value.
    Other,
    /// This is no JSON.
    Broken,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// A value must come; in a fresh array `]` may come instead.
    Value {
        or_end: bool,
    },
    /// A member's name must come; in a fresh object `}` may come instead.
    Name {
        or_end: bool,
    },
    Colon,
    /// `,` or the end of what surrounds.
    Behind,
    Text {
        name: bool,
        escape: Escape,
    },
    Number(Number),
    Literal {
        word: &'static [u8],
        at: u8,
        null: bool,
    },
    Ended,
    Broken,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Escape {
    No,
    Backslash,
    Unicode { digits: u8, value: u32 },
}

/// Which part of a number was read last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Number {
    Minus,
    Zero,
    Digits,
    Point,
    Fraction,
    Exponent,
    ExponentSign,
    ExponentDigits,
}

#[derive(Debug)]
pub(crate) struct Lexer {
    place: Place,
    depth: u8,
    /// One bit a level: set for an array.
    arrays: u64,
    key: [u8; KEY_BYTES],
    key_length: u8,
    negative: bool,
    /// Digits so far; `None`: too many for an integer.
    magnitude: Option<u64>,
}

impl Lexer {
    pub(crate) fn new() -> Self {
        Self {
            place: Place::Value { or_end: false },
            depth: 0,
            arrays: 0,
            key: [0; KEY_BYTES],
            key_length: 0,
            negative: false,
            magnitude: None,
        }
    }

    pub(crate) fn begin(&mut self) {
        *self = Self::new();
    }

    pub(crate) fn depth(&self) -> u8 {
        self.depth
    }

    /// The last member's name; empty if it is too long to be one of ours.
    pub(crate) fn key(&self) -> &[u8] {
        self.key.get(..self.key_length as usize).unwrap_or_default()
    }

    /// Whether a value of an array at `depth` may come next.
    pub(crate) fn at_value(&self, depth: u8) -> bool {
        self.depth == depth && self.in_array() && matches!(self.place, Place::Value { .. })
    }

    /// Whole values (and the commas between them) were read by someone else; the last one with the comma behind it or not.
    pub(crate) fn skip_values(&mut self, behind_comma: bool) {
        self.place = if behind_comma {
            Place::Value { or_end: false }
        } else {
            Place::Behind
        };
    }

    /// Nothing was read yet, white space apart.
    pub(crate) fn fresh(&self) -> bool {
        self.depth == 0 && self.place == Place::Value { or_end: false }
    }

    /// An object, a name in it and the bracket of an array were read by someone else.
    pub(crate) fn skip_into_array_of_object(&mut self) {
        (self.depth, self.arrays) = (2, 0b10);
        self.place = Place::Value { or_end: true };
    }

    /// Everything up to the end of the outermost value was read by someone else.
    pub(crate) fn skip_to_end(&mut self) {
        self.depth = 0;
        self.place = Place::Ended;
    }

    /// The outermost value is complete.
    pub(crate) fn ended(&self) -> bool {
        self.place == Place::Ended
    }

    pub(crate) fn broken(&self) -> bool {
        self.place == Place::Broken
    }

    /// What was read is JSON, but not what it must be.
    pub(crate) fn give_up(&mut self) {
        self.place = Place::Broken;
    }

    fn in_array(&self) -> bool {
        self.depth > 0 && self.arrays >> (self.depth - 1) & 1 == 1
    }

    /// Reads one byte; text values go to `scratch`. A number is known to have ended only at the byte behind it: then
    /// the flag is false and that byte is still to be read.
    pub(crate) fn step(&mut self, byte: u8, scratch: &mut Vec<u8>) -> (Event, bool) {
        if let Place::Number(number) = self.place {
            return self.number(byte, number);
        }
        (self.step_over(byte, scratch), true)
    }

    fn step_over(&mut self, byte: u8, scratch: &mut Vec<u8>) -> Event {
        match self.place {
            Place::Text { name, escape } => self.text(byte, name, escape, scratch),
            Place::Literal { word, at, null } => {
                if word[at as usize] != byte {
                    return self.fail();
                }
                if at as usize + 1 < word.len() {
                    self.place = Place::Literal {
                        word,
                        at: at + 1,
                        null,
                    };
                    return Event::None;
                }
                self.behind();
                if null { Event::Null } else { Event::Other }
            }
            _ if matches!(byte, b' ' | b'\t' | b'\r' | b'\n') => Event::None,
            Place::Value { or_end } => self.value(byte, or_end, scratch),
            Place::Name { or_end } => match byte {
                b'"' => {
                    self.key_length = 0;
                    self.place = Place::Text {
                        name: true,
                        escape: Escape::No,
                    };
                    Event::None
                }
                b'}' if or_end => self.close(false),
                _ => self.fail(),
            },
            Place::Colon if byte == b':' => {
                self.place = Place::Value { or_end: false };
                Event::None
            }
            Place::Behind => match (byte, self.in_array()) {
                (b',', true) => {
                    self.place = Place::Value { or_end: false };
                    Event::None
                }
                (b',', false) => {
                    self.place = Place::Name { or_end: false };
                    Event::None
                }
                (b']', true) => self.close(true),
                (b'}', false) => self.close(false),
                _ => self.fail(),
            },
            Place::Number(_) | Place::Colon | Place::Ended | Place::Broken => self.fail(),
        }
    }

    fn fail(&mut self) -> Event {
        self.place = Place::Broken;
        Event::Broken
    }

    fn behind(&mut self) {
        self.place = if self.depth == 0 {
            Place::Ended
        } else {
            Place::Behind
        };
    }

    fn close(&mut self, array: bool) -> Event {
        self.depth -= 1;
        self.behind();
        Event::Close { array }
    }

    fn value(&mut self, byte: u8, or_end: bool, scratch: &mut Vec<u8>) -> Event {
        let literal = |word: &'static [u8]| Place::Literal {
            word,
            at: 1,
            null: word[0] == b'n',
        };
        self.place = match byte {
            b'{' | b'[' => {
                if self.depth == MAX_DEPTH {
                    return self.fail();
                }
                let array = byte == b'[';
                self.arrays = self.arrays & !(1 << self.depth) | u64::from(array) << self.depth;
                self.depth += 1;
                self.place = if array {
                    Place::Value { or_end: true }
                } else {
                    Place::Name { or_end: true }
                };
                return Event::Open { array };
            }
            b']' if or_end => return self.close(true),
            b'"' => {
                scratch.clear();
                Place::Text {
                    name: false,
                    escape: Escape::No,
                }
            }
            b'-' | b'0'..=b'9' => {
                self.negative = byte == b'-';
                self.magnitude = Some(u64::from(byte.saturating_sub(b'0')));
                Place::Number(match byte {
                    b'-' => Number::Minus,
                    b'0' => Number::Zero,
                    _ => Number::Digits,
                })
            }
            b't' => literal(b"true"),
            b'f' => literal(b"false"),
            b'n' => literal(b"null"),
            _ => return self.fail(),
        };
        Event::None
    }

    fn text(&mut self, byte: u8, name: bool, escape: Escape, scratch: &mut Vec<u8>) -> Event {
        let next = match escape {
            Escape::No => match byte {
                b'"' if name => {
                    self.place = Place::Colon;
                    return Event::Key;
                }
                b'"' => {
                    self.behind();
                    return Event::Text;
                }
                b'\\' => Escape::Backslash,
                0..0x20 => return self.fail(),
                _ => {
                    self.keep(byte, name, scratch);
                    return Event::None;
                }
            },
            Escape::Backslash => match byte {
                b'u' => Escape::Unicode {
                    digits: 0,
                    value: 0,
                },
                b'"' | b'\\' | b'/' => {
                    self.keep(byte, name, scratch);
                    Escape::No
                }
                b'b' | b'f' | b'n' | b'r' | b't' => {
                    self.keep(b' ', name, scratch);
                    Escape::No
                }
                _ => return self.fail(),
            },
            Escape::Unicode { digits, value } => {
                let Some(digit) = (byte as char).to_digit(16) else {
                    return self.fail();
                };
                let value = value << 4 | digit;
                if digits < 3 {
                    Escape::Unicode {
                        digits: digits + 1,
                        value,
                    }
                } else {
                    let mut utf8 = [0; 4];
                    let character = char::from_u32(value).unwrap_or(char::REPLACEMENT_CHARACTER);
                    for &byte in character.encode_utf8(&mut utf8).as_bytes() {
                        self.keep(byte, name, scratch);
                    }
                    Escape::No
                }
            }
        };
        self.place = Place::Text { name, escape: next };
        Event::None
    }

    fn keep(&mut self, byte: u8, name: bool, scratch: &mut Vec<u8>) {
        if !name {
            if scratch.len() < TEXT_BYTES {
                scratch.push(byte);
            }
            return;
        }
        if let Some(place) = self.key.get_mut(self.key_length as usize) {
            *place = byte;
        }
        // One past the end marks a name too long to be ours.
        self.key_length = (self.key_length + 1).min(KEY_BYTES as u8 + 1);
    }

    fn number(&mut self, byte: u8, number: Number) -> (Event, bool) {
        use Number as N;
        let next = match (number, byte) {
            (N::Minus, b'0') => N::Zero,
            (N::Minus | N::Digits, b'0'..=b'9') => {
                let digit = u64::from(byte - b'0');
                self.magnitude = self
                    .magnitude
                    .and_then(|m| m.checked_mul(10)?.checked_add(digit));
                N::Digits
            }
            (N::Zero | N::Digits, b'.') => N::Point,
            (N::Point | N::Fraction, b'0'..=b'9') => N::Fraction,
            (N::Zero | N::Digits | N::Fraction, b'e' | b'E') => N::Exponent,
            (N::Exponent, b'+' | b'-') => N::ExponentSign,
            (N::Exponent | N::ExponentSign | N::ExponentDigits, b'0'..=b'9') => N::ExponentDigits,
            (N::Zero | N::Digits | N::Fraction | N::ExponentDigits, _) => {
                self.behind();
                return (self.integer(number), false);
            }
            _ => return (self.fail(), true),
        };
        self.place = Place::Number(next);
        (Event::None, true)
    }

    fn integer(&self, number: Number) -> Event {
        let magnitude = match number {
            Number::Zero | Number::Digits => self.magnitude,
            _ => None,
        };
        let value = magnitude.and_then(|m| {
            if self.negative {
                0_i64.checked_sub_unsigned(m)
            } else {
                i64::try_from(m).ok()
            }
        });
        value.map_or(Event::Other, Event::Integer)
    }
}
