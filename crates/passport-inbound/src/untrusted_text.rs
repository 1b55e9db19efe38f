//! Formats untrusted text, from a request or a token, for log events: escaped, truncated, and
//! without parts that look like a token.

use std::fmt;

/// The length of the longest text that [`Quoted`] shows, in characters. A longer text is
/// replaced by a note.
pub(crate) const MAX_QUOTED: usize = 100;

/// Displays a text in quotes and escaped. A text that is longer than [`MAX_QUOTED`] or looks
/// like a token is replaced by a note.
pub(crate) struct Quoted<'a>(pub(crate) &'a str);

impl fmt::Debug for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.contains("eyJ") || self.0.chars().nth(MAX_QUOTED).is_some() {
            f.write_str("(not shown: too long, or looks like a token)")
        } else {
            write!(f, "{:?}", self.0)
        }
    }
}

/// Displays the first [`MAX_PRINTED`] characters of a path or an id. Escapes control characters,
/// and replaces path segments that look like a token by `(not shown)`.
pub(crate) struct Printable<'a>(pub(crate) &'a str);

/// The number of characters that [`Printable`] displays. In a longer text, `...` replaces the
/// rest.
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
