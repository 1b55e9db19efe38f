use axum::extract::Request;
use http::HeaderValue;
use tower_http::request_id::{MakeRequestId, RequestId};

/// The longest id of a request that is kept.
const MAX_LENGTH: usize = 64;

/// Creates ids of sixteen hexadecimal digits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RandomRequestId;

impl MakeRequestId for RandomRequestId {
    fn make_request_id<B>(&mut self, _: &http::Request<B>) -> Option<RequestId> {
        format!("{:016x}", fastrand::u64(..)).parse().ok().map(RequestId::new)
    }
}

/// Removes the id of a request if it could be harmful in a log, so that it gets a new one.
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
