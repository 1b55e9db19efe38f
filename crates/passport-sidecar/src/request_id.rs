//! The request id (`X-Request-Id`), which identifies a request in logs.

use axum::{extract::Request, response::Response};
use http::{HeaderName, HeaderValue};

/// The header of the request id.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The maximum length of a request id that is accepted from a client, in bytes.
const MAX_LENGTH: usize = 64;

/// Returns the id of `request`. Replaces the id that the client has sent by a random one if it
/// is missing or too long, or if it could forge log entries.
pub(crate) fn ensure(request: &mut Request) -> HeaderValue {
    if let Some(id) = request.headers().get(REQUEST_ID).filter(|id| is_safe(id)) {
        return id.clone();
    }
    let id = random();
    request.headers_mut().insert(REQUEST_ID, id.clone());
    id
}

/// Adds the id of the request to its response, unless the response has an id.
pub(crate) fn propagate(id: HeaderValue, response: &mut Response) {
    response.headers_mut().entry(REQUEST_ID).or_insert(id);
}

/// Returns a random id of 16 hexadecimal digits.
fn random() -> HeaderValue {
    let mut number = fastrand::u64(..);
    let digits = [(); 16].map(|()| {
        number = number.rotate_left(4);
        b"0123456789abcdef"[usize::from(number.to_le_bytes()[0] & 0xf)]
    });
    HeaderValue::from_bytes(&digits).expect("hexadecimal digits are valid in a header")
}

fn is_safe(id: &HeaderValue) -> bool {
    let id = id.as_bytes();
    id.len() <= MAX_LENGTH && id.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(byte))
}

#[cfg(test)]
mod tests;
