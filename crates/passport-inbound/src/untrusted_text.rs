//! Formats text of a request or of a token for a log. Such text is escaped and short, and what
//! looks like a token is omitted.

use std::fmt;

/// The longest text that is quoted, in characters.
pub(crate) const MAX_QUOTED: usize = 100;

/// Quotes and escapes a text for a log. Omits one that is long or looks like a token.
pub(crate) struct Quoted<'a>(pub(crate) &'a str);

impl fmt::Debug for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.contains("eyJ") || self.0.chars().nth(MAX_QUOTED).is_some() {
            f.write_str("(not shown: too long, or like a token)")
        } else {
            write!(f, "{:?}", self.0)
        }
    }
}

/// Prints the beginning of a text, without control characters and without the path segments that
/// look like a token.
pub(crate) struct Printable<'a>(pub(crate) &'a str);

/// The number of characters that [`Printable`] prints.
const MAX_PRINTED: usize = 300;

impl fmt::Display for Printable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_token = |segment: &str| segment.starts_with("eyJ") && segment.contains('.');
        let segments = self.0.split_inclusive('/').map(|segment| match segment.strip_suffix('/') {
            Some(own) if is_token(own) => "(not shown)/",
            None if is_token(segment) => "(not shown)",
            _ => segment,
        });
        let mut letters = segments.flat_map(str::chars);
        for letter in letters.by_ref().take(MAX_PRINTED) {
            if letter.is_control() { write!(f, "{}", letter.escape_debug())? } else { write!(f, "{letter}")? }
        }
        if letters.next().is_some() { f.write_str("...") } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests;
