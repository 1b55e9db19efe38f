use std::time::UNIX_EPOCH;

use super::*;

fn head(headers: &[(&'static str, &'static str)]) -> Head {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(*name, HeaderValue::from_static(value));
    }
    Head::read(&map)
}

fn fresh_for(cache_control: &'static str) -> Option<u64> {
    head(&[("cache-control", cache_control)]).fresh_for.map(|time| time.as_secs())
}

#[test]
fn max_age_is_read_from_cache_control() {
    for (value, seconds) in [
        ("max-age=300", Some(300)),
        ("public, max-age=300, must-revalidate", Some(300)),
        ("MAX-AGE = \"300\"", Some(300)),
        ("max-age=300, max-age=200", Some(200)),
        ("s-maxage=300", None),
        ("public", None),
        ("", None),
        ("no-store", Some(0)),
        ("no-cache, max-age=300", Some(0)),
        ("no-cache=\"set-cookie\"", Some(0)),
        ("max-age", Some(0)),
        ("max-age=", Some(0)),
        ("max-age=-1", Some(0)),
        ("max-age=+1", Some(0)),
        ("max-age=1.5", Some(0)),
        ("max-age=99999999999999999999999", Some(1 << 31)),
    ] {
        assert_eq!(fresh_for(value), seconds, "{value}");
    }
}

#[test]
fn age_header_reduces_the_freshness() {
    let head =
        head(&[("cache-control", "max-age=300"), ("age", "100"), ("date", "Thu, 01 Jan 1970 00:10:00 GMT")]);
    assert_eq!(head.fresh_for, Some(Duration::from_secs(200)));
    assert_eq!(head.time, Some(UNIX_EPOCH + Duration::from_secs(700)));
}

#[test]
fn missing_or_invalid_headers_are_ignored() {
    assert_eq!(head(&[]), Head::default());
    assert_eq!(head(&[("date", "yesterday"), ("age", "old")]), Head::default());
}

#[test]
fn etag_is_kept_up_to_its_maximum_length() {
    assert_eq!(head(&[("etag", "W/\"1\"")]).tag, Some(HeaderValue::from_static("W/\"1\"")));
    let mut headers = HeaderMap::new();
    headers.insert(ETAG, HeaderValue::from_str(&"x".repeat(LONGEST_TAG + 1)).unwrap());
    assert_eq!(Head::read(&headers).tag, None);
}
