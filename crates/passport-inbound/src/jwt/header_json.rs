//! A reader of one JSON object that allocates nothing, not even to say that something is wrong.
//!
//! Headers of tokens are read with it, before anything is known of the caller: `serde_json` allocates its errors, and takes
//! members that it does not know twice. It accepts a part of what `serde_json` accepts, and reads that part alike; a fuzz
//! target holds the two against each other.

use std::iter;

/// How deep arrays and objects may lie in each other. A bit of a `u32` each.
const MAX_DEPTH: u32 = 32;

/// How many members the object may have. A bound on the work of finding names that stand twice.
const MAX_MEMBERS: usize = 32;

/// What is wrong with the text. There is no more to say: nobody is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NotJson;

/// The value of a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Value<'a> {
    Text(Text<'a>),
    /// Any other; it is well formed.
    Other,
}

/// A string as it stands between its quotes, checked but not unescaped.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Text<'a>(&'a str);

/// Reads `json`, one object with nothing but blanks around it, and shows each member to `see`.
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

    /// Takes `byte` if it is the next that is no blank.
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

    /// The name of a member and the colon behind it.
    fn name(&mut self) -> Result<Text<'a>, NotJson> {
        self.expect(b'"')?;
        let name = self.text()?;
        self.expect(b':')?;
        Ok(name)
    }

    /// What follows an opening quote, up to the closing one, which is taken, too.
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

    /// Any value. Not recursive: what is open is a bit each, set for an object.
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
            // A value has ended, and with it perhaps what it is the last of.
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

    /// Takes the opening of an object (`true`) or an array.
    fn opened(&mut self) -> Result<Option<bool>, NotJson> {
        if self.accept(b'{') {
            return Ok(Some(true));
        }
        Ok(self.accept(b'[').then_some(false))
    }

    /// In an object a value has a name.
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

/// The character that the escape at the start of `text` stands for, and how long it is. `None` for half a surrogate pair.
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

    /// What the string says.
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

    /// Whether it says `text`.
    pub(crate) fn says(self, text: &str) -> bool {
        if self.is_plain() { self.0 == text } else { self.chars().eq(text.chars()) }
    }
}

/// Two spellings of the same text are the same.
impl PartialEq for Text<'_> {
    fn eq(&self, other: &Self) -> bool {
        if self.is_plain() { other.says(self.0) } else { self.chars().eq(other.chars()) }
    }
}

impl Eq for Text<'_> {}

#[cfg(test)]
mod tests {
    use super::*;

    fn members(json: &str) -> Result<Vec<(String, Option<String>)>, NotJson> {
        let mut members = Vec::new();
        object(json.as_bytes(), |name, value| {
            let text = match value {
                Value::Text(text) => Some(text.chars().collect()),
                Value::Other => None,
            };
            members.push((name.chars().collect(), text));
        })?;
        Ok(members)
    }

    fn one(json: &str) -> Option<String> {
        members(json).ok()?.pop()?.1
    }

    #[test]
    fn members_are_shown_in_their_order() {
        let shown = members(r#" { "a" : "x" , "b":[1,{"c":null}],"d":-0.5e+3 } "#).unwrap();
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(shown, [("a".to_owned(), text("x")), ("b".to_owned(), None), ("d".to_owned(), None)]);
        assert_eq!(members("{}"), Ok(Vec::new()));
    }

    #[test]
    fn escapes_say_what_they_stand_for() {
        assert_eq!(one(r#"{"a":"\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00"}"#).unwrap(), "\"\\/\u{8}\u{c}\n\r\té😀");
    }

    #[test]
    fn a_name_that_stands_twice_is_refused_however_it_is_spelled() {
        for json in [r#"{"a":1,"a":2}"#, r#"{"a":1,"b":2,"\u0061":3}"#, r#"{"\u0061":1,"a":2}"#] {
            assert_eq!(members(json), Err(NotJson), "{json}");
        }
    }

    #[test]
    fn what_is_no_object_is_refused() {
        for json in [
            "",
            " ",
            "[]",
            "null",
            "{",
            "}",
            "{}x",
            "{} {}",
            "{a:1}",
            "{\"a\"}",
            "{\"a\":}",
            "{\"a\":1,}",
            "{,}",
            "{\"a\":01}",
            "{\"a\":+1}",
            "{\"a\":.5}",
            "{\"a\":1.}",
            "{\"a\":1e}",
            "{\"a\":-}",
            "{\"a\":NaN}",
            "{\"a\":tru}",
            "{\"a\":\"\\x\"}",
            "{\"a\":\"\\u12\"}",
            "{\"a\":\"\\u+123\"}",
            "{\"a\":\"\\ud83d\"}",
            "{\"a\":\"\\ud83dxxxxxx\"}",
            "{\"a\":\"\\ude00\"}",
            "{\"a\":\"\n\"}",
            "{\"a\":\"",
            "{\"a\":[}",
            "{\"a\":[1,]}",
            "{\"a\":[1}",
            "{\"a\":{\"b\":1]}",
            "{\"a\":{1:2}}",
            "{\"a\":[1 2]}",
            "{\"a\":1 \"b\":2}",
            "\u{feff}{}",
            "{/**/}",
            "{'a':1}",
        ] {
            assert_eq!(members(json), Err(NotJson), "{json}");
        }
        assert!(object(b"{\"a\":\"\xff\"}", |_, _| {}).is_err());
    }

    #[test]
    fn depth_and_number_of_members_are_bounded() {
        let nested = |depth: usize| format!("{{\"a\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
        assert!(members(&nested(32)).is_ok());
        assert!(members(&nested(33)).is_err());
        let many = |count: usize| {
            let members: Vec<_> = (0..count).map(|name| format!("\"{name}\":0")).collect();
            format!("{{{}}}", members.join(","))
        };
        assert!(members(&many(32)).is_ok());
        assert!(members(&many(33)).is_err());
    }
}
