//! Detects responses that reject the token. Pure: no I/O, no clock.

use http::{
    HeaderMap, HeaderValue, Method, StatusCode,
    header::{CONTENT_TYPE, WWW_AUTHENTICATE},
};
use http_auth::ChallengeParser;

/// The value of the header `grpc-status` for `UNAUTHENTICATED`.
const UNAUTHENTICATED: &[u8] = b"16";

/// Returns whether a request is a gRPC call. If so, the status of the call is in the headers or
/// the trailers of the response.
#[inline]
pub(super) fn is_grpc_call(method: &Method, headers: &HeaderMap) -> bool {
    method == Method::POST && is_grpc(headers)
}

/// Returns whether the head of a response rejects the token, by the rules of HTTP
/// ([RFC 6750, section 3.1](https://www.rfc-editor.org/rfc/rfc6750#section-3.1)) or of gRPC.
///
/// Two kinds of responses do not reject the token, because a new token would not help:
///
/// - a 401 with a Bearer challenge that names another error than `invalid_token`, such as
///   `insufficient_scope`;
/// - a 403 or `PERMISSION_DENIED`, which concern the rights of the token's subject.
pub(super) fn rejects_token(status: StatusCode, headers: &HeaderMap) -> bool {
    match status {
        StatusCode::UNAUTHORIZED => {
            let mut challenges = headers.get_all(WWW_AUTHENTICATE).iter().map(ascii_of);
            !challenges.any(|challenges| names_another_error(&challenges))
        }
        _ => is_grpc(headers) && is_unauthenticated(headers),
    }
}

/// Returns whether a request or a response is gRPC, by its `Content-Type`.
pub(super) fn is_grpc(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_TYPE).is_some_and(|value| value.as_bytes().starts_with(b"application/grpc"))
}

/// Returns whether `headers`, which can also be trailers, contain the gRPC status
/// `UNAUTHENTICATED`.
pub(super) fn is_unauthenticated(headers: &HeaderMap) -> bool {
    headers.get("grpc-status").map(HeaderValue::as_bytes) == Some(UNAUTHENTICATED)
}

/// Returns the text of a header value. Characters that are not ASCII are replaced by `?`,
/// because an `error_description` can contain bytes that are not valid UTF-8.
fn ascii_of(value: &HeaderValue) -> String {
    value.as_bytes().iter().map(|byte| if byte.is_ascii() { char::from(*byte) } else { '?' }).collect()
}

/// Returns whether the value of a `WWW-Authenticate` header contains a Bearer challenge with an
/// error other than `invalid_token`. A challenge that cannot be parsed is ignored.
fn names_another_error(challenges: &str) -> bool {
    ChallengeParser::new(challenges)
        .map_while(Result::ok)
        .filter(|challenge| challenge.scheme.eq_ignore_ascii_case("bearer"))
        .flat_map(|challenge| challenge.params)
        .any(|(name, value)| name.eq_ignore_ascii_case("error") && value.to_unescaped() != "invalid_token")
}

#[cfg(test)]
mod tests;
