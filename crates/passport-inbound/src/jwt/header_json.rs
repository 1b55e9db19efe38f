//! Reads one JSON object without an allocation, also in case of an error.
//!
//! Headers of tokens are read before anything is known of the caller: `serde_json` allocates its
//! errors, and accepts unknown members twice. This reader accepts a subset of what `serde_json`
//! accepts, and reads it alike; a fuzz target compares the two.

use std::iter;

/// The deepest nesting of arrays and objects. Each takes one bit of a `u32`.
const MAX_DEPTH: u32 = 32;

/// The maximum number of members. Limits the work of finding duplicate names.
const MAX_MEMBERS: usize = 32;

/// The text is not a JSON object, or exceeds a limit. Without details, as they are not reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NotJson;

/// The value of a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Value<'a> {
    Text(Text<'a>),
    /// Any other well-formed value.
    Other,
}

/// The text between the quotes of a string, checked but not unescaped.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Text<'a>(&'a str);

/// Reads `json`, one object with nothing but whitespace around it, and passes each member to `see`.
pub(crate) fn object<'a>(json: &'a [u8], mut see: impl FnMut(Text<'a>, Value<'a>)) -> Result<(), NotJson> {
    let text = str::from_utf8(json).map_err(|_| NotJson)?;
    let mut scanner = Scanner { text, at: 0 };
    let mut names = [Text(""); MAX_MEMBERS];
    let mut seen = 0;
    scanner.expect(b'{')?;
    if !scanner.accept(b'}') {
        loop {
            let name = scanner.name()?;
            if names[..seen].contains(&name) {
                return Err(NotJson);
            }
            *names.get_mut(seen).ok_or(NotJson)? = name;
            seen += 1;
            see(name, scanner.value()?);
            if !scanner.accept(b',') {
                break;
            }
        }
        scanner.expect(b'}')?;
    }
    scanner.end()
}

struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Scanner<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip_while(&mut self, belongs: impl Fn(u8) -> bool) -> usize {
        let start = self.at;
        while self.peek().is_some_and(&belongs) {
            self.at += 1;
        }
        self.at - start
    }

    fn skip_blanks(&mut self) {
        self.skip_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r'));
    }

    /// Consumes `byte` if it is the next byte that is not whitespace.
    fn accept(&mut self, byte: u8) -> bool {
        self.skip_blanks();
        let there = self.peek() == Some(byte);
        self.at += usize::from(there);
        there
    }

    fn expect(&mut self, byte: u8) -> Result<(), NotJson> {
        if self.accept(byte) { Ok(()) } else { Err(NotJson) }
    }

    fn end(&mut self) -> Result<(), NotJson> {
        self.skip_blanks();
        if self.at == self.text.len() { Ok(()) } else { Err(NotJson) }
    }

    /// Reads the name of a member and the colon behind it.
    fn name(&mut self) -> Result<Text<'a>, NotJson> {
        self.expect(b'"')?;
        let name = self.text()?;
        self.expect(b':')?;
        Ok(name)
    }

    /// Reads up to the closing quote, which is consumed.
    fn text(&mut self) -> Result<Text<'a>, NotJson> {
        let start = self.at;
        loop {
            self.skip_while(|byte| !matches!(byte, b'"' | b'\\' | 0..=0x1f));
            match self.peek() {
                Some(b'"') => break,
                Some(b'\\') => self.escape()?,
                _ => return Err(NotJson),
            }
        }
        let text = Text(&self.text[start..self.at]);
        self.at += 1;
        Ok(text)
    }

    fn escape(&mut self) -> Result<(), NotJson> {
        let (_, length) = unescaped(&self.text[self.at..]).ok_or(NotJson)?;
        self.at += length;
        Ok(())
    }

    fn value(&mut self) -> Result<Value<'a>, NotJson> {
        self.skip_blanks();
        if self.accept(b'"') {
            return self.text().map(Value::Text);
        }
        self.skip_value().map(|()| Value::Other)
    }

    /// Skips any value. Not recursive: each open array or object is a bit, set for an object.
    fn skip_value(&mut self) -> Result<(), NotJson> {
        let (mut open, mut depth) = (0_u32, 0_u32);
        loop {
            match self.opened()? {
                Some(_) if depth == MAX_DEPTH => return Err(NotJson),
                Some(is_object) => {
                    (open, depth) = (open << 1 | u32::from(is_object), depth + 1);
                    if !self.accept(closing(open)) {
                        self.name_within(open)?;
                        continue;
                    }
                    (open, depth) = (open >> 1, depth - 1);
                }
                None => self.scalar()?,
            }
            // A value has ended, and with it perhaps the arrays and objects around it.
            while depth > 0 && self.accept(closing(open)) {
                (open, depth) = (open >> 1, depth - 1);
            }
            if depth == 0 {
                return Ok(());
            }
            self.expect(b',')?;
            self.name_within(open)?;
        }
    }

    /// Consumes the opening of an object (`true`) or an array.
    fn opened(&mut self) -> Result<Option<bool>, NotJson> {
        if self.accept(b'{') {
            return Ok(Some(true));
        }
        Ok(self.accept(b'[').then_some(false))
    }

    /// Reads the name of the next value, in an object.
    fn name_within(&mut self, open: u32) -> Result<(), NotJson> {
        if open & 1 == 1 { self.name().map(drop) } else { Ok(()) }
    }

    fn scalar(&mut self) -> Result<(), NotJson> {
        match self.peek().ok_or(NotJson)? {
            b'"' => {
                self.at += 1;
                self.text().map(drop)
            }
            b't' => self.word("true"),
            b'f' => self.word("false"),
            b'n' => self.word("null"),
            _ => self.number(),
        }
    }

    fn word(&mut self, word: &str) -> Result<(), NotJson> {
        let there = self.text.as_bytes()[self.at..].starts_with(word.as_bytes());
        self.at += word.len();
        if there { Ok(()) } else { Err(NotJson) }
    }

    fn number(&mut self) -> Result<(), NotJson> {
        self.at += usize::from(self.peek() == Some(b'-'));
        if self.peek() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            self.at += usize::from(matches!(self.peek(), Some(b'+' | b'-')));
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<(), NotJson> {
        if self.skip_while(|byte| byte.is_ascii_digit()) == 0 { Err(NotJson) } else { Ok(()) }
    }
}

