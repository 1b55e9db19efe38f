//! The baselines: no layer, and a layer that does nothing.

use std::{
    convert::{Infallible, identity},
    future::{Ready, ready},
    task::{Context, Poll},
};

use axum::{Router, body::Body, routing::get};
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use tower::{Layer, Service, util::MapRequestLayer};

use super::{Contender, on_axum::protected};
use crate::{site::Site, subject::Subject};

/// A handler that responds immediately, with 500 if its function does not find the caller.
#[derive(Clone, Copy, Debug)]
pub struct Handler(pub fn(&http::Extensions) -> bool);

impl Handler {
    pub const OPEN: Self = Self(|_| true);
}

impl Service<Request<()>> for Handler {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<()>) -> Self::Future {
        let mut response = Response::new(Full::default());
        if !(self.0)(request.extensions()) {
            *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        }
        ready(Ok(response))
    }
}

/// The handler without a layer.
#[derive(Debug)]
pub struct BareService;

impl Contender for BareService {
    const NAME: &'static str = "bare service";

    async fn protect(_: &Site) -> Subject {
        Subject::new(Handler::OPEN)
    }
}

/// A layer that forwards each request.
#[derive(Debug)]
pub struct NoOpLayer;

impl Contender for NoOpLayer {
    const NAME: &'static str = "no-op layer";

    async fn protect(_: &Site) -> Subject {
        let no_op = MapRequestLayer::new(identity::<Request<()>>);
        Subject::new(no_op.layer(Handler::OPEN))
    }
}

/// An axum router without a layer.
#[derive(Debug)]
pub struct BareAxum;

impl Contender for BareAxum {
    const NAME: &'static str = "bare axum";

    async fn protect(_: &Site) -> Subject {
        Subject::axum(Router::new().route("/", get(|| async { StatusCode::OK })))
    }
}

/// An axum router with a layer that forwards each request.
#[derive(Debug)]
pub struct NoOpOnAxum<const AROUND: bool>;

impl<const AROUND: bool> Contender for NoOpOnAxum<AROUND> {
    const NAME: &'static str = "no-op layer";

    async fn protect(_: &Site) -> Subject {
        let no_op = MapRequestLayer::new(identity::<Request<Body>>);
        protected::<AROUND, _, _>(Router::new().route("/", get(|| async { StatusCode::OK })), no_op)
    }
}
