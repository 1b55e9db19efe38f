//! The request id (`X-Request-Id`), which identifies a request in logs.

use axum::extract::Request;
use http::HeaderValue;
use tower_http::request_id::{MakeRequestId, RequestId};

/// The maximum length of a request id that is accepted from a client, in bytes.
const MAX_LENGTH: usize = 64;

/// Creates random request ids of 16 hexadecimal digits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RandomRequestId;

impl MakeRequestId for RandomRequestId {
    fn make_request_id<B>(&mut self, _: &http::Request<B>) -> Option<RequestId> {
        format!("{:016x}", fastrand::u64(..)).parse().ok().map(RequestId::new)
    }
}

/// Removes the request id that a client has sent if the id is too long or could forge log
/// entries. The next layer then creates a random id for the request.
pub(crate) fn remove_unsafe_id(mut request: Request) -> Request {
    if request.headers().get("x-request-id").is_some_and(is_unsafe) {
        request.headers_mut().remove("x-request-id");
    }
    request
}

fn is_unsafe(id: &HeaderValue) -> bool {
    let id = id.as_bytes();
    id.len() > MAX_LENGTH || !id.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(byte))
}
