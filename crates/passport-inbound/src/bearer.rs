//! The credentials of a request ([RFC 6750, section 2.1](https://www.rfc-editor.org/rfc/rfc6750#section-2.1)): from
//! the header only, never from the query or the body. Allocates nothing.

use http::{HeaderMap, header::AUTHORIZATION};

use crate::RejectionReason;

/// The longest token that is looked at, in bytes.
const MAX_LEN: usize = 8 * 1024;

/// The bearer token of a request; `None` when there are no credentials or they are of another scheme.
pub(crate) fn bearer(headers: &HeaderMap) -> Result<Option<&str>, RejectionReason> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(RejectionReason::DuplicateCredentials);
    }
    let value = value.as_bytes();
    let (scheme, rest) = value.split_at(value.iter().position(|byte| *byte == b' ').unwrap_or(value.len()));
    if !scheme.eq_ignore_ascii_case(b"bearer") {
        return Ok(None);
    }
    let token = &rest[rest.iter().take_while(|byte| **byte == b' ').count()..];
    if token.len() > MAX_LEN {
        return Err(RejectionReason::TooLong);
    }
    if token.is_empty() || !token.iter().all(|byte| is_compact_jws_byte(*byte)) {
        return Err(RejectionReason::Malformed);
    }
    str::from_utf8(token).map(Some).map_err(|_| RejectionReason::Malformed)
}

fn is_compact_jws_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn read(values: &[&[u8]]) -> Result<Option<String>, RejectionReason> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(AUTHORIZATION, HeaderValue::from_bytes(value).unwrap());
        }
        bearer(&headers).map(|token| token.map(str::to_owned))
    }

    #[test]
    fn the_scheme_is_matched_in_any_case() {
        for value in [&b"Bearer a.b.c"[..], b"bearer a.b.c", b"BEARER   a.b.c"] {
            assert_eq!(read(&[value]), Ok(Some("a.b.c".to_owned())));
        }
    }

    #[test]
    fn no_header_or_another_scheme_is_no_credential() {
        assert_eq!(read(&[]), Ok(None));
        assert_eq!(read(&[b"Basic YTpi"]), Ok(None));
        assert_eq!(read(&[b"BearerX a.b.c"]), Ok(None));
        assert_eq!(read(&[b""]), Ok(None));
    }

    #[test]
    fn two_headers_are_refused_even_if_they_are_equal() {
        let two: [&[u8]; 2] = [b"Bearer a.b.c", b"Bearer a.b.c"];
        assert_eq!(read(&two), Err(RejectionReason::DuplicateCredentials));
        assert_eq!(read(&[b"Basic YTpi", b"Bearer a.b.c"]), Err(RejectionReason::DuplicateCredentials));
    }

    #[test]
    fn anything_that_is_no_compact_jws_is_malformed() {
        for value in [
            &b"Bearer"[..],
            b"Bearer ",
            b"Bearer \ta.b.c",
            b"Bearer\ta.b.c",
            b"Bearer \"a.b.c\"",
            b"Bearer a.b.c d",
            b"Bearer a.b.c,Bearer d.e.f",
            b"Bearer a.b.c=",
            b"Bearer a+b/c",
            b"Bearer {\"payload\":1}",
            b"Bearer \xff\xfe",
        ] {
            let outcome = read(&[value]);
            // A tab is no blank, so the second of them is a scheme of its own.
            assert!(matches!(outcome, Err(RejectionReason::Malformed) | Ok(None)), "{value:?} {outcome:?}");
        }
    }

    #[test]
    fn a_long_token_is_refused_before_anything_else_is_done() {
        let header = [b"Bearer ".as_slice(), &vec![b'.'; MAX_LEN + 1]].concat();
        assert_eq!(read(&[&header]), Err(RejectionReason::TooLong));
    }
}
