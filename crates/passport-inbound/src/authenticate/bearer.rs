//! Extracts the bearer token from the `Authorization` header ([RFC 6750, section
//! 2.1](https://www.rfc-editor.org/rfc/rfc6750#section-2.1)), without an allocation. Tokens in
//! cookies and queries are extracted by `credential_rules`.

use http::{HeaderMap, header::AUTHORIZATION};

use crate::RejectionReason;

const BEARER: &[u8] = b"bearer";

/// Returns the bearer token. Returns `None` if there is no `Authorization` header, or if the
/// scheme of the header is not Bearer. Two `Authorization` headers are an error.
pub(crate) fn bearer(headers: &HeaderMap) -> Result<Option<&[u8]>, RejectionReason> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(RejectionReason::DuplicateCredentials);
    }
    let Some((scheme, rest)) = value.as_bytes().split_at_checked(BEARER.len()) else { return Ok(None) };
    if !scheme.eq_ignore_ascii_case(BEARER) || !matches!(rest, [] | [b' ', ..]) {
        return Ok(None);
    }
    // `jwt/compact` checks the form of the token.
    Ok(Some(&rest[rest.iter().take_while(|byte| **byte == b' ').count()..]))
}

#[cfg(test)]
mod tests;
