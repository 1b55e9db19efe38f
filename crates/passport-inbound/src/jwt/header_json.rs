//! Parses one JSON object without allocating, even for an error.
//!
//! The header of a token is parsed before the client is authenticated. `serde_json` allocates
//! its errors, and accepts duplicate unknown members. This parser accepts a subset of the input
//! that `serde_json` accepts, with the same result. A fuzz target compares both parsers.

use std::iter;

/// The maximum nesting depth of arrays and objects in a member of a header. The limit bounds the
/// recursion of the parser.
const MAX_DEPTH: u32 = 32;

/// The maximum nesting depth in a member of a payload: the limit of `serde_json`, which parses
/// the payload after the signature was verified.
const MAX_PAYLOAD_DEPTH: u32 = 127;

/// The maximum number of members of the object. The limit bounds the work to find duplicate
/// names.
const MAX_MEMBERS: usize = 32;

/// The error of the parser: the text is not a JSON object, has a duplicate member, or exceeds a
/// limit. The error has no details, because none are logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NotJson;

/// The value of a member of the object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Value<'a> {
    Text(Text<'a>),
    /// Any other well-formed value.
    Other,
}

/// The text between the quotes of a string. The escapes of the string are valid, but not
/// decoded.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Text<'a>(&'a str);

/// Parses `json`, an object with optional whitespace around it. Passes each member to `visit`. A
/// duplicate member is an error.
pub(crate) fn object<'a>(json: &'a [u8], mut visit: impl FnMut(Text<'a>, Value<'a>)) -> Result<(), NotJson> {
    let text = str::from_utf8(json).map_err(|_| NotJson)?;
    let mut scanner = Scanner { text, at: 0, max_depth: MAX_DEPTH };
    let mut names = [Text(""); MAX_MEMBERS];
    let mut seen = 0;
    scanner.expect(b'{')?;
    while scanner.has_item(seen == 0, b'}')? {
        let name = scanner.name()?;
        if names[..seen].contains(&name) {
            return Err(NotJson);
        }
        *names.get_mut(seen).ok_or(NotJson)? = name;
        seen += 1;
        visit(name, scanner.value()?);
    }
    scanner.skip_blanks();
    if scanner.at == text.len() { Ok(()) } else { Err(NotJson) }
}

/// Returns the value of the first member `name` of the object `json`. Returns `None` if there is
/// no such member, and an error if its value is not a string. What follows the member is not
/// parsed, and no duplicate is found: the caller must parse the object in full before it trusts
/// the value.
pub(crate) fn first_text<'a>(json: &'a [u8], name: &str) -> Result<Option<Text<'a>>, NotJson> {
    first_text_of(str::from_utf8(json).map_err(|_| NotJson)?, name)
}

/// Returns the value of the first member `name`, as [`first_text`] does, if the member is within
/// `start`, the beginning of an object. Returns an error if it is not.
pub(crate) fn first_text_in_start<'a>(start: &'a [u8], name: &str) -> Result<Option<Text<'a>>, NotJson> {
    // The last character can be cut off.
    let complete = start.utf8_chunks().next().map_or("", |chunk| chunk.valid());
    first_text_of(complete, name)
}

fn first_text_of<'a>(text: &'a str, name: &str) -> Result<Option<Text<'a>>, NotJson> {
    let mut scanner = Scanner { text, at: 0, max_depth: MAX_PAYLOAD_DEPTH };
    scanner.expect(b'{')?;
    let mut is_first = true;
    while scanner.has_item(is_first, b'}')? {
        is_first = false;
        let is_wanted = scanner.name()?.equals(name);
        match scanner.value()? {
            Value::Text(text) if is_wanted => return Ok(Some(text)),
            Value::Other if is_wanted => return Err(NotJson),
            _ => {}
        }
    }
    Ok(None)
}

/// The state of the parser: the text, and the position of the next byte in the text.
struct Scanner<'a> {
    text: &'a str,
    at: usize,
    /// The maximum nesting depth of arrays and objects in a member.
    max_depth: u32,
}

impl<'a> Scanner<'a> {
    /// Returns the next byte without consuming it. Returns `None` at the end of the text.
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// Consumes bytes while `belongs` returns `true`. Returns the number of consumed bytes.
    fn skip_while(&mut self, belongs: impl Fn(u8) -> bool) -> usize {
        let start = self.at;
        // A local variable stays in a register. The field would be written for each byte.
        let mut at = start;
        while self.text.as_bytes().get(at).is_some_and(|byte| belongs(*byte)) {
            at += 1;
        }
        self.at = at;
        at - start
    }

    /// Consumes whitespace.
    fn skip_blanks(&mut self) {
        self.skip_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r'));
    }

    /// Consumes the next byte if it is one of `bytes`. Returns whether a byte was consumed.
    fn take(&mut self, bytes: &[u8]) -> bool {
        let is_there = self.peek().is_some_and(|next| bytes.contains(&next));
        self.at += usize::from(is_there);
        is_there
    }

    /// Consumes whitespace. If the next byte equals `byte`, consumes it and returns `true`.
    /// Otherwise returns `false`.
    fn accept(&mut self, byte: u8) -> bool {
        self.skip_blanks();
        self.take(&[byte])
    }

    /// Consumes whitespace and then `byte`. Any other byte, or the end of the text, is an error.
    fn expect(&mut self, byte: u8) -> Result<(), NotJson> {
        if self.accept(byte) { Ok(()) } else { Err(NotJson) }
    }