fn closing(open: u32) -> u8 {
    if open & 1 == 1 { b'}' } else { b']' }
}

/// Returns the character of the escape at the start of `text`, and the length of the escape. `None`
/// for half a surrogate pair.
fn unescaped(text: &str) -> Option<(char, usize)> {
    let character = match text.as_bytes().get(1)? {
        b'"' => '"',
        b'\\' => '\\',
        b'/' => '/',
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'u' => {
            let first = code_unit(text.get(2..6)?)?;
            if let Some(character) = char::from_u32(u32::from(first)) {
                return Some((character, 6));
            }
            let second = code_unit(text.get(6..)?.strip_prefix("\\u")?.get(..4)?)?;
            let decoded = char::decode_utf16([first, second]).next()?.ok()?;
            return Some((decoded, 12));
        }
        _ => return None,
    };
    Some((character, 2))
}

fn code_unit(digits: &str) -> Option<u16> {
    // `from_str_radix` would take a sign.
    digits.bytes().all(|digit| digit.is_ascii_hexdigit()).then(|| u16::from_str_radix(digits, 16).ok())?
}

impl<'a> Text<'a> {
    fn is_plain(self) -> bool {
        !self.0.contains('\\')
    }

    /// Returns the unescaped characters.
    pub(crate) fn chars(self) -> impl Iterator<Item = char> + 'a {
        let mut rest = self.0;
        iter::from_fn(move || {
            let (character, length) = match rest.chars().next()? {
                '\\' => unescaped(rest)?,
                other => (other, other.len_utf8()),
            };
            rest = &rest[length..];
            Some(character)
        })
    }

    /// Returns whether the unescaped string equals `text`.
    pub(crate) fn says(self, text: &str) -> bool {
        if self.is_plain() { self.0 == text } else { self.chars().eq(text.chars()) }
    }
}

/// Compares the unescaped texts.
impl PartialEq for Text<'_> {
    fn eq(&self, other: &Self) -> bool {
        if self.is_plain() { other.says(self.0) } else { self.chars().eq(other.chars()) }
    }
}

impl Eq for Text<'_> {}

#[cfg(test)]
mod tests;
