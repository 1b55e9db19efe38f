//! Reads the caching headers of a response
//! ([RFC 9111](https://www.rfc-editor.org/rfc/rfc9111#section-4.2)). Pure.

use std::time::{Duration, SystemTime};

use http::{
    HeaderMap, HeaderValue,
    header::{AGE, CACHE_CONTROL, DATE, ETAG},
};

/// The maximum length of an `ETag`, in bytes. A longer `ETag` is ignored, so that the next
/// request is not conditional.
const LONGEST_TAG: usize = 256;

/// The caching headers of a response: the freshness and the `ETag` of the response, and the
/// issuer's time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Head {
    /// How much longer the response is fresh. `None` if `Cache-Control` does not limit the
    /// freshness.
    pub(crate) fresh_for: Option<Duration>,
    /// The `ETag`, for the next conditional request. `None` if the `ETag` is missing or too long.
    pub(crate) tag: Option<HeaderValue>,
    /// The time of the issuer's clock when the response arrived. `None` without a valid `Date`.
    pub(crate) time: Option<SystemTime>,
}

impl Head {
    /// Reads `Cache-Control`, `Age`, `Date` and `ETag`. Invalid headers are ignored.
    pub(crate) fn read(headers: &HeaderMap) -> Self {
        let age = headers.get(AGE).and_then(seconds).unwrap_or_default();
        let date = headers.get(DATE).and_then(|date| httpdate::parse_http_date(date.to_str().ok()?).ok());
        Self {
            fresh_for: max_age(headers).map(|max_age| max_age.saturating_sub(age)),
            tag: headers.get(ETAG).filter(|tag| tag.len() <= LONGEST_TAG).cloned(),
            // An HTTP cache forwards the issuer's `Date`, and states in `Age` how long the cache
            // has kept the response.
            time: date.and_then(|date| date.checked_add(age)),
        }
    }
}

/// Returns the freshness lifetime in `Cache-Control`: the shortest lifetime, if there are
/// several, and zero for a response that must not be cached. Returns `None` if there is no
/// lifetime.
fn max_age(headers: &HeaderMap) -> Option<Duration> {
    let values = headers.get_all(CACHE_CONTROL).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).filter_map(lifetime).min()
}

/// Returns the freshness lifetime that a directive of `Cache-Control` sets. Returns `None` for a
/// directive that sets no lifetime.
fn lifetime(directive: &str) -> Option<Duration> {
    let (name, value) = directive.split_once('=').unwrap_or((directive, ""));
    let name = name.trim();
    if name.eq_ignore_ascii_case("no-store") || name.eq_ignore_ascii_case("no-cache") {
        return Some(Duration::ZERO);
    }
    if !name.eq_ignore_ascii_case("max-age") {
        return None;
    }
    // An invalid value counts as stale (section 4.2.1).
    Some(delta_seconds(value.trim().trim_matches('"')).unwrap_or_default())
}

/// Parses the value of a header as a number of seconds. Returns `None` for any other value.
fn seconds(value: &HeaderValue) -> Option<Duration> {
    delta_seconds(value.to_str().ok()?.trim())
}

/// Parses delta-seconds: digits only. A number above 2^31 is read as 2^31 (section 1.2.2).
/// Returns `None` for any other text.
fn delta_seconds(digits: &str) -> Option<Duration> {
    const LARGEST: u64 = 1 << 31;
    if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    Some(Duration::from_secs(digits.parse().unwrap_or(LARGEST).min(LARGEST)))
}

#[cfg(test)]
mod tests;
