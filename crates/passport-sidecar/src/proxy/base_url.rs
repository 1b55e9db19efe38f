//! The base URL of an upstream, and the URLs of requests. Each request URL must be below the
//! base URL. Pure.

use std::borrow::Cow;

use http::{Uri, uri::InvalidUri};
use percent_encoding::percent_decode;
use url::Url;

/// The base URL of an upstream. Each request URL is below this base URL, whatever path the
/// client sends.
#[derive(Debug)]
pub(super) struct BaseUrl {
    /// The scheme and the authority of the base URL, with the path `/`.
    root: Uri,
    /// The path of the base URL, without a slash at its end.
    path: String,
}

impl BaseUrl {
    /// Creates the base URL from scheme, authority and path of `base`.
    pub(super) fn new(base: &Url) -> Result<Self, InvalidUri> {
        let root = format!("{}://{}/", base.scheme(), base.authority()).parse()?;
        Ok(Self { root, path: base.path().trim_end_matches('/').to_owned() })
    }

    /// Returns the scheme and the authority of this base URL, with the path `/`.
    pub(super) fn root(&self) -> &Uri {
        &self.root
    }

    /// Returns the URL of a request: this base URL with `path` and `query` appended. Returns `None`
    /// in these cases:
    /// - `path` does not begin with `/`;
    /// - a server could read `path` as a path outside the base URL;
    /// - the result is not a valid URL.
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

/// How many times a path is percent-decoded to check the path. A path that is still encoded
/// after that is rejected.
const MAX_DECODINGS: usize = 8;

/// Returns whether a path has a dot segment (`.` or `..`) in any encoding, single or repeated,
/// because it is unknown how often an upstream decodes a path. Also returns true in two other
/// cases:
/// - the path is still encoded after [`MAX_DECODINGS`] decodings;
/// - the path is not UTF-8 after a decoding.
fn is_traversal(path: &str) -> bool {
    let mut plain = Cow::Borrowed(path.as_bytes());
    for _ in 0..MAX_DECODINGS {
        // Overlong encodings of a dot are not valid UTF-8, but some servers decode them.
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

/// Returns whether a server could read a segment of `path` as `.` or `..`. A server could strip
/// blanks, or read characters that look similar as a dot or a slash. Also returns true for a
/// control character, because a server could read it as the end of the path.
fn is_ambiguous(path: &str) -> bool {
    let is_separator =
        |letter| matches!(letter, '/' | '\\' | ';' | '?' | '#' | '\u{2215}' | '\u{ff0f}' | '\u{ff3c}');
    let is_dots = |segment: &str| {
        let dots = segment.trim();
        let count = dots.chars().count();
        (1..=2).contains(&count) && dots.chars().all(|letter| matches!(letter, '.' | '\u{2024}' | '\u{ff0e}'))
    };
    path.chars().any(char::is_control) || path.split(is_separator).any(is_dots) || has_utf16_escape(path)
}

/// Returns whether a path has an escape of the form `%u002e` (UTF-16), which some servers
/// decode.
fn has_utf16_escape(path: &str) -> bool {
    let is_digit = |byte: &u8| byte.is_ascii_hexdigit();
    path.as_bytes()
        .windows(6)
        .any(|part| part[0] == b'%' && part[1] | 0x20 == b'u' && part[2..].iter().all(is_digit))
}

#[cfg(test)]
mod tests;
