//! The path of a request, as requirements and public paths read it. Pure.

use std::borrow::Cow;
#[cfg(feature = "axum")]
use std::{
    cell::LazyCell,
    pin::pin,
    task::{Context, Poll, Waker},
};

#[cfg(feature = "axum")]
use axum::extract::{FromRequestParts, NestedPath, OriginalUri, RawPathParams};
use http::{Extensions, Uri};
use percent_encoding::percent_decode_str;

/// Returns the path that the router has matched against its routes, with the prefixes of axum's
/// `nest`:
///
/// - Outside a `nest`: the path of the URI. If a middleware has rewritten the path, this is the
///   rewritten path, because the router matches the rewritten path.
/// - Inside a `nest`: the path of `OriginalUri`, because axum removes the prefix from the URI.
/// - Inside a `nest`, if a middleware has rewritten the path: an empty path, because the prefix
///   of the rewritten path is unknown. An empty path is never [plain](is_plain).
#[cfg(feature = "axum")]
pub(crate) fn routed_path<'a>(uri: &'a Uri, extensions: &'a Extensions) -> &'a str {
    let path = uri.path();
    let Some(prefix) = extensions.get::<NestedPath>() else { return path };
    let original = extensions.get::<OriginalUri>().map_or("", |original| original.0.path());
    let params = LazyCell::new(|| captured_params(extensions));
    // A middleware between two routers can replace a segment. Then axum has captured the new
    // segment, and not the one in `original`.
    let is_captured = |name: &str, segment: &str| {
        let (Some(params), Some(segment)) = (&*params, decoded(segment)) else { return false };
        params.iter().any(|captured| captured == (name, &*segment))
    };
    if is_nested(prefix.as_str(), path, original, is_captured) { original } else { "" }
}

/// Returns the path of the URI. Without axum, no router removes a prefix from the path.
#[cfg(not(feature = "axum"))]
pub(crate) fn routed_path<'a>(uri: &'a Uri, _: &'a Extensions) -> &'a str {
    uri.path()
}

/// Returns whether `original` is `prefix` followed by `path`. A parameter `{name}` of `prefix`
/// matches a segment for which `is_captured(name, segment)` returns true.
#[cfg(feature = "axum")]
fn is_nested(prefix: &str, path: &str, original: &str, is_captured: impl Fn(&str, &str) -> bool) -> bool {
    let Some(stripped) = original.strip_suffix(path).or((path == "/").then_some(original)) else {
        return false;
    };
    let segments = stripped.split('/');
    let expected = prefix.trim_end_matches('/').split('/');
    segments.clone().count() == expected.clone().count()
        && segments.zip(expected).all(|(own, expected)| {
            let name = expected.strip_prefix('{').and_then(|name| name.strip_suffix('}'));
            name.map_or(own == expected, |name| is_captured(name, own))
        })
}

/// Returns the path parameters that axum has captured, or `None` if axum's extractor fails. Only
/// this extractor can read the parameters. Its future is ready at the first poll.
#[cfg(feature = "axum")]
fn captured_params(extensions: &Extensions) -> Option<RawPathParams> {
    let (mut parts, ()) = http::Request::new(()).into_parts();
    parts.extensions = extensions.clone();
    let params = pin!(RawPathParams::from_request_parts(&mut parts, &()));
    match params.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(params) => params.ok(),
        Poll::Pending => None,
    }
}

/// Returns whether every HTTP implementation parses `path` in the same way. Such a path is `/`,
/// or it begins with a slash and has none of these:
///
/// - an empty segment (a trailing slash makes one) or a dot segment;
/// - a percent-encoded separator or control character;
/// - invalid UTF-8;
/// - double percent-encoding.
pub(crate) fn is_plain(path: &str) -> bool {
    path == "/" || path.strip_prefix('/').is_some_and(|path| path.split('/').all(is_plain_segment))
}

/// Returns whether every HTTP implementation parses this path segment in the same way.
fn is_plain_segment(segment: &str) -> bool {
    decoded(segment).is_some_and(|decoded| {
        // Some servers cut off `;parameters` or spaces before they handle dot segments.
        let name = decoded.split(';').next().unwrap_or_default().trim();
        let is_dots = (1..=2).contains(&name.chars().count()) && name.chars().all(is_dot);
        !decoded.is_empty()
            && !is_dots
            && !decoded.contains(|letter: char| is_separator(letter) || letter.is_control())
            && !is_encoded(&decoded)
    })
}

/// Returns whether some servers treat `letter` as a dot.
fn is_dot(letter: char) -> bool {
    matches!(letter, '.' | '\u{2024}' | '\u{ff0e}')
}

/// Returns whether some servers end a path or a segment at `letter`.
fn is_separator(letter: char) -> bool {
    matches!(letter, '/' | '\\' | '?' | '#' | '\u{2215}' | '\u{ff0f}' | '\u{ff3c}')
}

/// Decodes a percent-encoded segment. Returns `None` if the segment has a `%` without two
/// hexadecimal digits, or if the decoded text is not UTF-8.
pub(crate) fn decoded(segment: &str) -> Option<Cow<'_, str>> {
    let is_hex = |two: &[u8]| two.iter().all(u8::is_ascii_hexdigit);
    let encodes = |rest: &str| rest.as_bytes().get(..2).is_some_and(is_hex);
    let is_valid = segment.split('%').skip(1).all(encodes);
    is_valid.then(|| percent_decode_str(segment).decode_utf8().ok()).flatten()
}

/// Returns whether `text`, which was percent-decoded once, would change if it were decoded
/// again.
fn is_encoded(text: &str) -> bool {
    percent_decode_str(text).ne(text.bytes())
}

#[cfg(test)]
mod tests;
