//! The receiver of the requests, in the same process.

use std::{
    convert::Infallible,
    future::{Ready, ready},
    task::{Context, Poll},
};

use http::{HeaderMap, Request, Response, StatusCode, header::AUTHORIZATION};
use tower::Service;

/// A service that responds immediately: 200 to requests with a bearer token, 401 to all others.
#[derive(Clone, Copy, Debug)]
pub struct Receiver;

impl Receiver {
    pub fn respond(headers: &HeaderMap) -> Response<()> {
        let mut response = Response::new(());
        let has_token =
            headers.get(AUTHORIZATION).is_some_and(|value| value.as_bytes().starts_with(b"Bearer "));
        if !has_token {
            *response.status_mut() = StatusCode::UNAUTHORIZED;
        }
        response
    }
}

impl<B> Service<Request<B>> for Receiver {
    type Response = Response<()>;
    type Error = Infallible;
    type Future = Ready<Result<Response<()>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        ready(Ok(Self::respond(request.headers())))
    }
}
