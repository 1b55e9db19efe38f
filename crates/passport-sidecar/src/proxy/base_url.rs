//! The base URL of an upstream, and the URLs of requests below it. Pure.

use std::borrow::Cow;

use http::{Uri, uri::InvalidUri};
use percent_encoding::percent_decode;
use url::Url;

/// The URL of an upstream. Requests cannot leave it by their path.
#[derive(Debug)]
pub(super) struct BaseUrl {
    /// The scheme and authority, without a path.
    root: Uri,
    /// The path, without a slash at its end.
    path: String,
}

impl BaseUrl {
    /// Creates the base URL from scheme, authority and path of `base`.
    pub(super) fn new(base: &Url) -> Result<Self, InvalidUri> {
        let root = format!("{}://{}/", base.scheme(), base.authority()).parse()?;
        Ok(Self { root, path: base.path().trim_end_matches('/').to_owned() })
    }

    /// Returns the URL of `path` below this one, or `None` if the path could leave it.
    pub(super) fn uri(&self, path: &str, query: Option<&str>) -> Option<Uri> {
        if !path.starts_with('/') || is_traversal(path) {
            return None;
        }
        let below = match query {
            Some(query) => [&self.path, path, "?", query].concat(),
            None => [&self.path, path].concat(),
        };
        let mut parts = self.root.clone().into_parts();
        parts.path_and_query = Some(below.try_into().ok()?);
        Uri::from_parts(parts).ok()
    }
}

/// How many times a path is percent-decoded to check it. No server decodes a path more often.
const MAX_DECODINGS: usize = 8;

/// Returns whether a path has a dot segment in any encoding. It is unknown how often an upstream
/// decodes a path.
fn is_traversal(path: &str) -> bool {
    let mut plain = Cow::Borrowed(path.as_bytes());
    for _ in 0..MAX_DECODINGS {
        // Overlong encodings are not valid UTF-8, but some servers decode them.
        let Ok(text) = str::from_utf8(&plain) else { return true };
        if is_ambiguous(text) {
            return true;
        }
        match percent_decode(&plain).into() {
            Cow::Borrowed(_) => return false,
            Cow::Owned(decoded) => plain = Cow::Owned(decoded),
        }
    }
    true
}

/// Returns whether a segment consists of one or two dots, or a server could read it so, because
/// it strips blanks or reads other characters as a dot or a slash. Control characters count as
/// well, because they could end the path early.
fn is_ambiguous(path: &str) -> bool {
    let is_separator =
        |letter| matches!(letter, '/' | '\\' | ';' | '?' | '#' | '\u{2215}' | '\u{ff0f}' | '\u{ff3c}');
    let is_dots = |segment: &str| {
        let dots = segment.trim();
        let count = dots.chars().count();
        (1..=2).contains(&count) && dots.chars().all(|letter| matches!(letter, '.' | '\u{2024}' | '\u{ff0e}'))
    };
    path.chars().any(char::is_control) || path.split(is_separator).any(is_dots) || has_utf16(path)
}

/// Returns whether a path has an escape like `%u002e`, which some servers decode.
fn has_utf16(path: &str) -> bool {
    let is_digit = |byte: &u8| byte.is_ascii_hexdigit();
    path.as_bytes()
        .windows(6)
        .any(|part| part[0] == b'%' && part[1] | 0x20 == b'u' && part[2..].iter().all(is_digit))
}

#[cfg(test)]
mod tests;