    /// Returns whether another item of an object or array follows.
    /// - If an item follows, consumes the comma before it. The first item has no comma.
    /// - If no item follows, consumes the bracket `closing`.
    fn has_item(&mut self, is_first: bool, closing: u8) -> Result<bool, NotJson> {
        if is_first {
            Ok(!self.accept(closing))
        } else if self.accept(b',') {
            Ok(true)
        } else {
            self.expect(closing).map(|()| false)
        }
    }

    /// Parses the name of a member and the colon after it.
    fn name(&mut self) -> Result<Text<'a>, NotJson> {
        self.expect(b'"')?;
        let name = self.text()?;
        self.expect(b':')?;
        Ok(name)
    }

    /// Parses a string after its opening quote, and consumes the closing quote.
    fn text(&mut self) -> Result<Text<'a>, NotJson> {
        let start = self.at;
        loop {
            self.skip_while(|byte| !matches!(byte, b'"' | b'\\' | 0..=0x1f));
            match self.peek() {
                Some(b'"') => break,
                Some(b'\\') => self.at += unescaped(&self.text[self.at..]).ok_or(NotJson)?.1,
                _ => return Err(NotJson),
            }
        }
        let text = Text(&self.text[start..self.at]);
        self.at += 1;
        Ok(text)
    }

    /// Parses a value of the outermost object. Skips a value that is not a string, and returns
    /// [`Value::Other`] for it.
    fn value(&mut self) -> Result<Value<'a>, NotJson> {
        if self.accept(b'"') {
            return self.text().map(Value::Text);
        }
        self.skip_value(0).map(|()| Value::Other)
    }

    /// Skips a value. `depth` is the number of arrays and objects around the value.
    fn skip_value(&mut self, depth: u32) -> Result<(), NotJson> {
        self.skip_blanks();
        match self.peek().ok_or(NotJson)? {
            b'{' | b'[' if depth == self.max_depth => Err(NotJson),
            b'{' => self.skip_items(depth, b'}'),
            b'[' => self.skip_items(depth, b']'),
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

    /// Skips an object or an array, from its opening bracket to the bracket `closing`.
    fn skip_items(&mut self, depth: u32, closing: u8) -> Result<(), NotJson> {
        self.at += 1;
        let mut is_first = true;
        while self.has_item(is_first, closing)? {
            is_first = false;
            if closing == b'}' {
                self.name()?;
            }
            self.skip_value(depth + 1)?;
        }
        Ok(())
    }

    /// Consumes the literal `word`, such as `true`. Any other text is an error.
    fn word(&mut self, word: &str) -> Result<(), NotJson> {
        let there = self.text.as_bytes()[self.at..].starts_with(word.as_bytes());
        self.at += word.len();
        if there { Ok(()) } else { Err(NotJson) }
    }

    /// Consumes a number in JSON syntax.
    fn number(&mut self) -> Result<(), NotJson> {
        self.take(b"-");
        if !self.take(b"0") {
            self.digits()?;
        }
        if self.take(b".") {
            self.digits()?;
        }
        if self.take(b"eE") {
            self.take(b"+-");
            self.digits()?;
        }
        Ok(())
    }

    /// Consumes one or more digits.
    fn digits(&mut self) -> Result<(), NotJson> {
        if self.skip_while(|byte| byte.is_ascii_digit()) == 0 { Err(NotJson) } else { Ok(()) }
    }
}

/// Decodes the escape at the start of `text`. Returns the character and the length of the
/// escape, or `None` if the escape is invalid, such as half of a surrogate pair.
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

/// Parses the four hexadecimal digits of an escape as a UTF-16 code unit. Returns `None` if a
/// digit is not hexadecimal.
fn code_unit(digits: &str) -> Option<u16> {
    // `from_str_radix` accepts a sign, which JSON does not allow.
    digits.bytes().all(|digit| digit.is_ascii_hexdigit()).then(|| u16::from_str_radix(digits, 16).ok())?
}

impl<'a> Text<'a> {
    /// Returns whether the string has no escapes.
    fn is_plain(self) -> bool {
        !self.0.contains('\\')
    }

    /// Returns the characters of the string, with its escapes decoded.
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

    /// Decodes the escapes of the string into `buffer`, unless it has none. Returns `None` if the
    /// decoded string does not fit into `buffer`.
    pub(crate) fn decoded<'b>(self, buffer: &'b mut [u8]) -> Option<&'b str>
    where
        'a: 'b,
    {
        if self.is_plain() {
            return Some(self.0);
        }
        let mut length = 0;
        for character in self.chars() {
            let end = length + character.len_utf8();
            character.encode_utf8(buffer.get_mut(length..end)?);
            length = end;
        }
        str::from_utf8(&buffer[..length]).ok()
    }

    /// Returns whether the string equals `text` when its escapes are decoded.
    pub(crate) fn equals(self, text: &str) -> bool {
        if self.is_plain() { self.0 == text } else { self.chars().eq(text.chars()) }
    }
}

/// Compares two strings with the escapes of both decoded.
impl PartialEq for Text<'_> {
    fn eq(&self, other: &Self) -> bool {
        if self.is_plain() { other.equals(self.0) } else { self.chars().eq(other.chars()) }
    }
}

impl Eq for Text<'_> {}

#[cfg(test)]
mod tests;
