use http::HeaderValue;

use super::*;

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
