use http::{HeaderName, HeaderValue};
use proptest::prelude::*;

use super::*;

/// The function before it had a path of its own for the usual spelling.
fn oracle(headers: &HeaderMap) -> Result<Option<&[u8]>, RejectionReason> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(RejectionReason::DuplicateCredentials);
    }
    let Some((scheme, rest)) = value.as_bytes().split_at_checked(BEARER.len()) else { return Ok(None) };
    if !scheme.eq_ignore_ascii_case(BEARER) || !matches!(rest, [] | [b' ', ..]) {
        return Ok(None);
    }
    Ok(Some(&rest[rest.iter().take_while(|byte| **byte == b' ').count()..]))
}

fn value() -> impl Strategy<Value = HeaderValue> {
    let scheme = prop::sample::select(vec!["Bearer", "bearer", "bEARER", "BearerX", "Basic", "Bear", ""]);
    (scheme, "[ \t]{0,3}[a!~.-]{0,5}[ ]?")
        .prop_map(|(scheme, rest)| HeaderValue::from_str(&format!("{scheme}{rest}")).unwrap())
}

proptest! {
    #[test]
    fn headers_are_read_as_before(
        values in prop::collection::vec(value(), 0..3),
        others in prop::collection::vec(0..3_u8, 0..6),
    ) {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(AUTHORIZATION, value);
        }
        for other in others {
            let name = HeaderName::try_from(format!("x-{other}")).unwrap();
            headers.append(name, HeaderValue::from_static("Bearer x"));
        }
        prop_assert_eq!(bearer(&headers), oracle(&headers));
        let mut marked = headers.clone();
        prop_assert_eq!(bearer_marked(&mut marked), oracle(&headers));
        if oracle(&headers).is_ok() {
            prop_assert!(marked.get(AUTHORIZATION).is_none_or(HeaderValue::is_sensitive));
        }
    }
}

fn read(values: &[&[u8]]) -> Result<Option<String>, RejectionReason> {
    let mut headers = HeaderMap::new();
    for value in values {
        headers.append(AUTHORIZATION, HeaderValue::from_bytes(value).unwrap());
    }
    bearer(&headers).map(|token| token.map(|token| String::from_utf8_lossy(token).into_owned()))
}

#[test]
fn scheme_is_case_insensitive() {
    for value in [&b"Bearer a.b.c"[..], b"bearer a.b.c", b"BEARER   a.b.c"] {
        assert_eq!(read(&[value]), Ok(Some("a.b.c".to_owned())));
    }
}

#[test]
fn missing_header_or_other_scheme_is_no_token() {
    assert_eq!(read(&[]), Ok(None));
    assert_eq!(read(&[b"Basic YTpi"]), Ok(None));
    assert_eq!(read(&[b"BearerX a.b.c"]), Ok(None));
    assert_eq!(read(&[b""]), Ok(None));
}

#[test]
fn two_headers_are_rejected_even_if_equal() {
    let two: [&[u8]; 2] = [b"Bearer a.b.c", b"Bearer a.b.c"];
    assert_eq!(read(&two), Err(RejectionReason::DuplicateCredentials));
    assert_eq!(read(&[b"Basic YTpi", b"Bearer a.b.c"]), Err(RejectionReason::DuplicateCredentials));
}

#[test]
fn only_spaces_separate_scheme_and_token() {
    assert_eq!(read(&[b"Bearer\ta.b.c"]), Ok(None), "a tab makes it another scheme");
    assert_eq!(read(&[b"Bearer"]), Ok(Some(String::new())));
}
