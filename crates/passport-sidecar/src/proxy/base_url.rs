//! Where an upstream is, and what a request asks for there. Pure.

use std::borrow::Cow;

use http::{Uri, uri::InvalidUri};
use percent_encoding::percent_decode;
use url::Url;

/// A base that requests do not leave, whatever their path is.
#[derive(Debug)]
pub(super) struct BaseUrl {
    /// Its scheme and authority, with no path.
    root: Uri,
    /// Without the slash at the end.
    below: String,
}

impl BaseUrl {
    pub(super) fn new(base: &Url) -> Result<Self, InvalidUri> {
        let root = format!("{}://{}/", base.scheme(), base.authority()).parse()?;
        Ok(Self { root, below: base.path().trim_end_matches('/').to_owned() })
    }

    /// Where `path` is there, if that is below it.
    pub(super) fn uri(&self, path: &str, query: Option<&str>) -> Option<Uri> {
        if !path.starts_with('/') || is_traversal(path) {
            return None;
        }
        let below = match query {
            Some(query) => [&self.below, path, "?", query].concat(),
            None => [&self.below, path].concat(),
        };
        let mut parts = self.root.clone().into_parts();
        parts.path_and_query = Some(below.try_into().ok()?);
        Uri::from_parts(parts).ok()
    }
}

/// More often nobody decodes a path.
const MAX_DECODINGS: usize = 8;

/// In whatever way it is written: who decodes it, and how often, is the upstream's business.
fn is_traversal(path: &str) -> bool {
    let mut plain = Cow::Borrowed(path.as_bytes());
    for _ in 0..MAX_DECODINGS {
        // Overlong encodings are not UTF-8, and some servers decode them all the same.
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

/// Whether a segment is a dot or two, with or without what some servers strip from names or take
/// for a dot or a slash; or the path has characters that end it early.
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

/// Whether there is a `%u002e`, which some servers decode.
fn has_utf16(path: &str) -> bool {
    let is_digit = |byte: &u8| byte.is_ascii_hexdigit();
    path.as_bytes()
        .windows(6)
        .any(|part| part[0] == b'%' && part[1] | 0x20 == b'u' && part[2..].iter().all(is_digit))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(base: &str, path: &str, query: Option<&str>) -> Option<String> {
        let base = BaseUrl::new(&base.parse().unwrap()).unwrap();
        base.uri(path, query).map(|uri| uri.to_string())
    }

    #[test]
    fn a_path_is_below_its_upstream_as_it_came() {
        for (base, path, query, expected) in [
            ("http://erp:81", "/", None, "http://erp:81/"),
            ("https://erp/", "/orders", None, "https://erp/orders"),
            ("https://erp/api/", "/orders", Some("a=/../b"), "https://erp/api/orders?a=/../b"),
            ("https://erp/api", "/a%20b//c/.../..d", Some(""), "https://erp/api/a%20b//c/.../..d?"),
            (
                "https://erp/api",
                "/%E2%82%AC/100%/.well-known/a.b",
                None,
                "https://erp/api/%E2%82%AC/100%/.well-known/a.b",
            ),
            ("http://[::1]:81", "/a", None, "http://[::1]:81/a"),
            ("https://erp", "//evil.example/a", None, "https://erp//evil.example/a"),
        ] {
            assert_eq!(at(base, path, query).as_deref(), Some(expected), "{base} {path}");
        }
    }

    #[test]
    fn a_path_that_is_encoded_on_and_on_is_refused() {
        assert!(at("https://erp", &format!("/%{}41", "25".repeat(3)), None).is_some());
        assert_eq!(at("https://erp", &format!("/%{}41", "25".repeat(8000)), None), None);
    }

    #[test]
    fn no_path_leads_up() {
        for path in [
            "/..",
            "/../admin",
            "/a/../../admin",
            "/%2e%2E/admin",
            "/a%2f..%2Fadmin",
            "/a\\..\\admin",
            "/a%5C..%5cadmin",
            "/a/..;x=1/admin",
            "/%252e%252e/admin",
            "/a%25252F..%25255cadmin",
            "/./a",
            "/..%00/admin",
            "/..%20/admin",
            "/%20../admin",
            "/..%09/admin",
            "/a%00",
            "/a%0d%0ab",
            "/%c0%ae%c0%ae/admin",
            "/%e0%80%ae%e0%80%ae/admin",
            "/..%c0%afadmin",
            "/%25c0%25ae%25c0%25ae/admin",
            "/%ef%bc%8e%ef%bc%8e/admin",
            "/..%ef%bc%8fadmin",
            "/%e2%80%a4%e2%80%a4/admin",
            "/%u002e%u002E/admin",
            "/..;/admin",
            "/.%2e/admin",
            "",
            "admin",
            "@evil.example/",
        ] {
            assert_eq!(at("https://erp/api", path, None), None, "{path}");
        }
    }
}
