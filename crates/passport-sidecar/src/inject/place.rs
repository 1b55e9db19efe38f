//! Where an upstream is, and what a request asks for there. Pure.

use std::borrow::Cow;

use http::{Uri, uri::InvalidUri};
use percent_encoding::percent_decode;
use url::Url;

/// A place that requests do not leave, whatever their path is.
#[derive(Debug)]
pub(super) struct Place {
    /// Its scheme and authority, with no path.
    root: Uri,
    /// Without the slash at the end.
    below: String,
}

impl Place {
    pub(super) fn at(base: &Url) -> Result<Self, InvalidUri> {
        let root = format!("{}://{}/", base.scheme(), base.authority()).parse()?;
        Ok(Self { root, below: base.path().trim_end_matches('/').to_owned() })
    }

    /// Where `path` is there, if that is below it.
    pub(super) fn uri(&self, path: &str, query: Option<&str>) -> Option<Uri> {
        if !path.starts_with('/') || leads_up(path) {
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
const DECODED_AT_MOST: usize = 8;

/// In whatever way it is written: who decodes it, and how often, is the upstream's business.
fn leads_up(path: &str) -> bool {
    let mut plain = Cow::Borrowed(path.as_bytes());
    for _ in 0..DECODED_AT_MOST {
        if plain.split(|byte| b"/\\;".contains(byte)).any(|part| matches!(part, b"." | b"..")) {
            return true;
        }
        match percent_decode(&plain).into() {
            Cow::Borrowed(_) => return false,
            Cow::Owned(decoded) => plain = Cow::Owned(decoded),
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(base: &str, path: &str, query: Option<&str>) -> Option<String> {
        let place = Place::at(&base.parse().unwrap()).unwrap();
        place.uri(path, query).map(|uri| uri.to_string())
    }

    #[test]
    fn a_path_is_below_its_upstream_as_it_came() {
        for (base, path, query, expected) in [
            ("http://erp:81", "/", None, "http://erp:81/"),
            ("https://erp/", "/orders", None, "https://erp/orders"),
            ("https://erp/api/", "/orders", Some("a=/../b"), "https://erp/api/orders?a=/../b"),
            ("https://erp/api", "/a%20b//c/.../..d", Some(""), "https://erp/api/a%20b//c/.../..d?"),
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
            "",
            "admin",
            "@evil.example/",
        ] {
            assert_eq!(at("https://erp/api", path, None), None, "{path}");
        }
    }
}
