//! Extracts the bearer token from the `Authorization` header ([RFC 6750, section
//! 2.1](https://www.rfc-editor.org/rfc/rfc6750#section-2.1)), without an allocation. Tokens in
//! cookies and queries are extracted by `credential_rules`.

use http::{HeaderMap, header::AUTHORIZATION};

use crate::RejectionReason;

const BEARER: &[u8] = b"bearer";

/// Returns the bearer token. Returns `None` if there is no `Authorization` header, or if the
/// scheme of the header is not Bearer. Two `Authorization` headers are an error.
pub(crate) fn bearer(headers: &HeaderMap) -> Result<Option<&[u8]>, RejectionReason> {
    check_single(headers)?;
    Ok(headers.get(AUTHORIZATION).and_then(|value| token(value.as_bytes())))
}

/// Returns the token as [`bearer`] does, and marks the header as sensitive, so that it is not
/// logged. Searches the headers only once.
pub(super) fn bearer_marked(headers: &mut HeaderMap) -> Result<Option<&[u8]>, RejectionReason> {
    check_single(headers)?;
    let Some(value) = headers.get_mut(AUTHORIZATION) else { return Ok(None) };
    value.set_sensitive(true);
    Ok(token(value.as_bytes()))
}

/// Checks that there are no two `Authorization` headers.
fn check_single(headers: &HeaderMap) -> Result<(), RejectionReason> {
    // In most requests, each name has one value, and no search is necessary.
    let has_two =
        headers.len() != headers.keys_len() && headers.get_all(AUTHORIZATION).iter().nth(1).is_some();
    if has_two { Err(RejectionReason::DuplicateCredentials) } else { Ok(()) }
}

/// Returns the token in a value of the `Authorization` header. Returns `None` for other schemes.
fn token(value: &[u8]) -> Option<&[u8]> {
    match value.strip_prefix(b"Bearer ") {
        // The spelling of nearly all clients.
        Some(token) if !token.starts_with(b" ") => Some(token),
        _ => token_after_any_spelling(value),
    }
}

fn token_after_any_spelling(value: &[u8]) -> Option<&[u8]> {
    let (scheme, rest) = value.split_at_checked(BEARER.len())?;
    if !scheme.eq_ignore_ascii_case(BEARER) || !matches!(rest, [] | [b' ', ..]) {
        return None;
    }
    // `jwt/compact` checks the form of the token.
    Some(&rest[rest.iter().take_while(|byte| **byte == b' ').count()..])
}

#[cfg(test)]
mod tests;
