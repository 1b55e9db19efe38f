use std::sync::Arc;

use http::{
    Request, Response, StatusCode,
    header::{AUTHORIZATION, WWW_AUTHENTICATE},
};
use tokio_test::{assert_pending, assert_ready_err, assert_ready_ok, task};
use tower::{Layer, Service, ServiceExt, limit::ConcurrencyLimit};
use tower_test::mock;

use super::{error::BoxError, *};
use crate::{
    AllowedOrigins, TokenError, TokenErrorKind,
    test_support::{ScriptedSource, identity, measured},
};

mod attaching;
mod buffering;
mod hosts;
mod identities;
mod interleavings;
mod retries;

type MockResponse = Response<&'static str>;
type Mock = mock::Mock<Request<()>, MockResponse>;
type Handle = mock::Handle<Request<()>, MockResponse>;

const API: &str = "https://api.bizfirst.ai/payroll";

fn layer(source: &Arc<ScriptedSource>) -> AttachTokenLayer {
    AttachTokenLayer::new(identity(source), AllowedOrigins::new(["https://api.bizfirst.ai"]).unwrap())
}

fn client(source: &Arc<ScriptedSource>) -> (AttachToken<Mock>, Handle) {
    let (mock, handle) = mock::pair();
    (layer(source).layer(mock), handle)
}

fn request(uri: &str) -> Request<()> {
    Request::get(uri).body(()).unwrap()
}

/// Returns a 401 with the challenge of RFC 6750 for an invalid token.
fn rejection_response() -> MockResponse {
    let mut response = Response::new("rejected");
    *response.status_mut() = StatusCode::UNAUTHORIZED;
    response.headers_mut().insert(WWW_AUTHENTICATE, "Bearer error=\"invalid_token\"".parse().unwrap());
    response
}

/// Waits for the next request at the mock receiver, responds with `response`, and returns the
/// request.
async fn respond<B>(
    handle: &mut mock::Handle<Request<B>, MockResponse>,
    response: MockResponse,
) -> Request<B> {
    let (request, sender) = handle.next_request().await.unwrap();
    sender.send_response(response);
    request
}

fn token_of<B>(request: &Request<B>) -> &str {
    request.headers()[AUTHORIZATION].to_str().unwrap()
}
